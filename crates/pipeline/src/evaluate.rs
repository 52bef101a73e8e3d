//! Second step: every rule that applies judges every subject.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use probity_core::{Confidence, EvalContext, Program, RuleMeta, RuleResult, Severity, Stage, StageKind, Status, SubjectIndex, World};
use rayon::prelude::*;

use crate::collect::panic_text;

/// Results, and how many there were of each status, shown or not.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// Results kept, in the order of subjects.
    pub results: Vec<RuleResult>,
    /// All results by status word.
    pub by_status: BTreeMap<&'static str, usize>,
    /// The same for each rule, by its id: which rules judged anything at all.
    pub by_rule: ByRule,
}

/// Results of rules by their ids and by status word.
pub type ByRule = BTreeMap<Arc<str>, BTreeMap<&'static str, usize>>;

/// What one thread found. Rules are told apart by where they lie, which is quicker than by their ids.
#[derive(Default)]
struct Part {
    results: Vec<RuleResult>,
    counts: HashMap<usize, (Arc<RuleMeta>, BTreeMap<&'static str, usize>)>,
}

impl Part {
    fn count(&mut self, rule: &Arc<RuleMeta>, status: Status) {
        // The rule is kept beside its counts, so that no other one comes to lie at its place.
        let (_, counts) = self.counts.entry(Arc::as_ptr(rule).addr()).or_insert_with(|| (Arc::clone(rule), BTreeMap::new()));
        *counts.entry(status.as_str()).or_insert(0) += 1;
    }
}

impl From<Part> for Evaluation {
    fn from(part: Part) -> Evaluation {
        let mut out = Evaluation { results: part.results, ..Evaluation::default() };
        for (rule, counts) in part.counts.into_values() {
            let of_rule = out.by_rule.entry(Arc::clone(&rule.id)).or_default();
            for (status, count) in counts {
                *out.by_status.entry(status).or_insert(0) += count;
                *of_rule.entry(status).or_insert(0) += count;
            }
        }
        out
    }
}

/// The rule that speaks when an engine fails.
fn engine_failed() -> Arc<RuleMeta> {
    Arc::new(RuleMeta {
        id: "probity-engine-failed".into(),
        engine: "probity",
        title: "A policy engine failed on this subject".into(),
        severity: Severity::High,
        confidence: Confidence::Certain,
        stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
        applies_to: Vec::new(),
        controls: Vec::new(),
        aliases: Vec::new(),
        why: "What could not be judged may hide anything.".into(),
        fix: "Report the subject to the maintainers of Probity.".into(),
        other_fixes: Vec::new(),
        waivable: false,
        mends: false,
        parameters: Vec::new(),
    })
}

/// Judges every subject with every program, in parallel. `keep` says of a rule and a status whether the result takes part (`None` where
/// it does not) and whether it is kept or only counted. A panic in an engine is an `error` result, never a pass.
#[must_use]
pub fn evaluate(
    world: &World,
    programs: &[&dyn Program],
    context: &EvalContext,
    keep: &(dyn Fn(&Arc<RuleMeta>, Status) -> Option<bool> + Sync),
) -> Evaluation {
    let count = u32::try_from(world.subjects().len()).unwrap_or(u32::MAX);
    (0..count)
        .into_par_iter()
        .fold(Part::default, |mut out, position| {
            let subject = SubjectIndex(position);
            for program in programs {
                let results = catch_unwind(AssertUnwindSafe(|| program.evaluate(subject, world, context))).unwrap_or_else(|panic| {
                    vec![RuleResult {
                        rule: engine_failed(),
                        subject,
                        status: Status::Error,
                        message: format!("the engine failed: {}", panic_text(&*panic)),
                        at: world.subject(subject).map_or(probity_value::Span::NONE, |subject| subject.head),
                        judged: None,
                        related: Vec::new(),
                        colour: None,
                        first_met: None,
                    }]
                });
                for result in results {
                    let failed = result.status == Status::Error;
                    let Some(kept) = keep(&result.rule, result.status).or(failed.then_some(true)) else { continue };
                    out.count(&result.rule, result.status);
                    if kept {
                        out.results.push(result);
                    }
                }
            }
            out
        })
        .map(Evaluation::from)
        .reduce(Evaluation::default, |mut left, right| {
            left.results.extend(right.results);
            for (status, count) in right.by_status {
                *left.by_status.entry(status).or_insert(0) += count;
            }
            for (rule, counts) in right.by_rule {
                let of_rule = left.by_rule.entry(rule).or_default();
                for (status, count) in counts {
                    *of_rule.entry(status).or_insert(0) += count;
                }
            }
            left
        })
}
