//! Any bytes as a Sigstore bundle (`B`), judged by a key and by an identity; as a trust root (`T`); as a public key (`K`). Nothing panics,
//! and nothing verifies for an artifact that was never signed.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use probity_core::{Digest, Timestamp};
use probity_sigstore::{Artifact, Bundle, Matcher, Policy, PublicKey, Signer, TrustRoot, verify};

/// The key of `seeds/bundle/key`.
const KEY: &str = include_str!("../seeds/bundle/key");
const ROOT: &[u8] = include_bytes!("../seeds/bundle/root");
const NOW: Timestamp = Timestamp { seconds: 1_800_000_000, nanoseconds: 0 };

struct Asked {
    roots: [TrustRoot; 2],
    policies: Vec<Policy>,
}

static ASKED: LazyLock<Asked> = LazyLock::new(|| {
    let key = Policy::new(Signer::Key(PublicKey::from_pem(&KEY[1..]).expect("the seed's key")));
    let anybody = Policy::new(Signer::Certificate {
        identity: Matcher::pattern(".*").expect("a pattern"),
        issuer: Matcher::pattern(".*").expect("a pattern"),
    });
    Asked {
        roots: [TrustRoot::public_good().expect("the built-in root"), TrustRoot::parse(&ROOT[1..]).expect("the seed's root")],
        policies: vec![
            Policy { log: false, no_time: true, ..key.clone() },
            Policy { log: false, ..anybody.clone() },
            key,
            anybody,
        ],
    }
});

fn judge(bundle: &Bundle, root: &TrustRoot) {
    for policy in &ASKED.policies {
        let _ = bundle.needs_bytes(policy);
        for artifact in [Artifact::Bytes(b"never signed"), Artifact::Sha256(Digest([7; 32]))] {
            assert!(verify(bundle, root, policy, artifact, NOW).is_err(), "nobody signed this");
        }
        let _ = verify(bundle, root, policy, Artifact::Bytes(b"artifact"), NOW);
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind {
        b'T' => {
            let _ = TrustRoot::parse(rest);
        }
        b'K' => {
            let _ = std::str::from_utf8(rest).map(PublicKey::from_pem);
        }
        _ => {
            if let Ok(bundle) = Bundle::parse(rest) {
                ASKED.roots.iter().for_each(|root| judge(&bundle, root));
            }
        }
    }
});
