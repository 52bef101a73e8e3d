//! Who we are to AWS: keys in the environment, a token of an identity provider that is exchanged for some, or the file of shared
//! credentials. Nobody is asked over the network who was not named: the services of machines and containers are not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use probity_attest::statement::parse_time;
use reqwest::Url;
use zeroize::Zeroizing;

use super::domain;
use crate::error::KmsError;
use crate::http::{self, Http, Request};
use crate::renewed::Renewed;
use crate::secret::Secret;
use crate::surroundings::Surroundings;

/// What signs requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) token: Option<Secret>,
}

impl Keys {
    /// What may not be told.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        [Some(self.secret.clone()), self.token.clone()].into_iter().flatten().collect()
    }
}

/// What the files of a user say for a profile.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    name: String,
    /// Whether it was named, and not only the one that counts otherwise.
    named: bool,
    pub(crate) region: Option<String>,
    /// Of the file with credentials.
    credentials: BTreeMap<String, Secret>,
    /// What it asks for that is not done: a role, a program, single sign-on.
    beyond: Option<&'static str>,
}

/// What a profile may ask for that is not done.
const BEYOND: [&str; 5] = ["role_arn", "credential_process", "sso_session", "sso_start_url", "credential_source"];

impl Profile {
    /// Reads the files, where they are there.
    pub(crate) fn read(surroundings: &dyn Surroundings) -> Result<Profile, KmsError> {
        let named = surroundings.variable("AWS_PROFILE");
        let name = named.clone().unwrap_or_else(|| "default".to_owned());
        let mut profile = Profile { named: named.is_some(), ..Profile::default() };
        let place = |variable: &str, file: &str| {
            let said = surroundings.variable(variable).map(PathBuf::from);
            said.or_else(|| surroundings.variable("HOME").map(|home| PathBuf::from(home).join(".aws").join(file)))
        };
        if let Some(path) = place("AWS_CONFIG_FILE", "config") {
            // Only `default` stands there without a word before it.
            let section = if name == "default" { name.clone() } else { format!("profile {name}") };
            let values = section_of(&path, &section, surroundings)?;
            profile.region = values.get("region").map(|region| region.reveal().to_owned());
            profile.beyond = BEYOND.into_iter().find(|key| values.contains_key(*key));
        }
        if let Some(path) = place("AWS_SHARED_CREDENTIALS_FILE", "credentials") {
            profile.credentials = section_of(&path, &name, surroundings)?;
            profile.beyond = profile.beyond.or_else(|| BEYOND.into_iter().find(|key| profile.credentials.contains_key(*key)));
        }
        profile.name = name;
        Ok(profile)
    }
}

/// The values of a section of a file in AWS's form; nothing where the file is not there.
fn section_of(path: &Path, section: &str, surroundings: &dyn Surroundings) -> Result<BTreeMap<String, Secret>, KmsError> {
    let what = || format!("`{}`", path.display());
    let bytes = match surroundings.file(path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(KmsError::setting(what(), format!("it cannot be read: {error}"))),
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| KmsError::setting(what(), "it is no text"))?;
    let mut values = BTreeMap::new();
    let mut inside = false;
    for (line, number) in text.lines().zip(1_u32..) {
        // Indented lines belong to the setting above them; none of ours has any.
        if line.trim().is_empty() || line.starts_with(['#', ';', ' ', '\t']) {
            continue;
        }
        if let Some(name) = line.trim().strip_prefix('[') {
            let name = name.split(']').next().unwrap_or_default();
            inside = name.split_whitespace().collect::<Vec<_>>().join(" ") == section;
        } else if let Some((key, value)) = line.split_once('=') {
            if inside {
                values.insert(key.trim().to_ascii_lowercase(), Secret::new(value.trim()));
            }
        } else {
            return Err(KmsError::setting(what(), format!("line {number} is neither a section nor a setting")));
        }
    }
    Ok(values)
}

/// Where keys come from.
pub(crate) struct Credentials {
    from: From,
    kept: Renewed<Keys>,
}

enum From {
    /// They are known.
    Known(Keys),
    /// A token in a file is exchanged for them.
    Identity { file: PathBuf, role: String, session: String, url: Url },
}

