//! Figures as SVG, and that SVG as PNG. One house style: light grid, labels at the lines or in a
//! key above the plot, roles told apart by thickness and dash as well as by colour.

mod canvas;
mod chart;
mod gallery;

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg;

use super::figure::{Body, Figure};
use canvas::FAMILY;

/// Pixels of the PNG a unit of the SVG.
const ZOOM: f32 = 2.0;
/// DejaVu Sans, reduced; its licence lies beside it.
const FONT: &[u8] = include_bytes!("../font/DejaVuSans-subset.ttf");

/// The figure as an SVG document.
pub fn svg(figure: &Figure) -> String {
    match &figure.body {
        Body::Chart(chart) => chart::draw(&figure.title, std::slice::from_ref(chart)),
        Body::Panels(charts) => chart::draw(&figure.title, charts),
        Body::Gallery(gallery) => gallery::draw(&figure.title, gallery),
    }
}

/// An SVG document made by [`svg`] as the bytes of a PNG file, on white.
///
/// # Errors
/// When the picture cannot be encoded.
///
/// # Panics
/// When the document is not SVG.
pub fn png(svg: &str) -> std::io::Result<Vec<u8>> {
    let options = usvg::Options {
        fontdb: fonts(),
        font_family: FAMILY.to_string(),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).expect("our own figures are SVG");
    let size = tree.size();
    let (width, height) = ((size.width() * ZOOM) as u32, (size.height() * ZOOM) as u32);
    let mut pixels = Pixmap::new(width, height).expect("figures have a size");
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(ZOOM, ZOOM), &mut pixels.as_mut());
    encoded(&pixels).map_err(std::io::Error::other)
}

/// Without the alpha of its pixels, which are opaque.
fn encoded(pixels: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let colours: Vec<u8> = pixels.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&colours)?;
    writer.finish()?;
    Ok(bytes)
}

/// The bundled font alone, so that a figure looks the same on every machine.
fn fonts() -> Arc<usvg::fontdb::Database> {
    static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
    FONTS
        .get_or_init(|| {
            let mut fonts = usvg::fontdb::Database::new();
            fonts.load_font_data(FONT.to_vec());
            Arc::new(fonts)
        })
        .clone()
}

#[cfg(test)]
mod tests {
    use super::canvas::{Anchor, page};
    use super::*;

    #[test]
    fn names_that_svg_cannot_hold_are_drawn_all_the_same() {
        let name = "layer \u{1}\u{1b}[31m\u{ffff} <&\">";
        let document = page(100.0, 40.0, |canvas| {
            canvas.text(name, [5.0, 20.0], 10.0, Anchor::Left, plotters::style::BLACK);
        });
        assert!(png(&document).is_ok());
    }
}
