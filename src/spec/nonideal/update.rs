//! How cells move by pulses.

use crate::numerics::math;
use crate::units::Siemens;

/// `[nonideal.update]`: a write gives each cell as many pulses as its target moves by, and the
/// device law says what becomes of it: nothing is read back. Positions are `w` from -1 at `g-min`
/// to 1 at `g-max`; laws and their names are those of pulsed training (Gokmen and Vlasov, *Front.
/// Neurosci.* 10, 2016; Rasch et al., *AICAS* 2021).
///
/// The default is soft bounds without a flaw, in steps of nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Update {
    /// `law`
    pub law: StepLaw,
    /// `step`: mean change of a cell by one pulse where the law's shape is 1.
    pub step: Siemens,
    /// `step-spread`: standard deviation of a device's step, relative to it; no device steps back.
    pub step_spread: f64,
    /// `noise`: standard deviation from pulse to pulse, relative to the step. Of the pulses of one
    /// write together it is that at their start, times the root of their number.
    pub noise: f64,
    /// `asymmetry`: steps up are larger by this share of the step, steps down smaller.
    pub asymmetry: f64,
    /// `asymmetry-spread`: its standard deviation over devices.
    pub asymmetry_spread: f64,
    /// `bound-spread`: standard deviation of the ends of the way, relative to half of it.
    pub bound_spread: f64,
    /// `rounding`
    pub rounding: Rounding,
    /// `at-most`: pulses of a cell in one write; what more was asked for is lost.
    pub at_most: Option<usize>,
    /// `threshold`: the host adds up what each cell is owed and pulses it only when that has come
    /// to this much; whole steps are given, the rest stays owed (mixed precision: Nandakumar et
    /// al., *Front. Neurosci.* 14, 2020).
    pub threshold: Option<Siemens>,
    /// `one-way`: cells are pulsed upward only; what is to fall rises in the other cell of the
    /// pair (Burr et al., *IEEE Trans. Electron Devices* 62, 2015).
    pub one_way: bool,
    /// `refresh`: when pairs are programmed anew, both cells as low as their difference lets them.
    pub refresh: Option<Refresh>,
    /// `reference`: the zero of a plus cell is its own symmetry point.
    pub reference: Option<Reference>,
    /// `trains`: all cells of an array at once by coincidences of pulses on its lines; `None` is a
    /// host that addresses cell by cell.
    pub trains: Option<Trains>,
    /// `transfer`: trains move a fast array beside the network, which is carried over column by
    /// column.
    pub transfer: Option<Transfer>,
}

/// When pairs of cells are programmed anew; either will do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refresh {
    /// `every`: all pairs, after so many writes.
    pub every: Option<usize>,
    /// `above`: the pairs of which a cell is above this share of its window, after each write.
    pub above: Option<f64>,
}

/// The symmetry point of every plus cell, where a pulse up and one down undo each other, found by
/// pulses in turn and programmed into its minus cell; the plus cell is shifted by as much (zero
/// shifting: Kim et al., arXiv:1907.10228, 2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reference {
    /// `pulses`: pairs of them, up and down.
    pub pulses: usize,
    /// `error`: standard deviation of what is programmed.
    pub error: Siemens,
}

/// Pulse trains on rows and columns: a cell moves by one pulse wherever both its lines are up
/// (Gokmen and Vlasov, *Front. Neurosci.* 10, 2016).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trains {
    /// `length`: slots of a train, 64 at most.
    pub length: usize,
    /// `kind`
    pub kind: TrainKind,
}

/// How a train stands for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrainKind {
    /// A pulse in each slot by chance, of which the number is the probability.
    #[default]
    Stochastic,
    /// So many pulses of the length: the columns' in the first slots, the rows' spread evenly.
    /// `n` and `m` of them coincide `floor(n m / length)` times.
    Deterministic,
}

/// Two arrays (Tiki-Taka: Gokmen and Haensch, *Front. Neurosci.* 14, 2020): the network has the
/// slow one, trains move the fast one, which is read column by column against its reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transfer {
    /// `every`: samples learned from between the transfers of one column and the next.
    pub every: usize,
    /// `rate`: the share of what is read that the slow array is asked to move by.
    pub rate: f64,
    /// `gain`: the fast array moves by so many times what the network is asked to.
    pub gain: f64,
}

/// How a number of pulses comes of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rounding {
    /// Up or down by chance, so that the mean is what was asked for.
    #[default]
    Stochastic,
    /// To the nearest: changes of less than half a step are lost.
    Nearest,
}

/// The shape of a step over the way, `[up, down]` where the directions differ.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum StepLaw {
    /// 1 up to the ends.
    Constant,
    /// `1 - gamma w / b` upward and `1 + gamma w / |b|` downward, `b` the end ahead. 1 is a soft
    /// bound.
    Linear { gamma: [f64; 2] },
    /// `1 - w / b`: steps become short towards the end ahead.
    #[default]
    SoftBounds,
    /// `max(0, 1 - A exp(d gamma z))` with `z = 2 a w / (b_max - b_min) + b` and `d` the
    /// direction, 1 or -1.
    Exponential { gamma: [f64; 2], amplitude: [f64; 2], a: f64, b: f64 },
    /// `omega^gamma` with `omega` the share of the way that is left ahead.
    Power { gamma: [f64; 2] },
}

impl StepLaw {
    /// The step at `w` between the ends `[low, high]`, in units of its mean.
    pub fn shape(&self, w: f64, [low, high]: [f64; 2], up: bool) -> f64 {
        let side = usize::from(!up);
        let (end, sign) = if up { (high, 1.0) } else { (low, -1.0) };
        match self {
            StepLaw::Constant => 1.0,
            StepLaw::Linear { gamma } => 1.0 - gamma[side] * w / end,
            StepLaw::SoftBounds => 1.0 - w / end,
            StepLaw::Exponential { gamma, amplitude, a, b } => {
                let z = 2.0 * a * w / (high - low) + b;
                1.0 - amplitude[side] * math::exp(sign * gamma[side] * z)
            }
            StepLaw::Power { gamma } => {
                let ahead = (end - w) / (end - if up { low } else { high });
                math::pow(ahead.max(0.0), gamma[side])
            }
        }
        .max(0.0)
    }
}
