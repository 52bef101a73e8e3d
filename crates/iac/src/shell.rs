//! Shell text to its simple commands: enough of the POSIX shell grammar to tell which programs are run with which words.
//!
//! What does not live here: running anything, and values of shell variables; `$x` stays as written.

use std::ops::Range;

/// Substitutions and `sh -c` may be nested this deep.
const MAX_DEPTH: usize = 8;
/// Commands kept of one text.
const MAX_COMMANDS: usize = 4096;

/// One simple command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Command {
    /// Program and arguments without quotes, each with its place in the text.
    pub(crate) words: Vec<Word>,
    /// `NAME=value` before it (also after `env` or `export`), values without quotes.
    pub(crate) assignments: Vec<(String, String, Range<usize>)>,
    /// Whether it runs under `sudo`.
    pub(crate) sudo: bool,
    /// The program it pipes into, or whose text it makes (`sh <(...)`, `sh -c "$(...)"`).
    pub(crate) into: Option<String>,
    pub(crate) range: Range<usize>,
    /// What stands behind it.
    pub(crate) then: Then,
    /// Whether its success decides what is done next: behind `if`, `while`, `until` or `!`.
    pub(crate) condition: bool,
    /// How deep in groups and substitutions it stands.
    pub(crate) level: usize,
    /// The next command of the same text.
    pub(crate) next: Option<usize>,
    /// The first command of what stands behind `||` and is done where it, or the group around it, fails.
    pub(crate) fallback: Option<usize>,
    /// The command whose substitution or script it stands in.
    pub(crate) parent: Option<usize>,
}

/// What stands behind a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    /// `|`.
    Pipe,
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// `&`.
    Background,
    /// `;`, the end of the line, or anything else that ends it.
    Other,
}

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) range: Range<usize>,
}

impl Command {
    /// The program without its folder.
    pub(crate) fn name(&self) -> &str {
        self.words.first().map_or("", |word| match word.text.as_str() {
            substitution if substitution.contains("$(") || substitution.contains('`') => substitution,
            program => program.rsplit('/').next().unwrap_or_default(),
        })
    }
}

/// All commands of a text, those of substitutions and of `sh -c` after the one they stand in.
pub(crate) fn commands(text: &str) -> Vec<Command> {
    let mut out = Vec::new();
    parse(text, 0, 0, None, &mut out);
    out
}

/// The commands of an exec form, whose words no shell reads.
pub(crate) fn exec(words: Vec<Word>) -> Vec<Command> {
    let range = words.first().map_or(0, |word| word.range.start)..words.last().map_or(0, |word| word.range.end);
    let mut out = Vec::new();
    if let Some(command) = simple(words, range) {
        let script = script_of(&command);
        out.push(command);
        if let Some((script, at)) = script {
            parse(&script, at, 1, Some(0), &mut out);
        }
    }
    out
}

/// What ends a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Then(Then),
    /// `(`.
    Open,
    /// `)`.
    Close,
}

/// The groups around a place, and who waits for what comes next.
#[derive(Default)]
struct Groups {
    /// What opened each, and the commands before it.
    open: Vec<(Group, usize)>,
    /// The commands of the group that was just closed.
    closed: Option<Range<usize>>,
    /// Commands whose fallback is the next one.
    waiting: Option<Range<usize>>,
    /// The command before.
    last: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Parenthesis,
    Brace,
    Block,
}

impl Groups {
    /// Takes the words in that open and close groups; says whether the command behind them is a condition.
    fn words(&mut self, words: &[Word], have: usize) -> bool {
        let mut condition = false;
        for word in words {
            match word.text.as_str() {
                "{" => self.open.push((Group::Brace, have)),
                "}" => self.close(Group::Brace, have),
                "if" | "while" | "until" => {
                    self.open.push((Group::Block, have));
                    condition = true;
                }
                "for" | "case" | "select" => {
                    self.open.push((Group::Block, have));
                    break;
                }
                "fi" | "done" | "esac" => self.close(Group::Block, have),
                "elif" | "!" => condition = true,
                "then" | "else" | "do" => condition = false,
                word if is_reserved(word) => {}
                _ => break,
            }
        }
        condition
    }

