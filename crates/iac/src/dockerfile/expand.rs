//! `ARG` and `ENV` variables: what they hold, and texts with them put in as the builder does it.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use probity_value::{Data, Origin, OriginStep, Span, StepKind, Unknown, UnknownKind, Value};

/// One text may grow to this many bytes.
const MAX_TEXT: usize = 1 << 20;
/// `${a:-${b:-...}}` may be nested this deep.
const MAX_DEPTH: usize = 32;

/// What a variable holds.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// Its text, or an unknown; `None` where an `ARG` has no value.
    pub(super) value: Option<Value>,
    /// `ARG` or `ENV`.
    pub(super) by: &'static str,
    pub(super) span: Span,
}

/// The variables at one place.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) variables: HashMap<String, Binding>,
    /// The stage it is built from, whose `ENV` variables count here too.
    pub(super) base: Option<Arc<Scope>>,
    /// Whether a variable that is not here may come from the base image: not before the first stage, and not from `scratch`.
    pub(super) open: bool,
}

impl Scope {
    pub(super) fn get(&self, name: &str) -> Option<&Binding> {
        if let Some(binding) = self.variables.get(name) {
            return Some(binding);
        }
        let mut scope = self.base.as_deref();
        while let Some(base) = scope {
            match base.variables.get(name) {
                Some(binding) if binding.by == "ENV" => return Some(binding),
                _ => scope = base.base.as_deref(),
            }
        }
        None
    }
}

/// How a text is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A word of the builder: quotes and escapes are taken away, unknown names are the base image's.
    Word,
    /// A shell command: it stays as it is but for names that `ARG` and `ENV` gave.
    Shell,
}

/// A text with variables put in. `start` is known; if something after it is not, `unknown` says why, and `end` is known again.
#[derive(Clone, Debug, Default)]
pub(super) struct Expanded {
    pub(super) start: String,
    pub(super) unknown: Option<(UnknownKind, Arc<str>)>,
    pub(super) end: String,
    pub(super) steps: Vec<OriginStep>,
}

impl Expanded {
    fn push(&mut self, text: &str) {
        if self.start.len() + self.end.len() + text.len() > MAX_TEXT {
            self.blank(UnknownKind::Limit, "the variables make too long a text".into());
            return;
        }
        if self.unknown.is_none() { self.start.push_str(text) } else { self.end.push_str(text) }
    }

    fn push_letter(&mut self, letter: char) {
        self.push(letter.encode_utf8(&mut [0; 4]));
    }

    fn blank(&mut self, kind: UnknownKind, reason: Arc<str>) {
        self.unknown.get_or_insert((kind, reason));
        self.end.clear();
    }

    fn take(&mut self, other: Expanded) {
        self.push(&other.start);
        if let Some((kind, reason)) = other.unknown {
            self.blank(kind, reason);
            self.push(&other.end);
        }
        self.came_from(other.steps);
    }

    fn came_from(&mut self, steps: Vec<OriginStep>) {
        for step in steps {
            if self.steps.len() < 16 && !self.steps.contains(&step) {
                self.steps.push(step);
            }
        }
    }

    /// The text, where all of it is known.
    pub(super) fn known(&self) -> Option<&str> {
        self.unknown.is_none().then_some(self.start.as_str())
    }

    /// As a value at a place.
    pub(super) fn value(&self, span: Span) -> Value {
        let mut value = match &self.unknown {
            None => Value::string(self.start.as_str(), span),
            Some((kind, reason)) => Value::new(
                Data::Unknown(Arc::new(Unknown {
                    kind: *kind,
                    reason: Arc::clone(reason),
                    set: true,
                    prefix: self.start.as_str().into(),
                    suffix: "".into(),
                    decoded: None,
                })),
                span,
            ),
        };
        if !self.steps.is_empty() {
            value.origin = Some(Arc::new(Origin { steps: self.steps.clone(), references: Vec::new() }));
        }
        value
    }
}

/// Puts variables into a text. `budget` is what all texts of a file may still grow by, in bytes.
pub(super) fn expand(text: &str, scope: &Scope, escape: char, style: Style, budget: &Cell<usize>) -> Expanded {
    let mut reader = Reader { rest: text, scope, escape, style, budget };
    let mut out = Expanded::default();
    reader.run(&mut out, None, 0);
    out
}

struct Reader<'r> {
    rest: &'r str,
    scope: &'r Scope,
    budget: &'r Cell<usize>,
    escape: char,
    style: Style,
}

