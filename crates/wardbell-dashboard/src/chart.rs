//! Charts, as inline SVG: drawn by presentation attributes and classes only, since the page allows no inline style.

use maud::{Markup, html};

/// The drawing's own units; it is stretched to the width that there is.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;
/// How much of a step a bar fills.
const FILL: f64 = 0.78;

/// A column: what stands on what, from below, and what it says when pointed at.
pub(crate) struct Column {
    /// Sizes in the order of the chart's layers.
    pub(crate) parts: Vec<f64>,
    pub(crate) title: String,
}

/// Stacked columns over time. `layers` are classes of the style sheet; `label` says in words what is to be seen.
pub(crate) fn columns(label: &str, layers: &[&str], columns: &[Column]) -> Markup {
    let most = columns.iter().map(|column| column.parts.iter().sum::<f64>()).fold(0.0, f64::max);
    let scale = if most > 0.0 { HEIGHT / most } else { 0.0 };
    let step = WIDTH / (columns.len().max(1) as f64);
    html! {
        svg.chart role="img" aria-label=(label) viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" {
            @for (at, column) in columns.iter().enumerate() {
                @let x = step * (at as f64) + step * (1.0 - FILL) / 2.0;
                g {
                    title { (column.title) }
                    rect.hit x=(short(step * at as f64)) y="0" width=(short(step)) height=(HEIGHT) {}
                    @for (class, bottom, size) in stacked(layers, &column.parts, scale) {
                        rect class=(class) x=(short(x)) y=(short(HEIGHT - bottom - size)) width=(short(step * FILL)) height=(short(size)) {}
                    }
                }
            }
        }
    }
}

fn stacked<'l>(layers: &[&'l str], parts: &[f64], scale: f64) -> Vec<(&'l str, f64, f64)> {
    let mut bottom = 0.0;
    let mut out = Vec::new();
    for (class, part) in layers.iter().zip(parts) {
        let size = part * scale;
        if size > 0.0 {
            out.push((*class, bottom, size));
        }
        bottom += size;
    }
    out
}

/// A share of a whole, as a bar.
pub(crate) fn share(part: f64, whole: f64) -> Markup {
    let width = if whole > 0.0 { (part / whole * 100.0).clamp(0.0, 100.0) } else { 0.0 };
    html! {
        svg.share viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.rest x="0" y="0" width="100" height="6" {}
            rect.part x="0" y="0" width=(short(width)) height="6" {}
        }
    }
}

/// A score from 0 to 1, with a mark where it begins to count.
pub(crate) fn score(score: f64, threshold: Option<f64>) -> Markup {
    html! {
        svg.meter viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.rest x="0" y="2" width="100" height="8" {}
            rect.part x="0" y="2" width=(short((score * 100.0).clamp(0.0, 100.0))) height="8" {}
            @if let Some(threshold) = threshold { rect.mark x=(short((threshold * 100.0).clamp(0.0, 99.0))) y="0" width="1" height="12" {} }
        }
    }
}

/// Phases of an attempt, one after the other.
pub(crate) fn phases(label: &str, parts: &[(&str, f64)]) -> Markup {
    let whole: f64 = parts.iter().map(|(_, size)| size).sum();
    let scale = if whole > 0.0 { 100.0 / whole } else { 0.0 };
    let mut x = 0.0;
    let mut bars = Vec::new();
    for (class, size) in parts {
        bars.push((*class, x, size * scale));
        x += size * scale;
    }
    html! {
        svg.phases role="img" aria-label=(label) viewBox="0 0 100 6" preserveAspectRatio="none" {
            @for (class, x, width) in bars { rect class=(class) x=(short(x)) y="0" width=(short(width)) height="6" {} }
        }
    }
}

/// A number of the drawing, without digits that nobody sees.
fn short(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_on_each_other_and_nothing_is_drawn_of_nothing() {
        let drawn = stacked(&["a", "b", "c"], &[1.0, 0.0, 3.0], 10.0);
        assert_eq!(drawn, [("a", 0.0, 10.0), ("c", 10.0, 30.0)]);
        let empty = columns("none", &["a"], &[Column { parts: vec![0.0], title: "t".to_owned() }]).into_string();
        assert!(!empty.contains("NaN") && !empty.contains("class=\"a\""), "{empty}");
    }
}
