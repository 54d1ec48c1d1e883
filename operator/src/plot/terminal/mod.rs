//! Figures in characters.

mod dots;

use anstyle::{AnsiColor, Style};

use self::dots::Dots;
use super::{
    figure::{Axis, Bars, Body, Figure, Ink, Marks, Panel, Parallel, Series, Tone},
    scale::Scale,
};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
/// Rows of a panel that stands alone, and of one among others.
const ROWS: (usize, usize) = (16, 8);
/// Narrower than this nothing can be read.
const NARROWEST: usize = 40;
/// Wider than this the eye has to travel.
const WIDEST: usize = 120;

/// Draws a figure.
pub(super) fn draw(figure: &Figure, columns: usize) -> String {
    let columns = columns.clamp(NARROWEST, WIDEST);
    let mut lines =
        vec![format!("{BOLD}{}{BOLD:#}", figure.title), format!("{DIM}{}{DIM:#}", figure.subtitle)];
    lines.extend(legend(figure));
    lines.push(String::new());
    match &figure.body {
        Body::Panels(panels) => {
            let rows = if panels.len() == 1 { ROWS.0 } else { ROWS.1 };
            for panel in panels {
                draw_panel(&mut lines, panel, columns, rows);
            }
        }
        Body::Parallel(parallel) => draw_parallel(&mut lines, parallel, columns),
        Body::Bars(bars) => draw_bars(&mut lines, bars, columns),
    }
    lines.extend(figure.notes.iter().map(|note| format!("{DIM}{note}{DIM:#}")));
    lines.join("\n") + "\n"
}

/// The terminal's own colours, which its owner can read on its background.
fn color(ink: Ink) -> AnsiColor {
    match ink {
        Ink::Best => AnsiColor::Yellow,
        Ink::Done => AnsiColor::Cyan,
        Ink::Early | Ink::Guide => AnsiColor::BrightBlack,
        Ink::Failed => AnsiColor::Magenta,
    }
}

fn ramp(tone: f64) -> AnsiColor {
    match tone {
        tone if tone < 0.25 => AnsiColor::Green,
        tone if tone < 0.6 => AnsiColor::Cyan,
        _ => AnsiColor::Blue,
    }
}

fn painted(text: &str, color: AnsiColor) -> String {
    let style = Style::new().fg_color(Some(color.into()));
    format!("{style}{text}{style:#}")
}

fn legend(figure: &Figure) -> Option<String> {
    let mut entries: Vec<(String, String)> = Vec::new();
    if let Body::Panels(panels) = &figure.body {
        for Series { label, ink, marks } in panels.iter().flat_map(|panel| &panel.series) {
            if !label.is_empty() && entries.iter().all(|(other, _)| other != label) {
                let sign = match marks {
                    Marks::Lines { .. } | Marks::Steps(_) => "━",
                    Marks::Dots { .. } => "•",
                    Marks::Rings(_) => "o",
                    Marks::Crosses(_) => "x",
                    Marks::Uprights(_) => "¦",
                };
                entries.push((label.clone(), painted(sign, color(*ink))));
            }
        }
    }
    if let Body::Parallel(parallel) = &figure.body {
        for (label, ink) in [("best", Ink::Best), ("failed", Ink::Failed)] {
            if parallel.lines.iter().any(|line| line.tone == Tone::Ink(ink)) {
                entries.push((label.to_owned(), painted("━", color(ink))));
            }
        }
    }
    if let Some(key) = &figure.ramp {
        let signs: String = [1.0, 0.4, 0.0].map(|tone| painted("━━", ramp(tone))).concat();
        entries.push((format!("{} {}", signs, key.foremost), format!("{} {}", key.label, key.last)));
    }
    let texts: Vec<String> = entries.into_iter().map(|(label, sign)| format!("{sign} {label}")).collect();
    (!texts.is_empty()).then(|| texts.join("   "))
}

fn draw_panel(lines: &mut Vec<String>, panel: &Panel, columns: usize, rows: usize) {
    let labels = upright_labels(&panel.y.scale, rows);
    let left = labels.iter().map(|label| label.chars().count()).max().unwrap_or_default();
    let mut field = Dots::new(columns - left - 2, rows);
    for series in &panel.series {
        draw_series(&mut field, panel, series);
    }
    lines.push(format!("{DIM}{:left$}  {}{DIM:#}", "", panel.y.label));
    for (label, row) in labels.iter().zip(field.rows()) {
        lines.push(format!("{DIM}{label:>left$} │{DIM:#}{row}"));
    }
    lines.push(format!("{DIM}{:left$} └{}{DIM:#}", "", "─".repeat(columns - left - 2)));
    let below = level_labels(&panel.x, columns - left - 2);
    lines.push(format!("{DIM}{:left$}  {below}{DIM:#}", ""));
    lines.push(format!("{:left$}  {:^2$}", "", panel.x.label, columns - left - 2));
    lines.push(String::new());
}

/// For each row the label of the tick that lies in it, from the top.
fn upright_labels(scale: &Scale, rows: usize) -> Vec<String> {
    let mut labels = vec![String::new(); rows];
    for tick in scale.ticks(rows / 3) {
        let row = ((1.0 - tick.at) * (rows - 1) as f64).round();
        if let Some(label) = labels.get_mut(row as usize)
            && label.is_empty()
        {
            *label = shortened(&tick.label, 16);
        }
    }
    labels
}

