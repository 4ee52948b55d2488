//! Pictures of nothing, to try a configuration without its data.

use std::f64::consts::TAU;

use rayon::prelude::*;

use super::Pictures;
use crate::numerics::conv::Shape;
use crate::numerics::draws::Words;
use crate::numerics::seed::Seed;

/// Waves in the pattern of a channel.
const WAVES: usize = 3;
/// Periods of a wave over the picture, at most.
const PERIODS: f64 = 2.0;
/// Of a wave.
const AMPLITUDE: f64 = 24.0;
/// Noise is spread evenly from minus to plus this.
const NOISE: f64 = 56.0;

/// Pictures of `classes` kinds: smooth patterns, a few waves a class and channel, under noise.
/// Sample `i` is of class `i` modulo `classes`, and does not depend on how many there are: make
/// the training and the test samples together, then [`Pictures::select`] them.
///
/// # Panics
/// If there are no classes.
pub fn synthetic(shape: Shape, classes: usize, samples: usize, seed: Seed) -> Pictures {
    assert!(classes > 0, "pictures of no class");
    let seed = seed.child("synthetic");
    let patterns: Vec<Vec<f64>> =
        (0..classes).map(|class| pattern(shape, seed.child("class").index(class))).collect();
    let size = shape.size();
    let mut pixels = vec![0; samples * size];
    pixels.par_chunks_mut(size.max(1)).enumerate().for_each(|(sample, pixels)| {
        let mut words = Words::new(seed.child("sample").index(sample));
        for (pixel, level) in pixels.iter_mut().zip(&patterns[sample % classes]) {
            *pixel = (level + NOISE * (2.0 * words.uniform() - 1.0)).round() as u8;
        }
    });
    Pictures {
        name: format!("synthetic, {shape}"),
        shape,
        pixels,
        white: u8::MAX,
        labels: (0..samples).map(|sample| sample % classes).collect(),
        classes,
    }
}

/// `[channels, height, width]`, from 0 to 255 around the middle.
fn pattern(shape: Shape, seed: Seed) -> Vec<f64> {
    let Shape { channels, height, width } = shape;
    let mut levels = Vec::with_capacity(shape.size());
    for channel in 0..channels {
        let mut words = Words::new(seed.index(channel));
        let waves: [[f64; 3]; WAVES] = std::array::from_fn(|_| {
            [words.uniform() * PERIODS, words.uniform() * PERIODS, words.uniform()]
        });
        for pixel in 0..height * width {
            let (y, x) = (pixel / width, pixel % width);
            let (y, x) = (y as f64 / height as f64, x as f64 / width as f64);
            // Not the system's cosine: the same bits everywhere.
            let wave = |[down, along, phase]: &[f64; 3]| {
                libm::cos(TAU * (down * y + along * x + phase)) * AMPLITUDE
            };
            levels.push(127.5 + waves.iter().map(wave).sum::<f64>());
        }
    }
    levels
}
