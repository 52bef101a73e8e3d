//! Controls held against records: what proves one, what keeps it open, what is stale, and what no mapping proves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use probity_attest::statement::{Blob, Decision, Descriptor, Outcome, Statement, parse_time};
use probity_attest::{KeyProvider, SigningKey, sha256};
use probity_catalog::{Framework, builtin};
use probity_controls::evidence::{self, COMMAND_RUN_V1, Record, Window};
use probity_controls::oscal::{self, Origin};
use probity_controls::posture::{Input, Posture, State, posture};
use probity_controls::reconcile::{Artifact, Lists, Merge, reconcile};
use probity_controls::{Catalogue, Control, population, table};
use probity_core::{Digest, Exception, ExceptionKind, Timestamp};
use probity_ledger::{Ledger, LogReader, MemoryStorage};
use serde_json::{Map, Value, json};

fn time(text: &str) -> Timestamp {
    parse_time(text).unwrap()
}

/// A log that records are put into one by one.
struct Log {
    storage: Arc<MemoryStorage>,
    ledger: Ledger,
    key: Arc<SigningKey>,
}

/// Rule, fingerprint, status, and what covers it: source and id.
type Line<'a> = (&'a str, &'a str, &'a str, Option<(&'a str, &'a str)>);

/// One run of the gate.
struct Run<'a> {
    at: &'a str,
    repository: Option<&'a str>,
    commit: u8,
    outcome: Outcome,
    /// Rule, what it speaks for, how often it passed, how often it failed.
    judged: &'a [(&'a str, &'a [&'a str], u64, u64)],
    /// Rules that took part and judged nothing.
    idle: &'a [&'a str],
    /// Results that ask for something.
    results: &'a [Line<'a>],
}

impl Default for Run<'_> {
    fn default() -> Self {
        Run {
            at: "2026-03-01T00:00:00Z",
            repository: Some("https://git.example/a"),
            commit: 1,
            outcome: Outcome::Passed,
            judged: &[],
            idle: &[],
            results: &[],
        }
    }
}

fn commit(number: u8) -> String {
    format!("{number:02x}").repeat(20)
}

impl Log {
    fn new() -> Log {
        let storage = Arc::new(MemoryStorage::new());
        let key = Arc::new(SigningKey::from_seed(&[1; 32]).unwrap());
        let ledger = Ledger::open_or_create(Arc::clone(&storage) as _, Arc::clone(&key) as Arc<dyn KeyProvider>, "log.example/1").unwrap();
        Log { storage, ledger, key }
    }

    fn gate(&mut self, run: &Run<'_>) -> &mut Log {
        self.manifest(run, true)
    }

    /// `says`: whether the manifest tells which rules judged something.
    fn manifest(&mut self, run: &Run<'_>, says: bool) -> &mut Log {
        let rules: Vec<&str> = run.judged.iter().map(|one| one.0).chain(run.idle.iter().copied()).collect();
        let evaluated: Vec<Value> = run
            .judged
            .iter()
            .map(|(rule, controls, pass, fail)| {
                let engine = if rule.starts_with("CVE-") || rule.starts_with("package-") { "advisories" } else { "checks" };
                json!({ "rules": [rule], "engine": engine, "controls": controls, "counts": { "pass": pass, "fail": fail } })
            })
            .collect();
        let results: Vec<Value> = run
            .results
            .iter()
            .map(|(rule, fingerprint, status, exception)| {
                json!({
                    "rule": rule, "status": status, "severity": "high", "subject": { "kind": "terraform", "id": "aws_db_instance.d", "root": "" },
                    "at": { "file": "main.tf", "line": 3 }, "fingerprint": fingerprint, "counts": true,
                    "exception": exception.map(|(source, id)| json!({ "source": source, "id": id })),
                })
            })
            .collect();
        let mut manifest = json!({
            "version": 1, "repository": run.repository, "target": { "kind": "commit", "prefix": "" }, "options": { "rules": [] },
            "rules": rules, "evaluated": evaluated, "results": results,
        });
        if !says {
            manifest.as_object_mut().unwrap().remove("evaluated");
        }
        let bytes = manifest.to_string().into_bytes();
        let decision = Decision {
            subjects: vec![Descriptor {
                name: ".".into(),
                uri: String::new(),
                digest: BTreeMap::from([("gitCommit".into(), commit(run.commit)), ("gitTree".into(), commit(run.commit + 100))]),
                ..Descriptor::default()
            }],
            verifier: "https://probity.dev/gate/v1".into(),
            versions: BTreeMap::new(),
            time: time(run.at),
            resource_uri: "git:x".into(),
            policy: Descriptor::sha256("policies", sha256(b"policies")),
            input_attestations: vec![],
            outcome: run.outcome,
            verified_levels: vec![],
            blobs: vec![Blob { name: "manifest".into(), digest: sha256(&bytes), size: bytes.len() as u64 }],
            probity: Map::from_iter([("colour".to_owned(), json!("green"))]),
        };
        let record = decision.to_statement().unwrap().sign(&*self.key).unwrap();
        self.ledger.append(record, vec![bytes]).unwrap();
        self
    }

