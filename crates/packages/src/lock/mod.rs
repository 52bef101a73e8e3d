//! Lock files, manifests and other lists of packages: which file is whose, and one reader for each format.
//!
//! One format is one [`Cataloguer`] in [`CATALOGUERS`]; families share a file. Everything is read through [`Tree`].

mod cocoa;
mod containers;
mod dart;
mod deno;
mod dotnet;
mod elixir;
mod go;
mod gradle;
mod haskell;
mod javascript;
mod javascript_yarn;
mod maven;
mod native;
mod php;
mod places;
mod python;
mod python_lock;
mod requirements;
mod ruby;
mod rust;
mod sheet;
mod spread;
mod terraform;
mod workflows;
mod xml;

use std::sync::Arc;

use probity_core::Tree;

use crate::Inventory;
use sheet::Sheet;

/// A reader of one kind of list of packages.
///
/// What must hold: [`Cataloguer::claims`] looks at the path alone and is cheap; [`Cataloguer::catalogue`] never panics, and what it
/// cannot read is a problem in the inventory.
pub trait Cataloguer: Send + Sync {
    /// Its id, as it stands in [`crate::Package::found_by`]: `npm-package-lock`.
    fn id(&self) -> &'static str;
    /// Whether it reads a file of that path.
    fn claims(&self, path: &str) -> bool;
    /// Reads the file, and what lies beside it where that tells more.
    fn catalogue(&self, path: &str, tree: &dyn Tree) -> Inventory;
}

/// A cataloguer made of two functions.
struct Format {
    id: &'static str,
    /// Whether the file is read, of its folder and its name.
    claims: fn(&str, &str) -> bool,
    read: fn(&mut Sheet, &dyn Tree),
}

impl Cataloguer for Format {
    fn id(&self) -> &'static str {
        self.id
    }

    fn claims(&self, path: &str) -> bool {
        (self.claims)(sheet::folder(path), sheet::name(path))
    }

    fn catalogue(&self, path: &str, tree: &dyn Tree) -> Inventory {
        let mut sheet = Sheet::open(tree, path, self.id);
        (self.read)(&mut sheet, tree);
        sheet.finish()
    }
}

/// Whether a path lies in a folder other tools fill with what was installed: the files there are others' and not the project's wishes.
fn installed(folder: &str) -> bool {
    folder.split('/').any(|part| matches!(part, "node_modules" | "site-packages" | "bower_components" | ".terraform" | ".git"))
}

