//! Semiconductors against ngspice: operating points, small signals (which see every capacitance)
//! and noise.
//!
//! Where ngspice is not installed these tests are skipped, aloud.

// Oracles use the platform's functions on purpose: they check ours.
#![allow(clippy::disallowed_methods)]

#[path = "common/dense.rs"]
mod dense;
#[path = "common/ngspice.rs"]
mod ngspice;

use eqcircuit::netlist::{
    AcDrive, Diode, DiodeModel, Mosfet, MosfetModel, Netlist, Node, Polarity, Resistor,
    VoltageSource,
};

const GROUND: Node = Node::GROUND;
const EXACT: &str = ".options reltol=1e-10 abstol=1e-20 vntol=1e-13 itl1=500 gmin=1e-12\n";

/// `k / q` of ngspice-39 (CODATA 2014) over ours (SI 2019). What is exponential in `q v / k T`
/// differs by ten times as much, so temperatures are given such that `k T / q` is the same.
const KELVIN: f64 = (1.380_648_52e-23 / 1.602_176_620_8e-19) / (1.380_649e-23 / 1.602_176_634e-19);

/// A circuit for both simulators.
struct Both {
    netlist: Netlist,
    deck: String,
}

impl Both {
    fn new(kelvin: f64) -> Both {
        let mut netlist = Netlist::new();
        netlist.temperature = kelvin * KELVIN;
        let deck = format!("* both\n{EXACT}.temp {}\n", kelvin - 273.15);
        Both { netlist, deck }
    }

    fn source(&mut self, name: &str, node: &str, dc: f64, ac: f64) {
        let ac_drive = Some(AcDrive { magnitude: ac, phase: 0.0 });
        let p = self.netlist.node(node);
        self.netlist.add(name, VoltageSource { p, n: GROUND, dc, ac: ac_drive, wave: None });
        self.deck += &format!("{name} {node} 0 dc {dc:e} ac {ac:e}\n");
    }

    fn resistor(&mut self, name: &str, p: &str, n: &str, ohm: f64) {
        self.deck += &format!("{name} {p} {n} {ohm:e}\n");
        let [p, n] = [p, n].map(|node| self.netlist.node(node));
        self.netlist.add(name, Resistor { p, n, g: 1.0 / ohm, ..Default::default() });
    }

    fn operating_point(&self) -> Vec<f64> {
        dense::operating_point(&self.netlist)
    }

    /// The operating points agree to 1e-6 of the larger of value and 1 mV or 1 nA.
    fn compare_op(&self) {
        let theirs = ngspice::run(&format!("{}.op\n.end\n", self.deck));
        let ours = self.operating_point();
        for (name, value) in self.netlist.unknown_names().iter().zip(&ours) {
            let floor = if name.starts_with('i') { 1e-9 } else { 1e-3 };
            if !name.contains('#') {
                let their = theirs.vector(name)[0];
                let off = (value - their).abs() / their.abs().max(floor);
                assert!(off < 1e-6, "{name}: {value:e} against {their:e}");
            }
        }
    }

    /// The responses at a frequency agree to 1e-6 of the larger of value and 1 nV or 1 pA; to
    /// 1e-5 off room temperature, where the constants of nature move the built-in potentials.
    fn compare_ac(&self, frequency: f64) {
        let deck = format!("{}.ac lin 1 {frequency:e} {frequency:e}\n.end\n", self.deck);
        let theirs = ngspice::run(&deck);
        let x = self.operating_point();
        let ours = dense::response(&self.netlist, &x, frequency);
        for (name, value) in self.netlist.unknown_names().iter().zip(&ours) {
            let floor = if name.starts_with('i') { 1e-12 } else { 1e-9 };
            if !name.contains('#') {
                let re = theirs.vector(name)[0];
                let im = theirs.vector(&format!("{name}.im"))[0];
                let off = (value.re - re).hypot(value.im - im) / re.hypot(im).max(floor);
                let most = if self.netlist.temperature < 301.0 { 1e-6 } else { 1e-5 };
                assert!(off < most, "{name}: {value} against {re:e} + {im:e} j");
            }
        }
    }

