//! Package URLs: parsed, normalised for their type, and written in their canonical form.
//!
//! Follows the purl specification (ECMA-427) and the definitions of its types.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;

/// A package URL, with its parts normalised for its type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    /// Type, lower case: `npm`, `deb`.
    pub kind: Arc<str>,
    /// Namespace, segments joined by `/`, decoded: `@angular`, `org.apache.logging.log4j`, `debian`.
    pub namespace: Option<Arc<str>>,
    /// Name, decoded.
    pub name: Arc<str>,
    /// Version, decoded.
    pub version: Option<Arc<str>>,
    /// Qualifiers by lower-case key, decoded, none of them empty: `arch`, `distro`, `epoch`, `upstream`, `repository_url`.
    pub qualifiers: BTreeMap<Arc<str>, Arc<str>>,
    /// Path within the package, segments joined by `/`, decoded.
    pub subpath: Option<Arc<str>>,
}

/// Why something is no package URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PurlError {
    /// It does not begin with `pkg:`.
    #[error("a package URL begins with `pkg:`")]
    Scheme,
    /// There is no type, or it has other characters than letters, digits, `.`, `-` (and `+`), or begins with a digit.
    #[error("`{0}` is no type of a package URL")]
    Type(String),
    /// There is no name.
    #[error("a package URL has a name")]
    Name,
    /// A key of the qualifiers is no key.
    #[error("`{0}` is no key of a qualifier")]
    Qualifier(String),
    /// A percent sign is not followed by two hexadecimal digits, or the bytes are not UTF-8.
    #[error("`{0}` is not encoded well")]
    Encoding(String),
    /// The type asks for something that is missing, or forbids something that is there.
    #[error("a package URL of type `{kind}` {rule}")]
    Rule {
        /// The type.
        kind: String,
        /// What the type asks for.
        rule: &'static str,
    },
}

/// What the definition of a type says of one part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Optional,
    Required,
    Prohibited,
}

/// What the definition of a type says.
struct Definition {
    kind: &'static str,
    namespace: Presence,
    /// Namespace, name and version are written in small letters.
    lower: [bool; 3],
}

const fn definition(kind: &'static str, namespace: Presence, lower: [bool; 3]) -> Definition {
    Definition { kind, namespace, lower }
}

use Presence::{Optional, Prohibited, Required};

/// Sorted by type. A type that is not here is taken as it is written.
const DEFINITIONS: &[Definition] = &[
    definition("alpm", Required, [true, true, false]),
    definition("apk", Required, [true, true, false]),
    definition("bazel", Prohibited, [false, false, false]),
    definition("bitbucket", Required, [true, true, false]),
    definition("bitnami", Prohibited, [false, true, false]),
    definition("brew", Optional, [true, true, false]),
    definition("cargo", Prohibited, [false, false, false]),
    definition("chrome-extension", Prohibited, [false, false, false]),
    definition("cocoapods", Prohibited, [false, false, false]),
    definition("composer", Required, [true, true, false]),
    definition("conan", Optional, [false, false, false]),
    definition("conda", Prohibited, [false, false, false]),
    definition("cpan", Optional, [false, false, false]),
    definition("cran", Prohibited, [false, false, false]),
    definition("deb", Required, [true, true, false]),
    definition("docker", Optional, [false, false, false]),
    definition("gem", Prohibited, [false, false, false]),
    definition("generic", Optional, [false, false, false]),
    definition("git", Required, [true, true, false]),
    definition("github", Required, [true, true, false]),
    definition("golang", Optional, [true, true, false]),
    definition("hackage", Prohibited, [false, false, false]),
    definition("hex", Optional, [true, true, false]),
    definition("huggingface", Optional, [false, false, true]),
    definition("julia", Prohibited, [false, false, false]),
    definition("luarocks", Optional, [true, true, true]),
    definition("maven", Required, [false, false, false]),
    definition("mlflow", Prohibited, [false, false, false]),
    definition("npm", Optional, [true, true, false]),
    definition("nuget", Prohibited, [false, false, false]),
    definition("oci", Prohibited, [false, true, false]),
    definition("opam", Prohibited, [false, false, false]),
    definition("otp", Prohibited, [false, true, false]),
    definition("pub", Prohibited, [false, true, false]),
    definition("pypi", Prohibited, [false, true, true]),
    definition("qpkg", Required, [true, false, false]),
    definition("rpm", Required, [true, false, false]),
    definition("swid", Optional, [false, false, false]),
    definition("swift", Required, [false, false, false]),
    definition("vcpkg", Prohibited, [false, true, false]),
    definition("vscode-extension", Required, [true, true, false]),
    definition("yocto", Optional, [true, false, false]),
];

