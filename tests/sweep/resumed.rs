//! What a sweep that is taken up again, or merged, must find as it left it.

use super::*;
use eqcircuit::run::{Shard, merge};

/// What a sweep is not gone on with for; its folder is as it was then.
fn refused(path: &Path, out: &Path) -> String {
    let before = results(out);
    let spec = load(path, &[], &Library::beside(path)).unwrap_or_else(|report| panic!("{report}"));
    let error = sweep(&spec, &options(out, 1, Manner::Resume)).unwrap_err();
    assert_eq!(results(out), before);
    error.to_string()
}

/// A sweep over a preset of the file's own.
const TECHNOLOGY: &str = "[sweep]\n[sweep.axes]\n\"nonideal.preset\" = [\"own\", \"ideal\"]\n";

fn preset(sigma: f64) -> String {
    let number = format!("{{ value = {sigma}, cite = \"this test\", confidence = \"low\" }}");
    format!("about = \"a preset\"\n[programming]\nsigma = {number}\n")
}

#[test]
fn other_files_are_another_sweep() {
    let (folder, path) = workplace(TECHNOLOGY);
    let own = folder.path().join("circuits/preset/own.toml");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, preset(0.1)).unwrap();
    let beside = || load(&path, &[], &Library::beside(&path)).unwrap();
    let out = folder.path().join("out");
    sweep(&beside(), &options(&out, 1, Manner::Fresh)).unwrap();
    let told = fs::read_to_string(out.join("files.sha256")).unwrap();
    let names: Vec<&str> = told.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(names, ["../inputs.csv", "../circuits/preset/own.toml"]);
    let shard = |index| {
        let shard = Some(Shard { index, of: 2 });
        let options = Options { shard, ..options(&folder.path().join("parts"), 1, Manner::Fresh) };
        sweep(&beside(), &options).unwrap().folder
    };
    let first = shard(1);

    fs::write(&own, preset(0.3)).unwrap();
    let text = refused(&path, &out);
    assert!(text.contains("own.toml` was another file there"), "{text}");
    let parts = [first, shard(2)];
    let merged = options(&folder.path().join("merged"), 1, Manner::Fresh);
    let text = merge(&parts, &merged).unwrap_err().to_string();
    assert!(text.contains("did not read the same files") && text.contains("own.toml"), "{text}");

    fs::write(&own, preset(0.1)).unwrap();
    sweep(&beside(), &options(&out, 1, Manner::Resume)).unwrap();
    let inputs = folder.path().join("inputs.csv");
    let text = fs::read_to_string(&inputs).unwrap();
    fs::write(&inputs, text.replacen("0.5", "0.25", 1)).unwrap();
    let text = refused(&path, &out);
    assert!(text.contains("inputs.csv` was another file there"), "{text}");
    // Folders from before there were digests are gone on with.
    fs::remove_file(out.join("files.sha256")).unwrap();
    sweep(&beside(), &options(&out, 1, Manner::Resume)).unwrap();
}
