//! Whether a package is known to be broken.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use probity_core::Severity;
use probity_packages::{Package, SourcePackage};

use crate::End;
use crate::database::{Database, Exploited, Likelihood, Reach, Record};
use crate::ecosystem::{Named, named};
use crate::version::{Order, sort};

/// What the data says of a package.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<'d> {
    /// The data knows its ecosystem. No match means that none of the advisories is about this version.
    Covered(Vec<Match<'d>>),
    /// The data knows nothing of its ecosystem or distribution, which is named; so nothing is known of the package.
    NotCovered(String),
    /// Nobody says which version it is, and advisories speak of some of its versions: how many there are.
    NoVersion(usize),
}

/// One fault of a package.
#[derive(Clone, Debug, PartialEq)]
pub struct Match<'d> {
    /// What it is called: its CVE where it has exactly one, else the id of GitHub, else the advisory's own.
    pub id: &'d str,
    /// All other ids of it, sorted.
    pub aliases: Vec<&'d str>,
    /// Ids of the advisories that say so, sorted.
    pub advisories: Vec<&'d str>,
    /// Faults the advisories mend without being them, sorted.
    pub related: Vec<&'d str>,
    /// One line.
    pub summary: &'d str,
    /// More lines.
    pub details: &'d str,
    /// How bad; high where nobody says.
    pub severity: Severity,
    /// Whether somebody says how bad it is.
    pub scored: bool,
    /// CVSS base score and vector.
    pub score: Option<(f32, &'d str)>,
    /// Weaknesses, sorted.
    pub cwes: Vec<&'d str>,
    /// Where to read more.
    pub references: Vec<&'d str>,
    /// Whether the package itself is meant to harm.
    pub malicious: bool,
    /// What it is where it is no hole: `unmaintained`.
    pub informational: Option<&'d str>,
    /// Whether it is known to be used.
    pub exploited: Option<Exploited<'d>>,
    /// How likely it is used.
    pub likelihood: Option<Likelihood>,
    /// The first version without it, where there is one.
    pub fixed: Option<String>,
    /// Why it may not be so, where that is not certain.
    pub uncertain: Option<String>,
    /// When it was published first, in seconds since 1970; 0 where nobody says.
    pub published: i64,
}

impl<'d> Match<'d> {
    /// All names it has.
    pub fn names(&self) -> impl Iterator<Item = &'d str> + '_ {
        std::iter::once(self.id).chain(self.aliases.iter().copied())
    }
}

/// Whether a version is in reach, and from which version on it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hit {
    No,
    Yes { fixed: Option<String>, uncertain: Option<String> },
}

fn hit(order: Order, version: &str, reach: &Reach<'_>) -> Hit {
    let mut within = false;
    let mut fixed: Option<String> = None;
    for (introduced, end) in reach.intervals() {
        let begun = introduced == "0" || order.compare(version, introduced) != Ordering::Less;
        let over = match &end {
            End::Open => false,
            End::Fixed(end) => order.compare(version, end) != Ordering::Less,
            End::Last(end) => order.compare(version, end) == Ordering::Greater,
        };
        if begun && !over {
            within = true;
            if let End::Fixed(end) = end {
                fixed = Some(end);
            }
        }
    }
    if !within && !reach.lists(version) {
        if reach.commits_only {
            let why = "the advisory speaks of commits, not of versions".to_owned();
            return Hit::Yes { fixed: None, uncertain: Some(why) };
        }
        // Versions may be written in more ways than one.
        if !reach.versions().any(|listed| order.compare(listed, version).is_eq()) {
            if !order.is_valid(version) && reach.intervals().next().is_some() {
                let why = format!("`{version}` is no version of its ecosystem, so it cannot be compared");
                return Hit::Yes { fixed: None, uncertain: Some(why) };
            }
            return Hit::No;
        }
    }
    if fixed.is_none() {
        // A listed version outside of all ranges: the next range that ends after it says where it is mended.
        fixed = reach
            .intervals()
            .filter_map(|(_, end)| if let End::Fixed(end) = end { Some(end) } else { None })
            .filter(|end| order.compare(version, end) == Ordering::Less)
            .min_by(|one, other| order.compare(one, other));
    }
    let uncertain = (!order.is_valid(version) && !reach.lists(version))
        .then(|| format!("`{version}` is no version of its ecosystem, so it cannot be compared"));
    Hit::Yes { fixed, uncertain }
}

