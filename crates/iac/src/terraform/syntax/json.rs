//! The JSON form of HCL (`.tf.json`, `.tfvars.json`): the same tree as the native form.
//!
//! JSON does not tell an argument from a block, so only what Terraform itself has as blocks becomes one; anything a provider defines
//! stays an argument with a map or a list of maps as its value. Texts are templates.

use std::sync::Arc;

use probity_value::{Data, Entry, FileId, Map, Number, Span, Value};

use super::{Attribute, Block, Body, Expr, ExprKind, Label, Parsed, Problem, parse_template};

/// Reads a configuration file in the JSON form.
pub(crate) fn parse_body(text: &str, file: FileId) -> Parsed {
    let (mut reader, root) = Reader::new(text, file);
    let mut body = Body::default();
    for object in reader.objects(&root) {
        for (key, entry) in object.iter() {
            match &**key {
                "//" => {}
                "resource" | "data" | "ephemeral" => reader.labelled(key, entry, 2, &mut body),
                "module" | "variable" | "output" | "provider" | "check" => reader.labelled(key, entry, 1, &mut body),
                "locals" | "terraform" | "moved" | "import" | "removed" => reader.labelled(key, entry, 0, &mut body),
                _ => reader.problem(entry.key, format!("`{key}` is not the name of a block")),
            }
        }
    }
    Parsed { body, problems: reader.problems, comments: Vec::new() }
}

/// Reads a variable file in the JSON form: values as they stand, without templates.
pub(crate) fn parse_values(text: &str, file: FileId) -> (Map, Vec<Problem>) {
    let (mut reader, root) = Reader::new(text, file);
    let map = match &root.data {
        Data::Map(map) => (**map).clone(),
        _ => {
            if reader.problems.is_empty() {
                reader.problem(root.span, "an object is expected".to_owned());
            }
            Map::new()
        }
    };
    (map, reader.problems)
}

struct Reader<'s> {
    text: &'s str,
    problems: Vec<Problem>,
}

/// Labels read so far on the way to a body, with the place of the last key.
#[derive(Clone)]
struct Head {
    kind: Arc<str>,
    labels: Vec<Label>,
    end: Span,
}

impl<'s> Reader<'s> {
    fn new(text: &'s str, file: FileId) -> (Reader<'s>, Value) {
        let (value, problems) = probity_value::json::parse(text, file);
        let problems = problems
            .into_iter()
            .map(|problem| {
                // Terraform takes the blocks under both keys, or refuses the file; only one of them is read here.
                let twice = problem.code == "json-duplicate-key";
                let code = if twice { "hcl-duplicate-attribute" } else { "hcl-syntax" };
                Problem { span: problem.span, message: problem.message, fatal: problem.fatal || twice, code }
            })
            .collect();
        (Reader { text, problems }, value)
    }

    fn problem(&mut self, span: Span, message: String) {
        self.problems.push(Problem { span, message, fatal: true, code: "hcl-syntax" });
    }

    /// The object, or the objects of a list.
    fn objects(&mut self, value: &Value) -> Vec<Arc<Map>> {
        match &value.data {
            Data::Map(map) => vec![Arc::clone(map)],
            Data::List(items) => items.iter().flat_map(|item| self.objects_flat(item)).collect(),
            Data::Null => Vec::new(),
            _ => {
                self.problem(value.span, "an object is expected".to_owned());
                Vec::new()
            }
        }
    }

    fn objects_flat(&mut self, value: &Value) -> Option<Arc<Map>> {
        if let Data::Map(map) = &value.data {
            return Some(Arc::clone(map));
        }
        self.problem(value.span, "an object is expected".to_owned());
        None
    }

    fn labelled(&mut self, kind: &Arc<str>, entry: &Entry, labels: usize, out: &mut Body) {
        let head = Head { kind: Arc::clone(kind), labels: Vec::new(), end: entry.key };
        self.descend(&head, &entry.value, labels, out);
    }

    fn descend(&mut self, head: &Head, value: &Value, labels: usize, out: &mut Body) {
        if labels == 0 {
            let several = value.as_list().is_some();
            for (index, object) in self.objects(value).into_iter().enumerate() {
                let place = if several {
                    value.as_list().and_then(|items| items.get(index)).map_or(value.span, |item| item.span)
                } else {
                    value.span
                };
                let body = self.body(&object, &head.kind);
                let span = if several { place } else { head.end.join(place) };
                let shown = if several { place } else { head.end };
                out.blocks.push(Arc::new(Block { kind: Arc::clone(&head.kind), labels: head.labels.clone(), body, span, head: shown }));
            }
            return;
        }
        for object in self.objects(value) {
            for (key, entry) in object.iter() {
                if &**key == "//" {
                    continue;
                }
                let mut deeper = head.clone();
                deeper.labels.push(Label { text: Arc::clone(key) });
                deeper.end = entry.key;
                self.descend(&deeper, &entry.value, labels - 1, out);
            }
        }
    }

    fn body(&mut self, object: &Map, kind: &str) -> Body {
        let mut body = Body::default();
        for (key, entry) in object.iter() {
            match (kind, &**key) {
                (_, "//") if kind != "locals" => {}
                ("resource" | "data" | "ephemeral" | "content" | "dynamic", "dynamic")
                | ("resource", "provisioner")
                | ("terraform", "backend") => {
                    self.labelled(key, entry, 1, &mut body);
                }
                ("resource" | "data", "lifecycle")
                | ("resource", "connection")
                | ("dynamic", "content")
                | ("terraform", "cloud" | "required_providers") => {
                    self.labelled(key, entry, 0, &mut body);
                }
                ("check", "data") => self.labelled(key, entry, 2, &mut body),
                _ => {
                    let expr = self.expr(&entry.value);
                    body.attributes.push(Attribute { name: Arc::clone(key), name_span: entry.key, expr: Arc::new(expr) });
                }
            }
        }
        body
    }

    fn expr(&mut self, value: &Value) -> Expr {
        let kind = match &value.data {
            Data::Null | Data::Unknown(_) => ExprKind::Null,
            Data::Bool(truth) => ExprKind::Bool(*truth),
            Data::Number(Number::Int(number)) => ExprKind::Int(*number),
            Data::Number(Number::Float(number)) => ExprKind::Float(*number),
            Data::String(text) => return self.template(text, value.span),
            Data::List(items) => ExprKind::List(items.iter().map(|item| self.expr(item)).collect()),
            Data::Map(map) => {
                ExprKind::Object(map.iter().map(|(key, entry)| (self.template(key, entry.key), self.expr(&entry.value))).collect())
            }
        };
        Expr { kind, span: value.span }
    }

    fn template(&mut self, text: &Arc<str>, span: Span) -> Expr {
        if !text.contains("${") && !text.contains("%{") {
            return Expr { kind: ExprKind::String(Arc::clone(text)), span };
        }
        // Without escapes an offset in the text is one in the file.
        let inner = Span { start: span.start + 1, ..span };
        let written = self.text.get(inner.start as usize..(span.end as usize).saturating_sub(1));
        let exact = written == Some(&**text);
        match parse_template(text, if exact { inner } else { span }, exact) {
            Ok(mut expr) => {
                expr.span = span;
                expr
            }
            Err(problem) => {
                self.problems.push(problem);
                Expr { kind: ExprKind::Broken, span }
            }
        }
    }
}
