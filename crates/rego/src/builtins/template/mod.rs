//! `strings.render_template`: the template language of Go over values of Rego.
//!
//! As upstream gives them to it, numbers of the values are text of the type `json.Number`, and what is missing is `<undefined>`.

mod parse;

use std::collections::HashMap;
use std::sync::Arc;

use crate::builtins::operands::{object, operand, text};
use crate::builtins::{Answer, Context, Failure, sprintf, urls};
use crate::term::Term;

use parse::{Branch, Node, Operand, Pipeline};

/// How deep templates may call others.
const DEEPEST: usize = 60;

/// A value of a template.
#[derive(Clone, Debug)]
enum Value {
    /// One of Rego.
    Term(Term),
    /// One that was written in the template or computed.
    Int(i64),
    Float(f64),
    /// Nothing: a missing key, or nil.
    Nil,
}

impl Value {
    fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Int(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Term(Term::Null) => false,
            Value::Term(Term::Bool(value)) => *value,
            // Numbers are texts here, and none is empty.
            Value::Term(Term::Number(_)) => true,
            Value::Term(other) => other.size() != Some(0),
        }
    }

    /// As it is printed.
    fn shown(&self) -> String {
        match self {
            Value::Nil => "<undefined>".to_owned(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) if *value < 0.0 => format!("-{}", sprintf::float_text(value.abs(), 'g', None)),
            Value::Float(value) => sprintf::float_text(*value, 'g', None),
            Value::Term(term) => shown(term, true),
        }
    }

    fn for_format(&self) -> sprintf::Value {
        match self {
            Value::Nil | Value::Term(Term::Null) => sprintf::Value::Nil,
            Value::Int(value) => sprintf::Value::Int(*value, "int"),
            Value::Float(value) => sprintf::Value::Float(*value),
            Value::Term(Term::Bool(value)) => sprintf::Value::Bool(*value),
            Value::Term(Term::String(text)) => sprintf::Value::Text(text.to_string(), "string"),
            Value::Term(Term::Number(number)) => sprintf::Value::Text(number.to_string(), "json.Number"),
            Value::Term(term) if term.as_object().is_some() => sprintf::Value::Other(shown(term, false), "map[string]interface {}"),
            Value::Term(term) => sprintf::Value::Other(shown(term, false), "[]interface {}"),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Value::Term(Term::String(_)))
    }
}

/// A value as Go prints maps and lists.
fn shown(term: &Term, top: bool) -> String {
    if let Some(object) = term.as_object() {
        let entries: Vec<String> = object.iter().map(|(key, value)| format!("{}:{}", key.key_text(), shown(&value, false))).collect();
        return format!("map[{}]", entries.join(" "));
    }
    if let Some(items) = crate::builtins::operands::items(term) {
        let items: Vec<String> = items.iter().map(|item| shown(item, false)).collect();
        return format!("[{}]", items.join(" "));
    }
    match term {
        Term::Null if top => "<undefined>".to_owned(),
        Term::Null => "<nil>".to_owned(),
        Term::String(text) => text.to_string(),
        other => other.to_string(),
    }
}

/// Renders a template.
pub(super) fn render(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let template = text(arguments, 0)?;
    object(arguments, 1)?;
    context.spend(template.len().saturating_mul(8))?;
    let set = parse::parse(template).map_err(|reason| Failure::Failed(format!("template: template:1: {reason}")))?;
    let defined: HashMap<String, Vec<Node>> = set.defined.into_iter().collect();
    let root = Value::Term(operand(arguments, 1)?.clone());
    let mut renderer =
        Renderer { context, defined: &defined, out: String::new(), variables: vec![(Arc::from("$"), root.clone())], depth: 0, steps: 0 };
    renderer.nodes(&set.main, &root)?;
    Ok(Term::from(renderer.out))
}

enum Flow {
    On,
    Break,
    Continue,
}

struct Renderer<'a, 'b, 'c> {
    context: &'a mut Context<'b>,
    defined: &'c HashMap<String, Vec<Node>>,
    out: String,
    variables: Vec<(Arc<str>, Value)>,
    depth: usize,
    steps: u32,
}

fn failed(reason: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("template: template:1: executing \"template\": {reason}"))
}

