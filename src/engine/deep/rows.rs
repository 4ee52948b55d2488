//! Some samples of a block on their way to rest.

use std::ops::Range;

use super::{Deep, Ending, Layers, Phase, Weights};
use crate::model::Synapse;
use crate::numerics::Mat;
use crate::numerics::conv::add_at;
use crate::numerics::fixed_point::{add_scaled, dot_rows};
use crate::numerics::gemm::{Into, Part, PartMut};
use crate::numerics::kernels::Real;
use crate::spec::Order;

/// Samples side by side, `[rows, size]` a layer. Those that have settled make room.
pub(super) struct Rows<'a, T> {
    deep: &'a Deep<T>,
    /// Which sample of these each row is.
    who: Vec<usize>,
    input: Vec<T>,
    force: Option<Vec<T>>,
    s: Vec<Vec<T>>,
    /// Where the largest of each window is, of each synapse that pools.
    at: Vec<Vec<u32>>,
    /// Whether they began from a state other than zero.
    continues: bool,
    work: Work<T>,
    done: Vec<Vec<T>>,
    ends: Vec<Ending>,
    /// `sum |s_new - s|^2` and `sum |s|^2` of the last iteration, `[layer][row]`.
    moved: Vec<Vec<[f64; 2]>>,
}

/// Buffers of products.
#[derive(Default)]
pub(super) struct Work<T> {
    pub patches: Vec<T>,
    /// What a convolution gives before it is pooled.
    whole: Vec<T>,
    /// What drives a layer, and the same layer by layer for all at once.
    drive: Vec<T>,
    drives: Vec<Vec<T>>,
}

/// A product of one row alone would be summed in another order than one of several.
const FEWEST: usize = 2;

