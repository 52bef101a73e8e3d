//! Where packages may come from, and under which licences.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{
    Confidence, EvalContext, Program, RuleMeta, RuleResult, Severity, Stage, StageKind, Status, Subject, SubjectIndex, World,
};
use probity_packages::Package;
use probity_value::Value;

use crate::packages::package_of;

/// What is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vetting {
    /// Licences a package may have; empty for any.
    pub allowed_licences: BTreeSet<Arc<str>>,
    /// Licences no package may have.
    pub denied_licences: BTreeSet<Arc<str>>,
    /// Hosts or addresses packages may come from, by type of package URL, with `*`.
    pub sources: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Names that only our own sources may serve, as package URLs without a version, with `*`.
    pub internal: Vec<Arc<str>>,
}

/// Judges where packages come from and their licences.
#[derive(Debug)]
pub struct VettingProgram {
    vetting: Vetting,
    rules: Vec<Arc<RuleMeta>>,
}

const LICENCE_DENIED: usize = 0;
const LICENCE_UNKNOWN: usize = 1;
const SOURCE_NOT_ALLOWED: usize = 2;
const SOURCE_INSECURE: usize = 3;
const HASH_MISSING: usize = 4;
const INTERNAL_FROM_PUBLIC: usize = 5;
const LOOKALIKE: usize = 6;

/// Id, title, severity, confidence, why, fix, controls.
type Row = (&'static str, &'static str, Severity, Confidence, &'static str, &'static str, &'static [&'static str]);

const RULES: &[Row] = &[
    (
        "package-licence-denied",
        "Package under a licence that is not allowed",
        Severity::High,
        Confidence::Certain,
        "The licence asks for something the organisation has decided not to give.",
        "Replace the package, or have the use agreed to and say so with an exception.",
        &["nist-800-53r5/CM-10", "soc2/CC9.2"],
    ),
    (
        "package-licence-unknown",
        "Nobody says under which licence a package is",
        Severity::Low,
        Confidence::Certain,
        "Without a licence nothing is allowed, and what the file does not say cannot be compared with the list.",
        "Look the licence up, and list the package's licences with an SBOM that has them.",
        &["nist-800-53r5/CM-10", "soc2/CC9.2"],
    ),
    (
        "package-source-not-allowed",
        "Package from a source that is not allowed",
        Severity::High,
        Confidence::Certain,
        "What does not come through the sources that are looked after was looked at by nobody.",
        "Take the package from an allowed source, and write the lock file anew.",
        &["nist-800-53r5/SR-3", "nist-800-53r5/CM-14", "soc2/CC9.2"],
    ),
    (
        "package-source-insecure",
        "Package fetched without protection on the way",
        Severity::High,
        Confidence::Certain,
        "Whoever stands on the way can put other code in its place.",
        "Fetch it by https.",
        &["nist-800-53r5/SR-3", "nist-800-53r5/CM-14"],
    ),
    (
        "package-hash-missing",
        "Package without a digest in a lock file that has them",
        Severity::Medium,
        Confidence::Firm,
        "The others are held to what was locked; this one may be anything the source serves on the day.",
        "Write the lock file anew, so that every package is pinned by its digest.",
        &["nist-800-53r5/SR-3", "nist-800-53r5/CM-14"],
    ),
    (
        "package-internal-from-public",
        "A name of our own served by somebody else",
        Severity::Critical,
        Confidence::Certain,
        "Whoever registers the name in a public registry has their code run here (dependency confusion).",
        "Bind the name to your own registry in the package manager's configuration, and write the lock file anew.",
        &["nist-800-53r5/SR-3", "nist-800-53r5/CM-14", "soc2/CC9.2"],
    ),
    (
        "package-name-lookalike",
        "Package whose name looks like one of our own",
        Severity::High,
        Confidence::Tentative,
        "A slip of the finger is enough to install it, and such names are registered for that.",
        "Check that this is the package that was meant.",
        &["nist-800-53r5/SR-3", "soc2/CC9.2"],
    ),
];

impl VettingProgram {
    /// Judges by what is allowed.
    #[must_use]
    pub fn new(vetting: Vetting) -> VettingProgram {
        let rule = |(id, title, severity, confidence, why, fix, controls): &Row| {
            Arc::new(RuleMeta {
                id: (*id).into(),
                engine: "packages",
                title: (*title).into(),
                severity: *severity,
                confidence: *confidence,
                stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
                applies_to: vec!["package".into()],
                controls: controls.iter().map(|control| (*control).into()).collect(),
                aliases: Vec::new(),
                why: (*why).into(),
                fix: (*fix).into(),
                other_fixes: Vec::new(),
                waivable: true,
                mends: false,
                parameters: Vec::new(),
            })
        };
        VettingProgram { vetting, rules: RULES.iter().map(rule).collect() }
    }

