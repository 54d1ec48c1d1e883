//! Reads a file as it grows.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

/// What one [`Follow::read`] gives at most, in bytes.
const CHUNK: usize = 1 << 16;

/// A file that a program appends to, truncates and begins again, or puts in the place of another.
pub(super) struct Follow {
    path: PathBuf,
    open: Option<Open>,
    chunk: Box<[u8]>,
}

struct Open {
    file: File,
    inode: (u64, u64),
    at: u64,
}

impl Follow {
    /// Everything in it counts; it need not be there yet.
    pub(super) fn from_start(path: PathBuf) -> Self {
        Self { path, open: None, chunk: vec![0; CHUNK].into() }
    }

    /// What it holds now does not count.
    pub(super) fn from_end(path: PathBuf) -> Self {
        let mut follow = Self::from_start(path);
        follow.open = follow.open();
        if let Some(open) = &mut follow.open {
            open.at = open.file.seek(SeekFrom::End(0)).unwrap_or(0);
        }
        follow
    }

    fn open(&self) -> Option<Open> {
        // Asked before it is opened: opening a pipe would wait for its writer.
        fs::metadata(&self.path).ok().filter(fs::Metadata::is_file)?;
        let file = File::open(&self.path).ok()?;
        let metadata = file.metadata().ok()?;
        Some(Open { file, inode: (metadata.dev(), metadata.ino()), at: 0 })
    }

    /// The next bytes, as many as there are, up to a bound; none when it has not grown.
    pub(super) fn read(&mut self) -> &[u8] {
        if self.open.is_none() {
            self.open = self.open();
        }
        let mut length = self.read_open();
        if length == 0 && self.was_replaced() {
            self.open = self.open();
            length = self.read_open();
        }
        &self.chunk[..length]
    }

    fn read_open(&mut self) -> usize {
        let Some(open) = &mut self.open else { return 0 };
        if open.file.metadata().is_ok_and(|metadata| metadata.len() < open.at) {
            open.at = 0;
            if open.file.rewind().is_err() {
                return 0;
            }
        }
        let length = open.file.read(&mut self.chunk).unwrap_or(0);
        open.at += length as u64;
        length
    }

    fn was_replaced(&self) -> bool {
        let Some(open) = &self.open else { return false };
        fs::metadata(&self.path).is_ok_and(|now| now.is_file() && (now.dev(), now.ino()) != open.inode)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn append(path: &std::path::Path, text: &str) {
        File::options().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn what_is_added_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut follow = Follow::from_end(path.clone());
        assert_eq!(follow.read(), b"");
        append(&path, "one ");
        assert_eq!(follow.read(), b"one ");
        assert_eq!(follow.read(), b"");
        append(&path, "two");
        assert_eq!(follow.read(), b"two");
    }

    #[test]
    fn what_was_there_before_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        append(&path, "of another trial");
        let mut follow = Follow::from_end(path.clone());
        append(&path, "new");
        assert_eq!(follow.read(), b"new");
    }

    #[test]
    fn a_file_begun_again_or_replaced_is_read_from_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        append(&path, "a long beginning");
        let mut follow = Follow::from_end(path.clone());
        fs::write(&path, "short").unwrap();
        assert_eq!(follow.read(), b"short");
        append(&path, "+end");
        let other = folder.path().join("other");
        append(&other, "replaced");
        fs::rename(&other, &path).unwrap();
        assert_eq!(follow.read(), b"+end");
        assert_eq!(follow.read(), b"replaced");
    }

    #[test]
    fn a_named_pipe_or_a_folder_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        assert_eq!(Follow::from_start(pipe).read(), b"");
        assert_eq!(Follow::from_start(folder.path().to_owned()).read(), b"");
    }
}
