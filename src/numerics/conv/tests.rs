use super::*;
use crate::numerics::dot;

fn numbers(n: usize, salt: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * 7919 + salt * 104_729) % 1000) as f64 / 500.0 - 1.0).collect()
}

fn by_hand(conv: &Conv, w: &[f64], x: &[f64]) -> Vec<f64> {
    let (input, out) = (conv.input, conv.output());
    let mut y = vec![0.0; out.size()];
    for (place, y) in y.iter_mut().enumerate() {
        let (o, oy, ox) =
            (place / out.pixels(), place % out.pixels() / out.width, place % out.width);
        for tap in 0..conv.fan_in() {
            let (i, ky, kx) = (
                tap / conv.kernel / conv.kernel,
                tap / conv.kernel % conv.kernel,
                tap % conv.kernel,
            );
            let (iy, ix) = (oy * conv.stride + ky, ox * conv.stride + kx);
            let inside = |v: usize, n: usize| (conv.padding..conv.padding + n).contains(&v);
            if inside(iy, input.height) && inside(ix, input.width) {
                let at = (i * input.height + iy - conv.padding) * input.width + ix - conv.padding;
                *y += w[o * conv.fan_in() + tap] * x[at];
            }
        }
    }
    y
}

fn all() -> Vec<Conv> {
    let mut all = Vec::new();
    for (height, width) in [(5, 6), (1, 4), (8, 8)] {
        for kernel in [1, 2, 3] {
            for stride in [1, 2] {
                for padding in [0, 1, 2] {
                    let input = Shape::new(3, height, width);
                    all.push(Conv { input, channels: 4, kernel, stride, padding });
                }
            }
        }
    }
    all.retain(|c| c.try_output().is_some());
    all
}

#[test]
fn a_convolution_is_the_sum_over_its_taps() {
    for conv in all() {
        let (w, x) = (numbers(conv.weights(), 1), numbers(conv.input.size(), 2));
        let mut y = vec![9.0; conv.output().size()];
        conv.lanes(1).forward(&w, &x, &mut y, &mut vec![5.0; 3]);
        for (y, expected) in y.iter().zip(by_hand(&conv, &w, &x)) {
            assert!((y - expected).abs() < 1e-12, "{conv:?}: {y} is not {expected}");
        }
    }
}

#[test]
fn transpose_and_gradient_belong_to_it() {
    for conv in all() {
        let (w, x) = (numbers(conv.weights(), 1), numbers(conv.input.size(), 2));
        let y = numbers(conv.output().size(), 3);
        let product = dot(&by_hand(&conv, &w, &x), &y);
        let mut work = Vec::new();
        let mut back = vec![0.0; x.len()];
        conv.lanes(1).add_transposed(&w, &y, &mut back, &mut work);
        assert!((dot(&back, &x) - product).abs() < 1e-10, "{conv:?}: the transpose");
        let mut grad = vec![0.0; w.len()];
        conv.lanes(1).add_gradient(&y, &x, &mut grad, &mut work);
        assert!((dot(&grad, &w) - product).abs() < 1e-10, "{conv:?}: the gradient");
    }
}

#[test]
fn lanes_are_samples_side_by_side() {
    for conv in all() {
        let (lanes, w) = (3, numbers(conv.weights(), 1));
        let (inputs, outputs) = (conv.input.size(), conv.output().size());
        let spread = |samples: &[Vec<f64>]| -> Vec<f64> {
            let size = samples[0].len();
            (0..size * lanes).map(|i| samples[i % lanes][i / lanes]).collect()
        };
        let samples = |size, salt| (0..lanes).map(|s| numbers(size, salt + s)).collect::<Vec<_>>();
        let (x, y) = (samples(inputs, 10), samples(outputs, 20));
        let mut work = Vec::new();
        let (mut out, mut back) = (vec![0.0; outputs * lanes], vec![0.5; inputs * lanes]);
        let mut grad = vec![0.25; w.len()];
        conv.lanes(lanes).forward(&w, &spread(&x), &mut out, &mut work);
        conv.lanes(lanes).add_transposed(&w, &spread(&y), &mut back, &mut work);
        conv.lanes(lanes).add_gradient(&spread(&y), &spread(&x), &mut grad, &mut work);
        let mut expected = vec![0.25; w.len()];
        for s in 0..lanes {
            let (mut one, mut one_back) = (vec![0.0; outputs], vec![0.5; inputs]);
            conv.lanes(1).forward(&w, &x[s], &mut one, &mut work);
            conv.lanes(1).add_transposed(&w, &y[s], &mut one_back, &mut work);
            conv.lanes(1).add_gradient(&y[s], &x[s], &mut expected, &mut work);
            let of = |all: &[f64]| all.iter().skip(s).step_by(lanes).copied().collect::<Vec<_>>();
            let close = |a: &[f64], b: &[f64]| {
                a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12) && a.len() == b.len()
            };
            assert!(close(&of(&out), &one) && close(&of(&back), &one_back), "{conv:?}");
        }
        assert!(grad.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-11), "{conv:?}");
    }
}

#[test]
fn unrolled_it_is_a_matrix() {
    for conv in all() {
        let (w, x) = (numbers(conv.weights(), 1), numbers(conv.input.size(), 2));
        let dense = conv.unrolled(&w);
        let rows = dense.chunks_exact(x.len());
        for (row, y) in rows.zip(by_hand(&conv, &w, &x)) {
            assert!((dot(row, &x) - y).abs() < 1e-12, "{conv:?}");
        }
        let grad = numbers(dense.len(), 3);
        let both = [dot(&grad, &dense), dot(&conv.folded(&grad), &w)];
        assert!((both[0] - both[1]).abs() < 1e-9, "{conv:?}: {both:?}");
    }
}
