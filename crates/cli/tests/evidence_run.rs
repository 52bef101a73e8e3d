//! `evidence run`: the command's exit code and output are its own, whatever becomes of the record.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use common::{Ran, Repo};
use probity_attest::sha256;
use serde_json::Value;

fn recorded(repo: &Repo, options: &[&str], command: &[&str]) -> Ran {
    repo.run(&[&["evidence", "run"], options, &["--"], command].concat())
}

fn shell(repo: &Repo, options: &[&str], script: &str) -> Ran {
    recorded(repo, options, &["sh", "-c", script])
}

fn show(repo: &Repo, index: u64) -> Value {
    repo.run(&["evidence", "show", &index.to_string()]).code(0).json()
}

fn predicate(repo: &Repo, index: u64) -> Value {
    show(repo, index)["statement"]["predicate"].take()
}

#[test]
fn exit_codes_are_the_commands_own() {
    let repo = Repo::plain();
    repo.write("text", "no program\n");
    let own = [0, 1, 2, 3, 4, 126, 127, 255];
    for code in own {
        shell(&repo, &[], &format!("exit {code}")).code(code);
    }
    let by_signal = [("TERM", 143), ("KILL", 137), ("INT", 130), ("SEGV", 139), ("PIPE", 141)];
    for (signal, code) in by_signal {
        shell(&repo, &[], &format!("kill -{signal} $$")).code(code);
    }
    recorded(&repo, &[], &["no-such-command"]).code(127).says("`no-such-command` cannot be started: not found");
    recorded(&repo, &[], &["./no/such"]).code(127);
    recorded(&repo, &[], &["./text"]).code(126).says("`./text` cannot be started");
    recorded(&repo, &[], &["/"]).code(126);

    let list = repo.run(&["evidence", "list", "--format", "json"]).code(0).json();
    let codes: Vec<i64> = list["records"].as_array().unwrap().iter().map(|one| one["exit_code"].as_i64().unwrap()).collect();
    assert_eq!(codes, [0, 1, 2, 3, 4, 126, 127, 255, 143, 137, 130, 139, 141, 127, 127, 126, 126]);
    assert_eq!(list["records"][8]["signal"], 15);
    assert_eq!(list["records"][13]["not_started"], "not found");
    assert_eq!(list["records"][14]["kind"], "run");
    assert_eq!(list["records"][6]["not_started"], Value::Null, "the command itself said 127");
    repo.run(&["evidence", "list"]).code(0).prints("exit 143").prints("sh -c kill -TERM $$");
    repo.run(&["evidence", "verify"]).code(0).prints("verified 17 records");
}

#[test]
fn what_is_recorded() {
    let repo = Repo::new();
    repo.write("sub/a", "a");
    let head = repo.commit();
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
    let mut command = repo.program();
    command.current_dir(repo.beside("repo/sub")).env("VISIBLE_NAME", "hidden-value");
    command.args(["evidence", "run", "--name", "nightly restore", "--control", "soc2/CC6.1", "--control", "pci-dss-4.0.1/6.3.3"]);
    command.args(["--artifact", "made", "--artifact", "missing", "--", "sh", "-c", "echo out; echo err >&2; echo made > made"]);
    let ran = repo.ended(&command.output().unwrap()).code(0).says("err").says("the artifact `missing` is not recorded");
    assert_eq!(ran.out, "out\n");
    let record = show(&repo, 0);
    assert_eq!(record["statement"]["predicateType"], "https://probity.dev/command-run/v1");
    let run = &record["statement"]["predicate"];
    assert_eq!(run["name"], "nightly restore");
    assert_eq!(run["arguments"][1], "-c");
    assert_eq!(run["git"]["commit"], head.as_str());
    assert_eq!(run["git"]["tree"], tree.as_str());
    assert_eq!(run["git"]["folder"], "sub");
    assert_eq!(run["stdout"]["sha256"], sha256(b"out\n").to_string());
    assert_eq!(run["stdout"]["size"], 4);
    assert_eq!(run["stderr"]["sha256"], sha256(b"err\n").to_string());
    assert_eq!(run["artifacts"][0]["sha256"], sha256(b"made\n").to_string());
    assert_eq!(run["missing_artifacts"][0], "missing");
    assert_eq!(run["probity"]["controls"], serde_json::json!(["pci-dss-4.0.1/6.3.3", "soc2/CC6.1"]));
    assert!(run["user"].is_string() && run["host"].is_string() && run["program"]["sha256"].is_string());
    assert!(run["started"].as_str().unwrap() <= run["finished"].as_str().unwrap());
    let names = run["environment"].as_array().unwrap();
    assert!(names.contains(&"VISIBLE_NAME".into()));
    assert!(!record.to_string().contains("hidden-value"));
    let subjects = record["statement"]["subject"].as_array().unwrap();
    assert_eq!(subjects[0]["name"], "made");
    assert_eq!(subjects[1]["digest"]["gitCommit"], head.as_str());
    // Without `--keep-output`, no byte of the output is stored.
    assert_eq!(record["blobs"], serde_json::json!({}));
    repo.run(&["evidence", "list"]).code(0).prints("nightly restore").prints("exit 0");
}

