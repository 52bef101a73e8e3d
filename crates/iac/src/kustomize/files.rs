//! Files of the repository as kustomizations name them: read once, with what is to be said of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Scope, TreeError};
use probity_value::yaml::{self, Document};
use probity_value::{FileId, Span, Value};

use super::node::{OPTIONS, as_kustomize, move_places};

/// The names of kustomization files; the first that is there counts.
pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What a file is to a kustomization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Kustomization,
    Resource,
    Patch,
    /// Lists of fields, schemas.
    Settings,
    /// Looked at, and left to other sources.
    Seen,
}

/// What became of a file.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) role: Role,
    /// What could not be read or done because of it, and whether that fails.
    pub(super) faults: BTreeSet<(String, bool)>,
    /// Whether nothing of it was read.
    pub(super) unread: bool,
}

/// A text that was read.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) file: FileId,
    pub(super) text: Arc<str>,
    pub(super) documents: Vec<Document>,
    /// Whether all of it could be read.
    pub(super) whole: bool,
}

/// All files of a run.
pub(super) struct Files<'a> {
    pub(super) scope: &'a Scope<'a>,
    loaded: HashMap<Arc<str>, Option<Rc<Loaded>>>,
    pub(super) used: BTreeMap<Arc<str>, Used>,
    pub(super) diagnostics: Vec<Diagnostic>,
    said: BTreeSet<(Arc<str>, Span, String)>,
    /// Files with patches that changed something.
    pub(super) applied: BTreeSet<FileId>,
    /// Where objects of resource files stand.
    pub(super) objects: BTreeSet<Span>,
    /// Where the objects stand that an overlay gives, or says are for itself only.
    pub(super) given: BTreeSet<Span>,
}

/// What an entry of a kustomization names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    File(Arc<str>),
    /// A folder with a kustomization file, which comes second.
    Folder(Arc<str>, Arc<str>),
    Remote,
    Missing,
    Outside,
    /// A folder without a kustomization file.
    NoKustomization,
}

impl<'a> Files<'a> {
    pub(super) fn new(scope: &'a Scope<'a>) -> Files<'a> {
        Files {
            scope,
            loaded: HashMap::new(),
            used: BTreeMap::new(),
            diagnostics: Vec::new(),
            said: BTreeSet::new(),
            applied: BTreeSet::new(),
            objects: BTreeSet::new(),
            given: BTreeSet::new(),
        }
    }

    /// The kustomization file of a folder.
    pub(super) fn kustomization(&self, folder: &str) -> Option<Arc<str>> {
        NAMES.iter().map(|name| join(folder, name)).find(|path| self.scope.tree.contains(path)).map(Arc::from)
    }

    /// What an entry of a kustomization in a folder names.
    pub(super) fn resolve(&self, folder: &str, entry: &str) -> Target {
        let is_remote = || {
            entry.contains("://")
                || entry.contains("?ref=")
                || entry.starts_with("git::")
                || entry.starts_with("git@")
                || ["github.com", "gitlab.com", "bitbucket.org"].iter().any(|host| entry.starts_with(host))
        };
        let elsewhere = |other| if is_remote() { Target::Remote } else { other };
        if entry.starts_with('/') {
            return Target::Outside;
        }
        let Some(path) = normal(folder, entry) else { return elsewhere(Target::Outside) };
        if self.scope.tree.contains(&path) {
            return Target::File(path.into());
        }
        if let Some(file) = self.kustomization(&path) {
            return Target::Folder(path.into(), file);
        }
        let there = path.is_empty() || !self.scope.tree.below(&path).is_empty();
        elsewhere(if there { Target::NoKustomization } else { Target::Missing })
    }

    /// Notes that a file is used.
    pub(super) fn take(&mut self, path: &Arc<str>, role: Role) -> &mut Used {
        let used = self.used.entry(Arc::clone(path)).or_insert_with(|| Used { role, faults: BTreeSet::new(), unread: false });
        used.role = used.role.min(role);
        used
    }

    /// Says once what is wrong at a place of a file; the verdict fails over it.
    pub(super) fn fault(&mut self, path: &Arc<str>, code: &'static str, span: Span, message: String) {
        self.say(Level::Error, path, code, span, message.clone());
        self.take(path, Role::Seen).faults.insert((message, true));
    }

    /// Says once what is not read at a place of a file; the verdict does not fail over it.
    pub(super) fn unread(&mut self, path: &Arc<str>, code: &'static str, span: Span, message: String) {
        self.say(Level::Warning, path, code, span, message.clone());
        self.take(path, Role::Seen).faults.insert((message, false));
    }

    pub(super) fn say(&mut self, level: Level, path: &Arc<str>, code: &'static str, span: Span, message: String) {
        if self.said.insert((Arc::clone(path), span, message.clone())) {
            self.diagnostics.push(Diagnostic::new(level, code, Arc::clone(path), span, message));
        }
    }

    /// The bytes of a file, or why not.
    pub(super) fn bytes(&self, path: &str) -> Result<Arc<[u8]>, String> {
        let budget = self.scope.options.max_file_size;
        match self.scope.tree.read(path) {
            Ok(bytes) if bytes.len() as u64 > budget => Err(TreeError::TooLarge { size: bytes.len() as u64, budget }.to_string()),
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(error.to_string()),
        }
    }

    /// A file that was read before.
    pub(super) fn known(&self, path: &str) -> Option<Rc<Loaded>> {
        self.loaded.get(path).cloned().flatten()
    }

    /// A YAML or JSON file; `None` where it cannot be read, which is said then.
    pub(super) fn load(&mut self, path: &Arc<str>, role: Role) -> Option<Rc<Loaded>> {
        self.take(path, role);
        if let Some(known) = self.loaded.get(path) {
            return known.clone();
        }
        let loaded = self.load_new(path).map(Rc::new);
        if loaded.is_none() {
            self.take(path, role).unread = true;
        }
        self.loaded.insert(Arc::clone(path), loaded.clone());
        loaded
    }

    fn load_new(&mut self, path: &Arc<str>) -> Option<Loaded> {
        let text = match self.bytes(path).map(|bytes| String::from_utf8(bytes.to_vec())) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                self.fault(path, "kustomize-unreadable", Span::NONE, "not UTF-8 text".to_owned());
                return None;
            }
            Err(why) => {
                self.fault(path, "kustomize-unreadable", Span::NONE, why);
                return None;
            }
        };
        let text: Arc<str> = text.into();
        let file = self.scope.sources.add(Arc::clone(path), Arc::clone(&text));
        let (mut documents, problems) = yaml::parse_with(&text, file, OPTIONS);
        let mut whole = true;
        for problem in problems {
            if problem.fatal {
                whole = false;
                self.fault(path, problem.code, problem.span, problem.message);
            } else {
                self.say(Level::Warning, path, problem.code, problem.span, problem.message);
            }
        }
        if !whole && documents.is_empty() {
            self.take(path, Role::Seen).unread = true;
        }
        for document in &mut documents {
            as_kustomize(&mut document.value, &text);
        }
        Some(Loaded { file, text, documents, whole })
    }

    /// The documents of a text that stands in another file as a scalar, with their places there.
    pub(super) fn inline(&mut self, path: &Arc<str>, scalar: &Value) -> Option<Vec<Value>> {
        let text = scalar.as_str()?;
        let inside = FileId(u32::MAX - 1);
        let (documents, problems) = yaml::parse_with(text, inside, OPTIONS);
        let lines = self.scope.sources.file(scalar.span.file).and_then(|file| line_places(file.text(), scalar.span, text));
        let whole = scalar.span;
        let place = move |span: Span| {
            if span.file != inside {
                return span;
            }
            let moved = |at: u32| {
                let lines = lines.as_ref()?;
                let index = lines.partition_point(|(start, _)| *start <= at).checked_sub(1)?;
                lines.get(index).map(|(start, there)| there + (at - start))
            };
            match (moved(span.start), moved(span.end)) {
                (Some(start), Some(end)) if start <= end => Span { file: whole.file, start, end },
                _ => whole,
            }
        };
        let mut broken = false;
        for problem in problems.iter().filter(|problem| problem.fatal) {
            broken = true;
            self.fault(path, problem.code, place(problem.span), problem.message.clone());
        }
        if broken {
            return None;
        }
        let mut values = Vec::new();
        for document in documents {
            let mut value = document.value;
            as_kustomize(&mut value, text);
            move_places(&mut value, &place);
            values.push(value);
        }
        Some(values)
    }
}

