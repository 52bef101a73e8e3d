//! Scripts of pipelines to values: which commands are run, and for each whether anybody looks at how it ends.
//!
//! A command is a map: `name`, `words`, `text` (as written), `sudo`, `assignments: [{key, value}]`, `into` (what it pipes into), and,
//! where they are so, `ignored` (why its failure stops nothing, in words), `scanner` (the scanner it is), `lenient` (the flag that makes
//! it succeed whatever it finds), `needs` (the flag it would need to fail at all).

use std::ops::Range;

use probity_value::{Span, Value};

use super::Fields;
use super::placed::Placed;
use super::scanner::scanner;
use crate::shell::{self, Command, Then};

/// How the shell of a script treats failures before the script says otherwise. `None`: not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shell {
    /// A command that fails ends the script.
    pub(crate) errexit: Option<bool>,
    /// A pipe fails where any of its commands does.
    pub(crate) pipefail: Option<bool>,
}

impl Shell {
    /// `bash -e`.
    pub(crate) const STOPS: Shell = Shell { errexit: Some(true), pipefail: Some(false) };
    /// `bash -eo pipefail`.
    pub(crate) const STRICT: Shell = Shell { errexit: Some(true), pipefail: Some(true) };
    /// Plain `sh`: the last command decides.
    pub(crate) const LOOSE: Shell = Shell { errexit: Some(false), pipefail: Some(false) };
    /// A shell whose options are not known.
    pub(crate) const UNKNOWN: Shell = Shell { errexit: None, pipefail: None };
}

/// The commands of a script, as a list at the place of the script.
pub(crate) fn commands(script: &Placed<'_>, mut shell: Shell) -> Value {
    let mut out = Vec::new();
    read(script, &mut shell, None, &mut out);
    Value::list(out, script.span)
}

/// The commands of several scripts that one shell runs in order. `never`: why no failure of them stops anything, whatever they do.
pub(crate) fn sequence(scripts: &[Value], source: &str, shell: Shell, never: Option<&str>, span: Span) -> Value {
    let mut shell = shell;
    let mut out = Vec::new();
    for script in scripts {
        if let Some(script) = Placed::new(script, source) {
            read(&script, &mut shell, never, &mut out);
        }
    }
    Value::list(out, span)
}

fn read(script: &Placed<'_>, shell: &mut Shell, never: Option<&str>, out: &mut Vec<Value>) {
    let found = shell::commands(script.text);
    let states = states(&found, *shell);
    let reads = Reads::new(script.text);
    for (index, command) in found.iter().enumerate() {
        let ignored = never.map(str::to_owned).or_else(|| ignored(&found, index, &states, reads, 0));
        out.push(value(command, script, ignored.as_deref()));
    }
    *shell = states.last().copied().unwrap_or(*shell);
}

/// The last place in a script where somebody reads how something ended.
#[derive(Clone, Copy)]
struct Reads {
    status: Option<usize>,
    pipe_status: Option<usize>,
    wait: Option<usize>,
}

impl Reads {
    fn new(text: &str) -> Reads {
        let last = |words: &[&str]| words.iter().filter_map(|word| text.rfind(word)).max();
        Reads { status: last(&["$?", "${?}"]), pipe_status: last(&["PIPESTATUS", "pipestatus"]), wait: last(&["wait"]) }
    }
}

/// What the shell's options are at each command.
fn states(found: &[Command], mut shell: Shell) -> Vec<Shell> {
    let mut out = Vec::with_capacity(found.len());
    for command in found {
        if command.name() == "set" {
            options(command, &mut shell);
        }
        out.push(shell);
        // `bash -e script` has options of its own; so has what stands in it.
    }
    out
}

fn options(command: &Command, shell: &mut Shell) {
    let mut words = command.words.iter().skip(1).map(|word| word.text.as_str());
    while let Some(word) = words.next() {
        let (on, letters) = match (word.strip_prefix('-'), word.strip_prefix('+')) {
            (Some(letters), _) => (true, letters),
            (_, Some(letters)) => (false, letters),
            _ => break,
        };
        if letters.contains('e') && !letters.starts_with('-') {
            shell.errexit = Some(on);
        }
        if letters.ends_with('o') {
            match words.next() {
                Some("errexit") => shell.errexit = Some(on),
                Some("pipefail") => shell.pipefail = Some(on),
                _ => {}
            }
        }
    }
}

