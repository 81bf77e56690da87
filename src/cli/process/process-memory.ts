import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ProcessMemory } from '../../proxy/memory-trim.ts'

type Collect = (options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void

export const processMemory: ProcessMemory = {
  resident: () => process.memoryUsage.rss(),
  trim() {
    // V8 hands its collector out only under a flag; set for this moment, since compiled code is cached per flags.
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as Collect
    setFlagsFromString('--no-expose-gc')
    collect({ type: 'major', flavor: 'last-resort' })
  },
}
