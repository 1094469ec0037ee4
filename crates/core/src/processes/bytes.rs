//! Bytes in blocks.

use crate::blocks::Blocks;
use crate::sync::shared::Ordering;

/// Writes bytes to a block of the caller's.
pub fn write(blocks: &Blocks, block: u32, bytes: &[u8]) {
    for (i, four) in bytes.chunks(4).enumerate() {
        let mut word = [0; 4];
        word[..four.len()].copy_from_slice(four);
        if let Some(place) = blocks.region().word(Blocks::payload(block) + i * 4) {
            place.store(u32::from_le_bytes(word), Ordering::Relaxed);
        }
    }
}

/// Reads so many bytes of a block.
pub fn read(blocks: &Blocks, block: u32, bytes: usize) -> Vec<u8> {
    let word = |i| blocks.region().word(Blocks::payload(block) + i * 4).map_or(0, |word| word.load(Ordering::Relaxed));
    let mut all: Vec<_> = (0..bytes.div_ceil(4)).flat_map(|i| word(i).to_le_bytes()).collect();
    all.truncate(bytes);
    all
}
