//! `probity eval`: judges files by given policies, and nothing else: no configuration, no built-in rules.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use probity_attest::sha256;
use probity_catalog::{Catalog, Selection};
use probity_core::{
    CollectOptions, Coverage, Diagnostic, EvalContext, Finding, Level, Lookup, Program, Report, RuleMeta, Source, Status, SubjectIndex,
    SubjectKind, ToolInfo, Tree, World,
};
use probity_files::FolderTree;
use probity_inputs::Kind;
use probity_pipeline::{Collection, collect, evaluate, locate};
use probity_policy::{DocumentSource, Fixture, Judges, PolicyProgram, PolicySet, Requests, testing};
use probity_rego::{Version, conftest};
use probity_value::{SourceMap, Value, yaml};
use probity_verdict::fingerprint::{canonical, fingerprint};
use probity_verdict::ids;
use similar::TextDiff;

use crate::adapters::{Deadline, OwnRules, SOURCES};
use crate::arguments::{EvalArguments, RegoVersion, Show};
use crate::policies::{Memory, fixture, snapshot};
use crate::reading::Target;
use crate::{Wrong, output, run, state};

/// Documents are judged under this root.
const ROOT: &str = "eval";
/// The name of what comes by standard input.
const STDIN: &str = "stdin.yaml";

/// The policies that were given.
struct Given {
    /// Those that judge objects of Kubernetes; they mutate and generate too.
    objects: Option<PolicyProgram>,
    programs: Vec<Box<dyn Program>>,
    documents: Option<PolicyProgram>,
}

impl Given {
    fn all(&self) -> Vec<&dyn Program> {
        let mut out: Vec<&dyn Program> = self.programs.iter().map(|program| &**program).collect();
        out.extend(self.objects.iter().chain(&self.documents).map(|program| program as &dyn Program));
        out
    }
}

pub(crate) fn run(arguments: &EvalArguments) -> Result<u8> {
    let texts = SourceMap::new();
    let now = run::now();
    let (given, said) = load(arguments, &texts)?;
    output::diagnostics(&said, &texts);
    let broken = said.iter().any(|one| one.level == Level::Error);
    let programs = given.all();
    let mut rules: Vec<Arc<RuleMeta>> = programs.iter().flat_map(|program| program.rules()).collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    rules.dedup_by(|a, b| a.id == b.id);
    if rules.is_empty() {
        output::talk(if broken { "no policy could be loaded" } else { "the policies hold no rule that judges" });
        return Ok(if broken { 2 } else { 4 });
    }
    for id in &arguments.rule {
        if !rules.iter().any(|rule| ids::answers_pattern(rule, id)) {
            let near = ids::nearest(&rules, id).map(|near| format!("did you mean `{near}`?"));
            bail!(Wrong::hint(format!("no rule answers to `{id}`"), near.as_deref()));
        }
    }
    let context = EvalContext { now, ..EvalContext::default() };
    let asked = |rule: &RuleMeta| arguments.rule.is_empty() || arguments.rule.iter().any(|id| ids::answers_pattern(rule, id));
    let keep_all = arguments.printing.show != Show::Findings;
    let keep = |rule: &Arc<RuleMeta>, status: Status| {
        asked(rule).then_some(keep_all || !matches!(status, Status::Pass | Status::NotApplicable | Status::Skip))
    };
    let mut findings: Vec<Finding> = Vec::new();
    let mut coverage = Coverage::default();
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let mut prefix = String::new();
    let mut made = String::new();
    let mut judged = 0_usize;
    for path in &arguments.files {
        let collection = read(path, arguments, &given, &texts, &mut prefix)?;
        let name = |rule: &str, subject: &str, root: &str, judged: Option<&Value>| {
            fingerprint(rule, subject, root, judged.map(canonical).as_deref(), &sha256)
        };
        let evaluation = evaluate(&collection.world, &programs, &context, &keep);
        judged += evaluation.by_status.values().sum::<usize>();
        findings.extend(locate(evaluation.results, &collection.world, &texts, &name));
        if (arguments.patched || arguments.diff)
            && let Some(objects) = &given.objects
        {
            made.push_str(&results(objects, &collection.world, &context, arguments.diff));
        }
        coverage.merge(collection.coverage);
        diagnostics.extend(collection.diagnostics);
    }
    let nothing = coverage.read.is_empty() && coverage.skipped.is_empty();
    let unread = coverage.skipped.iter().any(|skipped| skipped.fails) || diagnostics.iter().any(|one| one.level == Level::Error);
    let any = |status: Status| findings.iter().any(|finding| finding.status == status);
    let (failed, warned, errors) = (any(Status::Fail), any(Status::Warn), any(Status::Error));
    if arguments.patched || arguments.diff {
        output::diagnostics(&diagnostics, &texts);
        output::data(&made)?;
    } else {
        let report = Report {
            tool: ToolInfo { name: "probity".into(), version: env!("CARGO_PKG_VERSION").into(), policies: digest(&rules) },
            target: arguments.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" "),
            time: now,
            verdict: None,
            findings,
            rules,
            coverage,
            diagnostics,
            evidence: None,
        };
        output::report(&report, &texts, &arguments.printing, false, &prefix)?;
    }
    if nothing {
        output::talk("nothing to look at: no file here is one that Probity reads");
    } else if judged == 0 && !arguments.patched && !arguments.diff {
        output::talk("none of the policies had anything to say about these files");
    }
    Ok(match () {
        () if failed || (warned && arguments.fail_on_warn) => 1,
        () if broken => 2,
        () if errors || unread => 3,
        () if nothing => 4,
        () => 0,
    })
}

