//! The crossbar solver against a direct sparse solve of the same circuit, and the laws of linear
//! circuits.

use eqcircuit::numerics::crossbar::{
    Crossbar, End, Fault, Law, Lines, PortVoltages, Settings, Solution, Solver, Wire,
};
use eqcircuit::numerics::dae::{Dae, Instant, Pattern, Stamps};
use eqcircuit::numerics::linear::{Elimination, SparseLu};
use eqcircuit::numerics::math;
use eqcircuit::numerics::newton;
use eqcircuit::numerics::seed::Seed;
use proptest::prelude::*;
use rand::RngExt;

/// As far as `f64` goes.
const TIGHT: Settings = Settings { tolerance: 1e-15, krylov: 10_000, newton: 60 };

/// Either end of a branch: an unknown, or a port at a voltage.
#[derive(Debug, Clone, Copy)]
enum Terminal {
    Unknown(usize),
    Port(f64),
}

/// A crossbar as anonymous branches between unknowns.
struct Nodal {
    unknowns: usize,
    branches: Vec<(Terminal, Terminal, f64, Law)>,
    /// Place of the voltage of every word and bit line at every cell, row-major.
    word: Vec<Terminal>,
    bit: Vec<Terminal>,
    /// The branches to the ports, by word and bit, first and last; `None` at an open end.
    ports: [[Vec<Option<usize>>; 2]; 2],
}

impl Nodal {
    fn of(crossbar: &Crossbar, volts: &PortVoltages) -> Nodal {
        let (rows, cols) = (crossbar.rows, crossbar.cols);
        let mut nodal = Nodal {
            unknowns: 0,
            branches: Vec::new(),
            word: Vec::new(),
            bit: vec![Terminal::Port(0.0); rows * cols],
            ports: Default::default(),
        };
        for i in 0..rows {
            let port = [0, 1].map(|e: usize| volts.word[e].get(i).copied());
            let line = nodal.line(&crossbar.word, cols, port, 0);
            nodal.word.extend(line);
        }
        for j in 0..cols {
            let port = [0, 1].map(|e: usize| volts.bit[e].get(j).copied());
            for (i, at) in nodal.line(&crossbar.bit, rows, port, 1).into_iter().enumerate() {
                nodal.bit[i * cols + j] = at;
            }
        }
        for k in 0..rows * cols {
            let cell = (nodal.word[k], nodal.bit[k], crossbar.conductance[k], crossbar.law);
            nodal.branches.push(cell);
        }
        nodal
    }

    /// The places of one line, its segments and its ends.
    fn line(
        &mut self,
        lines: &Lines,
        cells: usize,
        port: [Option<f64>; 2],
        kind: usize,
    ) -> Vec<Terminal> {
        let node = lines.wire == Wire::Uniform(0.0);
        let pinned = lines.ends.iter().position(|end| *end == End::Tied(0.0));
        let first = match pinned {
            Some(end) => Terminal::Port(port[end].unwrap()),
            None => self.unknown(),
        };
        let mut places = vec![first];
        for k in 1..cells {
            let next = if node { first } else { self.unknown() };
            let r = match &lines.wire {
                Wire::Uniform(r) => *r,
                Wire::Each(each) => each[k - 1],
            };
            if !node {
                self.branches.push((places[k - 1], next, 1.0 / r, Law::Linear));
            }
            places.push(next);
        }
        for (e, end) in lines.ends.iter().enumerate() {
            let branch = match end {
                End::Tied(r) if *r > 0.0 => {
                    let at = places[if e == 0 { 0 } else { cells - 1 }];
                    let port = Terminal::Port(port[e].unwrap());
                    self.branches.push((port, at, 1.0 / r, Law::Linear));
                    Some(self.branches.len() - 1)
                }
                _ => None,
            };
            self.ports[kind][e].push(branch);
        }
        places
    }

    fn unknown(&mut self) -> Terminal {
        self.unknowns += 1;
        Terminal::Unknown(self.unknowns - 1)
    }

    fn volts(&self, x: &[f64], at: Terminal) -> f64 {
        match at {
            Terminal::Unknown(k) => x[k],
            Terminal::Port(v) => v,
        }
    }

