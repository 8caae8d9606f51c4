//! Permissions made ready to be asked: one question for each verb.
//!
//! A filter asked for is held against the lists as if it were a subject, as the reference server
//! does: `a.*` in an allow list lets `SUB a.>` pass. What such a subscription covers beyond the
//! list is then taken out at delivery, and so is what a deny list names inside it.

use dunlin_protocol::subject;

use super::authorization::AuthorizationError;
use super::overlap::{do_meet, is_within};
use super::permissions::{Permissions, Responses, Rules};

/// What somebody may do.
#[derive(Debug)]
pub(crate) struct Rights {
    publish: Lists,
    subscribe: Lists,
    pub(crate) responses: Option<Responses>,
    /// As it was configured, for whoever wants to show it.
    pub(crate) permissions: Permissions,
}

#[derive(Debug, Default)]
struct Lists {
    allow: Option<Vec<Entry>>,
    deny: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    filter: Box<[u8]>,
    queue: Option<Box<[u8]>>,
}

impl Rights {
    /// # Errors
    ///
    /// An entry is no valid subject.
    pub(super) fn new(permissions: &Permissions) -> Result<Self, AuthorizationError> {
        let mut publish = Lists::new(&permissions.publish, false)?;
        if permissions.responses.is_some() {
            publish.allow.get_or_insert_default();
        }
        Ok(Self {
            publish,
            subscribe: Lists::new(&permissions.subscribe, true)?,
            responses: permissions.responses,
            permissions: permissions.clone(),
        })
    }

    /// Whether a message may be published to `subject`, answers to what was received aside.
    pub(crate) fn may_publish(&self, subject: &[u8]) -> bool {
        self.publish.pass(subject, None)
    }

    /// Whether `filter` may be subscribed to, alone or in the queue group.
    pub(crate) fn may_subscribe(&self, filter: &[u8], queue: Option<&[u8]>) -> bool {
        self.subscribe.pass(filter, queue)
    }

    /// Whether some messages for an allowed subscription must not be delivered.
    pub(crate) fn cut_into(&self, filter: &[u8]) -> bool {
        subject::has_wildcard(filter) && self.subscribe.cut_into(filter)
    }

    /// Whether a message on `subject` may be delivered to a subscription in the queue group.
    pub(crate) fn may_receive(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        self.subscribe.pass(subject, queue)
    }
}

impl Lists {
    fn new(rules: &Rules, has_queues: bool) -> Result<Self, AuthorizationError> {
        let compile = |list: &[String]| -> Result<Vec<Entry>, AuthorizationError> {
            list.iter()
                .map(|text| Entry::new(text, has_queues))
                .collect()
        };
        Ok(Self {
            allow: rules.allow.as_deref().map(compile).transpose()?,
            deny: compile(&rules.deny)?,
        })
    }

    fn cut_into(&self, filter: &[u8]) -> bool {
        let covers_all = |entry: &Entry| entry.queue.is_none() && is_within(filter, &entry.filter);
        let allow = self.allow.as_deref();
        allow.is_some_and(|allow| !allow.iter().any(covers_all))
            || self.deny.iter().any(|entry| do_meet(filter, &entry.filter))
    }

    fn pass(&self, name: &[u8], queue: Option<&[u8]>) -> bool {
        // A name with an empty token is covered by nothing.
        if !subject::is_deliverable(name) {
            return self.allow.is_none();
        }
        self.is_allowed(name, queue) && !self.is_denied(name, queue)
    }

    /// Where entries for a queue group cover the name, a group must be one of theirs.
    fn is_allowed(&self, name: &[u8], queue: Option<&[u8]>) -> bool {
        let Some(allow) = &self.allow else {
            return true;
        };
        let (mut is_plain, mut has_groups) = (false, false);
        for entry in allow {
            let is_covered = subject::covers(&entry.filter, name);
            match (&entry.queue, queue) {
                _ if !is_covered => {}
                (None, _) => is_plain = true,
                (Some(_), None) => {}
                (Some(known), Some(queue)) if is_same_group(known, queue) => return true,
                (Some(_), Some(_)) => has_groups = true,
            }
        }
        is_plain && !has_groups
    }

    fn is_denied(&self, name: &[u8], queue: Option<&[u8]>) -> bool {
        self.deny.iter().any(|entry| {
            let concerns = match (&entry.queue, queue) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(known), Some(queue)) => is_same_group(known, queue),
            };
            concerns && subject::covers(&entry.filter, name)
        })
    }
}

impl Entry {
    fn new(text: &str, has_queues: bool) -> Result<Self, AuthorizationError> {
        let mut words = text.split_whitespace();
        let filter = words.next().unwrap_or_default();
        let queue = words.next();
        let is_valid = subject::is_valid_filter(filter.as_bytes())
            && words.next().is_none()
            && (has_queues || queue.is_none());
        if !is_valid {
            return Err(AuthorizationError::InvalidSubject(text.to_owned()));
        }
        Ok(Self {
            filter: filter.as_bytes().into(),
            queue: queue.map(|queue| queue.as_bytes().into()),
        })
    }
}

