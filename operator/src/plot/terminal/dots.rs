//! A field of dots, eight in each character (braille), each character of one colour.

use anstyle::{AnsiColor, Style};

/// A field of dots.
pub(super) struct Dots {
    columns: usize,
    rows: usize,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    dots: u8,
    /// A character instead of dots.
    sign: Option<char>,
    color: Option<AnsiColor>,
}

impl Dots {
    /// Without dots, so many characters wide and high.
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, cells: vec![Cell::default(); columns * rows] }
    }

    /// The place of a point, both in [0, 1] from the lower left, in dots from the upper left; `None` outside.
    fn place(&self, x: f64, y: f64) -> Option<(i64, i64)> {
        let inside = |value: f64| (-1e-9..=1.0 + 1e-9).contains(&value);
        (inside(x) && inside(y)).then(|| self.place_anywhere(x, y))
    }

    fn place_anywhere(&self, x: f64, y: f64) -> (i64, i64) {
        let (width, height) = ((self.columns * 2 - 1) as f64, (self.rows * 4 - 1) as f64);
        ((x.clamp(-1.0, 2.0) * width).round() as i64, ((1.0 - y.clamp(-1.0, 2.0)) * height).round() as i64)
    }

    fn cell(&mut self, x: i64, y: i64) -> Option<&mut Cell> {
        let (column, row) = (usize::try_from(x).ok()? / 2, usize::try_from(y).ok()? / 4);
        (column < self.columns && row < self.rows).then(|| &mut self.cells[row * self.columns + column])
    }

    fn set(&mut self, x: i64, y: i64, color: AnsiColor) {
        // Braille numbers its dots down the left side, then down the right one, the lowest row last.
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        if let Some(cell) = self.cell(x, y) {
            cell.dots |= BITS[y.rem_euclid(4) as usize][x.rem_euclid(2) as usize];
            cell.color = Some(color);
        }
    }

    /// A dot.
    pub(super) fn dot(&mut self, x: f64, y: f64, color: AnsiColor) {
        if let Some((x, y)) = self.place(x, y) {
            self.set(x, y, color);
        }
    }

    /// A character in place of dots.
    pub(super) fn sign(&mut self, x: f64, y: f64, sign: char, color: AnsiColor) {
        if let Some((x, y)) = self.place(x, y)
            && let Some(cell) = self.cell(x, y)
        {
            cell.sign = Some(sign);
            cell.color = Some(color);
        }
    }

    /// A straight line of dots (Bresenham 1965).
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: AnsiColor) {
        let ((mut x, mut y), (end_x, end_y)) =
            (self.place_anywhere(from.0, from.1), self.place_anywhere(to.0, to.1));
        let (dx, dy) = ((end_x - x).abs(), -(end_y - y).abs());
        let (step_x, step_y) = ((end_x - x).signum(), (end_y - y).signum());
        let mut error = dx + dy;
        loop {
            self.set(x, y, color);
            if (x, y) == (end_x, end_y) {
                return;
            }
            let twice = 2 * error;
            if twice >= dy {
                error += dy;
                x += step_x;
            }
            if twice <= dx {
                error += dx;
                y += step_y;
            }
        }
    }

    /// The rows as text, from the top.
    pub(super) fn rows(&self) -> impl Iterator<Item = String> + '_ {
        self.cells.chunks(self.columns).map(|cells| {
            let mut row = String::new();
            for cell in cells {
                let sign = cell.sign.or_else(|| {
                    (cell.dots != 0).then(|| char::from_u32(0x2800 + u32::from(cell.dots)).unwrap_or(' '))
                });
                match (sign, cell.color) {
                    (Some(sign), Some(color)) => {
                        let style = Style::new().fg_color(Some(color.into()));
                        row.push_str(&format!("{style}{sign}{style:#}"));
                    }
                    _ => row.push(' '),
                }
            }
            row
        })
    }
}