    /// The solution by sparse LU, refined until its corrections are rounding.
    fn solve(&self) -> Vec<f64> {
        let mut x = vec![0.0; self.unknowns];
        if x.is_empty() {
            return x;
        }
        let pattern = Pattern::of(self);
        let elimination = Elimination::of(&pattern);
        newton::Solver::new(self, &elimination).at_rest(&mut x).expect("a solution");
        let mut lu = SparseLu::new(&elimination);
        let mut stamps = Stamps::new(&pattern);
        for _ in 0..6 {
            stamps.take(self, Instant::Rest, &x);
            lu.factor(stamps.current_slopes()).expect("regular");
            let mut step = stamps.currents().to_vec();
            lu.solve(&mut step);
            x.iter_mut().zip(&step).for_each(|(x, d)| *x -= d);
        }
        x
    }
}

impl Dae for Nodal {
    fn dim(&self) -> usize {
        self.unknowns
    }

    fn eval(&self, _: Instant, x: &[f64], out: &mut Stamps) {
        let place = |at| match at {
            Terminal::Unknown(k) => k,
            Terminal::Port(_) => Stamps::NOWHERE,
        };
        for &(a, b, g, law) in &self.branches {
            let v = self.volts(x, a) - self.volts(x, b);
            let (i, slope) = match law {
                Law::Linear => (g * v, g),
                Law::Sinh { v0 } => (g * v0 * math::sinh(v / v0), g * math::cosh(v / v0)),
                Law::Monotone(f) => f(g, v),
            };
            let (a, b) = (place(a), place(b));
            out.i(a, i);
            out.i(b, -i);
            for (row, col, slope) in [(a, a, slope), (a, b, -slope), (b, a, -slope), (b, b, slope)]
            {
                out.di(row, col, slope);
            }
        }
    }

    fn name(&self, unknown: usize) -> String {
        unknown.to_string()
    }
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |top, v| top.max(v.abs()))
}

/// How far a solution is from the direct one: of the voltages as a share of the largest, and of the
/// port currents as a share of the largest, less what the rounding of the direct voltages does.
fn distance(crossbar: &Crossbar, volts: &PortVoltages, solution: &Solution) -> [f64; 2] {
    let nodal = Nodal::of(crossbar, volts);
    let x = nodal.solve();
    let at = |places: &[Terminal], k: usize| nodal.volts(&x, places[k]);
    let cells = 0..crossbar.rows * crossbar.cols;
    let place = |k: usize| (k / crossbar.cols, k % crossbar.cols);
    let top = largest(cells.clone().flat_map(|k| [at(&nodal.word, k), at(&nodal.bit, k)]));
    let off = largest(cells.flat_map(|k| {
        let (i, j) = place(k);
        [
            at(&nodal.word, k) - solution.word_voltage(i, j),
            at(&nodal.bit, k) - solution.bit_voltage(i, j),
        ]
    }));
    let mut currents = Vec::new();
    for (kind, found) in [&solution.word_current, &solution.bit_current].into_iter().enumerate() {
        for (e, found) in found.iter().enumerate() {
            for (branch, found) in nodal.ports[kind][e].iter().zip(found) {
                let Some(branch) = *branch else { continue };
                let (a, b, g, _) = nodal.branches[branch];
                let i = g * (nodal.volts(&x, a) - nodal.volts(&x, b));
                let i = if kind == 0 { i } else { -i };
                currents.push((i, (i - found).abs() - 4.0 * f64::EPSILON * g * top));
            }
        }
    }
    let most = largest(currents.iter().map(|c| c.0));
    let wrong = currents.iter().map(|c| c.1).fold(0.0, f64::max);
    [off / top.max(1e-300), if most > 0.0 { wrong / most } else { 0.0 }]
}

fn drawn(lines: usize, end: End, rng: &mut impl RngExt) -> Vec<f64> {
    if end == End::Open {
        Vec::new()
    } else {
        (0..lines).map(|_| rng.random_range(-0.3..0.3)).collect()
    }
}

fn voltages(crossbar: &Crossbar, seed: u64) -> PortVoltages {
    let mut rng = Seed::new(seed).rng();
    PortVoltages {
        word: crossbar.word.ends.map(|end| drawn(crossbar.rows, end, &mut rng)),
        bit: crossbar.bit.ends.map(|end| drawn(crossbar.cols, end, &mut rng)),
    }
}

