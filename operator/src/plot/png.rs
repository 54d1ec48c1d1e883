//! SVG to PNG.

use std::sync::Arc;

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{self, fontdb},
};

use super::{DrawError, svg::text};

/// Pixels for each unit of the SVG: sharp on screens of today.
const ZOOM: f32 = 2.0;

/// Draws it with the faces we carry, whatever the machine has.
pub(super) fn render(svg: &str) -> Result<Vec<u8>, DrawError> {
    let mut faces = fontdb::Database::new();
    faces.load_font_data(text::REGULAR.to_vec());
    faces.load_font_data(text::BOLD.to_vec());
    let options =
        usvg::Options { fontdb: Arc::new(faces), font_family: "DejaVu Sans".into(), ..Default::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| DrawError(error.to_string()))?;
    let size = tree.size();
    let (width, height) = ((size.width() * ZOOM) as u32, (size.height() * ZOOM) as u32);
    let mut pixels = Pixmap::new(width, height)
        .ok_or_else(|| DrawError(format!("{width} x {height} pixels are too many")))?;
    resvg::render(&tree, Transform::from_scale(ZOOM, ZOOM), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| DrawError(error.to_string()))
}
