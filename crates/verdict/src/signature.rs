//! How signatures of people are checked. The check itself (SSH signatures) is `attest`'s and is given.

/// Namespace of signatures over exception files and baselines.
pub const EXCEPTION_NAMESPACE: &str = "probity-exception";

/// Namespace of signatures over organisation floors.
pub const FLOOR_NAMESPACE: &str = "probity-floor";

/// Checks a detached signature of a person (sshsig).
pub trait SignatureCheck {
    /// Whether `signature` (armoured text) is one by the holder of `public_key` (one line as in `authorized_keys`: type, base64,
    /// optional comment) over `message` under `namespace`.
    ///
    /// # Errors
    /// Why it is not, in a few words.
    fn verify(&self, public_key: &str, namespace: &str, message: &[u8], signature: &str) -> Result<(), String>;
}
