//! What the host in memory keeps, and how it answers operations.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use super::topics::Topics;
use super::{laid_over, Answer, Arguments, Connection, Push};
use crate::codec::{Fields, Writer};
use crate::host::native::CLOCK;
use crate::{array, close, code, object, removed, Error, Json, Result, DEEP_MERGE, MERGE, REPLACE};

type Run = Rc<dyn Fn(&mut Arguments) -> Result<Answer>>;

#[derive(Default)]
pub(super) struct Stored {
    pub value: Json<'static>,
    version: i64,
}

/// What a hook is still to hear of.
pub(super) enum Event {
    /// A membership that has begun, or with a reason ended.
    Room { room: String, connection: Connection, reason: &'static str },
    /// A connection that has ended.
    Disconnect { connection: Connection, code: i64, reason: String },
    /// A record's new value, or with a reason the one that it had.
    Record { id: String, version: i64, value: Json<'static>, connection: Connection, reason: &'static str },
}

/// A connection that the plugin has closed.
pub(super) struct Closed {
    pub id: String,
    pub code: i64,
    pub reason: String,
}

#[derive(Default)]
pub(super) struct State {
    config: Json<'static>,
    pub answers: HashMap<String, Run>,
    pub connections: Vec<Connection>,
    pub pushes: Vec<(String, Push)>,
    pub logs: Vec<(String, String)>,
    pub kv: BTreeMap<String, Json<'static>>,
    pub records: BTreeMap<String, Stored>,
    /// Rooms and members, in the order in which these came.
    rooms: Vec<(String, String)>,
    pub topics: Topics,
    pub closed: Vec<Closed>,
    pub now: Option<i64>,
    pub events: VecDeque<Event>,
    pub failures: Vec<Error>,
}

/// Answers one host call the way the ABI says.
pub(super) fn answer(state: &RefCell<State>, operation: &str, arguments: &[u8]) -> (u32, Vec<u8>) {
    if operation == CLOCK {
        let mut m = Writer::default();
        if let Some(now) = state.borrow().now {
            m.int(now);
        }
        return (0, m.0);
    }
    let given = state.borrow().answers.get(operation).cloned();
    let mut fields = Arguments(Fields::new(arguments));
    let result = match given {
        Some(run) => run(&mut fields), // may look at the host
        None => state.borrow_mut().perform(operation, &mut fields),
    };
    match result {
        Ok(answer) => (0, answer.0 .0),
        Err(e) => {
            let mut m = Writer::default();
            e.encode(&mut m);
            (1, m.0)
        }
    }
}

impl State {
    pub fn new(config: &str) -> State {
        State { config: Json::raw(config).into_owned(), ..State::default() }
    }

    pub fn connection(&self, id: &str) -> Connection {
        self.connections.iter().find(|c| c.id == id).cloned().unwrap_or_else(|| Connection::new(id))
    }

    pub fn members(&self, room: &str) -> Vec<String> {
        self.rooms.iter().filter(|(r, _)| r == room).map(|(_, id)| id.clone()).collect()
    }

    pub fn leave_all(&mut self, id: &str, reason: &'static str) -> Vec<String> {
        let rooms: Vec<String> = self.rooms.iter().filter(|(_, member)| member == id).map(|(room, _)| room.clone()).collect();
        for room in &rooms {
            self.leave(room, id, reason);
        }
        rooms
    }

    pub fn join(&mut self, room: &str, id: &str) -> Result<bool> {
        let connection = self.find(id)?.clone();
        let membership = (room.to_string(), id.to_string());
        let joined = !self.rooms.contains(&membership);
        if joined {
            self.rooms.push(membership);
            self.events.push_back(Event::Room { room: room.to_string(), connection, reason: "" });
        }
        Ok(joined)
    }

    pub fn leave(&mut self, room: &str, id: &str, reason: &'static str) -> bool {
        let before = self.rooms.len();
        self.rooms.retain(|(r, member)| r != room || member != id);
        let left = self.rooms.len() < before;
        if left {
            let event = Event::Room { room: room.to_string(), connection: self.connection(id), reason };
            self.events.push_back(event);
        }
        left
    }

    /// Ends a connection and what it had; the hooks hear of it later.
    pub fn end(&mut self, id: &str, code: i64, reason: &str) -> bool {
        let connection = self.connection(id);
        self.leave_all(id, "disconnect");
        self.topics.forget(id);
        let before = self.connections.len();
        self.connections.retain(|c| c.id != id);
        self.events.push_back(Event::Disconnect { connection, code, reason: reason.to_string() });
        self.connections.len() < before
    }

    fn disconnect(&mut self, id: &str, code: i64, reason: &str) -> bool {
        if self.find(id).is_err() {
            return false;
        }
        let code = if code == 0 { close::KICKED.into() } else { code };
        self.closed.push(Closed { id: id.to_string(), code, reason: reason.to_string() });
        self.end(id, code, reason)
    }

