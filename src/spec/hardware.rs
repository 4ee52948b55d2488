//! `[hardware]`.

use super::document::{Entry, Value};
use super::library::Library;
use super::nonideal::DEFAULT_WINDOW;
use super::reader::{TableReader, quantity};
use super::{
    ArrayStyle, Hardware, NeuronCircuit, PairStyle, Rows, Summing, TemplateArg, TemplateDevice,
};
use crate::diag::Diagnostic;
use crate::model::EnergyModel;
use crate::netlist::{Kind, ROLL};
use crate::numerics::Activation;
use crate::units::{Dimension, Range, Siemens, format_short};

/// Reads the hardware for a network that is to be trained in place, or is not, with cells of the
/// window of a preset, if there is one.
pub(super) fn read(
    t: &TableReader,
    model: Option<&EnergyModel>,
    library: &Library,
    trains: bool,
    preset: Option<[Siemens; 2]>,
) -> Hardware {
    let named = t.has("cell");
    let cell = t.text("cell").or("cell/rram-1t1r".to_string());
    let window = part(t, "cell", "cell", &cell, library, cell_window).unwrap_or(DEFAULT_WINDOW);
    // What the file names itself comes before a preset.
    let window = preset.filter(|_| !named).unwrap_or(window);
    let array = t.text("array").or("array/differential".to_string());
    let array = part(t, "array", "array", &array, library, directions).unwrap_or_default();
    let g_min = t.quantity("g-min", Dimension::Siemens, Range::NonNegative).or(window[0]);
    let g_max = t.quantity("g-max", Dimension::Siemens, Range::Positive).or(window[1]);
    let hardware = Hardware {
        neurons: neurons(&t.table("neuron"), model, library),
        array,
        pair: t.choice("pair", &PAIRS).or_default(),
        summing: Summing::default(),
        tile: t.counts("tile", 1..=65_536).or([64, 64]).map(|n| n as usize),
        rows: t
            .choice("rows", &[("interleaved", Rows::Interleaved), ("block", Rows::Block)])
            .or(Rows::Interleaved),
        g_min,
        g_max,
        g_leak: t.quantity("g-leak", Dimension::Siemens, Range::NonNegative).or(1e-6),
        c_node: t.quantity("c-node", Dimension::Farad, Range::Positive).or(100e-15),
        v_unit: t.quantity("v-unit", Dimension::Volt, Range::Positive).or(0.2),
        w_max: match trains {
            true => Some(t.number("w-max", Range::Positive).or(1.0)),
            false => t.number("w-max", Range::Positive).optional(),
        },
        headroom: t.number("headroom", Range::AtLeastOne).or(if trains { 4.0 } else { 1.0 }),
        clip: t.flag("clip").or(false),
    };
    check_window(t, &hardware);
    if let Some(model) = model {
        check_weights(t, &hardware, model);
    }
    hardware
}

const PAIRS: [(&str, PairStyle); 2] =
    [("one-sided", PairStyle::OneSided), ("reference", PairStyle::Reference)];

fn check_window(t: &TableReader, hardware: &Hardware) {
    let (g_min, g_max) = (hardware.g_min, hardware.g_max);
    if g_min < g_max {
        return;
    }
    let [low, high] = [g_min, g_max].map(|g| format_short(g, Dimension::Siemens));
    let blame = if t.has("g-min") { "g-min" } else { "g-max" };
    let diagnostic =
        Diagnostic::at(t.span(blame), format!("`g-min` ({low}) must be below `g-max` ({high})"))
            .label("no window is left between them")
            .help("raise `g-max` or lower `g-min`; a cell's own values come from `cell`");
    let both = t.has("g-min") && t.has("g-max");
    t.report(if both { diagnostic.also(t.span("g-max"), "the upper end") } else { diagnostic });
}

