//! `TrustRoot` objects: whose certificates, logs and timestamps count.

use std::sync::Arc;

use probity_value::{Span, Value};

use super::read::{address, head};
use crate::fault::{Fault, Fields, Node, Reader};

/// Longest text of one part: a whole mirror of a repository is one.
const LONGEST: usize = 64 << 20;

/// A trust root by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustRootObject {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is written.
    pub span: Span,
    /// Where what it says comes from.
    pub spec: TrustRootSpec,
}

/// Where a trust root comes from. Bytes are in base64, as they are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrustRootSpec {
    /// A TUF repository that is fetched.
    Remote {
        /// Its first root, in base64.
        root: Arc<str>,
        /// Its address.
        mirror: Arc<str>,
    },
    /// A TUF repository that is here.
    Repository {
        /// Its first root, in base64.
        root: Arc<str>,
        /// A tar with gzip of it, in base64.
        mirror_fs: Arc<str>,
        /// The folder of its targets.
        targets: Arc<str>,
    },
    /// Keys and certificates.
    Keys {
        /// Who makes certificates.
        certificate_authorities: Vec<CertificateAuthority>,
        /// Logs of signatures.
        logs: Vec<LogInstance>,
        /// Logs of certificates.
        certificate_logs: Vec<LogInstance>,
        /// Who says when.
        timestamp_authorities: Vec<CertificateAuthority>,
    },
    /// A `trusted_root.json`, in base64.
    TrustedRootJson(Arc<str>),
}

/// Who makes certificates or timestamps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateAuthority {
    /// The organisation of its name.
    pub organization: Arc<str>,
    /// The common name of its name.
    pub common_name: Arc<str>,
    /// Its address.
    pub uri: Arc<str>,
    /// Its certificates as PEM, in base64; the root comes last.
    pub chain: Arc<str>,
}

/// A log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogInstance {
    /// Its address.
    pub base_url: Arc<str>,
    /// The hash of its tree.
    pub hash_algorithm: Arc<str>,
    /// Its key as PEM, in base64.
    pub public_key: Arc<str>,
}

impl TrustRootObject {
    /// Reads a document. What is in base64 is not opened.
    ///
    /// # Errors
    /// Everything that is wrong with it, with its path and place.
    pub fn read(document: &Value) -> Result<TrustRootObject, Vec<Fault>> {
        let mut reader = Reader::default();
        let object = object(&mut reader, document);
        match object {
            Some(object) if reader.faults.is_empty() => Ok(object),
            _ => Err(reader.faults),
        }
    }
}

fn object(reader: &mut Reader, document: &Value) -> Option<TrustRootObject> {
    let kinds = ["remote", "repository", "sigstoreKeys", "trustedRootJSON"];
    let (name, spec) = head(reader, document, "TrustRoot", &["v1alpha1"], &kinds)?;
    let one = reader.exactly_one(&spec, &kinds)?;
    let read = match one {
        "remote" => {
            let fields = reader.inner(&spec, one, &["root", "mirror"])?;
            let mirror = reader.needed(&fields, "mirror");
            TrustRootSpec::Remote { root: bytes(reader, &fields, "root")?, mirror: mirror?.text }
        }
        "repository" => {
            let fields = reader.inner(&spec, one, &["root", "mirrorFS", "targets"])?;
            let targets = reader.text(&fields, "targets").map_or_else(|| "targets".into(), |text| text.text);
            let (root, mirror_fs) = (bytes(reader, &fields, "root"), bytes(reader, &fields, "mirrorFS"));
            TrustRootSpec::Repository { root: root?, mirror_fs: mirror_fs?, targets }
        }
        "sigstoreKeys" => keys(reader, &spec)?,
        _ => TrustRootSpec::TrustedRootJson(bytes(reader, &spec, one)?),
    };
    Some(TrustRootObject { name, span: document.span, spec: read })
}

fn bytes(reader: &mut Reader, of: &Fields<'_>, key: &str) -> Option<Arc<str>> {
    let text = reader.needed(of, key)?;
    if text.text.len() > LONGEST {
        reader.wrong(text.path, text.span, format!("has {} bytes, more than {LONGEST}", text.text.len()));
        return None;
    }
    Some(text.text)
}

fn keys(reader: &mut Reader, spec: &Fields<'_>) -> Option<TrustRootSpec> {
    let kinds = ["certificateAuthorities", "tLogs", "ctLogs", "timestampAuthorities"];
    let fields = reader.inner(spec, "sigstoreKeys", &kinds)?;
    let authorities = reader.list(&fields, "certificateAuthorities");
    let stamps = reader.list(&fields, "timestampAuthorities");
    if authorities.is_empty() && stamps.is_empty() {
        reader.wrong(fields.path.clone(), fields.span, "needs certificateAuthorities or timestampAuthorities");
    }
    let (logs, certificate_logs) = (reader.list(&fields, "tLogs"), reader.list(&fields, "ctLogs"));
    let mut all = |nodes: &[Node<'_>]| nodes.iter().filter_map(|node| authority(reader, node)).collect();
    let (certificate_authorities, timestamp_authorities) = (all(&authorities), all(&stamps));
    let mut all = |nodes: &[Node<'_>]| nodes.iter().filter_map(|node| log(reader, node)).collect();
    let (logs, certificate_logs) = (all(&logs), all(&certificate_logs));
    Some(TrustRootSpec::Keys { certificate_authorities, logs, certificate_logs, timestamp_authorities })
}

fn authority(reader: &mut Reader, node: &Node<'_>) -> Option<CertificateAuthority> {
    let fields = reader.fields(node, &["subject", "uri", "certChain"])?;
    let subject = reader.inner(&fields, "subject", &["organization", "commonName"]);
    if !fields.has("subject") {
        reader.wrong(fields.at("subject"), fields.span, "is missing");
    }
    let named = subject.and_then(|subject| {
        let (organization, common_name) = (reader.needed(&subject, "organization"), reader.needed(&subject, "commonName"));
        Some((organization?.text, common_name?.text))
    });
    let uri = reader.needed(&fields, "uri");
    let chain = bytes(reader, &fields, "certChain");
    let (organization, common_name) = named?;
    Some(CertificateAuthority { organization, common_name, uri: uri?.text, chain: chain? })
}

fn log(reader: &mut Reader, node: &Node<'_>) -> Option<LogInstance> {
    let fields = reader.fields(node, &["baseURL", "hashAlgorithm", "publicKey"])?;
    let base_url = reader.needed(&fields, "baseURL").and_then(|_| address(reader, &fields, "baseURL"));
    let hash_algorithm = reader.needed(&fields, "hashAlgorithm");
    let public_key = bytes(reader, &fields, "publicKey");
    Some(LogInstance { base_url: base_url?, hash_algorithm: hash_algorithm?.text, public_key: public_key? })
}
