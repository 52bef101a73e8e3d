//! Chains of certificates, verified as Go verifies them (RFC 5280, as far as it is used on the web).

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::certificate::{Certificate, Constraints, extended_usages};
use super::keys::{Curve, PublicKey};
use crate::builtins::urls::Url;

/// What a chain has to fit.
pub(super) struct Options {
    /// The name of the host; empty for any.
    pub(super) name: String,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// Go's numbers of what the key is used for; one of them has to be allowed.
    pub(super) usages: Vec<i64>,
}

/// Certificates that a chain may have.
const LONGEST: usize = 16;

/// Signatures that are checked at most.
const MOST_CHECKS: usize = 100;

/// The chain from the last certificate over those in the middle to the first one, which is trusted.
pub(super) fn chain<'a>(certificates: &'a [Certificate], options: &Options) -> Option<Vec<&'a Certificate>> {
    let [root, middle @ .., leaf] = certificates else { return None };
    if !options.name.is_empty() && !names_host(leaf, &options.name) {
        return None;
    }
    let mut checks = 0;
    let mut path = vec![leaf];
    extend(&mut path, root, middle, options, &mut checks).then_some(path)
}

fn extend<'a>(
    path: &mut Vec<&'a Certificate>,
    root: &'a Certificate,
    middle: &'a [Certificate],
    options: &Options,
    checks: &mut usize,
) -> bool {
    let Some(last) = path.last().copied() else { return false };
    if !fits(last, path.len() - 1, path, options) {
        return false;
    }
    if last.raw == root.raw {
        return usages_fit(path, options);
    }
    if path.len() >= LONGEST {
        return false;
    }
    for parent in std::iter::once(root).chain(middle) {
        *checks += 1;
        if *checks > MOST_CHECKS {
            return false;
        }
        let used = path.iter().any(|before| before.subject == parent.subject && before.info == parent.info);
        if used || last.issuer != parent.subject || !issued(last, parent) {
            continue;
        }
        path.push(parent);
        if extend(path, root, middle, options, checks) {
            return true;
        }
        path.pop();
    }
    false
}

/// Whether a certificate may stand where it does in a path.
fn fits(certificate: &Certificate, below: usize, path: &[&Certificate], options: &Options) -> bool {
    let facts = &certificate.facts;
    if !facts.unhandled.is_empty() || options.now < certificate.not_before || options.now > certificate.not_after {
        return false;
    }
    if below == 0 {
        return true;
    }
    if !facts.basic_constraints || !facts.is_ca {
        return false;
    }
    // The path length counts those between this one and the leaf.
    if facts.max_path.is_some_and(|most| i64::try_from(below - 1).unwrap_or(i64::MAX) > most) {
        return false;
    }
    path.iter().take(below).all(|holder| within(holder, &facts.permitted, &facts.excluded))
}

fn usages_fit(path: &[&Certificate], options: &Options) -> bool {
    let wanted = if options.usages.is_empty() { vec![1] } else { options.usages.clone() };
    if wanted.contains(&0) {
        return true;
    }
    wanted.iter().any(|usage| {
        path.iter().all(|certificate| {
            let allowed = extended_usages(&certificate.facts);
            certificate.facts.extended.is_empty() || allowed.contains(&0) || allowed.contains(usage)
        })
    })
}

/// Whether a certificate is signed with the key of another that may sign.
fn issued(certificate: &Certificate, parent: &Certificate) -> bool {
    let may_sign = parent.facts.key_usage == 0 || parent.facts.key_usage & (1 << 5) != 0;
    let is_ca = parent.version != 3 || parent.facts.basic_constraints && parent.facts.is_ca;
    may_sign && is_ca && signed(certificate.signature_algorithm.0, &parent.key, &certificate.to_be_signed, &certificate.signature)
}

fn signed(algorithm: i64, key: &PublicKey, message: &[u8], given: &[u8]) -> bool {
    let with =
        |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| UnparsedPublicKey::new(algorithm, key).verify(message, given).is_ok();
    match key {
        PublicKey::Rsa { n, e } => {
            let parameters = match algorithm {
                4 => &signature::RSA_PKCS1_2048_8192_SHA256,
                5 => &signature::RSA_PKCS1_2048_8192_SHA384,
                6 => &signature::RSA_PKCS1_2048_8192_SHA512,
                13 => &signature::RSA_PSS_2048_8192_SHA256,
                14 => &signature::RSA_PSS_2048_8192_SHA384,
                15 => &signature::RSA_PSS_2048_8192_SHA512,
                // Digests that are broken do not count, as with Go.
                _ => return false,
            };
            signature::RsaPublicKeyComponents { n, e }.verify(parameters, message, given).is_ok()
        }
        PublicKey::Ec { curve, point } => match (curve, algorithm) {
            (Curve::P256, 10) => with(&signature::ECDSA_P256_SHA256_ASN1, point),
            (Curve::P256, 11) => with(&signature::ECDSA_P256_SHA384_ASN1, point),
            (Curve::P256, 12) => with(&signature::ECDSA_P256_SHA512_ASN1, point),
            (Curve::P384, 10) => with(&signature::ECDSA_P384_SHA256_ASN1, point),
            (Curve::P384, 11) => with(&signature::ECDSA_P384_SHA384_ASN1, point),
            (Curve::P384, 12) => with(&signature::ECDSA_P384_SHA512_ASN1, point),
            (Curve::P521, 10) => with(&signature::ECDSA_P521_SHA256_ASN1, point),
            (Curve::P521, 11) => with(&signature::ECDSA_P521_SHA384_ASN1, point),
            (Curve::P521, 12) => with(&signature::ECDSA_P521_SHA512_ASN1, point),
            _ => false,
        },
        PublicKey::Ed25519(key) => algorithm == 16 && with(&signature::ED25519, key),
        PublicKey::Other => false,
    }
}

