//! Matrices of NumPy. The files in `tests/data/npy` were saved by NumPy 2.4.

use std::path::{Path, PathBuf};

use eqcircuit::data::npy::{self, Array, Element};
use eqcircuit::numerics::Mat;

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/npy").join(format!("{name}.npy"))
}

fn bits(values: &Mat) -> Vec<u64> {
    values.as_slice().iter().map(|v| v.to_bits()).collect()
}

#[test]
fn files_of_numpy_are_read() {
    let doubles = Mat::from_vec(2, 3, vec![0.1, -2.5e-6, 3.0, 1e300, -0.0, 5.5]);
    let singles = Mat::from_fn(2, 3, |i, j| f64::from(((3 * i + j) as f64 / 3.0) as f32));
    for (name, values) in [
        ("f8", &doubles),
        ("f8-fortran", &doubles),
        ("f8-big", &doubles),
        ("version2", &doubles),
        ("version3", &doubles),
        ("f4", &singles),
        ("f4-big-fortran", &singles),
    ] {
        let read = npy::read(&fixture(name)).unwrap();
        assert_eq!((read.dimensions, read.values.rows()), (2, 2), "{name}");
        assert_eq!(bits(&read.values), bits(values), "{name}");
    }
    let row = npy::read(&fixture("row")).unwrap();
    assert_eq!((row.dimensions, row.values.as_slice()), (1, doubles.row(0)));
    let empty = npy::read(&fixture("empty")).unwrap();
    assert_eq!((empty.values.rows(), empty.values.cols()), (0, 3));
    // What is written is what NumPy writes, to the byte.
    for (name, element) in [("f8", Element::F8), ("f4", Element::F4), ("row", Element::F8)] {
        let ours = npy::encode(&npy::read(&fixture(name)).unwrap(), element);
        assert!(ours == std::fs::read(fixture(name)).unwrap(), "{name}");
    }
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let cast = "x.astype('float64')";
    for (name, message, help) in [
        ("int", "`<i8`", cast),
        ("complex", "`<c16`", cast),
        ("records", "several fields", cast),
        ("cube", "3 dimensions: [1, 2, 2]", "x.reshape(x.shape[0], -1)"),
        ("scalar", "0 dimensions", "reshape"),
    ] {
        let fault = npy::read(&fixture(name)).unwrap_err();
        assert!(fault.message.contains(message) && fault.help.contains(help), "{fault}");
    }
    let file = std::fs::read(fixture("f8")).unwrap();
    for (bytes, message) in [
        (&b"PK\x03\x04"[..], "(.npz)"),
        (b"1,2,3\n", "does not start as one"),
        (&file[..7], "ends in its header"),
        (&file[..60], "ends in its header"),
        (&file[..file.len() - 1], "47 bytes of numbers"),
        (&[&file[..], b"x"].concat(), "49 bytes of numbers"),
        (&[b"\x93NUMPY\x09\x00", &file[8..]].concat(), "version 9.0"),
    ] {
        let fault = npy::parse(bytes).unwrap_err();
        assert!(fault.message.contains(message), "{fault}");
    }
    for shape in ["(4611686018427387904, 4)", "(2, 3, )]", "(-2, 3)", "(2 3)", "2", "(2, 3"] {
        let text = String::from_utf8_lossy(&file[10..128]).replace("(2, 3)", shape);
        let length = (text.len() as u16).to_le_bytes();
        let bytes = [&file[..8], &length, text.as_bytes(), &file[128..]].concat();
        assert!(npy::parse(&bytes).is_err(), "{shape}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        (rows, cols, numbers) in (0..6usize, 0..6usize).prop_flat_map(|(rows, cols)| {
            (Just(rows), Just(cols), proptest::collection::vec(any::<f64>(), rows * cols))
        }),
        flat: bool,
    ) {
        let (rows, cols) = if flat { (1, rows * cols) } else { (rows, cols) };
        let values = Mat::from_vec(rows, cols, numbers);
        let array = Array { values, dimensions: if flat { 1 } else { 2 } };
        let read = npy::parse(&npy::encode(&array, Element::F8)).unwrap();
        prop_assert_eq!(read.dimensions, array.dimensions);
        prop_assert_eq!((read.values.rows(), read.values.cols()), (rows, cols));
        prop_assert_eq!(bits(&read.values), bits(&array.values));
        let single = npy::parse(&npy::encode(&array, Element::F4)).unwrap();
        for (single, value) in single.values.as_slice().iter().zip(array.values.as_slice()) {
            let expected = f64::from(*value as f32);
            prop_assert!(*single == expected || single.is_nan() && value.is_nan());
        }
    }

    #[test]
    fn wrong_bytes_never_panic(
        wrong in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
        noise in proptest::collection::vec(any::<u8>(), 0..80),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut file = std::fs::read(fixture("f8-fortran")).unwrap();
        for (at, byte) in &wrong {
            let at = at.index(file.len());
            file[at] = *byte;
        }
        let _ = npy::parse(&file[..cut.index(file.len())]);
        let _ = npy::parse(&file);
        let _ = npy::parse(&[&b"\x93NUMPY\x01\x00"[..], &noise].concat());
    }
}
