//! What a client may ask the server about itself: `$SYS.REQ.USER.INFO`.
//!
//! In: a request that has passed the gate. Out: one message to its reply subject, as the reference
//! server's account services give it. Source: protocol.md#user-info.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::session::TextSession;
use crate::link::Wakes;
use crate::peer::Permissions;

/// Where a client asks who it is.
const USER_INFO: &[u8] = b"$SYS.REQ.USER.INFO";

/// Whether the server itself answers to `subject`.
pub(super) fn is_asked(subject: &[u8]) -> bool {
    subject == USER_INFO
}

impl TextSession {
    /// Answers at `reply` who the asking client is.
    pub(super) fn tell_user_info(&self, reply: &[u8], now: Instant, wakes: &mut Wakes) {
        let body = json!({"server": self.server_info(), "data": self.user_info()}).to_string();
        self.peer.tell(reply, &body, now, wakes);
    }

    fn server_info(&self) -> Value {
        let info = &self.terms.info;
        json!({
            "name": info.server_name,
            "host": self.way.host,
            "id": info.server_id,
            "ver": info.version,
            "jetstream": false,
            "flags": 0,
            "seq": self.nats.next_answer(),
            "time": jiff::Timestamp::now().to_string(),
        })
    }

    fn user_info(&self) -> Value {
        let name = self.identity.as_ref().map(|identity| &*identity.name);
        let mut user = json!({
            "user": name.unwrap_or_default(),
            "account": super::GLOBAL_ACCOUNT,
            "account_name": super::GLOBAL_ACCOUNT,
        });
        let rights = self
            .identity
            .as_ref()
            .and_then(|identity| identity.rights.as_ref());
        if let Some(rights) = rights {
            user["permissions"] = permissions(&rights.permissions);
        }
        user
    }
}

fn permissions(permissions: &Permissions) -> Value {
    let lists = |allow: Option<&[String]>, deny: &[String]| {
        let lists = [("allow", allow.unwrap_or_default()), ("deny", deny)];
        let set = lists.into_iter().filter(|(_, list)| !list.is_empty());
        Value::Object(
            set.map(|(key, list)| (key.to_owned(), json!(list)))
                .collect::<Map<_, _>>(),
        )
    };
    let (allow, deny) = permissions.publish_lists();
    let publish = lists(allow, deny);
    let (allow, deny) = permissions.subscribe_lists();
    let mut value = json!({"publish": publish, "subscribe": lists(allow, deny)});
    if let Some(responses) = permissions.responses() {
        let ttl = responses
            .expires
            .map_or(-1, |expires| expires.as_nanos() as i64);
        let max = responses.max.map_or(-1, |max| max as i64);
        value["responses"] = json!({"max": max, "ttl": ttl});
    }
    value
}
