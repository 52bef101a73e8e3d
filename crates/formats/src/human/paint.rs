//! Colour and line breaks for a terminal. Nothing is said by colour alone.

use unicode_width::UnicodeWidthStr;

/// How text for a person is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to use ANSI colours.
    pub colour: bool,
    /// Columns of the terminal; texts are broken and excerpts cut to it. Below 40 counts as 40.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Style {
        Style { colour: false, width: 100 }
    }
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Bad,
    Warning,
    Mild,
    Good,
    Open,
    Strong,
    Quiet,
}

impl Style {
    /// The width in use.
    pub(crate) fn columns(self) -> usize {
        self.width.max(40)
    }

    /// The text in its colour.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Bad => "1;31",
            Tone::Warning => "1;33",
            Tone::Mild => "36",
            Tone::Good => "1;32",
            Tone::Open => "1;35",
            Tone::Strong => "1",
            Tone::Quiet => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// `text` in lines that end before the last column: the first begins at column `indent` (already written), the others are indented
    /// so. A word that is too long stands alone.
    pub(crate) fn wrap(self, text: &str, indent: usize) -> String {
        let room = self.columns().saturating_sub(indent).max(20);
        let mut out = String::with_capacity(text.len() + 16);
        let mut used = 0;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let width = word.width();
            if used > 0 && used + 1 + width > room {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent));
                used = 0;
            }
            if used > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += width;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_words() {
        let check = |text: &str, expected: &str| assert_eq!(Style { colour: false, width: 40 }.wrap(text, 10), expected);
        check("short", "short");
        check("aaaaaaaaaaaa bbbbbbbbbbbb cccccccccccc", "aaaaaaaaaaaa bbbbbbbbbbbb\n          cccccccccccc");
        check(&"x".repeat(50), &"x".repeat(50));
        check("日本語日本語日本 日本語日本語日本", "日本語日本語日本\n          日本語日本語日本");
        check("", "");
    }

    #[test]
    fn colour_only_when_asked() {
        assert_eq!(Style::default().paint(Tone::Bad, "x"), "x");
        assert_eq!(Style { colour: true, width: 80 }.paint(Tone::Bad, "x"), "\x1b[1;31mx\x1b[0m");
    }
}
