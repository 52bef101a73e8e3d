//! ZAP's traditional JSON report: `site[].alerts[].instances[]`.

use probity_core::{Confidence, Severity};
use probity_value::Value;

use super::Format;
use super::content::{Content, has_list};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{address, first, list, moment, plain, text, weakness, word};

/// Risk codes.
const SCALE: Scale = &[("3", Severity::High), ("2", Severity::Medium), ("1", Severity::Low), ("0", Severity::Info)];

pub(super) const ZAP: Format = Format { id: "zap", what: "ZAP, traditional JSON", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        let site = report.get("site");
        let sites = site.and_then(Value::as_list).or_else(|| site.filter(|site| site.as_map().is_some()).map(std::slice::from_ref));
        let by_name = text(report, "@programName").eq_ignore_ascii_case("zap") || report.get("@generated").is_some();
        sites.is_some_and(|sites| by_name || sites.iter().any(|site| has_list(site, "alerts") && site.get("@name").is_some()))
    })
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("ZAP", "", None) };
    let end = moment(text(report, "created")).or_else(|| moment(text(report, "@generated")));
    reader.begin("ZAP", text(report, "@version"), end);
    let sites = match report.get("site") {
        Some(site) if site.as_map().is_some() => std::slice::from_ref(site),
        _ => reader.must_items(report, "site"),
    };
    for site in sites {
        for alert in reader.must_items(site, "alerts") {
            let instances = reader.items(alert, "instances");
            if instances.is_empty() {
                let row = row(reader, site, alert, None);
                reader.take(alert.span, row);
            }
            for instance in instances {
                let row = row(reader, site, alert, Some(instance));
                reader.take(instance.span, row);
            }
        }
    }
}

fn row(reader: &mut Reader<'_>, site: &Value, alert: &Value, instance: Option<&Value>) -> Result<Row, String> {
    let rule = word(alert, "pluginid");
    if rule.is_empty() {
        return Err("`pluginid` is missing".to_owned());
    }
    if instance.is_some_and(|instance| instance.as_map().is_none()) {
        return Err("an instance is not an object".to_owned());
    }
    let risk = word(alert, "riskcode");
    let span = instance.unwrap_or(alert).span;
    let mut row = Row::new(rule, reader.severity(SCALE, &risk, alert.span), span);
    row.aliases = vec![word(alert, "alertRef")];
    row.aliases.extend(weakness(&word(alert, "cweid")));
    row.title = plain(first(alert, &["name", "alert"]));
    row.why = plain(text(alert, "desc"));
    row.fix = plain(text(alert, "solution"));
    // A false positive is what a person made of it.
    match word(alert, "confidence").as_str() {
        "0" => row.suppressed = Some("marked as a false positive in ZAP".to_owned()),
        "1" | "2" => row.confidence = Confidence::Tentative,
        "4" => row.confidence = Confidence::Certain,
        _ => {}
    }
    let part = |key: &str| instance.map(|instance| text(instance, key).trim()).unwrap_or_default();
    let uri = if part("uri").is_empty() { text(site, "@name") } else { part("uri") };
    if uri.trim().is_empty() {
        return Err("`uri` is missing".to_owned());
    }
    row.spot = Spot::Elsewhere(address(uri));
    let (method, parameter) = (part("method"), part("param"));
    row.message.clone_from(&row.title);
    if !method.is_empty() {
        row.message.push_str(&format!(", in a {method} request"));
    }
    if !parameter.is_empty() {
        row.message.push_str(&format!(", by the parameter `{parameter}`"));
    }
    row.prints = vec![("method", method.to_owned()), ("parameter", parameter.to_owned())];
    if list(alert, "instances").is_empty() {
        row.prints.clear();
    }
    Ok(row)
}