impl Credentials {
    /// Finds out where they come from. Nothing is sent yet.
    pub(crate) fn find(profile: &Profile, region: &str, surroundings: &dyn Surroundings) -> Result<Credentials, KmsError> {
        let from = if let Some(id) = surroundings.variable("AWS_ACCESS_KEY_ID") {
            let secret = surroundings.variable("AWS_SECRET_ACCESS_KEY").map(Secret::new).ok_or(KmsError::Missing {
                what: "the secret key of AWS",
                hint: "`AWS_ACCESS_KEY_ID` is set; set `AWS_SECRET_ACCESS_KEY` beside it",
            })?;
            From::Known(Keys { id, secret, token: surroundings.variable("AWS_SESSION_TOKEN").map(Secret::new) })
        } else if let Some(file) = surroundings.variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
            let role = surroundings.variable("AWS_ROLE_ARN").ok_or(KmsError::Missing {
                what: "the role of AWS",
                hint: "`AWS_WEB_IDENTITY_TOKEN_FILE` is set; set `AWS_ROLE_ARN` beside it",
            })?;
            let session = surroundings.variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "probity".to_owned());
            From::Identity { file: file.into(), role, session, url: token_service(region, surroundings)? }
        } else {
            From::Known(shared(profile)?)
        };
        Ok(Credentials { from, kept: Renewed::new() })
    }

    /// The keys, fetched where they have to be.
    pub(crate) fn keys(&self, http: &Http, surroundings: &dyn Surroundings) -> Result<Keys, KmsError> {
        match &self.from {
            From::Known(keys) => Ok(keys.clone()),
            From::Identity { file, role, session, url } => self.kept.take(surroundings.now(), || {
                let bytes =
                    surroundings.file(file).map_err(|error| KmsError::setting("the token in `AWS_WEB_IDENTITY_TOKEN_FILE`", error))?;
                let token = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
                let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
                if !fits {
                    return Err(KmsError::setting("the token in `AWS_WEB_IDENTITY_TOKEN_FILE`", "it is no token"));
                }
                exchange(http, url, role, session, &Secret::new(token))
            }),
        }
    }
}

/// The keys in the file of shared credentials.
fn shared(profile: &Profile) -> Result<Keys, KmsError> {
    let what = format!("the profile `{}` of AWS", profile.name);
    let value = |key: &str| profile.credentials.get(key).cloned();
    match (value("aws_access_key_id"), value("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Ok(Keys { id: id.reveal().to_owned(), secret, token: value("aws_session_token") }),
        _ => match profile.beyond {
            Some(key) => Err(KmsError::setting(what, format!("it asks for `{key}`, which is not done; give the keys in the environment"))),
            None if profile.named || !profile.credentials.is_empty() => Err(KmsError::setting(what, "it holds no keys")),
            None => Err(KmsError::Missing {
                what: "who we are to AWS",
                hint: "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`, or write `~/.aws/credentials`",
            }),
        },
    }
}

fn token_service(region: &str, surroundings: &dyn Surroundings) -> Result<Url, KmsError> {
    for variable in ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"] {
        if let Some(text) = surroundings.variable(variable) {
            return http::address(&format!("`{variable}`"), &text);
        }
    }
    http::address("the endpoint of AWS STS", &format!("https://sts.{region}.{}/", domain(region)))
}

/// `AssumeRoleWithWebIdentity` (the API of 2011-06-15). It is not signed: the token is what counts.
fn exchange(http: &Http, url: &Url, role: &str, session: &str, token: &Secret) -> Result<(Keys, Option<i64>), KmsError> {
    let what = "credentials for the role";
    let body = http.ask(&|| {
        let fields = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", session),
            ("WebIdentityToken", token.reveal()),
        ];
        let headers = vec![("content-type", Zeroizing::new("application/x-www-form-urlencoded".to_owned()))];
        Ok(Request { what, post: true, url: url.clone(), headers, body: http::form(&fields), secrets: vec![token.clone()] })
    })?;
    let broken = |why: &str| KmsError::Broken { what, why: why.to_owned() };
    let text = std::str::from_utf8(&body).map_err(|_| broken("it is no text"))?;
    let document = roxmltree::Document::parse(text).map_err(|_| broken("it is no XML"))?;
    let of = |name: &str| {
        let inside = document.descendants().filter(|node| node.tag_name().name() == "Credentials").flat_map(|node| node.children());
        let mut found = inside.filter(|node| node.tag_name().name() == name).filter_map(|node| node.text());
        found.next().map(str::trim).filter(|text| !text.is_empty()).ok_or_else(|| broken(&format!("`{name}` is missing")))
    };
    let end = parse_time(of("Expiration")?).map_err(|_| broken("its end is no time"))?;
    let keys = Keys {
        id: of("AccessKeyId")?.to_owned(),
        secret: Secret::new(of("SecretAccessKey")?),
        token: Some(Secret::new(of("SessionToken")?)),
    };
    Ok((keys, Some(end.seconds)))
}
