//! SPDX's tags and values in the shape of its JSON, with the places of the values.
//!
//! Tags that say nothing about packages are passed over. Annotations stand in one list and name their element as `element`.

use std::collections::BTreeMap;
use std::ops::Range;

use probity_value::{FileId, Map, Span, Value};

use crate::document::{Reading, SbomError};
use crate::text;

/// Whether a text begins as tags and values do.
pub(crate) fn claims(text: &str) -> bool {
    let tag = |line: &str| line.trim_start().starts_with("SPDXVersion:");
    text.lines().take(1000).any(tag)
}

/// A part of a document, in order of appearance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Document,
    Package,
    File,
    /// Of which nothing is read.
    Other,
    Licence,
    Annotation,
}

#[derive(Default)]
struct Lists {
    packages: Vec<Value>,
    files: Vec<Value>,
    licences: Vec<Value>,
    relationships: Vec<Value>,
    annotations: Vec<Value>,
    creators: Vec<Value>,
}

struct Reader {
    document: Map,
    lists: Lists,
    part: Part,
    map: Map,
    /// Fields of the part that are lists.
    repeated: BTreeMap<&'static str, Vec<Value>>,
    start: Span,
}

impl Reader {
    fn begin(&mut self, part: Part, at: Span) {
        let mut map = std::mem::replace(&mut self.map, Map::new());
        for (key, list) in std::mem::take(&mut self.repeated) {
            map.insert(key, self.start, Value::list(list, self.start));
        }
        let value = Value::map(map, self.start);
        match self.part {
            Part::Document => self.document = value.as_map().cloned().unwrap_or_default(),
            Part::Package => self.lists.packages.push(value),
            Part::File => self.lists.files.push(value),
            Part::Licence => self.lists.licences.push(value),
            Part::Annotation => self.lists.annotations.push(value),
            Part::Other => {}
        }
        self.part = part;
        self.start = at;
    }

    fn put(&mut self, key: &str, value: &str, at: Span) {
        if !self.map.contains_key(key) {
            self.map.insert(key, at, Value::string(value, at));
        }
    }

    fn push(&mut self, key: &'static str, value: Value) {
        self.repeated.entry(key).or_default().push(value);
    }
}

fn object(pairs: &[(&str, &str)], at: Span) -> Value {
    let mut map = Map::new();
    for (key, value) in pairs {
        map.insert(*key, at, Value::string(*value, at));
    }
    Value::map(map, at)
}

pub(crate) fn parse(text: &str, reading: &mut Reading<'_>) -> Result<Value, SbomError> {
    let whole = Span::new(FileId(0), 0..text.len());
    let mut reader = Reader {
        document: Map::new(),
        lists: Lists::default(),
        part: Part::Document,
        map: Map::new(),
        repeated: BTreeMap::new(),
        start: whole,
    };
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let line = rest.split('\n').next().unwrap_or_default();
        let start = at;
        at += line.len() + 1;
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let Some((name, value)) = bare.split_once(':') else {
            reading.problem(reading.lines.of(start), format!("`{}` is no tag with a value", text::shown(bare)), true);
            continue;
        };
        let span = |range: Range<usize>| Span::new(FileId(0), range);
        let mut value = value.trim();
        if value.starts_with("<text>") {
            let begin = start + line.find("<text>").unwrap_or_default() + "<text>".len();
            let behind = text.get(begin..).unwrap_or_default();
            let Some(length) = behind.find("</text>") else {
                return Err(SbomError::Syntax { line: reading.lines.of(start), what: "the text that begins here has no end".to_owned() });
            };
            value = behind.get(..length).unwrap_or_default();
            let end = begin + length;
            at = text.get(end..).and_then(|rest| rest.find('\n')).map_or(text.len(), |line| end + line + 1);
        }
        pair(&mut reader, name.trim(), value, span(start..start + line.len()));
    }
    reader.begin(Part::Other, whole);
    let Reader { mut document, lists, .. } = reader;
    let creators = Value::list(lists.creators, whole);
    let mut creation = Map::new();
    if let Some(created) = document.remove("created") {
        creation.insert("created", created.value.span, created.value);
    }
    creation.insert("creators", whole, creators);
    document.insert("creationInfo", whole, Value::map(creation, whole));
    for (key, list) in [
        ("packages", lists.packages),
        ("files", lists.files),
        ("hasExtractedLicensingInfos", lists.licences),
        ("relationships", lists.relationships),
        ("annotations", lists.annotations),
    ] {
        document.insert(key, whole, Value::list(list, whole));
    }
    Ok(Value::map(document, whole))
}

