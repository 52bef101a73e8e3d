//! Certificates and requests for them (RFC 5280, RFC 2986), read and shown as Go's JSON encoder shows them.

use num_bigint::BigInt;

use super::der::{self, BIT_STRING, BOOLEAN, OCTET_STRING, OID, Reader, SEQUENCE, SET};
use super::keys::{PublicKey, bytes, object};
use crate::builtins::times;
use crate::builtins::urls::Url;
use crate::number::Number;
use crate::term::Term;

/// A certificate, as far as its verification needs it, with the bytes that the rest is read from.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) raw: Vec<u8>,
    pub(crate) to_be_signed: Vec<u8>,
    pub(crate) info: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) signature_algorithm: SignatureAlgorithm,
    pub(crate) key: PublicKey,
    pub(crate) version: i64,
    pub(crate) serial: BigInt,
    /// Seconds since 1970.
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) facts: Facts,
}

/// One extension.
#[derive(Clone, Debug)]
pub(crate) struct Extension {
    pub(crate) id: Vec<u64>,
    pub(crate) critical: bool,
    pub(crate) value: Vec<u8>,
}

/// What the extensions say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) key_usage: i64,
    pub(crate) basic_constraints: bool,
    pub(crate) is_ca: bool,
    pub(crate) max_path: Option<i64>,
    pub(crate) dns_names: Vec<String>,
    pub(crate) email_addresses: Vec<String>,
    pub(crate) ip_addresses: Vec<Vec<u8>>,
    pub(crate) uris: Vec<String>,
    pub(crate) extended: Vec<Vec<u64>>,
    pub(crate) permitted: Constraints,
    pub(crate) excluded: Constraints,
    pub(crate) constraints_critical: bool,
    crl_points: Vec<String>,
    policies: Vec<Vec<u64>>,
    subject_key: Option<Vec<u8>>,
    authority_key: Option<Vec<u8>>,
    ocsp: Vec<String>,
    issuing: Vec<String>,
    /// Critical extensions that nobody here understands.
    pub(crate) unhandled: Vec<Vec<u64>>,
}

/// Names that a certificate's holders may or may not bear.
#[derive(Clone, Debug, Default)]
pub(crate) struct Constraints {
    pub(crate) dns: Vec<String>,
    pub(crate) email: Vec<String>,
    pub(crate) uri: Vec<String>,
    /// Address and mask.
    pub(crate) ip: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Go's numbers of the algorithms that sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SignatureAlgorithm(pub(crate) i64);

impl SignatureAlgorithm {
    fn read(algorithm: &[u8]) -> Option<SignatureAlgorithm> {
        let mut parts = Reader::new(algorithm);
        let oid = parts.oid()?;
        Some(SignatureAlgorithm(match oid.as_slice() {
            [1, 2, 840, 113_549, 1, 1, 2] => 1,
            [1, 2, 840, 113_549, 1, 1, 4] => 2,
            [1, 2, 840, 113_549, 1, 1, 5] | [1, 3, 14, 3, 2, 29] => 3,
            [1, 2, 840, 113_549, 1, 1, 11] => 4,
            [1, 2, 840, 113_549, 1, 1, 12] => 5,
            [1, 2, 840, 113_549, 1, 1, 13] => 6,
            [1, 2, 840, 10040, 4, 3] => 7,
            [2, 16, 840, 1, 101, 3, 4, 3, 2] => 8,
            [1, 2, 840, 10045, 4, 1] => 9,
            [1, 2, 840, 10045, 4, 3, 2] => 10,
            [1, 2, 840, 10045, 4, 3, 3] => 11,
            [1, 2, 840, 10045, 4, 3, 4] => 12,
            [1, 2, 840, 113_549, 1, 1, 10] => pss_hash(&mut parts).unwrap_or(0),
            [1, 3, 101, 112] => 16,
            _ => 0,
        }))
    }
}

/// The digest of an RSASSA-PSS algorithm whose parameters are the usual ones.
fn pss_hash(parts: &mut Reader<'_>) -> Option<i64> {
    let mut parameters = parts.sequence()?;
    let mut hash = Reader::new(parameters.tagged(0xa0)?.content).sequence()?;
    match hash.oid()?.as_slice() {
        [2, 16, 840, 1, 101, 3, 4, 2, 1] => Some(13),
        [2, 16, 840, 1, 101, 3, 4, 2, 2] => Some(14),
        [2, 16, 840, 1, 101, 3, 4, 2, 3] => Some(15),
        _ => None,
    }
}

/// Text of any of the kinds of ASN.1.
fn text(tag: u8, content: &[u8]) -> Option<String> {
    match tag {
        // Numbers, printable, IA5, UTF-8 and T.61 text.
        0x0c | 0x12 | 0x13 | 0x16 => String::from_utf8(content.to_vec()).ok(),
        0x14 => Some(content.iter().copied().map(char::from).collect()),
        0x1e => {
            let units: Vec<u16> =
                content.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, byte| (unit << 8) | u16::from(*byte))).collect();
            String::from_utf16(&units).ok()
        }
        _ => None,
    }
}