/// Whether all names of a certificate lie within what an issuer may name.
fn within(certificate: &Certificate, permitted: &Constraints, excluded: &Constraints) -> bool {
    let facts = &certificate.facts;
    let allowed = |names: &[String], permitted: &[String], excluded: &[String], fits: fn(&str, &str) -> bool| {
        names.iter().all(|name| {
            !excluded.iter().any(|constraint| fits(name, constraint))
                && (permitted.is_empty() || permitted.iter().any(|constraint| fits(name, constraint)))
        })
    };
    let addresses = facts.ip_addresses.iter().all(|address| {
        !excluded.ip.iter().any(|range| address_fits(address, range))
            && (permitted.ip.is_empty() || permitted.ip.iter().any(|range| address_fits(address, range)))
    });
    addresses
        && allowed(&facts.dns_names, &permitted.dns, &excluded.dns, domain_fits)
        && allowed(&facts.email_addresses, &permitted.email, &excluded.email, mail_fits)
        && allowed(&facts.uris, &permitted.uri, &excluded.uri, uri_fits)
}

fn address_fits(address: &[u8], (base, mask): &(Vec<u8>, Vec<u8>)) -> bool {
    address.len() == base.len() && address.iter().zip(base).zip(mask).all(|((byte, base), mask)| byte & mask == base & mask)
}

/// Whether a name lies in a domain; with a dot before the domain only below it.
fn domain_fits(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.trim_end_matches('.').to_ascii_lowercase(), domain.to_ascii_lowercase());
    if domain.is_empty() {
        return true;
    }
    match domain.strip_prefix('.') {
        Some(parent) => name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.')),
        None => name.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
    }
}

fn mail_fits(mail: &str, constraint: &str) -> bool {
    let Some((_, host)) = mail.rsplit_once('@') else { return false };
    match constraint.rsplit_once('@') {
        Some((local, domain)) => mail.rsplit_once('@').is_some_and(|(name, _)| name == local) && host.eq_ignore_ascii_case(domain),
        None if constraint.starts_with('.') => domain_fits(host, constraint),
        None => host.eq_ignore_ascii_case(constraint),
    }
}

fn uri_fits(uri: &str, constraint: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let host = url.host.split(':').next().unwrap_or_default();
    if constraint.starts_with('.') { domain_fits(host, constraint) } else { host.eq_ignore_ascii_case(constraint) }
}

/// Whether a certificate is for a host.
fn names_host(certificate: &Certificate, host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<std::net::IpAddr>() {
        let bytes = match address.to_canonical() {
            std::net::IpAddr::V4(old) => old.octets().to_vec(),
            std::net::IpAddr::V6(new) => new.octets().to_vec(),
        };
        return certificate.facts.ip_addresses.contains(&bytes);
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.is_empty() {
        return false;
    }
    certificate.facts.dns_names.iter().any(|pattern| {
        let pattern = pattern.trim_end_matches('.').to_ascii_lowercase();
        let (mut given, mut wanted) = (host.split('.'), pattern.split('.'));
        let first = match (given.next(), wanted.next()) {
            (Some(_), Some("*")) => true,
            (given, wanted) => given == wanted,
        };
        first && given.eq(wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for (name, domain, expected) in [
            ("a.example.com", "example.com", true),
            ("example.com", "example.com", true),
            ("badexample.com", "example.com", false),
            ("example.com", ".example.com", false),
            ("A.Example.com", ".example.com", true),
            ("x", "", true),
        ] {
            assert_eq!(domain_fits(name, domain), expected, "{name} {domain}");
        }
        assert!(mail_fits("a@b.c", "b.c") && !mail_fits("a@x.b.c", "b.c") && mail_fits("a@x.b.c", ".b.c") && mail_fits("a@b.c", "a@b.c"));
        assert!(uri_fits("https://a.b/c", "a.b") && uri_fits("https://x.a.b:1/c", ".a.b") && !uri_fits("https://x.a.b/c", "a.b"));
        assert!(address_fits(&[10, 1, 2, 3], &(vec![10, 0, 0, 0], vec![255, 0, 0, 0])));
        assert!(!address_fits(&[11, 1, 2, 3], &(vec![10, 0, 0, 0], vec![255, 0, 0, 0])));
    }
}
