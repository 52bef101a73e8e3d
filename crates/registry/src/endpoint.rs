//! Who is asked for an image: the registry a reference names, or its mirror.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use crate::reference::{HUB, Reference, is_authority, is_component};

/// Where Docker Hub answers.
const HUB_HOST: &str = "registry-1.docker.io";

/// A registry that is asked in place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    of: Arc<str>,
    host: Arc<str>,
    /// What comes before the names of repositories; empty or with `/` at its end.
    prefix: Arc<str>,
}

/// The text is no mirror.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no mirror: write it as HOST=HOST or HOST=HOST/PATH, as `docker.io=mirror.example:5000/hub`")]
pub struct ParseMirrorError(String);

impl FromStr for Mirror {
    type Err = ParseMirrorError;

    fn from_str(text: &str) -> Result<Mirror, ParseMirrorError> {
        let wrong = || ParseMirrorError(text.chars().take(200).collect());
        let (of, to) = text.split_once('=').ok_or_else(wrong)?;
        let (host, path) = to.trim_end_matches('/').split_once('/').map_or((to.trim_end_matches('/'), ""), |(host, path)| (host, path));
        let is_path = path.is_empty() || path.split('/').all(is_component);
        if !is_authority(of) || !is_authority(host) || !is_path {
            return Err(wrong());
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        Ok(Mirror { of: of.into(), host: host.into(), prefix: prefix.into() })
    }
}

/// Who is asked for the images of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The registry as credentials name it.
    pub(crate) registry: Arc<str>,
    /// Its host, with its port where it has one.
    pub(crate) host: Arc<str>,
    /// The repository there.
    pub(crate) repository: Arc<str>,
    /// Whether it is asked without TLS.
    pub(crate) plain: bool,
    /// Whether it is on this machine.
    pub(crate) here: bool,
}

impl Endpoint {
    /// Who is asked for an image. Registries on this machine speak no TLS, unless an authority was named.
    pub(crate) fn of(reference: &Reference, mirrors: &[Mirror], plain: bool, has_authority: bool) -> Endpoint {
        let mirror = mirrors.iter().find(|mirror| &*mirror.of == reference.registry());
        let (registry, repository): (Arc<str>, Arc<str>) = match mirror {
            Some(mirror) => (Arc::clone(&mirror.host), format!("{}{}", mirror.prefix, reference.repository()).into()),
            None => (reference.registry().into(), reference.repository().into()),
        };
        let host = if &*registry == HUB { HUB_HOST.into() } else { Arc::clone(&registry) };
        let here = is_here(without_port(&host));
        Endpoint { registry, host, repository, plain: plain || here && !has_authority, here }
    }

    /// The address of the registry, with `/` at its end.
    pub(crate) fn base(&self) -> String {
        let scheme = if self.plain { "http" } else { "https" };
        format!("{scheme}://{}/", self.host)
    }

    /// The address of something below `/v2/REPOSITORY/`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}v2/{}/{path}", self.base(), self.repository)
    }
}

/// A host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a host is this machine.
pub(crate) fn is_here(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, mirrors: &[&str], plain: bool, has_authority: bool, expected: &str) {
        let mirrors: Vec<Mirror> = mirrors.iter().map(|mirror| mirror.parse().unwrap()).collect();
        let endpoint = Endpoint::of(&name.parse().unwrap(), &mirrors, plain, has_authority);
        assert_eq!(endpoint.url("manifests/1"), expected);
    }

    #[test]
    fn where_images_are_asked_for() {
        check("alpine", &[], false, false, "https://registry-1.docker.io/v2/library/alpine/manifests/1");
        check("registry.example:5000/a/b", &[], false, false, "https://registry.example:5000/v2/a/b/manifests/1");
        check("registry.example/a", &[], true, false, "http://registry.example/v2/a/manifests/1");
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.0.0.9", "[::1]:5000", "[::1]"] {
            check(&format!("{host}/a"), &[], false, false, &format!("http://{host}/v2/a/manifests/1"));
            check(&format!("{host}/a"), &[], false, true, &format!("https://{host}/v2/a/manifests/1"));
        }
        for host in ["localhost.example", "127.0.0.1.example", "10.0.0.1:5000", "[::2]"] {
            check(&format!("{host}/a"), &[], false, false, &format!("https://{host}/v2/a/manifests/1"));
        }
        let mirrors = ["docker.io=mirror.example/hub", "docker.io=other.example", "a.example=b.example:5000"];
        check("alpine", &mirrors, false, false, "https://mirror.example/v2/hub/library/alpine/manifests/1");
        check("a.example/x", &mirrors, false, false, "https://b.example:5000/v2/x/manifests/1");
        check("b.example:5000/x", &mirrors, false, false, "https://b.example:5000/v2/x/manifests/1");
    }
}
