use super::junction::{
    bounded_exp, capacitance_factor, critical_voltage, depletion, limit_junction, potential_at,
    thermal_voltage,
};
use super::parameters::parameters;
use super::{Arg, Args, Element, Field, Kind, Noise, Own, Path, View, charge, flow, joined};
use crate::netlist::Node;
use crate::numerics::dae::Stamps;
use crate::numerics::math::{exp, log, pow};
use crate::units::{
    Ampere, Dimension as D, ELEMENTARY_CHARGE, Farad, Kelvin, Ohm, Range as R, Second, Volt,
};

parameters! {
    /// What a diode is made of, at the temperature `tnom`.
    pub struct DiodeModel {
        /// area, by which is and cjo are multiplied and rs divided
        area: f64 = "area", Kind::defaulted(D::One, R::Positive, "1");
        /// saturation current
        is: Ampere = "is", Kind::defaulted(D::Ampere, R::Positive, "10 fA");
        /// emission coefficient (SPICE n)
        emission: f64 = "emission", Kind::defaulted(D::One, R::Positive, "1");
        /// series resistance
        rs: Ohm = "rs", Kind::defaulted(D::Ohm, R::NonNegative, "0 ohm");
        /// junction capacitance at 0 V
        cjo: Farad = "cjo", Kind::defaulted(D::Farad, R::NonNegative, "0 F");
        /// built-in potential
        vj: Volt = "vj", Kind::defaulted(D::Volt, R::Positive, "1 V");
        /// grading coefficient
        m: f64 = "m", Kind::defaulted(D::One, R::FractionBelowOne, "0.5");
        /// share of vj from which on the capacitance grows in a straight line
        fc: f64 = "fc", Kind::defaulted(D::One, R::FractionBelowOne, "0.5");
        /// transit time: the diffusion charge over the current
        tt: Second = "tt", Kind::defaulted(D::Second, R::NonNegative, "0 s");
        /// reverse breakdown voltage; where left out, it does not break down
        bv: Option<f64> = "bv", Kind::optional(D::Volt, R::Positive);
        /// current at bv
        ibv: Ampere = "ibv", Kind::defaulted(D::Ampere, R::Positive, "1 mA");
        /// activation energy of the saturation current in electronvolts, as a voltage
        eg: Volt = "eg", Kind::defaulted(D::Volt, R::Positive, "1.11 V");
        /// exponent of the temperature in the saturation current
        xti: f64 = "xti", Kind::defaulted(D::One, R::Any, "3");
        /// temperature at which all of this holds
        tnom: Kelvin = "tnom", Kind::defaulted(D::Kelvin, R::Positive, "300.15 K");
        /// coefficient of the flicker noise, `kf i^af / f`
        kf: f64 = "kf", Kind::defaulted(D::One, R::NonNegative, "0");
        /// exponent of the flicker noise
        af: f64 = "af", Kind::defaulted(D::One, R::Positive, "1");
    }
}

/// A junction diode with series resistance, from `p` (anode) to `n` (cathode). With `v` across
/// the junction, `vt = k T / q`, `N` the emission coefficient:
///
/// ```text
/// i = is (exp(v / N vt) - 1) + gmin v       v >= -3 N vt
/// i = -is (1 + (3 N vt / e v)^3) + gmin v   below
/// i = -is exp(-(b + v) / N vt) + gmin v     v < -b, with b such that i(-bv) = -ibv
/// q = tt i + depletion charge of cjo (1 - v / vj)^-m
/// ```
///
/// The laws are those of SPICE3 (Nagel 1975; Quarles, *SPICE3 implementation guide*, 1989), also
/// in temperature.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diode {
    pub p: Node,
    pub n: Node,
    pub model: Box<DiodeModel>,
}

const PINS: [Field; 2] = [
    Field { key: "p", kind: Kind::Node, about: "anode" },
    Field { key: "n", kind: Kind::Node, about: "cathode" },
];

/// The parameters at a temperature, for the whole area.
struct Fitted<'a> {
    model: &'a DiodeModel,
    /// `N k T / q`
    vt: Volt,
    is: Ampere,
    temperature: Kelvin,
    /// Where the breakdown's exponential is one.
    breakdown: Option<Volt>,
}

impl DiodeModel {
    fn at(&self, t: Kelvin) -> Fitted<'_> {
        let vt = self.emission * thermal_voltage(t);
        let mut is = self.is * self.area;
        if t != self.tnom {
            let ratio = t / self.tnom;
            is *= exp((ratio - 1.0) * self.eg / vt + self.xti / self.emission * log(ratio));
        }
        let breakdown = self.bv.map(|bv| breakdown(bv, self.ibv, is, vt));
        Fitted { model: self, vt, is, temperature: t, breakdown }
    }
}

