//! The gradient of a chain, held against implicit differentiation and finite differences; and the
//! nudged phases of its analog blocks, step by step, against the adjoint of the way to rest.

use rayon::prelude::*;

use super::{Back, Chain, Link, NonFinite};
use crate::engine::Phase;
use crate::learn::check::draw;
use crate::learn::{Mode, Parameter, TensorCheck, agreement, loss};
use crate::numerics::{Mat, dot, seed::Seed};
use crate::spec::{self, BlockKind, ChainTrain, GradCheck};

/// What is asked about a chain.
#[derive(Debug, Clone, Copy)]
pub struct ChainQuestion<'a> {
    pub chain: &'a spec::Chain,
    pub train: &'a ChainTrain,
    pub check: GradCheck,
    /// Of the file; its weights are those that training begins with.
    pub seed: Seed,
    pub chip_seed: Seed,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainChecked {
    /// Samples asked about.
    pub samples: usize,
    /// Samples that settled in the free phases of all blocks. The check is of these alone, for a
    /// gradient is defined at rest; batch normalisation sees these alone too.
    pub settled: usize,
    /// How many of them settled in every nudged phase as well.
    pub settled_nudged: usize,
    /// Of each analog block, the most iterations that a sample took.
    pub iterations: Vec<(String, usize)>,
    /// The step of the finite differences, in units of the parameters.
    pub step: f64,
    /// Entries that were drawn but have no difference; see [`check_chain`].
    pub unknown: usize,
    /// One a learned tensor; empty where no sample settled.
    pub tensors: Vec<TensorCheck>,
    pub by_step: Vec<StepAgreement>,
}

/// The estimate after so many steps of the nudged phase against the adjoint after as many
/// (arXiv:2409.03306, the "GDU" property).
#[derive(Debug, Clone, PartialEq)]
pub struct StepAgreement {
    pub block: String,
    /// `<block>.<synapse>.weight` or `<block>.<synapse>.bias`
    pub tensor: String,
    /// From 1 on.
    pub step: usize,
    /// 1 minus the cosine; `None` where a gradient is still zero.
    pub turned: Option<f64>,
    /// `|estimate - adjoint| / |adjoint|`, likewise.
    pub distance: Option<f64>,
}

/// Phases go on for this many times as long as the file has them, and at least [`LEAST`] iterations.
const LONGER: usize = 20;
const LEAST: usize = 2000;
/// Of the differences. Large against rounding, small against the distance to the next kink.
const STEP: f64 = 1e-6;
/// Two differences, of a step and half a step, that are farther apart than this share of a tensor's
/// entries have a kink between them: a window whose largest moves, or an activation that meets its end.
const SMOOTH: f64 = 1e-3;
/// A tensor whose gradient is a smaller share of the whole is zero, rounded.
const ZERO: f64 = 1e-12;
/// Parameters that all copies of a chain may have together.
const COPIED: usize = 1 << 27;