/// A resistance between 0.1 and 100 ohm, evenly by its logarithm.
fn ohms(rng: &mut impl RngExt) -> f64 {
    0.1 * math::pow(10.0, rng.random_range(0.0..3.0))
}

/// Lines with any wire and any ends.
fn lines(cells: usize, rng: &mut impl RngExt) -> Lines {
    let wire = match rng.random_range(0..6) {
        0 => Wire::Uniform(0.0),
        1 => Wire::Each((1..cells).map(|_| ohms(rng)).collect()),
        _ => Wire::Uniform(ohms(rng)),
    };
    let node = wire == Wire::Uniform(0.0);
    let end = |rng: &mut _| match RngExt::random_range(rng, 0..4) {
        0 => End::Open,
        1 if node => End::Tied(0.0),
        _ => End::Tied(ohms(rng)),
    };
    let mut ends = [end(rng), end(rng)];
    if ends == [End::Tied(0.0); 2] {
        ends[1] = End::Tied(10.0);
    }
    Lines { wire, ends }
}

fn crossbar(rows: usize, cols: usize, law: Law, seed: u64) -> Crossbar {
    let mut rng = Seed::new(seed).rng();
    let (mut word, bit) = (lines(cols, &mut rng), lines(rows, &mut rng));
    if !word.tied() && !bit.tied() {
        word.ends[0] = End::Tied(ohms(&mut rng));
    }
    let mut cell = || {
        let absent = rng.random_range(0..20) == 0;
        if absent { 0.0 } else { 1e-6 * math::pow(10.0, rng.random_range(0.0..3.0)) }
    };
    let conductance = (0..rows * cols).map(|_| cell()).collect();
    Crossbar { rows, cols, conductance, law, word, bit }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn linear_cells_as_a_direct_solve(rows in 1..40_usize, cols in 1..40_usize, seed: u64) {
        let crossbar = crossbar(rows, cols, Law::Linear, seed);
        prop_assume!(crossbar.check().is_ok());
        let volts = voltages(&crossbar, seed);
        let solution = Solver::new(crossbar.clone()).unwrap().solve(&volts, None, &TIGHT).unwrap();
        let [v, i] = distance(&crossbar, &volts, &solution);
        prop_assert!(solution.report.converged, "{:?}", solution.report);
        prop_assert!(v <= 1e-12 && i <= 1e-12, "{v:e} {i:e} {:?} {crossbar:?}", solution.report);
    }

    #[test]
    fn sinh_cells_as_a_direct_solve(rows in 1..30_usize, cols in 1..30_usize, seed: u64, v0 in 0.05..0.5) {
        let crossbar = crossbar(rows, cols, Law::Sinh { v0 }, seed);
        prop_assume!(crossbar.check().is_ok());
        let volts = voltages(&crossbar, seed);
        let solution = Solver::new(crossbar.clone()).unwrap().solve(&volts, None, &TIGHT).unwrap();
        let [v, i] = distance(&crossbar, &volts, &solution);
        prop_assert!(solution.report.converged, "{:?}", solution.report);
        prop_assert!(v <= 1e-10 && i <= 1e-10, "{v:e} {i:e} {:?}", solution.report);
    }

    #[test]
    fn responses_to_two_drives_add_up(rows in 1..40_usize, cols in 1..40_usize, seed: u64) {
        let crossbar = crossbar(rows, cols, Law::Linear, seed);
        prop_assume!(crossbar.check().is_ok());
        let (a, b) = (voltages(&crossbar, seed), voltages(&crossbar, seed ^ 1));
        let sum = |a: &[Vec<f64>; 2], b: &[Vec<f64>; 2]| {
            [0, 1].map(|e: usize| a[e].iter().zip(&b[e]).map(|(a, b)| a + b).collect::<Vec<_>>())
        };
        let both = PortVoltages { word: sum(&a.word, &b.word), bit: sum(&a.bit, &b.bit) };
        let solver = Solver::new(crossbar).unwrap();
        let found = solver.solve_each(&[a, b, both], &TIGHT).unwrap();
        let currents = |s: &Solution| [&s.word_current, &s.bit_current].map(|c| c.concat()).concat();
        let [a, b, both] = [0, 1, 2].map(|k: usize| currents(&found[k]));
        let top = largest(a.iter().chain(&b).copied());
        for ((a, b), both) in a.iter().zip(&b).zip(&both) {
            prop_assert!((a + b - both).abs() <= 1e-12 * top, "{a} + {b} is not {both}");
        }
    }
}

