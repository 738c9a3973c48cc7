/**
 * The mm2.properties of two articles that people start from, as printed there. They must load as
 * they stand, inline remark and all.
 */

export const FULL_EXAMPLE = String.raw`# mm2.properties — MirrorMaker 2 configuration
# Define cluster aliases and their connection details
clusters = us-east, us-west
us-east.bootstrap.servers = kafka-east-1:9092,kafka-east-2:9092,kafka-east-3:9092
us-west.bootstrap.servers = kafka-west-1:9092,kafka-west-2:9092,kafka-west-3:9092
# Replication direction: us-east → us-west (Active-Passive)
us-east->us-west.enabled = true
us-west->us-east.enabled = false # Disable for Active-Passive
# Topic filtering (regex)
us-east->us-west.topics = orders.*, payments.*, inventory.*
us-east->us-west.topics.blacklist = .*\.internal, __consumer_offsets
# Consumer group offset synchronization
us-east->us-west.groups = payment-consumer-group, order-processor-group
us-east->us-west.groups.blacklist = console-consumer-.*
# Enable checkpoint-based offset sync
us-east->us-west.sync.group.offsets.enabled = true
us-east->us-west.sync.group.offsets.interval.seconds = 60
# Heartbeat monitoring
us-east->us-west.emit.heartbeats.enabled = true
us-east->us-west.emit.heartbeats.interval.seconds = 5
# Replication factor for replicated topics on destination
us-east->us-west.replication.factor = 3
# Topic naming policy (DefaultReplicationPolicy adds source alias prefix)
# This is critical for Active-Active to prevent replication loops
replication.policy.class = org.apache.kafka.connect.mirror.DefaultReplicationPolicy
# MM2 internal topics (stored on destination cluster)
checkpoints.topic.replication.factor = 3
heartbeats.topic.replication.factor = 3
offset-syncs.topic.replication.factor = 3
# Kafka Connect distributed mode storage topics
config.storage.topic = mm2-configs
offset.storage.topic = mm2-offsets
status.storage.topic = mm2-status
config.storage.replication.factor = 3
offset.storage.replication.factor = 3
status.storage.replication.factor = 3`;

/** Printed without the lines that name the clusters. */
export const ACTIVE_PASSIVE_FRAGMENT = String.raw`# Active-Passive is the default direction setting
us-east->us-west.enabled = true
us-west->us-east.enabled = false`;

/** Printed without the lines that name the clusters. */
export const ACTIVE_ACTIVE_FRAGMENT = String.raw`us-east->us-west.enabled = true
us-west->us-east.enabled = true
# The alias prefix is essential here:
# Producer writes orders to us-east → MM2 replicates as us-east.orders on us-west
# Producer writes orders to us-west → MM2 replicates as us-west.orders on us-east
# us-east.orders on us-west is NOT replicated back to us-east (loop prevented)`;

export const AGGREGATION_EXAMPLE = String.raw`# mm2.properties — aggregation topology
clusters = factory-a, factory-b, factory-c, central
factory-a.bootstrap.servers = factory-a-kafka:9092
factory-b.bootstrap.servers = factory-b-kafka:9092
factory-c.bootstrap.servers = factory-c-kafka:9092
central.bootstrap.servers = central-kafka-1:9092,central-kafka-2:9092,central-kafka-3:9092
factory-a->central.enabled = true
factory-b->central.enabled = true
factory-c->central.enabled = true
# No data flows from central back to edge clusters
central->factory-a.enabled = false
central->factory-b.enabled = false
central->factory-c.enabled = false
# Replicate sensor data from all factories
factory-a->central.topics = sensor-data, production-events
factory-b->central.topics = sensor-data, production-events
factory-c->central.topics = sensor-data, production-events`;

/** Printed in one line, because the document had lost its line breaks. */
export const ONE_LINE_EXAMPLE =
  '# Define cluster aliases clusters = primary, backup # Connection details for the ' +
  'primary cluster primary.bootstrap.servers = primary-broker1:9092,primary-broker2:9092 # ' +
  'Connection details for the backup cluster backup.bootstrap.servers = ' +
  'backup-broker1:9092,backup-broker2:9092 # Define the replication flow (primary to ' +
  'backup is enabled) primary->backup.enabled = true primary->backup.topics = orders.*, ' +
  'customers # Disable replication from backup to primary (Active-Passive) ' +
  'backup->primary.enabled = false # Configuration for replication parameters ' +
  'primary->backup.sync.topic.configs = true primary->backup.sync.topic.acls = true ' +
  'primary->backup.emit.heartbeats = true primary->backup.emit.checkpoints = true # ' +
  'Consumer offset synchronization settings primary->backup.sync.group.offsets.enabled = ' +
  'true primary->backup.sync.group.offsets.interval.seconds = 10 # Internal topic ' +
  'replication factors checkpoints.internal.replication.factor = 3 ' +
  'heartbeats.internal.replication.factor = 3 offset-syncs.internal.replication.factor = 3';
