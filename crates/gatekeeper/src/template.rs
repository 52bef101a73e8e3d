//! Constraint templates: which kind of constraint they define, its schema, and the code that judges.

use std::sync::Arc;

use probity_core::Operation;
use probity_value::{Map, SourceMap, Span, Value};

use crate::cel_code::CelCode;
use crate::matching;
use crate::read::{self, Fault};
use crate::rego_code::RegoCode;
use crate::schema::{self, Path, Schema};

const CODE: &str = "gatekeeper-template";

/// The group of templates.
pub(crate) const GROUP: &str = "templates.gatekeeper.sh";

/// The only target there is.
pub(crate) const TARGET: &str = "admission.k8s.gatekeeper.sh";

/// A template, compiled.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) kind: Arc<str>,
    /// The schema of its constraints.
    pub(crate) schema: Schema,
    /// Operations it is asked about at admission; empty for all.
    pub(crate) operations: Vec<Operation>,
    pub(crate) code: Code,
    pub(crate) annotations: Vec<(Arc<str>, Arc<str>)>,
}

/// What judges.
#[derive(Debug)]
pub(crate) enum Code {
    Rego(Box<RegoCode>),
    Cel(Box<CelCode>),
}

/// Whether a document is a template.
pub(crate) fn is_template(value: &Value) -> bool {
    read::group_of(value) == GROUP && read::kind_of(value) == "ConstraintTemplate"
}

impl Template {
    /// Reads and compiles a template.
    ///
    /// # Errors
    /// Everything wrong with it that keeps it from judging.
    pub(crate) fn read(value: &Value, file: &Arc<str>, sources: &SourceMap, warnings: &mut Vec<Fault>) -> Result<Template, Vec<Fault>> {
        let parts = Parts::read(value, warnings).map_err(|fault| vec![fault])?;
        let mut faults = parts.name_faults();
        let schema = parts.schema(warnings, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let code = parts.code(file, sources, warnings)?;
        Ok(Template { kind: Arc::clone(parts.kind), schema, operations: parts.operations, code, annotations: annotations(value) })
    }
}

/// Annotations that are text.
pub(crate) fn annotations(value: &Value) -> Vec<(Arc<str>, Arc<str>)> {
    let map = read::at_path(value, &["metadata", "annotations"]).and_then(Value::as_map);
    map.into_iter().flat_map(Map::iter).filter_map(|(key, entry)| Some((Arc::clone(key), Arc::from(entry.value.as_str()?)))).collect()
}

/// The parts of a template, their types checked.
struct Parts<'a> {
    name: &'a str,
    name_at: Span,
    kind: &'a Arc<str>,
    kind_at: Span,
    short_names: Vec<Arc<str>>,
    schema: Option<&'a Value>,
    legacy: bool,
    target: &'a Map,
    target_at: Span,
    operations: Vec<Operation>,
}

