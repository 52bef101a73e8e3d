//! Text of infrastructure as code to subjects: one module per language. Files are read through a `Tree`; nothing here touches a disk.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod dockerfile;
pub mod helm;
pub mod kubernetes;
pub mod suppress;
pub mod terraform;
