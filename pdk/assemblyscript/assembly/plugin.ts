import { Call, current } from "./call";
import { MeshError } from "./error";
import { CodePlugin } from "./generated/codes";
import { GuardCall } from "./guard";
import { Handshake } from "./handshake";
import { Departure, RecordChange, RoomChange } from "./hook";
import { array, Json, object, ObjectBuilder } from "./json";
import { MiddlewareCall } from "./middleware";
import {
  ChannelEntry, CollectionEntry, CommandEntry, Entry, HookEntry, MiddlewareEntry, PresenceEntry, RecordEntry,
  RoomEntry, ScheduleEntry,
} from "./option";
import { Reply } from "./reply";
import { ERROR, outcome, REFUSE, respond } from "./respond";

/** Answers a kind of call. */
abstract class Handler {
  abstract answer(): u64;
}

class CommandHandler extends Handler {
  constructor(private run: (c: Call) => Reply | null) { super(); }
  answer(): u64 { return respond(this.run(current)); }
}

class HookHandler extends Handler {
  constructor(private run: (c: Call) => MeshError | null) { super(); }
  answer(): u64 { return outcome(this.run(current)); }
}

class MiddlewareHandler extends Handler {
  constructor(private run: (c: MiddlewareCall) => MeshError | null) { super(); }
  answer(): u64 {
    const c = new MiddlewareCall();
    const e = this.run(c);
    return e === null ? c.respond() : outcome(e);
  }
}

class GuardHandler extends Handler {
  constructor(private run: (c: GuardCall) => MeshError | null) { super(); }
  answer(): u64 { return outcome(this.run(new GuardCall()), REFUSE); }
}

class AuthenticateHandler extends Handler {
  constructor(private run: (h: Handshake) => Reply | null) { super(); }
  answer(): u64 { return respond(this.run(Handshake.read()), REFUSE); }
}

class DepartureHandler extends Handler {
  constructor(private run: (d: Departure) => MeshError | null) { super(); }
  answer(): u64 { return outcome(this.run(Departure.read())); }
}

class RoomHandler extends Handler {
  constructor(private run: (c: RoomChange) => MeshError | null) { super(); }
  answer(): u64 { return outcome(this.run(RoomChange.read())); }
}

class RecordHandler extends Handler {
  constructor(private run: (c: RecordChange) => MeshError | null) { super(); }
  answer(): u64 { return outcome(this.run(RecordChange.read())); }
}

/**
 * What a plugin registers: its name and its handlers. It is filled by the set-up
 * function and must not be used after it has returned.
 *
 * Handlers are top-level functions. They are numbered in the order of their
 * registration, and every instance of the plugin runs the set-up function anew: it
 * must register the same things in the same order each time. It may read config,
 * and keep what it has read in variables, which belong to the one instance.
 */
export class Plugin {
  private handlers: Handler[] = [];
  private problems: string[] = [];
  private pluginName: string = "";
  private pluginVersion: string = "";
  private pluginOrder: i32 = 0;
  private schema: Json = Json.none;
  private guardOfMetadata: string = "";
  private commands: Entry[] = [];
  private middlewares: Entry[] = [];
  private guards: Entry[] = [];
  private channels: Entry[] = [];
  private presences: Entry[] = [];
  private rooms: Entry[] = [];
  private records: Entry[] = [];
  private collections: Entry[] = [];
  private hooks: Entry[] = [];
  private schedules: Entry[] = [];
  private capabilities: Entry[] = [];

  /**
   * Sets the plugin's name: letters, digits, '-' and '_', at most 64 bytes. Without
   * one it is that of its file, less a language suffix.
   */
  name(name: string): void {
    this.pluginName = name;
  }

  /** Sets the version that the host shows; it means nothing to it. */
  version(version: string): void {
    this.pluginVersion = version;
  }

  /**
   * Sorts this plugin's global middleware and authenticate hooks among those of all
   * plugins, where they state no order of their own, and its exposures: lower comes
   * first, equal ones by file name. Default 0.
   */
  order(order: i32): void {
    this.pluginOrder = order;
  }

  /** Describes the plugin's settings to its operator, as a JSON Schema. */
  configSchema(schema: Json): void {
    this.schema = schema;
  }

  /**
   * Says that the plugin uses an operation or a family of them, such as "kv", and
   * what for. Its operator reads the reason.
   */
  capability(name: string, reason: string): void {
    this.capabilities.push(new Entry(object().text("name", name).text("reason", reason)));
  }

