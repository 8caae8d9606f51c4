//! How the memory for one large message grows as it comes.

/// The first step, in bytes, in which memory for a large message grows; it doubles from there.
const GROWTH_MIN: usize = 64 * 1024;

/// How much memory the first `len` of `need` bytes are worth: in steps that what has come pays for,
/// since a length alone must not cost us its memory, and that end at `need`, since readers may keep
/// all of it for long.
pub(super) fn growth(len: usize, need: usize) -> usize {
    let mut step = need;
    while step > GROWTH_MIN {
        step = step.div_ceil(2);
    }
    while step < need && step < len + GROWTH_MIN / 2 {
        step *= 2; // As the buffer itself grows.
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_with_the_bytes_and_fits_in_the_end() {
        for need in [70_000, 1 << 20, (1 << 20) + 20, 5_000_000] {
            let (mut len, mut before) = (0, 0);
            while len < need {
                let room = growth(len, need);
                assert!(
                    room > len && room <= len.max(GROWTH_MIN) * 4,
                    "{len} of {need}"
                );
                assert!(room >= before && room < need + 256, "{room} for {need}");
                (len, before) = (room.min(need), room);
            }
        }
    }
}