    fn command(&mut self, at: &str, name: &str, code: i64, controls: &[&str]) -> &mut Log {
        let statement = Statement {
            subjects: vec![Descriptor::sha256(name, sha256(name.as_bytes()))],
            predicate_type: COMMAND_RUN_V1.into(),
            predicate: Map::from_iter([
                ("arguments".to_owned(), json!([name, "--all"])),
                ("finished".to_owned(), json!(at)),
                ("exit_code".to_owned(), json!(code)),
                ("timed_out".to_owned(), json!(name == "endless")),
                ("missing_artifacts".to_owned(), if name == "forgetful" { json!(["report.xml"]) } else { json!([]) }),
                ("probity".to_owned(), json!({ "controls": controls })),
            ]),
        };
        self.ledger.append(statement.sign(&*self.key).unwrap(), vec![]).unwrap();
        self
    }

    fn records(&self) -> Vec<Record> {
        evidence::read(&LogReader::open(&*self.storage, None).unwrap(), &window("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z")).unwrap()
    }
}

fn window(from: &str, to: &str) -> Window {
    Window { from: time(from), to: time(to) }
}

fn frameworks() -> Vec<Framework> {
    let requirement = |id: &str, from: &[&str], rules: &[&str]| probity_catalog::Requirement {
        id: id.into(),
        title: format!("asks {id}"),
        from: from.iter().map(ToString::to_string).collect(),
        rules: rules.iter().map(ToString::to_string).collect(),
        unprovable: None,
    };
    let framework = |id: &str, requirements| Framework {
        id: id.into(),
        title: id.into(),
        source: "tests".into(),
        crosswalk: "tests".into(),
        requirements,
    };
    vec![
        framework("one", vec![requirement("A", &[], &[]), requirement("B", &[], &["named"]), requirement("C", &[], &[])]),
        framework("two", vec![requirement("X", &["one/A"], &[])]),
    ]
}

/// Where each control of the two frameworks stands, with the record that proves it last.
fn stand(log: &Log, to: &str, exceptions: &[Exception]) -> String {
    let frameworks = frameworks();
    let controls: Vec<Control<'_>> = Catalogue::new(&frameworks).controls().collect();
    let records = log.records();
    let input = Input { controls: &controls, records: &records, exceptions, window: window("2026-01-01T00:00:00Z", to), max_age_days: 30 };
    let posture = posture(&input, &HashMap::new());
    let each = posture.controls.iter().map(|one| {
        let last = one.last().map(|proof| format!(" by {}", proof.record)).unwrap_or_default();
        format!("{} {}{last}", one.control.id(), one.state.as_str())
    });
    each.collect::<Vec<_>>().join(", ")
}

const TO: &str = "2026-03-20T00:00:00Z";

#[test]
fn every_control_of_the_baselines_is_there() {
    let catalogue = Catalogue::new(builtin().frameworks());
    let listed = include_str!("nist-high-privacy.txt");
    assert_eq!(listed.lines().count(), 423);
    for id in listed.lines() {
        let found = catalogue.find(&format!("nist-800-53r5/{id}")).unwrap();
        assert!(!found.requirement.title.is_empty(), "{id}");
        // The spelling of OSCAL means the same.
        let oscal = id.to_lowercase().replace('(', ".").replace(')', "");
        assert_eq!(catalogue.find(&format!("nist-800-53r5/{oscal}")).unwrap().id(), format!("nist-800-53r5/{id}"));
    }
    // Added to the catalogue by release 5.2.0.
    for id in ["SA-15(13)", "SA-24", "SI-2(7)"] {
        catalogue.find(&format!("nist-800-53r5/{id}")).unwrap();
    }
    let count = |id: &str| catalogue.of_framework(id).unwrap().len();
    assert_eq!((count("nist-800-53r5"), count("pci-dss-4.0.1"), count("soc2")), (529, 279, 61));
}

