//! Units, at the edge of the program only: text such as `"25 uS"` becomes an SI number here,
//! and numbers become text again here.

/// Electric potential \[V\].
pub type Volt = f64;
/// Electric current \[A\].
pub type Ampere = f64;
/// Resistance \[ohm\].
pub type Ohm = f64;
/// Conductance \[S\].
pub type Siemens = f64;
/// Capacitance \[F\].
pub type Farad = f64;
/// Time \[s\].
pub type Second = f64;
/// Power \[W\].
pub type Watt = f64;
/// Energy \[J\].
pub type Joule = f64;

/// What a quantity measures. A key of a file has one; a value in another is a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// A bare number.
    One,
    Volt,
    Ampere,
    Ohm,
    Siemens,
    Farad,
    Henry,
    Second,
    Hertz,
    Watt,
    Joule,
    Kelvin,
}

/// The values that make sense for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    Any,
    NonNegative,
    Positive,
    /// From 0 to 1, both included.
    Fraction,
}

/// A quantity for people, such as `25 uS`.
pub fn format(value: f64, dimension: Dimension) -> String {
    format!("{value:e} {dimension:?}")
}
