//! How registries are reached: TLS with the roots of the system and authorities that were named, proxies, redirects.

use std::time::Duration;

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use reqwest::redirect::{Attempt, Policy};

use crate::endpoint::Endpoint;
use crate::error::PullError;
use crate::session::causes;

/// What a registry learns of us.
const USER_AGENT: &str = concat!("probity/", env!("CARGO_PKG_VERSION"));
/// How often a registry may send us elsewhere.
const REDIRECTS: usize = 5;

/// How registries are reached.
pub(crate) struct Transport<'s> {
    /// Authorities that sign certificates of registries, as PEM, beside those of the system.
    pub(crate) authorities: &'s [Vec<u8>],
    /// Whether TLS may be left out everywhere.
    pub(crate) plain: bool,
    /// How long a connection may take, and how long one may be silent.
    pub(crate) deadline: Duration,
}

impl Transport<'_> {
    /// A client for what is read into memory.
    pub(crate) fn client(&self, here: bool, follow: bool) -> Result<reqwest::Client, PullError> {
        let setup = |error: reqwest::Error| PullError::Setup(causes(&error));
        let mut builder = reqwest::Client::builder().user_agent(USER_AGENT).connect_timeout(self.deadline).redirect(if follow {
            Policy::custom(redirected)
        } else {
            Policy::none()
        });
        if !self.authorities.is_empty() {
            let mut all = Vec::new();
            for pem in self.authorities {
                all.extend(reqwest::Certificate::from_pem_bundle(pem).map_err(setup)?);
            }
            builder = builder.tls_certs_merge(all);
        }
        if here {
            builder = builder.no_proxy();
        }
        builder.build().map_err(setup)
    }

    /// A client of the OCI library, for what is streamed.
    pub(crate) fn oci(&self, endpoint: &Endpoint) -> Result<oci_client::Client, PullError> {
        // The library has no other way to say that no proxy is asked.
        let no_proxy = |text: &str| endpoint.here.then(|| text.to_owned());
        let config = ClientConfig {
            protocol: if endpoint.plain { ClientProtocol::Http } else { ClientProtocol::Https },
            extra_root_certificates: self
                .authorities
                .iter()
                .map(|pem| Certificate { encoding: CertificateEncoding::Pem, data: pem.clone() })
                .collect(),
            connect_timeout: Some(self.deadline),
            user_agent: USER_AGENT,
            http_proxy: no_proxy("http://127.0.0.1:9"),
            https_proxy: no_proxy("http://127.0.0.1:9"),
            no_proxy: no_proxy("*,0.0.0.0/0,::/0"),
            ..ClientConfig::default()
        };
        oci_client::Client::try_from(config).map_err(|error| PullError::Setup(causes(&error)))
    }
}

/// Whether to follow: not for ever, and never from TLS to none.
fn redirected(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let was_safe = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if was_safe && attempt.url().scheme() != "https" {
        return attempt.error("it sends us to an address without TLS");
    }
    if attempt.previous().len() > REDIRECTS { attempt.error("it sends us elsewhere too often") } else { attempt.follow() }
}
