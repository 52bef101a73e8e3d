//! `probity attest`: say something about a file and sign it, as `cosign attest-blob` does.

use std::io::Read;
use std::path::Path;

use anyhow::Result;
use probity_attest::Hasher;
use probity_attest::predicate;
use probity_attest::statement::{Descriptor, Statement};
use probity_core::Digest;

use crate::arguments::AttestArguments;
use crate::keyless::{self, What};
use crate::{Wrong, output, run as runs, state};

pub(crate) fn run(arguments: &AttestArguments) -> Result<u8> {
    let read = |path| state::read_bytes(path).map_err(|error| Wrong::hint(format!("{error:#}"), None));
    let predicate_type = predicate::type_uri(&arguments.predicate_type).map_err(Wrong::new)?;
    if arguments.file.as_os_str() == "-" && arguments.predicate.as_os_str() == "-" {
        return Err(Wrong::hint("standard input cannot be both the file and the predicate", None).into());
    }
    let subject = digest(&arguments.file)?;
    let body = predicate::body(&predicate_type, &read(&arguments.predicate)?, runs::now());
    let predicate = body.map_err(|error| Wrong::hint(format!("`{}`: {error}", arguments.predicate.display()), None))?;
    let name = arguments.file.file_name().unwrap_or(arguments.file.as_os_str()).to_string_lossy().into_owned();
    let statement = Statement { subjects: vec![Descriptor::sha256(name, subject)], predicate_type, predicate };
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
