//! Runs a Gitleaks configuration over folders, the fast way and the plain way, encoded values too:
//! `secrets CONFIG [--plain|--compare|--list|--as-it-stands] DIR...`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "reads files from outside and prints")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use probity_secrets::{Context, DECODE_DEPTH, Engine, Pack, gitleaks};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let config = arguments.next().ok_or("name a Gitleaks configuration")?;
    let mode = arguments.next_if(|word| word.starts_with("--")).unwrap_or_default();
    let started = Instant::now();
    let (mut configuration, faults) = gitleaks::parse(&std::fs::read_to_string(config)?, probity_value::FileId(0));
    let ended = configuration.finish();
    for fault in faults.iter().chain(&ended) {
        eprintln!("{fault:?}");
    }
    let engine = Engine::new(vec![Pack { rules: configuration.rules, allow: configuration.allow, ..Pack::default() }])?;
    eprintln!("{} rules, read in {:?}", engine.rules().len(), started.elapsed());
    let mut files = Vec::new();
    for folder in arguments {
        list(Path::new(&folder), &mut files);
    }
    let texts: Vec<(String, Vec<u8>)> =
        files.iter().filter_map(|path| Some((path.to_string_lossy().into_owned(), std::fs::read(path).ok()?))).collect();
    let size: usize = texts.iter().map(|(_, text)| text.len()).sum();
    engine.warm()?;
    let (mut hits, mut differences) = (0, 0);
    let started = Instant::now();
    for (path, text) in &texts {
        let context = Context { path, commit: "" };
        let found = match mode.as_str() {
            "--plain" => engine.search_plain(text, context, DECODE_DEPTH),
            "--as-it-stands" => engine.scan(text, context),
            _ => engine.search(text, context, DECODE_DEPTH),
        };
        hits += found.len();
        if mode == "--compare" {
            let plain = engine.search_plain(text, context, DECODE_DEPTH);
            if plain != found {
                differences += 1;
                eprintln!("{path}: differs\n fast {found:?}\n plain {plain:?}");
            }
        }
        if mode == "--list" {
            for hit in &found {
                let rule = &engine.rules()[hit.rule].local;
                let how: Vec<String> = hit.decoded.iter().flat_map(|decoded| &decoded.encodings).map(ToString::to_string).collect();
                let secret = String::from_utf8_lossy(hit.letters(text)).into_owned();
                println!("{path}\t{rule}\t{}\t{}\t{}", hit.line, secret.escape_debug(), how.join(", "));
            }
        }
    }
    let took = started.elapsed();
    eprintln!(
        "{} files, {:.1} MB, {hits} hits, {differences} files differ, {took:?}: {:.1} MB/s",
        texts.len(),
        size as f64 / 1e6,
        size as f64 / 1e6 / took.as_secs_f64()
    );
    Ok(())
}

fn list(path: &Path, out: &mut Vec<PathBuf>) {
    if path.is_file() {
        out.push(path.to_owned());
        return;
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() && !entry.is_symlink() {
            list(&entry, out);
        } else if entry.is_file() {
            out.push(entry);
        }
    }
}
