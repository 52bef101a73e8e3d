//! What is written is read back unchanged, in every format.

mod common;

use common::{about, inventory};
use probity_sbom::{Format, canonical, read, write};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn there_and_back(inventory in inventory(), about in about(), format in proptest::sample::select(Format::ALL)) {
        let bytes = write(format, &inventory, &about);
        prop_assert_eq!(&bytes, &write(format, &canonical(&inventory), &about), "the order of the packages does not matter");
        let document = match read(&bytes, "bill") {
            Ok(document) => document,
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{}", String::from_utf8_lossy(&bytes)))),
        };
        prop_assert!(document.own);
        prop_assert_eq!(document.format, format);
        prop_assert_eq!(document.without_identity, 0);
        prop_assert_eq!(document.inventory, canonical(&inventory), "{}", String::from_utf8_lossy(&bytes));
        prop_assert_eq!(document.distribution.as_ref(), about.subject.distribution.as_ref());
        prop_assert_eq!(document.subject.as_ref(), Some(&about.subject), "{}", String::from_utf8_lossy(&bytes));
        if about.time.is_some() {
            prop_assert_eq!(document.time, about.time);
        }
    }
}
