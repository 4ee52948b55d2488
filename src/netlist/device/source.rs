use std::f64::consts::PI;

use super::{Arg, Args, Element, Field, Kind, Own, Path, View, stamp_branch};
use crate::netlist::{Node, Waveform};
use crate::numerics::dae::{Instant, Stamps};
use crate::numerics::math::{cos, sin};
use crate::units::{Ampere, Dimension, Range, Second, Volt};

/// What a source adds to a small-signal analysis, in the unit of the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AcDrive {
    pub magnitude: f64,
    /// \[degree\]
    pub phase: f64,
}

impl AcDrive {
    fn parts(self) -> [f64; 2] {
        let angle = self.phase * PI / 180.0;
        [self.magnitude * cos(angle), self.magnitude * sin(angle)]
    }
}

/// Holds `p` above `n`: at rest at `dc`, in time at `wave`, or at `dc` where there is none. Its
/// branch current flows from `p` through the source to `n`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VoltageSource {
    pub p: Node,
    pub n: Node,
    /// Where a file leaves it out, `wave` at time 0, or 0.
    pub dc: Volt,
    pub wave: Option<Waveform>,
    pub ac: Option<AcDrive>,
}

const fn fields(dimension: Dimension) -> [Field; 5] {
    [
        Field { key: "p", kind: Kind::Node, about: "where its current enters the source" },
        Field { key: "n", kind: Kind::Node, about: "where its current leaves the source" },
        Field {
            key: "dc",
            kind: Kind::optional(dimension, Range::Any),
            about: "value at rest; where left out, wave at time 0, or 0",
        },
        Field {
            key: "wave",
            kind: Kind::Waveform { dimension },
            about: "value in time; where left out, dc",
        },
        Field {
            key: "ac",
            kind: Kind::AcDrive { dimension },
            about: "its drive in a small-signal analysis; where left out, none",
        },
    ]
}

fn build(args: &mut Args) -> (Node, Node, f64, Option<Waveform>, Option<AcDrive>) {
    let (p, n, dc) = (args.node(), args.node(), args.optional());
    let (wave, ac) = (args.waveform(), args.ac_drive());
    let first = wave.as_ref().map_or(0.0, |wave| wave.at(0.0));
    (p, n, dc.unwrap_or(first), wave, ac)
}

fn args(p: Node, n: Node, dc: f64, wave: &Option<Waveform>, ac: Option<AcDrive>) -> Vec<Arg> {
    let wave = wave.clone().map_or(Arg::Absent, Arg::Waveform);
    vec![Arg::Node(p), Arg::Node(n), Arg::Number(dc), wave, ac.map_or(Arg::Absent, Arg::AcDrive)]
}

fn value(dc: f64, wave: &Option<Waveform>, at: Instant) -> f64 {
    match (at, wave) {
        (Instant::At(_) | Instant::Start, Some(wave)) => wave.at(at.time()),
        _ => dc,
    }
}

fn corners(wave: &Option<Waveform>, until: Second, out: &mut Vec<Second>) {
    if let Some(wave) = wave {
        wave.corners(until, out);
    }
}

impl Element for VoltageSource {
    const SUMMARY: &'static str = "holds p above n, at rest at dc and in time at wave";
    const FIELDS: &'static [Field] = &fields(Dimension::Volt);

    fn build(args: &mut Args) -> Self {
        let (p, n, dc, wave, ac) = build(args);
        VoltageSource { p, n, dc, wave, ac }
    }

    fn args(&self) -> Vec<Arg> {
        args(self.p, self.n, self.dc, &self.wave, self.ac)
    }

    fn own(&self) -> Vec<Own> {
        vec![Own::Current]
    }

    fn paths(&self) -> Vec<Path> {
        vec![Path { from: self.p, to: self.n, forces: true }]
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        stamp_branch(at, out, self.p, self.n, 0);
        let row = at.own(0);
        out.i(row, at.v(self.p) - at.v(self.n) - value(self.dc, &self.wave, at.at));
        out.di(row, at.node(self.p), 1.0);
        out.di(row, at.node(self.n), -1.0);
    }

    fn corners(&self, until: Second, out: &mut Vec<Second>) {
        corners(&self.wave, until, out);
    }

    fn excite(&self, at: &View, b: &mut dyn FnMut(usize, f64, f64)) {
        if let Some([re, im]) = self.ac.map(AcDrive::parts) {
            b(at.own(0), re, im);
        }
    }
}

/// A current from `p` through the source to `n`, as in SPICE: it is drawn from the circuit at `p`
/// and pushed into it at `n`. At rest it is `dc`, in time `wave`, or `dc` where there is none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CurrentSource {
    pub p: Node,
    pub n: Node,
    /// Where a file leaves it out, `wave` at time 0, or 0.
    pub dc: Ampere,
    pub wave: Option<Waveform>,
    pub ac: Option<AcDrive>,
}

impl Element for CurrentSource {
    const SUMMARY: &'static str = "draws a current from p and pushes it into n, dc or in time wave";
    const FIELDS: &'static [Field] = &fields(Dimension::Ampere);

    fn build(args: &mut Args) -> Self {
        let (p, n, dc, wave, ac) = build(args);
        CurrentSource { p, n, dc, wave, ac }
    }

    fn args(&self) -> Vec<Arg> {
        args(self.p, self.n, self.dc, &self.wave, self.ac)
    }

    fn paths(&self) -> Vec<Path> {
        Vec::new()
    }

    fn stamp(&self, at: &View, out: &mut Stamps) {
        let i = value(self.dc, &self.wave, at.at);
        out.i(at.node(self.p), i);
        out.i(at.node(self.n), -i);
    }

    fn corners(&self, until: Second, out: &mut Vec<Second>) {
        corners(&self.wave, until, out);
    }

    fn excite(&self, at: &View, b: &mut dyn FnMut(usize, f64, f64)) {
        if let Some([re, im]) = self.ac.map(AcDrive::parts) {
            b(at.node(self.p), -re, -im);
            b(at.node(self.n), re, im);
        }
    }
}
