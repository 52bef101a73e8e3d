//! SLSA provenance v1 from what a CI job knows of itself: GitHub Actions and GitLab CI. It is the job's own word; that nobody but the
//! platform could have said it, a signature for the job's identity shows, not the predicate.

use serde_json::{Map, Value, json};

/// The type of the predicate.
pub const PROVENANCE_V1: &str = "https://slsa.dev/provenance/v1";

/// The type of builds by GitHub Actions (`actions/buildtypes`, workflow v1).
const GITHUB: &str = "https://actions.github.io/buildtypes/workflow/v1";
/// The type of builds by GitLab CI (gitlab-runner, `PROVENANCE.md`).
const GITLAB: &str = "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/main/PROVENANCE.md";

/// Why there is no provenance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceError {
    /// Neither of the two.
    #[error("this is no job of GitHub Actions (`GITHUB_ACTIONS`) and none of GitLab CI (`GITLAB_CI`)")]
    NoJob,
    /// A variable that every such job has.
    #[error("the variable `{0}` is missing, which every job of {1} has")]
    Missing(&'static str, &'static str),
    /// A variable that does not have its shape.
    #[error("the variable `{0}` is `{1}`, which is not as {2} sets it")]
    Odd(&'static str, String, &'static str),
}

/// The predicate for the job whose variables `variable` knows. `finished` is the time now, as RFC 3339 has it.
///
/// # Errors
/// It is no job, or a variable of it is missing or odd.
pub fn of_job(variable: &dyn Fn(&str) -> Option<String>, finished: &str) -> Result<Map<String, Value>, ProvenanceError> {
    let is = |name: &str| variable(name).as_deref() == Some("true");
    let whole = if is("GITHUB_ACTIONS") {
        github(variable, finished)?
    } else if is("GITLAB_CI") {
        gitlab(variable, finished)?
    } else {
        return Err(ProvenanceError::NoJob);
    };
    Ok(whole.as_object().cloned().unwrap_or_default())
}

/// A commit: 40 or 64 hexadecimal digits.
fn commit(name: &'static str, text: String, who: &'static str) -> Result<String, ProvenanceError> {
    let is_commit = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit { Ok(text) } else { Err(ProvenanceError::Odd(name, text.chars().take(100).collect(), who)) }
}

fn github(variable: &dyn Fn(&str) -> Option<String>, finished: &str) -> Result<Value, ProvenanceError> {
    const WHO: &str = "GitHub Actions";
    let needed = |name: &'static str| variable(name).filter(|text| !text.is_empty()).ok_or(ProvenanceError::Missing(name, WHO));
    let server = needed("GITHUB_SERVER_URL")?;
    let repository = format!("{server}/{}", needed("GITHUB_REPOSITORY")?);
    let reference = needed("GITHUB_REF")?;
    let sha = commit("GITHUB_SHA", needed("GITHUB_SHA")?, WHO)?;
    // `owner/repo/.github/workflows/release.yml@refs/heads/main`
    let workflow = needed("GITHUB_WORKFLOW_REF")?;
    let odd = || ProvenanceError::Odd("GITHUB_WORKFLOW_REF", workflow.chars().take(100).collect(), WHO);
    let (place, workflow_reference) = workflow.split_once('@').ok_or_else(odd)?;
    let mut parts = place.splitn(3, '/');
    let (Some(owner), Some(name), Some(path)) = (parts.next(), parts.next(), parts.next()) else { return Err(odd()) };
    let hosted = needed("RUNNER_ENVIRONMENT")?;
    let run = format!("{repository}/actions/runs/{}/attempts/{}", needed("GITHUB_RUN_ID")?, needed("GITHUB_RUN_ATTEMPT")?);
    Ok(json!({
        "buildDefinition": {
            "buildType": GITHUB,
            "externalParameters": {
                "workflow": { "ref": workflow_reference, "repository": format!("{server}/{owner}/{name}"), "path": path },
            },
            "internalParameters": {
                "github": {
                    "event_name": needed("GITHUB_EVENT_NAME")?,
                    "repository_id": needed("GITHUB_REPOSITORY_ID")?,
                    "repository_owner_id": needed("GITHUB_REPOSITORY_OWNER_ID")?,
                    "runner_environment": hosted,
                },
            },
            "resolvedDependencies": [{ "uri": format!("git+{repository}@{reference}"), "digest": { "gitCommit": sha } }],
        },
        "runDetails": {
            "builder": { "id": format!("https://github.com/actions/runner/{hosted}") },
            "metadata": { "invocationId": run, "finishedOn": finished },
        },
    }))
}

