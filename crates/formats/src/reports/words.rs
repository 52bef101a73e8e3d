//! Words of other tools made ours: severities, weaknesses, package URLs, points in time, addresses.

use probity_core::{Severity, Timestamp};
use probity_packages::Purl;
use probity_value::Value;

use super::reader::Scale;
use crate::sarif_in::severity::of_score;
use crate::{escape, mask, time};

/// The text under a key; empty where there is none.
pub(super) fn text<'v>(owner: &'v Value, key: &str) -> &'v str {
    owner.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The first text under one of the keys that is not empty.
pub(super) fn first<'v>(owner: &'v Value, keys: &[&str]) -> &'v str {
    keys.iter().map(|key| text(owner, key).trim()).find(|text| !text.is_empty()).unwrap_or_default()
}

/// A number or a text as text: ids that some versions of a tool write as one and some as the other.
pub(super) fn word(owner: &Value, key: &str) -> String {
    match owner.get(key) {
        Some(value) => match (value.as_str(), value.as_int()) {
            (Some(text), _) => text.trim().to_owned(),
            (None, Some(number)) => number.to_string(),
            _ => String::new(),
        },
        None => String::new(),
    }
}

/// The value at the end of a path of keys.
pub(super) fn at<'v>(owner: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(owner, |value, key| value.get(key))
}

/// The text at the end of a path of keys; empty where there is none.
pub(super) fn text_at<'v>(owner: &'v Value, path: &[&str]) -> &'v str {
    at(owner, path).and_then(Value::as_str).unwrap_or_default()
}

/// The items under a key, for what may be missing or of another kind without harm.
pub(super) fn list<'v>(owner: &'v Value, key: &str) -> &'v [Value] {
    owner.get(key).and_then(Value::as_list).unwrap_or_default()
}

/// The texts of a list under a key; a single text is a list of one.
pub(super) fn texts(owner: &Value, key: &str) -> Vec<String> {
    match owner.get(key) {
        Some(value) => match value.as_str() {
            Some(text) => vec![text.to_owned()],
            None => value.as_list().unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        },
        None => Vec::new(),
    }
}

/// A line or column: a number from 1, which some tools write as text.
pub(super) fn line(owner: &Value, key: &str) -> Option<u32> {
    let value = owner.get(key)?;
    let number = value.as_int().or_else(|| value.as_str()?.trim().parse().ok())?;
    u32::try_from(number).ok().filter(|number| *number > 0)
}

/// A number, which some tools write as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value.as_number() {
        Some(number) => number.as_f64(),
        None => value.as_str()?.trim().parse().ok()?,
    };
    number.is_finite().then_some(number)
}

/// How bad a word is on a scale; letter case does not count.
pub(super) fn on(scale: Scale, word: &str) -> Option<Severity> {
    let word = word.trim();
    scale.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, severity)| *severity)
}

/// How bad a CVSS score is.
pub(super) fn score(value: Option<&Value>) -> Option<Severity> {
    of_score(number(value?)?)
}

/// How bad a CVSS vector is: `CVSS:3.1/AV:N/...`.
pub(super) fn vector(vector: &str) -> Option<Severity> {
    let vector = vector.trim();
    if vector.starts_with("CVSS:4") {
        return vector.parse::<cvss::v4::Vector>().ok().and_then(|vector| of_score(cvss::v4::Score::from(&vector).value()));
    }
    if vector.starts_with("CVSS:3") {
        return vector.parse::<cvss::v3::Vector>().ok().and_then(|base| of_score(base.score().value()));
    }
    vector.trim_matches(['(', ')']).parse::<cvss::v2::Vector>().ok().and_then(|vector| of_score(vector.score().value()))
}

/// `CWE-79` of `79`, `"79"`, `cwe-079` or `CWE-79: ...`; `None` for 0, -1 and everything else.
pub(super) fn cwe(value: &Value) -> Option<String> {
    match (value.as_int(), value.as_str()) {
        (Some(number), _) => weakness(&number.to_string()),
        (None, Some(text)) => weakness(text),
        _ => None,
    }
}

