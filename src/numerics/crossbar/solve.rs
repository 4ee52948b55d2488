//! Newton's method around conjugate gradients around line solves.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::coarse::Coarse;
use super::currents::of_ports;
use super::law::Law;
use super::passes::{self, Group};
use super::sides::{Kind, Norms, Side};
use super::tiles::{Grid, LANES, Row, ZERO, in_rows, transpose};
use super::work::{Pivots, Ports, Work, over, over_with};
use super::{Crossbar, Fault, PortVoltages, Report, Solution};

/// How far a crossbar is solved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The Kirchhoff error to reach, as a share of the largest cell current.
    pub tolerance: f64,
    /// The most iterations of conjugate gradients in one round.
    pub krylov: usize,
    /// The most Newton iterations, or rounds of refinement.
    pub newton: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { tolerance: 1e-10, krylov: 10_000, newton: 200 }
    }
}

/// Where a solve begins.
enum Start<'a> {
    Afresh,
    Near(&'a Solution),
    From(Box<Solution>),
}

/// From this many places on, the lines of one solve are shared among threads.
const SHARED: usize = 1 << 16;

/// A crossbar made ready to be solved for one set of port voltages after another.
#[derive(Debug)]
pub struct Solver {
    crossbar: Crossbar,
    pub(super) grid: Grid,
    pub(super) word: Side,
    pub(super) bit: Side,
    pub(super) g: Vec<Row>,
    /// Of linear cells, which serve every solve.
    pub(super) pivots: Option<Pivots>,
    pub(super) coarse: Option<Box<Coarse>>,
    /// Room for solves that is not in use.
    idle: Mutex<Vec<Work>>,
}

impl Solver {
    /// # Errors
    /// When the crossbar does not determine its voltages ([`Crossbar::check`]).
    pub fn new(crossbar: Crossbar) -> Result<Solver, Fault> {
        crossbar.check()?;
        let grid = Grid::new(crossbar.rows, crossbar.cols);
        let word = Side::new(&crossbar.word, grid.rows, grid.cols, grid.block());
        let bit = Side::new(&crossbar.bit, grid.cols, grid.rows, grid.panel());
        let mut solver = Solver {
            crossbar,
            grid,
            word,
            bit,
            g: Vec::new(),
            pivots: None,
            coarse: None,
            idle: Mutex::default(),
        };
        solver.prepare();
        Ok(solver)
    }

    pub fn crossbar(&self) -> &Crossbar {
        &self.crossbar
    }

    /// Replaces the conductances, `[rows, cols]` row-major.
    ///
    /// # Errors
    /// As [`Solver::new`]; the solver is then as it was.
    pub fn write(&mut self, conductance: Vec<f64>) -> Result<(), Fault> {
        let before = std::mem::replace(&mut self.crossbar.conductance, conductance);
        if let Err(fault) = self.crossbar.check() {
            self.crossbar.conductance = before;
            return Err(fault);
        }
        self.prepare();
        Ok(())
    }

    fn prepare(&mut self) {
        let (cols, g) = (self.grid.cols, &self.crossbar.conductance);
        self.g = self.grid.words_from(|i, j| g[i * cols + j]);
        self.pivots = self.crossbar.law.is_linear().then(|| {
            let mut pivots = self.blank_pivots();
            self.factor(&self.g, &mut pivots, &mut vec![ZERO; self.grid.bits()]);
            pivots
        });
        self.coarse = match self.crossbar.law.is_linear() {
            true => Coarse::of(self, &self.g).map(Box::new),
            false => None,
        };
    }

    /// The voltages and currents at these port voltages, from the state `start` on if there is one.
    ///
    /// # Errors
    /// When the voltages are not those of the tied ends. That the iterations do not converge is
    /// no error: see [`Report::converged`].
    pub fn solve(
        &self,
        ports: &PortVoltages,
        start: Option<&Solution>,
        settings: &Settings,
    ) -> Result<Solution, Fault> {
        self.crossbar.check_ports(ports)?;
        Ok(self.solve_anew(ports, start.map_or(Start::Afresh, Start::Near), settings))
    }

