//! Reports for tests, as a real run makes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{
    Colour, Confidence, Counts, Coverage, Diagnostic, Digest, EvidenceRef, ExceptionKind, ExceptionRef, Finding, Level, OriginPlace, Place,
    ReadFile, Report, RuleMeta, Severity, SkippedFile, Stage, StageKind, Status, SubjectKind, SubjectRef, Timestamp, ToolInfo, Verdict,
};
use probity_value::{FileId, SourceMap, Span};

pub(crate) const DB: &str = "\
resource \"aws_db_instance\" \"main\" {
  identifier        = \"payments\"
  storage_encrypted = var.encrypted
  password          = \"hunter2-is-secret\"
  backup_retention_period = 0
}
";
pub(crate) const VARIABLES: &str = "\
variable \"encrypted\" {
  type    = bool
  default = false
}
";
pub(crate) const MAIN: &str = "\
module \"db\" {
  source   = \"./db\"
  for_each = toset([\"eu\", \"us\"])
}
";
pub(crate) const BROKEN: &str = "\
resource \"aws_s3_bucket\" {
  bucket = = \"x\"
}
";

pub(crate) fn place(sources: &SourceMap, file: FileId, needle: &str) -> Place {
    let text = sources.file(file).unwrap();
    let start = text.text().find(needle).unwrap();
    let span = Span::new(file, start..start + needle.len());
    at(sources, span)
}

pub(crate) fn at(sources: &SourceMap, span: Span) -> Place {
    let (file, start, end) = sources.locate(span).unwrap();
    Place { file, line: start.line, column: start.column, end_line: end.line, end_column: end.column, span }
}

pub(crate) fn rule(id: &str, severity: Severity) -> RuleMeta {
    RuleMeta {
        id: id.into(),
        engine: "checks",
        title: "RDS instance stores its data unencrypted".into(),
        severity,
        confidence: Confidence::Certain,
        stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
        applies_to: vec!["aws_db_instance".into()],
        controls: vec!["pci-dss-4.0.1/3.5.1".into(), "nist-800-53r5/SC-28".into()],
        aliases: vec!["CKV_AWS_16".into(), "AVD-AWS-0080".into()],
        why: "Whoever gets the disk or a snapshot reads every row.".into(),
        fix: "Set `storage_encrypted = true`; an existing instance has to be restored from an encrypted snapshot copy.".into(),
        other_fixes: Vec::new(),
        waivable: true,
        mends: false,
        parameters: Vec::new(),
    }
}

pub(crate) fn finding(rule: RuleMeta, id: &str, at: Place, message: &str) -> Finding {
    Finding {
        rule: Arc::new(rule),
        status: Status::Fail,
        message: message.to_owned(),
        subject: SubjectRef { kind: SubjectKind::Terraform, id: id.into(), type_name: "aws_db_instance".into(), root: "envs/prod".into() },
        subject_at: at.clone(),
        fingerprint: format!("fp-{id}-{}-{}", at.line, at.column).into(),
        at,
        via: vec![],
        origin: vec![],
        also_seen_by: vec![],
        exception: None,
        counts: true,
        existed: None,
        colour: None,
        first_met: None,
    }
}

