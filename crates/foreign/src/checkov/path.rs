//! `attribute` of a Checkov policy: a dotted path, with `*` for the items of lists, or a JSON path.

use std::sync::Arc;

use probity_checks::{MAYBE, REST, decode_json, vague};
use probity_value::{Data, Map, Span, Value};

use super::jsonpath::JsonPath;

/// Parts a path may have.
const MAX_PARTS: usize = 64;
/// Matches one path may give.
pub(crate) const MAX_MATCHES: usize = 100_000;

/// What is looked at.
#[derive(Clone, Debug)]
pub(crate) enum Attribute {
    /// `versioning.enabled`.
    Plain(Vec<String>),
    /// `ingress.*.cidr_blocks`.
    Wild(Vec<String>),
    /// `rule[?(@.name == 'a')].value`.
    Json(JsonPath),
}

/// A value that a path leads to.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    pub(crate) value: Value,
    /// Whether it is sure to be one: what a filter asked may not be known.
    pub(crate) certain: bool,
    /// The key it stands under.
    pub(crate) key: Span,
}

impl Attribute {
    /// A path as written; `json` for the `jsonpath_` operators.
    pub(crate) fn parse(text: &str, json: bool) -> Result<Attribute, String> {
        if json {
            return JsonPath::parse(text).map(Attribute::Json);
        }
        let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        if parts.len() > MAX_PARTS {
            return Err(format!("a path of more than {MAX_PARTS} parts"));
        }
        if parts.iter().any(String::is_empty) {
            return Err(format!("`{text}` has an empty part"));
        }
        let wild = parts.iter().skip(1).any(|part| part == "*");
        Ok(if wild { Attribute::Wild(parts) } else { Attribute::Plain(parts) })
    }

    /// Whether it may lead to several values, which are then judged one by one.
    pub(crate) fn several(&self) -> bool {
        !matches!(self, Attribute::Plain(_))
    }

    /// The values it leads to in a subject; null is nothing.
    pub(crate) fn select(&self, root: &Value) -> Vec<Match> {
        let mut out = Vec::new();
        match self {
            Attribute::Plain(parts) | Attribute::Wild(parts) => walk(root, parts, Span::NONE, &mut out),
            Attribute::Json(path) => path.find(root, &mut out),
        }
        out
    }
}

fn found(value: &Value, key: Span, out: &mut Vec<Match>) {
    if !value.is_null() && out.len() < MAX_MATCHES {
        out.push(Match { value: value.clone(), certain: true, key });
    }
}

fn walk(value: &Value, parts: &[String], key: Span, out: &mut Vec<Match>) {
    let Some((part, rest)) = parts.split_first() else { return found(value, key, out) };
    match &value.data {
        Data::Unknown(unknown) => match &unknown.decoded {
            Some(decoded) => walk(&decoded.clone().at(value.span), parts, key, out),
            None => found(&vague(value), key, out),
        },
        Data::List(items) if part == "*" => items.iter().for_each(|item| walk(item, rest, item.span.or(key), out)),
        Data::List(items) => match (part.parse::<usize>(), &items[..]) {
            (Ok(index), _) => {
                if let Some(item) = items.get(index) {
                    walk(item, rest, key, out);
                }
            }
            // One block, or a list of one: Checkov takes the list away.
            (Err(_), [only]) => walk(only, parts, key, out),
            (Err(_), _) => {}
        },
        Data::Map(map) => in_map(map, parts, key, out),
        Data::String(_) => match decode_json(value) {
            Some(decoded) => walk(&decoded, parts, key, out),
            None if part == "*" => walk(value, rest, key, out),
            None => {}
        },
        _ if part == "*" => walk(value, rest, key, out),
        _ => {}
    }
}