fn definition_of(kind: &str) -> Option<&'static Definition> {
    DEFINITIONS.binary_search_by(|one| one.kind.cmp(kind)).ok().and_then(|at| DEFINITIONS.get(at))
}

impl Purl {
    /// A package URL of its parts, normalised for its type. An empty namespace, version, qualifier or subpath is none.
    ///
    /// # Errors
    /// [`PurlError`] where a part is no such part, or the type does not allow it.
    pub fn new(kind: &str, namespace: Option<&str>, name: &str, version: Option<&str>) -> Result<Purl, PurlError> {
        Purl {
            kind: kind.into(),
            namespace: namespace.map(Arc::from),
            name: name.into(),
            version: version.map(Arc::from),
            qualifiers: BTreeMap::new(),
            subpath: None,
        }
        .normalised()
    }

    /// The same with a qualifier; an empty value is none. The key is taken as it is given.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Purl {
        if value.is_empty() {
            self.qualifiers.remove(key);
        } else {
            self.qualifiers.insert(key.into(), value.into());
        }
        self
    }

    /// Namespace and name as the package's own ecosystem writes them: `@angular/core`, `org.apache:commons`, `github.com/a/b`.
    #[must_use]
    pub fn full_name(&self) -> String {
        let between = if &*self.kind == "maven" { ':' } else { '/' };
        match &self.namespace {
            Some(namespace) if !matches!(&*self.kind, "deb" | "apk" | "rpm" | "alpm") => format!("{namespace}{between}{}", self.name),
            _ => self.name.to_string(),
        }
    }

    /// The same package in any version, without qualifiers that say where or for what machine.
    #[must_use]
    pub fn without_version(&self) -> Purl {
        Purl { version: None, qualifiers: BTreeMap::new(), subpath: None, ..self.clone() }
    }

    /// Reads a package URL as the specification's own tests ask: a key of a qualifier does not begin with a capital letter.
    ///
    /// # Errors
    /// [`PurlError`].
    pub fn parse_strict(text: &str) -> Result<Purl, PurlError> {
        read(text, true)
    }

    /// Normalises all parts for the type.
    ///
    /// # Errors
    /// [`PurlError`] where a part is no such part, or the type does not allow it.
    pub fn normalised(self) -> Result<Purl, PurlError> {
        let kind = self.kind.to_ascii_lowercase();
        let good = kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+'));
        if !good || !kind.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            return Err(PurlError::Type(kind));
        }
        let mut segments: Vec<&str> = self.namespace.as_deref().unwrap_or_default().split('/').filter(|one| !one.is_empty()).collect();
        let mut name = self.name.trim_matches('/').to_owned();
        if kind == "git" && segments.len() > 1 {
            // The namespace is the host; what follows is the repository.
            name = segments.drain(1..).chain(std::iter::once(name.as_str())).collect::<Vec<_>>().join("/");
        }
        let mut namespace = segments.join("/");
        let mut version = self.version.as_deref().unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(PurlError::Name);
        }
        let mut qualifiers = BTreeMap::new();
        for (key, value) in &self.qualifiers {
            let begins = key.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
            if !begins || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
                return Err(PurlError::Qualifier(key.to_string()));
            }
            if !value.is_empty() {
                qualifiers.insert(Arc::from(key.to_ascii_lowercase()), Arc::clone(value));
            }
        }
        let rule = |rule: &'static str| PurlError::Rule { kind: kind.clone(), rule };
        if let Some(definition) = definition_of(&kind) {
            match definition.namespace {
                Presence::Required if namespace.is_empty() => return Err(rule("has a namespace")),
                Presence::Prohibited if !namespace.is_empty() => return Err(rule("has no namespace")),
                _ => {}
            }
            let [of_namespace, of_name, of_version] = definition.lower;
            for (part, lower) in [(&mut namespace, of_namespace), (&mut name, of_name), (&mut version, of_version)] {
                if lower {
                    *part = part.to_lowercase();
                }
            }
        }
        match kind.as_str() {
            "pypi" => name = name.replace('_', "-"),
            "cpan" if name.contains("::") => return Err(rule("names a distribution, not a module")),
            "julia" if !qualifiers.contains_key("uuid") => return Err(rule("has a qualifier `uuid`")),
            "mlflow" if qualifiers.get("repository_url").is_some_and(|url| url.contains("azuredatabricks")) => name = name.to_lowercase(),
            "chrome-extension" => {
                let parts: Vec<&str> = version.split('.').collect();
                if name.len() != 32 || !name.bytes().all(|byte| byte.is_ascii_lowercase() && byte <= b'p') {
                    return Err(rule("has a name of 32 letters from `a` to `p`"));
                }
                let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                if !version.is_empty() && (parts.len() > 4 || !parts.iter().all(number)) {
                    return Err(rule("has a version of up to four numbers"));
                }
            }
            _ => {}
        }
        let subpath = self.subpath.as_deref().unwrap_or_default();
        let subpath = subpath.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect::<Vec<_>>().join("/");
        let some = |text: String| (!text.is_empty()).then(|| Arc::from(text));
        Ok(Purl {
            kind: kind.into(),
            namespace: some(namespace),
            name: name.into(),
            version: some(version),
            qualifiers,
            subpath: some(subpath),
        })
    }
}

