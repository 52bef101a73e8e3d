//! A configuration as a list of keys and values, to say how two of them differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::Severity;

use super::Config;

impl Config {
    /// How another configuration differs from this one: ``` `gate.red_at`: `high` becomes `critical` ```.
    #[must_use]
    pub fn differences(&self, other: &Config) -> Vec<String> {
        let (before, after) = (self.flat(), other.flat());
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        keys.into_iter()
            .filter_map(|key| match (before.get(key), after.get(key)) {
                (Some(old), Some(new)) if old == new => None,
                (Some(old), Some(new)) => Some(format!("`{key}`: `{old}` becomes `{new}`")),
                (Some(old), None) => Some(format!("`{key}`: `{old}` is taken out")),
                (None, Some(new)) => Some(format!("`{key}`: `{new}` is added")),
                (None, None) => None,
            })
            .collect()
    }

    fn flat(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        let mut put = |key: String, value: String| {
            out.insert(key, value);
        };
        put("gate.red_at".into(), self.gate.red_at.to_string());
        put("gate.yellow_at".into(), self.gate.yellow_at.to_string());
        put("gate.unknown".into(), self.gate.unknown.to_string());
        put("gate.suppressions".into(), self.gate.suppressions.to_string());
        if let Some(version) = self.gate.rules_version {
            put("gate.rules_version".into(), version.to_string());
        }
        for pattern in &self.gate.ignore_paths {
            put(format!("gate.ignore_paths[{pattern}]"), "ignored".into());
        }
        for (position, rule) in self.paths.iter().enumerate() {
            let mut settings = Vec::new();
            settings.extend(rule.red_at.map(|value| format!("red_at: {value}")));
            settings.extend(rule.yellow_at.map(|value| format!("yellow_at: {value}")));
            settings.extend(rule.unknown.map(|value| format!("unknown: {value}")));
            settings.extend(rule.suppressions.map(|value| format!("suppressions: {value}")));
            put(format!("paths[{position}]"), format!("{}: {}", rule.path, settings.join(", ")));
        }
        for folder in &self.policies.folders {
            put(format!("policies.folders[{folder}]"), "read".into());
        }
        for id in &self.policies.disable {
            put(format!("policies.disable[{id}]"), "off".into());
        }
        for (id, severity) in &self.policies.severity {
            put(format!("policies.severity.{id}"), severity.to_string());
        }
        for (name, values) in &self.policies.parameters {
            put(format!("policies.parameters.{name}"), values.join(", "));
        }
        put("policies.preview".into(), self.policies.preview.to_string());
        for file in &self.policies.lookup {
            put(format!("policies.lookup[{file}]"), "read".into());
        }
        for (position, one) in self.policies.conftest.iter().enumerate() {
            let list = |items: &[Arc<str>]| items.iter().map(|item| &**item).collect::<Vec<_>>().join(", ");
            let mut text = format!("{} judges {}", one.policy, list(&one.files));
            for (word, items) in [("namespaces", &one.namespaces), ("data", &one.data)] {
                if !items.is_empty() {
                    text.push_str(&format!("; {word} {}", list(items)));
                }
            }
            if let Some(parser) = &one.parser {
                text.push_str(&format!("; parser {parser}"));
            }
            text.push_str(if one.combine { "; combined" } else { "" });
            text.push_str(if one.rego_v0 { "; Rego v0" } else { "" });
            put(format!("policies.conftest[{position}]"), text);
        }
        let exceptions = &self.exceptions;
        put("exceptions.folder".into(), exceptions.folder.to_string());
        put("exceptions.baseline".into(), exceptions.baseline.to_string());
        put("exceptions.baseline_days".into(), exceptions.baseline_days.to_string());
        for severity in Severity::ALL.iter().copied() {
            put(format!("exceptions.max_days.{severity}"), exceptions.max_days.of(severity).to_string());
        }
        put("exceptions.require_signature".into(), self.signature_required().to_string());
        for id in &exceptions.never {
            put(format!("exceptions.never[{id}]"), "never waived".into());
        }
        for approver in &self.approvers {
            let severities: Vec<&str> = approver.may_accept.iter().map(|severity| severity.as_str()).collect();
            let text = format!("{}; {}; {}; {}", approver.role, approver.emails.join(" "), approver.keys.join(" "), severities.join(" "));
            put(format!("approvers[{}]", approver.name), text);
        }
        if let Some(directory) = &self.evidence.directory {
            put("evidence.directory".into(), directory.to_string());
        }
        if let Some(key) = &self.evidence.key {
            put("evidence.key".into(), key.to_string());
        }
        let worm = &self.evidence.worm;
        if let Some(to) = &worm.to {
            put("evidence.worm.to".into(), to.to_string());
        }
        if let Some(mode) = worm.mode {
            put("evidence.worm.mode".into(), mode.as_str().into());
        }
        if let Some(retain) = &worm.retain {
            put("evidence.worm.retain".into(), retain.to_string());
        }
        if worm.legal_hold {
            put("evidence.worm.legal_hold".into(), "true".into());
        }
        for (name, seconds) in &self.required {
            put(format!("required.{name}"), format!("{seconds} s"));
        }
        for scan in &self.scans {
            put(
                format!("scans[{}: {}]", scan.name, scan.file),
                scan.format.as_ref().map_or_else(|| "read".into(), |format| format!("read as {format}")),
            );
        }
        for file in &self.terraform.variable_files {
            put(format!("terraform.variable_files[{file}]"), "read".into());
        }
        super::supply::flat(self, &mut put);
        put("terraform.workspace".into(), self.terraform.workspace.to_string());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let before = Config::default();
        let mut after = Config::default();
        after.gate.red_at = Severity::Critical;
        after.policies.disable.insert("some-rule".into());
        assert_eq!(
            before.differences(&after),
            ["`gate.red_at`: `high` becomes `critical`", "`policies.disable[some-rule]`: `off` is added"]
        );
        assert!(before.differences(&before).is_empty());
    }
}