fn check_weights(t: &TableReader, hardware: &Hardware, model: &EnergyModel) {
    let (Some(w_max), false) = (hardware.w_max, hardware.clip) else { return };
    for coupling in &model.couplings {
        let crate::model::Coupling::Dense { weight, .. } = coupling else { continue };
        let beyond = |w: &f64| w.abs() > w_max;
        let count = weight.as_slice().iter().filter(|w| beyond(w)).count();
        let Some(at) = weight.as_slice().iter().position(beyond) else { continue };
        let largest = weight.as_slice().iter().fold(0.0f64, |m, w| m.max(w.abs()));
        let fits = (largest * 1e4).ceil() / 1e4;
        let (i, j) = (at / weight.cols(), at % weight.cols());
        let more = match count {
            1 => String::new(),
            n => format!(", and {} more", n - 1),
        };
        t.report(
            Diagnostic::at(
                t.span("w-max"),
                format!(
                    "`{}[{i}, {j}]` is {:.4}{more}: outside the conductance window",
                    model.tensor_name(coupling),
                    weight[(i, j)]
                ),
            )
            .label("`g-max` stands for this weight")
            .help(format!(
                "{}, or write `clip = true`",
                match t.has("w-max") {
                    true => format!("raise `w-max` to {fits:.4} or more, leave it out"),
                    false => format!("write `w-max = {fits:.4}` or more: training takes 1 here"),
                }
            )),
        );
    }
}

/// Reads a part that a key names; a mistake at the key if there is none of the kind.
fn part<T>(
    t: &TableReader,
    key: &str,
    kind: &str,
    name: &str,
    library: &Library,
    read: impl FnOnce(&TableReader) -> T,
) -> Option<T> {
    let found = library.find(name).filter(|part| part.kind() == kind);
    let Some(part) = found else {
        let names: Vec<String> =
            library.names().into_iter().filter(|n| n.starts_with(&format!("{kind}/"))).collect();
        t.report(
            Diagnostic::at(t.span(key), format!("the library has no {kind} `{name}`"))
                .label(format!("unknown {kind}"))
                .help_names(name, "there are", &names)
                .help("`eqcircuit circuits` lists the library; your own go into `circuits/`"),
        );
        return None;
    };
    let parsed = t.reading.part(&part)?;
    let part_reader = t.reading.root(&parsed.table, parsed.start);
    part_reader.text("about").or(String::new());
    Some(read(&part_reader))
}

fn cell_window(t: &TableReader) -> [f64; 2] {
    t.text("cite").or(String::new());
    ["g-min", "g-max"].map(|key| {
        t.quantity(key, Dimension::Siemens, Range::NonNegative).required("g-max = \"25 uS\"")
    })
}

fn directions(t: &TableReader) -> ArrayStyle {
    let styles = [("twin", ArrayStyle::Twin), ("shared", ArrayStyle::Shared)];
    t.choice("directions", &styles).required("directions = \"twin\"")
}

/// The neuron circuit of each layer.
fn neurons(t: &TableReader, model: Option<&EnergyModel>, library: &Library) -> Vec<NeuronCircuit> {
    let circuits: Vec<(Activation, Option<NeuronCircuit>)> = Activation::ALL
        .into_iter()
        .map(|activation| {
            let word = activation.name();
            let used = model.is_some_and(|m| m.layers.iter().any(|l| l.activation == activation));
            let asked = t.text(word);
            let name = match used {
                true => asked.or(format!("neuron/{word}")),
                false => match asked.optional() {
                    Some(name) => name,
                    None => return (activation, None),
                },
            };
            let circuit = part(t, word, "neuron", &name, library, |t| circuit(t, &name)).flatten();
            check_activation(t, activation, circuit.as_ref());
            (activation, circuit)
        })
        .collect();
    let of =
        |activation| circuits.iter().find(|(a, _)| *a == activation).and_then(|(_, c)| c.clone());
    model.map_or(Vec::new(), |m| m.layers.iter().filter_map(|l| of(l.activation)).collect())
}

