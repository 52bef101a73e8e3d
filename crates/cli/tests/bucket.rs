//! Evidence in a bucket: one log for many runners, and a copy of it that nobody can change.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, Repo, map};
use probity_attest::SigningKey;
use probity_testkit::s3::{Fault, KEY_ID, SECRET, StubS3};

/// A repository, a store with an empty bucket that can lock objects and one that cannot, and a key.
struct World {
    repo: Repo,
    stub: StubS3,
    key: String,
}

impl World {
    fn new() -> World {
        let repo = Repo::new();
        repo.write("maps/a.yaml", &map("a", "public=true"));
        repo.commit();
        let stub = StubS3::start().unwrap();
        for (bucket, lock) in [("evidence", true), ("plain", false)] {
            let place = format!("s3://{bucket}?endpoint={}", stub.endpoint()).parse().unwrap();
            let credentials = probity_store::Credentials::of_keys(KEY_ID, SECRET);
            probity_store::S3::with(place, credentials, probity_store::Reach::default()).unwrap().create_bucket(lock).unwrap();
        }
        let key = SigningKey::from_seed(&[9; 32]).unwrap().to_pem().unwrap();
        World { repo, stub, key }
    }

    fn command(&self) -> std::process::Command {
        let mut command = self.repo.program();
        command.env("AWS_ACCESS_KEY_ID", KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET).env("EVIDENCE_KEY", &self.key);
        command.env("AWS_ENDPOINT_URL_S3", self.stub.endpoint());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.repo.ended(&self.command().args(arguments).output().unwrap())
    }

    fn gate(&self, evidence: &str) -> std::process::Command {
        let rules = self.repo.outside("rules");
        let mut command = self.command();
        command.args(["gate", "--policies", &rules, "--rule", "demo-*", "--format", "json"]);
        command.args(["--evidence", evidence, "--evidence-key", "env://EVIDENCE_KEY"]);
        command
    }
}

