//! Secrets: kept out of logs, compared in constant time, or as slowly as bcrypt wants it.

use std::fmt;

use subtle::ConstantTimeEq;

/// A password or token, plain or as bcrypt keeps it.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is a hash of bcrypt, `$2a$10$` and so on: then a check takes long.
    pub(crate) fn is_slow(&self) -> bool {
        let bytes = self.0.as_bytes();
        matches!(
            bytes,
            [
                b'$',
                b'2',
                b'a' | b'b' | b'x' | b'y',
                b'$',
                b'0'..=b'9',
                b'0'..=b'9',
                b'$',
                ..
            ]
        )
    }

    /// Whether `offered` is the secret; takes as long for any of the same length, and a tenth of a
    /// second and more for a hash.
    pub(crate) fn is(&self, offered: &str) -> bool {
        if self.is_slow() {
            return bcrypt::verify(offered, &self.0).unwrap_or(false);
        }
        bool::from(self.0.as_bytes().ct_eq(offered.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[track_caller]
    fn check(secret: &str, offered: &str, is_right: bool, is_slow: bool) {
        let secret = Secret::new(secret);
        assert_eq!((secret.is(offered), secret.is_slow()), (is_right, is_slow));
    }

    #[test]
    fn a_plain_secret_is_compared_whole() {
        check("s3cret", "s3cret", true, false);
        check("s3cret", "s3cre", false, false);
        check("s3cret", "s3cret ", false, false);
        check("", "", true, false);
        check("$2a$no hash", "$2a$no hash", true, false);
    }

    #[test]
    fn a_hash_is_what_its_password_gives() {
        let hash = bcrypt::hash("pass", 4).expect("the cost is in range");
        check(&hash, "pass", true, true);
        check(&hash, "Pass", false, true);
        check(&hash, &hash, false, true);
        check(&hash.replacen("$2b$", "$2a$", 1), "pass", true, true);
    }

    #[test]
    fn a_broken_hash_lets_nobody_in() {
        check("$2a$10$short", "", false, true);
        check("$2a$99$short", "x", false, true);
    }

    #[test]
    fn a_secret_is_never_shown() {
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "[REDACTED]");
    }
}
