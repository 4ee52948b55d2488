//! The gradient that a rule estimates, held against two truths: implicit differentiation of the
//! network as it is, and finite differences of the mean cost of settled samples.

use rand::seq::SliceRandom;

use super::bench::{Bench, Place, difference_step};
use super::truth::{Agreement, agreement};
use super::{EquilibriumPropagation, Estimate, Phases};
use crate::engine::{Drive, Nudge, Outcome, Save, Until};
use crate::model::Params;
use crate::numerics::{Mat, dot, seed::Seed};

/// What is asked of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub rule: EquilibriumPropagation,
    /// `[samples, inputs]`
    pub clamp: Mat,
    /// `[samples, outputs]`
    pub target: Mat,
    pub until: Until,
    /// How many places of each tensor are held against finite differences.
    pub entries: usize,
    /// Where these places are drawn from.
    pub seed: Seed,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Of every sample's free phase. Only samples that settled there are looked at.
    pub outcomes: Vec<Outcome>,
    /// How many samples settled in every phase.
    pub settled: usize,
    /// The step of the finite differences, in units of the parameters.
    pub step: f64,
    /// One a coupling; empty where no sample settled.
    pub tensors: Vec<TensorCheck>,
    /// Finite differences, at the places where they are known.
    pub differences: Vec<(Place, f64)>,
}

/// One tensor of parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorCheck {
    /// `<coupling>.weight` or `<coupling>.bias`; of a chain `<block>.<place>.weight` or `.bias`.
    pub name: String,
    /// `[post, pre]`, or `[1, size]` for a bias; of a convolution `[channels, inputs x kernel^2]`.
    pub shape: [usize; 2],
    /// Length of the estimate.
    pub norm: f64,
    /// Estimate against implicit differentiation, over the whole tensor.
    pub implicit: Option<Agreement>,
    /// Estimate against finite differences, over `entries` places.
    pub differences: Option<Agreement>,
    /// Implicit differentiation against finite differences: whether the two judges agree.
    pub judges: Option<Agreement>,
    /// How many finite differences are known.
    pub entries: usize,
}

/// How far from the truth the estimates at one strength of the nudge are.
#[derive(Debug, Clone, PartialEq)]
pub struct AtBeta {
    pub beta: f64,
    /// `|estimate - truth| / |truth|` over all parameters together, in the order of
    /// [`Phases::ALL`]; `None` where a sample did not settle.
    pub distance: [Option<f64>; 3],
}

/// Factors on the rule's beta in [`orders`].
pub const BETAS: [f64; 7] = [0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0];

impl Question {
    /// The question about some of the samples.
    pub fn of(&self, samples: &[usize]) -> Question {
        let [clamp, target] = [&self.clamp, &self.target].map(|m| m.select_rows(samples));
        Question { clamp, target, ..self.clone() }
    }

    fn free(&self, bench: &Bench) -> Vec<Outcome> {
        let drive = Drive { clamp: self.clamp.clone(), nudge: Nudge::None };
        bench.engine().settle(&drive, None, &self.until, &Save::End).outcome
    }

    fn estimate(&self, bench: &Bench, rule: EquilibriumPropagation) -> Estimate {
        let (clamp, target) = (&self.clamp, &self.target);
        rule.estimate(&mut *bench.engine(), bench.model(), clamp, target, &self.until)
    }

    fn implicit(&self, bench: &Bench, estimate: &Estimate) -> Option<Params> {
        bench.network()?.gradient(&estimate.free.state, &self.target)
    }

    /// Places of each tensor, drawn: three quarters where the estimate is not zero, which for a
    /// pixel that is dark in every sample it is; the others from all that is left.
    fn places(&self, bench: &Bench, estimate: &Params) -> Vec<Place> {
        let couplings = bench.model().couplings.iter().zip(&estimate.0).enumerate();
        couplings
            .flat_map(|(c, (coupling, grad))| {
                let seed = self.seed.child(&bench.model().tensor_name(coupling));
                let drawn = draw(grad.as_slice(), self.entries, seed);
                drawn.into_iter().map(move |k| (c, k))
            })
            .collect()
    }
}

/// Entries of a tensor with this gradient, ascending: three quarters where it is not zero, the
/// others from all that is left.
pub(super) fn draw(grad: &[f64], wanted: usize, seed: Seed) -> Vec<usize> {
    let mut all: Vec<usize> = (0..grad.len()).collect();
    all.shuffle(&mut seed.rng());
    let wanted = wanted.min(all.len());
    let live = |k: &usize| grad[*k] != 0.0;
    let mut drawn: Vec<usize> =
        all.iter().copied().filter(live).take(wanted - wanted / 4).collect();
    let others: Vec<usize> =
        all.into_iter().filter(|k| !drawn.contains(k)).take(wanted - drawn.len()).collect();
    drawn.extend(others);
    drawn.sort_unstable();
    drawn
}

