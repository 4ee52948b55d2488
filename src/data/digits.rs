//! The bundled digits.
//!
//! "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998), UCI Machine
//! Learning Repository, <https://doi.org/10.24432/C50P49>, licensed under CC BY 4.0: the 1,797
//! samples of its test set, 8 x 8 pixels of 0 to 16, in their original order. Unchanged but for
//! the header line and the gzip around it; scaled to 0..1 when read.

use std::io::Read;

use flate2::read::GzDecoder;

use super::{DataSet, Split, csv};
use crate::numerics::seed::Seed;

const PACKED: &[u8] = include_bytes!("digits.csv.gz");
const CLASSES: usize = 10;
const TEST_SAMPLES: usize = 360;
/// Belongs to the data set, not to a run, so that test accuracy means the same everywhere.
const SPLIT_SEED: u64 = 1998;

/// One part of the bundled handwritten digits: 1,437 samples to learn from, 360 to measure on,
/// stratified by class; pixels from 0 to 1, `[samples, 64]`, 10 classes, pictures of 8 x 8.
/// The samples keep their original order.
pub fn digits(split: Split) -> DataSet {
    let mut text = Vec::new();
    GzDecoder::new(PACKED).read_to_end(&mut text).expect("the bundled digits unpack");
    let mut all = csv::parse("digits", &text).expect("the bundled digits are well formed");
    all.inputs = all.inputs.map(|pixel| pixel / 16.0);
    all.picture = Some((8, 8));
    let labels = all.labels.as_deref().expect("the bundled digits have labels");
    let test = test_samples(labels);
    let wanted: Vec<usize> =
        (0..labels.len()).filter(|&s| test[s] == (split == Split::Test)).collect();
    all.select(&format!("digits ({})", split.name()), &wanted)
}

/// Which samples are held out: of each class its share of [`TEST_SAMPLES`] (largest remainders
/// filling up the sum), those that drew the smallest numbers.
fn test_samples(labels: &[usize]) -> Vec<bool> {
    let mut rng = Seed::new(SPLIT_SEED).child("digits").rng();
    let mut classes: Vec<Vec<(u64, usize)>> = vec![Vec::new(); CLASSES];
    for (sample, &label) in labels.iter().enumerate() {
        classes[label].push((rng.next_u64(), sample));
    }
    let share = |class: usize| classes[class].len() * TEST_SAMPLES;
    let mut take: Vec<usize> = (0..CLASSES).map(|c| share(c) / labels.len()).collect();
    let mut by_remainder: Vec<usize> = (0..CLASSES).collect();
    by_remainder.sort_by_key(|&c| std::cmp::Reverse(share(c) % labels.len()));
    let missing = TEST_SAMPLES - take.iter().sum::<usize>();
    for &class in &by_remainder[..missing] {
        take[class] += 1;
    }
    let mut test = vec![false; labels.len()];
    for (mut drawn, take) in classes.into_iter().zip(take) {
        drawn.sort_unstable();
        for (_, sample) in &drawn[..take] {
            test[*sample] = true;
        }
    }
    test
}
