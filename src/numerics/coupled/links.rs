//! What crossbars put between the unknowns of other equations, nearly: the slopes that rounds over
//! both are preconditioned with.

use rayon::prelude::*;

use super::super::crossbar::{Crossbar, End, Law, Lines, PortVoltages, Settings, Solver, Wire};
use super::{Attached, Stamps};
use crate::units::{Ohm, Siemens};

/// A slope of the current out of an equation's unknown by another unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    pub row: usize,
    pub col: usize,
    pub g: Siemens,
}

/// Cells of the crossbar that stands for a larger one.
const CELLS: usize = 4096;
/// Of that, at least this many word lines.
const ROWS: usize = 8;
/// How well it is solved.
const ROUGH: Settings = Settings { tolerance: 1e-4, krylov: 100, newton: 4 };

/// The slopes of a crossbar between its ports that are not held.
///
/// Bit ports see each other and the word ports as on a crossbar whose word lines are taken
/// together in groups; word ports see each other only by themselves.
pub fn links(attached: &Attached, held: &[bool]) -> Vec<Link> {
    let crossbar = attached.solver.crossbar();
    let free = |at: usize| at != Stamps::NOWHERE && !held[at];
    let seen = crossbar.port_conductances();
    let mut links = Vec::new();
    let mut alone = |ends: &[Vec<usize>; 2], seen: &[Vec<Siemens>; 2]| {
        for (&at, &g) in ends.iter().zip(seen).flat_map(|(at, g)| at.iter().zip(g)) {
            if free(at) {
                links.push(Link { row: at, col: at, g });
            }
        }
    };
    alone(&attached.word, &seen.word);
    let Some(grouped) = Grouped::of(crossbar) else {
        alone(&attached.bit, &seen.bit);
        return links;
    };
    let driven: Vec<(usize, usize)> = (0..2)
        .flat_map(|end| (0..attached.bit[end].len()).map(move |col| (end, col)))
        .filter(|&(end, col)| free(attached.bit[end][col]))
        .collect();
    let columns = driven.into_par_iter().map(|(end, col)| {
        let [word, bit] = grouped.driven(end, col);
        let driven = attached.bit[end][col];
        let mut links = Vec::new();
        for (ends, current) in attached.bit.iter().zip(&bit) {
            let sides = ends.iter().zip(current).filter(|(at, _)| free(**at));
            links.extend(sides.map(|(&row, &i)| Link { row, col: driven, g: -i }));
        }
        for (ends, current) in attached.word.iter().zip(&word) {
            for (line, &at) in ends.iter().enumerate().filter(|(_, at)| free(**at)) {
                let group = line / grouped.rows;
                let share = crossbar.conductance[line * crossbar.cols + col]
                    / grouped.solver.crossbar().conductance[group * crossbar.cols + col];
                if share > 0.0 {
                    let g = share * current[group];
                    links.push(Link { row: at, col: driven, g });
                    links.push(Link { row: driven, col: at, g });
                }
            }
        }
        links
    });
    links.extend(columns.flatten_iter().collect::<Vec<Link>>());
    links
}

/// A crossbar with its word lines taken together.
struct Grouped {
    solver: Solver,
    /// Word lines of a group.
    rows: usize,
    rest: PortVoltages,
}

impl Grouped {
    /// `None` where the groups do not determine their voltages.
    fn of(crossbar: &Crossbar) -> Option<Grouped> {
        let (rows, cols) = (crossbar.rows, crossbar.cols);
        let most = (CELLS / cols).max(ROWS);
        let size = rows.div_ceil(most);
        let groups = rows.div_ceil(size);
        let mut conductance = vec![0.0; groups * cols];
        for (k, g) in crossbar.conductance.iter().enumerate() {
            conductance[k / cols / size * cols + k % cols] += g;
        }
        let grouped = Crossbar {
            rows: groups,
            cols,
            conductance,
            law: Law::Linear,
            word: beside(&crossbar.word, size as f64),
            bit: along(&crossbar.bit, rows, size),
        };
        let at_rest = |lines: &Lines, count: usize| {
            lines.ends.map(|end| vec![0.0; if end == End::Open { 0 } else { count }])
        };
        let rest =
            PortVoltages { word: at_rest(&grouped.word, groups), bit: at_rest(&grouped.bit, cols) };
        Some(Grouped { solver: Solver::new(grouped).ok()?, rows: size, rest })
    }

    /// Currents at the ends of word lines (into them) and of bit lines (out of them) at 1 V on one
    /// bit port.
    fn driven(&self, end: usize, col: usize) -> [[Vec<f64>; 2]; 2] {
        let mut ports = self.rest.clone();
        ports.bit[end][col] = 1.0;
        let found = self.solver.solve(&ports, None, &ROUGH).expect("one voltage a port");
        [found.word_current, found.bit_current]
    }
}

/// As many lines side by side.
fn beside(lines: &Lines, count: f64) -> Lines {
    let wire = match &lines.wire {
        Wire::Uniform(r) => Wire::Uniform(r / count),
        Wire::Each(each) => Wire::Each(each.iter().map(|r| r / count).collect()),
    };
    let ends = lines.ends.map(|end| match end {
        End::Tied(r) => End::Tied(r / count),
        End::Open => End::Open,
    });
    Lines { wire, ends }
}

/// Lines of `cells` cells with a cell in the middle of every `size` of them.
fn along(lines: &Lines, cells: usize, size: usize) -> Lines {
    if lines.wire == Wire::Uniform(0.0) {
        return lines.clone();
    }
    let mut place = 0.0;
    let mut places: Vec<Ohm> = vec![0.0];
    for k in 1..cells {
        place += match &lines.wire {
            Wire::Uniform(r) => *r,
            Wire::Each(each) => each[k - 1],
        };
        places.push(place);
    }
    let middles: Vec<Ohm> =
        places.chunks(size).map(|of| of.iter().sum::<f64>() / of.len() as f64).collect();
    let spare = [middles[0], place - middles[middles.len() - 1]];
    let mut ends = lines.ends;
    for (end, spare) in ends.iter_mut().zip(spare) {
        if let End::Tied(r) = end {
            *r += spare;
        }
    }
    let between = middles.windows(2).map(|pair| pair[1] - pair[0]).collect();
    Lines { wire: Wire::Each(between), ends }
}
