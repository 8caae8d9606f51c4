//! The two alphabets of credentials: base32 for keys, URL-safe base64 for signatures.
//!
//! Neither is padded. Source: RFC 4648.

/// Reads base32; none if a letter is no letter of it. Bits that fill no byte are passed over.
pub(super) fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut len) = (Vec::with_capacity(text.len() * 5 / 8), 0u32, 0);
    for letter in text.bytes() {
        let value = BASE32.iter().position(|&known| known == letter)?;
        bits = (bits << 5) | value as u32;
        len += 5;
        if len >= 8 {
            len -= 8;
            bytes.push((bits >> len) as u8);
            bits &= (1 << len) - 1;
        }
    }
    Some(bytes)
}

/// Writes base32.
pub(super) fn base32(bytes: &[u8]) -> String {
    spelled(bytes, 5, BASE32)
}

/// Writes base64 with `-` and `_`.
pub(super) fn url64(bytes: &[u8]) -> String {
    spelled(bytes, 6, BASE64)
}

/// Each `width` bits are one letter; the last ones are filled up with zeros.
fn spelled(bytes: &[u8], width: u32, alphabet: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / width as usize + 1);
    let (mut bits, mut len) = (0u32, 0);
    for &byte in bytes {
        bits = (bits << 8) | u32::from(byte);
        len += 8;
        while len >= width {
            len -= width;
            text.push(char::from(alphabet[(bits >> len) as usize]));
            bits &= (1 << len) - 1;
        }
    }
    if len > 0 {
        text.push(char::from(alphabet[(bits << (width - len)) as usize]));
    }
    text
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_hold() {
        for (bytes, in32, in64) in [
            ("", "", ""),
            ("f", "MY", "Zg"),
            ("fo", "MZXQ", "Zm8"),
            ("foo", "MZXW6", "Zm9v"),
            ("foob", "MZXW6YQ", "Zm9vYg"),
            ("fooba", "MZXW6YTB", "Zm9vYmE"),
            ("foobar", "MZXW6YTBOI", "Zm9vYmFy"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), in32);
            assert_eq!(url64(bytes.as_bytes()), in64);
            assert_eq!(from_base32(in32).unwrap(), bytes.as_bytes());
        }
        assert_eq!(url64(&[0xfb, 0xff]), "-_8");
        for text in ["a", "A1", "A=", "Ü"] {
            assert_eq!(from_base32(text), None, "{text}");
        }
    }
}
