use super::*;
use probity_testkit::archives::{gzip, tar, zip, zstd};
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { depth: 8, largest: 100 << 20, total: 150 << 20 };

/// `path text` of all texts, and `path (partly): why` of what was not read.
fn read(name: &str, bytes: &[u8], bounds: Bounds) -> (Vec<String>, Vec<String>) {
    let mut out = Vec::new();
    let form = Form::of(bytes).unwrap();
    let unread = texts(name, form, bytes, bounds, &|path| !path.contains("ignored"), &mut |batch| {
        out.extend(batch.into_iter().map(|text| format!("{} {}", text.path, String::from_utf8_lossy(&text.bytes).escape_debug())));
    });
    let unread = unread.into_iter().map(|one| format!("{}{}: {}", one.path, if one.partly { " (partly)" } else { "" }, one.why)).collect();
    (out, unread)
}

#[test]
fn every_form_is_known_by_its_first_bytes() {
    let files = tar(&[("a/b.txt", b"one"), ("c.txt", b"two")]);
    let check = |name: &str, bytes: &[u8], expected: &[&str]| {
        let (texts, unread) = read(name, bytes, BOUNDS);
        assert_eq!((texts, unread), (expected.iter().map(|text| (*text).to_owned()).collect(), Vec::new()), "{name}");
    };
    check("x.jar", &zip(&[("a/b.txt", b"one", false), ("c.txt", b"two", false)]), &["x.jar!/a/b.txt one", "x.jar!/c.txt two"]);
    check("x", &files, &["x!/a/b.txt one", "x!/c.txt two"]);
    check("x.tgz", &gzip(&files), &["x.tgz!/a/b.txt one", "x.tgz!/c.txt two"]);
    check("x.tar.zst", &zstd(&files), &["x.tar.zst!/a/b.txt one", "x.tar.zst!/c.txt two"]);
    check("logs/x.log.gz", &gzip(b"one"), &["logs/x.log.gz!/x.log one"]);
    check("x.zst", &zstd(b"one"), &["x.zst!/x one"]);
    check("empty.zip", &zip(&[]), &[]);
    check("x.zip", &zip(&[("ignored/a", b"one", false), ("b", b"two", false)]), &["x.zip!/b two"]);
    let inner = zip(&[("d.gz", &gzip(b"deep"), false)]);
    let outer = gzip(&tar(&[("lib/e.whl", &inner)]));
    check("x.tgz", &outer, &["x.tgz!/lib/e.whl!/d.gz!/d deep"]);
    for plain in [b"some text".as_slice(), b"", b"PK", b"\x1f\x8b", b"\x1f\x8b\x08\xff text"] {
        assert_eq!(Form::of(plain), None);
    }
}

