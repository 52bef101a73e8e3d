//! `probity sign`: sign a file or an image with a key, as `cosign sign-blob` and `cosign sign` do.

use anyhow::{Context as _, Result};
use probity_attest::bundle::Bundle;
use probity_attest::keys::Signer;
use probity_attest::statement::{Descriptor, Statement, format_time};
use probity_signatures::{SIGNATURE, Subject, attach_bundle, attach_legacy_signature, simple_signing, subjects};
use serde_json::{Map, Value};

use crate::arguments::{SignArguments, SignatureFormat};
use crate::beside::{self, Access, Image};
use crate::{Wrong, keys, output, run as runs, state};

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
    let signer = keys::signer(&arguments.key.key)?;
    let bundle = Bundle::sign_message(&message, signer.as_ref()).context("the file was not signed")?;
    if let Some(path) = &arguments.output_signature {
        state::write(path, &bundle.signature_text())?;
        output::talk(&format!("wrote the signature `{}`", path.display()));
    }
    match &arguments.bundle {
        Some(path) => {
            state::write(path, &bundle.to_json())?;
            output::talk(&format!("wrote the bundle `{}`, signed by {}", path.display(), signer.public_key()));
        }
        None if arguments.output_signature.is_none() => output::data(&format!("{}\n", bundle.to_json()))?,
        None => {}
    }
    Ok(0)
}

/// Signs an image, and with `--recursive` all images of a list, and keeps the signatures beside them.
fn sign_image(arguments: &SignArguments, image: &Image) -> Result<u8> {
    let signer = keys::signer(&arguments.key.key)?;
    let annotations: Map<String, Value> =
        arguments.annotations.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let all = subjects(image.repository.as_ref(), &image.manifest, arguments.beside.recursive).map_err(|error| image.failed(&error))?;
    let mut bundles = Vec::new();
    for subject in &all {
        let (kept, bundle) = match arguments.beside.signature_format {
            SignatureFormat::Bundle => sign_as_bundle(image, subject, &annotations, signer.as_ref())?,
            SignatureFormat::Legacy => sign_as_layer(image, subject, &annotations, signer.as_ref())?,
        };
        output::talk(&format!("signed `{}` as {}; the signature is {kept}", subject.digest, signer.public_key()));
        bundles.push(bundle);
    }
    match (&arguments.bundle, bundles.as_slice()) {
        (None, _) => {}
        (Some(path), [one]) => state::write(path, &one.to_json())?,
        (Some(_), _) => return Err(Wrong::hint("one bundle is written for one image; several were signed", None).into()),
    }
    if let Some(path) = &arguments.output_signature
        && let [one] = bundles.as_slice()
    {
        state::write(path, &one.signature_text())?;
    }
    output::data(&format!("{}\n", image.name))?;
    Ok(0)
}

/// Where a signature is kept, for people, and the bundle.
type Kept = (String, Bundle);

fn sign_as_bundle(image: &Image, subject: &Subject, annotations: &Map<String, Value>, signer: &dyn Signer) -> Result<Kept> {
    let descriptor = Descriptor { annotations: annotations.clone(), ..descriptor(subject, String::new())? };
    let statement = Statement { subjects: vec![descriptor], predicate_type: SIGNATURE.to_owned(), predicate: Map::new() };
    let bundle = Bundle::sign_statement(&statement, signer).context("the image was not signed")?;
    let created = format_time(runs::now())?;
    let kept = attach_bundle(image.repository.as_ref(), subject, bundle.to_json().as_bytes(), Some(SIGNATURE), &created)
        .map_err(|error| image.told(&error))?;
    Ok((format!("the referrer `{kept}`"), bundle))
}

fn sign_as_layer(image: &Image, subject: &Subject, annotations: &Map<String, Value>, signer: &dyn Signer) -> Result<Kept> {
    let text = simple_signing(&image.repository_name, &subject.digest, annotations);
    let bundle = Bundle::sign_message(&text, signer).context("the image was not signed")?;
    let kept = attach_legacy_signature(image.repository.as_ref(), &subject.digest, &text, bundle.signature())
        .map_err(|error| image.told(&error))?;
    Ok((format!("in `{kept}`"), bundle))
}

/// An image as statements name it.
pub(crate) fn descriptor(subject: &Subject, name: String) -> Result<Descriptor> {
    let digest = subject.digest.as_str().strip_prefix("sha256:").and_then(|hex| hex.parse().ok());
    let digest = digest.ok_or_else(|| Wrong::hint(format!("images are signed by SHA-256, and this one is `{}`", subject.digest), None))?;
    Ok(Descriptor::sha256(name, digest))
}
