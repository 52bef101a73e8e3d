//! Vulnerabilities in CycloneDX, with their analysis.

use std::collections::HashMap;
use std::sync::Arc;

use probity_packages::Purl;
use probity_value::Value;

use super::{Gathered, Product, Statement, Status, list, word};
use crate::document::time;
use crate::text;

/// Components in components that are followed.
const DEEPEST: usize = 64;
/// Words for why a vulnerability does no harm.
const JUSTIFICATIONS: &[&str] = &[
    "code_not_present",
    "code_not_reachable",
    "protected_at_perimeter",
    "protected_at_runtime",
    "protected_by_compiler",
    "protected_by_mitigating_control",
    "requires_configuration",
    "requires_dependency",
    "requires_environment",
];

pub(super) fn read(value: &Value, all: &mut Gathered<'_>) {
    let metadata = value.get("metadata");
    let root = metadata.and_then(|metadata| metadata.get("component"));
    let serial = word(value, "serialNumber").map(Arc::<str>::from);
    let subject = root.and_then(|root| word(root, "purl")).and_then(|purl| purl.parse::<Purl>().ok());
    let mut components = HashMap::new();
    if let Some(root) = root {
        gather(root.get("components"), &mut components, 0);
    }
    gather(value.get("components"), &mut components, 0);
    let local = Local { root: root.and_then(|root| word(root, "bom-ref")), subject, serial, components };
    let written = metadata.and_then(|metadata| word(metadata, "timestamp")).and_then(time);
    let author = metadata.map(|metadata| list(metadata, "authors")).unwrap_or_default().iter().find_map(|one| word(one, "name"));
    let supplier = metadata.and_then(|metadata| metadata.get("supplier").or_else(|| metadata.get("manufacturer")));
    let author = author.or_else(|| supplier.and_then(|one| word(one, "name")));
    for one in list(value, "vulnerabilities") {
        // A vulnerability without an analysis is a finding of the one who wrote the bill, and nothing is said of it.
        let Some(analysis) = one.get("analysis").filter(|analysis| !analysis.is_null()) else { continue };
        let state = word(analysis, "state");
        let status = match state {
            Some("not_affected" | "false_positive") => Status::NotAffected,
            Some("exploitable") => Status::Affected,
            Some("resolved" | "resolved_with_pedigree") => Status::Fixed,
            Some("in_triage") => Status::UnderInvestigation,
            other => {
                let what = format!("`{}` is no state of an analysis, so it does not count", text::shown(other.unwrap_or_default()));
                all.problem(analysis, what);
                continue;
            }
        };
        let justification = word(analysis, "justification");
        let known = justification.filter(|word| JUSTIFICATIONS.contains(word));
        if let (Some(word), None) = (justification, known) {
            all.problem(analysis, format!("`{}` is no justification of CycloneDX", text::shown(word)));
        }
        let known = known.or_else(|| state.filter(|state| *state == "false_positive"));
        let products = affected(one, status, &local, all);
        let responses: Vec<&str> = list(analysis, "response").iter().filter_map(Value::as_str).map(str::trim).collect();
        let action = word(one, "recommendation").map(str::to_owned).or_else(|| (!responses.is_empty()).then(|| responses.join(", ")));
        let (file, line) = all.place(one);
        let statement = Statement {
            vulnerability: word(one, "id").unwrap_or_default().into(),
            aliases: list(one, "references").iter().filter_map(|one| word(one, "id")).map(Arc::from).collect(),
            products,
            status,
            justification: known.map(Arc::from),
            impact: word(analysis, "detail").map(Arc::from),
            action: action.map(Arc::from),
            author: author.map(Arc::from),
            time: word(analysis, "lastUpdated").or_else(|| word(one, "updated")).and_then(time).or(written),
            file,
            line,
        };
        all.add(one, statement);
    }
}

/// What this document describes itself.
struct Local<'v> {
    root: Option<&'v str>,
    subject: Option<Purl>,
    serial: Option<Arc<str>>,
    components: HashMap<&'v str, Option<Purl>>,
}

fn gather<'v>(value: Option<&'v Value>, into: &mut HashMap<&'v str, Option<Purl>>, depth: usize) {
    for one in value.and_then(Value::as_list).unwrap_or_default() {
        if let Some(reference) = word(one, "bom-ref") {
            into.entry(reference).or_insert_with(|| word(one, "purl").and_then(|purl| purl.parse().ok()));
        }
        if depth < DEEPEST {
            gather(one.get("components"), into, depth + 1);
        }
    }
}

fn affected(one: &Value, status: Status, local: &Local<'_>, all: &mut Gathered<'_>) -> Vec<Product> {
    let mut out = Vec::new();
    for target in list(one, "affects") {
        let Some(reference) = word(target, "ref") else { continue };
        let Some(product) = product(reference, local) else {
            all.problem(target, format!("`{}` is no component with a package URL", text::shown(reference)));
            continue;
        };
        let versions = list(target, "versions");
        if versions.is_empty() || matches!(status, Status::Affected | Status::UnderInvestigation) {
            out.push(product);
            continue;
        }
        // Where versions are told apart, only those that are said to be unaffected are.
        for version in versions.iter().filter(|version| word(version, "status") == Some("unaffected")) {
            match word(version, "version") {
                Some(version) => out.push(narrowed(&product, version)),
                None => all.problem(version, "a range of versions is not read, so it is not taken for unaffected"),
            }
        }
    }
    out
}

/// The same product with only one version of the part it is about.
fn narrowed(product: &Product, version: &str) -> Product {
    let mut out = product.clone();
    let parts = out.subcomponents.iter_mut();
    let whole = if product.subcomponents.is_empty() { out.purl.as_mut() } else { None };
    parts.chain(whole).for_each(|purl| purl.version = Some(version.into()));
    out
}

/// What a reference means: a component of this document within its subject, the subject, a component of another bill, or a package URL.
fn product(reference: &str, local: &Local<'_>) -> Option<Product> {
    let own = || Product { purl: local.subject.clone(), bom: local.serial.clone(), subcomponents: Vec::new() };
    if local.root == Some(reference) {
        return Some(own());
    }
    if let Some(purl) = local.components.get(reference) {
        let mut out = own();
        out.subcomponents.push(purl.clone()?);
        if out.purl.is_none() && out.bom.is_none() {
            return None;
        }
        return Some(out);
    }
    if let Some(link) = reference.strip_prefix("urn:cdx:") {
        let (bom, component) = link.split_once('#').map_or((link, None), |(bom, component)| (bom, Some(component)));
        let serial = bom.split('/').next().unwrap_or(bom);
        let bom = Some(format!("urn:uuid:{serial}").into());
        let subcomponents = match component {
            Some(component) => vec![of_reference(component)?],
            None => Vec::new(),
        };
        return Some(Product { purl: None, bom, subcomponents });
    }
    Some(Product { purl: Some(of_reference(reference)?), bom: None, subcomponents: Vec::new() })
}

/// A package URL as a reference: encoded once more in a link, and with the qualifier that makes references unique.
fn of_reference(reference: &str) -> Option<Purl> {
    let bare = |text: &str| text.parse::<Purl>().ok().map(|purl| purl.with("package-id", ""));
    if reference.starts_with("pkg:") { bare(reference) } else { bare(&decoded(reference)?) }
}

fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        out.push(if byte == b'%' { digit(bytes.next())? * 16 + digit(bytes.next())? } else { byte });
    }
    String::from_utf8(out).ok()
}
