//! Text of infrastructure as code to subjects: one module per language. Files are read through a `Tree`; nothing here touches a disk.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod arm;
mod azure;
pub mod azure_pipelines;
pub mod bicep;
pub mod bitbucket_pipelines;
mod ci;
pub mod circleci;
pub mod cloudformation;
pub mod compose;
pub mod dockerfile;
pub mod edit;
pub mod github_actions;
pub mod gitlab_ci;
pub mod helm;
pub mod jenkins;
pub mod kubernetes;
pub mod kustomize;
pub mod openapi;
pub mod plan;
pub mod serverless;
mod shell;
pub mod suppress;
pub mod terraform;

use probity_core::Source;

/// All sources, in the order in which they claim files.
pub const SOURCES: &[&dyn Source] = &[
    &helm::HelmSource,
    &plan::PlanSource,
    &terraform::TerraformSource,
    &dockerfile::DockerfileSource,
    &github_actions::GithubActionsSource,
    &gitlab_ci::GitlabCiSource,
    &circleci::CircleciSource,
    &bitbucket_pipelines::BitbucketPipelinesSource,
    &azure_pipelines::AzurePipelinesSource,
    &jenkins::JenkinsSource,
    &compose::ComposeSource,
    &openapi::OpenapiSource,
    &serverless::ServerlessSource,
    &cloudformation::CloudFormationSource,
    &bicep::BicepSource,
    &arm::ArmSource,
    &kustomize::KustomizeSource,
    &kubernetes::KubernetesSource,
];
