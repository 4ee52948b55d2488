//! Data sets: what is bundled, what is read from files, and how files come in.

mod fetching;
mod pictures;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use eqcircuit::data::registry::{Folders, Found, KNOWN, find, known, load};
use eqcircuit::data::{DataFault, DataSet, Split, csv, digits, idx};
use flate2::Compression;
use flate2::write::GzEncoder;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

mod bundled {
    use super::*;

    #[test]
    fn digits_have_the_fixed_stratified_split() {
        let (train, test) = (digits(Split::Train), digits(Split::Test));
        assert_eq!((train.inputs.rows(), test.inputs.rows()), (1437, 360));
        assert_eq!((train.name.as_str(), test.name.as_str()), ("digits (train)", "digits (test)"));
        for part in [&train, &test] {
            assert_eq!((part.inputs.cols(), part.classes, part.picture), (64, 10, Some((8, 8))));
            assert!(part.inputs.as_slice().iter().all(|p| (0.0..=1.0).contains(p)));
            assert!(part.inputs.as_slice().contains(&1.0));
        }
        let count = |part: &DataSet, class| {
            part.labels.as_ref().unwrap().iter().filter(|&&l| l == class).count()
        };
        let of_class = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
        for (class, all) in of_class.into_iter().enumerate() {
            let held_out = count(&test, class);
            assert_eq!(count(&train, class) + held_out, all);
            let share = all as f64 * 360.0 / 1797.0;
            assert!((held_out as f64 - share).abs() < 1.0, "class {class}: {held_out} of {share}");
        }
    }

    /// Accuracies are compared across runs and versions: the split must never move.
    #[test]
    fn the_split_is_the_one_of_the_first_release() {
        let test = digits(Split::Test);
        assert_eq!(
            test.labels.as_ref().unwrap()[..16],
            [0, 1, 5, 7, 8, 5, 5, 4, 5, 1, 2, 7, 6, 9, 6, 2]
        );
        let moment: f64 = test.inputs.iter_rows().enumerate().map(|(s, x)| s as f64 * x[20]).sum();
        assert_eq!(moment, 26_207.0);
    }
}

mod comma_separated {
    use super::*;

    fn faults(text: &str) -> Vec<DataFault> {
        csv::parse("x.csv", text.as_bytes()).expect_err("the text is faulty")
    }

