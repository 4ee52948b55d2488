//! The gradient that equilibrium propagation estimates, by implicit differentiation: exact, and
//! far too dear for learning. It judges the estimates, and is itself judged by finite
//! differences.

use crate::compile::{Chip, Direction};
use crate::model::{Coupling, EnergyModel, LayerId, Params, State};
use crate::numerics::{Mat, dense, dot};

/// A network near its equilibrium: force `-r x + W f(x) + b` of every free layer, with `W` of
/// each direction of each coupling as it acts.
pub struct Network {
    model: EnergyModel,
    /// Restoring factor of every unit of every layer; 1 on a perfect chip.
    restoring: Vec<Vec<f64>>,
    /// What the bias of every unit of every layer does for 1 asked for; empty where that is 1.
    bias: Vec<Vec<f64>>,
    paths: Vec<Path>,
}

/// One direction of a dense coupling.
struct Path {
    coupling: usize,
    direction: Direction,
    pre: LayerId,
    post: LayerId,
    /// `[post, pre]`
    weight: Mat,
}

impl Network {
    /// The network of a model itself.
    ///
    /// # Panics
    /// For a CHN, whose force has another form.
    pub fn of_model(model: &EnergyModel) -> Network {
        assert_eq!(model.family, crate::model::Family::Ham, "implicit gradients are of a HAM");
        let mut paths = Vec::new();
        for (coupling, c) in model.couplings.iter().enumerate() {
            let Coupling::Dense { pre, post, weight } = c else { continue };
            let (pre, post) = (*pre, *post);
            if post != model.clamp {
                let (direction, weight) = (Direction::Forward, weight.clone());
                paths.push(Path { coupling, direction, pre, post, weight });
            }
            if pre != model.clamp {
                let (direction, weight) = (Direction::Backward, weight.transposed());
                paths.push(Path { coupling, direction, pre: post, post: pre, weight });
            }
        }
        let restoring = model.layers.iter().map(|l| vec![1.0; l.size]).collect();
        let bias = vec![Vec::new(); model.layers.len()];
        Network { model: model.clone(), restoring, bias, paths }
    }

    /// The network that a chip makes, defects and all, wires left out. States are what the neurons
    /// see, `y = a x + c`: the force `-r x` is `-r (y - c) / a`.
    pub fn of_chip(chip: &Chip) -> Network {
        let chip = &*chip.conducting();
        let fabric = &chip.fabric;
        let model = fabric.model.clone();
        let restoring = (0..model.layers.len())
            .map(LayerId)
            .map(|l| {
                let total = fabric.layers[l.0].total;
                let mut restoring: Vec<f64> =
                    chip.row_totals(l).iter().map(|g| g / total).collect();
                for (r, unit) in restoring.iter_mut().zip(chip.units(l).iter().flatten()) {
                    *r /= unit.gain;
                }
                restoring
            })
            .collect();
        let bias = (0..model.layers.len())
            .map(|l| chip.units(LayerId(l)).iter().flatten().map(|unit| unit.bias).collect())
            .collect();
        let paths = fabric.arrays.iter().enumerate().map(|(a, array)| Path {
            coupling: array.coupling,
            direction: array.direction,
            pre: array.pre,
            post: array.post,
            weight: chip.weight(a),
        });
        Network { restoring, bias, paths: paths.collect(), model }
    }

