//! Addresses and ranges of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use probity_core::{LookupError, Question};

use crate::builtins::operands::{as_text, operand, text};
use crate::builtins::{Answer, Context, Failure};
use crate::number::Number;
use crate::term::Term;

/// Addresses a range may be expanded to, besides the bytes of the evaluation.
const MOST: u128 = 1 << 22;

/// A range: the address as it was written, and how many bits of it are the same in the whole range.
#[derive(Clone, Copy)]
struct Range {
    address: IpAddr,
    prefix: u8,
}

/// Old addresses within new ones.
const MAPPED: u128 = 0xffff_0000_0000;

impl Range {
    fn parse(given: &str) -> Result<Range, Failure> {
        let invalid = || Failure::Failed(format!("invalid CIDR address: {given}"));
        let (address, prefix) = given.split_once('/').ok_or_else(invalid)?;
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let prefix: u8 = prefix.parse().map_err(|_| invalid())?;
        let range = match address {
            IpAddr::V4(_) if prefix <= 32 => Range { address, prefix },
            IpAddr::V6(new) if prefix <= 128 => match new.to_ipv4_mapped() {
                Some(old) if prefix >= 96 => Range { address: IpAddr::V4(old), prefix: prefix - 96 },
                _ => Range { address, prefix },
            },
            _ => return Err(invalid()),
        };
        Ok(Range { address: range.at(range.first()), ..range })
    }

    fn is_old(self) -> bool {
        self.address.is_ipv4()
    }

    /// The bits that differ in the range.
    fn free(self) -> u128 {
        let width = if self.is_old() { 32 } else { 128 };
        let bits = u32::from(width - self.prefix);
        1_u128.checked_shl(bits).map_or(u128::MAX, |size| size - 1)
    }

    /// The first address, old ones as new.
    fn first(self) -> u128 {
        number(self.address) & !self.free()
    }

    fn last(self) -> u128 {
        self.first() | self.free()
    }

    /// A number as an address of the kind of this range.
    fn at(self, value: u128) -> IpAddr {
        if self.is_old() { IpAddr::V4(old(value)) } else { IpAddr::V6(Ipv6Addr::from(value)) }
    }

    fn contains(self, address: IpAddr) -> bool {
        let address = plain(address);
        address.is_ipv4() == self.is_old() && (self.first()..=self.last()).contains(&number(address))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the last 32 bits are asked for")]
fn old(value: u128) -> Ipv4Addr {
    Ipv4Addr::from(value as u32)
}

/// An address, old ones written as new made old again.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// An address as a number, old ones as new.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(old) => u128::from(u32::from(old)) | MAPPED,
        IpAddr::V6(new) => u128::from(new),
    }
}

fn range(arguments: &[Term], at: usize) -> Result<Range, Failure> {
    Range::parse(text(arguments, at)?)
}

/// Whether two ranges have an address in common.
pub(super) fn cidr_intersects(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (a, b) = (range(arguments, 0)?, range(arguments, 1)?);
    Ok(Term::Bool(a.contains(b.address) || b.contains(a.address)))
}

fn contains(whole: &str, part: &str) -> Result<bool, Failure> {
    let whole = Range::parse(whole)?;
    if let Ok(address) = part.parse::<IpAddr>() {
        return Ok(whole.contains(address));
    }
    let part =
        Range::parse(part).map_err(|_| Failure::Failed(format!("not a valid textual representation of an IP address or CIDR: {part}")))?;
    Ok(whole.contains(part.at(part.first())) && whole.contains(part.at(part.last())))
}

/// Whether an address or range lies in a range.
pub(super) fn cidr_contains(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(contains(text(arguments, 0)?, text(arguments, 1)?)?))
}

/// The ranges or addresses of an argument, each with what names it in the result.
fn named(arguments: &[Term], at: usize) -> Result<Vec<(std::sync::Arc<str>, Term)>, Failure> {
    let wrong = || Failure::Failed(format!("operand {}: element must be string or non-empty array", at + 1));
    let address = |term: &Term| match term.as_array() {
        None => match term {
            Term::String(text) => Ok(text.clone()),
            _ => Err(wrong()),
        },
        Some(array) => match array.get(0) {
            None => Err(wrong()),
            Some(Term::String(text)) => Ok(text),
            Some(other) => Err(Failure::Operand(format!("operand 1 must be string but got {}", other.kind()))),
        },
    };
    let given = operand(arguments, at)?;
    if let Some(array) = given.as_array() {
        return array.iter().enumerate().map(|(number, item)| Ok((address(&item)?, Number::from_usize(number).into()))).collect();
    }
    if let Some(object) = given.as_object() {
        return object.iter().map(|(key, value)| Ok((address(&value)?, key))).collect();
    }
    match given {
        Term::String(text) => Ok(vec![(text.clone(), given.clone())]),
        Term::Set(set) => set.iter().map(|item| Ok((address(item)?, item.clone()))).collect(),
        _ => Ok(Vec::new()),
    }
}

