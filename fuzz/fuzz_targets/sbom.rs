//! Any bytes as a bill of materials and as a VEX document; what was read is written in every format and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_sbom::vex::{self, Scope, Statements};
use probity_sbom::{Description, Format, read, write};

fuzz_target!(|data: &[u8]| {
    if let Ok(document) = read(data, "bill") {
        let about = Description { subject: document.subject.unwrap_or_default(), tool: "probity".into(), tool_version: "1".into(), time: document.time };
        for format in Format::ALL {
            let again = read(&write(*format, &document.inventory, &about), "again").unwrap();
            assert!(again.own);
            assert_eq!(again.inventory, document.inventory);
            assert_eq!(again.distribution, about.subject.distribution);
        }
    }
    if let Ok(vex) = vex::read(data, "vex") {
        for one in &vex.statements {
            for product in &one.products {
                let scope = Scope { subject: product.purl.as_ref(), bom: product.bom.as_deref() };
                let Some(package) = product.subcomponents.first().or(product.purl.as_ref()) else { continue };
                assert!(vex::verdict(&vex.statements, package, scope, &[&one.vulnerability]).is_some());
            }
        }
        let _ = Statements::new(vex.statements);
    }
});
