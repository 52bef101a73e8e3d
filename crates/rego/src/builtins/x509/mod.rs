//! Certificates and keys.

pub(super) mod certificate;
pub(super) mod der;
pub(super) mod keys;
pub(super) mod pem;
mod verify;

use crate::builtins::encoding::decode_base64;
use crate::builtins::operands::{items, object, text};
use crate::builtins::{Answer, Context, Failure};
use crate::term::Term;

use certificate::Certificate;
use keys::PrivateKey;

fn malformed() -> Failure {
    Failure::failed("x509: malformed certificate")
}

/// The bytes of base64, or of the text itself where it is a block of PEM.
fn pem_or_base64(given: &str) -> Result<Result<String, Vec<u8>>, Failure> {
    if given.starts_with("-----BEGIN") {
        return Ok(Ok(given.to_owned()));
    }
    let bytes = decode_base64(given, false)?;
    if bytes.starts_with(b"-----BEGIN") {
        return String::from_utf8(bytes).map(Ok).map_err(|_| malformed());
    }
    Ok(Err(bytes))
}

fn certificates(given: &str) -> Result<Vec<Certificate>, Failure> {
    match pem_or_base64(given)? {
        Err(bytes) => Certificate::read_all(&bytes).ok_or_else(malformed),
        Ok(text) => {
            let mut bytes = Vec::new();
            let mut rest = text.as_str();
            while let Some((block, after)) = pem::decode(rest) {
                if block.kind != "CERTIFICATE" {
                    return Err(Failure::Failed(format!("PEM block type is '{}', expected CERTIFICATE", block.kind)));
                }
                bytes.extend(block.bytes);
                rest = after;
            }
            Certificate::read_all(&bytes).ok_or_else(malformed)
        }
    }
}

fn shown<'a>(context: &mut Context<'_>, certificates: impl IntoIterator<Item = &'a Certificate>, with_uris: bool) -> Answer {
    let mut out = Vec::new();
    for certificate in certificates {
        context.spend(certificate.raw.len().saturating_mul(8))?;
        out.push(certificate.to_term(with_uris).ok_or_else(malformed)?);
    }
    Ok(Term::array(out))
}

/// Certificates of PEM, or of base64 of PEM or DER.
pub(super) fn parse_certificates(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let certificates = certificates(text(arguments, 0)?)?;
    shown(context, &certificates, true)
}

fn unverified() -> Term {
    Term::array(vec![Term::Bool(false), Term::array(Vec::new())])
}

fn verified(context: &mut Context<'_>, certificates: &[Certificate], options: &verify::Options, with_uris: bool) -> Answer {
    match verify::chain(certificates, options) {
        Some(chain) => Ok(Term::array(vec![Term::Bool(true), shown(context, chain, with_uris)?])),
        None => Ok(unverified()),
    }
}

/// Whether the last of some certificates is verified by the others, the first of which is trusted.
pub(super) fn parse_and_verify_certificates(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let Ok(certificates) = certificates(text(arguments, 0)?) else { return Ok(unverified()) };
    let options = verify::Options { name: String::new(), now: context.now.seconds, usages: Vec::new() };
    verified(context, &certificates, &options, true)
}

const USAGES: [&str; 14] = [
    "KeyUsageAny",
    "KeyUsageServerAuth",
    "KeyUsageClientAuth",
    "KeyUsageCodeSigning",
    "KeyUsageEmailProtection",
    "KeyUsageIPSECEndSystem",
    "KeyUsageIPSECTunnel",
    "KeyUsageIPSECUser",
    "KeyUsageTimeStamping",
    "KeyUsageOCSPSigning",
    "KeyUsageMicrosoftServerGatedCrypto",
    "KeyUsageNetscapeServerGatedCrypto",
    "KeyUsageMicrosoftCommercialCodeSigning",
    "KeyUsageMicrosoftKernelCodeSigning",
];

/// The same for a host, a time or a use.
pub(super) fn parse_and_verify_certificates_with_options(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    let mut options = verify::Options { name: String::new(), now: context.now.seconds, usages: Vec::new() };
    let wanted = object(arguments, 1)?;
    let Ok(certificates) = certificates(given) else { return Ok(unverified()) };
    for (key, value) in wanted.iter() {
        let Term::String(key) = key else { continue };
        match &*key {
            "DNSName" => match value {
                Term::String(name) => options.name = name.trim_matches('"').to_owned(),
                _ => return Err(Failure::failed("'DNSName' should be a string")),
            },
            "CurrentTime" => {
                let Term::Number(time) = value else { return Err(Failure::failed("'CurrentTime' should be a number")) };
                let time = time.as_i64().ok_or_else(|| Failure::failed("'CurrentTime' should be a valid int64 number"))?;
                // No time at all means now.
                options.now = time.div_euclid(1_000_000_000);
            }
            "MaxConstraintComparisons" => {
                let Term::Number(number) = value else { return Err(Failure::failed("'MaxConstraintComparisons' should be a number")) };
                number.as_i64().ok_or_else(|| Failure::failed("'MaxConstraintComparisons' should be a valid number"))?;
            }
            "KeyUsages" => {
                let names = items(&value).ok_or_else(|| Failure::failed("'KeyUsages' should be an Array or Set"))?;
                let mut unknown = Vec::new();
                for name in names.iter().filter_map(Term::as_str) {
                    let name = name.trim_matches('"');
                    match USAGES.iter().position(|usage| *usage == name) {
                        Some(at) => options.usages.push(i64::try_from(at).unwrap_or(0)),
                        None => unknown.push(name.to_owned()),
                    }
                }
                if !unknown.is_empty() {
                    return Err(Failure::Failed(format!("invalid entries for 'KeyUsages' found: [{}]", unknown.join(" "))));
                }
            }
            _ => return Err(Failure::failed("invalid key option")),
        }
    }
    verified(context, &certificates, &options, false)
}

