//! `verifyImages` to demands, and the verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Inventory, Limits, NoLookup, PolicyContext};
use probity_kubernetes::wildcard;
use probity_kyverno::conditions::Conditions;
use probity_kyverno::images::Image;
use probity_kyverno::jmespath::Evaluation;
use probity_kyverno::scope::Scope;
use probity_value::{FileId, Span, json};

use super::{AttestorSet, Entry, VerifyImages, Who};
use crate::cip::{Mode, Source, public_keys};
use crate::demand::{Answer, By, Demand, Log, Proof, Root, Sought};
use crate::image::ImageName;
use crate::plan::{Facts, Planner, PolicyOutcome, Reason, Rule, Verdict};
use crate::proofs::{Attested, Nothing, fitting, statements};

impl VerifyImages {
    /// Whether an image is one of those it is about: as Kyverno names it, by digest where there is one, and by its tag as well.
    #[must_use]
    pub fn is_about(&self, image: &ImageName) -> bool {
        let fits = |patterns: &[Arc<str>], name: &str| wildcard::matches_any(patterns.iter().map(|pattern| &**pattern), name);
        let written = image.written();
        let bare = written.split_once('@').map_or(written, |(bare, _)| bare);
        let digest = image.digest().map(|digest| format!("{bare}@sha256:{digest}"));
        let own = Image::parse(digest.as_deref().unwrap_or(written)).map(|image| image.reference());
        let tagged = Image::parse(bare).map(|image| image.reference());
        // What cannot be read as Kyverno reads it could be meant: it is judged.
        let (Ok(own), Ok(tagged)) = (own, tagged) else { return true };
        let about = fits(&self.references, &own) || fits(&self.references, &tagged);
        about && !(fits(&self.skipped, &own) || fits(&self.skipped, &tagged))
    }
}

impl Planner<'_> {
    /// Adds the entries that are about the image. The caller gives those whose rule counts for the object.
    pub fn verify_images<'p>(&mut self, entries: impl IntoIterator<Item = &'p VerifyImages>) {
        for entry in entries {
            if entry.is_about(&self.image) {
                let planned = self.kyverno(entry);
                self.rules.push(Box::new(planned));
            }
        }
    }

    fn kyverno(&mut self, entry: &VerifyImages) -> Planned {
        let sets = entry.attestors.iter().map(|set| self.set(entry, set, Sought::Signatures)).collect();
        let attestations = entry.attestations.iter().map(|one| PlannedAttestation {
            span: one.span,
            kind: Arc::clone(&one.kind),
            sets: one.attestors.iter().map(|set| self.set(entry, set, Sought::Attestations)).collect(),
            conditions: one.conditions.clone(),
        });
        let attestations = attestations.collect();
        Planned { name: format!("{}/{}", entry.policy, entry.rule).into(), mode: entry.mode, sets, attestations }
    }

    fn set(&mut self, of: &VerifyImages, set: &AttestorSet, sought: Sought) -> PlannedSet {
        let entries: Vec<(Span, Work)> = set.entries.iter().map(|entry| (entry.span, self.entry(of, entry, sought))).collect();
        PlannedSet { span: set.span, needed: set.count.unwrap_or(entries.len()).max(1), entries }
    }

    fn entry(&mut self, of: &VerifyImages, entry: &Entry, sought: Sought) -> Work {
        let by = match &entry.who {
            Who::Set(set) => return Work::Set(self.set(of, set, sought)),
            Who::Key(pem, hash) => public_keys(pem).map(|keys| By::Keys { keys, hash: *hash }),
            Who::Elsewhere(wanted, hash) => {
                self.supply.text(wanted).and_then(|text| public_keys(&text)).map(|keys| By::Keys { keys, hash: *hash })
            }
            Who::Keyless(identity, roots) => {
                let root = roots.as_ref().map_or(Root::Default, |roots| Root::Certificates(Arc::clone(roots)));
                let identities = vec![identity.clone()];
                Ok(By::Identities { identities, root, ignore_sct: entry.ignore_sct })
            }
            Who::Certificate(certificate, chain) => Ok(By::Certificate { certificate: Arc::clone(certificate), chain: chain.clone() }),
        };
        let log = match &entry.rekor {
            None => Log::Ignored,
            // Certificates of one's own say nothing of logs: theirs are the default ones unless a key is given.
            Some(rekor) => Log::Needed { url: rekor.url.clone(), root: Root::Default, key: rekor.key.clone() },
        };
        let repository = entry.repository.as_ref().or(of.repository.as_ref());
        let sources = match (repository, of.pull_secrets.is_empty()) {
            (None, true) => Vec::new(),
            _ => vec![Source { oci: repository.cloned(), tag_prefix: None, pull_secrets: of.pull_secrets.clone() }],
        };
        let annotations: BTreeMap<_, _> =
            of.annotations.iter().chain(&entry.annotations).map(|(k, v)| (Arc::clone(k), Arc::clone(v))).collect();
        let made = by.and_then(|by| {
            let demand = Demand { sought, by, sources, format: of.format, log, timestamp: None, annotations };
            let number = self.demand(demand.clone())?;
            Ok((Box::new(demand), number))
        });
        match made {
            Ok((demand, number)) => Work::Verify(demand, number),
            Err(why) => Work::Impossible(why),
        }
    }
}

struct Planned {
    name: Arc<str>,
    mode: Mode,
    sets: Vec<PlannedSet>,
    attestations: Vec<PlannedAttestation>,
}

