//! What every reader of reports does alike: says what is wrong, counts what it cannot read, makes places and keeps to the bounds.

use std::sync::Arc;

use probity_core::{Confidence, Diagnostic, Level, Severity, Status, Timestamp};
use probity_value::{Span, Value};

use super::words;
use crate::sarif_in::place::Places;
use crate::sarif_in::{
    External, ExternalFinding, ExternalRun, LONGEST_MESSAGE, MOST_DIAGNOSTICS, MOST_RESULTS, ReadOptions, rule::known_id, short,
};
use crate::{escape, mask};

/// Longest explanation kept, in characters.
const LONGEST_WHY: usize = 600;
/// Longest path of a file, in bytes; longer ones are of no file.
const LONGEST_PATH: usize = 4_096;
/// Longest title kept, in characters.
const LONGEST_TITLE: usize = 200;
/// Tools in one report; the results of more go to the last.
const MOST_RUNS: usize = 500;
/// Other ids kept of one result.
const MOST_ALIASES: usize = 64;

/// Weaknesses whose findings are about a credential in the text.
const CREDENTIAL_WEAKNESSES: &[&str] = &["CWE-259", "CWE-321", "CWE-312", "CWE-522", "CWE-798"];

/// How a tool's words rank, in lower case.
pub(super) type Scale = &'static [(&'static str, Severity)];

/// Where a result is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Spot {
    /// Nowhere that can be told.
    #[default]
    Nowhere,
    /// A file as the tool names it, and lines, columns and their ends from 1, or 0.
    File { path: String, line: u32, column: u32, end_line: u32, end_column: u32 },
    /// What is no file here: a URL, an image, a resource's ARN.
    Elsewhere(String),
}

impl Spot {
    /// A file; the line may be missing.
    pub(super) fn file(path: &str, line: Option<u32>) -> Spot {
        Spot::lines(path, line, None)
    }

    /// Lines of a file.
    pub(super) fn lines(path: &str, first: Option<u32>, last: Option<u32>) -> Spot {
        if path.trim().is_empty() {
            return Spot::Nowhere;
        }
        let line = first.unwrap_or(0);
        let end_line = if line == 0 { 0 } else { last.unwrap_or(line).max(line) };
        let column = u32::from(line > 0);
        Spot::File { path: path.to_owned(), line, column, end_line, end_column: column }
    }
}

/// What one result says, before it is bounded and its place is one of the target.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) rule: String,
    pub(super) aliases: Vec<String>,
    pub(super) title: String,
    pub(super) why: String,
    pub(super) message: String,
    pub(super) fix: String,
    pub(super) status: Status,
    pub(super) severity: Severity,
    pub(super) confidence: Confidence,
    pub(super) spot: Spot,
    /// A package URL or an ARN.
    pub(super) subject: String,
    /// What tells the result from others of its rule in its file; empty: the message does.
    pub(super) prints: Vec<(&'static str, String)>,
    pub(super) suppressed: Option<String>,
    pub(super) span: Span,
}

impl Row {
    /// A fault of a rule.
    pub(super) fn new(rule: impl Into<String>, severity: Severity, span: Span) -> Row {
        Row {
            rule: rule.into(),
            aliases: Vec::new(),
            title: String::new(),
            why: String::new(),
            message: String::new(),
            fix: String::new(),
            status: Status::Fail,
            severity,
            confidence: Confidence::Firm,
            spot: Spot::Nowhere,
            subject: String::new(),
            prints: Vec::new(),
            suppressed: None,
            span,
        }
    }

    /// A secret is known by its place: what it is goes into no fingerprint, since a short one could be guessed from it.
    pub(super) fn known_by_line(&mut self) {
        let line = match &self.spot {
            Spot::File { line, .. } => *line,
            _ => 0,
        };
        self.prints = vec![("line", line.to_string())];
    }

    /// A hole in a package is known by the package, in whatever version: an upgrade that does not cure it makes no new finding.
    pub(super) fn of_package(&mut self, package: &words::Package) {
        self.subject.clone_from(&package.purl);
        self.prints = vec![("package", package.known_by.clone())];
    }
}

