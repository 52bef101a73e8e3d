//! The certificate authority: a root, an intermediate, a certificate transparency log, and certificates for whom a token names.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use serde_json::{Value, json};

use super::{Fault, der, now};
use crate::sigstore::{Algorithm, Signer, must, sha256};

/// Who vouches for everybody here.
pub(super) const ISSUER: &str = "https://issuer.example";

/// A certificate that signs others.
pub(super) struct Ca {
    params: CertificateParams,
    key: KeyPair,
    pub(super) der: Vec<u8>,
}

impl Ca {
    pub(super) fn root(name: &str) -> Ca {
        let (params, key) = Ca::parts(name, BasicConstraints::Unconstrained);
        let der = must(params.self_signed(&key)).der().to_vec();
        Ca { params, key, der }
    }

    pub(super) fn below(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Ca {
        let (mut params, key) = Ca::parts(name, BasicConstraints::Constrained(0));
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let der = must(params.signed_by(&key, &self.issuer())).der().to_vec();
        Ca { params, key, der }
    }

    fn parts(name: &str, constraints: BasicConstraints) -> (CertificateParams, KeyPair) {
        let mut params = must(CertificateParams::new(Vec::new()));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "stand-in.example");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(constraints);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params, must(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)))
    }

    pub(super) fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    fn key_digest(&self) -> [u8; 32] {
        sha256(&self.key.subject_public_key_info()).0
    }
}

/// Somebody's key on P-256, of which only the public half is known.
struct Holder(Vec<u8>);

impl PublicKeyData for Holder {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// Letters that certificates take.
fn letters<T: TryFrom<String>>(text: &str) -> Result<T, String> {
    T::try_from(text.to_owned()).map_err(|_| format!("`{text}` cannot stand in a certificate"))
}

pub(super) struct Authority {
    pub(super) root: Ca,
    pub(super) intermediate: Ca,
    /// Signs for the certificate transparency log.
    pub(super) transparency: Signer,
    /// Signs tokens, fixed length.
    pub(super) tokens: aws_lc_rs::signature::EcdsaKeyPair,
}

impl Authority {
    pub(super) fn new() -> Authority {
        let root = Ca::root("certificates root");
        let intermediate = root.below("certificates intermediate", ExtendedKeyUsagePurpose::CodeSigning);
        let tokens = must(aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING));
        Authority { root, intermediate, transparency: Signer::generate(Algorithm::P256), tokens }
    }

