//! The Pod Security Standards (k8s.io/pod-security-admission): every control of the levels baseline and restricted, in the form each
//! version of Kubernetes gave it.
//!
//! What does not live here: which pods are judged at which level, and exemptions; those are the business of whoever asks.

mod checks;
mod controls;
mod pod;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use probity_core::PathStep;

pub use controls::{Control, control};
pub use pod::{Container, ContainerKind, Pod};

/// A level of the standards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// No restrictions.
    Privileged,
    /// What is known to lead to more rights is forbidden.
    Baseline,
    /// Hardened.
    Restricted,
}

impl Level {
    /// The word used in policies and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = probity_core::UnknownWord;

    fn from_str(text: &str) -> Result<Level, probity_core::UnknownWord> {
        [Level::Privileged, Level::Baseline, Level::Restricted]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| probity_core::UnknownWord { word: text.to_owned(), known: &["privileged", "baseline", "restricted"] })
    }
}

/// A version of the standards: that of a minor version of Kubernetes 1, or the latest there is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// `v1.MINOR`.
    Minor(u32),
    /// `latest`.
    Latest,
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Version, String> {
        if text == "latest" {
            return Ok(Version::Latest);
        }
        text.strip_prefix("v1.")
            .filter(|minor| minor.bytes().all(|byte| byte.is_ascii_digit()) && (*minor == "0" || !minor.starts_with('0')))
            .and_then(|minor| minor.parse().ok())
            .map(Version::Minor)
            .ok_or_else(|| format!("`{text}` is neither `latest` nor `v1.x`"))
    }
}

/// Why a pod cannot be judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// A field does not have the type it has to have: which field, what it should be and what it is.
    Malformed(String),
    /// A field cannot be known: the reason.
    Unknown(Arc<str>),
}

/// What kind of fault a field has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldFault {
    /// It has a value it may not have.
    Forbidden,
    /// It is not there and has to be.
    Required,
}

/// One field of a pod that breaks a control.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldError {
    /// The way to it from the pod.
    pub path: Vec<PathStep>,
    /// What is wrong.
    pub fault: FieldFault,
    /// The values it has that it may not have; empty where they are not told.
    pub bad: BadValue,
}

/// The values a field has that it may not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadValue {
    /// Not told.
    None,
    /// One value, as text.
    One(String),
    /// Several, sorted.
    Many(Vec<String>),
}

impl BadValue {
    /// All of them.
    #[must_use]
    pub fn values(&self) -> &[String] {
        match self {
            BadValue::None => &[],
            BadValue::One(value) => std::slice::from_ref(value),
            BadValue::Many(values) => values,
        }
    }
}

impl FieldError {
    /// The path as Kubernetes writes it: `spec.containers[0].securityContext.privileged`.
    #[must_use]
    pub fn field(&self) -> String {
        let mut text = String::new();
        let annotation = matches!(self.path.first(), Some(PathStep::Key(key)) if **key == *"metadata");
        for (position, step) in self.path.iter().enumerate() {
            match step {
                PathStep::Key(key) if annotation && position == 2 => {
                    text.push('[');
                    text.push_str(key);
                    text.push(']');
                }
                PathStep::Key(key) => {
                    if position > 0 {
                        text.push('.');
                    }
                    text.push_str(key);
                }
                PathStep::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field();
        match (self.fault, &self.bad) {
            (FieldFault::Required, _) => write!(f, "{field}: Required value"),
            (FieldFault::Forbidden, BadValue::None) => write!(f, "{field}: Forbidden"),
            (FieldFault::Forbidden, BadValue::One(value)) => write!(f, "{field} is forbidden, forbidden values found: {value}"),
            (FieldFault::Forbidden, BadValue::Many(values)) => {
                write!(f, "{field} is forbidden, forbidden values found: [{}]", values.join(" "))
            }
        }
    }
}

/// How a pod breaks one control.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The check: `privileged`, `capabilities_baseline`.
    pub check: &'static str,
    /// In short.
    pub reason: String,
    /// In full: which containers, which values.
    pub detail: String,
    /// The fields; `None` for checks that do not tell them.
    pub fields: Option<Vec<FieldError>>,
}

/// One check: the same control in its forms by version.
pub struct Check {
    /// Its id.
    pub id: &'static str,
    /// The lowest level it belongs to.
    pub level: Level,
    /// From which minor version on which form.
    versions: &'static [(u32, checks::Judge)],
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("id", &self.id).field("level", &self.level).finish_non_exhaustive()
    }
}

impl Check {
    /// All checks, by id as the field sorts them.
    #[must_use]
    pub fn all() -> &'static [Check] {
        checks::ALL
    }

    /// The minor version that introduced it.
    #[must_use]
    pub fn since(&self) -> u32 {
        self.versions.first().map_or(0, |(minor, _)| *minor)
    }

    /// Judges a pod with the form of a version; for a version older than the check, with its first form.
    ///
    /// # Errors
    /// [`Trouble`] where a field it needs is malformed or unknown.
    pub fn judge(&self, pod: &Pod<'_>, version: Version) -> Result<Option<Violation>, Trouble> {
        let form = self
            .versions
            .iter()
            .rev()
            .find(|(minor, _)| version >= Version::Minor(*minor))
            .or_else(|| self.versions.first())
            .map(|(_, form)| form);
        match form {
            Some(form) => Ok(form(pod)?.map(|mut violation| {
                violation.check = self.id;
                violation
            })),
            None => Ok(None),
        }
    }
}

/// Judges a pod with every check of a level as the API server does: those the version has, and of two checks of one control the stricter.
///
/// # Errors
/// [`Trouble`] where a field a check needs is malformed or unknown.
pub fn judge(pod: &Pod<'_>, level: Level, version: Version) -> Result<Vec<Violation>, Trouble> {
    let mut violations = Vec::new();
    for check in Check::all() {
        let overridden = level == Level::Restricted
            && match check.id {
                "capabilities_baseline" => version >= Version::Minor(22),
                "seccompProfile_baseline" => version >= Version::Minor(19),
                "hostPathVolumes" => true,
                _ => false,
            };
        if check.level <= level && version >= Version::Minor(check.since()) && !overridden {
            violations.extend(check.judge(pod, version)?);
        }
    }
    Ok(violations)
}

#[cfg(test)]
mod tests;
