//! OSCAL 1.2.1 in JSON: what a program looks at (`component-definition`), what was seen (`assessment-results`), what is to be done
//! (`plan-of-action-and-milestones`). Identifiers are UUIDs of version 5 over what they name, dates are those of records and of the
//! window: the same posture gives the same bytes.

mod component;
mod poam;
mod results;

use probity_attest::statement::{StatementError, format_time};
use probity_attest::uuid_v5;
use probity_core::{Digest, Timestamp};
use serde_json::{Value, json};

use crate::Control;
use crate::posture::Posture;

pub use component::component_definition;
pub use poam::plan_of_action;
pub use results::assessment_results;

/// The version of OSCAL that is written.
pub const OSCAL_VERSION: &str = "1.2.1";

/// What all documents say of where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Version of Probity.
    pub version: String,
    /// Name of the log.
    pub log: String,
    /// Entries in it.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

/// Space of names of our identifiers: version 5 over `https://probity.dev/oscal` in the space of URLs.
fn uuid(kind: &str, parts: &[&str]) -> String {
    const URL: [u8; 16] = [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];
    // Lengths before the parts, so that no two lists of parts read alike.
    let mut name = format!("https://probity.dev/oscal/{kind}");
    for part in parts {
        name.push_str(&format!("/{}:{part}", part.len()));
    }
    uuid_v5(URL, name.as_bytes())
}

/// Gives a document the identifier of its content.
fn finished(kind: &str, mut body: Value) -> Value {
    let id = uuid(kind, &[&body.to_string()]);
    if let Value::Object(fields) = &mut body {
        fields.shift_insert(0, "uuid".to_owned(), json!(id));
    }
    json!({ kind: body })
}

fn time(time: Timestamp) -> Result<String, StatementError> {
    format_time(Timestamp { nanoseconds: 0, ..time })
}

fn metadata(title: &str, origin: &Origin, posture: &Posture<'_>) -> Result<Value, StatementError> {
    let at = time(posture.window.to)?;
    Ok(json!({
        "title": title,
        "last-modified": at,
        "version": at,
        "oscal-version": OSCAL_VERSION,
        "props": [
            prop("log", &origin.log),
            prop("log-size", &origin.size.to_string()),
            prop("log-root", &origin.root.to_string()),
            prop("probity-version", &origin.version),
        ],
    }))
}

/// A property of ours. Values have at least one letter and no line breaks there.
fn prop(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": "https://probity.dev/ns/oscal", "value": line(value) })
}

/// Text on one line, with something in it.
fn line(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let plain = plain.trim();
    if plain.is_empty() { "-".to_owned() } else { plain.to_owned() }
}

/// Text for fields that are Markdown: what records say is no markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in line(text).chars() {
        if matches!(letter, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '{' | '}') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// A control's id as OSCAL's token: NIST's as its catalog has them (`ac-2.1`), others after the framework's id.
fn token(control: &Control<'_>) -> String {
    let id = control.requirement.id.to_lowercase().replace('(', ".").replace(')', "");
    let framework = &control.framework.id;
    let text = if framework.starts_with("nist-800-53") { id } else { format!("{framework}_{id}") };
    let word: String =
        text.chars().map(|letter| if letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_') { letter } else { '_' }).collect();
    // A token begins with a letter or `_`.
    if word.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') { word } else { format!("_{word}") }
}

/// Where a framework's controls are defined.
fn source(framework: &str) -> String {
    if framework == "nist-800-53r5" {
        "https://raw.githubusercontent.com/usnistgov/oscal-content/main/nist.gov/SP800-53/rev5/json/NIST_SP-800-53_rev5_catalog.json"
            .to_owned()
    } else {
        format!("https://probity.dev/frameworks/{framework}")
    }
}

/// Frameworks of a posture, each once, in order, with the places of their controls.
fn by_framework<'a>(posture: &'a Posture<'_>) -> Vec<(&'a str, Vec<usize>)> {
    let mut out: Vec<(&str, Vec<usize>)> = Vec::new();
    for (place, one) in posture.controls.iter().enumerate() {
        let id = one.control.framework.id.as_str();
        match out.iter_mut().find(|(known, _)| *known == id) {
            Some((_, places)) => places.push(place),
            None => out.push((id, vec![place])),
        }
    }
    out
}