/// A request for a certificate, of PEM or of base64.
pub(super) fn parse_certificate_request(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    let wrong_kind = || Failure::failed("invalid PEM-encoded certificate signing request");
    let bytes = if given.starts_with("-----BEGIN CERTIFICATE REQUEST-----") {
        pem::decode(given).ok_or_else(wrong_kind)?.0.bytes
    } else {
        let bytes = decode_base64(given, false)?;
        match std::str::from_utf8(&bytes).ok().and_then(pem::decode) {
            Some((block, _)) if block.kind != "CERTIFICATE REQUEST" => return Err(wrong_kind()),
            Some((block, _)) => block.bytes,
            None => bytes,
        }
    };
    certificate::request_term(&bytes).ok_or_else(|| Failure::failed("asn1: structure error: tags don't match"))
}

fn private_keys(given: &str) -> Result<Vec<PrivateKey>, Failure> {
    let decoded = decode_base64(given, false).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.as_deref().unwrap_or(given);
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((block, after)) = pem::decode(rest) {
        if let Some(key) = PrivateKey::from_block(&block.kind, &block.bytes) {
            out.push(key.map_err(Failure::failed)?);
        }
        rest = after;
    }
    Ok(out)
}

/// Private keys as Go shows them.
pub(super) fn parse_private_keys(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    if given.is_empty() {
        return Ok(Term::Null);
    }
    Ok(Term::array(private_keys(given)?.iter().map(PrivateKey::to_term).collect()))
}

/// The first private key as a JSON web key.
pub(super) fn parse_rsa_private_key(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    if given.is_empty() {
        return Err(Failure::failed("input PEM data was empty"));
    }
    if !given.starts_with("-----BEGIN") {
        decode_base64(given, false)?;
    }
    Ok(private_keys(given)?.first().map_or(Term::Null, PrivateKey::to_jwk))
}

/// A certificate with its private key, if they belong together.
pub(super) fn parse_keypair(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (certificate, key) = (text(arguments, 0)?, text(arguments, 1)?);
    let bytes_of = |given: &str, kind: &str| -> Result<Vec<(String, Vec<u8>)>, Failure> {
        Ok(match pem_or_base64(given)? {
            Err(bytes) => vec![(kind.to_owned(), bytes)],
            Ok(text) => {
                let mut blocks = Vec::new();
                let mut rest = text.as_str();
                while let Some((block, after)) = pem::decode(rest) {
                    blocks.push((block.kind, block.bytes));
                    rest = after;
                }
                blocks
            }
        })
    };
    let (certificates, keys) = (bytes_of(certificate, "CERTIFICATE")?, bytes_of(key, "PRIVATE KEY")?);
    let certificates: Vec<Vec<u8>> = certificates.into_iter().filter(|(kind, _)| kind == "CERTIFICATE").map(|(_, bytes)| bytes).collect();
    let first = certificates.first().ok_or_else(|| Failure::failed("tls: failed to find any PEM data in certificate input"))?;
    let (leaf, rest) = Certificate::read(first).ok_or_else(malformed)?;
    if !rest.is_empty() {
        return Err(Failure::failed("x509: trailing data"));
    }
    let (_, key) = keys
        .iter()
        .find(|(kind, _)| kind == "PRIVATE KEY" || kind.ends_with(" PRIVATE KEY"))
        .ok_or_else(|| Failure::failed("tls: failed to find any PEM data in key input"))?;
    // What the block says of the kind of key does not count.
    let key = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]
        .into_iter()
        .find_map(|kind| PrivateKey::from_block(kind, key).and_then(Result::ok))
        .ok_or_else(|| Failure::failed("tls: failed to parse private key"))?;
    let public = key.public();
    if std::mem::discriminant(&public) != std::mem::discriminant(&leaf.key) {
        return Err(Failure::failed("tls: private key type does not match public key type"));
    }
    if public != leaf.key {
        return Err(Failure::failed("tls: private key does not match public key"));
    }
    context.spend(leaf.raw.len().saturating_mul(8))?;
    Ok(keys::object(vec![
        ("Certificate", Term::array(certificates.iter().map(|bytes| keys::bytes(bytes)).collect())),
        ("Leaf", leaf.to_term(false).ok_or_else(malformed)?),
        ("PrivateKey", key.to_term()),
        ("OCSPStaple", Term::Null),
        ("SignedCertificateTimestamps", Term::Null),
        ("SupportedSignatureAlgorithms", Term::Null),
    ]))
}

/// The public key of a certificate or of a block of a public key.
pub(super) fn public_key_of_pem(given: &str) -> Option<Result<keys::PublicKey, Failure>> {
    let (block, rest) = pem::decode(given)?;
    if !rest.is_empty() {
        return Some(Err(Failure::failed("extra data after a PEM certificate block")));
    }
    Some(match block.kind.as_str() {
        "CERTIFICATE" => Certificate::read(&block.bytes)
            .map(|(certificate, _)| certificate.key)
            .ok_or_else(|| Failure::failed("failed to parse a PEM certificate: x509: malformed certificate")),
        "PUBLIC KEY" => keys::PublicKey::from_info(&block.bytes)
            .ok_or_else(|| Failure::failed("failed to parse a PEM public key: x509: malformed public key")),
        _ => Err(Failure::failed("failed to extract a Key from the PEM certificate")),
    })
}
