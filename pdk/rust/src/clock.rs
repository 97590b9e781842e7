/// Returns the time in milliseconds since 1970, as JavaScript's `Date.now()`:
/// `std::time` has no clock in wasm. In a test it may be set, by
/// `testing::Host::set_now`. A plugin that calls it imports `clock_time_get` of
/// WASI.
pub fn now() -> i64 {
    milliseconds()
}

#[cfg(target_arch = "wasm32")]
fn milliseconds() -> i64 {
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    extern "C" {
        fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
    }
    const REALTIME: u32 = 0;
    let mut nanoseconds = 0;
    // It fails for no clock that every WASI has.
    unsafe { clock_time_get(REALTIME, 1_000_000, &mut nanoseconds) };
    (nanoseconds / 1_000_000) as i64
}

#[cfg(not(target_arch = "wasm32"))]
fn milliseconds() -> i64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    let system = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
    crate::host::native::now().unwrap_or_else(system)
}
