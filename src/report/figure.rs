//! A figure is data first: what is drawn, where, and in which role. [`super::draw`] makes it
//! visible.

use crate::numerics::math;

/// A figure with the name of its files, without ending.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub name: &'static str,
    pub title: String,
    /// What one sees, for the text beside it.
    pub caption: String,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Chart(Chart),
    /// Charts below one another.
    Panels(Vec<Chart>),
    Gallery(Gallery),
}

/// Series over a pair of axes. Data are in SI; axes choose the prefix.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub label: String,
    pub unit: Unit,
    pub scale: Scale,
    pub range: [f64; 2],
    /// Words to write at places, instead of numbers; empty on an axis of numbers.
    pub names: Vec<(f64, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// An SI unit, which takes an engineering prefix.
    Si(&'static str),
    /// A unit in words, which takes none.
    Word(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    Log,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub shape: Shape,
    pub role: Role,
    pub label: Label,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Points joined by straight lines, broken where a number is not finite.
    Line(Vec<[f64; 2]>),
    /// The area between two curves over the same `x`: `[x, low, high]`.
    Band(Vec<[f64; 3]>),
    /// Counts between `edges`, one fewer than edges.
    Bars { edges: Vec<f64>, counts: Vec<f64> },
    /// A horizontal line through the whole plot.
    Level(f64),
    /// Points alone: faint of [`Role::Many`], else markers.
    Dots(Vec<[f64; 2]>),
    /// Error bars: `[x, low, high]`.
    Whiskers(Vec<[f64; 3]>),
}

/// What a series means, which decides how it looks, in colour and in grey alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// One of many of a kind.
    Many,
    /// One of some that are each worth following.
    Some,
    /// What the eye should find first.
    Main,
    /// What the main one is to be compared with.
    Contrast,
    /// A spread around the main one.
    Spread,
    /// A limit.
    Limit,
    /// The n-th of a set to be told apart.
    Nth(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Label {
    None,
    /// At the right end of the line.
    End(String),
    /// In the key above the plot.
    Key(String),
}

/// Samples side by side: the input as a picture, the outputs as bars.
#[derive(Debug, Clone, PartialEq)]
pub struct Gallery {
    /// Range of all inputs, white to black.
    pub ink: [f64; 2],
    /// Range of all outputs, zero included.
    pub outputs: [f64; 2],
    /// What the bars are, with unit.
    pub axis: String,
    pub exhibits: Vec<Exhibit>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Exhibit {
    pub sample: usize,
    /// Rows of the picture, each of the same length.
    pub picture: Vec<Vec<f64>>,
    pub outputs: Vec<Option<f64>>,
    pub prediction: Option<usize>,
    pub label: Option<usize>,
    /// The outcome's word, when it is not `settled`.
    pub trouble: Option<String>,
}

impl Axis {
    pub fn linear(label: impl Into<String>, unit: Unit, range: [f64; 2]) -> Axis {
        Axis {
            label: label.into(),
            unit,
            scale: Scale::Linear,
            range: widened(range),
            names: Vec::new(),
        }
    }

    /// A logarithmic axis over whole decades.
    ///
    /// # Panics
    /// When the range is not positive.
    pub fn log(label: impl Into<String>, unit: Unit, [low, high]: [f64; 2]) -> Axis {
        assert!(low > 0.0 && high > 0.0, "a logarithmic axis from {low} to {high}");
        let (low, mut high) = (math::log10(low).floor() as i32, math::log10(high).ceil() as i32);
        high = high.max(low + 1);
        let range = [ten(low), ten(high)];
        Axis { label: label.into(), unit, scale: Scale::Log, range, names: Vec::new() }
    }

    /// An axis of things that have names but no size, at 0, 1, 2 and so on.
    pub fn named(label: impl Into<String>, unit: Unit, names: &[String]) -> Axis {
        let range = [-0.5, names.len() as f64 - 0.5];
        let names = names.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect();
        Axis { names, ..Axis::linear(label, unit, range) }
    }

    /// The label with its unit, and what to multiply a number by for that unit.
    pub fn label_and_factor(&self) -> (String, f64) {
        match self.unit {
            Unit::Word(unit) => (format!("{} ({unit})", self.label), 1.0),
            // Powers of ten are those of the unit itself.
            Unit::Si(unit) if self.scale == Scale::Log => (format!("{} ({unit})", self.label), 1.0),
            Unit::Si(unit) => {
                let (prefix, factor) = prefix(self.range[0].abs().max(self.range[1].abs()));
                (format!("{} ({prefix}{unit})", self.label), factor)
            }
        }
    }

    /// Where a number lies, 0 to 1 from the low to the high end; beyond, outside. A number with
    /// no logarithm lies far below a logarithmic axis.
    pub fn place(&self, v: f64) -> f64 {
        let [low, high] = self.range;
        match self.scale {
            Scale::Linear => (v - low) / (high - low),
            Scale::Log if v <= 0.0 => -10.0,
            Scale::Log => (math::log10(v / low) / math::log10(high / low)).max(-10.0),
        }
    }

    /// Whether a number lies on the axis.
    pub fn holds(&self, v: f64) -> bool {
        v.is_finite() && (-1e-9..=1.0 + 1e-9).contains(&self.place(v))
    }

    /// Where the grid runs, with the numbers to write there.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        if !self.names.is_empty() {
            return self.names.clone();
        }
        let [low, high] = self.range;
        let (_, factor) = self.label_and_factor();
        match self.scale {
            Scale::Linear => {
                let (low, high) = (low * factor, high * factor);
                let whole = self.unit == Unit::Word("count");
                let step = step((high - low) / 6.0).max(if whole { 1.0 } else { 0.0 });
                let decimals = (-math::log10(step).floor()).max(0.0) as usize;
                let first = (low / step - 1e-9).ceil() as i64;
                let last = (high / step + 1e-9).floor() as i64;
                (first..=last)
                    .map(|i| {
                        let v = i as f64 * step;
                        (v / factor, minus(&format!("{v:.decimals$}")))
                    })
                    .collect()
            }
            Scale::Log => {
                let low = (math::log10(low) - 1e-9).ceil() as i32;
                let high = (math::log10(high) + 1e-9).floor() as i32;
                let every = ((high - low).max(0) as usize).div_ceil(8).max(1);
                (low..=high).step_by(every).map(|e| (ten(e), power_of_ten(e))).collect()
            }
        }
    }
}

/// A range that is not empty, whatever the data.
fn widened([low, high]: [f64; 2]) -> [f64; 2] {
    if high > low {
        return [low, high];
    }
    let margin = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
    [low - margin, low + margin]
}

/// The engineering prefix of a magnitude, and the factor that takes it there.
pub fn prefix(magnitude: f64) -> (&'static str, f64) {
    const PREFIXES: [(&str, i32); 9] = [
        ("G", 9),
        ("M", 6),
        ("k", 3),
        ("", 0),
        ("m", -3),
        ("µ", -6),
        ("n", -9),
        ("p", -12),
        ("f", -15),
    ];
    if magnitude == 0.0 || !magnitude.is_finite() {
        return ("", 1.0);
    }
    let fits = PREFIXES.iter().find(|(_, e)| magnitude >= 0.999_999 * ten(*e));
    let (name, exponent) = fits.unwrap_or(&PREFIXES[PREFIXES.len() - 1]);
    (name, ten(-exponent))
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `least`.
fn step(least: f64) -> f64 {
    let power = ten(math::log10(least).floor() as i32);
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= least).unwrap_or(power)
}

/// `10⁻⁹`
pub fn power_of_ten(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = exponent
        .to_string()
        .chars()
        .map(|c| match c.to_digit(10) {
            Some(d) => DIGITS[d as usize],
            None => '⁻',
        })
        .collect::<String>();
    format!("10{digits}")
}

/// The number with a minus sign instead of a hyphen, and no negative zero.
pub fn minus(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_string(),
        Some(rest) => format!("−{rest}"),
        None => number.to_string(),
    }
}

fn ten(exponent: i32) -> f64 {
    math::pow(10.0, f64::from(exponent))
}
