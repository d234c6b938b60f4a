//! The one thing that the broker reads out of a member's metadata: the topics that a consumer subscribes to.
//!
//! ```text
//! version i16 | topics array of strings | user_data nullable bytes | more in later versions
//! ```
//!
//! The beginning is the same in all versions. A client can put anything there, so what cannot be read is no error: the
//! group then counts as subscribed to everything, and its offsets are kept.

use bytes::Bytes;

use crate::wire::{Field, ReadError, Reader};

/// The topics in a consumer's metadata, or `None` if that is not a consumer's metadata.
pub fn topics(metadata: &Bytes) -> Option<Vec<String>> {
    let read = || -> Result<Vec<String>, ReadError> {
        let mut reader = Reader::new(metadata.clone(), 0, false);
        reader.i16()?;
        let topics = Vec::<String>::read(&mut reader)?;
        reader.bytes()?;
        Ok(topics)
    };
    read().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_common_beginning_of_all_versions() {
        let check = |metadata: &'static [u8], expect: Option<&[&str]>| {
            let expect = expect.map(|topics| topics.iter().map(|topic| (*topic).to_owned()).collect());
            assert_eq!(topics(&Bytes::from_static(metadata)), expect, "{metadata:x?}");
        };
        check(b"\0\0\0\0\0\x02\0\x01a\0\x02bc\0\0\0\0", Some(&["a", "bc"]));
        check(b"\0\x03\0\0\0\x01\0\x01a\xff\xff\xff\xff\0\0\0\0\0\0\0\x01\xff\xff", Some(&["a"]));
        check(b"\0\x01\0\0\0\0\xff\xff\xff\xff", Some(&[]));
        check(b"", None);
        check(b"\0\0\0\0\0\x02\0\x01a", None);
        check(b"\0\0\x7f\xff\xff\xff\0\x01a", None);
        check(b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff", None);
        check(b"\0\0\0\0\0\x01\xff\xff\0\0\0\0", None);
    }
}