/// Holds the rule's estimate against both truths.
pub fn check(bench: &Bench, question: &Question) -> Checked {
    let outcomes = question.free(bench);
    let step = difference_step(question.until.settled);
    let kept: Vec<usize> = (0..outcomes.len()).filter(|&s| outcomes[s].is_settled()).collect();
    if kept.is_empty() {
        return Checked {
            outcomes,
            settled: 0,
            step,
            tensors: Vec::new(),
            differences: Vec::new(),
        };
    }
    let q = question.of(&kept);
    let estimate = q.estimate(bench, q.rule);
    let implicit = q.implicit(bench, &estimate);
    let places = q.places(bench, &estimate.grad);
    let found =
        bench.differences(&places, step, &estimate.free.state, [&q.clamp, &q.target], &q.until);
    let differences: Vec<(Place, f64)> =
        places.into_iter().zip(found).filter_map(|(place, d)| Some((place, d?))).collect();
    let couplings = bench.model().couplings.iter().enumerate();
    let tensors = couplings.map(|(c, coupling)| {
        let (grad, implicit) = (&estimate.grad.0[c], implicit.as_ref().map(|g| &g.0[c]));
        let own = differences.iter().filter(|((coupling, _), _)| *coupling == c);
        let (places, truth): (Vec<usize>, Vec<f64>) = own.map(|((_, k), d)| (*k, *d)).unzip();
        let at = |m: &Mat| places.iter().map(|&k| m.as_slice()[k]).collect::<Vec<f64>>();
        // What is shorter than the error of a difference is as good as zero.
        let noise = q.until.settled / step;
        let against = |m: &Mat| (!places.is_empty()).then(|| agreement(&at(m), &truth, noise));
        TensorCheck {
            name: bench.model().tensor_name(coupling),
            shape: [grad.rows(), grad.cols()],
            norm: dot(grad.as_slice(), grad.as_slice()).sqrt(),
            implicit: implicit.map(|truth| agreement(grad.as_slice(), truth.as_slice(), 0.0)),
            differences: against(grad),
            judges: implicit.and_then(against),
            entries: places.len(),
        }
    });
    Checked { settled: estimate.settled, step, tensors: tensors.collect(), differences, outcomes }
}

/// The distance from the truth over strengths of the nudge, [`BETAS`] times the rule's own: of
/// second order in beta when centred, of first order to one side. The truth is implicit
/// differentiation, or where there is none `differences`, over their places alone. All samples of
/// the question must have settled in the free phase.
pub fn orders(bench: &Bench, question: &Question, differences: &[(Place, f64)]) -> Vec<AtBeta> {
    let estimate = |beta, phases| question.estimate(bench, EquilibriumPropagation { beta, phases });
    let mut implicit = None;
    let mut series = Vec::new();
    for factor in BETAS {
        let beta = factor * question.rule.beta;
        let sides = [Phases::Positive, Phases::Negative].map(|phases| estimate(beta, phases));
        let implicit = implicit.get_or_insert_with(|| question.implicit(bench, &sides[0]));
        let flat = |grad: &Params| -> Vec<f64> {
            match implicit {
                Some(_) => grad.0.iter().flat_map(|m| m.as_slice()).copied().collect(),
                None => differences.iter().map(|&((c, k), _)| grad.0[c].as_slice()[k]).collect(),
            }
        };
        let truth = match &*implicit {
            Some(truth) => flat(truth),
            None => differences.iter().map(|(_, d)| *d).collect(),
        };
        let settled = sides.each_ref().map(|s| s.settled == question.clamp.rows());
        let [positive, negative] = sides.map(|side| flat(&side.grad));
        // The centred estimate is the mean of the two one-sided ones.
        let centred: Vec<f64> =
            positive.iter().zip(&negative).map(|(p, n)| 0.5 * (p + n)).collect();
        let distance = |found: &[f64], settled: bool| {
            let apart: Vec<f64> = found.iter().zip(&truth).map(|(a, b)| a - b).collect();
            let relative = (dot(&apart, &apart) / dot(&truth, &truth)).sqrt();
            (settled && relative.is_finite()).then_some(relative)
        };
        let distance = [
            distance(&centred, settled[0] && settled[1]),
            distance(&positive, settled[0]),
            distance(&negative, settled[1]),
        ];
        series.push(AtBeta { beta, distance });
    }
    series
}
