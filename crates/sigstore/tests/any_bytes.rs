//! Any bytes as a bundle, a trust root or a key: an answer, never a panic, and never that they verify.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::LazyLock;

use probity_core::Timestamp;
use probity_sigstore::{Artifact, Bundle, Policy, PublicKey, Signer, TrustRoot, verify};
use probity_testkit::sigstore::{self as testkit, Algorithm, Log};
use proptest::prelude::*;

const ARTIFACT: &[u8] = b"artifact";
const NOW: Timestamp = Timestamp { seconds: 1_760_000_000, nanoseconds: 0 };

struct Made {
    bundle: Vec<u8>,
    root: Vec<u8>,
    policy: Policy,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let (log, signer) = (Log::default(), testkit::Signer::generate(Algorithm::P256));
    let bundle = log.enter(signer.message_bundle(ARTIFACT), &signer, 1_750_000_000);
    Made {
        bundle: bundle.to_string().into_bytes(),
        root: log.trust_root().to_string().into_bytes(),
        policy: Policy::new(Signer::Key(PublicKey::from_pem(&signer.pem()).unwrap())),
    }
});

proptest! {
    #[test]
    fn nonsense(bytes in proptest::collection::vec(any::<u8>(), 0..600), text in ".{0,300}") {
        for bytes in [&*bytes, text.as_bytes()] {
            prop_assert!(Bundle::parse(bytes).is_err());
            prop_assert!(TrustRoot::parse(bytes).is_err());
        }
        prop_assert!(PublicKey::from_pem(&text).is_err());
    }

    #[test]
    fn nearly_right(at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<bool>(), of_root in any::<bool>()) {
        let mut bytes = if of_root { MADE.root.clone() } else { MADE.bundle.clone() };
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = to;
        }
        let (bundle, root) = if of_root { (&MADE.bundle, &bytes) } else { (&bytes, &MADE.root) };
        if let (Ok(bundle), Ok(root)) = (Bundle::parse(bundle), TrustRoot::parse(root)) {
            let before = verify(&Bundle::parse(&MADE.bundle).unwrap(), &TrustRoot::parse(&MADE.root).unwrap(), &MADE.policy, Artifact::Bytes(ARTIFACT), NOW).unwrap();
            if let Ok(mut found) = verify(&bundle, &root, &MADE.policy, Artifact::Bytes(ARTIFACT), NOW) {
                // Of a trust root's log the address is for people; nothing else may differ.
                found.log[0].log.clone_from(&before.log[0].log);
                found.times[0].by.clone_from(&before.times[0].by);
                prop_assert_eq!(found, before);
            }
            prop_assert!(verify(&bundle, &root, &MADE.policy, Artifact::Bytes(b"another"), NOW).is_err());
        }
    }
}
