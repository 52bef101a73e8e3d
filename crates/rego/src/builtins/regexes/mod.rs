//! Regular expressions with the syntax and meaning of RE2.

mod intersection;
mod syntax;

use regex::Regex;

use crate::builtins::operands::{as_text, integer, text};
use crate::builtins::{Answer, Context, Failure, caches};
use crate::term::{Term, quote};

pub(super) use syntax::translate;

/// Whether text is a regular expression.
pub(super) fn is_valid(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(as_text(arguments, 0).is_some_and(|pattern| caches::compile(pattern).is_ok())))
}

/// Whether a part of a text matches.
pub(super) fn is_match(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (pattern, value) = (text(arguments, 0)?, text(arguments, 1)?);
    Ok(Term::Bool(context.caches.regex(pattern)?.is_match(value)))
}

/// How many matches are asked for: all where the number is below zero.
fn limit(arguments: &[Term], at: usize) -> Result<usize, Failure> {
    Ok(usize::try_from(integer(arguments, at)?).unwrap_or(usize::MAX))
}

/// The matches in a text.
pub(super) fn find_n(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (pattern, value, limit) = (text(arguments, 0)?, text(arguments, 1)?, limit(arguments, 2)?);
    let regex = context.caches.regex(pattern)?;
    let mut out = Vec::new();
    for found in regex.find_iter(value).take(limit) {
        context.spend(found.len() + std::mem::size_of::<Term>())?;
        out.push(Term::from(found.as_str()));
    }
    Ok(Term::array(out))
}

/// The matches in a text, each with its groups.
pub(super) fn find_all_string_submatch_n(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (pattern, value, limit) = (text(arguments, 0)?, text(arguments, 1)?, limit(arguments, 2)?);
    let regex = context.caches.regex(pattern)?;
    let mut out = Vec::new();
    for captures in regex.captures_iter(value).take(limit) {
        let mut groups = Vec::with_capacity(captures.len());
        for group in captures.iter() {
            let group = group.map_or("", |found| found.as_str());
            context.spend(group.len() + std::mem::size_of::<Term>())?;
            groups.push(Term::from(group));
        }
        out.push(Term::array(groups));
    }
    Ok(Term::array(out))
}

/// The text with every match replaced; `$1` and `${name}` stand for groups.
pub(super) fn replace(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (value, pattern, with) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
    let regex = context.caches.regex(pattern)?;
    let mut out = String::new();
    let mut end = 0;
    for captures in regex.captures_iter(value) {
        let Some(whole) = captures.get(0) else { continue };
        let before = out.len();
        out.push_str(value.get(end..whole.start()).unwrap_or_default());
        captures.expand(with, &mut out);
        context.spend(out.len() - before)?;
        end = whole.end();
    }
    out.push_str(value.get(end..).unwrap_or_default());
    Ok(Term::from(out))
}

/// The parts of a text between matches.
pub(super) fn split(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (pattern, value) = (text(arguments, 0)?, text(arguments, 1)?);
    let regex = context.caches.regex(pattern)?;
    if value.is_empty() && !pattern.is_empty() {
        return Ok(Term::array(vec![Term::from("")]));
    }
    let mut out = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in regex.find_iter(value) {
        end = found.start();
        if found.end() != 0 {
            let part = value.get(begin..end).unwrap_or_default();
            context.spend(part.len() + std::mem::size_of::<Term>())?;
            out.push(Term::from(part));
        }
        begin = found.end();
    }
    if end != value.len() {
        out.push(Term::from(value.get(begin..).unwrap_or_default()));
    }
    Ok(Term::array(out))
}

/// Whether a text matches a template: regular expressions between delimiters, the rest as it is.
pub(super) fn template_match(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (pattern, value, start, end) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?, text(arguments, 3)?);
    let one = |which: &str, given: &str| match given.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(Failure::Failed(format!("{which} delimiter has to be exactly one character long but is {} long", start.len()))),
    };
    let (start, end) = (one("start", start)?, one("end", end)?);
    let key = format!("{}{}{pattern}", char::from(start), char::from(end));
    let regex = context.caches.template(&key, || template(pattern, start, end))?;
    Ok(Term::Bool(regex.is_match(value)))
}

