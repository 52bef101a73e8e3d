//! Known holes: each package compared with the advisories, one rule for each hole, made when it is met.

use std::fmt;
use std::sync::Arc;

use probity_advisories::database::{Database, DatabaseError};
use probity_advisories::matching::{Answer, Match, answer, cure};
use probity_core::{
    Colour, Confidence, EvalContext, Program, RuleMeta, RuleResult, Severity, Stage, StageKind, Status, Subject, SubjectIndex, SubjectKind,
    Timestamp, World,
};
use probity_packages::{Package, Purl};
use probity_sbom::vex::{self, Scope, Statement, Statements};
use probity_value::Value;

use crate::packages::{LIST, package_of};

/// What is known of a hole, for the one who says what it weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// How bad it is.
    pub severity: Severity,
    /// Whether a version without it exists.
    pub fixed: bool,
    /// Whether somebody is known to use it.
    pub exploited: bool,
    /// Whether the package itself is meant to harm.
    pub malicious: bool,
}

/// When one of these names of a hole first met a package (its URL without a version); `None` where it never did before.
pub type FirstMet = Box<dyn Fn(&[&str], &str) -> Option<Timestamp> + Send + Sync>;

/// When holes first met packages here, and how long they may stay.
pub struct PatchClock {
    /// When holes first met packages.
    pub first_met: FirstMet,
    /// Whether this run is recorded, so that it is the first meeting of what nobody met before.
    pub recorded: bool,
    /// Seconds a hole may stay.
    pub window: Box<dyn Fn(Weighed) -> Option<u64> + Send + Sync>,
}

impl fmt::Debug for PatchClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatchClock").finish_non_exhaustive()
    }
}

/// Bytes of a database, wherever they lie.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Compares packages with advisories.
pub struct AdvisoryProgram {
    data: Bytes,
    weigh: Box<dyn Fn(Weighed) -> Colour + Send + Sync>,
    /// Seconds the data may be old, and when its newest source was made (0 where nobody says).
    age: Option<(u64, i64)>,
    /// What people say of holes.
    vex: Statements,
    /// What is judged, for statements that speak of a product.
    product: Option<Purl>,
    clock: Option<PatchClock>,
}

impl fmt::Debug for AdvisoryProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdvisoryProgram").finish_non_exhaustive()
    }
}

/// Requirements that known holes are about.
const CONTROLS: &[&str] = &["nist-800-53r5/RA-5", "nist-800-53r5/SI-2", "pci-dss-4.0.1/6.3.3", "soc2/CC7.1"];

fn rule(id: &str, severity: Severity, title: &str, why: &str, fix: &str) -> Arc<RuleMeta> {
    Arc::new(RuleMeta {
        id: id.into(),
        engine: "advisories",
        title: title.into(),
        severity,
        confidence: Confidence::Certain,
        stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
        applies_to: vec![LIST.into()],
        controls: CONTROLS.iter().map(|control| (*control).into()).collect(),
        aliases: Vec::new(),
        why: why.into(),
        fix: fix.into(),
        other_fixes: Vec::new(),
        waivable: true,
        mends: false,
        parameters: Vec::new(),
    })
}

fn uncovered() -> Arc<RuleMeta> {
    rule(
        "package-advisories-missing",
        Severity::Medium,
        "No advisories are known for these packages",
        "Where nothing is known of an ecosystem or a distribution, an empty list of holes says nothing.",
        "Build a database that covers it: `probity vulns build`.",
    )
}

fn outdated() -> Arc<RuleMeta> {
    rule(
        "package-advisories-outdated",
        Severity::Medium,
        "The advisories are older than allowed",
        "Holes that became known since are not found.",
        "Build the database from fresh advisories, or take a newer one: `probity vulns build`.",
    )
}

fn versionless() -> Arc<RuleMeta> {
    rule(
        "package-version-unknown",
        Severity::Low,
        "Nobody says which version of a package is used",
        "Advisories speak of versions. Without one it is not known which of them are about the package.",
        "Pin the version, best by a lock file.",
    )
}

impl AdvisoryProgram {
    /// Compares with the advisories of a database. `max_age`: seconds the data may be old; `said`: what people say of holes.
    ///
    /// # Errors
    /// [`DatabaseError`] where the bytes are no database.
    pub fn new(
        data: Bytes,
        weigh: Box<dyn Fn(Weighed) -> Colour + Send + Sync>,
        max_age: Option<u64>,
        said: Vec<Statement>,
    ) -> Result<AdvisoryProgram, DatabaseError> {
        let newest = Database::open((*data).as_ref())?.sources().map(|source| source.date).max().unwrap_or(0);
        Ok(AdvisoryProgram { data, weigh, age: max_age.map(|age| (age, newest)), vex: Statements::new(said), product: None, clock: None })
    }

