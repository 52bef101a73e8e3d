//! What is printed: standard output is data, standard error is talk.

use std::io::{IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};
use probity_core::{Diagnostic, Report};
use probity_formats::human::{self, Style};
use probity_formats::{escape, github, gitlab, json, junit, markdown, sarif};
use probity_value::SourceMap;

use crate::arguments::{FormatName, PrintingArguments, When};
use crate::state;

/// Prints data. A reader that went away (`| head`) is no error.
pub(crate) fn data(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// Prints text for people, which may be in the log of a CI job: no line of it is a command there.
pub(crate) fn text(text: &str) -> Result<()> {
    data(&escape::log(text))
}

/// Prints JSON for programs; a terminal or a CI job that sees it acts on nothing in it.
pub(crate) fn json(value: &serde_json::Value) -> Result<()> {
    data(&escape::json_output(&format!("{value:#}\n")))
}

/// Says something to the person at the terminal. Nobody listening is no error.
pub(crate) fn talk(text: &str) {
    let mut out = std::io::stderr().lock();
    let _nobody_listens = out.write_all(escape::message(text).as_bytes()).and_then(|()| out.write_all(b"\n"));
}

/// A line on the terminal that says what is going on, and is gone when dropped. Nothing where standard error is no terminal.
pub(crate) struct Progress(bool);

impl Progress {
    /// Shows the line.
    pub(crate) fn new(what: &str) -> Progress {
        let shown = std::io::stderr().is_terminal();
        if shown {
            let mut out = std::io::stderr().lock();
            let _nobody_listens = write!(out, "{what} ...").and_then(|()| out.flush());
        }
        Progress(shown)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.0 {
            let mut out = std::io::stderr().lock();
            let _nobody_listens = out.write_all(b"\r\x1b[2K").and_then(|()| out.flush());
        }
    }
}

/// The layout for standard output.
pub(crate) fn style(when: When) -> Style {
    let terminal = std::io::stdout().is_terminal();
    let colour = match when {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            terminal
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::env::var_os("TERM").is_none_or(|value| value != "dumb")
        }
    };
    let width = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|width| (40..=400).contains(width)).unwrap_or(110);
    Style { colour, width }
}

/// The layout for talk.
pub(crate) fn plain() -> Style {
    Style { colour: false, width: 110 }
}

fn render(
    report: &Report,
    texts: &SourceMap,
    format: FormatName,
    printing: &PrintingArguments,
    observe: bool,
    prefix: &str,
    style: Style,
) -> String {
    match format {
        FormatName::Human => {
            escape::log(&human::write(report, texts, human::Options { style, quiet: printing.quiet, observe })).into_owned()
        }
        FormatName::Json => json::write(report, texts),
        FormatName::Sarif => sarif::write(report, texts, prefix),
        FormatName::Junit => junit::write(report, prefix),
        FormatName::Github => github::write(report, prefix),
        FormatName::Gitlab => gitlab::write(report, prefix),
        FormatName::Markdown => markdown::write(report, prefix),
    }
}

/// Prints a report to standard output and to the files asked for. `prefix` is the judged folder within the repository, which formats
/// that are read beside the whole repository put before paths.
pub(crate) fn report(report: &Report, texts: &SourceMap, printing: &PrintingArguments, observe: bool, prefix: &str) -> Result<()> {
    for (format, path) in &printing.output {
        let text = render(report, texts, *format, printing, observe, prefix, plain());
        state::write(path, &text)?;
    }
    data(&render(report, texts, printing.format, printing, observe, prefix, style(printing.color)))
}

/// Diagnostics, as talk.
pub(crate) fn diagnostics(list: &[Diagnostic], texts: &SourceMap) {
    for one in list {
        talk(human::diagnostic(one, texts, plain()).trim_end());
    }
}
