//! Devices that SPICE has.

use super::{Deck, number};
use crate::netlist::{AcDrive, Arg, Device, DeviceId, Kind, Resistor, Waveform};

/// 0 degrees Celsius \[K\].
const FREEZING: f64 = 273.15;

impl Deck {
    pub(super) fn device(&mut self, id: DeviceId, name: &str, device: &Device) {
        match device {
            Device::Resistor(d) if d.g == 0.0 => {}
            Device::Resistor(d) => {
                let value = format!("{}{}", number(resistance(d.g)), coefficients(d));
                self.element(id, &[d.p, d.n], &value);
            }
            Device::Capacitor(d) => {
                self.element(id, &[d.p, d.n], &format!("{}{}", number(d.c), initial(d.initial)));
            }
            Device::Inductor(d) => {
                self.element(id, &[d.p, d.n], &format!("{}{}", number(d.l), initial(d.initial)));
            }
            Device::Coupling(d) => {
                let inductors = [d.l1, d.l2].map(|id| self.devices[id.0].clone());
                let value = format!("{} {} {}", inductors[0], inductors[1], number(d.k));
                self.line(&format!("{} {value}", self.devices[id.0]));
            }
            Device::VoltageSource(d) => {
                self.element(id, &[d.p, d.n], &source(d.dc, &d.wave, d.ac));
            }
            Device::CurrentSource(d) => {
                self.element(id, &[d.p, d.n], &source(d.dc, &d.wave, d.ac));
            }
            Device::Vcvs(d) => self.element(id, &[d.p, d.n, d.cp, d.cn], &number(d.gain)),
            Device::Vccs(d) => self.element(id, &[d.p, d.n, d.cp, d.cn], &number(d.gm)),
            Device::Cccs(d) => {
                let value = format!("{} {}", self.devices[d.control.0], number(d.gain));
                self.element(id, &[d.p, d.n], &value);
            }
            Device::Ccvs(d) => {
                let value = format!("{} {}", self.devices[d.control.0], number(d.rm));
                self.element(id, &[d.p, d.n], &value);
            }
            Device::BehaviouralVoltage(d) => {
                self.element(id, &[d.p, d.n], &format!("v = {}", self.expression(&d.v)));
            }
            Device::BehaviouralCurrent(d) => {
                self.element(id, &[d.p, d.n], &format!("i = {}", self.expression(&d.i)));
            }
            Device::Diode(_) | Device::Mosfet(_) | Device::Switch(_) => self.of_model(id, device),
            other => self.equations(id, name, other),
        }
    }
}

impl Deck {
    /// A device of a model, which it shares with others of the same parameters.
    fn of_model(&mut self, id: DeviceId, device: &Device) {
        match device {
            Device::Diode(d) => {
                let model = self.model("d", &parameters(device, &["area"]));
                let area = number(d.model.area);
                self.element(id, &[d.p, d.n], &format!("{model} area={area}"));
            }
            Device::Mosfet(d) => {
                let sizes = ["w", "l", "ad", "as", "pd", "ps"];
                let kind = word(device, "polarity").unwrap_or("nmos");
                let model = self.model(kind, &parameters(device, &sizes));
                let sizes: Vec<String> = sizes
                    .iter()
                    .filter_map(|key| Some(format!("{key}={}", number(value(device, key)?))))
                    .collect();
                let text = format!("{model} {}", sizes.join(" "));
                self.element(id, &[d.d, d.g, d.s, d.b], &text);
            }
            Device::Switch(d) => {
                let model = self.model("sw", &parameters(device, &[]));
                let position = word(device, "initial").unwrap_or("off");
                self.element(id, &[d.p, d.n, d.cp, d.cn], &format!("{model} {position}"));
            }
            _ => {}
        }
    }
}

