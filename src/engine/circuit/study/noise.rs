//! Small-signal noise at an output, by one solution with the transposed equations a frequency
//! (Rohrer, Nagel, Meyer and Weber 1971).

use super::super::super::Outcome;
use super::ac::{Factorised, SmallSignal, frequency, over};
use super::failure::failed;
use super::point::Point;
use super::{AnalysisRun, Bench};
use crate::data::waves::{Column, ColumnKind, Values, Waves};
use crate::netlist::{Device, DeviceId, Node, Noise};
use crate::numerics::dae::Stamps;
use crate::numerics::linear::{Complex, Singular};
use crate::numerics::math::{log, pow, sqrt};
use crate::numerics::newton::Failure;
use crate::units::Hertz;

/// A netlist with more noisy devices has no column for each.
const MOST_COLUMNS: usize = 1000;

/// What is asked.
pub(super) struct Asked<'a> {
    pub output: (Node, Node),
    pub input: DeviceId,
    pub frequencies: &'a [Hertz],
}

/// Squares at one frequency.
struct Spectrum {
    /// \[V^2/Hz\]
    output: f64,
    /// Of the gain from the input to the output.
    gain: f64,
    /// What each device adds to the output.
    parts: Vec<f64>,
}

/// The spectrum, and the noise integrated over it.
pub(super) fn noise(bench: &Bench, asked: &Asked) -> Vec<AnalysisRun> {
    let mut run = AnalysisRun::new("noise");
    run.waves.plot = "Noise Spectral Density Curves".into();
    let point = match bench.about(&mut run) {
        Some(point) if !asked.frequencies.is_empty() => point,
        _ => return vec![run],
    };
    let noises = bench.netlist.noise(&point.x);
    let spectra = match spectra(bench, asked, &point, &noises) {
        Ok(spectra) => spectra,
        Err(Singular { unknown }) => {
            run.outcome = failed(&bench.netlist, Failure::Singular { unknown }, &point.x);
            return vec![run];
        }
    };
    run.outcome = Outcome::Finished { points: spectra.len() };
    run.stats.factorisations += spectra.len();
    let devices = noisy(&noises);
    if devices.len() > MOST_COLUMNS {
        let count = devices.len();
        run.notes.push(format!("{count} devices make noise: their parts have no columns"));
    }
    run.waves.columns = columns(bench, asked, &devices, &spectra);
    let total = AnalysisRun {
        word: "noise-total".into(),
        outcome: Outcome::Finished { points: 1 },
        waves: totals(bench, asked, &devices, &spectra),
        ..AnalysisRun::new("noise")
    };
    vec![run, total]
}

/// The devices that make noise, each once.
fn noisy(noises: &[(DeviceId, Noise)]) -> Vec<DeviceId> {
    let mut devices: Vec<DeviceId> = noises.iter().map(|(device, _)| *device).collect();
    devices.dedup();
    devices
}

fn spectra(
    bench: &Bench,
    asked: &Asked,
    point: &Point,
    noises: &[(DeviceId, Noise)],
) -> Result<Vec<Spectrum>, Singular> {
    let small = SmallSignal::new(bench, point, asked.frequencies[0])?;
    let place = |node| bench.netlist.unknown_of(node).unwrap_or(Stamps::NOWHERE);
    let (p, n) = (place(asked.output.0), place(asked.output.1));
    let drive = unit_drive(bench, asked.input);
    let devices = noisy(noises).len();
    let at = |equations: &mut Factorised, frequency: Hertz| {
        // The voltage at the output for a current into each equation.
        let mut transfer = vec![Complex::new(0.0, 0.0); small.dim()];
        for (row, sign) in [(p, 1.0), (n, -1.0)].into_iter().filter(|(row, _)| *row < small.dim()) {
            transfer[row] += Complex::new(sign, 0.0);
        }
        equations.solve_transposed(&mut transfer);
        let of = |row: usize| transfer.get(row).copied().unwrap_or(Complex::new(0.0, 0.0));
        let mut parts = Vec::with_capacity(devices);
        let mut last = None;
        for (device, noise) in noises {
            let power = square(of(noise.from) - of(noise.to)) * density(noise, frequency);
            match parts.last_mut().filter(|_| last == Some(*device)) {
                Some(part) => *part += power,
                None => parts.push(power),
            }
            last = Some(*device);
        }
        let zero = Complex::new(0.0, 0.0);
        let gain = drive.iter().fold(zero, |sum, &(row, value)| {
            let unit = of(row);
            sum + Complex::new(value * unit.re, value * unit.im)
        });
        Spectrum { output: parts.iter().sum(), gain: square(gain), parts }
    };
    over(&small, asked.frequencies, at)
}

