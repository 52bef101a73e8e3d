//! What a rule says of itself, as a page: for a terminal, as Markdown for the reference and SARIF help, and as a list of all rules.

use probity_core::{RuleMeta, StageKind};
use unicode_width::UnicodeWidthStr;

use crate::escape;
use crate::human::{Style, Tone, severity_tone};

/// The page of one rule for a terminal.
#[must_use]
pub fn text(rule: &RuleMeta, style: Style) -> String {
    let mut out = String::new();
    let severity = style.paint(severity_tone(rule.severity), rule.severity.as_str());
    put!(out, "{severity}  {}  {}\n\n", style.paint(Tone::Strong, &escape::line(&rule.id)), escape::line(&rule.title));
    let mut row = |label: &str, value: &str| {
        if !value.is_empty() {
            let value = style.wrap(&escape::line(value), 14);
            put!(out, "  {}{:pad$}{value}\n", style.paint(Tone::Strong, label), "", pad = 12_usize.saturating_sub(label.len()).max(1));
        }
    };
    row("why", &rule.why);
    row("fix", &rule.fix);
    for (types, fix) in &rule.other_fixes {
        row("", &format!("{}: {fix}", types.join(", ")));
    }
    row("applies to", &rule.applies_to.join(", "));
    row("controls", &rule.controls.join(", "));
    row("also known", &rule.aliases.join(", "));
    row("confidence", rule.confidence.as_str());
    row("stage", &stage(rule));
    row("engine", rule.engine);
    if rule.mends {
        row("mends", "`probity fix` makes an edit");
    }
    row("parameters", &rule.parameters.join(", "));
    if !rule.waivable {
        row("waivable", "no: neither an exception nor a comment covers it");
    }
    out
}

/// The page of one rule as plain lines, without colour or width; for the help text of SARIF.
#[must_use]
pub fn plain(rule: &RuleMeta) -> String {
    let mut out = text(rule, Style { colour: false, width: 10_000 });
    out.truncate(out.trim_end().len());
    escape::sarif_message(&out)
}

/// The page of one rule as Markdown, with a heading of the second level.
#[must_use]
pub fn markdown(rule: &RuleMeta) -> String {
    let mut out = format!("## {}\n\n", escape::code_span(&rule.id));
    for text in [&rule.title, &rule.why] {
        if !text.trim().is_empty() {
            put!(out, "{}\n\n", sentence(&escape::markdown_message(text)));
        }
    }
    if !rule.fix.trim().is_empty() {
        put!(out, "**Fix:** {}\n\n", escape::markdown_message(&rule.fix));
    }
    for (types, fix) in &rule.other_fixes {
        let types = types.iter().map(|name| escape::code_span(name)).collect::<Vec<_>>().join(", ");
        put!(out, "**Fix for {types}:** {}\n\n", escape::markdown_message(fix));
    }
    let codes = |items: &[std::sync::Arc<str>]| items.iter().map(|item| escape::code_span(item)).collect::<Vec<_>>().join(", ");
    put!(out, "- Severity: {}, confidence: {}\n", rule.severity, rule.confidence);
    for (label, items) in [("Applies to", &rule.applies_to), ("Controls", &rule.controls), ("Also known as", &rule.aliases)] {
        if !items.is_empty() {
            put!(out, "- {label}: {}\n", codes(items));
        }
    }
    put!(out, "- Stage: {}\n", escape::markdown(&stage(rule)));
    if rule.mends {
        out.push_str("- `probity fix` makes an edit\n");
    }
    if !rule.parameters.is_empty() {
        put!(out, "- Takes from `policies.parameters`: {}\n", codes(&rule.parameters));
    }
    if !rule.waivable {
        out.push_str("- Cannot be waived by an exception or a comment\n");
    }
    out
}

