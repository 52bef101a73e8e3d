//! SPDX bills of materials as tags and values, in the JSON shape of SPDX 2.3: every version is read as that, as Conftest does.

use std::ops::Range;

use probity_value::{Map, Span, Value};

use crate::text::{Read, Source};

/// Versions there are.
const VERSIONS: &[&str] = &["SPDX-2.1", "SPDX-2.2", "SPDX-2.3"];
const ALGORITHMS: &[&str] = &[
    "SHA1",
    "SHA224",
    "SHA256",
    "SHA384",
    "SHA512",
    "MD2",
    "MD4",
    "MD5",
    "MD6",
    "SHA3-256",
    "SHA3-384",
    "SHA3-512",
    "BLAKE2b-256",
    "BLAKE2b-384",
    "BLAKE2b-512",
    "BLAKE3",
    "ADLER32",
];

/// A tag with its value, and where both stand.
struct Pair<'a> {
    tag: &'a str,
    tag_range: Range<usize>,
    value: &'a str,
    range: Range<usize>,
}

/// What a tag fills.
#[derive(Clone, Copy)]
enum Field {
    Text(&'static str),
    List(&'static str),
    /// `SPDXRef-...`.
    Id(&'static str),
    Checksum(&'static str),
    /// `Person: name`, or `NOASSERTION`.
    Agent(&'static str),
    Bool(&'static str),
    VerificationCode,
    ExternalRef,
    ExternalRefComment,
    Artifact(&'static str),
    /// Known, and nothing is kept of it.
    Dropped,
}

/// Parts of a document, in the order they begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Document,
    Creation,
    Package,
    File,
    Snippet,
    License,
    Review,
}

/// Reads an SPDX file.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let pairs = pairs(source)?;
    let version = pairs.iter().find(|pair| pair.tag == "SPDXVersion");
    match version {
        Some(pair) if VERSIONS.contains(&pair.value) => {}
        Some(pair) => return Err(source.problem(pair.range.clone(), format!("`{}` is no version that is read", pair.value))),
        None => return Err(source.problem(0..0, "`SPDXVersion` is missing")),
    }
    let old = version.is_some_and(|pair| pair.value != "SPDX-2.3");
    let mut reader = Reader { source, section: Section::Document, document: Map::new(), creation: None, open: None, package: None, old };
    for pair in &pairs {
        reader.pair(pair)?;
    }
    reader.finish()
}

/// The tags and values of a file; `<text>` may span lines.
fn pairs<'a>(source: &Source<'a>) -> Read<Vec<Pair<'a>>> {
    let mut pairs = Vec::new();
    let mut at = 0;
    while at < source.text.len() {
        let rest = source.rest(at);
        let line = rest.split('\n').next().unwrap_or_default();
        let next = at + line.len() + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let text = line.trim_start();
        let start = at + line.len() - text.len();
        at = next;
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((tag, value)) = text.split_once(':') else {
            return Err(source.problem(start..start + text.len(), "expected `Tag: value`"));
        };
        let tag_range = start..start + tag.trim_end().len();
        let begin = start + tag.len() + 1;
        let (value, range) = match value.find("<text>") {
            None => {
                let bare = value.trim();
                let begin = begin + value.len() - value.trim_start().len();
                (bare, begin..begin + bare.len())
            }
            Some(offset) => {
                let begin = begin + offset + "<text>".len();
                let Some(length) = source.rest(begin).find("</text>") else {
                    return Err(source.problem(begin - "<text>".len()..begin, "the text that begins here has no end"));
                };
                let end = begin + length;
                at = end + source.rest(end).find('\n').map_or(source.text.len() - end, |line| line + 1);
                (source.slice(begin..end), begin..end)
            }
        };
        pairs.push(Pair { tag: tag.trim(), tag_range, value, range });
    }
    Ok(pairs)
}

/// The part that is filled at the moment.
struct Open {
    section: Section,
    map: Map,
    start: Span,
    /// Whether its id was given: without it, it is in no list.
    named: bool,
}

struct Reader<'a> {
    source: &'a Source<'a>,
    section: Section,
    document: Map,
    creation: Option<(Map, Span)>,
    open: Option<Open>,
    /// The package that files belong to.
    package: Option<Open>,
    old: bool,
}

impl Reader<'_> {
    fn pair(&mut self, pair: &Pair<'_>) -> Read<()> {
        let at = self.source.span(pair.range.clone());
        let key = self.source.span(pair.tag_range.clone());
        match pair.tag {
            "Relationship" if self.section != Section::Document => return self.relationship(pair, at),
            "RelationshipComment" => return self.last_of("relationships", "comment", pair, at),
            "Annotator" if self.section != Section::Document => return self.annotation(pair, at),
            "AnnotationDate" => return self.last_of("annotations", "annotationDate", pair, at),
            "AnnotationType" => return self.last_of("annotations", "annotationType", pair, at),
            "AnnotationComment" => return self.last_of("annotations", "comment", pair, at),
            "SPDXREF" => return self.id(pair).map(drop),
            _ => {}
        }
        if self.section == Section::Document {
            let name = match pair.tag {
                "DocumentComment" => "comment",
                "SPDXVersion" => {
                    self.document.insert("spdxVersion", key, Value::string("SPDX-2.3", at));
                    return Ok(());
                }
                "DataLicense" => "dataLicense",
                "SPDXID" => {
                    let id = self.id(pair)?;
                    self.document.insert("SPDXID", key, Value::string(id, at));
                    return Ok(());
                }
                "DocumentName" => "name",
                "DocumentNamespace" => "documentNamespace",
                "ExternalDocumentRef" => return self.external_document(pair, at),
                _ => {
                    self.section = Section::Creation;
                    return self.pair(pair);
                }
            };
            self.document.insert(name, key, Value::string(pair.value, at));
            return Ok(());
        }
        match (pair.tag, self.section) {
            ("PackageName", Section::Creation | Section::Package | Section::File | Section::Snippet) => {
                self.close_package()?;
                self.begin(Section::Package, key);
            }
            ("FileName", Section::Creation | Section::Package | Section::File | Section::Snippet) => {
                self.close_part()?;
                self.begin(Section::File, key);
            }
            ("SnippetSPDXID", Section::File | Section::Snippet) => {
                self.close_part()?;
                self.begin(Section::Snippet, key);
            }
            ("LicenseID", Section::Creation | Section::Package | Section::File | Section::Snippet | Section::License) => {
                self.close_part()?;
                self.begin(Section::License, key);
            }
            ("Reviewer", _) => {
                self.close_part()?;
                self.begin(Section::Review, key);
            }
            ("DocumentComment", Section::Creation) => {
                self.section = Section::Document;
                return self.pair(pair);
            }
            _ => {}
        }
        if self.section == Section::Creation {
            return self.creation(pair, key, at);
        }
        let Some(field) = field(self.section, pair.tag) else {
            return Err(self.source.problem(pair.tag_range.clone(), format!("`{}` is no tag of this part", pair.tag)));
        };
        self.fill(field, pair, key, at)
    }

    fn begin(&mut self, section: Section, start: Span) {
        self.section = section;
        self.open = Some(Open { section, map: Map::new(), start, named: false });
    }

    /// Puts what is filled away, but keeps a package open for the files that follow.
    fn close_part(&mut self) -> Read<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        match open.section {
            Section::Package => self.package = Some(open),
            Section::File => {
                if !open.named {
                    let range = open.start.start as usize..open.start.end as usize;
                    return Err(self.source.problem(range, "the file has no `SPDXID`"));
                }
                let value = finished(open, &[("checksums", None), ("copyrightText", Some(""))]);
                match &mut self.package {
                    Some(package) => push(&mut package.map, "files", value),
                    None => push(&mut self.document, "files", value),
                }
            }
            Section::License => {
                let value = finished(open, &[("extractedText", Some(""))]);
                push(&mut self.document, "hasExtractedLicensingInfos", value);
            }
            // Snippets belong to files in memory only, reviews nowhere.
            _ => {}
        }
        Ok(())
    }

