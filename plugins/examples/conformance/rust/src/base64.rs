//! Base64 in the standard alphabet, padded.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity((bytes.len() + 2) / 3 * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            if i <= chunk.len() {
                text.push(ALPHABET[(bits >> (18 - 6 * i) & 63) as usize] as char);
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// Returns `None` for what is no base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let chunks = text.as_bytes().chunks_exact(4);
    if !chunks.remainder().is_empty() {
        return None;
    }
    let last = text.len().saturating_sub(4);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for (i, chunk) in chunks.enumerate() {
        let padding = if i * 4 == last { chunk.iter().rev().take(2).take_while(|&&c| c == b'=').count() } else { 0 };
        let mut bits = 0;
        for &c in &chunk[..4 - padding] {
            bits = bits << 6 | ALPHABET.iter().position(|&a| a == c)? as u32;
        }
        bits <<= 6 * padding;
        bytes.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    Some(bytes)
}
