//! `${{ }}` in texts: where they stand, and which of them hold what people outside the repository write.

use std::ops::Range;

/// The insides of all expressions of a text.
pub(super) fn expressions(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find("${{")).map(|found| at + found + 3) {
        let rest = text.get(start..).unwrap_or_default();
        let mut quoted = false;
        let mut end = rest.len();
        for (place, letter) in rest.char_indices() {
            match letter {
                '\'' => quoted = !quoted,
                '}' if !quoted && rest.get(place..place + 2) == Some("}}") => {
                    end = place;
                    break;
                }
                _ => {}
            }
        }
        if end == rest.len() {
            break;
        }
        out.push(start..start + end);
        at = start + end + 2;
    }
    out
}

/// A word of an expression.
#[derive(Debug, PartialEq)]
enum Token {
    /// `github.event.issue.title`, lower case, with dots.
    Context(String),
    /// The name before an opening bracket, perhaps empty.
    Open(String),
    Close,
    /// `==`, `<` and the like.
    Comparison,
    Other,
}

/// Functions that give true, false or a hash, whatever stands in their arguments.
const SWALLOWS: &[&str] = &["contains", "startswith", "endswith", "hashfiles", "always", "success", "failure", "cancelled"];

/// Contexts of an expression whose text may be in its value, lower case, with dots: `github.event.issue.title`.
pub(super) fn contexts(expression: &str) -> Vec<String> {
    let tokens = tokens(expression);
    let mut out = Vec::new();
    let mut swallowed: Vec<bool> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Open(name) => swallowed.push(SWALLOWS.contains(&name.as_str())),
            Token::Close => {
                swallowed.pop();
            }
            Token::Context(name) => {
                let compared = [index.checked_sub(1), Some(index + 1)]
                    .into_iter()
                    .flatten()
                    .any(|index| tokens.get(index) == Some(&Token::Comparison));
                if !compared && !swallowed.contains(&true) {
                    out.push(name.clone());
                }
            }
            Token::Comparison | Token::Other => {}
        }
    }
    out
}

fn tokens(expression: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut current = String::new();
    let mut letters = expression.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                let mut literal = String::new();
                for inside in letters.by_ref() {
                    if inside == '\'' {
                        break;
                    }
                    literal.push(inside);
                }
                // `github['event']` is `github.event`.
                if current.ends_with('[') {
                    current.pop();
                    current.push('.');
                    current.push_str(&literal.to_lowercase());
                    if letters.peek() == Some(&']') {
                        letters.next();
                    }
                } else {
                    out.extend(finished(&mut current));
                    out.push(Token::Other);
                }
            }
            '[' if !current.is_empty() => current.push('['),
            letter if letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | '*') => {
                if current.ends_with('[') {
                    // An index that is computed may be any.
                    current.pop();
                    current.push_str(".*");
                    while letters.next().is_some_and(|letter| letter != ']') {}
                } else {
                    current.extend(letter.to_lowercase());
                }
            }
            '(' => out.push(Token::Open(std::mem::take(&mut current))),
            ')' => {
                out.extend(finished(&mut current));
                out.push(Token::Close);
            }
            '=' | '<' | '>' => {
                out.extend(finished(&mut current));
                if out.last() != Some(&Token::Comparison) {
                    out.push(Token::Comparison);
                }
            }
            '!' if letters.peek() == Some(&'=') => out.extend(finished(&mut current)),
            ' ' | '\t' | '\n' | '\r' => out.extend(finished(&mut current)),
            _ => {
                out.extend(finished(&mut current));
                out.push(Token::Other);
            }
        }
    }
    out.extend(finished(&mut current));
    out
}

/// A literal number or `true` is a word too, but no context.
fn finished(current: &mut String) -> Option<Token> {
    let text = std::mem::take(current);
    if text.is_empty() {
        return None;
    }
    Some(if text.starts_with(char::is_alphabetic) { Token::Context(text) } else { Token::Other })
}

