/**
 * What a handler returns: a Json is the reply's payload, a MeshError the client's
 * error, and null replies null.
 */
export class Reply {}
