//! Small archives made in a test: nothing is squeezed, so that what is broken in one is broken where the test says.

use std::io::Write as _;

/// A zip archive of stored files.
#[must_use]
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (path, content) in files {
        let offset = four(out.len());
        let mut sum = flate2::Crc::new();
        sum.update(content);
        // Version, flags, method, time, date; checksum, packed size, size; lengths of the name and of what follows it.
        let mut head = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        head.extend(sum.sum().to_le_bytes());
        head.extend(four(content.len()).iter().chain(&four(content.len())));
        head.extend(two(path.len()).iter().chain(&two(0)));
        out.extend([b"PK\x03\x04".as_slice(), &head, path.as_bytes(), content].concat());
        // Comment, disk, attributes.
        directory.extend([b"PK\x01\x02\x14\x03".as_slice(), &head, &[0; 6], &[0; 4], &offset, path.as_bytes()].concat());
    }
    let (start, size, count) = (four(out.len()), four(directory.len()), two(files.len()));
    out.extend([&*directory, b"PK\x05\x06\0\0\0\0", &count, &count, &size, &start, &[0, 0]].concat());
    out
}

/// A tar archive (ustar) of files.
#[must_use]
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (path, content) in files {
        let mut head = [0_u8; 512];
        let mut put = |at: usize, bytes: &[u8]| head.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
        put(0, path.as_bytes());
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", content.len()).as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        0");
        put(257, b"ustar\x0000");
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()).for_each(|(to, from)| *to = from);
        out.extend(head);
        out.extend(*content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A gzip stream.
#[must_use]
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let written = encoder.write_all(content);
    debug_assert!(written.is_ok(), "memory takes everything");
    encoder.finish().unwrap_or_default()
}

fn two(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

fn four(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}