/// All cataloguers, sorted by id.
pub const CATALOGUERS: &[&dyn Cataloguer] = &[
    &Format { id: "bazel-module-lock", claims: |_, name| name == "MODULE.bazel.lock", read: native::bazel_lock },
    &Format { id: "bun-lock", claims: |folder, name| name == "bun.lock" && !installed(folder), read: javascript::bun_lock },
    &Format { id: "cabal-freeze", claims: |_, name| name.ends_with(".project.freeze"), read: haskell::cabal_freeze },
    &Format { id: "cargo-lock", claims: |_, name| name == "Cargo.lock", read: rust::cargo_lock },
    &Format { id: "cargo-manifest", claims: |_, name| name == "Cargo.toml", read: rust::cargo_manifest },
    &Format { id: "cocoapods-lock", claims: |_, name| name == "Podfile.lock", read: cocoa::podfile_lock },
    &Format { id: "compose-images", claims: containers::is_compose, read: containers::compose },
    &Format { id: "composer-json", claims: |folder, name| name == "composer.json" && !vendored(folder), read: php::composer_json },
    &Format { id: "composer-lock", claims: |folder, name| name == "composer.lock" && !vendored(folder), read: php::composer_lock },
    &Format { id: "conan-lock", claims: |_, name| name == "conan.lock", read: native::conan_lock },
    &Format { id: "conan-manifest", claims: |_, name| name == "conanfile.txt", read: native::conan_manifest },
    &Format { id: "deno-lock", claims: |_, name| name == "deno.lock", read: deno::deno_lock },
    &Format { id: "dockerfile-images", claims: containers::is_dockerfile, read: containers::dockerfile },
    &Format { id: "dotnet-deps", claims: |_, name| name.ends_with(".deps.json"), read: dotnet::deps_json },
    &Format { id: "gem-lock", claims: |_, name| matches!(name, "Gemfile.lock" | "gems.locked"), read: ruby::gemfile_lock },
    &Format { id: "github-actions", claims: workflows::is_workflow, read: workflows::actions },
    &Format { id: "go-mod", claims: |folder, name| name == "go.mod" && !vendored(folder), read: go::go_mod },
    &Format { id: "gradle-lock", claims: gradle::is_lock, read: gradle::lockfile },
    &Format { id: "gradle-verification", claims: |_, name| name == "verification-metadata.xml", read: gradle::verification },
    &Format { id: "gradle-version-catalog", claims: |_, name| name.ends_with(".versions.toml"), read: gradle::version_catalog },
    &Format { id: "helm-chart", claims: |_, name| matches!(name, "Chart.yaml" | "requirements.yaml"), read: containers::helm_chart },
    &Format { id: "helm-lock", claims: |_, name| matches!(name, "Chart.lock" | "requirements.lock"), read: containers::helm_lock },
    &Format { id: "maven-pom", claims: |_, name| name == "pom.xml" || name.ends_with(".pom"), read: maven::pom },
    &Format { id: "mix-lock", claims: |_, name| name == "mix.lock", read: elixir::mix_lock },
    &Format { id: "nix-flake-lock", claims: |_, name| name == "flake.lock", read: native::flake_lock },
    &Format { id: "npm-package-json", claims: |folder, name| name == "package.json" && !installed(folder), read: javascript::package_json },
    &Format {
        id: "npm-package-lock",
        claims: |folder, name| matches!(name, "package-lock.json" | "npm-shrinkwrap.json") && !installed(folder),
        read: javascript::package_lock,
    },
    &Format { id: "nuget-assets", claims: |_, name| name == "project.assets.json", read: dotnet::assets_json },
    &Format {
        id: "nuget-lock",
        claims: |_, name| name.starts_with("packages.") && name.ends_with("lock.json"),
        read: dotnet::packages_lock,
    },
    &Format { id: "nuget-packages-config", claims: |_, name| name.eq_ignore_ascii_case("packages.config"), read: dotnet::packages_config },
    &Format { id: "nuget-project", claims: |_, name| dotnet::is_project(name), read: dotnet::project },
    &Format { id: "pdm-lock", claims: |_, name| name == "pdm.lock", read: python_lock::pdm_lock },
    &Format { id: "pipfile-lock", claims: |_, name| name == "Pipfile.lock", read: python::pipfile_lock },
    &Format { id: "pnpm-lock", claims: |folder, name| name == "pnpm-lock.yaml" && !installed(folder), read: javascript_yarn::pnpm_lock },
    &Format { id: "poetry-lock", claims: |_, name| name == "poetry.lock", read: python_lock::poetry_lock },
    &Format {
        id: "pre-commit",
        claims: |_, name| matches!(name, ".pre-commit-config.yaml" | ".pre-commit-config.yml"),
        read: workflows::pre_commit,
    },
    &Format { id: "pub-lock", claims: |_, name| name == "pubspec.lock", read: dart::pubspec_lock },
    &Format {
        id: "pylock",
        claims: |_, name| name == "pylock.toml" || (name.starts_with("pylock.") && name.ends_with(".toml")),
        read: python_lock::pylock,
    },
    &Format { id: "python-manifest", claims: python::is_manifest, read: python::manifest },
    &Format { id: "python-requirements", claims: requirements::is_requirements, read: requirements::requirements },
    &Format { id: "rebar-lock", claims: |_, name| name == "rebar.lock", read: elixir::rebar_lock },
    &Format { id: "renv-lock", claims: |_, name| name == "renv.lock", read: native::renv_lock },
    &Format { id: "stack-lock", claims: |_, name| name.ends_with(".yaml.lock"), read: haskell::stack_lock },
    &Format {
        id: "swift-resolved",
        claims: |_, name| matches!(name, "Package.resolved" | ".package.resolved"),
        read: cocoa::package_resolved,
    },
    &Format { id: "terraform-lock", claims: |_, name| name == ".terraform.lock.hcl", read: terraform::lock },
    &Format {
        id: "terraform-module",
        claims: |folder, name| (name.ends_with(".tf") || name.ends_with(".tofu")) && !installed(folder),
        read: terraform::modules,
    },
    &Format { id: "uv-lock", claims: |_, name| name == "uv.lock", read: python_lock::uv_lock },
    &Format { id: "vcpkg-manifest", claims: |_, name| name == "vcpkg.json", read: native::vcpkg_json },
    &Format { id: "yarn-lock", claims: |folder, name| name == "yarn.lock" && !installed(folder), read: javascript_yarn::yarn_lock },
];

/// Whether a path lies in the copies of others' code that Go and PHP keep.
fn vendored(folder: &str) -> bool {
    installed(folder) || folder.split('/').any(|part| part == "vendor")
}

/// What one cataloguer found in one file.
#[derive(Clone, Debug)]
pub struct Catalogued {
    /// The file.
    pub path: Arc<str>,
    /// Id of the cataloguer.
    pub cataloguer: &'static str,
    /// What it found.
    pub inventory: Inventory,
}

/// Reads every list of packages of a tree, in the order of paths. Files with nothing in them and nothing wrong are there too: they
/// were looked at.
#[must_use]
pub fn catalogue(tree: &dyn Tree) -> Vec<Catalogued> {
    let mut all = Vec::new();
    for file in tree.files() {
        for cataloguer in CATALOGUERS {
            if cataloguer.claims(&file.path) {
                let inventory = cataloguer.catalogue(&file.path, tree);
                all.push(Catalogued { path: Arc::clone(&file.path), cataloguer: cataloguer.id(), inventory });
            }
        }
    }
    all
}
