//! A database of so many advisories, grown from real ones by a fixed seed and therefore synthetic, and the time to open and ask it:
//! `database_bench DIR COUNT PACKAGES OUT`. DIR holds real advisories; OUT is where the database is kept between the steps.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "measures, reads and prints"
)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use probity_advisories::database::{Builder, Database};
use probity_advisories::matching::{Answer, answer};
use probity_advisories::{Advisory, End, load};
use probity_core::Digest;
use probity_packages::{Package, Purl};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, count, packages, out] = arguments.as_slice() else {
        eprintln!("database_bench DIR COUNT PACKAGES OUT");
        std::process::exit(2);
    };
    let (count, packages): (usize, usize) = (count.parse().unwrap(), packages.parse().unwrap());
    let out = PathBuf::from(out);
    if !out.exists() {
        make(Path::new(folder), count, &out);
    }
    let wanted = wanted(&out, packages);
    let start = Instant::now();
    // The bytes are read here; the program maps them.
    let bytes = std::fs::read(&out).unwrap();
    let read = start.elapsed();
    let start = Instant::now();
    let database = Database::open(&bytes).unwrap();
    let opened = start.elapsed();
    let start = Instant::now();
    let (mut found, mut vulnerable) = (0_usize, 0_usize);
    for package in &wanted {
        if let Answer::Covered(matches) = answer(&database, package) {
            found += matches.len();
            vulnerable += usize::from(!matches.is_empty());
        }
    }
    let asked = start.elapsed();
    println!(
        "{} advisories (synthetic), {} MB: read {read:.2?}, opened {opened:.2?}, {} packages asked {asked:.2?}: {vulnerable} vulnerable, {found} matches",
        database.advisories(),
        bytes.len() / 1_000_000,
        wanted.len()
    );
}

fn list(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { list(&path, out) } else { out.push(path) }
    }
}

fn make(folder: &Path, count: usize, out: &Path) {
    let mut files = Vec::new();
    list(folder, &mut files);
    files.sort();
    let mut builder = Builder::new(0);
    let mut real: Vec<Advisory> = Vec::new();
    for file in files.iter().filter(|file| load::claims(&file.to_string_lossy())) {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let kept = std::cell::RefCell::new(Vec::new());
        let taken = load::add(&mut builder, &file.to_string_lossy(), &text, &|advisory| {
            kept.borrow_mut().push(advisory.clone());
            true
        });
        for (line, what) in taken.wrong {
            eprintln!("{}:{line}: {what}", file.display());
        }
        real.extend(kept.into_inner());
    }
    eprintln!("{} real advisories", builder.len());
    let (mut round, mut made) = (0_usize, builder.len());
    while made < count {
        round += 1;
        for advisory in &real {
            if made >= count {
                break;
            }
            made += 1;
            let mut copy = advisory.clone();
            copy.id = format!("{}-s{round}", copy.id);
            copy.aliases.iter_mut().for_each(|alias| alias.push_str(&format!("-s{round}")));
            copy.summary.push_str(&format!(" (synthetic {round})"));
            for affected in &mut copy.affected {
                // One round in nine makes known packages denser, the others are about other packages: so the advisories for one package
                // stay about as many as real ones.
                if !round.is_multiple_of(9) {
                    affected.name.push_str(&format!("-s{round}"));
                }
                affected.versions.truncate(40);
            }
            builder.add(copy);
        }
    }
    let bytes = builder.build(&|_| Digest([0; 32]));
    std::fs::write(out, bytes).unwrap();
}

/// Packages with versions near where faults end.
fn wanted(path: &Path, count: usize) -> Vec<Package> {
    let bytes = std::fs::read(path).unwrap();
    let database = Database::open(&bytes).unwrap();
    let mut out = Vec::new();
    for round in 0.. {
        let before = out.len();
        for (ecosystem, kind) in [("crates.io", "cargo"), ("PyPI", "pypi"), ("Go", "golang")] {
            // Of each hundred packages about ten are known to the data, more than in a lock file people have.
            let known = NAMES.iter().map(|name| if round == 0 { (*name).to_owned() } else { format!("{name}-s{}", round % 20 + 1) });
            for name in known.take(9).chain((0..80).map(|number| format!("unknown-{round}-{number}"))) {
                for (_, reach) in database.about(ecosystem, &name).take(1) {
                    for (introduced, end) in reach.intervals().take(1) {
                        let version = match &end {
                            End::Fixed(version) | End::Last(version) => version.clone(),
                            End::Open => introduced.to_owned(),
                        };
                        out.push(package(kind, &name, &version));
                        out.push(package(kind, &name, introduced));
                    }
                }
                out.push(package(kind, &name, &format!("1.{round}.0")));
                if out.len() >= count {
                    return out;
                }
            }
        }
        if out.len() == before {
            return out;
        }
    }
    out
}

const NAMES: &[&str] = &[
    "tokio",
    "hyper",
    "openssl",
    "regex",
    "time",
    "chrono",
    "rustls",
    "serde_yaml",
    "smallvec",
    "crossbeam-deque",
    "django",
    "flask",
    "pillow",
    "tensorflow",
    "jinja2",
    "requests",
    "urllib3",
    "cryptography",
    "ansible",
    "salt",
    "aiohttp",
    "stdlib",
    "golang.org/x/net",
    "golang.org/x/crypto",
    "github.com/hashicorp/vault",
    "k8s.io/kubernetes",
    "github.com/docker/docker",
    "github.com/gin-gonic/gin",
];

fn package(kind: &str, name: &str, version: &str) -> Package {
    let split = (kind == "golang").then(|| name.rsplit_once('/')).flatten();
    let (namespace, name) = split.map_or((None, name.to_owned()), |(namespace, name)| (Some(namespace), name.to_owned()));
    let name = name.replace('/', "-");
    Package::new(Purl::new(kind, namespace, &name, Some(version)).unwrap(), "bench")
}
