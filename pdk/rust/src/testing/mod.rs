//! Runs a plugin natively, against a host that lives in memory, so that `cargo
//! test` reaches its handlers as fast as any function:
//!
//! ```
//! # use mesh_pdk::{object, Call, Plugin, Reply, Result};
//! # fn setup(p: &mut Plugin) -> Result<()> {
//! #     p.command("greet", |c| Ok(object().text("greeting", &c.fields().text("name")?).json()));
//! #     Ok(())
//! # }
//! use mesh_pdk::testing::Host;
//!
//! let host = Host::new(setup);
//! let reply = host.call("c1", "greet", r#"{"name":"Ann"}"#).unwrap();
//! assert_eq!(reply, r#"{"greeting":"Ann"}"#);
//! ```
//!
//! The plugin is called through the same bytes as in wasm. The host keeps
//! connections, pushes, log lines, rooms, channels, subscriptions, records and the
//! store; a time-to-live is taken and nothing expires. Every other operation is
//! answered by what [`Host::answer`] is given, and otherwise fails with
//! `ENOTFOUND`: that goes for the states of presence, collections, transactions
//! and the history of channels. The hooks of connections, rooms and records run
//! before the method returns that has set them off; one for records with patterns
//! hears of the records that it names, and of all where a pattern is a regular
//! expression, which the host does not read.

mod clients;
mod state;
mod topics;

use std::cell::RefCell;
use std::rc::Rc;

use crate::codec::{Fields, Writer};
use crate::guest::Guest;
use crate::host::native::with_host;
use crate::respond::{CONTINUE, REFUSE, REPLY};
use crate::{code, Error, Json, Plugin, Result};

use state::{Event, State};

/// A client that is connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// The connection's id.
    pub id: String,
    /// Its authenticated user, "" for an anonymous one.
    pub user: String,
    /// Its metadata, or none.
    pub metadata: Json<'static>,
}

impl Connection {
    /// Makes an anonymous connection without metadata.
    pub fn new(id: &str) -> Connection {
        Connection { id: id.to_string(), ..Connection::default() }
    }

    /// Sets its user.
    pub fn user(mut self, user: &str) -> Connection {
        self.user = user.to_string();
        self
    }

    /// Sets its metadata, JSON text.
    pub fn metadata(mut self, json: &str) -> Connection {
        self.metadata = Json::raw(json).into_owned();
        self
    }
}

/// What a client was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The command of the push.
    pub command: String,
    /// Its payload.
    pub payload: Json<'static>,
}

/// What an operation was asked with: its fields, to be read in their order.
pub struct Arguments<'a>(Fields<'a>);

impl<'a> Arguments<'a> {
    /// Reads text, "" where it is absent.
    pub fn text(&mut self) -> &'a str {
        self.0.text()
    }

    /// Reads an integer, 0 where it is absent.
    pub fn int(&mut self) -> i64 {
        self.0.int().unwrap_or(0)
    }

    /// Reads a boolean, false where it is absent.
    pub fn bool(&mut self) -> bool {
        self.0.bool()
    }

    /// Reads a JSON value.
    pub fn json(&mut self) -> Json<'static> {
        self.0.json()
    }

    /// Reads a list, empty where it is absent.
    pub fn texts(&mut self) -> Vec<&'a str> {
        self.0.texts().unwrap_or_default()
    }
}

/// An operation's answer: its fields, written in their order.
#[derive(Default)]
pub struct Answer(Writer);

impl Answer {
    /// Starts an answer without fields.
    pub fn new() -> Answer {
        Answer::default()
    }

    /// Adds text.
    pub fn text(mut self, v: &str) -> Answer {
        self.0.text(v);
        self
    }

    /// Adds an integer.
    pub fn int(mut self, v: i64) -> Answer {
        self.0.int(v);
        self
    }

    /// Adds a boolean.
    pub fn bool(mut self, v: bool) -> Answer {
        self.0.bool(v);
        self
    }

