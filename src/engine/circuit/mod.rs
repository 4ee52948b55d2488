//! Modified nodal analysis of every cell of a network.

mod arrays;
mod bare;
mod drive;
mod lag;
mod noise;
mod sample;
mod study;

use std::sync::Arc;

use rayon::prelude::*;

pub use bare::{NetlistRun, analyse};
pub use study::{AnalysisRun, Progress, StudyRun, study};

use self::arrays::{attach, moving};
use self::drive::Driver;
use self::noise::Noise;
use self::sample::{Sample, Track};
use super::behavioural::extend;
use super::network::noise::Turn;
use super::{
    Clock, Drive, Engine, Save, Settled, Stats, Trace, Until, Written, boundary, moments,
    next_turn, shown,
};
use crate::compile::{self, Chip};
use crate::model::{EnergyModel, LayerId, Outer, State};
use crate::netlist::{Device, DeviceId, Netlist, Ports};
use crate::numerics::Mat;
use crate::numerics::coupled::{Attachments, Balance};
use crate::numerics::dae::Pattern;
use crate::numerics::linear::Elimination;
use crate::numerics::newton::{Failure, Work};
use crate::spec::Analysis;
use crate::units::Ampere;

/// Modified nodal analysis of a netlist.
#[derive(Debug, Clone)]
pub struct Circuit {
    netlist: Netlist,
    ports: Ports,
    /// Where the netlist came from, if it can be written.
    chip: Option<Chip>,
    analysis: Analysis,
    elimination: Arc<Elimination>,
    driver: Arc<Driver>,
    /// The crossbars of the netlist, or what is wrong with one.
    attached: Result<Arc<Attachments>, Failure>,
    /// Error of a time step relative to each voltage.
    tolerance: f64,
    /// What moves while samples are read.
    noise: Option<Arc<Noise>>,
    /// The last read; `None` before the first, and where nothing moves.
    turn: Option<Turn>,
}

impl Circuit {
    /// The circuit of a chip, every cell and wire segment of it. At rest, tiles with wires are
    /// solved as crossbars.
    pub fn from_chip(chip: Chip, analysis: Analysis) -> Circuit {
        // Noise moves: every cell of a noisy chip is a device.
        let moves = analysis == Analysis::Tran || !chip.nonideal.read.is_quiet();
        let wired = !chip.nonideal.wire.is_ideal();
        let arrays = !moves && wired && chip.nonideal.cell.has_products();
        let (netlist, ports) =
            if arrays { compile::expand_arrays(&chip) } else { compile::expand(&chip) };
        let clamp = chip.fabric.model.clamp.0;
        let noise = Noise::of_chip(&chip, &netlist).map(Arc::new);
        Circuit { chip: Some(chip), noise, ..Circuit::new(netlist, ports, clamp, analysis) }
    }

    /// A netlist that was made from a network (it has ports). Its states are those of the layers
    /// in `ports`, the clamped layer first; it cannot be written.
    pub fn from_netlist(netlist: Netlist, ports: Ports, analysis: Analysis) -> Circuit {
        Circuit::new(netlist, ports, 0, analysis)
    }

    fn new(netlist: Netlist, ports: Ports, clamp: usize, analysis: Analysis) -> Circuit {
        let netlist = if analysis == Analysis::Tran { moving(netlist) } else { netlist };
        let elimination = Elimination::of(&Pattern::of(&netlist));
        let driver = Driver::new(&netlist, &ports, clamp, &elimination).into();
        let attached = attach(&netlist).map(Arc::new);
        Circuit {
            netlist,
            ports,
            chip: None,
            analysis,
            elimination,
            driver,
            attached,
            tolerance: 1e-6,
            noise: None,
            turn: None,
        }
    }

    /// The error of a time step relative to each voltage, 1e-6 unless told.
    pub fn with_tolerance(self, relative: f64) -> Circuit {
        Circuit { tolerance: relative, ..self }
    }

    /// The netlist, as driven by no sample.
    pub fn netlist(&self) -> &Netlist {
        &self.netlist
    }

    /// Where the netlist is driven and read.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// How good the solves of crossbars are, over all samples.
    fn notes(&self, samples: &[Sample]) -> Vec<String> {
        if self.netlist.arrays().is_empty() {
            return Vec::new();
        }
        let found: Vec<&Balance> = samples.iter().filter_map(|s| s.balance.as_ref()).collect();
        let worst = |of: fn(&Balance) -> f64| found.iter().map(|b| of(b)).fold(0.0, f64::max);
        let mut notes = Vec::new();
        if !found.is_empty() {
            notes.push(format!(
                "crossbars by line elimination: residual {:.1e}, worst Kirchhoff error {:.1e} A within \
                 them, {:.1e} A between them",
                worst(|b| b.residual),
                worst(|b| b.kirchhoff),
                worst(|b| b.outside.0)
            ));
        }
        let flat = samples.len() - found.len();
        if flat > 0 {
            notes.push(format!(
                "{flat} samples were tried with every cell of the crossbars as a device"
            ));
        }
        notes
    }

