//! Operating points.

use std::sync::Arc;

use super::super::super::Outcome;
use super::super::arrays::{TURNS, by_structure, can_be_flat, flattened, unflattened};
use super::failure::{not_finite, not_found};
use crate::netlist::{Array, DeviceId, Netlist, Node};
use crate::numerics::coupled::{Attachments, Balance};
use crate::numerics::dae::{Dae, Instant, Pattern, Quantity, Stamps};
use crate::numerics::linear::{Elimination, SparseLu};
use crate::numerics::newton::{Failure, Solver, Work};
use crate::numerics::rest::{Found, NotFound, SMALL, Search, Way};
use crate::spec::Study;

/// An operating point.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub x: Vec<f64>,
    pub memory: Vec<f64>,
    /// For the next point.
    pub factors: Option<SparseLu>,
    pub found: Found,
    /// The largest share by which Kirchhoff's current law fails, and the unknown.
    pub imbalance: (f64, usize),
    pub work: Work,
    /// Of the crossbars, where they were solved as such.
    pub arrays: Option<Balance>,
}

/// What an operating point is searched from and with.
pub(super) struct Quest<'a> {
    pub netlist: &'a Netlist,
    pub elimination: &'a Arc<Elimination>,
    pub study: &'a Study,
    /// The crossbars of the netlist, where it has some.
    pub attached: Option<&'a Result<Attachments, Failure>>,
    pub at: Instant,
    /// A point nearby.
    pub from: Option<&'a Point>,
    /// Whether [`Study::initial`] is held.
    pub holds: bool,
}

/// Kirchhoff's law may fail by this share of the currents that meet, rounding apart.
const BALANCED: f64 = 1e-6;