    /// `dC/dparam` at the equilibrium `state`, the mean over the batch, for
    /// `C = 1/2 |xhat - target|^2`. A weight of a dense coupling acts in both its directions.
    /// `None` where the equilibrium is degenerate.
    pub fn gradient(&self, state: &State, target: &Mat) -> Option<Params> {
        let model = &self.model;
        let xhat = model.activations(state);
        let mut grad = super::shapes(model);
        let share = 1.0 / target.rows() as f64;
        for s in 0..target.rows() {
            let adjoint = self.adjoint(state, &xhat, target, s)?;
            for path in &self.paths {
                let lambda = &adjoint[path.post.0];
                for (i, lambda) in lambda.iter().enumerate() {
                    for (j, v) in xhat[path.pre.0].row(s).iter().enumerate() {
                        let place = match path.direction {
                            Direction::Forward => (i, j),
                            Direction::Backward => (j, i),
                        };
                        grad[path.coupling][place] += share * lambda * v;
                    }
                }
            }
            for (c, coupling) in model.couplings.iter().enumerate() {
                if let Coupling::Bias { on, .. } = coupling {
                    let bias = &self.bias[on.0];
                    let each = grad[c].row_mut(0).iter_mut().zip(&adjoint[on.0]).enumerate();
                    for (i, (g, lambda)) in each {
                        *g += share * lambda * bias.get(i).copied().unwrap_or(1.0);
                    }
                }
            }
        }
        Some(Params(grad))
    }

    /// `lambda = -J^-T dC/dx` of one sample, a vector a layer (empty for the clamped one).
    fn adjoint(
        &self,
        state: &State,
        xhat: &State,
        target: &Mat,
        s: usize,
    ) -> Option<Vec<Vec<f64>>> {
        let model = &self.model;
        let mut start = vec![0; model.layers.len()];
        let mut n = 0;
        for l in model.free_layers() {
            start[l.0] = n;
            n += model.layer(l).size;
        }
        let mut transposed = Mat::zeros(n, n);
        for l in model.free_layers() {
            for (i, r) in self.restoring[l.0].iter().enumerate() {
                transposed[(start[l.0] + i, start[l.0] + i)] = -r;
            }
        }
        for path in self.paths.iter().filter(|p| p.pre != model.clamp) {
            let x = state[path.pre.0].row(s);
            for i in 0..path.weight.rows() {
                let mut row = path.weight.row(i).to_vec();
                model.layer(path.pre).activation.times_slope(x, &mut row);
                for (j, v) in row.into_iter().enumerate() {
                    transposed[(start[path.pre.0] + j, start[path.post.0] + i)] += v;
                }
            }
        }
        let mut slope: Vec<f64> =
            xhat[model.read.0].row(s).iter().zip(target.row(s)).map(|(v, y)| v - y).collect();
        model.layer(model.read).activation.times_slope(state[model.read.0].row(s), &mut slope);
        let mut right = vec![0.0; n];
        for (i, c) in slope.into_iter().enumerate() {
            right[start[model.read.0] + i] = -c;
        }
        let lambda = dense::solve(&transposed, &right)?;
        let layers = (0..model.layers.len()).map(|l| {
            if LayerId(l) == model.clamp {
                Vec::new()
            } else {
                lambda[start[l]..start[l] + model.layers[l].size].to_vec()
            }
        });
        Some(layers.collect())
    }
}

/// How two gradients of a tensor compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// 1 where they point the same way; 1 also where both vanish.
    pub cosine: f64,
    /// Length of the first over that of the second.
    pub norm_ratio: f64,
}

/// Compares `estimate` with `truth`, tensor by tensor.
pub fn compare(estimate: &Params, truth: &Params) -> Vec<Agreement> {
    let each = estimate.0.iter().zip(&truth.0);
    each.map(|(a, b)| agreement(a.as_slice(), b.as_slice(), 0.0)).collect()
}

/// Compares two vectors of the same length. Two that are no longer than `noise` agree; one that
/// is zero has no direction, and its cosine with any other is 0.
pub fn agreement(estimate: &[f64], truth: &[f64], noise: f64) -> Agreement {
    let norm = |v: &[f64]| dot(v, v).sqrt();
    let (a, b) = (norm(estimate), norm(truth));
    if a <= noise && b <= noise {
        return Agreement { cosine: 1.0, norm_ratio: 1.0 };
    }
    let cosine = if a == 0.0 || b == 0.0 { 0.0 } else { dot(estimate, truth) / (a * b) };
    Agreement { cosine, norm_ratio: a / b }
}