/// A word line that is open at both ends has the voltage that its one cell gives it; the currents that
/// round in the wires beside it are much to that cell.
#[test]
fn a_line_that_hangs_on_a_cell_is_where_a_direct_solve_has_it() {
    let seed = 6_029_604_166_969_515_675;
    for k in 0..200 {
        let crossbar = crossbar(1, 1, Law::Sinh { v0: 0.05 + 0.00225 * f64::from(k) }, seed);
        let volts = voltages(&crossbar, seed);
        let solution = Solver::new(crossbar.clone()).unwrap().solve(&volts, None, &TIGHT).unwrap();
        let [v, i] = distance(&crossbar, &volts, &solution);
        assert!(solution.report.converged, "{:?}", solution.report);
        assert!(v <= 1e-10 && i <= 1e-10, "{v:e} {i:e} {:?}", solution.report);
    }
}

/// The ports of tied ends: of word lines, then of bit lines.
fn ports(crossbar: &Crossbar) -> Vec<(usize, usize, usize)> {
    let all = [(0, &crossbar.word, crossbar.rows), (1, &crossbar.bit, crossbar.cols)];
    let ends = all.into_iter().flat_map(|(kind, lines, count)| {
        let tied = (0..2).filter(move |&e| lines.ends[e] != End::Open);
        tied.flat_map(move |e| (0..count).map(move |line| (kind, e, line)))
    });
    ends.collect()
}

#[test]
fn two_ports_see_each_other_alike() {
    let crossbar = Crossbar {
        word: Lines { wire: Wire::Uniform(3.0), ends: [End::Tied(50.0), End::Tied(5.0)] },
        bit: Lines { wire: Wire::Uniform(0.7), ends: [End::Tied(20.0), End::Tied(0.4)] },
        ..crossbar(19, 21, Law::Linear, 7)
    };
    let solver = Solver::new(crossbar.clone()).unwrap();
    let ports = ports(&crossbar);
    let responses: Vec<Vec<f64>> = ports
        .iter()
        .map(|&(kind, e, line)| {
            let mut volts = PortVoltages {
                word: [vec![0.0; 19], vec![0.0; 19]],
                bit: [vec![0.0; 21], vec![0.0; 21]],
            };
            [&mut volts.word, &mut volts.bit][kind][e][line] = 1.0;
            let found = solver.solve(&volts, None, &TIGHT).unwrap();
            let currents = [&found.word_current, &found.bit_current];
            // Into the crossbar at every port.
            let sign = [1.0, -1.0];
            ports.iter().map(|&(k, e, l)| sign[k] * currents[k][e][l]).collect()
        })
        .collect();
    let top = largest(responses.iter().flatten().copied());
    for (a, there) in responses.iter().enumerate() {
        assert!(there.iter().sum::<f64>().abs() < 1e-12 * top, "currents are conserved");
        for (b, back) in responses.iter().enumerate() {
            assert!((there[b] - back[a]).abs() <= 1e-13 * top, "ports {a} and {b}");
        }
    }
}

#[test]
fn without_wires_currents_are_products() {
    let cells = vec![1e-6, 2e-6, 3e-6, 4e-6, 5e-6, 6e-6];
    let ideal = |end| Lines { wire: Wire::Uniform(0.0), ends: [end, End::Open] };
    let crossbar = Crossbar {
        rows: 3,
        cols: 2,
        conductance: cells,
        law: Law::Linear,
        word: ideal(End::Tied(0.0)),
        bit: ideal(End::Tied(0.0)),
    };
    let volts = PortVoltages { word: [vec![0.1, 0.2, -0.1], vec![]], bit: [vec![0.0; 2], vec![]] };
    let found = Solver::new(crossbar).unwrap().solve(&volts, None, &TIGHT).unwrap();
    for (found, expected) in found.bit_current[0].iter().zip([0.2e-6, 0.4e-6]) {
        assert!((found - expected).abs() < 1e-21, "{found} {expected}");
    }
}

