//! Makes text of judged files harmless for each place it is written to. Names, paths and messages may be written by an attacker: they
//! must not move the cursor, hide or reverse text, start a workflow command, make a link, call a person or close a tag.
//!
//! JSON needs no more than its own escapes, done by the JSON writer, and [`json_output`] for what a terminal would act on.

use std::borrow::Cow;

/// Whether a character changes how the text around it is shown, or cannot be seen: controls, direction marks, zero-width and tag
/// characters, line and paragraph separators.
#[must_use]
pub fn is_deceptive(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// One deceptive character made visible: a control picture (`␛`) for the C0 controls, `\u{202e}` for the others.
pub(crate) fn picture(letter: char) -> String {
    match u32::from(letter) {
        code @ 0..=0x1F => char::from_u32(0x2400 + code).unwrap_or('\u{FFFD}').to_string(),
        0x7F => '\u{2421}'.to_string(),
        code => format!("\\u{{{code:x}}}"),
    }
}

/// Text for one line of a terminal or log: line breaks and tabs become one space, deceptive characters become visible.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut gap = false;
    for letter in text.chars() {
        if matches!(letter, '\n' | '\r' | '\t') {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) && !out.is_empty() && !out.ends_with(' ') && letter != ' ' {
            out.push(' ');
        }
        if is_deceptive(letter) { out.push_str(&picture(letter)) } else { out.push(letter) }
    }
    Cow::Owned(out)
}

/// Printed text in which no line is a command to the CI system that reads the log: GitHub takes one that begins with `::` (after
/// space) for a command, and it and Azure Pipelines take `##[` and `##vso[` anywhere. A space is put between. Lines may begin so where
/// a long text was wrapped.
#[must_use]
pub fn log(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        match line.split_at_checked(indent) {
            Some((space, rest)) if rest.starts_with("::") => {
                out.push_str(space);
                out.push_str(": :");
                out.push_str(rest.strip_prefix("::").unwrap_or_default());
            }
            _ => out.push_str(line),
        }
    }
    for (command, broken) in [("##[", "# #["), ("##v", "# #v"), ("##V", "# #V")] {
        if out.contains(command) {
            out = out.replace(command, broken);
        }
    }
    Cow::Owned(out)
}

/// A message of several lines for a log: as [`log`], and deceptive characters become visible.
#[must_use]
pub fn message(text: &str) -> Cow<'_, str> {
    let hides = |letter: char| !matches!(letter, '\n' | '\t') && is_deceptive(letter);
    if !text.chars().any(hides) {
        return log(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if hides(letter) { out.push_str(&picture(letter)) } else { out.push(letter) }
    }
    Cow::Owned(log(&out).into_owned())
}

/// The first `most` characters, with `…` as the last where something was cut off.
#[must_use]
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().take(most.saturating_sub(1)).chain(['…']).collect())
}

/// The message part of a GitHub workflow command.
#[must_use]
pub fn github_message(text: &str) -> String {
    log(&line(text)).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a GitHub workflow command.
#[must_use]
pub fn github_property(text: &str) -> String {
    github_message(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text or attribute value of an XML 1.0 document; characters XML 1.0 cannot hold become U+FFFD, line breaks become references, so that
/// attribute values keep them.
#[must_use]
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Two in a row begin a command to the CI system that reads the log ([`log`]).
            '#' if out.ends_with('#') => out.push_str("&#35;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            _ if is_deceptive(letter) => out.push_str(&picture(letter)),
            _ => out.push(letter),
        }
    }
    out
}

/// Text inside an HTML element of a Markdown page, where Markdown itself is not read (`<summary>`): tags, mentions and links are dead.
#[must_use]
pub fn html(text: &str) -> String {
    let text = line(text);
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = '\0';
    for letter in text.chars() {
        push_dead(&mut out, before, letter, &mut |out, letter| match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        });
        before = letter;
    }
    out
}

/// Running text of a Markdown page, on one line: nothing in it is markup, a mention, a reference to an issue, or a link.
#[must_use]
pub fn markdown(text: &str) -> String {
    let text = line(text);
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = '\0';
    for letter in text.chars() {
        push_dead(&mut out, before, letter, &mut |out, letter| match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '+' | '!' | '|' | '~' | '$' | '=' => {
                out.push('\\');
                out.push(letter);
            }
            '-' if before == '\0' => out.push_str("\\-"),
            '.' if before.is_ascii_digit() => out.push_str("\\."),
            _ => out.push(letter),
        });
        before = letter;
    }
    out
}

