//! Policies about images, read from files: ours, Sigstore's ClusterImagePolicy and TrustRoot, Kyverno's `verifyImages`; and what they name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_core::{Diagnostic, Level};
use probity_imagepolicy::cip::{ClusterImagePolicy, NoMatch, Options, TrustRootObject, TrustRootSpec, claims};
use probity_imagepolicy::kyverno::VerifyImages;
use probity_imagepolicy::own::ImageRules;
use probity_imagepolicy::{Fault, ImageName, Plan, Planner, Supply, Wanted};
use probity_registry::{Name, Reference, Registry, Repository};
use probity_signatures::Edge;
use probity_sigstore::TrustRoot;
use probity_value::{SourceMap, Value, yaml};

use crate::arguments::ImageArguments;
use crate::{Wrong, keys, output, registry, state};

/// Policies about images.
#[derive(Default)]
pub(crate) struct Policies {
    cluster: Vec<ClusterImagePolicy>,
    kyverno: Vec<VerifyImages>,
    own: Vec<ImageRules>,
    roots: BTreeMap<Arc<str>, TrustRootSpec>,
    named: Named,
}

/// What policies name and do not hold: files, and the entries of secrets and ConfigMaps that lie beside them.
#[derive(Default)]
struct Named {
    /// The folders of the policies.
    folders: Vec<PathBuf>,
    entries: BTreeMap<(&'static str, String, String), BTreeMap<String, String>>,
}

impl Policies {
    /// Reads files. What is wrong with them is said with its places.
    pub(crate) fn read(files: &[PathBuf], texts: &SourceMap) -> Result<Policies> {
        let mut all = Policies::default();
        let mut wrong = Vec::new();
        for file in files {
            let text = state::read(file).map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
            let path: Arc<str> = file.display().to_string().into();
            let number = texts.add(Arc::clone(&path), text.as_str());
            let (documents, problems) = yaml::parse(&text, number);
            wrong.extend(
                problems
                    .iter()
                    .map(|problem| Diagnostic::new(Level::Error, "image-policy", Arc::clone(&path), problem.span, problem.message.clone())),
            );
            let parent = file.parent().unwrap_or(Path::new("")).to_owned();
            if !all.named.folders.contains(&parent) {
                all.named.folders.push(parent);
            }
            let before = all.count();
            for document in documents {
                if let Err(faults) = all.take(&document.value) {
                    wrong.extend(faults.iter().map(|fault| fault.diagnostic(&path)));
                }
            }
            if all.count() == before && wrong.is_empty() {
                let hint = "it takes `images:` (the short form), ClusterImagePolicy, TrustRoot, and Kyverno's policies with `verifyImages`";
                return Err(Wrong::hint(format!("`{path}` holds no policy about images"), Some(hint)).into());
            }
        }
        if !wrong.is_empty() {
            output::diagnostics(&wrong, texts);
            return Err(Wrong::hint(format!("{} things are wrong with the policies", wrong.len()), None).into());
        }
        if all.cluster.is_empty() && all.kyverno.is_empty() && all.own.is_empty() {
            return Err(Wrong::hint("no policy says anything of images", None).into());
        }
        Ok(all)
    }

    fn count(&self) -> usize {
        self.cluster.len() + self.kyverno.len() + self.own.len() + self.roots.len() + self.named.entries.len()
    }

    fn take(&mut self, document: &Value) -> Result<(), Vec<Fault>> {
        let kind = document.get("kind").and_then(Value::as_str);
        if document.is_null() {
            return Ok(());
        }
        if claims(document) {
            if kind == Some("TrustRoot") {
                let root = TrustRootObject::read(document)?;
                self.roots.insert(root.name, root.spec);
            } else {
                self.cluster.push(ClusterImagePolicy::read(document, &Options::default())?);
            }
            return Ok(());
        }
        match kind {
            Some("Secret") => self.named.entry("Secret", document),
            Some("ConfigMap") => self.named.entry("ConfigMap", document),
            Some("ClusterPolicy" | "Policy") => self.kyverno.extend(VerifyImages::read(document)?),
            Some(_) => {
                let message = format!("is `{}`, which is no policy about images that is known here", kind.unwrap_or_default());
                return Err(vec![Fault { path: "kind".to_owned(), span: document.span, message, hint: None }]);
            }
            None => self.own.push(ImageRules::read(document)?),
        }
        Ok(())
    }

