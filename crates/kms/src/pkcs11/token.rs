//! A conversation with one token: which, signing in, finding the pair of keys, signing.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use probity_attest::keys::{Algorithm, PublicKey};
use probity_attest::{VerifyingKey, sha256};

use super::uri::{PinSource, Uri};
use crate::ecdsa;
use crate::error::{KmsError, told};
use crate::key::Backend;
use crate::secret::Secret;
use crate::surroundings::Surroundings;

/// Variables that may name the module; the first that is set counts.
const MODULE_VARIABLES: [&str; 2] = ["PROBITY_PKCS11_MODULE_PATH", "COSIGN_PKCS11_MODULE_PATH"];
/// Variables that may hold the PIN; the first that is set counts.
const PIN_VARIABLES: [&str; 2] = ["PROBITY_PKCS11_PIN", "COSIGN_PKCS11_PIN"];

/// What stands before the digest in what RSA signs (RFC 8017, section 9.2, note 1): DigestInfo of SHA-256.
const DIGEST_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];
/// DER of the name of P-256: 1.2.840.10045.3.1.7.
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// DER of the names of Ed25519: 1.3.101.112, its older one, and its name as a text (PKCS#11 3.0, section 2.3.10).
const ED25519: [&[u8]; 3] =
    [&[0x06, 0x03, 0x2b, 0x65, 0x70], &[0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01], b"\x13\x0cedwards25519"];

/// A token that was signed in to, and the key in it that signs.
pub(crate) struct Token {
    /// One conversation, one thing at a time.
    session: Mutex<Session>,
    key: ObjectHandle,
}

/// Signs in, and finds the key that signs and its public half.
pub(crate) fn open(uri: &Uri, surroundings: &dyn Surroundings) -> Result<(PublicKey, Token), KmsError> {
    let (session, info) = session(uri, surroundings)?;
    sign_in(&session, &info, uri, surroundings)?;
    let key = one(&session, uri, ObjectClass::PRIVATE_KEY, "private key")?;
    let always = read(&session, key, AttributeType::AlwaysAuthenticate)?;
    if matches!(always, Some(Attribute::AlwaysAuthenticate(true))) {
        return Err(KmsError::Key("it wants its PIN before each signature, which is not supported".to_owned()));
    }
    let public = public_half(&session, uri, key)?;
    Ok((public, Token { session: Mutex::new(session), key }))
}

/// Finds a public key, without signing in.
pub(crate) fn public_key(uri: &Uri, surroundings: &dyn Surroundings) -> Result<PublicKey, KmsError> {
    let (session, _) = session(uri, surroundings)?;
    let object = one(&session, uri, ObjectClass::PUBLIC_KEY, "public key")?;
    read_public(&session, object)
}

impl Backend for Token {
    fn sign(&self, message: &[u8], key: &PublicKey) -> Result<Vec<u8>, KmsError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let sign =
            |mechanism: &Mechanism<'_>, bytes: &[u8]| session.sign(mechanism, self.key, bytes).map_err(|error| failed("signing", &error));
        match key.algorithm() {
            Algorithm::EcdsaP256Sha256 => {
                let pair = sign(&Mechanism::Ecdsa, &sha256(message).0)?;
                let odd = || KmsError::Token { doing: "signing", why: format!("the signature has {} bytes and not 64", pair.len()) };
                ecdsa::to_der(&pair).ok_or_else(odd)
            }
            Algorithm::RsaPkcs1Sha256 => sign(&Mechanism::RsaPkcs, &[DIGEST_INFO.as_slice(), &sha256(message).0].concat()),
            Algorithm::Ed25519 => sign(&Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)), message),
        }
    }
}

/// A conversation with the token that is named, not signed in to yet.
fn session(uri: &Uri, surroundings: &dyn Surroundings) -> Result<(Session, TokenInfo), KmsError> {
    let module = module(uri, surroundings)?;
    let shown = format!("the PKCS#11 module `{}`", module.display());
    let client = Pkcs11::new(&module).map_err(|error| match error {
        Error::LibraryLoading(error) => KmsError::setting(&*shown, format!("it cannot be loaded: {error}")),
        error => KmsError::setting(&*shown, format!("it is no PKCS#11 module: {}", why(&error))),
    })?;
    match client.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(KmsError::setting(shown, format!("it does not start: {}", why(&error)))),
    }
    let (slot, info) = token(&client, uri)?;
    let session = client.open_ro_session(slot).map_err(|error| failed("opening a session", &error))?;
    Ok((session, info))
}

