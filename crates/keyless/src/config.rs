//! Which services are asked: the signing configuration of an instance of Sigstore (protobuf-specs, `sigstore_trustroot.proto`,
//! `SigningConfig` v0.2), or addresses one by one.

use probity_attest::statement::parse_time;
use probity_core::Timestamp;
use serde::Deserialize;

use crate::Address;

/// Most bytes of a signing configuration.
pub const MAX_SIGNING_CONFIG: usize = 256 << 10;
/// Of which day the built-in configuration of the public-good instance is.
pub const PUBLIC_GOOD_DATE: &str = "2026-10-23";

const PUBLIC_GOOD: &[u8] = include_bytes!("../data/signing-config.json");
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
/// Most services of one kind.
const MAX_SERVICES: usize = 64;
/// Versions of each service that are known here, the preferred ones first.
const LOGS: &[u32] = &[2, 1];
const OTHERS: &[u32] = &[1];

/// A signing configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// More bytes than it may have.
    #[error("the signing configuration has {0} bytes, more than {MAX_SIGNING_CONFIG}")]
    TooLarge(usize),
    /// Not a signing configuration.
    #[error("not a signing configuration of Sigstore (v0.2): {0}")]
    Wrong(String),
    /// No service of a kind is left.
    #[error("the signing configuration names no {0} that counts now and whose version is known here")]
    None(&'static str),
    /// Fewer services than it demands.
    #[error(
        "the signing configuration demands {wanted} of its kind of {what}, and names {there} that count now, of one version and of different operators"
    )]
    Few {
        /// Of what.
        what: &'static str,
        /// How many are demanded.
        wanted: usize,
        /// How many there are.
        there: usize,
    },
}

/// How a transparency log is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogVersion {
    /// Rekor v1: it says itself when it took an entry in.
    V1,
    /// Rekor v2: somebody else has to say when.
    V2,
}

/// A transparency log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransparencyLog {
    /// Where it is.
    pub address: Address,
    /// How it is spoken to.
    pub version: LogVersion,
}

/// Whom to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// The authority that gives certificates for identities (Fulcio); below it are its interfaces.
    pub certificates: Option<Address>,
    /// The logs that take entries in (Rekor); below each are its interfaces.
    pub logs: Vec<TransparencyLog>,
    /// The authorities that say when (RFC 3161): what is posted to.
    pub timestamps: Vec<Address>,
}