/// As [`cwe`], of text.
pub(super) fn weakness(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = match text.get(..3) {
        Some(start) if start.eq_ignore_ascii_case("cwe") => text.get(3..)?.trim_start_matches(['-', '_', ':', ' ']),
        _ => text,
    };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).take(6).collect();
    let after = rest.get(digits.len()..)?.chars().next();
    let digits = digits.trim_start_matches('0');
    (!digits.is_empty() && !after.is_some_and(|letter| letter.is_alphanumeric())).then(|| format!("CWE-{digits}"))
}

/// The advisory ids in a text: `CVE-2020-8203`, `GHSA-p6mc-m468-83gw`, as they stand in URLs and titles.
pub(super) fn ids_in(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for part in text.split(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))).take(2_000) {
        let upper = part.to_ascii_uppercase();
        if is_cve(&upper) {
            out.push(upper);
        } else if upper.starts_with("GHSA-") && part.len() == 19 {
            out.push(format!("GHSA-{}", part.get(5..).unwrap_or_default().to_ascii_lowercase()));
        }
    }
    out
}

/// `CVE-2020-8203`.
pub(super) fn is_cve(id: &str) -> bool {
    let mut parts = id.split('-');
    let digits = |part: Option<&str>, least: usize| {
        part.is_some_and(|part| part.len() >= least && part.len() <= 19 && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    parts.next().is_some_and(|word| word.eq_ignore_ascii_case("cve"))
        && digits(parts.next(), 4)
        && digits(parts.next(), 4)
        && parts.next().is_none()
}

/// A package some tool named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Package {
    /// The package URL, empty where it has none.
    pub(super) purl: String,
    /// What it is known by in whatever version.
    pub(super) known_by: String,
    /// For a person: `lodash 4.17.4`.
    pub(super) shown: String,
}

/// A package of a kind of package URLs; an empty kind is one nobody can tell.
pub(super) fn package(kind: &str, name: &str, version: &str) -> Package {
    let (name, version) = (name.trim(), version.trim());
    let between = if kind == "maven" && name.contains(':') { ':' } else { '/' };
    let (namespace, last) = match name.rsplit_once(between) {
        Some((namespace, last)) => (Some(namespace), last),
        None => (None, name),
    };
    let purl =
        if kind.is_empty() { None } else { Purl::new(kind, namespace, last, Some(version).filter(|version| !version.is_empty())).ok() };
    named(purl, kind, name, version)
}

/// A package of a system, which has the name of its distribution before its own.
pub(super) fn system_package(kind: &str, family: &str, name: &str, version: &str) -> Package {
    let found = package(kind, &format!("{}/{name}", distribution(family)), version);
    let shown = if version.is_empty() { name.to_owned() } else { format!("{name} {version}") };
    Package { shown, ..found }
}

/// A package of a package URL, or of name and version where that is none.
pub(super) fn package_of(purl: &str, name: &str, version: &str) -> Package {
    match purl.trim().parse::<Purl>() {
        Ok(purl) => {
            let full = purl.full_name();
            let (name, version) = (if name.is_empty() { full.as_str() } else { name }, version.trim());
            let version = if version.is_empty() { purl.version.as_deref().unwrap_or_default().to_owned() } else { version.to_owned() };
            let name = name.to_owned();
            named(Some(purl), "", &name, &version)
        }
        Err(_) => named(None, "", name.trim(), version.trim()),
    }
}

fn named(purl: Option<Purl>, kind: &str, name: &str, version: &str) -> Package {
    let shown = if version.is_empty() { name.to_owned() } else { format!("{name} {version}") };
    match purl {
        Some(purl) => {
            let known_by = purl.without_version().to_string();
            // Qualifiers say where a tool found it, which differs from tool to tool; the package is the same.
            let bare = Purl { qualifiers: Default::default(), subpath: None, ..purl };
            Package { purl: bare.to_string(), known_by, shown }
        }
        None => Package { purl: String::new(), known_by: format!("{kind}/{name}"), shown },
    }
}

/// The kind of package URLs for what tools call an ecosystem, a type, a manager or a language; empty where nobody can tell.
pub(super) fn ecosystem(word: &str) -> &'static str {
    const KINDS: &[(&str, &[&str])] = &[
        ("alpm", &["alpm", "arch", "archlinux", "pacman"]),
        ("apk", &["apk", "alpine", "wolfi", "chainguard", "minimos"]),
        ("cargo", &["cargo", "rust", "crates.io", "rust-crate", "rustbinary", "rust-binary", "cargo-auditable", "rustsec", "crates"]),
        ("cocoapods", &["cocoapods", "pods", "pod"]),
        ("composer", &["composer", "packagist", "php", "php-composer", "composer-vendor"]),
        ("conan", &["conan", "c", "c++", "cpp"]),
        ("conda", &["conda", "conda-pkg", "conda-environment"]),
        ("cran", &["cran", "r-package"]),
        ("deb", &["deb", "dpkg", "debian", "ubuntu", "apt"]),
        ("gem", &["gem", "bundler", "rubygems", "gemspec", "ruby", "gems"]),
        ("github", &["github-action", "github-actions", "githubactions", "github actions", "actions"]),
        ("golang", &["go", "gomod", "gobinary", "golang", "go-module", "golangdep", "gomodules"]),
        ("hackage", &["hackage", "haskell", "stack"]),
        ("hex", &["hex", "mix", "erlang"]),
        ("maven", &["maven", "java", "java-archive", "jar", "pom", "gradle", "sbt", "sbt-lockfile", "java-dependency"]),
        ("npm", &["npm", "yarn", "pnpm", "node", "nodejs", "node-pkg", "javascript", "bun", "node.js", "nodejs-package", "js"]),
        ("nuget", &["nuget", "dotnet", "dotnet-core", "packages-props", "packages-config", ".net", "dotnet-deps"]),
        ("pub", &["pub", "dart", "dart-pub"]),
        (
            "pypi",
            &["pypi", "pip", "python", "python-pkg", "pipenv", "poetry", "uv", "pdm", "pylock", "pythonpkg", "pipfile", "python-package"],
        ),
        (
            "rpm",
            &[
                "rpm",
                "redhat",
                "centos",
                "rocky",
                "alma",
                "almalinux",
                "amazon",
                "amazonlinux",
                "oracle",
                "oraclelinux",
                "photon",
                "fedora",
                "suse",
                "sles",
                "opensuse",
                "opensuse-leap",
                "opensuse-tumbleweed",
                "opensuse.leap",
                "opensuse.tumbleweed",
                "cbl-mariner",
                "azurelinux",
                "mariner",
                "rhel",
                "ol",
                "yum",
                "dnf",
                "suse linux enterprise server",
            ],
        ),
        ("swift", &["swift", "swifturl", "swift-package"]),
    ];
    let word = word.trim();
    KINDS.iter().find(|(_, words)| words.iter().any(|known| known.eq_ignore_ascii_case(word))).map_or("", |(kind, _)| kind)
}