#[test]
fn one_word_line_is_a_ladder() {
    let (g, r, n) = (1e-4, 20.0, 33);
    let crossbar = Crossbar {
        rows: 1,
        cols: n,
        conductance: vec![g; n],
        law: Law::Linear,
        word: Lines::from_first(r, r),
        bit: Lines { wire: Wire::Uniform(0.0), ends: [End::Tied(0.0), End::Open] },
    };
    let volts = PortVoltages { word: [vec![1.0], vec![]], bit: [vec![0.0; n], vec![]] };
    let alone = crossbar.port_conductances().word[0][0];
    let found = Solver::new(crossbar).unwrap().solve(&volts, None, &TIGHT).unwrap();
    // From the open end on: a cell beside what follows it, then a segment in series.
    let seen = (0..n).fold(0.0, |beyond, _| 1.0 / (r + 1.0 / (g + beyond)));
    assert!((found.word_current[0][0] / seen - 1.0).abs() < 1e-14);
    assert!((alone / seen - 1.0).abs() < 1e-14);
}

/// A law with a kink, as a diode-like cell would have.
fn rectifying(g: f64, v: f64) -> (f64, f64) {
    let slope = if v > 0.0 { g } else { 1e-3 * g };
    (slope * v, slope)
}

#[test]
fn any_monotone_law_is_solved() {
    for law in [Law::Monotone(rectifying), Law::Sinh { v0: 0.03 }] {
        let crossbar = Crossbar {
            word: Lines::from_first(2.0, 2.0),
            bit: Lines::from_last(2.0, 2.0),
            ..crossbar(20, 17, law, 3)
        };
        let volts = voltages(&crossbar, 4);
        let found = Solver::new(crossbar.clone()).unwrap().solve(&volts, None, &TIGHT).unwrap();
        let [v, i] = distance(&crossbar, &volts, &found);
        assert!(found.report.converged && v <= 1e-10 && i <= 1e-10, "{v:e} {i:e} {law:?}");
    }
}

fn hard(n: usize, law: Law) -> (Crossbar, PortVoltages) {
    let mut rng = Seed::new(1).rng();
    let conductance = (0..n * n).map(|_| rng.random_range(1e-5..1e-3)).collect();
    let (word, bit) = (Lines::from_first(1.0, 1.0), Lines::from_last(1.0, 1.0));
    let volts = (0..n).map(|_| rng.random_range(0.0..0.3)).collect();
    let volts = PortVoltages { word: [volts, vec![]], bit: [vec![], vec![0.0; n]] };
    (Crossbar { rows: n, cols: n, conductance, law, word, bit }, volts)
}

#[test]
fn threads_do_not_change_a_bit() {
    for law in [Law::Linear, Law::Sinh { v0: 0.25 }] {
        let (crossbar, volts) = hard(280, law);
        let runs = [1, 2, 4].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let solver = Solver::new(crossbar.clone()).unwrap();
                let first = solver.solve(&volts, None, &Settings::default()).unwrap();
                let mut other = volts.clone();
                other.word[0].reverse();
                let warm = solver.solve(&other, Some(&first), &Settings::default()).unwrap();
                let each =
                    solver.solve_each(&[volts.clone(), other], &Settings::default()).unwrap();
                (first, warm, each)
            })
        });
        assert!(runs[0] == runs[1] && runs[0] == runs[2]);
        assert!(runs[0].2[0] == runs[0].0, "a batch is its samples");
    }
}

#[test]
fn a_warm_start_saves_iterations_and_written_cells_count() {
    let (crossbar, volts) = hard(64, Law::Linear);
    let mut solver = Solver::new(crossbar.clone()).unwrap();
    let settings = Settings::default();
    let cold = solver.solve(&volts, None, &settings).unwrap();
    assert!(cold.report.converged && cold.report.residual <= 1e-10, "{:?}", cold.report);
    let again = solver.solve(&volts, Some(&cold), &settings).unwrap();
    assert_eq!(again.report.krylov, 0);
    let mut near = volts.clone();
    near.word[0].iter_mut().for_each(|v| *v *= 1.0 + 1e-6);
    let warm = solver.solve(&near, Some(&cold), &settings).unwrap();
    assert!(warm.report.krylov < cold.report.krylov, "{:?} {:?}", warm.report, cold.report);
    let written: Vec<f64> = crossbar.conductance.iter().map(|g| 1.1 * g).collect();
    solver.write(written.clone()).unwrap();
    let changed = Crossbar { conductance: written, ..crossbar };
    let fresh = Solver::new(changed).unwrap().solve(&volts, None, &settings).unwrap();
    assert_eq!(solver.solve(&volts, None, &settings).unwrap(), fresh);
    assert_ne!(fresh.bit_current, cold.bit_current);
}

