//! The command line as data. What it means is in `commands`.

mod controls;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use probity_attest::keys::KeyType;
use probity_core::ExceptionKind;
use probity_store::Period;

pub(crate) use controls::{
    ControlsCommand, PackArguments, PopulationArguments, PopulationFormat, PostureArguments, PostureFormat, ReconcileArguments,
    WhichControls,
};

use crate::commands::trust::TrustCommand;
use crate::keyless::SigningArguments;

/// Security guardrails for regulated software teams: collect, evaluate, decide, record.
#[derive(Debug, Parser)]
#[command(name = "probity", version, arg_required_else_help = true, disable_help_subcommand = true, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 green or done, 1 red, 2 wrong use or configuration, 3 could not decide or record, 4 nothing to look at.\n\
                        Standard output is data, standard error is talk."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan, decide and record: the main job of a pipeline
    Gate(Box<GateArguments>),
    /// Find and print; never fails on findings
    Scan(ScanArguments),
    /// Accept today's findings until a date, so that only new ones count
    Baseline(BaselineArguments),
    /// Put our findings beside another tool's and explain every difference
    Compare(CompareArguments),
    /// Say what a rule looks for, why, and what to do
    Explain(ExplainArguments),
    /// Mend findings in the source, and keep only edits that hold
    Fix(FixArguments),
    /// Judge files by given policies: Rego, Kyverno, Gatekeeper, admission policies, our own rules
    Eval(EvalArguments),
    /// Run the tests of policies: kyverno-test.yaml, Gatekeeper suites, Rego tests, our own
    Test(TestArguments),
    /// List or check the rules
    Policies {
        #[command(subcommand)]
        command: PoliciesCommand,
    },
    /// Look for credentials: in a folder, in what is staged, in commits, in the whole history
    Secrets(SecretsArguments),
    /// Compare packages with advisories of known holes; build and describe the database of them
    Vulns(VulnsArguments),
    /// Write a bill of materials: CycloneDX 1.6 or SPDX 2.3
    Sbom(SbomArguments),
    /// Say which folders, images and bills of materials hold a package
    Where(WhereArguments),
    /// Learn whom to trust
    Trust {
        #[command(subcommand)]
        command: TrustCommand,
    },
    /// Verify who signed a file or an image
    Verify(VerifyArguments),
    /// Verify as the client of sigstore-conformance does
    #[command(hide = true)]
    VerifyBundle(VerifyBundleArguments),
    /// Write and sign an exception for a finding
    Accept(AcceptArguments),
    /// Sign a file or an image with a key or for an identity: a Sigstore bundle
    Sign(SignArguments),
    /// Say something about a file or an image, and sign it: an in-toto statement in a Sigstore bundle
    Attest(AttestArguments),
    /// Make keys for signing, and print their public halves
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Record a command, or look into the evidence: run, list, show, prove, verify, export, reconcile, seal, replay, append
    Evidence {
        #[command(subcommand)]
        command: EvidenceCommand,
    },
    /// Say where controls of frameworks stand by the evidence, and write it for auditors
    Controls {
        #[command(subcommand)]
        command: ControlsCommand,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
    /// Print a generated part of the reference
    #[command(hide = true)]
    Reference {
        /// Which part
        part: ReferencePart,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ReferencePart {
    Rules,
    Controls,
    CommandLine,
}

/// What to read and which rules to judge by; the same for every command that looks at files.
#[derive(Debug, Args)]
pub(crate) struct ReadingArguments {
    /// Report of another scanner to take in: SARIF 2.1.0, or a form of its own, which its content tells (FORMAT is for reports that may
    /// be empty); may be given several times
    #[arg(
        long = "report",
        visible_alias = "with",
        alias = "sarif",
        value_name = "[FORMAT=]FILE",
        value_parser = parse_report,
        help_heading = "Reading"
    )]
    pub(crate) reports: Vec<ReportFile>,
    /// Terraform variable file, relative to PATH; may be given several times, later ones win
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub(crate) var_file: Vec<String>,
    /// Value of `terraform.workspace`
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(crate) workspace: Option<String>,
    /// Largest file that is read, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 16, help_heading = "Reading")]
    pub(crate) max_file_size: u64,
    /// Database of advisories; without one the configured one, else the user's (`probity vulns build`), else the one built in
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub(crate) advisories: Option<PathBuf>,
    /// Statements on exploitability (OpenVEX, CycloneDX, CSAF) beside those the configuration names; may be given several times
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub(crate) vex: Vec<PathBuf>,
    /// Key by which secrets are known again (16 bytes or more); without one, what could be guessed is known by its place
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub(crate) fingerprint_key: Option<PathBuf>,
    /// Configuration from outside, in place of the repository's `probity.yaml`
    #[arg(long, value_name = "FILE", help_heading = "Policies")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of more rules; may be given several times
    #[arg(long, value_name = "DIR", help_heading = "Policies")]
    pub(crate) policies: Vec<PathBuf>,
    /// Judge by this rule only (id or alias); may be given several times
    #[arg(long, value_name = "ID", help_heading = "Policies")]
    pub(crate) rule: Vec<String>,
}

