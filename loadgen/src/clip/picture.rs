//! The test picture: every frame can be made again from its number, and carries the number twice: as a bar code across the top, which the
//! browser tests read (`e2e/harness/picture.mjs` draws the same luma), and as digits in colour only, which people read.
//!
//! ```text
//! | 1 0 | sender 3 bits | frame 9 bits | check 4 bits | 0 1 |   20 blocks across the top, white for one
//! |      042          two moving waves and a disc that circles |
//! ```

use std::f64::consts::TAU;

pub(super) const WIDTH: usize = 640;
pub(super) const HEIGHT: usize = 360;
/// The film repeats after so many frames.
pub(super) const FRAMES: usize = 100;
/// Who the bar code names; the senders of the browser tests are 1 to 3.
const SENDER: usize = 7;
const BLOCK: usize = WIDTH / 20;
const GREY: u8 = 128;
/// Chroma of the digits and the disc: strong enough to read, too weak to push a colour out of its range.
const TINT: u8 = 40;

/// One frame in I420: luma, then both chroma planes of a quarter each.
pub(super) fn draw(frame: usize) -> Vec<u8> {
    let scene = Scene::new(frame);
    let mut planes = Vec::with_capacity(WIDTH * HEIGHT * 3 / 2);
    planes.extend((0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y))).map(|(x, y)| scene.luma(x, y)));
    for is_red in [false, true] {
        let pixels = (0..HEIGHT / 2).flat_map(|y| (0..WIDTH / 2).map(move |x| (x * 2, y * 2)));
        planes.extend(pixels.map(|(x, y)| scene.chroma(x, y, is_red)));
    }
    planes
}

struct Scene {
    code: usize,
    across: Vec<f64>,
    down: Vec<f64>,
    disc: (f64, f64),
    digits: [usize; 3],
}

impl Scene {
    fn new(frame: usize) -> Self {
        let check = (SENDER * 5 + frame * 3 + (frame >> 4) * 7) & 15;
        let turn = TAU * frame as f64 / FRAMES as f64;
        let wave = |at: usize, period: f64, phase: f64, height: f64| height * (TAU * at as f64 / period + phase).sin();
        Self {
            code: (2 << 18) | (SENDER << 15) | (frame << 6) | (check << 2) | 1,
            across: (0..WIDTH).map(|x| wave(x, 160.0, turn * 3.0, 45.0)).collect(),
            down: (0..HEIGHT).map(|y| wave(y, 90.0, SENDER as f64 - turn * 2.0, 30.0)).collect(),
            disc: (WIDTH as f64 / 2.0 + 180.0 * turn.cos(), HEIGHT as f64 / 2.0 + 30.0 + 80.0 * turn.sin()),
            digits: [frame / 100 % 10, frame / 10 % 10, frame % 10],
        }
    }

    fn luma(&self, x: usize, y: usize) -> u8 {
        if y < BLOCK {
            return if (self.code >> (19 - x / BLOCK)) & 1 == 1 { 235 } else { 16 };
        }
        if self.is_in_disc(x, y) { 220 } else { (125.0 + self.across[x] + self.down[y]) as u8 }
    }

    fn chroma(&self, x: usize, y: usize, is_red: bool) -> u8 {
        match (y < BLOCK, self.is_in_digit(x, y)) {
            (true, _) => GREY,
            (false, true) => {
                if is_red {
                    GREY + TINT
                } else {
                    GREY - TINT
                }
            }
            (false, false) if self.is_in_disc(x, y) => {
                if is_red {
                    GREY - TINT / 2
                } else {
                    GREY + TINT / 2
                }
            }
            (false, false) => {
                if is_red {
                    GREY - TINT / 4
                } else {
                    GREY + TINT / 2
                }
            }
        }
    }

    fn is_in_disc(&self, x: usize, y: usize) -> bool {
        (x as f64 - self.disc.0).powi(2) + (y as f64 - self.disc.1).powi(2) < 40.0 * 40.0
    }

    /// Digits of seven segments, in a corner.
    fn is_in_digit(&self, x: usize, y: usize) -> bool {
        let (Some(x), Some(y)) = (x.checked_sub(24), y.checked_sub(BLOCK + 16)) else {
            return false;
        };
        let (width, height, gap) = (40, 72, 16);
        let Some(digit) = self.digits.get(x / (width + gap)) else {
            return false;
        };
        segments(*digit).iter().any(|(left, top, right, bottom)| {
            let column = x % (width + gap);
            (left * width / 4..right * width / 4).contains(&column) && (top * height / 8..bottom * height / 8).contains(&y)
        })
    }
}

/// The lit segments of a digit as rectangles in a grid of 4 x 8.
fn segments(digit: usize) -> Vec<(usize, usize, usize, usize)> {
    const RECTANGLES: [(usize, usize, usize, usize); 7] =
        [(0, 0, 4, 1), (3, 0, 4, 4), (3, 4, 4, 8), (0, 7, 4, 8), (0, 4, 1, 8), (0, 0, 1, 4), (0, 3, 4, 5)];
    /// One bit a segment, the top one first, clockwise, the middle one last.
    const LIT: [u8; 10] =
        [0b111_1110, 0b011_0000, 0b110_1101, 0b111_1001, 0b011_0011, 0b101_1011, 0b101_1111, 0b111_0000, 0b111_1111, 0b111_1011];
    RECTANGLES.iter().enumerate().filter(|(n, _)| LIT[digit] >> (6 - n) & 1 == 1).map(|(_, rectangle)| *rectangle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_differ_and_repeat() {
        assert_eq!(draw(0).len(), WIDTH * HEIGHT * 3 / 2);
        assert!(draw(0) != draw(1));
        let luma = |frame: usize| draw(frame)[WIDTH * BLOCK..WIDTH * HEIGHT].to_vec();
        // A pixel on the disc's edge may fall to either side by rounding.
        let different = luma(0).iter().zip(luma(FRAMES)).filter(|(first, after)| first.abs_diff(*after) > 1).count();
        assert!(different < 10, "the picture ends where it began, but for {different} pixels");
    }

    #[test]
    fn the_bar_code_is_that_of_the_browser_tests() {
        let picture = draw(42);
        let bits: usize = (0..20).fold(0, |code, block| code << 1 | usize::from(picture[block * BLOCK + BLOCK / 2] > 125));
        assert_eq!((bits >> 15 & 7, bits >> 6 & 511, bits >> 18, bits & 3), (SENDER, 42, 2, 1));
    }
}
