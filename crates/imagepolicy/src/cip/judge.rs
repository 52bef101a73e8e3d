//! ClusterImagePolicies to demands, and their verdicts, as the policy controller reaches them.
//!
//! Every policy that is about an image has to be satisfied. Within a policy one authority is enough, unless the policy has one over all of
//! them. An authority with attestations needs every one of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_sigstore::PublicKey;
use probity_value::{Span, Value, json};
use serde_json::{Map, Value as Json};

use super::{Authority, By as CipBy, ClusterImagePolicy, KeyRef, Keyless, Material, Mode, PolicyText};
use crate::Format;
use crate::demand::{Answer, By, Demand, Log, Proof, Root, Sought, Supply, Wanted};
use crate::image::ImageName;
use crate::plan::{Facts, Planner, PolicyOutcome, Reason, Rule, Verdict};
use crate::proofs::{Nothing, fitting, statements};
use crate::texts::{Judge, compile};

/// Most keys of one secret.
const MOST_KEYS: usize = 20;

impl Planner<'_> {
    /// Adds the policies that are about the image.
    pub fn cluster_image_policies<'p>(&mut self, policies: impl IntoIterator<Item = &'p ClusterImagePolicy>) {
        for policy in policies {
            if self.is_about(policy) {
                let rule = self.planned(policy);
                self.rules.push(Box::new(rule));
            }
        }
    }

    fn is_about(&self, policy: &ClusterImagePolicy) -> bool {
        if !policy.images.iter().any(|glob| glob.matches(&self.image)) {
            return false;
        }
        if policy.matches.is_empty() {
            return true;
        }
        // Without an object nobody can tell; the policy counts.
        let Some(object) = self.object else { return true };
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
        let labels = object.get("metadata").and_then(|metadata| metadata.get("labels"));
        policy.matches.iter().any(|one| one.matches(group, version, text("kind"), labels))
    }

    fn planned(&mut self, policy: &ClusterImagePolicy) -> Planned {
        // Where a static authority passes and nothing is said over all of them, nobody has to be asked.
        let passes = policy.policy.is_none() && policy.authorities.iter().any(|one| matches!(one.by, CipBy::Static { pass: true, .. }));
        let authorities = policy.authorities.iter().filter(|one| !passes || matches!(one.by, CipBy::Static { .. }));
        let authorities: Vec<&Authority> = authorities.collect();
        let authorities = authorities.into_iter().map(|authority| self.authority(authority)).collect();
        let over_all = policy.policy.as_ref().map(|text| OverAll {
            judge: compile(text, self.supply),
            span: text.span,
            parts: self.parts(text),
            config: text.fetch_config_file,
        });
        self.wants_config |= over_all.as_ref().is_some_and(|over_all| over_all.config);
        Planned { name: Arc::clone(&policy.name), span: policy.span, mode: policy.mode, authorities, over_all }
    }

    /// What a policy over all authorities wants of the object.
    fn parts(&self, text: &PolicyText) -> Result<Vec<(&'static str, Json)>, String> {
        let mut parts = Vec::new();
        let written = |value: &Value, what: &str| -> Result<Json, String> {
            let text = json::write(value).ok_or_else(|| format!("`{what}` of the object is not wholly known"))?;
            serde_json::from_str(&text).map_err(|error| error.to_string())
        };
        for (wanted, from, to) in [(text.include_spec, "spec", "spec"), (text.include_object_meta, "metadata", "metadata")] {
            if wanted && let Some(value) = self.object.and_then(|object| object.get(from)) {
                parts.push((to, written(value, from)?));
            }
        }
        if text.include_type_meta
            && let Some(object) = self.object
        {
            let mut kind = Map::new();
            for key in ["kind", "apiVersion"] {
                if let Some(value) = object.get(key) {
                    kind.insert(key.to_owned(), written(value, key)?);
                }
            }
            parts.push(("typemeta", Json::Object(kind)));
        }
        Ok(parts)
    }

    fn authority(&mut self, authority: &Authority) -> PlannedAuthority {
        let work = match &authority.by {
            CipBy::Static { pass: true, .. } => Work::Pass,
            CipBy::Static { pass: false, message } => {
                Work::Impossible(Nothing::failed(message.as_deref().unwrap_or("the policy disallows it (`static`)")))
            }
            CipBy::Key(key) => match keys(key, self.supply) {
                Ok(keys) => self.verify(authority, By::Keys { keys, hash: key.hash }, None),
                Err(why) => Work::Impossible(Nothing::undecided(why)),
            },
            CipBy::Keyless(keyless) => self.keyless(authority, keyless),
        };
        PlannedAuthority { name: Arc::clone(&authority.name), span: authority.span, work }
    }

    fn keyless(&mut self, authority: &Authority, keyless: &Keyless) -> Work {
        if keyless.ca_cert.is_some() {
            // Upstream reads it and then refuses every image: only trust roots work.
            return Work::Impossible(Nothing::failed("`ca-cert` vouches for nothing; name a trust root with `trustRootRef`"));
        }
        let different = |other: &Option<Arc<str>>| other != &keyless.trust_root;
        if authority.format == Format::Bundle {
            let log = authority.log.as_ref().is_some_and(|log| different(&log.trust_root));
            let timestamp = authority.timestamp.as_ref().is_some_and(different);
            if log || timestamp {
                return Work::Impossible(Nothing::failed(
                    "for bundles, `ctlog` and `rfc3161timestamp` have to name the trust root of `keyless`",
                ));
            }
        }
        let root = named(keyless.trust_root.as_ref());
        let by = By::Identities { identities: keyless.identities.clone(), root, ignore_sct: keyless.ignore_sct };
        self.verify(authority, by, Some(keyless))
    }

    fn verify(&mut self, authority: &Authority, by: By, keyless: Option<&Keyless>) -> Work {
        let timestamp = match &authority.timestamp {
            // In the old format a timestamp counts only by the root that is named.
            Some(None) if authority.format == Format::Legacy => None,
            Some(root) => Some(named(root.as_ref())),
            None => None,
        };
        let demand = Demand {
            sought: if authority.attestations.is_empty() { Sought::Signatures } else { Sought::Attestations },
            log: log(authority, keyless, timestamp.is_some()),
            by,
            sources: authority.sources.clone(),
            format: authority.format,
            timestamp,
            annotations: BTreeMap::new(),
        };
        let mut attestations = Vec::new();
        for one in &authority.attestations {
            attestations.push(PlannedAttestation {
                name: Arc::clone(&one.name),
                span: one.span,
                written: Arc::clone(&one.predicate_type),
                uri: uri(&one.predicate_type),
                judge: one.policy.as_ref().map(|policy| compile(policy, self.supply)),
            });
        }
        match self.demand(demand.clone()) {
            Ok(number) => Work::Verify { demand: Box::new(demand), number, attestations },
            Err(why) => Work::Impossible(Nothing::undecided(why)),
        }
    }
}

