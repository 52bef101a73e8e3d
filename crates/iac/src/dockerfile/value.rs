//! Instructions to values.
//!
//! An instruction is a map: `instruction`, `text` (its arguments as written, continuations joined, here-documents of `RUN` after it),
//! `expanded` (variables put in), `flags`, `json` (exec form), `arguments`, `stage`, `stage_index`, `final_stage`, `heredoc`, and by
//! kind: `FROM` `image tag digest as as_repeated base_is_stage platform`; `RUN`, `CMD`, `ENTRYPOINT`, `HEALTHCHECK` `commands: [{name,
//! words, sudo, assignments: [{key, value}], into}]` (`into`: what it pipes into); `RUN` `updates: [{name, used}]` (package indexes it
//! fetches, and whether it installs from them); `HEALTHCHECK` `none`; `USER` `user group effective` (the final image has it); `EXPOSE`
//! `ports: [{port, to, protocol}]`; `ADD`, `COPY` `sources destination from chown chmod`; `ENV`, `ARG`, `LABEL` `pairs: [{key, value}]`;
//! `WORKDIR` `path`; `VOLUME` `paths`; `ONBUILD` `trigger` (the instruction it holds).
//!
//! A file is a map: `stages: [{name, index, final, image, base_is_stage, instructions}]`, `instructions`, `final_stage` (the same with
//! `users`, `user` and `has_healthcheck`, those of the stages it is built from included), `directives`.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use probity_core::{Subject, SubjectKind};
use probity_value::{Data, FileId, Map, Span, Unknown, UnknownKind, Value, json};

use super::expand::{Binding, Expanded, Scope, Style, expand};
use super::scan::{Fault, Heredoc, Joined, Logical, Scanned, shown, words};
use crate::shell;

/// Instructions read of one file; an image cannot have a hundredth of that many layers.
const MAX_INSTRUCTIONS: usize = 10_000;
/// Bytes the variables of one file may add to its texts.
const MAX_EXPANSION: usize = 16 << 20;

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];
/// Variables the builder sets, which `ARG NAME` brings into a stage.
const PLATFORM_VARIABLES: [&str; 8] =
    ["BUILDARCH", "BUILDOS", "BUILDPLATFORM", "BUILDVARIANT", "TARGETARCH", "TARGETOS", "TARGETPLATFORM", "TARGETVARIANT"];

/// What a file gave.
#[derive(Default)]
pub(super) struct Built {
    pub(super) subjects: Vec<Subject>,
    pub(super) faults: Vec<Fault>,
}

/// A stage under construction.
struct Stage {
    name: Option<Value>,
    /// Its name, or its number where it has none or one that an earlier stage has.
    label: Arc<str>,
    index: usize,
    image: Value,
    base: Option<usize>,
    scope: Scope,
    /// Positions of its instructions among the subjects, and of its `USER`s.
    instructions: Vec<usize>,
    users: Vec<usize>,
    /// Of the last `HEALTHCHECK`: whether it checks.
    healthcheck: Option<bool>,
    span: Span,
}

struct Builder<'b> {
    file: FileId,
    path: &'b Arc<str>,
    escape: char,
    budget: Cell<usize>,
    /// Variables before the first stage.
    outer: Scope,
    finished: Vec<Finished>,
    current: Option<Stage>,
    stage_count: usize,
    /// How often each kind came in this stage.
    counts: HashMap<&'static str, usize>,
    built: Built,
}

/// A stage that is done.
struct Finished {
    value: Map,
    name: Option<String>,
    scope: Arc<Scope>,
    instructions: Vec<usize>,
    /// Those of the stages it is built from included.
    users: Vec<usize>,
    healthcheck: bool,
    span: Span,
}

/// Builds the subjects of one file.
pub(super) fn build(scanned: &Scanned, file: FileId, path: &Arc<str>, text: &str) -> Built {
    let keyword_of = |line: &Logical| keyword(&line.joined.text).map(|(name, _)| name);
    let mut builder = Builder {
        file,
        path,
        escape: scanned.escape,
        budget: Cell::new(MAX_EXPANSION),
        outer: Scope::default(),
        finished: Vec::new(),
        current: None,
        stage_count: scanned.lines.iter().filter(|line| keyword_of(line) == Some("FROM")).count(),
        counts: HashMap::new(),
        built: Built::default(),
    };
    for name in PLATFORM_VARIABLES {
        let value = Value::unknown(UnknownKind::Variable, format!("`{name}` is set by the builder"), Span::NONE);
        builder.outer.variables.insert(name.to_owned(), Binding { value: Some(value), by: "ARG", span: Span::NONE });
    }
    for (index, line) in scanned.lines.iter().enumerate() {
        if index == MAX_INSTRUCTIONS {
            builder.fault(line.span, "dockerfile-size", format!("more than {MAX_INSTRUCTIONS} instructions; the rest is not read"), true);
            break;
        }
        match keyword(&line.joined.text) {
            Some((name, rest)) => builder.instruction(name, line, line.joined.from(rest)),
            None => {
                let word = line.joined.text.split_whitespace().next().unwrap_or_default();
                builder.fault(line.span, "dockerfile-instruction", format!("`{}` is not an instruction", shown(word)), true);
            }
        }
    }
    builder.finish(scanned, text)
}