/// A moment of a certificate in seconds since 1970.
fn moment(reader: &mut Reader<'_>) -> Option<i64> {
    let element = reader.any()?;
    let text = std::str::from_utf8(element.content).ok()?;
    match element.tag {
        0x17 => times::of_text("060102150405Z0700", text).map(|seconds| {
            // Two digits of a year mean those from 1950 to 2049.
            if seconds >= 2_524_608_000 { seconds - 3_155_760_000 } else { seconds }
        }),
        0x18 => times::of_text("20060102150405Z0700", text),
        _ => None,
    }
}

fn read_extensions(reader: &mut Reader<'_>) -> Option<Vec<Extension>> {
    let mut out = Vec::new();
    while !reader.is_empty() {
        let mut parts = reader.sequence()?;
        let id = parts.oid()?;
        let critical = parts.tagged(BOOLEAN).is_some_and(|value| value.content != [0]);
        let value = parts.tagged(OCTET_STRING)?.content.to_vec();
        out.push(Extension { id, critical, value });
    }
    Some(out)
}

impl Facts {
    fn read(extensions: &[Extension]) -> Option<Facts> {
        let mut facts = Facts::default();
        for extension in extensions {
            let mut value = Reader::new(&extension.value);
            let known = match extension.id.as_slice() {
                [2, 5, 29, 15] => {
                    let bits = value.tagged(BIT_STRING)?.content;
                    for at in 0..9 {
                        let byte = bits.get(1 + at / 8).copied().unwrap_or(0);
                        if byte & (0x80 >> (at % 8)) != 0 {
                            facts.key_usage |= 1 << at;
                        }
                    }
                    true
                }
                [2, 5, 29, 19] => {
                    let mut parts = value.sequence()?;
                    facts.basic_constraints = true;
                    facts.is_ca = parts.tagged(BOOLEAN).is_some_and(|value| value.content != [0]);
                    facts.max_path = if parts.is_empty() { None } else { Some(i64::try_from(parts.integer()?).ok()?) };
                    true
                }
                [2, 5, 29, 17] => facts.names(value.sequence()?)?,
                [2, 5, 29, 30] => {
                    facts.constraints_critical = extension.critical;
                    facts.constraints(value.sequence()?)?
                }
                [2, 5, 29, 31] => {
                    let mut points = value.sequence()?;
                    while !points.is_empty() {
                        let mut point = points.sequence()?;
                        let Some(name) = point.tagged(0xa0) else { continue };
                        let Some(full) = Reader::new(name.content).tagged(0xa0) else { continue };
                        let mut names = Reader::new(full.content);
                        while let Some(name) = names.any() {
                            if name.tag == 0x86 {
                                facts.crl_points.push(String::from_utf8(name.content.to_vec()).ok()?);
                            }
                        }
                    }
                    true
                }
                [2, 5, 29, 35] => {
                    let mut parts = value.sequence()?;
                    facts.authority_key = parts.tagged(0x80).map(|key| key.content.to_vec());
                    true
                }
                [2, 5, 29, 14] => {
                    facts.subject_key = Some(value.tagged(OCTET_STRING)?.content.to_vec());
                    true
                }
                [2, 5, 29, 37] => {
                    let mut parts = value.sequence()?;
                    while !parts.is_empty() {
                        facts.extended.push(parts.oid()?);
                    }
                    true
                }
                [2, 5, 29, 32] => {
                    let mut parts = value.sequence()?;
                    while !parts.is_empty() {
                        facts.policies.push(parts.sequence()?.oid()?);
                    }
                    true
                }
                [1, 3, 6, 1, 5, 5, 7, 1, 1] => {
                    let mut parts = value.sequence()?;
                    while !parts.is_empty() {
                        let mut access = parts.sequence()?;
                        let method = access.oid()?;
                        let Some(name) = access.tagged(0x86) else { continue };
                        let name = String::from_utf8(name.content.to_vec()).ok()?;
                        match method.last() {
                            Some(1) => facts.ocsp.push(name),
                            Some(2) => facts.issuing.push(name),
                            _ => {}
                        }
                    }
                    true
                }
                [2, 5, 29, 33 | 36 | 54] => true,
                _ => false,
            };
            if extension.critical && !known {
                facts.unhandled.push(extension.id.clone());
            }
        }
        Some(facts)
    }

