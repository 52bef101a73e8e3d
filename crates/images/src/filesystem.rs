//! The file system an image's layers make together, or that of one archive; each file knows its layer. What a later layer hides is kept
//! too: it is still in the image.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use probity_archive::{Entry, Kind, Meter, Piece, tar};
use probity_core::{Digest, Tree, TreeError, TreeFile};
use probity_packages::{Inventory, Problem};

use crate::blob::{Blob, Cursor, Part, whole};
use crate::catalogue;

/// Most symbolic links on the way to a file, as Linux has it.
const MOST_LINKS: usize = 40;
/// Longest path that links may lead to, in bytes.
const LONGEST: usize = 16 << 10;

/// A file's content.
#[derive(Clone)]
pub(crate) struct File {
    layer: usize,
    size: u64,
    pieces: Arc<[Piece]>,
}

enum What {
    Folder,
    File(File),
    Link(Arc<str>),
    /// A device or a pipe.
    Other,
}

struct Node {
    layer: usize,
    what: What,
}

struct Layer {
    digest: Option<Arc<str>>,
    content: Arc<dyn Blob>,
}

/// A file that a later layer overwrites or takes away. Whoever has the image has it too.
#[derive(Clone)]
pub struct Buried {
    /// Its path.
    pub path: Arc<str>,
    /// Digest of the layer that has it; none where there are no layers.
    pub layer: Option<Arc<str>>,
    /// Its size in bytes.
    pub size: u64,
    file: File,
}

impl fmt::Debug for Buried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buried").field("path", &self.path).field("layer", &self.layer).finish_non_exhaustive()
    }
}

/// The files of an image, or of an archive of a root file system. Symbolic links are followed when a file is read, as they are for a
/// program that has it as its root; they are not in [`Tree::files`] themselves, so that each file is met once.
#[derive(Default)]
pub struct FileSystem {
    nodes: BTreeMap<Arc<str>, Node>,
    layers: Vec<Layer>,
    files: Vec<TreeFile>,
    /// Folders whose lower content the layer at hand has hidden; there is nothing to hide twice.
    hidden: HashSet<String>,
    /// Contents that databases of packages had in each layer that wrote them; none where a layer took them away.
    versions: BTreeMap<Arc<str>, Vec<(usize, Option<File>)>>,
    /// What later layers hide, in the order in which that was done.
    buried: Vec<Buried>,
    digests: Mutex<BTreeMap<Arc<str>, Digest>>,
    budget: u64,
    problems: Vec<Problem>,
}

/// A path leads in circles, or endlessly far.
struct Circle;

impl FileSystem {
    /// An empty file system whose files are read up to a size, unless another is asked for.
    pub(crate) fn new(budget: u64) -> FileSystem {
        FileSystem { budget, ..FileSystem::default() }
    }

    /// Lays an archive over what is there. With `whiteouts`, names that begin with `.wh.` take away what lies below (OCI image layers).
    pub(crate) fn lay(&mut self, content: Arc<dyn Blob>, layer: Option<Arc<str>>, whiteouts: bool, meter: &mut Meter) {
        let index = self.layers.len();
        self.hidden.clear();
        self.layers.push(Layer { digest: layer.clone(), content: Arc::clone(&content) });
        let mut source = std::io::BufReader::with_capacity(256 << 10, Cursor::new(&*content));
        let said = tar(&mut source, meter, &mut |entry| {
            self.take(index, entry, whiteouts);
            true
        });
        let layer = layer.map(|digest| format!(" (layer {digest})")).unwrap_or_default();
        for problem in said {
            // One path twice in one layer is what appending to an archive makes.
            let what = format!("{}{layer}", problem.trouble);
            self.problems.push(Problem { file: problem.path, line: 0, what, fails: problem.trouble.fails() });
        }
    }

    fn problem(&mut self, file: &str, what: impl Into<String>, fails: bool) {
        self.problems.push(Problem { file: file.into(), line: 0, what: what.into(), fails });
    }

