//! `.helmignore`: which files of a chart folder are not part of it.

use globset::{GlobBuilder, GlobMatcher};

struct Rule {
    matcher: GlobMatcher,
    /// `!`: takes back what an earlier line said.
    back: bool,
    folders_only: bool,
    /// A pattern without `/` is meant for the name alone.
    name_only: bool,
}

/// The rules of one chart.
#[derive(Default)]
pub(super) struct Ignore(Vec<Rule>);

impl Ignore {
    /// Reads the file; lines that are no pattern are passed over, as Helm refuses them.
    pub(super) fn parse(text: &str) -> Ignore {
        Ignore(text.lines().filter_map(|line| rule(line.trim())).collect())
    }

    /// Whether a file is left out: itself, or a folder it is in.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        // Hidden files among the templates are never templates.
        if path.strip_prefix("templates/").is_some_and(|rest| rest.starts_with('.')) {
            return true;
        }
        let folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        folders.map(|folder| (folder, true)).chain([(path, false)]).any(|(path, folder)| self.matches(path, folder))
    }

    fn matches(&self, path: &str, folder: bool) -> bool {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        for rule in &self.0 {
            if rule.folders_only && !folder {
                if rule.back {
                    return true;
                }
                continue;
            }
            let hit = rule.matcher.is_match(if rule.name_only { name } else { path });
            // Helm takes a negated pattern that does not match for one that leaves out.
            if hit != rule.back {
                return true;
            }
        }
        false
    }
}

fn rule(line: &str) -> Option<Rule> {
    if line.is_empty() || line.starts_with('#') || line.contains("**") {
        return None;
    }
    let (back, pattern) = match line.strip_prefix('!') {
        Some(pattern) => (true, pattern),
        None => (false, line),
    };
    let (folders_only, pattern) = match pattern.strip_suffix('/') {
        Some(pattern) => (true, pattern),
        None => (false, pattern),
    };
    let (rooted, pattern) = match pattern.strip_prefix('/') {
        Some(pattern) => (true, pattern),
        None => (false, pattern),
    };
    let matcher = GlobBuilder::new(pattern).literal_separator(true).build().ok()?.compile_matcher();
    Some(Rule { matcher, back, folders_only, name_only: !rooted && !pattern.contains('/') })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |rules: &str, path: &str, expected: bool| {
            assert_eq!(Ignore::parse(rules).leaves_out(path), expected, "for {path} and {rules:?}")
        };
        check("*.bak", "templates/x.bak", true);
        check("*.bak", "templates/x.yaml", false);
        check("/a.txt", "b/a.txt", false);
        check("/a.txt", "a.txt", true);
        check("docs/", "docs/x/y", true);
        check("docs/", "docs", false);
        check("templates/test.yaml", "templates/test.yaml", true);
        check("# *\n", "a", false);
        check("", "templates/.hidden", true);
    }
}