impl<'a> Parts<'a> {
    fn read(value: &'a Value, warnings: &mut Vec<Fault>) -> Result<Parts<'a>, Fault> {
        let fault = |at: Span, message: String| Fault::new(CODE, at, message);
        let version = read::version_of(value);
        if !matches!(version, "v1" | "v1beta1" | "v1alpha1") {
            let at = value.get("apiVersion").map_or(value.span, |value| value.span);
            return Err(fault(at, format!("the version `{version}` of templates is none of `v1`, `v1beta1`, `v1alpha1`")));
        }
        let root = read::map(value, "the template", CODE)?;
        let (spec, spec_at) =
            read::map_field(root, "spec", CODE, warnings)?.ok_or_else(|| fault(value.span, "the template has no `spec`".into()))?;
        warn_unknown(spec, &["crd", "targets"], "spec", warnings);
        let crd = read::map_field(spec, "crd", CODE, warnings)?;
        let crd_spec = match crd {
            Some((crd, _)) => read::map_field(crd, "spec", CODE, warnings)?,
            None => None,
        };
        let names = match crd_spec {
            Some((crd_spec, _)) => {
                warn_unknown(crd_spec, &["names", "validation"], "spec.crd.spec", warnings);
                read::map_field(crd_spec, "names", CODE, warnings)?
            }
            None => None,
        };
        let no_kind = || fault(spec_at, "the template does not say the kind of its constraints (`spec.crd.spec.names.kind`)".into());
        let (names, names_at) = names.ok_or_else(no_kind)?;
        let kind = read::text_field(names, "kind", CODE, warnings)?.filter(|kind| !kind.is_empty()).ok_or_else(no_kind)?;
        let validation = match crd_spec {
            Some((crd_spec, _)) => read::map_field(crd_spec, "validation", CODE, warnings)?,
            None => None,
        };
        let (mut legacy, mut schema) = (version != "v1", None);
        if let Some((validation, _)) = validation {
            warn_unknown(validation, &["openAPIV3Schema", "legacySchema"], "spec.crd.spec.validation", warnings);
            legacy = read::bool_field(validation, "legacySchema", CODE, warnings)?.unwrap_or(legacy);
            schema = read::field(validation, "openAPIV3Schema", warnings);
        }
        let targets = match read::field(spec, "targets", warnings) {
            Some(targets) => read::list(targets, "targets", CODE)?,
            None => &[],
        };
        let [target] = targets else {
            let at = spec.get("targets").map_or(spec_at, |targets| targets.span);
            return Err(fault(at, format!("a template has exactly one target, but this one has {}", targets.len())));
        };
        let target_at = target.span;
        let target = read::map(target, "targets", CODE)?;
        warn_unknown(target, &["target", "rego", "libs", "code", "operations"], "spec.targets[0]", warnings);
        match read::text_field(target, "target", CODE, warnings)? {
            Some(name) if **name == *TARGET => {}
            Some(name) if !name.is_empty() => {
                let at = target.get("target").map_or(target_at, |target| target.span);
                return Err(fault(at, format!("the target `{name}` is not known, only `{TARGET}` is")));
            }
            _ => return Err(fault(target_at, "the name of the target must not be empty".into())),
        }
        Ok(Parts {
            name: read::name_of(value),
            name_at: read::at_path(value, &["metadata", "name"]).map_or(value.span, |name| name.span),
            kind,
            kind_at: names.get("kind").map_or(names_at, |kind| kind.span),
            short_names: read::texts_field(names, "shortNames", CODE, warnings)?,
            schema,
            legacy,
            target,
            target_at,
            operations: operations(target, warnings)?,
        })
    }

    /// What is wrong with the names.
    fn name_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let lower = self.kind.to_lowercase();
        if self.name != lower {
            let message = format!("the name `{}` of the template is not the kind of its constraints in lower case, `{lower}`", self.name);
            faults.push(Fault::new(CODE, self.name_at, message).hint(format!("name it `{lower}`")));
        }
        for name in std::iter::once(&*lower).chain(self.short_names.iter().map(|name| &**name)) {
            if !is_label(name) {
                let message = format!("`{name}` is no name a kind can have: it needs letters and digits, and `-` only inside");
                faults.push(Fault::new(CODE, self.kind_at, message));
            }
        }
        faults
    }

    /// The schema of constraints of this template.
    fn schema(&self, warnings: &mut Vec<Fault>, faults: &mut Vec<Fault>) -> Schema {
        let mut parameters = match self.schema.map(|value| schema::parse(value, warnings)) {
            None => self.legacy.then(Schema::default),
            Some(Ok(schema)) => Some(schema),
            Some(Err(fault)) => {
                faults.push(fault);
                None
            }
        };
        if let Some(parameters) = &mut parameters {
            if self.legacy {
                schema::preserve_unknown(parameters);
            }
            for mut fault in schema::faults(parameters, &Path::ROOT.key("parameters")) {
                if fault.message.contains("must not be empty for specified") {
                    fault = fault.hint("say `type` at every level, or `legacySchema: true` beside `openAPIV3Schema`");
                }
                faults.push(fault);
            }
        }
        constraint_schema(parameters)
    }

