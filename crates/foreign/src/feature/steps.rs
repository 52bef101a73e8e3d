//! The steps: their sentences, and what they do with a resource.

use probity_checks::{decode_json, vague};
use probity_core::{Subject, SubjectIndex, World};
use probity_value::{Data, UnknownKind, Value};

use super::gherkin::Keyword;
use crate::pattern::Pattern;
use crate::tri::Tri;

/// Levels a property is looked for below a resource.
const MAX_DEPTH: usize = 24;

/// A step that is understood.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// `Given I have X defined`; `None` is any resource.
    Have(Option<String>),
    /// `Given I have resource that supports X defined`.
    Supports(String),
    /// `When it has X`, `When it does not have X`.
    Has(String, bool),
    /// `When its K is V`, `When its K is not V`.
    Key(String, String, bool),
    /// `When its K includes an entry where "a" is "b"`.
    Entry(String, String, String, bool),
    /// `When its K reference is V`.
    Reference(String, String, bool),
    /// `When I count them`.
    Count,
    /// `Then it must contain X`, `Then it must not contain X`.
    MustHave(String, bool),
    /// `Then its K must be V`.
    MustBe(String, String, bool),
    /// `Then its value must match`, `... be`, with the pattern.
    Matches(Pattern, String, bool),
    /// `Then its value must contain X`.
    Contains(String, bool),
    /// `Then it must be in a, b`.
    In(Vec<String>, bool),
    /// `Then its value must be null`.
    Null(bool),
    /// `Then its value must be greater than 5`.
    Number(Order, i64),
    /// `Then X must be enabled`.
    Enabled(String),
    /// `Then it must have ADDRESS referenced`.
    Referenced(String),
    /// `Then it fails`.
    Fails,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
}

/// What a scenario says of a resource.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It does not speak of it.
    Skipped,
    Passed,
    Failed(String, Option<Value>),
    Unknown(String, Option<Value>),
}

/// Names people write for types that do not follow from them.
const NAMES: &[(&str, &str)] = &[
    ("aws rds instance", "aws_db_instance"),
    ("aws ec2 instance", "aws_instance"),
    ("aws elb resource", "aws_elb"),
    ("aws alb resource", "aws_lb"),
    ("aws auto-scaling group", "aws_autoscaling_group"),
    ("aws elasticache", "aws_elasticache_cluster"),
];

/// A type as written: `aws_s3_bucket`, `AWS S3 Bucket`.
fn type_of(name: &str) -> String {
    let lower = name.to_lowercase();
    match NAMES.iter().find(|(known, _)| *known == lower) {
        Some((_, type_name)) => (*type_name).to_owned(),
        None if name.contains(' ') => lower.replace([' ', '-'], "_"),
        None => name.to_owned(),
    }
}

fn bare(text: &str) -> String {
    let text = text.trim();
    let inside = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .or_else(|| text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')));
    inside.unwrap_or(text).to_owned()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_suffix(end)
}

/// The text after one of these beginnings.
fn after<'a>(text: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    beginnings.iter().find_map(|one| text.strip_prefix(one))
}

impl Step {
    /// The type a `Given` names.
    pub(crate) fn type_name(&self) -> Option<&str> {
        match self {
            Step::Have(Some(name)) => Some(name),
            _ => None,
        }
    }

    /// Reads a sentence; the error says why it is not taken over.
    pub(crate) fn read(keyword: Keyword, text: &str) -> Result<Step, String> {
        // Letter case of the first words does not count.
        let text = lower_start(text);
        let found = match keyword {
            Keyword::Given => given(&text)?,
            Keyword::When => when(&text)?,
            Keyword::Then => then(&text)?,
        };
        found.ok_or_else(|| "no such sentence is known".to_owned())
    }
}

/// `I`, `Its` and `It` at the start as they are written in the middle.
fn lower_start(text: &str) -> String {
    match text.split_once(' ') {
        Some((first @ ("Its" | "It" | "They" | "The"), rest)) => format!("{} {rest}", first.to_lowercase()),
        _ => text.to_owned(),
    }
}

