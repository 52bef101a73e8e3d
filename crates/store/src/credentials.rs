//! Who we are to AWS and what speaks like it: variables, the file of shared credentials, the identity token of a runner.
//!
//! **Invariant:** a secret is never shown: not in an error, not by `Debug`. The environment is handed in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use probity_core::Timestamp;
use reqwest::Method;

use crate::error::{StoreError, told};
use crate::http::{Ask, Http, encode};
use crate::place::{check_endpoint, is_here};
use crate::secret::Secret;
use crate::{Reach, s3, time};

/// Largest file of credentials or identity token that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// Largest answer with credentials, in bytes.
const LARGEST_ANSWER: u64 = 256 << 10;
/// Credentials are renewed this many seconds before they run out.
const EARLY: i64 = 300;

/// What requests are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The name of the key.
    pub id: String,
    /// The key.
    pub secret: Secret,
    /// What goes along with keys that do not last.
    pub session: Option<Secret>,
    /// When they run out, where that is known.
    pub until: Option<Timestamp>,
}

/// Why credentials cannot be found out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// There are none.
    #[error(
        "there are no credentials for AWS: neither `AWS_ACCESS_KEY_ID`, nor `AWS_WEB_IDENTITY_TOKEN_FILE` with `AWS_ROLE_ARN`, nor the profile `{profile}` in `{file}`"
    )]
    None {
        /// The profile that was looked for.
        profile: String,
        /// The file it was looked for in.
        file: String,
    },
    /// Half of what is needed.
    #[error("{0} is set, and {1} is not")]
    Half(&'static str, &'static str),
    /// A file cannot be read.
    #[error("`{path}` cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The identity token was not taken.
    #[error("the identity token in `{path}` gives no credentials for `{role}`: {why}")]
    Exchange {
        /// The file of the token.
        path: String,
        /// The role asked for.
        role: String,
        /// What was answered.
        why: String,
    },
    /// A setting that cannot be used.
    #[error("`{name}`: {why}")]
    Setting {
        /// Which variable.
        name: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// The environment, as it is handed in.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where requests are signed from.
#[derive(Clone, Debug)]
enum Source {
    /// Keys that are there.
    Keys(Keys),
    /// An identity token that is exchanged.
    Identity { file: PathBuf, role: String, session: String, endpoint: String },
}

/// Credentials, with where they come from and the region that goes with them.
#[derive(Debug)]
pub struct Credentials {
    source: Source,
    /// The region, where the environment or the profile names one.
    pub region: Option<String>,
    kept: Mutex<Option<Keys>>,
}

impl Credentials {
    /// Keys that are given.
    #[must_use]
    pub fn of_keys(id: &str, secret: &str) -> Credentials {
        let keys = Keys { id: id.to_owned(), secret: Secret::new(secret), session: None, until: None };
        Credentials { source: Source::Keys(keys), region: None, kept: Mutex::default() }
    }

    /// What the environment names, in the order of AWS's own tools: variables, an identity token, the profile in the files of the user.
    /// Nothing is sent yet.
    pub fn find(environment: Environment<'_>) -> Result<Credentials, CredentialError> {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let profile = set("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
        let home = set("HOME").unwrap_or_default();
        let file = set("AWS_SHARED_CREDENTIALS_FILE").unwrap_or_else(|| format!("{home}/.aws/credentials"));
        let config = set("AWS_CONFIG_FILE").unwrap_or_else(|| format!("{home}/.aws/config"));
        let of_config = section(&config, &profile, true)?;
        let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")).or_else(|| of_config.get("region").cloned());
        let done = |source| Ok(Credentials { source, region: region.clone(), kept: Mutex::default() });
        match (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => {
                let session = set("AWS_SESSION_TOKEN").map(Secret::new);
                return done(Source::Keys(Keys { id, secret: Secret::new(secret), session, until: None }));
            }
            (Some(_), None) => return Err(CredentialError::Half("`AWS_ACCESS_KEY_ID`", "`AWS_SECRET_ACCESS_KEY`")),
            (None, Some(_)) => return Err(CredentialError::Half("`AWS_SECRET_ACCESS_KEY`", "`AWS_ACCESS_KEY_ID`")),
            (None, None) => {}
        }
        let of_file = section(&file, &profile, false)?;
        let either = |key: &str| of_file.get(key).or_else(|| of_config.get(key)).cloned();
        let token = set("AWS_WEB_IDENTITY_TOKEN_FILE").or_else(|| either("web_identity_token_file"));
        let role = set("AWS_ROLE_ARN").or_else(|| either("role_arn"));
        if let Some(token) = token {
            let role = role.ok_or(CredentialError::Half("the file of an identity token", "`AWS_ROLE_ARN`"))?;
            let session = set("AWS_ROLE_SESSION_NAME").or_else(|| either("role_session_name")).unwrap_or_else(|| "probity".to_owned());
            let wrong = |why| CredentialError::Setting { name: "AWS_ENDPOINT_URL_STS", why };
            let endpoint = match set("AWS_ENDPOINT_URL_STS") {
                Some(given) => check_endpoint(&given).map_err(wrong)?,
                None => s3::aws_host("sts", region.as_deref().unwrap_or("us-east-1")),
            };
            return done(Source::Identity { file: token.into(), role, session, endpoint });
        }
        match (either("aws_access_key_id"), either("aws_secret_access_key")) {
            (Some(id), Some(secret)) => {
                let session = either("aws_session_token").map(Secret::new);
                done(Source::Keys(Keys { id, secret: Secret::new(secret), session, until: None }))
            }
            (Some(_), None) => Err(CredentialError::Half("`aws_access_key_id` of the profile", "`aws_secret_access_key`")),
            (None, Some(_)) => Err(CredentialError::Half("`aws_secret_access_key` of the profile", "`aws_access_key_id`")),
            (None, None) => Err(CredentialError::None { profile, file }),
        }
    }

    /// Keys that do for some minutes more; an identity token is exchanged where they do not.
    pub(crate) fn keys(&self, reach: &Reach) -> Result<Keys, StoreError> {
        let (file, role, session, endpoint) = match &self.source {
            Source::Keys(keys) => return Ok(keys.clone()),
            Source::Identity { file, role, session, endpoint } => (file, role, session, endpoint),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = time::now().seconds;
        if let Some(keys) = kept.as_ref().filter(|keys| keys.until.is_none_or(|until| until.seconds - EARLY > now)) {
            return Ok(keys.clone());
        }
        let path = file.display().to_string();
        let token =
            read(&path)?.ok_or_else(|| CredentialError::Unreadable { path: path.clone(), why: "there is no such file".to_owned() })?;
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", session),
            ("WebIdentityToken", token.trim()),
        ];
        let body = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
        let here = reqwest::Url::parse(endpoint).is_ok_and(|url| url.host_str().is_some_and(is_here));
        let exchange = |why: String| CredentialError::Exchange { path: path.clone(), role: role.clone(), why };
        let ask = || {
            Ok(Ask {
                method: Method::POST,
                url: format!("{endpoint}/"),
                headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
                body: body.clone().into_bytes(),
                limit: LARGEST_ANSWER,
                what: "give credentials for the identity token".to_owned(),
            })
        };
        let keys = Http::new(reach.clone(), here)?.persist(ask, |answer, ask| {
            if answer.status >= 500 {
                return Err(s3::refusal(&answer, ask, endpoint));
            }
            let document = roxmltree::Document::parse(answer.text()).map_err(|_| exchange(format!("HTTP status {}", answer.status)))?;
            let text = |name: &str| document.descendants().find(|node| node.has_tag_name_of(name)).and_then(|node| node.text());
            if answer.status != 200 {
                // The token could be repeated in the message; the code does not hold it.
                return Err(exchange(told(text("Code").unwrap_or("no reason is told"))).into());
            }
            let (Some(id), Some(secret), Some(session)) = (text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken")) else {
                return Err(exchange("the answer holds no credentials".to_owned()).into());
            };
            Ok(Keys {
                id: id.to_owned(),
                secret: Secret::new(secret),
                session: Some(Secret::new(session)),
                until: text("Expiration").and_then(time::read),
            })
        })?;
        *kept = Some(keys.clone());
        Ok(keys)
    }
}

/// Finds elements by their local name, whatever their namespace.
pub(crate) trait Named {
    /// Whether this is an element of that local name.
    fn has_tag_name_of(&self, name: &str) -> bool;
}

impl Named for roxmltree::Node<'_, '_> {
    fn has_tag_name_of(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

/// The text of a file; `None` where there is none.
#[expect(clippy::disallowed_methods, reason = "the place that reads the files of credentials it is given")]
fn read(path: &str) -> Result<Option<String>, CredentialError> {
    use std::io::Read as _;
    let unreadable = |why: String| CredentialError::Unreadable { path: path.to_owned(), why };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > LARGEST { Err(unreadable(format!("it has more than {LARGEST} bytes"))) } else { Ok(Some(text)) }
}

/// One profile of an INI file of AWS's tools; empty where there is none.
fn section(path: &str, profile: &str, is_config: bool) -> Result<Arc<BTreeMap<String, String>>, CredentialError> {
    let Some(text) = read(path)? else { return Ok(Arc::default()) };
    let wanted = if is_config && profile != "default" { format!("profile {profile}") } else { profile.to_owned() };
    let mut found = BTreeMap::new();
    let mut within = false;
    for line in text.lines().map(str::trim_end) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name.trim()) {
            within = name == wanted;
        } else if within
            && !line.starts_with(['#', ';', ' ', '\t'])
            && let Some((key, value)) = line.split_once('=')
        {
            found.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    Ok(Arc::new(found))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> Result<Credentials, CredentialError> {
        let all: BTreeMap<String, String> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Credentials::find(&|name| all.get(name).cloned())
    }

    fn keys(found: &Credentials) -> (String, String, Option<String>) {
        let Source::Keys(keys) = &found.source else { panic!("{found:?}") };
        (keys.id.clone(), keys.secret.reveal().to_owned(), keys.session.as_ref().map(|session| session.reveal().to_owned()))
    }

    #[test]
    fn variables_come_first_and_are_whole() {
        let found = find(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "hush"), ("AWS_SESSION_TOKEN", "t"), ("AWS_REGION", "r")])
            .unwrap();
        assert_eq!(keys(&found), ("a".into(), "hush".into(), Some("t".into())));
        assert_eq!(found.region.as_deref(), Some("r"));
        assert!(!format!("{found:?}").contains("hush"));
        assert!(matches!(find(&[("AWS_ACCESS_KEY_ID", "a")]), Err(CredentialError::Half(..))));
        assert!(matches!(find(&[("HOME", "/nonexistent")]), Err(CredentialError::None { .. })));
    }

    #[test]
    fn the_profile_of_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        std::fs::write(&file, "[default]\naws_access_key_id = d\naws_secret_access_key = ds\n\n[ci]\n# no\naws_access_key_id=c\naws_secret_access_key = a=b==\naws_session_token = s\n").unwrap();
        let config = folder.path().join("config");
        std::fs::write(&config, "[default]\nregion = x\n[profile ci]\nregion = eu-west-1\n").unwrap();
        let (file, config) = (file.to_str().unwrap(), config.to_str().unwrap());
        let files = [("AWS_SHARED_CREDENTIALS_FILE", file), ("AWS_CONFIG_FILE", config)];
        let found = find(&files).unwrap();
        assert_eq!(keys(&found), ("d".into(), "ds".into(), None));
        let found = find(&[files[0], files[1], ("AWS_PROFILE", "ci")]).unwrap();
        assert_eq!(keys(&found), ("c".into(), "a=b==".into(), Some("s".into())));
        assert_eq!(found.region.as_deref(), Some("eu-west-1"));
        assert!(matches!(find(&[files[0], files[1], ("AWS_PROFILE", "other")]), Err(CredentialError::None { .. })));
    }

    #[test]
    fn an_identity_token_names_a_role() {
        let found =
            find(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"), ("AWS_REGION", "eu-west-1")])
                .unwrap();
        let Source::Identity { endpoint, session, .. } = &found.source else { panic!("{found:?}") };
        assert_eq!((endpoint.as_str(), session.as_str()), ("https://sts.eu-west-1.amazonaws.com", "probity"));
        assert!(matches!(find(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("HOME", "/nonexistent")]), Err(CredentialError::Half(..))));
        let wrong = find(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "r"), ("AWS_ENDPOINT_URL_STS", "http://sts.example")]);
        assert!(matches!(wrong, Err(CredentialError::Setting { .. })));
    }
}
