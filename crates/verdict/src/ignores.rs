//! Ignore files of other tools: `.trivyignore`, `.trivyignore.yaml`, `.snyk`, `.gitleaksignore`, `.grype.yaml`, `osv-scanner.toml`,
//! cargo-audit's and cargo-deny's files, and Checkov's baseline. Each entry asks that findings of a rule do not count. They count as comments do: as they stand at the base revision, where `gate.suppressions` allows them, until their
//! own last day, and never for a rule that nothing can waive. What they ask for that cannot be taken over is said.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use probity_core::{Diagnostic, ExceptionRef, Finding, Level, RuleMeta, Timestamp};
use probity_value::{Data, SourceMap, Span, Value, json, yaml};

use crate::base::JudgeFile;
use crate::config::Config;
use crate::config::reader::shown;
use crate::day::has_expired;
use crate::pattern::PathPattern;
use crate::suppression::Refusal;
use crate::words::{count, names};
use crate::{Day, ids};

/// The files that are looked for at the top of the judged folder.
pub const FILES: &[&str] = &[
    ".trivyignore",
    ".trivyignore.yaml",
    ".trivyignore.yml",
    ".snyk",
    ".gitleaksignore",
    ".grype.yaml",
    ".grype/config.yaml",
    "osv-scanner.toml",
    ".cargo/audit.toml",
    "audit.toml",
    "deny.toml",
];

const CODE: &str = "ignore-file";

/// One entry.
#[derive(Clone, Debug)]
pub struct Ignore {
    /// Whose file it is: `trivy`, `snyk`, `checkov`.
    pub tool: &'static str,
    /// Rule id or alias; `*` for every known hole of its packages.
    pub id: Arc<str>,
    /// Paths it is for; empty for all.
    paths: Vec<PathPattern>,
    /// The resource it is for, in the tool's own spelling; empty for all.
    resource: Arc<str>,
    /// The line it is for.
    line: Option<u32>,
    /// The packages it is for.
    package: Option<PackageIs>,
    /// Last day it counts, as written.
    until: Option<Arc<str>>,
    /// The reason given; empty where none.
    reason: Arc<str>,
    /// `file:line`.
    place: Arc<str>,
}

/// Which packages an entry is for, by their package URL.
#[derive(Clone, Debug, Default)]
struct PackageIs {
    /// Its type (`npm`).
    kind: Option<Arc<str>>,
    /// Its name with its namespace, or without; an expression where the tool takes one.
    name: Option<regex::Regex>,
    version: Option<Arc<str>>,
}

impl PackageIs {
    fn holds(&self, finding: &Finding) -> bool {
        if finding.subject.kind != probity_core::SubjectKind::Package {
            return false;
        }
        let Some((kind, name, version)) = purl_parts(&finding.subject.id) else { return false };
        let last = name.rsplit('/').next().unwrap_or(&name);
        let maven = name.rsplit_once('/').map(|(group, artifact)| format!("{group}:{artifact}"));
        let named = |wanted: &regex::Regex| {
            wanted.is_match(&name) || wanted.is_match(last) || maven.as_deref().is_some_and(|maven| wanted.is_match(maven))
        };
        self.kind.as_deref().is_none_or(|wanted| wanted == kind)
            && self.name.as_ref().is_none_or(named)
            && self.version.as_deref().is_none_or(|wanted| wanted == version)
    }
}

/// Type, full name and version of a package URL.
fn purl_parts(purl: &str) -> Option<(String, String, String)> {
    let rest = purl.strip_prefix("pkg:")?;
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (kind, rest) = rest.split_once('/')?;
    let (name, version) = match rest.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() => (name, version),
        _ => (rest, ""),
    };
    Some((kind.to_ascii_lowercase(), decoded(name), decoded(version)))
}

/// A text without percent-encoding.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let byte = match after.split_at_checked(2) {
            Some((digits, _)) if *first == b'%' => std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A name as it is written, or as an expression over the whole name.
fn name_is(text: &str, expression: bool) -> Result<regex::Regex, regex::Error> {
    if expression { regex::Regex::new(&format!("^(?:{text})$")) } else { regex::Regex::new(&format!("^{}$", regex::escape(text))) }
}

/// What ignore files say.
#[derive(Clone, Debug, Default)]
pub struct Ignores {
    entries: Vec<Ignore>,
    /// What is wrong with the files: warnings, since what cannot be read covers nothing.
    pub diagnostics: Vec<Diagnostic>,
}

/// Whether a baseline is one of Checkov's.
#[must_use]
pub fn is_checkov_baseline(text: &str) -> bool {
    text.trim_start().starts_with('{') && text.contains("\"failed_checks\"")
}

