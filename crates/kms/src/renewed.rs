//! What is fetched once, kept while it is good, and fetched again when it ends: credentials and tokens.

use std::sync::{Mutex, PoisonError};

use probity_core::Timestamp;

use crate::error::KmsError;

/// How long before its end something is no longer used, in seconds.
const MARGIN: i64 = 120;

/// Something with an end, in seconds since 1970; without one it is good for ever.
pub(crate) struct Renewed<T>(Mutex<Option<(T, Option<i64>)>>);

impl<T: Clone> Renewed<T> {
    /// Nothing yet.
    pub(crate) fn new() -> Renewed<T> {
        Renewed(Mutex::new(None))
    }

    /// What is kept, or what is fetched now.
    pub(crate) fn take(&self, now: Timestamp, fetch: impl FnOnce() -> Result<(T, Option<i64>), KmsError>) -> Result<T, KmsError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((value, end)) = &*kept
            && end.is_none_or(|end| now.seconds < end - MARGIN)
        {
            return Ok(value.clone());
        }
        let (value, end) = fetch()?;
        *kept = Some((value.clone(), end));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_is_fetched_again() {
        let kept = Renewed::new();
        let at = |seconds: i64, next: u32, end: Option<i64>| kept.take(Timestamp { seconds, nanoseconds: 0 }, || Ok((next, end))).unwrap();
        assert_eq!(at(0, 1, Some(1000)), 1);
        assert_eq!(at(879, 2, Some(2000)), 1);
        assert_eq!(at(880, 3, None), 3);
        assert_eq!(at(i64::MAX, 4, None), 3);
        let failing: Renewed<u32> = Renewed::new();
        let now = Timestamp { seconds: 0, nanoseconds: 0 };
        assert!(failing.take(now, || Err(KmsError::NotFound("none".to_owned()))).is_err());
        assert_eq!(failing.take(now, || Ok((5, None))), Ok(5));
    }
}
