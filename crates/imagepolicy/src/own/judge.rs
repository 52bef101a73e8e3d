//! The short form to demands, and its verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::Timestamp;
use probity_value::Span;

use super::predicates::{Built, CONTENTS, PROVENANCE, SCAN, SUMMARY, Summary, repository, scanned};
use super::{Colour, GateVerdict, ImageRule, ImageRules, MaxAge, OwnSigner, Provenance, SignerBy};
use crate::Format;
use crate::cip::{Hash, public_keys};
use crate::demand::{Answer, By, Demand, Log, Root, Sought, Wanted};
use crate::image::ImageName;
use crate::plan::{Facts, Occasion, Planner, PolicyOutcome, Reason, Rule, Verdict};
use crate::proofs::{Attested, Nothing, fitting, statements};

impl Planner<'_> {
    /// Adds the entries that are about the image.
    pub fn image_rules(&mut self, rules: &ImageRules) {
        for rule in &rules.rules {
            if rule.images.iter().any(|glob| glob.matches(&self.image)) {
                let planned = self.own(rule);
                self.rules.push(Box::new(planned));
            }
        }
    }

    fn own(&mut self, rule: &ImageRule) -> Planned {
        let own = |signers: &[OwnSigner]| if signers.is_empty() { rule.signed_by.clone() } else { signers.to_vec() };
        let signatures = self.all(&rule.signed_by, Sought::Signatures);
        let provenance = rule.provenance.as_ref().map(|one| self.all(&own(&one.signed_by), Sought::Attestations));
        let verdict = rule.verdict.as_ref().map(|one| self.all(&own(&one.signed_by), Sought::Attestations));
        let others = (rule.sbom.is_some() || rule.vulnerabilities.is_some()).then(|| self.all(&rule.signed_by, Sought::Attestations));
        Planned { rule: rule.clone(), signatures, provenance, verdict, others }
    }

    fn all(&mut self, signers: &[OwnSigner], sought: Sought) -> Vec<Asked> {
        signers.iter().map(|signer| self.asked(signer, sought)).collect()
    }

    fn asked(&mut self, signer: &OwnSigner, sought: Sought) -> Asked {
        let (by, root) = match &signer.by {
            SignerBy::Key(path) => match self.supply.text(&Wanted::File(Arc::clone(path))).and_then(|text| public_keys(&text)) {
                Ok(keys) => (By::Keys { keys, hash: Hash::Sha256 }, Root::Default),
                Err(why) => return Asked { signer: signer.clone(), demand: Err(why) },
            },
            SignerBy::Identity(identity, root) => {
                let root = root.as_ref().map_or(Root::Default, |name| Root::Named(Arc::clone(name)));
                (By::Identities { identities: vec![identity.clone()], root: root.clone(), ignore_sct: false }, root)
            }
        };
        let log = if signer.log { Log::Needed { url: None, root, key: None } } else { Log::Ignored };
        let demand = Demand { sought, by, sources: Vec::new(), format: Format::Any, log, timestamp: None, annotations: BTreeMap::new() };
        let number = self.demand(demand.clone());
        Asked { signer: signer.clone(), demand: number.map(|number| (Box::new(demand), number)) }
    }
}

/// A signer, and what was asked of them.
struct Asked {
    signer: OwnSigner,
    demand: Result<(Box<Demand>, usize), String>,
}

impl Asked {
    fn proofs<'a>(&self, answers: &'a [Answer]) -> Result<Vec<&'a crate::Proof>, Nothing> {
        match &self.demand {
            Ok((demand, number)) => fitting(demand, answers.get(*number)),
            Err(why) => Err(Nothing::undecided(why.clone())),
        }
    }

    fn incomplete<'a>(&self, answers: &'a [Answer]) -> Option<&'a str> {
        let (_, number) = self.demand.as_ref().ok()?;
        answers.get(*number)?.undecided.as_deref()
    }
}

