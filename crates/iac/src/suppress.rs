//! Suppression comments in the styles people already have: text of one comment to what it asks for.
//!
//! What does not live here: finding comments (each language does that), deciding what a comment reaches, and deciding whether it counts.

use std::sync::Arc;

use probity_core::SuppressionStyle;
use probity_value::Span;

/// What one comment asks to be left out: one rule id.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedSuppression {
    /// Whose style.
    pub style: SuppressionStyle,
    /// Rule id or alias as written, perhaps with `*` in it; `*` for all.
    pub id: Arc<str>,
    /// The reason given, empty where none; conditions are part of it.
    pub reason: Arc<str>,
    /// The date it ends, as written; one that is no `YYYY-MM-DD` date must count as past.
    pub until: Option<Arc<str>>,
    /// Who answers for it.
    pub owner: Option<Arc<str>>,
    /// The command within the comment, or the whole comment.
    pub span: Span,
    /// What it reaches.
    pub command: Command,
    /// Where it is only meant: `("ws", "prod")` for a workspace, `("name", "value")` for an attribute of the block. All must hold; where
    /// a source cannot tell, the comment must not count.
    pub only: Vec<(Arc<str>, Arc<str>)>,
}

/// What a comment reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// What its style says: `checkov` the block it stands in, `trivy`, `tfsec` and `probity` the line it stands on or the block or line below.
    Usual,
    /// `kics-scan ignore-line`: the next line.
    IgnoreLine,
    /// `kics-scan ignore-block`: the next block.
    IgnoreBlock,
    /// `kics-scan ignore` and `kics-scan disable=ID`: the whole file.
    File,
}

/// What a comment asks for; mostly nothing. `text` is the comment with or without its marks, one line or several.
#[must_use]
pub fn parse_comment(text: &str, comment_span: Span) -> Vec<ParsedSuppression> {
    let mut out = Vec::new();
    let exact = (comment_span.end.saturating_sub(comment_span.start)) as usize == text.len();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        // Almost no comment has one of these words; the rest is not looked at twice.
        if ["skip=", ":ignore:", "kics-scan", "probity:allow"].iter().any(|word| line.contains(word)) {
            let place = |at: usize, length: usize| {
                if exact {
                    Span::new(comment_span.file, offset(comment_span, start + at)..offset(comment_span, start + at + length))
                } else {
                    comment_span
                }
            };
            checkov(line, &place, &mut out);
            aqua(line, "trivy:ignore:", SuppressionStyle::Trivy, &place, &mut out);
            aqua(line, "tfsec:ignore:", SuppressionStyle::Tfsec, &place, &mut out);
            kics(line, &place, &mut out);
            probity(line, &place, &mut out);
        }
        start += line.len();
    }
    out
}

/// What an annotation of a Kubernetes object asks for: `checkov.io/skip1: CKV_K8S_20=reason`, also `bridgecrew.io/skip1`.
pub(crate) fn parse_annotation(key: &str, value: &str, span: Span) -> Option<ParsedSuppression> {
    if !key.contains("checkov.io/skip") && !key.contains("bridgecrew.io/skip") {
        return None;
    }
    let (id, reason) = value.split_once('=').unwrap_or((value, ""));
    let id = id.trim();
    if id.is_empty() || !id.chars().all(is_id) {
        return None;
    }
    Some(ParsedSuppression { reason: reason.trim().into(), ..plain(SuppressionStyle::Checkov, id, span) })
}

fn offset(span: Span, at: usize) -> usize {
    span.start as usize + at
}

fn plain(style: SuppressionStyle, id: &str, span: Span) -> ParsedSuppression {
    let command = Command::Usual;
    ParsedSuppression { style, id: id.into(), reason: "".into(), until: None, owner: None, span, command, only: Vec::new() }
}

fn is_id(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '*' | '/')
}

/// A line's text without the end of a block comment.
fn without_end(text: &str) -> &str {
    let text = text.trim();
    text.strip_suffix("*/").or_else(|| text.strip_suffix("-->")).unwrap_or(text).trim_end()
}

/// Byte offsets right behind each place `word` stands at, with the text up to the next one.
fn each_after<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    line.match_indices(word).map(move |(at, _)| {
        let rest = line.get(at + word.len()..).unwrap_or_default();
        (at, rest.find(word).and_then(|next| rest.get(..next)).unwrap_or(rest))
    })
}

