//! Gitleaks' configuration files, unchanged (version 8).
//!
//! Read as Gitleaks 8.30 reads them: rules with keywords, entropy, paths, groups, allowlists of both spellings, required rules,
//! `extend` with disabled rules. What Gitleaks does not know is said, not dropped.

use std::sync::Arc;

use probity_core::{Confidence, RuleMeta, Severity, Stage, StageKind};
use probity_inputs::Kind;
use probity_value::{FileId, Map, Span, Value};

use crate::rule::{Allow, Flavour, Patterns, Required, Rule, Target};

/// What a configuration says, before it is compiled.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// Its rules.
    pub rules: Vec<Rule>,
    /// What is allowed for all of them.
    pub allow: Vec<Allow>,
    /// The configuration it builds on.
    pub extend: Extend,
    /// Allowlists for rules named by id, which may come from the configuration it builds on.
    targeted: Vec<(Vec<Arc<str>>, Allow)>,
}

/// What a configuration builds on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extend {
    /// Another file, relative to the folder Gitleaks is started in.
    pub path: Option<String>,
    /// Gitleaks' own rules.
    pub default: bool,
    /// Rules of it that are left out.
    pub disabled: Vec<Arc<str>>,
}

/// Something in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Span,
    /// What, for a person.
    pub what: String,
    /// Whether the configuration cannot be used.
    pub fails: bool,
}

/// Reads a configuration. The faults may be warnings; with one that fails, what comes back is not whole.
#[must_use]
pub fn parse(text: &str, file: FileId) -> (Configuration, Vec<Fault>) {
    let mut reader = Reader::default();
    let value = match probity_inputs::document(Kind::Toml, text, file) {
        Ok(value) => value,
        Err(problems) => {
            let faults = problems.into_iter().map(|problem| Fault { at: problem.span, what: problem.message, fails: true }).collect();
            return (Configuration::default(), faults);
        }
    };
    let configuration = reader.configuration(&value);
    (configuration, reader.faults)
}

