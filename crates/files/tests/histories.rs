//! Real git histories, made by the git program in the test, read back by the library.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

use std::path::Path;
use std::process::Command;

use probity_core::{Tree as _, TreeError};
use probity_files::{FolderTree, GitError, Repository};

fn git(folder: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(status.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&status.stderr));
}

fn write(top: &Path, path: &str, text: &str) {
    let path = top.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn history() -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    git(top.path(), &["init", "-q"]);
    write(top.path(), ".gitignore", "*.tfvars\n");
    write(top.path(), "live/a.tf", "one\ntwo\nthree\n");
    write(top.path(), "live/secret.tfvars", "x = 1\n");
    git(top.path(), &["add", "."]);
    git(top.path(), &["add", "-f", "live/secret.tfvars"]);
    std::os::unix::fs::symlink("a.tf", top.path().join("live/link.tf")).unwrap();
    std::os::unix::fs::symlink("../../etc/passwd", top.path().join("live/out.tf")).unwrap();
    git(top.path(), &["add", "live/link.tf", "live/out.tf"]);
    git(top.path(), &["commit", "-q", "-m", "first"]);
    std::fs::rename(top.path().join("live"), top.path().join("prod")).unwrap();
    write(top.path(), "prod/a.tf", "one\ntwo\nfour\n");
    git(top.path(), &["add", "-A"]);
    git(top.path(), &["add", "-f", "prod/secret.tfvars"]);
    git(top.path(), &["commit", "-q", "-m", "second", "--author", "Grace <grace@example.com>"]);
    top
}

#[test]
fn commits_are_trees_and_links_stay_inside() {
    let top = history();
    let repository = Repository::discover(&top.path().join("prod")).unwrap().unwrap();
    let first = repository.resolve("HEAD~1").unwrap();
    let tree = repository.tree(&first, "live", 1 << 20).unwrap();
    let names: Vec<&str> = tree.files().iter().map(|file| &*file.path).collect();
    assert_eq!(names, ["a.tf", "link.tf", "secret.tfvars"]);
    assert_eq!(tree.read("link.tf").unwrap().as_ref(), b"one\ntwo\nthree\n");
    assert_eq!(tree.read("out.tf"), Err(TreeError::Outside));
    assert_eq!(tree.read("../x"), Err(TreeError::Outside));
    assert_eq!(tree.read("none.tf"), Err(TreeError::Missing));
    assert!(repository.tree(&first, "", 4).unwrap().read("live/a.tf").is_err());
}

#[test]
fn tracked_files_are_walked_though_ignored() {
    let top = history();
    write(top.path(), "prod/other.tfvars", "ignored");
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    let tree = FolderTree::open(&top.path().join("prod"), Some(&repository), 1 << 20).unwrap();
    let names: Vec<&str> = tree.files().iter().map(|file| &*file.path).collect();
    assert_eq!(names, ["a.tf", "link.tf", "secret.tfvars"]);
}

#[test]
fn renames_authors_and_blob_ids_come_from_the_history() {
    let top = history();
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    let (first, second) = (repository.resolve("HEAD~1").unwrap(), repository.head().unwrap().unwrap());
    let renames = repository.renames(&first, &second).unwrap();
    assert_eq!(renames.get("live/a.tf").map(String::as_str), Some("prod/a.tf"));
    assert_eq!(renames.get("live/secret.tfvars").map(String::as_str), Some("prod/secret.tfvars"));
    let authors = repository.authors(&first, &second).unwrap();
    let emails: Vec<&str> = authors.iter().map(|(_, email)| email.as_str()).collect();
    assert_eq!(emails, ["ada@example.com", "grace@example.com"]);
    assert_eq!(repository.merge_base(&first, &second), Some(first.clone()));
    let tree = repository.tree(&second, "prod", 1 << 20).unwrap();
    let blob = tree.blob_of("a.tf", b"one\ntwo\nfour\n");
    assert!(blob.is_some());
    assert_eq!(tree.blob_of("link.tf", b"one\ntwo\nfour\n"), blob);
    assert_eq!(tree.blob_of("secret.tfvars", b"changed"), None);
    assert_eq!(tree.blob_of("none.tf", b""), None);
}

#[test]
fn a_shallow_clone_says_so() {
    let top = history();
    let clone = tempfile::tempdir().unwrap();
    git(clone.path(), &["clone", "-q", "--depth", "1", &format!("file://{}", top.path().display()), "c"]);
    let repository = Repository::discover(&clone.path().join("c")).unwrap().unwrap();
    assert!(matches!(repository.resolve("HEAD~1"), Err(GitError::NoSuchRevision { shallow: true, .. })));
    let full = Repository::discover(top.path()).unwrap().unwrap();
    assert!(matches!(full.resolve("nothing"), Err(GitError::NoSuchRevision { shallow: false, .. })));
}

