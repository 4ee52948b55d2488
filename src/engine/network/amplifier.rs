//! Amplifiers that are not ideal: what they make of an activation.

use crate::compile::Chip;
use crate::model::Activation;
use crate::numerics::kernels::{self, Real};
use crate::units::Second;

/// The buffers behind the activations, in units of activation and of `tau`. With `A` the gain and
/// `w` the bandwidth in radians, `a` the voltage inside and `h` that of the output, which is `a`
/// as far as the swing goes:
///
/// ```text
/// da/dt = S(w (f(x) - h - a / A)),   S(r) = slew tanh(r / slew)
/// ```
///
/// and nothing further out than the swing. [`crate::netlist::OpAmp`] has this with limits that
/// act a hundred times faster than the amplifier. Without a bandwidth, where it comes to rest.
pub(super) struct Amplifiers {
    /// `1 / A`
    inverse: f64,
    swing: f64,
    pole: Option<Pole>,
}

#[derive(Clone, Copy)]
struct Pole {
    rate: f64,
    slew: f64,
}

impl Amplifiers {
    pub fn of_chip(chip: &Chip, tau: Second) -> Option<Amplifiers> {
        let (spec, v_unit) = (chip.nonideal.periphery.amplifier, chip.fabric.hardware.v_unit);
        spec.shapes().then(|| Amplifiers {
            inverse: spec.gain.map_or(0.0, |gain| 1.0 / gain),
            swing: spec.swing.map_or(f64::INFINITY, |swing| swing / v_unit),
            pole: spec.bandwidth.map(|hertz| Pole {
                rate: std::f64::consts::TAU * hertz * tau,
                slew: spec.slew.map_or(f64::INFINITY, |slew| slew / v_unit * tau),
            }),
        })
    }

    /// Whether outputs have a state of their own.
    pub fn lag(&self) -> bool {
        self.pole.is_some()
    }

    /// What turns the slope of an output into how far it has to go.
    pub fn weight(&self) -> f64 {
        self.pole.map_or(1.0, |pole| 1.0 / (pole.rate * (1.0 + self.inverse)))
    }

    /// Outputs at rest, of activations in place.
    pub fn rest<T: Real>(&self, xhat: &mut [T]) {
        let (gain, swing) = (T::of(1.0 / (1.0 + self.inverse)), self.swing);
        xhat.iter_mut().for_each(|v| *v = within(gain * *v, swing));
    }

    /// The outputs at `a` and the slopes `da/dt` there, for these activations.
    pub fn slopes<T: Real>(
        &self,
        [xhat, a]: [&[T]; 2],
        [output, slope]: [&mut [T]; 2],
        work: &mut [T],
    ) {
        let Some(Pole { rate, slew }) = self.pole else { return };
        let (rate, inverse) = (T::of(rate), T::of(self.inverse));
        for (((h, da), &v), &a) in output.iter_mut().zip(&mut *slope).zip(xhat).zip(a) {
            *h = within(a, self.swing);
            *da = rate * (v - *h - inverse * a);
        }
        if slew.is_finite() {
            let lanes = work.len();
            let mut share = vec![T::default(); lanes];
            for da in slope.chunks_exact_mut(lanes) {
                let each = share.iter_mut().zip(&*da);
                each.for_each(|(share, &da)| *share = da / T::of(slew));
                let limited = &mut *da;
                kernels::activate(Activation::Tanh, &share, limited, work);
                limited.iter_mut().for_each(|da| *da = T::of(slew) * *da);
            }
        }
        if self.swing.is_finite() {
            let zero = T::default();
            for ((da, &h), &a) in slope.iter_mut().zip(&*output).zip(a) {
                let outward = (a > h && *da > zero) || (a < h && *da < zero);
                *da = if outward { zero } else { *da };
            }
        }
    }
}

fn within<T: Real>(v: T, swing: f64) -> T {
    let swing = T::of(swing);
    let v = if v > swing { swing } else { v };
    if v < -swing { -swing } else { v }
}