    /// As [`Solver::solve`] from a state that is not needed any more, whose room the new one takes.
    ///
    /// # Errors
    /// As [`Solver::solve`].
    pub fn solve_from(
        &self,
        ports: &PortVoltages,
        start: Option<Solution>,
        settings: &Settings,
    ) -> Result<Solution, Fault> {
        self.crossbar.check_ports(ports)?;
        Ok(self.solve_anew(
            ports,
            start.map_or(Start::Afresh, |start| Start::From(Box::new(start))),
            settings,
        ))
    }

    /// One solution a set of port voltages, each by itself and all at the same time.
    ///
    /// # Errors
    /// As [`Solver::solve`].
    pub fn solve_each(
        &self,
        ports: &[PortVoltages],
        settings: &Settings,
    ) -> Result<Vec<Solution>, Fault> {
        ports.iter().try_for_each(|ports| self.crossbar.check_ports(ports))?;
        Ok(ports.par_iter().map(|ports| self.solve_anew(ports, Start::Afresh, settings)).collect())
    }

    fn blank_pivots(&self) -> Pivots {
        Pivots { word: vec![ZERO; self.grid.words()], bit: vec![ZERO; self.grid.bits()] }
    }

    pub(super) fn work(&self) -> Work {
        let (words, bits) = (vec![ZERO; self.grid.words()], vec![ZERO; self.grid.bits()]);
        let linear = self.crossbar.law.is_linear();
        Work {
            f: words.clone(),
            step: words.clone(),
            cells: words.clone(),
            slopes: if linear { Vec::new() } else { words.clone() },
            word: words,
            x: bits.clone(),
            r: bits.clone(),
            z: bits.clone(),
            p: bits.clone(),
            bit: bits,
            pivots: (!linear).then(|| self.blank_pivots()),
        }
    }

    pub(super) fn shared(&self) -> bool {
        self.grid.words() * LANES >= SHARED
    }

