//! Addresses as Go reads and writes them (`net/url`), which is how the API server and Kyverno do.

use std::fmt;
use std::net::Ipv6Addr;

use crate::duration::quote;

/// Why a text is no address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("parse {text}: {problem}")]
pub struct UrlError {
    /// The text, quoted.
    text: String,
    problem: String,
}

/// An address. Path and host are bytes, because escapes may stand for any byte.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Url {
    /// In lower case, without the colon.
    pub scheme: String,
    /// What stands behind the scheme where no `/` does.
    pub opaque: String,
    /// `user:password`, unescaped: the user, and the password if one is written.
    pub user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    /// Host and port, unescaped.
    pub host: Vec<u8>,
    /// Unescaped.
    pub path: Vec<u8>,
    /// As written, where that differs from how it would be escaped here.
    pub raw_path: String,
    /// As written, without the `?`.
    pub raw_query: String,
    /// Whether there is a `?` with nothing behind it.
    pub force_query: bool,
    /// Unescaped.
    pub fragment: Vec<u8>,
    /// As written, where that differs from how it would be escaped here.
    pub raw_fragment: String,
    /// Whether a path follows the scheme with no host between.
    pub omit_host: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Path,
    Host,
    Zone,
    User,
    Query,
    Fragment,
    Segment,
}

impl Url {
    /// Reads an address or reference.
    ///
    /// # Errors
    /// Says what is wrong, in Go's words.
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        let (address, fragment) = text.split_once('#').map_or((text, ""), |(address, fragment)| (address, fragment));
        let mut url = read(address, false).map_err(|problem| UrlError { text: quote(address), problem })?;
        if !fragment.is_empty() {
            url.fragment = unescape(fragment, Mode::Fragment).map_err(|problem| UrlError { text: quote(text), problem })?;
            if escape(&url.fragment, Mode::Fragment) != fragment {
                fragment.clone_into(&mut url.raw_fragment);
            }
        }
        Ok(url)
    }

    /// Reads an absolute address or an absolute path, as it stands in a request; a `#` has no meaning.
    ///
    /// # Errors
    /// Says what is wrong, in Go's words.
    pub fn parse_request(text: &str) -> Result<Url, UrlError> {
        read(text, true).map_err(|problem| UrlError { text: quote(text), problem })
    }

    /// Host without port and brackets.
    #[must_use]
    pub fn hostname(&self) -> String {
        lossy(self.host_and_port().0)
    }

    /// The port; empty where there is none.
    #[must_use]
    pub fn port(&self) -> String {
        lossy(self.host_and_port().1)
    }

    /// Host and port as written.
    #[must_use]
    pub fn host_text(&self) -> String {
        lossy(&self.host)
    }

    fn host_and_port(&self) -> (&[u8], &[u8]) {
        let (mut host, mut port): (&[u8], &[u8]) = (&self.host, &[]);
        if let Some(colon) = host.iter().rposition(|byte| *byte == b':')
            && let Some((before, behind)) = host.split_at_checked(colon)
            && valid_port(behind)
        {
            (host, port) = (before, behind.get(1..).unwrap_or_default());
        }
        if let Some(inner) = host.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")) {
            host = inner;
        }
        (host, port)
    }

    /// The path, escaped: as written where that is a way to escape it.
    #[must_use]
    pub fn escaped_path(&self) -> String {
        if !self.raw_path.is_empty()
            && valid_encoded(&self.raw_path, Mode::Path)
            && unescape(&self.raw_path, Mode::Path).as_deref() == Ok(&*self.path)
        {
            return self.raw_path.clone();
        }
        if self.path == b"*" { "*".to_owned() } else { escape(&self.path, Mode::Path) }
    }

    fn escaped_fragment(&self) -> String {
        if !self.raw_fragment.is_empty()
            && valid_encoded(&self.raw_fragment, Mode::Fragment)
            && unescape(&self.raw_fragment, Mode::Fragment).as_deref() == Ok(&*self.fragment)
        {
            return self.raw_fragment.clone();
        }
        escape(&self.fragment, Mode::Fragment)
    }

    /// Parameters of the query, in order of their first use; those that cannot be read are left out.
    #[must_use]
    pub fn query(&self) -> Vec<(String, Vec<String>)> {
        let mut all: Vec<(String, Vec<String>)> = Vec::new();
        if self.raw_query.matches('&').count() >= 10_000 {
            return all;
        }
        for part in self.raw_query.split('&').filter(|part| !part.is_empty() && !part.contains(';')) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let (Ok(key), Ok(value)) = (unescape(key, Mode::Query), unescape(value, Mode::Query)) else { continue };
            let (key, value) = (lossy(&key), lossy(&value));
            match all.iter_mut().find(|(known, _)| *known == key) {
                Some((_, values)) => values.push(value),
                None => all.push((key, vec![value])),
            }
        }
        all
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push(':');
        }
        if self.opaque.is_empty() {
            let named = !self.host.is_empty() || self.user.is_some();
            if named || !self.scheme.is_empty() && !self.omit_host {
                if named || !self.path.is_empty() {
                    out.push_str("//");
                }
                if let Some((name, password)) = &self.user {
                    out.push_str(&escape(name, Mode::User));
                    if let Some(password) = password {
                        out.push(':');
                        out.push_str(&escape(password, Mode::User));
                    }
                    out.push('@');
                }
                out.push_str(&escape(&self.host, Mode::Host));
            }
            let path = self.escaped_path();
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                out.push('/');
            }
            if out.is_empty() && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
                out.push_str("./");
            }
            out.push_str(&path);
        } else {
            out.push_str(&self.opaque);
        }
        if self.force_query || !self.raw_query.is_empty() {
            out.push('?');
            out.push_str(&self.raw_query);
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&self.escaped_fragment());
        }
        f.pad(&out)
    }
}

