//! Text of infrastructure as code to subjects: one module per language. Files are read through a `Tree`; nothing here touches a disk.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod chart;
pub mod dockerfile;
pub mod kubernetes;
pub mod plan;
pub mod suppress;
pub mod terraform;

use probity_core::Source;

/// All sources, in the order in which they claim files.
pub const SOURCES: &[&dyn Source] =
    &[&chart::ChartSource, &plan::PlanSource, &terraform::TerraformSource, &dockerfile::DockerfileSource, &kubernetes::KubernetesSource];
