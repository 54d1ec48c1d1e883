//! A figure as data: what is to be seen, not how it is drawn. The SVG and the terminal draw the same figures.

use super::scale::Scale;

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// What it shows it of: the job, how many trials.
    pub subtitle: String,
    /// The drawing.
    pub body: Body,
    /// What the colours of a ramp mean, where one is used.
    pub ramp: Option<Ramp>,
    /// What a reader must know to read it right: what was left out, what was cut off.
    pub notes: Vec<String>,
}

/// The drawing.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Panels beside and under each other. They share the y axis.
    Panels(Vec<Panel>),
    /// Upright axes side by side, a line for each trial.
    Parallel(Parallel),
    /// A bar for each name.
    Bars(Bars),
}

/// A plane with two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Along the lower edge.
    pub x: Axis,
    /// Along the left edge.
    pub y: Axis,
    /// What is drawn, the first undermost.
    pub series: Vec<Series>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// How.
    pub scale: Scale,
}

/// Marks of one kind and colour.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// For the legend; empty: not in it.
    pub label: String,
    /// Colour.
    pub ink: Ink,
    /// The marks.
    pub marks: Marks,
}

/// x and y, in the units of the axes.
pub(super) type Place = (f64, f64);

/// Marks in a panel.
#[derive(Clone, Debug, PartialEq)]
pub enum Marks {
    /// Lines through places.
    Lines {
        /// One line each.
        paths: Vec<Vec<Place>>,
        /// In pixels.
        width: f64,
    },
    /// A line that keeps its height until the next place.
    Steps(Vec<Place>),
    /// A dot at each place.
    Dots {
        /// Where.
        places: Vec<Place>,
        /// From 0 (foremost) to 1, one for each place: a colour of the ramp. Empty: the series' own colour.
        tones: Vec<f64>,
    },
    /// A ring around each place: it stands out.
    Rings(Vec<Place>),
    /// A cross at the lower edge for each x: there is no y.
    Crosses(Vec<f64>),
    /// An upright line at each x.
    Uprights(Vec<f64>),
}

/// Colours, by what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The best.
    Best,
    /// A trial that ran to its end.
    Done,
    /// A trial that was stopped or waits.
    Early,
    /// A trial that failed.
    Failed,
    /// Something to compare with.
    Guide,
}

/// Axes side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Parallel {
    /// From left to right, at least two.
    pub axes: Vec<Axis>,
    /// The first undermost.
    pub lines: Vec<ParallelLine>,
}

/// One line across the axes.
#[derive(Clone, Debug, PartialEq)]
pub struct ParallelLine {
    /// Its value on each axis; `None` where it has none: the line has a gap there.
    pub values: Vec<Option<f64>>,
    /// Its colour.
    pub tone: Tone,
}

/// The colour of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tone {
    /// Of the ramp, from 0 (foremost) to 1.
    Ramp(f64),
    /// By meaning.
    Ink(Ink),
}

/// A bar for each name, longest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// What the length is.
    pub label: String,
    /// Name and length in [0, 1].
    pub bars: Vec<(String, f64)>,
}

/// What the colours of a ramp mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Ramp {
    /// What it shows.
    pub label: String,
    /// What the foremost colour stands for.
    pub foremost: String,
    /// What the last colour stands for.
    pub last: String,
}

impl Series {
    /// Those that hold anything.
    pub fn all<'a>(series: impl IntoIterator<Item = (&'a str, Ink, Marks)>) -> Vec<Self> {
        let some = series.into_iter().filter(|(.., marks)| !marks.is_empty());
        some.map(|(label, ink, marks)| Self { label: label.to_owned(), ink, marks }).collect()
    }
}

impl Marks {
    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Lines { paths, .. } => paths.iter().all(Vec::is_empty),
            Self::Steps(places) | Self::Rings(places) | Self::Dots { places, .. } => places.is_empty(),
            Self::Crosses(xs) | Self::Uprights(xs) => xs.is_empty(),
        }
    }
}
