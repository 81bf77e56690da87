import type { OutlierSubject } from '../../../src/resilience/outlier-detector.ts'

/** Endpoints of which nothing is known yet. */
export function outlierSubjects(count: number): OutlierSubject[] {
  return Array.from({ length: count }, () => ({
    ejected: false,
    ejectedUntil: 0,
    ejectionStreak: 0,
    onProbation: false,
    consecutiveFailures: 0,
    consecutiveGatewayFailures: 0,
    consecutiveLocalFailures: 0,
    sweepRequests: 0,
    sweepFailures: 0,
  }))
}
