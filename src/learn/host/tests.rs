use super::*;
use crate::model::{Cost, HostActivation};
use crate::numerics::draws::Words;

const CHECK: Mode = Mode::Check;

fn norm(affine: bool) -> HostLayer {
    HostLayer::BatchNorm { affine, momentum: 0.1, epsilon: 1e-5 }
}

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize, bias: bool) -> HostLayer {
    HostLayer::Conv { channels, kernel, stride, padding, bias }
}

/// Within plus and minus 2, no two the same.
fn values<T: Real>(rows: usize, cols: usize, name: &str) -> Mat<T> {
    let mut words = Words::new(Seed::new(5).child(name));
    Mat::from_fn(rows, cols, |_, _| T::of(4.0 * words.uniform() - 2.0))
}

fn host<T: Real>(layers: &[HostLayer], input: Shape) -> Host<T> {
    let mut host = Host::new(layers, input, Seed::new(3));
    // Scales and shifts other than 1 and 0.
    for p in host.parameters_mut().filter(|p| p.is_learned() && p.shape.len() == 1) {
        let off: Mat = values(1, p.value.len(), &p.name);
        p.value.iter_mut().zip(off.as_slice()).for_each(|(v, w)| *v = *v + T::of(0.3 * w));
    }
    host
}

fn product(a: &Mat, b: &Mat) -> f64 {
    crate::numerics::dot(a.as_slice(), b.as_slice())
}

fn assert_close(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let off = (got - want).abs() / want.abs().max(1.0);
        assert!(off < tolerance, "{what}, number {i}: {got} for {want}");
    }
}

/// Every gradient of a weighted sum of the outputs against its central difference.
fn assert_gradients(layers: &[HostLayer], input: Shape, batch: usize, mode: Mode) {
    const STEP: f64 = 1e-5;
    let mut host: Host<f64> = host(layers, input);
    let mut x = values(batch, input.size(), "x");
    let weights = values(batch, host.output().size(), "dy");
    host.forward(&x, mode);
    let dx = host.backward(weights.clone(), true).expect("the gradient of the inputs");
    let grads: Vec<Vec<f64>> = host.parameters().map(|p| p.grad.clone()).collect();
    let slope = |at: &mut dyn FnMut(f64) -> f64| (at(STEP) - at(-STEP)) / (2.0 * STEP);
    for i in 0..x.as_slice().len() {
        let before = x.as_slice()[i];
        let want = slope(&mut |step| {
            x.as_mut_slice()[i] = before + step;
            product(&host.forward(&x, mode), &weights)
        });
        x.as_mut_slice()[i] = before;
        assert_close(&dx.as_slice()[i..=i], &[want], 1e-7, &format!("{layers:?}: input {i}"));
    }
    for (k, grad) in grads.iter().enumerate() {
        for (i, &grad) in grad.iter().enumerate() {
            let set = |host: &mut Host<f64>, by: f64| {
                host.parameters_mut().nth(k).expect("the parameter").value[i] += by;
            };
            let want = slope(&mut |step| {
                set(&mut host, step);
                let value = product(&host.forward(&x, mode), &weights);
                set(&mut host, -step);
                value
            });
            assert_close(&[grad], &[want], 1e-7, &format!("{layers:?}: parameter {k}, {i}"));
        }
    }
}

fn chain() -> Vec<HostLayer> {
    vec![
        conv(4, 3, 1, 1, false),
        norm(true),
        HostLayer::Activation(HostActivation::Relu),
        HostLayer::MaxPool { size: 2, stride: 2 },
        conv(6, 3, 2, 1, true),
        norm(false),
        HostLayer::Activation(HostActivation::Silu),
        HostLayer::AveragePool { size: 2, stride: 1 },
        HostLayer::Flatten,
        HostLayer::Dropout { rate: 0.25 },
        HostLayer::Linear { size: 7, bias: true },
        HostLayer::Activation(HostActivation::Tanh),
        HostLayer::Linear { size: 3, bias: true },
    ]
}

