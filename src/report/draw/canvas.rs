//! Drawing in units of a pixel of the page, in floating point. The drawing library counts in
//! whole pixels, so the canvas is [`FINE`] times larger and the document scaled back.

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::figure::Role;

pub const FAMILY: &str = "DejaVu Sans";

/// Whole pixels of the drawing library a unit.
const FINE: f64 = 4.0;
/// What the library divides a font's size by on its way into SVG.
const FONT_SCALE: f64 = 1.24;
/// Mean advance of a character of the font, in its size.
const ADVANCE: f64 = 0.6;

pub const AREA_OPACITY: f64 = 0.45;

pub type Point = [f64; 2];

pub const BLACK_INK: RGBColor = RGBColor(34, 34, 34);
pub const QUIET_INK: RGBColor = RGBColor(95, 95, 95);
pub const GRID_INK: RGBColor = RGBColor(226, 226, 226);

/// A stroke: colour, width and, if dashed, lengths of dash and gap. Strokes are opaque: each
/// translucent one would cost the PNG a layer of its own.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    pub color: RGBColor,
    pub width: f64,
    pub dash: Option<[f64; 2]>,
}

impl Stroke {
    pub const fn solid(color: RGBColor, width: f64) -> Stroke {
        Stroke { color, width, dash: None }
    }
}

/// The house style. The colours of sets are those of Okabe and Ito, which colour-blind people can
/// tell apart; the dashes serve greyscale.
pub fn stroke(role: Role) -> Stroke {
    const SET: [RGBColor; 6] = [
        RGBColor(0, 114, 178),
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
        RGBColor(230, 159, 0),
        RGBColor(86, 86, 86),
    ];
    const DASHES: [Option<[f64; 2]>; 4] =
        [None, Some([9.0, 3.0]), Some([4.0, 2.5]), Some([1.8, 2.2])];
    match role {
        Role::Many => Stroke::solid(RGBColor(188, 188, 188), 0.75),
        Role::Some => Stroke::solid(RGBColor(86, 150, 200), 1.25),
        Role::Main => Stroke::solid(RGBColor(10, 52, 99), 2.75),
        Role::Contrast => {
            Stroke { dash: Some([8.0, 3.0]), ..Stroke::solid(RGBColor(213, 94, 0), 2.25) }
        }
        Role::Spread => Stroke::solid(RGBColor(120, 172, 214), 1.0),
        Role::Limit => {
            Stroke { dash: Some([6.0, 4.0]), ..Stroke::solid(RGBColor(70, 70, 70), 1.25) }
        }
        Role::Nth(n) => {
            Stroke { dash: DASHES[n % DASHES.len()], ..Stroke::solid(SET[n % SET.len()], 1.75) }
        }
    }
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    Left,
    Middle,
    Right,
    /// Centred, reading upwards.
    Upwards,
}

/// The width of a text, about.
pub fn text_width(text: &str, size: f64) -> f64 {
    ADVANCE * size * text.chars().count() as f64
}

pub struct Canvas<'a> {
    root: DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
}

/// Draws on a white page and returns the document.
pub fn page(width: f64, height: f64, draw: impl FnOnce(&Canvas)) -> String {
    let (w, h) = ((FINE * width) as u32, (FINE * height) as u32);
    let mut document = String::new();
    {
        let root = SVGBackend::with_string(&mut document, (w, h)).into_drawing_area();
        let canvas = Canvas { root };
        canvas.drawn(canvas.root.fill(&WHITE));
        draw(&canvas);
        canvas.drawn(canvas.root.present());
    }
    document.replacen(
        &format!(r#"width="{w}" height="{h}""#),
        &format!(r#"width="{width}" height="{height}""#),
        1,
    )
}

impl Canvas<'_> {
    pub fn line(&self, points: &[Point], stroke: Stroke) {
        let style = ShapeStyle {
            color: stroke.color.to_rgba(),
            filled: false,
            stroke_width: fine(stroke.width).max(1) as u32,
        };
        let points: Vec<(i32, i32)> = points.iter().map(pixel).collect();
        self.drawn(match stroke.dash {
            None => self.root.draw(&PathElement::new(points, style)),
            Some([dash, gap]) => {
                self.root.draw(&DashedPathElement::new(points, fine(dash), fine(gap), style))
            }
        });
    }

    /// An area that lets through what lies beneath.
    pub fn area(&self, points: &[Point], color: RGBColor) {
        let points: Vec<(i32, i32)> = points.iter().map(pixel).collect();
        self.drawn(self.root.draw(&Polygon::new(points, color.mix(AREA_OPACITY).filled())));
    }

    pub fn rectangle(&self, corner: Point, opposite: Point, style: ShapeStyle) {
        let corners = [pixel(&corner), pixel(&opposite)];
        let style = ShapeStyle { stroke_width: 4 * style.stroke_width, ..style };
        self.drawn(self.root.draw(&Rectangle::new(corners, style)));
    }

    pub fn ring(&self, centre: Point, radius: f64, stroke: Stroke) {
        let style = stroke.color.stroke_width(fine(stroke.width) as u32);
        self.drawn(self.root.draw(&Circle::new(pixel(&centre), fine(radius), style)));
    }

    pub fn disc(&self, centre: Point, radius: f64, color: RGBColor) {
        let style = color.filled();
        self.drawn(self.root.draw(&Circle::new(pixel(&centre), fine(radius), style)));
    }

    /// A text, vertically centred on its point. Characters that SVG cannot hold are drawn as the
    /// replacement character: names come from files, and may hold anything.
    pub fn text(&self, text: &str, at: Point, size: f64, anchor: Anchor, color: RGBColor) {
        let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
        let text: String =
            text.chars().map(|c| if forbidden(c) { '\u{fffd}' } else { c }).collect();
        let (horizontal, turn) = match anchor {
            Anchor::Left => (HPos::Left, FontTransform::None),
            Anchor::Middle => (HPos::Center, FontTransform::None),
            Anchor::Right => (HPos::Right, FontTransform::None),
            Anchor::Upwards => (HPos::Center, FontTransform::Rotate270),
        };
        let style = TextStyle::from((FAMILY, FINE * FONT_SCALE * size).into_font())
            .color(&color)
            .transform(turn)
            .pos(Pos::new(horizontal, VPos::Center));
        self.drawn(self.root.draw(&Text::new(text, pixel(&at), style)));
    }

    /// Drawing goes into a string, which cannot fail.
    fn drawn<E: std::fmt::Debug>(&self, result: Result<(), E>) {
        result.expect("drawing into a string");
    }
}

fn fine(length: f64) -> i32 {
    (FINE * length).round() as i32
}

fn pixel(point: &Point) -> (i32, i32) {
    (fine(point[0]), fine(point[1]))
}
