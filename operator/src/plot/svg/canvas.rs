//! Shapes, as SVG text.

/// Names of the faces to draw text with, the first found wins: the one measured, then what systems have.
const FACES: &str = "'DejaVu Sans', Verdana, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";

/// Colour of text.
pub(super) const TEXT: &str = "#1f2933";
/// Colour of text that stands back.
pub(super) const MUTED: &str = "#5f6b7a";
/// Colour of axes.
pub(super) const AXIS: &str = "#9aa5b1";
/// Colour of the grid.
pub(super) const GRID: &str = "#e4e7eb";

/// Where a text stands against its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text to draw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label<'a> {
    pub(super) text: &'a str,
    pub(super) x: f64,
    /// Of the base line.
    pub(super) y: f64,
    pub(super) size: f64,
    pub(super) color: &'a str,
    pub(super) bold: bool,
    pub(super) anchor: Anchor,
    /// Degrees, clockwise, about its place.
    pub(super) turn: f64,
    /// A white edge, for text upon lines.
    pub(super) halo: bool,
}

impl<'a> Label<'a> {
    pub(super) fn new(text: &'a str, x: f64, y: f64) -> Self {
        Self {
            text,
            x,
            y,
            size: 11.0,
            color: MUTED,
            bold: false,
            anchor: Anchor::Start,
            turn: 0.0,
            halo: false,
        }
    }
}

/// How a path is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen<'a> {
    pub(super) color: &'a str,
    pub(super) width: f64,
    pub(super) opacity: f64,
    pub(super) dashed: bool,
}

impl<'a> Pen<'a> {
    pub(super) fn new(color: &'a str, width: f64) -> Self {
        Self { color, width, opacity: 1.0, dashed: false }
    }
}

/// Collects shapes.
#[derive(Debug)]
pub(super) struct Canvas {
    body: String,
    name: String,
    clips: usize,
}

impl Canvas {
    /// Drawings on one page need different names.
    pub(super) fn new(name: &str) -> Self {
        let name = name.chars().filter(char::is_ascii_alphanumeric).collect();
        Self { body: String::new(), name, clips: 0 }
    }

    pub(super) fn text(&mut self, label: &Label<'_>) {
        if label.text.is_empty() {
            return;
        }
        let anchor = match label.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (x, y) = (n(label.x), n(label.y));
        let turn = if label.turn == 0.0 {
            String::new()
        } else {
            format!(" transform=\"rotate({} {x} {y})\"", n(label.turn))
        };
        let bold = if label.bold { " font-weight=\"bold\"" } else { "" };
        let halo = if label.halo {
            " stroke=\"#fff\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\""
        } else {
            ""
        };
        self.body.push_str(&format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{}\"{anchor}{bold}{halo}{turn}>{}</text>\n",
            n(label.size),
            label.color,
            escape(label.text)
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), pen: Pen<'_>) {
        let mut path = Path::default();
        path.move_to(from);
        path.line_to(to);
        self.stroke(&path, pen);
    }

    /// Draws the line of a path; the ends are round, so that a path without length is a dot.
    pub(super) fn stroke(&mut self, path: &Path, pen: Pen<'_>) {
        if path.0.is_empty() {
            return;
        }
        let opacity =
            if pen.opacity < 1.0 { format!(" stroke-opacity=\"{:.2}\"", pen.opacity) } else { String::new() };
        let dashes = if pen.dashed { " stroke-dasharray=\"3 4\"" } else { "" };
        self.body.push_str(&format!(
            "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linecap=\"round\" \
             stroke-linejoin=\"round\"{opacity}{dashes}/>\n",
            path.0,
            pen.color,
            n(pen.width)
        ));
    }

    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), color: &str) {
        self.body.push_str(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{color}\"/>\n",
            n(x),
            n(y),
            n(width),
            n(height)
        ));
    }

    pub(super) fn ring(&mut self, (x, y): (f64, f64), radius: f64, pen: Pen<'_>) {
        self.body.push_str(&format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"#fff\" stroke=\"{}\" stroke-width=\"{}\"/>\n",
            n(x),
            n(y),
            n(radius),
            pen.color,
            n(pen.width)
        ));
    }

    /// Draws with everything outside the rectangle cut off.
    pub(super) fn clipped(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        draw: impl FnOnce(&mut Self),
    ) {
        self.clips += 1;
        let id = format!("{}{}", self.name, self.clips);
        self.body.push_str(&format!(
            "<clipPath id=\"{id}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>\n\
             <g clip-path=\"url(#{id})\">\n",
            n(x),
            n(y),
            n(width),
            n(height)
        ));
        draw(self);
        self.body.push_str("</g>\n");
    }

    /// The whole document.
    pub(super) fn finish(self, width: f64, height: f64, title: &str) -> String {
        let (width, height) = (n(width.ceil()), n(height.ceil()));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FACES}\" role=\"img\">\n\
             <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{}</svg>\n",
            escape(title),
            self.body
        )
    }
}

/// The data of a path.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn move_to(&mut self, (x, y): (f64, f64)) {
        self.0.push_str(&format!("M{} {}", n(x), n(y)));
    }

    pub(super) fn line_to(&mut self, (x, y): (f64, f64)) {
        self.0.push_str(&format!("L{} {}", n(x), n(y)));
    }

    pub(super) fn dot(&mut self, place: (f64, f64)) {
        self.move_to(place);
        self.0.push_str("h0");
    }

    pub(super) fn cross(&mut self, (x, y): (f64, f64), reach: f64) {
        for (dx, dy) in [(reach, reach), (reach, -reach)] {
            self.move_to((x - dx, y - dy));
            self.line_to((x + dx, y + dy));
        }
    }
}

/// A tenth of a pixel is as exact as anybody sees.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn escape(text: &str) -> String {
    text.chars()
        // What XML 1.0 cannot hold even escaped.
        .filter(|&c| c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}')
        .fold(String::with_capacity(text.len()), |mut escaped, c| {
            match c {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                c => escaped.push(c),
            }
            escaped
        })
}
