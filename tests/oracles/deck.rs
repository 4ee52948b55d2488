//! A deck of the corpus: its text, and what its header says of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::formula::{Formula, Signals};
use crate::{constants, suffixed};

/// An analysis, as its dot line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Op,
    Dc,
    Tran,
    Ac,
    Noise,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Op, Kind::Dc, Kind::Tran, Kind::Ac, Kind::Noise];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Op => "op",
            Kind::Dc => "dc",
            Kind::Tran => "tran",
            Kind::Ac => "ac",
            Kind::Noise => "noise",
        }
    }

    pub fn of_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The name that raw files give it.
    pub fn of_plot(plot: &str) -> Option<Kind> {
        match plot {
            "Operating Point" => Some(Kind::Op),
            "DC transfer characteristic" => Some(Kind::Dc),
            "Transient Analysis" => Some(Kind::Tran),
            "AC Analysis" => Some(Kind::Ac),
            "Noise Spectral Density Curves" => Some(Kind::Noise),
            _ => None,
        }
    }

    /// The deviation that is let pass: relative to value, swing or magnitude (see `compare`).
    pub fn tolerance(self) -> f64 {
        match self {
            Kind::Op | Kind::Dc | Kind::Ac => 1e-6,
            Kind::Tran => 1e-3,
            Kind::Noise => 1e-4,
        }
    }
}

/// What a closed form says of one signal or measurement.
#[derive(Debug)]
pub struct Check {
    /// The line as written.
    pub text: String,
    /// `None` for a measurement.
    pub kind: Option<Kind>,
    pub signal: String,
    pub formula: Formula,
    pub tolerance: f64,
    /// The tolerance is a fraction of the formula's largest magnitude.
    pub relative: bool,
    pub from: f64,
    pub to: f64,
}

/// One deck of the corpus.
#[derive(Debug)]
pub struct Deck {
    /// File stem.
    pub name: String,
    /// What our program is given.
    pub ours: PathBuf,
    /// The text for ngspice, with includes made absolute.
    pub spice: String,
    pub title: String,
    pub group: String,
    pub shows: String,
    pub checks: Vec<Check>,
    pub tolerances: BTreeMap<Kind, f64>,
    /// How far a transient may lead or lag \[s\].
    pub jitter: f64,
    /// Signals that are not compared.
    pub leave_out: Vec<String>,
    /// Waveforms must be there, but only measurements are compared.
    pub measures_only: bool,
    /// How many of each analysis the text asks for.
    pub analyses: BTreeMap<Kind, usize>,
    /// The `.meas` lines: kind, the rest, and the name within it.
    pub measures: Vec<(Kind, String, String)>,
}

