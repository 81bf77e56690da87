// What ways to scale a function are worth: `npm run bench:autoscaler [-- --write] [-- --seed N]`. Nothing is measured,
// all is replayed: the same seed gives the same figures on any machine.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { replayAll, tableOf, type Figures } from './figures.ts'
import { burstFindings, wildFindings } from './findings.ts'
import type { Scaling } from './replay.ts'
import { followers, keepAlives } from './scalings.ts'
import { burstTrace, wildTrace, type App } from './trace.ts'

const file = fileURLToPath(new URL('../AUTOSCALER.md', import.meta.url))
const options = { write: { type: 'boolean' }, seed: { type: 'string', default: '1' } } as const
const { values } = parseArgs({ options })
const seed = Number(values.seed)
if (!Number.isInteger(seed) || seed < 0)
  throw new Error(`--seed ${values.seed}: give a whole number, as 1`)
const functions = 200
const days = 4
const hours = 4

const wild = figuresOf(wildTrace(seed, functions, days), keepAlives)
const shapes = [...Map.groupBy(burstTrace(seed, hours), ({ kind }) => kind)].map(
  ([shape, apps]) => ({ shape, figures: figuresOf(apps, followers) }),
)
const text = [
  '# What ways to scale a function are worth',
  '',
  `Written by \`npm run bench:autoscaler -- --write\`; seed ${seed}. A replay of made traces through the functions of \`src/functions/scaling\`, one event after another, with no clock but the trace's; the same seed gives the same figures on any machine. What it leaves out: starts cost no processor, so that they don't slow calls down (8 at once take place, with which a host of 8 processors is content), no start fails, and no caller gives up.`,
  '',
  '- **cold**: calls that waited for an instance which they were the first of. **share, p75 function**: three quarters of the functions have a smaller share of cold calls, the figure of "Serverless in the Wild". **starts**: also those that nobody waited for.',
  '- **wait**: what the way to scale adds to a call. All calls count, also those that did not wait.',
  '- **idle**: memory of instances that were ready and had nothing to do. **cost**: that and the waiting, at 400 GiB·h for an hour of it (`src/functions/scaling/keep-alive.ts` says why).',
  '',
  '## Keeping what is idle',
  '',
  `${functions} functions over ${days} days, one call at a time in an instance. Shaped by the figures of Microsoft's Azure Functions in July 2019 (Shahrad et al., "Serverless in the Wild", USENIX ATC 2020; the trace itself is at github.com/Azure/AzurePublicDataset): 45 % are called at most once an hour and 81 % at most once a minute, 13 % by timers only, 40 % in bursts; half of the load follows the day; durations are log-normal (-0.38, 2.36), memory is Burr (11.652, 0.221, 107.083). Ours: no function has a mean rate above one call in five seconds, since one that is called all the time is never cold, nothing runs for longer than about a minute, and a start takes 100 ms in the median.`,
  '',
  ...tableOf(Object.values(wild)),
  '',
  ...wildFindings(wild),
  '',
  '## Following a load',
  '',
  `Two functions of each shape over ${hours} hours, 128 MiB, a start takes 100 ms unless the shape says otherwise. **Reactive** starts an instance for what waits (\`demand.ts\`); the **autoscaler** looks every two seconds, and at once at an idle function's first call; **both** starts what either asks for. Spares are all but the last instance.`,
  ...shapes.flatMap(({ shape, figures }) => [
    '',
    `### ${shape}`,
    '',
    ...tableOf(Object.values(figures)),
    '',
    ...burstFindings(shape, figures),
  ]),
  '',
].join('\n')
console.log(text)
if (values.write === true) writeFileSync(file, text)

function figuresOf<Name extends string>(
  apps: readonly App[],
  scalings: Record<Name, Scaling>,
): Record<Name, Figures> {
  const entries = Object.entries<Scaling>(scalings)
  return Object.fromEntries(
    entries.map(([name, scaling]) => [name, replayAll(apps, scaling)]),
  ) as Record<Name, Figures>
}
