//! In which order a pattern is eliminated.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::SymbolicSparseColMatRef;
use faer::sparse::linalg::amd;

use super::super::dae::Pattern;

const NONE: usize = usize::MAX;

/// The columns in their order of elimination, and the row that each is to be eliminated with.
#[derive(Debug)]
pub(super) struct Order {
    pub columns: Vec<usize>,
    /// One a column of the matrix.
    pub rows: Vec<usize>,
}

impl Order {
    /// Every column gets a row of its own with a slope in it (its own row where it can), and then
    /// approximately the least degree of the matrix so permuted goes first (AMD).
    pub fn of(pattern: &Pattern) -> Order {
        let rows = matching(pattern);
        let dim = pattern.dim();
        let mut column_of = vec![0; dim];
        rows.iter().enumerate().for_each(|(col, &row)| column_of[row] = col);
        let indices: Vec<usize> = pattern.row_indices().iter().map(|&row| column_of[row]).collect();
        let (mut columns, mut inverse) = (vec![0; dim], vec![0; dim]);
        let starts = pattern.col_starts();
        let structure =
            SymbolicSparseColMatRef::new_unsorted_checked(dim, dim, starts, None, &indices);
        let scratch = amd::order_maybe_unsorted_scratch::<usize>(dim, indices.len());
        amd::order_maybe_unsorted(
            &mut columns,
            &mut inverse,
            structure,
            amd::Control::default(),
            MemStack::new(&mut MemBuffer::new(scratch)),
        )
        .expect("the pattern fits into memory");
        Order { columns, rows }
    }
}

/// A row for every column such that as many as possible have a slope there (maximum transversal,
/// Duff 1981); the other columns get what is left.
fn matching(pattern: &Pattern) -> Vec<usize> {
    let dim = pattern.dim();
    let (starts, indices) = (pattern.col_starts(), pattern.row_indices());
    let stamped = pattern.stamped();
    let rows_of = |col: usize| {
        let slots = starts[col]..starts[col + 1];
        slots.filter(|&slot| stamped[slot]).map(|slot| indices[slot])
    };
    let (mut row_of, mut col_of) = (vec![NONE; dim], vec![NONE; dim]);
    for col in 0..dim {
        let own = stamped[pattern.diagonal()[col] as usize];
        if own {
            (row_of[col], col_of[col]) = (col, col);
        }
    }
    let mut seen = vec![NONE; dim];
    // Columns on the way, each with the rows not yet tried.
    for first in 0..dim {
        if row_of[first] != NONE {
            continue;
        }
        if let Some(free) = rows_of(first).find(|&row| col_of[row] == NONE) {
            (row_of[first], col_of[free]) = (free, first);
            continue;
        }
        let mut way = vec![(first, starts[first], NONE)];
        while let Some((col, next, _)) = way.last_mut() {
            if *next == starts[*col + 1] {
                way.pop();
                continue;
            }
            let slot = *next;
            *next += 1;
            let row = indices[slot];
            if !stamped[slot] || seen[row] == first {
                continue;
            }
            seen[row] = first;
            way.last_mut().expect("the way is not empty").2 = row;
            let holder = col_of[row];
            // What holds the row may have a free one of its own, found without a search.
            let spare = (holder != NONE).then(|| rows_of(holder).find(|&r| col_of[r] == NONE));
            if let Some(spare) = spare.flatten() {
                way.push((holder, starts[holder], spare));
            }
            if holder == NONE || spare.flatten().is_some() {
                for &(col, _, row) in &way {
                    (row_of[col], col_of[row]) = (row, col);
                }
                break;
            }
            way.push((holder, starts[holder], NONE));
        }
    }
    let mut left = (0..dim).filter(|&row| col_of[row] == NONE).collect::<Vec<_>>().into_iter();
    for row in row_of.iter_mut().filter(|row| **row == NONE) {
        *row = left.next().unwrap_or(0);
    }
    row_of
}
