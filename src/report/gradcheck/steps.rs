//! The nudged phase of each analog block of a chain, step by step, against the adjoint.

use std::path::Path;

use crate::report::figure::{Axis, Body, Chart, Figure, Label, Role, Series, Shape, Unit};
use crate::report::{ReportError, records};
use crate::run::gradcheck::{GradcheckRecord, STEPS, StepRecord};

/// Distances that rounding makes are drawn here.
const FLOOR: f64 = 1e-16;

/// Which of a record's distances a panel is of.
type Pick = fn(&StepRecord) -> Option<f64>;

/// Both distances against the step, a line a block.
pub fn figure(dir: &Path, run: &GradcheckRecord) -> Result<Option<Figure>, ReportError> {
    let Some(chain) = &run.chain else { return Ok(None) };
    let steps: Vec<StepRecord> = records::read_lines(dir, STEPS, true)?;
    let Some(last) = steps.iter().map(|s| s.step).max() else { return Ok(None) };
    let picks: [(&str, Pick); 2] = [
        ("1 − cosine", |step| step.cosine_distance),
        ("relative distance", |step| step.relative_distance),
    ];
    let panel = |(name, pick): (&str, Pick), first: bool| {
        let line = |block: &str| -> Vec<[f64; 2]> {
            let worst = |step: usize| {
                let own = steps.iter().filter(|s| s.step == step && s.block == block);
                own.filter_map(pick).reduce(f64::max).map_or(f64::NAN, |v| v.max(FLOOR))
            };
            (1..=last).map(|step| [step as f64, worst(step)]).collect()
        };
        let lines: Vec<_> = chain.blocks.iter().map(|b| (&b.block, line(&b.block))).collect();
        let known = || lines.iter().flat_map(|(_, l)| l).map(|p| p[1]).filter(|v| v.is_finite());
        let (low, high) = (known().reduce(f64::min)?, known().reduce(f64::max)?);
        let series = lines.into_iter().enumerate().map(|(n, (block, line))| Series {
            shape: Shape::Line(line),
            role: Role::Nth(n),
            label: if first { Label::Key(block.clone()) } else { Label::None },
        });
        Some(Chart {
            x: Axis::linear("step of the nudged phase", Unit::Word("count"), [1.0, last as f64]),
            y: Axis::log(name, Unit::Word("dimensionless"), [low, high]),
            series: series.collect(),
        })
    };
    let [cosine, distance] = picks;
    let charts: Vec<Chart> =
        [panel(cosine, true), panel(distance, false)].into_iter().flatten().collect();
    Ok((!charts.is_empty()).then(|| Figure {
        name: "gradient-steps",
        title: "The nudged phase against the adjoint, step by step".into(),
        caption: format!(
            "What each analog block has measured after some steps of its nudged phase at beta = {}, \
             centred, against the adjoint of as many iterations at rest (gradient-descending \
             updates, arXiv:2409.03306); the tensor of the block that is farthest off, {STEPS} has \
             all. Each block is given the true error at its output. A line begins where its \
             tensors have a gradient; what lies below 10⁻¹⁶ is drawn there. A line that levels off \
             far above it has activations that meet an end of their range, or windows whose largest \
             moves, between the two nudged states: fewer of them with a smaller beta.",
            run.beta
        ),
        body: Body::Panels(charts),
    }))
}
