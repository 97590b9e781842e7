//! Walks over the members of one object or the items of one array. It checks
//! no more than it needs to find its way, and stops at the first thing that
//! cannot be JSON.

pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    next: usize,
    more: bool,
    /// The member's name with its quotes.
    key: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// Enters the value if it begins with the bracket.
    pub fn open(text: &'a [u8], bracket: u8) -> Self {
        let start = skip_space(text, 0);
        let more = text.get(start) == Some(&bracket);
        Scanner { text, next: skip_space(text, start + 1), more, key: &[] }
    }

    /// Moves to the next member and returns its name with the quotes, and its
    /// value.
    pub fn member(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        if !self.more || self.text.get(self.next) != Some(&b'"') {
            return None;
        }
        let end = skip_text(self.text, self.next)?;
        self.key = &self.text[self.next..end];
        let colon = skip_space(self.text, end);
        if self.text.get(colon) != Some(&b':') {
            return None;
        }
        self.next = skip_space(self.text, colon + 1);
        let value = self.item()?;
        Some((self.key, value))
    }

    /// Moves to the next item of the array.
    pub fn item(&mut self) -> Option<&'a [u8]> {
        let start = self.next;
        if !self.more {
            return None;
        }
        let end = match self.text.get(start)? {
            b'"' => skip_text(self.text, start)?,
            b'{' | b'[' => skip_nested(self.text, start)?,
            _ => skip_plain(self.text, start)?,
        };
        let behind = skip_space(self.text, end);
        self.more = self.text.get(behind) == Some(&b',');
        self.next = skip_space(self.text, behind + 1);
        Some(&self.text[start..end])
    }
}

/// Returns where a number, `true`, `false` or `null` ends.
fn skip_plain(text: &[u8], start: usize) -> Option<usize> {
    let mut i = start;
    while i < text.len() && text[i] > b' ' && !matches!(text[i], b',' | b']' | b'}') {
        i += 1;
    }
    if i == start {
        None
    } else {
        Some(i)
    }
}

/// Counts brackets instead of calling itself, so that deep nesting costs no
/// stack.
fn skip_nested(text: &[u8], mut i: usize) -> Option<usize> {
    let mut depth: usize = 0;
    while i < text.len() {
        match text[i] {
            b'"' => {
                i = skip_text(text, i)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1, // the first one seen is a bracket that opens
            _ => {}
        }
        i += 1;
        if depth == 0 {
            return Some(i);
        }
    }
    None
}

/// Returns where the string that begins at `i` ends.
fn skip_text(text: &[u8], mut i: usize) -> Option<usize> {
    i += 1;
    while i < text.len() {
        match text[i] {
            b'"' => return Some(i + 1),
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
    None
}

pub(crate) fn skip_space(text: &[u8], mut i: usize) -> usize {
    while i < text.len() && is_space(text[i]) {
        i += 1;
    }
    i
}

/// Cuts the white space around a value off.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let start = skip_space(text, 0);
    let mut end = text.len();
    while end > start && is_space(text[end - 1]) {
        end -= 1;
    }
    &text[start..end]
}

fn is_space(c: u8) -> bool {
    matches!(c, b' ' | b'\n' | b'\r' | b'\t')
}
