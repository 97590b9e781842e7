import { ObjectBuilder } from "./json";
import { Hour, Millisecond, Minute, Second } from "./kv";

// What a registration returns, to say more about it: p.command("wipe",
// wipe).using(["admins"]).

/** An entry of the registration document as it grows. */
export class Entry {
  constructor(
    /** For the kit's own use. */
    public document: ObjectBuilder,
  ) {}
}

/** A command that has been registered. */
export class CommandEntry extends Entry {
  /**
   * Lets the command start on arrival, beside others of its session; without it the
   * commands of one session run one after another.
   */
  concurrent(): this {
    this.document.bool("concurrent", true);
    return this;
  }

  /** Names the plugin's own middleware that runs before the command, in this order, after the global ones. */
  using(middleware: string[]): this {
    this.document.texts("middleware", middleware);
    return this;
  }
}

/** An authenticate hook that has been registered. */
export class HookEntry extends Entry {
  /**
   * Sorts a global middleware or an authenticate hook among those of all plugins:
   * lower runs first, equal ones by file name. Without it the plugin's own order
   * counts.
   */
  order(order: i32): this {
    this.document.int("order", order);
    return this;
  }
}

/** A middleware that has been registered. */
export class MiddlewareEntry extends Entry {
  /**
   * Sorts a global middleware or an authenticate hook among those of all plugins:
   * lower runs first, equal ones by file name. Without it the plugin's own order
   * counts.
   */
  order(order: i32): this {
    this.document.int("order", order);
    return this;
  }

  /** Lets the middleware run before every command of every plugin, and before the built-in commands. */
  global(): this {
    this.document.bool("global", true);
    return this;
  }
}

/** A schedule that has been registered. */
export class ScheduleEntry extends Entry {
  /** Lets the schedule run on one node at a time instead of on every node. */
  oncePerCluster(): this {
    this.document.text("scope", "cluster");
    return this;
  }
}

/** Channels that have been opened. */
export class ChannelEntry extends Entry {
  /**
   * Names the plugin's guard that is asked before a client subscribes to a channel or
   * reads its history. Without one
   * everyone may.
   */
  guardedBy(guard: string): this {
    this.document.text("guard", guard);
    return this;
  }

  /** Closes a connection that reads more slowly than it is sent to, with CloseSlowConsumer; the default. */
  slowDisconnect(): this {
    this.document.text("slowConsumer", "disconnect");
    return this;
  }

  /** Leaves pushes out for a client that reads more slowly than it is sent to, and tells it of the gap. */
  slowDrop(): this {
    this.document.text("slowConsumer", "drop");
    return this;
  }

  /**
   * Keeps, for a client that reads more slowly than it is sent to, only the newest
   * of those that replace each other, as the states of presence and the versions of
   * a record do.
   */
  slowConflate(): this {
    this.document.text("slowConsumer", "conflate");
    return this;
  }

  /** Lets every client publish. */
  publishable(): this {
    this.document.bool("publish", true);
    return this;
  }

  /** Lets those clients publish whom the plugin's guard of that name allows it. */
  publishableBy(guard: string): this {
    this.document.bool("publish", true).text("publishGuard", guard);
    return this;
  }

  /** Keeps so many messages of a channel, 0 (none) to 100000. */
  history(messages: i32): this {
    this.document.int("history", messages);
    return this;
  }

  /** Keeps a message for so long; 0: for a day. */
  historyTTL(duration: i64): this {
    putDuration(this.document, "historyTtl", duration);
    return this;
  }
}

/** Rooms whose presence has been opened. */
export class PresenceEntry extends Entry {
  /**
   * Names the plugin's guard that is asked before a client is present and sees who
   * is. Without one
   * everyone may.
   */
  guardedBy(guard: string): this {
    this.document.text("guard", guard);
    return this;
  }

  /** Closes a connection that reads more slowly than it is sent to, with CloseSlowConsumer; the default. */
  slowDisconnect(): this {
    this.document.text("slowConsumer", "disconnect");
    return this;
  }