#[test]
fn gradients_are_differences() {
    let picture = Shape::new(2, 5, 6);
    let flat = Shape::flat(6);
    assert_gradients(&[conv(3, 3, 2, 1, true)], picture, 19, CHECK);
    assert_gradients(&[conv(3, 1, 1, 0, false)], picture, 3, CHECK);
    assert_gradients(&[conv(2, 2, 1, 0, true)], picture, 3, CHECK);
    assert_gradients(&[HostLayer::Linear { size: 40, bias: true }], flat, 35, CHECK);
    assert_gradients(&[HostLayer::Linear { size: 3, bias: false }], flat, 4, CHECK);
    for affine in [true, false] {
        assert_gradients(&[norm(affine)], picture, 3, CHECK);
        assert_gradients(&[norm(affine)], flat, 5, CHECK);
    }
    for (size, stride) in [(2, 2), (3, 1), (2, 3)] {
        assert_gradients(&[HostLayer::MaxPool { size, stride }], picture, 3, CHECK);
        assert_gradients(&[HostLayer::AveragePool { size, stride }], picture, 3, CHECK);
    }
    for of in HostActivation::ALL {
        assert_gradients(&[HostLayer::Activation(of)], flat, 7, CHECK);
    }
    let train = Mode::Train { draw: Seed::new(11) };
    assert_gradients(&[HostLayer::Flatten, HostLayer::Dropout { rate: 0.4 }], picture, 4, train);
    for mode in [CHECK, train] {
        assert_gradients(&chain(), Shape::new(2, 8, 8), 5, mode);
    }
}

/// Numbers of the golden test, as its script made them.
fn numbers(n: usize, salt: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * 7919 + salt * 104_729) % 1000) as f64 / 500.0 - 1.0).collect()
}

/// What the script found in training and in a test: some numbers of each sample.
const TRAIN: [f64; 15] = [
    -0.565_309_050_071_784_2,
    -0.752_910_866_607_533,
    -0.173_864_390_461_205,
    -1.171_758_514_798_88,
    -0.798_137_136_709_729_5,
    -0.558_002_041_802_599_7,
    -1.697_875_659_080_981_8,
    -0.974_932_526_390_527_7,
    -1.143_300_964_364_591_3,
    1.074_442_963_112_227,
    2.181_001_904_023_666,
    2.443_961_458_917_085,
    0.474_613_368_034_092_2,
    1.853_047_039_087_800_2,
    1.582_159_860_774_624_6,
];
const TEST: [f64; 15] = [
    -1.871_596_792_551_424_7,
    -2.199_431_990_347_421,
    -1.102_556_144_945_690_2,
    -2.634_871_423_824_482_6,
    -2.071_219_827_105_833,
    -1.858_827_755_740_052,
    -3.850_763_120_138_229,
    -2.344_569_174_836_855,
    -2.591_939_876_858_342_4,
    0.753_786_516_606_017,
    2.927_596_581_323_121,
    3.387_119_837_988_41,
    -0.097_126_282_588_967_36,
    1.928_401_933_100_099_9,
    1.519_736_906_040_544,
];

/// The numbers are of a direct sum over the taps and the definitions of `torch.nn.BatchNorm2d`,
/// computed in Python: momentum 0.1, epsilon 1e-5, a running variance over `n - 1`.
#[test]
fn convolution_and_batch_norm_are_those_of_pytorch() {
    let input = Shape::new(2, 4, 5);
    let mut host: Host<f64> = Host::new(&[conv(3, 3, 2, 1, true), norm(true)], input, Seed::new(0));
    assert_eq!(host.output(), Shape::new(3, 2, 3));
    let gamma = numbers(3, 4).iter().map(|v| 1.0 + 0.5 * v).collect();
    let set = [numbers(54, 2), numbers(3, 3), gamma, numbers(3, 5)];
    host.parameters_mut().zip(set).for_each(|(p, value)| p.value = value);
    let x = Mat::from_vec(3, 40, numbers(120, 1));
    let some = |y: Mat| -> Vec<f64> {
        y.iter_rows().flat_map(|y| [0, 4, 8, 12, 17].map(|k| y[k])).collect()
    };
    let mean = [-0.060_355_822_222_222_216, -0.069_733_6, -0.085_333_6];
    let variance = [1.330_067_378_972_653_6, 1.207_292_135_797_835_2, 1.185_741_833_017_6];
    assert_close(&some(host.forward(&x, CHECK)), &TRAIN, 1e-12, "in a check");
    let running = |host: &Host<f64>| -> Vec<Vec<f64>> {
        host.parameters().skip(4).map(|p| p.value.clone()).collect()
    };
    assert_eq!(running(&host), [[0.0; 3], [1.0; 3]], "a check moves nothing");
    let y = host.forward(&x, Mode::Train { draw: Seed::new(0) });
    assert_close(&some(y), &TRAIN, 1e-12, "in training");
    assert_close(&running(&host)[0], &mean, 1e-14, "the running mean");
    assert_close(&running(&host)[1], &variance, 1e-14, "the running variance");
    let before = running(&host);
    assert_close(&some(host.forward(&x, Mode::Test)), &TEST, 1e-12, "in a test");
    assert_eq!(running(&host), before, "a test moves nothing");
}

