//! The colours of a spectrogram, from black over purple and orange to pale yellow.
//!
//! `magma` by Nathaniel J. Smith and Stéfan van der Walt, CC0 (<https://bids.github.io/colormap/>): equal steps of the value
//! look like equal steps of brightness, to colour-blind people and in print too. Every sixteenth of its 256 colours is here;
//! a straight line between two of them is at most 3 of 255 away from the original.
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]

type Rgb = [u8; 3];

const MAGMA: [Rgb; 17] = [
    [0, 0, 4],
    [10, 8, 34],
    [29, 17, 71],
    [54, 16, 107],
    [81, 18, 124],
    [106, 28, 129],
    [131, 38, 129],
    [156, 46, 127],
    [183, 55, 121],
    [207, 64, 112],
    [229, 80, 100],
    [244, 105, 92],
    [251, 135, 97],
    [254, 165, 113],
    [254, 194, 135],
    [253, 224, 161],
    [252, 253, 191],
];

/// The 256 colours, each as red, green and blue: a PNG palette.
pub(super) fn palette() -> Vec<u8> {
    let steps = (MAGMA.len() - 1) as u16;
    (0..=255_u16).flat_map(|value| at(f32::from(value * steps) / 255.0)).collect()
}

/// The colour at a place in the table.
fn at(place: f32) -> Rgb {
    let below = place as usize;
    let from = MAGMA.get(below).copied().unwrap_or_default();
    let to = MAGMA.get(below + 1).copied().unwrap_or(from);
    let mut mixed = from;
    for (channel, to) in mixed.iter_mut().zip(to) {
        *channel = (f32::from(*channel) + place.fract() * (f32::from(to) - f32::from(*channel))).round() as u8;
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_is_magma() {
        // Colours of matplotlib's table between those that are here.
        let colours = palette();
        assert_eq!(colours.len(), 768);
        for (index, rgb) in
            [(0, [0, 0, 4]), (24, [19, 13, 52]), (100, [137, 40, 129]), (200, [253, 152, 105]), (255, [252, 253, 191])]
        {
            let found = &colours[index * 3..index * 3 + 3];
            let near = found.iter().zip(rgb).all(|(a, b): (&u8, u8)| a.abs_diff(b) <= 3);
            assert!(near, "{index}: {found:?}, in magma {rgb:?}");
        }
    }
}
