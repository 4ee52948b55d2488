//! The report of `gradcheck`: how near the estimated gradient comes to the true one, and how that
//! changes with beta.

mod steps;

use std::path::Path;

use super::figure::{Axis, Body, Chart, Figure, Label, Role, Series, Shape, Unit};
use super::page::{digits, short, table};
use super::{Made, ReportError, records};
use crate::run::gradcheck::{AgreementRecord, BetaRecord, GradcheckRecord, IMPLICIT, STEPS};
use crate::run::record;

const FILES: [(&str, &str); 5] = [
    (record::RUN, "the check: settings, tensors, the series over beta, expectations"),
    (record::RESOLVED, "the file as understood, every default filled in"),
    (record::RESULTS, "one JSON object a tensor"),
    (record::RESULTS_CSV, "the same as a table, one row a tensor"),
    (STEPS, "one JSON object a tensor of an analog block and step of the nudged phase"),
];

pub fn make(dir: &Path) -> Result<Made, ReportError> {
    let run: GradcheckRecord = records::read_run(dir)?;
    let figures: Vec<Figure> = order(&run).into_iter().chain(steps::figure(dir, &run)?).collect();
    let page = page(&run, &figures, dir);
    Ok(Made { figures, page })
}

fn page(run: &GradcheckRecord, figures: &[Figure], dir: &Path) -> String {
    let mut page = String::new();
    let outcomes: Vec<String> = run.outcomes.iter().map(|(w, n)| format!("{n} {w}")).collect();
    let mut rows = vec![
        ("rule", format!("{}, beta = {}, {}", run.rule, run.beta, run.phases)),
        ("data", format!("the first {} samples of {}", run.samples, run.data)),
        ("free phase", outcomes.join(", ")),
        ("settled in every phase", format!("{} of {}", run.settled, run.samples)),
        ("tolerance of the residual", digits(run.tolerance, 3)),
        ("step of finite differences", digits(run.step, 3)),
    ];
    let mut network = "the network as its hardware makes it";
    if let Some(chain) = &run.chain {
        network = "the chain, from block to block,";
        let each = chain.blocks.iter().map(|b| format!("`{}` {}", b.block, b.iterations));
        let each = each.collect::<Vec<_>>().join(", ");
        rows.push(("most iterations of a free phase", each));
        rows.push(("entries without a finite difference", chain.unknown.to_string()));
    }
    super::page::head(&mut page, &run.head, rows);
    page += "## The gradient\n\n";
    page += &format!(
        "Each tensor of the estimate against the truth: the cosine of the angle between them, and \
         the ratio of their lengths. Implicit differentiation of {network} gives the whole tensor; \
         central differences of the mean cost of settled samples give some places of it. `judges` \
         compares these two truths.\n\n"
    );
    tensors(&mut page, run);
    super::page::figures(&mut page, figures);
    super::page::files(&mut page, &FILES, dir);
    page
}

fn tensors(page: &mut String, run: &GradcheckRecord) {
    if run.tensors.is_empty() {
        *page += "No sample settled in the free phase, so there is nothing to compare.\n\n";
        return;
    }
    let head = [
        "tensor",
        "shape",
        "length",
        "cosine, implicit",
        "norm ratio",
        "cosine, differences",
        "norm ratio",
        "places",
        "cosine, judges",
        "norm ratio",
    ];
    let rows = run.tensors.iter().map(|t| {
        let [rows, columns] = t.shape;
        let mut row = vec![
            format!("`{}`", t.tensor),
            format!("{rows} × {columns}"),
            t.norm.map_or_else(|| "not finite".into(), short),
        ];
        row.extend(pair(t.implicit));
        row.extend(pair(t.finite_differences));
        row.push(t.entries.to_string());
        row.extend(pair(t.judges));
        row
    });
    table(page, &head, rows);
}