#[test]
fn an_unknown_control_names_the_nearest() {
    let catalogue = Catalogue::new(builtin().frameworks());
    let check = |id: &str, expected: &str| assert_eq!(catalogue.find(id).unwrap_err().nearest, expected, "{id}");
    check("nist-800-53r5/AC-2(99)", "nist-800-53r5/AC-2(1)");
    check("pci-dss-4.0.1/6.3.9", "pci-dss-4.0.1/6.3.1");
    check("soc2/CC6.9", "soc2/CC6.1");
    check("pci-dss-4.0/6.3.3", "pci-dss-4.0.1/6.3.3");
    assert!(catalogue.find("nothing like it at all").unwrap_err().to_string().contains("the nearest is `"));
}

#[test]
fn only_records_prove_anything() {
    let check = |run: Run<'_>, expected: &str| {
        let mut log = Log::new();
        log.gate(&run);
        assert_eq!(stand(&log, TO, &[]), expected);
    };
    let none = "one/A no-evidence, one/B no-evidence, one/C no-evidence, two/X no-evidence";
    assert_eq!(stand(&Log::new(), TO, &[]), none);
    // A rule that took part and met nothing it is about proves nothing.
    check(Run { idle: &["a", "named"], ..Run::default() }, none);
    check(Run { judged: &[("a", &["one/A"], 0, 0)], ..Run::default() }, none);
    check(
        Run { judged: &[("a", &["one/A"], 1, 0)], ..Run::default() },
        "one/A satisfied by 0, one/B no-evidence, one/C no-evidence, two/X satisfied by 0",
    );
    // The framework names the rule.
    check(
        Run { judged: &[("named", &[], 2, 0)], ..Run::default() },
        "one/A no-evidence, one/B satisfied by 0, one/C no-evidence, two/X no-evidence",
    );
    // Where nothing could be decided, nothing is proved.
    check(Run { judged: &[("a", &["one/A"], 1, 0)], outcome: Outcome::Undecided, ..Run::default() }, none);
    // A moment outside the window.
    check(Run { judged: &[("a", &["one/A"], 1, 0)], at: "2026-03-21T00:00:00Z", ..Run::default() }, none);
    let mut log = Log::new();
    log.manifest(&Run { judged: &[("a", &["one/A"], 1, 0)], ..Run::default() }, false);
    assert_eq!(stand(&log, TO, &[]), none, "a record that does not say what judged proves nothing");
}

#[test]
fn what_nobody_judged_again_stays_open() {
    let red: Run<'_> =
        Run { judged: &[("a", &["one/A"], 0, 1)], results: &[("a", "f1", "fail", None)], outcome: Outcome::Failed, ..Run::default() };
    let open = "one/A not-satisfied by 0, one/B no-evidence, one/C no-evidence, two/X not-satisfied by 0";
    let check = |next: Run<'_>, expected: &str| {
        let mut log = Log::new();
        log.gate(&red).gate(&next);
        assert_eq!(stand(&log, TO, &[]), expected);
    };
    let later = "2026-03-02T00:00:00Z";
    let satisfied = |record: u64| format!("one/A satisfied by {record}, one/B no-evidence, one/C no-evidence, two/X satisfied by {record}");
    check(Run { at: later, judged: &[("a", &["one/A"], 1, 0)], ..Run::default() }, &satisfied(1));
    // The subject is gone: the rule took part and had nothing to say.
    check(Run { at: later, idle: &["a"], ..Run::default() }, &satisfied(0));
    // Another rule, another repository, one that does not say which: none of them says anything of it.
    check(
        Run { at: later, judged: &[("b", &["one/C"], 1, 0)], ..Run::default() },
        "one/A not-satisfied by 0, one/B no-evidence, one/C satisfied by 1, two/X not-satisfied by 0",
    );
    let proved_elsewhere = open.replace("by 0", "by 1");
    check(
        Run { at: later, judged: &[("a", &["one/A"], 1, 0)], repository: Some("https://git.example/b"), ..Run::default() },
        &proved_elsewhere,
    );
    check(Run { at: later, judged: &[("a", &["one/A"], 1, 0)], repository: None, ..Run::default() }, &proved_elsewhere);
    // Nothing was decided, so nothing was shown to be gone.
    check(Run { at: later, judged: &[("a", &["one/A"], 1, 0)], outcome: Outcome::Undecided, ..Run::default() }, open);
    // An earlier run that comes later into the log says nothing of now.
    check(Run { at: "2026-02-01T00:00:00Z", judged: &[("a", &["one/A"], 1, 0)], ..Run::default() }, open);
}

