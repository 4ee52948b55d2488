//! The kernels of an analog block on crossbar arrays.
//!
//! Each kernel is one array for each direction, `[channels, inputs x kernel x kernel]`, that serves
//! all positions in turn, or stands unrolled in a matrix with cells of its own at each; lines end in
//! virtual grounds, so that a sum of currents is `sum (Gp - Gn) v / scale` whatever else hangs on the
//! line. What is drawn, programmed and aged is what [`crate::compile`] draws, programs and ages for
//! any other array.
//!
//! Arrays whose sums are all that is asked of them are followed in time with the weights that they
//! make; as a circuit they are solved, every cell and neuron of the block a device.

use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::form::{Form, Push};
use crate::compile::{Border, Cells, Chip, Direction, Learning, compile, fabricate};
use crate::engine::{Course, Deep, Fidelity, Layers, Rested, Weights};
use crate::learn::Parameter;
use crate::model::{DeepHopfield, EnergyModel, LayerId};
use crate::netlist::Netlist;
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::numerics::seed::Seed;
use crate::spec::{Analog, NonIdeal, Positions, ReadNoise};
use crate::units::Second;

/// Arrays, converters and time constant of a block.
#[derive(Debug, Clone)]
pub(super) struct Board {
    form: Form,
    /// Whether the arrays of a layer meet in its nodes, as those of a network do.
    joined: bool,
    border: Border,
    /// `C / G` of the fullest line.
    pub tau: Second,
    /// Deviation of a conductance from read to read, as a fraction of it.
    proportional: f64,
    seed: Seed,
    /// How often a batch was presented; names the noise of its reads.
    presented: usize,
}

impl Board {
    /// Arrays for a model with these parameters, that of the block or the same unrolled.
    ///
    /// # Panics
    /// If the block has no hardware.
    pub fn new<T: Real>(
        analog: &Analog,
        model: &DeepHopfield,
        parameters: &[Parameter<T>],
        seed: Seed,
    ) -> Board {
        let hardware = analog.hardware.as_ref().expect("a block that is put on hardware");
        let joined = analog.positions == Positions::SideBySide;
        let mut fabric = compile(&wanted(model, joined, parameters), hardware);
        for (l, _) in
            model.layers.iter().enumerate().filter(|(l, _)| joined && model.is_clamped(*l))
        {
            fabric.amplify(layer_id(l), model.slope);
        }
        let totals = fabric.layers.iter().map(|layer| layer.total);
        let fullest = totals.fold(hardware.g_leak, f64::max);
        let nonideal = &analog.nonideal;
        let ends = [analog.model.layers[0].size(), analog.model.output().size()];
        // What moves from read to read is put in here.
        let still = NonIdeal { read: ReadNoise::default(), ..nonideal.clone() };
        let chip = fabricate(&fabric, &still, seed);
        Board {
            form: Form::of(chip, analog.engine == Fidelity::Circuit),
            joined,
            border: Border::draw(&nonideal.periphery, ends, hardware.v_unit, seed),
            tau: hardware.c_node / fullest,
            proportional: nonideal.read.proportional,
            seed: seed.child("reads"),
            presented: 0,
        }
    }

    /// Cells of all arrays.
    pub fn cells(&self) -> usize {
        let arrays = self.chip().fabric.arrays.iter().filter(|array| array.shares.is_none());
        arrays.map(|array| 2 * array.plus.as_slice().len()).sum()
    }

    /// Programs new parameters; cells that were written.
    pub fn write<T: Real>(&mut self, model: &DeepHopfield, parameters: &[Parameter<T>]) -> usize {
        self.form.write(&wanted(model, self.joined, parameters)).cells
    }

    /// The largest weight that a synapse's cells can stand for.
    pub fn largest_weight(&self, synapse: usize) -> f64 {
        self.chip().fabric.largest_weight(synapse)
    }

