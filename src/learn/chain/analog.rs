//! An analog block of a chain.

use super::Back;
use super::acting::{acting, folded, weights};
use super::board::Board;
use super::form::Push;
use super::initial::initial;
use crate::engine::{Course, Deep, Ending, Layers, Phase, Rested};
use crate::learn::Parameter;
use crate::model::DeepHopfield;
use crate::netlist::Netlist;
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::numerics::seed::Seed;
use crate::spec::{Analog, Iterations, Phases, Positions, Windows};
use crate::units::Second;

/// What is left of an error, as a share of it, when another iteration back would be rounded away.
const NEGLIGIBLE: f64 = 1e-17;

/// A deep Hopfield network between two blocks: a current in, activations out.
#[derive(Debug, Clone)]
pub struct AnalogBlock<T> {
    /// As the file has it; that of `deep` may be unrolled.
    model: DeepHopfield,
    deep: Deep<T>,
    parameters: Vec<Parameter<T>>,
    /// Of a block that is put on hardware.
    board: Option<Box<Board>>,
    free: Phase,
    nudged: Phase,
    windows: Windows,
    /// Of the last forward pass: its input and where it came to rest.
    kept: Option<(Mat<T>, Layers<T>)>,
    ends: Vec<Ending>,
    /// Samples that did not settle in every nudged phase of the last backward pass.
    unsettled: usize,
    non_finite: Option<usize>,
}

impl<T: Real> AnalogBlock<T> {
    /// A block as a file has it, with weights drawn from `seed`, and its chip from `chip_seed`.
    pub fn new(analog: &Analog, seed: Seed, chip_seed: Seed) -> AnalogBlock<T> {
        let phase = |of: Iterations, odd_first| Phase {
            iterations: of.most,
            settled: of.settled,
            odd_first,
        };
        let parameters = initial(&analog.model, analog.init, seed);
        let unrolled = match analog.positions {
            Positions::InTurn => None,
            Positions::SideBySide => analog.model.unrolled(),
        };
        let model = unrolled.unwrap_or(analog.model.clone());
        let acting = acting(&analog.model, &model, &parameters);
        let made = |_| Box::new(Board::new(analog, &model, &acting, chip_seed));
        let board = analog.hardware.as_ref().map(made);
        let weights = match &board {
            Some(board) => board.weights(&acting),
            None => weights(&model, &acting),
        };
        let deep = Deep { weights, model, order: analog.order };
        AnalogBlock {
            model: analog.model.clone(),
            deep,
            parameters,
            board,
            free: phase(analog.free, false),
            nudged: phase(analog.nudged, true),
            windows: analog.windows,
            kept: None,
            ends: Vec::new(),
            unsettled: 0,
            non_finite: None,
        }
    }

    pub fn model(&self) -> &DeepHopfield {
        &self.model
    }

    pub fn parameters(&self) -> &[Parameter<T>] {
        &self.parameters
    }

    pub fn parameters_mut(&mut self) -> &mut [Parameter<T>] {
        &mut self.parameters
    }

    /// Takes the parameters as they are now.
    pub fn apply(&mut self) -> usize {
        let Some(board) = &mut self.board else {
            let acting = acting(&self.model, &self.deep.model, &self.parameters);
            self.deep.weights = weights(&self.deep.model, &acting);
            return 0;
        };
        for (synapse, weight) in self.parameters.iter_mut().step_by(2).enumerate() {
            let limit = T::of(board.largest_weight(synapse));
            for w in &mut weight.value {
                *w = if *w > limit { limit } else { *w };
                *w = if *w < -limit { -limit } else { *w };
            }
        }
        let acting = acting(&self.model, &self.deep.model, &self.parameters);
        let cells = board.write(&self.deep.model, &acting);
        self.deep.weights = board.weights(&acting);
        cells
    }

    /// Cells of its arrays; 0 of an ideal block.
    pub fn cells(&self) -> usize {
        self.board.as_ref().map_or(0, |board| board.cells())
    }

    /// The devices of a block that is a circuit, its inputs at zero.
    pub fn netlist(&self) -> Option<&Netlist> {
        self.board.as_ref().and_then(|board| board.netlist())
    }

    /// The time constant of its nodes \[s\]; `None` of an ideal block.
    pub fn tau(&self) -> Option<Second> {
        self.board.as_ref().map(|board| board.tau)
    }

    /// What a run needs of its chip to go on, by name.
    pub fn chip_state(&self) -> Vec<(String, Vec<usize>, Vec<f64>)> {
        self.board.as_ref().map_or(Vec::new(), |board| board.state())
    }

