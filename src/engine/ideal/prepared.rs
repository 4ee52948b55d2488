//! What is learned of a network's fixed points from some inputs, so that others are found sooner.

use rayon::prelude::*;

use super::chord::{chord, mean_slopes};
use super::chunks;
use super::field::Field;
use super::iteration::Iteration;
use crate::model::Family;
use crate::numerics::fixed_point::{Measure, Method, Scheme, Stop, solve};
use crate::numerics::gemm::{Gemm, Into, Part, PartMut};
use crate::numerics::kernels::Real;
use crate::numerics::panels::Panels;
use crate::numerics::{Mat, dense};
use crate::spec::{Local, Order};

/// Where to start, and how far to go at each step.
///
/// The start is a linear function of the activations of the layers next to the inputs, with the
/// carried layers at their means: ridge regression on the fixed points of the given inputs. It takes
/// half an update of the layers. Steps are `(I - J)^-1 (f(z) - z)`, a chord Newton method, with the
/// Jacobian `J` at the means of `f'(x)` over the fixed points. Where few units are carried, this is over
/// those of one cluster, told by the read layer at the start, which a linear function of the cluster that
/// it seemed to be of has moved nearer.
#[derive(Debug, Clone)]
pub struct Prepared<T> {
    /// `f` of the carried layers at their means, `[units]`, zero for the others.
    mean: Vec<T>,
    /// The eliminated units that the start is a function of.
    features: Vec<std::ops::Range<usize>>,
    /// `[features + 1, carried]`, the last row a constant.
    start: Vec<T>,
    /// Read layer of each cluster, `[read, clusters]`.
    centres: Vec<T>,
    /// `(I - J)^-1`, transposed, `[carried, carried]` a cluster.
    inverse: Vec<Panels<T>>,
    /// Of a single cluster, not transposed.
    turned: Panels<T>,
    /// What moves the start, `[carried + 1, carried]` a cluster, the last row a constant.
    nearer: Vec<Vec<T>>,
}

/// Of the equations for the start, as a share of the number of inputs.
const RIDGE: f64 = 1e-5;
/// Most carried units for clusters of Jacobians, and most clusters.
const FEW: usize = 64;
const CLUSTERS: usize = 64;

impl Prepared<f64> {
    /// From the fixed points of these inputs. `None` where some have none.
    ///
    /// # Panics
    /// Unless the field is of a HAM in even-odd order.
    pub fn fit(field: &Field<f64>, inputs: &Mat) -> Option<Prepared<f64>> {
        let (units, carried, n) = (field.units, field.carried, inputs.rows());
        assert!(carried < units, "the order is even-odd");
        let (x, xhat) = fixed_points(field, inputs)?;
        let mean_of = |of: &[f64], which: &[usize]| {
            let mut mean = vec![0.0; units];
            for &s in which {
                for (m, v) in mean.iter_mut().zip(&of[s * units..(s + 1) * units]) {
                    *m += v / which.len() as f64;
                }
            }
            mean
        };
        let all: Vec<usize> = (0..n).collect();
        let states = mean_of(&x, &all);
        let mut mean = vec![0.0; units];
        field.activate(0..field.carried_layers, &states[..carried], carried, &mut mean);
        let features = field
            .arcs
            .iter()
            .filter(|arc| arc.source.is_none())
            .map(|arc| arc.target)
            .filter(|&layer| layer >= field.carried_layers)
            .map(|layer| field.layers[layer].units.clone())
            .collect();
        let mut prepared = Prepared {
            mean,
            features,
            start: Vec::new(),
            centres: Vec::new(),
            inverse: Vec::new(),
            turned: Panels::default(),
            nearer: Vec::new(),
        };
        let phi = prepared.features_of(field, &field.clamped(inputs, 0..n, n));
        let wide = phi.len() / n;
        let mut gram = vec![0.0; wide * wide];
        let whole = |data: &mut [f64], cols, a: Part<f64>, b: Part<f64>| {
            f64::product(PartMut { data, cols, range: 0..cols }, a, b, Into::Replace);
        };
        let phi_part = Part::whole(&phi, wide);
        whole(&mut gram, wide, phi_part.transposed(), phi_part);
        for i in 0..wide {
            gram[i * wide + i] += RIDGE * n as f64;
        }
        let mut right = vec![0.0; wide * carried];
        whole(&mut right, carried, phi_part.transposed(), Part::columns(&x, units, 0..carried));
        let gram = Mat::from_vec(wide, wide, gram);
        prepared.start = dense::solve_spd(&gram, &Mat::from_vec(wide, carried, right))?.into_vec();

        let read = field.layers[field.read].units.clone();
        let outputs: Vec<&[f64]> =
            (0..n).map(|s| &x[s * units..(s + 1) * units][read.clone()]).collect();
        let groups = if carried > FEW { vec![all] } else { clusters(&outputs, CLUSTERS.min(n)) };
        let centres: Vec<f64> =
            groups.iter().flat_map(|group| mean_of(&x, group)[read.clone()].to_vec()).collect();
        prepared.centres = Mat::from_vec(groups.len(), read.len(), centres).transposed().into_vec();
        // The cluster of an input is told by its start, as it will be.
        let mut begun = vec![0.0; n * carried];
        whole(&mut begun, carried, phi_part, Part::whole(&prepared.start, carried));
        let mut told = vec![Vec::new(); groups.len()];
        for (s, z) in begun.chunks_exact(carried).enumerate() {
            told[prepared.nearest(&z[read.clone()])].push(s);
        }
        for (group, told) in groups.iter().zip(told) {
            if carried <= FEW {
                let ends = |s: usize| &x[s * units..s * units + carried];
                prepared.nearer.push(nearer(&begun, ends, &told, carried)?);
            }
            let [x, xhat] = [&x, &xhat].map(|of| {
                group
                    .iter()
                    .flat_map(|&s| &of[s * units..(s + 1) * units])
                    .copied()
                    .collect::<Vec<f64>>()
            });
            let inverse = chord(field, &mean_slopes(field, &x, &xhat))?;
            prepared.inverse.push(Panels::of_rows(&inverse, carried));
        }
        if let [only] = &prepared.inverse[..] {
            prepared.turned = only.transposed();
        }
        Some(prepared)
    }