/// Writes a letter so that no mention, issue reference or automatic link comes to be: an invisible break stands in it.
fn push_dead(out: &mut String, before: char, letter: char, write: &mut dyn FnMut(&mut String, char)) {
    const BREAK: &str = "&#8203;";
    match letter {
        '@' | '#' => {
            write(out, letter);
            out.push_str(BREAK);
        }
        '/' if before == ':' => {
            out.push_str(BREAK);
            out.push('/');
        }
        '.' if out.len() >= 3 && out.bytes().rev().take(3).all(|byte| byte.eq_ignore_ascii_case(&b'w')) => {
            out.push_str(BREAK);
            write(out, '.');
        }
        _ => write(out, letter),
    }
}

/// A Markdown code span that holds the text whatever it is; not for table cells.
#[must_use]
pub fn code_span(text: &str) -> String {
    let text = line(text);
    let mut longest = 0_usize;
    let mut run = 0_usize;
    for letter in text.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    if text.trim().is_empty() {
        return "` `".to_owned();
    }
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A message in our style, with user text in backticks: the backticked parts become code spans, all else is running text.
#[must_use]
pub fn markdown_message(text: &str) -> String {
    let text = line(text);
    let mut parts: Vec<&str> = text.split('`').collect();
    // A backtick without a partner is a plain character.
    let mut tail = None;
    if parts.len().is_multiple_of(2) {
        tail = parts.pop();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (index, part) in parts.iter().enumerate() {
        if index % 2 == 0 {
            out.push_str(&markdown(part));
        } else if part.is_empty() {
            out.push_str("\\`\\`");
        } else {
            out.push_str(&code_span(part));
        }
    }
    if let Some(tail) = tail {
        out.push_str("\\`");
        out.push_str(&markdown(tail));
    }
    out
}

/// Plain message text of SARIF, where `[text](target)` would be a link: the two parts are kept apart.
#[must_use]
pub fn sarif_message(text: &str) -> String {
    text.replace("](", "] (")
}

/// A JSON document for output: characters a terminal would act on and JSON does not escape by itself become `\u` escapes. They can only
/// stand inside strings, so the document means the same.
#[must_use]
pub fn json_output(document: &str) -> Cow<'_, str> {
    let acts = |letter: char| letter != '\n' && is_deceptive(letter);
    let plain = |byte: &u8| matches!(byte, b'\n' | b' '..=b'~');
    let commands = document.contains("##");
    if !commands && (document.as_bytes().iter().all(plain) || !document.chars().any(acts)) {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len() + 64);
    let mut before = None;
    for letter in document.chars() {
        if acts(letter) || (letter == '#' && before == Some('#')) {
            let mut units = [0_u16; 2];
            for unit in letter.encode_utf16(&mut units) {
                put!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(letter);
        }
        before = Some(letter);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_a_terminal() {
        let check = |given: &str, expected: &str| assert_eq!(line(given), expected, "{given:?}");
        check("plain `text` é 日本", "plain `text` é 日本");
        check("a\x1b[31mred", "a␛[31mred");
        check("a\r\nb\n\n\tc\n", "a b c");
        check("a \n b", "a  b");
        check("\u{9b}2J\x7f\0", "\\u{9b}2J␡␀");
        check("file\u{202e}gnp.exe", "file\\u{202e}gnp.exe");
        check("a\u{200b}b\u{2066}c\u{feff}", "a\\u{200b}b\\u{2066}c\\u{feff}");
        check("\u{e0041}", "\\u{e0041}");
    }

    #[test]
    fn no_line_of_a_log_is_a_command() {
        let check = |given: &str, expected: &str| assert_eq!(log(given), expected, "{given:?}");
        check("a::b\nc", "a::b\nc");
        check("::error::x\n \t::add-mask::y\nz ::w", ": :error::x\n \t: :add-mask::y\nz ::w");
        check("a ##[error]x ##vso[task]y ### z", "a # #[error]x # #vso[task]y ### z");
        check("\r\n::x", "\r\n: :x");
        check("###[x", "## #[x");
        check("\u{2028}::x ####[y", "\u{2028}: :x ### #[y");
        assert_eq!(message("a\x1b[2J\tb\n\r::x ##[y"), "a␛[2J\tb\n␍::x # #[y");
        assert_eq!(message("plain\n"), "plain\n");
    }

    #[test]
    fn cutting_counts_characters() {
        let check = |given: &str, most: usize, expected: &str| assert_eq!(cut(given, most), expected, "{given:?}");
        check("abc", 3, "abc");
        check("abcd", 3, "ab…");
        check("ééé", 2, "é…");
        check("abc", 0, "…");
        check("", 0, "");
    }

    #[test]
    fn workflow_commands_cannot_be_started() {
        assert_eq!(github_message("100%\r\n::error::x"), "100%25 ::error::x");
        assert_eq!(github_message("a\n::set-output name=x::y"), "a ::set-output name=x::y");
        assert_eq!(github_property("a,b:c\n%"), "a%2Cb%3Ac %25");
        assert_eq!(github_property("C:\\x,line=9::"), "C%3A\\x%2Cline=9%3A%3A");
    }

    #[test]
    fn xml_holds_anything() {
        let check = |given: &str, expected: &str| assert_eq!(xml(given), expected, "{given:?}");
        check("<a b=\"c\">'&", "&lt;a b=&quot;c&quot;&gt;&apos;&amp;");
        check("]]>", "]]&gt;");
        check("a\0b\x1bc\u{ffff}", "a\u{fffd}b\u{fffd}c\u{fffd}");
        check("a\nb\tc", "a&#10;b&#9;c");
        check("\u{202e}x", "\\u{202e}x");
    }

    #[test]
    fn markdown_is_dead() {
        let check = |given: &str, expected: &str| assert_eq!(markdown(given), expected, "{given:?}");
        check("**bold** _it_", "\\*\\*bold\\*\\* \\_it\\_");
        check("<script>", "&lt;script&gt;");
        check("<!-- x -->", "&lt;\\!-- x --&gt;");
        check("a | b", "a \\| b");
        check("@octocat #12", "@&#8203;octocat #&#8203;12");
        check("[x](https://e.vil)", "\\[x\\]\\(https:&#8203;//e.vil\\)");
        check("www.e.vil", "www&#8203;.e.vil");
        check("- item", "\\- item");
        check("1. item", "1\\. item");
        check("`code`", "\\`code\\`");
        check("a\n\n# h", "a #&#8203; h");
        check("&lt;", "&amp;lt;");
    }

    #[test]
    fn code_spans_hold_backticks() {
        let check = |given: &str, expected: &str| assert_eq!(code_span(given), expected, "{given:?}");
        check("a", "`a`");
        check("a`b", "``a`b``");
        check("`", "`` ` ``");
        check("a``b`c", "```a``b`c```");
        check("", "` `");
        check("a\n```\nb", "````a ``` b````");
        check("<b>@x", "`<b>@x`");
    }

    #[test]
    fn messages_keep_their_code() {
        let check = |given: &str, expected: &str| assert_eq!(markdown_message(given), expected, "{given:?}");
        check("`a_b` is `false`", "`a_b` is `false`");
        check("a_b", "a\\_b");
        check("one ` tick", "one \\` tick");
        check("`a` and ` b", "`a` and \\` b");
        check("`` x", "\\`\\` x");
        check("`@team` @team", "`@team` @&#8203;team");
    }

    #[test]
    fn html_and_sarif_and_json() {
        assert_eq!(html("<b>'@x' \"&\" http://y"), "&lt;b&gt;&#39;@&#8203;x&#39; &quot;&amp;&quot; http:&#8203;//y");
        assert_eq!(sarif_message("[a](http://b) x[0]"), "[a] (http://b) x[0]");
        assert_eq!(json_output("{\n  \"a\": \"é\u{9b}\u{202e}\u{e0041}\"\n}"), "{\n  \"a\": \"é\\u009b\\u202e\\udb40\\udc41\"\n}");
        assert_eq!(json_output("plain"), "plain");
    }

    proptest::proptest! {
        #[test]
        fn nothing_deceptive_is_left(text in "\\PC*|[\\x00-\\x{30}\\u{202a}-\\u{202e}`@<|:/w.]*") {
            for made in [line(&text).into_owned(), github_property(&text), html(&text), markdown(&text), markdown_message(&text), code_span(&text)] {
                proptest::prop_assert!(!made.chars().any(is_deceptive), "{made:?}");
            }
            let made = xml(&text);
            proptest::prop_assert!(!made.contains(['<', '>', '"', '\'']));
            proptest::prop_assert!(cut(&text, 5).chars().count() <= 5);
        }
    }
}