    fn close_package(&mut self) -> Read<()> {
        self.close_part()?;
        let Some(mut package) = self.package.take() else { return Ok(()) };
        if !package.named {
            let range = package.start.start as usize..package.start.end as usize;
            return Err(self.source.problem(range, "the package has no `SPDXID`"));
        }
        let start = package.start;
        if !package.map.contains_key("filesAnalyzed") {
            package.map.insert("filesAnalyzed", start, Value::bool(true, start));
        }
        if self.old && !package.map.contains_key("packageVerificationCode") {
            let mut code = Map::new();
            code.insert("packageVerificationCodeValue", start, Value::string("", start));
            package.map.insert("packageVerificationCode", start, Value::map(code, start));
        }
        let value = finished(package, &[("downloadLocation", Some(""))]);
        push(&mut self.document, "packages", value);
        Ok(())
    }

    fn finish(mut self) -> Read<Value> {
        self.close_package()?;
        let whole = self.source.whole();
        let nowhere = Span { end: whole.start, ..whole };
        for name in ["spdxVersion", "dataLicense", "name", "documentNamespace"] {
            if !self.document.contains_key(name) {
                self.document.insert(name, nowhere, Value::string("", nowhere));
            }
        }
        if !self.document.contains_key("SPDXID") {
            self.document.insert("SPDXID", nowhere, Value::string("SPDXRef-", nowhere));
        }
        let creation = match self.creation {
            None => Value::null(nowhere),
            Some((mut map, span)) => {
                if !map.contains_key("created") {
                    map.insert("created", span, Value::string("", span));
                }
                if !map.contains_key("creators") {
                    map.insert("creators", span, Value::null(span));
                }
                Value::map(map, span)
            }
        };
        self.document.insert("creationInfo", creation.span, creation);
        Ok(Value::map(self.document, whole))
    }

