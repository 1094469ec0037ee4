//! The sizes of small blocks.

use super::UNIT;

/// Classes of small blocks. What is larger than the last of them (1 MiB) is a large block.
pub const CLASSES: usize = 57;

/// Bytes of a whole block of `class`: quarter steps between powers of two, rounded up to units.
pub fn class_bytes(class: usize) -> usize {
    let (power, quarter) = (class / 4, class % 4);
    ((UNIT << power) / 4 * (4 + quarter)).next_multiple_of(UNIT)
}

/// The smallest class for blocks of that many bytes, headers included. None: it is a large block.
pub fn class_for(bytes: usize) -> Option<usize> {
    let bytes = bytes.max(UNIT);
    let power = (bytes / UNIT).ilog2() as usize;
    (power * 4..power * 4 + 8).find(|class| class_bytes(*class) >= bytes).filter(|class| *class < CLASSES)
}
