//! Sparse factors against full elimination.

use eqcircuit::numerics::dae::{Dae, Instant, Pattern, Stamps};
use eqcircuit::numerics::linear::{Complex, Elimination, SparseLu};
use proptest::prelude::*;

/// A linear system as equations.
struct System {
    dim: usize,
    entries: Vec<(usize, usize, f64)>,
}

impl Dae for System {
    fn dim(&self) -> usize {
        self.dim
    }

    fn eval(&self, _at: Instant, _x: &[f64], out: &mut Stamps) {
        for &(row, col, value) in &self.entries {
            out.di(row, col, value);
        }
    }

    fn name(&self, unknown: usize) -> String {
        unknown.to_string()
    }
}

impl System {
    /// Random entries on a random permutation, so that it is regular and its diagonal is not.
    fn draw(dim: usize, numbers: &[f64]) -> System {
        let mut numbers = numbers.iter().copied().cycle();
        let mut next = || numbers.next().unwrap();
        let mut rows: Vec<usize> = (0..dim).collect();
        for k in (1..dim).rev() {
            rows.swap(k, (next() * (k + 1) as f64) as usize);
        }
        let mut entries: Vec<_> =
            rows.iter().enumerate().map(|(col, &row)| (row, col, 3.0 + next())).collect();
        for _ in 0..2 * dim {
            let place = |u: f64| (u * dim as f64) as usize;
            entries.push((place(next()), place(next()), 2.0 * next() - 1.0));
        }
        System { dim, entries }
    }

    fn values(&self, pattern: &std::sync::Arc<Pattern>) -> Vec<f64> {
        let mut stamps = Stamps::new(pattern);
        stamps.take(self, Instant::Rest, &vec![0.0; self.dim]);
        stamps.current_slopes().to_vec()
    }

    /// `A x`, or its transpose.
    fn times(&self, x: &[f64], transposed: bool) -> Vec<f64> {
        let mut y = vec![0.0; self.dim];
        for &(row, col, value) in &self.entries {
            let (to, from) = if transposed { (col, row) } else { (row, col) };
            y[to] += value * x[from];
        }
        y
    }
}

fn near(a: &[f64], b: &[f64], tolerance: f64, what: &str) -> Result<(), TestCaseError> {
    let scale = b.iter().fold(1.0, |top: f64, x| top.max(x.abs()));
    for (a, b) in a.iter().zip(b) {
        prop_assert!((a - b).abs() < tolerance * scale, "{what}: {a} against {b}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn factors_undo_the_product(dim in 1usize..40, numbers in proptest::collection::vec(0.0..1.0, 200)) {
        let system = System::draw(dim, &numbers);
        let pattern = Pattern::of(&system);
        let mut lu: SparseLu = SparseLu::new(&Elimination::of(&pattern));
        let values = system.values(&pattern);
        let x: Vec<f64> = (0..dim).map(|k| (k as f64 * 0.7).sin() + 0.1).collect();
        prop_assume!(lu.factor(&values).is_ok() && lu.check(&values).is_ok());
        // The second time along the same pivots, with other values.
        for scale in [1.0, -0.37] {
            let scaled: Vec<f64> = values.iter().map(|v| scale * v).collect();
            prop_assert!(lu.factor(&scaled).is_ok());
            for transposed in [false, true] {
                let mut y = system.times(&x, transposed);
                y.iter_mut().for_each(|y| *y *= scale);
                // The product, not the solution: a matrix may be ill-conditioned. As small signals are
                // solved; Newton's method refines by itself.
                if transposed {
                    lu.solve_transposed_refined(&scaled, &mut y);
                } else {
                    lu.solve_refined(&scaled, &mut y);
                }
                near(&system.times(&y, transposed), &system.times(&x, transposed), 1e-11, "real")?;
            }
        }
        let turned: Vec<Complex> = values.iter().map(|v| Complex::new(0.3 * v, -1.1 * v)).collect();
        let mut lu = SparseLu::new(&Elimination::of(&pattern));
        prop_assert!(lu.factor(&turned).is_ok());
        let mut y: Vec<Complex> =
            system.times(&x, false).iter().map(|v| Complex::new(0.3 * v, -1.1 * v)).collect();
        lu.solve_refined(&turned, &mut y);
        let [re, im]: [Vec<f64>; 2] = [y.iter().map(|z| z.re).collect(), y.iter().map(|z| z.im).collect()];
        near(&system.times(&re, false), &system.times(&x, false), 1e-11, "complex")?;
        near(&system.times(&im, false), &vec![0.0; dim], 1e-11, "imaginary")?;
    }
}
