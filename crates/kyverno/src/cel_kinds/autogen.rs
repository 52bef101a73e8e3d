//! Variants of policies about pods for the controllers that make pods, by replacing text as Kyverno does.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use probity_kubernetes::match_resources::MatchResources;
use probity_value::{Data, Map, Span, Value};
use regex::Regex;

/// One variant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Variant {
    /// `defaults` or `cronjobs`.
    pub(super) name: &'static str,
    /// Path of the pod's `spec`.
    spec: &'static str,
    /// Path of the pod's `metadata`.
    metadata: &'static str,
    /// Kinds: group, plural.
    controllers: &'static [(&'static str, &'static str)],
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "cronjobs",
        spec: "spec.jobTemplate.spec.template.spec",
        metadata: "spec.jobTemplate.spec.template.metadata",
        controllers: &[("batch", "cronjobs")],
    },
    Variant {
        name: "defaults",
        spec: "spec.template.spec",
        metadata: "spec.template.metadata",
        controllers: &[
            ("apps", "daemonsets"),
            ("apps", "deployments"),
            ("apps", "replicasets"),
            ("apps", "statefulsets"),
            ("batch", "jobs"),
        ],
    },
];

/// The variants a spec gets: those of the controllers it asks for, all where it names none, and none where it is not about pods alone.
pub(super) fn variants(spec: &Value, constraints: &MatchResources) -> Vec<(Variant, Value)> {
    if !applies(spec, constraints) {
        return Vec::new();
    }
    let wanted = spec
        .get("autogen")
        .and_then(|autogen| autogen.get("podControllers"))
        .and_then(|controllers| controllers.get("controllers"))
        .and_then(Value::as_list)
        .map(|list| list.iter().filter_map(Value::as_str).collect::<BTreeSet<_>>());
    let matched = spec.get("matchConstraints");
    VARIANTS
        .iter()
        .filter_map(|variant| {
            let controllers: Vec<(&str, &str)> = variant
                .controllers
                .iter()
                .copied()
                .filter(|(_, plural)| wanted.as_ref().is_none_or(|wanted| wanted.contains(plural)))
                .collect();
            (!controllers.is_empty()).then(|| (*variant, match_constraints(matched, &controllers)))
        })
        .collect()
}

/// Whether a policy is about pods alone, without selectors of objects, names and exclusions.
fn applies(spec: &Value, constraints: &MatchResources) -> bool {
    let matched = spec.get("matchConstraints");
    let selects = matched.and_then(|matched| matched.get("objectSelector")).is_some_and(|selector| {
        let filled = |key: &str| match selector.get(key).map(|value| &value.data) {
            Some(Data::Map(map)) => !map.is_empty(),
            Some(Data::List(list)) => !list.is_empty(),
            _ => false,
        };
        filled("matchLabels") || filled("matchExpressions")
    });
    let only = |list: &[Arc<str>], word: &str| matches!(list, [one] if **one == *word);
    let pods = matches!(constraints.rules(), [rule] if rule.names.is_empty() && only(&rule.groups, "") && only(&rule.versions, "v1") && only(&rule.resources, "pods"));
    pods && !selects && constraints.exclude().is_empty()
}

