//! What is installed in a root file system or a container image: operating systems' packages, programs that carry a list of what they
//! were built from, and packages of languages.
//!
//! **Invariant:** bytes in, packages out; the caller opens files. What cannot be read is a problem with its place, never a shorter list
//! that looks whole.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod alpine;
mod arch;
mod binary;
mod blob;
mod catalogue;
mod debian;
mod distribution;
mod executable;
mod filesystem;
mod gem;
mod go_binary;
mod image;
mod java;
mod known;
mod layout;
mod node;
mod owners;
mod python;
mod rpm;
mod rust_binary;
mod sheet;

pub use blob::{Blob, FileBlob, Memory, Scratch, Store};
pub use catalogue::{Cataloguer, INSTALLED, catalogue_root};
pub use distribution::Distribution;
pub use filesystem::{Buried, FileSystem};
pub use image::{Choice, Image, ImageConfig, ImageError, ImageLayer, Options, read_image, read_root};
pub use layout::{ArchiveStore, ImageReference, images_of, open_archive};
pub use sheet::Root;
