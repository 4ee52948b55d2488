//! An analog block of a chain.

use rand_distr::{Distribution, StandardNormal};

use super::Back;
use crate::engine::{Deep, Ending, Layers, Phase, Weights};
use crate::learn::Parameter;
use crate::model::{DeepHopfield, Synapse};
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::numerics::math;
use crate::numerics::seed::Seed;
use crate::spec::{Analog, Init, Iterations, Phases};

/// What is left of an error, as a share of it, when another iteration back would be rounded away.
const NEGLIGIBLE: f64 = 1e-17;

/// A deep Hopfield network between two blocks: a current in, activations out.
#[derive(Debug, Clone)]
pub struct AnalogBlock<T> {
    deep: Deep<T>,
    parameters: Vec<Parameter<T>>,
    free: Phase,
    nudged: Phase,
    /// Of the last forward pass: its input and where it came to rest.
    kept: Option<(Mat<T>, Layers<T>)>,
    ends: Vec<Ending>,
    /// Samples that did not settle in every nudged phase of the last backward pass.
    unsettled: usize,
    non_finite: Option<usize>,
}

impl<T: Real> AnalogBlock<T> {
    /// A block as a file has it, with weights drawn from `seed`.
    pub fn new(analog: &Analog, seed: Seed, _chip_seed: Seed) -> AnalogBlock<T> {
        let phase = |of: Iterations, odd_first| Phase {
            iterations: of.most,
            settled: of.settled,
            odd_first,
        };
        let parameters = initial(&analog.model, analog.init, seed);
        let deep = Deep {
            weights: weights(&analog.model, &parameters),
            model: analog.model.clone(),
            order: analog.order,
        };
        AnalogBlock {
            deep,
            parameters,
            free: phase(analog.free, false),
            nudged: phase(analog.nudged, true),
            kept: None,
            ends: Vec::new(),
            unsettled: 0,
            non_finite: None,
        }
    }

    pub fn model(&self) -> &DeepHopfield {
        &self.deep.model
    }

    pub fn parameters(&self) -> &[Parameter<T>] {
        &self.parameters
    }

    pub fn parameters_mut(&mut self) -> &mut [Parameter<T>] {
        &mut self.parameters
    }

    /// Takes the parameters as they are now.
    pub fn apply(&mut self) -> usize {
        self.deep.weights = weights(&self.deep.model, &self.parameters);
        0
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
    pub fn forward(&mut self, input: Mat<T>, keep: bool) -> Mat<T> {
        let rest = self.deep.settle(&input, None, None, &self.free);
        self.non_finite = first_sick(&rest.ends, &rest.layers);
        self.ends = rest.ends;
        let out = rest.layers[rest.layers.len() - 1].clone();
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
                (self.deep.gradient(&rest, &adjoint), adjoint.sums.swap_remove(0))
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
            let end = self.deep.settle(input, Some(rest), Some(&force), &self.nudged);
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
        let pairs = low[0].as_slice().iter().zip(high[0].as_slice());
        let dx = pairs.map(|(low, high)| T::of(factor) * (*low - *high)).collect();
        (self.deep.contrast(low, high, factor), Mat::from_vec(low[0].rows(), low[0].cols(), dx))
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
        let batch = error.rows() as f64;
        let once = Phase { iterations: 1, settled: None, odd_first: true };
        let forces = [beta, -beta].map(|b| error.map(|e| T::of(b * batch) * e));
        let mut nudged = [rest.clone(), rest.clone()];
        let mut adjoint = self.deep.adjoint(error);
        let factor = 1.0 / (2.0 * beta * batch);
        for _ in 0..steps {
            for (state, force) in nudged.iter_mut().zip(&forces) {
                *state = self.deep.settle(input, Some(state), Some(force), &once).layers;
            }
            self.deep.go_back(rest, &mut adjoint);
            let estimate = self.deep.contrast(&nudged[0], &nudged[1], factor);
            each([estimate, self.deep.gradient(rest, &adjoint)]);
        }
    }

    /// The same in other numbers.
    pub fn cast<U: Real>(&self) -> AnalogBlock<U> {
        AnalogBlock {
            deep: self.deep.cast(),
            parameters: self.parameters.iter().map(Parameter::cast).collect(),
            free: self.free,
            nudged: self.nudged,
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

/// The first layer with a number that is not finite.
fn first_sick<T: Real>(ends: &[Ending], layers: &Layers<T>) -> Option<usize> {
    let finite = |m: &Mat<T>| m.as_slice().iter().all(|v| v.to_f64().is_finite());
    let sick = ends.iter().any(|end| !end.residual.is_finite());
    sick.then(|| layers.iter().position(|layer| !finite(layer)).unwrap_or(0))
}

fn weights<T: Real>(model: &DeepHopfield, parameters: &[Parameter<T>]) -> Vec<Weights<T>> {
    let pairs = parameters.chunks_exact(2).zip(&model.synapses);
    let of = |(pair, _): (&[Parameter<T>], &Synapse)| Weights {
        forward: pair[0].value.clone(),
        backward: None,
        bias: pair[1].value.clone(),
    };
    pairs.map(of).collect()
}

fn initial<T: Real>(model: &DeepHopfield, init: Init, seed: Seed) -> Vec<Parameter<T>> {
    let mut parameters = Vec::new();
    for ((name, shape), place) in model.tensors().into_iter().zip(0..) {
        let synapse = &model.synapses[place / 2];
        let mut rng = seed.child(&name).rng();
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let size = shape.iter().product();
        let value: Vec<f64> = match (init, synapse) {
            (Init::Goe { variance }, Synapse::Conv { conv, .. }) => match place % 2 {
                1 => vec![0.0; size],
                _ => goe(conv.kernel, size, math::sqrt(variance / 3.0), &mut normal),
            },
            (init, _) => {
                let scale = if let Init::Uniform { scale } = init { scale } else { 1.0 };
                let reach = scale / math::sqrt(synapse.matrix()[1] as f64);
                let mut rng = seed.child(&name).rng();
                let unit = |bits: u64| (bits >> 11) as f64 / (1u64 << 53) as f64;
                (0..size).map(|_| reach * (2.0 * unit(rng.next_u64()) - 1.0)).collect()
            }
        };
        let value = value.into_iter().map(T::of).collect();
        parameters.push(Parameter::learned(name, shape, value));
    }
    parameters
}

/// Symmetric kernels: normal numbers below the diagonal, their mirror image above it, and
/// `2 sqrt 2` times normal ones on it.
fn goe(side: usize, size: usize, deviation: f64, normal: &mut impl FnMut() -> f64) -> Vec<f64> {
    let mut all = Vec::with_capacity(size);
    for _ in 0..size / (side * side) {
        let first = all.len();
        all.resize(first + side * side, 0.0);
        let kernel = &mut all[first..];
        for i in 0..side {
            for j in 0..=i {
                let v = deviation * normal();
                let v = if i == j { 2.0 * std::f64::consts::SQRT_2 * v } else { v };
                (kernel[i * side + j], kernel[j * side + i]) = (v, v);
            }
        }
    }
    all
}
