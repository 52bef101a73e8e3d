//! A part of CUE, enough for policies about signatures: a document fits a policy where both together are no contradiction.
//!
//! `lexer` and `parser` make the tree, `names` looks that every name means something, `eval` unifies, `library` has the packages. What is
//! not understood is an error with its place and refuses; `docs/reference/cue-subset.md` says which part this is.
//!
//! As upstream, a document need not be whole: a field that the policy asks for and the document does not have is no contradiction. Such
//! fields are named in [`Fits::open`], so that whoever judges can tell.
//!
//! What does not live here: modules and packages of one's own, files, schemas in other languages.

mod eval;
mod lexer;
mod library;
mod names;
mod number;
mod parser;
mod tree;

use std::fmt;
use std::sync::Arc;

use tree::Struct;

/// Longest policy or document, in bytes.
const LONGEST: usize = 16 << 20;

/// A policy in CUE, read.
#[derive(Clone, Debug)]
pub struct CuePolicy {
    tree: Arc<Struct>,
    imports: Arc<[tree::Import]>,
    lines: Lines,
}

/// Why a document does not fit, or the policy is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CueError {
    /// What is wrong.
    pub message: String,
    /// Line and column (from 1) in the policy; none where it is in the document.
    pub at: Option<(u32, u32)>,
    /// Whether this part of CUE is not understood here.
    pub unsupported: bool,
}

impl fmt::Display for CueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.at {
            Some((line, column)) => write!(f, " (line {line}, column {column} of the policy)"),
            None => Ok(()),
        }
    }
}

/// A document fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fits {
    /// Paths the policy asks for of which the document says nothing that could be held against it; the first twenty.
    pub open: Vec<String>,
}

impl CuePolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// What is wrong with it, or not understood.
    pub fn parse(text: &str) -> Result<CuePolicy, CueError> {
        let lines = Lines::of(text);
        let file = read(text, 0).map_err(|problem| problem.of_policy(&lines))?;
        names::check(&file).map_err(|problem| problem.of_policy(&lines))?;
        Ok(CuePolicy { tree: file.body, imports: file.imports.into(), lines })
    }

    /// Holds a JSON document against the policy.
    ///
    /// # Errors
    /// The document is no JSON, contradicts the policy, or a part of the policy cannot be evaluated.
    pub fn judge(&self, document: &str) -> Result<Fits, CueError> {
        let wrong = |why: String| CueError { message: format!("the document is no JSON: {why}"), at: None, unsupported: false };
        // JSON is a part of CUE, but not all that looks like CUE may come in a document.
        serde_json::from_str::<serde_json::Value>(document).map_err(|error| wrong(error.to_string()))?;
        let file = read(document, eval::DOCUMENT).map_err(|problem| wrong(problem.message))?;
        eval::judge(&self.tree, &self.imports, &file.body).map_err(|problem| problem.of_policy(&self.lines))
    }
}

/// Places begin at `from`.
fn read(text: &str, from: usize) -> Result<tree::File, Problem> {
    if text.len() > LONGEST {
        return Err(Problem::new(0, format!("it has {} bytes, more than {LONGEST}", text.len())));
    }
    let tokens = lexer::tokens(text)?;
    parser::file(tokens.into_iter().map(|(token, at)| (token, at + from)).collect())
}

/// Something wrong, at a character.
#[derive(Clone, Debug)]
struct Problem {
    at: usize,
    message: String,
    unsupported: bool,
}

impl Problem {
    fn new(at: usize, message: impl Into<String>) -> Problem {
        Problem { at, message: message.into(), unsupported: false }
    }

    fn unsupported(at: usize, what: impl fmt::Display) -> Problem {
        Problem { at, message: format!("{what} is not understood here"), unsupported: true }
    }

    fn of_policy(self, lines: &Lines) -> CueError {
        CueError { at: lines.place(self.at), message: self.message, unsupported: self.unsupported }
    }
}

/// Where lines begin, in characters.
#[derive(Clone, Debug)]
struct Lines(Arc<[usize]>);

impl Lines {
    fn of(text: &str) -> Lines {
        let breaks = text.chars().enumerate().filter(|(_, letter)| *letter == '\n').map(|(at, _)| at + 1);
        Lines(std::iter::once(0).chain(breaks).collect())
    }

    fn place(&self, at: usize) -> Option<(u32, u32)> {
        // Characters of the document have places beyond those of the policy.
        if at >= eval::DOCUMENT {
            return None;
        }
        let line = self.0.partition_point(|start| *start <= at);
        let start = self.0.get(line.checked_sub(1)?)?;
        Some((u32::try_from(line).ok()?, u32::try_from(at - start + 1).ok()?))
    }
}