    fn perform(&mut self, operation: &str, f: &mut Arguments) -> Result<Answer> {
        let a = Answer::new();
        Ok(match operation {
            "log" => {
                self.logs.push((f.text().to_string(), f.text().to_string()));
                a
            }
            "config.get" => a.json(&self.config),
            _ if operation.starts_with("kv.") => return self.perform_kv(operation, f),
            _ if operation.starts_with("rooms.") => return self.perform_rooms(operation, f),
            _ if operation.starts_with("records.") => return self.perform_records(operation, f),
            _ if operation.starts_with("channels.") => return self.perform_channels(operation, f),
            _ if operation.starts_with("connections.") => return self.perform_connections(operation, f),
            "presence.unsubscribe" => return self.unsubscribe("presence", f),
            "users.connections" => {
                let user = f.text();
                a.texts(&self.connections.iter().filter(|c| c.user == user).map(|c| &*c.id).collect::<Vec<_>>())
            }
            "users.send" => {
                let users = f.texts();
                let to = self.connections.iter().filter(|c| users.contains(&&*c.user)).map(|c| c.id.clone()).collect();
                self.push(to, f)
            }
            "broadcast" => {
                let to = self.connections.iter().map(|c| c.id.clone()).collect();
                self.push(to, f)
            }
            _ => return Err(unknown(operation)),
        })
    }

    fn perform_connections(&mut self, operation: &str, f: &mut Arguments) -> Result<Answer> {
        let a = Answer::new();
        Ok(match operation {
            "connections.send" => {
                let to = f.texts().into_iter().map(String::from).collect();
                self.push(to, f)
            }
            "connections.disconnect" => a.bool(self.disconnect(f.text(), f.int(), f.text())),
            "connections.metadata.get" => {
                let c = self.find(f.text())?;
                a.json(or_null(&c.metadata)).text(&c.user)
            }
            "connections.metadata.set" => {
                let (id, value, strategy) = (f.text(), f.json(), f.text());
                let metadata = written(&self.find(id)?.metadata, value, strategy)?;
                for c in self.connections.iter_mut().filter(|c| c.id == id) {
                    c.metadata = metadata.clone();
                }
                a.json(metadata)
            }
            "connections.metadata.list" => {
                let room = f.text();
                let (list, next) = self.page(f, |s, c| room.is_empty() || s.members(room).contains(&c.id));
                a.json(list.iter().fold(array(), |l, c| l.raw(object().raw(&c.id, or_null(&c.metadata)))).json()).text(&next)
            }
            _ => return Err(unknown(operation)),
        })
    }

    /// Returns a page of the connections that are wanted, by their ids, and the
    /// cursor of the next one.
    fn page(&self, f: &mut Arguments, wanted: impl Fn(&State, &Connection) -> bool) -> (Vec<&Connection>, String) {
        let (cursor, limit) = (f.text(), f.int());
        let limit = if limit == 0 { 100 } else { limit.clamp(1, 1000) as usize };
        let mut list: Vec<&Connection> = self.connections.iter().filter(|c| *c.id > *cursor && wanted(self, c)).collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        let more = list.len() > limit;
        list.truncate(limit);
        let next = list.last().filter(|_| more).map(|c| c.id.clone()).unwrap_or_default();
        (list, next)
    }

    fn find(&self, id: &str) -> Result<&Connection> {
        let found = self.connections.iter().find(|c| c.id == id);
        found.ok_or_else(|| Error::not_found(["there is no connection ", id].concat()))
    }

    /// Hands a push to those of a list who are connected and not excluded.
    fn push(&mut self, to: Vec<String>, f: &mut Arguments) -> Answer {
        let (command, payload, exclude) = (f.text().to_string(), f.json(), f.texts());
        let payload = if payload.is_none() { Json::raw("null") } else { payload };
        let mut sent = 0;
        for c in &self.connections {
            if to.contains(&c.id) && !exclude.contains(&&*c.id) {
                self.pushes.push((c.id.clone(), Push { command: command.clone(), payload: payload.clone() }));
                sent += 1;
            }
        }
        Answer::new().int(sent)
    }

    fn perform_kv(&mut self, operation: &str, f: &mut Arguments) -> Result<Answer> {
        let a = Answer::new();
        let key = f.text();
        let current = self.kv.get(key).cloned().unwrap_or_default();
        Ok(match operation {
            "kv.get" => a.json(current),
            "kv.set" => {
                self.kv.insert(key.to_string(), f.json());
                a
            }
            "kv.delete" => a.bool(self.kv.remove(key).is_some()),
            "kv.increment" => {
                let held = if current.is_none() { Some(0) } else { current.as_int() };
                let conflict = || Error::new(code::CONFLICT, "the value is no integer, or the sum needs more than 64 bits");
                let sum = held.and_then(|n| n.checked_add(f.int())).ok_or_else(conflict)?;
                self.kv.insert(key.to_string(), Json::int(sum));
                a.int(sum)
            }
            "kv.compareAndSet" => {
                let (expected, value) = (f.json(), f.json());
                if current != expected {
                    return Ok(a.bool(false).json(current));
                }
                if value.is_none() {
                    self.kv.remove(key);
                } else {
                    self.kv.insert(key.to_string(), value);
                }
                a.bool(true)
            }
            _ => return Err(unknown(operation)),
        })
    }