/// A state without any current tells nothing of the size of the currents to come.
#[test]
fn a_warm_start_from_rest_is_as_good_as_a_cold_one() {
    let (crossbar, volts) = hard(64, Law::Linear);
    let at = |scale: f64| PortVoltages {
        word: volts.word.clone().map(|ends| ends.iter().map(|v| scale * v).collect()),
        bit: volts.bit.clone().map(|ends| ends.iter().map(|v| scale * v).collect()),
    };
    let solver = Solver::new(crossbar).unwrap();
    let rest = solver.solve(&at(0.0), None, &TIGHT).unwrap();
    assert!(rest.report.converged && largest(rest.word_current.iter().flatten().copied()) == 0.0);
    let warm = solver.solve(&volts, Some(&rest), &TIGHT).unwrap();
    let cold = solver.solve(&volts, None, &TIGHT).unwrap();
    assert!(warm.report.converged, "{:?}", warm.report);
    let size = largest(cold.bit_current.iter().flatten().copied());
    for (a, b) in warm.bit_current.iter().flatten().zip(cold.bit_current.iter().flatten()) {
        assert!((a - b).abs() <= 1e-11 * size, "{a} against {b}");
    }
}

#[test]
fn a_port_matrix_says_what_any_voltages_drive() {
    for (rows, cols) in [(1, 1), (7, 3), (24, 40)] {
        let mut crossbar = hard(rows.max(cols), Law::Linear).0;
        (crossbar.rows, crossbar.cols) = (rows, cols);
        crossbar.conductance.truncate(rows * cols);
        let solver = Solver::new(crossbar).unwrap();
        let seen = solver.port_matrix([0, 1], &TIGHT);
        let mut rng = Seed::new(9).rng();
        let mut volts = |n| (0..n).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f64>>();
        let (word, bit) = (volts(rows), volts(cols));
        let ports = PortVoltages { word: [word.clone(), vec![]], bit: [vec![], bit.clone()] };
        let found = solver.solve(&ports, None, &TIGHT).unwrap();
        let top = found.bit_current[1].iter().fold(0.0, |top: f64, i| top.max(i.abs()));
        for (k, current) in found.bit_current[1].iter().enumerate() {
            let into: f64 = seen.transfer.row(k).iter().zip(&word).map(|(g, v)| g * v).sum();
            let back: f64 = seen.load.row(k).iter().zip(&bit).map(|(g, v)| g * v).sum();
            assert!((into - back - current).abs() < 1e-12 * top, "{rows} x {cols}, {k}");
            let balance: f64 =
                seen.transfer.row(k).iter().sum::<f64>() - seen.load.row(k).iter().sum::<f64>();
            assert!(balance.abs() < 1e-12 * seen.load[(k, k)], "currents stay between the ports");
        }
    }
}

#[test]
fn long_lines_take_no_more_iterations() {
    // Sixty electrical lengths across: 110 iterations without the second level.
    let n = 272;
    let mut crossbar = hard(n, Law::Linear).0;
    (crossbar.word, crossbar.bit) =
        (Lines::from_first(100.0, 100.0), Lines::from_last(100.0, 100.0));
    let solver = Solver::new(crossbar.clone()).unwrap();
    let mut rng = Seed::new(4).rng();
    let mut volts = || (0..n).map(|_| rng.random_range(0.0..0.3)).collect::<Vec<f64>>();
    let [a, b] = [volts(), volts()];
    let solve = |solver: &Solver, word: &[f64]| {
        let ports = PortVoltages { word: [word.to_vec(), vec![]], bit: [vec![], vec![0.0; n]] };
        let found = solver.solve(&ports, None, &Settings::default()).unwrap();
        assert!(found.report.converged && found.report.residual < 1e-10, "{:?}", found.report);
        found
    };
    let sum: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    let [a, b, sum] = [a, b, sum].map(|word| solve(&solver, &word));
    assert!(sum.report.krylov < 35, "{:?}", sum.report);
    let currents = a.bit_current[1].iter().zip(&b.bit_current[1]).zip(&sum.bit_current[1]);
    let top = sum.bit_current[1].iter().fold(0.0, |top: f64, i| top.max(i.abs()));
    for ((a, b), sum) in currents {
        assert!((a + b - sum).abs() < 1e-8 * top, "{a} + {b} is not {sum}");
    }
    crossbar.law = Law::Sinh { v0: 0.25 };
    let bent = solve(&Solver::new(crossbar).unwrap(), &[0.3; 272]);
    assert!(bent.report.newton < 8 && bent.report.krylov < 70, "{:?}", bent.report);
}

