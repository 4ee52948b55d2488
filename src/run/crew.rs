//! The processes that share one run: one alone, or those of an MPI job.
//!
//! A [`Crew`] is handed down with the options of a run. What the processes say to one another is
//! plain data; nothing outside this folder knows how it gets there.

mod alone;
mod launch;
#[cfg(test)]
mod runs;
#[cfg(test)]
pub(super) mod threads;
#[cfg(feature = "mpi")]
mod world;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;

use serde::Serialize;
use serde::de::DeserializeOwned;

use alone::Alone;
pub use launch::{CrewError, launched};

/// How bytes get from process to process. Only one thread of a process calls it at a time.
trait Link: fmt::Debug + Send + Sync {
    /// Counted from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// What every process says, in order of their ranks. All must call it.
    fn gather(&self, own: &[u8]) -> Vec<Vec<u8>>;

    /// What process 0 says. All must call it.
    fn tell(&self, said: Vec<u8>) -> Vec<u8>;

    /// Sends a message to one other process.
    fn send(&self, to: usize, message: &[u8]);

    /// The next message that has come in and who sent it, without waiting.
    fn receive(&self) -> Option<(usize, Vec<u8>)>;

    /// Ends the connection in good order, once all do.
    fn leave(&self);

    /// Ends all processes at once.
    fn abort(&self, code: u8) -> !;
}

/// The processes that share a run. Clones are the same crew.
#[derive(Debug, Clone)]
pub struct Crew {
    link: Arc<dyn Link>,
    /// The others wait for this process, or will.
    bound: Arc<AtomicBool>,
}

impl Default for Crew {
    /// One process alone.
    fn default() -> Crew {
        Crew::over(Alone)
    }
}

impl Crew {
    fn over(link: impl Link + 'static) -> Crew {
        Crew { link: Arc::new(link), bound: Arc::default() }
    }

    /// The processes that a launcher such as `mpirun` or `srun` started together with this one;
    /// it alone where there are no others.
    ///
    /// # Errors
    /// When there are others and they cannot be reached: without the feature `mpi`, or where the
    /// launcher and the MPI library do not know one another.
    pub fn muster() -> Result<Crew, CrewError> {
        let Some(launched) = launched() else { return Ok(Crew::default()) };
        #[cfg(feature = "mpi")]
        return Ok(Crew::over(world::World::join(&launched)?));
        #[cfg(not(feature = "mpi"))]
        Err(CrewError::Unlinked(launched))
    }

    /// Which of the processes this is, counted from 0.
    pub fn rank(&self) -> usize {
        self.link.rank()
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        self.link.size()
    }

    /// Whether this is the process that writes and talks.
    pub fn leads(&self) -> bool {
        self.rank() == 0
    }

    pub fn is_alone(&self) -> bool {
        self.size() == 1
    }

    /// The part of so many things that this process has, without gaps in order of the ranks.
    pub fn share(&self, of: usize) -> Range<usize> {
        let start = |rank: usize| of * rank / self.size();
        start(self.rank())..start(self.rank() + 1)
    }

    /// What every process says, in order of their ranks. All must call it.
    pub fn gather<T: Serialize + DeserializeOwned>(&self, own: &T) -> Vec<T> {
        self.link.gather(&packed(own)).iter().map(|said| unpacked(said)).collect()
    }

    /// What process 0 says, whatever the others do. All must call it.
    pub fn tell<T: Serialize + DeserializeOwned>(&self, said: &T) -> T {
        unpacked(&self.link.tell(packed(said)))
    }

    /// Whether any process says so. All must call it.
    pub fn any(&self, own: bool) -> bool {
        match self.is_alone() {
            true => own,
            false => self.gather(&own).contains(&true),
        }
    }

    /// Sends a message to one other process.
    pub fn send<T: Serialize>(&self, to: usize, message: &T) {
        self.link.send(to, &packed(message));
    }

    /// The next message that has come in and who sent it, without waiting.
    pub fn receive<T: DeserializeOwned>(&self) -> Option<(usize, T)> {
        self.link.receive().map(|(from, message)| (from, unpacked(&message)))
    }

    /// How many threads each process should use: its share of the cores it may use, among the
    /// processes of its machine that may use the same. All must call it.
    pub fn threads(&self) -> usize {
        let cores = available_parallelism().map_or(1, usize::from);
        if self.is_alone() {
            return cores;
        }
        let place = launch::place();
        let sharing = self.gather(&place).into_iter().filter(|other| *other == place).count();
        (cores / sharing).max(1)
    }

    /// From here on the others wait for this process.
    pub fn bind(&self) {
        self.bound.store(true, Ordering::Relaxed);
    }

    /// Nobody waits for this process any more.
    pub fn release(&self) {
        self.bound.store(false, Ordering::Relaxed);
    }

    /// Whether the others would wait in vain if this process left.
    pub fn is_bound(&self) -> bool {
        self.bound.load(Ordering::Relaxed)
    }

    /// Ends the connection in good order, once all processes do.
    pub fn leave(&self) {
        self.link.leave();
    }

    /// Ends all processes at once, with this exit code.
    pub fn abort(&self, code: u8) -> ! {
        self.link.abort(code)
    }
}

fn packed(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain values can be packed")
}

fn unpacked<T: DeserializeOwned>(bytes: &[u8]) -> T {
    postcard::from_bytes(bytes).expect("all processes run the same program")
}

#[cfg(test)]
mod tests {
    use super::threads::crew_of;
    use super::*;

    #[test]
    fn shares_are_without_gaps_and_about_as_large() {
        for size in [1, 2, 3, 7] {
            for of in [0, 1, 2, 6, 7, 64, 100] {
                let shares: Vec<Range<usize>> =
                    crew_of(size).iter().map(|crew| crew.share(of)).collect();
                let ends = shares.iter().fold(0, |end, share| {
                    assert_eq!(share.start, end);
                    assert!((of / size..=of.div_ceil(size)).contains(&share.len()));
                    share.end
                });
                assert_eq!(ends, of);
            }
        }
    }

    #[test]
    fn what_is_said_arrives() {
        let crews = crew_of(3);
        std::thread::scope(|scope| {
            for crew in &crews {
                scope.spawn(move || {
                    let said = (crew.rank(), f64::NAN.to_bits(), "words".to_string());
                    let all = crew.gather(&said);
                    assert_eq!(all.iter().map(|s| s.0).collect::<Vec<_>>(), [0, 1, 2]);
                    assert_eq!(all[crew.rank()], said);
                    assert_eq!(crew.tell(&crew.rank()), 0);
                    assert!(crew.any(crew.rank() == 2) && !crew.any(false));
                    match crew.leads() {
                        true => (1..3).for_each(|to| crew.send(to, &(to, 0.1))),
                        false => loop {
                            let Some((from, said)) = crew.receive::<(usize, f64)>() else {
                                continue;
                            };
                            assert_eq!((from, said), (0, (crew.rank(), 0.1)));
                            break;
                        },
                    }
                });
            }
        });
    }
}
