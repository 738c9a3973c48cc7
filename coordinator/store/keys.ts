import assert from 'node:assert/strict';

/**
 * Every key this project has in the store, in one place:
 *
 *   <prefix>/leader            who leads; attached to the leader's lease, so it vanishes with it
 *   <prefix>/session/<id>      one per agent session; attached to the lease whose id it carries
 *   <prefix>/lease/<item>      one per held work item; attached to the holder's session lease
 *   <prefix>/doc/<key>         documents; attached to nothing
 *
 * Why so:
 * - `leader` is one key, not a queue of candidates: its create revision is the term, and the same
 *   compare guards every write of the leader. With a handful of candidates a queue saves nothing.
 * - A kind of record is a prefix of its own, so that one range lists it and one watch follows it;
 *   a watch on leases is not woken by heartbeats or documents.
 * - An agent is in the *value* of a lease, not in its key: an item has one key whoever holds it, and
 *   "create if absent" is then the whole mutual exclusion.
 * - Everything is below `<prefix>/` (with the slash): one etcd role can be limited to it, and
 *   `/mirror` never lists what belongs to `/mirror-test`.
 * - Item names are escaped because flows and topics are named by users: no slash, blank, quote or
 *   control character reaches a key, so that it prints and pastes as one word. The escape is
 *   injective. Document keys are ours, and kept as they are, so that they list by prefix.
 */
export class StoreKeys {
  readonly leader: string;
  readonly sessions: string;
  readonly leases: string;
  readonly documents: string;

  constructor(prefix: string) {
    const root = prefix.replace(/\/+$/, '');
    assert.match(root, /^\/[^\s]+$/, 'a store prefix starts with a slash and names something');
    this.leader = `${root}/leader`;
    this.sessions = `${root}/session/`;
    this.leases = `${root}/lease/`;
    this.documents = `${root}/doc/`;
  }

  session(sessionId: string): string {
    assert.match(sessionId, /^[1-9][0-9]*$/, 'a session id is a lease id in decimal');
    return this.sessions + sessionId;
  }

  lease(item: string): string {
    assert.notEqual(item, '', 'a work item has a name');
    return this.leases + escapeItem(item);
  }

  document(key: string): string {
    assert.notEqual(key, '', 'a document has a key');
    return this.documents + key;
  }

  itemOf(leaseKey: string): string {
    return decodeURIComponent(leaseKey.slice(this.leases.length));
  }

  sessionOf(sessionKey: string): string {
    return sessionKey.slice(this.sessions.length);
  }

  documentOf(documentKey: string): string {
    return documentKey.slice(this.documents.length);
  }
}

/** encodeURIComponent, and the five marks which it leaves but a shell does not. */
function escapeItem(item: string): string {
  const escapeMark = (mark: string): string => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(item).replace(/[!'()*]/g, escapeMark);
}