struct Planned {
    rule: ImageRule,
    signatures: Vec<Asked>,
    provenance: Option<Vec<Asked>>,
    verdict: Option<Vec<Asked>>,
    others: Option<Vec<Asked>>,
}

impl Rule for Planned {
    fn judge(&self, image: &ImageName, answers: &[Answer], facts: &Facts) -> PolicyOutcome {
        let mut outcome = PolicyOutcome {
            policy: Arc::clone(&self.rule.name),
            verdict: Verdict::Pass,
            mode: self.rule.mode,
            reasons: Vec::new(),
            notes: Vec::new(),
            matched: Vec::new(),
        };
        let mut undecided = false;
        let mut failed = false;
        let mut say = |result: Result<(), Nothing>, span: Span, reasons: &mut Vec<Reason>| {
            if let Err(nothing) = result {
                if nothing.undecided {
                    undecided = true;
                } else {
                    failed = true;
                }
                reasons.push(Reason { text: nothing.text, span });
            }
        };
        if !self.signatures.is_empty() {
            let signed = self.signed(answers, &mut outcome.matched);
            say(signed, self.rule.span, &mut outcome.reasons);
        }
        if let (Some(wanted), Some(asked)) = (&self.rule.provenance, &self.provenance) {
            let found = Found::of(asked, image, answers);
            say(found.any("provenance", |one| provenance(wanted, one, &found)), wanted.span, &mut outcome.reasons);
        }
        if let (Some(wanted), Some(asked)) = (&self.rule.verdict, &self.verdict) {
            let found = Found::of(asked, image, answers);
            let result = self.gate(wanted, &found, facts, &mut outcome.notes);
            say(result, wanted.span, &mut outcome.reasons);
        }
        if let Some(asked) = &self.others {
            let found = Found::of(asked, image, answers);
            if let Some(span) = self.rule.sbom {
                let is = |one: &Attested<'_>| {
                    let version =
                        |known: &&str| one.predicate_type.strip_prefix(*known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                    CONTENTS.iter().any(version).then_some(Ok(()))
                };
                say(found.any("list of contents (SPDX or CycloneDX)", is), span, &mut outcome.reasons);
            }
            if let Some((age, span)) = self.rule.vulnerabilities {
                let result = scan(age, span, &found, facts, &mut outcome.notes);
                say(result, span, &mut outcome.reasons);
            }
        }
        // What certainly fails is a failure, whatever else could not be told.
        if failed {
            outcome.verdict = Verdict::Fail;
        } else if undecided {
            outcome.verdict = Verdict::Undecided;
        }
        outcome
    }
}

impl Planned {
    /// Whether enough of the signers have signed. Two that turn out to be one signature by one signer count once.
    fn signed(&self, answers: &[Answer], matched: &mut Vec<Arc<str>>) -> Result<(), Nothing> {
        let mut why = Vec::new();
        let mut undecided = 0;
        let mut by = Vec::new();
        for asked in &self.signatures {
            match asked.proofs(answers) {
                Ok(proofs) => {
                    // The same person under two patterns, or one key in two files, is one signer.
                    let fresh = proofs.iter().find_map(|proof| {
                        let who = match (&proof.subject, proof.key) {
                            (Some(subject), _) => format!("{subject} by {}", proof.issuer.as_deref().unwrap_or_default()),
                            (None, Some(key)) => key.to_string(),
                            (None, None) => return None,
                        };
                        (!by.contains(&who)).then_some(who)
                    });
                    match fresh {
                        Some(who) => {
                            by.push(who);
                            matched.push(Arc::clone(&asked.signer.name));
                        }
                        None => why.push(format!("{}: counted already", asked.signer.name)),
                    }
                }
                Err(nothing) => {
                    undecided += usize::from(nothing.undecided);
                    why.push(format!("{}: {}", asked.signer.name, nothing.text));
                }
            }
        }
        let (has, needs) = (by.len(), self.rule.threshold);
        if has >= needs {
            return Ok(());
        }
        let text = format!("signed by {has} of the {needs} it needs; {}", why.join("; "));
        Err(Nothing { text, undecided: has + undecided >= needs })
    }

