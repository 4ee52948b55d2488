//! The published rows of arXiv:2311.15673, and the networks that stand for them.

use serde::{Deserialize, Serialize};

use crate::model::Family;
use crate::spec::{Local, Method, Order, Solver};

/// A model with its solver, as the paper names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    Ham,
    HamDeq,
    HamEo,
    HamEoDeq,
    /// A chord Newton method with a learned start, which the paper has not.
    HamEoChord,
    Chn,
    ChnDeq,
    ChnEo,
    ChnEoDeq,
    /// With units at the roots of their own forces, which the paper has not.
    ChnEoExact,
}

impl Variant {
    pub const HAM: [Variant; 4] =
        [Variant::Ham, Variant::HamDeq, Variant::HamEo, Variant::HamEoDeq];
    pub const CHN: [Variant; 5] =
        [Variant::Chn, Variant::ChnDeq, Variant::ChnEo, Variant::ChnEoDeq, Variant::ChnEoExact];

    pub fn name(self) -> &'static str {
        match self {
            Variant::Ham => "HAM",
            Variant::HamDeq => "HAM-DEQ",
            Variant::HamEo => "HAM-EO",
            Variant::HamEoDeq => "HAM-EO-DEQ",
            Variant::HamEoChord => "HAM-EO, chord",
            Variant::Chn => "CHN",
            Variant::ChnDeq => "CHN-DEQ",
            Variant::ChnEo => "CHN-EO",
            Variant::ChnEoDeq => "CHN-EO-DEQ",
            Variant::ChnEoExact => "CHN-EO, exact roots",
        }
    }

    fn slug(self) -> &'static str {
        match self {
            Variant::Ham => "ham",
            Variant::HamDeq => "ham-deq",
            Variant::HamEo => "ham-eo",
            Variant::HamEoDeq => "ham-eo-deq",
            Variant::HamEoChord => "ham-eo-chord",
            Variant::Chn => "chn",
            Variant::ChnDeq => "chn-deq",
            Variant::ChnEo => "chn-eo",
            Variant::ChnEoDeq => "chn-eo-deq",
            Variant::ChnEoExact => "chn-eo-exact",
        }
    }

    pub fn family(self) -> Family {
        if Variant::CHN.contains(&self) { Family::Chn } else { Family::Ham }
    }

    /// All variants that are measured on a network of this one's family.
    pub fn siblings(self) -> Vec<Variant> {
        match self.family() {
            Family::Ham => Variant::HAM.into_iter().chain([Variant::HamEoChord]).collect(),
            Family::Chn => Variant::CHN.into(),
        }
    }

    pub fn solver(self) -> Solver {
        use Variant::{
            Chn, ChnDeq, ChnEo, ChnEoDeq, ChnEoExact, HamDeq, HamEo, HamEoChord, HamEoDeq,
        };
        if self == HamEoChord {
            let method = Method::Chord { window: 4 };
            return Solver { method, order: Order::EvenOdd, ..Solver::picard(0.0) };
        }
        let mixes = matches!(self, HamDeq | HamEoDeq | ChnDeq | ChnEoDeq);
        let parts = matches!(self, HamEo | HamEoDeq | ChnEo | ChnEoDeq | ChnEoExact);
        Solver {
            method: match mixes {
                true => {
                    Method::Anderson { window: 4, ridge: 1e-10, relative: false, safeguard: true }
                }
                false => Method::Picard { adapt: false },
            },
            damping: if matches!(self, Chn | ChnDeq) { 0.5 } else { 0.0 },
            order: if parts { Order::EvenOdd } else { Order::Synchronous },
            local: match self {
                ChnEo | ChnEoDeq => Local::Damped { steps: 10, damping: 0.5 },
                _ => Local::Exact,
            },
        }
    }
}

/// Which version of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    V1,
    V2,
}

/// A network that is trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub version: Version,
    /// Units of every layer, the inputs first.
    pub layers: Vec<usize>,
    pub variant: Variant,
    pub epochs: usize,
    pub seed: u64,
}

/// A row of a published table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    pub iterations: f64,
    /// Standard deviation over five runs, where given.
    pub spread: Option<f64>,
    /// Test accuracy \[%\], where given.
    pub accuracy: Option<f64>,
}

