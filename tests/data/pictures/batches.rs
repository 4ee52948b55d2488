use eqcircuit::data::pictures::{Augment, Normalise, synthetic};
use eqcircuit::numerics::seed::Seed;

use super::*;

const BLACK: u8 = 0;

/// A picture of 2 x 3 and 2 channels: 1..=6 and 11..=16.
fn two_channels(samples: usize) -> Pictures {
    let sample: Vec<u8> = (1..=6).chain(11..=16).collect();
    Pictures {
        name: "small".into(),
        shape: Shape::new(2, 2, 3),
        pixels: sample.repeat(samples),
        white: 255,
        labels: (0..samples).collect(),
        classes: samples,
    }
}

/// The bytes of a batch.
fn bytes(pictures: &Pictures, samples: &[usize], augment: Option<(&Augment, Seed)>) -> Vec<u8> {
    let batch = pictures.batch::<f64>(samples, &Normalise::none(pictures.shape.channels), augment);
    assert_eq!((batch.rows(), batch.cols()), (samples.len(), pictures.shape.size()));
    batch.as_slice().iter().map(|x| (x * f64::from(pictures.white)).round() as u8).collect()
}

/// Pixel `(row, column)` of a channel of the first picture; rows and columns before 0 and after
/// the last are around it.
fn padded(channel: usize, row: isize, column: isize, edge: bool) -> u8 {
    let within = (0..2).contains(&row) && (0..3).contains(&column);
    if !within && !edge {
        return BLACK;
    }
    let (row, column) = (row.clamp(0, 1) as usize, column.clamp(0, 2) as usize);
    (1 + 10 * channel + 3 * row + column) as u8
}

/// What a flip and a shift make of the first picture.
fn by_hand(flip: bool, down: isize, along: isize, edge: bool) -> Vec<u8> {
    let mut picture = Vec::new();
    for channel in 0..2 {
        for row in 0..2 {
            let mut line: Vec<u8> =
                (0..3).map(|column| padded(channel, row + down, column + along, edge)).collect();
            if flip {
                line.reverse();
            }
            picture.extend(line);
        }
    }
    picture
}

#[test]
fn numbers_are_normalised_a_channel_at_a_time() {
    let pictures = two_channels(2);
    let normalise = Normalise { mean: vec![0.5, 0.25], deviation: vec![2.0, 0.5] };
    let batch = pictures.batch::<f32>(&[1], &normalise, None);
    assert_eq!(batch.row(0)[1], ((2.0 / 255.0 - 0.5) / 2.0) as f32);
    assert_eq!(batch.row(0)[6], ((11.0 / 255.0 - 0.25) / 0.5) as f32);
    assert_eq!(pictures.batch::<f64>(&[], &normalise, None).rows(), 0);

    let measured = Normalise::of(&pictures);
    assert!((measured.mean[0] - 3.5 / 255.0).abs() < 1e-15, "{measured:?}");
    assert!((measured.mean[1] - 13.5 / 255.0).abs() < 1e-15, "{measured:?}");
    // The variance of 1 to 6.
    let deviation = (35.0_f64 / 12.0).sqrt() / 255.0;
    assert!((measured.deviation[1] - deviation).abs() < 1e-15, "{measured:?}");
    let flat = Pictures { pixels: vec![7; 24], ..pictures };
    assert_eq!(Normalise::of(&flat).deviation, [1.0, 1.0]);
}

#[test]
fn samples_are_chosen_and_keep_their_labels() {
    let mut pictures = two_channels(3);
    pictures.pixels[24] = 99;
    let chosen = pictures.select("two", &[2, 0]);
    assert_eq!((chosen.name.as_str(), chosen.len(), chosen.classes), ("two", 2, 3));
    assert_eq!(chosen.labels, [2, 0]);
    assert_eq!((chosen.sample(0)[0], chosen.sample(1)[0]), (99, 1));
    assert_eq!(pictures.first(2).labels, [0, 1]);
    assert_eq!(pictures.first(2).pixels.len(), 24);
    assert_eq!(pictures.first(9), pictures);
}

