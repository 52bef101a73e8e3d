//! Addresses of stores as people write them: `s3://bucket/prefix?region=NAME&endpoint=URL`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

/// A bucket, and the beginning that all names in it have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Place {
    /// The bucket.
    pub bucket: String,
    /// What stands before every name, without slashes around it; may be empty.
    pub prefix: String,
    /// The region, where the address names one.
    pub region: Option<String>,
    /// The server, where it is not AWS.
    pub endpoint: Option<String>,
}

/// Not the address of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the address of a bucket: {why}")]
pub struct ParsePlaceError {
    /// What was given.
    pub text: String,
    /// What is wrong.
    pub why: String,
}

impl S3Place {
    /// Whether a text means a bucket rather than a folder.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("s3://")
    }
}

impl FromStr for S3Place {
    type Err = ParsePlaceError;

    fn from_str(text: &str) -> Result<S3Place, ParsePlaceError> {
        let wrong = |why: String| ParsePlaceError { text: text.to_owned(), why };
        let rest = text.strip_prefix("s3://").ok_or_else(|| wrong("it begins with `s3://`".to_owned()))?;
        let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = name.split_once('/').unwrap_or((name, ""));
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        if !(3..=63).contains(&bucket.len())
            || !bucket.bytes().all(letters)
            || bucket.starts_with(['-', '.'])
            || bucket.ends_with(['-', '.'])
        {
            return Err(wrong(format!("a bucket has 3 to 63 lower-case letters, digits, dots and hyphens, and `{bucket}` does not")));
        }
        let prefix = prefix.trim_end_matches('/');
        if !prefix.is_empty() && !is_name(prefix) {
            return Err(wrong(format!("`{prefix}` is no beginning of names")));
        }
        let mut place = S3Place { bucket: bucket.to_owned(), prefix: prefix.to_owned(), region: None, endpoint: None };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value).ok_or_else(|| wrong(format!("`{value}` is not well written")))?;
            match key {
                "region" if value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !value.is_empty() => {
                    place.region = Some(value);
                }
                "endpoint" => place.endpoint = Some(check_endpoint(&value).map_err(wrong)?),
                _ => return Err(wrong(format!("`{key}` is not understood there; `region` and `endpoint` are"))),
            }
        }
        Ok(place)
    }
}

impl fmt::Display for S3Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// Where objects are kept, whatever the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WormPlace {
    /// `s3://BUCKET/PREFIX`.
    S3(S3Place),
    /// `azure://ACCOUNT/CONTAINER/PREFIX`.
    Azure {
        /// The storage account.
        account: String,
        /// The container.
        container: String,
        /// What stands before every name.
        prefix: String,
        /// The server, where it is not the account's own.
        endpoint: Option<String>,
    },
    /// `gs://BUCKET/PREFIX`.
    Google {
        /// The bucket.
        bucket: String,
        /// What stands before every name.
        prefix: String,
        /// The server, where it is not Google's.
        endpoint: Option<String>,
    },
}

impl FromStr for WormPlace {
    type Err = ParsePlaceError;

    fn from_str(text: &str) -> Result<WormPlace, ParsePlaceError> {
        let wrong = |why: String| ParsePlaceError { text: text.to_owned(), why };
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        if !matches!(scheme, "azure" | "gs") {
            return text.parse().map(WormPlace::S3);
        }
        let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
        let endpoint = match query.split_once('=') {
            None if query.is_empty() => None,
            Some(("endpoint", value)) => {
                let value = decode(value).ok_or_else(|| wrong(format!("`{value}` is not well written")))?;
                Some(check_endpoint(&value).map_err(wrong)?)
            }
            _ => return Err(wrong(format!("`{query}` is not understood there; `endpoint=URL` is"))),
        };
        let mut parts = name.trim_end_matches('/').splitn(if scheme == "gs" { 2 } else { 3 }, '/').map(str::to_owned);
        let first = parts.next().filter(|part| !part.is_empty()).ok_or_else(|| wrong("it names nothing".to_owned()))?;
        if scheme == "gs" {
            return Ok(WormPlace::Google { bucket: first, prefix: parts.next().unwrap_or_default(), endpoint });
        }
        let container = parts.next().filter(|part| !part.is_empty()).ok_or_else(|| wrong("it names no container".to_owned()))?;
        Ok(WormPlace::Azure { account: first, container, prefix: parts.next().unwrap_or_default(), endpoint })
    }
}

/// Takes a server's address: `https://HOST[:PORT]`, and without TLS only on this machine.
pub(crate) fn check_endpoint(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no address of a server: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty() && url.password().is_none();
    if host.is_empty() || !bare {
        return Err(format!("`{text}` is more or less than the address of a server"));
    }
    match url.scheme() {
        "https" => Ok(text.trim_end_matches('/').to_owned()),
        "http" if is_here(host) => Ok(text.trim_end_matches('/').to_owned()),
        "http" => Err(format!("`{text}` has no TLS and is not this machine")),
        scheme => Err(format!("servers are not asked by `{scheme}`")),
    }
}

/// Whether a host is this machine.
pub(crate) fn is_here(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether an object may have this name: parts between single slashes, none of them `.` or `..`, no control characters, 900 bytes.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 900 && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..") && !name.chars().any(char::is_control)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_each_store() {
        let parse = |text: &str| text.parse::<WormPlace>();
        assert!(matches!(parse("s3://abc/x"), Ok(WormPlace::S3(_))));
        let azure = WormPlace::Azure { account: "team".into(), container: "logs".into(), prefix: "a/b".into(), endpoint: None };
        assert_eq!(parse("azure://team/logs/a/b/"), Ok(azure));
        let endpoint = Some("http://127.0.0.1:1".to_owned());
        assert_eq!(
            parse("gs://b?endpoint=http://127.0.0.1:1"),
            Ok(WormPlace::Google { bucket: "b".into(), prefix: String::new(), endpoint })
        );
        for wrong in ["azure://team", "azure://", "gs://", "gs://b?region=x", "gs://b?endpoint=http://store.example", "file:///tmp", "x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses() {
        let place: S3Place = "s3://evidence/team/log/?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1:9000".parse().unwrap();
        assert_eq!((place.bucket.as_str(), place.prefix.as_str()), ("evidence", "team/log"));
        assert_eq!(place.region.as_deref(), Some("eu-west-1"));
        assert_eq!(place.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(place.to_string(), "s3://evidence/team/log");
        assert_eq!("s3://abc".parse::<S3Place>().unwrap().prefix, "");
        for wrong in [
            "evidence",
            "s3://",
            "s3://ab",
            "s3://Evidence",
            "s3://abc//x",
            "s3://abc/../x",
            "s3://abc?region=",
            "s3://abc?zone=1",
            "s3://abc?endpoint=http://store.example",
            "s3://abc?endpoint=ftp://127.0.0.1",
            "s3://abc?endpoint=https://a.example/path",
            "s3://abc?endpoint=%zz",
        ] {
            assert!(wrong.parse::<S3Place>().is_err(), "{wrong}");
        }
    }
}
