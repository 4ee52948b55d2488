//! What is drawn of signals: the numbers, not the pixels.

use eqcircuit::numerics::math;
use eqcircuit::report::draw;
use eqcircuit::report::figure::{Body, Chart, Figure, Label, Role, Scale, Shape};
use eqcircuit::report::signals::figure;

use super::*;

fn charts(figure: &Figure) -> &[Chart] {
    match &figure.body {
        Body::Panels(charts) => charts,
        _ => panic!("not panels"),
    }
}

fn line(chart: &Chart, n: usize) -> &[[f64; 2]] {
    match &chart.series[n].shape {
        Shape::Line(points) => points,
        _ => panic!("no line"),
    }
}

fn drawn(waves: &Waves, names: &[&str], window: [Option<f64>; 2]) -> Option<Figure> {
    let signals: Vec<_> = names.iter().map(|n| waves.signal(n).unwrap()).collect();
    figure(waves, &signals, window)
}

fn tran(points: usize, f: impl Fn(usize) -> f64) -> Waves {
    let over = |f: &dyn Fn(usize) -> f64| Values::Real((0..points).map(f).collect());
    Waves {
        title: "t".into(),
        plot: "Transient Analysis".into(),
        columns: vec![
            column("time", ColumnKind::Time, over(&|i| i as f64 * 1e-6)),
            column("v(a)", ColumnKind::Voltage, over(&f)),
            column("v(b)", ColumnKind::Voltage, over(&|i| i as f64)),
            column("i(v1)", ColumnKind::Current, over(&|_| 1e-3)),
        ],
    }
}

#[test]
fn a_panel_a_unit_and_one_colour_a_signal() {
    let waves = tran(50, |i| -(i as f64));
    let figure = drawn(&waves, &["a", "b", "i(v1)"], [None, None]).unwrap();
    let charts = charts(&figure);
    let labels: Vec<String> = charts.iter().map(|c| c.y.label_and_factor().0).collect();
    assert_eq!(labels, ["voltage (V)", "i(v1) (mA)"]);
    assert_eq!(charts[0].x.label_and_factor().0, "time (µs)");
    assert_eq!(charts[0].series[1].label, Label::End("v(b)".into()));
    assert_eq!(charts[1].series[0].role, Role::Nth(2));
    assert_eq!(line(&charts[0], 0).len(), 50);
    assert_eq!(line(&charts[0], 0)[7], [7.0 * 1e-6, -7.0]);
    assert!(draw::png(&draw::svg(&figure)).unwrap().len() > 10_000);
}

#[test]
fn many_points_are_thinned_and_keep_their_extremes() {
    let n = 300_000;
    let waves = tran(n, |i| match i {
        123_456 => 9.0,
        200_001 => -7.0,
        _ => math::sin(i as f64 * 0.37),
    });
    let figure = drawn(&waves, &["a"], [None, None]).unwrap();
    let points = line(&charts(&figure)[0], 0);
    assert!((2_000..8_000).contains(&points.len()), "{} points", points.len());
    for (i, value) in [(123_456, 9.0), (200_001, -7.0)] {
        assert!(points.contains(&[i as f64 * 1e-6, value]), "the point {i} is gone");
    }
    assert_eq!(points[0][0], 0.0);
    assert_eq!(points[points.len() - 1][0], (n - 1) as f64 * 1e-6);
    assert!(points.windows(2).all(|p| p[0][0] < p[1][0]), "out of order");
}

#[test]
fn a_window_cuts_the_axis_and_fits_the_other_one() {
    let waves = tran(1000, |i| i as f64);
    let window = [Some(100.4e-6), Some(200e-6)];
    let figure = drawn(&waves, &["a"], window).unwrap();
    let chart = &charts(&figure)[0];
    assert_eq!(chart.x.range, [100.4e-6, 200e-6]);
    assert!(chart.y.range[0] > 90.0 && chart.y.range[1] < 210.0, "{:?}", chart.y.range);
    let points = line(chart, 0);
    assert_eq!((points[0][1], points[points.len() - 1][1]), (100.0, 201.0));
    assert!(drawn(&waves, &["a"], [Some(2.0), Some(3.0)]).is_none());
}

