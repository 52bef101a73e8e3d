//! `probity attest`: say something about a file or an image and sign it, as `cosign attest-blob` and `cosign attest` do.

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};
use probity_attest::Hasher;
use probity_attest::predicate;
use probity_attest::provenance;
use probity_attest::statement::{Descriptor, Statement, format_time};
use probity_core::Digest;
use probity_signatures::{attach_bundle, attach_legacy_attestation, subjects};
use serde_json::{Map, Value};

use crate::arguments::{AttestArguments, SignatureFormat};
use crate::beside::{self, Access, Image};
use crate::commands::sign::{descriptor, sha256_of};
use crate::keyless::{self, What};
use crate::{Wrong, output, run as runs, state};

pub(crate) fn run(arguments: &AttestArguments) -> Result<u8> {
    let read = |path: &Path| state::read_bytes(path).map_err(|error| Wrong::hint(format!("{error:#}"), None));
    let predicate_type = match &arguments.predicate {
        Some(_) => predicate::type_uri(&arguments.predicate_type).map_err(Wrong::new)?,
        None => provenance::PROVENANCE_V1.to_owned(),
    };
    let dash = Path::new("-");
    if arguments.file == dash && arguments.predicate.as_deref() == Some(dash) {
        return Err(Wrong::hint("standard input cannot be both the file and the predicate", None).into());
    }
    let said = || -> Result<Map<String, Value>> {
        let Some(path) = &arguments.predicate else {
            let hint = "`--predicate FILE` says what is to be said";
            let said = provenance::of_job(&|name| std::env::var(name).ok(), &format_time(runs::now())?);
            return Ok(said.map_err(|error| Wrong::hint(error.to_string(), Some(hint)))?);
        };
        let body = predicate::body(&predicate_type, &read(path)?, runs::now());
        Ok(body.map_err(|error| Wrong::hint(format!("`{}`: {error}", path.display()), None))?)
    };
    let named = arguments.file.to_str().unwrap_or_default();
    if let Some(image) = beside::open(named, &arguments.image, Access::Write)? {
        return attest_image(arguments, &image, &predicate_type, &said()?);
    }
    if arguments.beside.recursive || arguments.beside.signature_format == SignatureFormat::Legacy {
        let hint = "`--recursive` and `--signature-format` are for images; name one as REGISTRY/REPOSITORY@DIGEST";
        return Err(Wrong::hint(format!("`{named}` is no image"), Some(hint)).into());
    }
    let subject = digest(&arguments.file)?;
    let predicate = said()?;
    let name = arguments.file.file_name().unwrap_or(arguments.file.as_os_str()).to_string_lossy().into_owned();
    let statement = Statement { subjects: vec![Descriptor::sha256(name, subject)], predicate_type: predicate_type.clone(), predicate };
    let made = keyless::sign(&arguments.signing, What::Statement { statement: &statement, artifact: subject })?;
    match &arguments.bundle {
        Some(path) => {
            state::write(path, &made.bundle)?;
            output::talk(&format!("wrote the bundle `{}`, {}", path.display(), made.how));
        }
        None => output::data(&format!("{}\n", made.bundle))?,
    }
    Ok(0)
}

/// Says something about an image, and with `--recursive` about all images of a list, and keeps it beside them.
fn attest_image(arguments: &AttestArguments, image: &Image, predicate_type: &str, predicate: &Map<String, Value>) -> Result<u8> {
    let legacy = arguments.beside.signature_format == SignatureFormat::Legacy;
    if legacy {
        keyless::only_key(&arguments.signing)?;
    }
    let all = subjects(image.repository.as_ref(), &image.manifest, arguments.beside.recursive).map_err(|error| image.failed(&error))?;
    for subject in &all {
        let statement = Statement {
            subjects: vec![descriptor(subject, image.repository_name.clone())?],
            predicate_type: predicate_type.to_owned(),
            predicate: predicate.clone(),
        };
        let made = keyless::sign(&arguments.signing, What::Statement { statement: &statement, artifact: sha256_of(subject)? })?;
        let repository = image.repository.as_ref();
        let kept = if legacy {
            let bundle: Value = serde_json::from_str(&made.bundle)?;
            let envelope = bundle.get("dsseEnvelope").context("the statement was not signed")?.to_string();
            attach_legacy_attestation(repository, &subject.digest, envelope.as_bytes(), predicate_type).map(|kept| format!("in `{kept}`"))
        } else {
            let created = format_time(runs::now())?;
            attach_bundle(repository, subject, made.bundle.as_bytes(), Some(predicate_type), &created)
                .map(|kept| format!("the referrer `{kept}`"))
        };
        let kept = kept.map_err(|error| image.told(&error))?;
        output::talk(&format!("attested `{}`, {}; the statement is {kept}", subject.digest, made.how));
        if let (Some(path), [_]) = (&arguments.bundle, all.as_slice()) {
            state::write(path, &made.bundle)?;
        }
    }
    output::data(&format!("{}\n", image.name))?;
    Ok(0)
}

/// SHA-256 of a file, however large, or of standard input.
fn digest(path: &Path) -> Result<Digest> {
    let mut hasher = Hasher::new();
    let mut read = |from: &mut dyn Read| -> std::io::Result<()> {
        let mut part = vec![0; 1 << 16];
        loop {
            match from.read(&mut part) {
                Ok(0) => return Ok(()),
                Ok(count) => hasher.update(part.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    };
    let ended = if path.as_os_str() == "-" {
        read(&mut std::io::stdin().lock())
    } else {
        std::fs::File::open(path).and_then(|mut file| read(&mut file))
    };
    ended.map_err(|error| Wrong::hint(format!("cannot read `{}`: {error}", path.display()), None))?;
    Ok(hasher.finish())
}
