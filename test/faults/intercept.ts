import type { BrokerConnection, KafkaCluster } from '../../kafka/client/index.js';

/** Stands around every request of a cluster's connections: may wait, fail or end the process. */
export type Intercept = (call: {
  readonly api: string;
  readonly lane: string;
  readonly nodeId: number;
  /** Sends the request as it would have been sent. */
  readonly send: () => Promise<unknown>;
}) => Promise<unknown>;

/** Puts `intercept` around the requests that go through `cluster.connection`: the copy path's. */
export function interceptRequests(cluster: KafkaCluster, intercept: Intercept): void {
  const open = cluster.connection.bind(cluster);
  const wrapped = new WeakMap<BrokerConnection, BrokerConnection>();
  cluster.connection = async (nodeId, lane, options) => {
    const connection = await open(nodeId, lane, options);
    let proxy = wrapped.get(connection);
    if (proxy === undefined) {
      proxy = wrap(connection, (api, send) => intercept({ api, lane, nodeId, send }));
      wrapped.set(connection, proxy);
    }
    return proxy;
  };
}

function wrap(
  connection: BrokerConnection,
  around: (api: string, send: () => Promise<unknown>) => Promise<unknown>,
): BrokerConnection {
  const request = (api: { name: string }, ...rest: unknown[]): Promise<unknown> => {
    const call = connection.request.bind(connection) as (...all: unknown[]) => Promise<unknown>;
    return around(api.name, () => call(api, ...rest));
  };
  // Private fields are on the connection itself, so everything else is asked of it, not of the proxy.
  return new Proxy(connection, {
    get(target, key): unknown {
      if (key === 'request') return request;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
