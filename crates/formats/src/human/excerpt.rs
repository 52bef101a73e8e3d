//! Source excerpts with carets: tabs, wide and invisible characters keep their columns, long lines are cut around the carets, secrets are
//! hidden.

use std::ops::Range;

use probity_core::Place;
use probity_value::{SourceFile, SourceMap, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::paint::{Style, Tone};
use crate::{escape, mask};

/// Columns between tab stops.
const TAB: usize = 4;
/// Lines above an excerpt that are looked at for the name of a secret.
const ABOVE: u32 = 6;
/// Longest line that is worked on whole, in bytes; of a longer one only what is around the carets.
const LONGEST_LINE: usize = 8_000;

/// One shown character.
struct Cell {
    text: String,
    width: usize,
}

/// The excerpt for a place, one line per text line and without the place itself; empty where there is no text to show. `label` stands
/// after the last carets where there is room; returns whether it was placed.
pub(super) fn of_place(place: &Place, sources: &SourceMap, label: &str, style: Style, out: &mut String) -> bool {
    let Some(file) = sources.file(place.span.file) else { return false };
    if place.line == 0 {
        return false;
    }
    let marked = Marked { first: place.line, last: place.end_line.max(place.line), ends_at: place.end_column, span: place.span };
    of_range(&file, &marked, label, style, out)
}

/// As [`of_place`], for a span.
pub(super) fn of_span(span: Span, sources: &SourceMap, style: Style, out: &mut String) {
    let (Some(file), Some((_, start, end))) = (sources.file(span.file), sources.locate(span)) else { return };
    let marked = Marked { first: start.line, last: end.line, ends_at: end.column, span };
    of_range(&file, &marked, "", style, out);
}

/// What is to be marked: its lines, the column after its end, and its bytes.
struct Marked {
    first: u32,
    last: u32,
    ends_at: u32,
    span: Span,
}

fn of_range(file: &SourceFile, marked: &Marked, label: &str, style: Style, out: &mut String) -> bool {
    // A span that ends at the start of a line ends with the line before.
    let ends_before = marked.ends_at <= 1 && marked.last > marked.first;
    let last = if ends_before { marked.last - 1 } else { marked.last };
    let last = last.min(u32::try_from(file.line_count()).unwrap_or(u32::MAX)).max(marked.first);
    let sheet = Sheet { file, style, gutter: last.to_string().len() };
    // Bytes of a line that the span covers, to its end where the span goes on below it.
    let bytes = |line: u32| {
        let start = file.line_start(line).unwrap_or(0);
        let from = marked.span.start.saturating_sub(start) as usize;
        let to = if line < marked.last { usize::MAX } else { marked.span.end.saturating_sub(start) as usize };
        from..to.max(from)
    };
    let Some(first) = Line::new(file, marked.first, bytes(marked.first)) else { return false };

    sheet.bar(out);
    if last == marked.first {
        let placed = sheet.line(&first, label, false, out);
        sheet.bar(out);
        return placed;
    }
    let secret = !sheet.hidden(&first).is_empty();
    sheet.line(&first, "", false, out);
    if last > marked.first + 1 {
        put!(out, "{}\n", style.paint(Tone::Quiet, "..."));
    }
    let mut placed = false;
    if let Some(mut line) = Line::new(file, last, bytes(last)) {
        // The text of the line, not its indentation, is marked.
        let indent = line.text.chars().take_while(|letter| letter.is_whitespace()).count();
        line.marked = indent.min(line.marked.end)..line.marked.end;
        placed = sheet.line(&line, label, secret, out);
    }
    sheet.bar(out);
    placed
}

/// A line, or what is around its marked part, with the marked characters.
struct Line<'a> {
    number: u32,
    text: &'a str,
    marked: Range<usize>,
    /// Whether something was left out at its start or end.
    cut: bool,
}

impl<'a> Line<'a> {
    /// `bytes` is the marked part of the line.
    fn new(file: &'a SourceFile, number: u32, bytes: Range<usize>) -> Option<Line<'a>> {
        let whole = file.line(number)?;
        let (mut from, mut to) = (0, whole.len());
        if whole.len() > LONGEST_LINE {
            from = whole.floor_char_boundary(bytes.start.saturating_sub(LONGEST_LINE / 2));
            to = whole.ceil_char_boundary(bytes.start.saturating_add(LONGEST_LINE / 2));
        }
        let text = whole.get(from..to)?;
        let characters = |at: usize| {
            let at = text.floor_char_boundary(at.saturating_sub(from));
            text.get(..at).unwrap_or_default().chars().count()
        };
        let marked = characters(bytes.start)..characters(bytes.end);
        Some(Line { number, text, marked, cut: text.len() < whole.len() })
    }
}

struct Sheet<'a> {
    file: &'a SourceFile,
    style: Style,
    gutter: usize,
}