/// The labels under an axis, each with its middle at its tick, none touching another.
fn level_labels(axis: &Axis, columns: usize) -> String {
    let mut line: Vec<char> = vec![' '; columns];
    let mut free_from = 0;
    let ticks = axis.scale.ticks(columns / 14);
    let room = columns / ticks.len().max(1);
    for tick in ticks.iter().filter(|tick| !tick.label.is_empty()) {
        let label: Vec<char> = shortened(&tick.label, room.max(8) - 1).chars().collect();
        let middle = (tick.at * (columns - 1) as f64).round() as usize;
        let start = middle.saturating_sub(label.len() / 2).min(columns.saturating_sub(label.len()));
        if start >= free_from && start + label.len() <= columns {
            line[start..start + label.len()].copy_from_slice(&label);
            free_from = start + label.len() + 1;
        }
    }
    line.into_iter().collect::<String>().trim_end().to_owned()
}

fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

fn draw_series(field: &mut Dots, panel: &Panel, series: &Series) {
    let place = |&(x, y): &(f64, f64)| (panel.x.scale.at(x), panel.y.scale.at(y));
    let own = color(series.ink);
    match &series.marks {
        Marks::Lines { paths, .. } => {
            for path in paths {
                if let [only] = path.as_slice() {
                    let (x, y) = place(only);
                    field.dot(x, y, own);
                }
                for pair in path.windows(2) {
                    field.line(place(&pair[0]), place(&pair[1]), own);
                }
            }
        }
        Marks::Steps(path) => {
            for pair in path.windows(2) {
                let (from, to) = (place(&pair[0]), place(&pair[1]));
                field.line(from, (to.0, from.1), own);
                field.line((to.0, from.1), to, own);
            }
        }
        Marks::Dots { places, tones } => {
            for (k, at) in places.iter().enumerate() {
                let (x, y) = place(at);
                field.dot(x, y, tones.get(k).map_or(own, |&tone| ramp(tone)));
            }
        }
        Marks::Rings(places) => {
            for at in places {
                let (x, y) = place(at);
                field.sign(x, y, 'o', own);
            }
        }
        Marks::Crosses(xs) => {
            for &x in xs {
                field.sign(panel.x.scale.at(x), 0.0, 'x', own);
            }
        }
        Marks::Uprights(xs) => {
            for x in xs.iter().map(|&x| panel.x.scale.at(x)) {
                for k in 0..=20 {
                    field.dot(x, f64::from(k) / 20.0, own);
                }
            }
        }
    }
}

fn draw_parallel(lines: &mut Vec<String>, parallel: &Parallel, columns: usize) {
    let last = (parallel.axes.len() - 1) as f64;
    let mut field = Dots::new(columns, ROWS.0);
    let place =
        |axis: usize, value: f64| (axis as f64 / last, parallel.axes[axis].scale.at(value).clamp(0.0, 1.0));
    for axis in 0..parallel.axes.len() {
        let x = axis as f64 / last;
        for k in 0..=32 {
            field.dot(x, f64::from(k) / 32.0, AnsiColor::BrightBlack);
        }
    }
    for line in &parallel.lines {
        let color = match line.tone {
            Tone::Ramp(tone) => ramp(tone),
            Tone::Ink(ink) => color(ink),
        };
        for axis in 1..line.values.len() {
            if let (Some(from), Some(to)) = (line.values[axis - 1], line.values[axis]) {
                field.line(place(axis - 1, from), place(axis, to), color);
            }
        }
    }
    let ends = |axis: &Axis, highest: bool| -> String {
        let ticks = axis.scale.ticks(4);
        let mut labelled = ticks.iter().filter(|tick| !tick.label.is_empty());
        let tick = if highest { labelled.next_back() } else { labelled.next() };
        tick.map(|tick| tick.label.clone()).unwrap_or_default()
    };
    let each = |text: &dyn Fn(&Axis) -> String| spread(parallel.axes.iter().map(text), columns);
    lines.push(format!("{DIM}{}{DIM:#}", each(&|axis| ends(axis, true))));
    lines.extend(field.rows());
    lines.push(format!("{DIM}{}{DIM:#}", each(&|axis| ends(axis, false))));
    lines.push(format!("{BOLD}{}{BOLD:#}", each(&|axis| axis.label.clone())));
}

/// Texts at equal distances from edge to edge, each with its middle at its place.
fn spread(texts: impl ExactSizeIterator<Item = String>, columns: usize) -> String {
    let count = texts.len();
    let room = columns / count;
    let mut line: Vec<char> = vec![' '; columns];
    for (k, text) in texts.enumerate() {
        let text: Vec<char> = shortened(&text, room.saturating_sub(1).max(3)).chars().collect();
        let middle = k * (columns - 1) / (count - 1).max(1);
        let start = middle.saturating_sub(text.len() / 2).min(columns - text.len());
        line[start..start + text.len()].copy_from_slice(&text);
    }
    line.into_iter().collect::<String>().trim_end().to_owned()
}

fn draw_bars(lines: &mut Vec<String>, bars: &Bars, columns: usize) {
    let names = bars.bars.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or_default().min(30);
    let longest = bars.bars.iter().map(|(_, length)| *length).fold(f64::MIN_POSITIVE, f64::max);
    let room = columns - names - 10;
    for (name, length) in &bars.bars {
        // Eighths of a character.
        let eighths = (length / longest * (room * 8) as f64).round() as usize;
        let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
        let bar = painted(&("█".repeat(eighths / 8) + part), color(Ink::Done));
        lines.push(format!("{:>names$} {bar} {:.0} %", shortened(name, names), length * 100.0));
    }
    lines.push(format!("{:names$} {DIM}{}{DIM:#}", "", bars.label));
}
