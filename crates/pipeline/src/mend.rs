//! Edits that mend findings: made, judged again, and kept only where the finding is gone, nothing new came and everything can still be read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{
    Digest, Edit, EditStep, EvalContext, Program, Replacement, Status, SubjectIndex, SubjectKind, Tree, TreeError, TreeFile, World,
};
use probity_value::{SourceMap, Span};

use crate::judge::{JudgeError, JudgeInput, judge};
use crate::{collect, evaluate};

/// Makes an edit: kind of the subject, path and text of its file, its first byte there, its address.
pub type MakeEdit<'a> = dyn Fn(SubjectKind, &str, &str, usize, &str, &Edit) -> Result<(String, Vec<Vec<Replacement>>), String> + 'a;

/// A finding with its edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Mend {
    /// The rule.
    pub rule: Arc<str>,
    /// The subject's address; of several instances of one block the first.
    pub subject: Arc<str>,
    /// What was found.
    pub message: String,
    /// What the rule says of mending.
    pub advice: Arc<str>,
    /// The file that is edited.
    pub file: Arc<str>,
    /// One-based line of the subject in it.
    pub line: u32,
    /// How many findings it mends.
    pub findings: usize,
}

/// A finding that is not mended, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct NotMended {
    /// The rule.
    pub rule: Arc<str>,
    /// The subject's address.
    pub subject: Arc<str>,
    /// Where it stands: file and one-based line.
    pub at: (Arc<str>, u32),
    /// Why it is not mended.
    pub why: String,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Mended {
    /// The edits that hold, in the order of files and places.
    pub mends: Vec<Mend>,
    /// What is not mended.
    pub not: Vec<NotMended>,
    /// Findings that count, of rules that name no edit.
    pub without_edit: usize,
    /// The files that change: text before and after.
    pub files: BTreeMap<Arc<str>, (Arc<str>, String)>,
}

/// What tells findings apart: rule, kind, root and subject.
type Key = (Arc<str>, SubjectKind, Arc<str>, Arc<str>);
/// What of a key says who is to blame.
type Part = fn(&Key) -> (SubjectKind, Arc<str>, Arc<str>);

struct Candidate {
    mend: Mend,
    keys: BTreeSet<Key>,
    kind: SubjectKind,
    /// The text the offset counts in.
    text: Arc<str>,
    offset: usize,
    edit: Edit,
}

/// A tree with some files replaced.
struct Overlay<'a> {
    tree: &'a dyn Tree,
    texts: &'a BTreeMap<Arc<str>, (Arc<str>, String)>,
}

impl Tree for Overlay<'_> {
    fn files(&self) -> &[TreeFile] {
        self.tree.files()
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let mut plain: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." if plain.pop().is_none() => return Err(TreeError::Outside),
                ".." => {}
                part => plain.push(part),
            }
        }
        match self.texts.get(plain.join("/").as_str()) {
            Some((_, text)) => Ok(text.as_bytes().into()),
            None => self.tree.read(path),
        }
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        self.tree.digests()
    }
}

/// What one look at the tree says.
struct Look {
    world: World,
    failing: BTreeSet<Key>,
    unreadable: BTreeSet<Arc<str>>,
    /// Addresses that several subjects of one root have.
    twice: BTreeSet<(SubjectKind, Arc<str>, Arc<str>)>,
    texts: SourceMap,
    results: Vec<(Key, SubjectIndex)>,
}

fn look(input: &JudgeInput<'_>, tree: &dyn Tree, programs: &[&dyn Program], context: &EvalContext, used: &BTreeSet<Arc<str>>) -> Look {
    let texts = SourceMap::new();
    let collection = collect(tree, &texts, input.sources, &[], &input.options, &|_| true);
    let evaluation = evaluate(&collection.world, programs, context, &|rule, status| {
        used.contains(&rule.id).then_some(matches!(status, Status::Fail | Status::Error))
    });
    let mut results = Vec::new();
    for result in evaluation.results {
        if let Some(subject) = collection.world.subject(result.subject) {
            let key = (Arc::clone(&result.rule.id), subject.kind, Arc::clone(&subject.root), Arc::clone(&subject.id));
            results.push((key, result.subject));
        }
    }
    let mut addresses = BTreeSet::new();
    let address = |subject: &probity_core::Subject| (subject.kind, Arc::clone(&subject.root), Arc::clone(&subject.id));
    let twice = collection.world.subjects().iter().map(address).filter(|address| !addresses.insert(address.clone())).collect();
    let unreadable = collection.coverage.skipped.iter().filter(|skipped| skipped.fails).map(|skipped| Arc::clone(&skipped.file)).collect();
    Look { failing: results.iter().map(|(key, _)| key.clone()).collect(), world: collection.world, unreadable, twice, texts, results }
}

