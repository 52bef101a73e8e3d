//! DER: elements one after the other. What does not fit ends the reading.

use num_bigint::BigInt;

/// One element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With its tag and length.
    pub(super) whole: &'a [u8],
}

/// Reads elements.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let start = self.rest;
        let [tag, length, rest @ ..] = start else { return None };
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, rest) = match length {
            0..=0x7f => (usize::from(*length), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                (digits.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        let whole = start.get(..start.len() - rest.len())?;
        Some(Element { tag: *tag, content, whole })
    }

    /// What is in the next element, if it is a sequence.
    pub(super) fn sequence(&mut self) -> Option<Reader<'a>> {
        self.next().filter(|element| element.tag == 0x30).map(|element| Reader::new(element.content))
    }
}

impl<'a> Element<'a> {
    /// An object identifier.
    pub(super) fn identifier(&self) -> Option<Vec<u64>> {
        if self.tag != 0x06 {
            return None;
        }
        let mut arcs = Vec::new();
        let mut arc = 0_u64;
        for byte in self.content {
            arc = arc.checked_mul(128)? | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                if arcs.is_empty() {
                    let first = (arc / 40).min(2);
                    arcs.extend([first, arc - first * 40]);
                } else {
                    arcs.push(arc);
                }
                arc = 0;
            }
        }
        Some(arcs)
    }

    /// A bit string of whole bytes.
    pub(super) fn bits(&self) -> Option<&'a [u8]> {
        match (self.tag, self.content) {
            (0x03, [0, bytes @ ..]) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        (self.content.len() <= 8).then(|| self.integer_wrapping()).flatten()
    }

    /// The last 64 bits of a whole number.
    pub(super) fn integer_wrapping(&self) -> Option<i64> {
        let first = *self.content.first()?;
        let start = if first & 0x80 == 0 { 0 } else { -1 };
        Some(self.content.iter().fold(start, |all, byte| all << 8 | i64::from(*byte)))
    }

    /// A whole number of any length, in decimal digits.
    pub(super) fn decimal(&self) -> Option<String> {
        (self.tag == 0x02).then(|| BigInt::from_signed_bytes_be(self.content).to_string())
    }

    pub(super) fn text(&self) -> Option<String> {
        String::from_utf8(self.content.to_vec()).ok()
    }

    /// A text of any of the kinds names are written in.
    pub(super) fn name_text(&self) -> Option<String> {
        match self.tag {
            0x0c | 0x13 | 0x16 | 0x12 => self.text(),
            // Latin-1, as Go reads what is called T.61 there.
            0x14 => Some(self.content.iter().map(|byte| char::from(*byte)).collect()),
            0x1e => {
                let units: Vec<u16> = self
                    .content
                    .chunks_exact(2)
                    .filter_map(|pair| Some(u16::from(*pair.first()?) << 8 | u16::from(*pair.last()?)))
                    .collect();
                String::from_utf16(&units).ok()
            }
            _ => None,
        }
    }

    /// A time, by RFC 3339.
    pub(super) fn time(&self) -> Option<String> {
        let text = self.text()?;
        let digits = text.strip_suffix('Z')?;
        let (year, rest) = match self.tag {
            0x17 => {
                let (year, rest) = digits.split_at_checked(2)?;
                let year: u32 = year.parse().ok()?;
                (if year >= 50 { 1900 + year } else { 2000 + year }, rest)
            }
            0x18 => {
                let (year, rest) = digits.split_at_checked(4)?;
                (year.parse().ok()?, rest)
            }
            _ => return None,
        };
        let part = |from: usize| rest.get(from..from + 2).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        if !matches!(rest.len(), 8 | 10) {
            return None;
        }
        let seconds = if rest.len() == 10 { part(8)? } else { "00" };
        Some(format!("{year:04}-{}-{}T{}:{}:{seconds}Z", part(0)?, part(2)?, part(4)?, part(6)?))
    }
}
