//! Configuration files of every format Conftest reads to [`Value`]s with places, in the very shape Conftest gives its policies.
//!
//! One module per format. Texts come in as text: who reads files decides what they are by [`detect`] or by the name of a parser.
//! Where Conftest passes over a fault in silence (broken XML, documents behind `--- # comment`), the fault is an error here, or the
//! document is judged too.
//!
//! What does not live here: reading files, policies, Kubernetes, Terraform's meaning.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod cyclonedx;
mod dockerfile;
mod dotenv;
mod edn;
mod go;
mod hcl1;
mod hcl2;
mod ignore;
mod ini;
mod json;
mod nginx;
mod properties;
mod spdx;
mod text;
mod toml;
mod xml;
mod yaml;

use std::fmt;
use std::str::FromStr;

use probity_value::{Data, FileId, Map, Number, Problem, Span, Value};

/// How deep lists, maps and blocks may nest in any format.
pub const MAX_DEPTH: usize = probity_value::json::MAX_DEPTH;

/// A format of configuration files, by the name of Conftest's parser.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// CUE: needs an evaluator; known, not read.
    Cue,
    /// CycloneDX bills of materials, JSON or XML.
    CycloneDx,
    /// Dockerfiles.
    Dockerfile,
    /// `.env` files.
    Dotenv,
    /// Extensible Data Notation.
    Edn,
    /// HCL, first version.
    Hcl1,
    /// HCL, second version: Terraform and others.
    Hcl2,
    /// Human-Optimized Config Object Notation.
    Hocon,
    /// `.gitignore`, `.dockerignore`.
    Ignore,
    /// INI files.
    Ini,
    /// JSON.
    Json,
    /// JSON with comments.
    JsonComments,
    /// Jsonnet: needs an evaluator; known, not read.
    Jsonnet,
    /// nginx configuration.
    Nginx,
    /// Java properties.
    Properties,
    /// SPDX bills of materials as tags and values.
    Spdx,
    /// Protocol buffers as text: needs their definitions; known, not read.
    Textproto,
    /// TOML.
    Toml,
    /// Varnish configuration: known, not read.
    Vcl,
    /// XML.
    Xml,
    /// YAML, several documents.
    Yaml,
}

impl Kind {
    /// All of them, by name.
    pub const ALL: &'static [Kind] = &[
        Kind::Cue,
        Kind::CycloneDx,
        Kind::Dockerfile,
        Kind::Dotenv,
        Kind::Edn,
        Kind::Hcl1,
        Kind::Hcl2,
        Kind::Hocon,
        Kind::Ignore,
        Kind::Ini,
        Kind::Json,
        Kind::JsonComments,
        Kind::Jsonnet,
        Kind::Nginx,
        Kind::Properties,
        Kind::Spdx,
        Kind::Textproto,
        Kind::Toml,
        Kind::Vcl,
        Kind::Xml,
        Kind::Yaml,
    ];

    /// The name of the parser, as in `--parser`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Cue => "cue",
            Kind::CycloneDx => "cyclonedx",
            Kind::Dockerfile => "dockerfile",
            Kind::Dotenv => "dotenv",
            Kind::Edn => "edn",
            Kind::Hcl1 => "hcl1",
            Kind::Hcl2 => "hcl2",
            Kind::Hocon => "hocon",
            Kind::Ignore => "ignore",
            Kind::Ini => "ini",
            Kind::Json => "json",
            Kind::JsonComments => "jsonc",
            Kind::Jsonnet => "jsonnet",
            Kind::Nginx => "nginx",
            Kind::Properties => "properties",
            Kind::Spdx => "spdx",
            Kind::Textproto => "textproto",
            Kind::Toml => "toml",
            Kind::Vcl => "vcl",
            Kind::Xml => "xml",
            Kind::Yaml => "yaml",
        }
    }

    /// Why files of this kind are not read; `None` where they are.
    #[must_use]
    pub const fn left_out(self) -> Option<&'static str> {
        match self {
            Kind::Cue => Some("CUE has to be evaluated first: give the output of `cue export`"),
            Kind::Jsonnet => Some("Jsonnet has to be evaluated first: give the output of `jsonnet`"),
            Kind::Hocon => Some("HOCON has substitutions and includes to resolve first: give it as JSON"),
            Kind::Vcl => Some("Varnish configuration is not read"),
            Kind::Textproto => Some("protocol buffers as text need their definitions: give them as JSON"),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of no parser.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownKind {
    /// What was given.
    pub name: String,
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        write!(f, "`{}` is no parser; there are {}", self.name, names.join(", "))
    }
}

impl std::error::Error for UnknownKind {}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Kind, UnknownKind> {
        Kind::ALL.iter().copied().find(|kind| kind.as_str() == name).ok_or_else(|| UnknownKind { name: name.to_owned() })
    }
}

