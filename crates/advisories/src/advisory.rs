//! An advisory as a type: what is broken, how badly, and in which versions.

use probity_core::Severity;

/// What is said to be broken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advisory {
    /// Its id: `GHSA-jfh8-c2jp-5v3q`, `RUSTSEC-2021-0120`.
    pub id: String,
    /// Other ids of the same fault.
    pub aliases: Vec<String>,
    /// Faults it speaks of without being them: what a distribution's advisory mends.
    pub related: Vec<String>,
    /// One line.
    pub summary: String,
    /// The whole text.
    pub details: String,
    /// When it was published, in seconds since 1970; 0 where nobody says.
    pub published: i64,
    /// When it was changed last.
    pub modified: i64,
    /// Whether it was taken back.
    pub withdrawn: bool,
    /// How bad, in words or by its score; `None` where nobody says.
    pub severity: Option<Severity>,
    /// The CVSS vector it was scored by.
    pub vector: Option<String>,
    /// The base score of the vector, 0 to 10.
    pub score: Option<f64>,
    /// Weaknesses: `CWE-502`.
    pub cwes: Vec<String>,
    /// Addresses to read more at.
    pub references: Vec<String>,
    /// Whether the package itself is meant to harm.
    pub malicious: bool,
    /// What it is where it is no hole: `unmaintained`, `unsound`, `notice`.
    pub informational: Option<String>,
    /// Packages and versions.
    pub affected: Vec<Affected>,
}

/// A package that is affected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// Ecosystem as OSV names it, with its release: `npm`, `Debian:12`.
    pub ecosystem: String,
    /// Name as the advisory writes it.
    pub name: String,
    /// Ranges of versions, in their order.
    pub intervals: Vec<Interval>,
    /// Single versions.
    pub versions: Vec<String>,
    /// Whether versions may be affected that neither ranges nor versions tell: the advisory speaks of commits only.
    pub commits_only: bool,
}

/// A range of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The first version that is affected; `0` for all from the start.
    pub introduced: String,
    /// Where it ends.
    pub end: End,
}

/// Where a range ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Before this version, which is mended.
    Fixed(String),
    /// With this version.
    Last(String),
    /// Nowhere yet.
    Open,
}

/// How bad a score is (CVSS 3.1, section 5).
#[must_use]
pub fn severity_of_score(score: f64) -> Severity {
    match score {
        score if score >= 9.0 => Severity::Critical,
        score if score >= 7.0 => Severity::High,
        score if score >= 4.0 => Severity::Medium,
        score if score > 0.0 => Severity::Low,
        _ => Severity::Info,
    }
}

/// How bad a word of an advisory is; `None` for one that says nothing.
#[must_use]
pub fn severity_of_word(word: &str) -> Option<Severity> {
    Some(match word.to_ascii_lowercase().as_str() {
        "critical" => Severity::Critical,
        "high" | "important" => Severity::High,
        "medium" | "moderate" => Severity::Medium,
        "low" | "minor" => Severity::Low,
        "negligible" | "none" | "unimportant" => Severity::Info,
        _ => return None,
    })
}

/// The base score of a CVSS vector of version 2, 3 or 4.
#[must_use]
pub fn score_of_vector(vector: &str) -> Option<f64> {
    if vector.starts_with("CVSS:4") {
        return vector.parse::<cvss::v4::Vector>().ok().map(|vector| cvss::v4::Score::from(&vector).value());
    }
    if vector.starts_with("CVSS:3") {
        return vector.parse::<cvss::v3::Vector>().ok().map(|base| base.score().value());
    }
    vector.trim_matches(['(', ')']).parse::<cvss::v2::Vector>().ok().map(|vector| vector.score().value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_scores() {
        let check = |vector: &str, expected: Option<f64>| assert_eq!(score_of_vector(vector), expected, "{vector}");
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Some(10.0));
        check("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", Some(7.5));
        check("CVSS:3.1/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N", Some(2.2));
        check("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", Some(10.0));
        check("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:L/SC:N/SI:N/SA:N", Some(6.9));
        check("AV:N/AC:L/Au:N/C:C/I:C/A:C", Some(10.0));
        check("CVSS:3.1/nonsense", None);
    }

    #[test]
    fn words_and_scores_have_severities() {
        assert_eq!(severity_of_score(9.0), Severity::Critical);
        assert_eq!(severity_of_score(8.9), Severity::High);
        assert_eq!(severity_of_score(0.0), Severity::Info);
        assert_eq!(severity_of_word("Important"), Some(Severity::High));
        assert_eq!(severity_of_word("UNKNOWN"), None);
    }
}
