import { quoted, quotedValue, type ProblemCollector } from '../../common/config/problems.js';
import type { Property } from '../../common/config/properties.js';
import { parseChoice, parseInteger } from '../../common/config/values.js';
import { hasReference } from './references.js';

const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/** The longest a timer can wait. */
const REQUEST_TIMEOUT_MS_MAX = 2_147_483_647;

/** With less than this a client keeps its own time-out: a long poll would never be answered. */
const REQUEST_TIMEOUT_MS_MIN = 1_000;

/**
 * Checks the value of a client's option as far as it can be judged by itself. Whether stores can be
 * read, and secrets are right, only the process that uses them finds out.
 */
export function checkClientValue(
  name: string,
  property: Property,
  problems: ProblemCollector,
): void {
  if (hasReference(property.value)) return; // it was not looked up, which is told elsewhere
  switch (name) {
    case 'security.protocol':
      parseChoice(property, PROTOCOLS, problems);
      return;
    case 'sasl.mechanism':
      checkMechanism(property, problems);
      return;
    case 'request.timeout.ms':
      checkRequestTimeout(property, problems);
      return;
    default:
  }
}

/** No error: files name a mechanism for clusters that do not ask for one, or that others reach. */
function checkMechanism(property: Property, problems: ProblemCollector): void {
  if (MECHANISMS.some((mechanism) => mechanism === property.value)) return;
  problems.warn(
    property,
    `${quoted(property.key)} is ${quotedValue(property, property.value)}, which is not supported: ` +
      'a cluster that asks for it cannot be used',
    `use one of ${MECHANISMS.join(', ')}`,
  );
}

function checkRequestTimeout(property: Property, problems: ProblemCollector): void {
  const value = parseInteger(property, { min: 0, max: REQUEST_TIMEOUT_MS_MAX }, problems);
  if (value === undefined || value >= REQUEST_TIMEOUT_MS_MIN) return;
  problems.warn(
    property,
    `${quoted(property.key)} has no effect, because it is below ${REQUEST_TIMEOUT_MS_MIN}`,
    'a request that waits for news is answered after half a second at the earliest',
  );
}
