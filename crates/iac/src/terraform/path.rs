//! Paths inside the tree: relative to its top, with `/`, empty for the top itself.

/// The folder of a file; empty for the top.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// A path below a folder.
pub(crate) fn below(folder: &str, rest: &str) -> String {
    if folder.is_empty() { rest.to_owned() } else { format!("{folder}/{rest}") }
}

/// `relative` seen from `folder`, with `.` and `..` resolved; `None` where it is absolute or leads out of the tree.
pub(crate) fn join(folder: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') || relative.contains('\\') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
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

/// Whether a module source is a folder of this tree.
pub(crate) fn is_local_source(source: &str) -> bool {
    matches!(source, "." | "..") || source.starts_with("./") || source.starts_with("../")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joining_never_leads_out() {
        let check = |folder: &str, relative: &str, expected: Option<&str>| {
            assert_eq!(join(folder, relative).as_deref(), expected, "{folder} {relative}")
        };
        check("a/b", "../c", Some("a/c"));
        check("", "./m/", Some("m"));
        check("a", "..", Some(""));
        check("a", "../..", None);
        check("", "../x", None);
        check("", "/etc", None);
    }
}