    /// Says when each hole first met its package, and makes those red that stayed too long.
    #[must_use]
    pub fn with_clock(mut self, clock: PatchClock) -> AdvisoryProgram {
        self.clock = Some(clock);
        self
    }

    /// What the packages are part of: an image.
    #[must_use]
    pub fn within(mut self, product: Purl) -> AdvisoryProgram {
        self.product = Some(product);
        self
    }

    fn list(&self, database: &Database<'_>, subject: SubjectIndex, list: &Subject, context: &EvalContext) -> Vec<RuleResult> {
        let kind = list.value.get("kind").and_then(Value::as_str).unwrap_or_default();
        let count = list.value.get("count").and_then(Value::as_int).unwrap_or(0);
        let Some(package) = example_of(kind) else { return Vec::new() };
        let mut out = Vec::new();
        match answer(database, &package) {
            Answer::NotCovered(name) if name.starts_with('`') => return out,
            Answer::NotCovered(name) => {
                let message = format!("the data has no advisories for {name}: {} not compared with anything", packages(count));
                out.push(result(uncovered(), subject, Status::Unknown, message, list));
            }
            Answer::Covered(_) | Answer::NoVersion(_) => {
                out.push(result(uncovered(), subject, Status::Pass, String::new(), list));
            }
        }
        if let Some((age, newest)) = self.age {
            let old = context.now.seconds.saturating_sub(newest);
            let late = old > i64::try_from(age).unwrap_or(i64::MAX);
            let days = old / 86_400;
            let message = if late {
                format!("the newest source of the data is {days} days old, {} are allowed", age / 86_400)
            } else {
                String::new()
            };
            out.push(result(outdated(), subject, if late { Status::Fail } else { Status::Pass }, message, list));
        }
        out
    }

    fn hole(
        &self,
        (subject, found): (SubjectIndex, &Subject),
        package: &Package,
        hole: &Match<'_>,
        cure: Option<&str>,
        now: Timestamp,
    ) -> RuleResult {
        let mut aliases: Vec<Arc<str>> =
            hole.aliases.iter().chain(&hole.advisories).filter(|id| **id != hole.id).map(|id| Arc::from(*id)).collect();
        aliases.sort();
        aliases.dedup();
        let name = package.purl.full_name();
        let version = package.purl.version.as_deref().unwrap_or_default();
        let meta = RuleMeta {
            id: hole.id.into(),
            engine: "advisories",
            title: title(hole.summary, &name).into(),
            severity: hole.severity,
            confidence: if hole.uncertain.is_some() { Confidence::Tentative } else { Confidence::Certain },
            stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
            applies_to: vec![Arc::clone(&package.purl.kind)],
            controls: CONTROLS.iter().map(|control| (*control).into()).collect(),
            aliases,
            why: why(hole).into(),
            fix: fix(hole, &name, cure).into(),
            other_fixes: Vec::new(),
            waivable: true,
            mends: false,
            parameters: Vec::new(),
        };
        let weighed = Weighed {
            severity: hole.severity,
            fixed: hole.fixed.is_some(),
            exploited: hole.exploited.is_some(),
            malicious: hole.malicious,
        };
        let mut colour = if hole.informational.is_some() { Colour::Green } else { (self.weigh)(weighed) };
        let mut message = match &hole.fixed {
            _ if hole.malicious => format!("{name} {version} is meant to harm"),
            Some(fixed) => format!("{name} {version} has it, {fixed} does not"),
            None => format!("{name} {version} has it, and no version without it is known"),
        };
        let ways: Vec<&str> =
            found.value.get("ways").and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str).collect();
        if let Some(way) = ways.first() {
            message.push_str(&format!("; it comes by {way}"));
        }
        if let Some(uncertain) = &hole.uncertain {
            message.push_str(&format!("; not certain: {uncertain}"));
        }
        let names: Vec<&str> = hole.names().chain(hole.advisories.iter().copied()).collect();
        let mut first_met = None;
        if let Some(clock) = &self.clock {
            let known = (clock.first_met)(&names, &package.purl.without_version().to_string()).filter(|met| *met < now);
            first_met = known.or(clock.recorded.then_some(now));
            let window = if hole.informational.is_some() { None } else { (clock.window)(weighed) };
            if let Some(met) = first_met {
                let (age, late) = spent(met, now, window);
                message.push_str(&age);
                if late {
                    colour = Colour::Red;
                }
            }
        }
        let said = self.vex.verdict(&package.purl, Scope { subject: self.product.as_ref(), bom: None }, &names);
        if let Some(said) = said.filter(|said| matches!(said.status, vex::Status::NotAffected | vex::Status::Fixed)) {
            let message = format!("{message}; {}", spoken(said));
            return RuleResult { colour: Some(Colour::Green), first_met, ..result(Arc::new(meta), subject, Status::Skip, message, found) };
        }
        if let Some(said) = said {
            message.push_str(&format!("; {}", spoken(said)));
        }
        RuleResult { colour: Some(colour), first_met, ..result(Arc::new(meta), subject, Status::Fail, message, found) }
    }
}