    fn gate(&self, wanted: &GateVerdict, found: &Found<'_>, facts: &Facts, notes: &mut Vec<Reason>) -> Result<(), Nothing> {
        let mut best: Option<Summary> = None;
        let mut latest_other: Option<Summary> = None;
        let checked = found.any("verdict of a gate", |one| {
            if one.predicate_type != SUMMARY {
                return None;
            }
            Some(one.statement.get("predicate").ok_or_else(|| "it is empty".to_owned()).and_then(Summary::read).and_then(|summary| {
                let fits = acceptable(wanted, &summary);
                let newer = |known: &Option<Summary>| known.as_ref().is_none_or(|known| summary.time > known.time);
                let slot = if fits.is_ok() { &mut best } else { &mut latest_other };
                if newer(slot) {
                    *slot = Some(summary.clone());
                }
                fits
            }))
        });
        checked?;
        if let Some(why) = &found.undecided {
            // A later verdict that takes this one back could be among what is not known.
            return Err(Nothing::undecided(format!("whether the verdict is the latest could not be told: {why}")));
        }
        let Some(best) = best else { return Err(Nothing::failed("no verdict of a gate counts")) };
        // The last word counts: a later red verdict takes back an earlier green one.
        if let Some(later) = latest_other.filter(|other| other.time > best.time) {
            let why = acceptable(wanted, &later).err().unwrap_or_default();
            return Err(Nothing::failed(format!("the latest verdict does not count: {why}")));
        }
        match wanted.max_age {
            Some(age) => fresh("the verdict of the gate", best.time, age, wanted.span, facts, notes),
            None => not_ahead("the verdict of the gate", best.time, facts),
        }
    }
}

fn acceptable(wanted: &GateVerdict, summary: &Summary) -> Result<(), String> {
    if !summary.passed {
        return Err("it did not pass".to_owned());
    }
    match (wanted.colour, summary.colour.as_deref()) {
        (None, _) | (Some(_), Some("green")) | (Some(Colour::Yellow), Some("yellow")) => Ok(()),
        (Some(_), Some(colour)) => Err(format!("it is {colour}")),
        (Some(_), None) => Err("it says no colour".to_owned()),
    }
}

/// A time that is to come is no proof of anything.
fn not_ahead(what: &str, time: Timestamp, facts: &Facts) -> Result<(), Nothing> {
    // Clocks differ by a little.
    if time.seconds > facts.now.seconds + 300 { Err(Nothing::failed(format!("{what} is from a time to come"))) } else { Ok(()) }
}

/// Whether something is fresh enough. For a digest that runs already, age is a note and nothing more.
fn fresh(what: &str, time: Timestamp, age: MaxAge, span: Span, facts: &Facts, notes: &mut Vec<Reason>) -> Result<(), Nothing> {
    not_ahead(what, time, facts)?;
    let is = facts.now.seconds.saturating_sub(time.seconds);
    if is <= age.0 {
        return Ok(());
    }
    let text = format!("{what} is {} old, more than {}", said(is), said(age.0));
    match facts.occasion {
        Occasion::NewDigest => Err(Nothing::failed(text)),
        Occasion::SameDigest => {
            notes.push(Reason { text, span });
            Ok(())
        }
    }
}

fn said(seconds: i64) -> String {
    match seconds {
        days if days >= 2 * 86_400 => format!("{} days", days / 86_400),
        hours if hours >= 2 * 3600 => format!("{} hours", hours / 3600),
        rest => format!("{} minutes", rest / 60),
    }
}

fn scan(age: MaxAge, span: Span, found: &Found<'_>, facts: &Facts, notes: &mut Vec<Reason>) -> Result<(), Nothing> {
    let mut latest: Option<Timestamp> = None;
    found.any("scan for known holes", |one| {
        if one.predicate_type != SCAN {
            return None;
        }
        let time = one.statement.get("predicate").ok_or_else(|| "it is empty".to_owned()).and_then(scanned);
        Some(time.map(|time| latest = latest.max(Some(time))))
    })?;
    match latest {
        Some(time) => fresh("the scan for known holes", time, age, span, facts, notes),
        None => Err(Nothing::failed("no scan for known holes counts")),
    }
}

