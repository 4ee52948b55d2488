//! Files on their way in: broken, refused, wrong and endless transfers from a server on loopback.

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

/// The path and the start of the range that were asked for.
type Request = (String, Option<usize>);

/// A server of one file on loopback, and the requests it has had.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
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
    let server = Server::start("file", content.clone(), |request, wanted, file| match request {
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
    let server = Server::start("file", wrong, |_, _, file| reply("200 OK", file.len(), "", file));
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
    for address in [from.path().display().to_string(), format!("file://{}", from.path().display())]
    {
        assert_whole(&fetch_from(&known, &address, Some(b"stale")), &content);
    }

    let into = tempfile::tempdir().unwrap();
    write(into.path(), "set/file.gz", &gzip(b"damaged"));
    let source = Source::parse(&from.path().display().to_string()).unwrap();
    let mut said = Vec::new();
    for _ in 0..2 {
        fetch(&known, &source, into.path(), PAUSE, &mut |s| said.push(format!("{s:?}"))).unwrap();
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
