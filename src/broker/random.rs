//! Identifiers that nobody should be able to foresee by accident: topic ids, member ids, session ids.
//!
//! The generator is SplitMix64: small, and the same for the same seed, so that a test can replay a broker. What comes out
//! guards nothing; it only has to differ.

use crate::wire::Uuid;

#[derive(Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn uuid(&mut self) -> Uuid {
        Uuid::from_random_bits(u128::from(self.next_u64()) << 64 | u128::from(self.next_u64()))
    }

    /// A UUID in the form with hyphens, as member ids carry it.
    pub fn hyphenated_uuid(&mut self) -> String {
        let hex = format!("{:032x}", u128::from_be_bytes(self.uuid().0));
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}