    /// What they demand of an image.
    pub(crate) fn plan(&self, image: &ImageName) -> Result<Plan> {
        let mut planner = Planner::new(image, None, &self.named).map_err(Wrong::new)?;
        planner.cluster_image_policies(&self.cluster);
        planner.verify_images(&self.kyverno);
        for rules in &self.own {
            planner.image_rules(rules);
        }
        Ok(planner.finish(NoMatch::Deny))
    }
}

impl Named {
    fn entry(&mut self, kind: &'static str, document: &Value) {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let metadata = |name: &str| text(document.get("metadata").and_then(|metadata| metadata.get(name)));
        let mut entries = BTreeMap::new();
        for (field, is_encoded) in [("data", kind == "Secret"), ("stringData", false)] {
            for (name, entry) in document.get(field).and_then(Value::as_map).into_iter().flat_map(|map| map.iter()) {
                let plain = entry.value.as_str().unwrap_or_default();
                let decoded = || STANDARD.decode(plain.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                if let Some(plain) = if is_encoded { decoded() } else { Some(plain.to_owned()) } {
                    entries.insert(name.to_string(), plain);
                }
            }
        }
        self.entries.insert((kind, metadata("namespace"), metadata("name")), entries);
    }

    /// A file beside the policies. Two of one name that differ are none.
    fn file(&self, path: &str) -> Result<Arc<str>, String> {
        let there: Vec<PathBuf> = self.folders.iter().map(|folder| folder.join(path)).filter(|file| file.is_file()).collect();
        let mut read = there.iter().map(|file| state::read(file).map_err(|error| format!("{error:#}")));
        let first = read.next().ok_or_else(|| format!("there is no file `{path}` beside the policies"))??;
        for other in read {
            if other? != first {
                return Err(format!("there are several files `{path}` beside the policies, and they differ"));
            }
        }
        Ok(first.into())
    }

    /// The entries of an object: of that namespace, or of the only one of that name.
    fn object(&self, kind: &'static str, namespace: &str, name: &str) -> Result<&BTreeMap<String, String>, String> {
        let mut of_name = self.entries.iter().filter(|((one, space, called), _)| {
            *one == kind && called == name && (namespace.is_empty() || space.is_empty() || space == namespace)
        });
        match (of_name.next(), of_name.next()) {
            (Some((_, entries)), None) => Ok(entries),
            (Some(_), Some(_)) => Err(format!("there are several of the name `{name}`")),
            (None, _) => Err(format!("the {kind} `{namespace}/{name}` is not here; give it with `--policy FILE`")),
        }
    }
}

impl Supply for Named {
    fn text(&self, wanted: &Wanted) -> Result<Arc<str>, String> {
        match wanted {
            Wanted::File(path) => self.file(path),
            Wanted::Secret { namespace, name } => {
                let entries = self.object("Secret", namespace, name)?;
                let key = entries.get("cosign.pub").or_else(|| entries.values().next());
                key.map(|key| Arc::from(key.as_str())).ok_or_else(|| format!("the Secret `{name}` holds no text"))
            }
            Wanted::ConfigMap { namespace, name, key } => {
                let entry = self.object("ConfigMap", namespace, name)?.get(&**key);
                entry.map(|text| Arc::from(text.as_str())).ok_or_else(|| format!("the ConfigMap `{name}` has no entry `{key}`"))
            }
            // A token's module is a program: only the user names one.
            Wanted::Kms(address) if address.starts_with("pkcs11:") => Err("a policy may not name a PKCS#11 module".to_owned()),
            Wanted::Kms(address) => {
                let named = keys::elsewhere(address).map_err(|error| format!("{error:#}"))?;
                let named = named.ok_or_else(|| format!("`{address}` is no key that is known here"))?;
                keys::public_of(&named).map(|key| key.to_pem().into()).map_err(|error| format!("{error:#}"))
            }
            Wanted::Remote(url) => Err(format!("the policy at `{url}` is not fetched; write it into the policy")),
        }
    }
}

/// Repositories and trust roots for policies.
pub(crate) struct Services<'a> {
    pub(crate) policies: &'a Policies,
    pub(crate) arguments: &'a ImageArguments,
    /// The root in place of the built-in one.
    pub(crate) default: Arc<TrustRoot>,
}

impl Edge for Services<'_> {
    fn repository(&self, name: &str) -> Result<Rc<dyn Repository>, String> {
        let reference: Reference = name.parse().map_err(|error| format!("`{name}` names no repository: {error}"))?;
        let settings = registry::settings(self.arguments).map_err(|error| format!("{error:#}"))?;
        let remote = Registry::new(settings).repository(&reference).map_err(|error| error.to_string())?;
        Ok(Rc::new(remote))
    }

    fn root(&self, name: Option<&str>) -> Result<Arc<TrustRoot>, String> {
        let Some(name) = name else { return Ok(Arc::clone(&self.default)) };
        let spec =
            self.policies.roots.get(name).ok_or_else(|| format!("the TrustRoot `{name}` is not here; give it with `--policy FILE`"))?;
        match spec {
            TrustRootSpec::TrustedRootJson(encoded) => {
                let bytes = STANDARD.decode(encoded.trim()).map_err(|error| format!("the TrustRoot `{name}`: {error}"))?;
                TrustRoot::parse(&bytes).map(Arc::new).map_err(|error| format!("the TrustRoot `{name}`: {error}"))
            }
            TrustRootSpec::Remote { .. } => Err(format!("the TrustRoot `{name}` would have to be fetched; give it as `trustedRootJSON`")),
            TrustRootSpec::Repository { .. } | TrustRootSpec::Keys { .. } => {
                Err(format!("the TrustRoot `{name}` is of a form that is not used here; give it as `trustedRootJSON`"))
            }
        }
    }
}

/// The configuration of an image by platform, as policies see it.
pub(crate) fn configuration(repository: &dyn Repository, image: &probity_registry::Manifest) -> Result<serde_json::Value> {
    /// Largest configuration, in bytes.
    const LARGEST: u64 = 16 << 20;
    let mut all = serde_json::Map::new();
    let mut manifests = vec![image.clone()];
    for digest in image.children().map_err(Wrong::new)?.into_iter().take(64) {
        manifests.extend(repository.manifest(&Name::Digest(digest)).map_err(Wrong::new)?);
    }
    for manifest in manifests.iter().filter(|manifest| !manifest.is_list()) {
        let digest = manifest.value().pointer("/config/digest").and_then(serde_json::Value::as_str).unwrap_or_default();
        let Ok(digest) = digest.parse() else { continue };
        let bytes = repository.blob(&digest, LARGEST).map_err(Wrong::new)?;
        let config: serde_json::Value = serde_json::from_slice(&bytes)?;
        let text = |name: &str| config.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        all.insert(format!("{}/{}", text("os"), text("architecture")), config.clone());
    }
    Ok(serde_json::Value::Object(all))
}
