//! Cells moved by pulses.

use crate::spec::{Rounding, Update};
use crate::units::Siemens;

/// How one device differs from the law of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Device {
    /// Steps up and down, in units of the mean step.
    pub steps: [f64; 2],
    /// The ends of its way, in units of half the window about its middle.
    pub ends: [f64; 2],
}

impl Device {
    /// A device of a window from four standard normal numbers: of the step, of the asymmetry, of
    /// the ends.
    pub fn of(
        update: &Update,
        window: Window,
        own: [Siemens; 2],
        [step, asymmetry, low, high]: [f64; 4],
    ) -> Device {
        let asymmetry = update.asymmetry + update.asymmetry_spread * asymmetry;
        let step = update.step_spread * step;
        Device {
            steps: [1.0 + asymmetry + step, 1.0 - asymmetry + step].map(|s| s.max(0.0)),
            ends: [
                (window.position(own[0]) + update.bound_spread * low).min(-0.01),
                (window.position(own[1]) + update.bound_spread * high).max(0.01),
            ],
        }
    }
}

/// Pulses for the cells of a window.
pub(super) struct Pulser<'a> {
    update: &'a Update,
    window: Window,
}

/// Positions from -1 to 1 over a window.
#[derive(Clone, Copy)]
pub(super) struct Window {
    middle: Siemens,
    half: Siemens,
}

impl Window {
    pub fn of([low, high]: [Siemens; 2]) -> Window {
        let half = 0.5 * (high - low);
        Window { middle: low + half, half }
    }

    fn position(self, g: Siemens) -> f64 {
        (g - self.middle) / self.half
    }
}

impl<'a> Pulser<'a> {
    pub fn new(update: &'a Update, window: [Siemens; 2]) -> Pulser<'a> {
        Pulser { update, window: Window::of(window) }
    }

    pub fn is_noisy(&self) -> bool {
        self.update.noise > 0.0
    }

    pub fn is_stochastic(&self) -> bool {
        self.update.rounding == Rounding::Stochastic
    }

    /// Moves a cell by nearly `change`, in how many pulses; `z` is standard normal and `u` uniform
    /// between 0 and 1.
    pub fn apply(
        &self,
        device: &Device,
        g: Siemens,
        change: Siemens,
        [z, u]: [f64; 2],
    ) -> (Siemens, usize) {
        let Update { law, step, noise, at_most, .. } = self.update;
        let asked = change.abs() / step;
        let whole = if self.is_stochastic() { (asked + u).floor() } else { asked.round() };
        let pulses = at_most.map_or(whole as usize, |most| (whole as usize).min(most));
        if pulses == 0 {
            return (g, 0);
        }
        let up = change > 0.0;
        let length = step / self.window.half * device.steps[usize::from(!up)];
        let length = if up { length } else { -length };
        let [low, high] = device.ends;
        let mut w = self.window.position(g);
        let first = length * law.shape(w, device.ends, up);
        for _ in 0..pulses {
            w = (w + length * law.shape(w, device.ends, up)).clamp(low, high);
        }
        if *noise > 0.0 {
            w = (w + noise * first * (pulses as f64).sqrt() * z).clamp(low, high);
        }
        ((self.window.middle + self.window.half * w).max(0.0), pulses)
    }
}