/// Solves `ibv = is (exp((bv - b) / vt) - 1 + b / vt)` for `b`; `bv` where `ibv` is below what
/// flows without breakdown.
fn breakdown(bv: Volt, ibv: Ampere, is: Ampere, vt: Volt) -> Volt {
    if ibv < is * bv / vt {
        return bv;
    }
    let mut b = bv - vt * log(1.0 + ibv / is);
    for _ in 0..25 {
        let next = bv - vt * log(ibv / is + 1.0 - b / vt);
        let done = (next - b).abs() <= 1e-15 * bv;
        b = next;
        if done {
            break;
        }
    }
    b
}

impl Fitted<'_> {
    /// The current through the junction and its slope, without the leak.
    fn current(&self, v: Volt) -> (Ampere, f64) {
        let (is, vt) = (self.is, self.vt);
        if v >= -3.0 * vt {
            let (e, slope) = bounded_exp(v / vt);
            return (is * (e - 1.0), is * slope / vt);
        }
        if let Some(b) = self.breakdown.filter(|b| v < -b) {
            let (e, slope) = bounded_exp(-(b + v) / vt);
            return (-is * e, is * slope / vt);
        }
        let cube = pow(3.0 * vt / (v * std::f64::consts::E), 3.0);
        (-is * (1.0 + cube), 3.0 * is * cube / v)
    }

    /// Charge and capacitance.
    fn charge(&self, v: Volt, (i, g): (Ampere, f64)) -> (f64, Farad) {
        let (model, t) = (self.model, self.temperature);
        let (mut q, mut c) = (model.tt * i, model.tt * g);
        if model.cjo > 0.0 {
            let factor = capacitance_factor(model.vj, model.m, model.tnom, t);
            let vj = potential_at(model.vj, model.tnom, t);
            let layer = depletion(v, model.cjo * model.area * factor, vj, model.m, model.fc);
            q += layer.0;
            c += layer.1;
        }
        (q, c)
    }

    fn limit(&self, v: Volt, before: Volt) -> Volt {
        let critical = critical_voltage(self.vt, self.is);
        match self.breakdown {
            Some(b) if v < (10.0 * self.vt - b).min(0.0) => {
                -b - limit_junction(-(v + b), -(before + b), self.vt, critical)
            }
            _ => limit_junction(v, before, self.vt, critical),
        }
    }
}

impl Diode {
    /// The row of the anode side of the junction.
    fn inner(&self, at: &View) -> usize {
        if self.model.rs > 0.0 { at.own(0) } else { at.node(self.p) }
    }
}

impl Element for Diode {
    const SUMMARY: &'static str = "junction diode from p to n";
    const FIELDS: &'static [Field] =
        &joined::<{ PINS.len() + DiodeModel::FIELDS.len() }>(&PINS, DiodeModel::FIELDS);

    fn build(args: &mut Args) -> Self {
        Diode { p: args.node(), n: args.node(), model: Box::new(DiodeModel::take(args)) }
    }

    fn args(&self) -> Vec<Arg> {
        let pins = [Arg::Node(self.p), Arg::Node(self.n)];
        pins.into_iter().chain(self.model.give()).collect()
    }

    /// The anode side of the junction where there is a series resistance.
    fn own(&self) -> Vec<Own> {
        if self.model.rs > 0.0 { vec![Own::Voltage] } else { Vec::new() }
    }

    /// The voltage of the junction in the evaluation before.
    fn memory(&self) -> usize {
        1
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: false }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let (p, inner, n) = (at.node(self.p), self.inner(at), at.node(self.n));
        if self.model.rs > 0.0 {
            let g = self.model.area / self.model.rs;
            let v = at.value(p) - at.value(inner);
            flow(out, [p, inner], g * v, &[(p, g), (inner, -g)]);
        }
        let fitted = self.model.at(at.temperature);
        let v = at.value(inner) - at.value(n);
        let a = out.limit(at.slot(0), v, |v, before| fitted.limit(v, before));
        let (i, g) = fitted.current(a);
        let (q, c) = fitted.charge(a, (i, g));
        let (i, g) = (i + g * (v - a) + at.gmin * v, g + at.gmin);
        flow(out, [inner, n], i, &[(inner, g), (n, -g)]);
        charge(out, [inner, n], q + c * (v - a), &[(inner, c), (n, -c)]);
    }

    /// Thermal of the series resistance; shot `2 q i` and flicker of the junction.
    fn noise(&self, at: &View, out: &mut Vec<Noise>) {
        let (p, inner, n) = (at.node(self.p), self.inner(at), at.node(self.n));
        if self.model.rs > 0.0 {
            out.push(at.thermal([p, inner], self.model.area / self.model.rs));
        }
        let v = at.value(inner) - at.value(n);
        let i = (self.model.at(at.temperature).current(v).0 + at.gmin * v).abs();
        let shot = Noise {
            name: "shot",
            from: inner,
            to: n,
            white: 2.0 * ELEMENTARY_CHARGE * i,
            flicker: 0.0,
            exponent: 1.0,
        };
        let flicker = self.model.kf * pow(i, self.model.af);
        out.extend([shot.clone(), Noise { name: "flicker", white: 0.0, flicker, ..shot }]);
    }
}