impl Renderer<'_, '_, '_> {
    fn push(&mut self, text: &str) -> Result<(), Failure> {
        self.context.spend(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Failure> {
        for node in nodes {
            self.steps = self.steps.wrapping_add(1);
            if self.steps.is_multiple_of(1024) {
                self.context.check_time()?;
            }
            match node {
                Node::Text(text) => self.push(text)?,
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.push(&value.shown())?;
                    }
                }
                Node::If(branch) | Node::With(branch) => {
                    let known = self.variables.len();
                    let value = self.pipeline(&branch.pipeline, dot)?;
                    let within = if matches!(node, Node::With(_)) { &value } else { dot };
                    let flow = if value.is_true() { self.nodes(&branch.then, within)? } else { self.nodes(&branch.otherwise, dot)? };
                    self.variables.truncate(known);
                    if !matches!(flow, Flow::On) {
                        return Ok(flow);
                    }
                }
                Node::Range(branch) => self.range(branch, dot)?,
                Node::Template(name, pipeline) => {
                    let value = match pipeline {
                        Some(pipeline) => self.pipeline(pipeline, dot)?,
                        None => Value::Nil,
                    };
                    let defined = self.defined;
                    let Some(body) = defined.get(name) else { return Err(failed(format_args!("template {name:?} not defined"))) };
                    self.depth += 1;
                    if self.depth > DEEPEST {
                        return Err(Failure::Halt("templates call each other too deep".to_owned()));
                    }
                    let outer = std::mem::replace(&mut self.variables, vec![(Arc::from("$"), value.clone())]);
                    self.nodes(body, &value)?;
                    self.variables = outer;
                    self.depth -= 1;
                }
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
            }
        }
        Ok(Flow::On)
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<(), Failure> {
        let known = self.variables.len();
        let plain = Pipeline { variables: Vec::new(), ..branch.pipeline.clone() };
        let items: Vec<(Value, Value)> = match self.pipeline(&plain, dot)? {
            Value::Nil | Value::Term(Term::Null) => Vec::new(),
            Value::Int(count) => {
                self.context.spend(usize::try_from(count).unwrap_or(0).saturating_mul(64))?;
                (0..count).map(|at| (Value::Int(at), Value::Int(at))).collect()
            }
            Value::Term(term) => match (term.as_object(), crate::builtins::operands::items(&term)) {
                (Some(object), _) => {
                    object.iter().map(|(key, value)| (Value::Term(Term::String(key.key_text())), Value::Term(value))).collect()
                }
                (None, Some(items)) => items
                    .into_iter()
                    .enumerate()
                    .map(|(at, item)| (Value::Int(i64::try_from(at).unwrap_or(0)), Value::Term(item)))
                    .collect(),
                (None, None) => return Err(failed(format_args!("range can't iterate over {}", shown(&term, true)))),
            },
            other @ Value::Float(_) => return Err(failed(format_args!("range can't iterate over {}", other.shown()))),
        };
        if items.is_empty() {
            self.nodes(&branch.otherwise, dot)?;
        }
        for (key, item) in items {
            match branch.pipeline.variables.as_slice() {
                [only] => self.set(only, item.clone(), branch.pipeline.declares),
                [first, second] => {
                    self.set(first, key, branch.pipeline.declares);
                    self.set(second, item.clone(), branch.pipeline.declares);
                }
                _ => {}
            }
            let flow = self.nodes(&branch.then, &item)?;
            self.variables.truncate(if branch.pipeline.declares { known } else { self.variables.len() });
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        self.variables.truncate(known);
        Ok(())
    }

    fn set(&mut self, name: &Arc<str>, value: Value, declares: bool) {
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some(place) if !declares => place.1 = value,
            _ => self.variables.push((Arc::clone(name), value)),
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Failure> {
        let mut last: Option<Value> = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, last, dot)?);
        }
        let value = last.unwrap_or(Value::Nil);
        for name in &pipeline.variables {
            self.set(name, value.clone(), pipeline.declares);
        }
        Ok(value)
    }

    fn command(&mut self, command: &[Operand], last: Option<Value>, dot: &Value) -> Result<Value, Failure> {
        let Some((first, rest)) = command.split_first() else { return Ok(Value::Nil) };
        if let Operand::Function(name) = first {
            // These two look at no more arguments than they need.
            if matches!(name.as_str(), "and" | "or") {
                let mut value = Value::Nil;
                for operand in rest {
                    value = self.operand(operand, dot)?;
                    if value.is_true() != (name == "and") {
                        return Ok(value);
                    }
                }
                return Ok(last.unwrap_or(value));
            }
            let mut arguments = rest.iter().map(|operand| self.operand(operand, dot)).collect::<Result<Vec<_>, _>>()?;
            arguments.extend(last);
            let value = self.function(name, &arguments)?;
            return Ok(value);
        }
        if !rest.is_empty() || last.is_some() {
            return Err(failed("can't give argument to non-function"));
        }
        self.operand(first, dot)
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Failure> {
        Ok(match operand {
            Operand::Dot => dot.clone(),
            Operand::Nil => Value::Nil,
            Operand::Bool(value) => Value::Term(Term::Bool(*value)),
            Operand::Int(value) => Value::Int(*value),
            Operand::Float(value) => Value::Float(*value),
            Operand::Text(text) => Value::Term(Term::from(text.as_str())),
            Operand::Function(name) => self.function(name, &[])?,
            Operand::Field(fields) => field(dot.clone(), fields)?,
            Operand::Variable(name, fields) => {
                let value = self.variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
                field(value.unwrap_or(Value::Nil), fields)?
            }
            Operand::Pipe(pipeline, fields) => field(self.pipeline(pipeline, dot)?, fields)?,
        })
    }

    fn function(&mut self, name: &str, arguments: &[Value]) -> Result<Value, Failure> {
        let calling = |reason: &str| failed(format_args!("error calling {name}: {reason}"));
        let first = arguments.first();
        let one = || first.ok_or_else(|| failed(format_args!("wrong number of args for {name}")));
        let all = || print(arguments);
        Ok(match name {
            "not" => Value::Term(Term::Bool(!one()?.is_true())),
            "len" => match one()? {
                Value::Term(Term::String(text)) => Value::Int(i64::try_from(text.len()).unwrap_or(0)),
                Value::Term(Term::Number(number)) => Value::Int(i64::try_from(number.to_string().len()).unwrap_or(0)),
                Value::Term(term) if term.size().is_some() => Value::Int(i64::try_from(term.size().unwrap_or(0)).unwrap_or(0)),
                _ => return Err(calling("len of type that has none")),
            },
            "index" => {
                let mut value = one()?.clone();
                for key in arguments.iter().skip(1) {
                    let Value::Term(term) = &value else { return Err(calling("can't index item of this type")) };
                    value = match (term.as_object(), term.as_array(), key) {
                        (Some(object), _, Value::Term(key)) => object.get(key).map_or(Value::Nil, Value::Term),
                        (_, Some(array), Value::Int(at)) => {
                            let item = usize::try_from(*at).ok().and_then(|at| array.get(at));
                            Value::Term(item.ok_or_else(|| calling(&format!("index out of range: {at}")))?)
                        }
                        _ => return Err(calling("cannot index with this type")),
                    };
                }
                value
            }
            "slice" => {
                let bound = |at: usize, default: usize| match arguments.get(at) {
                    None => Ok(default),
                    Some(Value::Int(value)) => usize::try_from(*value).map_err(|_| calling(&format!("index out of range: {value}"))),
                    Some(_) => Err(calling("cannot index slice/array with this type")),
                };
                match one()? {
                    Value::Term(Term::String(text)) => {
                        let part = text.get(bound(1, 0)?..bound(2, text.len())?);
                        Value::Term(Term::from(part.ok_or_else(|| calling("index out of range"))?))
                    }
                    Value::Term(term) if term.as_array().is_some() => {
                        let items = crate::builtins::operands::items(term).unwrap_or_default();
                        let part = items.get(bound(1, 0)?..bound(2, items.len())?);
                        Value::Term(Term::array(part.ok_or_else(|| calling("index out of range"))?.to_vec()))
                    }
                    _ => return Err(calling("can't slice item of this type")),
                }
            }
            "print" => Value::Term(Term::from(all())),
            "println" => {
                let words: Vec<String> = arguments.iter().map(Value::shown).collect();
                Value::Term(Term::from(format!("{}\n", words.join(" "))))
            }
            "printf" => {
                let Some(Value::Term(Term::String(format))) = first else { return Err(calling("the format is no text")) };
                let values: Vec<sprintf::Value> = arguments.iter().skip(1).map(Value::for_format).collect();
                let most = usize::try_from(self.context.bytes).unwrap_or(usize::MAX);
                Value::Term(Term::from(sprintf::format(format, &values, most)?))
            }
            "html" => Value::Term(Term::from(escaped(&all(), |letter| match letter {
                '"' => Some("&#34;"),
                '\'' => Some("&#39;"),
                '&' => Some("&amp;"),
                '<' => Some("&lt;"),
                '>' => Some("&gt;"),
                '\0' => Some("\u{fffd}"),
                _ => None,
            }))),
            "js" => Value::Term(Term::from(escaped(&all(), |letter| match letter {
                '\\' => Some("\\\\"),
                '\'' => Some("\\'"),
                '"' => Some("\\\""),
                '<' => Some("\\u003C"),
                '>' => Some("\\u003E"),
                '&' => Some("\\u0026"),
                '=' => Some("\\u003D"),
                '\n' => Some("\\u000A"),
                '\r' => Some("\\u000D"),
                '\t' => Some("\\u0009"),
                _ => None,
            }))),
            "urlquery" => Value::Term(Term::from(urls::query_escape(&all()))),
            "eq" => {
                let given = one()?;
                if arguments.len() < 2 {
                    return Err(calling("missing argument for comparison"));
                }
                let mut equal = false;
                for other in arguments.iter().skip(1) {
                    equal |= compare(given, other).map_err(|reason| calling(&reason))? == std::cmp::Ordering::Equal;
                }
                Value::Term(Term::Bool(equal))
            }
            "ne" | "lt" | "le" | "gt" | "ge" => {
                let [a, b] = arguments else { return Err(failed(format_args!("wrong number of args for {name}"))) };
                let order = compare(a, b).map_err(|reason| calling(&reason))?;
                Value::Term(Term::Bool(match name {
                    "ne" => order.is_ne(),
                    "lt" => order.is_lt(),
                    "le" => order.is_le(),
                    "gt" => order.is_gt(),
                    _ => order.is_ge(),
                }))
            }
            _ => return Err(calling("there is nothing to call")),
        })
    }
}