/// All rules as a table for a terminal, in the order given, with their number at the end.
#[must_use]
pub fn list<'a>(rules: impl IntoIterator<Item = &'a RuleMeta>, style: Style) -> String {
    let rules: Vec<&RuleMeta> = rules.into_iter().collect();
    let widest = rules.iter().map(|rule| escape::line(&rule.id).width()).max().unwrap_or(0).min(60);
    let mut out = String::new();
    for rule in &rules {
        let severity = rule.severity.as_str();
        let id = escape::line(&rule.id);
        let mut title = escape::line(&rule.title).into_owned();
        if rule.stage.kind != StageKind::Stable {
            put!(title, " ({})", rule.stage.kind);
        }
        let room = style.columns().saturating_sub(widest + 12).max(20);
        put!(
            out,
            "{}{:lead$}{}{:pad$}{}\n",
            style.paint(severity_tone(rule.severity), severity),
            "",
            style.paint(Tone::Strong, &id),
            "",
            escape::cut(&title, room),
            lead = 10_usize.saturating_sub(severity.len()),
            pad = (widest + 2).saturating_sub(id.width()).max(1),
        );
    }
    put!(out, "{} rules\n", rules.len());
    out
}

fn stage(rule: &RuleMeta) -> String {
    if rule.stage.since.is_empty() { rule.stage.kind.to_string() } else { format!("{} since {}", rule.stage.kind, rule.stage.since) }
}

/// With a full stop at the end.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use probity_core::Severity;

    #[test]
    fn a_page_for_a_terminal() {
        insta::assert_snapshot!(text(&sample::rule("aws-rds-instance-unencrypted", Severity::High), Style { colour: false, width: 80 }), @r#"
        high  aws-rds-instance-unencrypted  RDS instance stores its data unencrypted

          why         Whoever gets the disk or a snapshot reads every row.
          fix         Set `storage_encrypted = true`; an existing instance has to be
                      restored from an encrypted snapshot copy.
          applies to  aws_db_instance
          controls    pci-dss-4.0.1/3.5.1, nist-800-53r5/SC-28
          also known  CKV_AWS_16, AVD-AWS-0080
          confidence  certain
          stage       stable since 0.1.0
          engine      checks
        "#);
    }

    #[test]
    fn a_page_as_markdown() {
        let mut rule = sample::rule("aws-rds-instance-unencrypted", Severity::High);
        rule.waivable = false;
        insta::assert_snapshot!(markdown(&rule), @r#"
        ## `aws-rds-instance-unencrypted`

        RDS instance stores its data unencrypted.

        Whoever gets the disk or a snapshot reads every row.

        **Fix:** Set `storage_encrypted = true`; an existing instance has to be restored from an encrypted snapshot copy.

        - Severity: high, confidence: certain
        - Applies to: `aws_db_instance`
        - Controls: `pci-dss-4.0.1/3.5.1`, `nist-800-53r5/SC-28`
        - Also known as: `CKV_AWS_16`, `AVD-AWS-0080`
        - Stage: stable since 0\.1\.0
        - Cannot be waived by an exception or a comment
        "#);
    }

    #[test]
    fn a_list() {
        let mut preview = sample::rule("b", Severity::Info);
        preview.stage.kind = StageKind::Preview;
        insta::assert_snapshot!(list([&sample::rule("a-long-id", Severity::Critical), &preview], Style { colour: false, width: 60 }), @r#"
        critical  a-long-id  RDS instance stores its data unencrypt…
        info      b          RDS instance stores its data unencrypt…
        2 rules
        "#);
    }

    #[test]
    fn hostile_texts_are_dead() {
        let (report, _) = sample::hostile();
        for rule in &report.rules {
            for made in [text(rule, Style::default()), markdown(rule), plain(rule), list([&**rule], Style::default())] {
                assert!(!made.chars().any(|letter| letter != '\n' && escape::is_deceptive(letter)), "{made}");
            }
            sample::dead_markdown(&markdown(rule));
        }
    }
}