/// A text escaped for a place in a query (`url.QueryEscape`): spaces are `+`.
#[must_use]
pub fn query_escape(text: &str) -> String {
    escape(text.as_bytes(), Mode::Query)
}

/// A text escaped for one segment of a path (`url.PathEscape`).
#[must_use]
pub fn path_escape(text: &str) -> String {
    escape(text.as_bytes(), Mode::Segment)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(text: &str, request: bool) -> Result<Url, String> {
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    if text.is_empty() && request {
        return Err("empty url".to_owned());
    }
    let mut url = Url::default();
    if text == "*" {
        url.path = b"*".to_vec();
        return Ok(url);
    }
    let (scheme, mut rest) = scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();
    if rest.ends_with('?') && rest.matches('?').count() == 1 {
        url.force_query = true;
        rest = rest.trim_end_matches('?');
    } else if let Some((before, query)) = rest.split_once('?') {
        query.clone_into(&mut url.raw_query);
        rest = before;
    }
    if !rest.starts_with('/') {
        if !url.scheme.is_empty() {
            rest.clone_into(&mut url.opaque);
            return Ok(url);
        }
        if request {
            return Err("invalid URI for request".to_owned());
        }
        if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    if (!url.scheme.is_empty() || !request && !rest.starts_with("///"))
        && let Some(authority) = rest.strip_prefix("//")
    {
        let (authority, path) = authority.find('/').and_then(|at| authority.split_at_checked(at)).unwrap_or((authority, ""));
        (url.user, url.host) = read_authority(&url.scheme, authority)?;
        rest = path;
    } else if !url.scheme.is_empty() && rest.starts_with('/') {
        url.omit_host = true;
    }
    url.path = unescape(rest, Mode::Path)?;
    if escape(&url.path, Mode::Path) != rest {
        rest.clone_into(&mut url.raw_path);
    }
    Ok(url)
}

fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if index > 0 => {}
            b':' if index == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok(text.split_once(':').unwrap_or(("", text))),
            _ => break,
        }
    }
    Ok(("", text))
}