#[derive(Default)]
struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    fn fault(&mut self, at: Span, what: impl Into<String>) {
        self.faults.push(Fault { at, what: what.into(), fails: true });
    }

    fn configuration(&mut self, value: &Value) -> Configuration {
        let mut out = Configuration::default();
        let Some(top) = value.as_map() else { return out };
        for (key, entry) in top.iter() {
            match key.to_ascii_lowercase().as_str() {
                "title" | "description" | "minversion" => {}
                "extend" => out.extend = self.extend(&entry.value),
                "rules" => {
                    for rule in self.tables(&entry.value, "rules") {
                        let read = self.rule(rule);
                        if let Some(rule) = read {
                            if out.rules.iter().any(|other| other.local == rule.local) {
                                self.fault(entry.key, format!("the rule `{}` is there twice", rule.local));
                            }
                            out.rules.push(rule);
                        }
                    }
                }
                "allowlist" | "allowlists" => {
                    for table in self.tables(&entry.value, key) {
                        let Some(allow) = self.allow(table) else { continue };
                        let target = table.iter().find(|(key, _)| key.eq_ignore_ascii_case("targetRules")).map(|(_, entry)| &entry.value);
                        let rules = self.texts(target, "targetRules");
                        if rules.is_empty() {
                            out.allow.push(allow);
                        } else {
                            out.targeted.push((rules.into_iter().map(Arc::from).collect(), allow));
                        }
                    }
                }
                _ => self.faults.push(Fault { at: entry.key, what: format!("Gitleaks knows no `{key}`"), fails: false }),
            }
        }
        out
    }

    /// The tables of a list, or the one table.
    fn tables<'a>(&mut self, value: &'a Value, what: &str) -> Vec<&'a Map> {
        match (value.as_map(), value.as_list()) {
            (Some(map), _) => vec![map],
            (None, Some(list)) => {
                let maps: Vec<&Map> = list.iter().filter_map(Value::as_map).collect();
                if maps.len() != list.len() {
                    self.fault(value.span, format!("`{what}` is a list of tables"));
                }
                maps
            }
            _ => {
                self.fault(value.span, format!("`{what}` is a list of tables"));
                Vec::new()
            }
        }
    }

    fn text(&mut self, value: &Value, what: &str) -> String {
        value.as_str().map(str::to_owned).unwrap_or_else(|| {
            self.fault(value.span, format!("`{what}` is a text"));
            String::new()
        })
    }

    fn texts(&mut self, value: Option<&Value>, what: &str) -> Vec<String> {
        let Some(value) = value else { return Vec::new() };
        if let Some(text) = value.as_str() {
            return vec![text.to_owned()];
        }
        let list = value.as_list().unwrap_or_default();
        let texts: Vec<String> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if value.as_list().is_none() || texts.len() != list.len() {
            self.fault(value.span, format!("`{what}` is a list of texts"));
        }
        texts
    }

    fn extend(&mut self, value: &Value) -> Extend {
        let mut out = Extend::default();
        for (key, entry) in value.as_map().into_iter().flat_map(Map::iter) {
            match key.to_ascii_lowercase().as_str() {
                "path" => out.path = Some(self.text(&entry.value, key)),
                "usedefault" => out.default = entry.value.as_bool().unwrap_or(false),
                "disabledrules" => out.disabled = self.texts(Some(&entry.value), key).into_iter().map(Arc::from).collect(),
                "url" => self.fault(entry.key, "`extend.url` is fetched by nobody, not by Gitleaks either; use `path`"),
                _ => self.faults.push(Fault { at: entry.key, what: format!("Gitleaks knows no `extend.{key}`"), fails: false }),
            }
        }
        if out.path.is_some() && out.default {
            self.fault(value.span, "`extend` has either `path` or `useDefault`");
        }
        out
    }

    fn rule(&mut self, table: &Map) -> Option<Rule> {
        let faults = self.faults.len();
        let at = table.iter().next().map_or(Span::NONE, |(_, entry)| entry.key);
        let mut rule = empty();
        let (mut id, mut description) = (String::new(), String::new());
        for (key, entry) in table.iter() {
            let value = &entry.value;
            match key.to_ascii_lowercase().as_str() {
                "id" => id = self.text(value, key),
                "description" => description = self.text(value, key),
                "regex" => {
                    let pattern = self.text(value, key);
                    if !pattern.is_empty() {
                        if let Err(problem) = crate::engine::usable(&pattern, Flavour::Go) {
                            self.fault(value.span, problem);
                        }
                        rule.regexes = vec![pattern];
                    }
                }
                "path" => match Patterns::new(vec![self.text(value, key)], Flavour::Go) {
                    Ok(paths) => rule.paths = paths,
                    Err(problem) => self.fault(value.span, problem),
                },
                "secretgroup" => match value.as_int().and_then(|group| usize::try_from(group).ok()) {
                    Some(group) => rule.group = group,
                    None => self.fault(value.span, "`secretGroup` is a number from 0"),
                },
                "entropy" => match value.as_number() {
                    Some(number) => rule.entropy = Some(number.as_f64()).filter(|entropy| *entropy != 0.0),
                    None => self.fault(value.span, "`entropy` is a number"),
                },
                "keywords" => {
                    rule.keywords = self.texts(Some(value), key).into_iter().map(|word| word.to_lowercase()).collect();
                }
                "tags" => {}
                "skipreport" => rule.silent = value.as_bool().unwrap_or(false),
                "allowlist" | "allowlists" => {
                    for table in self.tables(value, key) {
                        rule.allow.extend(self.allow(table));
                    }
                }
                "required" => {
                    for table in self.tables(value, key) {
                        rule.required.extend(self.required(table, entry.key));
                    }
                }
                _ => self.faults.push(Fault { at: entry.key, what: format!("Gitleaks knows no `{key}` in a rule"), fails: false }),
            }
        }
        if id.is_empty() {
            self.fault(at, "the rule has no `id`");
        }
        rule.local = Arc::from(id.as_str());
        rule.meta = Arc::new(meta(&id, &description));
        (self.faults.iter().skip(faults).all(|fault| !fault.fails)).then_some(rule)
    }

    fn required(&mut self, table: &Map, at: Span) -> Option<Required> {
        let mut out = Required { rule: "".into(), within_lines: None, within_columns: None };
        for (key, entry) in table.iter() {
            let number = entry.value.as_int().and_then(|number| usize::try_from(number).ok());
            match key.to_ascii_lowercase().as_str() {
                "id" => out.rule = self.text(&entry.value, key).into(),
                "withinlines" => out.within_lines = number,
                "withincolumns" => out.within_columns = number,
                _ => self.faults.push(Fault { at: entry.key, what: format!("Gitleaks knows no `required.{key}`"), fails: false }),
            }
        }
        if out.rule.is_empty() {
            self.fault(at, "a required rule has an `id`");
            return None;
        }
        Some(out)
    }

    fn allow(&mut self, table: &Map) -> Option<Allow> {
        let at = table.iter().next().map_or(Span::NONE, |(_, entry)| entry.key);
        let faults = self.faults.len();
        let mut out = Allow::default();
        let mut named = false;
        for (key, entry) in table.iter() {
            let value = &entry.value;
            let lower = key.to_ascii_lowercase();
            match lower.as_str() {
                "description" | "targetrules" => {}
                "condition" => match self.text(value, key).to_ascii_uppercase().as_str() {
                    "AND" | "&&" => out.all = true,
                    "OR" | "||" | "" => {}
                    other => self.fault(value.span, format!("`condition` is `AND` or `OR`, not `{other}`")),
                },
                "regextarget" => match self.text(value, key).as_str() {
                    "match" => out.target = Target::Match,
                    "line" => out.target = Target::Line,
                    "" | "secret" => {}
                    other => self.fault(value.span, format!("`regexTarget` is `secret`, `match` or `line`, not `{other}`")),
                },
                "commits" => {
                    out.commits = self.texts(Some(value), key).iter().map(|commit| commit.trim().to_ascii_lowercase()).collect();
                    named |= !out.commits.is_empty();
                }
                "stopwords" => {
                    out.words = self.texts(Some(value), key).iter().map(|word| word.to_lowercase()).collect();
                    named |= !out.words.is_empty();
                }
                "paths" | "regexes" => {
                    let patterns = self.texts(Some(value), key);
                    named |= !patterns.is_empty();
                    match Patterns::new(patterns, Flavour::Go) {
                        Ok(set) if lower == "paths" => out.paths = set,
                        Ok(set) => out.regexes = set,
                        Err(problem) => self.fault(value.span, problem),
                    }
                }
                _ => self.faults.push(Fault { at: entry.key, what: format!("Gitleaks knows no `{key}` in an allowlist"), fails: false }),
            }
        }
        if !named {
            self.fault(at, "an allowlist names commits, paths, regexes or stopwords");
        }
        (self.faults.len() == faults || self.faults.iter().skip(faults).all(|fault| !fault.fails)).then_some(out)
    }
}

