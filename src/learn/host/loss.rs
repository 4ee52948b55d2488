//! Costs of outputs against labels, and how they change.

use crate::model::Cost;
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::numerics::math;

/// The cost of every sample and the gradient of their mean, `[batch, classes]`, of outputs
/// `[batch, classes]`; the target of a sample is 1 at its label and 0 elsewhere.
///
/// # Panics
/// If there is not one label a sample, each below the number of classes.
pub fn loss<T: Real>(cost: Cost, outputs: &Mat<T>, labels: &[usize]) -> (Vec<f64>, Mat<T>) {
    let classes = outputs.cols();
    assert_eq!(outputs.rows(), labels.len(), "one label a sample");
    assert!(labels.iter().all(|&label| label < classes), "a label that is no class");
    let share = 1.0 / labels.len() as f64;
    let mut costs = Vec::with_capacity(labels.len());
    let mut gradient = Mat::zeros(labels.len(), classes);
    let mut row = vec![0.0; classes];
    for (s, &label) in labels.iter().enumerate() {
        row.iter_mut().zip(outputs.row(s)).for_each(|(v, y)| *v = y.to_f64());
        costs.push(slope(cost, &mut row, label));
        gradient.row_mut(s).iter_mut().zip(&row).for_each(|(g, v)| *g = T::of(share * v));
    }
    (costs, gradient)
}

/// The cost of one sample; its outputs turn into the gradient.
fn slope(cost: Cost, row: &mut [f64], label: usize) -> f64 {
    match cost {
        Cost::SquaredError => {
            row[label] -= 1.0;
            0.5 * row.iter().map(|e| e * e).sum::<f64>()
        }
        Cost::CrossEntropy => {
            let whole = math::log_sum_exp(row);
            let value = whole - row[label];
            row.iter_mut().for_each(|v| *v = math::exp(*v - whole));
            row[label] -= 1.0;
            value
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::one_hot;

    const LABELS: [usize; 3] = [2, 1, 0];

    fn outputs() -> Mat {
        let rows = vec![1.5, -0.5, 2.0, 0.25, -3.0, 4.0, 0.0, 1000.0, 0.1, 0.2, 0.3, 0.4];
        Mat::from_vec(3, 4, rows)
    }

    fn assert_close(got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() <= 1e-14 * want.abs().max(1.0), "{got} for {want}");
        }
    }

    /// The numbers are of the definition of `torch.nn.CrossEntropyLoss`, computed in Python.
    #[test]
    fn cross_entropy_is_that_of_pytorch() {
        let (costs, gradient) = loss(Cost::CrossEntropy, &outputs(), &LABELS);
        assert_close(&costs, &[0.621_860_395_306_458_1, 996.0, 1.542_535_529_455_162_8]);
        let expected = [
            [
                0.108_557_783_171_087_01,
                0.014_691_698_332_997_848,
                -0.154_351_807_119_109_79,
                0.031_102_325_615_024_847,
            ],
            [0.0, -1.0 / 3.0, 0.0, 1.0 / 3.0],
            [
                -0.262_053_926_544_671_9,
                0.078_775_927_440_512_54,
                0.087_060_864_051_691_85,
                0.096_217_135_052_467_41,
            ],
        ];
        assert_close(gradient.as_slice(), expected.as_flattened());
    }

    #[test]
    fn squared_error_is_half_the_square() {
        let (costs, gradient) = loss(Cost::SquaredError, &outputs(), &LABELS);
        assert_close(&costs, &[1.781_25, 500_009.0, 0.55]);
        assert_close(gradient.row(0), &[0.5, -0.5 / 3.0, 1.0 / 3.0, 0.25 / 3.0]);
    }

    #[test]
    fn costs_are_those_of_the_model_and_gradients_their_differences() {
        let mut outputs = outputs();
        // So large a number leaves nothing of a difference.
        outputs[(1, 3)] = 2.5;
        let target = one_hot(&LABELS, 4);
        for cost in [Cost::SquaredError, Cost::CrossEntropy] {
            let (costs, gradient) = loss(cost, &outputs, &LABELS);
            assert_close(&costs, &cost.value(&outputs, &target));
            for i in 0..12 {
                let mut mean = |step: f64| {
                    let before = outputs.as_slice()[i];
                    outputs.as_mut_slice()[i] = before + step;
                    let costs = cost.value(&outputs, &target);
                    outputs.as_mut_slice()[i] = before;
                    costs.iter().sum::<f64>() / 3.0
                };
                let slope = (mean(1e-5) - mean(-1e-5)) / 2e-5;
                let got = gradient.as_slice()[i];
                assert!((got - slope).abs() < 1e-8, "{cost:?}: {got} for {slope}");
            }
            let single = loss(cost, &outputs.map(|v| v as f32), &LABELS).1;
            for (single, double) in single.as_slice().iter().zip(gradient.as_slice()) {
                assert!((f64::from(*single) - double).abs() < 1e-6);
            }
        }
    }
}