fn named(root: Option<&Arc<str>>) -> Root {
    root.map_or(Root::Default, |name| Root::Named(Arc::clone(name)))
}

/// Which log has to know of a signature. Where one timestamps, none.
fn log(authority: &Authority, keyless: Option<&Keyless>, timestamped: bool) -> Log {
    if timestamped {
        return Log::Ignored;
    }
    let needed = |url: Option<Arc<str>>, root: Root| Log::Needed { url, root, key: None };
    match (&authority.log, keyless) {
        (Some(log), _) if log.trust_root.is_some() || log.url.is_some() => needed(log.url.clone(), named(log.trust_root.as_ref())),
        // A bundle without a log would say nothing of when its certificate was used.
        (_, Some(keyless)) if authority.format == Format::Bundle => needed(None, named(keyless.trust_root.as_ref())),
        (Some(_), _) => Log::Ignored,
        (None, Some(keyless)) if keyless.trust_root.is_none() => needed(None, Root::Default),
        (None, _) => Log::Ignored,
    }
}

/// The URI of a predicate type, by its short name or as it is.
fn uri(written: &str) -> Arc<str> {
    if written == "spdx" {
        return "https://spdx.dev/Document".into();
    }
    probity_attest::predicate::type_uri(written).map_or_else(|_| written.into(), Arc::from)
}

