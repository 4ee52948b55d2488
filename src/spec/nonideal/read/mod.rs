//! `[nonideal]` of a file.

mod cell;
mod noise;
mod periphery;
mod programming;
mod time;
mod update;

pub(in crate::spec) use update::check_optimiser;

use super::{
    Along, Cluster, Conduction, Fabrication, Law, MirrorSpread, NeuronSpread, NonIdeal, Spread,
    StuckAt, Wire,
};
use crate::diag::Diagnostic;
use crate::spec::reader::TableReader;
use crate::spec::{Fidelity, NeuronCircuit, PairStyle};
use crate::units::{Dimension, Range, Siemens};

/// What cells are for.
#[derive(Clone, Copy, Default)]
pub(in crate::spec) struct Use {
    pub pairs: PairStyle,
    /// Whether they are moved in place.
    pub trains: bool,
}

/// Reads how hardware of this window and these amplifiers falls short.
pub(in crate::spec) fn read(
    t: &TableReader,
    window: [Siemens; 2],
    use_of: Use,
    amplifiers: &[&NeuronCircuit],
) -> NonIdeal {
    // Taken before, by `preset::of_file`; here it is only known.
    t.text("preset").optional();
    let moves = t.has("update") && use_of.trains;
    let of_time = |t: TableReader| {
        let time = time::read(&t, window);
        if moves {
            update::check_age(&t, &time);
        }
        time
    };
    let nonideal = NonIdeal {
        fabrication: fabrication(&t.table("fabrication")),
        programming: programming::read(&t.table("programming"), window),
        update: t.optional_table("update").and_then(|t| update::read(&t, window, use_of.pairs)),
        time: t.optional_table("time").map(of_time).unwrap_or_default(),
        read: t.optional_table("read").map(|t| noise::read(&t, window)).unwrap_or_default(),
        wire: wire(&t.table("wire")),
        cell: t.optional_table("cell").map(|t| cell::read(&t)).unwrap_or_default(),
        periphery: t.optional_table("periphery").map(|t| periphery::read(&t)).unwrap_or_default(),
    };
    check_neurons(t, &nonideal.fabrication.neuron, amplifiers);
    nonideal
}

/// Reports what the behavioural engine, or either, cannot hold.
pub(in crate::spec) fn check_engine(t: &TableReader, nonideal: &NonIdeal, engine: Fidelity) {
    if !check_noise(t, nonideal) {
        return;
    }
    let Some((key, what)) = nonideal.needs_cells().filter(|_| engine == Fidelity::Behavioural)
    else {
        return;
    };
    t.report(
        Diagnostic::at(t.span(key), format!("the behavioural engine has no {what}"))
            .label("not as products of matrices")
            .help("write `engine = \"circuit\"` in [simulate], which solves every cell"),
    );
}

/// Reports noise of cells that nobody has an equation for.
fn check_noise(t: &TableReader, nonideal: &NonIdeal) -> bool {
    if nonideal.read.is_quiet() || nonideal.cell == Conduction::default() {
        return true;
    }
    let (message, help) = if !nonideal.cell.has_products() {
        (
            "read noise is that of cells with nothing in series but a resistance",
            "drop one of the two; `sinh` alone, or `transistor` with `r-on` alone, goes with noise",
        )
    } else if nonideal.read.shot > 0.0 {
        ("shot noise is that of cells which are resistors", "drop `shot`, or `nonideal.cell`")
    } else {
        return true;
    };
    t.report(
        Diagnostic::at(t.span("read"), message)
            .label("does not go with `nonideal.cell`")
            .also(t.span("cell"), "how cells conduct")
            .help(help),
    );
    false
}

/// A number that is nothing where it is not given; outside its range it is a mistake, with the
/// reason.
fn within(
    t: &TableReader,
    key: &'static str,
    dimension: Dimension,
    range: Range,
    why: &str,
) -> Option<f64> {
    checked(t, key, range, why, t.quantity(key, dimension, Range::Any).optional()?)
}

