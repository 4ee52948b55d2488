//! Cells moved by pulses.

use rayon::prelude::*;

use super::batch::{Batch, WIDTH};
use crate::numerics::draws::Normals;
use crate::numerics::seed::Seed;
use crate::spec::{Rounding, Update};
use crate::units::Siemens;

/// How one device differs from the law of all; of a big array memory is what takes time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Device {
    /// Steps up and down, in units of the mean step.
    pub steps: [f32; 2],
    /// The ends of its way, in units of half the window about its middle.
    pub ends: [f32; 2],
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
            steps: [1.0 + asymmetry + step, 1.0 - asymmetry + step].map(|s| s.max(0.0) as f32),
            ends: [
                (window.position(own[0]) + update.bound_spread * low).min(-0.01) as f32,
                (window.position(own[1]) + update.bound_spread * high).max(0.01) as f32,
            ],
        }
    }

    /// The ends of its way, in units of half the window about its middle.
    pub fn ends(&self) -> [f64; 2] {
        self.ends.map(f64::from)
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
        let asked = change.abs() / self.update.step;
        let whole = if self.is_stochastic() { (asked + u).floor() } else { asked.round() };
        let pulses = self.at_most(whole as usize);
        (self.pulsed(device, g, change > 0.0, pulses, z), pulses)
    }

    /// Adds `change` to what a cell is owed and gives it the whole steps of that, once they are
    /// worth the threshold.
    pub fn pay(
        &self,
        device: &Device,
        g: Siemens,
        change: Siemens,
        owed: &mut Siemens,
        z: f64,
    ) -> (Siemens, usize) {
        let Update { step, threshold, .. } = *self.update;
        let threshold = threshold.unwrap_or(step);
        *owed += change;
        if owed.abs() < threshold {
            return (g, 0);
        }
        let pulses = self.at_most((owed.abs() / step).floor() as usize);
        let up = *owed > 0.0;
        let given = step * pulses as f64;
        *owed -= if up { given } else { -given };
        (self.pulsed(device, g, up, pulses, z), pulses)
    }

    /// The changes of the plus and the minus cell of a pair as they are to be pulsed.
    pub fn shared(&self, [plus, minus]: [Siemens; 2]) -> [Siemens; 2] {
        match (self.update.one_way, plus - minus) {
            (false, _) => [plus, minus],
            (true, change) => [change.max(0.0), (-change).max(0.0)],
        }
    }

    fn at_most(&self, pulses: usize) -> usize {
        self.update.at_most.map_or(pulses, |most| pulses.min(most))
    }

    /// The pulses of a change, right on the mean over `u`, uniform between 0 and 1.
    pub fn by_chance(&self, change: Siemens, u: f64) -> usize {
        (change.abs() / self.update.step + u).floor() as usize
    }

    /// A cell after pulses in one direction, whose noise together is `z`.
    pub fn pulsed(&self, device: &Device, g: Siemens, up: bool, pulses: usize, z: f64) -> Siemens {
        if pulses == 0 {
            return g;
        }
        let Update { law, noise, .. } = self.update;
        let length = self.length(device, up);
        let ends = device.ends();
        let [low, high] = ends;
        let mut w = self.window.position(g);
        let first = length * law.shape(w, ends, up);
        for _ in 0..pulses {
            w = (w + length * law.shape(w, ends, up)).clamp(low, high);
        }
        if *noise > 0.0 {
            w = (w + noise * first * (pulses as f64).sqrt() * z).clamp(low, high);
        }
        self.conductance(w)
    }

    /// The mean step of a device, signed, in units of half the window.
    fn length(&self, device: &Device, up: bool) -> f64 {
        let length = self.unit() * f64::from(device.steps[usize::from(!up)]);
        if up { length } else { -length }
    }

    /// The mean step in units of half the window.
    fn unit(&self) -> f64 {
        self.update.step / self.window.half
    }

    /// What a position stands for.
    #[inline]
    pub fn conductance(&self, w: f64) -> Siemens {
        (self.window.middle + self.window.half * w).max(0.0)
    }

    /// Turns the conductances of a batch into positions.
    pub fn enter(&self, batch: &mut Batch) {
        for w in &mut batch.w {
            *w = self.window.position(*w);
        }
    }

    /// Turns the positions of a batch into conductances.
    pub fn leave(&self, batch: &mut Batch) {
        for w in &mut batch.w {
            *w = self.conductance(*w);
        }
    }

    /// So many pulses for the cells of a batch, their noise at once, as [`Pulser::pulsed`].
    pub fn advance(&self, batch: &mut Batch) {
        batch.advance(&self.update.law, self.unit(), self.update.noise);
    }

    /// Where each of some devices comes to by pulses up and down in turn, `pairs` of them: its
    /// symmetry point, but for noise.
    pub fn symmetry_points(
        &self,
        devices: &[Device],
        g: &[Siemens],
        pairs: usize,
        place: Seed,
    ) -> Vec<Siemens> {
        let mut points = g.to_vec();
        let directions = (0..2 * pairs).map(|k| k.is_multiple_of(2));
        self.in_batches(devices, &mut points, directions, place);
        points
    }

    /// Pulses in one direction for all of some cells.
    pub fn train(
        &self,
        devices: &[Device],
        g: &mut [Siemens],
        pulses: usize,
        up: bool,
        place: Seed,
    ) {
        self.in_batches(devices, g, (0..pulses).map(|_| up), place);
    }

    /// Pulses for all of some cells, each up or not.
    fn in_batches(
        &self,
        devices: &[Device],
        g: &mut [Siemens],
        directions: impl Iterator<Item = bool> + Clone + Sync,
        place: Seed,
    ) {
        let each = devices.par_chunks(WIDTH).zip(g.par_chunks_mut(WIDTH)).enumerate();
        each.for_each(|(k, (devices, g))| {
            let mut normals = self.is_noisy().then(|| Normals::new(place.index(k)));
            let mut batch = Batch::default();
            for (k, (g, device)) in g.iter().zip(devices).enumerate() {
                batch.put(k, *g, *device);
            }
            self.enter(&mut batch);
            for up in directions.clone() {
                batch.moves[..devices.len()].fill(if up { 1 } else { -1 });
                if let Some(normals) = &mut normals {
                    normals.fill(&mut batch.z[..devices.len()]);
                }
                self.advance(&mut batch);
            }
            self.leave(&mut batch);
            g.copy_from_slice(&batch.w[..g.len()]);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::StepLaw;

    #[test]
    fn many_pulses_at_once_are_pulses_one_by_one() {
        let exponential =
            StepLaw::Exponential { gamma: [5.0, 4.0], amplitude: [-1.18, -0.08], a: -0.5, b: -0.4 };
        let laws = [
            StepLaw::Constant,
            StepLaw::Linear { gamma: [0.1, 0.6] },
            StepLaw::SoftBounds,
            exponential,
            StepLaw::Power { gamma: [1.5, 0.7] },
        ];
        for law in laws {
            let update = Update {
                law,
                step: 0.3e-6,
                noise: 0.3,
                rounding: Rounding::Nearest,
                ..Update::default()
            };
            let pulser = Pulser::new(&update, [1e-6, 25e-6]);
            let device = |k: usize| Device {
                steps: [1.0 + 0.01 * k as f32, 0.9],
                ends: [-1.0 - 0.01 * k as f32, 1.05],
            };
            let mut batch = Batch::default();
            let cell =
                |k: usize| (1e-6 + 0.75e-6 * k as f64, k.is_multiple_of(3), 1.5 - 0.1 * k as f32);
            for k in 0..WIDTH {
                batch.put(k, cell(k).0, device(k));
            }
            pulser.enter(&mut batch);
            for most in [1, 5, 60] {
                let (mut batch, mut alone) = (batch.clone(), Vec::new());
                for k in 0..WIDTH {
                    let (g, up, z) = cell(k);
                    let pulses = if most == 1 { 1 } else { (7 * k) % most };
                    batch.moves[k] = if up { pulses as i32 } else { -(pulses as i32) };
                    batch.z[k] = z;
                    alone.push((pulser.pulsed(&device(k), g, up, pulses, z.into()), pulses));
                }
                pulser.advance(&mut batch);
                pulser.leave(&mut batch);
                for (k, (alone, pulses)) in alone.into_iter().enumerate() {
                    let off = (batch.w[k] - alone).abs();
                    // Steps are in single precision.
                    let within = 1e-6 * update.step * pulses as f64 + 1e-18;
                    assert!(off < within, "{:?}, cell {k}: off by {off:e} S", update.law);
                }
            }
        }
    }
}
