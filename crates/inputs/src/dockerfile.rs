//! Dockerfiles as BuildKit's parser cuts them, in Conftest's shape: a list with one list of `{Cmd, SubCmd, JSON, Flags, Value, Stage}`;
//! comments before an instruction are commands of their own.

use std::collections::HashSet;
use std::ops::Range;

use probity_value::{Map, Span, Value, json};

use crate::text::{Read, Source};

/// Reads a Dockerfile.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let mut reader = Reader {
        source,
        at: if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 },
        escape: '\\',
        directives: Directives::default(),
    };
    let mut commands = Vec::new();
    let mut comments: Vec<(String, Span)> = Vec::new();
    let mut stages = 0_usize;
    while let Some(line) = reader.line() {
        if reader.is_comment(&line) {
            // The first character goes, whatever it is.
            let raw = source.slice(line.clone());
            let comment = raw.get(raw.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default().trim();
            if comment.is_empty() {
                comments.clear();
            } else {
                comments.push((comment.to_owned(), source.span(source.range_of(comment))));
            }
        }
        let trimmed = reader.without_blanks(&line);
        if reader.directive(trimmed.clone())? {
            comments.pop();
        }
        if reader.is_comment(&line) {
            continue;
        }
        let Some(logical) = reader.logical(trimmed) else { continue };
        let instruction = reader.instruction(&logical, logical.text.trim())?;
        if instruction.name.eq_ignore_ascii_case("from") {
            let words: Vec<&str> = instruction.values.iter().map(|(text, _)| text.as_str()).collect();
            if !matches!(words.as_slice(), [_] | [_, "as" | "AS" | "As" | "aS", _]) {
                return Err(source.problem(logical.range(), "`FROM` has one argument, or three with `AS`"));
            }
            stages += 1;
        }
        let stage = i64::try_from(stages.saturating_sub(1)).unwrap_or(i64::MAX);
        for (comment, span) in comments.drain(..) {
            commands.push(command("comment", "", false, None, Some(vec![(comment, span)]), stage, span));
        }
        reader.heredocs(&logical, &instruction)?;
        let span = source.span(logical.range());
        commands.push(instruction.value(stage, span));
    }
    if commands.is_empty() {
        return Err(source.problem(0..0, "the file has no instructions"));
    }
    Ok(Value::list(vec![Value::list(commands, source.whole())], source.whole()))
}

/// Instructions there are.
const KNOWN: &[&str] = &[
    "add",
    "arg",
    "cmd",
    "copy",
    "entrypoint",
    "env",
    "expose",
    "from",
    "healthcheck",
    "label",
    "maintainer",
    "onbuild",
    "run",
    "shell",
    "stopsignal",
    "user",
    "volume",
    "workdir",
];

type Words = Vec<(String, Span)>;

struct Instruction {
    name: String,
    name_span: Span,
    /// The instruction behind `ONBUILD`.
    sub: Option<Box<Instruction>>,
    flags: Option<Words>,
    json: bool,
    values: Words,
}

impl Instruction {
    fn value(self, stage: i64, span: Span) -> Value {
        let name = self.name.to_lowercase();
        let values = |values: Words| Some(values).filter(|values| !values.is_empty());
        let (sub, json, listed) = match self.sub {
            Some(sub) => (sub.name, sub.json, values(sub.values)),
            None => (String::new(), self.json, values(self.values)),
        };
        let mut value = command(&name, &sub, json, self.flags, listed, stage, span);
        if let probity_value::Data::Map(map) = &mut value.data
            && let Some(map) = std::sync::Arc::get_mut(map)
            && let Some(cmd) = map.get_mut("Cmd")
        {
            cmd.span = self.name_span;
        }
        value
    }
}

fn command(name: &str, sub: &str, json: bool, flags: Option<Words>, values: Option<Words>, stage: i64, span: Span) -> Value {
    let list = |words: Option<Words>| match words {
        None => Value::null(span),
        Some(words) => {
            let place = match (words.first(), words.last()) {
                (Some((_, first)), Some((_, last))) => first.join(*last),
                _ => span,
            };
            Value::list(words.into_iter().map(|(text, at)| Value::string(text, at)).collect(), place)
        }
    };
    let mut map = Map::new();
    map.insert("Cmd", span, Value::string(name, span));
    map.insert("SubCmd", span, Value::string(sub, span));
    map.insert("JSON", span, Value::bool(json, span));
    map.insert("Flags", span, list(flags));
    map.insert("Value", span, list(values));
    map.insert("Stage", span, Value::int(stage, span));
    Value::map(map, span)
}

