//! Secrets in files: one subject for each file that holds some, one result for each secret.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use probity_core::{
    Collected, Confidence, Diagnostic, Digest, EvalContext, Level, Program, ReadFile, RuleMeta, RuleResult, Scope, SkippedFile, Source,
    Status, Subject, SubjectIndex, SubjectKind, Suppression, SuppressionReach, SuppressionStyle, TreeError, World,
};
use probity_iac::suppress::parse_comment;
use probity_secrets::{Context, Engine, Flavour, Hit, entropy};
use probity_value::{FileId, Map, Span, Value};
use rayon::prelude::*;

/// Largest file that is searched, in bytes.
const LARGEST: u64 = 100 << 20;
/// Bits of entropy from which on nobody finds a secret by trying all there are.
const UNGUESSABLE: f64 = 80.0;

/// Bytes to a digest.
pub type Hash = Arc<dyn Fn(&[u8]) -> Digest + Send + Sync>;

/// How a secret is known again without being told: a keyed hash where there is a key, a plain one where nobody can guess what was
/// hashed, else its place among its like in the file.
#[derive(Clone)]
pub struct Naming {
    /// SHA-256.
    pub plain: Hash,
    /// HMAC-SHA-256 with the key that was given.
    pub keyed: Option<Hash>,
}

impl fmt::Debug for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Naming").field("keyed", &self.keyed.is_some()).finish_non_exhaustive()
    }
}

impl Naming {
    /// The name of a secret; `number` counts those of the same rule in the same file.
    fn name(&self, rule: &RuleMeta, secret: &[u8], number: usize) -> String {
        let message = [b"probity secret 1\0".as_slice(), rule.id.as_bytes(), b"\0", secret].concat();
        match &self.keyed {
            Some(keyed) => format!("hmac-sha256:{}", keyed(&message)),
            None if entropy(secret) * secret.len() as f64 >= UNGUESSABLE && rule.confidence >= Confidence::Firm => {
                format!("sha256:{}", (self.plain)(&message))
            }
            None => format!("number {number}"),
        }
    }
}

/// Which files are left alone, by path.
pub type LeftAlone = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Searches every file. It claims nothing: others read the same files for what they mean.
pub struct SecretSource {
    engine: Arc<Engine>,
    naming: Naming,
    left_alone: LeftAlone,
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretSource").field("naming", &self.naming).finish_non_exhaustive()
    }
}

impl SecretSource {
    /// Searches with an engine, but for the files that are left alone.
    #[must_use]
    pub fn new(engine: Arc<Engine>, naming: Naming, left_alone: LeftAlone) -> SecretSource {
        SecretSource { engine, naming, left_alone }
    }

    /// What a text holds: the subject, its suppressions. `None` where it holds nothing.
    #[must_use]
    pub fn look(
        &self,
        path: &Arc<str>,
        bytes: &[u8],
        context: Context<'_>,
        add: &dyn Fn(String) -> FileId,
    ) -> Option<(Subject, Vec<Suppression>)> {
        let hits = self.engine.scan(bytes, context);
        if hits.is_empty() {
            return None;
        }
        let shown: Vec<Range<usize>> = hits.iter().map(|hit| self.hidden(hit)).collect();
        let text = masked(bytes, &shown);
        let file = add(text);
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        let mut list = Vec::new();
        let mut suppressions = Vec::new();
        for hit in &hits {
            let Some(rule) = self.engine.rules().get(hit.rule) else { continue };
            let number = counts.entry(hit.rule).or_insert(0);
            *number += 1;
            let secret = bytes.get(hit.secret.clone()).unwrap_or_default();
            let span = Span::new(file, hit.secret.clone());
            let mut map = Map::new();
            let mut set = |key: &str, value: Value| drop(map.insert(key, span, value));
            set("rule", Value::string(Arc::clone(&rule.meta.id), span));
            set("name", Value::string(self.naming.name(&rule.meta, secret, *number), span));
            set("length", Value::int(i64::try_from(String::from_utf8_lossy(secret).chars().count()).unwrap_or(i64::MAX), span));
            let begins = secret.get(..rule.shown.min(secret.len() / 3)).map(String::from_utf8_lossy).unwrap_or_default();
            set("begins", Value::string(&*begins, span));
            list.push(Value::map(map, span));
            suppressions.extend(allowances(bytes, hit, &rule.meta, file));
        }
        let whole = Span::new(file, 0..bytes.len());
        let head = hits.first().map_or(whole, |hit| Span::new(file, hit.secret.clone()));
        let mut map = Map::new();
        map.insert("secrets", whole, Value::list(list, whole));
        let subject = Subject {
            kind: SubjectKind::File,
            type_name: "file".into(),
            id: Arc::clone(path),
            root: "".into(),
            span: whole,
            head,
            value: Value::map(map, whole),
            via: Vec::new(),
        };
        Some((subject, suppressions))
    }