/// The instruction of a line in capitals, and where its arguments begin.
fn keyword(text: &str) -> Option<(&'static str, usize)> {
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    let word = text.get(..end)?;
    let name = KEYWORDS.into_iter().find(|name| name.eq_ignore_ascii_case(word))?;
    let rest = text.get(end..)?;
    Some((name, end + rest.len() - rest.trim_start().len()))
}

/// A map under construction: entries at the place of their values.
#[derive(Default)]
struct Entries(Map);

impl Entries {
    fn put(&mut self, key: &'static str, value: Value) {
        self.0.insert(key, value.span, value);
    }
}

impl Builder<'_> {
    fn fault(&mut self, span: Span, code: &'static str, message: String, fatal: bool) {
        self.built.faults.push(Fault { span, code, message, fatal });
    }

    fn scope(&self) -> &Scope {
        self.current.as_ref().map_or(&self.outer, |stage| &stage.scope)
    }

    fn expand(&self, text: &str, style: Style) -> Expanded {
        expand(text, self.scope(), self.escape, style, &self.budget)
    }

    /// Part of an instruction with variables put in.
    fn word(&self, joined: &Joined, range: std::ops::Range<usize>) -> Value {
        let text = joined.text.get(range.clone()).unwrap_or_default();
        self.expand(text, Style::Word).value(joined.span(self.file, range))
    }

    fn instruction(&mut self, name: &'static str, line: &Logical, rest: Joined) {
        let head = line.joined.span(self.file, 0..name.len());
        if name == "FROM" {
            self.end_stage();
            self.counts.clear();
        } else if self.current.is_none() && name != "ARG" && self.counts.is_empty() {
            self.fault(head, "dockerfile-no-from", format!("`{name}` stands before any `FROM`"), false);
        }
        let mut entries = self.describe(name, &rest, &line.heredocs, line.span);
        if let Some(from) = self.begin_stage(name, &rest, line.span) {
            for (key, entry) in from.iter() {
                entries.0.insert(Arc::clone(key), entry.key, entry.value.clone());
            }
        }
        self.note(name, &entries.0);
        self.place(&mut entries, head);
        let value = Value::map(entries.0, line.span);
        let ordinal = self.counts.entry(name).and_modify(|count| *count += 1).or_insert(1);
        let label = self.current.as_ref().map(|stage| Arc::clone(&stage.label));
        let id = label.map_or_else(|| format!("{name}[{ordinal}]"), |label| format!("{label}/{name}[{ordinal}]"));
        if let Some(stage) = &mut self.current {
            let position = self.built.subjects.len();
            stage.instructions.push(position);
            if name == "USER" {
                stage.users.push(position);
            }
            stage.span = stage.span.join(line.span);
        }
        self.built.subjects.push(Subject {
            kind: SubjectKind::Dockerfile,
            type_name: name.into(),
            id: id.into(),
            root: Arc::clone(self.path),
            span: line.span,
            head,
            value,
            via: Vec::new(),
        });
    }

    /// Which stage the instruction belongs to.
    fn place(&self, entries: &mut Entries, span: Span) {
        match &self.current {
            Some(stage) => {
                entries.put("stage", Value::string(Arc::clone(&stage.label), span));
                entries.put("stage_index", Value::int(i64::try_from(stage.index).unwrap_or(i64::MAX), span));
                entries.put("final_stage", Value::bool(stage.index + 1 == self.stage_count, span));
            }
            None => {
                entries.put("stage", Value::string("", span));
                entries.put("stage_index", Value::null(span));
                entries.put("final_stage", Value::bool(false, span));
            }
        }
    }

    /// Keeps what later instructions, and the file, need to know.
    fn note(&mut self, name: &str, entries: &Map) {
        match name {
            "ENV" | "ARG" => self.bind(name == "ENV", entries),
            _ => {}
        }
        if let (Some(stage), "HEALTHCHECK") = (&mut self.current, name) {
            stage.healthcheck = Some(entries.get("none").and_then(Value::as_bool) != Some(true));
        }
    }

    fn bind(&mut self, environment: bool, entries: &Map) {
        let pairs = entries.get("pairs").and_then(Value::as_list).unwrap_or_default();
        for pair in pairs {
            let (Some(key), value) = (pair.get("key").and_then(Value::as_str), pair.get("value")) else { continue };
            let mut binding = Binding { value: value.cloned(), by: if environment { "ENV" } else { "ARG" }, span: pair.span };
            if !environment {
                if self.current.is_some() && self.scope().get(key).is_some_and(|known| known.by == "ENV") {
                    // `ENV` always wins over `ARG`.
                    continue;
                }
                if binding.value.is_none()
                    && let Some(outer) = self.outer.variables.get(key)
                {
                    binding.value.clone_from(&outer.value);
                }
            }
            let scope = self.current.as_mut().map_or(&mut self.outer, |stage| &mut stage.scope);
            scope.variables.insert(key.to_owned(), binding);
        }
    }

    /// Takes a `FROM` as the begin of a stage; gives what is special to it.
    fn begin_stage(&mut self, name: &str, rest: &Joined, span: Span) -> Option<Map> {
        if name != "FROM" {
            return None;
        }
        let (flags, start) = self.flags(rest);
        let rest = rest.from(start);
        let parts: Vec<std::ops::Range<usize>> = words(&rest.text, self.escape);
        let index = self.finished.len();
        let mut entries = Entries::default();
        let Some(first) = parts.first().cloned() else {
            self.fault(span, "dockerfile-from", "`FROM` names no image".to_owned(), true);
            let image = Value::unknown(UnknownKind::Invalid, "`FROM` names no image", span);
            self.open_stage(None, index, image, None, span, true);
            return None;
        };
        let place = rest.span(self.file, first.clone());
        let written = rest.text.get(first).unwrap_or_default();
        let reference = self.expand(written, Style::Word);
        let text_of = |range: &std::ops::Range<usize>| rest.text.get(range.clone()).unwrap_or_default();
        let name = match parts.as_slice() {
            [_] => None,
            [_, keyword, name] if text_of(keyword).eq_ignore_ascii_case("as") => {
                Some(Value::string(text_of(name).to_ascii_lowercase(), rest.span(self.file, name.clone())))
            }
            _ => {
                self.fault(span, "dockerfile-from", "`FROM` takes an image and at most `AS` with a name".to_owned(), true);
                None
            }
        };
        let known = reference.known().map(str::to_ascii_lowercase);
        let base = known.as_ref().and_then(|image| self.finished.iter().rposition(|stage| stage.name.as_ref() == Some(image)));
        let whole = reference.value(place);
        entries.put("base_is_stage", Value::bool(base.is_some(), place));
        if base.is_some() {
            entries.put("image", whole.clone());
        } else {
            image_parts(&reference, written, place, &mut entries);
        }
        if let Some(name) = &name {
            entries.put("as", name.clone());
            let repeated = self.finished.iter().any(|stage| stage.name.as_deref() == name.as_str());
            entries.put("as_repeated", Value::bool(repeated, name.span));
        }
        if let Some(platform) = flags.get("platform") {
            entries.put("platform", platform.clone());
        }
        let open = match base.and_then(|base| self.finished.get(base)) {
            Some(stage) => stage.scope.open,
            None => known.as_deref() != Some("scratch"),
        };
        self.open_stage(name, index, whole, base, span, open);
        Some(entries.0)
    }

    fn open_stage(&mut self, name: Option<Value>, index: usize, image: Value, base: Option<usize>, span: Span, open: bool) {
        let taken = |label: &str| self.finished.iter().any(|stage| stage.name.as_deref() == Some(label));
        let label = name.as_ref().and_then(Value::as_str).filter(|label| !taken(label));
        let label = label.map_or_else(|| Arc::from(index.to_string()), Arc::from);
        let inherited = base.and_then(|base| self.finished.get(base)).map(|stage| Arc::clone(&stage.scope));
        let scope = Scope { base: inherited, open, ..Scope::default() };
        self.current =
            Some(Stage { name, label, index, image, base, scope, instructions: Vec::new(), users: Vec::new(), healthcheck: None, span });
    }

    fn end_stage(&mut self) {
        let Some(stage) = self.current.take() else { return };
        let base = stage.base.and_then(|base| self.finished.get(base));
        let healthcheck = stage.healthcheck.unwrap_or_else(|| base.is_some_and(|base| base.healthcheck));
        let mut users: Vec<usize> = base.map(|base| base.users.clone()).unwrap_or_default();
        users.extend(stage.users);
        let mut entries = Entries::default();
        let span = stage.span;
        entries.put("name", stage.name.clone().unwrap_or_else(|| Value::null(span)));
        entries.put("index", Value::int(i64::try_from(stage.index).unwrap_or(i64::MAX), span));
        entries.put("final", Value::bool(stage.index + 1 == self.stage_count, span));
        entries.put("image", stage.image);
        entries.put("base_is_stage", Value::bool(stage.base.is_some(), span));
        self.finished.push(Finished {
            value: entries.0,
            name: stage.name.as_ref().and_then(Value::as_str).map(str::to_owned),
            scope: Arc::new(stage.scope),
            instructions: stage.instructions,
            users,
            healthcheck,
            span,
        });
    }

    fn finish(mut self, scanned: &Scanned, text: &str) -> Built {
        self.end_stage();
        let whole = Span::new(self.file, 0..text.trim_end().len());
        let Some(last) = self.finished.last() else {
            if self.built.subjects.is_empty() && self.built.faults.is_empty() {
                self.fault(whole, "dockerfile-empty", "the file has no instruction".to_owned(), false);
            }
            return self.built;
        };
        let effective = last.users.last().copied();
        for (position, subject) in self.built.subjects.iter_mut().enumerate() {
            if &*subject.type_name == "USER"
                && let Data::Map(map) = &mut subject.value.data
            {
                Arc::make_mut(map).insert("effective", subject.head, Value::bool(effective == Some(position), subject.head));
            }
        }
        let value_at = |position: &usize| self.built.subjects.get(*position).map(|subject| subject.value.clone());
        let user_at = |position: &usize| self.built.subjects.get(*position).and_then(|subject| subject.value.get("user").cloned());
        let stage_value = |stage: &Finished| {
            let mut entries = Entries(stage.value.clone());
            entries.put("instructions", Value::list(stage.instructions.iter().filter_map(value_at).collect(), stage.span));
            entries
        };
        let mut entries = Entries::default();
        let stages = self.finished.iter().map(|stage| Value::map(stage_value(stage).0, stage.span)).collect();
        entries.put("stages", Value::list(stages, whole));
        let all = self.built.subjects.iter().map(|subject| subject.value.clone()).collect();
        entries.put("instructions", Value::list(all, whole));
        let mut end = stage_value(last);
        end.put("users", Value::list(last.users.iter().filter_map(user_at).collect(), last.span));
        if let Some(user) = effective.as_ref().and_then(user_at) {
            end.put("user", user);
        }
        end.put("has_healthcheck", Value::bool(last.healthcheck, last.span));
        entries.put("final_stage", Value::map(end.0, last.span));
        let mut directives = Map::new();
        for (name, value) in &scanned.directives {
            directives.insert(name.as_str(), whole, Value::string(value.as_str(), whole));
        }
        entries.put("directives", Value::map(directives, whole));
        let head = self.built.subjects.iter().find(|subject| &*subject.type_name == "FROM").map_or(whole, |from| from.head);
        self.built.subjects.push(Subject {
            kind: SubjectKind::Dockerfile,
            type_name: "Dockerfile".into(),
            id: Arc::clone(self.path),
            root: Arc::clone(self.path),
            span: whole,
            head,
            value: Value::map(entries.0, whole),
            via: Vec::new(),
        });
        self.built
    }

    /// Flags before the arguments, and where the arguments begin. A flag given twice, and `mount`, is a list.
    fn flags(&self, rest: &Joined) -> (Map, usize) {
        let mut flags = Map::new();
        let mut at = 0;
        loop {
            let text = rest.text.get(at..).unwrap_or_default();
            if !text.starts_with("--") {
                return (flags, at);
            }
            let length = text.find([' ', '\t']).unwrap_or(text.len());
            let word = at..at + length;
            let after = text.get(length..).unwrap_or_default();
            at += length + after.len() - after.trim_start().len();
            let flag = rest.text.get(word.clone()).unwrap_or_default().get(2..).unwrap_or_default();
            if flag.is_empty() {
                return (flags, at);
            }
            let span = rest.span(self.file, word.clone());
            let (name, value) = match flag.split_once('=') {
                Some((name, _)) => (name, self.word(rest, word.start + 3 + name.len()..word.end)),
                None => (flag, Value::bool(true, span)),
            };
            match flags.get_mut(name) {
                Some(old) => {
                    let mut items = old.as_list().map(<[Value]>::to_vec).unwrap_or_else(|| vec![old.clone()]);
                    items.push(value);
                    *old = Value::list(items, old.span);
                }
                None => {
                    let value = if name == "mount" { Value::list(vec![value], span) } else { value };
                    flags.insert(name, span, value);
                }
            }
        }
    }

    /// Everything an instruction says, but for its stage.
    fn describe(&mut self, name: &'static str, rest: &Joined, heredocs: &[Heredoc], span: Span) -> Entries {
        let whole = rest.span(self.file, 0..rest.text.len());
        let takes_flags = matches!(name, "ADD" | "COPY" | "FROM" | "HEALTHCHECK" | "RUN");
        let (flags, start) = if takes_flags { self.flags(rest) } else { (Map::new(), 0) };
        let arguments = rest.from(start);
        let place = arguments.span(self.file, 0..arguments.text.len());
        let mut entries = Entries::default();
        entries.put("instruction", Value::string(name, span));
        let mut text = arguments.text.clone();
        if name == "RUN" {
            for heredoc in heredocs {
                text.push('\n');
                text.push_str(&heredoc.body.text);
            }
        }
        entries.put("flags", Value::map(flags.clone(), whole));
        let exec = matches!(name, "ADD" | "CMD" | "COPY" | "ENTRYPOINT" | "RUN" | "SHELL" | "VOLUME")
            .then(|| self.exec_form(&arguments))
            .flatten();
        entries.put("json", Value::bool(exec.is_some(), place));
        let shell = exec.is_some() || matches!(name, "RUN" | "CMD" | "ENTRYPOINT" | "HEALTHCHECK");
        entries.put("expanded", self.expand(&text, if shell { Style::Shell } else { Style::Word }).value(place));
        entries.put("text", Value::string(text, place));
        if !heredocs.is_empty() {
            let list = heredocs.iter().map(|heredoc| heredoc_value(heredoc, self.file)).collect();
            entries.put("heredoc", Value::list(list, place));
        }
        let words_of = |builder: &Self| -> Vec<Value> {
            match &exec {
                Some(items) if matches!(name, "ADD" | "COPY" | "VOLUME") => {
                    items.iter().map(|item| builder.expand(item.as_str().unwrap_or_default(), Style::Word).value(item.span)).collect()
                }
                Some(items) => items.clone(),
                None => split(&arguments.text).into_iter().map(|range| builder.word(&arguments, range)).collect(),
            }
        };
        let list = match name {
            "RUN" | "CMD" | "ENTRYPOINT" => {
                let (commands, updates) = self.commands(&arguments, exec.as_deref(), heredocs);
                entries.put("commands", commands);
                if name == "RUN" {
                    entries.put("updates", updates);
                }
                match &exec {
                    Some(items) => items.clone(),
                    None => vec![Value::string(arguments.text.as_str(), place)],
                }
            }
            "HEALTHCHECK" => self.healthcheck(&arguments, &mut entries),
            "ENV" | "ARG" | "LABEL" => self.pairs(name, &arguments, &mut entries, span),
            "USER" => {
                self.user(&arguments, &mut entries);
                vec![self.word(&arguments, 0..arguments.text.len())]
            }
            "WORKDIR" | "STOPSIGNAL" | "MAINTAINER" => {
                let value = self.word(&arguments, 0..arguments.text.len());
                if name == "WORKDIR" {
                    entries.put("path", value.clone());
                }
                vec![value]
            }
            "ONBUILD" => {
                if let Some((inner, at)) = keyword(&arguments.text) {
                    if matches!(inner, "ONBUILD" | "FROM" | "MAINTAINER") {
                        self.fault(span, "dockerfile-instruction", format!("`ONBUILD` cannot hold `{inner}`"), true);
                    } else {
                        let trigger = self.describe(inner, &arguments.from(at), heredocs, place);
                        entries.put("trigger", Value::map(trigger.0, place));
                    }
                } else {
                    let word = arguments.text.split_whitespace().next().unwrap_or_default().to_owned();
                    self.fault(span, "dockerfile-instruction", format!("`{}` is not an instruction", shown(&word)), true);
                }
                vec![Value::string(arguments.text.as_str(), place)]
            }
            _ => {
                let list = words_of(self);
                match name {
                    "EXPOSE" => entries.put("ports", Value::list(list.iter().map(port).collect(), place)),
                    "VOLUME" => entries.put("paths", Value::list(list.clone(), place)),
                    "ADD" | "COPY" => {
                        if let Some((destination, sources)) = list.split_last() {
                            entries.put("sources", Value::list(sources.to_vec(), place));
                            entries.put("destination", destination.clone());
                        }
                        for key in ["from", "chown", "chmod"] {
                            if let Some(value) = flags.get(key) {
                                entries.put(key, value.clone());
                            }
                        }
                    }
                    _ => {}
                }
                list
            }
        };
        entries.put("arguments", Value::list(list, place));
        entries
    }

    /// The items of a JSON array of texts, if the arguments are one.
    fn exec_form(&self, arguments: &Joined) -> Option<Vec<Value>> {
        let text = arguments.text.trim_end();
        if !text.starts_with('[') || !text.ends_with(']') {
            return None;
        }
        let (value, problems) = json::parse(text, self.file);
        if problems.iter().any(|problem| problem.fatal) {
            return None;
        }
        let items = value.as_list()?;
        items
            .iter()
            .map(|item| {
                Some(item.clone().at(arguments.span(self.file, item.span.start as usize..item.span.end as usize)))
                    .filter(|item| item.as_str().is_some())
            })
            .collect()
    }

    /// The commands, and the fetches of package indexes among them.
    fn commands(&self, arguments: &Joined, exec: Option<&[Value]>, heredocs: &[Heredoc]) -> (Value, Value) {
        let place = arguments.span(self.file, 0..arguments.text.len());
        let mut found: Vec<(shell::Command, &Joined)> = Vec::new();
        if let Some(items) = exec {
            let (value, _) = json::parse(arguments.text.trim_end(), self.file);
            let words = items
                .iter()
                .zip(value.as_list().unwrap_or_default())
                .map(|(item, placed)| shell::Word {
                    text: item.as_str().unwrap_or_default().to_owned(),
                    range: placed.span.start as usize..placed.span.end as usize,
                })
                .collect();
            found.extend(shell::exec(words).into_iter().map(|command| (command, arguments)));
        } else {
            found.extend(shell::commands(&arguments.text).into_iter().map(|command| (command, arguments)));
            let runs_shell = found.is_empty()
                || matches!(found.as_slice(), [(single, _)] if matches!(single.name(), "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh"));
            for heredoc in heredocs.iter().filter(|heredoc| runs_shell && is_shell_script(&heredoc.body.text)) {
                found.extend(shell::commands(&heredoc.body.text).into_iter().map(|command| (command, &heredoc.body)));
            }
        }
        let mut updates = Vec::new();
        for (at, (command, joined)) in found.iter().enumerate() {
            if package_command(command) == Some(PackageCommand::Update) {
                let used = found.iter().skip(at + 1).any(|(later, _)| package_command(later) == Some(PackageCommand::Install));
                let span = joined.span(self.file, command.range.clone());
                let mut entries = Entries::default();
                entries.put("name", Value::string(command.name(), span));
                entries.put("used", Value::bool(used, span));
                updates.push(Value::map(entries.0, span));
            }
        }
        let values = found.iter().map(|(command, joined)| command_value(command, joined, self.file)).collect();
        (Value::list(values, place), Value::list(updates, place))
    }

    fn healthcheck(&mut self, arguments: &Joined, entries: &mut Entries) -> Vec<Value> {
        let place = arguments.span(self.file, 0..arguments.text.len());
        let end = arguments.text.find([' ', '\t']).unwrap_or(arguments.text.len());
        let (kind, rest) = arguments.text.split_at_checked(end).unwrap_or_default();
        let none = kind.eq_ignore_ascii_case("none");
        entries.put("none", Value::bool(none, place));
        if none {
            return Vec::new();
        }
        if !kind.eq_ignore_ascii_case("cmd") {
            self.fault(place, "dockerfile-healthcheck", "`HEALTHCHECK` takes `CMD` with a command, or `NONE`".to_owned(), true);
            return Vec::new();
        }
        let command = arguments.from(end + rest.len() - rest.trim_start().len());
        let exec = self.exec_form(&command);
        entries.put("commands", self.commands(&command, exec.as_deref(), &[]).0);
        exec.unwrap_or_else(|| vec![Value::string(command.text.as_str(), command.span(self.file, 0..command.text.len()))])
    }

    fn pairs(&mut self, name: &str, arguments: &Joined, entries: &mut Entries, span: Span) -> Vec<Value> {
        let place = arguments.span(self.file, 0..arguments.text.len());
        let text = &arguments.text;
        let parts = words(text, self.escape);
        let equals = |range: &std::ops::Range<usize>| text.get(range.clone()).and_then(|word| word.find('=')).map(|at| range.start + at);
        let mut pairs = Vec::new();
        let old_form = name != "ARG" && parts.first().is_some_and(|first| equals(first).is_none());
        let mut add = |key: std::ops::Range<usize>, value: Option<std::ops::Range<usize>>| {
            let mut pair = Entries::default();
            let whole = arguments.span(self.file, key.start..value.as_ref().map_or(key.end, |value| value.end));
            let written = text.get(key.clone()).unwrap_or_default();
            pair.put("key", Value::string(written.trim_matches(['"', '\'']), arguments.span(self.file, key)));
            if let Some(value) = value {
                pair.put("value", self.word(arguments, value));
            }
            pairs.push(Value::map(pair.0, whole));
        };
        if let (true, Some(first)) = (old_form, parts.first()) {
            // `ENV key all the rest`
            let start = parts.get(1).map(|second| second.start..text.trim_end().len());
            add(first.clone(), start);
        } else {
            for part in &parts {
                match equals(part) {
                    Some(at) => add(part.start..at, Some(at + 1..part.end)),
                    None => add(part.clone(), None),
                }
            }
        }
        if pairs.is_empty() {
            self.fault(span, "dockerfile-arguments", format!("`{name}` names nothing"), true);
        }
        entries.put("pairs", Value::list(pairs, place));
        parts.into_iter().map(|range| self.word(arguments, range)).collect()
    }

    fn user(&self, arguments: &Joined, entries: &mut Entries) {
        let range = 0..arguments.text.len();
        let span = arguments.span(self.file, range);
        let expanded = self.expand(&arguments.text, Style::Word);
        let value = expanded.value(span);
        match (expanded.start.split_once(':'), expanded.known()) {
            (Some((user, group)), known) => {
                entries.put("user", Value { data: Data::String(user.into()), ..value.clone() });
                let group = if known.is_some() { Data::String(group.into()) } else { with_prefix(&value, group) };
                entries.put("group", Value { data: group, ..value });
            }
            (None, _) => entries.put("user", value),
        }
    }
}

