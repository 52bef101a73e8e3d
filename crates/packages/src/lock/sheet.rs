//! One file while it is read: its text and lines, what was found in it so far, and what was wrong with it.
//!
//! What is broken is mended as far as it goes, so that the packages that can be read are kept; the problem says that some may be missing.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::Tree;
use probity_inputs::Kind;
use probity_value::{Data, FileId, Span, Value, json, yaml};

use crate::{Inventory, Link, Location, Package, Problem, Purl};

/// The largest file that is read. Lock files of large monorepositories reach 20 MB.
const LARGEST: u64 = 64 << 20;
/// Packages of one file; more are a problem.
const MOST_PACKAGES: usize = 500_000;
/// Links of one file; more are a problem.
const MOST_LINKS: usize = 5_000_000;
/// Problems told of one file; a broken file has one for each of its lines.
const MOST_PROBLEMS: usize = 100;
/// How often a text is mended and read anew.
const MENDINGS: usize = 16;

/// One file while it is read.
pub(crate) struct Sheet {
    pub(crate) path: Arc<str>,
    pub(crate) id: &'static str,
    pub(crate) text: String,
    starts: Vec<usize>,
    pub(crate) out: Inventory,
    known: HashMap<Purl, usize>,
}

/// The folder of a path, without a slash at its end; the top is the empty text.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of a path.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// A path relative to the folder of another; `None` where it leads out of the tree.
pub(crate) fn beside(path: &str, relative: &str) -> Option<String> {
    let relative = relative.strip_prefix("file:").unwrap_or(relative);
    if relative.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder(path).split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The folder of a path and those above it, the nearest first; the last is the top.
pub(crate) fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(folder(path));
    std::iter::from_fn(move || {
        let now = next?;
        next = (!now.is_empty()).then(|| folder(now));
        Some(now)
    })
}

