use super::super::junction::bounded_exp;
use super::super::parameters::parameters;
use super::super::{Arg, Args, Element, Field, Kind, Noise, Own, Path, View, flow};
use super::{Sloped, stamp_state, stop};
use crate::netlist::Node;
use crate::numerics::dae::Stamps;
use crate::numerics::math::{exp, log};
use crate::units::{
    Ampere, BOLTZMANN, Dimension as D, ELEMENTARY_CHARGE, Kelvin, Metre, Range as R, Volt,
};

parameters! {
    /// A metal oxide memristor whose conducting filament ends a gap `g` before the electrode: the
    /// Stanford-PKU model (Jiang, Yu, Wu, Engel, Guan and Wong, *SISPAD* 2014, without its
    /// cycle-to-cycle variations; Guan, Yu and Wong, *IEEE EDL* 33:1405, 2012). The state `s` is
    /// 0 at `gap-min` and 1 at `gap-max`:
    ///
    /// ```text
    /// i     =  i0 exp(-g / g0) sinh(v / v0)
    /// dg/dt = -velocity exp(-q ea / k T) sinh(gamma a0 / tox  q v / k T)
    /// gamma =  gamma0 - beta (g / g1)^3
    /// T     =  temperature + r-th v i
    /// ```
    ///
    /// The gap comes to a stop over the last hundredth of its range. The least field below which
    /// one release of the model freezes the gap is left out, as it would make the speed jump.
    pub struct Filament {
        /// a voltage above zero here closes the gap
        p: Node = "p", Kind::Node;
        /// the other end
        n: Node = "n", Kind::Node;
        /// scale of the current
        i0: Ampere = "i0", Kind::defaulted(D::Ampere, R::Positive, "1 mA");
        /// gap over which the current falls by e
        g0: Metre = "g0", Kind::defaulted(D::Metre, R::Positive, "250 pm");
        /// voltage over which the current bends
        v0: Volt = "v0", Kind::defaulted(D::Volt, R::Positive, "250 mV");
        /// speed of the gap without its barrier
        velocity: f64 = "velocity", Kind::defaulted(D::MetrePerSecond, R::Positive, "10 m/s");
        /// activation energy of an oxygen vacancy in electronvolts, as a voltage
        ea: Volt = "ea", Kind::defaulted(D::Volt, R::Positive, "600 mV");
        /// distance between hopping sites
        a0: Metre = "a0", Kind::defaulted(D::Metre, R::Positive, "250 pm");
        /// thickness of the oxide
        tox: Metre = "tox", Kind::defaulted(D::Metre, R::Positive, "12 nm");
        /// field enhancement without a gap
        gamma0: f64 = "gamma0", Kind::defaulted(D::One, R::Positive, "16");
        /// by how much a gap of g1 lowers it
        beta: f64 = "beta", Kind::defaulted(D::One, R::NonNegative, "0.8");
        /// scale of the gap in it
        g1: Metre = "g1", Kind::defaulted(D::Metre, R::Positive, "1 nm");
        /// thermal resistance of the filament
        r_th: f64 = "r-th", Kind::defaulted(D::KelvinPerWatt, R::NonNegative, "2.1 kK/W");
        /// smallest gap
        gap_min: Metre = "gap-min", Kind::defaulted(D::Metre, R::NonNegative, "200 pm");
        /// largest gap, of state 1
        gap_max: Metre = "gap-max", Kind::defaulted(D::Metre, R::Positive, "1.7 nm");
        /// state where it starts and, at rest, stays
        initial: f64 = "initial", Kind::defaulted(D::One, R::Fraction, "1");
    }
}

/// `sinh` and `cosh`, straight on where no circuit lives.
fn bounded_sinh(x: f64) -> (f64, f64) {
    let ((up, up_slope), (down, down_slope)) = (bounded_exp(x), bounded_exp(-x));
    (0.5 * (up - down), 0.5 * (up_slope + down_slope))
}

impl Filament {
    fn range(&self) -> Metre {
        self.gap_max - self.gap_min
    }

