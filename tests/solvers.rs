//! The laws of the fixed-point solvers: every one ends in the same equilibrium, whatever its order;
//! even-odd order is the synchronous one with half the work; accelerated iterations are those of
//! the papers, step for step; implicit gradients are the true ones.

mod common;

use common::{layered, normal, random_network};
use eqcircuit::engine::{
    Drive, Engine, Field, Ideal, Iteration, Nudge, Outcome, Prepared, Save, Settled, Start, Until,
    count, settle_from,
};
use eqcircuit::learn::{
    EquilibriumPropagation, Implicit, Network, OptimiserRule, Phases, compare, one_hot,
};
use eqcircuit::model::{Activation, Coupling, EnergyModel, Family, LayerId};
use eqcircuit::numerics::fixed_point::{Fate, Map, Measure, Scheme, Stop, solve};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::numerics::{Mat, math, max_abs};
use eqcircuit::run::reproduce::asked;
use eqcircuit::spec::{
    Backward, ErrorOf, ImplicitGradient, Library, Local, Method, Order, Solver, Subject,
};
use nalgebra::{DMatrix, DVector};

const UNTIL: Until = Until { settled: 1e-10, at_most: 1.0, at_most_iterations: 20_000 };

const METHODS: [Method; 6] = [
    Method::Picard { adapt: true },
    Method::Euler { step: 0.5 },
    Method::Anderson { window: 4, ridge: 1e-14, relative: true, safeguard: true },
    Method::Broyden { window: 20 },
    Method::Newton { inner: 30, forcing: 0.1 },
    Method::Chord { window: 4 },
];

fn settle(model: &EnergyModel, solver: Solver, drive: &Drive, save: &Save) -> Settled {
    Ideal::new(model.clone(), solver).settle(drive, None, &UNTIL, save)
}

fn drives(model: &EnergyModel, batch: usize, seed: Seed) -> Vec<Drive> {
    let clamp = normal(seed.child("x"), batch, model.layer(model.clamp).size, 1.0);
    let target = normal(seed.child("t"), batch, model.layer(model.read).size, 0.7);
    let nudges =
        [Nudge::None, Nudge::Toward { target: target.clone(), beta: 0.2 }, Nudge::Force(target)];
    nudges.map(|nudge| Drive { clamp: clamp.clone(), nudge }).into()
}

/// A chord has the Jacobian of an even-odd HAM.
fn goes(method: Method, family: Family, order: Order) -> bool {
    !matches!(method, Method::Chord { .. }) || (family == Family::Ham && order == Order::EvenOdd)
}

fn apart(model: &EnergyModel, a: &Settled, b: &Settled) -> f64 {
    let each = model.free_layers().map(|l| {
        let pairs = a.state[l.0].as_slice().iter().zip(b.state[l.0].as_slice());
        max_abs(&pairs.map(|(a, b)| a - b).collect::<Vec<_>>())
    });
    each.fold(0.0, f64::max)
}

#[test]
fn every_method_in_every_order_ends_in_the_same_equilibrium() {
    let smooth = [Activation::Identity, Activation::Sigmoid, Activation::Tanh, Activation::Softmax];
    for family in Family::ALL {
        for trial in 0..8 {
            let seed = Seed::new(71).index(trial);
            let choices = if family == Family::Ham { &Activation::ALL[..] } else { &smooth };
            let mut model = random_network(choices, 0.4, seed);
            model.family = family;
            for drive in drives(&model, 4, seed) {
                let reference = settle(&model, Solver::picard(0.5), &drive, &Save::End);
                assert!(reference.outcome.iter().all(Outcome::is_settled));
                for method in METHODS {
                    for order in Order::ALL {
                        if !goes(method, family, order) {
                            continue;
                        }
                        for local in [Local::Exact, Local::Damped { steps: 10, damping: 0.5 }] {
                            // Steps from the last state are no function to take differences of.
                            let differs = matches!(method, Method::Newton { .. });
                            if differs && local != Local::Exact {
                                continue;
                            }
                            let damping =
                                if matches!(method, Method::Picard { .. }) { 0.3 } else { 0.0 };
                            let solver = Solver { method, damping, order, local };
                            let got = settle(&model, solver, &drive, &Save::End);
                            let what = format!("{family:?} {trial} {solver:?}: {:?}", got.outcome);
                            assert!(got.outcome.iter().all(Outcome::is_settled), "{what}");
                            let apart = apart(&model, &got, &reference);
                            assert!(apart < 5e-9, "{what}: {apart:e}");
                        }
                    }
                }
            }
        }
    }
}

