import type { Clock } from '../../common/clock.js';

/** A broker that says nothing for so long is not waited for alone: the next is asked as well. */
export const PATIENCE_MS = 2_000;

export interface Asking<Candidate, Answer> {
  readonly ask: (candidate: Candidate) => Promise<Answer>;
  /** Told of each failure; false if it is final, whoever else could be asked. */
  readonly mayAskNext: (candidate: Candidate, error: unknown) => boolean;
  /** What to throw when all have failed. */
  readonly allFailed: () => Error;
  /** Patience is measured by it; without one, nobody is asked while another may still answer. */
  readonly clock?: Clock | undefined;
}

/**
 * The first answer to a question. The next candidate is asked when one fails. If the question may be
 * asked twice, give a clock: then the next is also asked when one is silent. A broker that is frozen
 * keeps its sockets, and would hold up everything for a request's whole time-out, by which those end
 * that were passed over.
 */
export function askInTurn<Candidate, Answer>(
  candidates: readonly Candidate[],
  { ask, mayAskNext, allFailed, clock }: Asking<Candidate, Answer>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let settled = false;
    let next = 0;
    let open = 0;
    let patience = new AbortController();
    const settle = (tell: () => void): void => {
      settled = true;
      patience.abort();
      tell();
    };
    const failed = (candidate: Candidate, error: Error): void => {
      open -= 1;
      if (settled) return;
      if (mayAskNext(candidate, error)) askNext();
      else settle(() => reject(error));
    };
    const askNext = (): void => {
      patience.abort();
      const candidate = candidates[next];
      if (candidate === undefined) {
        if (open === 0) settle(() => reject(allFailed()));
        return;
      }
      next += 1;
      open += 1;
      const answered = (answer: Answer): void => settle(() => resolve(answer));
      ask(candidate).then(answered, (error: unknown) => failed(candidate, error as Error));
      if (clock === undefined) return;
      patience = new AbortController();
      clock.sleep(PATIENCE_MS, patience.signal).then(askNext, () => {}); // aborted: no longer waited for
    };
    askNext();
  });
}
