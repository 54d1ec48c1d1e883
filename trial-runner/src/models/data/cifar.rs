//! CIFAR-10's binary format (Krizhevsky 2009): records of a class and 3 x 32 x 32 bytes.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io::Read,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use tch::{Kind, Tensor};

use super::{DataSet, Samples};

const SIDE: i64 = 32;
const PIXELS: i64 = 3 * SIDE * SIDE;
/// Bytes of a class and its image.
const RECORD: i64 = 1 + PIXELS;

const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: [&str; 1] = ["test_batch.bin"];

/// Reads the five training files and the test file, from `folder`, its `cifar-10-batches-bin`, or the archive in it.
///
/// # Errors
/// When a file is missing or of another length: its name.
pub(crate) fn read(folder: &Path) -> Result<DataSet> {
    let unpacked = [folder.join("cifar-10-batches-bin"), folder.to_owned()];
    let files = match unpacked.iter().find(|folder| folder.join(TRAIN[0]).is_file()) {
        Some(folder) => from_folder(folder)?,
        None => from_archive(&folder.join("cifar-10-binary.tar.gz"))?,
    };
    DataSet::new(samples(&files, &TRAIN)?, Some(samples(&files, &TEST)?))
}

/// The bytes of the files by name.
type Files = BTreeMap<&'static str, Vec<u8>>;

fn names() -> impl Iterator<Item = &'static str> {
    TRAIN.into_iter().chain(TEST)
}

fn from_folder(folder: &Path) -> Result<Files> {
    let read = |name| fs::read(folder.join(name)).with_context(|| folder.join(name).display().to_string());
    names().map(|name| Ok((name, read(name)?))).collect()
}

fn from_archive(path: &Path) -> Result<Files> {
    let damaged = || format!("{} is damaged: remove it to have it downloaded again", path.display());
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut files = Files::new();
    for entry in tar::Archive::new(GzDecoder::new(file)).entries()? {
        let mut entry = entry.with_context(damaged)?;
        let inside = entry.path()?.into_owned();
        if let Some(name) = names().find(|&name| inside.file_name() == Some(OsStr::new(name))) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).with_context(damaged)?;
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

fn samples(files: &Files, names: &[&str]) -> Result<Samples> {
    let mut records = Vec::new();
    for &name in names {
        let bytes = files.get(name).with_context(|| format!("{name} is missing"))?;
        let length = bytes.len() as i64;
        ensure!(
            length > 0 && length % RECORD == 0,
            "{name} has {length} bytes, no multiple of {RECORD}: cut short"
        );
        records.push(Tensor::f_from_data_size(bytes, &[length / RECORD, RECORD], Kind::Uint8)?);
    }
    let records = Tensor::cat(&records, 0);
    let planes = records.narrow(1, 1, PIXELS).reshape([-1, 3, SIDE, SIDE]);
    Samples::new(planes.permute([0, 2, 3, 1]).contiguous(), &records.select(1, 0))
}
