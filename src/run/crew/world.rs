//! The processes of an MPI job.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use mpi::Threading;
use mpi::datatype::PartitionMut;
use mpi::environment::{Universe, initialize_with_threading};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{
    Communicator, CommunicatorCollectives, Destination, MatchedReceiveVec, Root, Source,
};

use super::Link;
use super::launch::{CrewError, Launched};

/// MPI, from its initialisation on. It is called by the thread that leads a run, which need not be
/// the one that initialised it (`MPI_THREAD_SERIALIZED`).
pub struct World {
    rank: usize,
    size: usize,
    /// MPI is finalised when this is dropped.
    universe: Mutex<Option<Universe>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "MPI process {} of {}", self.rank, self.size)
    }
}

impl World {
    /// Joins the processes that a launcher started.
    pub fn join(launched: &Launched) -> Result<World, CrewError> {
        let (universe, threading) = initialize_with_threading(Threading::Serialized)
            .expect("MPI is initialised once in a process");
        if !matches!(threading, Threading::Serialized | Threading::Multiple) {
            return Err(CrewError::Threads { granted: format!("{threading:?}") });
        }
        let world = universe.world();
        let (rank, size) = (world.rank() as usize, world.size() as usize);
        if size == 1 {
            return Err(CrewError::Apart(launched.clone()));
        }
        Ok(World { rank, size, universe: Mutex::new(Some(universe)) })
    }
}

fn world() -> SimpleCommunicator {
    SimpleCommunicator::world()
}

impl Link for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
        let mut lengths = vec![0_u64; self.size];
        world().all_gather_into(&(own.len() as u64), &mut lengths[..]);
        let lengths: Vec<usize> = lengths.into_iter().map(|n| n as usize).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut all: Vec<Vec<u8>> = lengths.iter().map(|&n| Vec::with_capacity(n)).collect();
        // What one call moves is counted in 32 bits.
        let most = i32::MAX as usize / self.size;
        for start in (0..longest).step_by(most) {
            let part = |length: usize| length.saturating_sub(start).min(most);
            let counts: Vec<i32> = lengths.iter().map(|&n| part(n) as i32).collect();
            let places: Vec<i32> = counts
                .iter()
                .scan(0, |end, count| Some(std::mem::replace(end, *end + count)))
                .collect();
            let mut bytes = vec![0_u8; lengths.iter().map(|&n| part(n)).sum()];
            let from = start.min(own.len());
            let mut parts = PartitionMut::new(&mut bytes[..], &counts[..], &places[..]);
            world().all_gather_varcount_into(&own[from..from + part(own.len())], &mut parts);
            for ((said, &count), &place) in all.iter_mut().zip(&counts).zip(&places) {
                said.extend_from_slice(&bytes[place as usize..(place + count) as usize]);
            }
        }
        all
    }

    fn tell(&self, said: Vec<u8>) -> Vec<u8> {
        let lead = world();
        let lead = lead.process_at_rank(0);
        let mut length = said.len() as u64;
        lead.broadcast_into(&mut length);
        let mut bytes = said;
        bytes.resize(length as usize, 0);
        // What one call moves is counted in 32 bits.
        for part in bytes.chunks_mut(i32::MAX as usize) {
            lead.broadcast_into(part);
        }
        bytes
    }

    fn send(&self, to: usize, message: &[u8]) {
        world().process_at_rank(to as i32).send(message);
    }

    fn receive(&self) -> Option<(usize, Vec<u8>)> {
        let world = world();
        let (bytes, status) = world.any_process().immediate_matched_probe()?.matched_receive_vec();
        Some((status.source_rank() as usize, bytes))
    }

    fn leave(&self) {
        self.universe.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn abort(&self, code: u8) -> ! {
        world().abort(code.into())
    }
}
