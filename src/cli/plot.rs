mod load;
mod text;

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::terminal::Terminal;
use super::{DONE, Failure};
use crate::data::signal::Signal;
use crate::data::table;
use crate::data::waves::{Column, ColumnKind, Values, Waves};
use crate::report::figure::Figure;
use crate::report::{draw, signals};
use crate::run::record::RUN;
use crate::run::replace_file;
use load::Plot;

/// What is to be drawn of which waveforms.
#[derive(Debug, Args)]
pub(super) struct Request {
    /// A raw file, a table of waveforms, or the folder of a run.
    #[arg(value_name = "FILE|FOLDER")]
    source: PathBuf,
    /// What to draw; without any, what there is is listed.
    #[arg(value_name = "SIGNAL")]
    signals: Vec<String>,
    /// The picture, .svg or .png; both, beside the file, if not given.
    #[arg(long, short, visible_alias = "out", value_name = "OUT")]
    output: Option<PathBuf>,
    /// Write the signals as a table to standard output; a picture only with -o.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Which plot of several: its number in the list, or the start of its name.
    #[arg(long, value_name = "N|NAME")]
    plot: Option<String>,
    /// Draw over this signal instead of time or the swept value, as for a hysteresis loop.
    #[arg(long, value_name = "SIGNAL", conflicts_with = "csv")]
    against: Option<String>,
    /// Where the axis starts, such as '1 ms'.
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    from: Option<String>,
    /// Where the axis ends.
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    to: Option<String>,
}

/// What was drawn, or printed where there is no axis.
#[derive(Serialize)]
struct Drawn<'a> {
    file: &'a Path,
    plot: &'a str,
    title: &'a str,
    points: usize,
    signals: Vec<text::Listed>,
    files: Vec<PathBuf>,
}

pub(super) fn run(request: &Request, terminal: &Terminal) -> Result<u8, Failure> {
    check_output(request.output.as_deref())?;
    let plots = load::load(&request.source)?;
    let chosen = request.plot.as_deref().map(|name| load::choose(&plots, name)).transpose()?;
    if request.signals.is_empty() && !request.csv && request.output.is_none() {
        return list(&plots, chosen, terminal);
    }
    let (number, signals) = find(&plots, chosen, &request.signals)?;
    let plot = &plots[number];
    if plots.len() > 1 && chosen.is_none() {
        let name = &plot.waves.plot;
        let count = plots.len();
        terminal.say(&format!("plot {} of {count}: {name}; --plot chooses another", number + 1));
    }
    let against = request.against.as_deref().map(|name| against(plot, name)).transpose()?;
    let window = text::window(&plot.waves, request.from.as_deref(), request.to.as_deref())?;
    if request.csv {
        let mut bytes = Vec::new();
        let (waves, signals) = cut(&plot.waves, &signals, window);
        let axis = waves.axis().map(Signal::of);
        let all = axis.iter().chain(&signals);
        let columns: Vec<_> =
            all.flat_map(|s| table::flat_column(&s.name, &s.unit.plain(), &s.values)).collect();
        table::write_flat(&mut bytes, &columns).map_err(Failure::input)?;
        terminal.data(&bytes)?;
    }
    let mut files = Vec::new();
    if plot.waves.axis().is_none() {
        if let Some(output) = &request.output {
            let message = format!(
                "{} has no axis to draw {} over: leave -o out, and its numbers are printed",
                plot.waves.plot,
                output.display()
            );
            return Err(Failure::input(message));
        }
        if !terminal.json && !request.csv {
            terminal.data(text::numbers(&signals).as_bytes())?;
        }
    } else if !request.csv || request.output.is_some() {
        let figure = match &against {
            Some(axis) => {
                let (waves, signals) = cut(&plot.waves, &signals, window);
                let (_, axis) = cut(&plot.waves, std::slice::from_ref(axis), window);
                signals::figure_against(&waves, &column(&axis[0]), &signals, [None; 2])
            }
            None => signals::figure(&plot.waves, &signals, window),
        };
        let figure = figure.ok_or_else(|| {
            Failure::input("there is no finite number to draw there; see the list without signals")
        })?;
        files = picture(plot, &figure, request.output.as_deref())?;
        let written: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
        terminal.say(&format!("wrote {}", written.join(", ")));
    }
    if terminal.json {
        terminal.document(&Drawn {
            file: &plot.file,
            plot: &plot.waves.plot,
            title: &plot.waves.title,
            points: plot.waves.points(),
            signals: signals.iter().map(text::Listed::of).collect(),
            files,
        })?;
    }
    Ok(DONE)
}

fn list(plots: &[Plot], chosen: Option<usize>, terminal: &Terminal) -> Result<u8, Failure> {
    let wanted = |i: &usize| chosen.is_none_or(|chosen| chosen == *i);
    let listing: Vec<text::Listing> = (0..plots.len())
        .filter(wanted)
        .map(|i| text::Listing::of(i + 1, &plots[i].file, &plots[i].waves))
        .collect();
    match terminal.json {
        true => terminal.document(&listing)?,
        false => terminal.data(text::listing(&listing).as_bytes())?,
    }
    Ok(DONE)
}

