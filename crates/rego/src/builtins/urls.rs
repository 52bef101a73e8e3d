//! Addresses of the web and their queries, as Go reads and writes them.

use crate::builtins::operands::{as_text, items, operand, text, wrong_type};
use crate::builtins::{Answer, Context, Failure};
use crate::term::{Term, quote};

/// In which part of an address a letter stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Query,
    Path,
    Host,
    Fragment,
    User,
}

fn must_escape(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        return false;
    }
    match part {
        Part::Query => true,
        Part::Path => !matches!(byte, b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'@'),
        Part::User => !matches!(byte, b'$' | b'&' | b'+' | b',' | b';' | b'='),
        Part::Fragment => !matches!(byte, b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'!' | b'(' | b')' | b'*'),
        Part::Host => !matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'[' | b']' | b'<' | b'>' | b'"'
        ),
    }
}

fn escape(given: &str, part: Part) -> String {
    let mut out = String::with_capacity(given.len());
    for byte in crate::term::bytes_of(given).iter().copied() {
        if byte == b' ' && part == Part::Query {
            out.push('+');
        } else if must_escape(byte, part) {
            out.push_str(&format!("%{byte:02X}"));
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

fn unescape(given: &str, part: Part) -> Result<String, Failure> {
    let bytes = given.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match byte {
            b'%' => {
                let value = match (digit(at + 1), digit(at + 2)) {
                    (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(0),
                    _ => {
                        let shown: Vec<u8> = bytes.iter().skip(at).take(3).copied().collect();
                        return Err(Failure::Failed(format!("invalid URL escape {}", quote(&String::from_utf8_lossy(&shown)))));
                    }
                };
                if part == Part::Host && value < 0x80 {
                    let shown = given.get(at..at + 3).unwrap_or_default();
                    return Err(Failure::Failed(format!("invalid URL escape {}", quote(shown))));
                }
                out.push(value);
                at += 3;
                continue;
            }
            b'+' if part == Part::Query => out.push(b' '),
            byte if part == Part::Host && byte < 0x80 && must_escape(byte, part) => {
                return Err(Failure::Failed(format!("invalid character {} in host name", quote(&char::from(byte).to_string()))));
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    Ok(crate::term::text_of_bytes(out))
}

/// Text as a part of a query.
pub(super) fn query_encode(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::from(escape(text(arguments, 0)?, Part::Query)))
}

/// Text as a part of a query, for templates.
pub(super) fn query_escape(given: &str) -> String {
    escape(given, Part::Query)
}

/// Text of a part of a query.
pub(super) fn query_decode(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    unescape(text(arguments, 0)?, Part::Query).map(Term::from)
}

/// An object as a query: values are texts, or lists or sets of them.
pub(super) fn query_encode_object(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    let object = given.as_object().ok_or_else(|| wrong_type(0, given, &["object"]))?;
    let wrong = || Failure::Operand("operand 1 values must be string, array[string], or set[string]".to_owned());
    let mut out = String::new();
    for (key, value) in object.iter() {
        let values = match &value {
            Term::String(_) => vec![value],
            other => items(other).ok_or_else(wrong)?,
        };
        for value in values {
            let Term::String(value) = value else { return Err(wrong()) };
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(&escape(&key.key_text(), Part::Query));
            out.push('=');
            out.push_str(&escape(&value, Part::Query));
        }
    }
    Ok(Term::from(out))
}

/// The object of a query: every value is a list of texts.
pub(super) fn query_decode_object(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    let mut entries: Vec<(String, Vec<Term>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for piece in given.split('&') {
        if piece.contains(';') {
            return Err(Failure::failed("invalid semicolon separator in query"));
        }
        if piece.is_empty() {
            continue;
        }
        context.spend(piece.len() + 64)?;
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        let (key, value) = (unescape(key, Part::Query)?, unescape(value, Part::Query)?);
        let place = *places.entry(key.clone()).or_insert_with(|| {
            entries.push((key, Vec::new()));
            entries.len() - 1
        });
        if let Some((_, values)) = entries.get_mut(place) {
            values.push(Term::from(value));
        }
    }
    Ok(Term::object(entries.into_iter().map(|(key, values)| (Term::from(key), Term::array(values))).collect()))
}

/// An address taken apart.
#[derive(Default)]
pub(super) struct Url {
    scheme: String,
    /// What follows a scheme without a slash.
    opaque: String,
    has_user: bool,
    /// Host with port, as written.
    pub(super) host: String,
    path: String,
    /// The path as written, where that is not what would be written for it.
    raw_path: String,
    pub(super) query: String,
    fragment: String,
}

impl Url {
    /// Reads an address.
    pub(super) fn parse(given: &str) -> Result<Url, Failure> {
        Url::read(given).map_err(|failure| match failure {
            Failure::Failed(reason) => Failure::Failed(format!("parse {}: {reason}", quote(given))),
            other => other,
        })
    }

    fn read(given: &str) -> Result<Url, Failure> {
        if given.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return Err(Failure::failed("net/url: invalid control character in URL"));
        }
        let (rest, fragment) = given.split_once('#').unwrap_or((given, ""));
        let mut url = Url { fragment: unescape(fragment, Part::Fragment)?, ..Url::default() };
        if rest == "*" {
            url.path = "*".to_owned();
            return Ok(url);
        }
        let (scheme, rest) = scheme(rest)?;
        url.scheme = scheme.to_lowercase();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        url.query = query.to_owned();
        let mut rest = rest;
        if !rest.starts_with('/') {
            if !scheme.is_empty() {
                // What follows is opaque: `mailto:a@b`.
                url.opaque = rest.to_owned();
                return Ok(url);
            }
            if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
                return Err(Failure::failed("first path segment in URL cannot contain colon"));
            }
        }
        if (!scheme.is_empty() || !rest.starts_with("///"))
            && let Some(after) = rest.strip_prefix("//")
        {
            let (authority, path) = match after.find('/') {
                Some(at) => after.split_at_checked(at).unwrap_or((after, "")),
                None => (after, ""),
            };
            url.has_user = authority.contains('@');
            url.host = authority_host(authority)?;
            rest = path;
        }
        url.path = unescape(rest, Part::Path)?;
        if escape(&url.path, Part::Path) != rest {
            url.raw_path = rest.to_owned();
        }
        Ok(url)
    }

    /// As Go's JSON encoder shows it.
    pub(super) fn to_term(&self) -> Term {
        let word = |text: &str| Term::from(text);
        let entries = vec![
            ("Scheme", word(&self.scheme)),
            ("Opaque", word(&self.opaque)),
            ("User", if self.has_user { Term::empty_object() } else { Term::Null }),
            ("Host", word(&self.host)),
            ("Path", word(&self.path)),
            ("RawPath", word(&self.raw_path)),
            ("OmitHost", Term::Bool(false)),
            ("ForceQuery", Term::Bool(false)),
            ("RawQuery", word(&self.query)),
            ("Fragment", word(&self.fragment)),
            ("RawFragment", word("")),
        ];
        Term::object(entries.into_iter().map(|(key, value)| (Term::from(key), value)).collect())
    }

    fn hostname(&self) -> &str {
        let host = match self.host.rfind(':') {
            Some(at) if is_port(self.host.get(at..).unwrap_or_default()) => self.host.get(..at).unwrap_or_default(),
            _ => &self.host,
        };
        host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host)
    }

    fn port(&self) -> &str {
        match self.host.rfind(':') {
            Some(at) if is_port(self.host.get(at..).unwrap_or_default()) => self.host.get(at + 1..).unwrap_or_default(),
            _ => "",
        }
    }

    /// The path as it is sent.
    pub(super) fn escaped_path(&self) -> String {
        if self.raw_path.is_empty()
            || self.raw_path.bytes().any(|byte| {
                byte != b'%' && !matches!(byte, b'!' | b'\'' | b'(' | b')' | b'*' | b'[' | b']') && must_escape(byte, Part::Path)
            })
        {
            escape(&self.path, Part::Path)
        } else {
            self.raw_path.clone()
        }
    }
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn scheme(given: &str) -> Result<(&str, &str), Failure> {
    for (at, byte) in given.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err(Failure::failed("missing protocol scheme")),
            b':' => return Ok((given.get(..at).unwrap_or_default(), given.get(at + 1..).unwrap_or_default())),
            _ => break,
        }
    }
    Ok(("", given))
}

fn authority_host(authority: &str) -> Result<String, Failure> {
    let host = match authority.rsplit_once('@') {
        None => authority,
        Some((user, host)) => {
            let valid = user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte));
            if !valid {
                return Err(Failure::failed("net/url: invalid userinfo"));
            }
            unescape(user, Part::User)?;
            host
        }
    };
    let bad_port = |port: &str| Failure::Failed(format!("invalid port {} after host", quote(port)));
    if host.starts_with('[') {
        let Some(end) = host.rfind(']') else { return Err(Failure::failed("missing ']' in host")) };
        let port = host.get(end + 1..).unwrap_or_default();
        if !is_port(port) {
            return Err(bad_port(port));
        }
        // A zone may be escaped in ways that a name may not.
        let inner = host.get(..end).unwrap_or_default();
        if let Some((address, zone)) = inner.split_once("%25") {
            return Ok(format!("{}%{}]{port}", unescape(address, Part::Host)?, unescape(zone, Part::Path)?));
        }
    } else if let Some(at) = host.rfind(':') {
        let port = host.get(at..).unwrap_or_default();
        if !is_port(port) {
            return Err(bad_port(port));
        }
    }
    unescape(host, Part::Host)
}

