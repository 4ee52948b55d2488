//! Equations at rest with crossbars between their potentials.
//!
//! The crossbars are never made part of the matrix. Every round solves them by themselves for the
//! voltages of their ports, from their last state on, and the rest by sparse LU with what the ports
//! nearly see of each other; the rounds are accelerated by Anderson's mixing (*J. ACM* 12, 1965),
//! which for linear equations is GMRES with that matrix as preconditioner (Walker and Ni, *SIAM J.
//! Numer. Anal.* 49, 2011).

mod links;

use std::sync::Arc;

use self::links::Link;
use super::crossbar::{self, PortVoltages, Settings, Solution};
use super::dae::{Dae, Instant, Pattern, Stamps};
use super::dot;
use super::linear::{Elimination, SparseLu};
use super::max_abs;
use super::newton::{Failure, Work};

/// A crossbar whose ports are unknowns of other equations, or at 0 ([`Stamps::NOWHERE`]); empty at
/// open ends.
#[derive(Debug)]
pub struct Attached {
    pub solver: crossbar::Solver,
    pub word: [Vec<usize>; 2],
    pub bit: [Vec<usize>; 2],
}

impl Attached {
    /// The ports with what is known of each, in one order.
    fn ports<'a>(&'a self, word: &'a [Vec<f64>; 2], bit: &'a [Vec<f64>; 2]) -> Ports<'a> {
        let word = self.word.iter().zip(word).map(|(at, x)| (1.0, at, x));
        Box::new(
            word.chain(self.bit.iter().zip(bit).map(|(at, x)| (-1.0, at, x)))
                .flat_map(|(sign, at, x)| at.iter().zip(x).map(move |(&at, &x)| (sign, at, x))),
        )
    }
}

/// Whether a current leaves the rest of the circuit (1) or comes back to it (-1), the unknown, and
/// the number.
type Ports<'a> = Box<dyn Iterator<Item = (f64, usize, f64)> + 'a>;

/// All crossbars of some equations, made ready.
#[derive(Debug)]
pub struct Attachments {
    arrays: Vec<Attached>,
    links: Vec<Link>,
    /// Of the equations with the links.
    elimination: Arc<Elimination>,
    /// Where each link is stored.
    slots: Vec<usize>,
}

impl Attachments {
    /// `held` are the unknowns that nothing moves, such as the voltages of sources.
    pub fn new(dae: &dyn Dae, arrays: Vec<Attached>, held: &[bool]) -> Attachments {
        let links: Vec<Link> = arrays.iter().flat_map(|a| links::links(a, held)).collect();
        let places: Vec<(usize, usize)> = links.iter().map(|link| (link.row, link.col)).collect();
        let pattern = Pattern::linked(dae, &places);
        let slots = places.iter().map(|&(row, col)| pattern.slot(row, col)).collect();
        Attachments { arrays, links, elimination: Elimination::of(&pattern), slots }
    }
}

/// How good an equilibrium is, and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Balance {
    /// Rounds over the crossbars and the rest.
    pub rounds: usize,
    /// Iterations of conjugate gradients in all crossbars.
    pub krylov: usize,
    /// The worst Kirchhoff error within a crossbar, as a share of its largest cell current.
    pub residual: f64,
    /// The worst Kirchhoff error within a crossbar \[A\].
    pub kirchhoff: f64,
    /// The worst Kirchhoff error among the other equations \[A\], and where.
    pub outside: (f64, usize),
}

