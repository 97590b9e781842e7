//! What must end, with an error, and leave the host and other instances alone.

use std::cell::Cell;
use std::ptr::{read_volatile, write_volatile};

use mesh_pdk::{Call, Json, Reply};

thread_local! {
    /// What has been taken is reachable, so that no compiler finds it useless.
    static HOARD: Cell<Vec<Vec<u8>>> = Cell::new(Vec::new());
}

/// Loops for ever.
pub fn spin(_: &Call) -> Reply<'_> {
    let mut turns: u64 = 0;
    loop {
        // SAFETY: it is a variable. Volatile, so that no compiler takes it out.
        unsafe { write_volatile(&mut turns, turns.wrapping_add(1)) }
    }
}

/// Takes memory, and touches it, until it is refused.
pub fn grow(_: &Call) -> Reply<'_> {
    let mut hoard = HOARD.with(Cell::take);
    loop {
        hoard.push(vec![1; 64 << 10]);
        HOARD.with(|h| h.set(std::mem::take(&mut hoard)));
        hoard = HOARD.with(Cell::take);
    }
}

/// Reads far behind the end of its memory.
pub fn trap(_: &Call) -> Reply<'_> {
    let far = (3usize << 30) as *const i64;
    // SAFETY: none, and that is the purpose: no plugin may have 3 GiB, so that the
    // read traps.
    Ok(Json::int(unsafe { read_volatile(far) }))
}

/// Calls itself for ever.
pub fn recurse(_: &Call) -> Reply<'_> {
    Ok(Json::int(descend(&Frame { parent: None, depth: 0 })))
}

struct Frame<'a> {
    parent: Option<&'a Frame<'a>>,
    depth: i64,
}

#[inline(never)]
#[allow(unconditional_recursion)] // it never ends, on purpose
fn descend(parent: &Frame) -> i64 {
    let mut here = Frame { parent: Some(parent), depth: 0 };
    // SAFETY: it is a variable. Volatile, so that the frame is there and the call
    // becomes no loop.
    unsafe { write_volatile(&mut here.depth, parent.depth + 1) };
    let below = descend(&here);
    // SAFETY: as above.
    below + unsafe { read_volatile(&here.depth) } + here.parent.map_or(0, |p| p.depth)
}
