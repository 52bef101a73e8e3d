//! The intrinsic functions over texts, lists and mappings.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use probity_core::Level;
use probity_value::{Data, Map, Span, Unknown, UnknownKind, Value, json};

use super::eval::{Evaluator, Scope, known_later};
use crate::terraform::eval::derived;
use crate::terraform::eval::text::Text;
use crate::terraform::functions::{to_number, to_text, with_marks};

/// Most blocks `Fn::Cidr` gives.
const MAX_CIDRS: u64 = 256;

impl Evaluator {
    /// A function other than those that look at names and conditions.
    pub(super) fn function(&self, name: &str, argument: &Value, span: Span, scope: &Scope) -> Value {
        match name {
            "Fn::Sub" => self.substitute(argument, span, scope),
            "Fn::Join" => self.join(argument, span, scope),
            "Fn::Split" => self.split(argument, span, scope),
            "Fn::Select" => self.select(argument, span, scope),
            "Fn::FindInMap" => self.find_in_map(argument, span, scope),
            // Who judges a script wants to read it: the text stays as it is.
            "Fn::Base64" => self.argument(argument, scope).at(span),
            "Fn::Cidr" => self.cidr(argument, span, scope),
            "Fn::Length" => self.length(argument, span, scope),
            "Fn::ToJsonString" => self.to_json(argument, span, scope),
            "Fn::GetAZs" => known_later("the availability zones are known only where the stack is made", UnknownKind::Reference, span),
            "Fn::ImportValue" => {
                let export = self.argument(argument, scope);
                let name = to_text(&export).map_or_else(String::new, |name| format!(" `{name}`"));
                known_later(format!("the export{name} of another stack is read when the stack is made"), UnknownKind::Reference, span)
            }
            "Fn::GetStackOutput" => known_later("an output of another stack is read when the stack is made", UnknownKind::Reference, span),
            "Fn::Transform" => {
                let name = argument.get("Name").and_then(Value::as_str).unwrap_or("a macro");
                let message = format!("what the macro `{name}` makes is not read");
                self.say(Level::Note, "cloudformation-macro", span, message.clone());
                known_later(message, UnknownKind::File, span)
            }
            _ => {
                let message = format!("`{name}` is not worked out");
                self.say(Level::Note, "cloudformation-function", span, message.clone());
                known_later(message, UnknownKind::Function, span)
            }
        }
    }

    fn substitute(&self, argument: &Value, span: Span, scope: &Scope) -> Value {
        let none = Map::new();
        let (text, variables) = match (&argument.data, argument.as_list()) {
            (Data::String(_), _) => (argument.clone(), Value::map(none, span)),
            (_, Some([text])) => (self.unless_text(text, scope), Value::map(none, span)),
            (_, Some([text, variables])) => (self.unless_text(text, scope), self.argument(variables, scope)),
            _ => (self.argument(argument, scope), Value::map(none, span)),
        };
        let empty = Map::new();
        match (&text.data, variables.as_map()) {
            (Data::String(written), variables) => self.fill(written, &text, scope, Some(variables.unwrap_or(&empty))).at(span),
            (Data::Unknown(unknown), _) => with_marks(derived(unknown, true, span), std::iter::once(&text), false),
            _ => self.invalid("`Fn::Sub` takes a text", span),
        }
    }

    /// A text as it is written, anything else worked out.
    fn unless_text(&self, value: &Value, scope: &Scope) -> Value {
        if value.as_str().is_some() { value.clone() } else { self.argument(value, scope) }
    }

