//! As much DER as the services write and read.

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
pub(super) const FIELD_0: u8 = 0xa0;

/// One element.
pub(super) fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let [.., high, low] = contents.len().to_be_bytes();
    let head: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [head, &contents].concat()
}

/// An element: its tag, its contents, and the whole of it.
pub(super) type Part<'a> = (u8, &'a [u8], &'a [u8]);

/// The first element, and what follows.
pub(super) fn first(bytes: &[u8]) -> Option<(Part<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = match rest {
        [short @ 0..=0x7f, rest @ ..] => (usize::from(*short), rest),
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x82, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some(((*tag, contents, bytes.get(..bytes.len() - rest.len())?), rest))
}

/// The elements in the contents of another, whole.
pub(super) fn parts(contents: &[u8]) -> Option<Vec<Part<'_>>> {
    let mut all = Vec::new();
    let mut rest = contents;
    while !rest.is_empty() {
        let (part, after) = first(rest)?;
        all.push(part);
        rest = after;
    }
    Some(all)
}

/// The parts of what a certificate signs: version, serial number, algorithm, issuer, validity, subject, key, extensions.
pub(super) fn certificate(der: &[u8]) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let ((_, contents, _), _) = first(der)?;
    let ((_, signed, whole), _) = first(contents)?;
    Some((whole.to_vec(), parts(signed)?.into_iter().map(|(_, _, whole)| whole.to_vec()).collect()))
}
