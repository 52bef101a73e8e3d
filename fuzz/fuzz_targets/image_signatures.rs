//! What a hostile registry may give of an image's signatures: lists of referrers, manifests, layers of the older tags, bundles. The input is
//! three parts with a zero byte between them: a list, a manifest, a blob. Nothing of it may be a signature of a key that made none.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use probity_core::Timestamp;
use probity_registry::{Digest, Manifest, Name, PullError, Referrers, Repository};
use probity_signatures::{Demand, Form, Kind, Limits, verify_image};
use probity_sigstore::{Policy, PublicKey, Signer, TrustRoot};
use serde_json::Value;

/// A key whose private half nobody has kept.
const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

struct Hostile {
    list: Value,
    manifest: Vec<u8>,
    blob: Vec<u8>,
}

impl Repository for Hostile {
    fn manifest(&self, _: &Name) -> Result<Option<Manifest>, PullError> {
        Manifest::parse(self.manifest.clone()).map(Some)
    }
    fn blob(&self, _: &Digest, limit: u64) -> Result<Vec<u8>, PullError> {
        assert!(limit >= 1 << 20);
        Ok(self.blob.clone())
    }
    fn referrers(&self, _: &Digest, _: Option<&str>) -> Result<Referrers, PullError> {
        Referrers::of(&self.list)
    }
    fn push_blob(&self, bytes: &[u8]) -> Result<Digest, PullError> {
        Ok(Digest::of(bytes))
    }
    fn push_manifest(&self, _: Option<&str>, _: &Value) -> Result<Digest, PullError> {
        unreachable!("nothing is written here")
    }
    fn place(&self) -> String {
        "hostile".to_owned()
    }
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default().to_vec();
    let (list, manifest, blob) = (part(), part(), part());
    let list = serde_json::from_slice(&list).unwrap_or(Value::Null);
    if let Ok(manifest) = Manifest::parse(manifest.clone()) {
        let _ = manifest.children();
        assert_eq!(*manifest.digest(), Digest::of(manifest.bytes()));
    }
    let repository = Hostile { list, manifest, blob };
    let image = Digest::of(b"image");
    let key = PublicKey::from_pem(KEY).unwrap();
    let policy = Policy { signer: Signer::Key(key), log: false, timestamp: false, no_time: true };
    let root = TrustRoot::public_good().unwrap();
    let now = Timestamp { seconds: 1_800_000_000, nanoseconds: 0 };
    for kind in [Kind::Signature, Kind::Attestation] {
        let demand = Demand { kind, annotations: BTreeMap::new(), forms: Form::ALL.to_vec(), ..Demand::signature(policy.clone()) };
        let limits = Limits { candidates: 16, until: None };
        assert!(verify_image(&repository, &image, &demand, &root, &limits, now).is_err());
    }
});
