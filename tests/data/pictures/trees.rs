use eqcircuit::data::pictures::tree;

use super::*;

const JPEG: &[u8] = include_bytes!("fixtures/slope.jpg");
const GREY_JPEG: &[u8] = include_bytes!("fixtures/grey.jpg");

#[test]
fn classes_are_folders_in_the_order_of_their_names() {
    let home = Home::new()
        .with("t/train/dog/b.png", &grey([1; 6]))
        .with("t/train/dog/a.png", &grey([0, 1, 2, 3, 4, 5]))
        .with("t/train/cat/z.PNG", &grey([9; 6]))
        .with("t/train/cat/zz.png", &grey([8; 6]))
        .with("t/test/dog/a.png", &grey([7; 6]))
        .with("t/train/cat/.hidden.bmp", b"")
        .with("t/README.txt", b"");
    let place = home.0.path().join("t");
    let train = tree::load("mine", &place, Split::Train).unwrap();
    assert_eq!((train.name.as_str(), train.shape), ("mine", Shape::new(1, 2, 3)));
    // One of every class in turn.
    assert_eq!((train.labels.as_slice(), train.classes), (&[0, 1, 0, 1][..], 2));
    assert_eq!(train.pixels[..12], [9, 9, 9, 9, 9, 9, 0, 1, 2, 3, 4, 5]);
    let test = tree::load("mine", &place, Split::Test).unwrap();
    assert_eq!((test.labels.as_slice(), test.classes), (&[1][..], 2));
}

#[test]
fn colours_become_channels() {
    let colours: Vec<u8> = (0..18).collect();
    let picture = png(3, 2, png::ColorType::Rgb, &colours);
    let home = Home::new().with("cifar10-jpeg/test/a/x.png", &picture);
    let read = home.load("cifar10-jpeg", Split::Test).unwrap();
    assert_eq!(read.shape, Shape::new(3, 2, 3));
    assert_eq!(read.pixels[..6], [0, 3, 6, 9, 12, 15]);
    assert_eq!(read.pixels[12..], [2, 5, 8, 11, 14, 17]);
}

/// The pictures are slopes that `fixtures/make.py` knows; JPEG keeps them within a few steps.
#[test]
fn jpegs_are_what_they_were_made_of() {
    let slope = |c: usize, y: usize, x: usize| [8 * x + 40, 8 * y + 60, 220 - 6 * x][c];
    for (jpeg, channels) in [(JPEG, 3), (GREY_JPEG, 1)] {
        let home = Home::new().with("cifar10/train/a/x.jpeg", jpeg);
        let read = home.load("cifar10-jpeg", Split::Train).unwrap();
        assert_eq!(read.shape, Shape::new(channels, 16, 16));
        for (at, &pixel) in read.pixels.iter().enumerate() {
            let expected = slope(at / 256, at / 16 % 16, at % 16) as f64;
            let off = f64::from(pixel) - expected;
            assert!(off.abs() <= 6.0, "{at}: {pixel}, not {expected}");
        }
    }
}

#[track_caller]
fn refused(name: &str, bytes: &[u8], words: &[&str]) {
    let home = Home::new()
        .with("cifar10-jpeg/train/a/x.png", &grey([1; 6]))
        .with("cifar10-jpeg/test/a/x.png", &grey([1; 6]))
        .with(&format!("cifar10-jpeg/{name}"), bytes);
    home.refuses("cifar10-jpeg", &[&[name], words].concat());
}

#[test]
fn other_layouts_and_pictures_are_refused() {
    let small = grey([1; 6]);
    refused("test/a/y.bmp", &small, &["is no .jpg, .jpeg or .png"]);
    refused("test/a/y/z.png", &small, &["is in a folder within its class"]);
    refused("test/y.png", &small, &["is in no folder of a class"]);
    refused("test/a/y.png", JPEG, &["it is 3 x 16 x 16, but `test/a/x.png` is 1 x 2 x 3"]);
    refused("test/a/y.png", b"GIF89a", &["neither JPEG nor PNG"]);
    refused("test/a/y.png", &small[..small.len() - 20], &["damaged PNG"]);
    refused("test/a/y.jpg", &GREY_JPEG[..GREY_JPEG.len() / 2], &["damaged JPEG"]);
    let clear = png(3, 2, png::ColorType::Rgba, &[0; 24]);
    refused("test/a/y.png", &clear, &["transparent"]);

    let home = Home::new()
        .with("cifar10-jpeg/train/a/x.png", &small)
        .with("cifar10-jpeg/test/b/x.png", &small);
    home.refuses("cifar10-jpeg", &["the class `b` in `test`, but not in `train`"]);
    let home = Home::new().with("cifar10-jpeg/train/a/x.png", &small);
    home.refuses("cifar10-jpeg", &["no pictures in `test/CLASS/`"]);
}

#[test]
fn the_first_fault_by_name_is_told() {
    let mut home = Home::new().with("cifar10-jpeg/test/a/00.png", &grey([1; 6]));
    for i in 1..40 {
        home = home.with(&format!("cifar10-jpeg/test/a/{i:02}.png"), b"damaged");
    }
    for _ in 0..3 {
        home.refuses("cifar10-jpeg", &["test/a/01.png"]);
    }
}