impl Quest<'_> {
    /// # Errors
    /// The outcome, where none is found.
    pub fn find(&self) -> Result<Point, Outcome> {
        self.search().map_err(|none| {
            let start = match self.from {
                Some(point) => point.x.clone(),
                None => vec![0.0; self.netlist.dim()],
            };
            not_finite(self.netlist, self.at, &start)
                .unwrap_or_else(|| not_found(self.netlist, none, None))
        })
    }

    /// The operating point of a netlist with crossbars, solved by their structure.
    fn of_arrays(&self, attached: &Attachments) -> Result<Point, Failure> {
        let (mut x, mut memory) = match self.from {
            Some(point) => (point.x.clone(), point.memory.clone()),
            None => (vec![0.0; self.netlist.dim()], vec![0.0; self.netlist.memory()]),
        };
        if self.from.is_none() && !self.study.guess.is_empty() {
            self.guess_among_cells(&mut x);
        }
        let rest = by_structure(self.netlist, attached, &mut x, &mut memory)?;
        Ok(Point {
            x,
            memory,
            factors: None,
            found: Found { way: Way::Newton, iterations: rest.iterations },
            imbalance: (0.0, 0),
            work: rest.work,
            arrays: rest.balance,
        })
    }

    /// As [`Quest::guess`], every cell a device; of large crossbars the guess alone.
    fn guess_among_cells(&self, x: &mut [f64]) {
        if !can_be_flat(self.netlist) {
            for &(node, value) in &self.study.guess {
                if let Some(k) = self.netlist.unknown_of(node) {
                    x[k] = value;
                }
            }
            return;
        }
        let flat = self.netlist.flat();
        let elimination = Elimination::of(&Pattern::of(&flat));
        let mut all = flattened(self.netlist, &flat, x);
        let mut solver = Solver::new(&flat, &elimination);
        Quest { netlist: &flat, elimination: &elimination, attached: None, ..*self }
            .guess(&mut solver, &mut all);
        x.copy_from_slice(&unflattened(self.netlist, &flat, &all));
    }

    /// The operating point with every cell a device, by every way there is.
    fn of_every_cell(&self) -> Result<Point, NotFound> {
        let flat = self.netlist.flat();
        let elimination = Elimination::of(&Pattern::of(&flat));
        let from = self.from.map(|point| Point {
            x: flattened(self.netlist, &flat, &point.x),
            factors: None,
            arrays: None,
            ..point.clone()
        });
        let quest = Quest {
            netlist: &flat,
            elimination: &elimination,
            attached: None,
            from: from.as_ref(),
            ..*self
        };
        let mut point = quest.search()?;
        // Places within a crossbar have no name outside: a node that it hangs on stands for them.
        let (share, unknown) = point.imbalance;
        if unknown >= self.netlist.potentials() {
            let nodes = self.netlist.arrays().iter().flat_map(Array::nodes);
            let near = nodes.filter_map(|node| self.netlist.unknown_of(node)).next();
            point.imbalance = (share, near.unwrap_or(0));
        }
        Ok(Point { x: unflattened(self.netlist, &flat, &point.x), factors: None, ..point })
    }

    /// As [`Quest::find`], with the failure as it is.
    pub fn search(&self) -> Result<Point, NotFound> {
        if let Some(attached) = self.attached {
            let found = attached.as_ref().map_err(|failure| *failure);
            let found = found.and_then(|attached| self.of_arrays(attached));
            return found.or_else(|failure| match can_be_flat(self.netlist) {
                true => self.of_every_cell().map_err(|none| match none.failure {
                    // An unknown of the flat form has another number.
                    Failure::NotConverged { .. } => NotFound { failure, ..none },
                    _ => NotFound { failure, iterations: 0 },
                }),
                false => Err(NotFound { failure, iterations: 0 }),
            });
        }
        let mut solver = match self.from {
            Some(Point { factors: Some(factors), .. }) => {
                Solver::along(self.netlist, self.elimination, factors.clone())
            }
            _ => Solver::new(self.netlist, self.elimination),
        };
        let mut x = vec![0.0; self.netlist.dim()];
        match self.from {
            Some(point) => {
                x.copy_from_slice(&point.x);
                solver.set_memory(&point.memory);
            }
            None => self.guess(&mut solver, &mut x),
        }
        let mut held = if self.holds { self.places(&self.study.initial) } else { Vec::new() };
        held.extend(self.states(&mut solver, &x));
        let iterations = self.study.solving.iterations;
        let search = Search { at: self.at, held: &held, iterations };
        let mut found = solver.operating_point(&mut x, &search)?;
        let mut turns = 0;
        while solver.remember(self.at, &x) {
            turns += 1;
            if turns > TURNS {
                return Err(stuck(0, found.iterations));
            }
            let again = solver.operating_point(&mut x, &search)?;
            found = Found { iterations: found.iterations + again.iterations, ..again };
        }
        let imbalance = imbalance(self.netlist, &mut solver, self.at, &x, &held);
        if imbalance.0 > BALANCED {
            return Err(stuck(imbalance.1, found.iterations));
        }
        let (memory, work) = (solver.memory().to_vec(), solver.work);
        let factors = Some(solver.into_factors());
        Ok(Point { x, memory, factors, found, imbalance, work, arrays: None })
    }

    /// Solves with the guessed voltages held, as a start.
    fn guess(&self, solver: &mut Solver, x: &mut [f64]) {
        // Nodes that sources force are not held, but begin there.
        for &(node, value) in &self.study.guess {
            if let Some(k) = self.netlist.unknown_of(node) {
                x[k] = value;
            }
        }
        let mut held = self.places(&self.study.guess);
        if held.is_empty() {
            return;
        }
        held.extend(self.states(solver, x));
        let iterations = self.study.solving.iterations;
        let search = Search { at: self.at, held: &held, iterations };
        if solver.operating_point(x, &search).is_err() {
            held.iter().for_each(|&(k, value)| x[k] = value);
        }
    }

    /// Inner states, which stand where they start while the currents at a time of a motion are
    /// found; at rest their own equations say so.
    fn states(&self, solver: &mut Solver, x: &[f64]) -> Vec<(usize, f64)> {
        let state = |k: &usize| self.netlist.quantity(*k) == Quantity::State;
        if !matches!(self.at, Instant::At(_)) || !(0..x.len()).any(|k| state(&k)) {
            return Vec::new();
        }
        let start = solver.evaluate(Instant::Start, x).charges();
        (0..x.len()).filter(state).map(|k| (k, start[k])).collect()
    }

    /// Unknowns with their values, but for nodes that sources force.
    fn places(&self, nodes: &[(Node, f64)]) -> Vec<(usize, f64)> {
        if nodes.is_empty() {
            return Vec::new();
        }
        let forced = self.netlist.forced_nodes();
        let free = nodes.iter().filter(|(node, _)| !forced[node.0 as usize]);
        free.filter_map(|&(node, value)| Some((self.netlist.unknown_of(node)?, value))).collect()
    }
}