/// A red gate: one fault with origin and module call in two instances, one medium fault covered by an exception, one unknown, one
/// broken file.
pub(crate) fn report() -> (Report, SourceMap) {
    let sources = SourceMap::new();
    let db = sources.add("db/db.tf", DB);
    let variables = sources.add("db/variables.tf", VARIABLES);
    let main = sources.add("main.tf", MAIN);
    let broken = sources.add("broken.tf", BROKEN);

    let mut findings = vec![];
    for key in ["eu", "us"] {
        let mut one = finding(
            rule("aws-rds-instance-unencrypted", Severity::High),
            &format!("module.db[\"{key}\"].aws_db_instance.main"),
            place(&sources, db, "var.encrypted"),
            "`storage_encrypted` is `false`",
        );
        one.subject_at = place(&sources, db, DB.trim_end());
        one.via = vec![place(&sources, main, "module \"db\"")];
        one.origin = vec![OriginPlace { what: "default of `var.encrypted`".to_owned(), at: place(&sources, variables, "default = false") }];
        one.also_seen_by = vec!["Checkov".into()];
        one.existed = Some(false);
        one.fingerprint = format!("fp-encrypted-{key}").into();
        findings.push(one);
    }
    let mut weak = rule("aws-rds-instance-backup-off", Severity::Medium);
    weak.title = "RDS instance keeps no backups".into();
    weak.aliases = vec![];
    let mut covered = finding(
        weak,
        "module.db[\"eu\"].aws_db_instance.main",
        place(&sources, db, "backup_retention_period = 0"),
        "`backup_retention_period` is `0`",
    );
    covered.exception = Some(ExceptionRef {
        source: "exception".into(),
        id: "db-backups".into(),
        kind: Some(ExceptionKind::AcceptedRisk),
        reason: "rebuilt from the ledger every night".into(),
        by: Some("maria".into()),
        expires: Some("2027-01-31".into()),
    });
    covered.counts = false;
    covered.existed = Some(true);
    findings.push(covered);
    let mut open = rule("aws-rds-instance-public", Severity::Critical);
    open.title = "RDS instance is reachable from the internet".into();
    let mut unknown = finding(
        open,
        "module.db[\"eu\"].aws_db_instance.main",
        place(&sources, db, "resource \"aws_db_instance\" \"main\""),
        "variable `public` has no value; a `.tfvars` file with it would decide",
    );
    unknown.status = Status::Unknown;
    findings.push(unknown);
    findings.sort_by(|a, b| (&a.at.file, a.at.line, &a.rule.id).cmp(&(&b.at.file, b.at.line, &b.rule.id)));

    let rules = findings.iter().map(|finding| (Arc::clone(&finding.rule.id), Arc::clone(&finding.rule))).collect::<BTreeMap<_, _>>();
    let report = Report {
        tool: ToolInfo { name: "probity".into(), version: "0.1.0".into(), policies: Digest([7; 32]) },
        target: "examples/payments".to_owned(),
        time: Timestamp { seconds: 1_769_860_800, nanoseconds: 0 },
        verdict: Some(Verdict {
            colour: Some(Colour::Red),
            permitted: false,
            because: vec!["2 findings are high or worse".to_owned()],
            notes: vec!["exception `old-tls` expired on 2026-01-01".to_owned()],
            counts: Counts {
                subjects: 5,
                by_status: BTreeMap::from([("fail", 3), ("pass", 14), ("unknown", 1)]),
                by_severity: BTreeMap::from([(Severity::High, 2)]),
                excepted: 1,
                by_control: BTreeMap::from([("nist-800-53r5/SC-28".into(), 2), ("pci-dss-4.0.1/3.5.1".into(), 2)]),
            },
        }),
        findings,
        rules: rules.into_values().collect(),
        coverage: Coverage {
            read: [("db/db.tf", 2), ("db/variables.tf", 0), ("main.tf", 3)]
                .map(|(file, subjects)| ReadFile { file: file.into(), source: "terraform", subjects })
                .to_vec(),
            skipped: vec![
                SkippedFile {
                    file: "broken.tf".into(),
                    source: "terraform",
                    why: "expected an expression".to_owned(),
                    fails: true,
                    partly: true,
                },
                SkippedFile {
                    file: "chart/templates/a.yaml".into(),
                    source: "kubernetes",
                    why: "chart, not rendered yet".to_owned(),
                    fails: false,
                    partly: false,
                },
            ],
        },
        diagnostics: vec![
            Diagnostic::new(
                Level::Error,
                "hcl-syntax",
                "broken.tf",
                place(&sources, broken, "= \"x\"").span,
                "expected an expression, found `=`",
            )
            .hint("remove one `=`"),
        ],
        evidence: Some(EvidenceRef {
            record: Digest([0xAB; 32]),
            index: 4,
            tree_size: 5,
            root: Digest([0xCD; 32]),
            anchored: false,
            place: "~/.local/state/probity".to_owned(),
        }),
    };
    (report, sources)
}

