//! Channels carry messages to their subscribers, on all nodes, and keep the
//! newest ones where a pattern of [`Plugin::channel`](crate::Plugin::channel) or
//! of the operator's says so. Names are 1 to 256 bytes without control
//! characters. No guard is asked.

use std::borrow::Cow;

use crate::generated::operations;
use crate::{Json, Result};

/// A place in the history of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Names the life of the history: offsets of another one mean nothing. It is
    /// "" where nothing is kept.
    pub epoch: String,
    /// A message's number, from 1; 0 where there is none.
    pub offset: i64,
}

/// Delivers a message, any JSON value, to the subscribers of a channel and
/// returns its position. What is not a string they get as its JSON text.
pub fn publish<'a>(channel: &str, message: impl Into<Json<'a>>) -> Result<Position> {
    publish_keeping(channel, message, 0)
}

/// Is [`publish`], and keeps at least the newest so many messages of the channel,
/// up to 100000, even if its pattern keeps fewer or none.
pub fn publish_keeping<'a>(channel: &str, message: impl Into<Json<'a>>, history: i64) -> Result<Position> {
    let (offset, epoch) = operations::channels_publish(channel, &message.into(), history)?;
    Ok(Position { epoch, offset })
}

/// Says which messages of a channel are read; the default: the newest 50.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The most messages, up to 10000; 0: 50. Those are the newest.
    pub limit: i64,
    /// Leaves out the messages up to this offset.
    pub since: i64,
    /// Leaves out those published before this time, in milliseconds since 1970.
    pub since_time: i64,
}

/// A part of a channel's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// That of the channel's newest message, kept or not.
    pub position: Position,
    /// `[{"offset", "message", "time"}]`, newest first;
    /// [`messages`](HistoryPage::messages) reads it.
    pub list: Json<'static>,
}

/// A message of a channel's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number, from 1.
    pub offset: i64,
    /// The message as subscribers got it: of one that was published as another
    /// value than a string, the JSON text.
    pub text: String,
    /// When it was published, in milliseconds since 1970.
    pub time: i64,
}

/// Reads what is kept of a channel.
pub fn history(channel: &str, q: HistoryQuery) -> Result<HistoryPage> {
    let (list, offset, epoch) = operations::channels_history(channel, q.limit, q.since, q.since_time)?;
    Ok(HistoryPage { position: Position { epoch, offset }, list })
}

impl HistoryPage {
    /// Iterates over the messages, the newest first.
    pub fn messages(&self) -> impl Iterator<Item = Message> + '_ {
        self.list.items().map(|item| Message {
            offset: item.get("offset").as_int().unwrap_or(0),
            text: item.get("message").as_text().map(Cow::into_owned).unwrap_or_default(),
            time: item.get("time").as_int().unwrap_or(0),
        })
    }
}

/// Ends a connection's subscription to a channel and tells whether there was one.
/// The client gets the reason, at most 123 bytes.
pub fn unsubscribe(channel: &str, connection_id: &str, reason: &str) -> Result<bool> {
    operations::channels_unsubscribe(channel, connection_id, reason)
}