    fn perform_rooms(&mut self, operation: &str, f: &mut Arguments) -> Result<Answer> {
        let a = Answer::new();
        let name = f.text();
        Ok(match operation {
            "rooms.add" => a.bool(self.join(name, f.text())?),
            "rooms.remove" => a.bool(self.leave(name, f.text(), "removed")),
            "rooms.removeFromAll" => a.texts(&self.leave_all(name, "removed")),
            "rooms.has" => {
                let id = f.text();
                a.bool(self.members(name).iter().any(|member| member == id))
            }
            "rooms.members" => a.texts(&self.members(name)),
            "rooms.list" => {
                let mut rooms: Vec<&str> = self.rooms.iter().filter(|(_, id)| name.is_empty() || id == name).map(|(room, _)| &**room).collect();
                rooms.sort_unstable();
                rooms.dedup();
                a.texts(&rooms)
            }
            "rooms.send" => self.push(self.members(name), f),
            _ => return Err(unknown(operation)),
        })
    }

    fn perform_records(&mut self, operation: &str, f: &mut Arguments) -> Result<Answer> {
        let a = Answer::new();
        let id = f.text();
        if operation == "records.get" {
            return Ok(match self.records.get(id) {
                Some(r) => a.json(if r.value.is_none() { Json::raw("null") } else { r.value.clone() }).int(r.version).text("e1"),
                None => a.json(Json::raw("null")).int(0),
            });
        }
        let (value, strategy) = match operation {
            "records.set" => (f.json(), f.text()),
            "records.delete" => (Json::NONE, ""),
            _ => return Err(unknown(operation)),
        };
        let r = self.records.entry(id.to_string()).or_default();
        let found = if r.value.is_none() { 0 } else { r.version };
        if f.json().as_int().map_or(false, |expected| expected != found && expected != r.version) {
            let e = Error::new(code::CONFLICT, format!("expectVersion: the record is at version {}", r.version));
            return Err(e.with_data(object().int("version", r.version)));
        }
        let value = if operation == "records.delete" { value } else { written(&r.value, value, strategy)? };
        let (had, changed) = (!r.value.is_none(), r.value != value);
        match operation {
            "records.delete" => self.remove_record("", id, removed::BY_DELETE),
            _ if changed => self.write_record("", id, value),
            _ => (),
        }
        let version = self.records[id].version;
        if operation == "records.delete" {
            return Ok(a.bool(had).int(version));
        }
        Ok(a.int(version).text("e1").bool(changed))
    }

    pub fn write_record(&mut self, by: &str, id: &str, value: Json<'static>) {
        let connection = self.writer(by);
        let r = self.records.entry(id.to_string()).or_default();
        r.version += 1;
        r.value = value.clone();
        let (id, version) = (id.to_string(), r.version);
        self.events.push_back(Event::Record { id, version, value, connection, reason: "" });
    }

    pub fn remove_record(&mut self, by: &str, id: &str, reason: &'static str) {
        let connection = self.writer(by);
        let r = match self.records.get_mut(id) {
            Some(r) if !r.value.is_none() => r,
            _ => return,
        };
        r.version += 1;
        let (id, version, value) = (id.to_string(), r.version, std::mem::take(&mut r.value));
        self.events.push_back(Event::Record { id, version, value, connection, reason });
    }

    fn writer(&self, id: &str) -> Connection {
        if id.is_empty() {
            return Connection::default();
        }
        self.connection(id)
    }
}

fn or_null(v: &Json) -> Json<'static> {
    super::or_null(v.clone().into_owned())
}

/// Returns what is there after a write by a strategy.
fn written(old: &Json, new: Json<'static>, strategy: &str) -> Result<Json<'static>> {
    if !matches!(strategy, "" | REPLACE | MERGE | DEEP_MERGE) {
        return Err(Error::new(code::PAYLOAD, "strategy: must be replace, merge or deepMerge"));
    }
    if matches!(strategy, "" | REPLACE) || !new.is_object() || !old.is_object() {
        return Ok(new);
    }
    Ok(laid_over(old, &new, strategy == DEEP_MERGE))
}

pub(super) fn unknown(operation: &str) -> Error {
    Error::not_found(["the host in memory has no answer for ", operation, ": give it one with Host::answer"].concat())
}
