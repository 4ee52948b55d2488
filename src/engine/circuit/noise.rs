//! Noise while a circuit is read, of every cell and resistor by itself.

use rand_distr::{Distribution, StandardNormal};
use rand_philox::Philox;

use super::super::network::noise::Turn;
use super::super::network::noise::slow::Slow;
use super::super::network::noise::traps::Blinking;
use crate::compile::{Chip, ReadWindow, laid_cells};
use crate::netlist::{Device, Netlist};
use crate::numerics::dae::Stamps;
use crate::numerics::math::{cosh, sinh, sqrt, tanh};
use crate::numerics::newton::{Failure, Solver};
use crate::numerics::seed::Seed;
use crate::numerics::transient::roam;
use crate::units::{BOLTZMANN, ELEMENTARY_CHARGE, Siemens, Volt};

/// What moves of a chip's netlist.
#[derive(Debug)]
pub(super) struct Noise {
    pub window: ReadWindow,
    /// `2 k T` \[J\]
    energy: f64,
    shot: f64,
    resistors: Vec<Noisy>,
    slow: Option<Slow>,
}

/// A resistor, or a cell that is not one, by the unknowns at its ends.
#[derive(Debug)]
struct Noisy {
    ends: [usize; 2],
    /// At 0 V.
    g: Siemens,
    /// Of a cell that conducts `g v0 sinh(V / v0)`.
    v0: Option<Volt>,
    /// What no other resistor has.
    cell: Option<Moves>,
}

/// What moves of a cell.
#[derive(Debug)]
struct Moves {
    g: Siemens,
    /// Deviation from read to read.
    fresh: Siemens,
    /// That of flicker noise of unit variance.
    flicker: Siemens,
    trap: Option<(Blinking, Siemens)>,
}

impl Noisy {
    /// What a siemens of it conducts at this voltage.
    fn across(&self, volts: Volt) -> Volt {
        self.v0.map_or(volts, |v0| v0 * sinh(volts / v0))
    }

    /// The small-signal conductance.
    fn slope(&self, volts: Volt) -> Siemens {
        self.v0.map_or(self.g, |v0| self.g * cosh(volts / v0))
    }
}

/// Tolerance of a step in time, as a share of the voltage unit.
const TOLERANCE: f64 = 1e-8;

impl Noise {
    /// Of the netlist that a chip expands to; `None` where nothing moves.
    pub fn of_chip(chip: &Chip, netlist: &Netlist) -> Option<Noise> {
        let window = chip.read_window()?;
        let read = &chip.nonideal.read;
        let place = |node| netlist.unknown_of(node).unwrap_or(Stamps::NOWHERE);
        let mut cells = moves(chip, &window).into_iter();
        let resistors = netlist.devices().iter().filter_map(|(_, device)| match device {
            Device::Resistor(resistor) => Some(Noisy {
                ends: [place(resistor.p), place(resistor.n)],
                g: resistor.g,
                v0: None,
                cell: cells.next(),
            }),
            // Cells are laid before anything else.
            Device::BehaviouralCurrent(device) => cells.next().map(|cell| Noisy {
                ends: [place(device.p), place(device.n)],
                g: cell.g,
                v0: chip.nonideal.cell.v0,
                cell: Some(cell),
            }),
            _ => None,
        });
        let resistors = resistors.collect();
        let slow = read.flicker.as_ref().map(|flicker| Slow::of(flicker, &window));
        let energy = 2.0 * BOLTZMANN * read.thermal;
        Some(Noise { window, energy, shot: read.shot, resistors, slow })
    }

    /// Runs a sample from `x`, where it rests, in place, and shows the end of every step.
    ///
    /// # Errors
    /// When a step cannot be solved.
    pub fn run(
        &self,
        solver: &mut Solver,
        x: &mut [f64],
        (read, turn): (Seed, Turn),
        v_unit: Volt,
        watch: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), Failure> {
        let mut draws = self.start(read, turn.phase);
        let way = (self.window.step, self.window.steps);
        let steps = self.window.steps;
        let mut inject = |step: usize, x: &[f64], currents: &mut [f64]| {
            for (noisy, state) in self.resistors.iter().zip(&mut draws.states) {
                let volts = at(x, noisy.ends[0]) - at(x, noisy.ends[1]);
                let white = self.white(noisy, volts) / self.window.step;
                let mut current = state.deviation(noisy, self.slow.as_ref()) * noisy.across(volts);
                if white > 0.0 {
                    let z: f64 = StandardNormal.sample(&mut draws.rng);
                    current += sqrt(white) * z;
                }
                state.step((step, steps), self.slow.as_ref(), &mut draws.rng);
                put(currents, noisy.ends[0], -current);
                put(currents, noisy.ends[1], current);
            }
        };
        roam(solver, x, way, TOLERANCE * v_unit, &mut inject, watch)
    }

    /// The two-sided density of a resistor's white current \[A^2 s\].
    fn white(&self, noisy: &Noisy, volts: Volt) -> f64 {
        let mut white = self.energy * noisy.slope(volts);
        let Some(cell) = &noisy.cell else { return white };
        if self.shot > 0.0 && self.energy > 0.0 {
            let y = ELEMENTARY_CHARGE * volts / self.energy;
            if y != 0.0 {
                white *= 1.0 + self.shot * (y / tanh(y) - 1.0);
            }
        }
        if let Some(slow) = &self.slow {
            let current = cell.flicker * noisy.across(volts);
            white += current * current * slow.white;
        }
        white
    }