fn escaped(text: &str, escape: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match escape(letter) {
            Some(escape) => out.push_str(escape),
            None => out.push(letter),
        }
    }
    out
}

/// Values as `fmt.Sprint` joins them: with spaces between two that are no text.
fn print(values: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| values.get(at));
        if before.is_some_and(|before| !before.is_text() && !value.is_text()) {
            out.push(' ');
        }
        out.push_str(&value.shown());
    }
    out
}

fn compare(a: &Value, b: &Value) -> Result<std::cmp::Ordering, String> {
    let kind = |value: &Value| match value {
        Value::Int(_) => "int",
        Value::Float(_) => "float64",
        Value::Nil => "nil",
        Value::Term(Term::Number(_)) => "json.Number",
        Value::Term(Term::String(_)) => "string",
        Value::Term(Term::Bool(_)) => "bool",
        Value::Term(_) => "interface {}",
    };
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).ok_or_else(|| "incompatible types for comparison".to_owned()),
        (Value::Nil, Value::Nil) => Ok(std::cmp::Ordering::Equal),
        (Value::Term(Term::Number(a)), Value::Term(Term::Number(b))) => Ok(a.to_string().cmp(&b.to_string())),
        (Value::Term(a @ (Term::String(_) | Term::Bool(_))), Value::Term(b)) if a.kind() == b.kind() => Ok(a.cmp(b)),
        _ => Err(format!("incompatible types for comparison: {} and {}", kind(a), kind(b))),
    }
}

