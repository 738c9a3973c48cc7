import type { KafkaCluster } from '../client/index.js';
import { ErrorCode } from '../messages/error-codes.js';
import { ensureSuccess } from './errors.js';
import { createAcls, describeAcls } from './foreign-api.js';
import type { AdminCallOptions } from './topic-admin.js';

/** Kafka's numbers; only those that mirroring looks at have names here. */
export const AclResourceType = { any: 1, topic: 2, group: 3 } as const;
export const AclPatternType = { any: 1, literal: 3, prefixed: 4 } as const;
export const AclOperation = { any: 1, all: 2, read: 3, write: 4, describe: 8 } as const;
export const AclPermission = { any: 1, deny: 2, allow: 3 } as const;

/** One ACL binding, with Kafka's numbers. */
export interface AclBinding {
  resourceType: number;
  resourceName: string;
  patternType: number;
  principal: string;
  host: string;
  operation: number;
  permission: number;
}

/** Every ACL on topics. A cluster without an authorizer answers SECURITY_DISABLED, which throws. */
export async function listTopicAcls(
  cluster: KafkaCluster,
  options: AdminCallOptions = {},
): Promise<AclBinding[]> {
  const filter = {
    resourceType: AclResourceType.topic,
    resourceName: null,
    resourcePatternType: AclPatternType.any,
    principal: null,
    host: null,
    operation: AclOperation.any,
    permissionType: AclPermission.any,
  };
  const response = await cluster.request('any', describeAcls, [filter], options);
  const { errorCode, errorMessage } = response;
  const api = describeAcls.name;
  ensureSuccess({ api, subject: 'all topics', errorCode, brokerMessage: errorMessage });
  return response.resources.flatMap(({ resourceType, resourceName, resourcePatternType, acls }) =>
    acls.map(({ principal, host, operation, permissionType }) => ({
      resourceType,
      resourceName,
      patternType: resourcePatternType,
      principal,
      host,
      operation,
      permission: permissionType,
    })),
  );
}

/** Adds bindings; one that is there already changes nothing. */
export async function addAcls(
  cluster: KafkaCluster,
  bindings: readonly AclBinding[],
  options: AdminCallOptions = {},
): Promise<void> {
  if (bindings.length === 0) return;
  const creations = bindings.map(({ patternType, permission, ...rest }) => ({
    ...rest,
    resourcePatternType: patternType,
    permissionType: permission,
  }));
  type Creations = Parameters<typeof createAcls.encodeRequest>[1][0];
  const request: [Creations] = [creations as Creations];
  const response = await cluster.request('controller', createAcls, request, options);
  for (const [index, binding] of bindings.entries()) {
    const result = response.results[index];
    ensureSuccess({
      api: createAcls.name,
      subject: `${binding.principal} on ${binding.resourceName}`,
      errorCode: result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR,
      brokerMessage: result?.errorMessage,
    });
  }
}
