//! `s3://`, `gs://`, `az://`: object stores.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    str::FromStr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{
    BackoffConfig, Certificate, ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
    RetryConfig, WriteMultipart, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder, path,
};
use tokio::runtime::{Builder, Runtime};

use super::{Places, Store, manifest::MANIFEST};

/// Files up to this size are put in one request, longer ones in parts of this size or larger, in bytes.
const PART: u64 = 8 << 20;
/// S3 takes 10,000 parts of a file at most.
const MOST_PARTS: u64 = 9_000;
/// Parts of a file that are under way at once; with the part size the bound of the memory in use.
const AT_ONCE: usize = 4;
/// Files that are removed at once.
const REMOVED_AT_ONCE: usize = 8;
/// For a connection; and without a byte, until a request is tried again.
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_mins(1);
/// So long a store may be away, and between two tries at most.
const AWAY: Duration = Duration::from_mins(3);
const BETWEEN: Duration = Duration::from_secs(5);

/// Amazon S3 and whatever speaks its protocol.
pub(super) fn s3(uri: &str, places: &Places) -> Result<Arc<dyn Store>> {
    let variables = Variables::read("AWS_", places)?;
    // An endpoint that is written with http:// is meant so.
    let is_plain = variables
        .0
        .iter()
        .any(|(name, value)| name.starts_with("AWS_ENDPOINT") && value.starts_with("http://"));
    let builder = AmazonS3Builder::new()
        .with_client_options(client_options().with_allow_http(is_plain))
        .with_retry(retries())
        .with_url(uri);
    let builder = variables.configure(builder, AmazonS3Builder::with_config);
    open(uri, builder.build())
}

/// Google Cloud Storage.
pub(super) fn gs(uri: &str, places: &Places) -> Result<Arc<dyn Store>> {
    let builder = GoogleCloudStorageBuilder::new()
        .with_client_options(client_options())
        .with_retry(retries())
        .with_url(uri);
    let builder =
        Variables::read("GOOGLE_", places)?.configure(builder, GoogleCloudStorageBuilder::with_config);
    open(uri, builder.build())
}

/// Azure Blob Storage.
pub(super) fn az(uri: &str, places: &Places) -> Result<Arc<dyn Store>> {
    let builder = MicrosoftAzureBuilder::new()
        .with_client_options(client_options())
        .with_retry(retries())
        .with_url(uri);
    let builder = Variables::read("AZURE_", places)?.configure(builder, MicrosoftAzureBuilder::with_config);
    open(uri, builder.build())
}

fn open<S: ObjectStore>(uri: &str, store: object_store::Result<S>) -> Result<Arc<dyn Store>> {
    let store = store.with_context(|| format!("{uri:?}"))?;
    let (_, below) = uri.split_once("://").unwrap_or_default();
    let (_, prefix) = below.split_once('/').unwrap_or_default();
    let prefix = path::Path::parse(prefix).with_context(|| format!("{uri:?}"))?;
    // The thread that waits for a request drives it.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(Arc::new(Bucket { store: Arc::new(store), prefix, runtime }))
}

/// The variables of the environment that a store is set up with.
struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of the process, and in their place those of the folder of credentials: a file each, named as they are.
    fn read(prefix: &str, places: &Places) -> Result<Self> {
        let mut variables: BTreeMap<String, String> = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        if let Some(folder) = &places.credentials {
            let which = || format!("the credentials in {}", folder.display());
            for entry in fs::read_dir(folder).with_context(which)? {
                let entry = entry.with_context(which)?;
                // A mounted Secret has hidden folders beside its files, which are links into them.
                let Some(name) = entry.file_name().into_string().ok().filter(|name| name.starts_with(prefix))
                else {
                    continue;
                };
                let value =
                    fs::read_to_string(entry.path()).with_context(|| format!("{}: {name}", which()))?;
                variables.insert(name, value.trim_end_matches(['\n', '\r']).to_owned());
            }
        }
        variables.retain(|name, _| name.starts_with(prefix));
        Ok(Self(variables))
    }

    /// Those that are unknown are for somebody else.
    fn configure<B, K: FromStr>(self, builder: B, with: impl Fn(B, K, String) -> B) -> B {
        self.0.into_iter().fold(builder, |builder, (name, value)| match name.to_ascii_lowercase().parse() {
            Ok(key) => with(builder, key, value),
            Err(_) => builder,
        })
    }
}

/// Requests may take as long as they make progress. Beside the machine's certificates Mozilla's are trusted: the
/// agent runs in whatever image the user has, which often has none.
fn client_options() -> ClientOptions {
    static ROOTS: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
        webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .filter_map(|root| Certificate::from_der(root).ok())
            .collect()
    });
    // An error means that the process has chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ROOTS.iter().cloned().fold(
        ClientOptions::new().with_timeout_disabled().with_connect_timeout(CONNECT).with_read_timeout(SILENCE),
        ClientOptions::with_root_certificate,
    )
}

