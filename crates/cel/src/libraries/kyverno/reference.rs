//! References of images as the registry client of Kyverno reads them (go-containerregistry, `name.ParseReference`, weak validation).

use std::sync::Arc;

use probity_kubernetes::Url;

/// A reference taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reference {
    /// As written.
    pub(super) text: Arc<str>,
    pub(super) registry: Arc<str>,
    pub(super) repository: Arc<str>,
    /// Empty where a digest is written.
    pub(super) tag: Arc<str>,
    /// With its algorithm; empty where none is written.
    pub(super) digest: Arc<str>,
}

impl Reference {
    /// Takes a reference apart: a tag, and else a digest.
    pub(super) fn parse(text: &str) -> Result<Reference, String> {
        tagged(text).or_else(|_| digested(text)).map_err(|_| format!("could not parse reference: {text}"))
    }

    /// The tag or digest it names.
    pub(super) fn identifier(&self) -> &Arc<str> {
        if self.digest.is_empty() { &self.tag } else { &self.digest }
    }
}

fn tagged(text: &str) -> Result<Reference, String> {
    let (base, tag) = match text.rsplit_once(':') {
        Some((base, tag)) if !tag.contains('/') => {
            if tag.is_empty() {
                return Err(format!("{text} must specify a tag name after the colon"));
            }
            (base, tag)
        }
        _ => (text, ""),
    };
    if !tag.is_empty() {
        element("tag", tag, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'), 1, 128)?;
    }
    let (registry, repository) = repository(base)?;
    Ok(Reference { text: text.into(), registry, repository, tag: if tag.is_empty() { "latest" } else { tag }.into(), digest: "".into() })
}

fn digested(text: &str) -> Result<Reference, String> {
    let mut parts = text.split('@');
    let (Some(base), Some(digest), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(format!("a digest must contain exactly one '@' separator (e.g. registry/repository@digest) saw: {text}"));
    };
    let Some(digits) = digest.strip_prefix("sha256:") else { return Err(format!("unsupported digest algorithm: {digest}")) };
    if digits.len() != 64 || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("invalid checksum digest".to_owned());
    }
    let (registry, repository) = match tagged(base) {
        Ok(tagged) => (tagged.registry, tagged.repository),
        Err(_) => repository(base)?,
    };
    Ok(Reference { text: text.into(), registry, repository, tag: "".into(), digest: digest.into() })
}

fn repository(name: &str) -> Result<(Arc<str>, Arc<str>), String> {
    if name.is_empty() {
        return Err("a repository name must be specified".to_owned());
    }
    let (registry, path) = match name.split_once('/') {
        Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) => (first, rest),
        _ => ("", name),
    };
    element("repository", path, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.' | '/'), 2, 255)?;
    if !Url::parse(&format!("//{registry}")).is_ok_and(|url| url.host_text() == registry) {
        return Err(format!("registries must be valid RFC 3986 URI authorities: {registry}"));
    }
    let registry = if matches!(registry, "" | "docker.io") { "index.docker.io" } else { registry };
    let path = if registry == "index.docker.io" && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
    Ok((registry.into(), path.into()))
}

fn element(name: &str, text: &str, allowed: impl Fn(char) -> bool, least: usize, most: usize) -> Result<(), String> {
    if !(least..=most).contains(&text.chars().count()) {
        return Err(format!("{name} must be between {least} and {most} characters in length: {text}"));
    }
    if text.contains(|c| !allowed(c)) { Err(format!("{name} has characters it may not have: {text}")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let check = |text: &str, expected: &str| {
            let got = Reference::parse(text)
                .map_or_else(|error| error, |found| format!("{} {} {} {}", found.registry, found.repository, found.tag, found.digest));
            assert_eq!(got, expected, "{text}");
        };
        let digest = format!("sha256:{}", "a".repeat(64));
        check("nginx", "index.docker.io library/nginx latest ");
        check("docker.io/nginx:1", "index.docker.io library/nginx 1 ");
        check("ghcr.io/a/b:v1.2", "ghcr.io a/b v1.2 ");
        check("localhost:5000/a/b", "localhost:5000 a/b latest ");
        check("localhost/ab", "localhost ab latest ");
        check(&format!("a/b@{digest}"), &format!("index.docker.io a/b  {digest}"));
        check(&format!("a/b:1@{digest}"), &format!("index.docker.io a/b  {digest}"));
        for text in ["", "a", "A/b", "a/b:", "a/b@sha256:1", "a/b@md5:1", "a b/c", "a/b:c d", "ghcr.io/a b"] {
            check(text, &format!("could not parse reference: {text}"));
        }
    }
}
