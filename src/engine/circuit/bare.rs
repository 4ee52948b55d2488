//! Analyses of a netlist that stands for no network.

use std::ops::ControlFlow;

use super::super::{Outcome, Stats, Until};
use super::add;
use super::arrays::{attach, moving, rest};
use super::sample::Track;
use super::study::failed;
use crate::netlist::Netlist;
use crate::numerics::Mat;
use crate::numerics::dae::{Dae, Instant, Pattern, Stamps};
use crate::numerics::linear::Elimination;
use crate::numerics::newton::{Solver, Work};
use crate::numerics::transient::{Control, End, integrate};
use crate::spec::Analysis;
use crate::units::Second;

/// The voltages and branch currents of a netlist.
#[derive(Debug, Clone, PartialEq)]
pub struct NetlistRun {
    pub outcome: Outcome,
    /// `v(node)` \[V\] and `i(device)` \[A\], in the order of the columns.
    pub names: Vec<String>,
    /// \[s\]; only 0 for an operating point.
    pub times: Vec<Second>,
    /// `[moments, unknowns]`
    pub values: Mat,
    pub stats: Stats,
}

/// The operating point of a netlist from rest, in one row, or its way from discharged capacitors:
/// `points` rows, evenly spaced, until no voltage has further than `until.settled` volts to go by
/// itself (net current over the node's own conductance), or `until.at_most`.
///
/// # Panics
/// If the motion of an array is asked for whose cells are not linear.
pub fn analyse(netlist: &Netlist, analysis: Analysis, until: &Until, points: usize) -> NetlistRun {
    let elimination = Elimination::of(&Pattern::of(netlist));
    if !netlist.arrays().is_empty() {
        return match analysis {
            Analysis::Tran => analyse(&moving(netlist.clone()), analysis, until, points),
            Analysis::Op => at_rest(netlist),
        };
    }
    let mut solver = Solver::new(netlist, &elimination);
    let mut x = vec![0.0; netlist.dim()];
    let (outcome, times, rows) = match analysis {
        Analysis::Op => {
            let outcome = match solver.equilibrium(&mut x) {
                Ok(iterations) => Outcome::Equilibrium { iterations },
                Err(failure) => failed(netlist, failure, &x),
            };
            (outcome, vec![0.0], vec![x])
        }
        Analysis::Tran => follow(netlist, &mut solver, &mut x, until, points),
    };
    let values = Mat::from_vec(times.len(), netlist.dim(), rows.concat());
    let stats = add(Stats::default(), solver.work);
    NetlistRun { outcome, names: netlist.unknown_names(), times, values, stats }
}

/// The operating point of a netlist with crossbars.
fn at_rest(netlist: &Netlist) -> NetlistRun {
    let mut x = vec![0.0; netlist.dim()];
    let found = attach(netlist).and_then(|arrays| rest(netlist, &arrays, &mut x));
    let (outcome, work) = match found {
        Ok(rest) => (Outcome::Equilibrium { iterations: rest.iterations }, rest.work),
        Err(failure) => (failed(netlist, failure, &x), Work::default()),
    };
    NetlistRun {
        outcome,
        names: netlist.unknown_names(),
        times: vec![0.0],
        values: Mat::from_vec(1, netlist.dim(), x),
        stats: add(Stats::default(), work),
    }
}

fn follow(
    netlist: &Netlist,
    solver: &mut Solver,
    x: &mut [f64],
    until: &Until,
    points: usize,
) -> (Outcome, Vec<Second>, Vec<Vec<f64>>) {
    let conductances = own_conductances(netlist, solver, x);
    let mut track = Track::new((0..netlist.dim()).collect(), x);
    let mut settled = None;
    let end = integrate(solver, x, until.at_most, &Control::default(), &mut |now| {
        let volts = conductances.iter().map(|&(k, g)| (now.currents[k] / g).abs());
        track.record(now, volts.fold(0.0, f64::max));
        settled = track.settled_at(until.settled);
        if settled.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let last = track.end();
    let outcome = match (end, settled) {
        (Err(failure), _) => failed(netlist, failure, x),
        (Ok(End::Diverged { at }), _) => Outcome::Diverged { at, growth: None },
        (Ok(_), Some(at)) => Outcome::Settled { at },
        (Ok(_), None) => Outcome::Unsettled { residual: track.residual(last) },
    };
    let times = even_times(last, points);
    let rows = times.iter().map(|&t| track.voltages(t)).collect();
    (outcome, times, rows)
}

/// The nodes that hold charge, with their own conductances at `x`.
fn own_conductances(netlist: &Netlist, solver: &mut Solver, x: &[f64]) -> Vec<(usize, f64)> {
    let charged = solver.pattern().charged().to_vec();
    let diagonal = solver.pattern().diagonal().to_vec();
    let stamps: &Stamps = solver.evaluate(Instant::Rest, x);
    let own = |k: usize| stamps.current_slopes()[diagonal[k] as usize];
    let nodes = (0..netlist.potentials()).filter(|&k| charged[k] && own(k) > 0.0);
    nodes.map(|k| (k, own(k))).collect()
}

/// `points` times, at least 2, from 0 to `end`.
fn even_times(end: Second, points: usize) -> Vec<Second> {
    let last = points.max(2) - 1;
    (0..=last).map(|k| if k == last { end } else { end * k as f64 / last as f64 }).collect()
}
