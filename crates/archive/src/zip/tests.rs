use std::io::Write as _;

use super::*;

/// One entry: name, content, method, flags.
type Made<'a> = (&'a str, &'a [u8], u16, u16);

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn archive(before: &[u8], entries: &[Made<'_>]) -> Vec<u8> {
    let mut out = before.to_vec();
    let mut list = Vec::new();
    for (name, content, method, flags) in entries {
        let packed = if *method == 8 { deflated(content) } else { content.to_vec() };
        let mut sum = flate2::Crc::new();
        sum.update(content);
        let offset = (out.len() - before.len()) as u32;
        let mut middle = Vec::new();
        for value in [20, *flags, *method, 0, 0] {
            middle.extend(value.to_le_bytes());
        }
        for value in [sum.sum(), packed.len() as u32, content.len() as u32] {
            middle.extend(value.to_le_bytes());
        }
        middle.extend((name.len() as u16).to_le_bytes());
        middle.extend(0_u16.to_le_bytes());
        out.extend(LOCAL);
        out.extend(&middle);
        out.extend(name.as_bytes());
        out.extend(&packed);
        list.extend(ENTRY);
        list.extend(0x0314_u16.to_le_bytes());
        list.extend(&middle);
        list.extend([0; 6]);
        list.extend((0o100_644_u32 << 16).to_le_bytes());
        list.extend(offset.to_le_bytes());
        list.extend(name.as_bytes());
    }
    let start = (out.len() - before.len()) as u32;
    out.extend(&list);
    out.extend(END);
    out.extend([0; 4]);
    for _ in 0..2 {
        out.extend((entries.len() as u16).to_le_bytes());
    }
    out.extend((list.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    out
}

fn read(bytes: &[u8], limits: Limits) -> (Vec<String>, Vec<String>) {
    let mut entries = Vec::new();
    let problems = zip(bytes, &mut Meter::new(limits), &mut |entry, meter| {
        let content = entry.read(meter).map_or_else(
            |trouble| format!("! {trouble}"),
            |content| String::from_utf8_lossy(&content[..content.len().min(20)]).into_owned(),
        );
        entries.push(format!("{} {:?} {:o} {} {content}", entry.path, entry.kind, entry.mode, entry.size));
        true
    });
    (entries, problems.iter().map(ToString::to_string).collect())
}

fn check(bytes: &[u8], entries: &[&str], problems: &[&str]) {
    let (found, told) = read(bytes, Limits::default());
    assert_eq!(found, entries);
    assert_eq!(told, problems);
}

#[test]
fn ordinary_archives_are_read() {
    let entries: &[Made<'_>] =
        &[("META-INF/", b"", 0, 0), ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0", 8, 0), ("a.txt", b"abc", 0, 0)];
    let expected = ["META-INF Folder 644 0 ", "META-INF/MANIFEST.MF File 644 21 Manifest-Version: 1.", "a.txt File 644 3 abc"];
    check(&archive(b"", entries), &expected, &[]);
    check(&archive(b"#!/bin/sh\nexec java -jar $0\n", entries), &expected, &[]);
    let mut commented = archive(b"", entries);
    let length = commented.len();
    commented[length - 2] = 5;
    commented.extend(b"hello");
    check(&commented, &expected, &[]);
}

#[test]
fn hostile_ones_are_told() {
    check(b"PK", &[], &["it is no zip archive, or its end is missing"]);
    check(
        &archive(b"", &[("../a", b"1", 0, 0), ("a\\b", b"2", 0, 0), ("a/b", b"3", 0, 0), ("e", b"4", 0, 1), ("m", b"5", 12, 0)]),
        &[
            "a/b File 644 1 2",
            "a/b File 644 1 3",
            "e File 644 1 ! the entry is encrypted; it is not read",
            "m File 644 1 ! the entry is packed with method 12; it is not read",
        ],
        &[
            "`../a`: the path leads out of the archive; the entry is not read",
            "`a\\b`: the path has backslashes; they are read as slashes",
            "`a/b`: another entry has the same path",
        ],
    );
    let whole = archive(b"", &[("a", b"some text some text", 8, 0), ("b", b"x", 0, 0)]);
    let mut wrong = whole.clone();
    wrong[33] ^= 0xff;
    assert!(read(&wrong, Limits::default()).0[0].contains('!'));
    // The second entry of the directory leads to the first.
    let mut twice = whole.clone();
    let place = twice.windows(4).rposition(|four| four == ENTRY).unwrap();
    twice[place + 42..place + 46].fill(0);
    check(&twice, &["a File 644 19 some text some text"], &["`b`: the entry is not where the directory of the archive tells"]);
    let same = archive(b"", &[("a", b"some text some text", 8, 0), ("a", b"some text some text", 8, 0)]);
    let mut overlapped = same.clone();
    let place = overlapped.windows(4).rposition(|four| four == ENTRY).unwrap();
    overlapped[place + 42..place + 46].fill(0);
    assert_eq!(
        read(&overlapped, Limits::default()).1,
        ["`a`: another entry has the same path", "entries of the archive overlap, as in a bomb"]
    );
}

#[test]
fn bombs_stop() {
    let zeros = vec![0_u8; 8 << 20];
    let bytes = archive(b"", &[("z", &zeros, 8, 0), ("y", &zeros, 8, 0)]);
    let tight = Limits { ratio: 100, ratio_from: 1 << 20, ..Limits::default() };
    let told = "! more than 100 bytes come out of each packed byte; the rest is not read";
    assert_eq!(read(&bytes, tight).0, [format!("z File 644 8388608 {told}"), format!("y File 644 8388608 {told}")]);
    let few = Limits { bytes_entry: 1 << 20, ..Limits::default() };
    assert_eq!(read(&bytes, few).1.len(), 2);
    let total = Limits { bytes_total: 9 << 20, ..Limits::default() };
    assert!(read(&bytes, total).0[1].contains("unpacks to more than"));
}

proptest::proptest! {
    #[test]
    fn any_change_is_read(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
        let mut bytes = archive(b"x", &[("a", b"some text some text", 8, 0), ("b/c", b"x", 0, 0)]);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        let length = bytes.len();
        bytes.truncate(length.saturating_sub(cut / 40));
        let _ = read(&bytes, Limits::default());
    }
}