    /// The parameters as they act.
    pub fn weights<T: Real>(&self, parameters: &[Parameter<T>]) -> Vec<Weights<T>> {
        let numbers = |m: Mat| m.as_slice().iter().map(|v| T::of(*v)).collect();
        let biases = parameters.iter().skip(1).step_by(2);
        let of = |(coupling, bias): (usize, &Parameter<T>)| {
            let [forward, backward] = self.arrays(coupling);
            Weights {
                forward: numbers(self.chip().weight(forward)),
                backward: Some(numbers(self.chip().weight(backward).transposed())),
                bias: bias.value.clone(),
            }
        };
        biases.enumerate().map(of).collect()
    }

    fn arrays(&self, coupling: usize) -> [usize; 2] {
        [Direction::Forward, Direction::Backward].map(|direction| {
            let is = |a: &crate::compile::Array| a.coupling == coupling && a.direction == direction;
            self.chip().fabric.arrays.iter().position(is).expect("an array for each direction")
        })
    }

    /// Brings a block with the weights of this board to rest.
    pub fn rest<T: Real>(
        &self,
        deep: &Deep<T>,
        push: &Push<T>,
        start: Option<&Layers<T>>,
        course: &Course,
    ) -> Rested<T> {
        self.form.rest(deep, push, start, (course, self.tau))
    }

    /// The devices of a circuit.
    pub fn netlist(&self) -> Option<&Netlist> {
        self.form.netlist()
    }

    fn chip(&self) -> &Chip {
        self.form.chip()
    }

    /// Counts a presentation.
    pub fn present(&mut self) {
        self.presented += 1;
    }

    /// What comes of currents that the host asks for.
    pub fn drive<T: Real>(&self, input: &mut Mat<T>) {
        if !self.border.is_ideal() {
            each_row(input, |_, row| self.border.drive(row));
        }
    }

    /// What the host reads of outputs.
    pub fn sense<T: Real>(&self, output: &mut Mat<T>) {
        if !self.border.is_ideal() {
            let first = self.presented << 24;
            each_row(output, |s, row| self.border.sense(row, first + s));
        }
    }

    /// What the host reads of the first layer in a nudged phase, `phase` 1 or 2.
    pub fn sense_inputs<T: Real>(&self, states: &Mat<T>, phase: usize) -> Mat<T> {
        let mut read = states.clone();
        if !self.border.is_ideal() {
            let first = ((self.presented << 2) + phase) << 24;
            each_row(&mut read, |s, row| self.border.sense_inputs(row, first + s));
        }
        read
    }

    /// Whether conductances are the same at every read.
    pub fn is_quiet(&self) -> bool {
        self.proportional <= 0.0
    }

    /// Currents into each layer that stand for the deviations of this read: normal, of the variance
    /// `p^2 sum (Gp^2 + Gn^2) v^2 / scale^2` at the activations `state`. Every position and every
    /// sample is a read of its own.
    pub fn disturbance<T: Real>(
        &self,
        deep: &Deep<T>,
        state: &Layers<T>,
        phase: usize,
    ) -> Layers<T> {
        let squares: Vec<Weights<T>> = (0..deep.weights.len())
            .map(|coupling| {
                let [forward, backward] = self.arrays(coupling).map(|a| self.squared(a));
                let numbers = |m: &Mat| m.as_slice().iter().map(|v| T::of(*v)).collect();
                Weights {
                    forward: numbers(&forward),
                    backward: Some(numbers(&backward.transposed())),
                    bias: vec![T::default(); deep.weights[coupling].bias.len()],
                }
            })
            .collect();
        let place = self.seed.index(self.presented).index(phase);
        let mut variance = deep.variances(squares, state);
        for (l, layer) in variance.iter_mut().enumerate() {
            let place = place.index(l);
            each_row(layer, |s, row| {
                let mut rng = place.index(s).rng();
                for v in row {
                    let z: f64 = StandardNormal.sample(&mut rng);
                    *v = self.proportional * v.max(0.0).sqrt() * z;
                }
            });
        }
        variance
    }

