//! Units, at the edge of the program only: text such as `"25 uS"` becomes an SI number here,
//! and numbers become text again here.

mod dimension;

pub use dimension::Dimension;

/// The Boltzmann constant \[J/K\], exact (SI 2019).
pub const BOLTZMANN: f64 = 1.380_649e-23;
/// The elementary charge \[C\], exact (SI 2019).
pub const ELEMENTARY_CHARGE: f64 = 1.602_176_634e-19;

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
/// Temperature \[K\].
pub type Kelvin = f64;
/// Inductance \[H\].
pub type Henry = f64;
/// Frequency \[Hz\].
pub type Hertz = f64;
/// Power \[W\].
pub type Watt = f64;
/// Energy \[J\].
pub type Joule = f64;
/// Length \[m\].
pub type Metre = f64;

/// The values that make sense for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    Any,
    NonNegative,
    Positive,
    /// From 0 to 1, both included.
    Fraction,
    /// From 0 to 1, 1 excluded.
    FractionBelowOne,
    /// Between 0 and 1, both excluded.
    InsideFraction,
    AtLeastOne,
    /// From -1 to 1, both included.
    WithinOne,
}

impl Range {
    pub fn contains(self, value: f64) -> bool {
        match self {
            Range::Any => value.is_finite(),
            Range::NonNegative => value >= 0.0 && value.is_finite(),
            Range::Positive => value > 0.0 && value.is_finite(),
            Range::Fraction => (0.0..=1.0).contains(&value),
            Range::FractionBelowOne => (0.0..1.0).contains(&value),
            Range::InsideFraction => value > 0.0 && value < 1.0,
            Range::AtLeastOne => value >= 1.0,
            Range::WithinOne => (-1.0..=1.0).contains(&value),
        }
    }

    /// Completes "must be ...".
    pub fn words(self) -> &'static str {
        match self {
            Range::Any => "finite",
            Range::NonNegative => "zero or above",
            Range::Positive => "above zero",
            Range::Fraction => "from 0 to 1",
            Range::FractionBelowOne => "at least 0 and below 1",
            Range::InsideFraction => "above 0 and below 1",
            Range::AtLeastOne => "at least 1",
            Range::WithinOne => "from -1 to 1",
        }
    }
}

/// What is wrong with a quantity, without the name of what it is for.
#[derive(Debug, Clone, PartialEq)]
pub enum UnitFault {
    /// No number at the start of the text.
    NotANumber,
    /// `NaN`, an infinity, or too large to hold.
    NotFinite,
    /// A number alone where a unit is needed; `write` is what it may have been meant to be.
    MissingUnit { write: String },
    /// Not a unit; perhaps a way of writing that would have been one.
    UnknownUnit { unit: String, write: Option<String> },
    /// A unit of something else; perhaps the same in the unit expected.
    WrongDimension { found: Dimension, expected: Dimension, write: Option<String> },
    /// Outside the values that make sense.
    OutOfRange { range: Range },
}

