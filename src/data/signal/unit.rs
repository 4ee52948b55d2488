//! Units of expressions: volts times amperes are watts.

use crate::data::waves::ColumnKind;

/// The unit of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalUnit {
    /// Powers of volt and ampere, and twice the power of second.
    Si([i8; 3]),
    Celsius,
    Decibel,
    Degree,
    /// A sum of different things, or something that nobody said the unit of.
    Unknown,
}

/// The units that have a name.
const NAMED: [([i8; 3], &str); 16] = [
    ([1, 0, 0], "V"),
    ([0, 1, 0], "A"),
    ([0, 0, 2], "s"),
    ([0, 0, -2], "Hz"),
    ([1, 1, 0], "W"),
    ([1, 1, 2], "J"),
    ([1, -1, 0], "\u{3a9}"),
    ([-1, 1, 0], "S"),
    ([0, 1, 2], "C"),
    ([-1, 1, 2], "F"),
    ([1, -1, 2], "H"),
    ([1, 0, 2], "Wb"),
    ([1, 0, 1], "V/\u{221a}Hz"),
    ([0, 1, 1], "A/\u{221a}Hz"),
    ([2, 0, 0], "V\u{b2}"),
    ([0, 2, 0], "A\u{b2}"),
];

impl SignalUnit {
    pub const ONE: SignalUnit = SignalUnit::Si([0, 0, 0]);
    pub const VOLT: SignalUnit = SignalUnit::Si([1, 0, 0]);

    /// The unit of a column.
    pub fn of(kind: ColumnKind) -> SignalUnit {
        match kind {
            ColumnKind::Time => SignalUnit::Si([0, 0, 2]),
            ColumnKind::Frequency => SignalUnit::Si([0, 0, -2]),
            ColumnKind::Voltage => SignalUnit::VOLT,
            ColumnKind::Current => SignalUnit::Si([0, 1, 0]),
            ColumnKind::Temperature => SignalUnit::Celsius,
            ColumnKind::Resistance => SignalUnit::Si([1, -1, 0]),
            ColumnKind::Conductance => SignalUnit::Si([-1, 1, 0]),
            ColumnKind::VoltageNoise => SignalUnit::Si([1, 0, 1]),
            ColumnKind::CurrentNoise => SignalUnit::Si([0, 1, 1]),
            ColumnKind::Power => SignalUnit::Si([1, 1, 0]),
            ColumnKind::Other => SignalUnit::Unknown,
        }
    }

    /// The unit as people write it; empty of a bare number and of what is not known.
    pub fn symbol(self) -> &'static str {
        match self {
            SignalUnit::Si(powers) => {
                NAMED.iter().find(|(named, _)| *named == powers).map_or("", |(_, symbol)| symbol)
            }
            SignalUnit::Celsius => "\u{b0}C",
            SignalUnit::Decibel => "dB",
            SignalUnit::Degree => "\u{b0}",
            SignalUnit::Unknown => "",
        }
    }

    /// The unit in plain ASCII, for headers of tables.
    pub fn plain(self) -> String {
        match self {
            SignalUnit::Celsius => "degC".to_string(),
            SignalUnit::Degree => "deg".to_string(),
            _ => {
                let symbol = self.symbol().replace('\u{3a9}', "ohm").replace('\u{b2}', "^2");
                symbol.replace("\u{221a}Hz", "sqrt(Hz)")
            }
        }
    }

    /// What a unit measures, in a word or two; empty where there is no word.
    pub fn quantity(self) -> &'static str {
        match self.symbol() {
            "V" => "voltage",
            "A" => "current",
            "s" => "time",
            "Hz" => "frequency",
            "W" => "power",
            "J" => "energy",
            "\u{3a9}" => "resistance",
            "S" => "conductance",
            "C" => "charge",
            "F" => "capacitance",
            "H" => "inductance",
            "V/\u{221a}Hz" | "A/\u{221a}Hz" => "noise density",
            "\u{b0}C" => "temperature",
            "dB" => "magnitude",
            "\u{b0}" => "phase",
            _ if self == SignalUnit::ONE => "ratio",
            _ => "",
        }
    }

    /// Whether it takes an engineering prefix.
    pub fn is_si(self) -> bool {
        matches!(self, SignalUnit::Si(_)) && !self.symbol().is_empty()
    }

    pub(super) fn times(self, other: SignalUnit, sign: i8) -> SignalUnit {
        match (self, other) {
            (SignalUnit::Si(a), SignalUnit::Si(b)) => SignalUnit::Si(std::array::from_fn(|i| {
                a[i].saturating_add(b[i].saturating_mul(sign))
            })),
            (unit, SignalUnit::ONE) => unit,
            (SignalUnit::ONE, unit) if sign > 0 => unit,
            _ => SignalUnit::Unknown,
        }
    }
}