/// Constraints for controllers: the operations and the namespace selector are the policy's.
fn match_constraints(matched: Option<&Value>, controllers: &[(&str, &str)]) -> Value {
    let texts = |items: &[&str]| Value::list(items.iter().map(|item| Value::string(*item, Span::NONE)).collect(), Span::NONE);
    let operations = matched
        .and_then(|matched| matched.get("resourceRules"))
        .and_then(Value::as_list)
        .and_then(|rules| rules.first())
        .and_then(|rule| rule.get("operations"))
        .cloned()
        .unwrap_or_else(|| texts(&["CREATE", "UPDATE"]));
    let groups: BTreeSet<&str> = controllers.iter().map(|(group, _)| *group).collect();
    let rules = groups
        .into_iter()
        .map(|group| {
            let plurals: Vec<&str> = controllers.iter().filter(|(of, _)| *of == group).map(|(_, plural)| *plural).collect();
            let mut rule = Map::new();
            rule.insert("apiGroups", Span::NONE, texts(&[group]));
            rule.insert("apiVersions", Span::NONE, texts(&["v1"]));
            rule.insert("resources", Span::NONE, texts(&plurals));
            rule.insert("operations", Span::NONE, operations.clone());
            Value::map(rule, Span::NONE)
        })
        .collect();
    let mut out = Map::new();
    out.insert("resourceRules", Span::NONE, Value::list(rules, Span::NONE));
    if let Some(selector) = matched.and_then(|matched| matched.get("namespaceSelector")) {
        out.insert("namespaceSelector", Span::NONE, selector.clone());
    }
    Value::map(out, Span::NONE)
}

/// A spec with other constraints, and every text in it rewritten from the pod to its template.
pub(super) fn rewritten(spec: &Value, variant: Variant, constraints: Value) -> Value {
    let mut out = each_text(spec, &|text| rewrite(text, variant));
    set(&mut out, "matchConstraints", constraints);
    out
}

/// A spec of a mutating policy with other constraints: conditions and partial objects are rewritten, everything else stays.
pub(super) fn rewritten_mutation(spec: &Value, variant: Variant, constraints: Value) -> Value {
    let mut out = spec.clone();
    set(&mut out, "matchConstraints", constraints);
    let convert = |value: &Value, path: &[&str]| change_at(value, path, &|text| to_template(text, variant));
    for (key, path) in [("matchConditions", &["expression"][..]), ("mutations", &["applyConfiguration", "expression"][..])] {
        if let Some(items) = spec.get(key).and_then(Value::as_list) {
            let changed = items.iter().map(|item| convert(item, path)).collect();
            set(&mut out, key, Value::list(changed, spec.span));
        }
    }
    out
}

fn set(value: &mut Value, key: &str, new: Value) {
    if let Data::Map(map) = &mut value.data {
        let map = Arc::make_mut(map);
        match map.get_mut(key) {
            Some(slot) => *slot = new,
            None => {
                map.insert(key, Span::NONE, new);
            }
        }
    }
}

fn each_text(value: &Value, change: &dyn Fn(&str) -> Option<String>) -> Value {
    match &value.data {
        Data::String(text) => change(text).map_or_else(|| value.clone(), |new| Value::string(new, value.span)),
        Data::List(items) => Value::list(items.iter().map(|item| each_text(item, change)).collect(), value.span),
        Data::Map(map) => {
            let mut out = Map::new();
            for (key, entry) in map.iter() {
                out.insert(Arc::clone(key), entry.key, each_text(&entry.value, change));
            }
            Value::map(out, value.span)
        }
        _ => value.clone(),
    }
}

fn change_at(value: &Value, path: &[&str], change: &dyn Fn(&str) -> String) -> Value {
    match (path.split_first(), &value.data) {
        (None, Data::String(text)) => Value::string(change(text), value.span),
        (Some((key, rest)), Data::Map(map)) if map.contains_key(key) => {
            let mut out = (**map).clone();
            if let Some(slot) = out.get_mut(key) {
                *slot = change_at(slot, rest, change);
            }
            Value::map(out, value.span)
        }
        _ => value.clone(),
    }
}

/// Text with `object.spec` and `object.metadata` moved to the pod's template; `None` where nothing changes.
fn rewrite(text: &str, variant: Variant) -> Option<String> {
    if !text.contains("bject.") {
        return None;
    }
    let mut out = text.to_owned();
    for (from, to) in [("spec", variant.spec), ("metadata", variant.metadata)] {
        for object in ["object.", "oldObject."] {
            out = replace(&out, &format!("{object}{from}"), &format!("{object}{to}"));
        }
    }
    Some(out)
}

