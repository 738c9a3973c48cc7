import {
  Reader as ForeignReader,
  ResponseError,
  createAclsV3,
  createPartitionsV3,
  createTopicsV7,
  deleteAclsV3,
  deleteGroupsV2,
  deleteRecordsV2,
  deleteTopicsV6,
  describeAclsV3,
  describeConfigsV4,
  incrementalAlterConfigsV1,
} from '@platformatic/kafka';
import type { Api } from '../messages/api.js';
import type { Reader, Writer } from '../wire/index.js';

/**
 * The administrative messages are @platformatic/kafka's codecs over our own sockets. This file is
 * the only one that knows that library; an adopted API is like any of kafka/messages. All of these
 * versions are flexible.
 *
 * Its codecs throw on any error code in an answer, and hide which one of many it belongs to; the
 * error carries the whole answer, so that is what we return.
 */
interface ForeignCodec<Args extends unknown[], Response> {
  readonly api: { readonly key: number; readonly version: number };
  createRequest(...args: Args): { readonly buffer: Buffer };
  parseResponse(
    correlationId: number,
    apiKey: number,
    apiVersion: number,
    reader: ForeignReader,
  ): Response;
}

function adopt<Args extends unknown[], Response>(
  name: string,
  codec: ForeignCodec<Args, Response>,
): Api<Args, Response> {
  const { key, version } = codec.api;
  return {
    key,
    version,
    flexible: true,
    name,

    encodeRequest(writer: Writer, args: Args): void {
      writer.writeExternal(codec.createRequest(...args).buffer);
    },

    decodeResponse(reader: Reader): Response {
      const foreign = ForeignReader.from(reader.readRemainingView());
      try {
        return codec.parseResponse(0, key, version, foreign);
      } catch (error) {
        const { response } = error as { response?: Response };
        if (error instanceof ResponseError && response !== undefined) return response;
        throw error;
      }
    },
  };
}

type DeleteGroupsArgs = Parameters<typeof deleteGroupsV2.createRequest>;
type DeleteGroupsAnswer = ReturnType<typeof deleteGroupsV2.parseResponse>;

export const createTopics = adopt('CreateTopics', createTopicsV7);
export const createPartitions = adopt('CreatePartitions', createPartitionsV3);
export const deleteGroups: Api<DeleteGroupsArgs, DeleteGroupsAnswer> = {
  ...adopt('DeleteGroups', deleteGroupsV2),
  coordinatorError: ({ results }) => results[0]?.errorCode ?? 0,
};
export const deleteTopics = adopt('DeleteTopics', deleteTopicsV6);
export const describeConfigs = adopt('DescribeConfigs', describeConfigsV4);
export const incrementalAlterConfigs = adopt('IncrementalAlterConfigs', incrementalAlterConfigsV1);
export const deleteRecords = adopt('DeleteRecords', deleteRecordsV2);
export const describeAcls = adopt('DescribeAcls', describeAclsV3);
export const createAcls = adopt('CreateAcls', createAclsV3);
export const deleteAclsApi = adopt('DeleteAcls', deleteAclsV3);

/** How Kafka numbers what a configuration belongs to. */
export const CONFIG_RESOURCE_TOPIC = 2 as const;

/** Incremental changes of one entry. */
export const CONFIG_SET = 0 as const;
export const CONFIG_DELETE = 1 as const;
