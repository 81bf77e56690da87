// What policies are worth: `npm run bench:policy [-- NAME ...]`, three minutes; all of it writes POLICY.md.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { machineLines } from '../report/machine.ts'
import { makeWorkFolder } from '../setting/work-folder.ts'
import type { Experiment } from './experiment.ts'
import { overload } from './overload.ts'
import { retryStorm } from './retry-storm.ts'
import { slowEndpoint } from './slow-endpoint.ts'

const experiments: readonly Experiment[] = [slowEndpoint, retryStorm, overload]
const file = fileURLToPath(new URL('../POLICY.md', import.meta.url))

const wanted = process.argv.slice(2)
for (const name of wanted)
  if (!experiments.some(experiment => experiment.name === name))
    throw new Error(
      `there is no experiment ${name}; there are ${experiments.map(each => each.name).join(', ')}`,
    )

process.once('SIGINT', () => process.exit(130))
makeWorkFolder()
const lines: string[] = []
for (const experiment of experiments) {
  const { name } = experiment
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const section = [`## ${name}`, '', ...(await experiment.run()), '']
  console.log(section.join('\n'))
  lines.push(...section)
}
if (wanted.length === 0) {
  const head = [
    '# What policies are worth',
    '',
    'Written by `npm run bench:policy`. What they cost is in the rows `weft-policies` and `weft-5000-routes` of `npm run bench`.',
    '',
    ...machineLines(),
    '',
  ]
  writeFileSync(file, [...head, ...lines].join('\n').trimEnd() + '\n')
}
