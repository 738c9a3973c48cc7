import { quoted, quotedValue, type ProblemCollector } from '../../common/config/problems.js';
import type { Property } from '../../common/config/properties.js';
import {
  parseHostPort,
  parseHostPorts,
  parseInteger,
  splitList,
} from '../../common/config/values.js';
import type { ScopedProperties } from './key-index.js';
import type { CoordinatorConfig, TlsFiles } from './mirror-config.js';
import { COORDINATOR_OPTIONS, type ServiceOption } from './service-options.js';

const URL_OR_ADDRESS = /^(https?:\/\/)?[^\s,]+:\d{1,5}\/?$/;

/** Reads the keys this project adds, for the coordinator or for an agent. */
export class ServiceReader {
  readonly #options: Readonly<Record<string, ServiceOption>>;
  readonly #properties: ScopedProperties;
  readonly #problems: ProblemCollector;

  constructor(
    options: Readonly<Record<string, ServiceOption>>,
    properties: ScopedProperties,
    problems: ProblemCollector,
  ) {
    this.#options = options;
    this.#properties = properties;
    this.#problems = problems;
  }

  /** Null if the key is absent, or present without a value, and has no default. */
  text(key: string): string | null {
    const value = this.#properties.get(key)?.value ?? '';
    return value === '' ? this.#option(key).default : value;
  }

  integer(key: string): number {
    const { range, default: preset } = this.#option(key);
    const property = this.#properties.get(key);
    const value =
      property === undefined || range === undefined
        ? undefined
        : parseInteger(property, range, this.#problems);
    return value ?? Number(preset);
  }

  /** One `host:port`. */
  address(key: string): string | null {
    const property = this.#properties.get(key);
    if (property === undefined || property.value === '') return this.#option(key).default;
    const portMin = this.#option(key).type === 'listen' ? 0 : 1;
    if (parseHostPort(property.value, { portMin }) === null) {
      this.#problems.error(
        property,
        `${quoted(key)} must be host:port, not ${quotedValue(property, property.value)}`,
        `for example ${this.#option(key).default ?? 'mirror-1.example.org:7700'}`,
      );
    }
    return property.value;
  }

  list(key: string): string[] {
    const property = this.#properties.get(key);
    if (property === undefined) return splitList(this.#option(key).default ?? '');
    if (this.#option(key).type === 'addresses') return parseHostPorts(property, this.#problems);
    const items = splitList(property.value);
    if (this.#option(key).type === 'urls') this.#checkUrls(property, items);
    return items;
  }

  tls(prefix: string): TlsFiles {
    const [ca, cert, key] = ['ca', 'cert', 'key'].map((name) => this.text(`${prefix}.tls.${name}`));
    const tls = { ca: ca ?? null, cert: cert ?? null, key: key ?? null };
    if ((tls.cert === null) !== (tls.key === null)) {
      const [given, missing] = tls.cert === null ? ['key', 'cert'] : ['cert', 'key'];
      const property = this.#properties.get(`${prefix}.tls.${given}`);
      if (property !== undefined) {
        this.#problems.error(
          property,
          `\`${prefix}.tls.${given}\` needs \`${prefix}.tls.${missing}\``,
        );
      }
    }
    return Object.freeze(tls);
  }

  #checkUrls(property: Property, urls: readonly string[]): void {
    if (urls.every((url) => URL_OR_ADDRESS.test(url))) return;
    // The list is not quoted: an address may hold a user and a password.
    this.#problems.error(
      property,
      `${quoted(property.key)} must be a list of host:port or http(s)://host:port`,
      'for example etcd-1:2379,etcd-2:2379,etcd-3:2379',
    );
  }

  #option(key: string): ServiceOption {
    const option = this.#options[key];
    if (option === undefined) throw new TypeError(`no such option: ${key}`);
    return option;
  }
}

export function readCoordinatorConfig(
  properties: ScopedProperties,
  problems: ProblemCollector,
): CoordinatorConfig {
  const reader = new ServiceReader(COORDINATOR_OPTIONS, properties, problems);
  const etcdPrefix = reader.text('coordinator.etcd.prefix') ?? '';
  const prefixProperty = properties.get('coordinator.etcd.prefix');
  if (prefixProperty !== undefined && !/^\/[^\s]*[^\s/]$/.test(etcdPrefix)) {
    problems.error(
      prefixProperty,
      '`coordinator.etcd.prefix` must begin with a slash and must not end in one',
      'for example /mirror',
    );
  }
  return Object.freeze({
    id: reader.text('coordinator.id'),
    listen: reader.address('coordinator.listen') ?? '',
    advertisedListen: reader.address('coordinator.advertised.listen'),
    httpListen: reader.address('coordinator.http.listen') ?? '',
    tls: reader.tls('coordinator'),
    etcdEndpoints: Object.freeze(reader.list('coordinator.etcd.endpoints')),
    etcdPrefix,
    etcdUser: reader.text('coordinator.etcd.user'),
    etcdPassword: reader.text('coordinator.etcd.password'),
    etcdTls: reader.tls('coordinator.etcd'),
    leaseTtlMs: reader.integer('coordinator.lease.ttl.ms'),
  });
}