    fn creation(&mut self, pair: &Pair<'_>, key: Span, at: Span) -> Read<()> {
        let name = match pair.tag {
            "LicenseListVersion" => "licenseListVersion",
            "Creator" => "creators",
            "Created" => "created",
            "CreatorComment" => "comment",
            _ => return Err(self.source.problem(pair.tag_range.clone(), format!("`{}` is no tag of this part", pair.tag))),
        };
        let value = if name == "creators" { self.agent(pair, &["Person", "Organization", "Tool"])? } else { pair.value.to_owned() };
        let (map, span) = self.creation.get_or_insert_with(|| (Map::new(), key));
        *span = span.join(at);
        if name == "creators" {
            push(map, name, Value::string(value, at));
        } else {
            map.insert(name, key, Value::string(value, at));
        }
        Ok(())
    }

    fn fill(&mut self, field: Field, pair: &Pair<'_>, key: Span, at: Span) -> Read<()> {
        let text = Value::string(pair.value, at);
        let entry = match field {
            Field::Dropped => return Ok(()),
            Field::Id(name) => (name, Value::string(self.id(pair)?, at)),
            Field::Text(name) => (name, text),
            Field::Agent(name) => {
                let value =
                    if pair.value == "NOASSERTION" { pair.value.to_owned() } else { self.agent(pair, &["Person", "Organization"])? };
                (name, Value::string(value, at))
            }
            Field::Bool(name) => match pair.value {
                "true" => (name, Value::bool(true, at)),
                "false" => (name, Value::bool(false, at)),
                _ => return Ok(()),
            },
            Field::List(name) => {
                if let Some(open) = &mut self.open {
                    push(&mut open.map, name, text);
                }
                return Ok(());
            }
            Field::Checksum(name) => {
                let (algorithm, value) = self.parts(pair)?;
                if !ALGORITHMS.contains(&algorithm) {
                    return Err(self.source.problem(pair.range.clone(), format!("`{algorithm}` is no checksum that is known")));
                }
                let map = texts(&[("algorithm", algorithm), ("checksumValue", value)], at);
                if let Some(open) = &mut self.open {
                    push(&mut open.map, name, Value::map(map, at));
                }
                return Ok(());
            }
            Field::VerificationCode => {
                let (code, excluded) = pair
                    .value
                    .split_once("(excludes:")
                    .map_or((pair.value, None), |(code, rest)| (code.trim(), Some(rest.split(')').next().unwrap_or_default().trim())));
                let mut map = texts(&[("packageVerificationCodeValue", code)], at);
                if let Some(excluded) = excluded {
                    map.insert("packageVerificationCodeExcludedFiles", at, Value::list(vec![Value::string(excluded, at)], at));
                }
                ("packageVerificationCode", Value::map(map, at))
            }
            Field::ExternalRef => {
                let words: Vec<&str> = pair.value.split_whitespace().collect();
                let [category, kind, locator] = words.as_slice() else {
                    return Err(self.source.problem(pair.range.clone(), "expected a category, a type and a locator"));
                };
                let category = category.replace('_', "-");
                let fields = [("referenceCategory", category.as_str()), ("referenceType", *kind), ("referenceLocator", *locator)];
                if let Some(open) = &mut self.open {
                    push(&mut open.map, "externalRefs", Value::map(texts(&fields, at), at));
                }
                return Ok(());
            }
            Field::ExternalRefComment => return self.fill_last("externalRefs", "comment", pair, at),
            Field::Artifact("name") => {
                let map = texts(&[("name", pair.value), ("homePage", ""), ("URI", "")], at);
                if let Some(open) = &mut self.open {
                    push(&mut open.map, "artifactOfs", Value::map(map, at));
                }
                return Ok(());
            }
            Field::Artifact(name) => return self.fill_last("artifactOfs", name, pair, at),
        };
        if let Some(open) = &mut self.open {
            open.named |= entry.0 == "SPDXID";
            // Nothing is left out where nothing is said.
            if !pair.value.is_empty() || matches!(entry.0, "name" | "fileName" | "downloadLocation" | "copyrightText" | "extractedText") {
                open.map.insert(entry.0, key, entry.1);
            }
        }
        Ok(())
    }

