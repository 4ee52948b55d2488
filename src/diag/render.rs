use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};

use super::{Diagnostic, SourceMap, Span};

pub(super) fn render(diagnostic: &Diagnostic, sources: &SourceMap, colour: bool) -> String {
    let mut group = Level::ERROR
        .primary_title(diagnostic.message.as_str())
        .elements(snippets(diagnostic, sources));
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// One snippet a source, the primary span's first.
fn snippets<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a SourceMap,
) -> Vec<Snippet<'a, Annotation<'a>>> {
    let primary =
        diagnostic.span.iter().map(|s| (s, AnnotationKind::Primary, diagnostic.label.as_deref()));
    let secondary = diagnostic
        .secondary
        .iter()
        .map(|(s, label)| (s, AnnotationKind::Context, Some(label.as_str())));
    let mut groups: Vec<Vec<(&Span, AnnotationKind, Option<&str>)>> = Vec::new();
    for mark in primary.chain(secondary) {
        match groups.iter_mut().find(|g| sources.same(g[0].0.start, mark.0.start)) {
            Some(group) => group.push(mark),
            None => groups.push(vec![mark]),
        }
    }
    groups
        .into_iter()
        .map(|marks| {
            let lines = sources.lines(&marks.iter().map(|m| m.0).collect::<Vec<_>>());
            let annotations = marks.iter().map(|(span, kind, label)| {
                let annotation = kind.span(span.start - lines.start..span.end - lines.start);
                match label {
                    Some(label) => annotation.label(*label),
                    None => annotation,
                }
            });
            Snippet::source(lines.text)
                .line_start(lines.number)
                .path(lines.name)
                .annotations(annotations)
        })
        .collect()
}