fn template(pattern: &str, start: u8, end: u8) -> Result<Regex, Failure> {
    let unbalanced = || Failure::Failed(format!("unbalanced braces in {}", quote(pattern)));
    let mut level = 0_usize;
    let mut open = 0;
    let mut after = 0;
    let mut whole = String::from("^");
    for (at, byte) in pattern.bytes().enumerate() {
        if byte == start {
            level += 1;
            if level == 1 {
                open = at;
            }
        } else if byte == end {
            level = level.checked_sub(1).ok_or_else(unbalanced)?;
            if level == 0 {
                let inner = pattern.get(open + 1..at).unwrap_or_default();
                caches::compile(&format!("^{inner}$"))?;
                whole.push_str(&regex::escape(pattern.get(after..open).unwrap_or_default()));
                whole.push('(');
                whole.push_str(inner);
                whole.push(')');
                after = at + 1;
            }
        }
    }
    if level != 0 {
        return Err(unbalanced());
    }
    whole.push_str(&regex::escape(pattern.get(after..).unwrap_or_default()));
    whole.push('$');
    caches::compile(&whole)
}

/// Whether there is a text that matches two globs.
pub(super) fn globs_match(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (a, b) = (text(arguments, 0)?, text(arguments, 1)?);
    let (a, b) = (intersection::parse(a)?, intersection::parse(b)?);
    context.spend(a.len().saturating_mul(b.len()))?;
    Ok(Term::Bool(intersection::meet(&a, &b)))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn functions() {
        check("regex.match", r#"["^a+$", "aaa"]"#, "true");
        check("regex.match", r#"["(", "x"]"#, "eval_builtin_error: regex.match: error parsing regexp: missing closing ): `(`");
        check("re_match", r#"["b", "abc"]"#, "true");
        check("regex.is_valid", r#"["a**"]"#, "false");
        check("regex.is_valid", "[1]", "false");
        check("regex.find_n", r#"["a.", "abacad", 2]"#, r#"["ab", "ac"]"#);
        check("regex.find_n", r#"["a.", "abacad", -1]"#, r#"["ab", "ac", "ad"]"#);
        check("regex.find_n", r#"["a.", "abacad", 0]"#, "[]");
        check("regex.find_all_string_submatch_n", r#"["(a)(x)?", "aba", -1]"#, r#"[["a", "a", ""], ["a", "a", ""]]"#);
        check("regex.replace", r#"["abc", "(b)", "[$1$1x$$]"]"#, r#""a[b$]c""#);
        check("regex.replace", r#"["abc", "", "-"]"#, r#""-a-b-c-""#);
        check("regex.replace", r#"["aaa", "^a", "x"]"#, r#""xaa""#);
        check("regex.split", r#"["a*", "baaac"]"#, r#"["b", "c"]"#);
        check("regex.split", r#"["/", "/a/b/"]"#, r#"["", "a", "b", ""]"#);
        check("regex.split", r#"["/", ""]"#, r#"[""]"#);
        check("regex.template_match", r#"["urn:foo:{.*}", "urn:foo:bar:baz", "{", "}"]"#, "true");
        check("regex.template_match", r#"["urn:foo:<[0-9]+>.", "urn:foo:1x", "<", ">"]"#, "false");
        check("regex.template_match", r#"["a}", "a", "{", "}"]"#, r#"eval_builtin_error: regex.template_match: unbalanced braces in "a}""#);
        check(
            "regex.template_match",
            r#"["a", "a", "{{", "}"]"#,
            "eval_builtin_error: regex.template_match: start delimiter has to be exactly one character long but is 2 long",
        );
        check("regex.globs_match", r#"["a.a.[0-9]+z", "a.b.[0-9]+z"]"#, "false");
        check("regex.globs_match", r#"["a.a.[0-9]+z", "a.a.[0-9]*z"]"#, "true");
    }

    #[test]
    fn meaning_is_that_of_re2() {
        let holds = |pattern: &str, value: &str, expected: bool| {
            let arguments = format!("[{}, {}]", crate::term::Term::from(pattern).to_json(), crate::term::Term::from(value).to_json());
            check("regex.match", &arguments, if expected { "true" } else { "false" });
        };
        holds(r"^\d$", "٣", false);
        holds(r"^\w$", "é", false);
        holds(r"^\W$", "é", true);
        holds(r"^[\W]$", "é", true);
        holds(r"^[^\W]$", "é", false);
        holds(r"^[\d.]+$", "1.2", true);
        holds(r"é\b", "é", false);
        holds(r"a\b", "aé", true);
        holds(r"\Ba", "éa", false);
        holds(r"\<a\>", "<a>", true);
        holds("a{,3}", "a{,3}", true);
        holds("a{b}", "a{b}", true);
        holds("[a&&b]", "&", true);
        holds("[a[]", "[", true);
        holds("[]a]", "]", true);
        holds("[^]a]", "]", false);
        holds("[a-]", "-", true);
        holds("[--/]", ".", true);
        holds(r"\Q.+\E", ".+", true);
        holds(r"\Q.", "x", false);
        holds("]}", "]}", true);
        holds(r"^\101$", "A", true);
        holds(r"^\x41\x{42}$", "AB", true);
        holds(r"(?i)STRASSE", "strasse", true);
        holds(r"(?s)a.b", "a\nb", true);
        holds(r"a.b", "a\nb", false);
        holds(r"(?m)^b$", "a\nb", true);
        holds(r"a$", "a\n", false);
        holds(r"\pL\p{Greek}\P{^L}", "aαb", true);
        holds(r"[[:alpha:]_]+", "x_", true);
        holds(r"^\s$", "\u{b}", false);
        holds(r"(?U)a+", "aa", true);
        holds("(?P<n>a)(?P<n>b)", "ab", true);
        holds("#x y", "#x y", true);
    }

    #[test]
    fn what_is_wrong() {
        let fails = |pattern: &str, reason: &str| {
            let arguments = format!("[{}, \"\"]", crate::term::Term::from(pattern).to_json());
            check("regex.match", &arguments, &format!("eval_builtin_error: regex.match: error parsing regexp: {reason}"));
        };
        fails("a)", "unexpected ): `a)`");
        fails("[b-a]", "invalid character class range: `b-a`");
        fails("[a", "missing closing ]: `[a`");
        fails("[[:foo:]]", "invalid character class range: `[:foo:]`");
        fails(r"\pX", r"invalid character class range: `\pX`");
        fails("a\\", "trailing backslash at end of expression: ``");
        fails(r"a\Z", r"invalid escape sequence: `\Z`");
        fails(r"\8", r"invalid escape sequence: `\8`");
        fails("*a", "missing argument to repetition operator: `*`");
        fails("a**", "invalid nested repetition operator: `**`");
        fails("x{2}{3}", "invalid nested repetition operator: `{2}{3}`");
        fails("a{1001}", "invalid repeat count: `{1001}`");
        fails("a{2,1}", "invalid repeat count: `{2,1}`");
        fails("(?x)a", "invalid or unsupported Perl syntax: `(?x`");
        fails("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
        fails("(?P<n", "invalid named capture: `(?P<n`");
        let long = format!("[\"{}\", \"\"]", "a".repeat(100_000));
        check("regex.match", &long, "eval_cancel_error: regex.match: the regular expression is too long");
        check("regex.match", r#"["((a{100}){100}){100}", ""]"#, "eval_cancel_error: regex.match: the regular expression is too large");
    }
}