    /// Whether a text has a secret of that rule and name.
    #[must_use]
    pub fn holds(&self, path: &str, bytes: &[u8], rule: &str, name: &str) -> bool {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        self.engine.scan(bytes, Context { path, commit: "" }).iter().any(|hit| {
            let Some(known) = self.engine.rules().get(hit.rule) else { return false };
            let number = counts.entry(hit.rule).or_insert(0);
            *number += 1;
            *known.meta.id == *rule && self.naming.name(&known.meta, bytes.get(hit.secret.clone()).unwrap_or_default(), *number) == name
        })
    }

    /// The part of a secret that is not shown.
    fn hidden(&self, hit: &Hit) -> Range<usize> {
        let shown = self.engine.rules().get(hit.rule).map_or(0, |rule| rule.shown);
        hit.secret.start + shown.min(hit.secret.len() / 3)..hit.secret.end
    }
}

/// Keeps of a subject the secrets that are new (by rule and name), marked with the commit they came with; whether any is left.
pub fn keep_new(subject: &mut Subject, commit: &str, mut is_new: impl FnMut(&str, &str) -> bool) -> bool {
    let span = subject.span;
    let secrets = subject.value.get("secrets").and_then(Value::as_list).unwrap_or_default();
    let mut kept = Vec::new();
    for secret in secrets {
        let text = |key: &str| secret.get(key).and_then(Value::as_str).unwrap_or_default();
        if is_new(text("rule"), text("name")) {
            let mut map = secret.as_map().cloned().unwrap_or_default();
            map.insert("commit", span, Value::string(commit, span));
            kept.push(Value::map(map, secret.span));
        }
    }
    let any = !kept.is_empty();
    let mut map = Map::new();
    map.insert("secrets", span, Value::list(kept, span));
    subject.value = Value::map(map, span);
    any
}

