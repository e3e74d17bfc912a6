//! Those who fill the pipes that an I/O thread empties.
//!
//! A thread that is faster than they are would write what they send message by message: a system call each, and a read
//! of its own at the receiver. It yields its processor instead, so that more comes together; if nobody else wants that,
//! it goes on at once. (tcp, 100 bytes, two processors: 10 to 40 messages a write without, 50 to 700 with it.)

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::clock;

/// A yield that takes longer has let somebody else run.
const LONG: Duration = Duration::from_micros(300);
/// Turns without a yield, if that was somebody who computes and sends nothing: one in a thousand may be kept waiting like
/// this.
const PAUSE: u32 = 1023;

/// What an I/O thread has learnt of them.
#[derive(Debug, Default)]
pub(super) struct Producers {
    /// Turns to come without a yield.
    pause: u32,
    /// Little turns since the last yield.
    turns: usize,
    /// The last yield let somebody else run.
    gave: bool,
}

impl Producers {
    /// Small writes after which the turn of a connection that had one before is over, and [`Self::let_run`] is called.
    pub(super) fn small_writes(&self) -> usize {
        match self.pause {
            0 => 1,
            _ => usize::MAX,
        }
    }

    /// A turn is over that moved little, though there may be more. So many connections are `ready`: all of them have
    /// their turns before a yield.
    pub(super) fn let_run(&mut self, ready: usize) {
        if self.pause > 0 {
            self.pause -= 1;
            return;
        }
        self.turns += 1;
        if self.turns < ready {
            return;
        }
        self.turns = 0;
        let before = clock::now();
        std::thread::yield_now();
        self.gave = clock::now() - before > LONG;
    }

    /// A turn has moved little, or much: what the last yield has brought.
    pub(super) fn note_turn(&mut self, little: bool) {
        if std::mem::take(&mut self.gave) && little {
            self.pause = PAUSE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PAUSE, Producers};

    /// Who computes and sends nothing is not let run again soon.
    #[test]
    fn a_yield_that_brought_nothing_is_not_repeated_soon() {
        for (gave, little, pause) in [
            (true, true, PAUSE),
            (true, false, 0),
            (false, true, 0),
            (false, false, 0),
        ] {
            let mut producers = Producers {
                gave,
                ..Producers::default()
            };
            producers.note_turn(little);
            assert_eq!(producers.pause, pause);
            producers.note_turn(true);
            assert_eq!(producers.pause, pause);
        }
        let mut producers = Producers {
            pause: PAUSE,
            ..Producers::default()
        };
        for _ in 0..PAUSE {
            assert_eq!(producers.small_writes(), usize::MAX);
            producers.let_run(1);
        }
        assert_eq!(producers.small_writes(), 1);
    }
}
