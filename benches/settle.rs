//! Batched settling of a 784-512-10 network: how much of the time is matrix products, and how
//! near those come to the bare product of the same library. `cargo bench --bench settle`, or
//! `cargo bench --bench settle -- WORDS` for what noise of a kind costs while running.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use common::{bare, gigaflop, peak_memory, pool, shortest};
use eqcircuit::compile::{Chip, fabricate};
use eqcircuit::engine::{Behavioural, Drive, Engine, Nudge, Save, Settled, Until};
use eqcircuit::model::Activation;
use eqcircuit::numerics::gemm::{read_meter, start_meter};
use eqcircuit::numerics::kernels::Real;
use eqcircuit::spec::{Flicker, Precision, ReadNoise, Telegraph, Trend};

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: forwards to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A perfect chip with Xavier weights times `gain`.
fn chip(sizes: &[usize], hidden: Activation, gain: f64) -> Chip {
    common::chip(&common::network(sizes, hidden, gain), None)
}

fn drive(chip: &Chip, samples: usize) -> Drive {
    let pixels = chip.fabric.model.layers[0].size;
    Drive { clamp: common::pictures(samples, pixels), nudge: Nudge::None }
}

fn until(settled: f64) -> Until {
    Until { settled, at_most: 1e-7, at_most_iterations: 0 }
}

fn settle(engine: &mut Behavioural, drive: &Drive, settled: f64) -> Settled {
    let settled = engine.settle(drive, None, &until(settled), &Save::End);
    let unsettled = settled.outcome.iter().find(|o| !o.is_settled());
    assert_eq!(unsettled, None, "all samples settle");
    settled
}

/// One row of the table.
fn row<T: Real>(chip: &Chip, drive: &Drive, precision: Precision, tolerance: f64, threads: usize) {
    let pool = pool(threads);
    let mut engine = Behavioural::new(chip.clone(), precision);
    let settled = pool.install(|| settle(&mut engine, drive, tolerance));
    let total = shortest(7, || {
        pool.install(|| black_box(settle(&mut engine, drive, tolerance)));
    });
    // Timers around the products; of some instrumented runs the one least disturbed.
    let (products, metered) = (0..7)
        .map(|_| {
            pool.broadcast(|_| start_meter());
            let start = Instant::now();
            pool.install(|| black_box(settle(&mut engine, drive, tolerance)));
            let total = start.elapsed().as_secs_f64();
            (pool.broadcast(|_| read_meter()).concat(), total)
        })
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .expect("runs");
    let time: f64 = products.iter().map(|p| p.time.as_secs_f64()).sum();
    let quickest: f64 = products.iter().map(|p| p.calls as f64 * p.shortest.as_secs_f64()).sum();
    let (work, alone) = (gigaflop(&products), bare::<T>(&products));
    let samples = drive.clamp.rows() as f64;
    println!(
        "{:12} {:4} {threads:7} {:9.1} {:9.1} {:9.1} {:6.0} % {:8.1} {:8.1} {:8.1} {:6.0} % {:6.0} % {:6.1}",
        chip.fabric.model.layers[1].activation.name(),
        format!("{precision:?}").to_lowercase(),
        1e3 * total,
        1e3 * metered,
        1e3 * time / threads as f64,
        100.0 * time / threads as f64 / metered,
        work / time,
        work / quickest,
        work / alone,
        100.0 * alone / time,
        100.0 * alone / quickest,
        settled.stats.evaluations as f64 / samples,
    );
    if std::env::args().any(|a| a == "--shapes") {
        for p in &products {
            let work = 2e-9 * p.shape.iter().product::<usize>() as f64;
            println!(
                "    {:?} x {}: {:.1} GFLOP/s, at most {:.1}, bare {:.1}",
                p.shape,
                p.calls,
                work * p.calls as f64 / p.time.as_secs_f64(),
                work / p.shortest.as_secs_f64(),
                work * p.calls as f64 / bare::<T>(std::slice::from_ref(p))
            );
        }
    }
}

/// Allocations of a settling; a step that allocated would make more of them in a longer one.
fn allocations(chip: &Chip, drive: &Drive, tolerance: f64) -> (usize, usize) {
    let mut engine = Behavioural::new(chip.clone(), Precision::F64);
    let pool = pool(1);
    pool.install(|| {
        settle(&mut engine, drive, tolerance);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let steps = settle(&mut engine, drive, tolerance).stats.steps;
        (ALLOCATIONS.load(Ordering::Relaxed) - before, steps)
    })
}