#[test]
fn wrong_use_runs_nothing() {
    let repo = Repo::plain();
    let check = |options: &[&str], says: &str| {
        shell(&repo, options, "touch ran").code(2).says(says);
        assert!(!repo.beside("repo/ran").exists(), "{options:?}");
    };
    check(&["--control", "pci-dss-4.0.1/6.3.33"], "did you mean `pci-dss-4.0.1/6.3.3`?");
    check(&["--control", "CC6.1"], "did you mean `soc2/CC6.1`?");
    check(&["--control", "nonsense"], "the frameworks are ");
    check(&["--timeout", "soon"], "`90s`, `15m` or `2h`");
    check(&["--name", "two\nlines"], "one line");
    check(&["--evidence-key", "missing.pem"], "there is no key");
    check(&["--require-record", "--evidence", "none"], "contradict");
    repo.run(&["evidence", "run"]).code(2);
}

#[test]
fn a_lot_of_output_on_both_streams_passes_unchanged() {
    let repo = Repo::plain();
    // Every byte value, more than any pipe holds, on both at once.
    let bytes: Vec<u8> = (0..10_u32 << 20).map(|at| (at ^ (at >> 8)) as u8).collect();
    std::fs::write(repo.beside("repo/data"), &bytes).unwrap();
    let mut command = repo.program();
    command.args(["evidence", "run", "--", "sh", "-c", "cat data & cat data >&2; wait"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == bytes, "standard output was changed");
    // Before it stands what the program itself has to say.
    assert!(output.stderr.ends_with(&bytes), "standard error was changed");
    let run = predicate(&repo, 0);
    for stream in ["stdout", "stderr"] {
        assert_eq!(run[stream]["size"], bytes.len());
        assert_eq!(run[stream]["sha256"], sha256(&bytes).to_string());
        assert_eq!(run[stream]["incomplete"], Value::Null);
    }
}

#[test]
fn standard_input_is_the_commands() {
    let repo = Repo::plain();
    let feed = |script: &str, input: &[u8]| {
        let mut command = repo.program();
        command.args(["evidence", "run", "--", "sh", "-c", script]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        let input = input.to_vec();
        // Who writes to a command that does not read learns of it, or is not held up.
        let writer = std::thread::spawn(move || drop(to.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        (output.status.code(), output.stdout)
    };
    assert_eq!(feed("cat", b"a\0b\n"), (Some(0), b"a\0b\n".to_vec()));
    assert_eq!(feed("exec <&-; echo closed; exit 5", &vec![b'x'; 1 << 20]), (Some(5), b"closed\n".to_vec()));
    assert_eq!(feed("exec >&- 2>&-; exit 6", b""), (Some(6), Vec::new()));
}

#[test]
fn output_comes_while_the_command_runs_and_its_end_is_passed_back() {
    let repo = Repo::plain();
    let mut command = repo.program();
    command.args(["evidence", "run", "--", "sh", "-c", "echo first; read answer; echo $answer; exec yes"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut first = [0; 6];
    out.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"first\n", "the command has not got its answer yet, so it still runs");
    child.stdin.take().unwrap().write_all(b"second\n").unwrap();
    let mut second = [0; 7];
    out.read_exact(&mut second).unwrap();
    assert_eq!(&second, b"second\n");
    // The reader goes away; the command gets to know it, as it would without anybody in between.
    drop(out);
    assert_eq!(child.wait().unwrap().code(), Some(141));
    let run = predicate(&repo, 0);
    assert_eq!(run["signal"], 13);
    assert_eq!(run["stdout"]["incomplete"], "whoever read it went away");
}

#[test]
fn a_process_in_the_background_is_not_waited_for() {
    let repo = Repo::plain();
    shell(&repo, &[], "sleep 600 & echo $! > pid; echo done; exit 9").code(9).prints("done").says("in the background");
    assert_eq!(predicate(&repo, 0)["stdout"]["incomplete"], "a process in the background still holds it open");
    let pid = repo.read("pid");
    assert!(std::process::Command::new("kill").arg(pid.trim()).status().unwrap().success(), "it still ran");
}

#[test]
fn signals_reach_the_command_and_its_children() {
    let check = |signal: &str, script: &str, code: i32, out: &str| {
        let repo = Repo::plain();
        let mut command = repo.program();
        command.args(["evidence", "run", "--", "sh", "-c", script]);
        // Without a terminal, the command leads a group of its own; with one, the terminal sends to both.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut from = child.stdout.take().unwrap();
        let mut ready = [0; 6];
        from.read_exact(&mut ready).unwrap();
        let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut rest = String::new();
        from.read_to_string(&mut rest).unwrap();
        assert_eq!((child.wait().unwrap().code(), rest.as_str()), (Some(code), out), "{signal} {script}");
        assert_eq!(predicate(&repo, 0)["exit_code"], code);
    };
    check("-TERM", "echo ready; read x", 143, "");
    check("-TERM", "trap 'echo caught; exit 7' TERM; echo ready; read x", 7, "caught\n");
    check("-HUP", "trap 'echo caught; exit 8' HUP; echo ready; read x", 8, "caught\n");
    if std::fs::File::open("/dev/tty").is_err() {
        check("-INT", "trap 'echo caught; exit 9' INT; echo ready; read x", 9, "caught\n");
        // The whole group: the shell waits for its child, which ends by the signal.
        check("-TERM", "trap : TERM; echo ready; sleep 600; exit 11", 11, "");
    }
}

#[test]
fn a_command_that_takes_too_long_is_ended() {
    let repo = Repo::plain();
    shell(&repo, &["--timeout", "1s"], "exec sleep 600").code(124).says("took longer than 1 s");
    let run = predicate(&repo, 0);
    assert_eq!((&run["timed_out"], &run["signal"], &run["exit_code"]), (&true.into(), &15.into(), &124.into()));
    shell(&repo, &["--timeout", "10m"], "exit 3").code(3);
}

#[test]
fn secrets_are_masked() {
    let repo = Repo::plain();
    let key = format!("AKIA{}", "Z7VRSQ5TJN2XMPLD");
    let mut command = repo.program();
    command.env("DEPLOY_TOKEN", "correct-horse-battery");
    command.args(["evidence", "run", "--keep-output", "--", "sh", "-c"]);
    command.arg(format!("echo \"got $DEPLOY_TOKEN\"; echo {key} >&2; printf 'plain\\n'"));
    command.args(["name", "--password", "tr0ub4dor", "--api-key=abcdef", "https://ada:xyzzy@example.com/"]);
    let ran = repo.ended(&command.output().unwrap()).code(0);
    assert_eq!(ran.out, "got correct-horse-battery\nplain\n", "what passes through is not changed");
    assert!(ran.err.contains(&key));
    let record = show(&repo, 0);
    assert_eq!(record["blobs"]["stdout"]["text"], "got [redacted: DEPLOY_TOKEN]\nplain\n");
    assert_eq!(record["statement"]["predicate"]["stdout"]["sha256"], sha256(ran.out.as_bytes()).to_string());
    let arguments = record["statement"]["predicate"]["arguments"].to_string();
    assert!(arguments.contains("--api-key=[redacted: api-key]") && arguments.contains("https://ada:[redacted: "), "{arguments}");
    // Nowhere in the folder of the log, whatever the file.
    let secrets = ["correct-horse-battery", key.as_str(), "tr0ub4dor", "abcdef\"", "xyzzy"];
    let mut folders = vec![repo.beside("state")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            // Records hold their statement in base64.
            let decoded: Vec<u8> = base64_parts(&bytes);
            for secret in secrets {
                let found = |text: &[u8]| text.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!found(&bytes) && !found(&decoded), "{} holds {secret}", path.display());
            }
        }
    }
    assert!(files > 4);
    repo.run(&["evidence", "verify"]).code(0).prints("2 stored files");
}

/// All that is written in base64 between quotes in these bytes.
fn base64_parts(bytes: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = String::from_utf8_lossy(bytes);
    text.split('"').filter_map(|part| base64::engine::general_purpose::STANDARD.decode(part).ok()).flatten().collect()
}

#[test]
fn large_arguments_go_into_a_stored_file() {
    let repo = Repo::plain();
    let long = "x".repeat(100_000);
    recorded(&repo, &[], &["true", "short", &long]).code(0);
    let record = show(&repo, 0);
    let arguments = &record["statement"]["predicate"]["arguments"];
    assert_eq!(*arguments, serde_json::json!(["true", "short", "[1 more in the stored file `command`]"]));
    assert_eq!(record["blobs"]["command"]["arguments"][2], long);
}

#[test]
fn a_record_that_cannot_be_written() {
    let repo = Repo::plain();
    let file = repo.write_beside("file", "no folder");
    let log = format!("{file}/log");
    // Told, and nothing else: the code and the output are the command's.
    for code in [0, 1, 3] {
        let ran = shell(&repo, &["--evidence", &log], &format!("echo out; exit {code}")).code(code).says("could not be recorded");
        assert_eq!(ran.out, "out\n");
    }
    // A log that cannot be opened keeps the command from being run where a record is required.
    shell(&repo, &["--evidence", &log, "--require-record"], "touch ran").code(3).says("the command is not run");
    assert!(!repo.beside("repo/ran").exists());
    // One that breaks while the command runs.
    let log = repo.outside("log");
    let breaks = "rm -r ../log; echo x > ../log";
    shell(&repo, &["--evidence", &log], &format!("{breaks}; exit 5")).code(5).says("could not be recorded");
    std::fs::remove_file(&log).unwrap();
    shell(&repo, &["--evidence", &log, "--require-record"], breaks).code(3).says("could not be recorded");
    std::fs::remove_file(&log).unwrap();
    shell(&repo, &["--evidence", &log, "--require-record"], "exit 6").code(6);
    shell(&repo, &["--evidence", "none"], "exit 7").code(7).says("proves nothing later");
}