/// A path in a folder.
pub(crate) fn within(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A version that is one version and no range: it begins with a digit (a `v` may come before) and has no sign of ranges.
pub(crate) fn is_exact(version: &str) -> bool {
    let digits = version.strip_prefix(['v', 'V']).unwrap_or(version);
    digits.starts_with(|first: char| first.is_ascii_digit())
        && !version.contains(|letter: char| letter.is_whitespace() || "*<>=~^|,()[]${}".contains(letter))
        && !version.split('.').any(|part| part.eq_ignore_ascii_case("x"))
        && !version.ends_with('+')
}

impl Sheet {
    /// Reads a file. Where that fails the text is empty and the problem is there.
    pub(crate) fn open(tree: &dyn Tree, path: &str, id: &'static str) -> Sheet {
        let mut sheet =
            Sheet { path: path.into(), id, text: String::new(), starts: Vec::new(), out: Inventory::default(), known: HashMap::new() };
        match tree.read_within(path, LARGEST) {
            Ok(bytes) => sheet.take(&bytes),
            Err(error) => sheet.problem(0, format!("the file cannot be read: {error}"), true),
        }
        sheet
    }

    fn take(&mut self, bytes: &[u8]) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let utf16 = match bytes {
            [0xff, 0xfe, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
            [0xfe, 0xff, rest @ ..] => Some((rest, u16::from_be_bytes as fn([u8; 2]) -> u16)),
            _ => None,
        };
        let text = match utf16 {
            Some((rest, unit)) => {
                let units: Vec<u16> = rest.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(unit).collect();
                String::from_utf16_lossy(&units)
            }
            None => match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(error) => {
                    let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                    self.problem(u32::try_from(line).unwrap_or(u32::MAX), "the file is not UTF-8 from here", true);
                    String::from_utf8_lossy(bytes).into_owned()
                }
            },
        };
        self.starts = std::iter::once(0).chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1)).collect();
        self.text = text;
        self.conflicts();
    }

    /// Both sides of a conflict are kept, its marks are made blank.
    fn conflicts(&mut self) {
        if !self.text.contains("<<<<<<< ") && !self.text.contains(">>>>>>> ") {
            return;
        }
        let mut text = String::with_capacity(self.text.len());
        let mut lines = Vec::new();
        for (number, line) in self.text.split_inclusive('\n').enumerate() {
            let bare = line.trim_end();
            let mark = ["<<<<<<< ", ">>>>>>> ", "||||||| "].iter().any(|mark| bare.starts_with(mark)) || bare == "=======";
            if !mark {
                text.push_str(line);
                continue;
            }
            if bare.starts_with("<<<<<<<") {
                lines.push(number + 1);
            }
            text.extend(std::iter::repeat_n(' ', bare.len()));
            text.push_str(line.get(bare.len()..).unwrap_or_default());
        }
        for line in &lines {
            self.problem(u32::try_from(*line).unwrap_or(u32::MAX), "the file has a merge conflict that is not resolved", true);
        }
        if !lines.is_empty() {
            self.text = text;
        }
    }

    /// One-based line of a byte.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= offset).max(1)).unwrap_or(u32::MAX)
    }

    /// One-based line of a span.
    pub(crate) fn at(&self, span: Span) -> u32 {
        if span.is_none() { 0 } else { self.line(span.start as usize) }
    }

    /// Lines with their one-based numbers, without their ends.
    pub(crate) fn lines(&self) -> Vec<(u32, String)> {
        self.text.lines().enumerate().map(|(number, line)| (u32::try_from(number + 1).unwrap_or(u32::MAX), line.to_owned())).collect()
    }

    /// Notes a problem; the first ones are told, the rest is counted in one more.
    pub(crate) fn problem(&mut self, line: u32, what: impl Into<String>, fails: bool) {
        let file = Arc::clone(&self.path);
        self.problem_in(file, line, what, fails);
    }

    /// As [`Sheet::problem`], for a file that is read with this one.
    pub(crate) fn problem_in(&mut self, file: Arc<str>, line: u32, what: impl Into<String>, fails: bool) {
        match self.out.problems.len() {
            count if count < MOST_PROBLEMS => {
                self.out.problems.push(Problem { file, line, what: what.into(), fails });
            }
            MOST_PROBLEMS => {
                self.out.problems.push(Problem { file: Arc::clone(&self.path), line, what: "there are more problems".into(), fails: true });
            }
            _ => {}
        }
    }

    /// A package URL; where the parts are none, a problem.
    pub(crate) fn purl(&mut self, kind: &str, namespace: Option<&str>, name: &str, version: Option<&str>, line: u32) -> Option<Purl> {
        match Purl::new(kind, namespace, name, version) {
            Ok(purl) => Some(purl),
            Err(error) => {
                let shown: String = name.chars().take(80).collect();
                self.problem(line, format!("`{shown}` is no name of a package: {error}"), true);
                None
            }
        }
    }

    /// A package that stands on a line, with nothing else known of it.
    pub(crate) fn package(&self, purl: Purl, line: u32) -> Package {
        Package { at: vec![Location { file: Arc::clone(&self.path), line, layer: None }], ..Package::new(purl, self.id) }
    }

    /// Adds a package. The same package URL in the same file is one package in several places; what is known of it is joined.
    pub(crate) fn add(&mut self, package: Package) -> Option<usize> {
        if let Some(index) = self.known.get(&package.purl).copied() {
            let known = self.out.packages.get_mut(index)?;
            known.usage = known.usage.min(package.usage);
            known.direct = match (known.direct, package.direct) {
                (Some(a), Some(b)) => Some(a || b),
                (a, b) => a.or(b),
            };
            known.requested = known.requested.take().or(package.requested);
            known.resolved = known.resolved.take().or(package.resolved);
            for (into, from) in [(&mut known.hashes, package.hashes), (&mut known.licences, package.licences)] {
                for one in from {
                    if !into.contains(&one) {
                        into.push(one);
                    }
                }
            }
            for at in package.at {
                if known.at.len() < 64 && !known.at.contains(&at) {
                    known.at.push(at);
                }
            }
            return Some(index);
        }
        if self.out.packages.len() >= MOST_PACKAGES {
            if self.out.packages.len() == MOST_PACKAGES {
                let line = package.at.first().map_or(0, |at| at.line);
                self.problem(line, format!("the file has more than {MOST_PACKAGES} packages"), true);
            }
            return None;
        }
        let index = self.out.packages.len();
        self.known.insert(package.purl.clone(), index);
        self.out.packages.push(package);
        Some(index)
    }

    /// A package that was added.
    pub(crate) fn package_mut(&mut self, index: usize) -> Option<&mut Package> {
        self.out.packages.get_mut(index)
    }

    /// One package needs another.
    pub(crate) fn link(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        if self.out.links.len() < MOST_LINKS {
            self.out.links.push(Link { from, to });
        } else if self.out.links.len() == MOST_LINKS {
            self.out.links.push(Link { from, to });
            self.problem(0, format!("the file has more than {MOST_LINKS} dependencies; paths are not complete"), false);
        }
    }

    /// What was found: links sorted, each once.
    pub(crate) fn finish(mut self) -> Inventory {
        self.out.links.sort_unstable();
        self.out.links.dedup();
        self.out
    }

    fn note(&mut self, problems: &[probity_value::Problem]) {
        for problem in problems {
            let line = self.at(problem.span);
            self.problem(line, problem.message.clone(), problem.fatal || problem.code.ends_with("duplicate-key"));
        }
    }

    /// Without text there is nothing to read, and the reason is already told; an empty file is a problem.
    fn is_empty(&mut self) -> bool {
        let empty = self.text.trim().is_empty();
        if empty && self.out.problems.is_empty() {
            self.problem(0, "the file is empty", true);
        }
        empty
    }

    /// The file as JSON. Where it breaks off or is broken, what stands before is kept.
    pub(crate) fn json(&mut self) -> Value {
        self.json_by(|text| json::parse(text, FileId(0)))
    }

    /// The file as JSON with comments.
    pub(crate) fn json_commented(&mut self) -> Value {
        self.json_by(|text| {
            let (value, problems, _) = json::parse_commented(text, FileId(0));
            (value, problems)
        })
    }

    fn json_by(&mut self, parse: fn(&str) -> (Value, Vec<probity_value::Problem>)) -> Value {
        if self.is_empty() {
            return Value::null(Span::NONE);
        }
        let (value, problems) = parse(&self.text);
        self.note(&problems);
        let Some(broken) = problems.iter().find(|problem| problem.fatal) else {
            if value.as_map().is_none() {
                self.problem(1, "the file is no map", true);
            }
            return value;
        };
        let mut end = broken.span.start as usize;
        for _ in 0..MENDINGS {
            let Some(mended) = closed(&self.text, end) else { break };
            let (value, problems) = json::parse_tolerant(&mended, FileId(0));
            match problems.iter().find(|problem| problem.fatal) {
                None => return value,
                Some(problem) => end = (problem.span.start as usize).min(end.saturating_sub(1)),
            }
        }
        Value::null(Span::NONE)
    }

    /// The file as YAML documents. A document that is broken is kept up to the line where it breaks.
    pub(crate) fn yaml(&mut self) -> Vec<Value> {
        if self.is_empty() {
            return Vec::new();
        }
        let (documents, problems) = yaml::parse(&self.text, FileId(0));
        self.note(&problems);
        let Some(broken) = problems.iter().find(|problem| problem.fatal) else {
            let values: Vec<Value> = documents.into_iter().map(|document| document.value).collect();
            for value in values.iter().filter(|value| value.as_map().is_none() && !value.is_null()) {
                let line = self.at(value.span);
                self.problem(line, "the document is no map", true);
            }
            return values;
        };
        let mut end = broken.span.start as usize;
        for _ in 0..MENDINGS {
            let cut = self.text.get(..end).unwrap_or_default();
            let Some(cut) = cut.rfind('\n').and_then(|at| cut.get(..at + 1)) else { break };
            let (mended, problems) = yaml::parse(cut, FileId(0));
            match problems.iter().find(|problem| problem.fatal) {
                None => return mended.into_iter().map(|document| document.value).collect(),
                Some(problem) => end = (problem.span.start as usize).min(cut.len() - 1),
            }
        }
        documents.into_iter().map(|document| document.value).collect()
    }

    /// The file as TOML. A table that is broken is left out.
    pub(crate) fn toml(&mut self) -> Value {
        if self.is_empty() {
            return Value::null(Span::NONE);
        }
        let mut text = self.text.clone();
        for _ in 0..MENDINGS {
            let problems = match probity_inputs::document(Kind::Toml, &text, FileId(0)) {
                Ok(value) => return value,
                Err(problems) => problems,
            };
            self.note(&problems);
            let at = problems.first().map_or(0, |problem| problem.span.start as usize);
            let before = text.get(..at).unwrap_or_default();
            let after = text.get(at..).unwrap_or_default();
            let start = if before.starts_with('[') && !before.contains("\n[") { 0 } else { before.rfind("\n[").map_or(0, |at| at + 1) };
            let end = after.find("\n[").map_or(text.len(), |found| at + found + 1);
            let (Some(head), Some(gone), Some(tail)) = (text.get(..start), text.get(start..end), text.get(end..)) else { break };
            if gone.trim().is_empty() {
                break;
            }
            text = format!("{head}{}{tail}", blanked(gone));
        }
        Value::null(Span::NONE)
    }

    /// Tells of what is there under these keys and is no map, or no list: nothing in it is read.
    pub(crate) fn shape(&mut self, value: &Value, maps: &[&str], lists: &[&str]) {
        let kinds = maps.iter().map(|key| (key, true)).chain(lists.iter().map(|key| (key, false)));
        for (key, map) in kinds {
            let Some(found) = value.get(key).filter(|found| !found.is_null()) else { continue };
            let good = if map { found.as_map().is_some() } else { found.as_list().is_some() };
            if !good {
                let line = self.at(found.span);
                self.problem(line, format!("`{key}` is no {}", if map { "map" } else { "list" }), true);
            }
        }
    }

    /// The text of a scalar of this file as it stands there: `1.10` stays that.
    pub(crate) fn scalar(&self, value: &Value) -> Option<String> {
        match &value.data {
            Data::Number(_) => {
                let written = self.text.get(value.span.start as usize..value.span.end as usize).map(str::trim);
                written.filter(|text| text.starts_with(|first: char| first.is_ascii_digit())).map(str::to_owned).or_else(|| scalar(value))
            }
            _ => scalar(value),
        }
    }

    /// The file as HCL. A block that is broken is left out.
    pub(crate) fn hcl(&mut self) -> Value {
        if self.is_empty() {
            return Value::null(Span::NONE);
        }
        let mut text = self.text.clone();
        for _ in 0..MENDINGS {
            let problems = match probity_inputs::document(Kind::Hcl2, &text, FileId(0)) {
                Ok(value) => return value,
                Err(problems) => problems,
            };
            self.note(&problems);
            let at = problems.first().map_or(0, |problem| problem.span.start as usize).min(text.len());
            // Blocks begin at the left edge.
            let mut starts = vec![0];
            let mut offset = 0;
            for line in text.split_inclusive('\n') {
                if line.starts_with(|first: char| first.is_ascii_alphabetic()) {
                    starts.push(offset);
                }
                offset += line.len();
            }
            let after = starts.partition_point(|start| *start <= at);
            let start = after.checked_sub(1).and_then(|before| starts.get(before)).copied().unwrap_or(0);
            let end = starts.get(after).copied().unwrap_or(text.len());
            let (Some(head), Some(gone), Some(tail)) = (text.get(..start), text.get(start..end), text.get(end..)) else { break };
            if gone.trim().is_empty() {
                break;
            }
            text = format!("{head}{}{tail}", blanked(gone));
        }
        Value::null(Span::NONE)
    }
}

