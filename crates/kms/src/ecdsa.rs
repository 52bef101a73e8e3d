//! The two forms of ECDSA signatures: two numbers side by side, as tokens and JSON Web Signatures have them (IEEE P1363), and DER.

/// DER (RFC 3279, section 2.2.3) of two numbers of 32 bytes side by side; `None` where it is not 64 bytes.
pub(crate) fn to_der(pair: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = pair.split_at_checked(32).filter(|(_, s)| s.len() == 32)?;
    let numbers = [integer(r)?, integer(s)?].concat();
    // Two numbers of at most 35 bytes each: one byte of length is enough.
    let length = u8::try_from(numbers.len()).ok()?;
    Some([&[0x30, length], numbers.as_slice()].concat())
}

fn integer(number: &[u8]) -> Option<Vec<u8>> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if number.first().is_none_or(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    let length = u8::try_from(sign.len() + number.len()).ok()?;
    Some([&[0x02, length], sign, number].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_their_shortest_form() {
        let pair = |r: &[u8], s: &[u8]| {
            let padded = |number: &[u8]| [vec![0; 32 - number.len()], number.to_vec()].concat();
            to_der(&[padded(r), padded(s)].concat())
        };
        assert_eq!(pair(&[1], &[0x80]), Some(vec![0x30, 7, 2, 1, 1, 2, 2, 0, 0x80]));
        assert_eq!(pair(&[], &[0x7f]), Some(vec![0x30, 6, 2, 1, 0, 2, 1, 0x7f]));
        let largest = to_der(&[0xff; 64]).unwrap();
        assert_eq!((largest.len(), largest[1]), (72, 70));
        for length in [0, 63, 65, 96] {
            assert_eq!(to_der(&vec![1; length]), None);
        }
    }
}