    fn close(&mut self, group: Group, have: usize) {
        if let Some((_, start)) = self.open.pop_if(|(open, _)| *open == group) {
            self.closed = Some(start..have);
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// Where the text begins in the whole.
    base: usize,
    words: Vec<Word>,
    word: Option<Word>,
    /// The next word is the target of a redirection, or names a here-document.
    redirected: Option<Redirect>,
    heredocs: Vec<(String, bool)>,
    /// Texts inside substitutions of this command.
    nested: Vec<(String, usize)>,
    start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Redirect {
    File,
    Heredoc { tabs: bool },
}

fn parse(text: &str, base: usize, depth: usize, parent: Option<usize>, out: &mut Vec<Command>) {
    if depth > MAX_DEPTH {
        return;
    }
    let mut parser = Parser {
        text,
        at: 0,
        base,
        words: Vec::new(),
        word: None,
        redirected: None,
        heredocs: Vec::new(),
        nested: Vec::new(),
        start: base,
    };
    // Number of the last command, where it pipes into the next.
    let mut piped: Option<usize> = None;
    let mut groups = Groups::default();
    while out.len() < MAX_COMMANDS {
        let ended = parser.step();
        let (end, last) = match ended {
            Step::More => continue,
            Step::Command(end) => (end, false),
            Step::Done => (End::Then(Then::Other), true),
        };
        parser.end_word();
        let words = std::mem::take(&mut parser.words);
        let mut nested = std::mem::take(&mut parser.nested);
        let range = parser.start..base + parser.at;
        parser.start = base + parser.at;
        let place = out.len();
        let condition = groups.words(&words, place);
        let name = match simple(words, range) {
            Some(mut command) => {
                command.condition = condition;
                command.level = depth * 1000 + groups.open.len();
                command.parent = parent;
                if let End::Then(then) = end {
                    command.then = then;
                }
                groups.closed = None;
                for failed in groups.waiting.take().into_iter().flatten() {
                    if let Some(failed) = out.get_mut(failed).filter(|failed| failed.fallback.is_none()) {
                        failed.fallback = Some(place);
                    }
                }
                if let Some(before) = groups.last.replace(place).and_then(|last| out.get_mut(last)) {
                    before.next = Some(place);
                }
                if end == End::Then(Then::Or) {
                    groups.waiting = Some(place..place + 1);
                }
                let name = command.name().to_owned();
                let script = script_of(&command);
                if let Some((script, at)) = &script {
                    // Substitutions in the script are found when it is read itself.
                    nested.retain(|(_, place)| *place < *at || *place > at + script.len());
                }
                out.push(command);
                if let Some(before) = piped.take().and_then(|index| out.get_mut(index)) {
                    before.into = Some(name.clone());
                }
                if end == End::Then(Then::Pipe) {
                    piped = Some(place);
                }
                if let Some((script, at)) = script {
                    parse(&script, at, depth + 1, Some(place), out);
                }
                name
            }
            None => {
                let closed = groups.closed.take();
                if end == End::Then(Then::Or) && closed.is_some() {
                    groups.waiting = closed;
                }
                String::new()
            }
        };
        match end {
            End::Open => groups.open.push((Group::Parenthesis, out.len())),
            End::Close => groups.close(Group::Parenthesis, out.len()),
            End::Then(_) => {}
        }
        // A command that is a substitution runs what it prints, as a shell would.
        let name = if name.starts_with("$(") || name.starts_with('`') { "sh".to_owned() } else { name };
        for (inside, at) in nested {
            let first = out.len();
            parse(&inside, at, depth + 1, Some(place).filter(|place| *place < first), out);
            for command in out.iter_mut().skip(first).filter(|command| command.into.is_none()) {
                if !name.is_empty() {
                    command.into = Some(name.clone());
                }
            }
        }
        if last {
            return;
        }
    }
}

enum Step {
    More,
    Command(End),
    Done,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, text: &str, from: usize) {
        let (start, end) = (self.base + from, self.base + self.at);
        let word = self.word.get_or_insert_with(|| Word { text: String::new(), range: start..end });
        word.text.push_str(text);
        word.range.end = end;
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match self.redirected.take() {
            None => self.words.push(word),
            Some(Redirect::File) => {}
            Some(Redirect::Heredoc { tabs }) => self.heredocs.push((word.text, tabs)),
        }
    }

    /// Reads one piece.
    fn step(&mut self) -> Step {
        let from = self.at;
        let Some(letter) = self.rest().chars().next() else { return Step::Done };
        let two = self.rest().get(..2).unwrap_or_default();
        match letter {
            ' ' | '\t' | '\r' => {
                self.at += 1;
                self.end_word();
            }
            '\n' => {
                self.at += 1;
                self.end_word();
                self.skip_heredocs();
                return Step::Command(End::Then(Then::Other));
            }
            '\\' => {
                self.at += 1;
                let next = self.rest().chars().next();
                self.at += next.map_or(0, char::len_utf8);
                match next {
                    Some('\n') => {}
                    Some(next) => self.push(next.encode_utf8(&mut [0; 4]), from),
                    None => self.push("\\", from),
                }
            }
            '\'' => {
                let inside = self.rest().get(1..).unwrap_or_default();
                let length = inside.find('\'').unwrap_or(inside.len());
                let quoted = inside.get(..length).unwrap_or_default().to_owned();
                self.at = (self.at + length + 2).min(self.text.len());
                self.push(&quoted, from);
            }
            '"' => self.double_quoted(),
            '$' | '`' => self.dollar(),
            '#' if self.word.is_none() => {
                let length = self.rest().find('\n').unwrap_or(self.rest().len());
                self.at += length;
            }
            '&' if two == "&>" => {
                self.end_word();
                self.at += if self.rest().starts_with("&>>") { 3 } else { 2 };
                self.redirected = Some(Redirect::File);
            }
            '<' | '>' => self.redirection(),
            '|' if two != "||" => {
                self.at += if two == "|&" { 2 } else { 1 };
                return Step::Command(End::Then(Then::Pipe));
            }
            '&' | '|' | ';' | '(' | ')' => {
                let (length, end) = match two {
                    "&&" => (2, End::Then(Then::And)),
                    "||" => (2, End::Then(Then::Or)),
                    ";;" => (2, End::Then(Then::Other)),
                    _ => match letter {
                        '&' => (1, End::Then(Then::Background)),
                        '(' => (1, End::Open),
                        ')' => (1, End::Close),
                        _ => (1, End::Then(Then::Other)),
                    },
                };
                self.at += length;
                return Step::Command(end);
            }
            _ => {
                self.at += letter.len_utf8();
                self.push(letter.encode_utf8(&mut [0; 4]), from);
            }
        }
        Step::More
    }

    fn double_quoted(&mut self) {
        let from = self.at;
        self.at += 1;
        self.push("", from);
        while let Some(letter) = self.rest().chars().next() {
            let here = self.at;
            match letter {
                '"' => {
                    self.at += 1;
                    self.push("", here);
                    return;
                }
                '\\' => {
                    let next = self.rest().chars().nth(1);
                    self.at += 1 + next.map_or(0, char::len_utf8);
                    match next {
                        Some('\n') => {}
                        Some(next @ ('"' | '\\' | '$' | '`')) => self.push(next.encode_utf8(&mut [0; 4]), here),
                        Some(next) => {
                            self.push("\\", here);
                            self.push(next.encode_utf8(&mut [0; 4]), here);
                        }
                        None => self.push("\\", here),
                    }
                }
                '$' | '`' => self.dollar(),
                _ => {
                    self.at += letter.len_utf8();
                    self.push(letter.encode_utf8(&mut [0; 4]), here);
                }
            }
        }
    }

    /// A variable or a substitution: kept as written; what a substitution runs is read apart.
    fn dollar(&mut self) {
        let from = self.at;
        let rest = self.rest();
        let (open, length, inner) = if rest.starts_with("$((") {
            (0, rest.find("))").map_or(rest.len(), |at| at + 2), 0)
        } else if rest.starts_with("$(") {
            (2, closing(rest, 2, '(', ')'), 1)
        } else if rest.starts_with("${") {
            (0, closing(rest, 2, '{', '}'), 0)
        } else if rest.starts_with('`') {
            let inside = rest.get(1..).unwrap_or_default();
            let mut escaped = false;
            let end = inside.find(|letter: char| {
                let ends = letter == '`' && !escaped;
                escaped = letter == '\\' && !escaped;
                ends
            });
            (1, end.map_or(rest.len(), |at| at + 2), 1)
        } else {
            (0, 1, 0)
        };
        let written = rest.get(..length).unwrap_or(rest).to_owned();
        // Without an end, all the rest is inside.
        let closed = written.len() > open && written.ends_with([')', '`']);
        if open > 0 {
            let inside = written.get(open..written.len() - if closed { inner } else { 0 }).unwrap_or_default();
            self.nested.push((inside.to_owned(), self.base + from + open));
        }
        self.at += written.len();
        self.push(&written, from);
    }

    fn redirection(&mut self) {
        let rest = self.rest();
        // `<(cmd)` and `>(cmd)` are files that a command writes or reads.
        if rest.starts_with("<(") || rest.starts_with(">(") {
            let from = self.at;
            let length = closing(rest, 2, '(', ')');
            let written = rest.get(..length).unwrap_or(rest).to_owned();
            let inside = written.get(2..written.len().saturating_sub(1)).unwrap_or_default();
            self.nested.push((inside.to_owned(), self.base + from + 2));
            self.at += written.len();
            self.push(&written, from);
            return;
        }
        // A number right before names what is redirected.
        if self.word.as_ref().is_some_and(|word| word.text.bytes().all(|digit| digit.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        let (length, redirect) = ["<<<", "<<-", "<<", "<>", "<&", ">>", ">&", ">|"]
            .iter()
            .find(|operator| rest_starts(self.text, self.at, operator))
            .map_or((1, Redirect::File), |operator| {
                let redirect = match *operator {
                    "<<-" => Redirect::Heredoc { tabs: true },
                    "<<" => Redirect::Heredoc { tabs: false },
                    _ => Redirect::File,
                };
                (operator.len(), redirect)
            });
        self.at += length;
        self.redirected = Some(redirect);
    }

    /// After the end of a line: the here-documents that began on it.
    fn skip_heredocs(&mut self) {
        for (name, tabs) in std::mem::take(&mut self.heredocs) {
            while !self.rest().is_empty() {
                let line = self.rest().split_inclusive('\n').next().unwrap_or_default();
                let length = line.len();
                let line = line.trim_end_matches(['\n', '\r']);
                let done = if tabs { line.trim_start_matches('\t') } else { line } == name;
                self.at += length;
                if done {
                    break;
                }
            }
        }
    }
}

fn rest_starts(text: &str, at: usize, with: &str) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(with))
}

/// Bytes up to behind the bracket that closes the one before `from`; all of it where none does.
fn closing(text: &str, from: usize, open: char, close: char) -> usize {
    let mut depth = 1_usize;
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, letter) in text.get(from..).unwrap_or_default().char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match letter {
            '\\' if quote != Some('\'') => escaped = true,
            '\'' | '"' => match quote {
                None => quote = Some(letter),
                Some(open) if open == letter => quote = None,
                Some(_) => {}
            },
            _ if quote.is_some() => {}
            _ if letter == open => depth += 1,
            _ if letter == close => {
                depth -= 1;
                if depth == 0 {
                    return from + at + letter.len_utf8();
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// A name before `=`, as in an assignment.
fn assignment(word: &Word) -> Option<(String, String, Range<usize>)> {
    let (name, value) = word.text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let first = name.chars().next()?;
    let fits = (first.is_ascii_alphabetic() || first == '_') && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    fits.then(|| (name.to_owned(), value.to_owned(), word.range.clone()))
}

/// Words that only begin or end something.
fn is_reserved(word: &str) -> bool {
    matches!(
        word,
        "if" | "then"
            | "elif"
            | "else"
            | "fi"
            | "do"
            | "done"
            | "while"
            | "until"
            | "!"
            | "{"
            | "}"
            | "esac"
            | "time"
            | "exec"
            | "command"
            | "nohup"
            | "builtin"
    )
}

/// Words of one command without what stands before the program; `None` where nothing is left.
fn simple(words: Vec<Word>, range: Range<usize>) -> Option<Command> {
    let mut command = Command {
        words: Vec::new(),
        assignments: Vec::new(),
        sudo: false,
        into: None,
        range,
        then: Then::Other,
        condition: false,
        level: 0,
        next: None,
        fallback: None,
        parent: None,
    };
    let mut rest = words.into_iter().peekable();
    while let Some(word) = rest.peek() {
        if is_reserved(&word.text) {
            rest.next();
        } else if matches!(word.text.as_str(), "for" | "case" | "select") {
            // The head of a loop names no program.
            return None;
        } else if let Some(found) = assignment(word) {
            command.assignments.push(found);
            rest.next();
        } else if matches!(word.text.rsplit('/').next(), Some("sudo" | "doas")) {
            command.sudo = true;
            rest.next();
            let takes_value = |option: &str| {
                matches!(option, "-u" | "-g" | "-h" | "-p" | "-C" | "-r" | "-t" | "-U" | "-D" | "-R" | "-T" | "--user" | "--group")
            };
            while let Some(option) = rest.next_if(|word| word.text.starts_with('-')) {
                if takes_value(&option.text) {
                    rest.next();
                }
            }
        } else if matches!(word.text.rsplit('/').next(), Some("env")) && command.words.is_empty() {
            rest.next();
            while let Some(option) = rest.next_if(|word| word.text.starts_with('-')) {
                if matches!(option.text.as_str(), "-u" | "--unset" | "-C" | "--chdir") {
                    rest.next();
                }
            }
        } else {
            break;
        }
    }
    command.words = rest.collect();
    if command.name() == "export" {
        let exported: Vec<_> = command.words.iter().skip(1).filter_map(assignment).collect();
        command.assignments.extend(exported);
    }
    if let (Some(first), Some(last)) = (
        command.words.iter().map(|word| word.range.start).chain(command.assignments.iter().map(|(_, _, range)| range.start)).min(),
        command.words.iter().map(|word| word.range.end).chain(command.assignments.iter().map(|(_, _, range)| range.end)).max(),
    ) {
        command.range = first..last;
    }
    (!command.words.is_empty() || !command.assignments.is_empty() || command.sudo).then_some(command)
}

/// The script of `sh -c SCRIPT`, `bash -lc SCRIPT`, `su -c SCRIPT`, `eval SCRIPT`, and where it stands.
fn script_of(command: &Command) -> Option<(String, usize)> {
    let word = match command.name() {
        "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh" | "su" | "runuser" => {
            let option = command.words.iter().skip(1).position(|word| {
                word.text.starts_with('-') && !word.text.starts_with("--") && word.text.ends_with('c') || word.text == "--command"
            })?;
            command.words.get(option + 2)?
        }
        "eval" => command.words.get(1)?,
        _ => return None,
    };
    // Behind an opening quote; escapes inside shift what follows, which moves places, not words.
    let quoted = word.range.len() > word.text.len();
    Some((word.text.clone(), word.range.start + usize::from(quoted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let shown: Vec<String> = commands(text)
            .into_iter()
            .map(|command| {
                for word in &command.words {
                    assert!(text.get(word.range.clone()).is_some(), "{text:?} {word:?}");
                }
                let mut out = String::new();
                for (name, value, _) in &command.assignments {
                    out.push_str(&format!("{name}:{value} "));
                }
                if command.sudo {
                    out.push_str("sudo ");
                }
                out.push_str(&command.words.iter().map(|word| format!("[{}]", word.text)).collect::<String>());
                if let Some(into) = &command.into {
                    out.push_str(&format!(" > {into}"));
                }
                out
            })
            .collect();
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn simple_commands() {
        check("", &[]);
        check("apt-get update && apt-get install -y curl", &["[apt-get][update]", "[apt-get][install][-y][curl]"]);
        check("a; b || c & d\ne", &["[a]", "[b]", "[c]", "[d]", "[e]"]);
        check("echo 'a && b' \"c; $d \\\"e\\\"\" f\\ g", &["[echo][a && b][c; $d \"e\"][f g]"]);
        check("X=1 Y='a b' cmd Z=2", &["X:1 Y:a b [cmd][Z=2]"]);
        check("export A=1 B", &["A:1 [export][A=1][B]"]);
        check("A=1", &["A:1 "]);
        check("sudo -E -u root apt-get update", &["sudo [apt-get][update]"]);
        check("sudo", &["sudo "]);
        check("env -i A=1 /usr/bin/cmd x", &["A:1 [/usr/bin/cmd][x]"]);
        check("cmd > out 2>&1 < in >> log &> all x", &["[cmd][x]"]);
        check("cmd # not this && that\nnext", &["[cmd]", "[next]"]);
        check("a#b", &["[a#b]"]);
        check("\"\"", &["[]"]);
    }

    #[test]
    fn compound_commands() {
        check("if ! grep x y; then a; else b; fi", &["[grep][x][y]", "[a]", "[b]"]);
        check("for f in a b; do rm $f; done", &["[rm][$f]"]);
        check("while read l; do echo $l; done", &["[read][l]", "[echo][$l]"]);
        check("( a && { b; } )", &["[a]", "[b]"]);
        check("case $x in y) a;; *) b;; esac", &["[a]", "[*]", "[b]"]);
        check("cat <<X > f\nrm -rf /\nX\nb", &["[cat]", "[b]"]);
        check("cat <<-X\n\ta\n\tX\nb <<< c", &["[cat]", "[b]"]);
        check("cat <<X\nno end", &["[cat]"]);
    }

    #[test]
    fn pipes_and_substitutions() {
        check("curl -s x | bash -s y", &["[curl][-s][x] > bash", "[bash][-s][y]"]);
        check("a | b | c && d", &["[a] > b", "[b] > c", "[c]", "[d]"]);
        check("curl x | sudo sh", &["[curl][x] > sh", "sudo [sh]"]);
        check("V=$(curl -k y) && z", &["V:$(curl -k y) ", "[curl][-k][y]", "[z]"]);
        check("echo \"$(a \"b)\")\" `c d`", &["[echo][$(a \"b)\")][`c d`]", "[a][b)] > echo", "[c][d] > echo"]);
        check("bash <(curl x)", &["[bash][<(curl x)]", "[curl][x] > bash"]);
        check("sh -c 'a && b'", &["[sh][-c][a && b]", "[a]", "[b]"]);
        check("bash -lc \"a; $(b)\"", &["[bash][-lc][a; $(b)]", "[a]", "[$(b)]", "[b] > sh"]);
        check("echo $((1 + 2)) ${A:-b c}", &["[echo][$((1 + 2))][${A:-b c}]"]);
        check("echo $(unclosed", &["[echo][$(unclosed]", "[unclosed] > echo"]);
    }

    /// Each command with the first word of its fallback.
    fn fallbacks(text: &str, expected: &[&str]) {
        let found = commands(text);
        let shown: Vec<String> = found
            .iter()
            .map(|command| match command.fallback.and_then(|index| found.get(index)) {
                Some(fallback) => format!("{} -> {}", command.name(), fallback.name()),
                None => command.name().to_owned(),
            })
            .collect();
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn what_is_done_where_a_command_fails() {
        fallbacks("a || b", &["a -> b", "b"]);
        fallbacks("a || b; c", &["a -> b", "b", "c"]);
        fallbacks("a && b || c", &["a", "b -> c", "c"]);
        fallbacks("(a && b) || c", &["a -> c", "b -> c", "c"]);
        fallbacks("{ a; b; } || c", &["a -> c", "b -> c", "c"]);
        fallbacks("if x; then a; fi || c", &["x -> c", "a -> c", "c"]);
        fallbacks("for i in 1 2; do a; done || true", &["a -> true", "true"]);
        fallbacks("(a); b || c", &["a", "b -> c", "c"]);
        fallbacks("case $x in y) a || b;; esac", &["a -> b", "b"]);
        fallbacks("a $(b || c) || d", &["a -> d", "b -> c", "c", "d"]);
    }

    #[test]
    fn conditions_levels_and_order() {
        let found = commands("if a; then ! b; fi; (c); sh -c 'd; e'");
        let shown: Vec<String> = found
            .iter()
            .map(|command| {
                let (name, level) = (command.name(), command.level);
                format!("{name} {} {level} {:?} {:?}", command.condition, command.next, command.parent)
            })
            .collect();
        let expected = [
            "a true 1 Some(1) None",
            "b true 1 Some(2) None",
            "c false 1 Some(3) None",
            "sh false 0 None None",
            "d false 1000 Some(5) Some(3)",
            "e false 1000 None Some(3)",
        ];
        assert_eq!(shown, expected);
        let then: Vec<Then> = commands("a | b && c || d & e; f").iter().map(|command| command.then).collect();
        assert_eq!(then, [Then::Pipe, Then::And, Then::Or, Then::Background, Then::Other, Then::Other]);
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "x && sh -c 'curl -k y' # z";
        let places: Vec<&str> =
            commands(text).iter().flat_map(|command| &command.words).filter_map(|word| text.get(word.range.clone())).collect();
        assert_eq!(places, ["x", "sh", "-c", "'curl -k y'", "curl", "-k", "y"]);
    }

    #[test]
    fn hostile_text_comes_to_an_end() {
        for text in ["$(".repeat(5000), "`".repeat(5001), "\"$(".repeat(3000), "<(".repeat(3000), "a|".repeat(10_000), "<<x\n".repeat(1000)]
        {
            assert!(commands(&text).len() <= MAX_COMMANDS);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_apart(text in "[a-c$(){}`'\"|&;<>#\\\\ \n\\-é=]{0,60}") {
            for command in commands(&text) {
                proptest::prop_assert!(command.range.end <= text.len() + 1);
            }
        }
    }
}
