//! A plane with two axes.

use std::collections::HashSet;

use super::{
    canvas::{AXIS, Anchor, Canvas, GRID, Label, Path, Pen, TEXT},
    middle,
    text::{cut, width},
    upright,
};
use crate::plot::{
    color,
    figure::{Ink, Marks, Panel, Place, Series},
    scale::{Scale, Tick},
};

/// Size of tick labels.
const TICK: f64 = 10.5;
/// Longest tick label of the y axis.
const TICK_ROOM: f64 = 110.0;
/// Shades that a ramp is drawn in: one path each.
const SHADES: usize = 12;

/// Room that the y axis with its ticks and label takes to the left of the plane.
pub(super) fn left_room(panel: &Panel, labelled: bool) -> f64 {
    let widest = y_ticks(panel, 300.0).iter().map(|tick| width(&tick.label, TICK, false)).fold(0.0, f64::max);
    widest.min(TICK_ROOM) + 10.0 + if labelled { 22.0 } else { 0.0 }
}

fn y_ticks(panel: &Panel, height: f64) -> Vec<Tick> {
    panel.y.scale.ticks((height / 50.0) as usize)
}

/// Draws the plane with its upper left corner at `(x, y)` and its axes outside it; gives the y below everything.
pub(super) fn draw(
    canvas: &mut Canvas,
    panel: &Panel,
    (x, y): (f64, f64),
    (wide, high): (f64, f64),
    labelled: bool,
) -> f64 {
    let frame = Frame { panel, x, y, wide, high };
    frame.y_axis(canvas, labelled);
    let below = frame.x_axis(canvas);
    canvas.clipped((x - 4.0, y - 4.0), (wide + 8.0, high + 8.0), |canvas| {
        for series in &panel.series {
            frame.series(canvas, series);
        }
    });
    below
}

struct Frame<'a> {
    panel: &'a Panel,
    x: f64,
    y: f64,
    wide: f64,
    high: f64,
}

