import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BenchOptions } from '../options.ts'
import { machineLines } from './machine.ts'

const resultsFile = fileURLToPath(new URL('../RESULTS.md', import.meta.url))

/** Replaces RESULTS.md. */
export function writeResults(
  tables: string,
  notMeasured: readonly string[],
  run: BenchOptions,
): void {
  // Where the rows went is nobody else's concern.
  const args = process.argv.slice(2).filter(arg => arg !== '--json' && arg !== run.json)
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ')
  const lines = [
    '# Benchmark results',
    '',
    'Written by the benchmark; `README.md` says how to read them. Ratios are to Envoy in the same run, the figures',
    'of the run stand in brackets. Only ratios travel from one machine to another.',
    '',
    ...machineLines(),
    `- Command: \`${command}\` (medians; rounds: ${run.rounds}, of ${run.seconds} s each)`,
    ...notMeasured.map(reason => `- Not measured: ${reason}`),
    '',
    tables,
    '',
  ]
  writeFileSync(resultsFile, lines.join('\n'))
}
