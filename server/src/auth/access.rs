//! The check at the door: a claim in, an identity out.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::authorization::{Authorization, AuthorizationError, ConnectionType, Login, User};
use super::certificate::{Certificate, DistinguishedName};
use super::nkey;
use super::password::Secret;
use super::rights::Rights;
use crate::link::Lag;

/// How long a connection may take to say who it is, as the reference server has it.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);
/// How much longer for somebody who types it: a minute is enough to look up a password. A guess.
const TYPING_MORE: Duration = Duration::from_secs(58);
/// What stands for a token where a name is shown.
const TOKEN_NAME: &str = "[REDACTED]";

/// Everybody who may connect.
#[derive(Debug, Default)]
pub(crate) struct Access {
    users: HashMap<String, Arc<Identity>>,
    /// Those of them whose name is the subject of a certificate.
    subjects: HashMap<DistinguishedName, Arc<Identity>>,
    token: Option<Arc<Identity>>,
    guest: Option<Arc<Identity>>,
    has_nkeys: bool,
    is_required: bool,
    timeout: Duration,
    /// What somebody who types has above that.
    typing_more: Duration,
    /// Checked in the place of a user who does not exist, so that both take as long.
    decoy: Option<Secret>,
}

/// Somebody who was let in.
#[derive(Debug)]
pub(crate) struct Identity {
    /// Name, public key, or what stands for a token.
    pub(crate) name: String,
    secret: Secret,
    is_key: bool,
    pub(crate) rights: Option<Arc<Rights>>,
    connection_types: Option<Vec<ConnectionType>>,
    /// What becomes of messages when it does not keep up, where it is not as for others.
    pub(crate) lag: Option<Lag>,
}

/// What a connection says it is.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) user: &'a str,
    pub(crate) pass: &'a str,
    pub(crate) token: &'a str,
    pub(crate) nkey: &'a str,
    pub(crate) signature: &'a str,
    /// What was to be signed.
    pub(crate) nonce: &'a str,
    /// Its certificate, where that says who it is.
    pub(crate) certificate: Option<&'a Certificate>,
    /// A user without a password is known by its certificate, and there is none here.
    pub(crate) is_password_needed: bool,
    pub(crate) kind: ConnectionType,
}

/// What is made of a claim.
pub(crate) enum Answer {
    Granted(Arc<Identity>),
    /// As a guest: nothing was claimed.
    Guest(Arc<Identity>),
    Refused,
    /// To be settled where it may take long.
    Slow(SlowCheck),
}

/// A password to be held against its hash.
pub(crate) struct SlowCheck {
    secret: Secret,
    offered: String,
    /// None for a decoy: nobody is let in, whatever comes out.
    identity: Option<Arc<Identity>>,
}

impl Access {
    /// # Errors
    ///
    /// What was configured contradicts itself.
    pub(crate) fn new(authorization: &Authorization) -> Result<Self, AuthorizationError> {
        check_conflicts(authorization)?;
        let default = authorization.default_permissions.as_ref();
        let default = default.map(Rights::new).transpose()?.map(Arc::new);
        let mut access = Self {
            is_required: authorization.is_required(),
            timeout: authorization.timeout.unwrap_or(TIMEOUT_DEFAULT),
            typing_more: match authorization.timeout {
                Some(_) => Duration::ZERO,
                None => TYPING_MORE,
            },
            ..Self::default()
        };
        for user in &authorization.users {
            let identity = Identity::new(user, default.as_ref())?;
            access.has_nkeys |= identity.is_key;
            if access.users.contains_key(&identity.name) {
                return Err(AuthorizationError::DuplicateUser(identity.name));
            }
            access.add(identity);
        }
        if let Some((user, secret)) = &authorization.single {
            access.add(Identity::unlimited(user, secret));
        }
        access.token = authorization
            .token
            .as_ref()
            .map(|token| Arc::new(Identity::unlimited(TOKEN_NAME, token)));
        if let Some(guest) = &authorization.no_auth_user {
            let known = access.users.get(guest).cloned();
            let unknown = || AuthorizationError::UnknownNoAuthUser(guest.clone());
            access.guest = Some(known.ok_or_else(unknown)?);
        }
        Ok(access)
    }

    fn add(&mut self, identity: Identity) {
        if identity.secret.is_slow() {
            self.decoy = Some(identity.secret.clone());
        }
        let (name, identity) = (identity.name.clone(), Arc::new(identity));
        if let Some(subject) = DistinguishedName::parse(&name) {
            let first = self.subjects.entry(subject);
            first.or_insert_with(|| Arc::clone(&identity));
        }
        self.users.insert(name, identity);
    }

    /// Whether a connection must say who it is.
    pub(crate) fn is_required(&self) -> bool {
        self.is_required
    }

    /// Whether clients are to be given something to sign.
    pub(crate) fn wants_signatures(&self) -> bool {
        self.has_nkeys
    }

    /// Whether somebody without credentials may be let in.
    pub(crate) fn has_guest(&self) -> bool {
        self.guest.is_some()
    }

    /// Who a connection of `kind` without credentials is.
    pub(crate) fn guest(&self, kind: ConnectionType) -> Option<&Arc<Identity>> {
        self.guest.as_ref().filter(|guest| guest.may_use(kind))
    }

    /// The same where a handshake of up to `handshake` comes before: unless another time was
    /// chosen, there is a second after that, as with the reference server.
    pub(crate) fn after_handshake(mut self, handshake: Option<Duration>) -> Self {
        if let Some(handshake) = handshake.filter(|_| self.typing_more > Duration::ZERO) {
            self.timeout = handshake + Duration::from_secs(1);
        }
        self
    }

