//! `[model]`: layers, couplings, and where their weights come from.

use rand_distr::{Distribution, StandardNormal};

use super::reader::TableReader;
use super::weights;
use crate::diag::{Diagnostic, Span};
use crate::model::{Coupling, EnergyModel, Family, Layer, LayerId};
use crate::numerics::seed::Seed;
use crate::numerics::{Activation, Mat, math};
use crate::units::Range;

/// Most units of a layer, and most weights of a coupling: what fits in a few gigabytes.
const MOST_UNITS: u64 = 1 << 20;
const MOST_WEIGHTS: usize = 1 << 27;

/// Which dynamics the network follows.
pub(super) fn family(t: &TableReader) -> Family {
    t.choice("family", &Family::ALL.map(|f| (f.name(), f))).or(Family::Ham)
}

/// Reads the network; `None` if it has mistakes.
pub(super) fn read(t: &TableReader, family: Family, seed: u64) -> Option<EnergyModel> {
    let before = t.reading.count();
    let layers = layers(t);
    let names = Names(layers.iter().map(|l| (l.layer.name.clone(), l.name_span.clone())).collect());
    let clamp = t.text("clamp").needed("clamp = \"input\"");
    let read = t.text("read").needed("read = \"output\"");
    let clamp = clamp.and_then(|name| names.find(t, &name, t.span("clamp")));
    let read = read.and_then(|name| names.find(t, &name, t.span("read")));
    if let (Some(c), Some(r)) = (clamp, read)
        && c == r
    {
        t.report(
            Diagnostic::at(t.span("read"), "the clamped layer cannot be the one that is read")
                .label("clamped as well")
                .also(t.span("clamp"), "clamped here")
                .help("clamp the layer of the inputs, and read the layer of the answers"),
        );
    }
    let mut couplings = couplings(t, &layers, &names, clamp);
    let model = clamp.zip(read).map(|(clamp, read)| {
        let placed = couplings.iter().map(|c| c.coupling.clone()).collect();
        let layers = layers.iter().map(|l| l.layer.clone()).collect();
        EnergyModel { family, layers, couplings: placed, clamp, read }
    });
    let source = t.one_of(&["weights", "init"], Some("init"), "weights = \"weights.safetensors\"");
    if source == Some("weights") {
        let path = t.path("weights").optional()?;
        let mut model = model?;
        let wanted: Vec<(String, Span)> = couplings
            .iter_mut()
            .map(|c| (model.tensor_name(&c.coupling), c.span.clone()))
            .collect();
        let sound = t.reading.count() == before;
        weights::load(t, &path, &mut model, &wanted, sound)?;
        return Some(model);
    }
    let init = t.table("init");
    let scale = init.number("scale", Range::NonNegative).or(1.0);
    let bias = init.number("bias", Range::NonNegative).or(0.0);
    let mut model = model?;
    let scales = couplings.iter().map(|c| scale * c.scale).collect();
    initialise(&mut model, scales, bias, Seed::new(seed).child("init"));
    Some(model)
}

/// Weights uniform in `+-scale sqrt(6 / (pre + post))` (Glorot and Bengio 2010), biases normal with
/// standard deviation `bias`; `scales` holds one a coupling.
fn initialise(model: &mut EnergyModel, scales: Vec<f64>, bias: f64, seed: Seed) {
    let names: Vec<String> = model.couplings.iter().map(|c| model.tensor_name(c)).collect();
    for ((coupling, name), scale) in model.couplings.iter_mut().zip(names).zip(scales) {
        if let Coupling::Bias { value, .. } = coupling
            && bias > 0.0
        {
            let mut rng = seed.child(&name).rng();
            for b in value {
                let z: f64 = StandardNormal.sample(&mut rng);
                *b = bias * z;
            }
            continue;
        }
        if let Coupling::Dense { weight, .. } = coupling {
            let reach = scale * math::sqrt(6.0 / (weight.rows() + weight.cols()) as f64);
            let mut rng = seed.child(&name).rng();
            for w in weight.as_mut_slice() {
                let unit = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
                *w = reach * (2.0 * unit - 1.0);
            }
        }
    }
}

