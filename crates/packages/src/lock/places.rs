//! Where things come from: addresses of git repositories, and names of images.

use super::sheet::Sheet;
use crate::Purl;

/// A repository on a host.
pub(crate) struct Repository {
    pub(crate) host: String,
    /// Folders between host and name.
    pub(crate) owner: String,
    pub(crate) name: String,
}

impl Repository {
    /// Host and owner as one path.
    pub(crate) fn owner_path(&self) -> String {
        if self.owner.is_empty() { self.host.clone() } else { format!("{}/{}", self.host, self.owner) }
    }
}

/// Reads `https://host/owner/name.git`, `git@host:owner/name.git`, `ssh://git@host/owner/name`, `github.com/owner/name`.
pub(crate) fn repository(address: &str) -> Option<Repository> {
    let address = address.trim().strip_prefix("git+").unwrap_or(address.trim());
    let address = address.split(['?', '#']).next().unwrap_or(address);
    let (host, path) = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        None => {
            let rest = address.split_once('@').map_or(address, |(_, rest)| rest);
            match (rest.split_once(':'), rest.split_once('/')) {
                (Some((host, path)), _) if !host.contains('/') => (host, path),
                (_, Some((host, path))) if host.contains('.') && !host.starts_with('.') => (host, path),
                _ => return None,
            }
        }
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(':').next().unwrap_or(host);
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (owner, name) = path.rsplit_once('/').unwrap_or(("", path));
    if host.is_empty() || name.is_empty() {
        return None;
    }
    Some(Repository { host: host.to_ascii_lowercase(), owner: owner.to_owned(), name: name.to_owned() })
}

/// A package URL of a revision of a repository: of its own type where the host has one.
pub(crate) fn revision(sheet: &mut Sheet, address: &str, version: Option<&str>, line: u32) -> Option<Purl> {
    let Some(place) = repository(address) else {
        let shown: String = address.chars().take(80).collect();
        sheet.problem(line, format!("`{shown}` is no address of a repository"), true);
        return None;
    };
    let kind = match place.host.as_str() {
        "github.com" | "www.github.com" => "github",
        "bitbucket.org" => "bitbucket",
        _ => "",
    };
    if !kind.is_empty() && !place.owner.is_empty() && !place.owner.contains('/') {
        return sheet.purl(kind, Some(&place.owner), &place.name, version, line);
    }
    Some(sheet.purl("generic", Some(&place.owner_path()), &place.name, version, line)?.with("vcs_url", address))
}

/// A package URL of an image: `host/owner/name:tag@sha256:...`.
pub(crate) fn image(sheet: &mut Sheet, reference: &str, line: u32) -> Option<Purl> {
    let (plain, digest) = reference.split_once('@').map_or((reference, None), |(plain, digest)| (plain, Some(digest)));
    let (path, tag) = match plain.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (plain, None),
    };
    let (host, path) = match path.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => ("docker.io", path),
    };
    let (owner, name) = path.rsplit_once('/').map_or((None, path), |(owner, name)| (Some(owner), name));
    let owner = owner.filter(|owner| !(host == "docker.io" && *owner == "library"));
    let good = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
    if name.is_empty() || !path.chars().all(good) {
        let shown: String = reference.chars().take(80).collect();
        sheet.problem(line, format!("`{shown}` is no name of an image"), true);
        return None;
    }
    let purl = sheet.purl("docker", owner, name, digest.or(tag), line)?;
    let purl = if host == "docker.io" { purl } else { purl.with("repository_url", host) };
    Some(if digest.is_some() { purl.with("tag", tag.unwrap_or_default()) } else { purl })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories() {
        let check = |address: &str, expected: &str| {
            let read = repository(address).map(|place| format!("{} {}", place.owner_path(), place.name));
            assert_eq!(read.as_deref().unwrap_or("-"), expected, "{address}");
        };
        check("https://github.com/a/b.git", "github.com/a b");
        check("git@github.com:a/b.git", "github.com/a b");
        check("ssh://git@host.example:22/a/b/c", "host.example/a/b c");
        check("github.com/a/b", "github.com/a b");
        check("git+https://github.com/a/b?rev=1#abc", "github.com/a b");
        check("./a/b", "-");
        check("name", "-");
        check("", "-");
    }
}
