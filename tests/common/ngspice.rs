//! ngspice as an independent simulator of the same deck.

use std::fs;
use std::process::Command;

/// What ngspice found: one vector a node or branch, one value a point.
pub struct Plot {
    /// `v(node)`, `i(source)` or `time`; the imaginary part of a complex one follows it as
    /// `v(node).im`.
    pub names: Vec<String>,
    /// `[points][vectors]`
    pub points: Vec<Vec<f64>>,
}

impl Plot {
    /// The values of a vector, one a point.
    pub fn vector(&self, name: &str) -> Vec<f64> {
        let k = self.names.iter().position(|n| n == name);
        let k = k.unwrap_or_else(|| panic!("ngspice saved no `{name}`"));
        self.points.iter().map(|point| point[k]).collect()
    }
}

/// Whether ngspice can be run here. Where it is missing the caller's test is skipped, aloud,
/// unless `EQCIRCUIT_REQUIRE_NGSPICE=1` makes that a failure.
pub fn is_here() -> bool {
    let found = Command::new("ngspice").arg("--version").output();
    if found.is_ok_and(|out| out.status.success()) {
        return true;
    }
    let required = std::env::var("EQCIRCUIT_REQUIRE_NGSPICE").is_ok_and(|v| v == "1");
    assert!(!required, "EQCIRCUIT_REQUIRE_NGSPICE=1, but ngspice cannot be run");
    eprintln!("SKIPPED: ngspice is not installed, so nothing was compared with it");
    false
}

/// Runs a deck of one analysis in batch mode.
///
/// # Panics
/// If ngspice leaves no results; its own words are in the message.
pub fn run(deck: &str) -> Plot {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("deck.cir"), folder.path().join("out.raw"));
    fs::write(&input, deck).unwrap();
    let job = Command::new("ngspice")
        .arg("-b")
        .arg("-r")
        .arg(&output)
        .arg(&input)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&job.stdout) + String::from_utf8_lossy(&job.stderr);
    let raw = fs::read(&output).unwrap_or_default();
    assert!(job.status.success() && !raw.is_empty(), "ngspice failed:\n{said}");
    read_raw(&raw)
}

/// Reads the first plot of a raw file: text lines up to `Binary:`, then doubles, point by point.
fn read_raw(raw: &[u8]) -> Plot {
    let mark = b"Binary:\n";
    let end = raw.windows(mark.len()).position(|w| w == mark).expect("a binary raw file");
    let header = std::str::from_utf8(&raw[..end]).unwrap();
    let count = |key: &str| -> usize {
        let line = header.lines().find_map(|l| l.strip_prefix(key)).unwrap();
        line.trim().parse().unwrap()
    };
    let (vectors, points) = (count("No. Variables:"), count("No. Points:"));
    let list = header.lines().skip_while(|l| l.trim() != "Variables:").skip(1);
    let names: Vec<String> =
        list.map(|l| l.split_whitespace().nth(1).unwrap().to_string()).collect();
    assert_eq!(names.len(), vectors);
    let complex = header.lines().any(|l| l.starts_with("Flags:") && l.contains("complex"));
    let names: Vec<String> = match complex {
        true => names.iter().flat_map(|n| [n.clone(), format!("{n}.im")]).collect(),
        false => names,
    };
    let vectors = names.len();
    let values: Vec<f64> = raw[end + mark.len()..]
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect();
    assert!(points > 0 && values.len() >= points * vectors, "ngspice's results are cut short");
    let points = values.chunks_exact(vectors).take(points).map(<[f64]>::to_vec).collect();
    Plot { names, points }
}
