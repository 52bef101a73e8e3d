//! Kleene's three truths, each with what decided it.

use std::rc::Rc;

use probity_value::{Span, Value};

/// True, false, or not to be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Truth {
    /// Holds.
    True,
    /// Does not hold.
    False,
    /// Cannot be known here.
    Unknown,
}

impl Truth {
    /// True for true.
    #[must_use]
    pub fn known(value: bool) -> Truth {
        if value { Truth::True } else { Truth::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    /// The other way round; unknown stays unknown.
    fn not(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
        }
    }
}

/// What one comparison says of one value: yes, no, or the unknown value it hangs on.
#[derive(Clone, Debug)]
pub(crate) enum Tri {
    No,
    Yes,
    Maybe(Value),
}

impl Tri {
    pub(crate) fn known(value: bool) -> Tri {
        if value { Tri::Yes } else { Tri::No }
    }

    pub(crate) fn truth(&self) -> Truth {
        match self {
            Tri::Yes => Truth::True,
            Tri::No => Truth::False,
            Tri::Maybe(_) => Truth::Unknown,
        }
    }

    pub(crate) fn negate_if(self, negate: bool) -> Tri {
        match (self, negate) {
            (Tri::Yes, true) => Tri::No,
            (Tri::No, true) => Tri::Yes,
            (tri, _) => tri,
        }
    }

    /// Yes where one is yes; else the first unknown.
    pub(crate) fn any(all: impl IntoIterator<Item = Tri>) -> Tri {
        let mut maybe = None;
        for tri in all {
            match tri {
                Tri::Yes => return Tri::Yes,
                Tri::No => {}
                Tri::Maybe(value) => maybe = maybe.or(Some(value)),
            }
        }
        maybe.map_or(Tri::No, Tri::Maybe)
    }

    /// No where one is no; else the first unknown.
    pub(crate) fn all(all: impl IntoIterator<Item = Tri>) -> Tri {
        Tri::any(all.into_iter().map(|tri| tri.negate_if(true))).negate_if(true)
    }
}

/// A truth with what decided it.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) truth: Truth,
    pub(crate) because: Because,
}

/// What decided: made into words only where it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Because {
    pub(crate) what: What,
    /// The most exact place; none where the head of the subject is it.
    pub(crate) at: Span,
    /// The value that decided.
    pub(crate) value: Option<Value>,
    /// Other places that had a part in it.
    pub(crate) related: Vec<Span>,
}

/// The kinds of things that decide.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Nothing in particular: a constant, or a quantifier over nothing.
    Nothing,
    /// The value at a path is what it is.
    Is(Trail),
    /// The value at a path is there at all.
    Set(Trail),
    /// How long the value at a path is.
    Length(Trail),
    /// Nothing is at a path.
    Absent(Trail),
    /// No item at a path is as asked.
    NoneOf(Trail),
    /// The policy at a path allows, or does not allow, what the words say.
    Allows(Trail, Rc<str>, bool),
    /// A whole sentence made by who decided.
    Said(Rc<str>),
    /// Several things together, none of which decided by itself.
    Several(Rc<[Because]>),
}

impl Because {
    pub(crate) fn nothing() -> Because {
        Because { what: What::Nothing, at: Span::NONE, value: None, related: Vec::new() }
    }

    pub(crate) fn said(text: impl Into<Rc<str>>, at: Span, value: Option<Value>) -> Because {
        Because { what: What::Said(text.into()), at, value, related: Vec::new() }
    }
}

impl Outcome {
    pub(crate) fn constant(value: bool) -> Outcome {
        Outcome { truth: Truth::known(value), because: Because::nothing() }
    }

    pub(crate) fn negate(self) -> Outcome {
        Outcome { truth: !self.truth, because: self.because }
    }
}

/// The way to a value, for people: made of shared links, so that walking costs no text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail(Option<Rc<Link>>);

#[derive(Debug)]
struct Link {
    before: Trail,
    step: TrailStep,
}

/// One step on the way to a value.
#[derive(Clone, Debug)]
pub(crate) enum TrailStep {
    Name(std::sync::Arc<str>),
    Index(usize),
    Items,
    /// Words as they are: the way to an item of a list the engine put together.
    Raw(std::sync::Arc<str>),
}

impl Trail {
    pub(crate) fn then(&self, step: TrailStep) -> Trail {
        Trail(Some(Rc::new(Link { before: self.clone(), step })))
    }

    pub(crate) fn name(&self, name: &str) -> Trail {
        self.then(TrailStep::Name(name.into()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl std::fmt::Display for Trail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut steps = Vec::new();
        let mut link = self.0.as_ref();
        while let Some(this) = link {
            steps.push(&this.step);
            link = this.before.0.as_ref();
        }
        for (position, step) in steps.into_iter().rev().enumerate() {
            match step {
                TrailStep::Name(name) if plain(name) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(name)?;
                }
                TrailStep::Name(name) => write!(f, "[\"{}\"]", name.escape_debug())?,
                TrailStep::Index(index) => write!(f, "[{index}]")?,
                TrailStep::Items => f.write_str("[*]")?,
                TrailStep::Raw(text) => f.write_str(text)?,
            }
        }
        Ok(())
    }
}

/// Whether a name needs no brackets in a path.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '$' | ':' | '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_tables() {
        let unknown = || Tri::Maybe(Value::unknown(probity_value::UnknownKind::Variable, "u", Span::NONE));
        let make = |letter: char| match letter {
            't' => Tri::Yes,
            'f' => Tri::No,
            _ => unknown(),
        };
        let check = |items: &str, any: Truth, all: Truth| {
            assert_eq!(Tri::any(items.chars().map(make)).truth(), any, "any {items}");
            assert_eq!(Tri::all(items.chars().map(make)).truth(), all, "all {items}");
        };
        use Truth::{False, True, Unknown};
        check("", False, True);
        check("tt", True, True);
        check("tf", True, False);
        check("ft", True, False);
        check("ff", False, False);
        check("tu", True, Unknown);
        check("ut", True, Unknown);
        check("fu", Unknown, False);
        check("uf", Unknown, False);
        check("uu", Unknown, Unknown);
        assert_eq!(!Truth::Unknown, Truth::Unknown);
        assert_eq!(unknown().negate_if(true).truth(), Unknown);
    }

    #[test]
    fn trails_read_like_paths() {
        let trail = Trail::default().name("ingress").then(TrailStep::Index(1)).name("cidr_blocks").then(TrailStep::Items);
        assert_eq!(trail.to_string(), "ingress[1].cidr_blocks[*]");
        assert_eq!(Trail::default().name("tags").name("a/b").to_string(), "tags[\"a/b\"]");
        assert_eq!(Trail::default().to_string(), "");
    }
}