    fn source(&self, package: &Package, found: &Subject, say: &mut dyn FnMut(usize, Status, String)) {
        let name = package.purl.full_name();
        if let Some(resolved) = package.resolved.as_deref() {
            let lower = resolved.to_ascii_lowercase();
            let here = ["http://localhost", "http://127.0.0.1", "http://[::1]"].iter().any(|start| lower.starts_with(start));
            if !here && ["http://", "git://", "ftp://", "git+http://", "svn://"].iter().any(|start| lower.starts_with(start)) {
                say(SOURCE_INSECURE, Status::Fail, format!("{name} comes from `{}`", without_secrets(resolved)));
            }
        }
        let sources = self.vetting.sources.get(&package.purl.kind);
        let internal = self.vetting.internal.iter().any(|pattern| is_named(pattern, package));
        let from = address(package);
        match (sources, &from) {
            (Some(sources), Some(from)) if !sources.iter().any(|source| is_from(source, from)) => {
                let from = without_secrets(from);
                if internal {
                    say(INTERNAL_FROM_PUBLIC, Status::Fail, format!("{name} is a name of our own and comes from `{from}`"));
                } else {
                    say(SOURCE_NOT_ALLOWED, Status::Fail, format!("{name} comes from `{from}`"));
                }
            }
            // Without a source that is ours, every source is somebody else's.
            (None, Some(from)) if internal => {
                let from = without_secrets(from);
                let kind = &package.purl.kind;
                say(
                    INTERNAL_FROM_PUBLIC,
                    Status::Fail,
                    format!("{name} is a name of our own and comes from `{from}`, and `packages.sources` names no source for {kind}"),
                );
            }
            _ => {}
        }
        if !internal && let Some(near) = self.vetting.internal.iter().find(|pattern| looks_like(pattern, package)) {
            say(LOOKALIKE, Status::Fail, format!("{name} looks like `{near}`"));
        }
        let expected = found.value.get("digests").and_then(Value::as_bool) == Some(true);
        if expected
            && package.hashes.is_empty()
            && package.purl.version.is_some()
            && from.as_deref().is_none_or(|from| from.starts_with("http"))
        {
            say(HASH_MISSING, Status::Fail, format!("{name} has no digest, others in the file have"));
        }
    }

    fn licences(&self, package: &Package, say: &mut dyn FnMut(usize, Status, String)) {
        let (allowed, denied) = (&self.vetting.allowed_licences, &self.vetting.denied_licences);
        if allowed.is_empty() && denied.is_empty() {
            return;
        }
        let name = package.purl.full_name();
        if package.licences.is_empty() {
            if !allowed.is_empty() {
                say(LICENCE_UNKNOWN, Status::Unknown, format!("nothing says under which licence {name} is"));
            }
            return;
        }
        for licence in &package.licences {
            let ways = alternatives(licence);
            let is_in = |set: &BTreeSet<Arc<str>>, id: &str| set.iter().any(|known| known.eq_ignore_ascii_case(id));
            let fine = ways.iter().any(|ids| ids.iter().all(|id| !is_in(denied, id) && (allowed.is_empty() || is_in(allowed, id))));
            if !fine {
                say(LICENCE_DENIED, Status::Fail, format!("{name} is under {licence}"));
            }
        }
    }
}

/// Where a package comes from, as far as the file says so or the kind has one place only.
fn address(package: &Package) -> Option<String> {
    if let Some(resolved) = &package.resolved {
        let text =
            resolved.strip_prefix("git+").or_else(|| resolved.strip_prefix("registry+")).or_else(|| resolved.strip_prefix("sparse+"));
        return Some(text.unwrap_or(resolved).to_owned());
    }
    let purl = &package.purl;
    Some(match &*purl.kind {
        "golang" => purl.full_name(),
        "githubactions" => format!("github.com/{}", purl.full_name()),
        "docker" | "oci" => {
            let name = purl.full_name();
            match purl.qualifiers.get("repository_url") {
                Some(repository) => repository.to_string(),
                None if name.split('/').next().is_some_and(|first| first.contains(['.', ':'])) => name,
                None if name.contains('/') => format!("docker.io/{name}"),
                None => format!("docker.io/library/{name}"),
            }
        }
        _ => return None,
    })
}

