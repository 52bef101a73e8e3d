//! Addresses and ranges of networks: `ip` and `cidr`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use probity_kubernetes::duration::quote;

use super::args::{any, cost_of_text, cost_of_text_twice, opaque, text, times, traversal};
use crate::value::Opaque;
use crate::{Call, CelError, Function, Library, Overload, Type, Value};

/// Addresses.
pub static IP: Library = Library::new(
    "kubernetes.net.ip",
    &[
        Function::new("ip", &[Overload::new("string_to_ip", "ip(string) -> net.IP", ip).cost(cost_of_text)]),
        Function::new(
            "isIP",
            &[Overload::new("is_ip", "isIP(string) -> bool", |_, args| Ok(parse_ip(text(args, 0)?).is_ok().into())).cost(cost_of_text)],
        ),
        Function::new(
            "ip.isCanonical",
            &[Overload::new("ip_is_canonical", "ip.isCanonical(string) -> bool", is_canonical).cost(cost_of_text_twice)],
        ),
        Function::new(
            "family",
            &[Overload::new("ip_family", "net.IP.family() -> int", |_, args| {
                Ok(Value::Int(if address(args, 0)?.is_ipv4() { 4 } else { 6 }))
            })],
        ),
        Function::new(
            "isUnspecified",
            &[Overload::new("ip_is_unspecified", "net.IP.isUnspecified() -> bool", |_, args| {
                Ok(address(args, 0)?.is_unspecified().into())
            })],
        ),
        Function::new(
            "isLoopback",
            &[Overload::new("ip_is_loopback", "net.IP.isLoopback() -> bool", |_, args| Ok(address(args, 0)?.is_loopback().into()))],
        ),
        Function::new(
            "isLinkLocalMulticast",
            &[Overload::new("ip_is_link_local_multicast", "net.IP.isLinkLocalMulticast() -> bool", |_, args| {
                Ok(is_link_local_multicast(address(args, 0)?).into())
            })],
        ),
        Function::new(
            "isLinkLocalUnicast",
            &[Overload::new("ip_is_link_local_unicast", "net.IP.isLinkLocalUnicast() -> bool", |_, args| {
                Ok(is_link_local_unicast(address(args, 0)?).into())
            })],
        ),
        Function::new(
            "isGlobalUnicast",
            &[Overload::new("ip_is_global_unicast", "net.IP.isGlobalUnicast() -> bool", |_, args| {
                Ok(is_global_unicast(address(args, 0)?).into())
            })],
        ),
        Function::new(
            "string",
            &[Overload::new("ip_to_string", "string(net.IP) -> string", |_, args| Ok(address(args, 0)?.to_string().into()))],
        ),
    ],
)
.with_types(&["net.IP"]);

/// Ranges.
pub static CIDR: Library = Library::new(
    "kubernetes.net.cidr",
    &[
        Function::new("cidr", &[Overload::new("string_to_cidr", "cidr(string) -> net.CIDR", cidr).cost(cost_of_text)]),
        Function::new(
            "isCIDR",
            &[Overload::new("is_cidr", "isCIDR(string) -> bool", |_, args| Ok(parse_cidr(text(args, 0)?).is_ok().into()))
                .cost(cost_of_text)],
        ),
        Function::new(
            "containsIP",
            &[
                Overload::new("cidr_contains_ip_string", "net.CIDR.containsIP(string) -> bool", contains_ip).cost(cost_of_containing),
                Overload::new("cidr_contains_ip_ip", "net.CIDR.containsIP(net.IP) -> bool", contains_ip).cost(cost_of_containing),
            ],
        ),
        Function::new(
            "containsCIDR",
            &[
                Overload::new("cidr_contains_cidr_string", "net.CIDR.containsCIDR(string) -> bool", contains_cidr)
                    .cost(cost_of_containing_range),
                Overload::new("cidr_contains_cidr", "net.CIDR.containsCIDR(net.CIDR) -> bool", contains_cidr)
                    .cost(cost_of_containing_range),
            ],
        ),
        Function::new(
            "ip",
            &[Overload::new("cidr_ip", "net.CIDR.ip() -> net.IP", |_, args| Ok(Value::opaque(IpValue(range(args)?.address))))],
        ),
        Function::new(
            "prefixLength",
            &[Overload::new("cidr_prefix_length", "net.CIDR.prefixLength() -> int", |_, args| Ok(i64::from(range(args)?.bits).into()))],
        ),
        Function::new(
            "masked",
            &[Overload::new("cidr_masked", "net.CIDR.masked() -> net.CIDR", |_, args| Ok(Value::opaque(range(args)?.masked())))],
        ),
        Function::new(
            "string",
            &[Overload::new("cidr_to_string", "string(net.CIDR) -> string", |_, args| Ok(range(args)?.to_string().into()))],
        ),
    ],
)
.with_types(&["net.CIDR", "net.IP"]);

