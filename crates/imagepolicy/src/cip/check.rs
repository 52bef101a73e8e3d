//! Values that have a grammar of their own: addresses, key management services, repositories.

use crate::image::{registry_is_one, repository_is_one};

/// Services a key may be in.
const SERVICES: [&str; 4] = ["awskms://", "azurekms://", "gcpkms://", "hashivault://"];

/// What is wrong with the address of a key in a key management service.
pub(super) fn kms(address: &str) -> Result<(), String> {
    if !SERVICES.iter().any(|service| address.starts_with(service)) {
        return Err(format!("begins with none of {}", SERVICES.join(", ")));
    }
    let Some(rest) = address.strip_prefix("awskms://") else { return Ok(()) };
    let Some((endpoint, key)) = rest.split_once('/') else {
        return Err("is no `awskms://ENDPOINT/ARN`; the endpoint may be empty".to_owned());
    };
    if !endpoint.is_empty() {
        let host = endpoint.rsplit_once(':').filter(|(host, port)| !host.is_empty() && !host.contains(':') && port.parse::<u16>().is_ok());
        if host.is_none() {
            return Err("has an endpoint that is no `host:port`".to_owned());
        }
    }
    // A bare id or alias means something only with a region from the environment; upstream takes ARNs alone.
    let parts: Vec<&str> = key.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts[..] else {
        return Err("names its key by no ARN (`arn:aws:kms:REGION:ACCOUNT:key/ID`)".to_owned());
    };
    let known = matches!(partition, "aws" | "aws-us-gov" | "aws-cn");
    let located = !region.is_empty() && account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if arn != "arn" || !known || service != "kms" || !located {
        return Err("names its key by an ARN that is none of a key management service".to_owned());
    }
    match resource.split_once('/') {
        Some(("alias" | "key", id)) if !id.is_empty() => Ok(()),
        _ => Err("names neither a `key/ID` nor an `alias/NAME`".to_owned()),
    }
}

/// Whether a text is a registry, or a repository in one.
pub(super) fn repository(text: &str) -> bool {
    match text.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => registry_is_one(host) && repository_is_one(rest),
        Some(_) => false,
        None => registry_is_one(text),
    }
}

/// Whether a text is an absolute address.
pub(super) fn absolute(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.bytes().next().is_some_and(|letter| letter.is_ascii_alphabetic())
            && scheme.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter))
            && !rest.is_empty()
            && rest.bytes().all(|letter| letter.is_ascii_graphic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services() {
        for right in [
            "hashivault://key/path",
            "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k",
            "awskms:///arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "awskms://localhost:4566/arn:aws:kms:us-east-2:111122223333:alias/ExampleAlias",
        ] {
            assert_eq!(kms(right), Ok(()), "{right}");
        }
        for wrong in [
            "k8s://a/b",
            "awskms://arn:aws:kms:us-east-2:111122223333:key/1",
            "awskms:///1234abcd-12ab-34cd-56ef-1234567890ab",
            "awskms:///alias/ExampleAlias",
            "awskms://localhost/arn:aws:kms:us-east-2:111122223333:key/1",
            "awskms:///arn:aws:s3:us-east-2:111122223333:key/1",
            "awskms:///arn:aws:kms:us-east-2:111122223333:keys/1",
            "awskms:///arn:aws:kms:us-east-2:1:key/1",
        ] {
            assert!(kms(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn repositories() {
        for right in ["ghcr.io", "ghcr.io/acme/signatures", "localhost:5000/a/b", "registry.example:443"] {
            assert!(repository(right), "{right}");
        }
        for wrong in ["", "acme/signatures", "ghcr.io/UPPER", "ghcr.io/", "a b"] {
            assert!(!repository(wrong), "{wrong}");
        }
    }
}