    /// Adds a JSON value; none is absent.
    pub fn json<'a>(mut self, v: impl Into<Json<'a>>) -> Answer {
        self.0.json(&v.into());
        self
    }

    /// Adds bytes.
    pub fn bytes(mut self, v: &[u8]) -> Answer {
        self.0.bytes(Some(v));
        self
    }

    /// Adds a list.
    pub fn texts<S: AsRef<str>>(mut self, v: &[S]) -> Answer {
        self.0.texts(Some(&mut v.iter().map(AsRef::as_ref)));
        self
    }
}

/// One instance of a plugin with a host of its own.
pub struct Host {
    guest: RefCell<Guest>,
    state: Rc<RefCell<State>>,
    document: Json<'static>,
}

/// A call as it is encoded.
#[derive(Default)]
struct Asked<'a> {
    kind: i64,
    name: &'a str,
    connection: Connection,
    locals: Json<'static>,
    payload: Json<'static>,
    detail: Option<&'a [u8]>,
}

impl Host {
    /// Sets a plugin up, without settings. It panics where that fails.
    pub fn new(setup: fn(&mut Plugin) -> Result<()>) -> Host {
        Host::with_config(setup, "{}")
    }

    /// Sets a plugin up with its settings, a JSON object. It panics where that
    /// fails.
    pub fn with_config(setup: fn(&mut Plugin) -> Result<()>, config: &str) -> Host {
        Host::load(setup, config).unwrap_or_else(|e| panic!("the plugin is not set up: {}", e))
    }

    /// Sets a plugin up; the error is that of its set-up function.
    pub fn load(setup: fn(&mut Plugin) -> Result<()>, config: &str) -> Result<Host> {
        let state = Rc::new(RefCell::new(State::new(config)));
        let mut host = Host { guest: RefCell::default(), state, document: Json::NONE };
        host.document = host.enter(|g| Json::from_bytes(g.register(&setup).to_vec()));
        match host.document.get("error").as_text() {
            Some(e) => Err(Error::new(code::PLUGIN, e)),
            None => Ok(host),
        }
    }

