//! Where each control stands: proved by which record, how long ago; what is open; what is excepted.
//!
//! A rule's run over something is proof for the controls it speaks for; so is a command that was run for a control and ended well. What
//! nobody judged again stays open.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use probity_attest::statement::{Outcome, format_time};
use probity_core::{Digest, Exception, Timestamp};
use serde_json::{Map, Value, json};

use crate::Control;
use crate::evidence::{Covered, Judgement, Kind, Record, ResultLine, Window};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Where a control stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Something is open.
    NotSatisfied,
    /// Nothing is open, but somewhere the last proof is older than allowed.
    Stale,
    /// No record proves it.
    NoEvidence,
    /// Proved, fresh, and nothing is open.
    Satisfied,
}

impl State {
    /// All states, worst first.
    pub const ALL: [State; 4] = [State::NotSatisfied, State::Stale, State::NoEvidence, State::Satisfied];

    /// The word used in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::NotSatisfied => "not-satisfied",
            State::Stale => "stale",
            State::NoEvidence => "no-evidence",
            State::Satisfied => "satisfied",
        }
    }
}

/// A record that proves a control for one repository, folder or command: the last one that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Place in the log.
    pub record: u64,
    /// SHA-256 of the record.
    pub digest: Digest,
    /// When.
    pub time: Timestamp,
    /// What it is about: a repository, a folder, a command.
    pub target: Arc<str>,
    /// The rules that judged something; empty for a command.
    pub rules: BTreeSet<Arc<str>>,
}

/// Something open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFinding {
    /// The record that says so last.
    pub record: u64,
    /// SHA-256 of the record.
    pub digest: Digest,
    /// When that record was made.
    pub time: Timestamp,
    /// What it is about.
    pub target: Arc<str>,
    /// The result.
    pub result: ResultLine,
}

/// An exception that bears on a control.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenException {
    /// `exception`, `baseline`, or a style of suppression.
    pub source: Arc<str>,
    /// Its name, or the place of the comment.
    pub id: Arc<str>,
    /// Its kind, where the register says it.
    pub kind: Option<Arc<str>>,
    /// Who answers for it, where the register says it.
    pub owner: Option<Arc<str>>,
    /// Why, where the register says it.
    pub reason: Option<Arc<str>>,
    /// Its last day, where the register says it.
    pub expires: Option<Arc<str>>,
    /// The results it covers now, by fingerprint; none where it waits for one.
    pub covers: BTreeSet<Arc<str>>,
}

/// Where one control stands.
#[derive(Clone, Debug)]
pub struct ControlPosture<'a> {
    /// The control.
    pub control: Control<'a>,
    /// Where it stands.
    pub state: State,
    /// The last proof for each target, newest first.
    pub proofs: Vec<Proof>,
    /// What is open.
    pub open: Vec<OpenFinding>,
    /// Results nobody could know.
    pub unknown: usize,
    /// Exceptions that bear on it.
    pub exceptions: Vec<OpenException>,
    /// Every record that speaks of it, in the order of the log.
    pub records: BTreeSet<u64>,
}

/// Where all controls stand.
#[derive(Clone, Debug)]
pub struct Posture<'a> {
    /// The window.
    pub window: Window,
    /// Days after which a proof is stale.
    pub max_age_days: u32,
    /// The controls, in the order they were asked for.
    pub controls: Vec<ControlPosture<'a>>,
    /// Verdicts in the window that do not say which rules judged something, and so prove nothing.
    pub silent: Vec<u64>,
    /// Controls that commands were run for and that were not asked for or are not known.
    pub other_controls: BTreeSet<Arc<str>>,
}

/// What to hold against each other.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The controls.
    pub controls: &'a [Control<'a>],
    /// The records of the window.
    pub records: &'a [Record],
    /// The register of exceptions.
    pub exceptions: &'a [Exception],
    /// The window.
    pub window: Window,
    /// Days after which a proof is stale.
    pub max_age_days: u32,
}

/// Which controls a rule speaks for.
struct Speaks {
    /// By control named by a rule: the control itself, and those a crosswalk leads to.
    by_control: HashMap<String, Vec<usize>>,
    /// By rule that a framework names.
    by_rule: HashMap<String, Vec<usize>>,
}

