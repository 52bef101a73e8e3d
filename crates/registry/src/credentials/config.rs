//! Docker's `config.json` and Podman's `auth.json`, as far as they speak of registries.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::Credential;
use crate::reference::HUB;
use crate::secret::Secret;

/// A file of credentials.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// What is kept in it, by registry, or registry and the begin of a repository.
    kept: BTreeMap<String, Result<Credential, String>>,
    /// Helpers for one registry each.
    helpers: BTreeMap<String, String>,
    /// The helper for all others.
    store: Option<String>,
}

/// Where a file keeps what is for a registry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// In a helper of that name.
    Helper(String),
    /// In itself, if at all.
    Kept,
}

impl Config {
    /// Reads a file; what is wrong with it as text.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Config, String> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Config::default());
        }
        // Read as a value: messages about syntax hold a line and a column, and nothing of the file.
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let top = value.as_object().ok_or("it is no map")?;
        let mut config = Config::default();
        for (key, entry) in map(top, "auths")? {
            let entry = entry.as_object().ok_or_else(|| format!("`auths` of `{key}` is no map"))?;
            let found = credential(entry).map_err(|why| format!("`auths` of `{key}`: {why}")).transpose();
            if let Some(found) = found {
                config.kept.insert(plain(key), found);
            }
        }
        for (key, name) in map(top, "credHelpers")? {
            config.helpers.insert(plain(key), helper(name)?);
        }
        config.store = top.get("credsStore").filter(|name| name.as_str() != Some("")).map(helper).transpose()?;
        Ok(config)
    }

    /// Where the file keeps what is for a registry.
    pub(crate) fn of(&self, registry: &str, repository: &str) -> Entry {
        let named = names(registry, repository).find_map(|name| self.helpers.get(&name)).or(self.store.as_ref());
        named.map_or(Entry::Kept, |name| Entry::Helper(name.clone()))
    }

    /// What the file itself keeps for a registry, or what is wrong with it.
    pub(crate) fn kept(&self, registry: &str, repository: &str) -> Option<Result<Credential, String>> {
        names(registry, repository).find_map(|name| self.kept.get(&name)).cloned()
    }
}

/// A map within the file; empty where it is not there.
fn map<'t>(top: &'t Map<String, Value>, key: &str) -> Result<impl Iterator<Item = (&'t String, &'t Value)>, String> {
    match top.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(format!("`{key}` is no map")),
    }
    .map(|map| map.into_iter().flatten())
}

/// The name of a helper: a part of the name of a program, and no path.
fn helper(name: &Value) -> Result<String, String> {
    let name = name.as_str().ok_or("the name of a credential helper is no text")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(format!("`{}` is no name of a credential helper", name.chars().take(100).collect::<String>()));
    }
    Ok(name.to_owned())
}

/// What an entry keeps; none where it keeps nothing, as where a helper does.
fn credential(entry: &Map<String, Value>) -> Result<Option<Credential>, String> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    if !text("identitytoken").is_empty() {
        return Ok(Some(Credential::Identity(Secret::new(text("identitytoken")))));
    }
    if !text("registrytoken").is_empty() {
        return Ok(Some(Credential::Token(Secret::new(text("registrytoken")))));
    }
    if !text("auth").is_empty() {
        let bytes = STANDARD.decode(text("auth").trim()).map_err(|_| "`auth` is no Base64")?;
        let joined = String::from_utf8(bytes).map_err(|_| "`auth` is no UTF-8")?;
        let (name, password) = joined.split_once(':').ok_or("`auth` holds no `name:password`")?;
        // Docker ends a password where a zero byte is.
        return Ok(Some(Credential::password(name, password.trim_end_matches('\0'))));
    }
    let told = !text("username").is_empty() && !text("password").is_empty();
    Ok(told.then(|| Credential::password(text("username"), text("password"))))
}

impl Credential {
    /// A name and a password; the name `<token>` says that the password is a token to exchange.
    pub(crate) fn password(name: &str, password: &str) -> Credential {
        match name {
            "<token>" => Credential::Identity(Secret::new(password)),
            name => Credential::Password { name: name.to_owned(), password: Secret::new(password) },
        }
    }
}

/// A key without what does not name the registry or repository: `https://` before it, `/v1/` behind it. Docker Hub has one name.
fn plain(key: &str) -> String {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key).trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    let (host, rest) = key.split_once('/').map_or((key, ""), |(host, rest)| (host, rest));
    let host = if matches!(host, "index.docker.io" | "registry-1.docker.io") { HUB } else { host };
    if rest.is_empty() { host.to_owned() } else { format!("{host}/{rest}") }
}

/// The names under which something may be kept, the longest first.
fn names(registry: &str, repository: &str) -> impl Iterator<Item = String> {
    let mut next = Some(plain(&format!("{registry}/{repository}")));
    std::iter::from_fn(move || {
        let name = next.take()?;
        next = name.rsplit_once('/').map(|(above, _)| above.to_owned());
        Some(name)
    })
}
