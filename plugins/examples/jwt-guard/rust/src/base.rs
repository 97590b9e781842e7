//! Bytes written as text.

/// Decodes base64url as tokens are written: without padding, and in one spelling
/// only (RFC 7515, 2).
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    if text.contains('=') {
        return None; // the crate would read it
    }
    base64::decode_config(text, base64::URL_SAFE_NO_PAD).ok()
}

/// Decodes base64 with or without padding.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    base64::decode_config(text.trim_end_matches('='), base64::STANDARD_NO_PAD).ok()
}

pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() % 2 != 0 {
        return None;
    }
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    Some(digits?.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
