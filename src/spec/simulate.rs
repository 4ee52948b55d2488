//! `[simulate]`: which engine, until when, on which samples.

use super::inputs;
use super::reader::TableReader;
use super::{Analysis, Fidelity, Precision, Simulate, solver};
use crate::data::Split;
use crate::diag::{Diagnostic, Span};
use crate::model::EnergyModel;
use crate::netlist::Ports;
use crate::units::{Dimension, Range};

/// What is to be simulated, as far as it could be read.
pub(super) enum Subject<'a> {
    Network {
        model: Option<&'a EnergyModel>,
        /// Where a family is named that no chip follows.
        chn: Option<Span>,
    },
    /// Digital and analog blocks in a row, which read their own samples.
    Chain,
    /// `bare` without `[ports]`.
    Devices { bare: bool, ports: Option<&'a Ports> },
}

impl Subject<'_> {
    /// Name and size of the clamped layer.
    pub fn clamp(&self) -> Option<(&str, usize)> {
        match self {
            Subject::Network { model, .. } => model.map(|m| {
                let layer = m.layer(m.clamp);
                (layer.name.as_str(), layer.size)
            }),
            Subject::Chain => None,
            Subject::Devices { ports, .. } => {
                ports.map(|p| (p.clamp.name.as_str(), p.clamp.sources.len()))
            }
        }
    }

    /// Name and size of the layer that is read.
    pub fn read(&self) -> Option<(&str, usize)> {
        match self {
            Subject::Network { model, .. } => model.map(|m| {
                let layer = m.layer(m.read);
                (layer.name.as_str(), layer.size)
            }),
            Subject::Chain => None,
            Subject::Devices { ports, .. } => ports.map(|p| {
                let layer = &p.layers[p.read];
                (layer.name.as_str(), layer.nodes.len())
            }),
        }
    }
}

pub(super) const ENGINES: [(&str, Fidelity); 3] = [
    ("ideal", Fidelity::Ideal),
    ("behavioural", Fidelity::Behavioural),
    ("circuit", Fidelity::Circuit),
];

pub(super) fn read(t: &TableReader, subject: &Subject) -> Simulate {
    let engine = t.choice("engine", &ENGINES).or(match subject {
        Subject::Network { .. } => Fidelity::Behavioural,
        Subject::Chain => Fidelity::Ideal,
        Subject::Devices { .. } => Fidelity::Circuit,
    });
    check_engine(t, subject, engine);
    let analyses = [("op", Analysis::Op), ("tran", Analysis::Tran)];
    let analysis = t.choice("analysis", &analyses).or(match engine {
        Fidelity::Behavioural => Analysis::Tran,
        Fidelity::Ideal | Fidelity::Circuit => Analysis::Op,
    });
    if engine == Fidelity::Ideal && analysis == Analysis::Tran {
        t.report(
            Diagnostic::at(t.span("analysis"), "the ideal engine has no time to follow")
                .label("needs another engine")
                .help("write `analysis = \"op\"`, or `engine = \"behavioural\"`"),
        );
    }
    let precisions = [("f32", Precision::F32), ("f64", Precision::F64)];
    let precision = t.choice("precision", &precisions).or(Precision::F64);
    if engine == Fidelity::Circuit && precision == Precision::F32 {
        t.report(
            Diagnostic::at(t.span("precision"), "the circuit engine works in f64 only")
                .label("too few digits for a circuit's equations")
                .help("leave `precision` out, or write `engine = \"behavioural\"`"),
        );
    }
    let until = t.table("until");
    let settled = until.number("settled", Range::Positive).or(match precision {
        Precision::F32 => 1e-5,
        Precision::F64 => 1e-9,
    });
    if precision == Precision::F32 && settled < 1e-6 {
        t.report(
            Diagnostic::at(until.span("settled"), "f32 cannot settle this closely")
                .label("below the rounding of f32")
                .help("write 1e-5, or `precision = \"f64\"`"),
        );
    }
    let at_most = until.quantity("at-most", Dimension::Second, Range::Positive).or(5e-6);
    let at_most_iterations = until.count("iterations", 1..=i64::MAX as u64).or(10_000) as usize;
    drop(until);
    let points = t.count("points", 2..=1_000_000).or(101) as usize;
    let model = match subject {
        Subject::Network { model, .. } => *model,
        Subject::Chain | Subject::Devices { .. } => None,
    };
    let solver = solver::read(t, model);
    let data = t.optional_table("inputs").and_then(|t| inputs::read(&t, subject, Split::Test));
    let nudge = t
        .optional_table("nudge")
        .and_then(|t| t.number("beta", Range::Any).needed("nudge = { beta = 0.1 }"));
    if let (Some(_), Some(data)) = (nudge, &data)
        && data.labels.is_none()
    {
        t.report(
            Diagnostic::at(t.span("nudge"), "nudging needs labels to pull toward")
                .label("the inputs have none")
                .also(t.span("inputs"), "these inputs")
                .help("add a `label` column to the inputs, or drop `nudge`"),
        );
    }
    Simulate {
        engine,
        analysis,
        settled,
        at_most,
        at_most_iterations,
        points,
        precision,
        solver,
        inputs: data,
        nudge,
    }
}

fn check_engine(t: &TableReader, subject: &Subject, engine: Fidelity) {
    // Where the engine is the default, what does not go with it is shown instead.
    let at = |cause: Option<&Span>, message: &str| {
        let cause = cause.filter(|_| !t.has("engine")).cloned();
        Diagnostic::at(cause.unwrap_or(t.span("engine")), message)
    };
    match subject {
        Subject::Devices { .. } if engine != Fidelity::Circuit => t.report(
            at(None, "devices on nodes are solved by the circuit engine only")
                .label("has nothing to work on")
                .help("write `engine = \"circuit\"`, or leave it out"),
        ),
        Subject::Network { chn: Some(chn), .. } if engine != Fidelity::Ideal => t.report(
            at(Some(chn), "only the ideal engine knows the dynamics of a chn network")
                .label("a chip follows those of ham")
                .help("write `engine = \"ideal\"` in [simulate], or `family = \"ham\"` in [model]"),
        ),
        _ => {}
    }
}
