//! Security contexts as RFC 2743 (GSS-API) has them: what two ends agree on by tokens, and then seal with.
//!
//! [`krb5`] makes contexts by the system's Kerberos, for which `mechanism` asks when a handshake begins; from then on it knows
//! the trait only. Must not know ZMTP, streams or
//! threads. A step may take long, so that whoever calls has to choose where: see [`SecurityContext::step`].

#![forbid(unsafe_code)]

#[cfg(feature = "gssapi")]
pub(crate) mod krb5;

use std::fmt::Debug;

/// A name of the application's choice.
#[cfg(feature = "gssapi")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) text: Box<[u8]>,
    pub(crate) form: Form,
}

/// How the text of a [`Principal`] is to be read.
#[cfg(feature = "gssapi")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `service@host`.
    HostBased,
    User,
    /// `name/instance@REALM`.
    Kerberos,
}

/// One end of what two ends agree on.
pub(crate) trait SecurityContext: Debug + Send {
    /// Takes the peer's token, and says what to send; the first step of who begins has none to take.
    ///
    /// The first step of who begins asks the Kerberos servers of the realm for a ticket, if the cache has none: a round
    /// trip, or as long as the library's timeouts are if they are silent (MIT's: half a minute and more, for each). That of
    /// who accepts reads the keytab, and each writes to the replay cache, a file. Others compute only.
    ///
    /// # Errors
    /// There are no credentials, the token is none or for somebody else, or nobody answers. All further steps fail.
    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, Failed>;

    /// Appends a text, sealed. Computes only, as the rest does.
    ///
    /// # Errors
    /// The context is not complete, or has expired, or memory is short.
    fn wrap(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Failed>;

    /// Opens what the peer sealed.
    ///
    /// # Errors
    /// Nobody sealed it, it was opened before, or as [`Self::wrap`].
    fn unwrap(&mut self, sealed: &[u8]) -> Result<Vec<u8>, Failed>;

    /// Who began, as text.
    ///
    /// # Errors
    /// The context is not complete, or memory is short.
    fn initiator(&self) -> Result<Vec<u8>, Failed>;
}

/// What a step led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// For the peer; empty = nothing.
    pub(crate) token: Vec<u8>,
    /// No further step is needed.
    pub(crate) is_complete: bool,
}

/// Something went wrong that only the library can explain: no protocol says it to a peer, and no event to an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;
