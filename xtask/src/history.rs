//! A synthetic git history, the same for the same number of commits: text that changes, files that move, branches that are merged, and
//! keys that are added and taken away again. For measuring and trying; made by the git program.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// A small generator of numbers, the same everywhere (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

const WORDS: &[&str] = &[
    "account", "amount", "balance", "batch", "booking", "card", "clearing", "currency", "customer", "fee", "invoice", "ledger", "limit",
    "merchant", "order", "payment", "refund", "settle", "token", "transfer", "value", "vault",
];

fn text(numbers: &mut Numbers, lines: u64) -> String {
    let mut out = String::new();
    for line in 0..lines {
        let word = |numbers: &mut Numbers| WORDS[usize::try_from(numbers.below(WORDS.len() as u64)).unwrap_or(0)];
        let (a, b, c) = (word(numbers), word(numbers), word(numbers));
        let _ = match line % 4 {
            0 => writeln!(out, "fn {a}_{b}_{line}({c}: u64) -> u64 {{"),
            1 => writeln!(out, "    let {b} = {c} * {};", numbers.below(1000)),
            2 => writeln!(out, "    {a}::{c}(\"{b}\", {b})"),
            _ => writeln!(out, "}}"),
        };
    }
    out
}

/// An invented key in the shape of a real one.
fn key(numbers: &mut Numbers) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let tail: String = (0..16).map(|_| char::from(LETTERS[usize::try_from(numbers.below(LETTERS.len() as u64)).unwrap_or(0)])).collect();
    format!("AKIA{tail}")
}

/// Makes the history in `folder`, which must not exist yet.
pub fn make(folder: &Path, commits: u64) -> Result<()> {
    if folder.exists() {
        bail!("`{}` is there already", folder.display());
    }
    std::fs::create_dir_all(folder)?;
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "init.defaultBranch=main"]).args(arguments).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
        command
    };
    if !git(&["init", "-q"]).status()?.success() {
        bail!("`git init` failed");
    }
    let mut import = git(&["fast-import", "--quiet", "--done"]).stdin(Stdio::piped()).spawn().context("`git fast-import`")?;
    let mut out = std::io::BufWriter::new(import.stdin.take().context("no input")?);
    let mut numbers = Numbers(0x5eed_5eed_5eed_5eed);
    let mut leaked: Option<String> = None;
    for commit in 1..=commits {
        let side = commit % 50 == 25;
        let branch = if side { "refs/heads/side" } else { "refs/heads/main" };
        writeln!(out, "commit {branch}\nmark :{commit}")?;
        writeln!(out, "committer Ada <ada@example.com> {} +0000", 1_600_000_000 + commit * 3600)?;
        let message = format!("change {commit}\n");
        write!(out, "data {}\n{message}", message.len())?;
        if side || commit % 50 == 26 && commit > 2 {
            // The side branch begins at the commit before; what comes after the side commit begins there too.
            let from = if side { commit - 1 } else { commit - 2 };
            writeln!(out, "from :{from}")?;
        } else if commit > 1 {
            writeln!(out, "from :{}", commit - 1)?;
        }
        if commit % 50 == 27 && commit > 2 {
            writeln!(out, "merge :{}", commit - 2)?;
        }
        for _ in 0..=numbers.below(3) {
            let path = format!("service-{}/src/module_{}/part_{}.rs", numbers.below(12), numbers.below(9), numbers.below(8));
            let lines = 20 + numbers.below(120);
            let body = text(&mut numbers, lines);
            write!(out, "M 100644 inline {path}\ndata {}\n{body}\n", body.len())?;
        }
        if let Some(path) = leaked.take() {
            writeln!(out, "D {path}")?;
        } else if commit % 500 == 100 {
            let path = format!("service-{}/deploy-{commit}.env", numbers.below(12));
            let body = format!("REGION=eu-central-1\nAWS_ACCESS_KEY_ID={}\n", key(&mut numbers));
            write!(out, "M 100644 inline {path}\ndata {}\n{body}\n", body.len())?;
            leaked = Some(path);
        }
    }
    writeln!(out, "done")?;
    out.flush()?;
    drop(out);
    if !import.wait()?.success() {
        bail!("`git fast-import` failed");
    }
    if !git(&["reset", "-q", "--hard", "main"]).status()?.success() {
        bail!("`git reset` failed");
    }
    println!("{}: {commits} commits", folder.display());
    Ok(())
}
