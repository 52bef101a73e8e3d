//! What a change touched: `--changed-only` by subject and value, not by line; and which findings were there before.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use probity_core::{Digest, Finding, Place, Status, SubjectKind, SubjectRef, Suppression};
use probity_value::SourceMap;

/// One subject of a revision.
#[derive(Clone, Debug)]
pub struct SubjectState {
    /// Which.
    pub subject: SubjectRef,
    /// Where it stands.
    pub at: Place,
    /// The module calls on the way to it.
    pub via: Vec<Place>,
    /// Digest of its value (`fingerprint::subject_digest`).
    pub value: Digest,
}

/// One finding of the base revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseFinding {
    /// Its fingerprint at the base revision, with the root as it was called there.
    pub fingerprint: Arc<str>,
    /// Its fingerprint with the root as it is called now (`Renames::root`); the same where nothing was renamed.
    pub carried: Arc<str>,
    /// What the rule said there: a result that was unknown and is a fail now is new.
    pub status: Status,
}

/// The base revision, judged with the same rules as the head.
#[derive(Clone, Copy)]
pub struct BaseState<'a> {
    /// Findings that asked for something there.
    pub findings: &'a [BaseFinding],
    /// All its subjects.
    pub subjects: &'a [SubjectState],
    /// Its suppression comments.
    pub suppressions: &'a [Suppression],
    /// The texts its spans lie in.
    pub sources: &'a SourceMap,
    /// What was renamed since.
    pub renames: &'a Renames,
    /// Files that differ between base and head, as they are called at the head.
    pub changed_files: &'a BTreeSet<Arc<str>>,
    /// Files that something was wrong with at the base revision already (skipped, or with an error), as they are called at the head.
    pub broken_files: &'a BTreeSet<Arc<str>>,
}

/// What was renamed between the base revision and the head.
#[derive(Clone, Debug, Default)]
pub struct Renames {
    files: BTreeMap<Arc<str>, Arc<str>>,
    roots: BTreeMap<Arc<str>, Arc<str>>,
}

impl Renames {
    /// From git's renames of files (old, new) and the roots of the head. A root is renamed when it is gone and the files of its
    /// folder went to one other folder; one that still exists is never: a file that moves between two environments is new there.
    #[must_use]
    pub fn new(files: &[(Arc<str>, Arc<str>)], head_roots: &BTreeSet<Arc<str>>) -> Renames {
        let mut votes: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for (old, new) in files {
            *votes.entry(folder(old)).or_default().entry(folder(new)).or_default() += 1;
        }
        let mut roots = BTreeMap::new();
        for (old, targets) in votes {
            if head_roots.contains(old) {
                continue;
            }
            let most = targets.values().copied().max().unwrap_or(0);
            let mut best = targets.iter().filter(|(_, count)| **count == most);
            if let (Some((new, _)), None) = (best.next(), best.next()) {
                roots.insert(Arc::from(old), Arc::from(*new));
            }
        }
        // Two old roots that end in one new one would share fingerprints: neither is carried.
        let mut ends: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for new in roots.values() {
            *ends.entry(Arc::clone(new)).or_default() += 1;
        }
        roots.retain(|_, new| ends.get(new) == Some(&1));
        Renames { files: files.iter().cloned().collect(), roots }
    }

    /// What a file of the base revision is called now; anything that is no renamed file is itself. What lies in an archive
    /// (`outer.zip!/inner`) goes with it.
    #[must_use]
    pub fn file(&self, old: &Arc<str>) -> Arc<str> {
        if let Some(new) = self.files.get(old) {
            return Arc::clone(new);
        }
        let renamed = old.split_once("!/").and_then(|(outer, inner)| Some(format!("{}!/{inner}", self.files.get(outer)?).into()));
        renamed.unwrap_or_else(|| Arc::clone(old))
    }

    /// What a file of the base revision is called now, where it stayed in its folder or its whole folder was renamed. One that went
    /// to another folder that was there already is another file there: two environments share nothing.
    #[must_use]
    pub fn file_in_place(&self, old: &Arc<str>) -> Arc<str> {
        let stayed = |new: &&Arc<str>| {
            let (before, after) = (folder(old), folder(new));
            before == after || self.roots.get(before).is_some_and(|root| **root == *after)
        };
        self.files.get(old).filter(stayed).unwrap_or(old).clone()
    }

