//! Which objects a patch or a replacement is meant for: patterns over their names, and selectors over labels and annotations.

use probity_value::{SourceMap, Value};
use regex::Regex;

use super::node::{at, text};
use super::resource::{Id, Resource};

/// Patterns for the parts of an id, and selectors; what is not given takes everything.
pub(super) struct Selector {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

/// The size a compiled pattern may have.
const PATTERN_SIZE: usize = 1 << 20;

fn pattern(value: &Value, key: &str) -> Result<Option<Regex>, String> {
    let Some(text) = value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) else { return Ok(None) };
    let built = regex::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(PATTERN_SIZE).build();
    built.map(Some).map_err(|_| format!("`{text}` is no pattern"))
}

impl Selector {
    pub(super) fn new(value: &Value) -> Result<Selector, String> {
        let requirements = |key: &str| read(value.get(key).and_then(Value::as_str).unwrap_or_default());
        Ok(Selector {
            group: pattern(value, "group")?,
            version: pattern(value, "version")?,
            kind: pattern(value, "kind")?,
            name: pattern(value, "name")?,
            namespace: pattern(value, "namespace")?,
            labels: requirements("labelSelector")?,
            annotations: requirements("annotationSelector")?,
        })
    }

    /// Whether it says nothing of ids.
    pub(super) fn has_no_id(&self) -> bool {
        [&self.group, &self.version, &self.kind, &self.name, &self.namespace].iter().all(|part| part.is_none())
    }

    /// Whether it says anything of labels or annotations.
    pub(super) fn has_selectors(&self) -> bool {
        !self.labels.is_empty() || !self.annotations.is_empty()
    }

    fn takes_gvk(&self, id: &Id) -> bool {
        fits(self.group.as_ref(), &id.gvk.group) && fits(self.version.as_ref(), &id.gvk.version) && fits(self.kind.as_ref(), &id.gvk.kind)
    }

    /// Whether one id is taken as it is written.
    pub(super) fn takes_id(&self, id: &Id) -> bool {
        self.takes_gvk(id) && fits(self.name.as_ref(), &id.name) && fits(self.namespace.as_ref(), &id.namespace)
    }

    /// Whether labels and annotations are taken.
    pub(super) fn takes_marks(&self, resource: &Resource, sources: &SourceMap) -> bool {
        let all = |requirements: &[Requirement], key: &str| {
            let map = at(&resource.value, &["metadata", key]);
            requirements.iter().all(|one| one.fits(map.and_then(|map| map.get(&one.key)).and_then(|value| text(value, sources)).as_deref()))
        };
        all(&self.labels, "labels") && all(&self.annotations, "annotations")
    }

    /// Whether a patch for these is meant for an object, by its first or its present name and namespace.
    pub(super) fn takes(&self, resource: &Resource, sources: &SourceMap) -> bool {
        let (first, now) = (resource.original_id(), resource.current_id());
        let either = |pattern: Option<&Regex>, a: &str, b: &str| fits(pattern, a) || fits(pattern, b);
        either(self.namespace.as_ref(), first.effective_namespace(), now.effective_namespace())
            && either(self.name.as_ref(), &first.name, &now.name)
            && self.takes_gvk(&now)
            && self.takes_marks(resource, sources)
    }
}

fn fits(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.is_match(text))
}

/// One part of a label selector.
struct Requirement {
    key: String,
    test: Test,
}

enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
}

impl Requirement {
    fn fits(&self, value: Option<&str>) -> bool {
        match (&self.test, value) {
            (Test::Exists, value) => value.is_some(),
            (Test::Missing, value) => value.is_none(),
            (Test::In(all), value) => value.is_some_and(|value| all.iter().any(|one| one == value)),
            (Test::NotIn(all), value) => value.is_none_or(|value| !all.iter().any(|one| one == value)),
        }
    }
}

/// `a=b, c!=d, e in (f, g), h notin (i), j, !k`
fn read(text: &str) -> Result<Vec<Requirement>, String> {
    let mut out = Vec::new();
    for part in split(text) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let wrong = || format!("`{part}` is no label selector");
        let words = |list: &str| list.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>();
        let (key, test) = if let Some(key) = part.strip_prefix('!') {
            (key, Test::Missing)
        } else if let Some((front, list)) = part.split_once('(') {
            let list = words(list.strip_suffix(')').ok_or_else(wrong)?);
            let front = front.trim_end();
            if let Some(key) = front.strip_suffix(" notin") {
                (key, Test::NotIn(list))
            } else {
                (front.strip_suffix(" in").ok_or_else(wrong)?, Test::In(list))
            }
        } else if let Some((key, value)) = part.split_once("!=") {
            (key, Test::NotIn(vec![value.trim().to_owned()]))
        } else if let Some((key, value)) = part.split_once('=') {
            (key, Test::In(vec![value.trim_start_matches('=').trim().to_owned()]))
        } else {
            (part, Test::Exists)
        };
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(wrong());
        }
        out.push(Requirement { key: key.to_owned(), test });
    }
    Ok(out)
}

/// Parts between commas that stand in no parentheses.
fn split(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut inside = false;
    for letter in text.chars() {
        match letter {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        if letter == ',' && !inside {
            out.push(String::new());
        } else if let Some(last) = out.last_mut() {
            last.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_selectors() {
        let check = |selector: &str, labels: &[(&str, &str)], expected: bool| {
            let all = read(selector).unwrap();
            let found = all.iter().all(|one| one.fits(labels.iter().find(|(key, _)| *key == one.key).map(|(_, value)| *value)));
            assert_eq!(found, expected, "{selector} of {labels:?}");
        };
        check("a=b", &[("a", "b")], true);
        check("a==b", &[("a", "c")], false);
        check("a!=b", &[], true);
        check("a in (x, y),c", &[("a", "y"), ("c", "")], true);
        check("a notin (x,y)", &[("a", "x")], false);
        check("!a", &[("a", "x")], false);
        check("", &[], true);
        assert!(read("a b").is_err() && read("a in (x").is_err() && read("=x").is_err());
    }
}