#[test]
fn what_is_not_read_is_told() {
    let check = |name: &str, bytes: &[u8], bounds: Bounds, texts: &[&str], unread: &[&str]| {
        let (found, said) = read(name, bytes, bounds);
        let found: Vec<String> = found.into_iter().map(|text| text.chars().take(60).collect()).collect();
        assert_eq!(found, texts, "{name}");
        assert_eq!(said, unread, "{name}");
    };
    let why = "no secret was sought in it";
    check(
        "a.zip",
        &zip(&[("open", b"one", false), ("shut", b"two", true)]),
        BOUNDS,
        &["a.zip!/open one"],
        &[&format!("a.zip!/shut: {why}: the entry is encrypted; it is not read")],
    );
    check(
        "a.zip",
        &zip(&[("../../etc/x", b"one", false), ("y", b"two", false)]),
        BOUNDS,
        &["a.zip!/y two"],
        &[&format!("a.zip!/../../etc/x: {why}: the path leads out of the archive; the entry is not read")],
    );
    check(
        "a.tar",
        &tar(&[("../x", b"one"), ("y", b"two")]),
        BOUNDS,
        &["a.tar!/y two"],
        &[&format!("a.tar!/../x: {why}: the path leads out of the archive; the entry is not read")],
    );
    // What breaks off is read as far as it goes; what cannot be read at all is a text.
    let files = tar(&[("x", b"one"), ("y", &[b'z'; 900])]);
    let texts = ["a.tar!/x one".to_owned(), format!("a.tar!/y {}", "z".repeat(51))];
    let broken = format!("a.tar!/y (partly): {why}: the archive ends too early");
    let ended = format!("a.tar (partly): {why}: the archive ends too early");
    check("a.tar", &files[..2000], BOUNDS, &[&texts[0], &texts[1]], &[&broken, &ended]);
    let whole = zip(&[("x", b"one", false)]);
    check(
        "a.zip",
        &whole[..whole.len() - 4],
        BOUNDS,
        &[&read_as_text("a.zip", &whole[..whole.len() - 4])],
        &[&format!("a.zip: {why}: it is no zip archive, or its end is missing")],
    );
    check(
        "a.7z",
        b"7z\xbc\xaf\x27\x1c rest",
        BOUNDS,
        &[&read_as_text("a.7z", b"7z\xbc\xaf\x27\x1c rest")],
        &[&format!("a.7z: {why}: it is packed as 7z; it is not read")],
    );
    // Bounds.
    let small = Bounds { largest: 10, ..BOUNDS };
    check(
        "a.gz",
        &gzip(&[b'x'; 50]),
        small,
        &[&read_as_text("a.gz", &gzip(&[b'x'; 50]))],
        &[&format!("a.gz: {why}: the entry has 11 bytes, more than the limit of 10; it is not read")],
    );
    let shallow = Bounds { depth: 1, ..BOUNDS };
    let (texts, said) = read("a.zip", &zip(&[("b.gz", &gzip(b"deep"), false)]), shallow);
    assert_eq!(texts.len(), 1, "it is searched as it is: {texts:?}");
    assert_eq!(said, [format!("a.zip!/b.gz: {why}: archives lie more than 1 deep within each other; this one is not read")]);
}

fn read_as_text(name: &str, bytes: &[u8]) -> String {
    format!("{name} {}", String::from_utf8_lossy(bytes).escape_debug()).chars().take(60).collect()
}

#[test]
fn bombs_stop_at_their_bounds() {
    let zeros = vec![0; 99 << 20];
    let grows = gzip(&zeros);
    let (texts, said) = read("a.gz", &grows, BOUNDS);
    assert_eq!(texts.len(), 1, "what came out before is searched");
    assert!(said[0].contains("come out of each packed byte"), "{said:?}");
    // Forty times ten MiB, each in an archive of its own.
    let part = vec![0; 10 << 20];
    let one = zip(&[("part", &part, false)]);
    let names: Vec<String> = (0..40).map(|number| format!("{number}.zip")).collect();
    let many: Vec<(&str, &[u8], bool)> = names.iter().map(|name| (name.as_str(), one.as_slice(), false)).collect();
    let bytes = zip(&many);
    let mut total = 0;
    let unread = texts_of(&bytes, &mut |batch| total += batch.iter().map(|text| text.bytes.len()).sum::<usize>());
    assert!(total <= 150 << 20, "{total}");
    assert!(unread.iter().any(|one| one.why.contains("unpacks to more than 157286400 bytes") && one.hostile), "{unread:?}");
}

fn texts_of(bytes: &[u8], each: &mut dyn FnMut(Vec<Text>)) -> Vec<Unread> {
    texts("a.zip", Form::of(bytes).unwrap(), bytes, BOUNDS, &|_| true, each)
}

#[test]
fn an_archive_in_itself_ends() {
    let mut bytes = gzip(b"deep");
    for _ in 0..12 {
        bytes = zip(&[("x.zip", &bytes, false)]);
    }
    let (texts, said) = read("a.zip", &bytes, BOUNDS);
    assert_eq!((texts.len(), said.len()), (1, 1), "{said:?}");
    assert!(said[0].contains("more than 8 deep"));
}

proptest! {
    #[test]
    fn no_bytes_panic(change in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), cut in any::<prop::sample::Index>(), which in 0..4) {
        let inner = zip(&[("a.txt", b"one two three four", false), ("b.gz", &gzip(b"five"), false)]);
        let mut bytes = match which {
            0 => inner,
            1 => tar(&[("x.zip", &inner), ("y", b"six")]),
            2 => gzip(&tar(&[("x.zip", &inner)])),
            _ => zstd(&inner),
        };
        for (place, byte) in change {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Some(form) = Form::of(&bytes) {
            texts("a", form, &bytes, BOUNDS, &|_| true, &mut |_| {});
        }
    }
}