fn stuck(unknown: usize, iterations: usize) -> NotFound {
    NotFound { failure: Failure::NotConverged { unknown, iteration: iterations }, iterations }
}

/// The largest share of the currents that meet at a node by which they do not balance, beyond what
/// the rounding of the voltages explains.
fn imbalance(
    netlist: &Netlist,
    solver: &mut Solver,
    at: Instant,
    x: &[f64],
    held: &[(usize, f64)],
) -> (f64, usize) {
    const ROUNDING: f64 = 16.0 * f64::EPSILON;
    let nodes = netlist.potentials();
    let mut sums = Stamps::without_slopes(netlist.dim(), netlist.memory());
    sums.memory.copy_from_slice(solver.memory());
    let (mut meeting, mut net) = (vec![0.0; nodes], vec![0.0; nodes]);
    for (id, (_, device)) in netlist.devices().iter().enumerate() {
        netlist.stamp_device(DeviceId(id), at, x, &mut sums);
        for row in device.nodes().into_iter().filter_map(|node| netlist.unknown_of(node)) {
            let (current, _) = sums.take_row(row);
            meeting[row] += current.abs();
            net[row] += current;
        }
    }
    let slopes = solver.evaluate(at, x).current_slopes().to_vec();
    let pattern = solver.pattern();
    let mut rounding = vec![0.0; netlist.dim()];
    // The voltage of a node is exact to the rounding of the largest, by which it was found.
    let top = x[..nodes].iter().fold(SMALL, |top, x| top.max(x.abs()));
    for (column, (ends, x)) in pattern.col_starts().windows(2).zip(x).enumerate() {
        let size = if column < nodes { top } else { x.abs() };
        for slot in ends[0]..ends[1] {
            rounding[pattern.row_indices()[slot]] += (slopes[slot] * size).abs();
        }
    }
    let mut worst = (0.0, 0);
    for k in (0..nodes).filter(|k| !held.iter().any(|(h, _)| h == k)) {
        let beyond = net[k].abs() - ROUNDING * (rounding[k] + meeting[k]);
        if beyond > worst.0 * meeting[k] {
            worst = (beyond / meeting[k], k);
        }
    }
    worst
}

impl Point {
    /// How it was found and how well it balances, for people.
    pub fn notes(&self, netlist: &Netlist) -> Vec<String> {
        if let Some(balance) = &self.arrays {
            return vec![
                format!(
                    "arrays by line elimination: {} rounds, {} iterations of conjugate gradients, \
                     residual {:.1e}, worst Kirchhoff error {:.1e} A",
                    balance.rounds, balance.krylov, balance.residual, balance.kirchhoff
                ),
                format!(
                    "Kirchhoff's current law holds to {:.1e} A between them, worst at node `{}`",
                    balance.outside.0,
                    netlist.name(balance.outside.1)
                ),
            ];
        }
        let (share, unknown) = self.imbalance;
        let balance = match share > 0.0 {
            true => format!(
                "Kirchhoff's current law holds to {share:.0e} of the currents that meet, worst at \
                 node `{}`",
                netlist.name(unknown)
            ),
            false => "Kirchhoff's current law holds to rounding".to_owned(),
        };
        let Found { way, iterations } = self.found;
        vec![format!("found by {}, {iterations} iterations", way.words()), balance]
    }
}
