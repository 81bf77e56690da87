// What a pair of sidecars must bear: `npm run bench:capacity [-- NAME ...]`; all of it writes CAPACITY.md.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { machineLines } from '../report/machine.ts'
import { makeWorkFolder } from '../setting/work-folder.ts'
import { cancellations } from './cancellations.ts'
import { streams } from './streams.ts'
import type { Trial } from './trial.ts'
import { webSockets } from './websockets.ts'

const trials: readonly Trial[] = [streams, webSockets, cancellations]
const file = fileURLToPath(new URL('../CAPACITY.md', import.meta.url))

const wanted = process.argv.slice(2)
for (const name of wanted)
  if (!trials.some(trial => trial.name === name))
    throw new Error(
      `there is no trial ${name}; there are ${trials.map(each => each.name).join(', ')}`,
    )

process.once('SIGINT', () => process.exit(130))
makeWorkFolder()
const lines: string[] = []
for (const trial of trials) {
  const { name, promise } = trial
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const { findings, failures } = await trial.run()
  const section = [
    `## ${name}`,
    '',
    `Promised: ${promise}. ${failures.length === 0 ? 'Held.' : '**Did not hold.**'}`,
    '',
    ...findings.map(finding => `- ${finding}`),
    ...failures.map(failure => `- **${failure}**`),
    '',
  ]
  console.log(section.join('\n'))
  lines.push(...section)
  if (failures.length > 0) process.exitCode = 1
}
if (wanted.length === 0) {
  const head = [
    '# What a pair of sidecars bears',
    '',
    'Written by `npm run bench:capacity`. The client and the application share one process beside the sidecars.',
    '',
    ...machineLines(),
    '',
  ]
  writeFileSync(file, [...head, ...lines].join('\n').trimEnd() + '\n')
}
