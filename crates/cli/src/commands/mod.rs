//! One command is one file; `run` gives the exit code.

pub(crate) mod accept;
pub(crate) mod attest;
pub(crate) mod baseline;
pub(crate) mod compare;
pub(crate) mod convert;
pub(crate) mod eval;
pub(crate) mod evidence;
pub(crate) mod evidence_classes;
pub(crate) mod evidence_run;
pub(crate) mod fix;
pub(crate) mod gate;
pub(crate) mod key;
pub(crate) mod matrix;
pub(crate) mod policies;
pub(crate) mod reference;
pub(crate) mod replay;
pub(crate) mod sbom;
pub(crate) mod scan;
pub(crate) mod secrets;
pub(crate) mod sign;
pub(crate) mod test;
pub(crate) mod verify;
pub(crate) mod verify_image;
pub(crate) mod vulns;
pub(crate) mod whereis;
