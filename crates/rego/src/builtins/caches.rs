//! Compiled patterns, kept for all evaluations of a program.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use regex::Regex;

use crate::builtins::Failure;

/// Patterns kept at most; beyond it all are forgotten and the keeping begins anew.
const MOST: usize = 500;

/// Bytes a compiled regular expression may take.
const REGEX_SIZE: usize = 4 << 20;

/// Characters a regular expression may have.
const REGEX_LENGTH: usize = 64 << 10;

/// A map that many threads fill.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    entries: RwLock<HashMap<Box<str>, T>>,
}

impl<T> Default for Cache<T> {
    fn default() -> Cache<T> {
        Cache { entries: RwLock::default() }
    }
}

impl<T: Clone> Cache<T> {
    /// What is kept under a key, or what is made now and kept if there is no error.
    pub(crate) fn get_or<E>(&self, key: &str, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if let Some(found) = self.entries.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Ok(found.clone());
        }
        let made = make()?;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST {
            entries.clear();
        }
        entries.insert(key.into(), made.clone());
        Ok(made)
    }
}

/// Compiled patterns. Shared by all threads that evaluate a program.
#[derive(Debug, Default)]
pub struct Caches {
    regexes: Cache<Arc<Regex>>,
    templates: Cache<Arc<Regex>>,
    globs: Cache<Arc<Regex>>,
    schemas: Cache<Arc<jsonschema::Validator>>,
}

impl Caches {
    /// The regular expression of a text in the syntax of RE2.
    pub(crate) fn regex(&self, pattern: &str) -> Result<Arc<Regex>, Failure> {
        self.regexes.get_or(pattern, || compile(pattern).map(Arc::new))
    }

    /// The regular expression of a template, by a key that names its delimiters too.
    pub(crate) fn template(&self, key: &str, make: impl FnOnce() -> Result<Regex, Failure>) -> Result<Arc<Regex>, Failure> {
        self.templates.get_or(key, || make().map(Arc::new))
    }

    /// The compiled form of a schema, by its text.
    pub(crate) fn schema(
        &self,
        text: &str,
        make: impl FnOnce() -> Result<Arc<jsonschema::Validator>, Failure>,
    ) -> Result<Arc<jsonschema::Validator>, Failure> {
        self.schemas.get_or(text, make)
    }

    /// The regular expression of a glob, by a key that names its delimiters too.
    pub(crate) fn glob(&self, key: &str, make: impl FnOnce() -> Result<Regex, Failure>) -> Result<Arc<Regex>, Failure> {
        self.globs.get_or(key, || make().map(Arc::new))
    }
}

/// Compiles a regular expression within bounds.
pub(crate) fn compile(pattern: &str) -> Result<Regex, Failure> {
    if pattern.len() > REGEX_LENGTH {
        return Err(Failure::Halt("the regular expression is too long".to_owned()));
    }
    let translated = super::regexes::translate(pattern).map_err(|reason| Failure::Failed(format!("error parsing regexp: {reason}")))?;
    match regex::RegexBuilder::new(&translated).size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE).nest_limit(200).build() {
        Ok(regex) => Ok(regex),
        Err(regex::Error::CompiledTooBig(_)) => Err(Failure::Halt("the regular expression is too large".to_owned())),
        Err(_) => Err(Failure::Failed(format!("error parsing regexp: `{pattern}`"))),
    }
}