impl Ignores {
    /// Reads all files, each by its name; one of another name is a baseline of Checkov's.
    #[must_use]
    pub fn read(files: &[JudgeFile], sources: &SourceMap) -> Ignores {
        let mut out = Ignores::default();
        for file in files {
            let name = file.path.rsplit('/').next().unwrap_or(&file.path);
            match name {
                ".trivyignore" => lines(file, &mut out),
                ".trivyignore.yaml" | ".trivyignore.yml" => with_document(file, sources, &mut out, trivy),
                ".snyk" => with_document(file, sources, &mut out, snyk),
                ".gitleaksignore" => gitleaks(file, &mut out),
                ".grype.yaml" | "config.yaml" => with_document(file, sources, &mut out, grype),
                "osv-scanner.toml" => with_toml(file, sources, &mut out, osv_scanner),
                "audit.toml" | "deny.toml" => with_toml(file, sources, &mut out, rustsec),
                _ => checkov(file, sources, &mut out),
            }
        }
        out
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn warn(&mut self, file: &Arc<str>, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(Level::Warning, CODE, Arc::clone(file), span, message));
    }

    fn pattern(&mut self, file: &Arc<str>, span: Span, text: &str) -> Option<PathPattern> {
        match PathPattern::new(text.trim_start_matches('/')) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.warn(file, span, format!("{error}; the entry covers nothing"));
                None
            }
        }
    }
}

/// `.trivyignore`: an id a line, with `exp:2027-01-31` behind it.
fn lines(file: &JudgeFile, out: &mut Ignores) {
    for (number, line, reason) in commented(&file.text) {
        let mut parts = line.split_whitespace();
        let Some(id) = parts.next() else { continue };
        let until = parts.find_map(|part| part.strip_prefix("exp:")).map(Arc::from);
        out.entries.push(Ignore {
            tool: "trivy",
            id: id.into(),
            paths: Vec::new(),
            resource: "".into(),
            line: None,
            package: None,
            until,
            reason,
            place: format!("{}:{number}", file.path).into(),
        });
    }
}

type Read = fn(&JudgeFile, &Value, &SourceMap, &mut Ignores);

fn with_document(file: &JudgeFile, sources: &SourceMap, out: &mut Ignores, read: Read) {
    let (documents, problems) = yaml::parse(&file.text, file.file);
    if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
        out.warn(&file.path, problem.span, format!("{}; nothing in it counts", problem.message));
        return;
    }
    if let Some(document) = documents.first() {
        read(file, &document.value, sources, out);
    }
}

/// A text that may be missing. What is there and no text is refused: a wish that is not understood would make an entry cover more.
fn wish(value: Option<&Value>) -> Result<Option<Arc<str>>, NotUnderstood> {
    match value.filter(|value| !value.is_null()) {
        None => Ok(None),
        some => text(some).map(Some).ok_or(NotUnderstood),
    }
}

/// A list that may be missing.
fn wishes(value: Option<&Value>) -> Result<&[Value], NotUnderstood> {
    value.filter(|value| !value.is_null()).map_or(Ok(&[]), |value| value.as_list().ok_or(NotUnderstood))
}

/// Part of an entry has a form that is not understood.
struct NotUnderstood;

/// The lines of a file that say something, numbered from one, each with the comment right above it.
fn commented(text: &str) -> impl Iterator<Item = (usize, &str, Arc<str>)> {
    let mut reason: Arc<str> = "".into();
    text.lines().enumerate().filter_map(move |(number, line)| {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            reason = comment.trim().into();
            return None;
        }
        if line.is_empty() {
            reason = "".into();
            return None;
        }
        Some((number + 1, line, Arc::clone(&reason)))
    })
}

fn with_toml(file: &JudgeFile, sources: &SourceMap, out: &mut Ignores, read: Read) {
    match probity_inputs::document(probity_inputs::Kind::Toml, &file.text, file.file) {
        Ok(value) => read(file, &value, sources, out),
        Err(problems) => {
            for problem in problems.iter().take(1) {
                out.warn(&file.path, problem.span, format!("{}; nothing in it counts", problem.message));
            }
        }
    }
}

