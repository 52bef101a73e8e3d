//! Runs templates: Go's `text/template` with Helm's `include` and `tpl`, bounded in steps, depth and size.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use probity_value::{FileId, Span, UnknownKind};

use super::functions::{Call, Function, Problem};
use super::parse::{Body, Branch, Command, Node, NodeKind, Operand, OperandKind, Pipe, parse};
use super::render::Charts;
use super::text::{Mark, Place, Text, TextBuffer};
use super::value::{Data, Lost, Map, MapKind, Special, Val, find_lost, lost_in, marked};
use super::{functions, printing};

/// Why a template ended before its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stop {
    pub(super) kind: StopKind,
    /// For a person.
    pub(super) message: String,
    /// Where; none in text given to `tpl`, until its caller fills it in.
    pub(super) span: Span,
}

/// Kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopKind {
    /// The template is wrong, or wrong with these values.
    Wrong,
    /// The way it goes on cannot be known.
    Unknowable,
    /// A limit of size or steps.
    Limit,
}

/// Why something cannot be known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reason {
    pub(super) kind: UnknownKind,
    pub(super) text: String,
}

/// Something a chart asks its user for with `required` or `fail`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Need {
    pub(super) message: String,
    pub(super) span: Span,
}

/// A template with a name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) body: Body,
    pub(super) file: FileId,
    /// The text given to `tpl` it was defined in.
    given: Option<Text>,
}

/// What rendering one template gave.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    /// The text, with the innermost place of each byte.
    pub(super) text: Text,
    /// The place of each byte in the template that was rendered itself.
    pub(super) outer: Vec<Mark>,
}

/// Limits for one template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Nodes and calls, and what they walk over.
    pub(super) steps: u64,
    /// Bytes of all texts that are made on the way.
    pub(super) bytes: usize,
}

/// Bytes one text may have.
pub(super) const MAX_TEXT: usize = 8 << 20;
/// How many templates of a chart may use up their limits.
const TOTAL: u64 = 8;
/// Nested blocks, calls and parentheses together.
const MAX_DEPTH: usize = 1200;
/// Nested `include`, `template` and `tpl`.
const MAX_CALLS: usize = 150;
/// Reasons that are told apart.
const MAX_REASONS: usize = 200;

enum Flow {
    On,
    Break,
    Continue,
}

type Run<T> = Result<T, Stop>;

/// Runs the templates of one chart with its subcharts.
pub(super) struct Engine<'a> {
    pub(super) charts: &'a Charts<'a>,
    templates: HashMap<Rc<str>, Named>,
    /// The character that marks what cannot be known.
    pub(super) marker: char,
    /// Why things cannot be known, by number.
    pub(super) reasons: Vec<Reason>,
    /// What was asked for while the template at hand ran.
    pub(super) needs: Vec<Need>,
    limits: Limits,
    /// What is left for the template at hand.
    left: Limits,
    /// What is left for the whole chart.
    total: Limits,
    out: TextBuffer,
    outer: Vec<Mark>,
    /// The call in the rendered template that is being run.
    caller: Option<Span>,
    /// Whether the output goes to the template itself, not to the result of an `include`.
    direct: bool,
    variables: Vec<(Rc<str>, Val)>,
    file: FileId,
    given: Option<Text>,
    depth: usize,
    calls: usize,
}