    /// The one fault of a text: where, and the words it must contain.
    #[track_caller]
    fn one_fault(text: &str, at: (Option<usize>, Option<usize>), words: &str) {
        let found = faults(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].line, found[0].column), at, "{}", found[0]);
        assert!(found[0].message.contains(words), "{}", found[0]);
        assert!(!found[0].help.is_empty());
    }

    #[test]
    fn header_label_and_comments_are_optional() {
        let bare = csv::parse("x.csv", b"1,2\n-3,4e-1\n").unwrap();
        assert_eq!(bare.inputs.as_slice(), [1.0, 2.0, -3.0, 0.4]);
        assert_eq!((bare.labels, bare.classes, bare.picture), (None, 0, None));

        let text = "\u{feff}# made by hand\r\na, \"label\" ,b\r\n\r\n1, 2 ,3\r\n\"4\",0,5";
        let labelled = csv::parse("x.csv", text.as_bytes()).unwrap();
        assert_eq!(labelled.name, "x.csv");
        assert_eq!((labelled.inputs.rows(), labelled.inputs.cols()), (2, 2));
        assert_eq!(labelled.inputs.as_slice(), [1.0, 3.0, 4.0, 5.0]);
        assert_eq!((labelled.labels, labelled.classes), (Some(vec![2, 0]), 3));

        let numbered = csv::parse("x.csv", b"label,0,1\n7,0.5,0.25\n").unwrap();
        assert_eq!(numbered.inputs.as_slice(), [0.5, 0.25]);
    }

    #[test]
    fn faults_point_at_the_entry() {
        one_fault("1,2\n3,x4\n", (Some(2), Some(3)), "`x4` is not a number");
        one_fault("# über\n\na,b\n1, 2\n3,  1.5.0 ,\n", (Some(5), None), "3 columns");
        one_fault("1,2\n3\n", (Some(2), None), "1 columns, but line 1 has 2");
        one_fault("1,2\n NaN,4\n", (Some(2), Some(2)), "not a finite number");
        one_fault("1,2\n3,-inf\n", (Some(2), Some(3)), "not a finite number");
        one_fault("1,2\n3,\n", (Some(2), Some(3)), "`` is not a number");
        one_fault("a,label\n1,-1\n", (Some(2), Some(3)), "not a class number");
        one_fault("label,a\n0.5,1\n", (Some(2), Some(1)), "not a class number");
        one_fault("label,a\nnan,1\n", (Some(2), Some(1)), "not a class number");
        one_fault("a,label,label\n1,2,3\n", (Some(1), Some(9)), "second column");
        one_fault("label\n1\n", (None, None), "no inputs");
        one_fault("1,2\n3\u{a0},é\n", (Some(2), Some(4)), "`é` is not a number");
    }

    #[test]
    fn nothing_in_it_is_a_fault() {
        for text in ["", "\n\n", "# nothing\n", "a,b,label\n"] {
            one_fault(text, (None, None), "empty");
        }
    }

    #[test]
    fn a_missing_or_binary_file_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let missing = csv::read(&folder.path().join("none.csv")).unwrap_err();
        assert!(missing[0].message.contains("none.csv"), "{}", missing[0]);
        let binary = csv::read(&write(folder.path(), "b.csv", b"1,2\n\xff\xfe")).unwrap_err();
        assert_eq!(binary[0].line, Some(2));
        assert!(binary[0].message.contains("UTF-8"), "{}", binary[0]);
    }

    #[test]
    fn all_faults_are_told_up_to_ten() {
        assert_eq!(faults("1,2\nx,y\n3\n").len(), 3);
        let many = faults(&format!("1,2\n{}", "x,1\n".repeat(25)));
        assert_eq!(many.len(), 10);
        assert!(many[9].help.contains("15 more"), "{}", many[9]);
        assert!(!many[8].help.contains("more faults"));
    }
}

mod idx_files {
    use super::*;

    fn pictures(samples: u8, pixels: &[u8]) -> Vec<u8> {
        [&[0, 0, 8, 3, 0, 0, 0, samples, 0, 0, 0, 2, 0, 0, 0, 3], pixels].concat()
    }

    fn labels(values: &[u8]) -> Vec<u8> {
        [&[0, 0, 8, 1, 0, 0, 0, values.len() as u8], values].concat()
    }