    /// Puts back what [`AnalogBlock::chip_state`] gave; the parameters are those of then.
    pub fn restore_chip(&mut self, values: &[Vec<f64>]) {
        if let Some(board) = &mut self.board {
            let acting = acting(&self.model, &self.deep.model, &self.parameters);
            board.restore(&self.deep.model, &acting, values);
            self.deep.weights = board.weights(&acting);
        }
    }

    /// Comes to rest, by iterations or in time. `start` is the state of rest of nudged phases.
    fn rest(
        &self,
        input: &Mat<T>,
        start: Option<&Layers<T>>,
        force: Option<&Mat<T>>,
        place: usize,
    ) -> Rested<T> {
        let phase = if place == 0 { &self.free } else { &self.nudged };
        let held = start.and_then(|rest| self.held(rest));
        let Some(board) = &self.board else {
            return self.deep.settle_holding(held, input, start, force, phase);
        };
        let course = Course {
            settled: self.free.settled.unwrap_or(SETTLED),
            at_most: phase.iterations as f64,
        };
        let push = Push { input, force, noise: None, held };
        let quiet = board.rest(&self.deep, &push, start, &course);
        if board.is_quiet() {
            return quiet;
        }
        let noise = board.disturbance(&self.deep, &quiet.layers, place);
        let push = Push { noise: Some(&noise), ..push };
        let Rested { layers, ends } = board.rest(&self.deep, &push, Some(&quiet.layers), &course);
        let later = ends.into_iter().zip(&quiet.ends).map(|(end, first)| Ending {
            iterations: end.iterations + first.iterations,
            time: end.time + first.time,
            ..end
        });
        Rested { layers, ends: later.collect() }
    }