/// The right-hand side for a unit of the input source.
fn unit_drive(bench: &Bench, input: DeviceId) -> Vec<(usize, f64)> {
    match bench.netlist.device(input) {
        Device::CurrentSource(source) => {
            let rows = [(source.p, -1.0), (source.n, 1.0)];
            rows.into_iter()
                .filter_map(|(node, sign)| Some((bench.netlist.unknown_of(node)?, sign)))
                .collect()
        }
        _ => bench.netlist.first_own(input).map(|row| (row, 1.0)).into_iter().collect(),
    }
}

fn square(z: Complex) -> f64 {
    z.re * z.re + z.im * z.im
}

/// \[A^2/Hz\]
fn density(noise: &Noise, frequency: Hertz) -> f64 {
    match noise.flicker {
        0.0 => noise.white,
        flicker => noise.white + flicker / pow(frequency, noise.exponent),
    }
}

/// The kind of the output's and of the input's spectral density.
fn kinds(bench: &Bench, input: DeviceId) -> [ColumnKind; 2] {
    let input = match bench.netlist.device(input) {
        Device::CurrentSource(_) => ColumnKind::CurrentNoise,
        _ => ColumnKind::VoltageNoise,
    };
    [ColumnKind::VoltageNoise, input]
}

/// `onoise_NAME` of every device, unless there are too many.
fn part_names(bench: &Bench, devices: &[DeviceId]) -> Vec<String> {
    if devices.len() > MOST_COLUMNS {
        return Vec::new();
    }
    devices.iter().map(|id| format!("onoise_{}", bench.netlist.devices()[id.0].0)).collect()
}

fn columns(
    bench: &Bench,
    asked: &Asked,
    devices: &[DeviceId],
    spectra: &[Spectrum],
) -> Vec<Column> {
    let roots = |f: &dyn Fn(&Spectrum) -> f64| spectra.iter().map(|s| sqrt(f(s))).collect();
    let column = |name: String, kind, values| Column { name, kind, values: Values::Real(values) };
    let [output, input] = kinds(bench, asked.input);
    let mut columns = vec![
        frequency(asked.frequencies),
        column("onoise_spectrum".into(), output, roots(&|s| s.output)),
        column("inoise_spectrum".into(), input, roots(&|s| s.output / s.gain)),
    ];
    for (k, name) in part_names(bench, devices).into_iter().enumerate() {
        columns.push(column(name, output, roots(&|s| s.parts[k])));
    }
    columns
}

fn totals(bench: &Bench, asked: &Asked, devices: &[DeviceId], spectra: &[Spectrum]) -> Waves {
    let root = |f: &dyn Fn(&Spectrum) -> f64| {
        let density: Vec<f64> = spectra.iter().map(f).collect();
        vec![sqrt(integral(asked.frequencies, &density))]
    };
    let unit = |kind: ColumnKind| match kind {
        ColumnKind::CurrentNoise => ColumnKind::Current,
        _ => ColumnKind::Voltage,
    };
    let column = |name: String, kind, values| Column { name, kind, values: Values::Real(values) };
    let [output, input] = kinds(bench, asked.input).map(unit);
    let mut columns = vec![
        column("onoise_total".into(), output, root(&|s| s.output)),
        column("inoise_total".into(), input, root(&|s| s.output / s.gain)),
    ];
    for (k, name) in part_names(bench, devices).into_iter().enumerate() {
        let name = name.replacen("onoise_", "onoise_total_", 1);
        columns.push(column(name, output, root(&|s| s.parts[k])));
    }
    Waves { title: String::new(), plot: "Integrated Noise".into(), columns }
}

/// The integral of a density that goes with a power of the frequency between any two points.
fn integral(frequencies: &[Hertz], density: &[f64]) -> f64 {
    let spans = frequencies.windows(2).zip(density.windows(2));
    let part = |(f, s): (&[f64], &[f64])| {
        let straight = 0.5 * (s[0] + s[1]) * (f[1] - f[0]);
        if !(s[0] > 0.0 && s[1] > 0.0 && f[0] > 0.0 && f[1] > f[0]) {
            return straight;
        }
        // S = s0 (f / f0)^a
        let octaves = log(f[1] / f[0]);
        let a = log(s[1] / s[0]) / octaves;
        if (a + 1.0).abs() < 1e-6 {
            return s[0] * f[0] * octaves;
        }
        (s[1] * f[1] - s[0] * f[0]) / (a + 1.0)
    };
    spans.map(part).sum()
}