impl Speaks {
    fn new(controls: &[Control<'_>]) -> Speaks {
        let mut out = Speaks { by_control: HashMap::new(), by_rule: HashMap::new() };
        for (place, control) in controls.iter().enumerate() {
            out.by_control.entry(control.id()).or_default().push(place);
            for from in &control.requirement.from {
                out.by_control.entry(from.clone()).or_default().push(place);
            }
            for rule in &control.requirement.rules {
                out.by_rule.entry(rule.clone()).or_default().push(place);
            }
        }
        out
    }

    fn of(&self, rule: &str, controls: &[Arc<str>]) -> BTreeSet<usize> {
        let named = controls.iter().filter_map(|control| self.by_control.get(&**control));
        named.chain(self.by_rule.get(rule)).flatten().copied().collect()
    }
}

#[derive(Default)]
struct Building {
    proofs: BTreeMap<Arc<str>, Proof>,
    open: Vec<OpenFinding>,
    unknown: usize,
    exceptions: BTreeMap<Covered, BTreeSet<Arc<str>>>,
    records: BTreeSet<u64>,
}

/// What the last records about one target say.
#[derive(Default)]
struct Target<'a> {
    /// By rule: what it said last, and the record that says so.
    results: BTreeMap<&'a str, Vec<(&'a Record, &'a ResultLine)>>,
    /// Controls that rules named when they last spoke.
    controls: HashMap<&'a str, &'a [Arc<str>]>,
    /// Rules about known holes: they are listed only where they have something to say.
    holes: BTreeSet<&'a str>,
}

impl<'a> Target<'a> {
    /// Takes over what a record says: rules that took part speak anew, all others still say what they said.
    fn take(&mut self, record: &'a Record, judgement: &'a Judgement) {
        let evaluated = judgement.evaluated.as_deref().unwrap_or_default();
        for one in evaluated {
            self.controls.insert(&one.rule, &one.controls);
        }
        // Where nothing could be decided, nothing was shown to be gone.
        if judgement.outcome != Outcome::Undecided {
            self.results.retain(|rule, _| !judgement.rules.contains(*rule));
            if judgement.whole && evaluated.iter().any(|one| one.is_of_holes() && one.judged()) {
                let holes = std::mem::take(&mut self.holes);
                self.results.retain(|rule, _| !holes.contains(rule));
            }
        }
        self.holes.extend(evaluated.iter().filter(|one| one.is_of_holes()).map(|one| &*one.rule));
        for result in &judgement.results {
            let known = self.results.entry(&result.rule).or_default();
            known.retain(|(before, line)| before.index == record.index || line.fingerprint != result.fingerprint);
            known.push((record, result));
        }
    }
}

/// What a verdict is about.
fn target_of(record: &Record, judgement: &Judgement) -> Arc<str> {
    match &judgement.repository {
        Some(repository) if judgement.prefix.is_empty() => Arc::clone(repository),
        Some(repository) => format!("{repository} {}", judgement.prefix).into(),
        // What does not say what it is about is continued by nothing.
        None => format!("record {}", record.index).into(),
    }
}

