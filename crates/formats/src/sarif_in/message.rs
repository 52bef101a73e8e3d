//! Messages (section 3.11): looked up by id, placeholders filled in, links reduced to their text.

use probity_value::Value;

use super::LONGEST_MESSAGE;
use super::rule::Rules;

/// The message of a result as plain text; `None` where it has none that is not empty.
pub(super) fn of(result: &Value, descriptor: Option<&Value>, rules: &Rules<'_>) -> Option<String> {
    let message = result.get("message")?;
    let text = match message.get("text").and_then(Value::as_str) {
        Some(text) => text,
        None => {
            let id = message.get("id")?.as_str()?;
            let own = descriptor.and_then(|descriptor| descriptor.get("messageStrings")?.get(id)?.get("text")?.as_str());
            own.or_else(|| rules.global_message(id))?
        }
    };
    let text = match message.get("arguments").and_then(Value::as_list) {
        Some(arguments) => fill(text, arguments),
        None => text.to_owned(),
    };
    let text = plain_links(&text);
    (!text.trim().is_empty()).then_some(text)
}

/// Puts arguments into `{0}` and unescapes doubled braces.
fn fill(text: &str, arguments: &[Value]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if out.len() > LONGEST_MESSAGE * 4 {
            break;
        }
        match letter {
            '{' | '}' if letters.peek() == Some(&letter) => {
                letters.next();
                out.push(letter);
            }
            '{' => {
                let mut inner = String::new();
                while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                    inner.push(digit);
                }
                let closed = letters.next_if_eq(&'}').is_some();
                let argument = inner.parse::<usize>().ok().filter(|_| closed).and_then(|index| arguments.get(index)?.as_str());
                match argument {
                    Some(argument) => out.push_str(argument),
                    None => {
                        out.push('{');
                        out.push_str(&inner);
                        if closed {
                            out.push('}');
                        }
                    }
                }
            }
            _ => out.push(letter),
        }
    }
    out
}

/// `[text](target)` as `text`, `\[` as `[` (section 3.11.6). What is not a whole link stays as it is.
pub(crate) fn plain_links(text: &str) -> String {
    if !text.contains(['[', '\\']) {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(letter) = letters.get(at).copied() {
        match letter {
            '\\' if matches!(letters.get(at + 1), Some('[' | ']' | '\\')) => {
                out.extend(letters.get(at + 1));
                at += 2;
            }
            '[' => match link(&letters, at) {
                Some((label, next)) => {
                    out.push_str(&label);
                    at = next;
                }
                None => {
                    out.push(letter);
                    at += 1;
                }
            },
            _ => {
                out.push(letter);
                at += 1;
            }
        }
    }
    out
}

/// The text of a link that begins here and the position after it. Labels and targets are short, so the search is bounded.
fn link(letters: &[char], at: usize) -> Option<(String, usize)> {
    const LONGEST: usize = 1_000;
    let mut label = String::new();
    let mut end = at + 1;
    loop {
        match letters.get(end)? {
            ']' => break,
            '[' | '\n' => return None,
            '\\' if matches!(letters.get(end + 1), Some('[' | ']' | '\\')) => {
                label.extend(letters.get(end + 1));
                end += 2;
            }
            other => {
                label.push(*other);
                end += 1;
            }
        }
        if end - at > LONGEST {
            return None;
        }
    }
    if letters.get(end + 1) != Some(&'(') {
        return None;
    }
    let rest = letters.get(end + 2..)?;
    let length = rest.iter().take(LONGEST).position(|letter| *letter == ')')?;
    Some((label, end + 3 + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::Span;

    #[test]
    fn placeholders() {
        let check = |text: &str, expected: &str| {
            let arguments = ["a", "{0}"].map(|text| Value::string(text, Span::NONE));
            assert_eq!(fill(text, &arguments), expected, "{text}");
        };
        check("{0} and {1}", "a and {0}");
        check("{{0}} {2} {x} {", "{0} {2} {x} {");
        check("{0", "{0");
        check("{99999999999999999999999}", "{99999999999999999999999}");
    }

    #[test]
    fn links() {
        let check = |text: &str, expected: &str| assert_eq!(plain_links(text), expected, "{text}");
        check("a [user value](1) flows", "a user value flows");
        check("[x](https://e.vil) [y]", "x [y]");
        check("list[0](a", "list[0](a");
        check("\\[not\\](1)", "[not](1)");
        check("[a[b](1)", "[ab");
        check("[", "[");
        check("C:\\dir", "C:\\dir");
        check("[a\nb](1)", "[a\nb](1)");
    }
}