#[test]
fn many_runners_write_one_log() {
    let world = World::new();
    let place = "s3://plain/team";
    let runs: Vec<_> = (0..3).map(|_| world.gate(place).stdout(std::process::Stdio::piped()).spawn().unwrap()).collect();
    for run in runs {
        let report: serde_json::Value = serde_json::from_slice(&run.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(report["evidence"]["place"], place);
        assert_eq!(report["evidence"]["anchored"], true);
    }
    world.run(&["evidence", "verify", "--evidence", place]).code(0).prints("verified 3 records");
    world.run(&["evidence", "list", "--evidence", place]).code(0).prints("3 records in probity.local/");
    world.run(&["evidence", "show", "2", "--evidence", place]).code(0).prints("\"blobs\"");
    let receipt = world.run(&["evidence", "prove", "1", "--evidence", place]).code(0).out;
    let receipt = world.repo.write_beside("1.tlog-proof", &receipt);
    world.repo.ended(&world.gate(place).output().unwrap()).code(1);
    world.run(&["evidence", "verify", "--evidence", place, "--against", &receipt]).code(0).prints("it continues the log");
    world.run(&["evidence", "replay", "0", "--evidence", place]).code(0);
    let tar = world.repo.outside("all.tar");
    world.run(&["evidence", "export", &tar, "--evidence", place]).code(0);
    world.run(&["evidence", "verify", "--evidence", &tar]).code(0).prints("verified 4 records");
    world.run(&["evidence", "append", &tar, "--evidence", place, "--evidence-key", "env://EVIDENCE_KEY"]).code(2).says("not taken into");
}

#[test]
fn what_cannot_be_recorded_is_not_green() {
    let world = World::new();
    world.repo.write("maps/a.yaml", &map("a", ""));
    let gate = |place: &str| world.repo.ended(&world.gate(place).output().unwrap());
    gate("s3://nowhere").code(3);
    gate("s3://NO").code(2).says("not the address of a bucket");
    gate("s3://plain?endpoint=http://store.example").code(2).says("no TLS");
    let mut without_key = world.command();
    without_key.args(["gate", "--evidence", "s3://plain"]);
    world.repo.ended(&without_key.output().unwrap()).code(2).says("needs a key that is given");
    let mut other = world.gate("s3://plain");
    other.env("AWS_SECRET_ACCESS_KEY", "wrong");
    let ran = world.repo.ended(&other.output().unwrap()).code(3);
    assert!(!ran.out.contains("\"green\""), "{}", ran.out);
    let mut none = world.gate("s3://plain");
    none.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    world.repo.ended(&none.output().unwrap()).code(2).says("no credentials");
    world.repo.write("probity.yaml", "version: 1\nevidence: { directory: 's3://plain/x' }\n");
    let mut configured = world.command();
    configured.args(["gate", "--evidence-key", "env://EVIDENCE_KEY"]);
    world.repo.ended(&configured.output().unwrap()).code(2).says("leads out of the judged folder");
}

#[test]
fn a_log_is_sealed_only_where_the_store_confirms_it() {
    let world = World::new();
    let place = "s3://plain/log";
    world.repo.ended(&world.gate(place).output().unwrap()).code(1);
    let seal = |more: &[&str]| world.run(&[&["evidence", "seal", "--evidence", place, "--retain", "7y"], more].concat());
    seal(&["--to", "s3://plain/copy"]).code(3).prints("not sealed  log.vkey").prints("the log is not sealed");
    world.run(&["evidence", "verify", "--evidence", place, "--sealed", "s3://evidence/copy"]).code(1).prints("0 of 5 files are sealed");
    let sealed = seal(&["--to", "s3://evidence/copy", "--legal-hold", "--format", "json"]).code(0).json();
    assert_eq!(sealed["sealed"], true);
    let names: Vec<&str> = sealed["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names[1..], ["log.vkey", "tile/0/000.p/1", "tile/entries/000.p/1", "checkpoints/00000000000000000001"]);
    for file in sealed["files"].as_array().unwrap() {
        assert_eq!((&file["mode"], &file["legal_hold"]), (&"compliance".into(), &true.into()), "{file}");
    }
    // The log goes on; what is sealed stays, and what is new is not.
    world.repo.write("maps/a.yaml", &map("a", ""));
    world.repo.ended(&world.gate(place).output().unwrap()).code(0);
    let check = || world.run(&["evidence", "verify", "--evidence", place, "--sealed", "s3://evidence/copy"]);
    check().code(1).prints("not sealed  tile/entries/000.p/2").prints("the log is not sealed");
    world.stub.fail("HEAD", "tile/entries/000.p/2", Fault::Cut);
    seal(&["--to", "s3://evidence/copy"]).code(0).prints("the log of 2 records is sealed").prints("in compliance mode until");
    check().code(0).prints("6 of 6 files are sealed");
    seal(&["--to", "s3://evidence/copy", "--mode", "governance"]).code(0).prints("in compliance mode");
    // What was sealed for a shorter time stays so, and it is said; asked for, it is kept longer.
    let longer = |more: &[&str]| {
        world.run(&[&["evidence", "seal", "--evidence", place, "--to", "s3://evidence/copy", "--retain", "9y"], more].concat())
    };
    longer(&[]).code(0).prints("were sealed before and are kept until an earlier date");
    let all = longer(&["--extend"]).code(0);
    assert!(!all.out.contains("earlier date"), "{}", all.out);
    // An object of another content in the place of one of ours is not taken for it.
    let other = format!("s3://evidence/other?endpoint={}", world.stub.endpoint()).parse().unwrap();
    let store =
        probity_store::S3::with(other, probity_store::Credentials::of_keys(KEY_ID, SECRET), probity_store::Reach::default()).unwrap();
    store.put("log.vkey", b"not it", &probity_store::s3::Condition::None, None).unwrap();
    seal(&["--to", "s3://evidence/other"]).code(3).prints("is there with other content").prints("what it covers is not all sealed");
    seal(&["--to", "s3://evidence/x", "--retain", "0d"]).code(2);
    // What a configuration from outside says counts; what the repository says does not.
    let worm = "version: 1\nevidence: { worm: { to: 's3://evidence/configured', mode: governance, retain: 90d, legal_hold: true } }\n";
    world.repo.write("probity.yaml", worm);
    world.run(&["evidence", "seal", "--evidence", place]).code(2).says("`--to URL` is missing");
    let config = world.repo.write_beside("outside.yaml", worm);
    let sealed = world.run(&["evidence", "seal", "--evidence", place, "--config", &config]).code(0);
    sealed.prints("s3://evidence/configured, in governance mode").prints("each under a legal hold");
    let broken = world.repo.write_beside("broken.yaml", "evidence: { worm: { mode: firm } }\n");
    world.run(&["evidence", "seal", "--evidence", place, "--config", &broken]).code(2).says("takes one of compliance, governance");
}
