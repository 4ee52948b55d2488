//! Small signals about an operating point: `(dI/dx + j omega dQ/dx) x = b`.

use std::f64::consts::TAU;
use std::sync::Arc;

use rayon::prelude::*;

use super::super::super::{Outcome, Stats};
use super::super::add;
use super::columns::kind;
use super::failure::failed;
use super::point::Point;
use super::{AnalysisRun, Bench};
use crate::data::waves::{Column, ColumnKind, Values, Waves};
use crate::numerics::dae::{Instant, Stamps};
use crate::numerics::linear::{Complex, Elimination, Singular, SparseLu};
use crate::numerics::newton::Failure;
use crate::units::Hertz;

/// The equations about an operating point.
pub(super) struct SmallSignal {
    elimination: Arc<Elimination>,
    di: Vec<f64>,
    dq: Vec<f64>,
    /// Along whose pivots every frequency is factorised, so that none depends on another.
    first: SparseLu<Complex>,
}

impl SmallSignal {
    /// # Errors
    /// When the equations are singular at the first frequency.
    pub fn new(bench: &Bench, point: &Point, first: Hertz) -> Result<SmallSignal, Singular> {
        let elimination = bench.elimination.clone();
        let mut stamps = Stamps::new(elimination.pattern());
        stamps.memory.copy_from_slice(&point.memory);
        stamps.take(&bench.netlist, Instant::Rest, &point.x);
        let (di, dq) = (stamps.current_slopes().to_vec(), stamps.charge_slopes().to_vec());
        let lu = SparseLu::new(&elimination);
        let mut small = SmallSignal { elimination, di, dq, first: lu };
        let mut lu = small.first.clone();
        lu.factor(&small.matrix(first))?;
        small.first = lu;
        Ok(small)
    }

    fn matrix(&self, frequency: Hertz) -> Vec<Complex> {
        let omega = TAU * frequency;
        self.di.iter().zip(&self.dq).map(|(&g, &c)| Complex::new(g, omega * c)).collect()
    }

    /// The equations at a frequency, factorised.
    ///
    /// # Errors
    /// When they are singular there.
    pub fn at(&self, frequency: Hertz) -> Result<Factorised, Singular> {
        let (mut lu, matrix) = (self.first.clone(), self.matrix(frequency));
        lu.factor(&matrix)?;
        Ok(Factorised { lu, matrix })
    }

    pub fn dim(&self) -> usize {
        self.elimination.pattern().dim()
    }
}

/// The equations at one frequency.
pub(super) struct Factorised {
    lu: SparseLu<Complex>,
    matrix: Vec<Complex>,
}

impl Factorised {
    pub fn solve(&mut self, rhs: &mut [Complex]) {
        self.lu.solve_refined(&self.matrix, rhs);
    }

    pub fn solve_transposed(&mut self, rhs: &mut [Complex]) {
        self.lu.solve_transposed_refined(&self.matrix, rhs);
    }
}

/// `f` at every frequency, in their order.
///
/// # Errors
/// The first frequency at which the equations are singular.
pub(super) fn over<T: Send>(
    small: &SmallSignal,
    frequencies: &[Hertz],
    f: impl Fn(&mut Factorised, Hertz) -> T + Sync,
) -> Result<Vec<T>, Singular> {
    frequencies
        .par_iter()
        .map(|&frequency| small.at(frequency).map(|mut at| f(&mut at, frequency)))
        .collect()
}

pub(super) fn ac(bench: &Bench, frequencies: &[Hertz]) -> AnalysisRun {
    let mut run = AnalysisRun::new("ac");
    run.waves.plot = "AC Analysis".into();
    let point = match bench.about(&mut run) {
        Some(point) if !frequencies.is_empty() => point,
        _ => return run,
    };
    match responses(bench, &point, frequencies) {
        Ok(rows) => {
            run.outcome = Outcome::Finished { points: rows.len() };
            run.stats.factorisations += rows.len();
            run.waves = waves(bench, frequencies, &rows);
            if rows.iter().flatten().all(|z| z.re == 0.0 && z.im == 0.0) {
                run.notes.push("everything is zero: no source has an ac part".into());
            }
        }
        Err(Singular { unknown }) => {
            run.outcome = failed(&bench.netlist, Failure::Singular { unknown }, &point.x);
        }
    }
    run
}

/// `[frequencies][unknowns]`
fn responses(
    bench: &Bench,
    point: &Point,
    frequencies: &[Hertz],
) -> Result<Vec<Vec<Complex>>, Singular> {
    let small = SmallSignal::new(bench, point, frequencies[0])?;
    let drive: Vec<Complex> = bench
        .netlist
        .excitation(&point.x)
        .into_iter()
        .map(|[re, im]| Complex::new(re, im))
        .collect();
    over(&small, frequencies, |lu, _| {
        let mut x = drive.clone();
        lu.solve(&mut x);
        x
    })
}

fn waves(bench: &Bench, frequencies: &[Hertz], rows: &[Vec<Complex>]) -> Waves {
    let unknowns = bench.netlist.unknown_names().into_iter().enumerate().map(|(k, name)| {
        let values = rows.iter().map(|row| [row[k].re, row[k].im]).collect();
        let kind = kind(&bench.netlist, k, &name);
        Column { name, kind, values: Values::Complex(values) }
    });
    let columns = std::iter::once(frequency(frequencies)).chain(unknowns).collect();
    Waves { title: String::new(), plot: "AC Analysis".into(), columns }
}

pub(super) fn frequency(frequencies: &[Hertz]) -> Column {
    let values = Values::Real(frequencies.to_vec());
    Column { name: "frequency".into(), kind: ColumnKind::Frequency, values }
}

impl Bench<'_> {
    /// The operating point that small signals are about, with its notes; `None`, with the outcome,
    /// if there is none.
    pub(super) fn about(&self, run: &mut AnalysisRun) -> Option<Point> {
        match self.quest().find() {
            Ok(point) => {
                run.stats = add(Stats::default(), point.work);
                run.notes = point.notes(&self.netlist);
                Some(point)
            }
            Err(outcome) => {
                run.outcome = outcome;
                None
            }
        }
    }
}
