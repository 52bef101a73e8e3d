//! The timestamp authority (RFC 3161): a root, a certificate that only says when, and what it signs.

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm,
};

use super::authority::Ca;
use super::der::{self, element};
use super::{Fault, now};
use crate::sigstore::{Algorithm, Signer, must, sha256};

const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SIGNING_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
/// 1.3.6.1.4.1.57264.2
const POLICY: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x02];

pub(super) struct Clock {
    pub(super) root: Ca,
    key: Signer,
    pub(super) certificate: Vec<u8>,
}

/// The authority's key, for its certificate.
struct Holder(Vec<u8>);

impl PublicKeyData for Holder {
    fn der_bytes(&self) -> &[u8] {
        self.0.get(self.0.len() - 65..).unwrap_or_default()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl Clock {
    pub(super) fn new() -> Clock {
        let root = Ca::root("timestamps root");
        let key = Signer::generate(Algorithm::P256);
        let mut params = must(CertificateParams::new(Vec::new()));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "stand-in.example");
        params.distinguished_name.push(DnType::CommonName, "timestamps");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(SerialNumber::from_slice(&[7, 7, 7]));
        let purpose = element(der::OBJECT_IDENTIFIER, &[&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08]]);
        let mut usage = CustomExtension::from_oid_content(&[2, 5, 29, 37], element(der::SEQUENCE, &[&purpose]));
        usage.set_criticality(true);
        params.custom_extensions = vec![usage];
        let certificate = must(params.signed_by(&Holder(key.public.clone()), &root.issuer())).der().to_vec();
        Clock { root, key, certificate }
    }

    /// Answers a `TimeStampReq`.
    pub(super) fn stamp(&self, request: &[u8], fault: Option<&Fault>) -> Result<Vec<u8>, String> {
        let damaged = || "the request is no `TimeStampReq`".to_owned();
        let ((tag, contents, _), rest) = der::first(request).ok_or_else(damaged)?;
        let fields = der::parts(contents).filter(|_| tag == der::SEQUENCE && rest.is_empty()).ok_or_else(damaged)?;
        let [(der::INTEGER, [1], _), (der::SEQUENCE, imprint, imprint_whole), more @ ..] = fields.as_slice() else { return Err(damaged()) };
        let imprint = der::parts(imprint).ok_or_else(damaged)?;
        let [(der::SEQUENCE, algorithm, _), (der::OCTET_STRING, digest, _)] = imprint.as_slice() else { return Err(damaged()) };
        if digest.len() != 32 || !algorithm.windows(SHA256.len()).any(|part| part == SHA256) {
            return Err("only SHA-256 is known".to_owned());
        }
        let nonce = more.iter().find(|(tag, ..)| *tag == der::INTEGER).map(|(_, _, whole)| whole.to_vec());
        let certificates = more.iter().any(|(tag, contents, _)| *tag == der::BOOLEAN && *contents == [0xff]);
        let algorithm = element(der::SEQUENCE, &[&element(der::OBJECT_IDENTIFIER, &[SHA256]), &element(der::NULL, &[])]);
        let imprint = match fault {
            Some(Fault::WrongImprint) => element(der::SEQUENCE, &[&algorithm, &element(der::OCTET_STRING, &[&[7; 32]])]),
            _ => imprint_whole.to_vec(),
        };
        let nonce = match fault {
            Some(Fault::WrongNonce) => Some(element(der::INTEGER, &[&[7; 8]])),
            Some(Fault::NoNonce) => None,
            _ => nonce,
        };
        if fault == Some(&Fault::Rejected) {
            return Ok(element(der::SEQUENCE, &[&element(der::SEQUENCE, &[&element(der::INTEGER, &[&[2]])])]));
        }
        let time = i64::try_from(now()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()).unwrap_or_default();
        let info = element(
            der::SEQUENCE,
            &[
                &element(der::INTEGER, &[&[1]]),
                &element(der::OBJECT_IDENTIFIER, &[POLICY]),
                &imprint,
                &element(der::INTEGER, &[&[1, 2, 3, 4]]),
                &element(der::GENERALIZED_TIME, &[time.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes()]),
                // Accurate to a second.
                &element(der::SEQUENCE, &[&element(der::INTEGER, &[&[1]])]),
                &nonce.unwrap_or_default(),
            ],
        );
        let token = self.token(&info, certificates, fault).ok_or_else(damaged)?;
        Ok(element(der::SEQUENCE, &[&element(der::SEQUENCE, &[&element(der::INTEGER, &[&[0]])]), &token]))
    }

    /// `ContentInfo` around `SignedData` (RFC 5652).
    fn token(&self, info: &[u8], certificates: bool, fault: Option<&Fault>) -> Option<Vec<u8>> {
        let attribute =
            |kind: &[u8], value: &[u8]| element(der::SEQUENCE, &[&element(der::OBJECT_IDENTIFIER, &[kind]), &element(der::SET, &[value])]);
        let certificate = element(der::OCTET_STRING, &[&sha256(&self.certificate).0]);
        let certificate = element(der::SEQUENCE, &[&element(der::SEQUENCE, &[&element(der::SEQUENCE, &[&certificate])])]);
        let mut attributes = [
            attribute(CONTENT_TYPE, &element(der::OBJECT_IDENTIFIER, &[TST_INFO])),
            attribute(MESSAGE_DIGEST, &element(der::OCTET_STRING, &[&sha256(info).0])),
            attribute(SIGNING_CERTIFICATE, &certificate),
        ];
        // A set is in order.
        attributes.sort();
        let attributes = attributes.concat();
        let stranger = Signer::generate(Algorithm::P256);
        let signer = if fault == Some(&Fault::OtherClock) { &stranger } else { &self.key };
        let signature = signer.sign(&element(der::SET, &[&attributes]));
        let (_, parts) = der::certificate(&self.certificate)?;
        let sha256 = element(der::SEQUENCE, &[&element(der::OBJECT_IDENTIFIER, &[SHA256]), &element(der::NULL, &[])]);
        let signer = element(
            der::SEQUENCE,
            &[
                &element(der::INTEGER, &[&[1]]),
                &element(der::SEQUENCE, &[parts.get(3)?, parts.get(1)?]),
                &sha256,
                &element(der::FIELD_0, &[&attributes]),
                &element(der::SEQUENCE, &[&element(der::OBJECT_IDENTIFIER, &[ECDSA_WITH_SHA256])]),
                &element(der::OCTET_STRING, &[&signature]),
            ],
        );
        let content = element(der::FIELD_0, &[&element(der::OCTET_STRING, &[info])]);
        let sent: &[u8] = if certificates { &element(der::FIELD_0, &[&self.certificate]) } else { &[] };
        let signed = element(
            der::SEQUENCE,
            &[
                &element(der::INTEGER, &[&[3]]),
                &element(der::SET, &[&sha256]),
                &element(der::SEQUENCE, &[&element(der::OBJECT_IDENTIFIER, &[TST_INFO]), &content]),
                sent,
                &element(der::SET, &[&signer]),
            ],
        );
        Some(element(der::SEQUENCE, &[&element(der::OBJECT_IDENTIFIER, &[SIGNED_DATA]), &element(der::FIELD_0, &[&signed])]))
    }
}