impl Configuration {
    /// Puts a configuration on top of the one it extends, as Gitleaks does: rules of the same id are merged, all allowlists hold.
    #[must_use]
    pub fn over(mut self, base: Configuration) -> Configuration {
        for mut rule in base.rules {
            if self.extend.disabled.contains(&rule.local) {
                continue;
            }
            let Some(mine) = self.rules.iter_mut().find(|mine| mine.local == rule.local) else {
                self.rules.push(rule);
                continue;
            };
            if !mine.regexes.is_empty() {
                rule.regexes.clone_from(&mine.regexes);
                rule.prepared = None;
            }
            rule.paths = mine.paths.take().or(rule.paths);
            rule.entropy = mine.entropy.or(rule.entropy);
            if mine.group != 0 {
                rule.group = mine.group;
            }
            if mine.meta.title != mine.meta.id {
                rule.meta = Arc::clone(&mine.meta);
            }
            rule.keywords.append(&mut mine.keywords);
            rule.allow.append(&mut mine.allow);
            *mine = rule;
        }
        self.allow.extend(base.allow);
        self.targeted.extend(base.targeted);
        self.rules.sort_by(|a, b| a.local.cmp(&b.local));
        self
    }

    /// Puts the configuration on top of rules that stand in for Gitleaks' own (`useDefault`): by their aliases `gitleaks:ID`, rules are
    /// left out, and what is allowed is waived where somebody sees it. Rules of the configuration that only change one of Gitleaks' own
    /// are taken off it. Comes back with what names no rule there is.
    pub fn over_own(&mut self, own: &mut Vec<Rule>) -> (Vec<Allow>, Vec<Fault>) {
        let is = |rule: &Rule, id: &str| rule.meta.aliases.iter().any(|alias| alias.strip_prefix("gitleaks:") == Some(id));
        let mut faults = Vec::new();
        let mut unknown = |id: &str, what: &str| {
            let what = format!("{what} `{id}` of Gitleaks, for which there is no rule here; name Gitleaks' own file with `extend.path`");
            faults.push(Fault { at: Span::NONE, what, fails: false });
        };
        for id in &self.extend.disabled {
            if !own.iter().any(|rule| is(rule, id)) {
                unknown(id, "`disabledRules` names");
            }
        }
        own.retain(|rule| !self.extend.disabled.iter().any(|id| is(rule, id)));
        let (changes, rules) =
            std::mem::take(&mut self.rules).into_iter().partition(|rule| rule.regexes.is_empty() && rule.paths.is_none());
        self.rules = rules;
        let changes: Vec<Rule> = changes;
        let targets = std::mem::take(&mut self.targeted);
        let mut waive = |id: &str, allow: &[Allow]| {
            let mut any = false;
            for rule in own.iter_mut().filter(|rule| is(rule, id)) {
                rule.waive.extend_from_slice(allow);
                any = true;
            }
            any
        };
        for change in &changes {
            if !waive(&change.local, &change.allow) {
                unknown(&change.local, "a rule changes");
            }
        }
        for (names, allow) in targets {
            for name in names {
                match self.rules.iter_mut().find(|rule| rule.local == name) {
                    Some(rule) => rule.allow.push(allow.clone()),
                    None if waive(&name, std::slice::from_ref(&allow)) => {}
                    None => unknown(&name, "an allowlist names"),
                }
            }
        }
        (self.allow.clone(), faults)
    }