/// Settling a batch of 64 in training's precision, with and without noise while it is read.
fn noise(only: &str) {
    let quiet = chip(&[784, 512, 10], Activation::Tanh, 0.4);
    let inputs = drive(&quiet, 64);
    let flicker = |band| Some(Flicker { amplitude: Trend::Constant(0.01), exponent: 1.0, band });
    let none = ReadNoise::default();
    let all = ReadNoise { thermal: 300.0, proportional: 0.01, ..none.clone() };
    let traps = Telegraph {
        share: 0.01,
        amplitude: Trend::Constant(0.05),
        amplitude_spread: 0.0,
        up: 1e-3,
        down: 1e-3,
        dwell_spread: 0.0,
    };
    let rows = [
        ("none", none.clone()),
        ("thermal", ReadNoise { thermal: 300.0, ..none.clone() }),
        ("thermal, shot", ReadNoise { thermal: 300.0, shot: 1.0, ..none.clone() }),
        ("proportional", ReadNoise { proportional: 0.01, ..none.clone() }),
        ("flicker to 1 MHz", ReadNoise { flicker: flicker([1.0, 1e6]), ..none.clone() }),
        ("flicker to 1 GHz", ReadNoise { flicker: flicker([1.0, 1e9]), ..none.clone() }),
        ("traps in 1 %", ReadNoise { telegraph: Some(traps.clone()), ..none }),
        (
            "all, flicker to 1 MHz",
            ReadNoise { flicker: flicker([1.0, 1e6]), telegraph: Some(traps), shot: 1.0, ..all },
        ),
    ];
    println!("784-512-10, 64 inputs to 1e-5 in f32 on one thread, then read with noise:");
    let mut first = None;
    for (what, read) in rows.into_iter().filter(|(what, _)| what.contains(only)) {
        let mut nonideal = quiet.nonideal.clone();
        nonideal.read = read;
        let chip = fabricate(&quiet.fabric, &nonideal, quiet.seed);
        let mut engine = Behavioural::new(chip, Precision::F32);
        let pool = pool(1);
        let time = pool.install(|| {
            settle(&mut engine, &inputs, 1e-5);
            shortest(15, || {
                black_box(settle(&mut engine, &inputs, 1e-5));
            })
        });
        let first = *first.get_or_insert(time);
        println!("{what:22} {:8.2} ms {:6.2} x", 1e3 * time, time / first);
    }
}

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    noise(&only.join(" "));
    if !only.is_empty() {
        return;
    }
    println!(
        "784-512-10, 1000 inputs from rest to a residual of 1e-5 (f32) and 1e-8 (f64); times in ms,\n\
         rates in GFLOP/s: mean and best of the products in the run, and of the same products bare"
    );
    println!(
        "hidden       prec threads     total   metered  products    share     mean     best     bare \
         mean/bare best/bare evals"
    );
    for activation in [Activation::Tanh, Activation::HardSigmoid] {
        let big = chip(&[784, 512, 10], activation, 0.4);
        let inputs = drive(&big, 1000);
        for threads in [1, 2] {
            row::<f32>(&big, &inputs, Precision::F32, 1e-5, threads);
            row::<f64>(&big, &inputs, Precision::F64, 1e-8, threads);
        }
    }
    let big = chip(&[784, 512, 10], Activation::Tanh, 0.4);
    let few = drive(&big, 64);
    let (short, long) = (allocations(&big, &few, 1e-2), allocations(&big, &few, 1e-9));
    println!(
        "allocations: {} in {} steps, {} in {} steps: {} in the step loop",
        short.0,
        short.1,
        long.0,
        long.1,
        long.0 as i64 - short.0 as i64
    );
    println!("peak memory: {:.0} MB", peak_memory().unwrap_or(f64::NAN));

    let small = chip(&[64, 32, 10], Activation::Tanh, 0.4);
    for samples in [1, 1000] {
        let inputs = drive(&small, samples);
        let mut engine = Behavioural::new(small.clone(), Precision::F64);
        settle(&mut engine, &inputs, 1e-9);
        let time = shortest(20, || {
            black_box(settle(&mut engine, &inputs, 1e-9));
        });
        println!(
            "64-32-10, {samples} inputs to 1e-9 in f64: {:.1} us, {:.2} us an input",
            1e6 * time,
            1e6 * time / samples as f64
        );
    }
}
