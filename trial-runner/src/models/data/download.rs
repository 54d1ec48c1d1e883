//! Downloads that are complete and genuine, or not there.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

/// A file on each mirror.
pub(crate) struct Remote {
    pub(crate) file: &'static str,
    /// Of the file as it is on the mirror, in lower-case hexadecimal.
    pub(crate) sha256: &'static str,
}

/// Fetches those of `files` that are not in `folder` yet, each from the first mirror that gives it whole.
///
/// # Errors
/// When a file is to be had from no mirror: each URL and what came of it.
pub(crate) fn all(files: &[Remote], mirrors: &[&str], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for remote in files {
        let target = folder.join(remote.file);
        if target.is_file() {
            continue;
        }
        let mut problems = Vec::new();
        let fetched = mirrors.iter().any(|mirror| {
            let url = format!("{mirror}/{}", remote.file);
            let result = fetch(&url, remote.sha256, &target);
            result.map_err(|problem| problems.push(format!("  not from {url}: {problem:#}"))).is_ok()
        });
        ensure!(fetched, "{}", problems.join("\n"));
    }
    Ok(())
}

/// Fetches `url` to `target`, which appears only when it is complete and its checksum right.
fn fetch(url: &str, sha256: &str, target: &Path) -> Result<()> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_global(Some(Duration::from_mins(20)))
        .build()
        .into();
    let mut response = agent.get(url).call()?;
    // Two processes may fetch the same file at once: a name for each.
    let temporary = target.with_added_extension(format!("part-{}", std::process::id()));
    let result = save(&mut response.body_mut().as_reader(), sha256, &temporary)
        .and_then(|()| fs::rename(&temporary, target).context("cannot move it into place"));
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn save(body: &mut impl Read, sha256: &str, temporary: &Path) -> Result<()> {
    let mut file =
        File::create(temporary).with_context(|| format!("cannot write {}", temporary.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context("the connection broke"),
        };
        hash.update(&buffer[..read]);
        file.write_all(&buffer[..read])?;
    }
    file.sync_all()?;
    let found = hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    if found != sha256 {
        bail!("its SHA-256 is {found}, not {sha256}: damaged or replaced");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Answers every request with `body`, cut short after `sent` bytes.
    fn serve(body: &'static [u8], sent: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes());
                let _ = stream.write_all(&body[..sent]);
            }
        });
        format!("http://{address}")
    }

    const BODY: &[u8] = b"hello";
    const FILES: [Remote; 1] =
        [Remote { file: "x.gz", sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" }];

    #[test]
    fn a_broken_and_a_false_mirror_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (short, wrong, good) = (serve(BODY, 3), serve(b"other", 5), serve(BODY, 5));
        all(&FILES, &[&short, &wrong, &good], folder.path()).unwrap();
        assert_eq!(fs::read(folder.path().join("x.gz")).unwrap(), BODY);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file is left");
    }

    #[test]
    fn what_is_not_genuine_never_appears() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = serve(b"other", 5);
        let error = all(&FILES, &[&wrong], folder.path()).unwrap_err().to_string();
        assert!(error.contains("SHA-256") && error.contains("x.gz"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