/// As [`within`], of a key that has to be there; `example` is a line that would do.
fn needed(
    t: &TableReader,
    key: &'static str,
    dimension: Dimension,
    range: Range,
    [example, why]: [&str; 2],
) -> Option<f64> {
    checked(t, key, range, why, t.quantity(key, dimension, Range::Any).needed(example)?)
}

/// As [`within`], of a bare number with a default that is told.
fn number_or(t: &TableReader, key: &'static str, range: Range, why: &str, default: f64) -> f64 {
    let value = t.number(key, Range::Any).or(default);
    checked(t, key, range, why, value).unwrap_or(default)
}

fn checked(t: &TableReader, key: &'static str, range: Range, why: &str, value: f64) -> Option<f64> {
    if range.contains(value) {
        return Some(value);
    }
    t.report(
        Diagnostic::at(t.span(key), format!("`{key}` must be {}", range.words()))
            .label("out of range")
            .help(why),
    );
    None
}

const DEVIATION: &str = "it is a standard deviation; 0 or leaving it out is none";
const CELLS: &str = "it is a fraction of the cells: 0 is none, 1 all of them";

/// A standard deviation without a unit.
fn deviation(t: &TableReader, key: &'static str) -> f64 {
    within(t, key, Dimension::One, Range::NonNegative, DEVIATION).unwrap_or(0.0)
}

fn fabrication(t: &TableReader) -> Fabrication {
    let read = Fabrication {
        spread: number_or(t, "spread", Range::NonNegative, DEVIATION, 0.0),
        stuck_on: number_or(t, "stuck-on", Range::Fraction, CELLS, 0.0),
        stuck_off: number_or(t, "stuck-off", Range::Fraction, CELLS, 0.0),
        g_min: spread(t, "g-min"),
        g_max: spread(t, "g-max"),
        stuck_at: t.tables("stuck-at").iter().filter_map(stuck_at).collect(),
        cluster: t.optional_table("cluster").and_then(|t| cluster(&t)),
        neuron: t.optional_table("neuron").map(|t| neuron(&t)).unwrap_or_default(),
        mirror: t.optional_table("mirror").map(|t| mirror(&t)).unwrap_or_default(),
    };
    let stuck = read.stuck();
    if stuck > 1.0 {
        let keys = ["stuck-off", "stuck-at", "stuck-on"];
        let given: Vec<&str> = keys.into_iter().filter(|key| t.has(key)).collect();
        let blame = Diagnostic::at(
            t.span(given.first().unwrap_or(&"stuck-off")),
            format!("{stuck} of the cells are stuck, which is more than all"),
        );
        let others = given.iter().skip(1);
        let blame =
            others.fold(blame.label("too many"), |d, key| d.also(t.span(key), "with these"));
        t.report(blame.help(
            "`stuck-on`, `stuck-off` and the rates of `stuck-at` are fractions of all cells: their \
             sum is at most 1",
        ));
    }
    read
}

fn spread(t: &TableReader, key: &'static str) -> Spread {
    let Some(t) = t.optional_table(key) else { return Spread::default() };
    Spread {
        sigma: deviation(&t, "spread"),
        law: t
            .choice("law", &[("lognormal", Law::Lognormal), ("normal", Law::Normal)])
            .or(Law::Lognormal),
    }
}