/// What was built from the folder and is judged with it.
#[derive(Debug, Args)]
pub(crate) struct BuiltArguments {
    /// Judge an image with the folder: REGISTRY/REPOSITORY:TAG or @DIGEST, an OCI layout or an archive; may be given several times
    #[arg(long = "image", value_name = "IMAGE", help_heading = "Images")]
    pub(crate) images: Vec<PathBuf>,
    /// Judge a file that was built with the folder; may be given several times
    #[arg(long = "artifact", value_name = "FILE", help_heading = "Images")]
    pub(crate) artifacts: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) image: ImageArguments,
}

/// Which image, and how registries are asked.
#[derive(Debug, Args)]
pub(crate) struct ImageArguments {
    /// Image to take of several; without, that for linux/amd64, else the first
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", help_heading = "Images")]
    pub(crate) platform: Option<probity_registry::Platform>,
    /// Seconds a registry may take for an answer, or to go on with a layer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Images")]
    pub(crate) registry_timeout: u64,
    /// Certificates (PEM) of authorities to trust beside those of the system; may be given several times
    #[arg(long, value_name = "FILE", help_heading = "Images")]
    pub(crate) registry_ca: Vec<PathBuf>,
    /// Ask another registry in place of one, as docker.io=mirror.example/hub; may be given several times
    #[arg(long, value_name = "HOST=HOST[/PATH]", help_heading = "Images")]
    pub(crate) registry_mirror: Vec<probity_registry::Mirror>,
    /// Ask registries without TLS; those on this machine are asked so anyway
    #[arg(long, help_heading = "Images")]
    pub(crate) plain_http: bool,
}

impl Default for ImageArguments {
    fn default() -> ImageArguments {
        ImageArguments { platform: None, registry_timeout: 30, registry_ca: Vec::new(), registry_mirror: Vec::new(), plain_http: false }
    }
}

/// `probity secrets`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SecretsArguments {
    #[command(subcommand)]
    pub(crate) command: Option<SecretsCommand>,
    /// Folder, file or image on disk to look into, or an image in a registry: REGISTRY/REPOSITORY:TAG or @DIGEST, registry:NAME
    #[arg(value_name = "PATH|IMAGE", default_value = ".")]
    pub(crate) path: PathBuf,
    /// Only what is staged for the next commit
    #[arg(long, conflicts_with_all = ["range", "history"])]
    pub(crate) staged: bool,
    /// Only what commits brought: BASE..HEAD, or BASE for all since it
    #[arg(long, value_name = "BASE[..HEAD]", conflicts_with = "history")]
    pub(crate) range: Option<String>,
    /// The whole history: every version of every file on every branch and tag
    #[arg(long)]
    pub(crate) history: bool,
    /// With `--history`: objects that no branch or tag reaches as well
    #[arg(long, requires = "history")]
    pub(crate) unreachable: bool,
    /// With `--history`: look at everything again, also at what was clean before
    #[arg(long, requires = "history")]
    pub(crate) no_cache: bool,
    /// How deep archives are opened within each other; 0 leaves them closed. Without, as configured, else 8
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) max_archive_depth: Option<u8>,
    /// How many times encoded (base64, hexadecimal digits, percent-encoding) a value is decoded; 0 takes it as it stands. Without, as
    /// configured, else 3
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) max_decode_depth: Option<u8>,
    #[command(flatten)]
    pub(crate) image: ImageArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    #[command(flatten)]
    pub(crate) printing: PrintingArguments,
}

/// Parts of `probity secrets`.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Install a pre-commit hook that looks at what is staged
    InstallHook {
        /// Folder of the repository
        #[arg(value_name = "PATH", default_value = ".")]
        path: PathBuf,
    },
}

/// `probity sbom`.
#[derive(Debug, Args)]
pub(crate) struct SbomArguments {
    /// Folder or image on disk to list, an image in a registry (REGISTRY/REPOSITORY:TAG or @DIGEST, registry:NAME), or another bill of
    /// materials to write in this format
    #[arg(value_name = "PATH|IMAGE", default_value = ".")]
    pub(crate) path: PathBuf,
    /// Format
    #[arg(long, value_name = "FORMAT", default_value = "cyclonedx-json", value_parser = bill_format)]
    pub(crate) format: probity_sbom::Format,
    /// File to write; without, standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Name of what it is about; without, the folder's
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Version of what it is about
    #[arg(long = "subject-version", value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Say when it was written; without, the same packages give the same bytes
    #[arg(long)]
    pub(crate) with_time: bool,
    /// Largest file that is read, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 16)]
    pub(crate) max_file_size: u64,
    #[command(flatten)]
    pub(crate) image: ImageArguments,
}

