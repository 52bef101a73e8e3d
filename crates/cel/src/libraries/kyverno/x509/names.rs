//! Names in certificates: of subjects and issuers, of hosts, and limits of them.

use std::net::{Ipv4Addr, Ipv6Addr};

use probity_kubernetes::Url;

use super::der::Reader;
use super::{base64, identifier, listed, object};
use crate::Value;

/// A distinguished name, as Go's `pkix.Name` shows it.
pub(super) fn distinguished(content: &[u8]) -> Option<Value> {
    let mut parts: [Vec<Value>; 7] = Default::default();
    let (mut serial, mut common) = (String::new(), String::new());
    let mut names = Vec::new();
    let mut sets = Reader::new(content);
    while let Some(set) = sets.next() {
        let mut attributes = Reader::new(set.content);
        while let Some(attribute) = attributes.next() {
            let mut pair = Reader::new(attribute.content);
            let arcs = pair.next()?.identifier()?;
            let text = pair.next()?.name_text()?;
            names.push(object(vec![("Type", identifier(&arcs)), ("Value", text.as_str().into())]));
            let place = match arcs.as_slice() {
                [2, 5, 4, 3] => {
                    common = text;
                    continue;
                }
                [2, 5, 4, 5] => {
                    serial = text;
                    continue;
                }
                [2, 5, 4, 6] => 0,
                [2, 5, 4, 10] => 1,
                [2, 5, 4, 11] => 2,
                [2, 5, 4, 7] => 3,
                [2, 5, 4, 8] => 4,
                [2, 5, 4, 9] => 5,
                [2, 5, 4, 17] => 6,
                _ => continue,
            };
            if let Some(part) = parts.get_mut(place) {
                part.push(text.into());
            }
        }
    }
    let [country, organization, unit, locality, province, street, postal] = parts;
    Some(object(vec![
        ("Country", listed(country)),
        ("Organization", listed(organization)),
        ("OrganizationalUnit", listed(unit)),
        ("Locality", listed(locality)),
        ("Province", listed(province)),
        ("StreetAddress", listed(street)),
        ("PostalCode", listed(postal)),
        ("SerialNumber", serial.into()),
        ("CommonName", common.into()),
        ("Names", listed(names)),
        ("ExtraNames", Value::Null),
    ]))
}

/// The number of an extended use of a key in Go's list.
pub(super) fn extended_usage(arcs: &[u64]) -> Option<i64> {
    Some(match arcs {
        [2, 5, 29, 37, 0] => 0,
        [1, 3, 6, 1, 5, 5, 7, 3, use_of] => match use_of {
            1 => 1,
            2 => 2,
            3 => 3,
            4 => 4,
            5 => 5,
            6 => 6,
            7 => 7,
            8 => 8,
            9 => 9,
            _ => return None,
        },
        [1, 3, 6, 1, 4, 1, 311, 10, 3, 3] => 10,
        [2, 16, 840, 1, 113_730, 4, 1] => 11,
        [1, 3, 6, 1, 4, 1, 311, 2, 1, 22] => 12,
        [1, 3, 6, 1, 4, 1, 311, 61, 1, 1] => 13,
        _ => return None,
    })
}

/// Other names of a subject.
#[derive(Default)]
pub(super) struct AlternativeNames {
    pub(super) dns: Vec<Value>,
    pub(super) emails: Vec<Value>,
    pub(super) addresses: Vec<Value>,
    /// Shown as structures with their parts, as Go's `url.URL` is.
    pub(super) uris: Vec<Value>,
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    let v6 = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
    Some(v6.to_ipv4_mapped().map_or_else(|| v6.to_string(), |v4| v4.to_string()))
}

fn address_shown(url: &Url) -> Value {
    let bytes = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes).into_owned());
    object(vec![
        ("Scheme", url.scheme.as_str().into()),
        ("Opaque", url.opaque.as_str().into()),
        ("User", if url.user.is_some() { Value::map([]) } else { Value::Null }),
        ("Host", bytes(&url.host)),
        ("Path", bytes(&url.path)),
        ("Fragment", bytes(&url.fragment)),
        ("RawQuery", url.raw_query.as_str().into()),
        ("RawPath", url.raw_path.as_str().into()),
        ("RawFragment", url.raw_fragment.as_str().into()),
        ("ForceQuery", url.force_query.into()),
        ("OmitHost", url.omit_host.into()),
    ])
}

impl AlternativeNames {
    pub(super) fn read(content: &[u8]) -> Option<AlternativeNames> {
        let mut found = AlternativeNames::default();
        let mut reader = Reader::new(content);
        while let Some(name) = reader.next() {
            match name.tag {
                0x81 => found.emails.push(name.text()?.into()),
                0x82 => found.dns.push(name.text()?.into()),
                0x86 => found.uris.push(address_shown(&Url::parse(&name.text()?).ok()?)),
                0x87 => found.addresses.push(address(name.content)?.into()),
                _ => {}
            }
        }
        Some(found)
    }
}

/// Names a certificate authority may vouch for, or may not.
#[derive(Default)]
pub(super) struct Limits {
    pub(super) dns: Vec<Value>,
    pub(super) emails: Vec<Value>,
    pub(super) uris: Vec<Value>,
    pub(super) ranges: Vec<Value>,
}

/// The limits of a certificate authority.
#[derive(Default)]
pub(super) struct Constraints {
    pub(super) critical: bool,
    pub(super) permitted: Limits,
    pub(super) excluded: Limits,
}

impl Constraints {
    pub(super) fn read(content: &[u8], critical: bool) -> Option<Constraints> {
        let mut found = Constraints { critical, ..Constraints::default() };
        let mut parts = Reader::new(content).sequence()?;
        while let Some(part) = parts.next() {
            match part.tag {
                0xa0 => found.permitted = Limits::read(part.content)?,
                0xa1 => found.excluded = Limits::read(part.content)?,
                _ => return None,
            }
        }
        Some(found)
    }
}

impl Limits {
    fn read(content: &[u8]) -> Option<Limits> {
        let mut found = Limits::default();
        let mut trees = Reader::new(content);
        while let Some(tree) = trees.next() {
            let base = Reader::new(tree.content).next()?;
            match base.tag {
                0x81 => found.emails.push(base.text()?.into()),
                0x82 => found.dns.push(base.text()?.into()),
                0x86 => found.uris.push(base.text()?.into()),
                0x87 => {
                    let (network, mask) = base.content.split_at_checked(base.content.len() / 2)?;
                    found.ranges.push(object(vec![("IP", address(network)?.into()), ("Mask", base64(mask))]));
                }
                _ => {}
            }
        }
        Some(found)
    }
}
