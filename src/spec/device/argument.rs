//! The arguments of a device, kind by kind.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::Placed;
use crate::diag::{Diagnostic, Span};
use crate::netlist::expression::{self, Dialect, Expression, Leaf, Probe, Resolved};
use crate::netlist::{AcDrive, Arg, DeviceId, Field, Kind, Node, Waveform, WaveformField};
use crate::spec::reader::{TableReader, quote};
use crate::units::{self, Dimension, Range};

/// The names of all devices in their order.
pub(super) struct Names<'a> {
    all: Vec<&'a str>,
    /// Where each stands, from the first time that is asked.
    places: OnceCell<HashMap<&'a str, usize>>,
}

impl<'a> Names<'a> {
    pub fn new(all: Vec<&'a str>) -> Names<'a> {
        Names { all, places: OnceCell::new() }
    }

    fn find(&self, t: &TableReader, name: &str, span: Span) -> Option<DeviceId> {
        let places = || self.all.iter().enumerate().map(|(k, name)| (*name, k)).collect();
        let found = self.places.get_or_init(places).get(name).copied();
        if found.is_none() {
            t.report(
                Diagnostic::at(span, format!("no device named `{name}`"))
                    .label("unknown device")
                    .help_names(name, "the devices are", &self.all),
            );
        }
        found.map(DeviceId)
    }
}

/// One argument as its field wants it; `None` when it is wrong, which is then reported.
pub(super) fn argument(
    t: &TableReader,
    field: &Field,
    placed: &mut Placed,
    names: &Names,
) -> Option<Arg> {
    let key = field.key;
    match field.kind {
        Kind::Node => {
            let name = t.text(key).needed(&format!("{key} = \"0\""))?;
            placed.node(t, &name, t.span(key)).map(Arg::Node)
        }
        Kind::Nodes => {
            let example = format!("{key} = [\"a\", \"b\"]");
            let names = t.texts(key, &example).needed(&example)?;
            let nodes: Vec<Option<Node>> =
                names.iter().map(|(name, span)| placed.node(t, name, span.clone())).collect();
            nodes.into_iter().collect::<Option<_>>().map(Arg::Nodes)
        }
        Kind::Number { dimension, range, default } => {
            let ask = t.quantity(key, dimension, range);
            match default.and_then(|text| units::parse(text, dimension, range).ok()) {
                Some(default) => Some(Arg::Number(ask.or(default))),
                None => {
                    let example = match dimension {
                        Dimension::One => dimension.example().to_string(),
                        _ => quote(dimension.example()),
                    };
                    ask.needed(&format!("{key} = {example}")).map(Arg::Number)
                }
            }
        }
        Kind::Conductance => match t.one_of(&["g", "r"], None, "r = \"1 kohm\"")? {
            "g" => t.quantity("g", Dimension::Siemens, Range::NonNegative).optional(),
            _ => t.quantity("r", Dimension::Ohm, Range::Positive).optional().map(|r| 1.0 / r),
        }
        .map(Arg::Number),
        Kind::Optional { dimension, range } => {
            let known = t.quantity(key, dimension, range).checked()?;
            Some(known.map_or(Arg::Absent, Arg::Number))
        }
        Kind::Branch => {
            let name = t.text(key).needed(&format!("{key} = \"v1\""))?;
            let id = names.find(t, &name, t.span(key))?;
            placed.branches.push((id, t.span(key)));
            Some(Arg::Branch(id))
        }
        Kind::Expression { .. } => {
            let text = t.text(key).needed(&format!("{key} = \"2 * v(a)\""))?;
            value(t, &text, t.span(key), placed, names).map(Arg::Expression)
        }
        Kind::Waveform { dimension } => match t.optional_table(key) {
            Some(t) => waveform(&t, dimension).map(Arg::Waveform),
            None => Some(Arg::Absent),
        },
        Kind::AcDrive { dimension } => match t.optional_table(key) {
            Some(t) => {
                let magnitude = t.quantity("magnitude", dimension, Range::NonNegative);
                let one = quote(&units::format_exact(1.0, dimension));
                let magnitude = magnitude.needed(&format!("magnitude = {one}"));
                let phase = t.number("phase", Range::Any).or(0.0);
                Some(Arg::AcDrive(AcDrive { magnitude: magnitude?, phase }))
            }
            None => Some(Arg::Absent),
        },
        Kind::Word { choices } => {
            let words: Vec<(&str, &str)> = choices.iter().map(|w| (*w, *w)).collect();
            let first = choices.first().copied().unwrap_or_default();
            t.choice(key, &words).needed(&format!("{key} = {}", quote(first))).map(Arg::Word)
        }
        Kind::Choice { choices } => {
            let words: Vec<(&str, &str)> = choices.iter().map(|w| (*w, *w)).collect();
            let first = choices.first().copied().unwrap_or_default();
            Some(Arg::Word(t.choice(key, &words).checked()?.unwrap_or(first)))
        }
    }
}

static FORMS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| Waveform::FORMS.iter().map(|form| form.key).collect());

