//! STAND-IN until the real module is merged.
#![allow(dead_code, missing_docs)]
use crate::error::Result;
use std::sync::Arc;
#[derive(Clone, Debug)]
pub(crate) struct Storage(Arc<[u8]>);
impl Storage {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
    pub(crate) fn copy_of(b: &[u8]) -> Result<Self> {
        Ok(Self(b.into()))
    }
}
#[derive(Debug)]
pub(crate) struct PeerInfo {
    pub(crate) routing_id: Box<[u8]>,
}
#[derive(Debug, Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
    more: bool,
    peer: Option<Arc<PeerInfo>>,
}
impl Message {
    pub(crate) fn new() -> Self {
        Self::default()
    }
    pub(crate) fn from_slice(b: &[u8]) -> Result<Self> {
        Ok(Self {
            bytes: b.to_vec(),
            ..Self::default()
        })
    }
    pub(crate) fn from_storage(s: Storage) -> Self {
        Self {
            bytes: s.bytes().to_vec(),
            ..Self::default()
        }
    }
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    pub(crate) fn more(&self) -> bool {
        self.more
    }
    pub(crate) fn set_more(&mut self, m: bool) {
        self.more = m
    }
    pub(crate) fn set_peer(&mut self, p: Option<Arc<PeerInfo>>) {
        self.peer = p
    }
    pub(crate) fn peer(&self) -> Option<&Arc<PeerInfo>> {
        self.peer.as_ref()
    }
    pub(crate) fn share_storage(&mut self) -> Option<Storage> {
        None
    }
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}