    /// Everything where it is at the start of a phase.
    fn start(&self, read: Seed, phase: usize) -> Draws {
        let of = |name: &str| read.child("cells").child(name);
        let mut still = of("slow").rng();
        let mut fresh = of("fresh").index(phase).rng();
        let mut ends: Vec<Philox> = (0..=phase + 1).map(|k| of("flicker").index(k).rng()).collect();
        let normal = |rng: &mut Philox| -> f64 { StandardNormal.sample(rng) };
        let states = self.resistors.iter().enumerate().map(|(k, noisy)| {
            let mut state = State::default();
            let Some(cell) = &noisy.cell else { return state };
            if cell.fresh > 0.0 {
                state.fixed += cell.fresh * normal(&mut fresh);
            }
            if let Some(slow) = &self.slow {
                state.fixed += cell.flicker * sqrt(slow.frozen) * normal(&mut still);
                state.moving = vec![[0.0; 2]; slow.moving.len()];
                for (k, rng) in ends.iter_mut().enumerate() {
                    for (process, [now, end]) in slow.moving.iter().zip(&mut state.moving) {
                        let keeps = if k == 0 { 0.0 } else { process.keeps[1] };
                        *now = *end;
                        *end = keeps * *end + process.renewed(keeps) * normal(rng);
                    }
                }
            }
            if let Some((blinking, _)) = &cell.trap {
                let (steps, seed) = (self.window.steps, |phase| of("jumps").index(phase).index(k));
                state.is_up = blinking.starts_up(of("traps").index(k), phase, steps, seed);
                blinking.changes(state.is_up, steps, seed(phase), |step| state.jumps.push(step));
                state.jumps.reverse();
            }
            state
        });
        Draws { states: states.collect(), rng: of("steps").index(phase).rng() }
    }
}

/// What moves of every cell, in the order of their devices.
fn moves(chip: &Chip, window: &ReadWindow) -> Vec<Moves> {
    let read = &chip.nonideal.read;
    let g_max = chip.fabric.hardware.g_max;
    let traps: Vec<[Vec<_>; 2]> = (0..chip.fabric.arrays.len())
        .map(|array| [0, 1].map(|sign: usize| chip.traps(array, sign)))
        .collect();
    let of = |cell: crate::compile::LaidCell| {
        let place = cell.post * chip.fabric.arrays[cell.array].plus.cols() + cell.pre;
        let traps = &traps[cell.array][cell.sign];
        let trap = traps.binary_search_by_key(&place, |trap| trap.place).ok().map(|at| &traps[at]);
        let shown = chip.nonideal.cell.shown(cell.g);
        let flicker = |f| shown * chip.flicker_deviation(f, cell.g);
        Moves {
            g: cell.g,
            fresh: if read.is_fresh() { shown * chip.read_deviation(cell.g) } else { 0.0 },
            flicker: read.flicker.as_ref().map_or(0.0, flicker),
            trap: trap.zip(read.telegraph.as_ref()).map(|(trap, telegraph)| {
                let blinking = Blinking::of(trap, window.step, window.steps);
                (blinking, shown * trap.swing(telegraph, cell.g, g_max))
            }),
        }
    };
    laid_cells(chip).map(of).collect()
}

struct Draws {
    /// One a resistor.
    states: Vec<State>,
    /// Of what is drawn step by step.
    rng: Philox,
}

/// Where the noise of a resistor is.
#[derive(Default)]
struct State {
    fixed: Siemens,
    /// Of every process where it is, and where it will be at the end.
    moving: Vec<[f64; 2]>,
    is_up: bool,
    /// The steps at which that changes, the next one last.
    jumps: Vec<usize>,
}

impl State {
    /// How far the conductance is from its mean.
    fn deviation(&self, noisy: &Noisy, slow: Option<&Slow>) -> Siemens {
        let Some(cell) = &noisy.cell else { return 0.0 };
        let flicker = slow
            .map_or(0.0, |_| cell.flicker * self.moving.iter().map(|[now, _]| now).sum::<f64>());
        let trap = cell.trap.map_or(0.0, |(blinking, swing)| {
            swing * (f64::from(u8::from(self.is_up)) - blinking.up)
        });
        self.fixed + flicker + trap
    }

    fn step(&mut self, (step, steps): (usize, usize), slow: Option<&Slow>, rng: &mut Philox) {
        let processes = slow.iter().flat_map(|slow| &slow.moving);
        for (process, [now, end]) in processes.zip(&mut self.moving) {
            let [before, after, new] = process.bridge(step, steps);
            let z: f64 = StandardNormal.sample(rng);
            *now = before * *now + after * *end + new * z;
        }
        if self.jumps.last() == Some(&step) {
            self.jumps.pop();
            self.is_up = !self.is_up;
        }
    }
}

fn at(x: &[f64], row: usize) -> f64 {
    if row == Stamps::NOWHERE { 0.0 } else { x[row] }
}

fn put(currents: &mut [f64], row: usize, current: f64) {
    if row != Stamps::NOWHERE {
        currents[row] += current;
    }
}
