//! Signature Version 4: how requests to AWS are signed.

use std::fmt::Write as _;

use probity_attest::statement::format_time;
use probity_attest::{hmac_sha256, sha256};
use probity_core::Timestamp;
use reqwest::Url;
use zeroize::Zeroizing;

use super::credentials::Keys;
use crate::error::KmsError;
use crate::http::host;

/// Who signs, where, for what, and when.
pub(crate) struct Signing<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) now: Timestamp,
}

impl Signing<'_> {
    /// The headers of a request to the root of a service, with those that sign it. Their names are in lower case.
    pub(crate) fn sign(
        &self,
        method: &str,
        url: &Url,
        mut headers: Vec<(&'static str, Zeroizing<String>)>,
        body: &[u8],
    ) -> Result<Vec<(&'static str, Zeroizing<String>)>, KmsError> {
        let time = self.time()?;
        headers.push(("x-amz-date", Zeroizing::new(time.clone())));
        headers.extend(self.keys.token.as_ref().map(|token| ("x-amz-security-token", Zeroizing::new(token.reveal().to_owned()))));
        let host = host(url);
        let mut signed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        signed.push(("host", &host));
        signed.sort_unstable();
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let mut canonical = Zeroizing::new(format!("{method}\n{}\n{}\n", url.path(), url.query().unwrap_or_default()));
        for (name, value) in &signed {
            let _never_fails = writeln!(canonical, "{name}:{}", value.trim());
        }
        let _never_fails = write!(canonical, "\n{names}\n{}", sha256(body));
        let day = time.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let first = Zeroizing::new(format!("AWS4{}", self.keys.secret.reveal()));
        let mut key = Zeroizing::new(hmac_sha256(first.as_bytes(), day.as_bytes()).0);
        for part in [self.region, self.service, "aws4_request"] {
            key = Zeroizing::new(hmac_sha256(&*key, part.as_bytes()).0);
        }
        let signature = hmac_sha256(&*key, to_sign.as_bytes());
        let credential = format!("{}/{scope}", self.keys.id);
        let value = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}");
        headers.push(("authorization", Zeroizing::new(value)));
        Ok(headers)
    }

    /// `20150830T123600Z`.
    fn time(&self) -> Result<String, KmsError> {
        let now = Timestamp { nanoseconds: 0, ..self.now };
        let text = format_time(now).map_err(|error| KmsError::Setup(error.to_string()))?;
        Ok(text.chars().filter(|letter| !matches!(letter, '-' | ':')).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// The examples of the suite that AWS published for this version.
    #[test]
    fn as_aws_says() {
        let keys = Keys { id: "AKIDEXAMPLE".to_owned(), secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), token: None };
        let now = Timestamp { seconds: 1_440_938_160, nanoseconds: 5 };
        let signing = Signing { keys: &keys, region: "us-east-1", service: "service", now };
        let url = Url::parse("https://example.amazonaws.com/").unwrap();
        let check = |method: &str, headers: Vec<(&'static str, Zeroizing<String>)>, body: &[u8], names: &str, signature: &str| {
            let signed = signing.sign(method, &url, headers, body).unwrap();
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, Signature={signature}"
            );
            assert_eq!(*signed.last().unwrap(), ("authorization", Zeroizing::new(expected)));
            assert!(signed.contains(&("x-amz-date", Zeroizing::new("20150830T123600Z".to_owned()))));
        };
        check("GET", vec![], b"", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        check("POST", vec![], b"", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        check(
            "POST",
            vec![("content-type", Zeroizing::new("application/x-www-form-urlencoded".to_owned()))],
            b"Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        );
    }
}
