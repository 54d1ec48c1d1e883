//! What a command puts out, kept as a file of bounded size.

use std::{collections::VecDeque, fs::File, io::Write, path::PathBuf};

/// A log's file holds so much from the beginning, and `TAIL` from the end, in bytes.
const HEAD: u64 = 64 << 20;
/// What is remembered of the end.
const TAIL: usize = 64 << 10;

/// The log of one output. Its file appears with the first byte.
///
/// Of an output longer than 64 MiB the file holds the first 64 MiB, a line that says how much was left out, and the
/// last 64 KiB. A file that cannot be written (a full disk) is given up with a warning.
pub(super) struct Log {
    /// `None`: only its end is remembered.
    path: Option<PathBuf>,
    head: u64,
    file: Option<File>,
    is_broken: bool,
    /// Everything put out so far, in bytes.
    length: u64,
    tail: VecDeque<u8>,
}

impl Log {
    pub(super) fn new(path: PathBuf) -> Self {
        Self::with_head(path, HEAD)
    }

    /// Without a file.
    pub(super) fn unkept() -> Self {
        Self { path: None, ..Self::with_head(PathBuf::new(), 0) }
    }

    fn with_head(path: PathBuf, head: u64) -> Self {
        let path = Some(path);
        Self { path, head, file: None, is_broken: false, length: 0, tail: VecDeque::new() }
    }

    /// Keeps what was put out; a warning, once, when it cannot.
    pub(super) fn take(&mut self, chunk: &[u8]) -> Option<String> {
        let room = usize::try_from(self.head.saturating_sub(self.length)).unwrap_or(usize::MAX);
        self.length += chunk.len() as u64;
        let end = &chunk[chunk.len().saturating_sub(TAIL)..];
        self.tail.drain(..(self.tail.len() + end.len()).saturating_sub(TAIL));
        self.tail.extend(end);
        self.write(&chunk[..room.min(chunk.len())])
    }

    /// The output has ended.
    pub(super) fn finish(&mut self) -> Option<String> {
        let left_out = self.length.saturating_sub(self.head).saturating_sub(self.tail.len() as u64);
        let beyond = usize::try_from(self.length.saturating_sub(self.head)).unwrap_or(usize::MAX);
        if beyond == 0 {
            return None;
        }
        let kept = self.tail.len().min(beyond);
        let tail: Vec<u8> = self.tail.iter().skip(self.tail.len() - kept).copied().collect();
        let notice = if left_out > 0 {
            format!("\n[temper: {left_out} bytes are left out here]\n")
        } else {
            String::new()
        };
        self.write(&[notice.as_bytes(), &tail].concat())
    }

    /// The end of the output, at most 64 KiB.
    pub(super) fn tail(&mut self) -> &[u8] {
        self.tail.make_contiguous()
    }

    fn write(&mut self, bytes: &[u8]) -> Option<String> {
        let path = self.path.as_deref()?;
        if bytes.is_empty() || self.is_broken {
            return None;
        }
        let file = match &mut self.file {
            Some(file) => Ok(file),
            none => File::create(path).map(|file| none.insert(file)),
        };
        let error = file.and_then(|file| file.write_all(bytes)).err()?;
        self.is_broken = true;
        self.file = None;
        Some(format!(
            "{}: {error}; the log ends here, the trial goes on and its metrics are read",
            path.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_output_without_a_byte_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout.log");
        let mut log = Log::new(path.clone());
        assert_eq!((log.take(b""), log.finish(), path.exists()), (None, None, false));
    }

    #[test]
    fn of_a_long_output_the_beginning_and_the_end_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout.log");
        let mut log = Log::with_head(path.clone(), 10);
        for _ in 0..3 {
            log.take(&vec![b'x'; TAIL]);
        }
        log.take(b"the end");
        log.finish();
        let text = fs::read_to_string(path).unwrap();
        let left_out = 3 * TAIL + 7 - 10 - TAIL;
        assert!(text.starts_with(&format!("xxxxxxxxxx\n[temper: {left_out} bytes are left out here]\nxx")));
        assert!(text.ends_with("xthe end"));
    }

    #[test]
    fn a_full_disk_is_warned_of_once_and_the_end_still_known() {
        let mut log = Log::new("/dev/full".into());
        let warning = log.take(b"some text").unwrap();
        assert!(warning.contains("/dev/full: No space left on device"), "{warning}");
        assert_eq!(log.take(b" more"), None);
        assert_eq!(log.tail(), b"some text more");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_up_to_head_and_tail(sizes in proptest::collection::vec(0_usize..40, 0..20), head in 0_u64..400) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            let mut log = Log::with_head(path.clone(), head);
            let mut all = Vec::new();
            for (index, size) in sizes.iter().enumerate() {
                let chunk = vec![index as u8; *size];
                log.take(&chunk);
                all.extend(chunk);
            }
            log.finish();
            prop_assert_eq!(fs::read(path).unwrap_or_default(), all);
        }
    }
}
