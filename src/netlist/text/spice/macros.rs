//! Devices that SPICE does not have, by their equations.

use super::{Deck, number};
use crate::netlist::{
    Amplifier, Device, DeviceId, Filament, IdealDiode, Law, Node, OpAmp, SoftmaxAmplifier, Vteam,
    Window,
};
use crate::numerics::Activation;
use crate::units::{BOLTZMANN, ELEMENTARY_CHARGE};

/// How much faster the limits of an op-amp act than it does.
const HARDNESS: f64 = 100.0;
/// The input over which an op-amp without a pole slews.
const LINEAR: f64 = 1e-3;
/// The part of a memristor's range over which its state comes to a stop.
const STOP: f64 = 0.01;

impl Deck {
    pub(super) fn equations(&mut self, id: DeviceId, name: &str, device: &Device) {
        match device {
            Device::Amplifier(d) => self.amplifier(id, d),
            Device::SoftmaxAmplifier(d) => self.softmax(name, d),
            Device::IdealDiode(d) => self.ideal_diode(id, d),
            Device::OpAmp(d) => self.op_amp(id, name, d),
            Device::Vteam(d) => self.vteam(id, name, d),
            Device::Filament(d) => self.filament(id, name, d),
            other => panic!("SPICE has a {}", other.key()),
        }
    }

    fn amplifier(&mut self, id: DeviceId, d: &Amplifier) {
        let u = self.v(d.input);
        let (gain, unit) = (number(d.gain), number(d.v_unit));
        let slope = number(d.gain / d.v_unit);
        let value = match d.activation {
            Activation::Identity => format!("{gain} * {u}"),
            Activation::Tanh => format!("{unit} * tanh({slope} * {u})"),
            // 1 / (1 + exp(-(4x - 2))) in a form that cannot overflow.
            Activation::Sigmoid => {
                format!("{unit} * 0.5 * (1 + tanh(2 * {slope} * {u} - 1))")
            }
            Activation::Relu => format!("{gain} * max({u}, 0)"),
            Activation::HardSigmoid => format!("min(max({gain} * {u}, 0), {unit})"),
            Activation::Softmax => panic!("a softmax is an amplifier of a whole layer"),
        };
        self.element(id, &[d.output, Node::GROUND], &format!("v = {value}"));
    }

    /// With the largest input taken off first, so that no exponential overflows, also while
    /// Newton's method is still far off: the limits `0` and `1` do nothing at the solution.
    fn softmax(&mut self, name: &str, d: &SoftmaxAmplifier) {
        let Some((first, rest)) = d.inputs.split_first() else { return };
        let slope = number(d.gain / d.v_unit);
        let mut top = self.v(*first);
        for (k, &input) in rest.iter().enumerate() {
            let value = format!("max({top}, {})", self.v(input));
            top = self.helper(&format!("{name}.top.{}", k + 1), &value);
        }
        let parts: Vec<String> = d
            .inputs
            .iter()
            .enumerate()
            .map(|(k, &input)| {
                let value = format!("exp(min({slope} * ({} - {top}), 0))", self.v(input));
                self.helper(&format!("{name}.part.{k}"), &value)
            })
            .collect();
        let sum = self.helper(&format!("{name}.sum"), &parts.join(" + "));
        for (k, &output) in d.outputs.iter().enumerate() {
            let value = format!("{} * {} / max({sum}, 1)", number(d.v_unit), parts[k]);
            let out = self.node(output);
            self.behavioural(&format!("{name}.{k}"), [&out, "0"], 'v', &value);
        }
    }

    fn ideal_diode(&mut self, id: DeviceId, d: &IdealDiode) {
        let v = self.between(d.p, d.n);
        let s = d.smoothing;
        let corner = |u: String| match s {
            0.0 => format!("max({u}, 0)"),
            // Beyond the corner the square goes on as its tangent.
            _ => format!(
                "(pow(min(max({u} + {s:e}, 0), {0:e}), 2) / {1:e} + max({u} - {s:e}, 0))",
                2.0 * s,
                4.0 * s
            ),
        };
        let mut bends = corner(format!("({v} - {:e})", d.v_forward));
        if let Some(reverse) = d.v_reverse {
            bends = format!("({bends} - {})", corner(format!("(-{v} - {reverse:e})")));
        }
        let more = number(1.0 / d.r_on - d.g_off);
        let value = format!("i = {} * {v} + {more} * {bends}", number(d.g_off));
        self.element(id, &[d.p, d.n], &value);
    }