/// `checkov:skip=CKV_AWS_20,CKV_AWS_57: reason`, also `bridgecrew:skip=`; the reason goes to the end of the line.
fn checkov(line: &str, place: &dyn Fn(usize, usize) -> Span, out: &mut Vec<ParsedSuppression>) {
    for word in ["checkov:skip=", "bridgecrew:skip="] {
        for (at, rest) in each_after(line, word) {
            let trimmed = rest.trim_start();
            let end = trimmed.find(|letter: char| !is_id(letter) && letter != ',').unwrap_or(trimmed.len());
            let (ids, after) = trimmed.split_at_checked(end).unwrap_or_default();
            let reason: Arc<str> = without_end(after.strip_prefix(':').unwrap_or_default()).into();
            let span = place(at, word.len() + (rest.len() - trimmed.len()) + without_end(trimmed).len());
            for id in ids.split(',').filter(|id| !id.is_empty()) {
                out.push(ParsedSuppression { reason: Arc::clone(&reason), ..plain(SuppressionStyle::Checkov, id, span) });
            }
        }
    }
}

/// `trivy:ignore:AVD-AWS-0088[name=value]:exp:2026-01-01:ws:prod`, several on a line; `tfsec:ignore:` is the same with other ids.
fn aqua(line: &str, word: &str, style: SuppressionStyle, place: &dyn Fn(usize, usize) -> Span, out: &mut Vec<ParsedSuppression>) {
    for (at, rest) in each_after(line, word) {
        let mut only = Vec::new();
        let end = rest.find(|letter: char| !is_id(letter) && letter != ',').unwrap_or(rest.len());
        let (ids, mut after) = rest.split_at_checked(end).unwrap_or_default();
        if let Some((inside, behind)) = after.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            for parameter in inside.split(',') {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                only.push((Arc::from(name.trim()), Arc::from(value.trim().trim_matches('"'))));
            }
            after = behind;
        } else if after.starts_with('[') {
            // A parameter list without its end says nothing that could be held to.
            continue;
        }
        let mut until = None;
        loop {
            let section =
                |name: &str| after.strip_prefix(name).map(|rest| rest.split_at(rest.find([':', ' ', '\t']).unwrap_or(rest.len())));
            if let Some((value, behind)) = section(":exp:") {
                until = Some(Arc::from(without_end(value)));
                after = behind;
            } else if let Some((value, behind)) = section(":ws:") {
                only.push((Arc::from("ws"), Arc::from(without_end(value))));
                after = behind;
            } else {
                break;
            }
        }
        let mut reason: Vec<String> = only.iter().map(|(name, value)| format!("{name}={value}")).collect();
        reason.push(without_end(after.trim_start_matches([':', ','])).to_owned());
        reason.retain(|part| !part.is_empty());
        let reason: Arc<str> = reason.join(" ").into();
        let span = place(at, word.len() + (rest.len() - after.len()));
        for id in ids.split(',').filter(|id| !id.is_empty()) {
            let reason = Arc::clone(&reason);
            out.push(ParsedSuppression { reason, until: until.clone(), only: only.clone(), ..plain(style, id, span) });
        }
    }
}

/// `kics-scan ignore-line`, `ignore-block`, `ignore`, `disable=ID,ID`.
fn kics(line: &str, place: &dyn Fn(usize, usize) -> Span, out: &mut Vec<ParsedSuppression>) {
    const WORD: &str = "kics-scan";
    for (at, rest) in each_after(line, WORD) {
        let Some(argument) = rest.strip_prefix([' ', '\t']).map(str::trim_start) else { continue };
        let end = argument.find(|letter: char| !is_id(letter) && !matches!(letter, ',' | '=')).unwrap_or(argument.len());
        let (command, after) = argument.split_at_checked(end).unwrap_or_default();
        let span = place(at, WORD.len() + rest.len() - after.len());
        let reason: Arc<str> = without_end(after).into();
        let mut push = |id: &str, command| {
            out.push(ParsedSuppression { command, reason: Arc::clone(&reason), ..plain(SuppressionStyle::Kics, id, span) });
        };
        match command {
            "ignore-line" => push("*", Command::IgnoreLine),
            "ignore-block" => push("*", Command::IgnoreBlock),
            "ignore" => push("*", Command::File),
            _ => {
                for id in command.strip_prefix("disable=").unwrap_or_default().split(',').filter(|id| !id.is_empty()) {
                    push(id, Command::File);
                }
            }
        }
    }
}