/// Reads the results of one report.
pub(super) struct Reader<'a> {
    path: Arc<str>,
    options: ReadOptions<'a>,
    out: External,
    counted: [usize; 3],
    results: usize,
    unreadable: usize,
    run: Option<OpenRun>,
}

struct OpenRun {
    run: ExternalRun,
    errors: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: &str, options: ReadOptions<'a>) -> Reader<'a> {
        let out = External::default();
        Reader { path: path.into(), options, out, counted: [0; 3], results: 0, unreadable: 0, run: None }
    }

    /// Keeps the first of each level, so that a broken report of a million results does not say a million things.
    pub(super) fn say(&mut self, level: Level, code: &'static str, span: Span, message: impl Into<String>) {
        let slot = match level {
            Level::Note => 0,
            Level::Warning => 1,
            Level::Error => 2,
        };
        let Some(count) = self.counted.get_mut(slot) else { return };
        *count += 1;
        let message = match (*count).cmp(&MOST_DIAGNOSTICS) {
            std::cmp::Ordering::Less => message.into(),
            std::cmp::Ordering::Equal => "there is more like this, which is not listed".to_owned(),
            std::cmp::Ordering::Greater => return,
        };
        self.out.diagnostics.push(Diagnostic::new(level, code, Arc::clone(&self.path), span, message));
    }