#[test]
fn a_second_sweep_starts_a_new_line() {
    let sweep = || (0..4).map(f64::from);
    let waves = Waves {
        title: String::new(),
        plot: "DC transfer characteristic".into(),
        columns: vec![
            column(
                "v(v-sweep)",
                ColumnKind::Voltage,
                Values::Real(sweep().chain(sweep()).collect()),
            ),
            column("v(a)", ColumnKind::Voltage, Values::Real((0..8).map(f64::from).collect())),
        ],
    };
    let figure = drawn(&waves, &["a"], [None, None]).unwrap();
    let points = line(&charts(&figure)[0], 0);
    assert_eq!(points.iter().filter(|p| p[1].is_nan()).count(), 1);
    assert_eq!((points[3], points[5]), ([3.0, 3.0], [0.0, 4.0]));
    assert_eq!(charts(&figure)[0].x.label, "sweep");
}

#[test]
fn complex_signals_make_a_bode_plot() {
    let f: Vec<f64> = (0..50).map(|i| math::pow(10.0, 1.0 + 0.1 * i as f64)).collect();
    let pole = |f: &f64| {
        let x = f / 1e3;
        [1.0 / (1.0 + x * x), -x / (1.0 + x * x)]
    };
    let noise: Vec<f64> = f.iter().map(|f| 1e-9 / (1.0 + f / 1e3)).collect();
    let waves = Waves {
        title: "t".into(),
        plot: "AC Analysis".into(),
        columns: vec![
            column("frequency", ColumnKind::Frequency, Values::Real(f.clone())),
            column("v(out)", ColumnKind::Voltage, Values::Complex(f.iter().map(pole).collect())),
            column("onoise", ColumnKind::VoltageNoise, Values::Real(noise)),
        ],
    };
    let figure = drawn(&waves, &["out"], [None, None]).unwrap();
    let [magnitude, phase] = charts(&figure) else { panic!("two panels") };
    assert_eq!(magnitude.x.scale, Scale::Log);
    assert_eq!(magnitude.x.label_and_factor().0, "frequency (Hz)");
    assert_eq!(magnitude.y.label_and_factor().0, "|v(out)| (dB re 1 V)");
    assert_eq!(phase.y.label_and_factor().0, "phase of v(out) (°)");
    let ticks: Vec<String> = magnitude.x.ticks().into_iter().map(|(_, text)| text).collect();
    assert_eq!(ticks, ["10", "100", "1k", "10k", "100k"]);
    // At the pole: -3 dB and -45 degrees.
    assert!((line(magnitude, 0)[20][1] + 10.0 * 2f64.log10()).abs() < 1e-9);
    assert!((line(phase, 0)[20][1] + 45.0).abs() < 1e-9);

    let figure = drawn(&waves, &["onoise"], [None, None]).unwrap();
    let chart = &charts(&figure)[0];
    assert_eq!((chart.x.scale, chart.y.scale), (Scale::Log, Scale::Log));
    assert_eq!(chart.y.label_and_factor().0, "onoise (V/√Hz)");
    assert_eq!(chart.y.range, [1e-12, 1e-9]);
}

#[test]
fn beyond_eight_curves_the_rest_is_grey() {
    let mut waves = tran(9, |i| i as f64);
    let values = waves.columns[1].values.clone();
    for n in 0..9 {
        waves.columns.push(column(&format!("v(n{n})"), ColumnKind::Voltage, values.clone()));
    }
    let names: Vec<String> =
        (0..9).map(|n| format!("n{n}")).chain(["a".into(), "b".into()]).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let figure = drawn(&waves, &names, [None, None]).unwrap();
    let series = &charts(&figure)[0].series;
    let grey = series.iter().filter(|s| s.role == Role::Many).count();
    let named = series.iter().filter(|s| matches!(s.label, Label::End(_))).count();
    assert_eq!((series.len(), grey, named), (11, 3, 8));
    assert!(series.iter().any(|s| s.label == Label::Key("3 more".into())));
}

#[test]
fn odd_values_draw_or_are_refused() {
    for value in [0.0, 1.8, f64::NAN, f64::INFINITY, -1e-300, 1e300] {
        let waves = tran(5, |i| if i < 3 { value } else { 1.0 });
        let figure = drawn(&waves, &["a", "db(a)", "a/a"], [None, None]).unwrap();
        assert!(draw::png(&draw::svg(&figure)).is_ok());
    }
    let waves = tran(5, |_| f64::NAN);
    assert!(drawn(&waves, &["a"], [None, None]).is_none());
    let waves = tran(1, |_| 1.0);
    let figure = drawn(&waves, &["a"], [None, None]).unwrap();
    assert!(matches!(charts(&figure)[0].series[0].shape, Shape::Dots(_)));
    assert!(drawn(&tran(0, |_| 1.0), &["a"], [None, None]).is_none());
}
