//! Passphrases of keys: from the environment, else asked for on the terminal, where they are not shown.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Read as _, Stdin, Write as _};
use std::os::unix::ffi::OsStringExt as _;

use anyhow::Result;
use probity_kms::Secret;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::Wrong;

/// Variables that may hold it; the first that is set counts, also an empty one.
const VARIABLES: [&str; 2] = ["PROBITY_KEY_PASSWORD", "COSIGN_PASSWORD"];
/// Longest passphrase that is typed, in bytes.
const MAX: usize = 1024;

/// The passphrase that opens a key.
pub(crate) fn to_open(what: &str) -> Result<Zeroizing<Vec<u8>>> {
    match from_environment() {
        Some(passphrase) => Ok(passphrase),
        None => ask(&format!("Passphrase of {what}: ")),
    }
}

/// The passphrase for a new key, typed twice where it is typed.
pub(crate) fn for_new_key() -> Result<Zeroizing<Vec<u8>>> {
    if let Some(passphrase) = from_environment() {
        return Ok(passphrase);
    }
    let first = ask("Passphrase for the new key: ")?;
    if first != ask("Once more: ")? {
        return Err(Wrong::hint("the two passphrases differ", None).into());
    }
    Ok(first)
}

/// The PIN of a token, asked for; `None` where there is nobody to ask, or none is given.
pub(crate) fn pin(prompt: &str) -> Option<Secret> {
    let typed = std::io::stdin().is_terminal().then(|| ask(prompt)).and_then(Result::ok)?;
    std::str::from_utf8(&typed).ok().filter(|pin| !pin.is_empty()).map(Secret::new)
}

fn from_environment() -> Option<Zeroizing<Vec<u8>>> {
    VARIABLES.iter().find_map(std::env::var_os).map(OsString::into_vec).map(Zeroizing::new)
}

fn ask(prompt: &str) -> Result<Zeroizing<Vec<u8>>> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        let hint = "set `PROBITY_KEY_PASSWORD` or `COSIGN_PASSWORD`, which may be empty";
        return Err(Wrong::hint("a passphrase is needed, and standard input is no terminal to ask on", Some(hint)).into());
    }
    let say = |text: &str| {
        let mut out = std::io::stderr().lock();
        let _nobody_listens = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    };
    say(prompt);
    let typed = Quiet::new(&input).and_then(|_quiet| line(&input));
    say("\n");
    match typed {
        Ok(Some(passphrase)) => Ok(passphrase),
        Ok(None) => Err(Wrong::hint("no passphrase was given", None).into()),
        Err(error) => Err(anyhow::Error::new(error).context("the terminal gave no passphrase")),
    }
}

/// The terminal, showing nothing of what is typed until this is dropped. Keys that would interrupt the program come in as letters, so
/// that it never ends with the terminal left like this.
struct Quiet<'a> {
    input: &'a Stdin,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn new(input: &'a Stdin) -> std::io::Result<Quiet<'a>> {
        let before = tcgetattr(input)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(input, OptionalActions::Flush, &quiet)?;
        Ok(Quiet { input, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _it_is_gone = tcsetattr(self.input, OptionalActions::Now, &self.before);
    }
}

/// One line, letter by letter; `None` where the person gave up.
fn line(input: &Stdin) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    const INTERRUPT: u8 = 0x03;
    const END: u8 = 0x04;
    const BACKSPACE: u8 = 0x08;
    const KILL: u8 = 0x15;
    const QUIT: u8 = 0x1c;
    const DELETE: u8 = 0x7f;
    // Never grows, so that no copies stay behind.
    let mut typed = Zeroizing::new(Vec::with_capacity(MAX));
    for byte in input.lock().bytes() {
        match byte? {
            b'\n' | b'\r' => return Ok(Some(typed)),
            INTERRUPT | QUIT => return Ok(None),
            END if typed.is_empty() => return Ok(None),
            END => return Ok(Some(typed)),
            KILL => typed.clear(),
            // One letter of UTF-8: its first byte and all that go on from it.
            BACKSPACE | DELETE => while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            byte if typed.len() < MAX => typed.push(byte),
            _ => return Ok(None),
        }
    }
    Ok(None)
}
