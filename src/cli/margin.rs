use std::path::{Path, PathBuf};

use clap::Args;

use super::arguments::{Edits, Place, Taking};
use super::outcome::{number, shown};
use super::terminal::Terminal;
use super::{DONE, Failure};
use crate::report;
use crate::run::sweep_record::unit;
use crate::run::{self, Drop, Manner, Margin, MarginAsk, MarginError, MarginKey, Margins, Options};
use crate::units::{Dimension, format_short, parse_any};

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct Request {
    /// A file with a network.
    file: PathBuf,
    /// A key of the file and the largest value to try; may be given many times.
    #[arg(long = "key", required = true, value_name = "KEY.PATH=MOST")]
    keys: Vec<String>,
    /// The figure that is to be kept.
    #[arg(long, default_value = "accuracy", value_name = "FIGURE")]
    metric: String,
    /// How much worse it may become: a share such as 1%, or a value in its own unit such as '1 ns'.
    #[arg(long, default_value = "1%", value_name = "DROP")]
    drop: String,
    /// How many chips.
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    chips: u16,
    /// Train each chip, instead of simulating it.
    #[arg(long)]
    train: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    manner: Taking,
    #[command(flatten)]
    edits: Edits,
}

pub(super) fn run(
    request: Request,
    options: impl FnOnce(Place, Manner) -> Options,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let keys = request.keys.iter().map(|text| key(text)).collect::<Result<Vec<_>, _>>()?;
    let ask = MarginAsk {
        drop: drop(&request.drop, &request.metric)?,
        edits: request.edits.list(),
        file: request.file,
        keys,
        metric: request.metric,
        chips: usize::from(request.chips),
        trains: request.train,
    };
    let options = options(request.place, request.manner.manner());
    let stem = ask.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let usual = Path::new("reports").join(format!("{stem}-margin"));
    let folder = options.out.clone().unwrap_or(usual);
    let margins = run::margin(&ask, &folder, &options).map_err(|error| match error {
        MarginError::File(report) => Failure::from(report),
        MarginError::Run(error) => Failure::from(error),
        other => Failure::input(other.to_string()),
    })?;
    report::write(&folder).map_err(Failure::input)?;
    terminal.say(&summary(&margins, &folder));
    if terminal.json {
        terminal.document(&margins)?;
    }
    Ok(DONE)
}

fn key(text: &str) -> Result<MarginKey, Failure> {
    let wrong = |what: &str| {
        Failure::input(format!(
            "`{text}` {what}: write --key KEY.PATH=MOST, such as nonideal.programming.sigma=0.5"
        ))
    };
    let (key, most) = text.split_once('=').ok_or_else(|| wrong("has no largest value"))?;
    let (most, dimension) =
        parse_any(most.trim()).ok_or_else(|| wrong("ends in no number with a unit"))?;
    match most > 0.0 {
        true => Ok(MarginKey { key: key.trim().to_string(), most, dimension }),
        false => Err(wrong("has a largest value that is not above 0")),
    }
}

fn drop(text: &str, metric: &str) -> Result<Drop, Failure> {
    let refuse = |what: &str| Err(Failure::input(format!("--drop `{text}` {what}")));
    let (drop, none) = match text.trim().strip_suffix('%') {
        Some(share) => {
            let Some((share, Dimension::One)) = parse_any(share) else {
                return refuse("is no drop: write --drop 1%");
            };
            if share >= 100.0 {
                return refuse("leaves nothing of the metric: write a share below 100 %");
            }
            (Drop::Share(0.01 * share), share <= 0.0)
        }
        None => {
            let Some((value, dimension)) = parse_any(text) else {
                return refuse(
                    "is no drop: write --drop 1%, or a number in the unit of the metric",
                );
            };
            let unit = unit(metric);
            if dimension != Dimension::One && dimension.symbol() != unit {
                let unit = if unit.is_empty() { "no unit" } else { unit };
                return refuse(&format!("is in {}, but `{metric}` has {unit}", dimension.name()));
            }
            (Drop::Absolute(value), value <= 0.0)
        }
    };
    match none {
        true => refuse("allows no loss, which the least effect exceeds: write one above 0"),
        false => Ok(drop),
    }
}

/// A row a key.
fn summary(margins: &Margins, folder: &Path) -> String {
    let figure = |value: f64| match unit(&margins.metric) {
        "s" => format_short(value, Dimension::Second),
        _ => number(value),
    };
    let drop = match margins.drop {
        Drop::Share(share) => format!("{} %", number(100.0 * share)),
        Drop::Absolute(drop) => figure(drop),
    };
    let mut lines =
        vec![format!("{} of {} chips may become worse by {drop}", margins.metric, margins.chips)];
    let width = margins.keys.iter().map(|m| m.key.chars().count()).max().unwrap_or(0);
    for margin in &margins.keys {
        let (row, without) = (row(margin), figure(margin.without));
        lines.push(format!("  {:width$}  {row}, from {without} without it", margin.key));
    }
    lines.push(format!("  report  {}", shown(&folder.join(report::INDEX))));
    lines.join("\n")
}

fn row(margin: &Margin) -> String {
    let short = |value: f64| format_short(value, margin.dimension);
    let least = margin.values.iter().copied().fold(f64::INFINITY, f64::min);
    let width = margin.half_width.map_or(String::new(), |w| format!(" +- {}", short(w)));
    if margin.smallest {
        let worst = margin.values.iter().copied().fold(0.0, f64::max);
        let mean = short(margin.mean);
        return format!("at least {mean}{width}, the worst chip {}", short(worst));
    }
    if margin.unbroken == margin.values.len() && margin.least > 0.0 {
        return format!("from {} to {}, at all chips", short(margin.least), short(margin.most));
    }
    if margin.unbroken == margin.values.len() {
        return format!("{} or more, at all chips", short(margin.most));
    }
    let more = match margin.unbroken {
        0 => String::new(),
        n => format!(", {n} chips keep it even at {}", short(margin.most)),
    };
    format!("{}{width}, the worst chip {}{more}", short(margin.mean), short(least))
}
