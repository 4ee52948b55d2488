use eqcircuit::data::pictures::{Normalise, Place, SETS, find, set};

use super::*;

#[test]
fn the_bundled_digits_are_exact_as_pictures() {
    for split in [Split::Train, Split::Test] {
        let pictures = load("digits", split, &Folders::default()).unwrap();
        let numbers = digits(split);
        assert_eq!((pictures.shape, pictures.classes), (Shape::new(1, 8, 8), 10));
        assert_eq!(Some(&pictures.labels), numbers.labels.as_ref());
        let all: Vec<usize> = (0..pictures.len()).collect();
        assert_eq!(pictures.batch::<f64>(&all, &Normalise::none(1), None), numbers.inputs);
    }
}

#[test]
fn unknown_and_missing_sets_tell_what_there_is() {
    let home = Home::new();
    let fault = home.load("cifar11", Split::Test).unwrap_err();
    assert!(fault.message.contains("cifar11"), "{fault}");
    assert!(fault.help.contains("digits, mnist, cifar10, cifar10-jpeg"), "{fault}");
    for set in SETS {
        let fault = home.load(set.name, Split::Test).unwrap_err();
        assert!(fault.message.contains(&home.0.path().display().to_string()), "{fault}");
        assert!(fault.message.contains(set.title), "{fault}");
        assert!(fault.help.contains(set.archives[0]), "{fault}");
    }
    assert!(home.load("mnist", Split::Test).unwrap_err().help.contains("data fetch mnist"));
    // What is there under another name is told.
    let home = home.with("cifar10/cifar10-jpeg.tar.xz", b"");
    home.refuses("cifar10", &["was not found", "CIFAR-10 (JPEG) is there, as `cifar10-jpeg`"]);
}

#[test]
fn the_first_folder_decides_and_files_come_before_archives() {
    let (first, second) = (Home::new(), Home::new());
    let second = second.with("cifar10/test_batch.bin", &record(&[2], 0));
    let folders = Folders(vec![first.0.path().to_owned(), second.0.path().to_owned()]);
    let cifar = set("cifar10").unwrap();
    let found = |folders| find(cifar, folders).map(|Place(path)| path);
    assert_eq!(found(&folders), Some(second.0.path().join("cifar10")));
    let first = first.with("cifar10/cifar-10-binary.tar.gz", b"");
    assert_eq!(found(&folders), Some(first.0.path().join("cifar10/cifar-10-binary.tar.gz")));
    let first = first.with("cifar10/cifar-10-batches-bin/test_batch.bin", b"");
    assert_eq!(found(&folders), Some(first.0.path().join("cifar10")));
}

/// The means are those published for CIFAR-10 (0.4914, 0.4822, 0.4465) but for what JPEG costs.
#[test]
fn the_jpeg_copy_of_cifar10_is_read_where_it_is() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !data.join("cifar10/cifar10-jpeg.tar.xz").is_file() {
        eprintln!("CIFAR-10 (JPEG) is absent: there is no {}/cifar10 to read", data.display());
        return;
    }
    let test = load("cifar10-jpeg", Split::Test, &Folders(vec![data])).unwrap();
    assert_eq!((test.len(), test.shape, test.classes), (10_000, Shape::new(3, 32, 32), 10));
    let mut counts = [0; 10];
    test.labels.iter().for_each(|&label| counts[label] += 1);
    assert_eq!(counts, [1000; 10]);
    let Normalise { mean, deviation } = Normalise::of(&test);
    for (mean, published) in mean.iter().zip([0.4914, 0.4822, 0.4465]) {
        assert!((mean - published).abs() < 0.01, "{mean}, not {published}");
    }
    for (deviation, published) in deviation.iter().zip([0.2470, 0.2435, 0.2616]) {
        assert!((deviation - published).abs() < 0.01, "{deviation}, not {published}");
    }
}

#[test]
fn mnist_is_read_as_pictures_where_it_is() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !data.join("mnist").is_dir() {
        eprintln!("MNIST is absent: there is no {}/mnist to read", data.display());
        return;
    }
    let folders = Folders(vec![data]);
    let pictures = load("mnist", Split::Test, &folders).unwrap();
    let numbers = eqcircuit::data::registry::load("mnist", Split::Test, &folders).unwrap();
    assert_eq!((pictures.shape, pictures.classes), (Shape::new(1, 28, 28), 10));
    assert_eq!(Some(&pictures.labels), numbers.labels.as_ref());
    let batch = pictures.batch::<f64>(&[7, 4], &Normalise::none(1), None);
    assert_eq!((batch.row(0), batch.row(1)), (numbers.inputs.row(7), numbers.inputs.row(4)));
}
