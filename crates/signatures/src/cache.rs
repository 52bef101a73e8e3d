//! Each image is verified once, however many ask at the same time (single flight), and not again while the answer counts.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use probity_core::Digest;

/// What an answer is about: the image, what was demanded of it, and whom was trusted. Another of any of these is another question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The image's repository and digest.
    pub image: String,
    /// Digest of what is demanded.
    pub policy: Digest,
    /// Digest of the trust root.
    pub root: Digest,
}

enum Slot<V> {
    /// Somebody is finding out.
    Busy,
    /// The answer, and until when it counts.
    Done(V, Instant),
}

/// Answers that are kept. Errors are not: who asks next finds out anew.
pub struct Cache<V> {
    slots: Mutex<HashMap<Key, Slot<V>>>,
    freed: Condvar,
    /// How long an answer counts.
    lasts: Duration,
    /// Most answers that are kept.
    most: usize,
}

/// Lets others go on where whoever was finding out fails or panics.
struct Busy<'c, V> {
    cache: &'c Cache<V>,
    key: &'c Key,
    is_done: bool,
}

impl<V> Drop for Busy<'_, V> {
    fn drop(&mut self) {
        if !self.is_done {
            self.cache.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(self.key);
        }
        self.cache.freed.notify_all();
    }
}

impl<V: Clone> Cache<V> {
    /// One whose answers count for so long, and which keeps so many.
    #[must_use]
    pub fn new(lasts: Duration, most: usize) -> Arc<Cache<V>> {
        Arc::new(Cache { slots: Mutex::new(HashMap::new()), freed: Condvar::new(), lasts, most })
    }

    /// The answer to a question: a kept one; that of somebody who is finding out at this moment; or the one found out now.
    ///
    /// # Errors
    /// What `find` says. Others who wait for it then find out themselves, one after the other.
    #[expect(clippy::disallowed_methods, reason = "an answer counts for a time")]
    pub fn answer<E>(&self, key: &Key, find: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match slots.get(key) {
                Some(Slot::Done(answer, until)) if Instant::now() < *until => return Ok(answer.clone()),
                Some(Slot::Busy) => slots = self.freed.wait(slots).unwrap_or_else(PoisonError::into_inner),
                Some(Slot::Done(..)) | None => break,
            }
        }
        slots.insert(key.clone(), Slot::Busy);
        drop(slots);
        let mut busy = Busy { cache: self, key, is_done: false };
        let answer = find()?;
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if slots.len() > self.most {
            slots.retain(|_, slot| !matches!(slot, Slot::Done(_, until) if *until <= now));
        }
        if slots.len() > self.most {
            slots.retain(|_, slot| matches!(slot, Slot::Busy));
        }
        slots.insert(key.clone(), Slot::Done(answer.clone(), now + self.lasts));
        busy.is_done = true;
        drop(slots);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(image: &str) -> Key {
        Key { image: image.to_owned(), policy: Digest([0; 32]), root: Digest([1; 32]) }
    }

    #[test]
    fn eight_who_ask_at_once_get_one_answer() {
        let cache = Cache::new(Duration::from_secs(60), 16);
        let asked = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let answer = cache.answer(&key("a"), || {
                        asked.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(50));
                        Ok::<_, ()>(7)
                    });
                    assert_eq!(answer, Ok(7));
                });
            }
        });
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn errors_and_panics_are_not_kept() {
        let cache = Cache::new(Duration::from_secs(60), 16);
        assert_eq!(cache.answer(&key("a"), || Err::<i32, _>("no")), Err("no"));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cache.answer::<()>(&key("a"), || panic!("on purpose"))));
        assert!(panicked.is_err());
        assert_eq!(cache.answer(&key("a"), || Ok::<_, ()>(1)), Ok(1));
        assert_eq!(cache.answer(&key("a"), || Ok::<_, ()>(2)), Ok(1));
        // Another demand, another root, another image: another question.
        assert_eq!(cache.answer(&Key { policy: Digest([9; 32]), ..key("a") }, || Ok::<_, ()>(3)), Ok(3));
        assert_eq!(cache.answer(&Key { root: Digest([9; 32]), ..key("a") }, || Ok::<_, ()>(4)), Ok(4));
        assert_eq!(cache.answer(&key("b"), || Ok::<_, ()>(5)), Ok(5));
    }

    #[test]
    fn answers_end_and_room_is_bounded() {
        let short = Cache::new(Duration::ZERO, 16);
        assert_eq!(short.answer(&key("a"), || Ok::<_, ()>(1)), Ok(1));
        assert_eq!(short.answer(&key("a"), || Ok::<_, ()>(2)), Ok(2));
        let small = Cache::new(Duration::from_secs(60), 4);
        for number in 0..100 {
            assert_eq!(small.answer(&key(&number.to_string()), || Ok::<_, ()>(number)), Ok(number));
            assert!(small.slots.lock().unwrap().len() <= 6);
        }
    }
}
