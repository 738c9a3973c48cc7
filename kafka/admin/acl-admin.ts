import type { KafkaCluster } from '../client/index.js';
import { ErrorCode } from '../messages/error-codes.js';
import { ensureSuccess } from './errors.js';
import { createAcls, deleteAclsApi, describeAcls } from './foreign-api.js';
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

/** Bindings of one request, either way. */
const BINDINGS_PER_REQUEST_MAX = 1_000;

/** Every ACL on topics and groups. A cluster without an authorizer throws SECURITY_DISABLED. */
export async function listAcls(
  cluster: KafkaCluster,
  options: AdminCallOptions = {},
): Promise<AclBinding[]> {
  const filter = {
    resourceType: AclResourceType.any,
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
  ensureSuccess({ api, subject: 'the cluster', errorCode, brokerMessage: errorMessage });
  const bindings: AclBinding[] = [];
  for (const { resourceType, resourceName, resourcePatternType, acls } of response.resources) {
    if (resourceType !== AclResourceType.topic && resourceType !== AclResourceType.group) continue;
    for (const { principal, host, operation, permissionType } of acls) {
      const resource = { resourceType, resourceName, patternType: resourcePatternType };
      bindings.push({ ...resource, principal, host, operation, permission: permissionType });
    }
  }
  return bindings;
}

/** Adds bindings; one that is there already changes nothing. */
export async function addAcls(
  cluster: KafkaCluster,
  bindings: readonly AclBinding[],
  options: AdminCallOptions = {},
): Promise<void> {
  for (let start = 0; start < bindings.length; start += BINDINGS_PER_REQUEST_MAX) {
    const part = bindings.slice(start, start + BINDINGS_PER_REQUEST_MAX);
    type Creations = Parameters<typeof createAcls.encodeRequest>[1][0];
    const request: [Creations] = [part.map(toForeign) as Creations];
    const response = await cluster.request('controller', createAcls, request, options);
    ensureEach(createAcls.name, part, response.results);
  }
}

/** Deletes exactly these bindings; one that is not there changes nothing. */
export async function deleteAcls(
  cluster: KafkaCluster,
  bindings: readonly AclBinding[],
  options: AdminCallOptions = {},
): Promise<void> {
  for (let start = 0; start < bindings.length; start += BINDINGS_PER_REQUEST_MAX) {
    const part = bindings.slice(start, start + BINDINGS_PER_REQUEST_MAX);
    type Filters = Parameters<typeof deleteAclsApi.encodeRequest>[1][0];
    const request: [Filters] = [part.map(toForeign) as Filters];
    const response = await cluster.request('controller', deleteAclsApi, request, options);
    const results = response.filterResults.map(
      (result) => result.matchingAcls.find(({ errorCode }) => errorCode !== 0) ?? result,
    );
    ensureEach(deleteAclsApi.name, part, results);
  }
}

function toForeign({ patternType, permission, ...rest }: AclBinding) {
  return { ...rest, resourcePatternType: patternType, permissionType: permission };
}

function ensureEach(
  api: string,
  bindings: readonly AclBinding[],
  results: readonly { errorCode: number; errorMessage?: string | null | undefined }[],
): void {
  for (const [index, binding] of bindings.entries()) {
    const result = results[index];
    ensureSuccess({
      api,
      subject: `${binding.principal} on ${binding.resourceName}`,
      errorCode: result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR,
      brokerMessage: result?.errorMessage,
    });
  }
}
