//! The delay between connection attempts (contract: transports.md section 5, "Delay formula").

#![forbid(unsafe_code)]

use std::time::Duration;

/// Computes reconnect delays from RECONNECT_IVL and RECONNECT_IVL_MAX.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// ms; not positive = never reconnect.
    interval: i32,
    /// ms; 0 = no growth, but jitter.
    maximum: i32,
    previous: Option<i32>,
}

impl Backoff {
    pub(crate) fn new(interval: i32, maximum: i32) -> Self {
        Self {
            interval,
            maximum,
            previous: None,
        }
    }

    /// The next delay, or `None` if there is no next attempt. `random` is any uniform number.
    pub(crate) fn next_delay(&mut self, random: u32) -> Option<Duration> {
        if self.interval <= 0 {
            return None;
        }
        let delay = if self.maximum > 0 {
            let grown = self
                .previous
                .map_or(self.interval, |delay| delay.saturating_mul(2));
            grown.min(self.maximum)
        } else {
            let jitter = i64::from(random) % i64::from(self.interval);
            i32::try_from(i64::from(self.interval) + jitter).unwrap_or(i32::MAX)
        };
        self.previous = Some(delay);
        Some(Duration::from_millis(u64::from(delay.unsigned_abs())))
    }

    /// The connection had been established: growth starts over.
    pub(crate) fn reset(&mut self) {
        self.previous = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(interval: i32, maximum: i32, random: u32, count: usize) -> Vec<Option<u128>> {
        let mut backoff = Backoff::new(interval, maximum);
        let mut next = || backoff.next_delay(random).map(|delay| delay.as_millis());
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn without_maximum_there_is_jitter_and_no_growth() {
        assert_eq!(delays(100, 0, 0, 3), [Some(100); 3]);
        assert_eq!(delays(100, 0, 99, 3), [Some(199); 3]);
        assert_eq!(delays(100, 0, 100, 1), [Some(100)]);
    }

    #[test]
    fn with_maximum_it_doubles_without_jitter() {
        assert_eq!(delays(20, 100, 7, 5), [20, 40, 80, 100, 100].map(Some));
        assert_eq!(delays(50, 20, 7, 2), [Some(20); 2]);
        assert_eq!(delays(i32::MAX, i32::MAX, 1, 2), [Some(2_147_483_647); 2]);
    }

    #[test]
    fn the_longest_interval_has_no_jitter_left() {
        let longest = u128::try_from(i32::MAX).expect("positive");
        assert_eq!(delays(i32::MAX, 0, 0, 1), [Some(longest)]);
        assert_eq!(delays(i32::MAX, 0, 7, 1), [Some(longest)]);
        assert_eq!(delays(i32::MAX - 1, 0, u32::MAX, 1), [Some(longest)]);
    }

    /// Attempts and losses as they follow each other, on a clock of the test's own.
    #[test]
    fn attempts_on_a_clock() {
        let mut backoff = Backoff::new(20, 100);
        let mut now = Duration::ZERO;
        let mut attempts = Vec::new();
        // Refused for a while, then up and lost, then refused again.
        for lost in [false, false, false, false, true, false, true, true, false] {
            if lost {
                backoff.reset();
            }
            now += backoff.next_delay(3).expect("another attempt");
            attempts.push(now.as_millis());
        }
        assert_eq!(attempts, [20, 60, 140, 240, 260, 300, 320, 340, 380]);
    }

    #[test]
    fn no_interval_means_no_attempt() {
        assert_eq!(delays(0, 0, 1, 1), [None]);
        assert_eq!(delays(-1, 50, 1, 1), [None]);
    }

    #[test]
    fn a_connection_starts_the_growth_over() {
        let mut backoff = Backoff::new(10, 1000);
        backoff.next_delay(0);
        backoff.next_delay(0);
        backoff.reset();
        assert_eq!(backoff.next_delay(0), Some(Duration::from_millis(10)));
    }
}
