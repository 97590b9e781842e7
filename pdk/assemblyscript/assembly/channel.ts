import {
  callChannelsHistory, callChannelsPublish, callChannelsUnsubscribe,
  ChannelsHistoryResult, ChannelsPublishResult, ChannelsUnsubscribeResult,
} from "./generated/operations";
import { Json } from "./json";

/** Which messages of a channel are read; as it is made: the newest 50. */
export class HistoryQuery {
  /** The most messages, up to 10000; 0: 50. Those are the newest. */
  limit: i32 = 0;
  /** Leaves out the messages up to this offset. */
  since: i64 = 0;
  /** Leaves out those published before this time, in milliseconds since 1970. */
  sinceTime: i64 = 0;
}

/** A message of a channel's history. */
export class Message {
  offset: i64 = 0;
  /**
   * The message as subscribers got it: of one that was published as another value
   * than a string, the JSON text.
   */
  text: string = "";
  /** When it was published, in milliseconds since 1970. */
  time: i64 = 0;
}

/**
 * Channels carry messages to their subscribers, on all nodes, and keep the newest
 * ones where a pattern of Plugin.channel or of the operator's says so. Names are 1
 * to 256 bytes without control characters. No guard is asked.
 */
export class Channels {
  /**
   * Delivers a message, any JSON value, to the subscribers of a channel. What is
   * not a string they get as its JSON text. `offset` is the message's number, from
   * 1, in the history that `epoch` names; 0 and "" where nothing is kept. At least
   * the newest `keep` messages of the channel are kept, up to 100000, even if its
   * pattern keeps fewer or none.
   */
  static publish(channel: string, message: Json, keep: i32 = 0): ChannelsPublishResult {
    return callChannelsPublish(channel, message, keep);
  }

  /**
   * Reads what is kept of a channel: `history` is [{"offset", "message", "time"}],
   * newest first, which messages reads; `offset` and `epoch` are those of the
   * channel's newest message, kept or not.
   */
  static history(channel: string, q: HistoryQuery = new HistoryQuery()): ChannelsHistoryResult {
    return callChannelsHistory(channel, q.limit, q.since, q.sinceTime);
  }

  /** Returns the messages of a history, the newest first. */
  static messages(page: ChannelsHistoryResult): Message[] {
    const list: Message[] = [];
    for (const i = page.history.items(); i.next(); ) {
      const m = new Message();
      m.offset = i.value.get("offset").asInt();
      m.text = i.value.get("message").asText();
      m.time = i.value.get("time").asInt();
      list.push(m);
    }
    return list;
  }

  /**
   * Ends a connection's subscription to a channel: `unsubscribed` tells whether
   * there was one. The client gets the reason, at most 123 bytes.
   */
  static unsubscribe(channel: string, connectionId: string, reason: string = ""): ChannelsUnsubscribeResult {
    return callChannelsUnsubscribe(channel, connectionId, reason);
  }
}