struct PlannedSet {
    span: Span,
    needed: usize,
    entries: Vec<(Span, Work)>,
}

enum Work {
    Set(PlannedSet),
    Verify(Box<Demand>, usize),
    Impossible(String),
}

struct PlannedAttestation {
    span: Span,
    kind: Arc<str>,
    sets: Vec<PlannedSet>,
    conditions: Vec<Arc<Conditions>>,
}

impl Rule for Planned {
    fn judge(&self, image: &ImageName, answers: &[Answer], facts: &Facts) -> PolicyOutcome {
        let mut reasons = Vec::new();
        let mut undecided = false;
        let mut failed = false;
        let mut note = |nothing: Nothing, span: Span| {
            undecided |= nothing.undecided;
            failed |= !nothing.undecided;
            reasons.push(Reason { text: nothing.text, span });
        };
        for set in &self.sets {
            // Beside attestations, too: Kyverno wants the image's own signature by the attestors of the entry.
            if let Err(nothing) = set.holds(&|demand, number| fitting(demand, answers.get(number)).map(|_| ())) {
                note(nothing, set.span);
            }
        }
        for attestation in &self.attestations {
            if let Err(nothing) = attestation.holds(image, answers, facts) {
                note(nothing, attestation.span);
            }
        }
        let verdict = match (failed, undecided) {
            (true, _) => Verdict::Fail,
            (false, true) => Verdict::Undecided,
            (false, false) => Verdict::Pass,
        };
        PolicyOutcome { policy: Arc::clone(&self.name), verdict, mode: self.mode, reasons, notes: Vec::new(), matched: Vec::new() }
    }
}

/// Whether one demand is met.
type Met<'c> = dyn Fn(&Demand, usize) -> Result<(), Nothing> + 'c;

impl PlannedSet {
    fn holds(&self, met: &Met<'_>) -> Result<(), Nothing> {
        let (mut has, mut undecided) = (0, 0);
        let mut why = Vec::new();
        for (_, work) in &self.entries {
            let result = match work {
                Work::Set(set) => set.holds(met),
                Work::Verify(demand, number) => met(demand, *number),
                Work::Impossible(why) => Err(Nothing::undecided(why.clone())),
            };
            match result {
                Ok(()) => has += 1,
                Err(nothing) => {
                    undecided += usize::from(nothing.undecided);
                    why.push(nothing.text);
                }
            }
        }
        if has >= self.needed {
            return Ok(());
        }
        why.truncate(5);
        let text = format!("verified by {has} of the {} attestors it needs: {}", self.needed, why.join("; "));
        Err(Nothing { text, undecided: has + undecided >= self.needed })
    }
}

impl PlannedAttestation {
    fn holds(&self, image: &ImageName, answers: &[Answer], facts: &Facts) -> Result<(), Nothing> {
        let met = |demand: &Demand, number: usize| {
            let proofs: Vec<&Proof> = fitting(demand, answers.get(number))?;
            let (statements, mut wrong) = statements(&proofs, image);
            let of_kind: Vec<&Attested<'_>> = statements.iter().filter(|one| *one.predicate_type == *self.kind).collect();
            if of_kind.is_empty() {
                let incomplete = answers.get(number).and_then(|answer| answer.undecided.clone());
                return Err(incomplete.map_or_else(
                    || {
                        wrong.truncate(3);
                        Nothing::failed(format!(
                            "no attestation of the type {}{}",
                            self.kind,
                            wrong.iter().map(|why| format!("; {why}")).collect::<String>()
                        ))
                    },
                    Nothing::undecided,
                ));
            }
            // As Kyverno: the conditions have to hold of every attestation of the type.
            of_kind.iter().try_for_each(|one| self.conditions_hold(one, facts))
        };
        self.sets.iter().try_for_each(|set| set.holds(&met))
    }

    fn conditions_hold(&self, one: &Attested<'_>, facts: &Facts) -> Result<(), Nothing> {
        if self.conditions.is_empty() {
            return Ok(());
        }
        let failed = |why: String| Nothing::failed(format!("the attestation of the type {}: {why}", self.kind));
        let predicate = one.statement.get("predicate").filter(|predicate| predicate.is_object());
        let predicate = predicate.ok_or_else(|| failed("its predicate is no object".to_owned()))?;
        let (value, problems) = json::parse(&predicate.to_string(), FileId(0));
        let map = value.as_map().filter(|_| !problems.iter().any(|problem| problem.fatal));
        let map = map.ok_or_else(|| failed("its predicate cannot be read".to_owned()))?;
        let inventory = Arc::new(Inventory::default());
        let context =
            PolicyContext { lookup: &NoLookup, now: facts.now, inventory: &inventory, limits: Limits::default(), interrupted: &|| false };
        let evaluation = Evaluation::new(&context);
        let scope = Scope::new(&evaluation);
        for (name, entry) in map.iter() {
            scope.set(name, entry.value.clone());
        }
        for conditions in &self.conditions {
            match conditions.hold(&scope) {
                Ok((true, _)) => {}
                Ok((false, message)) if message.is_empty() => return Err(failed("its conditions do not hold".to_owned())),
                Ok((false, message)) => return Err(failed(message)),
                Err(error) => return Err(Nothing { undecided: error.unknown, ..failed(error.message) }),
            }
        }
        Ok(())
    }
}