/// The public keys a reference names.
fn keys(key: &KeyRef, supply: &dyn Supply) -> Result<Vec<PublicKey>, String> {
    let wanted = match &key.material {
        Material::Data(key) => return Ok(vec![key.clone()]),
        Material::Secret { namespace, name } => Wanted::Secret { namespace: Arc::clone(namespace), name: Arc::clone(name) },
        Material::Kms(address) => Wanted::Kms(Arc::clone(address)),
    };
    public_keys(&supply.text(&wanted)?)
}

/// All public keys of a PEM text.
pub(crate) fn public_keys(pem: &str) -> Result<Vec<PublicKey>, String> {
    const END: &str = "-----END PUBLIC KEY-----";
    let mut keys = Vec::new();
    for block in pem.split_inclusive(END).filter(|block| block.trim_end().ends_with(END)) {
        if keys.len() >= MOST_KEYS {
            return Err(format!("there are more than {MOST_KEYS} public keys"));
        }
        let start = block.find("-----BEGIN PUBLIC KEY-----").ok_or("a public key has no beginning")?;
        keys.push(PublicKey::from_pem(block.get(start..).unwrap_or_default()).map_err(|error| error.to_string())?);
    }
    if keys.is_empty() { Err("there is no PEM `PUBLIC KEY`".to_owned()) } else { Ok(keys) }
}

struct Planned {
    name: Arc<str>,
    span: Span,
    mode: Mode,
    authorities: Vec<PlannedAuthority>,
    over_all: Option<OverAll>,
}

