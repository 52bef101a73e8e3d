//! What a violation leads to, and where: `enforcementAction` and `scopedEnforcementActions`.

use std::fmt;
use std::sync::Arc;

use probity_core::Effect;
use probity_value::{Map, Span, Value};

use crate::read::{self, Fault};

const CODE: &str = "gatekeeper-enforcement";

/// Where constraints are enforced. A constraint may say for each what its violations lead to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum EnforcementPoint {
    /// At admission: `validation.gatekeeper.sh`.
    Webhook,
    /// In the audit of what runs: `audit.gatekeeper.sh`.
    Audit,
    /// Before anything runs, on a laptop or in CI: `gator.gatekeeper.sh`.
    #[default]
    Gator,
    /// In a ValidatingAdmissionPolicy made of the template: `vap.k8s.io`.
    Policy,
}

impl EnforcementPoint {
    /// All of them.
    pub const ALL: &'static [EnforcementPoint] =
        &[EnforcementPoint::Webhook, EnforcementPoint::Audit, EnforcementPoint::Gator, EnforcementPoint::Policy];

    /// Its name in constraints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            EnforcementPoint::Webhook => "validation.gatekeeper.sh",
            EnforcementPoint::Audit => "audit.gatekeeper.sh",
            EnforcementPoint::Gator => "gator.gatekeeper.sh",
            EnforcementPoint::Policy => "vap.k8s.io",
        }
    }
}

impl fmt::Display for EnforcementPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a word says; nothing where it is not known.
pub(crate) fn effect(word: &str) -> Option<Effect> {
    match word {
        "deny" => Some(Effect::Deny),
        "warn" => Some(Effect::Warn),
        "dryrun" => Some(Effect::DryRun),
        _ => None,
    }
}

/// What violations of a constraint lead to at a point: nothing where it is not enforced there.
pub(crate) fn at_point(spec: Option<&Map>, at: Span, point: EnforcementPoint, warnings: &mut Vec<Fault>) -> Result<Option<Effect>, Fault> {
    let given = spec.and_then(|spec| spec.get("enforcementAction"));
    let word: Option<&Arc<str>> = given.map(|value| read::text(value, "enforcementAction", CODE)).transpose()?;
    match word.map(|word| &**word) {
        Some("scoped") => scoped(spec, at, point, warnings),
        None | Some("") => Ok(Some(Effect::Deny)),
        Some(word) => Ok(Some(effect(word).unwrap_or_else(|| {
            let message = format!("the enforcement action `{word}` is none of `deny`, `dryrun`, `warn`, `scoped`, and is taken for `deny`");
            warnings.push(Fault::new(CODE, given.map_or(at, |value| value.span), message).error());
            Effect::Deny
        }))),
    }
}

fn scoped(spec: Option<&Map>, at: Span, point: EnforcementPoint, warnings: &mut Vec<Fault>) -> Result<Option<Effect>, Fault> {
    let list = spec.and_then(|spec| spec.get("scopedEnforcementActions")).filter(|value| !value.is_null());
    let list = list
        .ok_or_else(|| Fault::new(CODE, at, "`spec.scopedEnforcementActions` has to be there where the enforcement action is `scoped`"))?;
    let mut strictest = None;
    for item in read::list(list, "scopedEnforcementActions", CODE)? {
        let item_at = item.span;
        let item = read::map(item, "scopedEnforcementActions", CODE)?;
        let points = points(item, item_at, warnings)?;
        let word = read::text_field(item, "action", CODE, warnings)?.map_or("", |word| &**word);
        let effect = effect(word).unwrap_or_else(|| {
            let message = format!("the scoped enforcement action `{word}` is none of `deny`, `dryrun`, `warn`, and is taken for `deny`");
            warnings.push(Fault::new(CODE, item.get("action").map_or(item_at, |value| value.span), message).error());
            Effect::Deny
        });
        if points.iter().any(|name| **name == *"*" || **name == *point.as_str()) {
            strictest = Some(strictest.map_or(effect, |known: Effect| known.min(effect)));
        }
    }
    Ok(strictest)
}

fn points(item: &Map, at: Span, warnings: &mut Vec<Fault>) -> Result<Vec<Arc<str>>, Fault> {
    let known: Vec<&str> = EnforcementPoint::ALL.iter().map(|point| point.as_str()).chain(["*"]).collect();
    let mut names = Vec::new();
    let list: &[Value] = match read::field(item, "enforcementPoints", warnings) {
        Some(list) => read::list(list, "enforcementPoints", CODE)?,
        None => &[],
    };
    for entry in list {
        let map = read::map(entry, "enforcementPoints", CODE)?;
        let name = read::text_field(map, "name", CODE, warnings)?.cloned().unwrap_or_default();
        if !known.contains(&&*name) {
            let message = format!("the enforcement point `{name}` is not known: the constraint is not enforced there");
            warnings.push(Fault::new(CODE, entry.span, message).hint(format!("known are {}", read::known(&known))).error());
        }
        names.push(name);
    }
    if names.is_empty() {
        warnings.push(Fault::new(CODE, at, "a scoped enforcement action without enforcement points says nothing").error());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::FileId;

    #[test]
    fn actions_by_point() {
        let check = |spec: &str, expected: &str| {
            let value = probity_value::yaml::parse(spec, FileId::NONE).0.into_iter().next().map(|document| document.value).unwrap();
            let mut warnings = Vec::new();
            let found = match at_point(value.as_map(), Span::NONE, EnforcementPoint::Gator, &mut warnings) {
                Ok(None) => "nothing".to_owned(),
                Ok(Some(effect)) => effect.to_string(),
                Err(fault) => fault.message,
            };
            let found = warnings.iter().fold(found, |found, warning| format!("{found}; {}", warning.message));
            assert!(found.starts_with(expected), "{spec}: {found}");
            assert_eq!(found.contains(';'), expected.contains(';'), "{spec}: {found}");
        };
        check("{}", "deny");
        check("{enforcementAction: warn}", "warn");
        check("{enforcementAction: dryrun}", "dryrun");
        check("{enforcementAction: Deny}", "deny; the enforcement action `Deny` is none of");
        check("{enforcementAction: scoped}", "`spec.scopedEnforcementActions` has to be there");
        check("{enforcementAction: scoped, scopedEnforcementActions: []}", "nothing");
        check("{enforcementAction: scoped, scopedEnforcementActions: [{action: warn, enforcementPoints: [{name: '*'}]}]}", "warn");
        check(
            "{enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: audit.gatekeeper.sh}]}]}",
            "nothing",
        );
        check(
            "{enforcementAction: scoped, scopedEnforcementActions: [{action: warn, enforcementPoints: [{name: '*'}]}, {action: deny, enforcementPoints: [{name: gator.gatekeeper.sh}]}]}",
            "deny",
        );
        check(
            "{enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: gator}]}]}",
            "nothing; the enforcement point `gator`",
        );
        check(
            "{enforcementAction: scoped, scopedEnforcementActions: [{action: audit, enforcementPoints: [{name: '*'}]}]}",
            "deny; the scoped",
        );
        // Without `scoped` the scoped actions say nothing.
        check("{scopedEnforcementActions: [{action: warn, enforcementPoints: [{name: '*'}]}]}", "deny");
    }
}
