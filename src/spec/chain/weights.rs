//! The tensors of a chain, from a safetensors file.

use super::super::reader::TableReader;
use super::super::weights::{opened, values_of};
use super::{BlockKind, ChainBlock};
use crate::diag::Diagnostic;

/// A tensor of a chain by its name in files.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainTensor {
    /// The block's name, then the tensor's in it, such as `features.0.weight`.
    pub name: String,
    pub shape: Vec<usize>,
}

/// All tensors of these blocks, in their order.
pub(super) fn tensors(blocks: &[ChainBlock]) -> Vec<ChainTensor> {
    let mut all = Vec::new();
    for block in blocks {
        let mut put = |own: String, shape| {
            all.push(ChainTensor { name: format!("{}.{own}", block.name), shape });
        };
        match &block.kind {
            BlockKind::Digital(layers) => {
                let mut shape = block.input;
                for (place, layer) in layers.iter().enumerate() {
                    for (name, of) in layer.tensors(shape) {
                        put(format!("{place}.{name}"), of);
                    }
                    shape = layer.output(shape).unwrap_or(shape);
                }
            }
            BlockKind::Analog(analog) => {
                analog.model.tensors().into_iter().for_each(|(name, shape)| put(name, shape));
            }
        }
    }
    all
}

/// Reads `weights`, if the file names them: the numbers of every tensor. `None` if something is
/// wrong with them.
pub(super) fn read(t: &TableReader, blocks: &[ChainBlock]) -> Option<Option<Vec<Vec<f64>>>> {
    let Some(path) = t.path("weights").optional() else { return Some(None) };
    let span = t.span("weights");
    let bytes = t.reading.bytes(&path, &span)?;
    let at = |message: String| Diagnostic::at(span.clone(), message);
    let file = opened(t, &path, &bytes, &span)?;
    let mut names = file.names();
    names.sort_unstable();
    let mut whole = true;
    let mut all = Vec::new();
    let wanted = tensors(blocks);
    for ChainTensor { name, shape } in &wanted {
        let found = match file.tensor(name) {
            Err(_) => Err(at(format!("the weights file has no tensor `{name}`"))
                .label("a tensor is missing")
                .help_names(name, "the tensors of the file are", &names)),
            Ok(tensor) if tensor.shape() != shape => Err(at(format!(
                "tensor `{name}` has shape {:?}, but the chain makes it {shape:?}",
                tensor.shape()
            ))
            .label("wrong shape")
            .help("outputs come first, as PyTorch writes them; change the layers or the file")),
            Ok(tensor) => values_of(name, &tensor, &span),
        };
        match found {
            Ok(values) => all.push(values),
            Err(diagnostic) => {
                t.report(diagnostic);
                whole = false;
            }
        }
    }
    // PyTorch counts batches in a tensor that nothing here needs.
    let counts = |name: &str| name.ends_with(".num_batches_tracked");
    for name in names.iter().filter(|n| !counts(n) && !wanted.iter().any(|w| w.name == **n)) {
        let known: Vec<&str> = wanted.iter().map(|w| w.name.as_str()).collect();
        t.report(
            at(format!("the weights file has a tensor `{name}` that no layer takes"))
                .label("a tensor too many")
                .help_names(name, "the chain takes", &known),
        );
        whole = false;
    }
    whole.then_some(Some(all))
}