/// The kind of a file by its name, as Conftest tells it; `-` is YAML from standard input. `None` where Conftest knows no parser.
#[must_use]
pub fn detect(path: &str) -> Option<Kind> {
    if path == "-" {
        return Some(Kind::Yaml);
    }
    let trimmed = path.trim_end_matches('/');
    let name = trimmed.rsplit('/').next().unwrap_or(trimmed).to_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if name == "dockerfile" || name.starts_with("dockerfile.") || extension == "dockerfile" {
        return Some(Kind::Dockerfile);
    }
    match extension {
        "yml" | "yaml" => return Some(Kind::Yaml),
        "hcl" | "tf" | "tfvars" => return Some(Kind::Hcl2),
        "gitignore" | "dockerignore" => return Some(Kind::Ignore),
        _ => {}
    }
    if name == ".env" || name.starts_with(".env.") || extension == "env" {
        return Some(Kind::Dotenv);
    }
    match (name.as_str(), extension) {
        ("nginx.conf", _) => Some(Kind::Nginx),
        (_, "textproto" | "textpb") => Some(Kind::Textproto),
        _ => extension.parse().ok(),
    }
}

/// Reads a text as one document, in the shape `conftest parse` prints: several YAML documents are a list.
///
/// # Errors
/// What is wrong with the text, each with its place.
pub fn document(kind: Kind, text: &str, file: FileId) -> Result<Value, Vec<Problem>> {
    if let Some(why) = kind.left_out() {
        return Err(vec![Problem { span: Span::new(file, 0..0), message: why.to_owned(), fatal: true, code: "input-unsupported" }]);
    }
    let source = text::Source::new(text, file, kind);
    let value = match kind {
        Kind::CycloneDx => cyclonedx::read(&source),
        Kind::Dockerfile => dockerfile::read(&source),
        Kind::Dotenv => dotenv::read(&source),
        Kind::Edn => edn::read(&source),
        Kind::Hcl1 => hcl1::read(&source),
        Kind::Hcl2 => hcl2::read(&source),
        Kind::Ignore => Ok(ignore::read(&source)),
        Kind::Ini => ini::read(&source),
        Kind::Json => json::read(&source),
        Kind::JsonComments => json::read_commented(&source),
        Kind::Nginx => nginx::read(&source),
        Kind::Properties => properties::read(&source),
        Kind::Spdx => spdx::read(&source),
        Kind::Toml => toml::read(&source),
        Kind::Xml => xml::read(&source),
        Kind::Yaml => return finite(yaml::read(&source)?),
        Kind::Cue | Kind::Hocon | Kind::Jsonnet | Kind::Textproto | Kind::Vcl => Err(source.problem(0..0, "this format is not read")),
    };
    finite(value.map_err(|problem| vec![problem])?)
}

/// Reads a text to the documents that policies judge one by one: what [`document`] gives, and the items of a list each on its own, as
/// Conftest does for several YAML documents and for every other list.
///
/// # Errors
/// As [`document`].
pub fn parse(kind: Kind, text: &str, file: FileId) -> Result<Vec<Value>, Vec<Problem>> {
    Ok(split(document(kind, text, file)?))
}

/// The documents that policies judge one by one: the items of a list, or the value itself.
#[must_use]
pub fn split(document: Value) -> Vec<Value> {
    match document.data {
        Data::List(items) => std::sync::Arc::try_unwrap(items).unwrap_or_else(|items| (*items).clone()),
        data => vec![Value { data, ..document }],
    }
}

/// The one document Conftest makes of several files for `--combine`: a list of maps with `path` and `contents`, sorted by path; each
/// document of a list on its own.
#[must_use]
pub fn combine(documents: Vec<(std::sync::Arc<str>, Value)>) -> Value {
    let mut documents = documents;
    documents.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut items = Vec::new();
    for (path, document) in documents {
        for contents in split(document) {
            let span = contents.span;
            let mut map = Map::new();
            map.insert("path", span, Value::string(std::sync::Arc::clone(&path), Span { end: span.start, ..span }));
            map.insert("contents", span, contents);
            items.push(Value::map(map, span));
        }
    }
    Value::list(items, Span::NONE)
}

/// Refuses numbers JSON cannot write.
fn finite(value: Value) -> Result<Value, Vec<Problem>> {
    fn endless(value: &Value) -> Option<Span> {
        match &value.data {
            Data::Number(Number::Float(number)) if !number.is_finite() => Some(value.span),
            Data::List(items) => items.iter().find_map(endless),
            Data::Map(map) => map.values().find_map(endless),
            _ => None,
        }
    }
    match endless(&value) {
        Some(span) => Err(vec![Problem { span, message: "the number is too large, or none".into(), fatal: true, code: "input-number" }]),
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests;
