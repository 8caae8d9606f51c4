//! Sizes and counts as they stand on the wire: short runs of decimal digits.
//!
//! In: the bytes of one argument, or a number. Out: the number, or its digits. No allocation.

/// The longest size the wire may carry, in digits: the reference server refuses ten.
pub const SIZE_DIGITS_MAX: usize = 9;

/// The number that `digits` spell, if they are one to nine decimal digits.
///
/// Leading zeros are legal; signs, blanks and suffixes are not. Source: protocol.md#sizes.
#[inline]
pub fn parse_size(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > SIZE_DIGITS_MAX {
        return None;
    }
    let mut size = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        size = size * 10 + usize::from(digit);
    }
    Some(size)
}

/// The decimal digits of one number, on the stack.
#[derive(Debug, Clone, Copy)]
pub struct Digits {
    bytes: [u8; Digits::LEN_MAX],
    start: u8, // Index of the first digit; everything from there on is digits.
}

impl Digits {
    const LEN_MAX: usize = 20; // u64::MAX has twenty digits.

    /// Spells `number`.
    pub fn new(mut number: u64) -> Self {
        let mut bytes = [b'0'; Self::LEN_MAX];
        let mut start = Self::LEN_MAX;
        loop {
            start -= 1;
            bytes[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self {
                    bytes,
                    start: start as u8,
                };
            }
        }
    }

    /// The digits, most significant first, without leading zeros.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

/// Appends the digits of `number`: those of a small one, which most are, without a loop.
#[inline]
pub(crate) fn append(out: &mut Vec<u8>, number: u64) {
    if number >= 10_000 {
        return out.extend_from_slice(Digits::new(number).as_bytes());
    }
    let number = number as u32;
    let (high, low) = (number / 100, number % 100);
    let digits = [high / 10, high % 10, low / 10, low % 10].map(|digit| b'0' + digit as u8);
    let zeros = usize::from(number < 10) + usize::from(number < 100) + usize::from(number < 1000);
    // All four bytes are written, those that count first.
    let start = out.len();
    let digits = u32::from_le_bytes(digits) >> (8 * zeros);
    out.extend_from_slice(&digits.to_le_bytes());
    out.truncate(start + 4 - zeros);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_appended_as_it_is_displayed() {
        let large = [99_999, 123_456_789, u64::MAX];
        for number in (0..=10_100).chain(large) {
            let mut out = b"x".to_vec();
            append(&mut out, number);
            assert_eq!(String::from_utf8_lossy(&out), format!("x{number}"));
        }
    }

    #[test]
    fn a_size_is_one_to_nine_digits() {
        for (text, expected) in [
            ("0", Some(0)),
            ("000000002", Some(2)),
            ("999999999", Some(999_999_999)),
            ("0000000002", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1k", None),
            (":", None),
        ] {
            assert_eq!(parse_size(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn digits_are_those_of_the_standard_library() {
        for number in [0, 7, 10, 99, 1_048_576, u64::MAX] {
            assert_eq!(
                Digits::new(number).as_bytes(),
                number.to_string().as_bytes()
            );
        }
    }
}
