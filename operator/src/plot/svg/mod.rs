//! Figures as SVG.

mod bars;
mod canvas;
mod panel;
mod parallel;
pub(super) mod text;

use canvas::{Anchor, Canvas, Label, MUTED, Path, Pen, TEXT};

use super::{
    color,
    figure::{Body, Figure, Ink, Marks, Panel, Parallel, Ramp, Tone},
};

/// Space around everything.
const MARGIN: f64 = 18.0;
/// Size of a panel that stands alone, with its axes.
const ALONE: (f64, f64) = (880.0, 430.0);
/// Size of a panel among others, without its axis labels.
const AMONG: (f64, f64) = (300.0, 220.0);
/// Most panels beside each other.
const COLUMNS: usize = 3;
/// Room between two axes of parallel coordinates.
const AXIS_DISTANCE: f64 = 104.0;
/// Height of a bar and the gap under it.
const BAR: f64 = 30.0;
/// Height of a line of notes.
const NOTE: f64 = 16.0;

/// Draws a figure.
pub(super) fn draw(figure: &Figure) -> String {
    let mut canvas = Canvas::new(&figure.title);
    let width = MARGIN * 2.0 + body_width(&figure.body);
    let mut y = header(&mut canvas, figure, width);
    y = match &figure.body {
        Body::Panels(panels) => panels_below(&mut canvas, panels, y),
        Body::Parallel(parallel) => {
            parallel::draw(&mut canvas, parallel, (MARGIN, y), (width - 2.0 * MARGIN, ALONE.1))
        }
        Body::Bars(bars) => bars::draw(&mut canvas, bars, (MARGIN, y), width - 2.0 * MARGIN),
    };
    for note in &figure.notes {
        y += NOTE;
        canvas.text(&Label { size: 10.5, ..Label::new(note, MARGIN, y) });
    }
    canvas.finish(width, y + MARGIN, &figure.title)
}

fn body_width(body: &Body) -> f64 {
    match body {
        Body::Panels(panels) if panels.len() > 1 => {
            let columns = columns(panels.len()) as f64;
            (panel::left_room(&panels[0], true) + columns * AMONG.0).max(640.0)
        }
        Body::Panels(_) | Body::Bars(_) => ALONE.0,
        Body::Parallel(parallel) => (AXIS_DISTANCE * parallel.axes.len() as f64).max(ALONE.0),
    }
}

fn columns(panels: usize) -> usize {
    if panels == 4 { 2 } else { panels.min(COLUMNS) }
}

/// Title, subtitle, legend; gives the y below them.
fn header(canvas: &mut Canvas, figure: &Figure, width: f64) -> f64 {
    let room = width - 2.0 * MARGIN;
    let title = text::cut(&figure.title, 17.0, true, room);
    canvas.text(&Label { size: 17.0, color: TEXT, bold: true, ..Label::new(&title, MARGIN, MARGIN + 16.0) });
    let subtitle = text::cut(&figure.subtitle, 12.0, false, room);
    canvas.text(&Label { size: 12.0, ..Label::new(&subtitle, MARGIN, MARGIN + 36.0) });
    let mut x = MARGIN;
    let mut y = MARGIN + 62.0;
    let mut any = false;
    for (label, ink, marks) in legend(&figure.body) {
        let wide = 24.0 + text::width(label, 11.0, false) + 18.0;
        if any && x + wide > width - MARGIN {
            x = MARGIN;
            y += 18.0;
        }
        any = true;
        key(canvas, (x + 8.0, y - 4.0), ink, marks);
        canvas.text(&Label { color: TEXT, ..Label::new(label, x + 22.0, y) });
        x += wide;
    }
    if let Some(ramp) = &figure.ramp {
        let wide = ramp_width(ramp);
        if any && x + wide > width - MARGIN {
            x = MARGIN;
            y += 18.0;
        }
        any = true;
        ramp_key(canvas, ramp, x, y);
    }
    if any { y + 14.0 } else { MARGIN + 50.0 }
}

/// What needs a name: each label once.
fn legend(body: &Body) -> Vec<(&str, Ink, KeyMark)> {
    let mut entries: Vec<(&str, Ink, KeyMark)> = Vec::new();
    match body {
        Body::Panels(panels) => {
            for series in panels.iter().flat_map(|panel| &panel.series) {
                if !series.label.is_empty() && entries.iter().all(|(label, ..)| *label != series.label) {
                    entries.push((&series.label, series.ink, KeyMark::of(&series.marks)));
                }
            }
        }
        Body::Parallel(Parallel { lines, .. }) => {
            let of = |ink: Ink| lines.iter().any(|line| line.tone == Tone::Ink(ink));
            let names = [("best", Ink::Best), ("failed", Ink::Failed)];
            entries.extend(
                names.into_iter().filter(|(_, ink)| of(*ink)).map(|(label, ink)| (label, ink, KeyMark::Line)),
            );
        }
        Body::Bars(_) => {}
    }
    entries
}

