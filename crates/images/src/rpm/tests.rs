use std::io::Read as _;

use super::*;
use crate::catalogue::tests::check;

/// Tag, type and content of an entry.
type Entry<'a> = (u32, u32, u32, &'a [u8]);

fn header(entries: &[Entry<'_>]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, kind, count, content) in entries {
        if *kind == 4 {
            data.resize(data.len().next_multiple_of(4), 0);
        }
        for value in [*tag, *kind, data.len() as u32, *count] {
            index.extend(value.to_be_bytes());
        }
        data.extend(*content);
    }
    [&(entries.len() as u32).to_be_bytes()[..], &(data.len() as u32).to_be_bytes(), &index, &data].concat()
}

/// The header of a package, with a long text so that it fills several pages.
fn package(name: &str, source: &str, epoch: Option<u32>, needs: &str) -> Vec<u8> {
    let text = |text: &str| format!("{text}\0").into_bytes();
    let (name, source, needs) = (text(name), text(source), text(needs));
    let epoch_bytes = epoch.unwrap_or(0).to_be_bytes();
    let long = [vec![b'x'; 3000], vec![0]].concat();
    let mut entries: Vec<Entry<'_>> = vec![
        (NAME, 6, 1, &name),
        (VERSION, 6, 1, b"1.2\0"),
        (RELEASE, 6, 1, b"3.el9\0"),
        (1005, 9, 1, &long),
        (LICENCE, 6, 1, b"MIT\0"),
        (ARCHITECTURE, 6, 1, b"x86_64\0"),
        (SOURCE, 6, 1, &source),
        (PROVIDES, 8, 1, &name),
        (REQUIRES, 8, 1, &needs),
        (MODULE, 6, 1, b"perl:5.30\0"),
    ];
    if epoch.is_some() {
        entries.push((EPOCH, 4, 1, &epoch_bytes));
    }
    header(&entries)
}

fn three() -> Vec<Vec<u8>> {
    vec![
        package("bash", "bash-1.2-3.el9.src.rpm", None, "glibc"),
        package("bind-libs", "bind-1.2-3.el9.src.rpm", Some(32), "bash"),
        package("gpg-pubkey", "(none)", None, ""),
    ]
}

const EXPECTED: [&str; 2] = [
    "pkg:rpm/rocky/bash@1.2-3.el9?arch=x86_64&distro=rocky-9.3&rpmmod=perl:5.30&upstream=bash-1.2-3.el9.src.rpm PLACE:0 licences MIT",
    "pkg:rpm/rocky/bind-libs@1.2-3.el9?arch=x86_64&distro=rocky-9.3&epoch=32&rpmmod=perl:5.30&upstream=bind-1.2-3.el9.src.rpm PLACE:0 < bind 32:1.2-3.el9 licences MIT > 0",
];

fn is_read(file: &str, bytes: &[u8]) {
    let place = format!("var/lib/rpm/{file}");
    let expected = EXPECTED.map(|line| line.replace("PLACE", &place));
    check(&[(place.as_str(), bytes), ("etc/os-release", b"ID=rocky\nVERSION_ID=9.3")], &expected.each_ref().map(String::as_str), &[]);
}

/// A database of ndb: a page of slots, then the headers in blocks.
pub(crate) fn ndb(headers: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"RpmP\0\0\0\0\x01\0\0\0\x01\0\0\0".to_vec();
    out.resize(32, 0);
    let mut blobs = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        let number = index as u32 + 1;
        let place = (PAGE + blobs.len()) / 16;
        blobs.extend(b"BlbS");
        for value in [number, 1, header.len() as u32] {
            blobs.extend(value.to_le_bytes());
        }
        blobs.extend(header);
        blobs.resize(blobs.len().next_multiple_of(16), 0);
        out.extend(b"Slot");
        for value in [number, place as u32, 1] {
            out.extend(value.to_le_bytes());
        }
    }
    while out.len() < PAGE {
        out.extend(b"Slot\0\0\0\0\0\0\0\0\0\0\0\0");
    }
    out.extend(blobs);
    out
}

const PAGE: usize = 4096;

/// A hash table of Berkeley DB with pages of 512 bytes: what counts the packages, then each header on pages of its own.
pub(crate) fn berkeley(headers: &[Vec<u8>], big: bool) -> Vec<u8> {
    let four = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let two = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut pages = vec![vec![0_u8; 512]; 2];
    let mut items: Vec<Vec<u8>> = vec![[&[1][..], &four(0)].concat(), [&[1][..], &four(3)].concat()];
    for (index, header) in headers.iter().enumerate() {
        items.push([&[1][..], &four(index as u32 + 1)].concat());
        items.push([&[3, 0, 0, 0][..], &four(pages.len() as u32), &four(header.len() as u32)].concat());
        for part in header.chunks(512 - 26) {
            let mut page = vec![0_u8; 26];
            let last = pages.len() as u32 + 1;
            page[16..20].copy_from_slice(&four(last));
            page[22..24].copy_from_slice(&two(part.len() as u16));
            page[25] = 7;
            page.extend(part);
            page.resize(512, 0);
            pages.push(page);
        }
    }
    let mut end = 512;
    for (index, item) in items.iter().enumerate() {
        end -= item.len();
        pages[1][end..end + item.len()].copy_from_slice(item);
        pages[1][26 + index * 2..28 + index * 2].copy_from_slice(&two(end as u16));
    }
    pages[1][20..22].copy_from_slice(&two(items.len() as u16));
    pages[1][25] = 13;
    let last = pages.len() as u32 - 1;
    pages[0][12..16].copy_from_slice(&four(0x0006_1561));
    pages[0][20..24].copy_from_slice(&four(512));
    pages[0][25] = 8;
    pages[0][32..36].copy_from_slice(&four(last));
    pages.concat()
}

