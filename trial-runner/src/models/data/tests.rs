use std::{fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use tch::{Device, Kind, Tensor};

use super::{augment::Augmentation, *};

/// An idx file of bytes.
fn idx_bytes(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, shape.len() as u8];
    file.extend(shape.iter().flat_map(|length| length.to_be_bytes()));
    file.extend(bytes);
    file
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Three images of 2 x 2 to train on, one to test on.
fn write_idx(folder: &Path) {
    let pixels: Vec<u8> = (0..12).collect();
    fs::write(folder.join("train-images-idx3-ubyte"), idx_bytes(&[3, 2, 2], &pixels)).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte.gz"), packed(&idx_bytes(&[3], &[0, 1, 2]))).unwrap();
    fs::write(folder.join("t10k-images-idx3-ubyte.gz"), packed(&idx_bytes(&[1, 2, 2], &[9; 4]))).unwrap();
    fs::write(folder.join("t10k-labels-idx1-ubyte"), idx_bytes(&[1], &[3])).unwrap();
}

fn text(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

#[test]
fn idx_files_are_read_packed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    write_idx(folder.path());
    let set = idx::read(folder.path()).unwrap();
    assert_eq!(set.shape, SampleShape::Image { height: 2, width: 2, channels: 1 });
    assert_eq!(set.classes, 4);
    assert_eq!((set.train.len(), set.test.as_ref().unwrap().len()), (3, 1));
    assert_eq!(set.train.x.int64_value(&[2, 1, 0, 0]), 10);
}

#[test]
fn a_damaged_idx_file_is_named_with_what_is_wrong() {
    let whole = idx_bytes(&[3, 2, 2], &[0; 12]);
    let damages: [(&str, Vec<u8>); 5] = [
        ("cut short", whole[..20].to_vec()),
        ("too short", vec![0, 0]),
        ("more than the 12 bytes", [whole.clone(), vec![1]].concat()),
        ("not an idx file", b"<html>not found</html>".to_vec()),
        (
            "of type 0x0d",
            idx_bytes(&[3], &[]).iter().enumerate().map(|(i, &b)| if i == 2 { 13 } else { b }).collect(),
        ),
    ];
    for (expected, bytes) in damages {
        let folder = tempfile::tempdir().unwrap();
        write_idx(folder.path());
        fs::write(folder.path().join("train-images-idx3-ubyte"), bytes).unwrap();
        let error = text(&idx::read(folder.path()).unwrap_err());
        assert!(error.contains(expected) && error.contains("train-images-idx3-ubyte"), "{expected}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    write_idx(folder.path());
    let half = packed(&idx_bytes(&[3], &[0, 1, 2]));
    fs::write(folder.path().join("train-labels-idx1-ubyte.gz"), &half[..half.len() / 2]).unwrap();
    assert!(text(&idx::read(folder.path()).unwrap_err()).contains("train-labels-idx1-ubyte.gz"));
    fs::write(folder.path().join("train-labels-idx1-ubyte.gz"), packed(&idx_bytes(&[2], &[0, 1]))).unwrap();
    assert!(text(&idx::read(folder.path()).unwrap_err()).contains("3 samples and 2 labels"));
    assert!(text(&idx::read(&folder.path().join("none")).unwrap_err()).contains("is no folder"));
}

/// A CIFAR record: the planes red, green, blue are 1, 2, 3.
fn cifar_record(class: u8) -> Vec<u8> {
    std::iter::once(class).chain((1..=3).flat_map(|plane| [plane; 1024])).collect()
}

#[test]
fn cifar_is_read_from_files_and_from_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (1..=5).map(|part| format!("data_batch_{part}.bin")).collect();
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (class, name) in names.iter().map(String::as_str).chain(["test_batch.bin"]).enumerate() {
        let bytes = cifar_record(class as u8);
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("cifar-10-batches-bin/{name}"), bytes.as_slice()).unwrap();
    }
    let bytes = archive.into_inner().unwrap().finish().unwrap();
    fs::write(folder.path().join("cifar-10-binary.tar.gz"), &bytes).unwrap();
    let set = cifar::read(folder.path()).unwrap();
    assert_eq!(set.shape, SampleShape::Image { height: 32, width: 32, channels: 3 });
    assert_eq!((set.train.len(), set.classes), (5, 6));
    assert_eq!(Vec::<u8>::try_from(set.train.x.get(4).get(31).get(31)).unwrap(), [1, 2, 3]);
    assert_eq!(set.test.unwrap().y.int64_value(&[0]), 5);

    fs::write(folder.path().join("cifar-10-binary.tar.gz"), &bytes[..bytes.len() / 2]).unwrap();
    assert!(text(&cifar::read(folder.path()).unwrap_err()).contains("cifar-10-binary.tar.gz is damaged"));
    for name in &names {
        fs::write(folder.path().join(name), cifar_record(1)).unwrap();
    }
    fs::write(folder.path().join("test_batch.bin"), &cifar_record(1)[1..]).unwrap();
    assert!(text(&cifar::read(folder.path()).unwrap_err()).contains("test_batch.bin has 3072 bytes"));
}

#[test]
fn numpy_arrays_are_read_from_a_folder_and_from_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let x = Tensor::rand([6, 3], (Kind::Double, Device::Cpu));
    let y = Tensor::from_slice(&[0_i64, 1, 2, 0, 1, 2]);
    x.write_npy(folder.path().join("x.npy")).unwrap();
    assert!(text(&npy::read(folder.path()).unwrap_err()).contains("there is x and no y"));
    y.write_npy(folder.path().join("y.npy")).unwrap();
    let set = npy::read(folder.path()).unwrap();
    assert_eq!((set.shape, set.classes, set.test.is_none()), (SampleShape::Row { features: 3 }, 3, true));

    let archive = folder.path().join("both.npz");
    Tensor::write_npz(&[("x_train", &x), ("y_train", &y), ("x_test", &x), ("y_test", &y)], &archive).unwrap();
    assert_eq!(npy::read(&archive).unwrap().test.unwrap().len(), 6);
    fs::write(&archive, b"PK").unwrap();
    assert!(text(&npy::read(&archive).unwrap_err()).contains("both.npz"));
    (&x * f64::NAN).write_npy(folder.path().join("x.npy")).unwrap();
    assert!(text(&npy::read(folder.path()).unwrap_err()).contains("no finite numbers"));
}