    #[test]
    fn plain_and_packed_files_read_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (images, classes) =
            (pictures(2, &[0, 51, 255, 0, 0, 0, 1, 2, 3, 4, 5, 6]), labels(&[3, 1]));
        let plain = idx::read(
            "two",
            &write(folder.path(), "i", &images),
            &write(folder.path(), "l", &classes),
        )
        .unwrap();
        assert_eq!((plain.inputs.rows(), plain.inputs.cols()), (2, 6));
        assert_eq!(plain.inputs.row(0), [0.0, 0.2, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!((plain.picture, plain.classes), (Some((2, 3)), 4));
        assert_eq!(plain.labels, Some(vec![3, 1]));
        let packed = idx::read(
            "two",
            &write(folder.path(), "i.gz", &gzip(&images)),
            &write(folder.path(), "l.gz", &gzip(&classes)),
        )
        .unwrap();
        assert_eq!(plain, packed);
    }

    #[test]
    fn faults_name_the_file_and_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let good_pictures = write(folder.path(), "good-pictures", &pictures(1, &[7; 6]));
        let good_labels = write(folder.path(), "good-labels", &labels(&[1]));
        let cases: [(&str, Vec<u8>, &str); 6] = [
            ("short", pictures(2, &[7; 11]), "truncated: 27 bytes of 28"),
            ("stub", pictures(2, &[])[..9].to_vec(), "truncated: 9 bytes of 16"),
            ("long", pictures(1, &[7; 8]), "longer"),
            ("swapped", labels(&[1, 2, 3, 4, 5, 6, 7, 8]), "starts with"),
            ("cut.gz", gzip(&pictures(1, &[7; 6]))[..20].to_vec(), "cannot read"),
            ("none-in-it", pictures(0, &[]), "1 labels"),
        ];
        for (name, bytes, words) in cases {
            let fault =
                idx::read("x", &write(folder.path(), name, &bytes), &good_labels).unwrap_err();
            assert!(fault.message.contains(words) && fault.message.contains(name), "{fault}");
        }
        let huge = [&[0, 0, 8, 3], &[0xff_u8; 12][..]].concat();
        let fault = idx::read("x", &write(folder.path(), "huge", &huge), &good_labels).unwrap_err();
        assert!(fault.message.contains("huge"), "{fault}");
        let two = write(folder.path(), "two-labels", &labels(&[1, 2]));
        let fault = idx::read("x", &good_pictures, &two).unwrap_err();
        assert!(fault.message.contains("1 pictures") && fault.message.contains("2 labels"));
    }
}

mod known_sets {
    use super::*;

    #[test]
    fn names_are_looked_up_and_wrong_ones_get_the_list() {
        assert_eq!(known("mnist").unwrap().files.len(), 4);
        let fault = known("minst").unwrap_err();
        assert!(fault.message.contains("minst") && fault.help.contains("digits, mnist"), "{fault}");
    }

    #[test]
    fn digits_need_no_folder_and_missing_sets_tell_where_was_looked() {
        let nowhere = Folders::default();
        assert_eq!(load("digits", Split::Test, &nowhere).unwrap(), digits(Split::Test));
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders(vec![folder.path().to_owned()]);
        assert_eq!(find(known("mnist").unwrap(), &folders), Found::Missing);
        let fault = load("mnist", Split::Train, &folders).unwrap_err();
        assert!(fault.message.contains(&folder.path().display().to_string()), "{fault}");
        assert!(fault.help.contains("data fetch mnist"), "{fault}");
    }

    #[test]
    fn damaged_files_are_named_with_both_sums() {
        let folder = tempfile::tempdir().unwrap();
        let mnist = known("mnist").unwrap();
        let folders = Folders(vec![folder.path().join("empty"), folder.path().to_owned()]);
        let labels = mnist.files[3];
        write(folder.path(), &format!("mnist/{}", mnist.files[0].name), b"short");
        let Found::Damaged { why, .. } = find(mnist, &folders) else { panic!("not damaged") };
        assert!(why.contains("5 bytes") && why.contains(mnist.files[0].sha256), "{why}");

        let wrong = write(folder.path(), "wrong", &vec![0; labels.bytes as usize]);
        let why = eqcircuit::data::registry::verify(&labels, &wrong).unwrap_err();
        assert!(why.contains(labels.sha256), "{why}");
        // SHA-256 of 10,008 zero bytes, from sha256sum.
        assert!(
            why.contains("c894d83183d92b7a81cde4806f1f6a5dc6f9b05476243be75fc18670bb8d9bff"),
            "{why}"
        );
        let long = write(folder.path(), "long", &vec![0; labels.bytes as usize + 1]);
        let why = eqcircuit::data::registry::verify(&labels, &long).unwrap_err();
        assert!(why.contains("longer"), "{why}");
    }

    #[test]
    fn sums_are_whole() {
        for file in KNOWN.iter().flat_map(|known| known.files) {
            assert_eq!(file.sha256.len(), 64);
            assert!(file.sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        }
    }
}