/// What the language's own network library has besides; it goes before [`IP`], of which it replaces how addresses are read.
pub static NEWEST: Library = Library::new(
    "network",
    &[
        Function::new(
            "isMask",
            &[Overload::new("cidr_is_mask", "net.CIDR.isMask() -> bool", |_, args| {
                let range = range(args)?;
                Ok((range.masked().address == range.address).into())
            })],
        ),
        Function::new("ip", &[Overload::new("string_to_ip", "ip(string) -> net.IP", ip_or_mapped).cost(cost_of_text)]),
    ],
);

/// An address as a value.
#[derive(Debug)]
pub struct IpValue(pub IpAddr);

/// A range as a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CidrValue {
    /// Any address of the range, as written.
    pub address: IpAddr,
    /// Bits of the prefix.
    pub bits: u8,
}

impl Opaque for IpValue {
    fn type_of(&self) -> Type {
        Type::opaque("net.IP")
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<IpValue>().is_some_and(|other| self.0 == other.0)
    }

    fn data(&self) -> Option<Value> {
        Some(self.0.to_string().into())
    }
}

impl Opaque for CidrValue {
    fn type_of(&self) -> Type {
        Type::opaque("net.CIDR")
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<CidrValue>().is_some_and(|other| self == other)
    }

    fn data(&self) -> Option<Value> {
        Some(self.to_string().into())
    }
}

impl std::fmt::Display for CidrValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl CidrValue {
    /// The range with the first of its addresses.
    #[must_use]
    pub fn masked(&self) -> CidrValue {
        CidrValue { address: masked(self.address, self.bits), bits: self.bits }
    }

    /// Whether an address is in it; addresses of the other family never are.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && masked(self.address, self.bits) == masked(address, self.bits)
    }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

fn address(args: &[Value], index: usize) -> Result<IpAddr, CelError> {
    Ok(opaque::<IpValue>(args, index)?.0)
}

fn range(args: &[Value]) -> Result<&CidrValue, CelError> {
    opaque::<CidrValue>(args, 0)
}

/// Bytes of the prefix, which are what is compared.
fn prefix_bytes(args: &[Value]) -> u64 {
    args.first().and_then(Value::downcast::<CidrValue>).map_or(0, |range| u64::from(range.bits.div_ceil(8)))
}

fn cost_of_containing(args: &[Value], _: &Value) -> u64 {
    let reading = match args.get(1) {
        Some(value @ Value::String(_)) => traversal(value.size()),
        _ => 0,
    };
    times(prefix_bytes(args), 2).saturating_add(reading)
}

fn cost_of_containing_range(args: &[Value], result: &Value) -> u64 {
    cost_of_containing(args, result).saturating_add(traversal(prefix_bytes(args))).saturating_add(1)
}

/// Reads an address as Go's `netip.ParseAddr` does, without zones and IPv4 in IPv6.
fn parse_ip(text: &str) -> Result<IpAddr, CelError> {
    let (plain, zone) = match text.split_once('%') {
        Some((plain, zone)) if plain.contains(':') => (plain, Some(zone)),
        _ => (text, None),
    };
    let parsed = plain.parse::<IpAddr>().ok().filter(|_| zone != Some(""));
    let Some(found) = parsed else {
        let problem = if text.contains([':', '%']) { "unable to parse IP".to_owned() } else { v4_problem(text) };
        return Err(CelError::invalid(format!(
            "IP Address {} parse error during conversion from string: ParseAddr({}): {problem}",
            quote(text),
            quote(text)
        )));
    };
    if zone.is_some() {
        return Err(CelError::invalid(format!("IP address {} with zone value is not allowed", quote(text))));
    }
    if matches!(found, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        return Err(CelError::invalid(format!("IPv4-mapped IPv6 address {} is not allowed", quote(text))));
    }
    Ok(found)
}

