//! `probity sign`: sign a file or an image, as `cosign sign-blob` and `cosign sign` do.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::statement::{Descriptor, Statement, format_time};
use probity_core::Digest;
use probity_signatures::{SIGNATURE, Subject, attach_bundle, attach_legacy_signature, simple_signing, subjects};
use serde_json::{Map, Value};

use crate::arguments::{SignArguments, SignatureFormat};
use crate::beside::{self, Access, Image};
use crate::keyless::{self, Made, SigningArguments, What};
use crate::{Wrong, output, run as runs, state};

pub(crate) fn run(arguments: &SignArguments) -> Result<u8> {
    let named = arguments.file.to_str().unwrap_or_default();
    if let Some(image) = beside::open(named, &arguments.image, Access::Write)? {
        return sign_image(arguments, &image);
    }
    if arguments.beside.recursive || !arguments.annotations.is_empty() || arguments.beside.signature_format == SignatureFormat::Legacy {
        let hint = "`--recursive`, `--annotations` and `--signature-format` are for images; name one as REGISTRY/REPOSITORY@DIGEST";
        return Err(Wrong::hint(format!("`{named}` is no image"), Some(hint)).into());
    }
    let message = state::read_bytes(&arguments.file).map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
    let made = keyless::sign(&arguments.signing, What::Message(&message))?;
    if let Some(path) = &arguments.output_signature {
        state::write(path, &made.signature)?;
        output::talk(&format!("wrote the signature `{}`", path.display()));
    }
    match &arguments.bundle {
        Some(path) => {
            state::write(path, &made.bundle)?;
            output::talk(&format!("wrote the bundle `{}`, {}", path.display(), made.how));
        }
        None if arguments.output_signature.is_none() => output::data(&format!("{}\n", made.bundle))?,
        None => {}
    }
    Ok(0)
}

/// Signs an image, and with `--recursive` all images of a list, and keeps the signatures beside them.
fn sign_image(arguments: &SignArguments, image: &Image) -> Result<u8> {
    if arguments.beside.signature_format == SignatureFormat::Legacy {
        keyless::only_key(&arguments.signing)?;
    }
    let annotations: Map<String, Value> =
        arguments.annotations.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let all = subjects(image.repository.as_ref(), &image.manifest, arguments.beside.recursive).map_err(|error| image.failed(&error))?;
    if arguments.bundle.is_some() && all.len() > 1 {
        return Err(Wrong::hint("one bundle is written for one image, and several are to be signed", Some("leave `--bundle` out")).into());
    }
    for subject in &all {
        let (kept, made) = match arguments.beside.signature_format {
            SignatureFormat::Bundle => sign_as_bundle(image, subject, &annotations, &arguments.signing)?,
            SignatureFormat::Legacy => sign_as_layer(image, subject, &annotations, &arguments.signing)?,
        };
        output::talk(&format!("`{}` is {}; the signature is {kept}", subject.digest, made.how));
        if let (Some(path), [_]) = (&arguments.bundle, all.as_slice()) {
            state::write(path, &made.bundle)?;
        }
        if let (Some(path), [_]) = (&arguments.output_signature, all.as_slice()) {
            state::write(path, &made.signature)?;
        }
    }
    output::data(&format!("{}\n", image.name))?;
    Ok(0)
}

/// Where a signature is kept, for people, and what was made.
type Kept = (String, Made);

fn sign_as_bundle(image: &Image, subject: &Subject, annotations: &Map<String, Value>, signing: &SigningArguments) -> Result<Kept> {
    let descriptor = Descriptor { annotations: annotations.clone(), ..descriptor(subject, String::new())? };
    let statement = Statement { subjects: vec![descriptor], predicate_type: SIGNATURE.to_owned(), predicate: Map::new() };
    let made = keyless::sign(signing, What::Statement { statement: &statement, artifact: sha256_of(subject)? })?;
    let created = format_time(runs::now())?;
    let kept = attach_bundle(image.repository.as_ref(), subject, made.bundle.as_bytes(), Some(SIGNATURE), &created)
        .map_err(|error| image.told(&error))?;
    Ok((format!("the referrer `{kept}`"), made))
}

fn sign_as_layer(image: &Image, subject: &Subject, annotations: &Map<String, Value>, signing: &SigningArguments) -> Result<Kept> {
    let text = simple_signing(&image.repository_name, &subject.digest, annotations);
    let made = keyless::sign(signing, What::Message(&text))?;
    let signature = STANDARD.decode(&made.signature)?;
    let kept =
        attach_legacy_signature(image.repository.as_ref(), &subject.digest, &text, &signature).map_err(|error| image.told(&error))?;
    Ok((format!("in `{kept}`"), made))
}

/// The SHA-256 of an image.
pub(crate) fn sha256_of(subject: &Subject) -> Result<Digest> {
    let digest = subject.digest.as_str().strip_prefix("sha256:").and_then(|hex| hex.parse().ok());
    Ok(digest.ok_or_else(|| Wrong::hint(format!("images are signed by SHA-256, and this one is `{}`", subject.digest), None))?)
}

/// An image as statements name it.
pub(crate) fn descriptor(subject: &Subject, name: String) -> Result<Descriptor> {
    Ok(Descriptor::sha256(name, sha256_of(subject)?))
}
