//! The data types of RFC 4251, section 5, as SSH keys and signatures use them.

/// Bytes that end too early or have lengths that do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads from the front.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1)?.first().copied().ok_or(Malformed)
    }

    pub(crate) fn number(&mut self) -> Result<u32, Malformed> {
        let bytes = <[u8; 4]>::try_from(self.take(4)?).map_err(|_| Malformed)?;
        Ok(u32::from_be_bytes(bytes))
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.string()?).map_err(|_| Malformed)
    }

    /// A positive multiple-precision integer, without its leading zero.
    pub(crate) fn positive(&mut self) -> Result<&'a [u8], Malformed> {
        let bytes = self.string()?;
        match bytes {
            [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Ok(rest),
            [first, ..] if *first != 0 && first & 0x80 == 0 => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// Appends a string with its length. Lengths here are far below 4 GiB, as every input was limited before.
pub(crate) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_form() {
        let check = |bytes: &[u8], expected: Result<&[u8], Malformed>| {
            let mut wire = Vec::new();
            put_string(&mut wire, bytes);
            assert_eq!(Reader(&wire).positive(), expected, "{bytes:?}");
        };
        check(&[1, 2], Ok(&[1, 2]));
        check(&[0, 0x80], Ok(&[0x80]));
        check(&[0, 1], Err(Malformed));
        check(&[0x80], Err(Malformed));
        check(&[], Err(Malformed));
        check(&[0], Err(Malformed));
    }

    #[test]
    fn short_input_ends() {
        assert_eq!(Reader(&[0, 0, 0, 9, 1]).string(), Err(Malformed));
        assert_eq!(Reader(&[0xff, 0xff, 0xff, 0xff]).string(), Err(Malformed));
        assert_eq!(Reader(&[0, 0, 0]).number(), Err(Malformed));
        assert_eq!(Reader(&[]).byte(), Err(Malformed));
        assert_eq!(Reader(&[0]).end(), Err(Malformed));
    }
}