/// The most rounds.
const ROUNDS: usize = 200;
/// The most Newton steps of the rest in a round, the least part of one, and the share of the way that
/// the last one is.
const MOST_STEPS: usize = 20;
const SHORTEST: f64 = 1e-3;
const ENOUGH: f64 = 1e-6;
/// A step so short, of the largest potential, that nothing bends along it.
const STRAIGHT: f64 = 1e-4;
/// Slopes serve this far around where they were taken, of the largest potential, and further as long
/// as a correction with them is this much smaller than the one before; if it is not, it is made
/// again with slopes of its own place.
const NEAR: f64 = 1e-6;
const SLOW: f64 = 0.05;
/// Rounds that the mixing looks back on.
const WINDOW: usize = 12;
/// How well crossbars are solved in the end.
const SMALL: f64 = 1e-13;
/// Corrections relative to the largest potential at which the search ends.
const CLOSE: f64 = 1e-12;
/// Corrections that are rounding if they stay as they are.
const STAGNANT: f64 = 1e-10;

/// Everything that is reused from one round to the next.
pub struct Coupled<'a> {
    dae: &'a dyn Dae,
    attached: &'a Attachments,
    lu: SparseLu,
    /// Where the slopes were taken that it holds.
    factored: Vec<f64>,
    stamps: Stamps,
    states: Vec<Option<Solution>>,
    /// Net currents of all equations at the last equilibrium.
    currents: Vec<f64>,
    pub work: Work,
}

