//! Numbers that begin at a line of the cache.

use std::ops::{Deref, DerefMut};

/// Bytes of a line, and of the widest vector register.
const LINE: usize = 64;

/// A vector whose first number begins a line.
///
/// Wide loads of rows that lie whole lines apart then touch one line each instead of two.
#[derive(Debug)]
pub struct Aligned<T> {
    numbers: Vec<T>,
    first: usize,
}

impl<T: Clone> Aligned<T> {
    /// So many of one value.
    pub fn of(value: T, len: usize) -> Aligned<T> {
        let (mut numbers, first) = Aligned::room(len);
        numbers.resize(first + len, value);
        Aligned { numbers, first }
    }

    pub fn of_slice(values: &[T]) -> Aligned<T> {
        let (mut numbers, first) = Aligned::room(values.len());
        // What fills the line before the first is never looked at.
        numbers.extend(values.iter().cycle().take(first).cloned());
        let first = numbers.len();
        numbers.extend_from_slice(values);
        Aligned { numbers, first }
    }

    /// For so many numbers, and how many others come before them.
    fn room(len: usize) -> (Vec<T>, usize) {
        let spare = LINE / size_of::<T>().max(1);
        let numbers: Vec<T> = Vec::with_capacity(len + spare);
        // Where pointers have no numbers, the values lie as they do.
        let first = numbers.as_ptr().align_offset(LINE);
        (numbers, if first <= spare { first } else { 0 })
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.numbers[self.first..]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.numbers[self.first..]
    }
}

impl<T: Clone> Clone for Aligned<T> {
    fn clone(&self) -> Aligned<T> {
        Aligned::of_slice(self)
    }
}

impl<T> Default for Aligned<T> {
    fn default() -> Aligned<T> {
        Aligned { numbers: Vec::new(), first: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_a_line_and_are_kept() {
        for len in [1, 15, 16, 17, 1000] {
            let numbers: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let aligned = Aligned::of_slice(&numbers);
            for some in [&aligned, &aligned.clone()] {
                assert_eq!(**some, numbers[..]);
                assert_eq!(some.as_ptr() as usize % LINE, 0, "{len}");
            }
            assert_eq!(Aligned::of(1.0, len)[..], vec![1.0; len]);
            let wide: Vec<f64> = numbers.iter().map(|&v| f64::from(v)).collect();
            assert_eq!(Aligned::of_slice(&wide).as_ptr() as usize % LINE, 0, "{len}");
        }
    }
}
