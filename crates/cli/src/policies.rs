//! Policies of the field put together for the gate: answers for them, and Conftest's with the files they judge.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Diagnostic, Digest, Level, Program, Source, Tree, TreeError, TreeFile};
use probity_inputs::Kind;
use probity_policy::{DocumentSource, Fixture, Judges, PolicyProgram, PolicySet};
use probity_rego::{Version, conftest};
use probity_value::{SourceMap, Span, Value, yaml};
use probity_verdict::config::ConftestUse;
use probity_verdict::pattern::PathPattern;

use crate::adapters::Deadline;

/// Seconds one policy may take for one object in the gate.
pub(crate) const SECONDS: u64 = 10;

/// Reads files of answers into one; objects that lie beside policies answer too.
pub(crate) fn fixture(
    files: &[Arc<str>],
    tree: Option<&dyn Tree>,
    others: &[Value],
    texts: &SourceMap,
    wrong: &mut Vec<Diagnostic>,
) -> Fixture {
    let mut merged = probity_value::Map::new();
    for path in files {
        let mut no = |span: Span, why: String| wrong.push(Diagnostic::new(Level::Error, "lookup", Arc::clone(path), span, why));
        let Some(tree) = tree else { continue };
        let text = match tree.read(path).map(|bytes| String::from_utf8(bytes.to_vec())) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                no(Span::NONE, "the file is not UTF-8 text".to_owned());
                continue;
            }
            Err(error) => {
                no(Span::NONE, format!("the file of answers cannot be read: {error}"));
                continue;
            }
        };
        let number = texts.add(Arc::clone(path), text.as_str());
        let (documents, problems) = yaml::parse(&text, number);
        problems.into_iter().for_each(|problem| no(problem.span, problem.message));
        for document in documents {
            if let Err(errors) = Fixture::read(&document.value) {
                errors.into_iter().for_each(|error| no(error.at, error.message));
                continue;
            }
            merge(&mut merged, &document.value);
        }
    }
    let mut out = Fixture::read(&Value::map(merged, Span::NONE)).unwrap_or_default();
    for object in others {
        out.add_object(object.clone());
    }
    out
}

/// Lays one file of answers over others: lists are joined, of maps the later entries count.
fn merge(into: &mut probity_value::Map, file: &Value) {
    for (key, entry) in file.as_map().into_iter().flat_map(|map| map.iter()) {
        let joined = match (into.get(key), &entry.value) {
            (Some(before), now) if before.as_list().is_some() && now.as_list().is_some() => {
                let both = before.as_list().unwrap_or_default().iter().chain(now.as_list().unwrap_or_default()).cloned().collect();
                Value::list(both, now.span)
            }
            (Some(before), now) if before.as_map().is_some() && now.as_map().is_some() => {
                let mut both = before.as_map().cloned().unwrap_or_default();
                for (name, inner) in now.as_map().into_iter().flat_map(|map| map.iter()) {
                    both.insert(Arc::clone(name), inner.key, inner.value.clone());
                }
                Value::map(both, now.span)
            }
            (_, now) => now.clone(),
        };
        into.insert(Arc::clone(key), entry.key, joined);
    }
}

/// What Conftest's policies need and are.
#[derive(Default)]
pub(crate) struct ConftestPrograms {
    pub(crate) programs: Vec<Box<dyn Program>>,
    pub(crate) readers: Vec<Box<dyn Source>>,
    pub(crate) wrong: Vec<Diagnostic>,
    pub(crate) files: Vec<(Arc<str>, Arc<str>)>,
}

/// Compiles the policies of Conftest that the configuration names.
pub(crate) fn conftest_programs(uses: &[ConftestUse], tree: &dyn Tree, texts: &SourceMap, lookup: &Arc<Fixture>) -> ConftestPrograms {
    let mut out = ConftestPrograms::default();
    for (position, one) in uses.iter().enumerate() {
        let root: Arc<str> = format!("conftest:{position}").into();
        let no = |why: String| Diagnostic::new(Level::Error, "conftest-policy", Arc::clone(&one.policy), Span::NONE, why);
        let mut patterns = Vec::new();
        for pattern in &one.files {
            match PathPattern::new(pattern) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => out.wrong.push(no(format!("`policies.conftest[{position}].files`: {error}"))),
            }
        }
        let parser = match one.parser.as_deref().map(str::parse::<Kind>).transpose() {
            Ok(parser) => parser,
            Err(error) => {
                out.wrong.push(no(error.to_string()));
                continue;
            }
        };
        let data: Vec<&str> = one.data.iter().map(|path| &**path).collect();
        let gathered = match conftest::gather(tree, texts, &[&one.policy], &data) {
            Ok(gathered) => gathered,
            Err(problems) => {
                out.wrong.extend(problems);
                continue;
            }
        };
        let options = conftest::Options {
            namespaces: if one.namespaces.is_empty() { vec!["main".into()] } else { one.namespaces.clone() },
            version: if one.rego_v0 { Version::V0 } else { Version::V1 },
            ..conftest::Options::default()
        };
        match conftest::Policies::compile(&gathered, &options, snapshot(&gathered, tree)) {
            Ok(policies) => {
                let set = PolicySet::new(vec![Arc::new(policies)]);
                let judges = Judges::Documents(Arc::clone(&root));
                let lookup = Arc::clone(lookup) as Arc<dyn probity_core::Lookup>;
                out.programs.push(Box::new(PolicyProgram::new(set, judges, lookup, Arc::new(Deadline::new(SECONDS)))));
                let wanted = Box::new(move |path: &str| patterns.iter().any(|pattern| pattern.matches(path)));
                out.readers.push(Box::new(DocumentSource::new(root, wanted, parser, one.combine)));
            }
            Err(problems) => out.wrong.extend(problems),
        }
        out.files.extend(gathered.modules.iter().map(|module| (Arc::clone(&module.file), Arc::clone(&module.text))));
    }
    out
}

/// A copy of a tree's files for policies that read files themselves; nothing for all others.
pub(crate) fn snapshot(gathered: &conftest::Gathered, tree: &dyn Tree) -> Option<Arc<dyn Tree>> {
    let reads = gathered
        .modules
        .iter()
        .any(|module| module.text.contains("parse_config_file") || module.text.contains("parse_combined_config_files"));
    reads.then(|| {
        let mut bytes = BTreeMap::new();
        for file in tree.files() {
            if let Ok(content) = tree.read(&file.path) {
                bytes.insert(Arc::clone(&file.path), content);
            }
        }
        Arc::new(Memory::new(bytes)) as Arc<dyn Tree>
    })
}

/// Files in memory.
pub(crate) struct Memory {
    files: Vec<TreeFile>,
    bytes: BTreeMap<Arc<str>, Arc<[u8]>>,
}

impl Memory {
    /// Of paths and bytes.
    pub(crate) fn new(bytes: BTreeMap<Arc<str>, Arc<[u8]>>) -> Memory {
        let files = bytes.iter().map(|(path, bytes)| TreeFile { path: Arc::clone(path), size: bytes.len() as u64 }).collect();
        Memory { files, bytes }
    }

    /// The bytes of the very path, which is not resolved.
    pub(crate) fn exact(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        self.bytes.get(path).map(Arc::clone).ok_or(TreeError::Missing)
    }
}

impl Tree for Memory {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let path = probity_files::normalise(path).ok_or(TreeError::Outside)?;
        self.bytes.get(path.as_str()).map(Arc::clone).ok_or(TreeError::Missing)
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        self.bytes.iter().map(|(path, bytes)| (Arc::clone(path), probity_attest::sha256(bytes))).collect()
    }
}
