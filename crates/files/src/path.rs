//! Paths relative to the top of a tree, with `/`.

/// Resolves `.` and `..` in a relative path; `None` where it is absolute or leads above the top. The top itself is the empty path.
#[must_use]
pub fn normalise(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_top() {
        let check = |path: &str, expected: Option<&str>| assert_eq!(normalise(path).as_deref(), expected, "{path}");
        check("a/./b//c", Some("a/b/c"));
        check("a/../b", Some("b"));
        check("a/..", Some(""));
        check("..", None);
        check("a/../../b", None);
        check("/etc/passwd", None);
        check("a\0b", None);
    }
}
