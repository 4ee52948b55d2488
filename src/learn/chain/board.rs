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

use std::borrow::Cow;

use crate::compile::{Border, Cells, Chip, Direction, Learning, compile, fabricate};
use crate::engine::{
    Circuit, Course, Deep, Drive, Ending, Engine, Fidelity, Layers, Nudge, Outcome, Rested, Until,
    Weights,
};
use crate::learn::Parameter;
use crate::model::{DeepHopfield, EnergyModel, LayerId, State};
use crate::netlist::Netlist;
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::numerics::seed::Seed;
use crate::spec::{Analog, Analysis, NonIdeal, Positions, ReadNoise};
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

/// What a chip is to its block.
#[derive(Debug, Clone)]
enum Form {
    /// The weights that it makes.
    Weights(Box<Chip>),
    /// Devices on nodes.
    Circuit(Box<Circuit>),
}

/// What is pushed into the nodes of a block, constant during a phase; forces of `dPhi/ds`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Push<'a, T> {
    /// Into the first layer.
    pub input: &'a Mat<T>,
    /// The nudge, into the last.
    pub force: Option<&'a Mat<T>>,
    /// Into every layer.
    pub noise: Option<&'a Layers<T>>,
}

impl<'a, T: Real> Push<'a, T> {
    /// The sums, one a layer, with the nudge or without it.
    fn currents(&self, layers: usize, nudged: bool) -> Vec<Option<Cow<'a, Mat<T>>>> {
        let of = |l: usize| {
            let parts = [
                (l == 0).then_some(self.input),
                self.force.filter(|_| nudged && l + 1 == layers),
                self.noise.map(|noise| &noise[l]),
            ];
            let sum = |sum: Cow<'a, Mat<T>>, part: &'a Mat<T>| {
                let all = sum.as_slice().iter().zip(part.as_slice()).map(|(a, b)| *a + *b);
                Cow::Owned(Mat::from_vec(sum.rows(), sum.cols(), all.collect()))
            };
            let mut parts = parts.into_iter().flatten();
            let first = Cow::Borrowed(parts.next()?);
            Some(parts.fold(first, sum))
        };
        (0..layers).map(of).collect()
    }
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
        let wanted = wanted(model, self.joined, parameters);
        match &mut self.form {
            Form::Weights(chip) => chip.write(&wanted).cells,
            Form::Circuit(circuit) => circuit.write(&wanted).cells,
        }
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
        let all = push.currents(deep.model.layers.len(), true);
        let all: Vec<Option<&Mat<T>>> = all.iter().map(|current| current.as_deref()).collect();
        match &self.form {
            Form::Weights(_) => deep.follow(&all, start, course),
            Form::Circuit(circuit) => {
                // An equilibrium near the start is looked for where the start holds the nodes.
                let held = start.map(|start| deep.held(&all, start));
                self.solve(circuit, &deep.model, push, held.as_ref(), course)
            }
        }
    }

    /// The equilibrium of a circuit, from where its nodes stand, or from zero.
    fn solve<T: Real>(
        &self,
        circuit: &Circuit,
        model: &DeepHopfield,
        push: &Push<T>,
        held: Option<&Layers<T>>,
        course: &Course,
    ) -> Rested<T> {
        let (batch, layers) = (push.input.rows(), model.layers.len());
        let none = Mat::zeros(batch, 0);
        let numbers = |m: &Mat<T>, factor: f64| {
            let all = m.as_slice().iter().map(|v| factor * v.to_f64());
            Mat::from_vec(m.rows(), m.cols(), all.collect())
        };
        let steep = |l: usize| if model.is_clamped(l) { model.slope } else { 1.0 };
        let start = held.map(|held| -> State {
            let layers = held.iter().enumerate().map(|(l, held)| numbers(held, steep(l)));
            std::iter::once(none.clone()).chain(layers).collect()
        });
        let own = push.currents(layers, false);
        let own = own.iter().map(|current| current.as_deref().map(|m| numbers(m, 1.0)));
        let forces: Vec<Option<Mat>> = std::iter::once(None).chain(own).collect();
        let nudge = push.force.map_or(Nudge::None, |force| Nudge::Force(numbers(force, 1.0)));
        let until = Until {
            settled: course.settled,
            at_most: course.at_most * self.tau,
            at_most_iterations: usize::MAX,
        };
        let drive = Drive { clamp: none.clone(), nudge };
        let settled = circuit.settle_pushed(&drive, &forces, start.as_ref(), &until);
        let activations = self.chip().fabric.model.activations(&settled.state);
        let of = |m: &Mat| {
            let all = m.as_slice().iter().map(|v| T::of(*v));
            Mat::from_vec(m.rows(), m.cols(), all.collect())
        };
        let ends = settled.outcome.iter().zip(&settled.residual).map(|(outcome, &residual)| {
            let iterations = match outcome {
                Outcome::Equilibrium { iterations } => *iterations,
                _ => 0,
            };
            let settled = outcome.is_settled();
            Ending { iterations, residual, time: iterations as f64, settled }
        });
        Rested { layers: activations[1..].iter().map(of).collect(), ends: ends.collect() }
    }

    /// The devices of a circuit.
    pub fn netlist(&self) -> Option<&Netlist> {
        match &self.form {
            Form::Weights(_) => None,
            Form::Circuit(circuit) => Some(circuit.netlist()),
        }
    }

    fn chip(&self) -> &Chip {
        match &self.form {
            Form::Weights(chip) => chip,
            Form::Circuit(circuit) => circuit.chip().expect("the circuit of a chip"),
        }
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
        self.form = Form::of(chip, matches!(self.form, Form::Circuit(_)));
        self.presented = values[0][1] as usize;
    }
}

impl Form {
    fn of(chip: Chip, circuit: bool) -> Form {
        match circuit {
            true => Form::Circuit(Box::new(Circuit::from_chip(chip, Analysis::Op))),
            false => Form::Weights(Box::new(chip)),
        }
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
