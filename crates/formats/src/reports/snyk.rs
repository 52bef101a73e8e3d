//! Snyk's JSON: `snyk test` for packages and images, and `snyk iac test`. `snyk code` writes SARIF.

use probity_core::Severity;
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{
    at, ecosystem, first, hole, line, list, package, plain, sentence, system_package, text, text_at, texts, upgrade, weakness, word,
};
use crate::escape;
use crate::sarif_in::message::plain_links;

const SCALE: Scale = &[("critical", Severity::Critical), ("high", Severity::High), ("medium", Severity::Medium), ("low", Severity::Low)];

pub(super) const SNYK: Format = Format { id: "snyk", what: "Snyk, JSON of `test` or `iac test`", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.objects().first().is_some_and(|project| {
        let project_like =
            has(project, &["ok"]) && (has(project, &["packageManager"]) || has(project, &["projectName"]) || has(project, &["error"]));
        project_like
            && (has_list(project, "vulnerabilities") || has_list(project, "infrastructureAsCodeIssues") || has(project, &["error"]))
    })
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    if content.objects().is_empty() {
        reader.begin("Snyk", "", None);
    }
    for project in content.objects() {
        let iac = has_list(project, "infrastructureAsCodeIssues");
        reader.begin(if iac { "Snyk IaC" } else { "Snyk Open Source" }, "", None);
        let error = text(project, "error");
        if !error.is_empty() {
            reader.failed("Snyk", project.span, error);
            continue;
        }
        if iac {
            for one in reader.items(project, "infrastructureAsCodeIssues") {
                let row = issue(reader, project, one);
                reader.take(one.span, row);
            }
            continue;
        }
        for one in reader.must_items(project, "vulnerabilities") {
            let row = vulnerability(reader, project, one);
            reader.take(one.span, row);
        }
        // What a `.snyk` file ignores is set apart.
        for one in at(project, &["filtered", "ignore"]).and_then(Value::as_list).unwrap_or_default() {
            let reason =
                list(at(one, &["filtered"]).unwrap_or(one), "ignored").first().map(|rule| text(rule, "reason")).unwrap_or_default();
            let row = vulnerability(reader, project, one);
            reader.take(one.span, row.map(|row| Row { suppressed: Some(reason.to_owned()), ..row }));
        }
    }
}

fn vulnerability(reader: &mut Reader<'_>, project: &Value, one: &Value) -> Result<Row, String> {
    let id = text(one, "id");
    let name = first(one, &["packageName", "moduleName", "name"]);
    if id.is_empty() || name.is_empty() {
        return Err(format!("`{}` is missing", if id.is_empty() { "id" } else { "packageName" }));
    }
    let manager = first(one, &["packageManager"]);
    let manager = if manager.is_empty() { text(project, "packageManager") } else { manager };
    let image = !text_at(project, &["docker", "baseImage"]).is_empty() || project.get("docker").is_some();
    // An image's packages have the distribution as their manager: `debian:12`, `linux`.
    let family = manager.split(':').next().unwrap_or_default();
    let version = text(one, "version");
    let package = match ecosystem(family) {
        // It names the source package before the binary one: `glibc/libc6`.
        kind @ ("deb" | "apk" | "rpm") => system_package(kind, family, name.rsplit('/').next().unwrap_or(name), version),
        kind => package(kind, name, version),
    };
    let mut row = Row::new(id, reader.severity(SCALE, text(one, "severity"), one.span), one.span);
    if let Some(identifiers) = one.get("identifiers") {
        row.aliases = ["CVE", "GHSA"].iter().flat_map(|key| texts(identifiers, key)).collect();
        row.aliases.extend(texts(identifiers, "CWE").iter().filter_map(|text| weakness(text)));
    }
    row.title = text(one, "title").to_owned();
    row.why = overview(text(one, "description"));
    let licence = text(one, "type") == "license";
    row.message = if licence {
        format!("`{}` has a licence that is not allowed: {}", package.shown, row.title)
    } else {
        hole(&package.shown, id, &row.title)
    };
    // The second of the path is what the project names itself: the first is the project.
    let path = list(one, "upgradePath").iter().filter_map(Value::as_str).collect::<Vec<_>>();
    row.fix = match path.get(1) {
        Some(direct) if one.get("isUpgradable").and_then(Value::as_bool) == Some(true) => format!("upgrade to `{direct}`"),
        _ => upgrade(name, &texts(one, "fixedIn")),
    };
    let file = first(project, &["displayTargetFile", "targetFile"]);
    row.spot = if image { Spot::Elsewhere(first(project, &["path", "projectName"]).to_owned()) } else { Spot::file(file, None) };
    row.of_package(&package);
    if one.get("isIgnored").and_then(Value::as_bool) == Some(true) {
        row.suppressed = Some("ignored in Snyk".to_owned());
    }
    Ok(row)
}

/// The part of a description under `## Overview`.
fn overview(text: &str) -> String {
    let part = text.split_once("## Overview").map_or(text, |(_, after)| after);
    let part = part.split("\n## ").next().unwrap_or_default();
    plain(&plain_links(&escape::cut(part, 4_000)))
}

fn issue(reader: &mut Reader<'_>, project: &Value, one: &Value) -> Result<Row, String> {
    let id = first(one, &["publicId", "id"]);
    if id.is_empty() {
        return Err("`id` is missing".to_owned());
    }
    let mut row = Row::new(id, reader.severity(SCALE, text(one, "severity"), one.span), one.span);
    row.aliases = vec![word(one, "id")];
    row.title = text(one, "title").to_owned();
    let said = |key: &str| match text(one, key) {
        "" => text_at(one, &["iacDescription", key]),
        text => text,
    };
    row.why = said("impact").to_owned();
    row.fix = said("resolve").to_owned();
    let path: Vec<&str> = match list(one, "path") {
        [] => vec![text(one, "msg")],
        path => path.iter().filter_map(Value::as_str).collect(),
    };
    let path = path.join(".");
    let issue = if said("issue").is_empty() { sentence(&row.title) } else { said("issue") };
    row.message = if path.is_empty() { issue.to_owned() } else { format!("{issue} (`{path}`)") };
    let file = first(project, &["targetFile", "targetFilePath"]);
    row.spot = Spot::file(file, line(one, "lineNumber"));
    row.prints = vec![("path", path)];
    if one.get("isIgnored").and_then(Value::as_bool) == Some(true) {
        row.suppressed = Some("ignored in Snyk".to_owned());
    }
    Ok(row)
}
