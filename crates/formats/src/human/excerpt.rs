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
/// Longest part of a line that is worked on, in characters.
const LONGEST_LINE: usize = 20_000;

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
    of_range(&file, (place.line, place.column), (place.end_line, place.end_column), label, style, out)
}

/// As [`of_place`], for a span.
pub(super) fn of_span(span: Span, sources: &SourceMap, style: Style, out: &mut String) {
    let (Some(file), Some((_, start, end))) = (sources.file(span.file), sources.locate(span)) else { return };
    of_range(&file, (start.line, start.column), (end.line, end.column), "", style, out);
}

fn of_range(file: &SourceFile, start: (u32, u32), end: (u32, u32), label: &str, style: Style, out: &mut String) -> bool {
    let Some(first) = file.line(start.0) else { return false };
    // A span that ends at the start of a line ends with the line before.
    let last_line = if end.1 <= 1 && end.0 > start.0 { end.0 - 1 } else { end.0.max(start.0) };
    let last_line = last_line.min(u32::try_from(file.line_count()).unwrap_or(u32::MAX));
    let gutter = last_line.to_string().len();
    let from = (start.1 as usize).saturating_sub(1);
    let sheet = Sheet { file, style, gutter };

    sheet.bar(out);
    if last_line == start.0 {
        let to = if end.0 > start.0 { usize::MAX } else { (end.1 as usize).saturating_sub(1) };
        let placed = sheet.line(start.0, first, from..to, label, false, out);
        sheet.bar(out);
        return placed;
    }
    sheet.line(start.0, first, from..usize::MAX, "", false, out);
    if last_line > start.0 + 1 {
        put!(out, "{}\n", style.paint(Tone::Quiet, "..."));
    }
    let mut placed = false;
    if let Some(last) = file.line(last_line) {
        let secret = !mask::hidden(first, &sheet.above(start.0)).is_empty();
        let begin = last.chars().position(|letter| !letter.is_whitespace()).unwrap_or(0);
        let to = if last_line == end.0 { (end.1 as usize).saturating_sub(1) } else { usize::MAX };
        placed = sheet.line(last_line, last, begin..to, label, secret, out);
    }
    sheet.bar(out);
    placed
}

struct Sheet<'a> {
    file: &'a SourceFile,
    style: Style,
    gutter: usize,
}

impl Sheet<'_> {
    fn above(&self, line: u32) -> Vec<&str> {
        (line.saturating_sub(ABOVE).max(1)..line).filter_map(|line| self.file.line(line)).collect()
    }

    fn bar(&self, out: &mut String) {
        put!(out, " {:gutter$} {}\n", "", self.style.paint(Tone::Quiet, "|"), gutter = self.gutter);
    }

    /// Writes one source line and the carets under `marked` (characters of the line). `secret`: hide all of it.
    fn line(&self, number: u32, text: &str, marked: Range<usize>, label: &str, secret: bool, out: &mut String) -> bool {
        let hidden = if secret { std::iter::once(0..usize::MAX).collect() } else { mask::hidden(text, &self.above(number)) };
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
    let mut out = Vec::with_capacity(text.len().min(LONGEST_LINE));
    let mut column = 0;
    for (index, letter) in text.chars().take(LONGEST_LINE).enumerate() {
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
