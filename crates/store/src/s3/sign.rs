//! Signatures of requests, AWS Signature Version 4 with the digest of the body signed.

use probity_attest::{hmac_sha256, sha256};
use probity_core::Timestamp;

use crate::credentials::Keys;
use crate::http::{encode, encode_path};
use crate::time;

/// What is signed.
pub(crate) struct Signing<'a> {
    pub(crate) method: &'a str,
    /// As the header `Host` names it.
    pub(crate) host: &'a str,
    /// Path, not yet encoded.
    pub(crate) path: &'a str,
    /// Parameters, not yet encoded.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// Headers to send and sign, with lower-case names.
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) time: Timestamp,
}

/// The query as it is sent: encoded and sorted.
pub(crate) fn query(parameters: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> = parameters.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// All headers to send, the signature among them.
pub(crate) fn sign(what: &Signing<'_>, keys: &Keys) -> Vec<(String, String)> {
    let moment = time::compact(what.time);
    let day = moment.split('T').next().unwrap_or_default();
    let digest = sha256(what.body).to_string();
    let mut headers = what.headers.to_vec();
    headers.push(("x-amz-date".to_owned(), moment.clone()));
    headers.push(("x-amz-content-sha256".to_owned(), digest.clone()));
    if let Some(token) = &keys.session {
        headers.push(("x-amz-security-token".to_owned(), token.reveal().to_owned()));
    }
    let mut signed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.trim())).collect();
    signed.push(("host", what.host));
    signed.sort_unstable();
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!("{}\n{}\n{}\n{lines}\n{names}\n{digest}", what.method, encode_path(what.path), query(what.query));
    let scope = format!("{day}/{}/{}/aws4_request", what.region, what.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let mut key = hmac_sha256(format!("AWS4{}", keys.secret.reveal()).as_bytes(), day.as_bytes());
    for part in [what.region, what.service, "aws4_request"] {
        key = hmac_sha256(&key.0, part.as_bytes());
    }
    let signature = hmac_sha256(&key.0, to_sign.as_bytes());
    let authorization = format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", keys.id);
    headers.push(("authorization".to_owned(), authorization));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// The examples of the documentation of S3 ("Signature Calculations for the Authorization Header").
    #[test]
    fn the_examples_of_the_documentation() {
        let keys = Keys {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session: None,
            until: None,
        };
        let check = |method: &str, path: &str, query: &[(&str, &str)], headers: &[(&str, &str)], body: &[u8], expected: &str| {
            let headers: Vec<(String, String)> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let signing = Signing {
                method,
                host: "examplebucket.s3.amazonaws.com",
                path,
                query,
                headers: &headers,
                body,
                region: "us-east-1",
                service: "s3",
                time: Timestamp { seconds: 1_369_353_600, nanoseconds: 0 },
            };
            let signed = sign(&signing, &keys);
            let (_, value) = signed.iter().find(|(name, _)| name == "authorization").unwrap();
            assert!(value.ends_with(&format!("Signature={expected}")), "{value}");
        };
        check("GET", "/test.txt", &[], &[("range", "bytes=0-9")], b"", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
        check(
            "PUT",
            "/test$file.text",
            &[],
            &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
            b"Welcome to Amazon S3.",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        );
        check("GET", "/", &[("lifecycle", "")], &[], b"", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
        check(
            "GET",
            "/",
            &[("max-keys", "2"), ("prefix", "J")],
            &[],
            b"",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        );
    }
}