/// Finds what can be mended, makes the edits, and keeps those that hold. `wanted` chooses among them by file, rule and subject; nothing is written.
///
/// # Errors
/// [`JudgeError`] as [`judge`] gives it.
pub fn mend(input: &JudgeInput<'_>, make: &MakeEdit<'_>, wanted: &dyn Fn(&Mend) -> bool) -> Result<Mended, JudgeError> {
    let texts = SourceMap::new();
    let judged = judge(input, &texts)?;
    let compiled = input.compile.compile(&judged.config.policies, input.tree, &texts);
    let programs: Vec<&dyn Program> = compiled.programs.iter().map(|program| &**program).collect();
    let used: BTreeSet<Arc<str>> = judged.rules.iter().map(|rule| Arc::clone(&rule.id)).collect();
    // A finding that is accepted is not mended.
    let counting: BTreeMap<Key, usize> = judged
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.status == Status::Fail && finding.exception.is_none() && finding.counts)
        .map(|(position, finding)| {
            let subject = &finding.subject;
            ((Arc::clone(&finding.rule.id), subject.kind, Arc::clone(&subject.root), Arc::clone(&subject.id)), position)
        })
        .collect();

    let context = crate::judge::parameters(&judged.config, input.now);
    let before = look(input, input.tree, &programs, &context, &used);
    let mut out = Mended::default();
    let mut candidates: Vec<Candidate> = Vec::new();
    for (key, index) in &before.results {
        let Some(finding) = counting.get(key).and_then(|position| judged.findings.get(*position)) else { continue };
        let Some(subject) = before.world.subject(*index) else { continue };
        let Some(edit) = programs.iter().find_map(|program| program.edit(&key.0, subject)) else {
            out.without_edit += 1;
            continue;
        };
        let span = if subject.kind == SubjectKind::Terraform { subject.span } else { subject.value.span };
        let Some((file, text, line)) = place_of(&before.texts, span) else { continue };
        let offset = span.start as usize;
        if let Some(same) =
            candidates.iter_mut().find(|known| known.mend.rule == key.0 && known.mend.file == file && known.offset == offset)
        {
            same.keys.insert(key.clone());
            same.mend.findings += 1;
            continue;
        }
        candidates.push(Candidate {
            mend: Mend {
                rule: Arc::clone(&key.0),
                subject: Arc::clone(&subject.id),
                message: finding.message.clone(),
                advice: Arc::clone(finding.rule.fix_for(&subject.type_name)),
                file,
                line,
                findings: 1,
            },
            keys: BTreeSet::from([key.clone()]),
            kind: subject.kind,
            text,
            offset,
            edit,
        });
    }
    candidates.retain(|candidate| wanted(&candidate.mend));
    candidates.sort_by(|a, b| (&a.mend.file, a.offset, &a.mend.rule).cmp(&(&b.mend.file, b.offset, &b.mend.rule)));

    loop {
        let refused = make_all(input.tree, &candidates, make, &mut out.files);
        let mut dropped: BTreeMap<usize, String> = refused;
        if dropped.is_empty() && !candidates.is_empty() {
            let after = look(input, &Overlay { tree: input.tree, texts: &out.files }, &programs, &context, &used);
            let alone = |candidate: &Candidate| {
                let mut files = BTreeMap::new();
                make_all(input.tree, std::slice::from_ref(candidate), make, &mut files);
                look(input, &Overlay { tree: input.tree, texts: &files }, &programs, &context, &used)
            };
            dropped = against(&candidates, &before, &after, &alone);
        }
        if dropped.is_empty() {
            break;
        }
        let mut kept = Vec::with_capacity(candidates.len());
        for (position, candidate) in candidates.into_iter().enumerate() {
            match dropped.remove(&position) {
                Some(why) => out.not.push(NotMended {
                    rule: Arc::clone(&candidate.mend.rule),
                    subject: Arc::clone(&candidate.mend.subject),
                    at: (Arc::clone(&candidate.mend.file), candidate.mend.line),
                    why,
                }),
                None => kept.push(candidate),
            }
        }
        candidates = kept;
    }
    out.files.retain(|_, (old, new)| **old != **new);
    out.not.sort_by(|a, b| (&a.at, &a.rule).cmp(&(&b.at, &b.rule)));
    out.mends = candidates.into_iter().map(|candidate| candidate.mend).collect();
    Ok(out)
}

