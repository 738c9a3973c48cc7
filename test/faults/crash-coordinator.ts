/**
 * mirror-coordinator, but it kills itself at one exactly named moment of a promotion: what it leaves
 * behind is what a machine leaves that loses power there. `CRASH_AT` is `topic/step/begun` or
 * `topic/step/done`, where the topic is the pattern that `promote --topics` named.
 */
import { kafkaPromoter } from '../../coordinator/service/kafka-promoter.js';

const promote = kafkaPromoter.promote.bind(kafkaPromoter);

kafkaPromoter.promote = (context, signal) => {
  const { description } = context.request.selection;
  return promote(
    {
      ...context,
      onStep: (step) => {
        const at = `${description.replace('--topics ', '')}/${step.name}`;
        if (process.env['CRASH_AT'] === `${at}/${step.done ? 'done' : 'begun'}`)
          process.kill(process.pid, 'SIGKILL');
        context.onStep(step);
      },
    },
    signal,
  );
};

await import('../../coordinator/main.js');
