import type { IntegerRange } from '../../common/config/values.js';

/** The keys this project adds. A default of null means that the key may be absent. */
export interface ServiceOption {
  readonly type: 'text' | 'integer' | 'listen' | 'address' | 'addresses' | 'names' | 'urls';
  readonly default: string | null;
  readonly range?: IntegerRange;
}

/** Below this a garbage collection or a slow disk costs a healthy agent its partitions. */
export const LEASE_TTL_MS_MIN = 2_000;
const LEASE_TTL_MS_MAX = 600_000;

const tls = (prefix: string): Record<string, ServiceOption> => ({
  [`${prefix}.tls.ca`]: { type: 'text', default: null },
  [`${prefix}.tls.cert`]: { type: 'text', default: null },
  [`${prefix}.tls.key`]: { type: 'text', default: null },
});

export const COORDINATOR_OPTIONS: Readonly<Record<string, ServiceOption>> = {
  'coordinator.id': { type: 'text', default: null },
  'coordinator.listen': { type: 'listen', default: '127.0.0.1:7700' },
  'coordinator.advertised.listen': { type: 'address', default: null },
  'coordinator.http.listen': { type: 'listen', default: '127.0.0.1:7780' },
  'coordinator.etcd.endpoints': { type: 'urls', default: '' },
  'coordinator.etcd.prefix': { type: 'text', default: '/mirror' },
  'coordinator.etcd.user': { type: 'text', default: null },
  'coordinator.etcd.password': { type: 'text', default: null },
  ...tls('coordinator.etcd'),
  'coordinator.lease.ttl.ms': {
    type: 'integer',
    default: '10000',
    range: { min: LEASE_TTL_MS_MIN, max: LEASE_TTL_MS_MAX },
  },
  ...tls('coordinator'),
};

const MEBIBYTE = 1024 * 1024;

/** Less cannot hold one fetch response of a broker's default size. */
export const AGENT_MEMORY_BYTES_MIN = 16 * MEBIBYTE;

/** Bytes per second of a limit: up to a terabyte. */
export const BANDWIDTH: IntegerRange = { min: 0, max: 1024 * 1024 * MEBIBYTE };

export const AGENT_OPTIONS: Readonly<Record<string, ServiceOption>> = {
  'agent.id': { type: 'text', default: null },
  'agent.site': { type: 'text', default: '' },
  'agent.clusters': { type: 'names', default: '' },
  'agent.coordinators': { type: 'addresses', default: '' },
  'agent.http.listen': { type: 'listen', default: '127.0.0.1:7790' },
  ...tls('agent'),
  'agent.memory.bytes.max': {
    type: 'integer',
    default: String(256 * MEBIBYTE),
    range: { min: AGENT_MEMORY_BYTES_MIN, max: 1024 * 1024 * MEBIBYTE },
  },
  'agent.connections.per.broker.max': {
    type: 'integer',
    default: '4', // a broker works on one request of a connection at a time
    range: { min: 1, max: 64 },
  },
  'agent.bandwidth.bytes.per.second': {
    type: 'integer',
    default: '0', // no limit
    range: BANDWIDTH,
  },
  'agent.drain.timeout.ms': {
    type: 'integer',
    default: '30000',
    range: { min: 0, max: 3_600_000 },
  },
};