    /// The code that judges: CEL where there is some, else Rego.
    fn code(&self, file: &Arc<str>, sources: &SourceMap, warnings: &mut Vec<Fault>) -> Result<Code, Vec<Fault>> {
        let one = |fault: Fault| vec![fault];
        let mut cel = None;
        let mut rego = None;
        let codes = match read::field(self.target, "code", warnings) {
            Some(codes) => read::list(codes, "code", CODE).map_err(one)?,
            None => &[],
        };
        for code in codes {
            let map = read::map(code, "code", CODE).map_err(one)?;
            let engine = read::text_field(map, "engine", CODE, warnings).map_err(one)?;
            let source = read::field(map, "source", warnings);
            match engine.map(|engine| &**engine) {
                Some("Rego") if rego.is_none() => rego = Some((code.span, source)),
                Some("K8sNativeValidation") if cel.is_none() => cel = Some((code.span, source)),
                Some("Rego" | "K8sNativeValidation") => {
                    warnings.push(Fault::new(CODE, code.span, "a second code of the same engine is not used"));
                }
                Some(other) => {
                    let message = format!("the engine `{other}` is none of `Rego`, `K8sNativeValidation`, and is not used");
                    warnings.push(Fault::new(CODE, code.span, message));
                }
                None => return Err(one(Fault::new(CODE, code.span, "the code does not say its engine"))),
            }
        }
        if let Some((at, source)) = cel {
            let source =
                source.and_then(Value::as_map).ok_or_else(|| one(Fault::new(CODE, at, "the `source` of the code has to be a map")))?;
            return CelCode::read(source, at, sources, warnings).map(|code| Code::Cel(Box::new(code)));
        }
        // The field `rego` counts before a code of the engine `Rego`.
        let text = read::text_field(self.target, "rego", CODE, warnings).map_err(one)?.filter(|text| !text.is_empty());
        if text.is_some() {
            let text = read::field(self.target, "rego", warnings).ok_or_else(Vec::new)?;
            let libs = read::field(self.target, "libs", warnings);
            return RegoCode::compile(text, libs, false, file, sources, warnings).map(|code| Code::Rego(Box::new(code)));
        }
        let Some((at, source)) = rego else {
            let message =
                "the template has no code for an engine that is known: `rego`, or `code` with the engine `Rego` or `K8sNativeValidation`";
            return Err(one(Fault::new(CODE, self.target_at, message)));
        };
        let source = source.and_then(Value::as_map).ok_or_else(|| one(Fault::new(CODE, at, "the `source` of the code has to be a map")))?;
        let text = source.get("rego").ok_or_else(|| one(Fault::new(CODE, at, "the `source` of the code has no `rego`")))?;
        let version = read::text_field(source, "version", CODE, warnings).map_err(one)?;
        match version.map(|version| &**version) {
            None | Some("" | "v0" | "v1") => {}
            Some(other) => {
                let message = format!("the version `{other}` of Rego is none of `v0`, `v1`, and is taken for `v0`");
                warnings.push(Fault::new(CODE, source.get("version").map_or(at, |version| version.span), message));
            }
        }
        let v1 = version.is_some_and(|version| **version == *"v1");
        RegoCode::compile(text, source.get("libs"), v1, file, sources, warnings).map(|code| Code::Rego(Box::new(code)))
    }
}

fn operations(target: &Map, warnings: &mut Vec<Fault>) -> Result<Vec<Operation>, Fault> {
    let words = read::texts_field(target, "operations", CODE, warnings)?;
    if words.iter().any(|word| **word == *"*") {
        return Ok(Vec::new());
    }
    let at = target.get("operations").map_or(Span::NONE, |value| value.span);
    words.iter().map(|word| word.parse().map_err(|_| Fault::new(CODE, at, format!("`{word}` is no operation")))).collect()
}

fn warn_unknown(map: &Map, known: &[&str], path: &str, warnings: &mut Vec<Fault>) {
    for (key, entry) in map.iter() {
        if !known.iter().any(|known| known.eq_ignore_ascii_case(key)) {
            let message = format!("`{path}.{key}` is not known and says nothing");
            warnings.push(Fault::new("gatekeeper-unknown-field", entry.key, message).hint(format!("known are {}", read::known(known))));
        }
    }
}

/// A DNS label that begins with a letter.
fn is_label(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}

/// The schema of a whole constraint.
fn constraint_schema(parameters: Option<Schema>) -> Schema {
    use crate::schema::Kind::{Object, String};
    let mut name = Schema::of(String);
    name.max_length = Some(63);
    let enforcement = Schema { default: Some(Value::string("deny", Span::NONE)), ..Schema::of(String) };
    let points = Schema::list(Schema::object(vec![("name", Schema::of(String))]));
    let scoped = Schema::list(Schema::object(vec![("action", Schema::of(String)), ("enforcementPoints", points)]));
    let mut spec =
        Schema::object(vec![("match", matching::schema()), ("enforcementAction", enforcement), ("scopedEnforcementActions", scoped)]);
    if let Some(parameters) = parameters {
        spec.properties.push(("parameters".into(), parameters));
    }
    let metadata = Schema::object(vec![("name", name)]);
    let status = Schema { preserve_unknown: Some(true), ..Schema::default() };
    let mut root = Schema::of(Object);
    root.embedded = true;
    root.properties = vec![("metadata".into(), metadata), ("spec".into(), spec), ("status".into(), status)];
    root
}