/// A digest over what the rules say of themselves.
fn digest(rules: &[Arc<RuleMeta>]) -> probity_core::Digest {
    let ids: Vec<&str> = rules.iter().map(|rule| &*rule.id).collect();
    sha256(ids.join("\n").as_bytes())
}

/// Opens a path, or takes standard input, and collects what is in it.
fn read(path: &Path, arguments: &EvalArguments, given: &Given, texts: &SourceMap, prefix: &mut String) -> Result<Collection> {
    let options = CollectOptions::default();
    let parser = arguments.parser.as_deref().map(str::parse::<Kind>).transpose().map_err(|error| Wrong::hint(error.to_string(), None))?;
    let reader = DocumentSource::new(ROOT.into(), Box::new(|_| true), parser, arguments.combine);
    let reader = if path.is_dir() { reader.lenient() } else { reader };
    let readers: &[&dyn Source] = if given.documents.is_some() { &[&reader] } else { &[] };
    // Where only documents are judged, nothing is read as resources.
    let sources = if given.objects.is_some() || !given.programs.is_empty() { SOURCES } else { &[] };
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(64 << 20).read_to_end(&mut bytes).context("cannot read standard input")?;
        let name: Arc<str> = STDIN.into();
        let tree = Memory::new(BTreeMap::from([(name, Arc::from(bytes))]));
        return Ok(collect(&tree, texts, sources, readers, &options, &|_| true));
    }
    let target = Target::open(path, 64 << 20)?;
    prefix.clone_from(&target.prefix);
    Ok(collect(&target.tree, texts, sources, readers, &options, &|_| true))
}

