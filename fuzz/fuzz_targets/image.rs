//! Any bytes as the layers of an image, and as an archive that holds one: files that can be read, and no panic. The first byte says
//! where one layer ends.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use probity_archive::Limits;
use probity_core::{Tree as _, TreeError};
use probity_images::{Blob, Choice, Memory, Options, Store, open_archive, read_image, read_root};

struct Folder(BTreeMap<&'static str, Vec<u8>>);

impl Store for Folder {
    fn open(&self, path: &str) -> Option<Arc<dyn Blob>> {
        self.0.get(path).map(|bytes| Arc::new(bytes.clone()) as Arc<dyn Blob>)
    }
}

const OPTIONS: Options<'static> = Options {
    limits: Limits { entries: 1000, bytes_total: 4 << 20, bytes_entry: 1 << 20, ratio: 100, ratio_from: 1 << 16, depth: 4 },
    max_file_size: 1 << 16,
    scratch: &Memory { limit: 4 << 20 },
};

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else { return };
    let at = usize::from(*first) * 512 % (data.len() + 1);
    let (one, two) = data.split_at(at);
    let manifest = br#"[{"Config":"c","RepoTags":["a"],"Layers":["1","2","1"]}]"#.to_vec();
    let folder = Folder(BTreeMap::from([
        ("1", one.to_vec()),
        ("2", two.to_vec()),
        ("c", br#"{"os":"linux","architecture":"amd64"}"#.to_vec()),
        ("manifest.json", manifest),
    ]));
    let image = read_image(&folder, Choice::First, &OPTIONS).expect("the lists are whole");
    for file in image.files.files() {
        match image.files.read(&file.path) {
            Ok(bytes) => assert_eq!(bytes.len() as u64, file.size, "{}", file.path),
            Err(TreeError::TooLarge { .. }) => assert!(file.size > OPTIONS.max_file_size),
            // A layer that ends too early is told.
            Err(error) => assert!(image.problems.iter().any(|problem| problem.fails), "{} {error}", file.path),
        }
        assert!(image.files.layer_of(&file.path).is_some());
    }
    let _ = image.inventory();
    if let Ok(store) = open_archive(Arc::new(data.to_vec()), &OPTIONS) {
        if let Ok(image) = read_image(&store, Choice::First, &OPTIONS) {
            let _ = image.inventory();
        }
    }
    let _ = read_root(Arc::new(data.to_vec()), &OPTIONS);
});
