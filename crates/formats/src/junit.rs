//! JUnit XML for CI servers that show test results: one suite per file, one case per result, and cases for the verdict and for what was
//! not read, so that an empty report is never a green one.

use std::collections::BTreeMap;

use probity_core::{Colour, Finding, Report, Status};

use crate::{escape, mask, order, uri};

/// Longest text of one element, in characters.
const LONGEST_TEXT: usize = 4_000;

/// The report as a JUnit document. `prefix` is the path of the target within the repository, empty for its top.
#[must_use]
pub fn write(report: &Report, prefix: &str) -> String {
    let mut suites: Vec<Suite> = Vec::new();
    let mut by_file: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        by_file.entry(&finding.at.file).or_default().push(finding);
    }
    for (file, findings) in by_file {
        let file = uri::below(prefix, file);
        let mut suite = Suite::new(file.clone());
        findings.iter().for_each(|finding| suite.finding(finding, &file));
        suites.push(suite);
    }
    suites.extend(coverage(report, prefix));
    suites.extend(verdict(report));

    document(&suites)
}

/// The whole document of some suites.
pub(crate) fn document(suites: &[Suite]) -> String {
    let sum = |part: fn(&Suite) -> usize| suites.iter().map(part).sum::<usize>();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    put!(
        out,
        "<testsuites name=\"probity\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n",
        sum(|suite| suite.tests),
        sum(|suite| suite.failures),
        sum(|suite| suite.errors),
        sum(|suite| suite.skipped)
    );
    for suite in suites {
        put!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n{}  </testsuite>\n",
            escape::xml(&suite.name),
            suite.tests,
            suite.failures,
            suite.errors,
            suite.skipped,
            suite.cases
        );
    }
    out.push_str("</testsuites>\n");
    out
}

/// One suite of cases.
pub(crate) struct Suite {
    name: String,
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    cases: String,
}

/// How a case ended.
pub(crate) enum Outcome<'a> {
    Passed,
    Failed { kind: &'a str, message: &'a str, text: &'a str },
    Errored { kind: &'a str, message: &'a str, text: &'a str },
    Skipped { message: &'a str },
}

impl Suite {
    pub(crate) fn new(name: String) -> Suite {
        Suite { name, tests: 0, failures: 0, errors: 0, skipped: 0, cases: String::new() }
    }

    pub(crate) fn case(
        &mut self,
        class: &str,
        name: &str,
        place: Option<(&str, u32)>,
        properties: &[(&str, String)],
        outcome: &Outcome<'_>,
    ) {
        self.tests += 1;
        let out = &mut self.cases;
        let attribute = |text: &str| escape::xml(&escape::cut(text, LONGEST_TEXT));
        put!(out, "    <testcase classname=\"{}\" name=\"{}\"", attribute(class), attribute(name));
        if let Some((file, line)) = place {
            put!(out, " file=\"{}\"", attribute(file));
            if line > 0 {
                put!(out, " line=\"{line}\"");
            }
        }
        out.push_str(">\n");
        if !properties.is_empty() {
            out.push_str("      <properties>\n");
            for (name, value) in properties {
                put!(out, "        <property name=\"{name}\" value=\"{}\"/>\n", attribute(value));
            }
            out.push_str("      </properties>\n");
        }
        match outcome {
            Outcome::Passed => {}
            Outcome::Failed { kind, message, text } => {
                self.failures += 1;
                put!(out, "      <failure type=\"{kind}\" message=\"{}\">{}</failure>\n", attribute(message), attribute(text));
            }
            Outcome::Errored { kind, message, text } => {
                self.errors += 1;
                put!(out, "      <error type=\"{kind}\" message=\"{}\">{}</error>\n", attribute(message), attribute(text));
            }
            Outcome::Skipped { message } => {
                self.skipped += 1;
                put!(out, "      <skipped message=\"{}\"/>\n", attribute(message));
            }
        }
        out.push_str("    </testcase>\n");
    }

    fn finding(&mut self, finding: &Finding, file: &str) {
        let rule = &finding.rule;
        let message = mask::text(&finding.message);
        let mut name = finding.subject.id.to_string();
        if finding.at.line > 0 {
            put!(name, " (line {})", finding.at.line);
        }
        let mut properties = vec![
            ("severity", rule.severity.to_string()),
            ("status", finding.status.to_string()),
            ("fingerprint", finding.fingerprint.to_string()),
        ];
        let lists = [("controls", &rule.controls), ("aliases", &rule.aliases), ("also_seen_by", &finding.also_seen_by)];
        properties.extend(lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name, list.join(", "))));

        let mut text = format!("{}\n{}:{}:{}\n{message}\n", rule.title, file, finding.at.line, finding.at.column);
        for step in &finding.origin {
            put!(text, "from: {}, {}:{}\n", step.what, step.at.file, step.at.line);
        }
        for call in &finding.via {
            put!(text, "via: module call, {}:{}\n", call.file, call.line);
        }
        put!(text, "why: {}\nfix: {}\n", rule.why, rule.fix_for(&finding.subject.type_name));
        let covered = finding.exception.as_ref().filter(|_| !finding.counts).map_or_else(
            || format!("does not count: {message}"),
            |exception| format!("covered by {} {}: {}", exception.source, exception.id, exception.reason),
        );
        let unknown = format!("unknown: {message}");
        let kind = rule.severity.as_str();
        let outcome = match finding.status {
            Status::Pass => Outcome::Passed,
            _ if !finding.counts => Outcome::Skipped { message: &covered },
            Status::Fail | Status::Warn => Outcome::Failed { kind, message: &message, text: &text },
            Status::Error => Outcome::Errored { kind: "error", message: &message, text: &text },
            Status::Unknown => Outcome::Skipped { message: &unknown },
            Status::Skip | Status::NotApplicable => Outcome::Skipped { message: &message },
        };
        self.case(&rule.id, &name, Some((file, finding.at.line)), &properties, &outcome);
    }
}