    /// Alternative names of the subject; false where none is of a kind that is understood.
    fn names(&mut self, mut names: Reader<'_>) -> Option<bool> {
        let mut known = false;
        while !names.is_empty() {
            let name = names.any()?;
            let word = || String::from_utf8(name.content.to_vec()).ok().filter(|text| text.is_ascii());
            match name.tag {
                0x81 => self.email_addresses.push(word()?),
                0x82 => self.dns_names.push(word()?),
                0x86 => {
                    let uri = word()?;
                    Url::parse(&uri).ok()?;
                    self.uris.push(uri);
                }
                0x87 if matches!(name.content.len(), 4 | 16) => self.ip_addresses.push(name.content.to_vec()),
                0x87 => return None,
                _ => continue,
            }
            known = true;
        }
        Some(known)
    }

    fn constraints(&mut self, mut parts: Reader<'_>) -> Option<bool> {
        let mut understood = true;
        while !parts.is_empty() {
            let part = parts.any()?;
            let side = match part.tag {
                0xa0 => &mut self.permitted,
                0xa1 => &mut self.excluded,
                _ => return None,
            };
            let mut trees = Reader::new(part.content);
            while !trees.is_empty() {
                let base = trees.sequence()?.any()?;
                let word = || String::from_utf8(base.content.to_vec()).ok().filter(|text| text.is_ascii());
                match base.tag {
                    0x81 => side.email.push(word()?),
                    0x82 => side.dns.push(word()?),
                    0x86 => side.uri.push(word()?),
                    0x87 => {
                        let half = base.content.len() / 2;
                        if !matches!(base.content.len(), 8 | 32) {
                            return None;
                        }
                        let (address, mask) = base.content.split_at_checked(half)?;
                        side.ip.push((address.to_vec(), mask.to_vec()));
                    }
                    _ => understood = false,
                }
            }
        }
        Some(understood)
    }
}

impl Certificate {
    /// Reads one certificate of the start of some bytes; what comes after it.
    pub(crate) fn read(input: &[u8]) -> Option<(Certificate, &[u8])> {
        let mut reader = Reader::new(input);
        let outer = reader.tagged(SEQUENCE)?;
        let rest = input.get(outer.whole.len()..)?;
        let mut parts = Reader::new(outer.content);
        let signed = parts.tagged(SEQUENCE)?;
        let algorithm = parts.tagged(SEQUENCE)?;
        let signature = parts.bit_string()?;
        let mut fields = Reader::new(signed.content);
        let version = match fields.tagged(0xa0) {
            Some(version) => i64::try_from(Reader::new(version.content).integer()?).ok()? + 1,
            None => 1,
        };
        let serial = fields.integer()?;
        fields.tagged(SEQUENCE)?;
        let issuer = fields.tagged(SEQUENCE)?.whole;
        let mut validity = fields.sequence()?;
        let (not_before, not_after) = (moment(&mut validity)?, moment(&mut validity)?);
        let subject = fields.tagged(SEQUENCE)?.whole;
        let info = fields.tagged(SEQUENCE)?.whole;
        fields.tagged(0x81);
        fields.tagged(0x82);
        let extensions = match fields.tagged(0xa3) {
            Some(extensions) => read_extensions(&mut Reader::new(extensions.content).sequence()?)?,
            None => Vec::new(),
        };
        let certificate = Certificate {
            raw: outer.whole.to_vec(),
            to_be_signed: signed.whole.to_vec(),
            info: info.to_vec(),
            subject: subject.to_vec(),
            issuer: issuer.to_vec(),
            signature: signature.to_vec(),
            signature_algorithm: SignatureAlgorithm::read(algorithm.content)?,
            key: PublicKey::from_info(info)?,
            version,
            serial,
            not_before,
            not_after,
            facts: Facts::read(&extensions)?,
            extensions,
        };
        Some((certificate, rest))
    }

