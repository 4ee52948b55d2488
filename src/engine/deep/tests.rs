use super::products::{FEWEST, Work, layers_in_lanes};
use super::*;
use crate::engine::{Drive, Engine, Ideal, Nudge, Save, Until};
use crate::model::{Activation, Coupling, EnergyModel, Family, Layer, LayerId, Shape};
use crate::numerics::conv::{Conv, Pool};
use crate::numerics::seed::Seed;
use crate::spec::{Method, Solver};

fn numbers(seed: &Seed, name: &str, n: usize, scale: f64) -> Vec<f64> {
    let mut rng = seed.child(name).rng();
    (0..n).map(|_| scale * ((rng.next_u64() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)).collect()
}

fn with_weights(model: DeepHopfield, scale: f64, order: Order, seed: u64) -> Deep<f64> {
    let seed = Seed::new(seed);
    let weights = model.synapses.iter().enumerate().map(|(l, synapse)| {
        let shape = synapse.weight();
        let draw = |name: &str, n, scale| numbers(&seed.child(name).index(l), "w", n, scale);
        let fan: usize = shape[1..].iter().product();
        let forward = draw("weight", shape.iter().product(), scale / (fan as f64).sqrt());
        Weights { forward, backward: None, bias: draw("bias", shape[0], 0.2) }
    });
    Deep { weights: weights.collect(), model, order }
}

/// Two convolutions, the second pooled, and a dense synapse.
fn pictures(order: Order, clamp_last: bool) -> Deep<f64> {
    let conv = |input, channels| Conv { input, channels, kernel: 3, stride: 1, padding: 1 };
    let first = conv(Shape::new(2, 6, 6), 3);
    let second = conv(first.output(), 4);
    let pool = Pool { input: second.output(), size: 2, stride: 2 };
    let model = DeepHopfield {
        layers: vec![first.input, first.output(), pool.output(), Shape::flat(5)],
        synapses: vec![
            Synapse::Conv { conv: first, pool: None },
            Synapse::Conv { conv: second, pool: Some(pool) },
            Synapse::Dense { pre: pool.output().size(), post: 5 },
        ],
        slope: 0.6,
        clamp_last,
    };
    with_weights(model, 0.8, order, 3)
}

fn phase(iterations: usize, odd_first: bool) -> Phase {
    Phase { iterations, settled: None, odd_first }
}

const LONG: usize = 400;

fn inputs(deep: &Deep<f64>, batch: usize) -> Mat<f64> {
    let size = deep.model.layers[0].size();
    let x = numbers(&Seed::new(9), "input", batch * size, 1.0);
    Mat::from_vec(batch, size, x.into_iter().map(|x| x + 0.7).collect())
}

/// `L = sum error . s_last` of the state of rest.
fn loss(deep: &Deep<f64>, input: &Mat<f64>, error: &Mat<f64>) -> f64 {
    let rest = deep.settle(input, None, None, &phase(LONG, false));
    assert!(rest.ends.iter().all(|e| e.residual < 1e-13), "{:?}", rest.ends);
    let last = rest.layers.last().unwrap();
    last.as_slice().iter().zip(error.as_slice()).map(|(s, e)| s * e).sum()
}

fn errors(deep: &Deep<f64>, batch: usize) -> Mat<f64> {
    let size = deep.model.output().size();
    Mat::from_vec(batch, size, numbers(&Seed::new(5), "error", batch * size, 1.0))
}

/// Central differences of the loss at some places of every tensor, and of the input.
fn differences(deep: &Deep<f64>, input: &Mat<f64>, error: &Mat<f64>) -> Vec<Vec<(usize, f64)>> {
    let h = 1e-6;
    let between = |low: f64, high: f64| (high - low) / (2.0 * h);
    let mut all = Vec::new();
    for l in 0..deep.weights.len() {
        for bias in [false, true] {
            let mut deep = deep.clone();
            let len =
                [deep.weights[l].forward.len(), deep.weights[l].bias.len()][usize::from(bias)];
            let at = |deep: &mut Deep<f64>, place: usize, by: f64| {
                let w = &mut deep.weights[l];
                let values = if bias { &mut w.bias } else { &mut w.forward };
                let was = values[place];
                values[place] += by;
                let loss = loss(deep, input, error);
                let w = &mut deep.weights[l];
                if bias {
                    w.bias[place] = was
                } else {
                    w.forward[place] = was
                }
                loss
            };
            let places = (0..len).step_by(len.div_ceil(7));
            let of = |place| (place, between(at(&mut deep, place, -h), at(&mut deep, place, h)));
            all.push(places.map(of).collect());
        }
    }
    let mut moved = input.clone();
    let places = (0..input.as_slice().len()).step_by(11);
    let of = |place: usize| {
        let was = moved.as_slice()[place];
        let [low, high] = [-h, h].map(|by| {
            moved.as_mut_slice()[place] = was + by;
            loss(deep, &moved, error)
        });
        moved.as_mut_slice()[place] = was;
        (place, between(low, high))
    };
    all.push(places.map(of).collect());
    all
}

fn assert_close(found: &[Vec<f64>], truth: &[Vec<(usize, f64)>], tolerance: f64, what: &str) {
    assert_eq!(found.len(), truth.len());
    for (tensor, (found, truth)) in found.iter().zip(truth).enumerate() {
        let size = truth.iter().map(|(_, t)| t.abs()).fold(0.0, f64::max);
        assert!(size > 1e-4, "{what}: tensor {tensor} does not matter");
        for &(place, truth) in truth {
            let off = (found[place] - truth).abs() / size;
            assert!(
                off < tolerance,
                "{what}: tensor {tensor} at {place}: {} is not {truth}",
                found[place]
            );
        }
    }
}

/// Gradients by equilibrium propagation: parameters, then the input.
fn propagated(deep: &Deep<f64>, input: &Mat<f64>, error: &Mat<f64>, beta: f64) -> Vec<Vec<f64>> {
    let free = deep.settle(input, None, None, &phase(LONG, false));
    let [low, high] = [-beta, beta].map(|beta| {
        let force = error.map(|e| -beta * e);
        deep.settle(input, Some(&free.layers), Some(&force), &phase(LONG, true)).layers
    });
    let factor = 1.0 / (2.0 * beta);
    let mut grad = deep.contrast(None, [&low, &high], factor);
    let pairs = low[0].as_slice().iter().zip(high[0].as_slice());
    grad.push(pairs.map(|(low, high)| factor * (low - high)).collect());
    grad
}

#[test]
fn both_gradients_are_the_slope_of_the_loss() {
    for order in Order::ALL {
        for clamp_last in [false, true] {
            let deep = pictures(order, clamp_last);
            let (input, error) = (inputs(&deep, 3), errors(&deep, 3));
            let truth = differences(&deep, &input, &error);
            let what = format!("{order:?}, clamped to the end: {clamp_last}");
            assert_close(&propagated(&deep, &input, &error, 1e-4), &truth, 1e-6, &what);
            let rest = deep.settle(&input, None, None, &phase(LONG, false)).layers;
            let mut adjoint = deep.adjoint(&error);
            (0..LONG).for_each(|_| deep.go_back(&rest, &mut adjoint));
            let mut grad = deep.gradient(&rest, &adjoint);
            grad.push(adjoint.sums[0].as_slice().to_vec());
            assert_close(&grad, &truth, 1e-6, &format!("adjoint, {what}"));
        }
    }
}

/// With windows that are held, what pools is the dense synapse of the pixels that were chosen.
#[test]
fn held_windows_make_a_dense_synapse_of_each_sample() {
    let deep = pictures(Order::EvenOdd, false);
    let (input, force) = (inputs(&deep, 1), errors(&deep, 1).map(|e| 40.0 * e));
    let held = deep.settle(&input, None, None, &phase(LONG, false)).layers;
    let Synapse::Conv { conv, pool: Some(_) } = deep.model.synapses[1] else { panic!("a pool") };
    let lanes = layers_in_lanes(&held, &(0..1)).0;
    let chosen = deep.windows(1, FEWEST, &lanes[1], &mut Work::default());
    let chosen: Vec<usize> = chosen.iter().step_by(FEWEST).map(|at| *at as usize).collect();
    let (pre, whole) = (conv.input.size(), conv.unrolled(&deep.weights[1].forward));
    let mut dense = deep.clone();
    dense.model.synapses[1] = Synapse::Dense { pre, post: chosen.len() };
    let row = |at: &usize| whole[at * pre..(at + 1) * pre].to_vec();
    dense.weights[1].forward = chosen.iter().flat_map(row).collect();
    let bias = |at: &usize| deep.weights[1].bias[at / conv.output().pixels()];
    dense.weights[1].bias = chosen.iter().map(bias).collect();

    let (start, force) = (Some(&held), Some(&force));
    let truth = dense.settle(&input, start, force, &phase(LONG, true));
    let course = Course { settled: 1e-12, at_most: 500.0 };
    let found = [
        deep.settle_holding(Some(&held), &input, start, force, &phase(LONG, true)),
        deep.follow(Some(&held), &[Some(&input), None, None, force], start, &course),
    ];
    for found in &found {
        for (a, b) in found.layers.iter().zip(&truth.layers) {
            let pairs = a.as_slice().iter().zip(b.as_slice());
            pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-9, "{a} is not {b}"));
        }
    }
    let anew = deep.settle(&input, start, force, &phase(LONG, true));
    let elsewhere = anew
        .layers
        .iter()
        .zip(&truth.layers)
        .any(|(a, b)| a.as_slice().iter().zip(b.as_slice()).any(|(a, b)| (a - b).abs() > 1e-3));
    assert!(elsewhere, "no window chose anew");

    let [of_dense, of_held] = [(&dense, None), (&deep, Some(&held))]
        .map(|(deep, held)| deep.contrast(held, [&truth.layers, &anew.layers], 1.0));
    let mut all = vec![0.0; whole.len()];
    for (row, at) in of_dense[2].chunks_exact(pre).zip(&chosen) {
        all[at * pre..(at + 1) * pre].copy_from_slice(row);
    }
    for (a, b) in conv.folded(&all).iter().zip(&of_held[2]) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }
}