    pub fn cast<T: Real>(&self) -> Prepared<T> {
        let cast = |of: &Vec<f64>| of.iter().map(|&v| T::of(v)).collect::<Vec<T>>();
        Prepared {
            mean: cast(&self.mean),
            features: self.features.clone(),
            start: cast(&self.start),
            centres: cast(&self.centres),
            inverse: self.inverse.iter().map(Panels::cast).collect(),
            turned: self.turned.cast(),
            nearer: self.nearer.iter().map(cast).collect(),
        }
    }
}

impl<T: Real> Prepared<T> {
    /// A start at the mean of these states `[samples, units]`, and steps by the Jacobian at the means
    /// of their slopes. `None` of no states, where nothing is eliminated (one update is the end), or
    /// where `I - J` has no inverse.
    ///
    /// # Panics
    /// Unless the field is of a HAM in even-odd order.
    pub fn of_states(field: &Field<T>, x: &[T], xhat: &[T]) -> Option<Prepared<T>> {
        let (units, carried) = (field.units, field.carried);
        assert!(field.family == Family::Ham && field.order == Order::EvenOdd, "an even-odd HAM");
        if x.is_empty() || carried == units {
            return None;
        }
        let share = T::of(units as f64 / x.len() as f64);
        let mut start = vec![T::default(); carried];
        for x in x.chunks_exact(units) {
            start.iter_mut().zip(x).for_each(|(s, &x)| *s = *s + share * x);
        }
        let inverse = chord(field, &mean_slopes(field, x, xhat))?;
        Some(Prepared::at(start, &inverse))
    }

    fn at(start: Vec<T>, inverse: &[T]) -> Prepared<T> {
        let inverse = Panels::of_rows(inverse, start.len());
        Prepared {
            mean: Vec::new(),
            features: Vec::new(),
            start,
            centres: Vec::new(),
            turned: inverse.transposed(),
            inverse: vec![inverse],
            nearer: Vec::new(),
        }
    }

    /// What [`Prepared::of_states`] made, as numbers.
    pub fn to_numbers(&self) -> Vec<f64> {
        self.start.iter().chain(&self.inverse[0].to_rows()).map(|v| v.to_f64()).collect()
    }

    /// The same again, of this many carried units; `None` of other numbers.
    pub fn of_numbers(numbers: &[f64], carried: usize) -> Option<Prepared<T>> {
        if carried == 0 || numbers.len() != carried * (carried + 1) {
            return None;
        }
        let numbers: Vec<T> = numbers.iter().map(|&v| T::of(v)).collect();
        Some(Prepared::at(numbers[..carried].to_vec(), &numbers[carried..]))
    }

