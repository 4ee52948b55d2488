//! What is asked of a netlist that stands for no network: analyses in order, and what is measured
//! of them.

mod ac;
mod columns;
mod failure;
mod measure;
mod motion;
mod noise;
mod point;
mod sweep;

use std::fmt;
use std::sync::Arc;

use super::super::{Outcome, Stats};
use super::add;
use super::arrays::{attach, moving};
use crate::data::waves::Waves;
use crate::netlist::Netlist;
use crate::numerics::coupled::Attachments;
use crate::numerics::dae::{Instant, Pattern};
use crate::numerics::linear::Elimination;
use crate::numerics::newton::Failure;
use crate::spec::Study;
use crate::spec::study::Request;
use columns::{At, Columns};
pub(super) use failure::failed;
use noise::Asked;
use point::Quest;

/// What came of a [`Study`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StudyRun {
    /// In the order of the analyses.
    pub results: Vec<AnalysisRun>,
    /// Names and values, or why there is none.
    pub measures: Vec<(String, Result<f64, String>)>,
}

/// What came of one analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalysisRun {
    /// The [`Request::word`]; `noise-total` of the noise integrated over its frequencies, which
    /// follows a `noise`.
    pub word: String,
    pub outcome: Outcome,
    /// As far as the analysis came; without a title.
    pub waves: Waves,
    pub stats: Stats,
    /// How the solution was found and how good it is.
    pub notes: Vec<String>,
}

impl AnalysisRun {
    fn new(word: &str) -> AnalysisRun {
        AnalysisRun {
            word: word.to_owned(),
            outcome: Outcome::Finished { points: 0 },
            waves: Waves::default(),
            stats: Stats::default(),
            notes: Vec::new(),
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

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {:.0} %", self.word, 100.0 * self.share)
    }
}

/// The netlist with what all analyses of it have in common.
struct Bench<'a> {
    netlist: Netlist,
    elimination: Arc<Elimination>,
    study: &'a Study,
    /// Its crossbars, where it has some.
    attached: Option<Result<Attachments, Failure>>,
}

/// Runs the analyses of a study in order. One that fails does not keep the others from running.
pub fn study(netlist: &Netlist, study: &Study, tell: &mut dyn FnMut(Progress)) -> StudyRun {
    let mut netlist = netlist.clone();
    netlist.temperature = study.solving.temperature;
    netlist.gmin = study.solving.gmin;
    let elimination = Elimination::of(&Pattern::of(&netlist));
    // At rest, crossbars are solved as such; all else needs every cell.
    let rests = |request: &Request| matches!(request, Request::Op | Request::Dc(_));
    let flat = (!netlist.arrays().is_empty() && !study.analyses.iter().all(rests)).then(|| {
        let netlist = moving(netlist.clone());
        let elimination = Elimination::of(&Pattern::of(&netlist));
        Bench { netlist, elimination, study, attached: None }
    });
    let attached = (!netlist.arrays().is_empty()).then(|| attach(&netlist));
    let bench = Bench { netlist, elimination, study, attached };
    let serves = |request: &Request| flat.as_ref().filter(|_| !rests(request)).unwrap_or(&bench);
    let results: Vec<AnalysisRun> =
        study.analyses.iter().flat_map(|request| serves(request).run(request, tell)).collect();
    let measures = study.measures.iter();
    let measures = measures.map(|m| (m.name.clone(), measure::take(m, &results))).collect();
    StudyRun { measures, results }
}

impl Bench<'_> {
    fn run(&self, request: &Request, tell: &mut dyn FnMut(Progress)) -> Vec<AnalysisRun> {
        tell(self.progress(request.word(), 0.0));
        match request {
            Request::Op => vec![self.op()],
            Request::Dc(sweeps) => vec![sweep::dc(self, sweeps, tell)],
            Request::Tran(tran) => vec![motion::tran(self, tran, tell)],
            Request::Ac { frequencies } => vec![ac::ac(self, frequencies)],
            Request::Noise { output, input, frequencies } => {
                noise::noise(self, &Asked { output: *output, input: *input, frequencies })
            }
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
        run.waves = columns.into_waves("Operating Point");
        run
    }

    /// The operating point at rest.
    fn quest(&self) -> Quest<'_> {
        Quest {
            netlist: &self.netlist,
            elimination: &self.elimination,
            study: self.study,
            attached: self.attached.as_ref(),
            at: Instant::Rest,
            from: None,
            holds: false,
        }
    }

    fn progress(&self, word: &'static str, share: f64) -> Progress {
        Progress { word, share }
    }

    /// The powers and currents of devices that the measures of an analysis name.
    fn signals(&self, word: &str) -> Vec<String> {
        let measures = self.study.measures.iter().filter(|m| m.analysis == word);
        measures.flat_map(|m| measure::signals(&m.what)).flat_map(measure::of_devices).collect()
    }
}