/// Loads the policies that were given.
fn load(arguments: &EvalArguments, texts: &SourceMap) -> Result<(Given, Vec<Diagnostic>)> {
    let mut said = Vec::new();
    let mut catalog = Catalog::default();
    let mut programs: Vec<Box<dyn Program>> = Vec::new();
    let mut documents = Vec::new();
    let mut others = Vec::new();
    let mut gathered = conftest::Gathered::default();
    let mut tree_for_rego: Option<Arc<dyn Tree>> = None;
    for path in &arguments.policy {
        let tree = FolderTree::open(path, None, 16 << 20).map_err(Wrong::new)?;
        let foreign = probity_foreign::load_folder(&tree, "", texts);
        let found = probity_policy::load_folder(&tree, "", texts);
        let (loaded, wrong) = Catalog::load_folder(&OwnRules::of(&tree, "", &foreign, &found), "", texts);
        said.extend(wrong);
        said.extend(catalog.merge(loaded));
        said.extend(foreign.diagnostics);
        programs.extend(foreign.programs);
        // Compiled together with those of the other paths: bindings, constraints and exceptions may lie in another one.
        said.extend(found.diagnostics.into_iter().filter(|one| one.code == "policy-file"));
        documents.extend(found.documents);
        others.extend(found.others);
        for (file, text, id) in found.modules {
            gathered.modules.push(conftest::Module { file, text, id });
        }
    }
    if catalog.rules().next().is_some() {
        programs.push(Box::new(catalog.program(&Selection { preview: true, ..Selection::default() })));
    }
    let (policies, wrong) = probity_policy::compile(&documents, texts);
    said.extend(wrong);
    let mut answers = Vec::new();
    for path in &arguments.lookup {
        let text = state::read(path).map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
        answers.push((Arc::<str>::from(path.display().to_string()), Arc::<[u8]>::from(text.into_bytes())));
    }
    let names: Vec<Arc<str>> = answers.iter().map(|(name, _)| Arc::clone(name)).collect();
    let answers: Answers = Answers(Memory::new(answers.into_iter().collect()));
    let lookup: Arc<Fixture> = Arc::new(fixture(&names, Some(&answers), &others, texts, &mut said));
    let deadline = || Arc::new(Deadline::new(arguments.timeout));
    let as_lookup = || Arc::clone(&lookup) as Arc<dyn Lookup>;
    let objects = (!policies.is_empty())
        .then(|| {
            requests(arguments, texts)
                .map(|requests| PolicyProgram::new(PolicySet::new(policies), Judges::Objects, as_lookup(), deadline()).requests(requests))
        })
        .transpose()?;
    let mut by_document = None;
    if !gathered.modules.is_empty() {
        for path in &arguments.data {
            let tree = FolderTree::open(path, None, 64 << 20).map_err(Wrong::new)?;
            let inner = if path.is_file() {
                path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            } else {
                String::new()
            };
            match conftest::gather(&tree, texts, &[], &[&inner]) {
                Ok(read) => gathered.data.extend(read.data),
                Err(problems) => said.extend(problems),
            }
        }
        if let Some(path) = arguments.files.iter().find(|path| path.as_os_str() != "-") {
            let tree = FolderTree::open(path, None, 16 << 20).map_err(Wrong::new)?;
            tree_for_rego = snapshot(&gathered, &tree);
        }
        let options = conftest::Options {
            namespaces: if arguments.namespace.is_empty() {
                vec!["main".into()]
            } else {
                arguments.namespace.iter().map(|name| name.as_str().into()).collect()
            },
            all_namespaces: arguments.all_namespaces,
            version: match arguments.rego_version {
                RegoVersion::V0 => Version::V0,
                RegoVersion::V1 => Version::V1,
            },
            strict_builtin_errors: arguments.strict,
        };
        match conftest::Policies::compile(&gathered, &options, tree_for_rego).map_err(|problems| hinted(problems, &gathered, &options)) {
            Ok(policies) => {
                let set = PolicySet::new(vec![Arc::new(policies)]);
                by_document = Some(PolicyProgram::new(set, Judges::Documents(ROOT.into()), as_lookup(), deadline()));
            }
            Err(problems) => said.extend(problems),
        }
    }
    said.sort_by(|a, b| (&a.file, a.span).cmp(&(&b.file, b.span)));
    said.dedup();
    Ok((Given { objects, programs, documents: by_document }, said))
}

