//! Closed forms in the headers of decks: expressions of complex numbers, of the axis and of other
//! signals at the same point.

use nalgebra::Complex;

type C = Complex<f64>;

/// Results that a formula can speak of, point by point.
pub trait Signals {
    /// The axis: time, frequency or swept value; none of an operating point.
    fn axis(&self, point: usize) -> Option<f64>;

    /// A voltage, a current or a measurement.
    fn signal(&self, name: &str, point: usize) -> Result<C, String>;
}

/// A parsed expression.
#[derive(Debug, Clone)]
pub enum Formula {
    Number(C),
    /// `time` and `frequency`.
    Axis,
    /// `s` = j 2 pi f.
    S,
    Signal(String),
    Call(String, Vec<Formula>),
    Binary(char, Box<Formula>, Box<Formula>),
}

const FUNCTIONS: [(&str, usize); 15] = [
    ("exp", 1),
    ("ln", 1),
    ("sqrt", 1),
    ("sin", 1),
    ("cos", 1),
    ("tan", 1),
    ("atan", 1),
    ("sinh", 1),
    ("cosh", 1),
    ("tanh", 1),
    ("abs", 1),
    ("re", 1),
    ("min", 2),
    ("max", 2),
    ("where", 3),
];

/// k / q \[V/K\] and k \[J/K\], exact by definition.
const BOLTZMANN: f64 = 1.380649e-23;
const VOLT_PER_KELVIN: f64 = BOLTZMANN / 1.602176634e-19;

impl Formula {
    pub fn parse(text: &str) -> Result<Formula, String> {
        let mut parser = Parser { rest: text.trim() };
        let formula = parser.binary(0)?;
        match parser.rest.is_empty() {
            true => Ok(formula),
            false => Err(format!("`{}` is left over", parser.rest)),
        }
    }

    /// The value at a point.
    pub fn value(&self, signals: &dyn Signals, point: usize) -> Result<C, String> {
        let axis = || signals.axis(point).ok_or_else(|| "there is no axis here".to_owned());
        Ok(match self {
            Formula::Number(number) => *number,
            Formula::Axis => axis()?.into(),
            Formula::S => C::new(0.0, std::f64::consts::TAU * axis()?),
            Formula::Signal(name) => signals.signal(name, point)?,
            Formula::Call(name, arguments) => {
                let a = arguments.iter().map(|a| a.value(signals, point));
                call(name, &a.collect::<Result<Vec<C>, _>>()?)
            }
            Formula::Binary(operator, a, b) => {
                let (a, b) = (a.value(signals, point)?, b.value(signals, point)?);
                let truth = |holds: bool| C::from(f64::from(u8::from(holds)));
                match operator {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    '/' => a / b,
                    '<' => truth(a.re < b.re),
                    '>' => truth(a.re > b.re),
                    _ if b.im == 0.0 && b.re.fract() == 0.0 => a.powi(b.re as i32),
                    _ => a.powc(b),
                }
            }
        })
    }
}

fn call(name: &str, a: &[C]) -> C {
    match name {
        "exp" => a[0].exp(),
        "ln" => a[0].ln(),
        "sqrt" => a[0].sqrt(),
        "sin" => a[0].sin(),
        "cos" => a[0].cos(),
        "tan" => a[0].tan(),
        "atan" => a[0].atan(),
        "sinh" => a[0].sinh(),
        "cosh" => a[0].cosh(),
        "tanh" => a[0].tanh(),
        "abs" => a[0].norm().into(),
        "re" => a[0].re.into(),
        "min" => a[0].re.min(a[1].re).into(),
        "max" => a[0].re.max(a[1].re).into(),
        "where" => a[if a[0].re > 0.0 { 1 } else { 2 }],
        _ => unreachable!("{name} is not in the list of functions"),
    }
}

struct Parser<'a> {
    rest: &'a str,
}

/// Operators from loose to tight; the last is a power.
const LEVELS: [&str; 3] = ["<>", "+-", "*/"];

