//! Kerberos 5, by the system's library: the fence around the crate that binds it.
//!
//! Credentials come from where the library looks for them: KRB5CCNAME and KRB5_CLIENT_KTNAME for who begins, KRB5_KTNAME
//! for who accepts, and what krb5.conf says.

#![forbid(unsafe_code)]

use std::fmt::{self, Debug, Formatter};

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext as _, ServerCtx};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_NT_HOSTBASED_SERVICE, GSS_NT_KRB5_PRINCIPAL};
use libgssapi::oid::{GSS_NT_USER_NAME, OidSet};

use super::{Failed, Form, Principal, SecurityContext, Step};
use crate::memory;

impl From<libgssapi::error::Error> for Failed {
    fn from(_: libgssapi::error::Error) -> Self {
        Self
    }
}

fn copy_of(bytes: &[u8]) -> Result<Vec<u8>, Failed> {
    memory::copy(bytes).map_err(|_| Failed)
}

/// With a NUL behind it (contract: security.md section 5), which ends the text if there is one inside.
fn import(principal: &Principal) -> Result<Name, Failed> {
    let mut text = copy_of(&principal.text)?;
    memory::push(&mut text, 0).map_err(|_| Failed)?;
    let form = match principal.form {
        Form::HostBased => GSS_NT_HOSTBASED_SERVICE,
        Form::User => GSS_NT_USER_NAME,
        Form::Kerberos => GSS_NT_KRB5_PRINCIPAL,
    };
    Ok(Name::new(&text, Some(form))?)
}

/// Of `own`, or of whoever the library finds.
fn acquire(own: Option<&Principal>, usage: CredUsage) -> Result<Cred, Failed> {
    let kerberos = OidSet::singleton(GSS_MECH_KRB5)?;
    let name = own.map(import).transpose()?;
    Ok(Cred::acquire(name.as_ref(), None, usage, Some(&kerberos))?)
}

/// Who begins. Its name and credentials are looked for in the first step.
pub(crate) struct Initiator {
    own: Option<Principal>,
    service: Principal,
    context: Option<ClientCtx>,
}

impl Initiator {
    /// `own`: under which name; `None`: that of the ticket that fits.
    pub(crate) fn new(own: Option<Principal>, service: Principal) -> Self {
        Self {
            own,
            service,
            context: None,
        }
    }

    fn begin(own: Option<&Principal>, service: &Principal) -> Result<ClientCtx, Failed> {
        // Without a name the library chooses a ticket by the service.
        let credentials = own
            .map(|own| acquire(Some(own), CredUsage::Initiate))
            .transpose()?;
        let wanted = CtxFlags::GSS_C_MUTUAL_FLAG | CtxFlags::GSS_C_REPLAY_FLAG;
        let service = import(service)?;
        Ok(ClientCtx::new(
            credentials,
            service,
            wanted,
            Some(GSS_MECH_KRB5),
        ))
    }
}

impl Debug for Initiator {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("Initiator")
    }
}

impl SecurityContext for Initiator {
    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, Failed> {
        let context = match &mut self.context {
            Some(context) => context,
            none => none.insert(Self::begin(self.own.as_ref(), &self.service)?),
        };
        let sent = context.step(token, None)?;
        Ok(Step {
            token: copy_of(sent.as_deref().unwrap_or_default())?,
            is_complete: context.is_complete(),
        })
    }

    fn wrap(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Failed> {
        wrap(self.context.as_mut(), text, out)
    }

    fn unwrap(&mut self, sealed: &[u8]) -> Result<Vec<u8>, Failed> {
        unwrap(self.context.as_mut(), sealed)
    }

    fn initiator(&self) -> Result<Vec<u8>, Failed> {
        initiator(self.context.as_ref())
    }
}

/// Who accepts. Its keys are looked for in the first step.
pub(crate) struct Acceptor {
    own: Option<Principal>,
    context: Option<ServerCtx>,
}

impl Acceptor {
    /// `own`: under which name; `None`: under all that the keytab has.
    pub(crate) fn new(own: Option<Principal>) -> Self {
        Self { own, context: None }
    }
}

impl Debug for Acceptor {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("Acceptor")
    }
}

impl SecurityContext for Acceptor {
    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, Failed> {
        let context = match &mut self.context {
            Some(context) => context,
            none => {
                let credentials = acquire(self.own.as_ref(), CredUsage::Accept)?;
                none.insert(ServerCtx::new(Some(credentials)))
            }
        };
        let sent = context.step(token.unwrap_or_default(), None)?;
        Ok(Step {
            token: copy_of(sent.as_deref().unwrap_or_default())?,
            is_complete: context.is_complete(),
        })
    }

    fn wrap(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Failed> {
        wrap(self.context.as_mut(), text, out)
    }

    fn unwrap(&mut self, sealed: &[u8]) -> Result<Vec<u8>, Failed> {
        unwrap(self.context.as_mut(), sealed)
    }

    fn initiator(&self) -> Result<Vec<u8>, Failed> {
        initiator(self.context.as_ref())
    }
}

fn wrap(
    context: Option<&mut impl libgssapi::context::SecurityContext>,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Failed> {
    let sealed = context.ok_or(Failed)?.wrap(true, text)?;
    memory::append(out, &sealed).map_err(|_| Failed)
}

fn unwrap(
    context: Option<&mut impl libgssapi::context::SecurityContext>,
    sealed: &[u8],
) -> Result<Vec<u8>, Failed> {
    let text = context.ok_or(Failed)?.unwrap(sealed)?;
    copy_of(&text)
}

fn initiator(
    context: Option<&impl libgssapi::context::SecurityContext>,
) -> Result<Vec<u8>, Failed> {
    let name = context.ok_or(Failed)?.source_name()?;
    let mut text = copy_of(&name.display_name()?)?;
    // Some implementations count a NUL.
    if text.last() == Some(&0) {
        text.pop();
    }
    Ok(text)
}
