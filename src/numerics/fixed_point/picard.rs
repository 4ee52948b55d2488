use super::{Map, Memory, norms};
use crate::numerics::kernels::Real;

/// `z <- z + h (f(z) - z)`, one `h` a row.
pub struct Picard {
    adapt: bool,
    rows: Vec<Pace>,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    step: f64,
    /// The residual that the present one is held against, and its iteration.
    mark: (f64, usize),
}

/// A residual that has not fallen by [`PROGRESS`] over so many iterations has stopped falling.
const PATIENCE: usize = 32;
const PROGRESS: f64 = 0.95;
/// A residual that has grown by this has stopped falling at once.
const GROWTH: f64 = 4.0;
/// The step of a damped iteration is not made shorter than this.
const LEAST_STEP: f64 = 1.0 / 256.0;

impl Picard {
    pub fn new(step: f64, adapt: bool, rows: usize) -> Picard {
        Picard { adapt, rows: vec![Pace { step, mark: (f64::INFINITY, 0) }; rows] }
    }
}

impl<T: Real, M: Map<T>> Memory<T, M> for Picard {
    fn step(&mut self, map: &mut M, z: &mut [T], image: &[T], iteration: usize) -> usize {
        let dim = map.dim();
        let each = z.chunks_exact_mut(dim).zip(image.chunks_exact(dim));
        for ((z, image), pace) in each.zip(&mut self.rows) {
            if self.adapt {
                pace.damp(norms(z, image).largest, iteration);
            }
            if pace.step == 1.0 {
                z.copy_from_slice(image);
            } else {
                let h = T::of(pace.step);
                for (z, &image) in z.iter_mut().zip(image) {
                    *z = *z + h * (image - *z);
                }
            }
        }
        0
    }

    fn keep(&mut self, rows: &[usize]) {
        self.rows = rows.iter().map(|&row| self.rows[row]).collect();
    }
}

impl Pace {
    /// Halves the step of a row whose residual has stopped falling.
    fn damp(&mut self, residual: f64, iteration: usize) {
        let (mark, since) = self.mark;
        if mark.is_infinite() {
            self.mark = (residual, iteration);
            return;
        }
        if residual > GROWTH * mark || (iteration - since >= PATIENCE && residual > PROGRESS * mark)
        {
            self.step = (0.5 * self.step).max(LEAST_STEP);
        } else if iteration - since < PATIENCE {
            return;
        }
        self.mark = (residual, iteration);
    }
}
