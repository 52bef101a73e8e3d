//! Where a result is (sections 3.3.2, 3.4, 3.14.14, 3.29, 3.30): URIs and their bases made into paths of the target, never outside it.

use std::sync::Arc;

use probity_value::Value;

use super::{ReadOptions, short};
use crate::uri;

/// Bases that refer to bases, followed this far.
const MOST_BASES: usize = 16;

/// The bases and files of a run.
pub(crate) struct Places<'v> {
    bases: Option<&'v Value>,
    artifacts: &'v [Value],
    options: ReadOptions<'v>,
}

/// The place of a result.
pub(super) struct Found {
    pub(super) file: Arc<str>,
    pub(super) inside: bool,
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) end_line: u32,
    pub(super) end_column: u32,
    pub(super) problem: Option<String>,
}

/// A path as a URI gives it.
#[derive(Debug, PartialEq, Eq)]
enum Path {
    Relative(String),
    Absolute(String),
    /// Not a file: `https://...`.
    Elsewhere,
}

impl<'v> Places<'v> {
    pub(crate) fn new(run: &'v Value, options: ReadOptions<'v>) -> Places<'v> {
        let artifacts = run.get("artifacts").and_then(Value::as_list).unwrap_or_default();
        Places { bases: run.get("originalUriBaseIds"), artifacts, options }
    }

    /// The place of the first location that names a file.
    pub(super) fn of(&self, result: &Value) -> Found {
        let locations = result.get("locations").and_then(Value::as_list).unwrap_or_default();
        let physical = locations.iter().find_map(|location| location.get("physicalLocation"));
        let artifact = physical
            .and_then(|physical| physical.get("artifactLocation"))
            .or_else(|| result.get("analysisTarget"))
            .map(|location| self.with_uri(location));
        let Some((address, base)) = artifact.and_then(|artifact| {
            let address = artifact.get("uri").and_then(Value::as_str).filter(|address| !address.trim().is_empty())?;
            Some((address, artifact.get("uriBaseId").and_then(Value::as_str)))
        }) else {
            return Found { file: Arc::from(""), inside: false, line: 0, column: 0, end_line: 0, end_column: 0, problem: None };
        };
        let (file, inside) = match self.resolve(address, base) {
            Some(path) => (path.into(), true),
            None => (short(address), false),
        };
        let mut found = Found { file, inside, line: 0, column: 0, end_line: 0, end_column: 0, problem: None };
        if let Some(region) = physical.and_then(|physical| physical.get("region")) {
            region_of(region, &mut found);
        }
        if !inside && !matches!(path(address), Path::Elsewhere) {
            found.problem = Some(format!("`{}` is not in what is judged", found.file));
        }
        found
    }

    /// The location itself, or that of the artifact it points at.
    fn with_uri<'a>(&self, location: &'a Value) -> &'a Value
    where
        'v: 'a,
    {
        if location.get("uri").is_some() {
            return location;
        }
        let index = location.get("index").and_then(Value::as_int).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.artifacts.get(index)?.get("location")).unwrap_or(location)
    }

    /// A bare path, which is no URI, as one relative to the target, if the file lies in it.
    pub(crate) fn bare(&self, given: &str) -> Option<String> {
        match absolute_or_relative(given.trim()) {
            Path::Absolute(path) => self.absolute(&path),
            Path::Relative(path) => self.in_target(&normal(&path)?),
            Path::Elsewhere => None,
        }
    }

    /// The path relative to the target, if the file lies in it.
    fn resolve(&self, address: &str, base: Option<&str>) -> Option<String> {
        let below_base = match path(address) {
            Path::Elsewhere => return None,
            Path::Absolute(path) => return self.absolute(&path),
            Path::Relative(path) => path,
        };
        if let Some(absolute) = base.and_then(|base| self.base(base))
            && let Some(found) = self.below_root(&format!("{absolute}/{below_base}"))
        {
            return Some(found);
        }
        // A scan in a container has a base that is no path here: what is relative to it is relative to the repository.
        self.in_target(&normal(&below_base)?)
    }

    fn absolute(&self, path: &str) -> Option<String> {
        if let Some(found) = self.below_root(path) {
            return Some(found);
        }
        let mut bases: Vec<String> = match self.bases.and_then(Value::as_map) {
            Some(map) => map.keys().take(64).filter_map(|name| self.base(name)).collect(),
            None => Vec::new(),
        };
        bases.retain(|base| !base.trim_matches('/').is_empty());
        let path = normal(path)?;
        for base in bases {
            if let Some(rest) = normal(&base).and_then(|base| strip(&path, &base).map(str::to_owned)) {
                return self.in_target(&rest);
            }
        }
        // Some tools write paths from the top of the repository with a slash before them.
        let found = self.in_target(&path)?;
        (self.options.exists)(&found).then_some(found)
    }

    /// A path below the repository's place on this machine.
    fn below_root(&self, path: &str) -> Option<String> {
        let root = normal(&self.options.root.replace('\\', "/"))?;
        if root.is_empty() {
            return None;
        }
        let path = normal(path)?;
        self.in_target(strip(&path, &root)?)
    }

    /// A path within the repository as one within the target. One that is not below the target's folder may be relative to the target
    /// already: it is, where the target has such a file.
    fn in_target(&self, path: &str) -> Option<String> {
        if path.is_empty() {
            return None;
        }
        let prefix = normal(self.options.prefix)?;
        if prefix.is_empty() {
            return Some(path.to_owned());
        }
        match strip(path, &prefix) {
            Some(rest) if !rest.is_empty() => Some(rest.to_owned()),
            _ => (self.options.exists)(path).then(|| path.to_owned()),
        }
    }

    /// The absolute path of a base.
    fn base(&self, name: &str) -> Option<String> {
        let mut suffix = String::new();
        let mut name = name;
        for _ in 0..MOST_BASES {
            let location = self.bases?.get(name)?;
            let address = location.get("uri").and_then(Value::as_str).unwrap_or_default();
            match path(address) {
                Path::Absolute(path) => return Some(format!("{}/{suffix}", path.trim_end_matches('/')).trim_end_matches('/').to_owned()),
                Path::Relative(path) => suffix = format!("{}/{suffix}", path.trim_end_matches('/')),
                Path::Elsewhere => return None,
            }
            name = location.get("uriBaseId").and_then(Value::as_str)?;
        }
        None
    }
}

