//! A value as YAML for people: block style, two spaces, keys in their order, text quoted only where it would be read as something else.

use crate::{Data, FileId, Number, Value, json};

/// The value as a YAML document without `---`, ending with a line break. `None` where it holds something unknown.
#[must_use]
pub fn write(value: &Value) -> Option<String> {
    let mut out = String::new();
    node(value, 0, false, &mut out)?;
    if !out.ends_with('\n') {
        out.push('\n');
    }
    Some(out)
}

/// Writes a value whose first line continues the current one where `inline` (after `- `), and whose further lines have `indent` spaces.
fn node(value: &Value, indent: usize, inline: bool, out: &mut String) -> Option<()> {
    match &value.data {
        Data::Map(map) if !map.is_empty() => {
            for (position, (key, entry)) in map.iter().enumerate() {
                if position > 0 || !inline {
                    pad(indent, out);
                }
                scalar_text(key, out);
                out.push(':');
                match &entry.value.data {
                    Data::Map(inner) if !inner.is_empty() => {
                        out.push('\n');
                        node(&entry.value, indent + 2, false, out)?;
                    }
                    // Items stand below their key, not further in: as kubectl writes them.
                    Data::List(items) if !items.is_empty() => {
                        out.push('\n');
                        node(&entry.value, indent, false, out)?;
                    }
                    _ => {
                        out.push(' ');
                        leaf(&entry.value, indent + 2, out)?;
                    }
                }
            }
        }
        Data::List(items) if !items.is_empty() => {
            for (position, item) in items.iter().enumerate() {
                if position > 0 || !inline {
                    pad(indent, out);
                }
                out.push_str("- ");
                match &item.data {
                    Data::Map(inner) if !inner.is_empty() => node(item, indent + 2, true, out)?,
                    Data::List(inner) if !inner.is_empty() => node(item, indent + 2, true, out)?,
                    _ => leaf(item, indent + 2, out)?,
                }
            }
        }
        _ => {
            if !inline {
                pad(indent, out);
            }
            leaf(value, indent, out)?;
        }
    }
    Some(())
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn leaf(value: &Value, indent: usize, out: &mut String) -> Option<()> {
    match &value.data {
        Data::Null => out.push_str("null"),
        Data::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Data::Number(Number::Int(value)) => out.push_str(&value.to_string()),
        Data::Number(Number::Float(_)) => out.push_str(&json::write(value)?),
        Data::String(text) if is_block(text) => return block(text, indent, out),
        Data::String(text) => scalar_text(text, out),
        Data::List(_) => out.push_str("[]"),
        Data::Map(_) => out.push_str("{}"),
        Data::Unknown(_) => return None,
    }
    out.push('\n');
    Some(())
}

/// Whether text is best written as a block of lines.
fn is_block(text: &str) -> bool {
    let plain = |letter: char| {
        letter == '\n'
            || (!letter.is_control() && letter != '\u{feff}' && letter != '\u{2028}' && letter != '\u{2029}' && letter != '\u{85}')
    };
    text.contains('\n') && text.chars().all(plain) && !text.starts_with([' ', '\n']) && !text.lines().any(|line| line.ends_with(' '))
}

fn block(text: &str, indent: usize, out: &mut String) -> Option<()> {
    let body = text.trim_end_matches('\n');
    let tail = text.len() - body.len();
    out.push_str(match tail {
        0 => "|-\n",
        1 => "|\n",
        _ => "|+\n",
    });
    for line in body.split('\n') {
        if !line.is_empty() {
            pad(indent.max(2), out);
            out.push_str(line);
        }
        out.push('\n');
    }
    (1..tail).for_each(|_| out.push('\n'));
    Some(())
}

fn scalar_text(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else if !text.contains(|letter: char| letter.is_control() || matches!(letter, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{85}')) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    } else {
        json::write_string(text, out);
    }
}

/// Whether text may stand without quotes: it is read back as the very same text by readers of YAML 1.1 and 1.2.
fn is_plain(text: &str) -> bool {
    let first = text.chars().next();
    let safe = |letter: char| {
        letter.is_alphanumeric()
            || matches!(
                letter,
                '_' | '-'
                    | '.'
                    | '/'
                    | '+'
                    | '('
                    | ')'
                    | '$'
                    | '~'
                    | '^'
                    | ';'
                    | '@'
                    | '='
                    | ':'
                    | ','
                    | ' '
                    | '*'
                    | '%'
                    | '!'
                    | '?'
                    | '\\'
                    | '<'
                    | '>'
            )
    };
    if !first.is_some_and(|letter| letter.is_alphabetic() || matches!(letter, '_' | '/' | '.' | '$') || letter.is_ascii_digit()) {
        return false;
    }
    if !text.chars().all(safe) || text.ends_with([' ', ':']) || text.contains(": ") || text.contains(" #") {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    if matches!(&*lower, "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "~" | "=" | "<<" | ".inf" | ".nan") {
        return false;
    }
    // Numbers of any kind, dates and base 60.
    let digits = text.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
    if digits
        && text.chars().all(|letter| {
            letter.is_ascii_hexdigit() || matches!(letter, '.' | '_' | '-' | '+' | ':' | 'x' | 'o' | 'b' | 'T' | 'Z' | 't' | 'z' | ' ')
        })
    {
        return false;
    }
    matches!(super::parse(text, FileId::NONE).0.as_slice(), [document] if document.value.as_str() == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn parse(text: &str) -> Value {
        yaml::parse(text, FileId::NONE).0.remove(0).value
    }

    fn check(text: &str, expected: &str) {
        let value = parse(text);
        let written = write(&value).unwrap();
        assert_eq!(written, expected, "{text}");
        assert_eq!(parse(&written), value, "{written}");
    }

    #[test]
    fn values_are_written_as_people_write_them() {
        check("{a: 1, b: {c: x, d: []}, e: {}}", "a: 1\nb:\n  c: x\n  d: []\ne: {}\n");
        check("{a: [1, {b: 2, c: 3}, [x, y]]}", "a:\n- 1\n- b: 2\n  c: 3\n- - x\n  - 'y'\n");
        check("[{a: [b]}]", "- a:\n  - b\n");
        check("text", "text\n");
        check("[]", "[]\n");
    }

    #[test]
    fn text_is_quoted_where_it_must_be() {
        check(
            "{a: 'true', b: 'no', c: '1', d: '1.5', e: '0x1f', f: '', g: '2024-01-01'}",
            "a: 'true'\nb: 'no'\nc: '1'\nd: '1.5'\ne: '0x1f'\nf: ''\ng: '2024-01-01'\n",
        );
        check(
            "{a: nginx:1.27, b: a b, c: 'a: b', d: '# x', e: 'it''s', f: '*x', g: a/b, 'x y: z': 1}",
            "a: nginx:1.27\nb: a b\nc: 'a: b'\nd: '# x'\ne: 'it''s'\nf: '*x'\ng: a/b\n'x y: z': 1\n",
        );
        check("a: \"b\\tc\"", "a: \"b\\tc\"\n");
    }

    #[test]
    fn lines_are_written_as_blocks() {
        check("a: \"x\\ny\"", "a: |-\n  x\n  y\n");
        check("a: \"x\\ny\\n\"", "a: |\n  x\n  y\n");
        check("a: \"x\\n\\ny\\n\\n\"", "a: |+\n  x\n\n  y\n\n");
        check("- \"x\\ny\"", "- |-\n  x\n  y\n");
        check("a: \" x\\ny\"", "a: \" x\\ny\"\n");
    }
}
