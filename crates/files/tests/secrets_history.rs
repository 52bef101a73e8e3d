//! Versions of files in histories made by the git program: staged, in a range, in all of it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

use std::path::Path;
use std::process::Command;

use probity_files::{History, HistoryOptions, Repository};

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn write(top: &Path, path: &str, text: &str) {
    let path = top.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn commit(top: &Path, message: &str) {
    git(top, &["add", "-A"]);
    git(top, &["commit", "-q", "-m", message]);
}

/// A key is added and taken away again; a branch with a file of its own is merged; a tag and a stash hold what no branch has.
fn made() -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path();
    git(folder, &["init", "-q"]);
    write(folder, "a.txt", "one\n");
    write(folder, "deep/er/b.txt", "two\n");
    commit(folder, "first");
    git(folder, &["tag", "start"]);
    write(folder, "key.txt", "key\n");
    commit(folder, "second");
    std::fs::remove_file(folder.join("key.txt")).unwrap();
    commit(folder, "third");
    git(folder, &["checkout", "-q", "-b", "side", "start"]);
    write(folder, "side.txt", "side\n");
    commit(folder, "fourth");
    git(folder, &["checkout", "-q", "main"]);
    git(folder, &["merge", "-q", "--no-ff", "-m", "fifth", "side"]);
    git(folder, &["checkout", "-q", "-b", "lost"]);
    write(folder, "tagged.txt", "tagged\n");
    commit(folder, "sixth");
    git(folder, &["tag", "-a", "-m", "kept", "kept"]);
    git(folder, &["checkout", "-q", "main"]);
    git(folder, &["branch", "-q", "-D", "lost"]);
    write(folder, "a.txt", "stashed\n");
    git(folder, &["stash", "-q"]);
    top
}

fn names(history: &History) -> Vec<String> {
    let mut names: Vec<String> =
        history.versions.iter().map(|one| format!("{}{}", one.path, if one.in_head { "" } else { " (gone)" })).collect();
    names.sort();
    names
}

#[test]
fn every_blob_of_all_references_comes_once() {
    let top = made();
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    let all = repository.history(&HistoryOptions::default()).unwrap();
    let expected = ["a.txt", "a.txt (gone)", "deep/er/b.txt", "key.txt (gone)", "side.txt", "tagged.txt (gone)"];
    assert_eq!(names(&all), expected);
    assert_eq!(all.problems, Vec::<String>::new());
    let key = all.versions.iter().find(|one| &*one.path == "key.txt").unwrap();
    assert_eq!(repository.blob(key.blob, 100).unwrap().unwrap(), b"key\n");
    assert_eq!(repository.blob(key.blob, 3).unwrap(), None);
    assert_eq!(&*key.introduced.as_ref().unwrap().commit, repository.resolve("main~2").unwrap().id);
    // The same again, in the same order.
    assert_eq!(repository.history(&HistoryOptions::default()).unwrap().versions, all.versions);
}

#[test]
fn what_was_walked_is_not_walked_again() {
    let top = made();
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    let all = repository.history(&HistoryOptions::default()).unwrap();
    let mut known: Vec<Vec<u8>> = all.versions.iter().map(|one| one.blob.as_bytes().to_vec()).collect();
    known.sort();
    let options = HistoryOptions { walked: all.tips.clone(), known, ..HistoryOptions::default() };
    let again = repository.history(&options).unwrap();
    assert_eq!((again.versions.len(), again.commits), (0, 0));
    write(top.path(), "new.txt", "new\n");
    write(top.path(), "copy.txt", "key\n");
    commit(top.path(), "later");
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    let later = repository.history(&options).unwrap();
    assert_eq!(names(&later), ["new.txt"]);
    assert_eq!(later.commits, 1);
}

#[test]
fn what_is_added_and_taken_away_within_a_range_is_found() {
    let top = made();
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    let range =
        |base: &str, head: &str| names(&repository.range(&repository.resolve(base).unwrap(), &repository.resolve(head).unwrap()).unwrap());
    assert_eq!(range("start", "main"), ["key.txt (gone)", "side.txt"]);
    assert_eq!(range("main~1", "main"), ["side.txt"]);
    assert_eq!(range("main", "main"), Vec::<String>::new());
}

