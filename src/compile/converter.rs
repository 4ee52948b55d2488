//! Converters as made.

use super::quirk::normals;
use crate::numerics::seed::Seed;
use crate::spec::Converter;
use crate::units::Volt;

/// What a converter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Code to voltage.
    Out,
    /// Voltage to code.
    In,
}

/// A converter as made: what it makes of a voltage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    way: Way,
    /// The lowest and the highest voltage.
    range: [Volt; 2],
    /// The voltage of a step, the lowest and the highest code.
    codes: Option<(Volt, [f64; 2])>,
    /// In steps: of every code its level on the way out; of every code but the lowest where it
    /// begins on the way in. Empty where steps are even.
    table: Vec<f64>,
    gain: f64,
    offset: Volt,
}

impl Curve {
    /// The converters of a layer of `units`; empty where they are ideal.
    pub fn draw(spec: &Converter, way: Way, units: usize, place: Seed) -> Vec<Curve> {
        if spec.is_ideal() {
            return Vec::new();
        }
        (0..units.div_ceil(spec.shared.max(1)))
            .map(|k| Curve::new(spec, way, place.index(k)))
            .collect()
    }

    fn new(spec: &Converter, way: Way, place: Seed) -> Curve {
        let one = |name: &str| normals(place.child(name), 1)[0];
        let off = |sigma: f64, name: &str| match sigma > 0.0 && !spec.calibrated {
            true => sigma * one(name),
            false => 0.0,
        };
        let top = spec.range.unwrap_or(f64::INFINITY);
        let low = if spec.unipolar { 0.0 } else { -top };
        let codes = spec.largest_code().map(|code| {
            let code = f64::from(code);
            (top / code, [if spec.unipolar { 0.0 } else { -code }, code])
        });
        let table = match codes {
            Some((_, [first, last])) if spec.inl > 0.0 || spec.dnl > 0.0 => {
                let bow = if spec.inl > 0.0 { spec.inl * one("inl") } else { 0.0 };
                let steps = (last - first) as usize;
                let (start, steps) = match way {
                    Way::Out => (first, steps),
                    Way::In => (first + 0.5, steps - 1),
                };
                uneven(start, steps, bow, spec.dnl, place.child("dnl"))
            }
            _ => Vec::new(),
        };
        let (gain, offset) = (1.0 + off(spec.gain, "gain"), off(spec.offset, "offset"));
        Curve { way, range: [low, top], codes, table, gain, offset }
    }

    /// What comes of a voltage with the noise of its sample; NaN stays NaN.
    pub fn convert(&self, v: Volt, noise: Volt) -> Volt {
        match self.way {
            Way::Out => {
                self.gain * self.nearest(v, |code, first| self.level(code, first)) + self.offset
            }
            Way::In => {
                let seen = self.gain * v + self.offset + noise;
                if self.table.is_empty() {
                    return self.nearest(seen, |code, _| code);
                }
                let Some((step, [first, _])) = self.codes else { return seen };
                if seen.is_nan() {
                    return seen;
                }
                let passed = self.table.partition_point(|begin| *begin <= seen / step);
                step * (first + passed as f64)
            }
        }
    }

    /// The nearest of even steps, and what is made of its code.
    fn nearest(&self, v: Volt, of: impl Fn(f64, f64) -> f64) -> Volt {
        let [low, high] = self.range;
        let v = if v < low { low } else { v };
        let v = if v > high { high } else { v };
        match self.codes {
            Some((step, [first, last])) if !v.is_nan() => {
                step * of((v / step).round().clamp(first, last), first)
            }
            _ => v,
        }
    }

    fn level(&self, code: f64, first: f64) -> f64 {
        self.table.get((code - first) as usize).copied().unwrap_or(code)
    }
}

/// Places from `start` on in uneven steps, of which none goes back. Both ends are where even steps
/// would have them: what is left is neither offset nor gain.
fn uneven(start: f64, steps: usize, bow: f64, dnl: f64, place: Seed) -> Vec<f64> {
    let drawn = if dnl > 0.0 { normals(place, steps) } else { Vec::new() };
    let height = |k: usize| {
        let p = k as f64 / steps as f64;
        4.0 * bow * p * (1.0 - p)
    };
    let width = |k: usize| {
        let z = drawn.get(k).copied().unwrap_or(0.0);
        (1.0 + dnl * z + height(k + 1) - height(k)).max(0.0)
    };
    let widths: Vec<f64> = (0..steps).map(width).collect();
    let all: f64 = widths.iter().sum();
    let scale = if all > 0.0 { steps as f64 / all } else { 1.0 };
    let mut passed = 0.0;
    let mut table = vec![start];
    for width in widths {
        passed += width;
        table.push(start + scale * passed);
    }
    table
}