/// `host/path` of an address, without scheme, user and port of the scheme.
fn place(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (head, _) = rest.split_once('/').unwrap_or((rest, ""));
    match head.rsplit_once('@') {
        Some((user, _)) => rest.get(user.len() + 1..).unwrap_or(rest),
        None => rest,
    }
}

/// Whether an address is of a source: a host (`*.acme.example`), a host with a path (`acme.example/npm/`), or an address.
fn is_from(source: &str, address: &str) -> bool {
    let (source, place) = (place(source).to_ascii_lowercase(), place(address).to_ascii_lowercase());
    let (host, path) = source.split_once('/').unwrap_or((&source, ""));
    let (place_host, place_path) = place.split_once('/').unwrap_or((&place, ""));
    let host_fits = glob(host, place_host) || !host.contains(':') && glob(host, place_host.split(':').next().unwrap_or(place_host));
    let path = path.trim_end_matches('*').trim_end_matches('/');
    host_fits
        && (path.is_empty()
            || place_path == path
            || place_path.strip_prefix(path).is_some_and(|rest| rest.starts_with(['/', '@', ':', '#', '?'])))
}

/// `*` stands for any letters but `/`.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| {
                let (skipped, left) = text.split_at_checked(at).unwrap_or((text, ""));
                !skipped.contains('/') && glob(rest, left)
            })
        }),
    }
}

/// Whether a pattern such as `pkg:npm/%40acme/*` names a package.
fn is_named(pattern: &str, package: &Package) -> bool {
    let mut bare = package.purl.clone();
    bare.version = None;
    bare.qualifiers = Default::default();
    bare.subpath = None;
    glob(pattern, &bare.to_string())
}

/// Whether a package has nearly the name a pattern without `*` names: one letter more, less, other, or two changed over.
fn looks_like(pattern: &str, package: &Package) -> bool {
    let Ok(wanted) = pattern.replace('*', "").trim_end_matches('/').parse::<probity_packages::Purl>() else { return false };
    if pattern.contains('*') || wanted.kind != package.purl.kind {
        return false;
    }
    let fold = |name: &str| name.to_ascii_lowercase().replace(['_', '.'], "-");
    let (one, other) = (fold(&wanted.full_name()), fold(&package.purl.full_name()));
    one.len() >= 5 && is_near(&one.chars().collect::<Vec<_>>(), &other.chars().collect::<Vec<_>>())
}

/// Whether two texts differ by one edit, or only in how they are folded.
fn is_near(a: &[char], b: &[char]) -> bool {
    let same = a.iter().zip(b).take_while(|(one, other)| one == other).count();
    let (a, b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    match (a, b) {
        ([], []) => true,
        ([_, rest @ ..], _) if rest == b => true,
        (_, [_, rest @ ..]) if rest == a => true,
        ([_, rest @ ..], [_, others @ ..]) if rest == others => true,
        ([one, two, rest @ ..], [three, four, others @ ..]) => one == four && two == three && rest == others,
        _ => false,
    }
}

/// The ways an SPDX expression can be fulfilled: each a list of licences that all hold. A text that is none is one licence.
fn alternatives(expression: &str) -> Vec<Vec<String>> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let words = tokens.iter().filter(|token| !matches!(**token, "(" | ")" | "OR" | "AND" | "WITH")).count();
    let joints = tokens.iter().filter(|token| matches!(**token, "OR" | "AND" | "WITH")).count();
    if words != joints + 1 {
        return vec![vec![expression.trim().to_owned()]];
    }
    let mut at = 0;
    let ways = either(&tokens, &mut at, 0);
    if at == tokens.len() { ways } else { vec![vec![expression.trim().to_owned()]] }
}

const MOST_WAYS: usize = 64;

fn either(tokens: &[&str], at: &mut usize, depth: usize) -> Vec<Vec<String>> {
    let mut ways = both(tokens, at, depth);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        ways.extend(both(tokens, at, depth));
        ways.truncate(MOST_WAYS);
    }
    ways
}

fn both(tokens: &[&str], at: &mut usize, depth: usize) -> Vec<Vec<String>> {
    let mut ways = single(tokens, at, depth);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        let more = single(tokens, at, depth);
        ways = ways.iter().flat_map(|way| more.iter().map(move |other| [way.as_slice(), other].concat())).take(MOST_WAYS).collect();
    }
    ways
}

