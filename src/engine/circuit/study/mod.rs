//! What is asked of a netlist that stands for no network: analyses in order, and what is measured
//! of them.

mod columns;
mod failure;
mod motion;
mod point;
mod sweep;

use std::sync::Arc;

use super::super::{Outcome, Stats};
use super::add;
use crate::data::waves::{OPERATING_POINT, Waves};
use crate::netlist::Netlist;
use crate::numerics::dae::{Instant, Pattern};
use crate::numerics::linear::Elimination;
use crate::spec::Study;
use crate::spec::study::Request;
use columns::{At, Columns};
pub(super) use failure::failed;
use point::Quest;

/// What came of a [`Study`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StudyRun {
    /// One an analysis, in order.
    pub results: Vec<AnalysisRun>,
    /// Names and values, or why there is none.
    pub measures: Vec<(String, Result<f64, String>)>,
}

/// What came of one analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalysisRun {
    /// The [`Request::word`].
    pub word: &'static str,
    pub outcome: Outcome,
    /// As far as the analysis came; without a title.
    pub waves: Waves,
    pub stats: Stats,
    /// How the solution was found and how good it is.
    pub notes: Vec<String>,
    /// Names and values \[SI\] of what the analysis gives as a whole, such as `onoise_total`.
    pub totals: Vec<(String, f64)>,
}

impl AnalysisRun {
    fn new(word: &'static str) -> AnalysisRun {
        AnalysisRun {
            word,
            outcome: Outcome::Finished { points: 0 },
            waves: Waves::default(),
            stats: Stats::default(),
            notes: Vec::new(),
            totals: Vec::new(),
        }
    }
}

/// How far a study is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The [`Request::word`] of the analysis under way.
    pub word: &'static str,
    /// From 0 to 1.
    pub share: f64,
}

/// The netlist with what all analyses of it have in common.
struct Bench<'a> {
    netlist: Netlist,
    elimination: Arc<Elimination>,
    study: &'a Study,
}

/// Runs the analyses of a study in order. One that fails does not keep the others from running.
pub fn study(netlist: &Netlist, study: &Study, tell: &mut dyn FnMut(Progress)) -> StudyRun {
    let mut netlist = netlist.clone();
    netlist.temperature = study.solving.temperature;
    netlist.gmin = study.solving.gmin;
    let elimination = Elimination::of(&Pattern::of(&netlist));
    // At rest, crossbars are solved as such; all else needs every cell.
    let rests = |request: &Request| matches!(request, Request::Op | Request::Dc(_));
    let flat = (!netlist.arrays().is_empty() && !study.analyses.iter().all(rests))
        .then(|| netlist.flat())
        .flatten()
        .map(|netlist| Bench {
            elimination: Elimination::of(&Pattern::of(&netlist)),
            netlist,
            study,
        });
    let bench = Bench { netlist, elimination, study };
    let serves = |request: &Request| flat.as_ref().filter(|_| !rests(request)).unwrap_or(&bench);
    let results: Vec<AnalysisRun> =
        study.analyses.iter().map(|request| serves(request).run(request, tell)).collect();
    StudyRun { measures: Vec::new(), results }
}

impl Bench<'_> {
    fn run(&self, request: &Request, tell: &mut dyn FnMut(Progress)) -> AnalysisRun {
        tell(self.progress(request.word(), 0.0));
        match request {
            Request::Op => self.op(),
            Request::Dc(sweeps) => sweep::dc(self, sweeps, tell),
            Request::Tran(tran) => motion::tran(self, tran, tell),
            Request::Ac { .. } | Request::Noise { .. } => AnalysisRun::new(request.word()),
        }
    }

    fn op(&self) -> AnalysisRun {
        let mut run = AnalysisRun::new("op");
        let mut columns = Columns::new(&self.netlist, &self.signals("op"));
        match self.quest().find() {
            Ok(point) => {
                let at =
                    At { instant: Instant::Rest, x: &point.x, slope: None, memory: &point.memory };
                columns.push(0.0, &at);
                run.outcome = Outcome::Equilibrium { iterations: point.found.iterations };
                run.notes = point.notes(&self.netlist);
                run.stats = add(Stats::default(), point.work);
            }
            Err(outcome) => run.outcome = outcome,
        }
        run.waves = columns.into_waves(OPERATING_POINT);
        run
    }

    /// The operating point at rest.
    fn quest(&self) -> Quest<'_> {
        Quest {
            netlist: &self.netlist,
            elimination: &self.elimination,
            study: self.study,
            at: Instant::Rest,
            from: None,
            holds: false,
        }
    }

    fn progress(&self, word: &'static str, share: f64) -> Progress {
        Progress { word, share }
    }

    /// The signals that the measures of an analysis name.
    fn signals(&self, _word: &str) -> Vec<String> {
        Vec::new()
    }
}
