use super::{deck, devices, mistakes, pointed, read_deck, write};
use eqcircuit::diag::Report;

fn load(files: &[(&str, &str)]) -> Result<Vec<String>, Report> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    let deck = read_deck(&folder.path().join(files[0].0))?;
    Ok(deck.netlist.devices().iter().map(|(name, _)| name.clone()).collect())
}

#[test]
fn the_first_line_is_a_title_whatever_it_looks_like() {
    let names = load(&[("a.cir", "r1 a 0 1\nr2 a 0 1\n.end\n")]).unwrap();
    assert_eq!(names, ["r2"]);
    assert_eq!(deck("r1 a 0 1").title, "a title");
    assert_eq!(deck("r1 a 0 1\n.title Another").title, "another");
}

#[test]
fn comments_and_continuations_are_taken_off() {
    let text = "* a comment\nr1 a 0 ; the rest\n* between\n\n+ 1k $ ohms\nr2 a\n+ 0\n+ 2k // more";
    assert_eq!(devices(text), devices("r1 a 0 1k\nr2 a 0 2k"));
}

#[test]
fn spans_in_continued_lines_point_at_their_own_line() {
    let (text, _) = pointed("r1 a 0\n+ 1k\n+ nonsense=3\nr2 a 0 1");
    assert_eq!(text, "nonsense");
    assert_eq!(mistakes("r1 a 0\n+ 1k\n+ nonsense=3"), ["4: a resistor has no `nonsense`"]);
}

#[test]
fn a_continuation_of_nothing_is_a_mistake() {
    assert_eq!(mistakes("+ 1k"), ["2: there is no line that this could continue"]);
}

#[test]
fn text_after_the_end_is_noted() {
    assert_eq!(deck("r1 a 0 1\nr2 a 0 1\n.op\n.end\n* fine\n").notes, Vec::<String>::new());
    let notes = deck("r1 a 0 1\nr3 a 0 1\n.op\n.end\nr2 a 0 1").notes;
    assert!(notes[0].ends_with(":6:1: what follows `.end` is not read"), "{notes:?}");
}

#[test]
fn files_are_included_relative_to_the_file_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("Sub")).unwrap();
    write(folder.path(), "a.cir", "t\n.include \"Sub/b.inc\"\nr1 a 0 1\n");
    write(folder.path(), "Sub/b.inc", "r2 a 0 1\n.inc c.inc\n");
    write(folder.path(), "Sub/c.inc", "r3 a 0 1\n");
    let deck = read_deck(&folder.path().join("a.cir")).unwrap();
    let names: Vec<&str> = deck.netlist.devices().iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["r2", "r3", "r1"]);
}

#[test]
fn sections_of_a_library_are_read_by_name() {
    let library = "* corners\n.lib tt\n.param r=1k\n.endl\n.lib ss\n.param r=2k\n.lib 'l.lib' more\n.endl ss\n.lib more\nr9 a 0 1\n.endl\n";
    let names = load(&[("a.cir", "t\n.lib l.lib SS\nr1 a 0 {r}\n"), ("l.lib", library)]).unwrap();
    assert_eq!(names, ["r9", "r1"]);
    let report = load(&[("a.cir", "t\n.lib l.lib ff\n"), ("l.lib", library)]).unwrap_err();
    assert_eq!(report.diagnostics()[0].message, "that library has no section `ff`");
    assert_eq!(report.diagnostics()[0].help, ["its sections are: tt, ss, more"]);
}

#[test]
fn files_that_are_missing_or_include_themselves_are_told_where_they_are_named() {
    let report = load(&[("a.cir", "t\n.include b.inc\nr1 a 0 1\n"), ("bb.inc", "")]).unwrap_err();
    let first = &report.diagnostics()[0];
    assert!(first.message.ends_with("b.inc`"), "{report}");
    assert_eq!(report.sources().text(&first.span.clone().unwrap()), ".include b.inc");
    assert!(first.help[0].ends_with("bb.inc`?"), "{report}");
    let report = load(&[("a.cir", "t\n.include a.cir\n")]).unwrap_err();
    assert!(report.diagnostics()[0].message.ends_with("a.cir` includes itself"), "{report}");
    assert_eq!(mistakes(".include\n.lib x")[0], "2: `.include` does not say what to read");
}

#[test]
fn marks_of_byte_order_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deck.cir");
    std::fs::write(folder.path().join("part.inc"), "\u{feff}r1 a 0 1k\n").unwrap();
    std::fs::write(&path, "\u{feff}a title\n.include part.inc\nv1 a 0 1\n.op\n.end\n").unwrap();
    let deck = eqcircuit::spec::read_deck(&path).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!((deck.title.as_str(), deck.netlist.devices().len()), ("a title", 2));
}
