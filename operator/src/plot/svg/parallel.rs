//! Upright axes side by side.

use super::{
    canvas::{AXIS, Anchor, Canvas, Label, Path, Pen, TEXT},
    text::{cut, width},
};
use crate::plot::{
    color,
    figure::{Ink, Parallel, ParallelLine, Tone},
};

const TICK: f64 = 10.0;
/// Longest tick label.
const TICK_ROOM: f64 = 74.0;
/// Size of the names of the axes.
const NAME: f64 = 11.5;

/// Draws with the upper left corner at `(x, y)`; gives the y below everything.
pub(super) fn draw(
    canvas: &mut Canvas,
    parallel: &Parallel,
    (x, y): (f64, f64),
    (wide, high): (f64, f64),
) -> f64 {
    let distance = wide / parallel.axes.len() as f64;
    let at = |axis: usize| x + distance * (axis as f64 + 0.35);
    let turned = parallel.axes.iter().any(|axis| width(&axis.label, NAME, true) > distance - 10.0);
    let top = y + if turned { 52.0 } else { 24.0 };
    let bottom = y + high - 16.0;
    let height = |axis: usize, value: f64| {
        bottom - (bottom - top) * parallel.axes[axis].scale.at(value).clamp(0.0, 1.0)
    };

    for group in lines_by_color(&parallel.lines) {
        let mut path = Path::default();
        for line in &group.lines {
            trace(&mut path, line, &at, &height);
        }
        canvas.stroke(&path, Pen { opacity: group.opacity, ..Pen::new(&group.color, group.width) });
    }
    for (k, axis) in parallel.axes.iter().enumerate() {
        let x = at(k);
        let last = k + 1 == parallel.axes.len();
        canvas.line((x, top), (x, bottom), Pen::new(AXIS, if last { 2.0 } else { 1.2 }));
        if turned {
            let name = cut(&axis.label, NAME, true, 104.0);
            canvas.text(&Label {
                size: NAME,
                color: TEXT,
                bold: true,
                turn: -24.0,
                ..Label::new(&name, x - 4.0, top - 9.0)
            });
        } else {
            let anchor = Anchor::Middle;
            canvas.text(&Label {
                size: NAME,
                color: TEXT,
                bold: true,
                anchor,
                ..Label::new(&axis.label, x, top - 11.0)
            });
        }
        let mut free_below = f64::INFINITY;
        for tick in axis.scale.ticks(6) {
            let y = bottom - (bottom - top) * tick.at;
            let labelled = !tick.label.is_empty();
            canvas.line((x, y), (x + if labelled { 5.0 } else { 3.0 }, y), Pen::new(AXIS, 1.0));
            if labelled && y + 4.0 < free_below {
                let label = cut(&tick.label, TICK, false, TICK_ROOM.min(distance - 14.0));
                canvas.text(&Label {
                    size: TICK,
                    halo: true,
                    color: TEXT,
                    ..Label::new(&label, x + 8.0, y + 3.6)
                });
                free_below = y - 7.0;
            }
        }
    }
    bottom + 14.0
}

/// A piece for each run of axes on which the line has values; a dash across the axis where it has neighbours on
/// neither side.
fn trace(
    path: &mut Path,
    line: &ParallelLine,
    at: &impl Fn(usize) -> f64,
    height: &impl Fn(usize, f64) -> f64,
) {
    let place =
        |axis: usize| line.values.get(axis).copied().flatten().map(|value| (at(axis), height(axis, value)));
    let mut drawing = false;
    for axis in 0..line.values.len() {
        match (place(axis), drawing) {
            (Some(place), true) => path.line_to(place),
            (Some((x, y)), false) => {
                let alone = place(axis + 1).is_none();
                path.move_to(if alone { (x - 6.0, y) } else { (x, y) });
                if alone {
                    path.line_to((x + 6.0, y));
                }
            }
            (None, _) => {}
        }
        drawing = place(axis).is_some();
    }
}

struct Group<'a> {
    color: String,
    width: f64,
    opacity: f64,
    lines: Vec<&'a ParallelLine>,
}

/// Lines of one shade as one path, in the order in which their shades first come. Shades rather than single lines
/// keep the file small; within a shade their order cannot be seen.
fn lines_by_color(lines: &[ParallelLine]) -> Vec<Group<'_>> {
    const SHADES: f64 = 16.0;
    // A path paints each place once, so single lines show better than one path where they are few.
    let single = lines.len() <= 400;
    let mut groups: Vec<Group<'_>> = Vec::new();
    for line in lines {
        let (rgb, width, opacity) = match line.tone {
            Tone::Ramp(tone) => {
                let shade = (tone * SHADES).round() / SHADES;
                (color::ramp(shade), 1.3, if lines.len() > 200 { 0.4 } else { 0.65 })
            }
            Tone::Ink(Ink::Best) => (Ink::Best.rgb(), 3.0, 1.0),
            Tone::Ink(ink) => (ink.rgb(), 1.3, 0.5),
        };
        let color = color::hex(rgb);
        match groups.last_mut() {
            Some(group) if !single && group.color == color => group.lines.push(line),
            _ => groups.push(Group { color, width, opacity, lines: vec![line] }),
        }
    }
    groups
}