fn deep(seed: Seed) -> EnergyModel {
    let activations = [Activation::Sigmoid; 5];
    layered(&[6, 9, 7, 5, 3], &activations, 0.8, seed)
}

const PLAIN: Scheme = Scheme { method: Method::Picard { adapt: false }, damping: 0.0 };

fn scheme(method: Method) -> Scheme {
    Scheme { method, ..PLAIN }
}

/// Appendix E of arXiv:2311.15673: started from even states that follow from the odd ones, two
/// synchronous updates are one in even-odd order.
#[test]
fn synchronous_updates_contain_those_in_even_odd_order() {
    let model = deep(Seed::new(72));
    let clamp = normal(Seed::new(73), 3, 6, 1.0);
    let drive = Drive { clamp, nudge: Nudge::None };
    let few = Until { settled: 0.0, at_most_iterations: 6, ..UNTIL };
    let way = |order, start: Option<&Vec<Mat>>, times: Vec<f64>| {
        let solver = Solver { method: PLAIN.method, damping: 0.0, order, local: Local::Exact };
        let mut engine = Ideal::new(model.clone(), solver);
        engine.settle(&drive, start, &few, &Save::At(times)).trace.unwrap().states
    };
    let even_odd = way(Order::EvenOdd, None, vec![0.0, 1.0, 2.0, 3.0]);
    // In even-odd order the odd states are shown as they follow from the even ones.
    let synchronous = way(Order::Synchronous, Some(&even_odd[0]), vec![0.0, 2.0, 4.0, 6.0]);
    // The read layer, the fourth free one, is even: so are layers 2 and 4.
    for (k, (a, b)) in even_odd.iter().zip(&synchronous).enumerate() {
        for l in [2, 4] {
            let apart = max_abs(
                &a[l]
                    .as_slice()
                    .iter()
                    .zip(b[l].as_slice())
                    .map(|(a, b)| a - b)
                    .collect::<Vec<_>>(),
            );
            assert!(apart < 1e-13, "{k}, layer {l}: {apart:e}");
        }
    }
}

/// A map with known numbers, one row a sample.
struct Waves {
    w: DMatrix<f64>,
    b: DVector<f64>,
}

impl Waves {
    fn new(n: usize, strength: f64) -> Waves {
        let w = normal(Seed::new(74), n, n, strength / (n as f64).sqrt());
        let b = normal(Seed::new(75), 1, n, 1.0);
        Waves {
            w: DMatrix::from_row_slice(n, n, w.as_slice()),
            b: DVector::from_column_slice(b.as_slice()),
        }
    }

    fn f(&self, z: &DVector<f64>) -> DVector<f64> {
        (&self.w * z + &self.b).map(math::sin)
    }
}

impl Map<f64> for Waves {
    fn dim(&self) -> usize {
        self.b.len()
    }

    fn apply(&mut self, z: &[f64], out: &mut [f64]) {
        let n = self.dim();
        for (z, out) in z.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            out.copy_from_slice(self.f(&DVector::from_column_slice(z)).as_slice());
        }
    }

    fn keep(&mut self, _rows: &[usize]) {}

    fn retire(&mut self, _row: usize, _sample: usize, _z: &[f64]) {}
}

/// The recipe of arXiv:2311.15673 by itself: the images in the order they are found.
fn anderson_by_the_book(map: &Waves, window: usize, evaluations: usize) -> Vec<DVector<f64>> {
    let zero = DVector::zeros(map.b.len());
    let first = map.f(&zero);
    let mut x = vec![zero, first.clone()];
    let mut g = vec![first.clone(), map.f(&first)];
    while g.len() < evaluations {
        let from = g.len().saturating_sub(window);
        let residuals: Vec<_> = (from..g.len()).map(|k| &g[k] - &x[k]).collect();
        let f = DMatrix::from_columns(&residuals);
        let a = f.transpose() * &f + DMatrix::identity(f.ncols(), f.ncols()) * 1e-10;
        let alpha = a.lu().solve(&DVector::repeat(f.ncols(), 1.0)).unwrap();
        let alpha = &alpha / alpha.sum();
        let mixed = (from..g.len()).map(|k| &g[k] * alpha[k - from]).sum::<DVector<f64>>();
        let last = g.last().unwrap();
        let apart = (last - &mixed).norm() / mixed.norm();
        let plain = (last - x.last().unwrap()).norm() / x.last().unwrap().norm();
        let next = if apart < plain { mixed } else { last.clone() };
        g.push(map.f(&next));
        x.push(next);
    }
    g
}

