package org.apache.kafka.connect.mirror;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * MirrorMaker 2's own MirrorSourceConnector decides about configurations and ACLs. Questions, each
 * answered by one line `question<TAB>answer`:
 *
 *   config DEFAULTS_FROM EXCLUDE NAME SOURCE READ_ONLY SENSITIVE   set, default or kept
 *   policy CLASS SEPARATOR INTERNAL_SEPARATOR_ENABLED TOPIC        what the policy says of a topic
 *   acl POLICY TOPIC OPERATION PERMISSION                          target topic and operation, or dropped
 */
public final class SourceConnectorJudge {
  private static MirrorSourceConnector connector(String policy, ConfigPropertyFilter filter) {
    DefaultReplicationPolicy naming =
        policy.equals("identity") ? new IdentityReplicationPolicy() : new DefaultReplicationPolicy();
    Map<String, Object> properties = new HashMap<>();
    properties.put("source.cluster.alias", "east");
    naming.configure(properties);
    DefaultTopicFilter topics = new DefaultTopicFilter();
    topics.configure(Map.of("topics", "orders.*"));
    return new MirrorSourceConnector(new SourceAndTarget("east", "west"), naming, topics, filter);
  }

  private static String config(String[] q) {
    DefaultConfigPropertyFilter filter = new DefaultConfigPropertyFilter();
    Map<String, String> options = new HashMap<>();
    options.put("use.defaults.from", q[1]);
    if (!q[2].equals("-")) options.put("config.properties.exclude", q[2]);
    filter.configure(options);
    MirrorSourceConnector connector = connector("default", filter);
    ConfigEntry entry =
        new ConfigEntry(
            q[3],
            "7",
            ConfigEntry.ConfigSource.valueOf(q[4]),
            Boolean.parseBoolean(q[6]),
            Boolean.parseBoolean(q[5]),
            new ArrayList<>(),
            ConfigEntry.ConfigType.UNKNOWN,
            null);
    Config source = new Config(List.of(entry));
    boolean created = !connector.targetConfig(source, false).entries().isEmpty();
    boolean synced = !connector.targetConfig(source, true).entries().isEmpty();
    // As its incrementalAlterConfigs decides between SET and DELETE.
    boolean deleted = entry.isDefault() && !connector.shouldReplicateSourceDefault(q[3]);
    if (!synced) return created ? "?" : "kept";
    if (deleted) return created ? "?" : "default";
    return created ? "set" : "?";
  }

  private static String acl(String[] q) {
    MirrorSourceConnector connector = connector(q[1], new DefaultConfigPropertyFilter());
    AccessControlEntry entry =
        new AccessControlEntry(
            "User:alice", "*", AclOperation.valueOf(q[3]), AclPermissionType.valueOf(q[4]));
    AclBinding binding =
        new AclBinding(new ResourcePattern(ResourceType.TOPIC, q[2], PatternType.LITERAL), entry);
    if (!connector.shouldReplicateTopic(q[2]) || !connector.shouldReplicateAcl(binding))
      return "dropped";
    AclBinding target = connector.targetAclBinding(binding);
    return target.pattern().name()
        + " "
        + target.entry().operation()
        + " "
        + target.entry().permissionType();
  }

  private static String policy(String[] q) {
    DefaultReplicationPolicy policy =
        q[1].equals("identity") ? new IdentityReplicationPolicy() : new DefaultReplicationPolicy();
    Map<String, Object> properties = new HashMap<>();
    properties.put("replication.policy.separator", q[2]);
    properties.put("replication.policy.internal.topic.separator.enabled", q[3]);
    policy.configure(properties);
    return String.join(
        " ",
        policy.formatRemoteTopic("src", q[4]),
        String.valueOf(policy.topicSource(q[4])),
        policy.originalTopic(q[4]),
        policy.offsetSyncsTopic("src"),
        policy.checkpointsTopic("src"),
        String.valueOf(policy.isHeartbeatsTopic(q[4])),
        String.valueOf(policy.isCheckpointsTopic(q[4])),
        String.valueOf(policy.isMM2InternalTopic(q[4])),
        String.valueOf(policy.isInternalTopic(q[4])));
  }

  public static void main(String[] args) {
    for (String question : args) {
      String[] q = question.split(" ");
      String answer =
          q[0].equals("acl") ? acl(q) : q[0].equals("policy") ? policy(q) : config(q);
      System.out.println(question + "\t" + answer);
    }
  }
}
