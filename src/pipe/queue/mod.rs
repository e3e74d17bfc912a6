//! STAND-IN until the real module is merged: the same interface over a locked deque.
#![allow(dead_code, missing_docs, clippy::all)]
use crate::error::Result;
use crate::message::{PeerInfo, Storage};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
#[derive(Debug)]
pub(crate) enum Special {
    Body(Storage),
    Peer(Arc<PeerInfo>),
    Subscription { subscribe: bool, topic: Box<[u8]> },
    Restart,
    Notify,
}
#[derive(Debug)]
enum Rec {
    Frame(bool, Vec<u8>),
    Special(Special),
}
#[derive(Debug, Default)]
struct Inner {
    q: VecDeque<Rec>,
    asleep: bool,
}
#[derive(Debug)]
pub(crate) struct Writer {
    inner: Arc<Mutex<Inner>>,
    pending: Vec<Rec>,
}
#[derive(Debug)]
pub(crate) struct Reader {
    inner: Arc<Mutex<Inner>>,
    cur: Option<Rec>,
}
pub(crate) fn queue() -> (Writer, Reader) {
    let i: Arc<Mutex<Inner>> = Arc::default();
    (
        Writer {
            inner: i.clone(),
            pending: vec![],
        },
        Reader {
            inner: i,
            cur: None,
        },
    )
}
#[derive(Debug)]
pub(crate) enum Item<'a> {
    Frame {
        more: bool,
        body: &'a [u8],
        storage: bool,
    },
    Special(&'a Special),
}
#[derive(Debug)]
pub(crate) enum BodyRef<'a> {
    Copied(&'a [u8]),
    Stored(Storage),
}
#[derive(Debug, Default)]
pub(crate) struct Gather {
    pub(crate) bytes: Vec<u8>,
}
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) head: Vec<u8>,
    pub(crate) body: Option<(Storage, usize)>,
    pub(crate) more: bool,
}
#[derive(Debug)]
pub(crate) struct Advanced {
    pub(crate) messages: u64,
    pub(crate) mid_message: bool,
    pub(crate) cut: Option<Cut>,
}
impl Writer {
    pub(crate) fn append(&mut self, more: bool, b: &[u8]) -> Result<()> {
        self.pending.push(Rec::Frame(more, b.to_vec()));
        Ok(())
    }
    pub(crate) fn append_storage(&mut self, more: bool, s: Storage) -> Result<()> {
        self.append(more, s.bytes())
    }
    pub(crate) fn append_special(&mut self, s: Special) -> Result<()> {
        self.pending.push(Rec::Special(s));
        Ok(())
    }
    pub(crate) fn commit(&mut self) -> bool {
        let mut i = self.inner.lock();
        i.q.extend(self.pending.drain(..));
        std::mem::take(&mut i.asleep)
    }
    pub(crate) fn rollback(&mut self) {
        self.pending.clear()
    }
}
impl Reader {
    fn load(&mut self) {
        if self.cur.is_none() {
            let mut i = self.inner.lock();
            i.asleep = false;
            self.cur = i.q.pop_front();
        }
    }
    pub(crate) fn peek(&mut self) -> Option<Item<'_>> {
        self.load();
        match self.cur.as_ref()? {
            Rec::Frame(m, b) => Some(Item::Frame {
                more: *m,
                body: b,
                storage: false,
            }),
            Rec::Special(s) => Some(Item::Special(s)),
        }
    }
    pub(crate) fn skip(&mut self) {
        self.load();
        self.cur = None
    }
    pub(crate) fn take_special(&mut self) -> Option<Special> {
        self.load();
        match self.cur.take() {
            Some(Rec::Special(s)) => Some(s),
            o => {
                self.cur = o;
                None
            }
        }
    }
    pub(crate) fn read_with<R>(&mut self, f: impl FnOnce(bool, BodyRef<'_>) -> R) -> Option<R> {
        self.load();
        match self.cur.take() {
            Some(Rec::Frame(m, b)) => Some(f(m, BodyRef::Copied(&b))),
            o => {
                self.cur = o;
                None
            }
        }
    }
    pub(crate) fn sleep(&mut self) -> bool {
        if self.cur.is_some() {
            return false;
        }
        let mut i = self.inner.lock();
        if i.q.is_empty() {
            i.asleep = true;
            true
        } else {
            false
        }
    }
    pub(crate) fn gather(&mut self, _b: usize, _g: &mut Gather) {}
    pub(crate) fn advance(&mut self, _n: usize) -> Advanced {
        Advanced {
            messages: 0,
            mid_message: false,
            cut: None,
        }
    }
    pub(crate) fn discard_until_restart(&mut self) -> u64 {
        0
    }
    pub(crate) fn drain_storages(&mut self) {
        self.cur = None;
        self.inner.lock().q.clear()
    }
}
