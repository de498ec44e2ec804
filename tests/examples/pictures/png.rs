//! Small PNGs.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter};

/// The most colours of a palette.
const COLORS: usize = 256;

/// The keyword of the words in a picture.
const WORDS: &str = "Description";

type Pixel = [u8; 3];

/// Writes a picture of a page, unless the one that is there already has the same words.
pub fn keep(path: &Path, picture: &[u8], words: &str) -> Result<(), Box<dyn Error>> {
    if fs::read(path).is_ok_and(|old| words_of(&old).is_some_and(|old| old == words)) {
        return Ok(());
    }
    fs::write(path, small(picture, words)?)?;
    println!("{} is new.", path.display());
    Ok(())
}

fn words_of(picture: &[u8]) -> Option<String> {
    let reader = Decoder::new(Cursor::new(picture)).read_info().ok()?;
    reader.info().utf8_text.iter().find(|chunk| chunk.keyword == WORDS)?.get_text().ok()
}

/// The picture with a palette, and with words.
fn small(picture: &[u8], words: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut reader = Decoder::new(Cursor::new(picture)).read_info()?;
    let mut bytes = vec![0; reader.output_buffer_size().ok_or("the picture is too large")?];
    let frame = reader.next_frame(&mut bytes)?;
    let samples = frame.color_type.samples();
    let pixels =
        bytes[..frame.buffer_size()].chunks_exact(samples).map(|pixel| [pixel[0], pixel[1], pixel[2]]);
    let pixels = pixels.collect::<Vec<Pixel>>();
    let (palette, places) = palette(&pixels);

    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, frame.width, frame.height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette.concat());
    encoder.set_compression(Compression::High);
    encoder.set_filter(Filter::NoFilter);
    encoder.add_itxt_chunk(WORDS.to_owned(), words.to_owned())?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels.iter().map(|pixel| places[pixel]).collect::<Vec<u8>>())?;
    writer.finish()?;
    Ok(out)
}

/// The most frequent colours, and for each colour of the picture the place of the nearest one among them.
fn palette(pixels: &[Pixel]) -> (Vec<Pixel>, HashMap<Pixel, u8>) {
    let mut counts: HashMap<Pixel, usize> = HashMap::new();
    for pixel in pixels {
        *counts.entry(*pixel).or_default() += 1;
    }
    let mut colors = counts.into_iter().collect::<Vec<_>>();
    colors.sort_by_key(|(color, count)| (Reverse(*count), *color));
    let palette = colors.iter().take(COLORS).map(|(color, _)| *color).collect::<Vec<_>>();
    let distance = |one: &Pixel, other: &Pixel| -> u32 {
        one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(*other)).pow(2)).sum()
    };
    let places = colors.iter().map(|(color, _)| {
        let nearest = (0..=u8::MAX).zip(&palette).min_by_key(|(_, other)| distance(color, other));
        (*color, nearest.map_or(0, |(place, _)| place))
    });
    let places = places.collect();
    (palette, places)
}