fn given(text: &str) -> Result<Option<Step>, String> {
    let Some(rest) = text.strip_prefix("I have ") else { return Ok(None) };
    let (rest, sort) = match rest.strip_suffix(" defined") {
        Some(rest) => (rest, "resource"),
        None => {
            let Some(rest) = rest.strip_suffix(" configured") else { return Ok(None) };
            let sort = ["resources", "resource", "providers", "provider", "datas", "data", "variables", "variable"]
                .into_iter()
                .find(|sort| rest.strip_suffix(sort).is_some_and(|before| before.ends_with(' ')));
            match sort {
                Some(sort) => (rest.strip_suffix(sort).unwrap_or(rest).trim(), sort.trim_end_matches('s')),
                None => (rest, "resource"),
            }
        }
    };
    if let Some(property) = after(rest, &["resource that supports ", "resources that support ", "a resource that supports "]) {
        return Ok(Some(Step::Supports(bare(property))));
    }
    let name = bare(rest);
    Ok(Some(match (name.as_str(), sort) {
        ("a variable" | "any variable" | "variables" | "an output" | "any output" | "outputs", _) | (_, "variable") => {
            return Err("variables and outputs are no resources here".to_owned());
        }
        ("a resource" | "any resource" | "resource" | "resources" | "a" | "any" | "anything", _) => Step::Have(None),
        (name, "provider") => Step::Have(Some(format!("provider.{name}"))),
        (name, "data") => Step::Have(Some(format!("data.{}", type_of(name)))),
        (name, _) => Step::Have(Some(type_of(name))),
    }))
}

fn when(text: &str) -> Result<Option<Step>, String> {
    if let Some(rest) = text.strip_prefix("I ") {
        return match rest.split_once(' ') {
            Some(("count", "them" | "it" | "the value")) => Ok(Some(Step::Count)),
            _ => Ok(None),
        };
    }
    let lacks = [
        "it does not contain ",
        "it doesnt contain ",
        "it does not have ",
        "it doesnt have ",
        "they do not have ",
        "they dont have ",
        "it doesn't have ",
        "it doesn't contain ",
    ];
    if let Some(rest) = after(text, &lacks) {
        return Ok(Some(Step::Has(bare(rest), false)));
    }
    if let Some(rest) = after(text, &["it contains ", "it contain ", "it has ", "they have ", "they contain "]) {
        return Ok(Some(Step::Has(bare(rest), true)));
    }
    let Some(rest) = text.strip_prefix("its ") else { return Ok(None) };
    for (words, holds) in [(" includes an entry where ", true), (" does not include an entry where ", false)] {
        if let Some((key, entry)) = rest.split_once(words) {
            let Some((name, value)) = entry.split_once("\" is \"") else { return Ok(None) };
            return Ok(Some(Step::Entry(
                bare(key),
                name.trim_start_matches('"').to_owned(),
                value.trim_end_matches('"').to_owned(),
                holds,
            )));
        }
    }
    let forms = [
        (" is not ", false),
        (" has not ", false),
        (" does not include ", false),
        (" does not consist ", false),
        (" is ", true),
        (" has ", true),
        (" includes ", true),
        (" consists ", true),
    ];
    let first =
        forms.iter().filter_map(|(words, holds)| rest.find(words).map(|at| (at, std::cmp::Reverse(words.len()), *words, *holds))).min();
    let Some((_, _, words, holds)) = first else { return Ok(None) };
    let Some((key, value)) = rest.split_once(words) else { return Ok(None) };
    Ok(Some(match key.strip_suffix(" reference") {
        Some(key) => Step::Reference(bare(key), bare(value), holds),
        None if key.contains(" metadata") => return Err("metadata of a plan is not kept here".to_owned()),
        None => Step::Key(bare(key), bare(value), holds),
    }))
}

