//! A folder on disk as a tree.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use probity_core::{Digest, Tree, TreeError, TreeFile};

use crate::walk::{WalkError, WalkProblem, walk};
use crate::{Repository, normalise};

/// Most files a folder may have.
const FILE_BUDGET: usize = 2_000_000;

/// A folder on disk. Reading is recorded; nothing outside the folder can be read, also not through symbolic links.
#[derive(Debug)]
pub struct FolderTree {
    top: PathBuf,
    files: Vec<TreeFile>,
    problems: Vec<WalkProblem>,
    digests: Mutex<BTreeMap<Arc<str>, Digest>>,
    kept: Mutex<Kept>,
    max_file_size: u64,
}

/// Bytes kept of one small file, and of all of them.
const KEPT_FILE: usize = 64 << 10;
const KEPT_ALL: usize = 24 << 20;

/// Small files that several sources look into before they know whose they are. Each sees the same bytes.
#[derive(Debug, Default)]
struct Kept {
    size: usize,
    files: HashMap<String, Arc<[u8]>>,
}

/// Endings of files that may be of several languages.
fn is_shared(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending))
}

impl FolderTree {
    /// Walks a folder. With its repository, files that git tracks are there whatever `.gitignore` says. A path that is a file gives
    /// its folder with that file alone; others can still be read where it refers to them.
    ///
    /// # Errors
    /// [`WalkError`] when the folder cannot be opened or has too many files.
    pub fn open(path: &Path, repository: Option<&Repository>, max_file_size: u64) -> Result<FolderTree, WalkError> {
        let cannot = |source| WalkError::Open { path: path.display().to_string(), source };
        let top = path.canonicalize().map_err(cannot)?;
        if let (true, Some(folder), Some(name)) = (top.is_file(), top.parent(), top.file_name().and_then(|name| name.to_str())) {
            let size = top.metadata().map_err(cannot)?.len();
            let files = vec![TreeFile { path: name.into(), size }];
            return Ok(FolderTree {
                top: folder.to_path_buf(),
                files,
                problems: Vec::new(),
                digests: Mutex::default(),
                kept: Mutex::default(),
                max_file_size,
            });
        }
        if !top.is_dir() {
            return Err(cannot(std::io::Error::new(std::io::ErrorKind::NotADirectory, "it is not a folder")));
        }
        let tracked = repository.map(|repository| repository.tracked_below(&top)).transpose()?.unwrap_or_default();
        let walked = walk(&top, &tracked, FILE_BUDGET)?;
        Ok(FolderTree {
            top,
            files: walked.files,
            problems: walked.problems,
            digests: Mutex::default(),
            kept: Mutex::default(),
            max_file_size,
        })
    }

    /// The folder, canonical.
    #[must_use]
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// The bytes of a file without recording that it was read.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn peek(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        self.peek_within(path, self.max_file_size)
    }

    fn peek_within(&self, path: &str, budget: u64) -> Result<Vec<u8>, TreeError> {
        let (file, size) = self.file(path)?;
        let too_large = |size| TreeError::TooLarge { size, budget };
        if size > budget {
            return Err(too_large(size));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        // One byte more than the budget, so that a file that grows meanwhile is seen to be too large.
        file.take(budget + 1).read_to_end(&mut bytes).map_err(|error| TreeError::Io(error.to_string()))?;
        if bytes.len() as u64 > budget {
            return Err(too_large(bytes.len() as u64));
        }
        Ok(bytes)
    }

    /// A file, opened, and its size.
    fn file(&self, path: &str) -> Result<(std::fs::File, u64), TreeError> {
        let name = normalise(path).ok_or(TreeError::Outside)?;
        let io = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => TreeError::Missing,
            _ => TreeError::Io(error.to_string()),
        };
        let full = self.top.join(&name).canonicalize().map_err(io)?;
        if !full.starts_with(&self.top) {
            return Err(TreeError::Outside);
        }
        let file = std::fs::File::open(&full).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(TreeError::Missing);
        }
        Ok((file, metadata.len()))
    }

    /// What could not be looked at.
    #[must_use]
    pub fn problems(&self) -> &[WalkProblem] {
        &self.problems
    }
}

/// SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0_u8; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    Digest(out)
}