#[test]
fn anderson_goes_as_published() {
    for (window, strength) in [(4, 0.9), (2, 0.6), (6, 1.1)] {
        let mut map = Waves::new(12, strength);
        let want = anderson_by_the_book(&map, window, 25);
        let method =
            scheme(Method::Anderson { window, ridge: 1e-10, relative: false, safeguard: true });
        let stop = Stop { measure: Measure::Relative, tolerance: None, most: 24 };
        let mut got = Vec::new();
        solve(&mut map, vec![0.0; 24], 1, method, stop, |_, seen| {
            got.push(DVector::from_column_slice(seen.image));
        });
        for (k, (got, want)) in got.iter().zip(&want).enumerate() {
            let apart = (got - want).norm() / want.norm();
            // The weights of nearly parallel residuals magnify rounding.
            assert!(apart < 1e-7, "window {window}, evaluation {k}: {apart:e}");
        }
        assert_eq!(got.len(), 25);
        // And it does accelerate.
        let mut plain = 0;
        let stop = Stop { measure: Measure::Relative, tolerance: Some(1e-8), most: 2000 };
        for (method, fewer) in [(PLAIN, false), (method, true)] {
            let ends = solve(&mut map, vec![0.0; 24], 1, method, stop, |_, _| {});
            assert!(!fewer || ends[0].iterations < plain, "{ends:?} against {plain}");
            plain = ends[0].iterations;
        }
    }
}

#[test]
fn broyden_and_newton_converge_faster_than_linearly() {
    let mut map = Waves::new(12, 0.9);
    for (method, most) in [
        (scheme(Method::Broyden { window: 40 }), 40),
        (scheme(Method::Newton { inner: 12, forcing: 1e-4 }), 7),
    ] {
        let stop = Stop { measure: Measure::Relative, tolerance: Some(1e-12), most };
        let ends = solve(&mut map, vec![0.0; 24], 1, method, stop, |_, _| {});
        assert!(ends[0].residual <= 1e-12, "{method:?}: {ends:?}");
    }
}

