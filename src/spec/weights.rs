//! Weights from a safetensors file: one tensor a coupling, `F32` or `F64`.

use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::reader::TableReader;
use crate::diag::{Diagnostic, Span};
use crate::model::{Coupling, EnergyModel};

/// The tensors of a file that was read; what is wrong with it is reported.
pub(super) fn opened<'a>(
    t: &TableReader,
    path: &Path,
    bytes: &'a [u8],
    span: &Span,
) -> Option<SafeTensors<'a>> {
    match SafeTensors::deserialize(bytes) {
        Ok(file) => Some(file),
        Err(error) => {
            t.report(
                Diagnostic::at(
                    span.clone(),
                    format!("`{}` is not a whole safetensors file", path.display()),
                )
                .label(format!("{} bytes: {error}", bytes.len()))
                .help("it may have been cut short when it was copied; write it again"),
            );
            None
        }
    }
}

/// Fills the model's couplings. `wanted` is the tensor of each, and where the coupling stands; the
/// model is `sound` when no mistake was found in it.
/// All mistakes are reported; `None` if there are any.
pub(super) fn load(
    t: &TableReader,
    path: &Path,
    model: &mut EnergyModel,
    wanted: &[(String, Span)],
    sound: bool,
) -> Option<()> {
    let span = t.span("weights");
    let bytes = t.reading.bytes(path, &span)?;
    let at = |message: String| Diagnostic::at(span.clone(), message);
    let file = opened(t, path, &bytes, &span)?;
    // Against a broken model every tensor would look wrong.
    if !sound {
        return None;
    }
    let mut names = file.names();
    names.sort_unstable();
    let mut whole = true;
    for (coupling, (name, place)) in model.couplings.iter_mut().zip(wanted) {
        let tensor = match file.tensor(name) {
            Ok(tensor) => tensor,
            Err(_) => {
                t.report(
                    at(format!("the weights file has no tensor `{name}`"))
                        .label("a tensor is missing")
                        .also(place.clone(), "needed for this coupling")
                        .help_names(name, "the tensors of the file are", &names),
                );
                whole = false;
                continue;
            }
        };
        if let Err(diagnostic) = fill(coupling, name, &tensor, &span) {
            t.report(diagnostic.also(place.clone(), "for this coupling"));
            whole = false;
        }
    }
    let expected: Vec<String> = model.couplings.iter().map(|c| model.tensor_name(c)).collect();
    for name in names.iter().filter(|n| !expected.iter().any(|e| e == *n)) {
        t.report(
            at(format!("the weights file has a tensor `{name}` that no coupling takes"))
                .label("a tensor too many")
                .help_names(name, "the model takes", &expected),
        );
        whole = false;
    }
    whole.then_some(())
}

fn fill(
    coupling: &mut Coupling,
    name: &str,
    tensor: &TensorView,
    span: &Span,
) -> Result<(), Diagnostic> {
    let at = |message: String| Diagnostic::at(span.clone(), message);
    let shape = match coupling {
        Coupling::Dense { weight, .. } => vec![weight.rows(), weight.cols()],
        Coupling::Bias { value, .. } => vec![value.len()],
    };
    if tensor.shape() != shape {
        let meaning = if shape.len() == 2 { "[post, pre]" } else { "[size]" };
        return Err(at(format!(
            "tensor `{name}` has shape {:?}, but the layers make it {shape:?}",
            tensor.shape()
        ))
        .label("wrong shape")
        .help(format!("its shape is {meaning}; change the sizes of the layers or the file")));
    }
    let values = values_of(name, tensor, span)?;
    coupling.values_mut().copy_from_slice(&values);
    Ok(())
}

/// The numbers of a tensor, all of them finite.
pub(super) fn values_of(
    name: &str,
    tensor: &TensorView,
    span: &Span,
) -> Result<Vec<f64>, Diagnostic> {
    let at = |message: String| Diagnostic::at(span.clone(), message);
    let shape = tensor.shape();
    let values: Vec<f64> = match tensor.dtype() {
        Dtype::F32 => numbers(tensor.data(), |b: [u8; 4]| f64::from(f32::from_le_bytes(b))),
        Dtype::F64 => numbers(tensor.data(), f64::from_le_bytes),
        other => {
            return Err(at(format!("tensor `{name}` holds {other:?}, expected F32 or F64"))
                .label("wrong type of number")
                .help("write the weights as 32-bit or 64-bit floating-point numbers"));
        }
    };
    if let Some(i) = values.iter().position(|v| !v.is_finite()) {
        let cols = shape.last().copied().unwrap_or(1);
        let index =
            if shape.len() == 2 { format!("{}, {}", i / cols, i % cols) } else { i.to_string() };
        return Err(at(format!("`{name}[{index}]` is {}", values[i]))
            .label("not a finite number")
            .help("the training that made this file diverged; train again with smaller steps"));
    }
    Ok(values)
}

pub(super) fn numbers<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    data.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect()
}