impl Job {
    /// How many layers, the inputs among them.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    pub fn name(&self) -> String {
        let layers: Vec<String> = self.layers.iter().map(usize::to_string).collect();
        let version = if self.version == Version::V1 { "v1" } else { "v2" };
        let Job { epochs, seed, .. } = self;
        format!("{version}-{}-{}-{epochs}-seed{seed}", layers.join("-"), self.variant.slug())
    }

    /// The evaluations that the paper grants this variant.
    pub fn budget(&self, variant: Variant) -> usize {
        let damped = variant.solver().damping > 0.0;
        let of_depth = match self.depth() {
            0..=3 => 40,
            4 | 5 => 80,
            _ => 120,
        };
        if damped { 2 * of_depth } else { of_depth }
    }

    /// `[model]` of a file.
    fn model(&self) -> String {
        let names: Vec<String> = (0..self.depth())
            .map(|l| match l {
                0 => "input".to_string(),
                l if l + 1 == self.depth() => "output".to_string(),
                l => format!("hidden{l}"),
            })
            .collect();
        let lines =
            |each: Vec<String>| each.into_iter().map(|l| format!("  {l},\n")).collect::<String>();
        let layers = lines(
            names
                .iter()
                .zip(&self.layers)
                .map(|(name, size)| {
                    format!("{{ name = \"{name}\", size = {size}, activation = \"sigmoid\" }}")
                })
                .collect(),
        );
        let dense = names.windows(2).map(|pair| {
            format!("{{ dense = {{ between = [\"{}\", \"{}\"] }} }}", pair[0], pair[1])
        });
        let first = self.version == Version::V1;
        let biases = names[1..].iter().filter(|_| !first);
        let biases = biases.map(|name| format!("{{ bias = {{ on = \"{name}\" }} }}"));
        let couplings = lines(dense.chain(biases).collect());
        let family = match self.variant.family() {
            Family::Ham => "ham",
            Family::Chn => "chn",
        };
        format!(
            "[model]\nfamily = \"{family}\"\nlayers = [\n{layers}]\ncouplings = [\n{couplings}]\n\
             clamp = \"input\"\nread = \"output\"\ninit = {{ bias = {} }}\n",
            if first { "0.0" } else { "0.01" },
        )
    }

    /// The network on crossbars, with the imperfections of a preset.
    pub fn chip_text(&self, preset: Option<&str>) -> String {
        let preset = preset.map_or(String::new(), |p| format!("\n[nonideal]\npreset = \"{p}\"\n"));
        format!(
            "# {} as a chip; the weights are those of its training.\n\ntitle = \"{}\"\nseed = {}\n\n{}\n\
             [hardware]\ncell = \"cell/rram-1t1r\"\narray = \"array/differential\"\n\
             tile = [128, 128]\n{preset}",
            self.variant.name(),
            self.name(),
            self.seed,
            self.model(),
        )
    }

    /// The network and its training as a file.
    pub fn text(&self) -> String {
        let first = self.version == Version::V1;
        let solver = self.variant.solver();
        let method = match solver.method {
            Method::Anderson { window, ridge, .. } => {
                format!("{{ anderson = {{ window = {window}, ridge = {ridge:e} }} }}")
            }
            _ => "{ picard = { adapt = false } }".to_string(),
        };
        let local = match solver.local {
            Local::Damped { steps, damping } => {
                format!("local = {{ steps = {steps}, damping = {damping} }}\n")
            }
            Local::Exact => String::new(),
        };
        let backward = 8 * (self.budget(self.variant) / 40);
        let (backward, rate, bound, schedule) = match (first, self.depth()) {
            (true, _) => {
                ("backward = \"adjoint\", iterations = 8".to_string(), 0.01, 10.0, "constant")
            }
            (false, 3) => (format!("iterations = {backward}"), 0.01, 3.0, "to-a-tenth"),
            (false, _) => (format!("iterations = {backward}"), 0.005, 3.0, "to-a-tenth"),
        };
        format!(
            "# {} of arXiv:2311.15673{}, with MNIST in the place of EMNIST-MNIST.\n\n\
             title = \"{}\"\nseed = {}\n\n\
             {}\n\
             [simulate]\nengine = \"ideal\"\nsolver = {method}\ndamping = {}\norder = \"{}\"\n{local}\n\
             [train]\nrule = {{ implicit-gradient = {{ {backward}, error = \"states\" }} }}\n\
             data = \"mnist\"\nepochs = {}\nbatch = 64\n\
             optimiser = {{ madam = {{ rate = {rate}, bound = {bound:?} }} }}\n\
             schedule = \"{schedule}\"\nuntil = {{ settled = 1e-5, iterations = {} }}\n",
            self.variant.name(),
            if first { "v1" } else { "v2" },
            self.name(),
            self.seed,
            self.model(),
            solver.damping,
            solver.order.name(),
            self.epochs,
            self.budget(self.variant) - 1,
        )
    }

    /// What was published of it.
    pub fn published(&self) -> Option<Published> {
        let row = |iterations, spread, accuracy| {
            Some(Published { iterations, spread: Some(spread), accuracy: Some(accuracy) })
        };
        use Variant::{Chn, ChnDeq, ChnEo, ChnEoDeq, Ham, HamDeq, HamEo, HamEoDeq};
        if self.version == Version::V1 {
            let iterations = match self.variant {
                Ham => 8.2,
                HamDeq => 6.2,
                HamEo => 5.1,
                HamEoDeq => 4.5,
                _ => return None,
            };
            return Some(Published { iterations, spread: None, accuracy: None });
        }
        match (self.depth(), self.variant, self.epochs) {
            (3, Chn, 10) => row(75.5, 2.1, 97.9),
            (3, Chn, 3) => row(39.1, 3.8, 97.0),
            (3, ChnDeq, 4) => row(20.6, 0.2, 97.2),
            (3, ChnEo, 10) => row(16.8, 0.5, 97.1),
            (3, ChnEoDeq, 10) => row(16.2, 1.0, 97.1),
            (3, Ham, 10) => row(11.9, 0.4, 97.9),
            (3, HamDeq, 10) => row(9.9, 0.3, 97.9),
            (3, HamEo, 10) => row(8.0, 0.2, 97.9),
            (3, HamEoDeq, 10) => row(6.6, 0.2, 97.9),
            (5, Ham, 10) => row(36.0, 1.8, 97.1),
            (5, HamDeq, 10) => row(33.0, 0.6, 97.1),
            (5, HamEo, 10) => row(18.3, 0.5, 97.1),
            (5, HamEoDeq, 10) => row(17.7, 0.3, 97.1),
            (7, Ham, 10) => row(67.1, 2.9, 95.6),
            (7, HamDeq, 10) => row(56.0, 1.4, 95.6),
            (7, HamEo, 10) => row(32.2, 0.8, 95.5),
            (7, HamEoDeq, 10) => row(31.0, 1.0, 95.5),
            _ => None,
        }
    }
}

