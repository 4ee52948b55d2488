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

#[test]
fn a_folder_without_its_settings_is_left_as_it_is() {
    let (folder, path) = workplace(NOISE);
    let out = folder.path().join("out");
    run(&path, &out, 2, Manner::Fresh);
    let whole = results(&out);
    fs::write(out.join("notes.txt"), "mine").unwrap();
    fs::remove_file(out.join("resolved.toml")).unwrap();
    let text = refused(&path, &out);
    assert!(text.contains("resolved.toml is damaged: it is gone"), "{text}");
    assert!(text.contains("--force"), "{text}");
    // What is thrown away is what a run wrote.
    fs::remove_file(out.join("results.csv")).unwrap();
    run(&path, &out, 2, Manner::Force);
    assert_eq!(results(&out), whole);
    assert_eq!(fs::read_to_string(out.join("notes.txt")).unwrap(), "mine");
    for name in ["results.jsonl", "results.csv", "timing.jsonl", "resolved.toml"] {
        fs::remove_file(out.join(name)).unwrap();
    }
    // A run that was killed before it had settings has nothing to lose.
    run(&path, &out, 2, Manner::Resume);
    assert_eq!(results(&out), whole);
}

#[test]
fn lines_that_no_run_wrote_are_refused_but_for_a_last_one_cut_short() {
    let (folder, path) = workplace(NOISE);
    let out = folder.path().join("out");
    run(&path, &out, 2, Manner::Fresh);
    let whole = results(&out);
    let lines: Vec<&str> = whole[0].lines().collect();
    let write = |lines: &[&str], end: &[u8]| {
        let text: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
        fs::write(out.join("results.jsonl"), [text.as_bytes(), end].concat()).unwrap();
    };
    for (line, words) in [
        (&lines[2][..40], "line 3: EOF"),
        (lines[1], "line 3: chip 1 at point 0 stands there twice"),
        (&lines[2].replace("\"0.0\"", "\"0.25\""), "line 3: `edits` are not those of point 0"),
        (&lines[2].replace("\"point\":0", "\"point\":7"), "line 3: the sweep has no point 7"),
        (&lines[2].replace("seed\":5", "seed\":9"), "line 3: `chip_seed` is 9, that of chip 2"),
    ] {
        write(&[&lines[..2], &[line], &lines[3..5]].concat(), b"");
        let text = refused(&path, &out);
        assert!(text.contains(words) && text.contains("results.jsonl is damaged"), "{text}");
    }
    fs::write(out.join("results.jsonl"), b"{\"point\":0,\xff\n").unwrap();
    let spec = read(&path, &[]);
    let error = sweep(&spec, &options(&out, 1, Manner::Resume)).unwrap_err().to_string();
    assert!(error.contains("line 1: it is not UTF-8"), "{error}");
    // A text that was cut within a letter is as unfinished as any.
    write(&lines[..4], b"{\"point\":1,\"message\":\"\xce");
    run(&path, &out, 2, Manner::Resume);
    assert_eq!(results(&out), whole);
}
