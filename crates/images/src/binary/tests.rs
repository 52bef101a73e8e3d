use std::io::Write as _;

use crate::catalogue::tests::check;

/// An ELF program of 64 bits with these sections, one behind the other from address 0x1000 on.
pub(crate) fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut names = vec![0_u8];
    let mut table = vec![0_u8; 64];
    let mut content = vec![0_u8; 64];
    let mut header = |names: &mut Vec<u8>, content: &mut Vec<u8>, name: &str, bytes: &[u8]| {
        content.resize(content.len().next_multiple_of(16), 0);
        let at = names.len() as u32;
        names.extend(name.as_bytes());
        names.push(0);
        let offset = content.len() as u64;
        let bytes = if name == ".shstrtab" { names.clone() } else { bytes.to_vec() };
        content.extend(&bytes);
        let mut entry = Vec::new();
        entry.extend(at.to_le_bytes());
        entry.extend(1_u32.to_le_bytes());
        for value in [0, 0x1000 + offset, offset, bytes.len() as u64, 0, 0, 0] {
            entry.extend(value.to_le_bytes());
        }
        entry.truncate(64);
        table.extend(entry);
    };
    for (name, bytes) in sections {
        header(&mut names, &mut content, name, bytes);
    }
    header(&mut names, &mut content, ".shstrtab", b"");
    let place = content.len() as u64;
    content.extend(&table);
    content[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    content[0x28..0x30].copy_from_slice(&place.to_le_bytes());
    content[0x3a..0x3c].copy_from_slice(&64_u16.to_le_bytes());
    content[0x3c..0x3e].copy_from_slice(&(sections.len() as u16 + 2).to_le_bytes());
    content[0x3e..0x40].copy_from_slice(&(sections.len() as u16 + 1).to_le_bytes());
    content.resize(content.len().max(600), 0);
    content
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

const MODULES: &str = "path\texample.com/app\nmod\texample.com/app\t(devel)\t\ndep\tgithub.com/BurntSushi/toml\tv1.2.0\th1:abc=\ndep\texample.com/old\tv1.0.0\n=>\texample.com/new/v2\tv2.1.0\th1:def=\ndep\texample.com/local\tv0.1.0\n=>\t./local\t\nbuild\t-compiler=gc\nbuild\tvcs.revision=0123456789abcdef0123456789abcdef01234567\nbuild\tvcs.time=2024-01-02T03:04:05Z\n";

fn marked() -> Vec<u8> {
    [&[7_u8; 16][..], MODULES.as_bytes(), &[8; 16]].concat()
}

/// The packages of `MODULES` in `app/server`.
const EXPECTED: &[&str] = &[
    "pkg:golang/example.com/app@v0.0.0-20240102030405-0123456789ab app/server:0 > 1 > 2 > 3 > 4",
    "pkg:golang/stdlib@1.21.4 app/server:0",
    "pkg:golang/github.com/burntsushi/toml@v1.2.0 app/server:0",
    "pkg:golang/example.com/new/v2@v2.1.0 app/server:0",
    "pkg:golang/example.com/local@v0.1.0 app/server:0",
];

#[test]
fn go_programs_of_today_are_read() {
    let mut section = [b"\xff Go buildinf:\x08\x02".to_vec(), vec![0; 16]].concat();
    for text in [b"go1.21.4 X:boringcrypto".to_vec(), marked()] {
        section.extend(varint(text.len()));
        section.extend(text);
    }
    check(&[("app/server", elf(&[(".text", &[0x90; 100]), (".go.buildinfo", &section)]))], EXPECTED, &[]);
    // Without the section's name, and behind a place that only looks so.
    let hidden = elf(&[(".rodata", b"\xff Go buildinf:\x08\x02 no"), (".data", &section)]);
    check(&[("app/server", hidden)], EXPECTED, &[]);
    let text = elf(&[(".go.buildinfo", &section[..40])]);
    check(&[("app/server", text)], &[], &["app/server:0 it is a Go program, and what it was built from cannot be read!"]);
}

#[test]
fn go_programs_of_old_are_read() {
    // Headers of texts at the start of the data, whose addresses the mark has.
    let modules = marked();
    let go = b"go1.21.4";
    let data_at = 0x1000 + 64;
    let mut data = Vec::new();
    for (address, length) in [(data_at + 32, go.len()), (data_at + 40, modules.len())] {
        data.extend((address as u64).to_le_bytes());
        data.extend((length as u64).to_le_bytes());
    }
    data.extend(go);
    data.extend(&modules);
    let mut section = b"\xff Go buildinf:\x08\x00".to_vec();
    section.extend((data_at as u64).to_le_bytes());
    section.extend((data_at as u64 + 16).to_le_bytes());
    check(&[("app/server", elf(&[(".data", &data), (".go.buildinfo", &section)]))], EXPECTED, &[]);
}

#[test]
fn rust_programs_tell_too() {
    let list = r#"{"packages":[{"name":"app","version":"0.1.0","source":"local","dependencies":[1],"root":true},{"name":"serde","version":"1.0.1","source":"crates.io","dependencies":[2]},{"name":"syn","version":"2.0.0","source":"crates.io","kind":"build"}]}"#;
    let pack = |text: &str| {
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(text.as_bytes()).unwrap();
        out.finish().unwrap()
    };
    check(
        &[("bin/app", elf(&[(".text", b"x"), (".dep-v0", &pack(list))]))],
        &["pkg:cargo/app@0.1.0 bin/app:0 > 1", "pkg:cargo/serde@1.0.1 bin/app:0 direct > 2", "pkg:cargo/syn@2.0.0 bin/app:0"],
        &[],
    );
    check(&[("bin/app", elf(&[(".dep-v0", b"no")]))], &[], &["bin/app:0 the list of what it was built from cannot be unpacked!"]);
    check(&[("bin/app", elf(&[(".dep-v0", &pack("{}"))]))], &[], &["bin/app:0 the list of what it was built from is broken!"]);
}

#[test]
fn other_files_are_quiet() {
    let mut packed = elf(&[(".text", b"x")]);
    packed[300..304].copy_from_slice(b"UPX!");
    check(
        &[("bin/ls", elf(&[(".text", b"x")])), ("bin/packed", packed), ("a.txt", vec![0x7f; 600]), ("short", b"\x7fELF".to_vec())],
        &[],
        &["bin/packed:0 the program is packed with UPX: what it was built from cannot be read"],
    );
}

proptest::proptest! {
    #[test]
    fn any_change_is_read(at in 0_usize..700, byte: u8, magic in 0_usize..5) {
        let mut bytes = elf(&[(".dep-v0", b"no"), (".go.buildinfo", b"\xff Go buildinf:\x08\x00aaaaaaaabbbbbbbb"), (".data", &[9; 100])]);
        let start: &[u8] = [&b"\x7fELF\x02"[..], b"\x7fELF\x01", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\x02"][magic];
        bytes[..start.len()].copy_from_slice(start);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        let tree = probity_testkit::MapTree::new([("a", bytes)]);
        let _ = crate::catalogue_root(&tree);
    }
}
