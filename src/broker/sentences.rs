//! The sentences of an answer: what is wrong with each of the things that a request names.
//!
//! Such a sentence can be much longer than what it is about: a request of a megabyte can name a hundred thousand partitions of a
//! topic with a long name, and be told of each that there is no such topic. So an answer has sentences up to a certain length
//! in all, and tells the rest by its error code alone.

/// How long the sentences of an answer may be together.
const LENGTH_MAX: usize = 1 << 20;

/// How much more can be said in an answer.
#[derive(Debug)]
pub struct Sentences {
    left: usize,
}

impl Default for Sentences {
    fn default() -> Self {
        Self { left: LENGTH_MAX }
    }
}

impl Sentences {
    /// A sentence, unless too much has been said.
    pub fn say(&mut self, sentence: impl FnOnce() -> String) -> Option<String> {
        if self.left == 0 {
            return None;
        }
        let sentence = sentence();
        self.left = self.left.saturating_sub(sentence.len());
        Some(sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_end_to_it() {
        let mut sentences = Sentences::default();
        let mut say = |length| sentences.say(|| "x".repeat(length)).map(|sentence| sentence.len());
        assert_eq!(say(LENGTH_MAX - 1), Some(LENGTH_MAX - 1));
        assert_eq!(say(100), Some(100));
        assert_eq!(say(1), None);
    }
}
