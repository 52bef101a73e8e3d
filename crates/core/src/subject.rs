//! What is judged.

use std::fmt;
use std::sync::Arc;

use probity_value::{Span, Value};

/// The source language a subject comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SubjectKind {
    /// A resource or data source of a Terraform or OpenTofu root.
    Terraform,
    /// A Kubernetes object.
    Kubernetes,
    /// A Dockerfile, or one of its instructions.
    Dockerfile,
    /// A resource of a CloudFormation or SAM template.
    CloudFormation,
    /// A resource of an Azure Resource Manager template.
    Arm,
    /// A resource of a Bicep file, in the shape of its ARM template.
    Bicep,
    /// A GitHub Actions workflow, job or step, or an action.
    GithubActions,
    /// A GitLab CI pipeline or job.
    GitlabCi,
    /// An Azure pipeline, job or step.
    AzurePipelines,
    /// A CircleCI configuration, job or step.
    Circleci,
    /// A Bitbucket pipeline or step.
    BitbucketPipelines,
    /// A declarative Jenkinsfile, a stage or a step of it.
    Jenkins,
    /// A service of a Compose file, or the file.
    Compose,
    /// An OpenAPI or Swagger description, or an operation of it.
    Openapi,
    /// A Serverless Framework service, or a function of it.
    Serverless,
    /// A package as a lock file, a manifest or an image has it; its address is its package URL.
    Package,
    /// A file as it lies there, for what is sought in any text.
    File,
    /// A file as one document, for policies that judge documents (Conftest's).
    Document,
    /// Something another scanner spoke of, known only by file and line.
    External,
    /// Configuration of Probity itself.
    Configuration,
}

/// Not the name of a kind of subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of subject")]
pub struct UnknownSubjectKind(pub String);

impl SubjectKind {
    /// All kinds.
    pub const ALL: &'static [SubjectKind] = &[
        SubjectKind::Terraform,
        SubjectKind::Kubernetes,
        SubjectKind::Dockerfile,
        SubjectKind::CloudFormation,
        SubjectKind::Arm,
        SubjectKind::Bicep,
        SubjectKind::GithubActions,
        SubjectKind::GitlabCi,
        SubjectKind::AzurePipelines,
        SubjectKind::Circleci,
        SubjectKind::BitbucketPipelines,
        SubjectKind::Jenkins,
        SubjectKind::Compose,
        SubjectKind::Openapi,
        SubjectKind::Serverless,
        SubjectKind::Package,
        SubjectKind::File,
        SubjectKind::Document,
        SubjectKind::External,
        SubjectKind::Configuration,
    ];

    /// The word used in files and output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SubjectKind::Terraform => "terraform",
            SubjectKind::Kubernetes => "kubernetes",
            SubjectKind::Dockerfile => "dockerfile",
            SubjectKind::CloudFormation => "cloudformation",
            SubjectKind::Arm => "arm",
            SubjectKind::Bicep => "bicep",
            SubjectKind::GithubActions => "github-actions",
            SubjectKind::GitlabCi => "gitlab-ci",
            SubjectKind::AzurePipelines => "azure-pipelines",
            SubjectKind::Circleci => "circleci",
            SubjectKind::BitbucketPipelines => "bitbucket-pipelines",
            SubjectKind::Jenkins => "jenkins",
            SubjectKind::Compose => "compose",
            SubjectKind::Openapi => "openapi",
            SubjectKind::Serverless => "serverless",
            SubjectKind::Package => "package",
            SubjectKind::File => "file",
            SubjectKind::Document => "document",
            SubjectKind::External => "external",
            SubjectKind::Configuration => "configuration",
        }
    }
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for SubjectKind {
    type Err = UnknownSubjectKind;

    fn from_str(text: &str) -> Result<SubjectKind, UnknownSubjectKind> {
        SubjectKind::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownSubjectKind(text.to_owned()))
    }
}

/// One thing that rules judge.
///
/// Terraform: one instance of a resource (`count` and `for_each` give several); `value` is a map of its arguments, each block name a
/// list of maps, even a single one. `data` sources have the type `data.aws_iam_policy_document`.
/// Kubernetes: one object, `value` as written; type is its `kind`.
/// Dockerfile: one instruction (type `RUN`, `FROM`, ...) and one whole file (type `Dockerfile`), see `iac::dockerfile`.
/// CloudFormation: one resource (type `AWS::S3::Bucket`), `value` the whole resource with `Properties`, intrinsics worked out.
/// ARM and Bicep: one resource (type `Microsoft.Storage/storageAccounts`, nested ones with their parents' types), `value` the whole
/// resource with `properties`, expressions worked out. The others: see the module in `iac`.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Source language.
    pub kind: SubjectKind,
    /// Type that rules name in `applies_to`.
    pub type_name: Arc<str>,
    /// The field's own address, by name before position, unique within its root.
    pub id: Arc<str>,
    /// Folder of the root it belongs to, relative, with `/`, empty for the top. Two environments never share one.
    pub root: Arc<str>,
    /// The whole block, object or instruction.
    pub span: Span,
    /// The name or header of the block, for carets when no attribute is to blame.
    pub head: Span,
    /// Its content.
    pub value: Value,
    /// The module calls it was made through, outermost first.
    pub via: Vec<Span>,
}

impl Subject {
    /// The address without instance keys: `module.db.aws_db_instance.main`; the same for all instances of one block.
    #[must_use]
    pub fn block_id(&self) -> String {
        let mut out = String::with_capacity(self.id.len());
        let mut depth = 0_usize;
        let mut quoted = false;
        let mut escaped = false;
        for letter in self.id.chars() {
            match letter {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' if depth > 0 => quoted = !quoted,
                '[' if !quoted => depth += 1,
                ']' if !quoted && depth > 0 => depth -= 1,
                _ if depth == 0 => out.push(letter),
                _ => {}
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::Data;

    #[test]
    fn block_id_drops_instance_keys() {
        let check = |id: &str, expected: &str| {
            let subject = Subject {
                kind: SubjectKind::Terraform,
                type_name: "t".into(),
                id: id.into(),
                root: "".into(),
                span: Span::NONE,
                head: Span::NONE,
                value: Value::new(Data::Null, Span::NONE),
                via: vec![],
            };
            assert_eq!(subject.block_id(), expected);
        };
        check(r#"module.db["eu.a]\"b"].aws_db_instance.main[0]"#, "module.db.aws_db_instance.main");
        check("aws_s3_bucket.b", "aws_s3_bucket.b");
    }
}
