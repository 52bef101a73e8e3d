//! Policies that speak of the signatures of images: ClusterImagePolicy of Sigstore's policy controller.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod cip;
pub mod cue;
mod demand;
mod fault;
mod image;

pub use demand::{Answer, By, Demand, Format, Github, Identity, Log, NoSupply, Proof, Root, Sought, Supply, Wanted};
pub use fault::Fault;
pub use image::{Glob, GlobError, ImageName, ImageNameError};