fn bill_format(text: &str) -> Result<probity_sbom::Format, String> {
    let names: Vec<&str> = probity_sbom::Format::ALL.iter().map(|format| format.name()).collect();
    let known = probity_sbom::Format::ALL.iter().copied().find(|format| format.name() == text);
    known.ok_or_else(|| format!("there are {}", names.join(", ")))
}

/// `probity where`.
#[derive(Debug, Args)]
pub(crate) struct WhereArguments {
    /// Package: `lodash`, `lodash@4.17.20`, `npm/lodash`, or a package URL, with `*` for any letters
    #[arg(value_name = "PACKAGE[@VERSION]")]
    pub(crate) package: String,
    /// Folders of bills of materials, lock files or both
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folders: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub(crate) format: TableFormat,
}

/// How a list is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    Table,
    Json,
}

/// `probity vulns`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct VulnsArguments {
    #[command(subcommand)]
    pub(crate) command: Option<VulnsCommand>,
    /// Folder, file or image on disk to look into, or an image in a registry: REGISTRY/REPOSITORY:TAG or @DIGEST, registry:NAME
    #[arg(value_name = "PATH|IMAGE", default_value = ".")]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) image: ImageArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    #[command(flatten)]
    pub(crate) printing: PrintingArguments,
}

/// Parts of `probity vulns`.
#[derive(Debug, Subcommand)]
pub(crate) enum VulnsCommand {
    /// Build a database from folders and files of advisories: OSV, RustSec, CISA's KEV, EPSS
    Build {
        /// Folders, files and archives of them (zip, tar, gzip, zstd); each is a source with its own date and licence
        #[arg(value_name = "FROM", required = true)]
        from: Vec<PathBuf>,
        /// Where to write it; without, where every later run of this user looks for it
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Only advisories at least this bad, besides those that are used and those of packages meant to harm
        #[arg(long, value_name = "SEVERITY", value_parser = severity)]
        at_least: Option<probity_core::Severity>,
        /// Only of these ecosystems, as OSV names them; may be given several times
        #[arg(long = "ecosystem", value_name = "NAME")]
        ecosystems: Vec<String>,
        /// Leave descriptions out
        #[arg(long)]
        brief: bool,
        /// SSH private key (OpenSSH format, without passphrase) that signs it: FILE.sig is written beside it
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Say what the database that counts holds: sources, their age, ecosystems
    About {
        /// Database; without one the user's, else the one built in
        #[arg(long, value_name = "FILE")]
        advisories: Option<PathBuf>,
    },
}

fn severity(text: &str) -> Result<probity_core::Severity, String> {
    text.parse().map_err(|error: probity_core::UnknownWord| error.to_string())
}

/// A report of another scanner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportFile {
    /// The name of its format, where it was given.
    pub(crate) format: Option<&'static str>,
    /// Where it lies.
    pub(crate) path: PathBuf,
}

impl ReportFile {
    /// A report in a format of a name; one that nobody knows is as if none was given.
    pub(crate) fn new(format: Option<&str>, path: PathBuf) -> ReportFile {
        ReportFile { format: format.and_then(|given| probity_formats::reports::names().find(|name| *name == given)), path }
    }
}

/// `FILE`, or `FORMAT=FILE` where the first part is the name of a format.
#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
fn parse_report(text: &str) -> Result<ReportFile, String> {
    if let Some((format, path)) = text.split_once('=') {
        let report = ReportFile::new(Some(format), path.into());
        if report.format.is_some() {
            return Ok(report);
        }
    }
    Ok(ReportFile::new(None, text.into()))
}

/// How to print.
#[derive(Debug, Args)]
pub(crate) struct PrintingArguments {
    /// How to print to standard output
    #[arg(long, value_enum, default_value_t = FormatName::Human, help_heading = "Output")]
    pub(crate) format: FormatName,
    /// Also write to a file, as `sarif=report.sarif`; may be given several times
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_output, help_heading = "Output")]
    pub(crate) output: Vec<(FormatName, PathBuf)>,
    /// Which results to show beside findings
    #[arg(long, value_enum, default_value_t = Show::Findings, help_heading = "Output")]
    pub(crate) show: Show,
    /// Print no more than must be said
    #[arg(long, short, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Colour; `auto` looks at the terminal and at `NO_COLOR`
    #[arg(long, value_enum, default_value_t = When::Auto, value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    Human,
    Json,
    Sarif,
    Junit,
    Github,
    Gitlab,
    Markdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    Findings,
    Pass,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

fn parse_output(text: &str) -> Result<(FormatName, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("write it as FORMAT=FILE, for example sarif=report.sarif")?;
    if file.is_empty() {
        return Err("the file after `=` is missing".to_owned());
    }
    Ok((FormatName::from_str(format, true)?, file.into()))
}

