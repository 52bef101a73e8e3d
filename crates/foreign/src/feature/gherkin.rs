//! Gherkin, as far as features use it: scenarios with their tags and steps, outlines with examples, a background.

use std::sync::Arc;

use probity_value::{FileId, Span};

/// Scenarios one file may have once its outlines are written out.
const MAX_SCENARIOS: usize = 2000;

/// What a step begins with; `And` and `But` are what stood before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Given,
    When,
    Then,
}

/// A step.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) keyword: Keyword,
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A scenario; an outline gives one for each example.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) feature: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) tags: Vec<Arc<str>>,
    pub(crate) steps: Vec<Line>,
}

#[derive(Default)]
struct Open {
    name: String,
    tags: Vec<Arc<str>>,
    steps: Vec<Line>,
    header: Option<Vec<String>>,
    rows: Vec<Vec<String>>,
    in_examples: bool,
}

/// Reads a file; the error is where and what.
pub(crate) fn read(text: &str, file: FileId) -> Result<Vec<Written>, (Span, String)> {
    let mut out = Vec::new();
    let mut feature = String::new();
    let mut feature_tags: Vec<Arc<str>> = Vec::new();
    let mut tags: Vec<Arc<str>> = Vec::new();
    let mut background: Vec<Line> = Vec::new();
    let mut in_background = false;
    let mut open: Option<Open> = None;
    let mut before: Option<Keyword> = None;
    let mut quoted = false;
    let mut at = 0_usize;
    for raw in text.split_inclusive('\n') {
        let start = at + (raw.len() - raw.trim_start().len());
        at += raw.len();
        let line = raw.trim();
        let span = Span::new(file, start..start + line.len());
        if line.starts_with("\"\"\"") || line.starts_with("```") {
            quoted = !quoted;
            continue;
        }
        if quoted || line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('@') {
            tags.extend(line.split_whitespace().filter_map(|word| word.strip_prefix('@')).map(Arc::from));
            continue;
        }
        if let Some(name) = line.strip_prefix("Feature:") {
            if !feature.is_empty() {
                return Err((span, "a second feature in one file".to_owned()));
            }
            name.trim().clone_into(&mut feature);
            feature_tags = std::mem::take(&mut tags);
            continue;
        }
        let scenario = ["Scenario Outline:", "Scenario Template:", "Scenario:", "Example:"].iter().find_map(|word| line.strip_prefix(word));
        if let Some(name) = scenario {
            finish(open.take(), &feature, &background, &mut out).map_err(|why| (span, why))?;
            in_background = false;
            before = None;
            let mut all = feature_tags.clone();
            all.append(&mut tags);
            open = Some(Open { name: name.trim().to_owned(), tags: all, ..Open::default() });
            continue;
        }
        if line.starts_with("Background:") {
            in_background = true;
            before = None;
            continue;
        }
        if line.starts_with("Rule:") {
            continue;
        }
        if line.starts_with("Examples:") || line.starts_with("Scenarios:") {
            match &mut open {
                Some(open) => {
                    open.in_examples = true;
                    open.header = None;
                }
                None => return Err((span, "examples without a scenario".to_owned())),
            }
            tags.clear();
            continue;
        }
        if line.starts_with('|') {
            match &mut open {
                Some(open) if open.in_examples => {
                    let cells = cells(line);
                    match &open.header {
                        None => open.header = Some(cells),
                        Some(header) if header.len() == cells.len() => {
                            let mut row = header.clone();
                            row.extend(cells);
                            open.rows.push(row);
                        }
                        Some(header) => return Err((span, format!("the row has {} cells, the head {}", cells.len(), header.len()))),
                    }
                    continue;
                }
                _ => return Err((span, "a table belongs to `Examples:`".to_owned())),
            }
        }
        let step = ["Given ", "When ", "Then ", "And ", "But ", "* "]
            .iter()
            .find_map(|word| line.strip_prefix(word).map(|rest| (word.trim(), rest)));
        match step {
            Some((word, rest)) => {
                let keyword = match word {
                    "Given" => Keyword::Given,
                    "When" => Keyword::When,
                    "Then" => Keyword::Then,
                    _ => match before {
                        Some(keyword) => keyword,
                        None => return Err((span, format!("`{word}` stands before any step"))),
                    },
                };
                before = Some(keyword);
                let step = Line { keyword, text: rest.trim().to_owned(), span };
                match &mut open {
                    Some(open) => open.steps.push(step),
                    None if in_background => background.push(step),
                    None => return Err((span, "a step without a scenario".to_owned())),
                }
            }
            // Text below a feature or scenario says what it is for.
            None if open.as_ref().is_none_or(|open| open.steps.is_empty()) => {}
            None => return Err((span, format!("`{}` is no step", line.chars().take(60).collect::<String>()))),
        }
    }
    finish(open.take(), &feature, &background, &mut out).map_err(|why| (Span::NONE, why))?;
    Ok(out)
}