impl<'r> Reader<'r> {
    fn next(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = self.rest.get(letter.len_utf8()..).unwrap_or_default();
        Some(letter)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Reads to the end, or to a closing brace at this level.
    fn run(&mut self, out: &mut Expanded, until: Option<char>, depth: usize) {
        let mut double = false;
        while let Some(letter) = self.next() {
            let keep = self.style == Style::Shell;
            match letter {
                letter if Some(letter) == until && !double => return,
                '\'' if !double => {
                    let (inside, after) = self.rest.split_once('\'').unwrap_or((self.rest, ""));
                    if keep {
                        out.push("'");
                    }
                    out.push(inside);
                    if keep && inside.len() < self.rest.len() {
                        out.push("'");
                    }
                    self.rest = after;
                }
                '"' => {
                    double = !double;
                    if keep {
                        out.push("\"");
                    }
                }
                letter if letter == self.escape => {
                    let Some(next) = self.next() else {
                        out.push_letter(letter);
                        return;
                    };
                    if keep || (double && !matches!(next, '"' | '$') && next != self.escape) {
                        out.push_letter(letter);
                    }
                    out.push_letter(next);
                }
                '$' => self.variable(out, depth),
                _ => out.push_letter(letter),
            }
        }
    }

    /// What follows a dollar sign.
    fn variable(&mut self, out: &mut Expanded, depth: usize) {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let whole = self.rest;
        if self.peek() != Some('{') {
            let end = self.rest.find(|letter| !is_name(letter)).unwrap_or(self.rest.len());
            let (name, after) = self.rest.split_at_checked(end).unwrap_or_default();
            if name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit()) {
                out.push("$");
                return;
            }
            self.rest = after;
            self.put(name, "", Expanded::default(), &format!("${name}"), out);
            return;
        }
        self.next();
        let end = self.rest.find(|letter| !is_name(letter)).unwrap_or(self.rest.len());
        let (name, after) = self.rest.split_at_checked(end).unwrap_or_default();
        self.rest = after;
        let operator_length = match self.peek() {
            Some(':') => 2,
            Some('-' | '+' | '?') => 1,
            Some(sign @ ('#' | '%' | '/')) => 1 + usize::from(self.rest.get(1..).is_some_and(|rest| rest.starts_with(sign))),
            _ => 0,
        };
        let (operator, after) = self.rest.split_at_checked(operator_length).unwrap_or_default();
        let known_operator = matches!(operator, "" | ":-" | ":+" | ":?" | "-" | "+" | "?" | "#" | "##" | "%" | "%%" | "/" | "//");
        if name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit()) || !known_operator || depth > MAX_DEPTH {
            // Not a name the builder knows: left as it is.
            self.rest = whole;
            out.push("$");
            return;
        }
        self.rest = after;
        let mut word = Expanded::default();
        if operator.is_empty() {
            if self.next() != Some('}') {
                self.rest = whole;
                out.push("$");
                return;
            }
        } else {
            let mut inner = Reader { rest: self.rest, scope: self.scope, escape: self.escape, style: Style::Word, budget: self.budget };
            inner.run(&mut word, Some('}'), depth + 1);
            self.rest = inner.rest;
        }
        let used = whole.len() - self.rest.len();
        let written = format!("${}", whole.get(..used).unwrap_or_default());
        self.put(name, operator, word, &written, out);
    }

    /// Puts the value of a variable in. `written` is how it stands in the text.
    fn put(&self, name: &str, operator: &str, word: Expanded, written: &str, out: &mut Expanded) {
        let Some(binding) = self.scope.get(name) else {
            if self.style == Style::Shell {
                // The shell's own variable.
                out.push(written);
            } else if self.scope.open {
                out.blank(UnknownKind::Variable, format!("`{name}` is set by the base image, if at all").into());
            } else if matches!(operator, ":-" | "-") {
                out.take(word);
            }
            return;
        };
        let step = OriginStep { kind: StepKind::Alias, name: format!("{} {name}", binding.by).into(), span: binding.span };
        let current = binding.value.as_ref().and_then(Value::as_str);
        let unknown = binding.value.as_ref().and_then(Value::as_unknown);
        let empty = current.is_none_or(str::is_empty);
        match operator {
            ":+" if unknown.is_none() => {
                if !empty {
                    out.take(word);
                }
            }
            "+" if unknown.is_none() => {
                if binding.value.is_some() {
                    out.take(word);
                }
            }
            ":-" if unknown.is_none() && empty => out.take(word),
            "-" if binding.value.is_none() => out.take(word),
            _ => {
                match (current, unknown) {
                    (Some(text), _) => match operator {
                        "#" | "##" | "%" | "%%" | "/" | "//" => match (word.known(), trimmed(text, operator, &word)) {
                            (Some(_), Some(text)) => out.push(&text),
                            _ => out.blank(UnknownKind::Limit, format!("`{written}` is not worked out").into()),
                        },
                        _ => match self.budget.get().checked_sub(text.len()) {
                            Some(left) => {
                                self.budget.set(left);
                                out.push(text);
                            }
                            None => out.blank(UnknownKind::Limit, "the variables make too long a text".into()),
                        },
                    },
                    (None, Some(reason)) => {
                        out.push(&reason.prefix);
                        out.blank(reason.kind, Arc::clone(&reason.reason));
                    }
                    (None, None) => out.blank(UnknownKind::Variable, format!("`ARG {name}` has no value").into()),
                }
                let mut steps = vec![step];
                if let Some(origin) = binding.value.as_ref().and_then(|value| value.origin.as_ref()) {
                    steps.extend(origin.steps.iter().cloned());
                }
                out.came_from(steps);
            }
        }
    }
}

