//! A drive as the edge of a chip makes it.

use std::borrow::Cow;

use super::{Drive, Nudge};
use crate::compile::Chip;
use crate::numerics::Mat;

/// The drive with nudges of currents that the sources of a chip have codes for.
pub(super) fn sourced<'a>(chip: &Chip, drive: &'a Drive) -> Cow<'a, Drive> {
    let Some(code) = chip.nudge_codes() else { return Cow::Borrowed(drive) };
    let fabric = &chip.fabric;
    // A force of 1 is this current.
    let unit = fabric.layers[fabric.model.read.0].scale * fabric.hardware.v_unit;
    let coded = |m: &Mat, by: f64| m.map(|force| code(force * by * unit) / (by * unit));
    let nudge = match &drive.nudge {
        Nudge::Toward { target, beta } if *beta != 0.0 => {
            Nudge::Toward { target: coded(target, *beta), beta: *beta }
        }
        Nudge::Force(force) => Nudge::Force(coded(force, 1.0)),
        other => other.clone(),
    };
    Cow::Owned(Drive { clamp: drive.clamp.clone(), nudge })
}