/// Theorem 3 of arXiv:2311.15673: with `sigma(s) = s / rho'(s)`, a CHN has the equilibrium of the HAM
/// whose activation is `rho(sigma^-1)`. The HAM is iterated here by itself.
#[test]
fn a_chn_is_a_ham_of_another_activation() {
    let sigmoid = Activation::Sigmoid;
    let sigma = |s: f64| s / sigmoid.scalar_slope(s);
    let unsigma = |y: f64| {
        let (mut low, mut high) = (-40.0, 40.0);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if sigma(middle) < y { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    };
    let mut model = deep(Seed::new(76));
    model.family = Family::Chn;
    let clamp = normal(Seed::new(77), 2, 6, 1.0);
    let found = settle(
        &model,
        Solver::picard(0.5),
        &Drive { clamp: clamp.clone(), nudge: Nudge::None },
        &Save::End,
    );
    for s in 0..2 {
        let mut y: Vec<Vec<f64>> = model.layers.iter().map(|l| vec![0.0; l.size]).collect();
        let inputs: Vec<f64> = clamp.row(s).iter().map(|&x| sigmoid.scalar(x)).collect();
        for _ in 0..400 {
            let hat: Vec<Vec<f64>> = y
                .iter()
                .enumerate()
                .map(|(l, y)| match l {
                    0 => inputs.clone(),
                    _ => y.iter().map(|&y| sigmoid.scalar(unsigma(y))).collect(),
                })
                .collect();
            y.iter_mut().for_each(|y| y.fill(0.0));
            for coupling in &model.couplings {
                match coupling {
                    Coupling::Dense { pre, post, weight } => {
                        for i in 0..weight.rows() {
                            for j in 0..weight.cols() {
                                y[post.0][i] += weight[(i, j)] * hat[pre.0][j];
                                if pre.0 > 0 {
                                    y[pre.0][j] += weight[(i, j)] * hat[post.0][i];
                                }
                            }
                        }
                    }
                    Coupling::Bias { on, value } => {
                        y[on.0].iter_mut().zip(value).for_each(|(y, b)| *y += b);
                    }
                }
            }
        }
        for l in model.free_layers() {
            for (&y, &x) in y[l.0].iter().zip(found.state[l.0].row(s)) {
                assert!((y - sigma(x)).abs() < 1e-7, "{y} for {}", sigma(x));
            }
        }
    }
}

#[test]
fn the_energy_of_a_chn_falls_under_short_euler_steps() {
    let mut model = deep(Seed::new(78));
    model.family = Family::Chn;
    let drive = Drive { clamp: normal(Seed::new(79), 3, 6, 1.0), nudge: Nudge::None };
    let solver = Solver { method: Method::Euler { step: 0.05 }, damping: 0.0, ..Solver::default() };
    let until = Until { settled: 0.0, at_most_iterations: 200, ..UNTIL };
    let save = Save::At((0..200).map(f64::from).collect());
    let settled = Ideal::new(model, solver).settle(&drive, None, &until, &save);
    let energy = settled.trace.unwrap().energy.unwrap();
    for k in 1..energy.rows() {
        for (now, before) in energy.row(k).iter().zip(energy.row(k - 1)) {
            assert!(now <= &(before + 1e-14), "step {k}: {now} after {before}");
        }
    }
}

#[test]
fn skips_between_layers_of_opposite_parity_go_with_even_odd_order() {
    let mut model = deep(Seed::new(80));
    let skip = |pre: usize, post: usize, model: &EnergyModel| Coupling::Dense {
        pre: LayerId(pre),
        post: LayerId(post),
        weight: normal(Seed::new(81), model.layers[post].size, model.layers[pre].size, 0.2),
    };
    model.couplings.push(skip(1, 4, &model));
    let drive = drives(&model, 3, Seed::new(82)).remove(1);
    let got = Order::ALL
        .map(|order| settle(&model, Solver { order, ..Solver::default() }, &drive, &Save::End));
    assert!(apart(&model, &got[0], &got[1]) < 1e-9);
    model.couplings.push(skip(1, 3, &model));
    let last = model.couplings.len() - 1;
    assert!(Order::sides(&model).is_err_and(|c| c == last || model.couplings.len() > c));
}

struct Learned {
    model: EnergyModel,
    clamp: Mat,
    target: Mat,
}

fn learned(family: Family, activation: Activation) -> Learned {
    let seed = Seed::new(83).child(activation.name());
    let mut activations = [activation; 5];
    activations[0] = Activation::Identity;
    let mut model = layered(&[6, 9, 7, 5, 3], &activations, 0.6, seed);
    model.family = family;
    let clamp = normal(seed.child("x"), 7, 6, 1.0);
    let target = one_hot(&[0, 1, 2, 0, 1, 2, 1], 3);
    Learned { model, clamp, target }
}

fn implicit(p: &Learned, order: Order, rule: ImplicitGradient) -> Implicit<f64> {
    let solver = Solver { order, ..Solver::picard(0.5) };
    Implicit::new(&p.model, solver, rule, OptimiserRule::Sgd { momentum: 0.0 }, 1e-13, 100_000)
}

/// A chord with the Jacobian of a batch, forward and backward: the gradient is that without, found in
/// a fraction of the evaluations, and what it keeps goes through a checkpoint.
#[test]
fn a_chord_solves_the_adjoint_equation_too() {
    let mut p = learned(Family::Ham, Activation::Sigmoid);
    p.clamp = normal(Seed::new(91), 60, 6, 0.5);
    p.target = one_hot(&[0, 1, 2].repeat(20), 3);
    let rule = |backward, iterations, tolerance| ImplicitGradient {
        backward,
        iterations,
        tolerance,
        error: ErrorOf::States,
    };
    let truth = implicit(&p, Order::EvenOdd, rule(Backward::Recurrent, 400, None));
    let truth = truth.gradient(&p.model, &p.clamp, &p.target);
    let sgd = OptimiserRule::Sgd { momentum: 0.0 };
    let chord = Solver {
        method: Method::Chord { window: 4 },
        order: Order::EvenOdd,
        ..Solver::picard(0.0)
    };
    let new = |model: &EnergyModel, iterations| {
        let rule = rule(Backward::Adjoint, iterations, Some(1e-12));
        Implicit::<f64>::new(model, chord, rule, sgd, 1e-13, 1000)
    };
    let labels = [0, 1, 2].repeat(20);
    let mut of = new(&p.model, 400);
    // A step of no length: it learns the Jacobian and moves nothing.
    let first = of.step([&p.clamp, &p.target], &labels, sgd, 0.0, p.model.couplings.len());
    let (with, plain) = (of.measure(&p.clamp, &labels, 3), first);
    assert!(with.free_time < 0.75 * plain.free_time, "{with:?} beside {plain:?}");
    let mut resumed = new(&p.model, 400);
    resumed.restore(&of.state());
    for (k, of) in [&of, &resumed].into_iter().enumerate() {
        let got = of.gradient(&p.model, &p.clamp, &p.target);
        for (tensor, a) in compare(&got, &truth).into_iter().enumerate() {
            let what = format!("{k} {tensor}: {a:?}");
            assert!(a.cosine > 1.0 - 1e-9 && (a.norm_ratio - 1.0).abs() < 1e-7, "{what}");
        }
    }
    assert_eq!(of.state(), resumed.state());
    // Where all samples are alike it is their own Jacobian, and one evaluation is the solution.
    let (clamp, target) = (p.clamp.select_rows(&[0; 60]), p.target.select_rows(&[0; 60]));
    let mut alike = new(&p.model, 1);
    alike.step([&clamp, &target], &[0; 60], sgd, 0.0, p.model.couplings.len());
    let plain = implicit(&p, Order::EvenOdd, rule(Backward::Recurrent, 400, None));
    let [got, want] = [&alike, &plain].map(|of| of.gradient(&p.model, &clamp, &target));
    for (tensor, a) in compare(&got, &want).into_iter().enumerate() {
        let what = format!("alike, {tensor}: {a:?}");
        assert!(a.cosine > 1.0 - 1e-9 && (a.norm_ratio - 1.0).abs() < 1e-7, "{what}");
    }
    // So few evaluations are far from enough without.
    let error = |backward| {
        let mut of = new(&p.model, 4);
        of.restore(&resumed.state());
        of.rule.backward = backward;
        let got = of.gradient(&p.model, &p.clamp, &p.target);
        let pairs = got.0.iter().zip(&truth.0);
        let far = pairs.flat_map(|(a, b)| a.as_slice().iter().zip(b.as_slice()));
        far.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
    };
    let (chord, terms) = (error(Backward::Adjoint), error(Backward::Recurrent));
    assert!(chord < 0.1 * terms, "{chord:e} by the chord, {terms:e} by as many terms");
}

#[test]
fn implicit_gradients_are_the_true_ones_and_those_of_equilibrium_propagation() {
    for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Softmax] {
        let p = learned(Family::Ham, activation);
        let drive = Drive { clamp: p.clamp.clone(), nudge: Nudge::None };
        let tight = Until { settled: 1e-13, ..UNTIL };
        let mut engine = Ideal::new(p.model.clone(), Solver::picard(0.3));
        let free = engine.settle(&drive, None, &tight, &Save::End);
        let truth = Network::of_model(&p.model).gradient(&free.state, &p.target).unwrap();
        let ep = EquilibriumPropagation { beta: 1e-3, phases: Phases::Centred };
        let estimate = ep.estimate(&mut engine, &p.model, &p.clamp, &p.target, &tight).grad;
        for (tensor, agreement) in compare(&estimate, &truth).into_iter().enumerate() {
            assert!(agreement.cosine > 0.99999, "{activation:?} {tensor}: {agreement:?}");
        }
        for order in Order::ALL {
            for backward in [Backward::Recurrent, Backward::Adjoint] {
                let rule = ImplicitGradient {
                    backward,
                    iterations: 400,
                    tolerance: None,
                    error: ErrorOf::Activations,
                };
                let got = implicit(&p, order, rule).gradient(&p.model, &p.clamp, &p.target);
                for (tensor, a) in compare(&got, &truth).into_iter().enumerate() {
                    let what = format!("{activation:?} {order:?} {backward:?} {tensor}: {a:?}");
                    assert!(a.cosine > 1.0 - 1e-9 && (a.norm_ratio - 1.0).abs() < 1e-7, "{what}");
                }
            }
        }
    }
}

