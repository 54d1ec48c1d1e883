//! Plots of a job: figures as data, drawn as SVG, as PNG, as a page of all of them, or with characters in a terminal.

mod color;
mod figure;
mod kinds;
mod number;
mod page;
mod png;
mod scale;
mod svg;
mod terminal;

pub use figure::Figure;
pub use kinds::Kind;
pub use number::brief;

use crate::view::JobView;

/// Why there is nothing to draw.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NothingToShow(String);

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the picture could not be drawn: {0}")]
pub struct DrawError(String);

/// The figure of this kind.
///
/// # Errors
/// When the job has nothing that such a figure could show.
pub fn figure(kind: Kind, job: &JobView) -> Result<Figure, NothingToShow> {
    kinds::figure(kind, job)
}

/// The figure as an SVG document.
pub fn to_svg(figure: &Figure) -> String {
    svg::draw(figure)
}

/// The figure as a PNG file, at twice the size of the SVG.
///
/// # Errors
/// When it is too large to be drawn.
pub fn to_png(figure: &Figure) -> Result<Vec<u8>, DrawError> {
    png::render(&svg::draw(figure))
}

/// Figures below each other on one page of HTML that needs nothing else.
pub fn to_html(title: &str, figures: &[Figure]) -> String {
    page::write(title, figures)
}

/// The figure in characters, at most so many columns wide, with colours as terminals have them.
pub fn to_text(figure: &Figure, columns: usize) -> String {
    terminal::draw(figure, columns)
}
