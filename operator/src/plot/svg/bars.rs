//! A bar for each name.

use super::{
    BAR,
    canvas::{AXIS, Anchor, Canvas, GRID, Label, Pen, TEXT},
    text::{cut, width},
};
use crate::plot::{
    color,
    figure::{Bars, Ink},
};

/// Longest name.
const NAME_ROOM: f64 = 200.0;

/// Draws with the upper left corner at `(x, y)`; gives the y below everything.
pub(super) fn draw(canvas: &mut Canvas, bars: &Bars, (x, y): (f64, f64), wide: f64) -> f64 {
    let names =
        bars.bars.iter().map(|(name, ..)| width(name, 12.0, false)).fold(0.0, f64::max).min(NAME_ROOM);
    let left = x + names + 12.0;
    let longest = bars.bars.iter().map(|(_, length)| *length).fold(0.1, f64::max);
    let most = ((longest * 10.0).ceil() / 10.0).min(1.0);
    let room = wide - (left - x) - 54.0;
    let along = |length: f64| left + room * length.clamp(0.0, most) / most;
    let bottom = y + BAR * bars.bars.len() as f64;
    for k in 0..=(most * 10.0).round() as usize {
        let length = k as f64 / 10.0;
        canvas.line((along(length), y), (along(length), bottom), Pen::new(GRID, 1.0));
        let text = format!("{} %", k * 10);
        canvas.text(&Label {
            size: 10.5,
            anchor: Anchor::Middle,
            ..Label::new(&text, along(length), bottom + 17.0)
        });
    }
    let color = color::hex(Ink::Done.rgb());
    for (k, (name, length)) in bars.bars.iter().enumerate() {
        let top = y + BAR * k as f64 + 5.0;
        let center = top + (BAR - 10.0) / 2.0;
        let shown = cut(name, 12.0, false, NAME_ROOM);
        canvas.text(&Label {
            size: 12.0,
            color: TEXT,
            anchor: Anchor::End,
            ..Label::new(&shown, left - 10.0, center + 4.0)
        });
        canvas.rect((left, top), ((along(*length) - left).max(1.0), BAR - 10.0), &color);
        let percent = format!("{:.0} %", length * 100.0);
        canvas.text(&Label {
            size: 11.0,
            color: TEXT,
            ..Label::new(&percent, along(*length) + 8.0, center + 4.0)
        });
    }
    canvas.line((left, y), (left, bottom), Pen::new(AXIS, 1.2));
    canvas.text(&Label {
        size: 12.0,
        color: TEXT,
        anchor: Anchor::Middle,
        ..Label::new(&bars.label, left + room / 2.0, bottom + 38.0)
    });
    bottom + 46.0
}
