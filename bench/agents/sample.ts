import { cpuSecondsOf, residentBytesOf } from '../process-usage.js';
import type { LineTraffic, Traffic } from './counting-proxy.js';
import type { Deployment } from './deployment.js';

/** What some seconds cost: CPU in cores, traffic for each second. */
export interface Sample {
  readonly seconds: number;
  readonly control: LineTraffic;
  readonly store: LineTraffic;
  readonly cores: Cores;
}

export interface Cores {
  /** All of them together. */
  readonly agents: number;
  readonly coordinator: number;
  readonly etcd: number;
  readonly source: number;
  readonly target: number;
}

export interface Resident {
  readonly agentMax: number;
  readonly agents: number;
  readonly coordinator: number;
  readonly etcd: number;
}

interface Reading {
  readonly atMs: number;
  readonly control: LineTraffic;
  readonly store: LineTraffic;
  readonly cpu: Cores;
}

/** Lets time pass and says what it cost; agents that end meanwhile do not count. */
export async function sample(deployment: Deployment, forMs: number): Promise<Sample> {
  const before = read(deployment);
  await new Promise((resolve) => setTimeout(resolve, forMs));
  const after = read(deployment);
  const seconds = (after.atMs - before.atMs) / 1_000;
  const per = (from: number, to: number): number => (to - from) / seconds;
  return {
    seconds,
    control: lineBetween(before.control, after.control, per),
    store: lineBetween(before.store, after.store, per),
    cores: {
      agents: per(before.cpu.agents, after.cpu.agents),
      coordinator: per(before.cpu.coordinator, after.cpu.coordinator),
      etcd: per(before.cpu.etcd, after.cpu.etcd),
      source: per(before.cpu.source, after.cpu.source),
      target: per(before.cpu.target, after.cpu.target),
    },
  };
}

export function residentOf(deployment: Deployment): Resident {
  const agents = [...deployment.agents.values()].map(({ pid }) => residentBytesOf(pid));
  return {
    agentMax: Math.max(...agents),
    agents: agents.reduce((sum, bytes) => sum + bytes, 0),
    coordinator: residentBytesOf(deployment.coordinator.pid),
    etcd: residentBytesOf(deployment.etcd.members[0]!.pid),
  };
}

function read(deployment: Deployment): Reading {
  const { agents, coordinator, etcd, source, target, control, store } = deployment;
  const cpuOfAgents = [...agents.values()].map(({ pid }) => cpuSecondsOf(pid));
  return {
    atMs: performance.now(),
    control: control.traffic(),
    store: store.traffic(),
    cpu: {
      agents: cpuOfAgents.reduce((sum, seconds) => sum + seconds, 0),
      coordinator: cpuSecondsOf(coordinator.pid),
      etcd: cpuSecondsOf(etcd.members[0]!.pid),
      source: cpuSecondsOf(source.brokers[0]!.pid),
      target: cpuSecondsOf(target.brokers[0]!.pid),
    },
  };
}

type Per = (from: number, to: number) => number;

function lineBetween(from: LineTraffic, to: LineTraffic, per: Per): LineTraffic {
  const between = (before: Traffic, after: Traffic): Traffic => ({
    messages: per(before.messages, after.messages),
    bytes: per(before.bytes, after.bytes),
  });
  return { up: between(from.up, to.up), down: between(from.down, to.down) };
}