fn varint(value: usize) -> Vec<u8> {
    if value < 128 {
        vec![value as u8]
    } else {
        [varint(value >> 7).iter().map(|byte| byte | 0x80).collect(), vec![(value & 0x7f) as u8]].concat()
    }
}

/// A database of SQLite with pages of 1024 bytes: a schema, an inner page, a leaf for each header and pages for what does not fit.
pub(crate) fn sqlite(headers: &[Vec<u8>]) -> Vec<u8> {
    const SIZE: usize = 1024;
    let leaf = |start: usize, cell: &[u8]| {
        let mut page = vec![0_u8; SIZE];
        let at = SIZE - cell.len();
        page[at..].copy_from_slice(cell);
        page[start] = 0x0d;
        page[start + 4] = 1;
        page[start + 8..start + 10].copy_from_slice(&(at as u16).to_be_bytes());
        page
    };
    let schema = [&[6, 23, 29, 29, 1, 0][..], b"tablePackagesPackages", &[2]].concat();
    let mut first = leaf(100, &[&varint(schema.len())[..], &[1], &schema].concat());
    first[..16].copy_from_slice(b"SQLite format 3\0");
    first[16..18].copy_from_slice(&(SIZE as u16).to_be_bytes());
    let mut pages = vec![first, vec![0; SIZE]];
    let mut leaves = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        let kind = varint(header.len() * 2 + 12);
        let payload = [&[kind.len() as u8 + 2, 0][..], &kind, header].concat();
        let least = (SIZE - 12) * 32 / 255 - 23;
        let fits = least + (payload.len() - least) % (SIZE - 4);
        let local = if fits <= SIZE - 35 { fits } else { least };
        let number = pages.len() as u32 + 1;
        leaves.push(number);
        let cell = [&varint(payload.len())[..], &[index as u8 + 1], &payload[..local], &(number + 1).to_be_bytes()].concat();
        pages.push(leaf(0, &cell));
        let parts: Vec<&[u8]> = payload[local..].chunks(SIZE - 4).collect();
        for (at, part) in parts.iter().enumerate() {
            let next = if at + 1 == parts.len() { 0 } else { pages.len() as u32 + 2 };
            let mut page = [&next.to_be_bytes()[..], part].concat();
            page.resize(SIZE, 0);
            pages.push(page);
        }
    }
    let inner = &mut pages[1];
    inner[0] = 0x05;
    inner[4] = leaves.len() as u8 - 1;
    for (index, number) in leaves.iter().enumerate() {
        if index + 1 == leaves.len() {
            inner[8..12].copy_from_slice(&number.to_be_bytes());
        } else {
            let at = SIZE - 5 * (index + 1);
            inner[at..at + 4].copy_from_slice(&number.to_be_bytes());
            inner[at + 4] = index as u8 + 1;
            inner[12 + index * 2..14 + index * 2].copy_from_slice(&(at as u16).to_be_bytes());
        }
    }
    pages.concat()
}

#[test]
fn every_database_is_read() {
    is_read("Packages.db", &ndb(&three()));
    is_read("Packages", &berkeley(&three(), false));
    is_read("Packages", &berkeley(&three(), true));
    is_read("rpmdb.sqlite", &sqlite(&three()));
    // By what it is, not by its name.
    is_read("Packages", &sqlite(&three()));
}

