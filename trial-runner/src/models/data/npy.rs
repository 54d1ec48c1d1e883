//! `NumPy`'s arrays: a folder with `x.npy` and `y.npy`, or one `.npz` file with arrays `x` and `y`. A test part is
//! `x_test` and `y_test`; `x_train` and `y_train` are `x` and `y` by another name.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use tch::{Kind, Tensor};

use super::{DataSet, Samples};

/// Reads x of (samples, features), (samples, height, width) or (samples, height, width, channels), bytes or floats,
/// and y of (samples) whole numbers from 0.
///
/// # Errors
/// When an array is missing, of another shape, or damaged: its name.
pub(crate) fn read(path: &Path) -> Result<DataSet> {
    let arrays = arrays(path).with_context(|| path.display().to_string())?;
    let get = |names: &[&str]| names.iter().find_map(|name| arrays.iter().find(|(have, _)| have == name));
    let part = |x: &[&str], y: &[&str]| -> Result<Option<Samples>> {
        let Some((x_name, x)) = get(x) else { return Ok(None) };
        let (y_name, y) = get(y).with_context(|| format!("there is {x_name} and no {}", y[0]))?;
        samples(x_name, x, y_name, y).map(Some)
    };
    let read = || {
        let train = part(&["x", "x_train"], &["y", "y_train"])?;
        let have: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
        let train = train.with_context(|| format!("no array x or x_train, only: {}", have.join(", ")))?;
        DataSet::new(train, part(&["x_test"], &["y_test"])?)
    };
    read().with_context(|| path.display().to_string())
}

fn arrays(path: &Path) -> Result<Vec<(String, Tensor)>> {
    if path.is_file() {
        ensure!(
            path.extension().is_some_and(|extension| extension == "npz"),
            "not a .npz file; for x.npy and y.npy name their folder"
        );
        return Ok(Tensor::read_npz(path)?);
    }
    ensure!(path.is_dir(), "no such file or folder");
    let mut arrays = Vec::new();
    for name in ["x", "y", "x_train", "y_train", "x_test", "y_test"] {
        let file = path.join(format!("{name}.npy"));
        if file.is_file() {
            arrays.push((name.to_owned(), Tensor::read_npy(&file).with_context(|| format!("{name}.npy"))?));
        }
    }
    Ok(arrays)
}

fn samples(x_name: &str, x: &Tensor, y_name: &str, y: &Tensor) -> Result<Samples> {
    let x = match x.dim() {
        2 | 4 => x.shallow_clone(),
        3 => x.unsqueeze(-1),
        _ => bail!(
            "{x_name} has shape {:?}; (samples, features) or (samples, height, width[, channels])",
            x.size()
        ),
    };
    let x = if x.kind() == Kind::Uint8 { x } else { x.to_kind(Kind::Float) };
    ensure!(x.isfinite().all().int64_value(&[]) == 1, "{x_name} has values that are no finite numbers");
    let y = if y.dim() == 2 && y.size()[1] == 1 { y.squeeze_dim(1) } else { y.shallow_clone() };
    ensure!(y.dim() == 1, "{y_name} has shape {:?}; (samples) is needed", y.size());
    let is_whole = !y.is_floating_point() || y.equal(&y.round());
    ensure!(is_whole, "{y_name} has values that are no whole numbers: classes count from 0");
    Samples::new(x.contiguous(), &y)
}
