//! Functions of numbers, real and complex.

use crate::data::waves::Values;
use crate::numerics::math;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Decibel,
    Magnitude,
    Phase,
    ContinuousPhase,
    Real,
    Imaginary,
}

impl Function {
    pub const ALL: [(&'static str, Function); 7] = [
        ("db", Function::Decibel),
        ("mag", Function::Magnitude),
        ("abs", Function::Magnitude),
        ("ph", Function::Phase),
        ("cph", Function::ContinuousPhase),
        ("re", Function::Real),
        ("im", Function::Imaginary),
    ];

    /// SPICE's short forms for a node.
    pub const OF_NODES: [(&'static str, Function); 5] = [
        ("vdb", Function::Decibel),
        ("vm", Function::Magnitude),
        ("vp", Function::Phase),
        ("vr", Function::Real),
        ("vi", Function::Imaginary),
    ];

    /// The function of every value; all of them are real.
    pub fn real(self, values: &Values) -> Vec<f64> {
        let mut result: Vec<f64> = match values {
            Values::Real(values) => values.iter().map(|v| self.of([*v, 0.0])).collect(),
            Values::Complex(values) => values.iter().map(|z| self.of(*z)).collect(),
        };
        if self == Function::ContinuousPhase {
            unwrap(&mut result);
        }
        result
    }

    fn of(self, z: [f64; 2]) -> f64 {
        match self {
            Function::Decibel => 20.0 * math::log10(magnitude(z)),
            Function::Magnitude => magnitude(z),
            Function::Phase | Function::ContinuousPhase => math::atan2(z[1], z[0]).to_degrees(),
            Function::Real => z[0],
            Function::Imaginary => z[1],
        }
    }
}

pub(super) fn magnitude([re, im]: [f64; 2]) -> f64 {
    if im == 0.0 { re.abs() } else { math::hypot(re, im) }
}

/// Adds whole turns so that no step is longer than half of one.
fn unwrap(degrees: &mut [f64]) {
    let (mut turns, mut before) = (0.0, f64::NAN);
    for phase in degrees.iter_mut().filter(|p| p.is_finite()) {
        let step = *phase - before;
        if step > 180.0 {
            turns -= 360.0;
        } else if step < -180.0 {
            turns += 360.0;
        }
        before = *phase;
        *phase += turns;
    }
}

/// `a * b`
pub(super) fn product([a, b]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    // A real factor scales an infinite part without making the other one a NaN.
    if d == 0.0 {
        return [a * c, b * c];
    }
    if b == 0.0 {
        return [a * c, a * d];
    }
    [a * c - b * d, a * d + b * c]
}

/// `a / b`, without overflow on the way (R. L. Smith, "Algorithm 116: complex division", 1962).
pub(super) fn quotient([a, b]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    if d == 0.0 {
        return [a / c, b / c];
    }
    if c.abs() >= d.abs() {
        let ratio = d / c;
        let scale = c + d * ratio;
        [(a + b * ratio) / scale, (b - a * ratio) / scale]
    } else {
        let ratio = c / d;
        let scale = c * ratio + d;
        [(a * ratio + b) / scale, (b * ratio - a) / scale]
    }
}
