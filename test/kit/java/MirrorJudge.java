package org.apache.kafka.connect.mirror;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.MessageFormatter;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.connect.mirror.formatters.CheckpointFormatter;
import org.apache.kafka.connect.mirror.formatters.HeartbeatFormatter;
import org.apache.kafka.connect.mirror.formatters.OffsetSyncFormatter;

/**
 * Kafka's own classes look at what the mirror wrote. Arguments: bootstrap servers, policy class,
 * then questions; each answer is one line, `question<TAB>answer`. In Kafka's package, because the
 * store of offset syncs is visible there only.
 */
public final class MirrorJudge {
  /** With the part that is otherwise done by a consumer of its own left out. */
  private static final class Syncs extends OffsetSyncStore {
    void feed(ConsumerRecord<byte[], byte[]> record) {
      handleRecord(record);
    }

    void loaded() {
      readToEnd = true;
    }

    void loading() {
      initializationMustReadToEnd = false;
      readToEnd = false;
    }
  }

  public static void main(String[] args) throws Exception {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", args[0]);
    config.put("replication.policy.class", args[1]);
    try (MirrorClient client = new MirrorClient(config)) {
      for (int i = 2; i < args.length; i++) {
        String[] question = args[i].split(":");
        System.out.println(args[i] + "\t" + answer(question, config, client));
      }
    }
  }

  private static Object answer(String[] question, Map<String, Object> config, MirrorClient client)
      throws Exception {
    ReplicationPolicy policy = client.replicationPolicy();
    switch (question[0]) {
      case "upstream":
        return new TreeSet<>(RemoteClusterUtils.upstreamClusters(config));
      case "hops":
        return RemoteClusterUtils.replicationHops(config, question[1]);
      case "heartbeats":
        return new TreeSet<>(RemoteClusterUtils.heartbeatTopics(config));
      case "checkpoints":
        return new TreeSet<>(RemoteClusterUtils.checkpointTopics(config));
      case "remote":
        return new TreeSet<>(
            question.length == 1 ? client.remoteTopics() : client.remoteTopics(question[1]));
      case "translate":
        return translated(config, question[1], question[2]);
      case "format":
        return format(config, question[1], question[2]);
      case "sync":
        return translatedBySyncs(config, question);
      case "policy":
        return policyFacts(policy, question[1]);
      default:
        throw new IllegalArgumentException(question[0]);
    }
  }

  private static Object translated(Map<String, Object> config, String alias, String group)
      throws Exception {
    Map<String, Long> offsets = new TreeMap<>();
    RemoteClusterUtils.translateOffsets(config, alias, group, Duration.ofSeconds(60))
        .forEach((partition, offset) -> offsets.put(partition.toString(), offset.offset()));
    return offsets;
  }

  /** `format:heartbeats|checkpoints|syncs:TOPIC`: the first and the last record, as the console shows. */
  private static Object format(Map<String, Object> config, String kind, String topic) {
    MessageFormatter formatter =
        kind.equals("heartbeats")
            ? new HeartbeatFormatter()
            : kind.equals("checkpoints") ? new CheckpointFormatter() : new OffsetSyncFormatter();
    List<ConsumerRecord<byte[], byte[]>> records = read(config, topic);
    List<String> lines = new ArrayList<>();
    for (int i : new int[] {0, records.size() - 1}) {
      java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
      formatter.writeTo(records.get(i), new java.io.PrintStream(bytes, true));
      lines.add(bytes.toString().trim());
    }
    return String.join(" | ", lines);
  }

  /** `sync:TOPIC:source topic:partition:offset,offset...`, by what MirrorMaker 2 keeps of the topic. */
  private static Object translatedBySyncs(Map<String, Object> config, String[] question) {
    Syncs store = new Syncs();
    store.loading();
    for (ConsumerRecord<byte[], byte[]> record : read(config, question[1])) store.feed(record);
    store.loaded();
    TopicPartition partition = new TopicPartition(question[2], Integer.parseInt(question[3]));
    List<String> translated = new ArrayList<>();
    for (String offset : question[4].split(",")) {
      OptionalLong found = store.translateDownstream("g", partition, Long.parseLong(offset));
      translated.add(found.isPresent() ? String.valueOf(found.getAsLong()) : "none");
    }
    return String.join(",", translated);
  }

  private static List<ConsumerRecord<byte[], byte[]>> read(Map<String, Object> config, String topic) {
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    TopicPartition partition = new TopicPartition(topic, 0);
    Map<String, Object> consumerConfig = new HashMap<>();
    consumerConfig.put("bootstrap.servers", config.get("bootstrap.servers"));
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            consumerConfig, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      while (consumer.position(partition) < end) {
        consumer.poll(Duration.ofSeconds(1)).forEach(records::add);
      }
    }
    return records;
  }

  private static Object policyFacts(ReplicationPolicy policy, String topic) {
    return String.join(
        " ",
        policy.formatRemoteTopic("src", topic),
        String.valueOf(policy.topicSource(topic)),
        String.valueOf(policy.upstreamTopic(topic)),
        policy.originalTopic(topic),
        String.valueOf(policy.isHeartbeatsTopic(topic)),
        String.valueOf(policy.isCheckpointsTopic(topic)),
        String.valueOf(policy.isMM2InternalTopic(topic)),
        String.valueOf(policy.isInternalTopic(topic)));
  }
}
