//! Inputs as pictures beside the outputs they led to.

use super::figure::{Body, Exhibit, Figure, Gallery};
use super::records::Records;
use crate::run::record::SubjectRecord;

/// Most samples shown.
const SHOWN: usize = 12;

/// The first samples.
pub fn figures(records: &Records) -> Vec<Figure> {
    samples(records).into_iter().collect()
}

fn samples(records: &Records) -> Option<Figure> {
    let SubjectRecord::Network(network) = &records.run.subject else { return None };
    let inputs = records.trace.get("inputs")?;
    let [kept, size] = inputs.shape[..] else { return None };
    let shown = kept.min(SHOWN).min(records.samples.len());
    let width = match network.picture {
        Some((height, width)) if height * width == size => width,
        _ => size,
    };
    let exhibits: Vec<Exhibit> = records
        .samples
        .iter()
        .zip(inputs.data.chunks_exact(size))
        .take(shown)
        .map(|(sample, input)| Exhibit {
            sample: sample.sample,
            picture: input.chunks(width).map(<[f64]>::to_vec).collect(),
            outputs: sample.outputs.clone(),
            prediction: sample.prediction,
            label: sample.label,
            trouble: (sample.outcome != "settled").then(|| sample.outcome.clone()),
        })
        .collect();
    if exhibits.is_empty() {
        return None;
    }
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values
            .filter(|v| v.is_finite())
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| [low.min(v), high.max(v)])
    };
    let ink = range(&mut exhibits.iter().flat_map(|e| e.picture.iter().flatten().copied()));
    let [low, high] = range(&mut exhibits.iter().flat_map(|e| e.outputs.iter().filter_map(|v| *v)));
    let read = &network.layers[network.read];
    Some(Figure {
        name: "samples",
        title: "Inputs and outputs".into(),
        caption: format!(
            "The first {shown} samples: the clamped input in grey, and the activations of `{}` \
             once settled. The dark bar is the prediction, the ring beneath marks the label.",
            read.name
        ),
        body: Body::Gallery(Gallery {
            ink,
            outputs: [low.min(0.0), high.max(0.0)],
            axis: format!("bars: activation of {} (dimensionless)", read.name),
            exhibits,
        }),
    })
}
