import { readFile, readdir } from 'node:fs/promises'

/** What a process has used so far. */
export interface ProcessUse {
  /** User and system time of all its threads. */
  readonly cpuMs: number
  readonly rssBytes: number
}

// USER_HZ is 100 on every Linux that Node runs on; the kernel fills these ticks from exact run times.
const msPerTick = 10

/** Sum over a process and its children, so that nginx's worker counts with its master. */
export async function readProcessTree(pid: number): Promise<ProcessUse> {
  const [own, children] = await Promise.all([readProcess(pid), childrenOf(pid)])
  const below = await Promise.all(children.map(readProcessTree))
  return below.reduce(
    (sum, use) => ({ cpuMs: sum.cpuMs + use.cpuMs, rssBytes: sum.rssBytes + use.rssBytes }),
    own,
  )
}

/** CPU time from the text of `/proc/<pid>/stat` (proc(5)). */
export function parseCpuMs(stat: string): number {
  // The second field is the command's name and may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * msPerTick
}

/** Resident memory from the text of `/proc/<pid>/status`. */
export function parseRssBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}

async function readProcess(pid: number): Promise<ProcessUse> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ])
  return { cpuMs: parseCpuMs(stat), rssBytes: parseRssBytes(status) }
}

async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`)
  const lists = await Promise.all(
    threads.map(thread => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8')),
  )
  return lists.join(' ').split(' ').filter(Boolean).map(Number)
}