#[test]
fn a_source_is_written_as_it_is_read_and_a_misspelt_one_gets_the_nearest() {
    for name in ["fashion-mnist", "mnist", "cifar10", "idx:a/b", "csv:c.csv", "npy:d.npz"] {
        assert_eq!(name.parse::<Source>().unwrap().to_string(), name);
    }
    assert!("fashon-mnist".parse::<Source>().unwrap_err().contains("did you mean fashion-mnist?"));
    assert!("cvs:x".parse::<Source>().unwrap_err().contains("did you mean csv?"));
    assert!("csv:".parse::<Source>().unwrap_err().contains("names no file"));
}

fn rows(count: i64) -> DataSet {
    let x = Tensor::arange(count, (Kind::Float, Device::Cpu)).unsqueeze(1);
    let y = Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(2);
    DataSet::new(Samples::new(x, &y).unwrap(), None).unwrap()
}

#[test]
fn the_parts_of_a_split_share_nothing_and_are_the_same_for_every_trial() {
    let draw = Draw { seed: 3, validation_fraction: 0.25, subset: None };
    let set = rows(100);
    let split = Split::new(&set, draw).unwrap();
    assert_eq!((split.test.len(), split.validation.len(), split.train.len()), (20, 20, 60));
    let mut all = [split.test.clone(), split.validation.clone(), split.train.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<i64>>());

    let smaller = Split::new(&set, Draw { subset: Some(10), ..draw }).unwrap();
    assert_eq!(smaller.validation, split.validation);
    assert_eq!(smaller.train, split.train[..10]);
    assert_ne!(Split::new(&set, Draw { seed: 4, ..draw }).unwrap().validation, split.validation);
    assert!(Split::new(&rows(2), draw).unwrap_err().contains("none is left to train on"));
}

#[test]
fn every_epoch_visits_each_sample_once_in_an_order_of_its_own() {
    let orders: Vec<Vec<i64>> = (0..4).map(|epoch| Vec::try_from(order(50, 7, epoch)).unwrap()).collect();
    for (at, one) in orders.iter().enumerate() {
        let mut sorted = one.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<i64>>());
        assert!(orders[..at].iter().all(|other| other != one));
    }
    assert_eq!(Vec::<i64>::try_from(order(50, 7, 2)).unwrap(), orders[2]);
}

#[test]
fn normalisation_is_that_of_the_samples_trained_on() {
    let set = rows(10);
    let normalisation = Normalisation::measure(&set.train, &[0, 2, 4]);
    let batches = Batches::new(&set.train, &normalisation, Device::Cpu);
    let (x, _) = batches.gather(&Tensor::from_slice(&[0_i64, 2, 4, 9]), Augmentation::default());
    let expected = Tensor::from_slice(&[-1.224_744_9_f32, 0.0, 1.224_744_9, 4.286_607]);
    assert!((x.squeeze() - expected).abs().max().double_value(&[]) < 1e-5);
}

#[test]
fn augmentation_moves_pixels_and_changes_nothing_else() {
    tch::manual_seed(5);
    let x = Tensor::rand([64, 16, 16, 2], (Kind::Float, Device::Cpu)) + 0.5;
    let flipped = "flip".parse::<Augmentation>().unwrap().apply(x.shallow_clone());
    let same = |i: i64| flipped.get(i).equal(&x.get(i));
    let mirrored = |i: i64| flipped.get(i).equal(&x.get(i).flip([1]));
    assert!((0..64).all(|i| same(i) || mirrored(i)));
    assert!((16..48).contains(&(0..64).filter(|&i| mirrored(i)).count()));

    let cropped = "crop".parse::<Augmentation>().unwrap().apply(x.shallow_clone());
    for i in 0..64 {
        let shifts = (-2..=2).flat_map(|down| (-2..=2).map(move |across| (down, across)));
        let inner =
            |image: &Tensor, down: i64, across: i64| image.narrow(0, 4 + down, 8).narrow(1, 4 + across, 8);
        let found = shifts
            .filter(|&(down, across)| inner(&cropped.get(i), 0, 0).equal(&inner(&x.get(i), down, across)));
        assert_eq!(found.count(), 1, "image {i} was not moved whole");
    }

    let cut = "cutout".parse::<Augmentation>().unwrap().apply(x.shallow_clone());
    assert!(cut.eq_tensor(&x).logical_or(&cut.eq(0.0)).all().int64_value(&[]) == 1);
    let blank = cut.eq(0.0).sum(Kind::Int64).int64_value(&[]) as f64 / cut.numel() as f64;
    assert!((0.1..0.35).contains(&blank), "{blank} of the pixels are blank");
    assert!("flip+none".parse::<Augmentation>().is_err());
}
