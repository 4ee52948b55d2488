//! What the program says of wrong files. Each `tests/diagnostics/*.toml`, and each deck `*.cir` with
//! `*` in place of `#`, holds above every offending line what is expected of it:
//!
//! ```toml
//! # error: 31-38 no layer named `hiden`
//! # label: unknown layer
//! # also: 7:5-12 coupled here first
//! # help: did you mean `hidden`? ...
//!   { dense = { between = ["input", "hiden"] } },
//! ```
//!
//! Columns count characters from 1, the end is excluded. What stands in another text (an included
//! file, an edit, a data file) is at the end of the file, with its place in front. Lines
//! `# set: key=value` are edits. `EQCIRCUIT_BLESS=1` rewrites all of it, and the weights files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use eqcircuit::diag::{Diagnostic, Report, SourceMap, Span};
use eqcircuit::spec::{Edit, Library, load};

const FOLDER: &str = "tests/diagnostics";
const MARKS: [&str; 4] = ["error: ", "label: ", "also: ", "help: "];

fn blessing() -> bool {
    std::env::var_os("EQCIRCUIT_BLESS").is_some()
}

fn is_mark(line: &str) -> bool {
    let comment = line.trim_start().strip_prefix(['#', '*']).and_then(|c| c.strip_prefix(' '));
    comment.is_some_and(|comment| MARKS.iter().any(|mark| comment.starts_with(mark)))
}

/// `line:from-to`, the line left out when it is `home`'s own.
fn place(sources: &SourceMap, span: &Span, home: Option<&str>) -> String {
    let from = sources.locate(span.start);
    let to = sources.locate(span.end);
    let end = match to.line - from.line {
        0 => to.column.to_string(),
        lines => format!("+{lines}:{}", to.column),
    };
    match home {
        Some(name) if name == from.name => format!("{}:{}-{end}", from.line, from.column),
        _ => format!("{}:{}:{}-{end}", from.name, from.line, from.column),
    }
}

fn marks(report: &Report, diagnostic: &Diagnostic, home: &str, indent: &str) -> Vec<String> {
    let sources = report.sources();
    let at = match &diagnostic.span {
        None => "-".to_string(),
        Some(span) if sources.locate(span.start).name == home => {
            let at = place(sources, span, Some(home));
            at[at.find(':').map_or(0, |i| i + 1)..].to_string()
        }
        Some(span) => place(sources, span, None),
    };
    let hash = if home.ends_with(".cir") { '*' } else { '#' };
    let mut marks = vec![format!("{indent}{hash} error: {at} {}", diagnostic.message)];
    marks.extend(diagnostic.label.iter().map(|label| format!("{indent}{hash} label: {label}")));
    for (span, label) in &diagnostic.secondary {
        let from = sources.locate(span.start);
        // Lines of the file itself move when marks are written into it.
        let at = match from.name == home {
            true => format!("{} {:?}", from.column, shorten(sources.text(span))),
            false => place(sources, span, None),
        };
        marks.push(format!("{indent}{hash} also: {at} {label}"));
    }
    marks.extend(diagnostic.help.iter().map(|help| format!("{indent}{hash} help: {help}")));
    marks
}

fn shorten(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(40).collect()
}

/// The text of a case with the marks it should have.
fn marked(text: &str, home: &str, report: &Report) -> String {
    let mut by_line: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut elsewhere = Vec::new();
    for diagnostic in report.diagnostics() {
        let own = diagnostic.span.as_ref().map(|s| report.sources().locate(s.start));
        match own.filter(|location| location.name == home) {
            Some(location) => {
                let line = text.lines().nth(location.line - 1).unwrap_or_default();
                let indent = &line[..line.len() - line.trim_start().len()];
                by_line
                    .entry(location.line)
                    .or_default()
                    .extend(marks(report, diagnostic, home, indent));
            }
            None => elsewhere.extend(marks(report, diagnostic, home, "")),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    // What is said of a mark, as of the start of a file, belongs to the line below it.
    let mut pending = Vec::new();
    for (number, line) in text.lines().enumerate() {
        pending.extend(by_line.remove(&(number + 1)).unwrap_or_default());
        if !is_mark(line) {
            lines.append(&mut pending);
            lines.push(line.to_string());
        }
    }
    lines.append(&mut pending);
    lines.extend(by_line.into_values().flatten());
    lines.extend(elsewhere);
    lines.join("\n") + "\n"
}

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml" || e == "cir"))
        .collect();
    cases.sort();
    cases
}

fn report_of(path: &Path, text: &str) -> Report {
    let edits: Vec<Edit> =
        text.lines().filter_map(|line| line.strip_prefix("# set: ")).map(Edit::new).collect();
    match load(path, &edits, &Library::beside(path)) {
        Ok(_) => Report::default(),
        Err(report) => report,
    }
}

#[test]
fn every_mistake_is_told_as_its_file_expects() {
    if blessing() {
        write_weights();
    }
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 40, "cases are missing");
    for path in cases {
        let text = fs::read_to_string(&path).unwrap();
        let report = report_of(&path, &text);
        if std::env::var_os("EQCIRCUIT_SHOW").is_some() {
            println!("==== {}\n{}\n", path.display(), report.render(false));
        }
        let expected = marked(&text, &path.display().to_string(), &report);
        if blessing() {
            fs::write(&path, &expected).unwrap();
        } else if expected != text {
            wrong.push(format!("{}:\n{}", path.display(), report.render(false)));
        } else if report.is_empty() {
            wrong.push(format!("{}: nothing was found wrong", path.display()));
        }
    }
    assert!(wrong.is_empty(), "told otherwise than expected:\n\n{}", wrong.join("\n\n"));
}