    fn trace(&self, drive: &Drive, samples: &[Sample], save: &Save) -> Option<Trace> {
        let times = match save {
            Save::End => return None,
            Save::At(times) => times.clone(),
            Save::Points(points) => {
                let end = samples.iter().filter_map(Sample::end).fold(0.0, f64::max);
                moments(end, *points)
            }
        };
        let tracks: Option<Vec<&Track>> = samples.iter().map(|s| s.track.as_ref()).collect();
        let tracks = tracks?;
        let states: Vec<State> = times
            .iter()
            .map(|&t| {
                let rows = tracks.iter().map(|track| track.voltages(t)).collect::<Vec<_>>();
                self.driver.state(&self.ports, &drive.clamp, &rows)
            })
            .collect();
        let residual = Mat::from_fn(times.len(), tracks.len(), |m, s| tracks[s].residual(times[m]));
        let energy = self.chip.as_ref().map(|chip| {
            let energy: Vec<f64> = states.iter().flat_map(|state| chip.energy(state)).collect();
            Mat::from_vec(times.len(), tracks.len(), energy)
        });
        Some(Trace { clock: Clock::Seconds, times, states, residual, energy })
    }

    /// Adds the steps with noise that are shown.
    fn add_noise(&self, trace: &mut Trace, drive: &Drive, samples: &[Sample], shown: &[usize]) {
        let (Some(noise), Some(chip)) = (&self.noise, &self.chip) else { return };
        let way = |m: usize, sample: &Sample| match sample.noisy.get(m) {
            Some((voltages, residual)) => (voltages.clone(), *residual),
            None => (sample.voltages.clone(), sample.residual),
        };
        let (mut states, mut residual) = (Vec::new(), Vec::new());
        for m in 0..shown.len() {
            let (rows, left): (Vec<_>, Vec<f64>) = samples.iter().map(|s| way(m, s)).unzip();
            states.push(self.driver.state(&self.ports, &drive.clamp, &rows));
            residual.extend(left);
        }
        let times: Vec<f64> = shown.iter().map(|m| *m as f64 * noise.window.step).collect();
        let residual = Mat::from_vec(shown.len(), samples.len(), residual);
        extend(trace, &times, states, &residual, |state| chip.energy(state));
    }
}

impl Engine for Circuit {
    /// The trace is `None` for an operating point, which has no way to keep.
    fn settle(
        &mut self,
        drive: &Drive,
        start: Option<&State>,
        until: &Until,
        save: &Save,
    ) -> Settled {
        if let Some(chip) = &mut self.chip {
            self.turn = next_turn(chip, self.turn, start.is_some(), drive);
        }
        self.solve(drive, &[], start, until, save)
    }

    /// # Panics
    /// If the circuit was made from a netlist.
    fn write(&mut self, model: &EnergyModel) -> Written {
        let chip = self.chip.as_mut().expect("a circuit without a chip cannot be written");
        let written = chip.write(model);
        self.refresh();
        written
    }

    /// # Panics
    /// If the circuit was made from a netlist.
    fn teach(&mut self, model: &EnergyModel, by: &[Option<Outer>]) -> Written {
        let chip = self.chip.as_mut().expect("a circuit without a chip cannot be taught");
        let written = chip.teach(model, by);
        self.refresh();
        written
    }

    fn pass_reads(&mut self, samples: usize) {
        if let Some(chip) = &mut self.chip {
            chip.count_reads(samples);
        }
    }

    fn chip(&self) -> Option<&Chip> {
        self.chip.as_ref()
    }
}

impl Circuit {
    /// As [`Engine::settle`], with constant forces on whole layers beside: one entry a layer in the
    /// order of the state, `[batch, size]` where it has one. Each is pushed by the layer's bias
    /// sources.
    ///
    /// # Panics
    /// If the circuit was made from a netlist, or is read with noise, which only
    /// [`Engine::settle`] counts.
    pub fn settle_pushed(
        &self,
        drive: &Drive,
        forces: &[Option<Mat>],
        start: Option<&State>,
        until: &Until,
    ) -> Settled {
        assert!(self.noise.is_none(), "a circuit with noise counts its reads");
        self.solve(drive, forces, start, until, &Save::End)
    }

