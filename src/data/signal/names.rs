//! Which column a name means.

use crate::data::DataFault;
use crate::data::waves::{Column, Waves};
use crate::diag::did_you_mean;

/// No more names are listed than this.
const MOST_NAMES: usize = 40;

/// The column of a name as ngspice allows it: in full, as a bare node, as a branch.
pub(super) fn find<'a>(waves: &'a Waves, name: &str) -> Option<&'a Column> {
    let bare = |name: &str| {
        waves.column(name).or_else(|| waves.column(&format!("v({name})"))).or_else(|| {
            let branch = name.len().checked_sub("#branch".len())?;
            let element = name.get(..branch)?;
            name[branch..].eq_ignore_ascii_case("#branch").then_some(())?;
            waves.column(&format!("i({element})"))
        })
    };
    bare(name).or_else(|| {
        let (kind, inner) = name.strip_suffix(')')?.split_once('(')?;
        let inner = inner.trim().trim_matches('"');
        match kind.trim().to_ascii_lowercase().as_str() {
            "v" => waves.column(&format!("v({inner})")).or_else(|| waves.column(inner)),
            "i" => [format!("i({inner})"), format!("{inner}#branch"), format!("i(@{inner}[i])")]
                .iter()
                .find_map(|name| waves.column(name)),
            _ => None,
        }
    })
}

/// The longest column name that a text starts with, up to a place where a name may end.
pub(super) fn starting<'a>(waves: &'a Waves, text: &str) -> Option<&'a Column> {
    let ends =
        |rest: &str| rest.chars().next().is_none_or(|c| c.is_whitespace() || "+-*/),".contains(c));
    waves
        .columns
        .iter()
        .filter(|column| !column.name.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
        .filter(|column| {
            let n = column.name.len();
            n > 0
                && text.get(..n).is_some_and(|start| start.eq_ignore_ascii_case(&column.name))
                && ends(&text[n..])
        })
        .max_by_key(|column| column.name.len())
}

/// What to say of a name that is not there.
pub(super) fn unknown(waves: &Waves, name: &str) -> DataFault {
    let names: Vec<&str> = waves.columns.iter().map(|c| c.name.as_str()).collect();
    let inner: Vec<&str> = names
        .iter()
        .map(|n| n.strip_suffix(')').and_then(|n| n.split_once('(')).map_or(*n, |(_, n)| n))
        .collect();
    let near = did_you_mean(name, &names)
        .or_else(|| {
            let near = did_you_mean(name, &inner)?;
            inner.iter().position(|n| *n == near).map(|i| names[i])
        })
        .map(|near| format!("did you mean `{near}`? "))
        .unwrap_or_default();
    let more = match names.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let listed = names[..names.len().min(MOST_NAMES)].join(", ");
    DataFault::whole(
        format!("no signal named `{name}` in this plot"),
        format!("{near}there are: {listed}{more}"),
    )
}
