//! Fixed points and training steps of the networks of arXiv:2311.15673: a whole step by implicit
//! gradients at three depths, beside the published algorithm in PyTorch with the same weights and
//! pictures, and settling by the solvers on networks that have learned a while.
//! `cargo bench --bench solve [-- 3 5 7 steps]`; needs MNIST (`eqcircuit data`).
//!
//! The other side is `benches/reference/ham.py`; it runs where `python3` finds `torch` (`PYTHONPATH`
//! is honoured).

mod common;

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use common::{has_torch, pool, reference, save_tensors, shortest};
use eqcircuit::data::registry::{Folders, load};
use eqcircuit::data::{DataSet, Split};
use eqcircuit::learn::{Implicit, OptimiserRule, one_hot};
use eqcircuit::model::{Coupling, EnergyModel};
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

/// Steps that are measured here, and there.
const STEPS: usize = 32;
const STEPS_THERE: usize = 9;

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

/// Seconds of a step and iterations there, by solver, of a network and the pictures that follow.
fn there(
    model: &EnergyModel,
    set: &DataSet,
    evaluations: [usize; 2],
    threads: usize,
    folder: &Path,
) -> HashMap<String, [f64; 2]> {
    let numbers = |of: &[f64]| of.iter().map(|&v| v as f32).collect::<Vec<f32>>();
    let (x, target, _) = batch(set, 1, STEPS_THERE * BATCH);
    let mut all = vec![
        ("x".to_string(), vec![x.rows(), x.cols()], numbers(x.as_slice())),
        ("target".to_string(), vec![target.rows(), target.cols()], numbers(target.as_slice())),
    ];
    for coupling in &model.couplings {
        all.push(match coupling {
            Coupling::Dense { pre, weight, .. } => (
                format!("weight{}", pre.0),
                vec![weight.rows(), weight.cols()],
                numbers(weight.as_slice()),
            ),
            Coupling::Bias { on, value } => {
                (format!("bias{}", on.0), vec![value.len()], numbers(value))
            }
        });
    }
    let file = folder.join("ham.safetensors");
    save_tensors(&file, &all);
    let args = [threads, STEPS_THERE, evaluations[0], evaluations[1]].map(|n| n.to_string());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = reference("ham.py", &file, &args).unwrap_or_default();
    let row = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next()?.to_string();
        let mut number = || words.next()?.parse().ok();
        Some((name, [number()?, number()?]))
    };
    said.lines().filter_map(row).collect()
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
    let folder = tempfile::tempdir().expect("a temporary folder");
    let torch = has_torch();
    if !torch {
        println!("python3 finds no torch and numpy: only our own times (set PYTHONPATH)");
    }
    println!("training steps of 64, forward to 1e-4, f32, means of {STEPS} after {WARM} steps");
    let mut models = Vec::new();
    let asked: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let wanted = |depth: &usize| asked.is_empty() || asked.contains(depth);
    for (d, depth) in [3, 5, 7].into_iter().enumerate().filter(|(_, depth)| wanted(depth)) {
        let mut model = network(depth);
        let couplings = model.couplings.len();
        let rate = if depth == 3 { 0.01 } else { 0.005 };
        // Of the published solver, and terms of its way back.
        let [budget, terms] = [40 * (d + 1), 8 * (d + 1)];
        let mut times = [[0.0; 2]; 2];
        for (v, variant) in [Variant::HamEo, Variant::HamEoChord].into_iter().enumerate() {
            let mut learns = learner(&network(depth), variant, terms);
            let step = |learns: &mut Implicit<f32>, k: usize| {
                let (clamp, target, labels) = batch(&set, k, BATCH);
                black_box(learns.step([&clamp, &target], &labels, MADAM, rate, couplings))
            };
            pool(2).install(|| {
                (0..WARM).for_each(|k| {
                    step(&mut learns, k);
                })
            });
            if v == 0 {
                learns.field.put(&mut model);
            }
            for threads in [1, 2] {
                pool(threads).install(|| {
                    let mut iterations = 0.0;
                    let start = Instant::now();
                    for k in 0..STEPS {
                        let tally = step(&mut learns, WARM + k);
                        iterations += tally.free_time / tally.settled.max(1) as f64 / STEPS as f64;
                    }
                    let mean = start.elapsed().as_secs_f64() / STEPS as f64;
                    times[v][threads - 1] = mean;
                    println!(
                        "  {depth} layers, {}, {threads} threads: {:.1} ms, {iterations:.1} iterations",
                        variant.name(),
                        1e3 * mean
                    );
                });
            }
        }
        for threads in [1, 2].into_iter().filter(|_| torch) {
            let found = there(&model, &set, [budget, terms], threads, folder.path());
            for mode in ["anderson", "picard", "stopping"] {
                let Some([seconds, iterations]) = found.get(mode) else { continue };
                println!(
                    "  {depth} layers, PyTorch, {mode}, {threads} threads: {:.1} ms, {iterations:.1} \
                     iterations; ours {:.1}x as fast, chord {:.1}x",
                    1e3 * seconds,
                    seconds / times[0][threads - 1],
                    seconds / times[1][threads - 1]
                );
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
                    shortest(40, || {
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
