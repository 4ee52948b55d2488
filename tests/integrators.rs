//! The batched integrator against closed forms and against another library.

// Oracles use the platform's functions on purpose: they check ours.
#![allow(clippy::disallowed_methods)]

mod common;

use std::ops::Range;

use common::normal;
use eqcircuit::numerics::gemm::Into;
use eqcircuit::numerics::kernels::{Real, leak, tanh};
use eqcircuit::numerics::lanes::keep_lanes;
use eqcircuit::numerics::ode::{Arrival, End, Goal, Ode, Stepper, Tolerance, in_lanes, padded};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::numerics::tableau::{DORMAND_PRINCE, TSITOURAS, Tableau};
use eqcircuit::numerics::{Mat, math};

static TABLEAUS: [Tableau; 3] = Tableau::ALL;

/// An equation given unit by unit: `f(x, dx)` for one sample.
struct Each<T, F> {
    weight: Vec<T>,
    f: F,
}

fn each<T: Real, F: Fn(&[T], &mut [T])>(dim: usize, f: F) -> Each<T, F> {
    Each { weight: vec![T::of(1.0); dim], f }
}

impl<T: Real, F: Fn(&[T], &mut [T])> Ode<T> for Each<T, F> {
    fn dim(&self) -> usize {
        self.weight.len()
    }
    fn weight(&self) -> &[T] {
        &self.weight
    }
    fn blocks(&self) -> usize {
        1
    }
    fn rows(&self, _: usize) -> Range<usize> {
        0..self.dim()
    }
    fn begin(&mut self, _: usize, _: &[T], _: &mut [T], _: usize) {}
    fn complete(&mut self, x: &[T], dx: &mut [T], lanes: usize) {
        for b in 0..lanes {
            let one: Vec<T> = x.iter().skip(b).step_by(lanes).copied().collect();
            let mut slope = one.clone();
            (self.f)(&one, &mut slope);
            for (dx, slope) in dx.iter_mut().skip(b).step_by(lanes).zip(slope) {
                *dx = slope;
            }
        }
    }
    fn keep(&mut self, _: usize, _: &[usize]) {}
}

/// `t' = 1`, `y' = -2 t y^2`: `y = 1 / (1 + t^2)`.
fn witch() -> Each<f64, impl Fn(&[f64], &mut [f64])> {
    each(2, |x, dx| {
        dx[0] = 1.0;
        dx[1] = -2.0 * x[0] * x[1] * x[1];
    })
}

const NO_CONTROL: Tolerance = Tolerance { relative: 1e9, absolute: 1e9, remaining: f64::INFINITY };

fn tight(tolerance: f64) -> Tolerance {
    Tolerance { relative: tolerance, absolute: tolerance, remaining: f64::INFINITY }
}

fn end_of<T: Real>(
    tableau: &'static Tableau,
    tolerance: Tolerance,
    system: &mut impl Ode<T>,
    x: &mut [T],
    goal: Goal,
) -> Vec<Arrival> {
    let samples = x.len() / system.dim();
    Stepper::new(tableau, tolerance).run(system, x, samples, &goal, &[], &mut |_, _, _| {})
}

fn to(until: f64) -> Goal {
    Goal { settled: None, until, first_step: 0.01 }
}

#[test]
fn rows_of_a_table_add_up() {
    for tableau in &TABLEAUS {
        let sum: f64 = tableau.a[tableau.a.len() - 1].iter().sum();
        assert!((sum - 1.0).abs() < 1e-14, "{}", tableau.name);
        assert!(tableau.error.iter().sum::<f64>().abs() < 1e-14, "{}", tableau.name);
        assert_eq!(tableau.error.len(), tableau.stages());
        assert_eq!(tableau.dense.len(), tableau.stages());
        // At the end of the step the dense output is the solution, and the next slope.
        for (i, c) in tableau.dense.iter().enumerate() {
            let end: f64 = c.iter().sum();
            let b = tableau.a[tableau.a.len() - 1].get(i).copied().unwrap_or(0.0);
            assert!((end - b).abs() < 1e-13, "{} {i}: {end} {b}", tableau.name);
            let slope: f64 = c.iter().zip(1..).map(|(c, m)| c * f64::from(m)).sum();
            let want = f64::from(i == tableau.a.len());
            assert!((slope - want).abs() < 1e-12, "{} {i}: slope {slope}", tableau.name);
        }
    }
}

#[test]
fn every_table_has_its_order() {
    for tableau in &TABLEAUS {
        let error = |steps: usize| {
            let h = 2.0 / steps as f64;
            let mut x = [-0.5, 0.8];
            for _ in 0..steps {
                let goal = Goal { settled: None, until: h, first_step: h };
                let arrival = end_of(tableau, NO_CONTROL, &mut witch(), &mut x, goal);
                assert_eq!((arrival[0].steps, arrival[0].rejected), (1, 0));
            }
            (x[1] - 1.0 / (1.0 + 1.5 * 1.5)).abs()
        };
        let order = math::log(error(100) / error(200)) / std::f64::consts::LN_2;
        let stated = tableau.order as f64;
        assert!((order - stated).abs() < 0.25, "{}: order {order}", tableau.name);
    }
}

