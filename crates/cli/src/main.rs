//! The program: reads the command line, picks adapters, prints, exits with the right code.
//!
//! **Invariant:** standard output is data, standard error is talk; exit codes are those of `probity_verdict::exit`.
#![allow(clippy::disallowed_methods, reason = "the place that picks adapters and reads what the command line names")]

mod adapters;
mod advisories;
mod arguments;
mod artifact;
mod beside;
mod child;
mod clock;
mod commands;
mod feed;
mod image;
mod image_policy;
mod keyless;
mod keys;
mod layers;
mod logs;
mod output;
mod passphrase;
mod policies;
mod reading;
mod redact;
mod registry;
mod run;
mod state;
mod supply;
mod versions;

use std::fmt;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, ClassesCommand, Command, EvidenceCommand, HoldCommand, KeyCommand, PoliciesCommand};

/// Wrong use or configuration: exit 2, with a hint where there is one.
#[derive(Debug)]
pub(crate) struct Wrong {
    message: String,
    hint: Option<String>,
}

impl Wrong {
    pub(crate) fn new(error: impl std::error::Error) -> Wrong {
        Wrong { message: adapters::with_causes(&error), hint: None }
    }

    pub(crate) fn hint(message: impl Into<String>, hint: Option<&str>) -> Wrong {
        Wrong { message: message.into(), hint: hint.map(str::to_owned) }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Wrong {}

fn main() -> ExitCode {
    // A panic in a library is caught where it happens and becomes an error result; its default report would only be noise before that.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let text = error.render();
            if error.use_stderr() {
                output::talk(text.to_string().trim_end());
            } else if output::data(&text.to_string()).is_err() {
                return ExitCode::from(3);
            }
            return ExitCode::from(code);
        }
    };
    let ended = std::panic::catch_unwind(|| dispatch(arguments.command));
    match ended {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(error)) => {
            if let Some(wrong) = error.downcast_ref::<Wrong>() {
                output::talk(&format!("error: {wrong}"));
                return ExitCode::from(2);
            }
            output::talk(&format!("error: {error:#}"));
            ExitCode::from(3)
        }
        Err(panic) => {
            let why = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
            output::talk(&format!("error: the program failed: {}; nothing was decided", why.unwrap_or_default()));
            ExitCode::from(3)
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Gate(arguments) => commands::gate::run(&arguments),
        Command::Scan(arguments) => commands::scan::run(&arguments),
        Command::Baseline(arguments) => commands::baseline::run(&arguments),
        Command::Compare(arguments) => commands::compare::run(&arguments),
        Command::Eval(arguments) => commands::eval::run(&arguments),
        Command::Test(arguments) => commands::test::run(&arguments),
        Command::Fix(arguments) => commands::fix::run(&arguments),
        Command::Explain(arguments) => commands::policies::explain(&arguments),
        Command::Policies { command: PoliciesCommand::List { policies, format, examples } } => {
            commands::policies::list(policies, format, examples)
        }
        Command::Policies { command: PoliciesCommand::Matrix { framework, rules, policies, format } } => {
            commands::matrix::run(framework.as_deref(), rules, policies, format)
        }
        Command::Policies { command: PoliciesCommand::Convert { policies, tests, output } } => {
            commands::convert::run(&policies, tests.as_deref(), output.as_deref())
        }
        Command::Policies { command: PoliciesCommand::Lint { path, strict } } => commands::policies::lint(&path, strict),
        Command::Secrets(arguments) => commands::secrets::run(&arguments),
        Command::Sbom(arguments) => commands::sbom::run(&arguments),
        Command::Where(arguments) => commands::whereis::run(&arguments),
        Command::Vulns(arguments) => commands::vulns::run(&arguments),
        Command::Trust { command: commands::trust::TrustCommand::Update(arguments) } => commands::trust::update(&arguments),
        Command::Verify(arguments) => commands::verify::run(&arguments),
        Command::VerifyBundle(arguments) => commands::verify::client(arguments),
        Command::Accept(arguments) => commands::accept::run(&arguments),
        Command::Sign(arguments) => commands::sign::run(&arguments),
        Command::Attest(arguments) => commands::attest::run(&arguments),
        Command::Key { command } => match command {
            KeyCommand::Generate { kind, output_prefix } => commands::key::generate(kind, &output_prefix),
            KeyCommand::Public(key) => commands::key::public(&key),
        },
        Command::Evidence { command } => match command {
            EvidenceCommand::Run(arguments) => commands::evidence_run::run(&arguments),
            EvidenceCommand::Classes { command } => match command {
                ClassesCommand::List { place, format } => commands::evidence_classes::list(&place, format),
                ClassesCommand::New { name, retain, place } => commands::evidence_classes::new(&name, &retain, &place),
                ClassesCommand::Destroy { name, yes, early, reason, place } => {
                    commands::evidence_classes::destroy(&name, yes, early, reason.as_deref(), &place)
                }
            },
            EvidenceCommand::Hold { command: HoldCommand::Set { on, reason, place } } => {
                commands::evidence_classes::hold(true, &on, &reason, &place)
            }
            EvidenceCommand::Hold { command: HoldCommand::Release { on, reason, place } } => {
                commands::evidence_classes::hold(false, &on, &reason, &place)
            }
            EvidenceCommand::List { place, format } => commands::evidence::list(&place, format),
            EvidenceCommand::Show { index, place } => commands::evidence::show(index, &place),
            EvidenceCommand::Prove { index, place } => commands::evidence::prove(index, &place),
            EvidenceCommand::Verify { place, against, public_key, sealed } => {
                commands::evidence::verify(&place, against.as_deref(), public_key.as_deref(), sealed.as_deref())
            }
            EvidenceCommand::Seal(arguments) => commands::seal::run(&arguments),
            EvidenceCommand::Export { to, pack, place } if pack.is_asked_for() => commands::export::pack(&to, &pack, &place),
            EvidenceCommand::Export { to, place, .. } => commands::evidence::export(&to, &place),
            EvidenceCommand::Reconcile { arguments, place } => commands::reconcile::run(&arguments, &place),
            EvidenceCommand::Replay { index, path, place } => commands::replay::run(index, &path, &place),
            EvidenceCommand::Append { from, place } => commands::evidence::append(&from, &place),
        },
        Command::Controls { command } => commands::controls::run(&command),
        Command::Completions { shell } => commands::reference::completions(shell),
        Command::Man => commands::reference::manual(),
        Command::Reference { part } => commands::reference::part(part),
    }
}
