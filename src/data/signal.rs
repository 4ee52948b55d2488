//! Signals of waveforms by expression, as a designer writes them: `v(out)`, `out`, `v(a,b)`,
//! `db(v(out)/v(in))`, `v(vdd)*i(v1)`.
//!
//! Names are those of ngspice, in any case of letters. Numbers may carry a suffix of SPICE (`1k`,
//! `2meg`). Functions: `db` (20 log10 of the magnitude), `mag` or `abs`, `ph` (degrees, from -180
//! to 180), `cph` (degrees, without jumps), `re`, `im`, and `vdb`, `vm`, `vp`, `vr`, `vi` of a
//! node.

mod functions;
mod names;
mod parse;
mod unit;

use super::DataFault;
use super::waves::{Column, Values, Waves};

pub use unit::SignalUnit;

/// A quantity over the axis of its waveforms.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// The expression, without blanks at its ends; a column's full name where it is only that.
    pub name: String,
    pub unit: SignalUnit,
    /// As many as the waveforms have points.
    pub values: Values,
}

impl Waves {
    /// The signal that an expression names.
    ///
    /// # Errors
    /// A name that is not there (with the nearest one and a list), or an expression that cannot be
    /// read (with the place).
    pub fn signal(&self, expression: &str) -> Result<Signal, DataFault> {
        let text = expression.trim();
        match names::find(self, text) {
            Some(column) => Ok(Signal::of(column)),
            None => parse::evaluate(self, text),
        }
    }
}

impl Signal {
    /// A column as it is.
    pub fn of(column: &Column) -> Signal {
        Signal {
            name: column.name.clone(),
            unit: SignalUnit::of(column.kind),
            values: column.values.clone(),
        }
    }

    /// Least and largest value over finite ones; of the magnitude where complex.
    pub fn range(&self) -> Option<[f64; 2]> {
        let finite = |values: &mut dyn Iterator<Item = f64>| {
            values.filter(|v| v.is_finite()).fold(None, |range: Option<[f64; 2]>, v| {
                Some(range.map_or([v, v], |[low, high]| [low.min(v), high.max(v)]))
            })
        };
        match &self.values {
            Values::Real(values) => finite(&mut values.iter().copied()),
            Values::Complex(values) => finite(&mut values.iter().map(|z| functions::magnitude(*z))),
        }
    }

    /// 20 log10 of the magnitude, in decibels.
    pub fn decibels(&self) -> Vec<f64> {
        functions::Function::Decibel.real(&self.values)
    }

    /// The phase in degrees, without jumps of a whole turn.
    pub fn continuous_phase(&self) -> Vec<f64> {
        functions::Function::ContinuousPhase.real(&self.values)
    }
}
