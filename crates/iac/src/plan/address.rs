//! Addresses of resources, taken apart: the modules on the way with their keys, the resource, its key.

/// A step into a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) key: Key,
}

/// Which instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The only one.
    None,
    /// That of `[0]` or `["a"]`, as written between the brackets.
    Written(String),
    /// Any: of a reference that does not say.
    Any,
}

impl Key {
    /// Whether an instance of that key is meant.
    pub(super) fn means(&self, other: &Key) -> bool {
        *self == Key::Any || self == other
    }
}

/// The address of an instance of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) modules: Vec<Segment>,
    /// `type.name`, with `data.` before it for a data source.
    pub(super) local: String,
    pub(super) key: Key,
}

impl Address {
    /// Takes an address apart; `None` where it is none.
    pub(super) fn parse(text: &str) -> Option<Address> {
        let parts = split(text);
        let mut rest = parts.as_slice();
        let mut modules = Vec::new();
        while let [("module", Key::None), (name, key), after @ ..] = rest {
            modules.push(Segment { name: (*name).to_owned(), key: key.clone() });
            rest = after;
        }
        let (local, key) = match rest {
            [("data", Key::None), (kind, Key::None), (name, key)] => (format!("data.{kind}.{name}"), key),
            [(kind, Key::None), (name, key)] => (format!("{kind}.{name}"), key),
            _ => return None,
        };
        Some(Address { modules, local, key: key.clone() })
    }

    /// The address without any key.
    pub(super) fn block(&self) -> String {
        block(&self.modules, &self.local)
    }
}

/// The address of a block in modules, without keys.
pub(super) fn block(modules: &[Segment], local: &str) -> String {
    let mut out = String::new();
    for segment in modules {
        out.push_str("module.");
        out.push_str(&segment.name);
        out.push('.');
    }
    out.push_str(local);
    out
}

/// The parts of an address between dots, each with its key.
pub(super) fn split(text: &str) -> Vec<(&str, Key)> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let mut key = Key::None;
        rest = after;
        while let Some(inside) = rest.strip_prefix('[') {
            let length = key_length(inside);
            let (written, after) = inside.split_at_checked(length).unwrap_or((inside, ""));
            if key == Key::None {
                key = Key::Written(written.to_owned());
            }
            rest = after.strip_prefix(']').unwrap_or("");
        }
        out.push((name, key));
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    out
}

/// Bytes until the closing bracket, which may stand in quotes.
fn key_length(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let check = |text: &str, expected: &str| {
            let shown = Address::parse(text).map(|address| {
                let keys: Vec<String> = address.modules.iter().map(|segment| format!("{}{:?}", segment.name, segment.key)).collect();
                format!("{} {} {:?} {}", keys.join("/"), address.local, address.key, address.block())
            });
            assert_eq!(shown.as_deref().unwrap_or("-"), expected, "{text}");
        };
        check("aws_s3_bucket.b", " aws_s3_bucket.b None aws_s3_bucket.b");
        check("data.t.n[0]", " data.t.n Written(\"0\") data.t.n");
        check(r#"module.a["x.y]\"z"].module.b.t.n["k"]"#, r#"aWritten("\"x.y]\\\"z\"")/bNone t.n Written("\"k\"") module.a.module.b.t.n"#);
        for text in ["", "t", "module.a", "module.a.t", "t.n.id", "data.t", "t[0].n", "...", "[", "t.n[", "a.[x].b"] {
            let _ = Address::parse(text);
        }
        check("t.n.id", "-");
        check("module.a", "-");
    }
}
