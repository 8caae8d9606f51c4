//! Figures as a person reads them.

use crate::figures::Key;

/// A figure with the unit that suits its size.
pub(crate) fn in_unit(figure: f64, key: Key) -> String {
    match key {
        Key::Rate if figure >= 1e6 => format!("{} M", short(figure / 1e6)),
        Key::Rate if figure >= 1e4 => format!("{} k", short(figure / 1e3)),
        Key::Rate => short(figure),
        Key::Memory if figure >= 1048576.0 => format!("{} MiB", short(figure / 1048576.0)),
        Key::Memory if figure >= 1024.0 => format!("{} KiB", short(figure / 1024.0)),
        Key::Memory => format!("{figure:.0} B"),
        _ if figure >= 1e4 => format!("{} ms", short(figure / 1e3)),
        _ => format!("{} µs", short(figure)),
    }
}

/// Three digits.
fn short(figure: f64) -> String {
    match figure {
        0.0..0.1 => format!("{figure:.4}"),
        0.1..1.0 => format!("{figure:.3}"),
        1.0..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

/// A whole number with commas.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit_that_suits_them() {
        for (figure, key, text) in [
            (0.0712, Key::Cpu, "0.0712 µs"),
            (36.84, Key::P50, "36.8 µs"),
            (20_400.0, Key::P99, "20.4 ms"),
            (206.4, Key::Memory, "206 B"),
            (2560.0, Key::Memory, "2.50 KiB"),
            (2_240_000.0, Key::Rate, "2.24 M"),
            (8_100.0, Key::Rate, "8100"),
        ] {
            assert_eq!(in_unit(figure, key), text);
        }
        assert_eq!(grouped(1_234_567.0), "1,234,567");
        assert_eq!(grouped(100.0), "100");
    }
}