/// Where evidence goes and who signs it.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct EvidencePlace {
    /// Folder of the evidence log, a bucket that many write (s3://BUCKET/PREFIX), or `none`; the user's state folder where not given
    #[arg(long, value_name = "DIR|URL|none", help_heading = "Evidence")]
    pub(crate) evidence: Option<String>,
    /// Private key that signs records: a file (Ed25519, PKCS#8 PEM), env://NAME for a variable that holds it, or the name of an Ed25519 key
    /// that lies elsewhere (pkcs11:, awskms://); one is made on first use where not given
    #[arg(long, value_name = "KEY", help_heading = "Evidence")]
    pub(crate) evidence_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct GateArguments {
    /// What to judge
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Base revision: configuration, exceptions and suppressions count as they stand there
    #[arg(long, value_name = "REV")]
    pub(crate) base: Option<String>,
    /// Count only findings whose subject or value changed since the base revision
    #[arg(long, requires = "base")]
    pub(crate) changed_only: bool,
    /// Decide and record, but do not fail
    #[arg(long)]
    pub(crate) observe: bool,
    /// Organisation floor: a configuration that the repository may only tighten
    #[arg(long, value_name = "FILE", help_heading = "Policies")]
    pub(crate) floor: Option<PathBuf>,
    /// SSH public key that must have signed the floor (`FILE.sig` beside it)
    #[arg(long, value_name = "KEY", requires = "floor", help_heading = "Policies")]
    pub(crate) floor_key: Option<String>,
    #[command(flatten)]
    pub(crate) built: BuiltArguments,
    /// Sign the verdict as a SLSA Verification Summary of each image and artifact: kept beside an image in its registry or layout, written
    /// to FILE.vsa.sigstore.json for an artifact or an archive
    #[arg(long, help_heading = "Images")]
    pub(crate) attest: bool,
    #[command(flatten, next_help_heading = "Signing the verdict (--attest)")]
    pub(crate) signing: SigningArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    #[command(flatten)]
    pub(crate) place: EvidencePlace,
    #[command(flatten)]
    pub(crate) printing: PrintingArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArguments {
    /// What to look at
    #[arg(default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    #[command(flatten)]
    pub(crate) printing: PrintingArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineArguments {
    /// What to look at
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Last day it counts, as YYYY-MM-DD (UTC)
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: String,
    #[command(flatten)]
    pub(crate) built: BuiltArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// Report of the other tool: SARIF, its own form, or JSON of Probity; FORMAT=FILE where the form is not told by what is in it
    #[arg(value_name = "[FORMAT=]FILE", value_parser = parse_report)]
    pub(crate) other: ReportFile,
    /// What to look at
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t = CompareFormat::Human)]
    pub(crate) format: CompareFormat,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareFormat {
    Human,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct FixArguments {
    /// What to look at
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Show the edits as a unified diff and write nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) diff: bool,
    /// Write without asking
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

#[derive(Debug, Args)]
pub(crate) struct EvalArguments {
    /// Files or folders to judge; `-` is standard input
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Policy file or folder; may be given several times
    #[arg(long = "policy", short, value_name = "POLICY", required = true, help_heading = "Policies")]
    pub(crate) policy: Vec<PathBuf>,
    /// Answers to what policies ask of a cluster, a registry or the network
    #[arg(long, value_name = "FILE", help_heading = "Policies")]
    pub(crate) lookup: Vec<PathBuf>,
    /// Judge by this rule only (id or alias); may be given several times
    #[arg(long, value_name = "ID", help_heading = "Policies")]
    pub(crate) rule: Vec<String>,
    /// Seconds one policy may take for one object
    #[arg(long, value_name = "SECONDS", default_value_t = 10, help_heading = "Policies")]
    pub(crate) timeout: u64,
    /// Package of Rego whose rules judge; may be given several times (`main` where none is)
    #[arg(long, value_name = "PACKAGE", help_heading = "Rego")]
    pub(crate) namespace: Vec<String>,
    /// The rules of all packages judge
    #[arg(long, conflicts_with = "namespace", help_heading = "Rego")]
    pub(crate) all_namespaces: bool,
    /// Data for Rego: a JSON or YAML file, or a folder; may be given several times
    #[arg(long, value_name = "PATH", help_heading = "Rego")]
    pub(crate) data: Vec<PathBuf>,
    /// Judge all files as one document
    #[arg(long, help_heading = "Rego")]
    pub(crate) combine: bool,
    /// How files are read, where their names do not tell
    #[arg(long, value_name = "NAME", help_heading = "Rego")]
    pub(crate) parser: Option<String>,
    /// The version of modules that do not say it themselves
    #[arg(long, value_enum, default_value_t = RegoVersion::V1, help_heading = "Rego")]
    pub(crate) rego_version: RegoVersion,
    /// Errors of built-in functions are errors
    #[arg(long, help_heading = "Rego")]
    pub(crate) strict: bool,
    /// What is about to be done with the objects
    #[arg(long, value_name = "OPERATION", default_value = "CREATE", help_heading = "Request")]
    pub(crate) operation: String,
    /// The object as it was, for an update (one object is judged then)
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    pub(crate) old: Option<PathBuf>,
    /// Who asks: a file with `username`, `groups`, and Kyverno's `roles` and `clusterRoles`
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    pub(crate) user: Option<PathBuf>,
    /// Print the objects as mutations change them, and those that policies make, as YAML
    #[arg(long, help_heading = "Output")]
    pub(crate) patched: bool,
    /// Show what mutations change as a difference
    #[arg(long, help_heading = "Output")]
    pub(crate) diff: bool,
    /// Warnings fail too
    #[arg(long, help_heading = "Output")]
    pub(crate) fail_on_warn: bool,
    #[command(flatten)]
    pub(crate) printing: PrintingArguments,
}

/// Versions of Rego.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RegoVersion {
    V0,
    V1,
}

#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// Files or folders with tests
    #[arg(default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to print to standard output
    #[arg(long, value_enum, default_value_t = TestFormat::Human, help_heading = "Output")]
    pub(crate) format: TestFormat,
    /// Also write to a file, as `junit=report.xml`; may be given several times
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_test_output, help_heading = "Output")]
    pub(crate) output: Vec<(TestFormat, PathBuf)>,
    /// Whether to show expectations that are met
    #[arg(long, value_enum, default_value_t = Show::Findings, help_heading = "Output")]
    pub(crate) show: Show,
    /// Data for tests in Rego: a JSON or YAML file, or a folder, within PATH; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Vec<String>,
    /// Seconds one policy may take for one object
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    Human,
    Json,
    Junit,
}

