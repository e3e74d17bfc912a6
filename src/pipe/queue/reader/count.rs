//! How much a reader has before it.

#![allow(unsafe_code, reason = "looks at chunks that it shares with the writer")]

use super::Reader;
use crate::sync::atomic::Ordering;

impl Reader {
    /// Committed messages that were not read, the one in progress included.
    pub(crate) fn count_messages(&mut self) -> u64 {
        if !self.find_item() {
            return 0;
        }
        self.refresh();
        let Some(mut chunk) = self.chunk else {
            return 0;
        };
        let mut word = self.word;
        let mut count = word.messages() - self.messages;
        while word.is_sealed() && !word.leads_to_head() {
            // SAFETY: alive, and sealed.
            let Some(next) = (unsafe { chunk.next() }) else {
                break;
            };
            chunk = next;
            // SAFETY: follows a sealed chunk, so alive: this reader alone frees it.
            word = unsafe { chunk.published(Ordering::Acquire) };
            count += word.messages();
        }
        count
    }
}