  /** Leaves pushes out for a client that reads more slowly than it is sent to, and tells it of the gap. */
  slowDrop(): this {
    this.document.text("slowConsumer", "drop");
    return this;
  }

  /**
   * Keeps, for a client that reads more slowly than it is sent to, only the newest
   * of those that replace each other, as the states of presence and the versions of
   * a record do.
   */
  slowConflate(): this {
    this.document.text("slowConsumer", "conflate");
    return this;
  }

  /** How long a member stays present without a sign of life, at least a Second; 0: as long as it is connected. */
  ttl(duration: i64): this {
    putDuration(this.document, "ttl", duration);
    return this;
  }
}

/** Rooms that have been guarded. */
export class RoomEntry extends Entry {
  /**
   * Names the plugin's guard that is asked before a client joins. Without one
   * everyone may.
   */
  guardedBy(guard: string): this {
    this.document.text("guard", guard);
    return this;
  }

  /**
   * Names the plugin's guard that is asked before a client that is no member reads a
   * room's metadata; without one it may not.
   */
  metadataGuardedBy(guard: string): this {
    this.document.text("metadataGuard", guard);
    return this;
  }
}

/** Records that have been opened. */
export class RecordEntry extends Entry {
  /**
   * Names the plugin's guard that is asked before a client subscribes to a record. Without one
   * everyone may.
   */
  guardedBy(guard: string): this {
    this.document.text("guard", guard);
    return this;
  }

  /** Closes a connection that reads more slowly than it is sent to, with CloseSlowConsumer; the default. */
  slowDisconnect(): this {
    this.document.text("slowConsumer", "disconnect");
    return this;
  }

  /** Leaves pushes out for a client that reads more slowly than it is sent to, and tells it of the gap. */
  slowDrop(): this {
    this.document.text("slowConsumer", "drop");
    return this;
  }

  /**
   * Keeps, for a client that reads more slowly than it is sent to, only the newest
   * of those that replace each other, as the states of presence and the versions of
   * a record do.
   */
  slowConflate(): this {
    this.document.text("slowConsumer", "conflate");
    return this;
  }

  /** Lets every client write. */
  writable(): this {
    this.document.bool("writable", true);
    return this;
  }

  /** Lets those clients write whom the plugin's guard of that name allows it. */
  writableBy(guard: string): this {
    this.document.bool("writable", true).text("writeGuard", guard);
    return this;
  }

  /** How long a record lasts without a write, at least a Second; 0: for good. */
  ttl(duration: i64): this {
    putDuration(this.document, "ttl", duration);
    return this;
  }
}

/** Collections that have been opened. */
export class CollectionEntry extends Entry {
  /**
   * Names the plugin's guard that is asked before a client subscribes to a collection;
   * those of its records are asked besides. Without one
   * everyone may.
   */
  guardedBy(guard: string): this {
    this.document.text("guard", guard);
    return this;
  }

  /**
   * Names patterns of records: the resolver is asked again when one of these has
   * changed, and only then. Name what it reads, too. Without it every record counts.
   */
  dependsOn(records: string[]): this {
    this.document.texts("records", records);
    return this;
  }

  /**
   * Says that the resolver answers the same for every client. It is then asked once
   * for all of them, instead of once for each.
   */
  shared(): this {
    this.document.bool("shared", true);
    return this;
  }

  /**
   * The most records of a collection, 1 to 1000; what the resolver names beyond it is
   * left out, whether or not a client may read all that comes before. Default 100.
   */
  limit(records: i32): this {
    this.document.int("limit", records);
    return this;
  }
}

/** Adds a duration in its largest whole unit, such as "90s", and leaves 0 out. */
function putDuration(o: ObjectBuilder, name: string, d: i64): void {
  if (d == 0) return;
  if (d % Hour == 0) o.text(name, (d / Hour).toString() + "h");
  else if (d % Minute == 0) o.text(name, (d / Minute).toString() + "m");
  else if (d % Second == 0) o.text(name, (d / Second).toString() + "s");
  else o.text(name, (d / Millisecond).toString() + "ms");
}
