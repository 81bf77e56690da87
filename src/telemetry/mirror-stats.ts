/** How a copy of a request ended: `overflow`, its peer took the body too slowly; `dropped`, it was not sent at all. */
export const mirrorOutcomes = ['answered', 'failed', 'overflow', 'dropped'] as const

export type MirrorOutcome = (typeof mirrorOutcomes)[number]

/** What a cluster counts of the copies that were made for it: plain numbers, turned into metrics when scraped. */
export class MirrorStats {
  /** In flight. */
  active = 0
  readonly ended: Record<MirrorOutcome, number> = {
    answered: 0,
    failed: 0,
    overflow: 0,
    dropped: 0,
  }
}