/// Tolerances of [`PUBLISHED_BY_TOLERANCE`]; the one that tables go by is the fifth.
pub const TOLERANCES: [f64; 11] = [
    1e-2,
    3.162_277_660_168_379e-3,
    1e-3,
    3.162_277_660_168_379e-4,
    1e-4,
    3.162_277_660_168_379e-5,
    1e-5,
    3.162_277_660_168_379e-6,
    1e-6,
    3.162_277_660_168_379e-7,
    1e-7,
];
/// The place of 1e-4 among them.
pub const MAIN: usize = 4;

/// Mean iterations of the CHN rows, with the epochs they were trained for, at every tolerance, from the
/// outputs of the paper's notebook.
pub const PUBLISHED_BY_TOLERANCE: [(Variant, usize, [f64; 11]); 4] = [
    (
        Variant::Chn,
        3,
        [12.84, 20.63, 27.24, 33.35, 39.09, 44.42, 49.30, 53.72, 57.69, 61.33, 66.46],
    ),
    (
        Variant::ChnDeq,
        4,
        [7.97, 10.59, 13.75, 17.27, 20.61, 23.69, 26.69, 29.65, 32.44, 33.90, 39.77],
    ),
    (Variant::ChnEo, 10, [2.38, 3.57, 5.59, 9.51, 16.76, 29.19, 35.31, 36.61, 37.28, 37.71, 38.00]),
    (
        Variant::ChnEoDeq,
        10,
        [2.60, 3.81, 5.56, 9.02, 16.17, 28.83, 35.17, 36.40, 37.00, 37.31, 37.51],
    ),
];

/// Everything the paper has of these depths, `seeds` times. Beyond depth 3, and of CHN in even-odd
/// order, one training a seed serves all variants.
pub fn jobs(depths: &[usize], versions: &[Version], seeds: u64, epochs: Option<usize>) -> Vec<Job> {
    let mut jobs = Vec::new();
    for seed in 1..=seeds {
        for &version in versions {
            for &depth in depths {
                let layers = match (version, depth) {
                    (Version::V1, 3) => vec![784, 512, 10],
                    (Version::V2, 3) => vec![784, 1990, 10],
                    (Version::V2, 5) => vec![784, 1280, 510, 200, 10],
                    (Version::V2, 7) => vec![784, 1024, 512, 256, 128, 70, 10],
                    _ => continue,
                };
                let mut rows: Vec<(Variant, usize)> = match depth {
                    3 => Variant::HAM.map(|v| (v, 10)).into(),
                    _ => vec![(Variant::HamEo, 10)],
                };
                if version == Version::V2 && depth == 3 {
                    rows.extend([
                        (Variant::Chn, 3),
                        (Variant::ChnDeq, 4),
                        (Variant::ChnEo, 10),
                        (Variant::Chn, 10),
                    ]);
                }
                jobs.extend(rows.into_iter().map(|(variant, usual)| Job {
                    version,
                    layers: layers.clone(),
                    variant,
                    epochs: epochs.unwrap_or(usual),
                    seed,
                }));
            }
        }
    }
    // What the main table needs first.
    jobs.sort_by_key(|job| job.variant.family() == Family::Chn);
    jobs
}