  /**
   * Says that the plugin cannot run, for a reason such as a setting that is wrong. It
   * is not loaded, and the host reports the reason.
   */
  fail(reason: string): void {
    this.problems.push(reason);
  }

  /** Registers a command. The handler's JSON is the reply's payload, null: null; its error is the client's error. */
  command(name: string, handler: (c: Call) => Reply | null): CommandEntry {
    const e = new CommandEntry(this.entry("name", name, new CommandHandler(handler)));
    this.commands.push(e);
    return e;
  }

  /**
   * Registers a middleware: a global one runs before every command of every plugin
   * and before the built-in ones; another one runs before the commands that name it
   * with using.
   */
  middleware(name: string, handler: (c: MiddlewareCall) => MeshError | null): MiddlewareEntry {
    const e = new MiddlewareEntry(this.entry("name", name, new MiddlewareHandler(handler)));
    this.middlewares.push(e);
    return e;
  }

  /**
   * Registers a guard, which takes effect where an exposure names it: null allows, an
   * error refuses, and so does a trap or a deadline that passes.
   */
  guard(name: string, handler: (c: GuardCall) => MeshError | null): void {
    this.guards.push(new Entry(this.entry("name", name, new GuardHandler(handler))));
  }

  /**
   * Names the plugin's guard that is asked before a client reads the metadata of a
   * connection with which it shares no room; without one that allows it, it may not.
   */
  metadataGuard(guard: string): void {
    this.guardOfMetadata = guard;
  }

  // Exposures say what clients can reach. A pattern is a name, or a regular
  // expression in RE2 syntax between slashes that must match the whole name,
  // "/^chat:.+$/". Of all patterns, the operator's before those of plugins, the
  // first that matches decides, and its guards alone are asked.

  /**
   * Opens the channels that match a pattern to subscribers; all others are closed to
   * clients. Everyone may subscribe, nobody but plugins and operators publishes, and
   * no message is kept, unless what it returns is told otherwise.
   */
  channel(pattern: string): ChannelEntry {
    const e = new ChannelEntry(object().text("pattern", pattern));
    this.channels.push(e);
    return e;
  }

  /**
   * Has the members of the rooms that match a pattern tracked: clients can see who is
   * present and what state each is in. Everyone may, and a member is present as long
   * as it is connected, unless what it returns is told otherwise.
   */
  presence(pattern: string): PresenceEntry {
    const e = new PresenceEntry(object().text("pattern", pattern));
    this.presences.push(e);
    return e;
  }

  /**
   * Puts guards on the rooms that match a pattern; all others can be joined by
   * everyone, and their metadata be read by members.
   */
  room(pattern: string): RoomEntry {
    const e = new RoomEntry(object().text("pattern", pattern));
    this.rooms.push(e);
    return e;
  }

  /**
   * Opens the records that match a pattern; all others are closed to clients.
   * Everyone may read them, nobody but plugins and operators writes, and they last
   * until they are deleted, unless what it returns is told otherwise.
   *
   * Who may read and who may write is decided apart: by the first pattern that is
   * writable for writing, by the first that is not, or is guarded, for reading. Where
   * none says who may read, everyone may read what is writable.
   */
  record(pattern: string): RecordEntry {
    const e = new RecordEntry(object().text("pattern", pattern));
    this.records.push(e);
    return e;
  }

  /**
   * Opens the collections that match a pattern; all others are closed to clients.
   * Everyone may subscribe, and a change of any record has the resolver asked again,
   * unless what it returns is told otherwise.
   *
   * The resolver returns the ids of a collection's records in its order,
   * Json.texts(ids): the call's name is the collection's id, and its connection the
   * client's that subscribes, none where the collection is shared. What the client
   * may not read is left out, and so are records without a value. An error refuses
   * the subscription; of a collection that a client has already it is logged, and
   * nothing changes.
   */
  collection(pattern: string, resolver: (c: Call) => Reply | null): CollectionEntry {
    const e = new CollectionEntry(this.entry("pattern", pattern, new CommandHandler(resolver)));
    this.collections.push(e);
    return e;
  }

  // A plugin registers at most one hook for each event.

  /**
   * Registers the hook that says who a client is before it may connect. It returns
   * identity(user, metadata), null where it has nothing to say (the client stays
   * anonymous unless another hook knows it), or an error, which refuses the
   * handshake: with the status and text of refuse, or with 401 and the error's text.
   */
  authenticate(handler: (h: Handshake) => Reply | null): HookEntry {
    return this.hook("authenticate", new AuthenticateHandler(handler));
  }

