//! Those who fill the pipes that an I/O thread empties.
//!
//! A thread that is faster than they are would write what they send message by message: a system call each, and a read
//! of its own at the receiver. It yields its processor instead, so that more comes together; if nobody else wants that,
//! it goes on at once. (tcp, 100 bytes, two processors: 10 to 40 messages a write without, 50 to 700 with it.)

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::clock;

/// A yield that takes longer has let somebody else run whom nothing stopped.
const LONG: Duration = Duration::from_micros(300);
/// Rounds of the thread without a yield, if that was somebody who sent much: other connections have waited, too.
const SHORT_PAUSE: u32 = 15;
/// If it was somebody who computes and sends nothing: one round in a thousand may be kept waiting like this.
const PAUSE: u32 = 1023;

/// What an I/O thread has learnt of them.
#[derive(Debug, Default)]
pub(super) struct Producers {
    /// Rounds to come without a yield.
    pause: u32,
    /// Little turns since the last yield, and since the last one that was not.
    turns: usize,
    /// The last yield was long.
    gave: bool,
}

impl Producers {
    /// Small writes after which the turn of a connection that had one before is over.
    pub(super) fn small_writes(&self) -> usize {
        match self.pause {
            0 => 1,
            _ => usize::MAX,
        }
    }

    /// The thread has gone round: commands, timers, a turn, events.
    pub(super) fn note_round(&mut self) {
        self.pause = self.pause.saturating_sub(1);
    }

    /// A turn is over, because it wrote `little` and there may be more, or not. So many connections are `ready` for
    /// another one: a yield follows when all of them have written little.
    pub(super) fn note_turn(&mut self, little: bool, ready: usize) {
        if std::mem::take(&mut self.gave) {
            self.pause = if little { PAUSE } else { SHORT_PAUSE };
        }
        if self.pause > 0 {
            return;
        }
        self.turns = if little { self.turns + 1 } else { 0 };
        if self.turns > 0 && self.turns >= ready {
            self.turns = 0;
            let before = clock::now();
            std::thread::yield_now();
            self.gave = clock::now() - before > LONG;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PAUSE, Producers, SHORT_PAUSE};

    /// Who computes is not let run again soon, and who sends much not each time.
    #[test]
    fn a_long_yield_is_followed_by_a_pause() {
        for (gave, little, pause) in [
            (true, true, PAUSE),
            (true, false, SHORT_PAUSE),
            (false, true, 0),
            (false, false, 0),
        ] {
            let mut producers = Producers {
                gave,
                ..Producers::default()
            };
            producers.note_turn(little, 1000);
            for _ in 0..pause {
                assert_eq!(producers.small_writes(), usize::MAX);
                producers.note_turn(true, 1000);
                producers.note_round();
            }
            assert_eq!(producers.small_writes(), 1);
        }
    }

    /// All that are ready have their turns before a yield.
    #[test]
    fn a_round_of_little_turns_comes_before_a_yield() {
        let mut producers = Producers::default();
        for (little, turns) in [
            (true, 1),
            (true, 2),
            (false, 0),
            (true, 1),
            (true, 2),
            (true, 0),
        ] {
            producers.note_turn(little, 3);
            assert_eq!(producers.turns, turns);
        }
    }
}
