//! An engine that the processes of a crew share: each settles its part of every batch.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::compile::{Chip, Written};
use crate::engine::{Drive, Engine, Nudge, Outcome, Save, Settled, Stats, Until};
use crate::model::{EnergyModel, State};
use crate::numerics::Mat;
use crate::run::Crew;

/// Every process has the whole of the network and its chip, and all call it alike. What comes of a
/// sample does not depend on which others are in its batch, so the parts put together are, bit by
/// bit, what one process finds, and so is all that is learned from them.
pub struct Shared {
    engine: Box<dyn Engine>,
    crew: Crew,
}

impl Shared {
    pub fn new(engine: Box<dyn Engine>, crew: Crew) -> Shared {
        Shared { engine, crew }
    }
}

/// What one process found: [`Settled`] of its samples.
#[derive(Serialize, Deserialize)]
struct Part {
    /// Row-major, a layer each; none of a layer that the drive holds as it is.
    state: Vec<Option<Vec<f64>>>,
    outcome: Vec<Outcome>,
    residual: Vec<f64>,
    stats: Stats,
    notes: Vec<String>,
}

impl Part {
    fn of(settled: Settled, drive: &Drive) -> Part {
        let held = |layer: &Mat| {
            let (is, was) = (layer.as_slice(), drive.clamp.as_slice());
            is.len() == was.len() && is.iter().zip(was).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        let state = settled.state.iter();
        Part {
            state: state.map(|layer| (!held(layer)).then(|| layer.as_slice().to_vec())).collect(),
            outcome: settled.outcome,
            residual: settled.residual,
            stats: settled.stats,
            notes: settled.notes,
        }
    }
}

impl Engine for Shared {
    fn settle(
        &mut self,
        drive: &Drive,
        start: Option<&State>,
        until: &Until,
        save: &Save,
    ) -> Settled {
        let batch = drive.clamp.rows();
        if *save != Save::End || batch == 0 {
            // The moments of a trace follow from all samples together.
            return self.engine.settle(drive, start, until, save);
        }
        let own = self.crew.share(batch);
        let part = (!own.is_empty()).then(|| {
            let drive = drive_of(drive, own.clone());
            let start: Option<State> =
                start.map(|state| state.iter().map(|layer| rows(layer, own.clone())).collect());
            Part::of(self.engine.settle(&drive, start.as_ref(), until, save), &drive)
        });
        let parts: Vec<Part> = self.crew.gather(&part).into_iter().flatten().collect();
        whole(parts, drive)
    }

    fn write(&mut self, model: &EnergyModel) -> Written {
        self.engine.write(model)
    }

    fn chip(&self) -> Option<&Chip> {
        self.engine.chip()
    }
}

fn rows(of: &Mat, range: Range<usize>) -> Mat {
    of.select_rows(&range.collect::<Vec<_>>())
}

fn drive_of(drive: &Drive, range: Range<usize>) -> Drive {
    let nudge = match &drive.nudge {
        Nudge::None => Nudge::None,
        Nudge::Toward { target, beta } => {
            Nudge::Toward { target: rows(target, range.clone()), beta: *beta }
        }
        Nudge::Force(force) => Nudge::Force(rows(force, range.clone())),
    };
    Drive { clamp: rows(&drive.clamp, range), nudge }
}

/// The parts of a batch put together.
fn whole(parts: Vec<Part>, drive: &Drive) -> Settled {
    let layers = parts.first().map_or(0, |part| part.state.len());
    let batch = drive.clamp.rows();
    let layer = |l: usize| {
        let mut data = Vec::new();
        let mut row = 0;
        for part in &parts {
            let samples = row..row + part.outcome.len();
            match &part.state[l] {
                Some(found) => data.extend_from_slice(found),
                None => samples.clone().for_each(|s| data.extend_from_slice(drive.clamp.row(s))),
            }
            row = samples.end;
        }
        Mat::from_vec(batch, data.len() / batch, data)
    };
    let state = (0..layers).map(layer).collect();
    let stats = parts.iter().fold(Stats::default(), |sum, part| sum + part.stats);
    let mut seen = BTreeSet::new();
    let (mut outcome, mut residual, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        outcome.extend(part.outcome);
        residual.extend(part.residual);
        notes.extend(part.notes.into_iter().filter(|note| seen.insert(note.clone())));
    }
    Settled { state, outcome, residual, trace: None, stats, notes }
}
