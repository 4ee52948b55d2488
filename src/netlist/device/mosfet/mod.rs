//! A MOS transistor of level 1.

mod channel;
mod limit;
mod model;

pub use model::{MosfetModel, Polarity};

use super::junction::{bounded_exp, depletion};
use super::{Arg, Args, Element, Field, Kind, Noise, Own, Path, View, charge, flow, joined};
use crate::netlist::Node;
use crate::numerics::dae::Stamps;
use crate::units::{Farad, Volt};
use channel::Sloped;
use model::BulkJunction;

/// A MOS transistor with the law of Shichman and Hodges (1968), level 1 of SPICE. For an
/// n-channel one with `vds >= 0`, and with drain and source exchanged for `vds < 0`:
///
/// ```text
/// vth  = vto + gamma (sqrt(phi - vbs) - sqrt(phi))
/// id   = 0                                                    vgs <= vth
/// id   = beta (1 + lambda vds) (vgs - vth)^2 / 2              vds >= vgs - vth
/// id   = beta (1 + lambda vds) vds (vgs - vth - vds / 2)      otherwise
/// beta = kp w / (l - 2 ld)
/// ```
///
/// The bulk has a diode to drain and to source, `is (exp(v / vt) - 1)` also in reverse (ngspice
/// has `-is` below `-3 vt`, a jump of a twentieth of `is`). The gate has linear overlap capacitances and,
/// with `tox`, those of Meyer (1971). These are no slopes of a charge: `c(v) dv/dt` is stamped
/// with the displacement current `cox dv/dt` as an unknown. In temperature it follows SPICE3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mosfet {
    pub d: Node,
    pub g: Node,
    pub s: Node,
    pub b: Node,
    pub model: Box<MosfetModel>,
}

const PINS: [Field; 4] = [
    Field { key: "d", kind: Kind::Node, about: "drain" },
    Field { key: "g", kind: Kind::Node, about: "gate" },
    Field { key: "s", kind: Kind::Node, about: "source" },
    Field { key: "b", kind: Kind::Node, about: "bulk" },
];

/// Rows of a transistor behind its series resistances, and the first of its displacement
/// currents.
struct Rows {
    d: usize,
    g: usize,
    s: usize,
    b: usize,
    displacement: usize,
}

impl Rows {
    /// Slopes in the voltages over the source of a law of an n-channel transistor, times a
    /// factor, as slopes in the rows.
    fn slopes(&self, by: [f64; 3], factor: f64) -> [(usize, f64); 4] {
        let [g, d, b] = by.map(|slope| factor * slope);
        [(self.g, g), (self.d, d), (self.b, b), (self.s, -(g + d + b))]
    }
}

impl Mosfet {
    fn rows(&self, at: &View) -> Rows {
        let mut next = 0;
        let mut inner = |ohm: f64, node: Node| {
            if ohm > 0.0 {
                next += 1;
                at.own(next - 1)
            } else {
                at.node(node)
            }
        };
        let (d, s) = (inner(self.model.rd, self.d), inner(self.model.rs, self.s));
        Rows { d, g: at.node(self.g), s, b: at.node(self.b), displacement: at.own(next) }
    }

    /// Voltages of gate, drain and bulk over the source, as of an n-channel transistor.
    fn voltages(&self, at: &View, rows: &Rows) -> [Volt; 3] {
        let sign = self.model.polarity.sign();
        [rows.g, rows.d, rows.b].map(|row| sign * (at.value(row) - at.value(rows.s)))
    }

    /// The series resistances that there are, as conductances between rows.
    fn series(&self, at: &View, rows: &Rows) -> impl Iterator<Item = ([usize; 2], f64)> {
        let drain = ([at.node(self.d), rows.d], self.model.rd);
        let source = ([at.node(self.s), rows.s], self.model.rs);
        [drain, source].into_iter().filter(|(_, r)| *r > 0.0).map(|(rows, r)| (rows, 1.0 / r))
    }
}

impl Element for Mosfet {
    const SUMMARY: &'static str = "MOS transistor of level 1";
    const FIELDS: &'static [Field] =
        &joined::<{ PINS.len() + MosfetModel::FIELDS.len() }>(&PINS, MosfetModel::FIELDS);

    fn build(args: &mut Args) -> Self {
        let [d, g, s, b] = std::array::from_fn(|_| args.node());
        Mosfet { d, g, s, b, model: Box::new(MosfetModel::take(args)) }
    }

    fn args(&self) -> Vec<Arg> {
        let pins = [self.d, self.g, self.s, self.b].map(Arg::Node);
        pins.into_iter().chain(self.model.give()).collect()
    }

    /// The inner drain and source where they have series resistances; the displacement currents
    /// from the gate to source, drain and bulk where there is an oxide.
    fn own(&self) -> Vec<Own> {
        let inner = [self.model.rd, self.model.rs].into_iter().filter(|r| *r > 0.0);
        let mut own: Vec<Own> = inner.map(|_| Own::Voltage).collect();
        if self.model.tox.is_some() {
            own.extend([Own::Displacement; 3]);
        }
        own
    }

