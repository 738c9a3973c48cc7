import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import type { BrokerRelay } from '../../kafka/client/index.js';
import type { SiteTasks } from './site-tasks.js';

/** Stands for the address that only agents know. */
export const RELAY_BOOTSTRAP_HOST = 'through-an-agent';
export const RELAY_BOOTSTRAP_SERVER = `${RELAY_BOOTSTRAP_HOST}:1`;

/** Sends requests to the target of a failback's copy through an agent of the site. */
export function agentRelay(
  copy: Pick<FlowConfig, 'id'>,
  siteTasks: () => Pick<SiteTasks, 'run'>,
): BrokerRelay {
  return async ({ address, apiKey, apiVersion, body }, signal) => {
    const isBootstrap = address.host === RELAY_BOOTSTRAP_HOST;
    const { host, port } = isBootstrap ? { host: '', port: 0 } : address;
    const task = {
      $case: 'kafkaRequest',
      value: { host, port, apiKey, apiVersion, body },
    } as const;
    const parts: Buffer[] = [];
    const onPiece = ({ bytes }: { readonly bytes: Buffer }): void => {
      parts.push(bytes);
    };
    await siteTasks().run<'kafkaRequest'>(copy.id, task, { onPiece, signal });
    return Buffer.concat(parts);
  };
}
