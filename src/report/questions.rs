//! What the paper leaves open, a page each: depth, activations, starts.

use std::path::Path;

use super::figure::{Axis, Body, Chart, Figure, Label, Role, Series, Shape, Unit};
use super::page::{self, digits, quantity, table};
use super::{Made, ReportError};
use crate::engine::Start;
use crate::run::reproduce::{ACTIVATIONS, ANSWERS, Answer, Variant, answers};

/// The pages that there are answers for, by file name.
pub(super) fn make(dir: &Path) -> Result<Vec<(&'static str, Made)>, ReportError> {
    let wrong = |error: crate::run::RunError| ReportError::Record {
        path: dir.join(ANSWERS),
        line: 0,
        message: error.to_string(),
    };
    let all = answers(dir).map_err(wrong)?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let deep: Vec<&Answer> = all.iter().filter(|a| !a.asked.varies_activation()).collect();
    let shaped: Vec<&Answer> = all.iter().filter(|a| a.asked.varies_activation()).collect();
    let mut pages = Vec::new();
    if !deep.is_empty() {
        pages.push(("depth.md", depth(&deep, dir)));
    }
    if !shaped.is_empty() {
        pages.push(("activations.md", activations(&shaped, dir)));
    }
    pages.push(("starts.md", starts(&all.iter().collect::<Vec<_>>(), dir)));
    Ok(pages)
}

const COMMAND: &str = "```sh\neqcircuit reproduce ham --questions\n```\n\n";
/// What a count is.
const UPDATES: &str = "*Updates* are of every layer, until the residual over all layers is at most 1e-4 of \
                       the states, over the test pictures that got there within 600; the share that did \
                       not is in brackets. Times are of one picture, one thread, batches of 64, f32.";
/// Solvers from a start of zero, and the chord from its own.
const SOLVERS: [(Variant, Start); 5] = [
    (Variant::Ham, Start::Zero),
    (Variant::HamDeq, Start::Zero),
    (Variant::HamEo, Start::Zero),
    (Variant::HamEoDeq, Start::Zero),
    (Variant::HamEoChord, Start::Learned),
];

/// Over the answers that have it: mean updates, and the share that did not get there.
fn updates(of: &[&Answer], variant: Variant, start: Start) -> Option<[f64; 2]> {
    let found = of.iter().filter_map(|a| {
        let found = a.found.iter().find(|f| f.variant == variant && f.start == start)?;
        Some((found.updates, found.converged))
    });
    let found: Vec<(Option<f64>, f64)> = found.collect();
    let counts: Vec<f64> = found.iter().filter_map(|f| f.0).collect();
    let open = 1.0 - found.iter().map(|f| f.1).sum::<f64>() / found.len() as f64;
    (!counts.is_empty()).then(|| [counts.iter().sum::<f64>() / counts.len() as f64, open])
}

fn seconds(of: &[&Answer], variant: Variant, start: Start) -> f64 {
    let all = of.iter().flat_map(|a| &a.found);
    let some = all.filter(|f| f.variant == variant && f.start == start).map(|f| f.seconds);
    let (sum, n) = some.fold((0.0, 0), |(sum, n), s| (sum + s, n + 1));
    sum / f64::from(n)
}

fn shown(found: Option<[f64; 2]>) -> String {
    match found {
        None => "none".to_string(),
        Some([mean, open]) if open < 5e-4 => digits(mean, 3),
        Some([mean, open]) => format!("{} ({} %)", digits(mean, 3), digits(100.0 * open, 2)),
    }
}

fn accuracy(of: &[&Answer]) -> f64 {
    of.iter().map(|a| a.accuracy).sum::<f64>() / of.len() as f64
}

fn line(points: Vec<[f64; 2]>, k: usize, name: &str) -> Series {
    Series { shape: Shape::Line(points), role: Role::Nth(k), label: Label::Key(name.to_string()) }
}

fn top(series: &[Series]) -> f64 {
    let points = series.iter().flat_map(|s| match &s.shape {
        Shape::Line(points) | Shape::Dots(points) => points.clone(),
        _ => Vec::new(),
    });
    points.map(|p| p[1]).filter(|y| y.is_finite()).fold(1.0, f64::max)
}

