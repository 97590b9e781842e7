import { apply } from "./patch.js";

// What follows keeps up with what the server has, over lost connections too: call
// follow on each new one, and hand over what is pushed.

// Shared is a record, followed in patch mode.
export class Shared {
  #mesh;
  #changed;
  #at = null; // {epoch, version} of the value
  value = null;

  // changed is called with each new value, null for none, which the one before
  // may have become.
  constructor(mesh, id, changed) {
    this.#mesh = mesh;
    this.id = id;
    this.#changed = changed;
  }

  // follow subscribes from where it is: with what came since, if the server still
  // has that, else with the whole value.
  async follow() {
    const reply = await this.#mesh.call("mesh/subscribe-record", { recordId: this.id, mode: "patch", ...this.#at });
    if (!reply.success) throw new Error("You may not see this.");
    try {
      if (!reply.recovered) this.value = reply.record;
      // What an earlier subscription has pushed may have come before the reply.
      for (const { version, patch } of reply.patches ?? []) {
        if (version > this.#at.version) this.value = apply(this.value, patch);
      }
    } catch {
      return this.#anew();
    }
    this.#at = { epoch: reply.epoch, version: reply.version };
    this.#changed(this.value);
  }

  // take takes the payload of a record-update or record-deleted.
  async take({ epoch, version, full, patch }) {
    const { epoch: mine, version: last } = this.#at ?? {};
    if (epoch === mine && version <= last) return;
    try {
      if (patch && (epoch !== mine || version !== last + 1)) return this.follow();
      this.value = patch ? apply(this.value, patch) : full ?? null;
    } catch {
      return this.#anew();
    }
    this.#at = { epoch, version };
    this.#changed(this.value);
  }

  #anew() {
    this.#at = null;
    return this.follow();
  }

  leave() { return this.#mesh.call("mesh/unsubscribe-record", { recordId: this.id }); }
}

// Collection is a set of records.
export class Collection {
  #mesh;
  #changed;
  #version = 0;
  records = new Map(); // id → value

  // changed is called when a record has joined, changed or left.
  constructor(mesh, id, changed) {
    this.#mesh = mesh;
    this.id = id;
    this.#changed = changed;
  }

  async follow() {
    const reply = await this.#mesh.call("mesh/subscribe-collection", { collectionId: this.id });
    if (!reply.success) throw new Error("You may not see this.");
    this.#version = reply.version;
    this.records = new Map(reply.records.map(({ id, record }) => [id, record]));
    this.#changed(this.records);
  }

  // diff takes the payload of a collection-diff.
  async diff({ added, removed, version }) {
    if (version <= this.#version) return;
    if (version !== this.#version + 1) return this.follow();
    this.#version = version;
    for (const { id } of removed) this.records.delete(id);
    for (const { id, record } of added) this.records.set(id, record);
    this.#changed(this.records);
  }

  // take takes the payload of a record-update or record-deleted.
  take({ recordId, full }) {
    if (!this.records.has(recordId)) return;
    if (full === undefined) this.records.delete(recordId);
    else this.records.set(recordId, full);
    this.#changed(this.records);
  }

  leave() { return this.#mesh.call("mesh/unsubscribe-collection", { collectionId: this.id }); }
}
