//! Features of terraform-compliance: scenarios of `Given`, `When` and `Then` over Terraform resources, from a plan or from the source.
//!
//! A scenario is judged for each resource by itself: `Given` and `When` say whether it speaks of the resource, `Then` what must hold.
//! What is asked of several resources together (`I flatten all values found`) is refused.

mod gherkin;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{
    Confidence, Diagnostic, EvalContext, Level, Program, RuleMeta, RuleResult, Severity, Stage, StageKind, Status, SubjectIndex,
    SubjectKind, World,
};
use probity_value::FileId;

use crate::pattern::Pattern;
use steps::{Outcome, Step};

/// Name of the engine.
pub const ENGINE: &str = "terraform-compliance";

/// A scenario; an outline gives several with one id.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it says of itself.
    pub meta: Arc<RuleMeta>,
    steps: Vec<Step>,
    excluded: Vec<Pattern>,
    /// `@nofail`, `@warning`: a failure is a warning.
    warns: bool,
}

/// Lower case, with `-` for everything that is no letter or digit.
fn slug(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter.is_alphanumeric() {
            out.extend(letter.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

impl Scenario {
    /// Reads a feature file. A step that is not understood is an error among the diagnostics.
    #[must_use]
    pub fn parse(text: &str, path: &str, file: FileId) -> (Vec<Scenario>, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let written = match gherkin::read(text, file) {
            Ok(written) => written,
            Err((span, message)) => return (Vec::new(), vec![Diagnostic::new(Level::Error, "feature", path, span, message)]),
        };
        let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".feature");
        let mut out = Vec::new();
        for one in written {
            let feature = if one.feature.is_empty() { stem } else { &*one.feature };
            let mut steps = Vec::new();
            let mut wrong = false;
            for line in &one.steps {
                match Step::read(line.keyword, &line.text) {
                    Ok(step) => steps.push(step),
                    Err(why) => {
                        wrong = true;
                        let message = format!("the step `{}` is not taken over: {why}", line.text.chars().take(100).collect::<String>());
                        diagnostics.push(Diagnostic::new(Level::Error, "feature", path, line.span, message));
                    }
                }
            }
            if wrong {
                continue;
            }
            let excluded = one.tags.iter().filter_map(|tag| tag.strip_prefix("exclude_"));
            let excluded = excluded.filter_map(|text| Pattern::new(text, true).ok()).collect();
            let warns = one.tags.iter().any(|tag| matches!(&**tag, "nofail" | "no_fail" | "warning"));
            let id = [slug(feature), slug(&one.name)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
            let applies_to = steps.iter().filter_map(Step::type_name).map(Arc::from).collect();
            let meta = RuleMeta {
                id: if id.is_empty() { slug(stem).into() } else { id.into() },
                engine: ENGINE,
                title: if one.name.is_empty() { feature.into() } else { Arc::clone(&one.name) },
                severity: Severity::Medium,
                confidence: Confidence::Firm,
                stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
                applies_to,
                controls: Vec::new(),
                aliases: Vec::new(),
                why: format!("The feature `{feature}` of your own asks for it.").into(),
                fix: format!("Change the resource so that it meets `{path}`.").into(),
                other_fixes: Vec::new(),
                waivable: true,
                mends: false,
                parameters: Vec::new(),
            };
            out.push(Scenario { meta: Arc::new(meta), steps, excluded, warns });
        }
        (out, diagnostics)
    }
}

/// Scenarios, ready to judge.
#[derive(Debug, Default)]
pub struct FeatureProgram {
    /// By id: the rule, and its scenarios.
    rules: Vec<(Arc<RuleMeta>, Vec<Scenario>)>,
}

impl FeatureProgram {
    /// Takes scenarios in. Those of one id are one rule: the worst of what they say counts.
    #[must_use]
    pub fn new(scenarios: Vec<Scenario>) -> FeatureProgram {
        let mut places: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        let mut program = FeatureProgram::default();
        for scenario in scenarios {
            match places.get(&scenario.meta.id).and_then(|place| program.rules.get_mut(*place)) {
                Some((meta, all)) => {
                    let mut joined = (**meta).clone();
                    joined.applies_to.extend(scenario.meta.applies_to.iter().cloned());
                    joined.applies_to.sort_unstable();
                    joined.applies_to.dedup();
                    *meta = Arc::new(joined);
                    all.push(scenario);
                }
                None => {
                    places.insert(Arc::clone(&scenario.meta.id), program.rules.len());
                    program.rules.push((Arc::clone(&scenario.meta), vec![scenario]));
                }
            }
        }
        program
    }
}

fn weight(status: Status) -> u8 {
    match status {
        Status::Fail => 4,
        Status::Warn => 3,
        Status::Unknown => 2,
        Status::Pass => 1,
        _ => 0,
    }
}

impl Program for FeatureProgram {
    fn rules(&self) -> Vec<Arc<RuleMeta>> {
        self.rules.iter().map(|(meta, _)| Arc::clone(meta)).collect()
    }

    fn evaluate(&self, index: SubjectIndex, world: &World, _: &EvalContext) -> Vec<RuleResult> {
        let Some(subject) = world.subject(index).filter(|subject| subject.kind == SubjectKind::Terraform) else { return Vec::new() };
        let mut out = Vec::new();
        for (meta, scenarios) in &self.rules {
            let mut worst: Option<RuleResult> = None;
            for scenario in scenarios {
                if scenario.excluded.iter().any(|pattern| pattern.is_match(&subject.id) != Some(false)) {
                    continue;
                }
                let (status, message, judged) = match steps::run(&scenario.steps, index, subject, world) {
                    Outcome::Skipped => continue,
                    Outcome::Passed => (Status::Pass, String::new(), None),
                    Outcome::Failed(message, value) => (if scenario.warns { Status::Warn } else { Status::Fail }, message, value),
                    Outcome::Unknown(message, value) => (Status::Unknown, message, value),
                };
                let at = judged.as_ref().map_or(subject.head, |value| value.span.or(subject.head));
                let result = RuleResult {
                    rule: Arc::clone(meta),
                    subject: index,
                    status,
                    message,
                    at,
                    judged,
                    related: Vec::new(),
                    colour: None,
                    first_met: None,
                };
                if worst.as_ref().is_none_or(|before| weight(before.status) < weight(status)) {
                    worst = Some(result);
                }
            }
            out.extend(worst);
        }
        out
    }
}