    /// The current at a voltage and a state.
    fn current(&self, v: Volt, s: f64) -> Sloped {
        let (sinh, cosh) = bounded_sinh(v / self.v0);
        let i0 = self.i0 * exp(-(self.gap_min + self.range() * s) / self.g0);
        let value = i0 * sinh;
        Sloped { value, by_v: i0 * cosh / self.v0, by_s: -value * self.range() / self.g0 }
    }

    /// `ds/dt` within [0, 1].
    fn rate(&self, v: Volt, s: f64, i: Sloped, ambient: Kelvin) -> Sloped {
        let t = ambient + self.r_th * v * i.value;
        let (t_by_v, t_by_s) = (self.r_th * (i.value + v * i.by_v), self.r_th * v * i.by_s);
        let vt = BOLTZMANN * t / ELEMENTARY_CHARGE;
        let gap = (self.gap_min + self.range() * s) / self.g1;
        let gamma = self.gamma0 - self.beta * gap * gap * gap;
        let gamma_by_s = -3.0 * self.beta * gap * gap * self.range() / self.g1;
        let per_volt = self.a0 / (self.tox * vt);
        let y = gamma * per_volt * v;
        let (sinh, cosh) = bounded_sinh(y);
        let speed = -self.velocity / self.range() * exp(-self.ea / vt);
        let by_t = speed * (self.ea / vt * sinh - y * cosh) / t;
        let free = Sloped {
            value: speed * sinh,
            by_v: by_t * t_by_v + speed * cosh * gamma * per_volt,
            by_s: by_t * t_by_s + speed * cosh * gamma_by_s * per_volt * v,
        };
        let (f, slope) = if free.value > 0.0 {
            let (f, slope) = stop(1.0 - s);
            (f, -slope)
        } else {
            stop(s)
        };
        Sloped {
            value: free.value * f,
            by_v: free.by_v * f,
            by_s: free.by_s * f + free.value * slope,
        }
    }

    /// A Newton step far out on the hyperbolic sine goes only as far as its logarithm.
    fn limit(&self, v: Volt, before: Volt) -> Volt {
        let step = (v - before) / self.v0;
        if v.abs() <= 4.0 * self.v0 || step.abs() <= 2.0 {
            return v;
        }
        before + self.v0 * step.signum() * (2.0 + log(step.abs() - 1.0))
    }
}

impl Element for Filament {
    const SUMMARY: &'static str = "memristor with a gap before its filament (Stanford-PKU)";
    const FIELDS: &'static [Field] = Filament::FIELDS;

    fn build(args: &mut Args) -> Self {
        Filament::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
    }

    fn own(&self) -> Vec<Own> {
        vec![Own::State]
    }

    /// The voltage in the evaluation before.
    fn memory(&self) -> usize {
        1
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: false }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let pins = [at.node(self.p), at.node(self.n)];
        let (row, v) = (at.own(0), at.value(pins[0]) - at.value(pins[1]));
        let (state, s) = (at.value(row), at.value(row).clamp(0.0, 1.0));
        let a = out.limit(at.slot(0), v, |v, before| self.limit(v, before));
        let i = self.current(a, s);
        let by_state = if state == s { i.by_s } else { 0.0 };
        let value = i.value + i.by_v * (v - a);
        flow(out, pins, value, &[(pins[0], i.by_v), (pins[1], -i.by_v), (row, by_state)]);
        let rate = self.rate(a, s, i, at.temperature);
        let rate = Sloped { value: rate.value + rate.by_v * (v - a), ..rate };
        let fastest = self.velocity / self.range();
        stamp_state(at, out, pins, self.initial, fastest, rate);
    }

    /// Thermal, of its chord conductance.
    fn noise(&self, at: &View, out: &mut Vec<Noise>) {
        let pins = [at.node(self.p), at.node(self.n)];
        let (v, s) = (at.value(pins[0]) - at.value(pins[1]), at.value(at.own(0)).clamp(0.0, 1.0));
        let i = self.current(v, s);
        out.push(at.thermal(pins, if v == 0.0 { i.by_v } else { i.value / v }));
    }
}