    /// How long a connection may take to say who it is.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How much longer it may take for somebody who has begun to type.
    pub(crate) fn typing_more(&self) -> Duration {
        self.typing_more
    }

    /// Who the claimant is.
    pub(crate) fn check(&self, claim: &Claim<'_>) -> Answer {
        let answer = self.find(claim);
        match &answer {
            Answer::Granted(identity) | Answer::Guest(identity)
                if !identity.may_use(claim.kind) =>
            {
                Answer::Refused
            }
            Answer::Slow(SlowCheck {
                identity: Some(identity),
                ..
            }) if !identity.may_use(claim.kind) => Answer::Refused,
            _ => answer,
        }
    }

    fn find(&self, claim: &Claim<'_>) -> Answer {
        if !claim.nkey.is_empty() {
            return self.by_key(claim);
        }
        if let Some(certificate) = claim.certificate {
            let known = self.by_certificate(certificate, claim.kind).cloned();
            return known.map_or(Answer::Refused, Answer::Granted);
        }
        if let Some(token) = &self.token {
            return test(token, claim.token);
        }
        let claims_nothing =
            claim.user.is_empty() && claim.pass.is_empty() && claim.token.is_empty();
        if let Some(guest) = self.guest.as_ref().filter(|_| claims_nothing) {
            return Answer::Guest(Arc::clone(guest));
        }
        match self.users.get(claim.user).filter(|known| !known.is_key) {
            Some(identity) if claim.is_password_needed && identity.secret.is_empty() => {
                Answer::Refused
            }
            Some(identity) => test(identity, claim.pass),
            None => match &self.decoy {
                Some(secret) => Answer::Slow(SlowCheck {
                    secret: secret.clone(),
                    offered: claim.pass.to_owned(),
                    identity: None,
                }),
                None => Answer::Refused,
            },
        }
    }

    /// The first user whom the certificate names: by one of its names, or by its subject, which
    /// may be written in any order.
    fn by_certificate(
        &self,
        certificate: &Certificate,
        kind: ConnectionType,
    ) -> Option<&Arc<Identity>> {
        let by_name = |name: &String| self.users.get(name);
        let by_subject = || {
            let subject = DistinguishedName::parse(&certificate.subject)?;
            self.subjects.get(&subject)
        };
        let names = certificate.names.iter().chain([&certificate.subject]);
        names
            .filter_map(by_name)
            .find(|user| user.may_use(kind))
            .or_else(by_subject)
    }

    fn by_key(&self, claim: &Claim<'_>) -> Answer {
        match self.users.get(claim.nkey).filter(|known| known.is_key) {
            Some(identity) if nkey::has_signed(claim.nkey, claim.nonce, claim.signature) => {
                Answer::Granted(Arc::clone(identity))
            }
            _ => Answer::Refused,
        }
    }

    /// Who somebody is under this configuration who was let in under another; none if the name is
    /// gone, its secret has changed, or connections of `kind` are not its any more.
    pub(crate) fn again(&self, identity: &Identity, kind: ConnectionType) -> Option<Arc<Identity>> {
        let known = match identity.name.as_str() {
            TOKEN_NAME => self.token.as_ref(),
            name => self.users.get(name),
        };
        known
            .filter(|known| known.secret == identity.secret && known.is_key == identity.is_key)
            .filter(|known| known.may_use(kind))
            .cloned()
    }
}

/// A secret that is known at once, or takes long.
fn test(identity: &Arc<Identity>, offered: &str) -> Answer {
    if identity.secret.is_slow() {
        return Answer::Slow(SlowCheck {
            secret: identity.secret.clone(),
            offered: offered.to_owned(),
            identity: Some(Arc::clone(identity)),
        });
    }
    match identity.secret.is(offered) {
        true => Answer::Granted(Arc::clone(identity)),
        false => Answer::Refused,
    }
}

fn check_conflicts(authorization: &Authorization) -> Result<(), AuthorizationError> {
    let has_users = !authorization.users.is_empty();
    let text = match (&authorization.token, &authorization.single) {
        (Some(_), Some(_)) => "cannot have a user/pass and token",
        (None, Some(_)) if has_users => "can not have a single user/pass and a users array",
        (Some(_), None) if has_users => "can not have a token and a users array",
        _ => return Ok(()),
    };
    Err(AuthorizationError::Conflict(text))
}

impl SlowCheck {
    /// Takes a tenth of a second and more.
    pub(crate) fn run(self) -> Option<Arc<Identity>> {
        let is_right = self.secret.is(&self.offered);
        self.identity.filter(|_| is_right)
    }
}

impl fmt::Debug for SlowCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlowCheck")
    }
}

impl Identity {
    fn new(user: &User, default: Option<&Arc<Rights>>) -> Result<Self, AuthorizationError> {
        let own = user.permissions.as_ref().map(Rights::new).transpose()?;
        let (secret, is_key) = match &user.login {
            Login::Password { secret, .. } => (secret.clone(), false),
            Login::Nkey(key) if nkey::is_user_key(key) => (Secret::default(), true),
            Login::Nkey(key) => return Err(AuthorizationError::InvalidNkey(key.clone())),
        };
        Ok(Self {
            name: user.name().to_owned(),
            secret,
            is_key,
            rights: own.map(Arc::new).or_else(|| default.cloned()),
            connection_types: user.connection_types.clone(),
            lag: user.lag,
        })
    }

    fn unlimited(name: &str, secret: &Secret) -> Self {
        Self {
            name: name.to_owned(),
            secret: secret.clone(),
            is_key: false,
            rights: None,
            connection_types: None,
            lag: None,
        }
    }

    fn may_use(&self, kind: ConnectionType) -> bool {
        self.connection_types
            .as_ref()
            .is_none_or(|types| types.contains(&kind))
    }
}