/// Of both families and both kinds of error, by central differences of the cost.
#[test]
fn implicit_gradients_are_finite_differences() {
    for family in Family::ALL {
        for error in ErrorOf::ALL {
            for order in Order::ALL {
                let p = learned(family, Activation::Sigmoid);
                let rule = ImplicitGradient {
                    backward: Backward::Recurrent,
                    iterations: 600,
                    tolerance: None,
                    error,
                };
                let grad = implicit(&p, order, rule).gradient(&p.model, &p.clamp, &p.target);
                let cost = |model: EnergyModel| {
                    let p = Learned { model, clamp: p.clamp.clone(), target: p.target.clone() };
                    let labels = [0, 1, 2, 0, 1, 2, 1];
                    implicit(&p, order, rule).measure(&p.clamp, &labels, 3).cost / 7.0
                };
                for (c, coupling) in p.model.couplings.iter().enumerate() {
                    for k in (0..coupling.values().len()).step_by(coupling.values().len() / 3) {
                        let moved = |delta: f64| {
                            let mut model = p.model.clone();
                            model.couplings[c].values_mut()[k] += delta;
                            cost(model)
                        };
                        let want = (moved(1e-4) - moved(-1e-4)) / 2e-4;
                        let got = grad.0[c].as_slice()[k];
                        let bound = 2e-8 + 1e-5 * want.abs();
                        assert!(
                            (got - want).abs() < bound,
                            "{family:?} {error:?} {order:?}, tensor {c}, {k}: {got} for {want}"
                        );
                    }
                }
            }
        }
    }
}

