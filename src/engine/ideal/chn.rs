//! The state of a CHN unit whose neighbours are held: a minimum of `x^2 / 2 - c f(x)`.

use crate::model::Activation;
use crate::numerics::math;

/// The root of `x - f'(x) c` that the unit's own motion `dx/dt = f'(x) c - x` reaches from `x`.
///
/// Steps of `1 / L`, with `L` a bound on the slope of the force, cannot pass over a root; Newton's
/// method takes over where the energy is convex and the step halves the force.
pub fn rest(activation: Activation, x: f64, c: f64) -> f64 {
    match activation {
        Activation::Identity => c,
        Activation::Relu => c.max(0.0),
        Activation::HardSigmoid => c.clamp(0.0, 1.0),
        Activation::Sigmoid | Activation::Tanh => descend(activation, x, c),
        Activation::Softmax => panic!("softmax is not elementwise"),
    }
}

/// Most steps of [`descend`]; a dozen are usual.
const MOST: usize = 500;

fn descend(activation: Activation, mut x: f64, c: f64) -> f64 {
    // The largest magnitudes of f'': 8 / sqrt(27) of tanh, four squares of it halved of the sigmoid.
    let most = match activation {
        Activation::Tanh => 4.0 / (3.0 * math::sqrt(3.0)),
        _ => 8.0 / (3.0 * math::sqrt(3.0)),
    };
    let bound = 1.0 + most * c.abs();
    let at = |x: f64| {
        let (slope, bend) = slopes(activation, x);
        (slope * c - x, 1.0 - bend * c)
    };
    let (mut force, mut stiffness) = at(x);
    for _ in 0..MOST {
        if force.abs() <= 1e-15 * (1.0 + x.abs()) {
            break;
        }
        let mut next = x + force / bound;
        if stiffness > 0.25 {
            let newton = x + force / stiffness;
            let (f, s) = at(newton);
            if s > 0.25 && f.abs() < 0.5 * force.abs() {
                next = newton;
            }
        }
        x = next;
        (force, stiffness) = at(x);
    }
    x
}

/// `f'(x)` and `f''(x)` of an elementwise activation; those of kinks from the right.
pub fn slopes(activation: Activation, x: f64) -> (f64, f64) {
    let slope = activation.scalar_slope(x);
    let bend = match activation {
        Activation::Sigmoid => {
            let v = math::logistic(4.0 * x - 2.0);
            4.0 * slope * (1.0 - 2.0 * v)
        }
        Activation::Tanh => -2.0 * math::tanh(x) * slope,
        _ => 0.0,
    };
    (slope, bend)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the unit's own motion in steps too short to pass anything.
    #[test]
    fn a_unit_comes_to_rest_where_its_motion_takes_it() {
        let smooth = [Activation::Sigmoid, Activation::Tanh];
        for activation in smooth.into_iter().chain([Activation::Relu, Activation::HardSigmoid]) {
            for i in 0..40 {
                let c = -4.0 + 0.23 * f64::from(i);
                let mut x = -1.0 + f64::from(i * 7 % 13) * 0.21;
                if !smooth.contains(&activation) {
                    x = x.abs(); // at a kink from below the motion never ends
                }
                let found = rest(activation, x, c);
                for _ in 0..20_000 {
                    x += 2e-3 * (activation.scalar_slope(x) * c - x);
                }
                assert!((found - x).abs() < 1e-2, "{activation:?} {c}: {found} for {x}");
                if smooth.contains(&activation) {
                    let force = activation.scalar_slope(found) * c - found;
                    assert!(force.abs() < 1e-13, "{activation:?} {c}: {force:e}");
                }
            }
        }
    }

    #[test]
    fn slopes_are_differences() {
        for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Identity] {
            for i in 0..20 {
                let (x, h) = (-1.0 + 0.113 * f64::from(i), 1e-5);
                let (slope, bend) = slopes(activation, x);
                let [low, high] = [x - h, x + h];
                let by_values = (activation.scalar(high) - activation.scalar(low)) / (2.0 * h);
                let by_slopes =
                    (slopes(activation, high).0 - slopes(activation, low).0) / (2.0 * h);
                assert!((slope - by_values).abs() < 1e-8, "{activation:?}");
                assert!((bend - by_slopes).abs() < 1e-8, "{activation:?}");
            }
        }
    }
}