/// `probity:allow rule-id,rule-id until=2027-01-31 owner=team reason="..."`, or the other words as the reason.
fn probity(line: &str, place: &dyn Fn(usize, usize) -> Span, out: &mut Vec<ParsedSuppression>) {
    const WORD: &str = "probity:allow";
    for (at, rest) in each_after(line, WORD) {
        let Some(argument) = rest.strip_prefix([' ', '\t']).map(without_end) else { continue };
        let span = place(at, WORD.len() + leading(rest) + argument.len());
        let mut words = words(argument).into_iter();
        let Some(ids) = words.next() else { continue };
        let (mut until, mut owner, mut named, mut loose) = (None, None, None, Vec::new());
        for word in words {
            match word.split_once('=') {
                Some(("until", value)) => until = Some(Arc::from(value)),
                Some(("owner", value)) => owner = Some(Arc::from(value)),
                Some(("reason", value)) => named = Some(value.to_owned()),
                _ => loose.push(word),
            }
        }
        let reason: Arc<str> = named.into_iter().chain(loose).collect::<Vec<_>>().join(" ").into();
        for id in ids.split(',').filter(|id| !id.is_empty() && id.chars().all(is_id)) {
            let reason = Arc::clone(&reason);
            out.push(ParsedSuppression {
                reason,
                until: until.clone(),
                owner: owner.clone(),
                ..plain(SuppressionStyle::Probity, id, span)
            });
        }
    }
}

