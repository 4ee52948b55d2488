//! What is to be searched along each key, and what of it makes no sense.

use super::search::Values;
use super::{MarginAsk, MarginError, MarginKey, edits, text};
use crate::run::figure_names;
use crate::spec::{Fidelity, Library, Spec, Subject, Verb, gives, load};

/// A key and how it is searched.
pub(super) struct Plan<'a> {
    pub key: &'a MarginKey,
    pub values: Values,
    /// Whether the file itself is without the effect; else the key at 0 is.
    pub file_is_without: bool,
}

/// The file, and a plan for each key.
///
/// # Errors
/// What is wrong in the file or in a key: nothing was begun.
pub(super) fn plans<'a>(
    ask: &'a MarginAsk,
    library: &Library,
) -> Result<(Spec, Vec<Plan<'a>>), MarginError> {
    for key in &ask.keys {
        load(&ask.file, &edits(ask, key, key.most, None), library).map_err(MarginError::File)?;
    }
    let spec = load(&ask.file, &ask.edits, library).map_err(MarginError::File)?;
    let verb = if ask.trains { Verb::Train } else { Verb::Simulate };
    let known = figure_names(verb, &spec.expect);
    if !known.contains(&ask.metric) {
        let (metric, known) = (ask.metric.clone(), known.join(", "));
        return Err(MarginError::UnknownMetric { metric, verb, known });
    }
    for (i, key) in ask.keys.iter().enumerate() {
        if ask.keys[..i].iter().any(|other| other.key == key.key) {
            return Err(MarginError::Twice { key: key.key.clone() });
        }
        if is_idle(&spec, &key.key) {
            return Err(MarginError::Idle { key: key.key.clone() });
        }
    }
    let plans = ask.keys.iter().map(|key| plan(ask, &spec, key, library));
    let plans = plans.collect::<Result<_, _>>()?;
    Ok((spec, plans))
}

/// Whether a key is of the chip, and the engine has none.
fn is_idle(spec: &Spec, key: &str) -> bool {
    let of_chip = key.starts_with("nonideal.") || key.starts_with("hardware.");
    let network = matches!(spec.subject, Subject::Network { .. });
    network && of_chip && spec.simulate.engine == Fidelity::Ideal
}

fn plan<'a>(
    ask: &'a MarginAsk,
    spec: &Spec,
    key: &'a MarginKey,
    library: &Library,
) -> Result<Plan<'a>, MarginError> {
    let read = |value: f64| load(&ask.file, &edits(ask, key, value, None), library);
    let most = key.most;
    let takes = |value: f64| read(value).is_ok();
    let next = || takes(most - 1.0) || takes(most + 1.0);
    let whole = most.fract() == 0.0 && !takes(most - 0.5) && next();
    let (least, file_is_without) = match read(0.0) {
        Ok(zero) => {
            let same = |a: &Spec, b: &Spec| a.subject == b.subject && a.simulate == b.simulate;
            (0.0, same(&zero, spec) && zero.train == spec.train)
        }
        Err(_) if gives(&ask.file, &ask.edits, &key.key) => {
            return Err(MarginError::NoReference { key: key.key.clone() });
        }
        Err(_) if whole => {
            let mut below = most;
            while takes(below - 1.0) && below > most - MOST_STEPS {
                below -= 1.0;
            }
            (below, true)
        }
        Err(_) => {
            let least = Values::above_zero(most);
            read(least).map_err(|_| MarginError::NoValues {
                key: key.key.clone(),
                value: text(key, least),
            })?;
            (least, true)
        }
    };
    Ok(Plan { key, values: Values { least, most, whole }, file_is_without })
}

/// Most whole numbers below the largest that are looked at.
const MOST_STEPS: f64 = 1024.0;
