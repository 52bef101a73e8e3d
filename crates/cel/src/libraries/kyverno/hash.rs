//! Digests of texts, in hexadecimal.

use aws_lc_rs::digest;

use crate::libraries::args::text;
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.hash",
    &[
        Function::new("sha1", &[Overload::new("sha1_string_non_prefixed", "sha1(string) -> string", sha1)]),
        Function::new("sha256", &[Overload::new("sha256_string_non_prefixed", "sha256(string) -> string", sha256)]),
        Function::new("md5", &[Overload::new("md5_string_non_prefixed", "md5(string) -> string", md5)]),
        Function::new("hash.sha1", &[Overload::new("sha1_string_prefixed", "hash.sha1(string) -> string", sha1)]),
        Function::new("hash.sha256", &[Overload::new("sha256_string_prefixed", "hash.sha256(string) -> string", sha256)]),
        Function::new("hash.md5", &[Overload::new("md5_string_prefixed", "hash.md5(string) -> string", md5)]),
    ],
);

fn sha1(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(hex::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text(args, 0)?.as_bytes())).into())
}

fn sha256(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(hex::encode(digest::digest(&digest::SHA256, text(args, 0)?.as_bytes())).into())
}

fn md5(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    use md5::Digest as _;
    Ok(hex::encode(md5::Md5::digest(text(args, 0)?.as_bytes())).into())
}