fn parse_test_output(text: &str) -> Result<(TestFormat, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("write it as FORMAT=FILE, for example junit=report.xml")?;
    if file.is_empty() {
        return Err("the file after `=` is missing".to_owned());
    }
    Ok((TestFormat::from_str(format, true)?, file.into()))
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Rule id, or another tool's id for the same fault
    pub(crate) id: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = ExplainFormat::Human)]
    pub(crate) format: ExplainFormat,
    /// Folder of more rules; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(crate) policies: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    Human,
    Markdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MatrixFormat {
    Human,
    Markdown,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PoliciesCommand {
    /// List the rules
    List {
        /// Folder of more rules; may be given several times
        #[arg(long, value_name = "DIR")]
        policies: Vec<PathBuf>,
        /// How to print
        #[arg(long, value_enum, default_value_t = CompareFormat::Human)]
        format: CompareFormat,
        /// With --format json: also the examples of each rule that is built in
        #[arg(long)]
        examples: bool,
    },
    /// Show which rules speak for which requirements of a framework
    Matrix {
        /// Id of the framework, like pci-dss-4.0.1; left out, the frameworks are listed
        #[arg(long, value_name = "ID")]
        framework: Option<String>,
        /// Also name the rules
        #[arg(long)]
        rules: bool,
        /// Folder of more rules; may be given several times
        #[arg(long, value_name = "DIR")]
        policies: Vec<PathBuf>,
        /// How to print
        #[arg(long, value_enum, default_value_t = MatrixFormat::Human)]
        format: MatrixFormat,
    },
    /// Turn Kyverno's ClusterPolicies into its policies in CEL where that is exact, and prove it over objects
    Convert {
        /// Files or folders with policies
        #[arg(required = true)]
        policies: Vec<PathBuf>,
        /// Folder with objects to judge by both; the folder of the policy where not given
        #[arg(long, value_name = "DIR")]
        tests: Option<PathBuf>,
        /// Write each policy into this folder instead of standard output
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
    /// Check a folder of rules and policies of every language, and run the tests inside our own rules
    Lint {
        /// The folder
        path: PathBuf,
        /// Warnings fail too
        #[arg(long)]
        strict: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AcceptArguments {
    /// Fingerprint of the finding (its first characters are enough)
    pub(crate) finding: String,
    /// What to look at
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// accepted-risk, false-positive or compensating-control
    #[arg(long, value_parser = parse_kind)]
    pub(crate) kind: ExceptionKind,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
    /// Last day it counts, as YYYY-MM-DD (UTC)
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: String,
    /// Who answers for it
    #[arg(long)]
    pub(crate) owner: String,
    /// SSH private key that signs it (OpenSSH format); without it the exception is written unsigned
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) built: BuiltArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

fn parse_kind(text: &str) -> Result<ExceptionKind, String> {
    ExceptionKind::ALL
        .iter()
        .copied()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| format!("it is one of {}", ExceptionKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")))
}

/// The key that signs.
#[derive(Debug, Args)]
pub(crate) struct KeyReference {
    /// Private key: a file (Cosign's, PKCS#8, SEC1, PKCS#1, OpenSSH's with Ed25519), env://NAME for a variable that holds one, or the
    /// name of a key that lies elsewhere (awskms://, azurekms://, gcpkms://, hashivault://, pkcs11:). A passphrase comes from
    /// PROBITY_KEY_PASSWORD or COSIGN_PASSWORD, or is asked for
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,
}

/// `probity sign`.
#[derive(Debug, Args)]
pub(crate) struct SignArguments {
    /// File to sign, `-` for standard input; or an image: REGISTRY/REPOSITORY:TAG or @DIGEST, the folder of an OCI layout (FOLDER:TAG)
    #[arg(value_name = "FILE|IMAGE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) signing: SigningArguments,
    #[command(flatten)]
    pub(crate) beside: BesideArguments,
    /// What the signature of an image says beside its digest, as NAME=VALUE; may be given several times
    #[arg(short = 'a', long = "annotations", alias = "annotation", value_name = "NAME=VALUE", value_parser = parse_annotation)]
    pub(crate) annotations: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) image: ImageArguments,
    /// Where to write the Sigstore bundle (v0.3); without it and without --output-signature, standard output; that of an image is kept
    /// beside the image
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Where to write the signature by itself, in base64
    #[arg(long, value_name = "FILE")]
    pub(crate) output_signature: Option<PathBuf>,
}

/// `probity attest`.
#[derive(Debug, Args)]
pub(crate) struct AttestArguments {
    /// File that it is about, `-` for standard input; or an image: REGISTRY/REPOSITORY:TAG or @DIGEST, the folder of an OCI layout
    /// (FOLDER:TAG)
    #[arg(value_name = "FILE|IMAGE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) signing: SigningArguments,
    #[command(flatten)]
    pub(crate) beside: BesideArguments,
    #[command(flatten)]
    pub(crate) image: ImageArguments,
    /// File with what is said; `-` is standard input
    #[arg(long, value_name = "FILE", required_unless_present = "provenance")]
    pub(crate) predicate: Option<PathBuf>,
    /// Say where it was built, as this job of GitHub Actions or GitLab CI knows it (SLSA provenance v1)
    #[arg(long, conflicts_with_all = ["predicate", "predicate_type"])]
    pub(crate) provenance: bool,
    /// What kind of thing is said: custom (any text), cyclonedx, link, openvex, slsaprovenance (v0.2), slsaprovenance1, spdxjson, vuln, or
    /// the URI of a type
    #[arg(long = "type", value_name = "TYPE", default_value = "custom")]
    pub(crate) predicate_type: String,
    /// Where to write the Sigstore bundle (v0.3); without, standard output; that about an image is kept beside the image
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
}

/// How something is kept beside an image.
#[derive(Debug, Args)]
pub(crate) struct BesideArguments {
    /// Of a list of images, every image in it as well
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// How it is kept beside an image: as a bundle that refers to it (OCI 1.1), or under Cosign's older tags
    #[arg(long, value_name = "FORM", default_value = "bundle")]
    pub(crate) signature_format: SignatureFormat,
}

/// How signatures are kept beside an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SignatureFormat {
    /// As a Sigstore bundle that refers to the image
    Bundle,
    /// Under the tags sha256-DIGEST.sig and .att
    Legacy,
}

fn parse_annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it is written NAME=VALUE".to_owned()),
    }
}

/// Parts of `probity key`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key under a passphrase, PREFIX.key, and its public half, PREFIX.pub, as Cosign keeps them; nothing is overwritten
    Generate {
        /// Its kind: ecdsa-p256, ed25519, rsa-2048, rsa-3072, rsa-4096
        #[arg(long = "type", value_name = "TYPE", default_value = "ecdsa-p256", value_parser = parse_key_type)]
        kind: KeyType,
        /// Where to write it, without `.key`
        #[arg(long, value_name = "PREFIX", default_value = "cosign", alias = "output-key-prefix")]
        output_prefix: String,
    },
    /// Print the public half of a key (PEM)
    Public(KeyReference),
}