#[test]
fn a_hostile_configuration_starts_nothing() {
    let top = history();
    let mark = top.path().join("ran");
    let touch = format!("touch {}", mark.display());
    write(top.path(), ".gitattributes", "*.tf diff=evil filter=evil\n");
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = {touch}\n\thooksPath = {0}\n\tsshCommand = {touch}\n\tpager = {touch}\n\tworktree = {0}\n\
         [diff]\n\texternal = {touch}\n[diff \"evil\"]\n\tcommand = {touch}\n\ttextconv = {touch}\n\
         [filter \"evil\"]\n\tclean = {touch}\n\tsmudge = {touch}\n\tprocess = {touch}\n[include]\n\tpath = /etc/passwd\n",
        top.path().display()
    );
    write(top.path(), ".git/config", &config);
    write(top.path(), ".git/hooks/post-checkout", &format!("#!/bin/sh\n{touch}\n"));
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    let (first, second) = (repository.resolve("HEAD~1").unwrap(), repository.head().unwrap().unwrap());
    repository.renames(&first, &second).unwrap();
    let tree = repository.tree(&first, "", 1 << 20).unwrap();
    for file in tree.files() {
        tree.read(&file.path).unwrap();
    }
    let folder = FolderTree::open(top.path(), Some(&repository), 1 << 20).unwrap();
    for file in folder.files() {
        folder.read(&file.path).unwrap();
    }
    assert!(!mark.exists());
}

#[test]
fn broken_repositories_are_errors_not_panics() {
    let top = tempfile::tempdir().unwrap();
    write(top.path(), ".git", "gitdir: /nowhere\n");
    assert!(Repository::discover(top.path()).is_err());
    let plain = tempfile::tempdir().unwrap();
    assert!(Repository::discover(plain.path()).unwrap().is_none());
    git(plain.path(), &["init", "-q"]);
    assert!(Repository::discover(plain.path()).unwrap().unwrap().head().unwrap().is_none());
}

#[test]
fn replacements_do_not_count() {
    let top = history();
    let before = Repository::discover(top.path()).unwrap().unwrap();
    let first = before.resolve("HEAD~1").unwrap();
    git(top.path(), &["replace", "-f", "HEAD~1", "HEAD"]);
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    assert_eq!(repository.resolve(&first.id).unwrap(), first);
    assert!(repository.tree(&first, "live", 1 << 20).unwrap().read("a.tf").is_ok());
    git(top.path(), &["replace", "-f", &first.tree, "HEAD^{tree}"]);
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    assert!(repository.tree(&first, "live", 1 << 20).unwrap().read("a.tf").is_ok());
}

#[test]
fn a_name_with_two_meanings_is_refused() {
    let top = history();
    let resolve = |name: &str| Repository::discover(top.path()).unwrap().unwrap().resolve(name);
    git(top.path(), &["branch", "base", "HEAD~1"]);
    let first = resolve("base").unwrap();
    git(top.path(), &["tag", "base", "HEAD~1"]);
    assert_eq!(resolve("base").unwrap(), first);
    git(top.path(), &["tag", "-f", "base", "HEAD"]);
    let refs = ["refs/heads/base".to_owned(), "refs/tags/base".to_owned()];
    assert!(matches!(resolve("base"), Err(GitError::Ambiguous { refs: found, .. }) if found == refs));
    assert!(matches!(resolve("base~0"), Err(GitError::Ambiguous { .. })));
    assert_eq!(resolve("refs/heads/base").unwrap(), first);
    git(top.path(), &["update-ref", "refs/remotes/origin/main", "HEAD~1"]);
    assert_eq!(resolve("origin/main").unwrap(), first);
    git(top.path(), &["tag", "origin/main", "HEAD"]);
    assert!(matches!(resolve("origin/main"), Err(GitError::Ambiguous { .. })));
    git(top.path(), &["update-ref", &format!("refs/tags/{}", &first.id[..8]), "HEAD"]);
    assert!(matches!(resolve(&first.id[..8]), Err(GitError::Ambiguous { .. })));
}

#[test]
fn a_broken_index_is_said_and_one_without_a_file_hides_nothing() {
    let top = history();
    write(top.path(), ".gitignore", "*\n");
    git(top.path(), &["rm", "-q", "--cached", "prod/a.tf"]);
    let open = || FolderTree::open(&top.path().join("prod"), Repository::discover(top.path()).unwrap().as_ref(), 1 << 20);
    assert!(open().unwrap().contains("a.tf"));
    std::fs::remove_file(top.path().join(".git/index")).unwrap();
    assert!(open().unwrap().contains("a.tf"));
    std::fs::write(top.path().join(".git/index"), b"DIRC broken").unwrap();
    assert!(open().is_err());
}
