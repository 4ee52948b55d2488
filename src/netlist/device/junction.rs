//! What diodes and the bulk diodes of transistors share: the law of the junction, its charge, and
//! how both change with temperature (Nagel, *SPICE2*, UCB/ERL M520, 1975; Antognetti and Massobrio,
//! *Semiconductor Device Modeling with SPICE*, 1993, chapters 1 and 4).

use crate::netlist::ROOM_TEMPERATURE;
use crate::numerics::math::{exp, log, pow, sqrt};
use crate::units::{Ampere, BOLTZMANN, ELEMENTARY_CHARGE, Farad, Kelvin, Volt};

/// `k T / q`
pub(super) fn thermal_voltage(temperature: Kelvin) -> Volt {
    BOLTZMANN * temperature / ELEMENTARY_CHARGE
}

/// The band gap of silicon \[eV\] (Varshni 1967, with the constants of SPICE).
pub(super) fn band_gap(t: Kelvin) -> f64 {
    1.16 - 7.02e-4 * t * t / (t + 1108.0)
}

/// The gap at room temperature \[eV\], to the digits of SPICE.
const ROOM_GAP: f64 = 1.115_087_7;

/// How far a built-in potential falls short of growing with the temperature.
fn potential_shift(t: Kelvin) -> Volt {
    let vt = thermal_voltage(t);
    let gap = ROOM_GAP / (2.0 * thermal_voltage(ROOM_TEMPERATURE)) - band_gap(t) / (2.0 * vt);
    -2.0 * vt * (1.5 * log(t / ROOM_TEMPERATURE) + gap)
}

/// Built-in potentials are kept above this, whatever the temperature.
const LEAST_POTENTIAL: Volt = 0.05;

/// A built-in potential given at `nominal`, at `t`.
pub(super) fn potential_at(potential: Volt, nominal: Kelvin, t: Kelvin) -> Volt {
    if t == nominal {
        return potential;
    }
    let moved = t / ROOM_TEMPERATURE * room_potential(potential, nominal) + potential_shift(t);
    moved.max(LEAST_POTENTIAL)
}

fn room_potential(potential: Volt, nominal: Kelvin) -> Volt {
    let moved = (potential - potential_shift(nominal)) * ROOM_TEMPERATURE / nominal;
    moved.max(LEAST_POTENTIAL)
}

/// By what a depletion capacitance grows from `nominal` to `t`: it follows the permittivity of
/// silicon and the built-in potential, and is kept above a hundredth.
pub(super) fn capacitance_factor(potential: Volt, m: f64, nominal: Kelvin, t: Kelvin) -> f64 {
    if t == nominal {
        return 1.0;
    }
    let room = room_potential(potential, nominal);
    let relative = |t: Kelvin, potential: Volt| {
        1.0 + m * (4e-4 * (t - ROOM_TEMPERATURE) - (potential - room) / room)
    };
    (relative(t, potential_at(potential, nominal, t)) / relative(nominal, potential)).max(0.01)
}

/// `exp(x)` with its slope; a straight line beyond 80, where no circuit lives, so that nothing
/// overflows.
pub(super) fn bounded_exp(x: f64) -> (f64, f64) {
    const LAST: f64 = 80.0;
    let e = exp(x.min(LAST));
    (e * (1.0 + (x - LAST).max(0.0)), e)
}

/// The voltage at which the curvature of a junction is largest; beyond it a Newton step is
/// limited.
pub(super) fn critical_voltage(vt: Volt, saturation: Ampere) -> Volt {
    vt * log(vt / (sqrt(2.0) * saturation))
}

/// The charge and capacitance of a depletion layer, `c0 (1 - v / vj)^-m` up to `fc vj` and
/// straight on from there.
pub(super) fn depletion(v: Volt, c0: Farad, vj: Volt, m: f64, fc: f64) -> (f64, Farad) {
    if c0 == 0.0 {
        return (0.0, 0.0);
    }
    // The charge from 0 to v below the change.
    let below = |share: f64| {
        // A step junction, the usual one, for a tenth of the price.
        let shrink = if m == 0.5 { 1.0 / sqrt(share) } else { pow(share, -m) };
        let q = if m == 1.0 {
            -vj * c0 * log(share)
        } else {
            vj * c0 * (1.0 - share * shrink) / (1.0 - m)
        };
        (q, c0 * shrink)
    };
    let change = fc * vj;
    if v < change {
        return below(1.0 - v / vj);
    }
    let (q, c) = below(1.0 - fc);
    let bend = c * m / (vj * (1.0 - fc));
    let beyond = v - change;
    (q + beyond * (c + 0.5 * bend * beyond), c + bend * beyond)
}

/// The argument at which to linearise a junction that a Newton step takes from `before` to `v`:
/// beyond `critical` it may move by what its current, taken as linear, would (Nagel 1975, "method
/// of alternating bases").
pub(super) fn limit_junction(v: Volt, before: Volt, vt: Volt, critical: Volt) -> Volt {
    if v <= critical || (v - before).abs() <= 2.0 * vt {
        return v;
    }
    if before <= 0.0 {
        return vt * log(v / vt);
    }
    let grown = 1.0 + (v - before) / vt;
    if grown > 0.0 { before + vt * log(grown) } else { critical }
}