/// A file in a folder of its own.
fn scratch(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn refused(path: &Path) -> Report {
    load(path, &[], &Library::built_in()).expect_err("a wrong file was read")
}

fn only(report: &Report) -> &Diagnostic {
    assert_eq!(report.len(), 1, "{report}");
    &report.diagnostics()[0]
}

#[test]
fn a_missing_file_names_its_neighbour() {
    let (_folder, path) = scratch("network.toml", b"");
    let report = refused(&path.with_file_name("netwrok.toml"));
    assert!(only(&report).message.ends_with("netwrok.toml`"), "{report}");
    let cure = format!("did you mean `{}`?", path.display());
    assert_eq!(only(&report).help, [cure]);
    assert_eq!(only(&report).span, None);
    let report = refused(&path.with_file_name("weights"));
    assert_eq!(only(&report).help, ["give the path of a TOML file"]);
}

#[test]
fn a_folder_is_not_a_file() {
    let (folder, _) = scratch("network.toml", b"");
    let report = refused(folder.path());
    assert!(only(&report).message.ends_with("is a folder, expected a file"), "{report}");
}

#[test]
fn a_file_that_is_not_utf_8_is_shown_at_the_byte() {
    let (_folder, path) =
        scratch("latin.toml", b"title = \"x\"\n[hardware]\ng-max = \"25 \xb5S\"\n");
    let report = refused(&path);
    let diagnostic = only(&report);
    let at = report.sources().locate(diagnostic.span.clone().unwrap().start);
    assert_eq!((at.line, at.column), (3, 13));
    assert!(diagnostic.message.ends_with("is not UTF-8 text"), "{report}");
    assert_eq!(diagnostic.label.as_deref(), Some("byte 0xb5"));
    assert!(report.render(false).contains(" --> "), "{report}");
}

#[test]
fn a_file_of_100_mb_is_refused_unread() {
    let (_folder, path) = scratch("large.toml", b"");
    fs::File::options().write(true).open(&path).unwrap().set_len(100 << 20).unwrap();
    let before = std::time::Instant::now();
    let report = refused(&path);
    assert!(only(&report).message.ends_with("is 100 MB long; at most 64 MB are read"), "{report}");
    assert!(before.elapsed().as_millis() < 50, "it was read first");
}

#[test]
fn a_long_chain_of_includes_is_refused_with_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let file = |i: usize| folder.path().join(format!("link-{i}.toml"));
    for i in 0..40 {
        fs::write(file(i), format!("include = \"link-{}.toml\"\n", i + 1)).unwrap();
    }
    let report = refused(&file(0));
    assert_eq!(only(&report).message, "more than 16 files include one another");
    assert!(only(&report).help[0].contains("link-0.toml -> "), "{report}");
}

#[test]
fn a_report_shows_place_text_label_and_cure() {
    let text = "[hardware]\nv-unit = \"0.2 V\" # \u{3a9}\n\u{3a9} = 1\n\"\u{3a9}\" = 1\n";
    let text = text.replace("\u{3a9} = 1\n\"", "\"");
    let (_folder, path) = scratch("x.toml", format!("[model]\n{text}").as_bytes());
    let report = refused(&path);
    let rendered = report.render(false);
    let name = path.display();
    let block = format!(
        "error: [hardware] has no key `\u{3a9}`\n --> {name}:4:1\n  |\n4 | \"\u{3a9}\" = 1\n  | ^^^ unknown \
         key\n  |\n  = help: the keys of [hardware] are: cell, array, g-min, g-max, neuron, pair, \
         tile, rows, g-leak, c-node, v-unit, w-max, headroom, clip"
    );
    assert!(rendered.contains(&block), "{rendered}");
    assert!(!rendered.contains('\u{1b}'));
    assert!(report.render(true).contains('\u{1b}'));
    assert_eq!(rendered.matches("error: ").count(), report.len());
}

/// The weights files of the cases, each wrong in its own way, for the layers of
/// `parts/network.toml`.
fn write_weights() {
    use safetensors::{Dtype, serialize, tensor::TensorView};
    let f64s = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let ramp = |n: usize| f64s(&(0..n).map(|i| i as f64 / 10.0).collect::<Vec<_>>());
    let write = |file: &str, tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]| {
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            (*name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        let bytes = serialize(views, None).unwrap();
        fs::write(Path::new(FOLDER).join("parts").join(file), &bytes).unwrap();
        bytes
    };
    let first = ("input-hidden.weight", Dtype::F64, vec![3, 4], ramp(12));
    let second = ("hidden-output.weight", Dtype::F64, vec![2, 3], ramp(6));
    let bias = ("hidden.bias", Dtype::F64, vec![3], ramp(3));
    let whole = write("good.safetensors", &[first.clone(), second.clone(), bias.clone()]);
    fs::write(Path::new(FOLDER).join("parts/truncated.safetensors"), &whole[..whole.len() - 9])
        .unwrap();
    let halves = ("input-hidden.weight", Dtype::F16, vec![3, 4], vec![0; 24]);
    write("dtype.safetensors", &[halves, second.clone(), bias.clone()]);
    let across = ("input-hidden.weight", Dtype::F64, vec![4, 3], ramp(12));
    let long = ("hidden.bias", Dtype::F64, vec![4], ramp(4));
    write("shape.safetensors", &[across, second.clone(), long]);
    let misnamed = ("input-hiden.weight", Dtype::F64, vec![3, 4], ramp(12));
    let extra = ("optimiser.step", Dtype::F64, vec![1], ramp(1));
    write("names.safetensors", &[misnamed, second.clone(), bias.clone(), extra]);
    let mut values = vec![0.5; 12];
    values[7] = f64::NAN;
    let nan = ("input-hidden.weight", Dtype::F64, vec![3, 4], f64s(&values));
    write("nan.safetensors", &[nan, second, bias]);
}
