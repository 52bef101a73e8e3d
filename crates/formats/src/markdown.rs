//! Markdown for a comment on a pull request or a job summary: the verdict, how many of what, the findings folded away. Never longer than
//! a comment may be.

use probity_core::{Colour, Finding, Place, Report, Status};

use crate::{escape, mask, order, uri};

/// Longest page, in characters; GitHub takes 65,536.
pub const LONGEST: usize = 65_000;
/// Room kept for the end of the page.
const TAIL: usize = 3_000;
/// Longest text taken from a report, in characters.
const LONGEST_TEXT: usize = 600;
/// Reasons, notes, files and controls listed.
const MOST_LINES: usize = 10;

/// The first line of every page, by which a CI job finds its own comment again.
pub const MARKER: &str = "<!-- probity -->";

/// The report as a Markdown page. `prefix` is the path of the target within the repository, empty for its top.
#[must_use]
pub fn write(report: &Report, prefix: &str) -> String {
    let mut out = format!("{MARKER}\n");
    headline(report, &mut out);
    table(report, &mut out);
    let findings = order::most_severe_first(report.findings.iter().filter(|finding| order::asks(finding)));
    let known_base = findings.iter().any(|finding| finding.existed.is_some());
    let (old, new): (Vec<&Finding>, Vec<&Finding>) = findings.iter().partition(|finding| finding.existed == Some(true));
    let mut budget = LONGEST.saturating_sub(TAIL + out.chars().count());
    let heading = if known_base { "New findings" } else { "Findings" };
    list(heading, &new, prefix, &mut budget, &mut out);
    list("Findings that were there before", &old, prefix, &mut budget, &mut out);
    end(report, &mut out);
    if out.chars().count() > LONGEST {
        // Each part is bounded, so this is out of reach; a comment that is refused would tell nothing at all.
        out = format!("{}\n\nThis page was too long and is cut off here.\n", escape::cut(&out, LONGEST - 100));
    }
    out
}

fn text(text: &str) -> String {
    escape::markdown_message(&escape::cut(&mask::text(text), LONGEST_TEXT))
}

fn headline(report: &Report, out: &mut String) {
    let Some(verdict) = &report.verdict else {
        out.push_str("## Probity scan\n\n");
        return;
    };
    let (mark, word) = match verdict.colour {
        Some(Colour::Green) => ("🟢", "green"),
        Some(Colour::Yellow) => ("🟡", "yellow"),
        Some(Colour::Red) => ("🔴", "red"),
        None => ("⛔", "could not decide"),
    };
    put!(out, "## {mark} Probity: {word}\n\n");
    if !verdict.permitted {
        out.push_str("This change must not go on as it is.\n\n");
    }
    lines(verdict.because.iter().map(|because| text(because)), "because ", out);
    lines(verdict.notes.iter().map(|note| text(note)), "note: ", out);
}

/// A list of at most [`MOST_LINES`] items.
fn lines(items: impl ExactSizeIterator<Item = String>, label: &str, out: &mut String) {
    let count = items.len();
    for item in items.take(MOST_LINES) {
        put!(out, "- {label}{item}\n");
    }
    if count > MOST_LINES {
        put!(out, "- and {} more\n", count - MOST_LINES);
    }
    if count > 0 {
        out.push('\n');
    }
}

fn table(report: &Report, out: &mut String) {
    let asking: Vec<&Finding> = report.findings.iter().filter(|finding| order::asks(finding)).collect();
    let known_base = asking.iter().any(|finding| finding.existed.is_some());
    out.push_str(if known_base { "| severity | findings | new |\n|---|---:|---:|\n" } else { "| severity | findings |\n|---|---:|\n" });
    let mut row = |name: &str, which: &dyn Fn(&Finding) -> bool| {
        let all = asking.iter().filter(|finding| which(finding)).count();
        let new = asking.iter().filter(|finding| which(finding) && finding.existed != Some(true)).count();
        if all > 0 {
            if known_base { put!(out, "| {name} | {all} | {new} |\n") } else { put!(out, "| {name} | {all} |\n") }
        }
    };
    for severity in order::severities() {
        row(severity.as_str(), &|finding| matches!(finding.status, Status::Fail | Status::Warn) && finding.rule.severity == severity);
    }
    row("not judged (error)", &|finding| finding.status == Status::Error);
    row("unknown", &|finding| finding.status == Status::Unknown);
    let excepted = report.findings.iter().filter(|finding| finding.exception.is_some() && !finding.counts).count();
    if excepted > 0 {
        if known_base {
            put!(out, "| covered by exceptions | {excepted} | |\n")
        } else {
            put!(out, "| covered by exceptions | {excepted} |\n")
        }
    }
    out.push('\n');
}

