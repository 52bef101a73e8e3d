//! The record of a command that was run: what, by whom, when, with which result. Running it is the program's business; keeping the record
//! is the ledger's.

use std::collections::BTreeMap;

use probity_core::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::sealed::SealedBlob;
use crate::statement::{Blob, Descriptor, Statement, StatementError, format_time, parse_time};

/// Predicate type of a command that was run.
pub const COMMAND_RUN_V1: &str = "https://probity.dev/command-run/v1";

/// What is known of one output of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// SHA-256 of all bytes passed on, in lower-case hexadecimal digits.
    pub sha256: String,
    /// How many bytes.
    pub size: u64,
    /// Why the digest may not cover all that was written; `None` where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    /// Whether the stored copy is only the beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// A command that was run, or that could not be started.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRun {
    /// What the run is called; empty for none.
    pub name: String,
    /// Program and arguments, secrets taken out.
    pub arguments: Vec<String>,
    /// How many places were taken out of arguments and kept output.
    pub redacted: u64,
    /// The program's file as it was found, with its digest; `None` where none was.
    pub program: Option<(String, Digest)>,
    /// Names of environment variables, never their values.
    pub environment: Vec<String>,
    /// Commit and tree that were checked out, and the folder below the top, where it ran in a git repository. Changes that are not
    /// committed are not looked at.
    pub git: Option<(String, String, String)>,
    /// Who ran it.
    pub user: String,
    /// Where.
    pub host: String,
    /// When it was started.
    pub started: Timestamp,
    /// When it had ended.
    pub finished: Timestamp,
    /// The exit code as a shell tells it: the command's own, 128 and the signal, 127 or 126 where it could not be started.
    pub exit_code: u8,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Why it could not be started.
    pub not_started: Option<String>,
    /// Whether it was ended because it took too long.
    pub timed_out: bool,
    /// Standard output.
    pub stdout: Stream,
    /// Standard error.
    pub stderr: Stream,
    /// Files that belong to it: name, digest and size.
    pub artifacts: Vec<(String, Digest, u64)>,
    /// Files that were asked for and could not be read.
    pub missing_artifacts: Vec<String>,
    /// Controls that it is evidence for: `pci-dss-4.0.1/11.3.1`.
    pub controls: Vec<String>,
    /// Version of the program that wrote this.
    pub version: String,
    /// Stored bytes the record names.
    pub blobs: Vec<Blob>,
    /// Those of them that are sealed under the key of a retention class.
    pub sealed: Vec<SealedBlob>,
}

#[derive(Serialize, Deserialize)]
struct Json {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    arguments: Vec<String>,
    #[serde(default)]
    redacted: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<FileJson>,
    environment: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    git: Option<GitJson>,
    user: String,
    host: String,
    started: String,
    finished: String,
    exit_code: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_started: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    timed_out: bool,
    stdout: Stream,
    stderr: Stream,
    #[serde(default)]
    artifacts: Vec<FileJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing_artifacts: Vec<String>,
    probity: Ours,
}

