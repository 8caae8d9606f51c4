//! The verb of a control line, and its arguments.

use memchr::memchr3;

use crate::error::ParseError;

/// The most arguments that any line may have; one more is counted, so that it can be refused.
pub(super) const ARGS_MAX: usize = 5;

/// The arguments of a line, split at blanks.
pub(super) struct Args<'a> {
    pub(super) items: [&'a [u8]; ARGS_MAX],
    pub(super) len: usize, // At most ARGS_MAX, which no verb takes.
}

/// The verb of `verbs` that `input` starts with, in any case of letters, and the length of its name;
/// none if `input` may still become one. The first match wins.
pub(super) fn find_verb<V: Copy>(
    verbs: &[(&[u8], V)],
    input: &[u8],
) -> Result<Option<(V, usize)>, ParseError> {
    for (name, verb) in verbs {
        let len = name.len().min(input.len());
        if input[..len].eq_ignore_ascii_case(&name[..len]) {
            return Ok((len == name.len()).then_some((*verb, len)));
        }
    }
    Err(ParseError::UnknownOperation)
}

/// Whether `byte` separates arguments. A stray CR does: it must never become part of a name.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

impl<'a> Args<'a> {
    pub(super) fn split(line: &'a [u8]) -> Self {
        let mut args = Self {
            items: [&[]; ARGS_MAX],
            len: 0,
        };
        let mut rest = line;
        while args.len < ARGS_MAX {
            let Some(start) = rest.iter().position(|&byte| !is_blank(byte)) else {
                break;
            };
            rest = &rest[start..];
            let end = memchr3(b' ', b'\t', b'\r', rest).unwrap_or(rest.len());
            args.items[args.len] = &rest[..end];
            args.len += 1;
            rest = &rest[end..];
        }
        args
    }

    pub(super) fn as_slice(&self) -> &[&'a [u8]] {
        &self.items[..self.len]
    }
}