    /// The voltages over the source in the evaluation before.
    fn memory(&self) -> usize {
        3
    }

    fn paths(&self) -> Vec<Path> {
        let conducts = |from, to| Path { from, to, forces: false };
        vec![conducts(self.d, self.s), conducts(self.b, self.s)]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let (model, rows) = (&*self.model, self.rows(at));
        let sign = model.polarity.sign();
        for (pins, g) in self.series(at, &rows) {
            let v = at.value(pins[0]) - at.value(pins[1]);
            flow(out, pins, g * v, &[(pins[0], g), (pins[1], -g)]);
        }
        let (channel, junctions) = (model.channel(at.temperature), model.junctions(at.temperature));
        let v = self.voltages(at, &rows);
        let before = std::array::from_fn(|k| out.memory[at.slot(k)]);
        let held = limit::limit(&channel, &junctions, v, before);
        let a = std::array::from_fn(|k| out.limit(at.slot(k), v[k], |_, _| held[k]));
        let change = std::array::from_fn(|k| v[k] - a[k]);

        let current = channel.current(a);
        let i = sign * current.ahead(change);
        flow(out, [rows.d, rows.s], i, &rows.slopes(current.by, 1.0));

        let [drain, source] = &junctions;
        let over_drain = [a[2] - a[1], v[2] - v[1]];
        stamp_junction(at, out, [rows.b, rows.d], sign, drain, over_drain);
        stamp_junction(at, out, [rows.b, rows.s], sign, source, [a[2], v[2]]);

        let overlaps = [
            (rows.s, model.cgso * model.w),
            (rows.d, model.cgdo * model.w),
            (rows.b, model.cgbo * model.length()),
        ];
        for (row, c) in overlaps {
            stamp_capacitance(at, out, [rows.g, row], c);
        }
        if model.tox.is_some() {
            let shares = channel.gate_shares(a);
            stamp_gate(at, out, &rows, sign, model.oxide_capacitance(), (&shares, change));
        }
    }

    /// Thermal of the series resistances; of the channel, thermal `8/3 k T gm` (van der Ziel) and
    /// flicker.
    fn noise(&self, at: &View, out: &mut Vec<Noise>) {
        let rows = self.rows(at);
        for (pins, g) in self.series(at, &rows) {
            out.push(at.thermal(pins, g));
        }
        let id = self.model.channel(at.temperature).current(self.voltages(at, &rows));
        let thermal = at.thermal([rows.d, rows.s], 2.0 / 3.0 * id.by[0].abs());
        let flicker = self.model.flicker(id.value);
        out.extend([thermal.clone(), Noise { name: "flicker", white: 0.0, flicker, ..thermal }]);
    }
}

/// A bulk diode from `pins[0]` to `pins[1]`, linearised at `a` where it has `v`; of a p-channel
/// transistor both are turned around.
fn stamp_junction(
    at: &View,
    out: &mut Stamps,
    pins: [usize; 2],
    sign: f64,
    junction: &BulkJunction,
    [a, v]: [Volt; 2],
) {
    let (e, slope) = bounded_exp(a / junction.vt);
    let g = junction.is * slope / junction.vt;
    let i = junction.is * (e - 1.0) + g * (v - a) + at.gmin * v;
    let g = g + at.gmin;
    flow(out, pins, sign * i, &[(pins[0], g), (pins[1], -g)]);
    let part = |k: usize| {
        let (c0, m) = junction.parts[k];
        depletion(a, c0, junction.potential, m, junction.fc)
    };
    let [bottom, wall] = [part(0), part(1)];
    let (q, c) = (bottom.0 + wall.0, bottom.1 + wall.1);
    charge(out, pins, sign * (q + c * (v - a)), &[(pins[0], c), (pins[1], -c)]);
}

fn stamp_capacitance(at: &View, out: &mut Stamps, pins: [usize; 2], c: Farad) {
    let q = c * (at.value(pins[0]) - at.value(pins[1]));
    charge(out, pins, q, &[(pins[0], c), (pins[1], -c)]);
}

/// The currents `share(v) u` from the gate to source, drain and bulk, and the equations
/// `u = cox dv/dt` of the displacement currents.
fn stamp_gate(
    at: &View,
    out: &mut Stamps,
    rows: &Rows,
    sign: f64,
    cox: Farad,
    (shares, change): (&[Sloped; 3], [Volt; 3]),
) {
    for (k, (share, end)) in shares.iter().zip([rows.s, rows.d, rows.b]).enumerate() {
        let row = rows.displacement + k;
        let (u, factor) = (at.value(row), share.ahead(change));
        flow(out, [rows.g, end], factor * u, &rows.slopes(share.by, sign * u));
        flow(out, [rows.g, end], 0.0, &[(row, factor)]);
        out.i(row, -u);
        out.di(row, row, -1.0);
        out.q(row, cox * (at.value(rows.g) - at.value(end)));
        out.dq(row, rows.g, cox);
        out.dq(row, end, -cox);
    }
}
