//! What workflows run of others: GitHub Actions, and the hooks of pre-commit.

use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::places::{image, revision};
use super::sheet::{Sheet, entries, items, text};
use crate::{Package, Usage};

pub(crate) fn is_workflow(above: &str, file: &str) -> bool {
    let yaml = file.ends_with(".yml") || file.ends_with(".yaml");
    let workflows = above == ".github/workflows" || above.ends_with("/.github/workflows");
    yaml && !super::installed(above) && (workflows || matches!(file, "action.yml" | "action.yaml"))
}

pub(crate) fn actions(sheet: &mut Sheet, _tree: &dyn Tree) {
    for document in sheet.yaml() {
        let mut uses: Vec<&Value> = Vec::new();
        sheet.shape(&document, &["jobs", "runs"], &[]);
        let jobs = entries(&document, "jobs");
        for (_, job) in &jobs {
            uses.extend(job.value.get("uses"));
            uses.extend(items(&job.value, "steps").iter().filter_map(|step| step.get("uses")));
        }
        let runs = document.get("runs");
        uses.extend(runs.into_iter().flat_map(|runs| items(runs, "steps")).filter_map(|step| step.get("uses")));
        for value in uses {
            one(sheet, value);
        }
        for (_, job) in &jobs {
            let services = entries(&job.value, "services");
            let holders = job.value.get("container").into_iter().chain(services.iter().map(|(_, entry)| &entry.value));
            for value in holders.filter_map(|holder| if holder.as_str().is_some() { Some(holder) } else { holder.get("image") }) {
                container(sheet, value);
            }
        }
        if let Some(value) = runs.and_then(|runs| runs.get("image")) {
            container(sheet, value);
        }
    }
}

fn container(sheet: &mut Sheet, value: &Value) {
    let Some(written) = value.as_str() else { return };
    let reference = written.strip_prefix("docker://").unwrap_or(written);
    // A Dockerfile beside the action, or something that is known when it runs.
    if reference.contains("${{") || reference.starts_with('.') || reference.ends_with("Dockerfile") || reference.is_empty() {
        return;
    }
    let line = sheet.at(value.span);
    let Some(purl) = image(sheet, reference, line) else { return };
    let package = Package { usage: Usage::Build, direct: Some(true), requested: Some(reference.into()), ..sheet.package(purl, line) };
    sheet.add(package);
}

fn one(sheet: &mut Sheet, value: &Value) {
    let line = sheet.at(value.span);
    let Some(written) = value.as_str() else {
        sheet.problem(line, "`uses` is no text", true);
        return;
    };
    if written.starts_with("./") || written.starts_with("../") {
        return;
    }
    if written.starts_with("docker://") {
        container(sheet, value);
        return;
    }
    let (path, reference) = written.split_once('@').map_or((written, None), |(path, reference)| (path, Some(reference)));
    let mut parts = path.splitn(3, '/');
    let (Some(owner), Some(name)) = (parts.next().filter(|owner| !owner.is_empty()), parts.next()) else {
        sheet.problem(line, format!("`{written}` names no action"), true);
        return;
    };
    let subpath = parts.next();
    if reference.is_none() {
        sheet.problem(line, format!("`{written}` has no version"), true);
    }
    let Some(mut purl) = sheet.purl("github", Some(owner), name, reference, line) else { return };
    purl.subpath = subpath.map(Arc::from);
    let Ok(purl) = purl.normalised() else { return };
    let mut package = sheet.package(purl, line);
    package.usage = Usage::Build;
    package.direct = Some(true);
    // A digest is pinned with the tag in a comment behind it.
    let rest = sheet.text.get(value.span.end as usize..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let comment = rest.split_once('#').map(|(_, comment)| comment.trim()).unwrap_or_default();
    let tag = comment
        .split_whitespace()
        .map(|word| word.trim_start_matches("tag=").trim_start_matches("pin@"))
        .find(|word| word.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit()));
    package.requested = tag.map(Arc::from);
    if let Some(reference) = reference.filter(|reference| reference.len() == 40 && reference.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        package.hashes = vec![format!("git:{reference}").into()];
    }
    sheet.add(package);
}

pub(crate) fn pre_commit(sheet: &mut Sheet, _tree: &dyn Tree) {
    let Some(value) = sheet.yaml().into_iter().next() else { return };
    sheet.shape(&value, &[], &["repos"]);
    for one in items(&value, "repos") {
        let span = one.as_map().and_then(|map| map.entry("repo")).map_or(one.span, |entry| entry.key);
        let line = sheet.at(span);
        let Some(address) = text(one, "repo") else {
            sheet.problem(line, "a repository has no address", true);
            continue;
        };
        if matches!(address, "local" | "meta" | "builtin") {
            continue;
        }
        let version = one.get("rev").and_then(|version| sheet.scalar(version));
        if version.is_none() {
            sheet.problem(line, format!("`{address}` has no version"), true);
        }
        let Some(purl) = revision(sheet, address, version.as_deref(), line) else { continue };
        let package =
            Package { usage: Usage::Development, direct: Some(true), resolved: Some(address.into()), ..sheet.package(purl, line) };
        sheet.add(package);
    }
}
