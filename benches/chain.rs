//! A step of training of a chain (forward, two nudged phases, gradients, Adam), beside the published
//! algorithm (arXiv:2409.03306) in PyTorch with the same weights, samples and threads, in the same
//! run. `cargo bench --bench chain`; a word after `--` picks the networks with it in their names.
//!
//! The other side is `benches/reference/ff_ebm.py`; it runs where `python3` finds `torch`
//! (`PYTHONPATH` is honoured).

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use common::{has_torch, normal, pool, reference, save_tensors};
use eqcircuit::learn::{Back, Chain, ChainDescent, Link, Mode, OptimiserRule, Phases, loss};
use eqcircuit::model::Cost;
use eqcircuit::numerics::Mat;
use eqcircuit::numerics::seed::Seed;
use eqcircuit::spec::{self, Library, Subject};

const ADAM: OptimiserRule = OptimiserRule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const RATE: f64 = 1e-4;
const BETA: f64 = 0.2;
const BACK: Back = Back::Propagation { beta: BETA, phases: Phases::Centred };
const BATCH: usize = 64;
/// Timed steps, of which the shortest counts, after one that is not timed.
const STEPS: usize = 3;

/// A network and how it is iterated.
struct Case {
    name: &'static str,
    /// Its file.
    text: String,
}

fn conv(channels: usize, pool: bool) -> String {
    let pool = if pool { ", pool = 2" } else { "" };
    format!("{{ conv = {{ channels = {channels}{pool} }} }}")
}

/// A digital block `in<place>` and an analog block after it.
fn blocks(place: usize, digital: &str, layers: &str, phases: &str, clamp_last: bool) -> String {
    format!(
        "[[chain]]\nname = \"in{place}\"\ndigital = {{ layers = [{digital}] }}\n\n\
         [[chain]]\nname = \"block{place}\"\n[chain.analog]\nslope = 0.65\n\
         clamp-last = {clamp_last}\n{phases}\nlayers = [{layers}]\n\n"
    )
}

fn file(shape: [usize; 3], body: &str) -> String {
    format!(
        "title = \"net\"\n[input]\nshape = {shape:?}\n\n{body}\
         [[chain]]\nname = \"readout\"\ndigital = {{ layers = [{{ linear = {{ size = 10 }} }}] }}\n"
    )
}

/// A convolution into a block, as the files `cifar-split-*.toml` have it.
fn entry(channels: usize, first: bool) -> String {
    let norm = if first { ", { batch-norm = { affine = false } }" } else { "" };
    let bias = !first;
    format!(
        "{{ conv = {{ channels = {channels}, kernel = 3, padding = 1, bias = {bias} }} }}, \
         {{ max-pool = {{}} }}{norm}"
    )
}

/// The six layers of `cifar-split-1.toml`, in one block.
fn one_block(phases: &str) -> String {
    let dense = "{ dense = { size = 256 } }".to_string();
    let layers = [conv(64, true), conv(128, true), conv(128, false), conv(128, true), dense];
    file([3, 32, 32], &blocks(1, &entry(32, true), &layers.join(", "), phases, false))
}

/// The six layers of `cifar-split-3.toml`, in three blocks.
fn three_blocks(phases: &str) -> String {
    let body = [
        blocks(1, &entry(32, true), &conv(64, true), phases, true),
        blocks(2, &entry(128, false), &conv(128, false), phases, true),
        blocks(3, &entry(128, false), "{ dense = { size = 256 } }", phases, false),
    ];
    file([3, 32, 32], &body.concat())
}

fn dense(phases: &str) -> String {
    let linear = |size: usize| format!("{{ linear = {{ size = {size} }} }}");
    let body = [
        blocks(1, &linear(784), "{ dense = { size = 512 } }", phases, true),
        blocks(2, &linear(512), "{ dense = { size = 256 } }", phases, false),
    ];
    file([784, 1, 1], &body.concat())
}

fn small(phases: &str) -> String {
    let second = "{ flatten = {} }, { linear = { size = 40 } }";
    let dense = "{ dense = { size = 32 } }, { dense = { size = 24 } }";
    let body = [
        blocks(1, &entry(8, true), &[conv(12, true), conv(12, false)].join(", "), phases, true),
        blocks(2, second, dense, phases, false),
    ];
    file([3, 16, 16], &body.concat())
}

