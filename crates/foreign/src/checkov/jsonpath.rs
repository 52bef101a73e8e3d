//! JSON paths, as far as policies use them: names, `[*]`, `[0]`, `[1:3]`, `..`, and filters `[?(@.a == b & @.c > 1)]`.

use probity_checks::{decode_json, vague};
use probity_value::{Data, Span, Value};

use super::path::{MAX_MATCHES, Match};
use crate::pattern::Pattern;
use crate::tri::Tri;

/// Steps one path may have, filters included.
const MAX_STEPS: usize = 64;
/// Levels `..` goes down.
const MAX_DEPTH: usize = 64;

/// A path.
#[derive(Clone, Debug)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Names(Vec<String>),
    /// `*`: every value of a map, every item of a list.
    All,
    /// `[*]`: every item; what is no list is one.
    Items,
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    /// `..`: itself and everything below.
    Deep,
    /// Alternatives, each of conditions that must all hold.
    Filter(Vec<Vec<Condition>>),
}

#[derive(Clone, Debug)]
struct Condition {
    path: Vec<Step>,
    test: Option<(Compare, Literal)>,
    negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
}

#[derive(Clone, Debug)]
enum Literal {
    Text(String),
    Number(f64),
    Bool(bool),
    Pattern(Pattern),
}

impl JsonPath {
    pub(crate) fn parse(text: &str) -> Result<JsonPath, String> {
        let mut reader = Reader { letters: text.chars().collect(), at: 0, steps: 0 };
        let steps = reader.path(false)?;
        reader.blank();
        if reader.at < reader.letters.len() {
            return Err(format!("`{text}` is no JSON path that is understood: it goes on after character {}", reader.at));
        }
        if steps.is_empty() {
            return Err("the JSON path is empty".to_owned());
        }
        Ok(JsonPath(steps))
    }

    pub(crate) fn find(&self, root: &Value, out: &mut Vec<Match>) {
        let start = vec![Match { value: root.clone(), certain: true, key: Span::NONE }];
        out.extend(apply(&self.0, start).into_iter().filter(|found| !found.value.is_null()));
    }
}

fn apply(steps: &[Step], start: Vec<Match>) -> Vec<Match> {
    let mut now = start;
    for step in steps {
        let mut next = Vec::new();
        for one in &now {
            take(step, one, &mut next);
            if next.len() > MAX_MATCHES {
                next.truncate(MAX_MATCHES);
                break;
            }
        }
        now = next;
    }
    now
}

fn take(step: &Step, from: &Match, out: &mut Vec<Match>) {
    let value = &from.value;
    let push = |value: &Value, key: Span, out: &mut Vec<Match>| {
        out.push(Match { value: value.clone(), certain: from.certain, key: key.or(from.key) });
    };
    if let Data::Unknown(unknown) = &value.data {
        match &unknown.decoded {
            Some(decoded) => take(step, &Match { value: decoded.clone().at(value.span), ..from.clone() }, out),
            None => push(&vague(value), from.key, out),
        }
        return;
    }
    if matches!(value.data, Data::String(_))
        && !matches!(step, Step::Items | Step::Index(0))
        && let Some(decoded) = decode_json(value)
    {
        return take(step, &Match { value: decoded, ..from.clone() }, out);
    }
    match (step, &value.data) {
        (Step::Names(names), Data::Map(map)) => {
            for name in names {
                if let Some(entry) = map.entry(name) {
                    push(&entry.value, entry.key, out);
                }
            }
        }
        // One block: Checkov takes the list away.
        (Step::Names(_), Data::List(items)) => {
            if let [only] = &items[..] {
                take(step, &Match { value: only.clone(), ..from.clone() }, out);
            }
        }
        (Step::All, Data::Map(map)) => {
            for (name, entry) in map.iter() {
                if !name.starts_with('$') {
                    push(&entry.value, entry.key, out);
                }
            }
        }
        (Step::All | Step::Items, Data::List(items)) => items.iter().for_each(|item| push(item, item.span, out)),
        (Step::Items | Step::Index(0), _) => push(value, from.key, out),
        (Step::Index(index), Data::List(items)) => {
            if let Some(item) = place(*index, items.len()).and_then(|index| items.get(index)) {
                push(item, item.span, out);
            }
        }
        (Step::Slice(from, to), Data::List(items)) => {
            let bound = |index: &Option<i64>, other: usize| match index {
                Some(index) if *index < 0 => items.len().saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX)),
                Some(index) => usize::try_from(*index).unwrap_or(usize::MAX).min(items.len()),
                None => other,
            };
            let (start, end) = (bound(from, 0), bound(to, items.len()));
            items.get(start..end).unwrap_or_default().iter().for_each(|item| push(item, item.span, out));
        }
        (Step::Deep, _) => deep(value, from, 0, out),
        (Step::Filter(alternatives), Data::List(items)) => {
            items.iter().for_each(|item| filter(alternatives, item, from, out));
        }
        (Step::Filter(alternatives), Data::Map(_)) => filter(alternatives, value, from, out),
        _ => {}
    }
}

