//! Functions over files and paths. Files are read through [`super::Files`] and never outside the tree.

use std::sync::Arc;

use globset::GlobBuilder;
use probity_core::TreeError;
use probity_value::{Map, UnknownKind, Value};

use super::support::{Call, Stop, describe};
use super::{Function, hash};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "abspath" => Function::plain(1, 1, |call| {
            call.text(0)?;
            Ok(call.outside(UnknownKind::Function, "`abspath` depends on where the program runs"))
        }),
        "basename" => Function::plain(1, 1, |call| Ok(call.string(base(&call.text(0)?)))),
        "dirname" => Function::plain(1, 1, |call| Ok(call.string(folder(&call.text(0)?)))),
        "file" => Function::plain(1, 1, |call| text_file(call).map(|text| call.string(text))),
        "filebase64" => Function::plain(1, 1, |call| bytes(call).map(|bytes| call.string(hash::base64(&bytes)))),
        "filebase64sha256" => Function::plain(1, 1, |call| bytes(call).map(|bytes| call.string(hash::base64(&hash::sha256(&bytes))))),
        "filebase64sha512" => Function::plain(1, 1, |call| bytes(call).map(|bytes| call.string(hash::base64(&hash::sha512(&bytes))))),
        "fileexists" => Function::plain(1, 1, fileexists),
        "filemd5" => Function::plain(1, 1, |call| bytes(call).map(|bytes| call.string(hash::md5(&bytes)))),
        "fileset" => Function::plain(2, 2, fileset),
        "filesha1" => Function::plain(1, 1, |call| bytes(call).map(|bytes| call.string(hex::encode(hash::sha1(&bytes))))),
        "filesha256" => Function::plain(1, 1, |call| bytes(call).map(|bytes| call.string(hex::encode(hash::sha256(&bytes))))),
        "filesha512" => Function::plain(1, 1, |call| bytes(call).map(|bytes| call.string(hex::encode(hash::sha512(&bytes))))),
        "pathexpand" => Function::plain(1, 1, pathexpand),
        "templatefile" => Function::open(2, 2, templatefile).nullable(),
        "templatestring" => Function::open(2, 2, templatestring).nullable(),
        _ => return None,
    })
}

fn outside(call: &Call<'_>, path: &str) -> Stop {
    let shown: String = path.chars().take(120).collect();
    Stop::With(call.outside(UnknownKind::File, format!("`{shown}` leads out of the repository and is not read")))
}

/// A path as written, relative to the root module, to a path of the tree; `None` where it leads out.
fn resolve(root: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.starts_with('~') || path.contains('\\') {
        return None;
    }
    let mut parts: Vec<&str> = root.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
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

fn bytes(call: &Call<'_>) -> Result<Arc<[u8]>, Stop> {
    let path = call.text(0)?;
    let shown: String = path.chars().take(120).collect();
    let Some(resolved) = resolve(call.cx.root_dir, &path) else { return Err(outside(call, &path)) };
    match call.cx.files.read(&resolved) {
        Ok(bytes) => {
            call.spend(bytes.len() as u64 / 64)?;
            Ok(bytes)
        }
        Err(TreeError::Missing) => {
            // Paths start at the root module; people mean the module they write in.
            let beside = resolve(call.cx.module_dir, &path).filter(|beside| *beside != resolved && call.cx.files.read(beside).is_ok());
            let hint = if beside.is_some() { format!("; the one beside the module is `${{path.module}}/{shown}`") } else { String::new() };
            Err(call.error(format!("there is no file `{shown}`{hint}")))
        }
        Err(TreeError::Outside) => Err(outside(call, &path)),
        Err(error) => Err(Stop::With(call.outside(UnknownKind::File, format!("`{shown}` cannot be read: {error}")))),
    }
}

fn text_file(call: &Call<'_>) -> Result<Arc<str>, Stop> {
    let bytes = bytes(call)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(call.error("the file is not valid UTF-8")),
    }
}

fn fileexists(call: &Call<'_>) -> Result<Value, Stop> {
    let path = call.text(0)?;
    let Some(resolved) = resolve(call.cx.root_dir, &path) else { return Err(outside(call, &path)) };
    match call.cx.files.read(&resolved) {
        Ok(_) | Err(TreeError::TooLarge { .. }) => Ok(call.bool(true)),
        Err(TreeError::Missing) => Ok(call.bool(false)),
        Err(TreeError::Outside) => Err(outside(call, &path)),
        Err(error) => Err(Stop::With(call.outside(UnknownKind::File, format!("the file cannot be read: {error}")))),
    }
}

