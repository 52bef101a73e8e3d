//! All subjects of a run, found by id, by type and by who refers to whom.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Subject, SubjectKind};

/// Position of a subject in its [`World`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SubjectIndex(pub u32);

/// All subjects of a run with their indexes. Built once, then only read.
#[derive(Debug, Default)]
pub struct World {
    /// Differs between worlds; programs keep what they gather of one by it.
    id: u64,
    subjects: Vec<Subject>,
    by_type: HashMap<(SubjectKind, Arc<str>), Vec<SubjectIndex>>,
    by_id: HashMap<(SubjectKind, Arc<str>, Arc<str>), SubjectIndex>,
    by_block: HashMap<(SubjectKind, Arc<str>, Arc<str>), Vec<SubjectIndex>>,
    refers: Vec<Vec<SubjectIndex>>,
    referred_by: Vec<Vec<SubjectIndex>>,
}

impl World {
    /// Indexes the subjects. References name subjects of the same kind and root; one without an instance key means every instance.
    #[must_use]
    pub fn new(subjects: Vec<Subject>) -> World {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut world = World {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            refers: vec![Vec::new(); subjects.len()],
            referred_by: vec![Vec::new(); subjects.len()],
            ..World::default()
        };
        for (position, subject) in subjects.iter().enumerate() {
            let index = SubjectIndex(u32::try_from(position).unwrap_or(u32::MAX));
            world.by_type.entry((subject.kind, Arc::clone(&subject.type_name))).or_default().push(index);
            world.by_id.entry((subject.kind, Arc::clone(&subject.root), Arc::clone(&subject.id))).or_insert(index);
            let block = subject.block_id();
            if *block != *subject.id {
                world.by_block.entry((subject.kind, Arc::clone(&subject.root), block.into())).or_default().push(index);
            }
        }
        let mut edges: BTreeMap<SubjectIndex, Vec<SubjectIndex>> = BTreeMap::new();
        for (position, subject) in subjects.iter().enumerate() {
            let from = SubjectIndex(u32::try_from(position).unwrap_or(u32::MAX));
            subject.value.each_reference(&mut |reference| {
                let targets = world.resolve(subject.kind, &subject.root, &reference.subject);
                let list = edges.entry(from).or_default();
                for target in targets {
                    if target != from && !list.contains(&target) {
                        list.push(target);
                    }
                }
            });
        }
        for (from, targets) in edges {
            for target in &targets {
                if let Some(list) = world.referred_by.get_mut(target.0 as usize) {
                    list.push(from);
                }
            }
            if let Some(list) = world.refers.get_mut(from.0 as usize) {
                *list = targets;
            }
        }
        world.subjects = subjects;
        world
    }

    /// A number that differs between the worlds of this run: by it programs keep what they gather of one.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The subject at a position.
    #[must_use]
    pub fn subject(&self, index: SubjectIndex) -> Option<&Subject> {
        self.subjects.get(index.0 as usize)
    }

    /// All subjects in order.
    #[must_use]
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// Positions and subjects in order.
    pub fn iter(&self) -> impl Iterator<Item = (SubjectIndex, &Subject)> {
        self.subjects.iter().enumerate().map(|(position, subject)| (SubjectIndex(u32::try_from(position).unwrap_or(u32::MAX)), subject))
    }

    /// Subjects of a type, of all roots.
    #[must_use]
    pub fn of_type(&self, kind: SubjectKind, type_name: &str) -> &[SubjectIndex] {
        self.by_type.get(&(kind, Arc::from(type_name))).map_or(&[], Vec::as_slice)
    }

    /// The subjects an address of a root means: itself, or all its instances.
    #[must_use]
    pub fn resolve(&self, kind: SubjectKind, root: &Arc<str>, id: &Arc<str>) -> Vec<SubjectIndex> {
        let key = (kind, Arc::clone(root), Arc::clone(id));
        if let Some(index) = self.by_id.get(&key) {
            return vec![*index];
        }
        self.by_block.get(&key).cloned().unwrap_or_default()
    }

    /// Subjects this one refers to.
    #[must_use]
    pub fn refers(&self, index: SubjectIndex) -> &[SubjectIndex] {
        self.refers.get(index.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Subjects that refer to this one.
    #[must_use]
    pub fn referred_by(&self, index: SubjectIndex) -> &[SubjectIndex] {
        self.referred_by.get(index.0 as usize).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{Map, Span, Value};

    fn subject(type_name: &str, id: &str, root: &str, value: Value) -> Subject {
        Subject {
            kind: SubjectKind::Terraform,
            type_name: type_name.into(),
            id: id.into(),
            root: root.into(),
            span: Span::NONE,
            head: Span::NONE,
            value,
            via: vec![],
        }
    }

    #[test]
    fn references_stay_in_their_root_and_reach_every_instance() {
        let empty = || Value::map(Map::new(), Span::NONE);
        let mut map = Map::new();
        map.insert("bucket", Span::NONE, Value::reference("aws_s3_bucket.b", "id", Span::NONE));
        let world = World::new(vec![
            subject("aws_s3_bucket", "aws_s3_bucket.b[0]", "prod", empty()),
            subject("aws_s3_bucket", "aws_s3_bucket.b[1]", "prod", empty()),
            subject("aws_s3_bucket", "aws_s3_bucket.b", "test", empty()),
            subject("aws_s3_bucket_acl", "aws_s3_bucket_acl.a", "prod", Value::map(map, Span::NONE)),
        ]);
        assert_eq!(world.refers(SubjectIndex(3)), [SubjectIndex(0), SubjectIndex(1)]);
        assert_eq!(world.referred_by(SubjectIndex(0)), [SubjectIndex(3)]);
        assert!(world.referred_by(SubjectIndex(2)).is_empty());
        assert_eq!(world.of_type(SubjectKind::Terraform, "aws_s3_bucket").len(), 3);
    }
}
