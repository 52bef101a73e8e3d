//! Certificates and requests for them, as Go shows them (`x509.Certificate` as JSON). RSA keys alone, as in Kyverno.

use base64::Engine as _;

use self::der::{Element, Reader};
use crate::libraries::args::text;
use crate::{Call, CelError, Function, Key, Library, Overload, Value};

mod der;
mod names;

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.x509",
    &[Function::new("x509.decode", &[Overload::new("x509_decode_string", "x509.decode(string) -> dyn", decode)])],
);

fn wrong(what: &str) -> CelError {
    CelError::invalid(format!("x509: {what}"))
}

/// The first block of a PEM text: its kind and its bytes.
fn pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (kind, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {kind}-----"))?;
    // Headers stand before an empty line.
    let body = if body.contains(':') { body.split_once("\n\n").map_or("", |(_, body)| body) } else { body };
    let digits: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    Some((kind, base64::engine::general_purpose::STANDARD.decode(digits).ok()?))
}

/// Whether a text has a certificate that can be read.
pub(super) fn has_certificate(text: &str) -> bool {
    matches!(pem(text), Some(("CERTIFICATE", bytes)) if Reader::new(&bytes).sequence().is_some())
}

fn decode(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = text(args, 0)?;
    call.allocate(text.len().saturating_mul(8))?;
    let Some((kind, bytes)) = pem(text) else { return Err(CelError::invalid("failed to decode PEM block")) };
    match kind {
        "CERTIFICATE" => certificate(&bytes),
        "CERTIFICATE REQUEST" => request(&bytes),
        _ => Err(CelError::invalid("PEM block neither contains a CERTIFICATE or CERTIFICATE REQUEST")),
    }
}

