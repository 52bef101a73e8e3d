//! GitHub Actions: workflows, actions and the configuration of Dependabot, to subjects.
//!
//! Types and ids: `github.workflow` (its name, else its file), `github.job` (`jobs.build`), `github.step`
//! (`jobs.build.steps[checkout]`: id, else name, else ordinal), `github.action` (its name), `github.dependabot`. A job's place begins at
//! its first key. Values are what was written, and beside it:
//!
//! - everywhere: `pairs: [{key, value}]` (its own `env`); `on` is a map of events; `action` splits `uses`: `{kind: repository | local | docker, text, name, owner, repo, path, ref,
//!   pinned}` (`pinned`: a whole commit or digest, or of the same repository); `images` are those it runs in, taken apart;
//! - a step: `commands` of `run` (see `ci::script`), `injections: [{expression, context, kind}]` (`kind`: `event`, what people outside write;
//!   `input`, what a caller gives), `inputs` and `variables` (`with` and the `env` of all levels, expressions unknown), `soft` (a failure
//!   of it does not fail the job), `job` and `workflow` (what stands around it, without jobs and steps);
//! - a job: `token: {given, all, scopes, writes}` (what `GITHUB_TOKEN` may do, `given` by `job`, `workflow` or `default`), `needed` (another job waits for
//!   it), `unguarded` (jobs that deploy and do not wait for it), `deploys`, `steps` as above, `soft`;
//! - a workflow: `triggers` (the names of its events), `jobs` as above.
//!
//! What does not live here: expanding a matrix, evaluating expressions, and reading actions of other repositories.

mod expression;
mod step;
mod workflow;

#[cfg(test)]
mod tests;

use probity_core::{Collected, Scope, Source, SubjectKind};
use probity_value::yaml;

use crate::ci::collect::{Claim, Language, collect, has_key};

/// Claims `.github/workflows/*.yml`, `action.yml`, `.github/dependabot.yml`, and other YAML files that look like
/// workflows: those at the top, and those whose path speaks of workflows.
#[derive(Clone, Copy, Debug, Default)]
pub struct GithubActionsSource;

const KIND: SubjectKind = SubjectKind::GithubActions;

const LANGUAGE: Language = Language {
    id: "github-actions",
    files: "workflows",
    unreadable: "github-actions-unreadable",
    name: claim,
    looks,
    options: yaml::ParseOptions { booleans_1_1: false, octal_1_1: false, line_breaks_1_1: false, kubectl: false, cloudformation: false },
};

impl Source for GithubActionsSource {
    fn id(&self) -> &'static str {
        LANGUAGE.id
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        collect(scope, &LANGUAGE, &|file, _| workflow::read(file))
    }
}

/// What a file is, by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Named {
    Workflow,
    Action,
    Dependabot,
    /// Perhaps a workflow.
    Other,
}

fn named(path: &str) -> Option<Named> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if !name.ends_with(".yml") && !name.ends_with(".yaml") {
        return None;
    }
    let folder = path.strip_suffix(name).unwrap_or_default();
    let inside = |end: &str| folder == end || folder.strip_suffix(end).is_some_and(|before| before.ends_with('/'));
    Some(match name {
        _ if inside(".github/workflows/") => Named::Workflow,
        "action.yml" | "action.yaml" => Named::Action,
        "dependabot.yml" | "dependabot.yaml" if inside(".github/") => Named::Dependabot,
        // A file by itself may be one too, wherever it came from.
        _ if folder.is_empty() || path.contains("workflow") || path.contains(".github/") => Named::Other,
        _ => return None,
    })
}

fn claim(path: &str) -> Claim {
    match named(path) {
        Some(Named::Workflow | Named::Dependabot) => Claim::Surely,
        Some(Named::Action | Named::Other) => Claim::Perhaps,
        None => Claim::No,
    }
}

/// A workflow has `on` and `jobs` at the left, and a job says where it runs or what it calls; an action has `runs` with `using`.
fn looks(text: &str) -> bool {
    let workflow = text.contains("jobs") && has_key(text, &["jobs"]) && has_key(text, &["on", "true"]);
    workflow && (text.contains("runs-on") || text.contains("uses")) || text.contains("using") && has_key(text, &["runs"])
}
