//! As much DER (X.690) as it takes to tell what kind of key some bytes are, and no more: what a key means is aws-lc-rs's to read.
//! Strict: lengths have one form, and nothing may follow.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// Bytes that are not the DER that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads elements from the front.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The contents of the next element, which must have this tag.
    pub(super) fn element(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let (found, rest) = self.0.split_first().ok_or(Malformed)?;
        if *found != tag {
            return Err(Malformed);
        }
        let (length, rest) = length(rest)?;
        let (contents, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(contents)
    }

    /// The next element, which must be a sequence, as a reader of its own.
    pub(super) fn sequence(&mut self) -> Result<Reader<'a>, Malformed> {
        self.element(SEQUENCE).map(Reader)
    }

    /// A positive integer, without its leading zero.
    pub(super) fn positive(&mut self) -> Result<&'a [u8], Malformed> {
        match self.element(INTEGER)? {
            [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Ok(rest),
            bytes @ [first, ..] if *first != 0 && first & 0x80 == 0 => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// A length in its shortest form; keys have far fewer than 65,536 bytes.
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    match bytes {
        [short @ 0..=0x7f, rest @ ..] => Ok((usize::from(*short), rest)),
        [0x81, long @ 0x80..=0xff, rest @ ..] => Ok((usize::from(*long), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => Ok((usize::from(*high) << 8 | usize::from(*low), rest)),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_lengths_have_one_form() {
        let check = |bytes: &[u8], expected: Option<usize>| {
            let mut reader = Reader(bytes);
            assert_eq!(reader.element(SEQUENCE).ok().map(<[u8]>::len), expected, "{bytes:02x?}");
        };
        check(&[0x30, 0], Some(0));
        check(&[0x30, 2, 1, 2], Some(2));
        check(&[0x31, 0], None);
        check(&[0x30, 2, 1], None);
        check(&[0x30], None);
        check(&[], None);
        check(&[0x30, 0x80, 0, 0], None);
        check(&[0x30, 0x81, 1, 7], None);
        check(&[0x30, 0x82, 0, 1, 7], None);
        check(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], None);
        check(&[&[0x30, 0x81, 0x80], [7; 0x80].as_slice()].concat(), Some(0x80));
        check(&[&[0x30, 0x82, 1, 0], [7; 0x100].as_slice()].concat(), Some(0x100));
        check(&[&[0x30, 0x81, 0x80], [7; 0x7f].as_slice()].concat(), None);
    }

    #[test]
    fn integers_have_one_form() {
        let check = |bytes: &[u8], expected: Result<&[u8], Malformed>| assert_eq!(Reader(bytes).positive(), expected, "{bytes:02x?}");
        check(&[2, 1, 3], Ok(&[3]));
        check(&[2, 2, 0, 0x80], Ok(&[0x80]));
        check(&[2, 2, 0, 1], Err(Malformed));
        check(&[2, 1, 0x80], Err(Malformed));
        check(&[2, 1, 0], Err(Malformed));
        check(&[2, 0], Err(Malformed));
    }
}