/// What to say of a hole's age, nothing on its first day without a window; and whether it stayed too long.
fn spent(met: Timestamp, now: Timestamp, window: Option<u64>) -> (String, bool) {
    const DAY: i64 = 86_400;
    let age = now.seconds.saturating_sub(met.seconds).max(0);
    let since = if age < DAY { "first met here today".to_owned() } else { format!("first met here {} ago", days(age / DAY)) };
    let Some(window) = window else {
        return (if age < DAY { String::new() } else { format!("; {since}") }, false);
    };
    let window = i64::try_from(window).unwrap_or(i64::MAX);
    let left = window.saturating_sub(age);
    if left < 0 {
        return (format!("; {since}, longer than the {} it may stay", span(window)), true);
    }
    (format!("; {since}, and it may stay {} more", span(left)), false)
}

fn days(count: i64) -> String {
    if count == 1 { "a day".to_owned() } else { format!("{count} days") }
}

/// Days, hours where there are fewer than two days, minutes where there is less than an hour.
fn span(seconds: i64) -> String {
    match (seconds / 86_400, seconds / 3_600) {
        (0, 0) => format!("{} minutes", seconds / 60),
        (0 | 1, 1) => "an hour".to_owned(),
        (0 | 1, hours) => format!("{hours} hours"),
        (count, _) => days(count),
    }
}

fn packages(count: i64) -> String {
    if count == 1 { "one package was".to_owned() } else { format!("{count} packages were") }
}

/// Any package of a list's kind, without a version.
fn example_of(kind: &str) -> Option<Package> {
    let purl: Purl = match kind.split_once("?distro=") {
        Some((kind, distro)) => format!("pkg:{kind}/example?distro={distro}").parse().ok()?,
        None if matches!(kind, "golang" | "swift" | "composer" | "githubactions") => {
            format!("pkg:{kind}/example.com/example").parse().ok()?
        }
        None => format!("pkg:{kind}/example").parse().ok()?,
    };
    Some(Package::new(purl, "example"))
}

/// What somebody says of a hole, and who.
fn spoken(said: &Statement) -> String {
    let reason = said.impact.as_deref().or(said.justification.as_deref()).or(said.action.as_deref()).unwrap_or_default();
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let author = said.author.as_deref().map(|author| format!("{author}, ")).unwrap_or_default();
    format!("`{}`{reason} ({author}{}:{})", said.status.name(), said.file, said.line)
}

/// A line that says what it is: the summary, its first sentence where it is long, or where that is long too the package.
fn title(summary: &str, name: &str) -> String {
    const LONGEST: usize = 100;
    let first = summary.split(". ").next().unwrap_or_default().trim_end_matches('.');
    match summary.trim() {
        "" => format!("Known hole in {name}"),
        summary if summary.chars().count() <= LONGEST => summary.to_owned(),
        _ if first.chars().count() <= LONGEST => first.to_owned(),
        _ => format!("Known hole in {name}"),
    }
}

