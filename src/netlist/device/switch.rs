use super::parameters::{parameters, words};
use super::{Arg, Args, Element, Field, Kind, Noise, Path, View, flow};
use crate::netlist::Node;
use crate::numerics::dae::Stamps;
use crate::units::{Dimension as D, Ohm, Range as R, Siemens, Volt};

words! {
    /// Where a switch stands.
    pub enum Position {
        Off = "off",
        On = "on",
    }
}

parameters! {
    /// A resistance between `p` and `n` that a voltage changes between two values: `r-on` once
    /// `v(cp) - v(cn)` has been above `v-threshold + v-hysteresis`, `r-off` once it has been below
    /// `v-threshold - v-hysteresis`, as before in between (SPICE S).
    pub struct Switch {
        /// one contact
        p: Node = "p", Kind::Node;
        /// the other contact
        n: Node = "n", Kind::Node;
        /// where the controlling voltage is taken
        cp: Node = "cp", Kind::Node;
        /// what it is taken against
        cn: Node = "cn", Kind::Node;
        /// resistance when on
        r_on: Ohm = "r-on", Kind::defaulted(D::Ohm, R::Positive, "1 ohm");
        /// resistance when off
        r_off: Ohm = "r-off", Kind::defaulted(D::Ohm, R::Positive, "1 Tohm");
        /// the middle of the two voltages at which it changes
        v_threshold: Volt = "v-threshold", Kind::defaulted(D::Volt, R::Any, "0 V");
        /// how far each of them is from the middle
        v_hysteresis: Volt = "v-hysteresis", Kind::defaulted(D::Volt, R::NonNegative, "0 V");
        /// position before the controlling voltage has said anything
        initial: Position = "initial", Kind::Choice { choices: Position::CHOICES };
    }
}

/// What is remembered: nothing yet, or a position.
const UNSET: f64 = 0.0;
const ON: f64 = 1.0;
const OFF: f64 = -1.0;

impl Switch {
    fn conductance(&self, remembered: f64) -> Siemens {
        let on = match remembered {
            UNSET => self.initial == Position::On,
            position => position == ON,
        };
        1.0 / if on { self.r_on } else { self.r_off }
    }

    /// What the controlling voltage makes of what is remembered.
    fn moved(&self, at: &View, remembered: f64) -> f64 {
        let above = at.v(self.cp) - at.v(self.cn) - self.v_threshold;
        if above > self.v_hysteresis {
            ON
        } else if above < -self.v_hysteresis {
            OFF
        } else {
            remembered
        }
    }
}

impl Element for Switch {
    const SUMMARY: &'static str = "resistance between p and n, switched by v(cp) - v(cn)";
    const FIELDS: &'static [Field] = Switch::FIELDS;

    fn build(args: &mut Args) -> Self {
        Switch::take(args)
    }

    fn args(&self) -> Vec<Arg> {
        self.give()
    }

    /// The position.
    fn memory(&self) -> usize {
        1
    }

    fn remember(&self, at: &View, memory: &mut [f64]) -> bool {
        let before = self.conductance(memory[0]);
        memory[0] = self.moved(at, memory[0]);
        self.conductance(memory[0]) != before
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: false }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let (p, n) = (at.node(self.p), at.node(self.n));
        let g = self.conductance(out.memory[at.slot(0)]);
        flow(out, [p, n], g * (at.value(p) - at.value(n)), &[(p, g), (n, -g)]);
    }

    /// Thermal, of the position that the voltage at the operating point calls for; `initial`
    /// between the thresholds.
    fn noise(&self, at: &View, out: &mut Vec<Noise>) {
        let g = self.conductance(self.moved(at, UNSET));
        out.push(at.thermal([at.node(self.p), at.node(self.n)], g));
    }
}
