//! Elementary functions, the only place that names them: through `libm`, so that results are the
//! same bits on every machine.

pub use libm::{
    acos, acosh, asin, asinh, atan, atan2, atanh, cos, cosh, erfc, exp, expm1, hypot, log, log1p,
    log10, pow, sin, sinh, sqrt, tan, tanh,
};

/// `1 / (1 + exp(-x))`, without overflow.
pub fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + exp(-x))
    } else {
        let e = exp(x);
        e / (1.0 + e)
    }
}

/// `ln(1 + exp(x))`, without overflow.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + log1p(exp(-x.abs()))
}

/// `ln sum exp(x_i)`, without overflow.
pub fn log_sum_exp(xs: &[f64]) -> f64 {
    let top = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + log(xs.iter().map(|x| exp(x - top)).sum())
}

/// `ln cosh(x)`, without overflow.
pub fn log_cosh(x: f64) -> f64 {
    let a = x.abs();
    a + log1p(exp(-2.0 * a)) - std::f64::consts::LN_2
}
