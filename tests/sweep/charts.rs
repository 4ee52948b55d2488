//! What is drawn of a sweep.

use eqcircuit::report::figure::{Body, Chart, Figure, Role, Scale, Shape};

use super::*;

/// The one chart of a figure.
fn chart(records: &report::Records, name: &str) -> Chart {
    let figure = report::figures(records).into_iter().find(|f| f.name == name);
    match figure.unwrap_or_else(|| panic!("no {name}")).body {
        Body::Chart(chart) => chart,
        _ => panic!("{name} is no chart"),
    }
}

#[test]
fn the_report_draws_mean_and_interval_of_the_chips() {
    let axes = "[sweep.axes]\n\"nonideal.programming.sigma\" = [0.0, 0.1, 0.2]\n\
        \"hardware.array\" = [\"array/differential\", \"array/shared\"]\n[sweep]\nchips = 3\n";
    let (folder, path) = workplace(axes);
    let out = folder.path().join("out");
    let swept = run(&path, &out, 2, Manner::Fresh);
    let records = report::Records::load(&out).unwrap();
    assert_eq!(records.points, swept.points);
    let chart = chart(&records, "settling-time");
    let lines: Vec<&Vec<[f64; 2]>> = chart
        .series
        .iter()
        .filter_map(|s| match &s.shape {
            Shape::Line(points) => Some(points),
            _ => None,
        })
        .collect();
    assert_eq!(lines.len(), 2, "a line for each style of array");
    let bars: Vec<&Vec<[f64; 3]>> = chart
        .series
        .iter()
        .filter_map(|s| match &s.shape {
            Shape::Whiskers(points) => Some(points),
            _ => None,
        })
        .collect();
    for (array, line) in lines.iter().enumerate() {
        for (sigma, [_, drawn]) in line.iter().enumerate() {
            let first = 3 * (2 * sigma + array);
            let values: Vec<f64> =
                swept.points[first..first + 3].iter().map(|p| p.figures["settling-time"]).collect();
            let mean = values.iter().sum::<f64>() / 3.0;
            let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
            // 4.3027 is Student's t of two degrees of freedom.
            let half = 4.302652729749462 * (squares / 2.0 / 3.0).sqrt();
            let [_, low, high] = bars[array][sigma];
            assert!((drawn - mean).abs() < 1e-12 * mean, "{drawn} {mean}");
            assert!((high - low - 2.0 * half).abs() < 1e-9 * mean, "{low} {high} {half}");
        }
    }
    let page = report::page(&records, &report::figures(&records), &out);
    for words in
        ["## Means", "Mean over 3 chips with its 95 % confidence interval", "busy", "array/shared"]
    {
        assert!(page.contains(words), "no {words} in\n{page}");
    }
}

#[test]
fn a_lone_accuracy_has_the_interval_of_its_samples_and_words_stand_side_by_side() {
    let axes = "[sweep.axes]\n\"hardware.array\" = [\"array/differential\", \"array/shared\"]\n\
        [nonideal]\nprogramming = { sigma = 0.3 }\n";
    let (folder, path) = workplace(axes);
    let out = folder.path().join("out");
    run(&path, &out, 1, Manner::Fresh);
    let mut records = report::Records::load(&out).unwrap();
    // So that there is something to draw, whatever the chips make of the samples.
    for (point, accuracy) in records.points.iter_mut().zip([0.5, 0.75]) {
        point.figures.insert("accuracy".into(), accuracy);
    }
    let chart = chart(&records, "accuracy");
    let names: Vec<String> = chart.x.ticks().into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["array/differential", "array/shared"]);
    let Shape::Whiskers(bars) = &chart.series[0].shape else { panic!("{:?}", chart.series) };
    // Half of 20: 0.5 -+ z / (2 sqrt(20 + z^2)).
    let half = 100.0 * 1.959964 / (2.0 * (20.0 + 1.959964f64.powi(2)).sqrt());
    assert!((bars[0][1] - 50.0 + half).abs() < 1e-3, "{bars:?}");
    assert!((bars[0][2] - 50.0 - half).abs() < 1e-3, "{bars:?}");
}

