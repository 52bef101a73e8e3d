//! Annotations of rules to what a rule says of itself.

use std::sync::Arc;

use probity_core::{Confidence, Effect, Phase, PolicyRule, RuleMeta, Severity, Stage, StageKind};

use crate::Term;
use crate::engine::RuleInfo;

/// A rule of a namespace. Where its bodies are annotated one by one, the worst severity and all controls count.
pub(super) fn rule(namespace: &Arc<str>, name: &Arc<str>, warns: bool, infos: &[&RuleInfo]) -> PolicyRule {
    let id: Arc<str> = format!("{namespace}/{name}").into();
    let notes: Vec<&Term> = infos.iter().flat_map(|info| &info.annotations).collect();
    let text = |key: &str| notes.iter().find_map(|note| note.get_str(key).as_ref().and_then(Term::as_str).map(Arc::<str>::from));
    let custom: Vec<Term> = notes.iter().filter_map(|note| note.get_str("custom")).collect();
    let custom_text = |keys: &[&str]| {
        custom
            .iter()
            .flat_map(|custom| keys.iter().filter_map(|key| custom.get_str(key)))
            .find_map(|term| term.as_str().map(Arc::<str>::from))
    };
    // Nearest annotations of each body first: the first severity of a body is its own.
    let own = |info: &&RuleInfo| info.annotations.iter().filter_map(|note| note.get_str("custom")).find_map(|custom| severity(&custom));
    let severity = infos.iter().filter_map(own).max();
    let default = if warns { Severity::Medium } else { Severity::High };
    let title = text("title").or_else(|| custom_text(&["title"]));
    PolicyRule {
        policy: Arc::clone(namespace),
        policy_kind: "rego".into(),
        name: Arc::clone(name),
        phase: Phase::Validate,
        effect: if warns { Effect::Warn } else { Effect::Deny },
        meta: Arc::new(RuleMeta {
            id: Arc::clone(&id),
            engine: "rego",
            title: title.unwrap_or(id),
            severity: severity.unwrap_or(default),
            confidence: Confidence::Certain,
            stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
            applies_to: Vec::new(),
            controls: words(&custom, &["controls"]),
            aliases: words(&custom, &["id", "ids", "short_code", "avd_id", "aliases"]),
            why: text("description").or_else(|| custom_text(&["description", "why"])).unwrap_or_else(|| "".into()),
            fix: custom_text(&["fix", "remediation", "recommended_action", "recommended_actions"]).unwrap_or_else(|| "".into()),
            other_fixes: Vec::new(),
            waivable: true,
            mends: false,
            parameters: Vec::new(),
        }),
        at: infos.first().map_or(probity_value::Span::NONE, |info| info.span),
    }
}

fn severity(custom: &Term) -> Option<Severity> {
    let word = custom.get_str("severity")?.as_str()?.to_ascii_lowercase();
    match word.as_str() {
        "error" => Some(Severity::High),
        "warning" | "moderate" => Some(Severity::Medium),
        "informational" | "note" | "none" => Some(Severity::Info),
        word => word.parse().ok(),
    }
}

/// Texts and lists of texts under some keys, each once.
fn words(custom: &[Term], keys: &[&str]) -> Vec<Arc<str>> {
    let mut out: Vec<Arc<str>> = Vec::new();
    let mut add = |term: &Term| {
        if let Some(text) = term.as_str()
            && !out.iter().any(|known| **known == *text)
        {
            out.push(text.into());
        }
    };
    for value in custom.iter().flat_map(|custom| keys.iter().filter_map(|key| custom.get_str(key))) {
        match value.as_array() {
            Some(items) => items.iter().for_each(|item| add(&item)),
            None => add(&value),
        }
    }
    out
}