/// Blanks in place of a text, with its lines.
fn blanked(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// A JSON text up to a byte, without the last item that is not whole, and with the brackets that are open closed. `None` where nothing
/// is left.
fn closed(text: &str, end: usize) -> Option<String> {
    let mut open = Vec::new();
    let (mut in_text, mut escaped) = (false, false);
    // The last place where everything before is whole, and the brackets open there.
    let mut whole: Option<(usize, usize)> = None;
    let mut shallowest = 0;
    for (at, byte) in text.bytes().enumerate().take(end) {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => {
                open.push(if byte == b'{' { '}' } else { ']' });
                whole = Some((at + 1, open.len()));
                shallowest = open.len();
            }
            b'}' | b']' => {
                open.pop();
                whole = Some((at + 1, open.len()));
                shallowest = open.len();
            }
            b',' => {
                whole = Some((at, open.len()));
                shallowest = open.len();
            }
            _ => {}
        }
    }
    let (cut, depth) = whole?;
    open.truncate(depth.min(shallowest));
    if open.is_empty() {
        return None;
    }
    let mut mended = text.get(..cut)?.to_owned();
    mended.extend(open.iter().rev());
    Some(mended)
}

/// The text under a key.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// The text of a scalar as it would be written: numbers too, as versions are often written without quotes.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match &value.data {
        Data::String(text) => Some(text.to_string()),
        Data::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The items of a list under a key.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_list).unwrap_or_default()
}