#[test]
fn activations_are_those_of_pytorch() {
    let x = Mat::from_vec(1, 6, vec![-2.0, -0.3, 0.0, 0.4, 1.0, 2.5]);
    let run = |of: HostActivation| {
        let mut host: Host<f64> = host(&[HostLayer::Activation(of)], Shape::flat(6));
        let y = host.forward(&x, CHECK).into_vec();
        let ones = Mat::from_vec(1, 6, vec![1.0; 6]);
        (y, host.backward(ones, true).expect("inputs").into_vec())
    };
    let silu = [
        -0.238_405_844_044_235_1,
        -0.127_667_244_956_502_3,
        0.0,
        0.239_475_064_044_980_8,
        0.731_058_578_630_004_9,
        2.310_354_549_946_891_4,
    ];
    let tanh = [
        -0.964_027_580_075_816_9,
        -0.291_312_612_451_590_9,
        0.0,
        0.379_948_962_255_224_9,
        0.761_594_155_955_764_9,
        0.986_614_298_151_430_3,
    ];
    let logistic = [
        0.119_202_922_022_117_55,
        0.425_557_483_188_341,
        0.5,
        0.598_687_660_112_452,
        0.731_058_578_630_004_9,
        0.924_141_819_978_756_6,
    ];
    let leaky = [-0.02, -0.003, 0.0, 0.4, 1.0, 2.5];
    // Values, and slopes where those at the kinks are a matter of convention.
    assert_close(&run(HostActivation::Silu).0, &silu, 1e-14, "silu");
    assert_close(&run(HostActivation::Tanh).0, &tanh, 1e-14, "tanh");
    assert_close(&run(HostActivation::Logistic).0, &logistic, 1e-14, "logistic");
    let (y, slope) = run(HostActivation::LeakyRelu);
    assert_close(&y, &leaky, 1e-15, "leaky-relu");
    assert_eq!(slope, [0.01, 0.01, 0.01, 1.0, 1.0, 1.0]);
    let (y, slope) = run(HostActivation::Relu);
    assert_eq!((y, slope[2]), (vec![0.0, 0.0, 0.0, 0.4, 1.0, 2.5], 0.0));
    let (y, slope) = run(HostActivation::HardSigmoid);
    assert_eq!(y, [0.0, 0.0, 0.0, 0.4, 1.0, 1.0]);
    assert_eq!(slope, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
}

/// Output, gradients and running statistics after three steps.
fn steps<T: Real>(mut host: Host<T>, batch: usize) -> Vec<Vec<T>> {
    let mut all = Vec::new();
    for step in 0..3 {
        let x = values(batch, host.input().size(), &format!("x{step}"));
        let y = host.forward(&x, Mode::Train { draw: Seed::new(step) });
        let labels: Vec<usize> = (0..batch).map(|s| s % y.cols()).collect();
        let (_, dy) = loss(Cost::CrossEntropy, &y, &labels);
        let dx = host.backward(dy, true).expect("the gradient of the inputs");
        all.extend([y.into_vec(), dx.into_vec()]);
        all.extend(host.parameters().flat_map(|p| [p.value.clone(), p.grad.clone()]));
    }
    all
}

#[test]
fn bits_do_not_depend_on_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| steps(host::<f32>(&chain(), Shape::new(3, 10, 10)), 69))
    };
    let bits = |all: Vec<Vec<f32>>| -> Vec<Vec<u32>> {
        all.iter().map(|v| v.iter().map(|v| v.to_bits()).collect()).collect()
    };
    let one = bits(run(1));
    for threads in [2, 3] {
        assert_eq!(one, bits(run(threads)), "{threads} threads");
    }
}

#[test]
fn single_numbers_follow_double_ones() {
    let single: Host<f32> = host(&chain(), Shape::new(3, 10, 10));
    let double: Host<f64> = single.cast();
    assert!(single.parameters().eq(double.cast::<f32>().parameters()));
    for (single, double) in steps(single, 20).iter().zip(&steps(double, 20)) {
        let top = crate::numerics::max_abs(double);
        for (single, double) in single.iter().zip(double) {
            let off = (f64::from(*single) - double).abs();
            // A bias before a batch-norm changes nothing: its gradient is rounding alone.
            assert!(off <= 2e-5 * top + 1e-7, "{single} for {double} of at most {top}");
        }
    }
}

