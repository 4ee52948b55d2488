//! Small equations with known answers.

use eqcircuit::numerics::dae::{Dae, Instant, Quantity, Stamps};

/// A capacitor and an inductor in a loop: `C v' = -i`, `L i' = v`.
pub struct Tank {
    pub c: f64,
    pub l: f64,
}

impl Dae for Tank {
    fn dim(&self) -> usize {
        2
    }

    fn eval(&self, _at: Instant, x: &[f64], out: &mut Stamps) {
        out.i(0, x[1]);
        out.di(0, 1, 1.0);
        out.q(0, self.c * x[0]);
        out.dq(0, 0, self.c);
        out.i(1, -x[0]);
        out.di(1, 0, -1.0);
        out.q(1, self.l * x[1]);
        out.dq(1, 1, self.l);
    }

    fn name(&self, unknown: usize) -> String {
        ["v", "i"][unknown].to_owned()
    }

    fn potentials(&self) -> usize {
        1
    }

    fn quantity(&self, unknown: usize) -> Quantity {
        [Quantity::Potential, Quantity::Inertia][unknown]
    }
}

/// `v' + v^2 = 0` with an algebraic copy of `v`: `v = v0 / (1 + v0 t)`.
pub struct Riccati;

impl Dae for Riccati {
    fn dim(&self) -> usize {
        2
    }

    fn eval(&self, _at: Instant, x: &[f64], out: &mut Stamps) {
        out.i(0, x[0] * x[1]);
        out.di(0, 0, x[1]);
        out.di(0, 1, x[0]);
        out.q(0, x[0]);
        out.dq(0, 0, 1.0);
        out.i(1, x[1] - x[0]);
        out.di(1, 1, 1.0);
        out.di(1, 0, -1.0);
    }

    fn name(&self, unknown: usize) -> String {
        ["v", "copy"][unknown].to_owned()
    }
}

/// Diodes in series from a voltage through a resistor: unknowns are their upper ends. With
/// `limiting`, each holds its voltage back as SPICE does.
pub struct Stack {
    pub diodes: usize,
    pub volts: f64,
    pub conductance: f64,
}

const SATURATION: f64 = 1e-14;
const THERMAL: f64 = 0.025_852;

impl Stack {
    /// The voltage of the source at which a current flows.
    pub fn volts_at(&self, current: f64) -> f64 {
        let drop = THERMAL * (current / SATURATION).ln_1p();
        self.diodes as f64 * drop + current / self.conductance
    }
}

impl Dae for Stack {
    fn dim(&self) -> usize {
        self.diodes
    }

    fn eval(&self, _at: Instant, x: &[f64], out: &mut Stamps) {
        out.i(0, self.conductance * (x[0] - self.volts));
        out.di(0, 0, self.conductance);
        for k in 0..self.diodes {
            let below = if k + 1 < self.diodes { k + 1 } else { Stamps::NOWHERE };
            let v = x[k] - x.get(k + 1).copied().unwrap_or(0.0);
            let critical = THERMAL * (THERMAL / (2f64.sqrt() * SATURATION)).ln();
            let used = out.limit(k, v, |v, before| {
                if v <= critical || (v - before).abs() <= 2.0 * THERMAL {
                    v
                } else if before > 0.0 && 1.0 + (v - before) / THERMAL > 0.0 {
                    before + THERMAL * (1.0 + (v - before) / THERMAL).ln()
                } else {
                    critical
                }
            });
            let slope = SATURATION / THERMAL * (used / THERMAL).exp() + 1e-12;
            let current = SATURATION * (used / THERMAL).exp_m1() + 1e-12 * used;
            let current = current + slope * (v - used);
            out.i(k, current);
            out.i(below, -current);
            out.di(k, k, slope);
            out.di(k, below, -slope);
            out.di(below, k, -slope);
            out.di(below, below, slope);
        }
    }

    fn name(&self, unknown: usize) -> String {
        format!("n{unknown}")
    }

    fn memory(&self) -> usize {
        self.diodes
    }
}

/// A relaxation oscillator: a capacitor charged through a resistor from 1 V, discharged to ground
/// through another while a switch is closed, which it is from `high` down to `low`.
pub struct Relaxation {
    pub low: f64,
    pub high: f64,
    /// Conductances of charging and of the closed switch \[S\]; the capacitance is 1 F.
    pub charge: f64,
    pub discharge: f64,
}

impl Dae for Relaxation {
    fn dim(&self) -> usize {
        1
    }

    fn eval(&self, _at: Instant, x: &[f64], out: &mut Stamps) {
        let closed = if out.memory[0] > 0.0 { self.discharge } else { 0.0 };
        out.i(0, self.charge * (x[0] - 1.0) + closed * x[0]);
        out.di(0, 0, self.charge + closed);
        out.q(0, x[0]);
        out.dq(0, 0, 1.0);
    }

    fn name(&self, _unknown: usize) -> String {
        "v".to_owned()
    }

    fn memory(&self) -> usize {
        1
    }

    fn remember(&self, _at: Instant, x: &[f64], memory: &mut [f64]) -> bool {
        let closed = match memory[0] > 0.0 {
            true => x[0] > self.low,
            false => x[0] >= self.high,
        };
        let changed = closed != (memory[0] > 0.0);
        memory[0] = f64::from(closed);
        changed
    }
}
