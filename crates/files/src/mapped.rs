//! Files read as they lie, without being copied.

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;

/// A file mapped into memory. Only files of the user's own are mapped (databases), never those of a judged repository: who can shorten a
/// mapped file can end the program.
#[derive(Debug)]
pub struct Mapped(Option<Mmap>);

impl Mapped {
    /// Maps a file.
    ///
    /// # Errors
    /// The file cannot be opened or mapped.
    pub fn open(path: &Path) -> io::Result<Mapped> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Mapped(None));
        }
        #[allow(unsafe_code, reason = "a mapping cannot be made otherwise; see the type for which files are mapped")]
        // SAFETY: the mapping is read only. Another process that writes to the file changes what is read, which every reader of a
        // database must bear anyway, for it checks all it reads.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Mapped(Some(map)))
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}
