//! The name of an image in a registry: `registry/repository:tag@digest`, with the defaults of Docker Hub.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::digest::Digest;

/// Longest name of a repository, with its registry, in bytes.
const LONGEST_NAME: usize = 255;
/// Longest tag, in bytes.
const LONGEST_TAG: usize = 128;
/// Docker Hub, as references name it.
pub(crate) const HUB: &str = "docker.io";
/// Other names of Docker Hub.
const HUB_TOO: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];
/// What a reference to a registry may begin with, so that it is taken for none of a file.
const PREFIXES: [&str; 3] = ["registry:", "docker://", "oci://"];

/// The name of an image in a registry.
///
/// The grammar is that of the distribution project's `reference` package, which Docker and others use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: Arc<str>,
    repository: Arc<str>,
    tag: Option<Arc<str>>,
    digest: Option<Digest>,
}

/// Why a text names no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// There is no repository.
    #[error("`{0}` names no repository")]
    Empty(String),
    /// The name is too long.
    #[error("the name of the repository has more than {LONGEST_NAME} bytes")]
    Long,
    /// The registry is none.
    #[error("`{0}` is no host of a registry")]
    Registry(String),
    /// Capital letters.
    #[error("the repository `{0}` has capital letters, which no registry takes")]
    Capitals(String),
    /// The repository has something in it that may not be there.
    #[error("`{0}` is no name of a repository: small letters, digits, and single `.`, `_`, `-` or `__` between them")]
    Repository(String),
    /// The tag is none.
    #[error("`{0}` is no tag: letters, digits, `_`, `.` and `-`, {LONGEST_TAG} at most, not beginning with `.` or `-`")]
    Tag(String),
    /// The digest is none.
    #[error("`{0}` is no digest: `sha256:` and 64 small hexadecimal digits, or `sha512:` and 128")]
    Digest(String),
}

/// The first characters of a text, for a message.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

impl Reference {
    /// What a text names where it begins with `registry:`, `docker://` or `oci://`, or names the host of a registry: one with a `.` or a
    /// port, or `localhost`, and a `/` behind it. `None` where it does neither, or what it names is no image.
    ///
    /// # Errors
    /// [`ReferenceError`] where it begins so and names no image.
    pub fn named(text: &str) -> Result<Option<Reference>, ReferenceError> {
        if let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
            return rest.trim_start_matches('/').parse().map(Some);
        }
        let has_host = text.split_once('/').is_some_and(|(first, _)| is_host(first));
        Ok(if has_host { text.parse().ok() } else { None })
    }

    /// The registry, `docker.io` for Docker Hub; with its port where it has one.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository: `library/alpine`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag: what was given, else `latest` where no digest was given either.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that was given.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
}

/// Whether the first part of a name is a registry and not a part of a repository.
fn is_host(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':'])
}

/// Whether it is a host, with or without a port: a name, an IPv4 address, or an IPv6 address in brackets.
pub(crate) fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, rest)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
                return rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
            }
            _ => return false,
        },
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(is_label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Whether it is a part of a repository's name: letters and digits, parted by `.`, `_`, `__` or any number of `-`.
pub(crate) fn is_component(text: &str) -> bool {
    let mut rest = text.as_bytes();
    loop {
        let word = rest.iter().take_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).count();
        let (word, after) = rest.split_at(word);
        let between = after.iter().take_while(|byte| matches!(byte, b'.' | b'_' | b'-')).count();
        let (between, after) = after.split_at(between);
        if word.is_empty() {
            return false;
        }
        match between {
            [] => return after.is_empty(),
            b"." | b"_" | b"__" => {}
            dashes if dashes.iter().all(|byte| *byte == b'-') => {}
            _ => return false,
        }
        rest = after;
    }
}

fn is_tag(text: &str) -> bool {
    text.len() <= LONGEST_TAG
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        && !text.is_empty()
        && !text.starts_with(['.', '-'])
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Reference, ReferenceError> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse::<Digest>().map_err(|_| ReferenceError::Digest(shown(digest)))?)),
            None => (text, None),
        };
        // A `:` in the first part is a port where more follows.
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name.rfind(':').filter(|colon| *colon >= last).map(|colon| name.split_at(colon)) {
            Some((name, tag)) => (name, Some(tag.trim_start_matches(':'))),
            None => (name, None),
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Tag(shown(tag)));
        }
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if is_host(first) => (first, rest),
            _ => (HUB, name),
        };
        if !is_authority(registry) {
            return Err(ReferenceError::Registry(shown(registry)));
        }
        if repository.is_empty() {
            return Err(ReferenceError::Empty(shown(text)));
        }
        if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ReferenceError::Capitals(shown(repository)));
        }
        if !repository.split('/').all(is_component) {
            return Err(ReferenceError::Repository(shown(repository)));
        }
        let is_hub = registry == HUB || HUB_TOO.contains(&registry);
        let registry = if is_hub { HUB } else { registry };
        let repository: Arc<str> =
            if is_hub && !repository.contains('/') { format!("library/{repository}").into() } else { repository.into() };
        if registry.len() + repository.len() > LONGEST_NAME {
            return Err(ReferenceError::Long);
        }
        let tag = tag.or(digest.is_none().then_some("latest"));
        Ok(Reference { registry: registry.into(), repository, tag: tag.map(Into::into), digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        self.tag.as_ref().map_or(Ok(()), |tag| write!(f, ":{tag}"))?;
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests;
