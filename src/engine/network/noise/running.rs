//! A batch that runs with noise from where it rests.

use std::ops::Range;

use super::super::{Batch, Network};
use super::kernels;
use super::slow::Moving;
use super::{Field, Noise, Turn};
use crate::engine::Drive;
use crate::numerics::kernels::Real;
use crate::numerics::math::sqrt;
use crate::numerics::normals::Normals;
use crate::numerics::ode::{self, padded, roam};
use crate::numerics::seed::{Seed, uniforms};

/// What drives a batch.
struct Running<T> {
    /// What stands still, or jumps.
    fixed: Vec<T>,
    /// `(step, place, change)`, by step.
    jumps: Vec<(usize, usize, T)>,
    jumped: usize,
    /// Of flicker noise: its amplitude, and its processes with where they are.
    amplitude: Vec<T>,
    moving: Vec<Process>,
    steps: usize,
    renewals: Normals,
    /// The deviation of what white noise does in a step; empty without any.
    white: Vec<T>,
    normals: Normals,
    drawn: Vec<f32>,
}

/// A process on its way to where it will be at the end.
struct Process {
    law: Moving,
    now: Vec<f32>,
    end: Vec<f32>,
}

impl<T: Real> ode::Noise<T> for Running<T> {
    fn force(&mut self, moment: usize, force: &mut [T]) {
        let due = self.jumps[self.jumped..].partition_point(|(step, ..)| *step <= moment);
        for (_, place, change) in &self.jumps[self.jumped..self.jumped + due] {
            self.fixed[*place] = self.fixed[*place] + *change;
        }
        self.jumped += due;
        // Amplifiers that lag make no noise of their own.
        let (force, outputs) = force.split_at_mut(self.fixed.len());
        outputs.fill(T::default());
        force.copy_from_slice(&self.fixed);
        for Process { law, now, end } in &mut self.moving {
            if moment > 0 {
                let shares = law.bridge(moment, self.steps).map(|share| share as f32);
                self.renewals.fill(&mut self.drawn);
                kernels::bridge(now, end, &self.drawn, shares);
            }
            kernels::add_product(force, &self.amplitude, now);
        }
    }

    fn kick(&mut self, kick: &mut [T]) {
        if self.white.is_empty() {
            return kick.fill(T::default());
        }
        self.normals.fill(&mut self.drawn);
        let (kick, outputs) = kick.split_at_mut(self.white.len());
        outputs.fill(T::default());
        kernels::product(kick, &self.white, &self.drawn);
    }
}

/// Where a batch rests, in lanes.
struct Rest<T> {
    xhat: Vec<T>,
    /// Voltages of the nodes, in `v_unit`.
    nu: Vec<f64>,
    field: Field<T>,
}

