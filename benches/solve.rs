//! Fixed points and training steps of the networks of arXiv:2311.15673: a whole step by implicit
//! gradients at three depths, and settling by the solvers on networks that have learned a while.
//! `cargo bench --bench solve [-- 3 5 7 steps]`; needs MNIST (`eqcircuit data`).

mod common;

use std::hint::black_box;
use std::time::Instant;

use common::{pool, shortest};
use eqcircuit::data::registry::{Folders, load};
use eqcircuit::data::{DataSet, Split};
use eqcircuit::learn::{Implicit, OptimiserRule, one_hot};
use eqcircuit::model::EnergyModel;
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::fixed_point::{Measure, Stop};
use eqcircuit::run::reproduce::{Variant, Version, jobs};
use eqcircuit::spec::{Backward, ErrorOf, ImplicitGradient, Library, Subject};

const MADAM: OptimiserRule = OptimiserRule::Madam { scale: 1024.0, bound: 3.0 };
const BATCH: usize = 64;
/// Relative residual of the adjoint equation by the chord solver.
const BACKWARD: f64 = 1e-3;
/// Steps of learning before anything is measured.
const WARM: usize = 100;

/// Milliseconds of a training step of the reference in PyTorch on another machine, one thread: even-odd
/// with Anderson acceleration, even-odd, synchronous.
const REFERENCE: [[f64; 3]; 3] =
    [[73.0, 57.0, 650.0], [576.0, 463.0, 1230.0], [1000.0, 810.0, 1660.0]];

fn batch(set: &DataSet, k: usize, size: usize) -> (Mat, Mat, Vec<usize>) {
    let all = set.inputs.rows();
    let rows: Vec<usize> = (0..size).map(|i| (k * size + i) % all).collect();
    let labels: Vec<usize> =
        rows.iter().map(|&s| set.labels.as_ref().map_or(0, |labels| labels[s])).collect();
    (set.inputs.select_rows(&rows), one_hot(&labels, 10), labels)
}

fn network(depth: usize) -> EnergyModel {
    let job = &jobs(&[depth], &[Version::V2], 1, None)[0];
    let file = std::env::temp_dir().join(format!("{}.toml", job.name()));
    std::fs::write(&file, job.text()).expect("the folder of temporary files can be written");
    let spec = eqcircuit::spec::load(&file, &[], &Library::beside(&file));
    let Ok(spec) = spec else { panic!("the networks of the reproduction are well formed") };
    let Subject::Network { model, .. } = spec.subject else { panic!("it holds a network") };
    model
}

/// By the published terms of the Neumann series, or with the chord solver both ways.
fn learner(model: &EnergyModel, variant: Variant, evaluations: usize) -> Implicit<f32> {
    let plain = variant != Variant::HamEoChord;
    let rule = ImplicitGradient {
        backward: if plain { Backward::Recurrent } else { Backward::Adjoint },
        iterations: evaluations,
        tolerance: (!plain).then_some(BACKWARD),
        error: ErrorOf::States,
    };
    Implicit::new(model, variant.solver(), rule, MADAM, 1e-4, 5 * evaluations)
}

fn main() {
    let folders = Folders::of(None);
    let Ok(set) = load("mnist", Split::Train, &folders) else {
        println!("MNIST is not there: see `eqcircuit data`");
        return;
    };
    let Ok(test) = load("mnist", Split::Test, &folders) else {
        println!("the test pictures of MNIST are not there: see `eqcircuit data`");
        return;
    };
    println!("training steps of 64, forward to 1e-4, f32, after {WARM} steps");
    let mut models = Vec::new();
    let asked: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let wanted = |depth: &usize| asked.is_empty() || asked.contains(depth);
    for (d, depth) in [3, 5, 7].into_iter().enumerate().filter(|(_, depth)| wanted(depth)) {
        let mut model = network(depth);
        let couplings = model.couplings.len();
        let rate = if depth == 3 { 0.01 } else { 0.005 };
        for variant in [Variant::HamEo, Variant::HamEoChord] {
            let mut learns = learner(&network(depth), variant, 8 * (d + 1));
            let step = |learns: &mut Implicit<f32>, k: usize| {
                let (clamp, target, labels) = batch(&set, k, BATCH);
                black_box(learns.step([&clamp, &target], &labels, MADAM, rate, couplings))
            };
            pool(2).install(|| {
                (0..WARM).for_each(|k| {
                    step(&mut learns, k);
                })
            });
            for threads in [1, 2] {
                pool(threads).install(|| {
                    let (mut times, mut iterations) = (Vec::new(), 0.0);
                    for k in 0..32 {
                        let start = Instant::now();
                        let tally = step(&mut learns, WARM + k);
                        times.push(1e3 * start.elapsed().as_secs_f64());
                        iterations += tally.free_time / tally.settled.max(1) as f64 / 32.0;
                    }
                    let mean = times.iter().sum::<f64>() / times.len() as f64;
                    times.sort_by(f64::total_cmp);
                    println!(
                        "  {depth} layers, {}, {threads} threads: {mean:.1} ms (median {:.1}, \
                         shortest {:.1}), {iterations:.1} iterations; PyTorch {} ms with Anderson, \
                         {} ms without: {:.1}x",
                        variant.name(),
                        times[times.len() / 2],
                        times[0],
                        REFERENCE[d][0],
                        REFERENCE[d][1],
                        REFERENCE[d][1] / mean
                    );
                });
            }
            if variant == Variant::HamEo {
                learns.field.put(&mut model);
            }
        }
        models.push((depth, model));
    }
    if std::env::args().any(|a| a == "steps") {
        return;
    }
    println!("settling to 1e-4 on all layers, one thread, f32, on the networks so learned");
    for (depth, model) in &models {
        for size in [64, 1000] {
            let (clamp, _, _) = batch(&test, 0, size);
            let mut times = Vec::new();
            for variant in [Variant::HamEo, Variant::HamEoDeq, Variant::HamEoChord] {
                let mut learns = learner(model, variant, 40);
                learns.stop = Stop { measure: Measure::Common, tolerance: Some(1e-4), most: 400 };
                if variant == Variant::HamEoChord {
                    learns
                        .prepare(model, &batch(&set, 0, if *depth == 3 { 10_000 } else { 2000 }).0);
                }
                let (mut updates, mut open) = (0, 0);
                let time = pool(1).install(|| {
                    shortest(3, || {
                        let parts = learns.settle(&clamp);
                        let ends = parts.iter().flat_map(|p| &p.ends);
                        updates = ends.clone().map(|end| end.evaluations).sum();
                        open = ends.filter(|end| end.residual > 1e-4).count();
                    })
                });
                times.push(time);
                println!(
                    "  {depth} layers, batch {size}, {}: {:.2} ms, {:.2} evaluations a sample{}, \
                     {:.2}x plain even-odd",
                    variant.name(),
                    1e3 * time,
                    updates as f64 / size as f64,
                    if open > 0 { format!(", {open} open") } else { String::new() },
                    times[0] / time
                );
            }
        }
    }
}