/// All decks of a folder, by name. A `NAME.ngspice.cir` is the other half of `NAME.toml` or
/// `NAME.cir` and holds the header of both.
pub fn decks(folder: &Path) -> Result<Vec<Deck>, String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?
        .map(|entry| entry.map(|e| e.path()).map_err(|e| e.to_string()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut decks = Vec::new();
    let mut partners = Vec::new();
    for path in &files {
        if let Some(stem) = name(path).strip_suffix(".ngspice.cir") {
            let halves = ["toml", "cir"].map(|end| folder.join(format!("{stem}.{end}")));
            let ours = halves.into_iter().find(|half| files.contains(half));
            let ours = ours.ok_or(format!("`{stem}.ngspice.cir` has no `{stem}.toml` or .cir"))?;
            partners.push(ours.clone());
            decks.push(Deck::read(stem, path, ours)?);
        }
    }
    for path in &files {
        let file = name(path);
        if file.ends_with(".ngspice.cir") || partners.contains(path) {
            continue;
        }
        let Some(stem) = file.strip_suffix(".cir") else {
            return Err(format!("`{file}` is no deck, and no half of a pair"));
        };
        decks.push(Deck::read(stem, path, path.clone())?);
    }
    decks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(decks)
}

impl Deck {
    fn read(name: &str, path: &Path, ours: PathBuf) -> Result<Deck, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Deck::parse(name, &text, ours).map_err(|e| format!("{name}: {e}"))
    }

    /// Reads header and dot lines. Includes are looked for beside `ours`.
    pub fn parse(name: &str, text: &str, ours: PathBuf) -> Result<Deck, String> {
        let mut deck = Deck {
            name: name.into(),
            title: text.lines().next().unwrap_or_default().into(),
            spice: String::new(),
            ours,
            group: String::new(),
            shows: String::new(),
            checks: Vec::new(),
            tolerances: BTreeMap::new(),
            jitter: 0.0,
            leave_out: Vec::new(),
            measures_only: false,
            analyses: BTreeMap::new(),
            measures: Vec::new(),
        };
        let mut only_ngspice = Vec::new();
        for line in text.lines().skip(1).map_while(|l| l.strip_prefix("* ")) {
            if let Some((key, value)) = line.split_once(": ")
                && key.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            {
                match key {
                    "ngspice" => only_ngspice.push(value.to_owned()),
                    _ => deck.header(key, value).map_err(|e| format!("`* {line}`: {e}"))?,
                }
            }
        }
        if deck.group.is_empty() || deck.shows.is_empty() {
            return Err("its header says no `group` or not what it `shows`".into());
        }
        deck.body(text)?;
        deck.spice.extend(only_ngspice.iter().map(|line| format!("{line}\n")));
        deck.spice = constants::raise(&deck.spice);
        match deck.analyses.is_empty() {
            true => Err("it asks for no analysis".into()),
            false => Ok(deck),
        }
    }

    fn header(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "group" => self.group = value.into(),
            "shows" => self.shows = value.into(),
            "check" => self.checks.push(check(value)?),
            "tolerance" => {
                let (kind, number) = value.split_once(' ').ok_or("an analysis and a number")?;
                let kind = Kind::of_word(kind).ok_or("no such analysis")?;
                self.tolerances.insert(kind, suffixed(number)?);
            }
            "jitter" => self.jitter = suffixed(value)?,
            "leave-out" => {
                let (signals, why) = value.split_once(" (").ok_or("signals and (the reason)")?;
                if !why.ends_with(')') {
                    return Err("a reason in parentheses".into());
                }
                self.leave_out.extend(signals.split(", ").map(str::to_owned));
            }
            "compare" if value == "measures" => self.measures_only = true,
            _ => return Err("not a word of the header, see tests/oracles/README.md".into()),
        }
        Ok(())
    }

    /// Counts the analyses, takes the measurements, and keeps the text without `.end`.
    fn body(&mut self, text: &str) -> Result<(), String> {
        let folder = self.ours.parent().unwrap_or(Path::new("."));
        for line in text.lines() {
            let lower = line.trim().to_lowercase();
            let mut words = lower.split_whitespace();
            match words.next().unwrap_or_default() {
                ".end" => break,
                ".include" => {
                    let file = line.trim()[".include".len()..].trim().trim_matches('"');
                    let file = folder.join(file);
                    self.spice += &format!(".include {}\n", file.display());
                    continue;
                }
                ".meas" | ".measure" => {
                    let kind = words.next().and_then(Kind::of_word);
                    let name = words.next();
                    let (Some(kind), Some(name)) = (kind, name) else {
                        return Err(format!("`{line}` names no analysis or no result"));
                    };
                    let rest = lower.split_once(char::is_whitespace).unwrap_or_default().1;
                    self.measures.push((kind, rest.to_owned(), name.to_owned()));
                }
                word => {
                    let kind = word.strip_prefix('.').and_then(Kind::of_word);
                    if let Some(kind) = kind {
                        *self.analyses.entry(kind).or_default() += 1;
                    }
                }
            }
            self.spice += line;
            self.spice.push('\n');
        }
        Ok(())
    }

    pub fn tolerance(&self, kind: Kind) -> f64 {
        self.tolerances.get(&kind).copied().unwrap_or(kind.tolerance())
    }

    /// The same deck with a quarter of the longest step and a tenth of the tolerance, for ngspice.
    ///
    /// # Errors
    /// If a transient names no longest step.
    pub fn refined(mut self) -> Result<Deck, String> {
        let mut text = String::new();
        for line in self.spice.lines() {
            let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            if line.starts_with(".tran") {
                let longest = words.get_mut(4).ok_or("its transient names no longest step")?;
                *longest = format!("{:e}", suffixed(longest)? / 4.0);
            }
            for word in &mut words {
                if word == "reltol=1e-6" || word == "reltol=1e-7" {
                    *word = "reltol=1e-7".into();
                }
            }
            text += &(words.join(" ") + "\n");
        }
        self.spice = text;
        Ok(self)
    }

    /// The text for ngspice, which measures nothing when it writes raw files: with `measuring`,
    /// commands that run the deck and then measure.
    pub fn spice_text(&self, measuring: bool) -> String {
        if !measuring {
            return format!("{}.end\n", self.spice);
        }
        let is_measure = |line: &&str| !line.trim().to_lowercase().starts_with(".meas");
        let mut text: String =
            self.spice.lines().filter(is_measure).map(|l| format!("{l}\n")).collect();
        text += ".control\nsave all\nrun\n";
        for (kind, rest, _) in &self.measures {
            text += &format!("setplot {}1\nmeas {rest}\n", kind.word());
        }
        text + "quit\n.endc\n.end\n"
    }
}

