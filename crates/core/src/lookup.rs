//! What policies may ask of the outside, and who answers.

use std::sync::Arc;

use probity_value::Value;

use crate::UserInfo;

/// A question to the outside world. Everything a policy learns that is not in its request, its own text or the inventory comes through one.
#[derive(Clone, PartialEq, Debug)]
pub enum Question {
    /// One object by name; the answer is the object.
    Object {
        /// `group/version`, or the version alone; may be empty or `*` where the asker does not know it.
        api_version: Arc<str>,
        /// Kind or plural, as the asker has it.
        kind: Arc<str>,
        /// Its namespace; empty for objects of the cluster.
        namespace: Arc<str>,
        /// Its name.
        name: Arc<str>,
    },
    /// All objects of a kind; the answer is a list object with `items`.
    Objects {
        /// `group/version`, or the version alone.
        api_version: Arc<str>,
        /// Kind or plural, as the asker has it.
        kind: Arc<str>,
        /// Their namespace; empty for all.
        namespace: Arc<str>,
        /// Only those with these labels (`key=value,...`, as in a query); empty for all.
        selector: Arc<str>,
    },
    /// A raw call of the API server or of a service; the answer is the decoded body.
    Call {
        /// `GET` or `POST`.
        method: Arc<str>,
        /// The path on the API server, or the whole address of a service.
        url: Arc<str>,
        /// What is sent.
        body: Option<Value>,
    },
    /// What a registry says of an image: `image`, `resolvedImage`, `registry`, `repository`, `identifier`, `manifest`, `configData`.
    Image {
        /// The reference as written.
        reference: Arc<str>,
    },
    /// An entry of Kyverno's global context.
    Global {
        /// Its name.
        name: Arc<str>,
        /// The projection asked for; empty for the whole.
        projection: Arc<str>,
    },
    /// An external data provider of Gatekeeper; the answer is `{"responses": [[key, value]...], "errors": [...]}`.
    Provider {
        /// Its name.
        name: Arc<str>,
        /// What is asked.
        keys: Vec<Value>,
    },
    /// Whether somebody may do something; the answer is `{"allowed": bool, "reason": text, "errored": bool}`.
    Access {
        /// Who.
        user: UserInfo,
        /// `path` and `verb`, or `group`, `resource`, `subresource`, `namespace`, `name`, `verb`, `fieldSelector`, `labelSelector`.
        attributes: Vec<(Arc<str>, Value)>,
    },
    /// A value that a test gives to a variable or context entry of a rule instead of what it would compute.
    Variable {
        /// The policy.
        policy: Arc<str>,
        /// The rule; empty for all of them.
        rule: Arc<str>,
        /// The name, which may have dots: `request.operation`, `allowed.data.roles`. Empty for all that the test gives to this rule: the
        /// answer is one map then, in which names with dots are nested.
        name: Arc<str>,
    },
    /// The addresses of a host.
    Host {
        /// Its name.
        name: Arc<str>,
    },
    /// Random text; the answer is text that fits.
    Random {
        /// The regular expression it has to match.
        pattern: Arc<str>,
    },
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LookupError {
    /// It is known not to exist.
    #[error("{0} does not exist")]
    Absent(String),
    /// Nobody here can say: no fixture covers it, or the outside does not answer.
    #[error("{0}")]
    Unanswered(String),
}

/// Answers questions. Three kinds: fixture (tests, CI), live (cluster, registry), recorder (answers become evidence, so that the decision
/// can be replayed). The same question gets the same answer within one decision.
pub trait Lookup: Send + Sync {
    /// The answer to a question.
    ///
    /// # Errors
    /// Says whether what is asked for does not exist or cannot be told.
    fn ask(&self, question: &Question) -> Result<Value, LookupError>;
}

/// Nobody to ask: every question stays unanswered, and says what would have to be given.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLookup;

impl Lookup for NoLookup {
    fn ask(&self, question: &Question) -> Result<Value, LookupError> {
        Err(LookupError::Unanswered(format!("{} is not known here (give it with a lookup file)", question.subject())))
    }
}

impl Question {
    /// What is asked for, for a person: ``the ConfigMap `default/allowed` ``.
    #[must_use]
    pub fn subject(&self) -> String {
        let within = |namespace: &str, name: &str| if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
        match self {
            Question::Object { kind, namespace, name, .. } => format!("the {kind} `{}`", within(namespace, name)),
            Question::Objects { kind, namespace, .. } if namespace.is_empty() => format!("the list of all {kind}"),
            Question::Objects { kind, namespace, .. } => format!("the list of {kind} in `{namespace}`"),
            Question::Call { method, url, .. } => format!("the answer to `{method} {url}`"),
            Question::Image { reference } => format!("what the registry says of `{reference}`"),
            Question::Global { name, .. } => format!("the global context entry `{name}`"),
            Question::Provider { name, .. } => format!("the answer of the provider `{name}`"),
            Question::Access { user, .. } => format!("what `{}` may do", user.username),
            Question::Variable { name, .. } => format!("a given value of `{name}`"),
            Question::Host { name } => format!("the addresses of `{name}`"),
            Question::Random { pattern } => format!("random text like `{pattern}`"),
        }
    }
}
