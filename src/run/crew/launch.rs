//! What launchers say of the processes that they start.

use std::fmt;
use std::fs;

/// The variables in which a launcher says how many processes it started, and which one this is.
/// Of Slurm those of a step: a job without `srun` is one process, however many it may start.
const LAUNCHERS: [[&str; 2]; 5] = [
    ["OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"],
    ["PMI_SIZE", "PMI_RANK"],
    ["MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"],
    ["PALS_SIZE", "PALS_RANKID"],
    ["SLURM_STEP_NUM_TASKS", "SLURM_PROCID"],
];

/// Several processes were started together, of which this is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// The variable that says so.
    pub variable: &'static str,
    pub size: usize,
    /// Which one this is, counted from 0, as far as that is known.
    pub rank: Option<usize>,
}

impl fmt::Display for Launched {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Launched { variable, size, .. } = self;
        write!(f, "a launcher has started {size} processes ({variable} = {size})")
    }
}

/// Why the processes that a launcher started cannot work together.
#[derive(Debug, thiserror::Error)]
pub enum CrewError {
    #[error(
        "{0}, but this program was built without MPI, so that each would do the whole work in the \
         same folder: build it with `--features mpi`, start it once, or give each process a part \
         of a sweep with --shard"
    )]
    Unlinked(Launched),
    #[error(
        "{0}, but in MPI each of them is alone: start them with the launcher of the MPI library \
         that this program was built with, or with Slurm as `srun --mpi=pmix` (`srun --mpi=list` \
         shows what there is)"
    )]
    Apart(Launched),
    #[error(
        "the MPI library does not let threads take turns (it grants {granted}, serialized is \
         needed): use one that was built with threads"
    )]
    Threads { granted: String },
}

impl CrewError {
    /// Whether this process is the one of them that should say so.
    pub fn speaks(&self) -> bool {
        match self {
            CrewError::Unlinked(launched) | CrewError::Apart(launched) => {
                launched.rank.is_none_or(|rank| rank == 0)
            }
            CrewError::Threads { .. } => true,
        }
    }
}

/// What a launcher says, if it started more than one process.
pub fn launched() -> Option<Launched> {
    launched_as(|name| std::env::var(name).ok())
}

fn launched_as(variable: impl Fn(&str) -> Option<String>) -> Option<Launched> {
    let number = |name: &str| variable(name)?.trim().parse::<usize>().ok();
    LAUNCHERS.iter().find_map(|[size, rank]| {
        let launched = Launched { variable: size, size: number(size)?, rank: number(rank) };
        (launched.size > 1).then_some(launched)
    })
}

/// The machine and the cores of it that this process may use; the same words where cores are
/// shared. Empty where that is not known.
pub fn place() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let status = read("/proc/self/status");
    let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    format!("{} {}", read("/proc/sys/kernel/hostname").trim(), cores.unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_are_known_by_their_variables() {
        let of = |set: &[(&str, &str)]| {
            launched_as(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("OMPI_COMM_WORLD_SIZE", "1"), ("OMPI_COMM_WORLD_RANK", "0")]), None);
        // A batch script itself, before it starts a step.
        assert_eq!(of(&[("SLURM_NTASKS", "4"), ("SLURM_PROCID", "0")]), None);
        for [size, rank] in LAUNCHERS {
            let found = of(&[(size, "4"), (rank, "3")]).unwrap();
            assert_eq!(found, Launched { variable: size, size: 4, rank: Some(3) });
            assert!(!CrewError::Unlinked(found).speaks());
        }
        assert!(CrewError::Unlinked(of(&[("PMI_SIZE", "2")]).unwrap()).speaks());
    }
}
