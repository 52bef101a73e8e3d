//! The distinguished encoding of ASN.1 (X.690), as far as certificates and keys need it: read without copies, written for keys.

use num_bigint::BigInt;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// One element.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// What is in it.
    pub(crate) content: &'a [u8],
    /// With tag and length.
    pub(crate) whole: &'a [u8],
}

/// Elements one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element.
    pub(crate) fn any(&mut self) -> Option<Element<'a>> {
        let [tag, first, ..] = self.rest else { return None };
        // Tags of more than one byte are not used here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, start) = match first {
            0..=0x7f => (usize::from(*first), 2),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let bytes = self.rest.get(2..2 + count)?;
                if bytes.first() == Some(&0) {
                    return None;
                }
                let length = bytes.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte));
                if length < 0x80 {
                    return None;
                }
                (length, 2 + count)
            }
            _ => return None,
        };
        let end = start.checked_add(length)?;
        let element = Element { tag: *tag, content: self.rest.get(start..end)?, whole: self.rest.get(..end)? };
        self.rest = self.rest.get(end..)?;
        Some(element)
    }

    /// The next element, if it has a tag.
    pub(crate) fn tagged(&mut self, tag: u8) -> Option<Element<'a>> {
        if self.peek() == Some(tag) { self.any() } else { None }
    }

    /// The elements of the next sequence.
    pub(crate) fn sequence(&mut self) -> Option<Reader<'a>> {
        Some(Reader::new(self.tagged(SEQUENCE)?.content))
    }

    /// A whole number that is not below zero: its bytes.
    pub(crate) fn unsigned(&mut self) -> Option<&'a [u8]> {
        let bytes = self.tagged(INTEGER)?.content;
        match bytes {
            [0, rest @ ..] if !rest.is_empty() => Some(rest),
            [first, ..] if *first < 0x80 => Some(bytes),
            _ => None,
        }
    }

    /// A whole number.
    pub(crate) fn integer(&mut self) -> Option<BigInt> {
        let bytes = self.tagged(INTEGER)?.content;
        if bytes.is_empty() { None } else { Some(BigInt::from_signed_bytes_be(bytes)) }
    }

    /// The numbers of an object identifier.
    pub(crate) fn oid(&mut self) -> Option<Vec<u64>> {
        oid(self.tagged(OID)?.content)
    }

    /// The bytes of a bit string without spare bits.
    pub(crate) fn bit_string(&mut self) -> Option<&'a [u8]> {
        match self.tagged(BIT_STRING)?.content {
            [0, bytes @ ..] => Some(bytes),
            _ => None,
        }
    }
}

/// The numbers of an object identifier.
pub(crate) fn oid(bytes: &[u8]) -> Option<Vec<u64>> {
    let mut out = Vec::new();
    let mut value: u64 = 0;
    for byte in bytes {
        value = value.checked_mul(128)? | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if out.is_empty() {
                let first = (value / 40).min(2);
                out.extend([first, value - first * 40]);
            } else {
                out.push(value);
            }
            value = 0;
        }
    }
    if bytes.last().is_none_or(|byte| byte & 0x80 != 0) { None } else { Some(out) }
}

/// An element of a tag and content.
pub(crate) fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 0x80 {
        out.push(u8::try_from(length).unwrap_or(0));
    } else {
        let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(0));
        out.extend(bytes);
    }
    out.extend_from_slice(content);
    out
}

/// A whole number that is not below zero, of its bytes.
pub(crate) fn write_unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len().saturating_sub(1));
    let bytes = bytes.get(start..).unwrap_or_default();
    let mut content = Vec::with_capacity(bytes.len() + 1);
    if bytes.first().is_none_or(|byte| *byte >= 0x80) {
        content.push(0);
    }
    content.extend_from_slice(bytes);
    write(INTEGER, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        let bytes = write(SEQUENCE, &[write_unsigned(&[0x80]), write(OID, &[0x2a, 0x86, 0x48])].concat());
        let mut reader = Reader::new(&bytes);
        let mut inner = reader.sequence().unwrap();
        assert_eq!(inner.unsigned().unwrap(), [0x80]);
        assert_eq!(inner.oid().unwrap(), [1, 2, 840]);
        assert!(inner.is_empty() && reader.is_empty());
        let long = write(OCTET_STRING, &[7; 300]);
        assert_eq!(Reader::new(&long).any().unwrap().content.len(), 300);
        for wrong in
            [&[0x30, 0x82, 0, 1, 0][..], &[0x30, 0x81, 5, 0], &[0x30, 5], &[0x30, 0x80], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[]]
        {
            assert!(Reader::new(wrong).any().is_none(), "{wrong:?}");
        }
    }
}