/// What the data says of a package.
#[must_use]
pub fn answer<'d>(database: &Database<'d>, package: &Package) -> Answer<'d> {
    let Some(names) = named(package) else {
        return Answer::NotCovered(format!("`{}`", package.purl.kind));
    };
    let ecosystems: Vec<_> = names.ecosystems.iter().flat_map(|name| database.ecosystems_named(name)).collect();
    if ecosystems.is_empty() {
        return Answer::NotCovered(names.ecosystems.first().cloned().unwrap_or_default());
    }
    let about = |ecosystem: &str| {
        let named = names.names.iter().map(move |name| (ecosystem.to_owned(), name));
        named.flat_map(|(ecosystem, name)| database.about(&ecosystem, name).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    if names.version.is_empty() {
        let advisories = ecosystems.iter().flat_map(|one| about(one.name)).filter(|(record, _)| !record.malicious).count();
        // A package that is meant to harm is so in the versions the advisory names; where it names all, no version is needed.
        let always: Vec<Found<'d>> = ecosystems
            .iter()
            .flat_map(|one| about(one.name))
            .filter(|(record, reach)| record.malicious && reach.intervals().any(|(from, end)| from == "0" && end == End::Open))
            .map(|(record, _)| Found { record, fixed: None, uncertain: None, order: Order::Semver })
            .collect();
        if !always.is_empty() {
            return Answer::Covered(grouped(database, always));
        }
        return if advisories > 0 { Answer::NoVersion(advisories) } else { Answer::Covered(Vec::new()) };
    }
    let mut found = Vec::new();
    for ecosystem in &ecosystems {
        let order = Order::of_ecosystem(ecosystem.name);
        for (record, reach) in about(ecosystem.name) {
            if let Hit::Yes { fixed, uncertain } = hit(order, &names.version, &reach) {
                found.push(Found { record, fixed, uncertain, order });
            }
        }
    }
    Answer::Covered(grouped(database, found))
}

struct Found<'d> {
    record: Record<'d>,
    fixed: Option<String>,
    uncertain: Option<String>,
    order: Order,
}

/// Records that share a name are one fault.
fn grouped<'d>(database: &Database<'d>, mut found: Vec<Found<'d>>) -> Vec<Match<'d>> {
    found.sort_by(|a, b| a.record.id.cmp(b.record.id));
    let mut groups: Vec<(BTreeSet<&'d str>, Vec<Found<'d>>)> = Vec::new();
    for one in found {
        let mut names: BTreeSet<&str> = one.record.aliases().collect();
        names.insert(one.record.id);
        let mut members = vec![one];
        let mut position = 0;
        while position < groups.len() {
            if groups.get(position).is_some_and(|(known, _)| !known.is_disjoint(&names)) {
                let (known, mut others) = groups.remove(position);
                names.extend(known);
                others.append(&mut members);
                members = others;
            } else {
                position += 1;
            }
        }
        groups.push((names, members));
    }
    let mut out: Vec<Match<'d>> = groups.into_iter().map(|(names, members)| merged(database, &names, &members)).collect();
    out.sort_by(|a, b| (b.malicious, b.severity, a.id).cmp(&(a.malicious, a.severity, b.id)));
    out
}

fn only<'d>(names: &BTreeSet<&'d str>, start: &str) -> Option<&'d str> {
    let mut named = names.iter().copied().filter(|name| name.starts_with(start));
    named.next().filter(|_| named.next().is_none())
}