    /// A text with the items of loops in it, and dynamic references as what they are: known later. With `variables` also what `Fn::Sub`
    /// puts in.
    pub(super) fn fill(&self, text: &str, written: &Value, scope: &Scope, variables: Option<&Map>) -> Value {
        if !self.spend(1 + text.len() as u64 / 64) {
            return self.limit(written.span);
        }
        let span = written.span;
        let mut out = Text::default();
        out.remember(written);
        let mut rest = text;
        while let Some(at) = next_mark(rest) {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            out.push(before);
            if let Some((inside, behind)) = from.strip_prefix("{{resolve:").and_then(|from| from.split_once("}}")) {
                let service = inside.split(':').next().unwrap_or_default();
                let reason = format!("the dynamic reference to `{service}` is read when the stack is made");
                out.push_unknown(known_later(reason, UnknownKind::Reference, span));
                rest = behind;
                continue;
            }
            let Some((inside, behind)) = from.get(2..).and_then(|from| from.split_once('}')) else {
                out.push(from);
                rest = "";
                break;
            };
            let whole = from.get(..from.len() - behind.len()).unwrap_or(from);
            let name = inside.trim();
            rest = behind;
            match (from.starts_with('&'), scope.get(name), variables) {
                (true, Some(item), _) => match to_text(item) {
                    Some(text) => out.push(&text.chars().filter(char::is_ascii_alphanumeric).collect::<String>()),
                    None => self.put(&mut out, item.clone()),
                },
                (false, Some(item), _) => self.put(&mut out, item.clone()),
                (false, None, Some(variables)) => match inside.strip_prefix('!') {
                    Some(literal) => out.push(&format!("${{{literal}}}")),
                    None => self.put(&mut out, self.variable(name, variables, span, scope)),
                },
                _ => {
                    // Only the mark itself is passed over: there may be another one inside.
                    let (mark, after) = from.split_at_checked(2).unwrap_or((whole, behind));
                    out.push(mark);
                    rest = after;
                }
            }
        }
        out.push(rest);
        out.finish(span)
    }

    fn variable(&self, name: &str, variables: &Map, span: Span, scope: &Scope) -> Value {
        if let Some(value) = variables.get(name) {
            return value.clone();
        }
        match name.split_once('.') {
            Some((resource, attribute)) => self.resource(resource, attribute, span),
            None => self.named(name, span, scope).unwrap_or_else(|| Value::string("", span)),
        }
    }

    fn put(&self, out: &mut Text, value: Value) {
        out.remember(&value);
        match (to_text(&value), &value.data) {
            (Some(text), _) => {
                self.spend(text.len() as u64 / 16);
                out.push(&text);
            }
            (None, Data::Unknown(_)) => out.push_unknown(value),
            (None, _) => out.push_unknown(Value::unknown(UnknownKind::Invalid, "a list or map cannot be put into a text", value.span)),
        }
    }

    fn join(&self, argument: &Value, span: Span, scope: &Scope) -> Value {
        let [delimiter, list] = argument.as_list().unwrap_or_default() else {
            return self.invalid("`Fn::Join` takes a delimiter and a list", span);
        };
        let delimiter = self.argument(delimiter, scope);
        let list = self.argument(list, scope);
        let (Some(between), Data::List(items)) = (to_text(&delimiter), &list.data) else {
            return match list.as_unknown().or_else(|| delimiter.as_unknown()) {
                Some(unknown) => with_marks(derived(unknown, true, span), [&list, &delimiter].into_iter(), true),
                None => self.invalid("`Fn::Join` takes a delimiter and a list", span),
            };
        };
        let mut out = Text::default();
        for (index, item) in items.iter().enumerate() {
            if !self.spend(1 + between.len() as u64 / 16) {
                return self.limit(span);
            }
            if index > 0 {
                out.push(&between);
            }
            self.put(&mut out, item.clone());
        }
        out.finish(span)
    }

    fn split(&self, argument: &Value, span: Span, scope: &Scope) -> Value {
        let [delimiter, text] = argument.as_list().unwrap_or_default() else {
            return self.invalid("`Fn::Split` takes a delimiter and a text", span);
        };
        let delimiter = self.argument(delimiter, scope);
        let text = self.argument(text, scope);
        match (to_text(&delimiter), to_text(&text)) {
            (Some(between), Some(whole)) if !between.is_empty() => {
                if !self.spend(whole.len() as u64 / between.len().max(1) as u64) {
                    return self.limit(span);
                }
                let part = |part: &str| with_marks(Value::string(part, span), std::iter::once(&text), false);
                Value::list(whole.split(&*between).map(part).collect(), span)
            }
            _ => match text.as_unknown().or_else(|| delimiter.as_unknown()) {
                Some(unknown) => with_marks(derived(unknown, true, span), [&text, &delimiter].into_iter(), false),
                None => self.invalid("`Fn::Split` takes a delimiter and a text", span),
            },
        }
    }

