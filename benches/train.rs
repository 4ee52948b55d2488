//! In-place training of a 784-512-10 network by equilibrium propagation: samples a second of whole
//! steps, beside what the matrix products of those very steps would allow, and where the time
//! goes. `cargo bench --bench train`

mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{bare, pool, shortest};
use eqcircuit::compile::{Chip, Written};
use eqcircuit::engine::{Behavioural, Circuit, Drive, Engine, Save, Settled, Until};
use eqcircuit::learn::{EquilibriumPropagation, Optimiser, OptimiserRule, Phases, one_hot};
use eqcircuit::model::{Activation, EnergyModel, State};
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::gemm::{Metered, read_meter, start_meter};
use eqcircuit::spec::{Analysis, Precision};

const RULE: EquilibriumPropagation = EquilibriumPropagation { beta: 0.2, phases: Phases::Centred };
const ADAM: OptimiserRule = OptimiserRule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
/// Loose enough to be quick; tighter ones learn no better.
const SETTLED: f64 = 1e-3;
/// Relative and absolute error of a time step: waveforms do not matter here.
const STEP: [f64; 2] = [1e-2, 1e-3];
const W_MAX: f64 = 1.0;

fn until(settled: f64) -> Until {
    Until { settled, at_most: 1e-6, at_most_iterations: 0 }
}

/// An engine that times its settling.
struct Timed(Behavioural, Duration);

impl Engine for Timed {
    fn settle(
        &mut self,
        drive: &Drive,
        start: Option<&State>,
        until: &Until,
        save: &Save,
    ) -> Settled {
        let begin = Instant::now();
        let settled = self.0.settle(drive, start, until, save);
        self.1 += begin.elapsed();
        settled
    }

    fn write(&mut self, model: &EnergyModel) -> Written {
        self.0.write(model)
    }

    fn chip(&self) -> Option<&Chip> {
        self.0.chip()
    }
}

/// A network under training, and the batch it sees.
struct Training {
    engine: Timed,
    model: EnergyModel,
    optimiser: Optimiser,
    clamp: Mat,
    target: Mat,
    evaluations: usize,
}

/// Seconds of a step.
#[derive(Clone, Copy)]
struct Spent {
    total: f64,
    settling: f64,
    gradient: f64,
    optimiser: f64,
    write: f64,
}

impl Training {
    fn new(batch: usize) -> Training {
        let model = common::network(&[784, 512, 10], Activation::Tanh, 0.4);
        let engine = Behavioural::new(common::chip(&model, Some(W_MAX)), Precision::F32)
            .with_tolerance(STEP[0], STEP[1]);
        let labels: Vec<usize> = (0..batch).map(|s| s % 10).collect();
        Training {
            engine: Timed(engine, Duration::ZERO),
            optimiser: Optimiser::new(ADAM, 1e-4, &model),
            clamp: common::pictures(batch, 784),
            target: one_hot(&labels, 10),
            model,
            evaluations: 0,
        }
    }

    fn step(&mut self) -> Spent {
        self.engine.1 = Duration::ZERO;
        let begin = Instant::now();
        let until = until(SETTLED);
        let estimate =
            RULE.estimate(&mut self.engine, &self.model, &self.clamp, &self.target, &until);
        let estimated = Instant::now();
        self.optimiser.step(&mut self.model, &estimate.grad);
        let stepped = Instant::now();
        let written = self.engine.write(&self.model);
        let end = Instant::now();
        assert_eq!(estimate.settled, self.clamp.rows(), "all samples settle");
        assert!(written.cells > 0);
        let phases = estimate.nudged.iter().chain([&estimate.free]);
        self.evaluations = phases.map(|s| s.stats.evaluations).sum();
        let settling = self.engine.1.as_secs_f64();
        Spent {
            total: (end - begin).as_secs_f64(),
            settling,
            gradient: (estimated - begin).as_secs_f64() - settling,
            optimiser: (stepped - estimated).as_secs_f64(),
            write: (end - stepped).as_secs_f64(),
        }
    }
}

