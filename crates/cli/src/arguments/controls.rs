//! `probity controls`, and what of `probity evidence` asks about controls and changes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{CompareFormat, EvidencePlace, TableFormat};

/// Which controls.
#[derive(Debug, Args)]
pub(crate) struct WhichControls {
    /// Control, as nist-800-53r5/AC-2(1) or pci-dss-4.0.1/6.3.3; several with commas, or given several times
    #[arg(long, value_name = "ID", value_delimiter = ',', help_heading = "Controls")]
    pub(crate) control: Vec<String>,
    /// All controls of a framework; may be given several times. Without both, all controls there are
    #[arg(long, value_name = "ID", value_delimiter = ',', help_heading = "Controls")]
    pub(crate) framework: Vec<String>,
    /// Folder of more rules and frameworks; may be given several times
    #[arg(long, value_name = "DIR", help_heading = "Controls")]
    pub(crate) policies: Vec<PathBuf>,
}

/// Which records of which controls go into a pack.
#[derive(Debug, Args)]
pub(crate) struct PackArguments {
    #[command(flatten)]
    pub(crate) which: WhichControls,
    /// First day or moment of the window
    #[arg(long, value_name = "DATE", help_heading = "Controls")]
    pub(crate) from: Option<String>,
    /// Last day or moment of the window; without, now
    #[arg(long = "to", value_name = "DATE", help_heading = "Controls")]
    pub(crate) until: Option<String>,
    /// Days after which a proof is stale
    #[arg(long, value_name = "DAYS", default_value_t = 90, help_heading = "Controls")]
    pub(crate) max_age: u32,
    /// Folder of the register of exceptions; without, `.probity/exceptions` where it is there
    #[arg(long, value_name = "DIR", help_heading = "Controls")]
    pub(crate) exceptions: Option<PathBuf>,
}

impl PackArguments {
    /// Whether only a part of the log is to be written.
    pub(crate) fn is_asked_for(&self) -> bool {
        let controls = [&self.which.control, &self.which.framework].into_iter().any(|list| !list.is_empty());
        let rest =
            [&self.from, &self.until].into_iter().any(Option::is_some) || self.exceptions.is_some() || !self.which.policies.is_empty();
        controls || rest
    }
}

/// `probity evidence reconcile`.
#[derive(Debug, Args)]
pub(crate) struct ReconcileArguments {
    /// What was merged: a file of commit ids, one to a line, or a range of git; of a range every commit on the branch's own line counts
    #[arg(long, value_name = "FILE|BASE..HEAD")]
    pub(crate) merges: Option<String>,
    /// What was built: a file of digests, one to a line with its commit after it, or JSON with digest and commit
    #[arg(long, value_name = "FILE")]
    pub(crate) built: Option<PathBuf>,
    /// What runs: a file like that of --built
    #[arg(long, value_name = "FILE")]
    pub(crate) deployed: Option<PathBuf>,
    /// The repository that the commits lie in
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repository: PathBuf,
    /// Print only, record nothing
    #[arg(long)]
    pub(crate) no_record: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = CompareFormat::Human)]
    pub(crate) format: CompareFormat,
}

/// Parts of `probity controls`.
#[derive(Debug, Subcommand)]
pub(crate) enum ControlsCommand {
    /// List controls: ids, what they ask in our words, how many rules speak for them
    List {
        #[command(flatten)]
        which: WhichControls,
        /// How to print
        #[arg(long, value_enum, default_value_t = TableFormat::Table)]
        format: TableFormat,
    },
    /// Say for each control what proves it, how old that is, and what is open
    #[command(after_help = "Exit codes: 0 nothing is open or stale, 1 something is, 2 wrong use, 3 the log is refused.\n\
                            A control without evidence fails nothing here: other evidence than records may prove it.")]
    Posture(PostureArguments),
    /// List all changes that were judged, or draw a sample of them
    Population(PopulationArguments),
}

/// `probity controls posture`.
#[derive(Debug, Args)]
pub(crate) struct PostureArguments {
    #[command(flatten)]
    pub(crate) which: WhichControls,
    /// First day or moment of the window
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    /// Last day or moment of the window, to which ages are counted; without, now
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<String>,
    /// Days after which a proof is stale
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub(crate) max_age: u32,
    /// Folder of the register of exceptions; without, `.probity/exceptions` where it is there
    #[arg(long, value_name = "DIR")]
    pub(crate) exceptions: Option<PathBuf>,
    /// With the human format: also controls without evidence
    #[arg(long)]
    pub(crate) all: bool,
    /// Format
    #[arg(long, value_enum, default_value_t = PostureFormat::Human)]
    pub(crate) format: PostureFormat,
    /// File to write; without, standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: EvidencePlace,
}

/// Formats of the posture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PostureFormat {
    Human,
    Json,
    Csv,
    Xlsx,
    OscalComponent,
    OscalAssessmentResults,
    OscalPoam,
}

/// `probity controls population`.
#[derive(Debug, Args)]
pub(crate) struct PopulationArguments {
    /// First day or moment of the window
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    /// Last day or moment of the window; without, now
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<String>,
    /// Draw so many
    #[arg(long, value_name = "SIZE", requires = "seed")]
    pub(crate) sample: Option<usize>,
    /// What the drawing begins with; the same seed over the same records draws the same
    #[arg(long, value_name = "TEXT", requires = "sample")]
    pub(crate) seed: Option<String>,
    /// Folder of the register of exceptions; without, `.probity/exceptions` where it is there
    #[arg(long, value_name = "DIR")]
    pub(crate) exceptions: Option<PathBuf>,
    /// Format; a workbook holds the population, the sample and how it was drawn
    #[arg(long, value_enum, default_value_t = PopulationFormat::Csv)]
    pub(crate) format: PopulationFormat,
    /// File to write; without, standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: EvidencePlace,
}

/// Formats of the population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PopulationFormat {
    Csv,
    Xlsx,
}