/// A signing configuration.
#[derive(Clone, Debug)]
pub struct SigningConfig(Config);

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Config {
    media_type: String,
    #[serde(default)]
    ca_urls: Vec<Service>,
    #[serde(default)]
    oidc_urls: Vec<Service>,
    #[serde(default)]
    rekor_tlog_urls: Vec<Service>,
    #[serde(default)]
    rekor_tlog_config: Choice,
    #[serde(default)]
    tsa_urls: Vec<Service>,
    #[serde(default)]
    tsa_config: Choice,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Service {
    url: String,
    #[serde(default)]
    major_api_version: u32,
    #[serde(default)]
    valid_for: Period,
    #[serde(default)]
    operator: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Period {
    start: Option<String>,
    end: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    #[serde(default)]
    selector: Selector,
    #[serde(default)]
    count: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum Selector {
    #[default]
    #[serde(rename = "SERVICE_SELECTOR_UNDEFINED")]
    Undefined,
    #[serde(rename = "ALL")]
    All,
    #[serde(rename = "ANY")]
    Any,
    #[serde(rename = "EXACT")]
    Exact,
}

impl SigningConfig {
    /// Reads a `signing_config.json`. What is not known is refused.
    ///
    /// # Errors
    /// Too large, or not a usable signing configuration.
    pub fn parse(bytes: &[u8]) -> Result<SigningConfig, ConfigError> {
        if bytes.len() > MAX_SIGNING_CONFIG {
            return Err(ConfigError::TooLarge(bytes.len()));
        }
        let wrong = |why: String| ConfigError::Wrong(why);
        let config: Config = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if config.media_type != MEDIA_TYPE {
            return Err(wrong(format!("its type is `{}`", config.media_type.chars().take(200).collect::<String>())));
        }
        for (what, services) in config.kinds() {
            if services.len() > MAX_SERVICES {
                return Err(wrong(format!("it names {} of {what}, more than {MAX_SERVICES}", services.len())));
            }
            for service in services {
                service.url.parse::<Address>().map_err(|error| wrong(error.to_string()))?;
                service.period().map_err(wrong)?;
            }
        }
        for (what, services, choice) in
            [("rekorTlogConfig", &config.rekor_tlog_urls, config.rekor_tlog_config), ("tsaConfig", &config.tsa_urls, config.tsa_config)]
        {
            match choice.selector {
                Selector::Undefined if !services.is_empty() => return Err(wrong(format!("`{what}` does not say how many are chosen"))),
                Selector::Exact if choice.count == 0 => return Err(wrong(format!("`{what}` chooses exactly none"))),
                _ => {}
            }
        }
        Ok(SigningConfig(config))
    }

    /// The configuration of Sigstore's public-good instance as of [`PUBLIC_GOOD_DATE`].
    ///
    /// # Errors
    /// None that a test would not have found.
    pub fn public_good() -> Result<SigningConfig, ConfigError> {
        SigningConfig::parse(PUBLIC_GOOD)
    }

    /// The services that are asked at a time: those that count then, of the highest version that is known here and named, at most one of each
    /// operator (the newest), and of these as many as the configuration demands, the newest first. With a key, no certificate authority
    /// is needed, and none is chosen.
    ///
    /// # Errors
    /// None is left, or fewer than demanded.
    pub fn select(&self, now: Timestamp, with_key: bool) -> Result<Services, ConfigError> {
        let config = &self.0;
        let certificates = if with_key {
            None
        } else {
            let (_, found) = choose("certificate authority", &config.ca_urls, OTHERS, ANY, now)?;
            found.into_iter().next()
        };
        let logs = if config.rekor_tlog_urls.is_empty() {
            Vec::new()
        } else {
            let (version, found) = choose("transparency log", &config.rekor_tlog_urls, LOGS, config.rekor_tlog_config, now)?;
            let version = if version == 2 { LogVersion::V2 } else { LogVersion::V1 };
            found.into_iter().map(|address| TransparencyLog { address, version }).collect()
        };
        let timestamps = if config.tsa_urls.is_empty() {
            Vec::new()
        } else {
            choose("timestamp authority", &config.tsa_urls, OTHERS, config.tsa_config, now)?.1
        };
        Ok(Services { certificates, logs, timestamps })
    }
}

const ANY: Choice = Choice { selector: Selector::Any, count: 0 };

impl Config {
    fn kinds(&self) -> [(&'static str, &[Service]); 4] {
        [("caUrls", &self.ca_urls), ("oidcUrls", &self.oidc_urls), ("rekorTlogUrls", &self.rekor_tlog_urls), ("tsaUrls", &self.tsa_urls)]
    }
}

impl Service {
    fn period(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), String> {
        let read = |text: &Option<String>| text.as_deref().map(parse_time).transpose().map_err(|error| error.to_string());
        Ok((read(&self.valid_for.start)?, read(&self.valid_for.end)?))
    }

    /// Since when it counts, where it does.
    fn counts(&self, now: Timestamp) -> Option<Option<Timestamp>> {
        let (start, end) = self.period().ok()?;
        (start.is_none_or(|start| start <= now) && end.is_none_or(|end| now <= end)).then_some(start)
    }
}

fn choose(
    what: &'static str,
    services: &[Service],
    versions: &[u32],
    choice: Choice,
    now: Timestamp,
) -> Result<(u32, Vec<Address>), ConfigError> {
    let mut counting: Vec<(Option<Timestamp>, &Service)> =
        services.iter().filter_map(|service| Some((service.counts(now)?, service))).collect();
    counting.sort_by_key(|(start, _)| std::cmp::Reverse(*start));
    let version = versions.iter().find(|version| counting.iter().any(|(_, service)| service.major_api_version == **version));
    let version = *version.ok_or(ConfigError::None(what))?;
    let mut operators = Vec::new();
    let mut found = Vec::new();
    for (_, service) in counting.iter().filter(|(_, service)| service.major_api_version == version) {
        if !operators.contains(&&service.operator) {
            operators.push(&service.operator);
            found.push(service.url.parse().map_err(|error: crate::AddressError| ConfigError::Wrong(error.to_string()))?);
        }
    }
    let wanted = match choice.selector {
        Selector::All => found.len(),
        Selector::Any | Selector::Undefined => 1,
        Selector::Exact => choice.count as usize,
    };
    if found.len() < wanted {
        return Err(ConfigError::Few { what, wanted, there: found.len() });
    }
    found.truncate(wanted);
    Ok((version, found))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(text: &str) -> Timestamp {
        parse_time(text).unwrap()
    }

    fn service(url: &str, version: u32, start: &str, end: Option<&str>, operator: &str) -> Value {
        let mut period = json!({ "start": start });
        if let Some(end) = end {
            period["end"] = json!(end);
        }
        json!({ "url": url, "majorApiVersion": version, "validFor": period, "operator": operator })
    }

    fn config(logs: Value, choice: Value) -> Value {
        json!({
            "mediaType": MEDIA_TYPE, "rekorTlogUrls": logs, "rekorTlogConfig": choice,
            "caUrls": [service("https://ca.example", 1, "2021-01-01T00:00:00Z", None, "a")],
        })
    }

    #[track_caller]
    fn check(logs: Value, choice: Value, now: &str, expected: Result<&[&str], &str>) {
        let parsed = SigningConfig::parse(config(logs, choice).to_string().as_bytes());
        let chosen = parsed.and_then(|parsed| parsed.select(at(now), false));
        let chosen = chosen.map(|services| services.logs.iter().map(|log| log.address.to_string()).collect::<Vec<_>>());
        match (chosen, expected) {
            (Ok(chosen), Ok(expected)) => assert_eq!(chosen, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (chosen, _) => unreachable!("{chosen:?}"),
        }
    }

    #[test]
    fn services_are_chosen_by_time_version_operator_and_selector() {
        let logs = || {
            json!([
                service("https://old.example", 1, "2021-01-01T00:00:00Z", Some("2025-01-01T00:00:00Z"), "a"),
                service("https://one.example", 1, "2022-01-01T00:00:00Z", None, "a"),
                service("https://two.example", 2, "2025-06-01T00:00:00Z", None, "a"),
                service("https://newer.example", 2, "2025-09-01T00:00:00Z", None, "a"),
                service("https://other.example", 2, "2025-08-01T00:00:00Z", None, "b"),
                service("https://three.example", 3, "2025-08-01T00:00:00Z", None, "c"),
            ])
        };
        let any = || json!({ "selector": "ANY" });
        check(logs(), any(), "2024-06-01T00:00:00Z", Ok(&["https://one.example/"]));
        check(logs(), any(), "2021-06-01T00:00:00Z", Ok(&["https://old.example/"]));
        check(logs(), any(), "2025-07-01T00:00:00Z", Ok(&["https://two.example/"]));
        check(logs(), any(), "2026-01-01T00:00:00Z", Ok(&["https://newer.example/"]));
        check(logs(), json!({ "selector": "ALL" }), "2026-01-01T00:00:00Z", Ok(&["https://newer.example/", "https://other.example/"]));
        let exact = |count: u32| json!({ "selector": "EXACT", "count": count });
        check(logs(), exact(2), "2026-01-01T00:00:00Z", Ok(&["https://newer.example/", "https://other.example/"]));
        check(logs(), exact(3), "2026-01-01T00:00:00Z", Err("demands 3"));
        check(logs(), exact(0), "2026-01-01T00:00:00Z", Err("exactly none"));
        check(logs(), any(), "2020-01-01T00:00:00Z", Err("no certificate authority"));
        check(logs(), json!({}), "2026-01-01T00:00:00Z", Err("does not say how many"));
        check(logs(), json!({ "selector": "SOME" }), "2026-01-01T00:00:00Z", Err("unknown variant"));
        check(json!([]), json!({}), "2026-01-01T00:00:00Z", Ok(&[]));
        check(
            json!([service("https://three.example", 3, "2025-08-01T00:00:00Z", None, "c")]),
            any(),
            "2026-01-01T00:00:00Z",
            Err("no transparency log"),
        );
        check(
            json!([service("http://far.example", 1, "2025-08-01T00:00:00Z", None, "c")]),
            any(),
            "2026-01-01T00:00:00Z",
            Err("without TLS"),
        );
        check(json!([service("https://a.example", 1, "soon", None, "c")]), any(), "2026-01-01T00:00:00Z", Err("RFC 3339"));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let check = |text: String, why: &str| {
            let error = SigningConfig::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        let mut other = config(json!([]), json!({}));
        other["mediaType"] = json!("application/vnd.dev.sigstore.signingconfig.v0.1+json");
        check(other.to_string(), "its type is");
        let mut more = config(json!([]), json!({}));
        more["more"] = json!(1);
        check(more.to_string(), "unknown field `more`");
        check("{}".to_owned(), "mediaType");
        check(" ".repeat(MAX_SIGNING_CONFIG + 1), "more than");
    }

    #[test]
    fn the_public_good_instance() {
        let services = SigningConfig::public_good().unwrap().select(at("2026-11-01T00:00:00Z"), false).unwrap();
        assert_eq!(services.certificates.unwrap().to_string(), "https://fulcio.sigstore.dev/");
        assert_eq!(services.logs.len(), 1);
        assert_eq!(services.timestamps.len(), 1);
        let with_key = SigningConfig::public_good().unwrap().select(at("2026-11-01T00:00:00Z"), true).unwrap();
        assert_eq!(with_key.certificates, None);
    }
}