/// After as many steps as the adjoint went back, the truncated estimates are equal too (the property
/// that arXiv:2409.03306 calls GDU).
#[test]
fn truncated_estimates_agree_at_every_step() {
    let deep = pictures(Order::EvenOdd, false);
    let (input, error) = (inputs(&deep, 2), errors(&deep, 2));
    let free = deep.settle(&input, None, None, &phase(LONG, false)).layers;
    let beta = 1e-4;
    let forces = [beta, -beta].map(|b| error.map(|e| b * e));
    let mut nudged = [free.clone(), free.clone()];
    let mut adjoint = deep.adjoint(&error);
    for step in 1..8 {
        for (state, force) in nudged.iter_mut().zip(&forces) {
            *state = deep.settle(&input, Some(state), Some(force), &phase(1, true)).layers;
        }
        deep.go_back(&free, &mut adjoint);
        let estimate = deep.contrast(None, [&nudged[0], &nudged[1]], 1.0 / (2.0 * beta));
        for (tensor, (a, b)) in estimate.iter().zip(deep.gradient(&free, &adjoint)).enumerate() {
            let size = b.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            for (a, b) in a.iter().zip(&b) {
                assert!(
                    (a - b).abs() <= 1e-6 * size + 1e-9,
                    "step {step}, tensor {tensor}: {a}, {b}"
                );
            }
        }
    }
}