    /// Reads certificates one after the other.
    pub(crate) fn read_all(mut input: &[u8]) -> Option<Vec<Certificate>> {
        let mut out = Vec::new();
        while !input.is_empty() {
            let (certificate, rest) = Certificate::read(input)?;
            out.push(certificate);
            input = rest;
        }
        Some(out)
    }

    /// As Go's JSON encoder shows it; with its addresses as text where `with_uris` says so.
    pub(crate) fn to_term(&self, with_uris: bool) -> Option<Term> {
        let facts = &self.facts;
        let (known, unknown): (Vec<_>, Vec<_>) =
            facts.extended.iter().map(|oid| (extended_usage(oid), oid)).partition(|(usage, _)| usage.is_some());
        let known: Vec<Term> = known.into_iter().filter_map(|(usage, _)| usage.map(Term::int)).collect();
        let unknown: Vec<Term> = unknown.into_iter().map(|(_, oid)| oid_term(oid)).collect();
        let max_path = if facts.basic_constraints { facts.max_path.unwrap_or(-1) } else { 0 };
        let mut entries = vec![
            ("Raw", bytes(&self.raw)),
            ("RawTBSCertificate", bytes(&self.to_be_signed)),
            ("RawSubjectPublicKeyInfo", bytes(&self.info)),
            ("RawSubject", bytes(&self.subject)),
            ("RawIssuer", bytes(&self.issuer)),
            ("Signature", bytes(&self.signature)),
            ("SignatureAlgorithm", Term::int(self.signature_algorithm.0)),
            ("PublicKeyAlgorithm", Term::int(self.key.algorithm())),
            ("PublicKey", self.key.to_term()),
            ("Version", Term::int(self.version)),
            ("SerialNumber", Number::from_big(&self.serial).into()),
            ("Issuer", name_term(&self.issuer)?),
            ("Subject", name_term(&self.subject)?),
            ("NotBefore", times::rfc3339(self.not_before)),
            ("NotAfter", times::rfc3339(self.not_after)),
            ("KeyUsage", Term::int(facts.key_usage)),
            ("Extensions", list(self.extensions.iter().map(extension_term).collect())),
            ("ExtraExtensions", Term::Null),
            ("UnhandledCriticalExtensions", list(facts.unhandled.iter().map(|oid| oid_term(oid)).collect())),
            ("ExtKeyUsage", list(known)),
            ("UnknownExtKeyUsage", list(unknown)),
            ("BasicConstraintsValid", Term::Bool(facts.basic_constraints)),
            ("IsCA", Term::Bool(facts.is_ca)),
            ("MaxPathLen", Term::int(max_path)),
            ("MaxPathLenZero", Term::Bool(facts.basic_constraints && max_path == 0)),
            ("SubjectKeyId", facts.subject_key.as_deref().map_or(Term::Null, bytes)),
            ("AuthorityKeyId", facts.authority_key.as_deref().map_or(Term::Null, bytes)),
            ("OCSPServer", words(&facts.ocsp)),
            ("IssuingCertificateURL", words(&facts.issuing)),
            ("PermittedDNSDomainsCritical", Term::Bool(facts.constraints_critical && !facts.permitted.dns.is_empty())),
            ("PermittedDNSDomains", words(&facts.permitted.dns)),
            ("ExcludedDNSDomains", words(&facts.excluded.dns)),
            ("PermittedIPRanges", ranges(&facts.permitted.ip)),
            ("ExcludedIPRanges", ranges(&facts.excluded.ip)),
            ("PermittedEmailAddresses", words(&facts.permitted.email)),
            ("ExcludedEmailAddresses", words(&facts.excluded.email)),
            ("PermittedURIDomains", words(&facts.permitted.uri)),
            ("ExcludedURIDomains", words(&facts.excluded.uri)),
            ("CRLDistributionPoints", words(&facts.crl_points)),
            ("PolicyIdentifiers", list(facts.policies.iter().map(|oid| oid_term(oid)).collect())),
            ("Policies", list(facts.policies.iter().map(|oid| Term::from(dotted(oid))).collect())),
            ("PolicyMappings", Term::Null),
            ("InhibitAnyPolicy", Term::int(0)),
            ("InhibitAnyPolicyZero", Term::Bool(false)),
            ("InhibitPolicyMapping", Term::int(0)),
            ("InhibitPolicyMappingZero", Term::Bool(false)),
            ("RequireExplicitPolicy", Term::int(0)),
            ("RequireExplicitPolicyZero", Term::Bool(false)),
        ];
        entries.extend(alternative_names(facts));
        if with_uris {
            entries.push(("URIStrings", words(&facts.uris)));
        }
        Some(object(entries))
    }
}

