//! Helm's own functions, and the methods of `.Files`.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use probity_value::{Span, UnknownKind};

use super::super::exec::{Engine, Stop, wrong};
use super::super::value::{Data, Files, Map, MapKind, Val};
use super::super::yaml_text;
use super::{Answer, Call, Function, through};

pub(super) const TABLE: &[Function] = &[
    through("include", 2, 2, |call| {
        let name = call.string(0)?;
        let data = call.any(1);
        Ok(call.engine.include(&name, data)?.into())
    }),
    through("tpl", 2, 2, |call| {
        let text = call.text(0)?;
        let data = call.any(1);
        Ok(call.engine.tpl(&text, data)?.into())
    }),
    // No cluster is asked: as `helm template` has it, nothing is there.
    through("lookup", 4, 4, |_| Ok(Map::new().into())),
];

/// `fail`: noted, and what follows runs all the same, so that nothing hides behind it.
pub(super) fn fail(call: &mut Call<'_, '_>) -> Answer {
    let message = call.string(0)?;
    call.engine.need(&message, call.span);
    Ok(Val::from(""))
}

/// `required`: what is missing cannot be known.
pub(super) fn required(call: &mut Call<'_, '_>) -> Answer {
    let value = call.any(1);
    let missing = match &value.data {
        Data::Nil => true,
        Data::Str(text) => text.as_str().is_empty(),
        _ => false,
    };
    if !missing {
        return Ok(value);
    }
    let message = call.string(0)?;
    call.engine.need(&message, call.span);
    let reason = call.engine.reason(UnknownKind::Variable, &format!("the chart asks for a value: {}", message.trim()));
    Ok(Val::lost(reason, true))
}

/// A method of `.Files`, or the content of a file named as a field.
pub(super) fn file_method(engine: &mut Engine<'_>, files: &Files, name: &str, arguments: &[Val], span: Span) -> Result<Val, Stop> {
    let path =
        || arguments.first().and_then(Val::as_str).map(str::to_owned).ok_or_else(|| wrong(format!("`.Files.{name}` needs a path"), span));
    let content = |path: &str| {
        if files.names.iter().any(|known| **known == *path) { engine.charts.file(files.chart, path).unwrap_or_default() } else { "".into() }
    };
    Ok(match name {
        "Get" | "GetBytes" => content(&path()?).into(),
        "Lines" => {
            let text = content(&path()?);
            let whole = text.as_str();
            if whole.is_empty() {
                return Ok(Vec::new().into());
            }
            let bare = whole.strip_suffix('\n').unwrap_or(whole);
            Val::strings(bare.split('\n').map(|line| Val::from(text.within(line))).collect())
        }
        "Glob" => {
            let pattern = path()?;
            // A pattern that is none matches everything, as in Helm.
            let glob = regex::Regex::new(&glob(&pattern)).ok();
            let names = files.names.iter().filter(|name| glob.as_ref().is_none_or(|glob| glob.is_match(name))).cloned().collect();
            super::files(files.chart, names)
        }
        "AsConfig" | "AsSecrets" => {
            let mut entries: BTreeMap<Rc<str>, Val> = BTreeMap::new();
            let mut size = 0;
            for path in &files.names {
                let base = path.rsplit_once('/').map_or(&**path, |(_, base)| base);
                let value = if name == "AsConfig" {
                    Val::from(engine.charts.file(files.chart, path).unwrap_or_default())
                } else {
                    let bytes = engine.charts.bytes(files.chart, path).unwrap_or_default();
                    Val::from(base64::engine::general_purpose::STANDARD.encode(bytes))
                };
                size += value.as_str().map_or(0, str::len);
                if size > super::super::exec::MAX_TEXT {
                    return Err(super::super::exec::limit("the files are too large together", span));
                }
                entries.insert(base.into(), value);
            }
            let map = Map::of(MapKind::Plain, entries).into();
            yaml_text::to_yaml(&map, engine.marker).map_or_else(|_| Val::from(""), Val::from)
        }
        other if arguments.is_empty() => match files.names.iter().find(|known| ***known == *other) {
            Some(_) => content(other).into(),
            None => Val::nil(),
        },
        _ => return Err(wrong(format!("`.Files` has no method `{name}`"), span)),
    })
}

/// A pattern of `.Files.Glob` as a regular expression: `*` and `?` stop at `/`, `**` does not, `[...]` and `{a,b}` choose.
fn glob(pattern: &str) -> String {
    let mut out = String::from("(?s)^");
    let mut letters = pattern.chars().peekable();
    let mut braces = 0_u32;
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.peek() == Some(&'*') => {
                while letters.peek() == Some(&'*') {
                    letters.next();
                }
                out.push_str(".*");
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => {
                out.push('[');
                if letters.peek() == Some(&'!') {
                    letters.next();
                    out.push('^');
                }
                for inside in letters.by_ref() {
                    match inside {
                        ']' => break,
                        '-' => out.push('-'),
                        other => out.push_str(&regex::escape(&other.to_string())),
                    }
                }
                out.push(']');
            }
            '{' => {
                braces += 1;
                out.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                out.push(')');
            }
            ',' if braces > 0 => out.push('|'),
            '\\' => {
                if let Some(next) = letters.next() {
                    out.push_str(&regex::escape(&next.to_string()));
                }
            }
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out.push('$');
    out
}