impl Sheet<'_> {
    /// What must not be shown of a line. Where only a part of it is known, a credential name in that part hides all of it.
    fn hidden(&self, line: &Line<'_>) -> Vec<Range<usize>> {
        let start = |text: &'_ str| text.floor_char_boundary(LONGEST_LINE);
        let above = (line.number.saturating_sub(ABOVE).max(1)..line.number).filter_map(|number| self.file.line(number));
        let above: Vec<&str> = above.map(|text| text.get(..start(text)).unwrap_or_default()).collect();
        let hidden = mask::hidden(line.text, &above);
        if line.cut && !hidden.is_empty() { std::iter::once(0..usize::MAX).collect() } else { hidden }
    }

    fn bar(&self, out: &mut String) {
        put!(out, " {:gutter$} {}\n", "", self.style.paint(Tone::Quiet, "|"), gutter = self.gutter);
    }

    /// Writes one source line and the carets under its marked part. `secret`: hide all of it.
    fn line(&self, line: &Line<'_>, label: &str, secret: bool, out: &mut String) -> bool {
        let Line { number, text, marked, .. } = line;
        let hidden = if secret { std::iter::once(0..usize::MAX).collect() } else { self.hidden(line) };
        let cells = cells(text, &hidden);
        let offset = |index: usize| cells.iter().take(index).map(|cell| cell.width).sum::<usize>();
        let total = offset(usize::MAX);
        let start = offset(marked.start);
        let end = offset(marked.end).max(start + 1);

        let room = self.style.columns().saturating_sub(self.gutter + 5).max(20);
        let (shown, shift, lead) = if total <= room { (whole(&cells), 0, "") } else { window(&cells, start, end, room) };
        let quiet = |text: &str| self.style.paint(Tone::Quiet, text);
        let bar = quiet("|");
        put!(out, " {} {bar} {lead}{}\n", quiet(&format!("{number:>gutter$}", gutter = self.gutter)), shown.trim_end());
        let lead_width = lead.width();
        let caret_start = start.saturating_sub(shift) + lead_width;
        let carets = end.saturating_sub(shift).min(room) + lead_width;
        let carets = "^".repeat(carets.saturating_sub(caret_start).max(1));
        let placed = !label.is_empty() && caret_start + carets.len() + 1 + label.width() <= room;
        put!(out, " {:gutter$} {bar} {:caret_start$}{}", "", "", self.style.paint(Tone::Bad, &carets), gutter = self.gutter);
        if placed {
            put!(out, " {}", self.style.paint(Tone::Bad, label));
        }
        out.push('\n');
        placed
    }
}

fn whole(cells: &[Cell]) -> String {
    cells.iter().map(|cell| cell.text.as_str()).collect()
}

/// The part of a long line around its carets, how many columns were cut off before it, and the mark of the cut.
fn window(cells: &[Cell], start: usize, end: usize, room: usize) -> (String, usize, &'static str) {
    let inner = room.saturating_sub(2);
    // Some text before the carets, unless all before them fits or they need the room themselves.
    let from = if end <= inner { 0 } else { start.saturating_sub(inner.saturating_sub(end - start).min(inner / 3)) };
    let mut out = String::new();
    let (mut column, mut shift, mut cut) = (0, 0, false);
    for cell in cells {
        if column < from {
            shift = column + cell.width;
        } else if column + cell.width - shift <= inner {
            out.push_str(&cell.text);
        } else {
            cut = true;
            break;
        }
        column += cell.width;
    }
    if cut {
        out.push('…');
    }
    (out, shift, if shift > 0 { "…" } else { "" })
}

