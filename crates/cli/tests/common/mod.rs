//! What the tests of the program share: folders with a git history, rules of their own, and runs in a scrubbed environment.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses a part of it")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use probity_core::Timestamp;
use probity_verdict::Day;
use serde_json::Value;
use tempfile::TempDir;

/// Rules of the tests, so that a new built-in rule changes nothing here: path below the rule folder, text.
pub const RULES: &[(&str, &str)] = &[
    (
        "demo/public.yaml",
        "id: demo-public\ntitle: Map is public\nseverity: high\nstage: { stable: 0.1.0 }\napplies_to: [ConfigMap]\ncontrols: [soc2/CC6.1]\n\
         aliases: [CKV_DEMO_1, AVD-DEMO-0001]\nwhy: Everybody reads it.\nfix: Take `public` out.\n\
         check: { fail_if: { path: data.public, matches: '^(true|yes)$' }, absent: pass }\n\
         tests:\n  fail: [{ name: set, kubernetes: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {public: \"true\"}}' }]\n  \
         pass: [{ name: not set, kubernetes: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}' }]\n",
    ),
    (
        "demo/untidy.yaml",
        "id: demo-untidy\ntitle: Map is untidy\nseverity: medium\nstage: { stable: 0.1.0 }\napplies_to: [ConfigMap]\ncontrols: []\n\
         aliases: [CKV_DEMO_2]\nwhy: Nobody finds anything.\nfix: Take `untidy` out.\n\
         check: { fail_if: { path: data.untidy, equals: 'true' }, absent: pass }\n\
         tests:\n  fail: [{ name: set, kubernetes: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {untidy: \"true\"}}' }]\n  \
         pass: [{ name: not set, kubernetes: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}' }]\n",
    ),
    (
        "demo/chatty.yaml",
        "id: demo-chatty\ntitle: Map is chatty\nseverity: low\nstage: { stable: 0.1.0 }\napplies_to: [ConfigMap]\ncontrols: []\naliases: []\n\
         why: It says too much.\nfix: Take `chatty` out.\n\
         check: { fail_if: { path: data.chatty, equals: 'true' }, absent: pass }\n\
         tests:\n  fail: [{ name: set, kubernetes: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {chatty: \"true\"}}' }]\n  \
         pass: [{ name: not set, kubernetes: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}' }]\n",
    ),
    (
        "demo/forever.yaml",
        "id: demo-forever\ntitle: Map holds a master key\nseverity: high\nstage: { stable: 0.1.0 }\napplies_to: [ConfigMap]\ncontrols: []\n\
         aliases: []\nwaivable: false\nwhy: Nothing is safe then.\nfix: Take `master` out.\n\
         check: { fail_if: { path: data.master, equals: 'true' }, absent: pass }\n\
         tests:\n  fail: [{ name: set, kubernetes: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {master: \"true\"}}' }]\n  \
         pass: [{ name: not set, kubernetes: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}' }]\n",
    ),
    (
        "demo/bucket.yaml",
        "id: demo-bucket\ntitle: Bucket is public\nseverity: high\nstage: { stable: 0.1.0 }\napplies_to: [aws_s3_bucket]\ncontrols: []\n\
         aliases: [CKV_DEMO_5, AVD-DEMO-0005, demo-s3-public]\nwhy: Everybody reads it.\nfix: Set another `acl`.\n\
         check: { fail_if: { path: acl, equals: public-read }, absent: pass }\n\
         tests:\n  fail: [{ name: set, terraform: 'resource \"aws_s3_bucket\" \"a\" { acl = \"public-read\" }' }]\n  \
         pass: [{ name: not set, terraform: 'resource \"aws_s3_bucket\" \"a\" {}' }]\n",
    ),
    (
        "demo/root.yaml",
        "id: demo-root\ntitle: Image switches to root\nseverity: high\nstage: { stable: 0.1.0 }\napplies_to: [USER]\ncontrols: []\n\
         aliases: [CKV_DEMO_6]\nwhy: Root may do anything.\nfix: Name another user.\n\
         check: { fail_if: { path: user, equals: root } }\n\
         tests:\n  fail: [{ name: root, dockerfile: \"FROM a:1\\nUSER root\\n\" }]\n  pass: [{ name: other, dockerfile: \"FROM a:1\\nUSER app\\n\" }]\n",
    ),
];

/// A Kubernetes object that the rules above judge.
pub fn map(name: &str, data: &str) -> String {
    let mut out = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  kept: here\n");
    for pair in data.split(',').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap();
        writeln!(out, "  {key}: \"{value}\"").unwrap();
    }
    out
}

