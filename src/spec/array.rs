//! `[array.NAME]`: crossbars on nodes.
//!
//! ```toml
//! [array.w1]
//! g = { file = "weights.safetensors", tensor = "w1" }       # or a .npy or .csv file
//! word = { first = "in.{}", r-segment = "1 ohm" }           # one line a row of g
//! bit = { last = ["sum.0", "sum.1"], r-segment = "1 ohm", r-last = "51 ohm" }
//! ```
//!
//! `first` and `last` are the nodes at the two ends of the lines, a list or a pattern for
//! `{}` = 0, 1, ...; an end without nodes is open. `r-first` and `r-last` are all the resistance
//! from the node to the first cell, `r-segment` if they are not given. `v0` makes the cells
//! `i = g v0 sinh(v / v0)`.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use super::device::Placed;
use super::reader::{Names, TableReader};
use super::weights::numbers;
use crate::data::npy;
use crate::diag::Diagnostic;
use crate::netlist::{Array, Node};
use crate::numerics::Mat;
use crate::numerics::crossbar::{Crossbar, End, Fault, Law, Lines, Wire};
use crate::units::{Dimension, Range};

/// Reads all arrays; whether each could be made.
pub(super) fn read(t: &TableReader, placed: &mut Placed) -> bool {
    let mut whole = true;
    for entry in t.entries() {
        let t = t.named_table(entry);
        whole &= array(&t, &entry.key, placed).is_some();
    }
    whole
}

fn array(t: &TableReader, name: &str, placed: &mut Placed) -> Option<()> {
    let g = conductances(t);
    let v0 = t.quantity("v0", Dimension::Volt, Range::Positive).optional();
    let rows = g.as_ref().map(Mat::rows);
    let cols = g.as_ref().map(Mat::cols);
    let word = side(&t.table("word"), "first = \"in.{}\"", rows, placed);
    let bit = side(&t.table("bit"), "last = \"out.{}\"", cols, placed);
    let (g, (word_lines, word), (bit_lines, bit)) = (g?, word?, bit?);
    let crossbar = Crossbar {
        rows: g.rows(),
        cols: g.cols(),
        conductance: g.as_slice().to_vec(),
        law: v0.map_or(Law::Linear, |v0| Law::Sinh { v0 }),
        word: word_lines,
        bit: bit_lines,
    };
    if let Err(fault) = crossbar.check() {
        let (key, help) = match fault {
            Fault::Conductance { .. } | Fault::Shape { .. } => {
                ("g", "conductances are in siemens, 0 where there is no cell")
            }
            Fault::Shorted { .. } | Fault::Resistance { .. } => {
                ("word", "give the lines or their ends a resistance above 0")
            }
            _ => ("word", "name nodes at `first` or `last`, or give the line a cell"),
        };
        let at = Diagnostic::at(t.span(key), format!("array `{name}`: {fault}"));
        t.report(at.label("in this array").help(help));
        return None;
    }
    placed.netlist.add_array(Array { name: name.to_string(), crossbar, word, bit });
    Some(())
}

/// The lines of one kind with the nodes at their ends, as many as `count` if that is known.
fn side(
    t: &TableReader,
    example: &str,
    count: Option<usize>,
    placed: &mut Placed,
) -> Option<(Lines, [Vec<Node>; 2])> {
    let ohms = |key| t.quantity(key, Dimension::Ohm, Range::NonNegative);
    let segment = ohms("r-segment").or(0.0);
    let keys = [("first", "r-first"), ("last", "r-last")];
    keys.iter().for_each(|(key, r)| [key, r].into_iter().for_each(|key| t.known(key)));
    let given = keys.map(|(key, _)| t.has(key));
    if given == [false; 2] && t.is_table() {
        let at = Diagnostic::at(t.own_span(), format!("{} names no nodes", t.title()));
        t.report(at.label("all ends are open").help(format!("write for example `{example}`")));
        return None;
    }
    let mut ends = [End::Open; 2];
    let mut nodes = [Vec::new(), Vec::new()];
    let mut whole = t.is_table();
    for (e, (key, r)) in keys.into_iter().enumerate().filter(|(e, _)| given[*e]) {
        ends[e] = End::Tied(ohms(r).or(segment));
        match ends_at(t, key, count, placed) {
            Some(found) => nodes[e] = found,
            None => whole = false,
        }
    }
    whole.then_some((Lines { wire: Wire::Uniform(segment), ends }, nodes))
}

