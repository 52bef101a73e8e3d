//! Three-valued truth that keeps the unknown value that decided.

use probity_value::Value;

/// True, false, or unknown because of a value.
#[derive(Clone, Debug)]
pub(crate) enum Tri {
    Yes,
    No,
    Maybe(Value),
}

impl Tri {
    pub(crate) fn known(value: bool) -> Tri {
        if value { Tri::Yes } else { Tri::No }
    }

    pub(crate) fn not_if(self, turn: bool) -> Tri {
        match (self, turn) {
            (Tri::Yes, true) => Tri::No,
            (Tri::No, true) => Tri::Yes,
            (other, _) => other,
        }
    }

    pub(crate) fn any(all: impl IntoIterator<Item = Tri>) -> Tri {
        let mut out = Tri::No;
        for one in all {
            match one {
                Tri::Yes => return Tri::Yes,
                Tri::Maybe(value) if matches!(out, Tri::No) => out = Tri::Maybe(value),
                _ => {}
            }
        }
        out
    }

    pub(crate) fn all(all: impl IntoIterator<Item = Tri>) -> Tri {
        Tri::any(all.into_iter().map(|one| one.not_if(true))).not_if(true)
    }

    pub(crate) fn same(&self, other: &Tri) -> bool {
        matches!((self, other), (Tri::Yes, Tri::Yes) | (Tri::No, Tri::No) | (Tri::Maybe(_), Tri::Maybe(_)))
    }
}
