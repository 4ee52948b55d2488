use super::{Crossbar, End, Lines};

/// What each port sees while all others, and all lines of the other kind, are held \[S\]; empty at
/// open ends. A cheap stand-in for the diagonal of the port matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct PortConductances {
    pub word: [Vec<f64>; 2],
    pub bit: [Vec<f64>; 2],
}

impl Crossbar {
    /// The conductances that the ports see at 0 V.
    pub fn port_conductances(&self) -> PortConductances {
        let (rows, cols) = (self.rows, self.cols);
        let seen = |lines: &Lines, count: usize, cells: usize, strides: [usize; 2]| {
            let segments = lines.segments(cells);
            let r = |k: usize| segments.get(k).copied().unwrap_or(0.0);
            [0, 1].map(|end: usize| match lines.ends[end] {
                End::Open => Vec::new(),
                End::Tied(own) => (0..count)
                    .map(|line| {
                        let g = |k: usize| self.conductance[line * strides[0] + k * strides[1]];
                        let far = match lines.ends[1 - end] {
                            End::Tied(r) if r > 0.0 => 1.0 / r,
                            _ => 0.0,
                        };
                        // From the far end on: a cell beside what follows it, then the segment.
                        (0..cells).fold(far, |beyond, k| {
                            let place = if end == 0 { cells - 1 - k } else { k };
                            let sum = beyond + g(place);
                            let segment = match (end, k + 1 == cells) {
                                (_, true) => own,
                                (0, _) => r(place - 1),
                                _ => r(place),
                            };
                            sum / (1.0 + segment * sum)
                        })
                    })
                    .collect(),
            })
        };
        PortConductances {
            word: seen(&self.word, rows, cols, [cols, 1]),
            bit: seen(&self.bit, cols, rows, [1, cols]),
        }
    }
}
