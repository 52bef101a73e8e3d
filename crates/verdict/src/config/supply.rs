//! The sections `secrets`, `packages` and `vulnerabilities`: what is sought beside infrastructure, and what a known hole weighs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use probity_core::{Colour, Severity, UnknownWord};
use probity_value::Map;

use super::parse::{age, path_pattern, public_keys, section};
use super::reader::{Reader, join, shown};
use crate::pattern::PathPattern;

/// What is sought as a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretSettings {
    /// Whether it is sought at all.
    pub enabled: bool,
    /// Whether our own rules judge.
    pub own_rules: bool,
    /// Gitleaks configurations whose rules judge too, relative to the repository.
    pub gitleaks: Vec<Arc<str>>,
    /// Files in which no secret is sought.
    pub ignore_paths: Vec<PathPattern>,
    /// How deep archives are opened within each other; 0 for not at all.
    pub archive_depth: usize,
    /// How many times encoded a value is decoded; 0 for not at all.
    pub decode_depth: usize,
}

impl Default for SecretSettings {
    fn default() -> SecretSettings {
        SecretSettings { enabled: true, own_rules: true, gitleaks: Vec::new(), ignore_paths: Vec::new(), archive_depth: 8, decode_depth: 3 }
    }
}

/// Which packages may be used.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageSettings {
    /// Whether packages are listed at all.
    pub enabled: bool,
    /// Licences a package may have; empty for any.
    pub allowed_licences: BTreeSet<Arc<str>>,
    /// Licences no package may have.
    pub denied_licences: BTreeSet<Arc<str>>,
    /// Where packages may come from, by type of package URL (`npm`): hosts or addresses, with `*`.
    pub sources: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Names that only our own registries may serve, as package URLs without a version, with `*`: `pkg:npm/%40acme/*`.
    pub internal: Vec<Arc<str>>,
}

impl Default for PackageSettings {
    fn default() -> PackageSettings {
        PackageSettings {
            enabled: true,
            allowed_licences: BTreeSet::new(),
            denied_licences: BTreeSet::new(),
            sources: BTreeMap::new(),
            internal: Vec::new(),
        }
    }
}

/// What is said of known holes of packages.
#[derive(Clone, Debug, PartialEq)]
pub struct VulnerabilitySettings {
    /// Whether packages are compared with advisories at all.
    pub enabled: bool,
    /// The database of advisories, relative to the repository; `None` for the one given by a flag, the user's, or the one built in.
    pub database: Option<Arc<str>>,
    /// How old the data may be, in seconds.
    pub max_age: Option<u64>,
    /// What makes a hole red.
    pub red_if: BTreeSet<HoleIs>,
    /// What makes a hole yellow.
    pub yellow_if: BTreeSet<HoleIs>,
    /// Statements on exploitability (OpenVEX, CycloneDX, CSAF), relative to the repository.
    pub vex: Vec<Arc<str>>,
    /// How many seconds after it first met a package here a hole may stay; then it is red.
    pub patch_windows: BTreeMap<HoleIs, u64>,
    /// Public keys (`ssh-ed25519 AAAA...`) of which one must have signed a database that is not built in; empty for any database.
    pub signers: Vec<Arc<str>>,
}

impl Default for VulnerabilitySettings {
    fn default() -> VulnerabilitySettings {
        VulnerabilitySettings {
            enabled: true,
            database: None,
            max_age: None,
            red_if: [HoleIs::KnownExploited, HoleIs::Malicious, HoleIs::AtLeast(Severity::Critical, true)].into(),
            yellow_if: [HoleIs::AtLeast(Severity::High, false)].into(),
            vex: Vec::new(),
            patch_windows: BTreeMap::new(),
            signers: Vec::new(),
        }
    }
}

/// What can be true of a known hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoleIs {
    /// Somebody uses it (CISA's catalogue of known exploited vulnerabilities).
    KnownExploited,
    /// The package itself is meant to harm.
    Malicious,
    /// At least this bad; and, where true, a version without it exists.
    AtLeast(Severity, bool),
}

impl HoleIs {
    /// All words.
    pub const WORDS: &'static [&'static str] = &[
        "known-exploited",
        "malicious",
        "critical",
        "high",
        "medium",
        "low",
        "critical-with-fix",
        "high-with-fix",
        "medium-with-fix",
        "low-with-fix",
    ];
}