    fn solve(
        &self,
        drive: &Drive,
        forces: &[Option<Mat>],
        start: Option<&State>,
        until: &Until,
        save: &Save,
    ) -> Settled {
        let sourced = self.chip.as_ref().map(|chip| boundary::sourced(chip, drive));
        let drive = sourced.as_deref().unwrap_or(drive);
        let lines = self.chip.as_ref().and_then(|chip| chip.lines(&drive.clamp));
        let steps = self.noise.as_ref().map(|noise| noise.window.steps);
        let (save, shown) = match steps {
            Some(steps) => shown(save, steps),
            None => (save.clone(), Vec::new()),
        };
        let save = &save;
        let sources = self.sources(forces);
        let samples: Vec<Sample> = (0..drive.clamp.rows())
            .into_par_iter()
            .map_init(
                || self.netlist.clone(),
                |netlist, s| {
                    self.driver.drive(netlist, &self.ports, drive, lines.as_ref(), s);
                    self.push(netlist, &sources, forces, s);
                    self.run(netlist, s, start, until, save, &shown)
                },
            )
            .collect();
        let rows: Vec<Vec<f64>> = samples.iter().map(|s| s.voltages.clone()).collect();
        Settled {
            state: self.driver.state(&self.ports, &drive.clamp, &rows),
            outcome: samples.iter().map(|s| s.outcome.clone()).collect(),
            residual: samples.iter().map(|s| s.residual).collect(),
            trace: self.trace(drive, &samples, save).map(|mut trace| {
                self.add_noise(&mut trace, drive, &samples, &shown);
                trace
            }),
            stats: samples.iter().fold(Stats::default(), |sum, s| add(sum, s.work)),
            notes: self.notes(&samples),
        }
    }

    /// The bias sources of the layers that are pushed.
    fn sources(&self, forces: &[Option<Mat>]) -> Vec<Pushed> {
        if forces.iter().all(Option::is_none) {
            return Vec::new();
        }
        let chip = self.chip.as_ref().expect("a circuit without a chip has no scale of its layers");
        let layers = chip.fabric.model.free_layers();
        let all = layers.zip(compile::bias_sources(chip, &self.netlist));
        let of = |(id, sources): (LayerId, Vec<DeviceId>)| {
            let unit = chip.fabric.layers[id.0].scale * self.ports.v_unit;
            forces[id.0].is_some().then_some(Pushed { layer: id, sources, unit })
        };
        all.filter_map(of).collect()
    }

    /// Sets the bias sources of sample `s`.
    fn push(&self, netlist: &mut Netlist, all: &[Pushed], forces: &[Option<Mat>], s: usize) {
        for Pushed { layer, sources, unit } in all {
            let force = forces[layer.0].as_ref().map_or(&[][..], |force| force.row(s));
            for (&id, force) in sources.iter().zip(force) {
                match (netlist.device_mut(id), self.netlist.device(id)) {
                    (Device::CurrentSource(to), Device::CurrentSource(own)) => {
                        to.dc = own.dc + unit * force;
                    }
                    (other, _) => panic!("a bias is a current source, not a {}", other.key()),
                }
            }
        }
    }
}

/// The bias sources of a layer, and the current of a force of 1 \[A\].
struct Pushed {
    layer: LayerId,
    sources: Vec<DeviceId>,
    unit: Ampere,
}

impl Circuit {
    /// Takes over the chip as it stands now.
    fn refresh(&mut self) {
        let Some(chip) = &self.chip else { return };
        if chip.nonideal.time.compensates() {
            // Gains follow the cells, and the ports with them.
            let (chip, tolerance, turn) = (chip.clone(), self.tolerance, self.turn);
            *self = Circuit::from_chip(chip, self.analysis).with_tolerance(tolerance);
            self.turn = turn;
            return;
        }
        compile::refresh(chip, &mut self.netlist);
        self.noise = Noise::of_chip(chip, &self.netlist).map(Arc::new);
        self.attached = attach(&self.netlist).map(Arc::new);
        let clamp = chip.fabric.model.clamp.0;
        let driver = Driver::new(&self.netlist, &self.ports, clamp, &self.elimination);
        self.driver = driver.into();
    }
}

fn add(sum: Stats, work: Work) -> Stats {
    let Work { steps, rejected, evaluations, newton, factorisations } = work;
    sum + Stats { steps, rejected, evaluations, newton, factorisations }
}
