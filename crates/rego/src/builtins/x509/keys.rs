//! Public and private keys: read from their encodings, and shown as Go's JSON encoder shows them.

use base64::Engine as _;
use num_bigint::{BigInt, BigUint};

use super::der::{self, OCTET_STRING, Reader, SEQUENCE};
use crate::number::Number;
use crate::term::Term;

/// Curves that keys may lie on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Curve {
    P224,
    P256,
    P384,
    P521,
}

impl Curve {
    fn of_oid(oid: &[u64]) -> Option<Curve> {
        match oid {
            [1, 3, 132, 0, 33] => Some(Curve::P224),
            [1, 2, 840, 10045, 3, 1, 7] => Some(Curve::P256),
            [1, 3, 132, 0, 34] => Some(Curve::P384),
            [1, 3, 132, 0, 35] => Some(Curve::P521),
            _ => None,
        }
    }

    /// Its name in JSON web keys.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Curve::P224 => "P-224",
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
            Curve::P521 => "P-521",
        }
    }

    /// The curve of a name in JSON web keys.
    pub(crate) fn named(name: &str) -> Option<Curve> {
        [Curve::P224, Curve::P256, Curve::P384, Curve::P521].into_iter().find(|curve| curve.name() == name)
    }

    /// Bytes of a coordinate.
    pub(crate) fn width(self) -> usize {
        match self {
            Curve::P224 => 28,
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }
}

/// A public key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum PublicKey {
    /// Modulus and exponent.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point: 4, then both coordinates.
    Ec { curve: Curve, point: Vec<u8> },
    /// 32 bytes.
    Ed25519(Vec<u8>),
    /// One that nothing can be done with here.
    Other,
}

/// A private key.
#[derive(Clone, Debug)]
pub(crate) enum PrivateKey {
    Rsa(RsaPrivate),
    Ec {
        curve: Curve,
        d: Vec<u8>,
        point: Vec<u8>,
    },
    /// The seed and the public key.
    Ed25519 {
        seed: Vec<u8>,
        public: Vec<u8>,
    },
}

/// The parts of an RSA key.
#[derive(Clone, Debug, Default)]
pub(crate) struct RsaPrivate {
    pub(crate) n: Vec<u8>,
    pub(crate) e: Vec<u8>,
    pub(crate) d: Vec<u8>,
    pub(crate) p: Vec<u8>,
    pub(crate) q: Vec<u8>,
    pub(crate) dp: Vec<u8>,
    pub(crate) dq: Vec<u8>,
    pub(crate) qi: Vec<u8>,
}

/// A number of bytes as a term.
pub(crate) fn big(bytes: &[u8]) -> Term {
    Number::from_big(&BigInt::from(BigUint::from_bytes_be(bytes))).into()
}

/// Bytes as Go's JSON encoder writes them.
pub(crate) fn bytes(bytes: &[u8]) -> Term {
    Term::from(base64::engine::general_purpose::STANDARD.encode(bytes))
}