impl fmt::Display for HoleIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HoleIs::KnownExploited => f.pad("known-exploited"),
            HoleIs::Malicious => f.pad("malicious"),
            HoleIs::AtLeast(severity, fix) => write!(f, "{severity}{}", if *fix { "-with-fix" } else { "" }),
        }
    }
}

impl FromStr for HoleIs {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<HoleIs, UnknownWord> {
        let unknown = || UnknownWord { word: text.to_owned(), known: HoleIs::WORDS };
        if !HoleIs::WORDS.contains(&text) {
            return Err(unknown());
        }
        Ok(match text {
            "known-exploited" => HoleIs::KnownExploited,
            "malicious" => HoleIs::Malicious,
            _ => {
                let (severity, fix) = text.strip_suffix("-with-fix").map_or((text, false), |severity| (severity, true));
                HoleIs::AtLeast(severity.parse().map_err(|_| unknown())?, fix)
            }
        })
    }
}

/// What is known of a hole of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// How bad it is.
    pub severity: Severity,
    /// Whether a version without it exists.
    pub fixed: bool,
    /// Whether somebody uses it.
    pub exploited: bool,
    /// Whether the package itself is meant to harm.
    pub malicious: bool,
}

impl HoleIs {
    fn of(self, hole: &Hole) -> bool {
        match self {
            HoleIs::KnownExploited => hole.exploited,
            HoleIs::Malicious => hole.malicious,
            HoleIs::AtLeast(severity, fix) => hole.severity >= severity && (!fix || hole.fixed),
        }
    }
}

impl VulnerabilitySettings {
    /// How many seconds a hole may stay after it first met a package: the shortest window that speaks of it.
    #[must_use]
    pub fn patch_window(&self, hole: &Hole) -> Option<u64> {
        self.patch_windows.iter().filter(|(one, _)| one.of(hole)).map(|(_, seconds)| *seconds).min()
    }

    /// The colour a hole gives.
    #[must_use]
    pub fn colour(&self, hole: &Hole) -> Colour {
        if self.red_if.iter().any(|one| one.of(hole)) {
            Colour::Red
        } else if self.yellow_if.iter().any(|one| one.of(hole)) {
            Colour::Yellow
        } else {
            Colour::Green
        }
    }
}

pub(super) fn secrets(reader: &mut Reader, map: &Map, out: &mut SecretSettings) {
    const AT: &str = "secrets";
    let Some(map) = section(reader, map, AT) else { return };
    out.enabled = reader.bool(map, AT, "enabled").unwrap_or(true);
    out.own_rules = reader.bool(map, AT, "own_rules").unwrap_or(true);
    let items = reader.items(map, AT, "gitleaks");
    out.gitleaks = items.iter().filter_map(|item| reader.path_of(item, "secrets.gitleaks")).collect();
    for item in reader.items(map, AT, "ignore_paths") {
        out.ignore_paths.extend(path_pattern(reader, item, "secrets.ignore_paths"));
    }
    for (key, depth) in [("max_archive_depth", &mut out.archive_depth), ("max_decode_depth", &mut out.decode_depth)] {
        if let Some(number) = reader.depth(map, AT, key) {
            *depth = number;
        }
    }
    if out.enabled && !out.own_rules && out.gitleaks.is_empty() {
        reader.wrong(
            map.get("own_rules").map_or(probity_value::Span::NONE, |value| value.span),
            "`secrets.own_rules: false` leaves no rule; name a configuration under `secrets.gitleaks`, or say `enabled: false`",
        );
    }
}

pub(super) fn packages(reader: &mut Reader, map: &Map, out: &mut PackageSettings) {
    const AT: &str = "packages";
    let Some(map) = section(reader, map, AT) else { return };
    out.enabled = reader.bool(map, AT, "enabled").unwrap_or(true);
    out.allowed_licences = reader.texts(map, AT, "allowed_licences").into_iter().collect();
    out.denied_licences = reader.texts(map, AT, "denied_licences").into_iter().collect();
    if let Some(sources) = reader.section(map, AT, "sources") {
        for (kind, entry) in sources.iter() {
            let what = join("packages.sources", kind);
            reader.written.insert(what.clone(), entry.key);
            let texts = reader.texts(sources, "packages.sources", kind);
            if texts.is_empty() {
                reader.wrong(entry.value.span, format!("`{}` names no source, so no package could come from anywhere", shown(&what)));
            }
            out.sources.insert(Arc::clone(kind), texts);
        }
    }
    out.internal = reader.texts(map, AT, "internal");
    for pattern in out.internal.iter().filter(|pattern| !pattern.starts_with("pkg:")) {
        reader.wrong(
            map.get("internal").map_or(probity_value::Span::NONE, |value| value.span),
            format!("`{}` is no package URL such as `pkg:npm/%40acme/*`", shown(pattern)),
        );
    }
}

