//! Sets of pictures as people bring them: refused with words, or whole. The first byte says what the
//! rest is a file of.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use eqcircuit::data::Split;
use eqcircuit::data::pictures::load;
use eqcircuit::data::registry::Folders;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

/// Names of sets, and the file that is read of each.
const FILES: [(&str, &str); 8] = [
    ("imagenet32", "val_data"),
    ("imagenet32", "val_data.npz"),
    ("imagenet32", "imagenet32.tar"),
    ("imagenet32", "imagenet32.tar.gz"),
    ("cifar10", "test_batch.bin"),
    ("cifar100", "test.bin"),
    ("cifar10-jpeg", "test/cat/1.jpg"),
    ("cifar10-jpeg", "cifar10-jpeg.tar"),
];

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let (set, file) = FILES[usize::from(*first) % FILES.len()];
    let path = FOLDER.path().join(set).join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, rest).unwrap();
    let read = load(set, Split::Test, &Folders(vec![FOLDER.path().to_path_buf()]));
    fs::remove_dir_all(FOLDER.path().join(set)).unwrap();
    match read {
        Ok(pictures) => {
            assert!(!pictures.is_empty());
            (0..pictures.len()).for_each(|k| assert!(!pictures.sample(k).is_empty()));
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
});