struct SpannedLayer {
    layer: Layer,
    name_span: Span,
}

fn layers(t: &TableReader) -> Vec<SpannedLayer> {
    let tables = t.tables("layers");
    if tables.len() < 2 && !t.is_quiet() {
        t.report(
            Diagnostic::at(t.span("layers"), "a network needs at least two layers")
                .label("layers are missing")
                .help(
                    "write for example `layers = [{ name = \"input\", size = 64, activation = \
                     \"identity\" }, { name = \"output\", size = 10, activation = \"identity\" }]`",
                ),
        );
    }
    let mut layers: Vec<SpannedLayer> = Vec::new();
    for t in tables {
        let name = t.text("name").needed("name = \"hidden\"");
        let size = t.count("size", 1..=MOST_UNITS).needed("size = 32");
        let activations = Activation::ALL.map(|a| (a.name(), a));
        let activation = t.choice("activation", &activations).needed("activation = \"tanh\"");
        let Some(name) = name else { continue };
        let span = t.span("name");
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            || name.is_empty()
        {
            t.report(
                Diagnostic::at(span.clone(), format!("`{name}` cannot be the name of a layer"))
                    .label("not a name")
                    .help("use letters, digits, `-` and `_`: nodes and tensors are named after it"),
            );
        }
        if let Some(first) = layers.iter().find(|l| l.layer.name == name) {
            t.report(
                Diagnostic::at(span.clone(), format!("two layers are named `{name}`"))
                    .label("named again")
                    .also(first.name_span.clone(), "named here first")
                    .help("give each layer its own name"),
            );
            continue;
        }
        if activation == Some(Activation::Softmax) && size == Some(1) {
            t.report(
                Diagnostic::at(t.span("activation"), "softmax over one unit is always 1")
                    .label("a layer of size 1")
                    .help("give the layer at least two units, or another activation"),
            );
        }
        let size = size.unwrap_or(1) as usize;
        let activation = activation.unwrap_or(Activation::Identity);
        layers.push(SpannedLayer { layer: Layer { name, size, activation }, name_span: span });
    }
    layers
}

/// The names of the layers, to be looked up.
struct Names(Vec<(String, Span)>);

impl Names {
    /// The layer of this name; a mistake at `span` if there is none.
    fn find(&self, t: &TableReader, name: &str, span: Span) -> Option<LayerId> {
        let found = self.0.iter().position(|(n, _)| n == name).map(LayerId);
        if found.is_none() && !self.0.is_empty() {
            let names: Vec<&str> = self.0.iter().map(|(n, _)| n.as_str()).collect();
            t.report(
                Diagnostic::at(span, format!("no layer named `{name}`"))
                    .label("unknown layer")
                    .help_names(name, "the layers are", &names),
            );
        }
        found
    }
}

struct SpannedCoupling {
    coupling: Coupling,
    span: Span,
    /// `init-scale`
    scale: f64,
}

fn couplings(
    t: &TableReader,
    layers: &[SpannedLayer],
    names: &Names,
    clamp: Option<LayerId>,
) -> Vec<SpannedCoupling> {
    let tables = t.tables("couplings");
    let all_read = !tables.is_empty() || t.has("couplings");
    let mut couplings: Vec<SpannedCoupling> = Vec::new();
    for t in &tables {
        let example = "{ dense = { between = [\"input\", \"hidden\"] } }";
        let coupling = match t.one_of(&["dense", "bias"], None, example) {
            Some("dense") => dense(&t.table("dense"), layers, names),
            Some("bias") => {
                bias(&t.table("bias"), layers, names, clamp).map(|(c, span)| (c, span, 1.0))
            }
            _ => None,
        };
        let Some((coupling, span, scale)) = coupling else { continue };
        let same = |other: &&SpannedCoupling| joins(&other.coupling) == joins(&coupling);
        if let Some(first) = couplings.iter().find(same) {
            let (what, help) = match &coupling {
                Coupling::Dense { .. } => (
                    "these layers are coupled",
                    "keep one of them: a dense coupling works in both directions",
                ),
                Coupling::Bias { .. } => ("this layer is given a bias", "keep one of them"),
            };
            t.report(
                Diagnostic::at(span.clone(), format!("{what} twice"))
                    .label("given again")
                    .also(first.span.clone(), "given here first")
                    .help(help),
            );
            continue;
        }
        couplings.push(SpannedCoupling { coupling, span, scale });
    }
    if couplings.len() == tables.len() && layers.len() >= 2 {
        uncoupled(t, layers, &couplings, all_read);
    }
    couplings
}

