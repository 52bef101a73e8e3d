//! Sets of numbers as sorted intervals, and on top of them sets of addresses and of ports. What a resource opens is in `openings`.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A set of numbers: intervals with both ends included, sorted, apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals {
    ranges: Vec<(u128, u128)>,
}

impl Intervals {
    /// The empty set.
    #[must_use]
    pub fn new() -> Intervals {
        Intervals::default()
    }

    /// The numbers of these ranges, ends included; a range whose end comes before its start is empty.
    #[must_use]
    pub fn of(ranges: impl IntoIterator<Item = (u128, u128)>) -> Intervals {
        let mut ranges: Vec<(u128, u128)> = ranges.into_iter().filter(|(start, end)| start <= end).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (start, end) in ranges {
            match merged.last_mut() {
                // Ranges that touch are one: 0-9 and 10-19 are 0-19.
                Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Intervals { ranges: merged }
    }

    /// The numbers of both.
    #[must_use]
    pub fn union(&self, other: &Intervals) -> Intervals {
        Intervals::of(self.ranges.iter().chain(&other.ranges).copied())
    }

    /// The numbers in both.
    #[must_use]
    pub fn intersection(&self, other: &Intervals) -> Intervals {
        let (mut left, mut right) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        let mut common = Vec::new();
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let (start, end) = (a.0.max(b.0), a.1.min(b.1));
            if start <= end {
                common.push((start, end));
            }
            if a.1 < b.1 {
                left.next()
            } else {
                right.next()
            };
        }
        Intervals { ranges: common }
    }

    /// The numbers that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Intervals) -> Intervals {
        let mut left = Vec::new();
        for (start, end) in &self.ranges {
            let mut from = Some(*start);
            for (gone_from, gone_to) in other.ranges.iter().filter(|gone| gone.0 <= *end && gone.1 >= *start) {
                let Some(at) = from else { break };
                if *gone_from > at {
                    left.push((at, gone_from - 1));
                }
                from = gone_to.checked_add(1);
            }
            if let Some(at) = from.filter(|at| at <= end) {
                left.push((at, *end));
            }
        }
        Intervals { ranges: left }
    }

    /// Whether every number of `start..=end` is in it.
    #[must_use]
    pub fn covers(&self, start: u128, end: u128) -> bool {
        let after = self.ranges.partition_point(|range| range.0 <= start);
        after.checked_sub(1).and_then(|at| self.ranges.get(at)).is_some_and(|range| range.1 >= end)
    }

    /// Whether every number of `other` is in it.
    #[must_use]
    pub fn contains(&self, other: &Intervals) -> bool {
        other.ranges.iter().all(|(start, end)| self.covers(*start, *end))
    }

    /// Whether it holds no number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges, ends included, sorted and apart.
    #[must_use]
    pub fn ranges(&self) -> &[(u128, u128)] {
        &self.ranges
    }
}

/// A set of IPv4 and IPv6 addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    v4: Intervals,
    v6: Intervals,
}

/// Not a CIDR nor an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a CIDR")]
pub struct NotACidr(pub String);

impl FromStr for Addresses {
    type Err = NotACidr;

    /// One CIDR; an address alone is a CIDR of one. Bits after the prefix do not count.
    fn from_str(text: &str) -> Result<Addresses, NotACidr> {
        let text = text.trim();
        let net = IpNet::from_str(text)
            .or_else(|_| IpAddr::from_str(text).map(IpNet::from))
            .map_err(|_| NotACidr(text.chars().take(80).collect()))?;
        Ok(match (net.network(), net.broadcast()) {
            (IpAddr::V4(start), IpAddr::V4(end)) => {
                Addresses { v4: Intervals::of([(u32::from(start).into(), u32::from(end).into())]), v6: Intervals::new() }
            }
            (IpAddr::V6(start), IpAddr::V6(end)) => {
                Addresses { v4: Intervals::new(), v6: Intervals::of([(u128::from(start), u128::from(end))]) }
            }
            _ => Addresses::default(),
        })
    }
}

impl Addresses {
    /// No address.
    #[must_use]
    pub fn new() -> Addresses {
        Addresses::default()
    }

    /// Every address there is.
    #[must_use]
    pub fn world() -> Addresses {
        Addresses { v4: Intervals::of([(0, u128::from(u32::MAX))]), v6: Intervals::of([(0, u128::MAX)]) }
    }