/// Names are relative to the first argument, as sorted text. `*` and `?` stay within one folder, `**` spans any, `{a,b}` is either.
fn fileset(call: &Call<'_>) -> Result<Value, Stop> {
    let (folder, pattern) = (call.text(0)?, call.text(1)?);
    let Some(start) = resolve(call.cx.root_dir, &folder) else { return Err(outside(call, &folder)) };
    // The pattern may go up; what it then matches is named by way of `..`.
    let mut below: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    let mut ups = 0_usize;
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_some() => {}
            ".." => {
                if below.pop().is_none() {
                    return Err(outside(call, &pattern));
                }
                ups += 1;
            }
            part => parts.push(part),
        }
    }
    let base = below.join("/");
    let written = parts.join("/");
    let glob = GlobBuilder::new(&written)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|_| call.error(format!("`{}` is not a valid pattern", pattern.chars().take(120).collect::<String>())))?
        .compile_matcher();
    let inside = if base.is_empty() { String::new() } else { format!("{base}/") };
    let back = if start.is_empty() { String::new() } else { format!("{start}/") };
    let mut names = Vec::new();
    for path in call.cx.files.list(&base) {
        call.spend(1)?;
        let Some(relative) = path.strip_prefix(&inside) else { continue };
        if glob.is_match(relative) {
            names.push(match path.strip_prefix(&back) {
                Some(name) => name.to_owned(),
                None => format!("{}{relative}", "../".repeat(ups)),
            });
        }
    }
    names.sort();
    Ok(Value::list(names.into_iter().map(|name| call.string(name)).collect(), call.cx.span))
}

/// The last part; `.` of nothing, `/` of slashes alone.
fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

/// All but the last part, cleaned as Go cleans paths.
fn folder(path: &str) -> String {
    clean(path.rfind('/').map_or("", |at| path.get(..=at).unwrap_or_default()))
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") | None if !rooted => parts.push(".."),
                _ => {
                    parts.pop();
                }
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn pathexpand(call: &Call<'_>) -> Result<Value, Stop> {
    let path = call.text(0)?;
    if path.starts_with('~') {
        return Ok(call.outside(UnknownKind::Function, "`~` depends on who runs the program"));
    }
    Ok(call.string(path))
}

fn variables<'c>(call: &Call<'c>) -> Result<&'c Map, Stop> {
    let value = call.known(1)?;
    value.as_map().ok_or_else(|| call.error(format!("argument 2 must be a map of variables, not {}", describe(value))))
}

fn templatefile(call: &Call<'_>) -> Result<Value, Stop> {
    call.known(0)?;
    let variables = variables(call)?;
    let text = text_file(call)?;
    let value = (call.cx.render)(&text, variables, call.cx.span)?;
    Ok(call.marked(value, false))
}

fn templatestring(call: &Call<'_>) -> Result<Value, Stop> {
    let text = call.text(0)?;
    let value = (call.cx.render)(&text, variables(call)?, call.cx.span)?;
    Ok(call.marked(value, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |root: &str, path: &str, expected: Option<&str>| {
            assert_eq!(resolve(root, path).as_deref(), expected, "{root} {path}");
        };
        check("envs/prod", "./a.json", Some("envs/prod/a.json"));
        check("envs/prod", "../../modules/db/x", Some("modules/db/x"));
        check("envs/prod", "../../..", None);
        check("", "../x", None);
        check("", "a//b/./c/..", Some("a/b"));
        check("", "/etc/passwd", None);
        check("", "~/x", None);
        check("", "..\\x", None);
        for (path, expected) in [("a/b/c", "a/b"), ("a", "."), ("/a", "/"), ("a/../b/c", "b"), ("../a", ".."), ("", "."), ("a/b/", "a/b")] {
            assert_eq!(folder(path), expected, "{path}");
        }
        for (path, expected) in [("a/b", "b"), ("a/b/", "b"), ("", "."), ("/", "/")] {
            assert_eq!(base(path), expected, "{path}");
        }
    }
}
