//! The platform an image is for, and which of several is meant.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Value, json};

/// What an image runs on: `linux/amd64`, `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    os: Arc<str>,
    architecture: Arc<str>,
    /// Empty where none is told.
    variant: Arc<str>,
}

/// The text is no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no platform: write it as OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, as `linux/arm64`")]
pub struct ParsePlatformError(String);

impl Platform {
    /// What a map with `os`, `architecture` and `variant` tells; none where the first two are not there.
    pub(crate) fn of(value: &Value) -> Option<Platform> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let (os, architecture) = (text("os"), text("architecture"));
        let told = !os.is_empty() && !architecture.is_empty();
        told.then(|| Platform { os: os.into(), architecture: architecture.into(), variant: text("variant").into() })
    }

    /// The usual platform of containers.
    pub(crate) fn usual() -> Platform {
        Platform { os: "linux".into(), architecture: "amd64".into(), variant: "".into() }
    }

    /// Whether it is that of what runs nowhere, like an attestation.
    pub(crate) fn is_unknown(&self) -> bool {
        &*self.os == "unknown"
    }

    /// As a list of images tells it.
    pub(crate) fn to_json(&self) -> Value {
        let mut value = json!({ "os": &*self.os, "architecture": &*self.architecture });
        if let (Some(value), false) = (value.as_object_mut(), self.variant.is_empty()) {
            value.insert("variant".to_owned(), (&*self.variant).into());
        }
        value
    }

    /// Whether an image for another platform is one for this. A variant that is not asked for does not matter, and 64-bit ARM without one
    /// is `v8`.
    pub(crate) fn takes(&self, other: &Platform) -> bool {
        let variant = |platform: &Platform| -> Arc<str> {
            if platform.variant.is_empty() && &*platform.architecture == "arm64" { "v8".into() } else { Arc::clone(&platform.variant) }
        };
        self.os == other.os && self.architecture == other.architecture && (self.variant.is_empty() || variant(self) == variant(other))
    }
}

impl FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Platform, ParsePlatformError> {
        let wrong = || ParsePlatformError(text.chars().take(100).collect());
        let mut parts = text.split('/');
        let mut next = || parts.next().unwrap_or_default();
        let (os, architecture, variant, rest) = (next(), next(), next(), next());
        let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        if os.is_empty()
            || architecture.is_empty()
            || !rest.is_empty()
            || ![os, architecture, variant].into_iter().all(is_word)
            || text.ends_with('/')
        {
            return Err(wrong());
        }
        Ok(Platform { os: os.into(), architecture: architecture.into(), variant: variant.into() })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}
