//! As much DER (X.690) as it takes to ask for a timestamp, to see whether the answer belongs to the question, and to find the key of a
//! certificate. What certificates and timestamps prove is judged by `probity-sigstore`.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// Explicit or constructed field 0.
pub(crate) const FIELD_0: u8 = 0xa0;

/// Bytes that are not the DER that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads elements from the front.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// Tag, contents and whole of the next element.
    pub(crate) fn any(&mut self) -> Result<(u8, &'a [u8], &'a [u8]), Malformed> {
        let all = self.0;
        let (tag, rest) = all.split_first().ok_or(Malformed)?;
        let (length, rest) = length(rest)?;
        let (contents, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        let whole = all.get(..all.len() - rest.len()).ok_or(Malformed)?;
        Ok((*tag, contents, whole))
    }

    /// The contents of the next element, which must have this tag.
    pub(crate) fn element(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.any()? {
            (found, contents, _) if found == tag => Ok(contents),
            _ => Err(Malformed),
        }
    }

    /// The contents of the next element if it has this tag; otherwise it stays.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.0.first() == Some(&tag) { self.element(tag).map(Some) } else { Ok(None) }
    }

    /// The next element, which must be a sequence, as a reader of its own.
    pub(crate) fn sequence(&mut self) -> Result<Reader<'a>, Malformed> {
        self.element(SEQUENCE).map(Reader)
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// A length in its shortest form, of at most three bytes.
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let wide = |bytes: &[u8]| bytes.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    match bytes {
        [short @ 0..=0x7f, rest @ ..] => Ok((usize::from(*short), rest)),
        [0x81, long @ 0x80..=0xff, rest @ ..] => Ok((usize::from(*long), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => Ok((wide(&[*high, *low]), rest)),
        [0x83, high @ 1..=0xff, middle, low, rest @ ..] => Ok((wide(&[*high, *middle, *low]), rest)),
        _ => Err(Malformed),
    }
}

/// One element. Its contents have fewer than 16 MiB.
pub(crate) fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let [.., high, middle, low] = contents.len().to_be_bytes();
    let head: &[u8] = match (high, middle, low) {
        (0, 0, 0..=0x7f) => &[tag, low],
        (0, 0, _) => &[tag, 0x81, low],
        (0, _, _) => &[tag, 0x82, middle, low],
        _ => &[tag, 0x83, high, middle, low],
    };
    [head, &contents].concat()
}

/// A number that is not negative, in its shortest form.
pub(crate) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let short = bytes.get(first..).unwrap_or_default();
    let sign: &[u8] = if short.first().is_none_or(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    element(INTEGER, &[sign, short])
}

/// The SubjectPublicKeyInfo of a certificate (RFC 5280, section 4.1), with its tag.
pub(crate) fn certificate_key(certificate: &[u8]) -> Result<&[u8], Malformed> {
    let mut outer = Reader(certificate);
    let mut fields = outer.sequence()?;
    outer.end()?;
    let mut signed = fields.sequence()?;
    signed.optional(FIELD_0)?;
    signed.element(INTEGER)?;
    // Algorithm, issuer, validity, subject.
    for _ in 0..4 {
        signed.element(SEQUENCE)?;
    }
    match signed.any()? {
        (SEQUENCE, _, whole) => Ok(whole),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let contents = vec![7; length];
            let bytes = element(OCTET_STRING, &[&contents]);
            let mut reader = Reader(&bytes);
            assert_eq!(reader.element(OCTET_STRING), Ok(&contents[..]));
            assert_eq!(reader.end(), Ok(()));
            for cut in [1, bytes.len() / 2 + 1] {
                assert!(Reader(&bytes[..bytes.len() - cut.min(bytes.len())]).any().is_err(), "{length} {cut}");
            }
        }
    }

    #[test]
    fn lengths_and_numbers_have_one_form() {
        for bytes in [&[0x30, 0x80, 0, 0][..], &[0x30, 0x81, 1, 7], &[0x30, 0x82, 0, 1, 7], &[0x30, 0x84, 0, 0, 0, 0], &[0x30]] {
            assert_eq!(Reader(bytes).any(), Err(Malformed), "{bytes:02x?}");
        }
        assert_eq!(unsigned(&[0, 0]), [INTEGER, 1, 0]);
        assert_eq!(unsigned(&[0, 0x80]), [INTEGER, 2, 0, 0x80]);
        assert_eq!(unsigned(&[0x7f, 1]), [INTEGER, 2, 0x7f, 1]);
    }
}
