//! What clients, time and records set off.

use super::state::Closed;
use super::{find, handler_of, Asked, Host};
use crate::codec::Writer;
use crate::respond::REPLY;
use crate::{Error, Handshake, Identity, Json, Result};

impl Host {
    /// Asks the authenticate hook who a client is: `None` where it has nothing to
    /// say, or there is no such hook. The identity is not connected by that; see
    /// [`connect_as`](Host::connect_as).
    pub fn authenticate(&self, handshake: &Handshake) -> Result<Option<Identity>> {
        let hooks = self.document.get("hooks");
        let hook = match find(&hooks, "event", "authenticate") {
            Some(hook) => hook,
            None => return Ok(None),
        };
        let mut detail = Writer::default();
        detail.text(handshake.method);
        detail.text(handshake.path);
        detail.text(handshake.query);
        detail.texts(Some(&mut handshake.headers.iter().flat_map(|(name, value)| [*name, *value])));
        detail.text(handshake.remote_address);
        let asked = Asked { kind: 4, name: "authenticate", detail: Some(detail.as_bytes()), ..Asked::default() };
        let (status, body, _) = self.send(handler_of(&hook), &asked)?;
        if status != REPLY {
            return Ok(None);
        }
        let user = body.get("user").as_text().ok_or_else(|| Error::bad_payload("user", "is missing"))?.into_owned();
        Ok(Some(Identity { user, metadata: body.get("metadata").into_owned() }))
    }

    /// Authenticates a client and connects it as who it is said to be.
    pub fn connect_as(&self, id: &str, handshake: &Handshake) -> Result<()> {
        let identity = self.authenticate(handshake)?.unwrap_or_default();
        self.connect(super::Connection { id: id.to_string(), user: identity.user, metadata: identity.metadata })
    }

    /// Makes a connection a member of a room and runs the hook. No guard is asked:
    /// [`ask`](Host::ask) does that.
    pub fn join(&self, id: &str, room: &str) -> Result<()> {
        let joined = self.state.borrow_mut().join(room, id).map(drop);
        self.settle();
        joined
    }

    /// Ends a membership as the client's own wish, and runs the hook.
    pub fn leave(&self, id: &str, room: &str) {
        self.state.borrow_mut().leave(room, id, crate::left::BY_REQUEST);
        self.settle();
    }

    /// Lets a connection receive what is published on a channel, as pushes named
    /// `mesh/subscription-message`. No guard is asked.
    pub fn subscribe(&self, id: &str, channel: &str) {
        self.state.borrow_mut().topics.subscribe("channel", channel, id);
    }

    /// Subscribes a connection to the presence of a room, of which the host knows
    /// nothing but that subscription. No guard is asked.
    pub fn subscribe_presence(&self, id: &str, room: &str) {
        self.state.borrow_mut().topics.subscribe("presence", room, id);
    }

    /// Returns what was published on a channel so far.
    pub fn messages(&self, channel: &str) -> Vec<Json<'static>> {
        self.state.borrow().topics.messages(channel)
    }

    /// Returns the close code and the reason with which the plugin has closed a
    /// connection.
    pub fn closed(&self, id: &str) -> Option<(i64, String)> {
        self.state.borrow().closed.iter().find(|c| c.id == id).map(|Closed { code, reason, .. }| (*code, reason.clone()))
    }

    /// Sets the time that [`now`](crate::now) returns, in milliseconds since 1970;
    /// without it that is the real time. Nothing else depends on it.
    pub fn set_now(&self, milliseconds: i64) {
        self.state.borrow_mut().now = Some(milliseconds);
    }

    /// Runs a schedule once, whatever its time.
    pub fn run_schedule(&self, name: &str) -> Result<()> {
        let schedules = self.document.get("schedules");
        let found = find(&schedules, "name", name).ok_or_else(|| Error::not_found(["no schedule ", name].concat()))?;
        let result = self.send(handler_of(&found), &Asked { kind: 7, name, ..Asked::default() }).map(drop);
        self.settle();
        result
    }

    /// Lets a connection, "": an operator, write a record, JSON text, and runs the
    /// hook. No guard is asked.
    pub fn write_record(&self, connection_id: &str, record_id: &str, value: &str) {
        self.state.borrow_mut().write_record(connection_id, record_id, Json::raw(value).into_owned());
        self.settle();
    }

    /// Removes a record for a reason, one of the constants of
    /// [`removed`](mod@crate::removed), and runs the hook.
    pub fn remove_record(&self, connection_id: &str, record_id: &str, reason: &'static str) {
        self.state.borrow_mut().remove_record(connection_id, record_id, reason);
        self.settle();
    }

    /// Tells whether a hook for records asks for this one.
    pub(super) fn hears_of(hook: &Json, record_id: &str) -> bool {
        let patterns = hook.get("records");
        let mut patterns = patterns.items().peekable();
        patterns.peek().is_none() || patterns.any(|p| p.as_text().map_or(false, |p| p.starts_with('/') || p == record_id))
    }
}
