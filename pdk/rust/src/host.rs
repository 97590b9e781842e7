//! Host calls: encode into a buffer that is used again, call the import, fetch
//! the result into another.

use std::cell::Cell;

use crate::codec::{Fields, Writer};
use crate::generated::code;
#[cfg(target_arch = "wasm32")]
use crate::generated::env::take as env_take;
use crate::{Error, Json, Result};

/// The size in bytes up to which a buffer is kept from one call to the next.
pub(crate) const KEPT_BUFFER: usize = 256 << 10;

thread_local! {
    static ARGUMENTS: Cell<Vec<u8>> = Cell::new(Vec::new());
    static RESULT: Cell<Vec<u8>> = Cell::new(Vec::new());
}

fn keep(place: &'static std::thread::LocalKey<Cell<Vec<u8>>>, mut buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT_BUFFER {
        buffer.clear();
        place.with(|kept| kept.set(buffer));
    }
}

pub(crate) fn begin() -> Writer {
    Writer(ARGUMENTS.with(Cell::take))
}

/// The result of a host call; its buffer is given back when it is dropped.
pub(crate) struct Answer(Vec<u8>);

impl Answer {
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(&self.0)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        keep(&RESULT, std::mem::take(&mut self.0));
    }
}

/// Fetches the result of a host call. The host is told where to write it: the
/// buffer must have exactly that length.
pub(crate) fn finish(result: u64, arguments: Writer) -> Result<Answer> {
    keep(&ARGUMENTS, arguments.0);
    let mut answer = Answer(RESULT.with(Cell::take));
    answer.0.resize(result as u32 as usize, 0);
    if !answer.0.is_empty() {
        env_take(&mut answer.0);
    }
    if result >> 32 == 0 {
        Ok(answer)
    } else {
        Err(Error::decode(&answer.0))
    }
}

#[cfg(not(target_arch = "wasm32"))]
use native::take as env_take;

impl<'a> Fields<'a> {
    /// Returns the next field as a value of its own.
    pub fn json(&mut self) -> Json<'static> {
        Json::optional(self.bytes()).into_owned()
    }

    pub fn owned_texts(&mut self) -> Vec<String> {
        self.texts().unwrap_or_default().into_iter().map(str::to_string).collect()
    }

    pub fn end(&self) -> Result<()> {
        match self.malformed {
            None => Ok(()),
            Some(_) => Err(Error::new(code::SERVER, "the host's answer is malformed")),
        }
    }
}

/// Where host calls go in a build that is no plugin: to the host that a test
/// has put there for its thread.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod native {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use crate::codec::Fields;

    /// Answers a host call: the error's number, 0 for success, and the result or
    /// the encoded error.
    pub(crate) type Host = Rc<dyn Fn(&str, &[u8]) -> (u32, Vec<u8>)>;

    thread_local! {
        static HOST: RefCell<Option<Host>> = RefCell::new(None);
        static PENDING: Cell<Vec<u8>> = Cell::new(Vec::new());
    }

    /// Lets host calls go to a host while `run` runs.
    pub(crate) fn with_host<T>(host: Host, run: impl FnOnce() -> T) -> T {
        struct Restore(Option<Host>);
        impl Drop for Restore {
            fn drop(&mut self) {
                HOST.with(|h| *h.borrow_mut() = self.0.take());
            }
        }
        let _restore = Restore(HOST.with(|h| h.borrow_mut().replace(host)));
        run()
    }

    /// The name by which the test's host is asked for its time, which is no
    /// operation of the ABI.
    pub(crate) const CLOCK: &str = "clock_time_get";

    /// Returns the time of the test's host, none where no test has set one.
    pub(crate) fn now() -> Option<i64> {
        let host = HOST.with(|h| h.borrow().clone())?;
        Fields::new(&host(CLOCK, &[]).1).int()
    }

    pub(crate) fn call(operation: &str, arguments: &[u8]) -> u64 {
        let host = HOST.with(|h| h.borrow().clone());
        let (number, result) = match host {
            Some(host) => host(operation, arguments),
            None => (1, Vec::new()),
        };
        let packed = u64::from(number) << 32 | result.len() as u64;
        PENDING.with(|p| p.set(result));
        packed
    }

    pub(crate) fn take(buffer: &mut [u8]) {
        buffer.copy_from_slice(&PENDING.with(Cell::take));
    }
}
