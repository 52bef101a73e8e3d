//! Text of a Dockerfile to logical lines: parser directives, comments, continuations, here-documents.
//!
//! What does not live here: what the instructions mean.

use probity_value::{FileId, Span};

/// Text put together from pieces of a file, that knows where each piece stood.
#[derive(Clone, Debug, Default)]
pub(super) struct Joined {
    pub(super) text: String,
    /// Starts of pieces, in the joined text and in the file, ascending.
    pieces: Vec<(usize, usize)>,
}

impl Joined {
    fn push(&mut self, text: &str, at: usize) {
        if !text.is_empty() {
            self.pieces.push((self.text.len(), at));
            self.text.push_str(text);
        }
    }

    /// Takes the next line of a continued instruction in: spaces around the break become one, and where there are none, none.
    fn continue_with(&mut self, text: &str, at: usize) {
        let rest = text.trim_start_matches([' ', '\t']);
        let kept = self.text.trim_end_matches([' ', '\t']).len();
        let space = kept < self.text.len() || rest.len() < text.len();
        self.text.truncate(kept);
        // The pieces ascend, so only the last ones can go: a look at all of them for each line would never end.
        while self.pieces.last().is_some_and(|(start, _)| *start >= kept && *start > 0) {
            self.pieces.pop();
        }
        if space && kept > 0 && !rest.is_empty() {
            self.push(" ", at);
        }
        self.push(rest, at + text.len() - rest.len());
    }

    fn position(&self, offset: usize) -> usize {
        let index = self.pieces.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        self.pieces.get(index).map_or(0, |(start, at)| at + offset.saturating_sub(*start))
    }

    /// Where a part of the joined text stands in the file, from its first to its last byte.
    pub(super) fn span(&self, file: FileId, range: std::ops::Range<usize>) -> Span {
        let start = self.position(range.start);
        let end = if range.end > range.start { self.position(range.end - 1) + 1 } else { start };
        Span::new(file, start..end.max(start))
    }

    /// The part from `start` on, with its places.
    pub(super) fn from(&self, start: usize) -> Joined {
        let text = self.text.get(start..).unwrap_or_default().to_owned();
        let mut pieces = vec![(0, self.position(start))];
        pieces.extend(self.pieces.iter().filter(|(at, _)| *at > start).map(|(at, place)| (at - start, *place)));
        Joined { text, pieces }
    }
}

/// A here-document of an instruction.
#[derive(Clone, Debug)]
pub(super) struct Heredoc {
    pub(super) name: String,
    /// Whether variables in it are put in: not where its name is quoted.
    pub(super) expand: bool,
    /// Its lines, without leading tabs for `<<-`.
    pub(super) body: Joined,
    pub(super) span: Span,
}

/// One instruction: its text over all its lines, and its here-documents.
#[derive(Debug)]
pub(super) struct Logical {
    pub(super) joined: Joined,
    /// From the keyword to the last byte, here-documents included.
    pub(super) span: Span,
    pub(super) heredocs: Vec<Heredoc>,
}

/// A comment line.
#[derive(Debug)]
pub(super) struct Comment {
    pub(super) span: Span,
    /// Number of the instruction it stands in, or before.
    pub(super) next: usize,
}

/// Something wrong with the text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) span: Span,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Whether something was not read because of it.
    pub(super) fatal: bool,
}

/// A text taken apart into lines.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) lines: Vec<Logical>,
    pub(super) comments: Vec<Comment>,
    pub(super) faults: Vec<Fault>,
    /// `syntax`, `escape` and `check` directives, as written.
    pub(super) directives: Vec<(String, String)>,
    /// The escape character: a backslash, or a backtick where a directive says so.
    pub(super) escape: char,
}

/// A line of the file: start, text without its end.
type Line<'t> = (usize, &'t str);

/// Takes a text apart.
pub(super) fn scan(text: &str, file: FileId) -> Scanned {
    let mut scanned = Scanned { escape: '\\', ..Scanned::default() };
    let skip = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut at = skip;
    for line in text.get(skip..).unwrap_or_default().split_inclusive('\n') {
        let bare = line.strip_suffix('\n').unwrap_or(line);
        lines.push((at, bare.strip_suffix('\r').unwrap_or(bare)));
        at += line.len();
    }
    let mut index = 0;
    let mut directives = true;
    while let Some((start, line)) = lines.get(index).copied() {
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        if trimmed.is_empty() {
            directives = false;
            index += 1;
        } else if trimmed.starts_with('#') {
            let span = Span::new(file, start + indent..start + indent + trimmed.len());
            directives = directives && directive(trimmed, span, &mut scanned);
            if !directives {
                scanned.comments.push(Comment { span, next: scanned.lines.len() });
            }
            index += 1;
        } else {
            directives = false;
            index = logical(&lines, index, file, &mut scanned);
        }
    }
    scanned
}

