//! `probity verify IMAGE`: what lies beside an image, and whether it proves what is demanded, as `cosign verify` and
//! `cosign verify-attestation` do.

use std::time::{Duration, Instant};

use anyhow::Result;
use probity_attest::predicate;
use probity_formats::escape;
use probity_signatures::{Demand, End, Form, Limits, Refusal, Report, Signed, VerifyImageError, verify_image};
use probity_sigstore::Step;
use serde_json::{Value, json};

use crate::arguments::{CompareFormat, SignatureFormat, VerifyArguments};
use crate::beside::Image;
use crate::commands::verify::{Demanded, Trusted, root};
use crate::{Wrong, output, run as runs};

/// How many times the deadline of one call the whole search may take.
const PATIENCE: u32 = 4;
/// Most refusals that are shown to people.
const MOST_SHOWN: usize = 10;

/// How much is looked at, and for how long.
pub(crate) fn limits(timeout: u64) -> Limits {
    Limits { until: Some(Instant::now() + Duration::from_secs(timeout) * PATIENCE), ..Limits::default() }
}

/// The forms a flag names.
pub(crate) fn forms(format: Option<SignatureFormat>) -> Vec<Form> {
    match format {
        None => Form::ALL.to_vec(),
        Some(SignatureFormat::Bundle) => vec![Form::Bundle],
        Some(SignatureFormat::Legacy) => vec![Form::Legacy],
    }
}

pub(crate) fn run(arguments: &VerifyArguments, image: &Image, demanded: &Demanded<'_>) -> Result<u8> {
    let policy = demanded.policy()?;
    let (root, root_name) = root(arguments.trusted_root.as_deref())?;
    let mut demand = match &arguments.predicate_type {
        None => Demand::signature(policy.clone()),
        Some(given) => Demand::attestation(policy.clone(), predicate::type_uri(given).map_err(Wrong::new)?),
    };
    demand.annotations = arguments.annotations.iter().cloned().collect();
    demand.forms = forms(arguments.signature_format);
    let trusted = Trusted { policy: &policy, root: &root_name, built_in: arguments.trusted_root.is_none() };
    let limits = limits(arguments.image.registry_timeout);
    let outcome = verify_image(image.repository.as_ref(), image.manifest.digest(), &demand, &root, &limits, runs::now());
    let about = About { image, trusted: &trusted };
    let (code, text, value) = match &outcome {
        Ok(report) => (0, about.human(report)?, about.json(report)?),
        Err(VerifyImageError::Registry(error)) => return Err(image.told(error)),
        Err(error) => {
            let code = if error.is_undecided() { 3 } else { 1 };
            (code, about.refused(error), about.refused_json(error))
        }
    };
    match arguments.format {
        CompareFormat::Human => output::text(&text)?,
        CompareFormat::Json => output::json(&value)?,
    }
    Ok(code)
}

/// What an answer is about.
struct About<'a> {
    image: &'a Image,
    trusted: &'a Trusted<'a>,
}

impl About<'_> {
    fn name(&self) -> String {
        escape::line(&self.image.name).into_owned()
    }

    fn artifact(&self) -> Value {
        json!({ "name": self.image.given, "digest": self.image.manifest.digest().as_str(), "kind": self.image.manifest.kind() })
    }

    fn human(&self, report: &Report) -> Result<String> {
        let mut lines = vec![format!("verified: {}", self.name())];
        for signed in &report.signed {
            lines.push(format!("  {}", signed.place));
            let mut say = |what: &str, text: &str| lines.push(format!("    {what:<12}{}", escape::line(text)));
            for (what, text) in self.trusted.lines(&signed.verified)? {
                say(what, &text);
            }
            for (name, value) in &signed.annotations {
                say("annotated", &format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            }
            for open in self.trusted.not_checked(&signed.verified) {
                say("not checked", &open);
            }
        }
        let mut say = |what: &str, text: &str| lines.push(format!("  {what:<14}{}", escape::line(text)));
        say("trust root", self.trusted.root);
        for one in report.refused.iter().take(MOST_SHOWN) {
            say("does not hold", &refusal(one));
        }
        if report.refused.len() > MOST_SHOWN {
            say("does not hold", &format!("{} more", report.refused.len() - MOST_SHOWN));
        }
        if let End::Cut(why) = report.end {
            say("not looked at", why);
        }
        Ok(lines.join("\n") + "\n")
    }

    fn json(&self, report: &Report) -> Result<Value> {
        let signed = |signed: &Signed| -> Result<Value> {
            let mut whole = self.trusted.proofs(&signed.verified)?;
            let form = match signed.form {
                Form::Bundle => "bundle",
                Form::Legacy => "legacy",
            };
            whole.insert("place".to_owned(), signed.place.to_string().into());
            whole.insert("form".to_owned(), form.into());
            whole.insert("annotations".to_owned(), Value::Object(signed.annotations.clone()));
            if let Some(statement) = &signed.verified.statement {
                whole.insert("predicate".to_owned(), predicate_of(&statement.bytes));
            }
            Ok(Value::Object(whole))
        };
        Ok(json!({
            "version": 1, "verified": true, "decided": true, "artifact": self.artifact(),
            "signed": report.signed.iter().map(signed).collect::<Result<Vec<_>>>()?, "refused": refusals(&report.refused),
            "complete": !matches!(report.end, End::Cut(_)), "trust_root": self.trusted.json(),
        }))
    }

    fn refused(&self, error: &VerifyImageError) -> String {
        let word = if error.is_undecided() { "could not decide" } else { "refused" };
        let mut text = format!("{word}: {}\n", self.name());
        let mut say = |what: &str, line: &str| text.push_str(&format!("  {what:<12}{}\n", escape::line(line)));
        let mut steps = Vec::new();
        match error {
            VerifyImageError::Refused { refused, end, .. } => {
                for one in refused.iter().take(MOST_SHOWN) {
                    say("because", &refusal(one));
                }
                if refused.len() > MOST_SHOWN {
                    say("because", &format!("{} more do not hold", refused.len() - MOST_SHOWN));
                }
                if let End::Cut(why) = end {
                    say("and", &format!("not everything was looked at: {why}"));
                }
                steps.extend(refused.iter().map(|one| one.error.step));
            }
            other => say("because", &other.to_string()),
        }
        say("trust root", self.trusted.root);
        let step = steps.iter().copied().find(|step| *step == Step::LogInclusion).or_else(|| steps.first().copied());
        if let Some(step) = step {
            text += &self.trusted.hints(step);
        }
        text
    }

    fn refused_json(&self, error: &VerifyImageError) -> Value {
        let refused = match error {
            VerifyImageError::Refused { refused, .. } => refused.as_slice(),
            _ => &[],
        };
        json!({
            "version": 1, "verified": false, "decided": !error.is_undecided(), "artifact": self.artifact(), "why": error.to_string(),
            "refused": refusals(refused), "trust_root": self.trusted.json(),
        })
    }
}

fn refusal(one: &Refusal) -> String {
    format!("{}: {}: {}", one.place, one.error.step, one.error.why)
}

fn refusals(all: &[Refusal]) -> Vec<Value> {
    all.iter().map(|one| json!({ "place": one.place.to_string(), "step": one.error.step.name(), "why": one.error.why })).collect()
}

/// The predicate of a statement, as it is.
fn predicate_of(statement: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(statement).unwrap_or_default();
    value.get("predicate").cloned().unwrap_or_default()
}