    /// The noise at a node agrees to 1e-5 at both frequencies.
    fn compare_noise(&self, node: &str, source: &str) {
        let x = self.operating_point();
        let of = self.netlist.unknown_names().iter().position(|n| *n == format!("v({node})"));
        for frequency in [10.0, 1e6] {
            let deck = format!(
                "{}.noise v({node}) {source} lin 1 {frequency:e} {frequency:e}\n.end\n",
                self.deck
            );
            let theirs = ngspice::run(&deck).vector("onoise_spectrum")[0];
            let ours = dense::noise(&self.netlist, &x, of.unwrap(), frequency).sqrt();
            assert!((ours / theirs - 1.0).abs() < 1e-5, "{node}: {ours:e} against {theirs:e}");
        }
    }
}

/// Diodes of several kinds at several voltages, each behind a resistor.
fn diodes(kelvin: f64, area: f64) -> Both {
    let plain = DiodeModel { tnom: 300.15 * KELVIN, ..DiodeModel::default() };
    let full = DiodeModel {
        area,
        is: 3e-14,
        emission: 1.4,
        rs: 12.0,
        cjo: 2e-12,
        vj: 0.8,
        m: 0.4,
        fc: 0.45,
        tt: 5e-9,
        bv: Some(5.0),
        ibv: 1e-4,
        eg: 1.2,
        xti: 3.5,
        tnom: 310.15 * KELVIN,
        kf: 1e-15,
        af: 1.2,
    };
    let models = [
        (plain, "d(is=1e-14)"),
        (
            full,
            "d(is=3e-14 n=1.4 rs=12 cjo=2p vj=0.8 m=0.4 fc=0.45 tt=5n bv=5 ibv=1e-4 eg=1.2 \
             xti=3.5 tnom=37 kf=1e-15 af=1.2)",
        ),
    ];
    let mut both = Both::new(kelvin);
    for (m, (model, card)) in models.into_iter().enumerate() {
        both.deck += &format!(".model m{m} {card}\n");
        for (k, dc) in
            [-9.0, -5.2, -1.0, -0.05, 0.0, 0.3, 0.45, 0.6, 2.0, 10.0].into_iter().enumerate()
        {
            let tag = format!("{m}x{k}");
            both.source(&format!("v{tag}"), &format!("a{tag}"), dc, 1.0);
            both.resistor(&format!("r{tag}"), &format!("a{tag}"), &format!("b{tag}"), 1e3);
            let p = both.netlist.node(&format!("b{tag}"));
            let model = Box::new(model.clone());
            both.deck += &format!("d{tag} b{tag} 0 m{m} area={:e}\n", model.area);
            both.netlist.add(format!("d{tag}"), Diode { p, n: GROUND, model });
        }
    }
    both
}

#[test]
fn diodes_are_those_of_ngspice() {
    if !ngspice::is_here() {
        return;
    }
    for kelvin in [300.15, 350.0] {
        let both = diodes(kelvin, 2.0);
        both.compare_op();
        both.compare_ac(1e7);
    }
    // With another area ngspice-39 counts it twice in the noise of the series resistance.
    let both = diodes(300.15, 1.0);
    both.compare_noise("b1x7", "v1x7");
    both.compare_noise("b1x0", "v1x0");
}

/// The gate voltages looked at: accumulation, depletion, weak inversion, either side of the
/// threshold, and well beyond it.
const GATES: [f64; 8] = [-1.5, 0.15, 0.4, 0.66, 0.715, 0.9, 1.6, 4.0];