  /** Registers the hook that runs after a connection has been made. An error is logged. */
  onConnect(handler: (c: Call) => MeshError | null): void {
    this.hook("connect", new HookHandler(handler));
  }

  /** Registers the hook that runs after a connection has ended. An error is logged. */
  onDisconnect(handler: (d: Departure) => MeshError | null): void {
    this.hook("disconnect", new DepartureHandler(handler));
  }

  /**
   * Registers the hook that runs after a connection has become a member of a room,
   * whoever made it one. An error is logged.
   */
  onJoin(handler: (c: RoomChange) => MeshError | null): void {
    this.hook("join", new RoomHandler(handler));
  }

  /**
   * Registers the hook that runs after a connection has ceased to be a member of a
   * room, for whatever reason. An error is logged.
   */
  onLeave(handler: (c: RoomChange) => MeshError | null): void {
    this.hook("leave", new RoomHandler(handler));
  }

  /**
   * Registers the hook that runs for each version that a record has got a value with,
   * whoever wrote it. It is called for the records that match one of the patterns,
   * without patterns for all. Those of one record run in the order of its versions,
   * after the write and beside it. An error is logged.
   */
  onRecordUpdate(handler: (c: RecordChange) => MeshError | null, records: string[] = []): void {
    this.onRecord("recordUpdate", handler, records);
  }

  /**
   * Registers the hook that runs for each version that has taken a record's value
   * away. Otherwise it is as onRecordUpdate.
   */
  onRecordRemoved(handler: (c: RecordChange) => MeshError | null, records: string[] = []): void {
    this.onRecord("recordRemoved", handler, records);
  }

  /** Registers a function that runs at an interval such as "30s", at least "10ms". An error is logged. */
  every(interval: string, name: string, handler: (c: Call) => MeshError | null): ScheduleEntry {
    return this.schedule("every", interval, name, handler);
  }

  /**
   * Registers a function that runs at the times of a cron expression of five fields,
   * in UTC. An error is logged.
   */
  cron(expression: string, name: string, handler: (c: Call) => MeshError | null): ScheduleEntry {
    return this.schedule("cron", expression, name, handler);
  }

  /** Returns the registration document; what is not set is left out. For the kit's own use. */
  document(): Json {
    const o = object();
    if (this.problems.length > 0) return o.text("error", this.problems.join("\n")).json();
    if (this.pluginName.length > 0) o.text("name", this.pluginName);
    if (this.pluginVersion.length > 0) o.text("version", this.pluginVersion);
    if (this.pluginOrder != 0) o.int("order", this.pluginOrder);
    add(o, "commands", this.commands);
    add(o, "middleware", this.middlewares);
    add(o, "guards", this.guards);
    add(o, "channels", this.channels);
    add(o, "presence", this.presences);
    add(o, "rooms", this.rooms);
    add(o, "records", this.records);
    add(o, "collections", this.collections);
    if (this.guardOfMetadata.length > 0) o.text("metadataGuard", this.guardOfMetadata);
    add(o, "hooks", this.hooks);
    add(o, "schedules", this.schedules);
    add(o, "capabilities", this.capabilities);
    if (this.schema.exists) o.raw("configSchema", this.schema);
    return o.json();
  }

  /** Answers the current call. For the kit's own use. */
  answer(handler: u32): u64 {
    if (handler < <u32>this.handlers.length) return unchecked(this.handlers[handler]).answer();
    return outcome(new MeshError(CodePlugin, "the plugin has no such handler"), ERROR);
  }

  private entry(key: string, name: string, h: Handler): ObjectBuilder {
    this.handlers.push(h);
    return object().text(key, name).int("handler", this.handlers.length - 1);
  }

  private hook(event: string, h: Handler): HookEntry {
    const e = new HookEntry(this.entry("event", event, h));
    this.hooks.push(e);
    return e;
  }

  private onRecord(event: string, handler: (c: RecordChange) => MeshError | null, records: string[]): void {
    const e = this.hook(event, new RecordHandler(handler));
    if (records.length > 0) e.document.texts("records", records);
  }

  private schedule(kind: string, when: string, name: string, handler: (c: Call) => MeshError | null): ScheduleEntry {
    const e = new ScheduleEntry(this.entry("name", name, new HookHandler(handler)).text(kind, when));
    this.schedules.push(e);
    return e;
  }
}

function add(o: ObjectBuilder, name: string, entries: Entry[]): void {
  if (entries.length == 0) return;
  const a = array();
  for (let i = 0; i < entries.length; i++) a.raw(entries[i].document.json());
  o.raw(name, a.json());
}