/// Says of modules that only Rego v0 understands how to say so.
fn hinted(mut problems: Vec<Diagnostic>, gathered: &conftest::Gathered, options: &conftest::Options) -> Vec<Diagnostic> {
    let old = conftest::Options { version: Version::V0, ..options.clone() };
    if options.version == Version::V1
        && conftest::Policies::compile(gathered, &old, None).is_ok()
        && let Some(first) = problems.first_mut()
    {
        first.hint = Some("these modules are Rego v0: say `--rego-version v0`".to_owned());
    }
    problems
}

/// Files of answers by the path they were given by, which may lead anywhere.
struct Answers(Memory);

impl Tree for Answers {
    fn files(&self) -> &[probity_core::TreeFile] {
        self.0.files()
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, probity_core::TreeError> {
        self.0.exact(path)
    }

    fn digests(&self) -> BTreeMap<Arc<str>, probity_core::Digest> {
        self.0.digests()
    }
}

/// What is asked of every object.
fn requests(arguments: &EvalArguments, texts: &SourceMap) -> Result<Requests> {
    let operation = arguments
        .operation
        .to_ascii_uppercase()
        .parse()
        .map_err(|error: probity_core::UnknownWord| Wrong::hint(error.to_string(), None))?;
    let value = |path: &Path| -> Result<Value> {
        let text = state::read(path).map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
        let number = texts.add(path.display().to_string(), text.as_str());
        let (documents, problems) = yaml::parse(&text, number);
        if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
            bail!(Wrong::hint(format!("`{}` cannot be read: {}", path.display(), problem.message), None));
        }
        documents
            .into_iter()
            .next()
            .map(|document| document.value)
            .ok_or_else(|| Wrong::hint(format!("`{}` is empty", path.display()), None).into())
    };
    let user = arguments.user.as_deref().map(value).transpose()?;
    Ok(Requests {
        operation,
        user: user.as_ref().map(testing::user_info).unwrap_or_default(),
        old: arguments.old.as_deref().map(value).transpose()?,
    })
}

/// What the policies make of the objects: as YAML, or as differences.
fn results(program: &PolicyProgram, world: &World, context: &EvalContext, diff: bool) -> String {
    let mut out = String::new();
    let text = |value: &Value| yaml::write(value).unwrap_or_else(|| "# not known in every part\n".to_owned());
    let mut add = |name: &str, before: &str, after: &str| {
        if diff {
            if before != after {
                out.push_str(&TextDiff::from_lines(before, after).unified_diff().header(name, name).to_string());
            }
        } else {
            out.push_str("---\n");
            out.push_str(after);
        }
    };
    for (position, subject) in world.subjects().iter().enumerate() {
        if subject.kind != SubjectKind::Kubernetes {
            continue;
        }
        let Some(decided) = program.decide(SubjectIndex(u32::try_from(position).unwrap_or(u32::MAX)), world, context) else { continue };
        add(&subject.id, &text(&subject.value), &text(&decided.object));
        for object in decided.targets() {
            let same = |other: &&probity_core::Subject| {
                ["kind", "apiVersion", "metadata"].iter().all(|key| identity(&other.value, key) == identity(object, key))
            };
            let before = world.subjects().iter().find(same).map(|other| text(&other.value)).unwrap_or_default();
            add(&name_of(object), &before, &text(object));
        }
        for object in decided.generated() {
            add(&name_of(object), "", &text(object));
        }
    }
    out
}

fn identity<'a>(object: &'a Value, key: &str) -> (Option<&'a str>, Option<&'a str>) {
    let value = object.get(key);
    match key {
        "metadata" => (
            value.and_then(|metadata| metadata.get("name")).and_then(Value::as_str),
            value.and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str),
        ),
        _ => (value.and_then(Value::as_str), None),
    }
}

fn name_of(object: &Value) -> String {
    let (name, namespace) = identity(object, "metadata");
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    [Some(kind), namespace, name].into_iter().flatten().collect::<Vec<_>>().join("/")
}