    /// A token of the issuer.
    pub(super) fn token(&self, claims: &Value) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", part(r#"{"alg":"ES256","typ":"JWT"}"#), part(&claims.to_string()));
        let signature = must(self.tokens.sign(&aws_lc_rs::rand::SystemRandom::new(), signed.as_bytes()));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn claims(&self, token: &str) -> Result<Value, String> {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _};
        let (signed, signature) = token.rsplit_once('.').ok_or("the token has no signature")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "the signature of the token is damaged")?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.tokens.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| "the issuer did not sign the token")?;
        let claims = signed.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).ok_or("the token has no claims")?;
        let claims: Value = serde_json::from_slice(&claims).map_err(|error| error.to_string())?;
        if claims["iss"] != ISSUER || claims["aud"] != "sigstore" {
            return Err("the token is of another issuer, or for somebody else".to_owned());
        }
        if claims["exp"].as_u64().is_none_or(|end| end <= now()) {
            return Err("the token ran out".to_owned());
        }
        Ok(claims)
    }

    /// Answers a request for a certificate: the answer's JSON, or why there is none.
    pub(super) fn certify(&self, request: &Value, bearer: Option<&str>, fault: Option<&Fault>) -> Result<Value, String> {
        let token = request["credentials"]["oidcIdentityToken"].as_str().or(bearer).ok_or("no token is shown")?;
        let claims = self.claims(token)?;
        let asked = &request["publicKeyRequest"];
        let pem = asked["publicKey"]["content"].as_str().ok_or("no key is given")?;
        let key = public_key(pem).ok_or("the key is not a PEM `PUBLIC KEY`")?;
        let point = key.get(key.len().saturating_sub(65)..).filter(|point| key.len() == 91 && point.first() == Some(&4));
        let point = point.ok_or("the key is not on P-256")?.to_vec();
        let email = claims["email"].as_str();
        let subject = email.or(claims["sub"].as_str()).ok_or("the token names nobody")?;
        let proof = asked["proofOfPossession"].as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or("no proof is given")?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point)
            .verify(subject.as_bytes(), &proof)
            .map_err(|_| "the proof of possession is not by the key")?;
        let name = match (email, claims["job_workflow_ref"].as_str()) {
            (Some(email), _) => SanType::Rfc822Name(letters(email)?),
            (None, Some(workflow)) => SanType::URI(letters(&format!("https://github.com/{workflow}"))?),
            (None, None) => SanType::URI(letters(subject)?),
        };
        let issuer = if fault == Some(&Fault::OtherIssuer) { "https://other.example" } else { ISSUER };
        let point = match fault {
            Some(Fault::OtherKey) => {
                let other = Signer::generate(Algorithm::P256).public;
                other.get(other.len() - 65..).unwrap_or_default().to_vec()
            }
            _ => point,
        };
        let leaf = self.leaf(name, issuer, point, fault)?;
        let pem = |der: &[u8]| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", wrapped(&STANDARD.encode(der)));
        let mut chain = vec![pem(&leaf), pem(&self.intermediate.der), pem(&self.root.der)];
        if fault == Some(&Fault::LongChain) {
            chain.extend((0..40).map(|_| pem(&self.root.der)));
        }
        Ok(json!({ "signedCertificateEmbeddedSct": { "chain": { "certificates": chain } } }))
    }

    fn leaf(&self, name: SanType, issuer: &str, point: Vec<u8>, fault: Option<&Fault>) -> Result<Vec<u8>, String> {
        let wrong = |error: rcgen::Error| error.to_string();
        let time = |seconds: u64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        let stranger;
        let (ca, authority) = if fault == Some(&Fault::OtherAuthority) {
            stranger = Ca::root("somebody else");
            (stranger.issuer(), stranger.key_digest())
        } else {
            (self.intermediate.issuer(), self.intermediate.key_digest())
        };
        let mut params = CertificateParams::new(Vec::new()).map_err(wrong)?;
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![name];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(SerialNumber::from_slice(&Signer::generate(Algorithm::Ed25519).public[12..28]));
        params.not_before = time(now());
        params.not_after = time(now() + 600);
        let extension = |number: u64, content: Vec<u8>| CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 1, number], content);
        params.custom_extensions =
            vec![extension(1, issuer.as_bytes().to_vec()), extension(8, der::element(der::UTF8_STRING, &[issuer.as_bytes()]))];
        let holder = Holder(point);
        let before = params.signed_by(&holder, &ca).map_err(wrong)?;
        let (signed, _) = der::certificate(before.der()).ok_or("the certificate is damaged")?;
        let list = self.transparency_proof(&signed, authority, fault == Some(&Fault::WrongSct));
        params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2], list));
        Ok(params.signed_by(&holder, &ca).map_err(wrong)?.der().to_vec())
    }

    /// The extension with what the certificate transparency log signed (RFC 6962, sections 3.2 and 3.3).
    fn transparency_proof(&self, signed: &[u8], authority: [u8; 32], wrong: bool) -> Vec<u8> {
        let length = |bytes: &[u8], width: usize| bytes.len().to_be_bytes()[8 - width..].to_vec();
        let time = (now() * 1_000).to_be_bytes();
        let entry = [&[0, 0], time.as_slice(), &[0, 1], &authority, &length(signed, 3), signed, &[0, 0]].concat();
        let signer = if wrong { &Signer::generate(Algorithm::P256) } else { &self.transparency };
        let signature = signer.sign(&entry);
        let log = sha256(&self.transparency.public).0;
        let one = [&[0], log.as_slice(), &time, &[0, 0], &[4, 3], &length(&signature, 2), &signature].concat();
        let list = [length(&one, 2), one].concat();
        der::element(der::OCTET_STRING, &[&length(&list, 2), &list])
    }
}

/// The DER of a PEM `PUBLIC KEY`.
pub(super) fn public_key(pem: &str) -> Option<Vec<u8>> {
    block(pem, "PUBLIC KEY")
}

/// The DER of a PEM block.
pub(super) fn block(pem: &str, label: &str) -> Option<Vec<u8>> {
    let body = pem.trim().strip_prefix(&format!("-----BEGIN {label}-----"))?.strip_suffix(&format!("-----END {label}-----"))?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

/// Lines of 64 letters.
fn wrapped(text: &str) -> String {
    text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
}
