import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import {
  Journal,
  JOURNAL_ENTRIES_MAX,
  type JournalDocuments,
} from '../../../coordinator/journal/journal.js';
import {
  encodeEntry,
  FACTS_MAX,
  parseEntry,
  TEXT_CHARS_MAX,
} from '../../../coordinator/journal/journal-entry.js';
import { InProcessLeaseStore } from '../../../coordinator/store/in-process-lease-store.js';

const ACT = { operator: 'ann@desk', act: 'promote', flow: 'a->b', detail: '', before: {} };
const DONE = { outcome: 'done', after: {}, message: '' } as const;
const NEVER = new AbortController().signal;

function journalIn(documents: JournalDocuments): Journal {
  return new Journal({ documents, clock: systemClock, log: silentLogger });
}

async function leadership(): Promise<{ documents: JournalDocuments; close: () => Promise<void> }> {
  const store = new InProcessLeaseStore({ clock: systemClock, leaderTtlMs: 60_000 });
  const documents = await store.campaign({ id: 'one', address: 'one:1' }, NEVER);
  return { documents, close: () => store.close() };
}

describe('Journal', () => {
  it('keeps who did what on which flow, before and after, newest first', async () => {
    const { documents, close } = await leadership();
    const journal = journalIn(documents);
    const act = await journal.begin({ ...ACT, before: { state: 'running' } });
    await journal.record({ ...ACT, ...DONE, act: 'resume', flow: 'c->d' });
    await act.end({ ...DONE, after: { state: 'promoted' } });

    const entries = await journal.list('', 10);
    assert.deepEqual(
      entries.map((entry) => [entry.act, entry.operator, entry.outcome, entry.after]),
      [
        ['resume', 'ann@desk', 'done', {}],
        ['promote', 'ann@desk', 'done', { state: 'promoted' }],
      ],
    );
    assert.deepEqual(
      (await journal.list('a->b', 10)).map(({ flow, before }) => [flow, before]),
      [['a->b', { state: 'running' }]],
    );
    assert.equal((await journal.list('', 1)).length, 1);
    await close();
  });

  it('leaves an act that the coordinator did not outlive as begun, for its successor to read', async () => {
    const { documents, close } = await leadership();
    await journalIn(documents).begin(ACT);
    const successor = journalIn({
      term: documents.term + 9n,
      list: (prefix) => documents.list(prefix),
      put: (key, value) => documents.put(key, value),
      delete: (key) => documents.delete(key),
    });
    await successor.record({ ...ACT, ...DONE });
    const outcomes = (await successor.list('', 10)).map(({ outcome }) => outcome);
    assert.deepEqual(outcomes, ['done', 'begun']);
    await close();
  });

  it('forgets the oldest beyond its limit', async () => {
    const { documents, close } = await leadership();
    const journal = journalIn(documents);
    for (let count = 0; count < JOURNAL_ENTRIES_MAX + 3; count += 1) {
      void journal.record({ ...ACT, ...DONE, detail: String(count) });
    }
    await journal.record({ ...ACT, ...DONE, detail: 'last' });
    const entries = await journal.list('', JOURNAL_ENTRIES_MAX * 2);
    assert.equal(entries.length, JOURNAL_ENTRIES_MAX);
    assert.deepEqual([entries[0]?.detail, entries.at(-1)?.detail], ['last', '4']);
    await close();
  });

  it('never stands in the way of an act when the store is away', async () => {
    const away = (): Promise<never> => Promise.reject(new Error('away'));
    const journal = journalIn({ term: 1n, list: away, put: away, delete: away });
    const act = await journal.begin(ACT);
    await act.end(DONE);
  });

  it('bounds every text, and steps over what it cannot read', () => {
    const long = 'x'.repeat(TEXT_CHARS_MAX * 2);
    const facts = Object.fromEntries([...Array(40).keys()].map((name) => [`f${name}`, long]));
    const entry = { ...ACT, ...DONE, id: '1', atMs: 1, elapsedMs: 0, message: long, before: facts };
    const read = parseEntry('1', encodeEntry(entry));
    assert.equal(read?.message.length, TEXT_CHARS_MAX + 1);
    assert.equal(Object.keys(read?.before ?? {}).length, FACTS_MAX);
    assert.equal(parseEntry('1', '{'), undefined);
    assert.equal(parseEntry('1', '{"version":2}'), undefined);
  });
});
