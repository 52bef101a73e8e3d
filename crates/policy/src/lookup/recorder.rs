//! Keeps every answer, so that a decision can be replayed and shown to rest on them.

use std::sync::{Mutex, PoisonError};

use probity_core::{Lookup, LookupError, Question};
use probity_value::Value;

/// One answer that was given.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// What was asked.
    pub question: Question,
    /// What was answered.
    pub answer: Result<Value, LookupError>,
}

/// Asks another and keeps what it says. A question that was answered once gets the same answer again: one decision sees one world.
pub struct Recorder<'a> {
    inner: &'a dyn Lookup,
    answers: Mutex<Vec<Answer>>,
}

impl<'a> Recorder<'a> {
    /// Records what `inner` says.
    #[must_use]
    pub fn new(inner: &'a dyn Lookup) -> Recorder<'a> {
        Recorder { inner, answers: Mutex::default() }
    }

    /// The answers, in the order they were first asked for.
    #[must_use]
    pub fn answers(&self) -> Vec<Answer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Lookup for Recorder<'_> {
    fn ask(&self, question: &Question) -> Result<Value, LookupError> {
        // INVARIANT: the lock is held while asking, so that two threads cannot get two answers.
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = answers.iter().find(|known| known.question == *question) {
            return known.answer.clone();
        }
        let answer = self.inner.ask(question);
        answers.push(Answer { question: question.clone(), answer: answer.clone() });
        answer
    }
}

impl std::fmt::Debug for Recorder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::Span;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Counting(AtomicI64);

    impl Lookup for Counting {
        fn ask(&self, _: &Question) -> Result<Value, LookupError> {
            Ok(Value::int(self.0.fetch_add(1, Ordering::Relaxed), Span::NONE))
        }
    }

    #[test]
    fn the_same_question_gets_the_same_answer_and_is_kept_once() {
        let inner = Counting(AtomicI64::new(0));
        let recorder = Recorder::new(&inner);
        let ask = |name: &str| recorder.ask(&Question::Host { name: name.into() }).unwrap().as_int();
        assert_eq!([ask("a"), ask("b"), ask("a")], [Some(0), Some(1), Some(0)]);
        assert_eq!(recorder.answers().len(), 2);
    }
}