    pub(super) fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.say(Level::Error, code, span, message);
    }

    pub(super) fn warn(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.say(Level::Warning, code, span, message);
    }

    /// What the tool says went wrong while it worked; it still counts as done, as a notification in SARIF does.
    pub(super) fn complaint(&mut self, tool: &str, span: Span, text: &str) {
        let text = mask::text(&escape::cut(text.trim(), 300)).into_owned();
        self.warn("report-notification", span, format!("`{tool}` says: {text}"));
    }

    /// The tool says that it did not do its work: the verdict fails closed.
    pub(super) fn failed(&mut self, tool: &str, span: Span, text: &str) {
        let text = mask::text(&escape::cut(text.trim(), 300)).into_owned();
        self.error("report-scan-failed", span, format!("`{tool}` says that its scan failed: {text}"));
    }

    /// Begins the results of a tool. Runs of the same tool and version are one.
    pub(super) fn begin(&mut self, tool: &str, version: &str, end: Option<Timestamp>) {
        self.finish();
        let (tool, version) = (short(tool), short(version));
        let errors = self.counted[2];
        if let Some(at) = self.out.runs.iter().position(|run| run.tool == tool && run.version == version) {
            let mut run = self.out.runs.remove(at);
            run.end = run.end.max(end);
            self.run = Some(OpenRun { run, errors });
            return;
        }
        if self.out.runs.len() >= MOST_RUNS {
            self.error("report-limit", Span::NONE, format!("more than {MOST_RUNS} tools in one report"));
            let run = self.out.runs.pop();
            self.run = run.map(|run| OpenRun { run, errors });
            return;
        }
        let run = ExternalRun { engine: "report", tool, version, end, successful: true, results: Vec::new() };
        self.run = Some(OpenRun { run, errors });
    }

    /// A later time at which the tool was still at work.
    pub(super) fn ended(&mut self, end: Option<Timestamp>) {
        if let Some(open) = &mut self.run {
            open.run.end = open.run.end.max(end);
        }
    }

    /// Ends the results of a tool.
    fn finish(&mut self) {
        if let Some(open) = self.run.take() {
            let mut run = open.run;
            run.successful &= self.counted[2] == open.errors;
            self.out.runs.push(run);
        }
    }

    /// Everything read.
    pub(super) fn done(mut self) -> External {
        if self.unreadable > 0 {
            let all = self.results;
            let message = format!("{} of {all} results cannot be read, so this report does not count as whole", self.unreadable);
            let path = Arc::clone(&self.path);
            self.counted[2] += 1;
            self.out.diagnostics.push(Diagnostic::new(Level::Error, "report-rows", path, Span::NONE, message));
        }
        self.finish();
        self.out
    }

    /// The items under `key`, which the format promises to be a list; absent or null is none.
    pub(super) fn items<'v>(&mut self, owner: &'v Value, key: &str) -> &'v [Value] {
        match owner.get(key) {
            None => &[],
            Some(value) if value.is_null() => &[],
            Some(value) => match value.as_list() {
                Some(list) => list,
                None => {
                    self.error("report-shape", value.span, format!("`{key}` is not a list"));
                    &[]
                }
            },
        }
    }

    /// As [`Reader::items`], of a list that a report of this tool always has: without it the report is not whole.
    pub(super) fn must_items<'v>(&mut self, owner: &'v Value, key: &str) -> &'v [Value] {
        if owner.get(key).is_none() {
            self.error("report-shape", owner.span, format!("`{key}` is missing"));
        }
        self.items(owner, key)
    }

    /// A result that cannot be read.
    pub(super) fn unreadable(&mut self, span: Span, why: &str) {
        self.results += 1;
        self.unreadable += 1;
        self.error("report-row", span, format!("a result cannot be read: {why}"));
    }

    /// How bad a word of the tool's scale is; another word is said, and counts as medium.
    pub(super) fn severity(&mut self, scale: Scale, word: &str, span: Span) -> Severity {
        words::on(scale, word).unwrap_or_else(|| {
            let word = escape::cut(word, 40).into_owned();
            self.warn("report-severity", span, format!("`{word}` is no severity of this tool that is known; it counts as medium"));
            Severity::Medium
        })
    }

    /// Takes a result that could be read, or says why it could not.
    pub(super) fn take(&mut self, span: Span, row: Result<Row, String>) {
        match row {
            Ok(row) => self.add(row),
            Err(why) => self.unreadable(span, &why),
        }
    }

    /// Takes a result in.
    pub(super) fn add(&mut self, row: Row) {
        if self.results >= MOST_RESULTS {
            if self.results == MOST_RESULTS {
                self.error("report-limit", row.span, format!("more than {MOST_RESULTS} results: the rest is not read"));
                self.results += 1;
            }
            return;
        }
        self.results += 1;
        let rule = short(&mask::text(row.rule.trim()));
        let rule = if rule.is_empty() {
            self.warn("report-rule", row.span, "a result does not say of which rule it is");
            Arc::from("unnamed")
        } else {
            rule
        };
        let title = mask::text(&escape::line(row.title.trim())).trim().to_owned();
        let title = if title.is_empty() { rule.to_string() } else { escape::cut(&title, LONGEST_TITLE).into_owned() };
        let why = escape::line(row.why.trim());
        let why = if why.trim_end_matches('.') == title.trim_end_matches('.') { "" } else { &why };
        let message = if row.message.trim().is_empty() { title.clone() } else { row.message };
        // Rules about credentials quote what they found.
        let quotes = row.aliases.iter().any(|alias| CREDENTIAL_WEAKNESSES.contains(&alias.as_str()));
        let (title, message) = if quotes { (words::without_quotes(&title), words::without_quotes(&message)) } else { (title, message) };
        let (file, inside, lines) = self.place(&row.spot, row.span);
        let [line, column, end_line, end_column] = lines;
        let level = match row.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "note",
            Severity::Info => "none",
        };
        let finding = ExternalFinding {
            aliases: aliases(row.aliases, &rule),
            title: title.as_str().into(),
            why: mask::text(&escape::cut(why, LONGEST_WHY)).as_ref().into(),
            message: mask::text(&escape::cut(message.trim(), LONGEST_MESSAGE)).into_owned(),
            fix: mask::text(&escape::cut(&escape::line(row.fix.trim()), LONGEST_WHY)).as_ref().into(),
            subject: short(&row.subject),
            status: row.status,
            level,
            severity: row.severity,
            confidence: row.confidence,
            file,
            inside,
            line,
            column,
            end_line,
            end_column,
            fingerprints: row.prints.into_iter().map(|(name, value)| (Arc::from(name), short(&value))).collect(),
            suppressed: row.suppressed.map(|reason| short(&mask::text(&escape::line(&reason)))),
            span: row.span,
            rule,
        };
        match &mut self.run {
            Some(open) => open.run.results.push(finding),
            None => self.error("report-shape", row.span, "a result of no tool"),
        }
    }

    /// A path that a tool gives from the folder it was told to look at, `folder`, as one from where it was started: where the target
    /// has such a file, else as given.
    pub(super) fn within(&self, folder: &str, path: &str) -> String {
        let path = path.trim();
        let folder = folder.trim().trim_end_matches(['/', '\\']);
        if folder.is_empty() || folder == "." || folder.contains("://") {
            return path.to_owned();
        }
        let joined = format!("{folder}/{}", path.trim_start_matches(['/', '\\']));
        let nothing = Value::null(Span::NONE);
        let found = Places::new(&nothing, self.options).bare(&joined);
        if found.is_some_and(|found| (self.options.exists)(&found)) { joined } else { path.to_owned() }
    }

    /// The first of these paths the target has, for tools that give several; else the first that is one.
    pub(super) fn first_of(&self, paths: &[&str]) -> String {
        let nothing = Value::null(Span::NONE);
        let places = Places::new(&nothing, self.options);
        let there = |path: &&&str| places.bare(path).is_some_and(|found| (self.options.exists)(&found));
        let given = |path: &&&str| !path.trim().is_empty();
        let found = paths.iter().filter(given).find(there).or_else(|| paths.iter().find(given));
        found.map(|path| (*path).to_owned()).unwrap_or_default()
    }

    /// The first of these files the target has, for tools that do not say what they looked at.
    pub(super) fn first_there(&self, files: &[&str]) -> Spot {
        match files.iter().find(|file| (self.options.exists)(file)) {
            Some(file) => Spot::file(file, None),
            None => Spot::Nowhere,
        }
    }

    /// The longest end of an absolute path that is a file of the target: a scan in a container has the repository elsewhere.
    fn end_of(&self, path: &str) -> Option<String> {
        let path = path.trim().replace('\\', "/");
        if !path.starts_with('/') && path.as_bytes().get(1) != Some(&b':') {
            return None;
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if parts.contains(&"..") {
            return None;
        }
        let ends = (1..parts.len().min(64)).filter_map(|start| parts.get(start..)).map(|parts| parts.join("/"));
        ends.into_iter().find(|end| (self.options.exists)(end))
    }

    fn place(&mut self, spot: &Spot, span: Span) -> (Arc<str>, bool, [u32; 4]) {
        match spot {
            Spot::Nowhere => (Arc::from(""), false, [0; 4]),
            Spot::Elsewhere(place) => (short(&escape::line(place)), false, [0; 4]),
            Spot::File { path, line, column, end_line, end_column } => {
                let nothing = Value::null(Span::NONE);
                let places = Places::new(&nothing, self.options);
                let found = places.bare(path).or_else(|| self.end_of(path)).filter(|path| path.len() <= LONGEST_PATH);
                let lines = if *line == 0 { [0; 4] } else { [*line, (*column).max(1), (*end_line).max(*line), (*end_column).max(1)] };
                match found {
                    Some(inside) => (inside.into(), true, lines),
                    None => {
                        let path = short(path);
                        self.warn("report-place", span, format!("`{path}` is not in what is judged"));
                        (path, false, lines)
                    }
                }
            }
        }
    }
}

/// The ids others use too, once each, without the rule's own.
fn aliases(given: Vec<String>, rule: &str) -> Vec<Arc<str>> {
    let mut out: Vec<Arc<str>> = Vec::new();
    for id in given {
        // An id has no space in it; what has one is a sentence, and what is a number alone is one of another list.
        let id = known_id(&id).unwrap_or(id);
        let id = id.trim();
        let good = !id.bytes().all(|byte| byte.is_ascii_digit())
            && id.len() <= 100
            && !id.chars().any(|letter| letter.is_whitespace() || escape::is_deceptive(letter));
        if good && !id.eq_ignore_ascii_case(rule) && !out.iter().any(|known| known.eq_ignore_ascii_case(id)) && out.len() < MOST_ALIASES {
            out.push(id.into());
        }
    }
    out
}