/// `must` and `must not` at the start of a rest.
fn must(text: &str) -> Option<(&str, bool)> {
    match text.strip_prefix("must not ") {
        Some(rest) => Some((rest, false)),
        None => text.strip_prefix("must ").map(|rest| (rest, true)),
    }
}

fn then(text: &str) -> Result<Option<Step>, String> {
    if ["it fails", "it must fail", "it should fail", "the scenario fails", "the scenario should fail", "the scenario must fail"]
        .contains(&text)
    {
        return Ok(Some(Step::Fails));
    }
    if text.contains(" protocol and port ") {
        return Err("write a rule of our own with `opens`, which reasons about ports and networks".to_owned());
    }
    if text.starts_with("I flatten") {
        return Err("resources are judged one by one here".to_owned());
    }
    for end in [" must be enabled", " is enabled", " is be enabled"] {
        if let Some(name) = text.strip_suffix(end).filter(|name| !name.starts_with("its value")) {
            if name.contains(' ') && !name.starts_with('"') {
                return Err(format!("`{name}` stands for other names in terraform-compliance; name the property"));
            }
            return Ok(Some(Step::Enabled(bare(name))));
        }
    }
    if let Some(rest) = text.strip_prefix("I expect the result is ") {
        return number(rest).map(Some);
    }
    if let Some((rest, holds)) = after(text, &["it ", "they "]).and_then(must) {
        if let Some(address) = between(rest, "have ", " referenced") {
            return Ok(Some(Step::Referenced(bare(address))));
        }
        if let Some(list) = rest.strip_prefix("be in ") {
            return Ok(Some(Step::In(list.split(',').map(bare).collect(), holds)));
        }
        return Ok(after(rest, &["contain ", "have "]).map(|name| Step::MustHave(bare(name), holds)));
    }
    if let Some(rest) = text.strip_prefix("its value ") {
        return value(rest);
    }
    let Some(rest) = text.strip_prefix("its ") else { return Ok(None) };
    for (words, holds) in [(" must not be ", false), (" must be ", true)] {
        if let Some((key, wanted)) = rest.split_once(words) {
            let key = key.strip_suffix(" property").or_else(|| key.strip_suffix(" key")).unwrap_or(key);
            return Ok(Some(Step::MustBe(bare(key), bare(wanted), holds)));
        }
    }
    Ok(None)
}

fn value(text: &str) -> Result<Option<Step>, String> {
    let Some((rest, holds)) = must(text) else { return Ok(None) };
    if let Some(regex) =
        rest.strip_prefix("match the ").and_then(|rest| rest.strip_suffix(" regex").or_else(|| rest.strip_suffix(" case sensitive regex")))
    {
        return pattern(&bare(regex), holds, !rest.ends_with("case sensitive regex")).map(Some);
    }
    if let Some(part) = rest.strip_prefix("contain ") {
        return Ok(Some(Step::Contains(bare(part), holds)));
    }
    let Some(rest) = rest.strip_prefix("be ") else { return Ok(None) };
    if rest == "null" {
        return Ok(Some(Step::Null(holds)));
    }
    if let Some(list) = rest.strip_prefix("in ") {
        return Ok(Some(Step::In(list.split(',').map(bare).collect(), holds)));
    }
    if holds && (rest.contains(" than ") || rest.starts_with("equal to ")) {
        return number(rest).map(Some);
    }
    let wanted = bare(rest);
    pattern(&format!("^{wanted}$"), holds, true).map(Some)
}

fn pattern(text: &str, holds: bool, ignore_case: bool) -> Result<Step, String> {
    let source = if ignore_case { format!("(?i){text}") } else { text.to_owned() };
    let pattern = Pattern::new(&source, true).map_err(|why| format!("`{text}` is no regular expression: {why}"))?;
    Ok(Step::Matches(pattern, text.to_owned(), holds))
}

