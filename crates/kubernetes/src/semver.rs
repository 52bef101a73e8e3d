//! Versions by semver.org as Kubernetes' expressions read and compare them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::duration::quote;

/// Why a text is no version.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SemverError {
    /// Nothing is written.
    #[error("Version string empty")]
    Empty,
    /// Parts are missing.
    #[error("No Major.Minor.Patch elements found")]
    Parts,
    /// A part has something else than digits.
    #[error("Invalid character(s) found in {0} number {1}")]
    Characters(&'static str, String),
    /// A part begins with a zero.
    #[error("{0} number must not contain leading zeroes {1}")]
    LeadingZeroes(&'static str, String),
    /// A number is missing or too large.
    #[error("strconv.ParseUint: parsing {0}: {1}")]
    Number(String, &'static str),
    /// An empty part of a pre-release.
    #[error("Prerelease is empty")]
    EmptyPrerelease,
    /// A number in a pre-release begins with a zero.
    #[error("Numeric PreRelease version must not contain leading zeroes {0}")]
    PrereleaseZeroes(String),
    /// A pre-release with other characters than letters, digits and `-`.
    #[error("Invalid character(s) found in prerelease {0}")]
    PrereleaseCharacters(String),
    /// An empty part of build metadata.
    #[error("Build meta data is empty")]
    EmptyBuild,
    /// Build metadata with other characters than letters, digits and `-`.
    #[error("Invalid character(s) found in build meta data {0}")]
    BuildCharacters(String),
    /// A version without all three numbers has a pre-release or build.
    #[error("short version cannot contain PreRelease/Build meta data")]
    Short,
}

/// One part of a pre-release.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Prerelease {
    /// Digits: lower than any text.
    Number(u64),
    /// Text.
    Text(Arc<str>),
}

/// A version. Equality and order leave the build metadata out, as precedence does.
#[derive(Clone, Debug)]
pub struct Semver {
    /// The first number.
    pub major: u64,
    /// The second.
    pub minor: u64,
    /// The third.
    pub patch: u64,
    /// Behind `-`.
    pub prerelease: Vec<Prerelease>,
    /// Behind `+`.
    pub build: Vec<Arc<str>>,
}

impl Semver {
    /// Reads `1.2.3-rc.1+build`.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse(text: &str) -> Result<Semver, SemverError> {
        if text.is_empty() {
            return Err(SemverError::Empty);
        }
        let (major, rest) = text.split_once('.').ok_or(SemverError::Parts)?;
        let (minor, rest) = rest.split_once('.').ok_or(SemverError::Parts)?;
        let major = number(major, "major", "Major")?;
        let minor = number(minor, "minor", "Minor")?;
        let (rest, build) = split_behind(rest, '+');
        let (patch, prerelease) = split_behind(rest, '-');
        let patch = number(patch, "patch", "Patch")?;
        let prerelease = prerelease.map_or(Ok(Vec::new()), |text| text.split('.').map(prerelease_part).collect())?;
        let build = build.map_or(Ok(Vec::new()), |text| text.split('.').map(build_part).collect())?;
        Ok(Semver { major, minor, patch, prerelease, build })
    }

    /// Reads a version after taking off a `v` and leading zeros and filling up missing numbers: `v1.02` is `1.2.0`.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse_normalized(text: &str) -> Result<Semver, SemverError> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<String> = text.splitn(3, '.').map(without_leading_zeros).collect();
        if parts.len() < 3 {
            if parts.last().is_some_and(|part| part.contains(['+', '-'])) {
                return Err(SemverError::Short);
            }
            parts.resize(3, "0".to_owned());
        }
        Semver::parse(&parts.join("."))
    }
}

fn without_leading_zeros(part: &str) -> String {
    if part.len() <= 1 {
        return part.to_owned();
    }
    let rest = part.trim_start_matches('0');
    if rest.starts_with(|c: char| c.is_ascii_digit()) { rest.to_owned() } else { format!("0{rest}") }
}