fn check_activation(t: &TableReader, activation: Activation, circuit: Option<&NeuronCircuit>) {
    let Some(circuit) = circuit.filter(|c| c.activation != activation) else { return };
    t.report(
        Diagnostic::at(
            t.span(activation.name()),
            format!(
                "`{}` computes {}, not {}",
                circuit.name,
                circuit.activation.name(),
                activation.name()
            ),
        )
        .label("another activation")
        .help(format!("name a circuit whose `activation` is \"{}\"", activation.name())),
    );
}

/// Reads a neuron circuit, and checks that it can be laid.
fn circuit(t: &TableReader, name: &str) -> Option<NeuronCircuit> {
    let activations = Activation::ALL.map(|a| (a.name(), a));
    let activation = t.choice("activation", &activations).needed("activation = \"tanh\"");
    t.text("cite").or(String::new());
    let tables = ["unit", "layer"].map(|key| t.table(key).table("device"));
    let [per_unit, per_layer] = [&tables[0], &tables[1]].map(devices);
    let circuit = NeuronCircuit {
        name: name.to_string(),
        activation: activation?,
        per_unit: per_unit?,
        per_layer: per_layer?,
    };
    if let Err(fault) = circuit.check() {
        let holder = tables.iter().find(|t| t.has(&fault.device));
        let span = holder.map_or(t.own_span(), |t| t.span(&fault.device));
        t.report(
            Diagnostic::at(span, format!("neuron circuit `{name}`: {}", fault.what))
                .label("cannot be laid"),
        );
        return None;
    }
    Some(circuit)
}

fn devices(t: &TableReader) -> Option<Vec<TemplateDevice>> {
    let before = t.reading.count();
    let devices = t.entries().iter().filter_map(|entry| device(t, entry)).collect();
    (t.reading.count() == before).then_some(devices)
}

fn device(t: &TableReader, entry: &Entry) -> Option<TemplateDevice> {
    let kinds = t.named_table(entry);
    let [kind] = kinds.entries() else {
        t.report(
            Diagnostic::at(
                entry.item.span.clone(),
                format!("device `{}` must be of one kind", entry.key),
            )
            .label("one kind of device is needed")
            .help("write for example `{ resistor = { p = \"$in\", n = \"0\", g = \"1 uS\" } }`"),
        );
        return None;
    };
    let args = kinds.named_table(kind);
    let args = args
        .entries()
        .iter()
        .map(|arg| match argument(&kind.key, arg) {
            Ok(value) => Some((arg.key.clone(), value)),
            Err(diagnostic) => {
                t.report(diagnostic);
                None
            }
        })
        .collect::<Option<Vec<_>>>()?;
    Some(TemplateDevice { name: entry.key.clone(), kind: kind.key.clone(), args })
}

/// An argument as written, quantities in SI; what it should be is the roll's to say.
fn argument(kind: &str, arg: &Entry) -> Result<TemplateArg, Diagnostic> {
    if let Value::Text(text) = &arg.item.value
        && let Some(parameter) = text.strip_prefix('$')
    {
        return Ok(TemplateArg::Parameter(parameter.to_string()));
    }
    let fields = ROLL.iter().find(|e| e.key == kind).map_or(&[][..], |e| e.fields);
    let dimension = match fields.iter().find(|f| f.key == arg.key).map(|f| f.kind) {
        Some(Kind::Number { dimension, .. }) => Some(dimension),
        Some(Kind::Conductance) => Some(Dimension::Siemens),
        None if arg.key == "r" => Some(Dimension::Ohm),
        _ => None,
    };
    match (&arg.item.value, dimension) {
        (_, Some(dimension)) => {
            quantity(&arg.key, &arg.item, dimension, Range::Any).map(TemplateArg::Number)
        }
        (Value::Text(word), None) => Ok(TemplateArg::Word(word.clone())),
        (other, None) => Err(Diagnostic::at(
            arg.item.span.clone(),
            format!("`{}` is {}, expected a node or a word", arg.key, other.kind()),
        )
        .label("expected text")
        .help("nodes and words are written as text, such as \"$in\"")),
    }
}