/// Why the failure of a command stops nothing; `None` where it does, or may.
fn ignored(found: &[Command], index: usize, states: &[Shell], reads: Reads, depth: usize) -> Option<String> {
    let command = found.get(index)?;
    if command.condition || depth > 8 {
        return None;
    }
    // What follows on `&&` and `|` fails with it.
    let mut last = index;
    let mut fallback = command.fallback;
    let mut piped = false;
    for _ in 0..found.len() {
        let Some(here) = found.get(last) else { break };
        fallback = fallback.or(here.fallback);
        match (here.then, here.next) {
            (Then::And, Some(next)) => last = next,
            (Then::Pipe, Some(next)) => {
                piped |= last == index;
                last = next;
            }
            _ => break,
        }
        if fallback.is_some() {
            break;
        }
    }
    let state = states.get(index).copied().unwrap_or(Shell::UNKNOWN);
    let end = found.get(last)?;
    let later = |place: Option<usize>| place.is_some_and(|place| place >= command.range.end);
    if piped && state.pipefail == Some(false) && !later(reads.pipe_status) {
        return Some(format!("it is piped into `{}` without `pipefail`", command.into.as_deref().unwrap_or("another command")));
    }
    if let Some(fallback) = fallback {
        return harmless(found, index, fallback);
    }
    if end.then == Then::Background {
        return (!later(reads.wait)).then(|| "it runs in the background".to_owned());
    }
    if state.errexit == Some(false) && end.next.is_some() && !later(reads.status) {
        return Some("the script goes on after it fails".to_owned());
    }
    // A script or an assigned substitution ends as its last command does.
    let parent = command.parent?;
    let outer = found.get(parent)?;
    let hands_on = outer.words.is_empty() || matches!(outer.name(), "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh" | "su" | "eval");
    if hands_on { ignored(found, parent, states, reads, depth + 1) } else { None }
}

/// Whether what is done on failure does nothing but go on; says what it is.
fn harmless(found: &[Command], failed: usize, fallback: usize) -> Option<String> {
    let first = found.get(fallback)?;
    let base = found.get(failed)?.level;
    let mut members: Vec<&Command> = Vec::new();
    if first.level > base && first.level / 1000 == base / 1000 {
        members.extend(found.iter().skip(fallback).take_while(|command| command.level >= first.level));
    } else {
        let mut at = fallback;
        for _ in 0..found.len() {
            let Some(command) = found.get(at) else { break };
            members.push(command);
            match (command.then, command.next) {
                (Then::And | Then::Pipe | Then::Or, Some(next)) => at = next,
                _ => break,
            }
        }
    }
    let does_nothing = |command: &&Command| match command.name() {
        "true" | ":" | "echo" | "printf" | "logger" | "sleep" | "date" | "cat" => true,
        "exit" | "return" => command.words.get(1).is_some_and(|word| word.text == "0"),
        _ => false,
    };
    // A group may print a line for each fault and still end in `exit 1`.
    members.iter().all(does_nothing).then(|| {
        let words: Vec<&str> = first.words.iter().map(|word| word.text.as_str()).take(4).collect();
        let shown: String = words.join(" ").chars().take(40).filter(|letter| !letter.is_control() && *letter != '`').collect();
        format!("`|| {shown}` follows")
    })
}

