//! Names that belong to the reference server's inside, and to no client.

/// The queue group that is the reference server's own.
const QUEUE: &[u8] = b"_sys_";
/// Subjects that no client may publish to, each with at least one more byte behind it.
const SUBJECTS: [&[u8]; 2] = [b"_GR_.", b"$GR."];
/// The same, checked after permissions, with nothing behind it needed.
const GROUP: &[u8] = b"$NRG.";
/// Replies that no client may name, each with at least one more byte behind it.
const REPLIES: [&[u8]; 3] = [b"$JS.ACK.", b"_GR_.", b"$GR."];
/// The same, with nothing behind it needed.
const SERVICE_REPLY: &[u8] = b"_R_.";

pub(super) fn is_queue(queue: Option<&[u8]>) -> bool {
    queue == Some(QUEUE)
}

pub(super) fn is_subject(subject: &[u8]) -> bool {
    matches!(subject.first(), Some(b'_' | b'$'))
        && (subject.starts_with(GROUP) || SUBJECTS.iter().any(|prefix| is_below(subject, prefix)))
}

pub(super) fn is_reply(reply: &[u8]) -> bool {
    reply.starts_with(SERVICE_REPLY) || REPLIES.iter().any(|prefix| is_below(reply, prefix))
}

fn is_below(name: &[u8], prefix: &[u8]) -> bool {
    name.len() > prefix.len() && name.starts_with(prefix)
}
