//! `[sweep]`: keys of the file, the values they are to take, and what is done at each point. Each
//! value is tried on the document, so that what is wrong with it is said in the key's own words.

mod axes;
mod chips;
mod claims;
mod design;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::{self, Item, Key, Table, Value};
use super::expect::{Expected, unswept};
use super::range::{self, Between};
use super::reader::{Reading, TableReader};
use super::{Library, Spec, Verb};
use crate::diag::{Diagnostic, Report, SourceMap};
pub(super) use axes::PlacedAxis;
pub use chips::{Chips, Until};
pub use claims::Claim;
pub use design::Design;
use design::Draws;

/// Most runs that a sweep is sure to make.
const MOST: usize = 1_000_000;

/// `[sweep]`: points, and chips at each of them.
///
/// Chip `k` of a point is its file with `chip-seed` raised by `k`, so the chips of all points are
/// the same. All draws have names: a cell of a chip has the same normal deviate whatever its
/// standard deviation, and points differ by what is swept alone (common random numbers).
#[derive(Debug, Clone)]
pub struct Sweep {
    pub axes: Vec<Axis>,
    /// `run`: what is done at each point; `simulate`, `train` or `gradcheck`.
    pub run: Verb,
    pub design: Design,
    pub chips: Chips,
    /// What `[expect]` promises of some points.
    pub claims: Vec<Claim>,
    /// The axes that make no difference, since they are of the chip and the engine has none.
    pub idle: Vec<String>,
    points: usize,
    base: Arc<Base>,
}

/// A key of the file that is swept.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// A dotted path such as `nonideal.wire.r-segment`.
    pub key: String,
    /// As TOML, in order; none where they are drawn from a range.
    pub values: Vec<String>,
    /// The range to draw from.
    pub between: Option<Between>,
}

/// What points are made from: the document as it was read, without its sweep and its claims. A file that is
/// edited while its sweep runs does not change the sweep.
#[derive(Debug)]
struct Base {
    root: Table,
    sources: SourceMap,
    path: PathBuf,
    library: Library,
    seed: u64,
    /// Where each axis leads, and its values.
    axes: Vec<(Vec<Key>, Vec<Item>)>,
    draws: Option<Draws>,
}

/// Two sweeps are the same if they ask for the same; where they stand does not matter.
impl PartialEq for Sweep {
    fn eq(&self, other: &Sweep) -> bool {
        let asked = |s: &Sweep| (s.run, s.design, s.points, s.base.seed);
        (&self.axes, &self.chips, &self.claims, asked(self))
            == (&other.axes, &other.chips, &other.claims, asked(other))
    }
}

impl Sweep {
    /// How many points there are.
    pub fn points(&self) -> usize {
        self.points
    }

    /// The seed of a chip at a point: the point's own for the first, which is its file as it is.
    pub fn chip_seed(&self, point: usize, chip: usize) -> u64 {
        self.seed_of(&self.values(point), chip)
    }

    fn seed_of(&self, values: &[Option<Value>], chip: usize) -> u64 {
        let Base { root, axes, .. } = &*self.base;
        let swept = |name: &str| {
            let is_it = |keys: &[Key]| matches!(keys, [(only, _)] if only == name);
            axes.iter().zip(values).find(|((keys, _), _)| is_it(keys)).and_then(|(_, v)| v.as_ref())
        };
        let own = ["chip-seed", "seed"]
            .into_iter()
            .find_map(|name| swept(name).or_else(|| root.get(name).map(|entry| &entry.item.value)));
        let own = match own {
            Some(Value::Integer(own)) => u64::try_from(*own).unwrap_or(1),
            _ => 1,
        };
        // Beyond the largest seed that a file can have they begin again at 0.
        own.wrapping_add(chip as u64) & i64::MAX as u64
    }