fn pair(reader: &mut Reader, tag: &str, value: &str, at: Span) {
    match tag {
        "PackageName" => {
            reader.begin(Part::Package, at);
            return reader.put("name", value, at);
        }
        "FileName" => {
            reader.begin(Part::File, at);
            return reader.put("fileName", value, at);
        }
        "LicenseID" => {
            reader.begin(Part::Licence, at);
            return reader.put("licenseId", value, at);
        }
        "Annotator" => {
            reader.begin(Part::Annotation, at);
            return reader.put("annotator", value, at);
        }
        "SnippetSPDXID" | "Reviewer" => return reader.begin(Part::Other, at),
        "Relationship" => {
            let mut words = value.split_whitespace();
            if let (Some(from), Some(kind), Some(to)) = (words.next(), words.next(), words.next()) {
                let pairs = [("spdxElementId", from), ("relationshipType", kind), ("relatedSpdxElement", to)];
                reader.lists.relationships.push(object(&pairs, at));
            }
            return;
        }
        "RelationshipComment" => {
            if let Some(last) = reader.lists.relationships.last_mut()
                && let Some(mut map) = last.as_map().cloned()
            {
                map.insert("comment", at, Value::string(value, at));
                *last = Value::map(map, last.span);
            }
            return;
        }
        "Creator" => return reader.lists.creators.push(Value::string(value, at)),
        _ => {}
    }
    let key = match (reader.part, tag) {
        (Part::Document, "SPDXVersion") => "spdxVersion",
        (Part::Document, "DocumentName") => "name",
        (Part::Document, "DocumentNamespace") => "documentNamespace",
        (Part::Document, "Created") => "created",
        (Part::Document | Part::Package | Part::File, "SPDXID") => "SPDXID",
        (Part::Package, "PackageVersion") => "versionInfo",
        (Part::Package, "PackageDownloadLocation") => "downloadLocation",
        (Part::Package, "PackageLicenseConcluded") => "licenseConcluded",
        (Part::Package, "PackageLicenseDeclared") => "licenseDeclared",
        (Part::Package, "PackageSourceInfo") => "sourceInfo",
        (Part::Package, "PrimaryPackagePurpose") => "primaryPackagePurpose",
        (Part::Package, "PackageAttributionText") => return reader.push("attributionTexts", Value::string(value, at)),
        (Part::Package, "PackageChecksum") => {
            let (name, digits) = value.split_once(':').unwrap_or((value, ""));
            return reader.push("checksums", object(&[("algorithm", name.trim()), ("checksumValue", digits.trim())], at));
        }
        (Part::Package, "ExternalRef") => {
            let mut words = value.split_whitespace();
            if let (Some(category), Some(kind), Some(locator)) = (words.next(), words.next(), words.next()) {
                let pairs = [("referenceCategory", category), ("referenceType", kind), ("referenceLocator", locator)];
                reader.push("externalRefs", object(&pairs, at));
            }
            return;
        }
        (Part::Licence, "ExtractedText") => "extractedText",
        (Part::Licence, "LicenseName") => "name",
        (Part::Annotation, "SPDXREF") => "element",
        (Part::Annotation, "AnnotationComment") => "comment",
        _ => return,
    };
    reader.put(key, value, at);
}
