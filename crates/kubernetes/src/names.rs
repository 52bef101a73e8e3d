//! What names, labels and other texts of Kubernetes have to look like, each with the API server's own message.

/// Message for a text that is too long.
fn too_long(most: usize) -> String {
    format!("must be no more than {most} characters")
}

fn pattern_message(message: &str, pattern: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{pattern}')", examples.join(" or "))
}

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_label_text(text: &str) -> bool {
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    end(text.bytes().next())
        && end(text.bytes().last())
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_subdomain_text(text: &str) -> bool {
    text.split('.').all(is_label_text)
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`
fn is_qualified_text(text: &str) -> bool {
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    end(text.bytes().next())
        && end(text.bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// What is wrong with a label of DNS (RFC 1123), such as the name of a namespace; empty if nothing is.
#[must_use]
pub fn dns1123_label(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > 63 {
        problems.push(too_long(63));
    }
    if !is_label_text(text) {
        problems.push(if is_subdomain_text(text) {
            "must not contain dots".to_owned()
        } else {
            pattern_message(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                LABEL,
                &["my-name", "123-abc"],
            )
        });
    }
    problems
}

/// What is wrong with a subdomain of DNS (RFC 1123), such as the name of most objects.
#[must_use]
pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > 253 {
        problems.push(too_long(253));
    }
    if !is_subdomain_text(text) {
        problems.push(pattern_message(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            SUBDOMAIN,
            &["example.com"],
        ));
    }
    problems
}

/// What is wrong with a label of DNS (RFC 1035), such as the name of a service.
#[must_use]
pub fn dns1035_label(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > 63 {
        problems.push(too_long(63));
    }
    if !is_label_text(text) || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        problems.push(pattern_message(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "abc-123"],
        ));
    }
    problems
}

/// What is wrong with a qualified name: the key of a label or an annotation.
#[must_use]
pub fn qualified_name(text: &str) -> Vec<String> {
    const MESSAGE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    const EXAMPLES: &[&str] = &["MyName", "my.name", "123-abc"];
    let mut problems = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((_, name)) if name.contains('/') => {
            let message = pattern_message(MESSAGE, QUALIFIED, EXAMPLES);
            return vec![format!("a valid label key {message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")];
        }
        Some(("", name)) => {
            problems.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            problems.extend(dns1123_subdomain(prefix).into_iter().map(|problem| format!("prefix part {problem}")));
            name
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        problems.push(format!("name part {}", too_long(63)));
    }
    if !is_qualified_text(name) {
        problems.push(format!("name part {}", pattern_message(MESSAGE, QUALIFIED, EXAMPLES)));
    }
    problems
}

/// What is wrong with the value of a label.
#[must_use]
pub fn label_value(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > 63 {
        problems.push(too_long(63));
    }
    if !text.is_empty() && !is_qualified_text(text) {
        problems.push(pattern_message(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
            &["MyValue", "my_value", "12345"],
        ));
    }
    problems
}

/// What a name that the server will complete (`generateName`) is judged as: a dash at its end is a letter.
fn completed(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => {
            // Two characters are cut off and one is put on, as the API server does it.
            let mut shorter = rest.to_owned();
            shorter.pop();
            shorter + "a"
        }
        _ => text.to_owned(),
    }
}

/// A format that expressions know by name (`format.dns1123Label()`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NamedFormat {
    /// A label of DNS (RFC 1123).
    Dns1123Label,
    /// A subdomain of DNS (RFC 1123).
    Dns1123Subdomain,
    /// A label of DNS (RFC 1035).
    Dns1035Label,
    /// A qualified name.
    QualifiedName,
    /// The beginning of a label of DNS (RFC 1123).
    Dns1123LabelPrefix,
    /// The beginning of a subdomain of DNS (RFC 1123).
    Dns1123SubdomainPrefix,
    /// The beginning of a label of DNS (RFC 1035).
    Dns1035LabelPrefix,
    /// The value of a label.
    LabelValue,
    /// An absolute address or path.
    Uri,
    /// A UUID of any version.
    Uuid,
    /// Base64.
    Byte,
    /// A day: `2006-01-02`.
    Date,
    /// A time by RFC 3339.
    DateTime,
}

impl NamedFormat {
    /// All of them.
    pub const ALL: &'static [NamedFormat] = &[
        NamedFormat::Dns1123Label,
        NamedFormat::Dns1123Subdomain,
        NamedFormat::Dns1035Label,
        NamedFormat::QualifiedName,
        NamedFormat::Dns1123LabelPrefix,
        NamedFormat::Dns1123SubdomainPrefix,
        NamedFormat::Dns1035LabelPrefix,
        NamedFormat::LabelValue,
        NamedFormat::Uri,
        NamedFormat::Uuid,
        NamedFormat::Byte,
        NamedFormat::Date,
        NamedFormat::DateTime,
    ];

    /// The name expressions use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            NamedFormat::Dns1123Label => "dns1123Label",
            NamedFormat::Dns1123Subdomain => "dns1123Subdomain",
            NamedFormat::Dns1035Label => "dns1035Label",
            NamedFormat::QualifiedName => "qualifiedName",
            NamedFormat::Dns1123LabelPrefix => "dns1123LabelPrefix",
            NamedFormat::Dns1123SubdomainPrefix => "dns1123SubdomainPrefix",
            NamedFormat::Dns1035LabelPrefix => "dns1035LabelPrefix",
            NamedFormat::LabelValue => "labelValue",
            NamedFormat::Uri => "uri",
            NamedFormat::Uuid => "uuid",
            NamedFormat::Byte => "byte",
            NamedFormat::Date => "date",
            NamedFormat::DateTime => "datetime",
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<NamedFormat> {
        NamedFormat::ALL.iter().copied().find(|format| format.name() == name)
    }

    /// The size of the regular expression that the API server reckons with for its cost.
    #[must_use]
    pub const fn pattern_size(self) -> u64 {
        match self {
            NamedFormat::Dns1123Label | NamedFormat::Dns1035Label | NamedFormat::Dns1123LabelPrefix | NamedFormat::Dns1035LabelPrefix => 30,
            NamedFormat::Dns1123Subdomain | NamedFormat::Dns1123SubdomainPrefix | NamedFormat::QualifiedName => 60,
            NamedFormat::LabelValue => 40,
            NamedFormat::Uri => 1103,
            NamedFormat::Uuid => 70,
            NamedFormat::Byte => 84,
            NamedFormat::Date | NamedFormat::DateTime => 71,
        }
    }

    /// What is wrong with a text; empty if nothing is.
    #[must_use]
    pub fn validate(self, text: &str) -> Vec<String> {
        let one = |fits: bool, problem: &str| if fits { Vec::new() } else { vec![problem.to_owned()] };
        match self {
            NamedFormat::Dns1123Label => dns1123_label(text),
            NamedFormat::Dns1123Subdomain => dns1123_subdomain(text),
            NamedFormat::Dns1035Label => dns1035_label(text),
            NamedFormat::QualifiedName => qualified_name(text),
            NamedFormat::Dns1123LabelPrefix => dns1123_label(&completed(text)),
            NamedFormat::Dns1123SubdomainPrefix => dns1123_subdomain(&completed(text)),
            NamedFormat::Dns1035LabelPrefix => dns1035_label(&completed(text)),
            NamedFormat::LabelValue => label_value(text),
            NamedFormat::Uri => crate::url::Url::parse_request(text).err().map(|error| vec![error.to_string()]).unwrap_or_default(),
            NamedFormat::Uuid => one(is_uuid(text), "does not match the UUID format"),
            NamedFormat::Byte => one(is_base64(text), "invalid base64"),
            NamedFormat::Date => one(is_date(text), "invalid date"),
            NamedFormat::DateTime => one(is_date_time(text), "invalid datetime"),
        }
    }
}

/// 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12, with or without dashes between them.
fn is_uuid(text: &str) -> bool {
    let mut rest = text.as_bytes();
    for (index, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b"-").unwrap_or(rest);
        }
        let Some((group, behind)) = rest.split_at_checked(length) else { return false };
        if !group.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
        rest = behind;
    }
    rest.is_empty()
}

/// Standard alphabet, padded, not empty.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    !text.is_empty()
        && text.len().is_multiple_of(4)
        && padding <= 2
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

/// A day that exists, in ten characters.
fn is_date(text: &str) -> bool {
    let digits = |text: Option<&str>, length: usize| -> Option<u32> {
        let text = text?;
        if text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
    };
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day)) = (digits(parts.next(), 4), digits(parts.next(), 2), digits(parts.next(), 2)) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    parts.next().is_none() && (1..=days).contains(&day)
}

/// A date, `T`, a time with an optional fraction, and `Z` or an offset; hours up to 23, minutes and seconds up to 59.
fn is_date_time(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let mut halves = text.split('t');
    let (Some(date), Some(time)) = (halves.next(), halves.next()) else { return false };
    if text.len() < 4 || !is_date(date) {
        return false;
    }
    let two = |bytes: &[u8], most: u8| matches!(bytes, [a, b] if a.is_ascii_digit() && b.is_ascii_digit() && (a - b'0') * 10 + (b - b'0') <= most);
    let bytes = time.as_bytes();
    let Some((clock, mut rest)) = bytes.split_at_checked(8) else { return false };
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *clock else { return false };
    if !two(&[h1, h2], 23) || !two(&[m1, m2], 59) || !two(&[s1, s2], 59) {
        return false;
    }
    // A fraction begins with any one character that is not the zone.
    if let [mark, behind @ ..] = rest
        && behind.first().is_some_and(u8::is_ascii_digit)
        && !(matches!(mark, b'+' | b'-') && is_offset(rest))
    {
        let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = behind.get(digits..).unwrap_or_default();
    }
    rest == b"z" || is_offset(rest)
}

fn is_offset(bytes: &[u8]) -> bool {
    matches!(bytes, [b'+' | b'-', a, b, b':', c, d] if [a, b, c, d].into_iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: NamedFormat, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(format.validate(text), Vec::<String>::new(), "{format:?} {text}");
        }
        for text in bad {
            assert!(!format.validate(text).is_empty(), "{format:?} {text}");
        }
    }

    #[test]
    fn formats() {
        use NamedFormat::*;
        let long = "a".repeat(64);
        check(Dns1123Label, &["my-name", "123-abc", "a"], &["", "-a", "a-", "A", "a.b", "ä", &long]);
        check(Dns1123Subdomain, &["example.com", "a", "1.2"], &["", "a..b", ".a", "a.", "A.b", "a_b"]);
        check(Dns1035Label, &["my-name", "a1"], &["1a", "", "a-", "A"]);
        check(QualifiedName, &["a", "example.com/MyName", "a_b.c", "A-1"], &["", "/a", "a/", "a/b/c", "-a", "a-", "Ex.com/a", &long]);
        check(LabelValue, &["", "a", "MyValue", "my_value", "1.2"], &["-a", "a-", "a b", "ä", &long]);
        check(Dns1123LabelPrefix, &["my-label-prefix-", "a"], &["", "-", "AB-"]);
        check(Dns1123SubdomainPrefix, &["a.b-", "mysubdomain.prefix.-"], &["AB-", ""]);
        check(Dns1035LabelPrefix, &["my-label-prefix-"], &["12-", "", "A"]);
        check(Uri, &["http://example.com", "/a/b", "https://a/b?c=d"], &["", "a", "http://[::1", "http://a b", "1http://a"]);
        check(
            Uuid,
            &["123e4567-e89b-12d3-a456-426614174000", "123E4567E89B12D3A456426614174000"],
            &["", "123e4567", "g23e4567-e89b-12d3-a456-426614174000"],
        );
        check(Byte, &["aGVsbG8=", "aGVs", "aA=="], &["", "aGVsbG8", "a===", "aGV sbG8", "aG-_"]);
        check(
            Date,
            &["2021-01-01", "2024-02-29"],
            &["", "2021-02-29", "2021-1-1", "2021-13-01", "2021-00-01", "2021-01-32", "2021-01-01T"],
        );
        check(
            DateTime,
            &["2021-01-01T00:00:00Z", "2021-01-01t23:59:59.123+01:00", "2021-01-01T00:00:00-00:30"],
            &["", "2021-01-01", "2021-01-01T24:00:00Z", "2021-01-01T00:60:00Z", "2021-01-01T00:00:00", "2021-01-01 00:00:00Z"],
        );
    }

    #[test]
    fn words() {
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
        assert_eq!(qualified_name("/a"), ["prefix part must be non-empty"]);
        assert_eq!(
            label_value("a b"),
            [
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            ]
        );
        assert_eq!(NamedFormat::named("dns1123Label"), Some(NamedFormat::Dns1123Label));
        assert_eq!(NamedFormat::named("x"), None);
        assert!(NamedFormat::ALL.iter().all(|format| NamedFormat::named(format.name()) == Some(*format)));
    }
}