impl Parser<'_> {
    fn take(&mut self, set: &str) -> Option<char> {
        self.rest = self.rest.trim_start();
        let c = self.rest.chars().next().filter(|c| set.contains(*c))?;
        self.rest = &self.rest[1..];
        Some(c)
    }

    fn word(&mut self, is_part: impl Fn(char) -> bool) -> &str {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn binary(&mut self, level: usize) -> Result<Formula, String> {
        let Some(operators) = LEVELS.get(level) else { return self.signed() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.take(operators) {
            let right = self.binary(level + 1)?;
            left = Formula::Binary(operator, left.into(), right.into());
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Formula, String> {
        if self.take("-").is_some() {
            let zero = Formula::Number(0.0.into());
            return Ok(Formula::Binary('-', zero.into(), self.signed()?.into()));
        }
        let base = self.atom()?;
        match self.take("^") {
            None => Ok(base),
            Some(_) => Ok(Formula::Binary('^', base.into(), self.signed()?.into())),
        }
    }

    fn atom(&mut self) -> Result<Formula, String> {
        if self.take("(").is_some() {
            let inner = self.binary(0)?;
            return self.close(inner);
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return self.number();
        }
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_').to_owned();
        let number = |x: f64| Ok(Formula::Number(x.into()));
        match name.as_str() {
            "time" | "frequency" => return Ok(Formula::Axis),
            "s" => return Ok(Formula::S),
            "j" => return Ok(Formula::Number(C::i())),
            "pi" => return number(std::f64::consts::PI),
            "boltzmann" => return number(BOLTZMANN),
            "vt" => return number(VOLT_PER_KELVIN * 300.15),
            _ => {}
        }
        if self.take("(").is_none() {
            return Err(format!("`{name}` is no name here"));
        }
        if name == "v" || name == "i" {
            let inside = self.word(|c| c != ')').to_owned();
            return self.close(Formula::Signal(format!("{name}({inside})")));
        }
        let known = FUNCTIONS.iter().find(|(known, _)| *known == name);
        let &(_, count) = known.ok_or_else(|| format!("`{name}` is no function here"))?;
        let mut arguments = vec![self.binary(0)?];
        while self.take(",").is_some() {
            arguments.push(self.binary(0)?);
        }
        match arguments.len() == count {
            true => self.close(Formula::Call(name, arguments)),
            false => Err(format!("`{name}` takes {count} arguments")),
        }
    }

    fn number(&mut self) -> Result<Formula, String> {
        let mut end = self.word(|c| c.is_ascii_digit() || c == '.').to_owned();
        let mut tail = self.rest.chars();
        if tail.next() == Some('e')
            && tail.next().is_some_and(|c| c.is_ascii_digit() || c == '-' || c == '+')
        {
            end += &self.rest[..2];
            self.rest = &self.rest[2..];
            end += self.word(|c| c.is_ascii_digit());
        }
        let value: f64 = end.parse().map_err(|_| format!("`{end}` is no number"))?;
        Ok(Formula::Number(value.into()))
    }

    fn close(&mut self, inner: Formula) -> Result<Formula, String> {
        match self.take(")") {
            Some(_) => Ok(inner),
            None => Err(format!("`)` is missing before `{}`", self.rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(f64);

    impl Signals for At {
        fn axis(&self, _: usize) -> Option<f64> {
            Some(self.0)
        }

        fn signal(&self, name: &str, _: usize) -> Result<C, String> {
            match name {
                "v(x1.a)" => Ok(C::new(4.0, 1.0)),
                _ => Err(name.into()),
            }
        }
    }

    #[test]
    fn formulas_have_the_usual_precedence() {
        for (text, want) in [
            ("1 + 2*3^2", C::from(19.0)),
            ("-2^2", C::from(-4.0)),
            ("2^-1", C::from(0.5)),
            ("8/4/2 - 1 - 1", C::from(-1.0)),
            ("1e-3*time", C::from(2e-3)),
            ("where(1 < 2, max(1, 3), 5)", C::from(3.0)),
            ("where(1 > 2, max(1, 3), 5)", C::from(5.0)),
            ("v(x1.a) - j", C::from(4.0)),
            ("(1 + 1)*abs(3 + 4*j)", C::from(10.0)),
            ("s/pi", C::new(0.0, 4.0)),
        ] {
            let value = Formula::parse(text).and_then(|f| f.value(&At(2.0), 0)).unwrap();
            assert!((value - want).norm() < 1e-12, "{text}: {value}, not {want}");
        }
        for text in ["", "1 +", "(1", "1)", "sin(1, 2)", "frob(1)", "x", "1e"] {
            assert!(Formula::parse(text).is_err(), "{text}");
        }
        assert!(Formula::parse("v(b)").unwrap().value(&At(0.0), 0).is_err());
    }
}
