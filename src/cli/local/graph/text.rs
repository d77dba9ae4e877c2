//! The graph as text for other programs: Graphviz and Mermaid.

use super::{Drawing, Status};
use serde_json::{Value, json};
use std::fmt::Write;

/// Colours of the line and of the inside, by status.
pub(super) fn colours(status: Option<Status>) -> (&'static str, &'static str) {
    match status {
        None => ("#4a5568", "#f7fafc"),
        Some(Status::Exists) => ("#2f855a", "#f0fff4"),
        Some(Status::Interrupted) => ("#b7791f", "#fffbea"),
        Some(Status::Missing) => ("#718096", "#ffffff"),
    }
}

/// Returns the graph for Graphviz: `hybridctl graph | dot -Tpng`.
pub(super) fn dot(drawing: &Drawing) -> String {
    let mut out = format!("// {}\ndigraph {} {{\n", drawing.title(), quoted(&drawing.deployment));
    out +=
        "  rankdir = TB;\n  node [shape = box, style = \"rounded,filled\", fontname = \"monospace\", fontsize = 10];\n";
    for shape in &drawing.shapes {
        let (line, inside) = colours(shape.status);
        let style = if shape.status == Some(Status::Missing) { ", style = \"rounded,filled,dashed\"" } else { "" };
        let word = shape.status.map(|status| format!("\n({})", status.word())).unwrap_or_default();
        let label = quoted(&format!("{}\n{}{word}", shape.address.kind, shape.address.name));
        let id = quoted(&shape.address.to_string());
        line_of(
            &mut out,
            format_args!("  {id} [label = {label}, color = \"{line}\", fillcolor = \"{inside}\"{style}];"),
        );
    }
    for arrow in &drawing.arrows {
        let [from, to] = [arrow.from, arrow.to].map(|at| quoted(&drawing.shapes[at].address.to_string()));
        let style = if arrow.uses { "" } else { " [style = dashed]" };
        line_of(&mut out, format_args!("  {from} -> {to}{style};"));
    }
    out + "}\n"
}

/// Returns the graph for programs.
pub(super) fn json(drawing: &Drawing) -> String {
    let at = |place: usize| &drawing.shapes[place].address;
    let nodes = drawing
        .shapes
        .iter()
        .map(|shape| json!({ "address": shape.address, "status": shape.status.map(Status::word) }));
    let edges =
        drawing.arrows.iter().map(|arrow| json!({ "from": at(arrow.from), "to": at(arrow.to), "uses": arrow.uses }));
    let (nodes, edges): (Vec<Value>, Vec<Value>) = (nodes.collect(), edges.collect());
    let graph =
        json!({ "schema": "hybridctl.graph/1", "deployment": drawing.deployment, "nodes": nodes, "edges": edges });
    format!("{graph:#}\n")
}

/// Returns the graph for Mermaid, as Markdown shows it on GitHub.
pub(super) fn mermaid(drawing: &Drawing) -> String {
    let mut out = format!("%% {}\nflowchart TD\n", drawing.title());
    for (at, shape) in drawing.shapes.iter().enumerate() {
        let word = shape.status.map(|status| format!("<br/>({})", status.word())).unwrap_or_default();
        let label = shape.address.to_string().replace('"', "#quot;");
        line_of(&mut out, format_args!("  n{at}[\"{label}{word}\"]"));
    }
    for arrow in &drawing.arrows {
        let line = if arrow.uses { "-->" } else { "-.->" };
        line_of(&mut out, format_args!("  n{} {line} n{}", arrow.from, arrow.to));
    }
    for status in [Status::Exists, Status::Interrupted, Status::Missing] {
        let mut members = Vec::new();
        for (at, shape) in drawing.shapes.iter().enumerate() {
            if shape.status == Some(status) {
                members.push(format!("n{at}"));
            }
        }
        if !members.is_empty() {
            let (line, inside) = colours(Some(status));
            let (class, members) = (status.word(), members.join(","));
            let dashes = if status == Status::Missing { ",stroke-dasharray:4 3" } else { "" };
            line_of(&mut out, format_args!("  classDef {class} fill:{inside},stroke:{line},color:#1a202c{dashes}"));
            line_of(&mut out, format_args!("  class {members} {class}"));
        }
    }
    out
}

/// Adds a line.
pub(super) fn line_of(out: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(out, "{line}").expect("because memory takes every write");
}

/// A string of the DOT language: only quotes are special there, and a backslash starts an escape of its own.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::drawing;
    use super::*;
    use crate::config::templates;

    #[test]
    fn dot_and_mermaid_have_every_resource_and_every_dependency() {
        for template in 0..templates().len() {
            let drawing = drawing(template);
            let (dot, mermaid) = (dot(&drawing), mermaid(&drawing));
            assert!(drawing.shapes.len() > 40 && drawing.arrows.len() > 60);
            for shape in &drawing.shapes {
                assert!(dot.contains(&format!("  \"{}\" [label = ", shape.address)), "{dot}");
                assert!(mermaid.contains(&format!("[\"{}<br/>", shape.address)), "{mermaid}");
            }
            assert_eq!(dot.matches(" -> ").count(), drawing.arrows.len());
            assert_eq!(mermaid.matches("-> n").count(), drawing.arrows.len());
        }
    }

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(quoted("a\"b\\c\nd"), "\"a\\\"b\\\\c\\nd\"");
    }
}