fn split_behind(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn number(text: &str, name: &'static str, capital: &'static str) -> Result<u64, SemverError> {
    if text.contains(|c: char| !c.is_ascii_digit()) {
        return Err(SemverError::Characters(name, quote(text)));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(SemverError::LeadingZeroes(capital, quote(text)));
    }
    plain_number(text)
}

fn plain_number(text: &str) -> Result<u64, SemverError> {
    text.parse().map_err(|_| SemverError::Number(quote(text), if text.is_empty() { "invalid syntax" } else { "value out of range" }))
}

fn prerelease_part(text: &str) -> Result<Prerelease, SemverError> {
    if text.is_empty() {
        return Err(SemverError::EmptyPrerelease);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        if text.len() > 1 && text.starts_with('0') {
            return Err(SemverError::PrereleaseZeroes(quote(text)));
        }
        return plain_number(text).map(Prerelease::Number);
    }
    if text.bytes().all(is_word) { Ok(Prerelease::Text(text.into())) } else { Err(SemverError::PrereleaseCharacters(quote(text))) }
}

fn build_part(text: &str) -> Result<Arc<str>, SemverError> {
    if text.is_empty() {
        return Err(SemverError::EmptyBuild);
    }
    if text.bytes().all(is_word) { Ok(text.into()) } else { Err(SemverError::BuildCharacters(quote(text))) }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

impl PartialEq for Semver {
    fn eq(&self, other: &Semver) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Semver {}

impl PartialOrd for Semver {
    fn partial_cmp(&self, other: &Semver) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Semver {
    fn cmp(&self, other: &Semver) -> Ordering {
        let numbers = |version: &Semver| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => self.prerelease.cmp(&other.prerelease),
        })
    }
}

impl fmt::Display for Semver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        for (index, part) in self.prerelease.iter().enumerate() {
            f.write_str(if index == 0 { "-" } else { "." })?;
            match part {
                Prerelease::Number(number) => write!(f, "{number}")?,
                Prerelease::Text(text) => f.write_str(text)?,
            }
        }
        for (index, part) in self.build.iter().enumerate() {
            write!(f, "{}{part}", if index == 0 { "+" } else { "." })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(Semver::parse(text).map_or_else(|error| error.to_string(), |version| version.to_string()), expected, "{text}");
    }

    #[test]
    fn read() {
        for text in ["1.2.3", "0.0.0", "1.2.3-rc.1", "1.2.3-a-b.0+x.01", "1.2.3+5", "18446744073709551615.0.0", "1.0.0--"] {
            check(text, text);
        }
        for (text, expected) in [
            ("", "Version string empty"),
            ("1.0", "No Major.Minor.Patch elements found"),
            ("v1.0.0", "Invalid character(s) found in major number \"v1\""),
            ("01.0.0", "Major number must not contain leading zeroes \"01\""),
            ("1.00.0", "Minor number must not contain leading zeroes \"00\""),
            ("1..0", "strconv.ParseUint: parsing \"\": invalid syntax"),
            ("1.0.18446744073709551616", "strconv.ParseUint: parsing \"18446744073709551616\": value out of range"),
            ("1.0.0-", "Prerelease is empty"),
            ("1.0.0-01", "Numeric PreRelease version must not contain leading zeroes \"01\""),
            ("1.0.0-ä", "Invalid character(s) found in prerelease \"ä\""),
            ("1.0.0+", "Build meta data is empty"),
            ("1.0.0+a_b", "Invalid character(s) found in build meta data \"a_b\""),
            ("1.0.x", "Invalid character(s) found in patch number \"x\""),
            ("1.0.0.0", "Invalid character(s) found in patch number \"0.0\""),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn normalized() {
        for (text, expected) in [
            ("v1.0", "1.0.0"),
            ("1", "1.0.0"),
            ("v01.02.03", "1.2.3"),
            ("1.0.0-rc", "1.0.0-rc"),
            ("01.01.01", "1.1.1"),
            ("1.00.1", "1.0.1"),
            ("1.0-rc", "short version cannot contain PreRelease/Build meta data"),
            ("", "strconv.ParseUint: parsing \"\": invalid syntax"),
            ("vv1", "Invalid character(s) found in major number \"v1\""),
        ] {
            let expected = if text == "vv1" { "Invalid character(s) found in major number \"0v1\"" } else { expected };
            assert_eq!(
                Semver::parse_normalized(text).map_or_else(|error| error.to_string(), |version| version.to_string()),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn order() {
        let order = [
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-11",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0",
            "1.0.1",
            "1.10.0",
            "2.0.0",
        ];
        let versions: Vec<Semver> = order.iter().map(|text| Semver::parse(text).unwrap()).collect();
        assert!(versions.is_sorted());
        assert!(versions.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(Semver::parse("1.0.0+a").unwrap(), Semver::parse("1.0.0+b").unwrap());
    }
}
