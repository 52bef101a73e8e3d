//! Text to modules and queries.

mod describe;
mod lexer;
mod rules;
mod terms;

use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::FileId;

use crate::Term;
use crate::ast::{Literal, Module, Version};
use lexer::{Fault, Lexer, Token, Word};

/// Expressions may be nested this deep.
const MAX_DEPTH: u32 = 160;

type Step<T> = Result<T, Fault>;

/// Which words are keywords where they need not be.
#[derive(Clone, Copy, Default)]
struct Keywords {
    r#in: bool,
    every: bool,
    contains: bool,
    r#if: bool,
}

impl Keywords {
    const ALL: Keywords = Keywords { r#in: true, every: true, contains: true, r#if: true };
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    word: Word,
    /// Where the word before ended.
    last_end: usize,
    keywords: Keywords,
    v1: bool,
    depth: u32,
    /// Words that may still be read.
    budget: usize,
    /// The fault that reached farthest, for a better message after a second reading.
    farthest: Option<Fault>,
}

/// Reads a module. `import rego.v1` in it makes it v1 whatever `version` says.
pub(crate) fn module(file: &Arc<str>, text: &str, id: FileId, version: Version) -> Result<Module, Diagnostic> {
    let fail = |fault: Fault| {
        Diagnostic::new(Level::Error, "rego-syntax", Arc::clone(file), probity_value::Span::new(id, fault.start..fault.end), fault.message)
    };
    let mut parser = Parser::new(text, id, version).map_err(fail)?;
    parser.module(file).map_err(fail)
}

/// What `rego.parse_module` gives of a text.
pub(crate) fn description(file: &str, text: &str) -> Result<Term, String> {
    match module(&file.into(), text, FileId::NONE, Version::V1) {
        Ok(module) => Ok(describe::module(&module)),
        Err(problem) => Err(problem.message),
    }
}

/// Reads a query: the lines of a body.
pub(crate) fn query(text: &str, version: Version) -> Result<Vec<Literal>, Diagnostic> {
    let file: Arc<str> = "query".into();
    let fail = |fault: Fault| {
        Diagnostic::new(
            Level::Error,
            "rego-syntax",
            Arc::clone(&file),
            probity_value::Span::new(FileId::NONE, fault.start..fault.end),
            fault.message,
        )
    };
    let mut parser = Parser::new(text, FileId::NONE, version).map_err(fail)?;
    let body = parser.body(None).map_err(fail)?;
    match parser.word.token {
        Token::End => Ok(body),
        _ => Err(fail(parser.unexpected("the end of the query"))),
    }
}

/// Reads a term without variables as it is written in Rego; `None` where it is none.
#[must_use]
pub fn ground_term(text: &str) -> Option<Term> {
    let mut parser = Parser::new(text, FileId::NONE, Version::V1).ok()?;
    let expr = parser.infix(true).ok()?;
    if parser.word.token == Token::End { ground(&expr) } else { None }
}

fn ground(expr: &crate::ast::Expr) -> Option<Term> {
    use crate::ast::ExprKind;
    Some(match &expr.kind {
        ExprKind::Scalar(term) => term.clone(),
        ExprKind::Array(items) => Term::array(items.iter().map(ground).collect::<Option<Vec<_>>>()?),
        ExprKind::Set(items) => Term::set(items.iter().map(ground).collect::<Option<Vec<_>>>()?),
        ExprKind::Object(pairs) => {
            Term::object(pairs.iter().map(|(key, value)| Some((ground(key)?, ground(value)?))).collect::<Option<Vec<_>>>()?)
        }
        _ => return None,
    })
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, file: FileId, version: Version) -> Step<Parser<'a>> {
        if text.len() >= u32::MAX as usize {
            return Err(Fault::new(0, 0, "the text is too long"));
        }
        let mut lexer = Lexer::new(text, file);
        let word = lexer.next(0)?;
        let v1 = version == Version::V1;
        let keywords = if v1 { Keywords::ALL } else { Keywords::default() };
        Ok(Parser {
            lexer,
            word,
            last_end: 0,
            keywords,
            v1,
            depth: 0,
            budget: text.len().saturating_mul(20).saturating_add(10_000),
            farthest: None,
        })
    }

    fn advance(&mut self) -> Step<()> {
        // Text that may be read in two ways is read again; how often is bounded.
        self.budget = self.budget.saturating_sub(1);
        if self.budget == 0 {
            let fault = Fault::new(self.word.start, self.word.end, "too many ways to read this");
            return Err(Fault { fatal: true, ..fault });
        }
        self.last_end = self.word.end;
        self.word = self.lexer.next(self.word.end)?;
        Ok(())
    }

    /// The words go on at this byte.
    fn resume(&mut self, at: usize) -> Step<()> {
        self.last_end = at;
        self.word = self.lexer.next(at)?;
        Ok(())
    }

    fn save(&self) -> (Word, usize) {
        (self.word.clone(), self.last_end)
    }

    fn restore(&mut self, saved: (Word, usize)) {
        (self.word, self.last_end) = saved;
    }

    fn at(&self, mark: &str) -> bool {
        matches!(&self.word.token, Token::Mark(found) if *found == mark)
    }

    fn at_name(&self, name: &str) -> bool {
        matches!(&self.word.token, Token::Name(found) if **found == *name)
    }

    /// Whether the word follows the one before without space.
    fn adjacent(&self) -> bool {
        self.word.start == self.last_end
    }

    /// Whether a way into something follows the word without space: then it is a name, whatever it says.
    fn heads_ref(&self) -> bool {
        matches!(self.lexer.byte(self.word.end), Some(b'.' | b'['))
    }

    fn accept(&mut self, mark: &str) -> Step<bool> {
        if self.at(mark) {
            self.advance()?;
            return Ok(true);
        }
        Ok(false)
    }

    fn expect(&mut self, mark: &str) -> Step<()> {
        if self.accept(mark)? { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let found = match &self.word.token {
            Token::End => "the end of the text".to_owned(),
            Token::Template(_) => "a template".to_owned(),
            Token::Text(_) => "text".to_owned(),
            Token::Name(name) | Token::Number(name) => format!("`{name}`"),
            Token::Mark(mark) => format!("`{mark}`"),
        };
        Fault::new(self.word.start, self.word.end, format!("expected {wanted}, found {found}"))
    }

    fn fault_at(&self, start: usize, message: impl Into<String>) -> Fault {
        Fault::new(start, self.last_end.max(start), message)
    }

    /// Tries one reading; where it fails, nothing was read and the fault is kept for the message.
    fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Step<T>) -> Step<Option<T>> {
        let saved = self.save();
        let depth = self.depth;
        match read(self) {
            Ok(value) => Ok(Some(value)),
            Err(fault) if fault.fatal => Err(fault),
            Err(fault) => {
                self.depth = depth;
                self.restore(saved);
                if self.farthest.as_ref().is_none_or(|farthest| farthest.start < fault.start) {
                    self.farthest = Some(fault);
                }
                Ok(None)
            }
        }
    }

    /// The better of two faults: the one that got farther.
    fn better(&self, fault: Fault) -> Fault {
        match &self.farthest {
            Some(farthest) if farthest.start > fault.start => farthest.clone(),
            _ => fault,
        }
    }

    fn enter(&mut self) -> Step<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let fault = Fault::new(self.word.start, self.word.end, format!("nested deeper than {MAX_DEPTH} levels"));
            return Err(Fault { fatal: true, ..fault });
        }
        Ok(())
    }
}
