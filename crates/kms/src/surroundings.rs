//! What the keys need to know of the world around the program: variables, small files, the time, and somebody who types a PIN.

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use probity_core::Timestamp;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Largest file with settings, credentials or a token, in bytes.
const LARGEST: u64 = 256 << 10;

/// The world around: the real one is [`Process`], tests have their own.
pub trait Surroundings: Send + Sync {
    /// A variable of the environment; an empty one counts as one that is not there.
    fn variable(&self, name: &str) -> Option<String>;

    /// The bytes of a small file.
    ///
    /// # Errors
    /// What the system says, or that it is too large.
    fn file(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>>;

    /// The time now.
    fn now(&self) -> Timestamp;

    /// Asks somebody for the PIN of a token; `None` where there is nobody to ask.
    fn ask_pin(&self, token: &str) -> Option<Secret> {
        let _nobody = token;
        None
    }
}

/// The surroundings of this process, with nobody to ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl Surroundings for Process {
    #[expect(clippy::disallowed_methods, reason = "the place that reads the environment for keys elsewhere")]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var_os(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
    }

    #[expect(clippy::disallowed_methods, reason = "the place that reads files for keys elsewhere")]
    fn file(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        use std::io::Read as _;
        let file = std::fs::File::open(path)?;
        // As large as such files are, so that reading makes no copies that stay behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 << 10));
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST { Err(io::Error::other(format!("it has more than {LARGEST} bytes"))) } else { Ok(bytes) }
    }

    #[expect(clippy::disallowed_methods, reason = "the place that asks for the time that requests are signed with")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanoseconds: since.subsec_nanos() }
    }
}