/// One instruction without its line continuations, and the way back to the bytes of the file.
struct Logical {
    text: String,
    /// Bytes of the text and of the file that stand at the same place, at the start of every piece.
    pieces: Vec<(usize, usize)>,
    start: usize,
    end: usize,
}

impl Logical {
    fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The byte of the file that a byte of the text is.
    fn place(&self, at: usize) -> usize {
        let piece = self.pieces.partition_point(|(text, _)| *text <= at).checked_sub(1).and_then(|index| self.pieces.get(index));
        piece.map_or(self.start, |(text, file)| file + (at - text))
    }

    fn offset_of(&self, part: &str) -> usize {
        (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize).min(self.text.len())
    }
}

#[derive(Default)]
struct Directives {
    done: bool,
    seen: HashSet<String>,
}

struct Reader<'a> {
    source: &'a Source<'a>,
    at: usize,
    escape: char,
    directives: Directives,
}

impl Reader<'_> {
    /// The next line without its line break.
    fn line(&mut self) -> Option<Range<usize>> {
        let rest = self.source.rest(self.at);
        if rest.is_empty() {
            return None;
        }
        let start = self.at;
        let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
        self.at += length;
        let text = rest.get(..length).unwrap_or_default().trim_end_matches(['\r', '\n']);
        Some(start..start + text.len())
    }

    fn without_blanks(&self, line: &Range<usize>) -> Range<usize> {
        line.end - self.source.slice(line.clone()).trim_start().len()..line.end
    }

    fn is_comment(&self, line: &Range<usize>) -> bool {
        self.source.slice(line.clone()).trim_start().starts_with('#')
    }

    /// Whether the line is a parser directive: `# escape=...`. They stand before everything else.
    fn directive(&mut self, line: Range<usize>) -> Read<bool> {
        if self.directives.done {
            return Ok(false);
        }
        let text = self.source.slice(line.clone());
        let found = text.strip_prefix('#').map(str::trim_start).and_then(|text| text.split_once('='));
        let found = found.map(|(key, value)| (key.trim_end().to_lowercase(), value.trim()));
        match found {
            Some((key, value)) if matches!(key.as_str(), "syntax" | "check" | "escape") && !value.is_empty() => {
                if key == "escape" {
                    match value {
                        "\\" | "`" => self.escape = if value == "`" { '`' } else { '\\' },
                        _ => return Err(self.source.problem(line, "the escape is neither `\\` nor a backtick")),
                    }
                }
                if !self.directives.seen.insert(key.clone()) {
                    return Err(self.source.problem(line, format!("the directive `{key}` is there more than once")));
                }
                Ok(true)
            }
            _ => {
                self.directives.done = true;
                Ok(false)
            }
        }
    }

    /// A line without the character that continues it, and whether it goes on.
    fn continued(&self, line: Range<usize>) -> (Range<usize>, bool) {
        let text = self.source.slice(line.clone());
        let bare = text.trim_end_matches([' ', '\t']);
        match bare.strip_suffix(self.escape) {
            Some(before) if !before.ends_with(self.escape) => (line.start..line.start + before.len(), true),
            _ => (line, false),
        }
    }

    /// The instruction that begins with a line; `None` for an empty line.
    fn logical(&mut self, line: Range<usize>) -> Option<Logical> {
        let (piece, mut goes_on) = self.continued(line.clone());
        if !goes_on && piece.is_empty() {
            return None;
        }
        let mut out = Logical { text: String::new(), pieces: Vec::new(), start: line.start, end: line.end };
        let add = |reader: &Self, out: &mut Logical, piece: Range<usize>, end: usize| {
            out.pieces.push((out.text.len(), piece.start));
            out.text.push_str(reader.source.slice(piece));
            out.end = end;
        };
        add(self, &mut out, piece, line.end);
        while goes_on {
            let Some(line) = self.line() else { break };
            if self.is_comment(&line) || self.source.slice(line.clone()).trim_start().is_empty() {
                continue;
            }
            let (piece, more) = self.continued(line.clone());
            goes_on = more;
            add(self, &mut out, piece, line.end);
        }
        Some(out)
    }

    fn instruction(&self, logical: &Logical, line: &str) -> Read<Instruction> {
        let place = |part: &str| {
            let at = logical.offset_of(part);
            self.source.span(logical.place(at)..logical.place(at + part.len()).max(logical.place(at)))
        };
        let line = line.trim();
        let (name, rest) = split_blank(line);
        let name_span = place(name);
        let lower = name.to_lowercase();
        let wrong = |message: String| self.source.problem(logical.range(), message);
        if !KNOWN.contains(&lower.as_str()) {
            let range = name_span.start as usize..name_span.end as usize;
            return Err(self.source.problem(range, format!("`{name}` is no instruction")));
        }
        let (flags, arguments) = match rest {
            Some(rest) => {
                let (flags, arguments) = self.flags(rest);
                (Some(flags.into_iter().map(|(text, part)| (text, place(part))).collect()), arguments.trim())
            }
            None => (None, ""),
        };
        let mut out = Instruction { name: name.to_owned(), name_span, sub: None, flags, json: false, values: Vec::new() };
        let whole = |text: &str| vec![(text.to_owned(), place(text))];
        let delimited = |text: &str| blank_words(text).into_iter().map(|word| (word.to_owned(), place(word))).collect::<Words>();
        let listed = |text: &str, out: &mut Instruction| -> Read<bool> {
            match json_words(text) {
                Json::No => Ok(false),
                Json::NotTexts => Err(wrong("a list in brackets has to be one of texts".to_owned())),
                Json::Words(words) => {
                    let start = logical.offset_of(text) + (text.len() - text.trim_start().len());
                    let span = |range: Range<usize>| self.source.span(logical.place(start + range.start)..logical.place(start + range.end));
                    out.values.extend(words.into_iter().map(|(word, range)| (word, span(range))));
                    out.json = true;
                    Ok(true)
                }
            }
        };
        if arguments.is_empty() {
            return match lower.as_str() {
                "cmd" | "entrypoint" | "run" => Ok(out),
                _ => Err(wrong(format!("`{name}` needs an argument"))),
            };
        }
        match lower.as_str() {
            "run" | "cmd" | "entrypoint" | "shell" => {
                if !listed(arguments, &mut out)? {
                    out.values = whole(arguments);
                }
            }
            "add" | "copy" | "volume" => {
                if !listed(arguments, &mut out)? {
                    out.values = delimited(arguments);
                }
            }
            "expose" | "from" => out.values = delimited(arguments),
            "maintainer" | "stopsignal" | "user" | "workdir" => out.values = whole(arguments),
            "arg" => out.values = self.words(arguments).into_iter().map(|word| (word.clone(), place(arguments))).collect(),
            "env" | "label" => out.values = self.pairs(arguments, place(arguments), &wrong, name)?,
            "healthcheck" => {
                let (kind, command) = arguments.split_once(char::is_whitespace).unwrap_or((arguments, ""));
                out.values = whole(kind);
                let command = command.trim_start();
                if !command.is_empty() && !listed(command, &mut out)? {
                    out.values.extend(whole(command));
                }
            }
            _ => {
                let sub = self.instruction_below(logical, arguments)?;
                out.sub = Some(Box::new(sub));
            }
        }
        Ok(out)
    }

    fn instruction_below(&self, logical: &Logical, line: &str) -> Read<Instruction> {
        if split_blank(line).0.eq_ignore_ascii_case("onbuild") {
            return Err(self.source.problem(logical.range(), "`ONBUILD` may not stand behind `ONBUILD`"));
        }
        self.instruction(logical, line)
    }

    /// The flags (`--name=value`) before the arguments, and the arguments.
    fn flags<'t>(&self, text: &'t str) -> (Vec<(String, &'t str)>, &'t str) {
        let mut flags = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start();
            if !rest.starts_with("--") {
                return (flags, rest);
            }
            let mut word = String::new();
            let mut blank_fits = false;
            let mut quote = None;
            let mut end = rest.len();
            let mut letters = rest.char_indices();
            while let Some((at, letter)) = letters.next() {
                match quote {
                    None if letter.is_whitespace() => {
                        end = at;
                        break;
                    }
                    None if matches!(letter, '"' | '\'') => {
                        quote = Some(letter);
                        blank_fits = true;
                    }
                    Some(wanted) if letter == wanted => quote = None,
                    _ if letter == self.escape => word.extend(letters.next().map(|(_, letter)| letter)),
                    _ => word.push(letter),
                }
            }
            let (part, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            if word == "--" {
                return (flags, after);
            }
            if blank_fits || !word.is_empty() {
                flags.push((word, part));
            }
            rest = after;
        }
    }

    /// Words with their quotes and escapes kept.
    fn words(&self, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut word = String::new();
        let mut quote = None;
        let mut blank_fits = false;
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match quote {
                None if letter.is_whitespace() => {
                    if blank_fits || !word.is_empty() {
                        words.push(std::mem::take(&mut word));
                    }
                    blank_fits = false;
                    continue;
                }
                None if matches!(letter, '"' | '\'') => {
                    quote = Some(letter);
                    blank_fits = true;
                }
                Some(wanted) if letter == wanted => quote = None,
                _ => {}
            }
            if letter == self.escape && quote != Some('\'') {
                match letters.next() {
                    Some(next) => {
                        word.push(letter);
                        word.push(next);
                    }
                    // At the end it is passed over.
                    None => break,
                }
                continue;
            }
            word.push(letter);
        }
        if blank_fits || !word.is_empty() {
            words.push(word);
        }
        words
    }

    /// `key=value ...`, or `key value` as one pair: key, value and what separates them, one after the other.
    fn pairs(&self, text: &str, span: Span, wrong: &dyn Fn(String) -> probity_value::Problem, name: &str) -> Read<Words> {
        let words = self.words(text);
        let mut out = Words::new();
        if !words.first().is_some_and(|word| word.contains('=')) {
            let (key, Some(value)) = split_blank(text) else { return Err(wrong(format!("`{name}` has a key and a value"))) };
            out.extend([(key.to_owned(), span), (value.to_owned(), span), (String::new(), span)]);
            return Ok(out);
        }
        for word in words {
            let Some((key, value)) = word.split_once('=') else {
                return Err(wrong(format!("`{word}` has no `=`")));
            };
            out.extend([(key.to_owned(), span), (value.to_owned(), span), ("=".to_owned(), span)]);
        }
        Ok(out)
    }

    /// Passes over the heredocs an instruction has.
    fn heredocs(&mut self, logical: &Logical, instruction: &Instruction) -> Read<()> {
        let last = instruction.sub.as_deref().unwrap_or(instruction);
        let fits = matches!(last.name.to_lowercase().as_str(), "add" | "copy" | "run") && !last.json;
        if !fits || !logical.text.contains("<<") {
            return Ok(());
        }
        for word in shell_words(&logical.text) {
            let Some((name, indented)) = heredoc_name(&word) else { continue };
            loop {
                let Some(line) = self.line() else {
                    return Err(self.source.problem(logical.range(), format!("the heredoc `{name}` has no end")));
                };
                let text = self.source.slice(line);
                let text = if indented { text.trim_start_matches('\t') } else { text };
                if text == name {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn is_blank(letter: char) -> bool {
    matches!(letter, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// The first word, and what follows its blanks.
fn split_blank(text: &str) -> (&str, Option<&str>) {
    match text.split_once(is_blank) {
        Some((first, rest)) => (first, Some(rest.trim_start_matches(is_blank))),
        None => (text, None),
    }
}

fn blank_words(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (word, after) = split_blank(text);
        out.push(word);
        rest = after;
    }
    out
}

enum Json {
    /// No list in JSON.
    No,
    /// A list of other things than texts.
    NotTexts,
    Words(Vec<(String, Range<usize>)>),
}

/// The texts of a list in JSON, with their bytes counted from its bracket.
fn json_words(text: &str) -> Json {
    let text = text.trim_start();
    if !text.starts_with('[') {
        return Json::No;
    }
    let (value, problems) = json::parse(text, probity_value::FileId(0));
    let Some(items) = value.as_list().filter(|_| !problems.iter().any(|problem| problem.fatal)) else { return Json::No };
    let mut words = Vec::new();
    for item in items {
        let Some(word) = item.as_str() else { return Json::NotTexts };
        words.push((word.to_owned(), item.span.start as usize..item.span.end as usize));
    }
    Json::Words(words)
}

/// Words as a shell cuts them, with quotes and escapes kept.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match quote {
            None if letter.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            Some(wanted) if letter == wanted => quote = None,
            _ => {}
        }
        word.push(letter);
        if letter == '\\' && quote != Some('\'') {
            word.extend(letters.next());
        }
    }
    words.push(word);
    words
}

/// The name of a heredoc, and whether it is `<<-`: `<<EOF`, `3<<-"EOF"`.
fn heredoc_name(word: &str) -> Option<(String, bool)> {
    let rest = word.trim_start_matches(|letter: char| letter.is_ascii_digit()).strip_prefix("<<")?;
    let (indented, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let rest = rest.trim_start();
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let mut name = String::new();
    let mut quote = None;
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match quote {
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            Some(wanted) if letter == wanted => quote = None,
            _ if letter == '\\' && quote != Some('\'') => name.extend(letters.next()),
            _ => name.push(letter),
        }
    }
    Some((name, indented))
}
