//! Runs tables of version comparisons, one `a < b` on a line: `version_tables DIR`. Prints every case as a line of JSON.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "reads a suite from outside and prints")]

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use probity_advisories::version::Order;
use serde_json::json;

fn main() -> std::process::ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("name the folder of the tables");
        return 2.into();
    };
    let mut files = Vec::new();
    list(Path::new(&folder), &mut files);
    files.sort();
    for file in files {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let order = match name.split('-').next().unwrap_or_default() {
            "alpine" => Order::Alpine,
            "cran" => Order::Cran,
            "debian" => Order::Debian,
            "hackage" => Order::Hackage,
            "maven" => Order::Maven,
            "nuget" => Order::NuGet,
            "packagist" => Order::Packagist,
            "pub" => Order::Pub,
            "pypi" => Order::Pypi,
            "redhat" => Order::Rpm,
            "rubygems" => Order::RubyGems,
            "semver" => Order::Semver,
            other => {
                eprintln!("{name}: no order is known for `{other}`");
                return 3.into();
            }
        };
        let Ok(text) = std::fs::read_to_string(&file) else {
            eprintln!("{name}: cannot be read");
            return 3.into();
        };
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
                continue;
            }
            let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
            let [one, sign, other] = *words.as_slice() else {
                println!(
                    "{}",
                    json!({ "id": format!("{name}:{}", number + 1), "expected": line, "actual": "not a comparison", "agreed": false })
                );
                continue;
            };
            let expected = match sign {
                "<" => Ordering::Less,
                ">" => Ordering::Greater,
                _ => Ordering::Equal,
            };
            let (there, back) = (order.compare(one, other), order.compare(other, one));
            let agreed = there == expected && back == expected.reverse();
            println!(
                "{}",
                json!({ "id": format!("{name}:{} {line}", number + 1), "expected": sign, "actual": format!("{there:?} and back {back:?}"), "agreed": agreed, "kind": if agreed { None } else { Some("other") } })
            );
        }
    }
    0.into()
}

fn list(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, out);
        } else if path.extension().is_some_and(|end| end == "txt") {
            out.push(path);
        }
    }
}