fn provenance(wanted: &Provenance, one: &Attested<'_>, found: &Found<'_>) -> Option<Result<(), String>> {
    if !PROVENANCE.contains(&one.predicate_type.as_str()) {
        return None;
    }
    let built = one.statement.get("predicate").and_then(|predicate| Built::read(&one.predicate_type, predicate));
    let Some(built) = built else { return Some(Err("it names no builder".to_owned())) };
    let differs = |what: &str, wanted: Option<&Arc<str>>, is: Option<&str>| match wanted {
        Some(wanted) if Some(&**wanted) != is => {
            Some(format!("{what} is {}, not `{wanted}`", is.map_or_else(|| "not said".to_owned(), |is| format!("`{is}`"))))
        }
        _ => None,
    };
    let source = wanted.source.as_ref().map(|source| Arc::from(repository(source)));
    let wrong = differs("the builder", wanted.builder.as_ref(), Some(&built.builder))
        .or_else(|| differs("the source", source.as_ref(), built.source.as_deref()))
        .or_else(|| differs("the ref", wanted.reference.as_ref(), built.reference.as_deref()))
        .or_else(|| differs("the workflow", wanted.workflow.as_ref(), built.workflow.as_deref()));
    if let Some(wrong) = wrong {
        return Some(Err(wrong));
    }
    let summaries = found.attested.iter().filter(|other| other.predicate_type == SUMMARY);
    let said = summaries.filter_map(|other| Summary::read(other.statement.get("predicate")?).ok()).map(|summary| summary.level()).max();
    let level = built.level().max(said.unwrap_or(0));
    if wanted.level.is_some_and(|wanted| wanted > level) {
        return Some(Err(format!("the builder `{}` is not known to reach level {}", built.builder, wanted.level.unwrap_or(0))));
    }
    Some(Ok(()))
}

/// Attestations of the image by some signers.
struct Found<'a> {
    attested: Vec<Attested<'a>>,
    wrong: Vec<String>,
    undecided: Option<String>,
}

impl<'a> Found<'a> {
    fn of(asked: &[Asked], image: &ImageName, answers: &'a [Answer]) -> Found<'a> {
        let mut found = Found { attested: Vec::new(), wrong: Vec::new(), undecided: None };
        for one in asked {
            match one.proofs(answers) {
                Ok(proofs) => {
                    let (attested, wrong) = statements(&proofs, image);
                    found.attested.extend(attested);
                    found.wrong.extend(wrong);
                    found.undecided = found.undecided.take().or(one.incomplete(answers).map(str::to_owned));
                }
                Err(nothing) if nothing.undecided => found.undecided = found.undecided.take().or(Some(nothing.text)),
                Err(nothing) => found.wrong.push(format!("{}: {}", one.signer.name, nothing.text)),
            }
        }
        found
    }

    /// Whether one of them will do; `None` where one is of another kind.
    fn any(&self, what: &str, mut check: impl FnMut(&Attested<'a>) -> Option<Result<(), String>>) -> Result<(), Nothing> {
        let mut wrong = Vec::new();
        let mut holds = false;
        for one in &self.attested {
            match check(one) {
                Some(Ok(())) => holds = true,
                Some(Err(why)) => wrong.push(why),
                None => {}
            }
        }
        if holds {
            return Ok(());
        }
        if let Some(why) = &self.undecided {
            return Err(Nothing::undecided(format!("no {what} was found, and it could not be told whether there is one: {why}")));
        }
        wrong.extend(self.wrong.iter().cloned());
        wrong.truncate(5);
        let because = if wrong.is_empty() { "there is none".to_owned() } else { wrong.join("; ") };
        Err(Nothing::failed(format!("no {what} that counts: {because}")))
    }
}
