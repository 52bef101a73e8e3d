//! The name of an image as policies see it: whole, with the defaults of Docker Hub, and the globs that fit it.

use std::fmt;
use std::sync::Arc;

use probity_core::Digest;
use regex::Regex;

use crate::fault::shown;

/// Docker Hub, as policies name it.
const HUB: &str = "index.docker.io";
/// Longest name, in bytes.
const LONGEST: usize = 4096;

/// The name of an image, made whole: `busybox` is `index.docker.io/library/busybox:latest`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    written: Arc<str>,
    registry: Arc<str>,
    repository: Arc<str>,
    tag: Option<Arc<str>>,
    digest: Option<Digest>,
}

/// A text that names no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no image: {1}")]
pub struct ImageNameError(String, &'static str);

impl ImageName {
    /// Reads a name: `registry/repository:tag@sha256:...`, of which registry, tag and digest may be missing.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<ImageName, ImageNameError> {
        let wrong = |why: &'static str| ImageNameError(shown(text), why);
        if text.is_empty() || text.len() > LONGEST {
            return Err(wrong("it is empty or too long"));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                let written = digest.starts_with("sha256:") && digest.bytes().all(|byte| !byte.is_ascii_uppercase());
                (name, Some(digest.parse::<Digest>().ok().filter(|_| written).ok_or_else(|| wrong("the digest is none of SHA-256"))?))
            }
            None => (text, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        if let Some(tag) = tag
            && !(1..=128).contains(&tag.len())
        {
            return Err(wrong("the tag is empty or too long"));
        }
        if tag.is_some_and(|tag| !tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))) {
            return Err(wrong("the tag has letters that no tag has"));
        }
        let (registry, repository) = match name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
            _ => (HUB, name),
        };
        let registry = if matches!(registry, "docker.io" | "registry-1.docker.io") { HUB } else { registry };
        if !registry_is_one(registry) {
            return Err(wrong("the registry is no host"));
        }
        let repository = if registry == HUB && !repository.contains('/') { format!("library/{repository}") } else { repository.to_owned() };
        if !repository_is_one(&repository) {
            return Err(wrong("a repository has small letters, digits and `_-./`"));
        }
        Ok(ImageName { written: text.into(), registry: registry.into(), repository: repository.into(), tag: tag.map(Arc::from), digest })
    }

    /// The same image by this digest.
    #[must_use]
    pub fn with_digest(mut self, digest: Digest) -> ImageName {
        self.digest = Some(digest);
        self
    }

    /// The text it was read from.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// `registry/repository`.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The tag, where one is written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }
}

/// By digest where there is one, else by tag, as the policy controller names it.
impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digest {
            Some(digest) => write!(f, "{}/{}@sha256:{digest}", self.registry, self.repository),
            None => write!(f, "{}/{}:{}", self.registry, self.repository, self.tag.as_deref().unwrap_or("latest")),
        }
    }
}

pub(crate) fn registry_is_one(host: &str) -> bool {
    let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let name_is_one = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    name_is_one && port.is_none_or(|port| !port.is_empty() && port.parse::<u16>().is_ok())
}

pub(crate) fn repository_is_one(repository: &str) -> bool {
    (1..=255).contains(&repository.len())
        && repository.split('/').all(|part| !part.is_empty())
        && repository.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-./".contains(&byte))
}

/// A glob over names of images: `*` is any number of letters but `/`, `**` any number of any.
///
/// It fits the whole name, with registry and tag or digest; a name that is not whole is tried as it is written, too. Of a name with tag
/// and digest either will do.
#[derive(Clone, Debug)]
pub struct Glob {
    text: Arc<str>,
    regex: Regex,
}

/// A text that is no glob.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no glob of images: letters, digits and `-_:/*.@` make one")]
pub struct GlobError(String);

impl Glob {
    /// Reads a glob. `*` alone stands for Docker Hub's own images, `*/*` for everybody's there.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Glob, GlobError> {
        let wrong = || GlobError(shown(text));
        let whole = match text {
            "*/*" => "index.docker.io/*/*",
            "*" => "index.docker.io/library/*",
            other => other,
        };
        // `@` is for images by digest.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:/*.@".contains(&byte);
        if whole.is_empty() || whole.len() > LONGEST || !whole.bytes().all(fits) {
            return Err(wrong());
        }
        let pattern = whole.replace('.', r"\.").replace("**", "#").replace('*', "[^/]*").replace('#', ".*");
        let regex = regex::RegexBuilder::new(&format!("^{pattern}$")).size_limit(1 << 20).build().map_err(|_| wrong())?;
        Ok(Glob { text: text.into(), regex })
    }

    /// Whether an image is among those it stands for.
    #[must_use]
    pub fn matches(&self, image: &ImageName) -> bool {
        let tagged = image.tag().map(|tag| format!("{}:{tag}", image.repository()));
        self.regex.is_match(&image.to_string())
            || self.regex.is_match(image.written())
            || tagged.is_some_and(|tagged| self.regex.is_match(&tagged))
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_whole() {
        let check = |text: &str, expected: &str| assert_eq!(ImageName::parse(text).map(|name| name.to_string()).as_deref(), Ok(expected));
        let digest = "a".repeat(64);
        check("busybox", "index.docker.io/library/busybox:latest");
        check("docker.io/me/app:1", "index.docker.io/me/app:1");
        check("localhost:5000/a", "localhost:5000/a:latest");
        check(&format!("ghcr.io/a/b:1@sha256:{digest}"), &format!("ghcr.io/a/b@sha256:{digest}"));
        for wrong in ["", "UPPER/a", "invalid&name", "ghcr.io/a@sha256:zz", "a:", "ghcr.io//a", "ghcr.io:x/a", "a@sha512:00"] {
            assert!(ImageName::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn globs_as_upstream_has_them() {
        let check = |image: &str, glob: &str, expected: bool| {
            let got = Glob::parse(glob).unwrap().matches(&ImageName::parse(image).unwrap());
            assert_eq!(got, expected, "{image} {glob}");
        };
        for (name, own) in [("foo", "library/foo"), ("myuser/myapp", "myuser/myapp")] {
            for glob in ["index.docker.io/*/*", "index.docker.io/**", "index.docker.**", "inde**", "**"] {
                check(name, glob, true);
            }
            for end in [":latest", ":*", "*"] {
                check(name, &format!("index.docker.io/{own}{end}"), true);
            }
            for end in ["", "*", "**"] {
                check(name, &format!("{name}{end}"), true);
            }
        }
        check("foo", "*", true);
        check("myuser/myapp", "*/*", true);
        check("myuser/myapp", "*", false);
        check("ghcr.io/foo/bar", "ghcr.io/*/*", true);
        check("ghcr.io/foo/bar", "ghcr.io/**", true);
        check("ghcr.io/foo", "ghcr.io/*/*", false);
        check("ghcr.io/foo", "*/**", true);
        check("ghcr.io/foo", "ghcr.io/foo*", true);
        check("prefix-ghcr.io/foo", "ghcr.io/foo", false);
        check("ghcr.io/foo-suffix", "ghcr.io/foo", false);
        check("ghcrxio/foo", "ghcr.io/**", false);
        let both = format!("ghcr.io/a/b:1.2@sha256:{}", "0".repeat(64));
        check(&both, "ghcr.io/a/b:1.*", true);
        check(&both, "ghcr.io/a/b@*", true);
        check(&both, "ghcr.io/a/b:2", false);
        for wrong in ["", ".+", "[a-z]*", "[", "a b", "a#b"] {
            assert!(Glob::parse(wrong).is_err(), "{wrong}");
        }
    }
}
