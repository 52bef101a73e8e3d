//! Controls found by their ids, in the spelling of their framework or of OSCAL.

use std::collections::HashMap;

use probity_catalog::{Framework, Requirement};
use probity_checks::nearest;

/// No control, or no framework, is called so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no control is called `{id}`; the nearest is `{nearest}`")]
pub struct UnknownControl {
    /// What was asked for.
    pub id: String,
    /// The nearest there is.
    pub nearest: String,
}

/// One control: a requirement of a framework.
#[derive(Clone, Copy, Debug)]
pub struct Control<'a> {
    /// The framework.
    pub framework: &'a Framework,
    /// The requirement.
    pub requirement: &'a Requirement,
}

impl Control<'_> {
    /// Its id: `nist-800-53r5/AC-2(1)`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.framework.id, self.requirement.id)
    }
}

/// All controls of some frameworks.
#[derive(Clone, Debug)]
pub struct Catalogue<'a> {
    frameworks: &'a [Framework],
    /// Places of framework and requirement by the normal spelling of the id.
    by_id: HashMap<String, (usize, usize)>,
}

/// One spelling for all: letters in lower case, `(1)` as `.1`.
fn normal(id: &str) -> String {
    id.trim().to_lowercase().replace('(', ".").replace([')', ' '], "")
}

impl<'a> Catalogue<'a> {
    /// Indexes frameworks.
    #[must_use]
    pub fn new(frameworks: &'a [Framework]) -> Catalogue<'a> {
        let mut by_id = HashMap::new();
        for (place, framework) in frameworks.iter().enumerate() {
            for (number, requirement) in framework.requirements.iter().enumerate() {
                by_id.insert(normal(&format!("{}/{}", framework.id, requirement.id)), (place, number));
            }
        }
        Catalogue { frameworks, by_id }
    }

    /// The frameworks.
    #[must_use]
    pub fn frameworks(&self) -> &'a [Framework] {
        self.frameworks
    }

    fn at(&self, (place, number): (usize, usize)) -> Option<Control<'a>> {
        let framework = self.frameworks.get(place)?;
        Some(Control { framework, requirement: framework.requirements.get(number)? })
    }

    /// The control of an id: `nist-800-53r5/AC-2(1)`, `nist-800-53r5/ac-2.1`.
    ///
    /// # Errors
    /// [`UnknownControl`] with the nearest there is.
    pub fn find(&self, id: &str) -> Result<Control<'a>, UnknownControl> {
        let found = self.by_id.get(&normal(id)).and_then(|place| self.at(*place));
        found.ok_or_else(|| UnknownControl { id: id.chars().take(100).collect(), nearest: self.nearest(id) })
    }

    /// All controls of a framework, in its order; `None` where there is no such framework.
    #[must_use]
    pub fn of_framework(&self, id: &str) -> Option<Vec<Control<'a>>> {
        let framework = self.frameworks.iter().find(|known| known.id.eq_ignore_ascii_case(id))?;
        Some(framework.requirements.iter().map(|requirement| Control { framework, requirement }).collect())
    }

    /// All controls, framework by framework.
    pub fn controls(&self) -> impl Iterator<Item = Control<'a>> {
        self.frameworks
            .iter()
            .flat_map(|framework| framework.requirements.iter().map(move |requirement| Control { framework, requirement }))
    }

    /// The nearest id: within the framework where that is known, and the one that begins alike where none is near.
    fn nearest(&self, id: &str) -> String {
        let wanted = normal(id);
        let prefix = wanted.split('/').next().unwrap_or_default();
        let known = self.frameworks.iter().find(|framework| framework.id == prefix);
        let all: Vec<String> = match known {
            Some(framework) => framework.requirements.iter().map(|one| format!("{}/{}", framework.id, one.id)).collect(),
            None => self.controls().map(|control| control.id()).collect(),
        };
        let spelled: Vec<String> = all.iter().map(|id| normal(id)).collect();
        let near = nearest(&wanted, spelled.iter().map(String::as_str));
        let near = near.and_then(|near| all.iter().zip(&spelled).find(|(_, spelled)| *spelled == near));
        near.map(|(id, _)| id.clone())
            .or_else(|| {
                let common = |candidate: &String| normal(candidate).chars().zip(wanted.chars()).take_while(|(a, b)| a == b).count();
                // The first of those that begin alike the longest.
                all.iter().rev().max_by_key(|candidate| common(candidate)).cloned()
            })
            .unwrap_or_default()
    }
}