impl<'a> Engine<'a> {
    pub(super) fn new(charts: &'a Charts<'a>, marker: char, limits: Limits) -> Engine<'a> {
        Engine {
            charts,
            templates: HashMap::new(),
            marker,
            reasons: Vec::new(),
            needs: Vec::new(),
            limits,
            left: limits,
            total: Limits { steps: limits.steps.saturating_mul(TOTAL), bytes: limits.bytes.saturating_mul(8) },
            out: TextBuffer::default(),
            outer: Vec::new(),
            caller: None,
            direct: true,
            variables: Vec::new(),
            file: FileId::NONE,
            given: None,
            depth: 0,
            calls: 0,
        }
    }

    /// Makes a template known. One of the same name that is not empty gives way to it, unless it is empty itself.
    pub(super) fn define(&mut self, name: Rc<str>, body: Body, file: FileId) {
        let given = self.given.clone();
        let blank = body.iter().all(|node| matches!(&node.kind, NodeKind::Text(text) if text.trim().is_empty()));
        if blank && self.templates.contains_key(&name) {
            return;
        }
        self.templates.insert(name, Named { body, file, given });
    }

    /// Renders one template with its own limits.
    pub(super) fn render(&mut self, name: &str, data: Val) -> Run<Rendered> {
        self.left = Limits { steps: self.limits.steps.min(self.total.steps), bytes: self.limits.bytes.min(self.total.bytes) };
        let given = self.left;
        self.out = TextBuffer::default();
        self.outer = Vec::new();
        self.caller = None;
        self.direct = true;
        self.depth = 0;
        self.calls = 0;
        self.given = None;
        self.needs = Vec::new();
        let Some(named) = self.templates.get(name).cloned() else {
            return Err(wrong(format!("template `{name}` does not exist"), Span::NONE));
        };
        let result = self.run(&named, data);
        self.total.steps = self.total.steps.saturating_sub(given.steps - self.left.steps);
        self.total.bytes = self.total.bytes.saturating_sub(given.bytes - self.left.bytes);
        let text = std::mem::take(&mut self.out).finish();
        let mut outer = std::mem::take(&mut self.outer);
        result?;
        // The places in the template itself move as the text does.
        let mut gone = text.as_str().match_indices("<no value>").map(|(at, _)| at).peekable();
        let mut before = 0;
        for mark in &mut outer {
            while gone.next_if(|at| *at < mark.at as usize).is_some() {
                before += "<no value>".len();
            }
            mark.at = mark.at.saturating_sub(u32::try_from(before).unwrap_or(u32::MAX));
        }
        Ok(Rendered { text: text.replace("<no value>", &Text::from("")), outer })
    }

    fn run(&mut self, named: &Named, data: Val) -> Run<()> {
        let variables = std::mem::replace(&mut self.variables, vec![("$".into(), data.clone())]);
        let file = std::mem::replace(&mut self.file, named.file);
        let given = std::mem::replace(&mut self.given, named.given.clone());
        self.calls += 1;
        let result = if self.calls > MAX_CALLS {
            Err(limit(format!("templates call each other more than {MAX_CALLS} deep"), Span::NONE))
        } else {
            self.body(&named.body, &data)
        };
        self.calls -= 1;
        self.variables = variables;
        self.file = file;
        self.given = given;
        result.map(|_| ())
    }

    /// The result of a template as text.
    fn captured(&mut self, run: impl FnOnce(&mut Engine<'a>) -> Run<()>) -> Run<Text> {
        let out = std::mem::take(&mut self.out);
        let direct = std::mem::replace(&mut self.direct, false);
        let result = run(self);
        self.direct = direct;
        let text = std::mem::replace(&mut self.out, out).finish();
        result?;
        Ok(text)
    }

    /// `include`.
    pub(super) fn include(&mut self, name: &str, data: Val) -> Run<Text> {
        let Some(named) = self.templates.get(name).cloned() else {
            return Err(wrong(format!("template `{name}` does not exist"), Span::NONE));
        };
        self.captured(|engine| engine.run(&named, data))
    }

    /// `tpl`: what it defines is known only within.
    pub(super) fn tpl(&mut self, text: &Text, data: Val) -> Run<Text> {
        self.spend(1 + text.as_str().len() as u64 / 64, Span::NONE)?;
        let parsed = parse(text.as_str()).map_err(|wrong_text| {
            let excerpt: String = text.as_str().get(wrong_text.range).unwrap_or_default().chars().take(40).collect();
            wrong(format!("text given to `tpl` is not a template: {} at `{excerpt}`", wrong_text.message), Span::NONE)
        })?;
        let kept = if parsed.defined.is_empty() { None } else { Some(self.templates.clone()) };
        self.spend(if kept.is_some() { self.templates.len() as u64 } else { 0 }, Span::NONE)?;
        for (name, body) in parsed.defined {
            self.templates.insert(name, Named { body, file: FileId::NONE, given: Some(text.clone()) });
        }
        let named = Named { body: parsed.body, file: FileId::NONE, given: Some(text.clone()) };
        let result = self.captured(|engine| engine.run(&named, data));
        if let Some(kept) = kept {
            self.templates = kept;
        }
        Ok(result?.replace("<no value>", &Text::from("")))
    }

    /// Takes steps off the budget.
    pub(super) fn spend(&mut self, steps: u64, span: Span) -> Run<()> {
        match self.left.steps.checked_sub(steps) {
            Some(left) => {
                self.left.steps = left;
                Ok(())
            }
            None => {
                self.left.steps = 0;
                Err(limit(format!("more than {} steps", self.limits.steps), span))
            }
        }
    }

    fn spend_bytes(&mut self, bytes: usize, span: Span) -> Run<()> {
        if bytes > MAX_TEXT {
            return Err(limit(format!("a text of more than {MAX_TEXT} bytes"), span));
        }
        match self.left.bytes.checked_sub(bytes) {
            Some(left) => {
                self.left.bytes = left;
                Ok(())
            }
            None => Err(limit(format!("more than {} bytes of text on the way", self.limits.bytes), span)),
        }
    }

    /// The number of a reason why something cannot be known.
    pub(super) fn reason(&mut self, kind: UnknownKind, text: &str) -> u8 {
        let known = self.reasons.iter().position(|known| known.text == text);
        let index = known.unwrap_or_else(|| {
            if self.reasons.len() < MAX_REASONS {
                self.reasons.push(Reason { kind, text: text.to_owned() });
            }
            self.reasons.len() - 1
        });
        u8::try_from(index).unwrap_or(0)
    }

    /// Notes what the chart asks for.
    pub(super) fn need(&mut self, message: &str, span: Span) {
        let need = Need { message: message.trim().to_owned(), span: span.or(self.caller.unwrap_or(Span::NONE)) };
        if self.needs.len() < MAX_REASONS && !self.needs.contains(&need) {
            self.needs.push(need);
        }
    }

    fn span(&self, range: &Range<usize>) -> Span {
        if self.file == FileId::NONE { Span::NONE } else { Span::new(self.file, range.clone()) }
    }

    fn deeper(&mut self, span: Span) -> Run<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(limit(format!("nested more than {MAX_DEPTH} deep"), span)) } else { Ok(()) }
    }

    fn unknowable(&self, lost: Lost, what: &str, span: Span) -> Stop {
        let reason = self.reasons.get(usize::from(lost.reason)).map_or("it is not known", |reason| &reason.text);
        Stop { kind: StopKind::Unknowable, message: format!("{what} depends on something that cannot be known: {reason}"), span }
    }

    fn write(&mut self, text: &Text, place: &Place) -> Run<()> {
        if self.out.len() + text.as_str().len() > MAX_TEXT {
            return Err(limit(format!("more than {MAX_TEXT} bytes of output"), place.span));
        }
        if self.direct && !text.as_str().is_empty() {
            let at = u32::try_from(self.out.len()).unwrap_or(u32::MAX);
            let place = self.caller.map_or_else(|| place.clone(), Place::action);
            self.outer.push(Mark { at, place });
        }
        self.out.push(text, place);
        Ok(())
    }

    fn body(&mut self, body: &Body, dot: &Val) -> Run<Flow> {
        self.deeper(Span::NONE)?;
        for node in body.iter() {
            let span = self.span(&node.range);
            self.spend(1, span)?;
            match self.node(node, dot) {
                Ok(Flow::On) => {}
                Ok(flow) => {
                    self.depth -= 1;
                    return Ok(flow);
                }
                Err(mut stop) => {
                    stop.span = stop.span.or(span);
                    return Err(stop);
                }
            }
        }
        self.depth -= 1;
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, dot: &Val) -> Run<Flow> {
        match &node.kind {
            NodeKind::Text(text) => {
                match self.given.clone() {
                    Some(given) => {
                        let part = given.part(node.range.start, node.range.end);
                        self.write(&part, &Place::NONE)?;
                    }
                    None => {
                        let place = Place::literal(self.span(&node.range));
                        self.write(&Text::from(&**text), &place)?;
                    }
                }
                Ok(Flow::On)
            }
            NodeKind::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    let text = self.shown(&value);
                    self.write(&text, &Place::action(self.span(&node.range)))?;
                }
                Ok(Flow::On)
            }
            NodeKind::If(branch) => {
                let mark = self.variables.len();
                let value = self.pipe(&branch.pipe, dot)?;
                let flow = self.choose(branch, &value, dot, dot);
                self.variables.truncate(mark);
                flow
            }
            NodeKind::With(branch) => {
                let mark = self.variables.len();
                let value = self.pipe(&branch.pipe, dot)?;
                let flow = self.choose(branch, &value, &value, dot);
                self.variables.truncate(mark);
                flow
            }
            NodeKind::Range(branch) => {
                let mark = self.variables.len();
                let flow = self.range(branch, dot);
                self.variables.truncate(mark);
                flow
            }
            NodeKind::Template(name, pipe) => {
                let data = match pipe {
                    Some(pipe) => self.pipe(pipe, dot)?,
                    None => Val::nil(),
                };
                let span = self.span(&node.range);
                let Some(named) = self.templates.get(name).cloned() else {
                    return Err(wrong(format!("template `{name}` does not exist"), span));
                };
                let caller = self.caller;
                if self.direct {
                    self.caller = Some(caller.unwrap_or(span));
                }
                let result = self.run(&named, data);
                self.caller = caller;
                result?;
                Ok(Flow::On)
            }
            NodeKind::Break => Ok(Flow::Break),
            NodeKind::Continue => Ok(Flow::Continue),
        }
    }

    fn choose(&mut self, branch: &Branch, value: &Val, dot: &Val, outside: &Val) -> Run<Flow> {
        let truth = value.truth().map_err(|lost| self.unknowable(lost, "a condition", self.span(&branch.pipe.range)))?;
        if truth {
            self.body(&branch.then, dot)
        } else if let Some(otherwise) = &branch.otherwise {
            self.body(otherwise, outside)
        } else {
            Ok(Flow::On)
        }
    }

    fn range(&mut self, branch: &Branch, dot: &Val) -> Run<Flow> {
        let value = self.value_of(&branch.pipe, dot)?;
        let length = match &value.data {
            Data::List(list) => list.items().len(),
            Data::Map(map) => map.len(),
            _ => 0,
        };
        self.spend(length as u64 / 4, self.span(&branch.pipe.range))?;
        let pairs: Vec<(Val, Val)> = match &value.data {
            Data::Nil => Vec::new(),
            Data::List(list) => (0_i64..).map(Val::int).zip(list.items().iter().cloned()).collect(),
            Data::Map(map) => map.pairs().into_iter().map(|(key, value)| (Val::from(&*key), value)).collect(),
            Data::Int(count, _) => {
                let count = (*count).max(0);
                self.spend(count.unsigned_abs(), self.span(&branch.pipe.range))?;
                (0..count).map(|at| (Val::int(at), Val::int(at))).collect()
            }
            Data::Lost(lost) => return Err(self.unknowable(*lost, "a loop", self.span(&branch.pipe.range))),
            Data::Special(special) => match &**special {
                Special::ApiVersions => {
                    super::render::API_VERSIONS.iter().enumerate().map(|(at, version)| (Val::int(at as i64), Val::from(*version))).collect()
                }
                Special::Files(files) => {
                    let mut pairs = Vec::new();
                    for name in &files.names {
                        let content = self.charts.file(files.chart, name).unwrap_or_default();
                        self.spend_bytes(content.as_str().len(), self.span(&branch.pipe.range))?;
                        pairs.push((Val::from(&**name), Val::from(content)));
                    }
                    pairs
                }
                _ => return Err(wrong(format!("`range` cannot go over a {}", value.type_name()), self.span(&branch.pipe.range))),
            },
            _ => return Err(wrong(format!("`range` cannot go over a {}", value.type_name()), self.span(&branch.pipe.range))),
        };
        if pairs.is_empty() {
            return match &branch.otherwise {
                Some(otherwise) => self.body(otherwise, dot),
                None => Ok(Flow::On),
            };
        }
        let names = &branch.pipe.variables;
        let mark = self.variables.len();
        for (key, item) in pairs {
            match &names[..] {
                [] => {}
                [only] => self.put(only, item.clone(), branch.pipe.assign)?,
                [first, second, ..] => {
                    self.put(first, key, branch.pipe.assign)?;
                    self.put(second, item.clone(), branch.pipe.assign)?;
                }
            }
            self.spend(1, Span::NONE)?;
            let flow = self.body(&branch.then, &item)?;
            self.variables.truncate(mark);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn put(&mut self, name: &Rc<str>, value: Val, assign: bool) -> Run<()> {
        if assign {
            match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
                Some((_, old)) => *old = value,
                None => return Err(wrong(format!("variable `{name}` is not defined"), Span::NONE)),
            }
        } else {
            self.variables.push((Rc::clone(name), value));
        }
        Ok(())
    }

    /// The text an action prints.
    pub(super) fn shown(&self, value: &Val) -> Text {
        match &value.data {
            Data::Nil => Text::from("<no value>"),
            Data::Lost(lost) => Text::from(marked(*lost, self.marker)),
            Data::Str(text) => text.showing(value.from.as_ref()),
            _ => Text::from(printing::sprint(value, self.marker)).showing(value.from.as_ref()),
        }
    }

    /// The value of a pipeline, its variables set.
    fn pipe(&mut self, pipe: &Pipe, dot: &Val) -> Run<Val> {
        let value = self.value_of(pipe, dot)?;
        for name in &pipe.variables {
            self.put(name, value.clone(), pipe.assign)?;
        }
        Ok(value)
    }

    fn value_of(&mut self, pipe: &Pipe, dot: &Val) -> Run<Val> {
        let span = self.span(&pipe.range);
        self.deeper(span)?;
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, dot, value)?);
        }
        self.depth -= 1;
        Ok(value.unwrap_or_else(Val::nil))
    }

    fn command(&mut self, command: &Command, dot: &Val, last: Option<Val>) -> Run<Val> {
        let Some((first, rest)) = command.operands.split_first() else { return Ok(Val::nil()) };
        let span = self.span(&first.range);
        match &first.kind {
            OperandKind::Function(function) => self.call(function, rest, dot, last, span),
            OperandKind::Fields(fields) => {
                let arguments = self.arguments(rest, dot, last)?;
                self.chain(dot.clone(), fields, arguments, span)
            }
            OperandKind::Variable(name, fields) => {
                let start = self.variable(name, span)?;
                let arguments = self.arguments(rest, dot, last)?;
                self.chain(start, fields, arguments, span)
            }
            OperandKind::Group(pipe, fields) => {
                let start = self.pipe(pipe, dot)?;
                let arguments = self.arguments(rest, dot, last)?;
                self.chain(start, fields, arguments, span)
            }
            OperandKind::Nil => Err(wrong("`nil` is no command", span)),
            _ if !rest.is_empty() || last.is_some() => Err(wrong("something that is no function got arguments", span)),
            _ => self.operand(first, dot),
        }
    }

    fn arguments(&mut self, operands: &[Operand], dot: &Val, last: Option<Val>) -> Run<Vec<Val>> {
        let mut out = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            out.push(self.operand(operand, dot)?);
        }
        out.extend(last);
        Ok(out)
    }

    fn operand(&mut self, operand: &Operand, dot: &Val) -> Run<Val> {
        let span = self.span(&operand.range);
        Ok(match &operand.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Nil => Val::nil(),
            OperandKind::Bool(value) => Val::from(*value),
            OperandKind::Int(value) => Val::int(*value),
            OperandKind::Float(value) => Val::float(*value),
            OperandKind::Text(text) => Val::from(&**text),
            OperandKind::Fields(fields) => self.chain(dot.clone(), fields, Vec::new(), span)?,
            OperandKind::Variable(name, fields) => {
                let start = self.variable(name, span)?;
                self.chain(start, fields, Vec::new(), span)?
            }
            OperandKind::Function(function) => self.call(function, &[], dot, None, span)?,
            OperandKind::Group(pipe, fields) => {
                let start = self.pipe(pipe, dot)?;
                self.chain(start, fields, Vec::new(), span)?
            }
        })
    }

    fn variable(&self, name: &str, span: Span) -> Run<Val> {
        let found = self.variables.iter().rev().find(|(known, _)| **known == *name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| wrong(format!("variable `{name}` is not defined"), span))
    }

    /// Follows fields; the last may be a method with arguments.
    fn chain(&mut self, start: Val, fields: &[Rc<str>], mut arguments: Vec<Val>, span: Span) -> Run<Val> {
        let mut value = start;
        // What begins as nil has nil fields; a key that is missing on the way has none.
        let mut missing: Option<&str> = None;
        let last = fields.len().checked_sub(1);
        for (at, field) in fields.iter().enumerate() {
            let arguments = if Some(at) == last { std::mem::take(&mut arguments) } else { Vec::new() };
            value = match &value.data {
                Data::Nil => match missing {
                    Some(parent) => {
                        return Err(wrong(format!("`.{parent}` is nil, so it has no `.{field}`"), span));
                    }
                    None => Val::nil(),
                },
                Data::Lost(lost) => Val::lost(lost.reason, true),
                Data::Map(map) => {
                    if !arguments.is_empty() {
                        return Err(wrong(format!("`.{field}` is no method, but has arguments"), span));
                    }
                    missing = Some(field);
                    self.field(map, field, span)?
                }
                Data::Special(special) => {
                    let special = Rc::clone(special);
                    functions::method(self, &special, field, &arguments, span)?
                }
                _ => return Err(wrong(format!("a {} has no field `{field}`", value.type_name()), span)),
            };
        }
        if !arguments.is_empty() {
            return Err(wrong("something that is no function got arguments", span));
        }
        Ok(value)
    }

    fn field(&self, map: &Map, field: &str, span: Span) -> Run<Val> {
        match (map.get(field), map.kind()) {
            (Some(value), _) => Ok(value),
            (None, MapKind::Plain | MapKind::Values) => Ok(Val::nil()),
            (None, MapKind::Struct(name)) => Err(wrong(format!("a {name} has no field `{field}`"), span)),
        }
    }

    fn call(&mut self, function: &'static Function, operands: &[Operand], dot: &Val, last: Option<Val>, span: Span) -> Run<Val> {
        self.spend(1, span)?;
        if matches!(function.name, "and" | "or") {
            return self.and_or(function.name == "and", operands, dot, last, span);
        }
        self.deeper(span)?;
        let arguments = self.arguments(operands, dot, last)?;
        let result = self.apply(function, arguments, span);
        self.depth -= 1;
        result
    }

    /// `and` and `or` stop at the first argument that decides.
    fn and_or(&mut self, and: bool, operands: &[Operand], dot: &Val, last: Option<Val>, span: Span) -> Run<Val> {
        let mut value = None;
        for operand in operands {
            let item = self.operand(operand, dot)?;
            let truth = item.truth().map_err(|lost| self.unknowable(lost, "a condition", span))?;
            let done = truth != and;
            value = Some(item);
            if done {
                return Ok(value.unwrap_or_else(Val::nil));
            }
        }
        value = last.or(value);
        value.ok_or_else(|| wrong(format!("`{}` needs an argument", if and { "and" } else { "or" }), span))
    }

    /// Calls a function with arguments that are ready.
    pub(super) fn apply(&mut self, function: &'static Function, arguments: Vec<Val>, span: Span) -> Run<Val> {
        if arguments.len() < function.least || arguments.len() > function.most {
            let wanted = if function.least == function.most { function.least.to_string() } else { format!("at least {}", function.least) };
            return Err(wrong(format!("`{}` takes {wanted} arguments, not {}", function.name, arguments.len()), span));
        }
        let length: usize = arguments.iter().filter_map(Val::as_str).map(str::len).sum();
        self.spend(length as u64 / 64, span)?;
        if function.deep {
            let mut weight = 0;
            for argument in &arguments {
                weigh(argument, &mut weight);
                if weight >= MAX_WEIGHT {
                    return Err(limit(format!("`{}` is given more than {MAX_WEIGHT} values", function.name), span));
                }
            }
            self.spend(weight as u64 / 8, span)?;
        }
        if !function.through {
            let lost = arguments.iter().find_map(|argument| match &argument.data {
                Data::Lost(lost) => Some(*lost),
                Data::Str(text) => lost_in(text.as_str(), self.marker),
                _ if function.deep => find_lost(argument, self.marker, 0),
                _ => None,
            });
            if let Some(lost) = lost {
                return Ok(Val::lost(lost.reason, !function.question));
            }
        }
        let mut call = Call { engine: self, name: function.name, arguments, span };
        let value = match (function.run)(&mut call) {
            Ok(value) => value,
            Err(Problem::Wrong(message)) => return Err(wrong(format!("`{}`: {message}", function.name), span)),
            Err(Problem::Lost(lost, what)) => return Err(self.unknowable(lost, what, span)),
            Err(Problem::Stop(mut stop)) => {
                stop.span = stop.span.or(span);
                return Err(stop);
            }
        };
        match &value.data {
            Data::Str(text) => self.spend_bytes(text.as_str().len(), span)?,
            Data::List(list) => self.spend(list.items().len() as u64 / 4, span)?,
            _ => {}
        }
        Ok(value)
    }
}

/// Values a function that walks over all of them may be given.
const MAX_WEIGHT: usize = 300_000;

fn weigh(value: &Val, weight: &mut usize) {
    fn walk(value: &Val, weight: &mut usize, depth: usize) {
        *weight += 1;
        if *weight >= MAX_WEIGHT || depth > super::value::MAX_DEPTH {
            return;
        }
        match &value.data {
            Data::List(list) => list.items().iter().for_each(|item| {
                if *weight < MAX_WEIGHT {
                    walk(item, weight, depth + 1);
                }
            }),
            Data::Map(map) => map.pairs().iter().for_each(|(_, item)| {
                if *weight < MAX_WEIGHT {
                    walk(item, weight, depth + 1);
                }
            }),
            Data::Str(text) => *weight += text.as_str().len() / 256,
            _ => {}
        }
    }
    walk(value, weight, 0);
}

pub(super) fn wrong(message: impl Into<String>, span: Span) -> Stop {
    Stop { kind: StopKind::Wrong, message: message.into(), span }
}

pub(super) fn limit(message: impl Into<String>, span: Span) -> Stop {
    Stop { kind: StopKind::Limit, message: message.into(), span }
}
