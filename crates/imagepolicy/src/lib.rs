//! Policies that speak of the signatures of images: ClusterImagePolicy of Sigstore's policy controller,
//! `verifyImages` of Kyverno, and a short form of our own.
//!
//! A policy is read ([`cip`], [`kyverno`], [`own`]), and planned for an image ([`Planner`]): what has to be verified ([`Demand`]). The edge verifies, once for a
//! digest, and gives back what came of it ([`Answer`]). The plan then judges ([`Plan::judge`]).
//!
//! **Invariant:** nothing is fetched and no clock is read here; keys, texts, time and answers are handed in.
//! **Invariant:** what cannot be told is undecided and counts as a failure; it is never a pass.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod cip;
pub mod cue;
mod demand;
mod fault;
mod image;
pub mod kyverno;
pub mod own;
mod plan;
mod proofs;
mod texts;

pub use demand::{Answer, By, Demand, Format, Github, Identity, Log, NoSupply, Proof, Root, Sought, Supply, Wanted};
pub use fault::Fault;
pub use image::{Glob, GlobError, ImageName, ImageNameError};
pub use plan::{Decision, Facts, Occasion, Outcome, Plan, PlanError, Planner, PolicyOutcome, Reason, Verdict};