fn text(value: Option<&Value>) -> Option<Arc<str>> {
    match &value?.data {
        Data::String(text) => Some(Arc::clone(text)),
        Data::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// The day of `2027-01-31` or `2027-01-31T08:40:35.249Z`.
fn day(text: &str) -> Arc<str> {
    text.split(['T', ' ']).next().unwrap_or(text).into()
}

fn place(file: &JudgeFile, span: Span, sources: &SourceMap) -> Arc<str> {
    match sources.locate(span) {
        Some((_, start, _)) => format!("{}:{}", file.path, start.line).into(),
        None => Arc::clone(&file.path),
    }
}

/// `.trivyignore.yaml`: `misconfigurations`, `vulnerabilities` and `secrets`, each `[{id, paths, purls, expired_at, statement}]`.
fn trivy(file: &JudgeFile, value: &Value, sources: &SourceMap, out: &mut Ignores) {
    if let Some(licences) = value.get("licenses").filter(|list| list.as_list().is_some_and(|list| !list.is_empty())) {
        out.warn(&file.path, licences.span, "licences are allowed by `packages.allowed_licences`; the entries cover nothing");
    }
    let lists = ["misconfigurations", "vulnerabilities", "secrets"];
    let items = lists.iter().flat_map(|key| value.get(key).and_then(Value::as_list).unwrap_or_default());
    for item in items {
        let Some(id) = text(item.get("id")) else {
            out.warn(&file.path, item.span, "an entry without an `id` covers nothing");
            continue;
        };
        let narrower = format!("the entry for `{}` is narrower than can be told here; it covers nothing", shown(&id));
        let (Ok(listed), Ok(purls), Ok(until)) = (wishes(item.get("paths")), wishes(item.get("purls")), wish(item.get("expired_at")))
        else {
            out.warn(&file.path, item.span, narrower);
            continue;
        };
        let mut paths = Vec::new();
        let mut broken = false;
        for path in listed {
            match path.as_str().and_then(|text| out.pattern(&file.path, path.span, text)) {
                Some(pattern) => paths.push(pattern),
                None => broken = true,
            }
        }
        let packages: Vec<Option<PackageIs>> = purls.iter().map(|purl| package_of(purl.as_str()?)).collect();
        if packages.iter().any(Option::is_none) || broken && paths.is_empty() {
            out.warn(&file.path, item.span, narrower);
            continue;
        }
        let packages = if packages.is_empty() { vec![None] } else { packages };
        for package in packages {
            out.entries.push(Ignore {
                tool: "trivy",
                id: Arc::clone(&id),
                paths: paths.clone(),
                resource: "".into(),
                line: None,
                package,
                until: until.as_deref().map(day),
                reason: text(item.get("statement")).unwrap_or_default(),
                place: place(file, item.span, sources),
            });
        }
    }
}

/// The packages a package URL stands for: those of its type and name, and its version where it has one.
fn package_of(purl: &str) -> Option<PackageIs> {
    let (kind, name, version) = purl_parts(purl)?;
    let version = (!version.is_empty()).then(|| version.into());
    Some(PackageIs { kind: Some(kind.into()), name: Some(name_is(&name, false).ok()?), version })
}

/// `.gitleaksignore`: `file:rule:line` a line, or `commit:file:rule:line`. An entry with a commit covers the place in the file as it lies
/// there too: it is the same secret until the line changes.
fn gitleaks(file: &JudgeFile, out: &mut Ignores) {
    for (number, line, reason) in commented(&file.text) {
        let place: Arc<str> = format!("{}:{number}", file.path).into();
        let mut parts = line.rsplitn(3, ':');
        let (at, rule, path) = (parts.next().and_then(|at| at.parse::<u32>().ok()), parts.next(), parts.next());
        let (Some(at), Some(rule), Some(path)) = (at, rule.filter(|rule| !rule.is_empty()), path) else {
            out.warn(&file.path, Span::NONE, format!("{place}: this is no `file:rule:line`; the entry covers nothing"));
            continue;
        };
        let is_commit = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let path = path.split_once(':').filter(|(commit, _)| is_commit(commit)).map_or(path, |(_, path)| path);
        let Ok(path) = PathPattern::new(&globset::escape(path.trim_start_matches("./").trim_start_matches('/'))) else {
            out.warn(&file.path, Span::NONE, format!("{place}: the path cannot be one; the entry covers nothing"));
            continue;
        };
        out.entries.push(Ignore {
            tool: "gitleaks",
            id: format!("gitleaks:{rule}").into(),
            paths: vec![path],
            resource: "".into(),
            line: Some(at),
            package: None,
            until: None,
            reason,
            place,
        });
    }
}

/// Types of packages as Grype calls them, and as package URLs do.
const GRYPE_TYPES: &[(&str, &str)] = &[
    ("apk", "apk"),
    ("conan", "conan"),
    ("dart-pub", "pub"),
    ("deb", "deb"),
    ("dotnet", "nuget"),
    ("gem", "gem"),
    ("go-module", "golang"),
    ("hex", "hex"),
    ("java-archive", "maven"),
    ("npm", "npm"),
    ("php-composer", "composer"),
    ("python", "pypi"),
    ("rpm", "rpm"),
    ("rust-crate", "cargo"),
    ("swift", "swift"),
];

/// `.grype.yaml`: `ignore: [{vulnerability, reason, package: {name, version, type, location}}]`.
fn grype(file: &JudgeFile, value: &Value, sources: &SourceMap, out: &mut Ignores) {
    for item in value.get("ignore").and_then(Value::as_list).unwrap_or_default() {
        let Some(map) = item.as_map() else { continue };
        let read = wish(map.get("vulnerability"));
        let id = read.as_ref().ok().cloned().flatten().filter(|id| !id.is_empty());
        let said = id.clone().unwrap_or_else(|| "*".into());
        let narrower = |out: &mut Ignores, what: &str| {
            let message = format!("the entry for `{}` asks for `{what}`, which cannot be told here; it covers nothing", shown(&said));
            out.warn(&file.path, item.span, message);
        };
        let mut package = PackageIs::default();
        let mut paths = Vec::new();
        let mut strange =
            map.iter().map(|(key, _)| key).find(|key| !matches!(&***key, "vulnerability" | "include-aliases" | "reason" | "package"));
        let package_at = map.get("package").filter(|value| !value.is_null());
        let of = package_at.and_then(Value::as_map);
        for (key, entry) in of.into_iter().flat_map(|of| of.iter()) {
            let text = match wish(Some(&entry.value)) {
                Ok(Some(text)) if !text.is_empty() => text,
                // Not set, as in a configuration that was written out whole.
                Ok(_) => continue,
                Err(NotUnderstood) => {
                    strange = Some(key);
                    continue;
                }
            };
            let text = &*text;
            match &**key {
                "name" => match name_is(text, true) {
                    Ok(name) => package.name = Some(name),
                    Err(_) => strange = Some(key),
                },
                "version" => package.version = Some(text.into()),
                "type" => match GRYPE_TYPES.iter().find(|(theirs, _)| *theirs == text) {
                    Some((_, kind)) => package.kind = Some((*kind).into()),
                    None => strange = Some(key),
                },
                "location" => match out.pattern(&file.path, entry.value.span, text) {
                    Some(pattern) => paths.push(pattern),
                    None => strange = Some(key),
                },
                _ => strange = Some(key),
            }
        }
        let misread = [("vulnerability", read.is_err()), ("package", package_at.is_some() && of.is_none())];
        let misread = misread.into_iter().find(|(_, misread)| *misread).map(|(key, _)| key);
        if let Some(what) = strange.map(|key| &**key).or(misread) {
            narrower(out, what);
            continue;
        }
        let asks = !paths.is_empty() || package.kind.is_some() || package.name.is_some() || package.version.is_some();
        if id.is_none() && !asks {
            out.warn(&file.path, item.span, "an entry without a vulnerability and a package covers nothing");
            continue;
        }
        out.entries.push(Ignore {
            tool: "grype",
            id: said,
            paths,
            resource: "".into(),
            line: None,
            package: asks.then_some(package),
            until: None,
            reason: text(map.get("reason")).unwrap_or_default(),
            place: place(file, item.span, sources),
        });
    }
}

/// `osv-scanner.toml`: `[[IgnoredVulns]]` with `id`, `ignoreUntil`, `reason`, and `[[PackageOverrides]]` that ignore a package.
fn osv_scanner(file: &JudgeFile, value: &Value, sources: &SourceMap, out: &mut Ignores) {
    let list = |key: &str| value.get(key).and_then(Value::as_list).unwrap_or_default();
    for item in list("IgnoredVulns") {
        let Some(id) = text(item.get("id")) else {
            out.warn(&file.path, item.span, "an entry without an `id` covers nothing");
            continue;
        };
        let Ok(until) = wish(item.get("ignoreUntil")) else {
            out.warn(&file.path, item.span, format!("the last day of the entry for `{}` is none; it covers nothing", shown(&id)));
            continue;
        };
        out.entries.push(Ignore {
            tool: "osv-scanner",
            id,
            paths: Vec::new(),
            resource: "".into(),
            line: None,
            package: None,
            until: until.as_deref().map(day),
            reason: text(item.get("reason")).unwrap_or_default(),
            place: place(file, item.span, sources),
        });
    }
    for item in list("PackageOverrides") {
        let yes = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
        if !yes(item.get("ignore")) && !yes(item.get("vulnerability").and_then(|of| of.get("ignore"))) {
            continue;
        }
        let name = text(item.get("name")).and_then(|name| name_is(&name, false).ok());
        let (Some(name), Ok(version), Ok(until), None, None) =
            (name, wish(item.get("version")), wish(item.get("effectiveUntil")), item.get("ecosystem"), item.get("group"))
        else {
            out.warn(&file.path, item.span, "an override that asks for more than name and version covers nothing");
            continue;
        };
        out.entries.push(Ignore {
            tool: "osv-scanner",
            id: "*".into(),
            paths: Vec::new(),
            resource: "".into(),
            line: None,
            package: Some(PackageIs { kind: None, name: Some(name), version }),
            until: until.as_deref().map(day),
            reason: text(item.get("reason")).unwrap_or_default(),
            place: place(file, item.span, sources),
        });
    }
}

/// cargo-audit's `audit.toml` and cargo-deny's `deny.toml`: `[advisories] ignore = ["RUSTSEC-...", { id, reason }]`, for crates.
fn rustsec(file: &JudgeFile, value: &Value, sources: &SourceMap, out: &mut Ignores) {
    let tool = if file.path.ends_with("deny.toml") { "cargo-deny" } else { "cargo-audit" };
    for item in value.get("advisories").and_then(|of| of.get("ignore")).and_then(Value::as_list).unwrap_or_default() {
        // `{ crate = ... }` is about versions that were taken back, which is no finding here.
        let Some(id) = text(Some(item)).or_else(|| text(item.get("id"))) else { continue };
        out.entries.push(Ignore {
            tool,
            id,
            paths: Vec::new(),
            resource: "".into(),
            line: None,
            package: Some(PackageIs { kind: Some("cargo".into()), ..PackageIs::default() }),
            until: None,
            reason: text(item.get("reason")).unwrap_or_default(),
            place: place(file, item.span, sources),
        });
    }
}

/// `.snyk`: `ignore: {ID: [{path: {reason, expires}}]}`. A path below a file is narrower than can be told here.
fn snyk(file: &JudgeFile, value: &Value, sources: &SourceMap, out: &mut Ignores) {
    let Some(ignored) = value.get("ignore").and_then(Value::as_map) else { return };
    for (id, entry) in ignored.iter() {
        for item in entry.value.as_list().unwrap_or_default() {
            let Some(map) = item.as_map() else { continue };
            for (path, details) in map.iter() {
                let (path_file, below) = path.split_once(" > ").unwrap_or((path, ""));
                if !below.is_empty() && below != "*" {
                    let message = format!("the entry for `{}` names a place inside a file; it covers nothing here", shown(id));
                    out.warn(&file.path, details.key, message);
                    continue;
                }
                let paths = match path_file.trim() {
                    "*" => Vec::new(),
                    one => match out.pattern(&file.path, details.key, one) {
                        Some(pattern) => vec![pattern],
                        None => continue,
                    },
                };
                out.entries.push(Ignore {
                    tool: "snyk",
                    id: Arc::clone(id),
                    paths,
                    resource: "".into(),
                    line: None,
                    package: None,
                    until: text(details.value.get("expires")).map(|text| day(&text)),
                    reason: text(details.value.get("reason")).unwrap_or_default(),
                    place: place(file, details.key, sources),
                });
            }
        }
    }
}

/// Checkov's baseline: `failed_checks: [{file, findings: [{resource, check_ids}]}]`.
fn checkov(file: &JudgeFile, sources: &SourceMap, out: &mut Ignores) {
    let (value, problems) = json::parse(&file.text, file.file);
    if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
        out.warn(&file.path, problem.span, format!("{}; nothing in it counts", problem.message));
        return;
    }
    for group in value.get("failed_checks").and_then(Value::as_list).unwrap_or_default() {
        let Some(path) = group.get("file").and_then(Value::as_str) else { continue };
        // A path is a path here, not a pattern.
        let escaped: String =
            path.chars().flat_map(|letter| if "*?[]{}\\".contains(letter) { vec!['[', letter, ']'] } else { vec![letter] }).collect();
        let Some(pattern) = out.pattern(&file.path, group.span, &escaped) else { continue };
        for one in group.get("findings").and_then(Value::as_list).unwrap_or_default() {
            let resource: Arc<str> = text(one.get("resource")).unwrap_or_default();
            for id in one.get("check_ids").and_then(Value::as_list).unwrap_or_default() {
                let Some(id) = id.as_str().filter(|_| !resource.is_empty()) else { continue };
                out.entries.push(Ignore {
                    tool: "checkov",
                    id: id.into(),
                    paths: vec![pattern.clone()],
                    resource: Arc::clone(&resource),
                    line: None,
                    package: None,
                    until: None,
                    reason: "in the baseline of Checkov".into(),
                    place: place(file, one.span, sources),
                });
            }
        }
    }
}

impl Ignore {
    /// Whether it is about what a finding's rule says.
    fn answers(&self, finding: &Finding) -> bool {
        if &*self.id == "*" {
            finding.rule.engine == "advisories" && ids::is_advisory(&finding.rule.id)
        } else {
            ids::answers(&finding.rule, &self.id)
        }
    }

    fn reaches(&self, finding: &Finding) -> bool {
        let paths = || [&finding.at.file, &finding.subject_at.file].into_iter().any(|file| self.paths.iter().any(|one| one.matches(file)));
        (self.paths.is_empty() || paths())
            && (self.resource.is_empty() || self.names_subject(finding))
            && self.line.is_none_or(|line| line == finding.at.line)
            && self.package.as_ref().is_none_or(|package| package.holds(finding))
    }

    /// Whether Checkov calls the subject that.
    fn names_subject(&self, finding: &Finding) -> bool {
        let subject = &finding.subject;
        let wanted = &*self.resource;
        let id = &*subject.id;
        let plain = id.replace(".data.", ".");
        let plain = plain.strip_prefix("data.").unwrap_or(&plain);
        wanted == id
            || wanted == plain
            || wanted == format!("{}.{id}", subject.type_name)
            || wanted == id.replace('/', ".")
            || (subject.kind == probity_core::SubjectKind::Dockerfile
                && wanted
                    .rsplit_once('.')
                    .is_some_and(|(_, suffix)| suffix == &*subject.type_name || suffix.is_empty() && &*subject.type_name == "Dockerfile"))
    }

    fn fault(&self, now: Timestamp) -> Option<Refusal> {
        let until = self.until.as_ref()?;
        match until.parse::<Day>() {
            Ok(day) => has_expired(day, now).then_some(Refusal::Expired(day)),
            Err(_) => Some(Refusal::BadUntil(Arc::clone(until))),
        }
    }
}

/// The entries of a run, at work.
pub(crate) struct Cover<'a> {
    ignores: &'a Ignores,
    config: &'a Config,
    rules: &'a [Arc<RuleMeta>],
    now: Timestamp,
    matched: HashSet<usize>,
    refused: BTreeSet<String>,
}