    /// The addresses of all these CIDRs together.
    ///
    /// # Errors
    /// The first text that is not a CIDR.
    pub fn of<'a>(cidrs: impl IntoIterator<Item = &'a str>) -> Result<Addresses, NotACidr> {
        let mut ranges = (Vec::new(), Vec::new());
        for cidr in cidrs {
            let one: Addresses = cidr.parse()?;
            ranges.0.extend_from_slice(one.v4.ranges());
            ranges.1.extend_from_slice(one.v6.ranges());
        }
        Ok(Addresses { v4: Intervals::of(ranges.0), v6: Intervals::of(ranges.1) })
    }

    /// The addresses of all sets together.
    #[must_use]
    pub fn union<'a>(sets: impl IntoIterator<Item = &'a Addresses>) -> Addresses {
        let mut ranges = (Vec::new(), Vec::new());
        for set in sets {
            ranges.0.extend_from_slice(set.v4.ranges());
            ranges.1.extend_from_slice(set.v6.ranges());
        }
        Addresses { v4: Intervals::of(ranges.0), v6: Intervals::of(ranges.1) }
    }

    /// The addresses that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Addresses) -> Addresses {
        Addresses { v4: self.v4.difference(&other.v4), v6: self.v6.difference(&other.v6) }
    }

    /// Whether it holds all of IPv4 or all of IPv6.
    #[must_use]
    pub fn is_world(&self) -> bool {
        self.v4.covers(0, u128::from(u32::MAX)) || self.v6.covers(0, u128::MAX)
    }

    /// Whether every address of `other` is in it.
    #[must_use]
    pub fn contains(&self, other: &Addresses) -> bool {
        self.v4.contains(&other.v4) && self.v6.contains(&other.v6)
    }

    /// Whether it holds no address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn world() {
        let check = |cidrs: &[&str], expected: bool| {
            assert_eq!(Addresses::of(cidrs.iter().copied()).unwrap().is_world(), expected, "{cidrs:?}");
        };
        check(&["0.0.0.0/0"], true);
        check(&["::/0"], true);
        check(&["0:0:0:0:0:0:0:0/0"], true);
        check(&["1.2.3.4/0"], true);
        check(&["0.0.0.0/1", "128.0.0.0/1"], true);
        check(&["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/1"], true);
        check(&["::/1", "8000::/1"], true);
        check(&["0.0.0.0/1"], false);
        check(&["0.0.0.0/1", "8000::/1"], false);
        check(&["10.0.0.0/8"], false);
        check(&["0.0.0.0"], false);
        check(&[], false);
    }

    #[test]
    fn containing() {
        let check = |outer: &[&str], inner: &[&str], expected: bool| {
            let (outer, inner) = (Addresses::of(outer.iter().copied()).unwrap(), Addresses::of(inner.iter().copied()).unwrap());
            assert_eq!(outer.contains(&inner), expected);
        };
        check(&["10.0.0.0/8"], &["10.1.0.0/16"], true);
        check(&["10.0.0.0/9", "10.128.0.0/9"], &["10.0.0.0/8"], true);
        check(&["10.0.0.0/9"], &["10.0.0.0/8"], false);
        check(&["10.0.0.0/8"], &["fc00::/7"], false);
        check(&["10.0.0.0/8"], &[], true);
    }

    #[test]
    fn refused() {
        for text in ["", "any", "10.0.0.0/33", "10.0.0/8", "::/129"] {
            assert!(text.parse::<Addresses>().is_err(), "{text}");
        }
    }

    fn ranges() -> impl Strategy<Value = Vec<(u128, u128)>> {
        proptest::collection::vec((0_u128..40, 0_u128..40), 0..6)
    }

    fn members(ranges: &[(u128, u128)]) -> Vec<u128> {
        (0..40).filter(|n| ranges.iter().any(|(start, end)| start <= n && n <= end)).collect()
    }

    proptest! {
        #[test]
        fn intervals_agree_with_counting(a in ranges(), b in ranges(), probe in (0_u128..40, 0_u128..40)) {
            let (left, right) = (Intervals::of(a.clone()), Intervals::of(b.clone()));
            let (in_a, in_b) = (members(&a), members(&b));
            let both: Vec<u128> = (0..40).filter(|n| in_a.contains(n) && in_b.contains(n)).collect();
            let either: Vec<u128> = (0..40).filter(|n| in_a.contains(n) || in_b.contains(n)).collect();
            prop_assert_eq!(members(left.ranges()), in_a.clone());
            prop_assert_eq!(members(left.union(&right).ranges()), either);
            prop_assert_eq!(members(left.intersection(&right).ranges()), both);
            prop_assert_eq!(left.contains(&right), in_b.iter().all(|n| in_a.contains(n)));
            if probe.0 <= probe.1 {
                let without = left.difference(&right);
                prop_assert_eq!(without.covers(probe.0, probe.1), (probe.0..=probe.1).all(|n| in_a.contains(&n) && !in_b.contains(&n)));
                prop_assert_eq!(left.covers(probe.0, probe.1), (probe.0..=probe.1).all(|n| in_a.contains(&n)));
            }
            for pair in left.ranges().windows(2) {
                prop_assert!(pair[0].1 + 1 < pair[1].0);
            }
        }

        #[test]
        fn cidr_unions_agree_with_counting(cidrs in proptest::collection::vec((0_u32..256, 0_u8..=8), 0..8)) {
            // The top eight bits are enough to count: every prefix here is at most eight long.
            let texts: Vec<String> = cidrs.iter().map(|(top, length)| format!("{top}.0.0.0/{length}")).collect();
            let set = Addresses::of(texts.iter().map(String::as_str)).unwrap();
            let open = |n: u32| cidrs.iter().any(|(top, length)| *length == 0 || (n >> (8 - length)) == (top >> (8 - length)));
            prop_assert_eq!(set.is_world(), (0..256).all(open));
            for n in 0..256 {
                prop_assert_eq!(set.contains(&format!("{n}.0.0.0/8").parse().unwrap()), open(n));
            }
        }
    }
}
