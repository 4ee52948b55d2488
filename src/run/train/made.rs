//! Trainers from files and checkpoints.

use super::super::checkpoint::{Checkpoint, Progress};
use super::super::{chip, make_engine};
use crate::compile::Chip;
use crate::engine::{Behavioural, Engine, Until};
use crate::learn::{Optimiser, OptimiserRule, OptimiserState, Trainer};
use crate::model::EnergyModel;
use crate::spec::{Fidelity, Rule, Spec, Subject, Train};

/// The model of a file on its engine, ready to learn.
pub(in crate::run) fn trainer(spec: &Spec, train: &Train) -> Trainer {
    let Subject::Network { model, hardware, nonideal } = &spec.subject else {
        panic!("[train] goes with [model] only");
    };
    let fidelity = spec.simulate.engine;
    let made =
        (fidelity != Fidelity::Ideal).then(|| chip(model, hardware, nonideal, spec.chip_seed));
    let engine = learning_engine(spec, train, model, made);
    let optimiser = Optimiser::new(train.optimiser, train.rate, model);
    match train.rule {
        Rule::EquilibriumPropagation(rule) => {
            Trainer::new(model.clone(), engine, optimiser, rule, until(train))
        }
        Rule::ImplicitGradient(rule) => {
            let solver = spec.simulate.solver;
            Trainer::implicit(model.clone(), solver, optimiser, rule, until(train), train.precision)
        }
    }
}

fn until(train: &Train) -> Until {
    Until {
        settled: train.settled,
        at_most: train.at_most,
        at_most_iterations: train.at_most_iterations,
    }
}

/// As [`make_engine`], in the precision of `[train]`. Learning asks for equilibria only, so that
/// the way there may be rough; settling times come out a few percent off.
fn learning_engine(
    spec: &Spec,
    train: &Train,
    model: &EnergyModel,
    chip: Option<Chip>,
) -> Box<dyn Engine> {
    match (spec.simulate.engine, chip) {
        (Fidelity::Behavioural, Some(chip)) => {
            Box::new(Behavioural::new(chip, train.precision).with_tolerance(1e-2, 1e-3))
        }
        (_, chip) => make_engine(&spec.simulate, model, chip),
    }
}

/// Puts a checkpoint into a trainer of the same file.
pub(in crate::run) fn restore(
    spec: &Spec,
    train: &Train,
    trainer: &mut Trainer,
    checkpoint: Checkpoint,
) -> Result<Progress, String> {
    let chip = trainer.engine.chip().cloned().zip(checkpoint.chip).map(|(mut chip, was)| {
        let (cells, writes, learning) = was;
        chip.restore(&checkpoint.model, cells, writes, learning);
        chip.restore_reads(checkpoint.reads);
        chip
    });
    let sizes = |s: &OptimiserState| [s.first.len(), s.second.len(), s.limits.len().min(1)];
    let mut fits = sizes(trainer.optimiser.state());
    fits[2] = usize::from(
        matches!(train.optimiser, OptimiserRule::Madam { .. }) && checkpoint.optimiser.steps > 0,
    );
    if fits != sizes(&checkpoint.optimiser) {
        return Err("its optimiser is another one than the file's".to_string());
    }
    match train.rule {
        Rule::EquilibriumPropagation(_) => {
            trainer.engine = learning_engine(spec, train, &checkpoint.model, chip);
            trainer.model = checkpoint.model;
        }
        Rule::ImplicitGradient(rule) => {
            let optimiser = Optimiser::new(train.optimiser, train.rate, &checkpoint.model);
            let (solver, until) = (spec.simulate.solver, until(train));
            let model = checkpoint.model;
            *trainer = Trainer::implicit(model, solver, optimiser, rule, until, train.precision);
        }
    }
    trainer.restore(checkpoint.optimiser);
    Ok(checkpoint.progress)
}