/// Names and values, in the order Go's structures have.
type Fields = Vec<(&'static str, Value)>;

fn object(fields: Fields) -> Value {
    Value::map(fields.into_iter().map(|(name, value)| (Key::from(name), value)))
}

fn base64(bytes: &[u8]) -> Value {
    base64::engine::general_purpose::STANDARD.encode(bytes).into()
}

#[expect(clippy::cast_precision_loss, reason = "as JSON has it in Go")]
fn number(value: i64) -> Value {
    Value::Double(value as f64)
}

/// A list, or null where it is empty.
fn listed(items: Vec<Value>) -> Value {
    if items.is_empty() { Value::Null } else { Value::list(items) }
}

fn identifier(arcs: &[u64]) -> Value {
    Value::list(arcs.iter().map(|arc| number(i64::try_from(*arc).unwrap_or(i64::MAX))).collect())
}

/// The number of a signature algorithm in Go's list; 0 for those it does not know.
fn signature_algorithm(arcs: &[u64]) -> i64 {
    match arcs {
        [1, 2, 840, 113_549, 1, 1, 2] => 1,
        [1, 2, 840, 113_549, 1, 1, 4] => 2,
        [1, 2, 840, 113_549, 1, 1, 5] => 3,
        [1, 2, 840, 113_549, 1, 1, 11] => 4,
        [1, 2, 840, 113_549, 1, 1, 12] => 5,
        [1, 2, 840, 113_549, 1, 1, 13] => 6,
        _ => 0,
    }
}

/// Algorithm and key; the key has to be one of RSA.
fn public_key(info: &Element<'_>) -> Result<Value, CelError> {
    let broken = || CelError::invalid("failed to parse subject public key info");
    let mut reader = Reader::new(info.content);
    let mut algorithm = Reader::new(reader.next().ok_or_else(broken)?.content);
    let arcs = algorithm.next().and_then(|element| element.identifier()).ok_or_else(broken)?;
    if arcs != [1, 2, 840, 113_549, 1, 1, 1] {
        return Err(CelError::invalid("certificate should use rsa algorithm"));
    }
    let bits = reader.next().and_then(|element| element.bits()).ok_or_else(broken)?;
    let mut key = Reader::new(bits).sequence().ok_or_else(broken)?;
    let modulus = key.next().and_then(|element| element.decimal()).ok_or_else(broken)?;
    let exponent = key.next().and_then(|element| element.integer()).ok_or_else(broken)?;
    Ok(object(vec![("N", modulus.into()), ("E", number(exponent))]))
}

/// What the extensions say.
#[derive(Default)]
struct Extensions {
    all: Vec<Value>,
    key_usage: i64,
    extended_usage: Vec<Value>,
    basic_constraints: bool,
    is_authority: bool,
    max_path: i64,
    authority_key: Option<Vec<u8>>,
    names: names::AlternativeNames,
    ocsp: Vec<Value>,
    issuers: Vec<Value>,
    revocation_lists: Vec<Value>,
    policies: Vec<Value>,
    constraints: names::Constraints,
}

impl Extensions {
    fn read(list: &Element<'_>) -> Option<Extensions> {
        let mut found = Extensions::default();
        let mut reader = Reader::new(list.content);
        while let Some(extension) = reader.next() {
            let mut parts = Reader::new(extension.content);
            let arcs = parts.next()?.identifier()?;
            let mut value = parts.next()?;
            let mut critical = false;
            if value.tag == 0x01 {
                critical = value.content.first().is_some_and(|byte| *byte != 0);
                value = parts.next()?;
            }
            found.all.push(object(vec![("Id", identifier(&arcs)), ("Critical", critical.into()), ("Value", base64(value.content))]));
            found.one(&arcs, value.content, critical)?;
        }
        Some(found)
    }

    fn one(&mut self, arcs: &[u64], content: &[u8], critical: bool) -> Option<()> {
        let mut reader = Reader::new(content);
        match arcs {
            [2, 5, 29, 15] => {
                let element = reader.next()?;
                let (_, bits) = element.content.split_first()?;
                for (index, bit) in (0..9_usize).map(|index| (index, bits.get(index / 8).map_or(0, |byte| byte >> (7 - index % 8) & 1))) {
                    self.key_usage |= i64::from(bit) << index;
                }
            }
            [2, 5, 29, 37] => {
                let mut list = reader.sequence()?;
                while let Some(element) = list.next() {
                    let arcs = element.identifier()?;
                    if let Some(usage) = names::extended_usage(&arcs) {
                        self.extended_usage.push(number(usage));
                    }
                }
            }
            [2, 5, 29, 19] => {
                self.basic_constraints = true;
                self.max_path = -1;
                let mut list = reader.sequence()?;
                while let Some(element) = list.next() {
                    match element.tag {
                        0x01 => self.is_authority = element.content.first().is_some_and(|byte| *byte != 0),
                        _ => self.max_path = element.integer()?,
                    }
                }
            }
            [2, 5, 29, 35] => {
                let mut list = reader.sequence()?;
                while let Some(element) = list.next() {
                    if element.tag == 0x80 {
                        self.authority_key = Some(element.content.to_vec());
                    }
                }
            }
            [2, 5, 29, 17] => self.names = names::AlternativeNames::read(reader.next()?.content)?,
            [2, 5, 29, 30] => self.constraints = names::Constraints::read(content, critical)?,
            [2, 5, 29, 31] => {
                let mut list = reader.sequence()?;
                while let Some(point) = list.next() {
                    let mut parts = Reader::new(point.content);
                    let Some(name) = parts.next().filter(|element| element.tag == 0xa0) else { continue };
                    let Some(full) = Reader::new(name.content).next().filter(|element| element.tag == 0xa0) else { continue };
                    let mut names = Reader::new(full.content);
                    while let Some(name) = names.next() {
                        if name.tag == 0x86 {
                            self.revocation_lists.push(name.text()?.into());
                        }
                    }
                }
            }
            [2, 5, 29, 32] => {
                let mut list = reader.sequence()?;
                while let Some(policy) = list.next() {
                    self.policies.push(identifier(&Reader::new(policy.content).next()?.identifier()?));
                }
            }
            [1, 3, 6, 1, 5, 5, 7, 1, 1] => {
                let mut list = reader.sequence()?;
                while let Some(access) = list.next() {
                    let mut parts = Reader::new(access.content);
                    let method = parts.next()?.identifier()?;
                    let place = parts.next()?;
                    if place.tag == 0x86 {
                        match method.last() {
                            Some(1) => self.ocsp.push(place.text()?.into()),
                            Some(2) => self.issuers.push(place.text()?.into()),
                            _ => {}
                        }
                    }
                }
            }
            _ => {}
        }
        Some(())
    }
}

fn certificate(bytes: &[u8]) -> Result<Value, CelError> {
    let broken = || wrong("malformed certificate");
    let outer = Reader::new(bytes).next().filter(|element| element.tag == 0x30).ok_or_else(broken)?;
    let mut whole = Reader::new(outer.content);
    let body = whole.next().ok_or_else(broken)?;
    whole.next().ok_or_else(broken)?;
    let signature = whole.next().and_then(|element| element.bits()).ok_or_else(broken)?;
    let mut parts = Reader::new(body.content);
    let mut first = parts.next().ok_or_else(broken)?;
    if first.tag == 0xa0 {
        first = parts.next().ok_or_else(broken)?;
    }
    let serial = first.integer_wrapping().ok_or_else(broken)?;
    parts.next().ok_or_else(broken)?;
    let issuer = parts.next().ok_or_else(broken)?;
    let validity = parts.next().ok_or_else(broken)?;
    let subject = parts.next().ok_or_else(broken)?;
    let key = parts.next().ok_or_else(broken)?;
    let public_key = public_key(&key)?;
    let mut times = Reader::new(validity.content);
    let mut time = || times.next().and_then(|element| element.time()).ok_or_else(broken);
    let (not_before, not_after) = (time()?, time()?);
    let mut extensions = Extensions::default();
    while let Some(part) = parts.next() {
        if part.tag == 0xa3 {
            let list = Reader::new(part.content).next().ok_or_else(broken)?;
            extensions = Extensions::read(&list).ok_or_else(|| wrong("malformed extension"))?;
        }
    }
    let constraints = extensions.constraints;
    Ok(object(vec![
        ("Raw", base64(outer.whole)),
        ("RawTBSCertificate", base64(body.whole)),
        ("RawSubjectPublicKeyInfo", base64(key.whole)),
        ("RawSubject", base64(subject.whole)),
        ("RawIssuer", base64(issuer.whole)),
        ("Signature", base64(signature)),
        ("PublicKeyAlgorithm", number(1)),
        ("PublicKey", public_key),
        ("SerialNumber", number(serial)),
        ("Issuer", names::distinguished(issuer.content).ok_or_else(broken)?),
        ("NotBefore", not_before.into()),
        ("NotAfter", not_after.into()),
        ("KeyUsage", number(extensions.key_usage)),
        ("Extensions", listed(extensions.all)),
        ("ExtraExtensions", Value::Null),
        ("ExtKeyUsage", listed(extensions.extended_usage)),
        ("BasicConstraintsValid", extensions.basic_constraints.into()),
        ("IsCA", extensions.is_authority.into()),
        ("MaxPathLen", number(extensions.max_path)),
        ("MaxPathLenZero", (extensions.basic_constraints && extensions.max_path == 0).into()),
        ("AuthorityKeyId", extensions.authority_key.as_deref().map_or(Value::Null, base64)),
        ("OCSPServer", listed(extensions.ocsp)),
        ("IssuingCertificateURL", listed(extensions.issuers)),
        ("DNSNames", listed(extensions.names.dns)),
        ("EmailAddresses", listed(extensions.names.emails)),
        ("IPAddresses", listed(extensions.names.addresses)),
        ("PermittedDNSDomainsCritical", constraints.critical.into()),
        ("PermittedDNSDomains", listed(constraints.permitted.dns)),
        ("ExcludedDNSDomains", listed(constraints.excluded.dns)),
        ("PermittedIPRanges", listed(constraints.permitted.ranges)),
        ("ExcludedIPRanges", listed(constraints.excluded.ranges)),
        ("PermittedEmailAddresses", listed(constraints.permitted.emails)),
        ("ExcludedEmailAddresses", listed(constraints.excluded.emails)),
        ("PermittedURIDomains", listed(constraints.permitted.uris)),
        ("ExcludedURIDomains", listed(constraints.excluded.uris)),
        ("CRLDistributionPoints", listed(extensions.revocation_lists)),
        ("PolicyIdentifiers", listed(extensions.policies)),
    ]))
}

/// The extensions a request asks for, as an attribute. Go shows none where one of them is critical.
fn attribute_shown(arcs: &[u64], wanted: &Element<'_>) -> Option<Value> {
    let mut pairs = Vec::new();
    let mut list = Reader::new(wanted.content);
    while let Some(extension) = list.next() {
        let mut parts = Reader::new(extension.content);
        let (id, value) = (parts.next()?.identifier()?, parts.next().filter(|element| element.tag == 0x04)?);
        pairs.push(object(vec![("Type", identifier(&id)), ("Value", base64(value.content))]));
    }
    Some(object(vec![("Type", identifier(arcs)), ("Value", Value::list(vec![Value::list(pairs)]))]))
}

fn request(bytes: &[u8]) -> Result<Value, CelError> {
    let broken = || wrong("malformed certificate request");
    let outer = Reader::new(bytes).next().filter(|element| element.tag == 0x30).ok_or_else(broken)?;
    let mut whole = Reader::new(outer.content);
    let body = whole.next().ok_or_else(broken)?;
    let algorithm = whole.next().and_then(|element| Reader::new(element.content).next()?.identifier()).ok_or_else(broken)?;
    let signature = whole.next().and_then(|element| element.bits()).ok_or_else(broken)?;
    let mut parts = Reader::new(body.content);
    let version = parts.next().and_then(|element| element.integer()).ok_or_else(broken)?;
    let subject = parts.next().ok_or_else(broken)?;
    let key = parts.next().ok_or_else(broken)?;
    let public_key = public_key(&key)?;
    let mut extensions = Extensions::default();
    let mut shown = Vec::new();
    if let Some(attributes) = parts.next() {
        let mut list = Reader::new(attributes.content);
        while let Some(attribute) = list.next() {
            let mut parts = Reader::new(attribute.content);
            let arcs = parts.next().and_then(|element| element.identifier()).ok_or_else(broken)?;
            if arcs == [1, 2, 840, 113_549, 1, 9, 14] {
                let set = parts.next().ok_or_else(broken)?;
                let wanted = Reader::new(set.content).next().ok_or_else(broken)?;
                extensions = Extensions::read(&wanted).ok_or_else(|| wrong("malformed extension"))?;
                shown.extend(attribute_shown(&arcs, &wanted));
            }
        }
    }
    Ok(object(vec![
        ("Raw", base64(outer.whole)),
        ("RawTBSCertificateRequest", base64(body.whole)),
        ("RawSubjectPublicKeyInfo", base64(key.whole)),
        ("RawSubject", base64(subject.whole)),
        ("Version", number(version)),
        ("Signature", base64(signature)),
        ("SignatureAlgorithm", number(signature_algorithm(&algorithm))),
        ("PublicKeyAlgorithm", number(1)),
        ("PublicKey", public_key),
        ("Subject", names::distinguished(subject.content).ok_or_else(broken)?),
        ("Attributes", listed(shown)),
        ("Extensions", listed(extensions.all)),
        ("ExtraExtensions", Value::Null),
        ("DNSNames", listed(extensions.names.dns)),
        ("EmailAddresses", listed(extensions.names.emails)),
        ("IPAddresses", listed(extensions.names.addresses)),
        ("URIs", listed(extensions.names.uris)),
    ]))
}