/// The characters of a line as they are shown.
fn cells(text: &str, hidden: &[Range<usize>]) -> Vec<Cell> {
    let mut out = Vec::with_capacity(text.len());
    let mut column = 0;
    for (index, letter) in text.chars().enumerate() {
        let secret = hidden.iter().find(|range| range.contains(&index));
        let shown = match secret {
            Some(range) if range.start == index || index == 0 => mask::HIDDEN.to_owned(),
            Some(_) => String::new(),
            None if letter == '\t' => " ".repeat(TAB - column % TAB),
            None if escape::is_deceptive(letter) => escape::picture(letter),
            None => letter.to_string(),
        };
        let width = if shown.len() == letter.len_utf8() { letter.width().unwrap_or(1) } else { shown.width() };
        column += width;
        out.push(Cell { text: shown, width });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn drawn(text: &str, needle: &str, width: usize) -> String {
        let sources = SourceMap::new();
        let file = sources.add("a.tf", text);
        let place = sample::place(&sources, file, needle);
        let mut out = String::new();
        of_place(&place, &sources, "here", Style { colour: false, width }, &mut out);
        out
    }

    fn check(text: &str, needle: &str, expected: &[&str]) {
        assert_eq!(drawn(text, needle, 40).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn carets_stand_under_the_text() {
        check("a = 1\n", "1", &["   |", " 1 | a = 1", "   |     ^ here", "   |"]);
        check("\ta\t= 1", "1", &["   |", " 1 |     a   = 1", "   |           ^ here", "   |"]);
        check("日本 = 語", "語", &["   |", " 1 | 日本 = 語", "   |        ^^ here", "   |"]);
        check("e\u{301}x = 1", "1", &["   |", " 1 | e\u{301}x = 1", "   |      ^ here", "   |"]);
        check("a\x1b[31m\u{202e} = 9", "9", &["   |", " 1 | a␛[31m\\u{202e} = 9", "   |                  ^ here", "   |"]);
        check("a = 1\r\nb = 2\r\n", "2", &["   |", " 2 | b = 2", "   |     ^ here", "   |"]);
    }

    #[test]
    fn an_empty_span_gets_one_caret_and_a_long_label_is_left_to_the_caller() {
        let sources = SourceMap::new();
        let file = sources.add("a.tf", "ab");
        let mut out = String::new();
        let place = sample::at(&sources, Span::new(file, 2..2));
        assert!(!of_place(&place, &sources, &"long ".repeat(20), Style { colour: false, width: 40 }, &mut out));
        assert_eq!(out, "   |\n 1 | ab\n   |   ^\n   |\n");
    }

    #[test]
    fn long_lines_are_cut_around_the_carets() {
        let line = format!("{}NEEDLE{}", "a".repeat(60), "b".repeat(60));
        let check = |line: &str, needle: &str| {
            let made = drawn(line, needle, 60);
            let lines: Vec<&str> = made.lines().collect();
            assert!(lines.iter().all(|line| line.width() <= 60), "{made}");
            let at = lines[2].chars().position(|letter| letter == '^').unwrap();
            let marked: String = lines[1].chars().skip(at).take(lines[2].matches('^').count()).collect();
            assert!(needle.starts_with(marked.trim_end_matches('…')) && !marked.is_empty(), "{made}");
        };
        check(&line, "NEEDLE");
        check(&line, "NEEDLEbbb");
        check(&format!("NEEDLE{}", "b".repeat(200)), "NEEDLE");
        check(&format!("{}NEEDLE", "b".repeat(200)), "NEEDLE");
        check(&format!("x{}", "N".repeat(200)), &"N".repeat(200));
    }

    #[test]
    fn a_line_of_megabytes_is_shown_around_the_carets() {
        let line = format!("{}NEEDLE{}", "é,".repeat(500_000), "b".repeat(1_000_000));
        let made = drawn(&line, "NEEDLE", 60);
        let lines: Vec<&str> = made.lines().collect();
        let at = lines[2].chars().position(|letter| letter == '^').unwrap();
        assert!(lines[1].chars().skip(at).collect::<String>().starts_with("NEEDLE"), "{made}");
        let line = format!("{}\"password\":\"x{}\",", "a".repeat(10_000), "hunter2".repeat(3_000));
        assert!(!drawn(&line, "hunter2hunter2", 60).contains("unter"));
    }

    #[test]
    fn several_lines_show_first_and_last() {
        check("a {\n  b\n  c\n}\n", "a {\n  b\n  c\n}", &["   |", " 1 | a {", "   | ^^^", "...", " 4 | }", "   | ^ here", "   |"]);
        check("a {\n}\n", "a {\n}\n", &["   |", " 1 | a {", "   | ^^^", " 2 | }", "   | ^ here", "   |"]);
    }

    #[test]
    fn secrets_are_hidden_and_carets_still_fit() {
        check(
            "password = \"hunter2-long\"",
            "\"hunter2-long\"",
            &["   |", " 1 | password = \"••••\"", "   |            ^^^^^^ here", "   |"],
        );
        let made = drawn("private_key = <<EOF\nMIIsecret\nMIIlast\nEOF\n", "<<EOF\nMIIsecret\nMIIlast", 60);
        assert!(!made.contains("MII"), "{made}");
        let made = drawn("private_key = <<EOF\nMIIsecret\nEOF\n", "secret", 60);
        assert!(!made.contains("MII"), "{made}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_and_place_end(text in "[a-z\\t\\x1b\u{202e}日\"=\n]{0,200}", start in 0_usize..210, length in 0_usize..80, width in 0_usize..90) {
            let sources = SourceMap::new();
            let file = sources.add("a.tf", text);
            let place = sample::at(&sources, Span::new(file, start..start + length));
            let mut out = String::new();
            of_place(&place, &sources, "label", Style { colour: false, width }, &mut out);
            proptest::prop_assert!(out.chars().all(|letter| letter == '\n' || !escape::is_deceptive(letter)));
        }
    }
}