struct OverAll {
    judge: Result<Judge, String>,
    span: Span,
    parts: Result<Vec<(&'static str, Json)>, String>,
    config: bool,
}

struct PlannedAuthority {
    name: Arc<str>,
    span: Span,
    work: Work,
}

enum Work {
    Pass,
    Impossible(Nothing),
    Verify { demand: Box<Demand>, number: usize, attestations: Vec<PlannedAttestation> },
}

struct PlannedAttestation {
    name: Arc<str>,
    span: Span,
    written: Arc<str>,
    uri: Arc<str>,
    judge: Option<Result<Judge, String>>,
}

impl Rule for Planned {
    fn judge(&self, image: &ImageName, answers: &[Answer], facts: &Facts) -> PolicyOutcome {
        let mut outcome = PolicyOutcome {
            policy: Arc::clone(&self.name),
            verdict: Verdict::Fail,
            mode: self.mode,
            reasons: Vec::new(),
            notes: Vec::new(),
            matched: Vec::new(),
        };
        let mut matches = Map::new();
        let mut undecided = false;
        for authority in &self.authorities {
            match authority.judge(image, answers, facts, &mut outcome.notes) {
                Ok(found) => {
                    matches.insert(authority.name.to_string(), found);
                    outcome.matched.push(Arc::clone(&authority.name));
                }
                Err(nothing) => {
                    undecided |= nothing.undecided;
                    outcome.reasons.push(Reason { text: format!("`{}`: {}", authority.name, nothing.text), span: authority.span });
                }
            }
        }
        if matches.is_empty() {
            if self.authorities.is_empty() {
                outcome.reasons.push(Reason { text: "the policy has no authority that could vouch for it".to_owned(), span: self.span });
            }
            outcome.verdict = if undecided { Verdict::Undecided } else { Verdict::Fail };
            return outcome;
        }
        if let Some(over_all) = &self.over_all {
            match over_all.check(matches, facts) {
                Ok(open) => outcome.notes.extend(unsaid(&open, "the policy over all authorities", over_all.span)),
                Err(nothing) => {
                    // An authority that could not be told might have made the difference.
                    outcome.verdict = if nothing.undecided || undecided { Verdict::Undecided } else { Verdict::Fail };
                    outcome
                        .reasons
                        .push(Reason { text: format!("the policy over all authorities: {}", nothing.text), span: over_all.span });
                    outcome.matched.clear();
                    return outcome;
                }
            }
        }
        outcome.verdict = Verdict::Pass;
        outcome.reasons.clear();
        outcome
    }
}

fn unsaid(open: &[String], who: &str, span: Span) -> Option<Reason> {
    if open.is_empty() {
        return None;
    }
    Some(Reason { text: format!("{who} asks for {}, of which nothing is said; to CUE that is no contradiction", open.join(", ")), span })
}

impl OverAll {
    fn check(&self, matches: Map<String, Json>, facts: &Facts) -> Result<Vec<String>, Nothing> {
        let judge = self.judge.as_ref().map_err(|why| Nothing::undecided(why.clone()))?;
        let mut document = Map::new();
        document.insert("authorityMatches".to_owned(), Json::Object(matches));
        if self.config {
            let config = facts.config.clone().ok_or_else(|| Nothing::undecided("the configuration of the image is not known"))?;
            document.insert("config".to_owned(), config);
        }
        for (name, part) in self.parts.as_ref().map_err(|why| Nothing::undecided(why.clone()))? {
            document.insert((*name).to_owned(), part.clone());
        }
        judge.check(&Json::Object(document).to_string(), facts.now).map_err(Nothing::failed)
    }
}

impl PlannedAuthority {
    /// What the authority says, as the policy over all of them sees it.
    fn judge(&self, image: &ImageName, answers: &[Answer], facts: &Facts, notes: &mut Vec<Reason>) -> Result<Json, Nothing> {
        let mut found = Map::new();
        match &self.work {
            Work::Pass => {
                found.insert("static".to_owned(), Json::Bool(true));
            }
            Work::Impossible(nothing) => return Err(nothing.clone()),
            Work::Verify { demand, number, attestations } => {
                let proofs = fitting(demand, answers.get(*number))?;
                if attestations.is_empty() {
                    found.insert("signatures".to_owned(), Json::Array(proofs.iter().map(|proof| Json::Object(signature(proof))).collect()));
                } else {
                    let mut by_name = Map::new();
                    for attestation in attestations {
                        let incomplete = answers.get(*number).and_then(|answer| answer.undecided.as_deref());
                        let one = attestation.judge(&proofs, image, facts, incomplete, notes)?;
                        by_name.insert(attestation.name.to_string(), Json::Array(one));
                    }
                    found.insert("attestations".to_owned(), Json::Object(by_name));
                }
            }
        }
        Ok(Json::Object(found))
    }
}

impl PlannedAttestation {
    fn judge(
        &self,
        proofs: &[&Proof],
        image: &ImageName,
        facts: &Facts,
        incomplete: Option<&str>,
        notes: &mut Vec<Reason>,
    ) -> Result<Vec<Json>, Nothing> {
        let (statements, mut wrong) = statements(proofs, image);
        let mut found = Vec::new();
        let mut other = Vec::new();
        for attested in &statements {
            if *attested.predicate_type != *self.uri {
                other.push(attested.predicate_type.clone());
                continue;
            }
            match &self.judge {
                None => {}
                Some(Err(why)) => return Err(Nothing::undecided(format!("the policy of `{}`: {why}", self.name))),
                Some(Ok(judge)) => match judge.check(attested.text, facts.now) {
                    Ok(open) => notes.extend(unsaid(&open, &format!("the policy of `{}`", self.name), self.span)),
                    Err(why) => {
                        wrong.push(format!("the policy of `{}`: {why}", self.name));
                        continue;
                    }
                },
            }
            let mut one = signature(attested.proof);
            one.insert("predicateType".to_owned(), Json::String(self.written.to_string()));
            found.push(Json::Object(one));
        }
        if !found.is_empty() {
            return Ok(found);
        }
        if let Some(why) = incomplete {
            return Err(Nothing::undecided(why.to_owned()));
        }
        other.sort();
        other.dedup();
        let why = match wrong.first() {
            Some(why) => why.clone(),
            None => format!("there are only attestations of other types: {}", other.join(", ")),
        };
        Err(Nothing::failed(format!("no attestation `{}` of the type {} that counts: {why}", self.name, self.uri)))
    }
}

/// A signature as a policy over all authorities sees it. What is not known is left out.
fn signature(proof: &Proof) -> Map<String, Json> {
    let github = &proof.github;
    let id = Some(proof.id.clone()).filter(|id| !id.is_empty());
    let pairs = [
        ("id", &id),
        ("subject", &proof.subject),
        ("issuer", &proof.issuer),
        ("githubWorkflowTrigger", &github.trigger),
        ("githubWorkflowSha", &github.sha),
        ("githubWorkflowName", &github.name),
        ("githubWorkflowRepo", &github.repository),
        ("githubWorkflowRef", &github.reference),
    ];
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Json::String(value.clone()?)))).collect()
}
