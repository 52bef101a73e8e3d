//! Which rule a result is of (sections 3.27.5 to 3.27.7, 3.49, 3.52), and what the rule says of itself.

use std::collections::HashMap;
use std::sync::Arc;

use probity_value::Value;

use super::{short, texts, without};
use crate::escape;

/// Longest explanation kept, in characters.
const LONGEST_WHY: usize = 600;

/// The rules of a run: of the driver and of its extensions.
pub(super) struct Rules<'v> {
    driver: &'v [Value],
    extensions: Vec<(&'v Value, &'v [Value])>,
    by_id: HashMap<&'v str, &'v Value>,
    messages: Vec<&'v Value>,
}

/// The rule of a result.
pub(super) struct Resolved<'v> {
    /// Its id, where there is any.
    pub(super) id: Option<&'v str>,
    /// Its descriptor, where there is one.
    pub(super) descriptor: Option<&'v Value>,
    /// What is odd about it.
    pub(super) problems: Vec<String>,
}

impl<'v> Rules<'v> {
    pub(super) fn new(run: &'v Value) -> Rules<'v> {
        let tool = run.get("tool");
        let list = |component: &'v Value| component.get("rules").and_then(Value::as_list).unwrap_or_default();
        let driver = tool.and_then(|tool| tool.get("driver"));
        let extensions: Vec<(&Value, &[Value])> = tool
            .and_then(|tool| tool.get("extensions")?.as_list())
            .unwrap_or_default()
            .iter()
            .map(|extension| (extension, list(extension)))
            .collect();
        let own = driver.map(list).unwrap_or_default();
        let mut by_id = HashMap::new();
        for rule in own.iter().chain(extensions.iter().flat_map(|(_, rules)| rules.iter())) {
            if let Some(id) = rule.get("id").and_then(Value::as_str) {
                by_id.entry(id).or_insert(rule);
            }
        }
        let components = driver.into_iter().chain(extensions.iter().map(|(extension, _)| *extension));
        let messages = components.filter_map(|component| component.get("globalMessageStrings")).collect();
        Rules { driver: own, extensions, by_id, messages }
    }

    /// The rule of a result: by index in the component it names, else by id, else by the id it is a part of (`CA1000/1`).
    pub(super) fn of(&self, result: &'v Value) -> Resolved<'v> {
        let reference = result.get("rule");
        let text = |key: &str| result.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let given = text("ruleId").or_else(|| reference?.get("id")?.as_str().filter(|text| !text.trim().is_empty()));
        let index = result.get("ruleIndex").or_else(|| reference?.get("index")).and_then(Value::as_int).filter(|index| *index >= 0);
        let mut problems = Vec::new();
        let rules = match reference.and_then(|reference| reference.get("toolComponent")) {
            Some(component) => self.component(component),
            None => Some(self.driver),
        };
        let mut descriptor = None;
        if let Some(index) = index {
            descriptor = rules.and_then(|rules| rules.get(usize::try_from(index).ok()?));
            if descriptor.is_none() && !(self.driver.is_empty() && self.extensions.is_empty()) {
                problems.push(format!("`ruleIndex` {index} points at no rule"));
            }
        }
        let own_id = |rule: &'v Value| rule.get("id").and_then(Value::as_str);
        if let (Some(given), Some(found)) = (given, descriptor.and_then(own_id))
            && given != found
            && !given.strip_prefix(found).is_some_and(|rest| rest.starts_with('/'))
        {
            problems.push(format!("`ruleIndex` points at `{}`, but the result is of `{}`", escape::cut(found, 80), escape::cut(given, 80)));
            descriptor = None;
        }
        if descriptor.is_none()
            && let Some(given) = given
        {
            let parents = std::iter::successors(Some(given), |id| id.rsplit_once('/').map(|(parent, _)| parent));
            descriptor = parents.take(8).find_map(|id| self.by_id.get(id).copied());
        }
        let id = given.or_else(|| descriptor.and_then(own_id));
        if id.is_none() {
            problems.push("a result does not say of which rule it is".to_owned());
        }
        Resolved { id, descriptor, problems }
    }

    /// The rules of a component named by index, name or GUID; the driver where the reference says nothing of that.
    fn component(&self, reference: &Value) -> Option<&'v [Value]> {
        if let Some(index) = reference.get("index").and_then(Value::as_int).filter(|index| *index >= 0) {
            return self.extensions.get(usize::try_from(index).ok()?).map(|(_, rules)| *rules);
        }
        for key in ["guid", "name"] {
            if let Some(wanted) = reference.get(key).and_then(Value::as_str) {
                let found = self.extensions.iter().find(|(one, _)| one.get(key).and_then(Value::as_str) == Some(wanted));
                return found.map_or(Some(self.driver), |(_, rules)| Some(*rules));
            }
        }
        Some(self.driver)
    }

    /// A message of the tool for all rules.
    pub(super) fn global_message(&self, id: &str) -> Option<&'v str> {
        self.messages.iter().find_map(|messages| messages.get(id)?.get("text")?.as_str())
    }
}

