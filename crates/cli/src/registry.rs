//! Images in registries: what names one, and what the command line and the environment say of how to get it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};
use probity_archive::Limits;
use probity_registry::{Credentials, PullError, Pulled, Reference, Registry, Settings};

use crate::adapters::with_causes;
use crate::arguments::ImageArguments;
use crate::{Wrong, output, state};

/// What a path names that is no path: an image in a registry. What is there, and what is in a folder that is there, is a path.
pub(crate) fn named(path: &Path) -> Result<Option<Reference>> {
    let Some(text) = path.to_str().filter(|_| !path.exists()) else { return Ok(None) };
    let folder = text.split('/').next().unwrap_or_default();
    if Path::new(folder).is_dir() {
        return Ok(None);
    }
    Reference::named(text).map_err(|error| Wrong::hint(format!("`{text}` names no image: {error}"), None).into())
}

/// How registries are asked, as the command line says.
pub(crate) fn settings(arguments: &ImageArguments) -> Result<Settings> {
    let read = |path: &PathBuf| {
        let text = state::read(path).map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
        if text.contains("-----BEGIN CERTIFICATE-----") {
            return Ok(text.into_bytes());
        }
        Err(Wrong::hint(format!("`{}` holds no certificate", path.display()), Some("give certificates as PEM")))
    };
    let timeout = Duration::from_secs(arguments.registry_timeout);
    Ok(Settings {
        timeout,
        authorities: arguments.registry_ca.iter().map(read).collect::<Result<_, _>>()?,
        plain_http: arguments.plain_http,
        mirrors: arguments.registry_mirror.clone(),
        credentials: Credentials { files: credential_files(), deadline: timeout },
        limits: Limits::default(),
    })
}

/// An error of a registry as one of ours, with what to do about it.
pub(crate) fn told(name: &str, registry: &str, error: &PullError) -> anyhow::Error {
    let hint = error.hint(registry);
    let wrong = Wrong::hint(format!("`{name}`: {}", with_causes(error)), hint.as_deref());
    // What a registry does not give now it may give later.
    if error.is_final() { anyhow::Error::new(wrong) } else { anyhow!("{wrong}") }
}

/// Fetches an image, and says which.
pub(crate) fn pull(reference: &Reference, arguments: &ImageArguments) -> Result<Pulled> {
    let settings = settings(arguments)?;
    let progress = output::Progress::new(&format!("fetching {reference}"));
    let pulled = Registry::new(settings).pull(reference, arguments.platform.as_ref());
    drop(progress);
    let pulled = pulled.map_err(|error| {
        let taken = "there is no file or folder of that name: it is taken for an image in a registry";
        let hint = match &error {
            PullError::Unreachable { .. } => error.hint(reference.registry()).or_else(|| Some(taken.to_owned())),
            _ => error.hint(reference.registry()),
        };
        let wrong = Wrong::hint(format!("`{reference}`: {}", with_causes(&error)), hint.as_deref());
        // What a registry does not give now it may give later.
        if error.is_final() { anyhow::Error::new(wrong) } else { anyhow!("{wrong}") }
    })?;
    let platform = pulled.platform.as_ref().map(|platform| format!(" for {platform}")).unwrap_or_default();
    let others: Vec<String> = pulled.others.iter().map(ToString::to_string).collect();
    let others = if others.is_empty() { String::new() } else { format!("; those for {} are not looked at", others.join(", ")) };
    output::talk(&format!("`{reference}` is `{}`{platform}{others}", pulled.digest));
    Ok(pulled)
}

/// Where Docker and Podman keep credentials, in the order in which they count.
fn credential_files() -> Vec<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = folder("HOME");
    let below = |top: &Option<PathBuf>, path: &str| top.as_ref().map(|top| top.join(path));
    let docker = folder("DOCKER_CONFIG").or_else(|| below(&home, ".docker"));
    let config = folder("XDG_CONFIG_HOME").or_else(|| below(&home, ".config"));
    let all = [
        folder("REGISTRY_AUTH_FILE"),
        below(&docker, "config.json"),
        below(&folder("XDG_RUNTIME_DIR"), "containers/auth.json"),
        below(&config, "containers/auth.json"),
    ];
    all.into_iter().flatten().collect()
}
