use std::collections::BTreeMap;
use std::io::Write as _;

use probity_core::Tree as _;
use serde_json::json;

use super::*;
use crate::blob::{Memory, sha256};
use crate::open_archive;

/// Files in memory.
#[derive(Default)]
struct Folder(BTreeMap<String, Vec<u8>>);

impl Store for Folder {
    fn open(&self, path: &str) -> Option<Arc<dyn Blob>> {
        self.0.get(path).map(|bytes| Arc::new(bytes.clone()) as Arc<dyn Blob>)
    }
}

const OPTIONS: Options<'static> = Options {
    limits: Limits { entries: 10_000, bytes_total: 64 << 20, bytes_entry: 16 << 20, ratio: 250, ratio_from: 1 << 20, depth: 4 },
    max_file_size: 1 << 20,
    scratch: &Memory { limit: 64 << 20 },
};

/// A tar archive of `path=content` files, `path/` folders, `path->target` symbolic links and `path=>target` hard links.
fn archive(entries: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        let (name, kind, content, link) = if let Some((name, target)) = entry.split_once("->") {
            (name, b'2', "", target)
        } else if let Some((name, target)) = entry.split_once("=>") {
            (name, b'1', "", target)
        } else if let Some((name, content)) = entry.split_once('=') {
            (name, b'0', content, "")
        } else {
            (*entry, b'5', "", "")
        };
        let mut block = vec![0_u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..108].copy_from_slice(b"0000644\0");
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[156] = kind;
        block[157..157 + link.len()].copy_from_slice(link.as_bytes());
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(block);
        out.extend(content.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

impl Folder {
    fn blob(&mut self, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        self.0.insert(format!("blobs/{}", digest.replace(':', "/")), bytes.to_vec());
        digest
    }

    /// An image of these layers; its entry for an index.
    fn image(&mut self, layers: &[Vec<u8>], platform: &str) -> Value {
        let (os, architecture) = platform.split_once('/').unwrap();
        let packed: Vec<Value> = layers
            .iter()
            .enumerate()
            .map(|(index, layer)| {
                let bytes = if index % 2 == 0 { gzip(layer) } else { layer.clone() };
                let kind =
                    if index % 2 == 0 { "application/vnd.oci.image.layer.v1.tar+gzip" } else { "application/vnd.oci.image.layer.v1.tar" };
                json!({ "digest": self.blob(&bytes), "size": bytes.len(), "mediaType": kind })
            })
            .collect();
        let history: Vec<Value> = (0..layers.len())
            .flat_map(|index| {
                [json!({ "created_by": "ENV A=b", "empty_layer": true }), json!({ "created_by": format!("RUN step {index}") })]
            })
            .collect();
        let config = json!({
            "os": os, "architecture": architecture, "created": "2024-01-01T00:00:00Z", "history": history,
            "config": { "Labels": { "b": "1", "a": "2" }, "Env": ["PATH=/bin"], "User": "app" },
            "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|layer| sha256(layer)).collect::<Vec<_>>() },
        });
        let config = self.blob(config.to_string().as_bytes());
        let kind = "application/vnd.oci.image.config.v1+json";
        let manifest = json!({ "schemaVersion": 2, "config": { "digest": config, "mediaType": kind }, "layers": packed }).to_string();
        let digest = self.blob(manifest.as_bytes());
        json!({ "digest": digest, "mediaType": "application/vnd.oci.image.manifest.v1+json", "platform": { "os": os, "architecture": architecture } })
    }

    fn index(&mut self, manifests: Vec<Value>) {
        self.0.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
        self.0.insert("index.json".into(), json!({ "schemaVersion": 2, "manifests": manifests }).to_string().into_bytes());
    }

    fn one(layers: &[Vec<u8>]) -> Folder {
        let mut folder = Folder::default();
        let image = folder.image(layers, "linux/amd64");
        folder.index(vec![image]);
        folder
    }
}

/// What the image's files are: `path=content layer`, and its problems.
fn shown(image: &Image) -> (Vec<String>, Vec<String>) {
    let number = |digest: &str| image.layers.iter().position(|layer| &*layer.digest == digest).map_or(99, |index| index);
    let files = image.files.files().iter().map(|file| {
        let bytes = image.files.read(&file.path).unwrap();
        let layer = image.files.layer_of(&file.path).unwrap();
        format!("{}={} {}", file.path, String::from_utf8_lossy(&bytes), number(&layer))
    });
    let problems = image.problems.iter().map(|problem| {
        let what = problem.what.split(" (layer").next().unwrap_or_default();
        format!("{}: {what}{}", problem.file, if problem.fails { "!" } else { "" })
    });
    (files.collect(), problems.collect())
}

fn check(layers: &[&[&str]], files: &[&str], problems: &[&str]) -> Image {
    let layers: Vec<Vec<u8>> = layers.iter().map(|entries| archive(entries)).collect();
    let image = read_image(&Folder::one(&layers), Choice::First, &OPTIONS).unwrap();
    let (found, told) = shown(&image);
    assert_eq!(found, files);
    assert_eq!(told, problems);
    image
}

#[test]
fn layers_lie_over_each_other() {
    let image = check(
        &[
            &["d/", "d/a=1", "d/b=2", "e/c=3", "f=4", "g/h/i=5"],
            &["d/a=new", "d/.wh.b=", ".wh.g=", "j=6"],
            &["e/.wh..wh..opq=", "e/n=7", "k=>d/a"],
        ],
        &["d/a=new 1", "e/n=7 2", "f=4 0", "j=6 1", "k=new 2"],
        &[],
    );
    assert_eq!(image.config.platform, "linux/amd64");
    assert_eq!(image.config.labels, [("b".into(), "1".into()), ("a".into(), "2".into())]);
    assert_eq!(&*image.config.user, "app");
    assert_eq!(&*image.layers[2].created_by, "RUN step 2");
    assert_ne!(image.layers[0].digest, image.layers[0].blob);
    // A whiteout hides what lower layers have, wherever it stands in its own.
    check(&[&["d/a=1", "d/b=2"], &["d/c=3", "d/.wh..wh..opq=", "d/.wh..wh.plnk="]], &["d/c=3 1"], &[]);
    check(&[&["d/a=1"], &["d=file"], &["d/", "d/z=2"]], &["d/z=2 2"], &[]);
    check(&[&["a=1"], &[".wh.a=", "a=2"]], &["a=2 1"], &[]);
}

#[test]
fn what_a_later_layer_hides_is_still_there() {
    let buried = |layers: &[&[&str]]| -> Vec<String> {
        let layers: Vec<Vec<u8>> = layers.iter().map(|entries| archive(entries)).collect();
        let image = read_image(&Folder::one(&layers), Choice::First, &OPTIONS).unwrap();
        let number = |digest: &Option<Arc<str>>| image.layers.iter().position(|layer| Some(&layer.digest) == digest.as_ref()).unwrap();
        let shown = image.files.buried().iter().map(|one| {
            let bytes = image.files.read_buried(one, 1 << 20).unwrap();
            format!("{}={} {}", one.path, String::from_utf8(bytes).unwrap(), number(&one.layer))
        });
        shown.collect()
    };
    let check = |layers: &[&[&str]], expected: &[&str]| assert_eq!(buried(layers), expected);
    check(&[&["a=1", "b=2"], &["c=3"]], &[]);
    check(&[&["a=1"], &["a=2"], &["a=3"]], &["a=1 0", "a=2 1"]);
    check(&[&["a=1", "d/b=2"], &[".wh.a="], &[".wh.d="]], &["a=1 0", "d/b=2 0"]);
    check(&[&["d/b=2", "d/e/c=3"], &["d/.wh..wh..opq=", "d/new=4"]], &["d/b=2 0", "d/e/c=3 0"]);
    // A file where a folder was, and the other way round; a link in place of a file; one path twice in one layer.
    check(&[&["d/b=2"], &["d=file"], &["d/c=3"]], &["d/b=2 0", "d=file 1"]);
    check(&[&["a=1", "b=2"], &["a->b"]], &["a=1 0"]);
    check(&[&["a=1", "a=2"]], &["a=1 0"]);
    // The content of a hard link is where it was written.
    check(&[&["a=1"], &["b=>a"], &["b=2"]], &["a=1 0".replace("a=", "b=").as_str()]);
    check(&[&["empty="], &[".wh.empty="]], &[]);
}

#[test]
fn links_are_followed_as_a_program_inside_would() {
    let image = check(
        &[
            &["usr/lib/", "usr/lib/os-release=ID=debian", "lib->usr/lib", "etc/os-release->/usr/lib/os-release", "up->../../../../usr"],
            &["lib/x=1", "up/y=2"],
        ],
        &["usr/lib/os-release=ID=debian 0", "usr/lib/x=1 1", "usr/y=2 1"],
        &[],
    );
    assert_eq!(image.files.read("etc/os-release").unwrap().as_ref(), b"ID=debian");
    assert_eq!(image.files.read("lib/../lib/x").unwrap().as_ref(), b"1");
    assert!(image.files.contains("lib/x") && !image.files.contains("lib"));
    assert_eq!(image.files.read("../x"), Err(probity_core::TreeError::Outside));
    assert_eq!(image.files.start("lib/os-release", 2).unwrap(), b"ID");
    // A folder in a higher layer takes the place of a link.
    check(&[&["usr/lib/a=1", "lib->usr/lib"], &["lib/", "lib/b=2"]], &["lib/b=2 1", "usr/lib/a=1 0"], &[]);
}

#[test]
fn hostile_layers_are_told() {
    check(
        &[&["a->b", "b->a", "a/x=1", "../../etc/passwd=x", "h=>nothing", "loop->loop", "f=1", "f/y=2", ".wh...=", "ok=1"]],
        &["f/y=2 0", "ok=1 0"],
        &[
            "../../etc/passwd: the path leads out of the archive; the entry is not read!",
            ".wh...: the whiteout hides nothing that can be!",
            "a: the symbolic link leads in circles",
            "a/x: symbolic links lead in circles; the entry is not read!",
            "b: the symbolic link leads in circles",
            "f/y: it lies below `f`, which is no folder",
            "h: the hard link leads to `nothing`, which is not there!",
            "loop: the symbolic link leads in circles",
        ],
    );
    let mut folder = Folder::one(&[archive(&["a=1"]), archive(&["b=2"])]);
    let layer = folder.0.iter().find(|(_, bytes)| bytes.starts_with(&[0x1f, 0x8b])).map(|(path, _)| path.clone()).unwrap();
    folder.0.get_mut(&layer).unwrap().truncate(40);
    let image = read_image(&folder, Choice::First, &OPTIONS).unwrap();
    assert_eq!(shown(&image).0, ["b=2 1"]);
    assert!(image.problems[0].fails && image.problems[0].what.contains("the archive ends too early"), "{:?}", image.problems);
    folder.0.remove(&layer);
    assert_eq!(read_image(&folder, Choice::First, &OPTIONS).unwrap().problems[0].what, "the layer is not there");
    // A layer that was changed, in place of the one its digest names.
    folder.0.insert(layer, archive(&["evil=1"]));
    let image = read_image(&folder, Choice::First, &OPTIONS).unwrap();
    let told: Vec<bool> = image.problems.iter().map(|problem| problem.fails && problem.what.contains("digest")).collect();
    assert_eq!(told, [true, true]);
    let config = folder.0.iter().find(|(_, bytes)| bytes.starts_with(b"{\"os")).map(|(path, _)| path.clone()).unwrap();
    folder.0.insert(config, b"{}".to_vec());
    assert!(matches!(read_image(&folder, Choice::First, &OPTIONS), Err(ImageError::Changed(_))));
}

#[test]
fn one_image_of_several_is_chosen() {
    let mut folder = Folder::default();
    let arm = folder.image(&[archive(&["arm=1"])], "linux/arm64");
    let amd = folder.image(&[archive(&["amd=1"])], "linux/amd64");
    let mut note = folder.image(&[archive(&["note=1"])], "unknown/unknown");
    note["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    let inner = folder.blob(json!({ "manifests": [arm, amd, note] }).to_string().as_bytes());
    let kind = "application/vnd.oci.image.index.v1+json";
    folder.index(vec![json!({ "digest": inner, "mediaType": kind, "annotations": { "org.opencontainers.image.ref.name": "app:1" } })]);
    let image = read_image(&folder, Choice::First, &OPTIONS).unwrap();
    let (files, problems) = shown(&image);
    assert_eq!((files, image.names.as_slice()), (vec!["amd=1 0".to_owned()], &["app:1".into()][..]));
    assert_eq!(problems.len(), 2);
    assert!(
        problems[0].contains("is an attestation") && problems[1].contains("(linux/arm64) is there too and not looked at"),
        "{problems:?}"
    );
    for name in ["linux/arm64", "arm64", arm["digest"].as_str().unwrap(), arm["digest"].as_str().unwrap().get(7..27).unwrap()] {
        assert_eq!(shown(&read_image(&folder, Choice::Named(name), &OPTIONS).unwrap()).0, ["arm=1 0"], "{name}");
    }
    assert!(matches!(read_image(&folder, Choice::Named("s390x"), &OPTIONS), Err(ImageError::NoImage { .. })));
    assert_eq!(read_image(&Folder::default(), Choice::First, &OPTIONS).err(), Some(ImageError::NoLayout));
}

#[test]
fn archives_of_docker_save_are_read() {
    let layers = [archive(&["a=1", "b=1"]), archive(&[".wh.b=", "c=2"])];
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "diff_ids": layers.iter().map(|layer| sha256(layer)).collect::<Vec<_>>() } });
    let manifest = json!([{ "Config": "c.json", "RepoTags": ["app:2"], "Layers": ["one/layer.tar", "two/layer.tar"] }]);
    let saved = archive(&[
        &format!("x/layer.tar={}", text(&layers[0])),
        "one/layer.tar->../x/layer.tar",
        &format!("two/layer.tar={}", text(&layers[1])),
        &format!("c.json={config}"),
        &format!("manifest.json={manifest}"),
    ]);
    for bytes in [saved.clone(), gzip(&saved)] {
        let store = open_archive(Arc::new(bytes), &OPTIONS).unwrap();
        assert_eq!(store.problems(), []);
        let image = read_image(&store, Choice::Named("app:2"), &OPTIONS).unwrap();
        assert_eq!(shown(&image), (vec!["a=1 0".to_owned(), "c=2 1".to_owned()], Vec::new()));
        assert_eq!(*image.digest, *sha256(config.to_string().as_bytes()));
    }
    let root = read_root(Arc::new(gzip(&layers[1])), &OPTIONS).unwrap();
    assert_eq!(root.files().iter().map(|file| &*file.path).collect::<Vec<_>>(), [".wh.b", "c"], "a root file system has no whiteouts");
}

