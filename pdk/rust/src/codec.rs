//! The flat codec in which the host and a plugin talk: `abi/ABI.md` fixes it
//! with bytes, `abi/testdata/vectors` tests it.
//!
//! A message is its fields in a fixed order, each a length and its bytes, all
//! numbers little-endian.

use crate::Json;

/// The length that marks a field as not there; 0 is an empty field.
const ABSENT: u32 = 0xFFFF_FFFF;

/// A list of text as a parameter; `None` is absent.
pub(crate) type Texts<'a, 'b> = Option<&'a mut dyn Iterator<Item = &'b str>>;

/// A message as it is written, one method per type of field.
#[derive(Default)]
pub(crate) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn absent(&mut self) {
        self.length(ABSENT);
    }

    pub fn bytes(&mut self, v: Option<&[u8]>) {
        match v {
            Some(v) => {
                self.length(v.len() as u32);
                self.0.extend_from_slice(v);
            }
            None => self.absent(),
        }
    }

    pub fn json(&mut self, v: &Json) {
        self.bytes(v.bytes());
    }

    pub fn text(&mut self, v: &str) {
        self.bytes(Some(v.as_bytes()));
    }

    /// Writes the empty text as absent.
    pub fn optional_text(&mut self, v: &str) {
        if v.is_empty() {
            self.absent();
        } else {
            self.text(v);
        }
    }

    pub fn int(&mut self, v: i64) {
        self.length(8);
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    /// Writes 0 as absent.
    pub fn optional_int(&mut self, v: i64) {
        if v == 0 {
            self.absent();
        } else {
            self.int(v);
        }
    }

    pub fn bool(&mut self, v: bool) {
        self.length(1);
        self.0.push(v as u8);
    }

    pub fn texts(&mut self, v: Texts) {
        let list = match v {
            Some(list) => list,
            None => return self.absent(),
        };
        let field = self.begin();
        self.length(0);
        let mut count: u32 = 0;
        for text in list {
            self.text(text);
            count += 1;
        }
        self.0[field + 4..field + 8].copy_from_slice(&count.to_le_bytes());
        self.end(field);
    }

    /// Opens a field whose length is not known yet; `end` closes it.
    pub fn begin(&mut self) -> usize {
        self.length(0);
        self.0.len() - 4
    }

    pub fn end(&mut self, field: usize) {
        let length = (self.0.len() - field - 4) as u32;
        self.0[field..field + 4].copy_from_slice(&length.to_le_bytes());
    }

    fn length(&mut self, n: u32) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A length runs past the end of the message.
    Truncated,
    /// The bytes are there, but do not fit the type.
    Size,
}

/// Reads the fields of a message in order. Fields missing from the end read as
/// absent, and unknown ones are never asked for. The first malformed field ends
/// the reading.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    pub malformed: Option<Malformed>,
}

impl<'a> Fields<'a> {
    pub fn new(message: &'a [u8]) -> Self {
        Fields { rest: message, malformed: None }
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        if self.malformed.is_some() || self.rest.is_empty() {
            return None;
        }
        let (field, rest) = match split(self.rest) {
            Some(parts) => parts,
            None => return self.fail(Malformed::Truncated),
        };
        self.rest = rest;
        field
    }

    pub fn text(&mut self) -> &'a str {
        let bytes = self.bytes().unwrap_or_default();
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => {
                self.malformed = Some(Malformed::Size);
                ""
            }
        }
    }

    pub fn int(&mut self) -> Option<i64> {
        let bytes = self.bytes()?;
        match bytes.try_into() {
            Ok(bytes) => Some(i64::from_le_bytes(bytes)),
            Err(_) => self.fail(Malformed::Size),
        }
    }

    pub fn bool(&mut self) -> bool {
        match self.bytes() {
            None | Some([0]) => false,
            Some([1]) => true,
            Some(_) => {
                self.malformed = Some(Malformed::Size);
                false
            }
        }
    }

    /// Reads a list; a count larger than the field can hold is refused before
    /// anything is allocated.
    pub fn texts(&mut self) -> Option<Vec<&'a str>> {
        let bytes = self.bytes()?;
        let list = read_list(bytes);
        if list.is_none() {
            self.malformed = Some(Malformed::Size);
        }
        list
    }

    fn fail<T>(&mut self, what: Malformed) -> Option<T> {
        self.malformed = Some(what);
        None
    }
}

fn read_list(bytes: &[u8]) -> Option<Vec<&str>> {
    let count = length(bytes)? as usize;
    if count > (bytes.len() - 4) / 4 {
        return None;
    }
    let mut rest = &bytes[4..];
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        let (item, behind) = split(rest)?;
        list.push(core::str::from_utf8(item?).ok()?);
        rest = behind;
    }
    if rest.is_empty() {
        Some(list)
    } else {
        None
    }
}

/// Cuts the first field off a message; `None` where it is malformed, a field
/// of `None` where it is absent.
fn split(message: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let size = length(message)?;
    let rest = &message[4..];
    if size == ABSENT {
        return Some((None, rest));
    }
    if size as usize > rest.len() {
        return None;
    }
    let (field, rest) = rest.split_at(size as usize);
    Some((Some(field), rest))
}

/// Returns field number `n` of a message, counted from 0, without a look at
/// what the fields before it hold; `None` where it is absent or malformed.
pub(crate) fn skip(mut message: &[u8], n: usize) -> Option<&[u8]> {
    for _ in 0..n {
        message = split(message)?.1;
    }
    split(message)?.0
}

/// Reads field number `n` as text, "" where it is absent or no text.
pub(crate) fn skip_text(message: &[u8], n: usize) -> &str {
    core::str::from_utf8(skip(message, n).unwrap_or_default()).unwrap_or_default()
}

fn length(bytes: &[u8]) -> Option<u32> {
    let head: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(u32::from_le_bytes(head))
}