/// The products of the gradient, in double precision, are wider than any chunk of samples.
fn is_gradient(product: &Metered) -> bool {
    product.shape[1] > 64
}

fn row(batch: usize, threads: usize, shapes: bool) {
    let pool = pool(threads);
    let mut training = Training::new(batch);
    let steps = 4096 / batch;
    let (spent, products) = pool.install(|| {
        for _ in 0..4 {
            training.step();
        }
        let mut spent: Vec<Spent> = (0..steps).map(|_| training.step()).collect();
        spent.sort_by(|a, b| a.total.total_cmp(&b.total));
        rayon::broadcast(|_| start_meter());
        training.step();
        (spent[steps / 2], rayon::broadcast(|_| read_meter()).concat())
    });
    let (gradient, settling): (Vec<_>, Vec<_>) = products.iter().cloned().partition(is_gradient);
    let alone = [bare::<f32>(&settling), bare::<f64>(&gradient)].map(|s| s / threads as f64);
    let roof = batch as f64 / alone.iter().sum::<f64>();
    let rate = batch as f64 / spent.total;
    println!(
        "{batch:5} {threads:7} {rate:9.0} {roof:9.0} {:6.2} {:6.2} {:8.2} {:8.2} {:9.2} {:6.2}  {:8.2} {:8.2} {:6.1}",
        rate / roof,
        1e3 * spent.total,
        1e3 * spent.settling,
        1e3 * spent.gradient,
        1e3 * spent.optimiser,
        1e3 * spent.write,
        1e3 * alone[0],
        1e3 * alone[1],
        training.evaluations as f64 / batch as f64,
    );
    if shapes {
        for p in &products {
            println!(
                "    {:?} x {}: {:.3} ms in the step, {:.3} ms bare",
                p.shape,
                p.calls,
                1e3 * p.time.as_secs_f64(),
                1e3 * if is_gradient(p) {
                    bare::<f64>(std::slice::from_ref(p))
                } else {
                    bare::<f32>(std::slice::from_ref(p))
                },
            );
        }
    }
}

/// One sample, free and both nudged phases, on a small network.
fn one_sample() {
    let model = common::network(&[64, 32, 10], Activation::Tanh, 0.4);
    let clamp = common::pictures(1, 64);
    let target = one_hot(&[3], 10);
    let chip = common::chip(&model, Some(W_MAX));
    let time = |name: &str, engine: &mut dyn Engine, settled: f64, runs: usize| {
        let until = until(settled);
        let once = shortest(runs, || {
            black_box(RULE.estimate(engine, &model, &clamp, &target, &until));
        });
        println!("64-32-10, one sample alone, all three phases, {name}: {:.3} ms", 1e3 * once);
    };
    let mut behavioural =
        Behavioural::new(chip.clone(), Precision::F32).with_tolerance(STEP[0], STEP[1]);
    time("behavioural, f32 to 1e-3", &mut behavioural, SETTLED, 100);
    let mut behavioural = Behavioural::new(chip.clone(), Precision::F64);
    time("behavioural, f64 to 1e-6", &mut behavioural, 1e-6, 100);
    let mut wired = chip;
    wired.fabric.hardware.neurons = common::neurons(&model);
    time("circuit, operating point", &mut Circuit::from_chip(wired, Analysis::Op), 1e-6, 10);
}

fn main() {
    let shapes = std::env::args().any(|a| a == "--shapes");
    println!(
        "784-512-10, f32, beta {}, settled to {SETTLED:.0e}: whole steps (median), samples a second\n\
         beside what their products alone would allow; times a step in ms",
        RULE.beta
    );
    println!(
        "batch threads samples/s      roof  ratio  total settling gradient optimiser  write \
         (products of settling, gradient) evals"
    );
    for batch in [64, 256] {
        for threads in [1, 2] {
            row(batch, threads, shapes);
        }
    }
    one_sample();
}
