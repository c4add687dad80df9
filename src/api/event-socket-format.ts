/**
 * Subprotocol of a WebSocket that carries what a stream of server-sent events would: browsers allow a page six HTTP/1.1
 * connections to an origin, all its tabs together, and count no WebSocket among them.
 */
export const EVENTS_PROTOCOL = "berth.events.v1";