/// Replaces every occurrence that is not followed by `.namespace` as a whole word: that stays the controller's own.
fn replace(text: &str, from: &str, to: &str) -> String {
    const KEPT: &str = ".namespace";
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(from) {
        out.push_str(before);
        let kept =
            after.strip_prefix(KEPT).is_some_and(|next| !next.starts_with(|letter: char| letter == '_' || letter.is_ascii_alphanumeric()));
        out.push_str(if kept { from } else { to });
        rest = after;
    }
    out.push_str(rest);
    out
}

struct Patterns {
    spec: Option<Regex>,
    labels: Option<Regex>,
    annotations: Option<Regex>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let make = |tail: &str| Regex::new(&format!(r"\b(object|oldObject|Object)\.{tail}")).ok();
    Patterns { spec: make("spec"), labels: make(r"metadata\.labels"), annotations: make(r"metadata\.annotations") }
});

/// An expression of a mutation, moved to the template; a partial object gets the levels around it.
fn to_template(expression: &str, variant: Variant) -> String {
    let swap = |pattern: &Option<Regex>, text: String, to: &str| match pattern {
        Some(pattern) => pattern.replace_all(&text, format!("${{1}}.{to}").as_str()).into_owned(),
        None => text,
    };
    let mut out = swap(&PATTERNS.spec, expression.to_owned(), variant.spec);
    out = swap(&PATTERNS.labels, out, &format!("{}.labels", variant.metadata));
    out = swap(&PATTERNS.annotations, out, &format!("{}.annotations", variant.metadata));
    let inner = out.trim().strip_prefix("Object").map(str::trim_start).and_then(|rest| rest.strip_prefix('{'));
    let Some(inner) = inner else { return out };
    let mut depth = 1;
    for (position, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (content, rest) = inner.split_at_checked(position).unwrap_or((inner, ""));
            let rest = rest.strip_prefix('}').unwrap_or(rest);
            if content.is_empty() {
                return out;
            }
            let (open, close) = if variant.name == "cronjobs" {
                (
                    "Object{spec: Object.spec{jobTemplate: Object.spec.jobTemplate{spec: Object.spec.jobTemplate.spec{template: Object.spec.jobTemplate.spec.template{",
                    "}}}}}",
                )
            } else {
                ("Object{spec: Object.spec{template: Object.spec.template{", "}}}")
            };
            return format!("{open}{content}{close}{rest}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(name: &str) -> Variant {
        *VARIANTS.iter().find(|variant| variant.name == name).unwrap()
    }

    #[test]
    fn texts_move_to_the_template_but_the_namespace_stays() {
        let check = |text: &str, expected: &str| assert_eq!(rewrite(text, variant("defaults")).as_deref().unwrap_or(text), expected);
        check("object.spec.containers", "object.spec.template.spec.containers");
        check("object.metadata.labels", "object.spec.template.metadata.labels");
        check("object.metadata.namespace == 'a'", "object.metadata.namespace == 'a'");
        check("object.metadata.namespaceFoo", "object.spec.template.metadata.namespaceFoo");
        check("oldObject.spec.x + object.spec.y", "oldObject.spec.template.spec.x + object.spec.template.spec.y");
        check("variables.x", "variables.x");
    }

    #[test]
    fn partial_objects_get_the_levels_around_them() {
        let check = |name: &str, text: &str, expected: &str| assert_eq!(to_template(text, variant(name)), expected);
        check(
            "defaults",
            "Object{spec: Object.spec{hostNetwork: false}}",
            "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{hostNetwork: false}}}}",
        );
        check("defaults", "object.spec.x", "object.spec.template.spec.x");
        check("cronjobs", "object.metadata.labels", "object.spec.jobTemplate.spec.template.metadata.labels");
        check("defaults", "object.metadata.name", "object.metadata.name");
    }
}