/// Holds the estimate of equilibrium propagation against both truths, in f64 and with batch
/// statistics. A difference is unknown where a sample did not settle, or where one of half the step
/// differs.
///
/// # Errors
/// Where a number first was not finite.
pub fn check_chain(q: &ChainQuestion) -> Result<ChainChecked, NonFinite> {
    let data = &q.train.data;
    let samples = q.check.samples.min(data.len());
    let mut kept: Vec<usize> = (0..samples).collect();
    let mut chain: Chain<f64> = Chain::new(q.chain, q.seed.child("init"), q.chip_seed);
    chain = q.lengthened(chain, q.check.settled);
    let mut checked = ChainChecked {
        samples,
        settled: 0,
        settled_nudged: 0,
        iterations: Vec::new(),
        step: STEP,
        unknown: 0,
        tensors: Vec::new(),
        by_step: Vec::new(),
    };
    let [inputs, outputs] = loop {
        let passed = q.forth(&mut chain, &kept)?;
        let longest = |ends: &[crate::engine::Ending]| ends.iter().map(|e| e.iterations).max();
        checked.iterations = chain
            .endings()
            .map(|(name, ends)| (name.to_string(), longest(ends).unwrap_or(0)))
            .collect();
        let settled = settled(&chain, kept.len());
        if settled.iter().all(|settled| *settled) {
            break passed;
        }
        kept = kept.iter().zip(settled).filter(|(_, settled)| *settled).map(|(s, _)| *s).collect();
        if kept.is_empty() {
            return Ok(checked);
        }
    };
    let outputs = &outputs[0];
    let labels: Vec<usize> = kept.iter().map(|&s| data.labels[s]).collect();
    let (costs, error) = loss(q.train.cost, outputs, &labels);
    let (beta, phases) = (q.beta(), q.train.phases);
    chain.backward(error.clone(), Back::Propagation { beta, phases })?;
    let unsettled = chain.links.iter().filter_map(|(_, link)| match link {
        Link::Analog(block) => Some(block.unsettled_nudged()),
        Link::Host(_) => None,
    });
    checked.settled = kept.len();
    checked.settled_nudged = kept.len() - unsettled.max().unwrap_or(0);
    let learned = learned(&chain);
    let estimates: Vec<Vec<f64>> =
        learned.iter().map(|t| t.of(&chain).map_or_else(Vec::new, |p| p.grad.clone())).collect();
    // The way back has used up what the way forth kept.
    q.forth(&mut chain, &kept)?;
    checked.by_step = q.back(&mut chain, error)?;
    let truths: Vec<&[f64]> =
        learned.iter().map(|t| t.of(&chain).map_or(&[][..], |p| &p.grad)).collect();

    let seed = q.seed.child("gradcheck");
    let drawn: Vec<Vec<usize>> = learned
        .iter()
        .zip(&estimates)
        .map(|(t, grad)| draw(grad, q.check.entries, seed.child(&t.name)))
        .collect();
    let rms = |v: &[f64]| (dot(v, v) / v.len().max(1) as f64).sqrt();
    let places: Vec<Place> = learned
        .iter()
        .zip(&drawn)
        .zip(&truths)
        .flat_map(|((tensor, drawn), truth)| {
            let scale = rms(truth);
            drawn.iter().map(move |&entry| Place { tensor, entry, scale })
        })
        .collect();
    let cost = costs.iter().sum::<f64>() / costs.len() as f64;
    let noise = 1e-15 * cost / STEP;
    let found = q.differences(&chain, &inputs, &labels, &places, noise);
    checked.unknown = found.iter().filter(|d| d.is_none()).count();
    let mut found = places.iter().zip(found);
    let zero = ZERO * truths.iter().map(|v| dot(v, v)).sum::<f64>().sqrt();
    for ((tensor, drawn), (estimate, truth)) in
        learned.iter().zip(&drawn).zip(estimates.iter().zip(&truths))
    {
        let own = found.by_ref().take(drawn.len());
        let (places, differences): (Vec<usize>, Vec<f64>) =
            own.filter_map(|(place, d)| Some((place.entry, d?))).unzip();
        let at = |v: &[f64]| places.iter().map(|&k| v[k]).collect::<Vec<f64>>();
        let against = |v| (!places.is_empty()).then(|| agreement(&at(v), &differences, noise));
        checked.tensors.push(TensorCheck {
            name: tensor.name.clone(),
            shape: tensor.shape,
            norm: dot(estimate, estimate).sqrt(),
            implicit: Some(agreement(estimate, truth, zero)),
            differences: against(estimate),
            judges: against(truth),
            entries: places.len(),
        });
    }
    Ok(checked)
}

/// A tensor that is learned, and where it is.
struct Learned {
    name: String,
    /// Rows and columns, a kernel's inputs and pixels together.
    shape: [usize; 2],
    link: usize,
    /// Among the parameters of its block.
    place: usize,
}

