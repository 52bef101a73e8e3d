//! SPDX 2.3 as JSON.

use serde_json::{Map, Value, json};

use super::{DOCUMENT, LICENCE_LIST, Package, SUBJECT, Sheet};
use crate::bill::Bill;

pub(crate) fn write(bill: &Bill<'_>) -> Value {
    let sheet = super::sheet(bill);
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("spdxVersion", "SPDX-2.3".into());
    put("dataLicense", "CC0-1.0".into());
    put("SPDXID", DOCUMENT.into());
    put("name", sheet.name.as_str().into());
    put("documentNamespace", sheet.name_space.as_str().into());
    put("creationInfo", json!({"created": sheet.created, "creators": [sheet.creator], "licenseListVersion": LICENCE_LIST}));
    put("annotations", json!([annotation(&sheet, &sheet.properties)]));
    put("packages", sheet.packages.iter().map(|one| package(&sheet, one)).collect());
    if !sheet.texts.is_empty() {
        let text = |(id, text): (&String, &String)| json!({"licenseId": id, "extractedText": text});
        put("hasExtractedLicensingInfos", sheet.texts.iter().map(text).collect());
    }
    let relationship =
        |(from, kind, to): &(String, &str, String)| json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to});
    put("relationships", sheet.relationships.iter().map(relationship).collect());
    Value::Object(out)
}

fn annotation(sheet: &Sheet, properties: &[(&'static str, String)]) -> Value {
    json!({
        "annotationDate": sheet.created,
        "annotationType": "OTHER",
        "annotator": sheet.creator,
        "comment": super::comment(properties),
    })
}

fn package(sheet: &Sheet, one: &Package) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("name", one.name.as_str().into());
    put("SPDXID", one.id.as_str().into());
    if let Some(version) = &one.version {
        put("versionInfo", version.as_str().into());
    }
    if one.id == SUBJECT {
        // Syft breaks down over a file as subject without one.
        put("supplier", "NOASSERTION".into());
    }
    put("downloadLocation", one.address.as_str().into());
    put("filesAnalyzed", false.into());
    if !one.hashes.is_empty() {
        let checksum = |hash: &crate::hash::Hash| json!({"algorithm": hash.spdx(), "checksumValue": hash.digits});
        put("checksums", one.hashes.iter().map(checksum).collect());
    }
    if let Some(source) = &one.source_info {
        put("sourceInfo", source.as_str().into());
    }
    put("licenseConcluded", "NOASSERTION".into());
    put("licenseDeclared", one.licence.as_str().into());
    put("copyrightText", "NOASSERTION".into());
    if let Some(summary) = &one.summary {
        put("summary", summary.as_str().into());
    }
    if let Some(purl) = &one.purl {
        put("externalRefs", json!([{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]));
    }
    if !one.properties.is_empty() {
        put("annotations", json!([annotation(sheet, &one.properties)]));
    }
    put("primaryPackagePurpose", one.purpose.replace('-', "_").into());
    Value::Object(out)
}