/// Reads `ANALYSIS SIGNAL = FORMULA +- TOLERANCE[%] [from X] [to Y]`.
fn check(text: &str) -> Result<Check, String> {
    let shape = "expected ANALYSIS SIGNAL = FORMULA +- TOLERANCE[%] [from X] [to Y]";
    let (left, right) = text.split_once(" = ").ok_or(shape)?;
    let (kind, signal) = left.split_once(' ').ok_or(shape)?;
    let (formula, bounds) = right.rsplit_once(" +- ").ok_or(shape)?;
    let mut words = bounds.split(' ');
    let tolerance = words.next().ok_or(shape)?;
    let (number, relative) = match tolerance.strip_suffix('%') {
        Some(percent) => (percent, true),
        None => (tolerance, false),
    };
    let mut check = Check {
        text: text.into(),
        kind: Kind::of_word(kind),
        signal: signal.into(),
        formula: Formula::parse(formula)?,
        tolerance: suffixed(number)? * if relative { 0.01 } else { 1.0 },
        relative,
        from: f64::NEG_INFINITY,
        to: f64::INFINITY,
    };
    if check.kind.is_none() && kind != "meas" {
        return Err(shape.into());
    }
    while let Some(word) = words.next() {
        let value = suffixed(words.next().ok_or(shape)?)?;
        match word {
            "from" => check.from = value,
            "to" => check.to = value,
            _ => return Err(shape.into()),
        }
    }
    Ok(check)
}

impl Check {
    /// The worst error over the points, as a share of the tolerance, and a description of it.
    ///
    /// # Errors
    /// If the results lack something that is spoken of.
    pub fn worst(&self, results: &dyn Signals, points: usize) -> Result<(f64, String), String> {
        let axis = |k| results.axis(k).unwrap_or(0.0);
        let within = |k: &usize| (self.from..=self.to).contains(&axis(*k));
        let mut pairs = Vec::new();
        for k in (0..points).filter(within) {
            pairs.push((k, results.signal(&self.signal, k)?, self.formula.value(results, k)?));
        }
        let scale = match self.relative {
            true => pairs.iter().map(|(.., want)| want.norm()).fold(0.0, f64::max),
            false => 1.0,
        };
        let mut worst = (-1.0, format!("`{}`: no point within its bounds", self.text));
        for (k, got, want) in pairs {
            let share = (got - want).norm() / (self.tolerance * scale);
            let share = if share.is_nan() { f64::INFINITY } else { share };
            if share > worst.0 {
                let said = format!("`{}` at {:e}: {got:e}, not {want:e}", self.text, axis(k));
                worst = (share, said);
            }
        }
        match worst.0 < 0.0 {
            true => Err(worst.1),
            false => Ok(worst),
        }
    }
}
