//! SPDX 2.3 as tags and values.

use std::fmt::Write as _;

use super::{DOCUMENT, LICENCE_LIST, Package, SUBJECT, Sheet};
use crate::bill::Bill;

/// Writes a tag on a line. No value holds a line break or a mark of a text over lines.
fn tag(out: &mut String, name: &str, value: &str) {
    // Writing to memory cannot fail.
    let _ = writeln!(out, "{name}: {value}");
}

pub(crate) fn write(bill: &Bill<'_>) -> String {
    let sheet = super::sheet(bill);
    let mut out = String::new();
    let to = &mut out;
    tag(to, "SPDXVersion", "SPDX-2.3");
    tag(to, "DataLicense", "CC0-1.0");
    tag(to, "SPDXID", DOCUMENT);
    tag(to, "DocumentName", &sheet.name);
    tag(to, "DocumentNamespace", &sheet.name_space);
    to.push('\n');
    tag(to, "LicenseListVersion", LICENCE_LIST);
    tag(to, "Creator", &sheet.creator);
    tag(to, "Created", &sheet.created);
    for one in &sheet.packages {
        to.push('\n');
        package(to, one);
    }
    for (id, text) in &sheet.texts {
        to.push('\n');
        tag(to, "LicenseID", id);
        tag(to, "ExtractedText", &format!("<text>{text}</text>"));
    }
    to.push('\n');
    for (from, kind, related) in &sheet.relationships {
        tag(to, "Relationship", &format!("{from} {kind} {related}"));
    }
    annotation(to, &sheet, DOCUMENT, &sheet.properties);
    for one in sheet.packages.iter().filter(|one| !one.properties.is_empty()) {
        annotation(to, &sheet, &one.id, &one.properties);
    }
    out
}

fn annotation(to: &mut String, sheet: &Sheet, id: &str, properties: &[(&'static str, String)]) {
    to.push('\n');
    tag(to, "Annotator", &sheet.creator);
    tag(to, "AnnotationDate", &sheet.created);
    tag(to, "AnnotationType", "OTHER");
    tag(to, "SPDXREF", id);
    tag(to, "AnnotationComment", &format!("<text>{}</text>", super::comment(properties)));
}

fn package(to: &mut String, one: &Package) {
    tag(to, "PackageName", &one.name);
    tag(to, "SPDXID", &one.id);
    if let Some(version) = &one.version {
        tag(to, "PackageVersion", version);
    }
    if one.id == SUBJECT {
        tag(to, "PackageSupplier", "NOASSERTION");
    }
    tag(to, "PackageDownloadLocation", &one.address);
    tag(to, "FilesAnalyzed", "false");
    for hash in &one.hashes {
        tag(to, "PackageChecksum", &format!("{}: {}", hash.spdx(), hash.digits));
    }
    if let Some(source) = &one.source_info {
        tag(to, "PackageSourceInfo", &format!("<text>{source}</text>"));
    }
    tag(to, "PackageLicenseConcluded", "NOASSERTION");
    tag(to, "PackageLicenseDeclared", &one.licence);
    tag(to, "PackageCopyrightText", "NOASSERTION");
    if let Some(summary) = &one.summary {
        tag(to, "PackageSummary", &format!("<text>{summary}</text>"));
    }
    if let Some(purl) = &one.purl {
        tag(to, "ExternalRef", &format!("PACKAGE-MANAGER purl {purl}"));
    }
    tag(to, "PrimaryPackagePurpose", one.purpose);
}