    pub(super) fn block(&self, index: usize) -> Group<'_> {
        Group { side: &self.word, grid: self.grid, index }
    }

    pub(super) fn panel(&self, index: usize) -> Group<'_> {
        Group { side: &self.bit, grid: self.grid, index }
    }

    fn solve_anew(&self, volts: &PortVoltages, start: Start, settings: &Settings) -> Solution {
        // A poisoned lock guards only room.
        let pool = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut work = pool().pop().unwrap_or_else(|| self.work());
        let solution = self.solve_in(&mut work, volts, start, settings);
        pool().push(work);
        solution
    }

    fn solve_in(
        &self,
        work: &mut Work,
        volts: &PortVoltages,
        start: Start,
        settings: &Settings,
    ) -> Solution {
        let rows = |ends: &[Vec<f64>; 2], groups| [0, 1].map(|e| in_rows(&ends[e], groups));
        let ports = Ports {
            word: rows(&volts.word, self.grid.blocks),
            bit: rows(&volts.bit, self.grid.panels),
        };
        match start {
            Start::Near(start) if start.grid == self.grid => {
                (work.word, work.bit) = (start.word.clone(), start.bit.clone());
            }
            Start::From(start) if start.grid == self.grid => {
                (work.word, work.bit) = (start.word, start.bit);
            }
            _ => {
                // The last solution has taken the room.
                work.word.resize(self.grid.words(), ZERO);
                work.bit.resize(self.grid.bits(), ZERO);
                spread(&self.word, &ports.word, self.grid.block(), &mut work.word);
                spread(&self.bit, &ports.bit, self.grid.panel(), &mut work.bit);
            }
        }
        pin(&self.word, &ports.word, self.grid.block(), &mut work.word);
        pin(&self.bit, &ports.bit, self.grid.panel(), &mut work.bit);
        let report = self.newton(work, &ports, settings);
        self.solution(work, &ports, report)
    }

    /// Newton's method on both kinds of lines at once, from the voltages in `work` on. Steps are
    /// halved while they do not reduce the errors. Linear cells need one step, and refinement.
    fn newton(&self, work: &mut Work, ports: &Ports, settings: &Settings) -> Report {
        let linear = self.crossbar.law.is_linear();
        let mut report =
            Report { residual: 0.0, kirchhoff: 0.0, krylov: 0, newton: 0, converged: false };
        let mut now = self.evaluate(work, ports);
        let (mut forcing, mut gain) = (1e-2, f64::INFINITY);
        loop {
            // From a state without any current, the errors themselves are all there is to go by.
            let size = if now.cell > 0.0 { now.cell } else { now.kirchhoff };
            let aim = settings.tolerance * size;
            report.kirchhoff = now.kirchhoff;
            report.residual = if now.kirchhoff > 0.0 { now.kirchhoff / size } else { 0.0 };
            report.converged = now.kirchhoff <= aim.max(self.rounding(&now));
            // Below rounding by that of the wires, which is much to a line that hangs on a cell: as
            // long as steps gain, they go on.
            let done = report.converged && (now.kirchhoff <= aim || gain > 0.1);
            if done || !now.square.is_finite() || report.newton == settings.newton {
                return report;
            }
            let goal = if linear { 0.5 * aim } else { (forcing * now.kirchhoff).max(0.3 * aim) };
            report.newton += 1;
            report.krylov += self.correct(work, goal, settings.krylov);
            let Some(next) = self.advance(work, ports, &now) else {
                return report;
            };
            // As many digits as a Newton step will leave (Eisenstat and Walker, SIAM J. Sci.
            // Comput. 17, 1996, choice 2).
            gain = next.kirchhoff / now.kirchhoff;
            forcing = (0.9 * gain * gain).clamp(1e-8, 1e-2);
            now = next;
        }
    }

    /// What Kirchhoff errors the rounding of the voltages makes, in the wires and in the cells.
    fn rounding(&self, norms: &Norms) -> f64 {
        let of = |side: &Side| {
            let cells = if side.kind == Kind::Chain { 1 } else { side.last + 1 };
            side.along.iter().chain(&side.ends).copied().fold(0.0, f64::max)
                + norms.slope * cells as f64
        };
        8.0 * f64::EPSILON * of(&self.word).max(of(&self.bit)) * norms.voltage
    }

    /// Errors of both kinds of lines into `f` and `r`, the slopes of the cells as well.
    fn evaluate(&self, work: &mut Work, ports: &Ports) -> Norms {
        let (grid, shared) = (self.grid, self.shared());
        let n = grid.block();
        let mut slopes = work.slopes.chunks_exact_mut(n);
        let outs = work.f.chunks_exact_mut(n).zip(work.cells.chunks_exact_mut(n));
        let ins = self.g.chunks_exact(n).zip(work.word.chunks_exact(n));
        let jobs = ins
            .zip(outs)
            .enumerate()
            .map(|(k, (a, b))| (k, a, b, slopes.next().unwrap_or_default()));
        let bit = &work.bit;
        let words = over(shared, jobs, |(k, (g, w), (f, cells), slopes)| {
            let port = [ports.word[0][k], ports.word[1][k]];
            let law: &Law = &self.crossbar.law;
            passes::evaluate_words(&self.block(k), law, [g, w, bit], &port, [f, cells, slopes])
        });
        let m = grid.panel();
        let jobs = work.r.chunks_exact_mut(m).zip(work.bit.chunks_exact(m)).enumerate();
        let cells = &work.cells;
        let bits = over(shared, jobs, |(k, (r, x))| {
            let port = [ports.bit[0][k], ports.bit[1][k]];
            passes::evaluate_bits(&self.panel(k), [x, cells], &port, r)
        });
        words.into_iter().chain(bits).fold(Norms::default(), Norms::join)
    }

    /// Takes the step, or less of it, so that the errors fall; `None` if no part of it does that.
    fn advance(&self, work: &mut Work, ports: &Ports, now: &Norms) -> Option<Norms> {
        let mut cut = 1.0;
        let move_by = |work: &mut Work, by: f64| {
            let Work { word, bit, step, x, .. } = work;
            let (n, m) = (self.grid.block(), self.grid.panel());
            let words = word.chunks_exact_mut(n).zip(step.chunks_exact(n));
            let bits = bit.chunks_exact_mut(m).zip(x.chunks_exact(m));
            over(self.shared(), words.chain(bits), |(to, from)| passes::step(to, from, by));
        };
        move_by(work, 1.0);
        loop {
            let next = self.evaluate(work, ports);
            let lower = next.square <= (1.0 - 1e-4 * cut) * now.square;
            if lower || next.kirchhoff <= self.rounding(&next) {
                return Some(next);
            }
            if self.crossbar.law.is_linear() || cut < 1e-6 {
                // No further than rounding: what was is kept.
                move_by(work, -cut);
                return None;
            }
            move_by(work, -0.5 * cut);
            cut *= 0.5;
        }
    }

    fn solution(&self, work: &mut Work, ports: &Ports, report: Report) -> Solution {
        let Grid { rows, cols, blocks, panels } = self.grid;
        let (crossbar, shared) = (&self.crossbar, self.shared());
        let segments = crossbar.word.segments(cols);
        let jobs = work.cells.chunks_exact(self.grid.block()).enumerate();
        let words = over_with(shared, self.grid.block(), jobs, |turned, (k, tiles)| {
            let tiles = tiles.chunks_exact(LANES).zip(turned.chunks_exact_mut(LANES));
            tiles.for_each(|(tile, turned)| transpose(tile, turned));
            let volts = [&ports.word[0][k], &ports.word[1][k]];
            of_ports(&crossbar.word, &segments, turned[..cols].iter(), volts)
        });
        let segments = crossbar.bit.segments(rows);
        let cells = &work.cells;
        let bits = over_with(shared, self.grid.panel(), 0..panels, |column, k| {
            // The cells feed a bit line: what they take is the opposite.
            for (block, column) in column.chunks_exact_mut(LANES).enumerate() {
                let tile = &cells[(block * panels + k) * LANES..][..LANES];
                let pairs = column.as_flattened_mut().iter_mut().zip(tile.as_flattened());
                pairs.for_each(|(to, i)| *to = -i);
            }
            let volts = [&ports.bit[0][k], &ports.bit[1][k]];
            of_ports(&crossbar.bit, &segments, column[..rows].iter(), volts)
        });
        debug_assert_eq!((words.len(), bits.len()), (blocks, panels), "one result a group");
        let word_current = unpacked(&words, 1.0, rows);
        let bit_current = unpacked(&bits, -1.0, cols);
        let (word, bit) = (std::mem::take(&mut work.word), std::mem::take(&mut work.bit));
        Solution { grid: self.grid, word, bit, word_current, bit_current, report }
    }
}

