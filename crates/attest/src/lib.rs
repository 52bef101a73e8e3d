//! Keys, signatures and the statements they sign.
//!
//! Machines sign in-toto statements in DSSE envelopes ([`dsse`], [`statement`]) and the heads of logs as signed notes ([`note`]), through a
//! [`KeyProvider`]. They sign artifacts and attestations as Sigstore bundles ([`bundle`]) with keys of any algorithm ([`keys`]). People
//! sign with SSH keys ([`sshsig`]).
//!
//! **Invariant:** this is the only crate that touches private keys, and all cryptography in it is aws-lc-rs's; the exceptions are what
//! it lacks to open keys under a passphrase: the key derivation of OpenSSH's, and scrypt, XSalsa20 and Poly1305 of Cosign's.
//! **Invariant:** no disk, network or clock. Bytes and times are given by the caller; randomness is used where keys are made, encrypted
//! and, with ECDSA, sign.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod bundle;
pub mod command_run;
mod digest;
pub mod dsse;
mod key;
pub mod keys;
pub mod note;
mod pem;
pub mod predicate;
pub mod provenance;
pub mod sealed;
mod ssh_wire;
pub mod sshsig;
pub mod statement;

pub use digest::{Hasher, hmac_sha256, sha256, uuid_v5};
pub use key::{KeyError, KeyId, KeyProvider, SIGNATURE_LENGTH, SignError, SigningKey, VerifyingKey, WrongSignature};
