//! Some samples of a block on their way to rest.

use std::ops::Range;

use multiversion::multiversion;

use super::products::{FEWEST, Work, fewer, in_lanes};
use super::{Deep, Ending, Layers, Phase};
use crate::numerics::Mat;
use crate::numerics::fixed_point::add_scaled;
use crate::numerics::kernels::Real;
use crate::spec::Order;

/// Samples in lanes, `[size, lanes]` a layer. Those that have settled leave.
pub(super) struct Batch<'a, T> {
    deep: &'a Deep<T>,
    /// Which sample of these each lane is; lanes beyond them are of no account.
    who: Vec<usize>,
    lanes: usize,
    input: Vec<T>,
    force: Option<Vec<T>>,
    s: Vec<Vec<T>>,
    /// Where the largest of each window is, of each synapse that pools.
    at: Vec<Vec<u32>>,
    /// Whether they began from a state other than zero.
    continues: bool,
    /// Whether windows choose what they chose at first.
    holds: bool,
    work: Work<T>,
    /// What drives each layer.
    drives: Vec<Vec<T>>,
    /// Where they ended, `[samples, size]` a layer.
    done: Vec<Vec<T>>,
    ends: Vec<Ending>,
    /// `sum |s_new - s|^2` and `sum |s|^2` of the last iteration, `[layer][lane]`.
    moved: Vec<[Vec<T>; 2]>,
}

