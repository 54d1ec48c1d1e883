//! How wide a text is, and how it is cut to fit.

use std::sync::LazyLock;

use skrifa::{
    FontRef, MetadataProvider,
    charmap::Charmap,
    instance::{LocationRef, Size},
    metrics::GlyphMetrics,
};

/// The face that pictures are drawn with. SVG viewers without it take another, seldom a wider one.
pub(in crate::plot) static REGULAR: LazyLock<&[u8]> = LazyLock::new(dejavu::sans::regular);
/// Its bold face.
pub(in crate::plot) static BOLD: LazyLock<&[u8]> = LazyLock::new(dejavu::sans::bold);

/// Advance of a character in no face, in ems.
const UNKNOWN: f32 = 0.7;

/// Width in pixels at this size.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let Ok(font) = FontRef::new(if bold { *BOLD } else { *REGULAR }) else {
        return text.chars().count() as f64 * f64::from(UNKNOWN) * size;
    };
    let metrics: GlyphMetrics<'_> = font.glyph_metrics(Size::new(1.0), LocationRef::default());
    let characters: Charmap<'_> = font.charmap();
    let ems: f32 = text
        .chars()
        .map(|character| {
            characters.map(character).and_then(|glyph| metrics.advance_width(glyph)).unwrap_or(UNKNOWN)
        })
        .sum();
    f64::from(ems) * size
}

/// The text, or as much of it as fits with an ellipsis.
pub(super) fn cut(text: &str, size: f64, bold: bool, room: f64) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while kept.pop().is_some() {
        let shown = format!("{}…", kept.trim_end());
        if width(&shown, size, bold) <= room {
            return shown;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_face() {
        assert!(width("iiii", 10.0, false) < width("mmmm", 10.0, false));
        assert!((width("m", 20.0, false) - 2.0 * width("m", 10.0, false)).abs() < 1e-6);
        assert!(width("learningRate", 10.0, true) > width("learningRate", 10.0, false));
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        assert_eq!(cut("lr", 10.0, false, 100.0), "lr");
        let shown = cut("label_smoothing_factor", 10.0, false, 60.0);
        assert!(shown.ends_with('…') && shown.starts_with("label") && width(&shown, 10.0, false) <= 60.0);
    }
}