/// A package URL type that needs its distribution's name as namespace: the family's name as purl writes it.
fn distribution(family: &str) -> &str {
    match family {
        "amazon" | "amazonlinux" => "amzn",
        "oracle" | "oraclelinux" => "ol",
        "alma" => "almalinux",
        "rhel" => "redhat",
        "sles" | "suse linux enterprise server" => "suse",
        "opensuse.leap" | "opensuse-leap" | "opensuse.tumbleweed" | "opensuse-tumbleweed" => "opensuse",
        "archlinux" => "arch",
        other => other,
    }
}

/// A point in time as tools write it: RFC 3339, the same without a zone (taken as UTC), RFC 2822, seconds since 1970 as text.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > 60 {
        return None;
    }
    if let Some(time) = time::parse(text) {
        return Some(time);
    }
    if text.as_bytes().get(4) == Some(&b'-') {
        let with_zone = format!("{}Z", text.replacen(' ', "T", 1).trim_end_matches("UTC").trim_end());
        if let Some(time) = time::parse(&with_zone) {
            return Some(time);
        }
    }
    // `+0000` without its colon.
    if let Some((before, zone)) = text.rsplit_once('+')
        && let (4, Some(hours), Some(minutes)) = (zone.len(), zone.get(..2), zone.get(2..))
        && let Some(time) = time::parse(&format!("{before}+{hours}:{minutes}"))
    {
        return Some(time);
    }
    of_words(text)
}

