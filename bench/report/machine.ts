import { cpus, release, totalmem, type } from 'node:os'
import { type Program, versionOf } from '../setting/installed.ts'

const programs: readonly Program[] = ['envoy', 'haproxy', 'nginx', 'wrk', 'h2load', 'iperf3']

/** Where and with what the figures were taken, as Markdown list items. */
export function machineLines(): string[] {
  const cores = cpus()
  const memory = (totalmem() / 1024 ** 3).toFixed(0)
  const versions = programs.map(name => `${name} ${versionOf(name) ?? 'not installed'}`)
  return [
    `- CPU: ${cores[0]?.model ?? 'unknown'}, ${cores.length} cores; memory: ${memory} GiB`,
    `- Kernel: ${type()} ${release()}`,
    `- Versions: node ${process.versions.node}, ${versions.join(', ')}`,
  ]
}
