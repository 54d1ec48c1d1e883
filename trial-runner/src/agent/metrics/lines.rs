//! Cuts a stream into lines of bounded length.

/// The longest line that is looked at, in bytes. What is longer is no metric.
pub(in crate::agent) const LONGEST_LINE: usize = 1 << 20;

/// Lines end with `\n` or, as progress bars write them, with `\r`.
#[derive(Default)]
pub(super) struct Lines {
    /// The beginning of a line whose end has not come, at most `LONGEST_LINE`.
    begun: Vec<u8>,
    /// The line grew too long: what comes up to its end is dropped.
    too_long: bool,
}

impl Lines {
    /// Gives every line that `chunk` completes to `each`.
    pub(super) fn push(&mut self, chunk: &[u8], mut each: impl FnMut(&[u8])) {
        let mut start = 0;
        for end in memchr::memchr2_iter(b'\n', b'\r', chunk) {
            let piece = &chunk[start..end];
            start = end + 1;
            if self.too_long {
                self.too_long = false;
            } else if self.begun.is_empty() {
                each(piece);
            } else {
                self.begun.extend_from_slice(piece);
                each(&self.begun);
                self.begun.clear();
            }
        }
        let piece = &chunk[start..];
        if self.begun.len() + piece.len() > LONGEST_LINE {
            self.begun = Vec::new();
            self.too_long = true;
        } else if !self.too_long {
            self.begun.extend_from_slice(piece);
        }
    }

    /// The last line need not end.
    pub(super) fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        if !self.begun.is_empty() {
            each(&self.begun);
            self.begun.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(chunk, |line| found.push(String::from_utf8_lossy(line).into_owned()));
        }
        lines.finish(|line| found.push(String::from_utf8_lossy(line).into_owned()));
        found
    }

    #[test]
    fn lines_are_cut_across_chunks() {
        assert_eq!(lines(&[b"a\nb", b"c", b"\rd"]), ["a", "bc", "d"]);
    }

    #[test]
    fn a_line_too_long_is_dropped_and_not_kept() {
        let mut splitter = Lines::default();
        let mut found = Vec::new();
        for _ in 0..40 {
            splitter.push(&vec![b'x'; 1 << 16], |line| found.push(line.len()));
            assert!(splitter.begun.capacity() <= 2 * LONGEST_LINE);
        }
        splitter.push(b"end of it\nnext\n", |line| found.push(line.len()));
        assert_eq!(found, [4]);
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_lines_are_the_same(text in "[a-c\n\r]{0,60}", at in 0_usize..60) {
            let (left, right) = text.as_bytes().split_at(at.min(text.len()));
            prop_assert_eq!(lines(&[left, right]), lines(&[text.as_bytes()]));
        }
    }
}