/// Powers of ten of the SI prefixes; the first of each power is the one written.
const PREFIXES: [(&str, i32); 14] = [
    ("a", -18),
    ("f", -15),
    ("p", -12),
    ("n", -9),
    ("u", -6),
    ("\u{b5}", -6),
    ("\u{3bc}", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
];

/// Reads a quantity such as `"25 uS"`, `"2 ohm"`, `"40 kΩ"`, in SI.
///
/// The number is rounded once, from its decimal digits with the prefix applied. Case matters as
/// in SI: `M` is mega and `m` milli, `S` is siemens and `s` second.
///
/// # Errors
/// What is wrong, as a [`UnitFault`].
pub fn parse(text: &str, dimension: Dimension, range: Range) -> Result<f64, UnitFault> {
    let text = text.trim();
    let (mantissa, exponent, unit) = split(text).ok_or_else(|| {
        let word = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
        if word.starts_with("nan") || word.starts_with("inf") {
            UnitFault::NotFinite
        } else {
            UnitFault::NotANumber
        }
    })?;
    let value_at = |power: i32| {
        let value: f64 =
            format!("{mantissa}e{}", exponent.saturating_add(power)).parse().unwrap_or(f64::NAN);
        if value.is_finite() { Ok(value) } else { Err(UnitFault::NotFinite) }
    };
    let value = if unit.is_empty() {
        if dimension != Dimension::One {
            return Err(missing_unit(value_at(0)?, dimension));
        }
        value_at(0)?
    } else {
        let number = &text[..text.len() - unit.len()];
        if let Some((value, found)) =
            beside_si(unit).map(|(d, by)| (value_at(0).map(|v| v * by), d))
            && found == dimension
        {
            let value = value?;
            let fits = range.contains(value);
            return if fits { Ok(value) } else { Err(UnitFault::OutOfRange { range }) };
        }
        // `m` alone is more often a forgotten unit than a metre out of place.
        let known = lookup(unit).filter(|(found, _)| *found == dimension || !is_prefix(unit));
        let Some((found, power)) = known else {
            return Err(unknown_unit(number, unit, dimension));
        };
        if found != dimension {
            let write = other_case(number, unit, dimension)
                .or_else(|| inverse(value_at(power).ok()?, found, dimension));
            return Err(UnitFault::WrongDimension { found, expected: dimension, write });
        }
        value_at(power)?
    };
    if range.contains(value) { Ok(value) } else { Err(UnitFault::OutOfRange { range }) }
}

/// The number that a text begins with and the unit after it, as written: `2.5` and `kohm`.
pub fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let (mantissa, exponent, unit) = split(text.trim())?;
    Some((format!("{mantissa}e{exponent}").parse().ok()?, unit))
}

/// A quantity in SI, and what its unit says that it is.
pub fn parse_any(text: &str) -> Option<(f64, Dimension)> {
    Dimension::ALL.iter().find_map(|&d| Some((parse(text, d, Range::Any).ok()?, d)))
}

/// What to say of a number without a unit.
pub fn missing_unit(value: f64, dimension: Dimension) -> UnitFault {
    let usual = dimension.example().split(' ').next_back().unwrap_or_default();
    let write = if value == 0.0 || value.abs() >= 0.1 {
        format!("{value} {usual}")
    } else {
        format_short(value, dimension)
    };
    UnitFault::MissingUnit { write }
}

fn unknown_unit(number: &str, unit: &str, dimension: Dimension) -> UnitFault {
    if dimension == Dimension::One {
        let percent = number.trim().parse::<f64>().ok().filter(|_| unit == "%");
        let write = percent.map(|p| format_short(p / 100.0, dimension));
        return UnitFault::UnknownUnit { unit: unit.to_string(), write };
    }
    let write = if is_prefix(unit) {
        Some(format!("{} {unit}{}", number.trim(), dimension.symbol()))
    } else {
        other_case(number, unit, dimension)
    };
    UnitFault::UnknownUnit { unit: unit.to_string(), write }
}

fn is_prefix(unit: &str) -> bool {
    PREFIXES.iter().any(|(prefix, _)| *prefix == unit)
}

/// The quantity with its unit in the case that makes it one of this dimension.
fn other_case(number: &str, unit: &str, dimension: Dimension) -> Option<String> {
    let symbol = dimension.symbol();
    (dimension != Dimension::One)
        .then(|| PREFIXES.iter().filter(|(p, _)| p.is_empty() || dimension.takes_prefix()))?
        .map(|(prefix, _)| format!("{prefix}{symbol}"))
        .find(|known| known.eq_ignore_ascii_case(unit))
        .map(|known| format!("{} {known}", number.trim()))
}

/// The quantity of the inverse dimension, where there is one.
fn inverse(value: f64, found: Dimension, expected: Dimension) -> Option<String> {
    let inverses = matches!(
        (found, expected),
        (Dimension::Ohm, Dimension::Siemens)
            | (Dimension::Siemens, Dimension::Ohm)
            | (Dimension::Hertz, Dimension::Second)
            | (Dimension::Second, Dimension::Hertz)
    );
    (inverses && value != 0.0).then(|| format_short(1.0 / value, expected))
}

