//! What quantities measure, and their units.

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
    Metre,
    SquareMetre,
    MetrePerSecond,
    KelvinPerWatt,
    VoltPerSecond,
    PerVolt,
    RootVolt,
    PerKelvin,
    PerSquareKelvin,
    FaradPerMetre,
    FaradPerSquareMetre,
    AmperePerSquareMetre,
    AmperePerSquareVolt,
    SquareMetrePerVoltSecond,
}

use Dimension::*;

/// Of each dimension, in the order of the enum: the unit in words, as a file writes it, and a
/// quantity of the size usual in this trade.
const TABLE: [(Dimension, &str, &str, &str); 26] = [
    (One, "", "", "0.5"),
    (Volt, "volt", "V", "0.2 V"),
    (Ampere, "ampere", "A", "1 uA"),
    (Ohm, "ohm", "ohm", "2 ohm"),
    (Siemens, "siemens", "S", "25 uS"),
    (Farad, "farad", "F", "100 fF"),
    (Henry, "henry", "H", "1 nH"),
    (Second, "second", "s", "5 us"),
    (Hertz, "hertz", "Hz", "1 MHz"),
    (Watt, "watt", "W", "1 uW"),
    (Joule, "joule", "J", "1 pJ"),
    (Kelvin, "kelvin", "K", "300 K"),
    (Metre, "metre", "m", "1 um"),
    (SquareMetre, "square metre", "m^2", "1e-12 m^2"),
    (MetrePerSecond, "metre per second", "m/s", "10 m/s"),
    (KelvinPerWatt, "kelvin per watt", "K/W", "2 kK/W"),
    (VoltPerSecond, "volt per second", "V/s", "1 MV/s"),
    (PerVolt, "per volt", "1/V", "0.02 1/V"),
    (RootVolt, "square root of volt", "V^0.5", "0.5 V^0.5"),
    (PerKelvin, "per kelvin", "1/K", "1e-3 1/K"),
    (PerSquareKelvin, "per square kelvin", "1/K^2", "1e-6 1/K^2"),
    (FaradPerMetre, "farad per metre", "F/m", "300 pF/m"),
    (FaradPerSquareMetre, "farad per square metre", "F/m^2", "300 uF/m^2"),
    (AmperePerSquareMetre, "ampere per square metre", "A/m^2", "10 uA/m^2"),
    (AmperePerSquareVolt, "ampere per square volt", "A/V^2", "50 uA/V^2"),
    (SquareMetrePerVoltSecond, "square metre per volt second", "m^2/Vs", "0.06 m^2/Vs"),
];

impl Dimension {
    pub const ALL: [Dimension; TABLE.len()] = {
        let mut all = [One; TABLE.len()];
        let mut k = 0;
        while k < all.len() {
            assert!(TABLE[k].0 as usize == k, "the table is in the order of the enum");
            all[k] = TABLE[k].0;
            k += 1;
        }
        all
    };

    /// The unit in words; empty for a bare number.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// The unit as written in a file; empty for a bare number.
    pub fn symbol(self) -> &'static str {
        TABLE[self as usize].2
    }

    /// The unit with this symbol.
    pub fn of_symbol(symbol: &str) -> Option<Dimension> {
        Dimension::ALL.into_iter().find(|dimension| dimension.symbol() == symbol)
    }

    /// A quantity of the size usual in this trade, as a file writes it.
    pub fn example(self) -> &'static str {
        TABLE[self as usize].3
    }

    /// Whether its unit takes an SI prefix. A prefix of `m^2` would be of the metre, and of
    /// `1/V` below the line.
    pub(super) fn takes_prefix(self) -> bool {
        use Dimension as D;
        !matches!(
            self,
            D::One
                | D::SquareMetre
                | D::PerVolt
                | D::RootVolt
                | D::PerKelvin
                | D::PerSquareKelvin
                | D::SquareMetrePerVoltSecond
        )
    }
}