/// The Neumann series: every term brings the estimate nearer, by the spectral radius.
#[test]
fn recurrent_backpropagation_goes_to_the_gradient_term_by_term() {
    let p = learned(Family::Ham, Activation::Sigmoid);
    let rule = |iterations| ImplicitGradient {
        backward: Backward::Recurrent,
        iterations,
        tolerance: None,
        error: ErrorOf::States,
    };
    let of = |iterations| {
        implicit(&p, Order::EvenOdd, rule(iterations)).gradient(&p.model, &p.clamp, &p.target)
    };
    let truth = of(300);
    let far = |iterations| {
        let got = of(iterations);
        let pairs =
            got.0.iter().zip(&truth.0).flat_map(|(a, b)| a.as_slice().iter().zip(b.as_slice()));
        pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
    };
    let far: Vec<f64> = [1, 3, 6, 12].map(far).into();
    assert!(far.windows(2).all(|pair| pair[1] < 0.9 * pair[0]), "{far:?}");
}

#[test]
fn a_sample_does_not_depend_on_its_batch_nor_on_threads() {
    let model = deep(Seed::new(84));
    let clamp = normal(Seed::new(85), 70, 6, 1.0);
    for method in METHODS {
        for order in Order::ALL {
            if !goes(method, Family::Ham, order) {
                continue;
            }
            let solver = Solver { method, damping: 0.0, order, local: Local::Exact };
            let of = |clamp: Mat| {
                settle(&model, solver, &Drive { clamp, nudge: Nudge::None }, &Save::End)
            };
            let pool =
                |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let all = pool(1).install(|| of(clamp.clone()));
            assert_eq!(all, pool(3).install(|| of(clamp.clone())));
            // Inner directions of Newton's method are counted for the batch; a chord is shared.
            if matches!(method, Method::Newton { .. }) {
                continue;
            }
            for s in [0, 33, 69] {
                let alone = of(clamp.select_rows(&[s]));
                for l in model.free_layers() {
                    if matches!(method, Method::Chord { .. }) {
                        let (a, b) = (alone.state[l.0].row(0), all.state[l.0].row(s));
                        let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs());
                        assert!(apart.fold(0.0, f64::max) < 1e-9, "sample {s}");
                        continue;
                    }
                    assert_eq!(
                        alone.state[l.0].row(0),
                        all.state[l.0].row(s),
                        "{solver:?}, sample {s}"
                    );
                }
            }
        }
    }
}

/// Of samples that diverge nothing is learned, and of the others what they teach by themselves.
#[test]
fn a_sample_that_diverges_spoils_no_gradient() {
    // Two units that drive each other, in a cycle whose gain is above 1 where they are positive.
    let activations = [Activation::Identity, Activation::Relu, Activation::Relu];
    let mut model = layered(&[2, 3, 3], &activations, 0.1, Seed::new(89));
    for coupling in &mut model.couplings {
        match coupling {
            Coupling::Dense { weight, .. } => {
                let gain = if weight.cols() == 2 { 1.0 } else { 1.5 };
                *weight =
                    Mat::from_fn(
                        weight.rows(),
                        weight.cols(),
                        |i, j| {
                            if i == j { gain } else { 0.1 }
                        },
                    );
            }
            Coupling::Bias { value, .. } => value.fill(-0.2),
        }
    }
    // The first input sets it going, the second leaves all units below zero.
    let clamp = Mat::from_vec(2, 2, vec![3.0, 3.0, -3.0, -3.0]);
    let target = one_hot(&[0, 1], 3);
    for order in Order::ALL {
        let solver = Solver { order, ..Solver::picard(0.0) };
        let rule = ImplicitGradient {
            backward: Backward::Recurrent,
            iterations: 8,
            tolerance: None,
            error: ErrorOf::States,
        };
        let sgd = OptimiserRule::Sgd { momentum: 0.0 };
        let mut of = Implicit::<f64>::new(&model, solver, rule, sgd, 1e-10, 5000);
        let both = of.gradient(&model, &clamp, &target);
        let alone = of.gradient(&model, &clamp.select_rows(&[1]), &target.select_rows(&[1]));
        for (both, alone) in both.0.iter().zip(&alone.0) {
            for (both, alone) in both.as_slice().iter().zip(alone.as_slice()) {
                // The mean is over both samples.
                assert!((2.0 * both - alone).abs() < 1e-12, "{order:?}: {both} beside {alone}");
            }
        }
        let tally = of.step([&clamp, &target], &[0, 1], sgd, 0.1, model.couplings.len());
        assert_eq!((tally.diverged, tally.settled, tally.samples), (1, 1, 2), "{order:?}");
        assert!(tally.growth > 1.0 && tally.cost.is_finite(), "{tally:?}");
    }
}

