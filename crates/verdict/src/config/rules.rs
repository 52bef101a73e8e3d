//! Which rules take part, and how bad they are here.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, RuleMeta, Severity, StageKind};

use super::Config;
use crate::ids;

/// A version of the rule set: `0.1.0`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(pub [u32; 3]);

/// Not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version of three numbers such as `0.1.0`")]
pub struct ParseVersionError(pub String);

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Version, ParseVersionError> {
        let wrong = || ParseVersionError(text.chars().take(40).collect());
        let mut parts = text.split('.');
        let mut next = || {
            let part = parts.next().ok_or_else(wrong)?;
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong());
            }
            part.parse::<u32>().map_err(|_| wrong())
        };
        let version = Version([next()?, next()?, next()?]);
        if parts.next().is_some() { Err(wrong()) } else { Ok(version) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// Whether a rule takes part, and if not, why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleUse {
    /// It judges.
    On,
    /// `policies.disable` names it.
    Disabled,
    /// It is a preview and `policies.preview` is not set.
    Preview,
    /// It is newer than `gate.rules_version`.
    Newer,
    /// It was removed.
    Removed,
}

impl Config {
    /// Whether a rule takes part.
    #[must_use]
    pub fn rule_use(&self, rule: &RuleMeta) -> RuleUse {
        if rule.stage.kind == StageKind::Removed {
            return RuleUse::Removed;
        }
        // Under a floor a rule is off only where the floor has it off too.
        let floor_agrees = self.floor.as_ref().is_none_or(|floor| floor.rule_use(rule) == RuleUse::Disabled);
        if floor_agrees && self.policies.disable.iter().any(|id| ids::answers(rule, id)) {
            return RuleUse::Disabled;
        }
        if rule.stage.kind == StageKind::Preview && !self.policies.preview {
            return RuleUse::Preview;
        }
        // A version that cannot be read is not known to be newer: the rule stays on.
        match (self.gate.rules_version, rule.stage.since.parse::<Version>()) {
            (Some(pinned), Ok(since)) if since > pinned => RuleUse::Newer,
            _ => RuleUse::On,
        }
    }

    /// How bad a rule is here: its own severity or what `policies.severity` says; under a floor the higher of what both say.
    #[must_use]
    pub fn severity_of(&self, rule: &RuleMeta) -> Severity {
        let named: Vec<Severity> =
            self.policies.severity.iter().filter(|(id, _)| ids::answers(rule, id)).map(|(_, severity)| *severity).collect();
        let own = named.into_iter().max().unwrap_or(rule.severity);
        match &self.floor {
            Some(floor) => own.max(floor.severity_of(rule)),
            None => own,
        }
    }

    /// The rule as it counts here, with its severity; `None` where it takes no part.
    #[must_use]
    pub fn rule(&self, rule: &Arc<RuleMeta>) -> Option<Arc<RuleMeta>> {
        if self.rule_use(rule) != RuleUse::On {
            return None;
        }
        let severity = self.severity_of(rule);
        if severity == rule.severity {
            return Some(Arc::clone(rule));
        }
        let mut changed = RuleMeta::clone(rule);
        changed.severity = severity;
        Some(Arc::new(changed))
    }

    /// Whether nothing can waive a rule.
    #[must_use]
    pub fn never_waived(&self, rule: &RuleMeta) -> bool {
        !rule.waivable || self.exceptions.never.iter().any(|id| ids::answers(rule, id))
    }

    /// Rule ids the configuration names that no rule answers to. They may belong to another scanner, so they are warnings; a
    /// misspelt one under `exceptions.never` protects nothing.
    #[must_use]
    pub fn unknown_rules(&self, rules: &[Arc<RuleMeta>], file: &Arc<str>) -> Vec<Diagnostic> {
        let lists: [(&str, Vec<&Arc<str>>); 3] = [
            ("policies.disable", self.policies.disable.iter().collect()),
            ("policies.severity", self.policies.severity.keys().collect()),
            ("exceptions.never", self.exceptions.never.iter().collect()),
        ];
        let mut out = Vec::new();
        for name in self.policies.parameters.keys() {
            if rules.iter().any(|rule| rule.parameters.contains(name)) {
                continue;
            }
            let key = format!("policies.parameters.{name}");
            let message = format!("no rule here takes a parameter `{name}`");
            let diagnostic = Diagnostic::new(Level::Warning, "configuration", Arc::clone(file), self.written.span(&key), message);
            let taken = rules.iter().flat_map(|rule| &rule.parameters).map(|name| &**name);
            out.push(match ids::nearest_word(name, taken) {
                Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                None => diagnostic,
            });
        }
        for (key, named) in lists {
            for id in named {
                if ids::is_advisory(id) || ids::find(rules, id).next().is_some() {
                    continue;
                }
                let message = format!("no rule here answers to `{id}`, which `{key}` names");
                let diagnostic = Diagnostic::new(Level::Warning, "configuration", Arc::clone(file), self.written.span(key), message);
                out.push(match ids::nearest(rules, id) {
                    Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                    None => diagnostic,
                });
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::rule;

    #[test]
    fn versions() {
        for text in ["0.1.0", "10.20.30"] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
        }
        for text in ["", "1", "1.2", "1.2.3.4", "1.2.x", "+1.2.3", "1..2", "99999999999.0.0"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        assert!("0.10.0".parse::<Version>().unwrap() > "0.9.9".parse::<Version>().unwrap());
    }

    #[test]
    fn which_rules_take_part() {
        let mut config = Config::default();
        let mut meta = RuleMeta::clone(&rule("a", Severity::Low));
        meta.aliases = vec!["CKV_AWS_1".into()];
        meta.stage.since = "0.2.0".into();
        assert_eq!(config.rule_use(&meta), RuleUse::On);
        config.gate.rules_version = Some(Version([0, 1, 0]));
        assert_eq!(config.rule_use(&meta), RuleUse::Newer);
        config.gate.rules_version = Some(Version([0, 2, 0]));
        assert_eq!(config.rule_use(&meta), RuleUse::On);
        config.policies.disable.insert("ckv_aws_1".into());
        assert_eq!(config.rule_use(&meta), RuleUse::Disabled);
        config.policies.disable.clear();
        meta.stage.kind = StageKind::Preview;
        assert_eq!(config.rule_use(&meta), RuleUse::Preview);
        config.policies.preview = true;
        assert_eq!(config.rule_use(&meta), RuleUse::On);
        meta.stage.kind = StageKind::Removed;
        assert_eq!(config.rule_use(&meta), RuleUse::Removed);
    }

    #[test]
    fn severities() {
        let mut config = Config::default();
        let meta = rule("a", Severity::High);
        config.policies.severity.insert("A".into(), Severity::Low);
        assert_eq!(config.severity_of(&meta), Severity::Low);
        assert_eq!(config.rule(&meta).unwrap().severity, Severity::Low);
        config.floor = Some(Arc::new(Config::default()));
        assert_eq!(config.severity_of(&meta), Severity::High);
    }

    #[test]
    fn misspelt_rules_are_named() {
        let mut config = Config::default();
        config.exceptions.never.insert("aws-iam-admn".into());
        let found = config.unknown_rules(&[rule("aws-iam-admin", Severity::High)], &"probity.yaml".into());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].hint.as_deref(), Some("did you mean `aws-iam-admin`?"));
    }
}