    /// Adds to the last entry of a list of what is filled.
    fn fill_last(&mut self, list: &str, name: &'static str, pair: &Pair<'_>, at: Span) -> Read<()> {
        let missing = self.source.problem(pair.tag_range.clone(), format!("`{}` belongs to nothing", pair.tag));
        let map = self.open.as_mut().map(|open| &mut open.map).ok_or_else(|| missing.clone())?;
        let last = last_map(map, list).ok_or(missing)?;
        last.insert(name, at, Value::string(pair.value, at));
        Ok(())
    }

    fn last_of(&mut self, list: &str, name: &'static str, pair: &Pair<'_>, at: Span) -> Read<()> {
        let Some(last) = last_map(&mut self.document, list) else {
            return Err(self.source.problem(pair.tag_range.clone(), format!("`{}` belongs to nothing", pair.tag)));
        };
        last.insert(name, at, Value::string(pair.value, at));
        Ok(())
    }

    fn relationship(&mut self, pair: &Pair<'_>, at: Span) -> Read<()> {
        let words: Vec<&str> = pair.value.split_whitespace().collect();
        let [first, kind, second] = words.as_slice() else {
            return Err(self.source.problem(pair.range.clone(), "expected an element, a relationship and an element"));
        };
        let first = self.reference(pair, first)?;
        let second = if matches!(*second, "NONE" | "NOASSERTION") { (*second).to_owned() } else { self.reference(pair, second)? };
        let fields = [("spdxElementId", first.as_str()), ("relatedSpdxElement", second.as_str()), ("relationshipType", *kind)];
        push(&mut self.document, "relationships", Value::map(texts(&fields, at), at));
        Ok(())
    }

    fn annotation(&mut self, pair: &Pair<'_>, at: Span) -> Read<()> {
        let annotator = self.agent(pair, &["Person", "Organization", "Tool"])?;
        let fields = [("annotator", annotator.as_str()), ("annotationDate", ""), ("annotationType", ""), ("comment", "")];
        push(&mut self.document, "annotations", Value::map(texts(&fields, at), at));
        Ok(())
    }

