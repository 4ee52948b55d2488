//! Pictures as numbers.

use rayon::prelude::*;

use super::Pictures;
use crate::numerics::Mat;
use crate::numerics::conv::Shape;
use crate::numerics::kernels::Real;
use crate::numerics::seed::Seed;

/// How pixels become numbers: `(pixel / white - mean) / deviation`.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalise {
    /// One a channel, of pixels from 0 to 1.
    pub mean: Vec<f64>,
    /// One a channel, of pixels from 0 to 1.
    pub deviation: Vec<f64>,
}

impl Normalise {
    /// Numbers from 0 to 1.
    pub fn none(channels: usize) -> Normalise {
        Normalise { mean: vec![0.0; channels], deviation: vec![1.0; channels] }
    }

    /// Numbers of mean 0 and deviation 1 in every channel of these pictures. A channel that never
    /// changes keeps its scale.
    pub fn of(pictures: &Pictures) -> Normalise {
        let Shape { channels, .. } = pictures.shape;
        let mut counts = vec![[0_u64; 256]; channels];
        let planes = pictures.pixels.chunks_exact(pictures.shape.pixels().max(1));
        for (plane, channel) in planes.zip((0..channels).cycle()) {
            plane.iter().for_each(|&pixel| counts[channel][usize::from(pixel)] += 1);
        }
        let white = f64::from(pictures.white);
        let moments = counts.iter().map(|counts| {
            let all = counts.iter().sum::<u64>().max(1) as f64;
            let mean_of = |f: &dyn Fn(f64) -> f64| {
                let sum: f64 = (0..256).map(|p| counts[p] as f64 * f(p as f64 / white)).sum();
                sum / all
            };
            let mean = mean_of(&|x| x);
            let variance = mean_of(&|x| (x - mean) * (x - mean));
            (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
        });
        let (mean, deviation) = moments.unzip();
        Normalise { mean, deviation }
    }
}

/// Random changes that leave the class as it is, drawn anew for every sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Augment {
    /// Every other picture is mirrored, left to right.
    pub flip: bool,
    /// Pixels that are put around the picture before one of its own size is cut out; 0 for none.
    pub crop: usize,
    /// Whether they repeat the pixels at the edge (arXiv:2409.03306), or are black.
    pub edge: bool,
}

/// What was drawn for a sample.
#[derive(Debug, Clone, Copy)]
struct Change {
    flip: bool,
    /// Where the cut starts in the padded picture, from 0 to twice the padding.
    row: usize,
    column: usize,
}

impl Augment {
    fn draw(&self, seed: Seed, sample: usize) -> Change {
        let seed = seed.index(sample);
        let start = |name| (seed.child(name).uniform() * (2 * self.crop + 1) as f64) as usize;
        Change {
            flip: self.flip && seed.child("flip").uniform() < 0.5,
            row: if self.crop > 0 { start("row") } else { 0 },
            column: if self.crop > 0 { start("column") } else { 0 },
        }
    }
}

/// Where the rows or columns of a changed picture come from; `None` is black.
fn origins(size: usize, start: usize, augment: &Augment, flip: bool) -> Vec<Option<usize>> {
    let mut from: Vec<Option<usize>> = (0..size)
        .map(|i| match (i + start).checked_sub(augment.crop) {
            Some(i) if i < size => Some(i),
            _ if !augment.edge => None,
            Some(_) => Some(size - 1),
            None => Some(0),
        })
        .collect();
    if flip {
        from.reverse();
    }
    from
}

impl Pictures {
    /// The samples named as numbers, `[samples, channels x height x width]`. The changes of a
    /// sample come of the seed and its number alone, whatever the order and the threads: give
    /// every epoch its own seed.
    ///
    /// # Panics
    /// If there is no such sample, or `normalise` is of another number of channels.
    pub fn batch<T: Real>(
        &self,
        samples: &[usize],
        normalise: &Normalise,
        augment: Option<(&Augment, Seed)>,
    ) -> Mat<T> {
        let tables = self.tables::<T>(normalise);
        let size = self.shape.size();
        let mut out = Mat::zeros(samples.len(), size);
        let rows = out.as_mut_slice().par_chunks_mut(size.max(1)).zip(samples);
        rows.for_each(|(row, &sample)| {
            let planes = self.shape.pixels().max(1);
            let from = self.sample(sample).chunks_exact(planes);
            let to = row.chunks_exact_mut(planes);
            let change = augment.map(|(augment, seed)| (augment, augment.draw(seed, sample)));
            for ((from, to), table) in from.zip(to).zip(&tables) {
                match change {
                    None => copy(from, to, table),
                    Some((augment, change)) => self.changed(from, to, table, augment, change),
                }
            }
        });
        out
    }

    /// The number of every pixel, one table a channel.
    fn tables<T: Real>(&self, normalise: &Normalise) -> Vec<[T; 256]> {
        let Normalise { mean, deviation } = normalise;
        let channels = self.shape.channels;
        assert_eq!((mean.len(), deviation.len()), (channels, channels), "channels of `normalise`");
        let white = f64::from(self.white);
        let number = |p: usize, c: usize| T::of((p as f64 / white - mean[c]) / deviation[c]);
        (0..channels).map(|c| std::array::from_fn(|p| number(p, c))).collect()
    }

    fn changed<T: Real>(
        &self,
        from: &[u8],
        to: &mut [T],
        table: &[T; 256],
        augment: &Augment,
        change: Change,
    ) {
        let Shape { height, width, .. } = self.shape;
        let rows = origins(height, change.row, augment, false);
        let columns = origins(width, change.column, augment, change.flip);
        for (to, row) in to.chunks_exact_mut(width).zip(rows) {
            let Some(row) = row else {
                to.fill(table[0]);
                continue;
            };
            let from = &from[row * width..][..width];
            for (to, column) in to.iter_mut().zip(&columns) {
                *to = table[column.map_or(0, |column| usize::from(from[column]))];
            }
        }
    }
}

fn copy<T: Real>(from: &[u8], to: &mut [T], table: &[T; 256]) {
    for (to, &pixel) in to.iter_mut().zip(from) {
        *to = table[usize::from(pixel)];
    }
}
