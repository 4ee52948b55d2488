//! Switches.

use std::ops::ControlFlow;

use eqcircuit::numerics::dae::Pattern;
use eqcircuit::numerics::linear::Elimination;
use eqcircuit::numerics::newton::Solver;
use eqcircuit::numerics::transient::{Begin, Control, End, Method, integrate};

use super::close;
use super::equations::Relaxation;

#[test]
fn a_relaxation_oscillator_keeps_its_period() {
    let oscillator = Relaxation { low: 0.3, high: 0.6, charge: 1.0, discharge: 9.0 };
    // Up towards 1 with rate 1, down towards 0.1 with rate 10.
    let up = (0.7f64 / 0.4).ln();
    let down = (0.5f64 / 0.2).ln() / 10.0;
    let begun = (1.0f64 / 0.4).ln();
    for method in [Method::TrBdf2, Method::Trapezoidal, Method::Gear] {
        let elimination = Elimination::of(&Pattern::of(&oscillator));
        let mut solver = Solver::new(&oscillator, &elimination);
        let control = Control { method, begin: Begin::Held, ..Control::default() };
        let (mut turns, mut closed) = (Vec::new(), 0.0);
        let mut x = vec![0.0];
        let span = begun + 4.5 * (up + down);
        let end = integrate(&mut solver, &mut x, span, &control, &mut |now| {
            if now.memory[0] != closed {
                closed = now.memory[0];
                turns.push(now.time);
            }
            ControlFlow::Continue(())
        });
        assert_eq!(end, Ok(End::Reached));
        assert_eq!(turns.len(), 9 + 1, "{method:?}");
        let expected = |k: usize| begun + (k / 2) as f64 * (up + down) + (k % 2) as f64 * down;
        for (k, turn) in turns.iter().enumerate() {
            close(*turn, expected(k), 1e-4 * (k + 1) as f64);
        }
    }
}
