//! Any text as policies about images of every kind, and as a policy in CUE over a document.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_imagepolicy::cip::{ClusterImagePolicy, NoMatch, Options, TrustRootObject};
use probity_imagepolicy::cue::CuePolicy;
use probity_imagepolicy::kyverno::VerifyImages;
use probity_imagepolicy::own::ImageRules;
use probity_imagepolicy::{Decision, Facts, ImageName, NoSupply, Occasion, Planner};
use probity_core::Timestamp;
use probity_value::{FileId, yaml};

const IMAGE: &str = "ghcr.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000";
const DOCUMENT: &str = r#"{"predicateType": "t", "predicate": {"a": [1, 2.5, "x", null, true], "b": {"c": "2026-01-01T00:00:00Z"}}}"#;

fuzz_target!(|text: &str| {
    if let Ok(policy) = CuePolicy::parse(text) {
        let first = policy.judge(DOCUMENT);
        assert_eq!(first, policy.judge(DOCUMENT), "{text}");
    }
    let _ = ImageName::parse(text);
    let Ok(image) = ImageName::parse(IMAGE) else { return };
    for document in yaml::parse(text, FileId(0)).0 {
        let _ = TrustRootObject::read(&document.value);
        let Ok(mut planner) = Planner::new(&image, None, &NoSupply) else { return };
        if let Ok(policy) = ClusterImagePolicy::read(&document.value, &Options::default()) {
            planner.cluster_image_policies([&policy]);
        }
        if let Ok(rules) = ImageRules::read(&document.value) {
            planner.image_rules(&rules);
        }
        if let Ok(entries) = VerifyImages::read(&document.value) {
            planner.verify_images(&entries);
        }
        let plan = planner.finish(NoMatch::Allow);
        let now = Timestamp { seconds: 1_769_860_800, nanoseconds: 0 };
        let outcome = plan.judge(&[], &Facts { now, occasion: Occasion::NewDigest, config: None });
        // Without an answer nothing that asks for one is satisfied.
        if !plan.demands().is_empty() {
            assert_ne!(outcome.decision, Decision::Admit, "{text}");
        }
    }
});