fn waveform(t: &TableReader, dimension: Dimension) -> Option<Waveform> {
    let key = t.one_of(&FORMS, None, "points = [[\"0 s\", \"0 V\"], [\"1 ns\", \"1 V\"]]")?;
    let form = Waveform::FORMS.iter().find(|form| form.key == key)?;
    if form.fields.is_empty() {
        return points(t, key, dimension);
    }
    let t = t.table(key);
    let numbers: Vec<Option<f64>> =
        form.fields.iter().map(|field| number(&t, field, dimension)).collect();
    Waveform::from_numbers(key, &numbers.into_iter().collect::<Option<Vec<f64>>>()?)
}

fn number(
    t: &TableReader,
    &(key, field): &(&'static str, WaveformField),
    source: Dimension,
) -> Option<f64> {
    let dimension = field.dimension(source);
    let ask = t.quantity(key, dimension, field.range());
    match field.default() {
        Some(default) if default.is_finite() => Some(ask.or(default)),
        Some(default) => ask.checked().map(|given| given.unwrap_or(default)),
        None => ask.needed(&format!("{key} = {}", quote(&units::format_exact(1.0, dimension)))),
    }
}

/// Points in time, their times ascending.
fn points(t: &TableReader, key: &'static str, dimension: Dimension) -> Option<Waveform> {
    let points = t.points(key, [Dimension::Second, dimension]).needed("points")?;
    let late = points.windows(2).position(|two| two[1].0 <= two[0].0);
    if let Some(k) = late {
        t.report(
            Diagnostic::at(
                t.span(key),
                format!("the time of point {} is not after the one before", k + 2),
            )
            .label("times must ascend")
            .help("sort the points by time, each time once"),
        );
        return None;
    }
    Some(Waveform::PiecewiseLinear { points })
}

/// An expression, its nodes and devices found.
fn value(
    t: &TableReader,
    text: &str,
    span: Span,
    placed: &mut Placed,
    names: &Names,
) -> Option<Expression<Probe>> {
    let parsed = match expression::parse(text, Dialect::Home) {
        Ok(parsed) => parsed,
        Err(fault) => {
            // Inside the quotes, where the text holds nothing that TOML writes otherwise.
            let plain = span.len() == text.len() + 2;
            let inside = span.start + 1 + fault.range.start..span.start + 1 + fault.range.end;
            let at = if plain && !fault.range.is_empty() { inside } else { span };
            t.report(Diagnostic::at(at, fault.message).label("here").help(fault.help));
            return None;
        }
    };
    let found = parsed.resolve(|leaf| {
        Ok(Resolved::Leaf(match leaf {
            Leaf::Voltage(a, b) => {
                let a = placed.node(t, a, span.clone()).ok_or(())?;
                let b = match b {
                    Some(b) => placed.node(t, b, span.clone()).ok_or(())?,
                    None => Node::GROUND,
                };
                Probe::Voltage(a, b)
            }
            Leaf::Current(device) => {
                let id = names.find(t, device, span.clone()).ok_or(())?;
                placed.branches.push((id, span.clone()));
                Probe::Current(id)
            }
            Leaf::Time => Probe::Time,
            Leaf::Temperature => Probe::Temperature,
            Leaf::Name(name) => {
                t.report(
                    Diagnostic::at(span.clone(), format!("`{name}` has no value here"))
                        .label("unknown name")
                        .help("an expression knows v(node), v(a, b), i(device), time and temper"),
                );
                return Err(());
            }
        }))
    });
    found.ok()
}
