//! Attempts on objects that are kept, against our stand-in of S3 and real servers: what each refuses, and that we never say sealed of what
//! is not.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use probity_attest::statement::{Descriptor, Statement};
use probity_attest::{SigningKey, sha256};
use probity_core::Timestamp;
use probity_ledger::{SharedLedger, SharedStorage, VerifyOptions, verify};
use probity_store::s3::{Condition, ETag, Put};
use probity_store::{Credentials, Hold, Mode, ObjectStorage, Reach, S3, S3Worm, SealError, StoreError, confirm, extend, seal};
use probity_testkit::s3::{KEY_ID, SECRET, StubS3};

/// A server that runs until this is dropped.
struct Server {
    name: &'static str,
    endpoint: String,
    _stub: Option<StubS3>,
    child: Option<Child>,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start(name: &'static str, folder: Option<tempfile::TempDir>, mut command: Command, port: u16) -> Result<Server> {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().with_context(|| format!("{name} does not start"))?;
    let server = Server { name, endpoint: format!("http://127.0.0.1:{port}"), _stub: None, child: Some(child), _folder: folder };
    for _ in 0..300 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(server);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("{name} does not listen")
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// What became of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Refused,
    Done,
    /// Done, and what was kept is still there.
    Kept,
    /// Something else went wrong.
    Other(u16),
}

impl Outcome {
    fn word(self) -> String {
        match self {
            Outcome::Refused => "refused".to_owned(),
            Outcome::Done => "**done**".to_owned(),
            Outcome::Kept => "old version kept".to_owned(),
            Outcome::Other(status) => format!("error {status}"),
        }
    }
}

fn outcome<T>(result: Result<T, StoreError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Done,
        Err(error) => match error.status() {
            Some(400 | 403 | 409 | 412) => Outcome::Refused,
            status => Outcome::Other(status.unwrap_or(0)),
        },
    }
}

fn after(seconds: i64) -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    Timestamp { seconds: i64::try_from(now).unwrap_or(0) + seconds, nanoseconds: 0 }
}

fn client(server: &Server, bucket: &str) -> Result<S3> {
    let place = format!("s3://{bucket}?endpoint={}", server.endpoint).parse()?;
    Ok(S3::with(place, Credentials::of_keys(KEY_ID, SECRET), Reach::default())?)
}

/// A column of the table, and what must not be.
struct Column {
    name: &'static str,
    rows: Vec<(&'static str, String)>,
    wrong: Vec<String>,
}

/// An object that is sealed, and its version.
fn kept(store: &S3Worm, name: &str, mode: Mode, legal_hold: bool) -> Result<(probity_store::Sealed, String)> {
    let sealed = seal(store, name, name.as_bytes(), &Hold { mode, until: after(3600), legal_hold })?;
    let version = sealed.version().context("it has no version")?.to_owned();
    Ok((sealed, version))
}

fn judge(server: &Server) -> Result<Column> {
    let store = S3Worm(client(server, "worm-judge")?);
    let s3 = &store.0;
    s3.create_bucket(true)?;
    let plain = client(server, "worm-judge-plain")?;
    plain.create_bucket(false)?;
    let mut column = Column { name: server.name, rows: Vec::new(), wrong: Vec::new() };
    let mut misses = Vec::new();
    let mut put = |what: &'static str, outcome: Outcome| {
        // What may be done says so in the table; anything else that is done is a gap of that server.
        let may = matches!(what, "compliance: extend" | "governance: delete it with the bypass header");
        if (outcome == Outcome::Done) != may || matches!(outcome, Outcome::Other(_)) {
            misses.push(what);
        }
        let word = if may && outcome == Outcome::Done { "done, as it may be".to_owned() } else { outcome.word() };
        column.rows.push((what, word));
    };