impl<'a, T: Real> Batch<'a, T> {
    pub fn new(
        deep: &'a Deep<T>,
        held: Option<&Layers<T>>,
        input: &Mat<T>,
        start: Option<&Layers<T>>,
        force: Option<&Mat<T>>,
        samples: Range<usize>,
    ) -> Batch<'a, T> {
        let (model, count) = (&deep.model, samples.len());
        let lanes = count.max(FEWEST);
        let of = |m: &Mat<T>, size: usize| {
            assert_eq!(m.cols(), size, "a block of other shapes");
            in_lanes(m, &samples, lanes)
        };
        let sizes: Vec<usize> = model.layers.iter().map(|s| s.size()).collect();
        let s = sizes.iter().enumerate().map(|(l, &size)| match start {
            Some(start) => of(&start[l], size),
            None => vec![T::default(); lanes * size],
        });
        let mut work = Work::default();
        let at = deep.places(lanes, |l| held.map(|held| of(&held[l], sizes[l])), &mut work);
        Batch {
            deep,
            who: (0..count).collect(),
            lanes,
            input: of(input, sizes[0]),
            force: force.map(|force| of(force, sizes[sizes.len() - 1])),
            s: s.collect(),
            at,
            continues: start.is_some(),
            holds: held.is_some(),
            work,
            drives: vec![Vec::new(); sizes.len()],
            done: sizes.iter().map(|size| vec![T::default(); count * size]).collect(),
            ends: vec![
                Ending { iterations: 0, residual: f64::NAN, time: 0.0, settled: false };
                count
            ],
            moved: vec![[(); 2].map(|()| vec![T::default(); lanes]); sizes.len()],
        }
    }

    /// Where the samples of a layer ended, `[samples, size]`.
    pub fn ended(&self, layer: usize) -> &[T] {
        &self.done[layer]
    }

    pub fn ends(&self) -> &[Ending] {
        &self.ends
    }

    pub fn run(&mut self, phase: &Phase) {
        if self.continues && !self.holds {
            // An iteration needs the windows of a layer before it comes to the next.
            for l in (0..self.at.len()).filter(|&l| !self.at[l].is_empty()).collect::<Vec<_>>() {
                self.at[l] = self.deep.windows(l, self.lanes, &self.s[l], &mut self.work);
            }
        }
        for iteration in 1..=phase.iterations {
            if self.who.is_empty() {
                return;
            }
            let judged = phase.settled.is_some() || iteration == phase.iterations;
            self.iterate(phase.odd_first, judged);
            if judged {
                self.part(iteration, phase);
            }
        }
    }

    fn iterate(&mut self, odd_first: bool, judged: bool) {
        let layers = self.s.len();
        match self.deep.order {
            Order::EvenOdd => {
                let first = usize::from(odd_first);
                for parity in [first, 1 - first] {
                    for l in (parity..layers).step_by(2) {
                        self.gather(l);
                        self.take(l, judged);
                    }
                }
            }
            Order::Synchronous => {
                // From the last on, as a layer's windows are found with the drive of the next.
                (0..layers).rev().for_each(|l| self.gather(l));
                (0..layers).for_each(|l| self.take(l, judged));
            }
        }
    }

    /// `dPhi/ds` of a layer.
    fn gather(&mut self, l: usize) {
        let (deep, lanes) = (self.deep, self.lanes);
        let drive = &mut self.drives[l];
        match l.checked_sub(1) {
            None => {
                drive.clear();
                drive.extend_from_slice(&self.input);
            }
            Some(below) => {
                let (s, at) = (&self.s[below], &mut self.at[below]);
                match self.holds {
                    true => deep.up_holding(below, lanes, s, drive, at, &mut self.work),
                    false => deep.up(below, lanes, s, drive, at, &mut self.work),
                }
            }
        }
        match self.s.get(l + 1) {
            Some(above) => {
                let back = deep.weights[l].back();
                deep.add_down(l, back, lanes, above, &self.at[l], drive, &mut self.work);
            }
            None => {
                if let Some(force) = &self.force {
                    add_scaled(drive, T::of(1.0), force);
                }
            }
        }
    }

    /// The layer's new activations.
    fn take(&mut self, l: usize, judged: bool) {
        let (drive, s) = (&mut self.drives[l], &mut self.s[l]);
        self.deep.activate(l, drive);
        if judged {
            let [change, norm] = &mut self.moved[l];
            change.fill(T::default());
            norm.fill(T::default());
            judge(drive, s, change, norm);
        }
        std::mem::swap(drive, s);
    }

    /// Lets go of the samples that have settled, or of all after the last iteration.
    fn part(&mut self, iteration: usize, phase: &Phase) {
        let over = iteration == phase.iterations;
        let mut keep = Vec::new();
        for (lane, &who) in self.who.iter().enumerate() {
            let shares = self.moved.iter().map(|[change, norm]| {
                change[lane].to_f64().sqrt() / norm[lane].to_f64().sqrt().max(1e-6)
            });
            let residual = shares.sum::<f64>() / self.s.len() as f64;
            let settled = match phase.settled {
                Some(tolerance) => residual < tolerance,
                None => residual.is_finite(),
            };
            if !settled && !over && residual.is_finite() {
                keep.push(lane);
                continue;
            }
            let time = iteration as f64;
            self.ends[who] = Ending { iterations: iteration, residual, time, settled };
            for (done, s) in self.done.iter_mut().zip(&self.s) {
                let size = s.len() / self.lanes;
                let from = s.iter().skip(lane).step_by(self.lanes);
                let to = done[who * size..(who + 1) * size].iter_mut();
                to.zip(from).for_each(|(to, v)| *to = *v);
            }
        }
        if keep.len() == self.who.len() {
            return;
        }
        self.who = keep.iter().map(|&lane| self.who[lane]).collect();
        if keep.is_empty() {
            return;
        }
        while keep.len() < FEWEST {
            keep.push(keep[0]);
        }
        let lists = self.s.iter_mut().chain(self.force.as_mut()).chain([&mut self.input]);
        for list in lists {
            fewer(list, self.lanes, &keep);
        }
        self.at.iter_mut().for_each(|list| fewer(list, self.lanes, &keep));
        for of in self.moved.iter_mut().flatten() {
            of.truncate(keep.len());
        }
        self.lanes = keep.len();
    }
}

/// `min(max(slope u, 0), 1)`; NaN stays NaN.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub(super) fn clamp<T: Real>(slope: T, drive: &mut [T]) {
    let (zero, one) = (T::default(), T::of(1.0));
    for u in drive {
        let v = slope * *u;
        let v = if v < zero { zero } else { v };
        *u = if v > one { one } else { v };
    }
}

/// Adds up how far and how large, in each lane.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn judge<T: Real>(new: &[T], old: &[T], change: &mut [T], norm: &mut [T]) {
    let lanes = change.len();
    for (new, old) in new.chunks_exact(lanes).zip(old.chunks_exact(lanes)) {
        let sums = change.iter_mut().zip(&mut *norm);
        for ((&new, &old), (change, norm)) in new.iter().zip(old).zip(sums) {
            let by = new - old;
            *change = *change + by * by;
            *norm = *norm + old * old;
        }
    }
}