/// The cells of a row; `\|` is a letter.
fn cells(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut letters = line.trim().trim_start_matches('|').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&'|') => {
                letters.next();
                if let Some(last) = out.last_mut() {
                    last.push('|');
                }
            }
            '|' => out.push(String::new()),
            letter => {
                if let Some(last) = out.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    // What follows the last bar is nothing.
    out.pop();
    out.iter().map(|cell| cell.trim().to_owned()).collect()
}

fn finish(open: Option<Open>, feature: &str, background: &[Line], out: &mut Vec<Written>) -> Result<(), String> {
    let Some(open) = open else { return Ok(()) };
    let mut steps = background.to_vec();
    steps.extend(open.steps);
    let whole = Written { feature: feature.into(), name: open.name.into(), tags: open.tags, steps };
    if !open.in_examples {
        out.push(whole);
        return Ok(());
    }
    for row in &open.rows {
        if out.len() >= MAX_SCENARIOS {
            return Err(format!("more than {MAX_SCENARIOS} scenarios"));
        }
        let (names, values) = row.split_at(row.len() / 2);
        let mut one = whole.clone();
        for step in &mut one.steps {
            for (name, value) in names.iter().zip(values) {
                step.text = step.text.replace(&format!("<{name}>"), value);
            }
        }
        out.push(one);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<String> {
        let all = read(text, FileId(0)).unwrap();
        all.iter()
            .map(|one| {
                format!(
                    "{}: {}",
                    one.name,
                    one.steps.iter().map(|step| format!("{:?} {}", step.keyword, step.text)).collect::<Vec<_>>().join("; ")
                )
            })
            .collect()
    }

    #[test]
    fn scenarios() {
        let text = "# a comment\n@one\nFeature: F\n  In order to\n\n  @two @exclude_a.b\n  Scenario: A\n    Given I have x defined\n    And y\n    Then it fails\n";
        assert_eq!(steps(text), ["A: Given I have x defined; Given y; Then it fails"]);
        let all = read(text, FileId(0)).unwrap();
        assert_eq!(all[0].tags, [Arc::from("one"), Arc::from("two"), Arc::from("exclude_a.b")]);
        assert_eq!(&*all[0].feature, "F");
    }

    #[test]
    fn outlines() {
        let text = "Feature: F\nBackground:\n Given b\nScenario Outline: O\n When <k> is \"<v>\"\n Examples:\n | k | v |\n | a | 1\\|2 |\n | b | |\n";
        assert_eq!(steps(text), ["O: Given b; When a is \"1|2\"", "O: Given b; When b is \"\""]);
    }

    #[test]
    fn broken_files() {
        for wrong in [
            "Given x",
            "Scenario: A\nAnd x",
            "Scenario: A\nGiven x\nnonsense",
            "Examples:",
            "Scenario Outline: A\nExamples:\n|a|\n|b|c|",
            "Feature: A\nFeature: B",
        ] {
            assert!(read(wrong, FileId(0)).is_err(), "{wrong}");
        }
        assert!(read("", FileId(0)).unwrap().is_empty());
    }
}