/// A dense block is a HAM whose first free layer gets the input through an identity.
#[test]
fn a_dense_block_rests_where_the_energy_model_does() {
    let sizes = [6, 5, 4];
    let model = DeepHopfield {
        layers: sizes.map(Shape::flat).to_vec(),
        synapses: vec![Synapse::Dense { pre: 6, post: 5 }, Synapse::Dense { pre: 5, post: 4 }],
        slope: 1.0,
        clamp_last: false,
    };
    let deep = with_weights(model, 0.9, Order::EvenOdd, 8);
    let input = inputs(&deep, 5);
    let layer = |name: &str, size, activation| Layer { name: name.into(), size, activation };
    let mut couplings = vec![Coupling::Dense {
        pre: LayerId(0),
        post: LayerId(1),
        weight: Mat::from_fn(6, 6, |i, j| f64::from(i == j)),
    }];
    for (l, w) in deep.weights.iter().enumerate() {
        let weight = Mat::from_vec(sizes[l + 1], sizes[l], w.forward.clone());
        couplings.push(Coupling::Dense { pre: LayerId(l + 1), post: LayerId(l + 2), weight });
        couplings.push(Coupling::Bias { on: LayerId(l + 2), value: w.bias.clone() });
    }
    let ham = EnergyModel {
        family: Family::Ham,
        layers: vec![
            layer("x", 6, Activation::Identity),
            layer("a", 6, Activation::HardSigmoid),
            layer("b", 5, Activation::HardSigmoid),
            layer("c", 4, Activation::Identity),
        ],
        couplings,
        clamp: LayerId(0),
        read: LayerId(3),
    };
    let solver = Solver { method: Method::Picard { adapt: true }, ..Solver::default() };
    let until = Until { settled: 1e-13, at_most: 1.0, at_most_iterations: 2000 };
    let drive = Drive { clamp: input.clone(), nudge: Nudge::None };
    let there = Ideal::new(ham.clone(), solver).settle(&drive, None, &until, &Save::End);
    let xhat = ham.activations(&there.state);
    let here = deep.settle(&input, None, None, &phase(LONG, false)).layers;
    for (l, here) in here.iter().enumerate() {
        for (a, b) in here.as_slice().iter().zip(xhat[l + 1].as_slice()) {
            assert!((a - b).abs() < 1e-11, "layer {l}: {a} is not {b}");
        }
    }
}

