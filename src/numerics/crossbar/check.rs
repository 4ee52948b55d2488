use std::fmt;

use super::{Crossbar, End, Law, Lines, PortVoltages, Wire};

/// What is wrong with a crossbar, or with what it is driven by.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// No cells, or not `rows * cols` of them.
    Shape { rows: usize, cols: usize, conductances: usize },
    /// A conductance that is negative or not finite.
    Conductance { row: usize, col: usize, value: f64 },
    /// A wire or end resistance, or a voltage of the law, that is no such thing.
    Resistance { what: &'static str, value: f64 },
    /// Values of segments that are not one fewer than the cells of a line.
    Segments { what: &'static str, expected: usize, found: usize },
    /// Lines without wire resistance are tied at both ends with none.
    Shorted { what: &'static str },
    /// No current can reach this line from any port.
    Floating { what: &'static str, line: usize },
    /// Voltages that are not one a line of a tied end.
    Ports { what: &'static str, expected: usize, found: usize },
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Fault::Shape { rows, cols, conductances } => {
                write!(f, "{conductances} conductances do not fill {rows} rows of {cols}")
            }
            Fault::Conductance { row, col, value } => {
                write!(f, "the conductance in row {row}, column {col} is {value} S")
            }
            Fault::Resistance { what, value } => write!(f, "{what} is {value}"),
            Fault::Segments { what, expected, found } => {
                write!(f, "{what} lines have {expected} segments between cells, not {found}")
            }
            Fault::Shorted { what } => {
                write!(f, "{what} lines without resistance join two ports")
            }
            Fault::Floating { what, line } => {
                write!(f, "no current reaches {what} line {line} from any port")
            }
            Fault::Ports { what, expected, found } => {
                write!(f, "{what} have {expected} voltages, not {found}")
            }
        }
    }
}

impl Crossbar {
    /// Whether the crossbar determines all its voltages.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check(&self) -> Result<(), Fault> {
        let (rows, cols) = (self.rows, self.cols);
        if rows == 0 || cols == 0 || self.conductance.len() != rows * cols {
            return Err(Fault::Shape { rows, cols, conductances: self.conductance.len() });
        }
        let sound = |g: &f64| *g >= 0.0 && g.is_finite();
        if let Some(k) = self.conductance.iter().position(|g| !sound(g)) {
            let value = self.conductance[k];
            return Err(Fault::Conductance { row: k / cols, col: k % cols, value });
        }
        if let Law::Sinh { v0 } = self.law
            && !(v0 > 0.0 && v0.is_finite())
        {
            return Err(Fault::Resistance { what: "v0 of the law", value: v0 });
        }
        self.word.check("word", cols)?;
        self.bit.check("bit", rows)?;
        self.floating()
    }

    fn floating(&self) -> Result<(), Fault> {
        let groups = self.groups();
        let tied = |line: usize| if line < self.rows { self.word.tied() } else { self.bit.tied() };
        let mut reached = vec![false; groups.len()];
        groups.iter().enumerate().for_each(|(line, &group)| reached[group] |= tied(line));
        match groups.iter().position(|&group| !reached[group]) {
            Some(line) if line < self.rows => Err(Fault::Floating { what: "word", line }),
            Some(line) => Err(Fault::Floating { what: "bit", line: line - self.rows }),
            None => Ok(()),
        }
    }

    /// For every line, word lines before bit lines, the first of those that cells join it with.
    pub fn groups(&self) -> Vec<usize> {
        const NONE: usize = usize::MAX;
        let (rows, cols) = (self.rows, self.cols);
        let mut groups = vec![NONE; rows + cols];
        // Where most cells conduct, few of them need be looked at before no line is left.
        let mut left = [(rows..rows + cols).collect::<Vec<_>>(), (0..rows).collect()];
        for first in 0..rows + cols {
            if groups[first] != NONE {
                continue;
            }
            groups[first] = first;
            let mut reached = vec![first];
            while let Some(line) = reached.pop() {
                left[usize::from(line >= rows)].retain(|&other| {
                    let (word, bit) = (line.min(other), line.max(other) - rows);
                    let joined = self.conductance[word * cols + bit] > 0.0;
                    if joined && groups[other] == NONE {
                        groups[other] = first;
                        reached.push(other);
                    }
                    groups[other] == NONE
                });
            }
        }
        groups
    }

    /// Whether the voltages are those of the tied ends.
    ///
    /// # Errors
    /// When there are too many or too few at one of them.
    pub fn check_ports(&self, ports: &PortVoltages) -> Result<(), Fault> {
        let given = ports.word.iter().chain(&ports.bit);
        let ends = self.word.ends.iter().chain(&self.bit.ends);
        let names = ["first word ports", "last word ports", "first bit ports", "last bit ports"];
        for (k, ((end, given), what)) in ends.zip(given).zip(names).enumerate() {
            let lines = if k < 2 { self.rows } else { self.cols };
            let expected = if *end == End::Open { 0 } else { lines };
            if given.len() != expected {
                return Err(Fault::Ports { what, expected, found: given.len() });
            }
        }
        Ok(())
    }
}

impl Lines {
    /// Whether any end is tied.
    pub fn tied(&self) -> bool {
        self.ends.iter().any(|end| *end != End::Open)
    }

    /// Resistances of the segments of a line of this many cells; empty where there are none.
    pub(super) fn segments(&self, cells: usize) -> Vec<f64> {
        match &self.wire {
            Wire::Uniform(0.0) => Vec::new(),
            Wire::Uniform(r) => vec![*r; cells - 1],
            Wire::Each(each) => each.clone(),
        }
    }

    /// Whether a line is one node.
    pub(super) fn is_node(&self) -> bool {
        self.wire == Wire::Uniform(0.0)
    }

    fn check(&self, what: &'static str, cells: usize) -> Result<(), Fault> {
        let names = if what == "word" {
            ["resistance of a word segment", "resistance at the end of a word line"]
        } else {
            ["resistance of a bit segment", "resistance at the end of a bit line"]
        };
        if let Wire::Each(each) = &self.wire
            && each.len() + 1 != cells
        {
            return Err(Fault::Segments { what, expected: cells - 1, found: each.len() });
        }
        let node = self.is_node();
        let segments = self.segments(cells).into_iter().map(|r| (names[0], r, false));
        let uniform = match self.wire {
            Wire::Uniform(r) => Some((names[0], r, true)),
            Wire::Each(_) => None,
        };
        let ends = self.ends.iter().filter_map(|end| match end {
            End::Open => None,
            End::Tied(r) => Some((names[1], *r, node)),
        });
        for (what, value, zero) in segments.chain(uniform).chain(ends) {
            if !(value.is_finite() && (value > 0.0 || (zero && value == 0.0))) {
                return Err(Fault::Resistance { what, value });
            }
        }
        if self.ends == [End::Tied(0.0); 2] { Err(Fault::Shorted { what }) } else { Ok(()) }
    }
}