fn merged<'d>(database: &Database<'d>, names: &BTreeSet<&'d str>, members: &[Found<'d>]) -> Match<'d> {
    let records = || members.iter().map(|one| &one.record);
    let own = records().map(|record| record.id).next().unwrap_or_default();
    let id = only(names, "CVE-").or_else(|| only(names, "GHSA-")).unwrap_or(own);
    let related: BTreeSet<&str> = records().flat_map(Record::related).filter(|name| !names.contains(name)).collect();
    let severity = records().filter_map(|record| record.severity).max();
    let informational = records().map(|record| record.informational).find(|word| !word.is_empty());
    let informational = informational.filter(|_| records().all(|record| !record.informational.is_empty()));
    let score = records().filter_map(|record| record.score.map(|score| (score, record.vector))).max_by(|a, b| a.0.total_cmp(&b.0));
    let longest = |part: &dyn Fn(&Record<'d>) -> &'d str| {
        // GitHub's texts are the best kept.
        let github = records().filter(|record| record.id.starts_with("GHSA-")).map(part).find(|text| !text.is_empty());
        github.or_else(|| records().map(part).find(|text| !text.is_empty())).unwrap_or_default()
    };
    let cves = || names.iter().chain(&related).copied().filter(|name| name.starts_with("CVE-"));
    let mut references: Vec<&str> = Vec::new();
    for url in records().flat_map(Record::references) {
        if !references.contains(&url) && references.len() < 8 {
            references.push(url);
        }
    }
    Match {
        id,
        aliases: names.iter().copied().filter(|name| *name != id).collect(),
        advisories: records().map(|record| record.id).collect::<BTreeSet<_>>().into_iter().collect(),
        summary: longest(&|record| record.summary),
        details: longest(&|record| record.details),
        severity: severity.unwrap_or(if informational.is_some() { Severity::Info } else { Severity::High }),
        scored: severity.is_some() || informational.is_some(),
        score,
        cwes: records().flat_map(Record::cwes).collect::<BTreeSet<_>>().into_iter().collect(),
        references,
        malicious: records().any(|record| record.malicious),
        informational,
        exploited: cves().find_map(|cve| database.exploited(cve)),
        likelihood: cves().filter_map(|cve| database.likelihood(cve)).max_by(|a, b| a.probability.total_cmp(&b.probability)),
        // Where they differ, the later one is mended for sure.
        fixed: members
            .iter()
            .filter_map(|one| one.fixed.clone().map(|fixed| (one.order, fixed)))
            .max_by(|a, b| a.0.compare(&a.1, &b.1))
            .map(|(_, fixed)| fixed),
        // Certain where one of them is.
        uncertain: if members.iter().any(|one| one.uncertain.is_none()) {
            None
        } else {
            members.iter().find_map(|one| one.uncertain.clone())
        },
        published: records().map(|record| record.published).filter(|published| *published > 0).min().unwrap_or(0),
        related: related.into_iter().collect(),
    }
}

/// The smallest version above the package's own of which nothing is known; `None` where advisories name no such version, or a fault of
/// the package is mended in none.
#[must_use]
pub fn cure<'d>(database: &Database<'d>, package: &Package, matches: &[Match<'d>]) -> Option<String> {
    if matches.is_empty() || matches.iter().any(|one| one.fixed.is_none() && one.informational.is_none()) {
        return None;
    }
    let Named { ecosystems, names, version } = named(package)?;
    let order = Order::of_ecosystem(ecosystems.first()?);
    // Where any of its faults ends, also those it does not have yet.
    let mut candidates: Vec<String> = Vec::new();
    let mut records = Vec::new();
    for ecosystem in ecosystems.iter().flat_map(|name| database.ecosystems_named(name)) {
        for (record, reach) in names.iter().flat_map(|name| database.about(ecosystem.name, name)) {
            for (_, end) in reach.intervals() {
                if let End::Fixed(end) = end
                    && order.compare(&end, &version) == Ordering::Greater
                    && !candidates.contains(&end)
                {
                    candidates.push(end);
                }
            }
            // What is no hole need not be cured.
            if record.informational.is_empty() {
                records.push((reach, Order::of_ecosystem(ecosystem.name)));
            }
        }
    }
    let candidates = sort(candidates, &|one, other| order.compare(one, other));
    // One hole is enough against a candidate: most have one, and few records are asked before it is met.
    let is_clean = |candidate: &String| {
        named(&upgraded(package, candidate)).is_some_and(|named| {
            !named.version.is_empty() && !records.iter().any(|(reach, order)| hit(*order, &named.version, reach) != Hit::No)
        })
    };
    candidates.into_iter().find(is_clean)
}