/// Near 1 every digit counts: `1 − 2.3e-9`.
fn pair(agreement: Option<AgreementRecord>) -> [String; 2] {
    let cosine = |c: f64| match 1.0 - c {
        gap if gap <= 0.0 => "1".to_string(),
        gap if gap < 1e-3 => format!("1 − {gap:.1e}"),
        _ => digits(c, 5),
    };
    let Some(agreement) = agreement else { return ["", ""].map(String::from) };
    let unknown = || "not finite".to_string();
    [
        agreement.cosine.map_or_else(unknown, cosine),
        agreement.norm_ratio.map_or_else(unknown, |r| digits(r, 6)),
    ]
}

/// Which of a record's distances a line is of.
type Pick = fn(&BetaRecord) -> Option<f64>;

/// A line of the slope that theory promises, a little above the one it is meant for; `None` where
/// that one has not half this slope, for it has met something else.
fn reference(points: &[[f64; 2]], slope: i32) -> Option<Vec<[f64; 2]>> {
    let (first, last) = (points.first()?, points.last()?);
    let fall = |p: &[f64; 2]| (0..slope).map(|_| p[0] / last[0]).product::<f64>();
    let follows = (first[1] / last[1]).powi(2) <= fall(first);
    follows.then(|| [first, last].map(|p| [p[0], 2.0 * last[1] * fall(p)]).to_vec())
}

/// Distance from the truth against beta, with the slopes that theory promises.
fn order(run: &GradcheckRecord) -> Option<Figure> {
    // Name, line, and its order in beta.
    let lines: [(&str, Pick, i32); 3] = [
        ("centred", |b| b.centred, 2),
        ("positive phase", |b| b.positive, 1),
        ("negative phase", |b| b.negative, 1),
    ];
    let distances = || {
        let all = run.betas.iter().flat_map(|b| [b.centred, b.positive, b.negative]);
        all.flatten().filter(|d| *d > 0.0)
    };
    let (low, high) = (distances().reduce(f64::min)?, distances().reduce(f64::max)?);
    let betas = [run.betas.first()?.beta, run.betas.last()?.beta];
    let points = |pick: Pick| -> Vec<[f64; 2]> {
        run.betas.iter().map(|b| [b.beta, pick(b).unwrap_or(f64::NAN)]).collect()
    };
    let mut series: Vec<Series> = lines
        .iter()
        .enumerate()
        .map(|(n, &(name, pick, _))| Series {
            shape: Shape::Line(points(pick)),
            role: Role::Nth(n),
            label: Label::Key(name.into()),
        })
        .collect();
    let references = lines[..2].iter().filter_map(|&(_, pick, slope)| {
        let known: Vec<[f64; 2]> = points(pick).into_iter().filter(|p| p[1].is_finite()).collect();
        reference(&known, slope).map(|line| Series {
            shape: Shape::Line(line),
            role: Role::Limit,
            label: Label::End(format!("slope {slope}")),
        })
    });
    series.extend(references);
    let against = match run.truth.as_str() {
        IMPLICIT => "implicit differentiation".to_string(),
        other => {
            format!("{other}, at {} places", run.tensors.iter().map(|t| t.entries).sum::<usize>())
        }
    };
    Some(Figure {
        name: "gradient-order",
        title: "Distance of the estimated gradient from the true one".into(),
        caption: format!(
            "Length of estimate − truth over the length of the truth, all parameters together, of \
             {} samples, against beta. The truth is {against}. Nudged to one side the error is of \
             first order in beta, centred of second (dashed, where a line follows it). A line \
             that levels off has met a bias that no small beta removes, such as that of twin \
             arrays whose cells differ, or the tolerance of settling over beta.",
            run.beta_samples
        ),
        body: Body::Chart(Chart {
            x: Axis::log("beta", Unit::Word("strength of the nudge"), betas),
            y: Axis::log("relative distance", Unit::Word("dimensionless"), [low, 2.0 * high]),
            series,
        }),
    })
}