impl<'a> Coupled<'a> {
    /// # Panics
    /// If the crossbars are attached to other equations.
    pub fn new(dae: &'a dyn Dae, attached: &'a Attachments) -> Coupled<'a> {
        let elimination = &attached.elimination;
        assert_eq!(elimination.pattern().dim(), dae.dim(), "attached to other equations");
        let mut stamps = Stamps::new(elimination.pattern());
        stamps.keep_linear(dae);
        Coupled {
            dae,
            attached,
            lu: SparseLu::new(elimination),
            factored: Vec::new(),
            stamps,
            states: attached.arrays.iter().map(|_| None).collect(),
            currents: Vec::new(),
            work: Work::default(),
        }
    }

    /// The equilibrium near `x`, to rounding.
    ///
    /// # Errors
    /// When the rest is singular even with the crossbars, or the rounds do not converge; `x` is
    /// then anywhere.
    pub fn equilibrium(&mut self, x: &mut [f64]) -> Result<Balance, Failure> {
        let potentials = self.dae.potentials();
        let mut mixing = Mixing::default();
        let (mut tolerance, mut least, mut stalled) = (1e-3, f64::INFINITY, 0);
        let mut krylov = 0;
        for round in 1..=ROUNDS {
            let (f, mut balance) = self.residual(x, tolerance);
            krylov += balance.krylov;
            self.currents.clone_from(&f);
            let step = self.correction(x, f, round)?;
            let (size, scale) = (max_abs(&step[..potentials]), max_abs(&x[..potentials]));
            let worst = (0..potentials).max_by(|&a, &b| step[a].abs().total_cmp(&step[b].abs()));
            let failure = Failure::NotConverged { unknown: worst.unwrap_or(0), iteration: round };
            if !size.is_finite() {
                return Err(failure);
            }
            let scale = scale.max(size).max(f64::MIN_POSITIVE);
            stalled = if size < 0.5 * least { 0 } else { stalled + 1 };
            least = least.min(size);
            let sharp = tolerance <= 2.0 * SMALL;
            if sharp && (size <= CLOSE * scale || (stalled >= 2 && size <= STAGNANT * scale)) {
                (balance.rounds, balance.krylov) = (round, krylov);
                return Ok(balance);
            }
            if stalled > 40 || round == ROUNDS {
                return Err(failure);
            }
            // What is left in a thousand cells of a line adds up at its port.
            tolerance = (1e-4 * size / scale).clamp(SMALL, 1e-3);
            mixing.advance(x, &step, potentials);
        }
        unreachable!("the last round returns")
    }

    /// Updates what the equations remember at an equilibrium; see [`Dae::remember`].
    pub fn remember(&mut self, x: &[f64]) -> bool {
        self.dae.remember(Instant::Rest, x, &mut self.stamps.memory)
    }

    /// What the equations remember.
    pub fn memory(&mut self) -> &mut [f64] {
        &mut self.stamps.memory
    }

    /// The net currents `I` of all equations, those of the crossbars among them, at the equilibrium
    /// found last; empty before the first.
    pub fn currents(&self) -> &[f64] {
        &self.currents
    }

    /// `I` with the currents of the crossbars, solved to `tolerance`.
    fn residual(&mut self, x: &[f64], tolerance: f64) -> (Vec<f64>, Balance) {
        self.work.evaluations += 1;
        self.stamps.take(self.dae, Instant::Rest, x);
        let mut f = self.stamps.currents().to_vec();
        let mut balance = Balance::default();
        let settings = Settings { tolerance, ..Settings::default() };
        let volts = |at: &usize| if *at == Stamps::NOWHERE { 0.0 } else { x[*at] };
        for (array, state) in self.attached.arrays.iter().zip(&mut self.states) {
            let of = |ends: &[Vec<usize>; 2]| {
                [0, 1].map(|e: usize| ends[e].iter().map(volts).collect::<Vec<f64>>())
            };
            let ports = PortVoltages { word: of(&array.word), bit: of(&array.bit) };
            let found = array
                .solver
                .solve_from(&ports, state.take(), &settings)
                .expect("the ports are those of the crossbar");
            for (sign, at, current) in array.ports(&found.word_current, &found.bit_current) {
                if at != Stamps::NOWHERE {
                    f[at] += sign * current;
                }
            }
            balance.krylov += found.report.krylov;
            balance.residual = balance.residual.max(found.report.residual);
            balance.kirchhoff = balance.kirchhoff.max(found.report.kirchhoff);
            *state = Some(found);
        }
        let errors = f[..self.dae.potentials()].iter().map(|f| f.abs());
        balance.outside =
            errors.enumerate().fold((0.0, 0), |top, (k, f)| if f > top.0 { (f, k) } else { top });
        (f, balance)
    }

    /// How far `x` is from where the rest would be at rest with crossbars that answer to it by their
    /// links, from the net currents `f` at `x` on: Newton's method, its steps cut until the next one
    /// by the same slopes is shorter (Deuflhard, *Newton Methods for Nonlinear Problems*, 2004,
    /// section 3.3).
    fn correction(&mut self, x: &[f64], f: Vec<f64>, round: usize) -> Result<Vec<f64>, Failure> {
        let beside = |stamps: &Stamps, f: &[f64]| -> Vec<f64> {
            f.iter().zip(stamps.currents()).map(|(f, own)| f - own).collect()
        };
        let crossbars = beside(&self.stamps, &f);
        let potentials = self.dae.potentials();
        let away = |from: &[f64]| {
            x[..potentials]
                .iter()
                .zip(from)
                .fold(0.0, |top: f64, (x, from)| top.max((x - from).abs()))
        };
        if round == 1 || away(&self.factored) > NEAR * max_abs(&x[..potentials]) {
            self.factor(x, round == 1)?;
        }
        let first = self.newton_step(f);
        if max_abs(&first[..potentials]) <= STRAIGHT * max_abs(&x[..potentials]) {
            return Ok(first);
        }
        let (mut step, mut way) = (vec![0.0; x.len()], first);
        for _ in 0..MOST_STEPS {
            let size = max_abs(&way[..potentials]);
            let mut cut = 1.0;
            // A part of the way after which, by the same slopes, less is left than before.
            let (there, f, left) = loop {
                let there: Vec<f64> = step.iter().zip(&way).map(|(s, by)| s + cut * by).collect();
                let f = self.answered(x, &there, &crossbars);
                let left = self.newton_step(f.clone());
                let less = (1.0 - 0.25 * cut) * size;
                if max_abs(&left[..potentials]) <= less || cut < SHORTEST {
                    break (there, f, left);
                }
                cut *= 0.5;
            };
            step = there;
            way = left;
            if cut < 1.0 || max_abs(&way[..potentials]) > SLOW * size {
                let at: Vec<f64> = x.iter().zip(&step).map(|(x, by)| x + by).collect();
                self.factor(&at, false)?;
                way = self.newton_step(f);
            }
            let left = max_abs(&way[..potentials]);
            if left <= ENOUGH * max_abs(&step[..potentials]) {
                step.iter_mut().zip(&way).for_each(|(step, by)| *step += by);
                break;
            }
        }
        Ok(step)
    }

    /// The net currents a step from `x` on, crossbars whose currents at `x` are given answering by
    /// their links.
    fn answered(&mut self, x: &[f64], step: &[f64], crossbars: &[f64]) -> Vec<f64> {
        let there: Vec<f64> = x.iter().zip(step).map(|(x, by)| x + by).collect();
        self.stamps.take(self.dae, Instant::Rest, &there);
        let own = self.stamps.currents().iter();
        let mut f: Vec<f64> = own.zip(crossbars).map(|(own, i)| own + i).collect();
        for link in &self.attached.links {
            f[link.row] += link.g * step[link.col];
        }
        f
    }

    /// Factorises the slopes at `x`, where the equations were evaluated last, with the links of the
    /// crossbars.
    fn factor(&mut self, x: &[f64], checked: bool) -> Result<(), Failure> {
        let mut values = self.stamps.current_slopes().to_vec();
        for (&slot, link) in self.attached.slots.iter().zip(&self.attached.links) {
            values[slot] += link.g;
        }
        self.work.factorisations += 1;
        self.factored.clear();
        self.factored.extend_from_slice(x);
        self.lu.factor(&values)?;
        if checked {
            self.lu.check(&values)?;
        }
        Ok(())
    }

    /// `-J^-1 f`, with the last factors.
    fn newton_step(&mut self, mut f: Vec<f64>) -> Vec<f64> {
        self.work.newton += 1;
        self.lu.solve(&mut f);
        f.iter_mut().for_each(|f| *f = -*f);
        f
    }
}

