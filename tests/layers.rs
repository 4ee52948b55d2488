//! Rooms stand in a row, and doors open only to the left. Reads every `use` of `src/`, grouped and
//! nested ones too, and every `crate::` path in the code.

use std::fs;
use std::path::{Path, PathBuf};

/// The row. A room may use those before it; `model` and `netlist` have no door between them.
const ROOMS: [&str; 13] = [
    "diag", "units", "numerics", "data", "model", "netlist", "spec", "compile", "engine", "learn",
    "run", "report", "cli",
];

fn allowed(room: &str, other: &str) -> bool {
    let place = |name| ROOMS.iter().position(|r| *r == name);
    match (place(room), place(other)) {
        (_, None) => true,
        (Some(here), Some(there)) => there <= here && !(room == "netlist" && other == "model"),
        (None, _) => true,
    }
}

/// The rooms a source text of `module` (its path below the crate, such as `["engine", "ideal"]`)
/// names, each with its line.
fn rooms_named(text: &str, module: &[String]) -> Vec<(usize, String)> {
    let code = strip_comments_and_strings(text);
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let line = code[..start].matches('\n').count() + 1;
        for first in first_segments(&code[start + "crate::".len()..]) {
            found.push((line, first));
        }
    }
    // `super` from a file at the top of a room reaches the crate's root.
    for (start, _) in code.match_indices("super::") {
        if code[..start].ends_with("super::") {
            continue;
        }
        let mut rest = &code[start..];
        let mut up = 0;
        while let Some(tail) = rest.strip_prefix("super::") {
            up += 1;
            rest = tail;
        }
        let nested = inline_depth(&code[..start]);
        if up >= module.len() + nested {
            let line = code[..start].matches('\n').count() + 1;
            found.extend(first_segments(rest).into_iter().map(|first| (line, first)));
        }
    }
    found
}

/// How many inline modules (such as `mod tests {`) are open at the end of `code`.
fn inline_depth(code: &str) -> usize {
    let mut open: Vec<bool> = Vec::new();
    let mut word_before = String::new();
    let mut words: Vec<String> = Vec::new();
    for c in code.chars() {
        match c {
            '{' => {
                if !word_before.is_empty() {
                    words.push(std::mem::take(&mut word_before));
                }
                let n = words.len();
                open.push(n >= 2 && words[n - 2] == "mod");
                words.clear();
            }
            '}' => {
                open.pop();
                words.clear();
                word_before.clear();
            }
            c if c.is_alphanumeric() || c == '_' => word_before.push(c),
            _ => {
                if !word_before.is_empty() {
                    words.push(std::mem::take(&mut word_before));
                }
                if c == ';' {
                    words.clear();
                }
            }
        }
    }
    open.into_iter().filter(|is_mod| *is_mod).count()
}

/// The first path segments of what follows `crate::`: one, or all of a group.
fn first_segments(rest: &str) -> Vec<String> {
    let rest = rest.trim_start();
    let Some(group) = rest.strip_prefix('{') else {
        return vec![rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()];
    };
    let (mut depth, mut item, mut items) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            _ => {}
        }
        if c != ',' || depth > 0 {
            item.push(c);
        }
    }
    items.push(item);
    items.iter().flat_map(|i| first_segments(i)).filter(|s| !s.is_empty()).collect()
}

/// The same text with comments and string contents blanked, lines kept.
fn strip_comments_and_strings(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            '"' => {
                out.push('"');
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => out.extend(chars.next().filter(|c| *c == '\n')),
                        '"' => break,
                        '\n' => out.push('\n'),
                        _ => {}
                    }
                }
                out.push('"');
            }
            '\'' if chars.clone().nth(1) == Some('\'') => {
                chars.nth(1);
            }
            c => out.push(c),
        }
    }
    out
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// `src/engine/ideal.rs` -> `["engine", "ideal"]`; a `mod.rs` is its folder.
fn module_path(file: &Path, src: &Path) -> Vec<String> {
    let relative = file.strip_prefix(src).expect("below src").with_extension("");
    let mut path: Vec<String> =
        relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|l| l == "mod") {
        path.pop();
    }
    path
}

fn wrong_doors(file: &str, text: &str, module: &[String]) -> Vec<String> {
    let Some(room) = module.first().filter(|r| ROOMS.contains(&r.as_str())) else {
        return Vec::new();
    };
    rooms_named(text, module)
        .into_iter()
        .filter(|(_, other)| !allowed(room, other))
        .map(|(line, other)| format!("{file}:{line}: `{room}` may not use `{other}`"))
        .collect()
}

#[test]
fn rooms_use_only_rooms_to_their_left() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 20, "only {} files under src", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("src is readable");
        let shown = file.strip_prefix(&src).expect("below src").display().to_string();
        wrong.extend(wrong_doors(&format!("src/{shown}"), &text, &module_path(&file, &src)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_shape_of_use_is_seen() {
    let model = vec!["model".to_string()];
    let layer = vec!["model".to_string(), "layer".to_string()];
    let cases: [(&str, &[String], usize); 10] = [
        ("use crate::engine::Engine;", &model, 1),
        ("use crate::{engine::Engine, numerics::Mat};", &model, 1),
        (
            "use crate::{\n  numerics::{Mat, seed},\n  engine::{Engine, Drive},\n  run,\n};",
            &model,
            2,
        ),
        ("fn f() { crate::spec::load() }", &model, 1),
        ("use super::engine::Engine;", &model, 1),
        ("use super::super::{engine, numerics};", &layer, 1),
        ("use super::Layer;", &layer, 0),
        ("mod tests { use super::super::engine; }", &model, 1),
        ("mod tests { use super::*; }", &model, 0),
        (
            "// use crate::engine;\nconst S: &str = \"crate::engine\"; use crate::numerics;",
            &model,
            0,
        ),
    ];
    for (text, module, expected) in cases {
        let found = wrong_doors("x.rs", text, module);
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    }
    let netlist = vec!["netlist".to_string()];
    assert_eq!(wrong_doors("x.rs", "use crate::model::Layer;", &netlist).len(), 1);
}

#[test]
fn files_stay_short() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let long: Vec<String> = files
        .iter()
        .map(|f| (f, fs::read_to_string(f).expect("src is readable").lines().count()))
        .filter(|(_, lines)| *lines > 400)
        .map(|(f, lines)| format!("{}: {lines} lines", f.display()))
        .collect();
    assert!(long.is_empty(), "split these: {}", long.join(", "));
}