#[test]
fn known_holes_end_with_the_next_look_for_holes() {
    let hole: Run<'_> = Run {
        judged: &[("package-advisories-missing", &["one/A"], 1, 0), ("CVE-1", &["one/A"], 0, 1)],
        results: &[("CVE-1", "f", "fail", None)],
        outcome: Outcome::Failed,
        ..Run::default()
    };
    let later = "2026-03-02T00:00:00Z";
    let check = |next: Run<'_>, expected: &str| {
        let mut log = Log::new();
        log.gate(&hole).gate(&next);
        assert!(stand(&log, TO, &[]).starts_with(expected), "{}", stand(&log, TO, &[]));
    };
    check(Run { at: later, judged: &[("package-advisories-missing", &["one/A"], 1, 0)], ..Run::default() }, "one/A satisfied by 1");
    check(
        Run { at: later, judged: &[("b", &["one/A"], 1, 0)], idle: &["package-advisories-missing"], ..Run::default() },
        "one/A not-satisfied",
    );
}

#[test]
fn proofs_grow_old() {
    let mut log = Log::new();
    log.gate(&Run { judged: &[("a", &["one/C"], 1, 0)], ..Run::default() });
    let of_c = |log: &Log, to: &str| stand(log, to, &[]).split(", ").nth(2).unwrap().to_owned();
    assert_eq!(of_c(&log, "2026-03-31T00:00:00Z"), "one/C satisfied by 0");
    assert_eq!(of_c(&log, "2026-03-31T00:00:01Z"), "one/C stale by 0");
    // Fresh in one repository and old in another is stale.
    log.gate(&Run {
        at: "2026-03-30T00:00:00Z",
        judged: &[("a", &["one/C"], 1, 0)],
        repository: Some("https://git.example/b"),
        ..Run::default()
    });
    assert_eq!(of_c(&log, "2026-04-01T00:00:00Z"), "one/C stale by 1");
    log.gate(&Run { at: "2026-03-31T00:00:00Z", judged: &[("a", &["one/C"], 1, 0)], ..Run::default() });
    assert_eq!(of_c(&log, "2026-04-01T00:00:00Z"), "one/C satisfied by 2");
}

#[test]
fn commands_prove_the_controls_they_were_run_for() {
    let mut log = Log::new();
    log.command("2026-03-01T00:00:00Z", "restore", 0, &["one/A", "one/unknown"]);
    // A crosswalk is between rules; a command was run for one control.
    assert_eq!(stand(&log, TO, &[]), "one/A satisfied by 0, one/B no-evidence, one/C no-evidence, two/X no-evidence");
    log.command("2026-03-02T00:00:00Z", "restore", 1, &["one/A"]);
    assert!(stand(&log, TO, &[]).starts_with("one/A not-satisfied by 0"));
    log.command("2026-03-03T00:00:00Z", "another", 0, &["one/A"]);
    assert!(stand(&log, TO, &[]).starts_with("one/A not-satisfied by 2"));
    log.command("2026-03-04T00:00:00Z", "restore", 0, &["one/A"]);
    assert!(stand(&log, TO, &[]).starts_with("one/A satisfied by 3"), "{}", stand(&log, TO, &[]));
    for wrong in ["endless", "forgetful"] {
        let mut log = Log::new();
        log.command("2026-03-01T00:00:00Z", wrong, 0, &["one/A"]);
        assert!(stand(&log, TO, &[]).starts_with("one/A not-satisfied"), "{wrong}");
    }
}

fn exception(rule: &str, expires: &str) -> Exception {
    Exception {
        id: "logs".into(),
        kind: ExceptionKind::AcceptedRisk,
        rule: rule.into(),
        fingerprints: vec![],
        subject: "".into(),
        path: "".into(),
        reason: "it is the log bucket".into(),
        owner: "jane@example.com".into(),
        expires: expires.into(),
        file: "logs.yaml".into(),
    }
}