/// The parts of an address; those that are empty are left out.
pub(super) fn uri_parse(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let url = Url::parse(text(arguments, 0)?)?;
    let raw_path = if url.raw_path.is_empty() { url.path.clone() } else { url.raw_path.clone() };
    let parts = [
        ("scheme", url.scheme.clone()),
        ("hostname", url.hostname().to_owned()),
        ("port", url.port().to_owned()),
        ("raw_path", if url.path.is_empty() { String::new() } else { raw_path }),
        ("path", url.path),
        ("raw_query", url.query),
        ("fragment", url.fragment),
    ];
    Ok(Term::object(
        parts.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| (Term::from(key), Term::from(value))).collect(),
    ))
}

/// Whether text is an address, and not empty.
pub(super) fn uri_is_valid(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(as_text(arguments, 0).is_some_and(|given| !given.is_empty() && Url::parse(given).is_ok())))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn queries() {
        check("urlquery.encode", r#"["a b&c=é/~*"]"#, r#""a+b%26c%3D%C3%A9%2F~%2A""#);
        check("urlquery.decode", r#"["a+b%20c%C3%A9"]"#, r#""a b cé""#);
        check("urlquery.decode", r#"["%zz"]"#, r#"eval_builtin_error: urlquery.decode: invalid URL escape "%zz""#);
        check("urlquery.encode_object", r#"[{"b": ["1", "2"], "a": "x y", "c": {"$set": ["z"]}}]"#, r#""a=x+y&b=1&b=2&c=z""#);
        check(
            "urlquery.encode_object",
            r#"[{"a": 1}]"#,
            "eval_type_error: urlquery.encode_object: operand 1 values must be string, array[string], or set[string]",
        );
        check("urlquery.decode_object", r#"["a=1&b=%20&a=2&c&"]"#, r#"{"a": ["1", "2"], "b": [" "], "c": [""]}"#);
        check(
            "urlquery.decode_object",
            r#"["a=1;b=2"]"#,
            "eval_builtin_error: urlquery.decode_object: invalid semicolon separator in query",
        );
    }

    #[test]
    fn addresses() {
        check(
            "uri.parse",
            r#"["https://user:pw@example.com:8080/a%2fb/c?x=1#frag"]"#,
            r#"{"fragment": "frag", "hostname": "example.com", "path": "/a/b/c", "port": "8080", "raw_path": "/a%2fb/c", "raw_query": "x=1", "scheme": "https"}"#,
        );
        check(
            "uri.parse",
            r#"["http://[::1]:80/"]"#,
            r#"{"hostname": "::1", "path": "/", "port": "80", "raw_path": "/", "scheme": "http"}"#,
        );
        check("uri.parse", r#"["mailto:a@b"]"#, r#"{"scheme": "mailto"}"#);
        check("uri.parse", r#"["//host/path"]"#, r#"{"hostname": "host", "path": "/path", "raw_path": "/path"}"#);
        check("uri.parse", r##"["/é?q=é#%41"]"##, r#"{"fragment": "A", "path": "/é", "raw_path": "/é", "raw_query": "q=é"}"#);
        check("uri.parse", r#"["http://a/ x"]"#, r#"{"hostname": "a", "path": "/ x", "raw_path": "/ x", "scheme": "http"}"#);
        let fails = |given: &str, reason: &str| {
            let expected = format!("eval_builtin_error: uri.parse: parse \"{given}\": {reason}");
            check("uri.parse", &format!("[\"{given}\"]"), &expected);
        };
        fails("http://a b/", r#"invalid character " " in host name"#);
        fails("1http://a", "first path segment in URL cannot contain colon");
        fails("http://a:x/", r#"invalid port ":x" after host"#);
        fails("http://a/%zz", r#"invalid URL escape "%zz""#);
        fails("http://%41/", r#"invalid URL escape "%41""#);
        fails("http://[::1", "missing ']' in host");
        fails(":x", "missing protocol scheme");
        check("uri.is_valid", r#"["http://a"]"#, "true");
        check("uri.is_valid", r#"[""]"#, "false");
        check("uri.is_valid", r#"["a\u0001"]"#, "false");
    }
}
