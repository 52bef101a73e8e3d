//! Regular expressions of Go (RE2) as Rust's `regex` reads them, with the same meaning.
//!
//! The differences that matter: `\w`, `\d`, `\s` and `\b` are ASCII in Go, `{` may stand for itself, `[` inside a class is a letter, and
//! a class has no set operations.

/// A Go pattern in Rust's syntax. What Go does not know (look-around) stays as it is, and the parser says so.
#[must_use]
pub(crate) fn from_go(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 32);
    let mut letters = pattern.char_indices().peekable();
    let mut in_class = false;
    let mut class_first = false;
    // What stands before in the class: a letter that may begin a range, or the `-` of one.
    let mut before = Before::Nothing;
    while let Some((at, letter)) = letters.next() {
        let rest = pattern.get(at..).unwrap_or_default();
        if letter == '\\' {
            let Some((_, escaped)) = letters.next() else {
                out.push('\\');
                break;
            };
            escape(escaped, in_class, &mut out, &mut letters);
            class_first = false;
            // A class within a class begins no range.
            let begins = before != Before::Dash && !matches!(escaped, 'w' | 'W' | 'd' | 'D' | 's' | 'S' | 'p' | 'P');
            before = if begins { Before::Letter } else { Before::Nothing };
            continue;
        }
        if in_class {
            match letter {
                ']' if !class_first => {
                    in_class = false;
                    out.push(']');
                }
                '[' if rest.starts_with("[:") => match rest.find(":]") {
                    Some(end) => {
                        out.push_str(rest.get(..end + 2).unwrap_or_default());
                        for _ in 0..rest.get(1..end + 2).unwrap_or_default().chars().count() {
                            letters.next();
                        }
                    }
                    None => out.push_str("\\["),
                },
                '[' | '&' | '~' | ']' => {
                    out.push('\\');
                    out.push(letter);
                }
                '-' if before == Before::Letter && !rest.starts_with("-]") => {
                    out.push('-');
                    before = Before::Dash;
                    continue;
                }
                '-' => out.push_str("\\-"),
                _ => out.push(letter),
            }
            class_first = class_first && letter == '^';
            before = if before == Before::Dash { Before::Nothing } else { Before::Letter };
            continue;
        }
        match letter {
            '[' => {
                in_class = true;
                class_first = true;
                before = Before::Nothing;
                out.push('[');
            }
            '{' if !is_repetition(rest) => out.push_str("\\{"),
            '}' if !closes_repetition(&out) => out.push_str("\\}"),
            _ => out.push(letter),
        }
    }
    out
}

/// What was read before in a class.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Letter,
    Dash,
}

fn escape(escaped: char, in_class: bool, out: &mut String, letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>) {
    let set = match escaped {
        'w' | 'W' => "0-9A-Za-z_",
        'd' | 'D' => "0-9",
        's' | 'S' => "\\t\\n\\x0C\\r ",
        'b' | 'B' if !in_class => {
            out.push_str(if escaped == 'b' { "(?-u:\\b)" } else { "(?-u:\\B)" });
            return;
        }
        'Q' if !in_class => {
            let mut literal = String::new();
            while let Some((_, letter)) = letters.next() {
                if letter == '\\' && letters.peek().is_some_and(|(_, next)| *next == 'E') {
                    letters.next();
                    break;
                }
                literal.push(letter);
            }
            out.push_str(&regex_syntax::escape(&literal));
            return;
        }
        // Rust knows no escape for these; Go takes them for themselves.
        '"' | '\'' | '`' | ',' | ':' | ';' | '=' | '!' | '@' | '%' | '_' | '<' | '>' | ' ' => {
            out.push(escaped);
            return;
        }
        _ => {
            out.push('\\');
            out.push(escaped);
            if matches!(escaped, 'p' | 'P' | 'x') && letters.peek().is_some_and(|(_, next)| *next == '{') {
                for (_, letter) in letters.by_ref() {
                    out.push(letter);
                    if letter == '}' {
                        break;
                    }
                }
            }
            return;
        }
    };
    let negated = escaped.is_ascii_uppercase();
    match (in_class, negated) {
        (true, false) => out.push_str(set),
        (true, true) => {
            out.push_str("[^");
            out.push_str(set);
            out.push(']');
        }
        (false, _) => {
            out.push_str(if negated { "[^" } else { "[" });
            out.push_str(set);
            out.push(']');
        }
    }
}

/// Whether the text at a `{` is a repetition: `{3}`, `{3,}`, `{3,5}`.
fn is_repetition(rest: &str) -> bool {
    let Some(inside) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(inside, _)| inside) else { return false };
    let (from, to) = inside.split_once(',').unwrap_or((inside, ""));
    !from.is_empty() && from.bytes().all(|byte| byte.is_ascii_digit()) && to.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a `}` after what was written ends a repetition.
fn closes_repetition(written: &str) -> bool {
    let Some((before, inside)) = written.rsplit_once('{') else { return false };
    !before.ends_with('\\') && !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_the_same() {
        let check = |go: &str, hits: &[&str], misses: &[&str]| {
            let rust = from_go(go);
            let regex = regex::bytes::Regex::new(&rust).unwrap_or_else(|problem| panic!("{go} -> {rust}: {problem}"));
            for hit in hits {
                assert!(regex.is_match(hit.as_bytes()), "{go} -> {rust} finds {hit}");
            }
            for miss in misses {
                assert!(!regex.is_match(miss.as_bytes()), "{go} -> {rust} leaves {miss}");
            }
        };
        check(r"^\w$", &["a", "_"], &["é", "-"]);
        check(r"^[\w.-]+$", &["a.b-c"], &["é"]);
        check(r"^\d$", &["1"], &["٣"]);
        check(r"^\s$", &[" ", "\t"], &["\u{a0}", "\x0b"]);
        check(r"^[^\s]$", &["\x0b"], &[" "]);
        check(r"^[\S]$", &["x"], &[" "]);
        check(r"^\$(?:\d+|{\d+})$", &["$1", "${12}"], &["$a"]);
        check(r"^\${(?:[A-Z_]+)}$", &["${HOME}"], &["$HOME"]);
        check(r"^a{2,3}}$", &["aaa}"], &["a}"]);
        check(r"^[[:alnum:]]{2}[$[]$", &["a1[", "a1$"], &["a_["]);
        check(r"^[]a]$", &["]", "a"], &["b"]);
        check(r"^[^]a]$", &["b"], &["]", "a"]);
        check(r"^[a&&b]+$", &["a&b"], &["c"]);
        check(r"^[+--]$", &["+", ",", "-"], &["."]);
        check(r"^[+-]$", &["+", "-"], &[","]);
        check(r"^[\w-.]$", &["-", ".", "a"], &["/"]);
        check(r"^\p{Greek}\x{41}$", &["αA"], &["aA"]);
        check(r#"^\"\'\_\/\:$"#, &["\"'_/:"], &[]);
        check(r"^\Qa.b\E.$", &["a.bc"], &["aXbc"]);
        check(r"\bkey\b", &["a key.", "ékeyé"], &["keys"]);
        check(r"(?i)^k$", &["K", "\u{212a}"], &[]);
        check(r"^[\s\S-]$", &["-", "é"], &[]);
    }
}
