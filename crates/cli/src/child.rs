//! Running somebody's command in between: what it writes is passed on unchanged and counted, signals reach it, its exit code is kept.
//! What is recorded about it is `commands::evidence_run`'s business.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use probity_attest::Hasher;
use probity_core::{Digest, Timestamp};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::{output, run};

/// Most bytes of one output that are kept.
const KEEP: usize = 8 << 20;
/// How often it is looked whether outputs have ended after the command has.
const TICK: Duration = Duration::from_millis(100);
/// So many looks at an output that is held open and brings nothing, and it is left: two seconds.
const IDLE_TICKS: u32 = 20;
/// How long a command has to end by itself after it was told to.
const TO_END: Duration = Duration::from_secs(5);

/// Exit codes of shells and of `timeout`.
const TIMED_OUT: u8 = 124;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
const SIGNALLED: i32 = 128;

/// Reads `90s`, `15m`, `2h` or a number of seconds.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match text.strip_prefix(digits) {
        Some("" | "s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        _ => return Err("times are written as `90s`, `15m` or `2h`".to_owned()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| format!("`{text}` is no time above zero; `90s`, `15m` or `2h` are"))
}

/// How one output went.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Why there may have been more.
    pub(crate) incomplete: Option<&'static str>,
    /// The beginning, if asked for.
    pub(crate) kept: Vec<u8>,
    /// Whether there was more than is kept.
    pub(crate) cut: bool,
}

/// How a command ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) started: Timestamp,
    pub(crate) finished: Timestamp,
    /// The code to exit with.
    pub(crate) code: u8,
    pub(crate) signal: Option<i32>,
    pub(crate) not_started: Option<String>,
    pub(crate) timed_out: bool,
    pub(crate) stdout: Passed,
    pub(crate) stderr: Passed,
}

/// What is known of an output so far.
struct Progress {
    hasher: Hasher,
    size: u64,
    kept: Vec<u8>,
    /// Whether it is being passed on right now, to somebody who may be slow to take it.
    writing: bool,
    done: bool,
    incomplete: Option<&'static str>,
}

type Shared = Arc<Mutex<Progress>>;

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn progress() -> Shared {
    Arc::new(Mutex::new(Progress { hasher: Hasher::new(), size: 0, kept: Vec::new(), writing: false, done: false, incomplete: None }))
}

fn passed(shared: &Shared) -> Passed {
    let state = locked(shared);
    let held = "a process in the background still holds it open";
    Passed {
        digest: state.hasher.clone().finish(),
        size: state.size,
        incomplete: state.incomplete.or((!state.done).then_some(held)),
        cut: !state.kept.is_empty() && (state.kept.len() as u64) < state.size,
        kept: state.kept.clone(),
    }
}

/// Writes all of it, also to a pipe that somebody made non-blocking.
fn write_all(to: &impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => std::thread::sleep(Duration::from_millis(1)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Passes on what comes until its end, or until nobody takes it. Returning closes the pipe, so that the command learns of it as it would
/// without anybody in between.
fn pass_on(mut from: impl Read, to: &impl AsFd, keep: bool, shared: &Shared) {
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => {
                locked(shared).incomplete = Some("it could not be read to its end");
                break;
            }
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        {
            let mut state = locked(shared);
            state.hasher.update(bytes);
            state.size += count as u64;
            if keep {
                let room = KEEP.saturating_sub(state.kept.len()).min(count);
                state.kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
            }
            state.writing = true;
        }
        let written = write_all(to, bytes);
        let mut state = locked(shared);
        state.writing = false;
        if written.is_err() {
            state.incomplete = Some("whoever read it went away");
            break;
        }
    }
    locked(shared).done = true;
}

/// Waits until both outputs have ended. One that a process in the background holds open, and to which nothing is written, is left.
fn drain(outputs: [&Shared; 2]) {
    let (mut idle, mut before) = (0, None);
    loop {
        let mut busy = false;
        let mut sizes = Vec::new();
        let mut done = true;
        for output in outputs {
            let state = locked(output);
            busy |= state.writing;
            done &= state.done;
            sizes.push(state.size);
        }
        if done {
            return;
        }
        let moved = before.as_ref() != Some(&sizes);
        idle = if busy || moved { 0 } else { idle + 1 };
        if idle >= IDLE_TICKS {
            output::talk("the command has ended, but a process in the background still holds its output; that process is not waited for");
            return;
        }
        before = Some(sizes);
        // Most outputs end at once.
        std::thread::sleep(if idle == 0 { Duration::from_millis(1) } else { TICK });
    }
}

/// Whom signals go to.
#[derive(Clone)]
struct Receiving {
    /// `None` once it has ended, when its number may be somebody else's.
    pid: Arc<Mutex<Option<Pid>>>,
    /// Whether it leads a process group of its own.
    group: bool,
}

impl Receiving {
    fn send(&self, signal: Signal) {
        let pid = locked(&self.pid);
        let Some(pid) = *pid else { return };
        let _it_may_have_ended = if self.group { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
    }
}

/// Signals this process was told to ignore, as by `nohup`: they are not caught, so that the command ignores them too.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// The signals that are caught from now on, so that the record is written before this process ends.
fn catch() -> Option<Signals> {
    let ignored = ignored();
    let caught = [SIGINT, SIGTERM, SIGHUP, SIGQUIT].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    Signals::new(caught).ok()
}

/// Sends on what comes. A terminal sends its interrupts to the command by itself, where both are in one group.
fn forward(mut signals: Signals, to: Receiving) {
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let signal = match signal {
                SIGTERM => Signal::TERM,
                SIGHUP => Signal::HUP,
                SIGINT if to.group => Signal::INT,
                SIGQUIT if to.group => Signal::QUIT,
                _ => continue,
            };
            to.send(signal);
        }
    });
}