/// An entry to take a difference at.
struct Place<'a> {
    tensor: &'a Learned,
    entry: usize,
    /// Of the entries of the tensor's gradient.
    scale: f64,
}

impl Learned {
    fn of<'a>(&self, chain: &'a Chain<f64>) -> Option<&'a Parameter<f64>> {
        match &chain.links[self.link].1 {
            Link::Host(host) => host.parameters().nth(self.place),
            Link::Analog(block) => block.parameters().get(self.place),
        }
    }

    fn set(&self, chain: &mut Chain<f64>, entry: usize, value: f64) {
        match &mut chain.links[self.link].1 {
            Link::Host(host) => {
                host.parameters_mut()
                    .nth(self.place)
                    .into_iter()
                    .for_each(|p| p.value[entry] = value);
            }
            Link::Analog(block) => {
                block.parameters_mut()[self.place].value[entry] = value;
                block.apply();
            }
        }
    }
}

fn learned(chain: &Chain<f64>) -> Vec<Learned> {
    let mut all = Vec::new();
    for (link, (block, of)) in chain.links.iter().enumerate() {
        let own: Vec<&Parameter<f64>> = match of {
            Link::Host(host) => host.parameters().collect(),
            Link::Analog(block) => block.parameters().iter().collect(),
        };
        let own = own.into_iter().enumerate().filter(|(_, p)| p.is_learned());
        all.extend(own.map(|(place, p)| Learned {
            name: format!("{block}.{}", p.name),
            shape: match p.shape[..] {
                [rows, ref rest @ ..] if !rest.is_empty() => [rows, rest.iter().product()],
                _ => [1, p.value.len()],
            },
            link,
            place,
        }));
    }
    all
}

/// Whether each sample settled in the free phases of all blocks.
fn settled(chain: &Chain<f64>, samples: usize) -> Vec<bool> {
    let mut settled = vec![true; samples];
    for (_, ends) in chain.endings() {
        settled.iter_mut().zip(ends).for_each(|(settled, end)| *settled &= end.settled);
    }
    settled
}