/// Layers in an order that does not depend on which way round a coupling is written.
fn joins(coupling: &Coupling) -> (LayerId, LayerId) {
    match coupling {
        Coupling::Dense { pre, post, .. } => (*pre.min(post), *pre.max(post)),
        Coupling::Bias { on, .. } => (*on, *on),
    }
}

fn dense(t: &TableReader, layers: &[SpannedLayer], names: &Names) -> Option<(Coupling, Span, f64)> {
    let example = "between = [\"input\", \"hidden\"]";
    let scale = t.number("init-scale", Range::NonNegative).optional().unwrap_or(1.0);
    let between = t.texts("between", example).needed(example)?;
    let span = t.span("between");
    let [(pre_name, pre_span), (post_name, post_span)] = between.as_slice() else {
        t.report(
            Diagnostic::at(span, format!("`between` names {} layers, expected 2", between.len()))
                .label("expected two layers")
                .help(format!("write for example `{example}`")),
        );
        return None;
    };
    let pre = names.find(t, pre_name, pre_span.clone());
    let post = names.find(t, post_name, post_span.clone());
    let (pre, post) = (pre?, post?);
    if pre == post {
        t.report(
            Diagnostic::at(post_span.clone(), format!("`{post_name}` is coupled to itself"))
                .label("the same layer")
                .help("a dense coupling joins two layers"),
        );
        return None;
    }
    let [rows, cols] = [post, pre].map(|l| layers[l.0].layer.size);
    if rows.saturating_mul(cols) > MOST_WEIGHTS {
        t.report(
            Diagnostic::at(span, format!("a coupling of {cols} x {rows} weights is too large"))
                .label(format!("{} weights", rows.saturating_mul(cols)))
                .help(format!("at most {MOST_WEIGHTS} fit; make one of the layers smaller")),
        );
        return None;
    }
    Some((Coupling::Dense { pre, post, weight: Mat::zeros(rows, cols) }, span, scale))
}

fn bias(
    t: &TableReader,
    layers: &[SpannedLayer],
    names: &Names,
    clamp: Option<LayerId>,
) -> Option<(Coupling, Span)> {
    let name = t.text("on").needed("on = \"hidden\"")?;
    let span = t.span("on");
    let on = names.find(t, &name, span.clone())?;
    if Some(on) == clamp {
        t.report(
            Diagnostic::at(span, "a bias on the clamped layer does nothing")
                .label("this layer never moves")
                .help("drop this coupling"),
        );
        return None;
    }
    Some((Coupling::Bias { on, value: vec![0.0; layers[on.0].layer.size] }, span))
}

fn uncoupled(t: &TableReader, layers: &[SpannedLayer], couplings: &[SpannedCoupling], any: bool) {
    let example = "couplings = [{ dense = { between = [\"input\", \"output\"] } }]";
    if !any || couplings.is_empty() {
        t.report(
            Diagnostic::at(t.span("couplings"), "nothing couples the layers")
                .label("couplings are missing")
                .help(format!("write for example `{example}`")),
        );
        return;
    }
    for (l, layer) in layers.iter().enumerate() {
        let touches = |c: &SpannedCoupling| {
            let (a, b) = joins(&c.coupling);
            a != b && (a.0 == l || b.0 == l)
        };
        if !couplings.iter().any(touches) {
            let name = &layer.layer.name;
            t.report(
                Diagnostic::at(
                    layer.name_span.clone(),
                    format!("layer `{name}` is coupled to no other"),
                )
                .label("stands alone")
                .help(format!(
                    "add a coupling such as `{{ dense = {{ between = [\"{name}\", \"...\"] }} }}`, \
                     or drop the layer"
                )),
            );
        }
    }
}
