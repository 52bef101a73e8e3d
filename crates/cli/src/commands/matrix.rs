//! `probity policies matrix`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use probity_catalog::{Catalog, Framework, PairProvenance, matrix};
use probity_core::RuleMeta;
use probity_formats::matrix::{self as page, MatrixPage, MatrixPair, MatrixRow};
use probity_value::SourceMap;
use probity_verdict::config::Policies;
use probity_verdict::{ids, own};

use crate::adapters::Rules;
use crate::arguments::{MatrixFormat, When};
use crate::{Wrong, output};

pub(crate) fn run(framework: Option<&str>, names: bool, folders: Vec<PathBuf>, format: MatrixFormat) -> Result<u8> {
    let texts = SourceMap::new();
    let loaded = Rules::of(folders).load(&Policies::default(), None, &texts);
    let catalog = &loaded.catalog;
    if !loaded.wrong.is_empty() {
        output::diagnostics(&loaded.wrong, &texts);
        return Err(Wrong::hint("the policies have problems", Some("`probity policies lint DIR` says more")).into());
    }
    let Some(wanted) = framework else {
        let widest = catalog.frameworks().iter().map(|known| known.id.len()).max().unwrap_or(0);
        let list: String = catalog.frameworks().iter().map(|known| format!("{:widest$}  {}\n", known.id, known.title)).collect();
        output::text(&list)?;
        return Ok(0);
    };
    let Some(found) = catalog.frameworks().iter().find(|known| known.id.eq_ignore_ascii_case(wanted)) else {
        let hint = nearest(catalog, wanted).map(|id| format!("did you mean `{id}`?"));
        return Err(Wrong::hint(format!("no framework is called `{wanted}`"), hint.as_deref()).into());
    };
    let mut rules = loaded.rules();
    rules.extend(own::rules());
    print(found, &rules, names, format)
}

fn nearest<'a>(catalog: &'a Catalog, wanted: &str) -> Option<&'a str> {
    let frameworks = catalog.frameworks().iter().map(|known| known.id.as_str());
    // `pci` stands for what begins with it.
    let begins = frameworks.clone().find(|id| id.starts_with(&wanted.to_ascii_lowercase()));
    begins.or_else(|| ids::nearest_word(wanted, frameworks))
}

fn print(framework: &Framework, rules: &[Arc<RuleMeta>], names: bool, format: MatrixFormat) -> Result<u8> {
    let matrix = matrix(framework, rules);
    let requirements = matrix
        .rows
        .iter()
        .map(|row| MatrixRow {
            id: &row.requirement.id,
            title: &row.requirement.title,
            cover: row.cover().as_str(),
            why: row.requirement.unprovable.as_deref(),
            rules: row
                .pairs
                .iter()
                .map(|pair| MatrixPair {
                    rule: &pair.rule,
                    from: match &pair.provenance {
                        PairProvenance::Rule => "rule".to_owned(),
                        PairProvenance::Framework => "framework".to_owned(),
                        PairProvenance::Through(control) => format!("through {control}"),
                    },
                })
                .collect(),
        })
        .collect();
    let page = MatrixPage {
        version: 1,
        framework: &framework.id,
        title: &framework.title,
        source: &framework.source,
        crosswalk: &framework.crosswalk,
        requirements,
    };
    match format {
        MatrixFormat::Human => output::text(&page::text(&page, names, output::style(When::Auto)))?,
        MatrixFormat::Markdown => output::text(&page::markdown(&page))?,
        MatrixFormat::Json => output::data(&page::json(&page))?,
    }
    Ok(0)
}