    let (sealed, version) = kept(&store, "compliance", Mode::Compliance, false)?;
    let is_there =
        || s3.get_version("compliance", Some(&version), 100).is_ok_and(|object| object.is_some_and(|object| object.bytes == b"compliance"));
    put("compliance: delete the version", outcome(s3.delete("compliance", Some(&version), false)));
    put("compliance: delete it with the bypass header", outcome(s3.delete("compliance", Some(&version), true)));
    let overwritten = outcome(s3.put("compliance", b"other", &Condition::None, None));
    put("compliance: overwrite", if overwritten == Outcome::Done && is_there() { Outcome::Kept } else { overwritten });
    let deleted = outcome(s3.delete("compliance", None, false));
    put("compliance: delete without a version", if deleted == Outcome::Done && is_there() { Outcome::Kept } else { deleted });
    let (weakened, version) = kept(&store, "weakened", Mode::Compliance, false)?;
    put("compliance: change to governance", outcome(s3.put_retention("weakened", Some(&version), Mode::Governance, after(7200), true)));
    let (shortened, version) = kept(&store, "shortened", Mode::Compliance, false)?;
    put("compliance: shorten", outcome(s3.put_retention("shortened", Some(&version), Mode::Compliance, after(600), true)));
    put("compliance: extend", outcome(s3.put_retention("shortened", Some(&version), Mode::Compliance, after(7200), false)));
    let (_, version) = kept(&store, "governance", Mode::Governance, false)?;
    put("governance: delete the version", outcome(s3.delete("governance", Some(&version), false)));
    put("governance: shorten", outcome(s3.put_retention("governance", Some(&version), Mode::Governance, after(600), false)));
    put("governance: delete it with the bypass header", outcome(s3.delete("governance", Some(&version), true)));
    let (_, version) = kept(&store, "held", Mode::Governance, true)?;
    put("legal hold: delete the version with the bypass header", outcome(s3.delete("held", Some(&version), true)));
    let past = Hold { mode: Mode::Compliance, until: after(-3600), legal_hold: false };
    put("write with a date in the past", outcome(s3.put("past", b"1", &Condition::None, Some(&past))));
    let hold = Hold { mode: Mode::Compliance, until: after(3600), legal_hold: false };
    put("write with a retention where Object Lock is off", outcome(plain.put("x", b"1", &Condition::None, Some(&hold))));
    let lost = |put: Result<Put, StoreError>| match put {
        Ok(Put::Lost) => Outcome::Refused,
        put => outcome(put),
    };
    plain.put("condition", b"1", &Condition::None, None)?;
    put("`If-None-Match: *` where there is one", lost(plain.put("condition", b"2", &Condition::Absent, None)));
    put(
        "`If-Match` with another tag",
        lost(plain.put("condition", b"2", &Condition::Matches(ETag("\"00000000000000000000000000000000\"".to_owned())), None)),
    );

    if server.child.is_none() {
        column.wrong.extend(misses.iter().map(|what| format!("the stand-in is not strict: {what}")));
    }
    // What we say: nothing less is asked for, whatever the server would do; and what was weakened behind our back is not called sealed.
    let (_, _) = kept(&store, "ours", Mode::Compliance, false)?;
    let ours = confirm(&store, "ours", sha256(b"ours"), &hold_of(3000))?;
    let shorter = extend(&store, &ours, &hold_of(600));
    let weaker = extend(&store, &ours, &Hold { mode: Mode::Governance, ..hold_of(7200) });
    let refuses = matches!(shorter, Err(SealError::Shorter { .. })) && matches!(weaker, Err(SealError::Weaker(_)));
    column.rows.push(("our own client asked to shorten or weaken", if refuses { "not sent".to_owned() } else { "**sent**".to_owned() }));
    if !refuses {
        column.wrong.push("our client asked for less".to_owned());
    }
    let mut honest = true;
    for sealed in [&weakened, &shortened] {
        let asked = Hold { mode: Mode::Compliance, until: after(3000), legal_hold: false };
        let said = confirm(&store, sealed.name(), sealed.sha256(), &asked).is_ok();
        let seen = store.0.look(sealed.name(), sealed.version())?.and_then(|seen| seen.retention);
        let true_now = seen.is_some_and(|(mode, until)| mode == Mode::Compliance && until.seconds >= asked.until.seconds);
        honest &= said == true_now;
    }
    // Somebody put other content before it: the name does not lead to what was sealed any more.
    honest &= confirm(&store, sealed.name(), sealed.sha256(), &hold_of(60)).is_err();
    let lies = seal(&S3Worm(client(server, "worm-judge-plain")?), "y", b"1", &hold_of(3600)).is_ok();
    column.rows.push(("`sealed` said of what is not", if honest && !lies { "never".to_owned() } else { "**yes**".to_owned() }));
    if !honest || lies {
        column.wrong.push("sealed was said of what is not".to_owned());
    }
    let log = log(server)?;
    if log.contains("**") {
        column.wrong.push(format!("the log: {log}"));
    }
    column.rows.push(("one log, four writers, 24 records", log));
    Ok(column)
}