    fn take(&mut self, layer: usize, entry: Entry<'_>, whiteouts: bool) {
        if entry.path.is_empty() {
            return;
        }
        let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
        // Whoever unpacks follows links that are there already; so what is written behind one lies where it leads.
        let Ok(folder) = self.resolved(folder) else {
            let path = Arc::clone(&entry.path);
            return self.problem(&path, "symbolic links lead in circles; the entry is not read", true);
        };
        let path = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if whiteouts && let Some(hidden) = name.strip_prefix(".wh.") {
            match hidden {
                ".wh..opq" => self.hide(&folder, layer, false),
                "" | "." | ".." => self.problem(&entry.path, "the whiteout hides nothing that can be", true),
                // Notes of the file system that made it.
                hidden if hidden.starts_with(".wh.") => {}
                hidden => self.hide(&path(hidden), layer, true),
            }
            return;
        }
        let path: Arc<str> = path(name).into();
        let what = match &entry.kind {
            Kind::File => What::File(File { layer, size: entry.size, pieces: entry.pieces.into() }),
            Kind::Folder => What::Folder,
            Kind::Symlink(target) => What::Link(Arc::clone(target)),
            Kind::Device | Kind::Pipe => What::Other,
            Kind::Hardlink(target) => match self.linked(target) {
                Some(what) => what,
                None => {
                    let what = format!("the hard link leads to `{target}`, which is not there");
                    return self.problem(&path, what, true);
                }
            },
        };
        self.put(path, Node { layer, what });
    }

    /// What a hard link shares.
    fn linked(&self, target: &str) -> Option<What> {
        let target = probity_archive::normal(target.as_bytes(), false, &mut |_| {}).ok()?;
        let (folder, name) = target.rsplit_once('/').unwrap_or(("", &target));
        let folder = self.resolved(folder).ok()?;
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        match &self.nodes.get(path.as_str())?.what {
            What::File(file) => Some(What::File(file.clone())),
            What::Link(target) => Some(What::Link(Arc::clone(target))),
            What::Other => Some(What::Other),
            What::Folder => None,
        }
    }

    fn put(&mut self, path: Arc<str>, node: Node) {
        // What lies where a folder has to be now gives way.
        let mut above = &*path;
        while let Some((folder, _)) = above.rsplit_once('/') {
            above = folder;
            match self.nodes.get(folder).map(|node| &node.what) {
                Some(What::Folder) | None => {}
                Some(_) => {
                    let folder: Arc<str> = folder.into();
                    self.remove(&folder);
                    self.problem(&path, format!("it lies below `{folder}`, which is no folder"), false);
                }
            }
        }
        let keeps_children = matches!(node.what, What::Folder);
        if !keeps_children {
            self.remove_below(&path, usize::MAX);
        }
        if catalogue::is_database(&path) {
            let file = match &node.what {
                What::File(file) => Some(file.clone()),
                _ => None,
            };
            self.versions.entry(Arc::clone(&path)).or_default().push((node.layer, file));
        }
        if let Some(before) = self.nodes.insert(Arc::clone(&path), node) {
            self.bury(path, before);
        }
    }

    /// Keeps what is hidden now.
    fn bury(&mut self, path: Arc<str>, node: Node) {
        if let What::File(file) = node.what
            && file.size > 0
        {
            let layer = self.layers.get(file.layer).and_then(|layer| layer.digest.clone());
            self.buried.push(Buried { path, layer, size: file.size, file });
        }
    }

    fn remove(&mut self, path: &Arc<str>) {
        if let Some(node) = self.nodes.remove(path) {
            self.bury(Arc::clone(path), node);
        }
    }

    /// Hides what lower layers have at a path, or only below it.
    fn hide(&mut self, path: &str, layer: usize, itself: bool) {
        if itself && self.nodes.get(path).is_some_and(|node| node.layer < layer) {
            let folder = self.nodes.get(path).is_some_and(|node| matches!(node.what, What::Folder));
            self.remove(&path.into());
            self.gone(path, layer);
            if !folder {
                return;
            }
        }
        if !self.hidden.insert(path.to_owned()) {
            return;
        }
        for path in self.remove_below(path, layer) {
            self.gone(&path, layer);
        }
    }

