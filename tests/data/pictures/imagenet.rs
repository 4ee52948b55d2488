//! Batch files of downsampled ImageNet; `fixtures/make.py` made them.

use flate2::read::GzDecoder;
use std::io::Read;

use super::*;

const PICKLE: &[u8] = include_bytes!("fixtures/protocol4.pickle.gz");
const PLAIN: &[u8] = include_bytes!("fixtures/plain.npz.gz");
const DEFLATED: &[u8] = include_bytes!("fixtures/deflated.npz");

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

#[track_caller]
fn assert_two(pictures: &Pictures) {
    assert_eq!(pictures.labels, [6, 999]);
    assert_eq!((pictures.shape, pictures.classes), (Shape::new(3, 32, 32), 1000));
    let expected = |s: usize| (0..3072).map(move |i| ((31 * s + i) % 251) as u8);
    assert!(pictures.pixels.iter().copied().eq(expected(0).chain(expected(1))));
}

#[test]
fn every_protocol_of_pickles_reads_the_same() {
    let pickles: [&[u8]; 5] = [
        include_bytes!("fixtures/protocol2.pickle.gz"),
        include_bytes!("fixtures/protocol3.pickle.gz"),
        PICKLE,
        include_bytes!("fixtures/protocol5.pickle.gz"),
        include_bytes!("fixtures/numpy1.pickle.gz"),
    ];
    for pickle in pickles {
        let home = Home::new().with("imagenet32/val_data", &unpacked(pickle));
        let pictures = home.load("imagenet32", Split::Test).unwrap();
        assert_eq!(pictures.name, "ImageNet32, test");
        assert_two(&pictures);
    }
}

#[test]
fn archives_of_arrays_read_the_same() {
    for archive in [&unpacked(PLAIN)[..], DEFLATED] {
        let home = Home::new().with("imagenet32/Imagenet32_val_npz/val_data.npz", archive);
        assert_two(&home.load("imagenet32", Split::Test).unwrap());
    }
}

#[test]
fn the_training_pictures_are_ten_files() {
    let pickle = unpacked(PICKLE);
    let mut home = Home::new().with("imagenet32/train_data_batch_10", &pickle);
    for batch in 2..10 {
        home = home.with(&format!("imagenet32/train_data_batch_{batch}"), &pickle);
    }
    let fault = home.load("imagenet32", Split::Train).unwrap_err();
    assert!(fault.message.contains("`train_data_batch_1` is missing"), "{fault}");
    let home = home.with("imagenet32/train_data_batch_1.npz", DEFLATED);
    let pictures = home.load("imagenet32", Split::Train).unwrap();
    assert_eq!((pictures.len(), pictures.pixels.len()), (20, 20 * 3072));
    let home = home.with("imagenet32/train_data_batch_1", &pickle);
    let fault = home.load("imagenet32", Split::Train).unwrap_err();
    assert!(fault.message.contains("holds both"), "{fault}");
}

#[track_caller]
fn refused(bytes: &[u8], words: &str) {
    let home = Home::new().with("imagenet32/val_data", bytes);
    home.refuses("imagenet32", &["val_data", words]);
}

#[test]
fn other_files_are_refused() {
    refused(&unpacked(include_bytes!("fixtures/rows.pickle.gz")), "12 numbers, not the 3072");
    refused(&unpacked(include_bytes!("fixtures/object.pickle.gz")), "there is no array `data`");
    refused(b"", "cut short");
    refused(b"\x89PNG\r\n", "no instruction");
    refused(b"\x80\x04]\x94.", "no dictionary");
    refused(b"\x80\x04}.", "no array `data`");
    refused(b"\x80\x02e.", "more values than it made");
    refused(b"\x80\x02cos\nsystem\n(X\x02\0\0\0lstR.", "calls `os.system`, which no array needs");
    let mut label = unpacked(PICKLE);
    let at = label.windows(3).position(|w| w == [b'M', 0xe8, 3]).unwrap();
    label[at + 1] = 0xe9;
    refused(&label, "the label 1001 is not from 1 to 1000");
}

/// Cut at every byte and damaged at every byte: a fault or two whole pictures, never a panic.
#[test]
fn damaged_files_never_end_the_program() {
    let home = Home::new();
    let mut whole = 0;
    for bytes in [unpacked(PICKLE), DEFLATED.to_vec()] {
        let dull = 700..bytes.len().saturating_sub(500).max(700);
        let interesting = (0..bytes.len()).filter(|at| !dull.contains(at));
        for at in interesting {
            write(home.0.path(), "imagenet32/val_data", &bytes[..at]);
            home.refuses("imagenet32", &["val_data"]);
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            write(home.0.path(), "imagenet32/val_data", &damaged);
            if let Ok(pictures) = home.load("imagenet32", Split::Test) {
                assert_eq!((pictures.len(), pictures.pixels.len()), (2, 2 * 3072));
                whole += 1;
            }
        }
    }
    assert!(whole > 0, "a damaged pixel cannot be told");
    refused(&unpacked(PLAIN)[..6000], "cut short or damaged");
    let mut sum = unpacked(PLAIN);
    sum[2000] ^= 1;
    refused(&sum, "`data.npy` in the archive is cut short or damaged");
}