    fn external_document(&mut self, pair: &Pair<'_>, at: Span) -> Read<()> {
        let words: Vec<&str> = pair.value.split_whitespace().collect();
        let found = match words.as_slice() {
            [id, uri, algorithm, value] => algorithm.strip_suffix(':').map(|algorithm| (*id, *uri, algorithm, *value)),
            [id, uri, both] => both.split_once(':').map(|(algorithm, value)| (*id, *uri, algorithm, value)),
            _ => None,
        };
        let Some((id, uri, algorithm, value)) = found.filter(|(id, ..)| id.len() > 12 && id.starts_with("DocumentRef-")) else {
            return Err(self.source.problem(pair.range.clone(), "expected `DocumentRef-...`, an address and a checksum"));
        };
        let mut map = texts(&[("externalDocumentId", id), ("spdxDocument", uri)], at);
        map.insert("checksum", at, Value::map(texts(&[("algorithm", algorithm), ("checksumValue", value)], at), at));
        push(&mut self.document, "externalDocumentRefs", Value::map(map, at));
        Ok(())
    }

    /// `Kind: name`.
    fn parts<'p>(&self, pair: &Pair<'p>) -> Read<(&'p str, &'p str)> {
        match pair.value.split_once(':') {
            Some((kind, name)) => Ok((kind.trim(), name.trim())),
            None => Err(self.source.problem(pair.range.clone(), "expected `Kind: value`")),
        }
    }

    fn agent(&self, pair: &Pair<'_>, kinds: &[&str]) -> Read<String> {
        let (kind, name) = self.parts(pair)?;
        if !kinds.contains(&kind) {
            return Err(self.source.problem(pair.range.clone(), format!("`{kind}` is none of {}", kinds.join(", "))));
        }
        Ok(format!("{kind}: {name}"))
    }

    fn id(&self, pair: &Pair<'_>) -> Read<String> {
        let fits = pair.value.len() > 8 && pair.value.starts_with("SPDXRef-") && !pair.value.contains(':');
        let document = pair.tag == "SPDXREF" && pair.value.starts_with("DocumentRef-");
        if fits || document {
            return Ok(pair.value.to_owned());
        }
        Err(self.source.problem(pair.range.clone(), format!("`{}` does not begin with `SPDXRef-`", pair.value)))
    }

    /// An element of this document or of another one.
    fn reference(&self, pair: &Pair<'_>, text: &str) -> Read<String> {
        let local = match text.strip_prefix("DocumentRef-") {
            Some(rest) => rest.split_once(':').filter(|(document, _)| !document.is_empty()).map(|(_, local)| local),
            None => Some(text),
        };
        match local {
            Some(local) if local.len() > 8 && local.starts_with("SPDXRef-") && !local.contains(':') => Ok(text.to_owned()),
            _ => Err(self.source.problem(pair.range.clone(), format!("`{text}` names no element"))),
        }
    }
}

fn texts(fields: &[(&'static str, &str)], at: Span) -> Map {
    let mut map = Map::new();
    for (name, text) in fields {
        map.insert(*name, at, Value::string(*text, at));
    }
    map
}

fn push(map: &mut Map, name: &'static str, value: Value) {
    let span = value.span;
    match map.get_mut(name) {
        Some(list) => {
            list.span = list.span.join(span);
            if let probity_value::Data::List(items) = &mut list.data {
                std::sync::Arc::make_mut(items).push(value);
            }
        }
        None => {
            map.insert(name, span, Value::list(vec![value], span));
        }
    }
}

fn last_map<'m>(map: &'m mut Map, list: &str) -> Option<&'m mut Map> {
    let probity_value::Data::List(items) = &mut map.get_mut(list)?.data else { return None };
    let probity_value::Data::Map(last) = &mut std::sync::Arc::make_mut(items).last_mut()?.data else { return None };
    Some(std::sync::Arc::make_mut(last))
}

