//! Paths of entries.

use crate::Trouble;

/// Longest path, in bytes.
const LONGEST: usize = 16 << 10;

/// A path of an entry as it is written, made relative and plain: no `.`, no `..`, no empty part, no slash at its end. The empty text is
/// the top itself. What is odd and yet read is told in `odd`.
///
/// # Errors
/// [`Trouble::Escape`] where it leads out, [`Trouble::Path`] where it can be no path.
pub fn normal(raw: &[u8], backslashes: bool, odd: &mut dyn FnMut(Trouble)) -> Result<String, Trouble> {
    if raw.len() > LONGEST || raw.contains(&0) {
        return Err(Trouble::Path);
    }
    let text = match std::str::from_utf8(raw) {
        Ok(text) => std::borrow::Cow::Borrowed(text),
        Err(_) => {
            odd(Trouble::NotText);
            String::from_utf8_lossy(raw)
        }
    };
    let mut text = text.into_owned();
    if text.contains('\\') {
        // Where a backslash is a letter like others, it may still mean a step up to whoever unpacks elsewhere.
        if text.split(['/', '\\']).any(|part| part == "..") {
            return Err(Trouble::Escape);
        }
        if backslashes {
            odd(Trouble::Backslash);
            text = text.replace('\\', "/");
        }
    }
    let drive = text.as_bytes().get(1) == Some(&b':') && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    if text.starts_with('/') || (backslashes && drive) {
        odd(Trouble::Absolute);
    }
    let mut out = String::with_capacity(text.len());
    for (position, part) in text.split('/').enumerate() {
        match part {
            "" | "." => continue,
            ".." => return Err(Trouble::Escape),
            _ if backslashes && position == 0 && drive && part.len() == 2 => continue,
            part => {
                if !out.is_empty() {
                    out.push('/');
                }
                out.push_str(part);
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        let check = |raw: &[u8], backslashes: bool, expected: &str| {
            let mut odd = Vec::new();
            let shown = match normal(raw, backslashes, &mut |trouble| odd.push(trouble)) {
                Ok(path) => path,
                Err(trouble) => format!("{trouble:?}"),
            };
            assert_eq!(format!("{shown} {odd:?}"), expected);
        };
        check(b"./usr//bin/./ls", false, "usr/bin/ls []");
        check(b"./", false, " []");
        check(b"/etc/passwd", false, "etc/passwd [Absolute]");
        check(b"../etc/passwd", false, "Escape []");
        check(b"a/../../b", false, "Escape []");
        check(b"a/../b", false, "Escape []");
        check(b"a\\..\\..\\b", false, "Escape []");
        check(b"dev\\x2dhugepages.mount", false, "dev\\x2dhugepages.mount []");
        check(b"WEB-INF\\lib\\a.jar", true, "WEB-INF/lib/a.jar [Backslash]");
        check(b"C:\\a", true, "a [Backslash, Absolute]");
        check(b"a\xff", false, "a\u{fffd} [NotText]");
        check(b"a\0b", false, "Path []");
        check(&[b'a'; 20_000], false, "Path []");
        check("..a/b..".as_bytes(), false, "..a/b.. []");
    }
}