fn number(text: &str) -> Result<Step, String> {
    let wrong = || format!("`{text}` is no comparison that is known");
    let (words, wanted) = text.rsplit_once(' ').ok_or_else(wrong)?;
    let words = words.strip_suffix(" than").or_else(|| words.strip_suffix(" to")).ok_or_else(wrong)?;
    let order = match words {
        "more" | "greater" | "bigger" => Order::Greater,
        "more and equal" | "greater and equal" | "bigger and equal" => Order::GreaterOrEqual,
        "less" | "lesser" | "smaller" => Order::Less,
        "less and equal" | "lesser and equal" | "smaller and equal" => Order::LessOrEqual,
        "equal" => Order::Equal,
        _ => return Err(wrong()),
    };
    wanted.parse().map(|wanted| Step::Number(order, wanted)).map_err(|_| format!("`{wanted}` is no whole number"))
}

/// A value under a name: of the thing itself, else the first below it.
fn seek(value: &Value, name: &str, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    match &value.data {
        Data::Map(map) => match map.get(name) {
            Some(found) if !found.is_null() => Some(found.clone()),
            _ => map.iter().filter(|(key, _)| !key.starts_with('$')).find_map(|(_, entry)| seek(&entry.value, name, depth + 1)),
        },
        Data::List(items) => items.iter().find_map(|item| seek(item, name, depth + 1)),
        Data::String(_) => decode_json(value).and_then(|decoded| seek(&decoded, name, depth + 1)),
        Data::Unknown(unknown) => match &unknown.decoded {
            Some(decoded) => seek(decoded, name, depth + 1),
            // Of a whole that is not known, everything may be there; an attribute of a resource deeper down is a scalar, as a rule.
            None if depth == 0 => Some(vague(value)),
            None => None,
        },
        _ => None,
    }
}

fn nothing(value: &Value) -> bool {
    match &value.data {
        Data::Null => true,
        Data::String(text) => text.is_empty(),
        Data::List(items) => items.is_empty(),
        Data::Map(map) => map.is_empty(),
        _ => false,
    }
}