/// A text with the ranges covered by `*`, byte by byte, so that every place stays where it is. Bytes that are no UTF-8 become `?`.
#[must_use]
pub fn masked(bytes: &[u8], hidden: &[Range<usize>]) -> String {
    let mut out = bytes.to_vec();
    for range in hidden {
        for byte in out.get_mut(range.clone()).unwrap_or_default() {
            if !matches!(*byte, b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    let mut text = String::with_capacity(out.len());
    for chunk in out.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(std::iter::repeat_n('?', chunk.invalid().len()));
    }
    text
}

/// Comments that ask for a hit to be left out: `gitleaks:allow` on its line, `probity:allow` there or on the line above.
fn allowances(bytes: &[u8], hit: &Hit, rule: &RuleMeta, file: FileId) -> Vec<Suppression> {
    let start = bytes.get(..hit.secret.start).and_then(|before| memchr::memrchr(b'\n', before)).map_or(0, |at| at + 1);
    let end = bytes.get(hit.secret.end..).and_then(|rest| memchr::memchr(b'\n', rest)).map_or(bytes.len(), |at| hit.secret.end + at);
    let above = bytes.get(..start.saturating_sub(1)).and_then(|before| memchr::memrchr(b'\n', before)).map_or(0, |at| at + 1);
    let target = Span::new(file, start..end);
    let mut out = Vec::new();
    if hit.allowed {
        out.push(Suppression {
            style: SuppressionStyle::Gitleaks,
            id: Arc::clone(&rule.id),
            reason: "".into(),
            until: None,
            owner: None,
            span: target,
            reach: SuppressionReach::Lines,
            target,
        });
    }
    for (from, to) in [(start, end), (above, start.saturating_sub(1).max(above))] {
        let line = bytes.get(from..to).unwrap_or_default();
        if memchr::memmem::find(line, b"probity:allow").is_none() {
            continue;
        }
        let text = String::from_utf8_lossy(line);
        out.extend(
            parse_comment(&text, Span::new(file, from..to)).into_iter().filter(|parsed| parsed.style == SuppressionStyle::Probity).map(
                |parsed| Suppression {
                    style: parsed.style,
                    id: parsed.id,
                    reason: parsed.reason,
                    until: parsed.until,
                    owner: parsed.owner,
                    span: parsed.span,
                    reach: SuppressionReach::Lines,
                    target,
                },
            ),
        );
    }
    out
}

/// What came of one file.
enum Looked {
    Clean,
    Found(Box<(Subject, Vec<Suppression>)>),
    Unread(TreeError),
}

impl Source for SecretSource {
    fn id(&self) -> &'static str {
        "secrets"
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        let looked: Vec<(&Arc<str>, Looked)> = scope
            .unclaimed
            .par_iter()
            .filter(|path| !(self.left_alone)(path))
            .map(|path| {
                let looked = match scope.tree.read_within(path, LARGEST) {
                    Ok(bytes) => {
                        let add = |text: String| scope.sources.add(Arc::clone(path), text);
                        match self.look(path, &bytes, Context { path, commit: "" }, &add) {
                            Some(found) => Looked::Found(Box::new(found)),
                            None => Looked::Clean,
                        }
                    }
                    Err(error) => Looked::Unread(error),
                };
                (path, looked)
            })
            .collect();
        for (path, looked) in looked {
            let subjects = match looked {
                Looked::Clean => 0,
                Looked::Found(found) => {
                    let (subject, suppressions) = *found;
                    out.subjects.push(subject);
                    out.suppressions.extend(suppressions);
                    1
                }
                Looked::Unread(error) => {
                    let fails = !matches!(error, TreeError::TooLarge { .. });
                    let why = format!("no secret was sought in it: {error}");
                    if fails {
                        out.diagnostics.push(Diagnostic::new(Level::Error, "unreadable", Arc::clone(path), Span::NONE, why.clone()));
                    }
                    out.coverage.skipped.push(SkippedFile { file: Arc::clone(path), source: "secrets", why, fails, partly: false });
                    continue;
                }
            };
            out.coverage.read.push(ReadFile { file: Arc::clone(path), source: "secrets", subjects });
        }
        out
    }
}

/// Says of each secret found in a file what its rule says.
#[derive(Debug)]
pub struct SecretProgram {
    rules: BTreeMap<Arc<str>, Arc<RuleMeta>>,
    /// Rules of others' configurations, which no catalog lists.
    others: Vec<Arc<RuleMeta>>,
}

impl SecretProgram {
    /// Of an engine's rules.
    #[must_use]
    pub fn new(engine: &Engine) -> SecretProgram {
        let rules = engine.rules().iter().map(|rule| (Arc::clone(&rule.meta.id), Arc::clone(&rule.meta))).collect();
        let others = engine.rules().iter().filter(|rule| rule.flavour == Flavour::Go).map(|rule| Arc::clone(&rule.meta)).collect();
        SecretProgram { rules, others }
    }
}

impl Program for SecretProgram {
    fn rules(&self) -> Vec<Arc<RuleMeta>> {
        self.others.clone()
    }

    fn evaluate(&self, subject: SubjectIndex, world: &World, _: &EvalContext) -> Vec<RuleResult> {
        let Some(file) = world.subject(subject).filter(|subject| subject.kind == SubjectKind::File) else { return Vec::new() };
        let secrets = file.value.get("secrets").and_then(Value::as_list).unwrap_or_default();
        let of = |secret: &Value| {
            let text = |key: &str| secret.get(key).and_then(Value::as_str).unwrap_or_default();
            let rule = Arc::clone(self.rules.get(text("rule"))?);
            let length = secret.get("length").and_then(Value::as_int).unwrap_or(0);
            let message = match (text("begins"), length) {
                (_, 0) => "a file of this kind is a secret".to_owned(),
                ("", length) => format!("a secret of {length} characters"),
                (begins, length) => format!("a secret of {length} characters that begins with `{begins}`"),
            };
            let message = match secret.get("commit").and_then(Value::as_str) {
                Some("") => format!("{message}, in a version of the file that no commit has"),
                Some(commit) => format!("{message}, in commit {} and not in the file as it is now", commit.get(..12).unwrap_or(commit)),
                None => message,
            };
            Some(RuleResult {
                rule,
                subject,
                status: Status::Fail,
                message,
                at: secret.span,
                judged: secret.get("name").cloned(),
                related: Vec::new(),
                colour: None,
                first_met: None,
            })
        };
        secrets.iter().filter_map(of).collect()
    }
}