impl Frame<'_> {
    fn place(&self, (x, y): Place) -> (f64, f64) {
        // Far outside is outside, however far: keeps numbers in the file short.
        let up = self.panel.y.scale.at(y).clamp(-3.0, 4.0);
        (self.across(x), self.y + self.high * (1.0 - up))
    }

    fn across(&self, x: f64) -> f64 {
        self.x + self.wide * self.panel.x.scale.at(x).clamp(-3.0, 4.0)
    }

    fn y_axis(&self, canvas: &mut Canvas, labelled: bool) {
        for tick in y_ticks(self.panel, self.high) {
            let y = self.y + self.high * (1.0 - tick.at);
            if tick.label.is_empty() {
                continue;
            }
            canvas.line((self.x, y), (self.x + self.wide, y), Pen::new(GRID, 1.0));
            if labelled {
                let label = cut(&tick.label, TICK, false, TICK_ROOM);
                canvas.text(&Label {
                    size: TICK,
                    anchor: Anchor::End,
                    ..Label::new(&label, self.x - 8.0, y + 3.8)
                });
            }
        }
        if labelled {
            let x = self.x - left_room(self.panel, true) + 12.0;
            upright(canvas, &self.panel.y.label, x, middle(self.y, self.high), self.high);
        }
    }

    fn x_axis(&self, canvas: &mut Canvas) -> f64 {
        let bottom = self.y + self.high;
        canvas.line((self.x, bottom), (self.x + self.wide, bottom), Pen::new(AXIS, 1.0));
        let ticks = self.panel.x.scale.ticks((self.wide / 100.0).max(3.0) as usize);
        let turned = self.must_turn(&ticks);
        let mut lowest = bottom + 18.0;
        let mut free_from = f64::NEG_INFINITY;
        let every = if turned { ticks.len().div_ceil((self.wide / 16.0) as usize).max(1) } else { 1 };
        for (k, tick) in ticks.iter().enumerate() {
            let x = self.x + self.wide * tick.at;
            let reach = if tick.label.is_empty() { 3.0 } else { 5.0 };
            canvas.line((x, bottom), (x, bottom + reach), Pen::new(AXIS, 1.0));
            if turned {
                if k % every == 0 {
                    let label = cut(&tick.label, TICK, false, 90.0);
                    let text = Label {
                        size: TICK,
                        anchor: Anchor::End,
                        turn: -35.0,
                        ..Label::new(&label, x + 4.0, bottom + 15.0)
                    };
                    canvas.text(&text);
                    lowest = lowest.max(bottom + 15.0 + 0.58 * width(&label, TICK, false));
                }
                continue;
            }
            let half = width(&tick.label, TICK, false) / 2.0;
            if x - half < free_from {
                continue;
            }
            let text =
                Label { size: TICK, anchor: Anchor::Middle, ..Label::new(&tick.label, x, bottom + 18.0) };
            canvas.text(&text);
            if !tick.label.is_empty() {
                free_from = x + half + 6.0;
            }
        }
        let label = cut(&self.panel.x.label, 12.0, false, self.wide);
        canvas.text(&Label {
            size: 12.0,
            color: TEXT,
            anchor: Anchor::Middle,
            ..Label::new(&label, self.x + self.wide / 2.0, lowest + 19.0)
        });
        lowest + 24.0
    }

    /// Names that do not fit beside each other are written aslant.
    fn must_turn(&self, ticks: &[Tick]) -> bool {
        let Scale::Categories(names) = &self.panel.x.scale else { return false };
        let room = self.wide / names.len() as f64 - 6.0;
        ticks.iter().any(|tick| width(&tick.label, TICK, false) > room)
    }

    fn series(&self, canvas: &mut Canvas, series: &Series) {
        let color = color::hex(series.ink.rgb());
        match &series.marks {
            Marks::Lines { paths, width } => {
                let opacity = line_opacity(series.ink, paths.len());
                for places in paths {
                    let mut path = Path::default();
                    match places.as_slice() {
                        [] => {}
                        [only] => path.dot(self.place(*only)),
                        [first, rest @ ..] => {
                            path.move_to(self.place(*first));
                            for &place in rest {
                                path.line_to(self.place(place));
                            }
                        }
                    }
                    canvas.stroke(&path, Pen { opacity, ..Pen::new(&color, *width) });
                }
            }
            Marks::Steps(places) => {
                let mut path = Path::default();
                let mut level = None;
                for &place in places {
                    let (x, y) = self.place(place);
                    match level {
                        None => path.move_to((x, y)),
                        Some(level) => {
                            path.line_to((x, level));
                            path.line_to((x, y));
                        }
                    }
                    level = Some(y);
                }
                canvas.stroke(&path, Pen::new(&color, 2.4));
            }
            Marks::Dots { places, tones } if tones.is_empty() => {
                self.dots(canvas, places.iter(), &color, places.len());
            }
            Marks::Dots { places, tones } => {
                let shade = |tone: f64| (tone.clamp(0.0, 1.0) * (SHADES - 1) as f64).round() as usize;
                for level in (0..SHADES).rev() {
                    let of_shade =
                        places.iter().zip(tones).filter(|&(_, &tone)| shade(tone) == level).map(|(p, _)| p);
                    let color = color::hex(color::ramp(level as f64 / (SHADES - 1) as f64));
                    self.dots(canvas, of_shade, &color, places.len());
                }
            }
            Marks::Rings(places) => {
                for &place in places {
                    canvas.ring(self.place(place), 5.0, Pen::new(&color, 2.4));
                }
            }
            Marks::Crosses(xs) => {
                let mut path = Path::default();
                let mut seen = HashSet::new();
                for x in xs.iter().map(|&x| self.across(x)) {
                    if seen.insert((x * 2.0) as i64) {
                        path.cross((x, self.y + self.high - 6.0), 3.0);
                    }
                }
                let opacity = if seen.len() > 100 { 0.4 } else { 1.0 };
                canvas.stroke(&path, Pen { opacity, ..Pen::new(&color, 1.5) });
            }
            Marks::Uprights(xs) => {
                let mut path = Path::default();
                for x in xs.iter().map(|&x| self.across(x)) {
                    path.move_to((x, self.y));
                    path.line_to((x, self.y + self.high));
                }
                canvas.stroke(&path, Pen { dashed: true, ..Pen::new(&color, 1.2) });
            }
        }
    }

    /// Dots upon each other are drawn once: nobody sees the others.
    fn dots<'p>(
        &self,
        canvas: &mut Canvas,
        places: impl Iterator<Item = &'p Place>,
        color: &str,
        count: usize,
    ) {
        let (diameter, opacity) = match count {
            0..300 => (6.5, 0.8),
            300..2_000 => (4.5, 0.65),
            _ => (3.0, 0.5),
        };
        let mut path = Path::default();
        let mut seen = HashSet::new();
        for (x, y) in places.map(|&place| self.place(place)) {
            if seen.insert((x as i64, y as i64)) {
                path.dot((x, y));
            }
        }
        canvas.stroke(&path, Pen { opacity, ..Pen::new(color, diameter) });
    }
}

/// Many lines upon each other are drawn thinner, so that where they are dense shows.
fn line_opacity(ink: Ink, count: usize) -> f64 {
    match (ink, count) {
        (Ink::Best, _) | (_, 0..=10) => 1.0,
        (_, 11..=100) => 0.55,
        _ => 0.3,
    }
}