pub(super) fn vulnerabilities(reader: &mut Reader, map: &Map, out: &mut VulnerabilitySettings) {
    const AT: &str = "vulnerabilities";
    let Some(map) = section(reader, map, AT) else { return };
    out.enabled = reader.bool(map, AT, "enabled").unwrap_or(true);
    out.database = reader.path(map, AT, "database");
    if let Some(text) = reader.text(map, AT, "max_age") {
        match age(&text) {
            Some(seconds) => out.max_age = Some(seconds),
            None => reader.wrong(
                map.get("max_age").map_or(probity_value::Span::NONE, |value| value.span),
                format!("`vulnerabilities.max_age` takes an age such as 24h, 7d or 2w; `{}` is none", shown(&text)),
            ),
        }
    }
    for (key, set) in [("red_if", &mut out.red_if), ("yellow_if", &mut out.yellow_if)] {
        if map.contains_key(key) {
            let what = join(AT, key);
            let items = reader.items(map, AT, key);
            *set = items.iter().filter_map(|item| reader.word_of(item, &what, HoleIs::WORDS)).collect();
        }
    }
    let windows_at = join(AT, "patch_windows");
    if let Some(windows) = reader.section(map, AT, "patch_windows") {
        for (key, entry) in windows.iter() {
            let what = join(&windows_at, key);
            reader.written.insert(what.clone(), entry.key);
            let Ok(hole) = key.parse::<HoleIs>() else {
                let known = HoleIs::WORDS.join(", ");
                reader.wrong(entry.key, format!("`{}` is no kind of hole; there are: {known}", shown(&what)));
                continue;
            };
            let Some(text) = reader.text(windows, &windows_at, key) else { continue };
            match age(&text) {
                Some(seconds) => drop(out.patch_windows.insert(hole, seconds)),
                None => reader
                    .wrong(entry.value.span, format!("`{}` takes an age such as 24h, 7d or 2w; `{}` is none", shown(&what), shown(&text))),
            }
        }
    }
    out.signers = reader.texts(map, AT, "signers");
    let signers_at = map.get("signers").map_or(probity_value::Span::NONE, |value| value.span);
    public_keys(reader, &out.signers, signers_at);
    if map.contains_key("signers") && out.signers.is_empty() {
        reader.wrong(signers_at, "`vulnerabilities.signers` names no key, so no database could be used");
    }
    let items = reader.items(map, AT, "vex");
    out.vex = items.iter().filter_map(|item| reader.path_of(item, "vulnerabilities.vex")).collect();
}

