//! Any three texts as versions of every ecosystem: an order is total, whatever the texts; Maven's and PHP's may go in circles, as they do
//! there.
#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::fuzz_target;
use probity_advisories::version::Order;

fuzz_target!(|data: &str| {
    let mut parts = data.splitn(3, '\n');
    let (Some(a), Some(b), Some(c)) = (parts.next(), parts.next(), parts.next()) else { return };
    for order in Order::ALL {
        let compare = |one, other| order.compare(one, other);
        for one in [a, b, c] {
            assert_eq!(compare(one, one), Ordering::Equal, "{order:?} {one:?}");
            let _ = order.is_valid(one);
        }
        for (one, other) in [(a, b), (b, c), (a, c)] {
            assert_eq!(compare(one, other), compare(other, one).reverse(), "{order:?} {one:?} {other:?}");
        }
        if matches!(order, Order::Maven | Order::Packagist) {
            continue;
        }
        let mut sorted = [a, b, c];
        sorted.sort_by(|one, other| compare(one, other));
        let [low, middle, high] = sorted;
        let steps = [compare(low, middle), compare(middle, high)];
        let expected = if steps.contains(&Ordering::Less) { Ordering::Less } else { Ordering::Equal };
        assert_eq!(compare(low, high), expected, "{order:?} {sorted:?}");
    }
});
