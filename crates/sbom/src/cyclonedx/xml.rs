//! CycloneDX 1.6 as XML.

use super::{Component, Licences, SUBJECT};
use crate::bill::Bill;

/// Writes elements with their ends, indented.
struct Writer {
    out: String,
    open: Vec<&'static str>,
}

fn escaped(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            letter => out.push(letter),
        }
    }
}

impl Writer {
    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        for _ in &self.open {
            self.out.push_str("  ");
        }
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            escaped(value, &mut self.out);
            self.out.push('"');
        }
    }

    /// Opens an element that holds others.
    fn open(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.out.push_str(">\n");
        self.open.push(name);
    }

    fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            for _ in &self.open {
                self.out.push_str("  ");
            }
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push_str(">\n");
        }
    }

    /// An element with a text and nothing else.
    fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.start(name, attributes);
        self.out.push('>');
        escaped(text, &mut self.out);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push_str(">\n");
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.out.push_str("/>\n");
    }

    fn properties(&mut self, list: &[(&'static str, String)]) {
        if !list.is_empty() {
            self.open("properties", &[]);
            for (name, value) in list {
                self.text("property", &[("name", name)], value);
            }
            self.close();
        }
    }
}

pub(crate) fn write(bill: &Bill<'_>) -> String {
    let mut to = Writer { out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), open: Vec::new() };
    let serial = format!("urn:uuid:{}", bill.uuid());
    to.open("bom", &[("xmlns", "http://cyclonedx.org/schema/bom/1.6"), ("serialNumber", &serial), ("version", "1")]);
    to.open("metadata", &[]);
    if let Some(time) = bill.time() {
        to.text("timestamp", &[], &time);
    }
    to.open("tools", &[]);
    to.open("components", &[]);
    to.open("component", &[("type", "application")]);
    to.text("name", &[], &bill.about.tool);
    to.text("version", &[], &bill.about.tool_version);
    to.close();
    to.close();
    to.close();
    component(&mut to, &Component::subject(bill));
    to.properties(&super::properties(bill));
    to.close();
    to.open("components", &[]);
    let references = super::references(bill);
    for one in super::components(bill, &references) {
        component(&mut to, &one);
    }
    to.close();
    to.open("dependencies", &[]);
    for (from, needs) in super::dependencies(bill, &references) {
        to.open("dependency", &[("ref", from)]);
        for one in needs {
            to.empty("dependency", &[("ref", one)]);
        }
        to.close();
    }
    to.close();
    if bill.incomplete() {
        to.open("compositions", &[]);
        to.open("composition", &[]);
        to.text("aggregate", &[], "incomplete");
        to.open("assemblies", &[]);
        to.empty("assembly", &[("ref", SUBJECT)]);
        to.close();
        to.close();
        to.close();
    }
    to.close();
    to.out
}

fn component(to: &mut Writer, one: &Component) {
    to.open("component", &[("type", one.kind), ("bom-ref", &one.reference)]);
    if let Some(group) = &one.group {
        to.text("group", &[], group);
    }
    to.text("name", &[], &one.name);
    for (name, text) in [("version", &one.version), ("description", &one.description)] {
        if let Some(text) = text {
            to.text(name, &[], text);
        }
    }
    if let Some(scope) = one.scope {
        to.text("scope", &[], scope);
    }
    if !one.hashes.is_empty() {
        to.open("hashes", &[]);
        for hash in &one.hashes {
            to.text("hash", &[("alg", hash.cyclonedx())], &hash.digits);
        }
        to.close();
    }
    match &one.licences {
        Licences::Expression(text) => {
            to.open("licenses", &[]);
            to.text("expression", &[], text);
            to.close();
        }
        Licences::Single(list) if list.is_empty() => {}
        Licences::Single(list) => {
            to.open("licenses", &[]);
            for (is_id, text) in list {
                to.open("license", &[]);
                to.text(if *is_id { "id" } else { "name" }, &[], text);
                to.close();
            }
            to.close();
        }
    }
    if let Some(purl) = &one.purl {
        to.text("purl", &[], purl);
    }
    if let Some(address) = &one.address {
        to.open("externalReferences", &[]);
        to.open("reference", &[("type", "distribution")]);
        to.text("url", &[], address);
        to.close();
        to.close();
    }
    to.properties(&one.properties);
    if !one.occurrences.is_empty() {
        to.open("evidence", &[]);
        to.open("occurrences", &[]);
        for place in &one.occurrences {
            to.open("occurrence", &[]);
            to.text("location", &[], &place.location);
            if place.line > 0 {
                to.text("line", &[], &place.line.to_string());
            }
            if let Some(layer) = &place.layer {
                to.text("additionalContext", &[], layer);
            }
            to.close();
        }
        to.close();
        to.close();
    }
    to.close();
}