/// Whether the body of a here-document is for a shell: it says no other interpreter.
fn is_shell_script(text: &str) -> bool {
    match text.strip_prefix("#!") {
        Some(line) => line.lines().next().is_some_and(|line| line.trim_end().split([' ', '/']).any(|part| part.ends_with("sh"))),
        None => true,
    }
}

/// What a package manager is asked to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PackageCommand {
    /// Fetch the index of packages.
    Update,
    /// Install or upgrade packages.
    Install,
}

fn package_command(command: &shell::Command) -> Option<PackageCommand> {
    const MANAGERS: [&str; 10] = ["apt", "apt-get", "aptitude", "apk", "dnf", "microdnf", "opkg", "tdnf", "yum", "zypper"];
    const INSTALLS: [&str; 13] = [
        "add",
        "build-dep",
        "dist-upgrade",
        "distro-sync",
        "full-upgrade",
        "groupinstall",
        "in",
        "install",
        "localinstall",
        "patch",
        "reinstall",
        "source-install",
        "upgrade",
    ];
    if !MANAGERS.contains(&command.name()) {
        return None;
    }
    let has = |known: &[&str]| command.words.iter().skip(1).any(|word| known.contains(&word.text.as_str()));
    if has(&INSTALLS) {
        Some(PackageCommand::Install)
    } else if has(&["update", "refresh", "ref"]) {
        Some(PackageCommand::Update)
    } else {
        None
    }
}