    /// Of clamped activations `[rows, size]`: `[rows, features + 1]`.
    fn features_of(&self, field: &Field<T>, clamped: &[T]) -> Vec<T> {
        let units = field.units;
        let rows = clamped.len() / field.clamp_size;
        let mut arrived = vec![T::default(); rows * units];
        field.inputs(clamped, &mut arrived);
        self.features_at(field, &arrived)
    }

    /// Of what biases and inputs bring, `[rows, units]`.
    fn features_at(&self, field: &Field<T>, base: &[T]) -> Vec<T> {
        let units = field.units;
        if self.features.is_empty() {
            return vec![T::of(1.0); base.len() / units];
        }
        // What the means of the carried layers send is the same for all rows.
        let mut sent = vec![T::default(); 2 * units];
        let mean = [&self.mean[..], &self.mean[..]].concat();
        let all = 0..field.layers.len();
        let (first, second) = (0..field.carried_layers, field.carried_layers..all.end);
        field.send(first, second, (&mean, units), (&mut sent, units));
        let wide = self.features.iter().map(std::ops::Range::len).sum::<usize>() + 1;
        let mut phi = vec![T::of(1.0); base.len() / units * wide];
        let mut x = vec![T::default(); wide];
        for (base, phi) in base.chunks_exact(units).zip(phi.chunks_exact_mut(wide)) {
            let mut first = 0;
            for at in &self.features {
                let (x, phi) = (&mut x[..at.len()], &mut phi[first..first + at.len()]);
                x.copy_from_slice(&base[at.clone()]);
                x.iter_mut().zip(&sent[at.clone()]).for_each(|(x, &sent)| *x = *x + sent);
                let laid = field.layers.iter().find(|l| l.units == *at).map(|l| l.activation);
                super::field::activate(laid.unwrap_or(field.clamp_activation), x, phi);
                first += at.len();
            }
        }
        phi
    }

    /// The start, `[rows, carried]`, and the cluster of each row.
    pub fn begin(&self, field: &Field<T>, base: &[T]) -> (Vec<T>, Vec<usize>) {
        let carried = field.carried;
        let phi = self.features_at(field, base);
        let rows = base.len() / field.units;
        let mut z = vec![T::default(); rows * carried];
        let to = PartMut { data: &mut z, cols: carried, range: 0..carried };
        let wide = self.start.len() / carried;
        T::product(to, Part::whole(&phi, wide), Part::whole(&self.start, carried), Into::Replace);
        if self.centres.is_empty() {
            return (z, vec![0; rows]);
        }
        let read = field.layers[field.read].units.clone();
        let mut told = vec![0; rows];
        for (z, told) in z.chunks_exact_mut(carried).zip(&mut told) {
            *told = self.nearest(&z[read.clone()]);
            let Some(nearer) = self.nearer.get(*told) else { continue };
            let (slopes, constant) = nearer.split_at(carried * carried);
            let mut by = constant.to_vec();
            for (&z, slope) in z.iter().zip(slopes.chunks_exact(carried)) {
                by.iter_mut().zip(slope).for_each(|(by, &slope)| *by = *by + z * slope);
            }
            z.iter_mut().zip(by).for_each(|(z, by)| *z = *z + by);
            // From nearer its cluster is told better.
            *told = self.nearest(&z[read.clone()]);
        }
        (z, told)
    }

    /// The cluster with the centre nearest to a read layer.
    fn nearest(&self, outputs: &[T]) -> usize {
        let mut far = vec![T::default(); self.centres.len() / outputs.len()];
        for (&v, centres) in outputs.iter().zip(self.centres.chunks_exact(far.len())) {
            for (far, &c) in far.iter_mut().zip(centres) {
                *far = *far + (v - c) * (v - c);
            }
        }
        let nearer = |best: usize, k: usize| if far[k] < far[best] { k } else { best };
        (1..far.len()).fold(0, nearer)
    }

    /// Rewrites residuals of the adjoint equation to steps.
    pub fn correct_adjoint(&self, residual: &mut [T], carried: usize) {
        if self.turned.rows() == carried {
            let before = residual.to_vec();
            let to = PartMut { data: residual, cols: carried, range: 0..carried };
            self.turned.multiply(to, Part::whole(&before, carried), Into::Replace);
        }
    }

