//! Shards of a sweep, and what they are merged to.

use super::*;
use eqcircuit::run::{Shard, merge};

/// Makes all shards of a sweep in one folder; theirs.
fn shards(path: &Path, out: &Path, of: usize) -> Vec<PathBuf> {
    let make = |index: usize| {
        let shard = Some(Shard { index, of });
        let options = Options { shard, ..options(out, 1 + index % 2, Manner::Fresh) };
        sweep(&read(path, &[]), &options).unwrap().folder
    };
    (1..=of).rev().map(make).collect()
}

/// All files of a folder with their bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<(PathBuf, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    all.sort();
    all
}

const ADAPTIVE: &str = "[sweep]\n\
    until = { metric = \"settling-time\", half-width = \"3 ns\", at-least = 3, at-most = 12 }\n\
    [sweep.axes]\n\"nonideal.fabrication.spread\" = [0.0, 0.05, 0.2, 0.4]\n";

#[test]
fn shards_merge_to_the_bytes_of_the_whole() {
    for asked in [NOISE, CUBE, ADAPTIVE, CLASH] {
        let (folder, path) = workplace(asked);
        let whole = folder.path().join("whole");
        let one = run(&path, &whole, 2, Manner::Fresh);
        for of in [1, 2, 3, 20] {
            let place = folder.path().join(format!("in-{of}"));
            let parts = shards(&path, &place, of);
            assert_eq!(parts[0], place.join(format!("shard-{of}-of-{of}")));
            let before: Vec<_> = parts.iter().map(|part| contents(part)).collect();
            let out = place.join("merged");
            let merged = merge(&parts, &options(&out, 1, Manner::Fresh)).unwrap();
            assert_eq!(results(&out), results(&whole), "{of} shards of {asked}");
            assert_eq!(merged.points, one.points);
            let counts = |r: &SweepRecord| (r.runs, r.done, r.failed, r.wide, r.finished, r.shard);
            assert_eq!(counts(&merged.record), counts(&one.record));
            assert_eq!(merged.record.head.expect, one.record.head.expect);
            assert_eq!(parts.iter().map(|p| contents(p)).collect::<Vec<_>>(), before);
            let records = report::Records::load(&out).unwrap();
            assert!(!report::page(&records, &report::figures(&records), &out).is_empty());
        }
    }
}