#[test]
fn the_index_is_compared_with_the_commit_checked_out() {
    let top = made();
    let staged = || {
        let repository = Repository::discover(top.path()).unwrap().unwrap();
        let staged = repository.staged().unwrap();
        staged
            .iter()
            .map(|one| {
                let text = String::from_utf8(repository.blob(one.version.blob, 100).unwrap().unwrap()).unwrap();
                format!("{} {} {text:?}", one.version.path, one.before.is_some())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(staged(), Vec::<String>::new());
    write(top.path(), "a.txt", "changed\n");
    write(top.path(), "new.txt", "new\n");
    assert_eq!(staged(), Vec::<String>::new());
    git(top.path(), &["add", "-A"]);
    // What lies in the work tree since is not what will be committed.
    write(top.path(), "a.txt", "changed again\n");
    assert_eq!(staged(), [r#"a.txt true "changed\n""#, r#"new.txt false "new\n""#]);
    git(top.path(), &["mv", "deep/er/b.txt", "moved.txt"]);
    assert_eq!(staged().len(), 2);
    let empty = tempfile::tempdir().unwrap();
    git(empty.path(), &["init", "-q"]);
    write(empty.path(), "first.txt", "first\n");
    git(empty.path(), &["add", "-A"]);
    assert_eq!(Repository::discover(empty.path()).unwrap().unwrap().staged().unwrap().len(), 1);
}

#[test]
fn what_no_reference_reaches_is_found_when_asked_for() {
    let top = made();
    git(top.path(), &["tag", "-d", "kept"]);
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    let reached = repository.history(&HistoryOptions::default()).unwrap();
    assert!(!names(&reached).contains(&"tagged.txt (gone)".to_owned()));
    let all = repository.history(&HistoryOptions { unreachable: true, ..HistoryOptions::default() }).unwrap();
    let lost: Vec<_> = all.versions.iter().filter(|one| one.introduced.is_none()).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(repository.blob(lost[0].blob, 100).unwrap().unwrap(), b"tagged\n");
}

#[test]
fn a_damaged_history_says_what_is_missing() {
    let top = made();
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    let second = repository.resolve("main~2").unwrap();
    let object = |id: &str| top.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
    std::fs::remove_file(object(&second.tree)).unwrap();
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    let history = repository.history(&HistoryOptions::default()).unwrap();
    assert!(history.problems.iter().any(|problem| problem.contains(&second.tree)), "{:?}", history.problems);
    assert!(!names(&history).contains(&"key.txt (gone)".to_owned()));
    std::fs::write(object(&second.id), b"garbage").ok();
    let mut permissions = std::fs::metadata(object(&second.id)).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    std::fs::set_permissions(object(&second.id), permissions).unwrap();
    std::fs::write(object(&second.id), b"garbage").unwrap();
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    assert!(!repository.history(&HistoryOptions::default()).unwrap().problems.is_empty());
}

#[test]
fn a_shallow_clone_says_so() {
    let top = made();
    let clone = tempfile::tempdir().unwrap();
    let from = format!("file://{}", top.path().display());
    git(clone.path(), &["clone", "-q", "--depth", "1", &from, "c"]);
    let repository = Repository::discover(&clone.path().join("c")).unwrap().unwrap();
    let history = repository.history(&HistoryOptions::default()).unwrap();
    assert!(history.problems.iter().any(|problem| problem.contains("shallow")));
    assert_eq!(history.problems.len(), 1, "{:?}", history.problems);
}

#[test]
fn names_that_are_no_text_are_shown_escaped() {
    let top = tempfile::tempdir().unwrap();
    git(top.path(), &["init", "-q"]);
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9.txt");
    std::fs::write(top.path().join(name), "x\n").unwrap();
    commit(top.path(), "first");
    let repository = Repository::discover(top.path()).unwrap().unwrap();
    assert_eq!(&*repository.history(&HistoryOptions::default()).unwrap().versions[0].path, "caf\\xe9.txt");
}