/// Holds controls against records. `rule_controls` says of a rule which controls it names, for records that do not say it themselves.
#[must_use]
pub fn posture<'a>(input: &Input<'a>, rule_controls: &HashMap<Arc<str>, Vec<Arc<str>>>) -> Posture<'a> {
    let speaks = Speaks::new(input.controls);
    let mut building: Vec<Building> = input.controls.iter().map(|_| Building::default()).collect();
    let mut out = Posture {
        window: input.window,
        max_age_days: input.max_age_days,
        controls: Vec::new(),
        silent: Vec::new(),
        other_controls: BTreeSet::new(),
    };
    let mut records: Vec<&Record> = input.records.iter().filter(|record| input.window.holds(record.time)).collect();
    records.sort_by_key(|record| (record.time, record.index));
    let mut targets: BTreeMap<Arc<str>, Target<'_>> = BTreeMap::new();
    let mut failed: BTreeMap<(Arc<str>, BTreeSet<usize>), Option<OpenFinding>> = BTreeMap::new();
    for record in records {
        match &record.kind {
            Kind::Verdict(judgement) => {
                let name = target_of(record, judgement);
                targets.entry(Arc::clone(&name)).or_default().take(record, judgement);
                let Some(evaluated) = &judgement.evaluated else {
                    out.silent.push(record.index);
                    continue;
                };
                for one in evaluated {
                    for place in speaks.of(&one.rule, &one.controls) {
                        let Some(building) = building.get_mut(place) else { continue };
                        building.records.insert(record.index);
                        if one.judged() && judgement.outcome != Outcome::Undecided {
                            building.prove(record, &name, Some(&one.rule));
                        }
                    }
                }
            }
            Kind::Command(run) => {
                let mut places = BTreeSet::new();
                for control in &run.controls {
                    match speaks.by_control.get(&**control).and_then(|places| places.first()) {
                        Some(place) => drop(places.insert(*place)),
                        None => drop(out.other_controls.insert(Arc::clone(control))),
                    }
                }
                let name: Arc<str> = format!("command {}", run.name).into();
                for place in &places {
                    let Some(building) = building.get_mut(*place) else { continue };
                    building.records.insert(record.index);
                    if run.failed.is_none() {
                        building.prove(record, &name, None);
                    }
                }
                let finding = run.failed.as_deref().map(|why| failed_command(record, &name, why));
                failed.insert((name, places), finding);
            }
        }
    }
    for ((_, places), finding) in failed {
        let Some(finding) = finding else { continue };
        for place in places {
            if let Some(building) = building.get_mut(place) {
                building.open.push(finding.clone());
            }
        }
    }
    for (name, target) in &targets {
        for (rule, lines) in &target.results {
            let named = target.controls.get(rule).copied().or_else(|| rule_controls.get(*rule).map(Vec::as_slice)).unwrap_or_default();
            for place in speaks.of(rule, named) {
                let Some(building) = building.get_mut(place) else { continue };
                lines.iter().for_each(|(record, line)| building.say(record, name, line));
            }
        }
    }
    let speaks_of = |exception: &Exception| speaks.of(&exception.rule, rule_controls.get(&exception.rule).map_or(&[], Vec::as_slice));
    let mut waiting: Vec<Vec<&Exception>> = input.controls.iter().map(|_| Vec::new()).collect();
    for exception in input.exceptions.iter().filter(|one| !has_run_out(&one.expires, input.window.to)) {
        for place in speaks_of(exception) {
            if let Some(list) = waiting.get_mut(place) {
                list.push(exception);
            }
        }
    }
    out.controls = input
        .controls
        .iter()
        .zip(building)
        .zip(waiting)
        .map(|((control, building), waiting)| building.finish(*control, &waiting, input))
        .collect();
    out
}

fn failed_command(record: &Record, name: &Arc<str>, why: &str) -> OpenFinding {
    OpenFinding {
        record: record.index,
        digest: record.digest,
        time: record.time,
        target: Arc::clone(name),
        result: ResultLine {
            rule: "command-failed".into(),
            status: "fail".into(),
            severity: "high".into(),
            subject: why.into(),
            file: "".into(),
            line: 0,
            fingerprint: record.digest.to_string().into(),
            exception: None,
        },
    }
}

/// Whether a day (`YYYY-MM-DD`) is over. What is no day counts as over.
fn has_run_out(day: &str, now: Timestamp) -> bool {
    let today = format_time(Timestamp { seconds: now.seconds, nanoseconds: 0 }).unwrap_or_default();
    let today = today.split('T').next().unwrap_or_default();
    // Days written alike compare as text.
    day.len() != today.len() || day < today
}

impl Building {
    fn prove(&mut self, record: &Record, target: &Arc<str>, rule: Option<&Arc<str>>) {
        let proof = self.proofs.entry(Arc::clone(target)).or_insert_with(|| Proof {
            record: record.index,
            digest: record.digest,
            time: record.time,
            target: Arc::clone(target),
            rules: BTreeSet::new(),
        });
        if proof.record != record.index {
            // Records come in the order of time: this one is the newer.
            *proof = Proof { record: record.index, digest: record.digest, time: record.time, rules: BTreeSet::new(), ..proof.clone() };
        }
        proof.rules.extend(rule.cloned());
    }

    fn say(&mut self, record: &Record, target: &Arc<str>, line: &ResultLine) {
        self.records.insert(record.index);
        if let Some(exception) = &line.exception {
            self.exceptions.entry(exception.clone()).or_default().insert(Arc::clone(&line.fingerprint));
        } else if line.is_open() {
            self.open.push(OpenFinding {
                record: record.index,
                digest: record.digest,
                time: record.time,
                target: Arc::clone(target),
                result: line.clone(),
            });
        } else {
            self.unknown += 1;
        }
    }