    fn gone(&mut self, path: &str, layer: usize) {
        if let Some(versions) = self.versions.get_mut(path) {
            versions.push((layer, None));
        }
    }

    /// Removes what lies below a folder and is of layers before that one.
    fn remove_below(&mut self, folder: &str, before: usize) -> Vec<Arc<str>> {
        let prefix: Arc<str> = if folder.is_empty() { "".into() } else { format!("{folder}/").into() };
        let all = self.nodes.range(Arc::clone(&prefix)..).take_while(|(path, _)| path.starts_with(&*prefix));
        let gone: Vec<Arc<str>> = all.filter(|(_, node)| node.layer < before).map(|(path, _)| Arc::clone(path)).collect();
        for path in &gone {
            self.remove(path);
        }
        gone
    }

    /// A path with its links followed, the last part too; parts that are not there stay as they are.
    fn resolved(&self, path: &str) -> Result<String, Circle> {
        let mut done = String::new();
        let mut open: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(part) = open.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    // Above the top is the top.
                    done.truncate(done.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let parent = done.len();
            if parent > 0 {
                done.push('/');
            }
            done.push_str(&part);
            if let Some(What::Link(target)) = self.nodes.get(done.as_str()).map(|node| &node.what) {
                links += 1;
                done.truncate(if target.starts_with('/') { 0 } else { parent });
                open.extend(target.split('/').rev().map(str::to_owned));
            }
            if links > MOST_LINKS || open.len() > LONGEST || done.len() > LONGEST {
                return Err(Circle);
            }
        }
        Ok(done)
    }

    /// Lists the files, and looks for links that lead in circles.
    pub(crate) fn settle(&mut self) {
        let files = self.nodes.iter().filter_map(|(path, node)| match &node.what {
            What::File(file) => Some(TreeFile { path: Arc::clone(path), size: file.size }),
            _ => None,
        });
        self.files = files.collect();
        let circles: Vec<Arc<str>> = self
            .nodes
            .iter()
            .filter(|(path, node)| matches!(node.what, What::Link(_)) && self.resolved(path).is_err())
            .map(|(path, _)| Arc::clone(path))
            .collect();
        for path in circles {
            self.problem(&path, "the symbolic link leads in circles", false);
        }
        self.problems.sort();
        self.problems.dedup();
    }

    /// What was wrong with the archives.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Files that later layers hide; of one that was hidden several times each content, the lowest first. A content that another name or
    /// a later layer still shows may be among them.
    #[must_use]
    pub fn buried(&self) -> &[Buried] {
        &self.buried
    }