/// The numbers of groups of sixteen lines at both ends, times a sign, by line.
fn unpacked(groups: &[[Row; 2]], sign: f64, lines: usize) -> [Vec<f64>; 2] {
    [0, 1].map(|end: usize| {
        groups.iter().flat_map(|group| group[end]).take(lines).map(|i| sign * i).collect()
    })
}

/// Starts every line at the mean of its ports, at 0 where it has none.
fn spread(side: &Side, ports: &[Vec<Row>; 2], length: usize, volts: &mut [Row]) {
    let total = side.ends[0] + side.ends[1];
    for (k, line) in volts.chunks_exact_mut(length).enumerate() {
        let mut mean = ZERO;
        if total > 0.0 {
            for l in 0..LANES {
                let sum = side.ends[0] * ports[0][k][l] + side.ends[1] * ports[1][k][l];
                mean[l] = sum / total;
            }
        }
        line[..=side.last].fill(mean);
        line[side.last + 1..].fill(ZERO);
    }
}

/// Holds pinned lines at their ports.
fn pin(side: &Side, ports: &[Vec<Row>; 2], length: usize, volts: &mut [Row]) {
    if let Kind::Pinned(end) = side.kind {
        for (k, line) in volts.chunks_exact_mut(length).enumerate() {
            line[..=side.last].fill(ports[end][k]);
        }
    }
}