/// Parts of events that people without write access choose, after `github.event.`; `*` is one name.
const OUTSIDE: &[&str] = &[
    "changes.body.from",
    "changes.title.from",
    "comment.body",
    "commits.*.author.email",
    "commits.*.author.name",
    "commits.*.committer.email",
    "commits.*.committer.name",
    "commits.*.message",
    "discussion.body",
    "discussion.title",
    "discussion_comment.body",
    "head_commit.author.email",
    "head_commit.author.name",
    "head_commit.committer.email",
    "head_commit.committer.name",
    "head_commit.message",
    "issue.body",
    "issue.title",
    "issue_comment.body",
    "milestone.description",
    "milestone.title",
    "pages.*.page_name",
    "pull_request.body",
    "pull_request.head.label",
    "pull_request.head.ref",
    "pull_request.head.repo.default_branch",
    "pull_request.head.repo.description",
    "pull_request.head.repo.homepage",
    "pull_request.title",
    "release.body",
    "review.body",
    "review_comment.body",
    "workflow_run.display_title",
    "workflow_run.head_branch",
    "workflow_run.head_commit.author.email",
    "workflow_run.head_commit.author.name",
    "workflow_run.head_commit.message",
    "workflow_run.head_repository.description",
];

/// Whether a context holds what people outside write.
pub(super) fn from_outside(context: &str) -> bool {
    if matches!(context, "github.head_ref" | "github.event" | "github") {
        // The whole event holds them all.
        return true;
    }
    let Some(rest) = context.strip_prefix("github.event.") else { return false };
    let parts: Vec<&str> = rest.split('.').collect();
    OUTSIDE.iter().any(|known| {
        let known: Vec<&str> = known.split('.').collect();
        // A whole object holds its parts: `toJSON(github.event.issue)`.
        parts.len() <= known.len()
            && parts.iter().zip(&known).all(|(part, known)| part == known || *known == "*" || *part == "*")
            && (parts.len() == known.len() || known.get(parts.len()).is_some())
    }) && !is_plain(&parts)
}

/// Numbers and addresses among the parts of events.
fn is_plain(parts: &[&str]) -> bool {
    parts.last().is_some_and(|last| matches!(*last, "number" | "id" | "sha" | "node_id" | "html_url" | "url" | "state"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_and_contexts() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<String> = expressions(text).into_iter().flat_map(|range| contexts(text.get(range).unwrap())).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("a ${{ github.ref }} b ${{ env.X}}", &["github.ref", "env.x"]);
        check("${{ format('{0}}}', github.Event.Issue.title) }}", &["github.event.issue.title"]);
        check("${{ toJSON(secrets) }}", &["secrets"]);
        check("${{ github['event']['issue']['title'] }}", &["github.event.issue.title"]);
        check("${{ github.event[github.event_name].title }}", &["github.event.*.title"]);
        check("${{ a && 'x' || b }}", &["a", "b"]);
        check("${{ unclosed", &[]);
        check("${{ contains(a.b, 'x') || c }}", &["c"]);
        check("${{ a == b && c || d != 'x' }}", &["c"]);
        check("${{ format('{0}', a) }}", &["a"]);
        check("${{ fromJSON(contains(a, b)) }}", &[]);
        check("${{ 1 == 2 }}", &[]);
        check("${{ github.event.commits[0].message }}", &["github.event.commits.*.message"]);
    }

    #[test]
    fn what_comes_from_outside() {
        for context in [
            "github.head_ref",
            "github.event.issue.title",
            "github.event.commits.*.message",
            "github.event.pull_request.head.ref",
            "github.event.issue",
            "github.event",
            "github.event.*.title",
        ] {
            assert!(from_outside(context), "{context}");
        }
        for context in ["github.ref", "github.event.pull_request.number", "github.event.pull_request.head.sha", "github.actor", "env.x"] {
            assert!(!from_outside(context), "{context}");
        }
    }
}
