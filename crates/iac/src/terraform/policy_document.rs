//! What `data.aws_iam_policy_document` gives, worked out from its evaluated arguments as the AWS provider does it: the statements of
//! the source documents, then its own, then those of the overriding documents, a statement taking the place of an earlier one with
//! the same `sid`.
//!
//! What does not live here: judging the policy, and reading its JSON text back.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_value::{Data, FileId, Map, Span, Unknown, UnknownKind, Value, json};

use super::functions::{quote, to_text, with_marks};

/// The policy document as JSON text (`json` of the data source), or an unknown that is sure to be set and whose `decoded` is the
/// document with the unknown parts in place.
///
/// A source document of which nothing is known stands as one unknown statement in `decoded`; under an overriding document of which
/// nothing is known every statement with a `sid` is unknown, because that could replace it.
pub(crate) fn render(arguments: &Map, span: Span) -> Value {
    let mut document = Document::default();
    for name in ["source_json", "source_policy_documents"] {
        for source in documents(arguments, name) {
            document.merge(Document::read(source, span));
        }
    }
    document.merge(own(arguments, span));
    for name in ["override_policy_documents", "override_json"] {
        for source in documents(arguments, name) {
            let other = Document::read(source, span);
            if let Some(reason) = &other.unread {
                document.doubt(reason);
            }
            document.merge(other);
        }
    }
    let decoded = document.build(span);
    let mut text = String::new();
    let value = match write(&decoded, 0, &mut text) {
        Ok(()) => Value::string(text, span),
        Err(unknown) => {
            let (kind, reason) = (unknown.kind, Arc::clone(&unknown.reason));
            let data = Unknown { kind, reason, set: true, prefix: text.into(), suffix: "".into(), decoded: Some(decoded.clone()) };
            Value::new(Data::Unknown(Arc::new(data)), span)
        }
    };
    with_marks(value, arguments.values(), true)
}

/// The documents under an argument: a text, or a list of them; null ones and empty texts are none.
fn documents<'a>(arguments: &'a Map, name: &str) -> Vec<&'a Value> {
    let items = match arguments.get(name) {
        Some(value) => value.as_list().unwrap_or(std::slice::from_ref(value)),
        None => &[],
    };
    items.iter().filter(|value| !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty())).collect()
}

#[derive(Default)]
struct Document {
    version: Option<Value>,
    id: Option<Value>,
    statements: Vec<Statement>,
    /// Why nothing is known of a given document, where that is so.
    unread: Option<Value>,
}

struct Statement {
    /// Empty where it has none, or an unknown one.
    sid: Arc<str>,
    /// In the shape of AWS; unknown as a whole where nothing is known of it.
    value: Value,
}

impl Document {
    /// A document given as text.
    fn read(source: &Value, span: Span) -> Document {
        let parsed;
        let decoded = match &source.data {
            Data::Unknown(unknown) => match &unknown.decoded {
                Some(decoded) => decoded,
                None => return Document::unread(source.clone()),
            },
            Data::String(text) => {
                let (value, problems) = json::parse_tolerant(text, FileId::NONE);
                if problems.iter().any(|problem| problem.fatal) {
                    return Document::unread(Value::unknown(UnknownKind::Invalid, "a given policy document is not valid JSON", span));
                }
                parsed = placed(&value, source.span.or(span));
                &parsed
            }
            _ => source,
        };
        let Some(map) = decoded.as_map() else {
            return Document::unread(match decoded.as_unknown() {
                Some(_) => decoded.clone(),
                None => Value::unknown(UnknownKind::Invalid, "a given policy document is not a JSON object", span),
            });
        };
        let statements = match map.get("Statement") {
            Some(value) if value.is_null() => Vec::new(),
            Some(value) => value.as_list().unwrap_or(std::slice::from_ref(value)).iter().map(given_statement).collect(),
            None => Vec::new(),
        };
        Document { version: present(map.get("Version")), id: present(map.get("Id")), statements, unread: None }
    }