fn stuck_at(t: &TableReader) -> Option<StuckAt> {
    let rate = needed(t, "rate", Dimension::One, Range::Fraction, ["rate = 0.01", CELLS]);
    let why = "a passive cell conducts nothing or more";
    let conductance = |key| within(t, key, Dimension::Siemens, Range::NonNegative, why);
    let between = match t.one_of(&["g", "from"], None, "g = \"5 uS\"")? {
        "g" => {
            t.exclude("g", &["to"]);
            [conductance("g")?; 2]
        }
        _ => {
            let example = ["to = \"5 uS\"", why];
            let to = needed(t, "to", Dimension::Siemens, Range::NonNegative, example);
            [conductance("from")?, to?]
        }
    };
    if between[0] > between[1] {
        t.report(
            Diagnostic::at(t.span("to"), "`to` is below `from`")
                .label("the upper end")
                .also(t.span("from"), "the lower end")
                .help("cells are stuck between the two: write the smaller one as `from`"),
        );
        return None;
    }
    Some(StuckAt { rate: rate?, between })
}

fn cluster(t: &TableReader) -> Option<Cluster> {
    let why = "it is the mean number of cells of a cluster, and a cluster has one at least";
    let mean = within(t, "mean", Dimension::One, Range::AtLeastOne, why);
    let shapes = [("word", Along::Word), ("bit", Along::Bit), ("patch", Along::Patch)];
    let along = t.choice("along", &shapes).needed("along = \"word\"");
    if !t.has("mean") {
        t.report(
            Diagnostic::at(t.own_span(), "[nonideal.fabrication.cluster] needs `mean`")
                .label("`mean` is missing")
                .help("add for example `mean = 8`, the mean number of cells of a cluster"),
        );
    }
    Some(Cluster { mean: mean?, along: along? })
}

fn neuron(t: &TableReader) -> NeuronSpread {
    let why = "it is a standard deviation; 0 or leaving it out is none";
    NeuronSpread {
        offset: within(t, "offset", Dimension::Volt, Range::NonNegative, why).unwrap_or(0.0),
        gain: deviation(t, "gain"),
        time_constant: deviation(t, "time-constant"),
    }
}

fn mirror(t: &TableReader) -> MirrorSpread {
    MirrorSpread { bias: deviation(t, "bias"), nudge: deviation(t, "nudge") }
}

/// Errors of amplifiers act at the pin `$sense`.
fn check_neurons(t: &TableReader, neuron: &NeuronSpread, amplifiers: &[&NeuronCircuit]) {
    if neuron.offset <= 0.0 && neuron.gain <= 0.0 {
        return;
    }
    let blind = amplifiers.iter().find(|circuit| !circuit.senses());
    if let Some(circuit) = blind {
        t.report(
            Diagnostic::at(
                t.span("fabrication"),
                format!("`{}` has no amplifier at `$sense`", circuit.name),
            )
            .label("its offset and gain cannot be off")
            .help("in the circuit, join the amplifier's input to `$sense` instead of `$in`"),
        );
    }
}

fn wire(t: &TableReader) -> Wire {
    let why = "a wire of no resistance is 0 ohm; none is below";
    let ohms = |key| within(t, key, Dimension::Ohm, Range::NonNegative, why).unwrap_or(0.0);
    let r_segment = t.quantity("r-segment", Dimension::Ohm, Range::Any).or(0.0);
    Wire {
        r_segment: checked(t, "r-segment", Range::NonNegative, why, r_segment).unwrap_or(0.0),
        spread: wire_spread(t),
        r_driver: ohms("r-driver"),
        r_sense: ohms("r-sense"),
        c_segment: within(
            t,
            "c-segment",
            Dimension::Farad,
            Range::NonNegative,
            "no wire has less than none",
        )
        .unwrap_or(0.0),
    }
}

/// Widest spread of the resistance of wires.
const WIDEST: f64 = 5.0;

fn wire_spread(t: &TableReader) -> f64 {
    let spread = deviation(t, "spread");
    if spread <= WIDEST {
        return spread;
    }
    t.report(
        Diagnostic::at(t.span("spread"), format!("`spread` must be at most {WIDEST}"))
            .label("out of range")
            .help(
                "it is the standard deviation of a logarithm: at 5 one segment in 700 already \
                 resists more than 3 million times the median, and arrays cannot be solved beyond",
            ),
    );
    0.0
}
