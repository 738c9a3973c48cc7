import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { descriptorSet } from '../../proto/gen/descriptor-set.js';

/** Lets grpcurl and the like list and call the services without our .proto files. */
export function addReflection(server: Pick<Server, 'addService'>): void {
  const fileDescriptorProtos = filesOf(descriptorSet);
  // The service reads nothing of a package but the descriptors of its files.
  const files = {
    format: 'Protocol Buffer 3 EnumDescriptorProto' as const,
    ...{ type: {}, fileDescriptorProtos },
  };
  new ReflectionService({ 'mirror.v1': files }).addToServer(server);
}

/** FileDescriptorSet { repeated FileDescriptorProto file = 1; } */
function filesOf(set: Uint8Array): Buffer[] {
  const reader = new BinaryReader(set);
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) files.push(Buffer.from(reader.bytes()));
    else reader.skip(wireType, field);
  }
  return files;
}