/// `${name#pattern}` and its kin; `None` where that would take too long.
fn trimmed(text: &str, operator: &str, word: &Expanded) -> Option<String> {
    if text.len() > 4096 || word.start.len() > 256 {
        return None;
    }
    let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).chain(std::iter::once(text.len())).collect();
    let whole = |pattern: &str, part: Option<&str>| part.is_some_and(|part| glob(pattern, part));
    let pattern = word.start.as_str();
    let found = match operator {
        "#" => boundaries.iter().find(|at| whole(pattern, text.get(..**at))).and_then(|at| text.get(*at..)),
        "##" => boundaries.iter().rev().find(|at| whole(pattern, text.get(..**at))).and_then(|at| text.get(*at..)),
        "%" => boundaries.iter().rev().find(|at| whole(pattern, text.get(**at..))).and_then(|at| text.get(..*at)),
        "%%" => boundaries.iter().find(|at| whole(pattern, text.get(**at..))).and_then(|at| text.get(..*at)),
        _ => {
            let (pattern, new) = pattern.split_once('/').unwrap_or((pattern, ""));
            if pattern.contains(['*', '?']) || pattern.is_empty() {
                return None;
            }
            return Some(if operator == "/" { text.replacen(pattern, new, 1) } else { text.replace(pattern, new) });
        }
    };
    Some(found.unwrap_or(text).to_owned())
}

/// Whether a pattern with `*` and `?` matches the whole text.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star, mut mark) = (0, 0, None, 0);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some(p);
                mark = t;
                p += 1;
            }
            Some('?') => {
                p += 1;
                t += 1;
            }
            Some(letter) if text.get(t) == Some(letter) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some(at) => {
                    p = at + 1;
                    mark += 1;
                    t = mark;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let known = |text: &str| Binding { value: Some(Value::string(text, Span::NONE)), by: "ENV", span: Span::NONE };
        let mut scope = Scope { open: true, ..Scope::default() };
        scope.variables.insert("A".to_owned(), known("abc"));
        scope.variables.insert("P".to_owned(), known("/usr/local/lib.tar.gz"));
        scope.variables.insert("E".to_owned(), known(""));
        scope.variables.insert("N".to_owned(), Binding { value: None, by: "ARG", span: Span::NONE });
        scope
    }

    fn check(text: &str, expected: &str) {
        let out = expand(text, &scope(), '\\', Style::Word, &Cell::new(10_000));
        let shown = if out.unknown.is_some() { format!("{}?{}", out.start, out.end) } else { out.start };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn words_of_the_builder() {
        check("x$A.y", "xabc.y");
        check("${A}b", "abcb");
        check("$Ab", "?");
        check("'$A' \"$A 'b'\" \\$A", "$A abc 'b' $A");
        check("\"a\\\"b\\n\"", "a\"b\\n");
        check("${N}", "?");
        check("img:${N}-slim", "img:?-slim");
        check("${N:-d}", "d");
        check("${N-d}", "d");
        check("${E:-d}", "d");
        check("${E-d}", "");
        check("${A:-d}", "abc");
        check("${A:+y}", "y");
        check("${N:+y}", "");
        check("${E:+y}${E+z}", "z");
        check("${N:-${A}x}", "abcx");
        check("${OTHER}", "?");
        check("${A:?needed}", "abc");
        check("${P#*/}", "usr/local/lib.tar.gz");
        check("${P##*/}", "lib.tar.gz");
        check("${P%.*}", "/usr/local/lib.tar");
        check("${P%%.*}", "/usr/local/lib");
        check("${A/b/x}", "axc");
        check("${P//l/L}", "/usr/LocaL/Lib.tar.gz");
        check("$ $1 $$ ${ ${} ${A", "$ $1 $$ ${ ${} ${A");
        check("$(cmd)", "$(cmd)");
        check("a\\", "a\\");
        let deep = expand(&"${N:-".repeat(100), &scope(), '\\', Style::Word, &Cell::new(10_000));
        assert!(deep.start.starts_with("${N:-"), "{}", deep.start);
    }

    #[test]
    fn shell_text_keeps_its_own_variables() {
        let check = |text: &str, expected: &str| {
            let out = expand(text, &scope(), '\\', Style::Shell, &Cell::new(10_000));
            assert_eq!((out.start.as_str(), out.unknown.is_some()), (expected, text.contains("$N")), "{text}");
        };
        check("echo \"$A\" '$A' $x \\$A ${y:-1}", "echo \"abc\" '$A' $x \\$A ${y:-1}");
        check("curl $N/x", "curl ");
    }
}