fn parse_key_type(text: &str) -> Result<KeyType, String> {
    let known = KeyType::ALL.iter().copied().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| format!("it is one of {}", KeyType::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")))
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Run a command and record that it ran, with what result
    Run(EvidenceRunArguments),
    /// Retention classes: list, begin, destroy
    Classes {
        #[command(subcommand)]
        command: ClassesCommand,
    },
    /// Legal holds: nothing they are on is erased
    Hold {
        #[command(subcommand)]
        command: HoldCommand,
    },
    /// List the records
    List {
        #[command(flatten)]
        place: EvidencePlace,
        /// How to print
        #[arg(long, value_enum, default_value_t = CompareFormat::Human)]
        format: CompareFormat,
    },
    /// Show one record and its manifest
    Show {
        /// Its index
        index: u64,
        #[command(flatten)]
        place: EvidencePlace,
    },
    /// Print the receipt of a record: proof that it is in the log
    Prove {
        /// Its index
        index: u64,
        #[command(flatten)]
        place: EvidencePlace,
    },
    /// Check the whole log: every byte that carries meaning
    Verify {
        #[command(flatten)]
        place: EvidencePlace,
        /// Checkpoint or receipt kept elsewhere; detects a log that was rolled back or forked
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// Public key (PEM) that must have signed; the log's own where not given
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
        /// Ask this WORM store (s3://, azure://, gs:// as for `evidence seal`) whether it keeps every file of the log; refused where it does not confirm one
        #[arg(long, value_name = "URL")]
        sealed: Option<String>,
    },
    /// Copy the log to a WORM store and ask it to confirm that nobody can change or delete the copy before a date
    Seal(SealArguments),
    /// Write the whole log to a folder or a .tar file that anybody can check; with --control or --framework only what speaks of these
    Export {
        /// Where to
        to: PathBuf,
        #[command(flatten)]
        pack: PackArguments,
        #[command(flatten)]
        place: EvidencePlace,
    },
    /// Hold what was merged, built and deployed against the log, and record what no verdict explains
    #[command(
        after_help = "Exit codes: 0 all explained, 1 something is not, 2 wrong use, 3 the log is refused or the answer not recorded."
    )]
    Reconcile {
        #[command(flatten)]
        arguments: ReconcileArguments,
        #[command(flatten)]
        place: EvidencePlace,
    },
    /// Judge a recorded run again and compare the verdicts
    Replay {
        /// Its index
        index: u64,
        /// The repository its inputs lie in
        #[arg(default_value = ".")]
        path: PathBuf,
        #[command(flatten)]
        place: EvidencePlace,
    },
    /// Take the records of another log in, after checking it
    Append {
        /// The other log: its folder or an export
        from: PathBuf,
        #[command(flatten)]
        place: EvidencePlace,
    },
}

