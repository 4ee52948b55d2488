//! `[nonideal.cell]`

use super::within;
use crate::spec::nonideal::{Conduction, Selector, Transistor};
use crate::spec::reader::TableReader;
use crate::units::{Dimension, Range};

pub(super) fn read(t: &TableReader) -> Conduction {
    Conduction {
        v0: t.optional_table("sinh").and_then(|t| v0(&t)),
        transistor: t.optional_table("transistor").and_then(|t| transistor(&t)),
        selector: t.optional_table("selector").and_then(|t| selector(&t)),
    }
}

/// The voltage over which conduction bends.
fn v0(t: &TableReader) -> Option<f64> {
    let why = "it is the voltage over which conduction bends: the larger, the straighter";
    match t.has("v0") {
        true => within(t, "v0", Dimension::Volt, Range::Positive, why),
        false => t.quantity("v0", Dimension::Volt, Range::Positive).needed("v0 = \"0.5 V\""),
    }
}

fn transistor(t: &TableReader) -> Option<Transistor> {
    let why = "a transistor that is on resists 0 ohm or more";
    let r_on = match t.has("r-on") {
        true => within(t, "r-on", Dimension::Ohm, Range::NonNegative, why),
        false => {
            t.quantity("r-on", Dimension::Ohm, Range::NonNegative).needed("r-on = \"15 kohm\"")
        }
    };
    let why = "a transistor that saturates at nothing is off: leave it out for none";
    let saturation = within(t, "saturation", Dimension::Ampere, Range::Positive, why);
    // Nothing that has no resistance saturates.
    r_on.filter(|r| *r > 0.0).map(|r_on| Transistor { r_on, saturation })
}

fn selector(t: &TableReader) -> Option<Selector> {
    let why = "a selector that carries nothing leaves all cells off";
    let current = match t.has("current") {
        true => within(t, "current", Dimension::Ampere, Range::Positive, why),
        false => {
            t.quantity("current", Dimension::Ampere, Range::Positive).needed("current = \"1 nA\"")
        }
    };
    let v0 = v0(t);
    Some(Selector { current: current?, v0: v0? })
}
