//! The law of energy models: force = -dE, and the gradients in closed form, by finite
//! differences, for every coupling, activation and family.

mod common;

use common::{layered, random_network, random_state};
use eqcircuit::model::{Activation, Coupling, EnergyModel, Family, LayerId, State};
use eqcircuit::numerics::seed::Seed;
use eqcircuit::numerics::{Mat, relative_difference};

const H: f64 = 1e-5;

fn energy(model: &EnergyModel, state: &State, sample: usize) -> f64 {
    model.energy(state).iter().map(|part| part.value[sample]).sum()
}

/// `-dE/dx` of one unit by central differences.
fn slope_in_x(model: &EnergyModel, state: &State, layer: usize, sample: usize, unit: usize) -> f64 {
    let at = |h: f64| {
        let mut moved = state.clone();
        moved[layer][(sample, unit)] += h;
        energy(model, &moved, sample)
    };
    -(at(H) - at(-H)) / (2.0 * H)
}

/// Keeps states away from the kinks of relu and hard sigmoid, where no finite difference holds.
fn off_kinks(mut state: State) -> State {
    for x in state.iter_mut().flat_map(|x| x.as_mut_slice()) {
        for kink in [0.0, 1.0] {
            if (*x - kink).abs() < 0.01 {
                *x += 0.03;
            }
        }
    }
    state
}

fn check_force(model: &EnergyModel, seed: Seed) {
    let state = off_kinks(random_state(model, 2, seed));
    let force = model.force(&state);
    for l in model.free_layers() {
        for s in 0..2 {
            // A HAM's force lives in the activations: dE/dx = (dxhat/dx)^T dE/dxhat.
            let mut expected = force[l.0].row(s).to_vec();
            if model.family == Family::Ham {
                model.layer(l).activation.times_slope(state[l.0].row(s), &mut expected);
            }
            for (i, &expected) in expected.iter().enumerate() {
                let found = slope_in_x(model, &state, l.0, s, i);
                let diff = relative_difference(found, expected, 1.0);
                assert!(
                    diff < 1e-7,
                    "{:?}, layer {} ({:?}), unit {i}: -dE {found}, force {expected}",
                    model.family,
                    l.0,
                    model.layer(l).activation
                );
            }
        }
    }
}

#[test]
fn force_is_minus_the_slope_of_the_energy_for_every_activation() {
    for family in Family::ALL {
        for activation in Activation::ALL {
            for trial in 0..5 {
                let seed = Seed::new(11).child(activation.name()).index(trial);
                let mut model = layered(&[4, 5, 3], &[activation; 3], 1.5, seed);
                model.family = family;
                check_force(&model, seed.child("state"));
            }
        }
    }
}

#[test]
fn force_is_minus_the_slope_of_the_energy_for_random_shapes() {
    for family in Family::ALL {
        for trial in 0..40 {
            let seed = Seed::new(12).index(trial);
            let mut model = random_network(&Activation::ALL, 1.5, seed);
            model.family = family;
            check_force(&model, seed.child("state"));
        }
    }
}

#[test]
fn gradients_are_the_slopes_of_the_energy() {
    for trial in 0..10 {
        let seed = Seed::new(13).index(trial);
        let model = random_network(&Activation::ALL, 1.0, seed);
        let state = random_state(&model, 3, seed.child("state"));
        let grad = model.grad(&state);
        for (c, grad) in grad.0.iter().enumerate() {
            assert_eq!(grad.as_slice().len(), model.couplings[c].values().len());
            for k in 0..grad.as_slice().len() {
                let at = |h: f64| {
                    let mut moved = model.clone();
                    moved.couplings[c].values_mut()[k] += h;
                    (0..3).map(|s| energy(&moved, &state, s)).sum::<f64>()
                };
                let found = (at(H) - at(-H)) / (2.0 * H);
                let diff = relative_difference(found, grad.as_slice()[k], 1.0);
                assert!(diff < 1e-8, "coupling {c}, entry {k}: {found}, {}", grad.as_slice()[k]);
            }
        }
    }
}

#[test]
fn lagrangians_have_the_activations_as_slopes_and_those_the_slopes_as_theirs() {
    let x = [-1.7, -0.4, 0.02, 0.5, 0.93, 2.2];
    for activation in Activation::ALL {
        let mut value = [0.0; 6];
        activation.row(&x, &mut value);
        for i in 0..x.len() {
            let moved = |h: f64| {
                let mut y = x;
                y[i] += h;
                y
            };
            let slope =
                (activation.lagrangian(&moved(H)) - activation.lagrangian(&moved(-H))) / (2.0 * H);
            assert!((slope - value[i]).abs() < 1e-9, "{activation:?} at {}", x[i]);
            // Column i of the Hessian, by symmetry its row.
            let (mut up, mut down, mut column) = ([0.0; 6], [0.0; 6], [0.0; 6]);
            activation.row(&moved(H), &mut up);
            activation.row(&moved(-H), &mut down);
            column[i] = 1.0;
            activation.times_slope(&x, &mut column);
            for j in 0..x.len() {
                let found = (up[j] - down[j]) / (2.0 * H);
                assert!((found - column[j]).abs() < 1e-8, "{activation:?}: d{j}/d{i}");
            }
        }
    }
}

#[test]
fn activations_survive_extreme_states() {
    let x = [-1e6, -800.0, 0.0, 800.0, 1e6];
    for activation in Activation::ALL {
        let mut value = [f64::NAN; 5];
        activation.row(&x, &mut value);
        assert!(value.iter().all(|v| v.is_finite()), "{activation:?}: {value:?}");
        assert!(activation.lagrangian(&x).is_finite(), "{activation:?}");
    }
}

#[test]
fn energy_is_named_by_part() {
    let model = layered(&[2, 3, 2], &[Activation::Tanh; 3], 1.0, Seed::new(1));
    let names: Vec<String> =
        model.energy(&model.rest(&Mat::zeros(1, 2))).into_iter().map(|p| p.name).collect();
    assert_eq!(
        names,
        ["layer l1", "layer l2", "coupling l0-l1", "bias l1", "coupling l1-l2", "bias l2"]
    );
}

#[test]
fn a_ham_and_a_chn_with_identity_layers_move_alike() {
    let mut model = layered(&[3, 4, 2], &[Activation::Identity; 3], 1.0, Seed::new(5));
    let state = random_state(&model, 2, Seed::new(6));
    let ham = model.force(&state);
    model.family = Family::Chn;
    assert_eq!(ham, model.force(&state));
    assert!(matches!(model.couplings[0], Coupling::Dense { pre: LayerId(0), .. }));
}
