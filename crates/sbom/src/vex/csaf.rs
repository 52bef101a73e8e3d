//! CSAF 2.0: advisories of the profile VEX, and others as far as they state the status of products.

use std::collections::HashMap;
use std::sync::Arc;

use probity_packages::Purl;
use probity_value::Value;

use super::{Gathered, Product, Statement, Status, list, word};
use crate::document::time;
use crate::text;

/// Branches in branches that are followed.
const DEEPEST: usize = 64;
/// Other names of a vulnerability that are kept; each of its statements has them.
const MOST_ALIASES: usize = 64;
/// Products that reasons are noted for, of one vulnerability; they repeat where groups do.
const MOST_REASONS: usize = 5_000_000;
/// Labels of flags: why a vulnerability does no harm.
const FLAGS: &[&str] = &[
    "component_not_present",
    "inline_mitigations_already_exist",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_not_present",
];
/// Lists of products, and what they say. Those that only recommend say nothing.
const LISTS: &[(&str, Status)] = &[
    ("known_not_affected", Status::NotAffected),
    ("known_affected", Status::Affected),
    ("first_affected", Status::Affected),
    ("last_affected", Status::Affected),
    ("fixed", Status::Fixed),
    ("first_fixed", Status::Fixed),
    ("under_investigation", Status::UnderInvestigation),
];

