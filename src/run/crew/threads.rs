//! A crew of threads, to test what processes do together.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex};

use super::{Crew, Link};

struct Thread {
    rank: usize,
    said: Arc<Mutex<Vec<Vec<u8>>>>,
    barrier: Arc<Barrier>,
    out: Vec<Sender<(usize, Vec<u8>)>>,
    inbox: Mutex<Receiver<(usize, Vec<u8>)>>,
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "thread {} of {}", self.rank, self.out.len())
    }
}

/// The members of a crew, one for each of so many threads.
pub fn crew_of(size: usize) -> Vec<Crew> {
    let said = Arc::new(Mutex::new(vec![Vec::new(); size]));
    let barrier = Arc::new(Barrier::new(size));
    let (out, inboxes): (Vec<_>, Vec<_>) = (0..size).map(|_| mpsc::channel()).unzip();
    let member = |(rank, inbox)| Thread {
        rank,
        said: said.clone(),
        barrier: barrier.clone(),
        out: out.clone(),
        inbox: Mutex::new(inbox),
    };
    inboxes.into_iter().enumerate().map(|seat| Crew::over(member(seat))).collect()
}

impl Link for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.out.len()
    }

    fn gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
        self.said.lock().unwrap()[self.rank] = own.to_vec();
        self.barrier.wait();
        let all = self.said.lock().unwrap().clone();
        self.barrier.wait();
        all
    }

    fn tell(&self, said: Vec<u8>) -> Vec<u8> {
        self.gather(&said).swap_remove(0)
    }

    fn send(&self, to: usize, message: &[u8]) {
        let _ = self.out[to].send((self.rank, message.to_vec()));
    }

    fn receive(&self) -> Option<(usize, Vec<u8>)> {
        self.inbox.lock().unwrap().try_recv().ok()
    }

    fn leave(&self) {}

    fn abort(&self, code: u8) -> ! {
        panic!("aborted with {code}");
    }
}
