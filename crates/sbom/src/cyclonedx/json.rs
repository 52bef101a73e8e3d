//! CycloneDX 1.6 as JSON.

use serde_json::{Map, Value, json};

use super::{Component, Licences, SUBJECT};
use crate::bill::Bill;

pub(crate) fn write(bill: &Bill<'_>) -> Value {
    let mut metadata = Map::new();
    if let Some(time) = bill.time() {
        metadata.insert("timestamp".into(), time.into());
    }
    let tool = json!({"type": "application", "name": *bill.about.tool, "version": *bill.about.tool_version});
    metadata.insert("tools".into(), json!({"components": [tool]}));
    metadata.insert("component".into(), component(&Component::subject(bill)));
    metadata.insert("properties".into(), properties(&super::properties(bill)));
    let mut out = Map::new();
    out.insert("$schema".into(), "http://cyclonedx.org/schema/bom-1.6.schema.json".into());
    out.insert("bomFormat".into(), "CycloneDX".into());
    out.insert("specVersion".into(), "1.6".into());
    out.insert("serialNumber".into(), format!("urn:uuid:{}", bill.uuid()).into());
    out.insert("version".into(), 1.into());
    out.insert("metadata".into(), metadata.into());
    let references = super::references(bill);
    out.insert("components".into(), super::components(bill, &references).iter().map(component).collect());
    let dependencies = super::dependencies(bill, &references);
    out.insert("dependencies".into(), dependencies.iter().map(|(from, to)| json!({"ref": from, "dependsOn": to})).collect());
    if bill.incomplete() {
        out.insert("compositions".into(), json!([{"aggregate": "incomplete", "assemblies": [SUBJECT]}]));
    }
    Value::Object(out)
}

fn properties(list: &[(&'static str, String)]) -> Value {
    list.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn component(one: &Component) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("type", one.kind.into());
    put("bom-ref", one.reference.as_str().into());
    for (key, text) in
        [("group", &one.group), ("name", &Some(one.name.clone())), ("version", &one.version), ("description", &one.description)]
    {
        if let Some(text) = text {
            put(key, text.as_str().into());
        }
    }
    if let Some(scope) = one.scope {
        put("scope", scope.into());
    }
    if !one.hashes.is_empty() {
        put("hashes", one.hashes.iter().map(|hash| json!({"alg": hash.cyclonedx(), "content": hash.digits})).collect());
    }
    match &one.licences {
        Licences::Expression(text) => put("licenses", json!([{"expression": text}])),
        Licences::Single(list) if list.is_empty() => {}
        Licences::Single(list) => {
            let licence = |(is_id, text): &(bool, String)| json!({"license": {if *is_id { "id" } else { "name" }: text}});
            put("licenses", list.iter().map(licence).collect());
        }
    }
    if let Some(purl) = &one.purl {
        put("purl", purl.as_str().into());
    }
    if let Some(address) = &one.address {
        put("externalReferences", json!([{"type": "distribution", "url": address}]));
    }
    if !one.properties.is_empty() {
        put("properties", properties(&one.properties));
    }
    if !one.occurrences.is_empty() {
        let occurrences: Value = one
            .occurrences
            .iter()
            .map(|place| {
                let mut out = Map::new();
                out.insert("location".into(), place.location.as_str().into());
                if place.line > 0 {
                    out.insert("line".into(), place.line.into());
                }
                if let Some(layer) = &place.layer {
                    out.insert("additionalContext".into(), layer.as_str().into());
                }
                Value::Object(out)
            })
            .collect();
        put("evidence", json!({"occurrences": occurrences}));
    }
    Value::Object(out)
}
