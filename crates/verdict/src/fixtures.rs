//! Things tests are made of.

use std::sync::Arc;

use probity_core::{Confidence, Digest, Finding, Place, RuleMeta, Severity, Stage, StageKind, Status, SubjectKind, SubjectRef, Timestamp};
use probity_value::Span;

use crate::Day;
use crate::config::{Approver, Config};
use crate::signature::SignatureCheck;

/// 2026-11-23, noon.
pub(crate) fn now() -> Timestamp {
    Timestamp { seconds: 1_795_435_200, nanoseconds: 0 }
}

pub(crate) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(crate) fn rule(id: &str, severity: Severity) -> Arc<RuleMeta> {
    Arc::new(RuleMeta {
        id: id.into(),
        engine: "checks",
        title: "a title".into(),
        severity,
        confidence: Confidence::Certain,
        stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
        applies_to: vec!["aws_s3_bucket".into()],
        controls: vec!["soc2/CC6.1".into()],
        aliases: vec![],
        why: "because".into(),
        fix: "mend it".into(),
        other_fixes: Vec::new(),
        waivable: true,
        mends: false,
        parameters: Vec::new(),
    })
}

pub(crate) fn place(file: &str, line: u32) -> Place {
    Place { file: file.into(), line, column: 1, end_line: line, end_column: 9, span: Span::NONE }
}

pub(crate) fn finding(rule: &Arc<RuleMeta>, subject: &str, file: &str, status: Status) -> Finding {
    let root = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let fingerprint = crate::fingerprint::fingerprint(&rule.id, subject, root, None, &digest);
    Finding {
        rule: Arc::clone(rule),
        status,
        message: "found".into(),
        subject: SubjectRef { kind: SubjectKind::Terraform, id: subject.into(), type_name: "aws_s3_bucket".into(), root: root.into() },
        at: place(file, 3),
        subject_at: Place { end_line: 9, ..place(file, 1) },
        via: vec![],
        origin: vec![],
        fingerprint,
        also_seen_by: vec![],
        exception: None,
        counts: true,
        existed: None,
        colour: None,
        first_met: None,
    }
}

/// Not SHA-256, but spreads: four FNV-1a sums with different starts.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    let mut out = [0_u8; 32];
    for (lane, chunk) in out.chunks_mut(8).enumerate() {
        let mut sum: u64 = 0xcbf2_9ce4_8422_2325 ^ (lane as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in bytes {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            sum ^= sum >> 29;
        }
        chunk.copy_from_slice(&sum.to_be_bytes());
    }
    Digest(out)
}

/// A signature is `signed KEY NAMESPACE LENGTH`.
pub(crate) struct FakeSignatures;

pub(crate) fn sign(key: &str, namespace: &str, message: &str) -> Arc<str> {
    format!("signed {key} {namespace} {}", digest(message.as_bytes())).into()
}

impl SignatureCheck for FakeSignatures {
    fn verify(&self, public_key: &str, namespace: &str, message: &[u8], signature: &str) -> Result<(), String> {
        let expected = format!("signed {public_key} {namespace} {}", digest(message));
        if expected == signature { Ok(()) } else { Err("the signature does not fit".into()) }
    }
}

pub(crate) const SECURITY_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIsecurity";
pub(crate) const TEAM_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIteam";

/// A configuration with two approvers: `Sara Sec` for everything, `Tom Team` for medium and below.
pub(crate) fn with_approvers() -> Config {
    let approvers = vec![
        Approver {
            name: "Sara Sec".into(),
            role: "security".into(),
            emails: vec!["sara@example.com".into()],
            keys: vec![SECURITY_KEY.into()],
            may_accept: Severity::ALL.iter().copied().collect(),
        },
        Approver {
            name: "Tom Team".into(),
            role: "team".into(),
            emails: vec!["tom@example.com".into()],
            keys: vec![TEAM_KEY.into()],
            may_accept: [Severity::Info, Severity::Low, Severity::Medium].into(),
        },
    ];
    Config { approvers, ..Config::default() }
}
