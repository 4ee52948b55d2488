//! Crossbars in a netlist, kept as matrices until something needs every cell.

use super::validate::Groups;
use super::{BehaviouralCurrent, Device, Netlist, Node, Resistor};
use crate::numerics::crossbar::{Crossbar, End, Law, Lines, PortVoltages, Wire};

/// A crossbar between nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    pub name: String,
    pub crossbar: Crossbar,
    /// The nodes at the first and the last column, one a word line; empty at an open end.
    pub word: [Vec<Node>; 2],
    /// The nodes at the first and the last row, one a bit line; empty at an open end.
    pub bit: [Vec<Node>; 2],
}

impl Array {
    /// Where a cell hangs on a line: two places a cell.
    pub fn places(&self) -> usize {
        2 * self.crossbar.rows * self.crossbar.cols
    }

    /// All nodes it is joined to, with repetition.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        self.word.iter().chain(&self.bit).flatten().copied()
    }

    /// What the ports are at, from the voltage of each node.
    pub fn port_voltages(&self, volts: impl Fn(Node) -> f64) -> PortVoltages {
        let of = |ends: &[Vec<Node>; 2]| {
            [0, 1].map(|e: usize| ends[e].iter().map(|&node| volts(node)).collect())
        };
        PortVoltages { word: of(&self.word), bit: of(&self.bit) }
    }

    /// Joins the nodes that direct current can pass between.
    pub(super) fn join(&self, conducting: &mut Groups) {
        let groups = self.crossbar.groups();
        let mut first = vec![None; groups.len()];
        for (line, node) in self.ends(self.crossbar.rows) {
            match first[groups[line]] {
                Some(before) => _ = conducting.join(before, node),
                None => first[groups[line]] = Some(node),
            }
        }
    }

    /// Every tied end: its line, bit lines counted after word lines, and its node.
    fn ends(&self, rows: usize) -> impl Iterator<Item = (usize, Node)> {
        let word = self.word.iter().flat_map(|nodes| nodes.iter().copied().enumerate());
        let bit = self.bit.iter().flat_map(move |nodes| {
            nodes.iter().enumerate().map(move |(j, &node)| (rows + j, node))
        });
        word.chain(bit)
    }

    /// Adds every cell `NAME.i.j`, and every segment and end of word line `i` (`NAME.ws.i.k`) and
    /// bit line `j` (`NAME.bs.j.k`, each `k` counted from the first end), as devices. A cell that
    /// is not linear becomes a behavioural source.
    fn lay(&self, netlist: &mut Netlist) {
        let (rows, cols) = (self.crossbar.rows, self.crossbar.cols);
        let mut word = Vec::with_capacity(rows * cols);
        for i in 0..rows {
            let ends = [0, 1].map(|e: usize| self.word[e].get(i).copied());
            word.extend(self.line(netlist, "w", i, cols, &self.crossbar.word, ends));
        }
        let mut bit = Vec::with_capacity(rows * cols);
        for j in 0..cols {
            let ends = [0, 1].map(|e: usize| self.bit[e].get(j).copied());
            bit.extend(self.line(netlist, "b", j, rows, &self.crossbar.bit, ends));
        }
        for (k, &g) in self.crossbar.conductance.iter().enumerate() {
            let (i, j) = (k / cols, k % cols);
            let (p, n) = (word[k], bit[j * rows + i]);
            let cell = match self.crossbar.law {
                Law::Linear => Device::from(Resistor { p, n, g, ..Default::default() }),
                Law::Sinh { v0 } => BehaviouralCurrent::sinh(p, n, g * v0, v0).into(),
                Law::Monotone(_) => panic!("no device has a law of one's own"),
            };
            netlist.add(format!("{}.{i}.{j}", self.name), cell);
        }
    }

    /// The places of a line, its segments laid between them.
    fn line(
        &self,
        netlist: &mut Netlist,
        kind: &str,
        line: usize,
        cells: usize,
        lines: &Lines,
        ends: [Option<Node>; 2],
    ) -> Vec<Node> {
        let mut place = |k: usize| netlist.node(&format!("{}.{kind}.{line}.{k}", self.name));
        let pinned = lines.ends.iter().position(|end| *end == End::Tied(0.0));
        let places: Vec<Node> = match (pinned.and_then(|e| ends[e]), &lines.wire) {
            (Some(port), _) => vec![port; cells],
            (None, Wire::Uniform(0.0)) => vec![place(0); cells],
            _ => (0..cells).map(place).collect(),
        };
        let mut segments = Vec::new();
        if let (End::Tied(r), Some(port)) = (lines.ends[0], ends[0]) {
            segments.push((0, port, places[0], r));
        }
        for k in 1..cells {
            let r = match &lines.wire {
                Wire::Uniform(r) => *r,
                Wire::Each(each) => each[k - 1],
            };
            segments.push((k, places[k - 1], places[k], r));
        }
        if let (End::Tied(r), Some(port)) = (lines.ends[1], ends[1]) {
            segments.push((cells, places[cells - 1], port, r));
        }
        for (k, p, n, r) in segments.into_iter().filter(|segment| segment.3 > 0.0) {
            let name = format!("{}.{kind}s.{line}.{k}", self.name);
            netlist.add(name, Resistor { p, n, g: 1.0 / r, ..Default::default() });
        }
        places
    }
}

impl Netlist {
    /// Adds an array; names are the caller's to keep unique.
    ///
    /// # Panics
    /// If its nodes are not one a line of each tied end.
    pub fn add_array(&mut self, array: Array) {
        let counts = array.port_voltages(|_| 0.0);
        if let Err(fault) = array.crossbar.check_ports(&counts) {
            panic!("array `{}`: {fault}", array.name);
        }
        self.arrays.push(array);
    }

    pub fn arrays(&self) -> &[Array] {
        &self.arrays
    }

    pub fn array_mut(&mut self, place: usize) -> &mut Array {
        &mut self.arrays[place]
    }

    /// The same netlist with every cell and segment of its arrays as a device, after the devices
    /// it has.
    ///
    /// # Panics
    /// If the law of a cell is a [`Law::Monotone`], which no file can ask for.
    pub fn flat(&self) -> Netlist {
        let mut netlist = self.clone();
        for array in std::mem::take(&mut netlist.arrays) {
            array.lay(&mut netlist);
        }
        netlist
    }
}
