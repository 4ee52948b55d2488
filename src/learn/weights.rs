//! Weights on disk: safetensors under the names of [`EnergyModel::coupling_name`].

use std::io::{self, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use crate::model::{Coupling, EnergyModel};

/// Writes `<coupling>.weight` `[post, pre]` and `<layer>.bias` `[size]`, F64, to a temporary
/// name in the same folder that is then renamed.
///
/// # Errors
/// Whatever the disk says.
pub fn write_weights(model: &EnergyModel, path: &Path) -> io::Result<()> {
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = model
        .couplings
        .iter()
        .map(|c| {
            let name = model.coupling_name(c);
            let bytes = c.values().iter().flat_map(|v| v.to_le_bytes()).collect();
            match c {
                Coupling::Dense { weight, .. } => {
                    (format!("{name}.weight"), vec![weight.rows(), weight.cols()], bytes)
                }
                Coupling::Bias { value, .. } => (format!("{name}.bias"), vec![value.len()], bytes),
            }
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F64, shape.clone(), bytes);
        (name, view.expect("the bytes were made from the shape"))
    });
    let bytes = safetensors::serialize(views, None).map_err(io::Error::other)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}
