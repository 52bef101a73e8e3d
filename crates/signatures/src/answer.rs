//! What policies demand of an image (`probity-imagepolicy`), verified: the edge between a pure plan and a registry.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use probity_core::Timestamp;
use probity_imagepolicy::cip::{Hash, Source};
use probity_imagepolicy::{Answer, By, Demand as Demanded, Format, Log, Proof, Root, Sought};
use probity_registry::{Digest, Repository};
use probity_sigstore::{Matcher, Policy, Signer, TrustRoot};
use serde_json::Value;

use crate::find::{End, Form, Found, Kind, Limits, visit};
use crate::judge::{Demand, Signed, judge};

/// Most reasons that are kept of what does not hold.
const MOST_REASONS: usize = 20;

/// What the edge has: repositories and trust roots.
pub trait Edge {
    /// The repository of that name, where signatures are kept elsewhere than beside the image.
    ///
    /// # Errors
    /// Why it cannot be asked, as a sentence.
    fn repository(&self, name: &str) -> Result<Rc<dyn Repository>, String>;

    /// The trust root of that name, or that of everybody.
    ///
    /// # Errors
    /// Why it is not here, as a sentence.
    fn root(&self, name: Option<&str>) -> Result<Arc<TrustRoot>, String>;
}

/// Verifies one demand: everything beside the image by those who are meant. What cannot be told is said, and is no proof.
#[must_use]
pub fn answer(
    edge: &dyn Edge,
    repository: &Rc<dyn Repository>,
    image: &Digest,
    demanded: &Demanded,
    limits: &Limits,
    now: Timestamp,
) -> Answer {
    let mut answer = Answer::default();
    let (policies, root) = match policies(edge, demanded) {
        Ok(made) => made,
        Err(why) => return Answer { undecided: Some(why), ..answer },
    };
    let kind = match demanded.sought {
        Sought::Signatures => Kind::Signature,
        Sought::Attestations => Kind::Attestation,
    };
    let forms = match demanded.format {
        Format::Legacy => vec![Form::Legacy],
        Format::Bundle => vec![Form::Bundle],
        Format::Any => Form::ALL.to_vec(),
    };
    let annotations: BTreeMap<String, String> =
        demanded.annotations.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    if policies.is_empty() {
        return Answer { undecided: Some("the policy names nobody who may sign".to_owned()), ..answer };
    }
    let demand = |policy| Demand { kind, annotations: annotations.clone(), forms: forms.clone(), ..Demand::signature(policy) };
    let demands: Vec<Demand> = policies.into_iter().map(demand).collect();
    let beside = [Source::default()];
    let sources = if demanded.sources.is_empty() { &beside[..] } else { &demanded.sources };
    for source in sources {
        let place = match &source.oci {
            None => Rc::clone(repository),
            Some(name) => match edge.repository(name) {
                Ok(place) => place,
                Err(why) => {
                    answer.undecided = Some(why);
                    continue;
                }
            },
        };
        let prefix = source.tag_prefix.as_deref().unwrap_or_default();
        let end = visit(place.as_ref(), image, kind, &forms, prefix, limits, &mut |found: Found| {
            match by_any(&found, image, &demands, &root, now) {
                Ok(signed) => answer.proofs.push(proof(&signed)),
                Err(why) if answer.refused.len() < MOST_REASONS => answer.refused.push(why),
                Err(_) => {}
            }
            true
        });
        match end {
            Ok(End::Cut(why)) => answer.undecided = Some(format!("not everything beside the image was looked at: {why}")),
            Ok(End::All | End::Enough) => {}
            Err(error) => answer.undecided = Some(error.to_string()),
        }
    }
    answer
}

/// The first of several demands that something fulfils; else why it does not fulfil the one that came nearest.
fn by_any(found: &Found, image: &Digest, demands: &[Demand], root: &TrustRoot, now: Timestamp) -> Result<Signed, String> {
    let mut why = String::new();
    for demand in demands {
        match judge(found, image, demand, root, now) {
            Ok(signed) => return Ok(signed),
            Err(error) => why = format!("{}: {}: {}", found.place, error.step, error.why),
        }
    }
    Err(why)
}

fn proof(signed: &Signed) -> Proof {
    let annotations = signed.annotations.iter().map(|(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        (name.clone(), text)
    });
    Proof { annotations: annotations.collect(), ..Proof::of(&signed.verified, signed.place.to_string()) }
}

/// What may have been signed by whom, each as a policy for bundles, and the root that all of it stands on.
fn policies(edge: &dyn Edge, demanded: &Demanded) -> Result<(Vec<Policy>, Arc<TrustRoot>), String> {
    let (signers, own) = match &demanded.by {
        By::Keys { keys, hash } => {
            if *hash != Hash::Sha256 {
                return Err("signatures over another digest than SHA-256 are not verified here".to_owned());
            }
            (keys.iter().cloned().map(Signer::Key).collect::<Vec<_>>(), None)
        }
        By::Identities { identities, root, .. } => {
            let any = || Matcher::pattern(".").map_err(|error| error.to_string());
            let mut signers = Vec::new();
            for one in identities {
                signers.push(Signer::Certificate { identity: one.subject.clone(), issuer: one.issuer.clone() });
            }
            if identities.is_empty() {
                signers.push(Signer::Certificate { identity: any()?, issuer: any()? });
            }
            (signers, Some(root))
        }
        By::Certificate { .. } => return Err("signatures by a certificate of the policy's own are not verified here".to_owned()),
    };
    let mut roots: Vec<&Root> = own.into_iter().collect();
    let log = match &demanded.log {
        Log::Ignored => false,
        Log::Needed { key: Some(_), .. } => {
            return Err("a transparency log's key within a policy is not used here; name a trust root".to_owned());
        }
        Log::Needed { root, .. } => {
            roots.push(root);
            true
        }
    };
    roots.extend(&demanded.timestamp);
    // What one root vouches for is not vouched for by another.
    let root = match roots.as_slice() {
        [] => &Root::Default,
        [first, rest @ ..] if rest.iter().all(|other| other == first) => first,
        _ => return Err("certificates, log and timestamps are of different trust roots, which is not verified here".to_owned()),
    };
    let root = match root {
        Root::Default => edge.root(None)?,
        Root::Named(name) => edge.root(Some(name))?,
        Root::Certificates(_) => return Err("roots as certificates are not used here; name a trust root".to_owned()),
    };
    let timestamp = demanded.timestamp.is_some();
    let policies = signers.into_iter().map(|signer| {
        let no_time = matches!(signer, Signer::Key(_));
        Policy { signer, log, timestamp, no_time }
    });
    Ok((policies.collect(), root))
}
