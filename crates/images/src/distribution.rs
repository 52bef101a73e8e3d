//! The distribution a root file system is of, from `os-release`.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::Tree;

/// What `os-release` says (freedesktop.org's os-release(5)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// `ID`: `debian`.
    pub id: Arc<str>,
    /// `VERSION_ID`: `12`; empty where none is told (rolling ones).
    pub version: Arc<str>,
    /// `VERSION_CODENAME`: `bookworm`.
    pub codename: Option<Arc<str>>,
    /// `ID_LIKE`, in its order.
    pub like: Vec<Arc<str>>,
    /// `PRETTY_NAME`, for a person.
    pub name: Arc<str>,
    /// `BUILD_ID`, of rolling ones.
    pub build: Option<Arc<str>>,
}

/// Where it may lie; the first that is there counts.
const PLACES: &[&str] =
    &["etc/os-release", "usr/lib/os-release", "etc/system-release-cpe", "etc/redhat-release", "etc/alpine-release", "etc/debian_version"];

/// Longest `os-release` that is read, in bytes.
const LONGEST: u64 = 1 << 20;

impl Distribution {
    /// The distribution of a root file system, and the file that tells it; `None` where none does.
    #[must_use]
    pub fn of(tree: &dyn Tree) -> Option<(Distribution, &'static str)> {
        PLACES.iter().find_map(|place| {
            let bytes = tree.read_within(place, LONGEST).ok()?;
            let text = String::from_utf8_lossy(&bytes);
            Some((Distribution::read(place, &text)?, *place))
        })
    }

    fn read(place: &str, text: &str) -> Option<Distribution> {
        let plain = |id: &str, version: &str| Distribution {
            id: id.into(),
            version: version.into(),
            name: format!("{id} {version}").trim().into(),
            ..Distribution::default()
        };
        let first = text.lines().next().unwrap_or_default().trim();
        match place {
            "etc/system-release-cpe" => {
                // `cpe:/o:centos:linux:6:GA` or `cpe:2.3:o:amazon:amazon_linux:2`.
                let parts: Vec<&str> = first.split(':').skip_while(|part| !matches!(*part, "o" | "/o")).skip(1).collect();
                let [vendor, _, version, ..] = parts.as_slice() else { return None };
                Some(plain(if *vendor == "redhat" { "rhel" } else { vendor }, version))
            }
            "etc/redhat-release" => {
                let (name, rest) = first.split_once(" release ")?;
                let id = match name.to_lowercase() {
                    name if name.starts_with("centos") => "centos",
                    name if name.starts_with("red hat") => "rhel",
                    name if name.starts_with("fedora") => "fedora",
                    name if name.starts_with("rocky") => "rocky",
                    name if name.starts_with("almalinux") => "almalinux",
                    _ => return None,
                };
                Some(plain(id, rest.split_whitespace().next().unwrap_or_default()))
            }
            "etc/alpine-release" => first.starts_with(|letter: char| letter.is_ascii_digit()).then(|| plain("alpine", first)),
            "etc/debian_version" => {
                let major = first.split('.').next().unwrap_or_default();
                (!first.is_empty()).then(|| plain("debian", if major.bytes().all(|byte| byte.is_ascii_digit()) { major } else { "" }))
            }
            _ => Distribution::of_text(text),
        }
    }

    /// Reads the text of an `os-release`; `None` where it has no `ID`.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Distribution> {
        let mut fields: BTreeMap<&str, String> = BTreeMap::new();
        for line in text.lines() {
            let line = line.trim();
            if let (false, Some((key, value))) = (line.starts_with('#'), line.split_once('=')) {
                fields.insert(key.trim(), unquoted(value.trim()));
            }
        }
        let field = |key: &str| fields.get(key).map(|value| Arc::from(value.as_str())).filter(|value: &Arc<str>| !value.is_empty());
        Some(Distribution {
            id: field("ID")?.to_lowercase().into(),
            version: field("VERSION_ID").unwrap_or_else(|| "".into()),
            codename: field("VERSION_CODENAME"),
            like: fields.get("ID_LIKE").map(|like| like.split_whitespace().map(Arc::from).collect()).unwrap_or_default(),
            name: field("PRETTY_NAME").or_else(|| field("NAME")).unwrap_or_else(|| "".into()),
            build: field("BUILD_ID"),
        })
    }

    /// The value of the qualifier `distro` of package URLs: `debian-12`.
    #[must_use]
    pub fn qualifier(&self) -> String {
        let version = if self.version.is_empty() { self.build.as_deref().unwrap_or_default() } else { &self.version };
        let version = if version.is_empty() { self.codename.as_deref().unwrap_or_default() } else { version };
        if version.is_empty() { self.id.to_string() } else { format!("{}-{version}", self.id) }
    }

    /// The namespace of package URLs of its packages.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match &*self.id {
            "rhel" => "redhat",
            id if id.starts_with("opensuse") => "opensuse",
            id => id,
        }
    }
}

/// A value as a shell reads it: quotes go, a backslash keeps what follows.
fn unquoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut quote = None;
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', Some('"') | None) => out.extend(letters.next()),
            (letter, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => quote = Some(letter),
            (letter, _) => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_testkit::MapTree;

    #[test]
    fn releases_are_read() {
        let check = |path: &str, text: &str, expected: &str| {
            let tree = MapTree::new([(path, text)]);
            let shown = Distribution::of(&tree).map(|(one, _)| format!("{} {} {}", one.namespace(), one.qualifier(), one.version));
            assert_eq!(shown.unwrap_or_default(), expected, "{text}");
        };
        check("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n", "debian debian-12 12");
        check("usr/lib/os-release", "NAME='Alpine Linux'\nID=alpine\nVERSION_ID=3.19.1\n", "alpine alpine-3.19.1 3.19.1");
        check("etc/os-release", "ID=\"rhel\"\nVERSION_ID=\"9.3\"\n", "redhat rhel-9.3 9.3");
        check("etc/os-release", "ID=opensuse-leap\nVERSION_ID=15.5", "opensuse opensuse-leap-15.5 15.5");
        check("etc/os-release", "ID=arch\nBUILD_ID=rolling\n", "arch arch-rolling ");
        check("etc/os-release", "# nothing\n", "");
        check("etc/os-release", "ID=debian\nVERSION_CODENAME=trixie\n", "debian debian-trixie ");
        check("etc/redhat-release", "CentOS release 6.10 (Final)\n", "centos centos-6.10 6.10");
        check("etc/alpine-release", "3.10.2\n", "alpine alpine-3.10.2 3.10.2");
        check("etc/debian_version", "12.4\n", "debian debian-12 12");
        check("etc/system-release-cpe", "cpe:2.3:o:amazon:amazon_linux:2\n", "amazon amazon-2 2");
    }
}
