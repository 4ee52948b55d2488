//! An engine that the processes of a crew share: each settles its part of every batch.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::compile::{Chip, Written};
use crate::engine::{Drive, Engine, Nudge, Outcome, Save, Settled, Stats, Until};
use crate::model::{EnergyModel, Outer, State};
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
        // What goes on from a state is a further phase of reads that were counted.
        let anew = start.is_none();
        if anew {
            self.engine.pass_reads(own.start);
        }
        let part = (!own.is_empty()).then(|| {
            let drive = drive_of(drive, own.clone());
            let start: Option<State> =
                start.map(|state| state.iter().map(|layer| rows(layer, own.clone())).collect());
            Part::of(self.engine.settle(&drive, start.as_ref(), until, save), &drive)
        });
        if anew {
            self.engine.pass_reads(batch - own.end);
        }
        let parts: Vec<Part> = self.crew.gather(&part).into_iter().flatten().collect();
        whole(parts, drive)
    }

    fn pass_reads(&mut self, samples: usize) {
        self.engine.pass_reads(samples);
    }

    fn write(&mut self, model: &EnergyModel) -> Written {
        self.engine.write(model)
    }

    fn teach(&mut self, model: &EnergyModel, by: &[Option<Outer>]) -> Written {
        self.engine.teach(model, by)
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

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::run::crew::threads::crew_of;

    /// Finds, of each sample, the how manieth read it is, the phase, and its input and target.
    #[derive(Default)]
    struct Counting {
        reads: usize,
        first: usize,
        phase: usize,
    }

    impl Engine for Counting {
        fn settle(&mut self, drive: &Drive, start: Option<&State>, _: &Until, _: &Save) -> Settled {
            let batch = drive.clamp.rows();
            match start {
                Some(_) => self.phase += 1,
                None => (self.first, self.phase, self.reads) = (self.reads, 0, self.reads + batch),
            }
            let pushed = |s: usize| match &drive.nudge {
                Nudge::None => 0.0,
                Nudge::Toward { target, beta } => beta * target[(s, 0)],
                Nudge::Force(force) => force[(s, 0)],
            };
            let from = |s: usize| start.map_or(0.0, |state| state[1][(s, 0)]);
            let rows = (0..batch).flat_map(|s| {
                [
                    (self.first + s) as f64,
                    self.phase as f64,
                    drive.clamp[(s, 0)],
                    pushed(s),
                    from(s),
                ]
            });
            let found = Mat::from_vec(batch, 5, rows.collect());
            Settled {
                outcome: found.iter_rows().map(|r| Outcome::Settled { at: r[0] + r[3] }).collect(),
                residual: found.iter_rows().map(|r| f64::NAN.max(1.0 / r[0])).collect(),
                state: vec![drive.clamp.clone(), found],
                trace: None,
                stats: Stats { steps: batch, ..Stats::default() },
                notes: vec!["a note".to_string()],
            }
        }

        fn pass_reads(&mut self, samples: usize) {
            self.reads += samples;
        }

        fn write(&mut self, _: &EnergyModel) -> Written {
            Written::default()
        }

        fn chip(&self) -> Option<&Chip> {
            None
        }
    }

    /// Two batches in three phases each.
    fn phases(engine: &mut dyn Engine) -> Vec<Settled> {
        let until = Until { settled: 1.0, at_most: 1.0, at_most_iterations: 1 };
        let mut found = Vec::new();
        for (batch, beta) in [(5, 0.5), (2, 0.25)] {
            let column = |scale: f64| {
                Mat::from_vec(batch, 1, (0..batch).map(|s| scale * (s + batch) as f64).collect())
            };
            let mut drive = Drive { clamp: column(1.0), nudge: Nudge::None };
            let free = engine.settle(&drive, None, &until, &Save::End);
            for nudge in [Nudge::Toward { target: column(3.0), beta }, Nudge::Force(column(7.0))] {
                drive.nudge = nudge;
                found.push(engine.settle(&drive, Some(&free.state), &until, &Save::End));
            }
            found.push(free);
        }
        found
    }

    #[test]
    fn parts_put_together_are_the_whole() {
        let whole = phases(&mut Counting::default());
        for size in [1, 2, 3, 4, 7] {
            thread::scope(|scope| {
                for crew in crew_of(size) {
                    let whole = &whole;
                    scope.spawn(move || {
                        let mut shared = Shared::new(Box::new(Counting::default()), crew);
                        assert_eq!(&phases(&mut shared), whole, "shared by {size}");
                    });
                }
            });
        }
    }
}
