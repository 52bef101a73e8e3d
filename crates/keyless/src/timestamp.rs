//! A timestamp over a signature (RFC 3161). Here it is seen that the answer belongs to the question; whether the authority is one of the
//! trust root is judged with the bundle.

use aws_lc_rs::rand;
use probity_attest::sha256;
use probity_core::Digest;

use crate::der::{BOOLEAN, FIELD_0, GENERALIZED_TIME, INTEGER, Malformed, NULL, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET};
use crate::http::{Address, Http, Question};
use crate::{KeylessError, Step, der};

const MAX_ANSWER: usize = 256 << 10;
/// 2.16.840.1.101.3.4.2.1
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// 1.2.840.113549.1.9.16.1.4
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];

/// The question: `TimeStampReq`, section 2.4.1.
fn request(imprint: Digest, nonce: &[u8]) -> Vec<u8> {
    let algorithm = der::element(SEQUENCE, &[&der::element(OBJECT_IDENTIFIER, &[SHA256]), &der::element(NULL, &[])]);
    let imprint = der::element(SEQUENCE, &[&algorithm, &der::element(OCTET_STRING, &[&imprint.0])]);
    let certificates = der::element(BOOLEAN, &[&[0xff]]);
    der::element(SEQUENCE, &[&der::unsigned(&[1]), &imprint, &der::unsigned(nonce), &certificates])
}

/// Asks for a timestamp; the whole answer, as bundles hold it.
pub(crate) fn fetch(http: &Http, authority: &Address, signature: &[u8]) -> Result<Vec<u8>, KeylessError> {
    let wrong = KeylessError::at(Step::Timestamp);
    let mut nonce = [0; 16];
    rand::fill(&mut nonce).map_err(|_| wrong("the system gave no randomness".to_owned()))?;
    let imprint = sha256(signature);
    let answer = http.ask(&Question {
        to: authority,
        body: Some(("application/timestamp-query", &request(imprint, &nonce))),
        accept: "application/timestamp-reply",
        pass: None,
        limit: MAX_ANSWER,
    });
    let answer = answer.map_err(&wrong)?;
    if answer.status != 200 && answer.status != 201 {
        return Err(wrong(answer.refusal()));
    }
    belongs(&answer.body, imprint, &nonce).map_err(wrong)?;
    Ok(answer.body)
}

/// Whether an answer is to this question; the error is a sentence about it.
fn belongs(answer: &[u8], imprint: Digest, nonce: &[u8]) -> Result<(), String> {
    let damaged = |Malformed| "its answer is no timestamp in DER".to_owned();
    let (granted, token) = status(answer).map_err(damaged)?;
    if !granted {
        return Err("it refuses to say when".to_owned());
    }
    let token = token.ok_or("it grants a timestamp and gives none")?;
    let told = info(token).map_err(damaged)?;
    if told.algorithm != SHA256 || told.imprint != imprint.0 {
        return Err("its timestamp is about something else than our signature".to_owned());
    }
    if told.nonce != Some(nonce_contents(nonce).as_slice()) {
        return Err("its timestamp does not hold our nonce: it may be an old one".to_owned());
    }
    Ok(())
}

/// What a number of these bytes holds in DER.
fn nonce_contents(nonce: &[u8]) -> Vec<u8> {
    Reader(&der::unsigned(nonce)).element(INTEGER).unwrap_or_default().to_vec()
}

/// Whether it is granted, and the token: `TimeStampResp`, section 2.4.2.
fn status(answer: &[u8]) -> Result<(bool, Option<&[u8]>), Malformed> {
    let mut outer = Reader(answer);
    let mut fields = outer.sequence()?;
    outer.end()?;
    let status = fields.sequence()?.element(INTEGER)?;
    let token = if fields.end().is_ok() { None } else { Some(fields.element(SEQUENCE)?) };
    fields.end()?;
    // Granted, and granted with modifications.
    Ok((matches!(status, [0 | 1]), token))
}

/// What a token tells.
struct Told<'a> {
    algorithm: &'a [u8],
    imprint: &'a [u8],
    nonce: Option<&'a [u8]>,
}

/// From `ContentInfo` (RFC 5652, section 3) over `SignedData` (section 5.1) to `TSTInfo` (RFC 3161, section 2.4.2).
fn info(token: &[u8]) -> Result<Told<'_>, Malformed> {
    let mut content = Reader(token);
    if content.element(OBJECT_IDENTIFIER)? != SIGNED_DATA {
        return Err(Malformed);
    }
    let mut signed = Reader(content.element(FIELD_0)?).sequence()?;
    signed.element(INTEGER)?;
    signed.element(SET)?;
    let mut wrapped = signed.sequence()?;
    if wrapped.element(OBJECT_IDENTIFIER)? != TST_INFO {
        return Err(Malformed);
    }
    let mut octets = Reader(wrapped.element(FIELD_0)?);
    let mut whole = Reader(octets.element(OCTET_STRING)?);
    let mut info = whole.sequence()?;
    whole.end()?;
    // Version and policy.
    info.element(INTEGER)?;
    info.element(OBJECT_IDENTIFIER)?;
    let mut imprint = info.sequence()?;
    let algorithm = imprint.sequence()?.element(OBJECT_IDENTIFIER)?;
    let digest = imprint.element(OCTET_STRING)?;
    imprint.end()?;
    // Serial number and time.
    info.element(INTEGER)?;
    info.element(GENERALIZED_TIME)?;
    // Accuracy and ordering may stand before the nonce.
    info.optional(SEQUENCE)?;
    info.optional(BOOLEAN)?;
    let nonce = info.optional(INTEGER)?;
    Ok(Told { algorithm, imprint: digest, nonce })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request() {
        let bytes = request(Digest([7; 32]), &[0x80; 16]);
        let mut outer = Reader(&bytes);
        let mut fields = outer.sequence().unwrap();
        assert_eq!(fields.element(INTEGER), Ok(&[1][..]));
        let mut imprint = fields.sequence().unwrap();
        assert_eq!(imprint.sequence().unwrap().element(OBJECT_IDENTIFIER), Ok(SHA256));
        assert_eq!(imprint.element(OCTET_STRING), Ok(&[7; 32][..]));
        assert_eq!(fields.element(INTEGER), Ok(&[&[0][..], &[0x80; 16]].concat()[..]));
        assert_eq!(fields.element(BOOLEAN), Ok(&[0xff][..]));
        assert_eq!(fields.end(), Ok(()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(belongs(&bytes, Digest([0; 32]), &[1]).is_err());
        }
    }
}
