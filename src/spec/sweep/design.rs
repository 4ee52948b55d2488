//! Which points a sweep has: where each of them lies on each axis.

use rand::RngExt;

use crate::numerics::seed::Seed;

/// How the points of a sweep are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// Every combination of values, the last axis fastest.
    Grid,
    /// Points drawn independently of one another, uniformly over each axis.
    Random,
    /// Of so many equal parts of each axis every one holds a point, uniformly drawn in it; which
    /// parts meet in a point is drawn (McKay, Beckman and Conover 1979).
    LatinHypercube,
    /// The file as it is, then each value of each axis with the others as the file has them.
    OneAtATime,
}

impl Design {
    pub const ALL: [Design; 4] =
        [Design::Grid, Design::Random, Design::LatinHypercube, Design::OneAtATime];

    /// The word for it in a file.
    pub fn name(self) -> &'static str {
        match self {
            Design::Grid => "grid",
            Design::Random => "random",
            Design::LatinHypercube => "latin-hypercube",
            Design::OneAtATime => "one-at-a-time",
        }
    }

    /// The design of this name.
    pub fn named(name: &str) -> Option<Design> {
        Design::ALL.into_iter().find(|design| design.name() == name)
    }

    /// Whether the number of points is chosen, not given by the axes.
    pub fn is_drawn(self) -> bool {
        matches!(self, Design::Random | Design::LatinHypercube)
    }

    /// The points of axes of so many values each, where the axes decide that.
    pub fn count(self, lengths: &[usize]) -> usize {
        match self {
            Design::OneAtATime => {
                1 + lengths.iter().fold(0, |sum: usize, n| sum.saturating_add(*n))
            }
            _ => lengths.iter().fold(1, |product: usize, n| product.saturating_mul(*n)),
        }
    }

    /// Which value of each axis a point has, `None` for the file's own; axes of so many values
    /// each.
    ///
    /// # Panics
    /// For designs that are drawn.
    pub fn choice(self, lengths: &[usize], point: usize) -> Vec<Option<usize>> {
        assert!(!self.is_drawn(), "what is drawn is not counted");
        let mut choice = vec![None; lengths.len()];
        if self == Design::Grid {
            let mut rest = point;
            for (place, &length) in choice.iter_mut().zip(lengths).rev() {
                *place = Some(rest % length.max(1));
                rest /= length.max(1);
            }
            return choice;
        }
        let mut rest = point.checked_sub(1);
        for (place, &length) in choice.iter_mut().zip(lengths) {
            rest = match rest {
                Some(value) if value < length => {
                    *place = Some(value);
                    None
                }
                other => other.and_then(|value| value.checked_sub(length)),
            };
        }
        choice
    }
}

/// The places of points on drawn axes: a fraction of each axis, from 0 up to but not 1. A draw
/// has the name of its axis and the number of its point, so other axes do not change it; nor, in a
/// random design, do more points.
#[derive(Debug)]
pub struct Draws {
    seeds: Vec<Seed>,
    points: usize,
    /// Which part of an axis a point lies in, `[axis][point]`; none in a random design.
    strata: Vec<Vec<u32>>,
}

impl Draws {
    /// Draws of the axes with these names; `seed` is the file's own.
    pub fn new<'a>(
        design: Design,
        keys: impl Iterator<Item = &'a str>,
        points: usize,
        seed: u64,
    ) -> Draws {
        let root = Seed::new(seed).child("sweep").child(design.name());
        let seeds: Vec<Seed> = keys.map(|key| root.child(key)).collect();
        let strata = match design {
            Design::LatinHypercube => {
                seeds.iter().map(|seed| permutation(seed.child("strata"), points)).collect()
            }
            _ => Vec::new(),
        };
        Draws { seeds, points, strata }
    }

    /// Where a point lies on an axis.
    pub fn place(&self, axis: usize, point: usize) -> f64 {
        let within: f64 = self.seeds[axis].index(point).rng().random();
        match self.strata.get(axis) {
            None => within,
            Some(parts) => {
                let (part, parts) = (f64::from(parts[point]), self.points as f64);
                // The sum may round up to the next part.
                ((part + within) / parts).min((part + 1.0) / parts * (1.0 - f64::EPSILON))
            }
        }
    }
}