/// The posture of a log with everything in it, as the closure sees it.
fn full<T>(log: &Log, exceptions: &[Exception], see: impl FnOnce(&Posture<'_>) -> T) -> T {
    let frameworks = frameworks();
    let controls: Vec<Control<'_>> = Catalogue::new(&frameworks).controls().collect();
    let records = log.records();
    let input = Input { controls: &controls, records: &records, exceptions, window: window("2026-01-01T00:00:00Z", TO), max_age_days: 10 };
    see(&posture(&input, &HashMap::from([("a".into(), vec!["one/A".into()])])))
}

fn everything() -> Log {
    let mut log = Log::new();
    log.gate(&Run {
        judged: &[("a", &["one/A"], 1, 2), ("c", &["one/C"], 1, 0)],
        results: &[("a", "f1", "fail", None), ("a", "f2", "fail", Some(("exception", "logs"))), ("a", "f3", "unknown", None)],
        outcome: Outcome::Failed,
        ..Run::default()
    });
    log.gate(&Run {
        at: "2026-03-19T00:00:00Z",
        judged: &[("named", &[], 1, 0)],
        repository: Some("=cmd|' /C calc'!A0"),
        commit: 2,
        ..Run::default()
    });
    log
}

#[test]
fn exceptions_are_named_while_they_run() {
    let check = |exceptions: &[Exception], expected: &str| {
        let log = everything();
        let found = full(&log, exceptions, |posture| posture.to_json()["controls"][0].clone());
        assert_eq!(found["exceptions"].to_string(), expected);
        assert_eq!(
            (found["state"].as_str(), &found["unknown"], found["open"].as_array().unwrap().len()),
            (Some("not-satisfied"), &json!(1), 1)
        );
    };
    check(&[], r#"[{"source":"exception","id":"logs","kind":null,"owner":null,"reason":null,"expires":null,"covers":["f2"]}]"#);
    check(
        &[exception("a", "2026-03-20")],
        r#"[{"source":"exception","id":"logs","kind":"accepted-risk","owner":"jane@example.com","reason":"it is the log bucket","expires":"2026-03-20","covers":["f2"]}]"#,
    );
    // One that waits for a finding is named too; one that ran out is not.
    let waiting = |expires: &str| Exception { id: "later".into(), ..exception("a", expires) };
    let log = everything();
    let ids = |exceptions: &[Exception]| {
        full(&log, exceptions, |posture| posture.controls[0].exceptions.iter().map(|one| one.id.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(ids(&[waiting("2026-03-20")]), ["later", "logs"]);
    assert_eq!(ids(&[waiting("2026-03-19")]), ["logs"]);
}

fn origin() -> Origin {
    Origin { version: "0.1.0".into(), log: "log.example/1".into(), size: 2, root: Digest([7; 32]) }
}

#[test]
fn oscal_is_the_same_for_the_same_log() {
    let write = |exceptions: &[Exception]| {
        full(&everything(), exceptions, |posture| {
            let rules = vec![vec!["a".to_owned()], vec![], vec![], vec![]];
            [
                oscal::component_definition(posture, &rules, &origin()).unwrap(),
                oscal::assessment_results(posture, &origin()).unwrap(),
                oscal::plan_of_action(posture, &origin()).unwrap(),
            ]
        })
    };
    let [component, results, plan] = write(&[exception("a", "2026-12-31")]);
    assert_eq!(
        [component.clone(), results.clone(), plan.clone()].map(|one| one.to_string()),
        write(&[exception("a", "2026-12-31")]).map(|one| one.to_string())
    );
    assert_ne!(plan["plan-of-action-and-milestones"]["uuid"], write(&[])[2]["plan-of-action-and-milestones"]["uuid"]);
    let findings = results["assessment-results"]["results"][0]["findings"].as_array().unwrap();
    let said: Vec<String> = findings
        .iter()
        .map(|one| format!("{} {} {}", one["target"]["target-id"], one["target"]["status"]["state"], one["target"]["status"]["reason"]))
        .collect();
    // C was proved 19 days ago and ten are allowed.
    assert_eq!(
        said,
        [
            r#""one_a" "not-satisfied" "fail""#,
            r#""one_b" "satisfied" "pass""#,
            r#""one_c" "not-satisfied" "other""#,
            r#""two_x" "not-satisfied" "fail""#
        ]
    );
    assert_eq!(results["assessment-results"]["metadata"]["last-modified"], TO);
    let titles: BTreeSet<&str> =
        plan["plan-of-action-and-milestones"]["poam-items"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect();
    assert_eq!(titles, BTreeSet::from(["Evidence of one/C is stale", "a on aws_db_instance.d", "exception logs"]));
    let deadlines: Vec<&Value> =
        plan["plan-of-action-and-milestones"]["risks"].as_array().unwrap().iter().filter_map(|one| one.get("deadline")).collect();
    assert_eq!(deadlines, ["2026-12-31T23:59:59Z"]);
}

#[test]
fn tables_hold_no_formulas() {
    let log = everything();
    let records = log.records();
    let changes = population::changes(&records);
    let csv = table::csv(&population::table("population", &changes, &[exception("a", "2026-12-31")]));
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert!(lines[1].contains(",FAILED,green,1,exception logs,jane@example.com,"), "{csv}");
    assert!(lines[2].contains(",'=cmd|' /C calc'!A0,"), "{csv}");
    let rows = full(&log, &[], |posture| table::posture(posture).rows.len());
    assert_eq!(rows, 4);
}

#[test]
fn a_sample_can_be_drawn_again() {
    let mut log = Log::new();
    for number in 0..40 {
        log.gate(&Run { commit: number, ..Run::default() });
    }
    let records = log.records();
    let changes = population::changes(&records);
    let drawn = |seed: &str, size: usize| population::sample(&changes, seed, size).iter().map(|one| one.record.index).collect::<Vec<_>>();
    let ten = drawn("2026-q1", 10);
    assert_eq!(ten.len(), 10);
    assert_eq!(ten, drawn("2026-q1", 10));
    assert_ne!(ten, drawn("2026-q2", 10));
    assert!(ten.is_sorted());
    // A larger sample with the same seed holds the smaller one.
    assert!(ten.iter().all(|index| drawn("2026-q1", 20).contains(index)));
    assert_eq!(drawn("2026-q1", 100).len(), 40);
}

#[test]
fn what_no_verdict_explains_is_listed() {
    let mut log = Log::new();
    log.gate(&Run { commit: 1, ..Run::default() });
    log.gate(&Run { commit: 2, outcome: Outcome::Failed, ..Run::default() });
    log.gate(&Run {
        commit: 3,
        judged: &[("a", &[], 0, 1)],
        results: &[("a", "f", "fail", Some(("exception", "logs")))],
        ..Run::default()
    });
    let records = log.records();
    let merge = |number: u8| Merge { commit: commit(number), ..Merge::default() };
    let check = |lists: Lists, expected: &str, gaps: &[&str]| {
        let found = reconcile(&lists, &records);
        assert_eq!(found.summary(), expected);
        let listed: Vec<String> = found.gaps.iter().map(|gap| format!("{} {} {}", gap.what, &gap.id[..2], gap.why)).collect();
        assert_eq!(listed, gaps);
    };
    let merges = |list: Vec<Merge>| Lists { merges: Some(list), ..Lists::default() };
    check(merges(vec![merge(1), merge(3), merge(3)]), "2 merges, 2 verdicts, 1 exceptions, 0 unexplained", &[]);
    check(
        merges(vec![merge(1), merge(2), merge(9)]),
        "3 merges, 1 verdicts, 0 exceptions, 2 unexplained",
        &["merge 02 the verdict of record 1 is FAILED", "merge 09 no verdict"],
    );
    // A squashed merge has the tree of what was judged, a merge commit its head.
    let squashed = Merge { tree: Some(commit(101)), ..merge(9) };
    let merged = Merge { heads: vec![commit(1)], ..merge(8) };
    let of_red = Merge { heads: vec![commit(2)], ..merge(7) };
    // Its own verdict has the say.
    let red_itself = Merge { heads: vec![commit(1)], ..merge(2) };
    check(
        merges(vec![squashed, merged, of_red, red_itself]),
        "4 merges, 2 verdicts, 0 exceptions, 2 unexplained",
        &["merge 07 the verdict of record 1 is FAILED", "merge 02 the verdict of record 1 is FAILED"],
    );
    let artifact = |digest: &str, of: Option<u8>| Artifact { digest: digest.repeat(32), commit: of.map(commit) };
    check(
        Lists {
            merges: None,
            built: Some(vec![artifact("aa", Some(1)), artifact("bb", Some(2)), artifact("cc", None)]),
            deployed: Some(vec![artifact("aa", None), artifact("bb", None), artifact("dd", Some(1))]),
        },
        "3 built, 3 deployed, 4 unexplained",
        &[
            "built bb the verdict of record 1 is FAILED for its commit 0202020202020202020202020202020202020202",
            "built cc no verdict, and no commit is named",
            "deployed bb no verdict, and no commit is named",
            "deployed dd it is not among what was built",
        ],
    );
}

#[test]
fn states_are_counted() {
    let counts = full(&everything(), &[], |posture| State::ALL.map(|state| posture.count(state)));
    assert_eq!(counts, [2, 1, 0, 1]);
}
