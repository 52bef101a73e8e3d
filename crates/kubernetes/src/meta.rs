//! What a policy says of itself in its annotations: severity, title, category, controls. The same for every policy language that is written
//! as objects.

use std::sync::Arc;

use probity_core::{Confidence, Effect, RuleMeta, Severity, Stage, StageKind};
use probity_value::Value;

/// What is needed beside the policy's object.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// The policy language: `kyverno`, `gatekeeper`, `admission`.
    pub engine: &'static str,
    /// The id of the rule.
    pub id: &'a str,
    /// What a failure leads to; decides the severity where nobody says one.
    pub effect: Effect,
    /// Kinds it judges.
    pub applies_to: &'a [Arc<str>],
    /// What the rule says where it fails, if that is known beforehand.
    pub message: &'a str,
}

/// Annotations in which severities are found, the first that is there counts. The value may be ours or a word of the field
/// (`moderate`, `important`, `warning`, `error`).
pub const SEVERITY: &[&str] = &[
    "probity.dev/severity",
    "policies.kyverno.io/severity",
    "metadata.gatekeeper.sh/severity",
    "policy.open-cluster-management.io/severity",
];
/// Annotations that list controls: `pci-dss-4.0.1/6.3.3, nist-800-53r5/CM-6`.
pub const CONTROLS: &[&str] = &["probity.dev/controls"];
/// Annotations that list ids of other tools.
pub const ALIASES: &[&str] = &["probity.dev/aliases"];
const TITLE: &[&str] = &["probity.dev/title", "policies.kyverno.io/title", "metadata.gatekeeper.sh/title"];
const WHY: &[&str] = &["probity.dev/why", "policies.kyverno.io/description", "description"];
const FIX: &[&str] = &["probity.dev/fix"];

/// What the rule of a policy says of itself.
#[must_use]
pub fn describe(policy: &Value, of: &Described<'_>) -> RuleMeta {
    let metadata = policy.get("metadata");
    let annotation = |names: &[&str]| {
        let map = metadata.and_then(|metadata| metadata.get("annotations"));
        names.iter().find_map(|name| map.and_then(|map| map.get(name)).and_then(Value::as_str)).filter(|text| !text.trim().is_empty())
    };
    let list = |names: &[&str]| -> Vec<Arc<str>> {
        let text = annotation(names).unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Arc::from).collect()
    };
    let name = metadata.and_then(|metadata| metadata.get("name")).and_then(Value::as_str).unwrap_or(of.id);
    let one_line = |text: &str| -> Arc<str> { text.split_whitespace().collect::<Vec<_>>().join(" ").into() };
    RuleMeta {
        id: of.id.into(),
        engine: of.engine,
        title: one_line(annotation(TITLE).unwrap_or(if of.message.is_empty() { name } else { of.message })),
        severity: annotation(SEVERITY).and_then(severity).unwrap_or(match of.effect {
            Effect::Deny => Severity::High,
            Effect::Warn | Effect::Audit => Severity::Medium,
            Effect::DryRun => Severity::Info,
        }),
        confidence: Confidence::Certain,
        stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
        applies_to: of.applies_to.to_vec(),
        controls: list(CONTROLS),
        aliases: list(ALIASES),
        why: one_line(annotation(WHY).unwrap_or_default()),
        fix: one_line(annotation(FIX).unwrap_or(of.message)),
        other_fixes: Vec::new(),
        waivable: true,
        mends: false,
        parameters: Vec::new(),
    }
}

/// A severity, in the words of the field.
#[must_use]
pub fn severity(word: &str) -> Option<Severity> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "critical" => Severity::Critical,
        "high" | "important" | "error" => Severity::High,
        "medium" | "moderate" | "warning" => Severity::Medium,
        "low" | "minor" => Severity::Low,
        "info" | "informational" | "none" | "note" => Severity::Info,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, yaml};

    fn check(annotations: &str, effect: Effect, expected: (&str, Severity, &[&str])) {
        let text = format!("metadata:\n  name: require-labels\n  annotations: {annotations}");
        let policy = yaml::parse(&text, FileId::NONE).0.remove(0).value;
        let meta = describe(&policy, &Described { engine: "test", id: "p", effect, applies_to: &[], message: "" });
        let controls: Vec<&str> = meta.controls.iter().map(|control| &**control).collect();
        assert_eq!((&*meta.title, meta.severity, &*controls), expected, "{annotations}");
    }

    #[test]
    fn annotations_describe_a_rule() {
        check("{}", Effect::Deny, ("require-labels", Severity::High, &[]));
        check("{}", Effect::Audit, ("require-labels", Severity::Medium, &[]));
        check(
            "{policies.kyverno.io/severity: low, policies.kyverno.io/title: Require labels}",
            Effect::Deny,
            ("Require labels", Severity::Low, &[]),
        );
        check("{policies.kyverno.io/severity: odd}", Effect::Deny, ("require-labels", Severity::High, &[]));
        check(
            "{probity.dev/severity: critical, policies.kyverno.io/severity: low, probity.dev/controls: 'pci-dss-4.0.1/6.3.3, soc2/CC8.1'}",
            Effect::Deny,
            ("require-labels", Severity::Critical, &["pci-dss-4.0.1/6.3.3", "soc2/CC8.1"]),
        );
    }
}