/// A case for each file that was not read.
fn coverage(report: &Report, prefix: &str) -> Option<Suite> {
    if report.coverage.skipped.is_empty() {
        return None;
    }
    let mut suite = Suite::new("coverage".to_owned());
    for file in &report.coverage.skipped {
        let path = uri::below(prefix, &file.file);
        let message = if file.partly { format!("read only in part: {}", file.why) } else { format!("not read: {}", file.why) };
        let outcome = if file.fails {
            Outcome::Errored { kind: "file-not-read", message: &message, text: &message }
        } else {
            Outcome::Skipped { message: &message }
        };
        suite.case(&format!("coverage.{}", file.source), &path, Some((&path, 0)), &[], &outcome);
    }
    Some(suite)
}

/// A case for the verdict.
fn verdict(report: &Report) -> Option<Suite> {
    let verdict = report.verdict.as_ref()?;
    let mut suite = Suite::new("verdict".to_owned());
    let colour = verdict.colour.map_or("could not decide", Colour::as_str);
    let message = match verdict.because.first() {
        Some(first) => format!("{colour}: {first}"),
        None => colour.to_owned(),
    };
    let lines = verdict.because.iter().map(|line| format!("because {line}")).chain(verdict.notes.iter().map(|line| format!("note {line}")));
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut properties = vec![("verdict", colour.to_owned())];
    for severity in order::severities() {
        if let Some(count) = verdict.counts.by_severity.get(&severity) {
            properties.push((severity.as_str(), count.to_string()));
        }
    }
    match &report.evidence {
        Some(evidence) => properties.push(("record", evidence.record.to_string())),
        None => properties.push(("record", "none: this verdict was not recorded".to_owned())),
    }
    let outcome = match (verdict.colour, verdict.permitted) {
        (None, _) => Outcome::Errored { kind: "could-not-decide", message: &message, text: &text },
        (Some(_), false) => Outcome::Failed { kind: colour, message: &message, text: &text },
        (Some(_), true) => Outcome::Passed,
    };
    suite.case("verdict", "verdict", None, &properties, &outcome);
    Some(suite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_red_gate() {
        let (report, _) = sample::report();
        insta::assert_snapshot!(write(&report, "infra"), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="probity" tests="7" failures="3" errors="1" skipped="3">
          <testsuite name="infra/db/db.tf" tests="4" failures="2" errors="0" skipped="2">
            <testcase classname="aws-rds-instance-public" name="module.db[&quot;eu&quot;].aws_db_instance.main (line 1)" file="infra/db/db.tf" line="1">
              <properties>
                <property name="severity" value="critical"/>
                <property name="status" value="unknown"/>
                <property name="fingerprint" value="fp-module.db[&quot;eu&quot;].aws_db_instance.main-1-1"/>
                <property name="controls" value="pci-dss-4.0.1/3.5.1, nist-800-53r5/SC-28"/>
                <property name="aliases" value="CKV_AWS_16, AVD-AWS-0080"/>
              </properties>
              <skipped message="unknown: variable `public` has no value; a `.tfvars` file with it would decide"/>
            </testcase>
            <testcase classname="aws-rds-instance-unencrypted" name="module.db[&quot;eu&quot;].aws_db_instance.main (line 3)" file="infra/db/db.tf" line="3">
              <properties>
                <property name="severity" value="high"/>
                <property name="status" value="fail"/>
                <property name="fingerprint" value="fp-encrypted-eu"/>
                <property name="controls" value="pci-dss-4.0.1/3.5.1, nist-800-53r5/SC-28"/>
                <property name="aliases" value="CKV_AWS_16, AVD-AWS-0080"/>
                <property name="also_seen_by" value="Checkov"/>
              </properties>
              <failure type="high" message="`storage_encrypted` is `false`">RDS instance stores its data unencrypted&#10;infra/db/db.tf:3:23&#10;`storage_encrypted` is `false`&#10;from: default of `var.encrypted`, db/variables.tf:3&#10;via: module call, main.tf:1&#10;why: Whoever gets the disk or a snapshot reads every row.&#10;fix: Set `storage_encrypted = true`; an existing instance has to be restored from an encrypted snapshot copy.&#10;</failure>
            </testcase>
            <testcase classname="aws-rds-instance-unencrypted" name="module.db[&quot;us&quot;].aws_db_instance.main (line 3)" file="infra/db/db.tf" line="3">
              <properties>
                <property name="severity" value="high"/>
                <property name="status" value="fail"/>
                <property name="fingerprint" value="fp-encrypted-us"/>
                <property name="controls" value="pci-dss-4.0.1/3.5.1, nist-800-53r5/SC-28"/>
                <property name="aliases" value="CKV_AWS_16, AVD-AWS-0080"/>
                <property name="also_seen_by" value="Checkov"/>
              </properties>
              <failure type="high" message="`storage_encrypted` is `false`">RDS instance stores its data unencrypted&#10;infra/db/db.tf:3:23&#10;`storage_encrypted` is `false`&#10;from: default of `var.encrypted`, db/variables.tf:3&#10;via: module call, main.tf:1&#10;why: Whoever gets the disk or a snapshot reads every row.&#10;fix: Set `storage_encrypted = true`; an existing instance has to be restored from an encrypted snapshot copy.&#10;</failure>
            </testcase>
            <testcase classname="aws-rds-instance-backup-off" name="module.db[&quot;eu&quot;].aws_db_instance.main (line 5)" file="infra/db/db.tf" line="5">
              <properties>
                <property name="severity" value="medium"/>
                <property name="status" value="fail"/>
                <property name="fingerprint" value="fp-module.db[&quot;eu&quot;].aws_db_instance.main-5-3"/>
                <property name="controls" value="pci-dss-4.0.1/3.5.1, nist-800-53r5/SC-28"/>
              </properties>
              <skipped message="covered by exception db-backups: rebuilt from the ledger every night"/>
            </testcase>
          </testsuite>
          <testsuite name="coverage" tests="2" failures="0" errors="1" skipped="1">
            <testcase classname="coverage.terraform" name="infra/broken.tf" file="infra/broken.tf">
              <error type="file-not-read" message="read only in part: expected an expression">read only in part: expected an expression</error>
            </testcase>
            <testcase classname="coverage.kubernetes" name="infra/chart/templates/a.yaml" file="infra/chart/templates/a.yaml">
              <skipped message="not read: chart, not rendered yet"/>
            </testcase>
          </testsuite>
          <testsuite name="verdict" tests="1" failures="1" errors="0" skipped="0">
            <testcase classname="verdict" name="verdict">
              <properties>
                <property name="verdict" value="red"/>
                <property name="high" value="2"/>
                <property name="record" value="abababababababababababababababababababababababababababababababab"/>
              </properties>
              <failure type="red" message="red: 2 findings are high or worse">because 2 findings are high or worse&#10;note exception `old-tls` expired on 2026-01-01</failure>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    fn counts(document: &str) -> (usize, [usize; 4]) {
        let tree = roxmltree::Document::parse(document).unwrap();
        let root = tree.root_element();
        let number = |name: &str| root.attribute(name).unwrap().parse::<usize>().unwrap();
        let of = |name: &str| tree.descendants().filter(|node| node.has_tag_name(name)).count();
        assert_eq!(number("tests"), of("testcase"));
        assert_eq!([number("failures"), number("errors"), number("skipped")], [of("failure"), of("error"), of("skipped")]);
        (of("testsuite"), [of("testcase"), of("failure"), of("error"), of("skipped")])
    }

    #[test]
    fn documents_are_well_formed_and_their_counts_agree() {
        let check = |report: &Report, expected: (usize, [usize; 4])| assert_eq!(counts(&write(report, "")), expected);
        let (mut report, _) = sample::report();
        check(&report, (3, [7, 3, 1, 3]));
        report.verdict = None;
        check(&report, (2, [6, 2, 1, 3]));
        check(&sample::green().0, (1, [1, 0, 0, 0]));
        let (report, _) = sample::hostile();
        check(&report, (3, [7, 3, 1, 3]));
        let text = write(&report, "");
        let tree = roxmltree::Document::parse(&text).unwrap();
        let names = ["testsuites", "testsuite", "testcase", "properties", "property", "failure", "error", "skipped"];
        assert!(tree.descendants().filter(roxmltree::Node::is_element).all(|node| names.contains(&node.tag_name().name())));
        assert!(!text.chars().any(|letter| letter != '\n' && escape::is_deceptive(letter)));
    }

    #[test]
    fn what_could_not_be_decided_is_an_error() {
        let (mut report, _) = sample::green();
        if let Some(verdict) = &mut report.verdict {
            verdict.colour = None;
            verdict.permitted = false;
        }
        assert_eq!(counts(&write(&report, "")), (1, [1, 0, 1, 0]));
    }
}