/// The sections as keys and values, where they say anything but the default.
pub(super) fn flat(config: &super::Config, put: &mut dyn FnMut(String, String)) {
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(", ");
    put("secrets.enabled".into(), config.secrets.enabled.to_string());
    put("secrets.own_rules".into(), config.secrets.own_rules.to_string());
    put("secrets.max_archive_depth".into(), config.secrets.archive_depth.to_string());
    put("secrets.max_decode_depth".into(), config.secrets.decode_depth.to_string());
    for file in &config.secrets.gitleaks {
        put(format!("secrets.gitleaks[{file}]"), "read".into());
    }
    for pattern in &config.secrets.ignore_paths {
        put(format!("secrets.ignore_paths[{pattern}]"), "ignored".into());
    }
    let packages = &config.packages;
    put("packages.enabled".into(), packages.enabled.to_string());
    if !packages.allowed_licences.is_empty() {
        put("packages.allowed_licences".into(), list(&mut packages.allowed_licences.iter().map(ToString::to_string)));
    }
    for licence in &packages.denied_licences {
        put(format!("packages.denied_licences[{licence}]"), "denied".into());
    }
    for (kind, sources) in &packages.sources {
        put(format!("packages.sources.{kind}"), sources.join(", "));
    }
    for name in &packages.internal {
        put(format!("packages.internal[{name}]"), "internal".into());
    }
    let holes = &config.vulnerabilities;
    put("vulnerabilities.enabled".into(), holes.enabled.to_string());
    put("vulnerabilities.red_if".into(), list(&mut holes.red_if.iter().map(ToString::to_string)));
    put("vulnerabilities.yellow_if".into(), list(&mut holes.yellow_if.iter().map(ToString::to_string)));
    if let Some(database) = &holes.database {
        put("vulnerabilities.database".into(), database.to_string());
    }
    if let Some(seconds) = holes.max_age {
        put("vulnerabilities.max_age".into(), format!("{seconds} s"));
    }
    for (hole, seconds) in &holes.patch_windows {
        put(format!("vulnerabilities.patch_windows.{hole}"), format!("{seconds} s"));
    }
    for key in &holes.signers {
        put(format!("vulnerabilities.signers[{key}]"), "signs".into());
    }
    for file in &holes.vex {
        put(format!("vulnerabilities.vex[{file}]"), "read".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use probity_value::FileId;

    #[test]
    fn the_shortest_window_counts() {
        let text = "version: 1\nvulnerabilities: {patch_windows: {high: 30d, critical-with-fix: 7d, known-exploited: 24h}}\n";
        let (config, wrong) = Config::parse(text, &"probity.yaml".into(), FileId(0));
        assert_eq!(wrong, []);
        let settings = config.vulnerabilities;
        let check = |severity, fixed, exploited, days: Option<u64>| {
            let hole = Hole { severity, fixed, exploited, malicious: false };
            assert_eq!(settings.patch_window(&hole), days.map(|days| days * 86_400), "{hole:?}");
        };
        check(Severity::High, true, false, Some(30));
        check(Severity::Critical, true, false, Some(7));
        check(Severity::Critical, false, false, Some(30));
        check(Severity::Low, false, true, Some(1));
        check(Severity::Medium, true, false, None);
    }

    #[test]
    fn a_hole_has_the_worst_colour_it_earns() {
        let settings = VulnerabilitySettings::default();
        let check = |severity, fixed, exploited, malicious, expected| {
            let hole = Hole { severity, fixed, exploited, malicious };
            assert_eq!(settings.colour(&hole), expected, "{hole:?}");
        };
        check(Severity::Critical, true, false, false, Colour::Red);
        check(Severity::Critical, false, false, false, Colour::Yellow);
        check(Severity::High, true, false, false, Colour::Yellow);
        check(Severity::Medium, true, false, false, Colour::Green);
        check(Severity::Low, false, true, false, Colour::Red);
        check(Severity::Low, false, false, true, Colour::Red);
    }

    #[test]
    fn words_and_back() {
        for word in HoleIs::WORDS {
            assert_eq!(word.parse::<HoleIs>().unwrap().to_string(), *word);
        }
        assert!("info".parse::<HoleIs>().is_err());
    }

    #[test]
    fn the_sections_are_read() {
        let read = |text: &str| Config::parse(text, &"probity.yaml".into(), FileId(0));
        let (config, wrong) = read(
            "secrets: {gitleaks: [.gitleaks.toml], ignore_paths: [vendor/**]}\n\
             packages: {denied_licences: [AGPL-3.0-only], sources: {npm: [npm.acme.example]}, internal: ['pkg:npm/%40acme/*']}\n\
             vulnerabilities: {database: advisories.db, max_age: 7d, red_if: [high-with-fix], vex: [vex.json]}\n",
        );
        assert_eq!(wrong, []);
        assert_eq!(config.secrets.gitleaks, [Arc::from(".gitleaks.toml")]);
        assert_eq!(config.vulnerabilities.max_age, Some(7 * 86_400));
        assert_eq!(config.vulnerabilities.red_if, [HoleIs::AtLeast(Severity::High, true)].into());
        assert_eq!(config.packages.sources["npm"], [Arc::from("npm.acme.example")]);
        for bad in [
            "secrets: {own_rules: false}",
            "secrets: {max_decode_depth: 101}",
            "secrets: {max_archive_depth: deep}",
            "packages: {internal: [acme]}",
            "packages: {sources: {npm: []}}",
            "vulnerabilities: {red_if: [info]}",
            "vulnerabilities: {max_age: soon}",
            "vulnerabilities: {vex: [../x]}",
            "secrets: {rules: x}",
        ] {
            assert_eq!(read(bad).1.len(), 1, "{bad}");
        }
    }
}
