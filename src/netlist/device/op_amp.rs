use std::f64::consts::TAU;

use super::parameters::parameters;
use super::{Arg, Args, Element, Field, Kind, Noise, Own, Path, View, flow, stamp_branch};
use crate::netlist::Node;
use crate::numerics::dae::{Instant, Stamps};
use crate::numerics::math::tanh;
use crate::units::{Dimension as D, Ohm, Range as R, Volt};

parameters! {
    /// An operational amplifier as a macro model: a saturating transconductance into the
    /// capacitor of one pole, then an output stage. With `e = v(in-p) - v(in-n) + offset`, `A` the
    /// gain, `w = 2 pi gbw`, and `a` the voltage of the capacitor, an unknown of its own:
    ///
    /// ```text
    /// da/dt  = S(w (e - a / A)) - 100 w (max(a - v-max, 0) - max(v-min - a, 0))
    /// S(x)   = slew-rate tanh(x / slew-rate)
    /// v(out) = min(max(a, v-min), v-max) + r-out i(out)
    /// ```
    ///
    /// The second term keeps `a` from winding up. What is left out is ideal: without `gain` it is
    /// infinite; without `gbw` there is no pole, `a = A e`; without `slew-rate` `S(x) = x`, and
    /// with it but without `gbw`, `w` is `slew-rate / 1 mV`; without `v-min` or `v-max` that
    /// limit; without `r-in` the inputs draw nothing. At rest `S(x) = x`, which has the same zero.
    /// The output returns its current to ground (after Boyle, Cohn, Pederson and Solomon 1974).
    pub struct OpAmp {
        /// input that the output follows
        in_p: Node = "in-p", Kind::Node;
        /// input that the output opposes
        in_n: Node = "in-n", Kind::Node;
        /// output
        out: Node = "out", Kind::Node;
        /// gain at zero frequency; where left out, infinite
        gain: Option<f64> = "gain", Kind::optional(D::One, R::Positive);
        /// product of gain and bandwidth; where left out, infinite
        gbw: Option<f64> = "gbw", Kind::optional(D::Hertz, R::Positive);
        /// steepest slope of the output; where left out, unlimited
        slew_rate: Option<f64> = "slew-rate", Kind::optional(D::VoltPerSecond, R::Positive);
        /// what is added to the difference of the inputs
        offset: Volt = "offset", Kind::defaulted(D::Volt, R::Any, "0 V");
        /// lowest voltage of the unloaded output; where left out, none
        v_min: Option<f64> = "v-min", Kind::optional(D::Volt, R::Any);
        /// highest voltage of the unloaded output; where left out, none
        v_max: Option<f64> = "v-max", Kind::optional(D::Volt, R::Any);
        /// output resistance
        r_out: Ohm = "r-out", Kind::defaulted(D::Ohm, R::NonNegative, "0 ohm");
        /// resistance between the inputs; where left out, infinite
        r_in: Option<f64> = "r-in", Kind::optional(D::Ohm, R::Positive);
    }
}

/// How much faster the limits act than the amplifier.
const HARDNESS: f64 = 100.0;
/// The input over which an amplifier without a pole slews.
const LINEAR: Volt = 1e-3;

impl OpAmp {
    fn bandwidth(&self) -> Option<f64> {
        self.gbw.map(|gbw| TAU * gbw).or(self.slew_rate.map(|slope| slope / LINEAR))
    }

    /// The row of the capacitor's voltage.
    fn inner(&self, at: &View) -> usize {
        at.own(if self.r_out > 0.0 { 0 } else { 1 })
    }

    /// How far a voltage is beyond the limits, and whether it is.
    fn beyond(&self, a: Volt) -> (Volt, bool) {
        if self.v_max.is_some_and(|top| a > top) {
            (a - self.v_max.unwrap_or(a), true)
        } else if self.v_min.is_some_and(|bottom| a < bottom) {
            (a - self.v_min.unwrap_or(a), true)
        } else {
            (0.0, false)
        }
    }
}

impl Element for OpAmp {
    const SUMMARY: &'static str = "operational amplifier with one pole and limits";
    const FIELDS: &'static [Field] = OpAmp::FIELDS;

    fn build(args: &mut Args) -> Self {
        OpAmp::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
    }

    /// The current of an output without resistance; the voltage of the capacitor.
    fn own(&self) -> Vec<Own> {
        if self.r_out > 0.0 { vec![Own::Voltage] } else { vec![Own::Current, Own::Voltage] }
    }

    fn paths(&self) -> Vec<Path> {
        let forces = self.r_out == 0.0;
        let mut paths = vec![Path { from: self.out, to: Node::GROUND, forces }];
        if self.r_in.is_some() {
            paths.push(Path { from: self.in_p, to: self.in_n, forces: false });
        }
        paths
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let (p, n, o) = (at.node(self.in_p), at.node(self.in_n), at.node(self.out));
        let inner = self.inner(at);
        let (a, difference) = (at.value(inner), at.value(p) - at.value(n));
        let (over, is_over) = self.beyond(a);
        let over_slope = f64::from(u8::from(is_over));

        let inverse = self.gain.map_or(0.0, |gain| 1.0 / gain);
        let error = difference + self.offset - inverse * a;
        let bandwidth = self.bandwidth();
        let (drive, slope, back) = match bandwidth {
            None => (error, 1.0, 1.0),
            Some(w) => match self.slew_rate.filter(|_| at.at != Instant::Rest) {
                None => (w * error, w, HARDNESS * w),
                Some(most) => {
                    let share = tanh(w * error / most);
                    (most * share, w * (1.0 - share * share), HARDNESS * w)
                }
            },
        };
        out.i(inner, back * over - drive);
        out.di(inner, p, -slope);
        out.di(inner, n, slope);
        out.di(inner, inner, slope * inverse + back * over_slope);
        if bandwidth.is_some() {
            out.q(inner, a);
            out.dq(inner, inner, 1.0);
        }

        let (held, held_slope) = (a - over, 1.0 - over_slope);
        if self.r_out > 0.0 {
            let g = 1.0 / self.r_out;
            let slopes = [(o, g), (inner, -g * held_slope)];
            flow(out, [o, Stamps::NOWHERE], g * (at.value(o) - held), &slopes);
        } else {
            stamp_branch(at, out, self.out, Node::GROUND, 0);
            let row = at.own(0);
            out.i(row, at.value(o) - held);
            out.di(row, o, 1.0);
            out.di(row, inner, -held_slope);
        }
        if let Some(r) = self.r_in {
            let g = 1.0 / r;
            flow(out, [p, n], g * difference, &[(p, g), (n, -g)]);
        }
    }

    /// Thermal of the resistances that there are.
    fn noise(&self, at: &View, out: &mut Vec<Noise>) {
        if self.r_out > 0.0 {
            out.push(at.thermal([at.node(self.out), Stamps::NOWHERE], 1.0 / self.r_out));
        }
        if let Some(r) = self.r_in {
            out.push(at.thermal([at.node(self.in_p), at.node(self.in_n)], 1.0 / r));
        }
    }
}