impl<'a, T: Real> Rows<'a, T> {
    pub fn new(
        deep: &'a Deep<T>,
        input: &Mat<T>,
        start: Option<&Layers<T>>,
        force: Option<&Mat<T>>,
        samples: Range<usize>,
    ) -> Rows<'a, T> {
        let (model, rows) = (&deep.model, samples.len());
        let held = rows.max(FEWEST);
        let of = |m: &Mat<T>, size: usize| {
            assert_eq!(m.cols(), size, "a block of other shapes");
            let mut all = m.as_slice()[samples.start * size..samples.end * size].to_vec();
            all.resize(held * size, T::default());
            all
        };
        let sizes: Vec<usize> = model.layers.iter().map(|s| s.size()).collect();
        let s = sizes.iter().enumerate().map(|(l, &size)| match start {
            Some(start) => of(&start[l], size),
            None => vec![T::default(); held * size],
        });
        let at = model.synapses.iter().map(|synapse| match synapse {
            Synapse::Conv { pool: Some(pool), .. } => vec![0; held * pool.output().size()],
            _ => Vec::new(),
        });
        let last = sizes[sizes.len() - 1];
        Rows {
            deep,
            who: (0..rows).collect(),
            input: of(input, sizes[0]),
            force: force.map(|force| of(force, last)),
            s: s.collect(),
            at: at.collect(),
            continues: start.is_some(),
            work: Work::default(),
            done: sizes.iter().map(|size| vec![T::default(); rows * size]).collect(),
            ends: vec![Ending { iterations: 0, residual: f64::NAN, settled: false }; rows],
            moved: vec![vec![[0.0; 2]; held]; sizes.len()],
        }
    }

    /// Where the samples of a layer ended, `[rows, size]`.
    pub fn ended(&self, layer: usize) -> &[T] {
        &self.done[layer]
    }

    pub fn ends(&self) -> &[Ending] {
        &self.ends
    }

    pub fn run(&mut self, phase: &Phase) {
        if self.continues {
            // An iteration needs the windows of a layer before it comes to the next.
            for l in 0..self.at.len() {
                self.locate(l);
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

    fn locate(&mut self, synapse: usize) {
        if self.at[synapse].is_empty() {
            return;
        }
        let mut drive = std::mem::take(&mut self.work.drive);
        let rows = self.rows();
        self.deep.up(
            synapse,
            rows,
            &self.s[synapse],
            &mut drive,
            &mut self.at[synapse],
            &mut self.work,
        );
        self.work.drive = drive;
    }

    /// Rows that are computed.
    fn rows(&self) -> usize {
        self.who.len().max(FEWEST)
    }

    fn iterate(&mut self, odd_first: bool, judged: bool) {
        let layers = self.s.len();
        match self.deep.order {
            Order::EvenOdd => {
                let first = usize::from(odd_first);
                for parity in [first, 1 - first] {
                    for l in (parity..layers).step_by(2) {
                        let mut drive = std::mem::take(&mut self.work.drive);
                        self.gather(l, &mut drive);
                        self.take(l, &drive, judged);
                        self.work.drive = drive;
                    }
                }
            }
            Order::Synchronous => {
                let mut drives = std::mem::take(&mut self.work.drives);
                drives.resize_with(layers, Vec::new);
                // From the last on, as a layer's windows are found with the drive of the next.
                for l in (0..layers).rev() {
                    self.gather(l, &mut drives[l]);
                }
                for (l, drive) in drives.iter().enumerate() {
                    self.take(l, drive, judged);
                }
                self.work.drives = drives;
            }
        }
    }

    /// `dPhi/ds` of a layer.
    fn gather(&mut self, l: usize, drive: &mut Vec<T>) {
        let rows = self.rows();
        match l.checked_sub(1) {
            None => {
                drive.clear();
                drive.extend_from_slice(&self.input[..rows * self.deep.model.layers[0].size()]);
            }
            Some(below) => {
                let (s, at) = (&self.s[below], &mut self.at[below]);
                self.deep.up(below, rows, s, drive, at, &mut self.work);
            }
        }
        match self.s.get(l + 1) {
            Some(above) => {
                self.deep.add_down(l, rows, above, &self.at[l], drive, &mut self.work);
            }
            None => {
                if let Some(force) = &self.force {
                    let len = drive.len();
                    add_scaled(drive, T::of(1.0), &force[..len]);
                }
            }
        }
    }

    /// The layer's new activations.
    fn take(&mut self, l: usize, drive: &[T], judged: bool) {
        let model = &self.deep.model;
        let size = model.layers[l].size();
        let slope = model.is_clamped(l).then(|| T::of(model.slope));
        let rows = self.s[l].chunks_exact_mut(size).zip(drive.chunks_exact(size));
        for ((s, drive), moved) in rows.zip(&mut self.moved[l]) {
            if judged {
                let norm = dot_rows(s, s);
                activated(
                    slope,
                    drive,
                    |place, v| {
                        let change = v - s[place];
                        s[place] = v;
                        change
                    },
                    moved,
                );
                moved[1] = norm;
            } else {
                match slope {
                    Some(slope) => clamp(slope, drive, s),
                    None => s.copy_from_slice(drive),
                }
            }
        }
    }

    /// Lets go of the rows that have settled, or all after the last iteration.
    fn part(&mut self, iteration: usize, phase: &Phase) {
        let over = iteration == phase.iterations;
        let mut keep = Vec::new();
        for (row, &who) in self.who.iter().enumerate() {
            let shares = self.moved.iter().map(|of| of[row]);
            let sum: f64 = shares.map(|[change, norm]| change.sqrt() / norm.sqrt().max(1e-6)).sum();
            let residual = sum / self.s.len() as f64;
            let settled = match phase.settled {
                Some(tolerance) => residual < tolerance,
                None => residual.is_finite(),
            };
            if !settled && !over && residual.is_finite() {
                keep.push(row);
                continue;
            }
            self.ends[who] = Ending { iterations: iteration, residual, settled };
            for (done, s) in self.done.iter_mut().zip(&self.s) {
                let size = s.len() / self.moved[0].len();
                done[who * size..(who + 1) * size]
                    .copy_from_slice(&s[row * size..(row + 1) * size]);
            }
        }
        if keep.len() == self.who.len() {
            return;
        }
        let held = self.moved[0].len();
        let lists = self.s.iter_mut().chain(self.force.as_mut()).chain([&mut self.input]);
        lists.for_each(|list| move_up(list, held, &keep));
        self.at.iter_mut().for_each(|list| move_up(list, held, &keep));
        self.who = keep.iter().map(|&row| self.who[row]).collect();
    }
}

/// Moves the rows `keep`, ascending, to the front.
fn move_up<T: Copy>(list: &mut [T], rows: usize, keep: &[usize]) {
    let size = list.len() / rows;
    for (to, &from) in keep.iter().enumerate().filter(|(to, from)| to != *from) {
        list.copy_within(from * size..(from + 1) * size, to * size);
    }
}

/// `min(max(slope u, 0), 1)`; NaN stays NaN.
fn clamp<T: Real>(slope: T, drive: &[T], s: &mut [T]) {
    let (zero, one) = (T::default(), T::of(1.0));
    for (s, &u) in s.iter_mut().zip(drive) {
        let v = slope * u;
        let v = if v < zero { zero } else { v };
        *s = if v > one { one } else { v };
    }
}

/// Gives each new activation to `set`, which says how far it is from the old one, and adds up.
fn activated<T: Real>(
    slope: Option<T>,
    drive: &[T],
    mut set: impl FnMut(usize, T) -> T,
    moved: &mut [f64; 2],
) {
    let (zero, one) = (T::default(), T::of(1.0));
    let mut sum = [T::default(); 16];
    for (place, &u) in drive.iter().enumerate() {
        let v = match slope {
            Some(slope) => {
                let v = slope * u;
                let v = if v < zero { zero } else { v };
                if v > one { one } else { v }
            }
            None => u,
        };
        let change = set(place, v);
        sum[place % 16] = sum[place % 16] + change * change;
    }
    moved[0] = sum.iter().map(|v| v.to_f64()).sum();
}

impl<T: Real> Deep<T> {
    /// What synapse `l` makes of the activations `s` of its layer, `[rows, size]` both; `at` is where
    /// the largest of each window is.
    pub(super) fn up(
        &self,
        l: usize,
        rows: usize,
        s: &[T],
        out: &mut Vec<T>,
        at: &mut [u32],
        work: &mut Work<T>,
    ) {
        let Weights { forward, bias, .. } = &self.weights[l];
        let synapse = &self.model.synapses[l];
        let to = synapse.output().size();
        out.resize(rows * to, T::default());
        match synapse {
            Synapse::Conv { conv, pool } => {
                let (pixels, size) = (conv.output().pixels(), conv.input.size());
                work.whole.resize(conv.output().size(), T::default());
                for (row, out) in out.chunks_exact_mut(to).enumerate() {
                    let s = &s[row * size..(row + 1) * size];
                    let whole = if pool.is_some() { &mut work.whole } else { &mut *out };
                    conv.forward(forward, s, whole, &mut work.patches);
                    for (channel, b) in whole.chunks_exact_mut(pixels).zip(bias) {
                        channel.iter_mut().for_each(|v| *v = *v + *b);
                    }
                    if let Some(pool) = pool {
                        pool.max(&work.whole, out, &mut at[row * to..(row + 1) * to]);
                    }
                }
            }
            Synapse::Dense { pre, post } => {
                out.chunks_exact_mut(*post).for_each(|out| out.copy_from_slice(bias));
                let to = PartMut { data: out, cols: *post, range: 0..*post };
                let s = Part::whole(&s[..rows * pre], *pre);
                T::product(to, s, Part::whole(forward, *pre).transposed(), Into::Add);
            }
        }
    }

    /// Adds to `out` what the next layer's `s` drives the layer before synapse `l` with.
    pub(super) fn add_down(
        &self,
        l: usize,
        rows: usize,
        s: &[T],
        at: &[u32],
        out: &mut [T],
        work: &mut Work<T>,
    ) {
        let back = self.weights[l].back();
        let synapse = &self.model.synapses[l];
        let from = synapse.output().size();
        match synapse {
            Synapse::Conv { conv, pool } => {
                for (row, out) in out.chunks_exact_mut(conv.input.size()).enumerate() {
                    let s = &s[row * from..(row + 1) * from];
                    let whole = match pool {
                        None => s,
                        Some(_) => {
                            work.whole.clear();
                            work.whole.resize(conv.output().size(), T::default());
                            add_at(s, &at[row * from..(row + 1) * from], &mut work.whole);
                            &work.whole
                        }
                    };
                    conv.add_transposed(back, whole, out, &mut work.patches);
                }
            }
            Synapse::Dense { pre, post } => {
                let to = PartMut { data: out, cols: *pre, range: 0..*pre };
                let s = Part::whole(&s[..rows * post], *post);
                T::product(to, s, Part::whole(back, *pre), Into::Add);
            }
        }
    }
}
