use std::path::Path;

use clap::ValueEnum;

use super::arguments::Edits;
use super::terminal::Terminal;
use super::{DONE, Failure, conductances};
use crate::compile::{Chip, KernelCosts, expand, kernel_costs};
use crate::learn;
use crate::netlist::text::{spice, toml};
use crate::netlist::{Device, Netlist, Ports};
use crate::numerics::{dae::Dae, seed::Seed};
use crate::run::{chip, replace_file};
use crate::spec::{Analysis, BlockKind, Chain, ChainBlock, Spec, Subject, directives};

/// The language of a netlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The home format, which every verb reads.
    Toml,
    /// SPICE, with the first input applied; runs in ngspice.
    Spice,
}

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Into<'a> {
    pub netlist: Option<&'a Path>,
    pub format: Format,
    pub conductances: Option<&'a Path>,
}

pub(super) fn run(
    file: &Path,
    Into { netlist: output, format, conductances }: Into,
    edits: &Edits,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let same = |a: &Path, b: &Path| {
        a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a))
    };
    if output.is_some_and(|output| same(output, file)) {
        return Err(Failure::input(
            "the netlist would replace the file it is made from: name another file with -o",
        ));
    }
    let spec = edits.load(file)?;
    if let Subject::Chain(chain) = &spec.subject {
        if conductances.is_some() {
            return Err(Failure::input(
                "the conductances of a chain are in the chip.safetensors that its training writes",
            ));
        }
        return kernels(&spec, chain, output, format, terminal);
    }
    if terminal.json && output.is_none() {
        return Err(Failure::input(
            "--json puts the compile report on standard output: name a file for the netlist with \
             -o OUT",
        ));
    }
    let (netlist, ports, chip) = netlist(&spec);
    let summary = chip.as_ref().map(|chip| chip.fabric.summary());
    let matrices = match conductances {
        Some(path) => conductances::write(path, &conductances::of(chip.as_ref(), &netlist))?,
        None => Vec::new(),
    };
    let netlist = netlist.flat();
    let text = match format {
        Format::Toml => home_text(&spec, &netlist, ports.as_ref(), output)?,
        Format::Spice => spice_text(&spec, netlist, ports.as_ref()),
    };
    match output {
        Some(path) => write(path, &text)?,
        // Who asks for the numbers has them.
        None if conductances.is_some() => {}
        None => terminal.data(text.as_bytes())?,
    }
    for file in &matrices {
        terminal.say(&format!("conductances in {}", file.display()));
    }
    if let Some(summary) = &summary {
        terminal.say(summary.to_string().trim_end());
    }
    if let Some(path) = output {
        terminal.say(&format!("netlist in {}", path.display()));
    }
    if terminal.json {
        terminal.document(&summary)?;
    }
    Ok(DONE)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    // A pipe or a device stays what it is.
    let written = match path.exists() && !path.is_file() {
        true => std::fs::write(path, text),
        false => replace_file(path, text.as_bytes()),
    };
    written.map_err(|error| Failure::input(format!("cannot write `{}`: {error}", path.display())))
}

/// The devices of a file: those it lists, or those of the chip that its network is put on, and
/// then that chip.
fn netlist(spec: &Spec) -> (Netlist, Option<Ports>, Option<Chip>) {
    match &spec.subject {
        Subject::Network { model, hardware, nonideal } => {
            let chip = chip(model, hardware, nonideal, spec.chip_seed);
            let (netlist, ports) = expand(&chip);
            (netlist, Some(ports), Some(chip))
        }
        Subject::Chain(_) => unreachable!("a chain has no netlist"),
        Subject::Devices { netlist, ports } => ((**netlist).clone(), ports.clone(), None),
    }
}