    /// The states that windows are held from in nudged phases.
    fn held<'a>(&self, rest: &'a Layers<T>) -> Option<&'a Layers<T>> {
        (self.windows == Windows::Held).then_some(rest)
    }

    fn folded(&self, grad: Vec<Vec<T>>) -> Vec<Vec<T>> {
        folded(&self.model, &self.deep.model, grad)
    }

    /// How each sample of the last forward pass ended.
    pub fn endings(&self) -> &[Ending] {
        &self.ends
    }

    /// Samples that did not settle in every nudged phase of the last backward pass.
    pub fn unsettled_nudged(&self) -> usize {
        self.unsettled
    }

    /// The first layer whose states were not finite in the last pass.
    pub fn non_finite(&self) -> Option<usize> {
        self.non_finite
    }

    /// Comes to rest with the current `input` `[batch, size]`, from zero; gives the last layer's
    /// activations. What the way back needs is kept if asked for.
    pub fn forward(&mut self, mut input: Mat<T>, keep: bool) -> Mat<T> {
        if let Some(board) = &mut self.board {
            board.present();
            board.drive(&mut input);
        }
        let rest = self.rest(&input, None, None, 0);
        self.non_finite = first_sick(&rest.ends, &rest.layers);
        self.ends = rest.ends;
        let mut out = rest.layers[rest.layers.len() - 1].clone();
        if let Some(board) = &self.board {
            board.sense(&mut out);
        }
        self.kept = keep.then_some((input, rest.layers));
        out
    }

    /// From `dL/doutput` of the mean cost to `dL/dinput`; sets the gradients.
    ///
    /// # Panics
    /// If the last forward pass kept nothing.
    pub fn backward(&mut self, error: &Mat<T>, back: Back) -> Mat<T> {
        let (input, rest) = self.kept.take().expect("a forward pass comes before a backward pass");
        let (grad, dx) = match back {
            Back::Implicit { iterations } => {
                let mut adjoint = self.deep.adjoint(error);
                let negligible = NEGLIGIBLE * adjoint.left();
                for _ in 0..iterations {
                    self.deep.go_back(&rest, &mut adjoint);
                    if adjoint.left() <= negligible {
                        break;
                    }
                }
                (self.folded(self.deep.gradient(&rest, &adjoint)), adjoint.sums.swap_remove(0))
            }
            Back::Propagation { beta, phases } => {
                self.propagate(&input, &rest, error, beta, phases)
            }
        };
        for (parameter, grad) in self.parameters.iter_mut().zip(grad) {
            parameter.grad = grad;
        }
        dx
    }

    fn propagate(
        &mut self,
        input: &Mat<T>,
        rest: &Layers<T>,
        error: &Mat<T>,
        beta: f64,
        phases: Phases,
    ) -> (Vec<Vec<T>>, Mat<T>) {
        // Errors of single samples, of order one however large the batch.
        let batch = error.rows() as f64;
        let mut trouble = None;
        let mut missed = vec![false; error.rows()];
        let mut nudged = |beta: f64| {
            let force = error.map(|e| T::of(-beta * batch) * e);
            let end = self.rest(input, Some(rest), Some(&force), if beta < 0.0 { 1 } else { 2 });
            trouble = trouble.or(first_sick(&end.ends, &end.layers));
            missed.iter_mut().zip(&end.ends).for_each(|(missed, end)| *missed |= !end.settled);
            end.layers
        };
        let (low, high, span) = match phases {
            Phases::Centred => (Some(nudged(-beta)), Some(nudged(beta)), 2.0 * beta),
            Phases::Positive => (None, Some(nudged(beta)), beta),
            Phases::Negative => (Some(nudged(-beta)), None, beta),
        };
        self.non_finite = trouble;
        self.unsettled = missed.into_iter().filter(|missed| *missed).count();
        let (low, high) = (low.as_ref().unwrap_or(rest), high.as_ref().unwrap_or(rest));
        let factor = 1.0 / (span * batch);
        let [first_low, first_high] = [(low, 1), (high, 2)].map(|(states, phase)| {
            let read = self.board.as_ref().map(|board| board.sense_inputs(&states[0], phase));
            read.unwrap_or_else(|| states[0].clone())
        });
        let pairs = first_low.as_slice().iter().zip(first_high.as_slice());
        let dx = pairs.map(|(low, high)| T::of(factor) * (*low - *high)).collect();
        (
            self.folded(self.deep.contrast(self.held(rest), [low, high], factor)),
            Mat::from_vec(low[0].rows(), low[0].cols(), dx),
        )
    }

    /// Truncated estimates of `dL/dparameter`, one of each kind for each step of the nudged phase
    /// (arXiv:2409.03306 calls their agreement GDU): by propagation, then by the adjoint. `each`
    /// takes them, for all together would fill the memory. Needs a forward pass that kept its
    /// state, and leaves it.
    ///
    /// # Panics
    /// If the last forward pass kept nothing.
    pub fn by_step(
        &self,
        error: &Mat<T>,
        beta: f64,
        steps: usize,
        mut each: impl FnMut([Vec<Vec<T>>; 2]),
    ) {
        let (input, rest) = self.kept.as_ref().expect("a forward pass that kept its state");
        let (batch, held) = (error.rows() as f64, self.held(rest));
        let once = Phase { iterations: 1, settled: None, odd_first: true };
        let forces = [beta, -beta].map(|b| error.map(|e| T::of(b * batch) * e));
        let mut nudged = [rest.clone(), rest.clone()];
        let mut adjoint = self.deep.adjoint(error);
        let factor = 1.0 / (2.0 * beta * batch);
        for _ in 0..steps {
            for (state, force) in nudged.iter_mut().zip(&forces) {
                let next = self.deep.settle_holding(held, input, Some(state), Some(force), &once);
                *state = next.layers;
            }
            self.deep.go_back(rest, &mut adjoint);
            let [low, high] = nudged.each_ref();
            let estimate = self.deep.contrast(held, [low, high], factor);
            each([estimate, self.deep.gradient(rest, &adjoint)].map(|grad| self.folded(grad)));
        }
    }

    /// The same in other numbers.
    pub fn cast<U: Real>(&self) -> AnalogBlock<U> {
        AnalogBlock {
            model: self.model.clone(),
            deep: self.deep.cast(),
            parameters: self.parameters.iter().map(Parameter::cast).collect(),
            board: self.board.clone(),
            free: self.free,
            nudged: self.nudged,
            windows: self.windows,
            kept: None,
            ends: Vec::new(),
            unsettled: 0,
            non_finite: None,
        }
    }

    /// With other lengths of its phases.
    #[must_use]
    pub fn iterated(mut self, free: Phase, nudged: Phase) -> AnalogBlock<T> {
        (self.free, self.nudged) = (free, nudged);
        self
    }
}

/// Where a block in motion rests if its file does not say: the largest `tau |dx/dt|`.
const SETTLED: f64 = 1e-3;

/// The first layer with a number that is not finite.
fn first_sick<T: Real>(ends: &[Ending], layers: &Layers<T>) -> Option<usize> {
    let finite = |m: &Mat<T>| m.as_slice().iter().all(|v| v.to_f64().is_finite());
    let sick = ends.iter().any(|end| !end.residual.is_finite());
    sick.then(|| layers.iter().position(|layer| !finite(layer)).unwrap_or(0))
}
