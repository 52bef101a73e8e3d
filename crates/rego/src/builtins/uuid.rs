//! Universally unique identifiers.

use crate::builtins::operands::{operand, text};
use crate::builtins::{Answer, Context, Failure, random};
use crate::number::Number;
use crate::term::Term;

/// A random identifier: the same for the same key within one evaluation.
pub(super) fn rfc4122(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let key = operand(arguments, 0)?;
    let mut bytes = [0_u8; 16];
    let mut stream = random::Stream::new(context.seed, "uuid", key);
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&stream.next().to_be_bytes());
    }
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    let digits = hex::encode(bytes);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    Ok(Term::from(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))))
}

fn bytes_of(given: &str) -> Option<[u8; 16]> {
    let plain = match given.len() {
        36 | 32 => given,
        45 if given.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("urn:uuid:")) => given.get(9..)?,
        38 => given.get(1..37)?,
        _ => return None,
    };
    let digits: String = if plain.len() == 32 {
        plain.to_owned()
    } else {
        if [8, 13, 18, 23].iter().any(|at| plain.as_bytes().get(*at) != Some(&b'-')) {
            return None;
        }
        plain.char_indices().filter(|(at, _)| ![8, 13, 18, 23].contains(at)).map(|(_, letter)| letter).collect()
    };
    hex::decode(digits).ok()?.try_into().ok()
}

/// What an identifier tells of itself.
pub(super) fn parse(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let bytes = bytes_of(text(arguments, 0)?).ok_or(Failure::Undefined)?;
    let version = bytes[6] >> 4;
    let variant = match bytes[8] {
        byte if byte & 0xc0 == 0x80 => "RFC4122",
        byte if byte & 0xe0 == 0xc0 => "Microsoft",
        byte if byte & 0xe0 == 0xe0 => "Future",
        _ => "Reserved",
    };
    let int = |value: u64| Term::Number(i64::try_from(value).map_or(Number::Int(0), Number::Int));
    let mut entries = vec![(Term::from("version"), int(u64::from(version))), (Term::from("variant"), Term::from(variant))];
    if matches!(version, 1 | 2) {
        let low = u64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let middle = u64::from(u16::from_be_bytes([bytes[4], bytes[5]]));
        let high = u64::from(u16::from_be_bytes([bytes[6], bytes[7]]) & 0x0fff);
        let ticks = i64::try_from(low | (middle << 32) | (high << 48)).unwrap_or(0);
        // From 15 October 1582 on, in steps of 100 nanoseconds; upstream's sum wraps around.
        let since = ticks.wrapping_sub(122_192_928_000_000_000);
        let nanoseconds = (since / 10_000_000).wrapping_mul(1_000_000_000).wrapping_add((since % 10_000_000) * 100);
        let node: Vec<String> = bytes[10..].iter().map(|byte| format!("{byte:02x}")).collect();
        let address = match bytes[10] & 3 {
            3 => "local:multicast",
            1 => "global:multicast",
            2 => "local:unicast",
            _ => "global:unicast",
        };
        let sequence = u64::from(u16::from_be_bytes([bytes[8], bytes[9]]) & 0x3fff);
        entries.push((Term::from("time"), Term::int(nanoseconds)));
        entries.push((Term::from("nodeid"), Term::from(node.join("-"))));
        entries.push((Term::from("macvariables"), Term::from(address)));
        entries.push((Term::from("clocksequence"), int(sequence)));
        if version == 2 {
            let domain = match bytes[9] {
                0 => "Person".to_owned(),
                1 => "Group".to_owned(),
                2 => "Org".to_owned(),
                other => format!("Domain{other}"),
            };
            entries.push((Term::from("id"), int(low)));
            entries.push((Term::from("domain"), Term::from(domain)));
        }
    }
    Ok(Term::object(entries))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::{arguments, check, shown};

    #[test]
    fn identifiers() {
        check(
            "uuid.parse",
            r#"["00000000-0000-1000-8000-000000000000"]"#,
            r#"{"clocksequence": 0, "macvariables": "global:unicast", "nodeid": "00-00-00-00-00-00", "time": 6227451273709551616, "variant": "RFC4122", "version": 1}"#,
        );
        check("uuid.parse", r#"["{6ba7b810-9dad-41d1-80b4-00c04fd430c8}"]"#, r#"{"variant": "RFC4122", "version": 4}"#);
        check("uuid.parse", r#"["6ba7b8109dad41d180b400c04fd430c8"]"#, r#"{"variant": "RFC4122", "version": 4}"#);
        check("uuid.parse", r#"["x"]"#, "undefined");
        let made = shown("uuid.rfc4122", &arguments(r#"["a"]"#));
        assert_eq!(made, shown("uuid.rfc4122", &arguments(r#"["a"]"#)));
        assert_ne!(made, shown("uuid.rfc4122", &arguments(r#"["b"]"#)));
        assert_eq!(made.len(), 38);
    }
}