pub(crate) fn decoded(text: &str) -> Result<String, PurlError> {
    let wrong = || PurlError::Encoding(text.chars().take(80).collect());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(high * 16 + low),
            _ => return Err(wrong()),
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

fn read(text: &str, strict: bool) -> Result<Purl, PurlError> {
    let (scheme, rest) = text.trim().split_once(':').ok_or(PurlError::Scheme)?;
    if !scheme.eq_ignore_ascii_case("pkg") {
        return Err(PurlError::Scheme);
    }
    let (rest, subpath) = rest.rsplit_once('#').map_or((rest, None), |(rest, subpath)| (rest, Some(subpath)));
    let (rest, query) = rest.rsplit_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let rest = rest.trim_start_matches('/').trim_end_matches('/');
    let (kind, rest) = rest.split_once('/').ok_or_else(|| match rest.contains('@') {
        true => PurlError::Type(rest.chars().take(80).collect()),
        false => PurlError::Name,
    })?;
    let rest = rest.trim_start_matches('/');
    // A scope of npm begins with `@`; only one behind the last `/` is before a version.
    let last = rest.rfind('/').map_or(0, |at| at + 1);
    let (path, version) = match rest.rfind('@').filter(|at| *at >= last) {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..)),
        None => (rest, None),
    };
    let (namespace, name) = path.rsplit_once('/').map_or((None, path), |(namespace, name)| (Some(namespace), name));
    if name.is_empty() {
        return Err(PurlError::Name);
    }
    let mut qualifiers = BTreeMap::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if strict && key.starts_with(|first: char| first.is_ascii_uppercase()) {
            return Err(PurlError::Qualifier(key.chars().take(80).collect()));
        }
        qualifiers.insert(Arc::from(key), Arc::from(decoded(value)?));
    }
    let part = |text: Option<&str>| text.map(decoded).transpose().map(|text| text.map(Arc::from));
    Purl {
        kind: kind.into(),
        namespace: part(namespace)?,
        name: decoded(name)?.into(),
        version: part(version)?,
        qualifiers,
        subpath: part(subpath)?,
    }
    .normalised()
}

