//! Figures taken from the waveforms of an analysis. Between points, signals are straight lines.

mod events;
mod series;

use super::AnalysisRun;
use crate::data::waves::Waves;
use crate::numerics::math::hypot;
use crate::spec::study::{Event, Level, Measure, Measured};
use series::{Plain, Series};

/// Takes a measure from the first analysis of its word.
///
/// # Errors
/// Why it cannot be taken.
pub(super) fn take(measure: &Measure, results: &[AnalysisRun]) -> Result<f64, String> {
    let word = &measure.analysis;
    let run = results.iter().find(|run| run.word.eq_ignore_ascii_case(word));
    let run = run.ok_or_else(|| format!("no analysis `{word}` was run"))?;
    if !run.outcome.is_settled() {
        return Err(format!("`{word}` did not come to its end: {}", run.outcome));
    }
    if run.waves.points() == 0 {
        return Err(format!("`{word}` has no points"));
    }
    let found = Waveforms(&run.waves).figure(&measure.what)?;
    match found.is_finite() {
        true => Ok(found),
        false => Err(format!("its value is {found}")),
    }
}

/// The signals that a measure names.
pub(super) fn signals(what: &Measured) -> Vec<&str> {
    match what {
        Measured::Over { signal, .. }
        | Measured::At { signal, .. }
        | Measured::RiseTime { signal }
        | Measured::Overshoot { signal }
        | Measured::SettlingTime { signal, .. } => vec![signal],
        Measured::FindWhen { signal, event } => [vec![&signal[..]], of_event(event)].concat(),
        Measured::When(event) => of_event(event),
        Measured::Between { trigger, target } => [of_event(trigger), of_event(target)].concat(),
    }
}

fn of_event(event: &Event) -> Vec<&str> {
    match event {
        Event::At(_) => Vec::new(),
        Event::Crosses { signal, level: Level::Signal(level), .. } => vec![signal, level],
        Event::Crosses { signal, level: Level::Value(_), .. } => vec![signal],
    }
}

/// The parts `p(device)` and `i(device)` of an expression.
pub(super) fn of_devices(signal: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (open, _) in signal.match_indices('(') {
        let head = &signal[..open];
        let word = head.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c == ' ');
        let start = word
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(0, |at| at + word[at..].chars().next().map_or(1, char::len_utf8));
        let asks = ["p", "i"].iter().any(|ask| word[start..].eq_ignore_ascii_case(ask));
        if let (true, Some(length)) = (asks, signal[open..].find(')')) {
            let device = signal[open + 1..open + length].trim();
            found.push(format!("{}({device})", &word[start..]));
        }
    }
    found
}

/// The results of an analysis as measures see them.
struct Waveforms<'a>(&'a Waves);

impl Waveforms<'_> {
    fn figure(&self, what: &Measured) -> Result<f64, String> {
        match what {
            Measured::Over { statistic, signal, from, to } => {
                self.series(signal)?.within(*from, *to)?.statistic(*statistic)
            }
            Measured::At { signal, at } => self.series(signal)?.at(*at),
            Measured::FindWhen { signal, event } => {
                let place = self.place(event)?;
                self.series(signal)?.at(place)
            }
            Measured::When(event) => self.place(event),
            Measured::Between { trigger, target } => Ok(self.place(target)? - self.place(trigger)?),
            Measured::RiseTime { signal } => self.series(signal)?.rise_time(),
            Measured::Overshoot { signal } => self.series(signal)?.overshoot(),
            Measured::SettlingTime { signal, within } => {
                self.series(signal)?.settling_time(*within)
            }
        }
    }

    fn place(&self, event: &Event) -> Result<f64, String> {
        match event {
            Event::At(place) => Ok(*place),
            Event::Crosses { signal, level, edge, count, after } => {
                let mut series = self.series(signal)?;
                let level = match level {
                    Level::Value(level) => {
                        series.lower(|_| *level);
                        level.to_string()
                    }
                    Level::Signal(other) => {
                        let other_series = self.series(other)?;
                        series.lower(|k| other_series.value(k));
                        format!("`{other}`")
                    }
                };
                let what = || format!("`{signal}` {} {level}", events::verb(*edge));
                series.crossing(*edge, *count, *after).map_err(|met| {
                    let from = match after.is_finite() && *after != 0.0 {
                        true => format!(" after {after:e}"),
                        false => String::new(),
                    };
                    match met {
                        0 => format!("{} nowhere{from}", what()),
                        1 => format!("{} only once{from}", what()),
                        met => format!("{} only {met} times{from}", what()),
                    }
                })
            }
        }
    }

    /// A signal over the axis; of a complex one its magnitude.
    fn series(&self, signal: &str) -> Result<Series, String> {
        let found = self.0.signal(signal).map_err(|fault| fault.to_string())?;
        let values = (0..found.values.len()).map(|k| {
            let [re, im] = found.values.at(k);
            if found.values.is_complex() { hypot(re, im) } else { re }
        });
        let axis = self.0.axis().map(|axis| (0..axis.values.len()).map(|k| axis.values.at(k)[0]));
        Series::new(Plain { axis: axis.map(Iterator::collect), values: values.collect() })
    }
}
