//! Leaving out of a system what a source decides by itself.

use std::sync::Arc;

use super::Elimination;
use crate::numerics::dae::Pattern;

const NONE: u32 = u32::MAX;

/// A system without its forced unknowns ([`Pattern::forced`]): their columns are known before it is
/// solved, and the balances that their sources close follow from its solution. A crossbar's drivers
/// have most of its slopes.
#[derive(Debug)]
pub struct Reduction {
    /// The unknowns, and the equations, that are left.
    free: Vec<usize>,
    /// Where each of them is among those; [`NONE`] where it is not.
    place: Vec<u32>,
    /// The place of each slope that is left in the whole pattern.
    slots: Vec<u32>,
    elimination: Arc<Elimination>,
}

impl Reduction {
    pub(super) fn of(pattern: &Arc<Pattern>) -> Reduction {
        let dim = pattern.dim();
        let mut place = vec![0; dim];
        for forced in pattern.forced() {
            (place[forced.node], place[forced.branch]) = (NONE, NONE);
        }
        let free: Vec<usize> = (0..dim).filter(|&k| place[k] != NONE).collect();
        free.iter().enumerate().for_each(|(at, &k)| place[k] = at as u32);
        // A balance is closed by its source, and a source's own equation forces its node: the rows
        // left out have the numbers of the columns left out.
        let (pattern, slots) = match pattern.forced() {
            [] => (pattern.clone(), (0..pattern.len() as u32).collect()),
            _ => pattern.among(&free, &place),
        };
        Reduction { free, place, slots, elimination: Arc::new(Elimination::whole(&pattern)) }
    }

    /// Of the system that is left.
    pub fn elimination(&self) -> &Arc<Elimination> {
        &self.elimination
    }

    /// The unknown of the whole system.
    pub fn whole(&self, place: usize) -> usize {
        self.free[place]
    }

    /// Where an unknown of the whole system is among those left.
    pub fn place(&self, unknown: usize) -> Option<usize> {
        let place = self.place[unknown];
        (place != NONE).then_some(place as usize)
    }

    /// The unknowns that are left.
    pub fn free(&self) -> &[usize] {
        &self.free
    }

    /// Where the slopes that are left stand in the whole pattern.
    pub fn slots(&self) -> &[u32] {
        &self.slots
    }
}