impl FromStr for Purl {
    type Err = PurlError;

    /// Reads a package URL as others write it: keys of qualifiers in any letter case.
    fn from_str(text: &str) -> Result<Purl, PurlError> {
        read(text, false)
    }
}

/// Writes a part with all but letters, digits, `.`, `-`, `_`, `~`, `:` (and `also`) encoded.
fn encoded(f: &mut fmt::Formatter<'_>, text: &str, also: &[u8]) -> fmt::Result {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') || also.contains(&byte) {
            f.write_char(char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.kind)?;
        if let Some(namespace) = &self.namespace {
            encoded(f, namespace, b"/")?;
            f.write_char('/')?;
        }
        encoded(f, &self.name, if &*self.kind == "git" { b"/" } else { b"" })?;
        if let Some(version) = &self.version {
            f.write_char('@')?;
            encoded(f, version, b"")?;
        }
        for (position, (key, value)) in self.qualifiers.iter().enumerate() {
            f.write_char(if position == 0 { '?' } else { '&' })?;
            write!(f, "{key}=")?;
            encoded(f, value, b"")?;
        }
        if let Some(subpath) = &self.subpath {
            f.write_char('#')?;
            encoded(f, subpath, b"/")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_sorted() {
        assert!(DEFINITIONS.is_sorted_by_key(|one| one.kind));
    }

    #[test]
    fn there_and_back() {
        let check = |text: &str, expected: &str| {
            let purl: Purl = text.parse().unwrap();
            assert_eq!(purl.to_string(), expected);
            assert_eq!(expected.parse::<Purl>(), Ok(purl));
        };
        check("pkg:npm/@babel/core@7.0.0", "pkg:npm/%40babel/core@7.0.0");
        check("pkg:PyPI/Django_package@1.11.1.dev1", "pkg:pypi/django-package@1.11.1.dev1");
        check(
            "pkg:deb/debian/attr@1:2.4.47-2+b1?distro=debian-12&Arch=amd64",
            "pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64&distro=debian-12",
        );
        check("pkg://golang/google.golang.org/genproto#/googleapis/api/", "pkg:golang/google.golang.org/genproto#googleapis/api");
        check("pkg:maven/org.apache.commons/io@1.3.4?type=&classifier=sources", "pkg:maven/org.apache.commons/io@1.3.4?classifier=sources");
    }

    #[test]
    fn mistakes_are_told_apart() {
        let check = |text: &str, expected: &str| assert_eq!(text.parse::<Purl>().unwrap_err().to_string(), expected, "{text}");
        check("lodash@1", "a package URL begins with `pkg:`");
        check("pkg:3x/a", "`3x` is no type of a package URL");
        check("pkg:maven/@1", "a package URL has a name");
        check("pkg:npm/a?in%20x=1", "`in%20x` is no key of a qualifier");
        check("pkg:npm/%zz", "`%zz` is not encoded well");
        check("pkg:npm/%ff", "`%ff` is not encoded well");
        check("pkg:swift/a@1", "a package URL of type `swift` has a namespace");
        check("pkg:cargo/a/b", "a package URL of type `cargo` has no namespace");
    }

    #[test]
    fn names_of_ecosystems() {
        let check = |text: &str, expected: &str| assert_eq!(text.parse::<Purl>().unwrap().full_name(), expected);
        check("pkg:npm/%40angular/core@1", "@angular/core");
        check("pkg:maven/org.apache/commons@1", "org.apache:commons");
        check("pkg:deb/debian/curl@1", "curl");
        check("pkg:golang/github.com/a/b@v1", "github.com/a/b");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "pkg:[a-z]{2,6}/.{0,40}") {
            if let Ok(purl) = text.parse::<Purl>() {
                proptest::prop_assert_eq!(purl.to_string().parse::<Purl>(), Ok(purl));
            }
        }
    }
}
