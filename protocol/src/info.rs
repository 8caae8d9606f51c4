//! `INFO`: what a server says of itself, written by one side and read by the other.

use crate::json::{self, ObjectWriter};

/// The members of `INFO {json}` that concern a client.
///
/// Source: protocol.md#info. Members that are false, zero or empty are left out of the text, but
/// for those that the reference server always writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    /// The server's public key: 56 characters, the first one `N`; new at every start.
    pub server_id: String,
    /// A name that people gave it; the id where they did not.
    pub server_name: String,
    /// The version of the reference server whose behaviour is offered; clients compare it.
    pub version: String,
    /// 1: INFO may come again later.
    pub proto: i64,
    /// What the server was built from.
    pub git_commit: String,
    /// The Go runtime's version in the reference server; any text will do.
    pub go: String,
    /// The address listened on, as configured.
    pub host: String,
    /// The port listened on.
    pub port: u16,
    /// Whether messages may carry headers.
    pub headers: bool,
    /// Whether CONNECT must carry credentials.
    pub auth_required: bool,
    /// Whether the connection must switch to TLS now.
    pub tls_required: bool,
    /// Whether a client certificate is demanded.
    pub tls_verify: bool,
    /// Whether the connection may switch to TLS now.
    pub tls_available: bool,
    /// The largest body of a message, header block included, in bytes.
    pub max_payload: i64,
    /// Whether the server has streams; ours never does.
    pub jetstream: bool,
    /// The server's number for this connection.
    pub client_id: u64,
    /// The client's address as the server sees it, without port.
    pub client_ip: String,
    /// What an nkey must sign.
    pub nonce: String,
    /// The cluster's name.
    pub cluster: String,
    /// Addresses, `host:port`, where else the same subjects can be reached.
    pub connect_urls: Vec<String>,
    /// The server is about to go: lame duck.
    pub ldm: bool,
    /// Set in the INFO that follows the first PONG.
    pub connect_info: bool,
    /// The account the connection belongs to; with `connect_info` only.
    pub remote_account: String,
    /// Whether that is the system account.
    pub acc_is_sys: bool,
    /// The public curve key of the server.
    pub xkey: String,
}

impl Info {
    /// Appends the JSON object, its members in the reference server's order.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        object.member("server_id", &*self.server_id);
        object.member("server_name", &*self.server_name);
        object.member("version", &*self.version);
        object.member("proto", self.proto);
        object.member_if_set("git_commit", &*self.git_commit);
        object.member("go", &*self.go);
        object.member("host", &*self.host);
        object.member("port", self.port);
        object.member("headers", self.headers);
        object.member_if_set("auth_required", self.auth_required);
        object.member_if_set("tls_required", self.tls_required);
        object.member_if_set("tls_verify", self.tls_verify);
        object.member_if_set("tls_available", self.tls_available);
        object.member("max_payload", self.max_payload);
        object.member_if_set("jetstream", self.jetstream);
        object.member_if_set("client_id", self.client_id);
        object.member_if_set("client_ip", &*self.client_ip);
        object.member_if_set("nonce", &*self.nonce);
        object.member_if_set("cluster", &*self.cluster);
        object.member_if_set("connect_urls", &self.connect_urls[..]);
        object.member_if_set("ldm", self.ldm);
        object.member_if_set("connect_info", self.connect_info);
        object.member_if_set("remote_account", &*self.remote_account);
        object.member_if_set("acc_is_sys", self.acc_is_sys);
        object.member_if_set("xkey", &*self.xkey);
        object.end();
    }

    /// Reads the JSON object; none if it is none or a known member has the wrong type.
    pub fn from_json(text: &[u8]) -> Option<Self> {
        let mut info = Self::default();
        for (key, value) in json::members(text)? {
            let is_right = match &*key {
                "server_id" => json::read(&mut info.server_id, &value),
                "server_name" => json::read(&mut info.server_name, &value),
                "version" => json::read(&mut info.version, &value),
                "proto" => json::read(&mut info.proto, &value),
                "git_commit" => json::read(&mut info.git_commit, &value),
                "go" => json::read(&mut info.go, &value),
                "host" => json::read(&mut info.host, &value),
                "port" => json::read(&mut info.port, &value),
                "headers" => json::read(&mut info.headers, &value),
                "auth_required" => json::read(&mut info.auth_required, &value),
                "tls_required" => json::read(&mut info.tls_required, &value),
                "tls_verify" => json::read(&mut info.tls_verify, &value),
                "tls_available" => json::read(&mut info.tls_available, &value),
                "max_payload" => json::read(&mut info.max_payload, &value),
                "jetstream" => json::read(&mut info.jetstream, &value),
                "client_id" => json::read(&mut info.client_id, &value),
                "client_ip" => json::read(&mut info.client_ip, &value),
                "nonce" => json::read(&mut info.nonce, &value),
                "cluster" => json::read(&mut info.cluster, &value),
                "connect_urls" => json::read(&mut info.connect_urls, &value),
                "ldm" => json::read(&mut info.ldm, &value),
                "connect_info" => json::read(&mut info.connect_info, &value),
                "remote_account" => json::read(&mut info.remote_account, &value),
                "acc_is_sys" => json::read(&mut info.acc_is_sys, &value),
                "xkey" => json::read(&mut info.xkey, &value),
                _ => true,
            };
            if !is_right {
                return None;
            }
        }
        Some(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let info = Info {
            server_id: "N\"1".into(),
            version: "2.15.2".into(),
            port: 4222,
            connect_urls: vec!["a:1".into()],
            ldm: true,
            ..Info::default()
        };
        let mut text = Vec::new();
        info.write_json(&mut text);
        assert_eq!(Info::from_json(&text), Some(info));
    }

    #[test]
    fn members_without_a_value_are_left_out() {
        let mut text = Vec::new();
        Info::default().write_json(&mut text);
        let expected = r#"{"server_id":"","server_name":"","version":"","proto":0,"go":"","host":"","port":0,"headers":false,"max_payload":0}"#;
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "[]",
            "{",
            r#"{"port":"x"}"#,
            r#"{"port":70000}"#,
            "{} x",
        ] {
            assert_eq!(Info::from_json(text.as_bytes()), None, "{text}");
        }
    }
}