#[test]
fn node_voltages_of_a_netlist_are_swept_where_something_is_promised_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("divider.toml");
    let text = "[device]\nv = { voltage-source = { p = \"in\", n = \"0\", dc = \"1 V\" } }\n\
        a = { resistor = { p = \"in\", n = \"out\", r = \"1 kohm\" } }\n\
        b = { resistor = { p = \"out\", n = \"0\", r = \"1 kohm\" } }\n\
        [simulate]\nanalysis = \"op\"\n[expect]\n\"v(out)\" = { at-least = \"0 V\" }\n\
        [sweep.axes]\n\"device.b.resistor.r\" = { log = { from = \"1 kohm\", to = \"1000 kohm\", points = 4 } }\n";
    fs::write(&path, text).unwrap();
    let out = folder.path().join("out");
    let swept = run(&path, &out, 1, Manner::Fresh);
    for (i, point) in swept.points.iter().enumerate() {
        let r = [1.0, 10.0, 100.0, 1000.0][i];
        assert!((point.figures["v(out)"] - r / (r + 1.0)).abs() < 1e-12, "{point:?}");
    }
    let chart = chart(&report::Records::load(&out).unwrap(), "node-1");
    assert_eq!(chart.x.label_and_factor().0, "device.b.resistor.r (ohm)");
    assert_eq!((chart.x.scale, chart.y.scale), (Scale::Log, Scale::Linear));
    assert_eq!(chart.y.label_and_factor().0, "v(out) (V)");
}

fn panels(records: &report::Records, name: &str) -> (Figure, Vec<Chart>) {
    let figure = report::figures(records).into_iter().find(|f| f.name == name).unwrap();
    match figure.body.clone() {
        Body::Panels(charts) => (figure, charts),
        _ => panic!("{name} has no panels"),
    }
}

#[test]
fn one_axis_at_a_time_has_a_panel_each_and_the_file_as_a_level() {
    let axes = "[sweep]\ndesign = \"one-at-a-time\"\nchips = 2\n[sweep.axes]\n\
        \"hardware.c-node\" = [\"50 fF\", \"200 fF\", \"400 fF\"]\n\
        \"hardware.array\" = [\"array/differential\", \"array/shared\"]\n\
        [nonideal]\nfabrication = { spread = 0.2 }\n";
    let (folder, path) = workplace(axes);
    let out = folder.path().join("out");
    let swept = run(&path, &out, 2, Manner::Fresh);
    let records = report::Records::load(&out).unwrap();
    let (figure, charts) = panels(&records, "settling-time");
    assert_eq!(charts.len(), 2);
    assert_eq!(charts[0].x.label, "hardware.c-node");
    let mean = |point: usize| {
        swept.points[2 * point..2 * point + 2]
            .iter()
            .map(|p| p.figures["settling-time"])
            .sum::<f64>()
            / 2.0
    };
    for (chart, points) in charts.iter().zip([1..4, 4..6]) {
        let level = chart.series.iter().find_map(|s| match s.shape {
            Shape::Level(v) => Some(v),
            _ => None,
        });
        assert!((level.unwrap() - mean(0)).abs() < 1e-12 * mean(0));
        let dots = chart.series.iter().find_map(|s| match &s.shape {
            Shape::Dots(dots) if s.role == Role::Main => Some(dots),
            _ => None,
        });
        let drawn: Vec<f64> = dots.unwrap().iter().map(|[_, y]| *y).collect();
        let expected: Vec<f64> = points.map(mean).collect();
        assert_eq!(drawn.len(), expected.len());
        for (a, b) in drawn.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-12 * b, "{drawn:?} {expected:?}");
        }
        assert_eq!(chart.y, charts[0].y, "one scale for all panels");
    }
    // Slower with more capacitance, in proportion: the panel is no flat line.
    assert!(mean(3) > 4.0 * mean(1));
    assert!(figure.caption.contains("Each axis alone"), "{}", figure.caption);
    let page = report::page(&records, &report::figures(&records), &out);
    assert!(page.contains("as in the file") && page.contains("one-at-a-time"), "{page}");
}

#[test]
fn drawn_points_are_scattered_over_every_axis() {
    let (folder, path) = workplace(CUBE);
    let out = folder.path().join("out");
    let swept = run(&path, &out, 2, Manner::Fresh);
    let records = report::Records::load(&out).unwrap();
    let (_, charts) = panels(&records, "settling-time");
    assert_eq!(charts.len(), 3);
    assert_eq!((charts[0].x.scale, charts[1].x.scale), (Scale::Linear, Scale::Log));
    for chart in &charts {
        let Shape::Dots(dots) = &chart.series.last().unwrap().shape else { panic!() };
        assert_eq!(dots.len(), swept.points.len());
        assert!(chart.series.iter().all(|s| !matches!(s.shape, Shape::Line(_))));
        assert!(dots.iter().all(|[x, y]| chart.x.holds(*x) && chart.y.holds(*y)));
    }
}
