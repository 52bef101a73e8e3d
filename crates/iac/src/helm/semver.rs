//! Versions and constraints as Masterminds' semver reads them.

use std::cmp::Ordering;
use std::fmt;

/// A version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) pre: String,
    pub(super) build: String,
    pub(super) original: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.build.is_empty() {
            write!(f, "+{}", self.build)?;
        }
        Ok(())
    }
}

impl Version {
    /// Reads a version; `v1` and `1.2` are versions too.
    pub(super) fn parse(text: &str) -> Option<Version> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let (bare, build) = bare.split_once('+').map_or((bare, ""), |(bare, build)| (bare, build));
        let (numbers, pre) = bare.split_once('-').map_or((bare, ""), |(numbers, pre)| (numbers, pre));
        if (bare.contains('-') && !is_identifiers(pre)) || (text.contains('+') && !is_identifiers(build)) {
            return None;
        }
        if pre.split('.').any(|part| part.len() > 1 && part.starts_with('0') && part.bytes().all(|digit| digit.is_ascii_digit())) {
            return None;
        }
        let mut parts = numbers.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
            part.parse::<u64>().ok().filter(|_| digits)
        });
        let major = parts.next()??;
        let minor = parts.next().unwrap_or(Some(0))?;
        let patch = parts.next().unwrap_or(Some(0))?;
        if parts.next().is_some() {
            return None;
        }
        Some(Version { major, minor, patch, pre: pre.to_owned(), build: build.to_owned(), original: text.to_owned() })
    }

    /// Which comes first; build data does not count.
    pub(super) fn precedence(&self, other: &Version) -> Ordering {
        (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch)).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_pre(&self.pre, &other.pre),
            }
        })
    }
}

fn is_identifiers(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-'))
}

fn compare_pre(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let order = match (a.parse::<u64>(), b.parse::<u64>()) {
                    (Ok(a), Ok(b)) => a.cmp(&b),
                    (Ok(_), Err(_)) => Ordering::Less,
                    (Err(_), Ok(_)) => Ordering::Greater,
                    (Err(_), Err(_)) => a.cmp(b),
                };
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

/// One comparison.
#[derive(Debug)]
struct Comparison {
    operator: String,
    version: Version,
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

/// Comparisons: all of one group must hold.
#[derive(Debug)]
pub(super) struct Constraint(Vec<Vec<Comparison>>);

const MAX_LENGTH: usize = 512;

impl Constraint {
    /// Reads a constraint: `>=1.2 <2 || ^3.0-0`, `1.2 - 1.4`, `~1`, `*`.
    pub(super) fn parse(text: &str) -> Option<Constraint> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        text.split("||").map(group).collect::<Option<Vec<_>>>().map(Constraint)
    }

    /// Whether a version is meant.
    pub(super) fn matches(&self, version: &Version) -> bool {
        self.0.iter().any(|group| {
            let pre = group.iter().any(|comparison| !comparison.version.pre.is_empty());
            group.iter().all(|comparison| comparison.matches(version, pre))
        })
    }
}

fn is_version_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '+' | '*')
}

fn group(text: &str) -> Option<Vec<Comparison>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let length = rest.find(|letter| !matches!(letter, '=' | '!' | '<' | '>' | '~' | '^')).unwrap_or(rest.len());
        let (operator, after) = rest.split_at_checked(length)?;
        if !matches!(operator, "" | "=" | "!=" | ">" | "<" | ">=" | "=>" | "<=" | "=<" | "~" | "~>" | "^") {
            return None;
        }
        let after = after.trim_start();
        let length = after.find(|letter| !is_version_letter(letter)).unwrap_or(after.len());
        let (version, after) = after.split_at_checked(length)?;
        let trimmed = after.trim_start();
        if operator.is_empty()
            && let Some(second) = trimmed.strip_prefix('-').filter(|second| second.starts_with(' ') && trimmed.len() < after.len())
        {
            let second = second.trim_start();
            let length = second.find(|letter| !is_version_letter(letter)).unwrap_or(second.len());
            let (end, after) = second.split_at_checked(length)?;
            out.push(comparison(">=", version)?);
            out.push(comparison("<=", end)?);
            rest = after.trim_start().trim_start_matches(',').trim_start();
            continue;
        }
        out.push(comparison(operator, version)?);
        let next = trimmed.strip_prefix(',').map(str::trim_start);
        if next.is_some_and(str::is_empty) {
            return None;
        }
        if next.is_none() && trimmed.len() == after.len() && !trimmed.is_empty() && !trimmed.starts_with(['=', '!', '<', '>', '~', '^']) {
            return None;
        }
        rest = next.unwrap_or(trimmed);
    }
    Some(out)
}

