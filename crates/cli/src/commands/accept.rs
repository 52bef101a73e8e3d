//! `probity accept`: write and sign an exception for one finding.

use anyhow::Result;
use probity_attest::sshsig;
use probity_core::Finding;
use probity_formats::escape;
use probity_value::SourceMap;
use probity_verdict::Day;
use probity_verdict::accept::{AcceptRequest, exception_file};
use probity_verdict::signature::EXCEPTION_NAMESPACE;

use crate::arguments::AcceptArguments;
use crate::artifact;
use crate::reading::Target;
use crate::run::{self, Given, How};
use crate::{Wrong, output, state};

pub(crate) fn run(arguments: &AcceptArguments) -> Result<u8> {
    let expires: Day = arguments.expires.parse().map_err(Wrong::new)?;
    let texts = SourceMap::new();
    let given = Given::read(&arguments.reading)?;
    let now = run::now();
    let target = Target::open(&arguments.path, arguments.reading.max_file_size.saturating_mul(1 << 20))?;
    let artifacts = artifact::all(&arguments.built, arguments.reading.max_file_size)?;
    let how = How { artifacts: &artifacts, ..How::at(now) };
    let judged = run::judged(&target, &target.tree, &arguments.reading, &given, &how, &texts)?;
    let finding = pick(&judged.findings, &arguments.finding)?;
    let request = AcceptRequest { finding, kind: arguments.kind, reason: &arguments.reason, owner: &arguments.owner, expires };
    let file = exception_file(&request, &judged.config, now).map_err(Wrong::new)?;
    let folder = target.tree.top().join(&*judged.config.exceptions.folder);
    let place = folder.join(&file.name);
    let signature = match &arguments.key {
        Some(key) => {
            let pem = state::read(key).map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
            let key = sshsig::PrivateKey::parse(&pem, None).map_err(Wrong::new)?;
            Some(key.sign(file.text.as_bytes(), EXCEPTION_NAMESPACE).map_err(Wrong::new)?)
        }
        None => None,
    };
    state::write(&place, &file.text)?;
    let shown = format!("{}/{}", judged.config.exceptions.folder, file.name);
    output::talk(&format!("wrote `{shown}` for {} on {}", finding.rule.id, escape::line(&finding.subject.id)));
    match signature {
        Some(signature) => {
            state::write(&folder.join(format!("{}.sig", file.name)), &signature)?;
            output::talk(&format!("signed it: `{shown}.sig`"));
        }
        None if judged.config.signature_required() => {
            output::talk(&format!(
                "it is unsigned and will not count; sign it with `ssh-keygen -Y sign -n {EXCEPTION_NAMESPACE} -f KEY {shown}`"
            ));
        }
        None => {}
    }
    Ok(0)
}

/// The one finding whose fingerprint begins so.
fn pick<'a>(findings: &'a [Finding], start: &str) -> Result<&'a Finding> {
    let start = start.to_ascii_lowercase();
    let found: Vec<&Finding> = findings.iter().filter(|finding| !start.is_empty() && finding.fingerprint.starts_with(&start)).collect();
    match found.as_slice() {
        [] => Err(Wrong::hint(
            format!("no finding has a fingerprint that begins with `{start}`"),
            Some("`probity scan --format json` shows them"),
        )
        .into()),
        [first, rest @ ..] if rest.iter().all(|other| other.fingerprint == first.fingerprint) => Ok(first),
        several => {
            let names: Vec<String> =
                several.iter().take(5).map(|finding| format!("{} ({})", finding.fingerprint, finding.rule.id)).collect();
            Err(Wrong::hint(format!("several findings begin with `{start}`: {}", names.join(", ")), None).into())
        }
    }
}
