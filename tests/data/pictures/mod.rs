//! Labelled pictures: batches of them, and every form they are read from.

mod archives;
mod batches;
mod imagenet;
mod sets;
mod trees;

use eqcircuit::data::pictures::{Pictures, load, load_both};
use eqcircuit::numerics::conv::Shape;

use super::*;

/// A data folder with files in it, as `cifar10/test_batch.bin`.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn with(self, name: &str, bytes: &[u8]) -> Home {
        write(self.0.path(), name, bytes);
        self
    }

    fn load(&self, name: &str, split: Split) -> Result<Pictures, DataFault> {
        load(name, split, &Folders(vec![self.0.path().to_owned()]))
    }

    /// The fault of the test pictures names these words, and a cure.
    #[track_caller]
    fn refuses(&self, name: &str, words: &[&str]) {
        let fault = self.load(name, Split::Test).expect_err("the files are faulty");
        for word in words {
            assert!(fault.message.contains(word), "`{word}` is not in: {fault}");
        }
        assert!(!fault.help.is_empty());
    }
}

/// The files of a tar archive, in the ustar format.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in files {
        archive.extend(tar_header(name, content.len(), b'0'));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn tar_header(name: &str, size: usize, kind: u8) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, name);
    put(124, &format!("{size:011o}"));
    put(148, "        ");
    put(257, "ustar\x0000");
    header[156] = kind;
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(0);
    let mut packer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// A record of CIFAR: its labels, then pixel `i` is `start + i` modulo 256.
fn record(labels: &[u8], start: usize) -> Vec<u8> {
    let pixels = (0..3072).map(|i| (start + i) as u8);
    labels.iter().copied().chain(pixels).collect()
}

fn png(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    bytes
}

/// A grey picture of 2 x 3.
fn grey(pixels: [u8; 6]) -> Vec<u8> {
    png(3, 2, png::ColorType::Grayscale, &pixels)
}