#[test]
fn parameters_are_named_and_drawn_as_in_pytorch() {
    let layers = [conv(8, 3, 1, 1, true), norm(true), norm(false), HostLayer::Flatten];
    let layers = [&layers[..], &[HostLayer::Linear { size: 10, bias: true }]].concat();
    let host: Host<f64> = Host::new(&layers, Shape::new(4, 6, 6), Seed::new(1));
    let all: Vec<(&str, &[usize], bool)> =
        host.parameters().map(|p| (&p.name[..], &p.shape[..], p.is_learned())).collect();
    let expected: [(&str, &[usize], bool); 12] = [
        ("0.weight", &[8, 4, 3, 3], true),
        ("0.bias", &[8], true),
        ("1.weight", &[8], true),
        ("1.bias", &[8], true),
        ("1.running_mean", &[8], false),
        ("1.running_var", &[8], false),
        ("2.weight", &[8], false),
        ("2.bias", &[8], false),
        ("2.running_mean", &[8], false),
        ("2.running_var", &[8], false),
        ("4.weight", &[10, 288], true),
        ("4.bias", &[10], true),
    ];
    assert_eq!(all, expected);
    for (name, fan_in) in [("0.weight", 36.0), ("0.bias", 36.0), ("4.weight", 288.0)] {
        let p = host.parameters().find(|p| p.name == name).expect("the parameter");
        let (n, bound) = (p.value.len() as f64, 1.0 / f64::sqrt(fan_in));
        let (low, high) =
            p.value.iter().fold((0.0, 0.0), |(a, b): (f64, f64), &v| (a.min(v), b.max(v)));
        assert!(-bound < low && low < -0.6 * bound && 0.6 * bound < high && high < bound, "{name}");
        let mean: f64 = p.value.iter().sum::<f64>() / n;
        assert!(mean.abs() < 4.0 * bound / (3.0 * n).sqrt(), "{name}: mean {mean}");
    }
    let again = |seed| Host::<f64>::new(&layers, Shape::new(4, 6, 6), Seed::new(seed));
    assert!(host.parameters().eq(again(1).parameters()));
    assert!(host.parameters().next() != again(2).parameters().next());
}

#[test]
fn dropout_keeps_its_share() {
    let mut host: Host<f64> = host(&[HostLayer::Dropout { rate: 0.3 }], Shape::flat(1000));
    let x = Mat::from_vec(40, 1000, vec![2.1; 40_000]);
    let mut run = |draw| host.forward(&x, Mode::Train { draw: Seed::new(draw) }).into_vec();
    let y = run(1);
    let dropped = y.iter().filter(|v| **v == 0.0).count() as f64 / 40_000.0;
    assert!((dropped - 0.3).abs() < 0.01, "{dropped}");
    assert!(y.iter().all(|&v| v == 0.0 || (v - 3.0).abs() < 1e-14));
    assert_eq!(y, run(1));
    assert_ne!(y, run(2));
    // Blocks have draws of their own.
    assert_ne!(y[..1000], y[1 << 14..][..1000]);
    assert_eq!(host.forward(&x, Mode::Test), x);
    assert_eq!(host.forward(&x, CHECK), x);
}

#[test]
fn gradients_of_inputs_can_be_left_out() {
    let layers = [&[HostLayer::AveragePool { size: 2, stride: 2 }], &chain()[..]].concat();
    let mut host: Host<f64> = host(&layers, Shape::new(2, 16, 16));
    let x = values(4, 512, "x");
    let dy = values(4, 3, "dy");
    host.forward(&x, CHECK);
    assert!(host.backward(dy.clone(), false).is_none());
    let without: Vec<_> = host.parameters().cloned().collect();
    host.forward(&x, CHECK);
    assert!(host.backward(dy, true).is_some_and(|dx| dx.cols() == 512));
    assert!(host.parameters().eq(&without));
}

#[test]
fn the_first_layer_without_a_finite_output_is_named() {
    let mut host: Host<f32> = host(&chain(), Shape::new(2, 8, 8));
    let mut x = values(3, 128, "x");
    host.forward(&x, Mode::Test);
    assert_eq!(host.non_finite(), None);
    let bias = host.parameters_mut().find(|p| p.name == "4.bias").expect("a bias");
    bias.value[5] = f32::INFINITY;
    host.forward(&x, Mode::Test);
    assert_eq!(host.non_finite(), Some((4, "conv")));
    x.row_mut(2)[127] = f32::NAN;
    host.forward(&x, CHECK);
    assert_eq!(host.non_finite(), Some((0, "conv")));
    let mut host: Host<f32> = Host::new(&chain()[3..4], Shape::new(2, 8, 8), Seed::new(1));
    x.row_mut(2)[126] = f32::INFINITY;
    host.forward(&x, CHECK);
    assert_eq!(host.non_finite(), Some((0, "max-pool")));
}

#[test]
#[should_panic(expected = "a forward pass that keeps")]
fn a_test_keeps_nothing() {
    let mut host: Host<f64> = host(&chain(), Shape::new(2, 8, 8));
    let y = host.forward(&values(2, 128, "x"), Mode::Test);
    host.backward(y, true);
}

#[test]
#[should_panic(expected = "a gradient of another batch")]
fn a_gradient_has_the_batch_of_its_forward_pass() {
    let mut host: Host<f64> = host(&chain(), Shape::new(2, 8, 8));
    host.forward(&values(2, 128, "x"), CHECK);
    host.backward(values(1, 3, "dy"), true);
}