fn alternative_names(facts: &Facts) -> Vec<(&'static str, Term)> {
    vec![
        ("DNSNames", words(&facts.dns_names)),
        ("EmailAddresses", words(&facts.email_addresses)),
        ("IPAddresses", list(facts.ip_addresses.iter().map(|address| Term::from(address_text(address))).collect())),
        ("URIs", list(facts.uris.iter().filter_map(|uri| Url::parse(uri).ok()).map(|url| url.to_term()).collect())),
    ]
}

/// A list as Go shows it: null where there is nothing in it.
fn list(items: Vec<Term>) -> Term {
    if items.is_empty() { Term::Null } else { Term::array(items) }
}

fn words(items: &[String]) -> Term {
    list(items.iter().map(|item| Term::from(item.as_str())).collect())
}

fn oid_term(oid: &[u64]) -> Term {
    Term::array(oid.iter().map(|part| Number::from_big(&BigInt::from(*part)).into()).collect())
}

fn dotted(oid: &[u64]) -> String {
    oid.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

fn extension_term(extension: &Extension) -> Term {
    object(vec![("Id", oid_term(&extension.id)), ("Critical", Term::Bool(extension.critical)), ("Value", bytes(&extension.value))])
}

fn address_text(address: &[u8]) -> String {
    match (<[u8; 4]>::try_from(address), <[u8; 16]>::try_from(address)) {
        (Ok(old), _) => std::net::Ipv4Addr::from(old).to_string(),
        (_, Ok(new)) => std::net::IpAddr::from(new).to_canonical().to_string(),
        _ => hex::encode(address),
    }
}

fn ranges(ranges: &[(Vec<u8>, Vec<u8>)]) -> Term {
    list(ranges.iter().map(|(address, mask)| object(vec![("IP", Term::from(address_text(address))), ("Mask", bytes(mask))])).collect())
}

/// Go's number of what a key may be used for.
fn extended_usage(oid: &[u64]) -> Option<i64> {
    Some(match oid {
        [2, 5, 29, 37, 0] => 0,
        [1, 3, 6, 1, 5, 5, 7, 3, usage @ 1..=9] => i64::try_from(*usage).ok()?,
        [1, 3, 6, 1, 4, 1, 311, 10, 3, 3] => 10,
        [2, 16, 840, 1, 113_730, 4, 1] => 11,
        [1, 3, 6, 1, 4, 1, 311, 2, 1, 22] => 12,
        [1, 3, 6, 1, 4, 1, 311, 61, 1, 1] => 13,
        _ => return None,
    })
}

/// Go's numbers of what a key may be used for.
pub(crate) fn extended_usages(facts: &Facts) -> Vec<i64> {
    facts.extended.iter().filter_map(|oid| extended_usage(oid)).collect()
}

/// A name: its parts as Go sorts them.
fn name_term(name: &[u8]) -> Option<Term> {
    let mut sets = Reader::new(name).sequence()?;
    let mut names = Vec::new();
    let mut kinds: [Vec<Term>; 7] = Default::default();
    let (mut common, mut serial) = (Term::from(""), Term::from(""));
    while !sets.is_empty() {
        let mut set = Reader::new(sets.tagged(SET)?.content);
        while !set.is_empty() {
            let mut pair = set.sequence()?;
            let kind = pair.oid()?;
            let value = pair.any()?;
            let value = Term::from(text(value.tag, value.content)?);
            names.push(object(vec![("Type", oid_term(&kind)), ("Value", value.clone())]));
            if let [2, 5, 4, kind] = kind.as_slice() {
                let at = match kind {
                    3 => {
                        common = value;
                        continue;
                    }
                    5 => {
                        serial = value;
                        continue;
                    }
                    6 => 0,
                    7 => 1,
                    8 => 2,
                    9 => 3,
                    10 => 4,
                    11 => 5,
                    17 => 6,
                    _ => continue,
                };
                if let Some(values) = kinds.get_mut(at) {
                    values.push(value);
                }
            }
        }
    }
    let [country, locality, province, street, organization, unit, postal] = kinds;
    Some(object(vec![
        ("Country", list(country)),
        ("Organization", list(organization)),
        ("OrganizationalUnit", list(unit)),
        ("Locality", list(locality)),
        ("Province", list(province)),
        ("StreetAddress", list(street)),
        ("PostalCode", list(postal)),
        ("SerialNumber", serial),
        ("CommonName", common),
        ("Names", list(names)),
        ("ExtraNames", Term::Null),
    ]))
}

/// A request for a certificate as Go's JSON encoder shows it.
pub(crate) fn request_term(input: &[u8]) -> Option<Term> {
    let mut reader = Reader::new(input);
    let outer = reader.tagged(SEQUENCE)?;
    if !reader.is_empty() {
        return None;
    }
    let mut parts = Reader::new(outer.content);
    let signed = parts.tagged(SEQUENCE)?;
    let algorithm = parts.tagged(SEQUENCE)?;
    let signature = parts.bit_string()?;
    let mut fields = Reader::new(signed.content);
    let version = i64::try_from(fields.integer()?).ok()?;
    let subject = fields.tagged(SEQUENCE)?.whole;
    let info = fields.tagged(SEQUENCE)?.whole;
    let key = PublicKey::from_info(info)?;
    let mut extensions = Vec::new();
    let mut attributes = Vec::new();
    let mut given = Reader::new(fields.tagged(0xa0).map_or(&[][..], |attributes| attributes.content));
    while !given.is_empty() {
        let mut attribute = given.sequence()?;
        let kind = attribute.oid()?;
        let values = attribute.tagged(SET)?;
        if let Some(value) = attribute_values(values.content) {
            attributes.push(object(vec![("Type", oid_term(&kind)), ("Value", value)]));
        }
        if matches!(kind.as_slice(), [1, 2, 840, 113_549, 1, 9, 14]) {
            extensions.extend(read_extensions(&mut Reader::new(values.content).sequence()?)?);
        }
    }
    let facts = Facts::read(&extensions)?;
    let mut entries = vec![
        ("Raw", bytes(outer.whole)),
        ("RawTBSCertificateRequest", bytes(signed.whole)),
        ("RawSubjectPublicKeyInfo", bytes(info)),
        ("RawSubject", bytes(subject)),
        ("Version", Term::int(version)),
        ("Signature", bytes(signature)),
        ("SignatureAlgorithm", Term::int(SignatureAlgorithm::read(algorithm.content)?.0)),
        ("PublicKeyAlgorithm", Term::int(key.algorithm())),
        ("PublicKey", key.to_term()),
        ("Subject", name_term(subject)?),
        ("Attributes", list(attributes)),
        ("Extensions", list(extensions.iter().map(extension_term).collect())),
        ("ExtraExtensions", Term::Null),
    ];
    entries.extend(alternative_names(&facts));
    Some(object(entries))
}

/// Values of an attribute, where they are sequences of pairs of an identifier and a value; others are not shown.
fn attribute_values(values: &[u8]) -> Option<Term> {
    let mut out = Vec::new();
    let mut values = Reader::new(values);
    while !values.is_empty() {
        let mut pairs = values.sequence()?;
        let mut shown = Vec::new();
        while !pairs.is_empty() {
            let mut pair = pairs.sequence()?;
            let kind = oid_term(&der::oid(pair.tagged(OID)?.content)?);
            let value = pair.any()?;
            let value = match value.tag {
                OCTET_STRING => bytes(value.content),
                tag => Term::from(text(tag, value.content)?),
            };
            if !pair.is_empty() {
                return None;
            }
            shown.push(object(vec![("Type", kind), ("Value", value)]));
        }
        out.push(Term::array(shown));
    }
    Some(Term::array(out))
}