fn place(index: i64, length: usize) -> Option<usize> {
    if index >= 0 { usize::try_from(index).ok() } else { length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?) }
}

fn deep(value: &Value, from: &Match, depth: usize, out: &mut Vec<Match>) {
    if depth > MAX_DEPTH || out.len() > MAX_MATCHES {
        return;
    }
    match &value.data {
        Data::List(items) => items.iter().for_each(|item| deep(item, from, depth + 1, out)),
        Data::Map(map) => {
            out.push(Match { value: value.clone(), ..from.clone() });
            for (name, entry) in map.iter().filter(|(name, _)| !name.starts_with('$')) {
                let _ = name;
                deep(&entry.value, from, depth + 1, out);
            }
        }
        _ => {}
    }
}

fn filter(alternatives: &[Vec<Condition>], item: &Value, from: &Match, out: &mut Vec<Match>) {
    let truth = Tri::any(alternatives.iter().map(|all| Tri::all(all.iter().map(|condition| holds(condition, item)))));
    let certain = match truth {
        Tri::Yes => from.certain,
        Tri::No => return,
        Tri::Maybe(_) => false,
    };
    out.push(Match { value: item.clone(), certain, key: item.span.or(from.key) });
}

fn holds(condition: &Condition, item: &Value) -> Tri {
    let found = apply(&condition.path, vec![Match { value: item.clone(), certain: true, key: Span::NONE }]);
    let truth = Tri::any(found.iter().map(|one| match &condition.test {
        None => Tri::known(true),
        Some(_) if one.value.is_unknown() => Tri::Maybe(one.value.clone()),
        Some((compare, literal)) => Tri::known(compares(&one.value, *compare, literal)),
    }));
    truth.not_if(condition.negated)
}

fn compares(value: &Value, compare: Compare, literal: &Literal) -> bool {
    let number = || match &value.data {
        Data::Number(number) => Some(number.as_f64()),
        Data::String(text) => text.trim().parse::<f64>().ok(),
        Data::Bool(truth) => Some(f64::from(u8::from(*truth))),
        _ => None,
    };
    let order = match literal {
        Literal::Pattern(pattern) => {
            return compare == Compare::Matches && value.as_str().is_some_and(|text| pattern.is_match(text).unwrap_or(false));
        }
        Literal::Text(text) => match &value.data {
            Data::String(have) => Some((**have).cmp(text.as_str())),
            _ => None,
        },
        Literal::Number(wanted) => number().and_then(|have| have.partial_cmp(wanted)),
        Literal::Bool(wanted) => match &value.data {
            Data::Bool(have) => Some(have.cmp(wanted)),
            Data::String(have) => (&**have == if *wanted { "true" } else { "false" }).then_some(std::cmp::Ordering::Equal),
            _ => None,
        },
    };
    match (compare, order) {
        (Compare::NotEqual, None) => true,
        (_, None) => false,
        (Compare::Equal, Some(order)) => order.is_eq(),
        (Compare::NotEqual, Some(order)) => order.is_ne(),
        (Compare::Less, Some(order)) => order.is_lt(),
        (Compare::LessOrEqual, Some(order)) => order.is_le(),
        (Compare::Greater, Some(order)) => order.is_gt(),
        (Compare::GreaterOrEqual, Some(order)) => order.is_ge(),
        (Compare::Matches, _) => false,
    }
}

