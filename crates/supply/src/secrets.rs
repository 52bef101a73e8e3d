//! Secrets in files: one subject for each file that holds some, one result for each secret. A file in an archive is a file like others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use probity_core::{
    Collected, Confidence, Diagnostic, Digest, EvalContext, Level, Program, ReadFile, RuleMeta, RuleResult, Scope, SkippedFile, Source,
    Status, Subject, SubjectIndex, SubjectKind, Suppression, SuppressionReach, SuppressionStyle, TreeError, World,
};
use probity_iac::suppress::parse_comment;
use probity_secrets::{Context, DECODE_DEPTH, Engine, Flavour, Hit, entropy};
use probity_value::{FileId, Map, Span, Value};
use rayon::prelude::*;

use crate::archives::{self, Bounds, Form, Unread};

/// Largest file that is searched, in bytes.
const LARGEST: u64 = 100 << 20;
/// Most bytes that are unpacked of one file.
const MOST_UNPACKED: u64 = 1 << 30;
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

/// What is asked about a text, with its path.
type Ask<'a, T> = dyn Fn(&Arc<str>, &[u8]) -> Option<T> + Sync + 'a;

/// Which files are left alone, by path.
pub type LeftAlone = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// How far a secret may be wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// How deep archives are opened within each other; 0 for not at all.
    pub archives: usize,
    /// How many times encoded a value is decoded; 0 for not at all.
    pub encodings: usize,
}

impl Depth {
    /// How deep archives are opened, unless somebody says otherwise.
    pub const ARCHIVES: usize = 8;
    /// How many times encoded a value is decoded, unless somebody says otherwise.
    pub const ENCODINGS: usize = DECODE_DEPTH;
}

impl Default for Depth {
    fn default() -> Depth {
        Depth { archives: Depth::ARCHIVES, encodings: Depth::ENCODINGS }
    }
}

/// What a file holds, and what lies in it where it is an archive.
#[derive(Debug, Default)]
pub struct Searched {
    /// Each text with secrets, and the comments in it that allow some.
    pub found: Vec<(Subject, Vec<Suppression>)>,
    /// What was not read of an archive.
    pub unread: Vec<Unread>,
}

impl Searched {
    /// Whether all was read and nothing found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.found.is_empty() && self.unread.is_empty()
    }
}

/// A secret as it is known again: the path of its text, its rule, its name.
pub type Known = (Arc<str>, String, String);

/// Searches every file. It claims nothing: others read the same files for what they mean.
pub struct SecretSource {
    engine: Arc<Engine>,
    naming: Naming,
    left_alone: LeftAlone,
    depth: Depth,
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretSource").field("naming", &self.naming).finish_non_exhaustive()
    }
}

impl SecretSource {
    /// Searches with an engine, but for the files that are left alone.
    #[must_use]
    pub fn new(engine: Arc<Engine>, naming: Naming, left_alone: LeftAlone, depth: Depth) -> SecretSource {
        SecretSource { engine, naming, left_alone, depth }
    }

    /// Searches a file, and where it is an archive what lies in it. `add` takes the texts in, masked, with their paths.
    #[must_use]
    pub fn search(&self, path: &Arc<str>, bytes: &[u8], commit: &str, add: &(dyn Fn(&Arc<str>, String) -> FileId + Sync)) -> Searched {
        let look = |path: &Arc<str>, bytes: &[u8]| self.look(path, bytes, Context { path, commit }, &|text| add(path, text));
        let (found, unread) = self.each(path, bytes, &look);
        Searched { found, unread }
    }

    /// The secrets of a file, and where it is an archive of what lies in it.
    #[must_use]
    pub fn known(&self, path: &Arc<str>, bytes: &[u8]) -> BTreeSet<Known> {
        let names = |path: &Arc<str>, bytes: &[u8]| {
            let hits = self.engine.search(bytes, Context { path, commit: "" }, self.depth.encodings);
            let known: Vec<Known> = self.named(&hits, bytes).map(|(_, rule, name)| (Arc::clone(path), rule.id.to_string(), name)).collect();
            Some(known)
        };
        self.each(path, bytes, &names).0.into_iter().flatten().collect()
    }

