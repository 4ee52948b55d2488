//! Which cells are stuck, and where.

use rand::RngExt;

use crate::numerics::math;
use crate::numerics::seed::Seed;
use crate::spec::{Along, Cluster, Fabrication};
use crate::units::Siemens;

/// What a stuck cell is stuck at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// Its largest conductance.
    On,
    /// Its least conductance.
    Off,
    At(Siemens),
}

/// The stuck cells of `[rows, cols]` cells, ascending.
pub(super) fn draw(
    shape: [usize; 2],
    fabrication: &Fabrication,
    place: Seed,
) -> Vec<(usize, Fault)> {
    let total = fabrication.stuck();
    if total <= 0.0 {
        return Vec::new();
    }
    let rates: Vec<f64> = [fabrication.stuck_on, fabrication.stuck_off]
        .into_iter()
        .chain(fabrication.stuck_at.iter().map(|at| at.rate))
        .collect();
    let kinds = match &fabrication.cluster {
        Some(cluster) if total < 1.0 => clustered(shape, &rates, cluster, place.child("clusters")),
        _ => single(shape[0] * shape[1], &rates, place.child("stuck")),
    };
    let fault = |k: usize, kind: usize| match kind {
        0 => Fault::On,
        1 => Fault::Off,
        kind => {
            let [from, to] = fabrication.stuck_at[kind - 2].between;
            let share: f64 = place.child("stuck-at").index(k).rng().random();
            Fault::At(from + share * (to - from))
        }
    };
    kinds.into_iter().map(|(k, kind)| (k, fault(k, kind))).collect()
}

/// Which of the rates a uniform number falls to; none beyond their sum.
fn kind_of(rates: &[f64], u: f64) -> Option<usize> {
    let mut sum = 0.0;
    rates.iter().position(|rate| {
        sum += rate;
        u < sum
    })
}

/// Every cell by itself.
fn single(cells: usize, rates: &[f64], place: Seed) -> Vec<(usize, usize)> {
    let mut rng = place.rng();
    let each = (0..cells).map(|k| (k, kind_of(rates, rng.random())));
    each.filter_map(|(k, kind)| Some((k, kind?))).collect()
}

/// A Boolean model on a torus. Of clusters with density `d` a cell and mean area `A`, a cell is
/// covered with probability `1 - exp(-d A)`, which sets `d`. Where clusters meet, the first holds;
/// their kinds do not hang on their places, so the kinds share what is covered as the rates do.
fn clustered(
    [rows, cols]: [usize; 2],
    rates: &[f64],
    cluster: &Cluster,
    place: Seed,
) -> Vec<(usize, usize)> {
    let total: f64 = rates.iter().sum();
    let side = match cluster.along {
        Along::Patch => math::sqrt(cluster.mean),
        _ => cluster.mean,
    };
    // A word line runs along the outputs, which are the rows here.
    let high = Side { mean: if cluster.along == Along::Bit { 1.0 } else { side }, most: rows };
    let wide = Side { mean: if cluster.along == Along::Word { 1.0 } else { side }, most: cols };
    let density = -math::log1p(-total) / (high.expected() * wide.expected());
    let mut rng = place.rng();
    let mut kinds = vec![None; rows * cols];
    let mut at = 0.0;
    loop {
        let u: f64 = rng.random();
        at -= math::log1p(-u) / density;
        if at >= kinds.len() as f64 {
            break;
        }
        let [u, v, w]: [f64; 3] = [rng.random(), rng.random(), rng.random()];
        let (top, left) = (at as usize / cols, at as usize % cols);
        let kind = kind_of(rates, u * total).unwrap_or(rates.len() - 1);
        for i in top..top + high.length(v) {
            for j in left..left + wide.length(w) {
                kinds[(i % rows) * cols + j % cols].get_or_insert(kind);
            }
        }
    }
    let each = kinds.into_iter().enumerate();
    each.filter_map(|(k, kind)| Some((k, kind?))).collect()
}

/// A geometric length of this mean, cut at the size of the array.
struct Side {
    mean: f64,
    most: usize,
}

impl Side {
    fn length(&self, u: f64) -> usize {
        let more = math::log1p(-u) / math::log1p(-1.0 / self.mean);
        (1 + more as usize).min(self.most)
    }

    /// The mean of the cut length.
    fn expected(&self) -> f64 {
        let stays = math::log1p(-1.0 / self.mean);
        self.mean * -math::expm1(self.most as f64 * stays)
    }
}