fn comparison(operator: &str, text: &str) -> Option<Comparison> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let end = bare.find(['-', '+']).unwrap_or(bare.len());
    let (numbers, tail) = bare.split_at_checked(end)?;
    let tail = tail.split_once('+').map_or(tail, |(pre, _)| pre);
    let parts: Vec<&str> = numbers.split('.').collect();
    if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let any = |at: usize| parts.get(at).is_none_or(|part| matches!(*part, "x" | "X" | "*"));
    let part = |at: usize| parts.get(at).copied().unwrap_or("0");
    let (whole, dirty, minor_dirty, patch_dirty) = if any(0) {
        (format!("0.0.0{tail}"), true, false, false)
    } else if any(1) {
        (format!("{}.0.0{tail}", part(0)), true, true, false)
    } else if any(2) {
        (format!("{}.{}.0{tail}", part(0), part(1)), true, false, true)
    } else {
        (format!("{numbers}{tail}"), false, false, false)
    };
    Some(Comparison { operator: operator.to_owned(), version: Version::parse(&whole)?, dirty, minor_dirty, patch_dirty })
}

impl Comparison {
    fn matches(&self, version: &Version, pre: bool) -> bool {
        if !version.pre.is_empty() && !pre {
            return false;
        }
        let mine = &self.version;
        let order = version.precedence(mine);
        match &*self.operator {
            "!=" => {
                if self.dirty {
                    if mine.major != version.major || (mine.minor != version.minor && !self.minor_dirty) {
                        return true;
                    }
                    if self.minor_dirty {
                        return false;
                    }
                    if mine.patch != version.patch && !self.patch_dirty {
                        return true;
                    }
                    if self.patch_dirty {
                        return mine.pre != version.pre && (!mine.pre.is_empty() || !version.pre.is_empty());
                    }
                }
                order.is_ne()
            }
            ">" => {
                if !self.dirty || mine.major != version.major {
                    return if self.dirty { version.major > mine.major } else { order.is_gt() };
                }
                if self.minor_dirty {
                    false
                } else if self.patch_dirty {
                    version.minor > mine.minor
                } else {
                    order.is_gt()
                }
            }
            "<" => order.is_lt(),
            ">=" | "=>" => order.is_ge(),
            "<=" | "=<" => {
                if !self.dirty {
                    return order.is_le();
                }
                version.major <= mine.major && !(version.major == mine.major && version.minor > mine.minor && !self.minor_dirty)
            }
            "~" | "~>" => self.tilde(version),
            "^" => {
                if order.is_lt() {
                    return false;
                }
                if mine.major > 0 || self.minor_dirty {
                    return version.major == mine.major;
                }
                if version.major > 0 {
                    return false;
                }
                if mine.minor > 0 || self.patch_dirty {
                    return version.minor == mine.minor;
                }
                version.minor == 0 && version.patch == mine.patch
            }
            _ if self.dirty => self.tilde(version),
            _ => order.is_eq(),
        }
    }

    fn tilde(&self, version: &Version) -> bool {
        let mine = &self.version;
        if version.precedence(mine).is_lt() {
            return false;
        }
        if (mine.major, mine.minor, mine.patch) == (0, 0, 0) && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        version.major == mine.major && (version.minor == mine.minor || self.minor_dirty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints() {
        let check = |constraint: &str, version: &str, expected: bool| {
            let found = Constraint::parse(constraint).unwrap().matches(&Version::parse(version).unwrap());
            assert_eq!(found, expected, "for {version} and {constraint}");
        };
        check(">=1.19-0", "1.20.0", true);
        check(">=1.19", "v1.20.0-gke.1", false);
        check(">=1.19-0", "v1.20.0-gke.1", true);
        check("^1.2", "1.9.9", true);
        check("^1.2", "2.0.0", false);
        check("^0.2.3", "0.2.9", true);
        check("^0.2.3", "0.3.0", false);
        check("~1.2.3", "1.2.9", true);
        check("~1.2.3", "1.3.0", false);
        check("1.2.x", "1.2.7", true);
        check("*", "9.9.9", true);
        check("1.2 - 1.4.5", "1.4.5", true);
        check("1.2 - 1.4.5", "1.4.6", false);
        check(">=1.2, <2 || >=3", "3.1.0", true);
        check(">=1.2 <2", "2.0.0", false);
        check("!=1.2", "1.2.5", false);
        check(">1.2", "1.2.5", false);
        check("<=1.2", "1.2.5", true);
        check("1.2.3", "1.2.3+build", true);
    }

    #[test]
    fn what_is_none() {
        for text in ["", "a", ">>1", "1.2.3.4", "1..2"] {
            assert!(Constraint::parse(text).is_none(), "for {text:?}");
        }
        for text in ["", "a", "1.2.3.4", "1.2.3-", "1.2.3-01", "-1"] {
            assert!(Version::parse(text).is_none(), "for {text:?}");
        }
        assert_eq!(Version::parse("v1.2-rc.1+b").unwrap().to_string(), "1.2.0-rc.1+b");
    }
}
