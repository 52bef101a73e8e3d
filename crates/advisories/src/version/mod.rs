//! The order of versions, one for each family of ecosystems.
//!
//! Every order has an answer for all texts: what is no version of its ecosystem still has a place, the same each time, and
//! [`Order::is_valid`] says so, so that an answer that rests on it can be called uncertain.
//!
//! All but Maven's and Packagist's are total. Maven's specification pads the shorter version by what the other one has, and PHP weighs what
//! is missing by what stands beside it, so that three odd texts can stand in a circle: whoever sorts does so with [`sort`].

mod alpine;
mod debian;
mod maven;
mod packagist;
mod pypi;
mod rpm;
mod rubygems;
mod semver;

use std::cmp::Ordering;
use std::collections::VecDeque;

/// How the versions of an ecosystem are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Semantic Versioning 2.0.0, with `v` before it and more or fewer than three numbers: npm, Go, crates, Hex, Swift, GitHub Actions.
    Semver,
    /// As Semantic Versioning, but builds have an order too (Dart).
    Pub,
    /// Four numbers, labels without letter case (.NET).
    NuGet,
    /// PEP 440, and what setuptools made of older ones.
    Pypi,
    /// Maven's version order specification.
    Maven,
    /// `Gem::Version`.
    RubyGems,
    /// PHP's `version_compare`, as Composer uses it.
    Packagist,
    /// Numbers between `.` and `-` (R).
    Cran,
    /// Numbers between `.` (Haskell).
    Hackage,
    /// dpkg's (Debian policy, 5.6.12).
    Debian,
    /// apk's.
    Alpine,
    /// `rpmvercmp`, with epoch and release.
    Rpm,
}

impl Order {
    /// All of them.
    pub const ALL: &[Order] = &[
        Order::Semver,
        Order::Pub,
        Order::NuGet,
        Order::Pypi,
        Order::Maven,
        Order::RubyGems,
        Order::Packagist,
        Order::Cran,
        Order::Hackage,
        Order::Debian,
        Order::Alpine,
        Order::Rpm,
    ];

    /// The order of an ecosystem as OSV names it, with or without a release (`Debian:12`). For one that is not known, that of
    /// Semantic Versioning, which falls back to numbers and letters.
    #[must_use]
    pub fn of_ecosystem(ecosystem: &str) -> Order {
        match ecosystem.split(':').next().unwrap_or(ecosystem) {
            "PyPI" => Order::Pypi,
            "Maven" => Order::Maven,
            "RubyGems" => Order::RubyGems,
            "Packagist" => Order::Packagist,
            "NuGet" => Order::NuGet,
            "Pub" => Order::Pub,
            "CRAN" | "Bioconductor" => Order::Cran,
            "Hackage" | "GHC" => Order::Hackage,
            "Debian" | "Ubuntu" | "Echo" => Order::Debian,
            "Alpine" | "Wolfi" | "Chainguard" | "MinimOS" => Order::Alpine,
            "AlmaLinux" | "Rocky Linux" | "Red Hat" | "SUSE" | "openSUSE" | "openEuler" | "Mageia" | "Photon OS" | "Azure Linux" => {
                Order::Rpm
            }
            _ => Order::Semver,
        }
    }

    /// Compares two versions.
    #[must_use]
    pub fn compare(self, one: &str, other: &str) -> Ordering {
        if one == other {
            return Ordering::Equal;
        }
        match self {
            Order::Semver => semver::compare(one, other),
            Order::Pub => semver::compare_pub(one, other),
            Order::NuGet => semver::compare_nuget(one, other),
            Order::Pypi => pypi::compare(one, other),
            Order::Maven => maven::compare(one, other),
            Order::RubyGems => rubygems::compare(one, other),
            Order::Packagist => packagist::compare(one, other),
            Order::Cran => numbers(one, other, &['.', '-']),
            Order::Hackage => numbers(one, other, &['.']),
            Order::Debian => debian::compare(one, other),
            Order::Alpine => alpine::compare(one, other),
            Order::Rpm => rpm::compare(one, other),
        }
    }

    /// Whether a text is a version of the ecosystem.
    #[must_use]
    pub fn is_valid(self, version: &str) -> bool {
        let begins_with_digit = |text: &str| text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        let visible = |text: &str| !text.is_empty() && text.len() <= 1024 && text.chars().all(|letter| letter.is_ascii_graphic());
        visible(version)
            && match self {
                Order::Semver | Order::Pub | Order::NuGet => begins_with_digit(semver::bare(version)),
                Order::Pypi => pypi::is_valid(version),
                Order::Packagist => begins_with_digit(semver::bare(version)) || version.starts_with("dev-"),
                Order::Maven => true,
                Order::RubyGems | Order::Cran | Order::Hackage | Order::Debian => begins_with_digit(version),
                Order::Alpine => alpine::is_valid(version),
                Order::Rpm => version.bytes().any(|byte| byte.is_ascii_alphanumeric()),
            }
    }
}

/// Sorts by an order that may go in circles: never a panic, and the same for the same list. Equal ones keep their places.
pub(crate) fn sort<T>(list: Vec<T>, compare: &dyn Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut runs: VecDeque<Vec<T>> = list.into_iter().map(|one| vec![one]).collect();
    while runs.len() > 1 {
        let pairs = runs.len() / 2;
        for _ in 0..pairs {
            let (Some(ones), Some(others)) = (runs.pop_front(), runs.pop_front()) else { break };
            runs.push_back(merge(ones, others, compare));
        }
        // The odd one out stays the last.
        if let Some(odd) = (runs.len() > pairs).then(|| runs.pop_front()).flatten() {
            runs.push_back(odd);
        }
    }
    runs.pop_front().unwrap_or_default()
}

