//! `probity sign`: sign a file with a key, as `cosign sign-blob` does.

use anyhow::{Context as _, Result};
use probity_attest::bundle::Bundle;

use crate::arguments::SignArguments;
use crate::{Wrong, keys, output, state};

pub(crate) fn run(arguments: &SignArguments) -> Result<u8> {
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