    /// A document of which nothing is known: one unknown statement.
    fn unread(reason: Value) -> Document {
        let statement = Statement { sid: "".into(), value: reason.clone() };
        Document { statements: vec![statement], unread: Some(reason), ..Document::default() }
    }

    /// Takes another in; its statements take the place of those with the same `sid`.
    fn merge(&mut self, other: Document) {
        if other.id.is_some() {
            self.id = other.id;
        }
        let newer = match (&self.version, &other.version) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(old), Some(new)) => new.is_unknown() || new.as_str() > old.as_str(),
        };
        if newer {
            self.version = other.version;
        }
        for statement in other.statements {
            let same = self.statements.iter_mut().find(|old| !old.sid.is_empty() && old.sid == statement.sid);
            match same {
                Some(old) => *old = statement,
                None => self.statements.push(statement),
            }
        }
    }

    /// An unknown document overrides this one: any statement with a `sid` may be replaced.
    fn doubt(&mut self, reason: &Value) {
        for statement in self.statements.iter_mut().filter(|statement| !statement.sid.is_empty()) {
            statement.value = with_marks(reason.clone(), std::iter::once(&statement.value), true);
        }
    }

    fn build(self, span: Span) -> Value {
        let mut map = Map::new();
        if let Some(version) = self.version {
            map.insert("Version", version.span, version);
        }
        if let Some(id) = self.id {
            map.insert("Id", id.span, id);
        }
        if !self.statements.is_empty() {
            let items: Vec<Value> = self.statements.into_iter().map(|statement| statement.value).collect();
            let place = items.first().map_or(span, |first| first.span);
            map.insert("Statement", place, Value::list(items, span));
        }
        Value::map(map, span)
    }
}

/// A value that is set: neither null nor an empty text or list.
fn present(value: Option<&Value>) -> Option<Value> {
    value
        .filter(|value| match &value.data {
            Data::Null => false,
            Data::String(text) => !text.is_empty(),
            Data::List(items) => !items.is_empty(),
            _ => true,
        })
        .cloned()
}

/// The same value with one place everywhere: the text it was read from stands there.
fn placed(value: &Value, span: Span) -> Value {
    let data = match &value.data {
        Data::List(items) => Data::List(Arc::new(items.iter().map(|item| placed(item, span)).collect())),
        Data::Map(map) => {
            let mut copy = Map::new();
            for (key, entry) in map.iter() {
                copy.insert(Arc::clone(key), span, placed(&entry.value, span));
            }
            Data::Map(Arc::new(copy))
        }
        other => other.clone(),
    };
    Value::new(data, span)
}

/// A statement of a given document: the known keys in the provider's order, principals and conditions brought to its form.
fn given_statement(value: &Value) -> Statement {
    let Some(map) = value.as_map() else { return Statement { sid: "".into(), value: value.clone() } };
    let mut out = Map::new();
    for key in ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"] {
        let Some(entry) = map.entry(key) else { continue };
        let Some(part) = present(Some(&entry.value)) else { continue };
        let part = match (key, part.as_map()) {
            ("Principal" | "NotPrincipal", Some(types)) => {
                let mut sorted = BTreeMap::new();
                for (kind, identifiers) in types.iter() {
                    sorted.insert(Arc::clone(kind), (identifiers.key, reversed(&identifiers.value)));
                }
                Value { data: Data::Map(Arc::new(from_sorted(sorted))), ..part.clone() }
            }
            ("Condition", Some(tests)) => {
                let mut sorted = BTreeMap::new();
                for (test, variables) in tests.iter() {
                    let inner = match variables.value.as_map() {
                        Some(variables) => {
                            variables.iter().map(|(name, values)| (Arc::clone(name), (values.key, single(&texts(&values.value))))).collect()
                        }
                        None => BTreeMap::new(),
                    };
                    let inner = Value { data: Data::Map(Arc::new(from_sorted(inner))), ..variables.value.clone() };
                    sorted.insert(
                        Arc::clone(test),
                        (variables.key, if variables.value.is_unknown() { variables.value.clone() } else { inner }),
                    );
                }
                Value { data: Data::Map(Arc::new(from_sorted(sorted))), ..part.clone() }
            }
            _ => part,
        };
        out.insert(key, entry.key, part);
    }
    let sid = map.get("Sid").and_then(Value::as_str).unwrap_or_default().into();
    Statement { sid, value: Value { data: Data::Map(Arc::new(out)), ..value.clone() } }
}

