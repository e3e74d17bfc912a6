//! STAND-IN until the real module is merged.
#![allow(dead_code, missing_docs)]
/// Stored options.
#[derive(Clone, Debug, Default)]
pub(crate) struct SocketOptions {
    pub(crate) invert_matching: bool,
    pub(crate) router_notify: i32,
}
/// A validated option of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PatternOption {
    Subscribe(Box<[u8]>),
    Unsubscribe(Box<[u8]>),
    RouterMandatory(bool),
    RouterRaw(bool),
    RouterHandover(bool),
    ProbeRouter(bool),
    ConnectRoutingId(Box<[u8]>),
    ReqCorrelate(bool),
    ReqRelaxed(bool),
    XpubVerbose(bool),
    XpubVerboser(bool),
    XpubNodrop(bool),
    XpubManual(bool),
    XpubManualLastValue(bool),
    XpubWelcomeMsg(Box<[u8]>),
    OnlyFirstSubscribe(bool),
    XsubVerboseUnsubscribe(bool),
}