type Authority = (Option<(Vec<u8>, Option<Vec<u8>>)>, Vec<u8>);

fn read_authority(scheme: &str, authority: &str) -> Result<Authority, String> {
    let Some((user, host)) = authority.rsplit_once('@') else { return Ok((None, read_host(scheme, authority)?)) };
    let host = read_host(scheme, host)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(fits) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let user = match user.split_once(':') {
        None => (unescape(user, Mode::User)?, None),
        Some((name, password)) => (unescape(name, Mode::User)?, Some(unescape(password, Mode::User)?)),
    };
    Ok((Some(user), host))
}

fn read_host(scheme: &str, host: &str) -> Result<Vec<u8>, String> {
    let port_problem = |port: &str| format!("invalid port {} after host", quote(port));
    match host.rfind('[') {
        Some(0) => {
            let Some((inner, port)) = host.get(1..).unwrap_or_default().rsplit_once(']') else {
                return Err("missing ']' in host".to_owned());
            };
            if !valid_port(port.as_bytes()) {
                return Err(port_problem(port));
            }
            let name = match inner.find("%25").and_then(|at| inner.split_at_checked(at)) {
                Some((address, zone)) => [unescape(address, Mode::Host)?, unescape(zone, Mode::Zone)?].concat(),
                None => unescape(inner, Mode::Host)?,
            };
            let text = lossy(&name);
            let (address, zone) = text.split_once('%').map_or((&*text, None), |(address, zone)| (address, Some(zone)));
            if address.parse::<std::net::Ipv4Addr>().is_ok() {
                return Err("invalid IP-literal".to_owned());
            }
            if address.parse::<Ipv6Addr>().is_err() || zone == Some("") {
                return Err(format!("invalid host: ParseAddr({}): unable to parse IP", quote(&text)));
            }
            return Ok([b"[".as_slice(), &name, b"]", &unescape(port, Mode::Host)?].concat());
        }
        Some(_) => return Err("invalid IP-literal".to_owned()),
        None => {}
    }
    let strict = scheme == "http" || scheme == "https";
    if let Some(at) = if strict { host.find(':') } else { host.rfind(':') } {
        let port = host.get(at..).unwrap_or_default();
        if !valid_port(port.as_bytes()) {
            return Err(port_problem(port));
        }
    }
    unescape(host, Mode::Host)
}

/// Empty, or a colon and digits, or a colon alone.
fn valid_port(text: &[u8]) -> bool {
    text.is_empty() || text.strip_prefix(b":").is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
}

fn valid_encoded(text: &str, mode: Mode) -> bool {
    text.bytes().all(|byte| b"!$&'()*+,;=:@[]%".contains(&byte) || !should_escape(byte, mode))
}

fn should_escape(byte: u8, mode: Mode) -> bool {
    if byte.is_ascii_alphanumeric() {
        return false;
    }
    if matches!(mode, Mode::Host | Mode::Zone) && b"!$&'()*+,;=:[]<>\"".contains(&byte) {
        return false;
    }
    match byte {
        b'-' | b'_' | b'.' | b'~' => false,
        b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' => match mode {
            Mode::Path => byte == b'?',
            Mode::Segment => matches!(byte, b'/' | b';' | b',' | b'?'),
            Mode::User => matches!(byte, b'@' | b'/' | b'?' | b':'),
            Mode::Fragment => false,
            Mode::Query | Mode::Host | Mode::Zone => true,
        },
        b'!' | b'(' | b')' | b'*' => mode != Mode::Fragment,
        _ => true,
    }
}

fn escape(bytes: &[u8], mode: Mode) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' ' if mode == Mode::Query => out.push('+'),
            byte if should_escape(*byte, mode) => out.push_str(&format!("%{byte:02X}")),
            byte => out.push(char::from(*byte)),
        }
    }
    out
}

