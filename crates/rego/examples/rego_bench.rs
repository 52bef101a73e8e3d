//! Time of an evaluation (`cargo run --release --example rego_bench -- SRC_FOLDER POD.json`): every folder with `src.rego` is compiled with
//! the files beside it, and its `violation` is asked about the Pod again and again.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::expect_used, clippy::unwrap_used, reason = "a tool of the developers")]

use std::path::PathBuf;
use std::time::Instant;

use probity_core::Timestamp;
use probity_rego::{Compiler, EvalOptions, Program, Query, Version};
use probity_value::{FileId, Map, Span, Value};

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().expect("a folder"));
    let pod = std::fs::read_to_string(args.next().expect("a Pod")).expect("a file");
    let (pod, _) = probity_value::json::parse(&pod, FileId(1000));
    let mut programs: Vec<(String, Program, Query)> = Vec::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    let started = Instant::now();
    for entry in entries.iter().filter(|path| path.join("src.rego").exists()) {
        let mut compiler = Compiler::new();
        let mut files: Vec<PathBuf> = std::fs::read_dir(entry).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        for (at, file) in files.iter().enumerate() {
            let name = file.display().to_string();
            if name.ends_with(".rego") && !name.ends_with("_test.rego") {
                let text = std::fs::read_to_string(file).expect("a file");
                compiler = compiler.module(name, text, FileId(u32::try_from(at).expect("few")), Version::V0);
            }
        }
        let program = compiler.compile().expect("a program");
        let package = program.rules().iter().find(|rule| &*rule.name == "violation").expect("a violation").path();
        let query = program.prepare(&package).expect("a query");
        programs.push((entry.file_name().expect("a name").to_string_lossy().into_owned(), program, query));
    }
    println!("{} programs compiled in {:?}", programs.len(), started.elapsed());
    let mut parameters = Map::new();
    parameters.insert("exemptImages", Span::NONE, Value::list(Vec::new(), Span::NONE));
    let mut review = Map::new();
    review.insert("object", Span::NONE, pod);
    review.insert("operation", Span::NONE, Value::string("CREATE", Span::NONE));
    let mut input = Map::new();
    input.insert("review", Span::NONE, Value::map(review, Span::NONE));
    input.insert("parameters", Span::NONE, Value::map(parameters, Span::NONE));
    let input = Value::map(input, Span::NONE);
    let options = EvalOptions { now: Timestamp { seconds: 1_700_000_000, nanoseconds: 0 }, ..EvalOptions::default() };
    let rounds = 2_000_u32;
    let mut all = std::time::Duration::ZERO;
    for (name, program, query) in &programs {
        let answer = program.evaluate(query, Some(&input), None, &options).expect("an answer");
        // The best of many short runs: what other programs do on the machine counts less.
        let mut time = std::time::Duration::MAX;
        for _ in 0..rounds / 20 {
            let started = Instant::now();
            for _ in 0..20 {
                let answer = program.evaluate(query, Some(&input), None, &options).expect("an answer");
                std::hint::black_box(&answer);
            }
            time = time.min(started.elapsed() / 20);
        }
        all += time;
        println!("{name}: {time:?}, {} steps, {} members", answer.steps, answer.members().len());
    }
    println!("all: {all:?}");
}
