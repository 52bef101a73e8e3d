//! What a constraint says of itself, for reports: from its own annotations and those of its template.

use std::sync::Arc;

use probity_core::{Confidence, Effect, Interest, RuleMeta, Severity, Stage, StageKind};
use probity_value::Value;

use crate::template::{self, Template};

/// The engine's name in reports.
pub(crate) const ENGINE: &str = "gatekeeper";

/// The last part of an annotation's key counts: `example.com/severity`.
fn annotation<'a>(lists: &[&'a [(Arc<str>, Arc<str>)]], word: &str) -> Option<&'a Arc<str>> {
    let named = |key: &str| key.rsplit('/').next().is_some_and(|last| last == word);
    lists.iter().find_map(|list| list.iter().find(|(key, _)| named(key)).map(|(_, value)| value))
}

/// The description of a constraint's rule.
pub(crate) fn of(kind: &str, name: &str, value: &Value, template: &Template, effect: Option<Effect>, interest: &Interest) -> RuleMeta {
    let own = template::annotations(value);
    let lists: [&[(Arc<str>, Arc<str>)]; 2] = [&own, &template.annotations];
    let severity = annotation(&lists, "severity").and_then(|word| word.to_lowercase().parse().ok());
    let controls = annotation(&lists, "controls")
        .map(|text| text.split([',', '\n', ' ']).map(str::trim).filter(|part| !part.is_empty()).map(Arc::from).collect::<Vec<Arc<str>>>());
    let title = annotation(&lists, "title").cloned().unwrap_or_else(|| format!("{kind} {name}").into());
    let why = annotation(&lists, "description").map_or_else(|| "A constraint of your own asks for it.".into(), |text| text.trim().into());
    let applies_to = interest.kinds.iter().filter(|kind| *kind.kind != *"*").map(|kind| Arc::clone(&kind.kind)).collect();
    RuleMeta {
        id: format!("{kind}/{name}").into(),
        engine: ENGINE,
        title,
        severity: severity.unwrap_or(match effect {
            Some(Effect::Deny) => Severity::High,
            Some(Effect::Warn | Effect::Audit) => Severity::Medium,
            Some(Effect::DryRun) | None => Severity::Low,
        }),
        confidence: Confidence::Certain,
        stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
        applies_to,
        controls: controls.unwrap_or_default(),
        aliases: Vec::new(),
        why,
        fix: format!("Change the object so that it meets the constraint `{name}`.").into(),
        other_fixes: Vec::new(),
        waivable: true,
        mends: false,
        parameters: Vec::new(),
    }
}
