//! `CONNECT`: what a client says of itself, read by one side and written by the other.

use std::fmt;

use crate::json::{self, ObjectWriter};

/// The members of `CONNECT {json}`; the default is what holds for a peer that never sent one.
///
/// Source: protocol.md#connect.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// Whether each line is answered with `+OK`.
    pub verbose: bool,
    /// Whether the subjects of publishes are checked.
    pub pedantic: bool,
    /// Whether TLS is demanded; a remark only.
    pub tls_required: bool,
    /// Whether the connection receives what it published itself.
    pub echo: bool,
    /// Whether messages may carry headers, both ways.
    pub headers: bool,
    /// Whether a publish with a reply that nobody took is answered; needs `headers`.
    pub no_responders: bool,
    /// 0, or 1 for a client that understands INFO at any time.
    pub protocol: i64,
    /// The application's name, for people.
    pub name: String,
    /// The language of the client library.
    pub lang: String,
    /// The version of the client library.
    pub version: String,
    /// A token that lets the bearer in.
    pub auth_token: String,
    /// User name.
    pub user: String,
    /// Password.
    pub pass: String,
    /// Public key of the user.
    pub nkey: String,
    /// Signature of the nonce, base64.
    pub sig: String,
    /// User JWT.
    pub jwt: String,
    /// Obsolete; any text is refused.
    pub account: String,
    /// Obsolete; refused where it is set.
    pub new_account: bool,
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            verbose: true,
            pedantic: true,
            tls_required: false,
            echo: true,
            headers: false,
            no_responders: false,
            protocol: 0,
            name: String::new(),
            lang: String::new(),
            version: String::new(),
            auth_token: String::new(),
            user: String::new(),
            pass: String::new(),
            nkey: String::new(),
            sig: String::new(),
            jwt: String::new(),
            account: String::new(),
            new_account: false,
        }
    }
}

/// Names what a client is, never what it knows: tokens and passwords stay out of logs.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("name", &self.name)
            .field("lang", &self.lang)
            .field("version", &self.version)
            .field("user", &self.user)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// The argument of a CONNECT is no JSON object, or a member of it has the wrong type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectError {
    /// The member with the wrong type; empty if the text is no object.
    pub member: String,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.member {
            "" => f.write_str("argument of CONNECT is not a JSON object"),
            member => write!(f, "member of CONNECT has the wrong type: {member:?}"),
        }
    }
}

impl std::error::Error for ConnectError {}

impl Connect {
    /// Reads `text` over what is there: members that it does not name keep their value.
    ///
    /// # Errors
    ///
    /// The text is no object or a known member has the wrong type; what was read before it stays.
    pub fn merge_json(&mut self, text: &[u8]) -> Result<(), ConnectError> {
        let members = json::members(text).ok_or_else(|| ConnectError {
            member: String::new(),
        })?;
        for (key, value) in members {
            let is_right = match &*key {
                "verbose" => json::read(&mut self.verbose, &value),
                "pedantic" => json::read(&mut self.pedantic, &value),
                "tls_required" => json::read(&mut self.tls_required, &value),
                "echo" => json::read(&mut self.echo, &value),
                "headers" => json::read(&mut self.headers, &value),
                "no_responders" => json::read(&mut self.no_responders, &value),
                "protocol" => json::read(&mut self.protocol, &value),
                "name" => json::read(&mut self.name, &value),
                "lang" => json::read(&mut self.lang, &value),
                "version" => json::read(&mut self.version, &value),
                "auth_token" => json::read(&mut self.auth_token, &value),
                "user" => json::read(&mut self.user, &value),
                "pass" => json::read(&mut self.pass, &value),
                "nkey" => json::read(&mut self.nkey, &value),
                "sig" => json::read(&mut self.sig, &value),
                "jwt" => json::read(&mut self.jwt, &value),
                "account" => json::read(&mut self.account, &value),
                "new_account" => json::read(&mut self.new_account, &value),
                _ => true,
            };
            if !is_right {
                return Err(ConnectError { member: key });
            }
        }
        Ok(())
    }

    /// Appends the JSON object; the seven switches always, texts only where there is one.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        object.member("verbose", self.verbose);
        object.member("pedantic", self.pedantic);
        object.member("tls_required", self.tls_required);
        object.member("echo", self.echo);
        object.member("headers", self.headers);
        object.member("no_responders", self.no_responders);
        object.member("protocol", self.protocol);
        object.member_if_set("name", &*self.name);
        object.member_if_set("lang", &*self.lang);
        object.member_if_set("version", &*self.version);
        object.member_if_set("auth_token", &*self.auth_token);
        object.member_if_set("user", &*self.user);
        object.member_if_set("pass", &*self.pass);
        object.member_if_set("nkey", &*self.nkey);
        object.member_if_set("sig", &*self.sig);
        object.member_if_set("jwt", &*self.jwt);
        object.member_if_set("account", &*self.account);
        object.member_if_set("new_account", self.new_account);
        object.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(text: &str) -> Result<Connect, ConnectError> {
        let mut connect = Connect::default();
        connect.merge_json(text.as_bytes()).map(|()| connect)
    }

    #[test]
    fn absent_members_keep_their_value() {
        let mut connect = merged(r#"{"verbose":false,"name":"x"}"#).unwrap();
        connect
            .merge_json(b"{\"headers\":true,\"name\":null}")
            .unwrap();
        assert!(!connect.verbose && connect.pedantic && connect.echo && connect.headers);
        assert_eq!(connect.name, "x");
    }

    #[test]
    fn keys_match_in_any_case_and_unknown_ones_are_passed_over() {
        let connect = merged(r#"{"VerBose":false,"what":{"is":[1]}}"#).unwrap();
        assert!(!connect.verbose);
    }

    #[test]
    fn wrong_types_and_trailing_text_are_refused() {
        for text in [
            "",
            "1",
            "[]",
            "{",
            "{} x",
            r#"{"verbose":1}"#,
            r#"{"protocol":1.5}"#,
        ] {
            assert!(merged(text).is_err(), "{text}");
        }
        let error = merged(r#"{"user":5}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "member of CONNECT has the wrong type: \"user\""
        );
    }

    #[test]
    fn what_is_written_can_be_read() {
        let connect = Connect {
            user: "u\"".into(),
            pass: "p".into(),
            protocol: 1,
            ..Connect::default()
        };
        let mut text = Vec::new();
        connect.write_json(&mut text);
        assert_eq!(merged(std::str::from_utf8(&text).unwrap()), Ok(connect));
    }

    #[test]
    fn secrets_stay_out_of_debug_texts() {
        let connect = Connect {
            pass: "s3cret".into(),
            ..Connect::default()
        };
        assert!(!format!("{connect:?}").contains("s3cret"));
    }
}