/// Mantissa, power of ten, and the rest of a text that starts with a number.
fn split(text: &str) -> Option<(&str, i32, &str)> {
    let bytes = text.as_bytes();
    let digits = |mut i: usize| {
        while bytes.get(i).is_some_and(u8::is_ascii_digit) {
            i += 1;
        }
        i
    };
    let start = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(start);
    let mut end = whole;
    let mut count = whole - start;
    if bytes.get(whole) == Some(&b'.') {
        end = digits(whole + 1);
        count += end - whole - 1;
    }
    if count == 0 {
        return None;
    }
    let mantissa = &text[..end];
    let mut exponent = 0;
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let stop = digits(sign);
        if stop > sign {
            // Saturates far beyond what a double holds, on either side.
            exponent = text[end + 1..stop].parse().unwrap_or(if bytes[end + 1] == b'-' {
                -100_000
            } else {
                100_000
            });
            end = stop;
        }
    }
    Some((mantissa, exponent, text[end..].trim()))
}

/// Units in use with SI that are no power of ten of it; they take no prefix.
fn beside_si(unit: &str) -> Option<(Dimension, f64)> {
    Some(match unit {
        "min" => (Dimension::Second, 60.0),
        "h" => (Dimension::Second, 3600.0),
        "d" => (Dimension::Second, 86_400.0),
        "eV" => (Dimension::Joule, ELEMENTARY_CHARGE),
        _ => return None,
    })
}

/// Dimension and power of ten of a unit as written.
fn lookup(unit: &str) -> Option<(Dimension, i32)> {
    Dimension::ALL.iter().filter(|d| **d != Dimension::One).find_map(|&d| {
        let names: &[&str] = match d {
            Dimension::Ohm => &["ohm", "\u{3a9}", "\u{2126}"],
            _ => &[d.symbol()],
        };
        let prefix = names.iter().find_map(|name| unit.strip_suffix(name))?;
        let known = PREFIXES.iter().find(|(p, _)| *p == prefix);
        known.filter(|(p, _)| p.is_empty() || d.takes_prefix()).map(|(_, power)| (d, *power))
    })
}

/// A value as text with unit and engineering prefix, to four significant digits: `"25 uS"`.
pub fn format_short(value: f64, dimension: Dimension) -> String {
    engineering(&format!("{value:.3e}"), dimension)
}

/// A value as text with unit and engineering prefix, in as many digits as it takes for [`parse`]
/// to give back the same bits.
pub fn format_exact(value: f64, dimension: Dimension) -> String {
    engineering(&format!("{value:e}"), dimension)
}

/// Text of the form `-1.25e-5`, with the decimal point moved to fit an SI prefix.
fn engineering(scientific: &str, dimension: Dimension) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return format!("{scientific} {}", dimension.symbol()); // NaN and the infinities
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let power = if dimension.takes_prefix() { exponent.div_euclid(3) * 3 } else { 0 };
    let prefix = PREFIXES.iter().find(|(_, p)| *p == power && digits != "0");
    let symbol = dimension.symbol();
    let (number, prefix) = match prefix {
        Some((prefix, power)) if (-5..16).contains(&(exponent - power)) => {
            (place_point(digits, exponent - power), *prefix)
        }
        _ if digits == "0" => ("0".to_string(), ""),
        _ => (format!("{}e{exponent}", place_point(digits, 0)), ""),
    };
    format!("{sign}{number} {prefix}{symbol}").trim_end().to_string()
}

/// The digits `d.ddd` times ten to `power`, written out.
fn place_point(digits: &str, power: i32) -> String {
    let whole = power + 1;
    if whole <= 0 {
        return format!("0.{}{digits}", "0".repeat((-whole) as usize));
    }
    let whole = whole as usize;
    if digits.len() <= whole {
        format!("{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    }
}

#[cfg(test)]
mod tests;
