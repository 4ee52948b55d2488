//! Flicker noise of nodes: relaxations, each taken as its speed allows.

use crate::compile::ReadWindow;
use crate::numerics::math;
use crate::numerics::relaxation::{Relaxation, power_law};
use crate::spec::Flicker;
use crate::units::Second;

/// Forgetting less than this over a read, a process stands still.
const SLOW: f64 = 0.01;
/// Forgetting this often in a step, it is white.
const FAST: f64 = 5.0;

/// The processes of unit noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Slow {
    /// The variance of those that stand still.
    pub frozen: f64,
    /// What the fast ones add to white noise, as an integral over all times \[s\].
    pub white: Second,
    pub moving: Vec<Moving>,
}

/// A process that moves from step to step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moving {
    pub deviation: f64,
    /// What it keeps of itself over a step, and over a read.
    pub keeps: [f64; 2],
}

impl Moving {
    /// What the value after step `step` of `steps` is made of, with where it will be at the end
    /// given: shares of the value before it and of that at the end, and of a normal number.
    pub fn bridge(&self, step: usize, steps: usize) -> [f64; 3] {
        let keeps = self.keeps[0];
        let ahead = math::pow(keeps, (steps - step) as f64);
        let (new, left) = (1.0 - keeps * keeps, 1.0 - ahead * ahead);
        if left <= 0.0 {
            return [0.0, 1.0, 0.0];
        }
        let variance = 1.0 / (1.0 / new + ahead * ahead / left);
        [variance * keeps / new, variance * ahead / left, self.deviation * math::sqrt(variance)]
    }

    /// What is drawn anew when it keeps so much of itself.
    pub fn renewed(&self, keeps: f64) -> f64 {
        self.deviation * math::sqrt((1.0 - keeps * keeps).max(0.0))
    }
}

impl Slow {
    pub fn of(flicker: &Flicker, window: &ReadWindow) -> Slow {
        let hold = window.step * window.steps as f64;
        let mut slow = Slow { frozen: 0.0, white: 0.0, moving: Vec::new() };
        for Relaxation { rate, variance } in power_law(flicker.exponent, flicker.band) {
            if rate * hold < SLOW {
                slow.frozen += variance;
            } else if rate * window.step > FAST {
                slow.white += 2.0 * variance / rate;
            } else {
                let keeps = [window.step, hold].map(|time| math::exp(-rate * time));
                slow.moving.push(Moving { deviation: math::sqrt(variance), keeps });
            }
        }
        slow
    }
}
