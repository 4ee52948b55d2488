//! Data sets: what is bundled, what is read from files, and how files come in.

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

mod fetching {
    use std::io::{BufRead, BufReader};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::Duration;

    use eqcircuit::data::fetch::{Progress, Source, fetch};
    use eqcircuit::data::registry::{Known, KnownFile};
    use sha2::{Digest, Sha256};

    use super::*;

    const PAUSE: Duration = Duration::from_millis(1);

    /// How the server treats a request, told the byte that the range asks for.
    type Manners = fn(request: usize, wanted: Option<usize>, file: &[u8]) -> Reply;

    struct Reply {
        head: String,
        body: Vec<u8>,
    }

    fn reply(status: &str, length: usize, more: &str, body: &[u8]) -> Reply {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n");
        Reply { head, body: body.to_vec() }
    }

    fn partial(file: &[u8], from: usize, until: usize) -> Reply {
        let range = format!("Content-Range: bytes {from}-{}/{}\r\n", file.len() - 1, file.len());
        reply("206 Partial Content", file.len() - from, &range, &file[from..until])
    }

    /// A server of one file on loopback, and the requests it has had: path and range.
    struct Server {
        address: String,
        requests: Arc<Mutex<Vec<(String, Option<usize>)>>>,
    }

    impl Server {
        fn start(path: &'static str, file: Vec<u8>, manners: Manners) -> Server {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("http://{}/base", listener.local_addr().unwrap());
            let requests = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&requests);
            thread::spawn(move || {
                let mut served = 0;
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    let Some((asked, range)) = request(&stream) else { continue };
                    seen.lock().unwrap().push((asked.clone(), range));
                    let Reply { head, body } = if asked == format!("/base/{path}") {
                        served += 1;
                        manners(served, range, &file)
                    } else {
                        reply("404 Not Found", 0, "", &[])
                    };
                    let close = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
                    let _ = stream.write_all(close.as_bytes());
                    let _ = stream.write_all(&body);
                }
            });
            Server { address, requests }
        }

        /// The ranges asked for of the one file, in order.
        fn ranges(&self, path: &str) -> Vec<Option<usize>> {
            let requests = self.requests.lock().unwrap();
            requests.iter().filter(|(asked, _)| asked.ends_with(path)).map(|r| r.1).collect()
        }
    }

    fn request(stream: &TcpStream) -> Option<(String, Option<usize>)> {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let mut range = None;
        for line in lines.take_while(|line| !line.is_empty()) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                range = value.trim_end_matches('-').parse().ok();
            }
        }
        Some((path, range))
    }

    fn content() -> Vec<u8> {
        (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    /// A data set of one file.
    fn set(content: &[u8]) -> Known {
        let sum: String = Sha256::digest(content).iter().map(|b| format!("{b:02x}")).collect();
        let file = KnownFile { name: "file", bytes: content.len() as u64, sha256: sum.leak() };
        Known { name: "set", about: "", licence: "", files: vec![file].leak() }
    }

    struct Fetched {
        result: Result<PathBuf, DataFault>,
        said: Vec<String>,
        into: tempfile::TempDir,
    }

    impl Fetched {
        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(self.into.path().join("set")).unwrap();
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    fn fetch_from(known: &Known, from: &str, part: Option<&[u8]>) -> Fetched {
        let into = tempfile::tempdir().unwrap();
        if let Some(part) = part {
            write(into.path(), "set/file.part", part);
        }
        let mut said = Vec::new();
        let source = Source::parse(from).unwrap();
        let result = fetch(known, &source, into.path(), PAUSE, &mut |step: Progress| {
            said.push(format!("{step:?}"));
        });
        Fetched { result, said, into }
    }

    #[track_caller]
    fn assert_whole(fetched: &Fetched, content: &[u8]) {
        let folder = fetched.result.as_ref().unwrap();
        assert_eq!(fetched.names(), ["file"]);
        assert_eq!(fs::read(folder.join("file")).unwrap(), content);
        assert!(fetched.said.last().unwrap().starts_with("Done"), "{:?}", fetched.said.last());
    }

    #[test]
    fn a_broken_transfer_is_taken_up_where_it_broke() {
        let content = content();
        let server =
            Server::start("file", content.clone(), |request, wanted, file| match request {
                1 => reply("200 OK", file.len(), "", &file[..100_000]),
                2 => partial(file, wanted.unwrap(), 200_000),
                _ => partial(file, wanted.unwrap(), file.len()),
            });
        let fetched = fetch_from(&set(&content), &server.address, None);
        assert_whole(&fetched, &content);
        assert_eq!(server.ranges("file"), [None, Some(100_000), Some(200_000)]);
        assert_eq!(fetched.said.iter().filter(|s| s.starts_with("Retry")).count(), 2);
    }

    #[test]
    fn what_came_in_an_earlier_call_is_taken_up() {
        let content = content();
        let server = Server::start("file", content.clone(), |_, wanted, file| {
            partial(file, wanted.unwrap(), file.len())
        });
        let fetched = fetch_from(&set(&content), &server.address, Some(&content[..7]));
        assert_whole(&fetched, &content);
        assert_eq!(server.ranges("file"), [Some(7)]);
    }

    #[test]
    fn a_server_that_ignores_ranges_is_read_from_the_start() {
        let content = content();
        let server = Server::start("file", content.clone(), |request, _, file| {
            let sent = if request == 1 { 100_000 } else { file.len() };
            reply("200 OK", file.len(), "", &file[..sent])
        });
        let fetched = fetch_from(&set(&content), &server.address, None);
        assert_whole(&fetched, &content);
        assert_eq!(server.ranges("file"), [None, Some(100_000)]);
    }

    #[test]
    fn a_complete_part_is_kept_and_a_foreign_one_is_begun_anew() {
        let content = content();
        let manners: Manners = |_, wanted, file| match wanted {
            Some(from) if from >= file.len() => reply("416 Range Not Satisfiable", 0, "", &[]),
            Some(from) => partial(file, from, file.len()),
            None => reply("200 OK", file.len(), "", file),
        };
        let server = Server::start("file", content.clone(), manners);
        let fetched = fetch_from(&set(&content), &server.address, Some(&content));
        assert_whole(&fetched, &content);
        assert_eq!(server.ranges("file"), [Some(content.len())]);

        let foreign = vec![1; content.len() + 5];
        let fetched = fetch_from(&set(&content), &server.address, Some(&foreign));
        assert_whole(&fetched, &content);
    }

    #[test]
    fn wrong_bytes_are_removed_and_both_sums_named() {
        let content = content();
        let known = set(&content);
        let mut wrong = content.clone();
        wrong[123_456] ^= 1;
        let wrong_sum = set(&wrong).files[0].sha256;
        let server =
            Server::start("file", wrong, |_, _, file| reply("200 OK", file.len(), "", file));
        let fetched = fetch_from(&known, &server.address, None);
        let fault = fetched.result.as_ref().unwrap_err();
        assert!(fault.message.contains(wrong_sum), "{fault}");
        assert!(fault.message.contains(known.files[0].sha256), "{fault}");
        assert!(fetched.names().is_empty(), "{:?}", fetched.names());
    }

    #[test]
    fn an_endless_answer_is_cut() {
        let content = content();
        let server = Server::start("file", content.clone(), |_, _, file| {
            reply("200 OK", 100 * file.len(), "", &file.repeat(100))
        });
        let fetched = fetch_from(&set(&content), &server.address, None);
        let fault = fetched.result.as_ref().unwrap_err();
        assert!(fault.message.contains("longer"), "{fault}");
        assert!(fetched.names().is_empty());
        let last = fetched.said.iter().rev().find(|s| s.starts_with("Bytes")).unwrap();
        let done: usize =
            last.split("done: ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
        assert!(done < 2 * content.len(), "{last}");
    }

    #[test]
    fn absent_refused_and_failing_files_end_with_the_reason() {
        let content = content();
        let known = set(&content);
        let absent = Server::start("other", content.clone(), |_, _, _| unreachable!());
        let fault = fetch_from(&known, &absent.address, None).result.unwrap_err();
        assert!(fault.message.contains("neither `file.gz` nor `file`"), "{fault}");
        assert_eq!(absent.requests.lock().unwrap().len(), 2);

        let refused =
            Server::start("file", content.clone(), |_, _, _| reply("403 Forbidden", 0, "", &[]));
        let fault = fetch_from(&known, &refused.address, None).result.unwrap_err();
        assert!(fault.message.contains("403"), "{fault}");
        assert_eq!(refused.ranges("file").len(), 1);

        let failing = Server::start("file", content.clone(), |_, _, _| {
            reply("503 Service Unavailable", 0, "Retry-After: 0\r\n", &[])
        });
        let fault = fetch_from(&known, &failing.address, None).result.unwrap_err();
        assert!(fault.message.contains("5 attempts") && fault.message.contains("503"), "{fault}");
        assert_eq!(failing.ranges("file").len(), 5);

        // Ignores the range and always breaks at the same byte: nothing is gained, so it ends.
        let stuck = Server::start("file", content.clone(), |_, _, file| {
            reply("200 OK", file.len(), "", &file[..50_000])
        });
        let fetched = fetch_from(&known, &stuck.address, None);
        assert!(fetched.result.as_ref().unwrap_err().message.contains("5 attempts"));
        assert_eq!(fetched.names(), ["file.part"]);
    }

    #[test]
    fn compressed_files_are_preferred_and_checked_unpacked() {
        let content = content();
        let server = Server::start("file.gz", gzip(&content), |_, _, file| {
            reply("200 OK", file.len(), "", file)
        });
        let known = set(&content);
        let fetched = fetch_from(&known, &server.address, None);
        assert_eq!(fetched.names(), ["file.gz"]);
        let folders = Folders(vec![fetched.into.path().to_owned()]);
        assert!(matches!(find(&known, &folders), Found::Intact { .. }));
        assert_eq!(server.ranges("file"), []);
    }

    #[test]
    fn folders_and_file_addresses_are_copied_and_damage_is_repaired() {
        let content = content();
        let known = set(&content);
        let from = tempfile::tempdir().unwrap();
        write(from.path(), "file", &content);
        for address in
            [from.path().display().to_string(), format!("file://{}", from.path().display())]
        {
            assert_whole(&fetch_from(&known, &address, Some(b"stale")), &content);
        }

        let into = tempfile::tempdir().unwrap();
        write(into.path(), "set/file.gz", &gzip(b"damaged"));
        let source = Source::parse(&from.path().display().to_string()).unwrap();
        let mut said = Vec::new();
        for _ in 0..2 {
            fetch(&known, &source, into.path(), PAUSE, &mut |s| said.push(format!("{s:?}")))
                .unwrap();
        }
        let folders = Folders(vec![into.path().to_owned()]);
        let Found::Intact { files, .. } = find(&known, &folders) else { panic!("not intact") };
        assert_eq!(files, [into.path().join("set/file")]);
        assert!(!into.path().join("set/file.gz").exists());
        assert!(said.last().unwrap().starts_with("Present"), "{said:?}");
    }

    #[test]
    fn other_addresses_and_bundled_sets_are_refused_with_the_cure() {
        let fault = Source::parse("https://example.org/mnist").unwrap_err();
        assert!(fault.message.contains("https") && fault.help.contains("folder"), "{fault}");
        let fault = Source::parse("/no/such/folder").unwrap_err();
        assert!(fault.message.contains("/no/such/folder"), "{fault}");
        let known = known("digits").unwrap();
        let into = tempfile::tempdir().unwrap();
        let source = Source::Folder(into.path().to_owned());
        let fault = fetch(known, &source, into.path(), PAUSE, &mut |_| {}).unwrap_err();
        assert!(fault.message.contains("part of the program"), "{fault}");
    }
}
