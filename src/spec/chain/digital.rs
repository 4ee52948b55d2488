//! The layers of a digital block.

use super::super::reader::TableReader;
use super::{Made, follow};
use crate::model::{HostActivation, HostLayer};
use crate::units::Range;

const LAYERS: [&str; 8] = [
    "conv",
    "linear",
    "batch-norm",
    "max-pool",
    "average-pool",
    "activation",
    "flatten",
    "dropout",
];
const EXAMPLE: &str = "{ conv = { channels = 32, kernel = 3, padding = 1 } }";
pub(super) const MOST_UNITS: u64 = 1 << 20;

/// Reads `digital`; `None` if it has mistakes.
pub(super) fn read(
    t: &TableReader,
    block: &str,
    made: &mut Option<Made>,
) -> Option<Vec<HostLayer>> {
    let mut layers = Vec::new();
    let mut whole = true;
    for (place, t) in t.tables("layers").into_iter().enumerate() {
        let Some(layer) = layer(&t) else {
            (*made, whole) = (None, false);
            continue;
        };
        let by = format!("layer {place} of `{block}`, {}", layer.name());
        whole &= made.is_none() || follow(&t, made, by, |shape| layer.output(shape)).is_some();
        layers.push(layer);
    }
    whole.then_some(layers)
}

fn layer(t: &TableReader) -> Option<HostLayer> {
    let key = t.one_of(&LAYERS, None, EXAMPLE)?;
    if key == "activation" {
        let all = HostActivation::ALL.map(|a| (a.name(), a));
        return t.choice("activation", &all).optional().map(HostLayer::Activation);
    }
    let t = t.table(key);
    let side = |key, default: u64| t.count(key, 1..=1 << 12).or(default) as usize;
    Some(match key {
        "conv" => {
            let channels = t.count("channels", 1..=MOST_UNITS).needed("channels = 32");
            HostLayer::Conv {
                kernel: side("kernel", 3),
                stride: side("stride", 1),
                padding: t.count("padding", 0..=1 << 12).or(0) as usize,
                bias: t.flag("bias").or(true),
                channels: channels? as usize,
            }
        }
        "linear" => {
            let size = t.count("size", 1..=MOST_UNITS).needed("size = 10");
            HostLayer::Linear { bias: t.flag("bias").or(true), size: size? as usize }
        }
        "batch-norm" => HostLayer::BatchNorm {
            affine: t.flag("affine").or(true),
            momentum: t.number("momentum", Range::Fraction).or(0.1),
            epsilon: t.number("epsilon", Range::Positive).or(1e-5),
        },
        "max-pool" | "average-pool" => {
            let size = side("size", 2);
            let stride = side("stride", size as u64);
            match key {
                "max-pool" => HostLayer::MaxPool { size, stride },
                _ => HostLayer::AveragePool { size, stride },
            }
        }
        "flatten" => HostLayer::Flatten,
        _ => HostLayer::Dropout { rate: t.number("rate", Range::FractionBelowOne).or(0.5) },
    })
}
