/**
 * The options of Kafka's clients (4.x). They are accepted wherever MirrorMaker 2 takes them; what
 * this project does not need of them, it ignores as a Kafka client ignores what it does not know.
 */

const words = (text: string): string[] => text.trim().split(/\s+/);

/** TLS and SASL: the options that a cluster or the whole file can set without a role. */
export const SECURITY_KEYS: ReadonlySet<string> = new Set(
  words(`
  security.protocol security.providers
  sasl.mechanism sasl.jaas.config sasl.client.callback.handler.class sasl.kerberos.kinit.cmd
  sasl.kerberos.min.time.before.relogin sasl.kerberos.service.name
  sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor
  sasl.login.callback.handler.class sasl.login.class sasl.login.connect.timeout.ms
  sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
  sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor
  sasl.login.refresh.window.jitter sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms
  sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
  sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
  sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
  sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
  sasl.oauthbearer.assertion.private.key.file sasl.oauthbearer.assertion.private.key.passphrase
  sasl.oauthbearer.assertion.template.file sasl.oauthbearer.client.credentials.client.id
  sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.clock.skew.seconds
  sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer
  sasl.oauthbearer.header.urlencode sasl.oauthbearer.jwks.endpoint.refresh.ms
  sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
  sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url
  sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class
  sasl.oauthbearer.scope sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name
  sasl.oauthbearer.token.endpoint.url
  ssl.cipher.suites ssl.enabled.protocols ssl.endpoint.identification.algorithm
  ssl.engine.factory.class ssl.key.password ssl.keymanager.algorithm
  ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.location ssl.keystore.password
  ssl.keystore.type ssl.protocol ssl.provider ssl.secure.random.implementation
  ssl.trustmanager.algorithm ssl.truststore.certificates ssl.truststore.location
  ssl.truststore.password ssl.truststore.type`),
);

/** Options of every client, besides security. */
const COMMON_KEYS = words(`
  bootstrap.servers bootstrap.controllers client.dns.lookup client.id client.rack
  connections.max.idle.ms default.api.timeout.ms enable.metrics.push interceptor.classes
  metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy
  metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms
  receive.buffer.bytes reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retries
  retry.backoff.max.ms retry.backoff.ms send.buffer.bytes socket.connection.setup.timeout.max.ms
  socket.connection.setup.timeout.ms`);

const PRODUCER_KEYS = words(`
  acks batch.size buffer.memory compression.type compression.gzip.level compression.lz4.level
  compression.zstd.level delivery.timeout.ms enable.idempotence key.serializer linger.ms
  max.block.ms max.in.flight.requests.per.connection max.request.size metadata.max.idle.ms
  partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms partitioner.class
  partitioner.ignore.keys transaction.timeout.ms transactional.id
  transaction.two.phase.commit.enable value.serializer`);

const CONSUMER_KEYS = words(`
  allow.auto.create.topics auto.commit.interval.ms auto.offset.reset
  check.crcs enable.auto.commit exclude.internal.topics fetch.max.bytes fetch.max.wait.ms
  fetch.min.bytes group.id group.instance.id group.protocol group.remote.assignor
  heartbeat.interval.ms isolation.level key.deserializer max.partition.fetch.bytes
  max.poll.interval.ms max.poll.records partition.assignment.strategy session.timeout.ms
  share.acknowledgement.mode share.acquire.mode
  value.deserializer`);

export type ClientRole = 'producer' | 'consumer' | 'admin';

const KEYS_OF: Readonly<Record<ClientRole, ReadonlySet<string>>> = {
  producer: new Set([...SECURITY_KEYS, ...COMMON_KEYS, ...PRODUCER_KEYS]),
  consumer: new Set([...SECURITY_KEYS, ...COMMON_KEYS, ...CONSUMER_KEYS]),
  admin: new Set([...SECURITY_KEYS, ...COMMON_KEYS]),
};

/** Every option of any client: what an alias prefix takes without a role, as MM2 does. */
export const CLIENT_KEYS: ReadonlySet<string> = new Set([
  ...KEYS_OF.producer,
  ...KEYS_OF.consumer,
  ...KEYS_OF.admin,
]);

/** What is heeded of the options above; besides, SECURITY_HEEDED. */
const HEEDED: ReadonlySet<string> = new Set(
  words('bootstrap.servers client.id request.timeout.ms auto.offset.reset'),
);

const SECURITY_HEEDED: ReadonlySet<string> = new Set(
  words(`
  security.protocol sasl.mechanism sasl.jaas.config ssl.enabled.protocols
  ssl.endpoint.identification.algorithm ssl.key.password ssl.keystore.certificate.chain
  ssl.keystore.key ssl.keystore.location ssl.keystore.password ssl.keystore.type
  ssl.truststore.certificates ssl.truststore.location ssl.truststore.type
  ssl.truststore.password ssl.protocol`),
);

/** Why an option of a client has no effect, or null if it has one. */
export function unheededReason(name: string): string | null {
  if (HEEDED.has(name) || SECURITY_HEEDED.has(name)) return null;
  if (SECURITY_KEYS.has(name))
    return 'TLS is that of Node.js, and SASL is PLAIN or SCRAM with the user and password of the JAAS line';
  if (PRODUCER_KEYS.includes(name))
    return 'batches are appended as they were fetched, each exactly once, with acks=all';
  if (CONSUMER_KEYS.includes(name))
    return (
      'partitions are read without a consumer group, committed records only, within ' +
      'agent.memory.bytes.max'
    );
  return 'connections are opened, kept and tried again by rules of their own';
}

export interface RolePrefix {
  readonly prefix: string;
  readonly role: ClientRole;
  readonly scopes: readonly RoleScope[];
}

const ROLES: readonly ClientRole[] = ['producer', 'consumer', 'admin'];

/**
 * Where MM2 heeds a prefix. Tried with the source consumer of its 4.3: `<alias>.consumer.x`,
 * `A->B.consumer.x` and `A->B.source.consumer.x` do something, the `consumer.x` and
 * `source.consumer.x` of the whole file and `consumer.override.x` do not. Others are by analogy.
 */
export type RoleScope = 'cluster' | 'flow' | 'nowhere';

const ROLE_PREFIXES: readonly RolePrefix[] = ROLES.flatMap((role) => [
  // Before `consumer.`, of which it is a special case: Connect's way to configure a client.
  { prefix: `${role}.override.`, role, scopes: ['nowhere'] as const },
  { prefix: `${role}.`, role, scopes: ['cluster', 'flow'] as const },
  { prefix: `source.${role}.`, role, scopes: ['flow'] as const },
  { prefix: `target.${role}.`, role, scopes: ['flow'] as const },
  { prefix: `offset-syncs-source-${role}.`, role, scopes: ['nowhere'] as const },
  { prefix: `offset-syncs-target-${role}.`, role, scopes: ['nowhere'] as const },
]);

export interface RoleKey extends RolePrefix {
  /** The option of the client, without the prefix. */
  readonly name: string;
  readonly known: boolean;
}

/** Takes a key such as `source.consumer.fetch.max.bytes` apart; null if it has no role prefix. */
export function parseRoleKey(key: string): RoleKey | null {
  const match = ROLE_PREFIXES.find(({ prefix }) => key.startsWith(prefix));
  if (match === undefined) return null;
  const name = key.slice(match.prefix.length);
  return { ...match, name, known: KEYS_OF[match.role].has(name) };
}

export function clientKeysOf(role: ClientRole): ReadonlySet<string> {
  return KEYS_OF[role];
}
