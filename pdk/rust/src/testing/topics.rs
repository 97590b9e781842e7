//! Channels and the subscriptions of the host in memory.

use std::collections::BTreeMap;

use super::state::{unknown, State};
use super::{Answer, Arguments, Push};
use crate::{code, object, Error, Json, Result};

/// What is published, and who hears it.
#[derive(Default)]
pub(super) struct Topics {
    messages: BTreeMap<String, Vec<Json<'static>>>,
    /// Kind ("channel" or "presence"), name and connection.
    subscriptions: Vec<(&'static str, String, String)>,
}

impl Topics {
    pub fn messages(&self, channel: &str) -> Vec<Json<'static>> {
        self.messages.get(channel).cloned().unwrap_or_default()
    }

    pub fn subscribe(&mut self, kind: &'static str, name: &str, id: &str) {
        if !self.has(kind, name, id) {
            self.subscriptions.push((kind, name.to_string(), id.to_string()));
        }
    }

    pub fn has(&self, kind: &str, name: &str, id: &str) -> bool {
        self.subscriptions.iter().any(|(k, n, i)| *k == kind && n == name && i == id)
    }

    /// Ends all subscriptions of a connection that has gone.
    pub fn forget(&mut self, id: &str) {
        self.subscriptions.retain(|(_, _, member)| member != id);
    }
}

impl State {
    pub(super) fn perform_channels(&mut self, operation: &str, f: &mut Arguments) -> Result<Answer> {
        match operation {
            "channels.publish" => Ok(self.publish(f.text(), f.json())),
            "channels.unsubscribe" => self.unsubscribe("channel", f),
            _ => Err(unknown(operation)),
        }
    }

    fn publish(&mut self, channel: &str, message: Json<'static>) -> Answer {
        let text = match message.as_text() {
            Some(text) => Json::text(&text),
            None => Json::text(&message.to_string()),
        };
        let all = self.topics.messages.entry(channel.to_string()).or_default();
        all.push(message);
        let offset = all.len() as i64;
        let payload = object().text("channel", channel).raw("message", text).int("offset", offset).text("epoch", "e1").json();
        for (kind, name, id) in &self.topics.subscriptions {
            if *kind == "channel" && name == channel {
                self.pushes.push((id.clone(), Push { command: "mesh/subscription-message".to_string(), payload: payload.clone() }));
            }
        }
        Answer::new().int(offset).text("e1")
    }

    pub(super) fn unsubscribe(&mut self, kind: &'static str, f: &mut Arguments) -> Result<Answer> {
        let (name, id, reason) = (f.text(), f.text(), f.text());
        if reason.len() > 123 {
            return Err(Error::new(code::PAYLOAD, "reason: must be at most 123 bytes"));
        }
        let there = self.topics.has(kind, name, id);
        if there {
            self.topics.subscriptions.retain(|(k, n, i)| *k != kind || n != name || i != id);
            let payload = object().text("kind", kind).text("name", name).text("reason", reason).json();
            self.pushes.push((id.to_string(), Push { command: "mesh/unsubscribed".to_string(), payload }));
        }
        Ok(Answer::new().bool(there))
    }
}