#[test]
fn a_sample_is_the_same_in_any_company() {
    for order in Order::ALL {
        let deep = pictures(order, false).cast::<f32>();
        let input = inputs(&pictures(order, false), 37).map(|x| x as f32);
        let stopping = Phase { iterations: 200, settled: Some(1e-5), odd_first: false };
        let all = deep.settle(&input, None, None, &stopping);
        assert!(all.ends.iter().all(|e| e.settled && e.residual < 1e-5));
        let counts = |f: fn(usize, usize) -> usize| all.ends.iter().map(|e| e.iterations).reduce(f);
        assert!(counts(usize::min) < counts(usize::max), "all samples stop at once");
        for s in [0, 17, 36] {
            let alone = deep.settle(&input.select_rows(&[s]), None, None, &stopping);
            assert_eq!(alone.ends[0], all.ends[s]);
            for (alone, all) in alone.layers.iter().zip(&all.layers) {
                assert_eq!(alone.row(0), all.row(s), "sample {s}");
            }
        }
    }
}

/// In motion a block comes to rest where iterations have nothing to do, and where they end too if
/// there is but one such place: windows may choose differently on different ways.
#[test]
fn a_motion_ends_where_iterations_do() {
    let course = Course { settled: 1e-10, at_most: 500.0 };
    let close = |moved: &Rested<f64>, iterated: &Rested<f64>| {
        for (l, (a, b)) in moved.layers.iter().zip(&iterated.layers).enumerate() {
            for (a, b) in a.as_slice().iter().zip(b.as_slice()) {
                assert!((a - b).abs() < 1e-8, "layer {l}: {a} is not {b}");
            }
        }
    };
    let still = |deep: &Deep<f64>, input: &Mat<f64>, moved: &Rested<f64>| {
        assert!(moved.ends.iter().all(|e| e.settled && e.time > 1.0), "{:?}", moved.ends);
        let again = deep.settle(input, Some(&moved.layers), None, &phase(1, false));
        assert!(again.ends.iter().all(|e| e.residual < 1e-9), "{:?}", again.ends);
    };
    let pooled = pictures(Order::EvenOdd, false);
    let mut plain = pooled.clone();
    plain.model = DeepHopfield {
        layers: plain.model.layers[..2].to_vec(),
        synapses: plain.model.synapses[..1].to_vec(),
        ..plain.model
    };
    plain.weights.truncate(1);
    for deep in [&pooled, &plain] {
        let (input, error) = (inputs(deep, 19), errors(deep, 19));
        let mut currents = vec![None; deep.model.layers.len()];
        currents[0] = Some(&input);
        let moved = deep.follow(None, &currents, None, &course);
        still(deep, &input, &moved);
        let free = deep.settle(&input, None, None, &phase(LONG, false));
        if deep.model.layers.len() == 2 {
            close(&moved, &free);
        }
        let rested = deep.follow(None, &currents, Some(&moved.layers), &course);
        assert!(rested.ends.iter().all(|e| e.time < 1.0), "{:?}", rested.ends);
        let force = error.map(|e| 1e-3 * e);
        *currents.last_mut().unwrap() = Some(&force);
        let nudged = deep.settle(&input, Some(&free.layers), Some(&force), &phase(LONG, true));
        close(&deep.follow(None, &currents, Some(&free.layers), &course), &nudged);
    }
}