fn from_sorted(entries: BTreeMap<Arc<str>, (Span, Value)>) -> Map {
    let mut map = Map::new();
    for (key, (place, value)) in entries {
        map.insert(key, place, value);
    }
    map
}

/// A list of texts in the provider's order, last first; a text alone stays.
fn reversed(value: &Value) -> Value {
    match value.as_list() {
        Some(items) => Value { data: Data::List(Arc::new(in_order(items.to_vec()))), ..value.clone() },
        None => value.clone(),
    }
}

/// Known texts from last to first without repeats, then the unknown ones.
fn in_order(items: Vec<Value>) -> Vec<Value> {
    let (mut unknown, mut known): (Vec<Value>, Vec<Value>) = items.into_iter().partition(Value::is_unknown);
    known.sort_by(|a, b| b.as_str().cmp(&a.as_str()));
    known.dedup_by(|a, b| a.as_str() == b.as_str());
    known.append(&mut unknown);
    known
}

/// Scalars as texts, in a list.
fn texts(value: &Value) -> Value {
    let items = value.as_list().unwrap_or(std::slice::from_ref(value));
    Value { data: Data::List(Arc::new(items.iter().map(as_text).collect())), ..value.clone() }
}

fn as_text(value: &Value) -> Value {
    match to_text(value) {
        Some(text) => Value { data: Data::String(text), ..value.clone() },
        None => value.clone(),
    }
}

/// A list of one item as that item.
fn single(value: &Value) -> Value {
    match value.as_list() {
        Some([item]) => item.clone(),
        _ => value.clone(),
    }
}

/// The document the data source itself describes.
fn own(arguments: &Map, span: Span) -> Document {
    let version = present(arguments.get("version")).unwrap_or_else(|| Value::string("2012-10-17", span));
    let statements = match arguments.get("statement") {
        None => Vec::new(),
        Some(value) if value.is_null() => Vec::new(),
        Some(value) => value.as_list().unwrap_or(std::slice::from_ref(value)).iter().map(own_statement).collect(),
    };
    Document { version: Some(version), id: present(arguments.get("policy_id")), statements, unread: None }
}

fn own_statement(block: &Value) -> Statement {
    let Some(map) = block.as_map() else { return Statement { sid: "".into(), value: block.clone() } };
    let mut out = Map::new();
    let mut put = |key: &'static str, name: &str, value: Value| {
        let place = map.entry(name).map_or(block.span, |entry| entry.key);
        out.insert(key, place, value);
    };
    if let Some(sid) = present(map.get("sid")) {
        put("Sid", "sid", as_text(&sid));
    }
    put("Effect", "effect", present(map.get("effect")).unwrap_or_else(|| Value::string("Allow", block.span)));
    for (key, name, variables) in [
        ("Action", "actions", false),
        ("NotAction", "not_actions", false),
        ("Resource", "resources", true),
        ("NotResource", "not_resources", true),
    ] {
        if let Some(list) = present(map.get(name)) {
            put(key, name, set_of_texts(&list, variables));
        }
    }
    for (key, name) in [("Principal", "principals"), ("NotPrincipal", "not_principals")] {
        if let Some(blocks) = present(map.get(name)) {
            put(key, name, principals(&blocks));
        }
    }
    if let Some(blocks) = present(map.get("condition")) {
        put("Condition", "condition", conditions(&blocks));
    }
    let sid = map.get("sid").and_then(Value::as_str).unwrap_or_default().into();
    Statement { sid, value: Value { data: Data::Map(Arc::new(out)), ..block.clone() } }
}