fn merge<T>(ones: Vec<T>, others: Vec<T>, compare: &dyn Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut out = Vec::with_capacity(ones.len() + others.len());
    let (mut ones, mut others) = (ones.into_iter().peekable(), others.into_iter().peekable());
    while let (Some(one), Some(other)) = (ones.peek(), others.peek()) {
        let next = if compare(one, other) == Ordering::Greater { others.next() } else { ones.next() };
        out.extend(next);
    }
    out.extend(ones);
    out.extend(others);
    out
}

/// Two runs of digits as numbers, however long; what is no digit counts as nothing.
fn number(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parts compared one by one as numbers (letters after all numbers, by themselves); more parts are more.
fn numbers(one: &str, other: &str, between: &[char]) -> Ordering {
    let (mut ones, mut others) = (one.split(between), other.split(between));
    loop {
        let (one, other) = match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => (one, other),
        };
        let order = match (is_number(one), is_number(other)) {
            (true, true) => number(one, other),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => one.cmp(other),
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ecosystems_have_their_order() {
        let check = |ecosystem: &str, one: &str, other: &str| {
            assert_eq!(Order::of_ecosystem(ecosystem).compare(one, other), Ordering::Less, "{ecosystem} {one} {other}");
        };
        check("npm", "1.0.0-rc.1", "1.0.0");
        check("Go", "v1.2.3", "v1.10.0");
        check("Go", "v0.0.0-20200101000000-abcdef123456", "v0.0.0-20210101000000-abcdef123456");
        check("crates.io", "1.9.0", "1.10.0");
        check("Debian:12", "1.0~rc1-1", "1.0-1");
        check("Ubuntu:22.04:LTS", "1:0.9", "2:0.1");
        check("Alpine:v3.19", "1.2.3_rc1-r0", "1.2.3-r0");
        check("AlmaLinux:9", "0:1.0-1.el9", "0:1.0-1.el9_1");
        check("PyPI", "2.0.dev1", "2.0");
        check("Maven", "1.0-SNAPSHOT", "1.0");
        check("NuGet", "1.0.0-BETA", "1.0.0");
        check("Packagist", "dev-main", "1.0");
    }

    #[test]
    fn what_is_no_version_is_said() {
        let check = |order: Order, version: &str, expected: bool| assert_eq!(order.is_valid(version), expected, "{order:?} {version}");
        check(Order::Semver, "1.2.3", true);
        check(Order::Semver, "v1", true);
        check(Order::Semver, "latest", false);
        check(Order::Semver, "", false);
        check(Order::Pypi, "1.0.post1", true);
        check(Order::Pypi, "1.0-bulbasaur", false);
        check(Order::Debian, "1:2.3-4", true);
        check(Order::Debian, "unknown", false);
        check(Order::Alpine, "1.2.3_p1-r0", true);
        check(Order::Alpine, "1.2.3+x", false);
    }

    #[test]
    fn sorting_goes_in_no_circle() {
        let by = |one: &&str, other: &&str| Order::Maven.compare(one, other);
        let circle = ["1.0.0", "1.x10-alp3", "1.0m1.0.0+build"];
        assert_eq!(by(&circle[1], &circle[2]), Ordering::Less);
        assert_eq!(by(&circle[2], &circle[0]), Ordering::Less);
        assert_eq!(by(&circle[0], &circle[1]), Ordering::Less);
        let many: Vec<&str> = circle.iter().copied().cycle().take(100).collect();
        assert_eq!(sort(many.clone(), &by).len(), many.len());
        let sorted = |list: &[&str]| sort(list.to_vec(), &by).join(" ");
        assert_eq!(sorted(&["3", "1", "2", "10", "2.0"]), "1 2 2.0 3 10");
        assert_eq!(sorted(&[]), "");
        assert_eq!(sorted(&["2", "1"]), "1 2");
    }

    fn versions() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            3 => (0_u32..12).prop_map(|number| number.to_string()),
            1 => prop::sample::select(&["alpha", "beta", "rc", "a", "b", "x", "dev", "pre", "final", "ga", "sp", "p", "r", "post", "00", "01", "git", "m", "el7"][..]).prop_map(str::to_owned),
        ];
        let between = prop::sample::select(&[".", "-", "_", "~", "+", "", "^", ":", "!"][..]);
        (prop::sample::select(&["", "v", "1:"][..]), prop::collection::vec((part, between), 1..6)).prop_map(|(start, parts)| {
            let mut text = start.to_owned();
            let last = parts.len() - 1;
            for (position, (part, between)) in parts.into_iter().enumerate() {
                text.push_str(&part);
                if position < last {
                    text.push_str(between);
                }
            }
            text
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn orders_are_total(one in versions(), other in versions(), third in versions()) {
            for order in Order::ALL {
                let (ab, bc, ac) = (order.compare(&one, &other), order.compare(&other, &third), order.compare(&one, &third));
                prop_assert_eq!(ab, order.compare(&other, &one).reverse(), "{:?} {} {}", order, one, other);
                if !matches!(order, Order::Maven | Order::Packagist) && ab != Ordering::Greater && bc != Ordering::Greater {
                    prop_assert!(ac != Ordering::Greater, "{order:?} {one} <= {other} <= {third}");
                    if ab == Ordering::Less || bc == Ordering::Less {
                        prop_assert!(ac == Ordering::Less, "{order:?} {one} {other} {third}");
                    }
                }
            }
        }

        #[test]
        fn any_text_has_a_place(one in ".{0,40}", other in ".{0,40}") {
            for order in Order::ALL {
                prop_assert_eq!(order.compare(&one, &other), order.compare(&other, &one).reverse(), "{:?}", order);
                prop_assert_eq!(order.compare(&one, &one), Ordering::Equal);
                let _ = order.is_valid(&one);
            }
        }
    }
}
