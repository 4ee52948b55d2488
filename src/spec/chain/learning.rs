//! `[train]` of a chain.

use std::sync::Arc;

use super::super::learning::Schedule;
use super::super::reader::TableReader;
use super::super::train;
use super::{ChainTrain, Made};
use crate::data::pictures::{self, Augment, Pictures};
use crate::data::registry::Folders;
use crate::data::{DataFault, Split};
use crate::diag::Diagnostic;
use crate::model::{Cost, Shape};
use crate::numerics::seed::Seed;
use crate::units::Range;

/// Reads `[train]`; `None` if something that has no default is wrong or missing.
pub(super) fn read(
    t: &TableReader,
    input: Option<Shape>,
    made: Option<&Made>,
) -> Option<ChainTrain> {
    let (beta, phases) = {
        let rules = t.table("rule");
        rules.one_of(
            &["equilibrium-propagation"],
            Some("equilibrium-propagation"),
            "rule = { equilibrium-propagation = { beta = 0.2 } }",
        );
        train::propagation(&rules.table("equilibrium-propagation"))
    };
    let costs = [("cross-entropy", Cost::CrossEntropy), ("squared-error", Cost::SquaredError)];
    let cost = t.choice("cost", &costs).or(Cost::CrossEntropy);
    let epochs = t.count("epochs", 0..=1 << 32).or(10) as usize;
    let batch = t.count("batch", 2..=1 << 32).or(64) as usize;
    let (optimiser, rate) = train::optimiser(&t.table("optimiser"));
    let weight_decay = t.number("weight-decay", Range::NonNegative).or(0.0);
    let schedule = t.choice("schedule", &Schedule::ALL.map(|s| (s.name(), s))).or_default();
    let augment = t.optional_table("augment").map(|t| Augment {
        flip: t.flag("flip").or(false),
        crop: t.count("crop", 0..=1 << 12).or(0) as usize,
        edge: t.flag("edge").or(true),
    });
    let ends = [("go-on", false), ("stop", true)];
    let stop_unsettled = t.choice("unsettled", &ends).or(false);
    let [data, test] = data(t, input)?;
    check(t, &data, input, made);
    Some(ChainTrain {
        beta,
        phases,
        cost,
        data: Arc::new(data),
        test: Arc::new(test),
        augment,
        epochs,
        batch,
        optimiser,
        rate,
        weight_decay,
        schedule,
        stop_unsettled,
    })
}

/// What is learned from, and what accuracy is measured on.
fn data(t: &TableReader, input: Option<Shape>) -> Option<[Pictures; 2]> {
    let key = t.one_of(&["data", "folder", "synthetic"], None, "data = \"mnist\"")?;
    let first = t.count("first", 1..=i64::MAX as u64).optional().map(|n| n as usize);
    let test_first = t.count("test-first", 1..=i64::MAX as u64).optional().map(|n| n as usize);
    let sets = match key {
        "synthetic" => {
            let t = t.table("synthetic");
            let classes = t.count("classes", 2..=1 << 16).or(10) as usize;
            let samples = t.count("samples", 2..=1 << 24).or(512) as usize;
            let tested = samples.div_ceil(4);
            let all = pictures::synthetic(input?, classes, samples + tested, Seed::new(0));
            let part = |name: &str, places: std::ops::Range<usize>| {
                all.select(&format!("synthetic, {name}"), &places.collect::<Vec<_>>())
            };
            [part("train", 0..samples), part("test", samples..samples + tested)]
        }
        "folder" => {
            let path = t.path("folder").optional()?;
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            let read = |split: Split| {
                pictures::tree::load(&format!("{name}, {}", split.name()), &path, split)
            };
            told(t, "folder", || Ok((read(Split::Train)?, read(Split::Test)?)))?
        }
        _ => {
            let bundled = ["digits", "mnist"].into_iter();
            let names = bundled.chain(pictures::SETS.iter().map(|set| set.name));
            let names: Vec<_> = names.map(|name| (name, name)).collect();
            let name = t.choice("data", &names).optional()?;
            told(t, "data", || pictures::load_both(name, &Folders::of(None)))?
        }
    };
    let [train, test] = sets;
    let cut = |set: Pictures, key: &str, first: Option<usize>| {
        let there = set.len();
        match first {
            Some(n) if n > there => {
                t.report(
                    Diagnostic::at(t.span(key), format!("there are only {there} samples"))
                        .label("more than there are")
                        .help(format!(
                            "write {there} or less, or leave it out to take all of them"
                        )),
                );
                None
            }
            Some(n) => Some(set.first(n)),
            None => Some(set),
        }
    };
    Some([cut(train, "first", first)?, cut(test, "test-first", test_first)?])
}

/// Two sets, or what is wrong with them, told where they are named.
fn told(
    t: &TableReader,
    key: &str,
    read: impl FnOnce() -> Result<(Pictures, Pictures), DataFault>,
) -> Option<[Pictures; 2]> {
    match read() {
        Ok((train, test)) => Some([train, test]),
        Err(fault) => {
            let at = Diagnostic::at(t.span(key), fault.message);
            t.report(at.label("wanted here").help(fault.help));
            None
        }
    }
}

/// Whether the pictures fit the chain at both ends.
fn check(t: &TableReader, data: &Pictures, input: Option<Shape>, made: Option<&Made>) {
    let key = ["data", "folder", "synthetic"].into_iter().find(|key| t.has(key)).unwrap_or("data");
    if let Some(input) = input
        && data.shape != input
    {
        t.report(
            Diagnostic::at(
                t.span(key),
                format!(
                    "a picture of `{}` is {}, but the chain takes {input}",
                    data.name, data.shape
                ),
            )
            .label(format!("pictures of {}", data.shape))
            .help(format!(
                "write `shape = [{}, {}, {}]` in [input], or take other data",
                data.shape.channels, data.shape.height, data.shape.width
            )),
        );
    }
    if let Some(made) = made
        && (!made.shape.is_flat() || made.shape.size() < data.classes)
    {
        t.report(
            Diagnostic::at(
                made.span.clone(),
                format!(
                    "the chain ends with {}, but there are {} classes",
                    made.shape, data.classes
                ),
            )
            .label(format!("{} makes {}", made.by, made.shape))
            .also(t.span(key), format!("`{}` has {} classes", data.name, data.classes))
            .help(format!("end with `{{ linear = {{ size = {} }} }}`", data.classes)),
        );
    }
}