    /// Rewrites residuals to steps.
    pub fn correct(&self, residual: &mut [T], cluster: &[usize]) {
        let Some(n) = residual.len().checked_div(cluster.len()) else { return };
        let before = residual.to_vec();
        if let [only] = &self.inverse[..] {
            let to = PartMut { data: residual, cols: n, range: 0..n };
            return only.multiply(to, Part::whole(&before, n), Into::Replace);
        }
        let rows = residual.chunks_exact_mut(n).zip(before.chunks_exact(n));
        for ((to, from), &cluster) in rows.zip(cluster) {
            to.fill(T::default());
            // So few columns are one panel.
            for (&r, row) in from.iter().zip(self.inverse[cluster].as_slice().chunks_exact(n)) {
                for (to, &m) in to.iter_mut().zip(row) {
                    *to = *to + r * m;
                }
            }
        }
    }
}

/// States and activations at the fixed points, `[inputs, units]` each.
fn fixed_points(field: &Field<f64>, inputs: &Mat) -> Option<(Vec<f64>, Vec<f64>)> {
    let method = Method::Anderson { window: 4, ridge: 1e-8, relative: true, safeguard: true };
    let scheme = Scheme { method, damping: 0.0 };
    let stop = Stop { measure: Measure::Common, tolerance: Some(1e-5), most: 500 };
    let parts: Vec<_> = chunks(inputs.rows())
        .into_par_iter()
        .map(|samples| {
            let count = samples.len();
            let (mut map, z, _) = Iteration::free(field, Local::Exact, None, inputs, samples);
            solve(&mut map, z, count, scheme, stop, |_, _| {});
            (map.ended, map.ended_xhat)
        })
        .collect();
    let x: Vec<f64> = parts.iter().flat_map(|p| &p.0).copied().collect();
    let xhat: Vec<f64> = parts.iter().flat_map(|p| &p.1).copied().collect();
    x.iter().all(|x| x.is_finite()).then_some((x, xhat))
}

/// The linear function of a start that comes nearest to where its samples end, from their starts
/// `[samples, carried]`.
fn nearer<'a>(
    begun: &[f64],
    ends: impl Fn(usize) -> &'a [f64],
    samples: &[usize],
    carried: usize,
) -> Option<Vec<f64>> {
    let wide = carried + 1;
    let mut gram = Mat::zeros(wide, wide);
    let mut right = Mat::zeros(wide, carried);
    let mut with_one = vec![1.0; wide];
    for &s in samples {
        let z = &begun[s * carried..(s + 1) * carried];
        with_one[..carried].copy_from_slice(z);
        for (i, &a) in with_one.iter().enumerate() {
            gram.row_mut(i).iter_mut().zip(&with_one).for_each(|(g, b)| *g += a * b);
            let moves = ends(s).iter().zip(z).map(|(end, z)| end - z);
            right.row_mut(i).iter_mut().zip(moves).for_each(|(r, m)| *r += a * m);
        }
    }
    // So much that a few samples move it little.
    let ridge = 1e-4 * samples.len() as f64 + 1e-2;
    (0..wide).for_each(|i| gram[(i, i)] += ridge);
    Some(dense::solve_spd(&gram, &right)?.into_vec())
}

/// The samples in clusters about points that were chosen far from each other (Lloyd's iteration).
fn clusters(points: &[&[f64]], count: usize) -> Vec<Vec<usize>> {
    let far =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum() };
    let mut centres: Vec<Vec<f64>> = vec![points[0].to_vec()];
    let mut apart: Vec<f64> = points.iter().map(|p| far(p, &centres[0])).collect();
    while centres.len() < count {
        let next = (0..points.len()).max_by(|&a, &b| apart[a].total_cmp(&apart[b])).unwrap_or(0);
        if apart[next] == 0.0 {
            break;
        }
        centres.push(points[next].to_vec());
        for (apart, p) in apart.iter_mut().zip(points) {
            *apart = apart.min(far(p, points[next]));
        }
    }
    let mut groups = Vec::new();
    for _ in 0..12 {
        groups = vec![Vec::new(); centres.len()];
        for (s, p) in points.iter().enumerate() {
            let each = centres.iter().map(|c| far(p, c)).enumerate();
            let nearest = each.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(k, _)| k);
            groups[nearest].push(s);
        }
        for (centre, group) in centres.iter_mut().zip(&groups).filter(|(_, g)| !g.is_empty()) {
            for (i, c) in centre.iter_mut().enumerate() {
                *c = group.iter().map(|&s| points[s][i]).sum::<f64>() / group.len() as f64;
            }
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}
