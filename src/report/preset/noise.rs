//! The spectrum of a cell's current while it is read.

use super::{named, targets, title};
use crate::engine::HeldCell;
use crate::numerics::math;
use crate::numerics::seed::Seed;
use crate::numerics::spectrum::welch;
use crate::report::figure::{Axis, Body, Chart, Figure, Label, Role, Series, Shape, Unit};
use crate::spec::{Preset, ReadNoise};
use crate::units::{Hertz, Volt};

/// Of a read.
const VOLTS: Volt = 0.1;
/// Decades beyond the slowest and the fastest process.
const BEYOND: f64 = 1.0;
/// Of each stretch of time: samples, and those of a segment.
const SAMPLES: usize = 1 << 16;
const SEGMENT: usize = 2048;
/// Of a stretch, the part of its frequencies that aliases and windows leave alone, as shares of
/// the sampling rate.
const CLEAR: [f64; 2] = [0.002, 0.02];
const PER_STRETCH: usize = 4;

/// What is drawn of one cell.
pub struct Spectrum {
    /// `[frequency, density]` by its equations \[A^2/Hz\].
    pub law: Vec<[f64; 2]>,
    /// The same as estimated from its current in time.
    pub found: Vec<[f64; 2]>,
    /// Segments that an estimate is the mean of.
    pub segments: usize,
}

/// The spectrum of a cell over the frequencies at which its noise changes; `None` where nothing of
/// it moves within a read.
pub fn spectrum(cell: &HeldCell, seed: Seed) -> Option<Spectrum> {
    let [from, to] = band(cell.noise)?;
    let decades = math::log10(to / from);
    let at = |share: f64| from * math::pow(10.0, share * decades);
    let count = (8.0 * decades).ceil();
    let law = (0..=count as usize).map(|k| at(k as f64 / count)).map(|f| [f, cell.density(f)]);
    // Every stretch of time covers its part of the axis.
    let width = math::log10(CLEAR[1] / CLEAR[0]);
    let stretches = (decades / width).ceil().max(1.0);
    let (mut found, mut segments) = (Vec::new(), 0);
    for k in 0..stretches as usize {
        let first = from * math::pow(10.0, k as f64 * width);
        let step = CLEAR[0] / first;
        let current = cell.current(step, SAMPLES, seed.index(k));
        let frequencies: Vec<Hertz> = (0..PER_STRETCH)
            .map(|n| first * math::pow(10.0, (n as f64 + 0.5) / PER_STRETCH as f64 * width))
            .collect();
        let (density, averaged) = welch(&current, step, SEGMENT, &frequencies);
        let points = frequencies.into_iter().zip(density).map(|(f, s)| [f, s]);
        found.extend(points.filter(|[f, _]| *f <= to));
        segments = averaged;
    }
    Some(Spectrum { law: law.collect(), found, segments })
}

/// The frequencies at which noise changes, a decade more on either side.
fn band(noise: &ReadNoise) -> Option<[Hertz; 2]> {
    let mut ends: Vec<Hertz> = Vec::new();
    if let Some(flicker) = noise.flicker.as_ref().filter(|f| !f.amplitude.is_zero()) {
        ends.extend(flicker.band);
    }
    if let Some(telegraph) = noise.telegraph.as_ref().filter(|t| !t.is_quiet()) {
        let rate = 1.0 / telegraph.up + 1.0 / telegraph.down;
        ends.push(rate / (2.0 * std::f64::consts::PI));
    }
    let low = ends.iter().copied().reduce(f64::min)?;
    let high = ends.into_iter().reduce(f64::max)?;
    let beyond = math::pow(10.0, BEYOND);
    Some([low / beyond, high * beyond])
}

/// Not drawn of a preset in which nothing moves.
pub(super) fn figure(preset: &Preset) -> Option<Figure> {
    let mut series = Vec::new();
    let (mut low, mut high, mut x) = (f64::INFINITY, 0.0_f64, [f64::INFINITY, 0.0]);
    for (n, g) in targets(preset).into_iter().enumerate().skip(1).step_by(3) {
        let noise = &preset.nonideal.read;
        let cell = HeldCell { noise, g, g_max: preset.window[1], volts: VOLTS };
        let seed = Seed::new(1).child("preset").child(&preset.name).child("noise").index(n);
        let spectrum = spectrum(&cell, seed)?;
        let role = Role::Nth(n - 1);
        let densities = spectrum.law.iter().chain(&spectrum.found);
        for [f, s] in densities.filter(|[_, s]| *s > 0.0) {
            (low, high) = (low.min(*s), high.max(*s));
            x = [x[0].min(*f), x[1].max(*f)];
        }
        series.push(Series { shape: Shape::Line(spectrum.law), role, label: Label::None });
        let label = Label::Key(named(g));
        series.push(Series { shape: Shape::Dots(spectrum.found), role, label });
    }
    let hot = ReadNoise { thermal: 300.0, ..ReadNoise::default() };
    let g = preset.window[1];
    let thermal = HeldCell { noise: &hot, g, g_max: g, volts: VOLTS }.density(1.0);
    series.push(Series {
        shape: Shape::Level(thermal),
        role: Role::Limit,
        label: Label::Key(format!("thermal noise of {} at 300 K", named(g))),
    });
    let volts = crate::units::format_short(VOLTS, crate::units::Dimension::Volt);
    Some(Figure {
        name: "read-noise",
        title: format!("{}: noise while reading", title(preset)),
        caption: format!(
            "Spectral density of the current of a cell held at {volts}: lines by its equation, \
             points estimated from the current in time."
        ),
        body: Body::Chart(Chart {
            x: Axis::log("frequency", Unit::Word("Hz"), x),
            y: Axis::log(
                "spectral density",
                Unit::Word("A^2/Hz"),
                [0.5 * low.min(thermal), 2.0 * high],
            ),
            series,
        }),
    })
}