    fn select(&self, argument: &Value, span: Span, scope: &Scope) -> Value {
        let [index, list] = argument.as_list().unwrap_or_default() else {
            return self.invalid("`Fn::Select` takes an index and a list", span);
        };
        let index = self.argument(index, scope);
        let list = self.argument(list, scope);
        let number = to_number(&index).and_then(|number| usize::try_from(Value::number(number.as_f64(), span).as_int()?).ok());
        match (number, &list.data) {
            (Some(number), Data::List(items)) => match items.get(number) {
                Some(item) => with_marks(item.clone().at(span), std::iter::once(&list), false),
                None => self.invalid(format!("`Fn::Select` asks for item {number} of {}", items.len()), span),
            },
            _ => match index.as_unknown().or_else(|| list.as_unknown()) {
                Some(unknown) => with_marks(derived(unknown, true, span), [&index, &list].into_iter(), true),
                None => self.invalid("`Fn::Select` takes an index and a list", span),
            },
        }
    }

    fn find_in_map(&self, argument: &Value, span: Span, scope: &Scope) -> Value {
        let (keys, options) = match argument.as_list().unwrap_or_default() {
            [name, first, second] => ([name, first, second], None),
            [name, first, second, options] => ([name, first, second], options.get("DefaultValue")),
            _ => return self.invalid("`Fn::FindInMap` takes a map and two keys", span),
        };
        let keys = keys.map(|key| self.argument(key, scope));
        let mut candidates: Vec<Option<Value>> = vec![self.mappings.clone()];
        let mut doubt: Option<Arc<Unknown>> = None;
        for key in &keys {
            let text = to_text(key);
            if let (None, Data::Unknown(unknown)) = (&text, &key.data) {
                doubt = doubt.or_else(|| Some(Arc::clone(unknown)));
            }
            let mut next = Vec::new();
            for candidate in candidates.iter().flatten() {
                match (&text, candidate.as_map()) {
                    (Some(text), Some(map)) => next.push(map.get(text).cloned()),
                    (None, Some(map)) => next.extend(map.values().cloned().map(Some)),
                    (_, None) => next.push(None),
                }
            }
            if !self.spend(next.len() as u64) {
                return self.limit(span);
            }
            candidates = next;
        }
        let default = options.map(|value| self.argument(value, scope));
        match doubt {
            None => match candidates.into_iter().flatten().next().or(default) {
                Some(value) => value.at(span),
                None => {
                    let names: Vec<String> = keys.iter().filter_map(to_text).map(|key| format!("`{key}`")).collect();
                    self.invalid(format!("there is nothing in the mappings under {}", names.join(", ")), span)
                }
            },
            Some(why) => {
                // Nobody knows which: what all of them have in common is known.
                let mut found = candidates.into_iter().flatten().chain(default);
                let Some(first) = found.next() else { return derived(&why, true, span) };
                let merged = found.fold(first, |merged, next| {
                    self.either(Some(merged), Some(next), &why, span).unwrap_or_else(|| derived(&why, true, span))
                });
                with_marks(merged.at(span), keys.iter(), false)
            }
        }
    }

