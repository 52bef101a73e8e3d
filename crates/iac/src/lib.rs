//! Text of infrastructure as code to subjects: one module per language. Files are read through a `Tree`; nothing here touches a disk.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod arm;
mod azure;
pub mod chart;
mod ci;
pub mod cloudformation;
pub mod dockerfile;
pub mod edit;
pub mod github_actions;
pub mod kubernetes;
pub mod kustomize;
pub mod serverless;
mod shell;
pub mod suppress;
pub mod terraform;

use probity_core::Source;

/// All sources, in the order in which they claim files.
pub const SOURCES: &[&dyn Source] = &[
    &chart::ChartSource,
    &terraform::TerraformSource,
    &dockerfile::DockerfileSource,
    &github_actions::GithubActionsSource,
    &serverless::ServerlessSource,
    &cloudformation::CloudFormationSource,
    &arm::ArmSource,
    &kustomize::KustomizeSource,
    &kubernetes::KubernetesSource,
];
