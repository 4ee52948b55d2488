//! The equations of small netlists solved with full matrices, as an oracle for what devices
//! stamp.
#![allow(dead_code)]

use eqcircuit::netlist::Netlist;
use eqcircuit::numerics::dae::{Dae, Instant, Pattern, Stamps};
use nalgebra::{Complex, DMatrix, DVector};

/// The operating point from zero, by Newton's method with limited arguments.
pub fn operating_point(netlist: &Netlist) -> Vec<f64> {
    let mut x = vec![0.0; netlist.dim()];
    newton(netlist, &mut x, true).expect("Newton's method converges");
    x
}

/// Newton's method at rest; how many iterations it took.
pub fn newton(netlist: &Netlist, x: &mut [f64], limiting: bool) -> Option<usize> {
    let pattern = Pattern::of(netlist);
    let mut stamps = Stamps::new(&pattern);
    stamps.limit_arguments(limiting);
    for iteration in 1..=200 {
        stamps.take(netlist, Instant::Rest, x);
        let residual = DVector::from_column_slice(stamps.currents());
        let slopes = full(&pattern, stamps.current_slopes());
        let step = slopes.lu().solve(&residual)?;
        x.iter_mut().zip(step.iter()).for_each(|(x, d)| *x -= d);
        let small = |(x, d): (&f64, &f64)| d.abs() <= 1e-12 * x.abs() + 1e-18;
        if !stamps.limited() && x.iter().zip(step.iter()).all(small) {
            return Some(iteration);
        }
    }
    None
}

/// `values` in the order of the pattern as a full matrix.
fn full(pattern: &Pattern, values: &[f64]) -> DMatrix<f64> {
    let mut full = DMatrix::zeros(pattern.dim(), pattern.dim());
    for (col, ends) in pattern.col_starts().windows(2).enumerate() {
        for slot in ends[0]..ends[1] {
            full[(pattern.row_indices()[slot], col)] += values[slot];
        }
    }
    full
}

/// `dI/dx + j omega dQ/dx` at `x`.
fn matrix(netlist: &Netlist, x: &[f64], omega: f64) -> DMatrix<Complex<f64>> {
    let pattern = Pattern::of(netlist);
    let mut stamps = Stamps::new(&pattern);
    stamps.take(netlist, Instant::Rest, x);
    let i = full(&pattern, stamps.current_slopes());
    let q = full(&pattern, stamps.charge_slopes());
    i.zip_map(&q, |i, q| Complex::new(i, omega * q))
}

/// The response of all unknowns to the drives of the sources.
pub fn response(netlist: &Netlist, x: &[f64], frequency: f64) -> Vec<Complex<f64>> {
    let omega = std::f64::consts::TAU * frequency;
    let drive = netlist.excitation(x).into_iter().map(|[re, im]| Complex::new(re, im));
    let drive = DVector::from_iterator(x.len(), drive);
    let found = matrix(netlist, x, omega).lu().solve(&drive).expect("a regular matrix");
    found.iter().copied().collect()
}

/// The spectral density of the noise of an unknown.
pub fn noise(netlist: &Netlist, x: &[f64], of: usize, frequency: f64) -> f64 {
    let lu = matrix(netlist, x, std::f64::consts::TAU * frequency).lu();
    let mut sum = 0.0;
    for (_, noise) in netlist.noise(x) {
        let mut b = DVector::zeros(netlist.dim());
        for (row, sign) in [(noise.from, -1.0), (noise.to, 1.0)] {
            if row != Stamps::NOWHERE {
                b[row] += Complex::new(sign, 0.0);
            }
        }
        let gain = lu.solve(&b).expect("a regular matrix")[of].norm_sqr();
        sum += gain * (noise.white + noise.flicker / frequency.powf(noise.exponent));
    }
    sum
}