#[test]
fn a_network_without_equilibrium_diverges_with_its_growth() {
    let activations = [Activation::Identity; 3];
    let mut model = layered(&[3, 4, 4], &activations, 0.1, Seed::new(86));
    for coupling in &mut model.couplings {
        if let Coupling::Dense { pre, weight, .. } = coupling
            && pre.0 == 1
        {
            *weight = Mat::from_fn(4, 4, |i, j| if i == j { 1.5 } else { 0.0 });
        }
    }
    let drive = Drive { clamp: normal(Seed::new(87), 2, 3, 1.0), nudge: Nudge::None };
    let solver = Solver { method: PLAIN.method, damping: 0.0, ..Solver::default() };
    let outcome = settle(&model, solver, &drive, &Save::End).outcome.remove(0);
    let Outcome::Diverged { growth: Some(growth), .. } = outcome else { panic!("{outcome:?}") };
    assert!((growth - 1.5).abs() < 1e-3, "{growth}");
    assert!(outcome.to_string().contains("1.50"), "{outcome}");
}

/// What is learned from some inputs takes others to the same fixed points, in fewer updates.
#[test]
fn a_learned_start_and_corrected_steps_end_in_the_same_equilibrium_sooner() {
    let seed = Seed::new(88);
    let mut activations = [Activation::Sigmoid; 5];
    activations[0] = Activation::Identity;
    // Few carried units, in clusters; and more than the clusters are made for.
    for sizes in [[6, 40, 9, 20, 3], [6, 60, 90, 20, 3]] {
        let model = layered(&sizes, &activations, 0.6, seed);
        let inputs = |name: &str, n| normal(seed.child(name), n, 6, 0.7);
        let count = |method: Method, learned: bool| {
            let solver =
                Solver { method, damping: 0.0, order: Order::EvenOdd, local: Local::Exact };
            let field = Field::<f64>::of_model(&model, Order::EvenOdd);
            let prepared = learned.then(|| Prepared::fit(&field, &inputs("some", 400)).unwrap());
            let all = [1e-4, 1e-9];
            count(&model, solver, prepared.as_ref(), &inputs("others", 50), 100, &all)
        };
        let mixing = Method::Anderson { window: 4, ridge: 1e-10, relative: true, safeguard: true };
        let plain = count(PLAIN.method, false);
        let mixed = count(mixing, false);
        let chord = Method::Chord { window: 4 };
        let learned = count(chord, true);
        // To the same place.
        let settled = |learned: bool| {
            let rule = ImplicitGradient {
                backward: Backward::Recurrent,
                iterations: 1,
                tolerance: None,
                error: ErrorOf::States,
            };
            let method = if learned { chord } else { mixing };
            let solver =
                Solver { method, damping: 0.0, order: Order::EvenOdd, local: Local::Exact };
            let sgd = OptimiserRule::Sgd { momentum: 0.0 };
            let mut of = Implicit::<f64>::new(&model, solver, rule, sgd, 1e-12, 1000);
            if learned {
                of.prepare(&model, &inputs("some", 400));
                assert!(of.prepared.is_some());
            }
            let parts = of.settle(&inputs("others", 50));
            assert!(parts.iter().flat_map(|p| &p.ends).all(|end| end.fate == Fate::Converged));
            parts.into_iter().flat_map(|p| p.x).collect::<Vec<f64>>()
        };
        let pairs = settled(false).into_iter().zip(settled(true));
        let apart = max_abs(&pairs.map(|(a, b)| a - b).collect::<Vec<_>>());
        assert!(apart < 1e-10, "{sizes:?}: {apart:e}");
        let mean = |m: &Mat, k: usize| m.iter_rows().map(|r| r[k]).sum::<f64>() / m.rows() as f64;
        for k in 0..2 {
            let [plain, mixed, learned] = [&plain, &mixed, &learned].map(|c| mean(&c.updates, k));
            let what = format!("{sizes:?}: {plain} plain, {mixed} mixed, {learned} learned");
            assert!(learned < 0.8 * mixed && mixed <= plain, "{what}");
        }
    }
}

