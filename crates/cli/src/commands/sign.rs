//! `probity sign`: sign a file, as `cosign sign-blob` does.

use anyhow::Result;

use crate::arguments::SignArguments;
use crate::keyless::{self, What};
use crate::{Wrong, output, state};

pub(crate) fn run(arguments: &SignArguments) -> Result<u8> {
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