/// The entries of a map under a key.
pub(crate) fn entries<'a>(value: &'a Value, key: &str) -> Vec<(&'a str, &'a probity_value::Entry)> {
    value.get(key).map(pairs).unwrap_or_default()
}

/// The entries of a map.
pub(crate) fn pairs(value: &Value) -> Vec<(&str, &probity_value::Entry)> {
    value.as_map().map(|map| map.iter().map(|(key, entry)| (&**key, entry)).collect()).unwrap_or_default()
}

/// Another file of the tree as TOML, JSON or YAML, for what it says about a lock file beside it. Its problems are told where it is
/// read itself; one that cannot be read here is a problem that does not fail, as the packages come from the lock file.
pub(crate) fn neighbour(sheet: &mut Sheet, tree: &dyn Tree, path: &str) -> Option<(Sheet, Value)> {
    if !tree.contains(path) {
        return None;
    }
    let mut other = Sheet::open(tree, path, sheet.id);
    let value = match path.rsplit_once('.').map(|(_, end)| end) {
        Some("json") => other.json(),
        Some("yaml" | "yml") => other.yaml().into_iter().next()?,
        _ => other.toml(),
    };
    let problems = std::mem::take(&mut other.out.problems);
    for problem in problems {
        if sheet.out.problems.len() < MOST_PROBLEMS {
            sheet.out.problems.push(Problem { fails: false, ..problem });
        }
    }
    Some((other, value))
}