/// One pass from the inputs on, against the same pass layer by layer; and every start ends at rest.
#[test]
fn starts_are_what_they_say_and_end_at_rest() {
    let model = deep(Seed::new(93));
    let inputs = normal(Seed::new(94), 70, 6, 1.0);
    let field = Field::<f64>::of_model(&model, Order::EvenOdd);
    let solver = Solver { method: PLAIN.method, order: Order::EvenOdd, ..Solver::picard(0.0) };
    let (free, _, _) = Iteration::free(&field, Local::Exact, None, &inputs, 0..5);
    let passed = field.feedforward(free.base());
    for s in 0..5 {
        let mut below = inputs.row(s).to_vec();
        for layer in 1..model.layers.len() {
            let mut xhat = below.clone();
            activate(&model, layer - 1, &below, &mut xhat);
            let mut x = vec![0.0; model.layers[layer].size];
            for coupling in &model.couplings {
                match coupling {
                    Coupling::Dense { post, weight, .. } if post.0 == layer => {
                        for (x, row) in x.iter_mut().zip(weight.iter_rows()) {
                            *x += row.iter().zip(&xhat).map(|(w, v)| w * v).sum::<f64>();
                        }
                    }
                    Coupling::Bias { on, value } if on.0 == layer => {
                        x.iter_mut().zip(value).for_each(|(x, b)| *x += b);
                    }
                    _ => {}
                }
            }
            let laid = field.layers.iter().find(|laid| laid.layer.0 == layer).unwrap();
            let got = &passed[s * field.units..(s + 1) * field.units][laid.units.clone()];
            let apart = got.iter().zip(&x).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart < 1e-12, "sample {s}, layer {layer}: {apart:e}");
            below = x;
        }
    }
    let prepared = Prepared::fit(&field, &normal(Seed::new(95), 300, 6, 1.0)).unwrap();
    let stop = Stop { measure: Measure::Common, tolerance: Some(1e-8), most: 500 };
    let mean = |start: Start| {
        let prepared = (start == Start::Learned).then_some(&prepared);
        let from = (start, Seed::new(96));
        let ends = settle_from(&field, solver, from, prepared, &inputs, stop);
        assert_eq!(ends.len(), 70);
        assert!(ends.iter().all(|end| end.fate == Fate::Converged), "{start:?}");
        ends.iter().map(|end| end.evaluations).sum::<usize>() as f64 / 70.0
    };
    let [zero, random, _, learned] = Start::ALL.map(mean);
    assert!(learned < zero && zero < random, "{learned} learned, {zero} zero, {random} random");
}

fn activate(model: &EnergyModel, layer: usize, x: &[f64], xhat: &mut [f64]) {
    eqcircuit::numerics::kernels::activate(model.layers[layer].activation, x, xhat, &mut []);
}

/// Networks with skips are read, and go with even-odd order.
#[test]
fn networks_that_questions_are_asked_of_are_well_formed() {
    let dir = tempfile::tempdir().unwrap();
    let all = asked(1, 2);
    assert_eq!(all.len(), 18);
    for asked in &all {
        let text = asked.text();
        let (network, _) = text.split_once("[train]").unwrap();
        let file = dir.path().join("network.toml");
        std::fs::write(&file, network).unwrap();
        let spec = eqcircuit::spec::load(&file, &[], &Library::beside(&file));
        let spec = spec.unwrap_or_else(|report| panic!("{}: {report:?}", asked.name()));
        let Subject::Network { model, .. } = spec.subject else { panic!("a network") };
        let dense = model.couplings.iter().filter(|c| matches!(c, Coupling::Dense { .. })).count();
        let skips = match asked.skip {
            0 => 0,
            span => (asked.depth() - span).div_ceil(span - 1),
        };
        assert_eq!(dense, asked.depth() - 1 + skips, "{}", asked.name());
    }
}