/// All pairs of a range and an address or range that lies in it.
pub(super) fn cidr_contains_matches(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let wholes = named(arguments, 0)?;
    let parts = if wholes.is_empty() { Vec::new() } else { named(arguments, 1)? };
    let mut out = Vec::new();
    for (whole, whole_name) in &wholes {
        context.check_time()?;
        for (part, part_name) in &parts {
            if contains(whole, part)? {
                context.spend(128)?;
                out.push(Term::array(vec![whole_name.clone(), part_name.clone()]));
            }
        }
    }
    Ok(Term::set(out))
}

/// All addresses of a range.
pub(super) fn cidr_expand(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let range = range(arguments, 0)?;
    let count = range.free().saturating_add(1);
    if count > MOST {
        return Err(Failure::Halt(format!("the range has more than {MOST} addresses")));
    }
    context.spend(usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(64))?;
    let mut out = Vec::new();
    for (position, value) in (range.first()..=range.last()).enumerate() {
        if position % 4096 == 4095 {
            context.check_time()?;
        }
        out.push(Term::from(plain_text(range.at(value))));
    }
    Ok(Term::set(out))
}

/// An address as Go writes it: old ones within new as old.
fn plain_text(address: IpAddr) -> String {
    plain(address).to_string()
}

/// Whether text is a range.
pub(super) fn cidr_is_valid(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(as_text(arguments, 0).is_some_and(|given| Range::parse(given).is_ok())))
}

/// A range, or an address with the mask of its class.
fn merge_part(term: &Term) -> Result<Range, Failure> {
    let Term::String(given) = term else { return Err(Failure::failed("element must be string")) };
    match given.parse::<IpAddr>().map(plain) {
        Ok(IpAddr::V4(address)) => {
            let prefix = match address.octets() {
                [..0x80, ..] => 8,
                [..0xc0, ..] => 16,
                _ => 24,
            };
            Ok(Range { address: IpAddr::V4(address), prefix })
        }
        Ok(IpAddr::V6(_)) => Err(Failure::failed("IPv6 invalid: needs prefix length")),
        Err(_) => Range::parse(given),
    }
}

/// The fewest ranges that have the same addresses as some ranges.
pub(super) fn cidr_merge(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    struct Span {
        first: u128,
        last: u128,
        whole: Option<Range>,
    }
    let given = operand(arguments, 0)?;
    let items = super::operands::items(given).ok_or_else(|| Failure::failed("operand must be an array"))?;
    let mut spans = Vec::with_capacity(items.len());
    for item in &items {
        let range = merge_part(item)?;
        spans.push(Span { first: range.first(), last: range.last(), whole: Some(range) });
    }
    spans.sort_by_key(|span| (span.last, span.first));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    // From the end on, each takes in the one before it while they touch.
    while let Some(mut span) = spans.pop() {
        while let Some(before) = spans.last() {
            let touching = if span.first == 0 || span.first == MAPPED { span.first } else { span.first - 1 };
            if touching > before.last {
                break;
            }
            span = Span { first: span.first.min(before.first), last: span.last, whole: None };
            spans.pop();
        }
        merged.push(span);
    }
    let mut out = Vec::new();
    for span in merged {
        if let Some(range) = span.whole {
            out.push(Term::from(format!("{}/{}", range.address, range.prefix)));
            continue;
        }
        let is_old = span.first >> 32 == MAPPED >> 32 && span.last >> 32 == MAPPED >> 32;
        let mut first = span.first;
        loop {
            context.spend(64)?;
            // The largest range that begins here and does not go over the end.
            let mut bits = first.trailing_zeros().min(if is_old { 32 } else { 128 });
            let size = |bits: u32| 1_u128.checked_shl(bits).map_or(u128::MAX, |size| size - 1);
            while first.checked_add(size(bits)).is_none_or(|end| end > span.last) {
                bits -= 1;
            }
            let text = if is_old { format!("{}/{}", old(first), 32 - bits) } else { format!("{}/{}", Ipv6Addr::from(first), 128 - bits) };
            out.push(Term::from(text));
            match (first | size(bits)).checked_add(1) {
                Some(next) if next <= span.last => first = next,
                _ => break,
            }
        }
    }
    Ok(Term::set(out))
}