#[test]
fn flips_and_crops_are_those_made_by_hand() {
    let pictures = two_channels(400);
    let all: Vec<usize> = (0..400).collect();
    for (flip, crop, edge) in
        [(true, 0, false), (false, 1, false), (false, 2, true), (true, 2, false), (true, 1, true)]
    {
        let augment = Augment { flip, crop, edge };
        let made = bytes(&pictures, &all, Some((&augment, Seed::new(5))));
        let reach = crop as isize;
        let mut possible = Vec::new();
        for flipped in if flip { &[false, true][..] } else { &[false] } {
            for down in -reach..=reach {
                possible.extend((-reach..=reach).map(|along| by_hand(*flipped, down, along, edge)));
            }
        }
        let mut seen = vec![false; possible.len()];
        for picture in made.chunks_exact(12) {
            // At the edges, several shifts may make the same picture.
            let mut known = false;
            for (seen, _) in seen.iter_mut().zip(&possible).filter(|(_, p)| *p == picture) {
                (*seen, known) = (true, true);
            }
            assert!(known, "{augment:?} made {picture:?}");
        }
        assert!(seen.iter().all(|&seen| seen), "{augment:?} never made one of {possible:?}");
    }
}

#[test]
fn half_of_the_pictures_are_flipped_and_all_shifts_are_as_frequent() {
    const SAMPLES: usize = 20_000;
    let pictures = two_channels(SAMPLES);
    let all: Vec<usize> = (0..SAMPLES).collect();
    let within = |count: usize, share: f64| {
        let expected = share * SAMPLES as f64;
        let error = (expected * (1.0 - share)).sqrt();
        assert!((count as f64 - expected).abs() < 6.0 * error, "{count} of {SAMPLES}, not {share}");
    };
    let count = |augment: Augment, wanted: &[u8]| {
        let made = bytes(&pictures, &all, Some((&augment, Seed::new(9))));
        made.chunks_exact(12).filter(|picture| *picture == wanted).count()
    };
    let flip = Augment { flip: true, ..Augment::default() };
    within(count(flip, &by_hand(true, 0, 0, false)), 0.5);
    let crop = Augment { crop: 1, ..Augment::default() };
    for (down, along) in [(-1, -1), (1, 1), (0, 1), (-1, 0), (0, 0)] {
        within(count(crop, &by_hand(false, down, along, false)), 1.0 / 9.0);
    }
    // A flip does not tell the shift.
    let both = Augment { flip: true, crop: 1, edge: false };
    within(count(both, &by_hand(true, -1, 1, false)), 1.0 / 18.0);
}

#[test]
fn neither_order_nor_threads_change_a_bit() {
    let pictures = synthetic(Shape::new(3, 8, 8), 4, 64, Seed::new(1));
    let augment = Augment { flip: true, crop: 2, edge: true };
    let batch = |samples: &[usize], seed| {
        pictures.batch::<f32>(samples, &Normalise::of(&pictures), Some((&augment, seed)))
    };
    let forward: Vec<usize> = (0..64).collect();
    let backward: Vec<usize> = (0..64).rev().collect();
    let threads = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let one = threads(1).install(|| batch(&forward, Seed::new(3)));
    let many = threads(5).install(|| batch(&backward, Seed::new(3)));
    for sample in 0..64 {
        assert_eq!(one.row(sample), many.row(63 - sample));
    }
    let again = batch(&[17], Seed::new(3));
    assert_eq!(again.row(0), one.row(17));
    assert_ne!(batch(&forward, Seed::new(4)), one);
}

#[test]
fn synthetic_pictures_can_be_told_apart_and_start_alike() {
    let shape = Shape::new(2, 9, 7);
    let pictures = synthetic(shape, 5, 400, Seed::new(2));
    assert_eq!((pictures.len(), pictures.shape, pictures.classes), (400, shape, 5));
    assert_eq!(pictures.labels[..7], [0, 1, 2, 3, 4, 0, 1]);
    assert_eq!(synthetic(shape, 5, 100, Seed::new(2)), pictures.first(100));
    assert_ne!(synthetic(shape, 5, 400, Seed::new(3)).pixels, pictures.pixels);
    // The nearest of the class means over the first half, on the second half.
    let batch = pictures.batch::<f64>(&(0..400).collect::<Vec<_>>(), &Normalise::none(2), None);
    let mut means = vec![vec![0.0; shape.size()]; 5];
    for sample in 0..200 {
        let mean = &mut means[pictures.labels[sample]];
        mean.iter_mut().zip(batch.row(sample)).for_each(|(m, x)| *m += x / 40.0);
    }
    let right = (200..400).filter(|&sample| {
        let distance = |mean: &Vec<f64>| -> f64 {
            mean.iter().zip(batch.row(sample)).map(|(m, x)| (m - x) * (m - x)).sum()
        };
        let nearest = (0..5).min_by(|&a, &b| distance(&means[a]).total_cmp(&distance(&means[b])));
        nearest == Some(pictures.labels[sample])
    });
    assert!(right.count() > 190);
}
