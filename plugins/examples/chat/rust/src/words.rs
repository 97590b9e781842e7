use mesh_pdk::{object, MiddlewareCall, Result};

use crate::settings::Settings;

/// Middleware that masks the operator's words in a message.
pub fn decency(s: &Settings, c: &MiddlewareCall) -> Result<()> {
    let payload = c.payload();
    let text = payload.get("text");
    if let Some(text) = text.as_text() {
        let masked = mask(s, &text);
        if masked != text {
            c.set_payload(object().raw("room", payload.get("room")).text("text", &masked));
        }
    } // else the command says what is wrong
    Ok(())
}

/// Puts stars in the place of whole words, whatever their case.
pub fn mask(s: &Settings, text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = split(rest, |c| !in_word(c));
        if s.words.contains(&word.to_lowercase()) {
            masked.extend(word.chars().map(|_| '*'));
        } else {
            masked.push_str(word);
        }
        let (between, next) = split(after, in_word);
        masked.push_str(between);
        rest = next;
    }
    masked
}

/// Splits a text before the first character of a kind.
fn split(text: &str, kind: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(kind).unwrap_or(text.len()))
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c)
}

/// Tells whether a character is written over another one. The standard library
/// counts the vowel signs of many scripts as letters; these are the other marks
/// that names and words are written with.
pub fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{93c}' | '\u{94d}' | '\u{9cd}' | '\u{e47}'..='\u{e4e}' | '\u{3099}' | '\u{309a}')
}
