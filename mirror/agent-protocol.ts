/**
 * Version of what agents and coordinators say to each other; see docs/operations.md for the rule. It
 * rises when a side would do wrong by not understanding the other. What is merely new does not count:
 * fields and messages that are not known are ignored.
 */
export const AGENT_PROTOCOL = 1;

/** Agents below this are refused. An agent that does not say its version speaks the first one. */
export const AGENT_PROTOCOL_MIN = 1;