#[test]
fn packages_belong_to_the_layer_that_brought_them() {
    let package = |name: &str, version: &str| format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\n\n");
    let status = |packages: &[(&str, &str)]| {
        format!("var/lib/dpkg/status={}", packages.iter().map(|(name, version)| package(name, version)).collect::<String>())
    };
    let layers = [
        vec!["etc/os-release=ID=debian\nVERSION_ID=12".to_owned(), status(&[("base", "1"), ("curl", "1"), ("gone", "1"), ("back", "1")])],
        vec![status(&[("base", "1"), ("curl", "2"), ("git", "1"), ("gone", "1")])],
        vec![status(&[("base", "1"), ("curl", "2"), ("git", "1"), ("back", "1")])],
    ];
    let layers: Vec<Vec<u8>> = layers.iter().map(|layer| archive(&layer.iter().map(String::as_str).collect::<Vec<_>>())).collect();
    let image = read_image(&Folder::one(&layers), Choice::First, &OPTIONS).unwrap();
    let found: Vec<String> = image
        .inventory()
        .packages
        .iter()
        .map(|package| {
            let layer = package.at[0].layer.as_deref().unwrap();
            format!("{} {}", package.purl.name, image.layers.iter().position(|known| &*known.digest == layer).unwrap())
        })
        .collect();
    assert_eq!(found, ["base 0", "curl 1", "git 1", "back 2"]);
}