pub(super) fn read(value: &Value, all: &mut Gathered<'_>) {
    let document = value.get("document");
    let tracking = document.and_then(|document| document.get("tracking"));
    let written = tracking.and_then(|tracking| word(tracking, "current_release_date")).and_then(time);
    let author =
        document.and_then(|document| document.get("publisher")).and_then(|publisher| word(publisher, "name")).map(Arc::<str>::from);
    let mut tree = Tree::default();
    if let Some(product_tree) = value.get("product_tree") {
        tree.read(product_tree, all);
    }
    for one in list(value, "vulnerabilities") {
        let mut names: Vec<Arc<str>> = word(one, "cve").map(Arc::from).into_iter().collect();
        names.extend(list(one, "ids").iter().filter_map(|id| word(id, "text")).map(Arc::from));
        let mut names = names.into_iter();
        let vulnerability = names.next().unwrap_or_else(|| "".into());
        let aliases: Vec<Arc<str>> = names.filter(|name| *name != vulnerability).take(MOST_ALIASES).collect();
        let flags = tree.said(list(one, "flags"), |flag| word(flag, "label").filter(|label| FLAGS.contains(label)));
        let impacts =
            tree.said(list(one, "threats"), |threat| word(threat, "details").filter(|_| word(threat, "category") == Some("impact")));
        let actions = tree.said(list(one, "remediations"), |remedy| word(remedy, "details").or_else(|| word(remedy, "category")));
        let Some(product_status) = one.get("product_status") else { continue };
        for (key, status) in LISTS {
            // Products of which the same is said are one statement; ids in the order of the document.
            let mut groups: Vec<(Reasons<'_>, Vec<Product>)> = Vec::new();
            let mut known: HashMap<Reasons<'_>, usize> = HashMap::new();
            let mut elsewhere = 0_usize;
            let ids = list(product_status, key);
            for id in ids.iter().filter_map(Value::as_str) {
                let Some(product) = tree.product(id) else {
                    elsewhere += 1;
                    continue;
                };
                let reasons = Reasons { flag: flags.get(id).copied(), impact: impacts.get(id).copied(), action: actions.get(id).copied() };
                let index = *known.entry(reasons).or_insert(groups.len());
                match groups.get_mut(index) {
                    Some((_, products)) => products.push(product),
                    None => groups.push((reasons, vec![product])),
                }
            }
            if elsewhere > 0 {
                let id = text::shown(&vulnerability);
                let what = format!(
                    "{elsewhere} products of `{key}` of `{id}` have no package URL, or lie in one that has none, and are not covered"
                );
                all.problem(one, what);
            }
            for (reasons, products) in groups {
                let (file, line) = all.place(one);
                let statement = Statement {
                    vulnerability: Arc::clone(&vulnerability),
                    aliases: aliases.clone(),
                    products,
                    status: *status,
                    justification: reasons.flag.map(Arc::from),
                    impact: reasons.impact.map(Arc::from),
                    action: reasons.action.map(Arc::from),
                    author: author.clone(),
                    time: written,
                    file,
                    line,
                };
                all.add(one, statement);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Reasons<'v> {
    flag: Option<&'v str>,
    impact: Option<&'v str>,
    action: Option<&'v str>,
}

#[derive(Default)]
struct Tree<'v> {
    purls: HashMap<&'v str, Purl>,
    /// Products that are a part in another: the part, and what it is in.
    parts: HashMap<&'v str, (&'v str, &'v str)>,
    groups: HashMap<&'v str, Vec<&'v str>>,
}

impl<'v> Tree<'v> {
    fn read(&mut self, tree: &'v Value, all: &mut Gathered<'_>) {
        for one in list(tree, "full_product_names") {
            self.named(one, all);
        }
        self.branches(tree, all, 0);
        for one in list(tree, "relationships") {
            let Some(name) = one.get("full_product_name") else { continue };
            self.named(name, all);
            let ends = (word(name, "product_id"), word(one, "product_reference"), word(one, "relates_to_product_reference"));
            if let (Some(id), Some(part), Some(whole)) = ends {
                self.parts.insert(id, (part, whole));
            }
        }
        for one in list(tree, "product_groups") {
            if let Some(id) = word(one, "group_id") {
                self.groups.insert(id, list(one, "product_ids").iter().filter_map(Value::as_str).collect());
            }
        }
    }

    fn branches(&mut self, value: &'v Value, all: &mut Gathered<'_>, depth: usize) {
        for one in list(value, "branches") {
            if let Some(product) = one.get("product") {
                self.named(product, all);
            }
            if depth < DEEPEST {
                self.branches(one, all, depth + 1);
            } else if one.get("branches").is_some() {
                all.problem(one, format!("branches lie deeper than {DEEPEST} in each other; their products are not covered"));
            }
        }
    }

    fn named(&mut self, product: &'v Value, all: &mut Gathered<'_>) {
        let purl = product.get("product_identification_helper").and_then(|helper| word(helper, "purl"));
        if let (Some(id), Some(text)) = (word(product, "product_id"), purl) {
            match text.parse::<Purl>() {
                Ok(purl) => {
                    self.purls.insert(id, purl);
                }
                Err(error) => all.problem(product, format!("`{}` is no package URL: {error}", text::shown(text))),
            }
        }
    }

    /// What an id means. A part whose whole has no package URL means nothing here: it must not be covered elsewhere.
    fn product(&self, id: &str) -> Option<Product> {
        if let Some((part, whole)) = self.parts.get(id) {
            let part = self.purls.get(part).or_else(|| self.purls.get(id))?;
            let whole = self.purls.get(whole)?;
            return Some(Product { purl: Some(whole.clone()), bom: None, subcomponents: vec![part.clone()] });
        }
        Some(Product { purl: Some(self.purls.get(id)?.clone()), ..Product::default() })
    }

    /// What a list says of each product, by `product_ids` and `group_ids`; the first counts.
    fn said(&self, list_of: &'v [Value], what: impl Fn(&'v Value) -> Option<&'v str>) -> HashMap<&'v str, &'v str> {
        let mut out = HashMap::new();
        let mut left = MOST_REASONS;
        for one in list_of {
            let Some(text) = what(one) else { continue };
            let groups = list(one, "group_ids").iter().filter_map(Value::as_str).filter_map(|id| self.groups.get(id)).flatten().copied();
            for id in list(one, "product_ids").iter().filter_map(Value::as_str).chain(groups) {
                // A reason that is not noted makes a statement count less, never more.
                left = match left.checked_sub(1) {
                    Some(left) => left,
                    None => return out,
                };
                out.entry(id).or_insert(text);
            }
        }
        out
    }
}
