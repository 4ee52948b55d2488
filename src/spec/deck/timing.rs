//! What ngspice takes for the numbers that a function of time leaves out: those of `.tran`.

use crate::netlist::Waveform;
use crate::units::Second;

/// The step and the end of the deck's first transient analysis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Timing {
    pub step: Second,
    pub stop: Second,
}

impl Default for Timing {
    /// Without a transient analysis no result depends on it.
    fn default() -> Timing {
        Timing { step: 1e-9, stop: 1e-6 }
    }
}

impl Timing {
    /// The form `pulse`, `sin` or `exp` of these numbers, in SPICE's order. A rise or fall of 0
    /// is one step long, a width or period of 0 as good as endless.
    ///
    /// # Panics
    /// If there is no such form.
    pub fn waveform(self, form: &str, numbers: &[f64]) -> Waveform {
        let given = |k: usize| numbers.get(k).copied();
        let above = |k: usize| given(k).filter(|number| *number != 0.0);
        match form {
            "pulse" => {
                let low = given(0).unwrap_or(0.0);
                Waveform::Pulse {
                    low,
                    high: given(1).unwrap_or(low),
                    delay: given(2).unwrap_or(0.0),
                    rise: above(3).unwrap_or(self.step),
                    fall: above(4).unwrap_or(self.step),
                    width: above(5).unwrap_or(f64::INFINITY),
                    period: above(6).unwrap_or(f64::INFINITY),
                }
            }
            "sin" => Waveform::Sine {
                offset: given(0).unwrap_or(0.0),
                amplitude: given(1).unwrap_or(0.0),
                frequency: above(2).unwrap_or(1.0 / self.stop),
                delay: given(3).unwrap_or(0.0),
                damping: given(4).unwrap_or(0.0),
                phase: given(5).unwrap_or(0.0),
            },
            "exp" => {
                let delay = given(2).unwrap_or(0.0);
                Waveform::Exponential {
                    low: given(0).unwrap_or(0.0),
                    high: given(1).unwrap_or(0.0),
                    delay,
                    rise_tau: above(3).unwrap_or(self.step),
                    fall_delay: given(4).unwrap_or(delay + self.step),
                    fall_tau: above(5).unwrap_or(self.step),
                }
            }
            form => panic!("no form named {form}"),
        }
    }
}
