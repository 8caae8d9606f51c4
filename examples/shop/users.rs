//! The service of the users: who they are, and whether they are it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dunlin::Client;
use dunlin::service::{Endpoint, Error, Service, ServiceError};

use crate::words::{Account, Login, Session, Whose};

/// What all instances know. A real one would not keep passwords as they are.
#[derive(Debug, Clone, Default)]
pub struct Accounts(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    passwords: HashMap<String, String>,
    sessions: HashMap<String, String>,
}

pub async fn start(client: &Client, accounts: Accounts) -> Result<Service, ServiceError> {
    let builder = client
        .service_builder()
        .description("accounts and sessions");
    let service = builder.start("users", "1.0.0").await?;
    let users = service.group("users");
    let register = users.endpoint("register").await?;
    tokio::spawn(serve(register, accounts.clone(), |accounts, payload| {
        let account: Account = read(payload)?;
        accounts.register(account).map(|()| "null".to_owned())
    }));
    let login = users.endpoint("login").await?;
    let names = client.clone();
    tokio::spawn(serve(login, accounts.clone(), move |accounts, payload| {
        let login: Login = read(payload)?;
        let token = names.new_inbox(); // Nobody can guess one.
        accounts.login(&login, token).map(|session| write(&session))
    }));
    let whose = users.endpoint("whose").await?;
    tokio::spawn(serve(whose, accounts, |accounts, payload| {
        let session: Session = read(payload)?;
        accounts.whose(&session).map(|whose| write(&whose))
    }));
    Ok(service)
}

/// Answers what comes to one endpoint.
async fn serve(
    mut requests: Endpoint,
    accounts: Accounts,
    answer: impl Fn(&Accounts, &[u8]) -> Result<String, Error>,
) {
    while let Some(request) = requests.next().await {
        let answer = answer(&accounts, &request.message.payload);
        let _ = request.respond(answer).await; // Whoever asked may have gone.
    }
}

impl Accounts {
    fn register(&self, account: Account) -> Result<(), Error> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.passwords.contains_key(&account.name) {
            return Err(Error::new(409, format!("{} is taken", account.name)));
        }
        known.passwords.insert(account.name, account.password);
        Ok(())
    }

    fn login(&self, login: &Login, token: String) -> Result<Session, Error> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.passwords.get(&login.name) != Some(&login.password) {
            return Err(Error::new(401, "name or password is wrong"));
        }
        known.sessions.insert(token.clone(), login.name.clone());
        Ok(Session { token })
    }

    fn whose(&self, session: &Session) -> Result<Whose, Error> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = known.sessions.get(&session.token).cloned();
        let unknown = || Error::new(401, "not logged in");
        name.map(|name| Whose { name }).ok_or_else(unknown)
    }
}

pub fn read<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(payload).map_err(|error| Error::new(400, error))
}

pub fn write<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default() // Names and numbers can always be written.
}
