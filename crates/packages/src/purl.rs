//! Package URLs.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A package URL, as the purl specification (ECMA-427) has it, with its parts normalised for its type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    /// Type, lower case: `npm`, `deb`.
    pub kind: Arc<str>,
    /// Namespace, segments joined by `/`, decoded: `@angular`, `org.apache.logging.log4j`, `debian`.
    pub namespace: Option<Arc<str>>,
    /// Name, decoded.
    pub name: Arc<str>,
    /// Version, decoded.
    pub version: Option<Arc<str>>,
    /// Qualifiers by lower-case key, decoded, none of them empty: `arch`, `distro`, `epoch`, `upstream`, `repository_url`.
    pub qualifiers: BTreeMap<Arc<str>, Arc<str>>,
    /// Path within the package, segments joined by `/`, decoded.
    pub subpath: Option<Arc<str>>,
}