fn module(uri: &Uri, surroundings: &dyn Surroundings) -> Result<PathBuf, KmsError> {
    if let Some(path) = &uri.module {
        return Ok(path.clone());
    }
    for name in MODULE_VARIABLES {
        if let Some(path) = surroundings.variable(name).map(PathBuf::from) {
            return if path.is_absolute() { Ok(path) } else { Err(KmsError::setting(format!("`{name}`"), "the path is not absolute")) };
        }
    }
    Err(KmsError::Missing {
        what: "the PKCS#11 module",
        hint: "say `?module-path=/PATH/TO/MODULE.so` in the name of the key, or set `PROBITY_PKCS11_MODULE_PATH`",
    })
}

/// The one token that fits.
fn token(client: &Pkcs11, uri: &Uri) -> Result<(Slot, TokenInfo), KmsError> {
    let slots = client.get_slots_with_initialized_token().map_err(|error| failed("listing tokens", &error))?;
    let mut fitting = Vec::new();
    let mut there = Vec::new();
    for slot in slots {
        let info = client.get_token_info(slot).map_err(|error| failed("describing itself", &error))?;
        let fits = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let is_it = fits(&uri.token, info.label())
            && fits(&uri.manufacturer, info.manufacturer_id())
            && fits(&uri.serial, info.serial_number())
            && fits(&uri.model, info.model())
            && uri.slot.is_none_or(|wanted| wanted == slot.id());
        there.push(format!("`{}`", info.label()));
        if is_it {
            fitting.push((slot, info));
        }
    }
    match (fitting.pop(), fitting.len()) {
        (Some(found), 0) => Ok(found),
        (None, _) if there.is_empty() => Err(KmsError::NotFound("the module knows no token".to_owned())),
        (None, _) => Err(KmsError::NotFound(told(&format!("there is no such token; there are: {}", there.join(", "))))),
        (Some(_), others) => Err(KmsError::NotFound(format!("{} tokens fit; name one by its `token`, `serial` or `slot-id`", others + 1))),
    }
}

/// Signs in, where the token wants that. INVARIANT: a PIN is tried once.
fn sign_in(session: &Session, info: &TokenInfo, uri: &Uri, surroundings: &dyn Surroundings) -> Result<(), KmsError> {
    if !info.login_required() {
        return Ok(());
    }
    if info.user_pin_locked() {
        return Err(KmsError::Pin("it is locked"));
    }
    let pin = match pin(info.label(), uri, surroundings)? {
        Some(pin) => Some(AuthPin::from(pin.reveal().to_owned())),
        // Its own keys are pressed.
        None if info.protected_authentication_path() => None,
        None => {
            return Err(KmsError::Missing {
                what: "the PIN of the token",
                hint: "set `PROBITY_PKCS11_PIN`, or say `pin-source=file:/PATH` in the name of the key",
            });
        }
    };
    match session.login(UserType::User, pin.as_ref()) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) if info.user_pin_final_try() => {
            Err(KmsError::Pin("it is wrong, and that was the last try"))
        }
        Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => Err(KmsError::Pin("it is wrong")),
        Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(KmsError::Pin("it is locked")),
        Err(Error::Pkcs11(RvError::PinExpired, _)) => Err(KmsError::Pin("it has expired")),
        Err(error) => Err(failed("signing in", &error)),
    }
}

