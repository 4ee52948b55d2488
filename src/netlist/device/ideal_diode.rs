use super::parameters::parameters;
use super::{Arg, Args, Element, Field, Kind, Path, View, flow};
use crate::netlist::Node;
use crate::numerics::dae::Stamps;
use crate::units::{Dimension as D, Ohm, Range as R, Siemens, Volt};

parameters! {
    /// The limit of a diode: straight lines. From `p` to `n` flows
    /// `g-off v + (1 / r-on - g-off) (h(v - v-forward) - h(-v - v-reverse))` with
    /// `h(u) = max(u, 0)`, or, with `smoothing` `s`, `(u + s)^2 / 4 s` where `|u| < s`.
    ///
    /// Without smoothing it is exactly piecewise linear. It is monotone, so a Newton step is a
    /// direction in which the residual shrinks, and a damped iteration cannot go round among the
    /// finitely many pieces; in the right one a single step is exact.
    pub struct IdealDiode {
        /// anode
        p: Node = "p", Kind::Node;
        /// cathode
        n: Node = "n", Kind::Node;
        /// resistance when conducting
        r_on: Ohm = "r-on", Kind::defaulted(D::Ohm, R::Positive, "1 mohm");
        /// conductance when not
        g_off: Siemens = "g-off", Kind::defaulted(D::Siemens, R::NonNegative, "1 pS");
        /// voltage from which on it conducts
        v_forward: Volt = "v-forward", Kind::defaulted(D::Volt, R::Any, "0 V");
        /// reverse voltage from which on it conducts backwards; where left out, never
        v_reverse: Option<f64> = "v-reverse", Kind::optional(D::Volt, R::Positive);
        /// half the width of the rounded corners
        smoothing: Volt = "smoothing", Kind::defaulted(D::Volt, R::NonNegative, "0 V");
    }
}

impl IdealDiode {
    /// `h` and its slope.
    fn corner(&self, u: Volt) -> (f64, f64) {
        let s = self.smoothing;
        if u >= s {
            (u.max(0.0), if u > 0.0 || s > 0.0 { 1.0 } else { 0.0 })
        } else if u > -s {
            (0.25 * (u + s) * (u + s) / s, 0.5 * (u + s) / s)
        } else {
            (0.0, 0.0)
        }
    }
}

impl Element for IdealDiode {
    const SUMMARY: &'static str = "diode of straight lines from p to n";
    const FIELDS: &'static [Field] = IdealDiode::FIELDS;

    fn build(args: &mut Args) -> Self {
        IdealDiode::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: false }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let (p, n) = (at.node(self.p), at.node(self.n));
        let v = at.value(p) - at.value(n);
        let forward = self.corner(v - self.v_forward);
        let reverse = self.v_reverse.map_or((0.0, 0.0), |vr| self.corner(-v - vr));
        let more = 1.0 / self.r_on - self.g_off;
        let i = self.g_off * v + more * (forward.0 - reverse.0);
        let g = self.g_off + more * (forward.1 + reverse.1);
        flow(out, [p, n], i, &[(p, g), (n, -g)]);
    }
}
