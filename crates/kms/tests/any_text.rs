//! Any text as the name of a key.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use probity_kms::Reference;
use proptest::prelude::*;

proptest! {
    /// It is read or refused, and what is read shows itself so that it names the same key again.
    #[test]
    fn any_text_is_read_or_refused(text in "(pkcs11:|awskms://|azurekms://|gcpkms://|hashivault://)[ -~é]{0,80}") {
        if let Ok(reference) = Reference::parse(&text) {
            let shown = reference.to_string();
            prop_assert_eq!(Reference::parse(&shown).unwrap().to_string(), shown);
        }
    }

    /// A PIN in a name is never shown, whether the name is good or not.
    #[test]
    fn a_pin_is_never_shown(before in "[a-z=;%]{0,12}", pin in "[0-9]{12,16}", after in "[a-z=&%]{0,12}") {
        for text in [format!("pkcs11:object={before}?pin-value={pin}&{after}"), format!("pkcs11:object=a?{before}&{pin}{after}")] {
            let shown = format!("{:?}", Reference::parse(&text));
            prop_assert!(!shown.contains(&pin), "{}", shown);
        }
    }
}