    fn op_amp(&mut self, id: DeviceId, name: &str, d: &OpAmp) {
        let inner = self.node_names.unique(&format!("{name}.a"));
        let a = format!("v({inner})");
        let bandwidth =
            d.gbw.map(|gbw| std::f64::consts::TAU * gbw).or(d.slew_rate.map(|s| s / LINEAR));
        let inverse = d.gain.map_or(0.0, |gain| 1.0 / gain);
        let error =
            format!("({} + {:e} - {inverse:e} * {a})", self.between(d.in_p, d.in_n), d.offset);
        let drive = match (bandwidth, d.slew_rate) {
            (Some(w), Some(most)) => format!("{:e} * tanh({:e} * {error})", most / w, w / most),
            _ => error,
        };
        let back = if bandwidth.is_some() { HARDNESS } else { 1.0 };
        let above = d.v_max.map(|top| format!(" - {back:e} * max({a} - {top:e}, 0)"));
        let below = d.v_min.map(|bottom| format!(" + {back:e} * max({bottom:e} - {a}, 0)"));
        let limits = above.unwrap_or_default() + &below.unwrap_or_default();
        self.behavioural(&format!("{name}.gm"), ["0", &inner], 'i', &format!("{drive}{limits}"));
        if let Some(w) = bandwidth {
            self.extra('c', &format!("{name}.pole"), [&inner, "0"], &number(1.0 / w));
        }
        let mut held = a;
        if let Some(bottom) = d.v_min {
            held = format!("max({held}, {bottom:e})");
        }
        if let Some(top) = d.v_max {
            held = format!("min({held}, {top:e})");
        }
        match d.r_out > 0.0 {
            true => {
                let g = 1.0 / d.r_out;
                let value = format!("i = {g:e} * ({} - {held})", self.v(d.out));
                self.element(id, &[d.out, Node::GROUND], &value);
            }
            false => self.element(id, &[d.out, Node::GROUND], &format!("v = {held}")),
        }
        if let Some(r) = d.r_in {
            let nodes = [self.node(d.in_p), self.node(d.in_n)];
            self.extra('r', &format!("{name}.in"), [&nodes[0], &nodes[1]], &number(r));
        }
    }

    /// A node whose voltage is a state from 0 to 1: at rest `initial`, in time of this rate. The
    /// rate is of the state held to its range, which it gets as text.
    fn state(
        &mut self,
        name: &str,
        initial: f64,
        fastest: f64,
        rate: impl FnOnce(&str) -> String,
    ) -> String {
        let node = self.node_names.unique(&format!("{name}.s"));
        let held = format!("min(max(v({node}), 0), 1)");
        let rate = format!("({}) / {fastest:e}", rate(&held));
        let value = format!("time > 0 ? {rate} - (v({node}) - {held}) : {initial:e} - v({node})");
        self.behavioural(&format!("{name}.rate"), ["0", &node], 'i', &value);
        let capacitor = format!("{} ic={initial:e}", number(1.0 / fastest));
        self.extra('c', &format!("{name}.state"), [&node, "0"], &capacitor);
        held
    }

    fn vteam(&mut self, id: DeviceId, name: &str, d: &Vteam) {
        let v = self.between(d.p, d.n);
        let (up, down) = (d.k_off / d.thickness, d.k_on / d.thickness);
        let held = self.state(name, d.initial, up + down, |s| {
            format!(
                "{v} > {0:e} ? {up:e} * pow(max({v} / {0:e} - 1, 0), {1:e}) * {2} : ({v} < -{3:e} ? \
                 -{down:e} * pow(max(-{v} / {3:e} - 1, 0), {4:e}) * {5} : 0)",
                d.v_off,
                d.alpha_off,
                window(d, s, true),
                d.v_on,
                d.alpha_on,
                window(d, s, false)
            )
        });
        let resistance = match d.law {
            Law::Linear => format!("({:e} + {:e} * {held})", d.r_on, d.r_off - d.r_on),
            Law::Exponential => format!("({:e} * pow({:e}, {held}))", d.r_on, d.r_off / d.r_on),
        };
        self.element(id, &[d.p, d.n], &format!("i = {v} / {resistance}"));
    }

    fn filament(&mut self, id: DeviceId, name: &str, d: &Filament) {
        let v = self.between(d.p, d.n);
        let range = d.gap_max - d.gap_min;
        let gap = |s: &str| format!("({:e} + {range:e} * {s})", d.gap_min);
        let current = |s: &str| {
            format!("{:e} * exp(-{} / {:e}) * sinh({v} / {:e})", d.i0, gap(s), d.g0, d.v0)
        };
        let boltzmann = BOLTZMANN / ELEMENTARY_CHARGE;
        let held = self.state(name, d.initial, d.velocity / range, |s| {
            let vt = format!(
                "({boltzmann:e} * (temper + 273.15 + {:e} * {v} * {}))",
                d.r_th,
                current(s)
            );
            let gamma =
                format!("({:e} - {:e} * pow({} / {:e}, 3))", d.gamma0, d.beta, gap(s), d.g1);
            let free = format!(
                "-{:e} * exp(-{:e} / {vt}) * sinh({gamma} * {:e} * {v} / {vt})",
                d.velocity / range,
                d.ea,
                d.a0 / d.tox
            );
            format!("({free}) * ({v} < 0 ? {} : {})", stop(&format!("(1 - {s})")), stop(s))
        });
        let value = format!("i = {}", current(&held));
        self.element(id, &[d.p, d.n], &value);
    }
}

/// 1, but falling to 0 over the last part of the range before an end that is `left` away.
fn stop(left: &str) -> String {
    let t = format!("min({left} / {STOP:e}, 1)");
    format!("({t} * (2 - {t}))")
}

fn window(d: &Vteam, s: &str, up: bool) -> String {
    let p = d.window_p;
    let biolek = |s: &str| format!("(1 - pow({s}, {:e}))", 2.0 * p);
    match (d.window, up) {
        (Window::Stop, true) => stop(&format!("(1 - {s})")),
        (Window::Stop, false) => stop(s),
        (Window::Biolek, true) => biolek(s),
        (Window::Biolek, false) => biolek(&format!("(1 - {s})")),
        (Window::Joglekar, _) => biolek(&format!("abs(2 * {s} - 1)")),
        (Window::Prodromakis, _) => {
            format!("(1 - pow(pow({s} - 0.5, 2) + 0.75, {p:e}))")
        }
    }
}