/// One line on the rule: its short description, its name, or its id.
pub(super) fn title(descriptor: Option<&Value>, id: &str) -> Arc<str> {
    let text = |key: &str| descriptor.and_then(|rule| rule.get(key)?.get("text")?.as_str());
    let name = descriptor.and_then(|rule| rule.get("name")?.as_str());
    let found = [text("shortDescription"), name, text("fullDescription")].into_iter().flatten().find(|text| !text.trim().is_empty());
    escape::cut(escape::line(found.unwrap_or(id)).trim(), 200).as_ref().into()
}

/// What the rule says at length, where that is more than its title.
pub(super) fn why(descriptor: Option<&Value>, title: &str) -> Arc<str> {
    let text = descriptor.and_then(|rule| rule.get("fullDescription")?.get("text")?.as_str()).unwrap_or_default();
    let text = escape::line(text.trim());
    if text.trim_end_matches('.') == title.trim_end_matches('.') { Arc::from("") } else { escape::cut(&text, LONGEST_WHY).as_ref().into() }
}

/// Other ids of the same fault.
pub(super) fn aliases(result: &Value, descriptor: Option<&Value>, id: &str, tool: &str) -> Vec<Arc<str>> {
    let mut out: Vec<String> = Vec::new();
    if let Some(rule) = descriptor {
        out.extend(rule.get("id").and_then(Value::as_str).map(|id| short(id).to_string()));
        // A name is an id only where it looks like one; many tools put a sentence or a class name there.
        out.extend(rule.get("name").and_then(Value::as_str).filter(|name| is_id(name)).map(str::to_owned));
        out.extend(texts(rule.get("deprecatedIds")).filter(|id| is_id(id)).map(str::to_owned));
        for relation in rule.get("relationships").and_then(Value::as_list).unwrap_or_default() {
            out.extend(relation.get("target").and_then(taxon));
        }
    }
    for taxon_reference in result.get("taxa").and_then(Value::as_list).unwrap_or_default() {
        out.extend(taxon(taxon_reference));
    }
    for owner in [descriptor, Some(result)].into_iter().flatten() {
        let Some(properties) = owner.get("properties") else { continue };
        let lists = ["tags", "cwe", "cwes", "CWE", "aliases"].into_iter().filter_map(|key| properties.get(key));
        for list in lists {
            let single = list.as_str().into_iter();
            out.extend(texts(Some(list)).chain(single).filter_map(known_id));
        }
    }
    if let Some(bare) = id.strip_prefix("AVD-") {
        out.push(bare.to_owned());
    } else if tool.to_ascii_lowercase().contains("trivy") && is_numbered(id) {
        out.push(format!("AVD-{id}"));
    }
    out.truncate(64);
    without(out, id)
}

/// A reference to an entry of a taxonomy: `79` of `CWE` is `CWE-79`.
fn taxon(reference: &Value) -> Option<String> {
    let id = reference.get("id")?.as_str()?;
    let taxonomy = reference.get("toolComponent").and_then(|component| component.get("name")?.as_str()).unwrap_or_default();
    known_id(id).or_else(|| {
        let number = !id.is_empty() && id.len() <= 6 && id.bytes().all(|byte| byte.is_ascii_digit());
        (taxonomy.eq_ignore_ascii_case("cwe") && number).then(|| known_id(&format!("CWE-{id}")))?
    })
}

/// An id other tools know too, taken from a tag: `CWE-89: ...`, `external/cwe/cwe-089`, `CVE-2024-1234`, `CKV_AWS_16`, `AVD-AWS-0080`.
pub(crate) fn known_id(tag: &str) -> Option<String> {
    let tag = tag.trim();
    let lower = tag.to_ascii_lowercase();
    let rest = lower.strip_prefix("external/cwe/").unwrap_or(&lower);
    if let Some(number) = rest.strip_prefix("cwe-") {
        let digits: String = number.chars().take_while(char::is_ascii_digit).take(6).collect();
        let digits = digits.trim_start_matches('0');
        return (!digits.is_empty()).then(|| format!("CWE-{digits}"));
    }
    let upper = tag.to_ascii_uppercase();
    let prefixed = ["CVE-", "GHSA-", "CKV_", "CKV2_", "AVD-", "GO-2"].iter().any(|prefix| upper.starts_with(prefix));
    (prefixed && is_id(tag)).then(|| tag.to_owned())
}

/// Letters, digits and a few signs, with a digit in it.
fn is_id(text: &str) -> bool {
    text.len() <= 100
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'))
}

/// `AWS-0080`.
fn is_numbered(id: &str) -> bool {
    id.split_once('-').is_some_and(|(letters, digits)| {
        !letters.is_empty()
            && letters.bytes().all(|byte| byte.is_ascii_uppercase())
            && digits.len() == 4
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_tags() {
        let check = |tag: &str, expected: Option<&str>| assert_eq!(known_id(tag).as_deref(), expected, "{tag}");
        check("CWE-89: Improper Neutralization", Some("CWE-89"));
        check("external/cwe/cwe-089", Some("CWE-89"));
        check("cwe-79", Some("CWE-79"));
        check("CWE-", None);
        check("CVE-2024-1234", Some("CVE-2024-1234"));
        check("CKV_AWS_16", Some("CKV_AWS_16"));
        check("AVD-AWS-0080", Some("AVD-AWS-0080"));
        check("security", None);
        check("HIGH", None);
        check("CVE-2024 is bad", None);
    }
}