/// `probity evidence seal`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 every file is sealed, 2 wrong use, 3 some are not.")]
pub(crate) struct SealArguments {
    #[command(flatten)]
    pub(crate) place: EvidencePlace,
    /// Where to: s3://BUCKET/PREFIX with Object Lock, azure://ACCOUNT/CONTAINER/PREFIX with version-level immutability, or
    /// gs://BUCKET/PREFIX with object retention
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// How firmly: nobody can end it (compliance, where not given), or whoever has a special right (governance)
    #[arg(long, value_enum)]
    pub(crate) mode: Option<SealMode>,
    /// How long from now, in days or years: 90d, 7y
    #[arg(long, value_name = "PERIOD")]
    pub(crate) retain: Option<Period>,
    /// Keep it beyond that until the hold is ended
    #[arg(long)]
    pub(crate) legal_hold: bool,
    /// Configuration whose `evidence.worm` says what flags do not; that of a repository is never looked for
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Keep as long as asked also what was sealed before until an earlier date
    #[arg(long)]
    pub(crate) extend: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = CompareFormat::Human)]
    pub(crate) format: CompareFormat,
}

/// How firmly something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SealMode {
    /// Nobody can end it before its date
    Compliance,
    /// Whoever has a special right can end it
    Governance,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClassesCommand {
    /// List the classes, with what is in them and until when
    List {
        #[command(flatten)]
        place: EvidencePlace,
        /// How to print
        #[arg(long, value_enum, default_value_t = CompareFormat::Human)]
        format: CompareFormat,
    },
    /// Begin a class with a key of its own
    New {
        /// Its name
        name: String,
        /// How long what is sealed in it is kept: `90d`, `18m`, `7y`
        #[arg(long, value_name = "TIME")]
        retain: String,
        #[command(flatten)]
        place: EvidencePlace,
    },
    /// Erase everything in a class by destroying its key
    Destroy {
        /// Its name
        name: String,
        /// Do it; nobody can undo it
        #[arg(long)]
        yes: bool,
        /// Before the retention has ended; a legal hold is never left aside
        #[arg(long, requires = "reason")]
        early: bool,
        /// Why it is destroyed before its time
        #[arg(long, value_name = "TEXT", requires = "early")]
        reason: Option<String>,
        #[command(flatten)]
        place: EvidencePlace,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HoldCommand {
    /// Set a legal hold
    Set {
        /// A class, or the index of a record
        #[arg(value_name = "RECORD|CLASS")]
        on: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        place: EvidencePlace,
    },
    /// Release a legal hold
    Release {
        /// The hold, by the index of the record that set it; or a class with one hold on it
        #[arg(value_name = "HOLD|CLASS")]
        on: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        place: EvidencePlace,
    },
}

/// `probity evidence run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: the command's own, always; 128 and the number of the signal that ended it; 127 not found, 126 not to be\n\
                        started; 124 after --timeout; 3 not recorded, with --require-record alone; 2 wrong use, before the command is run.\n\
                        The command sees pipes in place of a terminal on standard output and standard error."
)]
pub(crate) struct EvidenceRunArguments {
    /// Control that the run is evidence for: FRAMEWORK/ID; repeatable
    #[arg(long, value_name = "ID")]
    pub(crate) control: Vec<String>,
    /// What the run is called, as `evidence list` shows it
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// File that the command made or used, recorded by digest after it has ended; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) artifact: Vec<PathBuf>,
    /// Store what the command writes, secrets masked; without it, only digests and sizes are recorded
    #[arg(long)]
    pub(crate) keep_output: bool,
    /// Retention class to seal what is stored in (`evidence classes new`); destroying its key erases it
    #[arg(long, value_name = "NAME")]
    pub(crate) class: Option<String>,
    /// Exit with 3 where the run cannot be recorded; a log that cannot be opened keeps the command from being run
    #[arg(long)]
    pub(crate) require_record: bool,
    /// End the command after so long (`90s`, `15m`, `2h`) and exit with 124
    #[arg(long, value_name = "TIME", value_parser = crate::child::parse_time)]
    pub(crate) timeout: Option<std::time::Duration>,
    #[command(flatten)]
    pub(crate) place: EvidencePlace,
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// `probity verify`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 verified, 1 refused, 2 wrong use or an unreadable file, 3 could not decide.\n\
                        Nothing is fetched but an image's signatures, from its registry. Flags are named as Cosign names them.")]
pub(crate) struct VerifyArguments {
    /// File that was signed, or sha256:DIGEST of it; or an image: REGISTRY/REPOSITORY:TAG or @DIGEST, the folder of an OCI layout
    /// (FOLDER:TAG)
    #[arg(value_name = "FILE|DIGEST|IMAGE")]
    pub(crate) artifact: String,
    /// Sigstore bundle (version 0.1, 0.2 or 0.3); those of an image lie beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) signer: SignerArguments,
    /// Of an image: everything that policies demand of it, in place of a signature by somebody named here: the short form (`images:`),
    /// ClusterImagePolicy with TrustRoot, Kyverno's verifyImages; may be given several times
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "certificate_identity", "certificate_identity_regexp", "bundle", "predicate_type", "annotations"])]
    pub(crate) policy: Vec<PathBuf>,
    /// With `--policy`: the digest runs already; what has only grown old is told and refuses nothing
    #[arg(long, requires = "policy")]
    pub(crate) running: bool,
    /// Of an image: demand a statement of this type in place of a signature (short names as for `probity attest`, or a URI)
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) predicate_type: Option<String>,
    /// What a signature of an image has to say, as NAME=VALUE; may be given several times
    #[arg(short = 'a', long = "annotations", alias = "annotation", value_name = "NAME=VALUE", value_parser = parse_annotation)]
    pub(crate) annotations: Vec<(String, String)>,
    /// Look only for signatures of an image that are kept so
    #[arg(long, value_name = "FORM")]
    pub(crate) signature_format: Option<SignatureFormat>,
    #[command(flatten)]
    pub(crate) image: ImageArguments,
    /// Trust root (trusted_root.json); without, the built-in one of Sigstore's public-good instance
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Demand no entry of a transparency log, and of a key no time of signing; what the bundle brings still has to hold
    #[arg(long)]
    pub(crate) insecure_ignore_tlog: bool,
    /// Demand a timestamp by an authority of the trust root (RFC 3161)
    #[arg(long)]
    pub(crate) use_signed_timestamps: bool,
    /// Format
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: CompareFormat,
}

