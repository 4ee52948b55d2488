//! Brings the files of a known data set in, from a folder or over HTTP.
//!
//! Each file comes into `FILE.part` (or `FILE.gz.part`), is checked against its known size and
//! SHA-256, and only then gets its name. A transfer that breaks is taken up where it broke, with
//! a range request (RFC 9110, section 14), also by a later call: what has come stays in the
//! `.part` file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ureq::http::Response;
use ureq::http::header::{CONTENT_RANGE, RANGE, RETRY_AFTER};
use ureq::{Agent, Body};

use super::DataFault;
use super::registry::{Known, KnownFile, on_disk, verify};

/// Attempts in a row that bring nothing new, before a transfer is given up.
const ATTEMPTS: u32 = 5;
/// The longest a server may make us wait between attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);
/// A compressed file may be this much longer than the plain one, no more.
const PACKING_OVERHEAD: u64 = 64 * 1024;

/// How a fetch goes on, for a progress bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<'a> {
    /// It was there, intact.
    Present { file: &'a str },
    /// Of a file, `done` bytes have come; `total` where the source says so.
    Bytes { file: &'a str, done: u64, total: Option<u64> },
    /// The transfer broke and goes on after the wait.
    Retry { file: &'a str, why: &'a str, wait: Duration },
    /// A file is complete and checked.
    Done { file: &'a str },
}

/// Where the files of a data set come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Folder(PathBuf),
    /// An `http://` address; the names of the files are put after it.
    Http(String),
}

impl Source {
    /// Reads `--from`: an `http://` address, a `file:` address, or a folder.
    ///
    /// # Errors
    /// An address of another kind, or a folder that is not there.
    pub fn parse(from: &str) -> Result<Source, DataFault> {
        let scheme = from.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let folder = match scheme.as_deref() {
            Some("http") => return Ok(Source::Http(from.trim_end_matches('/').to_owned())),
            Some("file") | None => from
                .strip_prefix("file://localhost/")
                .map(|path| format!("/{path}"))
                .or_else(|| from.strip_prefix("file://").map(str::to_owned))
                .or_else(|| from.strip_prefix("file:").map(str::to_owned))
                .unwrap_or_else(|| from.to_owned()),
            Some(other) => {
                return Err(DataFault::whole(
                    format!("cannot fetch over `{other}`"),
                    "http://, file: and folders are read; for anything else download the files \
                     with another program, then name the folder they are in",
                ));
            }
        };
        if !Path::new(&folder).is_dir() {
            return Err(DataFault::whole(
                format!("there is no folder `{folder}`"),
                "name the folder that holds the files, or an http:// address",
            ));
        }
        Ok(Source::Folder(folder.into()))
    }
}

/// Fetches all files of a data set into `into/NAME/`, keeping those that are there and intact.
/// `pause` is the wait before the second attempt; it doubles with every further one.
///
/// # Errors
/// A bundled data set; a source without the files, or which keeps failing; a file that is not
/// what it should be (it is removed, the sums are in the message); a folder that cannot be
/// written.
pub fn fetch(
    known: &Known,
    source: &Source,
    into: &Path,
    pause: Duration,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, DataFault> {
    if known.files.is_empty() {
        return Err(DataFault::whole(
            format!("the data set `{}` is part of the program", known.name),
            "there is nothing to fetch; name it in a file as it is",
        ));
    }
    let folder = into.join(known.name);
    fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_read(Some(SILENCE_TIMEOUT))
        .build()
        .into();
    for file in known.files {
        if on_disk(&folder, file).is_some_and(|path| verify(file, &path).is_ok()) {
            progress(Progress::Present { file: file.name });
            continue;
        }
        let mut transfer = Transfer { agent: &agent, file, folder: &folder, pause, progress };
        transfer.run(source)?;
    }
    Ok(folder)
}

fn unwritable(path: &Path, error: &io::Error) -> DataFault {
    DataFault::whole(
        format!("cannot write `{}`: {error}", path.display()),
        "name another folder with --data-dir, or make room",
    )
}

/// How one attempt ended.
enum Attempt {
    Complete,
    /// The source has no file of this name.
    Absent,
    /// Worth another attempt, after at least this wait.
    Broken {
        why: String,
        wait: Duration,
    },
}

impl Attempt {
    fn broken(why: String) -> Attempt {
        Attempt::Broken { why, wait: Duration::ZERO }
    }
}

/// One file on its way in.
struct Transfer<'a> {
    agent: &'a Agent,
    file: &'static KnownFile,
    folder: &'a Path,
    pause: Duration,
    progress: &'a mut dyn FnMut(Progress),
}

impl Transfer<'_> {
    fn run(&mut self, source: &Source) -> Result<(), DataFault> {
        for name in [format!("{}.gz", self.file.name), self.file.name.to_owned()] {
            let part = self.folder.join(format!("{name}.part"));
            let came = match source {
                Source::Folder(folder) => self.copy(&folder.join(&name), &part)?,
                Source::Http(base) => self.download(&format!("{base}/{name}"), &part)?,
            };
            if came {
                return self.keep(&part, &self.folder.join(&name));
            }
        }
        let whence = match source {
            Source::Folder(folder) => folder.display().to_string(),
            Source::Http(base) => base.clone(),
        };
        Err(DataFault::whole(
            format!("`{whence}` has neither `{0}.gz` nor `{0}`", self.file.name),
            "name the folder or address right above the files",
        ))
    }

    /// Checks what has come and gives it its name, or removes it.
    fn keep(&mut self, part: &Path, to: &Path) -> Result<(), DataFault> {
        if let Err(why) = verify(self.file, part) {
            fs::remove_file(part).map_err(|error| unwritable(part, &error))?;
            return Err(DataFault::whole(
                format!("{why}; it was removed"),
                "fetch again, or from another source",
            ));
        }
        let damaged = on_disk(self.folder, self.file);
        fs::rename(part, to).map_err(|error| unwritable(to, &error))?;
        if let Some(old) = damaged.filter(|old| old != to) {
            fs::remove_file(&old).map_err(|error| unwritable(&old, &error))?;
        }
        (self.progress)(Progress::Done { file: self.file.name });
        Ok(())
    }

    /// Copies from a folder; false if the file is not there.
    fn copy(&mut self, from: &Path, part: &Path) -> Result<bool, DataFault> {
        let unreadable = |error: io::Error| {
            DataFault::whole(
                format!("cannot read `{}`: {error}", from.display()),
                "name a folder that can be read",
            )
        };
        let mut source = match File::open(from) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(unreadable(error)),
        };
        let total = source.metadata().map_err(unreadable)?.len();
        let mut out = File::create(part).map_err(|error| unwritable(part, &error))?;
        let end = self.pour(&mut source, &mut out, 0, Some(total));
        match end.map_err(|error| unwritable(part, &error))? {
            Some(error) => Err(unreadable(error)),
            None => Ok(true),
        }
    }

    /// Downloads, taking up what is there already; false if the source does not have the file.
    fn download(&mut self, url: &str, part: &Path) -> Result<bool, DataFault> {
        let (mut best, mut in_vain) = (0, 0);
        loop {
            let (why, wait) = match self.attempt(url, part)? {
                Attempt::Complete => return Ok(true),
                Attempt::Absent => return Ok(false),
                Attempt::Broken { why, wait } => (why, wait),
            };
            let length = length_of(part);
            in_vain = if length > best { 1 } else { in_vain + 1 };
            best = best.max(length);
            if in_vain >= ATTEMPTS {
                return Err(DataFault::whole(
                    format!("gave up on `{url}` after {in_vain} attempts: {why}"),
                    "try again later: what has come is kept, and taken up from there",
                ));
            }
            let wait = wait.max(self.pause * 2_u32.pow(in_vain - 1)).min(LONGEST_WAIT);
            (self.progress)(Progress::Retry { file: self.file.name, why: &why, wait });
            thread::sleep(wait);
        }
    }

    fn attempt(&mut self, url: &str, part: &Path) -> Result<Attempt, DataFault> {
        let have = length_of(part);
        let mut request = self.agent.get(url);
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        match request.call() {
            Ok(response) => match self.judge(&response, url, part, have)? {
                ControlFlow::Continue(start) => self.receive(response, part, start),
                ControlFlow::Break(end) => Ok(end),
            },
            Err(error) if is_lasting(&error) => Err(DataFault::whole(
                format!("cannot fetch `{url}`: {error}"),
                "check the address; without TLS only http:// is spoken, also where a server \
                 redirects",
            )),
            Err(error) => Ok(Attempt::broken(error.to_string())),
        }
    }

    /// From which byte on the answer brings the file, or how the attempt ends without it.
    fn judge(
        &self,
        response: &Response<Body>,
        url: &str,
        part: &Path,
        have: u64,
    ) -> Result<ControlFlow<Attempt, u64>, DataFault> {
        let end = match response.status().as_u16() {
            200 => return Ok(ControlFlow::Continue(0)),
            206 if range_start(response) == Some(have) => return Ok(ControlFlow::Continue(have)),
            // The range cannot be had: the file is complete, or it is not the one begun.
            416 if verify(self.file, part).is_ok() => Attempt::Complete,
            206 | 416 if have > 0 => {
                fs::remove_file(part).map_err(|error| unwritable(part, &error))?;
                Attempt::broken("what had come before does not fit, and was removed".into())
            }
            404 | 410 => Attempt::Absent,
            408 | 429 | 500..=599 => Attempt::Broken {
                why: format!("the server answers {}", response.status()),
                wait: retry_after(response),
            },
            _ => {
                return Err(DataFault::whole(
                    format!("cannot fetch `{url}`: the server answers {}", response.status()),
                    "check the address",
                ));
            }
        };
        Ok(ControlFlow::Break(end))
    }

    fn receive(
        &mut self,
        mut response: Response<Body>,
        part: &Path,
        start: u64,
    ) -> Result<Attempt, DataFault> {
        let mut open = OpenOptions::new();
        let open = if start > 0 { open.append(true) } else { open.write(true).truncate(true) };
        let mut out = open.create(true).open(part).map_err(|error| unwritable(part, &error))?;
        let body = response.body_mut();
        let total = body.content_length().map(|n| start + n);
        let end = self
            .pour(&mut body.as_reader(), &mut out, start, total)
            .map_err(|error| unwritable(part, &error))?;
        let came = length_of(part);
        Ok(match (end, total) {
            (Some(error), _) => Attempt::broken(error.to_string()),
            (None, Some(total)) if came < total.min(self.most()) => {
                Attempt::broken(format!("the transfer broke after {came} of {total} bytes"))
            }
            _ => Attempt::Complete,
        })
    }

    /// More than this is not taken from any source.
    fn most(&self) -> u64 {
        self.file.bytes + PACKING_OVERHEAD
    }

    /// Moves bytes until the source ends or sends more than the file can hold. The outer error is
    /// of the writing, the inner one of the reading.
    fn pour(
        &mut self,
        from: &mut dyn Read,
        to: &mut File,
        start: u64,
        total: Option<u64>,
    ) -> io::Result<Option<io::Error>> {
        let mut buffer = vec![0; 64 * 1024];
        let mut done = start;
        while done < self.most() {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    to.write_all(&buffer[..n])?;
                    done += n as u64;
                    (self.progress)(Progress::Bytes { file: self.file.name, done, total });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(Some(error)),
            }
        }
        to.sync_all()?;
        Ok(None)
    }
}

fn length_of(part: &Path) -> u64 {
    fs::metadata(part).map_or(0, |meta| meta.len())
}

/// Whether another attempt would end the same way.
fn is_lasting(error: &ureq::Error) -> bool {
    !matches!(
        error,
        ureq::Error::Io(_)
            | ureq::Error::Timeout(_)
            | ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Protocol(_)
    )
}

/// Where the part that a server sends begins: `bytes START-END/LENGTH`.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.trim().strip_prefix("bytes")?.trim_start().split('-').next()?.parse().ok()
}

fn retry_after(response: &Response<Body>) -> Duration {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}