/// The package in another version.
fn upgraded(package: &Package, version: &str) -> Package {
    let mut out = package.clone();
    out.built_from = out.built_from.map(|source| SourcePackage { version: version.into(), ..source });
    if let Some(upstream) = out.purl.qualifiers.remove("upstream") {
        let name = upstream.split_once('@').map_or(&*upstream, |(name, _)| name);
        out.purl.qualifiers.insert("upstream".into(), name.into());
    }
    let (epoch, plain) = match version.split_once(':') {
        Some((epoch, rest)) if &*out.purl.kind == "rpm" => (Some(epoch), rest),
        _ => (None, version),
    };
    if let Some(epoch) = epoch {
        out.purl.qualifiers.insert("epoch".into(), epoch.into());
    }
    out.purl.version = Some(plain.into());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Builder;
    use probity_core::Digest;
    use probity_value::FileId;

    fn package(purl: &str) -> Package {
        Package::new(purl.parse().unwrap(), "test")
    }

    fn record(id: &str, aliases: &[&str], ecosystem: &str, name: &str, events: &str, more: &str) -> String {
        let aliases = aliases.iter().map(|alias| format!("\"{alias}\"")).collect::<Vec<_>>().join(",");
        format!(
            r#"{{"id": "{id}", "aliases": [{aliases}], "affected": [{{"package": {{"ecosystem": "{ecosystem}", "name": "{name}"}},
            "ranges": [{{"type": "ECOSYSTEM", "events": {events}}}]}}]{more}}}"#
        )
    }

    fn built(records: &[String]) -> Vec<u8> {
        let mut builder = Builder::new(0);
        for text in records {
            let (advisory, wrong) = crate::osv::parse(text, FileId::NONE).unwrap();
            assert_eq!(wrong, []);
            builder.add(advisory);
        }
        builder.exploited("CVE-2021-1", "used", 0, 0, false);
        builder.build(&|_| Digest([0; 32]))
    }

    fn log4j() -> Vec<u8> {
        let name = "org.apache.logging.log4j:log4j-core";
        built(&[
            record(
                "GHSA-1",
                &["CVE-2021-1"],
                "Maven",
                name,
                r#"[{"introduced": "2.13.0"}, {"fixed": "2.15.0"}, {"introduced": "2.4"}, {"fixed": "2.12.2"}]"#,
                r#", "database_specific": {"severity": "CRITICAL"}"#,
            ),
            record("OTHER-1", &["CVE-2021-1"], "Maven", name, r#"[{"introduced": "0"}, {"fixed": "2.14.2"}]"#, ""),
            record("GHSA-2", &["CVE-2021-2"], "Maven", name, r#"[{"introduced": "2.13.0"}, {"fixed": "2.16.0"}]"#, ""),
            record("GHSA-3", &["CVE-2021-3", "CVE-2021-4"], "Maven", name, r#"[{"introduced": "2.0"}, {"last_affected": "2.1"}]"#, ""),
        ])
    }

    fn said(bytes: &[u8], purl: &str) -> String {
        let database = Database::open(bytes).unwrap();
        match answer(&database, &package(purl)) {
            Answer::Covered(matches) => {
                let each: Vec<String> = matches
                    .iter()
                    .map(|one| {
                        format!(
                            "{} {}{}",
                            one.id,
                            one.severity,
                            one.fixed.as_deref().map_or_else(String::new, |fixed| format!(" -> {fixed}"))
                        )
                    })
                    .collect();
                format!("{} | {}", each.join(", "), cure(&database, &package(purl), &matches).unwrap_or_default())
            }
            Answer::NotCovered(what) => format!("not covered: {what}"),
            Answer::NoVersion(count) => format!("no version: {count}"),
        }
    }

    #[test]
    fn records_of_one_fault_are_one_match() {
        let bytes = log4j();
        let check = |version: &str, expected: &str| {
            assert_eq!(said(&bytes, &format!("pkg:maven/org.apache.logging.log4j/log4j-core{version}")), expected, "{version}");
        };
        check("@2.14.1", "CVE-2021-1 critical -> 2.15.0, CVE-2021-2 high -> 2.16.0 | 2.16.0");
        check("@2.12.1", "CVE-2021-1 critical -> 2.14.2 | 2.16.0");
        check("@2.15.0", "CVE-2021-2 high -> 2.16.0 | 2.16.0");
        check("@2.17.0", " | ");
        check("@2.0.1", "CVE-2021-1 high -> 2.14.2, GHSA-3 high | ");
        check("", "no version: 4");
    }

    #[test]
    fn what_is_not_known_is_said() {
        let bytes = log4j();
        assert_eq!(said(&bytes, "pkg:npm/a@1"), "not covered: npm");
        assert_eq!(said(&bytes, "pkg:generic/a@1"), "not covered: `generic`");
        assert_eq!(said(&bytes, "pkg:deb/debian/curl@1?distro=debian-12"), "not covered: Debian:12");
        assert_eq!(said(&bytes, "pkg:maven/a/b@1"), " | ");
    }

    #[test]
    fn a_version_that_cannot_be_compared_is_uncertain() {
        let bytes = built(&[record("GHSA-1", &[], "npm", "a", r#"[{"introduced": "1.0.0"}, {"fixed": "2.0.0"}]"#, "")]);
        let database = Database::open(&bytes).unwrap();
        let Answer::Covered(found) = answer(&database, &package("pkg:npm/a@latest")) else { panic!() };
        assert_eq!(found[0].uncertain.as_deref(), Some("`latest` is no version of its ecosystem, so it cannot be compared"));
    }

    #[test]
    fn used_and_malicious_are_told() {
        let bytes = built(&[
            record("GHSA-1", &["CVE-2021-1"], "npm", "a", r#"[{"introduced": "0"}]"#, ""),
            record("MAL-1", &[], "npm", "evil", r#"[{"introduced": "0"}]"#, ""),
        ]);
        let database = Database::open(&bytes).unwrap();
        let Answer::Covered(found) = answer(&database, &package("pkg:npm/a@1.0.0")) else { panic!() };
        assert!(found[0].exploited.is_some() && !found[0].malicious);
        // Without a version too.
        let Answer::Covered(found) = answer(&database, &package("pkg:npm/evil")) else { panic!() };
        assert!(found[0].malicious);
    }

    #[test]
    fn versions_are_listed_or_in_a_range() {
        let text =
            r#"{"id": "PYSEC-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "Zope.Thing"}, "versions": ["1.0", "1.1rc1"]}]}"#;
        let bytes = built(&[text.to_owned()]);
        assert_eq!(said(&bytes, "pkg:pypi/zope-thing@1.0"), "PYSEC-1 high | ");
        assert_eq!(said(&bytes, "pkg:pypi/zope-thing@1.0.0"), "PYSEC-1 high | ");
        assert_eq!(said(&bytes, "pkg:pypi/zope-thing@1.1.rc1"), "PYSEC-1 high | ");
        assert_eq!(said(&bytes, "pkg:pypi/zope-thing@1.2"), " | ");
    }
}