/// The plot that has all signals, and these; all its columns if none are named.
fn find(
    plots: &[Plot],
    chosen: Option<usize>,
    names: &[String],
) -> Result<(usize, Vec<Signal>), Failure> {
    let in_plot = |i: usize| {
        let waves = &plots[i].waves;
        if names.is_empty() {
            return Ok(waves.signals().iter().map(Signal::of).collect());
        }
        names.iter().map(|name| waves.signal(name)).collect::<Result<Vec<_>, _>>()
    };
    // Without a choice, the first with an axis is meant.
    let usual = plots.iter().position(|p| p.waves.axis().is_some()).unwrap_or(0);
    let first = chosen.unwrap_or(usual);
    match in_plot(first) {
        Ok(signals) => Ok((first, signals)),
        Err(fault) => (0..plots.len())
            .filter(|_| chosen.is_none())
            .find_map(|i| Some((i, in_plot(i).ok()?)))
            .ok_or_else(|| {
                let file = plots[first].file.display();
                Failure::input(format!("{file}: {}; {}", fault.message, fault.help))
            }),
    }
}

/// The real signal that takes the place of the axis.
fn against(plot: &Plot, name: &str) -> Result<Signal, Failure> {
    let signal = plot.waves.signal(name).map_err(|fault| {
        Failure::input(format!("{}: {}; {}", plot.file.display(), fault.message, fault.help))
    })?;
    match signal.values.is_complex() {
        true => Err(Failure::input(format!(
            "{name} is complex and no axis: draw over its magnitude, mag({name})"
        ))),
        false => Ok(signal),
    }
}

/// A signal as an axis.
fn column(signal: &Signal) -> Column {
    let kind = match signal.unit.plain().as_str() {
        "V" => ColumnKind::Voltage,
        "A" => ColumnKind::Current,
        "s" => ColumnKind::Time,
        "W" => ColumnKind::Power,
        _ => ColumnKind::Other,
    };
    Column { name: signal.name.clone(), kind, values: signal.values.clone() }
}

/// The part of the waveforms and signals within the window.
fn cut(waves: &Waves, signals: &[Signal], window: [Option<f64>; 2]) -> (Waves, Vec<Signal>) {
    let Some(axis) = waves.axis() else { return (waves.clone(), signals.to_vec()) };
    let [from, to] = [window[0].unwrap_or(f64::NEG_INFINITY), window[1].unwrap_or(f64::INFINITY)];
    let inside: Vec<usize> =
        (0..waves.points()).filter(|i| (from..=to).contains(&axis.values.at(*i)[0])).collect();
    let pick = |values: &Values| match values {
        Values::Real(v) => Values::Real(inside.iter().map(|i| v[*i]).collect()),
        Values::Complex(v) => Values::Complex(inside.iter().map(|i| v[*i]).collect()),
    };
    let mut axis = axis.clone();
    axis.values = pick(&axis.values);
    let signals = signals.iter().map(|s| Signal { values: pick(&s.values), ..s.clone() }).collect();
    let Waves { title, plot, .. } = waves;
    (Waves { title: title.clone(), plot: plot.clone(), columns: vec![axis] }, signals)
}

fn check_output(output: Option<&Path>) -> Result<(), Failure> {
    let Some(output) = output else { return Ok(()) };
    let ending = output.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        Some("svg" | "png") => Ok(()),
        _ => Err(Failure::input(format!(
            "{} is no picture that can be written: name a file that ends in .svg or .png",
            output.display()
        ))),
    }
}

/// Draws, writes, and says which files.
fn picture(plot: &Plot, figure: &Figure, output: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    let svg = draw::svg(figure);
    let bytes = |path: &Path| -> io::Result<Vec<u8>> {
        match path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
            true => draw::png(&svg),
            false => Ok(svg.clone().into_bytes()),
        }
    };
    let put = |path: PathBuf| match bytes(&path).and_then(|bytes| replace_file(&path, &bytes)) {
        Ok(()) => Ok(path),
        Err(error) => Err((error.kind(), format!("cannot write {}: {error}", path.display()))),
    };
    if let Some(output) = output {
        return Ok(vec![
            put(output.to_path_buf()).map_err(|(_, message)| Failure::input(message))?,
        ]);
    }
    let folder = plot.file.parent().unwrap_or(Path::new(""));
    let mut stem = plot.file.file_stem().unwrap_or_default().to_os_string();
    if folder.join(RUN).exists() {
        // A report has pictures of its own under plain names.
        stem.push("-plot");
    }
    let mut written = Vec::new();
    for ending in ["svg", "png"] {
        let mut name = stem.clone();
        name.push(format!(".{ending}"));
        let path = put(folder.join(&name)).or_else(|(kind, message)| match kind {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                put(PathBuf::from(&name)).map_err(|(_, message)| message)
            }
            _ => Err(message),
        });
        written.push(path.map_err(Failure::input)?);
    }
    Ok(written)
}