fn leading(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// Words between spaces; quotes keep spaces in a word and are taken off, `\"` is a quote.
fn words(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted && letters.peek() == Some(&'"') => {
                word.get_or_insert_default().push('"');
                letters.next();
            }
            letter if letter.is_whitespace() && !quoted => out.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    out.extend(word);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::FileId;

    /// Each as `style id command until owner only "reason" @text of its span`, parts that are not there left out.
    fn check(text: &str, expected: &[&str]) {
        let shown: Vec<String> = parse_comment(text, Span::new(FileId(0), 0..text.len()))
            .into_iter()
            .map(|found| {
                let mut out = format!("{} {}", found.style.as_str(), found.id);
                if found.command != Command::Usual {
                    out += &format!(" {:?}", found.command);
                }
                for (name, value) in [("until", &found.until), ("owner", &found.owner)] {
                    if let Some(value) = value {
                        out += &format!(" {name}={value}");
                    }
                }
                for (name, value) in &found.only {
                    out += &format!(" [{name}={value}]");
                }
                if !found.reason.is_empty() {
                    out += &format!(" {:?}", &*found.reason);
                }
                let at = text.get(found.span.start as usize..found.span.end as usize).unwrap();
                out + " @" + at
            })
            .collect();
        assert_eq!(shown, expected, "for {text:?}");
    }

    #[test]
    fn checkov_and_bridgecrew() {
        check(
            "# checkov:skip=CKV_AWS_20:public on purpose",
            &["checkov CKV_AWS_20 \"public on purpose\" @checkov:skip=CKV_AWS_20:public on purpose"],
        );
        check("#checkov:skip=CKV_AWS_20", &["checkov CKV_AWS_20 @checkov:skip=CKV_AWS_20"]);
        check("#   bridgecrew:skip= CKV_AWS_20 : x", &["checkov CKV_AWS_20 @bridgecrew:skip= CKV_AWS_20 : x"]);
        check(
            "/* checkov:skip=CKV_AWS_1,CKV2_AWS_2: both */",
            &[
                "checkov CKV_AWS_1 \"both\" @checkov:skip=CKV_AWS_1,CKV2_AWS_2: both",
                "checkov CKV2_AWS_2 \"both\" @checkov:skip=CKV_AWS_1,CKV2_AWS_2: both",
            ],
        );
        check("# checkov:skip=", &[]);
        check("# nothing", &[]);
    }

    #[test]
    fn trivy_and_tfsec() {
        check("#trivy:ignore:AVD-AWS-0088 why not", &["trivy AVD-AWS-0088 \"why not\" @trivy:ignore:AVD-AWS-0088"]);
        check("//trivy:ignore:*", &["trivy * @trivy:ignore:*"]);
        check(
            "# trivy:ignore:aws-s3-a trivy:ignore:aws-s3-b:exp:2026-01-01",
            &["trivy aws-s3-a @trivy:ignore:aws-s3-a", "trivy aws-s3-b until=2026-01-01 @trivy:ignore:aws-s3-b:exp:2026-01-01"],
        );
        check(
            "# trivy:ignore:aws-s3-a[name=x,env=\"p\"]",
            &["trivy aws-s3-a [name=x] [env=p] \"name=x env=p\" @trivy:ignore:aws-s3-a[name=x,env=\"p\"]"],
        );
        check("# trivy:ignore:aws-s3-a[name=x", &[]);
        check(
            "#tfsec:ignore:AWS002,AWS017 tfsec:ignore:aws-vpc-x:ws:prod",
            &[
                "tfsec AWS002 @tfsec:ignore:AWS002,AWS017",
                "tfsec AWS017 @tfsec:ignore:AWS002,AWS017",
                "tfsec aws-vpc-x [ws=prod] \"ws=prod\" @tfsec:ignore:aws-vpc-x:ws:prod",
            ],
        );
        check(
            "#tfsec:ignore:general-secrets-sensitive-in-local:exp:2022-01-02:ws:dev",
            &[
                "tfsec general-secrets-sensitive-in-local until=2022-01-02 [ws=dev] \"ws=dev\" @tfsec:ignore:general-secrets-sensitive-in-local:exp:2022-01-02:ws:dev",
            ],
        );
    }

    #[test]
    fn kics_commands() {
        check("# kics-scan ignore-line", &["kics * IgnoreLine @kics-scan ignore-line"]);
        check("// kics-scan ignore-block x", &["kics * IgnoreBlock \"x\" @kics-scan ignore-block"]);
        check("# kics-scan ignore", &["kics * File @kics-scan ignore"]);
        check("# kics-scan disable=a-1,b-2", &["kics a-1 File @kics-scan disable=a-1,b-2", "kics b-2 File @kics-scan disable=a-1,b-2"]);
        check("# kics-scan enable=a-1", &[]);
        check("# kics-scanner ignore", &[]);
    }

    #[test]
    fn our_own() {
        check(
            "# probity:allow aws-s3-x until=2027-01-31 owner=team-a a b",
            &["probity aws-s3-x until=2027-01-31 owner=team-a \"a b\" @probity:allow aws-s3-x until=2027-01-31 owner=team-a a b"],
        );
        check(
            "# probity:allow a,b reason=\"it \\\"is\\\" so\" owner=\"the team\"",
            &[
                "probity a owner=the team \"it \\\"is\\\" so\" @probity:allow a,b reason=\"it \\\"is\\\" so\" owner=\"the team\"",
                "probity b owner=the team \"it \\\"is\\\" so\" @probity:allow a,b reason=\"it \\\"is\\\" so\" owner=\"the team\"",
            ],
        );
        check("# probity:allow", &[]);
        check("# probity:allowed x", &[]);
    }

    #[test]
    fn several_lines_and_styles() {
        check(
            "/*\n  checkov:skip=CKV_1:é\n  tfsec:ignore:x\n*/",
            &["checkov CKV_1 \"é\" @checkov:skip=CKV_1:é", "tfsec x @tfsec:ignore:x"],
        );
        let elsewhere = Span::new(FileId(0), 7..9);
        assert_eq!(parse_comment("checkov:skip=A", elsewhere)[0].span, elsewhere);
    }

    #[test]
    fn annotations() {
        let check = |key: &str, value: &str, expected: Option<(&str, &str)>| {
            let found = parse_annotation(key, value, Span::NONE);
            assert_eq!(found.as_ref().map(|found| (&*found.id, &*found.reason)), expected, "for {key}: {value}");
        };
        check("checkov.io/skip1", "CKV_K8S_20=needs it = yes", Some(("CKV_K8S_20", "needs it = yes")));
        check("bridgecrew.io/skip12", "CKV_K8S_20", Some(("CKV_K8S_20", "")));
        check("checkov.io/other", "CKV_K8S_20", None);
        check("checkov.io/skip1", "=x", None);
    }
}