/// The variance of a sum over cells that all deviate by themselves.
#[test]
fn deviations_of_all_cells_add_up_as_squares() {
    let deep = pictures(Order::EvenOdd, false);
    let state = deep.settle(&inputs(&deep, 3), None, None, &phase(LONG, false)).layers;
    let squares: Vec<Weights<f64>> = deep
        .weights
        .iter()
        .map(|w| {
            let forward: Vec<f64> = w.forward.iter().map(|w| w * w).collect();
            let backward = Some(forward.iter().map(|w| 2.0 * w).collect());
            Weights { forward, backward, bias: vec![0.0; w.bias.len()] }
        })
        .collect();
    let variances = deep.variances(squares, &state);
    // The last layer is dense: row by row.
    let (below, last) = (&state[2], &variances[3]);
    let w = &deep.weights[2].forward;
    for s in 0..3 {
        for i in 0..5 {
            let row = &w[i * below.cols()..(i + 1) * below.cols()];
            let sum: f64 = row.iter().zip(below.row(s)).map(|(w, v)| w * w * v * v).sum();
            assert!((last[(s, i)] - sum).abs() < 1e-12 * sum.max(1.0));
        }
    }
    // The first gets only what comes back, twice the square.
    let conv = match &deep.model.synapses[0] {
        Synapse::Conv { conv, .. } => conv,
        Synapse::Dense { .. } => panic!("a convolution"),
    };
    let squares: Vec<f64> = deep.weights[0].forward.iter().map(|w| 2.0 * w * w).collect();
    for s in 0..3 {
        let powers: Vec<f64> = state[1].row(s).iter().map(|v| v * v).collect();
        let mut sum = vec![0.0; conv.input.size()];
        conv.lanes(1).add_transposed(&squares, &powers, &mut sum, &mut Vec::new());
        for (a, b) in variances[0].row(s).iter().zip(&sum) {
            assert!((a - b).abs() < 1e-12 * b.max(1.0), "{a} is not {b}");
        }
    }
}
