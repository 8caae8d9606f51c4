//! Keys instead of passwords: the server sends a nonce, the client signs it.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use nkeys::{KeyPair, KeyPairType};

/// How many random bytes a nonce has; its text has 15 characters, as the reference server's.
const NONCE_LEN: usize = 11;

/// Something to be signed, new for each connection.
pub(crate) fn nonce() -> String {
    let mut bytes = [0; NONCE_LEN];
    // Without chance nobody can be told apart: better no nonce, which no signature fits.
    match getrandom::fill(&mut bytes) {
        Ok(()) => BASE64URL_NOPAD.encode(&bytes),
        Err(error) => {
            tracing::error!(%error, "the system has no random bytes: nkeys cannot be checked");
            String::new()
        }
    }
}

/// Whether `text` is the public key of a user.
pub(super) fn is_user_key(text: &str) -> bool {
    KeyPair::from_public_key(text).is_ok_and(|key| matches!(key.key_pair_type(), KeyPairType::User))
}

/// Whether whoever signed `nonce` has the secret half of `public_key`.
///
/// The signature is base64, of the URL alphabet without padding or of the plain one with it.
pub(super) fn has_signed(public_key: &str, nonce: &str, signature: &str) -> bool {
    let decoded = BASE64URL_NOPAD
        .decode(signature.as_bytes())
        .or_else(|_| BASE64.decode(signature.as_bytes()));
    let (Ok(key), Ok(signature)) = (KeyPair::from_public_key(public_key), decoded) else {
        return false;
    };
    !nonce.is_empty() && key.verify(nonce.as_bytes(), &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_of_the_key_can_sign() {
        let (user, other) = (KeyPair::new_user(), KeyPair::new_user());
        let nonce = nonce();
        let signature = user.sign(nonce.as_bytes()).expect("it has its seed");
        for encoded in [
            BASE64URL_NOPAD.encode(&signature),
            BASE64.encode(&signature),
        ] {
            assert!(has_signed(&user.public_key(), &nonce, &encoded));
            assert!(!has_signed(&other.public_key(), &nonce, &encoded));
            assert!(!has_signed(&user.public_key(), "another", &encoded));
        }
        assert!(!has_signed(&user.public_key(), &nonce, "no base64"));
        assert!(!has_signed(&user.public_key(), &nonce, ""));
    }

    #[test]
    fn only_a_users_key_names_a_user() {
        assert!(is_user_key(&KeyPair::new_user().public_key()));
        assert!(!is_user_key(&KeyPair::new_account().public_key()));
        assert!(!is_user_key("UNOKEY"));
    }

    #[test]
    fn a_nonce_comes_once() {
        let (first, second) = (nonce(), nonce());
        assert_eq!((first.len(), second.len()), (15, 15));
        assert_ne!(first, second);
    }
}