fn depth(all: &[&Answer], dir: &Path) -> Made {
    let mut depths: Vec<(usize, bool)> =
        all.iter().map(|a| (a.asked.depth(), a.asked.skip > 0)).collect();
    depths.sort_unstable_by_key(|&(depth, skips)| (skips, depth));
    depths.dedup();
    let of = |depth: usize, skips: bool| -> Vec<&Answer> {
        let same = |a: &&&Answer| a.asked.depth() == depth && (a.asked.skip > 0) == skips;
        all.iter().filter(same).copied().collect()
    };
    // Three layers have no room for skips and belong to both.
    let curve = |skips: bool| {
        let some = depths.iter().filter(move |(d, s)| *s == skips || *d == 3);
        some.map(|&(d, s)| (d, s)).collect::<Vec<_>>()
    };
    let solvers = SOLVERS.iter().enumerate().map(|(k, &(variant, start))| {
        let points = curve(true)
            .into_iter()
            .filter_map(|(d, s)| Some([d as f64, updates(&of(d, s), variant, start)?[0]]));
        line(points.collect(), k, variant.name())
    });
    let solvers: Vec<Series> = solvers.collect();
    let layers = || Axis::linear("layers", Unit::Word("count"), [3.0, 21.0]);
    let high = top(&solvers);
    let accuracies = [(false, "plain"), (true, "with skips")].into_iter().enumerate();
    let learned: Vec<Series> = accuracies
        .map(|(k, (skips, name))| {
            let points = curve(skips).into_iter();
            let points = points.map(|(d, s)| [d as f64, 100.0 * accuracy(&of(d, s))]);
            line(points.collect(), k, name)
        })
        .collect();
    let figures = vec![
        Figure {
            name: "depth-updates",
            title: "Updates against the depth, networks with skips".into(),
            caption: "Test pictures that got there; three layers have no skips.".into(),
            body: Body::Chart(Chart {
                x: layers(),
                y: Axis::linear("updates", Unit::Word("count"), [0.0, 1.05 * high]),
                series: solvers,
            }),
        },
        Figure {
            name: "depth-accuracy",
            title: "What is learned against the depth".into(),
            caption: "All test pictures.".into(),
            body: Body::Chart(Chart {
                x: layers(),
                y: Axis::linear("accuracy", Unit::Word("%"), [0.0, 100.0]),
                series: learned,
            }),
        },
    ];
    let first = all[0];
    let mut page = format!(
        "# Speed-up against depth, 3 to 21 layers\n\n{COMMAND}HAMs of MNIST with {} units a hidden layer, \
         {} epochs. Plain deep networks do not learn: what the inputs do has died out where the outputs \
         are. Couplings that skip 3 layers (5 from 13 layers on) join layers of opposite parity, so that \
         even-odd order stays what it is, and carry it there. {UPDATES}\n\n",
        first.asked.layers[1], first.asked.epochs,
    );
    let mut head = vec!["layers", "skips", "accuracy"];
    head.extend(SOLVERS.map(|(variant, _)| variant.name()));
    head.extend(["HAM / HAM-EO-DEQ", "HAM-EO-DEQ / chord", "time HAM-EO", "time chord"]);
    let rows = depths.iter().map(|&(d, s)| {
        let of = of(d, s);
        let found = SOLVERS.map(|(variant, start)| updates(&of, variant, start));
        let mut row = vec![
            d.to_string(),
            if s { of[0].asked.skip.to_string() } else { "none".to_string() },
            format!("{} %", digits(100.0 * accuracy(&of), 3)),
        ];
        row.extend(found.map(shown));
        let ratio = |a: usize, b: usize| match (found[a], found[b]) {
            (Some(a), Some(b)) => format!("{}x", digits(a[0] / b[0], 3)),
            _ => String::new(),
        };
        row.extend([ratio(0, 3), ratio(3, 4)]);
        for (variant, start) in [SOLVERS[2], SOLVERS[4]] {
            row.push(quantity(seconds(&of, variant, start), "s"));
        }
        row
    });
    table(&mut page, &head, rows);
    finished(page, figures, dir)
}