/// What the kernels of a chain's analog blocks cost on arrays; into a file, the netlist of the block
/// that is a circuit.
fn kernels(
    spec: &Spec,
    chain: &Chain,
    output: Option<&Path>,
    format: Format,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let of = |block: &ChainBlock| match &block.kind {
        BlockKind::Analog(analog) => kernel_costs(&block.name, &analog.model),
        BlockKind::Digital(_) => Vec::new(),
    };
    let costs = KernelCosts(chain.blocks.iter().flat_map(of).collect());
    // As training begins, on the same chip.
    let [init, chip] = [(spec.seed, "init"), (spec.chip_seed, "chip")]
        .map(|(seed, place)| Seed::new(seed).child(place));
    let has_circuits = chain.engine_words() == "circuit";
    let made = has_circuits.then(|| learn::Chain::<f64>::new(chain, init, chip));
    let blocks = made.iter().flat_map(learn::Chain::analog);
    let circuits = blocks.filter_map(|(name, block)| Some((name, block.netlist()?)));
    let circuits: Vec<(&str, &Netlist)> = circuits.collect();
    if let Some(path) = output {
        let [(_, netlist)] = circuits[..] else {
            return Err(Failure::input(format!(
                "a netlist is of one block with `engine = \"circuit\"`, and this chain has {}. Without \
                 -o, `compile` says what its kernels cost",
                circuits.len()
            )));
        };
        let text = match format {
            Format::Toml => home_text(spec, netlist, None, output)?,
            Format::Spice => spice_text(spec, netlist.clone(), None),
        };
        write(path, &text)?;
    }
    match terminal.json {
        true => terminal.document(&costs)?,
        false => terminal.data(format!("{costs}\n").as_bytes())?,
    }
    for (name, netlist) in circuits {
        terminal.say(&format!(
            "`{name}` is a circuit of {} devices and {} unknowns",
            netlist.devices().len(),
            netlist.dim()
        ));
    }
    if let Some(path) = output {
        terminal.say(&format!("netlist in {}", path.display()));
    }
    Ok(DONE)
}

/// What a compiled file has of the one it was made from.
const KEPT: [&str; 9] =
    ["title", "seed", "simulate", "analysis", "solving", "initial", "guess", "measure", "expect"];

/// The netlist as a file of its own, with the title, seed, and what is asked of the one it was
/// made from.
fn home_text(
    spec: &Spec,
    netlist: &Netlist,
    ports: Option<&Ports>,
    output: Option<&Path>,
) -> Result<String, Failure> {
    let parent = output.and_then(Path::parent).filter(|parent| !parent.as_os_str().is_empty());
    let folder = parent.unwrap_or(Path::new("."));
    let resolved = spec.resolved_for(folder).parse::<::toml::Table>();
    let mut resolved =
        resolved.map_err(|error| Failure::input(format!("cannot compile: {error}")))?;
    // What a chain is expected to do is not asked of the circuit of one block.
    let of_chain = matches!(spec.subject, Subject::Chain(_));
    resolved.retain(|key, _| KEPT.contains(&key) && !(of_chain && key == "expect"));
    // A title of its own, so that its report does not replace that of the network.
    resolved.insert("title".into(), format!("{}-compiled", spec.title).into());
    if let Some(::toml::Value::Table(simulate)) = resolved.get_mut("simulate") {
        simulate.insert("engine".into(), "circuit".into());
        simulate.insert("precision".into(), "f64".into());
    }
    let split = |key: &str| matches!(key, "title" | "seed");
    let (head, tail): (::toml::Table, ::toml::Table) =
        resolved.into_iter().partition(|(key, _)| split(key));
    let origin = spec.path.display();
    Ok(format!(
        "# Compiled from {origin} by eqcircuit {}.\n{head}\n{}\n{tail}",
        env!("CARGO_PKG_VERSION"),
        toml(netlist, ports),
    ))
}

/// The netlist for ngspice, the first sample of the inputs applied to a network's clamped layer.
fn spice_text(spec: &Spec, mut netlist: Netlist, ports: Option<&Ports>) -> String {
    if let (Some(ports), Some(inputs)) = (ports, &spec.simulate.inputs) {
        let mut xhat = vec![0.0; inputs.inputs.cols()];
        ports.clamp.activation.row(inputs.inputs.row(0), &mut xhat);
        for (sources, xhat) in ports.clamp.sources.iter().zip(xhat) {
            for (source, sign) in sources.iter().zip([1.0, -1.0]) {
                if let Device::VoltageSource(source) = netlist.device_mut(*source) {
                    source.dc = sign * ports.v_unit * xhat;
                }
            }
        }
    }
    let title = format!("{}, compiled by eqcircuit {}", spec.title, env!("CARGO_PKG_VERSION"));
    if let Some(study) = &spec.study {
        netlist.temperature = study.solving.temperature;
        return spice(&netlist, &title, &directives(&netlist, study));
    }
    let directive = match spec.simulate.analysis {
        Analysis::Op => ".op".to_owned(),
        Analysis::Tran => {
            let (until, points) = (spec.simulate.at_most, spec.simulate.points);
            format!(".tran {:e} {until:e} uic", until / points as f64)
        }
    };
    spice(&netlist, &title, &[directive])
}
