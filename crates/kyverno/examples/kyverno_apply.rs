//! Judges every object of a file with the `validate` rules of policies and prints one line for each outcome, as `kyverno apply` reports them:
//! policy, rule, kind, namespace/name, status. For runs beside the real tool.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "an example reads files and prints what came of it")]

use std::sync::Arc;

use probity_core::{Inventory, Limits, NoLookup, Phase, PolicyContext, PolicyDocument, Request, Timestamp};
use probity_value::{SourceMap, Value, yaml};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let objects = arguments.next().ok_or("which objects?")?;
    let sources = SourceMap::new();
    let options = yaml::ParseOptions { booleans_1_1: true, octal_1_1: true, kubectl: true, ..yaml::ParseOptions::default() };
    let read = |path: &str| -> Result<Vec<Value>, std::io::Error> {
        let text = std::fs::read_to_string(path)?;
        let file = sources.add(path, text.as_str());
        Ok(yaml::parse_with(&text, file, options).0.into_iter().map(|document| document.value).collect())
    };
    let mut documents = Vec::new();
    for path in arguments {
        documents.extend(read(&path)?.into_iter().map(|value| PolicyDocument { file: path.as_str().into(), value }));
    }
    let (policies, said) = probity_kyverno::compile(&documents);
    for said in said {
        println!("# {}: {}", said.file, said.message);
    }
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 1_795_000_000, nanoseconds: 0 },
        interrupted: &|| false,
    };
    for object in read(&objects)? {
        let object = probity_kyverno::test::object(object);
        let request = Request::create(object);
        for policy in &policies {
            for outcome in policy.evaluate(Phase::Validate, &request, &context) {
                println!(
                    "{}\t{}\t{}\t{}/{}\t{}\t{}",
                    outcome.rule.policy,
                    outcome.rule.name,
                    request.kind.kind,
                    request.namespace,
                    request.name,
                    outcome.status,
                    outcome.message.replace(['\n', '\t'], " ")
                );
            }
        }
    }
    Ok(())
}