pub(crate) fn object(entries: Vec<(&'static str, Term)>) -> Term {
    Term::object(entries.into_iter().map(|(key, value)| (Term::from(key), value)).collect())
}

fn coordinates(point: &[u8], width: usize) -> (&[u8], &[u8]) {
    (point.get(1..=width).unwrap_or_default(), point.get(1 + width..).unwrap_or_default())
}

impl PublicKey {
    /// Reads the key of a SubjectPublicKeyInfo.
    pub(crate) fn from_info(info: &[u8]) -> Option<PublicKey> {
        let mut info = Reader::new(info).sequence()?;
        let mut algorithm = info.sequence()?;
        let oid = algorithm.oid()?;
        let key = info.bit_string()?;
        match oid.as_slice() {
            [1, 2, 840, 113_549, 1, 1, 1] => {
                let mut parts = Reader::new(key).sequence()?;
                let (n, e) = (parts.unsigned()?.to_vec(), parts.unsigned()?.to_vec());
                Some(PublicKey::Rsa { n, e })
            }
            [1, 2, 840, 10045, 2, 1] => {
                let curve = Curve::of_oid(&algorithm.oid()?)?;
                if key.first() != Some(&4) || key.len() != 1 + 2 * curve.width() {
                    return None;
                }
                Some(PublicKey::Ec { curve, point: key.to_vec() })
            }
            [1, 3, 101, 112] if key.len() == 32 => Some(PublicKey::Ed25519(key.to_vec())),
            _ => Some(PublicKey::Other),
        }
    }

    /// Go's number of the algorithm.
    pub(crate) fn algorithm(&self) -> i64 {
        match self {
            PublicKey::Rsa { .. } => 1,
            PublicKey::Ec { .. } => 3,
            PublicKey::Ed25519(_) => 4,
            PublicKey::Other => 0,
        }
    }

    pub(crate) fn to_term(&self) -> Term {
        match self {
            PublicKey::Rsa { n, e } => object(vec![("N", big(n)), ("E", big(e))]),
            PublicKey::Ec { curve, point } => {
                let (x, y) = coordinates(point, curve.width());
                object(vec![("Curve", Term::empty_object()), ("X", big(x)), ("Y", big(y))])
            }
            PublicKey::Ed25519(key) => bytes(key),
            PublicKey::Other => Term::Null,
        }
    }
}

impl RsaPrivate {
    /// Reads an RSAPrivateKey (PKCS #1).
    fn read(key: &[u8]) -> Option<RsaPrivate> {
        let mut parts = Reader::new(key).sequence()?;
        parts.unsigned()?;
        let mut part = || parts.unsigned().map(<[u8]>::to_vec);
        Some(RsaPrivate { n: part()?, e: part()?, d: part()?, p: part()?, q: part()?, dp: part()?, dq: part()?, qi: part()? })
    }

    /// As an RSAPrivateKey.
    pub(crate) fn to_der(&self) -> Vec<u8> {
        let parts = [&self.n, &self.e, &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi];
        let mut content = der::write_unsigned(&[0]);
        parts.into_iter().for_each(|part| content.extend(der::write_unsigned(part)));
        der::write(SEQUENCE, &content)
    }
}

/// Reads an ECPrivateKey (RFC 5915); the curve may be said outside of it.
fn ec(key: &[u8], outside: Option<Curve>) -> Option<PrivateKey> {
    let mut parts = Reader::new(key).sequence()?;
    parts.unsigned()?;
    let d = parts.tagged(OCTET_STRING)?.content.to_vec();
    let inside = match parts.tagged(0xa0) {
        Some(named) => Curve::of_oid(&Reader::new(named.content).oid()?),
        None => None,
    };
    let curve = outside.or(inside)?;
    let point = Reader::new(parts.tagged(0xa1)?.content).bit_string()?.to_vec();
    if point.first() != Some(&4) || point.len() != 1 + 2 * curve.width() {
        return None;
    }
    Some(PrivateKey::Ec { curve, d, point })
}

impl PrivateKey {
    /// Reads the key of a block of a kind; none for kinds that hold no private key.
    pub(crate) fn from_block(kind: &str, bytes: &[u8]) -> Option<Result<PrivateKey, &'static str>> {
        match kind {
            "RSA PRIVATE KEY" => Some(RsaPrivate::read(bytes).map(PrivateKey::Rsa).ok_or("x509: failed to parse RSA private key")),
            "EC PRIVATE KEY" => Some(ec(bytes, None).ok_or("x509: failed to parse EC private key")),
            "PRIVATE KEY" => Some(PrivateKey::from_pkcs8(bytes).ok_or("x509: failed to parse private key")),
            _ => None,
        }
    }

    /// Reads a PrivateKeyInfo (PKCS #8).
    pub(crate) fn from_pkcs8(bytes: &[u8]) -> Option<PrivateKey> {
        let mut info = Reader::new(bytes).sequence()?;
        info.unsigned()?;
        let mut algorithm = info.sequence()?;
        let oid = algorithm.oid()?;
        let key = info.tagged(OCTET_STRING)?.content;
        match oid.as_slice() {
            [1, 2, 840, 113_549, 1, 1, 1] => RsaPrivate::read(key).map(PrivateKey::Rsa),
            [1, 2, 840, 10045, 2, 1] => ec(key, Curve::of_oid(&algorithm.oid()?)),
            [1, 3, 101, 112] => {
                use aws_lc_rs::signature::KeyPair as _;
                let seed = Reader::new(key).tagged(OCTET_STRING)?.content.to_vec();
                let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
                Some(PrivateKey::Ed25519 { seed, public: pair.public_key().as_ref().to_vec() })
            }
            _ => None,
        }
    }

    /// The public key that belongs to it.
    pub(crate) fn public(&self) -> PublicKey {
        match self {
            PrivateKey::Rsa(key) => PublicKey::Rsa { n: key.n.clone(), e: key.e.clone() },
            PrivateKey::Ec { curve, point, .. } => PublicKey::Ec { curve: *curve, point: point.clone() },
            PrivateKey::Ed25519 { public, .. } => PublicKey::Ed25519(public.clone()),
        }
    }

    pub(crate) fn to_term(&self) -> Term {
        match self {
            PrivateKey::Rsa(key) => object(vec![
                ("N", big(&key.n)),
                ("E", big(&key.e)),
                ("D", big(&key.d)),
                ("Primes", Term::array(vec![big(&key.p), big(&key.q)])),
                (
                    "Precomputed",
                    object(vec![
                        ("Dp", big(&key.dp)),
                        ("Dq", big(&key.dq)),
                        ("Qinv", big(&key.qi)),
                        ("CRTValues", Term::array(Vec::new())),
                    ]),
                ),
            ]),
            PrivateKey::Ec { curve, d, point } => {
                let (x, y) = coordinates(point, curve.width());
                object(vec![("Curve", Term::empty_object()), ("X", big(x)), ("Y", big(y)), ("D", big(d))])
            }
            PrivateKey::Ed25519 { seed, public } => bytes(&[seed.as_slice(), public].concat()),
        }
    }

    /// As a JSON web key.
    pub(crate) fn to_jwk(&self) -> Term {
        let url = |bytes: &[u8]| Term::from(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes));
        match self {
            PrivateKey::Rsa(key) => object(vec![
                ("kty", Term::from("RSA")),
                ("n", url(&key.n)),
                ("e", url(&key.e)),
                ("d", url(&key.d)),
                ("p", url(&key.p)),
                ("q", url(&key.q)),
                ("dp", url(&key.dp)),
                ("dq", url(&key.dq)),
                ("qi", url(&key.qi)),
            ]),
            PrivateKey::Ec { curve, d, point } => {
                let (x, y) = coordinates(point, curve.width());
                object(vec![("kty", Term::from("EC")), ("crv", Term::from(curve.name())), ("x", url(x)), ("y", url(y)), ("d", url(d))])
            }
            PrivateKey::Ed25519 { seed, public } => {
                object(vec![("kty", Term::from("OKP")), ("crv", Term::from("Ed25519")), ("x", url(public)), ("d", url(seed))])
            }
        }
    }
}