/// Who has to have signed.
#[derive(Debug, Args)]
pub(crate) struct SignerArguments {
    /// Whom the signing certificate has to name: an address or a URI, exactly
    #[arg(long, value_name = "IDENTITY", conflicts_with_all = ["certificate_identity_regexp", "key"])]
    pub(crate) certificate_identity: Option<String>,
    /// The same as a regular expression; it may match anywhere, so write ^ and $
    #[arg(long, value_name = "PATTERN", conflicts_with = "key")]
    pub(crate) certificate_identity_regexp: Option<String>,
    /// Who has to have vouched for that name: an OpenID Connect issuer, exactly
    #[arg(long, value_name = "URL", conflicts_with_all = ["certificate_oidc_issuer_regexp", "key"])]
    pub(crate) certificate_oidc_issuer: Option<String>,
    /// The same as a regular expression; it may match anywhere, so write ^ and $
    #[arg(long, value_name = "PATTERN", conflicts_with = "key")]
    pub(crate) certificate_oidc_issuer_regexp: Option<String>,
    /// Public key that has to have signed (ECDSA, Ed25519, RSA): a file (PEM), or the name of a key that lies elsewhere (pkcs11:, awskms://)
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<PathBuf>,
}

/// `probity verify-bundle`: the command protocol of sigstore-conformance.
#[derive(Debug, Args)]
pub(crate) struct VerifyBundleArguments {
    /// File that was signed, or sha256:DIGEST of it
    #[arg(value_name = "FILE_OR_DIGEST")]
    pub(crate) artifact: String,
    /// Bundle
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: PathBuf,
    #[command(flatten)]
    pub(crate) signer: SignerArguments,
    /// Trust root
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Trust the staging instance; its root is not built in
    #[arg(long, requires = "trusted_root")]
    pub(crate) staging: bool,
}
