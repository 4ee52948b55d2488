//! The functions and operators, with their slopes.

use crate::numerics::math::{
    acos, acosh, asin, asinh, atan, atan2, atanh, cos, cosh, exp, log, log10, pow, sin, sinh, sqrt,
    tan, tanh,
};

/// Every function that can be called, with how many arguments it takes.
pub const FUNCTIONS: &[(&str, usize)] = &[
    ("abs", 1),
    ("acos", 1),
    ("acosh", 1),
    ("asin", 1),
    ("asinh", 1),
    ("atan", 1),
    ("arctan", 1),
    ("atan2", 2),
    ("atanh", 1),
    ("ceil", 1),
    ("cos", 1),
    ("cosh", 1),
    ("exp", 1),
    ("floor", 1),
    ("hypot", 2),
    ("if", 3),
    ("int", 1),
    ("limit", 3),
    ("ln", 1),
    ("log", 1),
    ("log10", 1),
    ("max", 2),
    ("min", 2),
    ("nint", 1),
    ("pow", 2),
    ("pwr", 2),
    ("sgn", 1),
    ("sin", 1),
    ("sinh", 1),
    ("sqrt", 1),
    ("tan", 1),
    ("tanh", 1),
    ("ternary_fcn", 3),
    ("u", 1),
    ("u2", 1),
    ("uramp", 1),
];

macro_rules! operators {
    ($name:ident { $($(#[$doc:meta])* $variant:ident $word:literal),+ $(,)? }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// The function of this name; several names can mean the same.
            pub fn named(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }

            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }
    };
}

operators!(Unary {
    Negative "-",
    Not "!",
    Abs "abs",
    Acos "acos",
    Acosh "acosh",
    Asin "asin",
    Asinh "asinh",
    Atan "atan",
    Atanh "atanh",
    Ceil "ceil",
    Cos "cos",
    Cosh "cosh",
    Exp "exp",
    Floor "floor",
    Int "int",
    Ln "ln",
    Log10 "log10",
    Nint "nint",
    Sign "sgn",
    Sin "sin",
    Sinh "sinh",
    Sqrt "sqrt",
    Tan "tan",
    Tanh "tanh",
    Step "u",
    /// 0 below 0, the argument up to 1, then 1.
    UnitRamp "u2",
    Ramp "uramp",
});

operators!(Binary {
    Add "+",
    Subtract "-",
    Multiply "*",
    Divide "/",
    Less "<",
    LessEqual "<=",
    Greater ">",
    GreaterEqual ">=",
    Equal "==",
    Unequal "!=",
    And "&&",
    Or "||",
    /// `x^y`
    Power "^",
    /// `|x|^y`
    AbsolutePower "pow",
    /// `sgn(x) |x|^y`
    SignedPower "pwr",
    Atan2 "atan2",
    Hypot "hypot",
    Max "max",
    Min "min",
});

fn truth(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

impl Unary {
    /// Value and slope.
    pub fn at(self, x: f64) -> (f64, f64) {
        match self {
            Unary::Negative => (-x, -1.0),
            Unary::Not => (truth(x == 0.0), 0.0),
            Unary::Abs => (x.abs(), sign(x)),
            Unary::Acos => (acos(x), -1.0 / sqrt(1.0 - x * x)),
            Unary::Acosh => (acosh(x), 1.0 / sqrt(x * x - 1.0)),
            Unary::Asin => (asin(x), 1.0 / sqrt(1.0 - x * x)),
            Unary::Asinh => (asinh(x), 1.0 / sqrt(x * x + 1.0)),
            Unary::Atan => (atan(x), 1.0 / (1.0 + x * x)),
            Unary::Atanh => (atanh(x), 1.0 / (1.0 - x * x)),
            Unary::Ceil => (x.ceil(), 0.0),
            Unary::Cos => (cos(x), -sin(x)),
            Unary::Cosh => (cosh(x), sinh(x)),
            Unary::Exp => (exp(x), exp(x)),
            Unary::Floor => (x.floor(), 0.0),
            Unary::Int => (x.trunc(), 0.0),
            Unary::Ln => (log(x), 1.0 / x),
            Unary::Log10 => (log10(x), std::f64::consts::LOG10_E / x),
            Unary::Nint => (x.round_ties_even(), 0.0),
            Unary::Sign => (sign(x), 0.0),
            Unary::Sin => (sin(x), cos(x)),
            Unary::Sinh => (sinh(x), cosh(x)),
            Unary::Sqrt => (sqrt(x), 0.5 / sqrt(x)),
            Unary::Tan => (tan(x), 1.0 + tan(x) * tan(x)),
            Unary::Tanh => (tanh(x), 1.0 - tanh(x) * tanh(x)),
            Unary::Step => (truth(x >= 0.0), 0.0),
            Unary::UnitRamp => (x.clamp(0.0, 1.0), truth((0.0..1.0).contains(&x))),
            Unary::Ramp => (x.max(0.0), truth(x >= 0.0)),
        }
    }
}

impl Binary {
    /// Value and the two slopes.
    pub fn at(self, x: f64, y: f64) -> (f64, f64, f64) {
        match self {
            Binary::Add => (x + y, 1.0, 1.0),
            Binary::Subtract => (x - y, 1.0, -1.0),
            Binary::Multiply => (x * y, y, x),
            Binary::Divide => (x / y, 1.0 / y, -x / (y * y)),
            Binary::Less => (truth(x < y), 0.0, 0.0),
            Binary::LessEqual => (truth(x <= y), 0.0, 0.0),
            Binary::Greater => (truth(x > y), 0.0, 0.0),
            Binary::GreaterEqual => (truth(x >= y), 0.0, 0.0),
            Binary::Equal => (truth(x == y), 0.0, 0.0),
            Binary::Unequal => (truth(x != y), 0.0, 0.0),
            Binary::And => (truth(x != 0.0 && y != 0.0), 0.0, 0.0),
            Binary::Or => (truth(x != 0.0 || y != 0.0), 0.0, 0.0),
            Binary::Power => (pow(x, y), by_base(x, y), by_exponent(pow(x, y), x)),
            Binary::AbsolutePower => {
                let (a, value) = (x.abs(), pow(x.abs(), y));
                (value, sign(x) * by_base(a, y), by_exponent(value, a))
            }
            Binary::SignedPower => {
                let (a, value) = (x.abs(), sign(x) * pow(x.abs(), y));
                (value, by_base(a, y), by_exponent(value, a))
            }
            Binary::Atan2 => {
                let r = x * x + y * y;
                (atan2(x, y), y / r, -x / r)
            }
            Binary::Hypot => {
                let r = sqrt(x * x + y * y);
                (r, x / r, y / r)
            }
            Binary::Max if x >= y => (x, 1.0, 0.0),
            Binary::Min if x <= y => (x, 1.0, 0.0),
            Binary::Max | Binary::Min => (y, 0.0, 1.0),
        }
    }
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// `d/dx x^y`
fn by_base(x: f64, y: f64) -> f64 {
    if y == 0.0 { 0.0 } else { y * pow(x, y - 1.0) }
}

/// `d/dy x^y`, with `value = x^y`; 0 at a base that has no logarithm.
fn by_exponent(value: f64, x: f64) -> f64 {
    if x > 0.0 { value * log(x) } else { 0.0 }
}
