//! `probity vulns`: what is known of the packages here; and the database of advisories.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use probity_advisories::database::Database;
use probity_core::{Colour, Timestamp, Tree};
use probity_formats::time::date;
use probity_images::Distribution;
use probity_supply::InventorySource;
use probity_value::SourceMap;
use probity_verdict::exit::{Outcome, Run, exit_code};

use crate::advisories::{self, Build};
use crate::arguments::{Show, VulnsArguments, VulnsCommand};
use crate::reading::Target;
use crate::run::{self, Given, How};
use crate::supply::Part;
use crate::{image, output};

pub(crate) fn run(arguments: &VulnsArguments) -> Result<u8> {
    match &arguments.command {
        Some(VulnsCommand::Build { from, output, at_least, ecosystems, brief, key }) => {
            let place = match output {
                Some(place) => place.clone(),
                None => advisories::usual_place()?,
            };
            let order =
                Build { from, output: place.clone(), at_least: *at_least, brief: *brief, ecosystems, key: key.as_deref(), now: run::now() };
            let (count, wrong) = advisories::build(&order)?;
            let beside = if wrong == 0 { String::new() } else { format!("; {wrong} files had something wrong, said above") };
            output::talk(&format!("{count} advisories in `{}`{beside}", place.display()));
            Ok(0)
        }
        Some(VulnsCommand::About { advisories }) => about(advisories.as_deref()),
        None => judge(arguments),
    }
}

fn judge(arguments: &VulnsArguments) -> Result<u8> {
    let texts = SourceMap::new();
    let mut given = Given::read(&arguments.reading)?;
    let now = run::now();
    let opened = image::find(&arguments.path, &arguments.image, arguments.reading.max_file_size)?;
    let target = Target::of(&arguments.path, opened.as_ref(), arguments.reading.max_file_size)?;
    let mut how = How { keep_all: arguments.printing.show != Show::Findings, part: Some(Part::Packages), ..How::at(now) };
    let listed = |name: &str, inventory| InventorySource { name: name.into(), inventory: Arc::new(inventory) };
    let mut tree: &dyn Tree = &target.tree;
    if let Some(opened) = &opened {
        given = given.outside_only();
        how.inventory = Some(listed(&opened.subject.name, opened.inventory.clone()));
        how.product = opened.product();
        tree = &*opened.files;
    } else if Distribution::of(&target.tree).is_some() {
        given = given.outside_only();
        how.inventory = Some(listed(&arguments.path.display().to_string(), image::of_folder(&target.tree).0));
    }
    let judged = run::judged(&target, tree, &arguments.reading, &given, &how, &texts)?;
    let nothing = run::nothing(&judged) && judged.verdict.colour == Some(Colour::Green);
    let mut report = run::report(&judged, image::shown(&arguments.path, opened.as_ref()), now, !nothing);
    if arguments.printing.show == Show::Pass {
        report.findings.retain(|finding| finding.status != probity_core::Status::NotApplicable);
    }
    if nothing {
        output::talk("nothing to look at: no file here names packages");
    }
    output::report(&report, &texts, &arguments.printing, false, &target.prefix)?;
    Ok(exit_code(
        Run::Gate,
        &Outcome { verdict: Some(&judged.verdict), nothing, incomplete: run::incomplete(&judged), ..Outcome::default() },
    ))
}

/// Says what a database holds.
fn about(flag: Option<&Path>) -> Result<u8> {
    let data = advisories::open(flag, None, None, &[])?;
    let database = Database::open((*data.bytes).as_ref())?;
    let day = |seconds: i64| if seconds <= 0 { "unknown".to_owned() } else { date(Timestamp { seconds, nanoseconds: 0 }) };
    let mut out = format!("database    {}\nadvisories  {}\n\n", data.from, database.advisories());
    out.push_str("source            newest      records  licence\n");
    for source in database.sources() {
        out.push_str(&format!("{:<16}  {:<10}  {:>7}  {}\n", source.name, day(source.date), source.records, source.licence));
    }
    out.push_str("\necosystem                    advisories\n");
    for ecosystem in database.ecosystems() {
        out.push_str(&format!("{:<27}  {:>8}\n", ecosystem.name, ecosystem.advisories));
    }
    out.push_str("\nAn ecosystem that is not in the list is not covered: its packages are said to be unknown, never clean.\n");
    output::data(&out)?;
    Ok(0)
}
