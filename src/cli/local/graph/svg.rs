//! The graph as a picture: one SVG file without scripts, fonts or links, for a README or a review.

use super::layout;
use super::text::{colours, line_of};
use super::{Drawing, Shape, Status};

/// Space around everything, in pixels like all numbers here.
const MARGIN: usize = 32;
/// Height of a box: two lines.
const HEIGHT: usize = 44;
/// Between boxes of a row.
const BESIDE: usize = 26;
/// Between rows of a rank.
const BELOW: usize = 34;
/// Between ranks: the arrows need room to turn.
const BETWEEN: usize = 76;
/// Room for the title and the legend.
const HEAD: usize = 64;
/// Widths of a character of a kind, at 11 pixels, and of a name, at 13: monospaced fonts differ little.
const KIND: usize = 7;
const NAME: usize = 8;

/// A box and where it is: its left upper corner.
struct Placed<'a> {
    shape: &'a Shape,
    x: usize,
    y: usize,
}

/// Returns the picture.
pub(super) fn svg(drawing: &Drawing) -> String {
    let arrows = drawing.essential();
    let ranks = layout::ranks(drawing.shapes.len(), &arrows);
    let width = drawing.shapes.iter().map(box_width).max().unwrap_or_default();
    let across = |boxes: usize| boxes * width + boxes.saturating_sub(1) * BESIDE;
    let pitch = width + BESIDE;
    // Half a pitch more, for the rows that are shifted.
    let widest = ranks.iter().flatten().map(|row| across(row.len())).max().unwrap_or_default().max(640) + pitch / 2;
    let mut placed: Vec<Placed<'_>> = drawing.shapes.iter().map(|shape| Placed { shape, x: 0, y: 0 }).collect();
    let mut y = MARGIN + HEAD;
    for rank in &ranks {
        let alike = rank.len() > 1 && rank.iter().all(|row| row.len() == rank[0].len());
        for (number, row) in rank.iter().enumerate() {
            // Rows of one length would hide each other's arrows: every second one is moved aside.
            let aside = if !alike { pitch / 4 } else { number % 2 * (pitch / 2) };
            let left = MARGIN + (widest - pitch / 2 - across(row.len())) / 2 + aside;
            for (place, at) in row.iter().enumerate() {
                (placed[*at].x, placed[*at].y) = (left + place * pitch, y);
            }
            y += HEIGHT + BELOW;
        }
        y += BETWEEN - BELOW;
    }
    let (whole, high) = (widest + 2 * MARGIN, y.saturating_sub(BETWEEN) + MARGIN);
    let mut out = head(drawing, whole, high);
    for arrow in &arrows {
        let class = if arrow.uses { "arrow" } else { "arrow order" };
        let leaves = arrows.iter().filter(|one| one.from == arrow.from).map(|one| one.to);
        let enters = arrows.iter().filter(|one| one.to == arrow.to).map(|one| one.from);
        let x = placed[arrow.from].x + port(&placed, leaves, arrow.to, width);
        let end_x = placed[arrow.to].x + port(&placed, enters, arrow.from, width);
        let way = way((x, placed[arrow.from].y + HEIGHT), (end_x, placed[arrow.to].y));
        line_of(&mut out, format_args!("<path class=\"{class}\" d=\"{way}\" marker-end=\"url(#tip)\"/>"));
    }
    for one in &placed {
        write_box(&mut out, one, width);
    }
    out + "</svg>\n"
}

fn box_width(shape: &Shape) -> usize {
    // Kind above; name and the word for the status below.
    let word = shape.status.map_or(0, |status| (status.word().len() + 2) * KIND);
    let below = shape.address.name.chars().count() * NAME + word;
    below.max(shape.address.kind.chars().count() * KIND) + 24
}

fn head(drawing: &Drawing, width: usize, height: usize) -> String {
    let title = escaped(&drawing.title());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"ui-monospace, Menlo, Consolas, monospace\">\n<title>{title}</title>\n<style>\n"
    );
    for status in [None, Some(Status::Exists), Some(Status::Interrupted), Some(Status::Missing)] {
        let (line, inside) = colours(status);
        let class = status.map_or("box", Status::word);
        line_of(&mut out, format_args!(".{class} {{ fill: {inside}; stroke: {line}; stroke-width: 1.4 }}"));
    }
    out += ".missing, .order { stroke-dasharray: 5 3 }\n.arrow { fill: none; stroke: #8a94a6; stroke-width: 1.2 }\n";
    out += ".kind { font-size: 11px; fill: #4a5568 }\n.name { font-size: 13px; font-weight: 600; fill: #1a202c }\n";
    out += ".head { font-size: 18px; font-weight: 600; fill: #1a202c }\n</style>\n<defs>\n";
    out += "<marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
            <path d=\"M0 0 L8 4 L0 8 z\" fill=\"#8a94a6\"/></marker>\n</defs>\n";
    line_of(&mut out, format_args!("<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"));
    line_of(&mut out, format_args!("<text class=\"head\" x=\"{MARGIN}\" y=\"{}\">{title}</text>", MARGIN + 12));
    let legend = "arrows go from what is made first; dashed ones are about order only; those that follow are left out";
    line_of(&mut out, format_args!("<text class=\"kind\" x=\"{MARGIN}\" y=\"{}\">{legend}</text>", MARGIN + 34));
    out
}

