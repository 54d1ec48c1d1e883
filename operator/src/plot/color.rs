//! Colours that the colour-blind can tell apart, on white.

use super::figure::Ink;

/// Red, green, blue.
pub(super) type Rgb = (u8, u8, u8);

impl Ink {
    /// From the palette of Okabe and Ito (2008), which stays distinct under all common forms of colour blindness.
    pub(super) fn rgb(self) -> Rgb {
        match self {
            Self::Best => (0xD5, 0x5E, 0x00),
            Self::Done => (0x00, 0x72, 0xB2),
            Self::Early => (0x8A, 0x99, 0xA8),
            Self::Failed => (0xB0, 0x3A, 0x7C),
            Self::Guide => (0xB8, 0xBF, 0xC7),
        }
    }
}

/// Colours of [`ramp`], equally spaced: viridis (van der Walt and Smith 2015) from its dark end, without the lightest
/// tenth, which is too pale on white.
const VIRIDIS: [Rgb; 10] = [
    (0x44, 0x01, 0x54),
    (0x48, 0x25, 0x75),
    (0x41, 0x44, 0x87),
    (0x35, 0x5F, 0x8D),
    (0x2A, 0x78, 0x8E),
    (0x21, 0x91, 0x8C),
    (0x22, 0xA8, 0x84),
    (0x43, 0xBF, 0x71),
    (0x7A, 0xD1, 0x51),
    (0xBB, 0xDF, 0x27),
];

/// The colour at `tone`: 0 is the darkest, 1 the lightest.
pub(super) fn ramp(tone: f64) -> Rgb {
    let place = tone.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let lower = (place.floor() as usize).min(VIRIDIS.len() - 2);
    let part = place - lower as f64;
    let mix = |from: u8, to: u8| (f64::from(from) + part * (f64::from(to) - f64::from(from))).round() as u8;
    let ((r0, g0, b0), (r1, g1, b1)) = (VIRIDIS[lower], VIRIDIS[lower + 1]);
    (mix(r0, r1), mix(g0, g1), mix(b0, b1))
}

/// As SVG writes it.
pub(super) fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