/// Waits in a thread; the command's number is free for others only after nobody sends to it any more.
fn wait(mut child: Child, receiving: Receiving) -> Receiver<std::io::Result<std::process::ExitStatus>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let pid = *locked(&receiving.pid);
        if let Some(pid) = pid {
            while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
        }
        *locked(&receiving.pid) = None;
        let _nobody_waits = sender.send(child.wait());
    });
    receiver
}

/// Runs a command to its end. Its standard input is ours; its outputs are pipes that are passed on to ours.
pub(crate) fn run(program: &OsString, arguments: &[OsString], keep: bool, timeout: Option<Duration>) -> Ended {
    let (stdout, stderr) = (progress(), progress());
    // At a terminal the command has to stay in the group that may read from it.
    let group = File::open("/dev/tty").is_err();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::inherit()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if group {
        command.process_group(0);
    }
    let signals = catch();
    let started = run::now();
    let ended = |code, signal, not_started, timed_out| Ended {
        started,
        finished: run::now(),
        code,
        signal,
        not_started,
        timed_out,
        stdout: passed(&stdout),
        stderr: passed(&stderr),
    };
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let name = program.to_string_lossy();
            let (code, why) = match error.kind() {
                ErrorKind::NotFound => (NOT_FOUND, "not found".to_owned()),
                _ => (NOT_EXECUTABLE, error.to_string()),
            };
            output::talk(&format!("error: `{name}` cannot be started: {why}"));
            for stream in [&stdout, &stderr] {
                locked(stream).done = true;
            }
            return ended(code, None, Some(why), false);
        }
    };
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let receiving = Receiving { pid: Arc::new(Mutex::new(pid)), group };
    if let Some(signals) = signals {
        forward(signals, receiving.clone());
    }
    if let Some(from) = child.stdout.take() {
        let shared = Arc::clone(&stdout);
        std::thread::spawn(move || pass_on(from, &std::io::stdout(), keep, &shared));
    }
    if let Some(from) = child.stderr.take() {
        let shared = Arc::clone(&stderr);
        std::thread::spawn(move || pass_on(from, &std::io::stderr(), keep, &shared));
    }
    let receiver = wait(child, receiving.clone());
    let mut timed_out = false;
    let status = match timeout {
        None => receiver.recv().ok(),
        Some(limit) => match receiver.recv_timeout(limit) {
            Ok(status) => Some(status),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                timed_out = true;
                output::talk(&format!("the command took longer than {} s and is ended", limit.as_secs()));
                receiving.send(Signal::TERM);
                receiver.recv_timeout(TO_END).ok().or_else(|| {
                    receiving.send(Signal::KILL);
                    receiver.recv().ok()
                })
            }
        },
    };
    drain([&stdout, &stderr]);
    match status {
        Some(Ok(status)) => {
            let signal = status.signal();
            let code = status.code().or(signal.map(|signal| SIGNALLED + signal)).and_then(|code| u8::try_from(code).ok());
            let code = if timed_out { TIMED_OUT } else { code.unwrap_or(u8::MAX) };
            ended(code, signal, None, timed_out)
        }
        Some(Err(_)) | None => {
            output::talk("error: the system does not say how the command ended");
            ended(u8::MAX, None, None, timed_out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let check = |text: &str, seconds: Option<u64>| assert_eq!(parse_time(text).ok().map(|time| time.as_secs()), seconds, "{text}");
        check("90", Some(90));
        check("90s", Some(90));
        check("15m", Some(900));
        check("2h", Some(7200));
        for wrong in ["", "s", "0", "0s", "-1s", "1d", "1.5h", "99999999999999999999h"] {
            check(wrong, None);
        }
    }
}
