//! What the policy languages of Kubernetes judge: one request about one object.

use std::fmt;
use std::sync::Arc;

use probity_value::{Span, Value};

use crate::UnknownWord;

/// What is about to be done with an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Operation {
    /// It is made.
    #[default]
    Create,
    /// It is changed.
    Update,
    /// It is taken away.
    Delete,
    /// Somebody connects to it: `pods/exec`, `pods/portforward`.
    Connect,
}

impl Operation {
    /// All of them.
    pub const ALL: &'static [Operation] = &[Operation::Create, Operation::Update, Operation::Delete, Operation::Connect];

    /// The word of the admission API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Connect => "CONNECT",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Operation {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Operation, UnknownWord> {
        Operation::ALL
            .iter()
            .copied()
            .find(|operation| operation.as_str() == text)
            .ok_or_else(|| UnknownWord { word: text.to_owned(), known: &["CREATE", "UPDATE", "DELETE", "CONNECT"] })
    }
}

/// A kind of object: `apps/v1, Deployment`. The core group is the empty text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct GroupVersionKind {
    /// The API group; empty for the core group.
    pub group: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// The kind.
    pub kind: Arc<str>,
}

impl GroupVersionKind {
    /// From `apiVersion` and `kind` as they stand in an object.
    #[must_use]
    pub fn of(api_version: &str, kind: &str) -> GroupVersionKind {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        GroupVersionKind { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// `group/version`, or the version alone for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// A resource of the API: `apps/v1, deployments`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct GroupVersionResource {
    /// The API group; empty for the core group.
    pub group: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// The plural in lower case.
    pub resource: Arc<str>,
}

/// Who asks (`authentication.k8s.io/v1 UserInfo`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserInfo {
    /// The name: `system:serviceaccount:default:builder`.
    pub username: Arc<str>,
    /// A lasting id, if there is one.
    pub uid: Arc<str>,
    /// Groups.
    pub groups: Vec<Arc<str>>,
    /// What else the authenticator says.
    pub extra: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// Names of the Roles bound to the user, `namespace:name` (Kyverno); where nobody says so, none.
    pub roles: Vec<Arc<str>>,
    /// Names of the ClusterRoles bound to the user (Kyverno).
    pub cluster_roles: Vec<Arc<str>>,
}

/// A request to do something with an object, as an admission webhook gets it (`admission.k8s.io/v1 AdmissionRequest`). In the gate
/// every object is one that is about to be made.
///
/// Policies that know no Kubernetes (Conftest's) judge `object` alone; its kind is empty then.
#[derive(Clone, Debug)]
pub struct Request {
    /// The request's own id; empty where there is none.
    pub uid: Arc<str>,
    /// The kind of the object.
    pub kind: GroupVersionKind,
    /// Its resource; empty where it is not known.
    pub resource: GroupVersionResource,
    /// The part of the resource asked for: `status`, `exec`, `scale`; empty for the whole.
    pub sub_resource: Arc<str>,
    /// Its name; empty where the server will make one of `generateName`.
    pub name: Arc<str>,
    /// Its namespace; empty for objects of the cluster.
    pub namespace: Arc<str>,
    /// What is done.
    pub operation: Operation,
    /// Who does it.
    pub user: UserInfo,
    /// The object as it will be; null for [`Operation::Delete`].
    pub object: Value,
    /// The object as it was; null for [`Operation::Create`] and [`Operation::Connect`].
    pub old_object: Value,
    /// Options of the operation; null where there are none.
    pub options: Value,
    /// Whether nothing will be kept of it.
    pub dry_run: bool,
    /// The namespace object, where it is known.
    pub namespace_object: Option<Value>,
    /// Whether the object came from another object by expansion (Gatekeeper's `source: Generated`).
    pub generated: bool,
}

impl Request {
    /// The request to make an object: kind, name and namespace are read from it, the resource stays empty.
    #[must_use]
    pub fn create(object: Value) -> Request {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let metadata = object.get("metadata");
        let name = text(metadata.and_then(|metadata| metadata.get("name")));
        let namespace = text(metadata.and_then(|metadata| metadata.get("namespace")));
        let kind = GroupVersionKind::of(&text(object.get("apiVersion")), &text(object.get("kind")));
        Request { kind, name: name.into(), namespace: namespace.into(), ..Request::document(object) }
    }

    /// A document that is no object of Kubernetes.
    #[must_use]
    pub fn document(value: Value) -> Request {
        Request {
            uid: "".into(),
            kind: GroupVersionKind::default(),
            resource: GroupVersionResource::default(),
            sub_resource: "".into(),
            name: "".into(),
            namespace: "".into(),
            operation: Operation::Create,
            user: UserInfo::default(),
            object: value,
            old_object: Value::null(Span::NONE),
            options: Value::null(Span::NONE),
            dry_run: false,
            namespace_object: None,
            generated: false,
        }
    }

    /// The object the request is about: as it will be, or as it was where it is taken away.
    #[must_use]
    pub fn target(&self) -> &Value {
        if self.object.is_null() { &self.old_object } else { &self.object }
    }
}
