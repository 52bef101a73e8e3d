//! Any bytes as a packed stream, a tar and a zip archive: within the limits, without a panic, and no path that leads out.
#![no_main]

use std::io::Read as _;

use libfuzzer_sys::fuzz_target;
use probity_archive::{Entry, Limits, Meter, tar, unpack, zip};

const LIMITS: Limits = Limits { entries: 1000, bytes_total: 4 << 20, bytes_entry: 1 << 20, ratio: 100, ratio_from: 1 << 16, depth: 4 };

fn is_plain(path: &str) -> bool {
    path.is_empty() || path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fuzz_target!(|data: &[u8]| {
    let mut unpacked = Vec::new();
    if let Ok(mut stream) = unpack(data, &LIMITS) {
        let _ = stream.read_to_end(&mut unpacked);
        assert!(unpacked.len() as u64 <= LIMITS.bytes_total + (1 << 20));
    }
    for bytes in [data, &unpacked] {
        let mut entries = 0;
        tar(&mut &*bytes, &mut Meter::new(LIMITS), &mut |entry: Entry<'_>| {
            assert!(is_plain(&entry.path), "{}", entry.path);
            let mut content = Vec::new();
            let whole = entry.content.read_to_end(&mut content).is_ok();
            assert!(content.len() as u64 <= LIMITS.bytes_entry);
            if whole && entry.size <= LIMITS.bytes_entry {
                assert_eq!(content.len() as u64, entry.size);
                for piece in &entry.pieces {
                    let part = |bytes: &[u8], at: u64| bytes[at as usize..(at + piece.length) as usize].to_vec();
                    assert_eq!(part(&content, piece.at), part(bytes, piece.stored));
                }
            }
            entries += 1;
            entries <= LIMITS.entries
        });
    }
    let mut total = 0;
    zip(data, &mut Meter::new(LIMITS), &mut |entry, meter| {
        assert!(is_plain(&entry.path), "{}", entry.path);
        if let Ok(content) = entry.read(meter) {
            assert!(content.len() as u64 == entry.size && entry.size <= LIMITS.bytes_entry);
            total += entry.size;
        }
        assert!(total <= LIMITS.bytes_total);
        true
    });
});