fn value(command: &Command, script: &Placed<'_>, ignored: Option<&str>) -> Value {
    let place = |range: &Range<usize>| script.span(range);
    let span = place(&command.range);
    let mut fields = Fields::default();
    let name = command.words.first().map_or(span, |word| place(&word.range));
    fields.text("name", Some(command.name()), name);
    let words = command.words.iter().map(|word| Value::string(word.text.as_str(), place(&word.range))).collect();
    fields.put("words", Value::list(words, span));
    fields.text("text", script.text.get(command.range.clone()).map(str::trim), span);
    fields.flag("sudo", command.sudo, span);
    let assignments = command.assignments.iter().map(|(key, value, range)| {
        let mut pair = Fields::default();
        pair.text("key", Some(key), place(range));
        pair.text("value", Some(value), place(range));
        pair.at(place(range))
    });
    fields.put("assignments", Value::list(assignments.collect(), span));
    fields.text("into", command.into.as_deref(), span);
    fields.text("ignored", ignored, span);
    let plain: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
    if let Some(found) = scanner(&plain) {
        fields.text("scanner", Some(found.name), span);
        fields.text("lenient", found.lenient.as_deref(), span);
        fields.text("needs", found.needs, span);
    }
    fields.at(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::tests::show;

    /// Each scanner of a script with why its failure is ignored.
    fn check(script: &str, shell: Shell, expected: &[&str]) {
        let value = Value::string(script, Span::new(probity_value::FileId(0), 0..script.len()));
        let list = commands(&Placed::new(&value, script).unwrap(), shell);
        let shown: Vec<String> = list
            .as_list()
            .unwrap()
            .iter()
            .filter(|command| command.get("scanner").is_some())
            .map(|command| format!("{} {}", show(command.get("scanner")), show(command.get("ignored"))).replace('"', ""))
            .collect();
        assert_eq!(shown, expected, "{script:?}");
    }

    #[test]
    fn failures_that_stop_nothing() {
        check("tfsec .", Shell::STOPS, &["tfsec -"]);
        check("tfsec . || true", Shell::STOPS, &["tfsec `|| true` follows"]);
        check("tfsec . || :", Shell::STOPS, &["tfsec `|| :` follows"]);
        check("tfsec . || exit 0", Shell::STOPS, &["tfsec `|| exit 0` follows"]);
        check("tfsec . || exit 1", Shell::STOPS, &["tfsec -"]);
        check("tfsec . || echo found", Shell::STOPS, &["tfsec `|| echo found` follows"]);
        check("tfsec . || (echo found; exit 1)", Shell::STOPS, &["tfsec -"]);
        check("tfsec . || { echo found; exit 1; }", Shell::STOPS, &["tfsec -"]);
        check("tfsec . || { echo found; }\nexit 1", Shell::STOPS, &["tfsec `|| echo found` follows"]);
        check("tfsec . || echo found && exit 1", Shell::STOPS, &["tfsec -"]);
        check("tfsec . || FAILED=1", Shell::STOPS, &["tfsec -"]);
        check("cd x && tfsec . && checkov -d . || true", Shell::STOPS, &["tfsec `|| true` follows", "checkov `|| true` follows"]);
        check("(tfsec .; checkov -d .) || true", Shell::STOPS, &["tfsec `|| true` follows", "checkov `|| true` follows"]);
        check("for d in a b; do tfsec $d; done || true", Shell::STOPS, &["tfsec `|| true` follows"]);
        check("if tfsec .; then echo good; fi", Shell::STOPS, &["tfsec -"]);
        check("! tfsec .", Shell::STOPS, &["tfsec -"]);
        check("if ! tfsec .; then exit 1; fi", Shell::STOPS, &["tfsec -"]);
    }

    #[test]
    fn options_of_the_shell() {
        let goes_on = "tfsec the script goes on after it fails";
        check("tfsec .; true", Shell::STOPS, &["tfsec -"]);
        check("tfsec .; true", Shell::LOOSE, &[goes_on]);
        check("tfsec .\necho done", Shell::LOOSE, &[goes_on]);
        check("tfsec .", Shell::LOOSE, &["tfsec -"]);
        check("a && tfsec . && b", Shell::LOOSE, &["tfsec -"]);
        check("a && tfsec . && b; c", Shell::LOOSE, &[goes_on]);
        check("set +e\ntfsec .\nx", Shell::STOPS, &[goes_on]);
        check("set +e; tfsec .; code=$?; exit $code", Shell::STOPS, &["tfsec -"]);
        check("set -e\ntfsec .\nx", Shell::LOOSE, &["tfsec -"]);
        check("set -euo pipefail\ntfsec . | tee x", Shell::LOOSE, &["tfsec -"]);
        check("tfsec . | tee x", Shell::STOPS, &["tfsec it is piped into `tee` without `pipefail`"]);
        check("tfsec . | tee x", Shell::STRICT, &["tfsec -"]);
        check("tfsec . | tee x", Shell::UNKNOWN, &["tfsec -"]);
        check("tfsec . | tee x; exit ${PIPESTATUS[0]}", Shell::STOPS, &["tfsec -"]);
        check("cat x | conftest test -", Shell::STOPS, &["conftest -"]);
        check("tfsec . | tee x || true", Shell::STRICT, &["tfsec `|| true` follows"]);
        check("tfsec . &\nx", Shell::STOPS, &["tfsec it runs in the background"]);
        check("tfsec . &\nwait $!", Shell::STOPS, &["tfsec -"]);
        check("bash -c 'tfsec .' || true", Shell::STOPS, &["tfsec `|| true` follows"]);
        check("OUT=$(tfsec .) || true", Shell::STOPS, &["tfsec `|| true` follows"]);
        check("set -o pipefail && tfsec . | tee x", Shell::STOPS, &["tfsec -"]);
    }

    #[test]
    fn commands_have_their_places() {
        let script = "echo a\ntrivy fs --exit-code 0 . || true\n";
        let value = Value::string(script, Span::new(probity_value::FileId(0), 0..script.len()));
        let list = commands(&Placed::new(&value, script).unwrap(), Shell::STOPS);
        let trivy = &list.as_list().unwrap()[1];
        assert_eq!(script.get(trivy.span.start as usize..trivy.span.end as usize), Some("trivy fs --exit-code 0 ."));
        assert_eq!(show(trivy.get("lenient")), "\"--exit-code 0\"");
        assert_eq!(show(trivy.get("text")), "\"trivy fs --exit-code 0 .\"");
    }

    proptest::proptest! {
        #[test]
        fn any_script_is_read(script in "[a-c$(){}`'\"|&;<>!\\\\ \n\\-é=]{0,80}") {
            let value = Value::string(script.as_str(), Span::new(probity_value::FileId(0), 0..script.len()));
            let placed = Placed::new(&value, &script).unwrap();
            for command in commands(&placed, Shell::LOOSE).as_list().unwrap() {
                proptest::prop_assert!(command.span.end as usize <= script.len());
            }
        }
    }
}