    /// What a text says where it tells of itself and is not judged: its letters, with the secrets covered.
    #[must_use]
    pub fn covered(&self, text: &str) -> String {
        let hits = self.engine.search(text.as_bytes(), Context::default(), self.depth.encodings);
        masked(text.as_bytes(), &hits.into_iter().map(|hit| hit.secret).collect::<Vec<_>>())
    }

    /// Asks about each text of a file: itself, or where it is an archive those in it.
    fn each<T: Send>(&self, path: &Arc<str>, bytes: &[u8], ask: &Ask<'_, T>) -> (Vec<T>, Vec<Unread>) {
        let form = if self.depth.archives == 0 { None } else { Form::of(bytes) };
        let Some(form) = form else { return (ask(path, bytes).into_iter().collect(), Vec::new()) };
        // What its name alone says of it.
        let mut out: Vec<T> = ask(path, &[]).into_iter().collect();
        let bounds = Bounds { depth: self.depth.archives, largest: LARGEST, total: MOST_UNPACKED };
        let unread = archives::texts(path, form, bytes, bounds, &|path| !(self.left_alone)(path), &mut |batch| {
            let found: Vec<Option<T>> = batch.par_iter().map(|text| ask(&text.path, &text.bytes)).collect();
            out.extend(found.into_iter().flatten());
        });
        (out, unread)
    }

