//! Coincidences of a row's lines as they come, in a list that is gone through at once: loops over
//! the few cells that meet in a slot are too short to be run each by itself.

use super::coincidences::Line;

/// A column and, in the lowest bit, whether its number is below zero; of a meeting, whether that
/// lowers the weight.
#[derive(Clone, Copy, Default)]
pub(super) struct Column(u32);

impl Column {
    pub fn new(column: usize, negative: bool) -> Column {
        Column((column as u32) << 1 | u32::from(negative))
    }

    #[inline]
    pub fn place(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// Whether a meeting lowers the weight.
    #[inline]
    pub fn lowers(self) -> bool {
        self.0 & 1 == 1
    }

    /// Its meeting with a row.
    #[inline(always)]
    pub fn meets(self, line: Line) -> Column {
        Column(self.0 ^ u32::from(line.negative))
    }
}

/// Columns that are copied at once, of which those beyond the end of a list are written over.
pub(super) const WIDE: usize = 16;

/// The meetings so far, in their order.
pub(super) struct Meetings {
    columns: Vec<Column>,
    count: usize,
}

impl Meetings {
    pub fn new() -> Meetings {
        Meetings { columns: Vec::new(), count: 0 }
    }

    pub fn clear(&mut self) {
        self.count = 0;
    }

    pub fn as_slice(&self) -> &[Column] {
        &self.columns[..self.count]
    }

    fn make_room(&mut self, more: usize) {
        let needed = self.count + more + WIDE;
        if self.columns.len() < needed {
            self.columns.resize(2 * needed, Column::default());
        }
    }

    /// A row's line meets `count` columns from place `first` of a list with [`WIDE`] more at its
    /// end.
    #[inline]
    pub fn meet(&mut self, line: Line, columns: &[Column], first: usize, count: usize) {
        self.make_room(count);
        for done in (0..count).step_by(WIDE) {
            let from = &columns[first + done..][..WIDE];
            let to = &mut self.columns[self.count + done..][..WIDE];
            to.iter_mut().zip(from).for_each(|(to, from)| *to = from.meets(line));
        }
        self.count += count;
    }
}