#[test]
fn every_dense_output_has_its_order() {
    for tableau in &TABLEAUS {
        let error = |h: f64| {
            let start = -0.5;
            let mut x = [start, 0.8];
            let thetas = [0.23, 0.5, 0.81];
            let save: Vec<f64> = thetas.iter().map(|theta| theta * h).collect();
            let mut worst = 0.0_f64;
            let goal = Goal { settled: None, until: h, first_step: h };
            let mut stepper = Stepper::new(tableau, NO_CONTROL);
            let mut seen = 0;
            stepper.run(&mut witch(), &mut x, 1, &goal, &save, &mut |m, sample, x| {
                assert_eq!((m, sample), (seen, 0));
                seen += 1;
                let t = start + save[m];
                worst = worst.max((x[1] - 1.0 / (1.0 + t * t)).abs());
            });
            assert_eq!(seen, save.len());
            worst
        };
        let order = math::log(error(0.04) / error(0.02)) / std::f64::consts::LN_2 - 1.0;
        let stated = tableau.dense_order as f64;
        assert!((order - stated).abs() < 0.35, "{}: order {order}", tableau.name);
    }
}

#[test]
fn decay_is_followed_far_down() {
    for tableau in &TABLEAUS {
        let mut x = [1.0, 2.0];
        let mut system = each(1, |x: &[f64], dx: &mut [f64]| dx[0] = -x[0]);
        end_of(tableau, tight(1e-11), &mut system, &mut x, to(20.0));
        let exact = math::exp(-20.0);
        assert!((x[0] - exact).abs() < 1e-10, "{}: {}", tableau.name, x[0]);
        // With a tolerance that follows the residual, relatively too.
        let mut x = [1.0, 2.0];
        let following = Tolerance { remaining: 1e-5, ..tight(1e-5) };
        end_of(tableau, following, &mut system, &mut x, to(20.0));
        assert!((x[0] / exact - 1.0).abs() < 1e-3, "{}: {}", tableau.name, x[0]);
    }
}

#[test]
fn settling_time_is_the_crossing_of_the_residual() {
    for tableau in &TABLEAUS {
        let mut x = [1.0, 10.0, 1e-4];
        let goal = Goal { settled: Some(1e-3), ..to(100.0) };
        let tolerance = Tolerance { remaining: 0.02, ..tight(1e-6) };
        let mut system = each(1, |x: &[f64], dx: &mut [f64]| dx[0] = -x[0]);
        let ends = end_of(tableau, tolerance, &mut system, &mut x, goal);
        for (end, start) in ends.iter().zip([1.0, 10.0, 1e-4]) {
            let exact = math::log(start / 1e-3_f64).max(0.0);
            let End::Settled { at } = end.end else { panic!("{end:?}") };
            assert!((at - exact).abs() < 0.03, "{}: {at} {exact}", tableau.name);
            assert!(end.residual <= 1e-3);
        }
        assert_eq!((ends[2].steps, ends[2].evaluations, x[2]), (0, 1, 1e-4));
        assert!(ends[0].evaluations < ends[1].evaluations, "a settled sample goes on working");
    }
}

#[test]
fn an_explosion_is_an_outcome_of_its_own_sample() {
    let mut x = [1.0, -1.0, 0.5];
    let mut system = each(1, |x: &[f64], dx: &mut [f64]| dx[0] = x[0] * x[0]);
    let ends = end_of(&TSITOURAS, tight(1e-8), &mut system, &mut x, to(1.5));
    let End::Diverged { at } = ends[0].end else { panic!("{:?}", ends[0]) };
    assert!((at - 1.0).abs() < 1e-3, "{at}");
    assert_eq!([ends[1].end, ends[2].end], [End::TimeUp; 2]);
    assert!((x[1] + 0.4).abs() < 1e-6 && (x[2] - 2.0).abs() < 1e-5, "{x:?}");
}

/// `dx/dt = W tanh(x) - x + d`, one `d` a sample.
#[derive(Clone)]
struct Net<T> {
    matrix: Vec<T>,
    weight: Vec<T>,
    drive: Vec<T>,
    xhat: Vec<T>,
}

impl<T: Real> Net<T> {
    fn new(dim: usize, drive: &Mat, seed: Seed) -> Net<T> {
        let lanes = padded::<T>(drive.rows());
        let w = normal(seed, dim, dim, 1.5 / (dim as f64).sqrt());
        let weight = w.as_slice().iter().map(|&w| T::of(w)).collect();
        let mut d = vec![T::default(); dim * lanes];
        for b in 0..lanes {
            for i in 0..dim {
                d[i * lanes + b] = T::of(drive[(b.min(drive.rows() - 1), i)]);
            }
        }
        Net { matrix: weight, weight: vec![T::of(1.0); dim], xhat: d.clone(), drive: d }
    }
}

