//! Named `f64` tensors in a safetensors file.

use std::borrow::Cow;

use safetensors::tensor::{Dtype, View};

use crate::model::{Coupling, EnergyModel};
use crate::numerics::Mat;

/// A named tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

impl Tensor {
    pub fn vector(name: impl Into<String>, data: Vec<f64>) -> Tensor {
        Tensor { name: name.into(), shape: vec![data.len()], data }
    }

    pub fn matrix(name: impl Into<String>, m: &Mat) -> Tensor {
        Tensor { name: name.into(), shape: vec![m.rows(), m.cols()], data: m.as_slice().to_vec() }
    }

    /// The parameters of a coupling, as a weights file holds them: a weight `[post, pre]`, or a
    /// bias `[size]`.
    pub fn parameter(model: &EnergyModel, coupling: &Coupling) -> Tensor {
        let name = model.tensor_name(coupling);
        match coupling {
            Coupling::Dense { weight, .. } => Tensor::matrix(name, weight),
            Coupling::Bias { value, .. } => Tensor::vector(name, value.clone()),
        }
    }
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        Dtype::F64
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        self.data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into()
    }
    fn data_len(&self) -> usize {
        8 * self.data.len()
    }
}

/// The bytes of a safetensors file.
///
/// # Errors
/// When the header would be too large for the format.
pub fn to_bytes(tensors: &[Tensor]) -> std::io::Result<Vec<u8>> {
    safetensors::serialize(tensors.iter().map(|t| (t.name.as_str(), t)), None)
        .map_err(std::io::Error::other)
}

/// All tensors of a file's bytes, sorted by name.
///
/// # Errors
/// What is wrong with the bytes: truncated, or a tensor that is not `F64`.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<Tensor>, String> {
    let file = safetensors::SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let mut tensors = Vec::new();
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F64 {
            return Err(format!("tensor `{name}` is {:?}, expected F64", view.dtype()));
        }
        let data = view
            .data()
            .chunks_exact(8)
            .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
            .collect();
        tensors.push(Tensor { name: name.to_string(), shape: view.shape().to_vec(), data });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tensors)
}