/// Takes a `# name=value` line as a parser directive, if it is one.
fn directive(comment: &str, span: Span, scanned: &mut Scanned) -> bool {
    let Some((name, value)) = comment.trim_start_matches('#').split_once('=') else { return false };
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    if !matches!(name.as_str(), "syntax" | "escape" | "check") || scanned.directives.iter().any(|(other, _)| *other == name) {
        return false;
    }
    if name == "escape" {
        match value {
            "\\" => {}
            "`" => scanned.escape = '`',
            _ => scanned.faults.push(Fault {
                span,
                code: "dockerfile-escape",
                message: format!("`{}` cannot be the escape character; only a backslash or a backtick can", shown(value)),
                fatal: true,
            }),
        }
    }
    scanned.directives.push((name, value.to_owned()));
    true
}

/// A piece of the user's text short enough for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The text of a line without its continuation mark, if it has one.
fn continued(line: &str, escape: char) -> Option<&str> {
    let bare = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    // Two of them are an escaped one.
    (!bare.ends_with(escape)).then_some(bare)
}

/// Reads the instruction that starts on a line; gives the number of the line after it.
fn logical(lines: &[Line<'_>], first: usize, file: FileId, scanned: &mut Scanned) -> usize {
    let Some((start, line)) = lines.get(first).copied() else { return first + 1 };
    let indent = line.len() - line.trim_start().len();
    let mut joined = Joined::default();
    let mut open = true;
    let mut end = start + line.trim_end().len();
    let take = |line: &str, at: usize, joined: &mut Joined| {
        let text = continued(line, scanned.escape);
        joined.continue_with(text.unwrap_or(line), at);
        text.is_some()
    };
    let more = take(line.get(indent..).unwrap_or_default(), start + indent, &mut joined);
    let mut index = first + 1;
    if !more {
        open = false;
    }
    while open {
        let Some((at, line)) = lines.get(index).copied() else { break };
        index += 1;
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if trimmed.starts_with('#') {
            let indent = line.len() - line.trim_start().len();
            let span = Span::new(file, at + indent..at + indent + trimmed.len());
            scanned.comments.push(Comment { span, next: scanned.lines.len() });
            continue;
        }
        end = at + line.trim_end().len();
        open = take(line, at, &mut joined);
    }
    let kept = joined.text.trim_end().len();
    joined.text.truncate(kept);
    let mut heredocs = Vec::new();
    for (name, expand, tabs) in heredoc_names(&joined.text, scanned.escape) {
        let mut body = Joined::default();
        let body_start = lines.get(index).map_or(end, |(at, _)| *at);
        let mut body_end = body_start;
        let mut closed = false;
        while let Some((at, line)) = lines.get(index).copied() {
            index += 1;
            end = at + line.len();
            let text = if tabs { line.trim_start_matches('\t') } else { line };
            if text == name {
                closed = true;
                break;
            }
            body.push(text, at + line.len() - text.len());
            body.push("\n", at + line.len());
            body_end = at + line.len();
        }
        if !closed {
            scanned.faults.push(Fault {
                span: Span::new(file, start + indent..start + line.len()),
                code: "dockerfile-heredoc",
                message: format!("the here-document `{}` has no end", shown(&name)),
                fatal: true,
            });
        }
        heredocs.push(Heredoc { name, expand, body, span: Span::new(file, body_start..body_end) });
    }
    scanned.lines.push(Logical { joined, span: Span::new(file, start + indent..end.max(start + indent)), heredocs });
    index
}

/// Names of the here-documents of an instruction: name, whether variables are put in, whether tabs are cut.
fn heredoc_names(text: &str, escape: char) -> Vec<(String, bool, bool)> {
    let mut rest = text;
    loop {
        let (keyword, after) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        rest = after.trim_start();
        match keyword.to_ascii_uppercase().as_str() {
            "ONBUILD" => {}
            "RUN" | "COPY" | "ADD" => break,
            _ => return Vec::new(),
        }
    }
    let mut out = Vec::new();
    for word in words(rest, escape) {
        let word = rest.get(word).unwrap_or_default().trim_start_matches(|letter: char| letter.is_ascii_digit());
        let Some(name) = word.strip_prefix("<<") else { continue };
        let (name, tabs) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
        let bare: String = name.chars().filter(|letter| !matches!(letter, '"' | '\'') && *letter != escape).collect();
        if !bare.is_empty() && !bare.contains('<') {
            out.push((bare.clone(), bare.len() == name.len(), tabs));
        }
    }
    out
}

/// Words between spaces, quotes kept and respected.
pub(super) fn words(text: &str, escape: char) -> Vec<std::ops::Range<usize>> {
    let mut out = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        let space = matches!(letter, ' ' | '\t') && quote.is_none() && !escaped;
        match (space, start) {
            (true, Some(from)) => {
                out.push(from..at);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
        if escaped {
            escaped = false;
        } else if letter == escape && quote != Some('\'') {
            escaped = true;
        } else if matches!(letter, '"' | '\'') {
            quote = match quote {
                None => Some(letter),
                Some(open) if open == letter => None,
                other => other,
            };
        }
    }
    if let Some(from) = start {
        out.push(from..text.len());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each instruction as `first-last byte: text`, then here-documents, comments and faults.
    fn check(text: &str, expected: &[&str]) {
        let scanned = scan(text, FileId(0));
        let mut out: Vec<String> = Vec::new();
        for line in &scanned.lines {
            out.push(format!("{}-{}: {}", line.span.start, line.span.end, line.joined.text));
            for heredoc in &line.heredocs {
                out.push(format!("<<{} {} {:?}", heredoc.name, heredoc.expand, heredoc.body.text));
            }
        }
        out.extend(scanned.comments.iter().map(|comment| format!("# {}-{} before {}", comment.span.start, comment.span.end, comment.next)));
        out.extend(scanned.faults.iter().map(|fault| fault.code.to_owned()));
        assert_eq!(out, expected, "{text:?}");
    }

    #[test]
    fn lines_comments_and_continuations() {
        check("", &[]);
        check("  FROM a\r\nRUN b", &["2-8: FROM a", "10-15: RUN b"]);
        check("RUN a \\\n  && b\\\nc\n", &["0-17: RUN a && bc"]);
        check("RUN a \\\n# note\n\n  b\n", &["0-19: RUN a b", "# 8-14 before 0"]);
        check("RUN a \\  \n b", &["0-12: RUN a b"]);
        check("RUN a \\\\\nRUN b", &["0-8: RUN a \\\\", "9-14: RUN b"]);
        check("RUN a \\", &["0-7: RUN a"]);
        check("# x\nFROM a\n# y\n", &["4-10: FROM a", "# 0-3 before 0", "# 11-14 before 1"]);
        check("\u{feff}FROM a", &["3-9: FROM a"]);
    }

    #[test]
    fn places_of_a_long_continuation() {
        let text = format!("RUN a{}\n", " \\\n  b".repeat(200_000));
        let scanned = scan(&text, FileId(0));
        let joined = &scanned.lines[0].joined;
        let last = joined.span(FileId(0), joined.text.len() - 1..joined.text.len());
        assert_eq!((joined.text.len(), last.end as usize), ("RUN a".len() + 2 * 200_000, text.len() - 1));
    }

    #[test]
    fn directives() {
        check("# escape=`\n\nFROM a\nRUN b `\n c\\\nRUN d", &["12-18: FROM a", "19-30: RUN b c\\", "31-36: RUN d"]);
        check("#syntax=docker/dockerfile:1\n# escape = `\nRUN a`\nb", &["41-49: RUN ab"]);
        check("# note\n# escape=`\nRUN a`\nRUN b", &["18-24: RUN a`", "25-30: RUN b", "# 0-6 before 0", "# 7-17 before 0"]);
        check("# escape=x\nRUN a", &["11-16: RUN a", "dockerfile-escape"]);
        let scanned = scan("# syntax=docker/dockerfile:1\n", FileId(0));
        assert_eq!(scanned.directives, [("syntax".to_owned(), "docker/dockerfile:1".to_owned())]);
    }

    #[test]
    fn heredocs() {
        check("RUN <<EOF\na\n\tb\nEOF\nUSER x", &["0-18: RUN <<EOF", "<<EOF true \"a\\n\\tb\\n\"", "19-25: USER x"]);
        check("RUN <<-'EOF' bash\n\ta\n\tEOF\n", &["0-25: RUN <<-'EOF' bash", "<<EOF false \"a\\n\""]);
        check("COPY <<a <<\"b\" /x\n1\na\n2\nb\n", &["0-25: COPY <<a <<\"b\" /x", "<<a true \"1\\n\"", "<<b false \"2\\n\""]);
        check("RUN <<EOF\na", &["0-11: RUN <<EOF", "<<EOF true \"a\\n\"", "dockerfile-heredoc"]);
        check("RUN cat <<< x; echo '<<EOF' $((1<<2))\nRUN b", &["0-37: RUN cat <<< x; echo '<<EOF' $((1<<2))", "38-43: RUN b"]);
        check("ENV A=<<EOF\nRUN b", &["0-11: ENV A=<<EOF", "12-17: RUN b"]);
        check("ONBUILD RUN 3<<EOF\nx\nEOF", &["0-24: ONBUILD RUN 3<<EOF", "<<EOF true \"x\\n\""]);
    }

    #[test]
    fn places_lead_back_to_the_file() {
        let text = "RUN  apt-get \\\n   install \\\n  # no\n  curl\n";
        let scanned = scan(text, FileId(0));
        let line = &scanned.lines[0];
        for word in ["RUN", "apt-get", "install", "curl"] {
            let at = line.joined.text.find(word).unwrap();
            let span = line.joined.span(FileId(0), at..at + word.len());
            assert_eq!(text.get(span.start as usize..span.end as usize), Some(word));
            let rest = line.joined.from(at);
            assert_eq!(rest.span(FileId(0), 0..word.len()), span);
        }
    }
}