/// Anderson's mixing of the last rounds.
#[derive(Debug, Default)]
struct Mixing {
    last: Option<(Vec<f64>, Vec<f64>)>,
    /// Changes of `x` and of the step from round to round.
    changes: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Mixing {
    /// Moves `x` to where the steps of the last rounds, taken as linear, would vanish.
    fn advance(&mut self, x: &mut [f64], step: &[f64], potentials: usize) {
        if let Some((before, then)) = self.last.take() {
            let of = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
            if self.changes.len() == WINDOW {
                self.changes.remove(0);
            }
            self.changes.push((of(x, &before), of(step, &then)));
        }
        self.last = Some((x.to_vec(), step.to_vec()));
        // Gram-Schmidt from the newest change to the oldest; what adds nothing is left out.
        let mut rest = step.to_vec();
        x.iter_mut().zip(step).for_each(|(x, d)| *x += d);
        let mut kept: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
        for (dx, dd) in self.changes.iter().rev() {
            let (mut dx, mut dd) = (dx.clone(), dd.clone());
            let before = dot(&dd[..potentials], &dd[..potentials]);
            for _ in 0..2 {
                for (qx, qd) in &kept {
                    let share = dot(&dd[..potentials], &qd[..potentials]);
                    axpy(&mut dx, -share, qx);
                    axpy(&mut dd, -share, qd);
                }
            }
            let left = dot(&dd[..potentials], &dd[..potentials]);
            if left.is_nan() || left <= 1e-20 * before {
                continue;
            }
            let norm = 1.0 / left.sqrt();
            dx.iter_mut().chain(&mut dd).for_each(|v| *v *= norm);
            let share = dot(&rest[..potentials], &dd[..potentials]);
            axpy(&mut rest, -share, &dd);
            for ((x, dx), dd) in x.iter_mut().zip(&dx).zip(&dd) {
                *x -= share * (dx + dd);
            }
            kept.push((dx, dd));
        }
    }
}

fn axpy(y: &mut [f64], a: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}