/// What a merge is refused for. Nothing is left where it would have gone.
fn refused(parts: &[PathBuf], out: &Path) -> String {
    let before = contents(out.parent().unwrap());
    let error = merge(parts, &options(out, 1, Manner::Fresh)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(!out.exists(), "something was written");
    assert_eq!(contents(out.parent().unwrap()), before);
    error.to_string()
}

#[test]
fn a_merge_takes_all_shards_of_one_sweep_each_once() {
    let (folder, path) = workplace(NOISE);
    let place = folder.path().join("place");
    let parts = shards(&path, &place, 3);
    let out = folder.path().join("merged");
    let missing = refused(&parts[1..], &out);
    assert!(missing.contains("missing: 3/3"), "{missing}");
    let twice = refused(&[&parts[..], &parts[..1]].concat(), &out);
    assert!(twice.contains("shard 3/3 is there twice"), "{twice}");
    let others = shards(&path, &folder.path().join("halves"), 2);
    let mixed = refused(&[parts[0].clone(), others[0].clone()], &out);
    assert!(mixed.contains("2/2 and 3/3"), "{mixed}");
    let none = refused(&[], &out);
    assert!(none.contains("no shards"), "{none}");

    let other = Options {
        shard: Some(Shard { index: 3, of: 3 }),
        ..options(&folder.path().join("deeper/other"), 1, Manner::Fresh)
    };
    let other = sweep(&read(&path, &["simulate.until.settled=1e-6"]), &other).unwrap().folder;
    let different = refused(&[other, parts[1].clone(), parts[2].clone()], &out);
    for words in ["different sweeps", "settled = 1e-6", "settled = 1e-9"] {
        assert!(different.contains(words), "{words} is not in {different}");
    }
    // The same sweep from a folder at another depth is the same sweep.
    let deep = Options {
        shard: Some(Shard { index: 3, of: 3 }),
        ..options(&folder.path().join("deeper/still"), 1, Manner::Fresh)
    };
    let deep = sweep(&read(&path, &[]), &deep).unwrap().folder;
    let same = [deep, parts[1].clone(), parts[2].clone()];
    merge(&same, &options(&folder.path().join("same"), 1, Manner::Fresh)).unwrap();
    let resolved = fs::read_to_string(folder.path().join("same/resolved.toml")).unwrap();
    assert!(resolved.contains("\"../inputs.csv\""), "{resolved}");
}

#[test]
fn what_is_no_finished_shard_is_refused() {
    let (folder, path) = workplace(NOISE);
    let place = folder.path().join("place");
    let parts = shards(&path, &place, 2);
    let out = folder.path().join("merged");
    let whole = folder.path().join("whole");
    run(&path, &whole, 1, Manner::Fresh);
    let text = refused(std::slice::from_ref(&whole), &out);
    assert!(text.contains("a whole sweep"), "{text}");
    let text = refused(&[folder.path().join("nowhere")], &out);
    assert!(text.contains("empty or not there"), "{text}");
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.tex"), "years").unwrap();
    let text = refused(&[foreign], &out);
    assert!(text.contains("not the folder of a shard"), "{text}");

    let good = contents(&parts[0]);
    let mend = || good.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let lines = fs::read_to_string(parts[0].join("results.jsonl")).unwrap();
    for (what, wrong) in [
        ("cut short", lines[..lines.len() - 9].to_string()),
        ("a chip is missing", lines.lines().skip(1).map(|l| format!("{l}\n")).collect()),
        ("a line is twice", format!("{}\n{lines}", lines.lines().next().unwrap())),
        ("a point of another shard", lines.replacen("\"point\":1", "\"point\":0", 1)),
        ("no lines", String::new()),
    ] {
        fs::write(parts[0].join("results.jsonl"), wrong).unwrap();
        let text = refused(&parts, &out);
        assert!(text.contains("damaged") && text.contains("results.jsonl"), "{what}: {text}");
    }
    mend();
    let unfinished = SweepRecord { finished: false, ..record(&parts[0]) };
    fs::write(parts[0].join("run.json"), serde_json::to_vec(&unfinished).unwrap()).unwrap();
    let text = refused(&parts, &out);
    assert!(text.contains("not finished: go on with --shard 2/2 --resume"), "{text}");
    mend();

    // The output is never a shard, nor around one, nor a run that is not to be replaced.
    for bad in [&place, &parts[0], &parts[1].join("inner")] {
        let before = contents(&parts[0]);
        let error = merge(&parts, &options(bad, 1, Manner::Force)).unwrap_err().to_string();
        assert!(error.contains("would be replaced"), "{error}");
        assert_eq!(contents(&parts[0]), before);
    }
    let before = contents(&whole);
    let error = merge(&parts, &options(&whole, 1, Manner::Fresh)).unwrap_err().to_string();
    assert!(error.contains("--force"), "{error}");
    assert_eq!(contents(&whole), before);
    merge(&parts, &options(&whole, 1, Manner::Force)).unwrap();
    let named = |all: &[(PathBuf, Vec<u8>)], name: &str| {
        all.iter().find(|(path, _)| path.ends_with(name)).unwrap().1.clone()
    };
    for name in ["results.csv", "results.jsonl"] {
        assert!(named(&contents(&whole), name) == named(&before, name), "{name}");
    }
}

#[test]
fn a_shard_keeps_to_its_folder_and_its_points() {
    let (folder, path) = workplace(NOISE);
    let whole = folder.path().join("whole");
    run(&path, &whole, 1, Manner::Fresh);
    let spec = read(&path, &[]);
    let of = |index, of, out: &Path, manner| Options {
        shard: Some(Shard { index, of }),
        ..options(out, 1, manner)
    };
    let before = contents(&whole);
    let error = sweep(&spec, &of(1, 2, &whole, Manner::Fresh)).unwrap_err().to_string();
    assert!(error.contains("owns its folder"), "{error}");
    assert_eq!(contents(&whole), before);

    let place = folder.path().join("place");
    let swept = sweep(&spec, &of(2, 2, &place, Manner::Fresh)).unwrap();
    assert_eq!(swept.points.iter().map(|p| p.point).collect::<Vec<_>>(), [1, 1, 1]);
    let page = report::page(&report::Records::load(&swept.folder).unwrap(), &[], &swept.folder);
    assert!(page.contains("shard 2/2: 1 of 3 points"), "{page}");
    sweep(&spec, &of(2, 2, &place, Manner::Resume)).unwrap();
    // A shard that was moved is not taken for another one.
    let moved = place.join("shard-1-of-2");
    fs::rename(&swept.folder, &moved).unwrap();
    let error = sweep(&spec, &of(1, 2, &place, Manner::Resume)).unwrap_err().to_string();
    assert!(error.contains("there is shard 2/2, here shard 1/2"), "{error}");
}
