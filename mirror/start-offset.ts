/** Where the first copy of a partition starts; once it runs, its position is what counts. */
export type StartOffset =
  | 'earliest'
  | 'latest'
  /** At the first record that is not older; where there is none, at the end. */
  | { readonly timestampMs: number }
  /** The same, so long before the moment at which the first copy starts. */
  | { readonly durationMs: number };

const TIMESTAMP_PREFIX = 'timestamp:';
const DURATION_PREFIX = 'by_duration:';
const EPOCH_MS = /^\d{1,15}$/;

/** A time zone is required: the local one differs between the machines that read a file. */
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/i;

/** What Java's Duration.parse takes, without signs: Kafka refuses negative ones. */
const ISO_DURATION =
  /^P(?=.)(?:(\d{1,9})D)?(?:T(?=.)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,12}(?:\.\d{1,9})?)S)?)?$/i;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `earliest`, `latest`, or `timestamp:` with an ISO 8601 time or milliseconds since 1970. */
export function parseStartOffset(text: string): StartOffset | undefined {
  const value = text.toLowerCase();
  if (value === 'earliest' || value === 'latest') return value;
  if (!value.startsWith(TIMESTAMP_PREFIX)) return undefined;
  const time = text.slice(TIMESTAMP_PREFIX.length).trim();
  if (EPOCH_MS.test(time)) return { timestampMs: Number(time) };
  const timestampMs = ISO_TIME.test(time) ? Date.parse(time.toUpperCase()) : NaN;
  return timestampMs >= 0 ? { timestampMs } : undefined;
}

/** The values of a consumer's `auto.offset.reset` that name a place (KIP-1106). */
export function parseOffsetReset(text: string): StartOffset | undefined {
  const value = text.toLowerCase();
  if (value === 'earliest' || value === 'latest') return value;
  if (!value.startsWith(DURATION_PREFIX)) return undefined;
  const parts = ISO_DURATION.exec(value.slice(DURATION_PREFIX.length));
  if (parts === null) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  const wholeMs = days * DAY_MS + hours * HOUR_MS + minutes * MINUTE_MS;
  return { durationMs: wholeMs + Math.round(seconds * SECOND_MS) };
}