/// The findings, each folded away; says how many did not fit.
fn list(heading: &str, findings: &[&Finding], prefix: &str, budget: &mut usize, out: &mut String) {
    if findings.is_empty() {
        return;
    }
    put!(out, "### {heading}\n\n");
    let mut left = findings.len();
    for group in order::groups(findings) {
        let one = details(&group, prefix);
        let length = one.chars().count();
        if length > *budget {
            put!(out, "… and {left} more, which do not fit here; the report has them all.\n\n");
            *budget = 0;
            return;
        }
        *budget -= length;
        left -= group.len();
        out.push_str(&one);
    }
}

fn place(place: &Place, prefix: &str) -> String {
    let file = uri::below(prefix, &place.file);
    let file = escape::cut(&file, LONGEST_TEXT);
    escape::code_span(&if place.line == 0 { file.into_owned() } else { format!("{file}:{}", place.line) })
}

/// One fault in all its instances.
fn details(group: &[&Finding], prefix: &str) -> String {
    let Some(finding) = group.first() else { return String::new() };
    let rule = &finding.rule;
    let short = |text: &str| escape::html(&escape::cut(text, 200));
    let count = if group.len() > 1 { format!(" and {} more", group.len() - 1) } else { String::new() };
    let mut out = format!(
        "<details><summary><b>{}</b> {} <code>{}</code>{count}</summary>\n\n",
        order::word(finding),
        short(&rule.title),
        short(&finding.subject.id)
    );
    put!(out, "{}: {}\n\n", place(&finding.at, prefix), text(&finding.message));
    let code = |text: &str| escape::code_span(&escape::cut(text, 200));
    for step in finding.origin.iter().take(MOST_LINES) {
        put!(out, "- from {}, {}\n", text(&step.what), place(&step.at, prefix));
    }
    for call in finding.via.iter().take(MOST_LINES) {
        put!(out, "- via module call, {}\n", place(call, prefix));
    }
    if group.len() > 1 {
        let others = group.iter().skip(1).take(MOST_LINES).map(|one| code(&one.subject.id)).collect::<Vec<_>>().join(", ");
        let more = group.len().saturating_sub(MOST_LINES + 1);
        put!(out, "- also {others}{}\n", if more > 0 { format!(" and {more} more") } else { String::new() });
    }
    if !rule.why.is_empty() {
        put!(out, "- **why** {}\n", text(&rule.why));
    }
    let fix = rule.fix_for(&finding.subject.type_name);
    if !fix.is_empty() {
        put!(out, "- **fix** {}\n", text(fix));
    }
    put!(out, "- **rule** {}", code(&rule.id));
    for alias in rule.aliases.iter().take(MOST_LINES) {
        put!(out, ", {}", code(alias));
    }
    out.push('\n');
    if !rule.controls.is_empty() {
        let controls: Vec<String> = rule.controls.iter().take(MOST_LINES).map(|control| code(control)).collect();
        put!(out, "- **controls** {}\n", controls.join(", "));
    }
    if !finding.also_seen_by.is_empty() {
        let tools: Vec<String> = finding.also_seen_by.iter().take(MOST_LINES).map(|tool| code(tool)).collect();
        put!(out, "- also seen by {}\n", tools.join(", "));
    }
    out.push_str("\n</details>\n\n");
    out
}