    /// Each hit with its rule and the name by which it is known again.
    fn named<'h>(&'h self, hits: &'h [Hit], bytes: &'h [u8]) -> impl Iterator<Item = (&'h Hit, &'h RuleMeta, String)> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        hits.iter().filter_map(move |hit| {
            let rule = self.engine.rules().get(hit.rule)?;
            let number = counts.entry(hit.rule).or_insert(0);
            *number += 1;
            Some((hit, &*rule.meta, self.naming.name(&rule.meta, hit.letters(bytes), *number)))
        })
    }

    /// What a text holds: the subject, its suppressions. `None` where it holds nothing.
    fn look(
        &self,
        path: &Arc<str>,
        bytes: &[u8],
        context: Context<'_>,
        add: &dyn Fn(String) -> FileId,
    ) -> Option<(Subject, Vec<Suppression>)> {
        let hits = self.engine.search(bytes, context, self.depth.encodings);
        if hits.is_empty() {
            return None;
        }
        let shown: Vec<Range<usize>> = hits.iter().map(|hit| self.hidden(hit)).collect();
        let text = masked(bytes, &shown);
        let file = add(text);
        let mut list = Vec::new();
        let mut suppressions = Vec::new();
        for (hit, rule, name) in self.named(&hits, bytes) {
            let secret = hit.letters(bytes);
            let shown = self.engine.rules().get(hit.rule).map_or(0, |rule| rule.shown);
            let span = Span::new(file, hit.secret.clone());
            let mut map = Map::new();
            let mut set = |key: &str, value: Value| drop(map.insert(key, span, value));
            set("rule", Value::string(Arc::clone(&rule.id), span));
            set("name", Value::string(name, span));
            set("length", Value::int(i64::try_from(String::from_utf8_lossy(secret).chars().count()).unwrap_or(i64::MAX), span));
            let begins = secret.get(..shown.min(secret.len() / 3)).map(String::from_utf8_lossy).unwrap_or_default();
            set("begins", Value::string(&*begins, span));
            if let Some(decoded) = &hit.decoded {
                let how: Vec<String> = decoded.encodings.iter().map(ToString::to_string).collect();
                set("encoded", Value::string(how.join(", then "), span));
            }
            list.push(Value::map(map, span));
            suppressions.extend(allowances(bytes, hit, rule, file));
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

    /// The part of a secret that is not shown.
    fn hidden(&self, hit: &Hit) -> Range<usize> {
        if hit.decoded.is_some() {
            return hit.secret.clone();
        }
        let shown = self.engine.rules().get(hit.rule).map_or(0, |rule| rule.shown);
        hit.secret.start + shown.min(hit.secret.len() / 3)..hit.secret.end
    }
}

/// Keeps of a subject the secrets that are new (by rule and name), marked with where they are: the `commit` that brought them, or the
/// `layer` that has them and the `step` that made it; whether any is left.
pub fn keep_new(subject: &mut Subject, marks: &[(&str, &str)], mut is_new: impl FnMut(&str, &str) -> bool) -> bool {
    let span = subject.span;
    let secrets = subject.value.get("secrets").and_then(Value::as_list).unwrap_or_default();
    let mut kept = Vec::new();
    for secret in secrets {
        let text = |key: &str| secret.get(key).and_then(Value::as_str).unwrap_or_default();
        if is_new(text("rule"), text("name")) {
            let mut map = secret.as_map().cloned().unwrap_or_default();
            for (key, mark) in marks {
                map.insert(*key, span, Value::string(*mark, span));
            }
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

/// Takes in what came of a file: how many texts in it had secrets.
fn keep(searched: Searched, path: &Arc<str>, source: &'static str, out: &mut Collected) -> usize {
    let count = searched.found.len();
    for (subject, suppressions) in searched.found {
        out.subjects.push(subject);
        out.suppressions.extend(suppressions);
    }
    keep_unread(searched.unread, path, source, out);
    count
}

/// Tells what was not read of an archive.
pub fn keep_unread(unread: Vec<Unread>, path: &Arc<str>, source: &'static str, out: &mut Collected) {
    if let Some(first) = unread.iter().find(|unread| unread.hostile) {
        let more = unread.len() - 1;
        let more = if more == 0 { String::new() } else { format!("; and {more} more of its parts") };
        let what = format!("`{}`: {}{more}", first.path, first.why);
        out.diagnostics.push(Diagnostic::new(Level::Warning, "archive", Arc::clone(path), Span::NONE, what));
    }
    let skipped = |unread: Unread| SkippedFile { file: unread.path, source, why: unread.why, fails: false, partly: unread.partly };
    out.coverage.skipped.extend(unread.into_iter().map(skipped));
}

impl Source for SecretSource {
    fn id(&self) -> &'static str {
        "secrets"
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        let add = |path: &Arc<str>, text: String| scope.sources.add(Arc::clone(path), text);
        let looked: Vec<(&Arc<str>, Result<Searched, TreeError>)> = scope
            .unclaimed
            .par_iter()
            .filter(|path| !(self.left_alone)(path))
            .map(|path| (path, scope.tree.read_within(path, LARGEST).map(|bytes| self.search(path, &bytes, "", &add))))
            .collect();
        for (path, looked) in looked {
            match looked {
                Ok(searched) => {
                    let subjects = keep(searched, path, "secrets", &mut out);
                    out.coverage.read.push(ReadFile { file: Arc::clone(path), source: "secrets", subjects });
                }
                Err(error) => {
                    let fails = !matches!(error, TreeError::TooLarge { .. });
                    let why = format!("no secret was sought in it: {error}");
                    if fails {
                        out.diagnostics.push(Diagnostic::new(Level::Error, "unreadable", Arc::clone(path), Span::NONE, why.clone()));
                    }
                    out.coverage.skipped.push(SkippedFile { file: Arc::clone(path), source: "secrets", why, fails, partly: false });
                }
            }
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
            let message = match secret.get("encoded").and_then(Value::as_str) {
                Some(how) => format!("{message}, {how}"),
                None => message,
            };
            let message = match secret.get("commit").and_then(Value::as_str) {
                Some("") => format!("{message}, in a version of the file that no commit has"),
                Some(commit) => format!("{message}, in commit {} and not in the file as it is now", commit.get(..12).unwrap_or(commit)),
                None => message,
            };
            let message = match secret.get("layer").and_then(Value::as_str) {
                Some("") => format!("{message}, in an entry of the archive that a later one hides"),
                Some(layer) => {
                    let step = Some(text("step")).filter(|step| !step.is_empty()).map(|step| format!(" (`{step}`)")).unwrap_or_default();
                    format!("{message}, in layer {}{step}, which a later one hides", layer.get(..19).unwrap_or(layer))
                }
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

#[cfg(test)]
mod tests;
