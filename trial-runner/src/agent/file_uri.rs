//! `file://` URIs, by one convention wherever they are written or read.
//!
//! As RFC 8089 has it, `%` and two hexadecimal digits stand for a byte of the path. Whatever is no such escape stands
//! for itself, so a path may also be given as it is typed, unless it has a `%` that two such digits follow.

use std::{
    ffi::OsString,
    fmt::Write as _,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

const SCHEME: &str = "file://";

/// The URI of an absolute path.
pub fn file_uri(path: &Path) -> String {
    let mut uri = SCHEME.to_owned();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(byte as char);
            }
            // Writing to a string does not fail.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

/// The path that a URI names; `None` for what is no `file://` URI of an absolute path.
pub fn file_path(uri: &str) -> Option<PathBuf> {
    let text = uri.strip_prefix(SCHEME).filter(|path| path.starts_with('/'))?;
    let mut path = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = if byte == b'%' { escaped(after) } else { None };
        path.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    Some(OsString::from_vec(path).into())
}

/// The byte that two hexadecimal digits stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| (*digits.get(at)? as char).to_digit(16);
    Some((digit(0)? << 4 | digit(1)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri_whatever_is_in_it_and_comes_back() {
        assert_eq!(file_uri(Path::new("/a/b-1.c")), "file:///a/b-1.c");
        assert_eq!(file_uri(Path::new("/my models/50%/é#?")), "file:///my%20models/50%25/%C3%A9%23%3F");
        let not_utf8 = OsString::from_vec(vec![b'/', 0xff]);
        for path in
            ["/a b/50%/é#?", "/100%25", "/%zz/%2", "/"].map(OsString::from).into_iter().chain([not_utf8])
        {
            let path = Path::new(&path);
            assert_eq!(file_path(&file_uri(path)).as_deref(), Some(path));
        }
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        for (uri, path) in [
            ("file:///my models/é", "/my models/é"),
            ("file:///my%20models", "/my models"),
            ("file:///a%2fb%2", "/a/b%2"),
            ("file:///50%", "/50%"),
            ("file:///50%%20", "/50% "),
            ("file:///%g0", "/%g0"),
        ] {
            assert_eq!(file_path(uri), Some(path.into()), "{uri}");
        }
        for uri in ["file://here", "/here", "s3://bucket"] {
            assert_eq!(file_path(uri), None);
        }
    }
}