    /// Ends the reading: gives allowlists to the rules they name. Afterwards every rule has something to look for.
    pub fn finish(&mut self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |what: String| faults.push(Fault { at: Span::NONE, what, fails: true });
        for (rules, allow) in std::mem::take(&mut self.targeted) {
            for name in rules {
                match self.rules.iter_mut().find(|rule| rule.local == name) {
                    Some(rule) => rule.allow.push(allow.clone()),
                    None => fault(format!("an allowlist names the rule `{name}`, which is not there")),
                }
            }
        }
        for rule in &self.rules {
            if rule.regexes.is_empty() && rule.paths.is_none() {
                fault(format!("the rule `{}` has neither `regex` nor `path`", rule.local));
            }
            for required in &rule.required {
                if self.rules.iter().all(|other| other.local != required.rule) {
                    fault(format!("the rule `{}` requires `{}`, which is not there", rule.local, required.rule));
                }
            }
        }
        faults
    }
}

fn empty() -> Rule {
    Rule {
        meta: Arc::new(meta("", "")),
        local: "".into(),
        flavour: Flavour::Go,
        regexes: Vec::new(),
        paths: None,
        not_paths: None,
        keywords: Vec::new(),
        group: 0,
        entropy: None,
        length: (0, usize::MAX),
        checksum: None,
        allow: Vec::new(),
        waive: Vec::new(),
        with: None,
        required: Vec::new(),
        silent: false,
        shown: 0,
        prepared: None,
    }
}

fn meta(id: &str, description: &str) -> RuleMeta {
    let generic = id.to_ascii_lowercase().contains("generic");
    let full = format!("gitleaks/{id}");
    RuleMeta {
        title: if description.is_empty() { full.as_str().into() } else { description.into() },
        id: full.into(),
        engine: "gitleaks",
        severity: Severity::High,
        confidence: if generic { Confidence::Tentative } else { Confidence::Firm },
        stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
        applies_to: vec!["file".into()],
        controls: Vec::new(),
        aliases: vec![format!("gitleaks:{id}").into()],
        why: if description.is_empty() { "a rule of a Gitleaks configuration matches".into() } else { description.into() },
        fix: "revoke the credential where it was issued, make a new one, and keep that in a secret store".into(),
        other_fixes: Vec::new(),
        waivable: true,
        mends: false,
        parameters: Vec::new(),
    }
}