fn activations(all: &[&Answer], dir: &Path) -> Made {
    let names: Vec<String> = ACTIVATIONS
        .iter()
        .map(|a| a.name().to_string())
        .filter(|name| all.iter().any(|a| a.asked.activation == *name))
        .collect();
    let of = |name: &str| -> Vec<&Answer> {
        all.iter().filter(|a| a.asked.activation == name).copied().collect()
    };
    let series: Vec<Series> = SOLVERS
        .iter()
        .enumerate()
        .map(|(k, &(variant, start))| {
            let points = names
                .iter()
                .enumerate()
                .filter_map(|(i, name)| Some([i as f64, updates(&of(name), variant, start)?[0]]));
            Series {
                shape: Shape::Dots(points.collect()),
                role: Role::Nth(k),
                label: Label::Key(variant.name().to_string()),
            }
        })
        .collect();
    let high = top(&series);
    let figures = vec![Figure {
        name: "activations",
        title: "Updates by the activation of the hidden layers".into(),
        caption: "Test pictures that got there.".into(),
        body: Body::Chart(Chart {
            x: Axis::named("activation", Unit::Word("hidden layers"), &names),
            y: Axis::linear("updates", Unit::Word("count"), [0.0, 1.05 * high]),
            series,
        }),
    }];
    let layers: Vec<String> = all[0].asked.layers.iter().map(usize::to_string).collect();
    let mut page = format!(
        "# Activations besides the sigmoid\n\n{COMMAND}HAMs {} of MNIST, {} epochs; the hidden layers have \
         the activation named (softmax: each a modern Hopfield layer), inputs and outputs the sigmoid. \
         Weights begin at 0.7 of Xavier's scale, with ReLU, which bounds no state, at 0.2. \
         {UPDATES}\n\n",
        layers.join("-"),
        all[0].asked.epochs,
    );
    let mut head = vec!["activation", "accuracy"];
    head.extend(SOLVERS.map(|(variant, _)| variant.name()));
    let rows = names.iter().map(|name| {
        let of = of(name);
        let mut row = vec![name.clone(), format!("{} %", digits(100.0 * accuracy(&of), 3))];
        row.extend(SOLVERS.map(|(variant, start)| shown(updates(&of, variant, start))));
        row
    });
    table(&mut page, &head, rows);
    finished(page, figures, dir)
}

fn starts(all: &[&Answer], dir: &Path) -> Made {
    let sigmoid: Vec<&&Answer> = all
        .iter()
        .filter(|a| a.asked.activation == "sigmoid" && (a.asked.skip > 0 || a.asked.depth() == 3))
        .collect();
    let mut depths: Vec<usize> = sigmoid.iter().map(|a| a.asked.depth()).collect();
    depths.sort_unstable();
    depths.dedup();
    let of = |depth: usize| -> Vec<&Answer> {
        sigmoid.iter().filter(|a| a.asked.depth() == depth).map(|a| **a).collect()
    };
    let word = |start: Start| match start {
        Start::Zero => "zero",
        Start::Random => "random",
        Start::Feedforward => "feedforward",
        Start::Learned => "learned",
    };
    let series: Vec<Series> = Start::ALL
        .iter()
        .enumerate()
        .map(|(k, &start)| {
            let points = depths
                .iter()
                .filter_map(|&d| Some([d as f64, updates(&of(d), Variant::HamEo, start)?[0]]));
            line(points.collect(), k, word(start))
        })
        .collect();
    let high = top(&series);
    let figures = vec![Figure {
        name: "starts",
        title: "Updates of HAM-EO by the start".into(),
        caption: "Test pictures that got there; networks with skips.".into(),
        body: Body::Chart(Chart {
            x: Axis::linear("layers", Unit::Word("count"), [3.0, 21.0]),
            y: Axis::linear("updates", Unit::Word("count"), [0.0, 1.05 * high]),
            series,
        }),
    }];
    let mut page = format!(
        "# Where to start\n\n{COMMAND}From states of zero, standard normal ones, one pass from the inputs \
         on (counted as half an update), and where ridge regression on the fixed points of 2,000 \
         training pictures says (half an update as well). {UPDATES}\n\n",
    );
    let mut head = vec!["layers".to_string(), "accuracy".to_string()];
    let solvers = [Variant::HamEo, Variant::HamEoDeq];
    head.extend(
        solvers.iter().flat_map(|v| Start::ALL.map(|s| format!("{}, {}", v.name(), word(s)))),
    );
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let rows = depths.iter().map(|&d| {
        let of = of(d);
        let mut row = vec![d.to_string(), format!("{} %", digits(100.0 * accuracy(&of), 3))];
        for variant in solvers {
            row.extend(Start::ALL.map(|start| shown(updates(&of, variant, start))));
        }
        row
    });
    table(&mut page, &head, rows);
    finished(page, figures, dir)
}

fn finished(mut page: String, figures: Vec<Figure>, dir: &Path) -> Made {
    page::figures(&mut page, &figures);
    page::files(&mut page, &[(ANSWERS, "every network with its measures, a line each")], dir);
    Made { figures, page }
}
