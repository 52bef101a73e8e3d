//! Functions over network addresses, IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use probity_value::Value;

use super::support::{Call, Stop};
use super::{ANY, Function};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "cidrcontains" => Function::plain(2, 2, cidrcontains),
        "cidrhost" => Function::plain(2, 2, cidrhost),
        "cidrnetmask" => Function::plain(1, 1, cidrnetmask),
        "cidrsubnet" => Function::plain(3, 3, cidrsubnet),
        "cidrsubnets" => Function::plain(1, ANY, cidrsubnets),
        _ => return None,
    })
}

/// A network: its first address as a number, with host bits cleared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Network {
    start: u128,
    prefix: u32,
    /// 32 or 128.
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = text.split_once('/')?;
        let (start, bits) = number_of(address)?;
        let prefix: u32 = if prefix.bytes().all(|digit| digit.is_ascii_digit()) { prefix.parse().ok()? } else { return None };
        (prefix <= bits).then(|| Network { start: start & !mask(bits - prefix), prefix, bits })
    }

    /// Bits of hosts.
    fn host_bits(self) -> u32 {
        self.bits - self.prefix
    }

    fn last(self) -> u128 {
        self.start | mask(self.host_bits())
    }

    fn show(self) -> String {
        format!("{}/{}", show(self.start, self.bits), self.prefix)
    }
}

/// That many ones at the end.
fn mask(count: u32) -> u128 {
    if count >= 128 { u128::MAX } else { (1 << count) - 1 }
}

/// Leading zeros in IPv4 parts are decimal, as Terraform still reads them.
fn number_of(text: &str) -> Option<(u128, u32)> {
    let trimmed: Vec<&str> = text.split('.').collect();
    if trimmed.len() == 4 && !text.contains(':') {
        let mut value = 0_u128;
        for part in trimmed {
            if part.is_empty() || part.len() > 3 || !part.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            value = value << 8 | u128::from(part.parse::<u8>().ok()?);
        }
        return Some((value, 32));
    }
    match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => Some((u128::from(u32::from(address)), 32)),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => Some((u128::from(u32::from(address)), 32)),
            None => Some((u128::from(address), 128)),
        },
    }
}

fn show(value: u128, bits: u32) -> String {
    match u32::try_from(value) {
        Ok(value) if bits == 32 => Ipv4Addr::from(value).to_string(),
        _ => Ipv6Addr::from(value).to_string(),
    }
}

fn network(call: &Call<'_>, index: usize) -> Result<Network, Stop> {
    let text = call.text(index)?;
    Network::parse(&text).ok_or_else(|| call.error(format!("`{}` is not a CIDR prefix", text.chars().take(60).collect::<String>())))
}

fn cidrhost(call: &Call<'_>) -> Result<Value, Stop> {
    let network = network(call, 0)?;
    let number = call.int(1)?;
    let most = mask(network.host_bits());
    let offset = u128::from(number.unsigned_abs());
    let address = if number >= 0 {
        (offset <= most).then_some(network.start | offset)
    } else {
        // Negative numbers count from the end: -1 is the last address.
        (offset - 1 <= most).then(|| network.last() - (offset - 1))
    };
    match address {
        Some(address) => Ok(call.string(show(address, network.bits))),
        None => Err(call.error(format!("`{}` has no host {number}", network.show()))),
    }
}

fn cidrnetmask(call: &Call<'_>) -> Result<Value, Stop> {
    let network = network(call, 0)?;
    if network.bits != 32 {
        return Err(call.error("an IPv6 prefix has no netmask"));
    }
    Ok(call.string(show(mask(32) & !mask(network.host_bits()), 32)))
}

fn cidrsubnet(call: &Call<'_>) -> Result<Value, Stop> {
    let network = network(call, 0)?;
    let (new_bits, number) = (call.int(1)?, call.int(2)?);
    let wrong = || call.error(format!("`{}` has no subnet {number} with {new_bits} more bits", network.show()));
    let new_bits = u32::try_from(new_bits).map_err(|_| wrong())?;
    let number = u128::try_from(number).map_err(|_| wrong())?;
    if new_bits > network.host_bits() || number > mask(new_bits) {
        return Err(wrong());
    }
    let prefix = network.prefix + new_bits;
    let shift = network.bits - prefix;
    // A shift by all 128 bits happens only for number zero.
    let start = network.start | number.checked_shl(shift).unwrap_or(0);
    Ok(call.string(Network { start, prefix, ..network }.show()))
}

fn cidrsubnets(call: &Call<'_>) -> Result<Value, Stop> {
    let network = network(call, 0)?;
    let mut out = Vec::new();
    let mut next = Some(network.start);
    for index in 1..call.args.len() {
        call.spend(1)?;
        let new_bits = call.int(index)?;
        let new_bits = match u32::try_from(new_bits) {
            Ok(bits @ 1..=32) => bits,
            _ => return Err(call.error(format!("argument {} must be from 1 to 32", index + 1))),
        };
        let prefix = network.prefix + new_bits;
        if prefix > network.bits {
            return Err(call.error(format!("a prefix of {prefix} bits is longer than the address")));
        }
        let size = mask(network.bits - prefix);
        // Each begins at the next multiple of its own size.
        let start = next.and_then(|next| if next & size == 0 { Some(next) } else { (next | size).checked_add(1) });
        let start = match start {
            Some(start) if start >= network.start && start | size <= network.last() => start,
            _ => return Err(call.error(format!("there is no room left in `{}` for a prefix of {prefix} bits", network.show()))),
        };
        out.push(call.string(Network { start, prefix, ..network }.show()));
        next = (start | size).checked_add(1);
    }
    Ok(Value::list(out, call.cx.span))
}

fn cidrcontains(call: &Call<'_>) -> Result<Value, Stop> {
    let outer = network(call, 0)?;
    let text = call.text(1)?;
    let inner = match (number_of(&text), Network::parse(&text)) {
        (Some((start, bits)), _) => Network { start, prefix: bits, bits },
        (None, Some(network)) => network,
        (None, None) => {
            return Err(call.error(format!("`{}` is not an address or a CIDR prefix", text.chars().take(60).collect::<String>())));
        }
    };
    if inner.bits != outer.bits {
        return Err(call.error("one is IPv4, the other IPv6"));
    }
    Ok(call.bool(inner.start >= outer.start && inner.last() <= outer.last()))
}
