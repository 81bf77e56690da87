import type { Figures } from './figures.ts'
import type { followers, keepAlives } from './scalings.ts'

/** What the tables show, as Markdown list items; every figure in them is of this run. */
export function wildFindings(rows: Record<keyof typeof keepAlives, Figures>): string[] {
  const { fixed5, fixed10, fixed20, rental, histogram, cheaper } = rows
  const fixed = [fixed5, fixed10, fixed20].toSorted((a, b) => a.costGibHours - b.costGibHours)
  const [best = fixed5] = fixed
  return [
    `- Ski rental costs ${ratio(cost, rental, best)} of the best fixed keep-alive here (${best.name}), with ${ratio(idle, rental, best)} of its idle memory and ${ratio(cold, rental, best)} of its cold calls. It knows each function's memory and start, and nothing of its calls.`,
    `- The histogram is for the rare and regular: its p75 function has ${percent(histogram.coldShareP75)} cold calls, that of ski rental ${percent(rental.coldShareP75)}, that of ${fixed20.name} ${percent(fixed20.coldShareP75)}. It takes ${ratio(idle, histogram, rental)} of ski rental's memory for that: by our weights ${ratio(cost, histogram, rental)} of the cost, and a start of 100 ms is not worth it.`,
    `- The cheaper of both costs ${ratio(cost, cheaper, rental)} of ski rental, with ${ratio(cold, cheaper, rental)} of its cold calls and ${ratio(idle, cheaper, rental)} of its memory.`,
    `- Who counts cold calls only does best with ${fixed20.name}: ${ratio(cold, fixed20, rental)} of ski rental's, for ${ratio(idle, fixed20, rental)} of its memory. The cost has the weights by which ski rental decides, so that it can hardly lose here; with others it would keep for longer or shorter.`,
  ]
}

export function burstFindings(
  shape: string,
  rows: Record<keyof typeof followers, Figures>,
): string[] {
  const { reactive, reactiveMinute, autoscaler, both, bothMinute } = rows
  const all = Object.values(rows)
  const cheapest = all.reduce((a, b) => (a.costGibHours <= b.costGibHours ? a : b))
  return [
    `- Cheapest: ${cheapest.name}. The autoscaler alone costs ${ratio(cost, autoscaler, cheapest)} of it, reactive with ski rental ${ratio(cost, reactive, cheapest)}, both with ski rental ${ratio(cost, both, cheapest)}, both with spares ended after a minute ${ratio(cost, bothMinute, cheapest)}, reactive with those ${ratio(cost, reactiveMinute, cheapest)}.`,
    `- With the autoscaler beside it, reactive starts ${ratio(starts, both, reactive)} of the instances, and a call waits ${ratio(p99, both, reactive)} of the time at p99.`,
    ...(remarks[shape] ?? []),
  ]
}

/** What no ratio says. */
const remarks: Record<string, readonly string[]> = {
  'spike: 300 calls in 50 ms': [
    '- The autoscaler loses: when it looks, the calls are there and soon gone. What it starts then is for nobody.',
  ],
  'step: 300 at once for 2 min': [
    '- Beside a reactive start, the autoscaler adds nothing to a step but the end of the spares.',
  ],
  'wave: 0 to 60 at once and back': [
    '- Where a start is as short as this, the room that the autoscaler keeps is worth about what it costs.',
  ],
  'the same wave, a start takes 3 s': [
    '- Here the autoscaler earns its keep: reactive scaling starts nothing as long as those that work would get to a call sooner than a new one, so that it always comes late by some calls. Room that was made before they came is the only thing that helps.',
  ],
}

const cost = (row: Figures): number => row.costGibHours
const idle = (row: Figures): number => row.idleGibHours
const cold = (row: Figures): number => row.cold
const starts = (row: Figures): number => row.starts
const p99 = (row: Figures): number => row.p99Ms

function ratio(figure: (row: Figures) => number, row: Figures, other: Figures): string {
  if (figure(other) === 0) return figure(row) === 0 ? '1.00×' : '∞×'
  return `${(figure(row) / figure(other)).toFixed(2)}×`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`
}
