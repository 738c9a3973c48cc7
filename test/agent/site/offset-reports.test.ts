import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { commitKey } from '../../../agent/site/commit-reader.js';
import { OffsetReports } from '../../../agent/site/offset-reports.js';
import type { GroupOffset } from '../../../proto/gen/mirror/v1/agent.js';

const at = (group: string, offset: bigint): GroupOffset => ({
  ...{ group, topic: 't', partition: 0, offset, metadata: '' },
});
const changeOf = (group: string, offset: bigint | undefined) => ({
  key: commitKey(group, 't', 0),
  offset: offset === undefined ? undefined : at(group, offset),
});
const listing = (...offsets: GroupOffset[]) =>
  new Map(offsets.map((offset) => [commitKey(offset.group, 't', 0), offset]));

describe('OffsetReports', () => {
  it('says nothing before the first listing, and then the newest of log and listing', () => {
    const reports = new OffsetReports();
    reports.beginListing();
    // The log starts before the listing's moment: what it says first may be older than the listing.
    reports.take([changeOf('g', 3n), changeOf('gone', 1n)]);
    assert.equal(reports.ready, false);
    reports.take([changeOf('g', 5n), changeOf('gone', undefined)]);
    reports.endListing(listing(at('g', 4n), at('quiet', 9n), at('gone', 1n)));
    assert.deepEqual(reports.next(9), [at('g', 5n), at('quiet', 9n)]);
  });

  it('goes on reporting while it is listed again, and takes nothing back', () => {
    const reports = new OffsetReports();
    reports.beginListing();
    reports.endListing(listing());
    reports.beginListing();
    reports.take([changeOf('g', 7n)]);
    assert.deepEqual(reports.next(9), [at('g', 7n)]);
    reports.endListing(listing(at('g', 6n), at('h', 1n)));
    assert.deepEqual(reports.next(9), [at('h', 1n)]);
  });

  it('keeps what nobody took, unless there is newer', () => {
    const reports = new OffsetReports();
    reports.beginListing();
    reports.endListing(listing(at('g', 1n), at('h', 1n)));
    const refused = reports.next(9);
    reports.take([changeOf('h', 2n)]);
    reports.giveBack(refused);
    assert.deepEqual(new Set(reports.next(9)), new Set([at('g', 1n), at('h', 2n)]));
    assert.equal(reports.ready, false);
  });

  it('takes in parts what is too much for one report', () => {
    const reports = new OffsetReports();
    reports.endListing(listing(at('g', 1n), at('h', 1n), at('i', 1n)));
    assert.equal(reports.next(2).length, 2);
    assert.equal(reports.next(2).length, 1);
  });
});