/// The ranks of as many random numbers.
fn permutation(seed: Seed, count: usize) -> Vec<u32> {
    let mut order: Vec<(u64, u32)> =
        (0..count as u32).map(|i| (seed.index(i as usize).rng().random(), i)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, i)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_of_one_axis_differs_from_the_file() {
        let choice = |point| Design::OneAtATime.choice(&[2, 1, 3], point);
        assert_eq!(Design::OneAtATime.count(&[2, 1, 3]), 7);
        assert_eq!(choice(0), [None, None, None]);
        assert_eq!(choice(1), [Some(0), None, None]);
        assert_eq!(choice(2), [Some(1), None, None]);
        assert_eq!(choice(3), [None, Some(0), None]);
        assert_eq!(choice(4), [None, None, Some(0)]);
        assert_eq!(choice(6), [None, None, Some(2)]);
        assert_eq!(Design::Grid.choice(&[2, 1, 3], 4), [Some(1), Some(0), Some(1)]);
    }

    #[test]
    fn a_hypercube_has_one_point_in_each_part_of_each_axis() {
        for points in [1, 7, 1000] {
            let keys = ["a", "b", "c"];
            let draws = Draws::new(Design::LatinHypercube, keys.into_iter(), points, 5);
            let parts = |axis: usize| -> Vec<usize> {
                (0..points).map(|p| (draws.place(axis, p) * points as f64) as usize).collect()
            };
            for axis in 0..keys.len() {
                let mut sorted = parts(axis);
                sorted.sort_unstable();
                assert_eq!(sorted, (0..points).collect::<Vec<_>>());
            }
            assert!(points == 1 || parts(0) != parts(1), "the axes go together");
        }
    }

    /// Bounds of 4.9 standard deviations: a false alarm in a million of each of ten figures, were
    /// the seed drawn anew.
    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        const N: usize = 10_000;
        let mean = |f: &dyn Fn(usize) -> f64| (0..N).map(f).sum::<f64>() / N as f64;
        let draws = Draws::new(Design::Random, ["x", "y"].into_iter(), N, 11);
        let centred = |axis, p| draws.place(axis, p) - 0.5;
        let bound = |variance: f64| 4.9 * (variance / N as f64).sqrt();
        for axis in 0..2 {
            assert!(mean(&|p| centred(axis, p)).abs() < bound(1.0 / 12.0));
            // The variance of a square is 1/80 - 1/144.
            let variance = mean(&|p| centred(axis, p) * centred(axis, p));
            assert!((variance - 1.0 / 12.0).abs() < bound(1.0 / 180.0), "{variance}");
        }
        // Neither axes nor neighbours know of one another.
        assert!(mean(&|p| centred(0, p) * centred(1, p)).abs() < bound(1.0 / 144.0));
        assert!(mean(&|p| centred(0, p) * centred(0, (p + 1) % N)).abs() < bound(1.0 / 144.0));
        // Parts of an axis in a hypercube: as good as independent of those of another, and
        // uniform within.
        let cube = Draws::new(Design::LatinHypercube, ["x", "y"].into_iter(), N, 11);
        let product = mean(&|p| (cube.place(0, p) - 0.5) * (cube.place(1, p) - 0.5));
        assert!(product.abs() < bound(1.0 / 144.0), "{product}");
        let within = mean(&|p| (cube.place(0, p) * N as f64).fract() - 0.5);
        assert!(within.abs() < bound(1.0 / 12.0), "{within}");
    }

    #[test]
    fn a_draw_knows_neither_the_other_axes_nor_the_number_of_points() {
        let few = Draws::new(Design::Random, ["b"].into_iter(), 3, 2);
        let many = Draws::new(Design::Random, ["a", "b"].into_iter(), 30, 2);
        let other = Draws::new(Design::Random, ["b"].into_iter(), 3, 3);
        for point in 0..3 {
            assert_eq!(few.place(0, point), many.place(1, point));
            assert_ne!(few.place(0, point), other.place(0, point));
        }
    }
}
