//! Conductances as files of numbers: in bulk, they are no text for a netlist.

use std::io;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::compile::Chip;
use crate::data::npy;
use crate::netlist::Netlist;
use crate::numerics::Mat;
use crate::run::replace_file;
use crate::run::tensors::{self, Tensor};

/// Matrices by name \[S\]: of a chip the cells of both signs of each array, `[post, pre]`; of a netlist
/// its crossbars, `[word lines, bit lines]`.
pub(super) fn of(chip: Option<&Chip>, netlist: &Netlist) -> Vec<(String, Mat)> {
    let of_chip = chip.iter().flat_map(|chip| {
        let arrays = chip.fabric.arrays.iter().zip(&chip.cells);
        arrays.flat_map(|(array, cells)| {
            [("plus", &cells.plus), ("minus", &cells.minus)]
                .map(|(sign, g)| (format!("{}.{sign}", array.name), g.clone()))
        })
    });
    let crossbars = netlist.arrays().iter().map(|array| {
        let crossbar = &array.crossbar;
        let g = Mat::from_vec(crossbar.rows, crossbar.cols, crossbar.conductance.clone());
        (array.name.clone(), g)
    });
    of_chip.chain(crossbars).collect()
}

/// Writes them into a `.safetensors` file, or a file each: `g.npy` stands for `g.NAME.npy`. Returns the
/// files.
pub(super) fn write(path: &Path, matrices: &[(String, Mat)]) -> Result<Vec<PathBuf>, Failure> {
    if matrices.is_empty() {
        return Err(Failure::input(
            "there are no conductances to write: the file has neither a network nor an [array]",
        ));
    }
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let encode = match extension {
        "safetensors" => {
            let tensors: Vec<Tensor> =
                matrices.iter().map(|(name, g)| Tensor::matrix(name, g)).collect();
            let written = tensors::to_bytes(&tensors).and_then(|bytes| replace_file(path, &bytes));
            return written.map(|()| vec![path.to_path_buf()]).map_err(|e| unwritten(path, &e));
        }
        "npy" => npy_of,
        "csv" => csv_of,
        _ => {
            return Err(Failure::input(format!(
                "`{}` says no format: conductances go into .safetensors, .npy or .csv",
                path.display()
            )));
        }
    };
    let each = matrices.iter().map(|(name, g)| {
        let file = path.with_extension(format!("{name}.{extension}"));
        replace_file(&file, &encode(g)).map_err(|e| unwritten(&file, &e))?;
        Ok(file)
    });
    each.collect()
}

fn npy_of(g: &Mat) -> Vec<u8> {
    npy::encode(&npy::Array { values: g.clone(), dimensions: 2 }, npy::Element::F8)
}

fn csv_of(g: &Mat) -> Vec<u8> {
    let line = |row: usize| {
        let numbers: Vec<String> = g.row(row).iter().map(|g| format!("{g:e}")).collect();
        numbers.join(",") + "\n"
    };
    (0..g.rows()).map(line).collect::<String>().into_bytes()
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::input(format!("cannot write `{}`: {error}", path.display()))
}