    fn cidr(&self, argument: &Value, span: Span, scope: &Scope) -> Value {
        let (block, count, bits) = match argument.as_list().unwrap_or_default() {
            [block, count] => (block, count, None),
            [block, count, bits] => (block, count, Some(bits)),
            _ => return self.invalid("`Fn::Cidr` takes a block, a count and bits", span),
        };
        let block = self.argument(block, scope);
        let count = self.argument(count, scope);
        let bits = bits.map(|bits| self.argument(bits, scope));
        let unknown = [Some(&block), Some(&count), bits.as_ref()].into_iter().flatten().find_map(Value::as_unknown);
        if let Some(unknown) = unknown {
            let parts = [Some(&block), Some(&count), bits.as_ref()];
            return with_marks(derived(unknown, true, span), parts.into_iter().flatten(), false);
        }
        let whole = |value: &Value| to_number(value).and_then(|number| u64::try_from(Value::number(number.as_f64(), span).as_int()?).ok());
        let network = to_text(&block).and_then(|text| text.parse::<IpNet>().ok());
        let bits = bits.as_ref().map_or(Some(8), whole);
        let (Some(network), Some(count @ 1..=MAX_CIDRS), Some(bits @ 1..=128)) = (network, whole(&count), bits) else {
            return self.invalid("`Fn::Cidr` takes a block, a count up to 256 and bits", span);
        };
        match cut(network, count, bits) {
            Some(blocks) => Value::list(blocks.into_iter().map(|block| Value::string(block, span)).collect(), span),
            None => self.invalid("the block of `Fn::Cidr` is too small for that many", span),
        }
    }

    fn length(&self, argument: &Value, span: Span, scope: &Scope) -> Value {
        let list = self.argument(argument, scope);
        match &list.data {
            Data::List(items) => Value::int(i64::try_from(items.len()).unwrap_or(i64::MAX), span),
            Data::Unknown(unknown) => with_marks(derived(unknown, true, span), std::iter::once(&list), false),
            _ => self.invalid("`Fn::Length` takes a list", span),
        }
    }

    fn to_json(&self, argument: &Value, span: Span, scope: &Scope) -> Value {
        let value = self.argument(argument, scope);
        let mut text = String::new();
        if write(&value, &mut text) {
            if !self.spend(text.len() as u64 / 16) {
                return self.limit(span);
            }
            return with_marks(Value::string(text, span), std::iter::once(&value), true);
        }
        match value.find_unknown() {
            Some(unknown) => {
                let whole = Unknown { set: true, prefix: "".into(), suffix: "".into(), decoded: Some(value.clone()), ..unknown.clone() };
                with_marks(Value::new(Data::Unknown(Arc::new(whole)), span), std::iter::once(&value), true)
            }
            None => self.invalid("`Fn::ToJsonString` cannot write this", span),
        }
    }
}

/// JSON text with the keys in the order they were written; false where a part is unknown.
fn write(value: &Value, out: &mut String) -> bool {
    match &value.data {
        Data::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                if !write(item, out) {
                    return false;
                }
            }
            out.push(']');
            true
        }
        Data::Map(map) => {
            out.push('{');
            for (index, (key, entry)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json::write_string(key, out);
                out.push(':');
                if !write(&entry.value, out) {
                    return false;
                }
            }
            out.push('}');
            true
        }
        _ => match json::write(value) {
            Some(text) => {
                out.push_str(&text);
                true
            }
            None => false,
        },
    }
}

/// The first place something may have to be put in.
fn next_mark(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.windows(2).position(|pair| matches!(pair, b"${" | b"&{")).into_iter().chain(text.find("{{resolve:")).min()
}

/// The first blocks of a network, each with that many bits of host addresses.
fn cut(network: IpNet, count: u64, bits: u64) -> Option<Vec<String>> {
    let (start, width) = match network.network() {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32_u64),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let prefix = width.checked_sub(bits)?;
    let room = prefix.checked_sub(u64::from(network.prefix_len()))?;
    if room < 64 && count > 1_u64 << room {
        return None;
    }
    (0..count)
        .map(|index| {
            let address = start.checked_add(u128::from(index).checked_shl(u32::try_from(bits).ok()?)?)?;
            let address = match network {
                IpNet::V4(_) => IpAddr::from(u32::try_from(address).ok()?.to_be_bytes()),
                IpNet::V6(_) => IpAddr::from(address.to_be_bytes()),
            };
            Some(format!("{address}/{prefix}"))
        })
        .collect()
}