/// A set of texts: one item alone, or a list from last to first. `&{` stands for `${` where AWS has variables.
fn set_of_texts(value: &Value, variables: bool) -> Value {
    if value.is_unknown() {
        return value.clone();
    }
    let list = texts(value);
    let items = list.as_list().unwrap_or_default().iter().filter(|item| !item.is_null());
    let items = items.map(|item| if variables { with_variables(item) } else { item.clone() }).collect();
    single(&Value { data: Data::List(Arc::new(in_order(items))), ..list.clone() })
}

fn with_variables(item: &Value) -> Value {
    let data = match &item.data {
        Data::String(text) if text.contains("&{") => Data::String(text.replace("&{", "${").into()),
        Data::Unknown(unknown) if unknown.prefix.contains("&{") => {
            Data::Unknown(Arc::new(Unknown { prefix: unknown.prefix.replace("&{", "${").into(), ..Unknown::clone(unknown) }))
        }
        other => other.clone(),
    };
    Value { data, ..item.clone() }
}

/// The first unknown among the blocks or in a name that would be a key: then the shape itself is not known.
fn shape_unknown(blocks: &Value, names: &[&str]) -> Option<Value> {
    if blocks.is_unknown() {
        return Some(blocks.clone());
    }
    let items = blocks.as_list().unwrap_or(std::slice::from_ref(blocks));
    items.iter().find_map(|block| match block.as_map() {
        Some(map) => names.iter().find_map(|name| map.get(name).filter(|value| value.is_unknown()).cloned()),
        None => block.is_unknown().then(|| block.clone()),
    })
}

fn principals(blocks: &Value) -> Value {
    if let Some(unknown) = shape_unknown(blocks, &["type"]) {
        return with_marks(unknown, std::iter::once(blocks), true);
    }
    let mut types: BTreeMap<Arc<str>, (Span, Vec<Value>, bool)> = BTreeMap::new();
    let items = blocks.as_list().unwrap_or(std::slice::from_ref(blocks));
    for block in items {
        let Some(map) = block.as_map() else { continue };
        let kind = map.get("type").and_then(to_text).unwrap_or_else(|| "".into());
        let identifiers = map.get("identifiers").map(|value| set_of_texts(value, true));
        let place = map.entry("identifiers").map_or(block.span, |entry| entry.key);
        let slot = types.entry(kind).or_insert_with(|| (place, Vec::new(), false));
        match identifiers {
            Some(value) => match value.as_list() {
                Some(items) => {
                    slot.1.extend_from_slice(items);
                    slot.2 = true;
                }
                None if !value.is_null() => slot.1.push(value),
                None => {}
            },
            None => slot.2 = true,
        }
    }
    if let (1, Some((kind, (_, identifiers, _)))) = (items.len(), types.first_key_value())
        && &**kind == "*"
        && let [identifier] = identifiers.as_slice()
        && identifier.as_str() == Some("*")
    {
        return identifier.clone();
    }
    let mut out = Map::new();
    for (kind, (place, identifiers, list)) in types {
        let value = match identifiers.as_slice() {
            [single] if !list => single.clone(),
            _ => Value::list(identifiers, place),
        };
        out.insert(kind, place, value);
    }
    Value { data: Data::Map(Arc::new(out)), ..blocks.clone() }
}

/// Values of each condition key, with the place of the first.
type Variables = BTreeMap<Arc<str>, (Span, Vec<Value>)>;