    /// The value of each axis at a point, in their order; `None` for the file's own.
    fn values(&self, point: usize) -> Vec<Option<Value>> {
        let Base { axes, draws, .. } = &*self.base;
        let listed = |axis: usize, value: usize| axes[axis].1[value].value.clone();
        if let Some(draws) = draws {
            let drawn = self.axes.iter().enumerate().map(|(i, axis)| {
                let place = draws.place(i, point);
                Some(match &axis.between {
                    Some(between) => between.value(place),
                    None => listed(i, (place * axis.values.len() as f64) as usize),
                })
            });
            return drawn.collect();
        }
        let lengths: Vec<usize> = self.axes.iter().map(|axis| axis.values.len()).collect();
        let choice = self.design.choice(&lengths, point).into_iter().enumerate();
        choice.map(|(axis, value)| Some(listed(axis, value?))).collect()
    }

    /// The value of each axis at a point as people write it, text without its quotes and the rest
    /// as TOML; `None` for the file's own.
    pub fn settings(&self, point: usize) -> Vec<Option<String>> {
        let values = self.values(point).into_iter().enumerate();
        values.map(|(axis, value)| Some(self.word(axis, &value?))).collect()
    }

    /// What is promised of a point.
    pub fn claims_at(&self, point: usize) -> impl Iterator<Item = &Claim> {
        let values = self.values(point);
        self.claims.iter().filter(move |claim| claim.holds(&values))
    }

    /// All values of an axis as people write them.
    pub fn words(&self, axis: usize) -> Vec<String> {
        self.base.axes[axis].1.iter().map(|item| self.word(axis, &item.value)).collect()
    }

    fn word(&self, axis: usize, value: &Value) -> String {
        if let Value::Text(text) = value {
            return text.clone();
        }
        // A list or a table has only its own text to be written as.
        let listed = self.base.axes[axis].1.iter().position(|item| item.value == *value);
        listed.map_or_else(|| range::toml(value), |i| self.axes[axis].values[i].clone())
    }

    /// The file of a chip at a point, which has no sweep of its own.
    ///
    /// # Errors
    /// Mistakes that appear only where several axes meet, or with a value that was drawn.
    pub fn point(&self, point: usize, chip: usize) -> Result<Spec, Report> {
        let Base { root, sources, path, library, axes, .. } = &*self.base;
        let mut root = root.clone();
        let mut found = Vec::new();
        let values = self.values(point);
        let seed = self.seed_of(&values, chip);
        for ((keys, items), value) in axes.iter().zip(values) {
            let Some(value) = value else { continue };
            let listed = items.iter().find(|item| item.value == value).cloned();
            let span = || keys.first().map_or(0..0, |(_, span)| span.clone());
            let item = listed.unwrap_or_else(|| Item { value, span: span() });
            found.extend(document::set(&mut root, keys, item).err());
        }
        if chip > 0 {
            let seed = Item { value: Value::Integer(seed.into()), span: 0..0 };
            found.extend(document::set(&mut root, &[("chip-seed".to_string(), 0..0)], seed).err());
        }
        let reading = Reading::new(sources.clone(), found);
        let (spec, _) = super::read(&reading, &root, path, library);
        let found = reading.take();
        match spec {
            Some(spec) if found.is_empty() => Ok(spec),
            _ => Err(Report::new(found, reading.into_sources())),
        }
    }
}

/// `[sweep]` with its place in the document.
pub(super) struct Placed {
    pub axes: Vec<PlacedAxis>,
    run: Verb,
    design: Design,
    points: usize,
    chips: Chips,
    claims: Vec<Claim>,
    idle: Vec<String>,
    seed: u64,
}

impl Placed {
    /// The sweep as it is handed on; `root` is the document that it stands in.
    pub fn sweep(self, root: &Table, sources: SourceMap, path: &Path, library: &Library) -> Sweep {
        let Placed { run, design, points, chips, claims, idle, seed, .. } = self;
        let (axes, placed): (Vec<_>, Vec<_>) =
            self.axes.into_iter().map(PlacedAxis::finished).unzip();
        let keys = axes.iter().map(|axis: &Axis| axis.key.as_str());
        let draws = design.is_drawn().then(|| Draws::new(design, keys, points, seed));
        let base = Base {
            root: unswept(root),
            sources,
            path: path.to_path_buf(),
            library: library.clone(),
            seed,
            axes: placed,
            draws,
        };
        Sweep { axes, run, design, chips, claims, idle, points, base: Arc::new(base) }
    }
}

