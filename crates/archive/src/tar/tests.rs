use std::process::{Command, Stdio};

use super::*;
use crate::Limits;

/// A header with a checksum that fits.
fn header(name: &str, kind: u8, size: u64, link: &str) -> Vec<u8> {
    let mut block = vec![0_u8; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..263].copy_from_slice(b"ustar\0");
    sum(&mut block);
    block
}

fn sum(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let total: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{total:06o}\0 ").as_bytes());
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = header(name, b'0', content.len() as u64, "");
    out.extend(content);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    out
}

/// What an archive holds: `path kind mode size content`, and its problems.
fn read(bytes: &[u8], limits: Limits) -> (Vec<String>, Vec<String>) {
    let mut entries = Vec::new();
    let problems = tar(&mut &*bytes, &mut Meter::new(limits), &mut |entry: Entry<'_>| {
        let mut content = Vec::new();
        let read = entry.content.take(1 << 20).read_to_end(&mut content);
        let shown = String::from_utf8_lossy(&content[..content.len().min(20)]).replace('\0', "0");
        let stored: u64 = entry.pieces.iter().map(|piece| piece.length).sum();
        entries.push(format!(
            "{} {:?} {:o} {} {} {shown}{}",
            entry.path,
            entry.kind,
            entry.mode,
            entry.size,
            stored,
            if read.is_err() { "!" } else { "" }
        ));
        for piece in entry.pieces {
            assert!(piece.stored % BLOCK as u64 == 0 || entry.size < BLOCK as u64 || stored < entry.size);
        }
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
    let bytes = [
        header("./d/", b'5', 0, ""),
        file("d/a", b"abc"),
        header("d/l", b'2', 0, "../x"),
        header("h", b'1', 0, "d/a"),
        header("p", b'6', 0, ""),
        vec![0; 1024],
        b"after the end".to_vec(),
    ]
    .concat();
    let expected =
        ["d Folder 644 0 0 ", "d/a File 644 3 3 abc", "d/l Symlink(\"../x\") 644 0 0 ", "h Hardlink(\"d/a\") 644 0 0 ", "p Pipe 644 0 0 "];
    check(&bytes, &expected, &[]);
}

#[test]
fn hostile_ones_are_told() {
    let escape = "the path leads out of the archive; the entry is not read";
    check(
        &[file("../../etc/passwd", b"x"), file("/abs", b"y"), file("a\\..\\..\\b", b"z"), file("abs", b"2")].concat(),
        &["abs File 644 1 1 y", "abs File 644 1 1 2"],
        &[
            &format!("`../../etc/passwd`: {escape}"),
            "`/abs`: the path is absolute; it is read as relative",
            &format!("`a\\..\\..\\b`: {escape}"),
            "`abs`: another entry has the same path",
        ],
    );
    check(&file("a", b"abc")[..514], &["a File 644 3 3 !"], &["the archive ends too early"]);
    check(b"", &[], &["the archive is empty"]);
    check(b"no tar", &[], &["the archive ends too early"]);
    check(&[b'x'; 1024], &[], &["it is no tar archive"]);
    let mut wrong = file("a", b"abc");
    wrong[0] = b'b';
    check(&wrong, &[], &["the checksum of a header does not fit"]);
    check(&header("x", b'x', 2 << 20, ""), &[], &["the records before an entry are too long"]);
    check(
        &[header("x", b'x', 4, ""), {
            let mut block = b"9 a=".to_vec();
            block.resize(512, 0);
            block
        }]
        .concat(),
        &[],
        &["a record before an entry is broken"],
    );
}

#[test]
fn limits_hold() {
    let bytes = [file("a", &[b'x'; 600]), file("b", b"y"), file("c", b"z")].concat();
    let told = |limits| read(&bytes, limits);
    let all = Limits::default();
    assert_eq!(told(Limits { entries: 2, ..all }).1, ["the archive has more than 2 entries; the rest is not read"]);
    assert_eq!(told(Limits { bytes_total: 601, ..all }).1, ["the archive unpacks to more than 601 bytes; the rest is not read"]);
    let (entries, problems) = told(Limits { bytes_entry: 100, ..all });
    assert_eq!(entries[0], "a File 644 600 600 ");
    assert_eq!(entries.len(), 3);
    assert_eq!(problems, ["`a`: the entry has 600 bytes, more than the limit of 100; it is not read"]);
}

#[test]
fn huge_sparse_entries_take_no_room() {
    let mut block = header("s", b'S', 3, "");
    for (index, text) in [format!("{:011o}\0", 5_u64 << 30), format!("{:011o}\0", 3)].iter().enumerate() {
        block[386 + index * 12..398 + index * 12].copy_from_slice(text.as_bytes());
    }
    // Ten gigabytes do not fit in the octal digits.
    block[483] = 0x80;
    block[487..495].copy_from_slice(&(10_u64 << 30).to_be_bytes());
    sum(&mut block);
    let bytes = [
        block.clone(),
        {
            let mut data = b"abc".to_vec();
            data.resize(512, 0);
            data
        },
        file("after", b"x"),
    ]
    .concat();
    check(
        &bytes,
        &["s File 644 10737418240 3 ", "after File 644 1 1 x"],
        &["`s`: the entry has 10737418240 bytes, more than the limit of 2147483648; it is not read"],
    );
    block[483 + 11] = 0;
    block[487..495].copy_from_slice(&100_u64.to_be_bytes());
    sum(&mut block);
    check(&block, &[], &["the map of a sparse file is broken"]);
}

/// What GNU tar writes, in each of its formats.
#[test]
fn archives_of_gnu_tar_are_read() {
    let folder = std::env::temp_dir().join(format!("probity-archive-{}", std::process::id()));
    #[expect(clippy::disallowed_methods, reason = "tests compare with the real program")]
    let run = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .current_dir(&folder)
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success())
    };
    #[expect(clippy::disallowed_methods, reason = "tests compare with the real program")]
    std::fs::create_dir_all(&folder).unwrap();
    let long = "n".repeat(120);
    let made = run(
        "sh",
        &[
            "-c",
            &format!(
                "mkdir -p d && printf hello > d/{long} && ln -sf {long} d/link && truncate -s 40000000 d/sparse && printf abc | dd of=d/sparse bs=1 seek=1000000 conv=notrunc && printf xyz | dd of=d/sparse bs=1 seek=30000000 conv=notrunc"
            ),
        ],
    );
    let Some(_) = made else { return };
    for arguments in [
        &["--format=gnu"][..],
        &["--format=gnu", "-S"],
        &["--format=pax"],
        &["--format=pax", "-S", "--sparse-version=0.0"],
        &["--format=pax", "-S", "--sparse-version=0.1"],
        &["--format=pax", "-S", "--sparse-version=1.0"],
    ] {
        let Some(output) = run("tar", &[arguments, &["-cf", "-", "d"]].concat()) else { continue };
        let mut found = BTreeMap::new();
        let problems = tar(&mut &*output.stdout, &mut Meter::new(Limits::default()), &mut |entry: Entry<'_>| {
            let mut content = Vec::new();
            entry.content.read_to_end(&mut content).unwrap();
            // The pieces say where the very bytes lie.
            let mut again = vec![0; content.len()];
            for piece in &entry.pieces {
                let (at, stored, length) = (piece.at as usize, piece.stored as usize, piece.length as usize);
                again[at..at + length].copy_from_slice(&output.stdout[stored..stored + length]);
            }
            assert!(again == content, "{arguments:?} {}", entry.path);
            found.insert(entry.path.to_string(), (entry.kind, content));
            true
        });
        assert_eq!(problems, [], "{arguments:?}");
        assert_eq!(found[&format!("d/{long}")].1, b"hello");
        assert_eq!(found["d/link"].0, Kind::Symlink(long.as_str().into()));
        let sparse = &found["d/sparse"].1;
        assert_eq!(
            (sparse.len(), &sparse[1_000_000..1_000_004], &sparse[30_000_000..30_000_003]),
            (40_000_000, &b"abc\0"[..], &b"xyz"[..])
        );
    }
    let _ = std::fs::remove_dir_all(&folder);
}

proptest::proptest! {
    #[test]
    fn any_change_is_read(at in 0_usize..2048, byte: u8, cut in 0_usize..3000) {
        let mut bytes = [file("a", b"abc"), header("d/l", b'2', 0, "../x"), file("b", &[1; 700])].concat();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(cut.max(1));
        let _ = read(&bytes, Limits::default());
    }
}