fn conditions(blocks: &Value) -> Value {
    if let Some(unknown) = shape_unknown(blocks, &["test", "variable"]) {
        return with_marks(unknown, std::iter::once(blocks), true);
    }
    let mut tests: BTreeMap<Arc<str>, Variables> = BTreeMap::new();
    for block in blocks.as_list().unwrap_or(std::slice::from_ref(blocks)) {
        let Some(map) = block.as_map() else { continue };
        let name = |key: &str| map.get(key).and_then(to_text).unwrap_or_else(|| "".into());
        let place = map.entry("values").map_or(block.span, |entry| entry.key);
        let slot = tests.entry(name("test")).or_default().entry(name("variable")).or_insert_with(|| (place, Vec::new()));
        match map.get("values") {
            // How many values there are is not known, but there are some.
            Some(value) if value.is_unknown() => slot.1.push(value.clone()),
            Some(value) => {
                slot.1.extend(texts(value).as_list().unwrap_or_default().iter().filter(|item| !item.is_null()).map(with_variables))
            }
            None => {}
        }
    }
    let mut out = Map::new();
    for (test, variables) in tests {
        let mut inner = Map::new();
        for (variable, (place, values)) in variables {
            inner.insert(variable, place, single(&Value::list(values, place)));
        }
        out.insert(test, blocks.span, Value::map(inner, blocks.span));
    }
    Value { data: Data::Map(Arc::new(out)), ..blocks.clone() }
}

/// Deepest nesting that is written; a given document may hold anything.
const MAX_DEPTH: usize = 64;

/// JSON text with two spaces per level, keys in the order of the map. On an unknown part `out` holds all before it.
fn write<'v>(value: &'v Value, depth: usize, out: &mut String) -> Result<(), &'v Unknown> {
    match &value.data {
        Data::Unknown(unknown) => {
            if !unknown.prefix.is_empty() {
                quote(&unknown.prefix, out);
                out.pop();
            }
            return Err(unknown);
        }
        Data::List(items) if !items.is_empty() && depth < MAX_DEPTH => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                new_line(at, depth + 1, out);
                write(item, depth + 1, out)?;
            }
            new_line(0, depth, out);
            out.push(']');
        }
        Data::Map(map) if !map.is_empty() && depth < MAX_DEPTH => {
            out.push('{');
            for (at, (key, entry)) in map.iter().enumerate() {
                new_line(at, depth + 1, out);
                quote(key, out);
                out.push_str(": ");
                write(&entry.value, depth + 1, out)?;
            }
            new_line(0, depth, out);
            out.push('}');
        }
        Data::List(_) => out.push_str("[]"),
        Data::Map(_) => out.push_str("{}"),
        Data::String(text) => quote(text, out),
        Data::Null => out.push_str("null"),
        Data::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Data::Number(number) => out.push_str(&number.to_string()),
    }
    Ok(())
}

