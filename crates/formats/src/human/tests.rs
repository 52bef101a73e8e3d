use super::*;
use crate::sample;
use probity_core::{Colour, Place, SkippedFile};
use probity_value::Span;
use unicode_width::UnicodeWidthStr;

fn plain() -> Options {
    Options { style: Style { colour: false, width: 90 }, ..Options::default() }
}

#[test]
fn a_red_gate() {
    let (report, sources) = sample::report();
    insta::assert_snapshot!(write(&report, &sources, plain()), @r#"
        high  aws-rds-instance-unencrypted  RDS instance stores its data unencrypted
          --> db/db.tf:3:23  module.db["eu"].aws_db_instance.main  (new)
           |
         3 |   storage_encrypted = var.encrypted
           |                       ^^^^^^^^^^^^^ `storage_encrypted` is `false`
           |
           = from     default of `var.encrypted`, db/variables.tf:3:3
           = via      module call, main.tf:1:1
           = also     module.db["us"].aws_db_instance.main
           = why      Whoever gets the disk or a snapshot reads every row.
           = fix      Set `storage_encrypted = true`; an existing instance has to be restored from
                      an encrypted snapshot copy.
           = ids      CKV_AWS_16, AVD-AWS-0080
           = controls pci-dss-4.0.1/3.5.1, nist-800-53r5/SC-28
           = seen by  Checkov

        unknown (critical)  aws-rds-instance-public  RDS instance is reachable from the internet
          --> db/db.tf:1:1  module.db["eu"].aws_db_instance.main
           |
         1 | resource "aws_db_instance" "main" {
           | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           |
           = found    variable `public` has no value; a `.tfvars` file with it would decide
           = why      Whoever gets the disk or a snapshot reads every row.
           = fix      Set `storage_encrypted = true`; an existing instance has to be restored from
                      an encrypted snapshot copy.
           = ids      CKV_AWS_16, AVD-AWS-0080
           = controls pci-dss-4.0.1/3.5.1, nist-800-53r5/SC-28

        covered (1)
          medium  aws-rds-instance-backup-off  db/db.tf:5:3  module.db["eu"].aws_db_instance.main
              exception `db-backups`, accepted-risk, signed by maria, until 2027-01-31: rebuilt
              from the ledger every night

        error  hcl-syntax  expected an expression, found `=`
          --> broken.tf:2:12
           |
         2 |   bucket = = "x"
           |            ^^^^^
           |
           = hint     remove one `=`

        findings  2 high, 1 unknown, 1 covered by exceptions, 2 new
        controls  nist-800-53r5/SC-28 2, pci-dss-4.0.1/3.5.1 2
        read      3 files, 5 subjects (3 terraform)
        not read  2 files; the verdict fails closed over 1
          ! broken.tf: expected an expression (read in part)
          - chart/templates/a.yaml: chart, not rendered yet
        evidence  record abababababababab, entry 5 of 5, in ~/.local/state/probity (unanchored)
        verdict   red, must not go on
          because 2 findings are high or worse
          note    exception `old-tls` expired on 2026-01-01
        "#);
}

#[test]
fn a_red_gate_in_one_line_each() {
    let (report, sources) = sample::report();
    insta::assert_snapshot!(write(&report, &sources, Options { quiet: true, ..plain() }), @r#"
        high  db/db.tf:3:23  aws-rds-instance-unencrypted  module.db["eu"].aws_db_instance.main: `storage_encrypted` is `false`
        high  db/db.tf:3:23  aws-rds-instance-unencrypted  module.db["us"].aws_db_instance.main: `storage_encrypted` is `false`
        unknown  db/db.tf:1:1  aws-rds-instance-public  module.db["eu"].aws_db_instance.main: variable `public` has no value; a `.tfvars` file with it would decide
        error  hcl-syntax  expected an expression, found `=`
          --> broken.tf:2:12
           |
         2 |   bucket = = "x"
           |            ^^^^^
           |
           = hint     remove one `=`
        read      3 files, 5 subjects (3 terraform)
        not read  2 files; the verdict fails closed over 1
          ! broken.tf: expected an expression (read in part)
          - chart/templates/a.yaml: chart, not rendered yet
        verdict   red, must not go on
          because 2 findings are high or worse
          note    exception `old-tls` expired on 2026-01-01
        "#);
}

#[test]
fn a_green_gate() {
    let (report, sources) = sample::green();
    insta::assert_snapshot!(write(&report, &sources, plain()), @r#"
        findings  none
        read      3 files, 5 subjects (3 terraform)
        evidence  record abababababababab, entry 5 of 5, in ~/.local/state/probity (unanchored)
        verdict   green, may go on
        "#);
}

#[test]
fn a_scan_counts_for_itself_and_says_nothing_of_evidence() {
    let (mut report, sources) = sample::report();
    report.verdict = None;
    report.evidence = None;
    let text = write(&report, &sources, plain());
    assert!(text.contains("findings  2 high, 1 unknown, 1 covered by exceptions, 2 new"), "{text}");
    assert!(text.contains("controls  nist-800-53r5/SC-28 2, pci-dss-4.0.1/3.5.1 2"), "{text}");
    assert!(!text.contains("verdict") && !text.contains("evidence"), "{text}");
}

#[test]
fn verdict_lines() {
    let check = |colour: Option<Colour>, permitted: bool, observe: bool, expected: &str| {
        let (mut report, sources) = sample::green();
        if let Some(verdict) = &mut report.verdict {
            verdict.colour = colour;
            verdict.permitted = permitted;
        }
        let text = write(&report, &sources, Options { observe, ..plain() });
        assert_eq!(text.lines().find(|line| line.starts_with("verdict")), Some(expected));
    };
    check(Some(Colour::Green), true, false, "verdict   green, may go on");
    check(Some(Colour::Yellow), true, false, "verdict   yellow, may go on, with a warning");
    check(Some(Colour::Yellow), false, false, "verdict   yellow, needs an acceptance by an approver");
    check(Some(Colour::Red), false, false, "verdict   red, must not go on");
    check(Some(Colour::Red), false, true, "verdict   red, observed only, nothing is stopped");
    check(None, false, false, "verdict   could not decide, fails closed");
}

#[test]
fn no_evidence_is_said_loudly_even_when_quiet() {
    for quiet in [false, true] {
        let (mut report, sources) = sample::green();
        report.evidence = None;
        let text = write(&report, &sources, Options { quiet, ..plain() });
        assert!(text.contains("evidence  NOT RECORDED"), "{text}");
    }
}

#[test]
fn what_was_not_read_is_always_said() {
    let (mut report, sources) = sample::green();
    report.coverage.skipped = (0..300)
        .map(|number| SkippedFile {
            file: format!("chart/{number}.yaml").into(),
            source: "kubernetes",
            why: "chart, not rendered yet".to_owned(),
            fails: false,
            partly: false,
        })
        .collect();
    for quiet in [false, true] {
        let text = write(&report, &sources, Options { quiet, ..plain() });
        assert!(text.contains("not read  300 files\n"), "{text}");
        assert!(text.contains("chart/4.yaml, and 295 more:"), "{text}");
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let (report, sources) = sample::report();
    let coloured = write(&report, &sources, Options { style: Style { colour: true, width: 90 }, ..Options::default() });
    let mut bare = String::new();
    let mut parts = coloured.split('\u{1b}');
    bare.push_str(parts.next().unwrap());
    for part in parts {
        bare.push_str(part.split_once('m').unwrap().1);
    }
    assert_eq!(bare, write(&report, &sources, plain()));
}

#[test]
fn hostile_text_is_visible_and_inert() {
    let (report, sources) = sample::hostile();
    for quiet in [false, true] {
        let text = write(&report, &sources, Options { quiet, ..plain() });
        assert!(!text.chars().any(|letter| letter != '\n' && escape::is_deceptive(letter)), "{text}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{text}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let (mut report, sources) = sample::report();
    let file = report.findings[0].at.span.file;
    for needle in ["\"hunter2-is-secret\"", "hunter2", sample::DB.trim_end()] {
        for finding in &mut report.findings {
            finding.at = sample::place(&sources, file, needle);
        }
        let text = write(&report, &sources, plain());
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_place_without_text_is_still_a_finding() {
    let (mut report, sources) = sample::report();
    let check = |report: &Report, expected: &str| {
        let text = write(report, &sources, plain());
        assert!(text.contains(expected) && text.contains("= found    `storage_encrypted` is `false`"), "{text}");
    };
    let at = |line| Place { file: "x.py".into(), line, column: 7, end_line: line, end_column: 9, span: Span::NONE };
    for (line, expected) in [(4, "--> x.py:4:7  "), (0, "--> x.py  ")] {
        for finding in &mut report.findings {
            finding.at = at(line);
        }
        check(&report, expected);
    }
}

#[test]
fn narrow_terminals_get_narrow_texts() {
    let (mut report, sources) = sample::report();
    report.findings.retain(|finding| finding.rule.id.ends_with("unencrypted"));
    let text = write(&report, &sources, Options { style: Style { colour: false, width: 50 }, ..Options::default() });
    let long: Vec<&str> = text
        .lines()
        .filter(|line| line.contains('|') || line.contains("= why") || line.contains("= fix"))
        .filter(|line| line.width() > 50)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn a_diagnostic_without_a_place_names_its_file() {
    let sources = SourceMap::new();
    let check = |file: &str, expected: &str| {
        let one = Diagnostic::new(Level::Warning, "file-binary", file, Span::NONE, "the file is not text");
        assert_eq!(diagnostic(&one, &sources, Style::default()), expected);
    };
    check("a.tf", "warning  file-binary  the file is not text\n  --> a.tf\n");
    check("", "warning  file-binary  the file is not text\n");
}
