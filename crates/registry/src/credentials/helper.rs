//! Credential helpers: programs `docker-credential-NAME` that keep credentials somewhere safe.
//!
//! They get the name of the registry on standard input and answer `{"Username", "Secret"}` on standard output.
#![allow(clippy::disallowed_methods, reason = "the one program that is run is the one the user's own configuration names")]

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use super::{Credential, CredentialError};

/// Largest answer of a helper, in bytes.
const LARGEST: u64 = 1 << 20;
/// How long is waited before it is looked again whether a helper has ended.
const PAUSE: Duration = Duration::from_millis(5);
/// What helpers say where they know nothing of a registry.
const UNKNOWN: &str = "credentials not found in native keychain";

/// Asks a helper; none where it knows nothing.
pub(crate) fn ask(name: &str, server: &str, deadline: Duration) -> Result<Option<Credential>, CredentialError> {
    run(&format!("docker-credential-{name}"), server, deadline)
}

/// Asks a program.
pub(super) fn run(program: &str, server: &str, deadline: Duration) -> Result<Option<Credential>, CredentialError> {
    let wrong = |why: String| CredentialError::Helper { program: program.to_owned(), why };
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| wrong(format!("cannot be run: {error}")))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (sender, receiver) = mpsc::channel();
    let server = server.to_owned();
    // The threads end with the pipes. Nobody waits for them: a child of the helper may keep these open.
    std::thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            // A helper that does not read what it is asked answers all the same, or not.
            let _not_read = stdin.write_all(server.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
        }
    });
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        let read = stdout.map(|stdout| stdout.take(LARGEST + 1).read_to_end(&mut answer));
        let _nobody_waits = sender.send(read.is_some_and(|read| read.is_ok()).then_some(answer));
    });
    let answer = receiver.recv_timeout(deadline);
    let large = matches!(&answer, Ok(Some(answer)) if answer.len() as u64 > LARGEST);
    // What has answered ends soon; what has not is ended.
    let status = if answer.is_ok() && !large { ended(&mut child, deadline) } else { Ok(None) };
    let _it_has_ended = child.kill();
    let _its_status_is_known = child.wait();
    if large {
        return Err(wrong(format!("answers with more than {LARGEST} bytes")));
    }
    let status = status.map_err(|error| wrong(format!("cannot be waited for: {error}")))?;
    let (Ok(answer), Some(status)) = (answer, status) else {
        return Err(wrong(format!("does not answer within {} seconds", deadline.as_secs().max(1))));
    };
    let answer = answer.ok_or_else(|| wrong("gives no answer".to_owned()))?;
    if !status.success() {
        // What else it says may hold anything, and is not told.
        let knows_nothing = String::from_utf8_lossy(&answer).trim().to_ascii_lowercase().contains(UNKNOWN);
        return if knows_nothing { Ok(None) } else { Err(wrong(format!("fails ({status})"))) };
    }
    read(&answer).map_err(wrong)
}

/// How a helper ended; none where it has not, in that time.
fn ended(child: &mut Child, deadline: Duration) -> std::io::Result<Option<ExitStatus>> {
    let mut left = deadline;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let Some(rest) = left.checked_sub(PAUSE) else { return Ok(None) };
        left = rest;
        std::thread::sleep(PAUSE);
    }
}

/// Reads the answer of a helper.
fn read(answer: &[u8]) -> Result<Option<Credential>, String> {
    let value: Value = serde_json::from_slice(answer).map_err(|_| "does not answer in JSON")?;
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    match (text("Username"), text("Secret")) {
        (Some(_), Some("")) => Ok(None),
        (Some(name), Some(secret)) => Ok(Some(Credential::password(name, secret))),
        _ => Err("does not answer with a name and a secret".to_owned()),
    }
}
