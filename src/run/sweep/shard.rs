//! A part of a sweep, for a machine of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most shards of a sweep.
const MOST: usize = 1_000_000;

/// The `index`-th of `of` parts of a sweep, counted from 1: every `of`-th point, with all its
/// chips.
///
/// ```
/// use eqcircuit::run::Shard;
/// let shard: Shard = "2/3".parse().unwrap();
/// assert!(!shard.holds(0) && shard.holds(1) && shard.holds(4));
/// assert!("0/3".parse::<Shard>().is_err() && "4/3".parse::<Shard>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub index: usize,
    pub of: usize,
}

impl Shard {
    /// Whether a point, counted from 0, is in it.
    pub fn holds(self, point: usize) -> bool {
        point % self.of == self.index - 1
    }

    /// How many of so many points are in it.
    pub fn count(self, points: usize) -> usize {
        (points + self.of - self.index) / self.of
    }

    /// The name of its folder.
    pub fn folder(self) -> String {
        format!("shard-{}-of-{}", self.index, self.of)
    }

    /// Whether it can be one.
    pub fn is_sound(self) -> bool {
        (1..=self.of).contains(&self.index) && self.of <= MOST
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/').and_then(|(index, of)| {
            Some(Shard { index: index.parse().ok()?, of: of.parse().ok()? })
        });
        let shard = parts.ok_or("expected I/N, such as 1/8")?;
        match shard.is_sound() {
            true => Ok(shard),
            false => Err(format!("I must be from 1 to N, and N at most {MOST}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_the_points_among_them() {
        for (points, of) in [(10, 3), (3, 10), (12, 4), (0, 2), (1, 1)] {
            let shards = || (1..=of).map(|index| Shard { index, of });
            for point in 0..points {
                assert_eq!(shards().filter(|shard| shard.holds(point)).count(), 1);
            }
            for shard in shards() {
                let held = (0..points).filter(|&point| shard.holds(point)).count();
                assert_eq!(held, shard.count(points), "{shard} of {points} points");
            }
        }
    }
}
