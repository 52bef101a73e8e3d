//! Going on after a problem: where the next thing begins.

use super::parse::Parser;

/// Looks ahead, possibly to the end of the file, for the end of something broken; more would take the square of the file's size.
const MAX_LOOKS_AHEAD: u32 = 64;

impl Parser<'_> {
    /// After a problem in what began at `start`: goes on behind it where its brackets are balanced, else at the line of the problem if
    /// that can begin something, else at the next line; never past the `}` of the block.
    pub(super) fn recover(&mut self, start: usize) {
        self.newlines = true;
        let problem = self.pos;
        self.pos = start;
        if self.may_look_ahead() && self.skip_balanced(problem) {
            return;
        }
        self.pos = problem;
        let line =
            self.text.as_bytes().get(start..problem).unwrap_or_default().iter().rposition(|byte| *byte == b'\n').map(|at| start + at + 1);
        if let Some(line) = line {
            self.pos = line;
            self.skip();
            let begins = self.pos;
            if self.name().is_some() {
                self.skip();
                if (self.peek() == b'=' && self.byte(self.pos + 1) != b'=') || matches!(self.peek(), b'{' | b'"') {
                    self.pos = begins;
                    return;
                }
            }
        }
        self.pos = problem;
        while !self.at_end() && self.peek() != b'\n' && self.peek() != b'}' {
            self.pos += 1;
        }
    }

    /// Counts a look ahead that may fail.
    pub(super) fn may_look_ahead(&self) -> bool {
        self.looks_ahead.set(self.looks_ahead.get() + 1);
        self.looks_ahead.get() <= MAX_LOOKS_AHEAD
    }

    /// Whether so many heredocs had no end that looking for the end of another is not worth it.
    pub(super) fn heredocs_have_failed(&self) -> bool {
        self.looks_ahead.get() > MAX_LOOKS_AHEAD
    }

    pub(super) fn count_failed_heredoc(&self) {
        self.looks_ahead.set(self.looks_ahead.get() + 1);
    }

    /// Skips to the end of a line that lies outside of all brackets opened since, and not before `least`. False where brackets do not
    /// match or stay open.
    fn skip_balanced(&mut self, least: usize) -> bool {
        let mut open: Vec<u8> = Vec::new();
        while !self.at_end() {
            let byte = self.peek();
            match byte {
                b'\n' if open.is_empty() && self.pos >= least => return true,
                b'\n' => {
                    self.pos += 1;
                    if self.begins_top_level() {
                        return false;
                    }
                }
                b'{' | b'[' | b'(' => {
                    open.push(byte);
                    self.pos += 1;
                }
                b'}' | b']' | b')' => {
                    let wanted = match byte {
                        b'}' => b'{',
                        b']' => b'[',
                        _ => b'(',
                    };
                    match open.pop() {
                        Some(before) if before == wanted => self.pos += 1,
                        None if byte == b'}' && self.pos >= least => return true,
                        _ => return false,
                    }
                }
                b'"' => self.skip_quoted(),
                b'#' => self.line_comment(),
                b'/' if self.byte(self.pos + 1) == b'/' => self.line_comment(),
                b'/' if self.byte(self.pos + 1) == b'*' => self.block_comment(),
                b'<' if self.byte(self.pos + 1) == b'<' => match self.heredoc_extent() {
                    Some(extent) => self.pos = extent.after,
                    None => self.pos += 2,
                },
                _ => self.pos += 1,
            }
        }
        open.is_empty()
    }

    /// Skips a quoted text roughly: to its closing quote, or to the end of the line.
    fn skip_quoted(&mut self) {
        self.pos += 1;
        while !self.at_end() {
            match self.peek() {
                b'\\' => self.pos = (self.pos + 2).min(self.end),
                b'"' => {
                    self.pos += 1;
                    return;
                }
                b'\n' => return,
                _ => self.pos += 1,
            }
        }
    }
}