/// A group's name may be a pattern, and may be the pattern's own text.
fn is_same_group(known: &[u8], queue: &[u8]) -> bool {
    known == queue || subject::covers(known, queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriber(allow: Option<&[&str]>, deny: &[&str]) -> Rights {
        let mut permissions = Permissions::new().deny_subscribe(deny.iter().copied());
        if let Some(allow) = allow {
            permissions = permissions.allow_subscribe(allow.iter().copied());
        }
        Rights::new(&permissions).expect("the lists are valid")
    }

    #[track_caller]
    fn check(rights: &Rights, asked: &str, expected: bool) {
        let (filter, queue) = match asked.split_once(' ') {
            Some((filter, queue)) => (filter, Some(queue.as_bytes())),
            None => (asked, None),
        };
        let may = rights.may_subscribe(filter.as_bytes(), queue);
        assert_eq!(may, expected, "{asked}");
    }

    #[test]
    fn a_name_with_an_empty_token_is_on_no_list() {
        check(&subscriber(Some(&[">"]), &[]), "a..b", false);
        check(&subscriber(None, &[">"]), "a..b", true);
    }

    #[test]
    fn nothing_configured_allows_all() {
        let rights = subscriber(None, &[]);
        check(&rights, ">", true);
        check(&rights, "a q", true);
        assert!(rights.may_publish(b"a..b"));
        assert!(!rights.cut_into(b">"));
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        let rights = subscriber(Some(&[]), &[]);
        check(&rights, "a", false);
        let rights = Rights::new(&Permissions::new().allow_publish([""; 0]));
        assert!(!rights.expect("the list is valid").may_publish(b"a"));
    }

    /// As the reference server answered, measured 2026-11.
    #[test]
    fn allow_lists_hold_the_filter_as_a_subject() {
        let rights = subscriber(Some(&["pub.*", "q.x v1", "q.y v.*", "e.>"]), &[]);
        check(&rights, "pub.>", true);
        check(&rights, "pub.x", true);
        check(&rights, ">", false);
        check(&rights, "q.x", false);
        check(&rights, "q.x 1", false);
        check(&rights, "q.x v1", true);
        check(&rights, "q.y v.3", true);
        check(&rights, "q.y v.*", true);
        check(&rights, "q.y v", false);
        check(&rights, "e.a.>", true);
        check(&rights, "e.a workers", true);
        assert!(rights.cut_into(b"pub.>") && !rights.cut_into(b"e.*.a"));
        assert!(rights.may_receive(b"pub.x", None));
        assert!(!rights.may_receive(b"pub.x.y", None));
    }

    /// As the reference server answered, measured 2026-11.
    #[test]
    fn deny_lists_refuse_or_cut_into() {
        let rights = subscriber(None, &["x.*.c", "foo", "foo v1", "z.q g", "w.* g"]);
        check(&rights, "x.b.c", false);
        check(&rights, "x.b.*", true);
        check(&rights, "foo", false);
        check(&rights, "foo v2", false);
        check(&rights, "z.q", true);
        check(&rights, "z.q h", true);
        check(&rights, "z.q g", false);
        check(&rights, "z.* g", true);
        check(&rights, "w.> g", false);
        assert!(rights.cut_into(b"x.b.*") && !rights.cut_into(b"x.b.d"));
        assert!(!rights.may_receive(b"x.b.c", None));
        assert!(rights.may_receive(b"x.b.d", None));
        assert!(!rights.may_receive(b"z.q", Some(b"g")));
        assert!(rights.may_receive(b"z.q", Some(b"h")));
        assert!(rights.may_receive(b"z.q", None));
    }

    #[test]
    fn publishing_is_allowed_by_what_is_literal() {
        let rights = Rights::new(&Permissions::new().allow_publish(["k", "l.*"]));
        let rights = rights.expect("the list is valid");
        assert!(rights.may_publish(b"k") && rights.may_publish(b"l.a"));
        assert!(!rights.may_publish(b"k.*") && !rights.may_publish(b"a..b"));
    }

    #[test]
    fn answers_alone_close_the_rest() {
        let answers = Permissions::new().allow_responses(Responses::default());
        assert!(!Rights::new(&answers).expect("valid").may_publish(b"a"));
        let rights = Rights::new(&answers.allow_publish(["a"])).expect("valid");
        assert!(rights.may_publish(b"a") && !rights.may_publish(b"b"));
    }

    #[test]
    fn subjects_are_checked() {
        for text in ["", "a..b", ">.a", "a b c"] {
            let rights = Rights::new(&Permissions::new().deny_subscribe([text]));
            assert!(rights.is_err(), "{text}");
        }
        assert!(Rights::new(&Permissions::new().deny_publish(["a b"])).is_err());
    }
}
