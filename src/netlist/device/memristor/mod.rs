//! Memristors: two terminals and a state of their own, from 0 to 1.
//!
//! The rate of the state is zero at either end in the direction that leads out, and what conducts
//! is the state held to 0 and 1. So the state of the equations stays there; where an integration
//! step lands beyond by its error, no law sees it, and it comes back with the next motion inwards
//! (nothing stiff draws it back, which would hide the error from the step control). At rest the
//! state is held at its initial value: a read-out does not wait until a cell has drifted.

mod filament;
mod vteam;

pub use filament::Filament;
pub use vteam::{Law, Vteam, Window};

use super::View;
use crate::numerics::dae::{Instant, Stamps};

/// The part of a range before either end within which a state comes to a stop.
const STOP: f64 = 0.01;

/// 1, but falling to 0 over the last part of the range before an end that is `left` away; and its
/// slope in `left`.
fn stop(left: f64) -> (f64, f64) {
    let t = left / STOP;
    if t >= 1.0 { (1.0, 0.0) } else { (t * (2.0 - t), 2.0 * (1.0 - t) / STOP) }
}

/// A value with its slopes in the voltage and in the state.
#[derive(Clone, Copy)]
struct Sloped {
    value: f64,
    by_v: f64,
    by_s: f64,
}

/// The equation `d(state)/dt = rate` in the state's row, with the voltage between two rows.
fn stamp_state(
    at: &View,
    out: &mut Stamps,
    [p, n]: [usize; 2],
    initial: f64,
    fastest: f64,
    rate: Sloped,
) {
    let row = at.own(0);
    let state = at.value(row);
    let [by_state, by_v] = if at.at == Instant::Rest {
        out.i(row, fastest * (state - initial));
        [fastest, 0.0]
    } else {
        out.i(row, -rate.value);
        [if (0.0..=1.0).contains(&state) { -rate.by_s } else { 0.0 }, -rate.by_v]
    };
    out.di(row, row, by_state);
    out.di(row, p, by_v);
    out.di(row, n, -by_v);
    out.q(row, if at.at == Instant::Start { initial } else { state });
    out.dq(row, row, 1.0);
}
