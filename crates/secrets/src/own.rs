//! Our own rules: one YAML file each, with true and false examples inside.

use std::sync::Arc;

use probity_core::{Confidence, RuleMeta, Severity, Stage, StageKind};
use probity_value::{FileId, Map, Span, Value, yaml};

use crate::gitleaks::Fault;
use crate::rule::{Allow, Flavour, Patterns, Rule, Target, With};

/// A rule with its examples.
#[derive(Clone, Debug)]
pub struct Document {
    /// The rule.
    pub rule: Rule,
    /// Texts it must find something in.
    pub hits: Vec<Example>,
    /// Texts it must find nothing in.
    pub quiet: Vec<Example>,
}

/// A text, with the path it is judged as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The path.
    pub path: String,
    /// The text.
    pub text: String,
    /// Where it stands in the rule file.
    pub at: Span,
}

/// Reads a rule file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, file: FileId) -> Result<Document, Vec<Fault>> {
    let (documents, problems) = yaml::parse(text, file);
    let mut reader = Reader { faults: Vec::new() };
    for problem in problems {
        reader.fault(problem.span, problem.message);
    }
    let [document] = documents.as_slice() else {
        reader.fault(Span::new(file, 0..0), "a rule file holds one rule");
        return Err(reader.faults);
    };
    let Some(map) = document.value.as_map() else {
        reader.fault(document.span, "a rule file is a map");
        return Err(reader.faults);
    };
    let read = reader.document(map, document.span);
    match read {
        Some(document) if reader.faults.is_empty() => Ok(document),
        _ => Err(reader.faults),
    }
}

struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    fn fault(&mut self, at: Span, what: impl Into<String>) {
        self.faults.push(Fault { at, what: what.into(), fails: true });
    }

    fn known(&mut self, map: &Map, known: &[&str]) {
        for (key, entry) in map.iter() {
            if !known.contains(&&**key) {
                self.fault(entry.key, format!("`{key}` is no key here; there are {}", known.join(", ")));
            }
        }
    }

    fn text(&mut self, map: &Map, key: &str, whole: Span) -> Option<Arc<str>> {
        match map.get(key) {
            Some(value) => match value.as_str().filter(|text| !text.trim().is_empty()) {
                Some(text) => Some(text.trim().into()),
                None => {
                    self.fault(value.span, format!("`{key}` is a text"));
                    None
                }
            },
            None => {
                self.fault(Span { end: whole.start, ..whole }, format!("a rule needs `{key}`"));
                None
            }
        }
    }

    fn texts(&mut self, map: &Map, key: &str) -> Vec<String> {
        let Some(value) = map.get(key) else { return Vec::new() };
        let list = value.as_list().unwrap_or_default();
        let texts: Vec<String> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if value.as_list().is_none() || texts.len() != list.len() {
            self.fault(value.span, format!("`{key}` is a list of texts"));
        }
        texts
    }

    fn word<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, map: &Map, key: &str, whole: Span) -> Option<T> {
        let text = self.text(map, key, whole)?;
        match text.parse() {
            Ok(word) => Some(word),
            Err(problem) => {
                self.fault(map.get(key).map_or(whole, |value| value.span), format!("`{key}`: {problem}"));
                None
            }
        }
    }

    fn document(&mut self, map: &Map, whole: Span) -> Option<Document> {
        self.known(map, &["id", "title", "severity", "confidence", "stage", "controls", "aliases", "why", "fix", "secret", "tests"]);
        let id = self.text(map, "id", whole);
        if let Some(id) = &id
            && !(id.starts_with("secret-") && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'))
        {
            self.fault(map.get("id").map_or(whole, |value| value.span), "the id is `secret-` and lower-case letters, digits and `-`");
        }
        let meta = RuleMeta {
            title: self.text(map, "title", whole)?,
            engine: "secrets",
            severity: self.word::<Severity>(map, "severity", whole)?,
            confidence: self.word::<Confidence>(map, "confidence", whole)?,
            stage: self.stage(map, whole)?,
            applies_to: vec!["file".into()],
            controls: self.texts(map, "controls").into_iter().map(Arc::from).collect(),
            aliases: self.texts(map, "aliases").into_iter().map(Arc::from).collect(),
            why: self.text(map, "why", whole)?,
            fix: self.text(map, "fix", whole)?,
            other_fixes: Vec::new(),
            waivable: true,
            mends: false,
            parameters: Vec::new(),
            id: id?,
        };
        let rule = self.secret(map.get("secret"), meta, whole)?;
        let tests = map.get("tests").and_then(Value::as_map);
        if let Some(tests) = tests {
            self.known(tests, &["match", "quiet"]);
        }
        let hits = self.examples(tests, "match", whole);
        let quiet = self.examples(tests, "quiet", whole);
        if hits.is_empty() || quiet.is_empty() {
            self.fault(whole, "a rule has examples under `tests.match` and `tests.quiet`");
        }
        Some(Document { rule, hits, quiet })
    }

    fn stage(&mut self, map: &Map, whole: Span) -> Option<Stage> {
        let stage = map.get("stage").and_then(Value::as_map);
        let read = stage.and_then(|stage| {
            let (kind, entry) = stage.iter().next()?;
            Some(Stage { kind: kind.parse::<StageKind>().ok()?, since: entry.value.as_str()?.into() })
        });
        if read.is_none() {
            self.fault(map.get("stage").map_or(whole, |value| value.span), "`stage` is a map from `stable` or `preview` to a version");
        }
        read
    }

    fn secret(&mut self, value: Option<&Value>, meta: RuleMeta, whole: Span) -> Option<Rule> {
        let Some(secret) = value.and_then(Value::as_map) else {
            self.fault(whole, "a rule says under `secret` what it looks for");
            return None;
        };
        let at = value.map_or(whole, |value| value.span);
        self.known(
            secret,
            &[
                "regex",
                "regexes",
                "keywords",
                "scan",
                "group",
                "entropy",
                "paths",
                "not_paths",
                "length",
                "checksum",
                "allow",
                "with",
                "prefix",
            ],
        );
        let mut regexes = self.texts(secret, "regexes");
        regexes.extend(secret.get("regex").and_then(Value::as_str).map(str::to_owned));
        if regexes.is_empty() {
            self.fault(at, "a rule has `regex` or `regexes`");
        }
        let group = secret.get("group").and_then(Value::as_int).and_then(|group| usize::try_from(group).ok()).unwrap_or(0);
        for regex in &regexes {
            match crate::engine::usable(regex, Flavour::Ascii) {
                Ok(hir) if group > hir.properties().explicit_captures_len() => {
                    self.fault(at, format!("the expression has no group {group}"))
                }
                Ok(hir) if hir.properties().minimum_len().is_none_or(|least| least == 0) => {
                    self.fault(at, "the expression matches nothing at all")
                }
                Ok(_) => {}
                Err(problem) => self.fault(at, problem),
            }
        }
        let sets = |reader: &mut Reader, key: &str| match Patterns::new(reader.texts(secret, key), Flavour::Ascii) {
            Ok(set) => set,
            Err(problem) => {
                reader.fault(secret.get(key).map_or(at, |value| value.span), problem);
                None
            }
        };
        let paths = sets(self, "paths");
        let not_paths = sets(self, "not_paths");
        let number = |map: &Map, key: &str| map.get(key).and_then(Value::as_int).and_then(|number| usize::try_from(number).ok());
        let length = secret.get("length").and_then(Value::as_map);
        let checksum = match secret.get("checksum") {
            Some(_) => self.word(secret, "checksum", whole),
            None => None,
        };
        let with = secret.get("with").and_then(Value::as_map).map(|with| With {
            regex: with.get("regex").and_then(Value::as_str).unwrap_or_default().to_owned(),
            within: number(with, "within").unwrap_or(0),
        });
        if let Some(with) = &with
            && (with.regex.is_empty() || crate::engine::usable(&with.regex, Flavour::Ascii).is_err())
        {
            self.fault(at, "`with.regex` is an expression");
        }
        let local = Arc::clone(&meta.id);
        Some(Rule {
            meta: Arc::new(meta),
            local,
            flavour: Flavour::Ascii,
            regexes,
            paths,
            not_paths,
            keywords: self.texts(secret, "keywords").iter().map(|word| word.to_lowercase()).collect(),
            group,
            entropy: secret.get("entropy").and_then(Value::as_number).map(probity_value::Number::as_f64),
            length: length
                .map_or((0, usize::MAX), |length| (number(length, "min").unwrap_or(0), number(length, "max").unwrap_or(usize::MAX))),
            checksum,
            allow: self.allow(secret.get("allow"), at),
            waive: Vec::new(),
            with,
            required: Vec::new(),
            silent: false,
            shown: number(secret, "prefix").unwrap_or(0),
            prepared: None,
        })
    }

    fn allow(&mut self, value: Option<&Value>, at: Span) -> Vec<Allow> {
        let Some(map) = value.and_then(Value::as_map) else { return Vec::new() };
        self.known(map, &["values", "lines", "words"]);
        let mut out = Vec::new();
        for (key, target) in [("values", Target::Secret), ("lines", Target::Line)] {
            match Patterns::new(self.texts(map, key), Flavour::Ascii) {
                Ok(None) => {}
                Ok(regexes) => out.push(Allow { regexes, target, ..Allow::default() }),
                Err(problem) => self.fault(map.get(key).map_or(at, |value| value.span), problem),
            }
        }
        let words: Vec<String> = self.texts(map, "words").iter().map(|word| word.to_lowercase()).collect();
        if !words.is_empty() {
            out.push(Allow { words, ..Allow::default() });
        }
        out
    }

    fn examples(&mut self, tests: Option<&Map>, key: &str, whole: Span) -> Vec<Example> {
        let list = tests.and_then(|tests| tests.get(key)).and_then(Value::as_list).unwrap_or_default();
        let mut out = Vec::new();
        for item in list {
            let text = item.as_str().or_else(|| item.get("text").and_then(Value::as_str));
            match text {
                Some(text) => out.push(Example {
                    path: item.get("path").and_then(Value::as_str).unwrap_or("config.txt").to_owned(),
                    text: text.to_owned(),
                    at: item.span.or(whole),
                }),
                None => self.fault(item.span, format!("an example under `{key}` is a text, or a map of `path` and `text`")),
            }
        }
        out
    }
}
