//! MNIST's format: big-endian dimensions, then bytes (`LeCun`, Cortes and Burges), packed by gzip or not.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use tch::{Kind, Tensor};

use super::{DataSet, Samples};

/// Reads `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and, where they are, the two `t10k` files.
///
/// # Errors
/// When a file is missing, short, too long or of another format: its path and what is wrong.
pub(crate) fn read(folder: &Path) -> Result<DataSet> {
    ensure!(folder.is_dir(), "{} is no folder", folder.display());
    let train = part(folder, "train")?.with_context(|| {
        format!("{} has no train-images-idx3-ubyte or train-images-idx3-ubyte.gz", folder.display())
    })?;
    DataSet::new(train, part(folder, "t10k")?).with_context(|| folder.display().to_string())
}

/// The part whose files begin with `prefix`, if it has images.
fn part(folder: &Path, prefix: &str) -> Result<Option<Samples>> {
    let Some(images) = either(folder, &format!("{prefix}-images-idx3-ubyte")) else { return Ok(None) };
    let labels = format!("{prefix}-labels-idx1-ubyte");
    let labels = either(folder, &labels)
        .with_context(|| format!("{} has no {labels} or {labels}.gz", folder.display()))?;
    let mut x = tensor(&images)?;
    // (samples, height, width) of grey, or with channels behind.
    match x.dim() {
        3 => x = x.unsqueeze(-1),
        2 | 4 => {}
        other => bail!("{}: {other} dimensions; images have 3", images.display()),
    }
    let y = tensor(&labels)?;
    ensure!(y.dim() == 1, "{}: {} dimensions; labels have 1", labels.display(), y.dim());
    Samples::new(x, &y).with_context(|| images.display().to_string()).map(Some)
}

fn either(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.gz")]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// The bytes of one file, in its dimensions.
fn tensor(path: &Path) -> Result<Tensor> {
    let file =
        BufReader::with_capacity(1 << 16, File::open(path).with_context(|| path.display().to_string())?);
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let read = if packed { parse(GzDecoder::new(file)) } else { parse(file) };
    read.with_context(|| path.display().to_string())
}

fn parse(mut source: impl Read) -> Result<Tensor> {
    let mut magic = [0; 4];
    source.read_exact(&mut magic).context("too short to be an idx file")?;
    let [0, 0, kind, dimensions] = magic else { bail!("not an idx file: it begins with {magic:02x?}") };
    ensure!(kind == 8, "its values are of type {kind:#04x}; only bytes (0x08) are images and labels");
    ensure!((1..=4).contains(&dimensions), "{dimensions} dimensions");
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        let mut length = [0; 4];
        source.read_exact(&mut length).context("it ends within its header")?;
        shape.push(u32::from_be_bytes(length));
    }
    let expected = shape.iter().try_fold(1_u64, |product, &length| product.checked_mul(u64::from(length)));
    let expected = expected.filter(|&bytes| bytes <= 1 << 40).with_context(|| format!("shape {shape:?}"))?;
    let mut bytes = Vec::new();
    // The header may lie: read what is there rather than make room for what it says.
    source.take(expected + 1).read_to_end(&mut bytes).context("damaged")?;
    let found = bytes.len() as u64;
    ensure!(found >= expected, "{expected} bytes should follow the header and {found} do: cut short");
    ensure!(found == expected, "more than the {expected} bytes that its header says follow it");
    let shape: Vec<i64> = shape.into_iter().map(i64::from).collect();
    Ok(Tensor::f_from_data_size(&bytes, &shape, Kind::Uint8)?)
}