impl<T: Real> Ode<T> for Net<T> {
    fn dim(&self) -> usize {
        self.weight.len()
    }
    fn weight(&self) -> &[T] {
        &self.weight
    }
    fn blocks(&self) -> usize {
        self.dim()
    }
    fn rows(&self, block: usize) -> Range<usize> {
        block..block + 1
    }
    fn begin(&mut self, block: usize, x: &[T], dx: &mut [T], lanes: usize) {
        let at = in_lanes(block..block + 1, lanes);
        tanh(x, &mut self.xhat[at.clone()]);
        leak(&self.drive[at], &self.weight[..1], x, dx, lanes);
    }
    fn complete(&mut self, _: &[T], dx: &mut [T], lanes: usize) {
        let n = self.weight.len();
        T::gemm(dx, &self.matrix, &self.xhat, [n, lanes, n], Into::Add);
    }
    fn keep(&mut self, from: usize, keep: &[usize]) {
        let size = self.weight.len() * keep.len();
        keep_lanes(&mut self.drive, from, keep);
        self.drive.truncate(size);
        self.xhat.truncate(size);
    }
}

#[test]
fn dormand_prince_agrees_with_another_library() {
    let (dim, seed) = (7, Seed::new(5));
    let drive = normal(seed.child("d"), 3, dim, 1.0);
    let mut x = vec![0.0; dim * 3];
    let mut net = Net::<f64>::new(dim, &drive, seed);
    end_of(&DORMAND_PRINCE, tight(1e-10), &mut net, &mut x, to(6.0));

    struct Single(Net<f64>);
    type Vector = nalgebra::DVector<f64>;
    impl ode_solvers::System<f64, Vector> for Single {
        fn system(&self, _: f64, x: &Vector, dx: &mut Vector) {
            let v: Vec<f64> = x.iter().map(|&x| math::tanh(x)).collect();
            let n = v.len();
            for i in 0..n {
                let sum: f64 = (0..n).map(|j| self.0.matrix[i * n + j] * v[j]).sum();
                dx[i] = sum - x[i] + self.0.drive[i * 8];
            }
        }
    }
    for sample in 0..3 {
        let one = Mat::from_fn(1, dim, |_, i| drive[(sample, i)]);
        let mut solver = ode_solvers::Dopri5::from_param(
            Single(Net::new(dim, &one, seed)),
            0.0,
            6.0,
            6.0,
            Vector::zeros(dim),
            1e-10,
            1e-10,
            0.9,
            0.0,
            0.2,
            10.0,
            6.0,
            0.01,
            100_000,
            1000,
            ode_solvers::OutputType::Sparse,
        );
        solver.integrate().expect("the reference integrates");
        let want = solver.y_out().last().expect("an end");
        for i in 0..dim {
            let got = x[i * 3 + sample];
            assert!((got - want[i]).abs() < 1e-8, "{got} {}", want[i]);
        }
    }
}

/// Settles the given samples together and returns their ends and states, sample by sample.
fn together<T: Real>(drive: &Mat, samples: &[usize]) -> Vec<(Arrival, Vec<T>)> {
    let dim = drive.cols();
    let mut net = Net::<T>::new(dim, &drive.select_rows(samples), Seed::new(6));
    let mut x = vec![T::default(); dim * samples.len()];
    let settled = Some(if T::EPSILON > 1e-10 { 1e-4 } else { 1e-9 });
    let goal = Goal { settled, ..to(200.0) };
    let tolerance = Tolerance { remaining: 0.02, ..tight(1e-4) };
    let ends = end_of(&TSITOURAS, tolerance, &mut net, &mut x, goal);
    let state = |b: usize| x.iter().skip(b).step_by(samples.len()).copied().collect();
    ends.into_iter().enumerate().map(|(b, end)| (end, state(b))).collect()
}

fn neighbours_do_not_matter<T: Real>() {
    let drive = normal(Seed::new(7), 100, 40, 1.0);
    let all = together::<T>(&drive, &(0..100).collect::<Vec<_>>());
    let steps: Vec<usize> = all.iter().map(|(end, _)| end.steps).collect();
    assert!(steps.iter().min() < steps.iter().max(), "no sample leaves before another");
    for sample in [0, 17, 42, 99] {
        let alone = together::<T>(&drive, &[sample]);
        assert_eq!(alone[0], all[sample], "sample {sample} alone");
    }
    let few = together::<T>(&drive, &[3, 4, 5, 50, 51, 52, 53, 54, 55, 56, 57]);
    assert_eq!(few[3], all[50]);
    assert_eq!(few[10], all[57]);
}

#[test]
fn a_sample_alone_is_the_same_sample_in_a_batch_to_the_bit() {
    neighbours_do_not_matter::<f64>();
    neighbours_do_not_matter::<f32>();
}