/// Where on the edge of a box an arrow starts or ends: side by side, in the order of the boxes at their other ends.
fn port(placed: &[Placed<'_>], others: impl Iterator<Item = usize>, other: usize, width: usize) -> usize {
    let mut others: Vec<usize> = others.collect();
    others.sort_by_key(|at| (placed[*at].x, *at));
    let place = others.iter().position(|at| *at == other).unwrap_or_default();
    width / 4 + (2 * place + 1) * (width / 2) / (2 * others.len().max(1))
}

/// A curve from the foot of one box to the head of another; the further down, the wider it swings.
fn way((x, y): (usize, usize), (end_x, end_y): (usize, usize)) -> String {
    let swing = (end_y.saturating_sub(y) / 2).clamp(24, 120);
    format!("M{x} {y} C{x} {} {end_x} {} {end_x} {end_y}", y + swing, end_y.saturating_sub(swing))
}

fn write_box(out: &mut String, placed: &Placed<'_>, width: usize) {
    let Placed { shape, x, y } = placed;
    let class = shape.status.map_or("box", Status::word);
    let word = shape.status.map(|status| format!(" ({})", status.word())).unwrap_or_default();
    let (kind, name) = (escaped(&shape.address.kind), escaped(&shape.address.name));
    line_of(out, format_args!("<g><title>{kind}/{name}{word}</title>"));
    line_of(
        out,
        format_args!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" rx=\"5\"/>"),
    );
    line_of(out, format_args!("<text class=\"kind\" x=\"{}\" y=\"{}\">{kind}</text>", x + 12, y + 17));
    line_of(out, format_args!("<text class=\"name\" x=\"{}\" y=\"{}\">{name}</text>", x + 12, y + 34));
    if let Some(status) = shape.status {
        let (right, base) = (x + width - 12, y + 34);
        let word = status.word();
        line_of(out, format_args!("<text class=\"kind\" x=\"{right}\" y=\"{base}\" text-anchor=\"end\">{word}</text>"));
    }
    out.push_str("</g>\n");
}

/// Text that cannot end a tag, a text or an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::drawing;
    use super::*;
    use crate::config::templates;
    use crate::model::Address;

    /// Panics if a tag is not closed, or closed in the wrong order.
    fn assert_well_formed(xml: &str) {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = xml;
        while let Some(start) = rest.find('<') {
            let end = start + rest[start..].find('>').expect("a tag ends");
            let tag = &rest[start + 1..end];
            assert!(!tag.contains('<') && tag.matches('"').count().is_multiple_of(2), "{tag}");
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
                None if tag.ends_with('/') => {}
                None => open.push(tag.split_whitespace().next().expect("a name")),
            }
            rest = &rest[end + 1..];
        }
        assert!(open.is_empty() && xml.ends_with("</svg>\n"), "{open:?}");
    }

    fn number(tag: &str, name: &str) -> usize {
        let (_, rest) = tag.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.parse().unwrap()
    }

    #[test]
    fn every_template_is_well_formed_xml_with_every_resource_inside_the_picture() {
        for template in 0..templates().len() {
            let drawing = drawing(template);
            let picture = svg(&drawing);
            assert_well_formed(&picture);
            assert_eq!(picture, svg(&drawing));
            for shape in &drawing.shapes {
                assert!(picture.contains(&format!("<title>{} (", shape.address)), "{}", shape.address);
            }
            let (width, height) = (number(&picture, "width"), number(&picture, "height"));
            for tag in picture.lines().filter(|line| line.starts_with("<rect class=")) {
                assert!(number(tag, "x") + number(tag, "width") < width, "{tag}");
                assert!(number(tag, "y") + number(tag, "height") < height, "{tag}");
            }
        }
    }

    #[test]
    fn no_two_boxes_overlap_and_arrows_go_down() {
        let picture = svg(&drawing(0));
        let tags: Vec<&str> = picture.lines().filter(|line| line.starts_with("<rect class=")).collect();
        for (at, left) in tags.iter().enumerate() {
            for right in &tags[at + 1..] {
                let apart = |side, size| number(left, side).abs_diff(number(right, side)) >= number(left, size);
                assert!(apart("x", "width") || apart("y", "height"), "{left}\n{right}");
            }
        }
        for line in picture.lines().filter(|line| line.starts_with("<path class=")) {
            let way = line.split("d=\"M").nth(1).unwrap().split('"').next().unwrap();
            let numbers: Vec<usize> =
                way.split([' ', 'C']).filter(|n| !n.is_empty()).map(|n| n.parse().unwrap()).collect();
            assert!(numbers[7] > numbers[1], "{line}");
        }
    }

    #[test]
    fn what_a_name_contains_is_text() {
        let shape = Shape { address: Address::new("a.b", "<&\">"), status: None };
        let picture = svg(&Drawing { deployment: "d".into(), shapes: vec![shape], arrows: vec![] });
        assert_well_formed(&picture);
        assert!(picture.contains("a.b/&lt;&amp;&quot;&gt;"));
    }
}
