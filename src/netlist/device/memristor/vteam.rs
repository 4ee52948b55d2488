use super::super::parameters::{parameters, words};
use super::super::{Arg, Args, Element, Field, Kind, Noise, Own, Path, View, flow};
use super::{Sloped, stamp_state, stop};
use crate::netlist::Node;
use crate::numerics::dae::Stamps;
use crate::numerics::math::{exp, log, pow};
use crate::units::{Dimension as D, Metre, Ohm, Range as R, Volt};

words! {
    /// How the resistance depends on the state.
    pub enum Law {
        /// `r-on + (r-off - r-on) s`
        Linear = "linear",
        /// `r-on (r-off / r-on)^s`
        Exponential = "exponential",
    }
}

words! {
    /// How the state slows down towards its ends.
    pub enum Window {
        /// Only over the last hundredth before the end that it moves to.
        Stop = "stop",
        /// `1 - (2 s - 1)^(2 p)` (Joglekar and Wolf 2009); never leaves an end once it is there.
        Joglekar = "joglekar",
        /// `1 - s^(2 p)` towards 1, `1 - (1 - s)^(2 p)` towards 0 (Biolek, Biolek and Biolkova
        /// 2009).
        Biolek = "biolek",
        /// `1 - ((s - 1/2)^2 + 3/4)^p` (Prodromakis, Peh, Papavassiliou and Toumazou 2011); never
        /// leaves an end either.
        Prodromakis = "prodromakis",
    }
}

parameters! {
    /// A memristor with thresholds: VTEAM (Kvatinsky, Ramadan, Friedman and Kolodny, *IEEE
    /// TCAS-II* 62:786, 2015). The state `s` is 0 at `r-on` and 1 at `r-off`; `f` is the window:
    ///
    /// ```text
    /// ds/dt =  k-off / thickness (v / v-off - 1)^alpha-off f(s)      v > v-off
    /// ds/dt = -k-on / thickness (-v / v-on - 1)^alpha-on f(s)        v < -v-on
    /// ds/dt =  0                                                     between
    /// i     =  v / r(s)
    /// ```
    pub struct Vteam {
        /// a voltage above zero here turns it off
        p: Node = "p", Kind::Node;
        /// the other end
        n: Node = "n", Kind::Node;
        /// resistance in state 0
        r_on: Ohm = "r-on", Kind::defaulted(D::Ohm, R::Positive, "50 ohm");
        /// resistance in state 1
        r_off: Ohm = "r-off", Kind::defaulted(D::Ohm, R::Positive, "1 kohm");
        /// speed towards on, without its sign
        k_on: f64 = "k-on", Kind::defaulted(D::MetrePerSecond, R::Positive, "10 m/s");
        /// speed towards off
        k_off: f64 = "k-off", Kind::defaulted(D::MetrePerSecond, R::Positive, "500 um/s");
        /// exponent towards on
        alpha_on: f64 = "alpha-on", Kind::defaulted(D::One, R::AtLeastOne, "3");
        /// exponent towards off
        alpha_off: f64 = "alpha-off", Kind::defaulted(D::One, R::AtLeastOne, "1");
        /// threshold towards on, without its sign
        v_on: Volt = "v-on", Kind::defaulted(D::Volt, R::Positive, "200 mV");
        /// threshold towards off
        v_off: Volt = "v-off", Kind::defaulted(D::Volt, R::Positive, "20 mV");
        /// way of the state variable from on to off
        thickness: Metre = "thickness", Kind::defaulted(D::Metre, R::Positive, "3 nm");
        /// how the resistance depends on the state
        law: Law = "law", Kind::Choice { choices: Law::CHOICES };
        /// how the state slows down towards its ends
        window: Window = "window", Kind::Choice { choices: Window::CHOICES };
        /// exponent p of the window
        window_p: f64 = "window-p", Kind::defaulted(D::One, R::AtLeastOne, "1");
        /// state where it starts and, at rest, stays
        initial: f64 = "initial", Kind::defaulted(D::One, R::Fraction, "1");
    }
}

impl Vteam {
    /// The resistance at a state and its slope.
    fn resistance(&self, s: f64) -> (Ohm, f64) {
        match self.law {
            Law::Linear => (self.r_on + (self.r_off - self.r_on) * s, self.r_off - self.r_on),
            Law::Exponential => {
                let lambda = log(self.r_off / self.r_on);
                let r = self.r_on * exp(lambda * s);
                (r, lambda * r)
            }
        }
    }

    /// The window and its slope, for a state that moves up or down.
    fn window(&self, s: f64, up: bool) -> (f64, f64) {
        let p = self.window_p;
        let biolek = |s: f64| (1.0 - pow(s, 2.0 * p), -2.0 * p * pow(s, 2.0 * p - 1.0));
        let mirrored = |(f, slope): (f64, f64)| (f, -slope);
        match (self.window, up) {
            (Window::Stop, true) => mirrored(stop(1.0 - s)),
            (Window::Stop, false) => stop(s),
            (Window::Biolek, true) => biolek(s),
            (Window::Biolek, false) => mirrored(biolek(1.0 - s)),
            (Window::Joglekar, _) => {
                let x = 2.0 * s - 1.0;
                let (f, slope) = biolek(x.abs());
                (f, 2.0 * slope * x.signum())
            }
            (Window::Prodromakis, _) => {
                let (x, base) = (s - 0.5, (s - 0.5) * (s - 0.5) + 0.75);
                (1.0 - pow(base, p), -2.0 * p * x * pow(base, p - 1.0))
            }
        }
    }

    /// `ds/dt` within [0, 1].
    fn rate(&self, v: Volt, s: f64) -> Sloped {
        let up = v > 0.0;
        let (k, threshold, alpha) = if up {
            (self.k_off / self.thickness, self.v_off, self.alpha_off)
        } else {
            (-self.k_on / self.thickness, -self.v_on, self.alpha_on)
        };
        let beyond = v / threshold - 1.0;
        if beyond <= 0.0 {
            return Sloped { value: 0.0, by_v: 0.0, by_s: 0.0 };
        }
        let speed = k * pow(beyond, alpha);
        let by_v = k * alpha * pow(beyond, alpha - 1.0) / threshold;
        let (f, slope) = self.window(s, up);
        Sloped { value: speed * f, by_v: by_v * f, by_s: speed * slope }
    }
}

impl Element for Vteam {
    const SUMMARY: &'static str = "memristor with thresholds (VTEAM)";
    const FIELDS: &'static [Field] = Vteam::FIELDS;

    fn build(args: &mut Args) -> Self {
        Vteam::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
    }

    fn own(&self) -> Vec<Own> {
        vec![Own::State]
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: false }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let pins = [at.node(self.p), at.node(self.n)];
        let (row, v) = (at.own(0), at.value(pins[0]) - at.value(pins[1]));
        let (state, inside) = (at.value(row), at.value(row).clamp(0.0, 1.0));
        let (r, slope) = self.resistance(inside);
        let by_state = if state == inside { -v / (r * r) * slope } else { 0.0 };
        flow(out, pins, v / r, &[(pins[0], 1.0 / r), (pins[1], -1.0 / r), (row, by_state)]);
        let fastest = (self.k_on + self.k_off) / self.thickness;
        stamp_state(at, out, pins, self.initial, fastest, self.rate(v, inside));
    }

    fn noise(&self, at: &View, out: &mut Vec<Noise>) {
        let (r, _) = self.resistance(at.value(at.own(0)).clamp(0.0, 1.0));
        out.push(at.thermal([at.node(self.p), at.node(self.n)], 1.0 / r));
    }
}
