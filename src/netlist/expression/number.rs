//! Numbers as SPICE writes them.

/// The number at the start of a text with its SPICE suffix (`t g meg k mil m u n p f a`, any
/// case; further letters are ignored), and how many bytes it takes.
pub fn number(text: &str) -> Option<(f64, usize)> {
    let bytes = text.as_bytes();
    let digits =
        |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(0);
    let mut end = whole;
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
        if end == whole + 1 && whole == 0 {
            return None;
        }
    }
    if end == 0 {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    let value: f64 = text[..end].parse().ok()?;
    let letters = bytes[end..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let suffix = text[end..end + letters].to_ascii_lowercase();
    let scaled = |factor: &str| format!("{}{factor}", &text[..end]).parse::<f64>();
    // Through the decimal text where that can be: `0.1u` is then the same bits as `0.1e-6`.
    let exact = |exponent: i32| match text[..end].contains(['e', 'E']) {
        false => scaled(&format!("e{exponent}")).ok(),
        true => Some(value * 10f64.powi(exponent)),
    };
    let value = match suffix.as_bytes() {
        [b'm', b'e', b'g', ..] => exact(6)?,
        [b'm', b'i', b'l', ..] => value * 25.4e-6,
        [first, ..] => match first {
            b't' => exact(12)?,
            b'g' => exact(9)?,
            b'k' => exact(3)?,
            b'm' => exact(-3)?,
            b'u' => exact(-6)?,
            b'n' => exact(-9)?,
            b'p' => exact(-12)?,
            b'f' => exact(-15)?,
            b'a' => exact(-18)?,
            _ => value,
        },
        [] => value,
    };
    Some((value, end + letters))
}