impl ChainQuestion<'_> {
    /// Strength of the nudge.
    pub fn beta(&self) -> f64 {
        self.check.beta.unwrap_or(self.train.beta)
    }

    /// The chain with phases that last until they have settled.
    fn lengthened(&self, mut chain: Chain<f64>, settled: f64) -> Chain<f64> {
        let phase = |most: usize, odd_first| Phase {
            iterations: most.saturating_mul(LONGER).max(LEAST),
            settled: Some(settled),
            odd_first,
        };
        let pairs = chain.links.into_iter().zip(&self.chain.blocks);
        let links = pairs.map(|((name, link), block)| match (link, &block.kind) {
            (Link::Analog(of), BlockKind::Analog(analog)) => {
                let (free, nudged) =
                    (phase(analog.free.most, false), phase(analog.nudged.most, true));
                (name, Link::Analog(Box::new(of.iterated(free, nudged))))
            }
            (link, _) => (name, link),
        });
        chain.links = links.collect();
        chain
    }

    /// What each block is given, and what the last one gives.
    fn forth(&self, chain: &mut Chain<f64>, samples: &[usize]) -> Result<[Vec<Mat>; 2], NonFinite> {
        let mut x: Mat = self.train.data.batch(samples, &self.chain.normalise, None);
        let mut inputs = Vec::new();
        for place in 0..chain.links.len() {
            inputs.push(x.clone());
            x = chain.pass(place, x, Mode::Check)?;
        }
        Ok([inputs, vec![x]])
    }

    /// Sets the gradients to those of implicit differentiation; the nudged phase of each analog block,
    /// with its true error, step by step.
    fn back(&self, chain: &mut Chain<f64>, error: Mat) -> Result<Vec<StepAgreement>, NonFinite> {
        let mut all = Vec::new();
        let mut error = Some(error);
        for (place, block) in self.chain.blocks.iter().enumerate().rev() {
            let Some(own) = error.take() else { break };
            let mut iterations = LEAST;
            if let (Link::Analog(of), BlockKind::Analog(analog)) =
                (&chain.links[place].1, &block.kind)
            {
                iterations = analog.nudged.most.saturating_mul(LONGER).max(LEAST);
                let mut step = 0;
                of.by_step(&own, self.beta(), analog.nudged.most, |[estimate, truth]| {
                    step += 1;
                    let pairs = estimate.iter().zip(&truth).zip(of.parameters());
                    all.extend(pairs.map(|((estimate, truth), p)| {
                        let (turned, distance) = apart(estimate, truth);
                        let (block, tensor) =
                            (block.name.clone(), format!("{}.{}", block.name, p.name));
                        StepAgreement { block, tensor, step, turned, distance }
                    }));
                });
            }
            error = chain.pass_back(place, own, Back::Implicit { iterations })?;
        }
        Ok(all)
    }

    /// Central differences of the mean cost, all blocks from the changed one on settled again.
    fn differences(
        &self,
        chain: &Chain<f64>,
        inputs: &[Mat],
        labels: &[usize],
        places: &[Place],
        noise: f64,
    ) -> Vec<Option<f64>> {
        let size: usize = chain.parameters().iter().map(|(_, p)| p.value.len()).sum();
        let copies = rayon::current_num_threads().min(COPIED / size.max(1)).max(1);
        let at_once = places.len().div_ceil(copies).max(1);
        // The error of settling is divided by the step.
        let settled = (1e-3 * self.check.settled).max(1e-14);
        let of = |places: &[Place]| -> Vec<Option<f64>> {
            let mut chain = self.lengthened(chain.clone(), settled);
            places
                .iter()
                .map(|place| {
                    let value = place.tensor.of(&chain)?.value[place.entry];
                    let mut slope = |step: f64| {
                        let [low, high] = [value - step, value + step].map(|value| {
                            place.tensor.set(&mut chain, place.entry, value);
                            self.cost(&mut chain, place.tensor.link, inputs, labels)
                        });
                        Some((high? - low?) / (2.0 * step))
                    };
                    let slopes = [slope(STEP), slope(0.5 * STEP)];
                    place.tensor.set(&mut chain, place.entry, value);
                    let [whole, half] = [slopes[0]?, slopes[1]?];
                    let allowed = SMOOTH * (whole.abs() + place.scale) + noise;
                    ((whole - half).abs() <= allowed).then_some(whole)
                })
                .collect()
        };
        places.par_chunks(at_once).map(of).collect::<Vec<_>>().concat()
    }

    /// The mean cost, computed from this block on; `None` if a sample does not settle.
    fn cost(
        &self,
        chain: &mut Chain<f64>,
        first: usize,
        inputs: &[Mat],
        labels: &[usize],
    ) -> Option<f64> {
        let mut x = inputs[first].clone();
        for place in first..chain.links.len() {
            x = chain.pass(place, x, Mode::Check).ok()?;
        }
        let (costs, _) = loss(self.train.cost, &x, labels);
        let all = settled(chain, labels.len()).into_iter().all(|settled| settled);
        all.then(|| costs.iter().sum::<f64>() / costs.len() as f64)
    }
}

/// 1 minus the cosine, exact also where the two hardly differ, and the relative distance; none where
/// one of the two is zero.
fn apart(estimate: &[f64], truth: &[f64]) -> (Option<f64>, Option<f64>) {
    let [a, b] = [estimate, truth].map(|v| dot(v, v).sqrt());
    if a == 0.0 || b == 0.0 {
        return (None, None);
    }
    let between = |a: f64, b: f64| {
        let pairs = estimate.iter().zip(truth);
        pairs.map(|(x, y)| (x / a - y / b) * (x / a - y / b)).sum::<f64>()
    };
    (Some(0.5 * between(a, b)), Some(between(1.0, 1.0).sqrt() / b))
}