    /// The bytes of a file that a later layer hides, at most that many.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn read_buried(&self, buried: &Buried, budget: u64) -> Result<Vec<u8>, TreeError> {
        self.bytes(&buried.file, budget)
    }

    /// Digest of the layer that has a file as it is; none where there are no layers, or no such file.
    #[must_use]
    pub fn layer_of(&self, path: &str) -> Option<Arc<str>> {
        let node = self.nodes.get(path).or_else(|| self.nodes.get(self.resolved(path).ok()?.as_str()))?;
        self.layers.get(node.layer)?.digest.clone()
    }

    fn file(&self, path: &str) -> Result<(Arc<str>, &File), TreeError> {
        let mut depth = 0_usize;
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => depth = depth.checked_sub(1).ok_or(TreeError::Outside)?,
                _ => depth += 1,
            }
        }
        if path.starts_with('/') {
            return Err(TreeError::Outside);
        }
        let real = self.resolved(path).map_err(|_| TreeError::Io("symbolic links lead in circles".into()))?;
        match self.nodes.get_key_value(real.as_str()) {
            Some((path, Node { what: What::File(file), .. })) => Ok((Arc::clone(path), file)),
            _ => Err(TreeError::Missing),
        }
    }

    fn part(&self, file: &File) -> Result<Part, TreeError> {
        let layer = self.layers.get(file.layer).ok_or(TreeError::Missing)?;
        Ok(Part { whole: Arc::clone(&layer.content), size: file.size, pieces: Arc::clone(&file.pieces) })
    }

    fn bytes(&self, file: &File, budget: u64) -> Result<Vec<u8>, TreeError> {
        let too_large = TreeError::TooLarge { size: file.size, budget };
        if file.size > budget {
            return Err(too_large);
        }
        whole(&self.part(file)?, budget).map_err(|error| TreeError::Io(error.to_string()))?.ok_or(too_large)
    }

    /// Says of each place in which layer it is: that of the file, and for a package in a database the first layer since which it is
    /// there as it is.
    pub fn attribute(&self, inventory: &mut Inventory) {
        let mut since: BTreeMap<(Arc<str>, String), usize> = BTreeMap::new();
        for (path, versions) in self.versions.iter().filter(|(path, _)| self.nodes.contains_key(*path)) {
            // From the last to the first: a package counts as long as it was in every version behind.
            let mut open: Option<BTreeSet<String>> = None;
            for (layer, file) in versions.iter().rev() {
                let Some(file) = file else { break };
                let Ok(bytes) = self.bytes(file, catalogue::LARGEST) else { break };
                let tree = Changed { base: self, path, bytes: bytes.into() };
                let here = catalogue::purls_of(path, &tree);
                let still = match &open {
                    Some(open) => here.into_iter().filter(|purl| open.contains(purl)).collect(),
                    None => here,
                };
                for purl in &still {
                    since.insert((Arc::clone(path), purl.clone()), *layer);
                }
                open = Some(still);
            }
        }
        for package in &mut inventory.packages {
            let purl = package.purl.to_string();
            for at in &mut package.at {
                let file = at.file.split_once("!/").map_or(&*at.file, |(file, _)| file);
                at.layer = match since.get(&(Arc::from(file), purl.clone())) {
                    Some(layer) => self.layers.get(*layer).and_then(|layer| layer.digest.clone()),
                    None => self.layer_of(file),
                };
            }
        }
    }
}

impl Tree for FileSystem {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        self.read_within(path, self.budget)
    }

    fn read_within(&self, path: &str, budget: u64) -> Result<Arc<[u8]>, TreeError> {
        let (path, file) = self.file(path)?;
        let bytes = self.bytes(file, budget.max(self.budget))?;
        let mut sum = [0_u8; 32];
        sum.copy_from_slice(digest::digest(&digest::SHA256, &bytes).as_ref());
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(path, Digest(sum));
        Ok(bytes.into())
    }

    fn start(&self, path: &str, bytes: usize) -> Result<Vec<u8>, TreeError> {
        use std::io::Read as _;
        let (_, file) = self.file(path)?;
        let mut out = Vec::new();
        let part = self.part(file)?;
        Cursor::new(&part).take(bytes as u64).read_to_end(&mut out).map_err(|error| TreeError::Io(error.to_string()))?;
        Ok(out)
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a file is there, also by way of links.
    fn contains(&self, path: &str) -> bool {
        self.file(path).is_ok()
    }
}

/// The file system with another content of one file.
struct Changed<'f> {
    base: &'f FileSystem,
    path: &'f str,
    bytes: Arc<[u8]>,
}

impl Tree for Changed<'_> {
    fn files(&self) -> &[TreeFile] {
        self.base.files()
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        if path == self.path { Ok(Arc::clone(&self.bytes)) } else { self.base.read(path) }
    }

    fn read_within(&self, path: &str, budget: u64) -> Result<Arc<[u8]>, TreeError> {
        if path == self.path { Ok(Arc::clone(&self.bytes)) } else { self.base.read_within(path, budget) }
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        BTreeMap::new()
    }
}