fn single(tokens: &[&str], at: &mut usize, depth: usize) -> Vec<Vec<String>> {
    match tokens.get(*at) {
        Some(&"(") if depth < 32 => {
            *at += 1;
            let ways = either(tokens, at, depth + 1);
            if tokens.get(*at) == Some(&")") {
                *at += 1;
            }
            ways
        }
        Some(word) => {
            *at += 1;
            if tokens.get(*at) == Some(&"WITH") {
                // An exception only allows more.
                *at += 2;
            }
            vec![vec![(*word).to_owned()]]
        }
        None => Vec::new(),
    }
}

/// An address without what may be a credential in it.
fn without_secrets(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").map_or(("", address), |(scheme, rest)| (scheme, rest));
    let (head, path) = rest.split_once('/').map_or((rest, None), |(head, path)| (head, Some(path)));
    let host = head.rsplit_once('@').map_or(head, |(_, host)| host);
    let path = path.map(|path| format!("/{}", path.split('?').next().unwrap_or_default())).unwrap_or_default();
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
}

impl Program for VettingProgram {
    fn rules(&self) -> Vec<Arc<RuleMeta>> {
        self.rules.clone()
    }

    fn evaluate(&self, subject: SubjectIndex, world: &World, _: &EvalContext) -> Vec<RuleResult> {
        let Some(found) = world.subject(subject) else { return Vec::new() };
        let Some(package) = package_of(found) else { return Vec::new() };
        let mut out = Vec::new();
        let mut say = |rule: usize, status: Status, message: String| {
            let Some(rule) = self.rules.get(rule) else { return };
            out.push(RuleResult {
                rule: Arc::clone(rule),
                subject,
                status,
                message,
                at: found.span,
                judged: None,
                related: Vec::new(),
                colour: None,
                first_met: None,
            });
        };
        self.source(&package, found, &mut say);
        self.licences(&package, &mut say);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_sources() {
        let check = |source: &str, address: &str, expected: bool| assert_eq!(is_from(source, address), expected, "{source} {address}");
        check("registry.acme.example", "https://registry.acme.example/a/-/a-1.tgz", true);
        check("registry.acme.example", "https://registry.acme.example:443/a", true);
        check("registry.acme.example", "https://registry.acme.example.evil.example/a", false);
        check("registry.acme.example", "https://user:pass@registry.acme.example/a", true);
        check("registry.acme.example", "https://registry.acme.example@evil.example/a", false);
        check("*.acme.example", "https://npm.acme.example/a", true);
        check("*.acme.example", "https://acme.example/a", false);
        check("github.com/acme", "github.com/acme/action", true);
        check("github.com/acme", "github.com/acme-evil/action", false);
        check("github.com/acme/*", "github.com/acme/action@v1", true);
        check("https://acme.example/npm/", "https://acme.example/npm/a", true);
        check("https://acme.example/npm/", "https://acme.example/other/a", false);
    }

    #[test]
    fn tells_licences() {
        let check = |expression: &str, expected: &[&[&str]]| assert_eq!(alternatives(expression), expected, "{expression}");
        check("MIT", &[&["MIT"]]);
        check("MIT OR Apache-2.0", &[&["MIT"], &["Apache-2.0"]]);
        check("MIT AND (BSD-3-Clause OR Zlib)", &[&["MIT", "BSD-3-Clause"], &["MIT", "Zlib"]]);
        check("GPL-2.0-only WITH Classpath-exception-2.0 OR MIT", &[&["GPL-2.0-only"], &["MIT"]]);
        check("The MIT License", &[&["The MIT License"]]);
        check("(MIT", &[&["MIT"]]);
    }

    #[test]
    fn tells_names() {
        let package = |purl: &str| {
            let mut map = probity_value::Map::new();
            let span = probity_value::Span::NONE;
            map.insert("purl", span, Value::string(purl, span));
            let subject = Subject {
                kind: probity_core::SubjectKind::Package,
                type_name: "npm".into(),
                id: purl.into(),
                root: "".into(),
                span,
                head: span,
                value: Value::map(map, span),
                via: Vec::new(),
            };
            package_of(&subject).unwrap()
        };
        assert!(is_named("pkg:npm/%40acme/*", &package("pkg:npm/%40acme/pay@1.0.0")));
        assert!(!is_named("pkg:npm/%40acme/*", &package("pkg:npm/%40acmee/pay@1.0.0")));
        assert!(looks_like("pkg:npm/acme-pay", &package("pkg:npm/acme-pya@1.0.0")));
        assert!(looks_like("pkg:npm/acme-pay", &package("pkg:npm/acme_pay@1.0.0")));
        assert!(!looks_like("pkg:npm/acme-pay", &package("pkg:npm/acme-payments@1.0.0")));
        assert_eq!(without_secrets("https://u:p@h.example/a?token=x"), "https://h.example/a");
    }
}