fn text(value: &Value) -> Option<String> {
    match &value.data {
        Data::String(text) => Some(text.to_string()),
        Data::Bool(truth) => Some(if *truth { "True" } else { "False" }.to_owned()),
        Data::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn same_text(value: &Value, wanted: &str) -> Tri {
    match &value.data {
        Data::Unknown(unknown) if !unknown.prefix.is_empty() && !wanted.starts_with(&*unknown.prefix) => Tri::No,
        Data::Unknown(_) => Tri::Maybe(value.clone()),
        Data::Bool(_) => Tri::known(text(value).is_some_and(|text| text.eq_ignore_ascii_case(wanted))),
        Data::List(items) => Tri::any(items.iter().map(|item| same_text(item, wanted))),
        Data::Map(map) => Tri::known(map.contains_key(wanted)),
        _ => Tri::known(text(value).as_deref() == Some(wanted)),
    }
}

/// Every scalar in it.
fn each(value: &Value, out: &mut Vec<Value>, depth: usize) {
    match &value.data {
        Data::List(items) if depth < MAX_DEPTH => items.iter().for_each(|item| each(item, out, depth + 1)),
        Data::Map(map) if depth < MAX_DEPTH => {
            map.iter().filter(|(key, _)| !key.starts_with('$')).for_each(|(_, entry)| each(&entry.value, out, depth + 1));
        }
        _ => out.push(value.clone()),
    }
}

struct Run<'a> {
    index: SubjectIndex,
    subject: &'a Subject,
    world: &'a World,
    /// What the steps have come to.
    values: Vec<Value>,
    name: String,
    /// The first thing a filter could not know.
    doubt: Option<Value>,
    count: Option<usize>,
}

/// Runs the steps on a resource.
pub(crate) fn run(steps: &[Step], index: SubjectIndex, subject: &Subject, world: &World) -> Outcome {
    let mut run = Run { index, subject, world, values: vec![subject.value.clone()], name: String::new(), doubt: None, count: None };
    let mut asked = false;
    for (place, step) in steps.iter().enumerate() {
        if matches!(step, Step::Count) {
            let outcome = run.counted(steps, place);
            if let Some(outcome) = outcome {
                return outcome;
            }
            continue;
        }
        match run.filter(step) {
            Some(Tri::Yes) => continue,
            Some(Tri::No) => return Outcome::Skipped,
            Some(Tri::Maybe(value)) => {
                run.doubt = run.doubt.take().or(Some(value));
                continue;
            }
            None => {}
        }
        asked = true;
        match run.ask(step) {
            Tri::Yes => {}
            Tri::No => {
                let value = run.values.first().filter(|_| !run.name.is_empty()).cloned();
                return match run.doubt.take() {
                    Some(doubt) => Outcome::Unknown(cannot("whether the scenario speaks of it", &doubt), Some(doubt)),
                    None => Outcome::Failed(run.words(step), value),
                };
            }
            Tri::Maybe(value) => {
                let what = if run.name.is_empty() { "this".to_owned() } else { format!("`{}`", run.name) };
                return Outcome::Unknown(cannot(&what, &value), Some(value));
            }
        }
    }
    if asked { Outcome::Passed } else { Outcome::Skipped }
}

fn cannot(what: &str, value: &Value) -> String {
    match value.find_unknown() {
        Some(unknown) => format!("{what} cannot be known: {}", unknown.reason),
        None => format!("{what} cannot be known"),
    }
}

impl Run<'_> {
    /// What a `Given` or `When` says; `None` for a `Then`.
    fn filter(&mut self, step: &Step) -> Option<Tri> {
        Some(match step {
            Step::Have(None) => {
                let kind = &*self.subject.type_name;
                Tri::known(!kind.starts_with("data.") && !kind.starts_with("provider.") && kind != "module")
            }
            Step::Have(Some(name)) => Tri::known(*self.subject.type_name == **name),
            Step::Supports(name) => {
                let kind = &*self.subject.type_name;
                if kind.starts_with("data.") || kind.starts_with("provider.") || kind == "module" {
                    return Some(Tri::No);
                }
                let has = |subject: &Subject| subject.value.as_map().is_some_and(|map| map.contains_key(name));
                let like = self.world.of_type(self.subject.kind, kind).iter().filter_map(|index| self.world.subject(*index)).any(has);
                match like {
                    true => Tri::Yes,
                    false => {
                        let why = format!("whether `{kind}` supports `{name}` only a plan says");
                        Tri::Maybe(Value::unknown(UnknownKind::Invalid, why, self.subject.head))
                    }
                }
            }
            Step::Has(name, true) => self.descend(name),
            Step::Has(name, false) => {
                self.values.iter().find_map(|value| seek(value, name, 0)).map_or(Tri::Yes, |found| match found.as_unknown() {
                    Some(unknown) if !unknown.set => Tri::Maybe(found),
                    _ => Tri::known(nothing(&found)),
                })
            }
            Step::Key(key, wanted, holds) => self.key(key, wanted).not_if(!holds),
            Step::Entry(key, name, wanted, holds) => {
                let found = self.values.iter().find_map(|value| value.get(key)).and_then(|map| match &map.data {
                    Data::Unknown(_) => Some(vague(map)),
                    _ => map.get(name).cloned(),
                });
                found.map_or(Tri::No, |value| same_text(&value, wanted)).not_if(!holds)
            }
            Step::Reference(key, wanted, holds) => {
                let mut named = false;
                if let Some(value) = self.subject.value.get(key) {
                    value.each_reference(&mut |reference| named |= reference.subject.starts_with(wanted.as_str()));
                }
                Tri::known(named == *holds)
            }
            _ => return None,
        })
    }

    /// Goes down to a property.
    fn descend(&mut self, name: &str) -> Tri {
        let found: Vec<Value> = self.values.iter().filter_map(|value| seek(value, name, 0)).filter(|value| !nothing(value)).collect();
        let truth = match found.first().map(|value| (value, value.as_unknown())) {
            None => Tri::No,
            Some((value, Some(unknown))) if !unknown.set => Tri::Maybe(value.clone()),
            Some(_) => Tri::Yes,
        };
        if !found.is_empty() {
            self.values = found;
            name.clone_into(&mut self.name);
        }
        truth
    }

    fn key(&self, key: &str, wanted: &str) -> Tri {
        let id = &*self.subject.id;
        let plain = id.split('[').next().unwrap_or(id);
        let own = match key {
            "address" => Some(plain.to_owned()),
            "type" => Some(self.subject.type_name.trim_start_matches("data.").to_owned()),
            "provider_name" => self.subject.type_name.split('_').next().map(str::to_owned),
            "mode" => Some(if self.subject.type_name.starts_with("data.") { "data" } else { "managed" }.to_owned()),
            _ => None,
        };
        if let Some(own) = own {
            return Tri::known(own == wanted || key == "provider_name" && wanted.rsplit('/').next() == Some(own.as_str()));
        }
        let found = self.values.iter().find_map(|value| value.get(key).filter(|value| !value.is_null()).cloned());
        match found {
            Some(value) => same_text(&value, wanted),
            None if key == "name" => Tri::known(plain.rsplit('.').next() == Some(wanted)),
            None => Tri::No,
        }
    }

    fn ask(&mut self, step: &Step) -> Tri {
        match step {
            Step::MustHave(name, true) => self.descend(name),
            Step::MustHave(name, false) => match self.values.iter().find_map(|value| seek(value, name, 0)) {
                None => Tri::Yes,
                Some(found) => match found.as_unknown() {
                    Some(unknown) if !unknown.set => Tri::Maybe(found),
                    _ => Tri::known(nothing(&found)),
                },
            },
            Step::MustBe(key, wanted, holds) => {
                key.clone_into(&mut self.name);
                self.key(key, wanted).not_if(!holds)
            }
            Step::Matches(pattern, _, holds) => {
                let all = self.scalars();
                let one = |value: &Value| match text(value) {
                    Some(text) => Tri::known(pattern.is_match(&text).unwrap_or(false)).not_if(!holds),
                    None if value.is_unknown() => Tri::Maybe(value.clone()),
                    None => Tri::known(!holds),
                };
                Tri::all(all.iter().map(one))
            }
            Step::Contains(part, holds) => {
                let one = |value: &Value| match &value.data {
                    Data::String(text) => Tri::known(text.contains(part.as_str())),
                    _ => same_text(value, part),
                };
                Tri::all(self.values.iter().map(|value| one(value).not_if(!holds)))
            }
            Step::In(list, holds) => {
                Tri::all(self.scalars().iter().map(|value| Tri::any(list.iter().map(|wanted| same_text(value, wanted))).not_if(!holds)))
            }
            Step::Null(holds) => Tri::all(self.values.iter().map(|value| match value.as_unknown() {
                Some(unknown) if !unknown.set => Tri::Maybe(value.clone()),
                _ => Tri::known(nothing(value) == *holds),
            })),
            Step::Number(order, wanted) => match self.count {
                Some(count) => Tri::known(order.holds(i64::try_from(count).unwrap_or(i64::MAX), *wanted)),
                None => Tri::all(self.scalars().iter().map(|value| match value.as_unknown() {
                    Some(_) => Tri::Maybe(value.clone()),
                    None => Tri::known(
                        text(value).and_then(|text| text.trim().parse().ok()).is_some_and(|number: i64| order.holds(number, *wanted)),
                    ),
                })),
            },
            Step::Enabled(name) => match self.values.iter().find_map(|value| seek(value, name, 0)) {
                None => Tri::No,
                Some(found) => match &found.data {
                    Data::Unknown(unknown) if !unknown.set => Tri::Maybe(found),
                    Data::Bool(truth) => Tri::known(*truth),
                    Data::Number(number) => Tri::known(number.as_f64() != 0.0),
                    _ => Tri::known(!nothing(&found)),
                },
            },
            Step::Referenced(address) => {
                let near = self.world.refers(self.index).iter().chain(self.world.referred_by(self.index));
                Tri::known(
                    near.filter_map(|index| self.world.subject(*index)).any(|them| *them.id == **address || them.block_id() == *address),
                )
            }
            Step::Fails => Tri::No,
            _ => Tri::Yes,
        }
    }

    fn scalars(&self) -> Vec<Value> {
        let mut out = Vec::new();
        self.values.iter().for_each(|value| each(value, &mut out, 0));
        out
    }

    /// Counts the resources that come to a `When I count them`, or the items of a value. The first resource speaks for all.
    fn counted(&mut self, steps: &[Step], place: usize) -> Option<Outcome> {
        if !self.name.is_empty() {
            self.count = Some(self.values.iter().map(|value| value.as_list().map_or(1, <[Value]>::len)).sum());
            return None;
        }
        let before = steps.get(..place).unwrap_or_default();
        let mut count = 0;
        let mut first = None;
        for (index, subject) in self.world.iter().filter(|(_, them)| them.kind == self.subject.kind && them.root == self.subject.root) {
            let mut one = Run {
                index,
                subject,
                world: self.world,
                values: vec![subject.value.clone()],
                name: String::new(),
                doubt: None,
                count: None,
            };
            let mut inside = true;
            for step in before {
                match one.filter(step) {
                    Some(Tri::Yes) | None => {}
                    Some(Tri::No) => {
                        inside = false;
                        break;
                    }
                    Some(Tri::Maybe(value)) => self.doubt = self.doubt.take().or(Some(value)),
                }
            }
            if inside {
                count += 1;
                first = first.or(Some(index));
            }
        }
        self.count = Some(count);
        (first != Some(self.index)).then_some(Outcome::Skipped)
    }

    fn words(&self, step: &Step) -> String {
        let value = self.values.first().filter(|_| !self.name.is_empty());
        let shown = value.map(|value| match value.is_unknown() {
            true => format!("`{}` is set", self.name),
            false => match probity_checks::shown(value) {
                Some(shown) => format!("`{}` is {shown}", self.name),
                None => format!("`{}` has a sensitive value", self.name),
            },
        });
        let is = shown.unwrap_or_else(|| "it".to_owned());
        match step {
            Step::MustHave(name, true) => format!("`{name}` is not set"),
            Step::MustHave(name, false) => format!("`{name}` is set"),
            Step::MustBe(key, wanted, holds) => format!("`{key}` must {}be `{wanted}`", not(*holds)),
            Step::Matches(_, source, holds) => format!("{is} and must {}match `{source}`", not(*holds)),
            Step::Contains(part, holds) => format!("{is} and must {}contain `{part}`", not(*holds)),
            Step::In(list, holds) => format!("{is} and must {}be one of `{}`", not(*holds), list.join("`, `")),
            Step::Null(holds) => format!("{is} and must {}be null", not(*holds)),
            Step::Number(_, wanted) => match self.count {
                Some(count) => format!("there are {count}; the scenario compares with {wanted}"),
                None => format!("{is}; the scenario compares with {wanted}"),
            },
            Step::Enabled(name) => format!("`{name}` is not enabled"),
            Step::Referenced(address) => format!("`{address}` is not referenced"),
            _ => "the scenario fails".to_owned(),
        }
    }
}

fn not(holds: bool) -> &'static str {
    if holds { "" } else { "not " }
}

impl Order {
    fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Order::Greater => left > right,
            Order::GreaterOrEqual => left >= right,
            Order::Less => left < right,
            Order::LessOrEqual => left <= right,
            Order::Equal => left == right,
        }
    }
}
