import assert from 'node:assert/strict';

/** A key of its own: nobody watches it, but each write of it is a revision. */
const KEY = Buffer.from('/test/compaction').toString('base64');
const WRITES = 5;

interface Answer {
  readonly header: { readonly revision: string };
}

/**
 * Moves the revision on and forgets all before it, so that a watch that is behind cannot go on. Rejects
 * if the member does not answer within `limitMs`. Endpoint: `http://host:port`.
 */
export async function compactEtcd(endpoint: string, limitMs: number): Promise<bigint> {
  const signal = AbortSignal.timeout(limitMs);
  const ask = async (call: string, request: object): Promise<Answer> => {
    const body = JSON.stringify(request);
    const response = await fetch(`${endpoint}/v3/kv/${call}`, { method: 'POST', body, signal });
    const text = await response.text();
    assert.equal(response.status, 200, `${endpoint} ${call}: ${text}`);
    return JSON.parse(text) as Answer;
  };
  let revision = '';
  for (let write = 0; write < WRITES; write += 1)
    ({ revision } = (await ask('put', { key: KEY, value: '' })).header);
  await ask('compaction', { revision, physical: true });
  return BigInt(revision);
}