/// A field of a field; nothing of what is missing is nothing.
fn field(value: Value, fields: &[String]) -> Result<Value, Failure> {
    let mut at = value;
    for name in fields {
        at = match &at {
            Value::Nil | Value::Term(Term::Null) => Value::Nil,
            Value::Term(term) if term.as_object().is_some() => term.get_str(name).map_or(Value::Nil, Value::Term),
            _ => return Err(failed(format_args!("can't evaluate field {name} in type interface {{}}"))),
        };
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::{arguments, shown_of};
    use crate::builtins::{Caches, Context, find};
    use crate::term::Term;
    use probity_core::{Limits, NoLookup, Timestamp};

    const VALUES: &str = r#"{"a": "A", "l": ["p", "q"], "o": {"k": "v", "j": 1}, "s": "x", "n": 1, "t": true, "f": false, "nul": null, "e": [], "es": "", "zero": 0, "fl": 1.50}"#;

    fn check(template: &str, expected: &str) {
        let values = arguments(&format!("[{VALUES}]"));
        let made = shown_of("strings.render_template", &[Term::from(template), values[0].clone()]);
        assert_eq!(made.as_str().unwrap(), expected, "{template}");
    }

    fn fails(template: &str) {
        let values = arguments(&format!("[{VALUES}]"));
        let caches = Caches::default();
        let mut context = Context::new(Timestamp { seconds: 0, nanoseconds: 0 }, &NoLookup, &|| false, &Limits::default(), &caches);
        let result = find("strings.render_template").unwrap().call(&mut context, &[Term::from(template), values[0].clone()]);
        assert!(result.is_err(), "{template}");
    }

    #[test]
    fn templates() {
        check("{{.a}} {{.missing.x}} {{.nul}} {{.t}} {{.fl}}", "A <undefined> <undefined> true 1.50");
        check("{{if .missing}}a{{else}}b{{end}}{{if .n}}y{{end}}{{if .zero}}z{{end}}{{if .es}}s{{end}}{{if .e}}l{{end}}", "byz");
        check("{{if .f}}1{{else if .t}}2{{else}}3{{end}}", "2");
        check("{{len .l}} {{index .l 1}} {{index .o \"k\"}} {{(index .l 0)}}", "2 q v p");
        check("{{eq .s \"x\"}} {{eq .s \"y\" \"x\"}} {{lt 1 2}} {{ge 2.5 1.5}} {{ne 1 1}}", "true true true true false");
        check("{{printf \"%s-%v-%d\" .s .n 5}} {{printf \"%d\" .n}} {{.s | printf \"%q\"}}", "x-1-5 %!d(json.Number=1) \"x\"");
        check("{{range .l}}[{{.}}]{{end}}{{range $k, $v := .o}}{{$k}}={{$v}};{{end}}", "[p][q]j=1;k=v;");
        check("{{range $i, $n := .l}}{{if $i}},{{end}}hello {{$n}}{{end}}", "hello p,hello q");
        check("{{range .e}}x{{else}}none{{end}}{{range 3}}{{.}}{{end}}", "none012");
        check("{{range $i, $e := .l}}{{if eq $i 1}}{{break}}{{end}}{{$e}}{{end}}", "p");
        check("{{with .o}}{{.k}}{{$.s}}{{end}}", "vx");
        check("{{.o}} {{.l}}", "map[j:1 k:v] [p q]");
        check("{{/* c */}}x{{- 3 -}} y", "x3y");
        check("{{define \"T\"}}<{{.}}>{{end}}{{template \"T\" .s}}{{block \"B\" .}}blk{{.s}}{{end}}", "<x>blkx");
        check("{{$x := 5}}{{$x}}{{$x = 6}}{{$x}}", "56");
        check("{{and .t .f}} {{or .f .s}} {{not .t}}", "false x false");
        check("{{html \"<a>\"}} {{js \"a\\\"b\"}} {{urlquery \"a b\"}}", "&lt;a&gt; a\\\"b a+b");
        check("{{print 1 2 \"a\" \"b\" 3}}{{println \"a\" 1}}", "1 2ab3a 1\n");
        check("{{`raw`}} {{'a'}} {{1.5}} {{0x10}} {{slice .s 0 1}} {{\"a\" | len}}", "raw 97 1.5 16 x 1");
        for wrong in [
            "{{break}}",
            "{{nofunc}}",
            "{{.n.x}}",
            "{{eq .n 1}}",
            "{{index .l 9}}",
            "{{if .t}}",
            "{{end}}",
            "{{.s}",
            "{{.o.k.z}}",
            "{{$y}}",
            "{{template \"N\"}}",
        ] {
            fails(wrong);
        }
        fails("{{define \"T\"}}{{template \"T\"}}{{end}}{{template \"T\"}}");
    }
}
