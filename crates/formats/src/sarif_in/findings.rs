//! Results of other tools as findings of ours.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::{Digest, ExceptionRef, Finding, Place, RuleMeta, Stage, StageKind, SubjectKind, SubjectRef};
use probity_value::Span;

use super::{ExternalFinding, ExternalRun};

/// The findings of a run, of every status. A result the tool treats as suppressed carries an [`ExceptionRef`] with the tool's slug as
/// `source` and still counts: whether it does is for the verdict to say. `digest` is SHA-256.
///
/// The fingerprint is made of rule, file and the tool's own fingerprints, else the message; not the line. Where several results of a
/// run have all that in common, the second and later ones get their ordinal too, so that accepting one does not accept a new one.
#[must_use]
pub fn to_findings(run: &ExternalRun, digest: &dyn Fn(&[u8]) -> Digest) -> Vec<Finding> {
    let slug = tool_slug(&run.tool);
    let mut rules: HashMap<RuleKey<'_>, Arc<RuleMeta>> = HashMap::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut out = Vec::with_capacity(run.results.len());
    for result in &run.results {
        let key = (&*result.rule, result.severity as u8, result.confidence as u8, &*result.title, &*result.fix);
        let rule = Arc::clone(rules.entry(key).or_insert_with(|| Arc::new(rule(result, run, &slug))));
        let print = fingerprint(result, &rule.id, digest);
        let count = seen.entry(print.clone()).or_default();
        *count += 1;
        let print = if *count == 1 { print } else { format!("{print}-{count}") };
        let at = Place {
            file: Arc::clone(&result.file),
            line: result.line,
            column: result.column,
            end_line: result.end_line,
            end_column: result.end_column,
            span: Span::NONE,
        };
        out.push(Finding {
            status: result.status,
            message: result.message.clone(),
            subject: SubjectRef {
                kind: SubjectKind::External,
                id: match (result.subject.is_empty(), result.file.is_empty()) {
                    (false, _) => Arc::clone(&result.subject),
                    (true, false) => Arc::clone(&result.file),
                    (true, true) => Arc::from(&*slug),
                },
                type_name: slug.as_str().into(),
                root: Arc::from(""),
            },
            subject_at: at.clone(),
            at,
            via: Vec::new(),
            origin: Vec::new(),
            fingerprint: print.into(),
            also_seen_by: Vec::new(),
            exception: result.suppressed.as_ref().map(|reason| ExceptionRef {
                source: slug.as_str().into(),
                id: "suppressed by the tool".into(),
                kind: None,
                reason: Arc::clone(reason),
                by: None,
                expires: None,
            }),
            counts: true,
            existed: None,
            colour: None,
            first_met: None,
            rule,
        });
    }
    out
}

type RuleKey<'a> = (&'a str, u8, u8, &'a str, &'a str);

fn rule(result: &ExternalFinding, run: &ExternalRun, slug: &str) -> RuleMeta {
    let mut aliases = vec![Arc::clone(&result.rule)];
    aliases.extend(result.aliases.iter().cloned());
    RuleMeta {
        id: format!("{slug}/{}", result.rule).into(),
        engine: run.engine,
        title: Arc::clone(&result.title),
        severity: result.severity,
        confidence: result.confidence,
        stage: Stage { kind: StageKind::Stable, since: Arc::clone(&run.version) },
        applies_to: Vec::new(),
        controls: Vec::new(),
        aliases,
        why: Arc::clone(&result.why),
        fix: Arc::clone(&result.fix),
        other_fixes: Vec::new(),
        waivable: true,
        mends: false,
        parameters: Vec::new(),
    }
}

fn fingerprint(result: &ExternalFinding, rule: &str, digest: &dyn Fn(&[u8]) -> Digest) -> String {
    let mut bytes = Vec::new();
    let mut push = |part: &str| {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    };
    for part in ["probity-external-v1", rule, &result.file] {
        push(part);
    }
    if result.fingerprints.is_empty() {
        push(&result.message);
    }
    for (name, value) in &result.fingerprints {
        push(name);
        push(value);
    }
    let text = digest(&bytes).to_string();
    text.get(..32).unwrap_or(&text).to_owned()
}

/// A tool's name as the first part of rule ids: lower case, `-` for all else; editions of one scanner share one.
#[must_use]
pub fn tool_slug(name: &str) -> String {
    const FAMILIES: &[&str] =
        &["semgrep", "codeql", "checkov", "trivy", "snyk", "kics", "gosec", "gitleaks", "grype", "tfsec", "bandit", "zap"];
    let mut slug = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    let family = FAMILIES.iter().find(|family| slug.split('-').any(|word| word == **family));
    match family {
        Some(family) => (*family).to_owned(),
        None if slug.is_empty() => "tool".to_owned(),
        None => slug.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        let check = |name: &str, expected: &str| assert_eq!(tool_slug(name), expected);
        check("Semgrep OSS", "semgrep");
        check("CodeQL command-line toolchain", "codeql");
        check("Snyk Open Source", "snyk");
        check("OWASP ZAP", "zap");
        check("My Tool (2)", "my-tool-2");
        check("日本", "tool");
    }
}
