//! pip-audit's JSON.

use probity_core::Severity;
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list};
use super::reader::{Reader, Row, Scale};
use super::words::{hole, list, package, plain, sentence, text, texts, upgrade};

/// It has no scale, and fails over every hole it knows.
const SCALE: Scale = &[];

pub(super) const PIP_AUDIT: Format = Format { id: "pip-audit", what: "pip-audit, JSON", scale: SCALE, recognises, read };

/// Where Python's packages are locked, most exact first.
const LOCKS: &[&str] =
    &["requirements.txt", "pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pyproject.toml", "setup.py"];

fn dependencies<'v>(content: &'v Content<'_>) -> Option<&'v [Value]> {
    let report = content.json()?;
    let list = report.as_list().or_else(|| report.get("dependencies")?.as_list())?;
    let own = |one: &Value| has(one, &["name"]) && (has_list(one, "vulns") || has(one, &["skip_reason"]));
    let sure = has_list(report, "fixes") || !list.is_empty();
    (sure && list.iter().take(1_000).any(own) || list.is_empty() && has_list(report, "fixes")).then_some(list)
}

fn recognises(content: &Content<'_>) -> bool {
    dependencies(content).is_some()
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    reader.begin("pip-audit", "", None);
    let spot = reader.first_there(LOCKS);
    for dependency in dependencies(content).unwrap_or_default() {
        let name = text(dependency, "name");
        if name.is_empty() {
            reader.unreadable(dependency.span, "`name` is missing");
            continue;
        }
        let skipped = text(dependency, "skip_reason");
        if !skipped.is_empty() {
            reader.complaint("pip-audit", dependency.span, &format!("`{name}` was not audited: {skipped}"));
            continue;
        }
        let package = package("pypi", name, text(dependency, "version"));
        for one in reader.must_items(dependency, "vulns") {
            let id = text(one, "id");
            if id.is_empty() {
                reader.unreadable(one.span, "`id` is missing");
                continue;
            }
            let mut row = Row::new(id, Severity::High, one.span);
            row.aliases = texts(one, "aliases");
            let described = plain(text(one, "description"));
            row.title = sentence(&described).to_owned();
            row.message = hole(&package.shown, id, &row.title);
            row.fix = upgrade(name, &texts(one, "fix_versions"));
            row.why = described;
            row.spot = spot.clone();
            row.of_package(&package);
            reader.add(row);
        }
    }
    // What it mended while it looked is in the list above with the old version.
    for fix in content.object().map(|report| list(report, "fixes")).unwrap_or_default() {
        let skipped = text(fix, "skip_reason");
        if !skipped.is_empty() {
            reader.complaint("pip-audit", fix.span, &format!("`{}` was not mended: {skipped}", text(fix, "name")));
        }
    }
}
