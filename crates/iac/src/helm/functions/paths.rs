//! Paths, URLs and versions.

use std::rc::Rc;

use super::super::semver::{Constraint, Version};
use super::super::value::{Data, Map, Special, Val};
use super::{Answer, Call, Function, opaque, question, refuse};

pub(super) const TABLE: &[Function] = &[
    opaque("base", 1, 1, base),
    opaque("osBase", 1, 1, base),
    opaque("dir", 1, 1, dir),
    opaque("osDir", 1, 1, dir),
    opaque("clean", 1, 1, |call| Ok(clean(&call.string(0)?).into())),
    opaque("osClean", 1, 1, |call| Ok(clean(&call.string(0)?).into())),
    opaque("ext", 1, 1, ext),
    opaque("osExt", 1, 1, ext),
    question("isAbs", 1, 1, |call| Ok(Val::from(call.string(0)?.starts_with('/')))),
    question("osIsAbs", 1, 1, |call| Ok(Val::from(call.string(0)?.starts_with('/')))),
    opaque("urlParse", 1, 1, url_parse),
    opaque("urlJoin", 1, 1, url_join),
    opaque("semver", 1, 1, |call| match Version::parse(&call.string(0)?) {
        Some(version) => Ok(Data::Special(Rc::new(Special::Version(version))).into()),
        None => refuse(format!("`{}` is not a version", call.string(0)?)),
    }),
    question("semverCompare", 2, 2, |call| {
        let (constraint, version) = (call.string(0)?, call.shown(1).shared());
        match (Constraint::parse(&constraint), Version::parse(&version)) {
            (Some(constraint), Some(version)) => Ok(Val::from(constraint.matches(&version))),
            (None, _) => refuse(format!("`{constraint}` is not a constraint on versions")),
            (_, None) => refuse(format!("`{version}` is not a version")),
        }
    }),
];

fn base(call: &mut Call<'_, '_>) -> Answer {
    let path = call.string(0)?;
    if path.is_empty() {
        return Ok(Val::from("."));
    }
    let bare = path.trim_end_matches('/');
    let name = bare.rsplit_once('/').map_or(bare, |(_, name)| name);
    Ok(Val::from(if name.is_empty() { "/" } else { name }))
}

fn dir(call: &mut Call<'_, '_>) -> Answer {
    let path = call.string(0)?;
    Ok(clean(path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("")).into())
}

fn ext(call: &mut Call<'_, '_>) -> Answer {
    let path = call.string(0)?;
    let name = path.rsplit_once('/').map_or(&*path, |(_, name)| name);
    Ok(Val::from(name.rfind('.').and_then(|at| name.get(at..)).unwrap_or("")))
}

/// `path.Clean`.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") | None if !rooted => parts.push(".."),
                None => {}
                Some(_) => {
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

fn url_parse(call: &mut Call<'_, '_>) -> Answer {
    let url = call.string(0)?;
    let (rest, fragment) = url.split_once('#').unwrap_or((&url, ""));
    let scheme_end = rest.find(':').filter(|at| {
        let scheme = rest.get(..*at).unwrap_or_default();
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'+' | b'-' | b'.'))
    });
    let (scheme, rest) = match scheme_end {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default()),
        None => ("", rest),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path, opaque) = match rest.strip_prefix("//") {
        Some(behind) => match behind.find('/') {
            Some(at) => (behind.get(..at).unwrap_or_default(), behind.get(at..).unwrap_or_default(), ""),
            None => (behind, "", ""),
        },
        None if !scheme.is_empty() && !rest.starts_with('/') => ("", "", rest),
        None => ("", rest, ""),
    };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let hostname = match host.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        Some((inside, _)) => inside,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let map = Map::new();
    let scheme = scheme.to_ascii_lowercase();
    for (key, value) in [
        ("scheme", &*scheme),
        ("host", host),
        ("hostname", hostname),
        ("path", path),
        ("query", query),
        ("opaque", opaque),
        ("fragment", fragment),
        ("userinfo", user),
    ] {
        map.set(key, Val::from(value));
    }
    Ok(map.into())
}

fn url_join(call: &mut Call<'_, '_>) -> Answer {
    let map = call.map(0)?;
    let part = |key: &str| match map.get(key) {
        None => Ok(Rc::from("")),
        Some(value) => match value.as_str() {
            Some(text) => Ok(Rc::from(text)),
            None => refuse(format!("`{key}` must be a string")),
        },
    };
    let (scheme, host, path, query): (Rc<str>, Rc<str>, Rc<str>, Rc<str>) = (part("scheme")?, part("host")?, part("path")?, part("query")?);
    let (opaque, fragment, user): (Rc<str>, Rc<str>, Rc<str>) = (part("opaque")?, part("fragment")?, part("userinfo")?);
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&scheme);
        out.push(':');
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !user.is_empty() {
            if !host.is_empty() || !path.is_empty() || !user.is_empty() {
                out.push_str("//");
            }
            if !user.is_empty() {
                out.push_str(&user);
                out.push('@');
            }
            out.push_str(&host);
        }
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        for byte in path.bytes() {
            let plain = byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!'()*%".contains(&byte);
            if plain { out.push(char::from(byte)) } else { out.push_str(&format!("%{byte:02X}")) }
        }
    } else {
        out.push_str(&opaque);
    }
    if !query.is_empty() {
        out.push('?');
        out.push_str(&query);
    }
    if !fragment.is_empty() {
        out.push('#');
        out.push_str(&fragment);
    }
    Ok(out.into())
}
