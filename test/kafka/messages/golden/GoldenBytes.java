import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Prints golden-bytes.ts: one request and one response of each API in our pinned version, as
 * Kafka's own generated classes write them. The objects here and in codecs.test.ts say the same.
 *
 *   java -cp 'libs/*' GoldenBytes.java > golden-bytes.ts     (with kafka-clients 4.3.0 in libs)
 */
public class GoldenBytes {
  static final Uuid TOPIC_ID = new Uuid(0x0123456789abcdefL, 0xfedcba9876543210L);
  static final int LINE_DIGITS = 80;

  static void print(String name, int version, Message request, Message response) {
    for (var side : List.of(List.of("request", request), List.of("response", response))) {
      ByteBuffer buffer = MessageUtil.toByteBufferAccessor((Message) side.get(1), (short) version).buffer();
      byte[] bytes = new byte[buffer.remaining()];
      buffer.get(bytes);
      String lines = HexFormat.of().formatHex(bytes).replaceAll("(.{" + LINE_DIGITS + "})(?!$)", "$1' +\n    '");
      System.out.printf("  '%s %s':%n    '%s',%n", name, side.get(0), lines);
    }
  }

  static MemoryRecords records(String text) {
    return MemoryRecords.readableRecords(ByteBuffer.wrap(text.getBytes()));
  }

