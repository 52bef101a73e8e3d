//! From package URLs to the names advisories use.

use probity_packages::{Package, Purl};

/// How advisories may name a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Ecosystems to ask, the most telling first: `Debian:12`. One that ends with `:*` stands for every release that begins so.
    pub ecosystems: Vec<String>,
    /// Names, in the spelling of [`normal_name`].
    pub names: Vec<String>,
    /// The version to compare, as the ecosystem writes it; empty where there is none.
    pub version: String,
}

/// The one spelling of a name of an ecosystem.
#[must_use]
pub fn normal_name(ecosystem: &str, name: &str) -> String {
    match ecosystem.split(':').next().unwrap_or(ecosystem) {
        "PyPI" => {
            let mut out = String::with_capacity(name.len());
            for letter in name.chars() {
                match letter {
                    '-' | '_' | '.' => {
                        if !out.ends_with('-') {
                            out.push('-');
                        }
                    }
                    letter => out.extend(letter.to_lowercase()),
                }
            }
            out
        }
        // Package URLs of Go and GitHub are in small letters.
        "NuGet" | "Packagist" | "Go" | "GitHub Actions" | "npm" | "Hex" | "Pub" => name.to_lowercase(),
        "SwiftURL" => name.trim_start_matches("https://").trim_end_matches(".git").to_lowercase(),
        _ => name.to_owned(),
    }
}

/// The ecosystem of OSV for a type of package URL that has one without releases.
fn plain(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "npm" => "npm",
        "pypi" => "PyPI",
        "golang" => "Go",
        "cargo" => "crates.io",
        "maven" => "Maven",
        "gem" => "RubyGems",
        "composer" => "Packagist",
        "nuget" => "NuGet",
        "pub" => "Pub",
        "hex" => "Hex",
        "cran" => "CRAN",
        "hackage" => "Hackage",
        "conan" => "ConanCenter",
        "swift" => "SwiftURL",
        "github" | "githubactions" => "GitHub Actions",
        "bitnami" => "Bitnami",
        _ => return None,
    })
}

/// Release of a distribution in a package URL: `debian-12` gives `12`; what is not told is empty.
fn release<'p>(purl: &'p Purl, id: &str) -> &'p str {
    let distro = purl.qualifiers.get("distro").map_or("", |distro| &**distro);
    distro.strip_prefix(id).and_then(|rest| rest.strip_prefix(['-', ':'])).unwrap_or(distro)
}

fn major(release: &str) -> &str {
    release.split('.').next().unwrap_or(release)
}