/// What of the file a sweep must know.
pub(super) struct About<'a> {
    pub seed: u64,
    /// Whether there is a `[train]`.
    pub trains: bool,
    /// Whether it describes a network, which is put on a chip.
    pub has_chip: bool,
    /// Whether it is a network on an engine without a chip.
    pub ideal: bool,
    pub expected: &'a Expected,
}

/// Reads a sweep; axes with mistakes are left out.
pub(super) fn read(t: &TableReader, about: &About) -> Placed {
    let run = run(t, about.trains);
    let before = t.reading.count();
    let design = t.choice("design", &Design::ALL.map(|d| (d.name(), d))).or(Design::Grid);
    // Of a design that is not known, nothing more is asked.
    let asked = (t.reading.count() == before).then_some(design);
    let drawn = points(t, asked);
    let chips = chips::read(t, run, &about.expected.everywhere);
    if !about.has_chip && chips.at_most() > 1 {
        let key = if t.has("until") { "until" } else { "chips" };
        t.report(
            Diagnostic::at(t.span(key), "devices on nodes have no chips")
                .label("nothing of them is drawn")
                .help("drop it; every point is solved once"),
        );
    }
    let table = if t.has("axes") { t.table("axes") } else { t.left_out("axes") };
    let axes = axes::read(&table, asked);
    let none = table.entries().is_empty();
    if none && (t.has("axes") || design.is_drawn() || chips.at_most() == 1) {
        t.report(
            Diagnostic::at(table.own_span(), "a sweep needs an axis")
                .label("no axes")
                .help("add for example `\"nonideal.programming.sigma\" = [0.0, 0.1]`"),
        );
    }
    let lengths: Vec<usize> = axes.iter().map(|axis| axis.items.len()).collect();
    let points = drawn.unwrap_or_else(|| design.count(&lengths));
    if points.saturating_mul(chips.at_least()) > MOST {
        t.report(
            Diagnostic::at(table.own_span(), format!("a sweep of more than {MOST} runs"))
                .label("too many")
                .help("drop values, axes or chips, or split it into several sweeps"),
        );
    }
    let idle = if about.ideal { idle(&axes) } else { Vec::new() };
    let claims = claims::read(t, &about.expected.placed, run, asked, &axes);
    Placed { axes, run, design, points, chips, claims, idle, seed: about.seed }
}

/// Axes of a chip, on an engine that has none. The file may be for other verbs, or for another
/// engine: that is no mistake of it.
fn idle(axes: &[PlacedAxis]) -> Vec<String> {
    // Where the engine is swept, some points may have a chip.
    if axes.iter().any(|axis| ["simulate", "simulate.engine"].contains(&axis.axis.key.as_str())) {
        return Vec::new();
    }
    let of_chip = |axis: &&PlacedAxis| {
        axis.keys.first().is_some_and(|(key, _)| ["nonideal", "hardware"].contains(&key.as_str()))
    };
    axes.iter().filter(of_chip).map(|axis| axis.axis.key.clone()).collect()
}

fn run(t: &TableReader, trains: bool) -> Verb {
    let verbs = [Verb::Simulate, Verb::Train, Verb::Gradcheck].map(|verb| (verb.name(), verb));
    let run = t.choice("run", &verbs).or(if trains { Verb::Train } else { Verb::Simulate });
    if !trains && run != Verb::Simulate {
        t.report(
            Diagnostic::at(t.span("run"), format!("`{}` needs a [train] table", run.name()))
                .label("nothing to learn from")
                .help("add a [train] table, or write `run = \"simulate\"`"),
        );
    }
    run
}

/// How many points are drawn, in designs that draw them.
fn points(t: &TableReader, design: Option<Design>) -> Option<usize> {
    let points = t.count("points", 1..=MOST as u64);
    let Some(design) = design else {
        return points.optional().map(|points| points as usize);
    };
    if design.is_drawn() {
        return Some(points.needed("points = 100").unwrap_or(1) as usize);
    }
    if points.optional().is_some() {
        t.report(
            Diagnostic::at(
                t.span("points"),
                format!("the axes alone say how many points `{}` has", design.name()),
            )
            .label("not read")
            .help("drop it, or draw points: `design = \"latin-hypercube\"` or `\"random\"`"),
        );
    }
    None
}
