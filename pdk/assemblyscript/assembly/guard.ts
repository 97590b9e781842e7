import { Call } from "./call";
import { Reader } from "./codec";
import { Json } from "./json";

/** What a guard is asked about, as GuardCall.topic says. */
export const TopicChannel: string = "channel";
export const TopicPresence: string = "presence";
export const TopicRoom: string = "room";
export const TopicConnection: string = "connection";
export const TopicRecord: string = "record";
export const TopicCollection: string = "collection";

/**
 * What a client wants of it, as GuardCall.action says: to receive what is
 * published on a channel; to be present in a room and to see who is; to read a
 * record, also as part of a collection; to see a collection.
 */
export const ActionSubscribe: string = "subscribe";
/** To publish on a channel. */
export const ActionPublish: string = "publish";
/** To read a channel's history without a subscription. */
export const ActionHistory: string = "history";
/** To become a member of a room. */
export const ActionJoin: string = "join";
/**
 * To read the metadata of a room without being a member, or of a connection
 * without sharing a room.
 */
export const ActionMetadata: string = "metadata";
/** To write a record: GuardCall.value, by GuardCall.strategy. */
export const ActionWrite: string = "write";
/** To delete a record. */
export const ActionDelete: string = "delete";

/**
 * Asks whether a connection may have something: its name is that of the channel
 * or room, or the id of the record, collection or other connection, that the
 * client wants to reach.
 */
export class GuardCall extends Call {
  /** One of the Topic constants. */
  get topic(): string {
    return this.part(0);
  }

  /** One of the Action constants. */
  get action(): string {
    return this.part(1);
  }

  /**
   * How value would be written: Replace, also where the client names none, Merge
   * or DeepMerge. It is "" for all actions but ActionWrite. A value that is no
   * object, or meets none, replaces by any strategy: a guard that is to keep what
   * is there demands an object too.
   */
  get strategy(): string {
    return this.part(2);
  }

  /**
   * What a client wants to write into a record, as it was sent: of a merge the
   * part that will be laid over what is there. It is none for all other actions.
   */
  get value(): Json {
    return this.payload;
  }

  private part(n: i32): string {
    const detail = this.detail;
    const r = new Reader().open(detail.start, detail.length, null);
    while (n-- > 0) r.next();
    return r.string();
  }
}
