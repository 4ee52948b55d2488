//! An expression as text.

use super::functions::{Binary, Unary};
use super::{Dialect, Expression, Op};

/// How tightly a text binds, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Choice,
    Any,
    All,
    Compared,
    Sum,
    Product,
    Signed,
    Power,
    Whole,
}

impl<L> Expression<L> {
    /// The expression in a dialect, each leaf as `name` writes it. In the home dialect it reads
    /// back as an expression of the same values to the bit.
    pub fn text(&self, dialect: Dialect, name: &dyn Fn(&L) -> String) -> String {
        let mut texts: Vec<(Rank, String)> = Vec::with_capacity(self.ops.len());
        let uses = self.uses();
        for op in &self.ops {
            let text = match op {
                // A long sum grows in place.
                Op::Binary(f, a, b) if uses[*a] == 1 && rank(*f) == Some(texts[*a].0) => {
                    let (rank, mut text) = (texts[*a].0, std::mem::take(&mut texts[*a].1));
                    text.push_str(&format!(" {} ", f.word()));
                    text.push_str(&at_least(&texts, *b, rank.right()));
                    (rank, text)
                }
                _ => self.op(op, &texts, dialect, name),
            };
            texts.push(text);
        }
        texts.pop().map_or_else(String::new, |(_, text)| text)
    }

    /// How often each operation is an operand.
    fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.ops.len()];
        for op in &self.ops {
            match op {
                Op::Number(_) | Op::Leaf(_) => {}
                Op::Unary(_, a) | Op::Table(a, _) => uses[*a] += 1,
                Op::Binary(_, a, b) => [a, b].into_iter().for_each(|k| uses[*k] += 1),
                Op::Choose(c, a, b) => [c, a, b].into_iter().for_each(|k| uses[*k] += 1),
            }
        }
        uses
    }

    fn op(
        &self,
        op: &Op,
        texts: &[(Rank, String)],
        dialect: Dialect,
        name: &dyn Fn(&L) -> String,
    ) -> (Rank, String) {
        let at_least = |k: usize, rank: Rank| at_least(texts, k, rank);
        let plain = |k: usize| texts[k].1.as_str();
        match op {
            Op::Number(value) if value.is_sign_negative() => (Rank::Signed, format!("{value:?}")),
            Op::Number(value) => (Rank::Whole, format!("{value:?}")),
            Op::Leaf(k) => (Rank::Whole, name(&self.leaves[*k])),
            Op::Unary(f @ (Unary::Negative | Unary::Not), a) => {
                (Rank::Signed, format!("{}{}", f.word(), at_least(*a, Rank::Signed)))
            }
            Op::Unary(f, a) => (Rank::Whole, format!("{}({})", f.word(), plain(*a))),
            Op::Binary(Binary::Power, a, b) => self.power(*a, *b, dialect, &at_least, &plain),
            Op::Binary(f, a, b) => {
                let called = |word: &str| format!("{word}({}, {})", plain(*a), plain(*b));
                let Some(rank) = rank(*f) else {
                    return match (f, dialect) {
                        // ngspice has no such function.
                        (Binary::Hypot, Dialect::Spice) => {
                            let [x, y] = [plain(*a), plain(*b)];
                            (Rank::Whole, format!("sqrt(({x}) * ({x}) + ({y}) * ({y}))"))
                        }
                        // In the home dialect `pow` is a power.
                        (Binary::AbsolutePower, Dialect::Home) => (
                            Rank::Power,
                            format!("abs({})^{}", plain(*a), at_least(*b, Rank::Whole)),
                        ),
                        _ => (Rank::Whole, called(f.word())),
                    };
                };
                let (a, b) = (at_least(*a, rank), at_least(*b, rank.right()));
                (rank, format!("{a} {} {b}", f.word()))
            }
            Op::Choose(c, a, b) => {
                let [c, a, b] = [c, a, b].map(|k| at_least(*k, Rank::Any));
                (Rank::Choice, format!("{c} ? {a} : {b}"))
            }
            Op::Table(a, points) => {
                let ends = (points.first(), points.last());
                let within = match (dialect, ends) {
                    // SPICE's goes on beyond its ends.
                    (Dialect::Spice, (Some((first, _)), Some((last, _)))) if first < last => {
                        format!("min(max({}, {first:?}), {last:?})", plain(*a))
                    }
                    _ => plain(*a).to_owned(),
                };
                let points: String =
                    points.iter().map(|(x, y)| format!(", {x:?}, {y:?}")).collect();
                (Rank::Whole, format!("pwl({within}{points})"))
            }
        }
    }

    /// `x^y`; SPICE's own is `|x|^y`, so there an odd whole exponent takes the sign of the base
    /// along.
    fn power<'t>(
        &self,
        a: usize,
        b: usize,
        dialect: Dialect,
        at_least: &dyn Fn(usize, Rank) -> String,
        plain: &dyn Fn(usize) -> &'t str,
    ) -> (Rank, String) {
        if dialect == Dialect::Home {
            let text = format!("{}^{}", at_least(a, Rank::Whole), at_least(b, Rank::Whole));
            return (Rank::Power, text);
        }
        let odd = matches!(self.ops[b], Op::Number(y) if (y % 2.0).abs() == 1.0);
        let word = if odd { "pwr" } else { "pow" };
        (Rank::Whole, format!("{word}({}, {})", plain(a), plain(b)))
    }
}

impl Rank {
    /// How tightly what stands to the right of such an operator must bind.
    fn right(self) -> Rank {
        match self {
            Rank::Sum => Rank::Product,
            Rank::Product => Rank::Power,
            _ => Rank::Sum,
        }
    }
}

/// The text of an operand, in parentheses where it binds less tightly than this.
fn at_least(texts: &[(Rank, String)], k: usize, rank: Rank) -> String {
    let (own, text) = &texts[k];
    if *own < rank { format!("({text})") } else { text.clone() }
}

fn rank(f: Binary) -> Option<Rank> {
    Some(match f {
        Binary::Add | Binary::Subtract => Rank::Sum,
        Binary::Multiply | Binary::Divide => Rank::Product,
        Binary::Less
        | Binary::LessEqual
        | Binary::Greater
        | Binary::GreaterEqual
        | Binary::Equal
        | Binary::Unequal => Rank::Compared,
        Binary::And => Rank::All,
        Binary::Or => Rank::Any,
        _ => return None,
    })
}
