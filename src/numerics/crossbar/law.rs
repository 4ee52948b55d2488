use super::tiles::{LANES, Row, ZERO, row};
use crate::numerics::kernels::Real;

/// How the current of a cell follows from its voltage.
#[derive(Debug, Clone, Copy)]
pub enum Law {
    /// `i = g v`
    Linear,
    /// `i = g v0 sinh(v / v0)`
    Sinh {
        /// \[V\], above 0.
        v0: f64,
    },
    /// Current \[A\] and its slope \[S\] by conductance and voltage; the slope must be positive
    /// wherever the conductance is.
    Monotone(fn(g: f64, v: f64) -> (f64, f64)),
}

impl PartialEq for Law {
    fn eq(&self, other: &Law) -> bool {
        match (self, other) {
            (Law::Linear, Law::Linear) => true,
            (Law::Sinh { v0: a }, Law::Sinh { v0: b }) => a == b,
            (Law::Monotone(a), Law::Monotone(b)) => std::ptr::fn_addr_eq(*a, *b),
            _ => false,
        }
    }
}

impl Law {
    pub fn is_linear(&self) -> bool {
        matches!(self, Law::Linear)
    }

    /// Currents and slopes of sixteen cells.
    #[inline(always)]
    pub fn currents(&self, g: &Row, v: &Row) -> (Row, Row) {
        let (mut i, mut slope) = (ZERO, *g);
        match *self {
            Law::Linear => i = row(|l| g[l] * v[l]),
            Law::Sinh { v0 } => {
                let per_volt = 1.0 / v0;
                for l in 0..LANES {
                    let (sinh, cosh) = sinh_cosh(v[l] * per_volt);
                    (i[l], slope[l]) = (g[l] * v0 * sinh, g[l] * cosh);
                }
            }
            Law::Monotone(law) => {
                for l in 0..LANES {
                    (i[l], slope[l]) = if g[l] > 0.0 { law(g[l], v[l]) } else { (0.0, 0.0) };
                }
            }
        }
        (i, slope)
    }
}

/// Hyperbolic sine and cosine to a few units of rounding, the sine exact near 0; saturated beyond
/// 700.
#[inline(always)]
fn sinh_cosh(x: f64) -> (f64, f64) {
    // Below 0, `exp` would lose the digits that its inverse needs.
    let magnitude = if x.abs() > 700.0 { 700.0 } else { x.abs() };
    let (scale, p) = f64::split_exp2(magnitude * std::f64::consts::LOG2_E);
    let e = scale * p + (scale - 1.0);
    let inverse = 1.0 / (e + 1.0);
    let sinh = 0.5 * (e + e * inverse);
    (if x < 0.0 { -sinh } else { sinh }, 0.5 * ((e + 1.0) + inverse))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::math;

    #[test]
    fn sine_and_cosine_are_those_of_the_library() {
        for k in -4000..4000 {
            let x = f64::from(k) * 1.7e-3;
            for x in [x, 100.0 * x, 1e-9 * x] {
                let (sinh, cosh) = sinh_cosh(x);
                assert!((sinh / math::sinh(x) - 1.0).abs() < 4e-15 * (1.0 + x.abs()) || x == 0.0);
                assert!((cosh / math::cosh(x) - 1.0).abs() < 4e-15 * (1.0 + x.abs()));
            }
        }
        assert!(sinh_cosh(1e9).0.is_finite());
    }
}