fn cases() -> Vec<Case> {
    let fixed = "free = { iterations = 15 }\nnudged = { iterations = 10 }";
    let settled = "free = { iterations = 100, settled = 1e-3 }\nnudged = { iterations = 10 }";
    let case = |name, text| Case { name, text };
    vec![
        case("conv, 3 blocks", three_blocks(fixed)),
        case("conv, 1 block", one_block(fixed)),
        case("dense, 2 blocks", dense(fixed)),
        case("conv, 3 blocks, to 1e-3", three_blocks(settled)),
        case("conv, 1 block, to 1e-3", one_block(settled)),
    ]
}

/// A chain, its optimiser and its samples.
struct Training {
    chain: Chain<f32>,
    descent: ChainDescent<f32>,
    x: Mat<f32>,
    labels: Vec<usize>,
    steps: usize,
}

impl Training {
    fn new(text: &str, batch: usize, folder: &Path) -> Training {
        let path = folder.join("net.toml");
        std::fs::write(&path, text).expect("a file in a temporary folder");
        let spec = spec::load(&path, &[], &Library::built_in()).expect("a file without mistakes");
        let Subject::Chain(chain) = spec.subject else { panic!("a chain") };
        let seed = Seed::new(1);
        let chain = Chain::new(&chain, seed.child("init"), seed.child("chip"));
        let x = normal(batch, chain.input().size(), 1.0, seed.child("x"));
        Training {
            descent: ChainDescent::new(ADAM, RATE, 0.0, &chain),
            chain,
            x: x.map(|v| v as f32),
            labels: (0..batch).map(|s| s % 10).collect(),
            steps: 0,
        }
    }

    /// The mean cost; gradients are set.
    fn gradients(&mut self) -> f64 {
        let draw = Seed::new(2).index(self.steps);
        let outputs = self.chain.forward(&self.x, Mode::Train { draw }).expect("finite numbers");
        let (costs, dy) = loss(Cost::CrossEntropy, &outputs, &self.labels);
        self.chain.backward(dy, BACK).expect("finite numbers");
        costs.iter().sum::<f64>() / costs.len() as f64
    }

    fn step(&mut self) {
        self.gradients();
        self.descent.step(&mut self.chain);
        self.steps += 1;
    }

    /// Seconds of the shortest step, and of all processors in a step on the mean.
    fn measure(&mut self, threads: usize) -> [f64; 2] {
        pool(threads).install(|| {
            self.step();
            let before = processors();
            let shortest = common::shortest(STEPS, || self.step());
            [shortest, (processors() - before) / STEPS as f64]
        })
    }

    /// Free iterations a sample, of all blocks together.
    fn iterations(&self) -> f64 {
        let ends = self.chain.endings().flat_map(|(_, ends)| ends);
        ends.map(|end| end.iterations).sum::<usize>() as f64 / self.x.rows() as f64
    }

    /// Samples, labels and parameters; what was found too, if it is asked for.
    fn save(&self, path: &Path, found: Option<f64>) {
        let labels: Vec<f32> = self.labels.iter().map(|&label| label as f32).collect();
        let mut all = vec![
            ("x".to_string(), vec![self.x.rows(), self.x.cols()], self.x.as_slice().to_vec()),
            ("labels".to_string(), vec![labels.len()], labels),
        ];
        for (name, p) in self.chain.parameters() {
            if found.is_some() && p.is_learned() {
                all.push((format!("grad.{name}"), p.shape.clone(), p.grad.clone()));
            }
            all.push((name, p.shape.clone(), p.value.clone()));
        }
        if let Some(loss) = found {
            all.push(("loss".to_string(), vec![1], vec![loss as f32]));
        }
        save_tensors(path, &all);
    }
}

