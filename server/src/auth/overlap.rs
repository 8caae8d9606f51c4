//! How two filters lie to each other.

use dunlin_protocol::subject::tokens;

/// Whether everything that `inner` covers is covered by `outer`.
pub(super) fn is_within(inner: &[u8], outer: &[u8]) -> bool {
    let mut inner = tokens(inner);
    for wanted in tokens(outer) {
        match (wanted, inner.next()) {
            (b">", token) => return token.is_some(),
            (_, None) => return false,
            (b"*", Some(token)) if token != b">" => {}
            (_, Some(token)) if token == wanted => {}
            _ => return false,
        }
    }
    inner.next().is_none()
}

/// Whether some subject is covered by both.
pub(super) fn do_meet(one: &[u8], other: &[u8]) -> bool {
    let (mut one, mut other) = (tokens(one), tokens(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some(b">"), Some(_)) | (Some(_), Some(b">")) => return true,
            (Some(b"*"), Some(_)) | (Some(_), Some(b"*")) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(one: &str, other: &str, is_within: bool, do_meet: bool) {
        let (one, other) = (one.as_bytes(), other.as_bytes());
        assert_eq!(super::is_within(one, other), is_within, "{one:?} {other:?}");
        assert_eq!(super::do_meet(one, other), do_meet, "{one:?} {other:?}");
        assert_eq!(super::do_meet(other, one), do_meet, "{other:?} {one:?}");
    }

    #[test]
    fn filters_lie_within_each_other_or_meet() {
        check("a", "a", true, true);
        check("a", "b", false, false);
        check("a.b", "a", false, false);
        check("a", "a.>", false, false);
        check("a.b", "a.>", true, true);
        check("a.*", "a.>", true, true);
        check("a.>", "a.>", true, true);
        check("a.>", "a.*", false, true);
        check("a.>", ">", true, true);
        check("a.*.c", "a.b.*", false, true);
        check("a.*.c", "a.b.d", false, false);
        check("*", "a", false, true);
        check("*.*", "*.a", false, true);
    }
}