/// A Terraform bucket that the rules above judge.
pub fn bucket(name: &str, acl: &str) -> String {
    format!("resource \"aws_s3_bucket\" \"{name}\" {{\n  bucket = \"{name}\"\n  acl    = \"{acl}\"\n}}\n")
}

/// The day so many days from now, in UTC. In the last minute of a day it waits for the next one, so that the program's today is the
/// test's.
pub fn day(from_now: i64) -> String {
    let now = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    while now() % 86_400 >= 86_340 {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let seconds = now();
    Day::of(Timestamp { seconds: seconds + from_now * 86_400, nanoseconds: 0 }).to_string()
}

/// How a run of the program ended.
pub struct Ran {
    pub code: i32,
    /// Standard output, paths of the test redacted.
    pub out: String,
    /// Standard error, paths of the test redacted.
    pub err: String,
}

impl Ran {
    /// The same, its exit code checked.
    #[track_caller]
    pub fn code(self, expected: i32) -> Ran {
        assert_eq!(self.code, expected, "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err))
    }

    /// Standard error holds this text.
    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        assert!(self.err.contains(text), "`{text}` is not in\n{}\n--- stdout\n{}", self.err, self.out);
        self
    }

    /// Standard output holds this text.
    #[track_caller]
    pub fn prints(self, text: &str) -> Ran {
        assert!(self.out.contains(text), "`{text}` is not in\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }
}

/// A report in JSON v1, with short ways to ask it.
pub struct Report(pub Value);

impl Report {
    /// The colour, or `none`.
    pub fn colour(&self) -> &str {
        self.0["verdict"]["colour"].as_str().unwrap_or("none")
    }

    pub fn notes(&self) -> Vec<String> {
        self.0["verdict"]["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned()).collect()
    }

    /// One note holds this text.
    #[track_caller]
    pub fn note(&self, text: &str) -> &Report {
        assert!(
            self.notes().iter().any(|note| note.contains(text)),
            "`{text}` is in none of {:#?}\n{}",
            self.notes(),
            self.shown().join("\n")
        );
        self
    }

    /// `rule subject`, with `covered SOURCE`, `not counted` or nothing, for every result, sorted.
    pub fn shown(&self) -> Vec<String> {
        let mut all: Vec<String> = self.0["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| {
                let mut line = format!("{} {}", result["rule"].as_str().unwrap(), result["subject"]["id"].as_str().unwrap());
                if result["status"] != "fail" {
                    write!(line, " {}", result["status"].as_str().unwrap()).unwrap();
                }
                if let Some(source) = result["exception"]["source"].as_str() {
                    write!(line, " covered {source}").unwrap();
                } else if result["counts"] == false {
                    line.push_str(" not counted");
                }
                line
            })
            .collect();
        all.sort();
        all
    }

    /// Exactly these results, as [`Report::shown`] writes them.
    #[track_caller]
    pub fn results(&self, expected: &[&str]) -> &Report {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(self.shown(), expected, "{:#}", self.0["verdict"]);
        self
    }

    /// The first result of this rule.
    #[track_caller]
    pub fn of(&self, rule: &str) -> &Value {
        let found = self.0["results"].as_array().unwrap().iter().find(|result| result["rule"] == rule);
        found.unwrap_or_else(|| panic!("no `{rule}` in {:?}", self.shown()))
    }
}

/// A folder in a temporary place, with a home and rules beside it.
pub struct Repo {
    place: TempDir,
}

impl Repo {
    /// A folder that is in no repository.
    pub fn plain() -> Repo {
        let place = tempfile::tempdir().unwrap();
        let repo = Repo { place };
        for folder in ["repo", "home", "state"] {
            std::fs::create_dir(repo.beside(folder)).unwrap();
        }
        for (path, text) in RULES {
            put(&repo.beside("rules").join(path), text);
        }
        repo
    }

    /// A git repository without a commit.
    pub fn new() -> Repo {
        let repo = Repo::plain();
        repo.git(&["init", "-q"]);
        repo
    }

    /// The judged folder.
    pub fn top(&self) -> PathBuf {
        self.beside("repo")
    }

    /// A path beside the judged folder.
    pub fn beside(&self, path: &str) -> PathBuf {
        self.place.path().join(path)
    }

    /// The same as text.
    pub fn outside(&self, path: &str) -> String {
        self.beside(path).to_str().unwrap().to_owned()
    }

    pub fn write(&self, path: &str, text: &str) -> &Repo {
        put(&self.top().join(path), text);
        self
    }

    pub fn write_beside(&self, path: &str, text: &str) -> String {
        put(&self.beside(path), text);
        self.outside(path)
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.top().join(path)).unwrap()
    }

    pub fn remove(&self, path: &str) -> &Repo {
        std::fs::remove_file(self.top().join(path)).unwrap();
        self
    }

    pub fn rename(&self, old: &str, new: &str) -> &Repo {
        let new = self.top().join(new);
        std::fs::create_dir_all(new.parent().unwrap()).unwrap();
        std::fs::rename(self.top().join(old), new).unwrap();
        self
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_as("Ada", "ada@example.com", arguments)
    }

    pub fn git_as(&self, name: &str, email: &str, arguments: &[&str]) -> String {
        let output = self
            .command("git")
            .args(["-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always"])
            .args(arguments)
            .current_dir(self.top())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", name)
            .env("GIT_AUTHOR_EMAIL", email)
            .env("GIT_COMMITTER_NAME", name)
            .env("GIT_COMMITTER_EMAIL", email)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits everything as Ada; gives the commit's id.
    pub fn commit(&self) -> String {
        self.commit_as("Ada", "ada@example.com")
    }

    pub fn commit_as(&self, name: &str, email: &str) -> String {
        self.git(&["add", "-A"]);
        self.git_as(name, email, &["commit", "-q", "--allow-empty", "-m", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A command with nothing of this environment but the path.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.beside("home")).env("XDG_STATE_HOME", self.beside("state"));
        command
    }

    /// The program, to be run in the judged folder.
    pub fn program(&self) -> Command {
        let mut command = self.command(assert_cmd::cargo::cargo_bin!("probity"));
        command.current_dir(self.top());
        command
    }

    /// Text with the places of this test taken out.
    pub fn redact(&self, text: &[u8]) -> String {
        let text = String::from_utf8(text.to_vec()).unwrap();
        let place = self.place.path();
        let canonical = place.canonicalize().unwrap();
        text.replace(canonical.to_str().unwrap(), "[PLACE]").replace(place.to_str().unwrap(), "[PLACE]")
    }

    pub fn ended(&self, output: &Output) -> Ran {
        Ran { code: output.status.code().unwrap_or(-1), out: self.redact(&output.stdout), err: self.redact(&output.stderr) }
    }

    /// Runs the program in the judged folder.
    pub fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: &[A]) -> Ran {
        self.ended(&self.program().args(arguments).output().unwrap())
    }

    /// Runs a command that judges, by the rules of the tests alone.
    pub fn judge(&self, command: &str, arguments: &[&str]) -> Ran {
        let rules = self.outside("rules");
        let mut all = vec![command, "--policies", &rules, "--rule", "demo-*"];
        all.extend(arguments);
        self.run(&all)
    }

    /// `gate` by the rules of the tests.
    pub fn gate(&self, arguments: &[&str]) -> Ran {
        self.judge("gate", arguments)
    }

    /// `gate --format json` without evidence (its fsyncs are most of the time a small gate takes), its exit code checked.
    #[track_caller]
    pub fn report(&self, code: i32, arguments: &[&str]) -> Report {
        let mut all = vec!["--evidence", "none"];
        all.extend(arguments);
        self.recorded(code, &all)
    }

    /// `gate --format json`, its exit code checked.
    #[track_caller]
    pub fn recorded(&self, code: i32, arguments: &[&str]) -> Report {
        let mut all = vec!["--format", "json"];
        all.extend(arguments);
        Report(self.gate(&all).code(code).json())
    }

    /// Makes an SSH key pair beside the judged folder; gives the path of the private key and the line of the public one.
    pub fn ssh_key(&self, name: &str) -> (String, String) {
        let path = self.outside(name);
        let output = self.command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", &path]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let public = std::fs::read_to_string(format!("{path}.pub")).unwrap().trim().to_owned();
        (path, public)
    }

    /// Signs a file of the judged folder, as a person would with `ssh-keygen`.
    pub fn ssh_sign(&self, key: &str, namespace: &str, file: &Path) {
        let mut signature = file.as_os_str().to_owned();
        signature.push(".sig");
        // Else `ssh-keygen` asks whether to overwrite it.
        let _was_not_there = std::fs::remove_file(PathBuf::from(signature));
        let output = self.command("ssh-keygen").args(["-q", "-Y", "sign", "-n", namespace, "-f", key]).arg(file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
