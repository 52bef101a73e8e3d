//! What is wrong with a policy, and reading its parts with their paths.

use std::fmt;
use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::{Map, Span, Value};

/// Something wrong with a policy: it is refused for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which part: `spec.authorities[0].key.data`.
    pub path: String,
    /// Where it is written.
    pub span: Span,
    /// What is wrong, without the path.
    pub message: String,
    /// What would help.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path, self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl Fault {
    /// The same as a diagnostic of a file.
    #[must_use]
    pub fn diagnostic(&self, file: &Arc<str>) -> Diagnostic {
        let said = Diagnostic::new(Level::Error, "image-policy", Arc::clone(file), self.span, format!("`{}` {}", self.path, self.message));
        match &self.hint {
            Some(hint) => said.hint(hint.clone()),
            None => said,
        }
    }
}

/// The fields of a map and where they are.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'v> {
    pub(crate) map: &'v Map,
    pub(crate) path: String,
    pub(crate) span: Span,
}

/// A value and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Node<'v> {
    pub(crate) value: &'v Value,
    pub(crate) path: String,
}

/// Text and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: Arc<str>,
    pub(crate) path: String,
    pub(crate) span: Span,
}

impl<'v> Fields<'v> {
    /// The path of a field.
    pub(crate) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A field; null is as good as absent.
    pub(crate) fn node(&self, key: &str) -> Option<Node<'v>> {
        let value = self.map.get(key).filter(|value| !value.is_null())?;
        Some(Node { value, path: self.at(key) })
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.node(key).is_some()
    }

    /// Where a field is, or the map it would be in.
    pub(crate) fn span_of(&self, key: &str) -> Span {
        self.map.get(key).map_or(self.span, |value| value.span)
    }
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) faults: Vec<Fault>,
}

impl Reader {
    pub(crate) fn wrong(&mut self, path: impl Into<String>, span: Span, message: impl Into<String>) {
        self.faults.push(Fault { path: path.into(), span, message: message.into(), hint: None });
    }

    /// A map of which the fields are known. An unknown one is refused, and the nearest known one is named.
    pub(crate) fn fields<'v>(&mut self, node: &Node<'v>, known: &[&str]) -> Option<Fields<'v>> {
        let Some(map) = node.value.as_map() else {
            self.wrong(node.path.clone(), node.value.span, format!("is a {}, not a map", node.value.type_name()));
            return None;
        };
        let fields = Fields { map, path: node.path.clone(), span: node.value.span };
        for (key, entry) in map.iter().filter(|(key, _)| !known.contains(&&***key)) {
            let near = probity_checks::nearest(key, known.iter().copied());
            self.faults.push(Fault {
                path: fields.at(key),
                span: entry.key,
                message: "is no known field".to_owned(),
                hint: Some(near.map_or_else(|| format!("known are {}", known.join(", ")), |near| format!("did you mean `{near}`?"))),
            });
        }
        Some(fields)
    }

    /// The same for a field; `None` where it is absent.
    pub(crate) fn inner<'v>(&mut self, of: &Fields<'v>, key: &str, known: &[&str]) -> Option<Fields<'v>> {
        let node = of.node(key)?;
        self.fields(&node, known)
    }

    /// The items of a list; none where it is absent.
    pub(crate) fn list<'v>(&mut self, of: &Fields<'v>, key: &str) -> Vec<Node<'v>> {
        let Some(node) = of.node(key) else { return Vec::new() };
        let Some(items) = node.value.as_list() else {
            self.wrong(node.path, node.value.span, format!("is a {}, not a list", node.value.type_name()));
            return Vec::new();
        };
        items.iter().enumerate().map(|(index, value)| Node { value, path: format!("{}[{index}]", node.path) }).collect()
    }

    /// Text; empty text is as good as none.
    pub(crate) fn text(&mut self, of: &Fields<'_>, key: &str) -> Option<Text> {
        let node = of.node(key)?;
        match node.value.as_str() {
            Some("") => None,
            Some(text) => Some(Text { text: text.into(), path: node.path, span: node.value.span }),
            None => {
                self.wrong(node.path, node.value.span, format!("is a {}, not text", node.value.type_name()));
                None
            }
        }
    }

    /// Text that has to be there.
    pub(crate) fn needed(&mut self, of: &Fields<'_>, key: &str) -> Option<Text> {
        let before = self.faults.len();
        let text = self.text(of, key);
        if text.is_none() && self.faults.len() == before {
            self.wrong(of.at(key), of.span_of(key), "is missing");
        }
        text
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&mut self, of: &Fields<'_>, key: &str, known: &[(&str, T)]) -> Option<T> {
        let text = self.text(of, key)?;
        if let Some((_, meaning)) = known.iter().find(|(word, _)| **word == *text.text) {
            return Some(*meaning);
        }
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        self.wrong(text.path, text.span, format!("is `{}`; it is one of {}", shown(&text.text), words.join(", ")));
        None
    }

    pub(crate) fn boolean(&mut self, of: &Fields<'_>, key: &str) -> Option<bool> {
        let node = of.node(key)?;
        let value = node.value.as_bool();
        if value.is_none() {
            self.wrong(node.path, node.value.span, format!("is a {}, not true or false", node.value.type_name()));
        }
        value
    }

    /// Exactly one of some fields; which are there.
    pub(crate) fn exactly_one<'k>(&mut self, of: &Fields<'_>, keys: &[&'k str]) -> Option<&'k str> {
        let given: Vec<&str> = keys.iter().copied().filter(|key| of.has(key)).collect();
        self.one_of(of, keys, &given)
    }

    /// As [`Reader::exactly_one`], where the caller knows which are given.
    pub(crate) fn one_of<'k>(&mut self, of: &Fields<'_>, keys: &[&'k str], given: &[&'k str]) -> Option<&'k str> {
        match given {
            [one] => Some(*one),
            [] => {
                self.wrong(of.path.clone(), of.span, format!("needs one of {}", keys.join(", ")));
                None
            }
            several => {
                self.wrong(of.path.clone(), of.span, format!("has {}; it takes exactly one of {}", several.join(" and "), keys.join(", ")));
                None
            }
        }
    }
}

/// At most so much of somebody's text as fits into a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}