fn end(report: &Report, out: &mut String) {
    let coverage = &report.coverage;
    put!(out, "Read {} files", coverage.read.len());
    if coverage.skipped.is_empty() {
        out.push_str(".\n\n");
    } else {
        put!(out, ", did not (or not wholly) read {}:\n\n", coverage.skipped.len());
        let mut files: Vec<_> = coverage.skipped.iter().collect();
        files.sort_by_key(|file| !file.fails);
        let few = |text: &str| escape::cut(text, 80).into_owned();
        let rows = files.into_iter().map(|file| {
            let closed = if file.fails { " (fails closed)" } else { "" };
            format!("{}: {}{closed}", escape::code_span(&few(&file.file)), escape::markdown_message(&few(&file.why)))
        });
        lines(rows, "", out);
    }
    match (&report.evidence, &report.verdict) {
        (Some(evidence), _) => {
            let record = evidence.record.to_string();
            let anchored = if evidence.anchored { "anchored" } else { "unanchored" };
            put!(out, "Record `{}`, entry {} of {}, {anchored}.\n", record, evidence.index.saturating_add(1), evidence.tree_size);
        }
        (None, Some(_)) => out.push_str("**Not recorded:** there is no evidence of this verdict.\n"),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_red_gate() {
        let (report, _) = sample::report();
        insta::assert_snapshot!(write(&report, "infra"), @r#"
        <!-- probity -->
        ## 🔴 Probity: red

        This change must not go on as it is.

        - because 2 findings are high or worse

        - note: exception `old-tls` expired on 2026-01-01

        | severity | findings | new |
        |---|---:|---:|
        | high | 2 | 2 |
        | unknown | 1 | 1 |
        | covered by exceptions | 1 | |

        ### New findings

        <details><summary><b>high</b> RDS instance stores its data unencrypted <code>module.db[&quot;eu&quot;].aws_db_instance.main</code> and 1 more</summary>

        `infra/db/db.tf:3`: `storage_encrypted` is `false`

        - from default of `var.encrypted`, `infra/db/variables.tf:3`
        - via module call, `infra/main.tf:1`
        - also `module.db["us"].aws_db_instance.main`
        - **why** Whoever gets the disk or a snapshot reads every row.
        - **fix** Set `storage_encrypted = true`; an existing instance has to be restored from an encrypted snapshot copy.
        - **rule** `aws-rds-instance-unencrypted`, `CKV_AWS_16`, `AVD-AWS-0080`
        - **controls** `pci-dss-4.0.1/3.5.1`, `nist-800-53r5/SC-28`
        - also seen by `Checkov`

        </details>

        <details><summary><b>unknown</b> RDS instance is reachable from the internet <code>module.db[&quot;eu&quot;].aws_db_instance.main</code></summary>

        `infra/db/db.tf:1`: variable `public` has no value; a `.tfvars` file with it would decide

        - **why** Whoever gets the disk or a snapshot reads every row.
        - **fix** Set `storage_encrypted = true`; an existing instance has to be restored from an encrypted snapshot copy.
        - **rule** `aws-rds-instance-public`, `CKV_AWS_16`, `AVD-AWS-0080`
        - **controls** `pci-dss-4.0.1/3.5.1`, `nist-800-53r5/SC-28`

        </details>

        Read 3 files, did not (or not wholly) read 2:

        - `broken.tf`: expected an expression (fails closed)
        - `chart/templates/a.yaml`: chart, not rendered yet

        Record `abababababababababababababababababababababababababababababababab`, entry 5 of 5, unanchored.
        "#);
    }

    #[test]
    fn a_green_gate_and_a_scan() {
        let (mut report, _) = sample::green();
        assert!(write(&report, "").starts_with("<!-- probity -->\n## 🟢 Probity: green\n"));
        report.evidence = None;
        assert!(write(&report, "").contains("**Not recorded:**"));
        report.verdict = None;
        let text = write(&report, "");
        assert!(text.contains("## Probity scan") && !text.contains("Not recorded"));
    }

    #[test]
    fn hostile_text_is_dead() {
        let (report, _) = sample::hostile();
        let text = write(&report, "x\n`y");
        sample::dead_markdown(&text);
        assert!(!text.chars().any(|letter| letter != '\n' && escape::is_deceptive(letter)));
    }

    #[test]
    fn a_page_is_never_too_long_and_says_what_is_left_out() {
        let (mut report, _) = sample::hostile();
        let first = report.findings[0].clone();
        for (count, text) in [(10, "@|`".repeat(50_000)), (5_000, "plain".to_owned()), (3_000, sample::HOSTILE.repeat(20))] {
            report.findings = vec![first.clone(); count];
            for (line, finding) in (1..).zip(&mut report.findings) {
                finding.at.line = line;
                finding.message.clone_from(&text);
                finding.subject.id = text.as_str().into();
                finding.counts = true;
                finding.via = vec![finding.at.clone(); 40];
            }
            report.coverage.skipped = vec![report.coverage.skipped[0].clone(); 500];
            for skipped in &mut report.coverage.skipped {
                skipped.why.clone_from(&text);
                skipped.file = text.as_str().into();
            }
            if let Some(verdict) = &mut report.verdict {
                verdict.because = vec![text.clone(); 50];
            }
            let page = write(&report, "");
            assert!(page.chars().count() <= LONGEST, "{}", page.chars().count());
            if count > 100 {
                assert!(page.contains("more, which do not fit here"), "{count}");
            }
            sample::dead_markdown(&page);
            assert_eq!(page.matches("<details>").count(), page.matches("</details>").count());
            assert!(page.contains("and 490 more"));
        }
    }
}