fn ends_at(
    t: &TableReader,
    key: &'static str,
    count: Option<usize>,
    placed: &mut Placed,
) -> Option<Vec<Node>> {
    let span = t.span(key);
    let names = match t.names(key).optional()? {
        Names::List(names) => names,
        Names::Pattern(pattern) if pattern.contains("{}") => {
            (0..count?).map(|k| (pattern.replace("{}", &k.to_string()), span.clone())).collect()
        }
        Names::Pattern(pattern) => {
            t.report(
                Diagnostic::at(span, format!("`{pattern}` names one node for all lines"))
                    .label("no `{}` in it")
                    .help(format!("write `{key} = \"{pattern}.{{}}\"`, or a list of names")),
            );
            return None;
        }
    };
    if let Some(count) = count.filter(|count| *count != names.len()) {
        t.report(
            Diagnostic::at(span, format!("{} nodes for {count} lines", names.len()))
                .label("wrong number of nodes")
                .help("`g` has one row a word line and one column a bit line"),
        );
        return None;
    }
    let nodes: Vec<Option<Node>> =
        names.into_iter().map(|(name, span)| placed.node(t, &name, span)).collect();
    nodes.into_iter().collect()
}

fn conductances(t: &TableReader) -> Option<Mat> {
    let g = t.table("g");
    let path = g.path("file").needed("file = \"weights.safetensors\"")?;
    let span = g.span("file");
    let tensor = g.text("tensor").checked()?;
    let bytes = g.reading.bytes(&path, &span)?;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let found = match extension {
        "npy" => npy::parse(&bytes).map(|array| array.values).map_err(|fault| {
            Diagnostic::at(span, format!("`{}`: {}", path.display(), fault.message))
                .label("no matrix")
                .help(fault.help)
        }),
        "csv" => of_text(&bytes).map_err(|message| {
            Diagnostic::at(span, format!("`{}`: {message}", path.display()))
                .label("no matrix")
                .help("write one row of numbers a line, with commas between")
        }),
        _ => of_tensor(&g, &path, &bytes, tensor.as_deref()),
    };
    match found {
        Ok(g) => Some(g),
        Err(diagnostic) => {
            g.report(diagnostic);
            None
        }
    }
}

/// A matrix of a safetensors file; its name may be left out where there is only one.
fn of_tensor(
    t: &TableReader,
    path: &Path,
    bytes: &[u8],
    name: Option<&str>,
) -> Result<Mat, Diagnostic> {
    let place = path.display();
    let at = |message: String| Diagnostic::at(t.span("file"), message);
    let file = SafeTensors::deserialize(bytes).map_err(|error| {
        at(format!("`{place}` is not a whole safetensors file: {error}"))
            .label("no matrix")
            .help("conductances come from .safetensors, .npy or .csv files")
    })?;
    let mut names = file.names();
    names.sort_unstable();
    let name = match (name, names.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            return Err(at(format!("`{place}` has {} tensors", names.len()))
                .label("which of them?")
                .help(format!("write `tensor = \"...\"`; there are {}", names.join(", "))));
        }
    };
    let tensor = file.tensor(name).map_err(|_| {
        let at = Diagnostic::at(t.span("tensor"), format!("`{place}` has no tensor `{name}`"));
        at.label("a tensor is missing").help_names(name, "the tensors of the file are", &names)
    })?;
    let [rows, cols] = *tensor.shape() else {
        let shape = format!("tensor `{name}` has shape {:?}", tensor.shape());
        return Err(at(shape).label("no matrix").help("its shape is [word lines, bit lines]"));
    };
    let values = match tensor.dtype() {
        Dtype::F32 => numbers(tensor.data(), |b: [u8; 4]| f64::from(f32::from_le_bytes(b))),
        Dtype::F64 => numbers(tensor.data(), f64::from_le_bytes),
        other => {
            return Err(at(format!("tensor `{name}` holds {other:?}, expected F32 or F64"))
                .label("wrong type of number")
                .help("write 32-bit or 64-bit floating-point numbers"));
        }
    };
    Ok(Mat::from_vec(rows, cols, values))
}

fn of_text(bytes: &[u8]) -> Result<Mat, String> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(bytes);
    let (mut values, mut rows, mut cols) = (Vec::new(), 0, 0);
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        (rows, cols) = (rows + 1, record.len());
        for (k, text) in record.iter().enumerate() {
            let value: f64 = text
                .parse()
                .map_err(|_| format!("`{text}` in row {rows}, column {} is no number", k + 1))?;
            values.push(value);
        }
    }
    Ok(Mat::from_vec(rows, cols, values))
}
