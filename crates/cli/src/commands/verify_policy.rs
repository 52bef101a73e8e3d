//! `probity verify IMAGE --policy FILE`: whether an image has everything that policies demand of it.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use probity_formats::escape;
use probity_imagepolicy::{Answer, Decision, Facts, ImageName, Occasion, Outcome, PolicyOutcome, Reason, Verdict};
use probity_registry::Repository;
use probity_signatures::answer;
use probity_value::SourceMap;
use serde_json::{Value, json};

use crate::arguments::{CompareFormat, VerifyArguments};
use crate::beside::Image;
use crate::commands::verify::root;
use crate::commands::verify_image::limits;
use crate::image_policy::{Policies, Services, configuration};
use crate::{Wrong, output, run as runs};

pub(crate) fn run(arguments: &VerifyArguments, image: Image) -> Result<u8> {
    let texts = SourceMap::new();
    let policies = Policies::read(&arguments.policy, &texts)?;
    let (root, _) = root(arguments.trusted_root.as_deref())?;
    let services = Services { policies: &policies, arguments: &arguments.image, default: Arc::new(root) };
    let Image { given, name, manifest, repository, reference, .. } = image;
    let repository: Rc<dyn Repository> = Rc::from(repository);
    let digest: probity_core::Digest = match manifest.digest().as_str().strip_prefix("sha256:").map(str::parse) {
        Some(Ok(digest)) => digest,
        _ => return Err(Wrong::hint(format!("images are verified by SHA-256, and this one is `{}`", manifest.digest()), None).into()),
    };
    let Some(reference) = reference else {
        let hint = "policies know images by their names in registries; verify a layout with `--key` or an identity";
        return Err(Wrong::hint(format!("`{given}` has no name in a registry"), Some(hint)).into());
    };
    let named = ImageName::parse(&reference.to_string()).map_err(Wrong::new)?.with_digest(digest);
    let plan = policies.plan(&named)?;
    let limits = limits(arguments.image.registry_timeout);
    let now = runs::now();
    // INVARIANT: each demand is verified once, whatever number of policies make it.
    let answers: Vec<Answer> =
        plan.demands().iter().map(|demand| answer(&services, &repository, manifest.digest(), demand, &limits, now)).collect();
    let config = if plan.wants_config() { Some(configuration(repository.as_ref(), &manifest)?) } else { None };
    let occasion = if arguments.running { Occasion::SameDigest } else { Occasion::NewDigest };
    let outcome = plan.judge(&answers, &Facts { now, occasion, config });
    let code = match outcome.decision {
        Decision::Admit | Decision::Warn => 0,
        Decision::Deny if outcome.unmatched => 1,
        Decision::Deny => {
            let plainly = |one: &PolicyOutcome| one.verdict == Verdict::Fail && one.mode == probity_imagepolicy::cip::Mode::Enforce;
            if outcome.policies.iter().any(plainly) { 1 } else { 3 }
        }
    };
    match arguments.format {
        CompareFormat::Human => output::text(&human(&outcome, &name, &texts, plan.demands().len()))?,
        CompareFormat::Json => output::json(&json(&outcome, &given, manifest.digest().as_str(), &texts))?,
    }
    Ok(code)
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome.decision {
        Decision::Admit => "verified",
        Decision::Warn => "verified with warnings",
        Decision::Deny if outcome.policies.iter().any(|one| one.verdict == Verdict::Fail) || outcome.unmatched => "refused",
        Decision::Deny => "could not decide",
    }
}

fn verdict(one: &PolicyOutcome) -> &'static str {
    match one.verdict {
        Verdict::Pass => "satisfied",
        Verdict::Fail => "not satisfied",
        Verdict::Undecided => "not decided",
    }
}

fn place(reason: &Reason, texts: &SourceMap) -> Option<(Arc<str>, u32)> {
    texts.locate(reason.span).map(|(file, from, _)| (file, from.line))
}

fn human(outcome: &Outcome, name: &str, texts: &SourceMap, demands: usize) -> String {
    let mut lines = vec![format!("{}: {}", word(outcome), escape::line(name))];
    if outcome.unmatched {
        lines.push("  no policy is about this image; what no policy allows is denied".to_owned());
    }
    for one in &outcome.policies {
        let by = if one.matched.is_empty() { String::new() } else { format!(", vouched for by {}", one.matched.join(", ")) };
        lines.push(format!("  {} {}{}", escape::line(&one.policy), verdict(one), escape::line(&by)));
        for (what, reasons) in [("because", &one.reasons), ("note", &one.notes)] {
            for reason in reasons {
                let at = place(reason, texts).map(|(file, line)| format!(" ({file}:{line})")).unwrap_or_default();
                lines.push(format!("    {what:<8}{}{}", escape::line(&reason.text), escape::line(&at)));
            }
        }
    }
    lines.push(format!("  {demands} demands were verified, each once"));
    lines.join("\n") + "\n"
}

fn json(outcome: &Outcome, given: &str, digest: &str, texts: &SourceMap) -> Value {
    let reasons = |all: &[Reason]| -> Vec<Value> {
        let one = |reason: &Reason| {
            let at = place(reason, texts).map(|(file, line)| json!({ "file": &*file, "line": line }));
            json!({ "why": reason.text, "at": at })
        };
        all.iter().map(one).collect()
    };
    let policies = outcome.policies.iter().map(|one| {
        let matched: Vec<&str> = one.matched.iter().map(|name| &**name).collect();
        json!({
            "policy": &*one.policy, "result": verdict(one), "enforced": one.mode == probity_imagepolicy::cip::Mode::Enforce,
            "reasons": reasons(&one.reasons), "notes": reasons(&one.notes), "matched": matched,
        })
    });
    json!({
        "version": 1, "verified": outcome.decision != Decision::Deny, "result": word(outcome),
        "artifact": { "name": given, "digest": digest }, "policies": policies.collect::<Vec<_>>(),
    })
}
