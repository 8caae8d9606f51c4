//! Operators, accounts and users, made up for one test.

use nkeys::KeyPair;

/// A configuration in operator mode, and what a user of its one account shows.
pub(crate) struct Operator {
    pub(crate) config: String,
    pub(crate) user: KeyPair,
    pub(crate) jwt: String,
}

pub(crate) fn operator() -> Operator {
    let (operator, account, user) = (
        KeyPair::new_operator(),
        KeyPair::new_account(),
        KeyPair::new_user(),
    );
    let operator_jwt = token(&operator, &operator, r#""type":"operator","version":2"#);
    let limits = r#""subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1"#;
    let claims = format!("\"limits\":{{{limits}}},\"type\":\"account\",\"version\":2");
    let account_jwt = token(&operator, &account, &claims);
    let claims = r#""pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1,"type":"user","version":2"#;
    let jwt = token(&account, &user, claims);
    let config = format!(
        "operator: {operator_jwt}\nresolver: MEMORY\nresolver_preload: {{ {}: {account_jwt} }}\n",
        account.public_key()
    );
    Operator { config, user, jwt }
}

impl Operator {
    /// As a credentials file.
    pub(crate) fn credentials(&self) -> String {
        format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            self.jwt,
            self.user.seed().unwrap()
        )
    }
}

fn token(issuer: &KeyPair, subject: &KeyPair, claims: &str) -> String {
    let header = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
    let body = format!(
        "{{\"jti\":\"x\",\"iat\":1700000000,\"iss\":\"{}\",\"name\":\"n\",\"sub\":\"{}\",\"nats\":{{{claims}}}}}",
        issuer.public_key(),
        subject.public_key()
    );
    let signed = format!("{}.{}", base64(header.as_bytes()), base64(body.as_bytes()));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64(&signature))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - group.len()));
        for letter in 0..=group.len() {
            let index = bits >> (18 - 6 * letter) & 63;
            text.push(char::from(LETTERS[index as usize]));
        }
    }
    text
}
