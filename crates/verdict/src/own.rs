//! Rules Probity has about its own configuration, and findings of them. They cannot be disabled.

use std::sync::Arc;

use probity_core::{Confidence, Digest, Finding, Place, RuleMeta, Severity, Stage, StageKind, Status, SubjectKind, SubjectRef};
use probity_value::{SourceMap, Span};

use crate::fingerprint::fingerprint;

/// The engine named in these rules.
pub const ENGINE: &str = "probity";

/// The configuration differs from the one at the base revision.
pub const CONFIG_CHANGED: &str = "probity-config-changed";
/// An exception, or the baseline, is new or other than at the base revision.
pub const EXCEPTION_CHANGED: &str = "probity-exception-changed";
/// An exception or the baseline of the base revision is gone.
pub const EXCEPTION_REMOVED: &str = "probity-exception-removed";
/// A policy file differs from the one at the base revision.
pub const POLICY_CHANGED: &str = "probity-policy-changed";
/// A comment that suppresses findings was not there at the base revision.
pub const SUPPRESSION_ADDED: &str = "probity-suppression-added";
/// A scan that must be there is absent or too old.
pub const REQUIRED_SCAN: &str = "probity-required-scan-missing";
/// The repository asks for less than the organisation floor.
pub const FLOOR_LOOSENED: &str = "probity-floor-loosened";

struct Own {
    id: &'static str,
    severity: Severity,
    title: &'static str,
    why: &'static str,
    fix: &'static str,
}

const OWN: &[Own] = &[
    Own {
        id: CONFIG_CHANGED,
        severity: Severity::Medium,
        title: "Change of the configuration that judges",
        why: "A change that relaxes its own judge could pass anything; so it is judged by the configuration of the base revision.",
        fix: "Have an approver look at it, and bring it in by a change of its own.",
    },
    Own {
        id: EXCEPTION_CHANGED,
        severity: Severity::Medium,
        title: "New or changed exception",
        why: "An exception takes effect once it is at the base revision, so that nobody waives the findings of their own change.",
        fix: "Have an approver sign it, and bring it in by a change of its own.",
    },
    Own {
        id: EXCEPTION_REMOVED,
        severity: Severity::Info,
        title: "Exception taken out",
        why: "What it covered will count again once this change is at the base revision.",
        fix: "Make sure that what it covered is mended.",
    },
    Own {
        id: POLICY_CHANGED,
        severity: Severity::Medium,
        title: "Change of a policy that judges",
        why: "A change that rewrites its own rules could pass anything; so it is judged by the policies of the base revision.",
        fix: "Have an approver look at it, and bring it in by a change of its own.",
    },
    Own {
        id: SUPPRESSION_ADDED,
        severity: Severity::Medium,
        title: "New comment that suppresses findings",
        why: "The author of a change cannot accept its risk; the comment takes effect once it is at the base revision.",
        fix: "Mend the finding, or ask an approver for a signed exception.",
    },
    Own {
        id: REQUIRED_SCAN,
        severity: Severity::High,
        title: "Required scan absent or too old",
        why: "Without the results of that scan nobody knows what it would have found.",
        fix: "Run the scan and give its results with `--report FILE` or under `scans`.",
    },
    Own {
        id: FLOOR_LOOSENED,
        severity: Severity::Medium,
        title: "Configuration asks for less than the organisation floor",
        why: "The organisation floor may only be tightened; what asks for less has no effect.",
        fix: "Take the setting out, or ask those who keep the floor to change it.",
    },
];

/// All rules of this kind, for `explain`, `policies list` and the rules of a report.
#[must_use]
pub fn rules() -> Vec<Arc<RuleMeta>> {
    OWN.iter()
        .map(|own| {
            Arc::new(RuleMeta {
                id: own.id.into(),
                engine: ENGINE,
                title: own.title.into(),
                severity: own.severity,
                confidence: Confidence::Certain,
                stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
                applies_to: vec!["configuration".into()],
                controls: vec!["pci-dss-4.0.1/6.5.1".into(), "nist-800-53r5/CM-3".into(), "soc2/CC8.1".into()],
                aliases: Vec::new(),
                why: own.why.into(),
                fix: own.fix.into(),
                other_fixes: Vec::new(),
                waivable: true,
                mends: false,
                parameters: Vec::new(),
            })
        })
        .collect()
}

/// Whether a rule is one of these.
#[must_use]
pub fn is_own(rule: &RuleMeta) -> bool {
    rule.engine == ENGINE
}

/// A finding of one of these rules. `judged` is what makes this very case: the new text, the name of the scan.
pub(crate) fn finding(rule: &str, subject: &str, at: Place, message: String, judged: &str, digest: &dyn Fn(&[u8]) -> Digest) -> Finding {
    let meta = rules().into_iter().find(|meta| &*meta.id == rule).unwrap_or_else(|| unknown_rule(rule));
    Finding {
        fingerprint: fingerprint(rule, subject, "", Some(judged), digest),
        rule: meta,
        status: Status::Fail,
        message,
        subject: SubjectRef { kind: SubjectKind::Configuration, id: subject.into(), type_name: "configuration".into(), root: "".into() },
        subject_at: at.clone(),
        at,
        via: Vec::new(),
        origin: Vec::new(),
        also_seen_by: Vec::new(),
        exception: None,
        counts: true,
        existed: None,
        colour: None,
        first_met: None,
    }
}

/// Only for an id that is not in the table, which a test rules out; it is as bad as can be, so that nothing slips through.
fn unknown_rule(id: &str) -> Arc<RuleMeta> {
    Arc::new(RuleMeta {
        id: id.into(),
        engine: ENGINE,
        title: id.into(),
        severity: Severity::Critical,
        confidence: Confidence::Certain,
        stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
        applies_to: Vec::new(),
        controls: Vec::new(),
        aliases: Vec::new(),
        why: "".into(),
        fix: "".into(),
        other_fixes: Vec::new(),
        waivable: true,
        mends: false,
        parameters: Vec::new(),
    })
}

/// A span as a place; the whole of `file` where it names none.
pub(crate) fn place(span: Span, file: &Arc<str>, sources: &SourceMap) -> Place {
    match sources.locate(span) {
        Some((file, start, end)) => {
            Place { file, line: start.line, column: start.column, end_line: end.line, end_column: end.column, span }
        }
        None => whole_file(file),
    }
}

/// A whole file as a place.
#[must_use]
pub fn whole_file(file: &Arc<str>) -> Place {
    Place { file: Arc::clone(file), line: 0, column: 0, end_line: 0, end_column: 0, span: Span::NONE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_its_rule() {
        let ids: Vec<_> = rules().iter().map(|rule| rule.id.to_string()).collect();
        for id in [CONFIG_CHANGED, EXCEPTION_CHANGED, EXCEPTION_REMOVED, POLICY_CHANGED, SUPPRESSION_ADDED, REQUIRED_SCAN, FLOOR_LOOSENED] {
            assert!(ids.iter().any(|known| known == id), "{id}");
        }
        assert_eq!(ids.len(), 7);
        assert!(rules().iter().all(|rule| is_own(rule)));
    }
}
