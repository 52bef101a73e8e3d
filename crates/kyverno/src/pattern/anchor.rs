//! Anchors: what stands around a key in a pattern.

/// What an anchor means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Modifier {
    /// `(key)`: only where it fits, the rest counts.
    Condition,
    /// `<(key)`: only where it fits, the whole rule counts.
    Global,
    /// `X(key)`: the key may not be there.
    Negation,
    /// `+(key)`: in mutation, added where it is not there.
    AddIfNotPresent,
    /// `=(key)`: where the key is there, it has to fit.
    Equality,
    /// `^(key)`: one item of the list has to fit.
    Existence,
}

impl Modifier {
    /// The character before the parenthesis; empty for a condition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Modifier::Condition => "",
            Modifier::Global => "<",
            Modifier::Negation => "X",
            Modifier::AddIfNotPresent => "+",
            Modifier::Equality => "=",
            Modifier::Existence => "^",
        }
    }

    /// The anchor around a key.
    #[must_use]
    pub fn around(self, key: &str) -> String {
        format!("{}({key})", self.as_str())
    }
}

/// A key with an anchor around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Anchor<'a> {
    /// What it means.
    pub modifier: Modifier,
    /// The key within.
    pub key: &'a str,
}

impl<'a> Anchor<'a> {
    /// The anchor of a key; `None` where it has none.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Anchor<'a>> {
        let text = text.trim();
        let (modifier, rest) = match text.chars().next()? {
            '(' => (Modifier::Condition, text),
            '<' => (Modifier::Global, text.get(1..)?),
            'X' => (Modifier::Negation, text.get(1..)?),
            '+' => (Modifier::AddIfNotPresent, text.get(1..)?),
            '=' => (Modifier::Equality, text.get(1..)?),
            '^' => (Modifier::Existence, text.get(1..)?),
            _ => return None,
        };
        let key = rest.strip_prefix('(')?.strip_suffix(')')?;
        (!key.is_empty() && !key.contains('\n')).then_some(Anchor { modifier, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses() {
        let check = |text: &str, expected: Option<(Modifier, &str)>| {
            assert_eq!(Anchor::parse(text).map(|anchor| (anchor.modifier, anchor.key)), expected, "{text}");
        };
        check("(a)", Some((Modifier::Condition, "a")));
        check(" <(a) ", Some((Modifier::Global, "a")));
        check("X(a)", Some((Modifier::Negation, "a")));
        check("+(a)", Some((Modifier::AddIfNotPresent, "a")));
        check("=(a(b))", Some((Modifier::Equality, "a(b)")));
        check("^(a)", Some((Modifier::Existence, "a")));
        for none in ["a", "()", "(a", "a)", "", "XX(a)", "x(a)", "é(a)", "X"] {
            check(none, None);
        }
    }
}
