//! A chip being read while its conductances move.

use super::Chip;
use crate::numerics::seed::Seed;
use crate::spec::{Flicker, ReadNoise};
use crate::units::{Second, Siemens};

/// How a network runs with noise once it has settled without.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadWindow {
    pub step: Second,
    pub steps: usize,
    /// Steps at the end over which is averaged; 0 samples the end.
    pub averaged: usize,
}

/// Most steps of one read.
const MOST_STEPS: f64 = 1e8;

impl Chip {
    /// `None` where nothing moves while the chip is read.
    pub fn read_window(&self) -> Option<ReadWindow> {
        let read = &self.nonideal.read;
        if read.is_quiet() {
            return None;
        }
        let layers = || self.fabric.model.free_layers().map(|l| self.fabric.layers[l.0].tau);
        let taus = || layers().chain(self.nonideal.periphery.amplifier.lag());
        let (shortest, longest) =
            (taus().fold(f64::INFINITY, f64::min), taus().fold(0.0, f64::max));
        let hold = read.hold.unwrap_or(ReadNoise::HOLD * longest);
        let steps = (hold / (read.step * shortest)).ceil().clamp(1.0, MOST_STEPS);
        let step = hold / steps;
        let averaged = (read.integrate / step).round().min(steps);
        Some(ReadWindow { step, steps: steps as usize, averaged: averaged as usize })
    }

    /// How many samples were read so far; names the noise of the next one. Without noise while
    /// reading none is counted.
    pub fn reads(&self) -> usize {
        self.reads
    }

    /// Counts samples that are read.
    pub fn count_reads(&mut self, samples: usize) {
        if !self.nonideal.read.is_quiet() {
            self.reads += samples;
        }
    }

    /// Goes on after so many reads.
    pub fn restore_reads(&mut self, reads: usize) {
        self.reads = reads;
    }

    /// The noise of a read. The phases of one presentation share what is slower than they are.
    pub fn read_seed(&self, read: usize) -> Seed {
        self.seed.child("read").index(read)
    }

    /// Standard deviation of a conductance from read to read.
    pub fn read_deviation(&self, g: Siemens) -> Siemens {
        let read = &self.nonideal.read;
        let proportional = read.proportional * g;
        match &read.measured {
            None => proportional,
            Some(measured) => {
                let sigma = measured.at(g, self.fabric.hardware.g_max);
                crate::numerics::math::hypot(proportional, sigma)
            }
        }
    }

    /// `g A(g)` of flicker noise.
    pub fn flicker_deviation(&self, flicker: &Flicker, g: Siemens) -> Siemens {
        let x = (g / self.fabric.hardware.g_max).max(f64::MIN_POSITIVE);
        g * flicker.amplitude.at(x)
    }
}
