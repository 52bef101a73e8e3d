//! Streams packed with gzip or zstd.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::{Limits, Trouble};

/// How a stream is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// zstd (RFC 8878).
    Zstd,
    /// Known and not read.
    Other(&'static str),
}

impl Compression {
    /// How a stream that begins so is packed; eight bytes are enough.
    #[must_use]
    pub fn of(start: &[u8]) -> Compression {
        match start {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            // A frame to skip before the first one that counts.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Compression::Other("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Other("xz"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Compression::Other("lz4"),
            _ => Compression::None,
        }
    }
}

/// Largest window of zstd, in bytes. Frames of the highest ordinary levels ask for 8 MiB, with `--long` for 128 MiB.
const WINDOW: u64 = 128 << 20;

/// A stream unpacked, whatever it is packed with. An error of reading it holds a [`Trouble`] where the stream is broken or grows beyond
/// the limits.
///
/// # Errors
/// [`Trouble::Unsupported`] for what is known and not read, [`Trouble::Source`] where the source fails.
pub fn unpack<'a>(source: impl Read + 'a, limits: &Limits) -> Result<Box<dyn Read + 'a>, Trouble> {
    let packed = Rc::new(Cell::new(0_u64));
    let mut source = BufReader::with_capacity(64 << 10, Counted { source, count: Rc::clone(&packed) });
    let start = start_of(&mut source).map_err(|error| Trouble::of(&error))?;
    let compression = Compression::of(&start);
    let source = io::Cursor::new(start).chain(source);
    let (inner, checked): (Box<dyn Read + 'a>, bool) = match compression {
        Compression::None => (Box::new(source), false),
        Compression::Gzip => (Box::new(flate2::bufread::MultiGzDecoder::new(source)), true),
        Compression::Zstd => (Box::new(Frames::new(source)), true),
        Compression::Other(name) => return Err(Trouble::Unsupported(format!("the stream is packed with {name}"))),
    };
    Ok(Box::new(Bounded { inner, packed, unpacked: 0, limits: *limits, checked }))
}

/// The first bytes of a source that may give them one by one.
fn start_of(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(8);
    source.take(8).read_to_end(&mut start)?;
    Ok(start)
}

/// Counts what is read.
struct Counted<R> {
    source: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.count.set(self.count.get().saturating_add(read as u64));
        Ok(read)
    }
}

/// Stops where more comes out than may.
struct Bounded<'a> {
    inner: Box<dyn Read + 'a>,
    packed: Rc<Cell<u64>>,
    unpacked: u64,
    limits: Limits,
    checked: bool,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer).map_err(|error| {
            let plain = error.get_ref().is_none_or(|inner| !inner.is::<Trouble>());
            match error.kind() {
                // What the unpackers say of broken streams, in our words.
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other if plain && self.checked => {
                    Trouble::Malformed("the packed stream is broken").into()
                }
                _ => error,
            }
        })?;
        self.unpacked = self.unpacked.saturating_add(read as u64);
        if self.unpacked > self.limits.bytes_total {
            return Err(Trouble::Total(self.limits.bytes_total).into());
        }
        if self.checked && self.unpacked > self.limits.ratio_from && self.unpacked / self.limits.ratio.max(1) > self.packed.get() {
            return Err(Trouble::Ratio(self.limits.ratio).into());
        }
        Ok(read)
    }
}

/// The frames of zstd one after the other, as one stream.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    open: bool,
}

impl<R: Read> Frames<R> {
    fn new(source: R) -> Frames<R> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Frames { source, decoder, open: false }
    }

    /// Opens the next frame; false at the end of the stream.
    fn next(&mut self) -> io::Result<bool> {
        loop {
            let mut magic = Vec::with_capacity(4);
            (&mut self.source).take(4).read_to_end(&mut magic)?;
            match magic.as_slice() {
                [] => return Ok(false),
                [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                    let mut size = [0_u8; 4];
                    self.source.read_exact(&mut size)?;
                    let size = u64::from(u32::from_le_bytes(size));
                    if io::copy(&mut (&mut self.source).take(size), &mut io::sink())? < size {
                        return Err(Trouble::Truncated.into());
                    }
                }
                [_, _, _, _] => {
                    let source = io::Cursor::new(magic).chain(&mut self.source);
                    self.decoder.init(source).map_err(|_| Trouble::Malformed("the packed stream is broken"))?;
                    return Ok(true);
                }
                _ => return Err(Trouble::Truncated.into()),
            }
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.open {
                if !self.next()? {
                    return Ok(0);
                }
                self.open = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|_| Trouble::Malformed("the packed stream is broken"))?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            if let (Some(told), Some(found)) = (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum())
                && told != found
            {
                return Err(Trouble::Checksum("a frame").into());
            }
            self.open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn unpacked(bytes: &[u8], limits: Limits) -> Result<Vec<u8>, Trouble> {
        let mut out = Vec::new();
        unpack(bytes, &limits)?.read_to_end(&mut out).map_err(|error| Trouble::of(&error))?;
        Ok(out)
    }

    #[test]
    fn streams_are_unpacked() {
        let text = "some text ".repeat(1000).into_bytes();
        let limits = Limits::default();
        assert_eq!(unpacked(&text, limits), Ok(text.clone()));
        assert_eq!(unpacked(b"", limits), Ok(Vec::new()));
        let twice = [text.clone(), text.clone()].concat();
        assert_eq!(unpacked(&[gzip(&text), gzip(&text)].concat(), limits), Ok(twice.clone()));
        let skipped = [b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(), zstd(&text), zstd(&text)].concat();
        assert_eq!(unpacked(&skipped, limits), Ok(twice));
        assert_eq!(unpacked(b"BZh91AY&SY", limits), Err(Trouble::Unsupported("the stream is packed with bzip2".into())));
    }

    #[test]
    fn broken_and_growing_streams_are_told() {
        let text = "some text ".repeat(1000).into_bytes();
        let limits = Limits::default();
        for packed in [gzip(&text), zstd(&text)] {
            let half = &packed[..packed.len() / 2];
            assert!(matches!(unpacked(half, limits), Err(Trouble::Truncated | Trouble::Malformed(_))), "{:?}", unpacked(half, limits));
            let mut wrong = packed.clone();
            let middle = wrong.len() / 2;
            wrong[middle] ^= 0x55;
            assert!(unpacked(&wrong, limits).is_err());
            assert_eq!(unpacked(&packed, Limits { bytes_total: 5000, ..limits }), Err(Trouble::Total(5000)));
        }
        let zeros = vec![0; 10 << 20];
        let tight = Limits { ratio: 100, ratio_from: 1 << 20, ..limits };
        assert_eq!(unpacked(&gzip(&zeros), tight), Err(Trouble::Ratio(100)));
        assert_eq!(unpacked(&zstd(&zeros), tight), Err(Trouble::Ratio(100)));
        assert_eq!(unpacked(&zeros, tight).map(|bytes| bytes.len()), Ok(10 << 20));
    }
}