/// Seconds that this process has had of all processors, where the system tells (by hundredths).
fn processors() -> f64 {
    let all = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = all.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Where a step's time goes, in ms: passes through the blocks there and back, and the rest.
fn parts(training: &mut Training, threads: usize) -> String {
    pool(threads).install(|| {
        let since = |start: Instant| 1e3 * start.elapsed().as_secs_f64();
        let mut x = training.x.clone();
        let (mut digital, mut analog) = ([0.0; 2], [0.0; 2]);
        for (_, link) in training.chain.links_mut() {
            let start = Instant::now();
            match link {
                Link::Host(host) => {
                    x = host.forward(&x, Mode::Check);
                    digital[0] += since(start);
                }
                Link::Analog(block) => {
                    x = block.forward(x, true);
                    analog[0] += since(start);
                }
            }
        }
        let (_, dy) = loss(Cost::CrossEntropy, &x, &training.labels);
        let mut dy = Some(dy);
        let mut links: Vec<_> = training.chain.links_mut().map(|(_, link)| link).collect();
        for link in links.iter_mut().rev() {
            let Some(error) = dy.take() else { break };
            let start = Instant::now();
            match link {
                Link::Host(host) => {
                    dy = host.backward(error, true);
                    digital[1] += since(start);
                }
                Link::Analog(block) => {
                    dy = Some(block.backward(&error, BACK));
                    analog[1] += since(start);
                }
            }
        }
        let start = Instant::now();
        training.descent.step(&mut training.chain);
        format!(
            "digital {:.0} + {:.0}, free {:.0}, nudged and contrast {:.0}, optimiser {:.0} ms",
            digital[0],
            digital[1],
            analog[0],
            analog[1],
            since(start)
        )
    })
}

/// The other side, in a folder with a network and its numbers.
fn python(folder: &Path, mode: &str, threads: usize) -> Option<String> {
    let numbers = [threads.to_string(), STEPS.to_string(), BETA.to_string(), RATE.to_string()];
    let args: Vec<&str> = [mode].into_iter().chain(numbers.iter().map(String::as_str)).collect();
    reference("ff_ebm.py", folder, &args)
}

fn load_average() -> String {
    let all = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    all.split(' ').next().unwrap_or("?").to_string()
}

/// Whether both compute the same.
fn agree(folder: &Path) {
    let fixed = "free = { iterations = 15 }\nnudged = { iterations = 10 }";
    let mut training = Training::new(&small(fixed), 16, folder);
    let loss = training.gradients();
    training.save(&folder.join("net.safetensors"), Some(loss));
    match python(folder, "agree", 1) {
        Some(said) => println!("small network, the same weights: {}", said.trim()),
        None => println!("small network: the other side failed"),
    }
}

fn row(case: &Case, threads: usize, folder: &Path, torch: bool) {
    let mut training = Training::new(&case.text, BATCH, folder);
    training.save(&folder.join("net.safetensors"), None);
    let own = training.measure(threads);
    let said = if torch { python(folder, "time", threads) } else { None };
    // `mode seconds seconds-of-processors iterations` a line.
    let found: HashMap<&str, [f64; 3]> = said
        .as_deref()
        .unwrap_or_default()
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let mode = words.next()?;
            let mut number = || words.next()?.parse().ok();
            Some((mode, [number()?, number()?, number()?]))
        })
        .collect();
    let cell = |mode: &str, of: usize| match found.get(mode) {
        Some(times) => format!("{:8.0} {:6.2}", 1e3 * times[of], times[of] / own[of]),
        None => format!("{:>8} {:>6}", "-", "-"),
    };
    for (of, what) in ["shortest", "processors"].into_iter().enumerate() {
        let (name, threads) = match of {
            0 => (case.name, threads.to_string()),
            _ => ("", String::new()),
        };
        println!(
            "{name:24} {threads:>3} {what:11} {:8.0}   {}   {}",
            1e3 * own[of],
            cell("inside", of),
            cell("once", of)
        );
    }
    let there = found.get("once").map(|times| format!(", {:.1} there", times[2]));
    println!(
        "{:28} free iterations a sample: {:.1} here{}; load {}",
        "",
        training.iterations(),
        there.unwrap_or_default(),
        load_average()
    );
    println!("{:28} {}", "", parts(&mut training, threads));
}

fn main() {
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-')).unwrap_or_default();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let torch = has_torch();
    println!(
        "a step of training, batch {BATCH}, f32, beta {BETA}, centred; the shortest of {STEPS}, in ms;\n\
         at fixed lengths 15 free and 10 nudged iterations, otherwise at most 100 free ones;\n\
         `F inside`: PyTorch, the way into a block computed at every iteration, as published;\n\
         `F once`: PyTorch, once a step, with a constant nudge, as here; x: their time over ours;\n\
         `processors`: what a step takes of all processors, on the mean, whoever else uses them;\n\
         to 1e-3: here each sample stops by itself, there the whole batch at once"
    );
    if torch {
        agree(folder.path());
    } else {
        println!("python3 finds no torch and numpy: only our own times (set PYTHONPATH)");
    }
    println!(
        "{:24} {:>3} {:11} {:>8}   {:>8} {:>6}   {:>8} {:>6}",
        "", "thr", "", "ours", "F inside", "x", "F once", "x"
    );
    for case in cases().iter().filter(|case| case.name.contains(&wanted)) {
        for threads in [1, 2] {
            row(case, threads, folder.path(), torch);
        }
    }
}
