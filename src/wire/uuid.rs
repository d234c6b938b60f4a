//! Topic ids: 128 bits, shown as Kafka shows them, in 22 characters of URL-safe Base64 without padding.

use std::fmt;

/// A topic's identity. Unlike its name, it does not come back when the topic is deleted and created again (KIP-516).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// All zero: 'no id'.
    pub const ZERO: Self = Self([0; 16]);

    /// A version 4 UUID out of 128 random bits.
    pub fn from_random_bits(bits: u128) -> Self {
        let mut bytes = bits.to_be_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = u128::from_be_bytes(self.0);
        // 22 digits hold 132 bits: the last one carries four zero bits behind the last two of the id.
        (0..22).try_for_each(|digit| {
            let six = if digit == 21 { bits << 4 } else { bits >> (122 - 6 * digit) };
            write!(f, "{}", char::from(DIGITS[(six & 0x3f) as usize]))
        })
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_kafka_shows_it() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
        assert_eq!(Uuid(*b"0123456789abcdef").to_string(), "MDEyMzQ1Njc4OWFiY2RlZg");
    }
}