fn in_map(map: &Arc<Map>, parts: &[String], key: Span, out: &mut Vec<Match>) {
    // Keys may have dots in them: the shortest key that is there counts.
    let mut name = String::new();
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            name.push('.');
        }
        name.push_str(part);
        let Some(entry) = map.entry(&name) else { continue };
        let rest = parts.get(position + 1..).unwrap_or_default();
        // Of a block that may not be there nothing is sure.
        return match map.get(MAYBE) {
            Some(maybe) => found(&vague(maybe), entry.key, out),
            None => walk(&entry.value, rest, entry.key.or(key), out),
        };
    }
    match (parts.split_first(), map.get(REST)) {
        (Some((first, rest)), _) if first == "*" || first == "0" => {
            let itself = Value::new(Data::Map(Arc::clone(map)), key);
            walk(&itself, rest, key, out);
        }
        (_, Some(rest)) => found(&vague(rest), key, out),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, json};

    fn select(text: &str, path: &str, is_json: bool) -> Vec<String> {
        let (value, problems) = json::parse(text, FileId(0));
        assert!(problems.is_empty());
        let path = Attribute::parse(path, is_json).unwrap();
        path.select(&value).iter().map(|one| json::write(&one.value).unwrap()).collect()
    }

    #[test]
    fn dotted_paths() {
        let check = |text: &str, path: &str, expected: &[&str]| assert_eq!(select(text, path, false), expected, "{text} {path}");
        check(r#"{"a":{"b":1}}"#, "a.b", &["1"]);
        check(r#"{"a":[{"b":1}]}"#, "a.b", &["1"]);
        check(r#"{"a":[{"b":1},{"b":2}]}"#, "a.b", &[]);
        check(r#"{"a":[{"b":1},{"b":2}]}"#, "a.1.b", &["2"]);
        check(r#"{"a":[{"b":1},{"b":2},{}]}"#, "a.*.b", &["1", "2"]);
        check(r#"{"a":[{"b":1}]}"#, "a.*.b", &["1"]);
        check(r#"{"a":["x","y"]}"#, "a.*", &["\"x\"", "\"y\""]);
        check(r#"{"a":"x"}"#, "a.*", &["\"x\""]);
        check(r#"{"a":{"rds.force_ssl":1}}"#, "a.rds.force_ssl", &["1"]);
        check(r#"{"a":null}"#, "a", &[]);
        check(r#"{"p":"{\"S\":{\"E\":1}}"}"#, "p.S.E", &["1"]);
        check(r#"{"a":1}"#, "a.b", &[]);
    }

    #[test]
    fn json_paths() {
        let check = |text: &str, path: &str, expected: &[&str]| assert_eq!(select(text, path, true), expected, "{text} {path}");
        check(r#"{"a":[{"b":1},{"b":2}]}"#, "a[*].b", &["1", "2"]);
        check(r#"{"a":[{"b":1},{"b":2}]}"#, "$.a[1].b", &["2"]);
        check(r#"{"a":[{"b":1},{"b":2}]}"#, "$..b", &["1", "2"]);
        check(r#"{"a":[{"n":"x","v":1},{"n":"y","v":2}]}"#, "a[?(@.n=='y')].v", &["2"]);
        check(r#"{"a":[{"n":"x","v":1},{"n":"y","v":2}]}"#, "a[?(@.n == x & @.v == 1)].v", &["1"]);
        check(r#"{"a":[{"n":"x","v":1},{"n":"y","v":2}]}"#, "a[?(@.n == x || @.v == 2)].v", &["1", "2"]);
        check(r#"{"a":[{"n":"x"},{"v":2}]}"#, "a[?@.v].v", &["2"]);
        check(r#"{"a":[{"n":"ROOT"}]}"#, "a[?(@.n =~ '(?i)^root$')].n", &["\"ROOT\""]);
        check(r#"{"a":[{"v":5},{"v":50}]}"#, "a[?(@.v > 10)].v", &["50"]);
        check(r#"{"a":{"n":"x"}}"#, "a[?(@.n != 'y')].n", &["\"x\""]);
        check(r#"{"a":{"b c":1}}"#, "a['b c']", &["1"]);
        check(r#"{"a":"*"}"#, "a[*]", &["\"*\""]);
        check(r#"{"a":[1,2,3]}"#, "a[1:]", &["2", "3"]);
    }

    #[test]
    fn broken_paths_are_said() {
        for wrong in ["a[", "a[?(@.b ==)]", "a[?(", "a]", "", "a[?(@.b ~ 1)]", "a..", "a['b"] {
            assert!(Attribute::parse(wrong, true).is_err(), "{wrong}");
        }
        assert!(Attribute::parse("a..b", false).is_err());
    }
}