fn pin(token: &str, uri: &Uri, surroundings: &dyn Surroundings) -> Result<Option<Secret>, KmsError> {
    match &uri.pin {
        Some(PinSource::Value(pin)) => return Ok(Some(pin.clone())),
        Some(PinSource::File(path)) => {
            let what = || format!("the PIN in `{}`", path.display());
            let bytes = surroundings.file(path).map_err(|error| KmsError::setting(what(), format!("it cannot be read: {error}")))?;
            let text = std::str::from_utf8(&bytes).map_err(|_| KmsError::setting(what(), "it is no text"))?;
            let text = text.strip_suffix('\n').unwrap_or(text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            if text.is_empty() || text.contains('\n') {
                return Err(KmsError::setting(what(), "it is not one line"));
            }
            return Ok(Some(Secret::new(text)));
        }
        None => {}
    }
    let known = PIN_VARIABLES.iter().find_map(|name| surroundings.variable(name)).map(Secret::new);
    Ok(known.or_else(|| surroundings.ask_pin(&told(token))))
}

/// The one object of a class that fits.
fn one(session: &Session, uri: &Uri, class: ObjectClass, name: &str) -> Result<ObjectHandle, KmsError> {
    let mut template = vec![Attribute::Class(class)];
    template.extend(uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(uri.id.clone().map(Attribute::Id));
    let mut found = find(session, &template)?;
    match (found.pop(), found.len()) {
        (Some(object), 0) => Ok(object),
        (None, _) => Err(KmsError::NotFound(format!("the token holds no such {name}"))),
        (Some(_), others) => Err(KmsError::NotFound(format!("the token holds {} of that name; name one {name} by its `id`", others + 1))),
    }
}

fn find(session: &Session, template: &[Attribute]) -> Result<Vec<ObjectHandle>, KmsError> {
    session.find_objects(template).map_err(|error| failed("finding the key", &error))
}

/// The public half of a private key: the object of the same id and label, else what the private key tells of itself.
fn public_half(session: &Session, uri: &Uri, key: ObjectHandle) -> Result<PublicKey, KmsError> {
    let mut template = vec![Attribute::Class(ObjectClass::PUBLIC_KEY)];
    match read(session, key, AttributeType::Id)? {
        Some(Attribute::Id(id)) if !id.is_empty() => template.push(Attribute::Id(id)),
        _ => template.extend(uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes()))),
    }
    match find(session, &template)?.as_slice() {
        [object] => read_public(session, *object),
        [] => read_public(session, key).map_err(|error| match error {
            KmsError::Key(why) if why == UNTOLD => KmsError::NotFound("the token holds no public key beside the private one".to_owned()),
            error => error,
        }),
        _ => Err(KmsError::NotFound("the token holds several public keys of the same id".to_owned())),
    }
}

const UNTOLD: &str = "the token does not tell its public half";

/// The public key that an object holds.
fn read_public(session: &Session, object: ObjectHandle) -> Result<PublicKey, KmsError> {
    let untold = || KmsError::Key(UNTOLD.to_owned());
    let unusable = |error: probity_attest::keys::PublicKeyError| KmsError::Key(error.to_string());
    let Some(Attribute::KeyType(kind)) = read(session, object, AttributeType::KeyType)? else { return Err(untold()) };
    if kind == KeyType::RSA {
        let modulus = read(session, object, AttributeType::Modulus)?;
        let exponent = read(session, object, AttributeType::PublicExponent)?;
        return match (modulus, exponent) {
            (Some(Attribute::Modulus(modulus)), Some(Attribute::PublicExponent(exponent))) => {
                PublicKey::from_rsa_numbers(&modulus, &exponent).map_err(unusable)
            }
            _ => Err(untold()),
        };
    }
    if kind != KeyType::EC && kind != KeyType::EC_EDWARDS {
        return Err(KmsError::Key("it is for another algorithm; supported are ECDSA P-256, Ed25519 and RSA".to_owned()));
    }
    let Some(Attribute::EcParams(curve)) = read(session, object, AttributeType::EcParams)? else { return Err(untold()) };
    let Some(Attribute::EcPoint(point)) = read(session, object, AttributeType::EcPoint)? else { return Err(untold()) };
    if curve == P256 {
        // An OCTET STRING around the point (PKCS#11, section 2.3.5); some tokens leave it away.
        let point = point.strip_prefix(&[0x04, 65]).filter(|point| point.len() == 65).unwrap_or(&point);
        return PublicKey::from_p256_point(point).map_err(unusable);
    }
    if ED25519.contains(&curve.as_slice()) {
        let raw = point.strip_prefix(&[0x04, 32]).filter(|raw| raw.len() == 32).unwrap_or(&point);
        let raw = <[u8; 32]>::try_from(raw).map_err(|_| KmsError::Key("its public half is damaged".to_owned()))?;
        return Ok(VerifyingKey::from_raw(raw).into());
    }
    Err(KmsError::Key("it is on another curve; supported are P-256 and Ed25519".to_owned()))
}

/// An attribute, where the object has it and tells it.
fn read(session: &Session, object: ObjectHandle, kind: AttributeType) -> Result<Option<Attribute>, KmsError> {
    let read = session.get_attributes(object, &[kind]).map_err(|error| failed("describing the key", &error))?;
    Ok(read.into_iter().next())
}

fn failed(doing: &'static str, error: &Error) -> KmsError {
    KmsError::Token { doing, why: why(error) }
}

/// What a module says, in the standard's names: its sentences are long.
fn why(error: &Error) -> String {
    match error {
        Error::Pkcs11(value, function) => format!("{value:?} ({function:?})"),
        error => told(&error.to_string()),
    }
}