/// `Thu, 1 Jan 2026 10:00:00 +0100` and `Thu Jan 01 10:00:00 UTC 2026`; a zone that is only a name other than UTC tells nothing.
fn of_words(text: &str) -> Option<Timestamp> {
    const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut day, mut month, mut year, mut clock, mut zone) = (None, None, None, None, "Z".to_owned());
    for part in text.split([' ', ',']).filter(|part| !part.is_empty()) {
        let lower = part.to_ascii_lowercase();
        let number = part.parse::<u32>().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(at) = lower.get(..3).and_then(|start| MONTHS.iter().position(|known| *known == start)).filter(|_| month.is_none()) {
            month = Some(at + 1);
        } else if part.contains(':') {
            clock = Some(part);
        } else if part.starts_with(['+', '-']) && part.len() == 5 {
            zone = format!("{}:{}", part.get(..3)?, part.get(3..)?);
        } else if let Some(number) = number {
            if part.len() == 4 { year = Some(number) } else { day = Some(number) }
        } else if !matches!(lower.as_str(), "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun" | "utc" | "gmt" | "z") {
            return None;
        }
    }
    time::parse(&format!("{:04}-{:02}-{:02}T{}{zone}", year?, month?, day?, clock?))
}

/// An address without what may be secret in it: no user, no fragment, only the names of what is asked.
pub(super) fn address(given: &str) -> String {
    let given = given.trim();
    let without_fragment = given.split('#').next().unwrap_or_default();
    let (before, query) = without_fragment.split_once('?').map_or((without_fragment, ""), |(before, query)| (before, query));
    let before = match before.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => before.to_owned(),
    };
    let before = mask::text(&before).into_owned();
    let mut names: Vec<&str> = Vec::new();
    for name in query.split('&').filter_map(|part| part.split('=').next()).filter(|name| !name.is_empty() && name.len() <= 60) {
        if !names.contains(&name) && names.len() < 20 {
            names.push(name);
        }
    }
    let names = mask::text(&names.join("&")).into_owned();
    if names.is_empty() { before } else { format!("{before}?{names}") }
}

/// Text without HTML tags, its common references resolved, its white space made single.
pub(super) fn plain(html: &str) -> String {
    let html = escape::cut(html, 8_000);
    let mut out = String::with_capacity(html.len());
    let mut rest = &*html;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let tag = after.chars().next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '/');
        match after.split_once('>') {
            Some((_, after)) if tag => {
                out.push(' ');
                rest = after;
            }
            _ => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    for (reference, letter) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
    {
        if out.contains(reference) {
            out = out.replace(reference, letter);
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first sentence, for titles of tools that have only a description.
pub(super) fn sentence(text: &str) -> &str {
    let line = text.trim().lines().next().unwrap_or_default().trim();
    let line = line.trim_start_matches(['#', ' ']);
    line.split_once(". ").map_or(line, |(first, _)| first)
}

/// What to do about a hole in a package.
pub(super) fn upgrade(package: &str, fixed: &[String]) -> String {
    let fixed: Vec<&str> = fixed.iter().map(|version| version.trim()).filter(|version| !version.is_empty()).take(10).collect();
    if fixed.is_empty() { String::new() } else { format!("upgrade `{package}` to {}", fixed.join(" or ")) }
}

/// The message of a hole in a package: ``` `lodash 4.17.4` has CVE-2020-8203: Prototype Pollution ```.
pub(super) fn hole(package: &str, id: &str, title: &str) -> String {
    let title = title.trim();
    let title = title.strip_prefix(id).map_or(title, |rest| rest.trim_start_matches([':', '-', ' ']));
    if title.is_empty() || title.eq_ignore_ascii_case(id) {
        format!("`{package}` has {id}")
    } else {
        format!("`{package}` has {id}: {title}")
    }
}

/// Text in which what stands in single or double quotes is hidden.
pub(super) fn without_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\'', '"']) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let mut letters = from.chars();
        let quote = letters.next().unwrap_or('"');
        let inner = letters.as_str();
        // An apostrophe within a word opens nothing.
        let apostrophe = quote == '\'' && before.chars().next_back().is_some_and(char::is_alphanumeric);
        match inner.split_once(quote) {
            Some((hidden, after)) if !apostrophe && !hidden.is_empty() => {
                out.push(quote);
                out.push_str(mask::HIDDEN);
                out.push(quote);
                rest = after;
            }
            None if !apostrophe && !inner.is_empty() => {
                // A quote that is never closed hides all that follows.
                out.push(quote);
                out.push_str(mask::HIDDEN);
                return out;
            }
            _ => {
                out.push(quote);
                rest = inner;
            }
        }
    }
    out.push_str(rest);
    out
}
