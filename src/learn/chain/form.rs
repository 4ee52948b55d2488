//! How a block on a chip comes to rest.

use std::borrow::Cow;

use crate::compile::{Chip, Written};
use crate::engine::{
    Circuit, Course, Deep, Drive, Ending, Engine, Layers, Nudge, Outcome, Rested, Until,
};
use crate::model::{DeepHopfield, EnergyModel, State};
use crate::netlist::Netlist;
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::spec::Analysis;
use crate::units::Second;

/// What a chip is to its block.
#[derive(Debug, Clone)]
pub(super) enum Form {
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
    /// States whose windows are those of this phase; else every state has its own.
    pub held: Option<&'a Layers<T>>,
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

impl Form {
    pub fn of(chip: Chip, circuit: bool) -> Form {
        match circuit {
            true => Form::Circuit(Box::new(Circuit::from_chip(chip, Analysis::Op))),
            false => Form::Weights(Box::new(chip)),
        }
    }

    /// Programs what the arrays are to make.
    pub fn write(&mut self, wanted: &EnergyModel) -> Written {
        match self {
            Form::Weights(chip) => chip.write(wanted),
            Form::Circuit(circuit) => circuit.write(wanted),
        }
    }

    /// The devices of a circuit.
    pub fn netlist(&self) -> Option<&Netlist> {
        match self {
            Form::Weights(_) => None,
            Form::Circuit(circuit) => Some(circuit.netlist()),
        }
    }

    pub fn chip(&self) -> &Chip {
        match self {
            Form::Weights(chip) => chip,
            Form::Circuit(circuit) => circuit.chip().expect("the circuit of a chip"),
        }
    }

    /// Brings a block with the weights of this chip to rest; the course with its time constant.
    pub fn rest<T: Real>(
        &self,
        deep: &Deep<T>,
        push: &Push<T>,
        start: Option<&Layers<T>>,
        (course, tau): (&Course, Second),
    ) -> Rested<T> {
        let all = push.currents(deep.model.layers.len(), true);
        let all: Vec<Option<&Mat<T>>> = all.iter().map(|current| current.as_deref()).collect();
        match self {
            Form::Weights(_) => deep.follow(push.held, &all, start, course),
            Form::Circuit(circuit) => {
                // An equilibrium near the start is looked for where the start holds the nodes.
                let held = start.map(|start| deep.held(&all, start));
                let until = Until {
                    settled: course.settled,
                    at_most: course.at_most * tau,
                    at_most_iterations: usize::MAX,
                };
                solve(circuit, (self.chip(), &deep.model), push, held.as_ref(), &until)
            }
        }
    }
}

/// The equilibrium of a circuit, from where its nodes stand, or from zero.
fn solve<T: Real>(
    circuit: &Circuit,
    (chip, model): (&Chip, &DeepHopfield),
    push: &Push<T>,
    held: Option<&Layers<T>>,
    until: &Until,
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
    let drive = Drive { clamp: none.clone(), nudge };
    let settled = circuit.settle_pushed(&drive, &forces, start.as_ref(), until);
    let activations = chip.fabric.model.activations(&settled.state);
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