/// What a URI (or a bare path, which many tools write) names. Decoded, with `/`.
fn path(address: &str) -> Path {
    let address = address.trim();
    let rest = address.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("file:")).and_then(|_| address.get(5..));
    if let Some(rest) = rest {
        let rest = match rest.strip_prefix("//") {
            // A host may stand before the path: `file://localhost/x`.
            Some(with_host) => with_host.find('/').and_then(|at| with_host.get(at..)).unwrap_or_default(),
            None => rest,
        };
        return absolute_or_relative(&uri::decode(rest));
    }
    if let Some((scheme, _)) = address.split_once("://")
        && !scheme.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    {
        return Path::Elsewhere;
    }
    absolute_or_relative(&uri::decode(address))
}

fn absolute_or_relative(path: &str) -> Path {
    let path = path.replace('\\', "/");
    let drive = |text: &str| {
        let mut bytes = text.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic()) && bytes.next() == Some(b':') && matches!(bytes.next(), Some(b'/'))
    };
    let bare = path.trim_start_matches('/');
    if path.starts_with('/') {
        Path::Absolute(if drive(bare) { bare.to_owned() } else { path })
    } else if drive(&path) {
        Path::Absolute(path)
    } else {
        Path::Relative(path)
    }
}

/// Without empty parts, `.` and `..`, and without a slash at its ends; `None` where `..` leads above the top, or a NUL is in it.
fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ if part.contains('\0') => return None,
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// `path` below `folder`; both normal.
fn strip<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(path);
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// A text region (section 3.30); byte and character offsets alone name the whole file, since the text is not here.
fn region_of(region: &Value, found: &mut Found) {
    let mut number = |key: &str| {
        let value = region.get(key)?;
        let number = value.as_int().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
        if number.is_none() {
            found.problem = Some(format!("`{key}` is not a number from 1"));
        }
        number
    };
    let Some(line) = number("startLine") else { return };
    let column = number("startColumn").unwrap_or(1);
    let end_line = number("endLine").unwrap_or(line).max(line);
    let end_column = number("endColumn").unwrap_or(if end_line == line { column } else { 1 });
    found.line = line;
    found.column = column;
    found.end_line = end_line;
    found.end_column = if end_line == line { end_column.max(column) } else { end_column };
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, json};

    /// Resolves `address` in a run with the given bases; the target is `envs/prod` of `/home/me/repo`, or the whole repository.
    fn check_in(prefix: &str, bases: &str, address: &str, base: Option<&str>, expected: Option<&str>) {
        let run = json::parse(&format!("{{\"originalUriBaseIds\":{bases}}}"), FileId::NONE).0;
        let exists = |path: &str| matches!(path, "db.tf" | "a b.tf" | "envs/prod/db.tf");
        let places = Places::new(&run, ReadOptions { root: "/home/me/repo", prefix, exists: &exists });
        assert_eq!(places.resolve(address, base).as_deref(), expected, "{address}");
    }

    #[test]
    fn paths_of_the_repository() {
        let check = |address: &str, expected: Option<&str>| check_in("", "{}", address, None, expected);
        check("db.tf", Some("db.tf"));
        check("./x/../db.tf", Some("db.tf"));
        check("a%20b.tf", Some("a b.tf"));
        check("x\\y.tf", Some("x/y.tf"));
        check("file:///home/me/repo/x/db.tf", Some("x/db.tf"));
        check("file://localhost/home/me/repo/db.tf", Some("db.tf"));
        check("file:/home/me/repo/db.tf", Some("db.tf"));
        check("/home/me/repo/db.tf", Some("db.tf"));
        check("/db.tf", Some("db.tf"));
        check("/etc/passwd", None);
        check("/home/me/repository/db.tf", None);
        check("/home/me/repo/../secret", None);
        check("../db.tf", None);
        check("x/../../db.tf", None);
        check("%2e%2e/db.tf", None);
        check("https://shop.example/login", None);
        check("C:\\repo\\db.tf", None);
        check("file:///C:/repo/db.tf", None);
        check("a\0b", None);
        check("x%00y", None);
        check(".", None);
    }

    #[test]
    fn paths_of_a_target_below_the_top() {
        let check = |address: &str, expected: Option<&str>| check_in("envs/prod", "{}", address, None, expected);
        check("envs/prod/x.tf", Some("x.tf"));
        check("db.tf", Some("db.tf"));
        check("other/db.tf", None);
        check("/home/me/repo/envs/prod/x.tf", Some("x.tf"));
        check("/home/me/repo/other/x.tf", None);
        check("envs/production/x.tf", None);
    }

    #[test]
    fn bases() {
        let check = |bases: &str, address: &str, base: &str, expected: Option<&str>| check_in("", bases, address, Some(base), expected);
        check(r#"{"R":{"uri":"file:///home/me/repo/x/"}}"#, "a.tf", "R", Some("x/a.tf"));
        check(r#"{"R":{"uri":"file:///src/"}}"#, "a.tf", "R", Some("a.tf"));
        check(r#"{"R":{"uri":"file:///"}}"#, "a.tf", "R", Some("a.tf"));
        check(r#"{"R":{"uri":"file:///home/me/repo/"},"S":{"uri":"y/","uriBaseId":"R"}}"#, "a.tf", "S", Some("y/a.tf"));
        check(r#"{"R":{"uri":"x/","uriBaseId":"R"}}"#, "a.tf", "R", Some("a.tf"));
        check("{}", "a.tf", "MISSING", Some("a.tf"));
        check(r#"{"R":{"uri":"file:///builds/1/"}}"#, "file:///builds/1/x/a.tf", "R", Some("x/a.tf"));
        check(r#"{"R":{"uri":"file:///builds/1/"}}"#, "../a.tf", "R", None);
    }

    #[test]
    fn regions() {
        let check = |region: &str, expected: [u32; 4]| {
            let region = json::parse(region, FileId::NONE).0;
            let mut found = Found { file: "".into(), inside: true, line: 0, column: 0, end_line: 0, end_column: 0, problem: None };
            region_of(&region, &mut found);
            assert_eq!([found.line, found.column, found.end_line, found.end_column], expected, "{region:?}");
        };
        check(r#"{"startLine":3}"#, [3, 1, 3, 1]);
        check(r#"{"startLine":3,"startColumn":5,"endColumn":9}"#, [3, 5, 3, 9]);
        check(r#"{"startLine":3,"endLine":1}"#, [3, 1, 3, 1]);
        check(r#"{"startLine":3,"endLine":7}"#, [3, 1, 7, 1]);
        check(r#"{"startLine":0}"#, [0, 0, 0, 0]);
        check(r#"{"startLine":-4}"#, [0, 0, 0, 0]);
        check(r#"{"startLine":99999999999}"#, [0, 0, 0, 0]);
        check(r#"{"startLine":"3"}"#, [0, 0, 0, 0]);
        check(r#"{"charOffset":3}"#, [0, 0, 0, 0]);
    }
}
