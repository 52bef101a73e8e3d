//! Bytes that can be read at any place, and where unpacked ones are kept. The caller decides what lies behind: memory, a file, a map of
//! one.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use aws_lc_rs::digest;
use probity_archive::{Piece, Trouble};

/// Bytes that can be read at any place: a file, or memory.
pub trait Blob: Send + Sync {
    /// How many there are.
    fn size(&self) -> u64;

    /// Reads some bytes from a place on; none at the end.
    ///
    /// # Errors
    /// What the operating system says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Blob for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }
}

/// A file that was opened, read where it is asked for.
#[derive(Debug)]
pub struct FileBlob {
    file: File,
    size: u64,
}

impl FileBlob {
    /// A file as it is now; what is written to it later is not seen.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(file: File) -> io::Result<FileBlob> {
        let size = file.metadata()?.len();
        Ok(FileBlob { file, size })
    }
}

impl Blob for FileBlob {
    fn size(&self) -> u64 {
        self.size
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt as _;
        self.file.read_at(buffer, offset)
    }

    #[cfg(not(unix))]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        use std::io::{Seek as _, SeekFrom};
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    }
}

/// Where unpacked layers are kept while an image is looked at.
pub trait Scratch {
    /// Keeps all that the content gives. An error of the content is given back as it is.
    ///
    /// # Errors
    /// That of the content, or what the operating system says.
    fn keep(&self, content: &mut dyn Read) -> io::Result<Arc<dyn Blob>>;
}

/// Keeps unpacked layers in memory, each up to a size.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Most bytes of one layer.
    pub limit: u64,
}

impl Scratch for Memory {
    fn keep(&self, content: &mut dyn Read) -> io::Result<Arc<dyn Blob>> {
        let mut bytes = Vec::new();
        content.take(self.limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.limit {
            return Err(Trouble::Total(self.limit).into());
        }
        Ok(Arc::new(bytes))
    }
}

/// The files an image lies in: a folder on disk, or an archive.
pub trait Store {
    /// A file by its path relative to the top; none where there is none.
    fn open(&self, path: &str) -> Option<Arc<dyn Blob>>;
}

/// Reads a blob from its start to its end.
pub(crate) struct Cursor<'b> {
    blob: &'b dyn Blob,
    at: u64,
}

impl<'b> Cursor<'b> {
    pub(crate) fn new(blob: &'b dyn Blob) -> Cursor<'b> {
        Cursor { blob, at: 0 }
    }
}

impl Read for Cursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.blob.read_at(self.at, buffer)?.min(buffer.len());
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

/// A part of another blob: a file within an archive.
pub(crate) struct Part {
    pub(crate) whole: Arc<dyn Blob>,
    pub(crate) size: u64,
    pub(crate) pieces: Arc<[Piece]>,
}

impl Blob for Part {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        if left == 0 {
            return Ok(0);
        }
        let next = self.pieces.partition_point(|piece| piece.at.saturating_add(piece.length) <= offset);
        match self.pieces.get(next) {
            Some(piece) if piece.at <= offset => {
                let within = offset - piece.at;
                let most = usize::try_from(piece.length - within).unwrap_or(usize::MAX).min(left);
                let buffer = buffer.get_mut(..most).unwrap_or_default();
                match self.whole.read_at(piece.stored.saturating_add(within), buffer)? {
                    0 => Err(io::ErrorKind::UnexpectedEof.into()),
                    read => Ok(read),
                }
            }
            piece => {
                let hole = piece.map_or(left, |piece| usize::try_from(piece.at - offset).unwrap_or(usize::MAX).min(left));
                buffer.get_mut(..hole).unwrap_or_default().fill(0);
                Ok(hole)
            }
        }
    }
}

/// The bytes of a blob, at most that many; `None` where it has more.
pub(crate) fn whole(blob: &dyn Blob, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(usize::try_from(blob.size().min(limit).min(1 << 24)).unwrap_or(0));
    Cursor::new(blob).take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Reads on, and takes the digest of what is read.
pub(crate) struct Hashed<R> {
    source: R,
    context: digest::Context,
}

impl<R: Read> Hashed<R> {
    pub(crate) fn new(source: R) -> Hashed<R> {
        Hashed { source, context: digest::Context::new(&digest::SHA256) }
    }

    /// The digest of what was read and of what is left: `sha256:...`.
    pub(crate) fn finish(mut self) -> io::Result<String> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(shown(self.context.finish().as_ref()))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.context.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// The digest of bytes: `sha256:...`.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    shown(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn shown(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
