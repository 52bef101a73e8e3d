//! Time of judging one Pod with the Pod Security templates of the Gatekeeper library
//! (`cargo run --release --example bench_pod -- LIBRARY [SECONDS] [rego|cel]`).
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a tool of the developers"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use probity_core::{Inventory, Limits, NoLookup, Phase, Policy, PolicyContext, PolicyDocument, Request, Status, Timestamp, Tree};
use probity_files::FolderTree;
use probity_gatekeeper::{Loaded, Options, load};
use probity_value::{SourceMap, Value, yaml};

const OTHERS: [&str; 2] = ["general/imagedigests", "general/disallowedrepos"];

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: nginx
  namespace: shop
  labels: {app: nginx, team: web}
  annotations: {container.apparmor.security.beta.kubernetes.io/nginx: runtime/default}
spec:
  securityContext: {runAsUser: 1000, runAsGroup: 3000, fsGroup: 2000, supplementalGroups: [1], seccompProfile: {type: RuntimeDefault}}
  initContainers:
    - name: setup
      image: registry.example/setup@sha256:45b23dee08af5e43a7fea6c4cf9c25ccf269ee113168c19722f87876677c5cb2
      securityContext: {allowPrivilegeEscalation: false, privileged: false, capabilities: {drop: [must_drop, ALL]}}
  containers:
    - name: nginx
      image: registry.example/nginx@sha256:45b23dee08af5e43a7fea6c4cf9c25ccf269ee113168c19722f87876677c5cb2
      ports: [{containerPort: 8080}]
      resources: {limits: {cpu: 100m, memory: 200Mi}, requests: {cpu: 50m, memory: 100Mi}}
      securityContext:
        allowPrivilegeEscalation: false
        privileged: false
        readOnlyRootFilesystem: true
        runAsNonRoot: true
        capabilities: {drop: [must_drop, ALL], add: [something]}
      livenessProbe: {httpGet: {path: /, port: 8080}}
      volumeMounts: [{name: cache, mountPath: /cache}]
    - name: sidecar
      image: registry.example/sidecar@sha256:45b23dee08af5e43a7fea6c4cf9c25ccf269ee113168c19722f87876677c5cb2
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [must_drop]}}
  volumes:
    - {name: cache, emptyDir: {}}
    - {name: settings, configMap: {name: settings}}
"#;

fn document(tree: &dyn Tree, sources: &SourceMap, path: &str) -> PolicyDocument {
    let text = String::from_utf8(tree.read(path).expect(path).to_vec()).expect("text");
    let id = sources.add(path, text.as_str());
    let (documents, problems) = yaml::parse(&text, id);
    assert!(problems.is_empty(), "{path}: {problems:?}");
    PolicyDocument { file: path.into(), value: documents.into_iter().next().expect("a document").value }
}

/// The template with one engine alone.
fn only(mut document: PolicyDocument, engine: &str) -> PolicyDocument {
    fn change(value: &mut Value, engine: &str) {
        if let probity_value::Data::Map(map) = &mut value.data {
            let map = Arc::make_mut(map);
            if let Some(code) = map.get_mut("code")
                && let probity_value::Data::List(items) = &mut code.data
            {
                let items = Arc::make_mut(items);
                if items.iter().any(|item| item.get("engine").and_then(Value::as_str) == Some(engine)) {
                    items.retain(|item| item.get("engine").and_then(Value::as_str) == Some(engine));
                }
            }
            for key in ["spec", "targets"] {
                if let Some(below) = map.get_mut(key) {
                    change(below, engine);
                }
            }
        } else if let probity_value::Data::List(items) = &mut value.data {
            Arc::make_mut(items).iter_mut().for_each(|item| change(item, engine));
        }
    }
    if !engine.is_empty() {
        change(&mut document.value, engine);
    }
    document
}

fn loaded(tree: &dyn Tree, sources: &SourceMap, engine: &str) -> Loaded {
    let mut documents = Vec::new();
    let mut templates: Vec<&str> = tree
        .files()
        .iter()
        .map(|file| &*file.path)
        .filter(|path| path.ends_with("/template.yaml"))
        .filter(|path| path.starts_with("pod-security-policy/") || OTHERS.iter().any(|other| path.starts_with(other)))
        .collect();
    templates.dedup();
    for path in templates {
        documents.push(only(document(tree, sources, path), engine));
        let folder = path.trim_end_matches("template.yaml");
        let constraint = tree.below(folder).iter().find(|file| file.path.ends_with("/constraint.yaml")).expect(folder);
        documents.push(document(tree, sources, &constraint.path));
    }
    let loaded = load(&documents, sources, &Options::default());
    for diagnostic in &loaded.diagnostics {
        eprintln!("{}: {}", diagnostic.file, diagnostic.message);
    }
    loaded
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder");
    let seconds: u64 = arguments.next().map_or(2, |text| text.parse().expect("seconds"));
    let wanted = arguments.next();
    let tree = FolderTree::open(Path::new(&folder), None, 16 << 20).expect("the folder");
    let sources = SourceMap::new();
    let (pods, _) = yaml::parse(POD, sources.add("pod.yaml", POD));
    let request = Request::create(pods.into_iter().next().expect("a pod").value);
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 1_700_000_000, nanoseconds: 0 },
        interrupted: &|| false,
    };
    for (name, engine) in [("as they are", ""), ("rego", "Rego"), ("cel", "K8sNativeValidation")] {
        if wanted.as_ref().is_some_and(|wanted| *wanted != *name) {
            continue;
        }
        let start = Instant::now();
        let loaded = loaded(&tree, &sources, engine);
        let compiled = start.elapsed();
        let mut totals = vec![Duration::ZERO; loaded.constraints.len()];
        let mut said = Vec::new();
        for constraint in &loaded.constraints {
            let outcomes = constraint.evaluate(Phase::Validate, &request, &context);
            said.push(outcomes.iter().map(|outcome| outcome.status).collect::<Vec<Status>>());
        }
        let (mut rounds, start) = (0_u32, Instant::now());
        while start.elapsed() < Duration::from_secs(seconds) {
            for (constraint, total) in loaded.constraints.iter().zip(&mut totals) {
                let start = Instant::now();
                std::hint::black_box(constraint.evaluate(Phase::Validate, &request, &context));
                *total += start.elapsed();
            }
            rounds += 1;
        }
        println!("{name}: {} constraints compiled in {compiled:?}, {:?} for one Pod", totals.len(), start.elapsed() / rounds);
        for ((constraint, total), said) in loaded.constraints.iter().zip(&totals).zip(&said) {
            println!("  {:>12?}  {} {said:?}", *total / rounds, constraint.rule().meta.id);
        }
    }
}
