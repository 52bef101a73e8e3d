//! Every rule that names an edit: it mends failing examples of the rule, and the rule's mended examples pass.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_catalog::{Selection, builtin};
use probity_checks::TestSource;
use probity_core::{EvalContext, Program, Status, SubjectIndex, SubjectKind, World};
use probity_iac::edit;
use support::world;

/// Subjects that fail, by position.
fn failing(program: &dyn Program, world: &World) -> Vec<SubjectIndex> {
    (0..u32::try_from(world.subjects().len()).unwrap())
        .map(SubjectIndex)
        .filter(|index| program.evaluate(*index, world, &EvalContext::default()).iter().any(|result| result.status == Status::Fail))
        .collect()
}

/// How mending an example came out.
enum Outcome {
    Mended,
    /// No edit for the language or the types of the example.
    NoEdit,
    /// The edit is not made, and why.
    Refused(String),
    /// It still fails, or cannot be read: what the text is.
    Useless(String),
}

fn mend(program: &dyn Program, rule: &str, language: TestSource, text: &str) -> Outcome {
    let before = world(language, text).unwrap().0;
    let mut text = text.to_owned();
    let mut made = false;
    let mut refused = None;
    // From the last to the first, so that the places of those before stay.
    let mut subjects: Vec<_> = failing(program, &before).into_iter().filter_map(|index| before.subject(index)).collect();
    let start = |subject: &probity_core::Subject| match subject.kind {
        SubjectKind::Terraform => subject.span.start as usize,
        _ => subject.value.span.start as usize,
    };
    subjects.sort_by_key(|subject| std::cmp::Reverse(start(subject)));
    subjects.dedup_by_key(|subject| start(subject));
    for subject in subjects {
        let Some(wanted) = program.edit(rule, subject) else { continue };
        match edit::apply(subject.kind, language.file(), &text, start(subject), &subject.id, &wanted) {
            Ok(edited) => {
                text = edited.text;
                made = true;
            }
            Err(error) => refused = Some(error.to_string()),
        }
    }
    match (made, refused) {
        (false, None) => return Outcome::NoEdit,
        (_, Some(why)) => return Outcome::Refused(why),
        (true, None) => {}
    }
    let (after, said) = world(language, &text).unwrap();
    let broken = said.iter().any(|one| one.level == probity_core::Level::Error);
    if broken || !failing(program, &after).is_empty() { Outcome::Useless(text) } else { Outcome::Mended }
}

#[test]
fn every_edit_mends_an_example_of_its_rule() {
    let catalog = builtin();
    let mut wrong = Vec::new();
    let mut mending: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for rule in catalog.rules().filter(|rule| rule.mends) {
        let program = catalog.program(&Selection { only: vec![Arc::clone(&rule.id)], preview: true, ..Selection::default() });
        let explained = catalog.explain(&rule.id);
        let examples = explained.iter().filter(|one| one.meta.id == rule.id).flat_map(|one| &one.examples);
        let mut said = Vec::new();
        for example in examples.filter(|example| example.expect == "fail") {
            let language = TestSource::ALL.iter().find(|(word, ..)| *word == example.language).unwrap().1;
            match mend(&program, &rule.id, language, &example.text) {
                Outcome::Mended => *mending.entry(Arc::clone(&rule.id)).or_default() += 1,
                Outcome::NoEdit => {}
                Outcome::Refused(why) => said.push(format!("{}: {why}", example.name)),
                Outcome::Useless(text) => said.push(format!("{}: still fails:\n{text}", example.name)),
            }
        }
        if !mending.contains_key(&rule.id) {
            wrong.push(format!("{}: no example is mended\n  {}", rule.id, said.join("\n  ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rules name an edit that mends no example; say `edit: none` or a better one:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(mending.len() >= 150, "only {} rules mend what they find", mending.len());
    println!("{} rules mend {} of their failing examples", mending.len(), mending.values().sum::<usize>());
}
