import assert from 'node:assert/strict';
import type { IEvent, IKeyValue, IRequestOp, ITxnRequest, ITxnResponse } from 'etcd3';
import type {
  BranchResult,
  Change,
  Compare,
  Entry,
  Operation,
  OperationResult,
  Transaction,
} from './backend.js';

/** Between this folder's terms and etcd's messages. etcd3 gives 64-bit numbers as decimal text. */

export function toTxnRequest(transaction: Transaction): ITxnRequest {
  return {
    compare: transaction.compares.map(toCompare),
    success: transaction.success.map(toRequestOp),
    failure: transaction.failure.map(toRequestOp),
  };
}

/** The answer names no operations: what was asked says how to read it. */
export function toBranchResult(transaction: Transaction, response: ITxnResponse): BranchResult {
  const operations = response.succeeded ? transaction.success : transaction.failure;
  const results = operations.map((operation, index): OperationResult => {
    const result = response.responses[index];
    switch (operation.kind) {
      case 'get': {
        const found = result?.response_range.kvs[0];
        return { kind: 'get', entry: found && toEntry(found) };
      }
      case 'transaction': {
        assert.ok(result !== undefined, 'etcd answers every operation');
        const nested = toBranchResult(operation.transaction, result.response_txn);
        return { kind: 'transaction', result: nested };
      }
      case 'put':
      case 'delete':
        return undefined;
    }
  });
  return { succeeded: response.succeeded, results };
}

export function toEntry(found: IKeyValue): Entry {
  return {
    key: found.key.toString(),
    value: found.value.toString(),
    createRevision: BigInt(found.create_revision),
    modRevision: BigInt(found.mod_revision),
    leaseId: found.lease === '0' ? undefined : found.lease,
  };
}

export function toChange(event: IEvent): Change {
  if (event.type === 'Put') return { kind: 'put', entry: toEntry(event.kv) };
  const revision = BigInt(event.kv.mod_revision);
  return { kind: 'delete', key: event.kv.key.toString(), revision };
}

/** The first key after all that start with the prefix. No byte of UTF-8 text is 0xff. */
export function endOfPrefix(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end.writeUInt8(end.readUInt8(last) + 1, last);
  return end;
}

function toCompare(compare: Compare): NonNullable<ITxnRequest['compare']>[number] {
  const revision = compare.revision.toString();
  return {
    key: Buffer.from(compare.key),
    result: compare.is === 'equal' ? 'Equal' : 'NotEqual',
    ...(compare.target === 'create'
      ? { target: 'Create', create_revision: revision }
      : { target: 'Mod', mod_revision: revision }),
  };
}

function toRequestOp(operation: Operation): IRequestOp {
  switch (operation.kind) {
    case 'get':
      return { request_range: { key: Buffer.from(operation.key) } };
    case 'put':
      return {
        request_put: {
          key: Buffer.from(operation.key),
          value: Buffer.from(operation.value),
          ...(operation.leaseId !== undefined && { lease: operation.leaseId }),
        },
      };
    case 'delete':
      return { request_delete_range: { key: Buffer.from(operation.key) } };
    case 'transaction':
      return { request_txn: toTxnRequest(operation.transaction) };
  }
}