/// Where the lines of a literal block (`|`) stand in the file: place in the text and place in the file. `None` for other scalars.
fn line_places(file: &Arc<str>, span: Span, text: &str) -> Option<Vec<(u32, u32)>> {
    let mut at = span.start as usize;
    let rest = file.get(at..)?;
    if rest.starts_with('|') {
        at += rest.find('\n')? + 1;
    }
    // The content may be said to begin behind its indentation.
    at = file.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let mut source = file.get(at..)?.split_inclusive('\n');
    let mut out = Vec::new();
    let mut inner = 0_usize;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        let there = source.next()?;
        let there_bare = there.trim_end_matches(['\n', '\r']);
        let indent = there_bare.len().checked_sub(bare.len());
        let indent = match indent {
            Some(indent) if there_bare.ends_with(bare) && there_bare.get(..indent)?.trim().is_empty() => indent,
            None if bare.trim().is_empty() => 0,
            _ => return None,
        };
        out.push((u32::try_from(inner).ok()?, u32::try_from(at + indent).ok()?));
        inner += line.len();
        at += there.len();
    }
    Some(out)
}

/// A path in a folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The folder of a path.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path as an entry names it from a folder, without `.` and `..`; `None` where it leads out of the repository.
pub(super) fn normal(folder: &str, entry: &str) -> Option<String> {
    let mut out: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in entry.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                out.pop()?;
            }
            part => out.push(part),
        }
    }
    Some(out.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_in_the_repository() {
        assert_eq!(normal("a/b", "../c/./d.yaml").as_deref(), Some("a/c/d.yaml"));
        assert_eq!(normal("a", "..").as_deref(), Some(""));
        assert_eq!(normal("a", "../../x"), None);
    }

    #[test]
    fn lines_of_literal_blocks_are_found() {
        let file: Arc<str> = "a:\n- patch: |-\n    b: 1\n\n      c: 2\n".into();
        let start = file.find('|').unwrap();
        let span = Span::new(FileId(0), start..file.len());
        let lines = line_places(&file, span, "b: 1\n\n  c: 2").unwrap();
        let shown: Vec<&str> = lines.iter().map(|(_, at)| file.get(*at as usize..).unwrap().lines().next().unwrap()).collect();
        assert_eq!(shown, ["b: 1", "", "  c: 2"]);
    }
}