fn gitlab(variable: &dyn Fn(&str) -> Option<String>, finished: &str) -> Result<Value, ProvenanceError> {
    const WHO: &str = "GitLab CI";
    let needed = |name: &'static str| variable(name).filter(|text| !text.is_empty()).ok_or(ProvenanceError::Missing(name, WHO));
    let project = needed("CI_PROJECT_URL")?;
    let sha = commit("CI_COMMIT_SHA", needed("CI_COMMIT_SHA")?, WHO)?;
    let reference = match variable("CI_COMMIT_TAG").filter(|tag| !tag.is_empty()) {
        Some(tag) => format!("refs/tags/{tag}"),
        None => format!("refs/heads/{}", needed("CI_COMMIT_REF_NAME")?),
    };
    let config = variable("CI_CONFIG_PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| ".gitlab-ci.yml".to_owned());
    Ok(json!({
        "buildDefinition": {
            "buildType": GITLAB,
            "externalParameters": { "source": project, "entryPoint": needed("CI_JOB_NAME")?, "ref": reference, "config": config },
            "internalParameters": {
                "gitlab": {
                    "pipeline_source": needed("CI_PIPELINE_SOURCE")?,
                    "project_id": needed("CI_PROJECT_ID")?,
                    "runner": needed("CI_RUNNER_ID")?,
                },
            },
            "resolvedDependencies": [{ "uri": format!("git+{project}@{reference}"), "digest": { "gitCommit": sha } }],
        },
        "runDetails": {
            "builder": { "id": format!("{}/-/runners/{}", needed("CI_SERVER_URL")?, needed("CI_RUNNER_ID")?) },
            "metadata": {
                "invocationId": needed("CI_JOB_URL")?,
                "startedOn": needed("CI_JOB_STARTED_AT")?,
                "finishedOn": finished,
            },
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "6b1e1c5d0a3f4f2e9a8b7c6d5e4f3a2b1c0d9e8f";

    fn github_job(name: &str) -> Option<String> {
        let value = match name {
            "GITHUB_ACTIONS" => "true",
            "GITHUB_SERVER_URL" => "https://github.com",
            "GITHUB_REPOSITORY" => "acme/app",
            "GITHUB_REF" => "refs/tags/v1.4",
            "GITHUB_SHA" => SHA,
            "GITHUB_WORKFLOW_REF" => "acme/app/.github/workflows/release.yml@refs/tags/v1.4",
            "RUNNER_ENVIRONMENT" => "github-hosted",
            "GITHUB_RUN_ID" => "7",
            "GITHUB_RUN_ATTEMPT" => "2",
            "GITHUB_EVENT_NAME" => "push",
            "GITHUB_REPOSITORY_ID" => "11",
            "GITHUB_REPOSITORY_OWNER_ID" => "12",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn gitlab_job(name: &str) -> Option<String> {
        let value = match name {
            "GITLAB_CI" => "true",
            "CI_PROJECT_URL" => "https://gitlab.example/acme/app",
            "CI_COMMIT_SHA" => SHA,
            "CI_COMMIT_REF_NAME" => "main",
            "CI_JOB_NAME" => "build",
            "CI_PIPELINE_SOURCE" => "push",
            "CI_PROJECT_ID" => "3",
            "CI_RUNNER_ID" => "4",
            "CI_SERVER_URL" => "https://gitlab.example",
            "CI_JOB_URL" => "https://gitlab.example/acme/app/-/jobs/5",
            "CI_JOB_STARTED_AT" => "2026-01-31T12:00:00Z",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn a_job_of_github() {
        let found = Value::Object(of_job(&github_job, "2026-01-31T12:00:00Z").unwrap());
        assert_eq!(found["buildDefinition"]["externalParameters"]["workflow"]["path"], ".github/workflows/release.yml");
        assert_eq!(found["buildDefinition"]["resolvedDependencies"][0]["uri"], "git+https://github.com/acme/app@refs/tags/v1.4");
        assert_eq!(found["runDetails"]["builder"]["id"], "https://github.com/actions/runner/github-hosted");
        assert_eq!(found["runDetails"]["metadata"]["invocationId"], "https://github.com/acme/app/actions/runs/7/attempts/2");
    }

    #[test]
    fn a_job_of_gitlab() {
        let found = Value::Object(of_job(&gitlab_job, "2026-01-31T12:00:00Z").unwrap());
        assert_eq!(found["buildDefinition"]["externalParameters"]["ref"], "refs/heads/main");
        assert_eq!(found["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"], SHA);
        assert_eq!(found["runDetails"]["builder"]["id"], "https://gitlab.example/-/runners/4");
    }

    #[test]
    fn what_is_missing_or_odd_is_told() {
        assert_eq!(of_job(&|_| None, ""), Err(ProvenanceError::NoJob));
        for name in ["GITHUB_SHA", "GITHUB_WORKFLOW_REF", "RUNNER_ENVIRONMENT"] {
            let job = |asked: &str| if asked == name { None } else { github_job(asked) };
            assert!(matches!(of_job(&job, ""), Err(ProvenanceError::Missing(missing, _)) if missing == name));
            let job = |asked: &str| if asked == name { Some("x".to_owned()) } else { github_job(asked) };
            assert_eq!(of_job(&job, "").is_err(), name != "RUNNER_ENVIRONMENT", "{name}");
        }
        let job = |asked: &str| if asked == "CI_COMMIT_SHA" { Some("main".to_owned()) } else { gitlab_job(asked) };
        assert!(matches!(of_job(&job, ""), Err(ProvenanceError::Odd("CI_COMMIT_SHA", ..))));
    }
}
