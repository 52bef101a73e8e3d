//! A packaged chart: gzip and tar, read in memory within bounds.
//!
//! Knows ustar headers, GNU long names and the `path` records of PAX; links and devices are passed over.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;

/// Bytes an archive may unpack to.
const MAX_BYTES: u64 = 32 << 20;
/// Files it may hold.
const MAX_FILES: usize = 5000;

const BLOCK: usize = 512;

/// Files of a `.tgz`, the name of its top folder taken off theirs.
///
/// # Errors
/// Why it cannot be read, for a person.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(bytes).take(MAX_BYTES + 1).read_to_end(&mut plain).map_err(|error| format!("not a gzip file: {error}"))?;
    if plain.len() as u64 > MAX_BYTES {
        return Err(format!("it unpacks to more than {MAX_BYTES} bytes"));
    }
    untar(&plain)
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

fn number(field: &[u8]) -> Option<usize> {
    let digits = text(field);
    let digits = digits.trim();
    if digits.is_empty() { Some(0) } else { usize::from_str_radix(digits, 8).ok() }
}

fn untar(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut long_name: Option<String> = None;
    while let Some(header) = bytes.get(at..at + BLOCK) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        let field = |from: usize, length: usize| header.get(from..from + length).unwrap_or_default();
        let stored = number(field(148, 8));
        let sum: usize = header.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { usize::from(*byte) }).sum();
        if stored != Some(sum) {
            return Err("not a tar archive, or a damaged one".to_owned());
        }
        let size = number(field(124, 12)).ok_or_else(|| "an entry of the archive has no size".to_owned())?;
        let content = bytes.get(at + BLOCK..).and_then(|rest| rest.get(..size)).ok_or_else(|| "the archive is cut off".to_owned())?;
        let mut name = text(field(0, 100));
        if field(257, 5) == b"ustar" {
            let prefix = text(field(345, 155));
            if !prefix.is_empty() {
                name = format!("{prefix}/{name}");
            }
        }
        match field(156, 1) {
            b"L" => long_name = Some(text(content)),
            b"x" => long_name = pax_path(content).or(long_name),
            b"0" | b"\0" | b"7" => {
                let name = long_name.take().unwrap_or(name);
                if let Some(name) = inside(&name) {
                    if out.len() >= MAX_FILES {
                        return Err(format!("it holds more than {MAX_FILES} files"));
                    }
                    out.push((name, content.to_vec()));
                }
            }
            b"g" => {}
            _ => long_name = None,
        }
        at += BLOCK + size.div_ceil(BLOCK) * BLOCK;
    }
    Ok(out)
}

/// The `path` record of a PAX header: `27 path=charts/x/y\n`.
fn pax_path(content: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(content);
    text.lines().find_map(|line| line.split_once(' ').and_then(|(_, record)| record.strip_prefix("path=")).map(str::to_owned))
}

/// A name without the top folder; `None` for one that leads out, or is the top folder itself.
fn inside(name: &str) -> Option<String> {
    let name = name.replace('\\', "/");
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if name.starts_with('/') || parts.contains(&"..") {
        return None;
    }
    parts.get(1..).filter(|rest| !rest.is_empty()).map(|rest| rest.join("/"))
}

/// A `.tgz` of these files, for tests.
#[cfg(test)]
pub(super) fn pack(files: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write as _;
    let mut tar = Vec::new();
    for (name, content) in files {
        let mut header = [0_u8; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = b'0';
        header[257..262].copy_from_slice(b"ustar");
        header[148..156].copy_from_slice(b"        ");
        let sum: usize = header.iter().map(|byte| usize::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar.extend_from_slice(&header);
        tar.extend_from_slice(content.as_bytes());
        tar.resize(tar.len().div_ceil(BLOCK) * BLOCK, 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&tar).unwrap();
    encoder.finish().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        let packed = pack(&[("b/Chart.yaml", "name: b"), ("b/templates/x.yaml", "a: 1"), ("../out", "x"), ("b", "")]);
        let names: Vec<String> =
            unpack(&packed).unwrap().into_iter().map(|(name, content)| format!("{name}={}", String::from_utf8(content).unwrap())).collect();
        assert_eq!(names, ["Chart.yaml=name: b", "templates/x.yaml=a: 1"]);
    }

    #[test]
    fn broken_archives_say_so() {
        assert!(unpack(b"hello").unwrap_err().starts_with("not a gzip file"));
        let mut packed = Vec::new();
        let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &[b'x'; 600]).unwrap();
        encoder.finish().unwrap();
        assert_eq!(unpack(&packed).unwrap_err(), "not a tar archive, or a damaged one");
    }
}