fn unescape(text: &str, mode: Mode) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match byte {
            b'%' => {
                let problem = || {
                    let escape: Vec<u8> = std::iter::once(b'%').chain(behind.iter().copied().take(2)).collect();
                    format!("invalid URL escape {}", quote(&lossy(&escape)))
                };
                let [high, low, behind_escape @ ..] = behind else { return Err(problem()) };
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return Err(problem()) };
                let value = high << 4 | low;
                if mode == Mode::Host && high < 8 && value != b'%' {
                    return Err(problem());
                }
                if mode == Mode::Zone && value != b'%' && value != b' ' && should_escape(value, Mode::Host) {
                    return Err(problem());
                }
                out.push(value);
                rest = behind_escape;
            }
            b'+' if mode == Mode::Query => out.push(b' '),
            byte => {
                if matches!(mode, Mode::Host | Mode::Zone) && byte.is_ascii() && should_escape(*byte, mode) {
                    return Err(format!("invalid character {} in host name", quote(&char::from(*byte).to_string())));
                }
                out.push(*byte);
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, scheme: &str, host: &str, name: &str, port: &str, path: &str) {
        let url = Url::parse_request(text).unwrap();
        assert_eq!(
            (&*url.scheme, &*url.host_text(), &*url.hostname(), &*url.port(), &*url.escaped_path()),
            (scheme, host, name, port, path),
            "{text}"
        );
    }

    #[test]
    fn parts() {
        check("https://example.com:80/a%20b?x=y", "https", "example.com:80", "example.com", "80", "/a%20b");
        check("http://[::1]:443/", "http", "[::1]:443", "::1", "443", "/");
        check("HTTP://a", "http", "a", "a", "", "");
        check("/path with spaces/", "", "", "", "", "/path%20with%20spaces/");
        check("https://u:p@h/x#y", "https", "h", "h", "", "/x%23y");
        check("../x".trim_start_matches(".."), "", "", "", "", "/x");
        check("https:///only/path", "https", "", "", "", "/only/path");
    }

    #[test]
    fn refused() {
        for (text, expected) in [
            ("", "parse \"\": empty url"),
            ("a", "parse \"a\": invalid URI for request"),
            ("https://a b", "parse \"https://a b\": invalid character \" \" in host name"),
            ("https://[::1", "parse \"https://[::1\": missing ']' in host"),
            ("https://a:b", "parse \"https://a:b\": invalid port \":b\" after host"),
            ("https://a/%zz", "parse \"https://a/%zz\": invalid URL escape \"%zz\""),
            (":a", "parse \":a\": missing protocol scheme"),
            ("/a\n", "parse \"/a\\n\": net/url: invalid control character in URL"),
            ("https://a%41", "parse \"https://a%41\": invalid URL escape \"%41\""),
            ("/%", "parse \"/%\": invalid URL escape \"%\""),
        ] {
            assert_eq!(Url::parse_request(text).map_or_else(|error| error.to_string(), |url| url.to_string()), expected);
        }
    }

    #[test]
    fn written() {
        for text in
            ["https://u:p@h:1/a%2Fb?c=d&e#f", "mailto:a@b", "/a/b?c", "//h/p", "https://h?", "a/b", "file:///x", "http://[fe80::1%25en0]/"]
        {
            assert_eq!(Url::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Url::parse("http://h/a b").unwrap().to_string(), "http://h/a%20b");
    }

    #[test]
    fn query() {
        let query = Url::parse_request("/?k1=a&k2=b&k2=c&x&bad=%z&%20=+").unwrap().query();
        let expected = [("k1", vec!["a"]), ("k2", vec!["b", "c"]), ("x", vec![""]), (" ", vec![" "])];
        assert_eq!(query, expected.map(|(key, values)| (key.to_owned(), values.into_iter().map(str::to_owned).collect::<Vec<_>>())));
        assert_eq!(query_escape("a b&c/d"), "a+b%26c%2Fd");
        assert_eq!(path_escape("a b&c/d"), "a%20b&c%2Fd");
    }
}