/// What is wrong with an address of version 4, in Go's words.
fn v4_problem(text: &str) -> String {
    if !text.contains('.') {
        return "unable to parse IP".to_owned();
    }
    let (mut value, mut fields, mut digits) = (0_u32, 0, 0);
    let mut before = None;
    for (at, c) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        match c.to_digit(10) {
            Some(digit) if c.is_ascii_digit() => {
                if digits == 1 && value == 0 {
                    return "IPv4 field has octet with leading zero".to_owned();
                }
                value = value * 10 + digit;
                digits += 1;
                if value > 255 {
                    return "IPv4 field has value >255".to_owned();
                }
            }
            _ if c == '.' => {
                if at == 0 || before == Some('.') || at + 1 == text.len() {
                    return format!("IPv4 field must have at least one digit (at {})", quote(rest));
                }
                if fields == 3 {
                    return "IPv4 address too long".to_owned();
                }
                fields += 1;
                (value, digits) = (0, 0);
            }
            _ => return format!("unexpected character (at {})", quote(rest)),
        }
        before = Some(c);
    }
    "IPv4 address too short".to_owned()
}

fn parse_cidr(text: &str) -> Result<CidrValue, CelError> {
    const CONTEXT: &str = "network address parse error during conversion from string";
    let wrong = |problem: String| CelError::invalid(format!("{CONTEXT}: {CONTEXT}: netip.ParsePrefix({}): {problem}", quote(text)));
    let Some((plain, bits)) = text.rsplit_once('/') else { return Err(wrong("no '/'".to_owned())) };
    let address = match plain.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) if plain.contains('%') => return Err(wrong("IPv6 zones cannot be present in a prefix".to_owned())),
        Err(_) => {
            let problem = if plain.contains(':') { "unable to parse IP".to_owned() } else { v4_problem(plain) };
            return Err(wrong(format!("ParseAddr({}): {problem}", quote(plain))));
        }
    };
    if bits.is_empty() || bits.len() > 3 || bits.len() > 1 && bits.starts_with('0') || bits.contains(|c: char| !c.is_ascii_digit()) {
        return Err(wrong(format!("bad bits after slash: {}", quote(bits))));
    }
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse::<u8>().ok().filter(|bits| *bits <= most).ok_or_else(|| wrong("prefix length out of range".to_owned()))?;
    if matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        return Err(CelError::invalid(format!("{CONTEXT}: IPv4-mapped IPv6 address {} is not allowed", quote(text))));
    }
    Ok(CidrValue { address, bits })
}

fn ip(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    parse_ip(text(args, 0)?).map(|address| Value::opaque(IpValue(address)))
}

/// An IPv4 address in IPv6 is that IPv4 address where it is written in hexadecimal digits.
fn ip_or_mapped(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = text(args, 0)?;
    match text.parse::<Ipv6Addr>().ok().and_then(|v6| v6.to_ipv4_mapped()) {
        Some(v4) if !text.contains('.') => Ok(Value::opaque(IpValue(v4.into()))),
        _ => ip(call, args),
    }
}

fn cidr(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    parse_cidr(text(args, 0)?).map(Value::opaque)
}

fn is_canonical(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = text(args, 0)?;
    Ok((parse_ip(text)?.to_string() == text).into())
}

fn is_link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [224, 0, 0, _]),
        IpAddr::V6(v6) => v6.segments().first().is_some_and(|first| first & 0xff0f == 0xff02),
    }
}

fn is_link_local_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.segments().first().is_some_and(|first| first & 0xffc0 == 0xfe80),
    }
}

/// Private addresses are global ones too, as in Go.
fn is_global_unicast(address: IpAddr) -> bool {
    !address.is_unspecified()
        && !matches!(address, IpAddr::V4(Ipv4Addr::BROADCAST))
        && !address.is_loopback()
        && !address.is_multicast()
        && !is_link_local_unicast(address)
}

fn contains_ip(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let other = match any(args, 1)? {
        Value::String(text) => parse_ip(text)?,
        _ => address(args, 1)?,
    };
    Ok(range(args)?.contains(other).into())
}

fn contains_cidr(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let other = match any(args, 1)? {
        Value::String(text) => parse_cidr(text)?,
        _ => *opaque::<CidrValue>(args, 1)?,
    };
    let range = range(args)?;
    Ok((range.bits <= other.bits && range.contains(other.address)).into())
}
