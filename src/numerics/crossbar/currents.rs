//! Currents of ports from those of the cells, whose digits the large conductances of wires would
//! cost.

use super::tiles::{LANES, Row, ZERO};
use super::{End, Lines};

/// Currents out of the ports at both ends into sixteen lines, whose cells take `cells` \[A\] from
/// them in order, when the ports are at `volts`.
///
/// One tied end supplies all of it. Of two, the drop of voltage from port to port decides.
pub fn of_ports<'a>(
    lines: &Lines,
    segments: &[f64],
    cells: impl ExactSizeIterator<Item = &'a Row>,
    volts: [&Row; 2],
) -> [Row; 2] {
    let (mut taken, mut drop) = (ZERO, ZERO);
    let last = cells.len() - 1;
    let ends = lines.ends.map(|end| match end {
        End::Open => None,
        End::Tied(r) => Some(r),
    });
    let after = |k: usize| match ends {
        [Some(_), Some(r)] if k == last => r,
        [Some(_), Some(_)] => segments.get(k).copied().unwrap_or(0.0),
        _ => 0.0,
    };
    let mut path = 0.0;
    for (k, cell) in cells.enumerate() {
        let r = after(k);
        path += r;
        for l in 0..LANES {
            taken[l] += cell[l];
            drop[l] += r * taken[l];
        }
    }
    match ends {
        [None, None] => [ZERO, ZERO],
        [Some(_), None] => [taken, ZERO],
        [None, Some(_)] => [ZERO, taken],
        [Some(r), Some(_)] => {
            let share = |l: usize| (volts[0][l] - volts[1][l] + drop[l]) / (r + path);
            let first: Row = std::array::from_fn(share);
            [first, std::array::from_fn(|l| taken[l] - first[l])]
        }
    }
}