    /// `(Gp^2 + Gn^2) / scale^2`
    fn squared(&self, array: usize) -> Mat {
        let scale = self.chip().fabric.layers[self.chip().fabric.arrays[array].post.0].scale;
        let Cells { plus, minus } = &self.chip().cells[array];
        Mat::from_fn(plus.rows(), plus.cols(), |i, j| {
            (plus[(i, j)] * plus[(i, j)] + minus[(i, j)] * minus[(i, j)]) / (scale * scale)
        })
    }

    /// Conductances as made \[S\] and counts, by name: what a run needs to go on.
    pub fn state(&self) -> Vec<(String, Vec<usize>, Vec<f64>)> {
        let counts = vec![self.chip().writes() as f64, self.presented as f64];
        let mut all = vec![("counts".to_string(), vec![2], counts)];
        for (array, cells) in self.chip().fabric.arrays.iter().zip(&self.chip().cells) {
            for (sign, made) in [("plus", &cells.plus), ("minus", &cells.minus)] {
                let shape = vec![made.rows(), made.cols()];
                all.push((format!("{}.{sign}", array.name), shape, made.as_slice().to_vec()));
            }
        }
        all
    }

    /// Puts back what [`Board::state`] gave, with the parameters of then.
    pub fn restore<T: Real>(
        &mut self,
        model: &DeepHopfield,
        parameters: &[Parameter<T>],
        values: &[Vec<f64>],
    ) {
        let mut pairs = values[1..].chunks_exact(2);
        let arrays = self.chip().fabric.arrays.iter();
        let cells = arrays.map(|array| {
            let [plus, minus] = pairs.next().expect("cells of every array") else {
                unreachable!("pairs")
            };
            let (rows, cols) = (array.plus.rows(), array.plus.cols());
            let [plus, minus] = [plus, minus].map(|v| Mat::from_vec(rows, cols, v.clone()));
            Cells { plus, minus }
        });
        let cells = cells.collect();
        let writes = values[0][0] as usize;
        let mut chip = self.chip().clone();
        let wanted = wanted(model, self.joined, parameters);
        chip.restore(&wanted, cells, writes, Learning::default());
        self.form = Form::of(chip, self.form.netlist().is_some());
        self.presented = values[0][1] as usize;
    }
}

/// A layer of a block in [`DeepHopfield::network`].
fn layer_id(layer: usize) -> LayerId {
    LayerId(layer + 1)
}

/// What the arrays are to make of these parameters: one network, or kernels that have nothing to do
/// with each other.
fn wanted<T: Real>(model: &DeepHopfield, joined: bool, parameters: &[Parameter<T>]) -> EnergyModel {
    let network = model.network().filter(|_| joined);
    let mut wanted = network.unwrap_or_else(|| model.kernels());
    // The weights of all synapses, then their biases.
    let [weights, biases] = [0, 1].map(|first| parameters.iter().skip(first).step_by(2));
    for (coupling, parameter) in wanted.couplings.iter_mut().zip(weights.chain(biases)) {
        let pairs = coupling.values_mut().iter_mut().zip(&parameter.value);
        pairs.for_each(|(to, from)| *to = from.to_f64());
    }
    wanted
}

/// Each sample's row, in `f64`.
fn each_row<T: Real>(of: &mut Mat<T>, each: impl Fn(usize, &mut [f64]) + Sync) {
    let cols = of.cols().max(1);
    of.as_mut_slice().par_chunks_mut(cols).enumerate().for_each(|(s, row)| {
        let mut numbers: Vec<f64> = row.iter().map(|v| v.to_f64()).collect();
        each(s, &mut numbers);
        row.iter_mut().zip(numbers).for_each(|(to, v)| *to = T::of(v));
    });
}
