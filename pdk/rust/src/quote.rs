//! Strings of JSON, there and back.

use std::borrow::Cow;

/// Adds text as a JSON string. What needs no escape is copied in runs.
pub(crate) fn put_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (i, &c) in bytes.iter().enumerate() {
        if c >= b' ' && c != b'"' && c != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..i]);
        start = i + 1;
        put_escape(out, c);
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

fn put_escape(out: &mut Vec<u8>, c: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'\\');
    match c {
        b'"' | b'\\' => out.push(c),
        b'\n' => out.push(b'n'),
        b'\r' => out.push(b'r'),
        b'\t' => out.push(b't'),
        _ => out.extend_from_slice(&[b'u', b'0', b'0', HEX[(c >> 4) as usize], HEX[(c & 15) as usize]]),
    }
}

/// Returns the text of a JSON string given with its quotes. Halves of a
/// surrogate pair that stand alone, and bytes that are not UTF-8, become
/// U+FFFD.
pub(crate) fn unquote(quoted: &[u8]) -> Cow<'_, str> {
    let raw = match quoted {
        [_, raw @ .., _] => raw,
        _ => return Cow::Borrowed(""),
    };
    if !raw.contains(&b'\\') {
        return String::from_utf8_lossy(raw);
    }
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|&c| c == b'\\') {
        text.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        match rest.get(1) {
            None => return lossy(text),
            Some(b'u') => {
                let (c, size) = escaped_char(rest);
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[size..];
            }
            Some(&c) => {
                text.push(simple_escape(c));
                rest = &rest[2..];
            }
        }
    }
    text.extend_from_slice(rest);
    lossy(text)
}

fn lossy<'a>(text: Vec<u8>) -> Cow<'a, str> {
    Cow::Owned(String::from_utf8(text).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

fn simple_escape(c: u8) -> u8 {
    match c {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => c,
    }
}

/// Reads `\uXXXX`, and the second half of a surrogate pair with it.
fn escaped_char(raw: &[u8]) -> (char, usize) {
    let first = match hex_unit(raw) {
        Some(unit) => unit,
        None => return (char::REPLACEMENT_CHARACTER, raw.len().min(6)),
    };
    if let Some(c) = char::from_u32(first) {
        return (c, 6);
    }
    let second = hex_unit(&raw[6..]).unwrap_or(0);
    if (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second) {
        let c = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return (char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::REPLACEMENT_CHARACTER, 6)
}

/// Returns the value of the `\uXXXX` at the start.
fn hex_unit(raw: &[u8]) -> Option<u32> {
    let digits = raw.get(..6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, &c| Some(unit << 4 | (c as char).to_digit(16)?))
}
