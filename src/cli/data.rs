use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::terminal::Terminal;
use super::{DONE, Failure, WRONG_INPUT};
use crate::data::fetch::{self, Progress, Source};
use crate::data::pictures;
use crate::data::registry::{Folders, Found, KNOWN, find, known};

/// The wait before a broken transfer is taken up again.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    about: &'static str,
    licence: &'static str,
    /// `bundled`, `intact`, `damaged` or `missing`; `found` where nothing is checked before it is
    /// read.
    state: &'static str,
    /// Or the archive.
    folder: Option<String>,
    why: Option<String>,
    /// What to put where, for a set that cannot be fetched.
    wanted: Option<String>,
}

#[derive(Serialize)]
struct Listing {
    folders: Vec<String>,
    sets: Vec<Listed>,
}

/// Lists the data sets, where they are looked for, and in which state they were found.
pub(super) fn list(data_dir: Option<&Path>, terminal: &Terminal) -> Result<u8, Failure> {
    let folders = Folders::of(data_dir);
    let mut sets: Vec<Listed> = KNOWN
        .iter()
        .map(|known| {
            let (state, folder, why) = match find(known, &folders) {
                Found::Bundled => ("bundled", None, None),
                Found::Intact { folder, .. } => ("intact", Some(folder), None),
                Found::Damaged { folder, why } => ("damaged", Some(folder), Some(why)),
                Found::Missing => ("missing", None, None),
            };
            let folder = folder.map(|folder| folder.display().to_string());
            let (name, about, licence) = (known.name, known.about, known.licence);
            Listed { name, about, licence, state, folder, why, wanted: None }
        })
        .collect();
    sets.extend(pictures::SETS.iter().map(|set| of_pictures(set, &folders)));
    let damaged = sets.iter().any(|set| set.state == "damaged");
    let folders = folders.0.iter().map(|folder| folder.display().to_string()).collect();
    let listing = Listing { folders, sets };
    if terminal.json {
        terminal.document(&listing)?;
    } else {
        terminal.data(for_people(&listing).as_bytes())?;
    }
    Ok(if damaged { WRONG_INPUT } else { DONE })
}

fn of_pictures(set: &pictures::Set, folders: &Folders) -> Listed {
    let place = pictures::find(set, folders);
    Listed {
        name: set.name,
        about: set.about,
        licence: set.licence,
        state: if place.is_some() { "found" } else { "missing" },
        folder: place.map(|place| place.0.display().to_string()),
        why: None,
        wanted: Some(set.wanted()),
    }
}

fn for_people(listing: &Listing) -> String {
    let mut text = String::new();
    for set in &listing.sets {
        let place = set.folder.as_ref().map(|f| format!(" in {f}")).unwrap_or_default();
        text += &format!("{:<12} {}{place}\n", set.name, set.state);
        text += &format!("             {}\n             {}\n", set.about, set.licence);
        if let Some(why) = &set.why {
            text += &format!("             {why}\n");
        }
        let cure = match &set.wanted {
            Some(wanted) => format!("to use it: put {wanted} into one of the folders below"),
            None => format!("to get it: eqcircuit data fetch {} --from URL-or-folder", set.name),
        };
        if matches!(set.state, "missing" | "damaged") {
            text += &format!("             {cure}\n");
        }
    }
    text += "looked in, in this order (--data-dir, EQCIRCUIT_DATA, the user's data folder):\n";
    for folder in &listing.folders {
        text += &format!("  {folder}\n");
    }
    text
}

#[derive(Serialize)]
struct FetchedSet<'a> {
    name: &'a str,
    folder: &'a Path,
}

/// Fetches a data set into the first of the folders it is looked for in.
pub(super) fn fetch(
    name: &str,
    from: &str,
    data_dir: Option<&Path>,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    if let Some(set) = pictures::set(name) {
        return Err(Failure::input(format!(
            "{} cannot be fetched: put {} into a data folder (`eqcircuit data` lists them)",
            set.title,
            set.wanted()
        )));
    }
    let known = known(name).map_err(Failure::input)?;
    let source = Source::parse(from).map_err(Failure::input)?;
    let folders = Folders::of(data_dir);
    let Some(into) = folders.0.first() else {
        return Err(Failure::input("there is no folder to fetch into: name one with --data-dir"));
    };
    let bar = Bar::new(terminal);
    let folder = fetch::fetch(known, &source, into, PAUSE, &mut |step| bar.show(step, terminal))
        .map_err(Failure::input)?;
    terminal.say(&format!("{name} is intact in {}", folder.display()));
    if terminal.json {
        terminal.document(&FetchedSet { name, folder: &folder })?;
    }
    Ok(DONE)
}

/// A progress bar on standard error; only the milestones where that is no terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(terminal: &Terminal) -> Bar {
        let target = match terminal.quiet {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = "{msg:26} {bytes:>10} of {total_bytes:<10} [{bar:30}] {bytes_per_sec}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("=> "));
        }
        Bar(bar)
    }

    fn show(&self, step: Progress, terminal: &Terminal) {
        match step {
            Progress::Bytes { file, done, total } => {
                if self.0.message() != file {
                    self.0.reset();
                    self.0.set_message(file.to_owned());
                }
                match total {
                    Some(total) => self.0.set_length(total),
                    None => self.0.unset_length(),
                }
                self.0.set_position(done);
            }
            Progress::Present { file } => self.milestone(&format!("{file}: there"), terminal),
            Progress::Done { file } => self.milestone(&format!("{file}: fetched"), terminal),
            Progress::Retry { file, why, wait } => {
                let seconds = wait.as_secs_f64();
                let line = format!("{file}: {why}; trying again in {seconds:.0} s");
                self.milestone(&line, terminal);
            }
        }
    }

    fn milestone(&self, line: &str, terminal: &Terminal) {
        self.0.suspend(|| terminal.say(line));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
