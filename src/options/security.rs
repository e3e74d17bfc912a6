//! Options that select a security mechanism and say what it needs (contract: security.md sections 1 and 7).

#![forbid(unsafe_code)]

use crate::ffi::constants as c;
use crate::options::values::Bytes;
use crate::sodium::{PublicKey, Secret};

/// The mechanism that was selected last: what ZMQ_MECHANISM reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Selected {
    #[default]
    Null,
    Plain,
    Curve,
    Gssapi,
}

impl Selected {
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Null => c::ZMQ_NULL,
            Self::Plain => c::ZMQ_PLAIN,
            Self::Curve => c::ZMQ_CURVE,
            Self::Gssapi => c::ZMQ_GSSAPI,
        }
    }

    /// A step of its handshakes takes many times as long as anything else that a peer can ask for.
    pub(crate) fn has_public_keys(self) -> bool {
        self == Self::Curve
    }
}

/// What a socket's options say of security.
#[derive(Clone, Debug, Default)]
pub(crate) struct Security {
    pub(crate) selected: Selected,
    /// The role, whoever connects.
    pub(crate) serves: bool,
    pub(crate) plain_username: Bytes,
    pub(crate) plain_password: Bytes,
    pub(crate) curve: CurveKeys,
    pub(crate) gssapi: Gssapi,
    /// Empty = none.
    pub(crate) zap_domain: Bytes,
    pub(crate) zap_enforces_domain: bool,
}

/// Zeros until they are set.
#[derive(Clone, Debug, Default)]
pub(crate) struct CurveKeys {
    pub(crate) public: PublicKey,
    pub(crate) secret: Secret,
    /// The public key of that, which is not always the one that was set: made here, and not for each peer.
    pub(crate) of_secret: PublicKey,
    /// The server's public one.
    pub(crate) server: PublicKey,
}

/// What GSSAPI needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gssapi {
    /// Empty = that of the ticket, or any that the keytab has.
    pub(crate) principal: Bytes,
    /// ZMQ_GSSAPI_NT_*.
    pub(crate) principal_form: i32,
    pub(crate) service: Bytes,
    pub(crate) service_form: i32,
    /// Nothing is encrypted.
    pub(crate) plain: bool,
}

impl Security {
    /// Whether it is the server of this mechanism.
    pub(super) fn serves_by(&self, mechanism: Selected) -> bool {
        self.serves && self.selected == mechanism
    }

    /// An option like ZMQ_PLAIN_SERVER: off goes back to NULL.
    pub(super) fn serve_by(&mut self, mechanism: Selected, on: bool) {
        self.serves = on;
        self.selected = if on { mechanism } else { Selected::Null };
    }

    /// ZMQ_GSSAPI_SERVER: off is the client's role.
    pub(super) fn serve_by_gssapi(&mut self, on: bool) {
        self.serves = on;
        self.selected = Selected::Gssapi;
    }

    /// Leaves the role.
    pub(super) fn set_principal(&mut self, name: Bytes) {
        self.gssapi.principal = name;
        self.selected = Selected::Gssapi;
    }

    pub(super) fn set_service(&mut self, name: Bytes) {
        self.gssapi.service = name;
        self.serve_by_gssapi(false);
    }

    /// A PLAIN name or password that is taken back goes back to NULL, and stays readable.
    pub(super) fn set_plain(&mut self, field: fn(&mut Self) -> &mut Bytes, text: Bytes) {
        if text.is_empty() {
            self.selected = Selected::Null;
            return;
        }
        *field(self) = text;
        self.selected = Selected::Plain;
        self.serves = false;
    }

    /// Any key selects CURVE.
    pub(super) fn set_curve(
        &mut self,
        field: fn(&mut CurveKeys) -> &mut PublicKey,
        key: &PublicKey,
    ) {
        *field(&mut self.curve) = *key;
        self.selected = Selected::Curve;
    }

    pub(super) fn set_curve_secret(&mut self, key: &[u8; 32]) {
        self.set_curve(|keys| keys.secret.bytes_mut(), key);
        self.curve.of_secret = self.curve.secret.public_key();
    }
}