    fn finish<'a>(self, control: Control<'a>, waiting: &[&Exception], input: &Input<'a>) -> ControlPosture<'a> {
        let oldest = input.window.to.seconds.saturating_sub(i64::from(input.max_age_days) * DAY);
        let mut proofs: Vec<Proof> = self.proofs.into_values().collect();
        proofs.sort_by(|a, b| (b.time, b.record, &a.target).cmp(&(a.time, a.record, &b.target)));
        let state = if !self.open.is_empty() {
            State::NotSatisfied
        } else if proofs.is_empty() {
            State::NoEvidence
        } else if proofs.iter().any(|proof| proof.time.seconds < oldest) {
            State::Stale
        } else {
            State::Satisfied
        };
        let mut exceptions: BTreeMap<Covered, OpenException> = BTreeMap::new();
        let named = |id: &Arc<str>| input.exceptions.iter().find(|one| one.id == *id);
        for ((source, id), covers) in self.exceptions {
            let register = if &*source == "exception" { named(&id) } else { None };
            exceptions.insert((Arc::clone(&source), Arc::clone(&id)), OpenException::new(source, id, register, covers));
        }
        for exception in waiting {
            let key: Covered = ("exception".into(), Arc::clone(&exception.id));
            exceptions.entry(key.clone()).or_insert_with(|| OpenException::new(key.0, key.1, Some(exception), BTreeSet::new()));
        }
        let mut open = self.open;
        open.sort_by(|a, b| {
            let key = |one: &OpenFinding| (one.target.clone(), one.result.rule.clone(), one.result.file.clone(), one.result.line);
            key(a).cmp(&key(b)).then_with(|| a.result.fingerprint.cmp(&b.result.fingerprint))
        });
        ControlPosture {
            control,
            state,
            proofs,
            open,
            unknown: self.unknown,
            exceptions: exceptions.into_values().collect(),
            records: self.records,
        }
    }
}

impl OpenException {
    fn new(source: Arc<str>, id: Arc<str>, register: Option<&Exception>, covers: BTreeSet<Arc<str>>) -> OpenException {
        OpenException {
            source,
            id,
            kind: register.map(|one| one.kind.as_str().into()),
            owner: register.map(|one| Arc::clone(&one.owner)),
            reason: register.map(|one| Arc::clone(&one.reason)),
            expires: register.map(|one| Arc::clone(&one.expires)),
            covers,
        }
    }
}

impl ControlPosture<'_> {
    /// The newest proof.
    #[must_use]
    pub fn last(&self) -> Option<&Proof> {
        self.proofs.first()
    }
}

impl Posture<'_> {
    /// Whole days from a moment to the end of the window.
    #[must_use]
    pub fn age_days(&self, time: Timestamp) -> i64 {
        self.window.to.seconds.saturating_sub(time.seconds).max(0) / DAY
    }

    /// How many controls stand so.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.controls.iter().filter(|control| control.state == state).count()
    }

    /// Records that are needed to show where the controls stand, in the order of the log.
    #[must_use]
    pub fn records(&self) -> BTreeSet<u64> {
        self.controls.iter().flat_map(|control| control.records.iter().copied()).collect()
    }

    /// As JSON, version 1.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let time = |time: Timestamp| format_time(time).unwrap_or_default();
        let controls = self.controls.iter().map(|one| {
            let proofs = one.proofs.iter().map(|proof| {
                json!({
                    "record": proof.record, "sha256": proof.digest.to_string(), "time": time(proof.time),
                    "age_days": self.age_days(proof.time), "target": proof.target, "rules": proof.rules,
                })
            });
            let open = one.open.iter().map(|open| {
                let line = &open.result;
                json!({
                    "record": open.record, "time": time(open.time), "target": open.target, "rule": line.rule, "status": line.status,
                    "severity": line.severity, "subject": line.subject, "file": line.file, "line": line.line, "fingerprint": line.fingerprint,
                })
            });
            let exceptions = one.exceptions.iter().map(|one| {
                json!({
                    "source": one.source, "id": one.id, "kind": one.kind, "owner": one.owner, "reason": one.reason,
                    "expires": one.expires, "covers": one.covers,
                })
            });
            json!({
                "control": one.control.id(), "title": one.control.requirement.title, "state": one.state.as_str(),
                "not_provable_by_rules": one.control.requirement.unprovable,
                "proofs": proofs.collect::<Vec<_>>(), "open": open.collect::<Vec<_>>(), "unknown": one.unknown,
                "exceptions": exceptions.collect::<Vec<_>>(), "records": one.records,
            })
        });
        let counts: Map<String, Value> = State::ALL.iter().map(|state| (state.as_str().to_owned(), json!(self.count(*state)))).collect();
        json!({
            "version": 1,
            "window": { "from": time(self.window.from), "to": time(self.window.to) },
            "max_age_days": self.max_age_days,
            "counts": counts,
            "verdicts_that_do_not_say_what_they_judged": self.silent,
            "controls_not_asked_for": self.other_controls,
            "controls": controls.collect::<Vec<_>>(),
        })
    }
}
