//! An engine that can be made again with one parameter moved: what finite differences need.

use rayon::prelude::*;

use super::Network;
use crate::compile::Chip;
use crate::engine::{Behavioural, Circuit, Drive, Engine, Ideal, Nudge, Save, Until};
use crate::model::{Cost, EnergyModel, Family, State};
use crate::numerics::{Mat, math};
use crate::spec::{Analysis, Precision, Solver};

/// What a gradient is checked on: an engine with its model or chip.
#[derive(Debug, Clone)]
pub enum Bench {
    /// The model itself.
    Ideal { model: EnergyModel, solver: Solver },
    /// The arrays of a chip, in double precision.
    Behavioural { chip: Chip },
    /// Every cell and wire segment of a chip.
    Circuit { chip: Chip, analysis: Analysis },
}

/// One number of one tensor: the coupling, and the place in its row-major values.
pub type Place = (usize, usize);

impl Bench {
    /// A fresh engine.
    pub fn engine(&self) -> Box<dyn Engine> {
        match self {
            Bench::Ideal { model, solver } => Box::new(Ideal::new(model.clone(), *solver)),
            Bench::Behavioural { chip } => Box::new(Behavioural::new(chip.clone(), Precision::F64)),
            Bench::Circuit { chip, analysis } => {
                Box::new(Circuit::from_chip(chip.clone(), *analysis))
            }
        }
    }

    pub fn model(&self) -> &EnergyModel {
        match self {
            Bench::Ideal { model, .. } => model,
            Bench::Behavioural { chip } | Bench::Circuit { chip, .. } => &chip.fabric.model,
        }
    }

    /// The equation for implicit differentiation; `None` for a chip with wires, cells that
    /// are not linear or amplifiers that are not ideal, and for a CHN, whose equations are others.
    pub fn network(&self) -> Option<Network> {
        match self {
            Bench::Ideal { model, .. } => {
                (model.family == Family::Ham).then(|| Network::of_model(model))
            }
            Bench::Behavioural { chip } | Bench::Circuit { chip, .. } => {
                let nonideal = &chip.nonideal;
                let periphery = &nonideal.periphery;
                let held = periphery.amplifier.is_ideal() && periphery.supply.is_none();
                let linear = held && nonideal.cell.is_linear();
                (linear && nonideal.wire.is_ideal()).then(|| Network::of_chip(chip))
            }
        }
    }

    /// The same with one parameter moved by `delta`: the model's weight, or on a chip what its
    /// cells make ([`Chip::shift`]), stuck ones included.
    fn moved(&self, (coupling, k): Place, delta: f64) -> Bench {
        let mut bench = self.clone();
        match &mut bench {
            Bench::Ideal { model, .. } => model.couplings[coupling].values_mut()[k] += delta,
            Bench::Behavioural { chip } | Bench::Circuit { chip, .. } => {
                chip.shift(coupling, k, delta);
            }
        }
        bench
    }

    /// Central differences of the mean cost over the samples, `[places]`; `None` where a sample
    /// does not settle with the parameter moved. Samples start from `free`, so that they stay on
    /// its branch where there are several equilibria.
    pub fn differences(
        &self,
        places: &[Place],
        step: f64,
        free: &State,
        [clamp, target]: [&Mat; 2],
        until: &Until,
    ) -> Vec<Option<f64>> {
        let drive = Drive { clamp: clamp.clone(), nudge: Nudge::None };
        let model = self.model();
        let cost = |place, delta| {
            let mut engine = self.moved(place, delta).engine();
            let settled = engine.settle(&drive, Some(free), until, &Save::End);
            let chip = engine.chip().and_then(|chip| chip.outputs(&settled.state));
            let outputs = match chip {
                Some(mut outputs) => outputs.swap_remove(model.read.0),
                None => model.layer(model.read).activation.values(&settled.state[model.read.0]),
            };
            let cost = Cost::SquaredError.value(&outputs, target);
            let all = settled.outcome.iter().all(|outcome| outcome.is_settled());
            all.then(|| cost.iter().sum::<f64>() / cost.len() as f64)
        };
        let difference =
            |&place: &Place| Some((cost(place, step)? - cost(place, -step)?) / (2.0 * step));
        places.par_iter().map(difference).collect()
    }
}

/// The step of a central difference of equilibria known to `settled`: its cube root balances the
/// error of the formula, of order `step^2`, against that of the equilibria, `settled / step`.
/// At 1e-10 both are a few 1e-7.
pub fn difference_step(settled: f64) -> f64 {
    math::pow(settled, 1.0 / 3.0).clamp(1e-5, 1e-2)
}