#[test]
fn what_the_log_of_sqlite_has_counts() {
    // The database has three packages, and the log a first leaf with another one.
    let (old, new) = (sqlite(&three()), sqlite(&[package("bash", "bash-1.2-3.el9.src.rpm", None, ""), package("zsh", "", None, "")]));
    let mut log = Vec::new();
    for value in [0x377f_0683_u32, 3_007_000, 1024, 1, 7, 8] {
        log.extend(value.to_be_bytes());
    }
    let sum = |bytes: &[u8], mut state: (u32, u32)| {
        for pair in bytes.chunks(8) {
            state.0 = state.0.wrapping_add(u32::from_be_bytes(pair[..4].try_into().unwrap())).wrapping_add(state.1);
            state.1 = state.1.wrapping_add(u32::from_be_bytes(pair[4..].try_into().unwrap())).wrapping_add(state.0);
        }
        state
    };
    let mut state = sum(&log, (0, 0));
    log.extend([state.0.to_be_bytes(), state.1.to_be_bytes()].concat());
    let count = new.len() / 1024;
    for (index, page) in new.chunks(1024).enumerate() {
        let end = if index + 1 == count { count as u32 } else { 0 };
        let head = [(index as u32 + 1).to_be_bytes(), end.to_be_bytes()].concat();
        state = sum(page, sum(&head, state));
        log.extend([head, [7_u32, 8, state.0, state.1].iter().flat_map(|value| value.to_be_bytes()).collect()].concat());
        log.extend(page);
    }
    let names = |log: &[u8]| {
        let found = headers(&old, Some(log));
        assert_eq!(found.problems, [""; 0]);
        found.found.iter().map(|(_, bytes)| Header::read(bytes).unwrap().string(NAME).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&log), ["bash", "zsh"]);
    // A transaction that is not whole does not count.
    let length = log.len();
    assert_eq!(names(&log[..length - 1024]), ["bash", "bind-libs", "gpg-pubkey"]);
    log[length - 1] ^= 1;
    assert_eq!(names(&log), ["bash", "bind-libs", "gpg-pubkey"]);
    assert_eq!(names(b""), ["bash", "bind-libs", "gpg-pubkey"]);
}

/// What rpm 4.18 wrote for three packages built for it.
#[test]
fn a_database_of_rpm_itself_is_read() {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&include_bytes!("../../tests/data/rpmdb.sqlite.gz")[..]).read_to_end(&mut bytes).unwrap();
    let place = "usr/lib/sysimage/rpm/rpmdb.sqlite";
    let line = |name: &str, source: &str, rest: &str| {
        format!(
            "pkg:rpm/fedora/{name}@1.2.3-4.el9?arch=noarch&distro=fedora-39&epoch=3&upstream={source}-1.2.3-4.el9.src.rpm {place}:0{rest}"
        )
    };
    let licence = " licences MIT AND Apache-2.0";
    check(
        &[(place, bytes.as_slice()), ("etc/os-release", b"ID=fedora\nVERSION_ID=39")],
        &[
            &line("probity-alpha", "probity-alpha", licence),
            &line("probity-beta", "probity-beta", &format!("{licence} > 0")),
            &line("libbeta", "probity-beta", &format!(" < probity-beta 3:1.2.3-4.el9{licence}")),
        ],
        &[],
    );
    let mut files = Vec::new();
    owned(&bytes, None, &mut |path, package| files.push(format!("{package} {path}")));
    assert!(files.contains(&"probity-alpha /usr/share/alpha/file-with-a-long-name-7".to_owned()), "{files:?}");
}

#[test]
fn broken_databases_are_told() {
    let problems = |bytes: &[u8]| headers(bytes, None).problems;
    assert_eq!(problems(b"nonsense"), ["it is none of the databases rpm writes"]);
    let whole = sqlite(&three());
    assert_eq!(problems(&whole[..1024]), ["page 2 of the database is not there"]);
    assert_eq!(problems(&whole[..20]), ["the header of the database is broken"]);
    let mut circle = whole.clone();
    circle[1024 + 8..1024 + 12].copy_from_slice(&2_u32.to_be_bytes());
    assert_eq!(problems(&circle), ["page 2 of the database leads in circles"]);
    assert_eq!(problems(&whole[..4 * 1024]).len(), 3);
    let whole = berkeley(&three(), false);
    assert_eq!(problems(&whole[..2048])[0], "the database ends too early");
    let mut circle = whole.clone();
    circle[2 * 512 + 16..2 * 512 + 20].copy_from_slice(&2_u32.to_le_bytes());
    assert_eq!(problems(&circle), ["page 1 of the database has a broken entry"]);
    let whole = ndb(&three());
    assert_eq!(problems(&whole[..5000]).len(), 3);
    let mut wrong = whole.clone();
    wrong[32] = b'x';
    assert_eq!(problems(&wrong), ["a slot of the database is broken; the rest is not read"]);
    let place = "var/lib/rpm/Packages.db";
    check(
        &[
            (place, ndb(&[vec![0; 8], header(&[(VERSION, 6, 1, b"1\0")]), header(&[(NAME, 6, 1, b"a\0")])])),
            ("etc/os-release", b"ID=fedora".to_vec()),
        ],
        &["pkg:rpm/fedora/a?distro=fedora var/lib/rpm/Packages.db:0"],
        &[
            "var/lib/rpm/Packages.db:0 the header of package 1 is broken!",
            "var/lib/rpm/Packages.db:0 the header of package 2 names no package!",
            "var/lib/rpm/Packages.db:0 package `a` has no version!",
        ],
    );
}

proptest::proptest! {
    #[test]
    fn any_change_is_read(kind in 0_usize..3, at in 0_usize..16_000, byte: u8, cut in 0_usize..20_000) {
        let mut bytes = [ndb(&three()), berkeley(&three(), true), sqlite(&three())][kind].clone();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(cut.max(16));
        let found = headers(&bytes, None);
        for (_, bytes) in &found.found {
            if let Some(header) = Header::read(bytes) {
                header.strings(PROVIDES).count();
            }
        }
    }
}
