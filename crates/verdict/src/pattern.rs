//! Patterns over paths (globs) and over subject ids (`*` only, since ids hold brackets).

use std::fmt;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

/// A pattern over paths with `/`: `*` stays within one folder, `**` goes through folders, `{a,b}` and `[a-z]` as usual. One without
/// wildcards is a file, or a folder with everything below it.
#[derive(Clone, Debug)]
pub struct PathPattern {
    text: Arc<str>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Everything,
    Glob { whole: GlobMatcher, below: Option<GlobMatcher> },
}

/// Not a path pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a path pattern: {why}")]
pub struct PatternError {
    /// What was given.
    pub pattern: String,
    /// What is wrong with it.
    pub why: String,
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`] where it is empty, leads out of the tree, or is no glob.
    pub fn new(text: &str) -> Result<PathPattern, PatternError> {
        let wrong = |why: &str| PatternError { pattern: text.chars().take(120).collect(), why: why.to_owned() };
        let bare = text.strip_prefix("./").unwrap_or(text);
        let bare = bare.strip_suffix('/').unwrap_or(bare);
        if bare.is_empty() {
            return Err(wrong("it is empty"));
        }
        if bare.starts_with('/') || bare.split('/').any(|part| part == "..") {
            return Err(wrong("it leads out of the repository"));
        }
        if text.len() > 1024 {
            return Err(wrong("it is longer than 1024 bytes"));
        }
        let build = |glob: &str| {
            GlobBuilder::new(glob)
                .literal_separator(true)
                .build()
                .map(|glob| glob.compile_matcher())
                .map_err(|error| wrong(&error.kind().to_string()))
        };
        if bare == "**" {
            return Ok(PathPattern::everything());
        }
        let below = if bare.ends_with("**") { None } else { Some(build(&format!("{bare}/**"))?) };
        Ok(PathPattern { text: text.into(), kind: Kind::Glob { whole: build(bare)?, below } })
    }

    /// The pattern of every path.
    #[must_use]
    pub fn everything() -> PathPattern {
        PathPattern { text: "**".into(), kind: Kind::Everything }
    }

    /// Whether the path, relative with `/`, is meant.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path = path.strip_prefix("./").unwrap_or(path);
        match &self.kind {
            Kind::Everything => true,
            Kind::Glob { whole, below } => whole.is_match(path) || below.as_ref().is_some_and(|below| below.is_match(path)),
        }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &PathPattern) -> bool {
        self.text == other.text
    }
}

impl Eq for PathPattern {}

/// Whether `pattern`, where `*` stands for any text, matches `text` whole. Letter case counts.
#[must_use]
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |pattern: &str, path: &str, expected: bool| {
            assert_eq!(PathPattern::new(pattern).unwrap().matches(path), expected, "{pattern} {path}");
        };
        check("environments/prod/**", "environments/prod/main.tf", true);
        check("environments/prod/**", "environments/prod/a/b.tf", true);
        check("environments/prod/**", "environments/test/main.tf", false);
        check("environments/prod", "environments/prod/a/b.tf", true);
        check("environments/prod/", "environments/prod/a/b.tf", true);
        check("./environments/prod", "environments/prod/b.tf", true);
        check("environments/prod", "environments/production/b.tf", false);
        check("environments/*", "environments/prod/b.tf", true);
        check("*.tf", "main.tf", true);
        check("*.tf", "a/main.tf", false);
        check("**/*.tf", "a/main.tf", true);
        check("**", "anything/at/all", true);
        check("environments/{prod,stage}/**", "environments/stage/x.tf", true);
        for wrong in ["", "/", "./", "/etc/passwd", "../x", "a/../../b", "a/{b", "[z-a]"] {
            assert!(PathPattern::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids() {
        let check = |pattern: &str, text: &str, expected: bool| assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
        check("aws_s3_bucket.logs", "aws_s3_bucket.logs", true);
        check("aws_s3_bucket.logs", "aws_s3_bucket.logs2", false);
        check("aws_s3_bucket.*", "aws_s3_bucket.logs", true);
        check("*.logs", "module.a.aws_s3_bucket.logs", true);
        check("*", "", true);
        check("a*a", "a", false);
        check("a*b*a", "abba", true);
        check("a*b*a", "aa", false);
        check(r#"module.db["*"].x"#, r#"module.db["eu"].x"#, true);
        check("", "", true);
        check("", "x", false);
        check("*a*a*a*b", &"a".repeat(10_000), false);
    }

    #[test]
    fn wildcards_take_the_leftmost_middle_and_the_last_end() {
        assert!(wildcard("a*bc", "abcbc"));
        assert!(wildcard("*ab*ab", "abab"));
        assert!(!wildcard("*ab*ab", "ab"));
    }
}
