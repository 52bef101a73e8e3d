//! Places in a text that stands inside a document: a Rego module or an expression in a block of YAML.

use probity_value::{SourceMap, Span, Value};

/// A text inside a document, and where its lines stand in the file.
#[derive(Clone, Debug)]
pub(crate) struct Embedded {
    whole: Span,
    /// Where each line starts in the text and in the file, where the lines stand there as they are.
    lines: Vec<(u32, u32)>,
}

impl Embedded {
    /// The text of a value; lines are found where it is a literal block (`|`) or stands on one line.
    pub(crate) fn of(value: &Value, sources: &SourceMap) -> Embedded {
        let whole = value.span;
        let lines = value.as_str().and_then(|text| {
            let file = sources.file(whole.file)?;
            let raw = file.text().get(whole.start as usize..whole.end as usize)?;
            let before = file.text().get(..whole.start as usize)?;
            let indent = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
            literal(text, raw, indent)
                .or_else(|| flat(text, raw))
                .map(|found| found.into_iter().map(|(text, raw)| (offset(text), whole.start.saturating_add(offset(raw)))).collect())
        });
        Embedded { whole, lines: lines.unwrap_or_default() }
    }

    /// The place in the file of some bytes of the text; the whole text where the bytes cannot be found there.
    pub(crate) fn span(&self, start: u32, end: u32) -> Span {
        let place = |at: u32| {
            let line = self.lines.partition_point(|(text, _)| *text <= at).checked_sub(1)?;
            let (text, raw) = self.lines.get(line)?;
            Some(raw.saturating_add(at - text))
        };
        match (place(start), place(end)) {
            (Some(start), Some(end)) => Span { file: self.whole.file, start, end: end.max(start).min(self.whole.end.max(start)) },
            _ => self.whole,
        }
    }

    /// The place of the whole text.
    pub(crate) fn whole(&self) -> Span {
        self.whole
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The lines of a literal block: those after its head, less the indentation. The place of the value may begin at the head or at the
/// first line, which then stands `indent` bytes from the start of its line.
fn literal(text: &str, raw: &str, indent: usize) -> Option<Vec<(usize, usize)>> {
    let head = if raw.starts_with('|') { raw.find('\n').map(|end| end + 1)? } else { 0 };
    let body = raw.get(head..)?;
    let indent = if head == 0 {
        indent
    } else {
        let first_line = text.lines().find(|line| !line.trim().is_empty())?;
        let raw_first = body.split('\n').find(|line| !line.trim().is_empty())?;
        raw_first.len().checked_sub(first_line.len())?
    };
    let mut found = Vec::new();
    let (mut text_at, mut raw_at) = (0, head);
    let mut raw_lines = body.split('\n');
    for line in text.split('\n') {
        if text_at >= text.len() && line.is_empty() {
            break;
        }
        let raw_line = raw_lines.next()?;
        let skip = if found.is_empty() && head == 0 { 0 } else { indent.min(raw_line.len()) };
        if raw_line.get(skip..)?.trim_end_matches('\r') != line.trim_end_matches('\r') {
            return None;
        }
        found.push((text_at, raw_at + skip));
        text_at += line.len() + 1;
        raw_at += raw_line.len() + 1;
    }
    Some(found)
}

/// A text that stands in the file as it is, perhaps between quotes.
fn flat(text: &str, raw: &str) -> Option<Vec<(usize, usize)>> {
    if text.is_empty() || text.contains('\n') {
        return None;
    }
    let at = raw.find(text)?;
    // Beyond quotes nothing else may stand there.
    (raw.len() <= text.len() + 2).then(|| vec![(0, at)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_blocks_are_places_in_the_file() {
        let check = |file: &str, key: &str, part: &str| {
            let sources = SourceMap::new();
            let id = sources.add("a.yaml", file);
            let (documents, problems) = probity_value::yaml::parse(file, id);
            assert!(problems.is_empty(), "{problems:?}");
            let value = documents.first().and_then(|document| document.value.get(key)).unwrap();
            let text = value.as_str().unwrap();
            let at = text.find(part).unwrap();
            let embedded = Embedded::of(value, &sources);
            let span = embedded.span(u32::try_from(at).unwrap(), u32::try_from(at + part.len()).unwrap());
            assert_eq!(sources.snippet(span).as_deref(), Some(part), "{file}");
        };
        check("a: 1\nrego: |\n  package a\n\n  violation[x] {\n    input.y\n  }\n", "rego", "input.y");
        check("rego: |-\n    package a\n    b = 1\n", "rego", "b = 1");
        check("rego: |\n  # a\n    indented\n  package a\n", "rego", "indented");
        check("x: \"object.a == 1\"\n", "x", "a == 1");
        check("x: object.a == 1\n", "x", "a == 1");
        // Folded text is not found line by line: the whole is pointed at.
        let sources = SourceMap::new();
        let id = sources.add("a.yaml", "x: >\n  a\n  b\n");
        let (documents, _) = probity_value::yaml::parse("x: >\n  a\n  b\n", id);
        let value = documents.first().and_then(|document| document.value.get("x")).unwrap();
        let embedded = Embedded::of(value, &sources);
        assert_eq!(embedded.span(2, 3), embedded.whole());
    }
}
