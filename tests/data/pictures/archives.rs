use super::*;

fn batches() -> [(&'static str, Vec<u8>); 6] {
    let file = |label: u8| [record(&[label], 3), record(&[9], 200)].concat();
    [
        ("cifar-10-batches-bin/data_batch_1.bin", file(1)),
        ("cifar-10-batches-bin/data_batch_2.bin", file(2)),
        ("cifar-10-batches-bin/data_batch_3.bin", file(3)),
        ("cifar-10-batches-bin/data_batch_4.bin", file(4)),
        ("cifar-10-batches-bin/data_batch_5.bin", file(5)),
        ("cifar-10-batches-bin/test_batch.bin", file(6)),
    ]
}

fn archive() -> Vec<u8> {
    let batches = batches();
    let mut files: Vec<(&str, &[u8])> = batches.iter().map(|(n, b)| (*n, b.as_slice())).collect();
    files.insert(0, ("cifar-10-batches-bin/readme.html", b"none"));
    tar(&files)
}

#[test]
fn cifar10_reads_the_same_from_folders_and_archives() {
    let mut above = Home::new();
    let mut beside = Home::new();
    for (name, bytes) in batches() {
        above = above.with(&format!("cifar10/{name}"), &bytes);
        beside = beside.with(&name.replace("cifar-10-batches-bin", "cifar10"), &bytes);
    }
    let packed = Home::new().with("cifar10/cifar-10-binary.tar.gz", &gzip(&archive()));
    let plain = Home::new().with("cifar10/cifar-10-binary.tar", &archive());
    let train = above.load("cifar10", Split::Train).unwrap();
    assert_eq!((train.name.as_str(), train.shape), ("CIFAR-10, train", Shape::new(3, 32, 32)));
    assert_eq!(train.labels, [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
    assert_eq!((train.sample(0)[0], train.sample(9)[3071]), (3, (200 + 3071) as u8));
    assert_eq!((train.white, train.classes), (255, 10));
    for home in [beside, packed, plain] {
        assert_eq!(home.load("cifar10", Split::Train).unwrap(), train);
        let both = load_both("cifar10", &Folders(vec![home.0.path().to_owned()])).unwrap();
        assert_eq!((both.0, both.1.labels), (train.clone(), vec![6, 9]));
    }
}

#[test]
fn the_fine_labels_of_cifar100_are_read() {
    let file = [record(&[19, 99], 5), record(&[0, 3], 6)].concat();
    let home = Home::new().with("cifar100/cifar-100-binary/test.bin", &file);
    let test = home.load("cifar100", Split::Test).unwrap();
    assert_eq!((test.labels.as_slice(), test.classes), (&[99, 3][..], 100));
    assert_eq!((test.sample(0)[0], test.sample(1)[0]), (5, 6));
}

#[test]
fn damaged_records_are_refused() {
    let two = [record(&[1], 0), record(&[2], 0)].concat();
    let cut = Home::new().with("cifar10/test_batch.bin", &two[..two.len() - 1]);
    cut.refuses("cifar10", &["test_batch.bin", "6145 bytes, not whole records of 3073"]);
    Home::new().with("cifar10/test_batch.bin", b"").refuses("cifar10", &["0 bytes"]);
    let label = Home::new().with("cifar10/test_batch.bin", &[two, record(&[10], 0)].concat());
    label.refuses("cifar10", &["the label 10 at picture 2"]);
    let home = Home::new().with("cifar10/data_batch_1.bin", &record(&[1], 0));
    home.refuses("cifar10", &["`test_batch.bin` is missing"]);
}

#[test]
fn damaged_archives_are_refused() {
    let whole = archive();
    let refuses = |bytes: &[u8], words: &str| {
        let home = Home::new().with("cifar10/cifar-10-binary.tar.gz", bytes);
        home.refuses("cifar10", &["cifar-10-binary.tar.gz", words]);
    };
    refuses(&whole[..whole.len() - 1024], "cut short after");
    refuses(&whole[..2000], "cut short before byte");
    refuses(b"something else", "cut short after 0 bytes");
    refuses(&[7; 2048], "no header of a tar archive");
    let packed = gzip(&whole);
    refuses(&packed[..packed.len() / 2], "cannot read");
    let mut sum = packed.clone();
    let at = sum.len() - 8;
    sum[at] ^= 1;
    refuses(&sum, "cannot read");
    let packed = xz(&whole);
    refuses(&packed[..packed.len() / 2], "cannot read");
    refuses(&gzip(b"no archive"), "cut short after 0 bytes");
    let huge = tar_header("x", 0o77_777_777_777, b'0');
    refuses(&huge, "cut short before byte");
}

/// Damaged at every byte of its headers, an xz archive is a fault or the same pictures.
#[test]
fn damaged_xz_never_ends_the_program() {
    let small = tar(&[("test/a/x.png", &grey([5; 6]))]);
    let packed = xz(&small);
    let home = Home::new();
    for at in 0..packed.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = packed.clone();
            damaged[at] ^= flip;
            write(home.0.path(), "cifar10/cifar10-jpeg.tar.xz", &damaged);
            if let Ok(read) = home.load("cifar10-jpeg", Split::Test) {
                assert_eq!(read.pixels, [5; 6]);
            }
        }
    }
}

#[test]
fn trees_are_read_from_archives_of_every_kind() {
    let files: [(&str, &[u8]); 4] = [
        ("./set/train/b/1.png", &grey([1; 6])),
        ("./set/train/a/1.png", &grey([2; 6])),
        ("./set/test/b/1.png", &grey([3; 6])),
        ("./set/train/a/._1.png", b"of another system"),
    ];
    let whole = tar(&files);
    let kinds = [("tar", whole.clone()), ("tar.gz", gzip(&whole)), ("tar.xz", xz(&whole))];
    for (ending, bytes) in kinds {
        let home = Home::new().with(&format!("cifar10/cifar10-jpeg.{ending}"), &bytes);
        let folders = Folders(vec![home.0.path().to_owned()]);
        let (train, test) = load_both("cifar10-jpeg", &folders).unwrap();
        assert_eq!((train.name.as_str(), train.classes), ("CIFAR-10 (JPEG), train", 2));
        assert_eq!(train.pixels, [[2; 6], [1; 6]].concat());
        assert_eq!((test.labels, test.pixels), (vec![1], vec![3; 6]));
    }
}

#[test]
fn long_names_are_read_in_both_ways() {
    let long = format!("{}/test/a/x.png", "folder".repeat(30));
    let picture = grey([4; 6]);
    let record = format!("{} path={long}\n", long.len() + 10);
    assert_eq!(record.len(), long.len() + 10);
    for (kind, content) in [(b'L', format!("{long}\0")), (b'x', record)] {
        let mut archive = tar_header("long", content.len(), kind).to_vec();
        archive.extend_from_slice(content.as_bytes());
        archive.resize(archive.len().next_multiple_of(512), 0);
        archive.extend(tar(&[("cut", &picture)]));
        let home = Home::new().with("cifar10/cifar10-jpeg.tar", &archive);
        assert_eq!(home.load("cifar10-jpeg", Split::Test).unwrap().pixels, [4; 6]);
    }
}