/// What stands before a name in the legend.
#[derive(Clone, Copy)]
enum KeyMark {
    Line,
    Dashes,
    Dot,
    Ring,
    Cross,
}

impl KeyMark {
    fn of(marks: &Marks) -> Self {
        match marks {
            Marks::Lines { .. } | Marks::Steps(_) => Self::Line,
            Marks::Uprights(_) => Self::Dashes,
            Marks::Dots { .. } => Self::Dot,
            Marks::Rings(_) => Self::Ring,
            Marks::Crosses(_) => Self::Cross,
        }
    }
}

fn key(canvas: &mut Canvas, (x, y): (f64, f64), ink: Ink, mark: KeyMark) {
    let color = color::hex(ink.rgb());
    let mut path = Path::default();
    match mark {
        KeyMark::Line | KeyMark::Dashes => {
            let dashed = matches!(mark, KeyMark::Dashes);
            canvas.line((x - 8.0, y), (x + 8.0, y), Pen { dashed, ..Pen::new(&color, 2.0) });
        }
        KeyMark::Dot => {
            path.dot((x, y));
            canvas.stroke(&path, Pen::new(&color, 7.0));
        }
        KeyMark::Ring => canvas.ring((x, y), 4.5, Pen::new(&color, 2.0)),
        KeyMark::Cross => {
            path.cross((x, y), 3.5);
            canvas.stroke(&path, Pen::new(&color, 1.8));
        }
    }
}

const RAMP_BAR: f64 = 90.0;

fn ramp_width(ramp: &Ramp) -> f64 {
    let texts = [&ramp.label, &ramp.foremost, &ramp.last];
    texts.iter().map(|part| text::width(part, 11.0, false) + 10.0).sum::<f64>() + RAMP_BAR
}

/// The label, then the bar between what its ends stand for.
fn ramp_key(canvas: &mut Canvas, ramp: &Ramp, mut x: f64, y: f64) {
    for (part, color) in [(&ramp.label, TEXT), (&ramp.last, MUTED)] {
        canvas.text(&Label { color, ..Label::new(part, x, y) });
        x += text::width(part, 11.0, false) + 10.0;
    }
    let pieces = 30;
    let piece = RAMP_BAR / f64::from(pieces);
    for k in 0..pieces {
        let tone = 1.0 - f64::from(k) / f64::from(pieces - 1);
        // A little wider, so that no line of background shows between them.
        let size = (piece + 0.4, 9.0);
        canvas.rect((x + piece * f64::from(k), y - 8.5), size, &color::hex(color::ramp(tone)));
    }
    canvas.text(&Label::new(&ramp.foremost, x + RAMP_BAR + 10.0, y));
}

/// Lays the panels out in rows; gives the y below them.
fn panels_below(canvas: &mut Canvas, panels: &[Panel], top: f64) -> f64 {
    let [panel] = panels else {
        let columns = columns(panels.len());
        let mut y = top;
        for in_row in panels.chunks(columns) {
            let left = panel::left_room(&in_row[0], true);
            let mut below = y;
            for (column, panel) in in_row.iter().enumerate() {
                let x = MARGIN + left + AMONG.0 * column as f64;
                let first = column == 0;
                let size = (AMONG.0 - 36.0, AMONG.1);
                below = f64::max(below, panel::draw(canvas, panel, (x, y), size, first));
            }
            y = below + 16.0;
        }
        return y - 10.0;
    };
    let left = panel::left_room(panel, true);
    panel::draw(canvas, panel, (MARGIN + left, top), (ALONE.0 - left - 10.0, ALONE.1 - 60.0), true)
}

/// Where the upright middle of a vertical text stands.
fn middle(anchor_y: f64, height: f64) -> f64 {
    anchor_y + height / 2.0
}

/// A text along the left edge, read upwards.
fn upright(canvas: &mut Canvas, label: &str, x: f64, y: f64, room: f64) {
    let shown = text::cut(label, 12.0, false, room);
    canvas.text(&Label {
        size: 12.0,
        color: TEXT,
        anchor: Anchor::Middle,
        turn: -90.0,
        ..Label::new(&shown, x, y)
    });
}
