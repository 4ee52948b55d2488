//! JPEG and PNG pictures.

use png::{ColorType, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::numerics::conv::Shape;

/// Height and width at most, so that a damaged header cannot ask for all memory.
const LARGEST: usize = 4096;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = &[0xff, 0xd8];

/// The shape and the pixels of a picture, `[channels, height, width]`; one channel or three.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(bytes: &[u8]) -> Result<(Shape, Vec<u8>), String> {
    let (shape, mixed) = if bytes.starts_with(PNG) {
        decode_png(bytes)?
    } else if bytes.starts_with(JPEG) {
        decode_jpeg(bytes)?
    } else {
        return Err("it is neither JPEG nor PNG".into());
    };
    if shape.channels == 1 {
        return Ok((shape, mixed));
    }
    let mut pixels = Vec::with_capacity(mixed.len());
    for channel in 0..shape.channels {
        pixels.extend(mixed.iter().skip(channel).step_by(shape.channels));
    }
    Ok((shape, pixels))
}

fn decode_jpeg(bytes: &[u8]) -> Result<(Shape, Vec<u8>), String> {
    let damaged = |error| format!("it is a damaged JPEG: {error}");
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(LARGEST)
        .set_max_height(LARGEST);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (channels, space) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (1, ColorSpace::Luma),
        Some(ColorSpace::YCbCr | ColorSpace::RGB) => (3, ColorSpace::RGB),
        _ => return Err("it is neither grey nor of red, green and blue".into()),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let pixels = decoder.decode().map_err(damaged)?;
    let info = decoder.info().ok_or("it is a JPEG without a size")?;
    let shape = Shape::new(channels, usize::from(info.height), usize::from(info.width));
    whole(shape, pixels)
}

fn decode_png(bytes: &[u8]) -> Result<(Shape, Vec<u8>), String> {
    let damaged = |error| format!("it is a damaged PNG: {error}");
    let mut decoder = png::Decoder::new(bytes);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let channels = match reader.output_color_type().0 {
        ColorType::Grayscale => 1,
        ColorType::Rgb => 3,
        _ => return Err("it has transparent pixels".into()),
    };
    let (height, width) = (reader.info().height as usize, reader.info().width as usize);
    if height.max(width) > LARGEST {
        return Err(format!("it has more than {LARGEST} rows or columns"));
    }
    let mut pixels = vec![0; reader.output_buffer_size()];
    reader.next_frame(&mut pixels).map_err(damaged)?;
    whole(Shape::new(channels, height, width), pixels)
}

fn whole(shape: Shape, pixels: Vec<u8>) -> Result<(Shape, Vec<u8>), String> {
    match shape.size() > 0 && pixels.len() == shape.size() {
        true => Ok((shape, pixels)),
        false => Err(format!("it has {} numbers, not {shape}", pixels.len())),
    }
}