fn two(release: &str) -> String {
    release.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// Names of Debian's releases, which package URLs may have in place of the number.
fn debian(release: &str) -> &str {
    match release {
        "jessie" => "8",
        "stretch" => "9",
        "buster" => "10",
        "bullseye" => "11",
        "bookworm" => "12",
        "trixie" => "13",
        "forky" => "14",
        release => major(release),
    }
}

/// How advisories name a package; `None` where no kind of advisory is known for its type. A file of a package URL's type `generic`
/// belongs to no ecosystem.
#[must_use]
pub fn named(package: &Package) -> Option<Named> {
    let purl = &package.purl;
    let version = purl.version.as_deref().unwrap_or_default();
    if let Some(ecosystem) = plain(&purl.kind) {
        let mut name = purl.full_name();
        if ecosystem == "SwiftURL" {
            name = format!("{}/{}", purl.namespace.as_deref().unwrap_or_default(), purl.name);
        }
        let version = match ecosystem {
            "Go" => version.trim_start_matches("go").trim_start_matches('v'),
            _ => version,
        };
        return Some(Named {
            ecosystems: vec![ecosystem.to_owned()],
            names: vec![normal_name(ecosystem, &name)],
            version: version.to_owned(),
        });
    }
    let namespace = purl.namespace.as_deref().unwrap_or_default();
    let source = package.built_from.as_ref();
    let upstream = purl.qualifiers.get("upstream").map(|upstream| match source_rpm(upstream) {
        Some(name) => name,
        None => upstream.split_once('@').map_or(&**upstream, |(name, _)| name),
    });
    // Advisories of these speak of source packages.
    let source_name = source.map_or_else(|| upstream.unwrap_or(&purl.name), |source| &source.name).to_owned();
    let source_version = source.map_or_else(
        || purl.qualifiers.get("upstream").and_then(|upstream| upstream.split_once('@')).map_or(version, |(_, version)| version),
        |source| &source.version,
    );
    let epoch = purl.qualifiers.get("epoch").filter(|epoch| &***epoch != "0");
    let ecosystems = match (&*purl.kind, namespace) {
        ("deb", "debian") => vec![format!("Debian:{}", debian(release(purl, "debian")))],
        ("deb", "ubuntu") => {
            let release = two(release(purl, "ubuntu"));
            vec![format!("Ubuntu:{release}:LTS"), format!("Ubuntu:{release}")]
        }
        ("deb", "echo") => vec!["Echo".to_owned()],
        ("apk", "alpine") => vec![format!("Alpine:v{}", two(release(purl, "alpine").trim_start_matches('v')))],
        ("apk", "wolfi") => vec!["Wolfi".to_owned(), "Chainguard".to_owned()],
        ("apk", "chainguard") => vec!["Chainguard".to_owned(), "Wolfi".to_owned()],
        ("apk", "minimos") => vec!["MinimOS".to_owned()],
        ("rpm", "almalinux" | "alma") => vec![format!("AlmaLinux:{}", major(release(purl, namespace)))],
        ("rpm", "rocky" | "rockylinux") => vec![format!("Rocky Linux:{}", major(release(purl, namespace)))],
        ("rpm", "redhat" | "rhel") => {
            let release = release(purl, namespace).trim_start_matches("rhel-");
            vec![format!("Red Hat:enterprise_linux:{}:*", major(release)), format!("Red Hat:rhel_*:{}*", two(release))]
        }
        ("rpm", "opensuse") => vec![format!("openSUSE:Leap {}", two(release(purl, "opensuse-leap")))],
        ("rpm", "sles" | "suse") => {
            let release = release(purl, "sles");
            let (version, pack) = release.split_once('.').unwrap_or((release, ""));
            let pack = if pack.is_empty() { String::new() } else { format!(" SP{pack}") };
            vec![
                format!("SUSE:Linux Enterprise Server {version}{pack}"),
                format!("SUSE:Linux Enterprise Module for Basesystem {version}{pack}"),
            ]
        }
        ("rpm", "openeuler") => vec![format!("openEuler:{}", release(purl, "openeuler"))],
        ("rpm", "mageia") => vec![format!("Mageia:{}", major(release(purl, "mageia")))],
        ("rpm", "photon") => vec![format!("Photon OS:{}", two(release(purl, "photon")))],
        ("rpm", "azurelinux" | "mariner") => vec![format!("Azure Linux:{}", major(release(purl, namespace)))],
        _ => return None,
    };
    let (names, version) = match &*purl.kind {
        // Advisories of these speak of the packages that are installed; some of their sources.
        "rpm" => {
            let mut names = vec![purl.name.to_string()];
            if source_name != *purl.name {
                names.push(source_name);
            }
            (names, epoch.map_or_else(|| version.to_owned(), |epoch| format!("{epoch}:{version}")))
        }
        _ => (vec![source_name], source_version.to_owned()),
    };
    Some(Named { ecosystems, names, version })
}

/// The name in the file name of a source package, `bind-9.16.23-11.el9.src.rpm`: it may have dashes, version and release have none.
fn source_rpm(file: &str) -> Option<&str> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (before, _) = stem.rsplit_once('-')?;
    Some(before.rsplit_once('-')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_packages::SourcePackage;

    pub(crate) fn package(purl: &str) -> Package {
        Package::new(purl.parse().unwrap(), "test")
    }

    #[test]
    fn packages_have_names_in_ecosystems() {
        let check = |purl: &str, expected: &str| {
            let named = named(&package(purl)).unwrap();
            assert_eq!(format!("{} {} {}", named.ecosystems.join("|"), named.names.join("|"), named.version), expected, "{purl}");
        };
        check("pkg:npm/%40angular/core@1.2.3", "npm @angular/core 1.2.3");
        check("pkg:pypi/Zope.Interface@5.0", "PyPI zope-interface 5.0");
        check("pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "Maven org.apache.logging.log4j:log4j-core 2.14.1");
        check("pkg:golang/github.com/BurntSushi/toml@v1.2.0", "Go github.com/burntsushi/toml 1.2.0");
        check("pkg:golang/stdlib@go1.21.0", "Go stdlib 1.21.0");
        check("pkg:github/actions/checkout@v4", "GitHub Actions actions/checkout v4");
        check("pkg:deb/debian/libssl3@3.0.11-1~deb12u2?upstream=openssl&distro=debian-12", "Debian:12 openssl 3.0.11-1~deb12u2");
        check("pkg:deb/debian/libc6@2.36-9?upstream=glibc%402.36-9%2Bdeb12u4&distro=bookworm", "Debian:12 glibc 2.36-9+deb12u4");
        check("pkg:deb/ubuntu/bash@5.1?distro=ubuntu-22.04", "Ubuntu:22.04:LTS|Ubuntu:22.04 bash 5.1");
        check("pkg:apk/alpine/libcrypto3@3.1.4-r0?upstream=openssl&distro=alpine-3.19.1", "Alpine:v3.19 openssl 3.1.4-r0");
        check(
            "pkg:rpm/almalinux/bind-libs@9.16.23-1.el9?epoch=32&distro=almalinux-9.3&upstream=bind",
            "AlmaLinux:9 bind-libs|bind 32:9.16.23-1.el9",
        );
        check(
            "pkg:rpm/redhat/python3-libs@3.9.16-1.el9?distro=rhel-9.2&upstream=python3.9-3.9.16-1.el9.src.rpm",
            "Red Hat:enterprise_linux:9:*|Red Hat:rhel_*:9.2* python3-libs|python3.9 3.9.16-1.el9",
        );
        assert_eq!(named(&package("pkg:generic/openssl@1")), None);
        assert_eq!(named(&package("pkg:deb/unheard/x@1")), None);
    }

    #[test]
    fn a_source_package_counts() {
        let mut binary = package("pkg:deb/debian/libc6@2.36-9+b1?distro=debian-12");
        binary.built_from = Some(SourcePackage { name: "glibc".into(), version: "2.36-9".into() });
        let named = named(&binary).unwrap();
        assert_eq!((&named.names, &*named.version), (&vec!["glibc".to_owned()], "2.36-9"));
    }

    #[test]
    fn names_have_one_spelling() {
        assert_eq!(normal_name("PyPI", "Zope__.Interface"), "zope-interface");
        assert_eq!(normal_name("Maven", "A:B"), "A:B");
        assert_eq!(normal_name("SwiftURL", "https://github.com/Apple/Swift-nio.git"), "github.com/apple/swift-nio");
    }
}