/// The map of a part, with what is there even if nothing is said of it.
fn finished(open: Open, always: &[(&'static str, Option<&str>)]) -> Value {
    let Open { mut map, start, .. } = open;
    for (name, text) in always {
        if !map.contains_key(name) {
            let value = text.map_or_else(|| Value::null(start), |text| Value::string(text, start));
            map.insert(*name, start, value);
        }
    }
    let span = map.values().map(|value| value.span).fold(start, Span::join);
    Value::map(map, span)
}

fn field(section: Section, tag: &str) -> Option<Field> {
    let table: &[(&str, Field)] = match section {
        Section::Package => PACKAGE,
        Section::File => FILE,
        Section::Snippet => SNIPPET,
        Section::License => LICENSE,
        Section::Review => &[("Reviewer", Field::Dropped), ("ReviewDate", Field::Dropped), ("ReviewComment", Field::Dropped)],
        Section::Document | Section::Creation => &[],
    };
    table.iter().find(|(name, _)| *name == tag).map(|(_, field)| *field)
}

const PACKAGE: &[(&str, Field)] = &[
    ("PackageName", Field::Text("name")),
    ("SPDXID", Field::Id("SPDXID")),
    ("PackageVersion", Field::Text("versionInfo")),
    ("PackageFileName", Field::Text("packageFileName")),
    ("PackageSupplier", Field::Agent("supplier")),
    ("PackageOriginator", Field::Agent("originator")),
    ("PackageDownloadLocation", Field::Text("downloadLocation")),
    ("FilesAnalyzed", Field::Bool("filesAnalyzed")),
    ("PackageVerificationCode", Field::VerificationCode),
    ("PackageChecksum", Field::Checksum("checksums")),
    ("PackageHomePage", Field::Text("homepage")),
    ("PackageSourceInfo", Field::Text("sourceInfo")),
    ("PackageLicenseConcluded", Field::Text("licenseConcluded")),
    ("PackageLicenseInfoFromFiles", Field::List("licenseInfoFromFiles")),
    ("PackageLicenseDeclared", Field::Text("licenseDeclared")),
    ("PackageLicenseComments", Field::Text("licenseComments")),
    ("PackageCopyrightText", Field::Text("copyrightText")),
    ("PackageSummary", Field::Text("summary")),
    ("PackageDescription", Field::Text("description")),
    ("PackageComment", Field::Text("comment")),
    ("PrimaryPackagePurpose", Field::Text("primaryPackagePurpose")),
    ("ReleaseDate", Field::Text("releaseDate")),
    ("BuiltDate", Field::Text("builtDate")),
    ("ValidUntilDate", Field::Text("validUntilDate")),
    ("PackageAttributionText", Field::List("attributionTexts")),
    ("ExternalRef", Field::ExternalRef),
    ("ExternalRefComment", Field::ExternalRefComment),
];

const FILE: &[(&str, Field)] = &[
    ("FileName", Field::Text("fileName")),
    ("SPDXID", Field::Id("SPDXID")),
    ("FileType", Field::List("fileTypes")),
    ("FileChecksum", Field::Checksum("checksums")),
    ("LicenseConcluded", Field::Text("licenseConcluded")),
    ("LicenseInfoInFile", Field::List("licenseInfoInFiles")),
    ("LicenseComments", Field::Text("licenseComments")),
    ("FileCopyrightText", Field::Text("copyrightText")),
    ("ArtifactOfProjectName", Field::Artifact("name")),
    ("ArtifactOfProjectHomePage", Field::Artifact("homePage")),
    ("ArtifactOfProjectURI", Field::Artifact("URI")),
    ("FileComment", Field::Text("comment")),
    ("FileNotice", Field::Text("noticeText")),
    ("FileContributor", Field::List("fileContributors")),
    ("FileDependency", Field::List("fileDependencies")),
    ("FileAttributionText", Field::List("attributionTexts")),
];

const SNIPPET: &[(&str, Field)] = &[
    ("SnippetSPDXID", Field::Dropped),
    ("SnippetFromFileSPDXID", Field::Dropped),
    ("SnippetByteRange", Field::Dropped),
    ("SnippetLineRange", Field::Dropped),
    ("SnippetLicenseConcluded", Field::Dropped),
    ("LicenseInfoInSnippet", Field::Dropped),
    ("SnippetLicenseComments", Field::Dropped),
    ("SnippetCopyrightText", Field::Dropped),
    ("SnippetComment", Field::Dropped),
    ("SnippetName", Field::Dropped),
    ("SnippetAttributionText", Field::Dropped),
];

const LICENSE: &[(&str, Field)] = &[
    ("LicenseID", Field::Text("licenseId")),
    ("ExtractedText", Field::Text("extractedText")),
    ("LicenseName", Field::Text("name")),
    ("LicenseCrossReference", Field::List("seeAlsos")),
    ("LicenseComment", Field::Text("comment")),
];