/// Makes all edits, one after the other. Gives those that cannot be made, and why.
fn make_all(
    tree: &dyn Tree,
    candidates: &[Candidate],
    make: &MakeEdit<'_>,
    files: &mut BTreeMap<Arc<str>, (Arc<str>, String)>,
) -> BTreeMap<usize, String> {
    files.clear();
    let mut refused = BTreeMap::new();
    let mut moves: BTreeMap<&str, Vec<Vec<Replacement>>> = BTreeMap::new();
    for (position, candidate) in candidates.iter().enumerate() {
        let file = &candidate.mend.file;
        if !files.contains_key(file) {
            match read_text(tree, candidate) {
                Some(text) => files.insert(Arc::clone(file), (Arc::clone(&text), text.to_string())),
                None => {
                    refused.insert(position, "its file cannot be edited as text".to_owned());
                    continue;
                }
            };
        }
        let Some((_, text)) = files.get_mut(file) else { continue };
        let earlier = moves.entry(&**file).or_default();
        let offset = earlier.iter().fold(candidate.offset, |offset, batch| Replacement::moved(offset, batch));
        match make(candidate.kind, file, text, offset, &candidate.mend.subject, &candidate.edit) {
            Ok((edited, batches)) => {
                *text = edited;
                earlier.extend(batches);
            }
            Err(why) => {
                refused.insert(position, why);
            }
        }
    }
    refused
}

/// The text of a candidate's file; `None` where its source read it otherwise than it stands, so that the bytes count differently.
fn read_text(tree: &dyn Tree, candidate: &Candidate) -> Option<Arc<str>> {
    let bytes = tree.read(&candidate.mend.file).ok()?;
    std::str::from_utf8(&bytes).is_ok_and(|text| *text == *candidate.text).then(|| Arc::clone(&candidate.text))
}

/// Which edits do not hold, and why.
fn against(candidates: &[Candidate], before: &Look, after: &Look, alone: &dyn Fn(&Candidate) -> Look) -> BTreeMap<usize, String> {
    let mut dropped = BTreeMap::new();
    for (position, candidate) in candidates.iter().enumerate() {
        if after.unreadable.contains(&candidate.mend.file) && !before.unreadable.contains(&candidate.mend.file) {
            dropped.insert(position, "the file could not be read any more".to_owned());
        } else if candidate.keys.iter().any(|key| after.failing.contains(key)) {
            dropped.insert(position, "the edit does not mend it".to_owned());
        }
    }
    for (kind, root, id) in after.twice.difference(&before.twice) {
        for (position, candidate) in candidates.iter().enumerate() {
            let adds = candidate.edit.steps.iter().any(|step| matches!(step, EditStep::Add { .. }));
            if adds && candidate.keys.iter().any(|key| key.1 == *kind && key.2 == *root) {
                dropped.entry(position).or_insert_with(|| format!("there would be two `{id}`"));
            }
        }
    }
    if !dropped.is_empty() {
        return dropped;
    }
    for new in after.failing.difference(&before.failing) {
        let why = format!("`{}` would come up for `{}`", new.0, new.3);
        let same = |part: Part, key: &Key| part(key) == part(new);
        let subject = |key: &Key| (key.1, Arc::clone(&key.2), Arc::clone(&key.3));
        let root = |key: &Key| (key.1, Arc::clone(&key.2), Arc::from(""));
        let of = |part: Part| -> Vec<usize> {
            let named = |candidate: &Candidate| candidate.keys.iter().any(|key| same(part, key));
            candidates.iter().enumerate().filter(|(_, candidate)| named(candidate)).map(|(position, _)| position).collect()
        };
        let mut to_blame = of(subject);
        if to_blame.is_empty() {
            to_blame = of(root);
        }
        if to_blame.is_empty() {
            to_blame = (0..candidates.len()).collect();
        }
        // Of several, those that bring it about by themselves; where none does, all of them.
        if to_blame.len() > 1 {
            let guilty = |position: &usize| candidates.get(*position).is_some_and(|candidate| alone(candidate).failing.contains(new));
            let by_themselves: Vec<usize> = to_blame.iter().copied().filter(guilty).collect();
            if !by_themselves.is_empty() {
                to_blame = by_themselves;
            }
        }
        for position in to_blame {
            dropped.entry(position).or_insert_with(|| why.clone());
        }
    }
    dropped
}

fn place_of(texts: &SourceMap, span: Span) -> Option<(Arc<str>, Arc<str>, u32)> {
    let file = texts.file(span.file)?;
    Some((Arc::clone(file.path()), Arc::clone(file.text()), file.line_column(span.start).line))
}
