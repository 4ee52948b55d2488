//! Parameters of a chain: numbers with a name, a gradient and a place in a file.

use crate::numerics::kernels::Real;

/// A tensor that a layer owns, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter<T> {
    /// As in files, such as `0.weight`.
    pub name: String,
    pub shape: Vec<usize>,
    pub value: Vec<T>,
    /// Of the mean cost over a batch, of the last backward pass; empty for what is not learned.
    pub grad: Vec<T>,
}

impl<T: Real> Parameter<T> {
    /// A parameter that is learned.
    ///
    /// # Panics
    /// If the numbers do not fill the shape.
    pub fn learned(name: impl Into<String>, shape: Vec<usize>, value: Vec<T>) -> Parameter<T> {
        assert_eq!(shape.iter().product::<usize>(), value.len(), "values of another shape");
        let grad = vec![T::default(); value.len()];
        Parameter { name: name.into(), shape, value, grad }
    }

    /// Numbers that belong to a layer and are not learned, such as running statistics.
    pub fn kept(name: impl Into<String>, value: Vec<T>) -> Parameter<T> {
        Parameter { name: name.into(), shape: vec![value.len()], value, grad: Vec::new() }
    }

    /// The same in other numbers.
    pub fn cast<U: Real>(&self) -> Parameter<U> {
        let cast = |of: &[T]| of.iter().map(|v| U::of(v.to_f64())).collect();
        Parameter {
            name: self.name.clone(),
            shape: self.shape.clone(),
            value: cast(&self.value),
            grad: cast(&self.grad),
        }
    }

    pub fn is_learned(&self) -> bool {
        !self.grad.is_empty()
    }
}