impl<T: Real> Noise<T> {
    /// Runs samples, `[states, samples]`, from where they rest, in place: what is read of them comes
    /// out. `shows` are steps after which the states go to `show`, `[states, lanes]`.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &self,
        net: &Network<T>,
        (inputs, field): (&[T], &Field<T>),
        drive: &Drive,
        samples: Range<usize>,
        turn: Turn,
        x: &mut [T],
        show: &mut dyn FnMut(usize, &[T], usize),
    ) {
        let (width, lanes) = (samples.len(), padded::<T>(samples.len()));
        let mut wide = vec![T::default(); net.states() * lanes];
        for (to, from) in wide.chunks_exact_mut(lanes).zip(x.chunks_exact(width)) {
            to[..width].copy_from_slice(from);
            to[width..].fill(from[width - 1]);
        }
        let rest = self.rest(net, &wide, field, lanes);
        let reads: Vec<Seed> = (0..lanes)
            .map(|b| self.read.seed.index(turn.first + samples.start + b.min(width - 1)))
            .collect();
        let mut running = self.running(net, &rest, &reads, turn.phase);
        let mut batch = Batch::with_inputs(net, inputs.to_vec(), drive, samples);
        let window = &self.read.window;
        let first = window.steps - window.averaged;
        let mut mean = if window.averaged > 0 { vec![0.0; wide.len()] } else { Vec::new() };
        let mut add = |moment: usize, x: &[T]| {
            if mean.is_empty() || moment < first {
                return;
            }
            let end = moment == first || moment == window.steps;
            let weight = if end { 0.5 } else { 1.0 } / window.averaged as f64;
            mean.iter_mut().zip(x).for_each(|(mean, x)| *mean += weight * x.to_f64());
        };
        add(0, &wide);
        let way = (window.step / self.tau, window.steps);
        roam(&mut batch, &mut wide, lanes, way, &mut running, &mut |moment, x| {
            add(moment, x);
            show(moment, x, lanes);
        });
        for (wide, &mean) in wide.iter_mut().zip(&mean) {
            *wide = T::of(mean);
        }
        for (to, from) in x.chunks_exact_mut(width).zip(wide.chunks_exact(lanes)) {
            to.copy_from_slice(&from[..width]);
        }
    }

    fn rest(&self, net: &Network<T>, x: &[T], field: &Field<T>, lanes: usize) -> Rest<T> {
        let mut xhat = vec![T::default(); net.dim * lanes];
        net.at_rest(x, &mut xhat, lanes);
        let rows = x.chunks_exact(lanes).zip(&self.seen);
        let nu = rows
            .flat_map(|(x, [offset, volts])| x.iter().map(move |x| (x.to_f64() - offset) * volts));
        let mut rest = Rest { nu: nu.collect(), field: field.clone(), xhat };
        self.add(&rest.xhat, false, &mut rest.field, lanes);
        rest
    }

    /// The sources of a batch, with all that is drawn before it runs.
    fn running(
        &self,
        net: &Network<T>,
        rest: &Rest<T>,
        reads: &[Seed],
        phase: usize,
    ) -> Running<T> {
        let (lanes, size) = (reads.len(), rest.nu.len());
        let of_read = |name: &str| Normals::new(reads.iter().map(|seed| seed.child(name)));
        let of_phase = |name: &str, phase: usize| {
            Normals::new(reads.iter().map(|seed| seed.child(name).index(phase)))
        };
        let mut drawn = vec![0.0; size];
        let mut fixed = vec![0.0; size];
        let mut add = |amplitude: &[f64], z: &[f32], scale: f64| {
            for ((fixed, amplitude), &z) in fixed.iter_mut().zip(amplitude).zip(z) {
                *fixed += scale * amplitude * f64::from(z);
            }
        };
        if let (Some(fresh), Some(sums)) = (&self.fresh, &rest.field.fresh) {
            of_phase("fresh", phase).fill(&mut drawn);
            add(&fresh.roots(sums, &rest.nu, lanes), &drawn, 1.0);
        }
        let mut white: Vec<f64> = (0..size).map(|k| self.thermal[k / lanes]).collect();
        if let (Some(curved), Some(sums)) = (&self.curved, &rest.field.curved) {
            let sums = curved.sums(sums, &rest.nu, lanes);
            white.iter_mut().zip(sums).for_each(|(white, sum)| *white += sum);
        }
        if let (Some(shot), Some(sums)) = (&self.shot, &rest.field.shot) {
            let activations = [&rest.field.clamp[..], &rest.xhat];
            let sums = shot.sums(sums, activations, &rest.nu, lanes);
            white.iter_mut().zip(sums).for_each(|(white, sum)| *white += sum);
        }
        let (mut amplitude, mut moving) = (Vec::new(), Vec::new());
        if let (Some((flicker, slow)), Some(sums)) = (&self.flicker, &rest.field.flicker) {
            let roots = flicker.roots(sums, &rest.nu, lanes);
            if slow.frozen > 0.0 {
                of_read("slow").fill(&mut drawn);
                add(&roots, &drawn, sqrt(slow.frozen));
            }
            for (white, root) in white.iter_mut().zip(&roots) {
                *white += root * root * slow.white / self.tau;
            }
            let ends = (0..=phase + 1).map(|k| of_phase("flicker", k));
            moving = started(&slow.moving, ends, size, &mut drawn);
            amplitude = roots.into_iter().map(T::of).collect();
        }
        let jumps = self.jumps(net, rest, reads, phase, &mut fixed);
        let h = self.read.window.step / self.tau;
        if white.iter().all(|white| *white <= 0.0) {
            white.clear();
        }
        white.iter_mut().for_each(|white| *white *= h);
        kernels::roots(&mut white);
        Running {
            fixed: fixed.into_iter().map(T::of).collect(),
            jumps,
            jumped: 0,
            amplitude,
            moving,
            steps: self.read.window.steps,
            renewals: of_phase("renewals", phase),
            white: white.into_iter().map(T::of).collect(),
            normals: of_phase("white", phase),
            drawn,
        }
    }

    /// Where traps are at the start is added to `fixed`; what they do later comes out, by step.
    fn jumps(
        &self,
        net: &Network<T>,
        rest: &Rest<T>,
        reads: &[Seed],
        phase: usize,
        fixed: &mut [f64],
    ) -> Vec<(usize, usize, T)> {
        let lanes = reads.len();
        let mut jumps = Vec::new();
        if self.sites.is_empty() {
            return jumps;
        }
        debug_assert_eq!(rest.xhat.len(), net.dim * lanes);
        let steps = self.read.window.steps;
        let starts: Vec<Seed> = reads.iter().map(|seed| seed.child("traps")).collect();
        let later: Vec<Vec<Seed>> = (0..=phase)
            .map(|k| reads.iter().map(|seed| seed.child("jumps").index(k)).collect())
            .collect();
        let (mut u, mut across) = (vec![0.0; lanes], vec![0.0; lanes]);
        let mut is_up = vec![false; lanes];
        for (t, site) in self.sites.iter().enumerate() {
            let blinking = &site.blinking;
            uniforms(&starts, t, &mut u);
            kernels::compare(&u, blinking.up, &mut is_up);
            for seeds in &later[..phase] {
                uniforms(seeds, t, &mut u);
                for ((is_up, &u), seed) in is_up.iter_mut().zip(&u).zip(seeds) {
                    if !blinking.is_still(*is_up, u) {
                        blinking.changes(*is_up, steps, seed.index(t), |_| *is_up = !*is_up);
                    }
                }
            }
            uniforms(&later[phase], t, &mut u);
            let from = if site.clamped { &rest.field.clamp } else { &rest.xhat };
            let from = &from[site.pre * lanes..(site.pre + 1) * lanes];
            let row = site.row * lanes..(site.row + 1) * lanes;
            kernels::volts(from, &rest.nu[row.clone()], site.sign, &mut across);
            if self.v0.is_some() {
                across.iter_mut().for_each(|volts| *volts = self.across(*volts));
            }
            kernels::stand(&mut fixed[row.clone()], &across, &is_up, site.swing, blinking.up);
            if !blinking.any_moves(&is_up, &u) {
                continue;
            }
            for (b, place) in row.enumerate().filter(|(b, _)| !blinking.is_still(is_up[*b], u[*b]))
            {
                let swing = site.swing * across[b];
                let mut change = if is_up[b] { -swing } else { swing };
                blinking.changes(is_up[b], steps, later[phase][b].index(t), |step| {
                    jumps.push((step, place, T::of(change)));
                    change = -change;
                });
            }
        }
        jumps.sort_by_key(|(step, place, _)| (*step, *place));
        jumps
    }
}

/// Processes where they are at the start of a phase, and where they will be at its end; `ends` are
/// the numbers of the start of the first phase, and of the end of each up to this one.
fn started(
    moving: &[Moving],
    ends: impl Iterator<Item = Normals>,
    size: usize,
    drawn: &mut [f32],
) -> Vec<Process> {
    let still = |law: &Moving| Process { law: *law, now: vec![0.0; size], end: vec![0.0; size] };
    let mut all: Vec<Process> = moving.iter().map(still).collect();
    for (k, mut normals) in ends.enumerate() {
        for Process { law, now, end } in &mut all {
            let keeps = if k == 0 { 0.0 } else { law.keeps[1] };
            let (keeps, renewed) = (keeps as f32, law.renewed(keeps) as f32);
            normals.fill(drawn);
            now.copy_from_slice(end);
            for (end, z) in end.iter_mut().zip(&*drawn) {
                *end = keeps * *end + renewed * z;
            }
        }
    }
    all
}
