import { errors } from "./generated/tables.js";

/** What a plugin answers with, or a host operation, to say that it has failed. */
export class MeshError extends Error {
  /**
   * @param {string} code for programs
   * @param {string} message for people
   * @param {{name?: string, data?: unknown, http?: number}} more the class, a JSON value, and the status of a refused handshake
   */
  constructor(code, message = "", more = {}) {
    super(message);
    this.code = code;
    this.name = more.name ?? errors[code]?.name ?? "";
    this.data = more.data;
    this.http = more.http ?? 0;
  }
}