/// By time, not by number.
fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: usize::MAX,
        retry_timeout: AWAY,
        backoff: BackoffConfig { max_backoff: BETWEEN, ..BackoffConfig::default() },
    }
}

/// In one line, the cause at the end: the errors of the store repeat those below them.
#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn told(error: Error) -> io::Error {
    let mut text = error.to_string();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    let cause = cause.to_string();
    if !text.contains(&cause) {
        text = format!("{text}: {cause}");
    }
    io::Error::other(text)
}

struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: path::Path,
    runtime: Runtime,
}

impl Bucket {
    fn place(&self, key: &str) -> path::Path {
        let parts = key.split('/').filter(|part| !part.is_empty());
        parts.fold(self.prefix.clone(), path::Path::join)
    }

    async fn upload(&self, place: &path::Path, mut file: File) -> io::Result<()> {
        let size = file.metadata()?.len();
        if size <= PART {
            let mut content = Vec::with_capacity(size as usize);
            file.read_to_end(&mut content)?;
            self.store.put(place, content.into()).await.map_err(told)?;
            return Ok(());
        }
        let part = size.div_ceil(MOST_PARTS).max(PART) as usize;
        let mut upload =
            WriteMultipart::new_with_chunk_size(self.store.put_multipart(place).await.map_err(told)?, part);
        loop {
            let mut content = Vec::with_capacity(part);
            let read = (&mut file).take(part as u64).read_to_end(&mut content);
            let sent = match read {
                Ok(0) => break,
                Ok(_) => upload.wait_for_capacity(AT_ONCE).await.map_err(told),
                Err(error) => Err(error),
            };
            if let Err(error) = sent {
                // The parts that are there are of no use; what cannot be removed the store removes in time.
                let _ = upload.abort().await;
                return Err(error);
            }
            upload.put(content.into());
        }
        // Nothing is visible under the name before this is done.
        upload.finish().await.map_err(told)?;
        Ok(())
    }

    async fn read(&self, place: &path::Path) -> io::Result<Option<Vec<u8>>> {
        match self.store.get(place).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(told)?.to_vec())),
            // A bucket that is not there is another matter than a file in it.
            Err(Error::NotFound { source, .. }) if !source.to_string().contains("NoSuchBucket") => Ok(None),
            Err(error) => Err(told(error)),
        }
    }
}

impl Store for Bucket {
    fn put(&self, key: &str, file: &Path, _may_move: bool) -> io::Result<()> {
        let file = File::open(file)?;
        self.runtime.block_on(self.upload(&self.place(key), file))
    }

    fn put_last(&self, key: &str, content: &[u8]) -> io::Result<()> {
        let place = self.place(key);
        self.runtime.block_on(async {
            let put =
                |mode: PutMode| self.store.put_opts(&place, PutPayload::from(content.to_vec()), mode.into());
            match put(PutMode::Create).await {
                Ok(_) => Ok(()),
                // A first try may have arrived though its answer did not.
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. })
                    if self.read(&place).await?.as_deref() == Some(content) =>
                {
                    Ok(())
                }
                Err(error @ (Error::AlreadyExists { .. } | Error::Precondition { .. })) => {
                    Err(io::Error::other(format!("somebody else has committed it: {}", told(error))))
                }
                // Not every store knows how. No two attempts commit under one name, so it is no more than a guard.
                Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                    put(PutMode::Overwrite).await.map(drop).map_err(told)
                }
                Err(error) => Err(told(error)),
            }
        })
    }

    fn get(&self, key: &str, file: &Path) -> io::Result<()> {
        let mut file = File::create(file)?;
        self.runtime.block_on(async {
            let mut content = self.store.get(&self.place(key)).await.map_err(told)?.into_stream();
            while let Some(chunk) = content.try_next().await.map_err(told)? {
                file.write_all(&chunk)?;
            }
            Ok(())
        })
    }

    fn read(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        self.runtime.block_on(self.read(&self.place(key)))
    }

    fn list(&self, key: &str) -> io::Result<Vec<String>> {
        let found =
            self.runtime.block_on(self.store.list_with_delimiter(Some(&self.place(key)))).map_err(told)?;
        let files = found.objects.into_iter().map(|object| object.location);
        let names = found.common_prefixes.into_iter().chain(files);
        Ok(names.filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        let folder = self.place(key);
        self.runtime.block_on(async {
            none_if_missing(self.store.delete(&folder.clone().join(MANIFEST)).await)?;
            let files: Vec<_> = self.store.list(Some(&folder)).try_collect().await.map_err(told)?;
            stream::iter(files)
                .map(|file| async move { none_if_missing(self.store.delete(&file.location).await) })
                .buffer_unordered(REMOVED_AT_ONCE)
                .try_collect()
                .await
        })
    }
}

fn none_if_missing(deleted: object_store::Result<()>) -> io::Result<()> {
    match deleted {
        Err(Error::NotFound { .. }) | Ok(()) => Ok(()),
        Err(error) => Err(told(error)),
    }
}

#[cfg(test)]
mod tests;