/// The addresses of a host.
pub(super) fn lookup_ip_addr(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let name = text(arguments, 0)?;
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(Term::set(vec![Term::from(plain_text(address))]));
    }
    if name.eq_ignore_ascii_case("localhost") {
        return Ok(Term::set(vec![Term::from("127.0.0.1"), Term::from("::1")]));
    }
    match context.lookup.ask(&Question::Host { name: name.clone() }) {
        Ok(answer) => {
            let answer = Term::from_value(&answer);
            let items = super::operands::items(&answer).ok_or_else(|| Failure::Halt(format!("the addresses of `{name}` are no list")))?;
            Ok(Term::set(items))
        }
        Err(LookupError::Absent(_)) => Err(Failure::Failed(format!("lookup {name}: no such host"))),
        Err(error @ LookupError::Unanswered(_)) => Err(Failure::Halt(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn ranges() {
        check("net.cidr_contains", r#"["10.0.0.0/8", "10.1.2.3"]"#, "true");
        check("net.cidr_contains", r#"["10.0.0.0/8", "10.1.2.0/24"]"#, "true");
        check("net.cidr_contains", r#"["10.0.0.0/24", "10.0.0.0/8"]"#, "false");
        check("net.cidr_contains", r#"["::/0", "1.2.3.4"]"#, "false");
        check("net.cidr_contains", r#"["::ffff:10.0.0.0/104", "10.1.2.3"]"#, "true");
        check("net.cidr_contains", r#"["0.0.0.0/0", "255.255.255.255/32"]"#, "true");
        check("net.cidr_contains", r#"["x", "y"]"#, "eval_builtin_error: net.cidr_contains: invalid CIDR address: x");
        check(
            "net.cidr_contains",
            r#"["10.0.0.0/8", "x"]"#,
            "eval_builtin_error: net.cidr_contains: not a valid textual representation of an IP address or CIDR: x",
        );
        check("net.cidr_intersects", r#"["10.0.0.0/8", "10.1.0.0/16"]"#, "true");
        check("net.cidr_intersects", r#"["10.0.0.0/16", "10.1.0.0/16"]"#, "false");
        check("net.cidr_is_valid", r#"["010.0.0.0/8"]"#, "false");
        check("net.cidr_is_valid", r#"["::/128"]"#, "true");
        check("net.cidr_is_valid", r#"["1.2.3.4"]"#, "false");
        check("net.cidr_expand", r#"["192.168.1.1/30"]"#, r#"{"192.168.1.0", "192.168.1.1", "192.168.1.2", "192.168.1.3"}"#);
        check("net.cidr_expand", r#"["2001:db8::/127"]"#, r#"{"2001:db8::", "2001:db8::1"}"#);
        check("net.cidr_expand", r#"["::/0"]"#, "eval_cancel_error: net.cidr_expand: the range has more than 4194304 addresses");
        check("net.cidr_contains_matches", r#"["1.1.1.0/24", "1.1.1.1"]"#, r#"{["1.1.1.0/24", "1.1.1.1"]}"#);
        check(
            "net.cidr_contains_matches",
            r#"[["1.1.2.0/24", "1.1.1.0/24"], {"a": "1.1.1.1", "b": ["1.1.2.1", "x"]}]"#,
            r#"{[0, "b"], [1, "a"]}"#,
        );
        check(
            "net.cidr_contains_matches",
            r#"[["1.1.2.0/24"], [[]]]"#,
            "eval_builtin_error: net.cidr_contains_matches: operand 2: element must be string or non-empty array",
        );
    }

    #[test]
    fn merging() {
        check(
            "net.cidr_merge",
            r#"[["192.0.128.0/24", "192.0.129.0/24", "10.0.0.1", "172.16.0.0/12"]]"#,
            r#"{"10.0.0.1/8", "172.16.0.0/12", "192.0.128.0/23"}"#,
        );
        check("net.cidr_merge", r#"[["1.2.3.4", "1.2.3.5"]]"#, r#"{"1.0.0.0/8"}"#);
        check("net.cidr_merge", r#"[["0.0.0.0/0", "::/0"]]"#, r#"{"::/0"}"#);
        check("net.cidr_merge", r#"[["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]]"#, r#"{"10.0.0.0/23", "10.0.2.0/24"}"#);
        check(
            "net.cidr_merge",
            r#"[["2601:600:8a80:207e:a57d:7567:e2c9:e7b3/64", "2601:600:8a80:207e:a57d:7567:e2c9:e7b3/128"]]"#,
            r#"{"2601:600:8a80:207e::/64"}"#,
        );
        check("net.cidr_merge", r#"[["::1"]]"#, "eval_builtin_error: net.cidr_merge: IPv6 invalid: needs prefix length");
        check("net.cidr_merge", "[[]]", "set()");
        check("net.cidr_merge", r#"[["0.0.0.0/0", "0.0.0.0/1"]]"#, r#"{"0.0.0.0/0"}"#);
    }

    #[test]
    fn hosts() {
        check("net.lookup_ip_addr", r#"["10.0.0.0"]"#, r#"{"10.0.0.0"}"#);
        check(
            "net.lookup_ip_addr",
            r#"["example.org"]"#,
            "eval_cancel_error: net.lookup_ip_addr: the addresses of `example.org` is not known here (give it with a lookup file)",
        );
    }
}