fn new_line(at: usize, depth: usize, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments as JSON, in which `{"?": "prefix"}` is a reference that is known later.
    fn arguments(text: &str) -> Map {
        fn unknowns(value: &Value) -> Value {
            match &value.data {
                Data::Map(map) => {
                    if let Some(prefix) = map.get("?").and_then(Value::as_str) {
                        let mut made = Value::reference("aws_s3_bucket.b", "arn", value.span);
                        if let Data::Unknown(unknown) = &mut made.data {
                            *unknown = Arc::new(Unknown { prefix: prefix.into(), suffix: "".into(), ..Unknown::clone(unknown) });
                        }
                        return made;
                    }
                    let mut copy = Map::new();
                    for (key, entry) in map.iter() {
                        copy.insert(Arc::clone(key), entry.key, unknowns(&entry.value));
                    }
                    Value::map(copy, value.span)
                }
                Data::List(items) => Value::list(items.iter().map(unknowns).collect(), value.span),
                _ => value.clone(),
            }
        }
        let (value, problems) = json::parse(text, FileId(3));
        assert!(problems.is_empty(), "{problems:?}");
        Map::clone(unknowns(&value).as_map().expect("a map"))
    }

    const PLACE: Span = Span { file: FileId(3), start: 0, end: 9 };

    /// A known document in one line.
    fn check(text: &str, expected: &str) {
        let value = render(&arguments(text), PLACE);
        let (parsed, problems) = json::parse(value.as_str().expect("known"), FileId::NONE);
        assert!(problems.is_empty());
        assert_eq!(compact(&parsed), expected, "{text}");
    }

    /// JSON with keys in the order of the map.
    fn compact(value: &Value) -> String {
        match &value.data {
            Data::Map(map) => {
                let entries: Vec<String> = map.iter().map(|(key, entry)| format!("{key:?}:{}", compact(&entry.value))).collect();
                format!("{{{}}}", entries.join(","))
            }
            Data::List(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(",")),
            Data::Unknown(unknown) => format!("?{}", unknown.prefix),
            _ => json::write(value).expect("known"),
        }
    }

    fn check_unknown(text: &str, expected: &str) {
        let value = render(&arguments(text), PLACE);
        let unknown = value.as_unknown().expect("unknown");
        assert!(unknown.set && unknown.kind == UnknownKind::Reference);
        assert_eq!(compact(unknown.decoded.as_ref().expect("decoded")), expected, "{text}");
        assert_eq!(value.references().len(), 1);
    }

    #[test]
    fn text_is_the_providers() {
        let value = render(
            &arguments(
                r#"{"statement": [{"sid": "1", "actions": ["s3:Get*", "s3:Put*"], "resources": ["arn:aws:s3:::<&{aws:username}>"]}]}"#,
            ),
            PLACE,
        );
        let expected = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Sid\": \"1\",\n      \"Effect\": \"Allow\",\n      \"Action\": [\n        \"s3:Put*\",\n        \"s3:Get*\"\n      ],\n      \"Resource\": \"arn:aws:s3:::\\u003c${aws:username}\\u003e\"\n    }\n  ]\n}";
        assert_eq!(value.as_str(), Some(expected));
        assert_eq!(render(&Map::new(), PLACE).as_str(), Some("{\n  \"Version\": \"2012-10-17\"\n}"));
    }

    #[test]
    fn own_statements() {
        let check = |statement: &str, expected: &str| {
            check(&format!("{{\"statement\": [{statement}]}}"), &format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{expected}]}}"));
        };
        check("{}", r#"{"Effect":"Allow"}"#);
        check(
            r#"{"effect": "Deny", "not_actions": ["a", "a"], "not_resources": ["*"]}"#,
            r#"{"Effect":"Deny","NotAction":"a","NotResource":"*"}"#,
        );
        check(r#"{"sid": "", "actions": [], "resources": null}"#, r#"{"Effect":"Allow"}"#);
        check(r#"{"principals": [{"type": "*", "identifiers": ["*"]}]}"#, r#"{"Effect":"Allow","Principal":"*"}"#);
        check(r#"{"principals": [{"type": "AWS", "identifiers": ["*"]}]}"#, r#"{"Effect":"Allow","Principal":{"AWS":"*"}}"#);
        check(
            r#"{"principals": [{"type": "Service", "identifiers": ["ec2", "lambda"]}, {"type": "AWS", "identifiers": ["1"]}, {"type": "AWS", "identifiers": ["2"]}]}"#,
            r#"{"Effect":"Allow","Principal":{"AWS":["1","2"],"Service":["lambda","ec2"]}}"#,
        );
        check(r#"{"not_principals": [{"type": "AWS", "identifiers": []}]}"#, r#"{"Effect":"Allow","NotPrincipal":{"AWS":[]}}"#);
        check(
            r#"{"condition": [{"test": "StringLike", "variable": "s3:prefix", "values": ["", "home/&{aws:username}/"]}, {"test": "Bool", "variable": "x", "values": [true]}, {"test": "Bool", "variable": "w", "values": [1]}]}"#,
            r#"{"Effect":"Allow","Condition":{"Bool":{"w":"1","x":"true"},"StringLike":{"s3:prefix":["","home/${aws:username}/"]}}}"#,
        );
    }

    #[test]
    fn documents_are_merged_by_sid() {
        let source = r#"{\"Version\":\"2008-10-17\",\"Id\":\"i\",\"Statement\":[{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Action\":[\"x\",\"y\"],\"Extra\":1},{\"Effect\":\"Deny\",\"Principal\":\"*\"}]}"#;
        check(
            &format!(r#"{{"source_policy_documents": ["{source}"], "statement": [{{"sid": "b"}}]}}"#),
            r#"{"Version":"2012-10-17","Id":"i","Statement":[{"Sid":"a","Effect":"Allow","Action":["x","y"]},{"Effect":"Deny","Principal":"*"},{"Sid":"b","Effect":"Allow"}]}"#,
        );
        check(
            &format!(
                r#"{{"override_json": "{source}", "policy_id": "mine", "statement": [{{"sid": "b"}}, {{"sid": "a", "actions": ["z"]}}]}}"#
            ),
            r#"{"Version":"2012-10-17","Id":"i","Statement":[{"Sid":"b","Effect":"Allow"},{"Sid":"a","Effect":"Allow","Action":["x","y"]},{"Effect":"Deny","Principal":"*"}]}"#,
        );
        check(
            r#"{"source_json": "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":{\"Service\":[\"a\",\"b\"],\"AWS\":\"1\"},\"Condition\":{\"Bool\":{\"k\":true}}}}", "source_policy_documents": [null, ""]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"1","Service":["b","a"]},"Condition":{"Bool":{"k":"true"}}}]}"#,
        );
    }

    #[test]
    fn unknown_parts_stay_in_their_place() {
        check_unknown(
            r#"{"statement": [{"actions": ["*"], "resources": ["b", {"?": "arn:&{"}, "c"]}]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":["c","b",?arn:${]}]}"#,
        );
        check_unknown(
            r#"{"statement": [{"actions": {"?": ""}, "principals": [{"type": {"?": ""}, "identifiers": ["*"]}], "condition": [{"test": "Bool", "variable": "v", "values": {"?": ""}}]}]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":?,"Principal":?,"Condition":{"Bool":{"v":?}}}]}"#,
        );
        check_unknown(r#"{"statement": {"?": ""}}"#, r#"{"Version":"2012-10-17","Statement":[?]}"#);
        check_unknown(
            r#"{"source_policy_documents": [{"?": ""}], "statement": [{"sid": "a"}]}"#,
            r#"{"Version":"2012-10-17","Statement":[?,{"Sid":"a","Effect":"Allow"}]}"#,
        );
        check_unknown(
            r#"{"override_policy_documents": {"?": ""}, "statement": [{"sid": "a"}, {"actions": ["x"]}]}"#,
            r#"{"Version":"2012-10-17","Statement":[?,{"Effect":"Allow","Action":"x"},?]}"#,
        );
    }

    #[test]
    fn a_partly_known_document_is_a_source_with_its_places() {
        let inner = render(&arguments(r#"{"statement": [{"sid": "in", "actions": ["*"], "resources": [{"?": "arn"}]}]}"#), PLACE);
        let unknown = inner.as_unknown().expect("unknown");
        assert!(unknown.prefix.ends_with("\"Resource\": \"arn"), "{}", unknown.prefix);
        let mut outer = Map::new();
        outer.insert("source_policy_documents", PLACE, Value::list(vec![inner.clone()], PLACE));
        let value = render(&outer, PLACE);
        let decoded = value.as_unknown().and_then(|unknown| unknown.decoded.clone()).expect("decoded");
        let statement = decoded.get("Statement").and_then(Value::as_list).and_then(<[Value]>::first).expect("a statement");
        assert_eq!(compact(statement), r#"{"Sid":"in","Effect":"Allow","Action":"*","Resource":?arn}"#);
        assert_eq!(statement.get("Action").map(|action| action.span.start), Some(41));
    }

    #[test]
    fn broken_documents_are_unknown() {
        for text in [r#"{"source_json": "{"}"#, r#"{"override_json": "[1]"}"#] {
            let value = render(&arguments(text), PLACE);
            assert_eq!(value.as_unknown().map(|unknown| unknown.kind), Some(UnknownKind::Invalid), "{text}");
        }
    }
}