impl<'a> Cover<'a> {
    pub(crate) fn new(ignores: &'a Ignores, config: &'a Config, rules: &'a [Arc<RuleMeta>], now: Timestamp) -> Cover<'a> {
        Cover { ignores, config, rules, now, matched: HashSet::new(), refused: BTreeSet::new() }
    }

    /// What covers a finding.
    pub(crate) fn cover(&mut self, finding: &Finding) -> Option<ExceptionRef> {
        let mut covered = None;
        for (position, one) in self.ignores.entries.iter().enumerate() {
            if !one.answers(finding) || !one.reaches(finding) {
                continue;
            }
            self.matched.insert(position);
            let settings = self.config.settings_for_all(crate::decide::places(finding));
            let refusal = if self.config.never_waived(&finding.rule) {
                Some(Refusal::NotWaivable(Arc::clone(&finding.rule.id)))
            } else if !settings.suppressions.allows(finding.rule.severity) {
                Some(Refusal::Forbidden(finding.rule.severity))
            } else {
                one.fault(self.now)
            };
            match refusal {
                Some(refusal) => {
                    self.refused.insert(format!("the entry for `{}` at `{}` does not count: {refusal}", shown(&one.id), one.place));
                }
                None if covered.is_none() => {
                    covered = Some(ExceptionRef {
                        source: one.tool.into(),
                        id: Arc::clone(&one.place),
                        kind: None,
                        reason: Arc::clone(&one.reason),
                        by: None,
                        expires: one.until.clone(),
                    });
                }
                None => {}
            }
        }
        covered
    }

    /// What is to be said once all findings were looked at: what did not count, what ran out, and ids nobody here answers to.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut out: Vec<String> = self.refused.iter().cloned().collect();
        let mut foreign: BTreeSet<&str> = BTreeSet::new();
        for (position, one) in self.ignores.entries.iter().enumerate().filter(|(position, _)| !self.matched.contains(position)) {
            let _ = position;
            if ids::find(self.rules, &one.id).next().is_none() {
                // A hole that no package here has needs no entry.
                if &*one.id != "*" && !ids::is_advisory(&one.id) {
                    foreign.insert(&one.id);
                }
            } else if let Some(fault) = one.fault(self.now) {
                out.push(format!("the entry for `{}` at `{}` does not count: {fault}", shown(&one.id), one.place));
            }
        }
        if !foreign.is_empty() {
            out.push(format!("ignore files name {} that no rule here answers to: {}", count(foreign.len(), "check"), names(foreign, 5)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{finding, now, rule};
    use probity_core::{Severity, Status};

    fn file(path: &str, text: &str, sources: &SourceMap) -> JudgeFile {
        JudgeFile { path: path.into(), text: text.into(), file: sources.add(path, text), signature: None }
    }

    /// Whether a finding of `aws-a` (alias `AWS-0001`) on `aws_s3_bucket.b` in `prod/main.tf` is covered, and what is said.
    fn says(path: &str, text: &str, config: &Config) -> (bool, String) {
        let sources = SourceMap::new();
        let ignores = Ignores::read(&[file(path, text, &sources)], &sources);
        let mut meta = rule("aws-a", Severity::High);
        Arc::make_mut(&mut meta).aliases = vec!["AWS-0001".into(), "CKV_AWS_1".into()];
        let rules = [Arc::clone(&meta)];
        let mut cover = Cover::new(&ignores, config, &rules, now());
        let covered = cover.cover(&finding(&meta, "aws_s3_bucket.b", "prod/main.tf", Status::Fail)).is_some();
        let mut said = cover.notes();
        said.extend(ignores.diagnostics.iter().map(|one| one.message.clone()));
        (covered, said.join("; "))
    }

    fn check(path: &str, text: &str, covered: bool, said: &str) {
        assert_eq!(says(path, text, &Config::default()), (covered, said.to_owned()), "{path} {text}");
    }

    #[test]
    fn trivy_lines() {
        check(".trivyignore", "# a reason\nAVD-AWS-0001\n", true, "");
        check(".trivyignore", "AWS-0001 exp:2027-01-31", true, "");
        check(
            ".trivyignore",
            "AWS-0001 exp:2020-01-31",
            false,
            "the entry for `AWS-0001` at `.trivyignore:1` does not count: it ran out on 2020-01-31",
        );
        check(".trivyignore", "AVD-XX-1\n", false, "ignore files name 1 check that no rule here answers to: `AVD-XX-1`");
        check(".trivyignore", "CVE-2020-1\n", false, "");
        check(".trivyignore", "", false, "");
    }

    #[test]
    fn trivy_yaml() {
        let entry = |more: &str| format!("misconfigurations:\n  - id: AVD-AWS-0001\n{more}");
        check(".trivyignore.yaml", &entry("    statement: known\n"), true, "");
        check(".trivyignore.yaml", &entry("    paths: [prod/*.tf]\n"), true, "");
        check(".trivyignore.yaml", &entry("    paths: [test]\n"), false, "");
        let out = "the entry for `AVD-AWS-0001` at `.trivyignore.yaml:2` does not count: it ran out on 2020-01-01";
        check(".trivyignore.yaml", &entry("    expired_at: 2020-01-01\n"), false, out);
        let licences = "licences are allowed by `packages.allowed_licences`; the entries cover nothing";
        check(".trivyignore.yaml", "licenses: [{id: MIT}]", false, licences);
        assert!(says(".trivyignore.yaml", "a: [", &Config::default()).1.contains("nothing in it counts"));
    }

    /// Whether a finding of a hole (`CVE-2024-1`, alias `RUSTSEC-2024-0001`) in a package of `Cargo.lock` is covered, and what is said.
    fn hole(path: &str, text: &str, purl: &str, covered: bool, expected: &str) {
        let sources = SourceMap::new();
        let ignores = Ignores::read(&[file(path, text, &sources)], &sources);
        let mut meta = rule("CVE-2024-1", Severity::High);
        let inner = Arc::make_mut(&mut meta);
        (inner.engine, inner.aliases) = ("advisories", vec!["RUSTSEC-2024-0001".into()]);
        let (rules, config) = ([], Config::default());
        let mut cover = Cover::new(&ignores, &config, &rules, now());
        let mut one = finding(&meta, purl, "Cargo.lock", Status::Fail);
        one.subject.kind = probity_core::SubjectKind::Package;
        let found = cover.cover(&one).is_some();
        let mut said = cover.notes();
        said.extend(ignores.diagnostics.iter().map(|one| one.message.clone()));
        assert_eq!((found, said.join("; ")), (covered, expected.to_owned()), "{path} {text} {purl}");
    }

    #[test]
    fn holes_of_packages() {
        const CRATE: &str = "pkg:cargo/time@0.1.44";
        const SCOPED: &str = "pkg:npm/%40acme/core@1.0.0";
        let trivy = |more: &str| format!("vulnerabilities:\n  - id: CVE-2024-1\n{more}");
        hole(".trivyignore.yaml", &trivy(""), CRATE, true, "");
        hole(".trivyignore.yaml", &trivy("    purls: ['pkg:cargo/time']\n"), CRATE, true, "");
        hole(".trivyignore.yaml", &trivy("    purls: ['pkg:cargo/time@0.1.45']\n"), CRATE, false, "");
        hole(".trivyignore.yaml", &trivy("    purls: ['pkg:npm/@acme/core']\n"), SCOPED, true, "");
        let narrower = "the entry for `CVE-2024-1` is narrower than can be told here; it covers nothing";
        hole(".trivyignore.yaml", &trivy("    purls: [time]\n"), CRATE, false, narrower);

        hole(".grype.yaml", "ignore: [{vulnerability: RUSTSEC-2024-0001, reason: r}]", CRATE, true, "");
        hole(".grype.yaml", "ignore: [{package: {name: 'ti.*', type: rust-crate}}]", CRATE, true, "");
        hole(".grype.yaml", "ignore: [{package: {name: core, version: 1.0.0}}]", SCOPED, true, "");
        hole(".grype.yaml", "ignore: [{package: {name: core, version: 1.0.1}}]", SCOPED, false, "");
        hole(".grype.yaml", "ignore: [{package: {type: npm}}]", CRATE, false, "");
        hole(".grype.yaml", "ignore: [{vulnerability: CVE-2024-1, package: {location: '*.lock'}}]", CRATE, true, "");
        let fix = "the entry for `CVE-2024-1` asks for `fix-state`, which cannot be told here; it covers nothing";
        hole(".grype.yaml", "ignore: [{vulnerability: CVE-2024-1, fix-state: unknown}]", CRATE, false, fix);
        // What is not understood makes no entry wider.
        let asks = |what: &str| format!("the entry for `CVE-2024-1` asks for `{what}`, which cannot be told here; it covers nothing");
        hole(".grype.yaml", "ignore: [{vulnerability: CVE-2024-1, package: {version: [1]}}]", CRATE, false, &asks("version"));
        hole(".grype.yaml", "ignore: [{vulnerability: CVE-2024-1, package: [time]}]", CRATE, false, &asks("package"));
        hole(".grype.yaml", "ignore: [{vulnerability: CVE-2024-1, package: {name: '', version: ''}}]", SCOPED, true, "");
        let all = "the entry for `*` asks for `vulnerability`, which cannot be told here; it covers nothing";
        hole(".grype.yaml", "ignore: [{vulnerability: [CVE-2024-1], package: {name: time}}]", CRATE, false, all);
        hole(".trivyignore.yaml", &trivy("    purls: 'pkg:cargo/other'\n"), CRATE, false, narrower);
        hole(".trivyignore.yaml", &trivy("    purls: [[a]]\n"), CRATE, false, narrower);
        hole(".trivyignore.yaml", &trivy("    paths: other\n"), CRATE, false, narrower);
        hole(".trivyignore.yaml", &trivy("    expired_at: [2020-01-01]\n"), CRATE, false, narrower);
        hole(".grype.yaml", "ignore: [{}]", CRATE, false, "an entry without a vulnerability and a package covers nothing");

        hole("osv-scanner.toml", "[[IgnoredVulns]]\nid = 'CVE-2024-1'\nignoreUntil = 2099-01-01\n", CRATE, true, "");
        let out = "the entry for `CVE-2024-1` at `osv-scanner.toml:1` does not count: it ran out on 2020-01-01";
        hole("osv-scanner.toml", "[[IgnoredVulns]]\nid = 'CVE-2024-1'\nignoreUntil = 2020-01-01\n", CRATE, false, out);
        let no_day = "the last day of the entry for `CVE-2024-1` is none; it covers nothing";
        hole("osv-scanner.toml", "[[IgnoredVulns]]\nid = 'CVE-2024-1'\nignoreUntil = true\n", CRATE, false, no_day);
        let more = "an override that asks for more than name and version covers nothing";
        hole("osv-scanner.toml", "[[PackageOverrides]]\nname = 'time'\nversion = ['1']\nignore = true\n", CRATE, false, more);
        hole("osv-scanner.toml", "[[PackageOverrides]]\nname = 'time'\nignore = true\n", CRATE, true, "");
        hole("osv-scanner.toml", "[[PackageOverrides]]\nname = 'time'\nlicense.ignore = true\n", CRATE, false, "");
        hole("deny.toml", "[advisories]\nignore = [{ id = 'RUSTSEC-2024-0001', reason = 'r' }]\n", CRATE, true, "");
        hole(".cargo/audit.toml", "[advisories]\nignore = ['RUSTSEC-2024-0001']\n", CRATE, true, "");
        hole(".cargo/audit.toml", "[advisories]\nignore = ['RUSTSEC-2024-0001']\n", SCOPED, false, "");
    }

    #[test]
    fn gitleaks_fingerprints() {
        let says = |text: &str, line: u32| {
            let sources = SourceMap::new();
            let ignores = Ignores::read(&[file(".gitleaksignore", text, &sources)], &sources);
            let mut meta = rule("secret-a", Severity::High);
            Arc::make_mut(&mut meta).aliases = vec!["gitleaks:aws-access-token".into()];
            let (rules, config) = ([Arc::clone(&meta)], Config::default());
            let mut cover = Cover::new(&ignores, &config, &rules, now());
            let mut one = finding(&meta, "conf/a [1].py", "conf/a [1].py", Status::Fail);
            one.at.line = line;
            (cover.cover(&one).is_some(), ignores.diagnostics.len())
        };
        assert_eq!(says("# known\nconf/a [1].py:aws-access-token:7\n", 7), (true, 0));
        assert_eq!(says("conf/a [1].py:aws-access-token:7\n", 8), (false, 0));
        assert_eq!(says(&format!("{}:conf/a [1].py:aws-access-token:7\n", "ab".repeat(20)), 7), (true, 0));
        assert_eq!(says("conf/a 1.py:aws-access-token:7\n", 7), (false, 0));
        assert_eq!(says("conf/a [1].py:7\n", 7), (false, 1));
    }

    #[test]
    fn snyk_entries() {
        let entry = |path: &str, more: &str| format!("version: v1.19.0\nignore:\n  AWS-0001:\n    - '{path}':\n        reason: r\n{more}");
        check(".snyk", &entry("*", ""), true, "");
        check(".snyk", &entry("prod/main.tf", ""), true, "");
        check(".snyk", &entry("prod/main.tf > *", ""), true, "");
        check(".snyk", &entry("test/main.tf", ""), false, "");
        check(
            ".snyk",
            &entry("prod/main.tf > resource", ""),
            false,
            "the entry for `AWS-0001` names a place inside a file; it covers nothing here",
        );
        let out = "the entry for `AWS-0001` at `.snyk:4` does not count: it ran out on 2020-01-01";
        check(".snyk", &entry("*", "        expires: 2020-01-01T00:00:00.000Z\n"), false, out);
    }

    #[test]
    fn checkov_baseline() {
        let text = |file: &str, resource: &str| {
            format!(
                r#"{{"failed_checks": [{{"file": "{file}", "findings": [{{"resource": "{resource}", "check_ids": ["CKV_AWS_1"]}}]}}]}}"#
            )
        };
        assert!(is_checkov_baseline(&text("/a", "b")));
        check(".checkov.baseline", &text("/prod/main.tf", "aws_s3_bucket.b"), true, "");
        check(".checkov.baseline", &text("/prod/main.tf", "aws_s3_bucket.c"), false, "");
        check(".checkov.baseline", &text("/main.tf", "aws_s3_bucket.b"), false, "");
    }

    #[test]
    fn the_configuration_may_forbid_them() {
        let mut strict = Config::default();
        strict.gate.suppressions = crate::config::SuppressionPolicy::Forbid;
        let (covered, said) = says(".trivyignore", "AWS-0001", &strict);
        assert!(!covered && said.contains("does not count"), "{said}");
        let mut never = Config::default();
        never.exceptions.never.insert("aws-a".into());
        assert!(!says(".trivyignore", "AWS-0001", &never).0);
    }
}
