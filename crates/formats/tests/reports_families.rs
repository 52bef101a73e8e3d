//! Each family of reports, up to findings: what was read stands beside the report it was read from, in `reports/NAME.txt`.
//! `PROBITY_WRITE=1 cargo test -p probity-formats --test reports_families` writes them anew.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use probity_core::{Digest, Severity};
use probity_formats::reports::{self, FORMATS, statement};
use probity_formats::sarif_in::{ReadOptions, to_findings};
use probity_value::SourceMap;

/// Files of the target the reports are about.
fn exists(path: &str) -> bool {
    matches!(
        path,
        "src/app.py"
            | "src/settings.py"
            | "infra/main.tf"
            | "package-lock.json"
            | "yarn.lock"
            | "Cargo.lock"
            | "requirements.txt"
            | "poetry.lock"
            | "cmd/main.go"
            | "lib/log4j-core-2.14.0.jar"
    )
}

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "txt"));
    files.sort();
    files
}

/// A digest that is different for different bytes, for tests.
fn digest(bytes: &[u8]) -> Digest {
    let mut out = [0_u8; 32];
    for (at, byte) in bytes.iter().enumerate() {
        let slot = at % 32;
        out[slot] = out[slot].wrapping_mul(31).wrapping_add(*byte).wrapping_add(u8::try_from(at % 251).unwrap());
    }
    Digest(out)
}

/// Everything of one report, in lines.
fn shown(text: &str) -> String {
    let texts = SourceMap::new();
    let file = texts.add("report", text);
    let options = ReadOptions { root: "/srv/shop", prefix: "", exists: &exists };
    let (format, external) = reports::read(text, file, "report", None, options);
    assert_eq!(reports::detect(text.as_bytes()), Ok(format));
    let mut out = format!("{format}\n");
    for run in &external.runs {
        writeln!(out, "{}{}", statement(run), if run.successful { "" } else { " (failed)" }).unwrap();
        let findings = to_findings(run, &digest);
        for (result, finding) in run.results.iter().zip(&findings) {
            let lines = if result.line == 0 {
                String::new()
            } else {
                format!(":{}:{}-{}:{}", result.line, result.column, result.end_line, result.end_column)
            };
            let place = if result.file.is_empty() { "-" } else { &result.file };
            let outside = if result.inside { "" } else { " (outside)" };
            writeln!(out, "\n{} {} {} {}", result.status, result.severity, result.confidence, finding.rule.id).unwrap();
            writeln!(out, "  at {place}{lines}{outside}, of {}", finding.subject.id).unwrap();
            writeln!(out, "  {}", result.message).unwrap();
            for (name, text) in [("title", &*result.title), ("why", &*result.why), ("fix", &*result.fix)] {
                if !text.is_empty() {
                    writeln!(out, "  {name}: {text}").unwrap();
                }
            }
            if !result.aliases.is_empty() {
                writeln!(out, "  also: {}", result.aliases.iter().map(|id| &**id).collect::<Vec<_>>().join(", ")).unwrap();
            }
            let prints: Vec<String> = result.fingerprints.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if !prints.is_empty() {
                writeln!(out, "  known by: {}", prints.join(", ")).unwrap();
            }
            if let Some(reason) = &result.suppressed {
                writeln!(out, "  suppressed: {reason}").unwrap();
            }
        }
    }
    for one in &external.diagnostics {
        let at = texts.locate(one.span).map_or_else(|| "-".to_owned(), |(_, start, _)| format!("{}:{}", start.line, start.column));
        writeln!(out, "\n{:?} {} at {at}: {}", one.level, one.code, one.message).unwrap();
    }
    out
}

#[test]
fn samples_are_read_as_written_down() {
    let write = std::env::var_os("PROBITY_WRITE").is_some();
    for path in samples() {
        let text = std::fs::read_to_string(&path).unwrap();
        let found = shown(&text);
        let mut beside = path.clone();
        beside.as_mut_os_string().push(".txt");
        if write {
            std::fs::write(&beside, &found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(&beside).unwrap_or_default(), "{}", path.display());
    }
}

#[test]
fn every_format_has_a_sample() {
    let read: Vec<&str> = samples().iter().map(|path| reports::detect(&std::fs::read(path).unwrap()).unwrap()).collect();
    for name in reports::names().filter(|name| *name != reports::SARIF) {
        assert!(read.contains(&name), "{name}");
    }
}

#[test]
fn no_secret_comes_through() {
    let secrets = [
        "R8dK2mVx0QwYt5ZbN3sLcHf7JgUaEp1oTiXy",
        "Z7QXMR4WVTNB2LKP",
        "correct-horse-battery",
        "s3cr3t-session",
        "zqXw81TmPcR0vBn4",
        "hunter2",
        "90b62798bbd3a9134cdf67e9ee187ab37ee7871e",
        "user:pw",
    ];
    let all: String = samples().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for secret in secrets {
        assert!(all.contains(secret), "the samples hold {secret}");
    }
    for path in samples() {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = SourceMap::new().add("report", text.as_str());
        let external = reports::read(&text, file, "report", None, ReadOptions { root: "/srv/shop", prefix: "", exists: &exists }).1;
        let found: Vec<_> = external.runs.iter().flat_map(|run| to_findings(run, &digest)).collect();
        let said = format!("{external:?}{found:?}");
        for secret in secrets {
            assert!(!said.contains(secret), "{secret} in {}", path.display());
        }
    }
}

/// The row of a format in the reference.
fn reference_row(format: &reports::Format) -> String {
    let ranks: Vec<String> = Severity::ALL
        .iter()
        .rev()
        .filter_map(|severity| {
            let words: Vec<String> = format
                .scale
                .iter()
                .filter(|(word, rank)| rank == severity && !word.is_empty())
                .map(|(word, _)| format!("`{word}`"))
                .collect();
            (!words.is_empty()).then(|| format!("{} {severity}", words.join(" ")))
        })
        .collect();
    let ranks = if ranks.is_empty() { "none".to_owned() } else { ranks.join(", ") };
    format!("| `{}` | {} | {ranks} |", format.id, format.what)
}

#[test]
fn the_reference_has_every_format_and_its_scale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/reports.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<String> = FORMATS.iter().map(|format| reference_row(format)).collect();
    let missing: Vec<&String> = rows.iter().filter(|row| !text.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "docs/reference/reports.md lacks\n{}", rows.join("\n"));
}

#[test]
fn formats_are_sorted_and_named_once() {
    assert!(FORMATS.windows(2).all(|pair| pair[0].id < pair[1].id));
    assert!(FORMATS.iter().all(|format| !format.id.contains('=') && format.id != reports::SARIF));
}