    /// What a root of the base revision is called now. A root that is a file itself follows the file.
    #[must_use]
    pub fn root(&self, old: &Arc<str>) -> Arc<str> {
        self.roots.get(old).or_else(|| self.files.get(old)).unwrap_or(old).clone()
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A subject by kind, root and id.
pub(crate) type SubjectKey = (SubjectKind, Arc<str>, Arc<str>);

pub(crate) fn key(subject: &SubjectRef) -> SubjectKey {
    (subject.kind, Arc::clone(&subject.root), Arc::clone(&subject.id))
}

/// A subject of the base revision under the name it has now.
pub(crate) fn carried_key(subject: &SubjectRef, renames: &Renames) -> SubjectKey {
    (subject.kind, renames.root(&subject.root), renames.file(&subject.id))
}

/// Answers what a change touched.
pub struct Changes {
    /// Fingerprint now to fingerprint at the base revision and the statuses it had there.
    before: HashMap<Arc<str>, (Arc<str>, Vec<Status>)>,
    /// Subjects whose value is the same as at the base revision.
    same: HashSet<SubjectKey>,
    known: HashSet<SubjectKey>,
}

impl Changes {
    /// Compares the subjects of the head with the base revision.
    #[must_use]
    pub fn new(base: &BaseState<'_>, head: &[SubjectState]) -> Changes {
        let mut old: HashMap<SubjectKey, Digest> = HashMap::with_capacity(base.subjects.len());
        let mut twice = HashSet::new();
        for state in base.subjects {
            let key = carried_key(&state.subject, base.renames);
            if old.insert(key.clone(), state.value).is_some_and(|before| before != state.value) {
                twice.insert(key);
            }
        }
        let mut same = HashSet::new();
        let mut differs = HashSet::new();
        let mut known = HashSet::new();
        for state in head {
            let key = key(&state.subject);
            known.insert(key.clone());
            // Two subjects of one name that differ: nobody can tell which is which, so both count as changed.
            if old.get(&key) == Some(&state.value) && !twice.contains(&key) {
                same.insert(key);
            } else {
                differs.insert(key);
            }
        }
        same.retain(|key| !differs.contains(key));
        let mut before: HashMap<Arc<str>, (Arc<str>, Vec<Status>)> = HashMap::with_capacity(base.findings.len());
        for finding in base.findings {
            let known = before.entry(Arc::clone(&finding.carried)).or_insert_with(|| (Arc::clone(&finding.fingerprint), Vec::new()));
            if !known.1.contains(&finding.status) {
                known.1.push(finding.status);
            }
        }
        Changes { before, same, known }
    }

    /// Whether the finding was there at the base revision, and said no less there: a fail that was unknown or a warning is new.
    #[must_use]
    pub fn existed(&self, finding: &Finding) -> bool {
        let said = |before: &Status| match finding.status {
            Status::Fail => *before == Status::Fail,
            Status::Warn => matches!(before, Status::Fail | Status::Warn),
            Status::Unknown => matches!(before, Status::Fail | Status::Warn | Status::Unknown),
            other => *before == other,
        };
        self.before.get(&finding.fingerprint).is_some_and(|(_, before)| before.iter().any(said))
    }

    /// The finding's fingerprint at the base revision, where it was there.
    #[must_use]
    pub fn earlier(&self, finding: &Finding) -> Option<&Arc<str>> {
        self.before.get(&finding.fingerprint).map(|(fingerprint, _)| fingerprint)
    }

    /// Whether the change touched it: it is new, or its subject is new or has another value. Something known only by its finding
    /// (of another scanner) is touched when the finding is new.
    #[must_use]
    pub fn touches(&self, finding: &Finding) -> bool {
        let key = key(&finding.subject);
        let changed_subject = self.known.contains(&key) && !self.same.contains(&key);
        changed_subject || !self.existed(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{digest, finding, place, rule};
    use probity_core::Severity;

    fn state(id: &str, root: &str, value: &str) -> SubjectState {
        SubjectState {
            subject: SubjectRef { kind: SubjectKind::Terraform, id: id.into(), type_name: "t".into(), root: root.into() },
            at: place(&format!("{root}/main.tf"), 1),
            via: vec![],
            value: digest(value.as_bytes()),
        }
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(Arc<str>, Arc<str>)> {
        list.iter().map(|(old, new)| (Arc::from(*old), Arc::from(*new))).collect()
    }

    fn renames(list: &[(&str, &str)], roots: &[&str]) -> Renames {
        Renames::new(&pairs(list), &roots.iter().map(|root| Arc::from(*root)).collect())
    }

    #[test]
    fn what_lies_in_an_archive_goes_with_it() {
        let renames = renames(&[("a.zip", "lib/b.zip")], &[]);
        let check = |old: &str, expected: &str| assert_eq!(&*renames.file(&old.into()), expected);
        check("a.zip", "lib/b.zip");
        check("a.zip!/x/y.txt", "lib/b.zip!/x/y.txt");
        check("c.zip!/x/y.txt", "c.zip!/x/y.txt");
    }

    #[test]
    fn roots_follow_their_files() {
        let check = |list: &[(&str, &str)], roots: &[&str], old: &str, expected: &str| {
            assert_eq!(&*renames(list, roots).root(&old.into()), expected);
        };
        check(&[("live/a.tf", "prod/a.tf"), ("live/b.tf", "prod/b.tf")], &["prod"], "live", "prod");
        check(&[("live/a.tf", "prod/a.tf")], &["prod", "live"], "live", "live");
        check(&[("live/a.tf", "prod/a.tf"), ("live/b.tf", "test/b.tf")], &["prod", "test"], "live", "live");
        check(&[("x/a.tf", "prod/a.tf"), ("y/a.tf", "prod/b.tf")], &["prod"], "x", "x");
        check(&[("a.tf", "prod/a.tf")], &["prod"], "", "prod");
        check(&[], &[], "x", "x");
        let in_place = |list: &[(&str, &str)], roots: &[&str]| renames(list, roots).file_in_place(&"live/a.tf".into());
        assert_eq!(&*in_place(&[("live/a.tf", "prod/a.tf")], &["prod"]), "prod/a.tf");
        assert_eq!(&*in_place(&[("live/a.tf", "prod/a.tf")], &["prod", "live"]), "live/a.tf");
        assert_eq!(&*in_place(&[("live/a.tf", "live/b.tf")], &["live"]), "live/b.tf");
    }

    #[test]
    fn touched_by_value_and_not_by_line() {
        let meta = rule("r", Severity::High);
        let mut here = finding(&meta, "aws_s3_bucket.b", "prod/main.tf", Status::Fail);
        let before = BaseFinding { fingerprint: "old".into(), carried: here.fingerprint.clone(), status: Status::Fail };
        let sources = SourceMap::new();
        let none = Renames::default();
        let files = BTreeSet::new();
        let base_subjects = [state("aws_s3_bucket.b", "prod", "one")];
        let base = BaseState {
            findings: &[before],
            subjects: &base_subjects,
            suppressions: &[],
            sources: &sources,
            renames: &none,
            changed_files: &files,
            broken_files: &files,
        };
        let same = Changes::new(&base, &[state("aws_s3_bucket.b", "prod", "one")]);
        assert!(!same.touches(&here));
        assert!(same.existed(&here));
        assert_eq!(same.earlier(&here).map(|text| &**text), Some("old"));
        let other = Changes::new(&base, &[state("aws_s3_bucket.b", "prod", "two")]);
        assert!(other.touches(&here));
        let unlisted = Changes::new(&base, &[]);
        assert!(!unlisted.touches(&here));
        for (before, now, there) in [
            (Status::Fail, Status::Fail, true),
            (Status::Fail, Status::Unknown, true),
            (Status::Unknown, Status::Fail, false),
            (Status::Warn, Status::Fail, false),
            (Status::Error, Status::Fail, false),
            (Status::Skip, Status::Fail, false),
            (Status::Error, Status::Error, true),
            (Status::Fail, Status::Error, false),
        ] {
            let said = [BaseFinding { fingerprint: "old".into(), carried: here.fingerprint.clone(), status: before }];
            let changes = Changes::new(&BaseState { findings: &said, ..base }, &[state("aws_s3_bucket.b", "prod", "one")]);
            let found = Finding { status: now, ..here.clone() };
            assert_eq!((changes.existed(&found), changes.touches(&found)), (there, !there), "{before} {now}");
        }
        here.fingerprint = "new".into();
        assert!(same.touches(&here));
        let doubled = Changes::new(&base, &[state("aws_s3_bucket.b", "prod", "one"), state("aws_s3_bucket.b", "prod", "two")]);
        assert!(doubled.touches(&finding(&meta, "aws_s3_bucket.b", "prod/main.tf", Status::Fail)));
    }

    #[test]
    fn a_renamed_root_is_the_same_root() {
        let sources = SourceMap::new();
        let moved = renames(&[("live/main.tf", "prod/main.tf")], &["prod"]);
        let files = BTreeSet::new();
        let base_subjects = [state("b", "live", "one")];
        let base = BaseState {
            findings: &[],
            subjects: &base_subjects,
            suppressions: &[],
            sources: &sources,
            renames: &moved,
            changed_files: &files,
            broken_files: &files,
        };
        let changes = Changes::new(&base, &[state("b", "prod", "one")]);
        assert!(changes.same.contains(&key(&state("b", "prod", "one").subject)));
    }
}
