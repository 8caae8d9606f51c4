//! A user's key: signs what a server asks to be signed.
//!
//! In: a seed, `SU…`: base32 over two bytes of kind, 32 of secret, two of checksum. Out: the public
//! key in the same spelling, and signatures (Ed25519).

use std::fmt;

use ed25519_compact::{KeyPair, Seed};
use zeroize::Zeroizing;

use super::base::{base32, from_base32};

/// The secret key of a user, for signing the nonce of a server in a callback of one's own.
///
/// ```
/// let key = dunlin::UserKey::from_seed("SUACH75SWCM5D2JMJM6EKLR2WDARVGZT4QC6LX3AGHSWOMVAKERABBBRWM")?;
/// assert!(key.public_key().starts_with('U'));
/// assert_eq!(key.sign(b"nonce").len(), 64);
/// # Ok::<(), dunlin::KeyError>(())
/// ```
#[derive(Clone)]
pub struct UserKey {
    /// Wiped when dropped.
    secret: Zeroizing<[u8; 32]>,
}

/// Why a text is no seed of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// A letter outside of base32, or the wrong length.
    Malformed,
    /// The checksum differs: a letter is wrong.
    Checksum,
    /// A public key, or the seed of something that is no user.
    NotAUser,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "seed is not 58 letters of base32",
            Self::Checksum => "seed has a wrong letter: its checksum differs",
            Self::NotAUser => "key is not the seed of a user, which starts with \"SU\"",
        })
    }
}

impl std::error::Error for KeyError {}

impl UserKey {
    /// Reads a seed, `SU…`; blanks around it are passed over.
    ///
    /// # Errors
    ///
    /// It is none, or that of something other than a user.
    pub fn from_seed(seed: &str) -> Result<Self, KeyError> {
        let seed = seed.trim();
        let bytes = Zeroizing::new(from_base32(seed).ok_or(KeyError::Malformed)?);
        let (body, checksum) = bytes.split_last_chunk::<2>().ok_or(KeyError::Malformed)?;
        let has_length = matches!(seed.len(), SEED_LEN | PUBLIC_LEN);
        if !has_length {
            return Err(KeyError::Malformed);
        }
        if crc16(body) != u16::from_le_bytes(*checksum) {
            return Err(KeyError::Checksum);
        }
        let [first, second, secret @ ..] = body else {
            return Err(KeyError::Malformed);
        };
        let kind = ((first & 0b111) << 5) | (second >> 3);
        if (first & 0b1111_1000, kind) != (SEED, USER) {
            return Err(KeyError::NotAUser);
        }
        let secret = <[u8; 32]>::try_from(secret).map_err(|_| KeyError::Malformed)?;
        Ok(Self {
            secret: Zeroizing::new(secret),
        })
    }

    /// The public key, `U…`.
    pub fn public_key(&self) -> String {
        let mut bytes = vec![USER];
        bytes.extend_from_slice(&*self.pair().pk);
        let checksum = crc16(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        base32(&bytes)
    }

    /// Signs `bytes`: 64 bytes, as they are.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.pair().sk.sign(bytes, None).to_vec()
    }

    fn pair(&self) -> KeyPair {
        KeyPair::from_seed(Seed::new(*self.secret))
    }
}

/// Shows the public key only.
impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey({})", self.public_key())
    }
}

/// CRC-16 with the polynomial 0x1021 and no initial value (XMODEM).
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    for &byte in bytes {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            let is_set = crc & 0x8000 != 0;
            crc = (crc << 1) ^ if is_set { 0x1021 } else { 0 };
        }
    }
    crc
}

/// `S`, as the upper five bits.
const SEED: u8 = 18 << 3;
/// `U`, as the upper five bits.
const USER: u8 = 20 << 3;
/// In letters: two bytes of kind, the secret, the checksum.
const SEED_LEN: usize = 58;
/// In letters: one byte of kind, the key, the checksum.
const PUBLIC_LEN: usize = 56;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_signatures_are_those_of_the_reference_library() {
        for _ in 0..20 {
            let theirs = nkeys::KeyPair::new_user();
            let ours = UserKey::from_seed(&theirs.seed().unwrap()).unwrap();
            assert_eq!(ours.public_key(), theirs.public_key());
            assert_eq!(ours.sign(b"nonce"), theirs.sign(b"nonce").unwrap());
            assert!(!format!("{ours:?}").contains(&theirs.seed().unwrap()));
        }
    }

    #[test]
    fn what_is_no_seed_of_a_user_is_refused_with_a_reason() {
        let seed = nkeys::KeyPair::new_user().seed().unwrap();
        let mut wrong = seed.clone().into_bytes();
        wrong[20] = if wrong[20] == b'A' { b'B' } else { b'A' };
        for (text, expected) in [
            (String::from_utf8(wrong).unwrap(), KeyError::Checksum),
            (seed[..57].to_owned(), KeyError::Malformed),
            (format!("{seed}A1"), KeyError::Malformed),
            (seed.to_lowercase(), KeyError::Malformed),
            (String::new(), KeyError::Malformed),
            ("A".to_owned(), KeyError::Malformed),
            ("AAAAA".to_owned(), KeyError::Malformed),
            (
                nkeys::KeyPair::new_account().seed().unwrap(),
                KeyError::NotAUser,
            ),
            (nkeys::KeyPair::new_user().public_key(), KeyError::NotAUser),
        ] {
            assert_eq!(UserKey::from_seed(&text).unwrap_err(), expected, "{text}");
        }
        assert!(UserKey::from_seed(&format!(" {seed}\n")).is_ok());
    }
}
