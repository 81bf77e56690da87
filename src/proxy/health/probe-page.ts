import type { ApplicationProbe } from '../../model/bootstrap.ts'
import type { AdminPage } from '../admin/admin.ts'
import { jsonAnswer, type AdminAnswer } from '../admin/answer.ts'
import { probeApplication, type ProbeSurroundings } from './probe.ts'
import type { Verdict } from './verdict.ts'

/**
 * Makes the probe for whoever asks. One at a time: who asks meanwhile gets the same verdict, so that the application
 * is asked no more often than it answers.
 */
export function probePage(probe: ApplicationProbe, surroundings: ProbeSurroundings): AdminPage {
  let running: Promise<Verdict> | undefined
  const ask = (): Promise<Verdict> => {
    running ??= probeApplication(probe, surroundings).finally(() => {
      running = undefined
    })
    return running
  }
  return { method: 'GET', answer: async () => answerOf(await ask()) }
}

function answerOf({ healthy, reason }: Verdict): AdminAnswer {
  return jsonAnswer({ healthy, reason }, healthy ? 200 : 503)
}