  public static void main(String[] args) {
    System.out.println("// Printed by golden/GoldenBytes.java with Kafka 4.3.0's own classes; not edited by hand.");
    System.out.println("export const goldenBytes = {");
    var versions = new ApiVersionsResponseData.ApiVersionCollection();
    versions.add(new ApiVersionsResponseData.ApiVersion().setApiKey((short) 3).setMinVersion((short) 0).setMaxVersion((short) 13));
    versions.add(new ApiVersionsResponseData.ApiVersion().setApiKey((short) 18).setMinVersion((short) 0).setMaxVersion((short) 4));
    print("ApiVersions", 3,
        new ApiVersionsRequestData().setClientSoftwareName("mirrorctl").setClientSoftwareVersion("1.0"),
        new ApiVersionsResponseData().setApiKeys(versions).setThrottleTimeMs(7).setFinalizedFeaturesEpoch(5L));

    var brokers = new MetadataResponseData.MetadataResponseBrokerCollection();
    brokers.add(new MetadataResponseData.MetadataResponseBroker().setNodeId(2).setHost("b2.example").setPort(9092).setRack("r1"));
    brokers.add(new MetadataResponseData.MetadataResponseBroker().setNodeId(3).setHost("b3.example").setPort(9093));
    var topics = new MetadataResponseData.MetadataResponseTopicCollection();
    topics.add(new MetadataResponseData.MetadataResponseTopic().setName("orders").setTopicId(TOPIC_ID).setPartitions(List.of(
        new MetadataResponseData.MetadataResponsePartition().setPartitionIndex(1).setLeaderId(2).setLeaderEpoch(9)
            .setReplicaNodes(List.of(2, 3)).setIsrNodes(List.of(2)).setOfflineReplicas(List.of(3)))));
    topics.add(new MetadataResponseData.MetadataResponseTopic().setName("gone").setErrorCode((short) 3));
    print("Metadata", 12,
        new MetadataRequestData().setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName("orders"),
            new MetadataRequestData.MetadataRequestTopic().setName("gone"))).setAllowAutoTopicCreation(false),
        new MetadataResponseData().setThrottleTimeMs(1).setBrokers(brokers).setClusterId("cid").setControllerId(2).setTopics(topics));

    print("Fetch", 13,
        new FetchRequestData().setMaxWaitMs(500).setMinBytes(1).setMaxBytes(1 << 20).setIsolationLevel((byte) 1)
            .setSessionId(77).setSessionEpoch(3).setRackId("r1")
            .setTopics(List.of(new FetchRequestData.FetchTopic().setTopicId(TOPIC_ID).setPartitions(List.of(
                new FetchRequestData.FetchPartition().setPartition(1).setCurrentLeaderEpoch(9).setFetchOffset(1L << 40)
                    .setLastFetchedEpoch(8).setPartitionMaxBytes(65536)))))
            .setForgottenTopicsData(List.of(new FetchRequestData.ForgottenTopic().setTopicId(TOPIC_ID).setPartitions(List.of(0, 2)))),
        new FetchResponseData().setThrottleTimeMs(2).setSessionId(77).setResponses(List.of(
            new FetchResponseData.FetchableTopicResponse().setTopicId(TOPIC_ID).setPartitions(List.of(
                new FetchResponseData.PartitionData().setPartitionIndex(0).setHighWatermark(100).setLastStableOffset(90).setLogStartOffset(5)
                    .setAbortedTransactions(List.of(new FetchResponseData.AbortedTransaction().setProducerId(4000).setFirstOffset(42)))
                    .setRecords(records("the raw batches")),
                new FetchResponseData.PartitionData().setPartitionIndex(1).setErrorCode((short) 74).setHighWatermark(-1)
                    .setDivergingEpoch(new FetchResponseData.EpochEndOffset().setEpoch(4).setEndOffset(55))
                    .setCurrentLeader(new FetchResponseData.LeaderIdAndEpoch().setLeaderId(3).setLeaderEpoch(10)))))));

    var produced = new ProduceRequestData.TopicProduceDataCollection();
    produced.add(new ProduceRequestData.TopicProduceData().setName("orders").setPartitionData(List.of(
        new ProduceRequestData.PartitionProduceData().setIndex(0).setRecords(records("first batch")),
        new ProduceRequestData.PartitionProduceData().setIndex(1).setRecords(records("second batch")))));
    var answers = new ProduceResponseData.TopicProduceResponseCollection();
    answers.add(new ProduceResponseData.TopicProduceResponse().setName("orders").setPartitionResponses(List.of(
        new ProduceResponseData.PartitionProduceResponse().setIndex(0).setBaseOffset(1234567890123L).setLogAppendTimeMs(-1).setLogStartOffset(5),
        new ProduceResponseData.PartitionProduceResponse().setIndex(1).setErrorCode((short) 87).setBaseOffset(-1).setErrorMessage("bad")
            .setRecordErrors(List.of(new ProduceResponseData.BatchIndexAndErrorMessage().setBatchIndex(3).setBatchIndexErrorMessage("why"))))));
    print("Produce", 9,
        new ProduceRequestData().setTransactionalId(null).setAcks((short) -1).setTimeoutMs(30000).setTopicData(produced),
        new ProduceResponseData().setResponses(answers).setThrottleTimeMs(6));
    var producedById = new ProduceRequestData.TopicProduceDataCollection();
    producedById.add(new ProduceRequestData.TopicProduceData().setTopicId(TOPIC_ID).setPartitionData(List.of(
        new ProduceRequestData.PartitionProduceData().setIndex(0).setRecords(records("first batch")))));
    var answersById = new ProduceResponseData.TopicProduceResponseCollection();
    answersById.add(new ProduceResponseData.TopicProduceResponse().setTopicId(TOPIC_ID).setPartitionResponses(List.of(
        new ProduceResponseData.PartitionProduceResponse().setIndex(0).setErrorCode((short) 100).setBaseOffset(-1)
            .setCurrentLeader(new ProduceResponseData.LeaderIdAndEpoch().setLeaderId(3).setLeaderEpoch(9)))));
    print("Produce by id", 13,
        new ProduceRequestData().setTransactionalId(null).setAcks((short) -1).setTimeoutMs(30000).setTopicData(producedById),
        new ProduceResponseData().setResponses(answersById).setThrottleTimeMs(6));

    print("ListOffsets", 7,
        new ListOffsetsRequestData().setReplicaId(-1).setIsolationLevel((byte) 1).setTopics(List.of(
            new ListOffsetsRequestData.ListOffsetsTopic().setName("orders").setPartitions(List.of(
                new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(1).setCurrentLeaderEpoch(9).setTimestamp(-3))))),
        new ListOffsetsResponseData().setTopics(List.of(new ListOffsetsResponseData.ListOffsetsTopicResponse().setName("orders").setPartitions(
            List.of(new ListOffsetsResponseData.ListOffsetsPartitionResponse().setPartitionIndex(1).setTimestamp(1700000000000L).setOffset(99).setLeaderEpoch(9))))));

    var epochTopics = new OffsetForLeaderEpochRequestData.OffsetForLeaderTopicCollection();
    epochTopics.add(new OffsetForLeaderEpochRequestData.OffsetForLeaderTopic().setTopic("orders").setPartitions(List.of(
        new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition().setPartition(1).setCurrentLeaderEpoch(9).setLeaderEpoch(8))));
    var epochAnswers = new OffsetForLeaderEpochResponseData.OffsetForLeaderTopicResultCollection();
    epochAnswers.add(new OffsetForLeaderEpochResponseData.OffsetForLeaderTopicResult().setTopic("orders").setPartitions(List.of(
        new OffsetForLeaderEpochResponseData.EpochEndOffset().setPartition(1).setLeaderEpoch(8).setEndOffset(77))));
    print("OffsetForLeaderEpoch", 4, new OffsetForLeaderEpochRequestData().setReplicaId(-1).setTopics(epochTopics),
        new OffsetForLeaderEpochResponseData().setTopics(epochAnswers));

    print("FindCoordinator", 4, new FindCoordinatorRequestData().setKeyType((byte) 1).setCoordinatorKeys(List.of("mirror.a", "mirror.b")),
        new FindCoordinatorResponseData().setCoordinators(List.of(
            new FindCoordinatorResponseData.Coordinator().setKey("mirror.a").setNodeId(2).setHost("b2.example").setPort(9092).setErrorMessage(null),
            new FindCoordinatorResponseData.Coordinator().setKey("mirror.b").setNodeId(-1).setPort(-1).setErrorCode((short) 15).setErrorMessage("wait"))));

    print("InitProducerId", 4,
        new InitProducerIdRequestData().setTransactionalId("mirror.a").setTransactionTimeoutMs(60000).setProducerId(4000).setProducerEpoch((short) 6),
        new InitProducerIdResponseData().setThrottleTimeMs(3).setErrorCode((short) 90).setProducerId(4000).setProducerEpoch((short) 7));

    var txnTopics = new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopicCollection();
    txnTopics.add(new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic().setName("orders").setPartitions(List.of(0, 1)));
    var txnPartitions = new AddPartitionsToTxnResponseData.AddPartitionsToTxnPartitionResultCollection();
    txnPartitions.add(new AddPartitionsToTxnResponseData.AddPartitionsToTxnPartitionResult().setPartitionIndex(0).setPartitionErrorCode((short) 55));
    txnPartitions.add(new AddPartitionsToTxnResponseData.AddPartitionsToTxnPartitionResult().setPartitionIndex(1).setPartitionErrorCode((short) 3));
    var txnAnswers = new AddPartitionsToTxnResponseData.AddPartitionsToTxnTopicResultCollection();
    txnAnswers.add(new AddPartitionsToTxnResponseData.AddPartitionsToTxnTopicResult().setName("orders").setResultsByPartition(txnPartitions));
    print("AddPartitionsToTxn", 3,
        new AddPartitionsToTxnRequestData().setV3AndBelowTransactionalId("mirror.a").setV3AndBelowProducerId(4000)
            .setV3AndBelowProducerEpoch((short) 7).setV3AndBelowTopics(txnTopics),
        new AddPartitionsToTxnResponseData().setResultsByTopicV3AndBelow(txnAnswers));

    print("EndTxn", 3, new EndTxnRequestData().setTransactionalId("mirror.a").setProducerId(4000).setProducerEpoch((short) 7).setCommitted(true),
        new EndTxnResponseData().setErrorCode((short) 47));

    print("DescribeProducers", 0, new DescribeProducersRequestData().setTopics(List.of(
            new DescribeProducersRequestData.TopicRequest().setName("orders").setPartitionIndexes(List.of(0, 1)))),
        new DescribeProducersResponseData().setTopics(List.of(new DescribeProducersResponseData.TopicResponse().setName("orders").setPartitions(List.of(
            new DescribeProducersResponseData.PartitionResponse().setPartitionIndex(0).setActiveProducers(List.of(
                new DescribeProducersResponseData.ProducerState().setProducerId(4000).setProducerEpoch(7).setLastSequence(2147483647)
                    .setLastTimestamp(1700000000000L).setCoordinatorEpoch(1).setCurrentTxnStartOffset(-1))),
            new DescribeProducersResponseData.PartitionResponse().setPartitionIndex(1).setErrorCode((short) 6).setErrorMessage("moved"))))));

    print("SaslHandshake", 1, new SaslHandshakeRequestData().setMechanism("PLAIN"),
        new SaslHandshakeResponseData().setErrorCode((short) 33).setMechanisms(List.of("SCRAM-SHA-256", "SCRAM-SHA-512")));
    print("SaslAuthenticate", 2, new SaslAuthenticateRequestData().setAuthBytes("token".getBytes()),
        new SaslAuthenticateResponseData().setAuthBytes("proof".getBytes()).setSessionLifetimeMs(3600000).setErrorMessage(null));

    print("OffsetCommit", 8,
        new OffsetCommitRequestData().setGroupId("readers").setGenerationIdOrMemberEpoch(-1).setMemberId("").setTopics(List.of(
            new OffsetCommitRequestData.OffsetCommitRequestTopic().setName("orders").setPartitions(List.of(
                new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(1).setCommittedOffset(88).setCommittedLeaderEpoch(9).setCommittedMetadata(null))))),
        new OffsetCommitResponseData().setTopics(List.of(new OffsetCommitResponseData.OffsetCommitResponseTopic().setName("orders").setPartitions(List.of(
            new OffsetCommitResponseData.OffsetCommitResponsePartition().setPartitionIndex(1).setErrorCode((short) 16))))));

    print("OffsetFetch", 8,
        new OffsetFetchRequestData().setRequireStable(true).setGroups(List.of(
            new OffsetFetchRequestData.OffsetFetchRequestGroup().setGroupId("readers").setTopics(null),
            new OffsetFetchRequestData.OffsetFetchRequestGroup().setGroupId("others").setTopics(List.of(
                new OffsetFetchRequestData.OffsetFetchRequestTopics().setName("orders").setPartitionIndexes(List.of(1)))))),
        new OffsetFetchResponseData().setGroups(List.of(
            new OffsetFetchResponseData.OffsetFetchResponseGroup().setGroupId("readers").setTopics(List.of(
                new OffsetFetchResponseData.OffsetFetchResponseTopics().setName("orders").setPartitions(List.of(
                    new OffsetFetchResponseData.OffsetFetchResponsePartitions().setPartitionIndex(1).setCommittedOffset(88).setCommittedLeaderEpoch(9).setMetadata("m"))))),
            new OffsetFetchResponseData.OffsetFetchResponseGroup().setGroupId("others").setErrorCode((short) 14))));

    print("ListGroups", 4, new ListGroupsRequestData().setStatesFilter(List.of("Stable", "Empty")),
        new ListGroupsResponseData().setGroups(List.of(new ListGroupsResponseData.ListedGroup().setGroupId("readers").setProtocolType("consumer").setGroupState("Stable"))));

    print("DescribeGroups", 5, new DescribeGroupsRequestData().setGroups(List.of("readers")),
        new DescribeGroupsResponseData().setGroups(List.of(new DescribeGroupsResponseData.DescribedGroup().setGroupId("readers").setGroupState("Stable")
            .setProtocolType("consumer").setProtocolData("range").setMembers(List.of(new DescribeGroupsResponseData.DescribedGroupMember()
                .setMemberId("m-1").setGroupInstanceId("i-1").setClientId("c").setClientHost("/10.0.0.1")
                .setMemberMetadata("meta".getBytes()).setMemberAssignment("assign".getBytes()))))));
    System.out.println("} as const;");
  }
}