/// Transistors of one model at one gate voltage and many others, each with sources of its own.
fn transistors(kelvin: f64, polarity: Polarity, vg: f64, forward_bulk: bool) -> Both {
    let sign = if polarity == Polarity::Nmos { 1.0 } else { -1.0 };
    let model = MosfetModel {
        polarity,
        w: 20e-6,
        l: 3e-6,
        vto: 0.7 * sign,
        kp: None,
        mobility: 0.055,
        tox: Some(40e-9),
        gamma: 0.6,
        phi: 0.65,
        lambda: 0.03,
        ld: 0.2e-6,
        rd: 30.0,
        rs: 50.0,
        js: 1e-4,
        ad: 60e-12,
        area_s: 50e-12,
        pd: 40e-6,
        ps: 30e-6,
        pb: 0.75,
        fc: 0.4,
        cj: 3e-4,
        mj: 0.45,
        cjsw: 4e-10,
        mjsw: 0.3,
        cgso: 2e-10,
        cgdo: 3e-10,
        cgbo: 4e-10,
        kf: 1e-26,
        af: 1.1,
        tnom: 300.15 * KELVIN,
        ..MosfetModel::default()
    };
    let kind = if polarity == Polarity::Nmos { "nmos" } else { "pmos" };
    let mut both = Both::new(kelvin);
    both.deck += &format!(
        ".model m {kind}(level=1 vto={} uo=550 tox=40n gamma=0.6 phi=0.65 lambda=0.03 ld=0.2u \
         rd=30 rs=50 js=1e-4 pb=0.75 fc=0.4 cj=3e-4 mj=0.45 cjsw=4e-10 mjsw=0.3 cgso=2e-10 \
         cgdo=3e-10 cgbo=4e-10 kf=1e-26 af=1.1)\n",
        model.vto
    );
    let bulks: &[f64] = if forward_bulk { &[0.2] } else { &[0.0, -1.3] };
    let mut k = 0;
    for vd in [-2.0, -0.05, 0.01, 0.4, 3.0] {
        for vb in bulks {
            k += 1;
            // The bulk against whichever end is the source.
            let vb = vb + f64::min(vd, 0.0);
            for (letter, volts, ac) in [("d", vd, 0.7), ("g", vg, 1.0), ("b", vb, 0.4)] {
                both.source(&format!("v{letter}{k}"), &format!("{letter}{k}"), sign * volts, ac);
            }
            both.deck +=
                &format!("m{k} d{k} g{k} 0 b{k} m w=20u l=3u ad=60p as=50p pd=40u ps=30u\n");
            let [d, g, b] =
                ["d", "g", "b"].map(|letter| both.netlist.node(&format!("{letter}{k}")));
            let model = Box::new(model.clone());
            both.netlist.add(format!("m{k}"), Mosfet { d, g, s: GROUND, b, model });
        }
    }
    both
}

#[test]
fn transistors_are_those_of_ngspice() {
    if !ngspice::is_here() {
        return;
    }
    for polarity in [Polarity::Nmos, Polarity::Pmos] {
        for kelvin in [300.15, 350.0] {
            for vg in GATES {
                let both = transistors(kelvin, polarity, vg, false);
                both.compare_op();
                both.compare_ac(1e6);
            }
        }
        transistors(300.15, polarity, 1.6, true).compare_op();
    }
}

#[test]
fn the_noise_of_a_transistor_is_that_of_ngspice() {
    if !ngspice::is_here() {
        return;
    }
    for tox in [None, Some(30e-9)] {
        let mut both = Both::new(300.15);
        both.source("vdd", "top", 5.0, 0.0);
        both.source("vin", "gate", 1.5, 1.0);
        both.resistor("rl", "top", "out", 2e4);
        let oxide = tox.map_or(String::new(), |tox: f64| format!("tox={tox:e}"));
        both.deck += &format!(
            ".model m nmos(level=1 vto=0.8 kp=50u lambda=0.02 rd=100 rs=200 kf=2e-26 af=1.2 {oxide})\n\
             m1 out gate 0 0 m w=10u l=2u\n"
        );
        let [d, g] = ["out", "gate"].map(|node| both.netlist.node(node));
        let model = MosfetModel {
            w: 10e-6,
            l: 2e-6,
            vto: 0.8,
            kp: Some(50e-6),
            lambda: 0.02,
            rd: 100.0,
            rs: 200.0,
            kf: 2e-26,
            af: 1.2,
            tnom: 300.15 * KELVIN,
            tox,
            ..MosfetModel::default()
        };
        both.netlist.add("m1", Mosfet { d, g, s: GROUND, b: GROUND, model: Box::new(model) });
        both.compare_op();
        both.compare_noise("out", "vin");
    }
}