fn why(hole: &Match<'_>) -> String {
    let mut out = String::new();
    if let Some(exploited) = &hole.exploited {
        out.push_str("Somebody uses it: it stands in CISA's catalogue of known exploited vulnerabilities");
        out.push_str(if exploited.ransomware { ", in ransomware too. " } else { ". " });
    }
    if let Some(likelihood) = &hole.likelihood {
        out.push_str(&format!(
            "The chance that it is used within thirty days is {:.1} % (EPSS). ",
            f64::from(likelihood.probability) * 100.0
        ));
    }
    if let Some((score, vector)) = hole.score {
        out.push_str(&format!("CVSS {score:.1} ({vector}). "));
    }
    if !hole.scored && hole.informational.is_none() {
        out.push_str("Nobody says how bad it is, so it counts as high. ");
    }
    // The first paragraph says what it is; the rest is where the references lead.
    let first = hole.details.split("\n\n").map(str::trim).find(|part| !part.is_empty() && !part.starts_with('#')).unwrap_or_default();
    let first: String = first.chars().take(600).collect();
    out.push_str(if first.is_empty() { hole.summary } else { &first });
    if out.trim().is_empty() {
        out.push_str("The advisory says no more.");
    }
    out.trim().to_owned()
}

fn fix(hole: &Match<'_>, name: &str, cure: Option<&str>) -> String {
    let mut out = match &hole.fixed {
        _ if hole.malicious => format!("Take {name} out, and treat every machine that installed it, and every secret on it, as lost."),
        Some(fixed) => match cure.filter(|cure| *cure != fixed) {
            Some(cure) => format!("Update {name} to {fixed} or later; {cure} is the first version without any known hole."),
            None => format!("Update {name} to {fixed} or later."),
        },
        None if hole.informational == Some("unmaintained") => format!("Replace {name}: nobody maintains it."),
        None => {
            format!("Replace {name}, or keep what the advisory speaks of out of reach, and say so with an exception or a VEX statement.")
        }
    };
    if let Some(reference) = hole.references.first() {
        out.push_str(&format!(" See {reference}"));
    }
    out
}

fn result(rule: Arc<RuleMeta>, subject: SubjectIndex, status: Status, message: String, of: &Subject) -> RuleResult {
    RuleResult { rule, subject, status, message, at: of.span, judged: None, related: Vec::new(), colour: None, first_met: None }
}

impl Program for AdvisoryProgram {
    fn rules(&self) -> Vec<Arc<RuleMeta>> {
        vec![uncovered(), outdated(), versionless()]
    }

    fn evaluate(&self, subject: SubjectIndex, world: &World, context: &EvalContext) -> Vec<RuleResult> {
        let Some(found) = world.subject(subject).filter(|subject| subject.kind == SubjectKind::Package) else { return Vec::new() };
        let database = match Database::open((*self.data).as_ref()) {
            Ok(database) => database,
            Err(error) => return vec![result(uncovered(), subject, Status::Error, error.to_string(), found)],
        };
        if &*found.type_name == LIST {
            return self.list(&database, subject, found, context);
        }
        let Some(package) = package_of(found) else { return Vec::new() };
        match answer(&database, &package) {
            // Said once for the whole list.
            Answer::NotCovered(_) => Vec::new(),
            Answer::Covered(holes) => {
                let cure = cure(&database, &package, &holes);
                holes.iter().map(|hole| self.hole((subject, found), &package, hole, cure.as_deref(), context.now)).collect()
            }
            // Another file says which version it is.
            Answer::NoVersion(_) if found.value.get("locked").and_then(Value::as_bool) == Some(true) => Vec::new(),
            Answer::NoVersion(count) => {
                let message = format!(
                    "nothing says which version of {} is used, and {} of its versions are known to have holes",
                    package.purl.full_name(),
                    if count == 1 { "one advisory says some".to_owned() } else { format!("{count} advisories say some") }
                );
                vec![result(versionless(), subject, Status::Unknown, message, found)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_with_its_window() {
        const DAY: i64 = 86_400;
        let check = |age: i64, window: Option<i64>, expected: &str, late: bool| {
            let met = Timestamp { seconds: 1_700_000_000, nanoseconds: 0 };
            let now = Timestamp { seconds: met.seconds + age, nanoseconds: 0 };
            let (text, is_late) = spent(met, now, window.map(i64::unsigned_abs));
            assert_eq!((text.as_str(), is_late), (expected, late));
        };
        check(60, None, "", false);
        check(DAY, None, "; first met here a day ago", false);
        check(0, Some(7 * DAY), "; first met here today, and it may stay 7 days more", false);
        check(6 * DAY, Some(7 * DAY), "; first met here 6 days ago, and it may stay 24 hours more", false);
        check(7 * DAY, Some(7 * DAY), "; first met here 7 days ago, and it may stay 0 minutes more", false);
        check(7 * DAY + 1, Some(7 * DAY), "; first met here 7 days ago, longer than the 7 days it may stay", true);
        check(-5, Some(3600), "; first met here today, and it may stay an hour more", false);
    }
}