/// Lines are joined by cells that conduct, however few.
#[test]
fn groups_of_lines_are_those_of_their_cells() {
    let mut crossbar = hard(4, Law::Linear).0;
    let g = |joined: &[(usize, usize)]| {
        let mut g = vec![0.0; 16];
        joined.iter().for_each(|(word, bit)| g[4 * word + bit] = 1e-5);
        g
    };
    crossbar.conductance = g(&[(0, 1), (2, 1), (2, 3), (1, 0), (3, 2)]);
    assert_eq!(crossbar.groups(), [0, 1, 0, 3, 1, 0, 3, 0]);
    crossbar.conductance = g(&[]);
    assert_eq!(crossbar.groups(), [0, 1, 2, 3, 4, 5, 6, 7]);
    crossbar.conductance = vec![1e-5; 16];
    assert_eq!(crossbar.groups(), [0; 8]);
}

#[test]
fn what_is_not_reached_is_said() {
    let (crossbar, volts) = hard(64, Law::Linear);
    let solver = Solver::new(crossbar).unwrap();
    let few = Settings { krylov: 2, newton: 1, ..Settings::default() };
    let report = solver.solve(&volts, None, &few).unwrap().report;
    assert!(!report.converged && report.residual > 1e-10 && report.krylov == 2, "{report:?}");
}

#[test]
fn faults_are_named() {
    let (good, volts) = hard(4, Law::Linear);
    let fault = |change: &dyn Fn(&mut Crossbar)| {
        let mut crossbar = good.clone();
        change(&mut crossbar);
        Solver::new(crossbar).err()
    };
    assert_eq!(
        fault(&|c| _ = c.conductance.pop()),
        Some(Fault::Shape { rows: 4, cols: 4, conductances: 15 })
    );
    assert_eq!(
        fault(&|c| c.conductance[6] = -1.0),
        Some(Fault::Conductance { row: 1, col: 2, value: -1.0 })
    );
    assert!(matches!(
        fault(&|c| c.conductance[6] = f64::NAN),
        Some(Fault::Conductance { row: 1, col: 2, .. })
    ));
    assert_eq!(
        fault(&|c| c.word.ends[0] = End::Tied(0.0)),
        Some(Fault::Resistance { what: "resistance at the end of a word line", value: 0.0 })
    );
    assert_eq!(
        fault(&|c| c.bit.wire = Wire::Each(vec![1.0])),
        Some(Fault::Segments { what: "bit", expected: 3, found: 1 })
    );
    assert_eq!(
        fault(&|c| c.word = Lines { wire: Wire::Uniform(0.0), ends: [End::Tied(0.0); 2] }),
        Some(Fault::Shorted { what: "word" })
    );
    assert_eq!(
        fault(&|c| {
            c.bit.ends[1] = End::Open;
            (0..4).for_each(|i| c.conductance[4 * i + 2] = 0.0);
        }),
        Some(Fault::Floating { what: "bit", line: 2 })
    );
    assert_eq!(
        fault(&|c| (c.bit.ends, c.word.ends) = ([End::Open; 2], [End::Open; 2])),
        Some(Fault::Floating { what: "word", line: 0 })
    );
    let few = PortVoltages { bit: [vec![], vec![0.0; 3]], ..volts };
    assert_eq!(
        Solver::new(good.clone()).unwrap().solve(&few, None, &TIGHT).err(),
        Some(Fault::Ports { what: "last bit ports", expected: 4, found: 3 })
    );
}
