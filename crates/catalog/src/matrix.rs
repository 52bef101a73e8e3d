//! Which rules speak for which requirements of a framework, and where each pair comes from.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::RuleMeta;

use crate::controls::{Framework, Requirement};

/// A framework beside the rules.
#[derive(Clone, Debug)]
pub struct Matrix<'a> {
    /// The framework.
    pub framework: &'a Framework,
    /// Its requirements in their order.
    pub rows: Vec<Row<'a>>,
}

/// One requirement and the rules that speak for it.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The requirement.
    pub requirement: &'a Requirement,
    /// The rules, sorted by id, each once.
    pub pairs: Vec<Pair>,
}

/// One rule that speaks for a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The rule's id.
    pub rule: Arc<str>,
    /// Where the pair comes from.
    pub provenance: PairProvenance,
}

/// Where a (rule, requirement) pair comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PairProvenance {
    /// The rule names the requirement in its own file.
    Rule,
    /// The framework's file names the rule.
    Framework,
    /// The rule speaks for this control of another framework, from which the crosswalk leads here.
    Through(String),
}

/// How far a requirement is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cover {
    /// At least one rule speaks for it.
    Rules,
    /// No rule over files can prove it.
    Unprovable,
    /// A rule could, and none does.
    None,
}

impl Cover {
    /// The word used in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Cover::Rules => "rules",
            Cover::Unprovable => "not-provable",
            Cover::None => "none",
        }
    }
}

impl Row<'_> {
    /// How far the requirement is covered.
    #[must_use]
    pub fn cover(&self) -> Cover {
        if !self.pairs.is_empty() {
            Cover::Rules
        } else if self.requirement.unprovable.is_some() {
            Cover::Unprovable
        } else {
            Cover::None
        }
    }
}

impl Matrix<'_> {
    /// How many requirements are covered that way.
    #[must_use]
    pub fn count(&self, cover: Cover) -> usize {
        self.rows.iter().filter(|row| row.cover() == cover).count()
    }
}

/// The matrix of one framework over rules. A rule that names a requirement itself is a pair of its own file, whatever else leads there.
#[must_use]
pub fn matrix<'a>(framework: &'a Framework, rules: &[Arc<RuleMeta>]) -> Matrix<'a> {
    let mut by_control: BTreeMap<&str, Vec<&Arc<str>>> = BTreeMap::new();
    for rule in rules {
        for control in &rule.controls {
            by_control.entry(control).or_default().push(&rule.id);
        }
    }
    let of = |control: &str| by_control.get(control).into_iter().flatten().copied();
    let rows = framework
        .requirements
        .iter()
        .map(|requirement| {
            let mut pairs: BTreeMap<Arc<str>, PairProvenance> = BTreeMap::new();
            for rule in of(&format!("{}/{}", framework.id, requirement.id)) {
                pairs.insert(Arc::clone(rule), PairProvenance::Rule);
            }
            for rule in rules.iter().filter(|rule| requirement.rules.iter().any(|id| **id == *rule.id)) {
                pairs.entry(Arc::clone(&rule.id)).or_insert(PairProvenance::Framework);
            }
            for control in &requirement.from {
                for rule in of(control) {
                    pairs.entry(Arc::clone(rule)).or_insert_with(|| PairProvenance::Through(control.clone()));
                }
            }
            let pairs = pairs.into_iter().map(|(rule, provenance)| Pair { rule, provenance }).collect();
            Row { requirement, pairs }
        })
        .collect();
    Matrix { framework, rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_checks::RuleDocument;
    use probity_value::FileId;

    fn rule(id: &str, controls: &str) -> Arc<RuleMeta> {
        let text = format!(
            "id: {id}\ntitle: t\nseverity: low\nstage: {{ stable: 0.1.0 }}\napplies_to: [t]\ncontrols: [{controls}]\nwhy: w\nfix: f\ncheck: {{ fail_if: true }}\ntests:\n  fail: [{{ name: f, terraform: '' }}]\n  pass: [{{ name: p, terraform: '' }}]\n"
        );
        let (document, wrong) = RuleDocument::parse(&text, "rule.yaml", FileId(0));
        assert!(wrong.is_empty(), "{wrong:?}");
        Arc::new(document.unwrap().meta)
    }

    fn framework(requirements: &str) -> Framework {
        let text = format!("framework: f-1\ntitle: F\nsource: s\ncrosswalk: by us\nrequirements:\n{requirements}");
        let (framework, wrong) = Framework::parse(&text, "controls/f-1.yaml", FileId(0));
        assert!(wrong.is_empty(), "{wrong:?}");
        framework.unwrap()
    }

    #[test]
    fn each_pair_says_where_it_comes_from() {
        let framework = framework(
            "  \"1\": { title: own, from: [g/2] }\n  \"2\": { title: named, rules: [r-b] }\n  \"3\": { title: people, unprovable: asks people }\n  \"4\": { title: nobody }\n",
        );
        let rules = [rule("r-a", "f-1/1, g/2"), rule("r-b", "g/2"), rule("r-c", "g/3")];
        let matrix = matrix(&framework, &rules);
        let check = |row: usize, expected: &str| {
            let row = &matrix.rows[row];
            let pairs: Vec<String> = row.pairs.iter().map(|pair| format!("{} {:?}", pair.rule, pair.provenance)).collect();
            assert_eq!(format!("{} {}", row.cover().as_str(), pairs.join(", ")).trim(), expected);
        };
        check(0, "rules r-a Rule, r-b Through(\"g/2\")");
        check(1, "rules r-b Framework");
        check(2, "not-provable");
        check(3, "none");
        assert_eq!((matrix.count(Cover::Rules), matrix.count(Cover::Unprovable), matrix.count(Cover::None)), (2, 1, 1));
    }

    #[test]
    fn a_crosswalk_says_where_it_comes_from() {
        let check = |requirement: &str, expected: &str| {
            let text = format!("framework: f\ntitle: F\nsource: s\nrequirements:\n  \"1\": {requirement}\n");
            let (_, wrong) = Framework::parse(&text, "controls/f.yaml", FileId(0));
            assert_eq!(wrong.iter().map(|one| &*one.message).collect::<Vec<_>>(), [expected], "{requirement}");
        };
        check("{ title: t, from: [g/1] }", "`from` needs the framework's `crosswalk`, which says where the pairs come from");
        check("{ title: t, form: [g/1] }", "`form` is not a known key of a requirement; did you mean `from`");
        check("{ title: t, unprovable: '' }", "`unprovable` of `1` says why no rule can prove it; then it has neither `from` nor `rules`");
        check("{ unprovable: asks people }", "the requirement `1` needs a `title`");
    }
}
