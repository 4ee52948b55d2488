//! Waveforms: what an analysis of a circuit gives, whatever file it comes from or goes to.

use crate::units::Dimension;

/// Columns over one axis: what an analysis of a circuit gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Waves {
    /// Title of the circuit.
    pub title: String,
    /// In ngspice's words: `Operating Point`, `DC transfer characteristic`, `Transient Analysis`,
    /// `AC Analysis`, `Noise Spectral Density Curves`.
    pub plot: String,
    /// The first is the axis (except of an operating point); all of one length.
    pub columns: Vec<Column>,
}

/// A quantity at every point of the axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Such as `time`, `v(out)` or `i(v1)`.
    pub name: String,
    pub kind: ColumnKind,
    pub values: Values,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// \[s\]
    Time,
    /// \[Hz\]
    Frequency,
    /// \[V\]
    Voltage,
    /// \[A\]
    Current,
    /// \[°C\], as sweeps count it.
    Temperature,
    /// \[ohm\]
    Resistance,
    /// \[S\]
    Conductance,
    /// \[V/√Hz\]
    VoltageNoise,
    /// \[A/√Hz\]
    CurrentNoise,
    /// \[W\]
    Power,
    /// Anything else, and numbers without a unit.
    Other,
}

/// Numbers in SI, one a point.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Real(Vec<f64>),
    /// Real and imaginary part.
    Complex(Vec<[f64; 2]>),
}

/// Plots that have no axis: numbers of the circuit as a whole.
const WITHOUT_AXIS: [&str; 2] = [OPERATING_POINT, "Integrated Noise"];

/// [`Waves::plot`] of an operating point.
pub const OPERATING_POINT: &str = "Operating Point";

impl Waves {
    /// Points of the axis: the length of every column.
    pub fn points(&self) -> usize {
        self.columns.first().map_or(0, |c| c.values.len())
    }

    /// Whether any column is complex.
    pub fn is_complex(&self) -> bool {
        self.columns.iter().any(|c| c.values.is_complex())
    }

    /// The first column, unless this is an operating point or integrated noise.
    pub fn axis(&self) -> Option<&Column> {
        let bare = WITHOUT_AXIS.iter().any(|plot| self.plot.eq_ignore_ascii_case(plot));
        self.columns.first().filter(|_| !bare)
    }

    /// All columns but the axis.
    pub fn signals(&self) -> &[Column] {
        match self.axis() {
            Some(_) => &self.columns[1..],
            None => &self.columns,
        }
    }

    /// The column of that name, in any case of letters.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }
}

impl Values {
    pub fn len(&self) -> usize {
        match self {
            Values::Real(values) => values.len(),
            Values::Complex(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_complex(&self) -> bool {
        matches!(self, Values::Complex(_))
    }

    /// Real and imaginary part of one point.
    ///
    /// # Panics
    /// If there is no such point.
    pub fn at(&self, point: usize) -> [f64; 2] {
        match self {
            Values::Real(values) => [values[point], 0.0],
            Values::Complex(values) => values[point],
        }
    }
}

impl ColumnKind {
    pub const ALL: [ColumnKind; 11] = [
        ColumnKind::Time,
        ColumnKind::Frequency,
        ColumnKind::Voltage,
        ColumnKind::Current,
        ColumnKind::Temperature,
        ColumnKind::Resistance,
        ColumnKind::Conductance,
        ColumnKind::VoltageNoise,
        ColumnKind::CurrentNoise,
        ColumnKind::Power,
        ColumnKind::Other,
    ];

    /// ngspice's word for it.
    pub fn word(self) -> &'static str {
        match self {
            ColumnKind::Time => "time",
            ColumnKind::Frequency => "frequency",
            ColumnKind::Voltage => "voltage",
            ColumnKind::Current => "current",
            ColumnKind::Temperature => "temp-sweep",
            ColumnKind::Resistance => "res-sweep",
            ColumnKind::Conductance => "admittance",
            ColumnKind::VoltageNoise => "voltage-density",
            ColumnKind::CurrentNoise => "current-density",
            ColumnKind::Power => "power",
            ColumnKind::Other => "notype",
        }
    }

    /// The unit in a header of a table; empty where there is none.
    pub fn unit(self) -> &'static str {
        match self {
            ColumnKind::Time => Dimension::Second.symbol(),
            ColumnKind::Frequency => Dimension::Hertz.symbol(),
            ColumnKind::Voltage => Dimension::Volt.symbol(),
            ColumnKind::Current => Dimension::Ampere.symbol(),
            ColumnKind::Temperature => "degC",
            ColumnKind::Resistance => Dimension::Ohm.symbol(),
            ColumnKind::Conductance => Dimension::Siemens.symbol(),
            ColumnKind::VoltageNoise => "V/sqrt(Hz)",
            ColumnKind::CurrentNoise => "A/sqrt(Hz)",
            ColumnKind::Power => Dimension::Watt.symbol(),
            ColumnKind::Other => "",
        }
    }
}