/// A clean green gate with nothing to say.
pub(crate) fn green() -> (Report, SourceMap) {
    let (mut report, sources) = report();
    report.findings.clear();
    report.diagnostics.clear();
    report.coverage.skipped.clear();
    report.verdict = Some(Verdict {
        colour: Some(Colour::Green),
        permitted: true,
        because: vec![],
        notes: vec![],
        counts: Counts { subjects: 5, by_status: BTreeMap::from([("pass", 18)]), ..Counts::default() },
    });
    (report, sources)
}

/// Text an attacker would put into a name or message.
pub(crate) const HOSTILE: &str =
    "x\x1b[2J\u{9b}31m\u{202e}evil\n::error::pwn%0A\r<script>alert(1)</script>]]>&|`@admin [l](https://e.vil) \"q\" '";

/// A report where every text that may come from a judged file is [`HOSTILE`].
pub(crate) fn hostile() -> (Report, SourceMap) {
    let (mut report, _) = report();
    let sources = SourceMap::new();
    let file = sources.add(HOSTILE, format!("{HOSTILE}\n\u{202e}{HOSTILE}\n"));
    let place = at(&sources, Span::new(file, 3..9));
    for finding in &mut report.findings {
        finding.message = HOSTILE.to_owned();
        finding.at = place.clone();
        finding.subject_at = place.clone();
        finding.subject.id = HOSTILE.into();
        finding.subject.root = HOSTILE.into();
        finding.subject.type_name = HOSTILE.into();
        finding.via = vec![place.clone()];
        finding.origin = vec![OriginPlace { what: HOSTILE.to_owned(), at: place.clone() }];
        finding.also_seen_by = vec![HOSTILE.into()];
        if let Some(exception) = &mut finding.exception {
            exception.reason = HOSTILE.into();
            exception.id = HOSTILE.into();
            exception.by = Some(HOSTILE.into());
        }
        let mut rule = (*finding.rule).clone();
        rule.engine = "sarif";
        rule.id = format!("tool/{HOSTILE}").into();
        for text in [&mut rule.title, &mut rule.why, &mut rule.fix] {
            *text = HOSTILE.into();
        }
        rule.aliases = vec![HOSTILE.into()];
        rule.controls = vec![HOSTILE.into()];
        finding.rule = Arc::new(rule);
    }
    report.rules = report.findings.iter().map(|finding| Arc::clone(&finding.rule)).collect();
    report.target = HOSTILE.to_owned();
    for skipped in &mut report.coverage.skipped {
        skipped.file = HOSTILE.into();
        skipped.why = HOSTILE.to_owned();
    }
    for read in &mut report.coverage.read {
        read.file = HOSTILE.into();
    }
    for diagnostic in &mut report.diagnostics {
        diagnostic.file = HOSTILE.into();
        diagnostic.message = HOSTILE.to_owned();
        diagnostic.hint = Some(HOSTILE.to_owned());
        diagnostic.span = place.span;
    }
    if let Some(verdict) = &mut report.verdict {
        verdict.because = vec![HOSTILE.to_owned()];
        verdict.notes = vec![HOSTILE.to_owned()];
        verdict.counts.by_control = BTreeMap::from([(HOSTILE.into(), 1)]);
    }
    (report, sources)
}

/// Fails where a Markdown page has anything alive in it that only hostile text can have brought: links, images, tags other than
/// `details`, `summary`, `code`, `b` and our marker, mentions.
pub(crate) fn dead_markdown(page: &str) {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let mut text = String::new();
    for event in Parser::new_ext(page, Options::all()) {
        match event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::FootnoteDefinition(_)) => panic!("a link: {event:?} in\n{page}"),
            Event::Html(html) | Event::InlineHtml(html) => {
                for tag in html.split('<').skip(1) {
                    let name = tag.trim_start_matches('/').split(['>', ' ']).next().unwrap();
                    assert!(["details", "summary", "code", "b", "!--"].contains(&name), "a tag: {html} in\n{page}");
                }
                text.push_str(&html.replace("&#8203;", "\u{200b}"));
            }
            Event::Text(part) => text.push_str(&part),
            Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) => panic!("markup: {event:?} in\n{page}"),
            Event::Code(_) => text.push(' '),
            _ => {}
        }
    }
    assert!(!text.contains("@admin") && !text.contains("https://"), "{page}");
}
