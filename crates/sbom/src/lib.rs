//! Bills of materials: CycloneDX and SPDX, written and read, and what VEX documents say of vulnerabilities.
//!
//! **Invariant:** bytes in, bytes out: no disk, no network, no clock. The same packages give the same bytes, and reading those gives the
//! packages again ([`canonical`]), so that a target and its bill of materials are judged alike.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod bill;
mod cyclonedx;
mod document;
mod found;
mod hash;
pub mod licence;
mod read;
mod spdx;
mod subject;
mod text;
pub mod vex;

pub use bill::canonical;
pub use document::{Document, SbomError};
pub use read::{read, read_with};
pub use subject::{Description, Distribution, Subject, SubjectKind};

use probity_packages::Inventory;

/// A format of bills of materials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// CycloneDX as JSON.
    CycloneDxJson,
    /// CycloneDX as XML.
    CycloneDxXml,
    /// SPDX as JSON.
    SpdxJson,
    /// SPDX as tags and values.
    SpdxTags,
}

impl Format {
    /// All formats.
    pub const ALL: &'static [Format] = &[Format::CycloneDxJson, Format::CycloneDxXml, Format::SpdxJson, Format::SpdxTags];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::CycloneDxJson => "cyclonedx-json",
            Format::CycloneDxXml => "cyclonedx-xml",
            Format::SpdxJson => "spdx-json",
            Format::SpdxTags => "spdx-tag-value",
        }
    }
}

/// Writes a bill of materials: CycloneDX 1.6 or SPDX 2.3, always UTF-8 with a line break at the end.
#[must_use]
pub fn write(format: Format, inventory: &Inventory, about: &Description) -> Vec<u8> {
    let bill = bill::Bill::new(inventory, about);
    match format {
        Format::CycloneDxJson => pretty(&cyclonedx::json::write(&bill)),
        Format::CycloneDxXml => cyclonedx::xml::write(&bill).into_bytes(),
        Format::SpdxJson => pretty(&spdx::json::write(&bill)),
        Format::SpdxTags => spdx::tags::write(&bill).into_bytes(),
    }
}

fn pretty(value: &serde_json::Value) -> Vec<u8> {
    // Writing a value of texts, numbers, lists and objects to memory has nothing to fail on.
    let mut out = serde_json::to_vec_pretty(value).unwrap_or_default();
    out.push(b'\n');
    out
}

/// A time in seconds since 1970, as [`Description::time`] takes it; `None` where it is outside the years -9999 to 9999.
#[must_use]
pub fn timestamp(seconds: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(seconds).ok()
}