#[derive(Serialize, Deserialize)]
struct FileJson {
    name: String,
    sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct GitJson {
    commit: String,
    tree: String,
    #[serde(default)]
    folder: String,
}

#[derive(Serialize, Deserialize)]
struct Ours {
    #[serde(default)]
    controls: Vec<String>,
    version: String,
    #[serde(default)]
    blobs: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sealed: Vec<Value>,
}

impl CommandRun {
    /// The statement to sign. Its subjects are the artifacts and the commit; where there is neither, the command itself, by the SHA-256 of
    /// its arguments as a JSON list.
    pub fn to_statement(&self) -> Result<Statement, StatementError> {
        let mut subjects: Vec<Descriptor> =
            self.artifacts.iter().map(|(name, digest, _)| Descriptor::sha256(name.as_str(), *digest)).collect();
        if let Some((commit, tree, _)) = &self.git {
            let digest = BTreeMap::from([("gitCommit".to_owned(), commit.clone()), ("gitTree".to_owned(), tree.clone())]);
            subjects.push(Descriptor { name: "commit".to_owned(), digest, ..Descriptor::default() });
        }
        if subjects.is_empty() {
            subjects.push(Descriptor::sha256("command", crate::sha256(json!(self.arguments).to_string().as_bytes())));
        }
        let file = |name: &str, digest: Digest, size| FileJson { name: name.to_owned(), sha256: digest.to_string(), size };
        let json = Json {
            name: self.name.clone(),
            arguments: self.arguments.clone(),
            redacted: self.redacted,
            program: self.program.as_ref().map(|(name, digest)| file(name, *digest, None)),
            environment: self.environment.clone(),
            git: self.git.clone().map(|(commit, tree, folder)| GitJson { commit, tree, folder }),
            user: self.user.clone(),
            host: self.host.clone(),
            started: format_time(self.started)?,
            finished: format_time(self.finished)?,
            exit_code: self.exit_code,
            signal: self.signal,
            not_started: self.not_started.clone(),
            timed_out: self.timed_out,
            stdout: self.stdout.clone(),
            stderr: self.stderr.clone(),
            artifacts: self.artifacts.iter().map(|(name, digest, size)| file(name, *digest, Some(*size))).collect(),
            missing_artifacts: self.missing_artifacts.clone(),
            probity: Ours {
                controls: self.controls.clone(),
                version: self.version.clone(),
                blobs: self.blobs.iter().map(Blob::to_json).collect(),
                sealed: self.sealed.iter().map(SealedBlob::to_json).collect::<Result<_, _>>()?,
            },
        };
        let value = serde_json::to_value(json).map_err(|error| StatementError::Json(error.to_string()))?;
        let predicate = match value {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Ok(Statement { subjects, predicate_type: COMMAND_RUN_V1.to_owned(), predicate })
    }

    /// Reads a run back; `None` for other statements.
    pub fn of_statement(statement: &Statement) -> Result<Option<CommandRun>, StatementError> {
        if statement.predicate_type != COMMAND_RUN_V1 {
            return Ok(None);
        }
        let wrong = |why: String| StatementError::Json(format!("command run: {why}"));
        let json: Json = Deserialize::deserialize(Value::Object(statement.predicate.clone()))
            .map_err(|error: serde_json::Error| wrong(error.to_string()))?;
        let digest = |text: &str| text.parse::<Digest>().map_err(|error| wrong(error.to_string()));
        let program = json.program.map(|file| Ok::<_, StatementError>((file.name, digest(&file.sha256)?))).transpose()?;
        let artifacts = json.artifacts.into_iter().map(|file| Ok((file.name, digest(&file.sha256)?, file.size.unwrap_or_default())));
        Ok(Some(CommandRun {
            name: json.name,
            arguments: json.arguments,
            redacted: json.redacted,
            program,
            environment: json.environment,
            git: json.git.map(|git| (git.commit, git.tree, git.folder)),
            user: json.user,
            host: json.host,
            started: parse_time(&json.started)?,
            finished: parse_time(&json.finished)?,
            exit_code: json.exit_code,
            signal: json.signal,
            not_started: json.not_started,
            timed_out: json.timed_out,
            stdout: json.stdout,
            stderr: json.stderr,
            artifacts: artifacts.collect::<Result<_, StatementError>>()?,
            missing_artifacts: json.missing_artifacts,
            controls: json.probity.controls,
            version: json.probity.version,
            blobs: statement.blobs()?,
            sealed: SealedBlob::of_statement(statement)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(size: u64) -> Stream {
        Stream { sha256: "0".repeat(64), size, incomplete: (size > 1).then(|| "its reader went away".to_owned()), cut: size > 2 }
    }

    #[test]
    fn a_run_is_read_back_as_it_was_written() {
        let mut run = CommandRun {
            name: String::new(),
            arguments: vec!["make".into(), "test".into()],
            redacted: 0,
            program: None,
            environment: vec!["PATH".into()],
            git: None,
            user: "ada".into(),
            host: "h".into(),
            started: Timestamp { seconds: 1, nanoseconds: 0 },
            finished: Timestamp { seconds: 2, nanoseconds: 5 },
            exit_code: 127,
            signal: None,
            not_started: Some("not found".into()),
            timed_out: false,
            stdout: stream(0),
            stderr: stream(1),
            artifacts: Vec::new(),
            missing_artifacts: vec!["x".into()],
            controls: vec!["soc2/CC6.1".into()],
            version: "0.1.0".into(),
            blobs: Vec::new(),
            sealed: Vec::new(),
        };
        let check = |run: &CommandRun, subjects: &[&str]| {
            let statement = run.to_statement().unwrap();
            let names: Vec<&str> = statement.subjects.iter().map(|subject| subject.name.as_str()).collect();
            assert_eq!(names, subjects);
            let read = Statement::parse(&statement.to_payload().unwrap()).unwrap();
            assert_eq!(CommandRun::of_statement(&read).unwrap().as_ref(), Some(run));
        };
        check(&run, &["command"]);
        let digest = crate::sha256(b"a");
        run.git = Some(("c".repeat(40), "d".repeat(40), "sub".into()));
        run.artifacts = vec![("out.bin".into(), digest, 7)];
        run.blobs = vec![Blob { name: "stdout".into(), digest, size: 1 }];
        let key = crate::sealed::ClassKey::generate().unwrap().id();
        let time = Timestamp { seconds: 3, nanoseconds: 0 };
        run.sealed = vec![SealedBlob { name: "stdout".into(), class: "logs".into(), key, plaintext: digest, size: 3, time }];
        run.program = Some(("/bin/make".into(), digest));
        (run.stdout, run.signal, run.exit_code, run.timed_out) = (stream(3), Some(15), 143, true);
        check(&run, &["out.bin", "commit"]);
    }

    #[test]
    fn other_statements_are_none_and_broken_ones_are_refused() {
        let subjects = vec![Descriptor::sha256("a", crate::sha256(b""))];
        let mut statement = Statement { subjects, predicate_type: "https://example.com/v1".into(), predicate: Map::new() };
        assert_eq!(CommandRun::of_statement(&statement).unwrap(), None);
        statement.predicate_type = COMMAND_RUN_V1.into();
        assert!(CommandRun::of_statement(&statement).unwrap_err().to_string().contains("command run: missing field"));
    }
}