fn hold_of(seconds: i64) -> Hold {
    Hold { mode: Mode::Compliance, until: after(seconds), legal_hold: false }
}

/// Four writers append to one log at once.
fn log(server: &Server) -> Result<String> {
    let storage = || -> Result<Arc<dyn SharedStorage>> {
        Ok(Arc::new(ObjectStorage::new(client(server, "worm-judge-plain/log")?, &Reach::default())))
    };
    let key = || -> Result<Arc<SigningKey>> { Ok(Arc::new(SigningKey::from_seed(&[3; 32])?)) };
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                scope.spawn(move || -> Result<()> {
                    let (storage, key) = (storage()?, key()?);
                    let mut ledger = SharedLedger::open_or_create(storage, Arc::clone(&key) as _, "example.com/judge")?;
                    for number in 0..6 {
                        let subject = Descriptor::sha256(format!("{writer}.{number}"), sha256(b"x"));
                        let statement = Statement {
                            subjects: vec![subject],
                            predicate_type: "https://example.com/judge".into(),
                            predicate: serde_json::Map::new(),
                        };
                        ledger.append(statement.sign(&*key)?, Vec::new())?;
                    }
                    Ok(())
                })
            })
            .collect();
        writers.into_iter().try_for_each(|writer| writer.join().unwrap_or_else(|_| bail!("a writer panicked")))
    })?;
    let report = verify(&*storage()?, &VerifyOptions { key: Some(key()?.verifying_key()), ..VerifyOptions::default() });
    Ok(match report {
        Ok(report) if report.checkpoint.size == 24 => "verified, each once".to_owned(),
        Ok(report) => format!("**{} records**", report.checkpoint.size),
        Err(error) => format!("**refused: {error}**"),
    })
}

/// Runs the attempts and prints the table.
pub fn run(versitygw: Option<&Path>, moto: Option<&Path>) -> Result<()> {
    let stub = StubS3::start()?;
    let mut servers = vec![Server { name: "stand-in", endpoint: stub.endpoint(), _stub: Some(stub), child: None, _folder: None }];
    match versitygw {
        None => eprintln!("versitygw is left out: name it with --versitygw PROGRAM"),
        Some(program) => {
            // It keeps what it knows in extended attributes, which a file system in memory may not have.
            let folder = tempfile::tempdir_in(crate::shell::root())?;
            for name in ["data", "versions"] {
                std::fs::create_dir(folder.path().join(name))?;
            }
            let port = free_port()?;
            let mut command = Command::new(program);
            command.args(["--access", KEY_ID, "--secret", SECRET, "--quiet", "--port"]).arg(format!("127.0.0.1:{port}"));
            command.args(["posix", "--versioning-dir"]).arg(folder.path().join("versions")).arg(folder.path().join("data"));
            servers.push(start("versitygw", Some(folder), command, port)?);
        }
    }
    match moto {
        None => eprintln!("moto is left out: name it with --moto PROGRAM"),
        Some(program) => {
            let port = free_port()?;
            let mut command = Command::new(program);
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            servers.push(start("moto", None, command, port)?);
        }
    }
    let columns: Vec<Column> = servers.iter().map(|server| judge(server).with_context(|| server.name.to_owned())).collect::<Result<_>>()?;
    println!("| attempt | {} |", columns.iter().map(|column| column.name).collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---|".repeat(columns.len()));
    for (place, (what, _)) in columns.first().map(|column| column.rows.as_slice()).unwrap_or_default().iter().enumerate() {
        let cells: Vec<&str> = columns.iter().filter_map(|column| column.rows.get(place).map(|(_, word)| word.as_str())).collect();
        println!("| {what} | {} |", cells.join(" | "));
    }
    let wrong: Vec<String> = columns.iter().flat_map(|column| column.wrong.iter().map(|why| format!("{}: {why}", column.name))).collect();
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("; ")) }
}
