//! The name of a key in a token: `pkcs11:token=T;object=O?module-path=/path/to/module.so` (RFC 7512, and Cosign's `slot-id`).

use std::fmt;
use std::path::PathBuf;

use crate::percent;
use crate::reference::ReferenceError;
use crate::secret::Secret;

/// What is known before the `?`.
const BEFORE: &str = "`token`, `serial`, `manufacturer`, `model`, `slot-id`, `object`, `id` and `type`";
/// What is known after it.
const AFTER: &str = "`module-path`, `pin-source` and `pin-value`";

/// Where a PIN comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PinSource {
    /// The name itself.
    Value(Secret),
    /// A file.
    File(PathBuf),
}

/// The name of a key in a token. Shown without its PIN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uri {
    pub(crate) token: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) slot: Option<u64>,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) object: Option<String>,
    pub(crate) module: Option<PathBuf>,
    pub(crate) pin: Option<PinSource>,
}

impl Uri {
    /// Reads such a name. Attributes that are not known are refused, but for vendors' (`x-...`) after the `?`: what narrows the choice
    /// of a key may not be passed over.
    ///
    /// # Errors
    /// [`ReferenceError`] for what is not understood, said twice, or leaves the key open.
    pub fn parse(text: &str) -> Result<Uri, ReferenceError> {
        let rest = text.strip_prefix("pkcs11:").ok_or_else(|| ReferenceError::new("it does not begin with `pkcs11:`"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Uri::default();
        for (name, value) in attributes(path, ';')? {
            uri.path_attribute(name, value)?;
        }
        for (name, value) in attributes(query, '&')? {
            uri.query_attribute(name, value)?;
        }
        if uri.id.is_none() && uri.object.is_none() {
            return Err(ReferenceError::new("it names no key: give `object=LABEL` or `id=%01`"));
        }
        Ok(uri)
    }

    fn path_attribute(&mut self, name: &str, value: &str) -> Result<(), ReferenceError> {
        let to_text = || percent::decode_text(value).filter(|text| !text.is_empty()).ok_or_else(|| wrong(name));
        match name {
            "token" => once(name, &mut self.token, to_text()?),
            "manufacturer" => once(name, &mut self.manufacturer, to_text()?),
            "serial" => once(name, &mut self.serial, to_text()?),
            "model" => once(name, &mut self.model, to_text()?),
            "object" => once(name, &mut self.object, to_text()?),
            "id" => once(name, &mut self.id, percent::decode(value).filter(|id| !id.is_empty()).ok_or_else(|| wrong(name))?),
            "slot-id" => once(name, &mut self.slot, value.parse().map_err(|_| wrong(name))?),
            // Whichever half is named, the pair is meant.
            "type" if matches!(value, "private" | "public") => Ok(()),
            "type" => Err(ReferenceError::new("its `type` is neither `private` nor `public`")),
            // It is not repeated: a PIN that was not encoded may have got here.
            _ => Err(ReferenceError::new(format!("before the `?` there is an attribute that is not known; known are {BEFORE}"))),
        }
    }

    fn query_attribute(&mut self, name: &str, value: &str) -> Result<(), ReferenceError> {
        let to_text = || percent::decode_text(value).filter(|text| !text.is_empty()).ok_or_else(|| wrong(name));
        match name {
            "module-path" => {
                let path = PathBuf::from(to_text()?);
                if !path.is_absolute() {
                    return Err(ReferenceError::new("`module-path` is not absolute"));
                }
                once(name, &mut self.module, path)
            }
            "pin-value" => once(name, &mut self.pin, PinSource::Value(Secret::new(to_text()?))),
            "pin-source" => {
                let place = to_text()?;
                let path = place.strip_prefix("file:").unwrap_or(&place);
                let path = path.strip_prefix("//localhost").or_else(|| path.strip_prefix("//")).unwrap_or(path);
                if !path.starts_with('/') {
                    return Err(ReferenceError::new("`pin-source` is no `file:/PATH`; programs are not run"));
                }
                once(name, &mut self.pin, PinSource::File(path.into()))
            }
            "module-name" => Err(ReferenceError::new("`module-name` is not looked up; give `module-path=/PATH`")),
            _ if name.starts_with("x-") => Ok(()),
            _ => Err(ReferenceError::new(format!("after the `?` there is an attribute that is not known; known are {AFTER}"))),
        }
    }
}

fn wrong(name: &str) -> ReferenceError {
    ReferenceError::new(format!("the value of `{name}` cannot be read"))
}

fn once<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), ReferenceError> {
    if place.is_some() {
        return Err(ReferenceError::new(format!("`{name}` is said twice, or in two ways")));
    }
    *place = Some(value);
    Ok(())
}

/// The attributes of a part. What stands between the separators may be a PIN, and is not shown where it is wrong.
fn attributes(part: &str, separator: char) -> Result<Vec<(&str, &str)>, ReferenceError> {
    let named = |attribute: &'_ str| -> bool {
        !attribute.is_empty() && attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let mut found = Vec::new();
    for attribute in part.split(separator).filter(|attribute| !attribute.is_empty()) {
        match attribute.split_once('=') {
            Some((name, value)) if named(name) => found.push((name, value)),
            _ => return Err(ReferenceError::new(format!("between `{separator}` there is something that is no NAME=VALUE"))),
        }
    }
    Ok(found)
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said: Vec<(&str, String)> = Vec::new();
        let texts = [
            ("token", &self.token),
            ("manufacturer", &self.manufacturer),
            ("serial", &self.serial),
            ("model", &self.model),
            ("object", &self.object),
        ];
        said.extend(texts.iter().filter_map(|(name, text)| text.as_ref().map(|text| (*name, percent::encode(text.as_bytes())))));
        said.extend(self.slot.map(|slot| ("slot-id", slot.to_string())));
        said.extend(self.id.as_ref().map(|id| ("id", percent::encode(id))));
        let said: Vec<String> = said.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "pkcs11:{}", said.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read() {
        let text =
            "pkcs11:token=My%20token;slot-id=7;id=%01%a2;object=release;type=private?module-path=/usr/lib/m.so&pin-value=12%2034&x-a=b";
        let uri = Uri::parse(text).unwrap();
        let expected = Uri {
            token: Some("My token".into()),
            slot: Some(7),
            id: Some(vec![1, 0xa2]),
            object: Some("release".into()),
            module: Some("/usr/lib/m.so".into()),
            pin: Some(PinSource::Value(Secret::new("12 34"))),
            ..Uri::default()
        };
        assert_eq!(uri, expected);
        assert_eq!(uri.to_string(), "pkcs11:token=My%20token;object=release;slot-id=7;id=%01%A2");
        for shown in [uri.to_string(), format!("{uri:?}"), format!("{uri:#?}")] {
            assert!(!shown.contains("12") || !shown.contains("34"), "{shown}");
        }
    }

    #[test]
    fn a_pin_comes_from_a_file_in_any_spelling() {
        for source in ["file:/run/pin", "file:///run/pin", "file://localhost/run/pin", "/run/pin", "file:%2Frun%2Fpin"] {
            let uri = Uri::parse(&format!("pkcs11:object=a?pin-source={source}")).unwrap();
            assert_eq!(uri.pin, Some(PinSource::File("/run/pin".into())), "{source}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_no_pin_is_shown() {
        let check = |text: &str, says: &str| {
            let error = Uri::parse(text).unwrap_err();
            assert!(error.why.contains(says), "{text}: {error}");
            assert!(!error.why.contains("4711"), "{error}");
        };
        check("pkcs11:", "names no key");
        check("pkcs11:token=a?pin-value=4711", "names no key");
        check("pkcs11:object=a;object=b", "`object` is said twice");
        check("pkcs11:object=a?pin-value=4711&pin-source=file:/a", "`pin-source` is said twice, or in two ways");
        check("pkcs11:object=a;type=cert", "`type`");
        check("pkcs11:object=a;slot-id=x", "`slot-id` cannot be read");
        check("pkcs11:object=a;library-version=1", "before the `?` there is an attribute that is not known");
        check("pkcs11:object=a?pin-vlaue=4711", "known are `module-path`, `pin-source` and `pin-value`");
        check("pkcs11:object=a?pin-value=1&4711=", "after the `?` there is an attribute that is not known");
        check("pkcs11:object=a?4711", "no NAME=VALUE");
        check("pkcs11:object=a?pin-value=4711%", "`pin-value` cannot be read");
        check("pkcs11:object=%ff", "`object` cannot be read");
        check("pkcs11:object=a?module-path=libsofthsm2.so", "not absolute");
        check("pkcs11:object=a?module-name=softhsm2", "`module-path=/PATH`");
        check("pkcs11:object=a?pin-source=|/bin/pin", "programs are not run");
        check("pkcs11:object=a?pin-source=pin", "programs are not run");
    }
}