/// Words between spaces, as the builder splits paths and ports: quotes mean nothing.
fn split(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut out = Vec::new();
    let mut start = None;
    for (at, letter) in text.char_indices() {
        match (letter.is_whitespace(), start) {
            (true, Some(from)) => {
                out.push(from..at);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    if let Some(from) = start {
        out.push(from..text.len());
    }
    out
}

/// An unknown part of an unknown text, with its own known beginning.
fn with_prefix(value: &Value, prefix: &str) -> Data {
    match &value.data {
        Data::Unknown(unknown) => Data::Unknown(Arc::new(Unknown { prefix: prefix.into(), suffix: "".into(), ..Unknown::clone(unknown) })),
        other => other.clone(),
    }
}

/// `image`, `tag` and `digest` of a reference, as far as they are known.
fn image_parts(reference: &Expanded, written: &str, span: Span, entries: &mut Entries) {
    let part = |text: &str| Value { data: Data::String(text.into()), ..reference.value(span) };
    let unknown = reference.value(span);
    let Some(known) = reference.known() else {
        // What stands after the last unknown may still be a whole tag or digest: `${REGISTRY}/app:1.2`.
        let end = &reference.end;
        let (name, digest) = end.split_once('@').map_or((end.as_str(), None), |(name, digest)| (name, Some(digest)));
        let last = name.rsplit('/').next().unwrap_or(name);
        let tag = last.split_once(':').map(|(_, tag)| tag);
        let start = reference.start.rsplit('/').next().unwrap_or_default();
        match (start.split_once(':'), tag, digest) {
            // `golang:${VERSION}-alpine`: the image is known, the tag is not.
            (Some((_, begun)), _, _) if !name.contains('/') => {
                let length = reference.start.len() - start.len() + start.find(':').unwrap_or(0);
                entries.put("image", part(reference.start.get(..length).unwrap_or_default()));
                entries.put("tag", Value { data: with_prefix(&unknown, begun), ..unknown });
            }
            (_, Some(tag), _) => {
                entries.put("image", unknown);
                entries.put("tag", part(tag));
            }
            _ => {
                entries.put("image", unknown.clone());
                if digest.is_none() {
                    // Whether there is a tag at all hangs on the unknown.
                    let mut tag = unknown;
                    if let Data::Unknown(reason) = &mut tag.data {
                        let reason = Unknown { set: false, prefix: "".into(), suffix: "".into(), ..Unknown::clone(reason) };
                        tag.data = Data::Unknown(Arc::new(reason));
                    }
                    entries.put("tag", tag);
                }
            }
        }
        if let Some(digest) = digest {
            entries.put("digest", part(digest));
        }
        return;
    };
    // A part stands where it is written, unless a variable gave it.
    let at = |text: &str, offset: usize| {
        let start = span.start as usize + offset;
        part(text).at(if written == known { Span::new(span.file, start..start + text.len()) } else { span })
    };
    let (name, digest) = known.split_once('@').map_or((known, None), |(name, digest)| (name, Some(digest)));
    let folder = name.rfind('/').map_or(0, |at| at + 1);
    let last = name.get(folder..).unwrap_or_default();
    let (image, tag) = match last.split_once(':') {
        Some((image, tag)) => (name.get(..folder + image.len()).unwrap_or_default(), Some(tag)),
        None => (name, None),
    };
    entries.put("image", at(image, 0));
    if let Some(tag) = tag {
        entries.put("tag", at(tag, image.len() + 1));
    }
    if let Some(digest) = digest {
        entries.put("digest", at(digest, name.len() + 1));
    }
}

/// `8080`, `8080/udp`, `8000-8010/tcp`.
fn port(value: &Value) -> Value {
    let mut entries = Entries::default();
    let part = |data: Data| Value { data, ..value.clone() };
    let Some(text) = value.as_str() else {
        for key in ["port", "to", "protocol"] {
            entries.put(key, part(with_prefix(value, "")));
        }
        return Value::map(entries.0, value.span);
    };
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    // Forms like `8080:80` are refused by the builder, but people write them: the last is the container's.
    let ports = ports.rsplit(':').next().unwrap_or(ports);
    let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
    let number = |text: &str| match text.trim().parse::<u16>() {
        Ok(port) => Data::Number(probity_value::Number::Int(i64::from(port))),
        Err(_) => Data::String(text.into()),
    };
    entries.put("port", part(number(from)));
    entries.put("to", part(number(to)));
    entries.put("protocol", part(Data::String(protocol.to_ascii_lowercase().into())));
    Value::map(entries.0, value.span)
}

fn heredoc_value(heredoc: &Heredoc, file: FileId) -> Value {
    let mut entries = Entries::default();
    entries.put("name", Value::string(heredoc.name.as_str(), heredoc.span));
    entries.put("expand", Value::bool(heredoc.expand, heredoc.span));
    entries.put("text", Value::string(heredoc.body.text.as_str(), Span { file, ..heredoc.span }));
    Value::map(entries.0, heredoc.span)
}

fn command_value(command: &shell::Command, joined: &Joined, file: FileId) -> Value {
    let place = |range: &std::ops::Range<usize>| joined.span(file, range.start..range.end);
    let span = place(&command.range);
    let mut entries = Entries::default();
    entries.put("name", Value::string(command.name(), command.words.first().map_or(span, |word| place(&word.range))));
    let words = command.words.iter().map(|word| Value::string(word.text.as_str(), place(&word.range))).collect();
    entries.put("words", Value::list(words, span));
    entries.put("sudo", Value::bool(command.sudo, span));
    let assignments = command.assignments.iter().map(|(key, value, range)| {
        let mut pair = Entries::default();
        pair.put("key", Value::string(key.as_str(), place(range)));
        pair.put("value", Value::string(value.as_str(), place(range)));
        Value::map(pair.0, place(range))
    });
    entries.put("assignments", Value::list(assignments.collect(), span));
    if let Some(into) = &command.into {
        entries.put("into", Value::string(into.as_str(), span));
    }
    Value::map(entries.0, span)
}