    /// Returns the registration document.
    pub fn document(&self) -> Json<'_> {
        Json::from(&self.document)
    }

    /// Lets the host answer an operation, in the place of what it does by itself:
    /// `run` reads the fields of the request and writes those of the response, both
    /// in the order of the ABI's document.
    pub fn answer(&self, operation: &str, run: impl Fn(&mut Arguments) -> Result<Answer> + 'static) {
        self.state.borrow_mut().answers.insert(operation.to_string(), Rc::new(run));
    }

    /// Connects a client and runs the hook.
    pub fn connect(&self, connection: Connection) -> Result<()> {
        self.state.borrow_mut().connections.push(connection.clone());
        let result = self.hook("connect", Asked { kind: 5, connection, ..Asked::default() });
        self.settle();
        result
    }

    /// Ends a connection and its memberships, and runs the hooks.
    pub fn disconnect(&self, id: &str, close_code: u16, reason: &str) -> Result<()> {
        self.settle();
        self.state.borrow_mut().end(id, close_code.into(), reason);
        self.settle_with(Some(id))
    }

    /// Lets a connection send a command: the global middleware runs by its order,
    /// then the command's own, then the handler. The payload is JSON text, "":
    /// none. An unknown connection is an anonymous one of that id. A panic of a
    /// handler is one of the test.
    pub fn call(&self, connection_id: &str, command: &str, payload: &str) -> Result<Json<'static>> {
        let commands = self.document.get("commands");
        let found = find(&commands, "name", command).ok_or_else(|| Error::not_found(["no command ", command].concat()))?;
        let mut asked = Asked { kind: 2, name: command, connection: self.state.borrow().connection(connection_id), ..Asked::default() };
        if !payload.is_empty() {
            asked.payload = Json::raw(payload).into_owned();
        }
        let result = self.run(&found, &mut asked);
        self.settle();
        result
    }

    fn run(&self, command: &Json, asked: &mut Asked) -> Result<Json<'static>> {
        for handler in self.chain(command) {
            let (status, body, locals) = self.send(handler, asked)?;
            if status == REPLY {
                return Ok(or_null(body));
            }
            if !body.is_none() {
                asked.payload = body;
            }
            if !locals.is_none() {
                asked.locals = laid_over(&asked.locals, &locals, false);
            }
        }
        asked.kind = 1;
        Ok(or_null(self.send(handler_of(command), asked)?.1))
    }

    /// Returns the handlers of the middleware that runs before a command.
    fn chain(&self, command: &Json) -> Vec<u32> {
        let all = self.document.get("middleware");
        let own = self.document.get("order").as_int().unwrap_or(0);
        let order = |m: &Json| m.get("order").as_int().unwrap_or(own);
        let mut global: Vec<Json> = all.items().filter(|m| m.get("global").as_bool() == Some(true)).collect();
        global.sort_by_key(order);
        let mut chain: Vec<u32> = global.iter().map(handler_of).collect();
        for name in command.get("middleware").items() {
            let named = find(&all, "name", &name.as_text().unwrap_or_default());
            chain.push(handler_of(&named.expect("a middleware that the command names")));
        }
        chain
    }

    /// Asks a guard whether a connection may have something; `topic` and `action`
    /// are of the modules of these names. Of a write, `payload` is the value, JSON
    /// text, by a strategy.
    pub fn ask(&self, guard: &str, connection_id: &str, topic: &str, action: &str, name: &str) -> Result<()> {
        self.ask_to_write(guard, connection_id, topic, action, name, ("", ""))
    }

    /// Is [`ask`](Host::ask) for a write of a value, JSON text, by a strategy.
    pub fn ask_to_write(&self, guard: &str, connection_id: &str, topic: &str, action: &str, name: &str, write: (&str, &str)) -> Result<()> {
        let guards = self.document.get("guards");
        let found = find(&guards, "name", guard).ok_or_else(|| Error::not_found(["no guard ", guard].concat()))?;
        let mut detail = Writer::default();
        detail.text(topic);
        detail.text(action);
        detail.optional_text(write.1);
        let mut asked = Asked { kind: 3, name, connection: self.state.borrow().connection(connection_id), ..Asked::default() };
        asked.detail = Some(detail.as_bytes());
        if !write.0.is_empty() {
            asked.payload = Json::raw(write.0).into_owned();
        }
        self.send(handler_of(&found), &asked).map(drop)
    }

    /// Returns what a connection was sent so far.
    pub fn pushes(&self, connection_id: &str) -> Vec<Push> {
        self.state.borrow().pushes.iter().filter(|(to, _)| to == connection_id).map(|(_, push)| push.clone()).collect()
    }

    /// Returns the lines of the log so far, as level and message.
    pub fn logs(&self) -> Vec<(String, String)> {
        self.state.borrow().logs.clone()
    }

    /// Returns the value of a key of the plugin's store, or none.
    pub fn kv(&self, key: &str) -> Json<'static> {
        self.state.borrow().kv.get(key).cloned().unwrap_or_default()
    }

    /// Returns the value of a record, or none.
    pub fn record(&self, id: &str) -> Json<'static> {
        self.state.borrow().records.get(id).map(|r| r.value.clone()).unwrap_or_default()
    }

    /// Returns the members of a room.
    pub fn members(&self, room: &str) -> Vec<String> {
        self.state.borrow().members(room)
    }

    /// Returns the errors of hooks that ran by themselves.
    pub fn failures(&self) -> Vec<Error> {
        self.state.borrow().failures.clone()
    }

    /// Runs the hooks that host calls have set off.
    pub(crate) fn settle(&self) {
        let _ = self.settle_with(None); // fails for a named one only
    }

    /// Is `settle`, and returns the error of the hook for the end of the named
    /// connection instead of keeping it.
    fn settle_with(&self, named: Option<&str>) -> Result<()> {
        let mut result = Ok(());
        for _ in 0..1000 {
            let event = self.state.borrow_mut().events.pop_front();
            let event = match event {
                Some(event) => event,
                None => return result,
            };
            let asked_for = matches!(&event, Event::Disconnect { connection, .. } if Some(&*connection.id) == named);
            match self.tell(event) {
                Err(e) if asked_for => result = Err(e),
                Err(e) => self.state.borrow_mut().failures.push(e),
                Ok(()) => (),
            }
        }
        panic!("hooks set each other off without an end");
    }

    /// Runs the hook of an event.
    fn tell(&self, event: Event) -> Result<()> {
        let mut detail = Writer::default();
        let (kind, name, connection, payload) = match event {
            Event::Room { room, connection, reason } => {
                detail.text(&room);
                detail.text(reason);
                let (kind, name) = if reason.is_empty() { (8, "join") } else { (9, "leave") };
                (kind, name, connection, Json::NONE)
            }
            Event::Disconnect { connection, code, reason } => {
                detail.int(code);
                detail.text(&reason);
                (6, "disconnect", connection, Json::NONE)
            }
            Event::Record { id, version, value, connection, reason } => {
                let (kind, name) = if reason.is_empty() { (11, "recordUpdate") } else { (12, "recordRemoved") };
                let hooks = self.document.get("hooks");
                if !find(&hooks, "event", name).map_or(false, |hook| Host::hears_of(&hook, &id)) {
                    return Ok(());
                }
                detail.text(&id);
                detail.int(version);
                detail.text("e1");
                detail.optional_text(reason);
                (kind, name, connection, value)
            }
        };
        self.hook(name, Asked { kind, connection, payload, detail: Some(detail.as_bytes()), ..Asked::default() })
    }

    fn hook<'a>(&'a self, event: &'a str, mut asked: Asked<'a>) -> Result<()> {
        let hooks = self.document.get("hooks");
        asked.name = event;
        match find(&hooks, "event", event) {
            Some(hook) => self.send(handler_of(&hook), &asked).map(drop),
            None => Ok(()),
        }
    }

    /// Calls a handler and returns status, body and locals of its response.
    fn send(&self, handler: u32, asked: &Asked) -> Result<(i64, Json<'static>, Json<'static>)> {
        let mut m = Writer::default();
        m.int(asked.kind);
        m.text(asked.name);
        m.optional_text(&asked.connection.id);
        m.optional_text(&asked.connection.user);
        m.json(&asked.connection.metadata);
        m.json(&asked.locals);
        m.json(&asked.payload);
        m.bytes(asked.detail);
        let response = self.enter(|g| {
            let size = m.as_bytes().len();
            g.alloc(size).expect("memory")[..size].copy_from_slice(m.as_bytes());
            let response = g.respond(handler, size).to_vec();
            g.spoil();
            response
        });
        let mut f = Fields::new(&response);
        let status = f.int().unwrap_or(CONTINUE);
        let (body, locals) = (f.json(), f.json());
        f.end()?;
        match status {
            CONTINUE..=REPLY => Ok((status, body, locals)),
            _ if body.is_none() && status == REFUSE => Err(Error::denied("Refused")),
            _ => Err(Error::decode(body.as_bytes())),
        }
    }

    fn enter<T>(&self, run: impl FnOnce(&mut Guest) -> T) -> T {
        let state = self.state.clone();
        let host = Rc::new(move |operation: &str, arguments: &[u8]| state::answer(&state, operation, arguments));
        with_host(host, || run(&mut self.guest.borrow_mut()))
    }
}

fn find<'a>(list: &'a Json, member: &str, name: &str) -> Option<Json<'a>> {
    // Items borrow from the list's text, which outlives the iterator.
    list.items().find(|item| item.get(member).as_text().as_deref() == Some(name))
}

fn handler_of(entry: &Json) -> u32 {
    entry.get("handler").as_int().and_then(|n| n.try_into().ok()).expect("the number of a handler")
}

fn or_null(v: Json<'static>) -> Json<'static> {
    if v.is_none() {
        return Json::raw("null");
    }
    v
}

/// Lays the members of an object over those of another, in nested objects too if
/// it goes deep.
fn laid_over(under: &Json, over: &Json, deep: bool) -> Json<'static> {
    let mut o = crate::object();
    for (name, value) in under.members().filter(|(name, _)| over.get(name).is_none()) {
        o = o.raw(&name, value);
    }
    over.members()
        .fold(o, |o, (name, value)| {
            let old = under.get(&name);
            if deep && old.is_object() && value.is_object() {
                return o.raw(&name, laid_over(&old, &value, true));
            }
            o.raw(&name, value)
        })
        .json()
}
