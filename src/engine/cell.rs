//! The current of one cell at a voltage.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::network::noise::slow::Slow;
use super::network::noise::traps::Blinking;
use crate::compile::{ReadWindow, Trap};
use crate::numerics::math::{sqrt, tanh};
use crate::numerics::relaxation::{Relaxation, power_law};
use crate::numerics::seed::Seed;
use crate::spec::ReadNoise;
use crate::units::{Ampere, BOLTZMANN, ELEMENTARY_CHARGE, Hertz, Second, Siemens, Volt};

/// A cell by itself, held at a voltage. What differs from read to read stands still; a trap, if
/// cells of the file have any, is a typical one.
#[derive(Debug, Clone, Copy)]
pub struct HeldCell<'a> {
    pub noise: &'a ReadNoise,
    pub g: Siemens,
    /// The largest conductance of cells of its kind.
    pub g_max: Siemens,
    pub volts: Volt,
}

impl HeldCell<'_> {
    /// One-sided spectral density of its current \[A^2/Hz\].
    pub fn density(&self, frequency: Hertz) -> f64 {
        let flicker = self.flicker().map_or(0.0, |(amplitude, processes)| {
            let unit: f64 = processes.iter().map(|process| process.density(frequency)).sum();
            amplitude * amplitude * unit
        });
        let trap = self.trap().map_or(0.0, |(trap, swing)| {
            let up = trap.share_up();
            let variance = swing * swing * up * (1.0 - up);
            Relaxation { rate: trap.rate(), variance }.density(frequency)
        });
        self.white() + flicker + trap
    }

    /// Its current less the mean, at moments so far apart; white noise is the mean over a step.
    pub fn current(&self, step: Second, steps: usize, seed: Seed) -> Vec<Ampere> {
        let window = ReadWindow { step, steps, averaged: 0 };
        let mut rng = seed.rng();
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let white = sqrt(0.5 * self.white() / step);
        let mut current: Vec<Ampere> = (0..steps).map(|_| white * normal()).collect();
        let flicker = &self.noise.flicker;
        if let (Some(flicker), Some((amplitude, _))) = (flicker, self.flicker()) {
            let slow = Slow::of(flicker, &window);
            let fixed = sqrt(slow.frozen) * normal();
            let fast = sqrt(slow.white / step);
            let mut moving: Vec<f64> = slow.moving.iter().map(|p| p.deviation * normal()).collect();
            for current in &mut current {
                *current += amplitude * (fixed + moving.iter().sum::<f64>() + fast * normal());
                for (process, now) in slow.moving.iter().zip(&mut moving) {
                    let keeps = process.keeps[0];
                    *now = keeps * *now + process.renewed(keeps) * normal();
                }
            }
        }
        if let Some((trap, swing)) = self.trap() {
            let blinking = Blinking::of(&trap, step, steps);
            let mut rng = seed.child("trap").rng();
            let mut is_up = rng.random::<f64>() < blinking.up;
            for current in &mut current {
                *current += swing * (f64::from(u8::from(is_up)) - blinking.up);
                is_up ^= rng.random::<f64>() < blinking.leaves[usize::from(is_up)];
            }
        }
        current
    }

    /// One-sided \[A^2/Hz\].
    fn white(&self) -> f64 {
        let thermal = 4.0 * BOLTZMANN * self.noise.thermal * self.g;
        let y = ELEMENTARY_CHARGE * self.volts / (2.0 * BOLTZMANN * self.noise.thermal);
        if self.noise.shot > 0.0 && y.is_finite() && y != 0.0 {
            return thermal * (1.0 + self.noise.shot * (y / tanh(y) - 1.0));
        }
        thermal
    }

    /// What unit flicker noise does to the current, and its processes.
    fn flicker(&self) -> Option<(Ampere, Vec<Relaxation>)> {
        let flicker = self.noise.flicker.as_ref()?;
        let amplitude = flicker.amplitude.at(self.g / self.g_max) * self.g * self.volts;
        Some((amplitude, power_law(flicker.exponent, flicker.band)))
    }

    /// A typical trap, and how far apart its two currents are.
    fn trap(&self) -> Option<(Trap, Ampere)> {
        let telegraph = self.noise.telegraph.as_ref().filter(|t| !t.is_quiet())?;
        let trap = Trap { place: 0, factor: 1.0, up: telegraph.up, down: telegraph.down };
        Some((trap, self.volts * trap.swing(telegraph, self.g, self.g_max)))
    }
}