impl Tree for FolderTree {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let name = normalise(path).ok_or(TreeError::Outside)?;
        let shared = is_shared(&name);
        if shared && let Some(kept) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).files.get(&name) {
            return Ok(Arc::clone(kept));
        }
        let bytes: Arc<[u8]> = self.peek(&name)?.into();
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(name.as_str().into(), sha256(&bytes));
        if shared && bytes.len() <= KEPT_FILE {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.size + bytes.len() <= KEPT_ALL {
                kept.size += bytes.len();
                kept.files.insert(name, Arc::clone(&bytes));
            }
        }
        Ok(bytes)
    }

    fn read_within(&self, path: &str, budget: u64) -> Result<Arc<[u8]>, TreeError> {
        let name = normalise(path).ok_or(TreeError::Outside)?;
        let bytes = self.peek_within(&name, budget.max(self.max_file_size))?;
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), sha256(&bytes));
        Ok(bytes.into())
    }

    fn start(&self, path: &str, bytes: usize) -> Result<Vec<u8>, TreeError> {
        let (file, _) = self.file(path)?;
        let mut out = Vec::new();
        file.take(bytes as u64).read_to_end(&mut out).map_err(|error| TreeError::Io(error.to_string()))?;
        Ok(out)
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tree: &FolderTree) -> Vec<&str> {
        tree.files().iter().map(|file| &*file.path).collect()
    }

    fn write(top: &Path, path: &str, text: &str) {
        let path = top.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn ignored_files_are_left_out_hidden_ones_and_installed_modules_are_not() {
        let top = tempfile::tempdir().unwrap();
        for path in ["a.tf", ".github/workflows/b.yml", ".env", "build/out.tf", ".git/config", "live/.terraform/modules/m/x.tf"] {
            write(top.path(), path, "x");
        }
        write(top.path(), ".gitignore", "build/\n.terraform/\n");
        let tree = FolderTree::open(top.path(), None, 1 << 20).unwrap();
        assert_eq!(names(&tree), [".env", ".github/workflows/b.yml", ".gitignore", "a.tf", "live/.terraform/modules/m/x.tf"]);
        assert!(tree.problems().is_empty());

        // In a root file system nothing is ignored.
        write(top.path(), "etc/os-release", "ID=debian\n");
        let tree = FolderTree::open(top.path(), None, 1 << 20).unwrap();
        assert!(names(&tree).contains(&"build/out.tf"), "{:?}", names(&tree));
    }

    #[test]
    fn links_are_followed_inside_only_and_loops_end() {
        let top = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        write(outside.path(), "secret", "s");
        write(top.path(), "d/a.tf", "x");
        let link = |from: &Path, to: &str| std::os::unix::fs::symlink(from, top.path().join(to)).unwrap();
        link(&outside.path().join("secret"), "out.tf");
        link(outside.path(), "folder");
        link(Path::new("d/a.tf"), "in.tf");
        link(Path::new("."), "d/loop");
        link(Path::new("self.tf"), "self.tf");
        let tree = FolderTree::open(top.path(), None, 1 << 20).unwrap();
        assert_eq!(names(&tree), ["d/a.tf", "in.tf"]);
        assert_eq!(tree.read("in.tf").unwrap().as_ref(), b"x");
        assert_eq!(tree.read("out.tf"), Err(TreeError::Outside));
        assert_eq!(tree.read("folder/secret"), Err(TreeError::Outside));
        assert_eq!(tree.read("../x"), Err(TreeError::Outside));
        assert_eq!(tree.read("nothing"), Err(TreeError::Missing));
        let problems: Vec<&str> = tree.problems().iter().map(|problem| &*problem.path).collect();
        assert_eq!(problems, ["folder", "out.tf", "self.tf"]);
    }

    #[test]
    fn several_readers_of_a_small_file_see_the_same_bytes() {
        let top = tempfile::tempdir().unwrap();
        let large = "x".repeat(KEPT_FILE + 1);
        for (path, text) in [("a.yaml", "old"), ("a.tf", "old"), ("b.yaml", large.as_str())] {
            write(top.path(), path, text);
        }
        let tree = FolderTree::open(top.path(), None, 1 << 20).unwrap();
        for path in ["a.yaml", "a.tf", "b.yaml"] {
            tree.read(path).unwrap();
            write(top.path(), path, "new");
        }
        assert_eq!(tree.read("./a.yaml").unwrap().as_ref(), b"old");
        assert_eq!(tree.read("a.tf").unwrap().as_ref(), b"new");
        assert_eq!(tree.read("b.yaml").unwrap().as_ref(), b"new");
        assert_eq!(tree.digests()["a.yaml"], sha256(b"old"));
    }

    #[test]
    fn a_file_over_the_budget_is_refused_and_what_is_read_is_recorded() {
        let top = tempfile::tempdir().unwrap();
        write(top.path(), "a.tf", "12345");
        write(top.path(), "b.tf", "1234");
        let tree = FolderTree::open(top.path(), None, 4).unwrap();
        assert_eq!(tree.read("a.tf"), Err(TreeError::TooLarge { size: 5, budget: 4 }));
        assert_eq!(tree.start("a.tf", 2).unwrap(), b"12");
        assert_eq!(tree.start("b.tf", 9).unwrap(), b"1234");
        assert!(tree.read("./b.tf").is_ok());
        let digests = tree.digests();
        assert_eq!(digests.keys().map(|path| &**path).collect::<Vec<_>>(), ["b.tf"]);
        assert_eq!(digests["b.tf"].to_string(), "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4");
        assert_eq!(tree.read_within("a.tf", 5).unwrap().as_ref(), b"12345");
        assert_eq!(tree.read_within("b.tf", 1).unwrap().as_ref(), b"1234", "never less than the tree's own budget");
        assert_eq!(tree.digests().len(), 2);
    }
}