struct Reader {
    letters: Vec<char>,
    at: usize,
    steps: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn take(&mut self, letter: char) -> bool {
        let there = self.peek() == Some(letter);
        self.at += usize::from(there);
        there
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn wrong<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("{what} at character {} of the JSON path", self.at + 1))
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if self.steps > MAX_STEPS { self.wrong("too many steps") } else { Ok(()) }
    }

    /// A path; inside a filter it ends at an operator.
    fn path(&mut self, inside: bool) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        self.blank();
        if self.take('$') || (inside && self.take('@')) {
            if !matches!(self.peek(), Some('.' | '[')) {
                return if inside { Ok(steps) } else { self.wrong("`.` or `[` is missing") };
            }
        } else {
            steps.push(self.name()?);
        }
        loop {
            self.step()?;
            if self.take('.') {
                if self.take('.') {
                    steps.push(Step::Deep);
                    if self.peek() == Some('[') {
                        continue;
                    }
                }
                if self.peek() == Some('[') {
                    continue;
                }
                steps.push(self.name()?);
            } else if self.take('[') {
                steps.push(self.bracket()?);
            } else {
                return Ok(steps);
            }
        }
    }

    fn name(&mut self) -> Result<Step, String> {
        if self.take('*') {
            return Ok(Step::All);
        }
        if let Some(quote @ ('\'' | '"')) = self.peek() {
            return Ok(Step::Names(vec![self.quoted(quote)?]));
        }
        let word = self.word();
        if word.is_empty() { self.wrong("a name is missing") } else { Ok(Step::Names(vec![word])) }
    }

    fn word(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '/' | ':')) {
            self.at += 1;
        }
        self.letters.get(start..self.at).unwrap_or_default().iter().collect()
    }

    fn quoted(&mut self, quote: char) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            match self.peek() {
                None => return self.wrong("a quote is not closed"),
                Some('\\') if self.letters.get(self.at + 1) == Some(&quote) => {
                    out.push(quote);
                    self.at += 2;
                }
                Some(letter) if letter == quote => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(letter) => {
                    out.push(letter);
                    self.at += 1;
                }
            }
        }
    }

    fn bracket(&mut self) -> Result<Step, String> {
        self.blank();
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::Items
            }
            Some('?') => {
                self.at += 1;
                Step::Filter(self.alternatives(0)?)
            }
            Some(quote @ ('\'' | '"')) => {
                let mut names = vec![self.quoted(quote)?];
                self.blank();
                while self.take(',') {
                    self.blank();
                    match self.peek() {
                        Some(quote @ ('\'' | '"')) => names.push(self.quoted(quote)?),
                        _ => return self.wrong("a quoted name is missing"),
                    }
                    self.blank();
                }
                Step::Names(names)
            }
            _ => {
                let from = self.number()?;
                if self.take(':') {
                    Step::Slice(from, self.number()?)
                } else {
                    match from {
                        Some(index) => Step::Index(index),
                        None => return self.wrong("a number, `*`, `?` or a quoted name is missing"),
                    }
                }
            }
        };
        self.blank();
        if self.take(']') { Ok(step) } else { self.wrong("`]` is missing") }
    }

    fn number(&mut self) -> Result<Option<i64>, String> {
        let start = self.at;
        let _ = self.take('-');
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.at += 1;
        }
        let text: String = self.letters.get(start..self.at).unwrap_or_default().iter().collect();
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).or_else(|_| self.wrong("a number is too large or not one"))
    }

    /// `a & b | c`, with parentheses around all or around a part.
    fn alternatives(&mut self, depth: usize) -> Result<Vec<Vec<Condition>>, String> {
        if depth > 16 {
            return self.wrong("too many parentheses");
        }
        let mut alternatives = self.conjunction(depth)?;
        loop {
            self.blank();
            if !self.take('|') {
                return Ok(alternatives);
            }
            let _ = self.take('|');
            alternatives.extend(self.conjunction(depth)?);
        }
    }

    fn conjunction(&mut self, depth: usize) -> Result<Vec<Vec<Condition>>, String> {
        let mut all = self.operand(depth)?;
        loop {
            self.blank();
            if !self.take('&') {
                return Ok(all);
            }
            let _ = self.take('&');
            let next = self.operand(depth)?;
            let mut product = Vec::new();
            for left in &all {
                for right in &next {
                    self.step()?;
                    product.push(left.iter().chain(right).cloned().collect());
                }
            }
            all = product;
        }
    }

    fn operand(&mut self, depth: usize) -> Result<Vec<Vec<Condition>>, String> {
        self.blank();
        if self.take('(') {
            let inner = self.alternatives(depth + 1)?;
            self.blank();
            return if self.take(')') { Ok(inner) } else { self.wrong("`)` is missing") };
        }
        let negated = self.take('!');
        let path = self.path(true)?;
        self.blank();
        let compare = if self.take('=') {
            if self.take('~') {
                Some(Compare::Matches)
            } else {
                let _ = self.take('=');
                Some(Compare::Equal)
            }
        } else if self.take('!') {
            if !self.take('=') {
                return self.wrong("`=` is missing");
            }
            Some(Compare::NotEqual)
        } else if self.take('<') {
            Some(if self.take('=') { Compare::LessOrEqual } else { Compare::Less })
        } else if self.take('>') {
            Some(if self.take('=') { Compare::GreaterOrEqual } else { Compare::Greater })
        } else {
            None
        };
        let test = match compare {
            None => None,
            Some(compare) => Some((compare, self.literal(compare)?)),
        };
        Ok(vec![vec![Condition { path, test, negated }]])
    }

    fn literal(&mut self, compare: Compare) -> Result<Literal, String> {
        self.blank();
        let (text, quoted) = match self.peek() {
            Some(quote @ ('\'' | '"')) => (self.quoted(quote)?, true),
            _ => {
                let start = self.at;
                while self.peek().is_some_and(|letter| !letter.is_whitespace() && !matches!(letter, ')' | ']' | '&' | '|')) {
                    self.at += 1;
                }
                (self.letters.get(start..self.at).unwrap_or_default().iter().collect::<String>(), false)
            }
        };
        if text.is_empty() && !quoted {
            return self.wrong("a value is missing");
        }
        if compare == Compare::Matches {
            return Pattern::new(&text, false).map(Literal::Pattern);
        }
        Ok(match text.as_str() {
            "true" if !quoted => Literal::Bool(true),
            "false" if !quoted => Literal::Bool(false),
            _ if quoted => Literal::Text(text),
            word => word.parse().map_or_else(|_| Literal::Text(text.clone()), Literal::Number),
        })
    }
}