/// Keys of SPICE that are not those of the roll.
const RENAMED: &[(&str, &str)] = &[
    ("emission", "n"),
    ("mobility", "uo"),
    ("r-on", "ron"),
    ("r-off", "roff"),
    ("v-threshold", "vt"),
    ("v-hysteresis", "vh"),
];

/// The parameters of a device's model that are not what they are by themselves.
fn parameters(device: &Device, but: &[&str]) -> String {
    let fields = device.entry().fields.iter().zip(device.args());
    let given = fields.filter_map(|(field, arg)| match (arg, field.kind) {
        (Arg::Number(number), Kind::Number { .. } | Kind::Optional { .. })
            if !but.contains(&field.key) && field.kind.default() != Some(number) =>
        {
            Some((field.key, number))
        }
        _ => None,
    });
    let text = given.map(|(key, value)| {
        let renamed = RENAMED.iter().find(|(own, _)| *own == key).map_or(key, |(_, name)| *name);
        format!("{renamed}={}", number(in_spice(key, value)))
    });
    text.collect::<Vec<String>>().join(" ")
}

/// A number in the unit of SPICE, such that it reads back as the same.
fn in_spice(key: &str, value: f64) -> f64 {
    let back = |number: f64| match key {
        "tnom" => number + FREEZING,
        "mobility" => number / 1e4,
        _ => number,
    };
    let there = match key {
        "tnom" => value - FREEZING,
        "mobility" => 1e4 * value,
        _ => return value,
    };
    let mut candidates = [round(there)].into_iter().chain(nearby(there));
    candidates.find(|number| back(*number) == value).unwrap_or(there)
}

/// To 12 digits.
fn round(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// A number and those next to it.
fn nearby(value: f64) -> impl Iterator<Item = f64> {
    let (up, down) = (value.next_up(), value.next_down());
    [value, up, down, up.next_up(), down.next_down()].into_iter()
}

/// The resistance of a conductance, such that it reads back as the same where one does.
fn resistance(g: f64) -> f64 {
    nearby(1.0 / g).find(|r| 1.0 / r == g).unwrap_or(1.0 / g)
}

fn value(device: &Device, key: &str) -> Option<f64> {
    let mut fields = device.entry().fields.iter().zip(device.args());
    match fields.find(|(field, _)| field.key == key)?.1 {
        Arg::Number(number) => Some(number),
        _ => None,
    }
}

fn word(device: &Device, key: &str) -> Option<&'static str> {
    let mut fields = device.entry().fields.iter().zip(device.args());
    match fields.find(|(field, _)| field.key == key)?.1 {
        Arg::Word(word) => Some(word),
        _ => None,
    }
}

fn coefficients(d: &Resistor) -> String {
    [("tc1", d.tc1), ("tc2", d.tc2)]
        .iter()
        .filter_map(|(key, value)| Some(format!(" {key}={}", number((*value)?))))
        .collect()
}

fn initial(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!(" ic={}", number(value)))
}

fn source(dc: f64, wave: &Option<Waveform>, ac: Option<AcDrive>) -> String {
    let mut text = format!("dc {}", number(dc));
    if let Some(AcDrive { magnitude, phase }) = ac {
        text += &format!(" ac {} {}", number(magnitude), number(phase));
    }
    let Some(wave) = wave else { return text };
    let numbers = match wave {
        Waveform::PiecewiseLinear { points } => points.iter().flat_map(|&(t, v)| [t, v]).collect(),
        wave => wave.numbers(),
    };
    // What is endless is 0 there.
    let number = |value: &f64| number(if value.is_finite() { *value } else { 0.0 });
    let numbers: Vec<String> = numbers.iter().map(number).collect();
    let word = match wave {
        Waveform::Pulse { .. } => "pulse",
        Waveform::Sine { .. } => "sin",
        Waveform::Exponential { .. } => "exp",
        Waveform::PiecewiseLinear { .. } => "pwl",
    };
    text + &format!(" {word}({})", numbers.join(" "))
}
