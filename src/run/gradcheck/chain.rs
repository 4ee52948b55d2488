//! `gradcheck` of a chain.

use std::collections::BTreeMap;

use super::records::{self, BlockRecord, ChainRecord, StepRecord};
use super::{Figures, GradcheckRecord, Gradchecked, IMPLICIT, TensorRecord, judged, other_beta};
use crate::learn::{ChainChecked, ChainQuestion, check_chain};
use crate::numerics::seed::Seed;
use crate::run::output::Staging;
use crate::run::record::{Head, finite};
use crate::run::started::Started;
use crate::run::{Options, RunError, head, in_pool, spinner};
use crate::spec::{Chain, Precision, Spec, Verb};

pub(super) fn gradcheck(
    spec: &Spec,
    chain: &Chain,
    options: &Options,
) -> Result<Gradchecked, RunError> {
    let started = Started::now();
    let question = question(spec, chain)?;
    let folder = options.folder(spec, Verb::Gradcheck);
    let staging = Staging::prepare(Verb::Gradcheck, &folder, &options.interrupt)?;
    let progress = spinner(options.quiet);
    progress.set_message("checking");
    let checked = check(spec, &question, options.threads)?;
    progress.set_message("recording");
    let head = head(spec, options, Verb::Gradcheck, &started);
    let mut record = record(head, &question, &checked);
    record.head.expect = judged(spec, &record.tensors);
    record.head.notes = notes(&question, &checked);
    let steps: Vec<StepRecord> = checked.by_step.into_iter().map(StepRecord::of).collect();
    records::write(spec, &record, &steps, &staging)?;
    let folder = staging.publish()?;
    progress.finish_and_clear();
    Ok(Gradchecked { folder, record })
}

/// The tensors alone, for a sweep.
pub(super) fn tensors(
    spec: &Spec,
    chain: &Chain,
    threads: Option<usize>,
) -> Result<Vec<TensorRecord>, RunError> {
    let checked = check(spec, &question(spec, chain)?, threads)?;
    Ok(checked.tensors.iter().map(TensorRecord::of).collect())
}

fn question<'a>(spec: &Spec, chain: &'a Chain) -> Result<ChainQuestion<'a>, RunError> {
    let none = || RunError::NoTraining { file: spec.path.display().to_string() };
    Ok(ChainQuestion {
        chain,
        train: chain.train.as_ref().ok_or_else(none)?,
        check: spec.gradcheck,
        seed: Seed::new(spec.seed),
        chip_seed: Seed::new(spec.chip_seed).child("chip"),
    })
}

fn check(
    spec: &Spec,
    question: &ChainQuestion,
    threads: Option<usize>,
) -> Result<ChainChecked, RunError> {
    let file = || spec.path.display().to_string();
    in_pool(threads, || check_chain(question))?
        .map_err(|fault| RunError::NotFinite { file: file(), at: fault.at })
}

fn record(head: Head, question: &ChainQuestion, checked: &ChainChecked) -> GradcheckRecord {
    let unsettled = checked.samples - checked.settled;
    let outcomes = [("settled", checked.settled), ("unsettled", unsettled)].into_iter();
    let outcomes = outcomes.filter(|(_, n)| *n > 0).map(|(word, n)| (word.to_string(), n));
    let tensors: Vec<TensorRecord> = checked.tensors.iter().map(TensorRecord::of).collect();
    let figures = Figures::of(&tensors);
    let block = |(block, iterations): &(String, usize)| BlockRecord {
        block: block.clone(),
        iterations: *iterations,
    };
    GradcheckRecord {
        head,
        rule: "equilibrium-propagation".to_string(),
        beta: question.beta(),
        phases: question.train.phases.name().to_string(),
        data: question.train.data.name.clone(),
        samples: checked.samples,
        settled: checked.settled_nudged,
        outcomes: outcomes.collect::<BTreeMap<String, usize>>(),
        tolerance: question.check.settled,
        step: checked.step,
        cosine: figures.cosine.and_then(finite),
        norm_ratio: figures.norm_ratio.and_then(finite),
        tensors,
        truth: IMPLICIT.to_string(),
        beta_samples: 0,
        betas: Vec::new(),
        chain: Some(ChainRecord {
            blocks: checked.iterations.iter().map(block).collect(),
            unknown: checked.unknown,
        }),
    }
}

/// What a reader should know, whatever came of it.
fn notes(question: &ChainQuestion, checked: &ChainChecked) -> Vec<String> {
    let mut notes = Vec::new();
    if question.chain.precision == Precision::F32 {
        notes.push("the chain works in f32, but its gradient was checked in f64".to_string());
    }
    if question.chain.engine_words() == "behavioural" {
        let words = "of a weight on a chip, implicit differentiation is by what its cells make of it, \
                     finite differences by what they were asked for: where cells differ, so do the two";
        notes.push(words.to_string());
    }
    notes.extend(other_beta(question.train.beta, question.beta()));
    let ChainChecked { samples, settled, settled_nudged, unknown, .. } = *checked;
    if settled < samples {
        let left = match settled {
            0 => "so nothing could be checked".to_string(),
            n => format!("so the check, batch normalisation too, is of the other {n}"),
        };
        notes.push(format!(
            "{} of {samples} samples did not settle in the free phases, {left}: raise \
             free.iterations of the blocks, lower their slope, or loosen [gradcheck] settled",
            samples - settled
        ));
    }
    if settled_nudged < settled {
        notes.push(format!(
            "{} of {settled} samples did not settle in a nudged phase: raise nudged.iterations of the \
             blocks, lower beta, or loosen [gradcheck] settled",
            settled - settled_nudged
        ));
    }
    if unknown > 0 {
        notes.push(format!(
            "{unknown} entries have no finite difference: steps of {:e} and half of it gave different \
             ones, as where the largest of a window changes or an activation meets its end",
            checked.step
        ));
    }
    notes
}
