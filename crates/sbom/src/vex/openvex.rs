//! OpenVEX, 0.0.1 to 0.2.

use std::sync::Arc;

use probity_packages::Purl;
use probity_value::Value;

use super::{Gathered, Product, Statement, Status, list, word};
use crate::document::time;
use crate::text;

/// Pairs of products and parts of one statement.
const MOST_PARTS: usize = 1_000_000;
/// Words for why a vulnerability does no harm; others are not taken for a reason.
const JUSTIFICATIONS: &[&str] = &[
    "component_not_present",
    "inline_mitigations_already_exist",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_not_present",
];

pub(super) fn read(value: &Value, all: &mut Gathered<'_>) {
    let of_document = word(value, "last_updated").or_else(|| word(value, "timestamp")).and_then(time);
    let author = word(value, "author").map(Arc::<str>::from);
    if value.get("statements").and_then(Value::as_list).is_none() {
        all.problem(value, "there are no `statements`");
    }
    for one in list(value, "statements") {
        let status = match word(one, "status") {
            Some("not_affected") => Status::NotAffected,
            Some("affected") => Status::Affected,
            Some("fixed") => Status::Fixed,
            Some("under_investigation") => Status::UnderInvestigation,
            other => {
                let what = format!("`{}` is no status of OpenVEX, so the statement does not count", text::shown(other.unwrap_or_default()));
                all.problem(one, what);
                continue;
            }
        };
        let (vulnerability, aliases) = vulnerability(one);
        let justification = word(one, "justification");
        let known = justification.filter(|word| JUSTIFICATIONS.contains(word));
        if let (Some(word), None) = (justification, known) {
            all.problem(one, format!("`{}` is no justification of OpenVEX", text::shown(word)));
        }
        let products = products(one, all);
        let (file, line) = all.place(one);
        let statement = Statement {
            vulnerability,
            aliases,
            products,
            status,
            justification: known.map(Arc::from),
            impact: word(one, "impact_statement").map(Arc::from),
            action: word(one, "action_statement").map(Arc::from),
            author: word(one, "supplier").map(Arc::from).or_else(|| author.clone()),
            time: word(one, "last_updated").or_else(|| word(one, "timestamp")).and_then(time).or(of_document),
            file,
            line,
        };
        all.add(one, statement);
    }
}

/// Name and aliases; before 0.2 the vulnerability is a text.
fn vulnerability(one: &Value) -> (Arc<str>, Vec<Arc<str>>) {
    let Some(value) = one.get("vulnerability") else { return ("".into(), Vec::new()) };
    if let Some(name) = value.as_str() {
        return (name.trim().into(), Vec::new());
    }
    let mut names: Vec<Arc<str>> = word(value, "name").map(Arc::from).into_iter().collect();
    // An address of the vulnerability ends with its name.
    let id = word(value, "@id").map(|id| id.trim_end_matches('/').rsplit('/').next().unwrap_or(id));
    names.extend(id.map(Arc::from));
    names.extend(list(value, "aliases").iter().filter_map(Value::as_str).map(|alias| Arc::from(alias.trim())));
    let mut names = names.into_iter();
    let first = names.next().unwrap_or_else(|| "".into());
    let rest = names.filter(|name| *name != first && !name.is_empty()).collect();
    (first, rest)
}

/// The package URL of a product or subcomponent: `@id`, `identifiers.purl`, or a bare text.
fn purl(value: &Value) -> Option<&str> {
    let identifier = value.get("identifiers").and_then(|identifiers| word(identifiers, "purl"));
    identifier.or_else(|| word(value, "@id")).or_else(|| value.as_str()).filter(|text| text.starts_with("pkg:"))
}

fn parsed(value: &Value, all: &mut Gathered<'_>) -> Option<Purl> {
    let text = purl(value)?;
    match text.parse() {
        Ok(purl) => Some(purl),
        Err(error) => {
            all.problem(value, format!("`{}` is no package URL: {error}", text::shown(text)));
            None
        }
    }
}

fn products(one: &Value, all: &mut Gathered<'_>) -> Vec<Product> {
    let (said, list_of) = (list(one, "subcomponents"), list(one, "products"));
    // Each product has each of the shared parts.
    if said.len().saturating_mul(list_of.len()) > MOST_PARTS {
        all.problem(one, format!("products and subcomponents make more than {MOST_PARTS} pairs, so the statement covers nothing"));
        return Vec::new();
    }
    let shared: Vec<Purl> = said.iter().filter_map(|part| parsed(part, all)).collect();
    let mut out = Vec::new();
    for product in list_of {
        let own = list(product, "subcomponents");
        let subcomponents: Vec<Purl> = own.iter().filter_map(|part| parsed(part, all)).chain(shared.iter().cloned()).collect();
        let Some(purl) = parsed(product, all) else { continue };
        if !(own.is_empty() && said.is_empty()) && subcomponents.is_empty() {
            // Without its parts the statement would cover the whole product.
            all.problem(product, "no subcomponent of the product has a package URL, so the statement covers nothing in it");
            continue;
        }
        out.push(Product { purl: Some(purl), bom: None, subcomponents });
    }
    out
}
